package geo

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/paulmach/orb"

	"garrigue/internal/fault"
)

// ParseGeometry reads one geometry as producers write it: WKT or EWKT ("SRID=2154;POINT…"),
// hexadecimal WKB or EWKB, or a GeoJSON geometry; which one is told by the first character.
// Coordinates are returned as written, with the system the text names, 0 when it names none
// (WGS84 for GeoJSON, by RFC 7946). Heights and measures are dropped.
//
// The result is an orb.Point, MultiPoint, LineString, MultiLineString, Polygon or
// MultiPolygon, not empty, of finite numbers, with closed rings; Validate tells whether a
// polygon is sound. Errors: Invalid, with the sentence for the producer.
func ParseGeometry(text string) (orb.Geometry, CRS, error) {
	s := strings.TrimSpace(text)
	switch {
	case s == "":
		return nil, 0, invalid("geo.empty")
	case s[0] == '{':
		return parseGeoJSON([]byte(s))
	case len(s) >= 10 && (strings.HasPrefix(s, "00") || strings.HasPrefix(s, "01")):
		b, err := hex.DecodeString(s)
		if err != nil {
			return nil, 0, invalid("geo.wkb").Because(err)
		}
		return parseWKB(b)
	}
	return parseWKT(s)
}

func invalid(key string, args ...any) *fault.Error { return fault.Say(fault.Invalid, key, args...) }

// parseWKT reads well-known text, also PostGIS's extended form. See ParseGeometry.
func parseWKT(s string) (orb.Geometry, CRS, error) {
	p := wktParser{s: s}
	g, crs, err := p.parse()
	if err != nil {
		return nil, 0, err
	}
	return g, crs, nil
}

type wktParser struct {
	s    string
	i    int
	dims int // 2, 3 or 4 numbers a vertex; 0 until the first vertex tells
}

func (p *wktParser) parse() (orb.Geometry, CRS, error) {
	crs := CRS(0)
	word := p.word()
	if word == "SRID" && p.eat('=') {
		p.space()
		start := p.i
		for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
			p.i++
		}
		n, err := strconv.ParseInt(p.s[start:p.i], 10, 32)
		if err != nil || !p.eat(';') {
			return nil, 0, p.bad()
		}
		crs, word = CRS(n), p.word()
	}
	switch w := p.word(); {
	case w == "EMPTY":
		return nil, 0, invalid("geo.empty")
	case w == "Z" || w == "M" || w == "ZM":
		if p.peekWord("EMPTY") {
			return nil, 0, invalid("geo.empty")
		}
	case w != "":
		return nil, 0, p.bad()
	}
	g, err := p.body(strings.TrimRight(word, "ZM"))
	if err != nil {
		return nil, 0, err
	}
	if p.space(); p.i != len(p.s) {
		return nil, 0, p.bad()
	}
	return g, crs, nil
}

func (p *wktParser) body(word string) (orb.Geometry, error) {
	switch word {
	case "POINT":
		ps, err := p.points(nil)
		if err == nil && len(ps) != 1 {
			err = p.bad()
		}
		if err != nil {
			return nil, err
		}
		return ps[0], nil
	case "LINESTRING":
		ps, err := p.points(nil)
		if err == nil {
			err = checkLine(ps)
		}
		return orb.LineString(ps), err
	case "MULTIPOINT":
		return p.multiPoint()
	case "MULTILINESTRING":
		var out orb.MultiLineString
		err := p.list(func() error {
			ps, err := p.points(nil)
			if err == nil {
				err = checkLine(ps)
			}
			out = append(out, ps)
			return err
		})
		return out, err
	case "POLYGON":
		return p.polygon()
	case "MULTIPOLYGON":
		var out orb.MultiPolygon
		err := p.list(func() error {
			g, err := p.polygon()
			out = append(out, g)
			return err
		})
		return out, err
	case "GEOMETRYCOLLECTION":
		return nil, invalid("geo.collection")
	}
	return nil, p.bad()
}

