// Package jsontable reads JSON as a table: a list of objects, one object a line, or an answer
// of an API that holds a list (GeoNature's exports, iNaturalist, GeoJSON features), alone or
// several pages one after another; and the answers of VisioNature, one row an observation.
//
// The header is the union of the records' members, whence two readings. A nested value has a
// dotted name (taxon.name); a list is one value, its JSON text; a list of objects longer than
// 32 KiB is only counted. Memory is held to one record and the header, whatever the file.
//
// Of VisioNature it decides what is never taken: private comments, names that their owner
// withheld, identifiers and tracks of persons, data inside photographs. See visionature.go.
package jsontable

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"
	_ "time/tzdata" // the hours of VisioNature's bare timestamps, on any machine
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"

	"garrigue/internal/fault"
	"garrigue/internal/tabular"
)

// Options limit a reading; the zero value has the usual limits.
type Options struct {
	MaxRecord  int            // bytes of one record, 16 MiB when 0
	MaxColumns int            // 4,000 when 0
	MaxDepth   int            // of nested values, 64 when 0
	MaxTotal   int64          // bytes once uncompressed, 64 GiB when 0
	MaxRatio   int            // bytes uncompressed per compressed one past 64 MiB, 250 when 0
	Zone       *time.Location // of VisioNature's timestamps that name no offset, Europe/Paris when nil
}

func (o Options) withDefaults() (Options, error) {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&o.MaxRecord, 16<<20)
	set(&o.MaxColumns, 4000)
	set(&o.MaxDepth, 64)
	set(&o.MaxRatio, 250)
	if o.MaxTotal <= 0 {
		o.MaxTotal = 64 << 30
	}
	var err error
	if o.Zone == nil {
		o.Zone, err = time.LoadLocation("Europe/Paris")
	}
	return o, err
}

var errSchema = errors.New("a JSON schema")

// Table gives the rows. It is for one goroutine.
type Table struct {
	o       Options
	name    string
	size    int64
	w       *walker
	sh      shape
	header  []string
	columns map[string]int
	fields  []string
	rows    int
	vn      *vnRows // of VisioNature
	err     error
}

// Matches reports whether a file that begins with head, of size bytes in f, looks like JSON.
func Matches(head []byte, f io.ReaderAt, size int64) bool {
	if isGzip(head) {
		z, err := gzip.NewReader(io.NewSectionReader(f, 0, size))
		if err != nil {
			return false
		}
		head = make([]byte, 512)
		n, _ := io.ReadFull(z, head)
		head = head[:n]
	}
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n\x1e")
	if len(head) == 0 {
		return false
	}
	next := bytes.TrimLeft(head[1:], " \t\r\n")
	switch head[0] {
	case '{':
		return len(next) == 0 || next[0] == '"' || next[0] == '}'
	case '[':
		return len(next) == 0 || next[0] == '{' || next[0] == ']'
	}
	return false
}

// Open reads the size bytes of r once to know their columns, and prepares to give their rows.
//
// Errors: Invalid, with a sentence for the producer, when it is not JSON, is cut, holds no
// record, or passes a limit. Other errors are those of r.
func Open(r io.ReaderAt, size int64, name string, o Options) (*Table, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	t := &Table{o: o, name: name, size: size, columns: map[string]int{}}
	s, err := newScanner(r, size, o)
	if err != nil {
		return nil, t.say(s, err)
	}
	if t.sh, err = look(s); err != nil {
		if err == io.EOF {
			return nil, fault.Say(fault.Invalid, "tabular.empty", name)
		}
		return nil, t.say(s, err)
	}
	if t.sh.visioNature {
		t.vn = newVNRows(o.Zone)
	}
	if err := t.begin(r); err != nil {
		return nil, err
	}
	if err := t.survey(); err != nil {
		return nil, err
	}
	if err := t.begin(r); err != nil {
		return nil, err
	}
	t.fields = make([]string, len(t.header))
	return t, nil
}

// begin starts a reading.
func (t *Table) begin(r io.ReaderAt) error {
	s, err := newScanner(r, t.size, t.o)
	if err != nil {
		return t.say(s, err)
	}
	t.w = &walker{s: s, sh: t.sh}
	return nil
}

// survey reads every record for its columns.
func (t *Table) survey() error {
	for {
		n, err := t.record()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		t.rows++
		if t.vn != nil {
			t.vn.survey(t.w.which, n)
			continue
		}
		t.flat(n, func(name []byte, _ string) {
			if _, known := t.columns[string(name)]; !known {
				t.columns[string(name)] = len(t.header)
				t.header = append(t.header, string(name))
			}
		})
		if len(t.header) > t.o.MaxColumns {
			return fault.Say(fault.Invalid, "tabular.columns", t.name, t.w.line, t.o.MaxColumns)
		}
	}
	if t.rows == 0 {
		return fault.Say(fault.Invalid, "jsontable.no_records", t.name)
	}
	if t.vn != nil {
		t.vn.settle()
		t.header = vnHeader()
	}
	return nil
}

