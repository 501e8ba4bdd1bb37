package tile

import (
	"context"
	"sync"

	"garrigue/internal/atlas"
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

// subject is what a tile of cells is about: a taxon between two years, or the richness of
// the whole atlas when the taxon is 0.
type subject struct {
	snapshot string
	taxon    taxon.CdRef
	from, to int
}

// cell is a mesh cell ready to draw: its corners clockwise as seen, from the north-west.
type cell struct {
	corners  [4]world
	min, max world
	code     string
	n, taxa  int
	first    int
	last     int
}

// zone is a less precise area ready to draw.
type zone struct {
	shape   *shape
	kind    string
	code    string
	name    string
	n       int
	first   int
	last    int
	reasons int
}

// places are all that is drawn of one subject, whatever the tile.
type places struct {
	cells    []cell
	searched []cell // where the taxon was not seen though its group was
	zones    []zone
	richness bool
}

func (p *places) size() int { return 160*(cap(p.cells)+cap(p.searched)) + 120*len(p.zones) + 64 }

// placesOf reads and prepares the places of a subject, remembered for a while.
func (s *server) placesOf(ctx context.Context, a *atlas.Atlas, what subject) (*places, error) {
	if p, ok := s.subjects.get(what); ok {
		return p, nil
	}
	rows, err := rowsOf(ctx, a, what)
	if err != nil {
		return nil, err
	}
	p := &places{richness: what.taxon == 0, cells: make([]cell, 0, len(rows))}
	for _, r := range rows {
		if r.Reasons == 0 && r.Area.Kind().Mesh() > 0 && r.Area.Kind().Mesh() <= 10 {
			p.cells = append(p.cells, s.cellOf(r))
			continue
		}
		sh, err := s.shapeOf(ctx, a, r.Area)
		if err != nil {
			return nil, err
		}
		p.zones = append(p.zones, zone{shape: sh, kind: r.Area.Kind().String(), code: r.Area.Code(), name: r.Name,
			n: r.N, first: r.First, last: r.Last, reasons: int(r.Reasons)})
	}
	if !p.richness {
		searched, err := a.Searched(ctx, what.taxon, what.from, what.to)
		if err != nil {
			return nil, err
		}
		p.searched = make([]cell, 0, len(searched))
		for _, key := range searched {
			p.searched = append(p.searched, s.cellOf(atlas.AreaCount{Area: key}))
		}
	}
	s.subjects.put(what, p, p.size())
	return p, nil
}

// rowsOf reads a subject's areas. An unknown taxon is NotFound; a taxon with nothing between
// the two years is an empty list.
func rowsOf(ctx context.Context, a *atlas.Atlas, what subject) ([]atlas.AreaCount, error) {
	if what.taxon == 0 {
		home, err := a.Home(ctx)
		if err != nil {
			return nil, err
		}
		return home.Cells, nil
	}
	rows, err := a.Cells(ctx, what.taxon, what.from, what.to)
	if err == nil && len(rows) == 0 {
		_, err = a.Taxon(ctx, what.taxon)
	}
	return rows, err
}

// cellOf projects a cell of at most 10 km: four corners are enough, its edges bend by less
// than a metre or two between them.
func (s *server) cellOf(r atlas.AreaCount) cell {
	e, n := r.Area.Corner()
	m := r.Area.Kind().Mesh()
	c := cell{code: r.Area.Code(), n: r.N, taxa: r.Taxa, first: r.First, last: r.Last}
	c.corners = [4]world{s.corners.at(e, n+m), s.corners.at(e+m, n+m), s.corners.at(e+m, n), s.corners.at(e, n)}
	c.min, c.max = c.corners[0], c.corners[0]
	for _, w := range c.corners[1:] {
		c.min = world{min(c.min.x, w.x), min(c.min.y, w.y)}
		c.max = world{max(c.max.x, w.x), max(c.max.y, w.y)}
	}
	return c
}

// lattice remembers the projected corners of the mesh, four cells sharing each.
type lattice struct {
	mu    sync.RWMutex
	known map[uint64]world
}

// latticeLimit bounds what is remembered; the 5 km mesh of Occitanie has 3,200 corners.
const latticeLimit = 200_000

// at returns the corner at e, n kilometres of Lambert-93.
func (l *lattice) at(e, n int) world {
	key := uint64(uint32(e))<<32 | uint64(uint32(n))
	l.mu.RLock()
	w, ok := l.known[key]
	l.mu.RUnlock()
	if ok {
		return w
	}
	w = project(geo.FromLambert93(float64(e)*1000, float64(n)*1000))
	l.mu.Lock()
	if len(l.known) >= latticeLimit {
		clear(l.known)
	}
	l.known[key] = w
	l.mu.Unlock()
	return w
}

// Keys of the layers' properties, in the order features give them.
var (
	cellKeys     = []string{"code", "n", "first", "last"}
	richnessKeys = []string{"code", "n", "taxa"}
	zoneKeys     = []string{"kind", "code", "name", "n", "first", "last", "reasons"}
	searchedKeys = []string{"code"}
)

// encode returns the tile of the places: layers "mailles", "cherchees" and "zones".
func (p *places) encode(g grid) []byte {
	keys := cellKeys
	if p.richness {
		keys = richnessKeys
	}
	cells, zones := newLayer("mailles", keys...), newLayer("zones", zoneKeys...)
	cells.room(len(p.cells))
	for i := range p.cells {
		c := &p.cells[i]
		if !cells.square(&g, c) {
			continue
		}
		cells.ownText(0, c.code)
		cells.number(1, c.n)
		if p.richness {
			cells.number(2, c.taxa)
		} else {
			cells.number(2, c.first)
			cells.number(3, c.last)
		}
		cells.end(polygonShape)
	}
	searched := newLayer("cherchees", searchedKeys...)
	for i := range p.searched {
		if c := &p.searched[i]; searched.square(&g, c) {
			searched.ownText(0, c.code)
			searched.end(polygonShape)
		}
	}
	for i := range p.zones {
		z := &p.zones[i]
		z.shape.draw(zones, &g)
		zones.text(0, z.kind)
		zones.ownText(1, z.code)
		zones.text(2, z.name)
		zones.number(3, z.n)
		zones.number(4, z.first)
		zones.number(5, z.last)
		zones.number(6, z.reasons)
		zones.end(polygonShape)
	}
	return zones.appendTo(searched.appendTo(cells.appendTo(nil)))
}

// square draws a cell, unless the tile does not meet it or would have it smaller than a unit: only
// far below the zooms a map shows.
func (l *layer) square(g *grid, c *cell) bool {
	if !g.meets(c.min, c.max) {
		return false
	}
	var ring [4]vertex
	for k, w := range c.corners {
		ring[k] = g.place(w)
	}
	if area(ring[:]) == 0 {
		return false
	}
	l.ring(ring[:])
	return true
}
