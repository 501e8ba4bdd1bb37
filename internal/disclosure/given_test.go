package disclosure

import (
	"testing"

	"pgregory.net/rapid"

	"garrigue/internal/geo"
	"garrigue/internal/observation"
)

// TestBlurredAtSource: a record its producer blurred is shown in the layers that came with it
// and in no other, never finer than they are, always as blurred; the point that would tell
// more, were one there by mistake, changes nothing.
func TestBlurredAtSource(t *testing.T) {
	w := newLand(t)
	all := policies(t, w.means)
	shown := map[geo.Kind]int{}
	many(t, func(t *rapid.T) {
		o := drawObservation(t, w)
		p := rapid.SampledFrom(all).Draw(t, "policy")
		at := w.support(o)
		where := w.place(rect{at.x0, at.y0, at.x0, at.y0})
		o.Blurring, o.Place = "OUI", observation.Place{}
		if rapid.Bool().Draw(t, "cell given") {
			giveArea(&o.Place, geo.CellAt(rapid.SampledFrom([]geo.Kind{geo.Cell1, geo.Cell2, geo.Cell5, geo.Cell10}).Draw(t, "mesh"), at.x0, at.y0))
		}
		if where.Commune != 0 && rapid.Bool().Draw(t, "commune given") {
			giveArea(&o.Place, where.Commune)
		}
		if where.Department != 0 && rapid.Bool().Draw(t, "department given") {
			giveArea(&o.Place, where.Department)
		}
		got, ok := Publish(o, &p, w, Public)
		if o.Place.Attached == 0 {
			if ok {
				t.Fatal("shown though nothing was given")
			}
			return
		}
		if !ok {
			return
		}
		if !got.Blurred || got.AltitudeMin != observation.NoAltitude || got.AltitudeMax != observation.NoAltitude {
			t.Fatal("shown as if it were precise")
		}
		shown[got.Area.Kind()]++
		cells := o.Place.Attached.Kind().Mesh()
		for _, a := range append([]geo.AreaKey{got.Area}, got.Within...) {
			switch k := a.Kind(); {
			case k == geo.Region:
			case k.Mesh() > 0:
				if cells == 0 || k.Mesh() < cells || !w.rect(a).holds(w.rect(o.Place.Attached)) {
					t.Fatalf("%v: the cell given is %v", a, o.Place.Attached)
				}
			case a != o.Place.Commune && a != o.Place.Department:
				t.Fatalf("%v was not given", a)
			}
		}
		for _, k := range got.Within {
			if !w.rect(k).holds(w.rect(got.Area)) || k == got.Area {
				t.Fatalf("listed in %v, which does not hold %v", k, got.Area)
			}
		}
		hint := *o
		hint.Place.Lon, hint.Place.Lat = 3, 43
		hint.Place.Box = geo.Box{MinX: at.x0, MinY: at.y0, MaxX: at.x0, MaxY: at.y0}
		if z, ok := Publish(&hint, &p, w, Public); !ok || z.Area != got.Area || len(z.Within) != len(got.Within) {
			t.Fatalf("a point left in the record shows it at %v, not %v", z.Area, got.Area)
		}
	})
	for _, k := range []geo.Kind{geo.Commune, geo.Department, geo.Region, geo.Cell5, geo.Cell10} {
		if shown[k] == 0 {
			t.Errorf("nothing was shown at a %v", k)
		}
	}
}

// TestGivenAcrossTheEdge: a cell given alone, of which no level allows a cell, is shown in the region when its middle is
// there, whether or not the region holds the cell whole.
func TestGivenAcrossTheEdge(t *testing.T) {
	w := newLand(t)
	p := settled(t, SINP(), geo.Cell10, w.means)
	region, b := geo.AdminKey(geo.Region, "X"), w.whole()
	across := 0
	for x := b.x0 - 5000; x < b.x1+5000; x += 5000 {
		for y := b.y0 - 5000; y < b.y1+5000; y += 5000 {
			o := observation.Observation{CdRef: 1, Presence: observation.Present, StatedLevel: 3, Blurring: "OUI"}
			giveArea(&o.Place, geo.CellAt(geo.Cell10, x, y))
			r := w.rect(o.Place.Attached)
			_, want := w.at(geo.Region, (r.x0+r.x1)/2, (r.y0+r.y1)/2)
			got, ok := Publish(&o, &p, w, Public)
			if ok != want || ok && (got.Area != region || len(got.Within) > 0) {
				t.Fatalf("%v: shown %v at %v %v, its middle is in the region: %v", o.Place.Attached, ok, got.Area, got.Within, want)
			}
			if ok && !w.rect(region).holds(r) {
				across++
			}
		}
	}
	if across == 0 {
		t.Error("no cell is across the edge")
	}
}

// TestCellOffTheEdge: a record attached to a cell whose middle is outside is in the department that has most of the cell,
// in whatever order departments come.
func TestCellOffTheEdge(t *testing.T) {
	w := newBorders()
	p := settled(t, SINP(), geo.Cell5, w.means)
	b, n := w.whole(), 0
	for x := b.x0 - 5000; x < b.x1+5000; x += 10_000 {
		for y := b.y0 - 5000; y < b.y1+5000; y += 10_000 {
			cell := geo.CellAt(geo.Cell10, x, y)
			r := w.rect(cell)
			if _, inside := w.at(geo.Department, (r.x0+r.x1)/2, (r.y0+r.y1)/2); inside {
				continue
			}
			most, want := 0.0, geo.AreaKey(0)
			for _, a := range w.order {
				d := w.areas[a]
				if part := max(0, min(d.x1, r.x1)-max(d.x0, r.x0)) * max(0, min(d.y1, r.y1)-max(d.y0, r.y0)); a.Kind() == geo.Department && part > most*1.2 {
					most, want = part, a
				}
			}
			if want == 0 {
				continue
			}
			n++
			o := observation.Observation{CdRef: 1, Presence: observation.Present, StatedLevel: 3}
			o.Place = observation.Place{Georeference: observation.ByCell, Attached: cell, Box: cell.Box()}
			if got, ok := Publish(&o, &p, w, Public); ok && w.meets(got.Area, r) < most*0.8 {
				t.Errorf("%v is shown in %v, most of it is in %v", cell, got.Area, want)
			}
		}
	}
	if n == 0 {
		t.Error("no cell is across the edge")
	}
}

// meets returns the surface that an area has in a rectangle.
func (w *world) meets(a geo.AreaKey, r rect) float64 {
	d := w.rect(a)
	return max(0, min(d.x1, r.x1)-max(d.x0, r.x0)) * max(0, min(d.y1, r.y1)-max(d.y0, r.y0))
}
