// The one script of every page. It makes better what is there and needs nothing to be there;
// ../../HOOKS.md lists what it looks for. The map, large, loads when one comes into view.
import { search } from "./search.js";
import { autoSubmit } from "./lists.js";
import { yearRange } from "./years.js";

document.documentElement.classList.add("js");

for (const form of document.querySelectorAll("form.search, form.site-search")) search(form);
for (const form of document.querySelectorAll("form[data-auto]")) autoSubmit(form);
for (const form of document.querySelectorAll("form.range")) yearRange(form);

/** stillCells makes the cells of a server-made map lead to their page while no live map is there. */
function stillCells(holder) {
  const open = (e) => {
    const shape = e.target.closest?.("[data-code]");
    if (!shape || holder.classList.contains("on") || e.target.closest("a")) return;
    location.href = `${document.documentElement.dataset.base ?? ""}/maille/${encodeURIComponent(shape.dataset.code)}`;
  };
  holder.addEventListener("click", open);
}

const holders = [...document.querySelectorAll(".map-live")];
holders.forEach(stillCells);
if (holders.length && "WebGL2RenderingContext" in window) {
  const seen = new IntersectionObserver((entries) => {
    for (const e of entries) {
      if (!e.isIntersecting) continue;
      seen.unobserve(e.target);
      import("./map.js").then((m) => m.liveMap(e.target)).catch((err) => {
        e.target.dispatchEvent(new CustomEvent("garrigue:nomap", { bubbles: true }));
        console.warn("map:", err.message);
      });
    }
  }, { rootMargin: "200px" });
  holders.forEach((h) => seen.observe(h));
}
