// Which part of a name a query matches, accents, case and ligatures apart; pure, tested alone.

/** fold removes accents and case, and returns for each letter left the index it came from. */
export function fold(s) {
  const letters = [], from = [];
  for (let i = 0; i < s.length; i++) {
    const c = s[i].toLowerCase().normalize("NFD").replace(/[\u0300-\u036f]/g, "").replace("œ", "oe").replace("æ", "ae").replace(/[’'‐-]/g, " ");
    for (const l of c) { letters.push(l); from.push(i); }
  }
  return { text: letters.join(""), from };
}

/** matches returns the spans [start, end) of name that the words of query match, in order. */
export function matches(name, query) {
  const f = fold(name), spans = [];
  for (const w of fold(query).text.split(/\s+/).filter(Boolean)) {
    let at = f.text.startsWith(w) ? 0 : f.text.indexOf(` ${w}`) + 1;
    if (at === 0 && !f.text.startsWith(w)) at = f.text.indexOf(w);
    if (at >= 0) spans.push([f.from[at], (f.from[at + w.length - 1] ?? name.length - 1) + 1]);
  }
  spans.sort((a, b) => a[0] - b[0]);
  return spans.filter((s, i) => i === 0 || s[0] >= spans[i - 1][1]);
}
