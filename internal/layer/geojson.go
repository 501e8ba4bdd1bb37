package layer

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"garrigue/internal/fault"
	"garrigue/internal/packed"
	"garrigue/internal/tabular"
)

// IsGeoJSON recognises a FeatureCollection by its first bytes or by its name.
func IsGeoJSON(head []byte, name string) bool {
	text := strings.TrimLeft(string(packed.MarkLess(head)), " \t\r\n")
	if !strings.HasPrefix(text, "{") {
		return false
	}
	return strings.Contains(text, `"FeatureCollection"`) || strings.HasSuffix(strings.ToLower(strings.TrimSuffix(name, ".gz")), ".geojson")
}

// GeoJSON is one reading of a FeatureCollection (RFC 7946, and the crs member of before it).
// A row's Raw is the feature as written; its Line is the number of the feature.
type GeoJSON struct {
	name    string
	columns *columns
	header  []string
	srid    int
	crs     string // as written
	id      int    // column of the features' own identifier, -1 without
	in      *packed.Stream
	walk    *collection
	fields  []string
	number  int
}

// OpenGeoJSON reads the whole collection once for the names of its columns, then begins again.
// Errors: Invalid, with a sentence, for what is no FeatureCollection, one without features, or
// in a system we cannot read.
func OpenGeoJSON(open Opener, name string) (*GeoJSON, error) {
	g := &GeoJSON{name: name, columns: newColumns(), id: -1}
	in, err := open()
	if err != nil {
		return nil, err
	}
	features := 0
	var p feature
	err = walkCollection(in, name, func(c *collection) error {
		for {
			raw, err := c.next()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			features++
			if err := p.read(raw); err != nil {
				continue // told with its row
			}
			for _, m := range p.properties {
				if _, err := g.columns.add(m.key, name); err != nil {
					return err
				}
			}
			if p.id != "" {
				g.id = 0
			}
		}
	}, &g.crs)
	if err != nil {
		return nil, err
	}
	if features == 0 {
		return nil, fault.Say(fault.Invalid, "layer.no_features", name)
	}
	if g.srid = 4326; g.crs != "" {
		g.srid, _ = namedSystem(g.crs)
		if err := checkSystem(g.srid, g.crs, name); err != nil {
			return nil, err
		}
	}
	if g.id == 0 {
		if g.id, err = g.columns.add("id", name); err != nil {
			return nil, err
		}
	}
	g.header = g.columns.header()
	if g.in, err = open(); err != nil {
		return nil, err
	}
	g.walk = newCollection(g.in, name)
	return g, g.walk.start(nil)
}

// Header returns the names of the columns.
func (g *GeoJSON) Header() []string { return g.header }

// Next returns the next feature.
func (g *GeoJSON) Next() (tabular.Row, error) {
	raw, err := g.walk.next()
	if err != nil {
		return tabular.Row{}, err
	}
	g.number++
	row := tabular.Row{Line: g.number, Damaged: !utf8.Valid(raw)}
	row.Raw, _ = packed.Sound(string(raw))
	g.fields = g.fields[:0]
	for range g.header {
		g.fields = append(g.fields, "")
	}
	row.Fields = g.fields
	var p feature
	if err := p.read(raw); err != nil {
		row.Fields = g.fields[:0] // no feature: a row too short, refused by the caller
		return row, nil
	}
	if g.id >= 0 && p.id != "" {
		g.fields[g.id] = p.id
	}
	for _, m := range p.properties {
		i, ok := g.columns.at[m.key]
		if !ok {
			continue
		}
		v, damaged := packed.Sound(valueText(m.value))
		if len(v) > maxField {
			return row, fault.Say(fault.Invalid, "tabular.field", g.name, g.number, maxField>>10)
		}
		g.fields[i], row.Damaged = v, row.Damaged || damaged
	}
	g.fields[len(g.fields)-1] = geometryText(p.geometry, g.srid)
	return row, nil
}

// Offset returns how much of Size was read.
func (g *GeoJSON) Offset() int64 { return g.in.Offset() }

// Size returns what Offset is at the end.
func (g *GeoJSON) Size() int64 { return g.in.Size() }

// Layout tells the system as the file names it.
func (g *GeoJSON) Layout() tabular.Layout {
	return tabular.Layout{Kind: "geojson", Header: g.header, Geometry: Geometry, Projection: g.crs}
}

