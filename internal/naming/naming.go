// Package naming finds the taxon that a producer's words stand for: a code of TAXREF, also a
// withdrawn one, a code of VisioNature, a scientific name however written, a French name. What
// it is not sure of it does not guess: it answers with the candidates, and a person's decision,
// once taken, answers from then on.
//
// It does no I/O. What becomes of a row whose taxon is not found is decided by package ingest.
package naming

import (
	"strings"
	"sync"

	"garrigue/internal/taxon"
)

// Given is what a producer says of a taxon. The hints (kingdom to group) choose between
// homonyms; the scopes, between decisions.
type Given struct {
	Code       taxon.CdNom // CD_NOM, 0 when none
	Species    string      // number of the species in VisioNature
	Scientific string      // from a column of scientific names
	Author     string      // from a column of its own
	Cited      string      // the name as cited, of any kind

	Kingdom, Phylum, Class, Order, Family, Group string
	Source, Dataset                              string
}

// Outcome says whether a taxon was found.
type Outcome uint8

// The outcomes. NotTaxon is a decision: the words name no living thing.
const (
	Unknown Outcome = iota
	Matched
	Ambiguous
	NotTaxon
)

// String returns the word for reports: "matched".
func (o Outcome) String() string {
	return [...]string{"unknown", "matched", "ambiguous", "not_a_taxon"}[o]
}

// How says what led to the taxon.
type How uint8

// The ways, the surest first.
const (
	NoWay        How = iota
	ByCode           // the CD_NOM
	ByReplaced       // a withdrawn CD_NOM and the one that replaces it
	ByDecision       // a person
	BySpecies        // the code of VisioNature
	ByScientific     // a scientific name, word for word
	ByParsed         // a scientific name, once parsed
	ByVernacular     // a French or English name
)

// String returns the word for reports: "scientific".
func (h How) String() string {
	return [...]string{"none", "code", "replaced", "decision", "visionature", "scientific", "parsed", "vernacular"}[h]
}

// Note is something to tell the producer about a name that was understood.
type Note uint8

// The notes.
const (
	Raised     Note = iota // taken to a higher taxon: "Larus sp.", "Larus cf. cachinnans"
	Vernacular             // known by a vernacular name alone
	Mismatch               // the code and a name stand for different taxa; the code decides
	Disagree               // two names stand for different taxa; the scientific one decides
)

// Reason says why a candidate is one; a key of the catalogues is "candidate.<reason>".
type Reason string

// The reasons.
const (
	ReasonHomonym     Reason = "homonym"     // bears exactly this scientific name
	ReasonVernacular  Reason = "vernacular"  // bears this vernacular name
	ReasonReplacement Reason = "replacement" // one of those that replace the code
	ReasonParent      Reason = "parent"      // a parent of the hybrid
	ReasonNear        Reason = "near"        // is spelt nearly so
	ReasonGenus       Reason = "genus"       // is the genus or the species named first
	ReasonName        Reason = "name"        // the name beside an unknown code
	ReasonMisapplied  Reason = "misapplied"  // the name, misapplied, may be of another taxon
)

// Candidate is a taxon that a name may stand for.
type Candidate struct {
	CdNom  taxon.CdNom `json:"cd_nom"`
	CdRef  taxon.CdRef `json:"cd_ref"`
	Name   string      `json:"name"`
	Reason Reason      `json:"reason"`
}

// Answer is what a name leads to. Candidates are at most five, and only of a name that is
// not matched.
type Answer struct {
	Outcome    Outcome
	How        How
	CdNom      taxon.CdNom
	CdRef      taxon.CdRef
	Notes      []Note
	Candidates []Candidate
	Decision   *Decision // that decided, with ByDecision and NotTaxon
}

// Has reports whether the answer bears a note.
func (a *Answer) Has(n Note) bool {
	for _, m := range a.Notes {
		if m == n {
			return true
		}
	}
	return false
}

// Resolver resolves names against one taxonomy. It never changes but for what it remembers,
// and is safe for concurrent use. Each distinct name is parsed once.
type Resolver struct {
	taxa      *taxon.Taxonomy
	species   map[string]taxon.CdNom
	decisions *Decisions
	suggest   bool
	parsers   sync.Pool // of *parser

	mu   sync.Mutex
	seen map[Given]*remembered
}

