package ingest

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/fault"
	"garrigue/internal/i18n"
	"garrigue/internal/needs"
	"garrigue/internal/observation"
)

// told is what a person tells of the files that do not say everything.
func told() map[string]Options {
	return map[string]Options{
		"suivis-occitanie/birdnet-comminges-2021-verifie.csv.gz": {Mapping: &Mapping{name: "birdnet-comminges"}},
		"suivis-occitanie/lez-adne-poissons-2023.csv":            {Mapping: &Mapping{name: "lez-adne-poissons"}},
		"suivis-occitanie/lez-pieges-photo-sans-repetition.xlsx": {Mapping: &Mapping{name: "lez-pieges-photo"}},
		"suivis-occitanie/lez-terrain-2023-02.ods":               {Mapping: &Mapping{name: "lez-stations"}},
		"suivis-occitanie/lez-terrain-2023-02.ods#indices":       {Mapping: &Mapping{name: "lez-indices"}},
		"suivis-occitanie/lez-loutre-indices.xlsx":               {Set: []Setting{{"cdNom", "60630"}}},
	}
}

// TestEverythingShared imports every file of the shared data, whatever its kind, into a vault of its own: it
// comes in with its counts, or says one clear sentence; nothing crashes, nothing is silent. What
// became of each is in testdata/sources.txt: run with -update after a change, and read the
// difference.
func TestEverythingShared(t *testing.T) {
	root := needs.Shared(t, "data", "sources")
	db := realVault(t)
	im := newImporter(t, db)
	var lines []string
	extra := told()
	try := func(name, path string, o Options) {
		o.Dataset, o.DryRun = name, true
		if o.Mapping != nil {
			m, err := ReadMapping(filepath.Join("testdata", "mappings", o.Mapping.name+".toml"))
			if err != nil {
				t.Fatal(err)
			}
			o.Mapping = m
		}
		began := time.Now()
		rep, err := im.Import(context.Background(), path, o)
		if took := time.Since(began); took > time.Minute {
			t.Errorf("%s took %s", name, took)
		}
		lines = append(lines, name+"\n    "+outcome(t, name, rep, err))
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		try(name, path, Options{})
		for _, k := range slices.Sorted(maps.Keys(extra)) {
			if file, _, _ := strings.Cut(k, "#"); file == name {
				try(k+" (told)", path, extra[k])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(lines, "\n") + "\n"
	golden := filepath.Join("testdata", "sources.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
		t.Error(d)
	}
}

// outcome says in one line what became of a file.
func outcome(t *testing.T, name string, rep Report, err error) string {
	t.Helper()
	if err != nil {
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Invalid || !i18n.Has(i18n.FR, f.Key) || !i18n.Has(i18n.EN, f.Key) {
			t.Errorf("%s: no clear sentence: %v", name, err)
			return "no sentence"
		}
		return "sentence " + f.Key
	}
	if rep.Read != rep.Created+rep.Updated+rep.Unchanged+rep.Rejected {
		t.Errorf("%s: %d read, %d accounted for", name, rep.Read, rep.Created+rep.Updated+rep.Unchanged+rep.Rejected)
	}
	s := fmt.Sprintf("%s: %d read, %d created, %d rejected", strings.Trim(rep.Format+" "+rep.Told, " "), rep.Read, rep.Created, rep.Rejected)
	if rep.Passed > 0 {
		s += fmt.Sprintf(", %d passed over", rep.Passed)
	}
	for _, k := range slices.Sorted(maps.Keys(rep.Held)) {
		s += fmt.Sprintf("; held %s %d", k, rep.Held[k])
	}
	for _, k := range slices.Sorted(maps.Keys(rep.Rejects)) {
		s += fmt.Sprintf("; %s %d", k, rep.Rejects[k])
	}
	return s
}

// plainRow is one row of a producer's file, read here without any of the program's code.
type plainRow struct {
	day      string
	lon, lat float64
}

func plainRows(t *testing.T, path, date, lon, lat string, parse func(string) string) []plainRow {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		r = csv.NewReader(z)
	}
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	col := func(name string) int { return slices.Index(rows[0], name) }
	number := func(s string) float64 {
		v, err := strconv.ParseFloat(strings.ReplaceAll(s, ",", "."), 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	var out []plainRow
	for _, row := range rows[1:] {
		out = append(out, plainRow{parse(row[col(date)]), number(row[col(lon)]), number(row[col(lat)])})
	}
	return out
}

// TestOccitanieFiles: what comes out of the vault is what the producers wrote, day for day and
// point for point.
func TestOccitanieFiles(t *testing.T) {
	root := needs.Shared(t, "data", "sources")
	for _, c := range []struct {
		file, date, lon, lat string
		parse                func(string) string
		inside               int // rows in Occitanie, as the shared data's own description says
		taxa                 map[string]int
	}{
		{"csv-structures/bouquetins-gps.csv.gz", "subset_date~date", "geo_2_long~longitude", "geo_2_lat~latitude", func(s string) string { return s[:10] }, 3593,
			map[string]int{"Capra ibex": 3180, "Capra pyrenaica": 5214}},
		{"suivis-occitanie/bourdons-hautes-pyrenees-localises.csv", "Date", "Longitude", "Latitude", func(s string) string {
			d := strings.Split(s, "/")
			return fmt.Sprintf("%s-%02s-%02s", d[2], d[1], d[0])
		}, 854, map[string]int{"Bombus mesomelas": 166, "Bombus terrestris complex": 87, "Bombus gerstaeckeri": 9}},
	} {
		t.Run(filepath.Base(c.file), func(t *testing.T) {
			path := filepath.Join(root, filepath.FromSlash(c.file))
			db := realVault(t)
			rep, err := newImporter(t, db).Import(context.Background(), path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			want := plainRows(t, path, c.date, c.lon, c.lat, c.parse)
			if rep.Told != "doctor" || rep.Rejected != 0 || rep.Created != len(want) {
				t.Errorf("told %q, %d created, %d rejected, %d in the file", rep.Told, rep.Created, rep.Rejected, len(want))
			}
			key := func(day string, lon, lat float64) string {
				return fmt.Sprintf("%s %d %d", day, int(math.Round(lon*1e6)), int(math.Round(lat*1e6)))
			}
			left := map[string]int{}
			for _, w := range want {
				left[key(w.day, w.lon, w.lat)]++
			}
			inside, taxa := 0, map[string]int{}
			for _, o := range all(t, db) {
				left[key(o.When.Start.String(), o.Place.Lon, o.Place.Lat)]--
				if o.Held != observation.OutsideTerritory && o.Place.Department != 0 {
					inside++
				}
				taxa[o.NameCited]++
			}
			for k, n := range left {
				if n != 0 {
					t.Fatalf("a day and a place %+d times", n) // k is a precise place: not shown
				}
				_ = k
			}
			if inside != c.inside {
				t.Errorf("%d in Occitanie, want %d", inside, c.inside)
			}
			for name, n := range c.taxa {
				if taxa[name] != n {
					t.Errorf("%s: %d, want %d", name, taxa[name], n)
				}
			}
		})
	}
}

// TestOccitanieTold: files that lack something, with what a person told.
func TestOccitanieTold(t *testing.T) {
	root := needs.Shared(t, "data", "sources")
	run := func(t *testing.T, file string) (Report, []observation.Observation) {
		t.Helper()
		o := told()[file]
		if o.Mapping != nil {
			m, err := ReadMapping(filepath.Join("testdata", "mappings", o.Mapping.name+".toml"))
			if err != nil {
				t.Fatal(err)
			}
			o.Mapping = m
		}
		name, _, _ := strings.Cut(file, "#")
		db := realVault(t)
		rep, err := newImporter(t, db).Import(context.Background(), filepath.Join(root, filepath.FromSlash(name)), o)
		if err != nil {
			t.Fatal(err)
		}
		return rep, all(t, db)
	}
	t.Run("otters", func(t *testing.T) {
		rep, list := run(t, "suivis-occitanie/lez-loutre-indices.xlsx")
		if rep.Created != 84 || len(list) != 84 { // 85 with the header
			t.Errorf("%d created", rep.Created)
		}
		technique := map[string]int{}
		for _, o := range list {
			if o.CdNom != 60630 || o.Place.Department.Code() != "34" || o.When.Start < day(2023, 1, 1) || o.When.Start > day(2023, 12, 31) {
				t.Errorf("taxon %d, department %s, %s", o.CdNom, o.Place.Department.Code(), o.When.Start)
			}
			technique[o.Technique]++
		}
		t.Log(technique)
	})
	t.Run("environmental DNA", func(t *testing.T) {
		rep, list := run(t, "suivis-occitanie/lez-adne-poissons-2023.csv")
		stations := map[string]bool{}
		coded := 0
		for _, o := range list {
			stations[o.Place.Name] = true
			if o.Technique != "19" || o.When.Start != day(2023, 11, 1) || o.When.End != day(2023, 12, 31) {
				t.Fatalf("technique %q from %s to %s", o.Technique, o.When.Start, o.When.End)
			}
			if o.CdNom != 0 {
				coded++
			}
		}
		b, err := os.ReadFile(filepath.Join(root, "suivis-occitanie", "lez-adne-poissons-2023.csv"))
		if err != nil {
			t.Fatal(err)
		}
		lines := 0 // of the file that begin with a bullet, quote or not
		for l := range strings.SplitSeq(string(b), "\n") {
			if i := strings.LastIndex(l, ",\""); i >= 0 {
				l = l[i+2:]
			}
			if l = strings.TrimSpace(l); strings.HasPrefix(l, "*") || strings.HasPrefix(l, "-") {
				lines++
			}
		}
		if len(stations) != 10 || rep.Created != lines || coded < strings.Count(string(b), "cd_nom/") {
			t.Errorf("%d stations, %d created of %d lines, %d with a taxon", len(stations), rep.Created, lines, coded)
		}
	})
	t.Run("camera traps", func(t *testing.T) {
		rep, list := run(t, "suivis-occitanie/lez-pieges-photo-sans-repetition.xlsx")
		if rep.Passed != 1116+15+1 || rep.Read != 2224-1132+14 || rep.Rejected != 0 { // 14 rows name two animals
			t.Errorf("%d passed over, %d read, %d rejected", rep.Passed, rep.Read, rep.Rejected)
		}
		boars := 0
		for _, o := range list {
			if o.NameCited == "Sanglier" && o.CdNom == 60981 {
				boars++
			}
			if o.When.Start < day(2020, 1, 1) || o.When.Start > day(2024, 2, 1) { // two cameras had the wrong year
				t.Errorf("%s %s", o.When.Start, o.When.StartTime)
			}
		}
		if boars != 320 {
			t.Errorf("%d wild boars", boars)
		}
	})
	t.Run("recordings", func(t *testing.T) {
		rep, list := run(t, "suivis-occitanie/birdnet-comminges-2021-verifie.csv.gz")
		by := map[observation.Validation]int{}
		for _, o := range list {
			by[o.Validation]++
			if o.When.StartTime == "" && !strings.Contains(o.SourceKey, "_000000") || o.Place.Department.Code() != "31" {
				t.Fatalf("%q at %q in %s", o.SourceKey, o.When.StartTime, o.Place.Department.Code())
			}
		}
		if rep.Created != 3453 || by[observation.Certain] != 2717 || by[observation.Invalid] != 717 || by[observation.Doubtful] != 19 {
			t.Errorf("%d created: %v", rep.Created, by)
		}
	})
}
