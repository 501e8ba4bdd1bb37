package tile

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/mvt"
	"github.com/paulmach/orb/maptile"
	"pgregory.net/rapid"

	"garrigue/internal/atlas"
	"garrigue/internal/geo"
)

// decoded reads a tile with orb, an independent reader. Geometry stays in tile units.
func decoded(t *testing.T, b []byte) map[string]*mvt.Layer {
	t.Helper()
	layers, err := mvt.Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*mvt.Layer{}
	for _, l := range layers {
		if l.Version != 2 || l.Extent != extent {
			t.Errorf("layer %s: version %d, extent %d", l.Name, l.Version, l.Extent)
		}
		out[l.Name] = l
	}
	return out
}

func testServer() *server {
	s := &server{shapes: newCache[shapeName, *shape](1 << 20)}
	s.corners.known = map[uint64]world{}
	return s
}

func TestProjectAgreesWithOrb(t *testing.T) {
	for _, p := range []orb.Point{{3.87, 43.61}, {-1.8, 48.1}, {0, 0}, {55.5, -21.1}} {
		for z := 0; z <= maxZoom; z++ {
			want := maptile.Fraction(p, maptile.Zoom(z))
			w := project(p[0], p[1])
			n := float64(uint32(1) << z)
			if math.Abs(w.x*n-want[0]) > 1e-8*n || math.Abs(w.y*n-want[1]) > 1e-8*n {
				t.Errorf("%v at zoom %d: %v, orb says %v", p, z, world{w.x * n, w.y * n}, want)
			}
		}
	}
}

// tileAt returns the tile that holds a point.
func tileAt(lon, lat float64, z int) (x, y int) {
	w := project(lon, lat)
	n := float64(uint32(1) << z)
	return int(w.x * n), int(w.y * n)
}

func TestCellsAreExactSquares(t *testing.T) {
	key := geo.CellKey(geo.Cell5, 755, 6290)
	s := testServer()
	p := &places{cells: []cell{s.cellOf(atlas.AreaCount{Area: key, N: 60, First: 1988, Last: 2026})}}
	ring := geo.CellRing(key)
	for _, z := range []int{6, 8, 10, 12} {
		x, y := tileAt(ring[0][0]+0.02, ring[0][1]+0.02, z)
		layer := decoded(t, p.encode(newGrid(z, x, y)))["mailles"]
		if layer == nil || len(layer.Features) != 1 {
			t.Fatalf("zoom %d: %v", z, layer)
		}
		f := layer.Features[0]
		want := map[string]any{"code": "5kmL93E0755N6290", "n": 60.0, "first": 1988.0, "last": 2026.0}
		if d := cmp.Diff(want, map[string]any(f.Properties)); d != "" {
			t.Errorf("zoom %d: properties (-want +got)\n%s", z, d)
		}
		got := f.Geometry.(orb.Polygon)[0]
		if len(got) != 5 || !got.Closed() {
			t.Fatalf("zoom %d: a cell of %d points", z, len(got))
		}
		for _, corner := range ring[:4] {
			at := maptile.Fraction(corner, maptile.Zoom(z))
			near := math.Inf(1)
			for _, v := range got {
				near = math.Min(near, math.Max(math.Abs(v[0]-(at[0]-float64(x))*extent), math.Abs(v[1]-(at[1]-float64(y))*extent)))
			}
			if near > 0.501 {
				t.Errorf("zoom %d: corner %v is %g units away, more than rounding gives", z, corner, near)
			}
		}
	}
}

func TestNeighbouringCellsShareTheirVertices(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		e := rapid.IntRange(80, 240).Draw(r, "e") * 5
		n := rapid.IntRange(1220, 1400).Draw(r, "n") * 5
		z := rapid.IntRange(5, maxZoom).Draw(r, "z")
		s := testServer()
		a := s.cellOf(atlas.AreaCount{Area: geo.CellKey(geo.Cell5, e, n)})
		b := s.cellOf(atlas.AreaCount{Area: geo.CellKey(geo.Cell5, e+5, n)})
		lon, lat := geo.FromLambert93(float64(e)*1000, float64(n)*1000)
		x, y := tileAt(lon, lat, z)
		g := newGrid(z, x, y)
		if g.place(a.corners[1]) != g.place(b.corners[0]) || g.place(a.corners[2]) != g.place(b.corners[3]) {
			r.Fatalf("a gap between %d and %d", e, e+5)
		}
		if z >= 6 {
			ring := []vertex{g.place(a.corners[0]), g.place(a.corners[1]), g.place(a.corners[2]), g.place(a.corners[3])}
			if area(ring) <= 0 {
				r.Fatal("the outer ring turns the wrong way")
			}
		}
	})
}

