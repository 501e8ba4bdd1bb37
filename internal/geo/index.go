package geo

import (
	"math"
	"slices"
	"sync/atomic"

	"github.com/paulmach/orb"
	"github.com/peterstace/simplefeatures/geom"
)

// Index finds which of many areas holds a point or most of a shape: a regular grid leads to
// the few candidates, faster than a tree where areas are of like size. It never changes once
// built and may be used from many goroutines.
//
// A point on the border of two areas that share it vertex for vertex is in exactly one of
// them: south and west borders are inside, north and east ones outside. Where areas overlap
// the first one wins.
type Index struct {
	areas  []indexed
	bound  orb.Bound
	nx, ny int
	kx, ky float64 // grid cells a degree
	// grid is the list, per square of a regular grid, of the areas whose extent meets it:
	// square i has items[first[i]:first[i+1]].
	first []int32
	items []int32
	// sole says, per square, that one area covers it wholly (its number), or -1.
	sole []int32
}

type indexed struct {
	shape
	geometry orb.MultiPolygon
	simple   atomic.Pointer[geom.Geometry] // made when first overlaid
}

// NewIndex returns an index of areas, whose numbers in it are their places in the slice. An
// area without geometry holds nothing.
func NewIndex(areas []Area) *Index {
	x := &Index{areas: make([]indexed, len(areas)), bound: orb.Bound{
		Min: orb.Point{math.Inf(1), math.Inf(1)}, Max: orb.Point{math.Inf(-1), math.Inf(-1)}}}
	n := 0
	for i := range areas {
		if len(areas[i].Geometry) == 0 {
			x.areas[i].bound = orb.Bound{Min: orb.Point{1, 1}, Max: orb.Point{-1, -1}}
			continue
		}
		x.areas[i].shape, x.areas[i].geometry = newShape(areas[i].Geometry), areas[i].Geometry
		b := x.areas[i].bound
		x.bound.Min = orb.Point{min(x.bound.Min[0], b.Min[0]), min(x.bound.Min[1], b.Min[1])}
		x.bound.Max = orb.Point{max(x.bound.Max[0], b.Max[0]), max(x.bound.Max[1], b.Max[1])}
		n++
	}
	if n == 0 {
		return x
	}
	// About 16 squares an area: most squares then lie inside one area or meet two.
	side := min(max(int(math.Sqrt(float64(16*n))), 64), 1024)
	x.nx, x.ny = side, side
	x.kx = float64(side) / max(x.bound.Max[0]-x.bound.Min[0], 1e-9)
	x.ky = float64(side) / max(x.bound.Max[1]-x.bound.Min[1], 1e-9)
	x.fill()
	return x
}

// fill makes the lists of the grid, in two passes: count, then place.
func (x *Index) fill() {
	x.first = make([]int32, x.nx*x.ny+1)
	for i := range x.areas {
		x.squares(x.areas[i].bound, func(s int) { x.first[s+1]++ })
	}
	for s := range x.nx * x.ny {
		x.first[s+1] += x.first[s]
	}
	x.items = make([]int32, x.first[x.nx*x.ny])
	at := append([]int32(nil), x.first...)
	for i := range x.areas {
		x.squares(x.areas[i].bound, func(s int) { x.items[at[s]] = int32(i); at[s]++ })
	}
	x.sole = make([]int32, x.nx*x.ny)
	for s := range x.sole {
		x.sole[s] = -1
		b := x.square(s)
		for _, i := range x.items[x.first[s]:x.first[s+1]] {
			a := &x.areas[i]
			if a.meetsBorder(b) {
				break // this one is undecided here, so that no later one may claim the square
			}
			if a.contains(b.Center()[0], b.Center()[1]) {
				x.sole[s] = i
				break
			}
		}
	}
}

// square returns the extent of a square of the grid, a little enlarged against rounding.
func (x *Index) square(s int) orb.Bound {
	i, j := float64(s%x.nx), float64(s/x.nx)
	ex, ey := 1e-6/x.kx, 1e-6/x.ky
	return orb.Bound{
		Min: orb.Point{x.bound.Min[0] + i/x.kx - ex, x.bound.Min[1] + j/x.ky - ey},
		Max: orb.Point{x.bound.Min[0] + (i+1)/x.kx + ex, x.bound.Min[1] + (j+1)/x.ky + ey},
	}
}

// squares calls f for every square of the grid that b meets.
func (x *Index) squares(b orb.Bound, f func(int)) {
	if x.nx == 0 || b.Min[0] > x.bound.Max[0] || b.Max[0] < x.bound.Min[0] ||
		b.Min[1] > x.bound.Max[1] || b.Max[1] < x.bound.Min[1] || b.IsEmpty() {
		return
	}
	i0, j0 := x.column(b.Min[0]), x.row(b.Min[1])
	i1, j1 := x.column(b.Max[0]), x.row(b.Max[1])
	for j := j0; j <= j1; j++ {
		for i := i0; i <= i1; i++ {
			f(j*x.nx + i)
		}
	}
}

func (x *Index) column(lon float64) int {
	return min(max(int((lon-x.bound.Min[0])*x.kx), 0), x.nx-1)
}

