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

// All of a question: of a rank, the order of texts that it belongs to.
function wholeOf(question) {
  return question.closest(".ranks") ?? question;
}

export function optOutsOf(question) {
  return question ? [...wholeOf(question).querySelectorAll(".unable input")] : [];
}

export function isAnswered(question) {
  if (question.querySelector(".scale input:checked") || hasOptedOut(question)) return true;
  return Boolean(question.querySelector(".field")?.value.trim());
}

function isOptional(question) {
  return question.dataset.optional !== undefined;
}

export function firstMissing(form) {
  return questionsOf(form).find((question) => !isOptional(question) && !isAnswered(question));
}

// Where the next answer goes: a missing one, or how sure a rater is of an answer given before it.
export function firstOpen(form) {
  return questionsOf(form).find((question) => !isAnswered(question) && !(isOptional(question) && hasOptedOut(answerOf(question))));
}

function answerOf(confidence) {
  return confidence.previousElementSibling;
}

function confidenceOf(question) {
  const next = wholeOf(question).nextElementSibling;
  return next?.matches(".confidence") ? next : null;
}

function hasOptedOut(question) {
  return optOutsOf(question).some((box) => box.checked);
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
  radio.dispatchEvent(new Event("input", { bubbles: true })); // as a press would
  return true;
}

// Let nothing be changed, or let it be changed again.
export function lock(form, isLocked) {
  for (const question of form.querySelectorAll("fieldset, textarea, .ranks")) question.inert = isLocked;
}

// Move the choice by one, up to the ends. From no choice an arrow goes to the low end of a scale, and in a pair to
// the weakest choice on its own side. Right is onward, or back where the page runs from right to left.
export function moveChoice(question, arrow) {
  const isMirrored = getComputedStyle(question).direction === "rtl";
  const isBack = arrow === "up" || arrow === (isMirrored ? "right" : "left");
  const radios = choicesOf(question);
  const from = radios.findIndex((radio) => radio.checked);
  const target = from === -1 ? firstTarget(question, radios, isBack) : from + (isBack ? -1 : 1);
  if (target >= 0 && target < radios.length) choose(question, target + 1);
}

function firstTarget(question, radios, isBack) {
  const sides = radios.map((radio) => Math.sign(Number(radio.value)));
  if (question.dataset.kind !== "choices") return 0;
  return isBack ? Math.max(sides.lastIndexOf(-1), 0) : sides.indexOf(1);
}

// Show or hide what is wrong with a question. Its line stays where it is once shown, so that nothing moves under a
// finger, and describes the fields for as long as it is shown.
export function showProblem(question, isShown) {
  const problem = question.querySelector(".problem");
  if (!problem || problem.hidden === !isShown) return;
  problem.hidden = !isShown;
  problem.classList.add("keeps-room");
  for (const element of [question, ...question.querySelectorAll(".range, .field")]) {
    const others = (element.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && id !== problem.id);
    const ids = isShown ? [...others, problem.id] : others;
    if (ids.length) element.setAttribute("aria-describedby", ids.join(" "));
    else element.removeAttribute("aria-describedby");
    if (element === question && !choicesOf(question).length) continue;
    if (isShown) element.setAttribute("aria-invalid", "true");
    else element.removeAttribute("aria-invalid");
  }
}

// Point at the first question without an answer; say whether there is one.
export function pointAtMissing(form) {
  const missing = firstMissing(form);
  for (const question of questionsOf(form)) showProblem(question, question === missing);
  if (missing) focusOn(missing);
  return Boolean(missing);
}

export function focusOn(question, { scrolls = true } = {}) {
  const field = question.querySelector(".slider .range, .typed .field:not([hidden]), .field-long");
  (field && getComputedStyle(field).display !== "none" ? field : question).focus({ preventScroll: true });
  if (scrolls) question.scrollIntoView({ block: "nearest" });
}

// Put the focus where the next answer goes as a page begins, and in a pair on its first text, which is read from its
// top: nothing is scrolled, but to a question that the server points at.
export function focusFirst(form) {
  const pointedAt = form.querySelector("fieldset[autofocus]");
  const first = document.querySelector(".pair .text");
  const next = firstMissing(form) ?? questionsOf(form)[0];
  if (pointedAt) focusOn(pointedAt);
  else if (first) first.focus({ preventScroll: true });
  else if (next) focusOn(next, { scrolls: false });
}

// Make "cannot judge" and "not applicable" fields of their own, which Tab reaches and the arrows of a scale do not.
export function enhanceUnable(form) {
  for (const input of form.querySelectorAll(".unable input[data-box]")) {
    input.name = input.dataset.box;
    input.value = "1";
  }
}

// An answer, "cannot judge" and "not applicable" exclude each other; without an answer nobody is sure of one.
function excludeOthers(question, changed) {
  if (changed.matches("textarea")) return;
  const optOuts = optOutsOf(question);
  for (const other of optOuts) if (other !== changed) other.checked = false;
  if (!optOuts.includes(changed) || !changed.checked) return;
  const answered = [wholeOf(question), confidenceOf(question)];
  const cleared = answered.flatMap((each) => [...(each?.querySelectorAll(".scale input") ?? [])]);
  for (const input of cleared) if (input.matches("[type=radio], [type=checkbox]")) input.checked = false;
  const field = question.querySelector(".field");
  if (field) field.value = "";
}

// Return whether a second press of an answer continues: not where answers cannot be changed once sent.
export function isTurnedByPress(form) {
  return form.dataset.byButton === undefined;
}

// A press of the chosen answer continues; if the study allows it, so does the first press.
export function listenToPresses(form, proceed, hasJustTurned = () => false) {
  const atOnce = form.dataset.atOnce !== undefined;
  for (const unable of form.querySelectorAll(".ranks .unable input")) {
    unable.addEventListener("input", () => {
      for (const question of unable.closest(".ranks").querySelectorAll("fieldset.question")) {
        showProblem(question, false);
        excludeOthers(question, unable);
      }
    });
  }
  for (const question of questionsOf(form)) {
    let wasChosen = null;
    question.addEventListener("input", ({ target }) => {
      showProblem(question, false);
      excludeOthers(question, target);
    });
    for (const radio of question.querySelectorAll("input[type=radio]")) {
      radio.addEventListener("pointerdown", () => {
        wasChosen = radio.checked ? radio : null;
      });
      radio.addEventListener("click", (event) => {
        if (atOnce && event.detail > 0 && hasJustTurned()) return event.preventDefault();
        // detail is 0 for a click that the keyboard or a screen reader made: those have Enter and Next
        if (event.detail > 0 && (atOnce || wasChosen === radio) && isTurnedByPress(form) && !firstMissing(form)) proceed();
        return undefined;
      });
    }
  }
}
