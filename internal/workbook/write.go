package workbook

import (
	"archive/zip"
	"encoding/xml"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"garrigue/internal/fault"
)

// written is how a value goes into a cell so that reading it again gives the same text.
type written uint8

const (
	writtenText written = iota
	writtenNumber
	writtenDay
	writtenMoment
)

const (
	dayLayout    = "2006-01-02"
	momentLayout = "2006-01-02T15:04:05"
	minuteLayout = "2006-01-02T15:04"
	// Excel takes no longer text in a cell.
	maxCell = 32_767
)

// writtenAs tells the cell that a value asks for. A code with zeros before it stays a text.
func writtenAs(v string) (written, float64, time.Time) {
	if n := len(v); n > 0 && n <= 17 && (v[0] == '-' || v[0] >= '0' && v[0] <= '9') {
		// "-Inf", as R writes it, is a number to Go and damages a workbook.
		if f, err := strconv.ParseFloat(v, 64); err == nil && !math.IsInf(f, 0) && decimalText(f) == v {
			return writtenNumber, f, time.Time{}
		}
	}
	if t, err := time.Parse(dayLayout, v); err == nil && t.Year() > 1900 {
		return writtenDay, 0, t
	}
	for _, layout := range [...]string{momentLayout, minuteLayout} {
		t, err := time.Parse(layout, v)
		if err == nil && t.Year() > 1900 && (t.Second() > 0) == (layout == momentLayout) && t.Hour()+t.Minute()+t.Second() > 0 {
			return writtenMoment, 0, t
		}
	}
	return writtenText, 0, time.Time{}
}

// XLSXWriter writes one sheet of an XLSX.
type XLSXWriter struct {
	f           *excelize.File
	s           *excelize.StreamWriter
	w           io.Writer
	row         int
	day, moment int
	cells       []any
}

// NewXLSXWriter begins a workbook of one sheet, written to w by Close.
func NewXLSXWriter(w io.Writer, sheet string) (*XLSXWriter, error) {
	x := &XLSXWriter{f: excelize.NewFile(), w: w}
	if err := x.start(sheet); err != nil {
		x.f.Close()
		return nil, err
	}
	return x, nil
}

func (x *XLSXWriter) start(sheet string) (err error) {
	// A name that Excel does not take: other programs write longer ones, with other signs.
	if x.f.SetSheetName("Sheet1", sheet) != nil {
		sheet = "Sheet1"
	}
	day, moment := "yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss"
	if x.day, err = x.f.NewStyle(&excelize.Style{CustomNumFmt: &day}); err != nil {
		return err
	}
	if x.moment, err = x.f.NewStyle(&excelize.Style{CustomNumFmt: &moment}); err != nil {
		return err
	}
	x.s, err = x.f.NewStreamWriter(sheet)
	return err
}

// Row writes a row. Errors: Invalid for a value longer than a cell may hold, or past the last
// row of a sheet.
func (x *XLSXWriter) Row(fields []string) error {
	if x.row++; x.row > maxRows {
		return fault.Say(fault.Invalid, "workbook.too_many", maxRows)
	}
	x.cells = x.cells[:0]
	for _, v := range fields {
		switch how, n, at := writtenAs(v); how {
		case writtenNumber:
			x.cells = append(x.cells, n)
		case writtenDay:
			x.cells = append(x.cells, excelize.Cell{StyleID: x.day, Value: days(at)})
		case writtenMoment:
			x.cells = append(x.cells, excelize.Cell{StyleID: x.moment, Value: days(at)})
		default:
			if v == "" {
				x.cells = append(x.cells, nil)
				continue
			}
			if len(v) > maxCell && len([]rune(v)) > maxCell {
				return fault.Say(fault.Invalid, "workbook.cell_long", x.row, maxCell)
			}
			x.cells = append(x.cells, v)
		}
	}
	return x.s.SetRow("A"+itoa(x.row), x.cells)
}

func days(t time.Time) float64 {
	return t.Sub(time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)).Hours() / 24
}

// Close ends the workbook and writes it.
func (x *XLSXWriter) Close() error {
	defer x.f.Close()
	if err := x.s.Flush(); err != nil {
		return err
	}
	return x.f.Write(x.w)
}

