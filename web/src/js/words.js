// The words scripts show, from the same catalogues as the pages.
import fr from "../../../internal/i18n/catalogue/fr/web.json";
import en from "../../../internal/i18n/catalogue/en/web.json";
import oc from "../../../internal/i18n/catalogue/oc/web.json";

const root = document.documentElement;
const catalogues = { fr, en, oc };

/** lang is the language of the page: fr, en or oc. */
export const lang = Object.hasOwn(catalogues, root.lang.slice(0, 2)) ? root.lang.slice(0, 2) : "fr";

/** base is what addresses of pages start with in this language: "" or "/en". */
export const base = root.dataset.base ?? (lang === "fr" ? "" : `/${lang}`);

/** number writes n as the pages do: a no-break space every three digits, a comma in English. */
export function number(n) {
  return String(n).replace(/\B(?=(\d{3})+$)/g, lang === "en" ? "," : "\u00a0");
}

/** t returns the sentence of key, its {0}, {1}… replaced. */
export function t(key, ...args) {
  const s = catalogues[lang][key] ?? fr[key] ?? key;
  return s.replace(/\{(\d)\}/g, (m, i) => args[i] ?? m);
}

/** count returns the sentence of key for n things, n formatted. */
export function count(key, n) {
  const one = n === 1 || (n === 0 && lang !== "en");
  return t(`${key}.${one ? "one" : "other"}`, number(n));
}

/** years says a span of years, or nothing when unknown. */
export function years(first, last) {
  if (!first && !last) return "";
  return first === last || !last ? t("web.years.one", first) : t("web.years.span", first, last);
}
