package geo

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"
)

// square is a square of a side in degrees whose south-west corner is at lon, lat.
func square(lon, lat, side float64) orb.Polygon {
	return orb.Polygon{{{lon, lat}, {lon + side, lat}, {lon + side, lat + side}, {lon, lat + side}, {lon, lat}}}
}

func areasOf(ps ...orb.Polygon) []Area {
	out := make([]Area, len(ps))
	for i, p := range ps {
		out[i].Geometry = orb.MultiPolygon{p}
	}
	return out
}

func TestIndexBorders(t *testing.T) {
	// 2 3
	// 0 1
	x := NewIndex(areasOf(square(0, 0, 1), square(1, 0, 1), square(0, 1, 1), square(1, 1, 1)))
	for _, c := range []struct {
		why  string
		p    orb.Point
		want int // -1: none
	}{
		{"inside", orb.Point{0.5, 0.5}, 0},
		{"west border", orb.Point{0, 0.5}, 0},
		{"south border", orb.Point{0.5, 0}, 0},
		{"south-west corner", orb.Point{0, 0}, 0},
		{"shared side", orb.Point{1, 0.5}, 1},
		{"shared side", orb.Point{0.5, 1}, 2},
		{"shared corner", orb.Point{1, 1}, 3},
		{"east border", orb.Point{2, 0.5}, -1},
		{"north border", orb.Point{0.5, 2}, -1},
		{"outside", orb.Point{3, 3}, -1},
		{"below", orb.Point{0.5, -1e-9}, -1},
		{"not a number", orb.Point{math.NaN(), 0.5}, -1},
		{"infinite", orb.Point{0.5, math.Inf(-1)}, -1},
	} {
		i, ok := x.At(c.p[0], c.p[1])
		if ok != (c.want >= 0) || ok && i != c.want {
			t.Errorf("%s %v: %d %v, wanted %d", c.why, c.p, i, ok, c.want)
		}
	}
}

func TestIndexOddities(t *testing.T) {
	if _, ok := NewIndex(nil).At(1, 1); ok {
		t.Error("an empty index holds a point")
	}
	if _, _, ok := NewIndex(nil).Holding(orb.LineString{{0, 0}, {1, 1}}); ok {
		t.Error("an empty index holds a line")
	}
	island := orb.Polygon{square(0, 0, 4)[0], square(1, 1, 2)[0]} // a ring around a hole
	areas := areasOf(island, square(1, 1, 2), square(0, 0, 4))
	areas = append([]Area{{Name: "without geometry"}}, areas...)
	x := NewIndex(areas)
	for p, want := range map[orb.Point]int{{0.5, 0.5}: 1, {2, 2}: 2, {1, 1}: 2, {3, 3}: 1} {
		if i, ok := x.At(p[0], p[1]); !ok || i != want {
			t.Errorf("%v is in %d %v, wanted %d", p, i, ok, want)
		}
	}
	point := NewIndex(areasOf(orb.Polygon{{{1, 1}, {1, 1}, {1, 1}, {1, 1}}}))
	if _, ok := point.At(1, 1); ok {
		t.Error("an area without surface holds a point")
	}
}

