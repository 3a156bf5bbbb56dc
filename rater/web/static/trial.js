// Improve the trial pages: keys, focus, a save that brings the next page with it, and answers that wait in the
// browser until the server has them. Without this script the same form works by itself.

import { download, dropDraft, enteredIn, fillForm, forget, keep, keepDraft, keptOf, restoreDraft } from "./kept.js";
import { dialogShower, listenToKeys, takeEarlyKeys } from "./keys.js";
import { listenToRanks } from "./ranks.js";
import { enhanceUnable, firstMissing, focusFirst, listenToPresses, lock, pointAtMissing } from "./scale.js";
import { send } from "./sending.js";
import { enhanceSliders } from "./slider.js";
import { noteRequest, noteShown, writeTiming } from "./timing.js";
import { explainWait, mustWait, startWaiting } from "./waiting.js";

const SAVING_NOTICE_MS = 300;
const UNTIL_DOWNLOAD_MS = 60_000;
const DOUBLE_CLICK_MS = 400;
const TYPING_PAUSE_MS = 1000;

const form = () => document.getElementById("answers");
const button = (value) => form().querySelector(`button[value=${value}]`);
let isSending = false;
let save = null; // the save under way of the page shown: { go, entry, isTried, typedAt }
let queued = null; // what was pressed while answers of other texts were being sent
let nSubmissions = 0; // how many different answers this page has tried to send
let failingSince = null;
let turnedAt = -Infinity;
let showKeys = () => {};
let isWanted = false; // to continue, from before the text could have been read

function start() {
  const shown = form();
  nSubmissions = 0;
  const waiting = keptOf(document.body.dataset.mark).find((entry) => entry.position === Number(shown.dataset.position));
  enhanceUnable(shown);
  if (waiting) fillForm(shown, waiting.body);
  const hasDraft = restoreDraft(shown);
  enhanceSliders(shown);
  listenToRanks(shown); // before what follows a press, which looks for questions without an answer
  listenToPresses(shown, proceed, hasJustTurned);
  showKeys = dialogShower();
  document.getElementById("download").addEventListener("click", () => download(document.body.dataset.mark));
  shown.addEventListener("input", noteChange);
  shown.addEventListener("change", noteChange);
  noteShown();
  isWanted = false;
  startWaiting(shown, () => {
    if (isWanted && shown.dataset.atOnce && !firstMissing(shown)) proceed();
  });
  focusFirst(shown);
  if (hasDraft && !waiting) showStatus(words("draft"));
}

function showStatus(words) {
  document.getElementById("status").textContent = words;
}

function words(name) {
  return document.getElementById("status").dataset[name];
}

function tellTrying(attempt) {
  failingSince ??= performance.now();
  const isOffline = !navigator.onLine;
  showStatus(isOffline ? words("offline") : words("trying").replace("{n}", attempt));
  const isRecent = performance.now() - failingSince < UNTIL_DOWNLOAD_MS;
  for (const id of ["unsent", "download"]) document.getElementById(id).hidden = isRecent;
}

// The server keeps one answer for each submission id: a changed answer has an id of its own, made from the
// page's, which the page's proof covers.
function entryOf(shown, go) {
  writeTiming(shown);
  const fields = new FormData(shown, button(go));
  const base = fields.get("submission_id");
  const id = nSubmissions ? `${base}-${nSubmissions}` : base;
  fields.set("submission_id", id);
  return {
    id,
    url: location.pathname,
    body: new URLSearchParams(fields).toString(),
    position: Number(shown.dataset.position),
    mark: document.body.dataset.mark,
    proof: shown.dataset.proof,
    entered: enteredIn(shown),
  };
}

// Keep every change as a draft. During a save it takes the place of the answer that waits, and is sent as a
// revision, since the first answer may have reached the server.
function noteChange({ target }) {
  keepDraft(form());
  if (!save) return;
  if (target.matches("textarea, .field")) save.typedAt = performance.now();
  takeChange();
}

function takeChange() {
  const shown = form();
  if (firstMissing(shown) || save.entry.entered === enteredIn(shown)) return;
  if (save.isTried) nSubmissions += 1;
  save.entry = entryOf(shown, save.go);
  save.isTried = false;
  keep(save.entry);
}

async function submit(go) {
  const shown = form();
  const entry = entryOf(shown, go);
  if (!firstMissing(shown)) keep(entry);
  noteRequest();
  await sendShown(entry, go);
}

