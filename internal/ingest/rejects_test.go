package ingest

import (
	"archive/zip"
	"bytes"
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

	"github.com/xuri/excelize/v2"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"garrigue/internal/fault"
	"garrigue/internal/geopackage"
	"garrigue/internal/i18n"
	"garrigue/internal/needs"
	"garrigue/internal/tabular"
	"garrigue/internal/workbook"
)

// The rows that the tests of rejects give: two of the three have a date that is none.
func rejectHeader() []string {
	return []string{"id_origine", "cd_nom", "nom_cite", "date_min", "longitude", "latitude"}
}

func rejectRows() [][]string {
	return [][]string{{"a1", "459478", "Delichon urbicum", "2020-05-01", "3.05", "43.55"},
		{"b2", "67111", "Ablette, dite \"à l’œil\"", "2020-02-31", "3.15", "43.55"},
		{"c3", "351", "Grenouille rousse", "2020-13-45", "3.05", "43.65"}}
}

// corrected is what the producer writes instead.
func corrected(s string) string {
	return strings.NewReplacer("2020-02-31", "2020-02-28", "2020-13-45", "2020-06-02").Replace(s)
}

func textOf(sep, end string) string {
	var b strings.Builder
	for _, r := range append([][]string{rejectHeader()}, rejectRows()...) {
		for i, v := range r {
			if i > 0 {
				b.WriteString(sep)
			}
			if strings.ContainsAny(v, sep+`"`) {
				v = `"` + strings.ReplaceAll(v, `"`, `""`) + `"`
			}
			b.WriteString(v)
		}
		b.WriteString(end)
	}
	return b.String()
}

func geoJSONOf() string {
	var out []string
	for _, r := range rejectRows() {
		out = append(out, fmt.Sprintf(`{"type":"Feature","properties":{"id_origine":%q,"cd_nom":%s,"nom_cite":%q,"date_min":%q},"geometry":{"type":"Point","coordinates":[%s,%s]}}`, r[0], r[1], r[2], r[3], r[4], r[5]))
	}
	return `{"type":"FeatureCollection","features":[` + strings.Join(out, ",\n") + `]}`
}

func gmlOf() string {
	var b strings.Builder
	b.WriteString(`<c xmlns:gml="http://www.opengis.net/gml">`)
	for _, r := range rejectRows() {
		fmt.Fprintf(&b, `<gml:featureMember><o gml:id="f"><id_origine>%s</id_origine><cd_nom>%s</cd_nom><nom_cite>%s</nom_cite><date_min>%s</date_min><g><gml:Point srsName="EPSG:4326"><gml:coordinates>%s,%s</gml:coordinates></gml:Point></g></o></gml:featureMember>`,
			r[0], r[1], strings.ReplaceAll(r[2], `"`, "&quot;"), r[3], r[4], r[5])
	}
	return b.String() + "</c>"
}

