package geopackage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"garrigue/internal/fault"
	"garrigue/internal/needs"
)

func keyOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Key
	}
	return ""
}

type got struct {
	Header []string
	Rows   []string
}

func read(path string, o Options) (g got, err error) {
	st, err := os.Stat(path)
	if err != nil {
		return g, err
	}
	t, err := Open(path, st.Size(), o)
	if err != nil {
		return g, err
	}
	defer t.Close()
	g.Header = t.Header()
	for {
		r, err := t.Next()
		if err == io.EOF {
			return g, nil
		}
		if err != nil {
			return g, err
		}
		g.Rows = append(g.Rows, fmt.Sprintf("%d: %s", r.Line, strings.Join(r.Fields, "|")))
	}
}

// made makes a database by a script.
func made(t testing.TB, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.gpkg")
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := sqlitex.ExecuteScript(c, script, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestWrittenIsRead writes every kind of value and reads it back.
func TestWrittenIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rejets.gpkg")
	header := []string{"fid", "nom", "n", "x", "vu", "jour", "quand", "geometry"}
	w, err := Create(path, "obs", "shape", header, []string{"INTEGER PRIMARY KEY", "TEXT(20)", "INTEGER", "REAL", "BOOLEAN", "DATE", "DATETIME"})
	if err != nil {
		t.Fatal(err)
	}
	rows := [][]string{
		{"7", "Milan \"noir\"", "12", "1.5", "true", "2023-02-14", "2023-02-14T10:30:00", "SRID=2154;POINT Z (700000.5 6600000 12)"},
		{"9", "", "", "", "false", "", "", "SRID=2154;MULTIPOLYGON(((0 0,1 0,1 1,0 0)))"},
		{"11", "sans lieu", "beaucoup", "-0.25", "", "hier", "", ""},
		{"12", "corps du producteur", "1", "1", "", "", "", "0103000000010000000100000000000000000000000000000000000000"}, // a ring of one point
	}
	for _, r := range rows {
		if err := w.Row(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	back, err := read(path, Options{})
	want := got{Header: header}
	for i, r := range rows {
		want.Rows = append(want.Rows, fmt.Sprintf("%d: %s", i+1, strings.Join(r, "|")))
	}
	want.Rows[3] = "4: 12|corps du producteur|1|1||||SRID=2154;POLYGON((0 0))"
	if d := cmp.Diff(want, back); d != "" || err != nil {
		t.Error(d, err)
	}
}

// TestValidForGDAL has GDAL read what the writer wrote.
func TestValidForGDAL(t *testing.T) {
	ogrinfo := needs.Tool(t, "ogrinfo")
	path := filepath.Join(t.TempDir(), "rejets.gpkg")
	w, err := Create(path, "mes obs", "", []string{"nom", "fid", "geometry", "code"}, []string{"TEXT(5)", "TEXT", "TEXT"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range [][]string{{"a", "x1", "SRID=2154;POINT(700000 6600000)", "A, B"}, {"b", "x2", "SRID=2154;POLYGON((0 0,10 0,10 10,0 0))", "C"}} {
		if err := w.Row(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(ogrinfo, "-al", path).CombinedOutput()
	for _, want := range []string{"Feature Count: 2", "Lambert", "Extent: (0.000000, 0.000000) - (700000.000000, 6600000.000000)", "POLYGON ((0 0,10 0,10 10,0 0))", "code (String) = A, B", "Geometry Column = geom"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("ogrinfo says nothing of %q: %v\n%s", want, err, out)
		}
	}
	if strings.Contains(string(out), "Warning") || strings.Contains(string(out), "ERROR") {
		t.Errorf("ogrinfo complains:\n%s", out)
	}
}

// TestOfGDAL reads a GeoPackage that GDAL made of the shared Shapefile.
func TestOfGDAL(t *testing.T) {
	ogr := needs.Tool(t, "ogr2ogr")
	path := filepath.Join(t.TempDir(), "x.gpkg")
	zipped := needs.Shared(t, "data", "sources", "csv-structures", "pne-faune-2008-2010-shp.zip")
	if b, err := exec.Command(ogr, "-f", "GPKG", "-nln", "obs", path, "/vsizip/"+zipped).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	g, err := read(path, Options{})
	if err != nil || len(g.Rows) != 508 || !strings.Contains(g.Rows[0], "SRID=2154;POINT(") || !slices.Contains(g.Header, "cd_nom") || g.Header[len(g.Header)-1] != "geometry" {
		t.Fatalf("%d rows under %q: %v", len(g.Rows), g.Header, err)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	table, err := Open(path, st.Size(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	l := table.Layout()
	if l.Table != "obs" || l.Geometry != "geom" || l.Projection != "EPSG:2154" || l.Types[0] != "INTEGER PRIMARY KEY" {
		t.Errorf("%+v", l)
	}
}

const base = tables + `
INSERT INTO gpkg_spatial_ref_sys VALUES ('Lune', 9001, 'MOON', 1, 'PROJCS["Lune"]', NULL), ('L93', 9002, 'IGNF', 1, 'PROJCS["RGF93_Lambert_93"]', NULL);
`

func layerOf(table, create string, srs int) string {
	return fmt.Sprintf(`%s; INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) VALUES ('%s', 'features', '%s', %d);
INSERT INTO gpkg_geometry_columns VALUES ('%s', 'g', 'POINT', %d, 0, 0);`, create, table, table, srs, table, srs)
}

// TestRefused gives databases that are none of ours to run.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"no GeoPackage":          {`CREATE TABLE a (b)`, "geopackage.none"},
		"no layer":               {base, "geopackage.no_layer"},
		"a view that never ends": {base + layerOf("v", `CREATE VIEW v AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r) SELECT n AS fid, NULL AS g FROM r`, 4326), "geopackage.views"},
		"an unknown system":      {base + layerOf("t", `CREATE TABLE t (fid INTEGER PRIMARY KEY, g BLOB)`, 9001), "layer.projection"},
	} {
		if _, err := read(made(t, c.script), Options{}); keyOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	path := made(t, base+layerOf("t", `CREATE TABLE t (fid INTEGER PRIMARY KEY, "geometry" TEXT, n, g BLOB, twice AS (zeroblob(1000000000)));
		INSERT INTO t VALUES (1, 'a', 1e400, x'4750000100000000'), (2, x'00ff', 3.5, 'texte'), (4, 'c', 0, CAST(x'e9e9' AS TEXT)), (3, char(0)||'b', NULL, x'47500001`+"2a230000"+`0101000000000000000000f03f0000000000000040')`, 9002)+
		layerOf("autre", `CREATE TABLE autre (fid INTEGER PRIMARY KEY, g BLOB)`, 4326))
	want := got{Header: []string{"fid", "geometry (2)", "n", "geometry"}, Rows: []string{"1: 1|a||", "2: 2||3.5|texte", "3: 3|\uFFFDb||SRID=2154;POINT(1 2)", "4: 4|c|0|\uFFFD"}}
	g, err := read(path, Options{})
	if d := cmp.Diff(want, g); d != "" || err != nil {
		t.Error(d, err)
	}
	if _, err := read(path, Options{Layer: "absente"}); keyOf(err) != "layer.no_layer" {
		t.Error(err)
	}
	if g, err := read(path, Options{Like: func(h []string) bool { return len(h) == 2 }}); err != nil || len(g.Header) != 2 {
		t.Errorf("%q %v", g.Header, err)
	}
	if err := os.WriteFile(path+"-wal", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := read(path, Options{}); keyOf(err) != "geopackage.open" {
		t.Error(err)
	}
}

// TestDamaged cuts and spoils a file at many places: a sentence, or rows, never a panic.
func TestDamaged(t *testing.T) {
	path := made(t, base+layerOf("t", `CREATE TABLE t (fid INTEGER PRIMARY KEY, nom TEXT, g BLOB);
		WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r WHERE n < 2000) INSERT INTO t SELECT n, 'nom '||n, NULL FROM r`, 4326))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := 0
	for i := 0; i < len(whole); i += 997 {
		for _, b := range [][]byte{whole[:i], append(append(slices.Clone(whole[:i]), []byte(strings.Repeat("\xff", 64))...), whole[min(i+64, len(whole)):]...)} {
			spoilt := filepath.Join(t.TempDir(), "s.gpkg")
			if err := os.WriteFile(spoilt, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := read(spoilt, Options{}); err != nil {
				bad++
				if keyOf(err) == "" {
					t.Errorf("at %d: no sentence: %v", i, err)
				}
			}
		}
	}
	if bad == 0 {
		t.Error("nothing was noticed")
	}
}

func FuzzGeoPackage(f *testing.F) {
	f.Add([]byte("GP\x00\x01\x00\x00\x00\x00\x01\x01\x00\x00\x00"))
	f.Add([]byte("GP\x00\x03"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, body, ok := content(b); ok && len(body) > len(b) {
			t.Fatal("more than there was")
		}
	})
}
