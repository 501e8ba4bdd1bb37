package ingest

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/i18n"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
	"garrigue/internal/vault"
)

func smallRows(n int) string {
	var b strings.Builder
	b.WriteString("id_origine;cd_nom;nom_cite;date_min;observers;WKT;remarque\n")
	for i := range n {
		fmt.Fprintf(&b, "%d;67111;Ablette;2020-01-%02d;x;POINT(3.%05d 43.55);r%d\n", i, 1+i%28, 1000+i%19000, i)
	}
	return b.String()
}

// TestBadInput gives files nobody can read: each is one sentence in both languages, of kind
// Invalid, and the vault stays as it was.
func TestBadInput(t *testing.T) {
	table := []byte(smallRows(200))
	zipped := func(name string, content []byte) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	gzipped := func(content []byte) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	header := []byte("id_origine;cd_nom;nom_cite;date_min;observers;WKT;remarque\n1;67111;Ablette;2020-01-01;x;POINT(3.05 43.55);")
	z, gz := zipped("t.csv", table), gzipped(table)
	for name, content := range map[string][]byte{
		"empty.csv": {}, "blank.csv": []byte("\n\n\n"), "header.csv": table[:bytes.IndexByte(table, '\n')+1],
		"truncated.zip": z[:len(z)-40], "truncated.csv.gz": gz[:len(gz)-40], "binary.csv": bytes.Repeat([]byte{0, 1, 2, 255, 254, 7}, 1000),
		"bomb.zip": zipped("t.csv", append(bytes.Clone(header), bytes.Repeat([]byte("a"), 300<<20)...)), "long-line.csv": append(bytes.Clone(header), bytes.Repeat([]byte("a"), 40<<20)...),
		"document.xml": []byte("<?xml version=\"1.0\"?><a/>"), "observations.gml": []byte("<?xml version=\"1.0\"?><gml:FeatureCollection/>"), "api.json": []byte(`{"data":[]}`),
		"bad-meta.zip": zipped("meta.xml", []byte("<archive><core")), "meta-lies.zip": zipped("meta.xml", []byte(`<archive><core rowType="http://rs.tdwg.org/dwc/terms/Occurrence" fieldsTerminatedBy="\t"><files><location>away.txt</location></files><id index="0"/></core></archive>`)),
		"meta-index.zip": zipped("meta.xml", []byte(`<archive><core rowType="Occurrence"><files><location>meta.xml</location></files><id index="0"/><field index="2000000000" term="a"/></core></archive>`)),
		"twice.csv":      []byte("cd_nom;cd_nom;date_min;WKT\n1;1;2020-01-01;POINT(3 43)\n"),
	} {
		t.Run(name, func(t *testing.T) {
			db, _ := smallVault(t)
			before := tally(t, db)
			path := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := newImporter(t, db).Import(context.Background(), path, Options{})
			var e *fault.Error
			if !errors.As(err, &e) || e.Kind != fault.Invalid {
				t.Fatalf("not an Invalid fault: %v", err)
			}
			for _, lang := range []i18n.Lang{i18n.FR, i18n.EN} {
				if s := i18n.T(lang, e.Key, e.Args...); !i18n.Has(lang, e.Key) || strings.Contains(s, "{") {
					t.Errorf("%s sentence of %s: %q", lang, e.Key, s)
				}
			}
			if tally(t, db) != before {
				t.Error("something was written")
			}
		})
	}
	t.Run("away", func(t *testing.T) {
		db, _ := smallVault(t)
		if _, err := newImporter(t, db).Import(context.Background(), "nowhere.csv", Options{}); !fault.Is(err, fault.NotFound) {
			t.Errorf("a file that is not there: %v", err)
		}
		if _, err := newImporter(t, db).Import(context.Background(), t.TempDir(), Options{}); !fault.Is(err, fault.Invalid) {
			t.Errorf("a folder: %v", err)
		}
		// A device, like a pipe, is refused before it is opened: opening may wait for ever.
		var e *fault.Error
		if _, err := newImporter(t, db).Import(context.Background(), os.DevNull, Options{}); !errors.As(err, &e) || e.Key != "ingest.not_regular" {
			t.Errorf("a device: %v", err)
		}
		if _, err := LoadReference(context.Background(), db, refTaxref, os.DevNull, ReferenceOptions{}); !errors.As(err, &e) || e.Key != "ingest.unreadable" {
			t.Errorf("a device as a reference: %v", err)
		}
	})
}

