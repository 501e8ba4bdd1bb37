package vault

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"garrigue/internal/civil"
	"garrigue/internal/dataset"
	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/needs"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
)

// generator makes plausible observations, always the same for a number: about 20 columns
// filled, like a SINP exchange file.
type generator struct {
	dataset  dataset.ID
	dates    []civil.Date
	communes []geo.AreaKey
}

func newGenerator(d dataset.ID) *generator {
	g := &generator{dataset: d}
	r := rand.New(rand.NewPCG(1, 2))
	start, _ := civil.Make(1990, 1, 1)
	for range 10000 {
		g.dates = append(g.dates, start+civil.Date(r.IntN(36*365)))
	}
	for i := range 4446 {
		g.communes = append(g.communes, geo.AdminKey(geo.Commune, fmt.Sprintf("%05d", 9000+i*15)))
	}
	return g
}

func (g *generator) fill(o *observation.Observation, i int) {
	h := mix(uint64(i) + 1)
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], h)
	binary.BigEndian.PutUint64(id[8:], mix(h))
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	x, y := 500000+float64(h%300000), 6140000+float64(h>>20%300000)
	commune := g.communes[h>>8%uint64(len(g.communes))]
	date := g.dates[h>>16%uint64(len(g.dates))]
	taxonCode := h >> 24 % 20000 * (h >> 40 % 100) / 100
	shape := make([]byte, 21)
	shape[0], shape[1] = 1, 1
	*o = observation.Observation{
		IDSinp: id, Dataset: g.dataset, SourceKey: strconv.Itoa(1000000 + i),
		CdNom: taxon.CdNom(60000 + taxonCode), CdRef: taxon.CdRef(60000 + taxonCode), NameCited: "Delichon urbicum (Linnaeus, 1758)",
		Presence: observation.Present, When: observation.Period{Start: date, End: date},
		Place: observation.Place{Georeference: observation.ByGeometry, Geometry: shape, Lon: 3 + float64(h%1000)/1e3, Lat: 43,
			Box: geo.Box{MinX: x, MinY: y, MaxX: x, MaxY: y}, Commune: commune,
			Department: geo.AdminKey(geo.Department, commune.Code()[:2]), Uncertainty: 100,
			AltitudeMin: int16(h % 2000), AltitudeMax: int16(h % 2000), Nature: "In", Name: "Lieu-dit " + strconv.Itoa(int(h>>30%5000))},
		Observers: "NOM Prénom " + strconv.Itoa(int(h>>33%2000)), Organisation: "Organisme " + strconv.Itoa(int(h>>44%40)),
		CountMin: 1, CountMax: int32(h % 9), CountObject: "IND", LifeStage: "2", Sex: "0", BioStatus: "3", Technique: "0",
		Public: "Pr", Diffusion: "5", Blurring: "NON",
		Extra: map[string]string{"cle": strconv.Itoa(i), "remarque": "vu posé"},
	}
}

func benchRows() int {
	if n, err := strconv.Atoi(os.Getenv("GARRIGUE_BENCH_ROWS")); err == nil {
		return n
	}
	return 100_000
}

func mustOpen(tb testing.TB, dir string) (*DB, dataset.ID) {
	tb.Helper()
	return openAt(tb, filepath.Join(dir, "vault.sqlite"))
}

func openAt(tb testing.TB, address string) (*DB, dataset.ID) {
	tb.Helper()
	ctx := context.Background()
	db, err := Open(ctx, address)
	if err != nil {
		tb.Fatal(err)
	}
	d, err := db.EnsureDataset(ctx, dataset.Dataset{Name: "Banc"})
	if err != nil {
		tb.Fatal(err)
	}
	return db, d.ID
}

