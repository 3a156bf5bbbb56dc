// Improve the pages without questions: Enter continues from anywhere on the page, and the keyboard help has its
// switch. The focus is put on the main button where there is little to read above it, which describes it.

import { enhanceSwitch } from "./keys.js";

const main = document.querySelector("main .primary, main button[value=agree]");

if (document.querySelector(".shortcuts")) enhanceSwitch();
const hasKeys = !matchMedia("(hover: none) and (pointer: coarse)").matches;
if (hasKeys && main?.hasAttribute("aria-describedby")) main.focus({ preventScroll: true });
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (event.repeat) return event.preventDefault(); // a key held down must not run through the pages
  if (!main || event.target.matches("button, a, summary, input, textarea")) return undefined;
  event.preventDefault();
  return main.click();
});
