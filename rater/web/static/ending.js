// Copy the code, and lead on to the site where the rater came from after ten seconds, unless they stay.

const SECONDS = 10;
const copy = document.getElementById("copy");
const onward = document.getElementById("onward");

if (copy) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    const code = document.getElementById("code");
    getSelection().selectAllChildren(code);
    try {
      await navigator.clipboard.writeText(code.textContent);
      document.getElementById("copied").textContent = copy.dataset.copied;
    } catch {
      document.execCommand("copy"); // a browser without a clipboard for this page: what is marked is copied
    }
  });
}

const line = document.getElementById("countdown"); // not there where something is left to read

if (onward && line) {
  const words = document.createElement("span");
  let left = SECONDS;
  const timer = setInterval(() => {
    left -= 1;
    words.textContent = line.dataset.words.replace("{n}", left);
    if (left > 0) return;
    clearInterval(timer);
    location.assign(onward.href);
  }, 1000);
  words.textContent = line.dataset.words.replace("{n}", left);
  line.prepend(words, " ");
  line.hidden = false;
  document.getElementById("stay").addEventListener("click", (event) => {
    clearInterval(timer);
    words.textContent = line.dataset.stay;
    event.target.remove();
  });
}
