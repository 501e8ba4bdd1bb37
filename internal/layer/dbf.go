package layer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"

	"garrigue/internal/fault"
	"garrigue/internal/packed"
	"garrigue/internal/tabular"
)

// dbf reads the records of a dBase table.
type dbf struct {
	name   string
	in     *packed.Stream
	fields []dbfField
	count  int // records the header promises
	record []byte
	ldid   byte
	decode *encoding.Decoder // nil for UTF-8
	read   int
}

type dbfField struct {
	name     []byte
	kind     byte
	length   int
	decimals int
}

var errDBF = errors.New("no dBase table")

func openDBF(open Opener, name string) (*dbf, error) {
	in, err := open()
	if err != nil {
		return nil, err
	}
	t := &dbf{name: name, in: in}
	if err := t.header(); err != nil {
		in.Close()
		return nil, t.fail(err)
	}
	return t, nil
}

func (t *dbf) fail(err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	return fault.Say(fault.Invalid, "layer.dbf", t.name).Because(err)
}

func (t *dbf) header() error {
	var h [32]byte
	if _, err := io.ReadFull(t.in, h[:]); err != nil {
		return err
	}
	t.count = int(binary.LittleEndian.Uint32(h[4:]))
	head, length := int(binary.LittleEndian.Uint16(h[8:])), int(binary.LittleEndian.Uint16(h[10:]))
	t.ldid = h[29]
	if head < 33 || length < 1 {
		return errDBF
	}
	rest := make([]byte, head-32)
	if _, err := io.ReadFull(t.in, rest); err != nil {
		return err
	}
	total := 1
	for len(rest) >= 32 && rest[0] != '\r' {
		f := dbfField{kind: rest[11], length: int(rest[16]), decimals: int(rest[17])}
		if f.kind == 'C' { // longer texts borrow the byte of decimals
			f.length, f.decimals = f.length|f.decimals<<8, 0
		}
		n := bytes.IndexByte(rest[:11], 0)
		if n < 0 {
			n = 11
		}
		f.name = bytes.Clone(rest[:n])
		total += f.length
		t.fields = append(t.fields, f)
		rest = rest[32:]
	}
	if total > length || len(t.fields) == 0 {
		return errDBF
	}
	t.record = make([]byte, length)
	return nil
}

// next reads the next record; deleted tells one that its producer struck out. io.EOF after
// the last.
func (t *dbf) next() (deleted bool, err error) {
	if t.read >= t.count {
		return false, io.EOF
	}
	if _, err := io.ReadFull(t.in, t.record[:1]); err != nil {
		return false, t.fail(ended(err))
	}
	if t.record[0] == 0x1a {
		return false, t.fail(errors.New("fewer records than promised"))
	}
	if _, err := io.ReadFull(t.in, t.record[1:]); err != nil {
		return false, t.fail(ended(err))
	}
	t.read++
	return t.record[0] == '*', nil
}

func ended(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// values appends the fields of the record as texts; damaged tells bytes that are none in the
// encoding.
func (t *dbf) values(out []string) (_ []string, damaged bool) {
	at := 1
	for i := range t.fields {
		f := &t.fields[i]
		b := t.record[at : at+f.length]
		at += f.length
		v := ""
		if f.kind == 'C' {
			var bad bool
			v, bad = t.text(bytes.TrimRight(b, " \x00"))
			damaged = damaged || bad
		} else {
			v = f.value(b)
		}
		out = append(out, v)
	}
	return out, damaged
}

func (t *dbf) text(b []byte) (string, bool) {
	if t.decode == nil {
		return packed.Sound(string(b))
	}
	v, err := t.decode.Bytes(b)
	if err != nil {
		return packed.Sound(string(b))
	}
	s, _ := packed.Sound(string(v))
	return s, strings.Contains(s, "\uFFFD")
}

// value writes a value that is no text.
func (f *dbfField) value(b []byte) string {
	switch f.kind {
	case 'I', '+':
		if len(b) == 4 {
			return strconv.Itoa(int(int32(binary.LittleEndian.Uint32(b))))
		}
	case 'O':
		if len(b) == 8 {
			return string(appendNumber(nil, math.Float64frombits(binary.LittleEndian.Uint64(b))))
		}
	case '@', 'T':
		if len(b) == 8 {
			return julian(int64(binary.LittleEndian.Uint32(b)), int64(binary.LittleEndian.Uint32(b[4:])))
		}
	case 'M', 'G', 'P', 'B':
		return "" // kept in another file
	}
	s := strings.TrimSpace(strings.Trim(string(b), "\x00"))
	switch f.kind {
	case 'N', 'F':
		return figures(s)
	case 'D':
		if len(s) != 8 || strings.Trim(s, "0") == "" || strings.Trim(s, "0123456789") != "" {
			return ""
		}
		return s[:4] + "-" + s[4:6] + "-" + s[6:]
	case 'L':
		switch s {
		case "T", "t", "Y", "y":
			return "true"
		case "F", "f", "N", "n":
			return "false"
		}
		return ""
	}
	s, _ = packed.Sound(s)
	return s
}

// julian writes a day of the Julian period and milliseconds of it.
func julian(day, ms int64) string {
	if day == 0 || day > 6_000_000 {
		return ""
	}
	t := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(day-2_440_588)).Add(time.Duration(ms) * time.Millisecond)
	return t.Format("2006-01-02T15:04:05")
}

