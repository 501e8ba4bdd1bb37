package geo

import (
	"slices"

	"github.com/paulmach/orb"
)

// Departments returns the departments that an area meets, in the order they were given: of a
// department itself, of a commune the one that holds it, of a region those it holds, of a cell those
// that have a point in it, by their own outlines or by those of their communes, since both are
// simplified, each in its way. Of the zero key it returns them all. It is empty for an area that was not
// given. The slice is shared: do not change it.
func (c *Containment) Departments(a AreaKey) []AreaKey {
	switch k := a.Kind(); {
	case a == 0:
		return c.all
	case k.Mesh() > 0:
		return c.met.of(a, func(a AreaKey) []AreaKey { return c.departmentsMeeting(CellRing(a)) })
	case k == Department:
		if i := slices.Index(c.all, a); i >= 0 {
			return c.all[i : i+1]
		}
	case k == Commune:
		if d := c.departmentOf(a, 0); d != 0 {
			return c.Departments(d)
		}
		if t := c.communes(); t != nil {
			if i := slices.Index(t.keys, a); i >= 0 && t.parents[i] != 0 {
				return c.Departments(t.parents[i])
			}
		}
	case k == Region:
		return c.met.of(a, func(a AreaKey) (out []AreaKey) {
			for _, d := range c.all {
				if slices.Contains(c.above[d], a) {
					out = append(out, d)
				}
			}
			return out
		})
	}
	return nil
}

// DepartmentsIn returns the departments that a box of Lambert-93 meets, in the order they were given.
func (c *Containment) DepartmentsIn(b Box) []AreaKey { return c.departmentsMeeting(boxRing(b)) }

func (c *Containment) departmentsMeeting(ring orb.Ring) (out []AreaKey) {
	if len(ring) == 0 {
		return nil
	}
	found := make([]bool, len(c.all))
	for i := range c.departments.shapes {
		found[i] = c.departments.shapes[i].meets(ring)
	}
	t := c.communes()
	for _, i := range t.index.near(ring.Bound()) {
		if d := slices.Index(c.all, t.parents[i]); d >= 0 && !found[d] {
			found[d] = t.shapes[i].meets(ring)
		}
	}
	for i, d := range c.all {
		if found[i] {
			out = append(out, d)
		}
	}
	return out
}

// meets reports whether a shape and the surface of a ring have a point in common.
func (s *shape) meets(ring orb.Ring) bool {
	return len(s.edges) > 0 && s.bound.Intersects(ring.Bound()) && (s.contains(ring[0][0], ring[0][1]) || s.meetsRing(ring))
}

// At returns the area of a kind that holds a point of WGS84, 0 when none does or the kind has no
// outlines here. A department is known by its communes first.
func (c *Containment) At(k Kind, lon, lat float64) AreaKey {
	switch {
	case k.Mesh() > 0:
		x, y := ToLambert93(lon, lat)
		return CellAt(k, x, y)
	case k == Commune, k == Department:
		t := c.communes()
		if i, ok := t.index.At(lon, lat); ok {
			if k == Commune {
				return t.keys[i]
			}
			if t.parents[i] != 0 {
				return t.parents[i]
			}
		}
		if k == Department {
			return c.departments.at(lon, lat)
		}
	case k == Region:
		return c.regions.at(lon, lat)
	}
	return 0
}

func (t *territories) at(lon, lat float64) AreaKey {
	if i, ok := t.index.At(lon, lat); ok {
		return t.keys[i]
	}
	return 0
}

