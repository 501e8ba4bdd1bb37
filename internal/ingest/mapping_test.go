package ingest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/i18n"
	"garrigue/internal/observation"
	"garrigue/internal/tabular"
	"garrigue/internal/vault"
)

func parse(t *testing.T, text string) *Mapping {
	t.Helper()
	m, err := ParseMapping("essai.toml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return m
}

// sentence returns the key of an error, and checks that it is a sentence in both languages.
func sentence(t *testing.T, err error) string {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Errorf("no sentence: %v", err)
		return ""
	}
	for _, l := range []i18n.Lang{i18n.FR, i18n.EN} {
		if s := i18n.T(l, f.Key, f.Args...); !i18n.Has(l, f.Key) || strings.Contains(s, "{") && !strings.Contains(f.Error(), "{") {
			t.Errorf("%s: %q", f.Key, s)
		}
	}
	return f.Key
}

func TestMappingErrors(t *testing.T) {
	for _, c := range []struct {
		name, text, key string
		line            int
	}{
		{"syntax", "[columns]\n\"a\" = ", "mapping.syntax", 2},
		{"unknown setting", "colour = \"red\"", "mapping.key", 1},
		{"unknown setting deeper", "[columns]\na = \"cdNom\"\n[split]\ncolumn = \"a\"\nevery = \"x\"\n", "mapping.key", 5},
		{"unknown attribute", "[columns]\na = \"cdNum\"", "mapping.attribute", 2},
		{"twice", "[columns]\na = \"cdNom\"\n[fixed]\ncdNom = 3", "mapping.twice", 4},
		{"twice by key", "key = [\"b\"]\n[columns]\na = \"idOrigine\"", "mapping.twice", 0},
		{"format", "format = \"xls\"", "mapping.value", 1},
		{"projection", "projection = \"Mars\"", "mapping.value", 1},
		{"order", "date_order = \"jour\"", "mapping.value", 1},
		{"decimal", "decimal = \"'\"", "mapping.value", 1},
		{"pattern", "[extracted.dateDebut]\ncolumn = \"a\"\npattern = \"(\"", "mapping.value", 1},
		{"groups", "[split]\ncolumn = \"a\"\npattern = \"(a)(b)\"\nattributes = [\"nomCite\"]", "mapping.value", 3},
		{"code", "[values.occSexe]\nM = \"macho\"", "mapping.code", 2},
		{"fixed code", "[fixed]\noccSexe = \"femelles ou mâles\"", "mapping.code", 2},
		{"values of nothing", "[values.sexes]\nM = \"3\"", "mapping.attribute", 1},
		{"kind", "[fixed]\ncdNom = [1]", "mapping.syntax", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseMapping("essai.toml", []byte(c.text))
			if key := sentence(t, err); key != c.key {
				t.Fatalf("%s, want %s", key, c.key)
			}
			var f *fault.Error
			errors.As(err, &f)
			if c.line > 0 && f.Args[1] != c.line {
				t.Errorf("line %v, want %d", f.Args[1], c.line)
			}
		})
	}
	if _, err := ReadMapping(filepath.Join(t.TempDir(), "none.toml")); sentence(t, err) != "mapping.none" || !fault.Is(err, fault.NotFound) {
		t.Errorf("absent file: %v", err)
	}
	if _, err := ReadMapping(t.TempDir()); sentence(t, err) != "mapping.unreadable" {
		t.Errorf("folder: %v", err)
	}
}

func TestParseSettings(t *testing.T) {
	got, err := ParseSettings([]string{"cd_nom=60630", "Annee = 2020", "jeu de données=A=B"})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]Setting{{"cdNom", "60630"}, {"année", "2020"}, {"jeu de données", "A=B"}}, got); d != "" {
		t.Error(d)
	}
	for text, key := range map[string]string{"cdNom": "mapping.set", "cdNom=": "mapping.set", "couleur=1": "mapping.set_unknown", "occSexe=trois": "mapping.code"} {
		if _, err := ParseSettings([]string{text}); sentence(t, err) != key {
			t.Errorf("%s: %v", text, err)
		}
	}
}