type remembered struct {
	once   sync.Once
	answer Answer
}

// remember bounds how many answers are kept.
const remember = 200_000

// Options are what a resolver works with beside TAXREF.
type Options struct {
	Species   map[string]taxon.CdNom // codes of VisioNature
	Decisions *Decisions
	Suggest   bool // look for names spelt nearly like an unknown one, which takes a while each
}

// NewResolver makes a resolver.
func NewResolver(taxa *taxon.Taxonomy, o Options) *Resolver {
	return &Resolver{taxa: taxa, species: o.Species, decisions: o.Decisions, suggest: o.Suggest, seen: map[Given]*remembered{},
		parsers: sync.Pool{New: func() any { return newParser() }}}
}

// Resolve answers what a producer's words stand for. The answer is shared and must not be
// changed. g's texts are copied if kept.
func (r *Resolver) Resolve(g Given) *Answer {
	r.mu.Lock()
	m, ok := r.seen[g]
	if !ok {
		if len(r.seen) >= remember {
			clear(r.seen)
		}
		g = g.clone()
		m = &remembered{}
		r.seen[g] = m
	}
	r.mu.Unlock()
	m.once.Do(func() { m.answer = r.resolve(&g) })
	return &m.answer
}

func (g Given) clone() Given {
	for _, s := range [...]*string{&g.Species, &g.Scientific, &g.Author, &g.Cited, &g.Kingdom, &g.Phylum, &g.Class, &g.Order, &g.Family,
		&g.Group, &g.Source, &g.Dataset} {
		*s = strings.Clone(*s)
	}
	return g
}

// Reader resolves for one goroutine: what it has asked once it finds again without waiting
// for others.
type Reader struct {
	r    *Resolver
	seen map[Given]*Answer
}

// Reader returns a reader of the resolver's answers.
func (r *Resolver) Reader() *Reader { return &Reader{r: r, seen: map[Given]*Answer{}} }

// Resolve is Resolver.Resolve.
func (x *Reader) Resolve(g Given) *Answer {
	if d := x.r.decisions; d == nil || !d.scoped {
		g.Source, g.Dataset = "", "" // they would only make one question many
	}
	if a, ok := x.seen[g]; ok {
		return a
	}
	if len(x.seen) >= 50_000 {
		clear(x.seen)
	}
	a := x.r.Resolve(g)
	x.seen[g.clone()] = a
	return a
}

func (r *Resolver) resolve(g *Given) Answer {
	if g.Code != 0 {
		return r.byCode(g)
	}
	if a, ok := r.decided(g); ok {
		return a
	}
	if cd, ok := r.species[g.Species]; ok && g.Species != "" {
		if m, ok := r.taxa.Resolve(cd); ok {
			a := Answer{Outcome: Matched, How: BySpecies, CdNom: m.CdNom, CdRef: m.CdRef}
			r.checkNames(g, &a)
			return a
		}
	}
	return r.byNames(g)
}

// byCode follows a code of TAXREF. A code nobody knows is not replaced by the name beside it:
// the two may well differ; the name gives the candidates.
func (r *Resolver) byCode(g *Given) Answer {
	if m, ok := r.taxa.Resolve(g.Code); ok {
		a := Answer{Outcome: Matched, How: ByCode, CdNom: m.CdNom, CdRef: m.CdRef}
		if m.Replaced {
			a.How = ByReplaced
		}
		r.checkNames(g, &a)
		return a
	}
	if a, ok := r.decided(g); ok {
		return a
	}
	byName := r.byNames(g)
	if split := r.taxa.Split(g.Code); split != nil {
		a := Answer{Outcome: Ambiguous, Candidates: r.candidates(split, ReasonReplacement)}
		for _, cd := range split { // the name may say which of the parts it is
			if m, ok := r.taxa.Resolve(cd); ok && byName.Outcome == Matched && byName.CdRef == m.CdRef {
				return Answer{Outcome: Matched, How: ByReplaced, CdNom: m.CdNom, CdRef: m.CdRef}
			}
		}
		return a
	}
	if byName.Outcome == Matched {
		return Answer{Candidates: r.candidates([]taxon.CdNom{byName.CdNom}, ReasonName)}
	}
	return Answer{Candidates: byName.Candidates}
}

