package disclosure

import (
	"slices"

	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
)

// withheld is the consent level of what may not be shown at all.
const withheld = 4

// Publish decides what an audience may see of an observation, and false when nothing. It is
// the rule of DESIGN.md in this folder. The observation is not modified, and nothing of it
// that is finer than the disclosed area is in the result.
func Publish(o *observation.Observation, p *Policy, in Containment, a Audience) (Published, bool) {
	return PublishInto(nil, o, p, in, a)
}

// PublishInto is Publish with a buffer for Within, whose elements are overwritten: with
// room for eight areas it allocates nothing. The result is valid until the buffer is used again.
func PublishInto(buf []geo.AreaKey, o *observation.Observation, p *Policy, in Containment, a Audience) (Published, bool) {
	if a != Public || in == nil || !p.ready() || !publishable(o) {
		return Published{}, false
	}
	wish, choice := consentLevels(o)
	level := max(o.Sensitivity, o.StatedLevel)
	if level >= withheld || wish >= withheld || choice >= withheld {
		return Published{}, false
	}
	consent := max(wish, choice)
	d := decision{p: p, in: in}
	if !d.support(&o.Place) {
		return Published{}, false
	}
	out := Published{CdRef: o.CdRef, Dataset: o.Dataset, Organisation: o.Organisation, When: o.When,
		AltitudeMin: observation.NoAltitude, AltitudeMax: observation.NoAltitude,
		Validated: o.Validation == observation.Certain || o.Validation == observation.Probable}
	out.When.StartTime, out.When.EndTime = "", ""

	if o.BlurredAtSource() {
		return d.given(buf, out, &o.Place, level, consent)
	}
	if level == 0 && consent == 0 && d.inMesh {
		out.Area = d.cell
		out.Within = d.holders(buf[:0], &o.Place)
		out.AltitudeMin, out.AltitudeMax = o.Place.AltitudeMin, o.Place.AltitudeMax
		return out, true
	}
	out.Blurred = true
	out.Reasons = d.reasons(level, consent)
	if out.Area = d.area(level, wish, choice); out.Area == 0 {
		return Published{}, false
	}
	out.Within = append(buf[:0], in.Containers(out.Area)...)
	return out, true
}

// publishable checks everything but the place and the levels. Fail closed: what is not
// known to be publishable is not.
func publishable(o *observation.Observation) bool {
	if o.Presence != observation.Present || o.Held != observation.NotHeld || o.CdRef == 0 {
		return false
	}
	switch o.Validation {
	case observation.Awaiting, observation.Certain, observation.Probable, observation.Undecidable,
		observation.NotEvaluated:
	default:
		return false
	}
	return o.Diffusion != "4"
}

// consentLevels maps to levels the diffusionNiveauPrecision that the producer wishes and the one
// that the observers' choices ask for. They count only where dSPublique does not say public:
// public data may not be blurred by a wish. The code list is not monotone (5 is the most
// precise), and a code outside it withholds.
func consentLevels(o *observation.Observation) (wish, choice sensitivity.Level) {
	switch o.Public {
	case "Pu", "Re", "Ac": // Re and Ac are the public codes of v1.2.1
		return 0, 0
	}
	return codeLevel(o.Diffusion), codeLevel(o.Consent)
}

func codeLevel(code string) sensitivity.Level {
	switch code {
	case "", "0", "5":
		return 0
	case "1":
		return 1
	case "2":
		return 2
	case "3":
		return 3
	}
	return withheld
}

// decision holds what is known of one place while it is decided.
type decision struct {
	p  *Policy
	in Containment

	attached   geo.AreaKey // the support itself when the record is attached to an area
	containers []geo.AreaKey
	box        geo.Box // the support otherwise
	radius     float64 // stated uncertainty in metres, 0 when none is stated
	commune    geo.AreaKey
	department geo.AreaKey
	cell       geo.AreaKey // the mesh cell that holds the support
	inMesh     bool
}

// support reads the place; false when there is none.
func (d *decision) support(pl *observation.Place) bool {
	switch pl.Georeference {
	case observation.ByCommune, observation.ByDepartment, observation.ByCell:
		if pl.Attached == 0 {
			return false
		}
		d.attached = pl.Attached
		d.containers = d.in.Containers(pl.Attached)
		if pl.Attached.Kind() == d.p.Mesh {
			d.cell, d.inMesh = pl.Attached, true
		} else {
			for _, c := range d.containers {
				if c.Kind() == d.p.Mesh && pl.Attached.Kind().Mesh() > 0 {
					d.cell, d.inMesh = c, true
				}
			}
		}
		return true
	case observation.ByGeometry:
		b := pl.Box
		if !(b.MinX <= b.MaxX && b.MinY <= b.MaxY) || b == (geo.Box{}) || b.MaxX-b.MinX > 1e7 || b.MaxY-b.MinY > 1e7 {
			return false // also NaN and the infinite
		}
		d.radius = float64(max(pl.Uncertainty, 0))
		d.box, d.commune, d.department = b, pl.Commune, pl.Department
		d.cell = d.holding(d.p.Mesh)
		d.inMesh = d.cell != 0
		return true
	}
	return false
}

