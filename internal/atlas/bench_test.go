package atlas_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"garrigue/internal/atlas"
	"garrigue/internal/atlas/atlastest"
	"garrigue/internal/disclosure"
)

// large builds a generated snapshot once for the benchmarks that read it.
func large(b *testing.B, rows int) (*atlas.Atlas, *atlastest.Large) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "large.gpkg")
	if keep := os.Getenv("GARRIGUE_BENCH_KEEP"); keep != "" {
		path = keep
	}
	l := atlastest.NewLarge(b, 16600, 1)
	bu, err := atlas.Create(path, atlastest.Identity(), l.Refs)
	if err != nil {
		b.Fatal(err)
	}
	var p disclosure.Published
	start := time.Now()
	for range rows {
		l.Next(&p)
		bu.Add(&p)
	}
	added := time.Since(start)
	step, since := "", time.Now()
	if err := bu.Finish(context.Background(), func(s string, _, _ int64) {
		if s != step {
			if step != "" {
				b.Logf("%-24s %v", step, time.Since(since).Round(time.Millisecond))
			}
			step, since = s, time.Now()
		}
	}); err != nil {
		b.Fatal(err)
	}
	b.Logf("%-24s %v", step, time.Since(since).Round(time.Millisecond))
	fi, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.Logf("generated and added in %v, all in %v, file %d MB, memory from the system %d MB", added, time.Since(start), fi.Size()>>20, m.Sys>>20)
	opening := time.Now()
	a, err := atlas.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("opened in %v", time.Since(opening))
	b.Cleanup(func() { a.Close() })
	return a, l
}

func BenchmarkTaxon(b *testing.B) {
	rows := 100_000
	if n, err := strconv.Atoi(os.Getenv("GARRIGUE_BENCH_ROWS")); err == nil {
		rows = n
	}
	a, l := large(b, rows)
	ctx := context.Background()
	// The 5,000 most observed: a small snapshot holds fewer than were drawn from.
	shown, _, err := a.Taxa(ctx, 0, atlas.ListFilter{Limit: 5000})
	if err != nil || len(shown) == 0 {
		b.Fatal("no taxa", err)
	}
	b.Run("mixed", func(b *testing.B) {
		for i := range b.N {
			if _, err := a.Taxon(ctx, shown[i*7919%len(shown)].CdRef); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("frequent", func(b *testing.B) {
		for range b.N {
			if _, err := a.Taxon(ctx, l.Taxa()[0]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cells", func(b *testing.B) {
		for range b.N {
			if _, err := a.Cells(ctx, l.Taxa()[0], 2000, 2020); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("searched", func(b *testing.B) {
		for i := range b.N {
			if _, err := a.Searched(ctx, shown[i*7919%len(shown)].CdRef, 0, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("areataxa", func(b *testing.B) {
		for i := range b.N {
			if _, _, err := a.AreaTaxa(ctx, l.Refs.Areas[20+i*31%4000].Key, atlas.ListFilter{Limit: 50}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("area", func(b *testing.B) {
		for i := range b.N {
			if _, err := a.Area(ctx, l.Refs.Areas[20+i*31%4000].Key); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, q := range []string{"b", "mole", "bodi ta", "xyzzo", "cilomo"} {
		b.Run("search="+q, func(b *testing.B) {
			for range b.N {
				if _, err := a.Search(ctx, q, 10); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("audit", func(b *testing.B) {
		for range b.N {
			if _, err := a.Audit(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
}
