package layer

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"path"
	"strings"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"

	"garrigue/internal/fault"
	"garrigue/internal/packed"
	"garrigue/internal/tabular"
)

// maxRings is the most rings of a polygon: each hole is looked for in each outer ring.
const maxRings = 20_000

// Parts are the files of one Shapefile; Prj and Cpg may be nil.
type Parts struct {
	Name               string // of the layer
	Shp, Dbf, Prj, Cpg Opener
}

// IsShapefile recognises the main file of a Shapefile.
func IsShapefile(head []byte) bool {
	return len(head) >= 36 && binary.BigEndian.Uint32(head) == 9994 && binary.LittleEndian.Uint32(head[28:]) == 1000
}

// ShapefileIn finds the Shapefiles of an archive and returns the parts of the one named, the
// first when table is "", with the names of the others. Errors: NotFound for a layer it does
// not have; Invalid when a part is missing.
func ShapefileIn(a *packed.Archive, table, name string) (Parts, []string, error) {
	var names, others []string
	chosen := ""
	for _, shp := range a.Find(".shp") {
		stem := strings.TrimSuffix(path.Base(shp), path.Ext(shp))
		names = append(names, stem)
		if chosen == "" && (table == "" || strings.EqualFold(table, stem)) {
			chosen = shp
			continue
		}
		others = append(others, stem)
	}
	if chosen == "" {
		return Parts{}, nil, fault.Say(fault.NotFound, "layer.no_layer", name, table, strings.Join(names, ", "))
	}
	part := func(ext string) Opener {
		want := strings.TrimSuffix(chosen, path.Ext(chosen)) + ext
		for _, n := range a.Find(ext) {
			if strings.EqualFold(n, want) {
				return func() (*packed.Stream, error) { return a.Entry(n) }
			}
		}
		return nil
	}
	p := Parts{Name: strings.TrimSuffix(path.Base(chosen), path.Ext(chosen)), Shp: part(".shp"), Dbf: part(".dbf"), Prj: part(".prj"), Cpg: part(".cpg")}
	return p, others, nil
}

// Shapefile is one reading of a Shapefile. Records its producer deleted are passed over; a
// row's Line is the number of its record.
type Shapefile struct {
	name   string
	layout tabular.Layout
	header []string
	srid   int
	shp    *packed.Stream
	t      *dbf
	fields []string
	number int
	done   bool // the shapes are at their end
	buf    []byte
}

// OpenShapefile reads what describes a Shapefile. Errors: Invalid, with a sentence, when a
// part is missing or damaged, or its system is none we know.
func OpenShapefile(p Parts, name string) (_ *Shapefile, err error) {
	if p.Dbf == nil {
		return nil, fault.Say(fault.Invalid, "layer.no_dbf", name, p.Name)
	}
	s := &Shapefile{name: name}
	prj, err := small(p.Prj)
	if err != nil {
		return nil, err
	}
	if prj = strings.TrimSpace(prj); prj != "" {
		s.srid = SystemOf(prj)
		if err := checkSystem(s.srid, systemTitle(prj), name); err != nil {
			return nil, err
		}
	}
	cpg, err := small(p.Cpg)
	if err != nil {
		return nil, err
	}
	decode, enc, err := dbfEncoding(p.Dbf, cpg, name)
	if err != nil {
		return nil, err
	}
	if s.t, err = openDBF(p.Dbf, name); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	s.t.decode = decode
	c := newColumns()
	s.layout = tabular.Layout{Kind: "shapefile", Table: p.Name, Encoding: enc, Geometry: Geometry, Projection: prj}
	for i := range s.t.fields {
		f := &s.t.fields[i]
		title, _ := s.t.text(f.name)
		before := len(c.names)
		if _, err := c.add(title, name); err != nil {
			return nil, err
		}
		if len(c.names) == before { // the same name twice
			if _, err := c.add(title+" ("+string(f.typeText())+")", name); err != nil {
				return nil, err
			}
		}
		s.layout.Types = append(s.layout.Types, f.typeText())
	}
	s.header = c.header()
	if len(s.header) != len(s.t.fields)+1 {
		return nil, s.t.fail(errDBF)
	}
	s.layout.Header = s.header
	if s.t.count == 0 {
		return nil, fault.Say(fault.Invalid, "layer.no_features", name)
	}
	if s.shp, err = p.Shp(); err != nil {
		return nil, err
	}
	var head [100]byte
	if _, err := io.ReadFull(s.shp, head[:]); err != nil || !IsShapefile(head[:]) {
		return nil, s.broken(err)
	}
	return s, nil
}

