package geo

import (
	"math"

	"github.com/paulmach/orb"
	"github.com/peterstace/simplefeatures/geom"
)

// Validate reports whether g can be measured and overlaid: finite coordinates, not empty,
// lines of two distinct points, rings closed, polygons without self-crossing, holes inside
// and parts apart (OGC Simple Features). Errors: Invalid.
func Validate(g orb.Geometry) error {
	if g == nil {
		return invalid("geo.empty")
	}
	n := 0
	var err error
	eachPoint(g, func(p *orb.Point) {
		n++
		if err == nil {
			err = checkFinite(p[0], p[1])
		}
	})
	if err != nil {
		return err
	}
	if n == 0 {
		return invalid("geo.empty")
	}
	switch g := g.(type) {
	case orb.Collection:
		return invalid("geo.collection")
	case orb.Polygon:
		err = checkPolygon(g)
	case orb.MultiPolygon:
		for _, p := range g {
			if err == nil {
				err = checkPolygon(p)
			}
		}
	}
	if err != nil {
		return err
	}
	if err := toSimple(g).Validate(); err != nil {
		return invalid("geo.unsound").Because(err)
	}
	return nil
}

func checkPolygon(p orb.Polygon) error {
	if len(p) == 0 {
		return invalid("geo.empty")
	}
	for _, r := range p {
		if err := checkRing(r); err != nil {
			return err
		}
	}
	return nil
}

// toSimple gives g to the overlay library, unvalidated.
func toSimple(g orb.Geometry) geom.Geometry {
	switch g := g.(type) {
	case orb.Point:
		return geom.NewPointXY(g[0], g[1]).AsGeometry()
	case orb.MultiPoint:
		return geom.NewMultiPointXY(flat(g)...).AsGeometry()
	case orb.LineString:
		return simpleLine(g).AsGeometry()
	case orb.MultiLineString:
		ls := make([]geom.LineString, len(g))
		for i := range g {
			ls[i] = simpleLine(g[i])
		}
		return geom.NewMultiLineString(ls).AsGeometry()
	case orb.Ring:
		return simplePolygon(orb.Polygon{g}).AsGeometry()
	case orb.Polygon:
		return simplePolygon(g).AsGeometry()
	case orb.MultiPolygon:
		ps := make([]geom.Polygon, len(g))
		for i := range g {
			ps[i] = simplePolygon(g[i])
		}
		return geom.NewMultiPolygon(ps).AsGeometry()
	case orb.Bound:
		return simplePolygon(g.ToPolygon()).AsGeometry()
	}
	return geom.Geometry{}
}

func flat(ps []orb.Point) []float64 {
	out := make([]float64, 0, 2*len(ps))
	for _, p := range ps {
		out = append(out, p[0], p[1])
	}
	return out
}

func simpleLine(l []orb.Point) geom.LineString {
	return geom.NewLineString(geom.NewSequence(flat(l), geom.DimXY))
}

func simplePolygon(p orb.Polygon) geom.Polygon {
	rings := make([]geom.LineString, len(p))
	for i := range p {
		rings[i] = simpleLine(p[i])
	}
	return geom.NewPolygon(rings)
}

// Surface returns the area of a polygon or multipolygon given in WGS84, in square metres on
// the ellipsoid, holes deducted; 0 for other shapes. Sides are straight in longitude and
// latitude, and the integral along each is exact but for Simpson's rule: a relative error
// below 1e-9 for sides under a degree.
func Surface(g orb.Geometry) float64 {
	switch g := g.(type) {
	case orb.Ring:
		return math.Abs(ringSurface(g))
	case orb.Polygon:
		s := 0.0
		for i, r := range g {
			if a := math.Abs(ringSurface(r)); i == 0 {
				s = a
			} else {
				s -= a
			}
		}
		return s
	case orb.MultiPolygon:
		s := 0.0
		for _, p := range g {
			s += Surface(p)
		}
		return s
	case orb.Bound:
		return Surface(g.ToPolygon())
	}
	return 0
}

