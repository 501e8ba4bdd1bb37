package tile

import (
	"context"
	"math"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/clip"
	"github.com/paulmach/orb/planar"
	"github.com/paulmach/orb/simplify"

	"garrigue/internal/atlas"
	"garrigue/internal/geo"
)

// shape is an area's outline in the world's units, with its box.
type shape struct {
	polygons orb.MultiPolygon
	min, max world
}

// size is the memory a shape takes, roughly.
func (s *shape) size() int {
	n := 128
	for _, p := range s.polygons {
		for _, r := range p {
			n += 24 + 16*len(r)
		}
	}
	return n
}

// projected returns the outline g (WGS84) in the world's units; g is not kept.
func projected(g orb.MultiPolygon) *shape {
	s := &shape{min: world{math.Inf(1), math.Inf(1)}, max: world{math.Inf(-1), math.Inf(-1)}}
	s.polygons = make(orb.MultiPolygon, len(g))
	for i, p := range g {
		s.polygons[i] = make(orb.Polygon, len(p))
		for j, r := range p {
			out := make(orb.Ring, len(r))
			for k, v := range r {
				w := project(v[0], v[1])
				out[k] = orb.Point{w.x, w.y}
				s.min.x, s.min.y = math.Min(s.min.x, w.x), math.Min(s.min.y, w.y)
				s.max.x, s.max.y = math.Max(s.max.x, w.x), math.Max(s.max.y, w.y)
			}
			s.polygons[i][j] = out
		}
	}
	return s
}

// tolerance is how far, in tile units, a simplified outline may stray: half a pixel of a
// 512-pixel tile, and a pixel where the whole region is in view and there may be a thousand.
func (g *grid) tolerance() float64 {
	if g.z <= 7 {
		return 8
	}
	return 4
}

// draw adds the shape to the feature being written in l. Simplification sees whole rings
// before clipping, so that neighbouring tiles agree on a line that crosses both.
func (s *shape) draw(l *layer, g *grid) {
	if !g.meets(s.min, s.max) {
		return
	}
	frame := orb.Bound{Min: orb.Point{-margin, -margin}, Max: orb.Point{extent + margin, extent + margin}}
	inside := g.inside(s.min, s.max)
	for _, p := range s.polygons {
		flat := make(orb.Polygon, 0, len(p))
		for _, r := range p {
			if simple := g.simplified(r); len(simple) >= 4 {
				flat = append(flat, simple)
			} else if len(flat) == 0 {
				break // the outer ring is gone, its holes with it
			}
		}
		if !inside && len(flat) > 0 {
			flat = clip.Polygon(frame, flat)
		}
		for i, r := range flat {
			if ring := rounded(r, i == 0); ring != nil {
				l.ring(ring)
			} else if i == 0 {
				break
			}
		}
	}
}

// simplified returns a ring of the world in the tile's units, thinned for its zoom.
func (g *grid) simplified(r orb.Ring) orb.Ring {
	out := make(orb.Ring, len(r))
	for i, v := range r {
		out[i] = orb.Point{v[0]*g.scale - g.ox, v[1]*g.scale - g.oy}
	}
	return simplify.DouglasPeucker(g.tolerance()).Simplify(out).(orb.Ring)
}

// coast adds to l the parts of the outline that run through the seas, the land on their
// right, so that lines may be drawn on the water side.
func (s *shape) coast(l *layer, g *grid, seas []*shape) {
	if !g.meets(s.min, s.max) {
		return
	}
	for _, p := range s.polygons {
		ring := g.simplified(p[0])
		if ring.Orientation() == orb.CW { // orb counts y up: this is counter-clockwise as seen
			ring.Reverse()
		}
		var run []vertex
		flush := func() {
			if len(run) > 1 {
				l.line(run)
			}
			run = run[:0]
		}
		for i := 0; i+1 < len(ring); i++ {
			a, b := ring[i], ring[i+1]
			if !g.shows(a, b) || !g.wet(a, seas) || !g.wet(b, seas) {
				flush()
				continue
			}
			if len(run) == 0 {
				run = append(run, nearest(a))
			}
			if v := nearest(b); v != run[len(run)-1] {
				run = append(run, v)
			}
		}
		flush()
	}
}

// shows reports whether the box of a segment touches the tile with room for waterlines.
func (g *grid) shows(a, b orb.Point) bool {
	const room = 8 * margin
	return math.Max(a[0], b[0]) >= -room && math.Min(a[0], b[0]) <= extent+room && math.Max(a[1], b[1]) >= -room && math.Min(a[1], b[1]) <= extent+room
}

// wet reports whether a point of the tile lies in one of the seas.
func (g *grid) wet(p orb.Point, seas []*shape) bool {
	w := orb.Point{(p[0] + g.ox) / g.scale, (p[1] + g.oy) / g.scale}
	for _, sea := range seas {
		if planar.MultiPolygonContains(sea.polygons, w) {
			return true
		}
	}
	return false
}

func nearest(p orb.Point) vertex { return vertex{int32(math.Round(p[0])), int32(math.Round(p[1]))} }

// inside reports whether the box lies wholly within the tile's margin.
func (g *grid) inside(min, max world) bool {
	return min.x*g.scale-g.ox >= -margin && max.x*g.scale-g.ox <= extent+margin &&
		min.y*g.scale-g.oy >= -margin && max.y*g.scale-g.oy <= extent+margin
}

// rounded returns the ring in whole units, without its closing and repeated vertices, turned
// as its role asks; nil when nothing of it is left.
func rounded(r orb.Ring, outer bool) []vertex {
	out := make([]vertex, 0, len(r))
	for _, p := range r {
		v := nearest(p)
		if len(out) == 0 || out[len(out)-1] != v {
			out = append(out, v)
		}
	}
	for len(out) > 1 && out[0] == out[len(out)-1] {
		out = out[:len(out)-1]
	}
	if len(out) < 3 {
		return nil
	}
	a := area(out)
	if a == 0 {
		return nil
	}
	if (a > 0) != outer {
		for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
			out[i], out[j] = out[j], out[i]
		}
	}
	return out
}

// area is twice the signed area, positive when the ring turns clockwise as seen.
func area(r []vertex) int64 {
	var a int64
	for i := range r {
		p, q := r[i], r[(i+1)%len(r)]
		a += int64(p.x)*int64(q.y) - int64(q.x)*int64(p.y)
	}
	return a
}

// shapeOf returns the outline of an area, remembered for the snapshot.
func (s *server) shapeOf(ctx context.Context, a *atlas.Atlas, key geo.AreaKey) (*shape, error) {
	name := shapeName{a.Meta().ID, key}
	if sh, ok := s.shapes.get(name); ok {
		return sh, nil
	}
	var g orb.MultiPolygon
	if key.Kind().Mesh() > 0 {
		g = orb.MultiPolygon{{geo.CellRing(key)}}
	} else {
		var err error
		if g, err = a.Outline(ctx, key); err != nil {
			return nil, err
		}
	}
	sh := projected(g)
	s.shapes.put(name, sh, sh.size())
	return sh, nil
}

type shapeName struct {
	snapshot string
	key      geo.AreaKey
}