const fullMapping = `
projection = "EPSG:2154"
date_order = "MDY"
decimal = ","
key = ["Station", "Jour"]
ignored = ["Rien"]
[columns]
"Nom latin" = "nom scientifique"
Genre = "occSexe"
[fixed]
dSPublique = "Pu"
altitudeMin = 12.5
heureDebut = "08:00"
[combined]
commentaire = "{a} / {b \" c}"
[extracted.dateDebut]
column = "Fichier"
pattern = '_(\d{4})(\d{2})(\d{2})_'
as = "$1-$2-$3"
[split]
column = "Liste"
pattern = '(?m)^- (.*)$'
attributes = ["nomCite"]
[values.occSexe]
M = "3"
"F ?" = "2"
`

// TestMappingText: what is written is read again the same, with and without comments.
func TestMappingText(t *testing.T) {
	m := parse(t, fullMapping)
	same := cmpopts.IgnoreUnexported(Mapping{})
	if d := cmp.Diff(m, parse(t, string(m.Text(nil, nil))), same); d != "" {
		t.Error(d)
	}
	say := func(key string, args ...any) string {
		if !i18n.Has(i18n.FR, key) || !i18n.Has(i18n.EN, key) {
			t.Errorf("no sentence %s", key)
		}
		return i18n.T(i18n.FR, key, args...)
	}
	commented := string(m.Text(say, map[string]string{"Genre": "un\ndeux"}))
	if d := cmp.Diff(m, parse(t, commented), same); d != "" {
		t.Error(d)
	}
	if !strings.Contains(commented, `Genre = "occSexe"  # un deux`) {
		t.Errorf("no note:\n%s", commented)
	}
	rapid.Check(t, func(t *rapid.T) {
		m := &Mapping{Columns: map[string]string{}, Values: map[string]map[string]scalar{"occSexe": {}}}
		for _, c := range rapid.SliceOfN(rapid.StringN(1, 12, -1), 0, 6).Draw(t, "columns") {
			m.Values["occSexe"][c] = "2"
		}
		if c := rapid.StringN(1, 20, -1).Draw(t, "column"); true {
			m.Columns[c] = "cdNom"
		}
		again, err := ParseMapping("x", m.Text(nil, nil))
		if err != nil {
			t.Fatalf("%v\n%s", err, m.Text(nil, nil))
		}
		if d := cmp.Diff(m.Columns, again.Columns); d != "" {
			t.Fatal(d)
		}
		if len(m.Values["occSexe"]) > 0 && !cmp.Equal(m.Values, again.Values) {
			t.Fatal(cmp.Diff(m.Values, again.Values))
		}
	})
}

func FuzzMapping(f *testing.F) {
	f.Add(fullMapping)
	f.Add("[columns]\na=1")
	f.Add("[values.\"\"]\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMapping("x", []byte(text))
		if err != nil {
			return
		}
		if _, err := ParseMapping("x", m.Text(nil, nil)); err != nil {
			t.Fatalf("%v\n%s", err, m.Text(nil, nil))
		}
		w, err := m.meet([]string{"a", "b", "c"}, "f")
		if err != nil || w.derive == nil {
			return
		}
		for _, row := range w.derive.rows(tabular.Row{Fields: []string{"1", "x", "- y\n- z"}}) {
			if len(row.Fields) != 3+len(w.derive.names) {
				t.Fatalf("%d fields", len(row.Fields))
			}
		}
	})
}

