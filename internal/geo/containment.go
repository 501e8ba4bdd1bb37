package geo

import (
	"slices"
	"sync"

	"github.com/paulmach/orb"
)

// Containment knows which areas wholly hold another, and how large areas are. Communes,
// departments and regions nest by law (Parent), else by where a point inside them lies;
// cells nest by arithmetic, and lie in a department or a region when no border touches them.
//
// It never changes once built, but for a cache, and may be used from many goroutines.
type Containment struct {
	above       map[AreaKey][]AreaKey // of administrative areas
	surface     map[AreaKey]float64
	departments territories
	regions     territories
	all         []AreaKey // every department, also those known only as the parent of a commune
	communes    func() *territories
	cells       kept[AreaKey] // areas that wholly contain a cell
	met         kept[AreaKey] // departments that a cell meets
	near        kept[reach]   // departments that come near an area
}

// kept remembers what was found of areas.
type kept[K comparable] struct {
	mu sync.RWMutex
	m  map[K][]AreaKey
}

// reach is an area and what lies within some metres of it.
type reach struct {
	area   AreaKey
	metres float64
}

// of returns what was kept of a, finding it first if need be.
func (k *kept[K]) of(a K, find func(K) []AreaKey) []AreaKey {
	k.mu.RLock()
	v, ok := k.m[a]
	k.mu.RUnlock()
	if ok {
		return v
	}
	v = slices.Clip(find(a))
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.m == nil {
		k.m = map[K][]AreaKey{}
	}
	k.m[a] = v
	return v
}

type territories struct {
	keys    []AreaKey
	parents []AreaKey // departments, of communes
	shapes  []shape
	index   *Index
}

// NewContainment returns the containment of areas of any kinds, in any order. Cells need not
// be given, and are ignored: they are known by their keys. Only areas given are ever
// returned as containers, apart from cells.
func NewContainment(areas []Area) *Containment {
	c := &Containment{above: map[AreaKey][]AreaKey{}, surface: map[AreaKey]float64{}}
	var communes, departments, regions []Area
	for _, a := range areas {
		switch a.Key.Kind() {
		case Commune:
			communes = append(communes, a)
		case Department:
			departments = append(departments, a)
		case Region:
			regions = append(regions, a)
		default:
			continue
		}
		if a.Surface > 0 {
			c.surface[a.Key] = a.Surface
		} else {
			c.surface[a.Key] = Surface(a.Geometry)
		}
	}
	c.regions, c.departments = newTerritories(regions), newTerritories(departments)
	for _, a := range regions {
		c.above[a.Key] = nil
	}
	for _, a := range departments {
		c.above[a.Key] = c.regions.holding(a, c.surface)
	}
	for _, a := range communes {
		up := c.departments.holding(a, c.surface)
		if len(up) > 0 {
			up = append(up, c.above[up[0]]...)
		} else {
			up = c.regions.holding(a, c.surface)
		}
		c.above[a.Key] = slices.Clip(up)
	}
	c.all = slices.Clone(c.departments.keys)
	for _, a := range communes {
		if d := c.departmentOf(a.Key, a.Parent); d != 0 && !slices.Contains(c.all, d) {
			c.all = append(c.all, d)
		}
	}
	c.communes = sync.OnceValue(func() *territories { // a few seldom ask, and it takes time
		t := newTerritories(communes)
		for i, a := range communes {
			t.keys[i] = a.Key
			t.parents = append(t.parents, c.departmentOf(a.Key, a.Parent))
		}
		return &t
	})
	return c
}

// departmentOf returns the department of a commune: that above it, else its parent even
// when nothing else is known of it.
func (c *Containment) departmentOf(commune, parent AreaKey) AreaKey {
	for _, up := range c.above[commune] {
		if up.Kind() == Department {
			return up
		}
	}
	if parent.Kind() == Department {
		return parent
	}
	return 0
}