func (s *Shapefile) broken(err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	return fault.Say(fault.Invalid, "layer.shp", s.name).Because(err)
}

// small reads a part of a few lines, "" when there is none.
func small(open Opener) (string, error) {
	if open == nil {
		return "", nil
	}
	in, err := open()
	if err != nil {
		return "", err
	}
	defer in.Close()
	b, err := io.ReadAll(io.LimitReader(in, 64<<10))
	return string(packed.MarkLess(b)), err
}

// systemTitle is how a system calls itself, for a sentence.
func systemTitle(wkt string) string {
	if n := parseSystem(wkt); n != nil && n.value != "" {
		return n.value
	}
	return "?"
}

// Header returns the names of the columns.
func (s *Shapefile) Header() []string { return s.header }

// Layout tells the layer, its encoding and the types of its columns.
func (s *Shapefile) Layout() tabular.Layout { return s.layout }

// Offset returns how much of Size was read.
func (s *Shapefile) Offset() int64 { return s.t.in.Offset() }

// Size returns what Offset is at the end.
func (s *Shapefile) Size() int64 { return s.t.in.Size() }

// Close gives back the files it reads. It may be called twice.
func (s *Shapefile) Close() error {
	err := s.t.in.Close()
	if s.shp == nil {
		return err
	}
	if other := s.shp.Close(); err == nil {
		err = other
	}
	return err
}

// Next returns the next record.
func (s *Shapefile) Next() (tabular.Row, error) {
	for {
		deleted, err := s.t.next()
		if err != nil {
			return tabular.Row{}, err
		}
		s.number++
		g, err := s.shape()
		if err != nil {
			return tabular.Row{}, err
		}
		if deleted {
			continue
		}
		row := tabular.Row{Line: s.number}
		s.fields, row.Damaged = s.t.values(s.fields[:0])
		s.fields = append(s.fields, g)
		row.Fields, row.Raw = s.fields, tabular.Line(s.fields, ',')
		return row, nil
	}
}

// shape reads the next shape as EWKT, "" for a null one and past the last.
func (s *Shapefile) shape() (string, error) {
	if s.done {
		return "", nil
	}
	var head [8]byte
	if _, err := io.ReadFull(s.shp, head[:]); err == io.EOF {
		s.done = true
		return "", nil
	} else if err != nil {
		return "", s.broken(err)
	}
	// Shapes lie in the order of records. Where an editor left unused ones between, only the
	// index would tell; rather than give a row another's place, the file is refused.
	if n := int(binary.BigEndian.Uint32(head[:])); n != s.number {
		return "", fault.Say(fault.Invalid, "layer.shp_order", s.name, s.number)
	}
	size := int64(binary.BigEndian.Uint32(head[4:])) * 2
	if size > maxFeature || size < 4 {
		return "", s.broken(errors.New("size of a shape"))
	}
	if int64(len(s.buf)) < size {
		s.buf = make([]byte, max(size, 1024))
	}
	b := s.buf[:size]
	if _, err := io.ReadFull(s.shp, b); err != nil {
		return "", s.broken(ended(err))
	}
	w := shapeWriter{b: b[4:], out: []byte(prefix(s.srid))}
	text, ok := w.shape(binary.LittleEndian.Uint32(b))
	if !ok {
		return "", s.broken(errors.New("a shape"))
	}
	return text, nil
}

// shapeWriter writes one shape as EWKT. Heights are kept, measures are not.
type shapeWriter struct {
	b   []byte
	out []byte
	xy  []byte // coordinates, 16 bytes a point
	z   []byte // heights, 8 bytes a point; nil without
}

func float(b []byte, i int) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:])) }

func (w *shapeWriter) shape(kind uint32) (string, bool) {
	z := kind > 10 && kind < 20
	switch kind {
	case 0:
		return "", true
	case 1, 11, 21:
		if len(w.b) < 16 || z && len(w.b) < 24 {
			return "", false
		}
		if w.xy = w.b; z {
			w.z = w.b[16:]
		}
		return w.group("POINT", func() { w.vertices(0, 1) }), true
	case 8, 18, 28:
		if len(w.b) < 36 {
			return "", false
		}
		n := int64(binary.LittleEndian.Uint32(w.b[32:]))
		if !w.points(36, n, z) {
			return "", false
		}
		if n == 0 {
			return "", true
		}
		return w.group("MULTIPOINT", func() { w.vertices(0, int(n)) }), true
	case 3, 13, 23, 5, 15, 25:
		return w.parts(kind%10 == 5, z)
	}
	return "", false
}

