// Improve a page of questions around the trials (screening, practice, the blinding question, the comment): the
// same keys as on a trial, the focus where the next answer goes, and drafts. Sending is the browser's own.

import { dropDraft, keepDraft, restoreDraft } from "./kept.js";
import { dialogShower, listenToKeys, takeEarlyKeys } from "./keys.js";
import { listenToRanks } from "./ranks.js";
import { enhanceUnable, focusFirst, listenToPresses, lock, pointAtMissing } from "./scale.js";
import { enhanceSliders } from "./slider.js";

const LOCKED_MS = 20_000;
const form = document.getElementById("answers");
const showKeys = dialogShower();

function proceed() {
  form.requestSubmit(form.querySelector("button.primary"));
}

form.addEventListener("submit", (event) => {
  if (pointAtMissing(form)) return event.preventDefault();
  dropDraft();
  // what is changed after this is not sent, so nothing can be, unless the browser gives up
  lock(form, true);
  setTimeout(() => lock(form, false), LOCKED_MS);
  return undefined;
});
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
enhanceUnable(form);
restoreDraft(form);
for (const kind of ["input", "change"]) form.addEventListener(kind, () => keepDraft(form));
enhanceSliders(form);
listenToRanks(form);
listenToPresses(form, proceed);
listenToKeys(() => ({ form, proceed, goBack: () => {}, showKeys }));
focusFirst(form);
takeEarlyKeys();