// collection walks a FeatureCollection, whatever the order of its members.
type collection struct {
	name  string
	meter *meter
	d     *json.Decoder
	done  bool // the features are at their end
}

func newCollection(r io.Reader, name string) *collection {
	c := &collection{name: name, meter: &meter{r: r, limit: maxFeature, err: fault.Say(fault.Invalid, "layer.feature_long", name, maxFeature>>20)}}
	c.d = json.NewDecoder(&markLess{r: c.meter})
	return c
}

// markLess drops a byte order mark.
type markLess struct {
	r     io.Reader
	begun bool
}

func (m *markLess) Read(p []byte) (int, error) {
	if m.begun {
		return m.r.Read(p)
	}
	m.begun = true
	var head [3]byte
	n, err := io.ReadFull(m.r, head[:])
	if err == io.ErrUnexpectedEOF {
		err = nil
	}
	return copy(p, packed.MarkLess(head[:n])), err
}

// walkCollection goes through a whole collection; features is called where they are.
func walkCollection(r io.Reader, name string, features func(*collection) error, crs *string) error {
	c := newCollection(r, name)
	if err := c.start(crs); err != nil {
		return err
	}
	if err := features(c); err != nil {
		return err
	}
	for c.d.More() {
		key, err := c.token()
		if err != nil {
			return err
		}
		if err := c.member(key, crs); err != nil {
			return err
		}
	}
	_, err := c.token()
	return err
}

// start goes to the first feature.
func (c *collection) start(crs *string) error {
	t, err := c.token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return fault.Say(fault.Invalid, "layer.not_collection", c.name)
	}
	for c.d.More() {
		key, err := c.token()
		if err != nil {
			return err
		}
		if key == "features" {
			t, err := c.token()
			if err == nil && t != json.Delim('[') {
				err = fault.Say(fault.Invalid, "layer.not_collection", c.name)
			}
			return err
		}
		if err := c.member(key, crs); err != nil {
			return err
		}
	}
	return fault.Say(fault.Invalid, "layer.not_collection", c.name)
}

// member reads a member of the collection that is not its features.
func (c *collection) member(key json.Token, crs *string) error {
	c.meter.n = 0
	var raw json.RawMessage
	if err := c.d.Decode(&raw); err != nil {
		return c.fail(err)
	}
	if key == "crs" && crs != nil && string(raw) != "null" {
		var v struct{ Properties struct{ Name string } }
		if err := json.Unmarshal(raw, &v); err != nil || v.Properties.Name == "" {
			return fault.Say(fault.Invalid, "layer.projection", c.name, "crs")
		}
		*crs = v.Properties.Name
	}
	return nil
}

func (c *collection) token() (json.Token, error) {
	c.meter.n = 0
	t, err := c.d.Token()
	if err != nil {
		return nil, c.fail(err)
	}
	return t, nil
}

func (c *collection) fail(err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	return fault.Say(fault.Invalid, "layer.json", c.name).Because(err)
}

// next returns the text of the next feature, io.EOF after the last.
func (c *collection) next() (json.RawMessage, error) {
	if c.done {
		return nil, io.EOF
	}
	c.meter.n = 0
	if !c.d.More() {
		if t, err := c.token(); err != nil {
			return nil, err
		} else if t != json.Delim(']') {
			return nil, c.fail(errors.New("features do not end"))
		}
		c.done = true
		return nil, io.EOF
	}
	var raw json.RawMessage
	if err := c.d.Decode(&raw); err != nil {
		return nil, c.fail(err)
	}
	if len(raw) > maxFeature {
		return nil, c.meter.err
	}
	return raw, nil
}

// feature is one feature, its properties in their order.
type feature struct {
	id         string
	properties []member
	geometry   json.RawMessage
}

type member struct {
	key   string
	value json.RawMessage
}

var errNoFeature = errors.New("no feature")

func (f *feature) read(raw json.RawMessage) error {
	*f = feature{properties: f.properties[:0]}
	members, err := membersOf(raw, nil)
	if err != nil {
		return err
	}
	kind := false
	for _, m := range members {
		switch m.key {
		case "type":
			kind = string(m.value) == `"Feature"`
		case "id":
			f.id = valueText(m.value)
		case "geometry":
			f.geometry = m.value
		case "properties":
			if string(m.value) == "null" {
				continue
			}
			if f.properties, err = membersOf(m.value, f.properties); err != nil {
				return err
			}
		}
	}
	if !kind {
		return errNoFeature
	}
	return nil
}

