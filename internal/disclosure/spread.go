package disclosure

import (
	"cmp"
	"slices"
	"sync"

	"garrigue/internal/civil"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
)

// Territory knows where areas lie: geo.Containment is one.
type Territory interface {
	Containment
	// Departments returns the departments that an area meets, none when none is known to; of the zero key,
	// all there are.
	Departments(a geo.AreaKey) []geo.AreaKey
	// DepartmentsIn returns the departments that a box of Lambert-93 meets.
	DepartmentsIn(b geo.Box) []geo.AreaKey
	// Near reports whether two areas meet or, at a distance in metres, whether b comes that near
	// the extent of a. In doubt they do.
	Near(a, b geo.AreaKey, metres float64) bool
	// At returns the area of a kind that holds a point of WGS84, 0 when none is known to.
	At(k geo.Kind, lon, lat float64) geo.AreaKey
}

// Spread makes the level of an observation the same all over the area at which it is disclosed:
// else the choice of the area would tell in which part of it the place is. It is made for one book,
// taxonomy, policy (settled) and territory, and may be used from many goroutines. It is section 4 of
// DESIGN.md in this folder.
type Spread struct {
	book    *sensitivity.Book
	lineage func(taxon.CdRef) []taxon.CdNom
	p       *Policy
	t       Territory
	codes   map[geo.AreaKey]string // of departments

	mu       sync.RWMutex
	taxa     map[names]*taxonRules
	profiles map[profileKey]*profile
}

// names are the codes of a taxon, as received and as kept.
type names struct {
	nom taxon.CdNom
	ref taxon.CdRef
}

// taxonRules is what the book says of a taxon; nil when its level is the same everywhere.
type taxonRules struct {
	lineage []taxon.CdNom
	areas   []geo.AreaKey // other than departments, that its rules are limited to
	dated   bool
}

// profileKey is all that the rules ask of an observation, but its place.
type profileKey struct {
	names
	start, end            civil.Date
	bio, behaviour, stage string
	known                 uint32 // kinds of areas, bits, of which it is known which the record is in
}

// profile gives what rules ask for in each part of the territory; nil when they ask for the same
// everywhere.
type profile struct {
	parts []part
	asked []asked // each once, the loosest first
}

// part is a department, or an area that some rule is limited to.
type part struct {
	area geo.AreaKey
	asks int // number in profile.asked
}

// asked is a level, and what the policy makes of it; nil when it is not shown.
type asked struct {
	sensitivity.Result
	grade *grade
	rank  int
}

// maxAsked bounds how many different levels one observation may have over the territory.
const maxAsked = 24

// NewSpread returns the Spread of what is in force; lineage gives the codes that rules for a taxon are written for: its
// own and those of its ancestors.
func NewSpread(book *sensitivity.Book, lineage func(taxon.CdRef) []taxon.CdNom, p *Policy, t Territory) *Spread {
	s := &Spread{book: p.Book(book), lineage: lineage, p: p, t: t, codes: map[geo.AreaKey]string{},
		taxa: map[names]*taxonRules{}, profiles: map[profileKey]*profile{}}
	for _, d := range t.Departments(0) {
		s.codes[d] = d.Code()
	}
	return s
}

// Class returns the level that the rules ask for at the place itself; of a manual level, that level.
func (s *Spread) Class(o *observation.Observation) sensitivity.Result {
	if o.Manual {
		return sensitivity.Result{Level: o.Sensitivity, List: o.SensList}
	}
	f := s.facts(o, s.allNames(o))
	var parts []geo.AreaKey
	if d := (decision{p: s.p, in: s.t, pl: &o.Place}); d.support(o) {
		parts = d.departments()
		f.Areas = s.areasAt(&d, f.Lineage, parts)
	}
	for _, k := range parts {
		f.Departments = append(f.Departments, s.code(k))
	}
	return s.book.Evaluate(f)
}

// Raise sets the level of an observation, and its list, to what is asked for all over its disclosed
// area: never to a looser one. A shape over several departments that one of them alone puts at a department is
// given that department. A manual level is left alone.
func (s *Spread) Raise(o *observation.Observation) {
	if !o.Manual {
		s.raise(o, nil)
	}
}

// RaiseTo raises an observation at least to a level of a list that is asked for wherever it is:
// that of its grouping, which counts also against a manual level.
func (s *Spread) RaiseTo(o *observation.Observation, level sensitivity.Level, list string) {
	if level == 0 {
		s.Raise(o)
		return
	}
	g := s.asked(list, level)
	if !o.Manual {
		s.raise(o, &g)
	}
	if d := (decision{p: s.p, in: s.t, pl: &o.Place}); s.p.ready() && d.support(o) {
		s.take(o, &d, &g)
	}
}

func (s *Spread) asked(list string, level sensitivity.Level) asked {
	return asked{sensitivity.Result{Level: level, List: list}, s.grade(list, level), s.p.Rank(list, level)}
}

func (s *Spread) grade(list string, level sensitivity.Level) *grade {
	if level.Withholds() {
		return nil
	}
	return s.p.settled.grade(list, level)
}

func (s *Spread) code(k geo.AreaKey) string {
	if c, ok := s.codes[k]; ok {
		return c
	}
	return k.Code()
}

// allNames returns the codes that rules for the taxon of an observation may be written for.
func (s *Spread) allNames(o *observation.Observation) []taxon.CdNom {
	all := s.lineage(o.CdRef)
	if o.CdNom != 0 && !slices.Contains(all, o.CdNom) {
		all = append([]taxon.CdNom{o.CdNom}, all...)
	}
	return all
}