// holders lists the commune, the department and the region of an ordinary observation.
func (d *decision) holders(buf []geo.AreaKey, pl *observation.Place) []geo.AreaKey {
	if d.attached != 0 {
		for _, c := range d.containers {
			if c.Kind().Mesh() == 0 {
				buf = append(buf, c)
			}
		}
		return buf
	}
	if pl.Commune != 0 {
		buf = append(buf, pl.Commune)
	}
	if pl.Department != 0 {
		buf = append(buf, pl.Department)
		for _, c := range d.in.Containers(pl.Department) {
			if c.Kind() == geo.Region {
				buf = append(buf, c)
			}
		}
	}
	return buf
}

// reasons tells why. A level's reason hides the physical ones: "large shape"
// beside "sensitive" would tell that the true place is near an edge of the mesh.
func (d *decision) reasons(level, consent sensitivity.Level) (r Reason) {
	if level > 0 {
		r |= Sensitive
	}
	if consent > 0 {
		r |= Consent
	}
	if r != 0 {
		return r
	}
	if d.attached != 0 {
		return Nature
	}
	if _, ok := d.box.Cell(d.p.Mesh); !ok {
		r |= Nature
	}
	if !d.fits(d.p.Mesh) {
		r |= Uncertainty
	}
	return r
}

// area returns the disclosed area: the first kind of the strictest list that holds the
// support, never finer than what the other lists or the record's own nature ask for; 0 when
// nothing can be disclosed. Kinds are compared, never the particular areas: else the choice
// would tell of the place.
func (d *decision) area(levels ...sensitivity.Level) geo.AreaKey {
	s, kept := &d.p.settled, d.attached.Kind()
	direct := d.attached != 0
	for i, l := range levels {
		direct = direct && s.direct(l, kept)
		for j := i; j > 0 && levels[j] > 0 && (levels[j-1] == 0 || s.stricter(levels[j], levels[j-1])); j-- {
			levels[j-1], levels[j] = levels[j], levels[j-1]
		}
	}
	if direct {
		return d.attached
	}
	floor := 0.0
	raise := func(level sensitivity.Level) bool {
		a := d.first(level, floor)
		if a != 0 {
			floor = s.mean(a.Kind())
		}
		return a != 0
	}
	if levels[0] > 0 && !d.inMesh && !(d.attached != 0 && s.direct(0, kept)) && !raise(0) {
		return d.region()
	}
	for _, l := range slices.Backward(levels[1:]) {
		if l > 0 && !raise(l) {
			return d.region()
		}
	}
	if a := d.first(levels[0], floor); a != 0 {
		return a
	}
	return d.region()
}

// first returns the area of the first of a level's kinds, of at least a mean surface, that
// holds the support; 0 when there is none.
func (d *decision) first(level sensitivity.Level, floor float64) geo.AreaKey {
	for _, k := range d.p.settled.kinds[level] {
		if d.p.settled.mean(k) < floor {
			continue
		}
		if a := d.holding(k); a != 0 {
			return a
		}
	}
	return 0
}

// holding returns the area of a kind that wholly holds the support and is large beside its
// uncertainty; 0 when none is known to.
func (d *decision) holding(k geo.Kind) geo.AreaKey {
	if d.attached != 0 {
		if d.attached.Kind() == k {
			return d.attached
		}
		for _, c := range d.containers {
			if c.Kind() == k {
				return c
			}
		}
		return 0
	}
	if !d.fits(k) {
		return 0
	}
	if k.Mesh() > 0 {
		if a, ok := d.box.Cell(k); ok {
			return a
		}
		return 0
	}
	switch k {
	case geo.Commune:
		return d.commune
	case geo.Department:
		return d.department
	case geo.Region:
		return d.region()
	}
	return 0
}

// fits reports whether areas of a kind are as large as the stated uncertainty: as the square
// around its circle, so up to a radius of 2,500 m for a 5 km cell. Only the radius
// counts: growing the shape by it would make the answer depend on how near an edge the place
// is, and so tell of it. The circle may cross a border; uncertainty is honesty about the
// place, it hides nothing.
func (d *decision) fits(k geo.Kind) bool {
	return d.radius == 0 || d.p.settled.mean(k) >= 4*d.radius*d.radius
}

// region returns the region that wholly holds the support, 0 when none is known to.
func (d *decision) region() geo.AreaKey {
	if d.attached != 0 {
		return regionAmong(d.attached, d.containers)
	}
	for _, a := range [...]geo.AreaKey{d.department, d.commune} {
		if a != 0 {
			if r := regionAmong(a, d.in.Containers(a)); r != 0 {
				return r
			}
		}
	}
	for _, k := range [...]geo.Kind{geo.Cell5, geo.Cell10, geo.Cell20, geo.Cell50} {
		if a, ok := d.box.Cell(k); ok {
			if r := regionAmong(a, d.in.Containers(a)); r != 0 {
				return r
			}
		}
	}
	return 0
}

func regionAmong(a geo.AreaKey, containers []geo.AreaKey) geo.AreaKey {
	if a.Kind() == geo.Region {
		return a
	}
	for _, c := range containers {
		if c.Kind() == geo.Region {
			return c
		}
	}
	return 0
}
