package ingest

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/sensitivity"
	"garrigue/internal/vault"
)

// putSensitivity stores rules with the lists they belong to. What is known of a list comes
// from the file of lists, given or found beside, then from the vault; a list nobody
// describes is known by its code, and stands apart.
func (l *refLoader) putSensitivity(ctx context.Context, t *refTable) (vault.Reference, error) {
	described, err := l.listsBeside(ctx)
	if err != nil {
		return vault.Reference{}, err
	}
	var rules []sensitivity.Rule
	used := map[string]bool{}
	for r, err := range l.sensitivityRules(t) {
		if err != nil {
			return vault.Reference{}, err
		}
		rules = append(rules, r)
		used[r.List] = true
	}
	var lists []sensitivity.List
	for id := range used {
		list, ok := described[id]
		if !ok {
			list = l.undescribed(id)
		}
		lists = append(lists, list)
	}
	slices.SortFunc(lists, func(a, b sensitivity.List) int { return strings.Compare(a.ID, b.ID) })
	return l.db.PutSensitivity(ctx, l.ref, lists, func(yield func(sensitivity.Rule, error) bool) {
		for _, r := range rules {
			if !yield(r, nil) {
				return
			}
		}
	})
}

// undescribed is a list of which nothing but its code is known: it stands apart, since
// nobody says that it is the national list, which those of regions replace. The national file of
// rules is one such: it has national and regional rules, each for its departments.
func (l *refLoader) undescribed(id string) sensitivity.List {
	return sensitivity.List{ID: id, Name: id, Version: l.ref.Version, Region: sensitivity.Apart}
}

// listsBeside returns what is known of the lists: the vault's, then those of a file.
func (l *refLoader) listsBeside(ctx context.Context) (map[string]sensitivity.List, error) {
	lists := map[string]sensitivity.List{}
	known, _, err := l.db.Sensitivity(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range known {
		lists[k.ID] = k
	}
	paths := []string{l.o.Lists}
	if l.o.Lists == "" {
		dir := filepath.Dir(l.path)
		paths, _ = filepath.Glob(filepath.Join(dir, "*listes*.csv")) // the pattern is sound
	}
	for _, p := range paths {
		read, err := readLists(p)
		if err != nil {
			if l.o.Lists == "" {
				continue // some other file of that name
			}
			return nil, err
		}
		for _, r := range read {
			lists[r.ID] = r
		}
	}
	return lists, nil
}

func readLists(path string) (_ []sensitivity.List, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	t, err := openRefTable(f, info.Size(), filepath.Base(path), "")
	if err != nil {
		return nil, err
	}
	if t.shape != shapeLists {
		return nil, fault.Say(fault.Invalid, "reference.file.expected_lists", filepath.Base(path))
	}
	return collectLists(t)
}

var markup = regexp.MustCompile(`<[^>]*>`)

func collectLists(t *refTable) (lists []sensitivity.List, err error) {
	for {
		switch err := t.next(); {
		case err == io.EOF:
			return lists, nil
		case err != nil:
			return nil, err
		}
		l := sensitivity.List{ID: t.get("cdsl"), Name: t.get("shortcitation"), Version: t.get("dateliste"),
			Citation: strings.TrimSpace(markup.ReplaceAllString(t.get("fullcitation"), "")), Region: t.get("cdinseeregancienne", "cdinseereg")}
		if l.ID == "" {
			return nil, t.bad("cd_sl", "")
		}
		if len(l.Region) == 1 {
			l.Region = "0" + l.Region
		}
		lists = append(lists, l)
	}
}

// putLists stores the description of lists alone: the rules the vault has of them stay.
func (l *refLoader) putLists(ctx context.Context, t *refTable) (vault.Reference, error) {
	lists, err := collectLists(t)
	if err != nil {
		return vault.Reference{}, err
	}
	_, rules, err := l.db.Sensitivity(ctx)
	if err != nil {
		return vault.Reference{}, err
	}
	described := map[string]bool{}
	for _, list := range lists {
		described[list.ID] = true
	}
	return l.db.PutSensitivity(ctx, l.ref, lists, func(yield func(sensitivity.Rule, error) bool) {
		for _, r := range rules {
			if described[r.List] && !yield(r, nil) {
				return
			}
		}
	})
}
