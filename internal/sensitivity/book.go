package sensitivity

import (
	"slices"
	"strings"

	"garrigue/internal/civil"
	"garrigue/internal/taxon"
)

// Book is every rule in force, ready to be asked. It never changes once made and is safe
// for concurrent use.
type Book struct {
	rules []Rule // by taxon, then from the most to the least restrictive
	start map[taxon.CdNom]span
	bits  []uint64 // one bit for each code below smallCodes that some rule names
	other bool     // some rule names a code that bits cannot hold
	lists map[string]List
}

type span struct{ from, to int32 }

const smallCodes = 1 << 22

// NewBook makes a book of rules. Rules of level 0 are dropped, since the highest level wins
// and a level 0 never cancels another. A level above 4 counts as 4.
func NewBook(lists []List, rules []Rule) *Book {
	b := &Book{start: map[taxon.CdNom]span{}, lists: make(map[string]List, len(lists))}
	for _, l := range lists {
		b.lists[l.ID] = l
	}
	for _, r := range rules {
		if r.Level > 0 {
			r.Level = min(r.Level, 4)
			b.rules = append(b.rules, r)
		}
	}
	slices.SortStableFunc(b.rules, compareRules)
	for i := range b.rules {
		cd := b.rules[i].CdNom
		s, ok := b.start[cd]
		if !ok {
			s.from = int32(i)
		}
		s.to = int32(i) + 1
		b.start[cd] = s
		b.mark(cd)
	}
	return b
}

func compareRules(x, y Rule) int {
	switch {
	case x.CdNom != y.CdNom:
		return int(x.CdNom) - int(y.CdNom)
	case x.Level != y.Level:
		return int(y.Level) - int(x.Level)
	case (x.Condition == "") != (y.Condition == ""):
		if x.Condition == "" {
			return -1
		}
		return 1
	}
	return strings.Compare(x.List, y.List)
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
func (b *Book) Names(lineage ...taxon.CdNom) bool {
	for _, cd := range lineage {
		if b.has(cd) {
			return true
		}
	}
	return false
}

// Rules returns the number of rules that may apply.
func (b *Book) Rules() int { return len(b.rules) }

// List returns a list by its code.
func (b *Book) List(id string) (List, bool) { l, ok := b.lists[id]; return l, ok }

// Evaluate returns the level of an observation: the highest of the rules written for its
// name, its taxon or an ancestor, whose department, duration, biological status and
// behaviour fit. It follows the GINCO algorithm (SINP-GINCO, change_sensibility.php) with its
// precaution: what the observation does not tell never frees it. At equal level a rule that
// asks for no review is preferred. Review is set when the deciding rule has a condition in
// words, or a biological status or behaviour that the observation does not give.
func (b *Book) Evaluate(f Facts) Result {
	var best Result
	for _, cd := range f.Lineage {
		if !b.has(cd) {
			continue
		}
		s := b.start[cd]
		for i := s.from; i < s.to; i++ {
			r := &b.rules[i]
			if r.Level < best.Level || r.Level == best.Level && !best.Review {
				break // rules of a taxon come highest first
			}
			if !r.fits(&f) {
				continue
			}
			review := r.Condition != "" || r.BioStatus != "" && unknownBioStatus(f.BioStatus) ||
				r.Behaviour != "" && unknownBehaviour(f.Behaviour)
			if r.Level > best.Level || !review {
				best = Result{Level: r.Level, List: r.List, Review: review}
			}
		}
	}
	return best
}

func (r *Rule) fits(f *Facts) bool {
	if r.Department != "" && f.Department != "" && r.Department != f.Department {
		return false
	}
	if r.BioStatus != "" && r.BioStatus != f.BioStatus && !unknownBioStatus(f.BioStatus) {
		return false
	}
	if r.Behaviour != "" && r.Behaviour != f.Behaviour && !unknownBehaviour(f.Behaviour) {
		return false
	}
	return r.Years <= 0 || f.Date == civil.NoDate || addYears(f.Date, r.Years) > f.Today
}

// unknownBioStatus reports whether a STATUT_BIO code says nothing: "", 0 inconnu, 1 non
// renseigné, 2 non déterminé.
func unknownBioStatus(code string) bool {
	return code == "" || code == "0" || code == "1" || code == "2"
}

// unknownBehaviour reports whether an OCC_COMPORTEMENT code says nothing: "", 0 inconnu
// (NSP), 1 non renseigné.
func unknownBehaviour(code string) bool {
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
