// Checks the colour tokens of src/css/tokens.css, day and night: contrast of the pairs that
// meet on a page (WCAG 2.2: text 4.5, body text 7, edges of controls 3), ramps of the maps
// strictly monotone in lightness, official red-list colours readable. Fails on a miss.
import { readFileSync } from 'node:fs'

const css = readFileSync(new URL('src/css/tokens.css', import.meta.url), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '')

// tokens returns the colour tokens of the block that follows a selector.
function tokens(selector) {
  const at = css.indexOf(selector)
  if (at < 0) throw new Error(`tokens.css has no ${selector}`)
  const block = css.slice(at, css.indexOf('}', at))
  return Object.fromEntries([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})\b/gi)].map((m) => [m[1], m[2]]))
}

const day = tokens(':root')
const modes = { day, night: { ...day, ...tokens(':root[data-mode=dark]') } }

const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
const rgb = (hex) => [1, 3, 5].map((i) => linear(parseInt(hex.slice(i, i + 2), 16) / 255))
const luminance = (hex) => { const [r, g, b] = rgb(hex); return 0.2126 * r + 0.7152 * g + 0.0722 * b }
const contrast = (a, b) => { const x = luminance(a), y = luminance(b); return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05) }

const body = [['ink', ['ground', 'surface', 'sunken', 'veil-ground']]]
const text = [
  ['ink-2', ['ground', 'surface', 'sunken']], ['ink-3', ['ground', 'surface', 'sunken', 'plate']],
  ['link', ['ground', 'surface', 'sunken', 'action-ground', 'veil-ground', 'accent-ground', 'danger-ground']],
  ['on-action', ['action', 'action-hover']], ['action', ['ground', 'surface', 'action-ground']], ['ink', ['action-ground']],
  ['veil', ['ground', 'surface', 'veil-ground']], ['accent', ['ground', 'surface', 'accent-ground']],
  ['danger', ['ground', 'surface', 'danger-ground']], ['map-ink', ['map-land', 'map-out']], ['water-ink', ['water']],
]
const edges = [['line-strong', ['ground', 'surface']], ['accent-strong', ['surface']], ['veil', ['map-land']]]

let misses = 0, pairs = 0
const miss = (what) => { misses++; console.error(what) }

for (const [mode, t] of Object.entries(modes)) {
  for (const [least, list] of [[7, body], [4.5, text], [3, edges]]) {
    for (const [front, backs] of list) {
      for (const back of backs) {
        pairs++
        if (!t[front] || !t[back]) { miss(`${mode}: no token ${t[front] ? back : front}`); continue }
        const c = contrast(t[front], t[back])
        if (c < least) miss(`${mode}: ${front} on ${back} ${c.toFixed(2)}, wanted ${least}`)
      }
    }
  }
  for (const [ramp, n] of [['seq', 6], ['rec', 5]]) {
    const steps = Array.from({ length: n }, (_, i) => t[`${ramp}-${i + 1}`])
    if (steps.some((s) => !s)) { if (ramp === 'seq') miss(`${mode}: ramp ${ramp} is incomplete`); continue }
    const l = steps.map(luminance)
    const up = l[1] > l[0]
    if (!l.every((x, i) => !i || (up ? x > l[i - 1] : x < l[i - 1]))) miss(`${mode}: ramp ${ramp} is not monotone`)
  }
}
for (const [code, ink] of Object.entries({ cr: '#ffffff', en: '#000000', vu: '#000000', nt: '#000000', lc: '#000000', dd: '#000000' })) {
  pairs++
  const c = contrast(ink, day[`rl-${code}`])
  if (c < 4.5) miss(`red list ${code}: ${c.toFixed(2)}`)
}
console.log(`${pairs} pairs, ${misses} missed`)
process.exit(misses ? 1 : 0)
