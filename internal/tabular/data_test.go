package tabular

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"garrigue/internal/needs"
)

const shared = "../../../shared"

// readShared returns a file of the shared data, which lie beside the checkout.
func readShared(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(needs.Shared(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t testing.TB, b []byte, name string, o Options) *Reader {
	t.Helper()
	r, err := Open(bytes.NewReader(b), int64(len(b)), name, o)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return r
}

// count reads a table to its end: rows, and those whose number of fields is not the header's.
func count(t testing.TB, r *Reader) (rows, uneven, damaged int) {
	t.Helper()
	for {
		row, err := r.Next()
		if err == io.EOF {
			return rows, uneven, damaged
		}
		if err != nil {
			t.Fatal(err)
		}
		rows++
		if r.Header() != nil && len(row.Fields) != len(r.Header()) {
			uneven++
		}
		if row.Damaged {
			damaged++
		}
	}
}

// realFiles are the delimited files of the shared data, with what data/README.md counts in
// them, or what was counted by hand where it is silent.
var realFiles = []struct {
	name          string
	rows, columns int
	sep           byte
	enc           Encoding
	uneven        int
}{
	{"reference/bdc-statuts-types-v18.csv", 24, 5, ',', UTF8, 0},
	{"reference/communes-occitanie-cog2026.csv", 4446, 11, ',', UTF8, 0},
	{"reference/communes-occitanie-passage-anciens-codes.csv", 229, 5, ',', UTF8, 0},
	{"reference/correspondance-visionature-taxref.csv.gz", 46222, 2, ',', UTF8, 0},
	{"reference/departements-occitanie.csv", 13, 2, ',', UTF8, 0},
	{"reference/epci-occitanie.csv", 164, 6, ',', UTF8, 0},
	{"reference/especes-sensibles-2019.tsv.gz", 15155, 9, '\t', UTF8, 0},
	{"reference/especes-sensibles-listes.csv", 8, 7, ',', UTF8, 0},
	{"reference/geonature-listes-taxons.tsv", 31, 6, '\t', UTF8, 0},
	{"reference/liste-rouge-poissons-france-2019.csv", 110, 22, ';', UTF8, 0},
	{"reference/listes-rouges-extrait-7100taxons.csv.gz", 10256, 6, ';', UTF8, 0},
	{"reference/nomenclatures-sinp-types.csv", 101, 6, ',', UTF8, 0},
	{"reference/nomenclatures-sinp.csv", 568, 9, ',', UTF8, 0},
	{"reference/statuts-bdc-extrait-7100taxons.csv.gz", 42941, 5, ';', UTF8, 0},
	{"reference/statuts-nationaux-faune-taxref17.csv.gz", 21386, 22, ';', UTF8, 0},
	{"reference/statuts-nationaux-flore-taxref17.csv.gz", 21630, 13, ';', UTF8, 0},
	{"reference/statuts-regionaux-faune-taxref17.csv.gz", 26144, 14, ';', UTF8, 0},
	{"reference/taxref-cdnom-disparus.tsv.gz", 9088, 5, '\t', UTF8, 0},
	{"reference/taxref-changements-v11-v12.csv.gz", 7179, 9, ',', UTF8, 0},
	{"reference/taxref-changements-v17.csv.gz", 765, 17, ',', UTF8, 0},
	{"reference/taxref-changements-v18.csv.gz", 825, 17, ',', UTF8, 0},
	{"reference/taxref-extrait-7100taxons-complet.csv.gz", 7109, 22, ';', UTF8, 0},
	{"reference/taxref-noms-francais-geonature.tsv.gz", 6710, 5, '\t', UTF8, 0},
	{"reference/taxref-noms-valides.tsv.gz", 46050, 17, '\t', UTF8, 0},
	{"reference/visionature-especes-oiseaux.csv", 6968, 4, ',', UTF8, 0}, // the README says 6967
	{"sources/autres/observation-org-export.csv", 80, 33, ',', UTF8, 0},
	{"sources/csv-structures/basenaturaliste/ages.csv", 16, 1, 0, UTF8, 0},
	{"sources/csv-structures/basenaturaliste/classes.csv", 14, 1, 0, UTF8, 0},
	{"sources/csv-structures/basenaturaliste/communes.csv", 19, 1, 0, UTF8, 0},
	{"sources/csv-structures/basenaturaliste/comportements.csv", 11, 1, 0, UTF8, 0},
	{"sources/csv-structures/basenaturaliste/departements.csv", 7, 2, ';', UTF8, 7},
	{"sources/csv-structures/basenaturaliste/especes.csv", 36, 1, 0, UTF8, 0},
	{"sources/csv-structures/basenaturaliste/estimations-distance.csv", 6, 2, ';', UTF8, 6},
	{"sources/csv-structures/basenaturaliste/estimations-nombre.csv", 6, 2, ';', UTF8, 6},
	{"sources/csv-structures/basenaturaliste/lieux-dits.csv", 54, 1, 0, UTF8, 0}, // one row has a comma
	{"sources/csv-structures/basenaturaliste/meteos.csv", 8, 2, ';', UTF8, 8},
	{"sources/csv-structures/basenaturaliste/milieux.csv", 11, 1, 0, UTF8, 0},
	{"sources/csv-structures/basenaturaliste/observateurs.csv", 5, 2, ';', UTF8, 5},
	{"sources/csv-structures/basenaturaliste/sexes.csv", 7, 2, ';', UTF8, 7},
	{"sources/csv-structures/bouquetins-gps.csv.gz", 8394, 29, ',', UTF8, 0},
	{"sources/csv-structures/pne-faune-2008-2010.csv", 532, 12, ';', Windows1252, 0},
	{"sources/dwca/ipt/event-event.txt", 2, 4, '\t', UTF8, 0},
	{"sources/dwca/ipt/res1-occurrence.txt", 2, 4, '\t', UTF8, 0},
	{"sources/ebird/ebd-rollup-ex.txt", 23, 52, '\t', UTF8, 0},
	{"sources/ebird/ebd-sample.txt", 400, 52, '\t', UTF8, 0},
	{"sources/gbif-csv/0009886-250127130748423.zip", 91, 50, '\t', UTF8, 0},
	{"sources/gbif-csv/csv_optional_quotes_puma.csv.gz", 3391, 14, ',', Windows1252, 2560},
	{"sources/geonature/import-occhab/valid_file.csv", 44, 17, ';', UTF8, 0},
	{"sources/geonature/import-synthese/altitude_file.csv", 11, 8, ';', UTF8, 0},
	{"sources/geonature/import-synthese/dates.csv", 16, 11, ';', UTF8, 0},
	{"sources/geonature/import-synthese/depth.csv", 6, 8, ';', UTF8, 0},
	{"sources/geonature/import-synthese/few_lines.csv", 3, 75, ';', UTF8, 0},
	{"sources/geonature/import-synthese/geom_file.csv", 21, 11, ';', UTF8, 0},
	{"sources/geonature/import-synthese/jdd_to_import_file.csv", 8, 76, ';', UTF8, 0},
	{"sources/geonature/import-synthese/nomenclatures_file.csv", 12, 12, ';', UTF8, 0},
	{"sources/geonature/import-synthese/simple_file.csv", 2, 2, ';', UTF8, 0},
	{"sources/geonature/import-synthese/source_pk_file.csv", 5, 7, ';', UTF8, 0},
	{"sources/geonature/import-synthese/uuid_file.csv", 6, 7, ';', UTF8, 0},
	{"sources/geonature/import-synthese/valid_file.csv", 6, 76, ';', UTF8, 0},
	{"sources/geonature/synthese-echange-cen-paca.tsv.gz", 897, 51, '\t', UTF8, 0},
	{"sources/inaturalist/observations.csv", 50, 94, ',', UTF8, 0},
	{"sources/inaturalist/observations_dwca.csv", 50, 45, ',', UTF8, 0},
	{"sources/sinp-dee/dee_test_documentation.csv", 47, 87, ';', UTF8, 0},
	{"sources/sinp-dee/dee_test_mnhn.csv", 49, 87, ';', UTF8, 0},
	{"sources/sinp-dee/dee_test_mnhnlight.csv", 4, 87, ';', UTF8, 0},
	{"sources/sinp-dee/dsr_test_coherence_erreurs.csv", 27, 87, ';', UTF8, 0},
	{"sources/sinp-dee/habitats-final-UTF8.csv", 53, 17, ';', UTF8, 0},
	{"sources/sinp-dee/stations-final-UTF8.csv", 50, 29, ';', UTF8, 0},
	{"sources/suivis-occitanie/birdnet-comminges-2021-verifie.csv.gz", 3453, 16, ',', UTF8, 0},
	{"sources/suivis-occitanie/bourdons-hautes-pyrenees-localises.csv", 854, 11, ',', UTF8, 0},
	{"sources/suivis-occitanie/lez-adne-poissons-2023.csv", 10, 4, ',', UTF8, 0},
	{"sources/visionature/faune-occitanie-hirondelle-fenetre-31.tsv", 952, 44, '\t', UTF8, 0},
}

func TestRealFiles(t *testing.T) {
	for _, c := range realFiles {
		b := readShared(t, "data/"+c.name)
		r := open(t, b, c.name, Options{})
		rows, uneven, damaged := count(t, r)
		if rows != c.rows || len(r.Header()) != c.columns || uneven != c.uneven || damaged != 0 ||
			r.Separator() != c.sep || r.Encoding() != c.enc {
			t.Errorf("%s: %d rows × %d columns, %d uneven, %d damaged, %q, %s; wanted %d × %d, %d, %q, %s", c.name, rows,
				len(r.Header()), uneven, damaged, r.Separator(), r.Encoding(), c.rows, c.columns, c.uneven, c.sep, c.enc)
		}
		if r.Offset() != r.Size() {
			t.Errorf("%s: read %d of %d bytes", c.name, r.Offset(), r.Size())
		}
	}
}

// Every delimited file is in the table above.
func TestNoRealFileIsForgotten(t *testing.T) {
	readShared(t, "data/README.md")
	known := map[string]bool{}
	for _, c := range realFiles {
		known[c.name] = true
	}
	delimited := regexp.MustCompile(`\.(csv|tsv|txt)(\.gz)?$`)
	for _, dir := range []string{"reference", "sources"} {
		err := filepath.WalkDir(filepath.Join(shared, "data", dir), func(p string, _ os.DirEntry, err error) error {
			name := strings.TrimPrefix(filepath.ToSlash(p), shared+"/data/")
			if err == nil && delimited.MatchString(name) && !known[name] {
				t.Errorf("%s is not tested", name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Tables of Darwin Core archives, as their meta.xml describes them.
func TestRealArchives(t *testing.T) {
	for _, c := range []struct {
		name, entry   string
		o             Options
		rows, columns int
	}{
		{"archive-occ.zip", "archive-occ/DarwinCore.txt", Options{}, 1534, 27},
		{"checklist_980.zip", "taxa.csv", Options{}, 356, 19},
		// This one names taxonID twice: it can be read only by position.
		{"checklist_980.zip", "occurrences.csv", Options{NoHeader: true, SkipLines: 1, Separator: ';'}, 740, 157},
		{"checklist_980.zip", "media.csv", Options{NoHeader: true, SkipLines: 1, Separator: ';', AllowNoRows: true}, 0, 21},
		{"dwca-2extensions.zip", "vernacularname.txt", Options{}, 4, 4},
		{"dwca-nometadata.zip", "occurrence.txt", Options{}, 2, 5},
		{"dwca-simple-csv-dos.zip", "0008333-160118175350007.csv", Options{}, 3, 42},
		{"gbif-2247944e-taxon-occurrence.zip", "occurrence.txt", Options{NoQuote: true}, 619, 26},
		{"gbif-2247944e-taxon-occurrence.zip", "taxon.txt", Options{NoQuote: true}, 412, 17},
		{"gbif-9997fa4e-event-emof.zip", "event.txt", Options{}, 30, 18},
		{"gbif-download-2014-0000066.zip", "occurrence.txt", Options{NoQuote: true}, 470, 225},
		{"gbif-download-2014-0000066.zip", "verbatim.txt", Options{NoQuote: true}, 470, 209},
		{"gbif-results.zip", "occurrence.txt", Options{NoHeader: true}, 158, 64}, // no header line; the README takes the first row for one
		{"plants-dwca-ext.zip", "occurrence.txt", Options{}, 306, 7},
		{"validator-occurrence.zip", "occurrence.txt", Options{}, 19, 47},
	} {
		b := readShared(t, "data/sources/dwca/"+c.name)
		c.o.Entry = c.entry
		r := open(t, b, c.name, c.o)
		rows, columns := 0, len(r.Header())
		for {
			row, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if columns == 0 {
				columns = len(row.Fields)
			}
			if len(row.Fields) != columns {
				t.Errorf("%s %s line %d: %d fields", c.name, c.entry, row.Line, len(row.Fields))
			}
			rows++
		}
		if rows != c.rows || rows > 0 && columns != c.columns || r.Entry() != c.entry {
			t.Errorf("%s %s: %d rows × %d, wanted %d × %d", c.name, r.Entry(), rows, columns, c.rows, c.columns)
		}
	}
}

// The table of an archive is found without being named, among notes and metadata.
func TestArchiveTableIsFound(t *testing.T) {
	for name, want := range map[string]string{
		"archive-occ.zip":                    "archive-occ/DarwinCore.txt",
		"gbif-download-2014-0000066.zip":     "occurrence.txt",
		"gbif-2247944e-taxon-occurrence.zip": "occurrence.txt",
		"dwca-simple-csv.zip":                "0008333-160118175350007.csv",
		"dwca-default-metadata-filename.zip": "occurrence.txt",
	} {
		if r := open(t, readShared(t, "data/sources/dwca/"+name), name, Options{}); r.Entry() != want {
			t.Errorf("%s: %s, wanted %s", name, r.Entry(), want)
		}
	}
}
