package layer

import (
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/packed"
	"garrigue/internal/tabular"
)

// IsGML recognises GML by the first bytes of a document.
func IsGML(head []byte) bool {
	text := strings.TrimLeft(string(packed.MarkLess(head)), " \t\r\n")
	return strings.HasPrefix(text, "<") && strings.Contains(text, "opengis.net/gml")
}

// GML is one reading of the features of a GML document: those of a WFS, or the observations
// of the SINP's exchange format (SujetObservation of the standard Occurrences de taxons). The
// elements of a feature are flattened: a column bears the name of the innermost element, as
// the standard's attributes do in a table. A row's Line is the number of the feature.
type GML struct {
	name    string
	columns *columns
	header  []string
	srid    int // of the first geometry, for people
	walk    *gmlWalk
	in      *packed.Stream
	number  int
	fields  []string
}

// OpenGML reads the whole document once for the names of its columns, then begins again.
// Errors: Invalid, with a sentence.
func OpenGML(open Opener, name string) (*GML, error) {
	g := &GML{name: name, columns: newColumns()}
	in, err := open()
	if err != nil {
		return nil, err
	}
	w := newWalk(in, name)
	features := 0
	for {
		f, err := w.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		features++
		for _, v := range f.values {
			if _, err := g.columns.add(v.column, name); err != nil {
				return nil, err
			}
		}
	}
	if features == 0 {
		return nil, fault.Say(fault.Invalid, "layer.no_features", name)
	}
	g.srid = w.srid
	g.header = g.columns.header()
	g.firstVersion()
	if g.in, err = open(); err != nil {
		return nil, err
	}
	g.walk = newWalk(g.in, name)
	return g, nil
}

// firstVersion gives the dates of the drafts of the standard's first version the names that
// its text gave them (1.2.1: jourDateDebut, jourDateFin).
func (g *GML) firstVersion() {
	if _, first := g.columns.at["identifiantPermanent"]; !first {
		return
	}
	for from, to := range map[string]string{"dateDebut": "jourDateDebut", "dateFin": "jourDateFin", "heureDebut": "heureDateDebut", "heureFin": "heureDateFin"} {
		i, has := g.columns.at[from]
		if _, other := g.columns.at[to]; has && !other {
			g.header[i] = to
		}
	}
}

// Header returns the names of the columns.
func (g *GML) Header() []string { return g.header }

// Offset returns how much of Size was read.
func (g *GML) Offset() int64 { return g.in.Offset() }

// Size returns what Offset is at the end.
func (g *GML) Size() int64 { return g.in.Size() }

// Layout tells the columns.
func (g *GML) Layout() tabular.Layout {
	l := tabular.Layout{Kind: "gml", Header: g.header, Geometry: Geometry}
	if g.srid > 0 {
		l.Projection = "EPSG:" + strconv.Itoa(g.srid)
	}
	return l
}

// Next returns the next feature.
func (g *GML) Next() (tabular.Row, error) {
	f, err := g.walk.next()
	if err != nil {
		return tabular.Row{}, err
	}
	g.number++
	row := tabular.Row{Line: g.number}
	g.fields = g.fields[:0]
	for range g.header {
		g.fields = append(g.fields, "")
	}
	for _, v := range f.values {
		i, ok := g.columns.at[v.column]
		if !ok {
			continue
		}
		text, damaged := packed.Sound(v.text)
		row.Damaged = row.Damaged || damaged
		if g.fields[i] != "" && text != "" { // several observers, several communes
			text = g.fields[i] + ", " + text
		}
		if text != "" {
			g.fields[i] = text
		}
		if len(text) > maxField {
			return row, fault.Say(fault.Invalid, "tabular.field", g.name, g.number, maxField>>10)
		}
	}
	g.fields[len(g.fields)-1] = f.geometry
	row.Fields, row.Raw = g.fields, tabular.Line(g.fields, ',')
	return row, nil
}

// gmlFeature is one feature, flattened.
type gmlFeature struct {
	values   []gmlValue
	geometry string
	size     int
}

type gmlValue struct{ column, text string }

// gmlWalk goes from feature to feature.
type gmlWalk struct {
	name   string
	d      *packed.XML
	spaces map[string]bool // prefixes of GML
	member int             // depth of the element whose children are features, 0 outside
	srid   int             // of the first geometry that named one
	path   []string        // elements open within the feature
}

