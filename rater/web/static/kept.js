// Answers that the server has not confirmed yet, kept in this browser, and as a file for when it never does;
// and drafts: what was entered on a page of this tab and not sent yet.

const PREFIX = "rater-answer:";
const DRAFT = "rater-draft:";
const memory = new Map(); // used where the browser refuses storage

const inMemory = {
  get length() {
    return memory.size;
  },
  key: (index) => [...memory.keys()][index],
  getItem: (key) => memory.get(key),
  setItem: (key, value) => memory.set(key, value),
  removeItem: (key) => memory.delete(key),
};

// A tab keeps its name from page to page, also where storage is refused.
const inTabName = {
  read() {
    try {
      return Object(JSON.parse(window.name));
    } catch {
      return {};
    }
  },
  getItem: (key) => inTabName.read()[key] ?? null,
  setItem(key, value) {
    window.name = JSON.stringify({ ...inTabName.read(), [key]: value });
  },
  removeItem(key) {
    const { [key]: removed, ...others } = inTabName.read();
    if (removed !== undefined) window.name = JSON.stringify(others);
  },
};

function usable(name, fallback) {
  try {
    const store = window[name];
    store.setItem(`${PREFIX}probe`, "1");
    store.removeItem(`${PREFIX}probe`);
    return store;
  } catch {
    return fallback;
  }
}

const storage = () => usable("localStorage", inMemory);
const tabStorage = () => usable("sessionStorage", inTabName);

// Keep an entry: { id, url, body, position, mark, proof }. It replaces an older one for the same text.
export function keep({ id, url, body, position, mark, proof }) {
  for (const older of keptOf(mark)) if (older.position === position) forget(older.id);
  storage().setItem(PREFIX + id, JSON.stringify({ id, url, body, position, mark, proof }));
}

export function forget(id) {
  storage().removeItem(PREFIX + id);
}

// The entries of one rater, by text; another rater of this browser has another mark.
export function keptOf(mark) {
  const store = storage();
  const found = [];
  for (let index = 0; index < store.length; index += 1) {
    const key = store.key(index);
    if (!key.startsWith(PREFIX)) continue;
    const entry = JSON.parse(store.getItem(key));
    if (entry.mark === mark) found.push(entry);
  }
  return found.sort((one, other) => one.position - other.position);
}

export function download(mark) {
  const answers = keptOf(mark).map(({ id, position, body, proof }) => ({ id, position, body, proof }));
  const study = location.pathname.split("/trial/")[0].split("/").pop();
  const content = JSON.stringify({ kind: "rater answers", version: 1, study, mark, answers }, null, 2);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: "application/json" }));
  link.download = `answers-${mark.slice(0, 6)}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}

// What is entered in a form's visible fields, as one text that can be compared and filled in again.
export function enteredIn(form) {
  const fields = [...new FormData(form)].filter(([name]) => form.elements[name].type !== "hidden");
  return new URLSearchParams(fields.filter(([, value]) => value !== "")).toString();
}

export function fillForm(form, entered) {
  const fields = new URLSearchParams(entered);
  for (const element of form.elements) {
    if (!element.name || ["hidden", "submit"].includes(element.type)) continue;
    if (["radio", "checkbox"].includes(element.type)) {
      element.checked = fields.getAll(element.name).includes(element.value);
    } else {
      element.value = fields.get(element.name) ?? "";
    }
  }
}

const draftKey = () => `${DRAFT}${document.body.dataset.mark}:${location.pathname}`;

export function keepDraft(form) {
  tabStorage().setItem(draftKey(), enteredIn(form));
}

export function dropDraft() {
  tabStorage().removeItem(draftKey());
}

// Fill in what was entered on this page before, and return whether that differs from what the page shows.
export function restoreDraft(form) {
  const draft = tabStorage().getItem(draftKey());
  if (draft === null || draft === enteredIn(form)) return false;
  fillForm(form, draft);
  return true;
}