func newTerritories(areas []Area) territories {
	t := territories{index: NewIndex(areas)}
	for i, a := range areas {
		t.keys = append(t.keys, a.Key)
		t.shapes = append(t.shapes, t.index.areas[i].shape)
	}
	return t
}

// holding returns the territory that holds a: its Parent when that is known here, else the
// one where a point inside a lies.
func (t *territories) holding(a Area, known map[AreaKey]float64) []AreaKey {
	if len(t.keys) == 0 {
		return nil
	}
	if _, ok := known[a.Parent]; ok && a.Parent.Kind() == t.keys[0].Kind() {
		return []AreaKey{a.Parent}
	}
	if len(a.Geometry) == 0 {
		return nil
	}
	p := InsidePoint(a.Geometry)
	if i, ok := t.index.At(p[0], p[1]); ok {
		return []AreaKey{t.keys[i]}
	}
	return nil
}

// around returns the territory that wholly holds a cell: its ring is inside and no border
// meets it, not even by touching.
func (t *territories) around(ring orb.Ring) []AreaKey {
	for i := range t.shapes {
		if s := &t.shapes[i]; s.contains(ring[0][0], ring[0][1]) && !s.meetsRing(ring) {
			return []AreaKey{t.keys[i]}
		}
	}
	return nil
}

// Containers returns the areas that wholly contain a, not a itself, smaller ones first: of a
// commune its department and region, of a department its region, of a cell the larger cells,
// then the department and the region when the cell is wholly inside. The slice is shared: do
// not change it. It is empty for an area that was not given.
func (c *Containment) Containers(a AreaKey) []AreaKey {
	if a.Kind().Mesh() == 0 {
		return c.above[a]
	}
	return c.cells.of(a, c.around)
}

func (c *Containment) around(a AreaKey) (out []AreaKey) {
	for _, k := range cellKinds {
		if up, ok := a.cellIn(k); ok && up != a {
			out = append(out, up)
		}
	}
	ring := CellRing(a)
	out = append(out, c.departments.around(ring)...)
	return append(out, c.regions.around(ring)...)
}

// Surface returns the area of a in square metres: of a cell the square of its side, as the
// projection counts it (the true one differs by up to 0.2 % in southern France); of an
// administrative area its surface on the ellipsoid. 0 for an area that was not given.
func (c *Containment) Surface(a AreaKey) float64 {
	if m := a.Kind().Mesh(); m > 0 {
		return float64(m*m) * 1e6
	}
	return c.surface[a]
}

// meetsRing reports whether a side of the shape meets the surface of a ring.
func (s *shape) meetsRing(ring orb.Ring) bool {
	b := ring.Bound()
	if !s.meetsBorder(b) {
		return false
	}
	in := newShape(orb.MultiPolygon{{ring}})
	for i := s.first[s.slab(b.Min[1])]; i < s.first[s.slab(b.Max[1])+1]; i++ {
		e := &s.edges[i]
		if !e.meets(b) {
			continue
		}
		if in.contains(e.x0, e.y0) || in.contains(e.x1, e.y1) {
			return true
		}
		for j := 1; j < len(ring); j++ {
			f := newEdge(ring[j-1], ring[j])
			if e.crosses(&f) {
				return true
			}
		}
	}
	return false
}

// crosses reports whether two segments meet, ends included.
func (e *edge) crosses(f *edge) bool {
	side := func(a *edge, x, y float64) float64 {
		return (a.x1-a.x0)*(y-a.y0) - (a.y1-a.y0)*(x-a.x0)
	}
	if max(e.x0, e.x1) < min(f.x0, f.x1) || max(f.x0, f.x1) < min(e.x0, e.x1) || e.y1 < f.y0 || f.y1 < e.y0 {
		return false
	}
	return side(e, f.x0, f.y0)*side(e, f.x1, f.y1) <= 0 && side(f, e.x0, e.y0)*side(f, e.x1, e.y1) <= 0
}
