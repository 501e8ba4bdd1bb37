package ingest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"garrigue/internal/vault"
)

// dailyRows is how many rows the file of a day has.
const dailyRows = 10_000

// BenchmarkDaily imports a day's file, each row with another comment, into a vault that has them: what opening
// the vault, reading the references and importing take. GARRIGUE_DAILY_DIR is a copy of an instance of the whole
// benchmark (vault.sqlite, demo/observations.csv), which changes.
//
//	GARRIGUE_DAILY_DIR=… go test ./internal/ingest -run xxx -bench Daily -benchtime 5x
func BenchmarkDaily(b *testing.B) {
	dir := os.Getenv("GARRIGUE_DAILY_DIR")
	if dir == "" {
		b.Skip("GARRIGUE_DAILY_DIR names no instance")
	}
	header, rows := dailyFile(b, dir)
	ctx := context.Background()
	var opened, made, imported, spent time.Duration
	for b.Loop() {
		b.StopTimer()
		path := changedFile(b, header, rows)
		b.StartTimer()
		cpu := spentCPU(b)
		start := time.Now()
		db, err := vault.Open(ctx, filepath.Join(dir, "vault.sqlite"))
		if err != nil {
			b.Fatal(err)
		}
		t := time.Now()
		im, err := NewImporter(ctx, db, Settings{Today: day(2026, 11, 1), CRS: 2154})
		if err != nil {
			b.Fatal(err)
		}
		u := time.Now()
		rep, err := im.Import(ctx, path, Options{})
		if err != nil {
			b.Fatal(err)
		}
		opened, made, imported = opened+t.Sub(start), made+u.Sub(t), imported+time.Since(u)
		spent += spentCPU(b) - cpu
		b.StopTimer()
		if rep.Updated < rep.Read*9/10 {
			b.Fatalf("only %d rows of %d differ from the vault's", rep.Updated, rep.Read)
		}
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	n := float64(b.N)
	b.ReportMetric(opened.Seconds()/n, "s-open")
	b.ReportMetric(made.Seconds()/n, "s-importer")
	b.ReportMetric(imported.Seconds()/n, "s-import")
	b.ReportMetric(spent.Seconds()/n, "s-cpu")
}

// spentCPU is the time of processors that this process has taken.
func spentCPU(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// dailyFile reads dailyRows rows of the file of an instance, spread over it, and keeps them beside it (daily.csv)
// for the next time.
func dailyFile(b *testing.B, dir string) (header []string, rows [][]string) {
	b.Helper()
	kept := filepath.Join(dir, "daily.csv")
	if _, err := os.Stat(kept); err == nil {
		return spread(b, kept, 1)
	}
	header, rows = spread(b, filepath.Join(dir, "demo", "observations.csv"), 2_000_000/dailyRows)
	writeRows(b, kept, header, rows)
	return header, rows
}

// spread reads one row in so many of a file.
func spread(b *testing.B, path string, step int) (header []string, rows [][]string) {
	b.Helper()
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(bufio.NewReaderSize(f, 1<<20))
	r.Comma, r.ReuseRecord = ';', true
	for i := -1; ; i++ {
		row, err := r.Read()
		switch {
		case err == io.EOF:
			return header, rows
		case err != nil:
			b.Fatal(err)
		case i < 0:
			header = slices.Clone(row)
		case i%step == 0:
			rows = append(rows, slices.Clone(row))
		}
	}
}

// changedFile writes rows with a comment they never had.
func changedFile(b *testing.B, header []string, rows [][]string) string {
	b.Helper()
	comment := slices.Index(header, "commentaire")
	if comment < 0 {
		b.Fatalf("no column commentaire in %v", header)
	}
	stamp := "revu " + time.Now().Format(time.RFC3339Nano)
	for _, row := range rows {
		row[comment] = stamp
	}
	path := filepath.Join(b.TempDir(), "observations.csv")
	writeRows(b, path, header, rows)
	return path
}

func writeRows(b *testing.B, path string, header []string, rows [][]string) {
	b.Helper()
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.Comma = ';'
	if err := w.Write(header); err != nil {
		b.Fatal(err)
	}
	if err := w.WriteAll(rows); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
}
