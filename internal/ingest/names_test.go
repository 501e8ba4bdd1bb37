package ingest

import (
	"archive/zip"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/naming"
	"garrigue/internal/needs"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// birds adds to the small world names that several taxa bear.
func birds(t testing.TB, db *vault.DB) {
	t.Helper()
	ctx := context.Background()
	name := func(cd taxon.CdNom, sci, vern string) taxon.Name {
		return taxon.Name{CdNom: cd, CdRef: taxon.CdRef(cd), Rank: taxon.Species, ScientificName: sci, FullName: sci, Vernacular: vern,
			Kingdom: "Animalia", Class: "Aves", Group2: "Oiseaux"}
	}
	if _, err := db.PutNames(ctx, vault.Reference{Kind: "taxref", Name: "birds", Version: "v17", SHA256: "b"}, seq([]taxon.Name{
		name(3764, "Parus major", "Mésange charbonnière, Petite mésange"), name(534742, "Cyanistes caeruleus", "Mésange bleue, Petite mésange")})); err != nil {
		t.Fatal(err)
	}
	if _, err := db.PutCodes(ctx, vault.Reference{Kind: "visionature", Name: "vn", SHA256: "v"}, vault.VisioNature,
		seq([]vault.Code{{Code: "354", CdNom: 459478}})); err != nil {
		t.Fatal(err)
	}
}

// refs returns the taxon and the hold of each observation, by key.
func refs(t testing.TB, db *vault.DB) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := db.Observations(context.Background(), disclosure.Grant{Who: "test", Reason: "comparison"}, vault.Complete, func(o *observation.Observation) error {
		out[o.SourceKey] = itoa(int(o.CdRef)) + " " + holdName(o.Held)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const namesFile = "id_origine;cd_nom;nom_cite;nom_scientifique;regne;id_espece_visionature;date_min;observers;WKT\n" +
	"1;;Petite mésange;;;;2020-01-01;x;POINT(3.05 43.55)\n" +
	"2;;Petite mésange;;;;2020-01-02;x;POINT(3.05 43.55)\n" +
	"3;;Delichon sp.;;;;2020-01-03;x;POINT(3.05 43.55)\n" +
	"4;67111;Lynx boréal;;;;2020-01-04;x;POINT(3.05 43.55)\n" +
	"5;;Lynx boréal;Parus major;;;2020-01-05;x;POINT(3.05 43.55)\n" +
	"6;;;;;354;2020-01-06;x;POINT(3.05 43.55)\n" +
	"7;;Aucune espèce;;;;2020-01-07;x;POINT(3.05 43.55)\n" +
	"8;555;Delichon urbicum;;;;2020-01-08;x;POINT(3.05 43.55)\n" +
	"9;;Delichon urbicum;;Plantae;;2020-01-09;x;POINT(3.05 43.55)\n"

// TestSettle: what is not clear waits with its candidates, is settled once, is taken up without
// a new import, and is remembered by the next one.
func TestSettle(t *testing.T) {
	ctx := context.Background()
	db, _ := smallVault(t)
	birds(t, db)
	path := filepath.Join(t.TempDir(), "n.csv")
	write(t, path, namesFile)
	rep, err := newImporter(t, db).Import(ctx, path, Options{Source: "lpo", Dataset: "Relevés"})
	if err != nil || rep.Created != 9 {
		t.Fatalf("%v %+v", err, rep)
	}
	for code, n := range map[string]int{"NAME_RAISED": 1, "NAME_CODE_MISMATCH": 1, "NAMES_DISAGREE": 1} {
		if rep.Warnings[code] != n {
			t.Errorf("%s: %d, want %d: %v", code, rep.Warnings[code], n, rep.Warnings)
		}
	}
	want := map[string]string{"1": "0 unmatched_taxon", "2": "0 unmatched_taxon", "3": "100 none", "4": "67111 none", "5": "3764 none", "6": "459478 none",
		"7": "0 unmatched_taxon", "8": "0 unmatched_taxon", "9": "0 unmatched_taxon"}
	check := func(when string) {
		t.Helper()
		got := refs(t, db)
		for k, w := range want {
			if got[k] != w {
				t.Errorf("%s: row %s is %s, want %s", when, k, got[k], w)
			}
		}
	}
	check("imported")

	n, err := NewNamer(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	list, err := n.Pending(ctx)
	if err != nil || len(list) != 4 {
		t.Fatalf("%v: %+v", err, list)
	}
	if p := list[0]; p.Name != "Petite mésange" || p.Rows != 2 || p.Outcome != "ambiguous" || len(p.Candidates) != 2 || !slices.Equal(p.Datasets, []string{"Relevés"}) {
		t.Errorf("first: %+v", p)
	}
	settle := func(d naming.Decision) {
		t.Helper()
		d.By = "Anne"
		d, err := n.Settle(ctx, d)
		if err != nil {
			t.Fatal(err)
		}
		if d.Taxref != "v17" || time.Since(d.At) > time.Minute {
			t.Errorf("decision %+v", d)
		}
	}
	settle(naming.Decision{Cited: "petite Mésange", CdNom: 3764, Source: "lpo", Reason: "usage local"})
	settle(naming.Decision{Cited: "Petite mésange", CdNom: 534742, Dataset: "Relevés"})
	settle(naming.Decision{Cited: "Aucune espèce"})
	settle(naming.Decision{Cited: "555", CdNom: 67111})
	if changed, err := Rename(ctx, db, Settings{Today: day(2026, 11, 21)}); err != nil || changed != 3 {
		t.Errorf("taken up: %d, %v", changed, err)
	}
	want["1"], want["2"], want["8"] = "534742 none", "534742 none", "67111 none"
	check("settled")
	if n, err = NewNamer(ctx, db); err != nil {
		t.Fatal(err)
	}
	if list, err = n.Pending(ctx); err != nil || len(list) != 1 || list[0].Name != "Delichon urbicum" {
		t.Errorf("still pending: %v %+v", err, list)
	}
	// The next import of the same names asks nothing.
	other := filepath.Join(t.TempDir(), "m.csv")
	write(t, other, strings.ReplaceAll(namesFile, "\n1;", "\n11;"))
	if rep, err = newImporter(t, db).Import(ctx, other, Options{Source: "lpo", Dataset: "Relevés"}); err != nil || rep.Created != 1 {
		t.Fatalf("%v %+v", err, rep)
	}
	want["11"] = "534742 none"
	check("imported again")
	// A decision forgotten: back to the one of the source.
	settle(naming.Decision{Cited: "Petite mésange", Dataset: "Relevés", Revoked: true})
	if _, err := Reclass(ctx, db, Settings{Today: day(2026, 11, 21)}, nil); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []naming.Decision{{Cited: "x", CdNom: 424242}, {Cited: "x", CdNom: 100, Dataset: "nulle part"}, {Cited: " ", CdNom: 100}, {Cited: "x", CdNom: 100}} {
		if bad.Cited != "x" || bad.CdNom != 100 || bad.Dataset != "" {
			bad.By = "Anne" // the last says nobody
		}
		if _, err := n.Settle(ctx, bad); !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.NotFound) {
			t.Errorf("%+v was taken: %v", bad, err)
		}
	}
}

const taxrefHead = "REGNE\tPHYLUM\tCLASSE\tORDRE\tFAMILLE\tGROUP1_INPN\tGROUP2_INPN\tCD_NOM\tCD_TAXSUP\tCD_SUP\tCD_REF\tRANG\tLB_NOM\tLB_AUTEUR\tNOM_COMPLET\tNOM_VERN\tHABITAT\tFR\n"

func taxrefRow(cd, sup, ref, rank, name string) string {
	return "Animalia\tChordata\tAves\tPasseriformes\tX\tChordés\tOiseaux\t" + cd + "\t" + sup + "\t" + sup + "\t" + ref + "\t" + rank + "\t" + name + "\tL., 1758\t" + name + " L., 1758\t\t3\tP\n"
}

func zipped(t testing.TB, path string, files map[string]string) string {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	for name, text := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDiffTaxref: what the comparison announces is what happens once the version is loaded.
func TestDiffTaxref(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	db := openVault(t, filepath.Join(dir, "vault.sqlite"))
	old := taxrefHead + taxrefRow("1", "", "1", "GN", "Aus") + taxrefRow("10", "1", "10", "ES", "Aus bus") + taxrefRow("11", "1", "10", "ES", "Aus cus") +
		taxrefRow("20", "1", "20", "ES", "Aus dus") + taxrefRow("21", "1", "21", "ES", "Aus eus") + taxrefRow("30", "1", "30", "ES", "Aus fus") +
		taxrefRow("40", "1", "40", "ES", "Aus gus") + taxrefRow("50", "1", "50", "ES", "Aus hus")
	new := taxrefHead + taxrefRow("1", "", "1", "GN", "Aus") + taxrefRow("10", "1", "10", "ES", "Aus bus") + taxrefRow("11", "1", "11", "ES", "Aus cus") +
		taxrefRow("20", "1", "20", "ES", "Aus dus") + taxrefRow("21", "1", "20", "ES", "Aus eus") + taxrefRow("30", "20", "30", "SSES", "Aus dus fus") +
		taxrefRow("51", "1", "51", "ES", "Aus ius") + taxrefRow("60", "1", "60", "ES", "Aus kus")
	whole := ReferenceOptions{Complete: true}
	v17 := zipped(t, filepath.Join(dir, "TAXREF_v17_2024.zip"), map[string]string{"TAXREFv17.txt": old})
	v18 := zipped(t, filepath.Join(dir, "TAXREF_v18_2025.zip"), map[string]string{"TAXREFv18.txt": new,
		"CDNOM_DISPARUS.csv": "CD_NOM;PLUS_RECENTE_DIFFUSION;CD_NOM_REMPLACEMENT;RAISON_SUPPRESSION\n50;17.0;51;doublon\n40;17.0;;ambigu\n70;17.0;10;scindé\n70;17.0;11;scindé\n"})
	if _, err := LoadReference(ctx, db, "taxref", v17, whole); err != nil {
		t.Fatal(err)
	}
	communes, departments := smallAreas()
	must := func(_ vault.Reference, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(db.PutAreas(ctx, vault.Reference{Kind: "areas", Name: "c", SHA256: "c"}, communes[0].Key.Kind(), seq(communes)))
	must(db.PutAreas(ctx, vault.Reference{Kind: "areas", Name: "d", SHA256: "d"}, departments[0].Key.Kind(), seq(departments)))
	sens := filepath.Join(dir, "sensibles-2020.csv")
	write(t, sens, "CD_NOM;CODAGE;CD_DEPT\n21;2;34\n40;3;34\n")
	must(LoadReference(ctx, db, "sensitivity", sens, ReferenceOptions{}))
	must(db.PutStatuses(ctx, vault.Reference{Kind: "statuses", Name: "s", SHA256: "s"}, seq([]taxon.Status{{CdRef: 21, Type: "LRN", Code: "VU"}, {CdRef: 10, Type: "PN"}})))
	file := "id_origine;cd_nom;nom_cite;date_min;observers;WKT\n"
	for i, cd := range []string{"10", "11", "11", "20", "21", "30", "40", "50", "60"} {
		file += itoa(i) + ";" + cd + ";;2020-01-01;x;POINT(3.05 43.55)\n"
	}
	path := filepath.Join(dir, "o.csv")
	write(t, path, file)
	if rep, err := newImporter(t, db).Import(ctx, path, Options{}); err != nil || rep.Held["unmatched_taxon"] != 1 {
		t.Fatalf("%v %+v", err, rep)
	}
	before := refs(t, db)
	d, err := DiffTaxref(ctx, db, v18, whole)
	if err != nil {
		t.Fatal(err)
	}
	if got := refs(t, db); got["2"] != before["2"] {
		t.Error("the comparison changed the vault")
	}
	if d.Added != 2 || d.Removed != 2 || d.Unreplaced != 1 || len(d.Lost) != 1 || d.Lost[0].CdNom != 40 || d.Lost[0].Observations != 1 || d.Lost[0].Rules != 1 {
		t.Errorf("names: %+v, lost %+v", d, d.Lost)
	}
	wantChanges := map[string]int{"split": 1, "merged": 1, "recoded": 1, "renamed": 1, "rank": 1, "gone": 1}
	for k, n := range wantChanges {
		if d.Changes[k] != n {
			t.Errorf("%s: %d, want %d (%v)", k, d.Changes[k], n, d.Changes)
		}
	}
	if e := d.Effect; e.Rows != 9 || e.Moved != 4 || e.Unmatched != 1 || e.Matched != 1 {
		t.Errorf("observations %+v", e)
	}
	if d.Statuses != (AttachedDiff{2, 1, 0}) || d.Rules != (AttachedDiff{2, 1, 1}) {
		t.Errorf("statuses %+v, rules %+v", d.Statuses, d.Rules)
	}
	// Aus fus is a subspecies of Aus dus from then on: its sheet goes into the species', as does eus's.
	for k, n := range map[string]int{"split": 1, "merged": 1, "recoded": 1, "gone": 1, "new": 1, "level": 1} {
		if d.Sheets[k] != n {
			t.Errorf("sheets %s: %d, want %d (%v)", k, d.Sheets[k], n, d.Sheets)
		}
	}
	// And it does happen.
	must(LoadReference(ctx, db, "taxref", v18, whole))
	if _, err := Reclass(ctx, db, Settings{Today: day(2026, 11, 21)}, nil); err != nil {
		t.Fatal(err)
	}
	moved, lost := 0, 0
	for k, now := range refs(t, db) {
		ref, _, _ := strings.Cut(now, " ")
		was, _, _ := strings.Cut(before[k], " ")
		switch {
		case ref == "0" && was != "0":
			lost++
		case ref != was && was != "0":
			moved++
		}
	}
	if moved != d.Effect.Moved || lost != d.Effect.Unmatched {
		t.Errorf("moved %d, lost %d; announced %+v", moved, lost, d.Effect)
	}
	if again, err := DiffTaxref(ctx, db, v18, whole); err != nil || again.Added+again.Removed+len(again.Taxa)+again.Effect.Moved != 0 {
		t.Errorf("once loaded, it still differs: %v %+v", err, again)
	}
	if n, err := NewNamer(ctx, db); err != nil || len(n.Resolve(naming.Given{Code: 70}).Candidates) != 2 {
		t.Errorf("the split code has no two candidates: %v", err)
	}
}

// TestVisioNatureCodes loads the real table: the numbers of species without CD_NOM are left
// out, the house martin is there.
func TestVisioNatureCodes(t *testing.T) {
	ctx := context.Background()
	db, _ := smallVault(t)
	path := needs.Shared(t, "data", "reference", "correspondance-visionature-taxref.csv.gz")
	ref, err := LoadReference(ctx, db, "visionature", path, ReferenceOptions{})
	if err != nil || ref.Rows < 24_000 || ref.Rows > 24_878 {
		t.Fatalf("%v: %d rows", err, ref.Rows)
	}
	codes, err := db.Codes(ctx, vault.VisioNature)
	if err != nil || codes["354"] != 459478 || len(codes) != ref.Rows {
		t.Errorf("%v: 354 is %d, %d codes", err, codes["354"], len(codes))
	}
	if _, err := LoadReference(ctx, db, "statuses", path, ReferenceOptions{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("taken for statuses: %v", err)
	}
	if d, err := DiffReference(ctx, db, "visionature", path, ReferenceOptions{}); err != nil || d.Added+d.Removed+d.Changed != 0 || d.Before != ref.Rows {
		t.Errorf("compared with itself: %v %+v", err, d)
	}
}
