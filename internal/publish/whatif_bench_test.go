//go:build unix

package publish_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/publish"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// BenchmarkWhatIf compares two lists of some 2,500 taxa with levels that differ by department over
// generated observations (GARRIGUE_BENCH_ROWS, 100,000 unless told), and gives the time as a
// multiple of reading them for publication.
func BenchmarkWhatIf(b *testing.B) {
	rows := 100_000
	if n, err := strconv.Atoi(os.Getenv("GARRIGUE_BENCH_ROWS")); err == nil {
		rows = n
	}
	db := fillLarge(b, filepath.Join(b.TempDir(), "vault.sqlite"), rows)
	codes := map[taxon.CdNom]bool{}
	for n, err := range db.Names(b.Context()) {
		if err != nil {
			b.Fatal(err)
		}
		if n.Rank == taxon.Species && n.CdNom%6 == 0 {
			codes[n.CdNom] = true
		}
	}
	departments, err := db.Areas(b.Context(), geo.Department)
	if err != nil {
		b.Fatal(err)
	}
	rules := func(shift int) (out []sensitivity.Rule) {
		for cd := range codes {
			for i := range departments {
				level := (int(cd)/6+shift)%3 + 1
				if i < 4 && level < 3 { // commune here, cell there
					level = 3 - level
				}
				out = append(out, sensitivity.Rule{List: "L", CdNom: cd, Level: sensitivity.Level(level), Department: departments[i].Key.Code()})
			}
		}
		return out
	}
	lists := []sensitivity.List{{ID: "L", Region: sensitivity.Apart}}
	if _, err := db.PutSensitivity(b.Context(), vault.Reference{Kind: "sensitivity", Name: "L", SHA256: "l"}, lists, seq(rules(0))); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		start := time.Now()
		if err := db.Observations(b.Context(), disclosure.Grant{Who: "bench", Reason: "reading"}, vault.ForPublication,
			func(*observation.Observation) error { return nil }); err != nil {
			b.Fatal(err)
		}
		reading := time.Since(start)
		cpu := cpuTime(b)
		start = time.Now()
		d, err := publish.WhatIf(b.Context(), db, everyDay(""), publish.Proposal{Listed: true, Lists: lists, Rules: rules(1)}, 20)
		if err != nil {
			b.Fatal(err)
		}
		took := time.Since(start)
		b.ReportMetric((cpuTime(b) - cpu).Seconds(), "cpu-s")
		if d.Read != rows || !d.Any() {
			b.Fatalf("%d read of %d: %+v", d.Read, rows, d.Effects)
		}
		b.ReportMetric(float64(rows)/took.Seconds(), "rows/s")
		b.ReportMetric(took.Seconds()/reading.Seconds(), "times-reading")
		b.Logf("%d rows in %v, reading alone %v; %d relevelled, %+v, in %d communes", rows, took, reading, d.Relevels, d.Effects, d.Pages.Communes.Count)
	}
}
