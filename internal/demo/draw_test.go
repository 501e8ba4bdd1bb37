package demo

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"garrigue/internal/geo"
)

// TestDraw draws the territory, for people to look at when GARRIGUE_DEMO_SVG says where to
// put the picture; GARRIGUE_DEMO_TAXA adds the observations of some species ("*": all).
func TestDraw(t *testing.T) {
	path := os.Getenv("GARRIGUE_DEMO_SVG")
	tr := land()
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1300 1120" style="background:#cfe3ea">`)
	X := func(x float64) float64 { return 20 + x*10.4 }
	Y := func(y float64) float64 { return 1100 - (y+8)*10.2 }
	for _, h := range tr.hexagons {
		l := 92 - h.alt/2000*55
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="2.9" fill="hsl(%.0f,35%%,%.0f%%)"/>`, X(h.x), Y(h.y), 90-h.alt/2000*60, l)
	}
	draw := func(list []outline, style string) {
		for _, o := range list {
			var d strings.Builder
			for _, pg := range o.shape {
				for _, r := range pg {
					for i, p := range r {
						x, y := geo.ToLambert93(p[0], p[1])
						c := "L"
						if i == 0 {
							c = "M"
						}
						fmt.Fprintf(&d, "%s%.1f %.1f", c, X(x/1000-originX), Y(y/1000-originY))
					}
					d.WriteString("Z")
				}
			}
			fmt.Fprintf(&b, `<path d="%s" fill="none" %s/>`, d.String(), style)
		}
	}
	draw(tr.communes, `stroke="#555" stroke-width=".5"`)
	draw(tr.departments, `stroke="#922" stroke-width="1.6"`)
	draw([]outline{tr.region}, `stroke="#124" stroke-width="1.6"`)
	for _, c := range newCountry().rivers {
		var d strings.Builder
		for i, p := range c.points {
			fmt.Fprintf(&d, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[i == 0], X(p.x), Y(p.y))
		}
		fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="#37b" stroke-width="%.1f"/>`, d.String(), 1+2*c.size)
	}
	for _, tn := range tr.towns {
		fmt.Fprintf(&b, `<text x="%.0f" y="%.0f" font-size="13" font-family="serif">%s</text>`, X(tn.at.x), Y(tn.at.y), tn.name)
	}
	if want := os.Getenv("GARRIGUE_DEMO_TAXA"); want != "" {
		entries, err := readEntries(strings.NewReader(taxaFile))
		if err != nil {
			t.Fatal(err)
		}
		w, err := fictionalWorld(tr, entries)
		if err != nil {
			t.Fatal(err)
		}
		o := newObservatory(w, defaultSeed, day(t, "2026-11-21"))
		colours := []string{"#000", "#c00", "#06c", "#a0a", "#e80", "#080"}
		var r record
		for range 100000 {
			o.next(&r)
			for k, name := range strings.Split(want, ",") {
				if name == r.species.name || name == "*" {
					fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s"/>`, X(r.site.x), Y(r.site.y), map[bool]float64{true: .8, false: 3}[name == "*"], colours[k])
				}
			}
		}
	}
	b.WriteString("</svg>")
	if got, want := strings.Count(b.String(), "<path"), len(tr.communes)+len(tr.departments)+1+len(newCountry().rivers); got != want {
		t.Errorf("%d lines drawn, want %d", got, want)
	}
	if path == "" {
		return
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
