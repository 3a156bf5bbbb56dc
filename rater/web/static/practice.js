// Improve a practice page: the same keys and scales as on the trial pages; sending is the browser's own.

import { listenToKeys } from "./keys.js";
import { firstMissing, focusOn, listenToPresses, pointAtMissing, questionsOf } from "./scale.js";
import { enhanceSliders } from "./slider.js";

const form = document.getElementById("answers");
const nothing = () => {};

function goOn() {
  form.requestSubmit(form.querySelector("button[value=next]"));
}

form.addEventListener("submit", (event) => {
  if (pointAtMissing(form)) event.preventDefault();
});
enhanceSliders(form);
listenToPresses(form, goOn);
listenToKeys(() => ({ form, goOn, goBack: nothing, showKeys: nothing }));
focusOn(form.querySelector("fieldset[autofocus]") ?? firstMissing(form) ?? questionsOf(form)[0]);
