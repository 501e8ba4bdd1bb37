package vault

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"garrigue/internal/civil"
	"garrigue/internal/dataset"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/i18n"
	"garrigue/internal/observation"
)

func TestOpenRefuses(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	gpkg := make([]byte, 4096)
	copy(gpkg, "SQLite format 3\x00")
	copy(gpkg[68:], "GPKG")
	for _, c := range []struct {
		path, key string
		kind      fault.Kind
	}{
		{filepath.Join(dir, "none", "vault.sqlite"), "vault.no_folder", fault.NotFound},
		{write("table.csv", []byte("cd_nom;date\n60630;2020-01-01\n")), "vault.not_a_vault", fault.Invalid},
		{write("atlas.gpkg", gpkg), "vault.not_a_vault", fault.Invalid},
		{dir, "vault.cannot_open", fault.Unavailable},
	} {
		before, _ := os.ReadFile(c.path)
		_, err := Open(ctx, c.path)
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != c.kind || f.Key != c.key {
			t.Errorf("%s: %v, want %s %s", filepath.Base(c.path), err, c.kind, c.key)
		}
		if after, _ := os.ReadFile(c.path); string(after) != string(before) {
			t.Errorf("%s was changed", filepath.Base(c.path))
		}
	}
}

func TestOpenNewerSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.sqlite")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.write.Exec(`INSERT INTO schema_version (version_id, is_applied) VALUES (9999, 1)`); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if _, err := Open(t.Context(), path); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "vault.newer_schema [9999 ") {
		t.Errorf("a vault of schema 9999: %v", err)
	}
}

func TestOpenSettings(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "été & co?#.sqlite") // characters of a URL
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	second, err := Open(t.Context(), path)
	if err != nil {
		t.Fatalf("opened twice: %v", err)
	}
	second.Close()
	if _, err := db.EnsureDataset(t.Context(), dataset.Dataset{Name: "d"}); err != nil {
		t.Fatal(err)
	}
	if list, err := db.Datasets(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("every handle is on the same file: %d datasets, %v", len(list), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v: others could read it", e.Name(), info.Mode())
		}
		if !strings.HasPrefix(e.Name(), "été & co?#") {
			t.Errorf("unexpected file %s", e.Name())
		}
	}
	for _, h := range []*sql.DB{db.write, db.read, db.journal} {
		for pragma, want := range map[string]string{"journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "10000",
			"cache_size": "-12288", "application_id": "1195463254"} {
			var got string
			if err := h.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %s, %v", pragma, got, err)
			}
		}
	}
	if _, err := db.read.Exec(`DELETE FROM counter`); err == nil {
		t.Error("the read pool may write")
	}
}

// TestSchema: every table is strict, and the indexes a batch builds again are those that the
// migrations made.
func TestSchema(t *testing.T) {
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "vault.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var loose string
	err = db.read.QueryRow(`SELECT COALESCE(group_concat(name), '') FROM pragma_table_list
		WHERE type = 'table' AND NOT strict AND name NOT LIKE 'sqlite%' AND name <> 'schema_version'`).Scan(&loose)
	if err != nil || loose != "" {
		t.Errorf("tables that are not strict: %s, %v", loose, err)
	}
	rows, err := db.read.Query(`SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'observation'
		AND name <> 'observation_touched' ORDER BY rowid`) // which holds no new row: nothing to build again
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var names, texts []string
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			t.Fatal(err)
		}
		names, texts = append(names, name), append(texts, text)
	}
	if diff := cmp.Diff(indexNames(), names); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(indexTexts(), texts); diff != "" {
		t.Error(diff)
	}
	var columns int
	if err := db.read.QueryRow(`SELECT count(*) FROM pragma_table_info('observation')`).Scan(&columns); err != nil || columns != len(columnList(writtenColumns))+2 { // withdrawn, touched
		t.Errorf("%d columns in the table, %d written, %v", columns, len(columnList(writtenColumns)), err)
	}
}