func (p *wktParser) multiPoint() (orb.Geometry, error) {
	var out orb.MultiPoint
	err := p.list(func() error {
		p.space()
		if p.i < len(p.s) && p.s[p.i] == '(' {
			ps, err := p.points(nil)
			if err == nil && len(ps) != 1 {
				err = p.bad()
			}
			out = append(out, ps...)
			return err
		}
		pt, err := p.vertex()
		out = append(out, pt)
		return err
	})
	return out, err
}

func (p *wktParser) polygon() (orb.Polygon, error) {
	var out orb.Polygon
	err := p.list(func() error {
		ps, err := p.points(nil)
		if err == nil {
			err = checkRing(ps)
		}
		out = append(out, ps)
		return err
	})
	return out, err
}

// list reads "( item, item… )".
func (p *wktParser) list(item func() error) error {
	if !p.eat('(') {
		if p.peekWord("EMPTY") {
			return invalid("geo.empty")
		}
		return p.bad()
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if p.eat(',') {
			continue
		}
		if p.eat(')') {
			return nil
		}
		return p.bad()
	}
}

func (p *wktParser) points(out []orb.Point) ([]orb.Point, error) {
	err := p.list(func() error {
		pt, err := p.vertex()
		out = append(out, pt)
		return err
	})
	return out, err
}

func (p *wktParser) vertex() (orb.Point, error) {
	var v [4]float64
	n := 0
	for {
		p.space()
		start := p.i
		for p.i < len(p.s) && strings.IndexByte(" \t\r\n,()", p.s[p.i]) < 0 {
			p.i++
		}
		if p.i == start {
			break
		}
		if n == 4 {
			return orb.Point{}, p.bad()
		}
		f, err := strconv.ParseFloat(p.s[start:p.i], 64)
		if err != nil {
			return orb.Point{}, p.bad()
		}
		v[n] = f
		n++
	}
	if p.dims == 0 {
		p.dims = n
	}
	if n < 2 || n != p.dims {
		return orb.Point{}, p.bad()
	}
	return orb.Point{v[0], v[1]}, checkFinite(v[0], v[1])
}

func (p *wktParser) space() {
	for p.i < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.i]) >= 0 {
		p.i++
	}
}

func (p *wktParser) eat(c byte) bool {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *wktParser) word() string {
	p.space()
	start := p.i
	for p.i < len(p.s) && (p.s[p.i]|0x20) >= 'a' && (p.s[p.i]|0x20) <= 'z' {
		p.i++
	}
	return strings.ToUpper(p.s[start:p.i])
}

func (p *wktParser) peekWord(w string) bool {
	at := p.i
	got := p.word()
	p.i = at
	return got == w
}

func (p *wktParser) bad() error { return invalid("geo.wkt", p.i+1) }

func checkFinite(x, y float64) error {
	if math.IsNaN(x-x) || math.IsNaN(y-y) {
		return invalid("geo.not_finite")
	}
	return nil
}

func checkLine(ps []orb.Point) error {
	if len(ps) < 2 {
		return invalid("geo.short_line")
	}
	return nil
}

func checkRing(ps []orb.Point) error {
	if len(ps) > 0 && ps[0] != ps[len(ps)-1] {
		return invalid("geo.unclosed")
	}
	if len(ps) < 4 {
		return invalid("geo.short_ring")
	}
	return nil
}

// parseWKB reads well-known binary: the ISO form, PostGIS's extended form with its SRID, and
// Z and M in either. See ParseGeometry.
func parseWKB(b []byte) (orb.Geometry, CRS, error) {
	p := wkbParser{b: b}
	g := p.geometry(0)
	if p.err == nil && len(p.b) != 0 {
		p.fail("geo.wkb")
	}
	if p.err != nil {
		return nil, 0, p.err
	}
	return g, p.crs, nil
}

type wkbParser struct {
	b     []byte
	order binary.ByteOrder
	dims  int
	crs   CRS
	err   error
}

func (p *wkbParser) fail(key string) {
	if p.err == nil {
		p.err = invalid(key)
	}
}

func (p *wkbParser) uint32() uint32 {
	if p.err != nil || len(p.b) < 4 {
		p.fail("geo.wkb")
		return 0
	}
	v := p.order.Uint32(p.b)
	p.b = p.b[4:]
	return v
}

