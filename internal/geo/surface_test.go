package geo

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/paulmach/orb"

	"garrigue/internal/fault"
)

func TestValidate(t *testing.T) {
	for _, g := range everyShape {
		if err := Validate(g); err != nil {
			t.Errorf("%v: %v", g, err)
		}
	}
	for why, g := range map[string]orb.Geometry{
		"nothing":             nil,
		"no point":            orb.MultiPoint{},
		"no part":             orb.MultiPolygon{},
		"empty part":          orb.MultiPolygon{{}},
		"not finite":          orb.Point{math.NaN(), 1},
		"infinite":            orb.LineString{{0, 0}, {math.Inf(1), 1}},
		"line of one point":   orb.LineString{{0, 0}, {0, 0}},
		"bow tie":             orb.Polygon{{{0, 0}, {1, 1}, {1, 0}, {0, 1}, {0, 0}}},
		"open ring":           orb.Polygon{{{0, 0}, {1, 1}, {1, 0}, {0, 1}}},
		"flat ring":           orb.Polygon{{{0, 0}, {1, 1}, {2, 2}, {0, 0}}},
		"short ring":          orb.Polygon{{{0, 0}, {1, 1}, {0, 0}}},
		"hole outside":        orb.Polygon{square(0, 0, 1)[0], square(5, 5, 1)[0]},
		"hole across":         orb.Polygon{square(0, 0, 2)[0], square(1, 1, 2)[0]},
		"overlapping parts":   orb.MultiPolygon{square(0, 0, 2), square(1, 1, 2)},
		"parts sharing sides": orb.MultiPolygon{square(0, 0, 1), square(1, 0, 1)},
		"collection":          orb.Collection{orb.Point{1, 2}},
	} {
		if err := Validate(g); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

func TestSurface(t *testing.T) {
	// The whole ellipsoid GRS80: 510 065 621.7 km² (Moritz 2000).
	world := Surface(orb.Bound{Min: orb.Point{-180, -90}, Max: orb.Point{180, 90}})
	if math.Abs(world/510065621.7e6-1) > 1e-3 { // Simpson over half a meridian
		t.Errorf("the Earth has %.1f km²", world/1e6)
	}
	belts := 0.0
	for lat := -90.0; lat < 90; lat++ {
		belts += Surface(orb.Bound{Min: orb.Point{-180, lat}, Max: orb.Point{180, lat + 1}})
	}
	if math.Abs(belts/510065621.7e6-1) > 1e-9 {
		t.Errorf("the Earth has %.1f km² by belts of a degree", belts/1e6)
	}
	p := square(3, 43, 0.1)
	whole := Surface(p)
	holed := append(p, square(3.02, 43.02, 0.05)[0])
	if got := whole - Surface(holed); math.Abs(got-Surface(square(3.02, 43.02, 0.05))) > 1e-3 {
		t.Errorf("a hole takes %.1f m²", got)
	}
	reversed := orb.Polygon{append(orb.Ring(nil), p[0]...)}
	reversed[0].Reverse()
	if Surface(reversed) != whole {
		t.Error("the turn of a ring changes its surface")
	}
	if Surface(orb.Point{3, 43}) != 0 || Surface(orb.LineString{{3, 43}, {4, 44}}) != 0 || Surface(nil) != 0 {
		t.Error("points and lines have a surface")
	}
	// Cells, whose true surface differs from mesh² by the square of Lambert-93's scale.
	k, _ := ParseCell("10kmL93E057N628")
	if s := Surface(orb.Polygon{CellRing(k)}) / 1e8; math.Abs(s-1) > 0.003 {
		t.Errorf("a 10 km cell counts %.4f of 100 km²", s)
	}
}

// The reference file gives each commune's surface on the ellipsoid, in km² to two decimals.
func TestSurfaceOfCommunes(t *testing.T) {
	var in struct {
		Features []struct {
			Properties struct {
				INSEE   string  `json:"insee"`
				Surface float64 `json:"surface_km2"`
			}
		}
	}
	if err := json.Unmarshal(sharedFile(t, "communes-occitanie.geojson.gz"), &in); err != nil {
		t.Fatal(err)
	}
	total := 0.0
	for i, a := range readOccitanie(t).communes {
		f := in.Features[i].Properties
		total += a.Surface
		if a.Key.Code() != f.INSEE || math.Abs(a.Surface/1e6-f.Surface) > 0.0051 {
			t.Errorf("%s: %.4f km², the file says %.2f", f.INSEE, a.Surface/1e6, f.Surface)
		}
	}
	if math.Abs(total/1e6-73368) > 1 {
		t.Errorf("the communes make %.1f km², the region 73,368", total/1e6)
	}
}

func TestInsidePoint(t *testing.T) {
	horseshoe := orb.Polygon{{{0, 0}, {9, 0}, {9, 9}, {8, 9}, {8, 1}, {1, 1}, {1, 9}, {0, 9}, {0, 0}}}
	ring := orb.Polygon{square(0, 0, 9)[0], square(1, 1, 7)[0]}
	for why, g := range map[string]orb.Geometry{
		"square":    square(3, 43, 1),
		"horseshoe": horseshoe,
		"ring":      ring,
		"parts":     orb.MultiPolygon{square(0, 0, 1), horseshoe, square(20, 0, 2)},
	} {
		p := InsidePoint(g)
		if i, ok := NewIndex([]Area{{Geometry: asMulti(g)}}).At(p[0], p[1]); !ok {
			t.Errorf("%s: %v is not inside %d", why, p, i)
		}
	}
	if p := InsidePoint(square(3, 43, 1)); math.Hypot(p[0]-3.5, p[1]-43.5) > 1e-12 {
		t.Errorf("a square's centre is %v", p)
	}
	if p := InsidePoint(orb.LineString{{1, 1}, {2, 2}, {3, 3}}); p != (orb.Point{2, 2}) {
		t.Errorf("a line's point is %v", p)
	}
	for _, g := range []orb.Geometry{nil, orb.MultiPolygon{}, orb.Polygon{}, orb.Polygon{{}}, orb.MultiPoint{}} {
		if p := InsidePoint(g); p != (orb.Point{}) {
			t.Errorf("%T: %v", g, p)
		}
	}
	for _, a := range readOccitanie(t).communes {
		p := InsidePoint(a.Geometry)
		if s := newShape(a.Geometry); !s.contains(p[0], p[1]) {
			t.Errorf("%s: %v is not inside", a.Name, p)
		}
	}
}

func asMulti(g orb.Geometry) orb.MultiPolygon {
	switch g := g.(type) {
	case orb.Polygon:
		return orb.MultiPolygon{g}
	case orb.MultiPolygon:
		return g
	}
	return nil
}

func TestSimplify(t *testing.T) {
	o := readOccitanie(t)
	const tolerance = 200 // metres
	thin := SimplifyAreas(o.communes, tolerance)
	before, after := 0, 0
	sides := map[[2]orb.Point]int{}
	for i, mp := range thin {
		if len(mp) == 0 {
			t.Fatalf("%s vanished", o.communes[i].Name)
		}
		eachPoint(o.communes[i].Geometry, func(*orb.Point) { before++ })
		eachPoint(mp, func(*orb.Point) { after++ })
		for _, p := range mp {
			for _, r := range p {
				if len(r) < 4 || r[0] != r[len(r)-1] {
					t.Fatalf("%s: a ring of %d vertices", o.communes[i].Name, len(r))
				}
				for j := 1; j < len(r); j++ {
					a, b := r[j-1], r[j]
					if less(b, a) {
						a, b = b, a
					}
					sides[[2]orb.Point{a, b}]++
				}
			}
		}
	}
	if after*2 > before {
		t.Errorf("%d vertices of %d are left", after, before)
	}
	// Inside the region each side has its two communes: few sides are alone, on the outer border.
	alone := 0
	for _, n := range sides {
		if n == 1 {
			alone++
		}
	}
	outer := 0
	for _, p := range SimplifyAreas(o.regions, tolerance)[0] {
		for _, r := range p {
			outer += len(r)
		}
	}
	if alone > 2*outer {
		t.Errorf("%d sides of %d have one commune; the region's border has %d", alone, len(sides), outer)
	}
	for i, mp := range thin {
		if s := Surface(mp) / o.communes[i].Surface; s < 0.5 || s > 1.5 {
			t.Errorf("%s has %.2f of its surface", o.communes[i].Name, s)
		}
	}
}

func TestSimplifyIslands(t *testing.T) {
	// Fine steps along a square of a degree; a speck beside it.
	var r orb.Ring
	for i := range 100 {
		r = append(r, orb.Point{float64(i) / 100, 43 + 1e-5*float64(i%2)})
	}
	r = append(r, orb.Point{1, 43}, orb.Point{1, 44}, orb.Point{0, 44}, r[0])
	mp := orb.MultiPolygon{{r}, square(3, 43, 1e-4)}
	got := Simplify(mp, 100)
	if len(got) != 1 || len(got[0][0]) != 5 {
		t.Errorf("got %v", got)
	}
	if same := Simplify(mp, 0); len(same) != 2 || len(same[0][0]) < 100 {
		t.Errorf("without tolerance %d parts, %d vertices", len(same), len(same[0][0]))
	}
	if got := Simplify(orb.MultiPolygon{square(3, 43, 1e-4)}, 1000); len(got) != 1 || len(got[0][0]) != 5 {
		t.Errorf("a small area became %v", got)
	}
	if got := SimplifyAreas(nil, 10); len(got) != 0 {
		t.Errorf("nothing became %v", got)
	}
	// A hole and the island in it share a ring: thinned alike.
	hole := orb.Ring(append(orb.Ring(nil), r...))
	hole.Reverse()
	pair := SimplifyAreas([]Area{{Geometry: orb.MultiPolygon{{square(-2, 41, 6)[0], hole}}}, {Geometry: orb.MultiPolygon{{r}}}}, 100)
	in, out := pair[1][0][0], pair[0][0][1]
	out.Reverse()
	if !in.Equal(out) {
		t.Errorf("island %v, hole %v", in, out)
	}
}
