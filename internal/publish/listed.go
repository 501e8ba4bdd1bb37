package publish

import (
	"slices"

	"garrigue/internal/atlas"
	"garrigue/internal/civil"
	"garrigue/internal/geo"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
)

// namedBy are the codes that rules name, each once.
func namedBy(rules []sensitivity.Rule) []taxon.CdNom {
	out := make([]taxon.CdNom, 0, len(rules))
	for i := range rules {
		out = append(out, rules[i].CdNom)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// listings tells the sheets what lists ask for a taxon, and which taxa are named by them: from the
// lists, the policy and the taxonomy, never from an observation. The policy is settled.
func (r *run) listings(named []taxon.CdNom) {
	l := listings{book: r.Policy.Book(r.book), policy: r.kindsOf, today: r.Policy.Today, taxonomy: r.refs.Taxonomy}
	for i := range r.refs.Areas {
		if k := r.refs.Areas[i].Key; k.Kind() == geo.Department {
			l.departments = append(l.departments, k.Code())
		}
	}
	slices.Sort(l.departments)
	r.refs.Listings = l.of
	seen := map[taxon.CdRef]bool{}
	for _, cd := range named {
		m, ok := l.taxonomy.Resolve(cd)
		if !ok || seen[m.CdRef] {
			continue
		}
		seen[m.CdRef] = true
		if len(l.of(m.CdRef)) > 0 {
			r.refs.Listed = append(r.refs.Listed, m.CdRef)
		}
	}
	slices.Sort(r.refs.Listed)
}

// kindsOf names the kinds at which the policy shows a level of a list.
func (r *run) kindsOf(list string, level sensitivity.Level) []string {
	out := []string{}
	for _, k := range r.Policy.KindsOf(list, level) {
		out = append(out, k.String())
	}
	return out
}

// listings answers what lists ask for a taxon on a territory.
type listings struct {
	book        *sensitivity.Book
	policy      func(list string, level sensitivity.Level) []string
	today       civil.Date
	taxonomy    *taxon.Taxonomy
	departments []string
}

// of asks the book for each department, as for an observation that tells nothing but its taxon:
// the strictest that may be asked there.
func (l *listings) of(cd taxon.CdRef) []atlas.Listing {
	lineage := l.taxonomy.Lineage(taxon.CdNom(cd))
	if !l.book.Names(lineage...) {
		return nil
	}
	var out []atlas.Listing
	ask := func(departments ...string) {
		res := l.book.Evaluate(sensitivity.Facts{Lineage: lineage, Departments: departments, Start: civil.NoDate, Date: civil.NoDate, Today: l.today})
		if res.Level == 0 {
			return
		}
		i := slices.IndexFunc(out, func(o atlas.Listing) bool { return o.List == res.List && o.Level == res.Level.String() })
		if i < 0 {
			i = len(out)
			out = append(out, atlas.Listing{List: res.List, Level: res.Level.String(), Kinds: l.policy(res.List, res.Level),
				Varies: l.book.Varies(res.List, lineage), By: l.by(lineage)})
		}
		out[i].Departments = append(out[i].Departments, departments...)
	}
	for _, d := range l.departments {
		ask(d)
	}
	if len(l.departments) == 0 {
		ask()
	}
	if len(out) == 1 && len(out[0].Departments) == len(l.departments) {
		out[0].Departments = nil // everywhere
	}
	return out
}

// by is the scientific name of the higher taxon that lists name, "" when they name this one.
func (l *listings) by(lineage []taxon.CdNom) string {
	for _, cd := range lineage {
		if !l.book.Names(cd) {
			continue
		}
		own, ok := l.taxonomy.Resolve(lineage[0])
		named, found := l.taxonomy.Resolve(cd)
		if n, ok2 := l.taxonomy.Valid(named.CdRef); ok && found && ok2 && named.CdRef != own.CdRef {
			return n.ScientificName
		}
		return ""
	}
	return ""
}
