// What is chosen on the scales of a trial's form, and where the next answer goes.

export function questionsOf(form) {
  return [...form.querySelectorAll("fieldset.question")];
}

export function radiosOf(question) {
  return [...question.querySelectorAll("input[type=radio]")];
}

export function chosenOf(question) {
  return radiosOf(question).find((radio) => radio.checked);
}

export function firstMissing(form) {
  return questionsOf(form).find((question) => !chosenOf(question));
}

// The question that a key is meant for: the one that has the focus, else the next without an answer.
export function currentQuestion(form) {
  const focused = document.activeElement?.closest("fieldset.question");
  return focused ?? firstMissing(form) ?? questionsOf(form)[0];
}

export function choose(question, number) {
  const radio = radiosOf(question)[number - 1];
  if (!radio) return false;
  radio.checked = true;
  radio.focus({ preventScroll: true });
  showProblem(question, false);
  return true;
}

// Move the choice by one point; from no choice, to the end it would come in from.
export function moveChoice(question, step) {
  const radios = radiosOf(question);
  const from = radios.findIndex((radio) => radio.checked);
  const target = from === -1 ? (step > 0 ? 0 : radios.length - 1) : from + step;
  if (target >= 0 && target < radios.length) choose(question, target + 1);
}

export function showProblem(question, isShown) {
  question.querySelector(".problem").hidden = !isShown;
  if (isShown) question.setAttribute("aria-invalid", "true");
  else question.removeAttribute("aria-invalid");
}

export function focusOn(question) {
  question.focus({ preventScroll: true });
  question.scrollIntoView({ block: "nearest" });
}
