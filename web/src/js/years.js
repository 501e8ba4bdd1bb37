// The double slider of years: it says the years at once, moves the map while the thumbs move,
// and asks the server for the figures once they rest.
import { debounce, el } from "./dom.js";
import { addressOf, refresh } from "./lists.js";
import { t } from "./words.js";

/** yearRange drives form.range: input[name=de], input[name=a], .hist, output. */
export function yearRange(form) {
  const low = form.querySelector("input[name=de]"), high = form.querySelector("input[name=a]");
  if (!low || !high) return;
  for (const i of [low, high]) if (i.type === "number") i.type = "range";
  if (!low.labels?.length && !low.hasAttribute("aria-label")) low.setAttribute("aria-label", t("web.years.from"));
  if (!high.labels?.length && !high.hasAttribute("aria-label")) high.setAttribute("aria-label", t("web.years.to"));
  for (const b of form.querySelectorAll("button[type=submit], button:not([type])")) b.classList.add("js-hide");

  const min = Number(low.min), max = Number(low.max);
  const bars = [...form.querySelectorAll(".hist [data-year]")];
  // Asked for each time: the server's own sentence replaces it once the figures are in.
  const output = () => form.querySelector("output") ?? form.appendChild(el("output"));
  const section = form.closest("section") ?? document;
  let going;

  const figures = debounce(async () => {
    going?.abort();
    going = new AbortController();
    const u = addressOf(form);
    if (Number(low.value) === min) u.searchParams.delete("de");
    if (Number(high.value) === max) u.searchParams.delete("a");
    try {
      await refresh(u, (d) => d.querySelectorAll("[data-refresh]"), going.signal);
      history.replaceState(null, "", u);
    } catch (e) {
      if (e.name !== "AbortError") console.warn("years:", e.message);
    }
  }, 400);

  const show = () => {
    const a = Number(low.value), b = Number(high.value);
    form.style.setProperty("--a", `${((a - min) / Math.max(1, max - min)) * 100}%`);
    form.style.setProperty("--b", `${((b - min) / Math.max(1, max - min)) * 100}%`);
    for (const bar of bars) bar.classList.toggle("on", bar.dataset.year >= a && bar.dataset.year <= b);
    low.setAttribute("aria-valuetext", String(a));
    high.setAttribute("aria-valuetext", String(b));
  };
  const moved = (e) => {
    // A thumb stops at the other: the span never turns inside out.
    if (Number(low.value) > Number(high.value)) e.target.value = e.target === low ? high.value : low.value;
    show();
    output().textContent = t("web.years.shown", low.value, high.value);
    const from = Number(low.value), to = Number(high.value);
    for (const map of section.querySelectorAll(".map-live")) {
      map.dataset.from = from === min ? "0" : from;
      map.dataset.to = to === max ? "0" : to;
      map.dispatchEvent(new CustomEvent("garrigue:years", { detail: { from, to } }));
    }
    figures();
  };
  // Where thumbs meet at the top end, the lower one must stay reachable.
  form.addEventListener("pointerdown", () => { low.style.zIndex = Number(low.value) > (min + max) / 2 ? "2" : ""; }, { capture: true });
  low.addEventListener("input", moved);
  high.addEventListener("input", moved);
  show();
}
