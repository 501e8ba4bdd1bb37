package vaulttest

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"garrigue/internal/observation"
	"garrigue/internal/vault"
)

// testWaiting holds a batch of many rows open: a form saved meanwhile, another program that
// opens the vault, lists and a reading of exact rows wait for none of it.
func testWaiting(t *testing.T, place func(t *testing.T) string) {
	at, ctx := place(t), t.Context()
	db := reopen(t, at)
	d := someDataset(t, db)
	importRows(t, db, row(d, "before", 1))
	b := must(db.Begin(ctx, vault.BatchInfo{File: "long.csv"}))(t)
	defer b.Rollback()
	for i := range 5000 {
		must(b.Put(ctx, row(d, strconv.Itoa(i), i)))(t)
	}
	changed := row(d, "before", 1)
	changed.Comment = "changed"
	must(b.Put(ctx, changed))(t)
	soon := func(what string, f func()) {
		t.Helper()
		begun := time.Now()
		f()
		if took := time.Since(begun); took > time.Second {
			t.Errorf("%s waited %v for the import", what, took)
		}
	}
	soon("asking whether a write may begin", func() {
		if db.Writable(ctx, 100*time.Millisecond) {
			t.Error("a write may begin while a batch is open")
		}
	})
	soon("a form", func() { check(t, db.KeepSourceState(ctx, "faune", []byte(`{"page":1}`), time.Now())) })
	var other *vault.DB
	soon("opening", func() { other = reopen(t, at) })
	soon("a form of another program", func() { check(t, other.KeepSourceState(ctx, "faune", []byte(`{"page":2}`), time.Now())) })
	soon("asking it of another program", func() {
		if other.Writable(ctx, 100*time.Millisecond) {
			t.Error("another program may write while a batch is open")
		}
	})
	soon("a list", func() { must(other.Datasets(ctx))(t) })
	soon("exact rows", func() {
		list := all(t, other)
		if len(list) != 1 || list[0].Comment != "" {
			t.Errorf("%d rows read", len(list))
		}
	})
	soon("the journal", func() {
		if list := must(db.Journal(ctx, 0))(t); len(list) != 1 || list[0].Outcome != "done" {
			t.Errorf("journal: %+v", list)
		}
	})
	check(t, b.Rollback())
	if !db.Writable(ctx, 10*time.Second) {
		t.Error("no write may begin once the batch has ended")
	}
	// What a form saved is not the batch's: it stays.
	if state, _, err := db.SourceState(ctx, "faune"); err != nil || string(state) != `{"page":2}` {
		t.Errorf("state %s, %v", state, err)
	}
}

// testNumbers: two programs that read and save at the same time never take the same number,
// and lose nothing of what the other wrote.
func testNumbers(t *testing.T, place func(t *testing.T) string) {
	at, ctx := place(t), t.Context()
	one, two := reopen(t, at), reopen(t, at)
	var work sync.WaitGroup
	for i, db := range []*vault.DB{one, two} {
		work.Go(func() {
			for n := range 10 {
				if err := db.Observations(ctx, grant(), vault.ForPublication, func(*observation.Observation) error { return nil }); err != nil {
					t.Error(err)
				}
				if _, err := db.BeginRun(ctx, vault.SourceRun{Source: fmt.Sprint("s", i), Started: time.Now(), Trigger: strconv.Itoa(n)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	seen := map[int64]bool{}
	for _, a := range must(one.Journal(ctx, 0))(t) {
		if seen[a.ID] = true; a.Outcome != "done" {
			t.Errorf("entry %d: %q", a.ID, a.Outcome)
		}
	}
	runs := map[int64]bool{}
	for _, r := range must(one.Runs(ctx, "", 0))(t) {
		runs[r.ID] = true
	}
	if len(seen) != 20 || len(runs) != 20 {
		t.Errorf("%d entries of the journal, %d runs, want 20 each", len(seen), len(runs))
	}
}
