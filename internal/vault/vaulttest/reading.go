package vaulttest

import (
	"context"
	"errors"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"garrigue/internal/dataset"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/observation"
	"garrigue/internal/vault"
)

func grantOf(who, reason string) disclosure.Grant {
	return disclosure.Grant{Who: who, Reason: reason}
}

func datasetNamed(name string) dataset.Dataset { return dataset.Dataset{Name: name} }

func testIsolation(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	d := someDataset(t, db)
	b := must(db.Begin(ctx, vault.BatchInfo{File: "f"}))(t)
	defer b.Rollback()
	must(b.Put(ctx, row(d, "a", 1)))(t)
	check(t, b.Reject(ctx, vault.Reject{Line: 1}))
	if n := count(t, db); n != 0 {
		t.Errorf("a reader sees %d rows of an open batch", n)
	}
	if list := must(db.Batches(ctx, 0))(t); len(list) != 0 {
		t.Errorf("a reader sees %d open batches", len(list))
	}
	must(b.Commit(ctx, vault.BatchInfo{}))(t)
	if n := count(t, db); n != 1 {
		t.Errorf("%d rows after Commit", n)
	}
}

func testRollback(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	d := someDataset(t, db)
	importRows(t, db, row(d, "a", 1))
	b := must(db.Begin(ctx, vault.BatchInfo{}))(t)
	changed := row(d, "a", 1)
	changed.Comment = "autre"
	must(b.Put(ctx, changed))(t)
	must(b.Put(ctx, row(d, "b", 1)))(t)
	check(t, b.Rollback())
	check(t, b.Rollback())
	if list := all(t, db); len(list) != 1 || list[0].Comment != "" {
		t.Errorf("%d rows after Rollback", len(list))
	}
	if got := importRows(t, db, row(d, "b", 1)); got[0] != vault.Created {
		t.Errorf("outcome %v", got)
	}
	if list := must(db.Batches(ctx, 0))(t); len(list) != 2 || list[0].ID != 2 {
		t.Errorf("numbers are given back with the batch: %+v", list)
	}
}

