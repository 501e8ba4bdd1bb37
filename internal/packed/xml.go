package packed

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"garrigue/internal/fault"
)

const (
	maxDepth = 200
	maxToken = 16 << 20
)

// XML reads a document of which nothing is believed: no DOCTYPE, so no entities but the five
// of XML; elements at most 200 deep; a text or a tag of at most 16 MiB.
type XML struct {
	name  string
	meter *meter
	d     *xml.Decoder
	depth int
}

// meter stops a token that does not end.
type meter struct {
	r io.Reader
	n int
}

var errLongToken = errors.New("a text or a tag is too long")

func (m *meter) Read(p []byte) (int, error) {
	if m.n > maxToken {
		return 0, errLongToken
	}
	n, err := m.r.Read(p[:min(len(p), 32<<10)])
	m.n += n
	return n, err
}

// NewXML reads r; name is for sentences.
func NewXML(r io.Reader, name string) *XML {
	x := &XML{name: name, meter: &meter{r: r}}
	x.d = xml.NewDecoder(x.meter)
	x.d.CharsetReader = charset
	return x
}

func charset(label string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "utf-8", "us-ascii", "ascii":
		return r, nil
	case "iso-8859-1", "windows-1252", "latin1":
		return charmap.Windows1252.NewDecoder().Reader(r), nil
	case "iso-8859-15":
		return charmap.ISO8859_15.NewDecoder().Reader(r), nil
	}
	return nil, errors.New("encoding " + label)
}

// Next returns the next start, end or text: comments and instructions are passed over. Names
// keep their prefix apart, in Space. The token is good until the next call. Errors: io.EOF at
// the end; Invalid for what is no such document.
func (x *XML) Next() (xml.Token, error) {
	for {
		x.meter.n = 0
		t, err := x.d.RawToken()
		if err == io.EOF && x.depth > 0 {
			err = io.ErrUnexpectedEOF
		}
		switch {
		case err == io.EOF:
			return nil, err
		case err != nil:
			return nil, x.fail(err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			if x.depth++; x.depth > maxDepth {
				return nil, fault.Say(fault.Invalid, "packed.xml_deep", x.name)
			}
			return t, nil
		case xml.EndElement:
			if x.depth--; x.depth < 0 {
				return nil, x.fail(errors.New("an end without a start"))
			}
			return t, nil
		case xml.CharData:
			if x.depth == 0 { // a byte order mark, line ends
				continue
			}
			return t, nil
		case xml.Directive:
			return nil, fault.Say(fault.Invalid, "packed.xml_doctype", x.name)
		}
	}
}

func (x *XML) fail(err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	if errors.Is(err, errLongToken) {
		return fault.Say(fault.Invalid, "packed.xml_long", x.name)
	}
	return fault.Say(fault.Invalid, "packed.xml", x.name).Because(err)
}

// Depth returns how many elements are open.
func (x *XML) Depth() int { return x.depth }

// Skip passes over the rest of the element whose start was the last token.
func (x *XML) Skip() error {
	for want := x.depth - 1; x.depth > want; {
		if _, err := x.Next(); err != nil {
			return ended(err)
		}
	}
	return nil
}

// Text returns the text of the element whose start was the last token, and of the elements in
// it, at most limit bytes of it.
func (x *XML) Text(limit int) (string, error) {
	var b []byte
	for want := x.depth - 1; x.depth > want; {
		t, err := x.Next()
		if err != nil {
			return "", ended(err)
		}
		if c, ok := t.(xml.CharData); ok {
			if b = append(b, c...); len(b) > limit {
				return "", fault.Say(fault.Invalid, "packed.xml_long", x.name)
			}
		}
	}
	return string(b), nil
}

func ended(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Attr returns the value of an attribute by its local name, "" without it.
func Attr(e xml.StartElement, local string) string {
	for _, a := range e.Attr {
		if a.Name.Local == local {
			return a.Value
		}
	}
	return ""
}

// Sound returns a text that any store takes, and whether something had to be replaced: bytes
// that are no text, and NUL, each become U+FFFD.
func Sound(s string) (string, bool) {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s, false
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.ReplaceAll(s, "\x00", "\uFFFD"), true
}

// MarkLess drops a byte order mark.
func MarkLess(b []byte) []byte { return bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")) }
