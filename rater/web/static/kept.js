// Answers that the server has not confirmed yet, kept in this browser, and as a file for when it never does.

const PREFIX = "rater-answer:";
const memory = new Map(); // where the browser keeps nothing

function storage() {
  try {
    localStorage.setItem(`${PREFIX}probe`, "1");
    localStorage.removeItem(`${PREFIX}probe`);
    return localStorage;
  } catch {
    return {
      get length() {
        return memory.size;
      },
      key: (index) => [...memory.keys()][index],
      getItem: (key) => memory.get(key),
      setItem: (key, value) => memory.set(key, value),
      removeItem: (key) => memory.delete(key),
    };
  }
}

// Keep an entry: { id, url, body, position, mark, proof }. It takes the place of an older one for its text.
export function keep(entry) {
  for (const older of keptOf(entry.mark)) if (older.position === entry.position) forget(older.id);
  storage().setItem(PREFIX + entry.id, JSON.stringify(entry));
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
