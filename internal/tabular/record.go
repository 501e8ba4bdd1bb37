package tabular

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"
)

// strayLimit is how many quotes never closed are looked for to the end of a record's
// allowance; past it a quoted field must close on its own line. Without it a file of such
// quotes would be read once per line.
const strayLimit = 32

// Next returns the next record, io.EOF after the last one. Blank lines, and those of
// separators alone, are passed over.
//
// Errors: Invalid for a record, field or number of columns over its limit, and for an
// archive that turns out damaged or dishonest; after an error Next repeats it.
func (r *Reader) Next() (Row, error) {
	if r.first != nil {
		row := *r.first
		r.first = nil
		return row, nil
	}
	for r.err == nil {
		raw, quoted, err := r.record()
		if err != nil {
			r.err = err
			break
		}
		r.at = r.line
		r.line++
		if quoted {
			r.line += bytes.Count(raw, []byte{r.eol})
		}
		if r.eol == '\n' && len(raw) > 0 && raw[len(raw)-1] == '\r' {
			raw, r.crlf = raw[:len(raw)-1], true
		}
		if r.blank(raw) {
			continue
		}
		row := Row{Line: r.at}
		row.Raw, row.Damaged = r.text(raw)
		if quoted {
			err = r.splitQuoted(row.Raw)
		} else {
			err = r.split(row.Raw)
		}
		if err == nil && len(r.fields) > r.o.MaxColumns {
			err = r.say("tabular.columns", r.at, r.o.MaxColumns)
		}
		if err != nil {
			r.err = err
			break
		}
		r.trimTail()
		row.Fields = r.fields
		return row, nil
	}
	return Row{}, r.err
}

// blank reports whether a line holds only white space and separators: nothing is written in
// it, as under many a table saved from a spreadsheet.
func (r *Reader) blank(raw []byte) bool {
	for _, c := range raw {
		if c != ' ' && c != '\t' && c != '\r' && (c != r.sep || r.sep == 0) {
			return false
		}
	}
	return true
}

// trimTail drops the empty fields that separators at the end of a row give beyond the
// header, and adds those it lacks where the header's last columns have no name.
func (r *Reader) trimTail() {
	if r.header == nil {
		return
	}
	for n := len(r.fields); n > len(r.header) && r.fields[n-1] == ""; n-- {
		r.fields = r.fields[:n-1]
	}
	for n := len(r.fields); n >= r.named && n < len(r.header); n++ {
		r.fields = append(r.fields, "")
	}
}

func (r *Reader) text(raw []byte) (string, bool) {
	s := string(raw)
	damaged := r.src.legacy() && strings.Contains(s, "\uFFFD")
	if !utf8.Valid(raw) {
		s, damaged = strings.ToValidUTF8(s, "\uFFFD"), true
	}
	if bytes.IndexByte(raw, 0) >= 0 { // no database takes a NUL in a text
		s, damaged = strings.ReplaceAll(s, "\x00", "\uFFFD"), true
	}
	return s, damaged
}

// split cuts a record without quotes.
func (r *Reader) split(s string) error {
	r.fields = r.fields[:0]
	if r.sep == 0 {
		r.fields = append(r.fields, s)
		return r.checkField(len(s))
	}
	for len(r.fields) <= r.o.MaxColumns {
		i := strings.IndexByte(s, r.sep)
		if i < 0 {
			break
		}
		if i > r.o.MaxField {
			return r.checkField(i)
		}
		r.fields = append(r.fields, s[:i])
		s = s[i+1:]
	}
	r.fields = append(r.fields, s)
	return r.checkField(len(s))
}

func (r *Reader) checkField(n int) error {
	if n > r.o.MaxField {
		return r.say("tabular.field", r.at, r.o.MaxField>>10)
	}
	return nil
}

// splitQuoted cuts a record that holds quotes. A quote opens a field only at its very start,
// and closes it only before a separator or the end; elsewhere it is a character.
func (r *Reader) splitQuoted(s string) error {
	r.fields, r.closed = r.fields[:0], 0
	for len(r.fields) <= r.o.MaxColumns {
		var f string
		var n int
		if len(s) > 0 && s[0] == r.quote {
			if f, n = r.unquote(s); n > 0 {
				r.closed++
			}
		}
		if n == 0 { // not quoted, or never closed: as it stands
			if n = r.indexSep(s); n < 0 {
				n = len(s)
			}
			f = s[:n]
		}
		if err := r.checkField(len(f)); err != nil {
			return err
		}
		r.fields = append(r.fields, f)
		if n >= len(s) {
			return nil
		}
		s = s[n+1:]
	}
	return nil
}

func (r *Reader) indexSep(s string) int {
	if r.sep == 0 {
		return -1
	}
	return strings.IndexByte(s, r.sep)
}

// unquote returns the field that s starts with and its length in s, quotes included; 0 when
// it does not close.
func (r *Reader) unquote(s string) (string, int) {
	doubled := false
	for i := 1; ; {
		j := strings.IndexByte(s[i:], r.quote)
		if j < 0 {
			return "", 0
		}
		i += j + 1
		switch {
		case i == len(s) || s[i] == r.sep && r.sep != 0:
			f := s[1 : i-1]
			if doubled {
				q := string(r.quote)
				f = strings.ReplaceAll(f, q+q, q)
			}
			return f, i
		case s[i] == r.quote:
			doubled = true
			i++
		}
	}
}

