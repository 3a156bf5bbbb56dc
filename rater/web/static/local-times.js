// Show times in the time zone of the device. Without this script they are in UTC, as the page states.

const SHORT = { day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit" };

export function showLocalTimes(root) {
  const day = new Intl.DateTimeFormat("en-GB", SHORT);
  const year = new Intl.DateTimeFormat("en-GB", { ...SHORT, year: "numeric" });
  for (const time of root.querySelectorAll("time[data-local]")) {
    const at = new Date(time.dateTime);
    const format = time.dataset.local === "year" ? year : day;
    time.textContent = format.format(at).replace(",", "");
  }
  const zone = root.querySelector("#zone");
  if (zone) zone.textContent = zone.dataset.words.replace("{zone}", day.resolvedOptions().timeZone);
}