// membersOf returns the members of an object in their order.
func membersOf(raw json.RawMessage, out []member) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return out, errNoFeature
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return out, err
		}
		key, _ := t.(string) // the key of an object always is
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return out, err
		}
		out = append(out, member{key, v})
	}
	return out, nil
}

// valueText writes a value as a field: texts and figures as they are, nothing for null, lists
// and objects as JSON.
func valueText(v json.RawMessage) string {
	switch {
	case len(v) == 0 || string(v) == "null":
		return ""
	case v[0] == '"':
		var s string
		if json.Unmarshal(v, &s) == nil {
			return s
		}
	case v[0] == '{' || v[0] == '[':
		var b bytes.Buffer
		if json.Compact(&b, v) == nil {
			return b.String()
		}
	}
	return string(v)
}

// depths of the coordinates by type: how many lists are around a position.
func coordinateDepth(kind string) int {
	switch kind {
	case "Point":
		return 0
	case "MultiPoint", "LineString":
		return 1
	case "Polygon", "MultiLineString":
		return 2
	case "MultiPolygon":
		return 3
	}
	return -1
}

// geometryText writes a GeoJSON geometry as EWKT; one that cannot be is given as it stands.
func geometryText(raw json.RawMessage, srid int) string {
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	var in struct {
		Type        string
		Coordinates json.RawMessage
	}
	depth := -1
	if json.Unmarshal(raw, &in) == nil {
		depth = coordinateDepth(in.Type)
	}
	if depth >= 0 {
		p := positions{b: in.Coordinates}
		if p.list(depth, in.Type == "MultiPoint"); !p.bad && p.dims > 0 {
			return prefix(srid) + strings.ToUpper(in.Type) + [...]string{"", " Z ", " ZM "}[p.dims-2] + string(p.out)
		}
		if p.empty {
			return prefix(srid) + strings.ToUpper(in.Type) + " EMPTY"
		}
	}
	return valueText(raw)
}

// positions turns the lists of coordinates into those of WKT.
type positions struct {
	b     []byte
	i     int
	out   []byte
	dims  int
	bad   bool
	empty bool // there are no coordinates at all
}

func (p *positions) space() {
	for p.i < len(p.b) && (p.b[p.i] == ' ' || p.b[p.i] == '\n' || p.b[p.i] == '\t' || p.b[p.i] == '\r') {
		p.i++
	}
}

func (p *positions) eat(c byte) bool {
	p.space()
	if p.i < len(p.b) && p.b[p.i] == c {
		p.i++
		return true
	}
	return false
}

// list writes "(…)" around what is depth lists within; each position of a group of points has
// its own.
func (p *positions) list(depth int, points bool) {
	if depth == 0 {
		p.out = append(p.out, '(')
		p.position()
		p.out = append(p.out, ')')
		return
	}
	if !p.eat('[') {
		p.bad = true
		return
	}
	if p.eat(']') {
		p.bad, p.empty = true, len(p.out) == 0
		return
	}
	p.out = append(p.out, '(')
	for !p.bad {
		if depth == 1 && !points {
			p.position()
		} else {
			p.list(depth-1, points)
		}
		if p.eat(',') {
			p.out = append(p.out, ',')
			continue
		}
		p.bad = p.bad || !p.eat(']')
		break
	}
	p.out = append(p.out, ')')
}

func (p *positions) position() {
	if !p.eat('[') {
		p.bad = true
		return
	}
	if p.eat(']') {
		p.bad, p.empty = true, len(p.out) == 1
		return
	}
	n := 0
	for ; !p.bad; n++ {
		p.space()
		start := p.i
		for p.i < len(p.b) && strings.IndexByte("+-.0123456789eE", p.b[p.i]) >= 0 {
			p.i++
		}
		if p.i == start {
			p.bad = true
			return
		}
		if n > 0 {
			p.out = append(p.out, ' ')
		}
		p.out = append(p.out, p.b[start:p.i]...)
		if p.eat(',') {
			continue
		}
		p.bad = !p.eat(']')
		n++
		break
	}
	if p.dims == 0 {
		p.dims = n
	}
	if n != p.dims || n < 2 || n > 4 {
		p.bad = true
	}
}
