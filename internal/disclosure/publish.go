package disclosure

import (
	"slices"

	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
)

// Publish decides what an audience may see of an observation, and false when nothing. It is
// the rule of DESIGN.md in this folder. The observation is not modified, and nothing of it
// that is finer than the disclosed area is in the result.
func Publish(o *observation.Observation, p *Policy, in Territory, a Audience) (Published, bool) {
	return PublishInto(nil, o, p, in, a)
}

// PublishInto is Publish with a buffer for Within, whose elements are overwritten: with
// room for eight areas it allocates nothing. The result is valid until the buffer is used again.
func PublishInto(buf []geo.AreaKey, o *observation.Observation, p *Policy, in Territory, a Audience) (Published, bool) {
	if a != Public || in == nil || !p.ready() || !publishable(o) {
		return Published{}, false
	}
	var asks asks
	if !asks.of(p, o) {
		return Published{}, false
	}
	asks.add(p, o.SensList, o.Sensitivity)
	d := decision{p: p, in: in, pl: &o.Place}
	if asks.nothing || !d.support(o) {
		return Published{}, false
	}
	out := Published{CdRef: o.CdRef, Dataset: o.Dataset, Organisation: o.Organisation, When: o.When,
		AltitudeMin: observation.NoAltitude, AltitudeMax: observation.NoAltitude,
		Validated: o.Validation == observation.Certain || o.Validation == observation.Probable}
	out.When.StartTime, out.When.EndTime = "", ""

	if asks.n == 0 && d.ordinary() {
		out.Area = d.at(p.Mesh)
		out.Within = d.holders(buf[:0])
		out.AltitudeMin, out.AltitudeMax = o.Place.AltitudeMin, o.Place.AltitudeMax
		return out, out.Area != 0
	}
	out.Blurred = true
	out.Reasons = d.reasons(o, asks.consent)
	if out.Reasons&(Sensitive|Consent) != 0 {
		out.When = p.blurredPeriod(out.When)
	}
	if out.Area = d.at(d.kind(&asks)); out.Area == 0 {
		return Published{}, false
	}
	out.Within = d.above(buf[:0], out.Area)
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
	return sensitivity.Nothing
}

// asks are what asks for an observation to be shown less precisely, the strictest first.
type asks struct {
	by      [5]*grade // computed level, stated level, wish, choice, level of a grouping
	n       int
	consent bool // a wish or a choice is among them
	nothing bool // something asks that nothing be shown
}

// of collects all of them but the computed level, false when nothing may be shown.
func (k *asks) of(p *Policy, o *observation.Observation) bool {
	wish, choice := consentLevels(o)
	if wish|choice|o.StatedLevel == 0 {
		return true
	}
	k.add(p, "", wish)
	k.add(p, "", choice)
	k.consent = wish|choice != 0
	k.add(p, "", o.StatedLevel)
	return !k.nothing
}

// add puts in what a level of a list asks for, 0 being nothing.
func (k *asks) add(p *Policy, list string, level sensitivity.Level) {
	if level == 0 {
		return
	}
	g := p.settled.grade(list, level)
	if g == nil || level.Withholds() {
		k.nothing = true
		return
	}
	k.put(g)
}

func (k *asks) put(g *grade) {
	i := k.n
	for ; i > 0 && k.by[i-1].rank < g.rank; i-- {
		k.by[i] = k.by[i-1]
	}
	k.by[i] = g
	k.n++
}

// above lists the areas, other than a, that a blurred observation counts for: those that wholly
// contain a, and, of a record that its producer blurred, that came with it.
func (d *decision) above(buf []geo.AreaKey, a geo.AreaKey) []geo.AreaKey {
	up := d.in.Containers(a)
	if !d.given {
		return append(buf, up...)
	}
	for _, c := range up {
		if d.gave(c) {
			buf = append(buf, c)
		}
	}
	return buf
}

// holders lists the commune, the department and the region of an ordinary observation.
func (d *decision) holders(buf []geo.AreaKey) []geo.AreaKey {
	if d.attached != 0 {
		for _, c := range d.in.Containers(d.attached) {
			if c.Kind().Mesh() == 0 {
				buf = append(buf, c)
			}
		}
		return buf
	}
	if d.pl.Commune != 0 {
		buf = append(buf, d.pl.Commune)
	}
	if d.pl.Department != 0 {
		buf = append(buf, d.pl.Department)
		for _, c := range d.in.Containers(d.pl.Department) {
			if c.Kind() == geo.Region {
				buf = append(buf, c)
			}
		}
	}
	return buf
}

// reasons tells why. A level's reason hides the physical ones: "large shape"
// beside "sensitive" would tell of a place that is hidden.
func (d *decision) reasons(o *observation.Observation, consent bool) (r Reason) {
	if o.Sensitivity|o.StatedLevel != 0 {
		r |= Sensitive
	}
	if consent {
		r |= Consent
	}
	if r != 0 {
		return r
	}
	if d.attached != 0 {
		return Nature
	}
	mesh := d.p.settled.mean(d.p.Mesh)
	if d.side*d.side > mesh {
		r |= Nature
	}
	if d.radius > mesh {
		r |= Uncertainty
	}
	return r
}

// kind returns the kind of areas at which a record is shown: the first of the strictest list,
// never finer than what the other lists or the record's own nature ask for; the region when none is
// coarse enough. Only kinds and sizes count, nothing of where the place lies: else
// the choice would tell of it.
func (d *decision) kind(asks *asks) geo.Kind {
	s := &d.p.settled
	all := *asks
	if d.given {
		return d.givenKind(&all)
	}
	if kept := d.attached.Kind(); kept != geo.NoKind && all.allow(s, kept) {
		return kept
	}
	floor := 0.0
	raise := func(g *grade) bool {
		k := d.first(g, floor)
		floor = max(floor, s.mean(k))
		return k != geo.NoKind
	}
	zero := s.grade("", 0)
	if all.n == 0 {
		all.put(zero)
	} else if !d.ordinary() && !(d.attached != 0 && allows(zero, d.attached.Kind())) && !raise(zero) {
		return geo.Region
	}
	for _, g := range slices.Backward(all.by[1:all.n]) {
		if !raise(g) {
			return geo.Region
		}
	}
	if k := d.first(all.by[0], floor); k != geo.NoKind {
		return k
	}
	return geo.Region
}

// allow reports whether a record attached to an area of a kind may stay there.
func (k *asks) allow(s *settlement, kind geo.Kind) bool {
	if k.n == 0 {
		return allows(s.grade("", 0), kind)
	}
	for _, g := range k.by[:k.n] {
		if !allows(g, kind) {
			return false
		}
	}
	return true
}

func allows(g *grade, k geo.Kind) bool { return g.attached>>k&1 == 1 }

// first returns the first of a level's kinds, of at least a mean surface, that suits the
// record; NoKind when there is none.
func (d *decision) first(g *grade, floor float64) geo.Kind {
	for _, k := range g.kinds {
		if d.p.settled.mean(k) >= floor && d.suits(k) {
			return k
		}
	}
	return geo.NoKind
}