func TestZonesKeepTheirKindAndReasons(t *testing.T) {
	square := orb.MultiPolygon{{{{3, 43}, {4, 43}, {4, 44}, {3, 44}, {3, 43}}, {{3.4, 43.4}, {3.6, 43.4}, {3.6, 43.6}, {3.4, 43.6}, {3.4, 43.4}}}}
	p := &places{zones: []zone{{shape: projected(square), kind: "commune", code: "34172", name: "Montpellier", n: 7, first: 2001, last: 2020, reasons: 3}}}
	x, y := tileAt(3.5, 43.5, 7)
	layers := decoded(t, p.encode(newGrid(7, x, y)))
	if layers["mailles"] != nil {
		t.Error("a zone was drawn as a cell")
	}
	f := layers["zones"].Features[0]
	want := map[string]any{"kind": "commune", "code": "34172", "name": "Montpellier", "n": 7.0, "first": 2001.0, "last": 2020.0, "reasons": 3.0}
	if d := cmp.Diff(want, map[string]any(f.Properties)); d != "" {
		t.Error(d)
	}
	if g := f.Geometry.(orb.Polygon); len(g) != 2 {
		t.Errorf("the hole was lost: %d rings", len(g))
	}
	// Far away, the tile is empty rather than wrong.
	if b := p.encode(newGrid(7, 0, 0)); len(b) != 0 {
		t.Errorf("%d bytes for a tile without anything", len(b))
	}
}

// An outline cut by a tile's edge stays within the tile's margin, and drawing all tiles of a
// zoom gives back its surface.
func TestClippingLosesNothing(t *testing.T) {
	var ring orb.Ring
	for i := 0; i <= 400; i++ {
		a := 2 * math.Pi * float64(i%400) / 400
		r := 0.8 + 0.1*math.Sin(7*a)
		ring = append(ring, orb.Point{3.5 + r*math.Cos(a), 43.5 + 0.7*r*math.Sin(a)})
	}
	sh := projected(orb.MultiPolygon{{ring}})
	for _, z := range []int{6, 8, 10} {
		var total float64
		for x := int(sh.min.x * float64(uint32(1)<<z)); x <= int(sh.max.x*float64(uint32(1)<<z)); x++ {
			for y := int(sh.min.y * float64(uint32(1)<<z)); y <= int(sh.max.y*float64(uint32(1)<<z)); y++ {
				g := newGrid(z, x, y)
				l := newLayer("x")
				sh.draw(l, &g)
				l.end(polygonShape)
				layers, err := mvt.Unmarshal(l.appendTo(nil))
				if err != nil {
					t.Fatal(err)
				}
				for _, l := range layers {
					for _, f := range l.Features {
						for _, v := range f.Geometry.(orb.Polygon)[0] {
							if v[0] < -margin || v[1] < -margin || v[0] > extent+margin || v[1] > extent+margin {
								t.Fatalf("zoom %d: vertex %v is outside the margin", z, v)
							}
						}
						total += inTile(f.Geometry.(orb.Polygon))
					}
				}
			}
		}
		want := math.Abs(ringArea(sh.polygons[0][0])) * math.Pow(float64(uint32(1)<<z)*extent, 2)
		if math.Abs(total-want)/want > 0.01 {
			t.Errorf("zoom %d: surface %g, want %g", z, total, want)
		}
	}
}

