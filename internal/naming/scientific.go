package naming

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gnames/gnparser"
	"github.com/gnames/gnparser/ent/parsed"

	"garrigue/internal/taxon"
)

type parser struct{ gnparser.GNparser }

func newParser() *parser {
	return &parser{gnparser.New(gnparser.NewConfig(gnparser.OptWithDetails(false), gnparser.OptJobsNum(1)))}
}

// name is a scientific name taken to pieces.
type name struct {
	full   string // canonical with marks of rank, folded
	key    string // NameKey
	author string
	hybrid bool   // a formula
	tail   string // what could not be understood
}

// scientific resolves a text as a scientific name.
func (r *Resolver) scientific(text string, g *Given) Answer {
	text = tidy(text)
	if text == "" {
		return Answer{}
	}
	author := tidy(g.Author)
	if a := r.exact(text, author, g); a.Outcome != Unknown {
		return a
	}
	if low := misleading(text); low != "" {
		text = low
	}
	q := qualify(text)
	if q.how == whole {
		return r.parsed(q.rest, author, g)
	}
	return r.qualified(q, g)
}

// exact looks a name up as it is written, but for capitals, accents and spaces.
func (r *Resolver) exact(text, author string, g *Given) Answer {
	if author != "" && !strings.Contains(text, author) {
		if found := r.taxa.Scientific(taxon.Fold(text + " " + author)); len(found) > 0 {
			return r.choose(found, &name{author: author}, g, ByScientific)
		}
	}
	if found := r.taxa.Scientific(taxon.Fold(text)); len(found) > 0 {
		return r.choose(found, &name{author: author, full: taxon.Fold(text)}, g, ByScientific)
	}
	return Answer{}
}

// parsed resolves a name by its parts.
func (r *Resolver) parsed(text, author string, g *Given) Answer {
	if a, ok := r.plain(text, g); ok {
		return a
	}
	n, ok := r.parse(text)
	if !ok {
		return Answer{}
	}
	if n.author == "" {
		n.author = author
	}
	found := r.taxa.Scientific(n.key)
	if n.tail != "" {
		return Answer{Candidates: r.candidates(found, ReasonGenus)}
	}
	if len(found) > 0 {
		return r.choose(found, &n, g, ByParsed)
	}
	if n.hybrid {
		return r.formula(&n)
	}
	words := strings.Fields(n.key)
	if len(words) == 3 && words[1] == words[2] { // an autonym TAXREF does not have is its species
		if a := r.choose(r.taxa.Scientific(words[0]+" "+words[1]), &name{}, g, ByParsed); a.Outcome == Matched {
			a.Notes = append(a.Notes, Raised)
			return a
		}
	}
	if !r.suggest {
		return Answer{}
	}
	near := r.candidates(r.taxa.Near(n.key, 5), ReasonNear)
	for i := range near {
		if w, ok := r.taxa.Name(near[i].CdNom); ok && taxon.NameKey(w.ScientificName) == words[0] {
			near[i].Reason = ReasonGenus
		}
	}
	if len(words) == 3 {
		above := r.candidates(r.taxa.Scientific(words[0]+" "+words[1]), ReasonGenus)
		near = append(above, near...)
		near = near[:min(len(near), 5)]
	}
	return Answer{Candidates: near}
}

// plain resolves without the parser, which takes a tenth of a millisecond, what most names
// are: words TAXREF has, then an author that looks like one.
func (r *Resolver) plain(text string, g *Given) (Answer, bool) {
	sci, author := taxon.SplitName(text)
	if author == "" || strings.Count(sci, " ") == 0 || !authorLook(author) {
		return Answer{}, false
	}
	found := r.taxa.Scientific(taxon.NameKey(sci))
	if len(found) == 0 {
		return Answer{}, false
	}
	return r.choose(found, &name{full: taxon.Fold(sci), author: author}, g, ByParsed), true
}

// authorLook reports whether words are surnames, initials, years and what joins them.
func authorLook(s string) bool {
	for _, w := range strings.FieldsFunc(s, func(c rune) bool { return strings.ContainsRune(" (),&", c) }) {
		first, _ := utf8.DecodeRuneInString(w)
		switch w {
		case "et", "ex", "in", "de", "von", "van", "den", "la", "le", "du", "f.", "fil.", "al.":
			continue
		}
		if len(w) == 4 && yearOf(w) == w || unicode.IsUpper(first) && !strings.ContainsAny(w, "0123456789/") && w != "X" {
			continue
		}
		return false
	}
	return true
}

