package sensitivity

import (
	"cmp"
	"slices"

	"garrigue/internal/civil"
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

// Book is every rule in force, ready to be asked. It never changes once made and is safe
// for concurrent use.
type Book struct {
	rules []rule // by taxon, then from the most to the least restrictive
	start map[taxon.CdNom]span
	bits  []uint64 // one bit for each code below smallCodes that some rule names
	other bool     // some rule names a code that bits cannot hold
	lists map[string]List
}

// rule is a Rule with what is worked out of it once.
type rule struct {
	Rule
	rank  int
	where territory
}

type span struct {
	from, to int32
	placed   bool // some rule depends on the place
}

const smallCodes = 1 << 22

// NewBook makes a book of rules, levels in the order of their Rank. Rules of level 0 are dropped,
// since the strictest wins and a level 0 never cancels another; so are those that apply nowhere. A
// number that is no level counts as 4.
//
// A region's list that has rules, of level 0 or not, stands instead of the national list in the
// region's departments.
func NewBook(lists []List, rules []Rule) *Book {
	b := &Book{lists: make(map[string]List, len(lists))}
	for _, l := range lists {
		b.lists[l.ID] = l
	}
	held := b.regional(rules)
	for _, r := range rules {
		if !r.Level.Known() {
			r.Level = Nothing
		}
		if where, ok := b.territory(&r, held); ok && r.Level > 0 {
			b.rules = append(b.rules, rule{Rule: r, where: where})
		}
	}
	b.order(func(_ string, l Level) int { return l.Rank() })
	return b
}

// Ranked returns the same rules with levels in the order of rank, which is asked about all
// levels above 0.
func (b *Book) Ranked(rank func(list string, l Level) int) *Book {
	c := &Book{rules: slices.Clone(b.rules), lists: b.lists}
	c.order(rank)
	return c
}

// order ranks the rules, sorts them and makes the index.
func (b *Book) order(rank func(list string, l Level) int) {
	for i := range b.rules {
		r := &b.rules[i]
		r.rank = max(rank(r.List, r.Level), 1)
	}
	slices.SortStableFunc(b.rules, compareRules)
	b.start = map[taxon.CdNom]span{}
	for i := range b.rules {
		cd := b.rules[i].CdNom
		s, ok := b.start[cd]
		if !ok {
			s.from = int32(i)
		}
		s.to = int32(i) + 1
		s.placed = s.placed || b.rules[i].Area != 0 || !b.rules[i].where.everywhere()
		b.start[cd] = s
		b.mark(cd)
	}
}

func compareRules(x, y rule) int {
	review := func(r *rule) int {
		if r.Condition == "" {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(x.CdNom, y.CdNom), cmp.Compare(y.rank, x.rank), review(&x)-review(&y),
		cmp.Compare(x.Level, y.Level), cmp.Compare(x.List, y.List))
}

func (b *Book) mark(cd taxon.CdNom) {
	if cd < 0 || cd >= smallCodes {
		b.other = true
		return
	}
	for int(cd)>>6 >= len(b.bits) {
		b.bits = append(b.bits, make([]uint64, int(cd)>>6+1-len(b.bits))...)
	}
	b.bits[cd>>6] |= 1 << (cd & 63)
}

// has reports whether a rule names the code; false for most, without a map.
func (b *Book) has(cd taxon.CdNom) bool {
	if w := uint32(cd) >> 6; cd >= 0 && cd < smallCodes {
		return w < uint32(len(b.bits)) && b.bits[w]&(1<<(cd&63)) != 0
	}
	if !b.other {
		return false
	}
	_, ok := b.start[cd]
	return ok
}

// Names reports whether some rule names one of the taxa: given a lineage, whether the
// taxon is covered by a list at all, under some condition.
func (b *Book) Names(lineage ...taxon.CdNom) bool { return slices.ContainsFunc(lineage, b.has) }

// Uniform reports whether no rule for the taxa of a lineage depends on the place: the level is
// then the same everywhere. A region's list makes national rules depend on it.
func (b *Book) Uniform(lineage []taxon.CdNom) bool {
	for _, cd := range lineage {
		if b.has(cd) && b.start[cd].placed {
			return false
		}
	}
	return true
}

// Rules returns the number of rules that may apply.
func (b *Book) Rules() int { return len(b.rules) }

// List returns a list by its code.
func (b *Book) List(id string) (List, bool) { l, ok := b.lists[id]; return l, ok }

// Evaluate returns the level of an observation: the strictest of the rules written for its
// name, its taxon or an ancestor, whose department, area, season, duration, biological status,
// behaviour and life stage fit. It follows the GINCO algorithm (SINP-GINCO,
// change_sensibility.php) with its
// precaution: what the observation does not tell never frees it. At equal rank a rule that
// asks for no review is preferred. Review is set when the deciding rule has a condition in
// words, or an area, a biological status, a behaviour or a life stage that the observation does
// not give.
func (b *Book) Evaluate(f Facts) Result {
	var best Result
	var rank int
	var at place
	for _, cd := range f.Lineage {
		if !b.has(cd) {
			continue
		}
		if !at.read {
			at = placeOf(f.Departments)
		}
		s := b.start[cd]
		for i := s.from; i < s.to; i++ {
			r := &b.rules[i]
			if r.rank < rank || r.rank == rank && !best.Review {
				break // rules of a taxon come strictest first
			}
			if !r.where.meets(&at, f.Departments) || !r.fits(&f) {
				continue
			}
			if review := r.review(&f); r.rank > rank || !review {
				best, rank = Result{Level: r.Level, List: r.List, Review: review}, r.rank
			}
		}
	}
	return best
}

// fits reports whether the conditions other than departments let the rule apply.
func (r *Rule) fits(f *Facts) bool {
	if r.BioStatus != "" && r.BioStatus != f.BioStatus && !unknownBioStatus(f.BioStatus) {
		return false
	}
	if r.Behaviour != "" && r.Behaviour != f.Behaviour && !unknownCode(f.Behaviour) {
		return false
	}
	if r.LifeStage != "" && r.LifeStage != f.LifeStage && !unknownCode(f.LifeStage) {
		return false
	}
	if r.Area != 0 && !slices.Contains(f.Areas, r.Area) && tells(f.Areas, r.Area.Kind()) {
		return false
	}
	if (r.From != 0 || r.To != 0) && !r.season(f.Start, f.Date) {
		return false
	}
	return r.Years <= 0 || f.Date == civil.NoDate || addYears(f.Date, r.Years) > f.Today
}

// review reports whether a person should judge a rule that fits.
func (r *Rule) review(f *Facts) bool {
	return r.Condition != "" || r.BioStatus != "" && unknownBioStatus(f.BioStatus) ||
		r.Behaviour != "" && unknownCode(f.Behaviour) || r.LifeStage != "" && unknownCode(f.LifeStage) ||
		r.Area != 0 && !tells(f.Areas, r.Area.Kind())
}

// tells reports whether areas of a kind are among those an observation is known to meet.
func tells(areas []geo.AreaKey, k geo.Kind) bool {
	return slices.ContainsFunc(areas, func(a geo.AreaKey) bool { return a.Kind() == k })
}

// season reports whether some day from start to end is in the season of the rule, or may be.
func (r *Rule) season(start, end civil.Date) bool {
	if start == civil.NoDate || end == civil.NoDate || start > end || end-start >= 365 {
		return true
	}
	from, to := max(r.From, 101), r.To
	if to == 0 {
		to = 1231
	}
	s, e := monthDay(start), monthDay(end)
	if start.Year() == end.Year() {
		return overlap(from, to, s, e)
	}
	return overlap(from, to, s, 1231) || overlap(from, to, 101, e)
}

// overlap reports whether a season, which may go over New Year, has a day from s to e of one
// year.
func overlap(from, to, s, e int16) bool {
	if from <= to {
		return from <= e && s <= to
	}
	return e >= from || s <= to
}

func monthDay(d civil.Date) int16 {
	_, m, day := d.Civil()
	return int16(m*100 + day)
}

// unknownBioStatus reports whether a STATUT_BIO code says nothing: "", 0 inconnu, 1 non
// renseigné, 2 non déterminé.
func unknownBioStatus(code string) bool { return code == "2" || unknownCode(code) }

// unknownCode reports whether a code of OCC_COMPORTEMENT or STADE_VIE says nothing: "", 0 inconnu
// (NSP), 1 non renseigné or indéterminé.
func unknownCode(code string) bool {
	return code == "" || code == "0" || code == "1" || code == "NSP"
}

// addYears adds whole years; 29 February becomes 1 March in a common year, a day later
// rather than a day too early.
func addYears(d civil.Date, years int) civil.Date {
	y, m, day := d.Civil()
	if e, ok := civil.Make(y+years, m, day); ok {
		return e
	}
	e, _ := civil.Make(y+years, 3, 1)
	return e
}

// ForTaxa returns the rules with, for each that is written for a synonym or a withdrawn
// code, the same rule for the taxon it stands for: lists are older than the TAXREF in use,
// and a rule must not be lost because the species changed its name.
func ForTaxa(rules []Rule, t *taxon.Taxonomy) []Rule {
	out := slices.Clone(rules)
	for _, r := range rules {
		if m, ok := t.Resolve(r.CdNom); ok && taxon.CdNom(m.CdRef) != r.CdNom {
			r.CdNom = taxon.CdNom(m.CdRef)
			out = append(out, r)
		}
	}
	return out
}
