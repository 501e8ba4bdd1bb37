// The live map over the server's drawing: cells and less precise areas as vector tiles, our
// own territory below, a panel beside. It takes over only once it has drawn.
import { Map as GLMap, setWorkerUrl, setWorkerCount } from "maplibre-gl";
import { el, icon } from "./dom.js";
import { figures, panelOf, title } from "./panel.js";
import { putPatterns } from "./patterns.js";
import { address, palette, style } from "./style.js";
import { number, t } from "./words.js";

/* global WORKER_FILE, MAP_CSS_FILE -- names with their hash, put in by build.mjs */
setWorkerUrl(new URL(WORKER_FILE, import.meta.url).href);
setWorkerCount(1);

const closest = 12; // about 1:50,000: past it, a cell would look like a place

const still = matchMedia("(prefers-reduced-motion: reduce)");
const hovers = matchMedia("(hover: hover)");
const night = matchMedia("(prefers-color-scheme: dark)");
let sheet;

/** ownSheet loads the map's styles once. */
function ownSheet() {
  return (sheet ??= new Promise((done) => {
    const link = el("link", { rel: "stylesheet", href: new URL(MAP_CSS_FILE, import.meta.url).href, onload: done, onerror: done });
    document.head.append(link);
  }));
}

/** optionsOf reads the data attributes of a holder (see HOOKS.md). */
function optionsOf(d) {
  const bound = (d.bound ?? "").split(",").map(Number);
  if (bound.length !== 4 || bound.some((n) => !Number.isFinite(n))) throw new Error("data-bound is not west,south,east,north");
  const kind = d.kind ?? (d.taxon ? "taxon" : d.area ? "area" : "richness");
  const classes = (d.classes ?? "1,2,5,10,20,50").split(",").map(Number).slice(0, 6);
  return { bound, kind, classes, taxon: d.taxon, area: d.area, mesh: Number(d.mesh ?? 5), from: d.from, to: d.to, snapshot: d.snapshot,
    label: d.label ?? t("web.map.label"), background: d.background, credit: d.backgroundAttribution };
}

/** margin is the room around what is shown: an area is seen among its neighbours. */
const margin = (canvas, o) => (o.kind === "area" ? Math.round(0.17 * Math.min(canvas.clientWidth, canvas.clientHeight)) : 14);