// formula is a hybrid TAXREF has no name for: the genus both parents share, else the parents
// to choose from.
func (r *Resolver) formula(n *name) Answer {
	left, right, ok := strings.Cut(n.full, " x ")
	if !ok {
		return Answer{}
	}
	genus, _, _ := strings.Cut(left, " ")
	other, _, _ := strings.Cut(right, " ")
	if genus == other || strings.HasSuffix(other, ".") && strings.HasPrefix(genus, strings.TrimSuffix(other, ".")) {
		if a := r.raise(genus, &Given{}); a.Outcome == Matched {
			return a
		}
	}
	var parents []taxon.CdNom
	for _, p := range [...]string{left, right} {
		parents = append(parents, r.taxa.Scientific(taxon.NameKey(p))...)
	}
	return Answer{Candidates: r.candidates(parents, ReasonParent)}
}

// raise resolves to a higher taxon than the one named.
func (r *Resolver) raise(to string, g *Given) Answer {
	found := r.taxa.Scientific(taxon.NameKey(to))
	if len(found) == 0 {
		return Answer{}
	}
	a := r.choose(found, &name{full: taxon.Fold(to)}, g, ByParsed)
	if a.Outcome == Matched {
		a.Notes = append(a.Notes, Raised)
	}
	return a
}

// choose answers with the one taxon that names stand for, as far as the author, the marks of
// rank and the hints of the row tell it from its homonyms. Of a taxon and those inside it that
// bear the same name (a genus and its subgenus), it is the highest.
func (r *Resolver) choose(found []taxon.CdNom, n *name, g *Given, how How) Answer {
	list := make([]taxon.Name, 0, len(found))
	for _, cd := range found {
		if w, ok := r.taxa.Name(cd); ok {
			list = append(list, w)
		}
	}
	all := list
	list = slices.DeleteFunc(slices.Clone(list), func(w taxon.Name) bool { return contradicts(&w, g) })
	if len(list) == 0 { // another kingdom's name
		return Answer{Outcome: Ambiguous, Candidates: r.candidates(found, ReasonHomonym)}
	}
	if n.author != "" {
		list = keep(list, func(w *taxon.Name) bool { return sameAuthor(w.Author, n.author) })
	}
	if n.full != "" {
		list = keep(list, func(w *taxon.Name) bool { return taxon.Fold(w.ScientificName) == n.full })
	}
	if len(refsOf(list)) > 1 {
		for _, h := range [...]func(*taxon.Name) (string, string){
			func(w *taxon.Name) (string, string) { return w.Family, g.Family }, func(w *taxon.Name) (string, string) { return w.Order, g.Order },
			func(w *taxon.Name) (string, string) { return w.Class, g.Class }, func(w *taxon.Name) (string, string) { return w.Phylum, g.Phylum },
			func(w *taxon.Name) (string, string) { return w.Kingdom, g.Kingdom }} {
			list = keep(list, func(w *taxon.Name) bool { a, b := h(w); return b != "" && taxon.Fold(a) == taxon.Fold(b) })
		}
		list = keep(list, func(w *taxon.Name) bool { return inGroup(w, g.Group) })
	}
	refs := refsOf(list)
	ref := refs[0]
	if len(refs) > 1 {
		top, ok := r.taxa.Highest(refs)
		if !ok {
			return Answer{Outcome: Ambiguous, Candidates: r.candidates(namesOf(all), ReasonHomonym)}
		}
		ref = top
	}
	best := taxon.CdNom(0)
	for _, w := range list {
		if w.CdRef == ref && (best == 0 || w.Valid()) {
			best = w.CdNom
		}
	}
	return Answer{Outcome: Matched, How: how, CdNom: best, CdRef: ref}
}

// keep filters, unless nothing would be left: what a row does not tell chooses nothing.
func keep(list []taxon.Name, f func(*taxon.Name) bool) []taxon.Name {
	out := make([]taxon.Name, 0, len(list))
	for i := range list {
		if f(&list[i]) {
			out = append(out, list[i])
		}
	}
	if len(out) == 0 {
		return list
	}
	return out
}

func refsOf(list []taxon.Name) (refs []taxon.CdRef) {
	for i := range list {
		if !slices.Contains(refs, list[i].CdRef) {
			refs = append(refs, list[i].CdRef)
		}
	}
	return refs
}

