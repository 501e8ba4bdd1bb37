// Package consent decides how precisely the people who observed agree to be diffused: a
// ledger of what each of them chose, and of what a platform applies to those who did not
// answer. The answer is a code of diffusionNiveauPrecision (NIV_PRECIS of the standard).
//
// It does not decide what is shown: disclosure takes the coarsest of this and of everything
// else, and leaves it out for the data of public authorities, which no wish may blur.
package consent

import (
	"cmp"
	"slices"
	"strings"

	"garrigue/internal/civil"
	"garrigue/internal/taxon"
)

// Precision is a code of diffusionNiveauPrecision: how precisely, at most, the public may see.
type Precision string

// The precisions. The list of the standard is no scale: 5 is the most precise.
const (
	Standard   Precision = "0"
	Commune    Precision = "1"
	Cell       Precision = "2" // of 10 km
	Department Precision = "3"
	Refused    Precision = "4" // nothing is published
	Precise    Precision = "5"
)

// Valid reports whether p is in the list.
func (p Precision) Valid() bool { return len(p) == 1 && p[0] >= '0' && p[0] <= '5' }

// Level puts the precisions in order: 0 for what blurs nothing, then commune, cell,
// department, nothing at all; what is not in the list asks for the most.
func (p Precision) Level() int {
	switch p {
	case Precise, Standard:
		return 0
	case Commune, Cell, Department:
		return int(p[0] - '0')
	}
	return 4
}

// coarser reports whether p blurs more than q; Standard more than Precise.
func (p Precision) coarser(q Precision) bool {
	return p.Level() > q.Level() || p.Level() == q.Level() && p == Standard && q == Precise
}

// Choice is what one observer chose, or the default applied to those who chose nothing.
type Choice struct {
	ID       int64     `json:"id"`
	Explicit bool      `json:"explicit"`           // false: a default, which names no observer
	Observer string    `json:"observer,omitempty"` // as written: personal data
	Scope    Scope     `json:"scope"`
	Upto     Precision `json:"precision"` // at most
	// Date is when it was chosen or decided; of two, the later holds.
	Date     civil.Date `json:"-"`
	Wording  string     `json:"wording,omitempty"` // identifier of the text people answered
	Recorded string     `json:"recorded"`          // when it was written down, UTC
	By       string     `json:"by,omitempty"`      // who wrote it down
}

// Scope is what a choice is about: all of it when a field is empty.
type Scope struct {
	Source       string `json:"source,omitempty"`
	Dataset      string `json:"dataset,omitempty"` // name or UUID
	Organisation string `json:"organisation,omitempty"`
	From         int    `json:"from,omitempty"` // first and last year of observation, 0 open
	To           int    `json:"to,omitempty"`
}

// Facts are what an observation is judged by.
type Facts struct {
	Observers    string
	Source       string
	Dataset      string // name
	DatasetUUID  string
	Organisation string
	Start, End   civil.Date
}

// covers reports whether the scope holds an observation. One that may lie inside a scope of
// years is inside: an answer that blurs must not be escaped by a vague date.
func (s *Scope) covers(f *Facts, dataset, uuid, organisation, source string) bool {
	switch {
	case s.Source != "" && s.Source != source,
		s.Dataset != "" && s.Dataset != dataset && s.Dataset != uuid,
		s.Organisation != "" && s.Organisation != organisation,
		s.From != 0 && f.End != civil.NoDate && f.End.Year() < s.From,
		s.To != 0 && f.Start != civil.NoDate && f.Start.Year() > s.To:
		return false
	}
	return true
}

// narrowness orders the scopes of defaults: a dataset, then a source, then an organisation.
func (s *Scope) narrowness() int {
	n := 0
	if s.Dataset != "" {
		n += 8
	}
	if s.Source != "" {
		n += 4
	}
	if s.Organisation != "" {
		n += 2
	}
	if s.From != 0 || s.To != 0 {
		n++
	}
	return n
}

// Verdict is what the ledger says of an observation. The zero value says nothing: what its
// producer asked for holds alone.
type Verdict struct {
	Precision Precision
	Default   bool // nobody answered: a default was applied
}

// Ledger answers for observations. It never changes once made; a nil or empty one says
// nothing.
type Ledger struct {
	people   map[string][]Choice // explicit, by folded identity
	defaults []Choice            // narrowest first, then latest
}