// header reads byte order, type, dimensions and SRID; it returns the plain type, 1 to 7.
func (p *wkbParser) header() uint32 {
	if len(p.b) < 5 || p.b[0] > 1 {
		p.fail("geo.wkb")
		return 0
	}
	p.order = binary.ByteOrder(binary.LittleEndian)
	if p.b[0] == 0 {
		p.order = binary.BigEndian
	}
	p.b = p.b[1:]
	t := p.uint32()
	p.dims = 2
	if t&0x80000000 != 0 { // EWKB Z
		p.dims++
	}
	if t&0x40000000 != 0 { // EWKB M
		p.dims++
	}
	if t&0x20000000 != 0 {
		p.crs = CRS(p.uint32())
	}
	t &= 0x0fffffff
	switch t / 1000 { // ISO: 1000 Z, 2000 M, 3000 ZM
	case 1, 2:
		p.dims = 3
	case 3:
		p.dims = 4
	}
	return t % 1000
}

// geometry reads one geometry; want is the type a multi-geometry asks of its parts, 0 for any.
func (p *wkbParser) geometry(want uint32) orb.Geometry {
	t := p.header()
	if p.err != nil {
		return nil
	}
	if want != 0 && t != want {
		p.fail("geo.wkb")
		return nil
	}
	switch t {
	case 1:
		return p.vertex()
	case 2:
		ps := p.points()
		p.keep(checkLine(ps))
		return orb.LineString(ps)
	case 3:
		return p.polygon()
	case 4:
		out := make(orb.MultiPoint, 0, 4)
		for n := p.count(21); n > 0 && p.err == nil; n-- {
			pt, _ := p.geometry(1).(orb.Point)
			out = append(out, pt)
		}
		return out
	case 5:
		out := make(orb.MultiLineString, 0, 4)
		for n := p.count(9); n > 0 && p.err == nil; n-- {
			l, _ := p.geometry(2).(orb.LineString)
			out = append(out, l)
		}
		return out
	case 6:
		out := make(orb.MultiPolygon, 0, 4)
		for n := p.count(9); n > 0 && p.err == nil; n-- {
			g, _ := p.geometry(3).(orb.Polygon)
			out = append(out, g)
		}
		return out
	case 7:
		p.fail("geo.collection")
	default:
		p.fail("geo.wkb")
	}
	return nil
}

func (p *wkbParser) keep(err error) {
	if p.err == nil {
		p.err = err
	}
}

// count reads a number of items of at least size bytes each, so that a false count cannot
// ask for more memory than the text has.
func (p *wkbParser) count(size int) int {
	n := p.uint32()
	if p.err == nil && n == 0 {
		p.fail("geo.empty")
	}
	if p.err == nil && uint64(n)*uint64(size) > uint64(len(p.b)) {
		p.fail("geo.wkb")
	}
	if p.err != nil {
		return 0
	}
	return int(n)
}

func (p *wkbParser) vertex() orb.Point {
	if p.err != nil || len(p.b) < 8*p.dims {
		p.fail("geo.wkb")
		return orb.Point{}
	}
	x := math.Float64frombits(p.order.Uint64(p.b))
	y := math.Float64frombits(p.order.Uint64(p.b[8:]))
	p.b = p.b[8*p.dims:]
	p.keep(checkFinite(x, y)) // an empty point is written as NaN NaN
	return orb.Point{x, y}
}

func (p *wkbParser) points() []orb.Point {
	n := p.count(8 * p.dims)
	out := make([]orb.Point, 0, n)
	for ; n > 0 && p.err == nil; n-- {
		out = append(out, p.vertex())
	}
	return out
}

func (p *wkbParser) polygon() orb.Polygon {
	n := p.count(4)
	var out orb.Polygon
	for ; n > 0 && p.err == nil; n-- {
		ps := p.points()
		p.keep(checkRing(ps))
		out = append(out, ps)
	}
	return out
}

