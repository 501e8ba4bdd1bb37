package portal

import (
	"strings"

	"garrigue/internal/geo"
)

// invented reports whether departments are those of the demo: no real code starts so.
func invented(deps []outline) bool {
	for i := range deps {
		if c := deps[i].key.Code(); c != "" && c[0] == 'X' {
			return true
		}
	}
	return false
}

// sea returns the path of the seas near the view, "" away from any.
func (v *view) sea(invented bool) string {
	var b strings.Builder
	for _, ring := range geo.Seas(invented) {
		if !v.near(ring) {
			continue
		}
		for i, p := range ring {
			x, y := v.at(p[0]*1000, p[1]*1000)
			if i == 0 {
				b.WriteString("M")
			} else {
				b.WriteString("L")
			}
			b.WriteString(num(x) + " " + num(y))
		}
		b.WriteString("z")
	}
	return b.String()
}

// near reports whether a ring's box meets the sheet.
func (v *view) near(ring [][2]float64) bool {
	b := geo.Box{MinX: 1e9, MinY: 1e9, MaxX: -1e9, MaxY: -1e9}
	for _, p := range ring {
		b.MinX, b.MinY = min(b.MinX, p[0]*1000), min(b.MinY, p[1]*1000)
		b.MaxX, b.MaxY = max(b.MaxX, p[0]*1000), max(b.MaxY, p[1]*1000)
	}
	return b.MinX < v.maxX && b.MaxX > v.minX && b.MinY < v.maxY && b.MaxY > v.minY
}
