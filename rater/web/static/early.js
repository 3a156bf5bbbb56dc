// Keep the keys that are pressed before the page's script is there, which then takes them: it is loaded once the
// page is read, and this at once. A field or button that has the focus takes its keys by itself.

window.earlyKeys = [];
document.addEventListener("keydown", ({ key, target, repeat, ctrlKey, altKey, metaKey }) => {
  if (target === document.body && !(repeat || ctrlKey || altKey || metaKey)) window.earlyKeys?.push(key);
});