// TestDeriver: rows of the right length get their derived values, the others stay wrong by as
// much.
func TestDeriver(t *testing.T) {
	m := parse(t, "key = [\"s\"]\n[combined]\ncommentaire = \"{a} et {b}\"\n[extracted.dateDebut]\ncolumn = \"b\"\npattern = '(\\d{4})'\n[split]\ncolumn = \"l\"\npattern = '([A-Z]\\w+)'\nattributes = [\"nomCite\"]")
	w, err := m.meet([]string{"s", "a", "b", "l"}, "f")
	if err != nil {
		t.Fatal(err)
	}
	got := func(fields ...string) (out [][]string) {
		for _, r := range w.derive.rows(tabular.Row{Fields: fields}) {
			out = append(out, r.Fields)
		}
		return out
	}
	for _, c := range []struct {
		fields []string
		want   [][]string
	}{
		{[]string{"1", "x", "an 2020", "Rana, Bufo"}, [][]string{{"1", "x", "an 2020", "Rana, Bufo", "Rana", "1|Rana", "x et an 2020", "2020"},
			{"1", "x", "an 2020", "Rana, Bufo", "Bufo", "1|Bufo", "x et an 2020", "2020"}}},
		{[]string{"1", "", "", "rien", " "}, [][]string{{"1", "", "", "rien", "", "1|", "", ""}}},
		{[]string{"1", "x"}, [][]string{{"1", "x"}}},
		{[]string{"1", "x", "y", "z", "trop"}, [][]string{{"1", "x", "y", "z", "trop", "·", "·", "·", "·"}}},
	} {
		if d := cmp.Diff(c.want, got(c.fields...)); d != "" {
			t.Error(d)
		}
	}
}

