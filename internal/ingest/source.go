package ingest

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/tabular"
)

// source is a producer's file, opened: a delimited text, compressed or not, or a Darwin Core
// archive. It can be read several times from its start.
type source struct {
	name    string // base name
	file    *os.File
	size    int64
	archive *archive // nil for a plain table
	reader  *reader  // nil for delimited text and archives
	wish    readOptions
	derive  *deriver // what a mapping adds to each row
}

// table is one reading of the rows of a producer's file, whatever its kind. A row's Raw is
// the producer's own line where there is one, else its values written as a line of CSV
// (RFC 4180): it goes back with the rejects.
type table interface {
	// Header returns the names of the columns, trimmed.
	Header() []string
	// Next returns the next row, io.EOF after the last; Fields may be used again by the next
	// call, its strings not.
	Next() (tabular.Row, error)
	// Offset is how much of Size was read, for a progress bar.
	Offset() int64
	Size() int64
	Layout() tabular.Layout
}

// readOptions are the caller's wishes on how to read a file that holds several tables.
type readOptions struct {
	Table     string // sheet of a workbook, layer of a GeoPackage, entry of a zip; "" for the first of observations
	HeaderRow int    // line of the names of columns in a text, 0 for the first
	Encoding  string // of a text, "" to find it
	Separator string // the same
}

// reader is a kind of file that is not delimited text.
type reader struct {
	kind string // "xlsx", "ods", "geopackage", "geojson", "shapefile", "gml", "json"…
	// match recognises the kind by the file's first 512 bytes and, where these do not tell (a
	// zip), by what is inside f.
	match func(head []byte, f *os.File, size int64, name string) bool
	// open begins one reading. What it opens beside f it closes at the end of the rows, or
	// through io.Closer when the table is one.
	open func(f *os.File, size int64, name string, o readOptions) (table, error)
}

// readers lists the kinds, in the order they are tried.
func readers() []*reader {
	return slices.Concat([]*reader{pageReader()}, tableReaders(), []*reader{jsonReader()})
}

// asFault is errors.As for fault.Error.
func asFault(err error, e **fault.Error) bool { return errors.As(err, e) }

var errNotRegular = errors.New("not a regular file")

// openRegular opens a file that can be read several times and whose size is known. It looks
// before it opens: opening a pipe waits for its writer, deaf to an interruption. st is also
// given with errNotRegular.
func openRegular(path string) (f *os.File, st os.FileInfo, err error) {
	if st, err = os.Stat(path); err != nil {
		return nil, nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, st, errNotRegular
	}
	f, err = os.Open(path)
	return f, st, err
}

// openSource opens a file and recognises what cannot be observations.
func openSource(path string, wish readOptions) (_ *source, err error) {
	name := filepath.Base(path)
	f, st, err := openRegular(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fault.Say(fault.NotFound, "ingest.no_file", name).Because(err)
	case errors.Is(err, errNotRegular):
		key := "ingest.not_regular"
		if st.IsDir() {
			key = "ingest.directory"
		}
		return nil, fault.Say(fault.Invalid, key, name)
	case err != nil:
		return nil, fault.Say(fault.Invalid, "ingest.unreadable", name).Because(err)
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	s := &source{name: name, file: f, size: st.Size(), wish: wish}
	head := make([]byte, 512)
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return nil, fault.Say(fault.Invalid, "ingest.unreadable", name).Because(err)
	}
	for _, r := range readers() {
		if r.match(head[:n], f, s.size, name) {
			s.reader = r
			return s, nil
		}
	}
	if err := s.refuse(); err != nil {
		return nil, err
	}
	if s.archive, err = openArchive(f, s.size, name); err != nil {
		return nil, err
	}
	return s, nil
}