// Every vertex, every middle of a side, and points at random: of areas that share their
// borders exactly one holds each, and the index says which.
func TestIndexOnCommunes(t *testing.T) {
	o := readOccitanie(t)
	x := NewIndex(o.communes)
	region := newShape(o.regions[0].Geometry)
	holders := func(p orb.Point) (n, first int) {
		for i := range x.areas {
			if x.areas[i].contains(p[0], p[1]) {
				if n == 0 {
					first = i
				}
				n++
			}
		}
		return n, first
	}
	check := func(p orb.Point) {
		n, first := holders(p)
		i, ok := x.At(p[0], p[1])
		if n > 1 || ok != (n == 1) || ok && i != first {
			t.Fatalf("%v is in %d communes; the index says %d %v", p, n, i, ok)
		}
		if in := region.contains(p[0], p[1]); in && n == 0 {
			t.Errorf("%v is in the region and in no commune", p)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range o.communes {
		r := o.communes[i].Geometry[0][0]
		j := 1 + rng.IntN(len(r)-1)
		check(r[j])
		check(orb.Point{(r[j-1][0] + r[j][0]) / 2, (r[j-1][1] + r[j][1]) / 2})
	}
	b := x.bound
	for range 2000 {
		p := orb.Point{b.Min[0] + rng.Float64()*(b.Max[0]-b.Min[0]), b.Min[1] + rng.Float64()*(b.Max[1]-b.Min[1])}
		check(p)
		i, ok := x.At(p[0], p[1])
		if ok && !planar.MultiPolygonContains(o.communes[i].Geometry, p) {
			t.Errorf("%v: an independent test says it is not in %s", p, o.communes[i].Name)
		}
	}
}

func TestHolding(t *testing.T) {
	x := NewIndex(areasOf(square(0, 43, 1), square(1, 43, 1), square(0, 44, 1)))
	for _, c := range []struct {
		why   string
		g     orb.Geometry
		want  int
		share float64 // 0: no area
	}{
		{"point", orb.Point{1.5, 43.5}, 1, 1},
		{"point outside", orb.Point{5, 43.5}, 0, 0},
		{"points", orb.MultiPoint{{1.5, 43.5}, {1.6, 43.5}, {0.5, 43.5}, {9, 43.5}}, 1, 0.5},
		{"line inside", orb.LineString{{0.1, 43.1}, {0.9, 43.9}}, 0, 1},
		{"line across", orb.LineString{{0.75, 43.5}, {1.75, 43.5}}, 1, 0.75},
		{"line half outside", orb.LineString{{1.5, 43.5}, {2.5, 43.5}}, 1, 0.5},
		{"line along a border", orb.LineString{{0.2, 44}, {0.8, 44}}, 0, 1},
		{"line without length", orb.LineString{{1.5, 43.5}, {1.5, 43.5}}, 1, 1},
		{"lines", orb.MultiLineString{{{0.1, 43.2}, {0.9, 43.2}}, {{1.1, 43.2}, {1.3, 43.2}}}, 0, 0.8},
		{"polygon inside", square(0.25, 43.25, 0.5), 0, 1},
		{"the area itself", square(1, 43, 1), 1, 1},
		{"polygon across", square(0.9, 43.25, 0.5), 1, 0.8},
		{"polygon around all", square(-1, 42, 4), 0, 1. / 16},
		{"polygon outside", square(10, 43, 1), 0, 0},
		{"polygon touching a side", square(2, 43, 1), 0, 0},
		{"two parts", orb.MultiPolygon{square(0.1, 43.1, 0.1), square(1.1, 43.1, 0.3)}, 1, 0.9},
		{"hole", orb.Polygon{square(0, 43, 1)[0], {{0, 43}, {1, 43}, {1, 43.9}, {0, 43.9}, {0, 43}}}, 0, 0},
		{"bow tie", orb.Polygon{{{0.5, 43.2}, {1.5, 43.8}, {1.5, 43.2}, {0.5, 43.8}, {0.5, 43.2}}}, 0, 0},
		{"bound", orb.Bound{Min: orb.Point{1.1, 43.1}, Max: orb.Point{1.2, 43.2}}, 1, 1},
		{"collection", orb.Collection{orb.Point{1.5, 43.5}}, 0, 0},
		{"empty", orb.LineString{}, 0, 0},
		{"nothing", nil, 0, 0},
	} {
		i, share, ok := x.Holding(c.g)
		if ok != (c.share > 0) || ok && (i != c.want || math.Abs(share-c.share) > 0.01) {
			t.Errorf("%s: area %d, share %.3f, %v; wanted %d, %.3f", c.why, i, share, ok, c.want, c.share)
		}
	}
}

func TestHoldingCommunes(t *testing.T) {
	o := readOccitanie(t)
	departments, communes := NewIndex(o.departments), NewIndex(o.communes)
	for i := 0; i < len(o.communes); i += 60 {
		c := &o.communes[i]
		j, share, ok := departments.Holding(c.Geometry)
		if !ok || o.departments[j].Key != c.Parent || share < 1-1e-9 {
			t.Errorf("%s is for %.4f in %s", c.Name, share, o.departments[j].Name)
		}
		if j, share, ok = communes.Holding(c.Geometry); !ok || j != i || share < 1-1e-9 {
			t.Errorf("%s is for %.4f in %s", c.Name, share, o.communes[j].Name)
		}
	}
}

func BenchmarkIndexAt(b *testing.B) {
	o := readOccitanie(b)
	x := NewIndex(o.communes)
	rng := rand.New(rand.NewPCG(1, 2))
	ps := make([]orb.Point, 1<<16)
	for i := range ps {
		ps[i] = orb.Point{x.bound.Min[0] + rng.Float64()*(x.bound.Max[0]-x.bound.Min[0]),
			x.bound.Min[1] + rng.Float64()*(x.bound.Max[1]-x.bound.Min[1])}
	}
	b.ResetTimer()
	for i := range b.N {
		p := ps[i&(1<<16-1)]
		x.At(p[0], p[1])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "points/s")
}

func BenchmarkNewIndex(b *testing.B) {
	o := readOccitanie(b)
	for b.Loop() {
		NewIndex(o.communes)
	}
}

func BenchmarkHolding(b *testing.B) {
	o := readOccitanie(b)
	x := NewIndex(o.communes)
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name string
		side float64
	}{{"100m", 0.001}, {"1km", 0.01}, {"10km", 0.1}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				x.Holding(square(1+rng.Float64()*2, 43+rng.Float64(), c.side))
			}
		})
	}
}
