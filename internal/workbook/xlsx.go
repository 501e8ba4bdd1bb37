package workbook

import (
	"bytes"
	"encoding/xml"
	"io"
	"path"
	"strconv"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/packed"
)

// maxStrings is how much text of an XLSX's cells lies in memory: they share it.
const (
	maxStrings = 160 << 20
	maxPart    = 16 << 20
	maxStyles  = 65_536
	maxMerges  = 200_000
)

// excel is an XLSX workbook.
type excel struct {
	a       *packed.Archive
	name    string
	list    []*sheet
	part    map[*sheet]string
	shows   []show // by style of cell
	is1904  bool
	strings string // the part of shared strings, "" without
	shared  texts
}

// texts are the shared strings, one after another in blocks: a slice that grows would hold
// them twice.
type texts struct {
	blocks [][]byte
	ends   []uint32
}

const textBlock = 1 << 20

func (t *texts) size() int {
	if len(t.ends) == 0 {
		return 0
	}
	return int(t.ends[len(t.ends)-1])
}

func (t *texts) add(s string) {
	end := t.size() + len(s)
	for at := t.size(); s != ""; {
		if at/textBlock == len(t.blocks) {
			t.blocks = append(t.blocks, make([]byte, textBlock))
		}
		n := copy(t.blocks[at/textBlock][at%textBlock:], s)
		s, at = s[n:], at+n
	}
	t.ends = append(t.ends, uint32(end))
}

func (t *texts) get(i int) (string, bool) {
	if i < 0 || i >= len(t.ends) {
		return "", false
	}
	at, end := 0, int(t.ends[i])
	if i > 0 {
		at = int(t.ends[i-1])
	}
	var b strings.Builder
	for b.Grow(end - at); at < end; {
		block := t.blocks[at/textBlock]
		n := min(end-at, textBlock-at%textBlock)
		b.Write(block[at%textBlock : at%textBlock+n])
		at += n
	}
	return b.String(), true
}

func openXLSX(a *packed.Archive, name string) (*excel, error) {
	x := &excel{a: a, name: name, part: map[*sheet]string{}}
	main, err := x.mainPart()
	if err != nil {
		return nil, err
	}
	targets, styles, err := x.relations(main)
	if err != nil {
		return nil, err
	}
	if err := x.readWorkbook(main, targets); err != nil {
		return nil, err
	}
	if styles != "" {
		if err := x.readStyles(styles); err != nil {
			return nil, err
		}
	}
	if x.strings != "" {
		return x, x.readStrings()
	}
	return x, nil
}

