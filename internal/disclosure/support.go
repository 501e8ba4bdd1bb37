package disclosure

import (
	"slices"

	"garrigue/internal/geo"
	"garrigue/internal/observation"
)

// decision holds what is known of one place while it is decided. The support of a record is a
// representative point and an extent: the place itself when it is a point; a point inside its shape
// and the side of its box; of a record attached to a cell the middle and the side of the cell. A record
// attached to an administrative area has no point: it nests in such areas only. One that
// its producer blurred has only what came with it.
type decision struct {
	p  *Policy
	in Territory
	pl *observation.Place

	attached geo.AreaKey
	given    bool
	side     float64 // extent in metres
	radius   float64 // surface of the square around the circle of uncertainty, m²
}

// support reads the place; false when there is none, or it makes no sense.
func (d *decision) support(o *observation.Observation) bool {
	pl := d.pl
	switch pl.Georeference {
	case observation.ByCommune, observation.ByDepartment, observation.ByCell:
		d.attached, d.given = pl.Attached, o.BlurredAtSource()
		d.side = float64(pl.Attached.Kind().Mesh()) * 1000
		return d.attached != 0
	case observation.ByGeometry:
		b := &pl.Box
		if !(b.MinX <= b.MaxX && b.MinY <= b.MaxY) || *b == (geo.Box{}) || b.MaxX-b.MinX > 1e7 || b.MaxY-b.MinY > 1e7 {
			return false // also NaN and the infinite
		}
		d.side = max(b.MaxX-b.MinX, b.MaxY-b.MinY)
		r := 2 * float64(max(pl.Uncertainty, 0))
		d.radius = r * r
		return d.side == 0 || d.pointInside()
	}
	return false
}

// pointInside reports whether the representative point of a shape is in its box, but for the
// bend of long sides.
func (d *decision) pointInside() bool {
	x, y := d.point()
	b, slack := &d.pl.Box, 10+d.side/100
	return x >= b.MinX-slack && x <= b.MaxX+slack && y >= b.MinY-slack && y <= b.MaxY+slack
}

// point returns the representative point in Lambert-93.
func (d *decision) point() (x, y float64) {
	if d.attached != 0 {
		e, n := d.attached.Corner()
		return float64(e)*1000 + d.side/2, float64(n)*1000 + d.side/2
	}
	if d.side == 0 {
		return d.pl.Box.MinX, d.pl.Box.MinY
	}
	return geo.ToLambert93(d.pl.Lon, d.pl.Lat)
}

// ordinary reports whether the record is as precise as the mesh.
func (d *decision) ordinary() bool {
	mesh := d.p.Mesh.Mesh()
	if d.attached != 0 {
		k := d.attached.Kind().Mesh()
		return !d.given && k > 0 && k <= mesh
	}
	return max(d.side*d.side, d.radius) <= float64(mesh*mesh)*1e6
}

// suits reports whether areas of a kind are as large as the record is vague: their mean surface
// is that of the square around it, so up to a radius of 2,500 m for a 5 km cell. Whether the shape crosses
// an edge, or its circle a border, does not count: that would tell how near one the place is.
func (d *decision) suits(k geo.Kind) bool {
	if d.given {
		return d.suitsGiven(k)
	}
	mean := d.p.settled.mean(k)
	if d.attached == 0 {
		return mean >= d.side*d.side && mean >= d.radius
	}
	if own := d.attached.Kind(); d.side == 0 {
		return k.Mesh() == 0 && k >= own // a commune, a department, a region
	}
	return mean >= d.side*d.side
}

// at returns the area of a kind where the record is; 0 when none is known.
func (d *decision) at(k geo.Kind) geo.AreaKey {
	switch {
	case d.given:
		return d.givenAt(k)
	case d.attached != 0 && (d.side == 0 || d.attached.Kind() == k):
		if d.attached.Kind() == k {
			return d.attached
		}
		return among(k, d.in.Containers(d.attached))
	case k.Mesh() > 0:
		x, y := d.point()
		return geo.CellAt(k, x, y)
	}
	switch k {
	case geo.Commune:
		return d.orAt(d.pl.Commune, k)
	case geo.Department:
		return d.orAt(d.pl.Department, k)
	case geo.Region:
		for _, a := range [...]geo.AreaKey{d.pl.Commune, d.orAt(d.pl.Department, geo.Department)} {
			if a == 0 {
				continue
			}
			if r := among(k, d.in.Containers(a)); r != 0 {
				return r
			}
		}
		return d.orAt(0, k)
	}
	return 0
}

// orAt returns the area that holds the whole place, or most of it, else the one at its point, else,
// of departments, one that the record meets: of a cell the one that has most of it.
func (d *decision) orAt(whole geo.AreaKey, k geo.Kind) geo.AreaKey {
	if whole != 0 {
		return whole
	}
	lon, lat := geo.FromLambert93(d.point())
	a := d.in.At(k, lon, lat)
	if a == 0 && k == geo.Department {
		return d.most(d.met())
	}
	return a
}

// most returns the department, of those that a record meets, that has most of its cell; the first by code in doubt.
func (d *decision) most(met []geo.AreaKey) (best geo.AreaKey) {
	if len(met) < 2 || d.attached.Kind().Mesh() == 0 {
		if len(met) > 0 {
			best = slices.Min(met)
		}
		return best
	}
	const n = 10 // points a side
	b, points := d.attached.Box(), map[geo.AreaKey]int{}
	for i := range n * n {
		x, y := b.MinX+(float64(i%n)+0.5)/n*d.side, b.MinY+(float64(i/n)+0.5)/n*d.side
		lon, lat := geo.FromLambert93(x, y)
		points[d.in.At(geo.Department, lon, lat)]++
	}
	for _, a := range met {
		if best == 0 || points[a] > points[best] || points[a] == points[best] && a < best {
			best = a
		}
	}
	return best
}

// departments returns those that the record meets, none when none is known.
func (d *decision) departments() []geo.AreaKey {
	if d.side == 0 && d.attached == 0 {
		if a := d.at(geo.Department); a != 0 {
			return []geo.AreaKey{a}
		}
	}
	return d.met()
}

// met returns the departments that the support meets; of a point that is in none, between outlines that do
// not fit or off the shore, those that its mesh cell meets.
func (d *decision) met() []geo.AreaKey {
	pl := d.pl
	switch {
	case d.given && pl.Department != 0:
		return d.in.Departments(pl.Department)
	case d.given && pl.Commune != 0:
		return d.in.Departments(pl.Commune)
	case d.attached != 0:
		return d.in.Departments(d.attached)
	case d.side > 0:
		return d.in.DepartmentsIn(pl.Box)
	}
	return d.in.Departments(d.at(d.p.Mesh))
}

func among(k geo.Kind, areas []geo.AreaKey) geo.AreaKey {
	for _, a := range areas {
		if a.Kind() == k {
			return a
		}
	}
	return 0
}
