package publish

import (
	"context"
	"slices"

	"garrigue/internal/disclosure"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
)

// groups holds the level of each grouping (idSINPRegroupement): that of its most sensitive
// member, which all of them take (the standard's comment on sensiNiveau); disclosure.Spread finds it.
//
// A member that is not shown for another reason does not count: invalid, absent, held, refused. Nothing
// of it is told that its companions could give away, and removing what is withheld must leave the
// atlas as it is.
type groups struct {
	spread  *disclosure.Spread
	raise   func(*observation.Observation) // by itself
	levels  map[string]groupLevel
	twins   []int64                   // members of clusters, sorted: another one may be shown instead, or none because of another
	members []observation.Observation // of the grouping being added
	list    []*observation.Observation
}

// groupLevel is a level with the list that asks for it.
type groupLevel struct {
	level sensitivity.Level
	list  string
}

func newGroups(s *disclosure.Spread, raise func(*observation.Observation), twins []int64) *groups {
	return &groups{spread: s, raise: raise, twins: twins, levels: map[string]groupLevel{}}
}

func (g *groups) isTwin(id int64) bool {
	_, is := slices.BinarySearch(g.twins, id)
	return is
}

// settle calls pass, which adds every member, grouping after grouping.
func settle(pass func() error, all ...*groups) error {
	if err := pass(); err != nil {
		return err
	}
	for _, g := range all {
		g.end()
	}
	return nil
}

// Add counts a member, whose level is that of its place.
func (g *groups) Add(o *observation.Observation) {
	if o.Grouping == "" {
		return
	}
	if len(g.members) > 0 && g.members[0].Grouping != o.Grouping {
		g.end()
	}
	g.members = append(g.members, *o)
}

func (g *groups) end() {
	if len(g.members) == 0 {
		return
	}
	g.list = g.list[:0]
	for i := range g.members {
		g.list = append(g.list, &g.members[i])
	}
	name := g.members[0].Grouping
	if level, list := g.spread.Group(g.list, g.isTwin); level != 0 {
		g.levels[name] = groupLevel{level, list}
	}
	g.members = g.members[:0]
}

// Level returns the level of a grouping and its list; 0 for one without a sensitive member.
func (g *groups) Level(grouping string) (sensitivity.Level, string) {
	l := g.levels[grouping]
	return l.level, l.list
}

// Raise raises the level of an observation to that of its grouping, and to what is asked for all over
// the area where it is then shown. It does so also when a person decided its level: that was about the
// observation, this is about its companions.
func (g *groups) Raise(o *observation.Observation) {
	if l, ok := g.levels[o.Grouping]; ok && o.Grouping != "" {
		g.spread.RaiseTo(o, l.level, l.list)
		return
	}
	g.raise(o)
}

// groups reads the groupings that have a sensitive member, and computes their levels.
func (r *run) groups(ctx context.Context, grant disclosure.Grant) error {
	twins, err := r.db.Twinned(ctx)
	if err != nil {
		return err
	}
	g := newGroups(r.spread, r.raise, twins)
	r.grouped = g
	return settle(func() error {
		return r.db.GroupMembers(ctx, grant, r.listed, func(o *observation.Observation) error {
			r.kept.dependsOn(o.ID)
			g.Add(o)
			return nil
		})
	}, g)
}
