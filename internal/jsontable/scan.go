package jsontable

import (
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
)

// scanner walks JSON text value by value without building it: it finds where values begin and
// end, holds memory to its buffer, and leaves their syntax to whoever keeps one.
type scanner struct {
	src  io.Reader
	in   *counter // bytes of the file as it lies, compressed or not
	o    Options
	buf  []byte
	pos  int
	end  int
	line int
	read int64 // bytes of text so far
	err  error // of src; io.EOF at the end
}

var (
	errSyntax = errors.New("not JSON")
	errEnd    = errors.New("text ends inside a value")
	errDepth  = errors.New("nested too deep")
	errLong   = errors.New("record too long")
	errTotal  = errors.New("text too long")
	errBomb   = errors.New("compressed abnormally")
)

// counter counts the bytes read from the file.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func isGzip(head []byte) bool { return len(head) > 2 && head[0] == 0x1f && head[1] == 0x8b }

// newScanner begins a reading of the size bytes of r, compressed by gzip or not.
func newScanner(r io.ReaderAt, size int64, o Options) (*scanner, error) {
	head := make([]byte, 3)
	n, err := r.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	s := &scanner{in: &counter{r: io.NewSectionReader(r, 0, size)}, o: o, line: 1, buf: make([]byte, 128<<10)}
	s.src = s.in
	if isGzip(head[:n]) {
		if s.src, err = gzip.NewReader(s.in); err != nil {
			return nil, errSyntax
		}
	}
	if s.fill(); bytes.HasPrefix(s.buf[:s.end], []byte("\ufeff")) {
		s.pos = 3
	}
	return s, nil
}

// fill reads on once the buffer is used up; false at the end of the text, or with an error.
func (s *scanner) fill() bool {
	if s.pos < s.end {
		return true
	}
	if s.err != nil {
		return false
	}
	s.pos, s.end = 0, 0
	for s.end == 0 && s.err == nil {
		s.end, s.err = s.src.Read(s.buf)
	}
	s.read += int64(s.end)
	switch {
	case s.read > s.o.MaxTotal:
		s.end, s.err = 0, errTotal
	case s.read > 64<<20 && s.read/int64(s.o.MaxRatio) > s.in.n:
		s.end, s.err = 0, errBomb
	}
	return s.end > 0
}

// stop is why there is no more text: io.EOF at its end.
func (s *scanner) stop() error {
	if s.err == nil || errors.Is(s.err, io.ErrUnexpectedEOF) {
		return errEnd
	}
	return s.err
}

// peek passes over white space and returns the next byte without taking it; io.EOF after the last.
func (s *scanner) peek() (byte, error) {
	for s.fill() {
		for ; s.pos < s.end; s.pos++ {
			switch c := s.buf[s.pos]; c {
			case '\n':
				s.line++
			case ' ', '\t', '\r', 0x1e: // RFC 7464 puts 1E before each text of a sequence
			default:
				return c, nil
			}
		}
	}
	return 0, s.stop()
}

// inside is peek where the text must not end.
func (s *scanner) inside() (byte, error) {
	c, err := s.peek()
	if err == io.EOF {
		err = errEnd
	}
	return c, err
}

// take consumes the byte that peek returned.
func (s *scanner) take() { s.pos++ }

// value passes over the next value. With keep it appends its text to dst, at most MaxRecord bytes.
func (s *scanner) value(dst []byte, keep bool) ([]byte, error) {
	c, err := s.inside()
	if err != nil {
		return dst, err
	}
	if c != '{' && c != '[' && c != '"' {
		return s.scalar(dst, keep)
	}
	stack := make([]byte, 0, 16)
	quoted, escaped := false, false
	for {
		n, done := 0, false
		for _, b := range s.buf[s.pos:s.end] {
			n++
			if b == '\n' {
				s.line++
			}
			if quoted {
				switch {
				case escaped:
					escaped = false
				case b == '\\':
					escaped = true
				case b == '"':
					quoted = false
					done = len(stack) == 0
				}
			} else {
				switch b {
				case '"':
					quoted = true
				case '{', '[':
					if len(stack) == s.o.MaxDepth {
						return dst, errDepth
					}
					stack = append(stack, b+2) // '}' is '{'+2, ']' is '['+2
				case '}', ']':
					if len(stack) == 0 || stack[len(stack)-1] != b {
						return dst, errSyntax
					}
					stack = stack[:len(stack)-1]
					done = len(stack) == 0
				}
			}
			if done {
				break
			}
		}
		if keep {
			if len(dst)+n > s.o.MaxRecord {
				return dst, errLong
			}
			dst = append(dst, s.buf[s.pos:s.pos+n]...)
		}
		s.pos += n
		if done {
			return dst, nil
		}
		if !s.fill() {
			return dst, s.cut()
		}
	}
}

// cut is stop inside a value.
func (s *scanner) cut() error {
	if err := s.stop(); err != io.EOF {
		return err
	}
	return errEnd
}

// scalar passes over a number, true, false or null.
func (s *scanner) scalar(dst []byte, keep bool) ([]byte, error) {
	n := 0
	for s.fill() {
		switch c := s.buf[s.pos]; c {
		case ',', ']', '}', ' ', '\t', '\r', '\n', ':', '"', '{', '[':
			if n == 0 {
				return dst, errSyntax
			}
			return dst, nil
		default:
			if n++; n > 1000 {
				return dst, errSyntax
			}
			if keep {
				dst = append(dst, c)
			}
			s.pos++
		}
	}
	if err := s.stop(); err != io.EOF {
		return dst, err
	}
	return dst, nil
}

// key reads the name of a member and the colon after it.
func (s *scanner) key() (string, error) {
	raw, err := s.value(nil, true)
	if err != nil {
		return "", err
	}
	if len(raw) == 0 || raw[0] != '"' {
		return "", errSyntax
	}
	c, err := s.inside()
	if err != nil {
		return "", err
	}
	if c != ':' {
		return "", errSyntax
	}
	s.take()
	return text(raw)
}