/** newMap makes the MapLibre map; it throws where WebGL is missing. */
function newMap(canvas, o, colours) {
  const [w, s, e, n] = o.bound;
  const dx = (e - w) * 0.35, dy = (n - s) * 0.35;
  const map = new GLMap({
    container: canvas, style: style(o, colours), bounds: o.bound, fitBoundsOptions: { padding: margin(canvas, o) },
    maxBounds: [w - dx - 0.2, s - dy - 0.2, e + dx + 0.2, n + dy + 0.2], maxZoom: closest, maxPitch: 0,
    attributionControl: false, dragRotate: false, pitchWithRotate: false, touchPitch: false, cooperativeGestures: true, fadeDuration: 0,
    locale: { "Map.Title": `${o.label}. ${t("web.map.hint")}`, "CooperativeGesturesHandler.WindowsHelpText": t("web.map.cooperate"),
      "CooperativeGesturesHandler.MacHelpText": t("web.map.cooperate.mac"), "CooperativeGesturesHandler.MobileHelpText": t("web.map.cooperate.touch") },
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  return map;
}

/** liveMap brings a .map-live holder to life. */
export async function liveMap(holder) {
  const o = optionsOf(holder.dataset);
  await ownSheet();
  const canvas = el("div", { class: "map-canvas" });
  holder.append(canvas);
  holder.classList.add("alive");
  let map;
  try {
    map = newMap(canvas, o, palette(holder));
  } catch (e) {
    canvas.remove();
    holder.classList.remove("alive");
    throw e;
  }
  map.setMissingStyleImageResolver(() => putPatterns(map, palette(holder)));
  map.on("error", (e) => console.warn("map:", e.error?.message));
  map.on("webglcontextlost", () => holder.classList.remove("on"));
  map.on("webglcontextrestored", () => holder.classList.add("on"));
  map.once("idle", () => {
    holder.classList.add("on");
    holder.dispatchEvent(new CustomEvent("garrigue:map", { bubbles: true }));
  });

  tools(holder, canvas, map, o);
  choosing(holder, canvas, map, o);
  recolour(holder, map, o);
  holder.addEventListener("garrigue:years", () => {
    const { from, to } = holder.dataset;
    Object.assign(o, { from, to });
    map.getSource("cells").setTiles([address(o, from, to)]); // old tiles stay until the new ones are in
  });
  return map;
}

/** recolour follows the night and the theme. */
function recolour(holder, map, o) {
  const again = () => {
    const c = palette(holder);
    if (map.hasImage("hatch")) putPatterns(map, c);
    map.setStyle(style(o, c), { diff: true });
  };
  night.addEventListener("change", again);
  new MutationObserver(again).observe(document.documentElement, { attributes: true, attributeFilter: ["data-mode", "data-theme"] });
}

/** tools puts zoom, home, full screen, the scale and the credit on the map. */
function tools(holder, canvas, map, o) {
  const ease = () => (still.matches ? { animate: false } : { duration: 250 });
  const button = (label, path, act) => el("button", { type: "button", "aria-label": label, title: label, onclick: act }, icon(path));
  const near = button(t("web.map.zoomin"), "M12 5v14M5 12h14", () => map.zoomIn(ease()));
  const far = button(t("web.map.zoomout"), "M5 12h14", () => map.zoomOut(ease()));
  const home = button(t("web.map.home"), "M4 11l8-7 8 7M6 10v9h12v-9", () => map.fitBounds(o.bound, { padding: margin(canvas, o), ...ease() }));
  const box = el("div", { class: "map-tools", role: "group", "aria-label": t("web.map.label") }, near, far, home);

  const external = (holder.closest("section") ?? document).querySelector("[data-map-fullscreen]");
  const full = external ?? box.appendChild(button(t("web.map.full"), "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5", null));
  const isFull = () => document.fullscreenElement === holder || holder.classList.contains("full");
  const changed = () => {
    map.cooperativeGestures[isFull() ? "disable" : "enable"]();
    if (!external) {
      full.setAttribute("aria-label", t(isFull() ? "web.map.unfull" : "web.map.full"));
      full.title = full.getAttribute("aria-label");
    }
    map.resize();
  };
  full.hidden = false;
  full.addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (holder.requestFullscreen) holder.requestFullscreen();
    else { holder.classList.toggle("full"); changed(); } // iPhones have no full screen for elements
  });
  document.addEventListener("fullscreenchange", changed);

  const scale = el("p", { class: "map-scale", "aria-hidden": "true" });
  const measure = () => {
    const perPixel = (40075016.686 * Math.cos((map.getCenter().lat * Math.PI) / 180)) / (512 * 2 ** map.getZoom());
    const most = perPixel * 130, unit = 10 ** Math.floor(Math.log10(most));
    const length = [5, 2, 1].map((k) => k * unit).find((l) => l <= most);
    scale.style.width = `${length / perPixel}px`;
    scale.textContent = length >= 1000 ? `${number(length / 1000)}\u00a0km` : `${length}\u00a0m`;
    near.disabled = map.getZoom() >= closest - 0.01;
  };
  map.on("move", measure);
  measure();
  holder.append(box);
  canvas.append(scale, el("div", { class: "map-cross", "aria-hidden": "true" }));
  if (o.credit) canvas.append(el("p", { class: "map-credit" }, o.credit));
}

