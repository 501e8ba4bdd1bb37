// Package tabular reads delimited text, whoever wrote it: it finds the compression, the
// encoding, the separator and the line ends, and gives one record after another with the
// number of its line and its own text.
//
// It decides nothing about what columns mean, nor about odd rows: a template row, a row too
// short or too long, a row with damaged characters are given to the caller as they are. It
// holds memory to one record, whatever the file.
package tabular

import (
	"io"
	"strings"

	"garrigue/internal/fault"
)

// Encoding is how characters are written in bytes.
type Encoding string

// The encodings. Auto asks for detection.
const (
	Auto        Encoding = ""
	UTF8        Encoding = "utf-8"
	UTF16LE     Encoding = "utf-16le"
	UTF16BE     Encoding = "utf-16be"
	Windows1252 Encoding = "windows-1252" // also what is called Latin-1: 1252 is a superset of its printable part
	Latin9      Encoding = "iso-8859-15"
)

// ParseEncoding returns the encoding that a file names ("UTF-8", "ISO-8859-1", "latin1",
// "cp1252"…), and false for one that is not read here.
func ParseEncoding(name string) (Encoding, bool) {
	switch strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(name)) {
	case "":
		return Auto, true
	case "utf8", "ascii", "usascii":
		return UTF8, true
	case "utf16", "utf16le":
		return UTF16LE, true
	case "utf16be":
		return UTF16BE, true
	case "windows1252", "cp1252", "iso88591", "latin1", "ansi":
		return Windows1252, true
	case "iso885915", "latin9":
		return Latin9, true
	}
	return Auto, false
}

// Options says what the caller knows, and what it will bear. The zero value detects
// everything and sets the usual limits.
type Options struct {
	// Separator is the byte between fields; 0 to find it among tab ; , and |.
	Separator byte
	// Encoding of the text; Auto to find it. A byte order mark wins over it.
	Encoding Encoding
	// Quote is the byte around fields that hold separators or line ends; 0 for ".
	Quote byte
	// NoQuote says that quotes are ordinary characters.
	NoQuote bool
	// NoHeader says that the first record is data.
	NoHeader bool
	// SkipLines is the number of lines before the first record (ignoreHeaderLines of Darwin
	// Core archives, with NoHeader).
	SkipLines int
	// AllowNoRows accepts a header without any record after it.
	AllowNoRows bool
	// Entry is the name of the table inside a zip; empty to take the largest table.
	Entry string
	// Plain says that the bytes are the text itself: no gzip or zip is looked for.
	Plain bool

	// MaxRecord is the longest record in bytes of UTF-8, 16 MiB when 0 (a polygon in WKT may
	// well be 2 MB); MaxField the longest field, 8 MiB when 0.
	MaxRecord, MaxField int
	// MaxColumns is the most fields in a record, 4,000 when 0.
	MaxColumns int
	// MaxTotal is the most bytes once uncompressed, 64 GiB when 0. MaxRatio is the most bytes
	// uncompressed per compressed byte, 250 when 0, looked at past 64 MiB.
	MaxTotal int64
	MaxRatio int
}

func (o Options) withDefaults() Options {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&o.MaxRecord, 16<<20)
	set(&o.MaxField, 8<<20)
	set(&o.MaxColumns, 4000)
	set(&o.MaxRatio, 250)
	if o.MaxTotal <= 0 {
		o.MaxTotal = 64 << 30
	}
	if o.Quote == 0 {
		o.Quote = '"'
	}
	return o
}

// Row is one record.
type Row struct {
	// Line is the number of the line where it starts, in the file as it is, from 1.
	Line int
	// Fields are its values, unquoted, as written: not trimmed, \N kept. Separators too many
	// or too few at the end of the row, where the header names nothing, do not show; otherwise
	// the count is the row's own and may differ from the header's. The strings may be kept;
	// the slice is used again by the next Next.
	Fields []string
	// Raw is the producer's own text in UTF-8, without the line end.
	Raw string
	// Damaged says that some bytes were no text in the file's encoding: each is U+FFFD in
	// Fields and Raw.
	Damaged bool
}

// Reader gives the records of one table. It is for one goroutine.
type Reader struct {
	o       Options
	name    string
	src     *source
	header  []string
	named   int  // columns up to the last one with a name
	sep     byte // 0: one column
	eol     byte
	crlf    bool   // some record ended in CR LF
	head    string // the header as its line stands
	quote   byte   // 0: none
	buf     []byte
	pos     int // start of the next record in buf
	end     int // end of the text in buf
	eof     bool
	readErr error
	line    int // of the next record
	at      int // line of the current one
	fields  []string
	closed  int // quoted fields in the record last split
	strays  int // quotes found never to close
	err     error
	first   *Row // read by Open, for the next Next
}

// Open recognises what the size bytes of r hold and reads the header. name is for error
// sentences only.
//
// Errors: Invalid, with a sentence for the producer, when there is no table to read: empty,
// a header alone (unless AllowNoRows), binary, a damaged or dishonest archive, an archive
// without a table, a spreadsheet, a column named twice, a limit passed. Other errors are
// those of r.
func Open(r io.ReaderAt, size int64, name string, o Options) (*Reader, error) {
	o = o.withDefaults()
	src, err := openSource(r, size, name, o)
	if err != nil {
		return nil, err
	}
	t := &Reader{o: o, name: name, src: src, quote: o.Quote, line: 1}
	if o.NoQuote {
		t.quote = 0
	}
	if err := t.start(); err != nil {
		return nil, err
	}
	return t, nil
}

