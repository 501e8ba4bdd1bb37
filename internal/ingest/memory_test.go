package ingest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"garrigue/internal/civil"
	"garrigue/internal/vault"
)

// writeMany writes n rows of the standard with identifiers in no order; the first changed of
// them have another comment at each edition.
func writeMany(tb testing.TB, im *Importer, path string, n, changed, edition int) {
	tb.Helper()
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprintln(w, "idSINPOccTax;idOrigine;statutObservation;nomCite;cdNom;dateDebut;dateFin;observateur;denombrementMin;denombrementMax;objetDenombrement;"+
		"typeDenombrement;occStadeDeVie;occStatutBiologique;dSPublique;idSINPJdd;organismeGestionnaireDonnee;statutSource;geometrie;natureObjetGeo;precision;nomLieu;commentaire;campagne")
	var codes []int
	for name := range im.taxa.All() {
		if name.Valid() && len(codes) < 2000 {
			codes = append(codes, int(name.CdNom))
		}
	}
	r := rand.New(rand.NewPCG(7, 9))
	for i := range n {
		u, v := r.Uint64(), r.Uint64()
		date := (day(1990, 1, 1) + civil.Date(r.IntN(13_000))).String()
		comment := "Vu posé, puis en vol"
		if i < changed {
			comment = fmt.Sprint("édition ", edition)
		}
		fmt.Fprintf(w, "%08x-%04x-4%03x-8%03x-%012x;O%d;Pr;Taxon;%d;%s;%s;NOM Prénom %d;1;%d;IND;Co;2;3;Pr;aaaaaaaa-0000-4000-8000-%012x;Organisme %d;Te;POINT(%.6f %.6f);St;10;Lieu-dit %d;%s;%d\n",
			u>>32, u>>16&0xffff, u&0xfff, v>>52, v&0xffffffffffff, i, codes[r.IntN(len(codes))], date, date, r.IntN(2000), 1+r.IntN(9), i%12, i%12,
			1+r.Float64()*2.3, 43.5+r.Float64()*0.9, r.IntN(5000), comment, r.IntN(100))
	}
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
}

// importAlone imports in a process of its own, whose memory is that of an import and of nothing
// else.
func importAlone(at, file string) int {
	db, err := vault.Open(context.Background(), at)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer db.Close()
	im, err := NewImporter(context.Background(), db, Settings{Today: day(2026, 11, 21)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	rep, err := im.Import(context.Background(), file, Options{Complete: os.Getenv("GARRIGUE_MEMORY_COMPLETE") != ""})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := json.NewEncoder(os.Stdout).Encode(rep); err != nil {
		return 1
	}
	return 0
}

// BenchmarkMemory imports a file, the same again, and with 10,000 rows changed, each in a
// process of its own, and prints the largest resident size of each and its rate.
//
// GARRIGUE_MEMORY_STEPS=first,again leaves the others out.
//
//	GARRIGUE_BENCH_ROWS=10000000 go test ./internal/ingest -run xxx -bench Memory -benchtime 1x -timeout 2h
func BenchmarkMemory(b *testing.B) {
	n := benchRows()
	for range b.N {
		db, at := realVaultAt(b)
		im := newImporter(b, db)
		dir := b.TempDir()
		for i, step := range []struct {
			name, file             string
			rows, changed, edition int
			complete               string
		}{{"first", "tout.csv", n, 0, 0, ""}, {"again", "tout.csv", n, 0, 0, ""}, {"complete", "changé.csv", n, 10_000, 2, "yes"}, {"daily", "jour.csv", 10_000, 10_000, 3, ""}} {
			if only := os.Getenv("GARRIGUE_MEMORY_STEPS"); only != "" && !strings.Contains(only, step.name) {
				continue
			}
			step.file = filepath.Join(dir, step.file)
			if i != 1 {
				writeMany(b, im, step.file, step.rows, step.changed, step.edition)
			}
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "GARRIGUE_MEMORY_VAULT="+at, "GARRIGUE_MEMORY_FILE="+step.file, "GARRIGUE_MEMORY_COMPLETE="+step.complete)
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				b.Fatal(err)
			}
			var rep Report
			if err := json.Unmarshal(out, &rep); err != nil {
				b.Fatal(err)
			}
			b.Logf("%s: created %d, updated %d, unchanged %d, rejected %d, withdrawn %d in %.1f s", step.name, rep.Created, rep.Updated, rep.Unchanged, rep.Rejected, rep.Withdrawn, rep.Seconds)
			if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
				b.ReportMetric(float64(u.Maxrss)/1024, step.name+"-MB")
			}
			b.ReportMetric(rep.RowsPerSecond, step.name+"-rows/s")
		}
	}
}