// sheet writes rows as a workbook.
func sheet(t *testing.T, path, kind string, rows [][]string) {
	t.Helper()
	var b bytes.Buffer
	var row func([]string) error
	var end func() error
	if kind == "ods" {
		w, err := workbook.NewODSWriter(&b, "Relevés")
		if err != nil {
			t.Fatal(err)
		}
		row, end = w.Row, w.Close
	} else {
		w, err := workbook.NewXLSXWriter(&b, "Relevés")
		if err != nil {
			t.Fatal(err)
		}
		row, end = w.Row, w.Close
	}
	for _, r := range rows {
		if err := row(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	write(t, path, b.String())
}

// archiveOf makes a Darwin Core Archive.
func archiveOf(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	put := func(name, text string) {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	terms := []string{"occurrenceID", "cdNom", "scientificName", "eventDate", "decimalLongitude", "decimalLatitude"}
	meta := `<archive xmlns="http://rs.tdwg.org/dwc/text/"><core encoding="UTF-8" fieldsTerminatedBy="\t" fieldsEnclosedBy="" ignoreHeaderLines="0" rowType="http://rs.tdwg.org/dwc/terms/Occurrence"><files><location>occ.txt</location></files><id index="0"/>`
	for i, n := range terms {
		meta += fmt.Sprintf(`<field index="%d" term="http://rs.tdwg.org/dwc/terms/%s"/>`, i, n)
	}
	put("meta.xml", meta+`<field default="Réserve" term="http://rs.tdwg.org/dwc/terms/locality"/></core></archive>`)
	var rows strings.Builder
	for _, r := range rejectRows() {
		rows.WriteString(strings.Join(r, "\t") + "\n")
	}
	put("occ.txt", rows.String())
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// fixZip corrects the texts of a zip.
func fixZip(t *testing.T, path string) {
	t.Helper()
	r, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		w, err := z.Create(f.Name)
		if err == nil {
			_, err = io.WriteString(w, corrected(string(text)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, path, b.String())
}

func fixText(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, corrected(string(b)))
}

func fixSheet(t *testing.T, path string) {
	t.Helper()
	f, err := excelize.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, c := range []string{"D2", "D3"} {
		v, err := f.GetCellValue("Relevés", c)
		if err == nil {
			err = f.SetCellValue("Relevés", c, corrected(v))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Save(); err != nil {
		t.Fatal(err)
	}
}

func fixDatabase(table string) func(t *testing.T, path string) {
	return func(t *testing.T, path string) {
		t.Helper()
		c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		err = sqlitex.ExecuteScript(c, `UPDATE "`+table+`" SET date_min = '2020-02-28' WHERE date_min = '2020-02-31'; UPDATE "`+table+`" SET date_min = '2020-06-02' WHERE date_min = '2020-13-45'`, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestGiveBack: a file with bad rows is imported, its rejects go back in its own form, the
// producer corrects them there, and importing that file leaves no reject. The vault is then
// that of the corrected file imported at once, whatever the kind. Rejected a second time, they
// still go back well.
func TestGiveBack(t *testing.T) {
	latin, _ := windowsText(textOf(";", "\r\n"))
	for _, c := range []struct {
		name string
		make func(t *testing.T, path string)
		ext  string // of the file of rejects
		fix  func(t *testing.T, path string)
		kind string
		but  []string
	}{
		{"x.csv", func(t *testing.T, p string) { write(t, p, textOf(",", "\n")) }, "csv", fixText, "text", nil},
		{"x.txt", func(t *testing.T, p string) { write(t, p, latin) }, "txt", fixText, "text", nil},
		{"x.xlsx", func(t *testing.T, p string) {
			sheet(t, p, "xlsx", append([][]string{{"Relevés 2020"}, rejectHeader()}, rejectRows()...))
		}, "xlsx", fixSheet, "xlsx", nil},
		{"x.ods", func(t *testing.T, p string) { sheet(t, p, "ods", append([][]string{rejectHeader()}, rejectRows()...)) }, "ods", fixZip, "ods", nil},
		{"x.geojson", func(t *testing.T, p string) { write(t, p, geoJSONOf()) }, "geojson", fixText, "geojson", nil},
		{"x.gml", func(t *testing.T, p string) { write(t, p, gmlOf()) }, "csv", fixText, "text", nil},
		{"x.zip", func(t *testing.T, p string) { write(t, p, archiveOf(t)) }, "zip", fixZip, "dwca", nil},
		{"x.gpkg", func(t *testing.T, p string) {
			w, err := geopackage.Create(p, "obs", "g", append(rejectHeader()[:4:4], "geometry"), []string{"TEXT", "INTEGER", "TEXT", "TEXT"})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rejectRows() {
				if err := w.Row(append(r[:4:4], "SRID=4326;POINT("+r[4]+" "+r[5]+")")); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}, "gpkg", fixDatabase("obs"), "geopackage", []string{"fid"}},
		{"x.shp", func(t *testing.T, p string) {
			write(t, p+".geojson", geoJSONOf())
			if b, err := exec.Command(needs.Tool(t, "ogr2ogr"), "-lco", "ENCODING=UTF-8", p, p+".geojson").CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, b)
			}
		}, "gpkg", fixDatabase("x"), "geopackage", []string{"fid"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, dir := context.Background(), t.TempDir()
			wish := Options{Dataset: "Relevés", Format: GeoNature}
			if c.kind == "dwca" {
				wish.Format = ""
			}
			path := filepath.Join(dir, c.name)
			c.make(t, path)
			db, _ := smallVault(t)
			im := newImporter(t, db)
			rep, err := im.Import(ctx, path, wish)
			if err != nil {
				t.Fatal(err)
			}
			if rep.Created != 1 || rep.Rejected != 2 {
				t.Fatalf("created %d, rejected %d: %v", rep.Created, rep.Rejected, rep.Rejects)
			}
			back := filepath.Join(dir, "rejets."+c.ext)
			given, err := GiveBack(ctx, db, rep.Batch, back, i18n.FR)
			if err != nil {
				t.Fatal(err)
			}
			if given.Rows != 2 || given.Kind != c.kind || given.Lost != 0 || given.Columns != [2]string{"code", "motif"} {
				t.Errorf("%+v", given)
			}
			checkReturned(t, back)
			again, err := im.Import(ctx, back, wish) // as it is: rejected as before
			if err != nil || again.Rejected != 2 {
				t.Fatalf("given back and not corrected: %+v %v", again, err)
			}
			if st, err := os.Stat(back); err != nil || st.Mode().Perm() != 0o600 {
				t.Errorf("anyone may read the rejects: %v %v", st.Mode(), err)
			}
			second := filepath.Join(dir, "encore."+c.ext)
			if _, err := GiveBack(ctx, db, again.Batch, second, i18n.EN); err != nil {
				t.Fatal(err)
			}
			checkReturned(t, second)
			for _, p := range []string{back, second} {
				c.fix(t, p)
				rep, err := im.Import(ctx, p, wish)
				if err != nil || rep.Rejected != 0 || rep.Created+rep.Unchanged != 2 {
					t.Fatalf("corrected: %+v: %v", rep, err)
				}
				if slices.Contains(rep.Kept, "code") || slices.Contains(rep.Kept, "motif") {
					t.Errorf("our columns are kept: %q", rep.Kept)
				}
			}
			whole := filepath.Join(dir, "tout.csv")
			write(t, whole, corrected(textOf(",", "\n")))
			other, _ := smallVault(t)
			if c.kind == "dwca" { // its columns have other names
				if n := len(contentOf(t, db)); n != 3 {
					t.Errorf("%d observations", n)
				}
				return
			}
			if _, err := newImporter(t, other).Import(ctx, whole, wish); err != nil {
				t.Fatal(err)
			}
			sameVault(t, other, db, append(c.but, "gml_id")...)
		})
	}
}

// windowsText writes a text in Windows-1252.
func windowsText(s string) (string, int) {
	b, lost := tabular.Windows1252.Append(nil, s)
	return string(b), lost
}

// checkReturned opens a file of rejects as any file: two rows, with codes and sentences.
func checkReturned(t *testing.T, path string) {
	t.Helper()
	s, err := openSource(path, readOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := s.start() // with our columns
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	at := slices.Index(r.header, "code")
	if at < 0 || r.header[at+1] != "motif" {
		t.Fatalf("columns are %q", r.header)
	}
	for range 2 {
		row, err := r.next()
		if err != nil {
			t.Fatal(err)
		}
		if len(row.Fields) <= at+1 || row.Fields[at] != "INVALID_DATE" && !strings.HasPrefix(row.Fields[at], "DATE_") || len(row.Fields[at+1]) < 20 || strings.Contains(row.Fields[at+1], "{") {
			t.Errorf("row %d says %q", row.Line, row.Fields[at:])
		}
	}
	if _, err := r.next(); err != io.EOF {
		t.Errorf("more rows: %v", err)
	}
}

// TestGiveBackOwnBytes: lines of text go back as their producer wrote them, oddities included.
func TestGiveBackOwnBytes(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	path := filepath.Join(dir, "x.csv")
	text := "\ufeff" + "\"id_origine\";cd_nom; nom_cite ;date_min;longitude;latitude;code;motif\r\n" +
		"a;459478;'Hirondelle';2020-05-01;3.05;43.55;X1;le sien\r\n" +
		"b;67111;\"Ablette \"\"a\"\"\";2020-02-31;3,15 ;43.55;X2;\r\n" +
		"c;67111;court;2020-01-01\r\n" +
		"d;67111;long;2020-01-01;3.05;43.55;X3;x;de trop;;\r\n"
	write(t, path, text)
	db, _ := smallVault(t)
	rep, err := newImporter(t, db).Import(ctx, path, Options{})
	if err != nil || rep.Rejected != 3 || !slices.Contains(rep.Kept, "code") {
		t.Fatalf("%+v: %v", rep, err)
	}
	back := filepath.Join(dir, "rejets.csv")
	given, err := GiveBack(ctx, db, rep.Batch, back, i18n.FR)
	if err != nil || given.Columns != [2]string{"code_rejet", "motif_rejet"} {
		t.Fatalf("%+v %v", given, err)
	}
	b, err := os.ReadFile(back)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\ufeff\"id_origine\";cd_nom; nom_cite ;date_min;longitude;latitude;code;motif;code_rejet;motif_rejet\r\n",
		"\r\nb;67111;\"Ablette \"\"a\"\"\";2020-02-31;3,15 ;43.55;X2;;INVALID_DATE;", "\r\nc;67111;court;2020-01-01;;;;;", "\r\nd;67111;long;2020-01-01;3.05;43.55;X3;x;de trop;"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %q in:\n%s", want, b)
		}
	}
	if st, err := os.Stat(back); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("anyone may read the rejects: %v %v", st.Mode(), err)
	}
}

// TestGiveBackUnderTitles: the header stays on the line where the mapping says it is, and a
// file of rejects never passes for the whole of its dataset.
func TestGiveBackUnderTitles(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	m, err := ParseMapping("m.toml", []byte("format = \"geonature\"\nheader_row = 3\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, encode := range []func(string) string{func(s string) string { return s }, func(s string) string {
		b, _ := tabular.UTF16LE.Append(nil, s)
		return "\xff\xfe" + string(b)
	}} {
		path, back := filepath.Join(dir, "x.csv"), filepath.Join(dir, "rejets.csv")
		write(t, path, encode("Relevés de 2020\r\n\r\n"+textOf(";", "\r\n")))
		db, _ := smallVault(t)
		im := newImporter(t, db)
		wish := Options{Dataset: "Relevés", Mapping: m}
		rep, err := im.Import(ctx, path, wish)
		if err != nil || rep.Rejected != 2 {
			t.Fatalf("%+v: %v", rep, err)
		}
		if _, err := GiveBack(ctx, db, rep.Batch, back, i18n.FR); err != nil {
			t.Fatal(err)
		}
		again, err := im.Import(ctx, back, wish)
		if err != nil || again.Read != 2 || again.Rejected != 2 {
			t.Fatalf("%+v: %v", again, err)
		}
		wish.Complete = true
		_, err = im.Import(ctx, back, wish)
		var f *fault.Error
		if !errors.As(err, &f) || f.Key != "rejects.complete" {
			t.Errorf("taken for the whole of its dataset: %v", err)
		}
		if n := len(contentOf(t, db)); n != 1 {
			t.Errorf("%d observations are left of 1", n)
		}
		if err := os.Remove(back); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOwnEmptyColumns: columns of ours by their names, empty for long, are the producer's.
func TestOwnEmptyColumns(t *testing.T) {
	var b strings.Builder
	b.WriteString("id_origine;cd_nom;date_min;longitude;latitude;code;motif\n")
	for i := range peekRows + 5 {
		fmt.Fprintf(&b, "r%d;67111;2020-05-01;3.05;43.55;;%s\n", i, map[bool]string{true: "crue"}[i == peekRows+2])
	}
	path := filepath.Join(t.TempDir(), "x.csv")
	write(t, path, b.String())
	db, _ := smallVault(t)
	rep, err := newImporter(t, db).Import(context.Background(), path, Options{})
	if err != nil || rep.Created != peekRows+5 || !slices.Contains(rep.Kept, "motif") {
		t.Errorf("%+v: %v", rep, err)
	}
}

func TestGiveBackRefused(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	db, _ := smallVault(t)
	path := filepath.Join(dir, "x.csv")
	write(t, path, corrected(textOf(",", "\n")))
	rep, err := newImporter(t, db).Import(ctx, path, Options{})
	if err != nil || rep.Rejected != 0 {
		t.Fatalf("%+v %v", rep, err)
	}
	write(t, path, textOf(",", "\n"))
	bad, err := newImporter(t, db).Import(ctx, path, Options{})
	if err != nil || bad.Rejected != 2 {
		t.Fatalf("%+v %v", bad, err)
	}
	for _, c := range []struct {
		batch int64
		path  string
		want  string
	}{{rep.Batch, "a.csv", "rejects.none_in"}, {99, "a.csv", "rejects.nobatch"}, {bad.Batch, "x.csv", "rejects.exists"}, {bad.Batch, "absent/a.csv", "rejects.folder"},
		{bad.Batch, "a.xlsx", "rejects.extension"}, {bad.Batch, "a.csv.gz", "rejects.extension"}} {
		_, err := GiveBack(ctx, db, c.batch, filepath.Join(dir, c.path), i18n.FR)
		var f *fault.Error
		if !errors.As(err, &f) || f.Key != c.want {
			t.Errorf("batch %d to %s: %v, want %s", c.batch, c.path, err, c.want)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v %v", left, err)
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := GiveBack(stopped, db, bad.Batch, filepath.Join(dir, "b.csv"), i18n.FR); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}
