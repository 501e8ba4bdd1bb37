// Suggestions under the search box: the combobox pattern of WAI-ARIA (list autocomplete).
import { debounce, el } from "./dom.js";
import { matches } from "./match.js";
import { base, count, lang, t } from "./words.js";

let serial = 0;

/** marked returns name as nodes, its matched parts in <mark>. */
function marked(name, query) {
  const nodes = [];
  let at = 0;
  for (const [a, b] of matches(name, query)) {
    if (a > at) nodes.push(name.slice(at, a));
    nodes.push(el("mark", {}, name.slice(a, b)));
    at = b;
  }
  if (at < name.length) nodes.push(name.slice(at));
  return nodes;
}

const areaPages = { commune: "commune", department: "departement" };
const listed = new Set(["ES", "SSES", "VAR", "FO", "AGES"]); // ranks with a sheet of their own; above is a list

/** address is the page of a suggestion. */
function address(hit) {
  if (hit.kind === "taxon") return `${base}/${listed.has(hit.rank) ? "espece" : "liste"}/${hit.cd_ref}`;
  return `${base}/${areaPages[hit.kind] ?? "maille"}/${encodeURIComponent(hit.code)}`;
}

/** label returns the name part of a row: French (or English) name first, scientific in italics, the matched synonym last. */
function label(hit, query) {
  if (hit.kind !== "taxon") return [el("b", {}, ...marked(hit.name, query))];
  const common = lang === "en" ? hit.vernacular_name_en || hit.vernacular_name : hit.vernacular_name;
  const sci = el("i", { lang: "la" }, ...marked(hit.scientific_name, query));
  const out = common ? [el("b", {}, ...marked(common, query)), " ", sci] : [el("b", {}, sci)];
  if (hit.matched && hit.matched !== common && hit.matched !== hit.scientific_name) out.push(" ", el("small", {}, "(", ...marked(hit.matched, query), ")"));
  return out;
}

function kind(hit) {
  if (hit.kind === "taxon") return hit.observations ? count("web.obs", hit.observations) : t("web.unseen");
  const k = t(`web.kind.${hit.kind}`);
  return hit.parent ? `${k}, ${hit.parent}` : k;
}

/** search gives a GET form with an input named q its suggestions. */
export function search(form) {
  const input = form.querySelector("input[name=q]");
  if (!input) return;
  const id = `suggest-${++serial}`;
  const list = el("ul", { id, class: "suggest", role: "listbox", "aria-label": t("web.search.label"), hidden: true });
  const said = el("p", { class: "vh", role: "status" });
  (input.closest(".box") ?? input).after(list);
  list.after(said);
  for (const [k, v] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": id, autocomplete: "off", autocapitalize: "none", spellcheck: "false" })) input.setAttribute(k, v);

  let active = -1, asked = "", going;
  const rows = () => [...list.children];

  const choose = (i) => {
    active = i;
    rows().forEach((r, j) => r.setAttribute("aria-selected", String(i === j)));
    if (i < 0) input.removeAttribute("aria-activedescendant");
    else {
      input.setAttribute("aria-activedescendant", rows()[i].id);
      rows()[i].scrollIntoView({ block: "nearest" });
    }
  };
  const close = () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    choose(-1);
  };
  const go = (row) => {
    if (row.dataset.href) location.href = row.dataset.href;
    else { close(); form.requestSubmit(); }
  };
  const show = (items, query) => {
    const all = el("li", { class: "all" }, el("span", { class: "t" }, t("web.search.all", query)));
    list.replaceChildren(...items.map((h) => el("li", { "data-href": address(h) }, el("span", { class: "t" }, ...label(h, query)), el("span", { class: "k" }, kind(h)))), all);
    rows().forEach((r, i) => { r.id = `${id}-${i}`; r.setAttribute("role", "option"); });
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    choose(-1);
    said.textContent = items.length ? count("web.search.count", items.length) : t("web.search.none");
  };
  const ask = async () => {
    const q = input.value.trim();
    if (q.length < 2) { asked = q; going?.abort(); return close(); }
    if (q === asked && !list.hidden) return;
    asked = q;
    going?.abort();
    going = new AbortController();
    try {
      const answer = await fetch(`/api/v1/search?${new URLSearchParams({ q, limit: "8" })}`, { signal: going.signal, headers: { "Accept-Language": lang } });
      if (!answer.ok) return close();
      const { items } = await answer.json();
      if (document.activeElement === input) show(items, q);
    } catch (e) {
      if (e.name !== "AbortError") close(); // offline: the form itself still works
    }
  };
  input.addEventListener("input", debounce(ask, 120));
  input.addEventListener("focus", () => { if (input.value.trim().length >= 2 && list.hidden && asked !== "") ask(); });
  input.addEventListener("keydown", (e) => {
    const n = rows().length;
    if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      if (list.hidden) return ask();
      e.preventDefault();
      const next = active + (e.key === "ArrowDown" ? 1 : -1);
      choose(next >= n ? -1 : next < -1 ? n - 1 : next);
    } else if (e.key === "Enter" && active >= 0 && !list.hidden) {
      e.preventDefault();
      go(rows()[active]);
    } else if (e.key === "Escape" && !list.hidden) {
      e.preventDefault();
      close();
    }
  });
  // The pointer must not take the focus from the box, or its blur would close the list first.
  list.addEventListener("pointerdown", (e) => e.preventDefault());
  list.addEventListener("click", (e) => {
    const row = e.target.closest("li");
    if (!row) return;
    if (row.dataset.href && (e.ctrlKey || e.metaKey)) window.open(row.dataset.href);
    else go(row);
  });
  list.addEventListener("pointermove", (e) => {
    const row = e.target.closest("li");
    if (row && e.pointerType === "mouse") choose(rows().indexOf(row));
  });
  input.addEventListener("blur", close);
}
