// Filters of lists apply as they are changed; without this script their button does.
import { debounce } from "./dom.js";

/** refresh fetches address and replaces the elements chosen by pick by their new versions. */
export async function refresh(address, pick, signal) {
  const answer = await fetch(address, { headers: { Accept: "text/html" }, signal });
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const old of pick(document)) {
    const selector = old.dataset.refresh ? `[data-refresh="${CSS.escape(old.dataset.refresh)}"]` : `#${CSS.escape(old.id)}`;
    const fresh = page.querySelector(selector);
    if (fresh) old.replaceWith(document.importNode(fresh, true));
  }
}

/** addressOf is where a GET form leads, empty fields left out. */
export function addressOf(form) {
  const u = new URL(form.action || location.href);
  u.search = "";
  for (const [k, v] of new FormData(form)) if (v !== "") u.searchParams.append(k, v);
  return u;
}

/** autoSubmit applies a form's filters by itself, replacing only the element data-auto names when it names one. */
export function autoSubmit(form) {
  const target = form.dataset.auto;
  for (const b of form.querySelectorAll("button[type=submit], button:not([type])")) b.classList.add("js-hide");
  let going;
  const apply = async () => {
    if (!target) return form.requestSubmit();
    going?.abort();
    going = new AbortController();
    const u = addressOf(form);
    try {
      await refresh(u, (d) => d.querySelectorAll(target), going.signal);
      history.replaceState(null, "", u);
    } catch (e) {
      if (e.name !== "AbortError") location.href = u;
    }
  };
  const soon = debounce(apply, 350);
  form.addEventListener("change", (e) => { if (e.target.matches("select, input[type=checkbox], input[type=radio]")) apply(); });
  // Without a target a page load would take the caret away: text then waits for Enter.
  if (target) {
    form.addEventListener("input", (e) => { if (e.target.matches("input[type=search], input[type=text], input[type=number]")) soon(); });
    form.addEventListener("submit", (e) => { e.preventDefault(); apply(); });
  }
}
