// The two textures of less precise areas, drawn at twice the size for sharp screens.

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

/** dots: staggered, for communes. */
const dots = (g, s) => {
  for (const [x, y] of [[s / 4, s / 4], [(3 * s) / 4, (3 * s) / 4]]) {
    g.beginPath();
    g.arc(x, y, 0.8, 0, 2 * Math.PI);
    g.fill();
  }
};

/** putPatterns adds or redraws the textures of a map in the colour of the veil. */
export function putPatterns(map, colour) {
  for (const [name, size, draw] of [["hatch", 6, hatch], ["dots", 5, dots]]) {
    const image = drawn(size, colour, draw);
    if (map.hasImage(name)) map.updateImage(name, image);
    else map.addImage(name, image, { pixelRatio: ratio });
  }
}
