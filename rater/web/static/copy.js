// Add a button to each text that can be copied. Without this script the text can be selected and copied by hand.

const status = document.createElement("p");
status.className = "visually-hidden";
status.setAttribute("role", "status");
document.querySelector("main").append(status);

const copy = async (field, button) => {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    document.execCommand("copy"); // a browser without a clipboard for this page: what is selected is copied
  }
  button.textContent = "Copied";
  status.textContent = `${button.getAttribute("aria-label").replace("Copy ", "")}: copied.`;
  setTimeout(() => (button.textContent = "Copy"), 2000);
};

for (const field of document.querySelectorAll("[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button";
  button.textContent = "Copy";
  button.setAttribute("aria-label", field.dataset.copy);
  button.addEventListener("click", () => copy(field, button));
  field.after(button);
}