// inTile is the surface of a polygon within the tile proper, by counting on a fine grid of
// horizontal lines: independent of the code under test.
func inTile(p orb.Polygon) float64 {
	const step = 16
	var total float64
	for y := float64(step) / 2; y < extent; y += step {
		var xs []float64
		for _, r := range p {
			for i := 0; i+1 < len(r); i++ {
				a, b := r[i], r[i+1]
				if (a[1] <= y) != (b[1] <= y) {
					xs = append(xs, a[0]+(y-a[1])/(b[1]-a[1])*(b[0]-a[0]))
				}
			}
		}
		for i := 0; i < len(xs); i++ {
			for j := i + 1; j < len(xs); j++ {
				if xs[j] < xs[i] {
					xs[i], xs[j] = xs[j], xs[i]
				}
			}
		}
		for i := 0; i+1 < len(xs); i += 2 {
			total += step * math.Max(0, math.Min(extent, xs[i+1])-math.Max(0, xs[i]))
		}
	}
	return total
}

func ringArea(r orb.Ring) float64 {
	var a float64
	for i := 0; i+1 < len(r); i++ {
		a += r[i][0]*r[i+1][1] - r[i+1][0]*r[i][1]
	}
	return a / 2
}

func TestLabelsBelongToOneTile(t *testing.T) {
	ls := labels{{at: project(3.87, 43.61), kind: "commune", code: "34172", name: "Montpellier", rank: 0},
		{at: project(3.90, 43.65), kind: "commune", code: "34057", name: "Castelnau-le-Lez", rank: 300}}
	for z := 5; z <= maxZoom; z++ {
		seen := map[string]int{}
		cx, cy := tileAt(3.87, 43.61, z)
		for x := cx - 2; x <= cx+2; x++ {
			for y := cy - 2; y <= cy+2; y++ {
				if l := decoded(t, ls.encode(newGrid(z, x, y)).appendTo(nil))["labels"]; l != nil {
					for _, f := range l.Features {
						seen[f.Properties["name"].(string)]++
					}
				}
			}
		}
		want := map[string]int{"Montpellier": 1}
		if z >= 9 {
			want["Castelnau-le-Lez"] = 1
		}
		if d := cmp.Diff(want, seen); d != "" {
			t.Errorf("zoom %d: %s", z, d)
		}
	}
}

func TestCacheForgetsTheOldest(t *testing.T) {
	c := newCache[int, string](100)
	for i := range 10 {
		c.put(i, "x", 20)
		c.get(0) // kept in use
	}
	if _, ok := c.get(0); !ok {
		t.Error("what is in use was forgotten")
	}
	if _, ok := c.get(5); ok {
		t.Error("what is old was kept")
	}
	if c.used > 100 {
		t.Errorf("%d bytes kept, limit 100", c.used)
	}
	if c.put(99, "large", 60); func() bool { _, ok := c.get(99); return ok }() {
		t.Error("one large value would drive out all others")
	}
}

// frequent is the map of a very frequent species: every one of 3,000 cells.
func frequent() *places {
	s := testServer()
	p := &places{}
	for i := range 3000 {
		p.cells = append(p.cells, s.cellOf(atlas.AreaCount{Area: geo.CellKey(geo.Cell5, 500+5*(i%60), 6200+5*(i/60)), N: 1 + i*7%400, First: 1950 + i%60, Last: 2000 + i%26}))
	}
	return p
}

func TestFrequentSpeciesIsSmall(t *testing.T) {
	p := frequent()
	lon, lat := geo.FromLambert93(650_000, 6_325_000)
	x, y := tileAt(lon, lat, 6)
	plain := p.encode(newGrid(6, x, y))
	s := testServer()
	s.zips.New = zipper
	zipped := s.zip(plain)
	t.Logf("3,000 cells: %d bytes, %d compressed", len(plain), len(zipped))
	if len(zipped) > 100_000 {
		t.Errorf("%d bytes compressed, the bar is 100,000", len(zipped))
	}
}

// go test -bench=Encode ./internal/tile
func BenchmarkEncode(b *testing.B) {
	p := frequent()
	lon, lat := geo.FromLambert93(650_000, 6_325_000)
	x, y := tileAt(lon, lat, 6)
	g := newGrid(6, x, y)
	b.ReportAllocs()
	for b.Loop() {
		b.SetBytes(int64(len(p.encode(g))))
	}
}

func BenchmarkEncodeZipped(b *testing.B) {
	p := frequent()
	lon, lat := geo.FromLambert93(650_000, 6_325_000)
	x, y := tileAt(lon, lat, 6)
	g := newGrid(6, x, y)
	s := testServer()
	s.zips.New = zipper
	for b.Loop() {
		s.zip(p.encode(g))
	}
}
