package vault

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"garrigue/internal/observation"
)

// change stores a row whose content or class is another than before, or that was withdrawn.
func (b *Batch) change(o *observation.Observation, key uint64, content int64, withdrawn bool) (Outcome, error) {
	if b.rewrite == nil {
		b.rewrite = newRewriter()
	}
	former, err := b.rewrite.former(b.b, o.ID)
	if err != nil {
		return 0, err
	}
	out := Unchanged
	if withdrawn {
		if err := b.back(o.ID, former.batch); err != nil {
			return 0, err
		}
		out = Returned
	}
	if b.loaded {
		if err := b.keys.add(keyEntry{k: key, a: uint64(o.ID), b: uint64(content) ^ b.classOf(o)}); err != nil {
			return 0, err
		}
	}
	if former.content == content {
		_, err := b.b.classAgain(ClassOf(o), cause{batch: b.info.ID}, &b.touched)
		return out, err
	}
	if err := b.remember(o.ID, "", former.json); err != nil {
		return 0, err
	}
	twins, err := b.rewrite.store(b, o, content)
	if err != nil {
		return 0, err
	}
	if twins {
		b.touched.add(o.ID)
	} else {
		b.touched.keep(o.ID)
	}
	if out != Returned {
		out = Updated
	}
	return out, nil
}

// indexedColumns are those of writtenColumns that a secondary index reads (a test compares).
const indexedColumns = `dataset, source_key, id_sinp, twin_key, grouping_id, cd_ref, sensitivity, stated_level, sens_review`

// rewriter reads rows about to be replaced and writes what replaces them. Most changes leave alone all that is
// indexed: an UPDATE that does not name these columns leaves the pages of the indexes as they are, three of them a
// row in random order, while SQLite takes a column that is named for one that changes.
type rewriter struct {
	columns []string
	byName  []int  // columns, in the order of their names
	read    string // the texts
	full    string // sets every column
	part    string // sets those that no index reads
	at      []int  // parameter of each column in part, 0 for none
	twin    []bool // columns that tell twins
	cells   []any  // of the row last read; nil where it is NULL
	json    []byte // the same
	content int    // places of content_hash and batch
	batch   int
}

// formerRow is a row about to be replaced.
type formerRow struct {
	content int64
	batch   int64
	json    []byte // until the next is read
}

func newRewriter() *rewriter {
	w := &rewriter{columns: columnList(writtenColumns)}
	indexed, twins := columnList(indexedColumns), columnList(twinColumns)
	w.content, w.batch = slices.Index(w.columns, "content_hash"), slices.Index(w.columns, "batch")
	w.read = `SELECT ` + writtenColumns + ` FROM observation WHERE id = $1`
	w.cells, w.at, w.byName = make([]any, len(w.columns)), make([]int, len(w.columns)), make([]int, len(w.columns))
	w.twin = make([]bool, len(w.columns))
	var full, part []string
	w.at[0] = 1
	for i, c := range w.columns {
		w.byName[i], w.twin[i] = i, slices.Contains(twins, c)
		if i == 0 { // the id
			continue
		}
		full = append(full, c+" = $"+strconv.Itoa(i+1))
		if !slices.Contains(indexed, c) {
			w.at[i] = len(part) + 2
			part = append(part, c+" = $"+strconv.Itoa(w.at[i]))
		}
	}
	slices.SortFunc(w.byName, func(a, b int) int { return cmp.Compare(w.columns[a], w.columns[b]) })
	w.full = `UPDATE observation SET ` + strings.Join(append(full, touchedNow), ", ") + ` WHERE id = $1`
	w.part = `UPDATE observation SET ` + strings.Join(append(part, touchedNow), ", ") + ` WHERE id = $1`
	return w
}

