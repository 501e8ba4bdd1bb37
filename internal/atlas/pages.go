package atlas

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// The long tables of a snapshot are written page by page, in the file format of SQLite
// (https://sqlite.org/fileformat2.html, §1.5 to §2.1), instead of by INSERT: their rows come in
// order of key and none is ever changed, so a page is full when the next row does not fit, and
// what is above the leaves is known when the last row is in. SQLite takes a microsecond to find,
// for each of the millions of rows, that it goes after the one before.
//
// Only what needs no more is written so: tables with an INTEGER PRIMARY KEY as first column and
// no index yet. SQLite makes the schema before, and everything else after; PRAGMA integrity_check
// judges the whole in the tests.

const (
	pageSize = 16384

	// What of a row is kept in a leaf; the rest goes to overflow pages (§1.6).
	maxLocal = pageSize - 35
	minLocal = (pageSize-12)*32/255 - 23

	leafHeader, innerHeader = 8, 12
	leafType, innerType     = 13, 5

	// lockPage holds the bytes that SQLite locks, at 1 GiB, and never any data.
	lockPage = 1<<30/pageSize + 1

	sizeInHeader = 28 // where the header tells the number of pages

	pagesAtOnce = 64 // written together
)

// pageFile appends pages to a file.
type pageFile struct {
	to   io.WriterAt
	next uint32 // number of the page to be added next
	buf  []byte // pages added and not written yet, those before next
}

func newPageFile(to io.WriterAt, pages uint32) *pageFile {
	return &pageFile{to: to, next: pages + 1, buf: make([]byte, 0, pagesAtOnce*pageSize)}
}

// upcoming is the number that add gives next.
func (p *pageFile) upcoming() uint32 {
	if p.next == lockPage {
		return p.next + 1
	}
	return p.next
}

// add appends an empty page, to be filled before the next is asked for.
func (p *pageFile) add() (n uint32, page []byte, err error) {
	n = p.upcoming()
	for p.next <= n {
		if len(p.buf) == cap(p.buf) {
			if err := p.flush(); err != nil {
				return 0, nil, err
			}
		}
		at := len(p.buf)
		p.buf = p.buf[:at+pageSize]
		page = p.buf[at:]
		clear(page)
		p.next++
	}
	return n, page, nil
}

// flush writes the pages added so far.
func (p *pageFile) flush() error {
	first := int64(p.next) - 1 - int64(len(p.buf)/pageSize)
	_, err := p.to.WriteAt(p.buf, first*pageSize)
	p.buf = p.buf[:0]
	return err
}

// finish writes what is left, and how many pages there are.
func (p *pageFile) finish() error {
	if err := p.flush(); err != nil {
		return err
	}
	_, err := p.to.WriteAt(binary.BigEndian.AppendUint32(nil, p.next-1), sizeInHeader)
	return err
}

// pageTree is one table being filled.
type pageTree struct {
	file *pageFile
	root uint32 // page that SQLite has given it
	last int64
	page []byte // leaf being filled
	rows int    // in it
	top  int    // where its content begins: rows are put from the end of the page
	done []child
}

// child is a finished page and the greatest key in it.
type child struct {
	page uint32
	key  int64
}

func newPageTree(file *pageFile, root uint32) *pageTree {
	return &pageTree{file: file, root: root, page: make([]byte, pageSize), top: pageSize}
}

// add appends a row: its key, greater than those before, and its record, with the two numbers that a
// cell of SQLite begins with (length of the record, key) before it in cell.
func (t *pageTree) add(key int64, cell, record []byte) error {
	if key <= t.last && t.rows > 0 { // when there is a row before, there is one in the leaf
		return fmt.Errorf("row %d after row %d", key, t.last)
	}
	local, size := len(record), len(cell)
	if local > maxLocal {
		if local = minLocal + (local-minLocal)%(pageSize-4); local > maxLocal {
			local = minLocal
		}
		size = len(cell) - len(record) + local + 4
	}
	if t.top-size < leafHeader+2*(t.rows+1) {
		if err := t.endLeaf(); err != nil {
			return err
		}
	}
	t.top -= size
	if kept := copy(t.page[t.top:], cell[:len(cell)-len(record)+local]); kept < size {
		binary.BigEndian.PutUint32(t.page[t.top+kept:], t.file.upcoming())
		if err := t.overflow(record[local:]); err != nil {
			return err
		}
	}
	binary.BigEndian.PutUint16(t.page[leafHeader+2*t.rows:], uint16(t.top))
	t.rows++
	t.last = key
	return nil
}

