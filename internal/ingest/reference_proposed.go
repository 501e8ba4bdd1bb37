package ingest

import (
	"context"
	"slices"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/sensitivity"
	"garrigue/internal/vault"
)

// ProposedLists is what sensitivity lists would be once a file is loaded.
type ProposedLists struct {
	Lists []sensitivity.List
	Rules []sensitivity.Rule
	// Brought, Replaced and Gone are IDs of lists: those of the file, those among them that the
	// vault has now, and those that an older version of the same file had and this one has not.
	Brought, Replaced, Gone []string
}

// ProposeSensitivity reads a file of sensitivity lists or rules as LoadReference would and tells
// what would then be in force, writing nothing. Errors are those of LoadReference.
func ProposeSensitivity(ctx context.Context, db *vault.DB, path string, o ReferenceOptions) (p ProposedLists, err error) {
	defer fault.Wrap(&err, "ingest.ProposeSensitivity")
	l, err := openReference(db, refSensitivity, path, o)
	if err != nil {
		return p, err
	}
	defer l.file.Close()
	t, err := l.open("")
	if err != nil {
		return p, err
	}
	if !refFits(refSensitivity, t.shape) {
		return p, l.wrongKind(t)
	}
	known, rules, err := db.Sensitivity(ctx)
	if err != nil {
		return p, err
	}
	files, err := db.ListFiles(ctx)
	if err != nil {
		return p, err
	}
	lists, brought, err := l.proposed(ctx, t, rules)
	if err != nil {
		return p, err
	}
	here := map[string]bool{}
	for _, list := range lists {
		here[list.ID] = true
		p.Brought = append(p.Brought, list.ID)
	}
	slices.Sort(p.Brought)
	gone := map[string]bool{}
	for _, k := range known {
		switch {
		case here[k.ID]:
			p.Replaced = append(p.Replaced, k.ID)
		case files[k.ID] == l.ref.Name:
			gone[k.ID] = true
			p.Gone = append(p.Gone, k.ID)
		default:
			p.Lists = append(p.Lists, k)
		}
	}
	p.Lists = append(p.Lists, lists...)
	slices.SortFunc(p.Lists, func(a, b sensitivity.List) int { return strings.Compare(a.ID, b.ID) })
	for _, r := range rules {
		if !here[r.List] && !gone[r.List] {
			p.Rules = append(p.Rules, r)
		}
	}
	p.Rules = append(p.Rules, brought...)
	return p, nil
}

// proposed returns the lists of a file and their rules: those of the vault when it only
// describes lists.
func (l *refLoader) proposed(ctx context.Context, t *refTable, known []sensitivity.Rule) (lists []sensitivity.List, rules []sensitivity.Rule, err error) {
	if t.shape == shapeLists {
		if lists, err = collectLists(t); err != nil {
			return nil, nil, err
		}
		described := map[string]bool{}
		for _, list := range lists {
			described[list.ID] = true
		}
		for _, r := range known {
			if described[r.List] {
				rules = append(rules, r)
			}
		}
		return lists, rules, nil
	}
	beside, err := l.listsBeside(ctx)
	if err != nil {
		return nil, nil, err
	}
	used := map[string]bool{}
	for r, err := range l.sensitivityRules(t) {
		if err != nil {
			return nil, nil, err
		}
		if rules = append(rules, r); used[r.List] {
			continue
		}
		used[r.List] = true
		list, ok := beside[r.List]
		if !ok {
			list = l.undescribed(r.List)
		}
		lists = append(lists, list)
	}
	return lists, rules, nil
}
