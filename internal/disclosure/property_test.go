package disclosure

import (
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"garrigue/internal/geo"
	"garrigue/internal/needs"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
)

// newLand returns an invented territory with communes of 3 to 200 km² in three departments,
// all off the mesh, whose kinds have about the mean surfaces of Occitanie.
func newLand(t testing.TB) *world {
	t.Helper()
	w, r := newWorld(), rand.New(rand.NewPCG(7, 76))
	n := 0
	w.cut(r, &n, geo.AdminKey(geo.Department, "X1"), rect{600_700, 6_200_300, 663_100, 6_310_900})
	w.cut(r, &n, geo.AdminKey(geo.Department, "X2"), rect{663_100, 6_200_300, 721_600, 6_252_200})
	w.cut(r, &n, geo.AdminKey(geo.Department, "X3"), rect{663_100, 6_252_200, 721_600, 6_310_900})
	least, most := 1e12, 0.0
	for _, a := range w.order {
		if a.Kind() == geo.Commune {
			least, most = min(least, w.areas[a].surface()), max(most, w.areas[a].surface())
		}
	}
	if mean := w.means(geo.Commune); mean < 13e6 || mean > 20e6 || least < 2.9e6 || most < 100e6 || most > 200e6 {
		t.Fatalf("communes of %.1f to %.1f km², %.1f on average", least/1e6, most/1e6, mean/1e6)
	}
	return w
}

// cut divides a rectangle of a department into communes.
func (w *world) cut(r *rand.Rand, n *int, department geo.AreaKey, a rect) {
	// Small communes are common, large ones rare.
	if s := a.surface() / 1e6; s < 10 || s < 200 && r.Float64() < 9/s {
		*n++
		w.add(geo.AdminKey(geo.Commune, fmt.Sprintf("X%04d", *n)), a)
		w.add(department, a)
		w.add(geo.AdminKey(geo.Region, "X"), a)
		return
	}
	one, other, at := a, a, 0.3+0.4*r.Float64()
	if a.x1-a.x0 > a.y1-a.y0 {
		one.x1 = float64(int(a.x0 + at*(a.x1-a.x0)))
		other.x0 = one.x1
	} else {
		one.y1 = float64(int(a.y0 + at*(a.y1-a.y0)))
		other.y0 = one.y1
	}
	w.cut(r, n, department, one)
	w.cut(r, n, department, other)
}

// odd is a policy no guide describes, whose levels are not each coarser than the former.
func odd() Policy {
	return Policy{Version: "odd", Levels: [5][]geo.Kind{
		1: {geo.Region, geo.Commune}, 2: {geo.Department, geo.Cell1, geo.Cell10}, 3: {geo.Cell10, geo.Cell20, geo.Cell50}}}
}

// policies are those the properties are checked under, settled for a territory.
func policies(t testing.TB, mean func(geo.Kind) float64) (out []Policy) {
	own := SINP() // where a list means something else by a level
	own.Version = "own"
	own.Scale = []LevelRule{{List: "LR", Level: 1, Kinds: []geo.Kind{geo.Cell10, geo.Department}}, {List: "MP", Level: 3, Kinds: []geo.Kind{geo.Cell50}},
		{List: "A", Level: 2}}
	for _, p := range []Policy{SINP(), MeshOnly(), odd(), own} {
		for _, mesh := range []geo.Kind{geo.Cell5, geo.Cell2, geo.Cell10} {
			out = append(out, settled(t, p, mesh, mean))
		}
	}
	return out
}