func fileOf(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func all(t *testing.T, db *vault.DB) (out []observation.Observation) {
	t.Helper()
	err := db.Observations(context.Background(), disclosure.Grant{Who: "test", Reason: "compare"}, vault.Complete, func(o *observation.Observation) error {
		c := *o
		out = append(out, c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestImportByMapping: columns of no known name, a taxon for the whole file, dates month first,
// values of the producer's own; the same file again changes nothing, even when the mapping
// tells more.
func TestImportByMapping(t *testing.T) {
	db, _ := smallVault(t)
	im := newImporter(t, db)
	ctx := context.Background()
	path := fileOf(t, "suivi.csv", "point;quand;est;nord;g;combien\nA;02/03/2020;704500;6272000;mâles adultes;1.200\nB;02/04/2020;704600;6272100;?;3\n")
	text := "projection = \"EPSG:2154\"\ndate_order = \"MDY\"\ndecimal = \",\"\nkey = [\"point\", \"quand\"]\n[columns]\nquand = \"dateDebut\"\nest = \"x\"\nnord = \"y\"\ng = \"occSexe\"\ncombien = \"denombrement\"\n[fixed]\ncdNom = 351\nobservateur = \"Équipe\"\n[values.occSexe]\n\"mâles adultes\" = \"3\"\n"
	rep, err := im.Import(ctx, path, Options{Mapping: parse(t, text)})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Format != Described || rep.Told != "mapping" || rep.Created != 2 || len(rep.Held) != 0 {
		t.Fatalf("%+v", rep)
	}
	if len(rep.Unknown) != 1 || rep.Unknown[0].Written != "?" || rep.Unknown[0].Attribute != "occSexe" || rep.Unknown[0].Rows != 1 {
		t.Errorf("unknown values: %+v", rep.Unknown)
	}
	for _, o := range all(t, db) {
		if o.CdNom != 351 || o.When.Start != day(2020, 2, map[bool]int{true: 3, false: 4}[o.SourceKey == "A|02/03/2020"]) || o.Observers != "Équipe" {
			t.Errorf("%s: %d on %s", o.SourceKey, o.CdNom, o.When.Start)
		}
		if o.SourceKey == "A|02/03/2020" && (o.Sex != "3" || o.CountMin != 1200) {
			t.Errorf("sex %q, count %d", o.Sex, o.CountMin)
		}
		if x, y := geo.ToLambert93(o.Place.Lon, o.Place.Lat); x < 704400 || x > 704700 || y < 6271900 || y > 6272200 {
			t.Errorf("%s: place %v %v", o.SourceKey, x, y)
		}
	}
	rep, err = im.Import(ctx, path, Options{Mapping: parse(t, text+"\"?\" = \"0\"\n[combined]\ncommentaire = \"point {point}\"\n")})
	if err != nil || rep.Created != 0 || rep.Updated != 2 || len(rep.Unknown) != 0 {
		t.Errorf("with a fuller mapping: %+v %v", rep, err)
	}
	// The same header is recognised without the mapping; --set wins over it.
	rep, err = im.Import(ctx, path, Options{Set: []Setting{{"observateur", "Autre"}}})
	if err != nil || rep.Told != "remembered" || rep.Updated != 2 {
		t.Errorf("remembered: %+v %v", rep, err)
	}
	if err := im.Forget(ctx, path, Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := im.Import(ctx, path, Options{}); err == nil {
		t.Error("imported once forgotten")
	}
	if err := im.Forget(ctx, path, Options{}); !fault.Is(err, fault.NotFound) {
		t.Errorf("forgotten twice: %v", err)
	}
}

// TestSplit: a row that lists taxa makes one observation of each.
func TestSplit(t *testing.T) {
	db, _ := smallVault(t)
	im := newImporter(t, db)
	path := fileOf(t, "stations.csv", "nom,liste,Latitude,Longitude\nS1,\"* Rana temporaria (x)\n* Lynx lynx (y)\",43.55,3.05\nS2,\"* Alburnus alburnus\",43.55,3.15\nS3,aucun,43.55,3.15\n")
	m := parse(t, "[columns]\nnom = \"nomLieu\"\nLatitude = \"latitude\"\nLongitude = \"longitude\"\n[fixed]\ndateDebut = \"2023-11/2023-12\"\n[split]\ncolumn = \"liste\"\npattern = '(?m)^\\* ([^(\\n]+)'\nattributes = [\"nomCite\"]\n")
	rep, err := im.Import(context.Background(), path, Options{Mapping: m})
	if err != nil || rep.Read != 4 || rep.Created != 3 || rep.Rejects["MISSING_VALUE"] != 1 {
		t.Fatalf("%+v %v", rep, err)
	}
	for _, o := range all(t, db) {
		if o.When.Start != day(2023, 11, 1) || o.When.End != day(2023, 12, 31) {
			t.Errorf("from %s to %s", o.When.Start, o.When.End)
		}
	}
}

// TestSourceHeaderMoves: a source's columns may come and go as long as those told remain; when
// one of them goes the file is refused in one sentence.
func TestSourceHeaderMoves(t *testing.T) {
	db, _ := smallVault(t)
	im := newImporter(t, db)
	ctx := context.Background()
	m := parse(t, "[columns]\nqui = \"nomCite\"\nquand = \"dateDebut\"\nlat = \"latitude\"\nlon = \"longitude\"\n")
	o := Options{Source: "suivi", Dataset: "Suivi"}
	first := o
	first.Mapping = m
	if _, err := im.Import(ctx, fileOf(t, "a.csv", "qui;quand;lat;lon;temps\nRana temporaria;2020-05-01;43.55;3.05;beau\n"), first); err != nil {
		t.Fatal(err)
	}
	rep, err := im.Import(ctx, fileOf(t, "b.csv", "qui;quand;lat;lon;vent\nLynx lynx;2020-05-02;43.55;3.05;fort\n"), o)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([][]string{{"vent"}, {"temps"}}, [][]string{rep.Added, rep.Removed}); d != "" || rep.Told != "remembered" {
		t.Error(d, rep.Told)
	}
	_, err = im.Import(ctx, fileOf(t, "c.csv", "espece;quand;lat;lon\nLynx lynx;2020-05-02;43.55;3.05\n"), o)
	if sentence(t, err) != "mapping.moved" {
		t.Error(err)
	}
	if _, err := im.Import(ctx, fileOf(t, "d.csv", "qui;quand;lat;lon;vent\nRana temporaria;2020-05-01;43.55;3.05;\n"), Options{}); err == nil {
		t.Error("a source's mapping was used for a file given by hand")
	}
}
