package tabular

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Line writes fields as one record: quoted where they hold the separator, a quote or a line
// end, or begin or end with white space.
func Line(fields []string, sep byte) string {
	var b strings.Builder
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(sep)
		}
		if quotable(f, sep) {
			b.WriteByte('"')
			b.WriteString(strings.ReplaceAll(f, `"`, `""`))
			b.WriteByte('"')
			continue
		}
		b.WriteString(f)
	}
	if len(fields) == 1 && fields[0] == "" {
		return `""`
	}
	return b.String()
}

func quotable(f string, sep byte) bool {
	if f == "" {
		return false
	}
	for i := 0; i < len(f); i++ {
		if c := f[i]; c == sep || c == '"' || c == '\n' || c == '\r' {
			return true
		}
	}
	return f[0] <= ' ' || f[len(f)-1] <= ' '
}

// Fields cuts one record, as Reader does, with the quote given, 0 for none; ends are where
// each field ends in it, before its separator.
func Fields(record string, sep, quote byte) (fields []string, ends []int) {
	r := Reader{sep: sep, quote: quote, o: Options{MaxColumns: 1 << 20, MaxField: len(record) + 1}}
	for at := 0; ; {
		rest := record[at:]
		var f string
		n := 0
		if quote != 0 && len(rest) > 0 && rest[0] == quote {
			f, n = r.unquote(rest)
		}
		if n == 0 {
			if n = r.indexSep(rest); n < 0 {
				n = len(rest)
			}
			f = rest[:n]
		}
		at += n
		fields, ends = append(fields, f), append(ends, at)
		if at >= len(record) {
			return fields, ends
		}
		at++
	}
}

// Append appends a text in an encoding, and returns how many characters it does not have:
// each is written "?".
func (e Encoding) Append(b []byte, s string) (_ []byte, lost int) {
	switch e {
	case UTF16LE, UTF16BE:
		for _, r := range s {
			for _, u := range utf16.AppendRune(nil, r) {
				if e == UTF16LE {
					b = append(b, byte(u), byte(u>>8))
				} else {
					b = append(b, byte(u>>8), byte(u))
				}
			}
		}
		return b, 0
	case Windows1252, Latin9:
		for _, r := range s {
			if c, ok := e.code(r); ok {
				b = append(b, c)
			} else {
				b = append(b, '?')
				lost++
			}
		}
		return b, lost
	}
	return append(b, s...), 0
}

// Mark returns the byte order mark of an encoding, as files in it begin, or nothing.
func (e Encoding) Mark() []byte {
	switch e {
	case UTF8:
		return []byte("\xef\xbb\xbf")
	case UTF16LE:
		return []byte("\xff\xfe")
	case UTF16BE:
		return []byte("\xfe\xff")
	}
	return nil
}

// code is the reverse of char.
func (e Encoding) code(r rune) (byte, bool) {
	if r < 0x80 {
		return byte(r), true
	}
	if r >= 0xa0 && r < 0x100 && e.char(byte(r)) == r {
		return byte(r), true
	}
	if r == utf8.RuneError {
		return 0, false
	}
	for c := 0x80; c < 0x100; c++ {
		if e.char(byte(c)) == r {
			return byte(c), true
		}
	}
	return 0, false
}