// TestHashIsStable: the hash is stored; another one would turn every row into a change.
func TestHashIsStable(t *testing.T) {
	var o observation.Observation
	newGenerator(1).fill(&o, 12345)
	e := newEncoder()
	const want = int64(5614368552444812530)
	if got := e.hash(&o); got != want {
		t.Errorf("hash %d, was %d", got, want)
	}
	for range 3 { // whatever order the map of Extra comes in
		if got := e.hash(&o); got != want {
			t.Errorf("hash %d, was %d", got, want)
		}
	}
	if want := `{"cle":"12345","remarque":"vu posé"}`; e.extra != want {
		t.Errorf("extra is %s", e.extra)
	}
	o.CdRef, o.Sensitivity, o.SensList, o.Held = 1, 4, "x", observation.Unlocated
	if got := e.hash(&o); got != want {
		t.Error("the class is part of the content")
	}
}

// TestHashSeesEveryField changes each field of content in turn.
func TestHashSeesEveryField(t *testing.T) {
	var base observation.Observation
	newGenerator(1).fill(&base, 1)
	e := newEncoder()
	seen := map[int64]string{e.hash(&base): "nothing"}
	for name, change := range map[string]func(o *observation.Observation){
		"IDSinp": func(o *observation.Observation) { o.IDSinp[3]++ }, "Dataset": func(o *observation.Observation) { o.Dataset++ },
		"SourceKey": func(o *observation.Observation) { o.SourceKey += "x" }, "CdNom": func(o *observation.Observation) { o.CdNom++ },
		"NameCited": func(o *observation.Observation) { o.NameCited += "x" }, "Presence": func(o *observation.Observation) { o.Presence = 0 },
		"Start": func(o *observation.Observation) { o.When.Start-- }, "End": func(o *observation.Observation) { o.When.End++ },
		"Precision": func(o *observation.Observation) { o.When.Precision++ }, "StartTime": func(o *observation.Observation) { o.When.StartTime = "x" },
		"EndTime":      func(o *observation.Observation) { o.When.EndTime = "x" },
		"Georeference": func(o *observation.Observation) { o.Place.Georeference = 2 },
		"Geometry":     func(o *observation.Observation) { o.Place.Geometry = append([]byte{9}, o.Place.Geometry[1:]...) },
		"Lon":          func(o *observation.Observation) { o.Place.Lon++ }, "Lat": func(o *observation.Observation) { o.Place.Lat++ },
		"Box": func(o *observation.Observation) { o.Place.Box.MaxY++ }, "MinX": func(o *observation.Observation) { o.Place.Box.MinX++ },
		"Commune": func(o *observation.Observation) { o.Place.Commune = 0 }, "Department": func(o *observation.Observation) { o.Place.Department = 0 },
		"Attached": func(o *observation.Observation) { o.Place.Attached = 1 }, "Uncertainty": func(o *observation.Observation) { o.Place.Uncertainty++ },
		"AltitudeMin": func(o *observation.Observation) { o.Place.AltitudeMin++ }, "AltitudeMax": func(o *observation.Observation) { o.Place.AltitudeMax++ },
		"Name": func(o *observation.Observation) { o.Place.Name += "x" }, "Nature": func(o *observation.Observation) { o.Place.Nature += "x" },
		"Observers": func(o *observation.Observation) { o.Observers += "x" }, "Determiner": func(o *observation.Observation) { o.Determiner += "x" },
		"Organisation": func(o *observation.Observation) { o.Organisation += "x" }, "CountMin": func(o *observation.Observation) { o.CountMin = -1 },
		"CountMax": func(o *observation.Observation) { o.CountMax++ }, "CountObject": func(o *observation.Observation) { o.CountObject += "x" },
		"CountType": func(o *observation.Observation) { o.CountType += "x" }, "LifeStage": func(o *observation.Observation) { o.LifeStage += "x" },
		"Sex": func(o *observation.Observation) { o.Sex += "x" }, "BioStatus": func(o *observation.Observation) { o.BioStatus += "x" },
		"Behaviour": func(o *observation.Observation) { o.Behaviour += "x" }, "Technique": func(o *observation.Observation) { o.Technique += "x" },
		"Public": func(o *observation.Observation) { o.Public += "x" }, "Diffusion": func(o *observation.Observation) { o.Diffusion += "x" },
		"Blurring": func(o *observation.Observation) { o.Blurring += "x" }, "StatedLevel": func(o *observation.Observation) { o.StatedLevel++ },
		"Validation": func(o *observation.Observation) { o.Validation++ }, "Comment": func(o *observation.Observation) { o.Comment += "x" },
		"Extra":      func(o *observation.Observation) { o.Extra = map[string]string{"cle": "1", "remarque": ""} },
		"Extra keys": func(o *observation.Observation) { o.Extra = nil },
	} {
		o := base
		change(&o)
		h := e.hash(&o)
		if other, known := seen[h]; known {
			t.Errorf("%s and %s have the same hash", name, other)
		}
		seen[h] = name
	}
}