// Near reports whether two areas meet, or, with a distance, whether b comes that near the
// extent of a, in metres: it never misses, but may find areas a little further away. Administrative
// areas meet when one holds the other by law. It is true of what is not known.
func (c *Containment) Near(a, b AreaKey, metres float64) bool {
	if a == b || !c.known(a) || !c.known(b) {
		return true
	}
	if metres > 0 && b.Kind() == Department {
		return slices.Contains(c.near.of(reach{a, roundUp(metres)}, func(r reach) []AreaKey {
			return c.departmentsMeeting(boxRing(c.extent(r.area).grown(r.metres)))
		}), b)
	}
	if metres > 0 {
		return c.meetsRing(b, boxRing(c.extent(a).grown(metres)))
	}
	x, y := a.Kind().Mesh() > 0, b.Kind().Mesh() > 0
	switch {
	case x && y:
		p, q := a.Box(), b.Box()
		return p.MinX < q.MaxX && q.MinX < p.MaxX && p.MinY < q.MaxY && q.MinY < p.MaxY
	case x && b.Kind() == Department:
		return slices.Contains(c.Departments(a), b)
	case y && a.Kind() == Department:
		return slices.Contains(c.Departments(b), a)
	case x:
		return c.meetsRing(b, CellRing(a))
	case y:
		return c.meetsRing(a, CellRing(b))
	}
	return slices.Contains(c.above[a], b) || slices.Contains(c.above[b], a)
}

// roundUp returns a distance among few: at most twice as far.
func roundUp(metres float64) float64 {
	up := 125.0
	for up < metres && up < 1e7 {
		up *= 2
	}
	return up
}

func (b Box) grown(m float64) Box { return Box{b.MinX - m, b.MinY - m, b.MaxX + m, b.MaxY + m} }

func (c *Containment) known(a AreaKey) bool {
	_, ok := c.above[a]
	return ok || a.Kind().Mesh() > 0
}

// outline returns the shape of an administrative area.
func (c *Containment) outline(a AreaKey) *shape {
	t := &c.regions
	switch a.Kind() {
	case Commune:
		t = c.communes()
	case Department:
		t = &c.departments
	}
	if i := slices.Index(t.keys, a); i >= 0 {
		return &t.shapes[i]
	}
	return nil
}

func (c *Containment) meetsRing(a AreaKey, ring orb.Ring) bool {
	if a.Kind().Mesh() > 0 {
		b, r := a.Box(), BoxOf(ring)
		return b.MinX <= r.MaxX+1 && r.MinX <= b.MaxX && b.MinY <= r.MaxY+1 && r.MinY <= b.MaxY
	}
	if a.Kind() == Department {
		return slices.Contains(c.departmentsMeeting(ring), a)
	}
	s := c.outline(a)
	return s == nil || s.meets(ring)
}

// extent returns the extent of an area in Lambert-93.
func (c *Containment) extent(a AreaKey) Box {
	if a.Kind().Mesh() > 0 {
		return a.Box()
	}
	s := c.outline(a)
	if s == nil || len(s.edges) == 0 {
		return Box{}
	}
	b := s.bound
	box := BoxOf(b.ToRing())
	// The sides of a box of longitudes and latitudes are bent in Lambert-93: by a hundredth of
	// their length where France ends.
	bend := 0.02 * max(box.MaxX-box.MinX, box.MaxY-box.MinY)
	return Box{box.MinX - bend, box.MinY - bend, box.MaxX + bend, box.MaxY + bend}
}

// boxRing returns the outline of a box of Lambert-93 in WGS84, sides cut every 5 km at most.
func boxRing(b Box) orb.Ring {
	if !(b.MinX <= b.MaxX && b.MinY <= b.MaxY && b.MaxX-b.MinX < 1e7 && b.MaxY-b.MinY < 1e7) {
		return nil
	}
	w, h := max(b.MaxX-b.MinX, 1), max(b.MaxY-b.MinY, 1) // a point is a square metre: its box is rounded down
	nx, ny := int(w/5000)+1, int(h/5000)+1
	ring := make(orb.Ring, 0, 2*(nx+ny)+1)
	add := func(fx, fy float64) {
		lon, lat := lambert93.inverse(b.MinX+fx*w, b.MinY+fy*h)
		ring = append(ring, orb.Point{lon, lat})
	}
	for i := range nx {
		add(float64(i)/float64(nx), 0)
	}
	for i := range ny {
		add(1, float64(i)/float64(ny))
	}
	for i := range nx {
		add(1-float64(i)/float64(nx), 1)
	}
	for i := range ny {
		add(0, 1-float64(i)/float64(ny))
	}
	return append(ring, ring[0])
}