// parseGeoJSON reads a GeoJSON geometry object (RFC 7946), and the "crs" member that
// PostGIS and older software add. See ParseGeometry.
func parseGeoJSON(b []byte) (orb.Geometry, CRS, error) {
	var in struct {
		Type        string
		Coordinates json.RawMessage
		CRS         *jsonCRS
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return nil, 0, invalid("geo.json").Because(err)
	}
	crs, err := in.CRS.code()
	if err != nil {
		return nil, 0, err
	}
	p := jsonParser{b: in.Coordinates}
	var g orb.Geometry
	switch in.Type {
	case "Point":
		g = p.vertex()
	case "MultiPoint":
		g = orb.MultiPoint(p.points())
	case "LineString":
		ps := p.points()
		p.keep(checkLine(ps))
		g = orb.LineString(ps)
	case "MultiLineString":
		out := orb.MultiLineString{}
		p.list(func() {
			ps := p.points()
			p.keep(checkLine(ps))
			out = append(out, ps)
		})
		g = out
	case "Polygon":
		g = p.polygon()
	case "MultiPolygon":
		out := orb.MultiPolygon{}
		p.list(func() { out = append(out, p.polygon()) })
		g = out
	case "GeometryCollection":
		return nil, 0, invalid("geo.collection")
	default:
		return nil, 0, invalid("geo.json")
	}
	if p.space(); p.err == nil && p.i != len(p.b) {
		p.fail()
	}
	if p.err != nil {
		return nil, 0, p.err
	}
	return g, crs, nil
}

type jsonCRS struct{ Properties struct{ Name string } }

// code reads "EPSG:2154", "urn:ogc:def:crs:EPSG::2154" and CRS84.
func (c *jsonCRS) code() (CRS, error) {
	if c == nil || c.Properties.Name == "" {
		return WGS84, nil
	}
	name := c.Properties.Name
	last := name[strings.LastIndexByte(name, ':')+1:]
	if strings.EqualFold(last, "CRS84") {
		return WGS84, nil
	}
	n, err := strconv.ParseInt(last, 10, 32)
	if err != nil {
		return 0, invalid("geo.crs", name).Because(err)
	}
	return CRS(n), nil
}

// jsonParser reads nested arrays of numbers, already known to be valid JSON: the depth is
// fixed by the geometry's type, so nesting is bounded.
type jsonParser struct {
	b   []byte
	i   int
	err error
}

func (p *jsonParser) fail() { p.keep(invalid("geo.json")) }

func (p *jsonParser) keep(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *jsonParser) space() {
	for p.i < len(p.b) && (p.b[p.i] == ' ' || p.b[p.i] == '\n' || p.b[p.i] == '\t' || p.b[p.i] == '\r') {
		p.i++
	}
}

func (p *jsonParser) eat(c byte) bool {
	p.space()
	if p.i < len(p.b) && p.b[p.i] == c {
		p.i++
		return true
	}
	return false
}

// list reads "[item, item…]" of at least one item.
func (p *jsonParser) list(item func()) {
	if !p.eat('[') {
		p.fail()
		return
	}
	if p.eat(']') {
		p.keep(invalid("geo.empty"))
		return
	}
	for p.err == nil {
		item()
		if p.eat(',') {
			continue
		}
		if !p.eat(']') {
			p.fail()
		}
		return
	}
}

func (p *jsonParser) vertex() orb.Point {
	var v [2]float64
	n := 0
	p.list(func() {
		p.space()
		end := p.i + bytes.IndexAny(p.b[p.i:], ",] \t\r\n")
		if end < p.i {
			p.fail()
			return
		}
		f, err := strconv.ParseFloat(string(p.b[p.i:end]), 64)
		if err != nil {
			p.fail()
			return
		}
		if n < 2 {
			v[n] = f
		}
		n++
		p.i = end
	})
	if n < 2 && p.err == nil {
		p.fail()
	}
	p.keep(checkFinite(v[0], v[1]))
	return v
}

func (p *jsonParser) points() (out []orb.Point) {
	p.list(func() { out = append(out, p.vertex()) })
	return out
}

func (p *jsonParser) polygon() (out orb.Polygon) {
	p.list(func() {
		ps := p.points()
		p.keep(checkRing(ps))
		out = append(out, ps)
	})
	return out
}