func namesOf(list []taxon.Name) (out []taxon.CdNom) {
	for i := range list {
		out = append(out, list[i].CdNom)
	}
	return out
}

// contradicts reports whether the row says that its taxon is an animal, a plant or a fungus
// and the name's is another of the three. Other kingdoms are cut differently by every list.
func contradicts(w *taxon.Name, g *Given) bool {
	three := func(k string) bool { return k == "animalia" || k == "plantae" || k == "fungi" }
	a, b := taxon.Fold(w.Kingdom), taxon.Fold(g.Kingdom)
	return a != b && three(a) && three(b)
}

// inGroup reports whether a name is of a group as producers write them: the group of TAXREF,
// the public group, or the class or order itself.
func inGroup(w *taxon.Name, group string) bool {
	if group == "" {
		return false
	}
	f := taxon.Fold(group)
	for _, v := range [...]string{w.Group1, w.Group2, w.Group3, w.Class, w.Order, taxon.GroupOf(w)} {
		if v != "" && taxon.Fold(v) == f {
			return true
		}
	}
	return false
}

// parse takes a name to pieces with the parser of gnames.
func (r *Resolver) parse(text string) (n name, ok bool) {
	p := r.parsers.Get().(*parser)
	defer r.parsers.Put(p)
	d := p.ParseName(strings.Replace(text, " kl. ", " ", 1)) // klepton, a mark the parser has not
	if !d.Parsed || d.Canonical == nil {
		return n, false
	}
	n.full = taxon.Fold(d.Canonical.Full)
	n.key = taxon.NameKey(d.Canonical.Full)
	n.tail = strings.TrimSpace(d.Tail)
	n.hybrid = d.Hybrid != nil && *d.Hybrid == parsed.HybridFormulaAnnot
	if d.Authorship != nil {
		n.author = d.Authorship.Normalized
	}
	return n, n.key != ""
}

// tidy writes a name on one line with single spaces, round brackets and no quotes.
func tidy(s string) string {
	s = strings.Map(func(c rune) rune {
		switch c {
		case '[':
			return '('
		case ']':
			return ')'
		case '"', '«', '»', '“', '”', '*', '†':
			return -1
		case '_':
			return ' '
		}
		return c
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// misleading returns a name all in capitals, or begun by a small letter, as it should be
// written; "" for a name that is well begun.
func misleading(s string) string {
	upper, lower := false, false
	for _, c := range s {
		upper = upper || unicode.IsUpper(c)
		lower = lower || unicode.IsLower(c)
	}
	first, n := utf8.DecodeRuneInString(s)
	switch {
	case upper && !lower && utf8.RuneCountInString(s) > 3:
		return string(first) + strings.ToLower(s[n:])
	case unicode.IsLower(first) && !strings.HasPrefix(s, "x ") && !strings.HasPrefix(s, "cf") && !strings.HasPrefix(s, "aff"):
		return string(unicode.ToUpper(first)) + s[n:]
	}
	return ""
}

// sameAuthor reports whether two authorships may be the same: the years when both tell one,
// and the first author, abbreviated or not.
func sameAuthor(a, b string) bool {
	ya, yb := yearOf(a), yearOf(b)
	if ya != "" && yb != "" && ya != yb {
		return false
	}
	x, y := firstAuthor(a), firstAuthor(b)
	if x == "" || y == "" {
		return false
	}
	return strings.HasPrefix(x, y) || strings.HasPrefix(y, x)
}

func yearOf(s string) string {
	digits := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			digits = 0
			continue
		}
		if digits++; digits == 4 && (i+1 == len(s) || s[i+1] < '0' || s[i+1] > '9') {
			return s[i-3 : i+1]
		}
	}
	return ""
}

// firstAuthor returns the first name of an authorship, folded, without initials.
func firstAuthor(s string) string {
	s = strings.NewReplacer("(", " ", ")", " ", ",", " ", "&", " ", ".", ". ").Replace(taxon.Fold(s))
	initial := ""
	for _, w := range strings.Fields(s) {
		w = strings.TrimSuffix(w, ".")
		switch {
		case w == "linne" || w == "linnaeus":
			return "l"
		case w == "de" || w == "von" || w == "van" || w == "la" || w == "le" || w == "d":
		case len(w) == 1 && w[0] >= 'a' && w[0] <= 'z':
			initial = w
		case w[0] >= 'a' && w[0] <= 'z':
			return w
		default: // a year: the initials were the name ("L., 1753")
			return initial
		}
	}
	return initial
}
