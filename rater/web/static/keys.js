// Keys of a page with questions: 1 to 9 choose, arrows move, Enter goes on, Backspace goes back, ? shows the keys.

import { choicesOf, chosenOf, choose, currentQuestion, firstMissing, focusOn, isTurnedByPress, moveChoice } from "./scale.js";

// Listen for as long as the page is open; `current` returns the form that is shown, and what it can do.
export function listenToKeys(current) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return;
    const { form, goOn, goBack, showKeys } = current();
    const actions = {
      ArrowLeft: () => moveChoice(currentQuestion(form), -1),
      ArrowRight: () => moveChoice(currentQuestion(form), 1),
      Enter: goOn,
      Backspace: goBack,
      "?": showKeys,
    };
    const action = /^[1-9]$/.test(event.key) ? () => press(form, Number(event.key), goOn) : actions[event.key];
    if (!action || isForTheFocused(event)) return;
    event.preventDefault();
    if (!event.repeat) action(); // a key held down must not run through the texts
  });
}

// Take the keys that were pressed before this script was there, in their order.
export function takeEarlyKeys() {
  const early = window.earlyKeys;
  window.earlyKeys = null;
  for (const key of early) document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
}

// Let the page's button show the keys; return what shows them.
export function dialogShower() {
  const opener = document.getElementById("show-keys");
  const showKeys = () => document.getElementById("keys").showModal();
  opener.hidden = false;
  opener.addEventListener("click", showKeys);
  return showKeys;
}

// A press chooses and goes to the next open question; the same press again, with nothing open, goes on.
function press(form, number, goOn) {
  const question = currentQuestion(form);
  const before = chosenOf(question);
  const isSame = before !== undefined && choicesOf(question).indexOf(before) === number - 1;
  if (isSame && !firstMissing(form)) return isTurnedByPress(form) ? goOn() : undefined;
  if (!choose(question, number)) return undefined;
  const open = firstMissing(form);
  if (open) focusOn(open);
  else if (form.dataset.atOnce !== undefined) goOn();
  return undefined;
}

// Enter on a button presses that button, and what is typed into a field is the field's.
function isForTheFocused(event) {
  const focused = event.target;
  if (focused.matches("textarea, input[type=number]")) return true;
  if (event.key === "Enter") return focused.matches("button, a, summary");
  if (event.key.startsWith("Arrow")) return focused.matches("input[type=radio]:checked, input[type=range]");
  return false;
}
