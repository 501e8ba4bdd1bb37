package publish

import (
	"context"
	"errors"
	"slices"

	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
)

// errMoved says that the vault was written to between two readings of it.
var errMoved = errors.New("the vault changed between two readings")

// fate is what becomes of a member of a cluster where what is blurred is moved: the slot moves
// as one, and one that is not shown is taken away.
type fate struct {
	id      int64
	slot    uint64      // draws the place: members of a slot go to the same
	area    geo.AreaKey // where the slot is shown; 0 when it stays
	removed bool
	near    geo.AreaKey // of one that is removed: where the one that it may be is shown, blurred; 0 when nowhere
}

// twins finds the observations that are not shown because the same one came by another road.
// A cluster is decided whole, so it is read before the rest. It also settles the fates of
// clusters that have anything blurred or withheld.
func (r *run) twins(ctx context.Context, grant disclosure.Grant) error {
	var slots []int64
	return r.clusters(ctx, grant, func(id int64, members []disclosure.Member) {
		r.levels(&r.truth, members)
		show := r.showTwins(&r.truth, members)
		r.lawfulTwins(members, show)
		slots = slots[:0]
		var fates []fate
		var near geo.AreaKey // the coarsest shown
		calm := true         // nothing of the cluster moves
		for i := range members {
			r.kept.dependsOn(members[i].ID)
			if slices.Contains(slots, members[i].Slot) {
				continue
			}
			slots = append(slots, members[i].Slot)
			f := fate{slot: uint64(id)<<8 ^ uint64(members[i].Slot), removed: true}
			for j := range members {
				if show[j] && members[j].Slot == members[i].Slot {
					f.removed = false
					if p, ok := r.publish(r.truth.within[:0], &members[j].Observation); ok && p.Blurred {
						f.area = p.Area
						if near == 0 || r.Policy.Coarser(f.area.Kind(), near.Kind()) {
							near = f.area
						}
					}
				}
			}
			calm = calm && !f.removed && f.area == 0
			for j := range members {
				if members[j].Slot == members[i].Slot {
					f.id = members[j].ID
					fates = append(fates, f)
				}
			}
		}
		if !calm {
			for i := range fates {
				if fates[i].removed {
					fates[i].near = near
				}
			}
			r.proof.fates = append(r.proof.fates, fates...)
		}
	}, func() {
		slices.Sort(r.truth.hidden)
		slices.SortFunc(r.proof.fates, func(a, b fate) int { return int(min(max(a.id-b.id, -1), 1)) })
	})
}

// movedTwins does the same where what is blurred is moved. Clusters in which nothing moves are
// decided as they were.
func (r *run) movedTwins(ctx context.Context, grant disclosure.Grant) error {
	if len(r.proof.fates) == 0 {
		r.moved.hidden = slices.Clone(r.truth.hidden)
		return nil
	}
	return r.clusters(ctx, grant, func(_ int64, members []disclosure.Member) {
		kept := members[:0]
		for i := range members {
			m := &members[i]
			f := r.proof.fate(m.ID)
			if f != nil && f.removed {
				continue
			}
			if f != nil && f.area != 0 {
				r.elsewhere(&m.Observation, f.area, f.slot)
			}
			kept = append(kept, *m)
		}
		r.levels(&r.moved, kept)
		r.showTwins(&r.moved, kept)
	}, func() { slices.Sort(r.moved.hidden) })
}

// clusters calls f with each cluster, and then end.
func (r *run) clusters(ctx context.Context, grant disclosure.Grant, f func(id int64, members []disclosure.Member), end func()) error {
	var members []disclosure.Member
	current := int64(0)
	decide := func() {
		if len(members) > 0 {
			f(current, members)
		}
		members = members[:0]
	}
	err := r.db.TwinMembers(ctx, grant, func(cluster, slot int64, o *observation.Observation) error {
		if cluster != current {
			decide()
			current = cluster
		}
		members = append(members, disclosure.Member{Slot: slot, Observation: *o})
		return nil
	})
	decide()
	end()
	return err
}

