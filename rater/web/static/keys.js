// The keyboard on pages with questions. Digits choose (two digits for 10 and more), x is "cannot judge", n is "not
// applicable", arrows move the choice, Enter continues, Backspace goes back, ? shows the shortcuts, Page Down and Space scroll the
// text. Users of speech input, or who touch keys by accident, can switch off the keys that are characters.

import {
  choicesOf, chosenOf, choose, currentQuestion, firstMissing, firstOpen, focusOn, isTurnedByPress, moveChoice, optOutsOf,
} from "./scale.js";

const SECOND_DIGIT_MS = 500;
const SWITCH = "rater-shortcuts";
const TAKING_SPACE = "textarea, .field, button, summary, input[type=checkbox], input[type=radio]:not(:checked)";
const TYPING = "textarea, .field";
const CHARACTERS = /^([0-9nx?]|Backspace)$/i;

let isOff = readSwitch();
let pending = null; // a first digit that may begin another number: { question, digits, timer }

// Listen for as long as the page is open; `current` returns the form that is shown, and what it can do.
export function listenToKeys(current) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return;
    if (!event.target.matches(TYPING)) document.documentElement.classList.add("has-keys");
    if (scrollsText(event)) return event.preventDefault();
    const { form } = current();
    const action = isForTheFocused(event) ? null : actionOf(event, current());
    if (!action || form.querySelector("[inert]")) return;
    event.preventDefault();
    if (!event.repeat) action(); // a key held down must not run through the texts
  });
}

// Take the keys that were pressed before this script was there, in their order.
export function takeEarlyKeys() {
  const early = window.earlyKeys;
  window.earlyKeys = null;
  for (const key of early) {
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  }
}

// Let the page's button show the shortcuts; return what shows them.
export function dialogShower() {
  const opener = document.getElementById("show-keys");
  const showKeys = () => document.getElementById("keys").showModal();
  opener.hidden = false;
  opener.addEventListener("click", showKeys);
  enhanceSwitch();
  return showKeys;
}

// Show the switch, which needs this script, as it was left.
export function enhanceSwitch() {
  const label = document.querySelector(".shortcuts");
  const box = label.querySelector("input");
  label.hidden = false;
  box.checked = isOff;
  box.addEventListener("change", () => {
    isOff = box.checked;
    try {
      if (isOff) localStorage.setItem(SWITCH, "off");
      else localStorage.removeItem(SWITCH);
    } catch {
      // remembered for as long as this page is open
    }
  });
}

function readSwitch() {
  try {
    return localStorage.getItem(SWITCH) === "off";
  } catch {
    return false;
  }
}

function actionOf({ key }, { form, proceed, goBack, showKeys }) {
  if (isOff && CHARACTERS.test(key)) return null;
  if (/^[0-9]$/.test(key)) return () => pressDigit(form, key, proceed);
  const question = currentQuestion(form);
  const actions = {
    ArrowLeft: () => moveChoice(question, "left"),
    ArrowRight: () => moveChoice(question, "right"),
    Enter: () => enter(form, proceed),
    Backspace: goBack,
    "?": showKeys,
  };
  if (document.activeElement.matches("input[type=radio]")) {
    actions.ArrowUp = () => moveChoice(question, "up");
    actions.ArrowDown = () => moveChoice(question, "down");
  }
  for (const box of optOutsOf(question)) {
    const letter = box.dataset.key ?? "x";
    actions[letter] = actions[letter.toUpperCase()] = () => optOut(form, box, proceed);
  }
  const action = actions[key];
  return action && (() => (endNumber(), action()));
}

// A digit chooses, unless it begins another number, and goes to the next open question; the same digit again,
// with nothing open, continues. A digit that begins another number waits for the second one.
function pressDigit(form, digit, proceed) {
  const first = endNumber();
  if (first?.question.isConnected && placeOf(first.question, first.digits + digit) <= choicesOf(first.question).length) {
    return press(form, first.question, placeOf(first.question, first.digits + digit), proceed);
  }
  if (first) moveOn(form, proceed);
  const question = currentQuestion(form);
  const n = question ? choicesOf(question).length : 0;
  if (digit === "0" || placeOf(question, digit + "0") > n) return press(form, question, placeOf(question, digit), proceed);
  choose(question, placeOf(question, digit));
  const timer = setTimeout(() => {
    pending = null;
    if (question.isConnected) moveOn(form, proceed);
  }, SECOND_DIGIT_MS);
  pending = { question, digits: digit, timer };
  return undefined;
}

// The place of the choice that a number means. Points that begin at 0 are chosen by their own number; of other
// choices, which begin at 1, the digit 0 means the tenth.
function placeOf(question, number) {
  if (question?.dataset.first === "0") return Number(number) + 1;
  return Number(number) || 10;
}

function endNumber() {
  const ended = pending;
  pending = null;
  clearTimeout(ended?.timer);
  return ended;
}

function press(form, question, number, proceed) {
  const before = question && chosenOf(question);
  const isSame = before && choicesOf(question).indexOf(before) === number - 1;
  if (isSame && !firstMissing(form)) return isTurnedByPress(form) ? proceed() : undefined;
  return question && choose(question, number) ? moveOn(form, proceed) : undefined;
}

function optOut(form, box, proceed) {
  if (box.checked && !firstMissing(form)) return isTurnedByPress(form) ? proceed() : undefined;
  box.checked = true;
  box.focus({ preventScroll: true });
  box.dispatchEvent(new Event("input", { bubbles: true }));
  return moveOn(form, proceed);
}

function moveOn(form, proceed) {
  const open = firstOpen(form);
  if (open) focusOn(open);
  else if (form.dataset.atOnce !== undefined) proceed();
}

// Enter goes to the next open question in silence. On the open one, or with none open, it is Next.
function enter(form, proceed) {
  const open = firstMissing(form);
  if (open && open !== currentQuestion(form)) focusOn(open);
  else proceed();
}

// Enter on a button presses that button, and what is typed into a field is the field's.
function isForTheFocused({ target, key }) {
  if (target.matches(".field")) return key !== "Enter";
  if (target.matches("textarea")) return true;
  if (key === "Enter") return target.matches("button, a, summary");
  return key.startsWith("Arrow") && target.matches("input[type=range], .code, .table");
}

// Scroll the text by a key that scrolls, wherever the focus is; return whether the key was for that.
function scrollsText({ key, shiftKey, target }) {
  const isPage = ["PageUp", "PageDown"].includes(key) && !target.matches("textarea");
  const isSpace = key === " " && !target.matches(TAKING_SPACE);
  const isLine = ["ArrowUp", "ArrowDown"].includes(key) && !target.matches("textarea, input, .text, .context, .reference");
  if (!isPage && !isSpace && !isLine) return false;
  const isUp = ["PageUp", "ArrowUp"].includes(key) || (key === " " && shiftKey);
  const texts = [...document.querySelectorAll(".trial .text")];
  if (isUp) texts.reverse();
  const focused = texts.filter((text) => text === target);
  const text = [...focused, ...texts].find((each) => canScroll(each, isUp));
  const step = isLine ? 60 : 0.85 * (text ?? document.documentElement).clientHeight;
  if (text) text.scrollBy(0, isUp ? -step : step);
  // at the end of the text a page key moves no slider: it scrolls the page
  else if (target.matches(".range")) window.scrollBy(0, isUp ? -step : step);
  else return false;
  return true;
}

function canScroll(text, isUp) {
  return isUp ? text.scrollTop > 0 : text.scrollHeight - text.clientHeight - text.scrollTop > 1;
}