// ODSWriter writes one sheet of an ODS.
type ODSWriter struct {
	z    *zip.Writer
	body io.Writer
	b    strings.Builder
	rows int
}

const odsManifest = xml.Header + `<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2">` +
	`<manifest:file-entry manifest:full-path="/" manifest:version="1.2" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>` +
	`<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>`

const odsHead = xml.Header + `<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"` +
	` xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"` +
	` office:version="1.2"><office:body><office:spreadsheet><table:table table:name="`

const odsTail = `</table:table></office:spreadsheet></office:body></office:document-content>`

// NewODSWriter begins a spreadsheet of one sheet, written to w as rows come.
func NewODSWriter(w io.Writer, sheet string) (*ODSWriter, error) {
	o := &ODSWriter{z: zip.NewWriter(w)}
	part, err := o.z.CreateHeader(&zip.FileHeader{Name: "mimetype", Method: zip.Store}) // first, and as it is
	if err == nil {
		_, err = io.WriteString(part, "application/vnd.oasis.opendocument.spreadsheet")
	}
	if err == nil {
		part, err = o.z.Create("META-INF/manifest.xml")
	}
	if err == nil {
		_, err = io.WriteString(part, odsManifest)
	}
	if err == nil {
		o.body, err = o.z.Create("content.xml")
	}
	if err != nil {
		return nil, err
	}
	o.b.WriteString(odsHead)
	o.escape(sheet)
	o.b.WriteString(`">`)
	return o, o.flush()
}

func (o *ODSWriter) escape(s string) {
	xml.EscapeText(&o.b, []byte(s)) // a Builder takes all
}

func (o *ODSWriter) flush() error {
	_, err := io.WriteString(o.body, o.b.String())
	o.b.Reset()
	return err
}

// Row writes a row. Errors: Invalid past the last row of a sheet.
func (o *ODSWriter) Row(fields []string) error {
	if o.rows++; o.rows > maxRows {
		return fault.Say(fault.Invalid, "workbook.too_many", maxRows)
	}
	o.b.WriteString(`<table:table-row>`)
	for _, v := range fields {
		switch how, _, at := writtenAs(v); {
		case v == "":
			o.b.WriteString(`<table:table-cell/>`)
			continue
		case how == writtenNumber:
			o.b.WriteString(`<table:table-cell office:value-type="float" office:value="` + v + `">`)
		case how == writtenDay:
			o.b.WriteString(`<table:table-cell office:value-type="date" office:date-value="` + v + `">`)
		case how == writtenMoment:
			o.b.WriteString(`<table:table-cell office:value-type="date" office:date-value="` + at.Format(momentLayout) + `">`)
		default:
			o.b.WriteString(`<table:table-cell office:value-type="string">`)
		}
		for _, line := range strings.Split(v, "\n") {
			o.b.WriteString(`<text:p>`)
			o.paragraph(line)
			o.b.WriteString(`</text:p>`)
		}
		o.b.WriteString(`</table:table-cell>`)
	}
	o.b.WriteString(`</table:table-row>`)
	return o.flush()
}

// paragraph writes a line so that none of its spaces is lost: programs fold those that repeat.
func (o *ODSWriter) paragraph(s string) {
	for i := 0; i < len(s); {
		j := i
		for j < len(s) && s[j] == ' ' {
			j++
		}
		if n := j - i; n > 1 || n == 1 && (i == 0 || j == len(s)) {
			o.b.WriteString(`<text:s text:c="` + itoa(n) + `"/>`)
			i = j
			continue
		}
		if s[i] == '\t' {
			o.b.WriteString(`<text:tab/>`)
			i++
			continue
		}
		for j < len(s) && s[j] != '\t' && !(s[j] == ' ' && (j+1 == len(s) || s[j+1] == ' ')) {
			j++
		}
		o.escape(s[i:j])
		i = j
	}
}

// Close ends the spreadsheet.
func (o *ODSWriter) Close() error {
	if _, err := io.WriteString(o.body, odsTail); err != nil {
		return err
	}
	return o.z.Close()
}