// points sets where the coordinates and heights of n points lie, from at.
func (w *shapeWriter) points(at int, n int64, z bool) bool {
	end := int64(at) + 16*n
	if n > maxFeature || end > int64(len(w.b)) || z && end+16+8*n > int64(len(w.b)) {
		return false
	}
	if w.xy = w.b[at:end]; z {
		w.z = w.b[end+16 : end+16+8*n]
	}
	return true
}

func (w *shapeWriter) group(name string, body func()) string {
	w.out = append(w.out, name...)
	if w.z != nil {
		w.out = append(w.out, " Z "...)
	}
	body()
	return string(w.out)
}

func (w *shapeWriter) vertices(from, to int) {
	for i := from; i < to; i++ {
		w.out = append(w.out, "(,"[min(i-from, 1)])
		w.out = append(appendNumber(w.out, float(w.xy, 2*i)), ' ')
		w.out = appendNumber(w.out, float(w.xy, 2*i+1))
		if w.z != nil {
			w.out = appendNumber(append(w.out, ' '), float(w.z, i))
		}
	}
	w.out = append(w.out, ')')
}

// parts writes lines, or rings put together as polygons.
func (w *shapeWriter) parts(polygon, z bool) (string, bool) {
	if len(w.b) < 40 {
		return "", false
	}
	n, total := int64(binary.LittleEndian.Uint32(w.b[32:])), int64(binary.LittleEndian.Uint32(w.b[36:]))
	if n > maxFeature || 40+4*n > int64(len(w.b)) || !w.points(40+4*int(n), total, z) {
		return "", false
	}
	var spans [][2]int
	for i := range int(n) {
		from, to := int64(binary.LittleEndian.Uint32(w.b[40+4*i:])), total
		if i+1 < int(n) {
			to = int64(binary.LittleEndian.Uint32(w.b[44+4*i:]))
		}
		if from > to || to > total {
			return "", false
		}
		if from < to {
			spans = append(spans, [2]int{int(from), int(to)})
		}
	}
	switch {
	case len(spans) == 0:
		return "", true
	case polygon && len(spans) > maxRings:
		return "", false
	case polygon:
		return w.polygons(spans), true
	case len(spans) == 1:
		return w.group("LINESTRING", func() { w.vertices(spans[0][0], spans[0][1]) }), true
	}
	return w.group("MULTILINESTRING", func() { w.rings(spans) }), true
}

func (w *shapeWriter) rings(spans [][2]int) {
	for i, s := range spans {
		w.out = append(w.out, "(,"[min(i, 1)])
		w.vertices(s[0], s[1])
	}
	w.out = append(w.out, ')')
}

// polygons groups rings: those that turn clockwise are outer ones, the others are holes of
// the smallest outer ring around them.
func (w *shapeWriter) polygons(spans [][2]int) string {
	type outer struct {
		ring  orb.Ring
		bound orb.Bound
		area  float64
		spans [][2]int
	}
	var outers []*outer
	var holes [][2]int
	var holeRings []orb.Ring
	for _, s := range spans {
		var ring orb.Ring
		for i := s[0]; i < s[1]; i++ {
			ring = append(ring, orb.Point{float(w.xy, 2*i), float(w.xy, 2*i+1)})
		}
		if ring.Orientation() == orb.CCW && len(spans) > 1 {
			holes, holeRings = append(holes, s), append(holeRings, ring)
			continue
		}
		outers = append(outers, &outer{ring: ring, bound: ring.Bound(), area: math.Abs(planar.Area(ring)), spans: [][2]int{s}})
	}
	for i, s := range holes {
		var in *outer
		b := holeRings[i].Bound()
		for _, o := range outers {
			if (in == nil || o.area < in.area) && o.bound.Contains(b.Min) && o.bound.Contains(b.Max) && planar.RingContains(o.ring, holeRings[i][0]) {
				in = o
			}
		}
		if in == nil { // a ring that turns the wrong way
			outers = append(outers, &outer{ring: holeRings[i], bound: b, area: math.Abs(planar.Area(holeRings[i])), spans: [][2]int{s}})
			continue
		}
		in.spans = append(in.spans, s)
	}
	if len(outers) == 1 {
		return w.group("POLYGON", func() { w.rings(outers[0].spans) })
	}
	return w.group("MULTIPOLYGON", func() {
		for i, o := range outers {
			w.out = append(w.out, "(,"[min(i, 1)])
			w.rings(o.spans)
		}
		w.out = append(w.out, ')')
	})
}
