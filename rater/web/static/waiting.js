// Let a rater continue only after the least time that the study sets, and once the end of each text was on the
// screen. The time counts while the page is visible. Going back is always possible.

const TICK_MS = 250;

let timer = null;
let observer = null;
let leftMs = 0;
let unseen = new Set();
let ready = () => {};

export function mustWait() {
  return leftMs > 0 || unseen.size > 0;
}

// Begin to wait on a page that was just shown; `whenReady` is called once when the wait is over.
export function startWaiting(form, whenReady) {
  clearInterval(timer);
  observer?.disconnect();
  ready = whenReady;
  const isAnswered = form.dataset.answered !== undefined; // the text was read before
  leftMs = isAnswered ? 0 : 1000 * Number(form.dataset.least ?? 0);
  unseen = new Set(isAnswered || form.dataset.toEnd === undefined ? [] : placeEnds());
  if (leftMs > 0) timer = setInterval(tick, TICK_MS);
  if (unseen.size > 0) {
    observer = new IntersectionObserver(noteSeen);
    for (const end of unseen) observer.observe(end);
  }
  show(form);
}

// Show the reason for the wait to a rater who presses Next too early.
export function explainWait(form) {
  const notice = document.getElementById("wait");
  notice.hidden = false;
  notice.textContent =
    unseen.size > 0 ? form.dataset.toEnd : form.dataset.leastWords.replace("{n}", Math.ceil(leftMs / 1000));
}

// An element at the end of each text, which can be seen only where the text is scrolled to its end.
function placeEnds() {
  const all = document.querySelectorAll("#text.text, #text .side .text");
  return [...all].map((text) => {
    const end = document.createElement("span");
    end.className = "end-of-text";
    end.setAttribute("aria-hidden", "true");
    (text.lastElementChild ?? text).append(end);
    return end;
  });
}

function tick() {
  if (document.hidden) return;
  leftMs -= TICK_MS;
  if (leftMs <= 0) clearInterval(timer);
  end();
}

function noteSeen(entries) {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    unseen.delete(target);
    observer.unobserve(target);
  }
  end();
}

function end() {
  const form = document.getElementById("answers");
  if (!form) return;
  show(form);
  if (!mustWait()) {
    const call = ready;
    ready = () => {};
    call();
  }
}

// The button stays in the order of the Tab key, so that a screen reader finds it and why it waits.
function show(form) {
  const next = form.querySelector("button[value=next]");
  const notice = document.getElementById("wait");
  if (mustWait()) {
    next.setAttribute("aria-disabled", "true");
    if (!notice.hidden) explainWait(form);
  } else {
    next.removeAttribute("aria-disabled");
    notice.hidden = true;
  }
}