func newWalk(r io.Reader, name string) *gmlWalk {
	return &gmlWalk{name: name, d: packed.NewXML(r, name), spaces: map[string]bool{"gml": true}}
}

func (w *gmlWalk) declare(e xml.StartElement) {
	for _, a := range e.Attr {
		if a.Name.Space == "xmlns" && strings.Contains(a.Value, "opengis.net/gml") && len(w.spaces) < 100 {
			w.spaces[a.Name.Local] = true
		}
		if a.Name.Space == "" && a.Name.Local == "xmlns" {
			w.spaces[""] = strings.Contains(a.Value, "opengis.net/gml")
		}
	}
}

// next returns the next feature, io.EOF after the last.
func (w *gmlWalk) next() (*gmlFeature, error) {
	for {
		t, err := w.d.Next()
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.EndElement:
			if w.d.Depth() < w.member {
				w.member = 0
			}
		case xml.StartElement:
			w.declare(t)
			switch local := t.Name.Local; {
			case local == "featureMember" || local == "featureMembers" || local == "member" || local == "members":
				w.member = w.d.Depth()
			case local == "Member" || strings.HasSuffix(local, "Collection"):
			case local == "boundedBy":
				if err := w.d.Skip(); err != nil {
					return nil, err
				}
			case local == "SujetObservation" || w.member > 0:
				return w.feature(t)
			}
		}
	}
}

func (w *gmlWalk) feature(e xml.StartElement) (*gmlFeature, error) {
	f := &gmlFeature{}
	if id := packed.Attr(e, "id"); id != "" {
		f.values = append(f.values, gmlValue{"gml_id", id})
	} else if id := packed.Attr(e, "fid"); id != "" {
		f.values = append(f.values, gmlValue{"gml_id", id})
	}
	w.path = append(w.path[:0], e.Name.Local)
	_, _, err := w.element(f)
	return f, err
}

// element reads the content of the element whose start was the last token: its own text, and
// whether it has elements in it, which are read into f.
func (w *gmlWalk) element(f *gmlFeature) (text string, nested bool, err error) {
	var b strings.Builder
	start := len(f.values)
	for want := w.d.Depth() - 1; w.d.Depth() > want; {
		t, err := w.d.Next()
		if err != nil {
			return "", false, truncated(err)
		}
		switch t := t.(type) {
		case xml.CharData:
			if !nested {
				b.Write(t)
			}
			if f.size += len(t); f.size > maxFeature {
				return "", false, fault.Say(fault.Invalid, "layer.feature_long", w.name, maxFeature>>20)
			}
		case xml.StartElement:
			nested = true
			if err := w.child(f, t); err != nil {
				return "", false, err
			}
		}
	}
	if strings.HasPrefix(w.path[len(w.path)-1], "AttributAdditionnel") || w.path[len(w.path)-1] == "AttributAdditionel" {
		f.values = append(f.values[:start], additional(f.values[start:])...)
	}
	return strings.TrimSpace(b.String()), nested, nil
}