// refuse names the formats this version does not read, rather than let them be taken for a
// strange table.
func (s *source) refuse() error {
	head := make([]byte, 512)
	n, err := s.file.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return err
	}
	text := strings.TrimLeft(strings.TrimPrefix(string(head[:n]), "\ufeff"), " \r\n\t")
	switch {
	case strings.HasPrefix(text, "<"):
		return fault.Say(fault.Invalid, "ingest.xml", s.name)
	case strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[{"):
		return fault.Say(fault.Invalid, "ingest.json", s.name)
	}
	return nil
}

func (s *source) Close() error { return s.file.Close() }

// sha256 returns the hash of the file's bytes.
func (s *source) sha256(ctx context.Context) (string, error) {
	h := sha256.New()
	r := bufio.NewReaderSize(io.NewSectionReader(s.file, 0, s.size), 1<<20)
	buf := make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := r.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
}

// rows is one reading of a source from its start.
type rows struct {
	t      table
	header []string
	// core joins the row of the core table of an archive; fixed are values for every row.
	core    *coreTable
	own     int // columns of the table itself
	fixed   []string
	fields  []string
	skipped int // template rows
	derive  *deriver
	queue   []tabular.Row // of a row that makes several
	passed  int           // rows said to be no observation

	returned int           // place from 1 of the columns that rejects came back with, 0 without
	ahead    []tabular.Row // read to recognise them
	over     bool          // that was all of the table
}

// read starts a reading.
func (s *source) read() (*rows, error) {
	r, err := s.start()
	if err != nil {
		return nil, err
	}
	if err := r.dropReturned(); err != nil {
		r.close()
		return nil, err
	}
	r.derive = s.derive
	return r, nil
}

func (s *source) start() (*rows, error) {
	if s.archive != nil {
		return s.archive.read(s)
	}
	if s.reader != nil {
		t, err := s.reader.open(s.file, s.size, s.name, s.wish)
		if err != nil {
			return nil, err
		}
		return &rows{t: t, header: t.Header(), own: len(t.Header())}, nil
	}
	t, err := tabular.Open(s.file, s.size, s.name, s.textOptions())
	if err != nil {
		return nil, err
	}
	return &rows{t: t, header: t.Header(), own: len(t.Header())}, nil
}

// textOptions are the wishes on how to read a text.
func (s *source) textOptions() tabular.Options {
	o := tabular.Options{Entry: s.wish.Table}
	if n := s.wish.HeaderRow; n > 1 {
		o.SkipLines = n - 1
	}
	o.Encoding, _ = tabular.ParseEncoding(s.wish.Encoding)
	if len(s.wish.Separator) == 1 {
		o.Separator = s.wish.Separator[0]
	}
	return o
}

// next returns the next row, io.EOF after the last, with what a mapping derives from it.
func (r *rows) next() (tabular.Row, error) {
	if r.derive == nil {
		return r.plain()
	}
	for len(r.queue) == 0 {
		row, err := r.plain()
		if err != nil {
			return row, err
		}
		if r.derive.skips(row) {
			r.passed++
			continue
		}
		r.queue = r.derive.rows(row)
	}
	row := r.queue[0]
	r.queue = r.queue[1:]
	return row, nil
}

// plain returns the next row of the file, io.EOF after the last. GINCO's templates have a row of hints
// after the header, which starts with "//": it is passed over.
func (r *rows) plain() (tabular.Row, error) {
	for {
		row, err := r.take()
		if err != nil {
			return row, err
		}
		if len(row.Fields) > 0 && strings.HasPrefix(row.Fields[0], "//") {
			r.skipped++
			continue
		}
		if !r.whole() {
			return row, nil
		}
		if len(row.Fields) > r.own {
			return row, nil // told as such by the caller
		}
		r.fields = append(r.fields[:0], row.Fields...)
		for len(r.fields) < r.own {
			r.fields = append(r.fields, "")
		}
		if r.core != nil {
			r.fields = r.core.join(r.fields)
		}
		r.fields = append(r.fields, r.fixed...)
		row.Fields, row.Raw = r.fields, tabular.Line(r.fields, ',')
		return row, nil
	}
}

// distinct returns the header with repeated or empty names numbered, as an archive may
// declare a term twice.
func distinct(header []string) []string {
	out := slices.Clone(header)
	seen := map[string]int{}
	for i, h := range out {
		seen[h]++
		if n := seen[h]; n > 1 && h != "" {
			out[i] = h + " (" + string(rune('0'+min(n, 9))) + ")"
		}
	}
	return out
}
