//go:build unix

package publish_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"garrigue/internal/atlas/atlastest"
	"garrigue/internal/dataset"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/publish"
	"garrigue/internal/vault"
)

// BenchmarkPublish publishes generated observations (GARRIGUE_BENCH_ROWS, 100,000 unless
// told) and gives the time as a multiple of copying the same rows from the vault into a bare
// table of a new file: the least any reading and writing of them could take.
func BenchmarkPublish(b *testing.B) {
	rows := 100_000
	if n, err := strconv.Atoi(os.Getenv("GARRIGUE_BENCH_ROWS")); err == nil {
		rows = n
	}
	path := filepath.Join(b.TempDir(), "vault.sqlite")
	db := fillLarge(b, path, rows)
	for range b.N {
		copied := copyRows(b, path)
		dir := b.TempDir()
		start, cpu := time.Now(), cpuTime(b)
		res, err := publish.Run(context.Background(), db, options(dir))
		if err != nil {
			b.Fatal(err)
		}
		took := time.Since(start)
		b.ReportMetric((cpuTime(b) - cpu).Seconds(), "cpu-s")
		if res.Published != rows {
			b.Fatalf("%d published of %d", res.Published, rows)
		}
		fi, err := os.Stat(filepath.Join(dir, res.ID+".gpkg"))
		if err != nil {
			b.Fatal(err)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(rows)/took.Seconds(), "rows/s")
		b.ReportMetric(took.Seconds()/copied.Seconds(), "times-raw-copy")
		b.ReportMetric(float64(fi.Size())/1e6, "MB-file")
		b.ReportMetric(float64(m.Sys)/1e6, "MB-memory")
		b.Logf("%d rows in %v, raw copy %v; %v", rows, took, copied, res.Steps)
		b.Logf("proof: %d moved, %d bytes searched for %d observations", res.Proof.Moved, res.Proof.Searched, res.Proof.Traces)
	}
}

func fillLarge(b *testing.B, path string, rows int) *vault.DB {
	b.Helper()
	ctx := context.Background()
	db, err := vault.Open(ctx, path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	l := atlastest.NewLarge(b, 16600, 1)
	must := func(_ vault.Reference, err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	must(db.PutNames(ctx, vault.Reference{Kind: "taxref", Name: "taxref", SHA256: "a"}, seq(l.Names())))
	must(db.PutStatuses(ctx, vault.Reference{Kind: "statuses", Name: "statuses", SHA256: "b"}, seq(l.Refs.Statuses)))
	for _, kind := range []geo.Kind{geo.Commune, geo.Department, geo.Region} {
		var list []geo.Area
		for _, a := range l.Refs.Areas {
			if a.Key.Kind() == kind {
				list = append(list, a)
			}
		}
		must(db.PutAreas(ctx, vault.Reference{Kind: "areas", Name: kind.String(), SHA256: kind.String()}, kind, seq(list)))
	}
	d, err := db.EnsureDataset(ctx, dataset.Dataset{Name: "large", Public: "Pu"})
	if err != nil {
		b.Fatal(err)
	}
	batch, err := db.Begin(ctx, vault.BatchInfo{Dataset: d.ID, File: "large.csv"})
	if err != nil {
		b.Fatal(err)
	}
	defer batch.Rollback()
	o := observation.Observation{Dataset: d.ID}
	for i := range rows {
		l.Observation(&o, i)
		if o.Sensitivity > 0 {
			o.Place.Name, o.Comment = fmt.Sprint("Combe du secret ", i%9000), fmt.Sprint("nid au pied du rocher ", i)
		}
		if _, err := batch.Put(ctx, &o); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := batch.Commit(ctx, vault.BatchInfo{}); err != nil {
		b.Fatal(err)
	}
	classed(b, db)
	return db
}

// cpuTime is the processor time used so far, which a busy machine does not change.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// copyRows copies the observations into a table without index of a new file.
func copyRows(b *testing.B, path string) time.Duration {
	b.Helper()
	conn, err := sqlite.OpenConn(filepath.Join(b.TempDir(), "copy.sqlite"), sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	start := time.Now()
	for _, sql := range []string{"PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF",
		"ATTACH '" + path + "' AS vault", "CREATE TABLE copy AS SELECT * FROM vault.observation"} {
		if err := sqlitex.ExecuteTransient(conn, sql, nil); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(start)
}
