// Package workbook reads the sheets of spreadsheets, XLSX and ODS, as tables: it chooses the
// sheet, finds the row that names the columns, and gives the rows under it with their
// numbers. Dates become ISO text, numbers lose the noise of binary fractions, a value merged
// over several rows is given to each. It also writes such sheets, for the rows that go back.
//
// It decides nothing about what columns mean. It holds one row in memory and, of an XLSX, its
// shared strings.
package workbook

import (
	"bytes"
	"io"
	"path"
	"slices"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/packed"
	"garrigue/internal/tabular"
)

// Limits: those of the programs that make spreadsheets, but for columns, where tabular's is
// the one of all tables.
const (
	maxRows    = 1_048_576
	maxColumns = 4000
	maxField   = 8 << 20
	maxRow     = 16 << 20
	headRows   = 20 // among which the names of columns are looked for
	maxSheets  = 1000
	// maxRepeated is how much text the repetitions a file declares may add up to.
	maxRepeated = 64 << 20
)

// Kind is the kind of a spreadsheet.
type Kind string

// The kinds.
const (
	None Kind = ""
	XLSX Kind = "xlsx"
	ODS  Kind = "ods"
)

// Options are the caller's wishes.
type Options struct {
	// Sheet is the name of the sheet to read; "" for the first visible one whose header Like
	// accepts, else the first that has two columns and a row.
	Sheet string
	Like  func(header []string) bool
}

// Recognise tells the kind of a zip by its content.
func Recognise(a *packed.Archive) Kind {
	for _, n := range a.Names() {
		switch {
		case strings.HasPrefix(n, "xl/"):
			return XLSX
		case n == "content.xml" && a.Has("mimetype"):
			if b, err := a.All("mimetype", 1<<10); err == nil && bytes.Contains(b, []byte("opendocument.spreadsheet")) {
				return ODS
			}
		}
	}
	return None
}

// Legacy tells a spreadsheet this version does not read, by the first bytes of a file: the
// binary files of Excel before 2007, and those protected by a password, which look the same.
// The answer is the key of a sentence, "" for another file.
func Legacy(head []byte, r io.ReaderAt, size int64) string {
	if !bytes.HasPrefix(head, []byte{0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1}) {
		return ""
	}
	// The names of its streams are in UTF-16 somewhere in its directory.
	var name []byte
	for _, c := range []byte("EncryptedPackage") {
		name = append(name, c, 0)
	}
	const window = 1 << 20
	buf := make([]byte, window+len(name))
	for at := int64(0); at < min(size, 512<<20); at += window {
		n, err := r.ReadAt(buf, at)
		if bytes.Contains(buf[:n], name) {
			return "workbook.encrypted"
		}
		if err != nil {
			break
		}
	}
	return "workbook.xls"
}

// sheet is one sheet of a workbook and what its first rows taught.
type sheet struct {
	name   string
	hidden bool
	head   []row // its first rows that are not empty
	names  int   // place of the names of columns in head, -1 when there are none
}

// row is a row of a sheet: values by column, trailing empty ones dropped.
type row struct {
	number int
	cells  []cell
}

// cell is a value as text. raw is what shows in the file when the value is an error.
type cell struct {
	text, raw string
	figure    bool // a number, a date, a boolean
}

// feed gives the rows of one sheet in order, io.EOF after the last.
type feed interface {
	next() (row, error)
	offset() int64
	size() int64
}

// Table is one reading of one sheet. It is for one goroutine.
type Table struct {
	kind    Kind
	name    string
	sheet   string
	others  []string
	header  []string
	f       feed
	pending []row
	fields  []string
}

