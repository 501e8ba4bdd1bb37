package jsontable

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// node is a value of JSON, whole. Its syntax was checked before.
type node struct {
	kind byte // '{' '[' '"', '0' for a number, 'b' for true and false, 'n' for null
	text string
	raw  []byte // of lists and objects
	keys []string
	kids []node
}

// parse builds the value of a text that json.Valid accepts. Without lists, those are left as
// their text: the outline of a large area would take dozens of times its size.
func parse(b []byte, lists bool) node {
	p := parser{b: b, lists: lists}
	return p.value()
}

type parser struct {
	b     []byte
	i     int
	lists bool
}

func (p *parser) space() byte {
	for {
		switch c := p.b[p.i]; c {
		case ' ', '\t', '\r', '\n':
			p.i++
		default:
			return c
		}
	}
}

func (p *parser) value() node {
	switch c := p.space(); c {
	case '{', '[':
		start := p.i
		if c == '[' && !p.lists {
			p.pass()
			return node{kind: c, raw: p.b[start:p.i]}
		}
		p.i++
		n := node{kind: c}
		for {
			switch p.space() {
			case '}', ']':
				p.i++
				n.raw = p.b[start:p.i]
				return n
			case ',':
				p.i++
				continue
			}
			if c == '{' {
				n.keys = append(n.keys, p.str())
				p.space()
				p.i++ // the colon
			}
			n.kids = append(n.kids, p.value())
		}
	case '"':
		return node{kind: '"', text: p.str()}
	default:
		start := p.i
		for p.i < len(p.b) && !strings.ContainsRune(",]} \t\r\n", rune(p.b[p.i])) {
			p.i++
		}
		t := string(p.b[start:p.i])
		switch t {
		case "null":
			return node{kind: 'n'}
		case "true", "false":
			return node{kind: 'b', text: t}
		}
		return node{kind: '0', text: t}
	}
}

// pass passes over the list that begins at i.
func (p *parser) pass() {
	for depth := 0; ; {
		switch p.b[p.i] {
		case '"':
			p.quoted()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if p.i++; depth == 0 {
			return
		}
	}
}

// quoted passes over the string that begins at i.
func (p *parser) quoted() {
	for p.i++; p.b[p.i] != '"'; p.i++ {
		if p.b[p.i] == '\\' {
			p.i++
		}
	}
	p.i++
}

// str reads the string that begins at i.
func (p *parser) str() string {
	start := p.i
	p.quoted()
	s, _ := text(p.b[start:p.i]) // of valid JSON
	return s
}

// text returns what a string says.
func text(quoted []byte) (string, error) {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), nil
	}
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return "", errSyntax
	}
	return s, nil
}

// get returns the value at the end of a path of members, the null node when there is none.
func (n node) get(path ...string) node {
	for _, name := range path {
		i := -1
		if n.kind == '{' {
			for j, k := range n.keys {
				if k == name {
					i = j
				}
			}
		}
		if i < 0 {
			return node{kind: 'n'}
		}
		n = n.kids[i]
	}
	return n
}

// str returns the text of a plain value, "" for null, lists and objects.
func (n node) str(path ...string) string { return strings.TrimSpace(n.get(path...).text) }

// list returns the elements of a list, or the members of an object that stands for one.
func (n node) list(path ...string) []node { return n.get(path...).kids }

// longList is the longest text of a list of objects that is kept as it is.
const longList = 32 << 10

// flat gives every plain value under n with its dotted name. A list is one value, its text;
// a geometry too, and a list of many objects is only counted.
func (n node) flat(prefix []byte, put func(name []byte, value string)) {
	switch {
	case n.kind == '{' && !n.geometry():
		for i, k := range n.keys {
			name := prefix
			if len(prefix) > 0 {
				name = append(prefix, '.')
			}
			n.kids[i].flat(append(name, k...), put)
		}
	case n.kind == '{', n.kind == '[':
		v := ""
		if len(bytes.TrimSpace(n.raw[1:len(n.raw)-1])) > 0 {
			v = n.compact()
		}
		put(prefix, v)
	default:
		put(prefix, n.text)
	}
}

func (n node) compact() string {
	if len(n.raw) > longList && n.kind == '[' && bytes.TrimLeft(n.raw[1:], " \t\r\n")[0] == '{' {
		return strconv.Itoa(count(n.raw))
	}
	var b bytes.Buffer
	if err := json.Compact(&b, n.raw); err != nil {
		return ""
	}
	return b.String()
}

// count tells how many elements the text of a list has.
func count(list []byte) (n int) {
	p := parser{b: list, i: 1}
	for {
		switch p.space() {
		case ']':
			return n
		case ',':
			p.i++
		default:
			p.value()
			n++
		}
	}
}

// geometry reports whether an object is a geometry of GeoJSON.
func (n node) geometry() bool {
	if len(n.keys) < 2 || len(n.keys) > 4 {
		return false
	}
	switch n.str("type") {
	case "Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon":
		return n.get("coordinates").kind == '['
	case "GeometryCollection":
		return n.get("geometries").kind == '['
	}
	return false
}
