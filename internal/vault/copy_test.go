package vault_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/dataset"
	"garrigue/internal/fault"
	"garrigue/internal/needs"
	"garrigue/internal/observation"
	"garrigue/internal/vault"
)

func opened(t testing.TB, address string) *vault.DB {
	t.Helper()
	db, err := vault.Open(t.Context(), address)
	do(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

// lived fills a vault with something in most tables: two imports, so that there is history,
// rejects, a state, a run, and readings.
func lived(t testing.TB, db *vault.DB) {
	t.Helper()
	ctx := t.Context()
	fill(t, db)
	d, err := db.EnsureDataset(ctx, dataset.Dataset{Name: "Hirondelles", UUID: "d8a9f4a0-17c1-4a38-9b60-000000000001"})
	do(t, err)
	for round := range 2 {
		b, err := db.Begin(ctx, vault.BatchInfo{File: "lived.csv"})
		do(t, err)
		for i := range 300 {
			o := observation.Observation{Dataset: d.ID, SourceKey: fmt.Sprint("é'\"\\\t", i), CdNom: 3696, CountMin: -1, CountMax: int32(i),
				Comment: fmt.Sprint("tour ", round*i%7), Extra: map[string]string{"clé": "1"},
				Place: observation.Place{AltitudeMin: observation.NoAltitude, AltitudeMax: 12, Lon: math.Copysign(0, -1), Lat: 1e-300}}
			_, err := b.Put(ctx, &o)
			do(t, err)
		}
		do(t, b.Reject(ctx, vault.Reject{Line: 3, Row: "a;b"}))
		_, err = b.Commit(ctx, vault.BatchInfo{Rejected: 1})
		do(t, err)
	}
	do(t, db.KeepSourceState(ctx, "faune", []byte(`{"page":7}`), time.Now()))
	_, err = db.BeginRun(ctx, vault.SourceRun{Source: "faune", Trigger: "hand", Started: time.Now()})
	do(t, err)
	dump(t, db)
}

// TestCopy moves an instance from a file to PostgreSQL and back to another file.
func TestCopy(t *testing.T) {
	ctx := t.Context()
	file := opened(t, filepath.Join(t.TempDir(), "vault.sqlite"))
	address := needs.Postgres(t)
	server := opened(t, address)
	back := opened(t, filepath.Join(t.TempDir(), "vault.sqlite"))
	lived(t, file)
	want := dump(t, file)
	var last, all int64
	report, err := vault.Copy(ctx, file, server, func(done, total int64) {
		if done < last || done > total {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last, all = done, total
	})
	do(t, err)
	if last != all || all != report.Rows || report.Rows < 500 {
		t.Errorf("%d rows of %d, %d in the report", last, all, report.Rows)
	}
	filled := map[string]bool{}
	for _, table := range report.Tables {
		if !table.Equal || len(table.Checksum) != 32 {
			t.Errorf("%+v", table)
		}
		filled[table.Name] = table.Rows > 0
	}
	for _, name := range []string{"observation", "observation_history", "dataset", "batch", "reject", "taxon_name", "area", "reference", "counter",
		"source_state", "source_run", "register_counter", "journal", "journal_counter"} {
		if !filled[name] {
			t.Errorf("%s is empty: nothing was tested of it", name)
		}
	}
	second, err := vault.Copy(ctx, server, back, nil)
	do(t, err)
	if got := dump(t, back); got != want || dump(t, server) != want {
		t.Error("the observations are not the same")
	}
	// The journal grew by a reading; every other table is the same after the way there and back.
	sums := func(r vault.CopyReport) map[string]string {
		m := map[string]string{}
		for _, table := range r.Tables {
			if table.Set != "journal" {
				m[table.Name] = fmt.Sprint(table.Rows, " ", table.Checksum)
			}
		}
		return m
	}
	if diff := cmp.Diff(sums(report), sums(second)); diff != "" {
		t.Error(diff)
	}
	for _, db := range []*vault.DB{server, back} {
		do(t, db.Check(ctx))
		for _, a := range mustJournal(t, db) {
			if a.Outcome == "" {
				t.Errorf("entry %d has no end", a.ID)
			}
		}
		d, err := db.EnsureDataset(ctx, dataset.Dataset{Name: "new"})
		if err != nil || d.ID != 2 {
			t.Errorf("the next dataset is %d, %v", d.ID, err)
		}
	}
	if _, err := vault.Copy(ctx, file, server, nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("copied into a vault that is not empty: %v", err)
	}
	if _, err := vault.Copy(ctx, file, file, nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("copied into itself: %v", err)
	}
	if got := dump(t, server); got != want {
		t.Error("a refused copy changed its target")
	}
	// The same database by another name: refused, and not waited for.
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if _, err := vault.Copy(ctx, server, opened(t, address+"&application_name=again"), nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("copied into itself by another address: %v", err)
	}
}

func mustJournal(t testing.TB, db *vault.DB) []vault.Access {
	t.Helper()
	list, err := db.Journal(t.Context(), 0)
	do(t, err)
	return list
}

// TestCopyFails: interrupted anywhere, a copy leaves its target empty, and works when run again.
func TestCopyFails(t *testing.T) {
	file := opened(t, filepath.Join(t.TempDir(), "vault.sqlite"))
	lived(t, file)
	want := dump(t, file)
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			address := filepath.Join(t.TempDir(), "vault.sqlite")
			if engine == "postgres" {
				address = needs.Postgres(t)
			}
			to := opened(t, address)
			for stop := range 6 {
				ctx, cancel := context.WithCancel(t.Context())
				calls := 0
				_, err := vault.Copy(ctx, file, to, func(done, total int64) {
					if calls++; calls == stop*6+1 {
						cancel()
					}
				})
				cancel()
				if !errors.Is(err, context.Canceled) {
					t.Fatalf("stop %d: %v", stop, err)
				}
				if got := dump(t, to); got != "" {
					t.Fatalf("stop %d: the target has rows", stop)
				}
				// dump wrote in the journal of the target, which is no longer empty: a fresh one.
				if engine == "sqlite" {
					to = opened(t, filepath.Join(t.TempDir(), "vault.sqlite"))
				} else {
					to = opened(t, needs.Postgres(t))
				}
			}
			_, err := vault.Copy(t.Context(), file, to, nil)
			do(t, err)
			if got := dump(t, to); got != want {
				t.Error("not what was copied")
			}
		})
	}
}

