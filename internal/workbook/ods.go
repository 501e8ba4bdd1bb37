package workbook

import (
	"encoding/xml"
	"io"
	"strconv"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/packed"
)

// document is an ODS spreadsheet: all its sheets lie in one part, content.xml, and are read
// from its start.
type document struct {
	a    *packed.Archive
	name string
}

func openODS(a *packed.Archive, name string) (*document, error) {
	if a.Has("META-INF/manifest.xml") {
		b, err := a.All("META-INF/manifest.xml", maxPart)
		if err != nil {
			return nil, err
		}
		if strings.Contains(string(b), "encryption-data") {
			return nil, fault.Say(fault.Invalid, "workbook.encrypted", name)
		}
	}
	return &document{a: a, name: name}, nil
}

// odsFeed reads content.xml. Between sheets it stands in none; within one, next gives rows.
type odsFeed struct {
	doc    *document
	in     *packed.Stream
	d      *packed.XML
	hidden map[string]bool // table styles not displayed
	style  string          // the style being read
	inside int             // depth of the table whose rows are given, 0 outside
	row    row
	again  int    // how often the row is still to be given
	own    []cell // of the row, before what is merged down to it
	filled map[int]filled
	added  int
}

func (doc *document) feed() (*odsFeed, error) {
	in, err := doc.a.Entry("content.xml")
	if err != nil {
		return nil, err
	}
	return &odsFeed{doc: doc, in: in, d: packed.NewXML(in, doc.name), hidden: map[string]bool{}}, nil
}

func (f *odsFeed) offset() int64 { return f.in.Offset() }
func (f *odsFeed) size() int64   { return f.in.Size() }

// table goes to the start of the next sheet, io.EOF after the last.
func (f *odsFeed) table() (*sheet, error) {
	for {
		t, err := f.d.Next()
		if err != nil {
			return nil, err
		}
		e, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		switch e.Name.Local {
		case "style":
			f.style = ""
			if packed.Attr(e, "family") == "table" {
				f.style = packed.Attr(e, "name")
			}
		case "table-properties":
			if f.style != "" && packed.Attr(e, "display") == "false" {
				f.hidden[f.style] = true
			}
		case "tracked-changes", "content-validations", "dde-links", "forms", "shapes":
			if err := f.d.Skip(); err != nil {
				return nil, err
			}
		case "table":
			f.inside, f.row, f.again, f.filled = f.d.Depth(), row{cells: f.row.cells[:0]}, 0, map[int]filled{}
			return &sheet{name: packed.Attr(e, "name"), hidden: f.hidden[packed.Attr(e, "style-name")], names: -1}, nil
		}
	}
}

func (doc *document) sheets() ([]*sheet, error) {
	f, err := doc.feed()
	if err != nil {
		return nil, err
	}
	var list []*sheet
	for {
		s, err := f.table()
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		if list = append(list, s); len(list) > maxSheets {
			return nil, fault.Say(fault.Invalid, "workbook.sheets", doc.name, maxSheets)
		}
		if err := s.readHead(f); err != nil {
			return nil, err
		}
		if err := f.leave(); err != nil {
			return nil, err
		}
	}
}

// leave goes past the rest of a sheet, whatever number of rows it says it has.
func (f *odsFeed) leave() error {
	for f.again = 0; f.inside > 0; {
		t, err := f.d.Next()
		if err != nil {
			return unexpected(err)
		}
		if _, end := t.(xml.EndElement); end && f.d.Depth() < f.inside {
			f.inside = 0
		}
	}
	return nil
}

func (doc *document) open(want *sheet) (feed, error) {
	f, err := doc.feed()
	if err != nil {
		return nil, err
	}
	for {
		s, err := f.table()
		if err != nil {
			return nil, unexpected(err)
		}
		if s.name == want.name {
			return f, nil
		}
		if err := f.leave(); err != nil {
			return nil, err
		}
	}
}

func (f *odsFeed) next() (row, error) {
	if f.again > 0 {
		f.again--
		f.row.number++
		return f.give()
	}
	for f.inside > 0 {
		t, err := f.d.Next()
		if err != nil {
			return row{}, unexpected(err)
		}
		switch t := t.(type) {
		case xml.EndElement:
			if f.d.Depth() < f.inside {
				f.inside = 0
			}
		case xml.StartElement:
			switch t.Name.Local {
			case "table-row":
				return f.readRow(t)
			case "shapes", "forms", "named-expressions", "table-source":
				if err := f.d.Skip(); err != nil {
					return row{}, err
				}
			}
		}
	}
	return row{}, io.EOF
}

// repeated reads a number of repetitions.
func repeated(e xml.StartElement, name string) int {
	n, err := strconv.Atoi(packed.Attr(e, name))
	if err != nil || n < 1 {
		return 1
	}
	return min(n, 1<<30)
}

