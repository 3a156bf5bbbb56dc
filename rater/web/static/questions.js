// Improve a page of questions beside the trials (screening, practice, the blinding question): the same keys as
// on a trial, and the focus where the next answer goes. Sending is the browser's own.

import { dialogShower, listenToKeys, takeEarlyKeys } from "./keys.js";
import { focusFirst, listenToPresses, pointAtMissing } from "./scale.js";
import { enhanceSliders } from "./slider.js";

const form = document.getElementById("answers");
const showKeys = dialogShower();

function goOn() {
  form.requestSubmit(form.querySelector("button.primary"));
}

form.addEventListener("submit", (event) => {
  if (pointAtMissing(form)) event.preventDefault();
});
enhanceSliders(form);
listenToPresses(form, goOn);
listenToKeys(() => ({ form, goOn, goBack: () => {}, showKeys }));
focusFirst(form);
takeEarlyKeys();
