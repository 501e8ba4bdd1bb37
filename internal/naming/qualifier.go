package naming

import (
	"strings"

	"garrigue/internal/taxon"
)

// whence says what a qualifier does to a name.
type whence uint8

const (
	whole     whence = iota // nothing that matters
	uncertain               // the word after it is not sure: what stands before is
	aggregate               // a group of species near the one named
	either                  // one of several
	nowhere                 // the first word itself is not sure
	misused                 // the name as others wrongly used it
)

type qualified struct {
	how  whence
	sure string // what is sure, before the qualifier
	rest string // the name without the qualifier
}

// qualify finds the words that field naturalists add to scientific names: "Larus sp.", "Larus
// cf. cachinnans", "Bombus lucorum complex", "Turdus philomelos/viscivorus".
func qualify(text string) qualified {
	if strings.HasSuffix(text, "?") {
		rest := strings.TrimSpace(strings.TrimRight(text, "?"))
		return qualified{uncertain, above(rest), rest}
	}
	words := strings.Fields(text)
	for i, w := range words {
		low := strings.ToLower(strings.Trim(w, "(),"))
		before, after := strings.Join(words[:i], " "), strings.Join(words[i+1:], " ")
		rest := strings.TrimSpace(before + " " + after)
		switch low {
		case "cf.", "cf", "aff.", "aff", "nr.", "prox.", "conf.", "?":
			if i == 0 {
				return qualified{nowhere, "", rest}
			}
			return qualified{uncertain, before, rest}
		case "sp.", "sp", "spp.", "spp", "spec.", "species", "indet.", "indet", "indéterminé", "indéterminée", "indetermine",
			"indeterminee", "ssp", "sp.1", "sp1":
			if i > 0 {
				if low == "ssp" && i > 1 && after != "" { // a mark of rank
					continue
				}
				return qualified{uncertain, strings.TrimSuffix(strings.TrimSuffix(before, " gen."), " Gen."), rest}
			}
		case "gr.", "gr", "grp.", "grp", "group", "groupe", "complex", "complexe", "aggr.", "aggr", "agg.", "agg", "s.l", "s.l.", "sl":
			if i == 0 {
				continue
			}
			if low == "s.l" || low == "s.l." || low == "sl" {
				return qualified{whole, "", before}
			}
			return qualified{aggregate, above(rest), rest}
		case "sensu", "s.":
			if i > 1 && (strings.HasPrefix(after, "lat") || strings.HasPrefix(after, "stric") || strings.HasPrefix(after, "str.")) {
				return qualified{whole, "", before}
			}
			if i > 1 && low == "sensu" {
				return qualified{misused, "", before}
			}
		case "s.str.", "s.s.", "s.str":
			return qualified{whole, "", before}
		case "auct.", "auct", "auctt.":
			if i > 1 {
				return qualified{misused, "", before}
			}
		case "ou", "or", "/":
			if i > 0 && after != "" {
				return qualified{either, shared(before, after), before}
			}
		}
		if a, b, ok := strings.Cut(w, "/"); ok && a != "" && b != "" && i > 0 {
			return qualified{either, shared(strings.TrimSpace(before+" "+a), strings.TrimSpace(b+" "+after)), rest}
		}
	}
	return qualified{whole, "", text}
}

// above returns what stands above a name: the species of a subspecies, the genus of a species.
func above(name string) string {
	words := strings.Fields(taxon.NameKey(name))
	switch {
	case len(words) > 2 && words[len(words)-1] != "agg" && isEpithet(name, 2):
		return strings.Join(words[:2], " ")
	case len(words) > 1:
		return words[0]
	}
	return ""
}

// isEpithet reports whether a word of a name begins with a small letter.
func isEpithet(name string, i int) bool {
	words := strings.Fields(name)
	return i < len(words) && words[i][0] >= 'a' && words[i][0] <= 'z'
}

// shared returns what two names written one after the other share: the genus, or "". The
// second may leave it out.
func shared(a, b string) string {
	x, y := strings.Fields(a), strings.Fields(b)
	if len(x) < 2 || len(y) == 0 {
		return ""
	}
	if isEpithet(b, 0) || y[0] == x[0] || len(y[0]) == 2 && y[0][1] == '.' && y[0][0] == x[0][0] {
		return x[0]
	}
	return ""
}

// qualified resolves a name with a qualifier: what is sure of it, and the finding that it was
// raised; the aggregate itself where TAXREF has it.
func (r *Resolver) qualified(q qualified, g *Given) Answer {
	inner := *g
	inner.Author = ""
	switch q.how {
	case aggregate:
		n, ok := r.parse(q.rest)
		if !ok {
			return Answer{}
		}
		if found := r.taxa.Scientific(n.key + " agg"); len(found) > 0 {
			return r.choose(found, &name{}, g, ByParsed)
		}
		genus, _, _ := strings.Cut(n.key, " ")
		return r.raised(genus, q.rest, &inner)
	case uncertain, either:
		if q.sure == "" {
			return Answer{Candidates: r.namesOf(q.rest, ReasonName)}
		}
		sure := q.sure
		if n, ok := r.parse(sure); ok && n.tail == "" { // past the author, when it has one
			sure = n.key
		}
		return r.raised(sure, q.rest, &inner)
	case misused:
		return Answer{Candidates: r.namesOf(q.rest, ReasonMisapplied)}
	}
	return Answer{Candidates: r.namesOf(q.rest, ReasonName)}
}

// raised raises, or gives what the rest of the name may be.
func (r *Resolver) raised(to, rest string, g *Given) Answer {
	a := r.raise(to, g)
	if a.Outcome == Unknown {
		a.Candidates = r.namesOf(rest, ReasonNear)
	}
	return a
}

// namesOf returns the candidates of a name without its qualifier.
func (r *Resolver) namesOf(text string, why Reason) []Candidate {
	n, ok := r.parse(text)
	if !ok {
		return nil
	}
	if found := r.taxa.Scientific(n.key); len(found) > 0 {
		return r.candidates(found, why)
	}
	if !r.suggest {
		return nil
	}
	return r.candidates(r.taxa.Near(n.key, 5), ReasonNear)
}

// vernacular resolves a French name, else an English one.
func (r *Resolver) vernacular(text string, g *Given) Answer {
	folded := taxon.Fold(text)
	forms := []string{folded}
	if without := noArticle(folded); without != folded {
		forms = append(forms, without)
	}
	if i := strings.LastIndexByte(folded, '('); i > 0 { // "Pinson des arbres (Le)"
		forms = append(forms, strings.TrimSpace(folded[:i]))
	}
	for _, f := range forms {
		for _, find := range [...]func(string) []taxon.CdNom{r.taxa.French, r.taxa.English} {
			found := find(f)
			if len(found) == 0 {
				continue
			}
			a := r.choose(found, &name{}, g, ByVernacular)
			switch a.Outcome {
			case Matched:
				a.Notes = append(a.Notes, Vernacular)
			case Ambiguous:
				for i := range a.Candidates {
					a.Candidates[i].Reason = ReasonVernacular
				}
			}
			return a
		}
	}
	return Answer{}
}

func noArticle(folded string) string {
	for _, a := range [...]string{"le ", "la ", "les ", "l ", "un ", "une ", "the "} {
		if rest, ok := strings.CutPrefix(folded, a); ok && rest != "" {
			return rest
		}
	}
	return folded
}