/** choosing handles pointer and keyboard on cells and areas. */
function choosing(holder, canvas, map, o) {
  const panel = panelOf(holder, o);
  const tip = el("p", { class: "map-tip", hidden: true, "aria-hidden": "true" });
  canvas.append(tip);
  const layers = ["cell", "zone-square", "zone-large", "zone-commune", "zone-wide"];
  let over = [], chosen = [], where = null;

  /** at lists the places under a pixel, the cell first, each once. */
  const at = (point) => {
    const seen = new Set();
    return map.queryRenderedFeatures(point, { layers: layers.filter((l) => map.getLayer(l)) })
      .map((f) => ({ layer: f.sourceLayer, properties: f.properties }))
      .filter((f) => !seen.has(f.layer + f.properties.code) && seen.add(f.layer + f.properties.code))
      .sort((a, b) => (a.layer === "mailles" ? 0 : 1) - (b.layer === "mailles" ? 0 : 1));
  };
  const flag = (places, state, value) => {
    for (const p of places) map.setFeatureState({ source: "cells", sourceLayer: p.layer, id: p.properties.code }, { [state]: value });
  };
  const choose = (point) => {
    where = map.unproject(point);
    const places = at(point);
    flag(chosen, "chosen", false);
    chosen = places.slice(0, 1);
    flag(chosen, "chosen", true);
    if (places.length) panel.show(places);
    else panel.nothing(map.getLayer("searched") && map.queryRenderedFeatures(point, { layers: ["searched"] }).length > 0);
  };
  const leave = () => {
    flag(chosen, "chosen", false);
    chosen = [];
    where = null;
    panel.clear();
  };

  map.on("mousemove", (e) => {
    const places = at(e.point).slice(0, 1);
    map.getCanvasContainer().classList.toggle("maplibregl-track-pointer", places.length > 0);
    if (places[0]?.properties.code !== over[0]?.properties.code) {
      flag(over, "over", false);
      over = places;
      flag(over, "over", true);
    }
    tip.hidden = places.length === 0 || !hovers.matches; // after a tap, the panel says it all
    if (tip.hidden) return;
    const { layer, properties } = places[0];
    tip.replaceChildren(el("b", {}, title(properties, layer)), el("br"), figures(properties, o.kind));
    const right = e.point.x + tip.offsetWidth + 20 > canvas.clientWidth, low = e.point.y + tip.offsetHeight + 20 > canvas.clientHeight;
    tip.style.transform = `translate(${e.point.x + (right ? -14 : 14)}px, ${e.point.y + (low ? -10 : 14)}px) translate(${right ? "-100%" : "0"}, ${low ? "-100%" : "0"})`;
  });
  map.on("mouseout", () => { flag(over, "over", false); over = []; tip.hidden = true; });
  map.on("click", (e) => choose(e.point));
  map.getCanvas().addEventListener("keydown", (e) => {
    if (e.key === "Enter" || e.key === " ") {
      e.preventDefault();
      choose([canvas.clientWidth / 2, canvas.clientHeight / 2]);
    } else if (e.key === "Escape" && where) leave();
  });
  // Other years, other figures for the place already chosen.
  holder.addEventListener("garrigue:years", () => {
    if (where) map.once("idle", () => where && choose(map.project(where)));
  });
  // A link to a cell in the page's table shows it on the map instead of leaving the page.
  (holder.closest("section") ?? document).addEventListener("click", (e) => {
    const a = e.target.closest("a[data-map-cell]");
    if (!a || e.ctrlKey || e.metaKey || !holder.classList.contains("on")) return;
    const [lon, lat] = a.dataset.mapCell.split(",").map(Number);
    if (!Number.isFinite(lon) || !Number.isFinite(lat)) return;
    e.preventDefault();
    map.jumpTo({ center: [lon, lat], zoom: Math.max(map.getZoom(), 9) });
    map.once("idle", () => choose(map.project([lon, lat])));
    holder.scrollIntoView({ block: "nearest", behavior: still.matches ? "auto" : "smooth" });
  });
}

