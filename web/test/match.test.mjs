import assert from "node:assert/strict";
import { test } from "node:test";
import { fold, matches } from "../src/js/match.js";

/** marked writes a name with its matched parts in brackets. */
function marked(name, query) {
  let out = "", at = 0;
  for (const [a, b] of matches(name, query)) {
    out += `${name.slice(at, a)}[${name.slice(a, b)}]`;
    at = b;
  }
  return out + name.slice(at);
}

test("fold drops accents, case and ligatures, and knows where each letter came from", () => {
  assert.equal(fold("Œdicnème criard").text, "oedicneme criard");
  assert.deepEqual(fold("Œd").from, [0, 0, 1]);
  assert.equal(fold("L’Hospitalet-près-l'Andorre").text, "l hospitalet pres l andorre");
});

test("what matches is marked as it is written", () => {
  for (const [name, query, want] of [
    ["Lézard ocellé", "lezard oc", "[Lézard] [oc]ellé"],
    ["Timon lepidus", "lepi", "Timon [lepi]dus"],
    ["Œdicnème criard", "oed", "[Œd]icnème criard"],
    ["Saint-Christol-lez-Alès", "lez", "Saint-Christol-[lez]-Alès"],
    ["Saint-Christol-lez-Alès", "ales lez", "Saint-Christol-[lez]-[Alès]"],
    ["Chêne vert", "vert chene", "[Chêne] [vert]"],
    ["Merle noir", "grive", "Merle noir"],
    ["Merle noir", "", "Merle noir"],
    ["Aigle de Bonelli", "nelli", "Aigle de Bo[nelli]"],
    ["Pic épeiche", "PIC É", "[Pic] [é]peiche"],
  ]) assert.equal(marked(name, query), want, `${name} / ${query}`);
});

test("marks never overlap", () => {
  for (const q of ["le lez", "l le lez leza", "aa a", "o oc oce"]) {
    let end = 0;
    for (const [a, b] of matches("Lézard ocellé du Lez aa", q)) {
      assert.ok(a >= end && b > a, `${q}: ${a}-${b} after ${end}`);
      end = b;
    }
  }
});
