package geo

import (
	"math"

	"github.com/paulmach/orb"
)

// SimplifyAreas returns the outlines of areas with fewer vertices, none moved by more than
// tolerance metres, for maps drawn on a page. Borders shared vertex for vertex stay shared:
// rings are cut where three borders meet, and each stretch is thinned once for both sides
// (Douglas and Peucker 1973). Parts smaller than a square of the tolerance vanish, except
// the largest of each area. The result is for display: a thinned ring may touch itself.
func SimplifyAreas(areas []Area, tolerance float64) []orb.MultiPolygon {
	t := thinner{tolerance: tolerance / 111320, knots: map[orb.Point]bool{}}
	links := map[orb.Point][]orb.Point{}
	var bound orb.Bound
	for i, a := range areas {
		if i == 0 {
			bound = a.Geometry.Bound()
		} else {
			bound = bound.Union(a.Geometry.Bound())
		}
		for _, p := range a.Geometry {
			for _, r := range p {
				for j := 1; j < len(r); j++ {
					link(links, r[j-1], r[j])
					link(links, r[j], r[j-1])
				}
			}
		}
	}
	for p, l := range links {
		if len(l) != 2 {
			t.knots[p] = true
		}
	}
	t.k = math.Cos(bound.Center()[1] * degree)
	out := make([]orb.MultiPolygon, len(areas))
	for i, a := range areas {
		out[i] = t.multiPolygon(a.Geometry, tolerance*tolerance)
	}
	return out
}

// Simplify does for one outline what SimplifyAreas does for many.
func Simplify(mp orb.MultiPolygon, tolerance float64) orb.MultiPolygon {
	return SimplifyAreas([]Area{{Geometry: mp}}, tolerance)[0]
}

func link(links map[orb.Point][]orb.Point, a, b orb.Point) {
	if a == b {
		return
	}
	for _, p := range links[a] {
		if p == b {
			return
		}
	}
	links[a] = append(links[a], b)
}

type thinner struct {
	tolerance float64 // degrees of latitude
	k         float64 // cosine of the middle latitude
	knots     map[orb.Point]bool
}

func (t *thinner) multiPolygon(mp orb.MultiPolygon, least float64) orb.MultiPolygon {
	largest, most := 0, -1.0
	for i, p := range mp {
		if s := Surface(p); s > most {
			largest, most = i, s
		}
	}
	out := make(orb.MultiPolygon, 0, len(mp))
	for i, p := range mp {
		if i != largest && Surface(p) < least {
			continue
		}
		var thin orb.Polygon
		for j, r := range p {
			if q := t.ring(r); len(q) >= 4 {
				thin = append(thin, q)
			} else if j == 0 {
				if i != largest {
					break
				}
				thin = append(thin, r) // an area never vanishes wholly
			}
		}
		if len(thin) > 0 {
			out = append(out, thin)
		}
	}
	return out
}

// ring cuts a ring at its knots and thins each stretch. A ring without knots is cut at its
// least and farthest vertices, which both sides of it agree on.
func (t *thinner) ring(r orb.Ring) orb.Ring {
	open := r[:len(r)-1]
	start := -1
	for i, p := range open {
		if t.knots[p] {
			start = i
			break
		}
	}
	island := start < 0
	if island {
		start = 0
		for i, p := range open {
			if less(p, open[start]) {
				start = i
			}
		}
	}
	turned := append(append(make([]orb.Point, 0, len(r)), open[start:]...), open[:start+1]...)
	far := 0
	if island {
		most := -1.0
		for i, p := range turned {
			d := math.Hypot((p[0]-turned[0][0])*t.k, p[1]-turned[0][1])
			if d > most || d == most && less(p, turned[far]) {
				far, most = i, d
			}
		}
	}
	out := orb.Ring{turned[0]}
	from := 0
	for i := 1; i < len(turned); i++ {
		if i == len(turned)-1 || t.knots[turned[i]] || i == far && island {
			out = t.stretch(out, turned[from:i+1])
			from = i
		}
	}
	return out
}

func less(a, b orb.Point) bool { return a[0] < b[0] || a[0] == b[0] && a[1] < b[1] }

// stretch appends the thinned ps but for its first vertex. It is thinned from its lesser
// end, so that the neighbour, who walks it backwards, keeps the same vertices.
func (t *thinner) stretch(out orb.Ring, ps []orb.Point) orb.Ring {
	keep := make([]bool, len(ps))
	backwards := less(ps[len(ps)-1], ps[0])
	at := func(i int) orb.Point {
		if backwards {
			return ps[len(ps)-1-i]
		}
		return ps[i]
	}
	stack := [][2]int{{0, len(ps) - 1}}
	for len(stack) > 0 {
		a, z := stack[len(stack)-1][0], stack[len(stack)-1][1]
		stack = stack[:len(stack)-1]
		far, most := -1, t.tolerance
		for i := a + 1; i < z; i++ {
			if d := t.distance(at(i), at(a), at(z)); d > most {
				far, most = i, d
			}
		}
		if far > 0 {
			keep[far] = true
			stack = append(stack, [2]int{a, far}, [2]int{far, z})
		}
	}
	for i := 1; i < len(ps)-1; i++ {
		j := i
		if backwards {
			j = len(ps) - 1 - i
		}
		if keep[j] {
			out = append(out, ps[i])
		}
	}
	return append(out, ps[len(ps)-1])
}

// distance is from p to the segment a–b, in degrees of latitude.
func (t *thinner) distance(p, a, b orb.Point) float64 {
	px, py := (p[0]-a[0])*t.k, p[1]-a[1]
	bx, by := (b[0]-a[0])*t.k, b[1]-a[1]
	if l := bx*bx + by*by; l > 0 {
		u := min(max((px*bx+py*by)/l, 0), 1)
		px, py = px-u*bx, py-u*by
	}
	return math.Hypot(px, py)
}
