package publish

import (
	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
)

// Mutation replaces steps of a publication by wrong ones, to see the proof fail.
type Mutation struct {
	Raise   func(o *observation.Observation)
	Publish func(o *observation.Observation, p *disclosure.Published, ok bool, areas *geo.Containment) bool // after the honest one
	Twins   func(members []disclosure.Member, show []bool)
	Written func(path string) error
	Loaded  func() // when references are
}

// Mutated returns options whose publication goes wrong.
func Mutated(o Options, m Mutation) Options {
	if m.Raise != nil {
		o.mutant.raise = func(_ *run, o *observation.Observation) { m.Raise(o) }
	}
	if m.Publish != nil {
		o.mutant.publish = func(r *run, into []geo.AreaKey, o *observation.Observation) (disclosure.Published, bool) {
			p, ok := disclosure.PublishInto(into, o, &r.Policy, r.areas, disclosure.Public)
			ok = m.Publish(o, &p, ok, r.areas)
			return p, ok
		}
	}
	if m.Twins != nil {
		o.mutant.twins = func(_ *run, members []disclosure.Member, show []bool) { m.Twins(members, show) }
	}
	o.mutant.written, o.mutant.loaded = m.Written, m.Loaded
	return o
}
