// The territory's own map style: colours are the page's, read from its custom properties, so
// that a theme or the night changes the map with the rest.

const names = ["map-land", "map-out", "map-line", "map-ink", "ink", "ink-2", "ink-3", "surface", "veil", "cell-line", "water", "water-2", "water-ink", "accent", "accent-strong",
  "seq-1", "seq-2", "seq-3", "seq-4", "seq-5", "seq-6"];

/** palette resolves the page's colours where holder stands, as CSS colours MapLibre reads. */
export function palette(holder) {
  const probe = document.createElement("span");
  probe.hidden = true;
  holder.append(probe);
  const of = getComputedStyle(probe);
  const colours = {};
  for (const n of names) {
    probe.style.color = `var(--${n}, #808080)`;
    colours[n] = of.color;
  }
  const family = of.getPropertyValue("--font-text") || "sans-serif";
  probe.remove();
  colours.fonts = family.split(",").map((f) => f.trim().replace(/^["']|["']$/g, ""));
  return colours;
}

/** measured is the property a map's classes count. */
export const measured = (kind) => (kind === "taxon" ? "n" : "taxa");

/** address returns the tile address of the cells shown, between two years (0: no bound). */
export function address(o, from, to) {
  const q = new URLSearchParams();
  if (o.kind === "taxon") q.set("taxon", o.taxon);
  if (Number(from)) q.set("de", from);
  if (Number(to)) q.set("a", to);
  if (o.snapshot) q.set("s", o.snapshot);
  return `${location.origin}/tuiles/${o.kind === "taxon" ? "" : "richesse/"}{z}/{x}/{y}.mvt?${q}`;
}

const on = (state) => ["boolean", ["feature-state", state], false];
const byZoom = (...stops) => ["interpolate", ["linear"], ["zoom"], ...stops];

/** style returns the whole map for options o (see map.js) and the colours c. */
export function style(o, c) {
  // MapLibre draws the letters itself, from the page's own fonts, since the style names no
  // address for glyphs. It reads the weight in the first name, and quotes none of them.
  const font = (weight) => [...(weight ? [`${c.fonts[0]} ${weight}`] : []), ...c.fonts].map((f) => (/[\s\d]/.test(f) ? `"${f}"` : f));
  const sources = {
    fond: { type: "vector", tiles: [`${location.origin}/tuiles/fond/{z}/{x}/{y}.mvt?${new URLSearchParams(o.snapshot ? { s: o.snapshot } : {})}`], minzoom: 4, maxzoom: 12 },
    cells: { type: "vector", tiles: [address(o, o.from, o.to)], minzoom: 4, maxzoom: 12, promoteId: { mailles: "code", zones: "code" } },
  };
  const layers = [
    { id: "out", type: "background", paint: { "background-color": c["map-out"] } },
    { id: "sea", type: "fill", source: "fond", "source-layer": "mer", paint: { "fill-color": c["water-2"], "fill-antialias": false } },
    ...waterlines(c),
    { id: "land", type: "fill", source: "fond", "source-layer": "departements", paint: { "fill-color": c["map-land"], "fill-antialias": false } },
  ];
  if (o.background) {
    sources.background = { type: "raster", tiles: [o.background], tileSize: 256 };
    layers.push({ id: "background", type: "raster", source: "background", paint: { "raster-fade-duration": 0 } });
  }
  layers.push(...searched(o), ...zonesUnder(c), ...cells(o, c), ...lines(o, c), ...zonesOver(c), ...chosen(c), ...labels(o, c, font));
  return { version: 8, sources, layers, transition: { duration: 0 } };
}

const zones = (kinds) => ["in", ["get", "kind"], ["literal", kinds]];
const squares = ["cell1", "cell2", "cell5", "cell10"];
const large = ["cell20", "cell50"];
const wide = ["department", "region"];

/**
 * waterlines are the coast's, as on survey sheets: lines along the shore, fainter as they leave it. Each
 * is a wide stroke whose middle the next ones cover and whose inner half the land does, so that a jagged
 * coast makes no knots.
 */
function waterlines(c) {
  const base = { type: "line", source: "fond", "source-layer": "cote", layout: { "line-join": "round", "line-cap": "round" } };
  const wide = (w) => byZoom(6, w * 1.6, 12, w * 4);
  return [[15, 0.3, c["water-2"]], [9, 0.45, c["water-2"]], [4, 0.6, c.water]].flatMap(([far, opacity, inner], i) => [
    { ...base, id: `wave-${i}`, paint: { "line-color": c["water-ink"], "line-opacity": opacity, "line-width": wide(far) } },
    { ...base, id: `wave-${i}-in`, paint: { "line-color": inner, "line-width": byZoom(6, far * 1.6 - 1.5, 12, far * 4 - 1.8) } },
  ]);
}

/** searched rules the cells where a taxon was not seen though its group was, below all else. */
function searched(o) {
  return o.kind === "taxon" ? [{ id: "searched", type: "fill", source: "cells", "source-layer": "cherchees", paint: { "fill-pattern": "ruled" } }] : [];
}

/** zonesUnder fills the less precise areas, under the cells: a light ground and a texture, the largest first. */
function zonesUnder(c) {
  const base = { type: "fill", source: "cells", "source-layer": "zones" };
  return [
    { ...base, id: "zone-ground", paint: { "fill-color": c.veil, "fill-opacity": 0.06, "fill-antialias": false } },
    { ...base, id: "zone-wide", filter: zones(wide), paint: { "fill-pattern": "sparse" } },
    { ...base, id: "zone-large", filter: zones(large), paint: { "fill-pattern": "sparse" } },
    { ...base, id: "zone-square", filter: zones(squares), paint: { "fill-pattern": "hatch" } },
    { ...base, id: "zone-commune", filter: zones(["commune"]), paint: { "fill-pattern": "dots" } },
  ];
}

/** cells colours the mesh by class; the line between cells is always drawn, pale classes rely on it. */
function cells(o, c) {
  const steps = o.classes.flatMap((low, i) => (i === 0 ? [c["seq-1"]] : [low, c[`seq-${i + 1}`]]));
  const colour = o.classes.length > 1 ? ["step", ["get", measured(o.kind)], ...steps] : c["seq-4"];
  const base = { source: "cells", "source-layer": "mailles" };
  return [
    { ...base, id: "cell", type: "fill", paint: { "fill-color": colour, "fill-opacity": o.background ? 0.85 : 1, "fill-antialias": false } },
    { ...base, id: "cell-line", type: "line", paint: { "line-color": c["cell-line"], "line-opacity": 0.2, "line-width": byZoom(6, 0.5, 10, 1) } },
  ];
}

/** lines draws communes, departments and the territory, and the outline of the page's own area. */
function lines(o, c) {
  const base = { type: "line", source: "fond", layout: { "line-join": "round" } };
  const out = [
    { ...base, id: "commune", "source-layer": "communes", minzoom: 8, paint: { "line-color": c["map-line"], "line-width": byZoom(8, 0.4, 12, 1.2), "line-opacity": byZoom(8, 0.25, 9.5, 0.55, 11, 0.9) } },
    { ...base, id: "department", "source-layer": "departements", paint: { "line-color": c["map-line"], "line-width": byZoom(6, 0.9, 12, 2.4) } },
    { ...base, id: "region", "source-layer": "region", paint: { "line-color": c["ink-2"], "line-width": byZoom(6, 1.2, 12, 2.6) } },
  ];
  if (o.area) {
    const [kind, code] = o.area.split(":");
    const layer = { commune: "communes", department: "departements", region: "region" }[kind];
    if (layer) {
      const mine = { ...base, "source-layer": layer, filter: ["==", ["get", "code"], code] };
      out.push({ ...mine, id: "own-halo", paint: { "line-color": c.surface, "line-width": 6 } }, { ...mine, id: "own", paint: { "line-color": c.accent, "line-width": 3 } });
    }
  }
  return out;
}

/**
 * zonesOver outlines the less precise areas, over the cells: solid for squares, dashed for communes, double
 * for departments. Thin when the whole territory is in view, where there may be a hundred of them.
 */
function zonesOver(c) {
  const base = { type: "line", source: "cells", "source-layer": "zones", layout: { "line-join": "round" } };
  const thin = byZoom(7, 0.8, 9, 1.1, 11, 1.7);
  return [
    { ...base, id: "zone-wide-line", filter: zones(wide), paint: { "line-color": c.veil, "line-width": byZoom(7, 0.7, 11, 1.3), "line-gap-width": byZoom(7, 1.2, 11, 2.4), "line-opacity": 0.75 } },
    { ...base, id: "zone-commune-line", filter: zones(["commune"]), paint: { "line-color": c.veil, "line-width": thin, "line-dasharray": [4, 2.5], "line-opacity": byZoom(8, 0.7, 10, 1) } },
    { ...base, id: "zone-square-line", filter: zones([...squares, ...large]), paint: { "line-color": c.veil, "line-width": thin, "line-opacity": byZoom(8, 0.85, 10, 1) } },
  ];
}

/** chosen draws the double outline of what the pointer is on and of what is chosen. */
function chosen(c) {
  const out = [];
  for (const layer of ["zones", "mailles"]) {
    const base = { type: "line", source: "cells", "source-layer": layer, layout: { "line-join": "miter" } };
    out.push(
      { ...base, id: `${layer}-halo`, paint: { "line-color": c.surface, "line-width": ["case", on("chosen"), 6, on("over"), 4, 0], "line-opacity": ["case", ["any", on("chosen"), on("over")], 1, 0] } },
      { ...base, id: `${layer}-mark`, paint: { "line-color": c.ink, "line-width": ["case", on("chosen"), 2.8, on("over"), 1.6, 0], "line-opacity": ["case", ["any", on("chosen"), on("over")], 1, 0] } },
    );
  }
  return out;
}

/** labels names departments, then communes, the most visited first; text is drawn with the page's own font. */
function labels(o, c, font) {
  const halo = { "text-halo-color": c["map-land"], "text-halo-width": 1.6, "text-halo-blur": 0.3 };
  const base = { type: "symbol", source: "fond", "source-layer": "labels" };
  const commune = (id, more, filter, size, weight, colour) => ({
    ...base, id, ...more, filter: ["all", ["==", ["get", "kind"], "commune"], filter],
    layout: { "text-field": ["get", "name"], "text-font": font(weight), "text-size": size, "text-max-width": 8, "text-padding": 6, "symbol-sort-key": ["get", "rank"],
      "text-variable-anchor": ["center", "top", "bottom"], "text-radial-offset": 0.3 },
    paint: { "text-color": colour, ...halo },
  });
  return [
    commune("name-small", { minzoom: 10 }, [">=", ["get", "rank"], 120], byZoom(10, 12, 12, 15), "", c["map-ink"]),
    commune("name-middle", { minzoom: 8.5 }, ["all", [">=", ["get", "rank"], 24], ["<", ["get", "rank"], 120]], byZoom(8, 12.5, 12, 17), "", c.ink),
    commune("name-large", { minzoom: 7.2 }, ["all", [">=", ["get", "rank"], 10], ["<", ["get", "rank"], 24]], byZoom(7, 13, 12, 19), "Medium", c.ink),
    commune("name-town", {}, ["<", ["get", "rank"], 10], byZoom(6, 12.5, 8, 15, 12, 20), "Medium", c.ink),
    // Last, so placed first: towns make room around the name of their department.
    { ...base, id: "name-department", maxzoom: 10, filter: ["==", ["get", "kind"], "department"],
      layout: { "text-field": ["get", "name"], "text-font": font(), "text-size": byZoom(6, 11, 9, 15), "text-transform": "uppercase", "text-letter-spacing": 0.12, "text-max-width": 7, "text-padding": 10, "symbol-sort-key": 0 },
      paint: { "text-color": c["ink-2"], ...halo, "text-halo-width": 2.2 } },
  ];
}
