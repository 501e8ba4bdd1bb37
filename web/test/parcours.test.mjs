// A visitor's way through the atlas, in a real browser: home, search, species, a cell of the
// map, a commune; by mouse, by keyboard, on a phone, at night and without JavaScript. Every
// page must be accessible, silent, sober (nothing leaves the machine) and hold in its width.
//
//   GARRIGUE_BIN=…/garrigue node --test web/test/
//   GARRIGUE_URL=http://127.0.0.1:8080 GARRIGUE_SCREENSHOTS=/tmp/shots node --test web/test/
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { chromium } from "playwright-core";
import { startDemo } from "./server.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browserPath = process.env.GARRIGUE_CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const shots = process.env.GARRIGUE_SCREENSHOTS;
if (shots) mkdirSync(shots, { recursive: true });

const wide = { width: 1280, height: 900 }, phone = { width: 390, height: 844 };
const lizard = { typed: "lezard oc", name: "Lézard ocellé", sci: "Timon lepidus" };
const slow = 60_000; // software WebGL on a busy machine

let demo, browser, commune, taxon, unseen;

before(async () => {
  if (!browserPath) {
    if (process.env.GARRIGUE_TEST_REQUIRE === "all") throw new Error("Chromium is required");
    return;
  }
  demo = await startDemo();
  browser = await chromium.launch({
    executablePath: browserPath,
    // Software WebGL, and none of the browser's own talk to the network.
    args: ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--disable-default-apps", "--no-first-run"],
  });
  const found = await (await fetch(`${demo.url}/api/v1/search?${new URLSearchParams({ q: lizard.typed })}`)).json();
  taxon = found.items.find((h) => h.scientific_name === lizard.sci).cd_ref;
  const areas = await (await fetch(`${demo.url}/api/v1/taxa/${taxon}/areas?kind=commune&limit=1`)).json();
  commune = areas.items[0].code;
  const sensitive = await (await fetch(`${demo.url}/api/v1/taxa?status=sensitive&limit=500`)).json();
  unseen = sensitive.items.find((t) => t.observations === 0).cd_ref; // named by a list, nothing published
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

/** visit opens a context and a page that note whatever goes wrong; done(page) checks that nothing did. */
async function visit(options, body) {
  const context = await browser.newContext({ baseURL: demo.url, viewport: wide, colorScheme: "light", reducedMotion: "reduce", locale: "fr-FR", ...options });
  const page = await context.newPage(), wrong = [];
  // The browser logs a failed document by itself; the statuses below say more.
  page.on("console", (m) => { if (["error", "warning"].includes(m.type()) && !/^Failed to load resource/.test(m.text())) wrong.push(`console ${m.type()}: ${m.text()}`); });
  page.on("pageerror", (e) => wrong.push(`error: ${e.message}`));
  page.on("request", (r) => {
    const u = new URL(r.url());
    if (!["data:", "blob:"].includes(u.protocol) && u.origin !== new URL(demo.url).origin) wrong.push(`request to ${u.origin}`);
  });
  page.on("response", (r) => { if (r.status() >= 400 && !options.expected?.includes(r.status())) wrong.push(`${r.status()} for ${new URL(r.url()).pathname}`); });
  try {
    await body(page);
    assert.deepEqual(wrong.filter((w) => !/GL Driver Message|WebGL: /.test(w)), [], "the page complained");
  } finally {
    await context.close();
  }
}

const shot = async (page, name) => { if (shots) await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true }); };

/** live waits for the live map to have drawn. */
const live = (page) => page.waitForSelector(".map-live.on", { timeout: slow });

/** sound checks what every page owes: no violation, no sideways scroll, one h1, its language. */
async function sound(page) {
  const width = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(width[0] <= width[1], `the page scrolls sideways: ${width[0]} > ${width[1]}`);
  assert.equal(await page.locator("h1").count(), 1, "one title");
  if (!(await page.evaluate(() => typeof axe === "object").catch(() => false))) await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const told = violations.map((v) => `${v.id} (${v.impact}): ${v.help}\n    ${v.nodes.slice(0, 3).map((n) => `${n.target.join(" ")}: ${n.failureSummary?.split("\n")[1]?.trim() ?? ""}`).join("\n    ")}`);
  assert.deepEqual(told, [], `accessibility of ${page.url()}`);
}