// Open chooses a sheet of the spreadsheet a and reads its header. name is for sentences.
//
// Errors: Invalid with a sentence for a spreadsheet that is damaged, encrypted or dishonest,
// or without a table; NotFound for a sheet it does not have.
func Open(a *packed.Archive, kind Kind, name string, o Options) (*Table, error) {
	b, err := openBook(a, kind, name)
	if err != nil {
		return nil, err
	}
	sheets, err := b.sheets()
	if err != nil {
		return nil, err
	}
	s, err := choose(sheets, name, o)
	if err != nil {
		return nil, err
	}
	f, err := b.open(s)
	if err != nil {
		return nil, err
	}
	t := &Table{kind: kind, name: name, sheet: s.name, f: f}
	for _, other := range sheets {
		if other != s && !other.hidden && len(other.head) > 0 {
			t.others = append(t.others, other.name)
		}
	}
	// The rows read to choose are read again: the title lines and the header are passed over.
	names := s.head[s.names]
	for {
		r, err := f.next()
		if err != nil {
			return nil, unexpected(err)
		}
		if r.number >= names.number {
			break
		}
	}
	t.header = headerOf(names, s.head[s.names+1:])
	first, err := t.row()
	if err == io.EOF {
		return nil, fault.Say(fault.Invalid, "tabular.no_rows", name)
	}
	if err != nil {
		return nil, err
	}
	t.pending = append(t.pending, first)
	return t, nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// book is a workbook of either kind.
type book interface {
	sheets() ([]*sheet, error)
	open(*sheet) (feed, error)
}

func openBook(a *packed.Archive, kind Kind, name string) (book, error) {
	if kind == ODS {
		return openODS(a, name)
	}
	return openXLSX(a, name)
}

// choose picks the sheet to read.
func choose(sheets []*sheet, name string, o Options) (*sheet, error) {
	var names []string
	var first *sheet
	for _, s := range sheets {
		if o.Sheet != "" {
			if strings.EqualFold(s.name, o.Sheet) {
				if s.names < 0 {
					return nil, fault.Say(fault.Invalid, "workbook.empty_sheet", name, s.name)
				}
				return s, nil
			}
			names = append(names, s.name)
			continue
		}
		if s.hidden || s.names < 0 || s.names+1 >= len(s.head) {
			continue
		}
		if o.Like != nil && o.Like(headerOf(s.head[s.names], s.head[s.names+1:])) {
			return s, nil
		}
		if first == nil {
			first = s
		}
	}
	switch {
	case o.Sheet != "":
		return nil, fault.Say(fault.NotFound, "workbook.no_sheet", name, o.Sheet, strings.Join(names, ", "))
	case first == nil:
		return nil, fault.Say(fault.Invalid, "workbook.no_table", name)
	}
	return first, nil
}

// findNames returns which of the first rows names the columns: the first of those that have
// nearly as many different texts, and no figures, as the row that has most. Title lines have
// one or two, rows of data have figures.
func findNames(head []row) int {
	best, most := -1, 0
	scores := make([]int, len(head))
	for i, r := range head {
		seen := map[string]bool{}
		score := 0
		for _, c := range r.cells {
			v := strings.TrimSpace(c.text)
			switch {
			case v == "":
			case c.figure || seen[v]:
				score--
			default:
				seen[v] = true
				score++
			}
		}
		scores[i] = score
		if score > most {
			most = score
		}
	}
	for i, s := range scores {
		if s > 0 && s*4 >= most*3 {
			best = i
			break
		}
	}
	return best
}

// headerOf returns the names of columns, one for each column that the rows under them use.
// Names that repeat are numbered, as sheets do not mind.
func headerOf(names row, rows []row) []string {
	width := len(names.cells)
	for _, r := range rows {
		width = max(width, len(r.cells))
	}
	out := make([]string, width)
	seen := map[string]int{}
	for i, c := range names.cells {
		h := strings.Join(strings.Fields(c.text), " ")
		if h != "" {
			seen[h]++
			for n := seen[h]; n > 1; n++ {
				try := h + " (" + itoa(n) + ")"
				if seen[try] == 0 {
					h = try
					seen[h]++
					break
				}
			}
		}
		out[i] = h
	}
	return out
}

// Header returns the names of the columns.
func (t *Table) Header() []string { return t.header }

// Next returns the next row that is not empty; its Line is its number in the sheet.
func (t *Table) Next() (tabular.Row, error) {
	var r row
	if len(t.pending) > 0 {
		r, t.pending = t.pending[0], t.pending[1:]
	} else {
		var err error
		if r, err = t.row(); err != nil {
			return tabular.Row{}, err
		}
	}
	out := tabular.Row{Line: r.number}
	t.fields = t.fields[:0]
	failed, size := false, 0
	for _, c := range r.cells {
		v, damaged := packed.Sound(c.text)
		out.Damaged = out.Damaged || damaged
		if size += len(v); size > maxRow {
			return out, fault.Say(fault.Invalid, "tabular.record", t.name, r.number, maxRow>>10)
		}
		t.fields = append(t.fields, v)
		failed = failed || c.raw != ""
	}
	for len(t.fields) < len(t.header) {
		t.fields = append(t.fields, "")
	}
	raw := t.fields
	if failed {
		raw = slices.Clone(t.fields)
		for i, c := range r.cells {
			if c.raw != "" {
				raw[i], _ = packed.Sound(c.raw)
			}
		}
	}
	out.Fields, out.Raw = t.fields, tabular.Line(raw, ',')
	return out, nil
}

// row returns the next row with something in it.
func (t *Table) row() (row, error) {
	for {
		if t.f == nil {
			return row{}, io.EOF
		}
		r, err := t.f.next()
		if err != nil {
			return r, err
		}
		if r.number > maxRows {
			return r, fault.Say(fault.Invalid, "workbook.rows", t.name, maxRows)
		}
		if len(r.cells) > 0 {
			return r, nil
		}
	}
}

// Offset returns how much of Size was read.
func (t *Table) Offset() int64 {
	if t.f == nil {
		return 0
	}
	return t.f.offset()
}

// Size returns what Offset is at the end.
func (t *Table) Size() int64 {
	if t.f == nil {
		return 0
	}
	return t.f.size()
}

// Close ends the reading: the shared strings, which may be most of the memory of an import, are
// let go while the Table is still asked for its Layout. It may be called twice.
func (t *Table) Close() error {
	t.f, t.pending = nil, nil
	return nil
}

// Layout tells which sheet is read and which were left.
func (t *Table) Layout() tabular.Layout {
	return tabular.Layout{Kind: string(t.kind), Table: t.sheet, Others: t.others, Header: t.header}
}

// trim drops the empty cells at the end.
func trim(cells []cell) []cell {
	n := len(cells)
	for n > 0 && cells[n-1].text == "" && cells[n-1].raw == "" {
		n--
	}
	return cells[:n]
}

// clonedHead keeps a row past the next one.
func clonedHead(r row) row {
	r.cells = append([]cell(nil), r.cells...)
	return r
}

// readHead fills the first rows of a sheet from a reading of it.
func (s *sheet) readHead(f feed) error {
	s.names = -1
	for len(s.head) < headRows {
		r, err := f.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if len(r.cells) > 0 {
			s.head = append(s.head, clonedHead(r))
		}
	}
	s.names = findNames(s.head)
	return nil
}

// under joins a target of a relation to the folder it is relative to.
func under(dir, target string) string {
	if strings.HasPrefix(target, "/") {
		return strings.TrimPrefix(path.Clean(target), "/")
	}
	return path.Join(dir, target)
}
