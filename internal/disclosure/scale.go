package disclosure

import (
	"cmp"
	"slices"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/sensitivity"
)

// codes is how many numbers of levels there are.
const codes = int(sensitivity.NotShown) + 1

// settlement is what a policy becomes on a territory. Its zero value decides nothing.
type settlement struct {
	mesh  geo.Kind
	every grades            // of the lists that say nothing of a level
	lists map[string]grades // of those that do, whole
	// top is the rank of what is not shown.
	top     int
	surface [geo.Cell50 + 1]float64 // mean by kind, square metres, 0 unknown
}

// grades are the levels of a list, by number; nil is not shown.
type grades *[codes]*grade

// grade is what a level of a list is worth.
type grade struct {
	kinds []geo.Kind // from the smallest mean surface, none below the mesh's
	// attached is the set of kinds (bits) that a record attached to an area keeps: never a
	// cell finer than the mesh.
	attached uint32
	rank     int
	given    int // LevelRule.Rank
	level    sensitivity.Level
	list     string
}

// anyKind is every kind, for a policy that does not say what is coarser than its mesh.
var anyKind = [...]geo.Kind{geo.Commune, geo.Department, geo.Region, geo.Cell1, geo.Cell2, geo.Cell5, geo.Cell10, geo.Cell20, geo.Cell50}

// grade returns what a level of a list is worth; nil when it is not shown.
func (s *settlement) grade(list string, level sensitivity.Level) *grade {
	of := s.every
	if list != "" && s.lists != nil {
		if own, ok := s.lists[list]; ok {
			of = own
		}
	}
	if of == nil || int(level) >= codes {
		return nil
	}
	return of[level]
}

// kindsOf returns the kinds at which a level of a list is shown, none when it is not.
func (s *settlement) kindsOf(list string, level sensitivity.Level) []geo.Kind {
	if g := s.grade(list, level); g != nil {
		return g.kinds
	}
	return nil
}

// rankOf returns the rank of a level of a list.
func (s *settlement) rankOf(list string, level sensitivity.Level) int {
	if g := s.grade(list, level); g != nil {
		return g.rank
	}
	return s.top
}

// settle fills the levels of every list, then ranks them.
func (s *settlement) settle(p *Policy) error {
	s.every, s.lists = &[codes]*grade{}, map[string]grades{}
	zero := p.Levels[0]
	if len(zero) == 0 {
		zero = anyKind[:]
	}
	s.every[0] = s.graded(LevelRule{Kinds: zero})
	for l := sensitivity.Level(1); int(l) < codes; l++ {
		if l.Withholds() || named(p.Scale, "", l) {
			continue
		}
		r := LevelRule{Level: l}
		if int(l) < len(p.Levels) {
			r.Kinds = p.Levels[l]
		} else {
			r.Kinds = cellsFrom(l)
		}
		if s.every[l] = s.graded(r); len(s.every[l].kinds) == 0 {
			return fault.Say(fault.Invalid, "disclosure.level", r.label())
		}
	}
	all := slices.Clone(p.Scale)
	slices.SortFunc(all, compareLevels)
	for i, r := range all { // those of every list first
		if !r.Level.Known() || r.Level == 0 || r.Level.Withholds() && len(r.Kinds) > 0 ||
			i > 0 && all[i-1].List == r.List && all[i-1].Level == r.Level {
			return fault.Say(fault.Invalid, "disclosure.scale", r.label())
		}
		of := s.every
		if r.List != "" {
			if of = s.lists[r.List]; of == nil {
				own := *s.every
				of = &own
				s.lists[r.List] = of
			}
		}
		if of[r.Level] = nil; len(r.Kinds) == 0 {
			continue
		}
		g := s.graded(r)
		if len(g.kinds) == 0 {
			return fault.Say(fault.Invalid, "disclosure.level", r.label())
		}
		of[r.Level] = g
	}
	return s.rank()
}

func compareLevels(a, b LevelRule) int {
	return cmp.Or(cmp.Compare(a.List, b.List), cmp.Compare(a.Level, b.Level))
}

// label names the level of a rule: "2.4", or "16:2.4" of a list.
func (r LevelRule) label() string {
	if r.List == "" {
		return r.Level.String()
	}
	return r.List + ":" + r.Level.String()
}

func named(scale []LevelRule, list string, l sensitivity.Level) bool {
	return slices.ContainsFunc(scale, func(r LevelRule) bool { return r.List == list && r.Level == l })
}

// cellsFrom returns the cell that a level by cells is named for, and larger ones. There is no cell
// of 5,000 km²: the platform whose codes they are shows 2.7 at the largest there is.
func cellsFrom(l sensitivity.Level) []geo.Kind {
	cells := []geo.Kind{geo.Cell1, geo.Cell2, geo.Cell5, geo.Cell10, geo.Cell20, geo.Cell50}
	return cells[min(int(l-sensitivity.Km1), len(cells)-1):]
}

// graded returns what a rule allows here.
func (s *settlement) graded(r LevelRule) *grade {
	g := &grade{given: r.Rank, level: r.Level, list: r.List}
	mesh := s.surface[s.mesh]
	for _, k := range r.Kinds {
		surface := s.mean(k)
		if surface == 0 {
			continue
		}
		if k.Mesh() == 0 {
			// A record attached to its commune says no more than that: the commune stays its place.
			g.attached |= 1 << k
		}
		if surface < mesh {
			k = s.mesh
		}
		g.attached |= 1 << k
		if !slices.Contains(g.kinds, k) {
			g.kinds = append(g.kinds, k)
		}
	}
	if r.Level == 0 {
		for _, k := range anyKind {
			if k.Mesh() == 0 || s.mean(k) >= mesh {
				g.attached |= 1 << k
			}
		}
	}
	slices.SortStableFunc(g.kinds, func(a, b geo.Kind) int {
		return cmp.Compare(s.mean(a), s.mean(b))
	})
	return g
}

// rank numbers the levels of all lists from the finest to the coarsest. Invalid when two
// ranks are given against the size of the areas.
func (s *settlement) rank() error {
	seen := map[*grade]bool{}
	var all []*grade
	add := func(of grades) {
		for _, g := range of[1:] {
			if g != nil && !seen[g] {
				seen[g] = true
				all = append(all, g)
			}
		}
	}
	add(s.every)
	for _, of := range s.lists {
		add(of)
	}
	compare := func(a, b *grade) int {
		return cmp.Or(cmp.Compare(s.mean(a.kinds[0]), s.mean(b.kinds[0])),
			cmp.Compare(cmp.Or(a.given, a.level.Rank()), cmp.Or(b.given, b.level.Rank())))
	}
	slices.SortFunc(all, func(a, b *grade) int {
		return cmp.Or(compare(a, b), cmp.Compare(a.level, b.level), cmp.Compare(a.list, b.list))
	})
	n, highest := 0, 0
	for i, g := range all {
		if i == 0 || compare(all[i-1], g) != 0 {
			n++
		}
		g.rank = n
		if g.given > 0 {
			if g.given < highest {
				return fault.Say(fault.Invalid, "disclosure.rank", LevelRule{List: g.list, Level: g.level}.label())
			}
			highest = g.given
		}
	}
	s.top = n + 1
	return nil
}

// mean returns the mean surface of a kind, 0 when unknown.
func (s *settlement) mean(k geo.Kind) float64 {
	if int(k) >= len(s.surface) {
		return 0
	}
	return s.surface[k]
}