/** cellOn finds the middle of a coloured cell on the live map, in page coordinates, by the tiles themselves. */
async function cellOn(page) {
  const { features } = await (await fetch(`${demo.url}/api/v1/taxa/${taxon}/cells`)).json();
  const bound = (await page.locator(".map-live").first().getAttribute("data-bound")).split(",").map(Number);
  const box = await page.locator(".map-live canvas").boundingBox();
  // Web Mercator, the whole bound fitted with 14 px of padding and centred, as the script asks.
  const mercator = (lat) => Math.asinh(Math.tan((lat * Math.PI) / 180)) / (2 * Math.PI);
  const [w, s, e, n] = bound, dx = (e - w) / 360, dy = mercator(n) - mercator(s);
  const scale = Math.min((box.width - 28) / dx, (box.height - 28) / dy);
  const best = features.filter((f) => !f.properties.reasons).sort((a, b) => b.properties.observations - a.properties.observations)[0];
  const ring = best.geometry.coordinates[0].slice(0, 4);
  const lon = ring.reduce((t, p) => t + p[0], 0) / 4, lat = ring.reduce((t, p) => t + p[1], 0) / 4;
  return { x: box.x + box.width / 2 + ((lon - (w + e) / 2) / 360) * scale, y: box.y + box.height / 2 - (mercator(lat) - (mercator(n) + mercator(s)) / 2) * scale, properties: best.properties };
}

