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