// Send the answer of the page that is shown, and again whatever was changed meanwhile; then turn the page.
async function sendShown(first, go) {
  const shown = form();
  save = { go, entry: first, isTried: false, typedAt: -Infinity };
  takeChange(); // a draft may be newer than an entry kept earlier
  if (shown.dataset.once !== undefined) lock(shown, true); // a second answer would be refused
  let reply = null;
  let sent = null;
  do {
    reply = await sendOne(() => {
      sent = save.entry;
      save.isTried = true;
      return sent;
    });
    await pauseInTyping();
  } while (save.entry !== sent && ["saved", "incomplete"].includes(reply.outcome));
  save = null;
  nSubmissions += 1;
  const isSaved = ["saved", "refused"].includes(reply.outcome);
  if (isSaved && go === "next" && firstMissing(shown)) return showStatus(words("changed"));
  if (isSaved) dropDraft();
  return follow(reply);
}

// A rater who is typing a comment is not interrupted by the next text.
async function pauseInTyping() {
  const left = () => save.typedAt + TYPING_PAUSE_MS - performance.now();
  while (left() > 0) await new Promise((resolve) => setTimeout(resolve, left()));
}

async function sendOne(latest) {
  isSending = true; // a double click sends one answer
  const timer = setTimeout(() => showStatus(words("saving")), SAVING_NOTICE_MS);
  let sent = null;
  const reply = await send(
    () => (sent = latest()),
    (attempt) => {
      clearTimeout(timer);
      tellTrying(attempt);
    },
  );
  clearTimeout(timer);
  failingSince = null;
  isSending = false;
  // kept for when the study opens again, or knows this browser again
  if (!["closed", "redirected"].includes(reply.outcome)) forget(sent.id);
  return reply;
}

function follow({ url, html }) {
  if (html) turnTo(html, url);
  else location.assign(url);
}

// Put the next page in the place of this one; the line that tells of saving stays, so that it is read out.
function turnTo(html, url) {
  const next = new DOMParser().parseFromString(html, "text/html");
  const main = document.adoptNode(next.querySelector("main"));
  const status = document.getElementById("status");
  const said = main.querySelector("#status");
  const saved = said.textContent.trim();
  said.replaceWith(status);
  document.querySelector("main").replaceWith(main);
  document.title = next.title;
  if (url === location.pathname) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  window.scrollTo(0, 0);
  turnedAt = performance.now();
  showStatus(saved);
  start();
}

// Send what an earlier page of this browser could not.
async function sendKept() {
  const shown = form();
  const before = enteredIn(shown);
  const entries = keptOf(document.body.dataset.mark);
  const own = entries.find((entry) => entry.position === Number(shown.dataset.position));
  let last = null;
  for (const entry of entries) if (entry !== own) last = await sendOne(() => entry);
  if (own) {
    const go = new URLSearchParams(own.body).get("go");
    await sendShown({ ...own, entered: enteredAs(shown, own) }, go === "back" && button("back") ? "back" : "next");
  } else if (queued) {
    submit(queued);
  } else if (last && last.url !== location.pathname && enteredIn(shown) === before) {
    location.replace(last.url);
  } else if (last) {
    showStatus("");
  }
}

// What a form would hold with the answers of an entry, a draft on top of which may differ.
function enteredAs(shown, entry) {
  const copy = shown.cloneNode(true);
  fillForm(copy, entry.body);
  return enteredIn(copy);
}

// The second half of a double click comes when the next text is there already, and is not meant for it.
function hasJustTurned() {
  return performance.now() - turnedAt < DOUBLE_CLICK_MS;
}

function proceed() {
  form().requestSubmit(button("next"));
}

function goBack() {
  if (button("back")) form().requestSubmit(button("back"));
}

document.addEventListener("submit", (event) => {
  if (event.target !== form()) return;
  event.preventDefault();
  const isForward = event.submitter?.value !== "back";
  if (isForward && firstMissing(form()) && hasJustTurned()) return;
  if (isForward && pointAtMissing(form())) return;
  if (isForward && mustWait()) {
    isWanted = true;
    return explainWait(form());
  }
  const go = isForward ? "next" : "back";
  if (save) return;
  if (isSending) queued = go;
  else submit(go);
});
window.addEventListener("offline", () => showStatus(words("offline")));
window.addEventListener("online", () => showStatus(words("online")));
window.addEventListener("popstate", () => location.reload());
// A page that the browser kept would show what was answered before as it was then.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
listenToKeys(() => ({ form: form(), proceed, goBack, showKeys }));
start();
sendKept();
takeEarlyKeys(); // after what was kept before, which an early answer would be taken for