func load1(tb testing.TB, db *DB, g *generator, from, to int) (outcomes [3]int) {
	tb.Helper()
	ctx := context.Background()
	batch, err := db.Begin(ctx, BatchInfo{File: "banc.csv", Dataset: g.dataset})
	if err != nil {
		tb.Fatal(err)
	}
	defer batch.Rollback()
	var o observation.Observation
	for i := from; i < to; i++ {
		g.fill(&o, i)
		out, err := batch.Put(ctx, &o)
		if err != nil {
			tb.Fatal(err)
		}
		outcomes[out]++
	}
	if _, err := batch.Commit(ctx, BatchInfo{}); err != nil {
		tb.Fatal(err)
	}
	return outcomes
}

// raw inserts the same rows with one prepared statement in one transaction (on PostgreSQL: by
// COPY), into the same table with the same indexes, through the same engine. sorted builds the secondary indexes
// after the rows, as a batch does.
func raw(tb testing.TB, db *DB, g *generator, n int, sorted bool) {
	tb.Helper()
	ctx := context.Background()
	err := db.tx(ctx, func(b *bulk) error {
		if sorted {
			for _, name := range indexNames() {
				if _, err := b.exec(`DROP INDEX ` + name); err != nil {
					return err
				}
			}
		}
		if _, err := b.exec(`INSERT INTO batch (id, started_at, read, created, updated, same, rejected, held, warnings)
			VALUES (1, '', 0, 0, 0, 0, 0, 0, 0)`); err != nil {
			return err
		}
		s, err := b.s.loader("observation", writtenColumns)
		if err != nil {
			return err
		}
		e := newEncoder()
		var o observation.Observation
		for i := range n {
			g.fill(&o, i)
			o.ID = int64(i + 1)
			e.encodeExtra(o.Extra)
			e.bindRow(s, &o, 1, int64(i))
			if err := run(s); err != nil {
				return err
			}
		}
		if sorted {
			for _, text := range indexTexts() {
				if _, err := b.exec(text); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkBatchPut loads a fresh vault through Begin, Put and Commit, and prints its rate
// and its ratio to the raw insert of the same rows: "ratio" with every index kept up to date
// row by row, "ratio-sorted" with the secondary ones built after the rows. Making the rows is
// not counted.
//
//	GARRIGUE_BENCH_ROWS=1900000 go test -run - -bench BatchPut -benchtime 1x ./internal/vault
func BenchmarkBatchPut(b *testing.B) {
	eachEngine(b, benchBatchPut)
}

// eachEngine runs a benchmark on each engine.
func eachEngine(b *testing.B, f func(b *testing.B, engine string)) {
	for _, engine := range []string{"sqlite", "postgres"} {
		b.Run(engine, func(b *testing.B) { f(b, engine) })
	}
}

func benchBatchPut(b *testing.B, engine string) {
	n := benchRows()
	place := places(b, engine)
	timed := func(f func(db *DB, g *generator)) time.Duration {
		db, d := openAt(b, place())
		defer db.Close()
		t := time.Now()
		f(db, newGenerator(d))
		return time.Since(t)
	}
	var mine, limit, sorted time.Duration
	for b.Loop() {
		fill := timed(func(_ *DB, g *generator) {
			var o observation.Observation
			for i := range n {
				g.fill(&o, i)
			}
		})
		mine += timed(func(db *DB, g *generator) { load1(b, db, g, 0, n) }) - fill
		limit += timed(func(db *DB, g *generator) { raw(b, db, g, n, false) }) - fill
		if engine == "sqlite" {
			sorted += timed(func(db *DB, g *generator) { raw(b, db, g, n, true) }) - fill
		}
	}
	b.ReportMetric(float64(n*b.N)/mine.Seconds(), "rows/s")
	b.ReportMetric(float64(n*b.N)/limit.Seconds(), "raw-rows/s")
	b.ReportMetric(limit.Seconds()/mine.Seconds(), "ratio")
	if engine == "sqlite" {
		b.ReportMetric(sorted.Seconds()/mine.Seconds(), "ratio-sorted")
	}
}

// places returns what gives addresses of new vaults of an engine; PostgreSQL on a server of the
// benchmark's own, that writes for good.
func places(b *testing.B, engine string) func() string {
	if engine == "sqlite" {
		return func() string { return filepath.Join(b.TempDir(), "vault.sqlite") }
	}
	s := needs.NewServer(b)
	return func() string { return s.Database(b) }
}

// BenchmarkBatchDaily adds 10,000 rows to a vault that has many.
func BenchmarkBatchDaily(b *testing.B) {
	eachEngine(b, benchBatchDaily)
}

func benchBatchDaily(b *testing.B, engine string) {
	n := benchRows()
	db, d := openAt(b, places(b, engine)())
	defer db.Close()
	g := newGenerator(d)
	load1(b, db, g, 0, n)
	b.ResetTimer()
	for b.Loop() {
		load1(b, db, g, n, n+10_000)
		n += 10_000
	}
	b.ReportMetric(float64(10_000*b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkNames loads 650,000 TAXREF names, then reads them.
func BenchmarkNames(b *testing.B) {
	const n = 650_000
	ctx := context.Background()
	names := func(yield func(taxon.Name, error) bool) {
		for i := range n {
			cd := taxon.CdNom(i + 1)
			if !yield(taxon.Name{CdNom: cd, CdRef: taxon.CdRef(cd), Parent: cd / 10, Rank: taxon.Species, ScientificName: "Delichon urbicum",
				Author: "(Linnaeus, 1758)", FullName: "Delichon urbicum (Linnaeus, 1758)", Vernacular: "Hirondelle de fenêtre", Kingdom: "Animalia",
				Phylum: "Chordata", Class: "Aves", Order: "Passeriformes", Family: "Hirundinidae", Group1: "Chordés", Group2: "Oiseaux",
				Group3: "Autres", Habitat: "3", StatusFR: "P"}, nil) {
				return
			}
		}
	}
	var put, read time.Duration
	for b.Loop() {
		db, _ := mustOpen(b, b.TempDir())
		t := time.Now()
		if _, err := db.PutNames(ctx, Reference{Kind: "taxref", Name: "TAXREFv18.txt", SHA256: "x"}, names); err != nil {
			b.Fatal(err)
		}
		put += time.Since(t)
		t = time.Now()
		seen := 0
		for _, err := range db.Names(ctx) {
			if err != nil {
				b.Fatal(err)
			}
			seen++
		}
		read += time.Since(t)
		if seen != n {
			b.Fatal(seen)
		}
		db.Close()
	}
	b.ReportMetric(float64(n*b.N)/put.Seconds(), "put-rows/s")
	b.ReportMetric(float64(n*b.N)/read.Seconds(), "read-rows/s")
}

// BenchmarkBatchAgain imports rows that are all there already.
func BenchmarkBatchAgain(b *testing.B) {
	eachEngine(b, benchBatchAgain)
}

func benchBatchAgain(b *testing.B, engine string) {
	n := benchRows()
	db, d := openAt(b, places(b, engine)())
	defer db.Close()
	g := newGenerator(d)
	load1(b, db, g, 0, n)
	b.ResetTimer()
	for b.Loop() {
		if out := load1(b, db, g, 0, n); out[Unchanged] != n {
			b.Fatalf("outcomes %v", out)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkObservations reads every row for publication.
func BenchmarkObservations(b *testing.B) {
	eachEngine(b, benchObservations)
}

func benchObservations(b *testing.B, engine string) {
	ctx, n := context.Background(), benchRows()
	place := places(b, engine)
	for _, what := range []Fields{ForPublication, Complete} {
		b.Run(what.String(), func(b *testing.B) {
			db, d := openAt(b, place())
			defer db.Close()
			load1(b, db, newGenerator(d), 0, n)
			b.ResetTimer()
			for b.Loop() {
				seen := 0
				err := db.Observations(ctx, disclosure.Grant{Who: "bench", Reason: "bench"}, what, func(o *observation.Observation) error {
					seen++
					return nil
				})
				if err != nil || seen != n {
					b.Fatal(seen, err)
				}
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