// byNames resolves the scientific name, then the name cited, which may be of any kind. A
// vernacular name cited beside an ambiguous scientific one may choose for it.
func (r *Resolver) byNames(g *Given) Answer {
	sci, cited := strings.TrimSpace(g.Scientific), strings.TrimSpace(g.Cited)
	if sci == "" || taxon.Fold(sci) == taxon.Fold(cited) {
		return r.byName(cited, g)
	}
	a := r.scientific(sci, g)
	if cited == "" {
		return a
	}
	b := r.byName(cited, g)
	switch {
	case a.Outcome == Matched:
		if b.Outcome == Matched && !r.taxa.InLineage(a.CdRef, b.CdRef) {
			a.Notes = append(a.Notes, Disagree)
		}
		return a
	case a.Outcome == Ambiguous && b.Outcome == Matched:
		for _, c := range a.Candidates {
			if c.CdRef == b.CdRef {
				return Answer{Outcome: Matched, How: ByScientific, CdNom: c.CdNom, CdRef: c.CdRef}
			}
		}
		return a
	case a.Outcome == Unknown && b.Outcome != Unknown:
		return b
	case len(a.Candidates) == 0:
		a.Candidates = b.Candidates
	}
	return a
}

// byName resolves a name of any kind: scientific, else French, else English.
func (r *Resolver) byName(name string, g *Given) Answer {
	if name == "" {
		return Answer{}
	}
	a := r.scientific(name, g)
	if a.Outcome != Unknown {
		return a
	}
	if v := r.vernacular(name, g); v.Outcome != Unknown {
		return v
	}
	if len(a.Candidates) == 0 && r.suggest {
		a.Candidates = r.candidates(r.taxa.NearFrench(taxon.Fold(name), 5), ReasonNear)
	}
	return a
}

// checkNames notes when a name given beside a code stands for another taxon than the code's.
func (r *Resolver) checkNames(g *Given, a *Answer) {
	for _, name := range [...]string{g.Scientific, g.Cited} {
		if name == "" || r.bears(a, name) {
			continue
		}
		hints := *g
		hints.Code = 0
		b := r.byName(name, &hints)
		other := b.Outcome == Matched && !r.taxa.InLineage(a.CdRef, b.CdRef)
		if b.Outcome == Ambiguous {
			other = true
			for _, c := range b.Candidates {
				other = other && !r.taxa.InLineage(a.CdRef, c.CdRef)
			}
		}
		if other {
			a.Notes = append(a.Notes, Mismatch)
			return
		}
	}
}

// bears reports whether a name is one of those of the taxon an answer leads to, without
// asking any index.
func (r *Resolver) bears(a *Answer, name string) bool {
	folded := taxon.Fold(name)
	key := ""
	is := func(cd taxon.CdNom) bool {
		n, ok := r.taxa.Name(cd)
		if !ok {
			return false
		}
		s := taxon.Fold(n.ScientificName)
		if folded == s || strings.HasPrefix(folded, s+" ") && taxon.Fold(n.FullName) == folded {
			return true
		}
		if n.Vernacular != "" || n.VernacularEN != "" {
			for _, v := range append(taxon.Vernaculars(n.Vernacular), taxon.Vernaculars(n.VernacularEN)...) {
				if taxon.Fold(v) == folded {
					return true
				}
			}
			if taxon.Fold(n.Vernacular) == folded {
				return true
			}
		}
		if key == "" {
			key = taxon.NameKey(name)
		}
		return taxon.NameKey(n.ScientificName) == key
	}
	if is(a.CdNom) || is(taxon.CdNom(a.CdRef)) {
		return true
	}
	for _, cd := range r.taxa.Synonyms(a.CdRef) {
		if is(cd) {
			return true
		}
	}
	return false
}

// candidates describes names, one a taxon, at most five.
func (r *Resolver) candidates(names []taxon.CdNom, why Reason) (out []Candidate) {
	have := map[taxon.CdRef]bool{}
	for _, cd := range names {
		n, ok := r.taxa.Name(cd)
		if !ok || have[n.CdRef] || len(out) == 5 {
			continue
		}
		have[n.CdRef] = true
		out = append(out, Candidate{CdNom: cd, CdRef: n.CdRef, Name: n.FullName, Reason: why})
	}
	return out
}
