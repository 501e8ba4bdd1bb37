package layer

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"garrigue/internal/fault"
)

// TextOf writes well-known binary as EWKT, with heights and measures, for people and for
// package geo: "SRID=2154;POINT Z (700000 6600000 12)". srid 0 names no system. It judges no
// geometry; ok is false when b is no WKB of a simple type.
func TextOf(b []byte, srid int) (text string, ok bool) {
	w := wkbReader{b: b}
	t, dims := w.header()
	if srid > 0 {
		w.out = append(w.out, "SRID="+strconv.Itoa(srid)+";"...)
	}
	w.shape(t, dims)
	if w.bad || len(w.b) != 0 {
		return "", false
	}
	return string(w.out), true
}

type wkbReader struct {
	b     []byte
	order binary.ByteOrder
	out   []byte
	bad   bool
}

func (w *wkbReader) uint32() uint32 {
	if w.bad || len(w.b) < 4 {
		w.bad = true
		return 0
	}
	v := w.order.Uint32(w.b)
	w.b = w.b[4:]
	return v
}

// The dimensions of a geometry: bit 0 heights, bit 1 measures.
func (w *wkbReader) header() (t uint32, dims int) {
	if len(w.b) < 5 || w.b[0] > 1 {
		w.bad = true
		return 0, 0
	}
	w.order = binary.ByteOrder(binary.LittleEndian)
	if w.b[0] == 0 {
		w.order = binary.BigEndian
	}
	w.b = w.b[1:]
	t = w.uint32()
	if t&0x80000000 != 0 {
		dims |= 1
	}
	if t&0x40000000 != 0 {
		dims |= 2
	}
	if t&0x20000000 != 0 {
		w.uint32()
	}
	t &= 0x0fffffff
	return t % 1000, dims | int(t/1000)&3
}

func typeName(t uint32) string {
	return [...]string{"", "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON"}[t]
}

func dimsName(dims int) string { return [...]string{"", " Z ", " M ", " ZM "}[dims] }

func (w *wkbReader) shape(t uint32, dims int) {
	if w.bad || t < 1 || t > 6 {
		w.bad = true
		return
	}
	w.out = append(w.out, typeName(t)...)
	w.out = append(w.out, dimsName(dims)...)
	at := len(w.out)
	w.body(t, dims)
	if !w.bad && len(w.out) == at {
		w.out = append(w.out, " EMPTY"...)
	}
}

func (w *wkbReader) body(t uint32, dims int) {
	switch t {
	case 1:
		n := len(w.out)
		w.out = append(w.out, '(')
		if !w.vertex(dims) {
			w.out = w.out[:n] // an empty point is written as NaN
			return
		}
		w.out = append(w.out, ')')
	case 2:
		w.vertices(dims)
	case 3:
		w.list(4, func() { w.vertices(dims) })
	default:
		w.list(9, func() {
			part, d := w.header()
			if part != t-3 || d != dims {
				w.bad = true
				return
			}
			w.body(part, dims)
		})
	}
}

// list writes "(item,item)"; nothing when there are none. A count is believed as far as the
// bytes that are left could hold it.
func (w *wkbReader) list(size int, item func()) {
	n := w.uint32()
	if w.bad || uint64(n)*uint64(size) > uint64(len(w.b)) {
		w.bad = true
		return
	}
	for i := range n {
		if i == 0 {
			w.out = append(w.out, '(')
		} else {
			w.out = append(w.out, ',')
		}
		if item(); w.bad {
			return
		}
	}
	if n > 0 {
		w.out = append(w.out, ')')
	}
}

func dimsCount(dims int) int { return 2 + dims&1 + dims>>1 }

func (w *wkbReader) vertices(dims int) {
	w.list(8*dimsCount(dims), func() { w.vertex(dims) })
}

// vertex writes "x y z"; false for one that is not a number.
func (w *wkbReader) vertex(dims int) bool {
	k := dimsCount(dims)
	if w.bad || len(w.b) < 8*k {
		w.bad = true
		return false
	}
	nan := true
	for i := range k {
		v := math.Float64frombits(w.order.Uint64(w.b[8*i:]))
		nan = nan && v != v
		if i > 0 {
			w.out = append(w.out, ' ')
		}
		w.out = appendNumber(w.out, v)
	}
	w.b = w.b[8*k:]
	return !nan
}