// former reads a row whole, as a JSON object of its columns: NULLs are left out, the
// geometry is in hexadecimal.
func (w *rewriter) former(b *bulk, id int64) (f formerRow, err error) {
	found := false
	err = b.rows(w.read, []any{id}, func(s row) error {
		found = true
		f = w.keep(s)
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("observation %d is gone", id)
	}
	return f, err
}

// keep notes the row of a query of writtenColumns.
func (w *rewriter) keep(s row) (f formerRow) {
	b := append(w.json[:0], '{')
	for _, i := range w.byName {
		kind := s.ColumnType(i)
		if w.cells[i] = nil; kind == nullCell {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), w.columns[i]...), '"', ':')
		switch kind {
		case integerCell:
			v := s.ColumnInt64(i)
			b = strconv.AppendInt(b, v, 10)
			if w.cells[i] = v; i == w.content {
				f.content = v
			} else if i == w.batch {
				f.batch = v
			}
		case floatCell:
			v := s.ColumnFloat(i)
			w.cells[i], b = v, appendFloat(b, v)
		case textCell:
			v := s.ColumnText(i)
			w.cells[i], b = v, appendText(b, v)
		case blobCell:
			shape := make([]byte, s.ColumnLen(i))
			s.ColumnBytes(i, shape)
			b = append(hex.AppendEncode(append(b, '"'), shape), '"')
		}
	}
	w.json = append(b, '}')
	f.json = w.json
	return f
}

// appendText appends what json.Marshal makes of a text, most of which need no escape.
func appendText(b []byte, s string) []byte {
	plain := utf8.ValidString(s)
	for i := 0; plain && i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\', '<', '>', '&', 0xe2: // U+2028 and U+2029 begin with 0xe2
			plain = false
		default:
			plain = c >= ' '
		}
	}
	if plain {
		return append(append(append(b, '"'), s...), '"')
	}
	q, err := json.Marshal(s)
	if err != nil {
		return append(b, `""`...) // a string always marshals
	}
	return append(b, q...)
}

// appendFloat appends what json.Marshal makes of a number, of which a vault holds finite ones only.
func appendFloat(b []byte, f float64) []byte {
	if a := math.Abs(f); f == 0 || a >= 1e-6 && a < 1e21 {
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	q, err := json.Marshal(f)
	if err != nil {
		return append(b, "null"...)
	}
	return append(b, q...)
}

// store writes o in the place of the row last read; twins reports whether what tells its twins is another.
func (w *rewriter) store(b *Batch, o *observation.Observation, content int64) (twins bool, err error) {
	s, err := b.b.statement(w.part)
	if err != nil {
		return false, err
	}
	p := partBinder{binder: s, w: w}
	b.enc.bindRow(&p, o, b.info.ID, content)
	if p.moved {
		if s, err = b.b.statement(w.full); err != nil {
			return false, err
		}
		b.enc.bindRow(s, o, b.info.ID, content)
	}
	return p.twins, run(s)
}

// partBinder gives a statement that sets some of the columns what is bound for all of them, and compares what
// matters with the row last read.
type partBinder struct {
	binder
	w     *rewriter
	moved bool // a column that the statement does not set is to change
	twins bool // so does one that tells twins
}

// to notes what a column is to be, and returns its parameter, 0 when it has none. Of a shape, which the row last
// read does not hold, it is always another: neither an index nor a twin looks at one.
func (p *partBinder) to(n int, v any) int {
	at, twin := p.w.at[n-1], p.w.twin[n-1]
	if (at == 0 || twin) && p.w.cells[n-1] != v {
		p.moved, p.twins = p.moved || at == 0, p.twins || twin
	}
	return at
}

func (p *partBinder) BindInt64(n int, v int64) {
	if at := p.to(n, v); at != 0 {
		p.binder.BindInt64(at, v)
	}
}

func (p *partBinder) BindFloat(n int, v float64) {
	if at := p.to(n, v); at != 0 {
		p.binder.BindFloat(at, v)
	}
}

func (p *partBinder) BindText(n int, v string) {
	if at := p.to(n, v); at != 0 {
		p.binder.BindText(at, v)
	}
}

func (p *partBinder) BindBytes(n int, v []byte) {
	if at := p.to(n, v); at != 0 {
		p.binder.BindBytes(at, v)
	}
}

func (p *partBinder) BindNull(n int) {
	if at := p.to(n, nil); at != 0 {
		p.binder.BindNull(at)
	}
}
