package disclosure

import (
	"cmp"
	"slices"

	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
)

// grouping is the observations made together while their common level is looked for.
type grouping struct {
	members []groupMember
	asked   []asked // each once, the strictest first
}

type groupMember struct {
	raising
	o    *observation.Observation
	rest asks
	// own is what it asks for wherever it is: stated, decided by a person, or the same everywhere.
	own  []asked
	twin bool // what is shown of it may be another one, elsewhere
}

// Group returns the level, with its list, that all the observations of a grouping take: the strictest that is asked of
// one of them somewhere in the area where it would be shown with that level. So it is the same wherever each of them is
// inside the area where it is shown. 0 when there is none. Of a grouping that has more than points and small shapes (an
// attached record, a shape larger than the mesh, a wish) it is the strictest asked of one anywhere: such a
// member may be shown in an area that does not nest in those where the level is asked. Of a member that has twins
// (twin, which may be nil, tells) it is the strictest asked of it anywhere: one of the others may be shown instead, in an area that
// does not nest in those where the level is asked, or hide it. One that lists withhold where it
// is withholds them all. Members have the level of the place itself; those that
// would not be shown for another reason do not count. RaiseTo, instead of Raise, then gives it to each.
func (s *Spread) Group(members []*observation.Observation, twin func(id int64) bool) (sensitivity.Level, string) {
	var g grouping
	for _, o := range members {
		if !s.p.ready() || !publishable(o) {
			continue
		}
		m := groupMember{raising: raising{decision: decision{p: s.p, in: s.t, pl: &o.Place}}, o: o, twin: twin != nil && twin(o.ID)}
		if !m.support(o) || !m.rest.of(s.p, o) && !o.StatedLevel.Withholds() {
			continue
		}
		if o.StatedLevel != 0 {
			m.own = append(m.own, s.asked("", o.StatedLevel))
		}
		if !o.Manual && s.rules(o) != nil {
			m.profile = s.profile(o, &m.decision)
		}
		if m.profile == nil {
			m.own = append(m.own, s.asked(o.SensList, o.Sensitivity))
		} else {
			if len(m.departments()) == 0 && len(s.t.Departments(0)) > 0 && !m.given && (m.attached == 0 || m.side > 0) {
				m.own = append(m.own, s.asked("", sensitivity.Nothing)) // nothing is known of where it is
			}
			if m.twin || m.given || m.attached != 0 && m.side == 0 {
				// Such a record may go from its area to the region at once: where it is cannot count.
				m.own, m.profile = append(m.own, m.profile.asked...), nil
			}
			if m.twin {
				m.own = append(m.own, s.asked(o.SensList, o.Sensitivity)) // given on another day, it may be asked nowhere
			}
		}
		g.members = append(g.members, m)
	}
	g.settle()
	level, list := g.level()
	if level != 0 && s.grade(list, level) == nil {
		return level, list
	}
	for _, m := range g.members {
		if m.twin {
			continue // all that lists may ask of it has counted
		}
		// One that lists withhold where it is withholds the others. That is the same wherever those that are shown are moved:
		// raised so, none of them can come to be withheld.
		o := *m.o
		if s.RaiseTo(&o, level, list); o.Sensitivity != 0 && s.grade(o.SensList, o.Sensitivity) == nil {
			return sensitivity.Nothing, ""
		}
	}
	return level, list
}

// level returns the level without regard to members that are withheld where they are.
func (g *grouping) level() (sensitivity.Level, string) {
	if len(g.asked) > 0 && !g.simple() {
		return g.asked[0].Level, g.asked[0].List
	}
	for i := range g.asked {
		a := &g.asked[i]
		if a.grade == nil { // not shown: of those whose level is the same everywhere
			if g.shows(i, true) {
				return a.Level, a.List
			}
			continue
		}
		if g.shows(i, false) {
			if g.hides(a) {
				return sensitivity.Nothing, ""
			}
			return a.Level, a.List
		}
	}
	return 0, ""
}

// settle lists what is asked.
func (g *grouping) settle() {
	add := func(a asked) {
		if a.Level != 0 && g.number(&a) < 0 {
			g.asked = append(g.asked, a)
		}
	}
	for i := range g.members {
		for _, a := range g.members[i].own {
			add(a)
		}
		if p := g.members[i].profile; p != nil {
			for _, a := range p.asked {
				add(a)
			}
		}
	}
	slices.SortFunc(g.asked, func(a, b asked) int {
		return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.List, b.List), cmp.Compare(a.Level, b.Level))
	})
}

// simple reports whether all members are points or shapes that fit the mesh, which nothing of their own blurs.
func (g *grouping) simple() bool {
	for i := range g.members {
		if m := &g.members[i]; m.given || m.attached != 0 || m.rest.n > 0 || !m.ordinary() {
			return false
		}
	}
	return true
}

