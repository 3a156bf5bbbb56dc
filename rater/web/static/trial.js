// Improve a trial page: keys, focus on the scale, a message where an answer is missing, the time it was shown.
// Without this script the same form works by itself.

import { listenToKeys } from "./keys.js";
import { firstMissing, focusOn, questionsOf, radiosOf, showProblem } from "./scale.js";

const form = document.getElementById("answers");
const status = document.getElementById("status");
const next = form.querySelector("button[value=next]");
const back = form.querySelector("button[value=back]");
const dialog = document.getElementById("keys");
const opener = document.getElementById("show-keys");

let shownAt = performance.now();
let isSending = false;

// From the first frame that shows the text, not from when it was asked for.
requestAnimationFrame(() => {
  shownAt = performance.now();
});

form.addEventListener("submit", (event) => {
  const missing = event.submitter === back ? undefined : firstMissing(form);
  if (isSending || missing) event.preventDefault();
  if (isSending) return;
  if (missing) {
    for (const question of questionsOf(form)) showProblem(question, question === missing);
    focusOn(missing);
    return;
  }
  isSending = true; // a double click sends one answer
  form.elements.shown_ms.value = Math.round(performance.now() - shownAt);
  status.textContent = "Saving…";
});

for (const question of questionsOf(form)) {
  let wasChosen = null;
  for (const radio of radiosOf(question)) {
    radio.addEventListener("pointerdown", () => {
      wasChosen = radio.checked ? radio : null;
    });
    radio.addEventListener("change", () => showProblem(question, false));
    radio.addEventListener("click", (event) => {
      // detail is 0 for a click that the keyboard or a screen reader made: those have Enter and Next
      if (event.detail > 0 && wasChosen === radio && !firstMissing(form)) goOn();
    });
  }
}

function goOn() {
  form.requestSubmit(next);
}

function goBack() {
  if (back) form.requestSubmit(back);
}

function showKeys() {
  dialog.showModal();
}

opener.hidden = false;
opener.addEventListener("click", showKeys);
listenToKeys(form, { goOn, goBack, showKeys });

// A page that the browser kept would show what was answered before as it was then.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) window.location.reload();
});

const startsAt = form.querySelector("fieldset[autofocus]") ?? firstMissing(form) ?? questionsOf(form)[0];
startsAt.focus({ preventScroll: !startsAt.hasAttribute("autofocus") });