func (f *odsFeed) readRow(e xml.StartElement) (row, error) {
	times := repeated(e, "number-rows-repeated")
	f.row.number++
	f.row.cells = f.row.cells[:0]
	column := 0
	for want := f.d.Depth() - 1; f.d.Depth() > want; {
		t, err := f.d.Next()
		if err != nil {
			return row{}, unexpected(err)
		}
		e, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		if e.Name.Local != "table-cell" && e.Name.Local != "covered-table-cell" {
			if err := f.d.Skip(); err != nil {
				return row{}, err
			}
			continue
		}
		n := repeated(e, "number-columns-repeated")
		c, err := f.readCell(e)
		if err != nil {
			return row{}, err
		}
		if c.text == "" && c.raw == "" || e.Name.Local == "covered-table-cell" {
			column = min(column+n, 1<<20)
			continue
		}
		if column+n > maxColumns {
			return row{}, fault.Say(fault.Invalid, "tabular.columns", f.doc.name, f.row.number, maxColumns)
		}
		if rows := repeated(e, "number-rows-spanned"); rows > 1 {
			f.filled[column] = filled{c, f.row.number + rows - 1}
		}
		for ; n > 0; n-- {
			for len(f.row.cells) <= column {
				f.row.cells = append(f.row.cells, cell{})
			}
			f.row.cells[column] = c
			column++
		}
	}
	f.row.cells = trim(f.row.cells)
	if len(f.row.cells) == 0 { // the empty rows under every table are one, repeated a million times
		f.row.number += times - 1
		return f.row, nil
	}
	if f.again = times - 1; f.again > 0 {
		size := 0
		for _, c := range f.row.cells {
			size += len(c.text) + 1
		}
		if f.added += size * min(f.again, maxRows); f.added > maxRepeated {
			return row{}, fault.Say(fault.Invalid, "tabular.bomb", f.doc.name)
		}
	}
	f.own = append(f.own[:0], f.row.cells...)
	return f.give()
}

// give fills what is merged down to this row.
func (f *odsFeed) give() (row, error) {
	f.row.cells = append(f.row.cells[:0], f.own...)
	for column, v := range f.filled {
		if v.last < f.row.number {
			delete(f.filled, column)
			continue
		}
		if column < len(f.row.cells) && f.row.cells[column].text != "" {
			continue
		}
		if f.added += len(v.c.text); f.added > maxRepeated {
			return row{}, fault.Say(fault.Invalid, "tabular.bomb", f.doc.name)
		}
		for len(f.row.cells) <= column {
			f.row.cells = append(f.row.cells, cell{})
		}
		f.row.cells[column] = v.c
	}
	return f.row, nil
}

// readCell reads a cell: what its type says it holds, else its paragraphs.
func (f *odsFeed) readCell(e xml.StartElement) (cell, error) {
	kind := packed.Attr(e, "value-type")
	for _, a := range e.Attr { // LibreOffice tells errors in its own namespace only
		if a.Name.Local == "value-type" && a.Value == "error" {
			kind = "error"
		}
	}
	text, err := f.paragraphs()
	if err != nil {
		return cell{}, err
	}
	switch kind {
	case "error":
		return cell{raw: text}, nil
	case "float", "percentage", "currency":
		if v := packed.Attr(e, "value"); v != "" {
			return cell{text: number(v), figure: true}, nil
		}
	case "date":
		if v := packed.Attr(e, "date-value"); v != "" {
			return cell{text: isoDate(v), figure: true}, nil
		}
	case "time":
		if v, ok := isoDuration(packed.Attr(e, "time-value")); ok {
			return cell{text: v, figure: true}, nil
		}
	case "boolean":
		if v := packed.Attr(e, "boolean-value"); v != "" {
			return cell{text: v, figure: true}, nil
		}
	case "string":
		if v := packed.Attr(e, "string-value"); v != "" && text == "" {
			text = v
		}
	}
	return textCell(text), nil
}

// paragraphs reads the text of a cell: its paragraphs, each on a line; notes and drawings are
// no part of it.
func (f *odsFeed) paragraphs() (string, error) {
	var b strings.Builder
	started, within := false, 0
	for want := f.d.Depth() - 1; f.d.Depth() > want; {
		t, err := f.d.Next()
		if err != nil {
			return "", unexpected(err)
		}
		switch t := t.(type) {
		case xml.CharData:
			if within > 0 {
				b.Write(t)
			}
		case xml.EndElement:
			if within > 0 && f.d.Depth() < within {
				within = 0
			}
		case xml.StartElement:
			switch t.Name.Local {
			case "p", "h":
				if started {
					b.WriteByte('\n')
				}
				started, within = true, f.d.Depth()
			case "s":
				b.WriteString(strings.Repeat(" ", min(repeated(t, "c"), 1000)))
			case "tab":
				b.WriteByte('\t')
			case "line-break":
				b.WriteByte('\n')
			case "annotation", "frame", "custom-shape", "control", "table", "detective", "ruby-text", "note":
				if err := f.d.Skip(); err != nil {
					return "", err
				}
			}
		}
		if b.Len() > maxField {
			return "", fault.Say(fault.Invalid, "tabular.field", f.doc.name, f.row.number, maxField>>10)
		}
	}
	return b.String(), nil
}