// mainPart returns where the workbook is described.
func (x *excel) mainPart() (string, error) {
	main := "xl/workbook.xml"
	if x.a.Has("_rels/.rels") {
		err := x.each("_rels/.rels", maxPart, func(d *packed.XML, e xml.StartElement) error {
			if e.Name.Local == "Relationship" && strings.HasSuffix(packed.Attr(e, "Type"), "/officeDocument") {
				main = under("", packed.Attr(e, "Target"))
			}
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	switch {
	case strings.HasSuffix(main, ".bin"):
		return "", fault.Say(fault.Invalid, "workbook.xlsb", x.name)
	case !x.a.Has(main):
		return "", fault.Say(fault.Invalid, "workbook.damaged", x.name)
	}
	return main, nil
}

// each reads a part and calls f with the start of each element; f may read on in d.
func (x *excel) each(part string, limit int64, f func(d *packed.XML, e xml.StartElement) error) error {
	s, err := x.a.Entry(part)
	if err != nil {
		return err
	}
	d := packed.NewXML(io.LimitReader(s, limit), x.name)
	for {
		t, err := d.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if e, ok := t.(xml.StartElement); ok {
			if err := f(d, e); err != nil {
				return err
			}
		}
	}
}

func (x *excel) relations(main string) (targets map[string]string, styles string, err error) {
	dir, base := path.Split(main)
	rels := dir + "_rels/" + base + ".rels"
	targets = map[string]string{}
	if !x.a.Has(rels) {
		return nil, "", fault.Say(fault.Invalid, "workbook.damaged", x.name)
	}
	err = x.each(rels, maxPart, func(_ *packed.XML, e xml.StartElement) error {
		if e.Name.Local != "Relationship" || packed.Attr(e, "TargetMode") == "External" {
			return nil
		}
		target := under(dir, packed.Attr(e, "Target"))
		switch kind := packed.Attr(e, "Type"); {
		case strings.HasSuffix(kind, "/worksheet"):
			targets[packed.Attr(e, "Id")] = target
		case strings.HasSuffix(kind, "/styles") && x.a.Has(target):
			styles = target
		case strings.HasSuffix(kind, "/sharedStrings") && x.a.Has(target):
			x.strings = target
		}
		return nil
	})
	return targets, styles, err
}

func (x *excel) readWorkbook(main string, targets map[string]string) error {
	return x.each(main, maxPart, func(_ *packed.XML, e xml.StartElement) error {
		switch e.Name.Local {
		case "workbookPr":
			v := packed.Attr(e, "date1904")
			x.is1904 = v == "1" || v == "true"
		case "sheet":
			id := ""
			for _, a := range e.Attr {
				if a.Name.Local == "id" && a.Name.Space != "" {
					id = a.Value
				}
			}
			part := targets[id]
			if part == "" || !x.a.Has(part) {
				return nil // a chart, a macro sheet
			}
			if len(x.list) >= maxSheets {
				return fault.Say(fault.Invalid, "workbook.sheets", x.name, maxSheets)
			}
			state := packed.Attr(e, "state")
			s := &sheet{name: packed.Attr(e, "name"), hidden: state == "hidden" || state == "veryHidden", names: -1}
			x.list = append(x.list, s)
			x.part[s] = part
		}
		return nil
	})
}

// readStyles learns which styles show a number as a date.
func (x *excel) readStyles(part string) error {
	custom := map[int]show{}
	cells := false
	return x.each(part, maxPart, func(_ *packed.XML, e xml.StartElement) error {
		switch e.Name.Local {
		case "numFmt":
			if id, err := strconv.Atoi(packed.Attr(e, "numFmtId")); err == nil {
				custom[id] = showOf(packed.Attr(e, "formatCode"))
			}
		case "cellXfs":
			cells = true
		case "cellStyleXfs", "cellStyles", "dxfs":
			cells = false
		case "xf":
			if !cells || len(x.shows) >= maxStyles {
				return nil
			}
			id, _ := strconv.Atoi(packed.Attr(e, "numFmtId")) // no number: the general format
			how, ok := custom[id]
			if !ok {
				how = builtin(id)
			}
			x.shows = append(x.shows, how)
		}
		return nil
	})
}

func (x *excel) readStrings() error {
	return x.each(x.strings, 4<<30, func(d *packed.XML, e xml.StartElement) error {
		if e.Name.Local != "si" {
			return nil
		}
		s, err := richText(d, x.name)
		if err != nil {
			return err
		}
		x.shared.add(s)
		if x.shared.size() > maxStrings || len(x.shared.ends) > maxStrings/32 {
			return fault.Say(fault.Invalid, "workbook.strings", x.name, maxStrings>>20)
		}
		return nil
	})
}

// richText reads the t elements within the element whose start was the last token, but for
// phonetic runs.
func richText(d *packed.XML, name string) (string, error) {
	var b strings.Builder
	for want := d.Depth() - 1; d.Depth() > want; {
		t, err := d.Next()
		if err != nil {
			return "", unexpected(err)
		}
		e, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		switch e.Name.Local {
		case "rPh", "phoneticPr":
			err = d.Skip()
		case "t":
			var s string
			s, err = d.Text(maxField)
			if b.WriteString(s); b.Len() > maxField {
				return "", fault.Say(fault.Invalid, "packed.xml_long", name)
			}
		}
		if err != nil {
			return "", err
		}
	}
	return unescaped(b.String()), nil
}

// unescaped reads the _x000D_ that stand for characters XML does not allow.
func unescaped(s string) string {
	if !strings.Contains(s, "_x") {
		return s
	}
	var b strings.Builder
	for {
		i := strings.Index(s, "_x")
		if i < 0 || i+7 > len(s) {
			b.WriteString(s)
			return b.String()
		}
		n, err := strconv.ParseUint(s[i+2:i+6], 16, 16)
		if err != nil || s[i+6] != '_' {
			b.WriteString(s[:i+2])
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		b.WriteRune(rune(n))
		s = s[i+7:]
	}
}

func (x *excel) sheets() ([]*sheet, error) {
	for _, s := range x.list {
		f, err := x.open(s)
		if err != nil {
			return nil, err
		}
		if err := s.readHead(f); err != nil {
			return nil, err
		}
	}
	return x.list, nil
}

// open begins a reading of a sheet. Merged cells are described after the rows, so that the
// part is read once for them alone, as bytes.
func (x *excel) open(s *sheet) (feed, error) {
	merges, err := x.merges(x.part[s])
	if err != nil {
		return nil, err
	}
	in, err := x.a.Entry(x.part[s])
	if err != nil {
		return nil, err
	}
	return &excelFeed{x: x, in: in, d: packed.NewXML(in, x.name), merges: merges, filled: map[int]filled{}}, nil
}

// merge is a range of one column or more whose value is in its first cell.
type merge struct{ column, last int }

// merges returns the merged ranges of more than one row, by their first row.
func (x *excel) merges(part string) (map[int][]merge, error) {
	in, err := x.a.Entry(part)
	if err != nil {
		return nil, err
	}
	out := map[int][]merge{}
	tag := []byte("mergeCell ")
	buf := make([]byte, 256<<10)
	kept, found := 0, 0
	for {
		n, err := in.Read(buf[kept:])
		b := buf[:kept+n]
		for {
			i := bytes.Index(b, tag)
			end := -1
			if i >= 0 {
				end = bytes.IndexByte(b[i:], '>')
			}
			if end < 0 {
				if i > 0 {
					b = b[i:]
				}
				break
			}
			if found++; found > maxMerges {
				return nil, fault.Say(fault.Invalid, "workbook.merges", x.name, maxMerges)
			}
			addMerge(out, string(b[i:i+end]))
			b = b[i+end:]
		}
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if len(b) > 512 { // a tag cut by the end of the buffer is shorter
			b = b[len(b)-512:]
		}
		kept = copy(buf, b)
	}
}

func addMerge(out map[int][]merge, tag string) {
	_, ref, ok := strings.Cut(tag, `ref="`)
	if !ok {
		return
	}
	ref, _, _ = strings.Cut(ref, `"`)
	from, to, ok := strings.Cut(ref, ":")
	c, r, ok1 := reference(from)
	_, last, ok2 := reference(to)
	if ok && ok1 && ok2 && last > r {
		out[r] = append(out[r], merge{c, last})
	}
}

// reference reads "AB12": its column from 0 and its row from 1.
func reference(s string) (column, row int, ok bool) {
	i := 0
	for i < len(s) && s[i] >= 'A' && s[i] <= 'Z' && i < 4 {
		column = column*26 + int(s[i]-'A') + 1
		i++
	}
	n, err := strconv.Atoi(s[i:])
	return column - 1, n, i > 0 && err == nil && n > 0
}

// excelFeed is one reading of a sheet.
type excelFeed struct {
	x      *excel
	in     *packed.Stream
	d      *packed.XML
	row    row
	done   bool
	merges map[int][]merge
	filled map[int]filled // by column
	added  int
}

// filled is a value that goes down to a row.
type filled struct {
	c    cell
	last int
}

func (f *excelFeed) offset() int64 { return f.in.Offset() }
func (f *excelFeed) size() int64   { return f.in.Size() }

func (f *excelFeed) next() (row, error) {
	for !f.done {
		t, err := f.d.Next()
		if err != nil {
			return row{}, err
		}
		e, ok := t.(xml.StartElement)
		if !ok {
			if end, is := t.(xml.EndElement); is && end.Name.Local == "sheetData" {
				f.done = true
			}
			continue
		}
		if e.Name.Local == "row" {
			return f.readRow(e)
		}
	}
	return row{}, io.EOF
}

func (f *excelFeed) readRow(e xml.StartElement) (row, error) {
	f.row.number++
	if n, err := strconv.Atoi(packed.Attr(e, "r")); err == nil && n > 0 {
		f.row.number = n
	}
	if f.row.number > maxRows {
		return row{}, fault.Say(fault.Invalid, "workbook.rows", f.x.name, maxRows)
	}
	f.row.cells = f.row.cells[:0]
	column := -1
	for want := f.d.Depth() - 1; f.d.Depth() > want; {
		t, err := f.d.Next()
		if err != nil {
			return row{}, unexpected(err)
		}
		e, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		if e.Name.Local != "c" {
			if err := f.d.Skip(); err != nil {
				return row{}, err
			}
			continue
		}
		column++
		if c, _, ok := reference(packed.Attr(e, "r")); ok {
			column = c
		}
		c, err := f.readCell(e)
		if err != nil {
			return row{}, err
		}
		if c.text == "" && c.raw == "" {
			continue // formats reach far beyond the table
		}
		if column >= maxColumns {
			return row{}, fault.Say(fault.Invalid, "tabular.columns", f.x.name, f.row.number, maxColumns)
		}
		f.put(column, c)
	}
	return f.fill()
}

func (f *excelFeed) put(column int, c cell) {
	for len(f.row.cells) <= column {
		f.row.cells = append(f.row.cells, cell{})
	}
	f.row.cells[column] = c
}

// fill gives the rows of a merged range its value.
func (f *excelFeed) fill() (row, error) {
	f.row.cells = trim(f.row.cells)
	if len(f.filled) > 0 && len(f.row.cells) > 0 {
		for column, v := range f.filled {
			if v.last < f.row.number {
				delete(f.filled, column)
				continue
			}
			if column >= len(f.row.cells) || f.row.cells[column].text == "" {
				if f.added += len(v.c.text); f.added > maxRepeated {
					return row{}, fault.Say(fault.Invalid, "tabular.bomb", f.x.name)
				}
				f.put(column, v.c)
			}
		}
	}
	for _, m := range f.merges[f.row.number] {
		if m.column < len(f.row.cells) && f.row.cells[m.column].text != "" {
			f.filled[m.column] = filled{f.row.cells[m.column], m.last}
		}
	}
	return f.row, nil
}

// readCell reads a cell: its type, its style and its cached value.
func (f *excelFeed) readCell(e xml.StartElement) (cell, error) {
	kind := packed.Attr(e, "t")
	how := asNumber
	if s, err := strconv.Atoi(packed.Attr(e, "s")); err == nil && s >= 0 && s < len(f.x.shows) {
		how = f.x.shows[s]
	}
	var v, inline string
	for want := f.d.Depth() - 1; f.d.Depth() > want; {
		t, err := f.d.Next()
		if err != nil {
			return cell{}, unexpected(err)
		}
		e, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		switch e.Name.Local {
		case "v":
			v, err = f.d.Text(maxField)
		case "is":
			inline, err = richText(f.d, f.x.name)
		default:
			err = f.d.Skip()
		}
		if err != nil {
			return cell{}, err
		}
	}
	return f.x.value(kind, v, inline, how), nil
}

func (x *excel) value(kind, v, inline string, how show) cell {
	switch kind {
	case "s":
		i, err := strconv.Atoi(strings.TrimSpace(v))
		s, ok := x.shared.get(i)
		if err != nil || !ok {
			return cell{raw: "#" + v} // a string the workbook does not have
		}
		return textCell(s)
	case "inlineStr":
		return textCell(inline)
	case "str":
		return textCell(unescaped(v))
	case "b":
		return cell{text: map[string]string{"1": "true", "true": "true", "0": "false", "false": "false"}[strings.TrimSpace(v)], figure: true}
	case "e":
		return cell{raw: v}
	case "d":
		return cell{text: isoDate(v), figure: true}
	}
	if v = strings.TrimSpace(v); v == "" {
		return textCell(inline)
	}
	if how != asNumber {
		if n, err := strconv.ParseFloat(v, 64); err == nil {
			if s, ok := serial(n, how, x.is1904); ok {
				return cell{text: s, figure: true}
			}
		}
	}
	return cell{text: number(v), figure: true}
}

// textCell is a text as written: what is white alone is nothing, and the text of an error is
// no value.
func textCell(s string) cell {
	if strings.TrimSpace(s) == "" {
		return cell{}
	}
	if isError(s) {
		return cell{raw: s}
	}
	return cell{text: s}
}
