package ingest

import (
	"context"
	"io"
	"iter"
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
// describes is known by its code.
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
			list = sensitivity.List{ID: id, Name: id, Version: l.ref.Version}
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

// sensitivityRules reads rules in the national shape (RefSensibilite) and in GINCO's.
func (l *refLoader) sensitivityRules(t *refTable) iter.Seq2[sensitivity.Rule, error] {
	list := strings.TrimSuffix(l.name, filepath.Ext(l.name))
	return refRows(t, func() (r sensitivity.Rule, ok bool, err error) {
		if r.CdNom, err = t.code("cdnom"); err != nil || r.CdNom == 0 {
			return r, false, err
		}
		code := t.get("codage", "cdsensibilite")
		if r.Level, ok = sensitivityLevel(code); !ok {
			return r, false, t.bad("codage", code)
		}
		if r.List = t.get("cdsl"); r.List == "" {
			r.List = list
		}
		r.Department = department(t.get("cddept", "cddep"))
		if d := t.get("duree"); d != "" {
			if r.Years, ok = refCode(d); !ok || r.Years < 0 {
				return r, false, t.bad("duree", d)
			}
			if r.Years >= 1000 {
				r.Years = 0 // GeoNature writes 10000 for ever
			}
		}
		r.Behaviour = t.get("comportement", "occcomportement")
		r.BioStatus = t.get("statutbiologique", "cdoccstatutbiologique", "occstatutbiologique")
		switch r.BioStatus {
		case "6", "7", "8", "10", "11", "12":
			// Frozen in v2.0 of the standard, where they became behaviours of the same code.
			if r.Behaviour == "" {
				r.BioStatus, r.Behaviour = "", r.BioStatus
			}
		case "0", "1", "2":
			r.BioStatus = "" // "unknown" limits nothing
		}
		r.Condition = strings.Join(strings.Fields(t.get("autre")), " ")
		return r, true, nil
	})
}

// sensitivityLevel reads CODAGE. The levels by cells (2.1 to 2.8; the only transposition
// found is AURA's) are taken to the coarser of the four levels that is not finer.
func sensitivityLevel(code string) (sensitivity.Level, bool) {
	switch code {
	case "0":
		return 0, true
	case "1":
		return 1, true
	case "2", "2.1", "2.2", "2.3", "2.4":
		return 2, true
	case "3", "2.5", "2.6", "2.7":
		return 3, true
	case "4", "2.8":
		return 4, true
	}
	return 0, false
}

// department gives a department code its leading zero; D3 and D4 are Guyane and La Réunion.
func department(code string) string {
	switch code = strings.ToUpper(code); code {
	case "D1", "D2", "D3", "D4", "D6":
		return "97" + code[1:]
	}
	if len(code) == 1 && code[0] >= '0' && code[0] <= '9' {
		return "0" + code
	}
	return code
}