func drawObservation(t *rapid.T, w *world) *observation.Observation {
	o := &observation.Observation{CdRef: 1, CdNom: 1, Presence: observation.Present,
		Sensitivity: sensitivity.Level(rapid.IntRange(0, 3).Draw(t, "level")),
		StatedLevel: sensitivity.Level(rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3}).Draw(t, "stated")),
		Public:      rapid.SampledFrom([]string{"Pu", "Pr", "NSP", ""}).Draw(t, "public"),
		Diffusion:   rapid.SampledFrom([]string{"", "0", "1", "2", "3", "5"}).Draw(t, "diffusion"),
		Consent:     rapid.SampledFrom([]string{"", "", "0", "1", "2", "3", "5"}).Draw(t, "choice")}
	whole := w.whole()
	x := float64(rapid.IntRange(int(whole.x0), int(whole.x1)-1).Draw(t, "x"))
	y := float64(rapid.IntRange(int(whole.y0), int(whole.y1)-1).Draw(t, "y"))
	r := rect{x, y, x, y}
	switch rapid.IntRange(0, 3).Draw(t, "shape") {
	case 0:
		k := rapid.SampledFrom(w.order).Draw(t, "attached")
		if k.Kind() == geo.Region || rapid.Bool().Draw(t, "to a cell") {
			k = geo.CellAt(rapid.SampledFrom([]geo.Kind{geo.Cell1, geo.Cell2, geo.Cell10, geo.Cell20}).Draw(t, "cell"), x, y)
		}
		o.Place = w.place(w.rect(k))
		o.Place.Attached = k
		o.Place.Georeference = observation.ByCell
		switch k.Kind() {
		case geo.Commune:
			o.Place.Georeference = observation.ByCommune
		case geo.Department:
			o.Place.Georeference = observation.ByDepartment
		}
		return o
	case 1:
		r.x1 = min(x+float64(rapid.IntRange(0, 12_000).Draw(t, "width")), whole.x1-1)
		r.y1 = min(y+float64(rapid.IntRange(0, 12_000).Draw(t, "height")), whole.y1-1)
	}
	o.Place = w.place(r)
	o.Place.Uncertainty = rapid.SampledFrom([]int{0, 0, 0, 10, 200, 3000}).Draw(t, "uncertainty")
	return o
}

func (w *world) whole() rect {
	for _, a := range w.order {
		if a.Kind() == geo.Region {
			return w.areas[a]
		}
	}
	return rect{}
}

func (w *world) support(o *observation.Observation) rect {
	if o.Place.Attached != 0 {
		return w.rect(o.Place.Attached)
	}
	b := o.Place.Box
	return rect{b.MinX, b.MinY, b.MaxX, b.MaxY}
}

// many draws often enough for what seldom meets: an odd policy, a shape across an edge.
func many(t *testing.T, f func(t *rapid.T)) {
	rapid.Check(t, func(t *rapid.T) {
		for range 30 {
			f(t)
		}
	})
}

// surfaceOf is the mean surface of a kind, cells by their side.
func surfaceOf(k geo.Kind, mean func(geo.Kind) float64) float64 {
	if m := float64(k.Mesh()) * 1000; m > 0 {
		return m * m
	}
	return mean(k)
}

// TestNeverFiner: whatever is shown holds the true place, is of a kind at least as large on
// average as the mesh and as each constraint asks for, and is listed only where it is wholly
// held.
func TestNeverFiner(t *testing.T) {
	w := newLand(t)
	all := policies(t, w.means)
	many(t, func(t *rapid.T) {
		o := drawObservation(t, w)
		p := rapid.SampledFrom(all).Draw(t, "policy")
		got, ok := Publish(o, &p, w, Public)
		if !ok {
			return
		}
		sup := w.support(o)
		if !w.rect(got.Area).meets(sup) {
			t.Fatalf("%v is not where the place is", got.Area)
		}
		if o.Place.Attached.Kind().Mesh() == 0 && sup.x0 == sup.x1 && sup.y0 == sup.y1 && !w.rect(got.Area).holds(sup) {
			t.Fatalf("%v does not hold the point", got.Area)
		}
		if size := max(sup.x1-sup.x0, sup.y1-sup.y0); o.Place.Attached == 0 && got.Area.Kind() != geo.Region && surfaceOf(got.Area.Kind(), w.means) < size*size {
			t.Fatalf("%v for a shape of %v m", got.Area, size)
		}
		level := o.Sensitivity | o.StatedLevel // of any kind
		wish, choice := consentLevels(o)
		consent := max(wish, choice)
		if !got.Blurred {
			if level > 0 || consent > 0 || got.Area.Kind() != p.Mesh {
				t.Fatalf("level %d, consent %d shown as ordinary at %v", level, consent, got.Area)
			}
			return
		}
		if got.AltitudeMin != observation.NoAltitude || got.AltitudeMax != observation.NoAltitude {
			t.Fatal("altitude of a blurred observation")
		}
		for _, k := range got.Within {
			if !w.rect(k).holds(w.rect(got.Area)) || k == got.Area {
				t.Fatalf("listed in %v, which does not hold %v", k, got.Area)
			}
		}
		kind := got.Area.Kind()
		own := surfaceOf(kind, w.means)
		itself := got.Area == o.Place.Attached && kind.Mesh() == 0
		if own < surfaceOf(p.Mesh, w.means) && !itself {
			t.Fatalf("%v is finer than the mesh", got.Area)
		}
		for _, l := range []sensitivity.Level{o.Sensitivity, o.StatedLevel, wish, choice} {
			if l == 0 || itself && slices.Contains(p.Levels[l], kind) {
				continue
			}
			if own < surfaceOf(p.Kinds(l)[0], w.means) {
				t.Fatalf("level %d: %v is finer than %v", l, kind, p.Kinds(l)[0])
			}
		}
		if strict := slices.Concat(p.Kinds(o.Sensitivity), p.Kinds(o.StatedLevel), p.Kinds(wish), p.Kinds(choice)); level+consent > 0 && kind != geo.Region && !itself && !slices.Contains(strict, kind) {
			t.Fatalf("levels %d and %d shown by %v", level, consent, kind)
		}
	})
}