// record returns the bytes of the next record without its line end, and whether it holds a
// quote. The bytes are good until the next call.
func (r *Reader) record() (raw []byte, quoted bool, err error) {
	scanned := 0
	for {
		text := r.buf[r.pos:r.end]
		i := bytes.IndexByte(text[scanned:], r.eol)
		if i < 0 && !r.eof {
			scanned = len(text)
			if !r.more() {
				return nil, false, r.tooLong()
			}
			continue
		}
		n := scanned + i
		if i < 0 {
			if len(text) == 0 || r.readErr != io.EOF { // what a broken file ends with is no record
				return nil, false, r.readErr
			}
			n = len(text)
		}
		if n > r.o.MaxRecord {
			return nil, false, r.tooLong()
		}
		if r.quote != 0 && bytes.IndexByte(text[:n], r.quote) >= 0 {
			quoted = true
			n = r.quotedEnd(n)
			text = r.buf[r.pos:r.end]
		}
		r.pos = min(r.pos+n+1, r.end)
		return text[:n], quoted, nil
	}
}

func (r *Reader) tooLong() error { return r.say("tabular.record", r.line, r.o.MaxRecord>>10) }

// quotedEnd returns the length of the record that starts at pos, whose first line is of
// length first and holds a quote: it may go on over several lines. When its quote never
// closes, or swallows lines that fit the header by themselves, the quote is a stray
// character and the record is its first line.
func (r *Reader) quotedEnd(first int) int {
	if _, closed := r.scan(r.buf[r.pos:r.pos+first], true); closed {
		return first
	}
	for r.strays < strayLimit {
		text := r.buf[r.pos:r.end]
		if n, closed := r.scan(text, r.eof); closed {
			if n > r.o.MaxRecord || r.swallows(text[:n], first) {
				break
			}
			return n
		}
		if r.eof {
			break
		}
		if !r.more() {
			break
		}
	}
	r.strays++
	return first
}

// swallows reports whether a record of several lines, the first of length first, would
// rather be as many records: its first line fits the header alone, and so does the second,
// or the whole does not. A line that has other fields well quoted is trusted.
func (r *Reader) swallows(b []byte, first int) bool {
	want := len(r.header)
	if want < 2 || r.columns(b[:first]) != want || r.closed > 0 {
		return false
	}
	if r.columns(b) != want {
		return true
	}
	second := b[min(first+1, len(b)):]
	if i := bytes.IndexByte(second, r.eol); i >= 0 {
		second = second[:i]
	}
	return want > 2 && r.columns(second) == want
}

// scan walks the fields of the record that b starts with, and returns where its line ends.
// With whole, b ends where a line or the text does; otherwise more may follow. closed is
// false when the record does not end in b.
func (r *Reader) scan(b []byte, whole bool) (n int, closed bool) {
	i := 0
	for {
		if i < len(b) && b[i] == r.quote {
			if i = r.closing(b, i+1, whole); i < 0 {
				return 0, false
			}
		}
		for i < len(b) && b[i] != r.eol && (b[i] != r.sep || r.sep == 0) {
			i++
		}
		if i == len(b) {
			return i, whole
		}
		if b[i] == r.eol {
			return i, true
		}
		i++
	}
}

// closing returns the place after the quote that closes the field whose text starts at i, -1
// when b does not tell.
func (r *Reader) closing(b []byte, i int, whole bool) int {
	for {
		j := bytes.IndexByte(b[i:], r.quote)
		if j < 0 {
			return -1
		}
		i += j + 1
		switch {
		case i == len(b):
			if whole {
				return i
			}
			return -1
		case b[i] == r.quote:
			i++
		case b[i] == r.eol, b[i] == r.sep && r.sep != 0:
			return i
		case b[i] == '\r' && (i+1 < len(b) && b[i+1] == r.eol || i+1 == len(b) && whole):
			return i
		case b[i] == '\r' && i+1 == len(b):
			return -1
		}
	}
}

// columns counts the fields of a record.
func (r *Reader) columns(b []byte) int {
	kept := r.fields
	r.fields = nil
	err := r.splitQuoted(strings.TrimSuffix(string(b), "\r"))
	r.trimTail()
	n := len(r.fields)
	r.fields = kept
	if err != nil {
		return -1
	}
	return n
}

// more makes room and reads on; false when the record at pos has no end within its limit.
func (r *Reader) more() bool {
	if r.pos > 0 {
		r.end = copy(r.buf, r.buf[r.pos:r.end])
		r.pos = 0
	}
	if len(r.buf)-r.end < margin {
		if r.end > r.o.MaxRecord {
			return false
		}
		bigger := make([]byte, min(2*len(r.buf), r.o.MaxRecord+2*margin))
		copy(bigger, r.buf[:r.end])
		r.buf = bigger
	}
	r.fill()
	return true
}

// margin is the room that fill leaves: a few characters of any encoding.
const margin = 64

// fill reads until the buffer is full or the text ends. An error of the source is kept until
// the records before it are given.
func (r *Reader) fill() {
	for !r.eof && len(r.buf)-r.end >= margin {
		n, err := r.src.read(r.buf[r.end:])
		r.end += n
		if err != nil {
			r.eof, r.readErr = true, err
		}
	}
}
