package publish

import (
	"context"
	"errors"
	"slices"

	"garrigue/internal/disclosure"
	"garrigue/internal/observation"
)

// errMoved says that the vault was written to between two readings of it.
var errMoved = errors.New("the vault changed between two readings")

// twins finds the observations that are not shown because the same one came by another road.
// A cluster is decided whole, so it is read before the rest; state is then that of the vault,
// to be compared at the second reading (unmoved).
func (r *run) twins(ctx context.Context, grant disclosure.Grant) (state int64, err error) {
	if state, err = r.db.Changes(ctx); err != nil {
		return 0, err
	}
	r.hidden = r.hidden[:0]
	var members []disclosure.Member
	var show []bool
	decide := func() {
		show = slices.Grow(show[:0], len(members))[:len(members)]
		disclosure.Twins(members, &r.Policy, r.areas, disclosure.Public, show)
		for i, m := range members {
			if !show[i] {
				r.hidden = append(r.hidden, m.ID)
			}
		}
		members = members[:0]
	}
	current := int64(0)
	err = r.db.TwinMembers(ctx, grant, func(cluster, slot int64, o *observation.Observation) error {
		if cluster != current {
			decide()
			current = cluster
		}
		members = append(members, disclosure.Member{Slot: slot, Observation: *o})
		return nil
	})
	decide()
	slices.Sort(r.hidden)
	return state, err
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
func (r *run) isTwin(id int64) bool {
	for r.next < len(r.hidden) && r.hidden[r.next] < id {
		r.next++
	}
	return r.next < len(r.hidden) && r.hidden[r.next] == id
}