func (x *Index) row(lat float64) int {
	return min(max(int((lat-x.bound.Min[1])*x.ky), 0), x.ny-1)
}

// At returns the number of the area that holds a point of WGS84, false when none does.
func (x *Index) At(lon, lat float64) (int, bool) {
	if x.nx == 0 || !(lon >= x.bound.Min[0] && lon <= x.bound.Max[0] &&
		lat >= x.bound.Min[1] && lat <= x.bound.Max[1]) {
		return 0, false
	}
	s := x.row(lat)*x.nx + x.column(lon)
	if i := x.sole[s]; i >= 0 {
		return int(i), true
	}
	for _, i := range x.items[x.first[s]:x.first[s+1]] {
		if x.areas[i].contains(lon, lat) {
			return int(i), true
		}
	}
	return 0, false
}

// Holding returns the number of the area that holds most of g, and the share of g it holds:
// of its points, of its length or of its surface, from 0 to 1. Shares are measured with
// longitudes scaled to the latitude of g's middle: exact to 1 % for a shape under a degree.
// ok is false when no area meets g, or when g cannot be overlaid (see Validate).
func (x *Index) Holding(g orb.Geometry) (i int, share float64, ok bool) {
	switch g := g.(type) {
	case nil:
		return 0, 0, false
	case orb.Point:
		i, ok = x.At(g[0], g[1])
		return i, boolTo(ok), ok
	case orb.MultiPoint:
		return x.holdingPoints(g)
	case orb.Bound:
		return x.Holding(g.ToPolygon())
	case orb.Collection:
		return 0, 0, false
	}
	b := g.Bound()
	if b.IsEmpty() || math.IsNaN(b.Min[0]+b.Min[1]+b.Max[0]+b.Max[1]) {
		return 0, 0, false
	}
	if b.Min == b.Max { // a line that does not move is a point
		return x.Holding(b.Min)
	}
	// The extent of g crosses no border of the area that holds a vertex: it holds it all.
	if i, ok := x.At(b.Min[0], b.Min[1]); ok && !x.areas[i].meetsBorder(b) {
		return i, 1, true
	}
	return x.overlay(g, b)
}

