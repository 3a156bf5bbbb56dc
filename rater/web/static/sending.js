// Send an answer until the server has confirmed or refused it: tried again after 1, 2, 4 … 15 seconds, and at
// once when the browser is back online.

const MAX_PAUSE_MS = 15_000;
const PATIENCE_MS = 20_000;

// Returns { outcome, url, html }. `latest()` returns the entry to send, at each attempt anew, since it may have
// changed; `tell(attempt)` is called before each further attempt.
export async function send(latest, tell) {
  for (let attempt = 1; ; attempt += 1) {
    const reply = await post(latest());
    if (reply) return reply;
    tell(attempt);
    await pause(Math.min(1000 * 2 ** (attempt - 1), MAX_PAUSE_MS));
  }
}

async function post(entry) {
  try {
    const response = await fetch(entry.url, {
      method: "POST",
      headers: { "X-Rater": "1", "Content-Type": "application/x-www-form-urlencoded" },
      body: entry.body,
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const outcome = response.headers.get("X-Rater");
    if (outcome) return { outcome, url: response.headers.get("X-Rater-Url"), html: await response.text() };
    // a browser that the study does not know any more, for one, is redirected
    return response.redirected && response.ok ? { outcome: "redirected", url: response.url, html: "" } : null;
  } catch {
    return null; // no network, or no answer in time
  }
}

function pause(ms) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    window.addEventListener("online", done);
    function done() {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      resolve();
    }
  });
}