func ringSurface(r orb.Ring) float64 {
	sum := 0.0
	for i := 1; i < len(r); i++ {
		a, b := r[i-1], r[i]
		sum += (b[0] - a[0]) * (belt(a[1]) + 4*belt((a[1]+b[1])/2) + belt(b[1])) / 6
	}
	return sum * degree
}

// belt returns the surface between the equator and a latitude, for one radian of longitude
// (Snyder 1987, equation 3-12, times a²/2).
func belt(lat float64) float64 {
	s := math.Sin(lat * degree)
	es := eccGRS80 * s
	return semiMajor * semiMajor / 2 * (1 - eccGRS80*eccGRS80) * (s/(1-es*es) + math.Atanh(es)/eccGRS80)
}

// InsidePoint returns a point inside a polygon or multipolygon, for a label or a link: the
// centroid of its largest part when that is inside, else the middle of the widest stretch at
// mid-height. For lines and points it is their middle vertex. The zero point for no vertex.
func InsidePoint(g orb.Geometry) orb.Point {
	switch g := g.(type) {
	case orb.Point:
		return g
	case orb.Ring:
		return insidePolygon(orb.Polygon{g})
	case orb.Polygon:
		return insidePolygon(g)
	case orb.MultiPolygon:
		var best orb.Polygon
		most := -1.0
		for _, p := range g {
			if s := Surface(p); s > most {
				best, most = p, s
			}
		}
		return insidePolygon(best)
	case orb.Bound:
		return g.Center()
	}
	var all []orb.Point
	if g != nil {
		eachPoint(g, func(p *orb.Point) { all = append(all, *p) })
	}
	if len(all) == 0 {
		return orb.Point{}
	}
	return all[len(all)/2]
}

func insidePolygon(p orb.Polygon) orb.Point {
	if len(p) == 0 || len(p[0]) == 0 {
		return orb.Point{}
	}
	c := centroid(p)
	s := newShape(orb.MultiPolygon{p})
	if s.contains(c[0], c[1]) {
		return c
	}
	b := p.Bound()
	// Heights are tried from the middle outwards: one of them misses every vertex.
	for _, t := range [...]float64{0.5, 0.382, 0.618, 0.271, 0.729, 0.137, 0.863} {
		y := b.Min[1] + t*(b.Max[1]-b.Min[1])
		if x, ok := s.widest(y); ok {
			return orb.Point{x, y}
		}
	}
	return p[0][0]
}

// centroid is the plane centroid of a polygon; its origin is a vertex, lest precision be
// lost in products of large coordinates.
func centroid(p orb.Polygon) orb.Point {
	o := p[0][0]
	var sx, sy, s float64
	for i, r := range p {
		var rx, ry, ra float64
		for j := 1; j < len(r); j++ {
			ax, ay, bx, by := r[j-1][0]-o[0], r[j-1][1]-o[1], r[j][0]-o[0], r[j][1]-o[1]
			k := ax*by - bx*ay
			ra += k
			rx += (ax + bx) * k
			ry += (ay + by) * k
		}
		if (ra < 0) != (i > 0) { // the exterior counts, holes are deducted, whatever their turn
			rx, ry, ra = -rx, -ry, -ra
		}
		sx, sy, s = sx+rx, sy+ry, s+ra
	}
	if s == 0 {
		return o
	}
	return orb.Point{o[0] + sx/(3*s), o[1] + sy/(3*s)}
}

// orient returns mp with exterior rings counter-clockwise and holes clockwise (RFC 7946),
// turning rings in place.
func orient(mp orb.MultiPolygon) orb.MultiPolygon {
	for _, p := range mp {
		for i, r := range p {
			if (ringSurface(r) > 0) == (i == 0) { // belt integrates under the curve: + is clockwise
				r.Reverse()
			}
		}
	}
	return mp
}
