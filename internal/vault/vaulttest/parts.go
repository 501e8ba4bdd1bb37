package vaulttest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/observation"
	"garrigue/internal/vault"
)

// testParts reads a vault through several connections: each observation once, in order inside
// a part and from part to part, and nothing more once one of them fails.
func testParts(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	read := func(parts int) (ids []int64) {
		t.Helper()
		by := make([][]int64, parts)
		if err := db.ObservationsInParts(ctx, grant(), parts, func(part int, o *observation.Observation) error {
			by[part] = append(by[part], o.ID)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return slices.Concat(by...)
	}
	if got := read(2); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
	d := someDataset(t, db)
	var rows []*observation.Observation
	for i := range 40 {
		rows = append(rows, row(d, fmt.Sprint("k", i), i))
	}
	importRows(t, db, rows...)
	b := must(db.Begin(ctx, vault.BatchInfo{File: "suppressions.csv", By: "Camille"}))(t)
	defer b.Rollback()
	must(b.Withdraw(ctx, d, "k7"))(t)
	must(b.Commit(ctx, vault.BatchInfo{}))(t)
	want := read(1)
	if len(want) != 39 || !slices.IsSorted(want) {
		t.Fatalf("%v", want)
	}
	for _, parts := range []int{2, 3, 7, 60} {
		if got := read(parts); !slices.Equal(got, want) {
			t.Errorf("%d parts: %v", parts, got)
		}
	}
	stop := errors.New("enough")
	if err := db.ObservationsInParts(ctx, grant(), 2, func(part int, o *observation.Observation) error {
		if part == 1 {
			return stop
		}
		return nil
	}); !errors.Is(err, stop) {
		t.Errorf("a part that fails: %v", err)
	}
	if err := db.ObservationsInParts(ctx, disclosure.Grant{}, 2, nil); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("without a grant: %v", err)
	}
}
