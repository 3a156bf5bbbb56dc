// An order of texts: each rank is a question of its own, and a text has one rank. Choosing a text that has another
// rank moves it, and the last rank of a whole order needs no choice.

const ROWS = "fieldset.rank";

const rowsOf = (group) => [...group.querySelectorAll(ROWS)];
const chosenIn = (row) => row.querySelector("input:checked");
const placeIn = (row) => chosenIn(row)?.value ?? "";

export function listenToRanks(form) {
  for (const group of form.querySelectorAll(".ranks")) {
    let before = rowsOf(group).map(placeIn);
    group.addEventListener("input", ({ target }) => {
      const row = target.closest(ROWS);
      if (row) arrange(group, row, before);
      const after = rowsOf(group).map(placeIn);
      announce(group, before, after);
      before = after;
    });
  }
}

// Take a text from the rank that it had; the text that it replaces gets that rank.
function arrange(group, row, before) {
  const rows = rowsOf(group);
  const other = rows.find((each) => each !== row && placeIn(each) === placeIn(row));
  if (other) place(other, before[rows.indexOf(row)]);
  const open = rows.filter((each) => !chosenIn(each));
  const texts = [...row.querySelectorAll("input[type=radio]")].map((radio) => radio.value);
  const left = texts.filter((text) => !rows.some((each) => placeIn(each) === text));
  if (rows.length === texts.length && open.length === 1) place(open[0], left[0]);
}

function place(row, text) {
  for (const radio of row.querySelectorAll("input[type=radio]")) radio.checked = radio.value === text;
}

// Tell users of a screen reader which text has which rank now.
function announce(group, before, after) {
  const said = rowsOf(group)
    .filter((row, at) => after[at] && after[at] !== before[at])
    .map((row) => {
      const text = chosenIn(row).parentElement.textContent.trim();
      const rank = row.querySelector("legend").textContent.trim();
      return group.dataset.words.replace("{text}", text).replace("{rank}", rank);
    });
  group.querySelector(".placed").textContent = said.join(". ");
}
