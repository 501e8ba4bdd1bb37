package ingest

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/i18n"
	"garrigue/internal/observation"
	"garrigue/internal/quality"
	"garrigue/internal/vault"
)

// TestEverySource imports every real file of the formats this version reads: each imports with
// its counts, or says one clear sentence; a second import changes nothing.
func TestEverySource(t *testing.T) {
	needShared(t)
	// Rows the file has, from the shared data's own description; -1: one sentence.
	want := map[string]int{
		"sinp-dee/dee_test_documentation.csv": 46, "sinp-dee/dee_test_mnhn.csv": 48, "sinp-dee/dee_test_mnhnlight.csv": 3, "sinp-dee/dsr_test_coherence_erreurs.csv": 27,
		"sinp-dee/ExempleOccurrenceTaxon-2154.gml": 2, "sinp-dee/habitats-final-UTF8.csv": -1, "sinp-dee/stations-final-UTF8.csv": -1,
		"geonature/synthese-echange-cen-paca.tsv.gz": 897, "geonature/import-occhab/valid_file.csv": -1,
		"geonature/import-synthese/altitude_file.csv": 11, "geonature/import-synthese/dates.csv": 16, "geonature/import-synthese/depth.csv": 6,
		"geonature/import-synthese/few_lines.csv": 3, "geonature/import-synthese/geom_file.csv": 21, "geonature/import-synthese/jdd_to_import_file.csv": 8,
		"geonature/import-synthese/nomenclatures_file.csv": 12, "geonature/import-synthese/simple_file.csv": -1, "geonature/import-synthese/source_pk_file.csv": 5,
		"geonature/import-synthese/uuid_file.csv": 6, "geonature/import-synthese/valid_file.csv": 6,
		"dwca/archive-occ.zip": 1534, "dwca/checklist_980.zip": 740, "dwca/dwca-2extensions.zip": -1, "dwca/dwca-default-metadata-filename.zip": -1, "dwca/dwca-ids.zip": -1,
		"dwca/dwca-nometadata.zip": -1, "dwca/dwca-simple-csv-dos.zip": 3, "dwca/dwca-simple-csv.zip": 3, "dwca/dwca-simple-test-archive.zip": -1, "dwca/dwca-star-test-archive.zip": -1,
		"dwca/dwca-test-default.zip": -1, "dwca/gbif-2247944e-taxon-occurrence.zip": -1, "dwca/gbif-9997fa4e-event-emof.zip": 1, "dwca/gbif-download-2014-0000066.zip": 470,
		"dwca/gbif-results.zip":    158, // its meta.xml says ignoreHeaderLines=0: the first line is data too
		"dwca/plants-dwca-ext.zip": -1, "dwca/validator-occurrence.zip": 19, "dwca/ipt/event-event.txt": -1, "dwca/ipt/res1-occurrence.txt": -1,
		"gbif-csv/0009886-250127130748423.zip": 91, "gbif-csv/csv_optional_quotes_puma.csv.gz": -1,
		"visionature/faune-occitanie-hirondelle-fenetre-31.tsv": 952, "visionature/faune-occitanie-hirondelle-fenetre-31.geojson": 952, "csv-structures/pne-faune-2008-2010-shp.zip": 508, "inaturalist/observations.csv": 50, "inaturalist/observations_dwca.csv": 50,
	}
	db := realVault(t)
	im := newImporter(t, db)
	ctx := context.Background()
	found := 0
	for _, dir := range []string{"sinp-dee", "geonature", "dwca", "gbif-csv"} {
		err := filepath.WalkDir(filepath.Join(shared, "sources", dir), func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				rel, _ := filepath.Rel(filepath.Join(shared, "sources"), path)
				if _, ok := want[filepath.ToSlash(rel)]; !ok {
					t.Errorf("%s: not expected here", rel)
				}
				found++
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		// Each in a dataset of its own: several of them share rows.
		path, opts := filepath.Join(shared, "sources", name), Options{Dataset: name}
		before := tally(t, db)
		rep, err := im.Import(ctx, path, opts)
		if want[name] < 0 {
			var e *fault.Error
			switch {
			case err == nil:
				t.Errorf("%s: imported (%d rows), a sentence was expected", name, rep.Read)
			case !errors.As(err, &e) || e.Kind != fault.Invalid || !i18n.Has(i18n.FR, e.Key) || !i18n.Has(i18n.EN, e.Key):
				t.Errorf("%s: no clear sentence: %v", name, err)
			case tally(t, db) != before:
				t.Errorf("%s: something was written", name)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		checkInvariant(t, rep)
		if rep.Read != want[name] {
			t.Errorf("%s: read %d rows, want %d", name, rep.Read, want[name])
		}
		again, err := im.Import(ctx, path, opts)
		if err != nil {
			t.Errorf("%s again: %v", name, err)
			continue
		}
		if again.Created+again.Updated != 0 || again.Rejected != rep.Rejected || again.Unchanged != rep.Created+rep.Updated+rep.Unchanged {
			t.Errorf("%s again: created %d, updated %d, unchanged %d, rejected %d; first %d, %d, %d, %d", name,
				again.Created, again.Updated, again.Unchanged, again.Rejected, rep.Created, rep.Updated, rep.Unchanged, rep.Rejected)
		}
	}
	if found < 39 {
		t.Errorf("only %d source files found", found)
	}
}

// tally counts what the vault holds.
func tally(t *testing.T, db *vault.DB) [3]int {
	t.Helper()
	var n [3]int
	count := func(*observation.Observation) error { n[0]++; return nil }
	if err := db.Observations(context.Background(), disclosure.Grant{Who: "test", Reason: "count"}, vault.ForPublication, count); err != nil {
		t.Fatal(err)
	}
	d, err := db.Datasets(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	b, err := db.Batches(context.Background(), 10_000)
	if err != nil {
		t.Fatal(err)
	}
	n[1], n[2] = len(d), len(b)
	return n
}

// TestSwallows imports the real VisioNature export and compares communes, cells and years with
// what the file itself says, read here without the importer.
func TestSwallows(t *testing.T) {
	db := realVault(t)
	path := filepath.Join(shared, "sources/visionature/faune-occitanie-hirondelle-fenetre-31.tsv")
	rep, err := newImporter(t, db).Import(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Created != 952 || rep.Rejected != 0 || len(rep.Held) != 0 {
		t.Fatalf("created %d, rejected %d, held %v", rep.Created, rep.Rejected, rep.Held)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma = '\t'
	r.LazyQuotes = true
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	col := map[string]int{}
	for i, h := range rows[0] {
		col[strings.TrimPrefix(h, "\ufeff")] = i
	}
	bySighting := map[string][]string{}
	wantYears, wantDoubtful := map[int]int{}, 0
	yearOf := regexp.MustCompile(`-(\d\d)$`)
	for _, row := range rows[1:] {
		bySighting[row[col["ID_SIGHTING"]]] = row
		y, err := strconv.Atoi(yearOf.FindStringSubmatch(row[col["DATE"]])[1])
		if err != nil {
			t.Fatal(err)
		}
		wantYears[2000+y]++
		if row[col["ADMIN_HIDDEN"]] != "" {
			wantDoubtful++
		}
	}
	communes, err := db.Areas(context.Background(), geo.Commune)
	if err != nil {
		t.Fatal(err)
	}
	names, byName := map[geo.AreaKey]string{}, map[string]geo.Area{}
	for _, a := range communes {
		names[a.Key] = a.Name
		if a.Parent.Code() == "31" {
			byName[a.Name] = a
		}
	}
	gotYears, doubtful := map[int]int{}, 0
	var otherCommune, otherDepartment, otherCell []string
	err = db.Observations(context.Background(), disclosure.Grant{Who: "test", Reason: "comparison"}, vault.Complete, func(o *observation.Observation) error {
		row := bySighting[o.SourceKey]
		if row == nil || o.CdRef != 459478 {
			t.Errorf("sighting %s: taxon %d", o.SourceKey, o.CdRef)
			return nil
		}
		if d := o.Place.Department.Code(); d != row[col["COUNTY"]] {
			otherDepartment = append(otherDepartment, o.SourceKey+": "+d)
		}
		gotYears[o.When.Start.Year()]++
		if o.Validation == observation.Doubtful {
			doubtful++
		}
		said := row[col["MUNICIPALITY"]]
		if n := names[o.Place.Commune]; n != today(said) {
			otherCommune = append(otherCommune, o.SourceKey+": "+n+" ≠ "+said)
			// VisioNature files a record under the commune of the nearest named place: the point
			// may lie a little over its border.
			if m := metresFrom(byName[today(said)], o.Place.Box); m > 400 {
				t.Errorf("%s: %.0f m from %s", o.SourceKey, m, said)
			}
		}
		cell, ok := o.Place.Box.Cell(geo.Cell10)
		if want, _ := geo.ParseCell(row[col["GRID_NAME"]]); !ok || cell != want {
			otherCell = append(otherCell, o.SourceKey+": "+cell.Code()+" ≠ "+row[col["GRID_NAME"]])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(wantYears, gotYears); d != "" {
		t.Error(d)
	}
	if doubtful != wantDoubtful || doubtful != 51 {
		t.Errorf("%d doubtful, the file hides %d", doubtful, wantDoubtful)
	}
	t.Logf("communes that differ: %v; departments: %v; cells: %v", otherCommune, otherDepartment, otherCell)
	if len(otherCommune) > 21 || len(otherDepartment) > 1 || len(otherCell) > 0 {
		t.Errorf("%d communes, %d departments, %d cells differ from the file's", len(otherCommune), len(otherDepartment), len(otherCell))
	}
}

// today returns the name a commune bears now: VisioNature puts articles last, and two
// mergers and a change of name came after the file.
func today(name string) string {
	switch name {
	case "Lasserre", "Pradère-les-Bourguets":
		return "Lasserre-Pradère"
	case "Saint-Béat":
		return "Saint-Béat-Lez"
	case "Rieux":
		return "Rieux-Volvestre"
	}
	if base, article, ok := strings.Cut(strings.TrimSuffix(name, ")"), " ("); ok {
		if strings.HasSuffix(article, "'") {
			return article + base
		}
		return article + " " + base
	}
	return name
}

// metresFrom returns the distance from the outline of an area to a box's corner, by the
// vertices and the middles of sides: enough to tell a border from another commune.
func metresFrom(a geo.Area, b geo.Box) float64 {
	best := math.Inf(1)
	for _, poly := range a.Geometry {
		for _, ring := range poly {
			for i := 1; i < len(ring); i++ {
				x0, y0 := geo.ToLambert93(ring[i-1][0], ring[i-1][1])
				x1, y1 := geo.ToLambert93(ring[i][0], ring[i][1])
				for k := range 9 {
					f := float64(k) / 8
					best = min(best, math.Hypot(x0+(x1-x0)*f-b.MinX, y0+(y1-y0)*f-b.MinY))
				}
			}
		}
	}
	return best
}

// aixAreas is a territory around the points of GeoNature's own test files.
func aixAreas(t *testing.T, db *vault.DB) {
	t.Helper()
	ctx := context.Background()
	square := orb.MultiPolygon{{{{5, 43.1}, {5.8, 43.1}, {5.8, 43.7}, {5, 43.7}, {5, 43.1}}}}
	d := geo.AdminKey(geo.Department, "13")
	if _, err := db.PutAreas(ctx, vault.Reference{Kind: "areas", Name: "13", SHA256: "13"}, geo.Commune,
		seq([]geo.Area{{Key: geo.AdminKey(geo.Commune, "13088"), Name: "Simiane", Parent: d, Geometry: square}})); err != nil {
		t.Fatal(err)
	}
	if _, err := db.PutAreas(ctx, vault.Reference{Kind: "areas", Name: "13d", SHA256: "13d"}, geo.Department,
		seq([]geo.Area{{Key: d, Name: "Bouches-du-Rhône", Geometry: square}})); err != nil {
		t.Fatal(err)
	}
}

// TestGeoNatureExpectedErrors compares, row by row, what becomes of GeoNature's own test files with
// the errors their authors wrote beside each row.
func TestGeoNatureExpectedErrors(t *testing.T) {
	needShared(t)
	// Their names of a check that has another one here.
	same := map[string]quality.Code{"INVALIDE_DATE": quality.InvalidDate, "NO-GEOM": quality.NoGeoreference, "GEOMETRY_OUTSIDE": quality.GeometryOutside,
		// Years before 1900 are those of herbaria: told, not refused.
		"DATE_MIN_TOO_LOW": quality.OldDate, "DATE_MAX_TOO_LOW": quality.OldDate}
	// Rows where we differ, by file and line, with the reason.
	except := map[string]string{
		"altitude_file.csv:4":      "GeoNature computes the other altitude from its relief model; there is none here",
		"altitude_file.csv:6":      "the same",
		"uuid_file.csv:5":          "an identifier of another dataset is accepted, and recognised: EXISTING_UUID is a warning",
		"valid_file.csv:4":         "GeoNature is told to take id_synthese for the key; here id_origine is, and differs",
		"valid_file.csv:5":         "the same",
		"jdd_to_import_file.csv:5": "datasets are created as they come: none is missing, inactive, private or forbidden to its sender",
		"jdd_to_import_file.csv:6": "the same", "jdd_to_import_file.csv:7": "the same", "jdd_to_import_file.csv:8": "the same", "jdd_to_import_file.csv:9": "the same",
	}
	used := map[string]bool{}
	for _, file := range []string{"altitude_file.csv", "dates.csv", "depth.csv", "geom_file.csv", "nomenclatures_file.csv", "source_pk_file.csv", "uuid_file.csv", "valid_file.csv", "jdd_to_import_file.csv"} {
		t.Run(file, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "vault.sqlite")
			db := openVault(t, path)
			loadSmall(t, db)
			aixAreas(t, db)
			im := newImporter(t, db)
			ctx := context.Background()
			// The identifier one row finds already there, as in GeoNature's tests.
			existing := filepath.Join(t.TempDir(), "existing.csv")
			write(t, existing, "unique_id_sinp;cd_nom;nom_cite;date_min;observers;WKT\nf4428222-d038-40bc-bc5c-6e977bbbc92b;67111;Ablette;2016-01-01;x;POINT(5.4 43.4)\n")
			if _, err := im.Import(ctx, existing, Options{}); err != nil {
				t.Fatal(err)
			}
			src, expected := expectations(t, filepath.Join(shared, "sources/geonature/import-synthese", file))
			rep, err := im.Import(ctx, src, Options{})
			if err != nil {
				t.Fatal(err)
			}
			rejects, err := db.Rejects(ctx, rep.Batch)
			if err != nil {
				t.Fatal(err)
			}
			got := map[int][]quality.Finding{}
			for _, m := range mapFile(t, im, src) {
				got[m.line] = m.findings
			}
			for _, r := range rejects {
				got[r.Line] = append(got[r.Line], r.Findings...)
			}
			held := 0
			for line, words := range expected {
				key := fmt.Sprintf("%s:%d", file, line)
				if err := compare(words, got[line], same, &held); err != nil {
					if except[key] == "" {
						t.Errorf("line %d, %q: %v", line, words, err)
					}
					used[key] = true
				} else if except[key] != "" {
					t.Errorf("line %d is no exception any more", line)
				}
			}
			if n := rep.Warnings["EXISTING_UUID"]; file == "uuid_file.csv" && n != 1 {
				t.Errorf("%d twins by their identifier", n)
			}
			if file == "geom_file.csv" && rep.Held["outside_territory"] != held {
				t.Errorf("%d held outside the territory, %d expected", rep.Held["outside_territory"], held)
			}
			if rep.Read != len(expected) {
				t.Errorf("%d rows read, %d in the file", rep.Read, len(expected))
			}
		})
	}
	for k := range except {
		if !used[k] {
			t.Errorf("%s: exception never met", k)
		}
	}
}

// compare says how a row's findings differ from what its author wrote.
func compare(words string, got []quality.Finding, same map[string]quality.Code, held *int) error {
	var want []quality.Code
	for _, w := range regexp.MustCompile(`[A-Z][A-Z_-]{5,}`).FindAllString(words, -1) {
		c := quality.Code(w)
		if s, ok := same[w]; ok {
			c = s
		}
		switch {
		case c == quality.GeometryOutside:
			*held++ // held here, not refused
		case strings.Contains(w, "WARNING"), w == "FIXME":
		default:
			want = append(want, c)
		}
	}
	switch words {
	case "duplicate id":
		want = append(want, quality.DuplicateEntitySourcePK)
	case "count min > count max":
		want = append(want, quality.CountMinSupCountMax)
	}
	if len(want) == 0 && slices.ContainsFunc(got, func(f quality.Finding) bool { return f.Code.Severity() == quality.Reject }) {
		return fmt.Errorf("rejected: %v", got)
	}
	for _, w := range want {
		if !slices.ContainsFunc(got, func(f quality.Finding) bool { return f.Code == w }) {
			return fmt.Errorf("%s not found in %v", w, got)
		}
	}
	return nil
}

// expectations reads the column of expected errors, and gives a copy of the file whose
// placeholders are identifiers, as GeoNature's tests do.
func expectations(t *testing.T, path string) (copy string, expected map[int]string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	text := regexp.MustCompile(`@[A-Z_]+@`).ReplaceAllStringFunc(string(b), func(string) string {
		n++
		return fmt.Sprintf("33333333-3333-4333-8333-%012d", n)
	})
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = ';'
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := slices.IndexFunc(rows[0], func(h string) bool { return strings.HasPrefix(strings.ToLower(h), "err") })
	expected = map[int]string{}
	for i, row := range rows[1:] {
		words := row[column]
		for _, more := range row[column+1:] { // two errors of dates.csv are cut by the separator
			if column > 0 {
				words += "; " + more
			}
		}
		expected[i+2] = strings.TrimSuffix(words, "; ")
	}
	copy = filepath.Join(t.TempDir(), filepath.Base(path))
	write(t, copy, text)
	return copy, expected
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