func TestExtraJSON(t *testing.T) {
	e := newEncoder()
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "extra")
		e.encodeExtra(m)
		var got map[string]string
		if len(m) > 0 {
			if err := json.Unmarshal([]byte(e.extra), &got); err != nil {
				t.Fatal(err)
			}
		} else if e.extra != "" {
			t.Fatalf("%q for no extra", e.extra)
		}
		if len(m) > 0 && !cmp.Equal(m, got) {
			t.Fatal(cmp.Diff(m, got))
		}
	})
}

func TestDates(t *testing.T) {
	d := decoder{}
	for day := civil.Date(-200000); day < 200000; day += 17 {
		text := day.String()
		n := copy(d.buf[:], text)
		if got := parseDate(d.buf[:n]); got != day {
			t.Fatalf("%s read as %s", text, got)
		}
	}
	for _, bad := range []string{"", "2020", "2020-01-01T"} {
		if got := parseDate([]byte(bad)); got != civil.NoDate {
			t.Errorf("%q read as %s", bad, got)
		}
	}
}

func TestCellCodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom([]geo.Kind{geo.Cell1, geo.Cell2, geo.Cell5, geo.Cell10, geo.Cell20, geo.Cell50}).Draw(t, "kind")
		m := k.Mesh()
		key := geo.CellKey(k, m*rapid.IntRange(0, 1200/m).Draw(t, "e"), m*rapid.IntRange(0, 7200/m).Draw(t, "n"))
		if got := cellKey([]byte(key.Code())); got != key {
			t.Fatalf("%s read as %s", key, got)
		}
	})
	for _, bad := range []string{"", "34172", "10km", "10kmL93E057", "10kmL93EN643", "10kmL93E057N", "7kmL93E057N643"} {
		if got := cellKey([]byte(bad)); got.Kind().Mesh() != 0 {
			t.Errorf("%q read as %s", bad, got)
		}
	}
}

// TestSentences: every sentence the vault may answer is in the two first catalogues.
func TestSentences(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(text), `"vault.`)[1:] {
			key, _, _ := strings.Cut(part, `"`)
			if strings.ContainsAny(key, " (%") || key == "" || key[0] < 'a' || strings.HasSuffix(key, "sqlite") || strings.HasSuffix(f, "_test.go") {
				continue
			}
			found++
			for _, l := range []i18n.Lang{i18n.FR, i18n.EN} {
				if !i18n.Has(l, "vault."+key) {
					t.Errorf("%s: no sentence vault.%s", l, key)
				}
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d sentences found", found)
	}
}

// TestCheckRegister: damage to what people decided is found too.
func TestCheckRegister(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.sqlite")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	var page int
	err = db.register.QueryRow(`SELECT rootpage FROM sqlite_master WHERE name = 'taxon_decision'`).Scan(&page)
	if err := errors.Join(err, db.Check(t.Context()), db.Close()); err != nil {
		t.Fatal(err)
	}
	register := strings.TrimSuffix(path, ".sqlite") + "-register.sqlite"
	b, err := os.ReadFile(register)
	if err != nil {
		t.Fatal(err)
	}
	clear(b[(page-1)*4096 : page*4096])
	if err := os.WriteFile(register, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if db, err = Open(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Check(t.Context()); !fault.Is(err, fault.Internal) {
		t.Errorf("a damaged register: %v", err)
	}
}

// TestTouchedNow reads the package's own text: no UPDATE of an observation may leave out that it was touched.
func TestTouchedNow(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(text), "UPDATE observation SET")[1:] {
			part, _, _ = strings.Cut(part, "WHERE id")
			n++
			if !strings.Contains(part, "touchedNow") && strings.TrimSpace(part) != "twin_key = $2" { // clusters are read whole
				t.Errorf("%s: UPDATE observation SET%s", f, part)
			}
		}
	}
	if n < 6 {
		t.Errorf("only %d UPDATE found", n)
	}
}
