// A slider has no value until it is touched, and shows it from then on. Its value is the number field's, which
// is all there is without this script.

export function enhanceSliders(form) {
  for (const slider of form.querySelectorAll(".slider")) enhance(slider);
}

function enhance(slider) {
  const range = slider.querySelector(".range");
  const number = slider.querySelector(".field");
  const shown = slider.querySelector(".value");

  slider.classList.add("enhanced");
  range.setAttribute("aria-labelledby", `${labelOf(slider)} ${range.id}`);

  function take() {
    number.value = range.value;
    show();
  }

  function show() {
    const isEmpty = number.value === "";
    slider.classList.toggle("untouched", isEmpty);
    shown.textContent = isEmpty ? "?" : number.value;
    range.setAttribute("aria-valuetext", isEmpty ? slider.dataset.empty : number.value);
  }

  if (number.value !== "") range.value = number.value;
  show();
  range.addEventListener("input", take);
  // A press on the middle, where an untouched slider is, changes nothing, but is an answer. After a tap that changes
  // nothing, Chromium sends no click.
  for (const kind of ["pointerup", "click"]) {
    range.addEventListener(kind, () => {
      if (number.value !== "") return;
      take();
      number.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }
  slider.closest("form").addEventListener("input", show); // "cannot judge" empties the number
}

function labelOf(slider) {
  const legend = slider.closest("fieldset").querySelector("legend");
  legend.id ||= `${slider.closest("fieldset").id}-legend`;
  return legend.id;
}
