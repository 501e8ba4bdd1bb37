package geo

import (
	"math"

	"github.com/paulmach/orb"
)

// metresADegree is the length of a degree of latitude, near enough for distances between
// neighbours.
const metresADegree = 111_195.0

// Distance returns how far, in metres, a geometry is from the area of a number: 0 when a
// vertex of g is inside, or when the area's own middle is within the extent of g. It is
// meant for what is near (exact to 1 % under a hundred kilometres), and infinite for an area
// without outline.
func (x *Index) Distance(i int, g orb.Geometry) float64 {
	a := &x.areas[i]
	if len(a.geometry) == 0 {
		return math.Inf(1)
	}
	best := math.Inf(1)
	measure := func(p *orb.Point) { best = min(best, a.distance(p[0], p[1])) }
	if p, is := g.(orb.Point); is {
		measure(&p)
		return best
	}
	if b := g.Bound(); b.Contains(InsidePoint(a.geometry)) {
		return 0
	}
	eachPoint(g, measure)
	return best
}

// distance returns how far a point is from the shape, in metres, 0 inside.
func (s *shape) distance(lon, lat float64) float64 {
	if s.contains(lon, lat) {
		return 0
	}
	k := math.Cos(lat * degree)
	best := math.Inf(1)
	for i := range s.edges {
		e := &s.edges[i]
		x0, y0, x1, y1 := (e.x0-lon)*k, e.y0-lat, (e.x1-lon)*k, e.y1-lat
		dx, dy := x1-x0, y1-y0
		t := 0.0
		if l := dx*dx + dy*dy; l > 0 {
			t = min(max(-(x0*dx+y0*dy)/l, 0), 1)
		}
		best = min(best, (x0+t*dx)*(x0+t*dx)+(y0+t*dy)*(y0+t*dy))
	}
	return math.Sqrt(best) * metresADegree
}
