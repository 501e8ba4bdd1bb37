// The panel beside the map says what the chosen place holds.
import { el } from "./dom.js";
import { measured } from "./style.js";
import { base, count, lang, t, years } from "./words.js";

const reasons = [[1, "sensitive"], [2, "consent"], [4, "nature"], [8, "uncertainty"]];
const mostCommunes = 6;

/** shortCode is the part of a cell's code a person reads: E0755N6290. */
export const shortCode = (code) => code.replace(/^\d+kmL93/, "");

/** figures is the sentence of a place's counts. */
export function figures(p, kind) {
  const n = kind === "taxon" || p.taxa === undefined ? count("web.obs", p.n) : count("web.species", p.taxa);
  const span = years(p.first, p.last);
  return span ? `${n}, ${span}` : n;
}

/** title names a cell or an area. */
export function title(p, layer) {
  return layer === "mailles" ? t("web.panel.cell", shortCode(p.code)) : p.kind.startsWith("cell") ? `${t(`web.kind.${p.kind}`)} ${shortCode(p.code)}` : p.name || p.code;
}

const pages = { commune: "commune", department: "departement" };

/** swatch shows the colour or texture a place has on the map. */
function swatch(p, layer, o) {
  const s = el("span", { class: `swatch${layer === "zones" ? " veil" : ""}`, "aria-hidden": "true" });
  if (layer === "mailles") {
    const n = p[measured(o.kind)];
    s.style.background = `var(--seq-${Math.max(1, o.classes.filter((low) => low <= n).length)})`;
  }
  return s;
}

/** cellBlock is what the panel says of a mesh cell. */
function cellBlock(p, o) {
  const out = el("div", { class: "pop" }, el("h3", {}, swatch(p, "mailles", o), title(p, "mailles")), el("p", {}, figures(p, o.kind)));
  if (o.kind !== "taxon") out.append(el("p", { class: "muted" }, count("web.obs", p.n)));
  out.append(el("p", { class: "more" }, el("a", { href: `${base}/maille/${encodeURIComponent(p.code)}` }, t("web.panel.species"))));
  return out;
}

/** zonesBlock is what it says of the less precise areas that cover the place. */
function zonesBlock(zones, alone, o) {
  const list = el("ul", {}, ...zones.map(({ properties: p }) => {
    const name = title(p, "zones"), page = pages[p.kind];
    const why = reasons.filter(([bit]) => p.reasons & bit).map(([, r]) => t(`web.panel.reason.${r}`));
    return el("li", {}, page ? el("a", { href: `${base}/${page}/${p.code}` }, name) : name, `, ${figures(p, o.kind)}`, why.length ? el("span", { class: "muted" }, ` (${why.join(", ")})`) : null);
  }));
  return el("div", { class: "pop" }, el("h3", {}, swatch(null, "zones", o), t(alone ? "web.panel.veil" : "web.panel.also")), list,
    el("p", { class: "muted" }, t(zones.length > 1 ? "web.panel.also.text" : "web.panel.veil.text")));
}

/** communesOf lists the communes a cell meets, by the open API. */
async function communesOf(p, meshKind, signal) {
  const answer = await fetch(`/api/v1/areas/${meshKind}/${encodeURIComponent(p.code)}`, { signal, headers: { "Accept-Language": lang } });
  if (!answer.ok) return null;
  const { communes = [] } = await answer.json();
  if (!communes.length) return null;
  const list = el("ul");
  const shown = communes.length === mostCommunes + 1 ? communes.length : mostCommunes; // never "and 1 more"
  for (const c of communes.slice(0, shown)) list.append(el("li", {}, el("a", { href: `${base}/commune/${c.code}` }, c.name)));
  if (communes.length > shown) list.append(el("li", {}, t("web.panel.more", communes.length - shown)));
  return el("div", {}, el("p", {}, t("web.panel.communes")), list);
}

const wide = matchMedia("(min-width: 64rem)");

/** panelOf returns the panel of a map, made when the page has none: { show(places), nothing(searched), clear() }. */
export function panelOf(holder, o) {
  const section = holder.closest("section, article, main") ?? document.body;
  let panel = section.querySelector(".map-panel");
  if (!panel) {
    panel = el("div", { class: "map-panel" });
    // Beside the map, below the legend; on a phone, right under the map.
    const figure = holder.closest("figure, .map") ?? holder;
    const place = () => {
      const legend = section.querySelector(".mapgrid .legend");
      if (wide.matches && legend) legend.parentElement.append(panel);
      else figure.after(panel);
    };
    wide.addEventListener("change", place);
    place();
  }
  panel.setAttribute("aria-live", "polite");
  const before = [...panel.childNodes];
  let going;
  return {
    show(places) {
      going?.abort();
      going = new AbortController();
      const cell = places.find((p) => p.layer === "mailles"), zones = places.filter((p) => p.layer === "zones");
      const blocks = [];
      if (cell) blocks.push(cellBlock(cell.properties, o));
      if (zones.length) blocks.push(zonesBlock(zones, !cell, o));
      panel.replaceChildren(...blocks);
      if (!cell) return;
      communesOf(cell.properties, `cell${o.mesh}`, going.signal).then((list) => {
        if (list) blocks[0].querySelector(".more").before(list);
      }, (e) => { if (e.name !== "AbortError") console.warn("communes:", e.message); });
    },
    nothing(searched) { going?.abort(); panel.replaceChildren(el("div", { class: "pop" }, el("p", {}, t(searched ? "web.map.searched" : "web.map.nothing")))); },
    clear() { going?.abort(); panel.replaceChildren(...before); },
  };
}
