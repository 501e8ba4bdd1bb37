package publish

import (
	"cmp"
	"context"
	"math"
	"slices"

	"garrigue/internal/atlas"
	"garrigue/internal/civil"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// rules tells the settled policy and the lists of the vault, for the snapshot.
func (r *run) rules(ctx context.Context, areas []geo.Area) (*atlas.Rules, error) {
	lists, rules, err := r.db.Sensitivity(ctx)
	if err != nil {
		return nil, err
	}
	return Describe(&r.Policy, lists, rules, areas), nil
}

// Describe tells a settled policy and lists as anyone may read them; areas are those of the
// territory.
func Describe(p *disclosure.Policy, lists []sensitivity.List, rules []sensitivity.Rule, areas []geo.Area) *atlas.Rules {
	out := &atlas.Rules{Version: p.Version, Mesh: p.Mesh.String(), Dates: dates(p.BlurredDates), Lists: []atlas.RuleList{},
		Batch: atlas.RuleBatch{Every: cmp.Or(p.Batch.Every, "day"), Minimum: p.Batch.Minimum}}
	if p.From != 0 && p.From != civil.NoDate {
		out.Since = p.From.String()
	}
	var departments []string
	for i := range areas {
		if k := areas[i].Key; k.Kind() == geo.Department {
			departments = append(departments, k.Code())
		}
	}
	slices.Sort(departments)
	book := sensitivity.NewBook(lists, rules)
	used, taxa := map[string]map[sensitivity.Level]bool{}, map[string]map[taxon.CdNom]bool{}
	for i := range rules {
		if r := &rules[i]; r.Level > 0 {
			if used[r.List] == nil {
				used[r.List], taxa[r.List] = map[sensitivity.Level]bool{}, map[taxon.CdNom]bool{}
			}
			used[r.List][r.Level], taxa[r.List][r.CdNom] = true, true
		}
	}
	for _, l := range lists {
		if in := book.InForce(l.ID, departments); len(in) > 0 {
			out.Lists = append(out.Lists, atlas.RuleList{ID: l.ID, Name: l.Name, Version: l.Version, Citation: l.Citation,
				Region: l.Region, Departments: in, Taxa: len(taxa[l.ID])})
		}
	}
	slices.SortFunc(out.Lists, func(a, b atlas.RuleList) int { return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.ID, b.ID)) })
	out.Levels = ruleLevels(p, out.Lists, used)
	out.Kinds = ruleKinds(p, out.Levels, areas)
	return out
}

// ruleLevels lists what levels are worth: 1 to 4 and the others that a list in force or the
// policy names, for every list; then, of each list, those it means otherwise.
func ruleLevels(p *disclosure.Policy, lists []atlas.RuleList, used map[string]map[sensitivity.Level]bool) []atlas.RuleLevel {
	every := map[sensitivity.Level]bool{1: true, 2: true, 3: true, sensitivity.Nothing: true}
	named := map[string]map[sensitivity.Level]bool{}
	name := func(list string, l sensitivity.Level) {
		if named[list] == nil {
			named[list] = map[sensitivity.Level]bool{}
		}
		named[list][l] = true
	}
	for _, l := range lists {
		for level := range used[l.ID] {
			name(l.ID, level)
		}
	}
	for _, r := range p.Scale {
		if r.List == "" {
			every[r.Level] = true
		}
	}
	for _, levels := range named {
		for level := range levels {
			every[level] = true
		}
	}
	out := []atlas.RuleLevel{}
	add := func(list string, levels map[sensitivity.Level]bool) {
		order := make([]sensitivity.Level, 0, len(levels))
		for l := range levels {
			if list == "" || !slices.Equal(p.KindsOf(list, l), p.Kinds(l)) {
				order = append(order, l)
			}
		}
		slices.SortFunc(order, func(a, b sensitivity.Level) int {
			return cmp.Or(cmp.Compare(p.Rank(list, a), p.Rank(list, b)), cmp.Compare(a, b))
		})
		for _, l := range order {
			kinds := []string{}
			for _, k := range p.KindsOf(list, l) {
				kinds = append(kinds, k.String())
			}
			out = append(out, atlas.RuleLevel{List: list, Code: l.String(), Kinds: kinds})
		}
	}
	add("", every)
	for _, l := range lists {
		add(l.ID, named[l.ID])
	}
	return out
}

