package disclosure

import (
	"slices"

	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
)

// raising is one observation while its level is raised: for each level that is asked for somewhere, the
// kind at which the observation would be shown with it. Two kinds that do not nest are not both used: the
// finer one gives its place to the coarser, or an area of one would lie across areas of the other.
type raising struct {
	decision
	profile *profile
	base    [maxAsked]geo.Kind // by number of asked; NoKind: not shown
	kinds   [maxAsked]geo.Kind // the same once those that do not nest are settled
	free    [maxAsked]bool     // shown there as an ordinary observation, kinds being the mesh
	chain   [maxAsked]geo.Kind // the kinds used, coarsest first, each nesting in those before
	n       int
}

// raise is Raise, floor being another level that counts everywhere.
func (s *Spread) raise(o *observation.Observation, floor *asked) {
	if !s.p.ready() || o.CdRef == 0 {
		return
	}
	if s.rules(o) == nil {
		return
	}
	w := raising{decision: decision{p: s.p, in: s.t, pl: &o.Place}}
	if !w.support(o) {
		return
	}
	p := s.profile(o, &w.decision)
	var rest asks
	if p == nil || !rest.of(s.p, o) {
		return
	}
	w.profile = p
	if floor != nil {
		if floor.grade == nil {
			return
		}
		rest.put(floor.grade)
	}
	w.measure(&rest)
	own := s.asked(o.SensList, o.Sensitivity)
	if own.Level != 0 && own.grade == nil {
		return // not shown
	}
	home, lost := w.home(&own)
	i := never
	if !lost {
		i = w.settle(home)
	}
	switch {
	case i == never:
		o.Sensitivity, o.SensList = sensitivity.Nothing, ""
	case i >= 0:
		s.take(o, &w.decision, &p.asked[i])
	}
}

// take gives an observation a level that has it shown more coarsely than its own, or that is stricter.
func (s *Spread) take(o *observation.Observation, d *decision, to *asked) {
	if to.Level == 0 {
		return
	}
	var rest asks
	if !rest.of(s.p, o) {
		return
	}
	own := s.asked(o.SensList, o.Sensitivity)
	if own.Level != 0 {
		if own.grade == nil {
			return
		}
		a, b := rest, rest
		a.put(own.grade)
		if to.grade != nil {
			b.put(to.grade)
			switch x, y := d.kind(&a), d.kind(&b); {
			case x != y && !d.p.Coarser(y, x), x == y && to.rank <= own.rank:
				return
			}
		}
	}
	o.Sensitivity, o.SensList = to.Level, to.List
}

// measure fills kinds, free and chain.
func (w *raising) measure(rest *asks) {
	for i := range w.profile.asked {
		a, all := &w.profile.asked[i], *rest
		w.kinds[i], w.free[i] = geo.NoKind, false
		if a.Level != 0 {
			if a.grade == nil {
				continue
			}
			all.put(a.grade)
		}
		w.free[i] = all.n == 0 && w.ordinary()
		if w.kinds[i] = w.p.Mesh; !w.free[i] {
			w.kinds[i] = w.kind(&all)
		}
	}
	w.base = w.kinds
	mean := w.p.settled.mean
	for {
		// The coarsest kind not looked at yet: finer than the last of the chain, or as large but another.
		next := geo.NoKind
		for i := range w.profile.asked {
			k := w.kinds[i]
			if k == geo.NoKind || w.free[i] || w.n > 0 && !w.finer(k, w.chain[w.n-1]) {
				continue
			}
			if next == geo.NoKind || mean(k) > mean(next) || mean(k) == mean(next) && k > next {
				next = k
			}
		}
		if next == geo.NoKind {
			return
		}
		if w.n > 0 && !w.nestsInAll(next) {
			w.promote(next, w.chain[w.n-1])
			continue
		}
		w.chain[w.n] = next
		w.n++
	}
}

func (w *raising) finer(a, b geo.Kind) bool {
	x, y := w.p.settled.mean(a), w.p.settled.mean(b)
	return x < y || x == y && a < b
}

func (w *raising) nestsInAll(k geo.Kind) bool {
	for _, up := range w.chain[:w.n] {
		if !nests(k, up) {
			return false
		}
	}
	return true
}

func (w *raising) promote(k, to geo.Kind) {
	for i := range w.profile.asked {
		if w.kinds[i] == k && !w.free[i] {
			w.kinds[i] = to
		}
	}
}

// nests reports whether every area of kind k lies in one of kind up.
func nests(k, up geo.Kind) bool {
	if m, n := k.Mesh(), up.Mesh(); m > 0 || n > 0 {
		return m > 0 && n > 0 && n%m == 0
	}
	return k <= up
}

