package tabular

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"io"
	"path"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"garrigue/internal/fault"
)

// stage is how much raw text is held to find its encoding, or to transcode at a time.
const stage = 64 << 10

// ratioFrom is the size from which the compression ratio is looked at.
const ratioFrom = 64 << 20

// source gives the text of a table in UTF-8, out of what holds it.
type source struct {
	name  string
	r     io.Reader // bytes once uncompressed
	count *counter
	size  int64
	entry string
	// others are the entries as much a table as the one read.
	others []string

	enc  Encoding
	sure bool   // false while all bytes were ASCII: the encoding does not matter yet
	mark bool   // the text began with a byte order mark
	base []byte // where raw lies
	raw  []byte // read and not yet transcoded
	err  error
}

func (s *source) encoding() Encoding { return s.enc }

func (s *source) legacy() bool { return s.enc != UTF8 }

func (s *source) offset() int64 { return s.count.n }

// counter counts the bytes taken from the file, and keeps its own errors apart from those of
// a decompressor.
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

func openSource(r io.ReaderAt, size int64, name string, o Options) (*source, error) {
	s := &source{name: name, size: size, count: &counter{r: io.NewSectionReader(r, 0, size)}}
	s.r = s.count
	magic := make([]byte, 8)
	n, err := r.ReadAt(magic[:min(size, 8)], 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	magic = magic[:n]
	switch {
	case o.Plain:
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(s.count)
		if err != nil {
			return nil, s.damaged(err)
		}
		s.r = &guarded{r: z, s: s, o: o}
	case bytes.HasPrefix(magic, []byte("PK\x03\x04")), bytes.HasPrefix(magic, []byte("PK\x05\x06")):
		if err := s.openZip(r, size, o); err != nil {
			return nil, err
		}
	case bytes.HasPrefix(magic, []byte{0xd0, 0xcf, 0x11, 0xe0}): // Excel before 2007
		return nil, fault.Say(fault.Invalid, "tabular.spreadsheet", name)
	}
	s.findEncoding(o.Encoding)
	return s, nil
}

func (s *source) damaged(err error) error {
	if s.count.err != nil {
		return s.count.err
	}
	return fault.Say(fault.Invalid, "tabular.archive_damaged", s.name).Because(err)
}

// guarded reads out of a decompressor: it stops a bomb, checks what the archive promised,
// and tells a damaged archive from a failing disk.
type guarded struct {
	r   io.Reader
	s   *source
	o   Options
	out int64
	sum hash.Hash32 // nil for gzip, which checks itself
	zip *zip.File
}

func (g *guarded) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	g.out += int64(n)
	if g.sum != nil {
		g.sum.Write(p[:n])
	}
	if g.out > g.o.MaxTotal {
		return 0, fault.Say(fault.Invalid, "tabular.total", g.s.name, int(g.o.MaxTotal>>20))
	}
	if g.out > ratioFrom && g.out/int64(g.o.MaxRatio) > g.s.count.n {
		return 0, fault.Say(fault.Invalid, "tabular.bomb", g.s.name)
	}
	if err == io.EOF && g.zip != nil && (g.sum.Sum32() != g.zip.CRC32 || uint64(g.out) != g.zip.UncompressedSize64) {
		err = zip.ErrChecksum
	}
	if err != nil && err != io.EOF {
		err = g.s.damaged(err)
	}
	return n, err
}

func (s *source) zip(r io.ReaderAt, size int64) (*zip.Reader, error) {
	c := &counterAt{r: r}
	z, err := zip.NewReader(c, size)
	if c.err != nil {
		return nil, c.err
	}
	if err != nil {
		return nil, s.damaged(err)
	}
	return z, nil
}

type counterAt struct {
	r   io.ReaderAt
	err error
}

func (c *counterAt) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.r.ReadAt(p, off)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

func (s *source) openZip(r io.ReaderAt, size int64, o Options) error {
	z, err := s.zip(r, size)
	if err != nil {
		return err
	}
	f, err := s.pick(z, o.Entry)
	if err != nil {
		return err
	}
	s.entry, s.size = strings.ToValidUTF8(f.Name, "\uFFFD"), int64(min(f.CompressedSize64, 1<<62))
	if f.Flags&1 != 0 {
		return fault.Say(fault.Invalid, "tabular.encrypted", s.name)
	}
	if f.UncompressedSize64 > uint64(o.MaxTotal) {
		return fault.Say(fault.Invalid, "tabular.total", s.name, int(o.MaxTotal>>20))
	}
	if f.UncompressedSize64 > ratioFrom && f.UncompressedSize64/uint64(o.MaxRatio) > f.CompressedSize64 {
		return fault.Say(fault.Invalid, "tabular.bomb", s.name)
	}
	raw, err := f.OpenRaw()
	if err != nil {
		return s.damaged(err)
	}
	s.count = &counter{r: raw}
	g := &guarded{s: s, o: o, sum: crc32.NewIEEE(), zip: f}
	switch f.Method {
	case zip.Store:
		g.r = s.count
	case zip.Deflate:
		g.r = flate.NewReader(s.count)
	default:
		return fault.Say(fault.Invalid, "tabular.zip_method", s.name)
	}
	s.r = g
	return nil
}