// overflow writes the end of a record to pages of its own, each naming the next.
func (t *pageTree) overflow(rest []byte) error {
	for len(rest) > 0 {
		_, page, err := t.file.add()
		if err != nil {
			return err
		}
		n := copy(page[4:], rest)
		if rest = rest[n:]; len(rest) > 0 {
			binary.BigEndian.PutUint32(page, t.file.upcoming())
		}
	}
	return nil
}

// endLeaf finishes the leaf and begins another.
func (t *pageTree) endLeaf() error {
	n, page, err := t.file.add()
	if err != nil {
		return err
	}
	header(t.page, leafType, t.rows, t.top)
	copy(page, t.page)
	t.done = append(t.done, child{n, t.last})
	clear(t.page)
	t.rows, t.top = 0, pageSize
	return nil
}

func header(page []byte, kind byte, cells, top int) {
	page[0] = kind
	binary.BigEndian.PutUint16(page[3:], uint16(cells))
	binary.BigEndian.PutUint16(page[5:], uint16(top))
}

// finish writes the last leaf and what is above: the top takes the page of the root.
func (t *pageTree) finish() error {
	if len(t.done) == 0 {
		header(t.page, leafType, t.rows, t.top)
		return t.putRoot(t.page)
	}
	if err := t.endLeaf(); err != nil { // never empty: it was begun for a row
		return err
	}
	for {
		var above []child
		for rest := t.done; len(rest) > 0; {
			n := innerFits(rest)
			if n == len(t.done) {
				page := make([]byte, pageSize)
				fillInner(page, rest)
				return t.putRoot(page)
			}
			number, page, err := t.file.add()
			if err != nil {
				return err
			}
			fillInner(page, rest[:n])
			above = append(above, child{number, rest[n-1].key})
			rest = rest[n:]
		}
		t.done = above
	}
}

func (t *pageTree) putRoot(page []byte) error {
	_, err := t.file.to.WriteAt(page, int64(t.root-1)*pageSize)
	return err
}

// innerFits is how many of the children fit in one page, which must leave none or two at least: a
// page with one child would hold no key.
func innerFits(rest []child) int {
	free := pageSize - innerHeader
	for n, c := range rest {
		// The last child of a page is in its header.
		if free -= 2 + 4 + varintLen(uint64(c.key)); free < 0 {
			if n++; len(rest)-n == 1 {
				n--
			}
			return n
		}
	}
	return len(rest)
}

// fillInner writes a page above: every child but the last with its greatest key, in a cell.
func fillInner(page []byte, list []child) {
	top := pageSize
	last := len(list) - 1
	var buf [13]byte
	for i, c := range list[:last] {
		cell := appendVarint(binary.BigEndian.AppendUint32(buf[:0], c.page), uint64(c.key))
		top -= len(cell)
		copy(page[top:], cell)
		binary.BigEndian.PutUint16(page[innerHeader+2*i:], uint16(top))
	}
	header(page, innerType, last, top)
	binary.BigEndian.PutUint32(page[8:], list[last].page)
}

// appendVarint appends a number of SQLite: seven bits a byte, the high ones first, and eight in the
// ninth (§1.6).
func appendVarint(b []byte, v uint64) []byte {
	if v < 1<<7 {
		return append(b, byte(v))
	}
	if v < 1<<14 {
		return append(b, byte(v>>7)|0x80, byte(v)&0x7f)
	}
	n := varintLen(v)
	if n == 9 {
		for shift := 57; shift > 1; shift -= 7 {
			b = append(b, byte(v>>shift)|0x80)
		}
		return append(b, byte(v))
	}
	for k := n - 1; k > 0; k-- {
		b = append(b, byte(v>>(7*k))|0x80)
	}
	return append(b, byte(v)&0x7f)
}

// varint reads what appendVarint wrote, and tells in how many bytes.
func varint(b []byte) (v uint64, n int) {
	for i := range 8 {
		v = v<<7 | uint64(b[i]&0x7f)
		if b[i] < 0x80 {
			return v, i + 1
		}
	}
	return v<<8 | uint64(b[8]), 9
}

