package ingest

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"garrigue/internal/civil"
)

// benchRows is how many rows the benchmark imports; GARRIGUE_BENCH_ROWS says otherwise.
func benchRows() int {
	if n, err := strconv.Atoi(os.Getenv("GARRIGUE_BENCH_ROWS")); err == nil {
		return n
	}
	return 100_000
}

// writeSINP writes n plausible rows in the standard's columns: points all over the region of
// the importer, 2,000 taxa, and a few columns of the producer's own.
func writeSINP(tb testing.TB, im *Importer, path string, n int) {
	tb.Helper()
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprintln(w, "idSINPOccTax;idOrigine;statutObservation;nomCite;cdNom;dateDebut;dateFin;heureDebut;observateur;determinateur;denombrementMin;denombrementMax;objetDenombrement;"+
		"typeDenombrement;obsTechnique;occStadeDeVie;occSexe;occStatutBiologique;dSPublique;diffusionNiveauPrecision;idSINPJdd;organismeGestionnaireDonnee;statutSource;geometrie;natureObjetGeo;precision;altitudeMin;altitudeMax;nomLieu;commentaire;campagne")
	r := rand.New(rand.NewPCG(7, 9))
	var codes []int
	for name := range im.taxa.All() {
		if name.Valid() && len(codes) < 2000 {
			codes = append(codes, int(name.CdNom))
		}
	}
	for i := range n {
		lon, lat := 0.0, 0.0
		for {
			if lon, lat = -0.3+r.Float64()*5.1, 42.35+r.Float64()*2.7; im.places.contains(lon, lat) {
				break
			}
		}
		date := (day(1990, 1, 1) + civil.Date(r.IntN(13_000))).String()
		alt := r.IntN(1800)
		cd := codes[int(float64(len(codes))*r.Float64()*r.Float64())]
		fmt.Fprintf(w, "%08x-0000-4000-8000-%012x;O%d;Pr;Taxon %d;%d;%s;%s;09:15;NOM Prénom %d;NOM Prénom;1;%d;IND;Co;0;2;3;3;Pr;5;aaaaaaaa-0000-4000-8000-%012x;Organisme %d;Te;POINT(%.6f %.6f);St;10;%d;%d;Lieu-dit %d;Vu posé, puis en vol;%d\n",
			i, r.Uint64()>>16, i, cd, cd, date, date, r.IntN(2000), 1+r.IntN(9), 1+i%12, i%12, lon, lat, alt, alt, r.IntN(5000), r.IntN(100))
	}
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkImport imports a SINP file with every check and the region's references, and says
// the ratio to inserting the very same rows, ready, into the same table of the same engine.
//
//	go test ./internal/ingest -run xxx -bench Import -benchtime 1x
func BenchmarkImport(b *testing.B) {
	n := benchRows()
	for range b.N {
		b.StopTimer()
		db, vaultPath := realVaultAt(b)
		im := newImporter(b, db)
		path := filepath.Join(b.TempDir(), "bench.csv")
		writeSINP(b, im, path, n)
		b.StartTimer()
		started := time.Now()
		rep, err := im.Import(context.Background(), path, Options{})
		took := time.Since(started)
		b.StopTimer()
		if err != nil {
			b.Fatal(err)
		}
		if rep.Created != n {
			b.Fatalf("%+v", rep)
		}
		raw := rawInsert(b, vaultPath)
		rate := float64(n) / took.Seconds()
		b.ReportMetric(rate, "rows/s")
		b.ReportMetric(raw, "raw-rows/s")
		b.ReportMetric(rate/raw, "ratio")
	}
}

// rawInsert copies the observations of a vault into an empty one by a prepared statement in one
// transaction, and returns the rate. Reading them is not counted.
func rawInsert(tb testing.TB, path string) float64 {
	tb.Helper()
	src, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		tb.Fatal(err)
	}
	defer src.Close()
	dst, err := sqlite.OpenConn(filepath.Join(tb.TempDir(), "raw.sqlite"), sqlite.OpenReadWrite, sqlite.OpenCreate, sqlite.OpenWAL)
	if err != nil {
		tb.Fatal(err)
	}
	defer dst.Close()
	must := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	must(sqlitex.ExecuteTransient(src, `SELECT sql FROM sqlite_master WHERE tbl_name = 'observation' AND sql IS NOT NULL ORDER BY type = 'index'`, &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		return sqlitex.ExecuteTransient(dst, s.ColumnText(0), nil)
	}}))
	must(sqlitex.ExecuteTransient(dst, `PRAGMA foreign_keys = off`, nil))
	read, _, err := src.PrepareTransient(`SELECT * FROM observation ORDER BY id`)
	must(err)
	defer read.Finalize()
	marks := "?"
	for range read.ColumnCount() - 1 {
		marks += ",?"
	}
	write, _, err := dst.PrepareTransient(`INSERT INTO observation VALUES (` + marks + `)`)
	must(err)
	defer write.Finalize()
	must(sqlitex.ExecuteTransient(dst, `BEGIN`, nil))
	var spent time.Duration
	n := 0
	for {
		more, err := read.Step()
		must(err)
		if !more {
			break
		}
		n++
		bind := make([]func(), 0, 64)
		for c := range read.ColumnCount() {
			switch p := c + 1; read.ColumnType(c) {
			case sqlite.TypeNull:
				bind = append(bind, func() { write.BindNull(p) })
			case sqlite.TypeInteger:
				v := read.ColumnInt64(c)
				bind = append(bind, func() { write.BindInt64(p, v) })
			case sqlite.TypeFloat:
				v := read.ColumnFloat(c)
				bind = append(bind, func() { write.BindFloat(p, v) })
			case sqlite.TypeText:
				v := read.ColumnText(c)
				bind = append(bind, func() { write.BindText(p, v) })
			default:
				v := make([]byte, read.ColumnLen(c))
				read.ColumnBytes(c, v)
				bind = append(bind, func() { write.BindBytes(p, v) })
			}
		}
		t := time.Now()
		for _, f := range bind {
			f()
		}
		_, err = write.Step()
		must(err)
		must(write.Reset())
		spent += time.Since(t)
	}
	t := time.Now()
	must(sqlitex.ExecuteTransient(dst, `COMMIT`, nil))
	spent += time.Since(t)
	return float64(n) / spent.Seconds()
}