// pick chooses the table: the entry of that name, else the largest entry with the extension
// of a table, else the largest one without any extension.
func (s *source) pick(z *zip.Reader, name string) (*zip.File, error) {
	var best *zip.File
	rank := 0
	for _, f := range z.File {
		if name != "" {
			if f.Name == name {
				return f, nil
			}
			continue
		}
		if strings.HasSuffix(f.Name, "sheet1.xml") || f.Name == "content.xml" {
			return nil, fault.Say(fault.Invalid, "tabular.spreadsheet", s.name)
		}
		k := tableRank(f)
		if k > rank || k == rank && k > 0 && f.UncompressedSize64 > best.UncompressedSize64 {
			best, rank = f, k
		}
	}
	for _, f := range z.File {
		if rank > 0 && f != best && tableRank(f) == rank {
			s.others = append(s.others, strings.ToValidUTF8(f.Name, "\uFFFD"))
		}
	}
	if best == nil {
		if name != "" {
			return nil, fault.Say(fault.NotFound, "tabular.no_entry", s.name, name)
		}
		return nil, fault.Say(fault.Invalid, "tabular.no_table", s.name)
	}
	return best, nil
}

func tableRank(f *zip.File) int {
	base := strings.ToLower(path.Base(f.Name))
	if f.FileInfo().IsDir() || strings.HasPrefix(base, ".") || strings.HasPrefix(f.Name, "__MACOSX/") {
		return 0
	}
	stem := strings.TrimSuffix(base, path.Ext(base))
	for _, w := range [...]string{"readme", "lisez", "licen", "metadata", "metadonnee", "citation", "rights", "eml"} {
		if strings.HasPrefix(stem, w) {
			return 0
		}
	}
	switch path.Ext(base) {
	case ".csv", ".tsv", ".txt", ".tab", ".dat", ".psv":
		return 2
	case "":
		return 1
	}
	return 0
}

// findEncoding reads the first stage of bytes and looks for a mark, then at the bytes.
func (s *source) findEncoding(asked Encoding) {
	s.enc, s.sure = asked, asked != Auto
	s.refill()
	b := s.raw
	defer func() { s.mark = len(s.raw) < len(b) }()
	switch {
	case bytes.HasPrefix(b, []byte{0xef, 0xbb, 0xbf}):
		s.enc, s.sure, s.raw = UTF8, true, b[3:]
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		s.enc, s.sure, s.raw = UTF16LE, true, b[2:]
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		s.enc, s.sure, s.raw = UTF16BE, true, b[2:]
	case asked == Auto:
		if e := zeros(b); e != Auto {
			s.enc, s.sure = e, true
			break
		}
		s.enc = UTF8
		s.decide()
	}
}

// zeros recognises UTF-16 without its mark: Latin letters leave every other byte zero.
func zeros(b []byte) Encoding {
	var at [2]int
	for i, c := range b {
		if c == 0 {
			at[i&1]++
		}
	}
	switch half := len(b) / 2; {
	case half > 4 && at[1] > half*7/10 && at[0] == 0:
		return UTF16LE
	case half > 4 && at[0] > half*7/10 && at[1] == 0:
		return UTF16BE
	}
	return Auto
}

// refill reads until a stage of raw bytes is held, or the end.
func (s *source) refill() {
	if len(s.base) < max(stage, len(s.raw)) {
		s.base = make([]byte, max(stage, len(s.raw)))
	}
	s.raw = s.base[:copy(s.base, s.raw)]
	for s.err == nil && len(s.raw) < stage {
		n, err := s.r.Read(s.raw[len(s.raw):stage])
		s.raw, s.err = s.raw[:len(s.raw)+n], err
	}
}

// decide settles the encoding at the first byte that is not ASCII, from what is held.
func (s *source) decide() {
	i := notASCII(s.raw)
	if i < 0 {
		return
	}
	good, bad := 0, 0
	for b := s.raw[i:]; len(b) > 0; {
		c, n := utf8.DecodeRune(b)
		switch {
		case c != utf8.RuneError || n > 1:
			if n > 1 {
				good++
			}
		case utf8.FullRune(b): // not merely cut by the end of the stage
			bad++
		}
		b = b[n:]
	}
	s.sure = true
	if good == 0 || good < bad {
		s.enc = western(s.raw[i:])
	}
}

