package workbook

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"garrigue/internal/fault"
	"garrigue/internal/needs"
	"garrigue/internal/packed"
)

// got is what a reading of a sheet gave.
type got struct {
	Sheet  string
	Others []string
	Header []string
	Rows   []string // "line: a|b|c"
	Raws   []string
}

func read(b []byte, o Options) (got, error) {
	a, err := packed.Open(bytes.NewReader(b), int64(len(b)), "essai")
	if err != nil {
		return got{}, err
	}
	t, err := Open(a, Recognise(a), "essai", o)
	if err != nil {
		return got{}, err
	}
	l := t.Layout()
	g := got{Sheet: l.Table, Others: l.Others, Header: t.Header()}
	for {
		r, err := t.Next()
		if err == io.EOF {
			return g, nil
		}
		if err != nil {
			return g, err
		}
		g.Rows = append(g.Rows, fmt.Sprintf("%d: %s", r.Line, strings.Join(r.Fields, "|")))
		g.Raws = append(g.Raws, r.Raw)
	}
}

func mustRead(t *testing.T, b []byte, o Options) got {
	t.Helper()
	g, err := read(b, o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// keyOf is the key of the sentence of an error, "" for another error.
func keyOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Key
	}
	return ""
}

func saved(t testing.TB, f *excelize.File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// put fills cells of a sheet: ("A1", value)…
func put(t testing.TB, f *excelize.File, sheet string, cells ...any) {
	t.Helper()
	for i := 0; i < len(cells); i += 2 {
		if err := f.SetCellValue(sheet, cells[i].(string), cells[i+1]); err != nil {
			t.Fatal(err)
		}
	}
}

func styled(t testing.TB, f *excelize.File, format string, cells ...string) {
	t.Helper()
	id, err := f.NewStyle(&excelize.Style{CustomNumFmt: &format})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cells {
		if err := f.SetCellStyle("Sheet1", c, c, id); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSheetOfAssociation reads a sheet as people make them: title lines, empty rows, merged
// cells, dates, hours, long numbers, a failed formula, a second sheet and a hidden one.
func TestSheetOfAssociation(t *testing.T) {
	f := excelize.NewFile()
	put(t, f, "Sheet1", "A1", "Relevés de l’étang de Thau", "A2", "Saison", "B2", 2023,
		"A4", "Site", "B4", "Espèce", "C4", "Date", "D4", "Heure", "E4", "Nombre", "F4", "Identifiant", "G4", "Vu",
		"A5", "Nord", "B5", "Milan noir", "C5", 44972, "D5", 0.4375, "E5", 0.1, "F5", 1234567890123, "G5", true,
		"B6", "Busard \"cendré\"", "C6", 44972.5, "D6", 1.13888888889051, "E6", 1e-3, "F6", "00123",
		"A9", "Sud", "B9", "Héron pourpré", "C9", 59, "D9", 1.5, "E9", 0.30000000000000004)
	styled(t, f, "dd/mm/yyyy", "C5", "C9")
	styled(t, f, `yyyy\-mm\-dd\ hh:mm:ss`, "C6", "D6")
	styled(t, f, "hh:mm", "D5")
	styled(t, f, "[h]:mm:ss", "D9")
	if err := f.MergeCell("Sheet1", "A5", "A6"); err != nil {
		t.Fatal(err)
	}
	if err := f.MergeCell("Sheet1", "A1", "G1"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.NewSheet("Notes"); err != nil {
		t.Fatal(err)
	}
	put(t, f, "Notes", "A1", "à relire")
	if _, err := f.NewSheet("Listes"); err != nil {
		t.Fatal(err)
	}
	put(t, f, "Listes", "A1", "x", "B1", "y", "A2", "1", "B2", "2")
	if err := f.SetSheetVisible("Listes", false); err != nil {
		t.Fatal(err)
	}
	want := got{Sheet: "Sheet1", Others: []string{"Notes"}, Header: []string{"Site", "Espèce", "Date", "Heure", "Nombre", "Identifiant", "Vu"},
		Rows: []string{
			"5: Nord|Milan noir|2023-02-15|10:30|0.1|1234567890123|true",
			`6: Nord|Busard "cendré"|2023-02-15T12:00|03:20|0.001|00123|`,
			"9: Sud|Héron pourpré|1900-02-28|36:00|0.3||",
		},
		Raws: []string{
			"Nord,Milan noir,2023-02-15,10:30,0.1,1234567890123,true",
			`Nord,"Busard ""cendré""",2023-02-15T12:00,03:20,0.001,00123,`,
			"Sud,Héron pourpré,1900-02-28,36:00,0.3,,",
		}}
	if d := cmp.Diff(want, mustRead(t, saved(t, f), Options{})); d != "" {
		t.Error(d)
	}
	if g := mustRead(t, saved(t, f), Options{Sheet: "listes"}); g.Sheet != "Listes" || len(g.Rows) != 1 {
		t.Errorf("a hidden sheet asked for: %+v", g)
	}
	if _, err := read(saved(t, f), Options{Sheet: "Absente"}); keyOf(err) != "workbook.no_sheet" {
		t.Errorf("an absent sheet: %v", err)
	}
	like := func(h []string) bool { return slices.Contains(h, "x") }
	if g := mustRead(t, saved(t, f), Options{Like: like}); g.Sheet != "Sheet1" {
		t.Errorf("a hidden sheet was chosen: %s", g.Sheet)
	}
}

func TestDateSystems(t *testing.T) {
	for _, c := range []struct {
		v    float64
		how  show
		old  bool
		want string
	}{
		{44972, asDate, false, "2023-02-15"}, {43510, asDate, true, "2023-02-15"}, {1, asDate, false, "1900-01-01"}, {59, asDate, false, "1900-02-28"},
		{61, asDate, false, "1900-03-01"}, {0, asDate, true, "1904-01-01"}, {0.5, asTime, false, "12:00"}, {0.999999999, asTime, false, "1900-01-01T00:00"},
		{44972.999999, asMoment, false, "2023-02-16"}, {44972.25, asTime, false, "2023-02-15T06:00"}, {1.1388888, asMoment, false, "03:20"},
		{0.00001157407, asTime, false, "00:00:01"}, {2.5, asDuration, false, "60:00"}, {-1, asDate, false, ""}, {3e6, asDate, false, ""},
	} {
		s, ok := serial(c.v, c.how, c.old)
		if c.v == 0.999999999 { // the next midnight: a time of day all the same
			c.want = "00:00"
		}
		if s != c.want || ok != (c.want != "") {
			t.Errorf("%v as %d: %q, want %q", c.v, c.how, s, c.want)
		}
	}
}

func TestNumberFormats(t *testing.T) {
	for code, want := range map[string]show{
		"General": asNumber, "Standard": asNumber, "0.00E+00": asNumber, "#,##0.00 \"jours\"": asNumber, "0%": asNumber, `[Red]0.0`: asNumber,
		"dd/mm/yyyy": asDate, "mmm-yy": asDate, "[$-40C]d mmmm yyyy;@": asDate, `yyyy\-mm\-dd\ hh:mm:ss`: asMoment, "hh:mm": asTime, "mm:ss.0": asTime,
		"[h]:mm:ss": asDuration, "[mm]:ss": asDuration, "h:mm AM/PM": asTime, `"date" 0`: asNumber, "@": asNumber, "": asNumber, `"`: asNumber, "[": asNumber, `\d0`: asNumber,
	} {
		if got := showOf(code); got != want {
			t.Errorf("%q: %d, want %d", code, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for in, want := range map[string]string{"0.1": "0.1", "0.10000000000000001": "0.1", "1234567890123": "1234567890123", "1.234567890123E12": "1234567890123",
		"3.8349683055125094": "3.83496830551251", "-0": "0", "61212.0": "61212", "1E-7": "0.0000001", "abc": "abc", "1e400": "1e400", "007": "7"} {
		if got := number(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(-999_999_999_999_999, 999_999_999_999_999).Draw(t, "n")
		if got := number(fmt.Sprintf("%d.0", n)); got != fmt.Sprint(n) {
			t.Fatalf("%d became %s", n, got)
		}
	})
}

// odsOf makes an ODS around the tables of its content.
func odsOf(t testing.TB, styles, tables string) []byte {
	t.Helper()
	return zipOf(t, "mimetype", "application/vnd.oasis.opendocument.spreadsheet", "content.xml",
		`<?xml version="1.0" encoding="UTF-8"?><office:document-content xmlns:office="o" xmlns:table="t" xmlns:text="x" xmlns:style="s" xmlns:calcext="c"><office:automatic-styles>`+
			styles+`</office:automatic-styles><office:body><office:spreadsheet>`+tables+`</office:spreadsheet></office:body></office:document-content>`)
}

func zipOf(t testing.TB, parts ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(parts); i += 2 {
		w, err := z.Create(parts[i])
		if err == nil {
			_, err = io.WriteString(w, parts[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestODS(t *testing.T) {
	b := odsOf(t, `<style:style style:name="ta2" style:family="table"><style:table-properties table:display="false"/></style:style>`,
		`<table:table table:name="cachée" table:style-name="ta2"><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell><text:p>b</text:p></table:table-cell></table:table-row><table:table-row><table:table-cell><text:p>1</text:p></table:table-cell><table:table-cell><text:p>2</text:p></table:table-cell></table:table-row></table:table>
<table:table table:name="Relevés"><table:table-column table:number-columns-repeated="1024"/>
<table:table-header-rows><table:table-row><table:table-cell><text:p>Espèce</text:p></table:table-cell><table:table-cell><text:p>Date</text:p></table:table-cell><table:table-cell><text:p>Heure</text:p></table:table-cell><table:table-cell><text:p>Note</text:p></table:table-cell><table:table-cell table:number-columns-repeated="1020"/></table:table-row></table:table-header-rows>
<table:table-row table:number-rows-repeated="3"><table:table-cell table:number-columns-repeated="1024"/></table:table-row>
<table:table-row><table:table-cell office:value-type="string" table:number-rows-spanned="2"><text:p>Loutre<text:s text:c="2"/>d’Europe</text:p><text:p>épreinte</text:p><office:annotation><text:p>une note</text:p></office:annotation></table:table-cell><table:table-cell office:value-type="date" office:date-value="2023-02-14T10:30:00"><text:p>14/02</text:p></table:table-cell><table:table-cell office:value-type="time" office:time-value="PT07H05M09S"><text:p>7 h</text:p></table:table-cell><table:table-cell office:value-type="float" office:value="0.30000000000000004"><text:p>0,3</text:p></table:table-cell></table:table-row>
<table:table-row><table:covered-table-cell/><table:table-cell office:value-type="date" office:date-value="2023-02-15"/><table:table-cell office:value-type="string" calcext:value-type="error"><text:p>#N/A</text:p></table:table-cell><table:table-cell office:value-type="boolean" office:boolean-value="true"/></table:table-row>
<table:table-row table:number-rows-repeated="2"><table:table-cell table:number-columns-repeated="2"><text:p>x</text:p></table:table-cell></table:table-row>
<table:table-row table:number-rows-repeated="1048560"><table:table-cell table:number-columns-repeated="1024"/></table:table-row>
</table:table><table:table table:name="autre"><table:table-row><table:table-cell><text:p>seul</text:p></table:table-cell></table:table-row></table:table>`)
	want := got{Sheet: "Relevés", Others: []string{"autre"}, Header: []string{"Espèce", "Date", "Heure", "Note"},
		Rows: []string{"5: Loutre  d’Europe\népreinte|2023-02-14T10:30|07:05:09|0.3", "6: Loutre  d’Europe\népreinte|2023-02-15||true", "7: x|x||", "8: x|x||"},
		Raws: []string{"\"Loutre  d’Europe\népreinte\",2023-02-14T10:30,07:05:09,0.3", "\"Loutre  d’Europe\népreinte\",2023-02-15,#N/A,true", "x,x,,", "x,x,,"}}
	if d := cmp.Diff(want, mustRead(t, b, Options{})); d != "" {
		t.Error(d)
	}
}

// TestHostile gives what must be refused with a sentence, in little memory and time.
func TestHostile(t *testing.T) {
	row := `<table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell><text:p>b</text:p></table:table-cell></table:table-row>`
	long := strings.Repeat("x", 4000)
	xlsx := func(sheet string) []byte {
		return zipOf(t, "xl/workbook.xml", `<workbook xmlns:r="r"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>`,
			"xl/_rels/workbook.xml.rels", `<Relationships><Relationship Id="r1" Type="x/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`,
			"xl/worksheets/sheet1.xml", sheet)
	}
	head := `<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c><c r="B1" t="inlineStr"><is><t>b</t></is></c></row>`
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"rows repeated into a bomb": {odsOf(t, "", `<table:table table:name="S">`+row+`<table:table-row table:number-rows-repeated="1000000"><table:table-cell><text:p>`+long+`</text:p></table:table-cell></table:table-row></table:table>`), "tabular.bomb"},
		"columns without end":       {odsOf(t, "", `<table:table table:name="S">`+row+`<table:table-row><table:table-cell table:number-columns-repeated="2000000000"><text:p>x</text:p></table:table-cell></table:table-row></table:table>`), "tabular.columns"},
		"rows past the last":        {odsOf(t, "", `<table:table table:name="S">`+row+`<table:table-row table:number-rows-repeated="1048576"><table:table-cell/></table:table-row>`+row+`</table:table>`), "workbook.rows"},
		"an entity":                 {zipOf(t, "mimetype", "application/vnd.oasis.opendocument.spreadsheet", "content.xml", `<!DOCTYPE x [<!ENTITY a "b">]><office:document-content>&a;</office:document-content>`), "packed.xml_doctype"},
		"an entity of nowhere":      {odsOf(t, "", `<table:table>&boom;</table:table>`), "packed.xml"},
		"deep":                      {odsOf(t, "", strings.Repeat("<a>", 500)), "packed.xml_deep"},
		"cut":                       {odsOf(t, "", `<table:table table:name="S">`+row+`<table:table-row>`+strings.Repeat("<x>", 3)+"<"), "packed.xml"},
		"a password":                {zipOf(t, "mimetype", "application/vnd.oasis.opendocument.spreadsheet", "META-INF/manifest.xml", "<manifest:encryption-data/>", "content.xml", "x"), "workbook.encrypted"},
		"nothing in it":             {odsOf(t, "", `<table:table table:name="S"></table:table>`), "workbook.no_table"},
		"a header alone":            {odsOf(t, "", `<table:table table:name="S">`+row+`</table:table>`), "workbook.no_table"},
		"binary":                    {zipOf(t, "_rels/.rels", `<Relationships><Relationship Type="x/officeDocument" Target="xl/workbook.bin"/></Relationships>`, "xl/workbook.bin", "x"), "workbook.xlsb"},
		"no sheet part":             {zipOf(t, "xl/worksheets/sheet1.xml", "<x/>"), "workbook.damaged"},
		"a row past the last":       {xlsx(head + `<row r="2000000"><c r="A2000000"><v>1</v></c></row></sheetData></worksheet>`), "workbook.rows"},
		"a column past the last":    {xlsx(head + `<row r="2"><c r="XFD2"><v>1</v></c></row></sheetData></worksheet>`), "tabular.columns"},
		"an XML bomb in a sheet":    {xlsx(`<!DOCTYPE x><worksheet/>`), "packed.xml_doctype"},
		"a sheet cut short":         {xlsx(head + `<row r="2"><c r="A2"><v>1`), "packed.xml"},
	} {
		_, err := read(c.file, Options{})
		if keyOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// TestLyingStrings reads cells whose shared string is not there: the value is missing, not
// another's.
func TestLyingStrings(t *testing.T) {
	b := zipOf(t, "xl/workbook.xml", `<workbook xmlns:r="r"><workbookPr date1904="1"/><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels", `<Relationships><Relationship Id="r1" Type="x/worksheet" Target="/xl/s.xml"/><Relationship Id="r2" Type="x/sharedStrings" Target="str.xml"/></Relationships>`,
		"xl/str.xml", `<sst count="99999999"><si><t>nom</t></si><si><r><t>da</t></r><r><t>te</t></r><rPh><t>zz</t></rPh></si><si><t>a_x000D_b_x00</t></si></sst>`,
		"xl/s.xml", `<worksheet><sheetData><row><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row><row><c t="s"><v>2</v></c><c t="s"><v>77</v></c></row><row><c t="s"><v>-1</v></c><c t="e"><v>#DIV/0!</v></c><c t="str"><f>A1</f><v>ok</v></c></row></sheetData></worksheet>`)
	g := mustRead(t, b, Options{})
	want := got{Sheet: "S", Header: []string{"nom", "date", ""}, Rows: []string{"2: a\rb_x00||", "3: ||ok"}, Raws: []string{"\"a\rb_x00\",#77,", "#-1,#DIV/0!,ok"}}
	if d := cmp.Diff(want, g); d != "" {
		t.Error(d)
	}
}

func TestLegacy(t *testing.T) {
	ole := "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
	enc := ole + strings.Repeat("\x00", 1<<20-14) + "E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e\x00"
	for file, want := range map[string]string{ole + "xx": "workbook.xls", enc: "workbook.encrypted", "texte": ""} {
		if got := Legacy([]byte(file[:min(len(file), 512)]), strings.NewReader(file), int64(len(file))); got != want {
			t.Errorf("%.12q: %q, want %q", file, got, want)
		}
	}
}

// TestWrittenIsRead writes any values in both kinds of sheets and reads them back the same.
func TestWrittenIsRead(t *testing.T) {
	value := rapid.OneOf(rapid.SampledFrom([]string{"", "Milan noir", "0.1", "00123", "1234567890123", "12345678901234567890", "2023-02-14", "2023-02-14T10:30", "2023-02-14T10:30:05",
		"10:30", "-3.5", "1e5", "a\nb", " deux  espaces ", "<b>&\"'", "é’œ€", "true", "1900-01-05", "2023-02-14T00:00", "-Inf", "-NaN", "_x0041_", "=1+1"}), rapid.StringMatching(`[a-zà-ÿ0-9 ,;.<&"]{1,20}`))
	rapid.Check(t, func(rt *rapid.T) {
		rows := rapid.SliceOfN(rapid.SliceOfN(value, 3, 3), 1, 5).Draw(rt, "rows")
		for _, r := range rows {
			for i := range r {
				if strings.TrimSpace(r[i]) == "" {
					r[i] = ""
				}
			}
			r[0] = "clé" + r[0]
		}
		for _, kind := range []Kind{XLSX, ODS} {
			var b bytes.Buffer
			if err := write(&b, kind, append([][]string{{"clé", "deux", "trois"}}, rows...)); err != nil {
				rt.Fatal(err)
			}
			a, err := packed.Open(bytes.NewReader(b.Bytes()), int64(b.Len()), "x")
			if err != nil {
				rt.Fatal(err)
			}
			table, err := Open(a, kind, "x", Options{})
			if err != nil {
				rt.Fatal(err)
			}
			for _, want := range rows {
				r, err := table.Next()
				if err != nil {
					rt.Fatal(err)
				}
				if d := cmp.Diff(want, r.Fields); d != "" {
					rt.Fatalf("%s: %s", kind, d)
				}
			}
		}
	})
}

func write(w io.Writer, kind Kind, rows [][]string) error {
	if kind == ODS {
		o, err := NewODSWriter(w, "Rejets & co")
		for _, r := range rows {
			if err == nil {
				err = o.Row(r)
			}
		}
		if err != nil {
			return err
		}
		return o.Close()
	}
	x, err := NewXLSXWriter(w, "Rejets")
	for _, r := range rows {
		if err == nil {
			err = x.Row(r)
		}
	}
	if err != nil {
		return err
	}
	return x.Close()
}

// TestWrittenForOthers: a name of sheet Excel refuses, and what R writes for no number, give a
// workbook all the same, which another program opens.
func TestWrittenForOthers(t *testing.T) {
	for _, name := range []string{"", "Indices", "Relevés de la vallée du Lez, printemps 2023", "a/b[c]"} {
		var b bytes.Buffer
		x, err := NewXLSXWriter(&b, name)
		if err != nil {
			t.Fatal(name, err)
		}
		for _, r := range [][]string{{"nom", "poids"}, {"Loutre", "-Inf"}} {
			if err := x.Row(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		f, err := excelize.OpenReader(&b)
		if err != nil {
			t.Fatal(name, err)
		}
		sheet := f.GetSheetList()[0]
		if kind, err := f.GetCellType(sheet, "B2"); err != nil || kind != excelize.CellTypeInlineString {
			t.Errorf("%q: -Inf is of type %v: %v", name, kind, err)
		}
		f.Close()
	}
}

// TestWrittenDatesAreDates has the program that reads most workbooks see dates and numbers.
func TestWrittenDatesAreDates(t *testing.T) {
	var b bytes.Buffer
	if err := write(&b, XLSX, [][]string{{"date", "n"}, {"2023-02-14", "12.5"}}); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	date, err := f.GetCellValue("Rejets", "A2")
	if err != nil || date != "2023-02-14" {
		t.Errorf("date shows as %q: %v", date, err)
	}
	if kind, err := f.GetCellType("Rejets", "B2"); err != nil || kind == excelize.CellTypeSharedString || kind == excelize.CellTypeInlineString {
		t.Errorf("number is of type %v: %v", kind, err)
	}
}

func TestLongSheetIsStreamed(t *testing.T) {
	if testing.Short() {
		t.Skip("a sheet of 60,000 rows")
	}
	f := excelize.NewFile()
	s, err := f.NewStreamWriter("Sheet1")
	if err != nil {
		t.Fatal(err)
	}
	const rows = 60_000
	for i := range rows + 1 {
		cells := []any{"espece", "lieu", "n"}
		if i > 0 {
			cells = []any{"Milan noir", "Étang", i}
		}
		if err := s.SetRow(fmt.Sprintf("A%d", i+1), cells); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	b := saved(t, f)
	a, err := packed.Open(bytes.NewReader(b), int64(len(b)), "x")
	if err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	table, err := Open(a, XLSX, "x", Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for {
		if _, err := table.Next(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != rows || table.Offset() < table.Size()*9/10 {
		t.Errorf("%d rows, %d of %d bytes", n, table.Offset(), table.Size())
	}
	t.Logf("%d rows in %v", n, time.Since(started))
}

// TestRealSheets reads the shared workbooks: as many rows as data/README.md counts, but for
// the row of names and those with nothing in them.
func TestRealSheets(t *testing.T) {
	for _, c := range []struct {
		path, ask, sheet string
		rows             int
		first            string
	}{
		{"suivis-occitanie/lez-loutre-indices.xlsx", "", "indices", 84, "2: 3|1|Empreinte|2023-01-31|16h11|Droite|Sèche|2cm|3.8784703802155347|43.54182732359309"},
		{"suivis-occitanie/lez-pieges-photo-sans-repetition.xlsx", "", "Sheet 1", 2224, "2: 11280344|NA|2023-11-28|03:20|2"},
		{"suivis-occitanie/lez-liste-poissons.xlsx", "", "Sheet1", 154, "2: Lamproie de rivière|Lampetra fluviatilis|(Linnaeus, 1758)"},
		{"suivis-occitanie/lez-terrain-2023-02.ods", "", "Données Terrain", 32, "2: 1|" + strings.Repeat("Na|", 19) + "3.8349683055125094|43.78553833348778"},
		{"suivis-occitanie/lez-terrain-2023-02.ods", "indices de présence", "Indices de présence", 87, "2: Point (3.8784703802155347 43.54182732359308972)|1|Epreinte|2023-01-31|16h11|Droite|Sèche|2cm|1"},
		{"tableurs/occurrence-workbook.xlsx", "", "Sheet1", 6, "2: 1|1990-01-02|1|"},
		{"tableurs/occurrence-workbook.ods", "", "Sheet1", 6, "2: 1|1990-01-02|1|"},
	} {
		b, err := os.ReadFile(needs.Shared(t, "data", "sources", c.path))
		if err != nil {
			t.Fatal(err)
		}
		g := mustRead(t, b, Options{Sheet: c.ask})
		if g.Sheet != c.sheet || len(g.Rows) != c.rows || c.first != "" && g.Rows[0] != c.first {
			t.Errorf("%s: sheet %s, %d rows under %q, the first %q", c.path, g.Sheet, len(g.Rows), g.Header, g.Rows[0])
		}
	}
}

func FuzzWorkbook(f *testing.F) {
	x := excelize.NewFile()
	put(f, x, "Sheet1", "A1", "nom", "B1", "date", "A2", "Milan", "B2", 44972.5)
	f.Add(saved(f, x))
	f.Add(odsOf(f, "", `<table:table table:name="S"><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell></table:table-row><table:table-row table:number-rows-repeated="9"><table:table-cell office:value-type="float" office:value="1"/></table:table-row></table:table>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := packed.Open(bytes.NewReader(b), int64(len(b)), "x")
		if err != nil {
			return
		}
		fuzzed(t, a, Recognise(a))
	})
}

// FuzzSheet goes to the XML itself, which a zip's checksums hide from FuzzWorkbook.
func FuzzSheet(f *testing.F) {
	f.Add(`<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row><row r="2"><c s="1"><v>44972.5</v></c></row></sheetData><mergeCells><mergeCell ref="A2:A9"/></mergeCells></worksheet>`,
		`<table:table table:name="S"><table:table-row><table:table-cell table:number-rows-spanned="3"><text:p>a<text:s text:c="3"/></text:p></table:table-cell></table:table-row></table:table>`)
	f.Fuzz(func(t *testing.T, sheet, tables string) {
		if len(sheet)+len(tables) > 1<<20 {
			return
		}
		x := zipOf(t, "xl/workbook.xml", `<workbook xmlns:r="r"><sheets><sheet name="S" r:id="r1"/></sheets></workbook>`,
			"xl/_rels/workbook.xml.rels", `<Relationships><Relationship Id="r1" Type="x/worksheet" Target="s.xml"/><Relationship Id="r2" Type="x/styles" Target="st.xml"/></Relationships>`,
			"xl/st.xml", `<styleSheet><cellXfs><xf/><xf numFmtId="22"/></cellXfs></styleSheet>`, "xl/s.xml", sheet)
		for _, b := range [][]byte{x, odsOf(t, "", tables)} {
			a, err := packed.Open(bytes.NewReader(b), int64(len(b)), "x")
			if err != nil {
				t.Fatal(err)
			}
			fuzzed(t, a, Recognise(a))
		}
	})
}

func fuzzed(t *testing.T, a *packed.Archive, kind Kind) {
	if kind == None {
		return
	}
	table, err := Open(a, kind, "x", Options{})
	if err != nil {
		return
	}
	last := 0
	for n := 0; n < 10_000; n++ {
		r, err := table.Next()
		if err != nil {
			return
		}
		if len(r.Fields) < len(table.Header()) || len(r.Fields) > maxColumns || r.Line < 1 {
			t.Fatalf("row %d after %d: %d fields under %d columns", r.Line, last, len(r.Fields), len(table.Header()))
		}
		last = r.Line
	}
}
