// Improve the trial pages: keys, focus, a save that brings the next page with it, and answers that wait in the
// browser until the server has them. Without this script the same form works by itself.

import { download, forget, keep, keptOf } from "./kept.js";
import { dialogShower, listenToKeys, takeEarlyKeys } from "./keys.js";
import { firstMissing, focusFirst, listenToPresses, pointAtMissing } from "./scale.js";
import { send } from "./sending.js";
import { enhanceSliders } from "./slider.js";
import { noteRequest, noteShown, writeTiming } from "./timing.js";

const UNTIL_SAVING_IS_SAID_MS = 300;
const UNTIL_DOWNLOAD_MS = 60_000;
const DOUBLE_CLICK_MS = 400;

const form = () => document.getElementById("answers");
const button = (value) => form().querySelector(`button[value=${value}]`);
let isSending = false;
let failingSince = null;
let turnedAt = -Infinity;
let showKeys = () => {};

function start() {
  const shown = form();
  enhanceSliders(shown);
  listenToPresses(shown, goOn, hasJustTurned);
  showKeys = dialogShower();
  document.getElementById("download").addEventListener("click", () => download(shown.dataset.mark));
  noteShown();
  focusFirst(shown);
}

function say(words) {
  document.getElementById("status").textContent = words;
}

function words(name) {
  return document.getElementById("status").dataset[name];
}

function tellTrying(attempt) {
  failingSince ??= performance.now();
  const isOffline = !navigator.onLine;
  say(isOffline ? words("offline") : words("trying").replace("{n}", attempt));
  document.getElementById("download").hidden = performance.now() - failingSince < UNTIL_DOWNLOAD_MS;
}

async function submit(submitter) {
  const shown = form();
  writeTiming(shown);
  const entry = {
    id: shown.elements.submission_id.value,
    url: location.pathname,
    body: new URLSearchParams(new FormData(shown, submitter)).toString(),
    position: Number(shown.dataset.position),
    mark: shown.dataset.mark,
    proof: shown.dataset.proof,
  };
  keep(entry);
  noteRequest();
  follow(await sendOne(entry));
}

async function sendOne(entry) {
  isSending = true; // a double click sends one answer
  const timer = setTimeout(() => say(words("saving")), UNTIL_SAVING_IS_SAID_MS);
  const reply = await send(entry, (attempt) => {
    clearTimeout(timer);
    tellTrying(attempt);
  });
  clearTimeout(timer);
  failingSince = null;
  isSending = false;
  // kept for when the study opens again, or knows this browser again
  if (!["closed", "elsewhere"].includes(reply.outcome)) forget(entry.id);
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
  start();
  say(saved);
}

async function sendKept() {
  let last = null;
  for (const entry of keptOf(form().dataset.mark)) last = await sendOne(entry);
  if (last) location.replace(last.url);
}

// The second half of a double click comes when the next text is there already, and is not meant for it.
function hasJustTurned() {
  return performance.now() - turnedAt < DOUBLE_CLICK_MS;
}

function goOn() {
  form().requestSubmit(button("next"));
}

function goBack() {
  if (button("back")) form().requestSubmit(button("back"));
}

document.addEventListener("submit", (event) => {
  if (event.target !== form()) return;
  event.preventDefault();
  if (isSending) return;
  const isForward = event.submitter?.value !== "back";
  if (isForward && firstMissing(form()) && hasJustTurned()) return;
  if (isForward && pointAtMissing(form())) return;
  submit(event.submitter ?? button("next"));
});
window.addEventListener("offline", () => say(words("offline")));
window.addEventListener("online", () => say(words("online")));
window.addEventListener("popstate", () => location.reload());
// A page that the browser kept would show what was answered before as it was then.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
listenToKeys(() => ({ form: form(), goOn, goBack, showKeys }));
start();
sendKept();
takeEarlyKeys(); // after what was kept before, which an early answer would be taken for
