package vaulttest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
	"garrigue/internal/vault"
)

// testTouched makes every kind of change: what reads otherwise afterwards must be among what was touched.
func testTouched(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	d := someDataset(t, db)
	read := func() map[int64]observation.Observation {
		out := map[int64]observation.Observation{}
		for _, o := range all(t, db) {
			out[o.ID] = o
		}
		return out
	}
	var last int64
	check := func(what string, change func()) {
		t.Helper()
		before, since := read(), must(db.Changes(ctx))(t)
		if ids := must(db.Touched(ctx, since, last))(t); len(ids) != 0 {
			t.Errorf("%s: %v touched before", what, ids)
		}
		change()
		after, touched := read(), must(db.Touched(ctx, since, last))(t)
		if !slices.IsSorted(touched) {
			t.Errorf("%s: %v", what, touched)
		}
		n := 0
		for id := int64(1); id <= 10; id++ {
			was, there := before[id]
			now, still := after[id]
			if there != still || cmp.Diff(was, now) != "" {
				n++
				if !slices.Contains(touched, id) {
					t.Errorf("%s: %d changed and is not among %v", what, id, touched)
				}
			}
		}
		if n == 0 {
			t.Errorf("%s: nothing changed", what)
		}
		if len(touched) > n {
			t.Errorf("%s: %d changed, touched %v", what, n, touched)
		}
		for id := range after {
			last = max(last, id)
		}
	}
	check("new", func() { importRows(t, db, row(d, "a", 1), row(d, "b", 2), row(d, "c", 3), row(d, "d", 4)) })
	other := row(d, "b", 2)
	other.Comment = "revu"
	check("content", func() { importRows(t, db, row(d, "a", 1), other, row(d, "e", 5)) })
	classed := row(d, "c", 3)
	classed.Sensitivity, classed.SensList = 2, "L"
	check("class in a batch", func() { importRows(t, db, classed) })
	check("withdrawn", func() {
		b := must(db.Begin(ctx, vault.BatchInfo{File: "suppressions.csv", By: "Camille"}))(t)
		defer b.Rollback()
		must(b.Withdraw(ctx, d, "d"))(t)
		must(b.Commit(ctx, vault.BatchInfo{}))(t)
	})
	check("returned", func() { importRows(t, db, row(d, "d", 4)) })
	check("classed again", func() {
		o := read()[1]
		c := vault.ClassOf(&o)
		c.Level, c.List = sensitivity.Level(3), "L"
		must(db.Reclass(ctx, seq(nil, c)))(t)
	})
	check("placed again", func() {
		o := read()[2]
		o.Place.Commune = 0
		must(db.PutPlaces(ctx, seq[*observation.Observation](nil, &o)))(t)
	})
	since := must(db.Changes(ctx))(t)
	importRows(t, db, other)
	if ids := must(db.Touched(ctx, since, last))(t); len(ids) > 1 { // its place was put back
		t.Errorf("the same again: %v", ids)
	}
	if ids := must(db.Touched(ctx, 0, last))(t); !slices.Equal(ids, []int64{1, 2, 3, 4}) {
		t.Errorf("since the beginning: %v", ids)
	}
	testKeptMark(t, db)
}

// testKeptMark reads a few rows, and writes marks.
func testKeptMark(t *testing.T, db *vault.DB) {
	t.Helper()
	ctx := t.Context()
	var some []int64
	if err := db.ObservationsOf(ctx, grant(), []int64{2, 4, 77}, func(o *observation.Observation) error {
		some = append(some, o.ID)
		return nil
	}); err != nil || !slices.Equal(some, []int64{2, 4}) {
		t.Errorf("%v, %v", some, err)
	}
	if n := must(db.Silent(ctx))(t); n != 0 {
		t.Errorf("%d silent changes", n)
	}
	if m := must(db.Kept(ctx))(t); m != 0 {
		t.Errorf("mark %d", m)
	}
	for _, m := range []int64{12, 7} {
		if err := db.SetKept(ctx, m); err != nil {
			t.Fatal(err)
		}
		if got := must(db.Kept(ctx))(t); got != m {
			t.Errorf("mark %d, not %d", got, m)
		}
	}
}