func boolTo(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (x *Index) holdingPoints(g orb.MultiPoint) (i int, share float64, ok bool) {
	count := map[int]int{}
	best, most := 0, 0
	for _, p := range g {
		if i, ok := x.At(p[0], p[1]); ok {
			count[i]++
			if c := count[i]; c > most || c == most && i < best {
				best, most = i, c
			}
		}
	}
	if most == 0 {
		return 0, 0, false
	}
	return best, float64(most) / float64(len(g)), true
}

func (x *Index) overlay(g orb.Geometry, b orb.Bound) (best int, share float64, ok bool) {
	k := math.Cos(b.Center()[1] * degree)
	measure := func(s geom.Geometry) float64 {
		s = s.TransformXY(func(p geom.XY) geom.XY { return geom.XY{X: p.X * k, Y: p.Y} })
		if s.Dimension() == 1 {
			return s.Length()
		}
		return s.Area()
	}
	whole := toSimple(g)
	if whole.Validate() != nil {
		return 0, 0, false
	}
	total := measure(whole)
	if !(total > 0) {
		p := b.Center()
		i, ok := x.At(p[0], p[1])
		return i, boolTo(ok), ok
	}
	most := 0.0
	for _, i := range x.near(b) {
		a := &x.areas[i]
		part := 0.0
		switch {
		case !a.meetsBorder(b): // all or nothing, no overlay needed
			if a.contains(b.Min[0], b.Min[1]) {
				part = total
			}
		default:
			s, err := geom.Intersection(whole, *a.overlaid())
			if err != nil {
				return 0, 0, false
			}
			part = measure(sameDimension(s, whole.Dimension()))
		}
		if part > most {
			best, most = i, part
		}
		if 2*most > total { // no other area can hold more
			break
		}
	}
	if most == 0 {
		return 0, 0, false
	}
	return best, min(most/total, 1), true
}

// sameDimension keeps of an overlay its parts of a dimension: two polygons that also touch
// give surfaces, lines and points together.
func sameDimension(g geom.Geometry, dim int) geom.Geometry {
	if !g.IsGeometryCollection() {
		if g.Dimension() == dim {
			return g
		}
		return geom.Geometry{}
	}
	var parts []geom.Geometry
	for _, p := range g.MustAsGeometryCollection().Dump() {
		if p.Dimension() == dim {
			parts = append(parts, p)
		}
	}
	return geom.NewGeometryCollection(parts).AsGeometry()
}

// near returns the areas whose extent meets b, each once, in order.
func (x *Index) near(b orb.Bound) []int {
	seen := map[int32]bool{}
	var out []int
	x.squares(b, func(s int) {
		for _, i := range x.items[x.first[s]:x.first[s+1]] {
			if !seen[i] && x.areas[i].bound.Intersects(b) {
				seen[i] = true
				out = append(out, int(i))
			}
		}
	})
	slices.Sort(out) // where shares are equal the first area wins
	return out
}

func (a *indexed) overlaid() *geom.Geometry {
	if g := a.simple.Load(); g != nil {
		return g
	}
	g := toSimple(a.geometry)
	a.simple.Store(&g)
	return &g
}

// shape answers "is this point inside" for one multipolygon: its edges are sorted into
// horizontal slabs, so that a point looks at the few edges of its own slab.
type shape struct {
	bound orb.Bound
	k     float64 // slabs a degree
	first []int32 // slab s has edges[first[s]:first[s+1]]
	edges []edge
}

// edge is a side from its lower end up; horizontal sides are kept for meetsBorder and never
// crossed by a ray. The slope is computed from the lower end whatever the ring's turn, so
// that two areas that share a side agree on it to the last bit.
type edge struct{ x0, y0, x1, y1, slope float64 }

func newShape(mp orb.MultiPolygon) shape {
	s := shape{bound: mp.Bound()}
	n := 0
	for _, p := range mp {
		for _, r := range p {
			n += len(r)
		}
	}
	slabs := min(max(n/2, 1), 4096)
	s.k = float64(slabs) / max(s.bound.Max[1]-s.bound.Min[1], 1e-12)
	s.first = make([]int32, slabs+1)
	walk := func(f func(slab int, e edge)) {
		for _, p := range mp {
			for _, r := range p {
				for i := 1; i < len(r); i++ {
					if r[i-1] == r[i] {
						continue
					}
					e := newEdge(r[i-1], r[i])
					for j := s.slab(e.y0); j <= s.slab(e.y1); j++ {
						f(j, e)
					}
				}
			}
		}
	}
	walk(func(slab int, _ edge) { s.first[slab+1]++ })
	for j := range slabs {
		s.first[j+1] += s.first[j]
	}
	s.edges = make([]edge, s.first[slabs])
	at := append([]int32(nil), s.first...)
	walk(func(slab int, e edge) { s.edges[at[slab]] = e; at[slab]++ })
	return s
}

func newEdge(a, b orb.Point) edge {
	if a[1] > b[1] || a[1] == b[1] && a[0] > b[0] {
		a, b = b, a
	}
	e := edge{x0: a[0], y0: a[1], x1: b[0], y1: b[1]}
	if e.y1 > e.y0 {
		e.slope = (e.x1 - e.x0) / (e.y1 - e.y0)
	}
	return e
}

func (s *shape) slab(y float64) int {
	return min(max(int((y-s.bound.Min[1])*s.k), 0), len(s.first)-2)
}

func (s *shape) contains(x, y float64) bool {
	if !(x >= s.bound.Min[0] && x <= s.bound.Max[0] && y >= s.bound.Min[1] && y <= s.bound.Max[1]) {
		return false
	}
	j := s.slab(y)
	in := false
	for i := s.first[j]; i < s.first[j+1]; i++ {
		e := &s.edges[i]
		// Half-open in height; a ray to the east crosses the edges strictly east of the point.
		if e.y0 <= y && y < e.y1 && x < e.x0+(y-e.y0)*e.slope {
			in = !in
		}
	}
	return in
}

// widest returns the middle of the widest stretch inside the shape at height y.
func (s *shape) widest(y float64) (float64, bool) {
	var xs []float64
	j := s.slab(y)
	for i := s.first[j]; i < s.first[j+1]; i++ {
		if e := &s.edges[i]; e.y0 <= y && y < e.y1 {
			xs = append(xs, e.x0+(y-e.y0)*e.slope)
		}
	}
	slices.Sort(xs)
	best, width := 0.0, 0.0
	for i := 1; i < len(xs); i += 2 {
		if w := xs[i] - xs[i-1]; w > width {
			best, width = (xs[i]+xs[i-1])/2, w
		}
	}
	return best, width > 0
}

// meetsBorder reports whether a side of the shape meets the closed box b. When none does, b
// is wholly inside the shape or wholly outside.
func (s *shape) meetsBorder(b orb.Bound) bool {
	if len(s.edges) == 0 || !s.bound.Intersects(b) {
		return false
	}
	for i := s.first[s.slab(b.Min[1])]; i < s.first[s.slab(b.Max[1])+1]; i++ {
		if s.edges[i].meets(b) {
			return true
		}
	}
	return false
}

func (e *edge) meets(b orb.Bound) bool {
	if e.y1 < b.Min[1] || e.y0 > b.Max[1] ||
		max(e.x0, e.x1) < b.Min[0] || min(e.x0, e.x1) > b.Max[0] {
		return false
	}
	// The four corners on one side of the line that bears the edge: no meeting.
	side := func(x, y float64) float64 { return (e.x1-e.x0)*(y-e.y0) - (e.y1-e.y0)*(x-e.x0) }
	p, q := side(b.Min[0], b.Min[1]), side(b.Max[0], b.Min[1])
	r, t := side(b.Min[0], b.Max[1]), side(b.Max[0], b.Max[1])
	return !(p > 0 && q > 0 && r > 0 && t > 0 || p < 0 && q < 0 && r < 0 && t < 0)
}