// appendNumber writes a coordinate in full, without an exponent.
func appendNumber(b []byte, v float64) []byte { return strconv.AppendFloat(b, v, 'f', -1, 64) }

// BinaryOf reads EWKT as TextOf writes it, and returns its little-endian WKB (ISO types for
// heights and measures), its system and its first and last corners. Errors: Invalid.
func BinaryOf(text string) (b []byte, srid int, box [4]float64, err error) {
	p := textReader{s: strings.TrimSpace(text), box: [4]float64{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}}
	if rest, ok := strings.CutPrefix(p.s, "SRID="); ok {
		code, rest, ok := strings.Cut(rest, ";")
		if srid, err = strconv.Atoi(code); !ok || err != nil {
			return nil, 0, box, fault.Say(fault.Invalid, "layer.geometry")
		}
		p.s = rest
	}
	p.shape()
	if p.bad || strings.TrimSpace(p.s) != "" {
		return nil, 0, box, fault.Say(fault.Invalid, "layer.geometry")
	}
	return p.out, srid, p.box, nil
}

type textReader struct {
	s    string
	out  []byte
	dims int
	box  [4]float64 // min x, min y, max x, max y
	bad  bool
}

func (p *textReader) word() string {
	p.s = strings.TrimLeft(p.s, " ")
	n := 0
	for n < len(p.s) && p.s[n] >= 'A' && p.s[n] <= 'Z' {
		n++
	}
	w := p.s[:n]
	p.s = p.s[n:]
	return w
}

func (p *textReader) eat(c byte) bool {
	p.s = strings.TrimLeft(p.s, " ")
	if p.s != "" && p.s[0] == c {
		p.s = p.s[1:]
		return true
	}
	return false
}

func (p *textReader) shape() {
	name := p.word()
	t := uint32(1)
	for t < 7 && typeName(t) != name {
		t++
	}
	if t == 7 {
		p.bad = true
		return
	}
	empty := false
	for w := p.word(); w != ""; w = p.word() {
		switch w {
		case "Z":
			p.dims = 1
		case "M":
			p.dims = 2
		case "ZM":
			p.dims = 3
		case "EMPTY":
			empty = true
		default:
			p.bad = true
			return
		}
	}
	p.header(t)
	switch {
	case empty && t == 1:
		for range dimsCount(p.dims) {
			p.out = binary.LittleEndian.AppendUint64(p.out, math.Float64bits(math.NaN()))
		}
	case empty:
		p.out = append(p.out, 0, 0, 0, 0)
	default:
		p.body(t)
	}
}

func (p *textReader) header(t uint32) {
	p.out = append(p.out, 1)
	p.out = binary.LittleEndian.AppendUint32(p.out, t+1000*uint32(p.dims))
}

func (p *textReader) body(t uint32) {
	switch t {
	case 1:
		if !p.eat('(') {
			p.bad = true
			return
		}
		p.vertex()
		p.bad = p.bad || !p.eat(')')
	case 2:
		p.list(p.vertex)
	case 3:
		p.list(func() { p.list(p.vertex) })
	default:
		p.list(func() {
			p.header(t - 3)
			p.body(t - 3)
		})
	}
}

func (p *textReader) list(item func()) {
	if !p.eat('(') {
		p.bad = true
		return
	}
	at := len(p.out)
	p.out = append(p.out, 0, 0, 0, 0)
	n := uint32(0)
	for {
		item()
		n++
		if p.bad {
			return
		}
		if p.eat(',') {
			continue
		}
		p.bad = !p.eat(')')
		binary.LittleEndian.PutUint32(p.out[at:], n)
		return
	}
}

func (p *textReader) vertex() {
	for i := range dimsCount(p.dims) {
		p.s = strings.TrimLeft(p.s, " ")
		n := strings.IndexAny(p.s, " ,)")
		if n < 0 {
			p.bad = true
			return
		}
		v, err := strconv.ParseFloat(p.s[:n], 64)
		if err != nil {
			p.bad = true
			return
		}
		p.s = p.s[n:]
		if i < 2 {
			p.box[i], p.box[i+2] = min(p.box[i], v), max(p.box[i+2], v)
		}
		p.out = binary.LittleEndian.AppendUint64(p.out, math.Float64bits(v))
	}
}