describe("the atlas in a browser", { skip: browserPath ? false : "Chromium is not installed (scripts/install-test-deps.sh)" }, () => {
  test("from the home page to a commune, by mouse", { timeout: 240_000 }, () => visit({}, async (page) => {
    await page.goto("/");
    const box = page.locator("main form.search input[name=q]");
    await box.click();
    await box.pressSequentially(lizard.typed, { delay: 30 });
    const row = page.locator("[role=option]", { hasText: lizard.name });
    await row.waitFor();
    assert.equal(await box.getAttribute("aria-expanded"), "true");
    assert.match(await row.locator("mark").first().textContent(), /lézard/i, "what matched is marked");
    assert.match(await page.locator("[role=option]").last().textContent(), /partout/);
    await sound(page);
    await shot(page, "accueil-suggestions");
    await row.click();

    await page.waitForURL(`**/espece/${taxon}`);
    assert.match(await page.locator("h1").textContent(), new RegExp(lizard.name));
    await page.locator(".map-live").first().scrollIntoViewIfNeeded();
    await live(page);
    const cell = await cellOn(page);
    await page.mouse.click(cell.x, cell.y);
    const panel = page.locator(".map-panel");
    await panel.locator(`a[href="/maille/${cell.properties.code}"]`).waitFor();
    assert.match((await panel.textContent()).replace(/\s/g, " "), new RegExp(`${cell.properties.observations} observation`));
    const link = panel.locator('.pop:first-child a[href^="/commune/"]').first();
    await link.waitFor();
    await sound(page);
    await shot(page, "espece-maille-choisie");
    const name = await link.textContent();
    await link.click();

    await page.waitForURL("**/commune/*");
    assert.equal((await page.locator("h1").textContent()).trim().startsWith(name), true, "the commune asked for");
    await sound(page);
  }));

  test("the same by keyboard", { timeout: 240_000 }, () => visit({}, async (page) => {
    await page.goto("/");
    await page.locator("main form.search input[name=q]").focus();
    await page.keyboard.type(lizard.typed, { delay: 30 });
    await page.locator("[role=option]:last-child", { hasText: lizard.typed }).waitFor(); // the list of the whole query
    await page.keyboard.press("ArrowDown");
    const active = await page.locator("main form.search input[name=q]").getAttribute("aria-activedescendant");
    assert.match(await page.locator(`#${active}`).textContent(), new RegExp(lizard.name));
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("main form.search [role=listbox]").isHidden(), true, "Escape closes the list");
    await page.keyboard.press("ArrowDown");
    await page.locator("[role=option]", { hasText: lizard.name }).waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/espece/${taxon}`);
    await page.locator(".map-live").first().scrollIntoViewIfNeeded();
    await live(page);
    await page.locator(".map-live canvas").focus();
    assert.equal(await page.locator(".map-cross").isVisible(), true, "a cross shows what Enter will choose");
    await page.keyboard.press("Enter");
    await page.locator(".map-panel .pop").first().waitFor();
    await page.keyboard.press("Escape");
    assert.equal(await page.locator(".map-panel .pop").count(), 0, "Escape leaves the place");
  }));

  test("years move the map and the figures without leaving the page", { timeout: 240_000 }, () => visit({}, async (page) => {
    await page.goto(`/espece/${taxon}`);
    await page.locator(".map-live").first().scrollIntoViewIfNeeded();
    await live(page);
    await page.evaluate(() => { globalThis.stayed = true; });
    const low = page.locator("form.range input[name=de]");
    const last = Number(await low.getAttribute("max"));
    const tile = page.waitForResponse((r) => r.url().includes(`de=${last}`) && r.url().includes(".mvt") && r.ok());
    await low.focus();
    await page.keyboard.press("End");
    await tile;
    await page.waitForURL(`**de=${last}**`);
    const { features } = await (await fetch(`${demo.url}/api/v1/taxa/${taxon}/cells?from=${last}`)).json();
    const total = features.reduce((n, f) => n + f.properties.observations, 0);
    assert.match((await page.locator("form.range output").textContent()).replace(/[\s\u00a0\u202f]/g, " "), new RegExp(`\\b${total} observation`));
    assert.equal(await page.evaluate(() => globalThis.stayed), true, "the page was not reloaded");
    await shot(page, "espece-derniere-annee");
  }));

  test("without JavaScript", { timeout: 120_000 }, () => visit({ javaScriptEnabled: false }, async (page) => {
    await page.goto("/");
    await page.locator("main form.search input[name=q]").fill(lizard.typed);
    await page.keyboard.press("Enter");
    await page.waitForURL("**/recherche?**");
    await shot(page, "sans-js-recherche");
    await page.locator("main a", { hasText: lizard.name }).first().click();
    await page.waitForURL(`**/espece/${taxon}`);
    assert.ok(await page.locator(".map-live svg").first().isVisible(), "the server's map is there");
    await shot(page, "sans-js-espece");
    await page.locator('main a[href^="/commune/"]').first().click();
    await page.waitForURL("**/commune/*");
    assert.equal(await page.locator("h1").count(), 1);
    await shot(page, "sans-js-commune");
  }));

  test("without WebGL the picture stays", { timeout: 120_000 }, () => visit({ expected: [] }, async (page) => {
    await page.addInitScript(() => { delete globalThis.WebGL2RenderingContext; });
    await page.goto(`/espece/${taxon}`);
    await page.locator(".map-live").first().scrollIntoViewIfNeeded();
    assert.ok(await page.locator(".map-live svg").first().isVisible());
    assert.equal(await page.locator(".map-live canvas").count(), 0);
  }));

  const pages = () => [["accueil", "/"], ["recherche", `/recherche?q=${lizard.typed}`], ["espece", `/espece/${taxon}`], ["commune", `/commune/${commune}`],
    ["especes", "/especes"], ["communes", "/communes"], ["groupe", "/groupe/oiseaux"], ["a-propos", "/a-propos"], ["qui-voit-quoi", "/qui-voit-quoi"], ["en-qui-voit-quoi", "/en/qui-voit-quoi"], ["rien-de-publie", `/espece/${unseen}`],
    ["sensibles", "/especes?statut=sensible"], ["en", "/en/"], ["en-espece", `/en/espece/${taxon}`], ["api", "/api/v1"]];
  for (const [size, viewport] of [["1280", wide], ["390", phone]]) {
    for (const colorScheme of ["light", "dark"]) {
      test(`every page at ${size} pixels, ${colorScheme}`, { timeout: 400_000 }, async (t) => {
        for (const [name, path] of pages()) {
          await t.test(name, () => visit({ viewport, colorScheme, hasTouch: size === "390" }, async (page) => {
            await page.goto(path);
            if (await page.locator(".map-live").count()) {
              await page.locator(".map-live").first().scrollIntoViewIfNeeded();
              await live(page);
            }
            await sound(page);
            await shot(page, `${name}-${size}-${colorScheme}`);
          }));
        }
      });
    }
  }

  test("a page that is not there says so", { timeout: 60_000 }, () => visit({ expected: [404] }, async (page) => {
    const answer = await page.goto("/espece/1");
    assert.equal(answer.status(), 404);
    await sound(page);
  }));
});
