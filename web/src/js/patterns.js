// The textures of less precise areas, and of cells searched in vain, drawn at twice the size for sharp screens.

const ratio = 2;

function drawn(size, colour, draw) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size * ratio;
  const g = canvas.getContext("2d");
  g.scale(ratio, ratio);
  g.strokeStyle = g.fillStyle = colour;
  draw(g, size);
  return g.getImageData(0, 0, canvas.width, canvas.height);
}

/** hatch: lines at 45°, for squares. The three strokes make the tile continuous at its corners. */
const hatch = (g, s) => {
  g.lineWidth = 1;
  g.beginPath();
  for (const d of [-s, 0, s]) { g.moveTo(d - 1, s + 1); g.lineTo(d + s + 1, -1); }
  g.stroke();
};

/** faint: the same, for what is much larger. */
const faint = (g, s) => {
  g.globalAlpha = 0.45;
  hatch(g, s);
};

/** dots: staggered, for communes. */
const dots = (g, s) => {
  for (const [x, y] of [[s / 4, s / 4], [(3 * s) / 4, (3 * s) / 4]]) {
    g.beginPath();
    g.arc(x, y, 0.8, 0, 2 * Math.PI);
    g.fill();
  }
};

/** ruled: level lines, for cells where the taxon was searched and not seen. */
const ruled = (g, s) => {
  g.globalAlpha = 0.6;
  g.fillRect(0, s / 2, s, 0.8);
};

/** putPatterns adds or redraws the textures of a map, in the colours of its palette. */
export function putPatterns(map, c) {
  for (const [name, size, draw, colour] of [["hatch", 6, hatch, c.veil], ["sparse", 12, faint, c.veil], ["dots", 5, dots, c.veil], ["ruled", 6, ruled, c["ink-3"]]]) {
    const image = drawn(size, colour, draw);
    if (map.hasImage(name)) map.updateImage(name, image);
    else map.addImage(name, image, { pixelRatio: ratio });
  }
}