func testCancel(t *testing.T, open func(t *testing.T) *vault.DB) {
	db := open(t)
	d := someDataset(t, db)
	ctx, cancel := context.WithCancel(t.Context())
	b := must(db.Begin(ctx, vault.BatchInfo{}))(t)
	must(b.Put(ctx, row(d, "a", 1)))(t)
	cancel()
	if _, err := b.Put(ctx, row(d, "b", 1)); !errors.Is(err, context.Canceled) || !fault.Is(err, fault.Unavailable) {
		t.Errorf("Put after the end of its context: %v", err)
	}
	if _, err := b.Commit(ctx, vault.BatchInfo{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Commit: %v", err)
	}
	check(t, b.Rollback())
	if n := count(t, db); n != 0 {
		t.Errorf("%d rows", n)
	}
	if _, err := db.Begin(ctx, vault.BatchInfo{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Begin: %v", err)
	}
	n := 0
	ctx, cancel = context.WithCancel(t.Context())
	importRows(t, db, row(d, "a", 1), row(d, "b", 1), row(d, "c", 1))
	err := db.Observations(ctx, grant(), vault.Complete, func(*observation.Observation) error { n++; cancel(); return nil })
	if !errors.Is(err, context.Canceled) || n == 3 {
		t.Errorf("Observations went on for %d rows: %v", n, err)
	}
	importRows(t, db, row(d, "d", 1))
}

func testEnded(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	d := someDataset(t, db)
	b := must(db.Begin(ctx, vault.BatchInfo{}))(t)
	must(b.Commit(ctx, vault.BatchInfo{}))(t)
	check(t, b.Rollback())
	_, put := b.Put(ctx, row(d, "a", 1))
	_, commit := b.Commit(ctx, vault.BatchInfo{})
	_, withdraw := b.Withdraw(ctx, d, "a")
	_, missing := b.Missing(ctx)
	for name, err := range map[string]error{"Put": put, "Commit": commit, "Reject": b.Reject(ctx, vault.Reject{}), "Withdraw": withdraw,
		"Missing": missing, "WithdrawMissing": b.WithdrawMissing(ctx, vault.Missing{}), "Keep": b.Keep(ctx, d, "a")} {
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("%s after the end: %v", name, err)
		}
	}
}

func testSecondImporter(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	d := someDataset(t, db)
	first := must(db.Begin(ctx, vault.BatchInfo{File: "first"}))(t)
	started, ended := make(chan struct{}), make(chan error)
	go func() {
		close(started)
		second, err := db.Begin(ctx, vault.BatchInfo{File: "second"})
		if err == nil {
			defer second.Rollback()
			var out vault.Outcome
			if out, err = second.Put(ctx, row(d, "a", 1)); err == nil && out != vault.Unchanged {
				err = errors.New("the second did not see what the first wrote")
			}
			if err == nil {
				_, err = second.Commit(ctx, vault.BatchInfo{})
			}
		}
		ended <- err
	}()
	<-started
	must(first.Put(ctx, row(d, "a", 1)))(t)
	select {
	case err := <-ended:
		t.Fatalf("the second did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if _, err := db.Begin(short, vault.BatchInfo{}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("waiting past one's time: %v", err)
	}
	must(first.Commit(ctx, vault.BatchInfo{}))(t)
	check(t, <-ended)
}

func testReaders(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	d := someDataset(t, db)
	importRows(t, db, row(d, "0", 0), row(d, "1", 1))
	b := must(db.Begin(ctx, vault.BatchInfo{}))(t)
	defer b.Rollback()
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				n := 0
				if err := db.Observations(ctx, grant(), vault.ForPublication, func(*observation.Observation) error { n++; return nil }); err != nil {
					t.Error(err)
					return
				}
				if n != 2 && n != 5002 {
					t.Errorf("a reader saw %d rows", n)
				}
				if list, err := db.Datasets(ctx); err != nil || len(list) != 1 {
					t.Errorf("%d datasets, %v", len(list), err)
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for i := range 5000 {
		must(b.Put(ctx, row(d, uuid.NewString(), i)))(t)
	}
	must(b.Commit(ctx, vault.BatchInfo{}))(t)
	close(stop)
	readers.Wait()
}

func testGrants(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	d := someDataset(t, db)
	importRows(t, db, row(d, "a", 1), row(d, "b", 2))
	for _, g := range []disclosure.Grant{{}, {Who: "publish"}, {Reason: "x"}, {Who: " ", Reason: "x"}, {Who: "x", Reason: "\t"}} {
		err := db.Observations(ctx, g, vault.ForPublication, func(*observation.Observation) error {
			t.Error("a row was given out")
			return nil
		})
		if !fault.Is(err, fault.Forbidden) {
			t.Errorf("grant %+v: %v", g, err)
		}
	}
	check(t, db.Observations(ctx, grantOf("publish", "instantané"), vault.ForPublication, func(*observation.Observation) error { return nil }))
	enough := errors.New("enough")
	err := db.Observations(ctx, grantOf("agent", "contrôle"), vault.Complete, func(*observation.Observation) error { return enough })
	if err != enough {
		t.Errorf("the error of f: %v", err)
	}
	journal := must(db.Journal(ctx, 0))(t)
	for i := range journal {
		if journal[i].Started.IsZero() || journal[i].Ended.Before(journal[i].Started) {
			t.Errorf("times of entry %d: %v, %v", i, journal[i].Started, journal[i].Ended)
		}
		journal[i].Started, journal[i].Ended = time.Time{}, time.Time{}
	}
	want := []vault.Access{
		{ID: 2, Who: "agent", Reason: "contrôle", Fields: "complete", Rows: 1, Outcome: "stopped"},
		{ID: 1, Who: "publish", Reason: "instantané", Fields: "for publication", Rows: 2, Outcome: "done"},
	}
	if diff := cmp.Diff(want, journal); diff != "" {
		t.Errorf("journal: %s", diff)
	}
}

// testFields: what publishing reads has no people, no free text and no exact geometry.
func testFields(t *testing.T, open func(t *testing.T) *vault.DB) {
	db := open(t)
	d := someDataset(t, db)
	o := row(d, "a", 1)
	o.Comment, o.Place.Name, o.Determiner, o.Extra = "c", "n", "D", map[string]string{"a": "b"}
	o.Sensitivity, o.SensList, o.Diffusion, o.Held = 2, "OCC", "1", observation.OutsideTerritory
	importRows(t, db, o)
	var got observation.Observation
	check(t, db.Observations(t.Context(), grant(), vault.ForPublication, func(o *observation.Observation) error { got = *o; return nil }))
	want := *o
	want.IDSinp, want.SourceKey, want.NameCited, want.Observers, want.Determiner, want.Comment, want.Extra = uuid.Nil, "", "", "", "", "", nil
	want.Place.Geometry, want.Place.Name, want.CountMin, want.CountMax = nil, "", -1, -1
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func testReclass(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	d := someDataset(t, db)
	importRows(t, db, row(d, "a", 1), row(d, "b", 2), row(d, "c", 3))
	// Fed by a read of the same vault, as classing again does.
	again := func() iter.Seq2[vault.Classed, error] {
		return func(yield func(vault.Classed, error) bool) {
			stop := errors.New("stop")
			err := db.Observations(ctx, grant(), vault.ForPublication, func(o *observation.Observation) error {
				c := vault.Classed{ID: o.ID, CdRef: o.CdRef, Level: o.Sensitivity, List: o.SensList, Held: o.Held}
				if o.ID != 2 {
					c.Level, c.List, c.Held, c.CdRef = 2, "OCC", observation.UnmatchedTaxon, 0
				}
				if !yield(c, nil) {
					return stop
				}
				return nil
			})
			if err != nil && err != stop {
				yield(vault.Classed{}, err)
			}
		}
	}
	if n := must(db.Reclass(ctx, again()))(t); n != 2 {
		t.Errorf("%d changed, want 2", n)
	}
	if n := must(db.Reclass(ctx, again()))(t); n != 0 {
		t.Errorf("%d changed the second time", n)
	}
	list := all(t, db)
	if list[0].Held != observation.UnmatchedTaxon || list[0].Sensitivity != 2 || list[0].CdRef != 0 || list[1].Held != observation.NotHeld {
		t.Errorf("classes: %d, %d, %d", list[0].Held, list[0].Sensitivity, list[1].Held)
	}
	broken := errors.New("broken")
	if _, err := db.Reclass(ctx, seq(broken, vault.Classed{ID: 2, Level: 4})); !errors.Is(err, broken) {
		t.Errorf("error of the rows: %v", err)
	}
	if all(t, db)[1].Sensitivity != 0 {
		t.Error("a failed Reclass changed a row")
	}
	// The content did not change: importing the same rows again is no update.
	if got := importRows(t, db, row(d, "a", 1)); got[0] != vault.Unchanged {
		t.Errorf("after Reclass: %v", got)
	}
}