// ruleKinds gives the mean surfaces of the mesh and of the kinds that levels name.
func ruleKinds(p *disclosure.Policy, levels []atlas.RuleLevel, areas []geo.Area) []atlas.RuleKind {
	mean := disclosure.MeanSurfaces(areas)
	out := []atlas.RuleKind{}
	add := func(name string) {
		if slices.ContainsFunc(out, func(k atlas.RuleKind) bool { return k.Kind == name }) {
			return
		}
		k, _ := geo.ParseKind(name)
		surface := mean(k)
		if m := float64(k.Mesh()) * 1000; m > 0 {
			surface = m * m
		}
		out = append(out, atlas.RuleKind{Kind: name, Surface: math.Round(surface)})
	}
	add(p.Mesh.String())
	for _, l := range levels {
		for _, k := range l.Kinds {
			add(k)
		}
	}
	slices.SortStableFunc(out, func(a, b atlas.RuleKind) int { return cmp.Compare(a.Surface, b.Surface) })
	return out
}

// dates names how finely dates are told.
func dates(p observation.Precision) string {
	switch p {
	case observation.Day:
		return "day"
	case observation.Month:
		return "month"
	}
	return "year"
}

// PolicyTold is a policy settled on the territory of a vault, with the vault's lists.
type PolicyTold struct {
	*atlas.Rules
	// ByDepartment are the lists in force in each, and those that do not hold there.
	ByDepartment []DepartmentLists `json:"departments"`
}

// PolicyOf settles a policy on the territory of a vault. Errors: Invalid when it has no sense there,
// those of the vault.
func PolicyOf(ctx context.Context, db *vault.DB, p disclosure.Policy) (told *PolicyTold, err error) {
	defer fault.Wrap(&err, "publish.PolicyOf")
	r := newRun(db, Options{Policy: p})
	if err := r.outlines(ctx, &r.refs); err != nil {
		return nil, err
	}
	lists, rules, err := db.Sensitivity(ctx)
	if err != nil {
		return nil, err
	}
	return &PolicyTold{Describe(&r.Policy, lists, rules, r.refs.Areas), ListsByDepartment(lists, rules, r.refs.Areas)}, nil
}

// DepartmentLists are the lists of sensitive taxa of a department.
type DepartmentLists struct {
	Code     string   `json:"code"`
	Name     string   `json:"name"`
	InForce  []string `json:"in_force"`           // IDs
	Replaced []string `json:"replaced,omitempty"` // national lists that a region's list stands instead of
}

// ListsByDepartment tells which lists are in force where, by code of department.
func ListsByDepartment(lists []sensitivity.List, rules []sensitivity.Rule, areas []geo.Area) []DepartmentLists {
	together := sensitivity.NewBook(lists, rules)
	alone := map[string]*sensitivity.Book{}
	for _, l := range lists {
		var own []sensitivity.Rule
		for i := range rules {
			if rules[i].List == l.ID {
				own = append(own, rules[i])
			}
		}
		alone[l.ID] = sensitivity.NewBook([]sensitivity.List{l}, own)
	}
	out := []DepartmentLists{}
	for i := range areas {
		if areas[i].Key.Kind() != geo.Department {
			continue
		}
		d := DepartmentLists{Code: areas[i].Key.Code(), Name: areas[i].Name, InForce: []string{}}
		for _, l := range lists {
			switch {
			case len(together.InForce(l.ID, []string{d.Code})) > 0:
				d.InForce = append(d.InForce, l.ID)
			case len(alone[l.ID].InForce(l.ID, []string{d.Code})) > 0:
				d.Replaced = append(d.Replaced, l.ID)
			}
		}
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b DepartmentLists) int { return cmp.Compare(a.Code, b.Code) })
	return out
}