// TestWhoAsks: a level, a wish and a choice weigh the same, whichever of them asks for which.
func TestWhoAsks(t *testing.T) {
	w := newLand(t)
	all := policies(t, w.means)
	many(t, func(t *rapid.T) {
		o := drawObservation(t, w)
		p := rapid.SampledFrom(all).Draw(t, "policy")
		x, y := rapid.IntRange(0, 3).Draw(t, "one"), rapid.IntRange(0, 3).Draw(t, "other")
		third := rapid.IntRange(0, 3).Draw(t, "third")
		o.Public, o.StatedLevel = "Pr", 0
		var first Published
		shown := false
		for i, l := range [][3]int{{x, y, third}, {y, x, third}, {third, y, x}, {x, third, y}} {
			o.Sensitivity, o.Diffusion, o.Consent = sensitivity.Level(l[0]), fmt.Sprint(l[1]), fmt.Sprint(l[2])
			got, ok := Publish(o, &p, w, Public)
			if i == 0 {
				first, shown = got, ok
			}
			if ok != shown || got.Area != first.Area {
				t.Fatalf("levels %v: %v %v, the other way %v %v", l, first.Area, shown, got.Area, ok)
			}
		}
	})
}

// TestConsentOnlyBlurs: a producer's wish never makes an observation finer than without it.
func TestConsentOnlyBlurs(t *testing.T) {
	w := newLand(t)
	all := policies(t, w.means)
	many(t, func(t *rapid.T) {
		o := drawObservation(t, w)
		p := rapid.SampledFrom(all).Draw(t, "policy")
		free := *o
		free.Public = "Pu"
		a, ok := Publish(o, &p, w, Public)
		z, free1 := Publish(&free, &p, w, Public)
		if !ok {
			return
		}
		if !free1 {
			if w.At(geo.Commune, o.Place.Lon, o.Place.Lat) == 0 {
				return // a commune is asked for and there is none: it is a cell across the edge of the territory
			}
			t.Fatalf("withheld without a wish, shown at %v with it", a.Area)
		}
		if surfaceOf(a.Area.Kind(), w.means) < surfaceOf(z.Area.Kind(), w.means) {
			t.Fatalf("shown at %v with a wish, at %v without", a.Area, z.Area)
		}
	})
}

// TestMovedInside: moving a blurred point anywhere inside its disclosed area, into whatever
// commune and cell, changes nothing that is seen.
func TestMovedInside(t *testing.T) {
	w := newLand(t)
	all := policies(t, w.means)
	if got := fmt.Sprint(all[0].Kinds(1), all[1].Kinds(1)); got != "[cell5 cell10 department] [commune cell10 department]" {
		t.Fatalf("level 1 is settled as %s", got)
	}
	moved := map[geo.Kind]int{}
	many(t, func(t *rapid.T) {
		o := drawObservation(t, w)
		p := rapid.SampledFrom(all).Draw(t, "policy")
		if o.Place.Attached != 0 || o.Place.Box.MinX != o.Place.Box.MaxX || o.Place.Box.MinY != o.Place.Box.MaxY {
			return
		}
		a, ok := Publish(o, &p, w, Public)
		if !ok || !a.Blurred {
			if wish, choice := consentLevels(o); ok != (max(o.Sensitivity, o.StatedLevel, wish, choice) == 0) {
				t.Fatal("a point of the territory is withheld")
			}
			return
		}
		r, whole := w.rect(a.Area), w.whole()
		x := float64(rapid.IntRange(int(max(r.x0, whole.x0)), int(min(r.x1, whole.x1))-1).Draw(t, "new x"))
		y := float64(rapid.IntRange(int(max(r.y0, whole.y0)), int(min(r.y1, whole.y1))-1).Draw(t, "new y"))
		o2 := *o
		o2.Place = w.place(rect{x, y, x, y})
		o2.Place.Uncertainty = o.Place.Uncertainty
		o2.Place.AltitudeMin, o2.Place.Name, o2.Comment, o2.ID = 900, "ailleurs", "autre", 77
		moved[a.Area.Kind()]++
		if z, ok := Publish(&o2, &p, w, Public); !ok || !reflect.DeepEqual(a, z) {
			t.Fatalf("moved to %v, %v: %+v became %+v", x, y, a, z)
		}
	})
	for _, k := range []geo.Kind{geo.Commune, geo.Department, geo.Cell5, geo.Cell10, geo.Cell50} {
		if moved[k] == 0 {
			t.Errorf("nothing was moved inside a %v", k)
		}
	}
}

