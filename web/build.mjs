// Bundles src/js/main.js and src/css/main.css into internal/portal/assets, with names made
// from their content, a manifest and the licences of what was bundled. Nothing is fetched.
//
//   node web/build.mjs            once
//   node web/build.mjs --watch    again whenever a source changes
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const web = dirname(fileURLToPath(import.meta.url));
const out = join(web, "../internal/portal/assets");
const keep = new Set([".keep", ".gitkeep", ".gitignore"]);

const common = {
  bundle: true, minify: true, absWorkingDir: web, outdir: out, metafile: true, logLevel: "warning",
  legalComments: "none", entryNames: "[name]-[hash]", chunkNames: "[name]-[hash]", assetNames: "[name]-[hash]",
  target: ["es2022", "chrome111", "firefox115", "safari16.4"],
  loader: { ".woff2": "file", ".woff": "empty", ".svg": "file" },
};

/** outputOf returns the file name esbuild gave to an entry. */
function outputOf(meta, entry) {
  for (const [file, o] of Object.entries(meta.outputs)) if (o.entryPoint === entry) return basename(file);
  throw new Error(`no output for ${entry}`);
}

async function run() {
  mkdirSync(out, { recursive: true });
  const before = readdirSync(out).filter((f) => !keep.has(f));

  // The worker is a module of its own that MapLibre starts by its address.
  const worker = readFileSync(join(web, "node_modules/maplibre-gl/dist/maplibre-gl-worker.mjs"), "utf8").replace(/\n\/\/# sourceMappingURL.*\s*$/, "\n");
  const workerName = `map-worker-${createHash("sha256").update(worker).digest("hex").slice(0, 8).toUpperCase()}.js`;
  writeFileSync(join(out, workerName), worker);

  const styles = ["src/js/map.css", "src/css/main.css"].filter((f) => existsSync(join(web, f)));
  const css = await build({ ...common, entryPoints: styles });
  const mapCSS = outputOf(css.metafile, "src/js/map.css");

  const js = await build({
    ...common, entryPoints: ["src/js/main.js"], format: "esm", splitting: true,
    define: { WORKER_FILE: JSON.stringify(workerName), MAP_CSS_FILE: JSON.stringify(mapCSS) },
  });

  const manifest = { "main.js": outputOf(js.metafile, "src/js/main.js"), "map.css": mapCSS, "map-worker.js": workerName };
  if (styles.includes("src/css/main.css")) manifest["main.css"] = outputOf(css.metafile, "src/css/main.css");
  for (const [file, o] of Object.entries(css.metafile.outputs)) {
    const from = Object.keys(o.inputs)[0];
    if (file.endsWith(".woff2") && from) manifest[basename(from)] = basename(file);
  }
  const inputs = [...Object.keys(css.metafile.inputs), ...Object.keys(js.metafile.inputs), "node_modules/maplibre-gl/dist/maplibre-gl-worker.mjs"];
  writeFileSync(join(out, "licences.txt"), licences(inputs));
  writeFileSync(join(out, "manifest.json"), JSON.stringify(Object.fromEntries(Object.entries(manifest).sort()), null, 1) + "\n");

  // Last, so that a server reading the folder never misses a file the manifest names.
  const made = new Set([workerName, "licences.txt", "manifest.json"]);
  for (const m of [css.metafile, js.metafile]) for (const f of Object.keys(m.outputs)) made.add(basename(f));
  for (const f of before) if (!made.has(f)) rmSync(join(out, f), { recursive: true });
  return { made, metas: [css.metafile, js.metafile] };
}

/** licences gathers the licence text of every package that has a file among the inputs. */
function licences(inputs) {
  const packages = new Set();
  for (const i of inputs) {
    const m = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(i);
    if (m) packages.add(m[1]);
  }
  let text = "Garrigue is free software under GPL-3.0-or-later.\nIts pages use the following works, with thanks.\n";
  for (const p of [...packages].sort()) {
    const dir = join(web, "node_modules", p);
    const info = JSON.parse(readFileSync(join(dir, "package.json"), "utf8"));
    const file = readdirSync(dir).find((f) => /^licen[cs]e/i.test(f));
    if (!file) throw new Error(`${p} has no licence file`);
    text += `\n${"=".repeat(72)}\n${p} ${info.version} (${info.license})\n${"=".repeat(72)}\n\n${readFileSync(join(dir, file), "utf8").trim()}\n`;
  }
  return text;
}

const t = Date.now();
const { made, metas } = await run();
const size = metas.flatMap((m) => Object.values(m.outputs)).reduce((n, o) => n + o.bytes, 0);
console.log(`web: ${made.size} files, ${(size / 1024).toFixed(0)} kB, in ${relative(process.cwd(), out) || "."}, ${Date.now() - t} ms`);

if (process.argv.includes("--watch")) {
  let timer;
  watch(join(web, "src"), { recursive: true }, () => {
    clearTimeout(timer);
    timer = setTimeout(() => run().then(() => console.log("web: rebuilt"), (e) => console.error(e.message)), 100);
  });
}
