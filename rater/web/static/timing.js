// How long a trial was on the screen, in milliseconds, by a clock that nobody can set.

let requestedAt = 0; // the page's own navigation began at 0
let shownAt = 0;
let hiddenMs = 0;
let hiddenSince = null;

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    hiddenSince = performance.now();
  } else if (hiddenSince !== null) {
    hiddenMs += performance.now() - hiddenSince;
    hiddenSince = null;
  }
});

// Note that the next page is asked for now.
export function noteRequest() {
  requestedAt = performance.now();
}

// Note the first frame that shows the page.
export function noteShown() {
  shownAt = performance.now();
  requestAnimationFrame(() => {
    shownAt = performance.now();
    hiddenMs = 0;
    hiddenSince = document.hidden ? shownAt : null;
  });
}

export function writeTiming(form) {
  const now = performance.now();
  const hidden = hiddenMs + (hiddenSince === null ? 0 : now - hiddenSince);
  form.elements.shown_ms.value = whole(now - shownAt);
  form.elements.first_render_ms.value = whole(shownAt - requestedAt);
  form.elements.hidden_ms.value = whole(hidden);
}

function whole(ms) {
  return Math.max(0, Math.round(ms));
}