// TestCopyHalf: a copy killed between the commits of its sets left its mark and a part; the next
// one empties it and starts again, unless nothing was missing.
func TestCopyHalf(t *testing.T) {
	file := opened(t, filepath.Join(t.TempDir(), "vault.sqlite"))
	lived(t, file)
	address := needs.Postgres(t)
	to := opened(t, address)
	do(t, to.KeepSourceState(t.Context(), "half", []byte(`{}`), time.Now()))
	if _, err := vault.Copy(t.Context(), file, to, nil); !fault.Is(err, fault.Conflict) {
		t.Fatalf("a form saved in the target: %v", err)
	}
	psql(t, address, `INSERT INTO garrigue_register.register_counter (name, value) VALUES ('copy under way', 1)`)
	report, err := vault.Copy(t.Context(), file, to, nil)
	do(t, err)
	if state, _, err := to.SourceState(t.Context(), "half"); err != nil || state != nil {
		t.Errorf("what was left is still there: %s, %v", state, err)
	}
	if got := ask(t, address, `SELECT count(*) FROM garrigue_register.register_counter WHERE name LIKE 'copy%'`); got[0] != "0" {
		t.Error("the mark is still there")
	}
	want := fmt.Sprint(rowsOf(report, "observation"))
	if got := ask(t, address, `SELECT count(*) FROM garrigue.observation`); got[0] != want {
		t.Errorf("%s observations", got[0])
	}
	// Killed between the last commit and the end of the mark: the copy is whole, and may have lived since.
	psql(t, address, `INSERT INTO garrigue_register.register_counter (name, value) VALUES ('copy under way', 1)`)
	if _, err := vault.Copy(t.Context(), file, to, nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("copied over a whole vault: %v", err)
	}
	if got := ask(t, address, `SELECT count(*) FROM garrigue.observation`); got[0] != want {
		t.Errorf("%s observations are left", got[0])
	}
}

func rowsOf(r vault.CopyReport, table string) (n int64) {
	for _, c := range r.Tables {
		if c.Name == table {
			n += c.Rows
		}
	}
	return n
}