// levels raises the members of a cluster, those of a slot to their common level if they take one.
func (r *run) levels(t *telling, members []disclosure.Member) {
	disclosure.Slots(members, func(slot []*observation.Observation) {
		level, list, common := r.spread.Slot(slot)
		if !common {
			return
		}
		if t.clustered == nil {
			t.clustered = map[int64]groupLevel{}
		}
		for _, o := range slot {
			t.clustered[o.ID] = groupLevel{level, list}
		}
	})
	for i := range members {
		r.level(t, &members[i].Observation)
	}
}

// showTwins decides a cluster whose levels are raised, and notes whom it hides.
func (r *run) showTwins(t *telling, members []disclosure.Member) (show []bool) {
	show = make([]bool, len(members))
	if r.mutant.twins != nil {
		r.mutant.twins(r, members, show)
	} else {
		disclosure.Twins(members, &r.Policy, r.areas, disclosure.Public, show)
	}
	for i, m := range members {
		if !show[i] {
			t.hidden = append(t.hidden, m.ID)
		}
	}
	return show
}

// lawfulTwins checks the decision about a cluster by itself: nothing of it is shown when one of its
// members must be withheld, one of a slot at most is, and no member of its slot is coarser.
func (r *run) lawfulTwins(members []disclosure.Member, show []bool) {
	kinds := make([]geo.Kind, len(members)) // at which each is shown by itself
	for i := range members {
		if p, ok := r.publish(r.truth.within[:0], &members[i].Observation); ok {
			kinds[i] = p.Area.Kind()
		}
	}
	for i := range members {
		if !show[i] {
			continue
		}
		for j := range members {
			m := &members[j]
			refused := m.Sensitivity.Withholds() || m.StatedLevel.Withholds() || m.Diffusion == "4"
			together := i != j && m.Slot == members[i].Slot && kinds[j] != geo.NoKind
			if refused || together && (show[j] || r.Policy.Coarser(kinds[j], kinds[i])) {
				r.proof.leak(Leak{Name: "twin", CdRef: members[i].CdRef, Detail: kinds[i].String()})
			}
		}
	}
}

// unmoved is errMoved when the vault is no longer what it was.
func (r *run) unmoved(ctx context.Context, state int64) error {
	now, err := r.db.Changes(ctx)
	if err == nil && now != state {
		return errMoved
	}
	return err
}

// isTwin reports whether an observation is hidden by another; observations are asked about in
// order of ID.
func (t *telling) isTwin(id int64) bool {
	for t.next < len(t.hidden) && t.hidden[t.next] < id {
		t.next++
	}
	return t.next < len(t.hidden) && t.hidden[t.next] == id
}

// movedGroups computes the levels of groupings where what is blurred is moved. A member that is
// withheld while others of its cluster are shown may be one of them, and goes where they may be; with none, it stays as it is.
func (r *run) movedGroups(ctx context.Context, grant disclosure.Grant) error {
	g := newGroups(r.spread, r.raise, r.grouped.twins)
	r.moved.grouped = g
	if r.truth.grouped == nil || len(r.truth.grouped.levels) == 0 {
		return nil // nobody has a level where it is, which Raise has made the same everywhere
	}
	return settle(func() error {
		return r.db.GroupMembers(ctx, grant, r.listed, func(o *observation.Observation) error {
			own, f := classOf(o), r.proof.fate(o.ID)
			p, ok := r.decide(&r.truth, o)
			o.Sensitivity, o.SensList = own.level, own.list
			switch {
			case f != nil && f.area|f.near != 0:
				r.elsewhere(o, f.area|f.near, f.slot) // one of the two
			case f == nil && ok && p.Blurred:
				r.elsewhere(o, p.Area, keyOf(o))
			}
			g.Add(o)
			return nil
		})
	}, g)
}
