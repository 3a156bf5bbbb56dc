// Keys of a trial page: 1 to 9 choose, arrows move, Enter goes on, Backspace goes back, ? shows the keys.

import { chosenOf, choose, currentQuestion, firstMissing, focusOn, moveChoice } from "./scale.js";

export function listenToKeys(form, { goOn, goBack, showKeys }) {
  const actions = {
    ArrowLeft: () => moveChoice(currentQuestion(form), -1),
    ArrowRight: () => moveChoice(currentQuestion(form), 1),
    Enter: goOn,
    Backspace: goBack,
    "?": showKeys,
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return;
    const action = /^[1-9]$/.test(event.key) ? () => press(form, Number(event.key), goOn) : actions[event.key];
    if (!action || isForTheFocused(event)) return;
    event.preventDefault();
    if (!event.repeat) action(); // a key held down must not run through the texts
  });
}

// A press chooses and goes to the next open question; the same press again, with nothing open, goes on.
function press(form, number, goOn) {
  const question = currentQuestion(form);
  const before = chosenOf(question);
  if (before?.value === String(number) && !firstMissing(form)) return goOn();
  if (!choose(question, number)) return undefined;
  const open = firstMissing(form);
  if (open) focusOn(open);
  return undefined;
}

// Enter on a button presses that button, and arrows on a chosen radio are the browser's own.
function isForTheFocused(event) {
  const focused = event.target;
  if (event.key === "Enter") return focused.matches("button, a, summary");
  if (event.key.startsWith("Arrow")) return focused.matches("input[type=radio]:checked");
  return false;
}
