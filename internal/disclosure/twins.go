package disclosure

import (
	"garrigue/internal/observation"
)

// Member is one of a cluster: observations that came by several roads and may be one. Those of
// one slot are taken for one another.
type Member struct {
	Slot int64
	Observation
}

// Observation is what Twins decides from.
type Observation = observation.Observation

// Twins decides which members of a cluster are shown, one of a slot at most, and fills show. It
// is section 9 of DESIGN.md in this folder.
//
// The one shown is the one disclosed most coarsely; a slot whose coarsest member is finer than
// what sensitivity, a wish, or a producer's own blurring asks for another member of the cluster
// is not shown at all, since it may be the very observation that must not be seen so well.
func Twins(members []Member, p *Policy, in Territory, a Audience, show []bool) {
	ranks, floor := make([]coarseness, len(members)), coarseness{}
	for i := range members {
		show[i] = false
		o := &members[i].Observation
		got, ok := Publish(o, p, in, a)
		if ok {
			ranks[i] = p.rank(&got)
			if asksForLess(o) && ranks[i].coarser(floor) {
				floor = ranks[i]
			}
			continue
		}
		if !restrained(o) {
			continue // invalid, absent, held, nowhere: it says nothing of the others
		}
		// What restrains it restrains the others too, whether or not it is itself right.
		as := *o
		as.Presence, as.Held, as.Validation, as.CdRef = observation.Present, observation.NotHeld, observation.Awaiting, max(o.CdRef, 1)
		if got, ok = Publish(&as, p, in, a); !ok {
			return // it may not be seen, nor may its twins
		}
		if r := p.rank(&got); r.coarser(floor) {
			floor = r
		}
	}
	best := map[int64]int{}
	for i, m := range members {
		if ranks[i] == (coarseness{}) {
			continue
		}
		if j, ok := best[m.Slot]; !ok || ranks[i].coarser(ranks[j]) || ranks[i] == ranks[j] && m.ID < members[j].ID {
			best[m.Slot] = i
		}
	}
	for _, i := range best {
		show[i] = !floor.coarser(ranks[i])
	}
}

// coarseness tells how coarsely an observation is disclosed: by kinds, as everywhere.
type coarseness struct {
	surface float64
	blurred bool
}

func (r coarseness) coarser(than coarseness) bool {
	return r.surface > than.surface || r.surface == than.surface && r.blurred && !than.blurred
}

func (p *Policy) rank(o *Published) coarseness {
	return coarseness{max(p.settled.mean(o.Area.Kind()), 1), o.Blurred}
}

// restrained reports whether sensitivity, a wish or a choice asks for anything.
func restrained(o *Observation) bool {
	wish, choice := consentLevels(o)
	return o.Sensitivity|o.StatedLevel|wish|choice != 0 || o.Diffusion == "4"
}

// asksForLess reports whether an observation is disclosed coarsely because it must be, and not
// because no more is known of it.
func asksForLess(o *Observation) bool { return restrained(o) || o.Blurring == "OUI" }

// Slots calls f with the members of each slot of a cluster.
func Slots(members []Member, f func(slot []*Observation)) {
	for i := range members {
		var slot []*Observation
		for j := range members {
			if members[j].Slot == members[i].Slot {
				if j < i {
					break // done before
				}
				slot = append(slot, &members[j].Observation)
			}
		}
		if len(slot) > 0 {
			f(slot)
		}
	}
}
