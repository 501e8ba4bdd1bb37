// Package packed opens what lies inside a producer's archive, a zip or a gzip, without
// trusting it: a stream ends at the size the archive promised, and stops when what comes out
// is out of proportion with what went in. XML read through it has no DOCTYPE, no entities of
// its own, no endless nesting and no endless text.
//
// It decides nothing about which entry is wanted. Package tabular, which reads one table
// per archive, has the same rules of its own.
package packed

import (
	"archive/zip"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"garrigue/internal/fault"
)

// Limits of an archive. Proportion is looked at past ratioFrom bytes.
const (
	maxEntries = 10_000
	maxTotal   = 64 << 30
	maxRatio   = 250
	ratioFrom  = 64 << 20
)

// Archive is a zip.
type Archive struct {
	name    string
	entries map[string]*zip.File
	names   []string
}

// IsZip reports whether a file that begins with head is a zip.
func IsZip(head []byte) bool {
	return strings.HasPrefix(string(head), "PK\x03\x04") || strings.HasPrefix(string(head), "PK\x05\x06")
}

// Open reads the table of contents of a zip. name is for sentences only. Errors: Invalid for
// a damaged archive or one of too many entries; those of r.
func Open(r io.ReaderAt, size int64, name string) (*Archive, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		var failing *fs.PathError
		if errors.As(err, &failing) {
			return nil, err
		}
		return nil, fault.Say(fault.Invalid, "tabular.archive_damaged", name).Because(err)
	}
	if len(z.File) > maxEntries {
		return nil, fault.Say(fault.Invalid, "packed.entries", name, maxEntries)
	}
	a := &Archive{name: name, entries: make(map[string]*zip.File, len(z.File))}
	for _, f := range z.File {
		if f.FileInfo().IsDir() || strings.HasPrefix(f.Name, "__MACOSX/") {
			continue
		}
		if _, twice := a.entries[f.Name]; twice {
			continue // the first one, as unzip
		}
		a.entries[f.Name] = f
		a.names = append(a.names, f.Name)
	}
	return a, nil
}

// Names lists the files of the archive, in its order.
func (a *Archive) Names() []string { return a.names }

// Has reports whether the archive has an entry of this exact name.
func (a *Archive) Has(entry string) bool { return a.entries[entry] != nil }

// Find returns the entries whose name ends in ext (".shp"), whatever the case, the hidden
// ones aside.
func (a *Archive) Find(ext string) []string {
	var out []string
	for _, n := range a.names {
		if strings.EqualFold(path.Ext(n), ext) && !strings.HasPrefix(path.Base(n), ".") {
			out = append(out, n)
		}
	}
	return out
}

// Entry opens an entry. Errors: NotFound; Invalid for one that is encrypted, compressed in an
// unknown way, or too large by its own account; while reading, Invalid for a damaged or
// dishonest one.
func (a *Archive) Entry(entry string) (*Stream, error) {
	f := a.entries[entry]
	switch {
	case f == nil:
		return nil, fault.Say(fault.NotFound, "tabular.no_entry", a.name, entry)
	case f.Flags&1 != 0:
		return nil, fault.Say(fault.Invalid, "tabular.encrypted", a.name)
	case f.UncompressedSize64 > maxTotal:
		return nil, fault.Say(fault.Invalid, "tabular.total", a.name, maxTotal>>20)
	}
	raw, err := f.OpenRaw()
	if err != nil {
		return nil, fault.Say(fault.Invalid, "tabular.archive_damaged", a.name).Because(err)
	}
	s := &Stream{name: a.name, in: &counter{r: raw}, zip: f, size: int64(min(f.CompressedSize64, maxTotal))}
	switch f.Method {
	case zip.Store:
		s.r = s.in
	case zip.Deflate:
		s.r = flate.NewReader(s.in)
	default:
		return nil, fault.Say(fault.Invalid, "tabular.zip_method", a.name)
	}
	return s, nil
}

// All reads a whole entry of at most limit bytes.
func (a *Archive) All(entry string, limit int64) ([]byte, error) {
	s, err := a.Entry(entry)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(s, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fault.Say(fault.Invalid, "packed.entry_long", a.name, entry)
	}
	return b, err
}

// Plain is the Stream of a file that is not compressed.
func Plain(r io.ReaderAt, size int64, name string) *Stream {
	in := &counter{r: io.NewSectionReader(r, 0, size)}
	return &Stream{name: name, in: in, r: in, size: size}
}

// Gzip is the Stream of a file compressed by gzip. Errors: Invalid for a damaged one.
func Gzip(r io.ReaderAt, size int64, name string) (*Stream, error) {
	s := Plain(r, size, name)
	z, err := gzip.NewReader(s.in)
	if err != nil {
		return nil, s.damaged(err)
	}
	s.r = z
	return s, nil
}

// Stream is the content of a file or an entry, uncompressed.
type Stream struct {
	name string
	r    io.Reader
	in   *counter
	size int64
	out  int64
	sum  uint32
	zip  *zip.File
	over io.Closer
}

// Closing has Close close c.
func (s *Stream) Closing(c io.Closer) *Stream {
	s.over = c
	return s
}

// Close gives back what the stream keeps open, if anything.
func (s *Stream) Close() error {
	if s.over == nil {
		return nil
	}
	c := s.over
	s.over = nil
	return c.Close()
}

// counter counts the bytes taken from the file, and keeps its own errors apart.
type counter struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// Offset returns how many of the Size compressed bytes were taken, for a progress bar.
func (s *Stream) Offset() int64 { return s.in.n }

// Size returns what Offset is at the end.
func (s *Stream) Size() int64 { return s.size }

func (s *Stream) damaged(err error) error {
	if s.in.err != nil {
		return s.in.err
	}
	return fault.Say(fault.Invalid, "tabular.archive_damaged", s.name).Because(err)
}

// Read implements io.Reader.
func (s *Stream) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.out += int64(n)
	if s.zip != nil {
		s.sum = crc32.Update(s.sum, crc32.IEEETable, p[:n])
		if uint64(s.out) > s.zip.UncompressedSize64 {
			return 0, s.damaged(zip.ErrFormat) // more than promised
		}
	}
	if s.out > maxTotal {
		return 0, fault.Say(fault.Invalid, "tabular.total", s.name, maxTotal>>20)
	}
	if s.out > ratioFrom && s.out/maxRatio > s.in.n {
		return 0, fault.Say(fault.Invalid, "tabular.bomb", s.name)
	}
	if err == io.EOF && s.zip != nil && (s.sum != s.zip.CRC32 || uint64(s.out) != s.zip.UncompressedSize64) {
		err = zip.ErrChecksum
	}
	if err != nil && err != io.EOF {
		err = s.damaged(err)
	}
	return n, err
}