func varintLen(v uint64) int {
	n := 1
	for v >>= 7; v > 0 && n < 9; v >>= 7 {
		n++
	}
	return n
}

// Serial types of a record (§2.1).
const (
	serialNull  = 0
	serialFloat = 7
	serialZero  = 8
	serialOne   = 9
	serialBlob  = 12
	serialText  = 13
)

// serialOf is the type a whole number takes in a record: the smallest it fits.
func serialOf(v int64) uint64 {
	if v == 0 || v == 1 {
		return serialZero + uint64(v)
	}
	switch u := v ^ v>>63; {
	case u < 1<<7:
		return 1
	case u < 1<<15:
		return 2
	case u < 1<<23:
		return 3
	case u < 1<<31:
		return 4
	case u < 1<<47:
		return 5
	}
	return 6
}

// intBytes is the length of the whole numbers, by serial type.
var intBytes = [...]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, serialZero: 0, serialOne: 0}

func appendInt(b []byte, v int64, bytes int) []byte {
	for k := bytes - 1; k >= 0; k-- {
		b = append(b, byte(v>>(8*k)))
	}
	return b
}

// appendInts appends a cell of numbers: length of the record, key, record, the key standing for the
// first column. At most 14 numbers, so that the lengths take a byte each.
func appendInts(b []byte, row []int64) []byte {
	at := len(b)
	b = appendVarint(append(b, 0), uint64(row[0]))
	from := len(b)
	b = append(b, byte(len(row)+1), serialNull)
	for _, v := range row[1:] {
		b = append(b, byte(serialOf(v)))
	}
	for i, v := range row[1:] {
		b = appendInt(b, v, intBytes[b[from+2+i]])
	}
	b[at] = byte(len(b) - from)
	return b
}

// value is one column on its way into a record.
type value struct {
	serial uint64
	n      int64 // number, or bits of a float
	text   string
	blob   []byte
}

// valueOf turns a column into what a record holds of it; an error when it is of no kind known.
func valueOf(a any) (v value, size int, err error) {
	whole := func(n int64) (value, int, error) {
		s := serialOf(n)
		return value{serial: s, n: n}, intBytes[s], nil
	}
	switch a := a.(type) {
	case nil:
		return value{serial: serialNull}, 0, nil
	case int:
		return whole(int64(a))
	case int64:
		return whole(a)
	case bool:
		if a {
			return whole(1)
		}
		return whole(0)
	case float64:
		return value{serial: serialFloat, n: int64(math.Float64bits(a))}, 8, nil
	case string:
		return value{serial: serialText + 2*uint64(len(a)), text: a}, len(a), nil
	case []byte:
		return value{serial: serialBlob + 2*uint64(len(a)), blob: a}, len(a), nil
	}
	return v, 0, fmt.Errorf("type %T", a)
}

// appendCell is appendInts for columns of any kind. Without a key (keyless) the first column is one
// like the others, and 0 the key.
func appendCell(b []byte, row []any, keyless bool) ([]byte, error) {
	var values [24]value
	key, size := uint64(0), 0
	head := 0
	for i, a := range row {
		v, n, err := valueOf(a)
		if err != nil {
			return b, fmt.Errorf("column %d: %w", i+1, err)
		}
		if i == 0 && !keyless {
			key, v, n = uint64(v.n), value{serial: serialNull}, 0
		}
		values[i] = v
		size += n
		head += varintLen(v.serial)
	}
	if head++; head >= 1<<7 {
		return b, fmt.Errorf("%d columns", len(row))
	}
	b = appendVarint(appendVarint(b, uint64(head+size)), key)
	b = append(b, byte(head))
	for i := range row {
		b = appendVarint(b, values[i].serial)
	}
	for i := range row {
		switch v := &values[i]; {
		case v.serial == serialFloat:
			b = appendInt(b, v.n, 8)
		case v.serial < serialBlob:
			b = appendInt(b, v.n, intBytes[v.serial])
		case v.serial&1 == 0:
			b = append(b, v.blob...)
		default:
			b = append(b, v.text...)
		}
	}
	return b, nil
}