func (g *grouping) number(a *asked) int {
	return slices.IndexFunc(g.asked, func(b asked) bool { return a.Level == b.Level && a.List == b.List })
}

// shows reports whether something as strict as number n is asked of a member where it would be shown with n; of
// what is asked wherever a member is only, when everywhere.
func (g *grouping) shows(n int, everywhere bool) bool {
	strict := func(a *asked) bool {
		i := g.number(a)
		return i >= 0 && i <= n && (a.grade == nil) == everywhere
	}
	for i := range g.members {
		m := &g.members[i]
		if slices.ContainsFunc(m.own, func(a asked) bool { return strict(&a) }) {
			return true
		}
		if !everywhere && m.profile != nil && m.meetsAny(&g.asked[n], strict) {
			return true
		}
	}
	return false
}

// hides reports whether some member, shown with a, might be where nothing may be shown.
func (g *grouping) hides(a *asked) bool {
	for i := range g.members {
		if m := &g.members[i]; m.profile != nil && m.meetsAny(a, func(b *asked) bool { return b.Level != 0 && b.grade == nil }) {
			return true
		}
	}
	return false
}

// meetsAny reports whether the area where a member is shown with a meets a part of the territory where
// something that suits f is asked.
func (m *groupMember) meetsAny(a *asked, f func(*asked) bool) bool {
	all := m.rest
	all.put(a.grade)
	k := m.kind(&all)
	m.n = 0
	m.measure(&all)
	for i := range m.profile.asked {
		if m.base[i] == k && m.kinds[i] != k {
			k = m.kinds[i] // it gives its place to a kind that others are shown at
			break
		}
	}
	area, margin := m.decision.at(k), m.margin(k)
	own := m.departments()
	var met []geo.AreaKey
	if margin == 0 && area != 0 {
		met = m.in.Departments(area)
	}
	for _, p := range m.profile.parts {
		if f(&m.profile.asked[p.asks]) && (slices.Contains(own, p.area) || m.meets(k, area, 0, p.area, met, margin)) {
			return true
		}
	}
	return false
}

// Slot returns the level, with its list, that the members of a slot of twins take (RaiseTo), when they take
// one: when they are not alike and what is asked of one depends on the place, the strictest asked of any of them anywhere.
// Where a hidden member lies, beside the one that is shown, would else decide whether the slot is shown. Members
// have the level of the place itself.
func (s *Spread) Slot(members []*Observation) (level sensitivity.Level, list string, common bool) {
	if !slices.ContainsFunc(members, func(o *Observation) bool { return !alike(members[0], o) }) {
		return 0, "", false
	}
	var g grouping
	for _, o := range members {
		m := groupMember{own: []asked{s.asked("", o.StatedLevel), s.asked(o.SensList, o.Sensitivity)}}
		if !o.Manual && s.p.ready() && s.rules(o) != nil {
			d := decision{p: s.p, in: s.t, pl: &o.Place}
			d.support(o) // of what has no place, rules are asked as of a point
			m.profile = s.profile(o, &d)
			common = common || m.profile != nil
		}
		g.members = append(g.members, m)
	}
	if g.settle(); !common || len(g.asked) == 0 {
		return 0, "", false
	}
	return g.asked[0].Level, g.asked[0].List, true
}

// alike reports whether all that decides how two observations are shown is the same, but where
// they are.
func alike(a, b *Observation) bool {
	p, q := &a.Place, &b.Place
	return a.CdNom == b.CdNom && a.CdRef == b.CdRef && a.Presence == b.Presence && a.When == b.When &&
		a.BioStatus == b.BioStatus && a.Behaviour == b.Behaviour && a.LifeStage == b.LifeStage &&
		a.Public == b.Public && a.Diffusion == b.Diffusion && a.Consent == b.Consent && a.Blurring == b.Blurring &&
		a.StatedLevel == b.StatedLevel && a.Manual == b.Manual && (!a.Manual || a.Sensitivity == b.Sensitivity && a.SensList == b.SensList) &&
		a.Validation == b.Validation && a.Held == b.Held && a.Grouping == b.Grouping &&
		p.Georeference == q.Georeference && p.Attached.Kind() == q.Attached.Kind() && p.Uncertainty == q.Uncertainty &&
		p.Box.MaxX-p.Box.MinX == q.Box.MaxX-q.Box.MinX && p.Box.MaxY-p.Box.MinY == q.Box.MaxY-q.Box.MinY &&
		(!a.BlurredAtSource() || (p.Commune == 0) == (q.Commune == 0) && (p.Department == 0) == (q.Department == 0))
}