// facts tells all but the place.
func (s *Spread) facts(o *observation.Observation, lineage []taxon.CdNom) sensitivity.Facts {
	return sensitivity.Facts{Lineage: lineage, Start: o.When.Start, Date: o.When.End,
		BioStatus: o.BioStatus, Behaviour: o.Behaviour, LifeStage: o.LifeStage, Today: s.p.Today}
}

// areasAt returns which of the areas that rules are limited to the record is in, and for each kind
// of them of which all is known, an area that is none.
func (s *Spread) areasAt(d *decision, lineage []taxon.CdNom, departments []geo.AreaKey) (out []geo.AreaKey) {
	for _, a := range s.book.Areas(lineage) {
		if a.Kind() == geo.Department {
			out = append(out, departments...)
			continue
		}
		if !located(a.Kind()) || !d.exact(a.Kind()) {
			continue
		}
		out = append(out, nowhere(a.Kind()))
		if d.at(a.Kind()) == a {
			out = append(out, a)
		}
	}
	return out
}

// located reports whether a Territory knows where areas of a kind lie; rules for others count
// everywhere.
func located(k geo.Kind) bool {
	return k.Mesh() > 0 || k == geo.Commune || k == geo.Department || k == geo.Region
}

// exact reports whether it is known which area of a kind the record is in, and that it is in no
// other; of departments it is known which it meets.
func (d *decision) exact(k geo.Kind) bool {
	if d.side > 0 || d.given || k == geo.Department {
		return false
	}
	return d.attached == 0 || k.Mesh() == 0 && k >= d.attached.Kind()
}

// nowhere is an area of a kind that no rule names.
func nowhere(k geo.Kind) geo.AreaKey { return geo.AreaKey(k) << 56 }

// rules returns what the book says of a taxon; nil when its level is the same everywhere.
func (s *Spread) rules(o *observation.Observation) *taxonRules {
	key := names{o.CdNom, o.CdRef}
	s.mu.RLock()
	r, ok := s.taxa[key]
	s.mu.RUnlock()
	if ok {
		return r
	}
	all := s.allNames(o)
	if s.book.Names(all...) && !s.book.Uniform(all) {
		r = &taxonRules{lineage: all, areas: s.book.Areas(all), dated: s.book.Dated(all)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taxa[key] = r
	return r
}

// maxProfiles bounds what is remembered.
const maxProfiles = 1 << 17

// profile returns what rules ask for over the territory; nil when the same everywhere.
func (s *Spread) profile(o *observation.Observation, d *decision) *profile {
	r := s.rules(o)
	if r == nil {
		return nil
	}
	key := profileKey{names: names{o.CdNom, o.CdRef}, bio: o.BioStatus, behaviour: o.Behaviour, stage: o.LifeStage}
	for _, a := range r.areas {
		if located(a.Kind()) && d.exact(a.Kind()) {
			key.known |= 1 << a.Kind()
		}
	}
	if r.dated {
		key.start, key.end = o.When.Start, o.When.End
	}
	s.mu.RLock()
	p, ok := s.profiles[key]
	s.mu.RUnlock()
	if ok {
		return p
	}
	p = s.newProfile(s.facts(o, r.lineage), r.areas, key.known)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.profiles) >= maxProfiles {
		clear(s.profiles)
	}
	s.profiles[key] = p
	return p
}

func (s *Spread) newProfile(f sensitivity.Facts, areas []geo.AreaKey, known uint32) *profile {
	p := &profile{}
	results := map[sensitivity.Result]int{}
	add := func(area geo.AreaKey, departments []geo.AreaKey) {
		f.Departments = nil
		for _, d := range departments {
			f.Departments = append(f.Departments, s.code(d))
		}
		r := s.book.Evaluate(f)
		r.Review = false
		i, ok := results[r]
		if !ok {
			i = len(p.asked)
			results[r] = i
			p.asked = append(p.asked, s.asked(r.List, r.Level))
		}
		p.parts = append(p.parts, part{area, i})
	}
	var none []geo.AreaKey
	for _, a := range areas {
		if known>>a.Kind()&1 == 1 {
			none = append(none, nowhere(a.Kind()))
		}
	}
	for _, d := range s.t.Departments(0) {
		f.Areas = append(slices.Clip(none), d)
		add(d, []geo.AreaKey{d})
	}
	for _, a := range areas {
		if known>>a.Kind()&1 == 1 {
			departments := s.t.Departments(a)
			for _, d := range departments {
				f.Areas = append(slices.Clip(none), a, d)
				add(a, []geo.AreaKey{d})
			}
			if len(departments) == 0 {
				f.Areas = append(slices.Clip(none), a)
				add(a, nil)
			}
		}
	}
	if len(p.asked) == 0 || len(p.asked) == 1 && len(areas) == 0 {
		return nil // also where nothing is known of departments: every rule counts everywhere
	}
	p.order()
	return p
}

// order numbers what is asked from the loosest, so that the strictest of several is the highest.
func (p *profile) order() {
	to := make([]int, len(p.asked))
	for i := range to {
		to[i] = i
	}
	slices.SortFunc(to, func(i, j int) int {
		a, b := &p.asked[i], &p.asked[j]
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.List, b.List), cmp.Compare(a.Level, b.Level))
	})
	sorted, at := make([]asked, len(to)), make([]int, len(to))
	for n, i := range to {
		sorted[n], at[i] = p.asked[i], n
	}
	for i := range p.parts {
		p.parts[i].asks = at[p.parts[i].asks]
	}
	if len(sorted) > maxAsked { // no list comes near: the loosest count as the next
		n := len(sorted) - maxAsked
		for i := range p.parts {
			p.parts[i].asks = max(p.parts[i].asks-n, 0)
		}
		sorted = sorted[n:]
	}
	p.asked = sorted
}
