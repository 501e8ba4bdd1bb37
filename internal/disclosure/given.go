package disclosure

import (
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
)

// given places a record its producer blurred (dEEFloutage = OUI, no geometry): at the smallest
// kind of the areas that came with it that its levels allow, and in no layer that did not come
// with it. A larger cell that holds the given one is the same layer; the region holds every
// layer and is none of the standard's. Where no given layer is coarse enough the region is
// left, else nothing.
func (d *decision) given(buf []geo.AreaKey, out Published, pl *observation.Place, level, consent sensitivity.Level) (Published, bool) {
	s := &d.p.settled
	out.Blurred = true
	out.Reasons = d.reasons(level, consent)
	consider := func(a geo.AreaKey) {
		k := a.Kind()
		if a != 0 && s.direct(level, k) && s.direct(consent, k) && (out.Area == 0 || s.mean(k) < s.mean(out.Area.Kind())) {
			out.Area = a
		}
	}
	consider(d.attached)
	consider(pl.Commune)
	consider(pl.Department)
	cells := d.attached.Kind().Mesh() > 0
	if cells {
		for _, c := range d.containers {
			if c.Kind().Mesh() > 0 {
				consider(c)
			}
		}
	}
	if out.Area == 0 {
		out.Area = d.givenRegion(pl)
	}
	if out.Area == 0 {
		return Published{}, false
	}
	out.Within = buf[:0]
	for _, c := range d.in.Containers(out.Area) {
		if c == pl.Commune || c == pl.Department || c == d.attached || c.Kind() == geo.Region || cells && c.Kind().Mesh() > 0 {
			out.Within = append(out.Within, c)
		}
	}
	return out, true
}

// givenRegion returns the region that wholly holds one of the given areas, 0 when none does.
func (d *decision) givenRegion(pl *observation.Place) geo.AreaKey {
	for _, a := range [...]geo.AreaKey{d.attached, pl.Commune, pl.Department} {
		if a == 0 {
			continue
		}
		if r := regionAmong(a, d.in.Containers(a)); r != 0 {
			return r
		}
	}
	return 0
}