// NewLedger makes a ledger of choices, in any order. Choices whose precision is not in the
// list count as refusals: a wish nobody understood is not a wish for more.
func NewLedger(choices []Choice) *Ledger {
	l := &Ledger{people: map[string][]Choice{}}
	for _, c := range choices {
		if !c.Upto.Valid() {
			c.Upto = Refused
		}
		c.Scope.Source, c.Scope.Dataset, c.Scope.Organisation = taxon.Fold(c.Scope.Source), taxon.Fold(c.Scope.Dataset), taxon.Fold(c.Scope.Organisation)
		if !c.Explicit {
			l.defaults = append(l.defaults, c)
			continue
		}
		for _, p := range People(c.Observer) {
			l.people[p] = append(l.people[p], c)
		}
	}
	later := func(a, b Choice) int {
		return cmp.Or(-cmp.Compare(a.Date, b.Date), -cmp.Compare(a.ID, b.ID))
	}
	for _, list := range l.people {
		slices.SortFunc(list, later)
	}
	slices.SortFunc(l.defaults, func(a, b Choice) int {
		return cmp.Or(-cmp.Compare(a.Scope.narrowness(), b.Scope.narrowness()), later(a, b))
	})
	return l
}

// Empty reports whether the ledger has nothing to say of any observation.
func (l *Ledger) Empty() bool { return l == nil || len(l.people) == 0 && len(l.defaults) == 0 }

// For answers for one observation: of each observer the latest choice whose scope covers it;
// of several observers who chose, the coarsest; when none did, the narrowest default, and of
// several equally narrow the latest.
//
// An observer who said nothing does not undo what a companion said: the answer given is the
// only one there is about that observation, and a default stands for the lack of one.
func (l *Ledger) For(f Facts) (v Verdict) {
	if l.Empty() {
		return v
	}
	dataset, uuid := taxon.Fold(f.Dataset), taxon.Fold(f.DatasetUUID)
	organisation, source := taxon.Fold(f.Organisation), taxon.Fold(f.Source)
	if len(l.people) > 0 {
		for _, p := range People(f.Observers) {
			for i := range l.people[p] {
				c := &l.people[p][i]
				if !c.Scope.covers(&f, dataset, uuid, organisation, source) {
					continue
				}
				if v.Precision == "" || c.Upto.coarser(v.Precision) {
					v.Precision = c.Upto
				}
				break
			}
		}
	}
	if v.Precision != "" {
		return v
	}
	for i := range l.defaults {
		if c := &l.defaults[i]; c.Scope.covers(&f, dataset, uuid, organisation, source) {
			return Verdict{Precision: c.Upto, Default: true}
		}
	}
	return v
}

// People returns the folded identities of the persons of an "observateur", sorted, each once:
// "DUPONT Jean (LPO), Martin Anne" gives "anne martin" and "dupont jean". Names are compared by
// their words in any order, without accents or case; what stands between parentheses is an
// organisation. Words that mean nobody in particular give nothing.
func People(observers string) []string {
	if observers == "" || strings.EqualFold(strings.TrimSpace(observers), "n/a") {
		return nil
	}
	var out []string
	for _, part := range strings.FieldsFunc(withoutParentheses(observers), func(r rune) bool {
		return r == ',' || r == ';' || r == '|' || r == '&' || r == '/' || r == '\n' || r == '+'
	}) {
		words := strings.FieldsFunc(taxon.Fold(part), func(r rune) bool { return r == ' ' || r == '.' })
		for len(words) > 0 {
			one := words
			if i := slices.Index(words, "et"); i >= 0 { // "Dupont Jean et Martin Anne"
				one, words = words[:i], words[i+1:]
			} else {
				words = nil
			}
			if id := identity(one); id != "" {
				out = append(out, id)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func identity(words []string) string {
	words = slices.Clone(words)
	slices.Sort(words)
	id := strings.Join(words, " ")
	switch id {
	case "inconnu", "inconnue", "anonyme", "nsp", "al", "collectif", "null", "observateur", "anonymous", "unknown", "a n", "?", "x", "xxx": // "n.a.", its words sorted
		return ""
	}
	return id
}

func withoutParentheses(s string) string {
	if strings.IndexByte(s, '(') < 0 {
		return s
	}
	var b strings.Builder
	depth := 0
	for _, r := range s {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth = max(0, depth-1)
		case depth == 0:
			b.WriteRune(r)
		}
	}
	return b.String()
}
