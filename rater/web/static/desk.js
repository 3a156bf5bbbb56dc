// Keep a study's page true while it is open: ask for its numbers, and where one has changed, for the page.
// Without this the page is as true as when it was loaded.

import { showLocalTimes } from "./local-times.js";

const EVERY_MS = 5000;
const MAX_WAIT_MS = 60000;

const live = () => document.getElementById("live");
let wait = EVERY_MS;

/** Put the page's new content in place of the old, and the focus back where it was. */
const renew = async () => {
  const answer = await fetch(location.href);
  if (!answer.ok || answer.redirected) return location.reload();
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
  showLocalTimes(fresh); // before it is shown, so that no time changes under the reader's eyes
  const focused = document.activeElement?.closest("#live a[href], #live button, #live summary");
  const same = (element) => element.tagName === focused.tagName && element.textContent === focused.textContent;
  const isOpen = live().querySelector("details").open;
  const scrolled = live().querySelector(".scrolls")?.scrollLeft ?? 0;
  live().replaceWith(document.adoptNode(fresh));
  live().querySelector("details").open = isOpen;
  live().querySelector(".scrolls")?.scrollTo(scrolled, 0);
  if (focused) [...live().querySelectorAll("a, button, summary")].find(same)?.focus({ preventScroll: true });
};

const look = async () => {
  const answer = await fetch(live().dataset.progress, { headers: { Accept: "application/json" } });
  if (answer.redirected) return location.reload(); // to log in again
  if (!answer.ok) throw new Error(`progress answered ${answer.status}`);
  const { version, numbers } = await answer.json();
  for (const [key, value] of Object.entries(numbers)) {
    const shown = live().querySelector(`[data-figure="${CSS.escape(key)}"]`);
    if (shown && shown.textContent !== value) shown.textContent = value;
  }
  if (version !== live().dataset.version) await renew();
};

const refresh = async () => {
  if (!document.hidden) {
    try {
      await look();
      wait = EVERY_MS;
    } catch {
      wait = Math.min(2 * wait, MAX_WAIT_MS); // the server is away: ask less often, without a message
    }
  }
  setTimeout(refresh, wait);
};

showLocalTimes(document);
setTimeout(refresh, EVERY_MS);