// start looks at a sample, skips the lines before the table and reads the header.
func (r *Reader) start() error {
	r.buf = make([]byte, 256<<10)
	r.fill()
	if r.end == 0 {
		if r.readErr != io.EOF {
			return r.readErr
		}
		return r.say("tabular.empty")
	}
	if err := r.checkText(); err != nil {
		return err
	}
	r.eol = lineEnd(r.buf[:r.end])
	for range r.o.SkipLines {
		if err := r.skipLine(); err != nil {
			return err
		}
	}
	r.sep = r.o.Separator
	if r.sep == 0 {
		r.sep = r.findSeparator(r.buf[r.pos:r.end])
	}
	if !r.o.NoHeader {
		if err := r.readHeader(); err != nil {
			return err
		}
	}
	if r.o.AllowNoRows {
		return nil
	}
	row, err := r.Next()
	if err == io.EOF {
		if r.o.NoHeader {
			return r.say("tabular.empty")
		}
		return r.say("tabular.no_rows")
	}
	if err != nil {
		return err
	}
	// The first row was read to know that there is one: Next gives it again.
	r.first = &row
	return nil
}

func (r *Reader) readHeader() error {
	row, err := r.Next()
	if err == io.EOF {
		return r.say("tabular.empty")
	}
	if err != nil {
		return err
	}
	r.head = row.Raw
	h := make([]string, len(row.Fields))
	for i, f := range row.Fields {
		h[i] = strings.TrimSpace(f)
	}
	seen := make(map[string]bool, len(h))
	for i, n := range h {
		if n != "" && seen[n] {
			return r.say("tabular.header_twice", n)
		}
		seen[n] = true
		if n != "" {
			r.named = i + 1
		}
	}
	r.header = h
	return nil
}

// Layout is how a table was written in its file: what it takes to give some of its rows back
// in the same form.
type Layout struct {
	Kind      string   `json:"kind"`                // "text", "xlsx", "ods", "geopackage", "geojson", "shapefile", "gml", "json"…
	Table     string   `json:"table,omitempty"`     // entry of a zip, sheet, layer
	Others    []string `json:"others,omitempty"`    // tables of the same file that were not read
	Encoding  Encoding `json:"encoding,omitempty"`  // of delimited text
	Separator string   `json:"separator,omitempty"` // of delimited text, one character
	Header    []string `json:"header,omitempty"`    // names of the columns, as in the file

	Quote   string `json:"quote,omitempty"`    // of delimited text; "" when quotes are characters
	Head    string `json:"head,omitempty"`     // of delimited text: the header as its line stands
	Above   int    `json:"above,omitempty"`    // of delimited text: lines before the header
	LineEnd string `json:"line_end,omitempty"` // of delimited text
	Mark    bool   `json:"mark,omitempty"`     // delimited text that begins with a byte order mark

	Types      []string `json:"types,omitempty"`      // of the columns, as the kind names them; terms of an archive
	Geometry   string   `json:"geometry,omitempty"`   // name of the column of geometries in the file itself
	Projection string   `json:"projection,omitempty"` // as the file names it
	RowType    string   `json:"row_type,omitempty"`   // of an archive's table
	// Returned is the place from 1 of the first of the two columns that tell why a row was
	// rejected, when the file is one of rejects that comes back; 0 otherwise.
	Returned int `json:"returned,omitempty"`
}

// Layout tells how the text is written, as far as it is known by now.
func (r *Reader) Layout() Layout {
	l := Layout{Kind: "text", Table: r.src.entry, Others: r.src.others, Encoding: r.Encoding(), Header: r.header}
	if r.sep != 0 {
		l.Separator = string(r.sep)
	}
	if r.quote != 0 {
		l.Quote = string(r.quote)
	}
	l.Head, l.Mark, l.LineEnd = r.head, r.src.mark, "\n"
	if !r.o.NoHeader {
		l.Above = r.o.SkipLines
	}
	switch {
	case r.eol == '\r':
		l.LineEnd = "\r"
	case r.crlf:
		l.LineEnd = "\r\n"
	}
	return l
}

// Header returns the column names, trimmed; nil with NoHeader. A column may have no name.
func (r *Reader) Header() []string { return r.header }

// Separator returns the byte between fields, 0 when there is one column.
func (r *Reader) Separator() byte { return r.sep }

// Encoding returns the encoding the text is read with, as far as it is known: pure ASCII so
// far is UTF8.
func (r *Reader) Encoding() Encoding { return r.src.encoding() }

// Entry returns the name of the table read inside a zip, empty otherwise.
func (r *Reader) Entry() string { return r.src.entry }

// Others returns the names of the tables that the zip holds beside the one read, when Options
// named none: what is left unread, for the caller to tell.
func (r *Reader) Others() []string { return r.src.others }

// Offset returns how many bytes were read of the Size bytes of the file, or of the zip's
// entry: compressed bytes, for a progress bar. It runs ahead of the rows by one buffer.
func (r *Reader) Offset() int64 { return r.src.offset() }

// Size returns what Offset is at the end.
func (r *Reader) Size() int64 { return r.src.size }

func (r *Reader) say(key string, args ...any) error {
	return fault.Say(fault.Invalid, key, append([]any{r.name}, args...)...)
}