// home returns the department where the record is: of several that it meets the one that has it shown most coarsely. lost says that none is known
// at all though others are and something is asked somewhere: such a record is not shown.
func (w *raising) home(own *asked) (home geo.AreaKey, lost bool) {
	if len(w.in.Departments(0)) == 0 {
		return 0, false
	}
	pl := w.pl
	if w.given || w.attached != 0 && w.side == 0 {
		for _, d := range w.departments() {
			return d, false
		}
		return 0, true
	}
	if w.side == 0 {
		if home = pl.Department; home == 0 {
			lon, lat := geo.FromLambert93(w.point())
			home = w.in.At(geo.Department, lon, lat)
		}
		if home != 0 {
			return home, false
		}
	} else {
		home = w.at(geo.Department)
	}
	best, top := home, w.asks(home)
	if home != 0 && !w.elsewhere(top, own) {
		return home, false
	}
	for _, d := range w.met() {
		if i := w.asks(d); i >= 0 && w.stated(i, own) && w.coarser(i, top) {
			best, top = d, i
		}
	}
	if best == 0 {
		return 0, true
	}
	if best != home && top >= 0 && w.kinds[top] == geo.Department {
		pl.Department = best // of several it is at this one that it may be shown
	}
	return best, false
}

// elsewhere reports whether the level of a shape may be that of another department than the one that asks for i.
func (w *raising) elsewhere(i int, own *asked) bool {
	for j := range w.profile.asked {
		if w.kinds[j] == geo.Department && w.stated(j, own) && w.coarser(j, i) {
			return true
		}
	}
	return false
}

// stated reports whether what i asks for is not stricter than the level computed from the shape itself: if it
// is, the shape does not reach where that is asked, though its box may. A point in no department may be in any
// around.
func (w *raising) stated(i int, own *asked) bool {
	return w.side == 0 || w.profile.asked[i].rank <= own.rank
}

// coarser reports whether what i asks for is shown more coarsely than what j does; j may be -1.
func (w *raising) coarser(i, j int) bool {
	return j < 0 || w.kinds[i] == geo.NoKind || w.free[j] && !w.free[i] || w.kinds[j] != geo.NoKind && w.finer(w.kinds[j], w.kinds[i])
}

// asks returns what a department asks for, -1 when it is not known.
func (w *raising) asks(d geo.AreaKey) int {
	for _, p := range w.profile.parts {
		if p.area == d {
			return p.asks
		}
	}
	return -1
}

// settle goes from the coarsest kind to the finest: at the first whose area here meets a part that asks for
// that kind, or a coarser one, the observation is shown so. It returns the number of what is asked there, -1 when
// nothing is.
func (w *raising) settle(home geo.AreaKey) int {
	parts := w.profile.parts
	for _, k := range w.chain[:w.n] {
		area := w.decision.at(k)
		margin := w.margin(k)
		var met []geo.AreaKey
		if margin == 0 && area != 0 {
			met = w.in.Departments(area)
		}
		n := w.asks(home)
		there := k == geo.Department && n >= 0 && !w.free[n] && !w.finer(w.kinds[n], k)
		top, hidden, astride := -1, -1, false
		for i := range parts {
			n := parts[i].asks
			if w.free[n] || n == top || n == hidden || !w.meets(k, area, home, parts[i].area, met, margin) {
				continue
			}
			switch {
			case w.kinds[n] == geo.NoKind:
				hidden = max(hidden, n)
			case w.kinds[n] == geo.Department && !there && parts[i].area != home && parts[i].area.Kind() == geo.Department:
				astride = w.finer(k, geo.Department) // a shape over several departments is at the one that asks for it
			case top < 0 || w.finer(w.kinds[top], w.kinds[n]) || w.kinds[n] == w.kinds[top] && n > top:
				top = n
			}
		}
		if top < 0 || w.finer(w.kinds[top], k) {
			continue
		}
		switch {
		case hidden >= 0:
			return hidden
		case astride:
			return never // of the shapes here some are shown at another department: the rest would be told apart
		}
		return w.named(top)
	}
	return -1
}

// never is the number of what is not shown whatever is asked.
const never = -2

// named returns what is asked of a record shown at the kind of i: i itself, unless that kind is one it was
// promoted to, then the loosest that asks for it; -1 when it is the record's own nature only.
func (w *raising) named(i int) int {
	if w.base[i] == w.kinds[i] {
		if w.profile.asked[i].Level == 0 {
			return -1
		}
		return i
	}
	for j := range w.profile.asked {
		if w.base[j] == w.kinds[i] && w.profile.asked[j].Level != 0 {
			return j
		}
	}
	return i
}

// margin returns how far, in metres, a record shown at an area of kind k may reach out of it.
func (w *raising) margin(k geo.Kind) float64 {
	switch {
	case w.side == 0 || w.given:
		return 0
	case w.attached == 0:
		return w.side
	case nests(w.attached.Kind(), k):
		return 0
	}
	return w.side / 2
}

// meets reports whether a record shown at an area of kind k may be in a part of the territory; met are the
// departments of the area, when there is no margin.
func (w *raising) meets(k geo.Kind, area, home, of geo.AreaKey, met []geo.AreaKey, margin float64) bool {
	switch {
	case of == home:
		return true
	case area == 0:
		return of.Kind() != geo.Department && w.decision.at(of.Kind()) == of
	case of.Kind() == geo.Department && margin == 0:
		return slices.Contains(met, of)
	}
	return w.in.Near(area, of, margin)
}