// western tells Latin-9 from Windows-1252 in a text that is one of them: 1252 alone uses
// 80–9F, and œ and Œ of Latin-9 are the fractions of 1252, which never join two letters.
func western(b []byte) Encoding {
	latin9 := false
	letter := func(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0xc0 }
	for i, c := range b {
		if c >= 0x80 && c < 0xa0 {
			return Windows1252
		}
		if (c == 0xbd || c == 0xbc) && i+1 < len(b) && letter(b[i+1]) {
			latin9 = true
		}
	}
	if latin9 {
		return Latin9
	}
	return Windows1252
}

func notASCII(b []byte) int {
	i := 0
	for ; i+8 <= len(b) && binary.LittleEndian.Uint64(b[i:])&0x8080808080808080 == 0; i += 8 {
	}
	for ; i < len(b); i++ {
		if b[i] >= 0x80 {
			return i
		}
	}
	return -1
}

// read fills p, of at least a few bytes, with text in UTF-8.
func (s *source) read(p []byte) (int, error) {
	for {
		if len(s.raw) > 0 {
			n := s.transcode(p)
			if n > 0 || s.err == nil {
				return n, nil
			}
		}
		if s.err != nil {
			return 0, s.err
		}
		if s.legacy() {
			s.refill()
			continue
		}
		n, err := s.r.Read(p)
		s.err = err
		if s.sure {
			return n, err
		}
		i := notASCII(p[:n])
		if i < 0 {
			return n, err
		}
		s.raw = p[i:n] // refill copies it
		s.refill()
		s.decide()
		if i > 0 {
			return i, nil
		}
	}
}

// transcode moves what it can of the raw bytes to p.
func (s *source) transcode(p []byte) int {
	switch s.enc {
	case UTF16LE, UTF16BE:
		return s.transcode16(p)
	case Windows1252, Latin9:
		return s.transcode8(p)
	}
	n := copy(p, s.raw)
	s.raw = s.raw[n:]
	return n
}

func (s *source) transcode8(p []byte) int {
	n, i := 0, 0
	for ; i < len(s.raw) && n+utf8.UTFMax <= len(p); i++ {
		c := s.raw[i]
		if c < 0x80 {
			p[n] = c
			n++
			continue
		}
		n += utf8.EncodeRune(p[n:], s.enc.char(c))
	}
	s.raw = s.raw[i:]
	return n
}

// high is what Windows-1252 puts at 80–9F; U+FFFD where it has nothing.
const high = "€\uFFFD‚ƒ„…†‡ˆ‰Š‹Œ\uFFFDŽ\uFFFD\uFFFD‘’“”•–—˜™š›œ\uFFFDžŸ"

func (e Encoding) char(c byte) rune {
	if e == Latin9 {
		switch c {
		case 0xa4:
			return '€'
		case 0xa6:
			return 'Š'
		case 0xa8:
			return 'š'
		case 0xb4:
			return 'Ž'
		case 0xb8:
			return 'ž'
		case 0xbc:
			return 'Œ'
		case 0xbd:
			return 'œ'
		case 0xbe:
			return 'Ÿ'
		}
	}
	if c >= 0xa0 {
		return rune(c)
	}
	if e == Latin9 {
		return utf8.RuneError // control characters: no text has them
	}
	i := int(c - 0x80)
	for _, r := range high {
		if i == 0 {
			return r
		}
		i--
	}
	return utf8.RuneError
}

func (s *source) transcode16(p []byte) int {
	order := binary.ByteOrder(binary.LittleEndian)
	if s.enc == UTF16BE {
		order = binary.BigEndian
	}
	n, i := 0, 0
	for n+utf8.UTFMax <= len(p) {
		rest := s.raw[i:]
		if len(rest) < 2 {
			break
		}
		c, size := rune(order.Uint16(rest)), 2
		if utf16.IsSurrogate(c) {
			if len(rest) < 4 {
				if s.err == nil {
					break // its other half comes with the next stage
				}
				c = utf8.RuneError
			} else if c = utf16.DecodeRune(c, rune(order.Uint16(rest[2:]))); c != utf8.RuneError {
				size = 4
			}
		}
		n += utf8.EncodeRune(p[n:], c)
		i += size
	}
	s.raw = s.raw[i:]
	if s.err != nil && len(s.raw) == 1 && n+utf8.UTFMax <= len(p) { // a lone last byte
		s.raw = nil
		n += utf8.EncodeRune(p[n:], utf8.RuneError)
	} else if n == 0 && s.err == nil {
		s.refill()
	}
	return n
}