// record returns the next record.
func (t *Table) record() (node, error) {
	if err := t.w.next(); err != nil {
		if err == io.EOF {
			return node{}, err
		}
		return node{}, t.say(t.w.s, err)
	}
	if !json.Valid(t.w.raw) {
		return node{}, t.say(t.w.s, errSyntax)
	}
	n := parse(t.w.raw, t.vn != nil)
	if n.kind != '{' {
		return node{}, fault.Say(fault.Invalid, "jsontable.no_records", t.name)
	}
	return n, nil
}

// flat gives the values of a record; of a feature, its properties come as they are.
func (t *Table) flat(n node, put func(name []byte, value string)) {
	buf := make([]byte, 0, 128)
	trimmed := func(name []byte, value string) { put(bytes.TrimSpace(name), value) }
	if p := n.get("properties"); t.sh.features && p.kind == '{' {
		p.flat(buf, trimmed)
		if p.get("id").kind == 'n' {
			n.get("id").flat(append(buf, "id"...), trimmed)
		}
		if g := n.get("geometry"); g.kind == '{' {
			g.flat(append(buf, "geometry"...), trimmed)
		}
		return
	}
	n.flat(buf, trimmed)
}

// Header returns the names of the columns, in the order they are first met.
func (t *Table) Header() []string { return t.header }

// Next returns the next row, io.EOF after the last. Row.Line is where its record begins.
func (t *Table) Next() (tabular.Row, error) {
	if t.err != nil {
		return tabular.Row{}, t.err
	}
	row, err := t.next()
	t.err = err
	return row, err
}

func (t *Table) next() (tabular.Row, error) {
	if t.vn != nil {
		for len(t.vn.queue) == 0 {
			n, err := t.record()
			if err != nil {
				return tabular.Row{}, err
			}
			t.vn.add(t.w.which, n)
		}
		t.fields = t.vn.queue[0]
		t.vn.queue = t.vn.queue[1:]
		return t.row(), nil
	}
	n, err := t.record()
	if err != nil {
		return tabular.Row{}, err
	}
	clear(t.fields)
	t.flat(n, func(name []byte, value string) {
		if i, known := t.columns[string(name)]; known && t.fields[i] == "" {
			t.fields[i] = value
		}
	})
	return t.row(), nil
}

// row makes the row of the current fields.
func (t *Table) row() tabular.Row {
	return tabular.Row{Line: t.w.line, Fields: t.fields, Raw: line(t.fields), Damaged: !utf8.Valid(t.w.raw)}
}

// line writes values as a line of CSV (RFC 4180).
func line(fields []string) string {
	var b strings.Builder
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		if strings.ContainsAny(f, ",\"\r\n") {
			b.WriteByte('"')
			b.WriteString(strings.ReplaceAll(f, `"`, `""`))
			b.WriteByte('"')
			continue
		}
		b.WriteString(f)
	}
	return b.String()
}

// Offset returns how many bytes of the file were read for the rows so far.
func (t *Table) Offset() int64 { return t.w.s.in.n }

// Size returns what Offset is at the end.
func (t *Table) Size() int64 { return t.size }

// Layout tells what was read.
func (t *Table) Layout() tabular.Layout {
	l := tabular.Layout{Kind: "json", Header: t.header, Encoding: tabular.UTF8}
	for i, names := range t.sh.path {
		if i > 0 {
			l.Table += "."
		}
		l.Table += strings.Join(names, "|")
	}
	return l
}

// say gives an error of the scanner its sentence.
func (t *Table) say(s *scanner, err error) error {
	at := 1
	if s != nil {
		at = s.line
	}
	switch {
	case errors.Is(err, errSyntax):
		return fault.Say(fault.Invalid, "jsontable.syntax", t.name, at)
	case errors.Is(err, errEnd):
		return fault.Say(fault.Invalid, "jsontable.cut", t.name, at)
	case errors.Is(err, errDepth):
		return fault.Say(fault.Invalid, "jsontable.depth", t.name, at, t.o.MaxDepth)
	case errors.Is(err, errLong):
		return fault.Say(fault.Invalid, "tabular.record", t.name, at, t.o.MaxRecord>>10)
	case errors.Is(err, errTotal):
		return fault.Say(fault.Invalid, "tabular.total", t.name, t.o.MaxTotal>>20)
	case errors.Is(err, errBomb):
		return fault.Say(fault.Invalid, "tabular.bomb", t.name)
	case errors.Is(err, errSchema):
		return fault.Say(fault.Invalid, "jsontable.schema", t.name)
	}
	return err
}