// occitanie reads the shared outlines, skipping the test when they are not here.
func occitanie(t testing.TB) (communes, all []geo.Area) {
	t.Helper()
	region := geo.AdminKey(geo.Region, "76")
	for _, f := range []struct {
		name string
		kind geo.Kind
	}{{"communes-occitanie.geojson.gz", geo.Commune}, {"departements-occitanie.geojson", geo.Department}, {"region-occitanie.geojson", geo.Region}} {
		file, err := os.Open(needs.Shared(t, "data", "reference", f.name))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		var r io.Reader = file
		if f.kind == geo.Commune {
			if r, err = gzip.NewReader(file); err != nil {
				t.Fatal(err)
			}
		}
		o := geo.ReadOptions{}
		if f.kind == geo.Department {
			o.Above = region
		}
		for a, err := range geo.ReadAreas(r, f.kind, o) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, a)
			if f.kind == geo.Commune {
				communes = append(communes, a)
			}
		}
	}
	return communes, all
}

// TestChoiceTellsNothing: over the real communes, every point of an area that is disclosed
// for a level gets that same area, so that which area was chosen rules out no part of it.
func TestChoiceTellsNothing(t *testing.T) {
	communes, all := occitanie(t)
	index, in, mean := geo.NewIndex(communes), geo.NewContainment(all), MeanSurfaces(all)
	for mesh, want := range map[geo.Kind]string{geo.Cell5: "[cell5 cell10 department]", geo.Cell2: "[commune cell10 department]"} {
		p := settled(t, SINP(), mesh, mean)
		if got := fmt.Sprint(p.Kinds(1)); got != want {
			t.Fatalf("a commune of %.1f km² on average, mesh %v: level 1 is settled as %s, want %s", mean(geo.Commune)/1e6, mesh, got, want)
		}
		r := rand.New(rand.NewPCG(1, 2))
		shown, points, n := [4]map[geo.AreaKey]int{{}, {}, {}, {}}, map[geo.AreaKey]int{}, 0
		for range 60_000 {
			x, y := 420_000+r.Float64()*430_000, 6_120_000+r.Float64()*320_000
			i, ok := index.At(geo.FromLambert93(x, y))
			if !ok {
				continue
			}
			n++
			c := &communes[i]
			for _, a := range []geo.AreaKey{c.Key, c.Parent, geo.CellAt(geo.Cell5, x, y), geo.CellAt(geo.Cell10, x, y)} {
				points[a]++
			}
			for level := sensitivity.Level(1); level <= 3; level++ {
				o := observation.Observation{CdRef: 1, Presence: observation.Present, Sensitivity: level, Public: "Pu",
					Place: observation.Place{Georeference: observation.ByGeometry, Commune: c.Key, Department: c.Parent,
						Box: geo.Box{MinX: x, MaxX: x, MinY: y, MaxY: y}}}
				got, ok := Publish(&o, &p, in, Public)
				if !ok {
					t.Fatalf("level %d in %s is withheld", level, c.Name)
				}
				shown[level][got.Area]++
			}
		}
		leaks := 0
		for level := range shown {
			for a, s := range shown[level] {
				if s != points[a] {
					leaks++
				}
			}
		}
		if leaks > 0 || n < 30_000 {
			t.Errorf("mesh %v: of %d points, %d areas are disclosed for some of their points only", mesh, n, leaks)
		}
	}
}
