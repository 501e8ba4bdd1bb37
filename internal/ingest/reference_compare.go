package ingest

import (
	"context"
	"fmt"
	"hash/fnv"
	"iter"
	"os"
	"path/filepath"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// ReferenceDiff counts what loading a file of a reference would change among the rows that
// the same reference has now.
type ReferenceDiff struct {
	Rows    int         `json:"rows"` // of the file
	Before  int         `json:"before"`
	Added   int         `json:"added"`
	Removed int         `json:"removed"`
	Changed int         `json:"changed"`
	Taxref  *TaxrefDiff `json:"taxref,omitempty"`
}

// DiffReference reads a file whole, as LoadReference would, and compares it with what the
// vault holds, writing nothing. Statuses and codes are compared with those of the reference of
// the same name, areas with those of their kind, rules with those of their lists. Errors are
// those of LoadReference: a file that this accepts can be loaded.
func DiffReference(ctx context.Context, db *vault.DB, kind, path string, o ReferenceOptions) (d ReferenceDiff, err error) {
	defer fault.Wrap(&err, "ingest.DiffReference(%s)", kind)
	if kind == refTaxref {
		t, err := DiffTaxref(ctx, db, path, o)
		if err != nil {
			return d, err
		}
		d = ReferenceDiff{Rows: t.NamesAfter, Before: t.NamesBefore, Added: t.Added, Removed: t.Removed, Taxref: t}
		for _, n := range t.Changes {
			d.Changed += n
		}
		return d, nil
	}
	l, err := openReference(db, kind, path, o)
	if err != nil {
		return d, err
	}
	defer l.file.Close()
	before, after := contents{}, contents{}
	if kind == refAreas {
		err = l.tallyAreas(ctx, before, after)
	} else {
		err = l.tallyTable(ctx, before, after)
	}
	if err != nil {
		return d, err
	}
	for k, v := range after {
		d.Rows += v.rows
		was, ok := before[k]
		switch {
		case !ok:
			d.Added += v.rows
		case was != v:
			d.Changed += v.rows
		}
	}
	for k, v := range before {
		d.Before += v.rows
		if _, ok := after[k]; !ok {
			d.Removed += v.rows
		}
	}
	return d, nil
}

// contents is what rows say, by what tells them apart.
type contents map[string]said

type said struct {
	rows    int
	content uint64
}

func (t contents) add(key string, content ...any) {
	s := t[key]
	h := fnv.New64a()
	fmt.Fprint(h, content...)
	s.rows++
	s.content += h.Sum64() // rows of one key in any order
	t[key] = s
}

func addAll[T any](t contents, rows iter.Seq2[T, error], f func(T) (key string, content any)) error {
	for r, err := range rows {
		if err != nil {
			return err
		}
		k, c := f(r)
		t.add(k, c)
	}
	return nil
}

func (l *refLoader) tallyAreas(ctx context.Context, before, after contents) error {
	if l.o.AreaKind == geo.NoKind {
		return fault.Say(fault.Invalid, "reference.file.area_kind", l.name)
	}
	area := func(a geo.Area) (string, any) { return a.Key.Code(), fmt.Sprint(a.Name, a.Parent, a.Geometry) }
	known, err := l.db.Areas(ctx, l.o.AreaKind)
	if err != nil {
		return err
	}
	for _, a := range known {
		k, c := area(a)
		before.add(k, c)
	}
	return addAll(after, l.areaRows(ctx), area)
}

func (l *refLoader) tallyTable(ctx context.Context, before, after contents) error {
	t, err := l.open("")
	if err != nil {
		return err
	}
	if !refFits(l.kind, t.shape) {
		return l.wrongKind(t)
	}
	switch t.shape {
	case shapeSensitivity:
		rule := func(r sensitivity.Rule) (string, any) {
			return fmt.Sprint(r.List, "|", r.CdNom, "|", r.Department, "|", r.Area, "|", r.From, "|", r.To, "|", r.BioStatus, "|", r.Behaviour, "|",
				r.LifeStage, "|", r.Condition), [2]int{int(r.Level), r.Years}
		}
		lists := map[string]bool{}
		if err := addAll(after, l.sensitivityRules(t), func(r sensitivity.Rule) (string, any) { lists[r.List] = true; return rule(r) }); err != nil {
			return err
		}
		_, rules, err := l.db.Sensitivity(ctx)
		for _, r := range rules {
			if lists[r.List] {
				k, c := rule(r)
				before.add(k, c)
			}
		}
		return err
	case shapeVisioNature:
		code := func(c vault.Code) (string, any) { return c.Code, c.CdNom }
		known, err := l.db.Codes(ctx, vault.VisioNature)
		if err != nil {
			return err
		}
		for c, cd := range known {
			before.add(c, cd)
		}
		return addAll(after, visioNatureCodes(t), code)
	case shapeLists:
		lists, err := collectLists(t)
		for _, x := range lists {
			after.add(x.ID, x)
		}
		return err
	}
	status := func(s taxon.Status) (string, any) {
		return fmt.Sprint(s.CdRef, "|", s.Type, "|", s.Territory, "|", s.Label, "|", s.Citation), s
	}
	if err := addAll(before, l.db.StatusesOf(ctx, l.ref.Name), status); err != nil {
		return err
	}
	rows, _, err := l.statusRows(ctx, t)
	if err != nil {
		return err
	}
	return addAll(after, rows, status)
}

// CheckReference tells whether a downloaded file is what a zip, a table or GeoJSON must be:
// Invalid, with a sentence, for a page of a web site sent in its place.
func CheckReference(path string) (err error) {
	defer fault.Wrap(&err, "ingest.CheckReference")
	f, err := os.Open(path)
	if err != nil {
		return fault.Say(fault.NotFound, "reference.file.missing", filepath.Base(path)).Because(err)
	}
	defer f.Close()
	head := make([]byte, 512)
	n, _ := f.Read(head) // an empty file is told by what reads it
	if firstByte(head[:n]) == '<' {
		return fault.Say(fault.Invalid, "reference.file.page", filepath.Base(path))
	}
	return nil
}
