// What is answered on the scales of a form, and where the next answer goes.

export function questionsOf(form) {
  return [...form.querySelectorAll("fieldset.question")];
}

export function choicesOf(question) {
  return [...question.querySelectorAll(".scale input[type=radio]")];
}

export function chosenOf(question) {
  return choicesOf(question).find((radio) => radio.checked);
}

export function isAnswered(question) {
  if (question.querySelector("input:checked")) return true;
  return Boolean(question.querySelector("input[type=number]")?.value);
}

export function firstMissing(form) {
  return questionsOf(form).find((question) => !isAnswered(question));
}

// The question that a key is meant for: the one that has the focus, else the next without an answer.
export function currentQuestion(form) {
  const focused = document.activeElement?.closest("fieldset.question");
  return focused ?? firstMissing(form) ?? questionsOf(form)[0];
}

export function choose(question, number) {
  const radio = choicesOf(question)[number - 1];
  if (!radio) return false;
  radio.checked = true;
  radio.focus({ preventScroll: true });
  showProblem(question, false);
  return true;
}

// Move the choice by one point; from no choice, to the end it would come in from. Right is onward, or back
// where the page runs from right to left.
export function moveChoice(question, arrow) {
  const step = getComputedStyle(question).direction === "rtl" ? -arrow : arrow;
  const radios = choicesOf(question);
  const from = radios.findIndex((radio) => radio.checked);
  const target = from === -1 ? (step > 0 ? 0 : radios.length - 1) : from + step;
  if (target >= 0 && target < radios.length) choose(question, target + 1);
}

export function showProblem(question, isShown) {
  question.querySelector(".problem").hidden = !isShown;
  if (isShown && choicesOf(question).length) question.setAttribute("aria-invalid", "true");
  else question.removeAttribute("aria-invalid");
}

// Point at the first question without an answer; say whether there is one.
export function pointAtMissing(form) {
  const missing = firstMissing(form);
  for (const question of questionsOf(form)) showProblem(question, question === missing);
  if (missing) focusOn(missing);
  return Boolean(missing);
}

export function focusOn(question, { scrolls = true } = {}) {
  const field = question.querySelector(".slider .range, .typed .field:not([hidden])");
  (field && getComputedStyle(field).display !== "none" ? field : question).focus({ preventScroll: true });
  if (scrolls) question.scrollIntoView({ block: "nearest" });
}

// Put the focus where the next answer goes as a page begins, which is read from its top: nothing is scrolled, but
// to a question that the server points at.
export function focusFirst(form) {
  const pointedAt = form.querySelector("fieldset[autofocus]");
  if (pointedAt) focusOn(pointedAt);
  else focusOn(firstMissing(form) ?? questionsOf(form)[0], { scrolls: false });
}

// Whether a second press of an answer goes on: not where there is no way back from what that would send.
export function isTurnedByPress(form) {
  return form.dataset.byButton === undefined;
}

// A press of the chosen answer goes on; where the study says so, so does the first press.
export function listenToPresses(form, goOn, hasJustTurned = () => false) {
  const atOnce = form.dataset.atOnce !== undefined;
  for (const question of questionsOf(form)) {
    let wasChosen = null;
    question.addEventListener("input", () => showProblem(question, false));
    for (const radio of question.querySelectorAll("input[type=radio]")) {
      radio.addEventListener("pointerdown", () => {
        wasChosen = radio.checked ? radio : null;
      });
      radio.addEventListener("click", (event) => {
        if (atOnce && event.detail > 0 && hasJustTurned()) return event.preventDefault();
        // detail is 0 for a click that the keyboard or a screen reader made: those have Enter and Next
        if (event.detail > 0 && (atOnce || wasChosen === radio) && isTurnedByPress(form) && !firstMissing(form)) goOn();
        return undefined;
      });
    }
  }
}