// figures writes a number without the zeros that fill its field; stars stand for one that did
// not fit.
func figures(s string) string {
	if strings.HasPrefix(s, "*") {
		return ""
	}
	if strings.ContainsAny(s, "eE") {
		if v, err := strconv.ParseFloat(s, 64); err == nil {
			return string(appendNumber(nil, v))
		}
		return s
	}
	if strings.IndexByte(s, '.') >= 0 {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// typeText names the type of a field: "N(10,2)".
func (f *dbfField) typeText() string {
	s := string(f.kind) + "(" + strconv.Itoa(f.length)
	if f.decimals > 0 {
		s += "," + strconv.Itoa(f.decimals)
	}
	return s + ")"
}

// dbfEncoding decides how texts are written: what .cpg says, else UTF-8 when texts that are
// not ASCII all read so, else the code page of the header, else Windows-1252.
func dbfEncoding(open Opener, cpg, name string) (*encoding.Decoder, tabular.Encoding, error) {
	cpg = strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "", "ansi", "", "oem", "").Replace(strings.ToLower(strings.TrimSpace(cpg))))
	if m, e, ok := codePage(cpg); ok {
		return m, e, nil
	}
	t, err := openDBF(open, name)
	if err != nil {
		return nil, "", err
	}
	defer t.in.Close()
	good, bad := 0, 0
	for good+bad < 10_000 {
		if _, err := t.next(); err == io.EOF {
			break
		} else if err != nil {
			return nil, "", err
		}
		at := 1
		for i := range t.fields {
			f := &t.fields[i]
			b := t.record[at : at+f.length]
			at += f.length
			if f.kind != 'C' || !bytes.ContainsFunc(b, func(r rune) bool { return r >= 0x80 }) {
				continue
			}
			b = cutRune(b)
			switch high := bytes.ContainsFunc(b, func(r rune) bool { return r >= 0x80 }); {
			case high && utf8.Valid(b):
				good++
			case high:
				bad++
			}
		}
	}
	if bad == 0 || good > 20*bad {
		return nil, tabular.UTF8, nil
	}
	page := "1252"
	switch t.ldid {
	case 0x01, 0x09, 0x0b, 0x0d, 0x0f, 0x11, 0x15, 0x18, 0x19, 0x1b:
		page = "437"
	case 0x02, 0x0a, 0x0e, 0x10, 0x12, 0x14, 0x16, 0x1a, 0x1d, 0x25, 0x37:
		page = "850"
	}
	m, e, _ := codePage(page)
	return m, e, nil
}

// cutRune drops a character that the end of the field cut.
func cutRune(b []byte) []byte {
	if n := len(b); n == 0 || b[n-1] == ' ' || b[n-1] == 0 {
		return b
	}
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if c := b[len(b)-n]; c >= 0xc0 {
			if !utf8.FullRune(b[len(b)-n:]) {
				return b[:len(b)-n]
			}
			return b
		} else if c < 0x80 {
			return b
		}
	}
	return b
}

// codePage reads the name of an encoding in a .cpg.
func codePage(name string) (*encoding.Decoder, tabular.Encoding, bool) {
	switch name {
	case "utf8", "65001", "cp65001":
		return nil, tabular.UTF8, true
	case "1252", "cp1252", "windows1252", "iso88591", "88591", "latin1", "system":
		return charmap.Windows1252.NewDecoder(), tabular.Windows1252, true
	case "iso885915", "885915", "latin9":
		return charmap.ISO8859_15.NewDecoder(), tabular.Latin9, true
	case "850", "cp850", "ibm850":
		return charmap.CodePage850.NewDecoder(), "cp850", true
	case "437", "cp437", "ibm437":
		return charmap.CodePage437.NewDecoder(), "cp437", true
	}
	return nil, "", false
}
