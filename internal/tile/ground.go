package tile

import (
	"context"
	"math"
	"sort"
	"sync"

	"github.com/paulmach/orb"

	"garrigue/internal/atlas"
	"garrigue/internal/geo"
)

// communesFrom is the zoom from which outlines of communes are drawn; below it they would be
// a grey fog.
const communesFrom = 8

// groundLayers are the outlines of a ground tile, from the widest.
var groundLayers = []struct {
	name string
	kind geo.Kind
	from int
}{{"region", geo.Region, 0}, {"departements", geo.Department, 0}, {"communes", geo.Commune, communesFrom}}

// ground returns the tile of the territory itself: outlines and names.
func (s *server) ground(ctx context.Context, a *atlas.Atlas, g grid) ([]byte, error) {
	names, err := s.namesOf(ctx, a)
	if err != nil {
		return nil, err
	}
	sea, coast := newLayer("mer"), newLayer("cote")
	var seas []*shape
	for _, ring := range geo.Seas(names.invented()) {
		sh := projected(orb.MultiPolygon{{degrees(ring)}})
		sh.draw(sea, &g)
		sea.end(polygonShape)
		seas = append(seas, sh)
	}
	tile := sea.appendTo(nil)
	box := g.bound()
	for _, gl := range groundLayers {
		if g.z < gl.from {
			continue
		}
		l := newLayer(gl.name, "code", "name")
		err := a.Outlines(ctx, gl.kind, box, func(key geo.AreaKey, name string, outline orb.MultiPolygon) error {
			sh := projected(outline)
			if gl.kind == geo.Region {
				sh.coast(coast, &g, seas)
				coast.end(lineShape)
			}
			sh.draw(l, &g)
			l.text(0, key.Code())
			l.text(1, name)
			l.end(polygonShape)
			return nil
		})
		if err != nil {
			return nil, err
		}
		tile = l.appendTo(tile)
	}
	return names.encode(g).appendTo(coast.appendTo(tile)), nil
}

// degrees turns a ring of Lambert-93 kilometres into a closed one of WGS84.
func degrees(ring [][2]float64) orb.Ring {
	out := make(orb.Ring, 0, len(ring)+1)
	for _, p := range ring {
		lon, lat := geo.FromLambert93(p[0]*1000, p[1]*1000)
		out = append(out, orb.Point{lon, lat})
	}
	return append(out, out[0])
}

// invented reports whether the territory is the demo's own: no real department has a code in
// X.
func (ls labels) invented() bool {
	for _, l := range ls {
		if l.kind == "department" && l.code[0] == 'X' {
			return true
		}
	}
	return false
}

// bound is the tile's extent with its margin in degrees.
func (g *grid) bound() orb.Bound {
	w, n := g.degrees(-margin, -margin)
	e, s := g.degrees(extent+margin, extent+margin)
	return orb.Bound{Min: orb.Point{w, s}, Max: orb.Point{e, n}}
}

func (g *grid) degrees(x, y float64) (lon, lat float64) {
	wx, wy := (g.ox+x)/g.scale, (g.oy+y)/g.scale
	return (wx - 0.5) * 360, math.Atan(math.Sinh(math.Pi*(1-2*wy))) * 180 / math.Pi
}

// label is a name on the map. Rank 0 is the most important commune.
type label struct {
	at   world
	kind string
	code string
	name string
	rank int
}

// labels are all the names of a snapshot, departments first, communes by rank.
type labels []label

// rankFrom gives the zoom from which a commune of a rank may be named: as many names as a
// tile can hold.
func rankFrom(rank int) int {
	switch {
	case rank < 24:
		return 0
	case rank < 120:
		return 8
	case rank < 600:
		return 9
	}
	return 10
}

// nameStore keeps the names of two snapshots: the one in use, and the next or the former.
type nameStore struct {
	mu   sync.Mutex
	kept [2]struct {
		id    string
		names labels
	}
}

// namesOf returns the names of a snapshot, made once: it takes a tenth of a second or two.
func (s *server) namesOf(ctx context.Context, a *atlas.Atlas) (labels, error) {
	n, id := &s.names, a.Meta().ID
	n.mu.Lock()
	for _, k := range n.kept {
		if k.id == id {
			n.mu.Unlock()
			return k.names, nil
		}
	}
	n.mu.Unlock()
	names, err := readNames(ctx, a)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	n.kept[1] = n.kept[0]
	n.kept[0].id, n.kept[0].names = id, names
	n.mu.Unlock()
	return names, nil
}

// readNames ranks communes by how much is known of them, then by size: without populations, it
// is what tells a town a visitor will recognise. Where little has been seen yet, size alone
// names Toulouse before the hamlets of the first code.
func readNames(ctx context.Context, a *atlas.Atlas) (labels, error) {
	var out labels
	known, size := map[geo.AreaKey]int{}, map[string]float64{}
	rows, _, err := a.Areas(ctx, geo.Commune, "", 0, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		known[r.Area] = r.N
	}
	for _, kind := range []geo.Kind{geo.Department, geo.Commune} {
		var some labels
		err := a.Outlines(ctx, kind, orb.Bound{}, func(key geo.AreaKey, name string, g orb.MultiPolygon) error {
			if len(g) == 0 {
				return nil
			}
			p := geo.InsidePoint(g)
			size[key.Code()] = geo.Surface(g)
			some = append(some, label{at: project(p[0], p[1]), kind: kind.String(), code: key.Code(), name: name, rank: known[key]})
			return nil
		})
		if err != nil {
			return nil, err
		}
		sort.SliceStable(some, func(i, j int) bool {
			if some[i].rank != some[j].rank {
				return some[i].rank > some[j].rank
			}
			if a, b := size[some[i].code], size[some[j].code]; a != b {
				return a > b
			}
			return some[i].code < some[j].code
		})
		for i := range some {
			some[i].rank = i
		}
		out = append(out, some...)
	}
	return out, nil
}

func (ls labels) encode(g grid) *layer {
	l := newLayer("labels", "kind", "code", "name", "rank")
	for _, n := range ls {
		if !g.meets(n.at, n.at) || n.kind == "commune" && g.z < rankFrom(n.rank) {
			continue
		}
		v := g.place(n.at)
		// Exactly one tile owns a name, or two neighbours would both write it.
		if v.x < 0 || v.y < 0 || v.x >= extent || v.y >= extent {
			continue
		}
		l.point(v)
		l.text(0, n.kind)
		l.text(1, n.code)
		l.text(2, n.name)
		l.number(3, n.rank)
		l.end(pointShape)
	}
	return l
}
