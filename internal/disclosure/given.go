package disclosure

import (
	"garrigue/internal/geo"
)

// A record its producer blurred (dEEFloutage = OUI, no geometry) is shown at the smallest kind
// of the areas that came with it that its levels allow, and in no layer that did not come with it. A
// larger cell is the same layer as a cell; the region holds every layer and is none of the
// standard's. Where no given layer is coarse enough the region is left.

// givenKind returns the kind at which such a record is shown.
func (d *decision) givenKind(asks *asks) geo.Kind {
	s, best := &d.p.settled, geo.Region
	for _, k := range anyKind {
		if k != geo.Region && d.suitsGiven(k) && asks.allow(s, k) && (best == geo.Region || s.mean(k) < s.mean(best)) {
			best = k
		}
	}
	return best
}

// suitsGiven reports whether a kind is among the layers given: of cells, those in which
// every cell of the given mesh lies whole.
func (d *decision) suitsGiven(k geo.Kind) bool {
	switch {
	case k == geo.Region:
		return true
	case k.Mesh() > 0:
		own := d.attached.Kind().Mesh()
		return own > 0 && k.Mesh()%own == 0
	}
	return d.attached.Kind() == k || k == geo.Commune && d.pl.Commune != 0 || k == geo.Department && d.pl.Department != 0
}

// givenAt returns the area of a layer given.
func (d *decision) givenAt(k geo.Kind) geo.AreaKey {
	switch {
	case d.attached.Kind() == k:
		return d.attached
	case k.Mesh() > 0:
		return among(k, d.in.Containers(d.attached))
	case k == geo.Commune:
		return d.pl.Commune
	case k == geo.Department:
		return d.pl.Department
	}
	for _, a := range [...]geo.AreaKey{d.pl.Commune, d.pl.Department, d.attached} {
		if a == 0 || a.Kind().Mesh() > 0 {
			continue
		}
		if a.Kind() == k {
			return a
		}
		if r := among(k, d.in.Containers(a)); r != 0 {
			return r
		}
	}
	if d.attached.Kind().Mesh() == 0 {
		return 0
	}
	// Of a cell alone the region at its middle, be it wholly inside or not: else a cell across the edge would not be
	// shown, and so the others would be known to be far from it.
	lon, lat := geo.FromLambert93(d.point())
	return d.in.At(k, lon, lat)
}

// gave reports whether an area came with the record, or is a larger cell of one that did, or the
// region.
func (d *decision) gave(a geo.AreaKey) bool {
	return a == d.attached || a == d.pl.Commune || a == d.pl.Department || a.Kind() == geo.Region ||
		a.Kind().Mesh() > 0 && d.attached.Kind().Mesh() > 0
}