// TestWrongEncoding: bytes that are no UTF-8 past where the encoding was decided reject their
// row, not the file, and never pass as text.
func TestWrongEncoding(t *testing.T) {
	db, _ := smallVault(t)
	path := filepath.Join(t.TempDir(), "t.csv")
	text := "id_origine;cd_nom;nom_cite;date_min;observers;WKT;remarque\né;67111;Ablette;2020-01-01;x;POINT(3.05 43.55);r\n" + strings.SplitN(smallRows(20_000), "\n", 2)[1]
	write(t, path, text+"zz;67111;Ablette;2020-01-01;x;POINT(3.05 43.55);\xe9t\xe9\n")
	rep, err := newImporter(t, db).Import(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	checkInvariant(t, rep)
	if rep.Encoding != "utf-8" || rep.Rejected != 1 || rep.Rejects["INVALID_ENCODING"] != 1 || rep.Created != 20_001 {
		t.Errorf("%s: created %d, rejects %v", rep.Encoding, rep.Created, rep.Rejects)
	}
}

func TestDryRunKeepsNothing(t *testing.T) {
	db, _ := smallVault(t)
	im := newImporter(t, db)
	path := filepath.Join(t.TempDir(), "t.csv")
	write(t, path, smallRows(50)+"50;x;Ablette;2020-01-01;x;POINT(3.05 43.55);r\n")
	before := tally(t, db)
	dry, err := im.Import(context.Background(), path, Options{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	if dry.Created != 50 || dry.Rejected != 1 || !dry.DryRun || tally(t, db) != before {
		t.Errorf("dry run: created %d, rejected %d, vault %v", dry.Created, dry.Rejected, tally(t, db))
	}
	real, err := im.Import(context.Background(), path, Options{})
	if err != nil || real.Created != 50 {
		t.Errorf("after it: created %d, %v", real.Created, err)
	}
}

func TestUpdateAndProgress(t *testing.T) {
	db, _ := smallVault(t)
	im := newImporter(t, db)
	path := filepath.Join(t.TempDir(), "t.csv")
	write(t, path, smallRows(3000))
	var last Progress
	rep, err := im.Import(context.Background(), path, Options{Dataset: "Suivi", Organisation: "LPO", Progress: func(p Progress) {
		if p.Bytes < last.Bytes || p.Bytes > p.Size {
			t.Errorf("progress went from %+v to %+v", last, p)
		}
		last = p
	}})
	if err != nil || rep.Created != 3000 || len(rep.Datasets) != 1 || rep.Datasets[0] != "Suivi" || last.Rows != 3000 || last.Bytes != last.Size {
		t.Fatalf("%v: %+v, progress %+v", err, rep.Datasets, last)
	}
	write(t, path, strings.Replace(smallRows(3000), "\n7;67111;Ablette;", "\n7;60612;Lynx;", 1))
	rep, err = im.Import(context.Background(), path, Options{Dataset: "Suivi", Organisation: "LPO"})
	if err != nil || rep.Updated != 1 || rep.Unchanged != 2999 {
		t.Errorf("%v: updated %d, unchanged %d", err, rep.Updated, rep.Unchanged)
	}
}

// TestOrder: rows are numbered in the order of the file, whatever the number of workers.
func TestOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.csv")
	write(t, path, smallRows(7500))
	for _, workers := range []int{1, 5} {
		db, _ := smallVault(t)
		im, err := NewImporter(context.Background(), db, Settings{Today: day(2026, 11, 21), Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := im.Import(context.Background(), path, Options{}); err != nil {
			t.Fatal(err)
		}
		i := 0
		err = db.Observations(context.Background(), disclosure.Grant{Who: "test", Reason: "comparison"}, vault.Complete, func(o *observation.Observation) error {
			if o.SourceKey != itoa(i) || o.Extra["remarque"] != "r"+itoa(i) {
				return fmt.Errorf("row %d is %s", i, o.SourceKey)
			}
			i++
			return nil
		})
		if err != nil || i != 7500 {
			t.Errorf("%d workers: %d rows, %v", workers, i, err)
		}
	}
}

func TestCancelKeepsNothing(t *testing.T) {
	db, _ := smallVault(t)
	before := tally(t, db)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	path := filepath.Join(t.TempDir(), "t.csv")
	write(t, path, smallRows(30_000))
	ctx, cancel := context.WithCancel(context.Background())
	_, err := newImporter(t, db).Import(ctx, path, Options{Progress: func(p Progress) {
		if p.Rows > 5000 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if tally(t, db) != before {
		t.Error("something was written")
	}
}

// TestKilled kills an import half-way with SIGKILL, in a process of its own: nothing of it is
// there, and the next run is as a first one.
func TestKilled(t *testing.T) {
	if os.Getenv("GARRIGUE_KILL_VAULT") != "" {
		importForKill(t)
		return
	}
	dir := t.TempDir()
	path, file := filepath.Join(dir, "vault.sqlite"), filepath.Join(dir, "t.csv")
	db, err := vault.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	loadSmall(t, db)
	before := tally(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, file, smallRows(60_000))
	child := exec.Command(os.Args[0], "-test.run", "^TestKilled$")
	child.Env = append(os.Environ(), "GARRIGUE_KILL_VAULT="+path, "GARRIGUE_KILL_FILE="+file)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("half"))); err != nil {
		t.Fatalf("the child never got half-way: %v", err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Fatal("the child ended by itself")
	}
	db = openVault(t, path)
	if got := tally(t, db); got != before {
		t.Errorf("after the kill the vault holds %v, before %v", got, before)
	}
	rep, err := newImporter(t, db).Import(context.Background(), file, Options{})
	if err != nil || rep.Created != 60_000 {
		t.Errorf("the next run: created %d, %v", rep.Created, err)
	}
}

func importForKill(t *testing.T) {
	db, err := vault.Open(context.Background(), os.Getenv("GARRIGUE_KILL_VAULT"))
	if err != nil {
		t.Fatal(err)
	}
	told := false
	_, err = newImporter(t, db).Import(context.Background(), os.Getenv("GARRIGUE_KILL_FILE"), Options{Progress: func(p Progress) {
		if p.Rows > 30_000 && !told {
			told = true
			fmt.Print("half")
			os.Stdout.Sync()
			time.Sleep(time.Minute) // to be killed here, the batch open
		}
	}})
	t.Fatalf("not killed: %v", err)
}

// TestWithoutReferences: an import before anything is loaded works and holds everything; once the
// references are there, classing again frees everything.
func TestWithoutReferences(t *testing.T) {
	ctx := context.Background()
	db := openVault(t, filepath.Join(t.TempDir(), "vault.sqlite"))
	path := filepath.Join(t.TempDir(), "t.csv")
	write(t, path, "id_origine;cd_nom;nom_cite;date_min;observers;WKT;codecommune\n1;67111;Ablette;2020-01-01;x;POINT(3.05 43.55);\n2;;Lynx lynx;2020-01-01;x;POINT(3.05 43.55);\n3;67111;Ablette;2020-01-01;x;;34001\n")
	rep, err := newImporter(t, db).Import(ctx, path, Options{})
	if err != nil || rep.Created != 3 || rep.Held["unmatched_taxon"] != 3 {
		t.Fatalf("%v: %+v", err, rep)
	}
	if rep.Warnings["NO_AREAS"] != 3 || rep.Warnings["NO_SENSITIVITY"] != 3 {
		t.Errorf("the report does not say what is missing: %v", rep.Warnings)
	}
	loadSmall(t, db)
	current, classed, err := db.Generation(ctx)
	if err != nil || current == classed {
		t.Fatalf("generation %d, classed %d: %v", current, classed, err)
	}
	if _, err := Reclass(ctx, db, Settings{Today: day(2026, 11, 21)}, nil); err != nil {
		t.Fatal(err)
	}
	if current, classed, err = db.Generation(ctx); err != nil || current != classed {
		t.Errorf("generation %d, classed %d: %v", current, classed, err)
	}
	var refs []string
	each := func(o *observation.Observation) error {
		refs = append(refs, fmt.Sprintf("%d %d %s", o.CdRef, o.Sensitivity, holdName(o.Held)))
		return nil
	}
	if err := db.Observations(ctx, disclosure.Grant{Who: "test", Reason: "comparison"}, vault.ForPublication, each); err != nil {
		t.Fatal(err)
	}
	// Matched and placed now.
	if got := strings.Join(refs, ", "); got != "67111 0 none, 60612 2 none, 67111 0 none" {
		t.Errorf("after classing again: %s", got)
	}
	rep, err = newImporter(t, db).Import(ctx, path, Options{})
	// The lynx had no code: a name alone is now known to be one, which is new content.
	if err != nil || rep.Updated != 1 || rep.Unchanged != 2 || len(rep.Held) != 0 {
		t.Errorf("imported again: %v: updated %d, unchanged %d, held %v", err, rep.Updated, rep.Unchanged, rep.Held)
	}
}

// TestReclass: a new list changes the level of what is already there.
func TestReclass(t *testing.T) {
	ctx := context.Background()
	db, _ := smallVault(t)
	path := filepath.Join(t.TempDir(), "t.csv")
	write(t, path, smallRows(10))
	if _, err := newImporter(t, db).Import(ctx, path, Options{}); err != nil {
		t.Fatal(err)
	}
	if current, classed, err := db.Generation(ctx); err != nil || current != classed {
		t.Errorf("a first import classes everything: generation %d, classed %d, %v", current, classed, err)
	}
	if _, err := db.PutSensitivity(ctx, vault.Reference{Kind: "sensitivity", Name: "autre", SHA256: "9"}, []sensitivity.List{{ID: "16"}},
		seq([]sensitivity.Rule{{List: "16", CdNom: 67111, Level: 1}})); err != nil {
		t.Fatal(err)
	}
	n, err := Reclass(ctx, db, Settings{Today: day(2026, 11, 21)}, func(Progress) {})
	if err != nil || n != 10 {
		t.Errorf("%d changed, %v", n, err)
	}
	if n, err = Reclass(ctx, db, Settings{Today: day(2026, 11, 21)}, nil); err != nil || n != 0 {
		t.Errorf("again: %d changed, %v", n, err)
	}
}

// TestDwcaJoin reads an event core with its occurrences, fixed values and quotes.
func TestDwcaJoin(t *testing.T) {
	meta := `<archive xmlns="http://rs.tdwg.org/dwc/text/">
	<core rowType="http://rs.tdwg.org/dwc/terms/Event" fieldsTerminatedBy="\t" ignoreHeaderLines="1"><files><location>event.txt</location></files><id index="0"/>
	<field index="1" term="http://rs.tdwg.org/dwc/terms/eventDate"/><field index="2" term="http://rs.tdwg.org/dwc/terms/decimalLatitude"/><field index="3" term="http://rs.tdwg.org/dwc/terms/decimalLongitude"/>
	<field default="Suivi des lynx" term="http://rs.tdwg.org/dwc/terms/datasetName"/></core>
	<extension rowType="http://rs.tdwg.org/dwc/terms/Occurrence" fieldsTerminatedBy=";" fieldsEnclosedBy="'" encoding="ISO-8859-1"><files><location>occ.csv</location></files><coreid index="0"/>
	<field index="1" term="http://rs.tdwg.org/dwc/terms/occurrenceID"/><field index="2" term="http://rs.tdwg.org/dwc/terms/scientificName"/><field default="Absent" term="http://rs.tdwg.org/dwc/terms/occurrenceStatus"/></extension></archive>`
	path := filepath.Join(t.TempDir(), "a.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for name, text := range map[string]string{"meta.xml": meta, "event.txt": "id\tdate\tlat\tlon\ne1\t2020-05-01\t43.55\t3.05\n", "occ.csv": "e1;o1;'Lynx lynx'\ne2;o2;Rana temporaria\n"} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	db, _ := smallVault(t)
	rep, err := newImporter(t, db).Import(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Format != Archive || rep.Created != 1 || rep.Rejects["MISSING_VALUE"] != 1 || !slices.Equal(rep.Datasets, []string{"Suivi des lynx"}) {
		t.Errorf("%+v", rep)
	}
	err = db.Observations(context.Background(), disclosure.Grant{Who: "test", Reason: "comparison"}, vault.Complete, func(o *observation.Observation) error {
		if o.CdRef != 60612 || o.Presence != observation.Absent || o.When.Start != day(2020, 5, 1) || o.Place.Commune != geo.AdminKey(geo.Commune, "34001") {
			t.Errorf("%s", summary(o))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