func truncated(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (w *gmlWalk) child(f *gmlFeature, e xml.StartElement) error {
	w.declare(e)
	local := e.Name.Local
	if local == "boundedBy" {
		return w.d.Skip()
	}
	if w.spaces[e.Name.Space] && isShape(local) {
		s := gmlShape{w: w, f: f}
		text, err := s.read(e)
		if err == nil && f.geometry == "" {
			f.geometry = text
		}
		return err
	}
	href := packed.Attr(e, "href")
	if len(f.values) > 4*maxColumns {
		return fault.Say(fault.Invalid, "layer.columns", w.name, maxColumns)
	}
	w.path = append(w.path, local)
	text, nested, err := w.element(f)
	w.path = w.path[:len(w.path)-1]
	if err != nil || nested {
		return err
	}
	if text == "" {
		text = href
	}
	f.values = append(f.values, gmlValue{w.column(local), text})
	return nil
}

// column names the column of a leaf. Persons have the same elements whoever they are: their
// names are those of the standard's table (observateurIdentite…).
func (w *gmlWalk) column(local string) string {
	n := len(w.path)
	if n < 2 || w.path[n-1] != "PersonneType" {
		return local
	}
	switch who := w.path[n-2]; local {
	case "identite":
		return who + "Identite"
	case "organisme", "nomOrganisme":
		return who + "NomOrganisme"
	default:
		return who + strings.ToUpper(local[:1]) + local[1:]
	}
}

// additional makes one column of an additional attribute, named after it.
func additional(values []gmlValue) []gmlValue {
	var name, value, unit string
	for _, v := range values {
		switch v.column {
		case "nomAttribut":
			name = v.text
		case "valeurAttribut":
			value = v.text
		case "uniteAttribut":
			unit = v.text
		}
	}
	if name == "" || value == "" {
		return nil
	}
	if unit != "" {
		value += " " + unit
	}
	return []gmlValue{{"attribut_" + name, value}}
}

// isShape tells the elements that are geometries.
func isShape(local string) bool { return shapeKind(local) != "" || local == "GeometryCollection" }

func shapeKind(local string) string {
	switch local {
	case "Point", "MultiPoint", "Polygon", "MultiPolygon", "LineString", "MultiLineString":
		return strings.ToUpper(local)
	case "Curve":
		return "LINESTRING"
	case "Surface":
		return "POLYGON"
	case "MultiCurve":
		return "MULTILINESTRING"
	case "MultiSurface", "CompositeSurface":
		return "MULTIPOLYGON"
	}
	return ""
}

// gmlShape reads one geometry.
type gmlShape struct {
	w        *gmlWalk
	f        *gmlFeature
	srid     int
	latFirst bool
	dims     int
}

var errShape = errors.New("a geometry")

// read returns the geometry as EWKT; one it does not know is given by its name, which no
// reader of geometries takes.
func (s *gmlShape) read(e xml.StartElement) (string, error) {
	if err := s.system(e); err != nil {
		return "", err
	}
	depth := s.w.d.Depth()
	body, err := s.shape(e)
	if errors.Is(err, errShape) {
		for s.w.d.Depth() >= depth {
			if _, err := s.w.d.Next(); err != nil {
				return "", truncated(err)
			}
		}
		return "gml:" + e.Name.Local, nil
	}
	if err != nil {
		return "", err
	}
	kind := shapeKind(e.Name.Local)
	if kind == "POLYGON" && e.Name.Local == "Surface" && strings.HasPrefix(body, "(((") {
		kind = "MULTIPOLYGON"
	}
	return prefix(s.srid) + kind + body, nil
}

// system takes the system that an element names.
func (s *gmlShape) system(e xml.StartElement) error {
	if d, err := strconv.Atoi(packed.Attr(e, "srsDimension")); err == nil && (d == 2 || d == 3) {
		s.dims = d
	}
	name := packed.Attr(e, "srsName")
	if name == "" {
		return nil
	}
	s.srid, s.latFirst = namedSystem(name)
	if s.w.srid == 0 {
		s.w.srid = s.srid
	}
	return checkSystem(s.srid, name, s.w.name)
}

// shape reads the body of a geometry whose start was the last token.
func (s *gmlShape) shape(e xml.StartElement) (string, error) {
	switch e.Name.Local {
	case "Point":
		ps, err := s.points()
		if err != nil || len(ps) != 1 {
			return "", failed(err)
		}
		return "(" + ps[0] + ")", nil
	case "LineString", "LineStringSegment", "LinearRing", "Curve":
		ps, err := s.points()
		if err != nil || len(ps) == 0 {
			return "", failed(err)
		}
		return "(" + strings.Join(ps, ",") + ")", nil
	case "Ring": // its curves follow each other
		ps, err := s.points()
		if err != nil || len(ps) == 0 {
			return "", failed(err)
		}
		return "(" + strings.Join(ps, ",") + ")", nil
	case "Polygon", "PolygonPatch", "Rectangle":
		return s.list("LinearRing", "Ring")
	case "Surface":
		body, err := s.list("PolygonPatch", "Rectangle")
		if err == nil && strings.Count(body, "((") == 1 {
			body = body[1 : len(body)-1] // one patch is a polygon
		}
		return body, err
	case "MultiPoint":
		return s.list("Point")
	case "MultiLineString", "MultiCurve":
		return s.list("LineString", "Curve")
	case "MultiPolygon", "MultiSurface", "CompositeSurface":
		return s.list("Polygon", "PolygonPatch")
	}
	return "", errShape
}

func failed(err error) error {
	if err == nil {
		return errShape
	}
	return err
}

// list reads the parts of these names, wherever they are within the element.
func (s *gmlShape) list(names ...string) (string, error) {
	var parts []string
	for want := s.w.d.Depth() - 1; s.w.d.Depth() > want; {
		t, err := s.w.d.Next()
		if err != nil {
			return "", truncated(err)
		}
		e, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		if err := s.system(e); err != nil {
			return "", err
		}
		part := false
		for _, n := range names {
			part = part || n == e.Name.Local
		}
		if !part {
			if isShape(e.Name.Local) && e.Name.Local != "Surface" && e.Name.Local != "CompositeSurface" {
				return "", errShape
			}
			continue
		}
		body, err := s.shape(e)
		if err != nil {
			return "", err
		}
		parts = append(parts, body)
	}
	if len(parts) == 0 {
		return "", errShape
	}
	return "(" + strings.Join(parts, ",") + ")", nil
}

// points reads the positions within the element whose start was the last token; a point that
// only closes one curve and begins the next is given once.
func (s *gmlShape) points() ([]string, error) {
	var out []string
	add := func(ps []string) {
		for _, p := range ps {
			if len(out) == 0 || out[len(out)-1] != p {
				out = append(out, p)
			}
		}
	}
	for want := s.w.d.Depth() - 1; s.w.d.Depth() > want; {
		t, err := s.w.d.Next()
		if err != nil {
			return nil, truncated(err)
		}
		e, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		if err := s.system(e); err != nil {
			return nil, err
		}
		switch e.Name.Local {
		case "pos", "posList", "coordinates":
			text, err := s.w.d.Text(maxFeature)
			if err != nil {
				return nil, err
			}
			ps, ok := s.positions(e, text)
			if !ok {
				return nil, errShape
			}
			if s.f.size += len(text); s.f.size > maxFeature {
				return nil, fault.Say(fault.Invalid, "layer.feature_long", s.w.name, maxFeature>>20)
			}
			add(ps)
		case "coord":
			text, err := s.coord()
			if err != nil {
				return nil, err
			}
			add([]string{text})
		case "Arc", "ArcString", "Circle", "CubicSpline", "Bezier", "ArcByCenterPoint", "CircleByCenterPoint":
			return nil, errShape
		}
	}
	return out, nil
}

// coord reads the X and Y elements of GML 2.
func (s *gmlShape) coord() (string, error) {
	var x, y string
	for want := s.w.d.Depth() - 1; s.w.d.Depth() > want; {
		t, err := s.w.d.Next()
		if err != nil {
			return "", truncated(err)
		}
		if e, ok := t.(xml.StartElement); ok {
			text, err := s.w.d.Text(100)
			if err != nil {
				return "", err
			}
			switch e.Name.Local {
			case "X":
				x = strings.TrimSpace(text)
			case "Y":
				y = strings.TrimSpace(text)
			}
		}
	}
	return s.position(x, y)
}

// positions cuts the text of pos, posList (figures apart by spaces) or coordinates (whose
// separators it names).
func (s *gmlShape) positions(e xml.StartElement, text string) (out []string, ok bool) {
	if e.Name.Local == "coordinates" {
		cs, ts, decimal := attrOr(e, "cs", ","), attrOr(e, "ts", " "), attrOr(e, "decimal", ".")
		for _, tuple := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(ts+"\n\t\r ", r) && !strings.ContainsRune(cs, r) }) {
			v := strings.Split(tuple, cs)
			if decimal != "." {
				for i := range v {
					v[i] = strings.ReplaceAll(v[i], decimal, ".")
				}
			}
			if len(v) < 2 {
				return nil, false
			}
			p, err := s.position(v[0], v[1])
			if err != nil {
				return nil, false
			}
			out = append(out, p)
		}
		return out, len(out) > 0
	}
	v := strings.Fields(text)
	dims := max(s.dims, 2)
	if e.Name.Local == "pos" {
		dims = len(v)
	}
	if dims < 2 || dims > 3 || len(v) == 0 || len(v)%dims != 0 {
		return nil, false
	}
	for i := 0; i < len(v); i += dims {
		p, err := s.position(v[i], v[i+1])
		if err != nil {
			return nil, false
		}
		out = append(out, p)
	}
	return out, true
}

func attrOr(e xml.StartElement, name, otherwise string) string {
	if v := packed.Attr(e, name); v != "" {
		return v
	}
	return otherwise
}

// position writes "x y": longitude first, whatever the order the system's writing asks for.
func (s *gmlShape) position(a, b string) (string, error) {
	for _, v := range [...]string{a, b} {
		if _, err := strconv.ParseFloat(v, 64); err != nil {
			return "", errShape
		}
	}
	if s.latFirst {
		a, b = b, a
	}
	return a + " " + b, nil
}
