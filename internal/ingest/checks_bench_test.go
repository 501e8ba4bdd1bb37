package ingest

import (
	"context"
	"path/filepath"
	"testing"

	"garrigue/internal/tabular"
)

// BenchmarkMapRow maps rows of the standard's columns without writing them, with the checks of
// checks.go and the comparison with the commune stated, and without.
//
//	go test ./internal/ingest -run xxx -bench MapRow
func BenchmarkMapRow(b *testing.B) {
	db, _ := realVaultAt(b)
	im := newImporter(b, db)
	path := filepath.Join(b.TempDir(), "bench.csv")
	writeSINP(b, im, path, 20_000)
	s, err := openSource(path, readOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	r, err := s.read()
	if err != nil {
		b.Fatal(err)
	}
	p, err := planByFormat(s, r.header, &Options{})
	if err != nil {
		b.Fatal(err)
	}
	prof, err := im.survey(context.Background(), s, p, func(float64, int) {})
	if err != nil {
		b.Fatal(err)
	}
	var rows []tabular.Row
	for {
		row, err := r.next()
		if err != nil {
			break
		}
		row.Fields = append([]string(nil), row.Fields...)
		rows = append(rows, row)
	}
	for _, c := range []struct {
		name    string
		without bool
	}{{"checked", false}, {"unchecked", true}} {
		b.Run(c.name, func(b *testing.B) {
			m := newMapper(im, p, prof, &Options{}, "essai")
			if c.without {
				m.checks = nil
			}
			var out mapped
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if i%1000 == 0 {
					m.shapes = m.shapes[:0]
				}
				m.mapRow(&rows[i%len(rows)], &out)
			}
		})
	}
}
