// Package geopackage reads the layers of a GeoPackage (OGC 12-128r17) as tables, and writes
// one layer as a GeoPackage. A feature is a row; its geometry is the column "geometry", in
// EWKT, as package layer gives those of other files.
//
// The file is another's database: it is opened read-only, nothing in it but plain columns of
// plain tables is run, and values have limits. Package atlas, which makes GeoPackages of our
// own to publish, has its own writer.
package geopackage

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"zombiezen.com/go/sqlite"

	"garrigue/internal/fault"
	"garrigue/internal/layer"
	"garrigue/internal/packed"
	"garrigue/internal/tabular"
)

const (
	maxColumns = 2000
	maxValue   = 16 << 20
	maxField   = 8 << 20
)

// Is recognises a database of SQLite, GeoPackage or not.
func Is(head []byte) bool { return strings.HasPrefix(string(head), "SQLite format 3\x00") }

// Options are the caller's wishes.
type Options struct {
	// Layer is the name of the layer to read; "" for the first whose columns Like accepts, else
	// the first.
	Layer string
	Like  func(header []string) bool
}

// Table is one reading of one layer. It is for one goroutine; Close gives its file back, and
// so does the end of the rows.
type Table struct {
	name    string
	conn    *sqlite.Conn
	rows    *sqlite.Stmt
	c       contents
	others  []string
	systems map[int]system
	fields  []string
	number  int64
	last    int64
	size    int64
}

// contents is a line of gpkg_contents.
type contents struct {
	table    string
	geometry string // column, "" for a table without
	srs      int
	columns  []column
}

type column struct {
	name, kind string
}

type system struct {
	epsg  int
	title string
}

// Open opens a layer. Errors: Invalid, with a sentence, for what is no GeoPackage or a damaged
// one, one still open in a program that has not written everything to it, one whose layer is
// a view or is in a system we cannot read; NotFound for a layer it does not have.
func Open(path string, size int64, o Options) (_ *Table, err error) {
	t := &Table{name: filepath.Base(path), size: size, systems: map[int]system{}}
	if st, err := os.Stat(path + "-wal"); err == nil && st.Size() > 0 {
		return nil, fault.Say(fault.Conflict, "geopackage.open", t.name)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	uri := (&url.URL{Scheme: "file", Path: abs, RawQuery: "immutable=1&mode=ro"}).String()
	if t.conn, err = sqlite.OpenConn(uri, sqlite.OpenReadOnly|sqlite.OpenURI); err != nil {
		return nil, t.damaged(err)
	}
	defer func() {
		if err != nil {
			t.Close()
		}
	}()
	t.conn.Limit(sqlite.LimitLength, maxValue)
	list, err := t.list()
	if err != nil {
		return nil, t.damaged(err)
	}
	if err := t.choose(list, o); err != nil {
		return nil, err
	}
	if err := t.readSystems(); err != nil {
		return nil, t.damaged(err)
	}
	if s, ok := t.systems[t.c.srs]; t.c.geometry != "" && ok && s.epsg == 0 {
		return nil, fault.Say(fault.Invalid, "layer.projection", t.name, s.title)
	}
	return t, t.start()
}

// Close ends the reading. It may be called twice.
func (t *Table) Close() error {
	if t.conn == nil {
		return nil
	}
	if t.rows != nil {
		t.rows.Finalize()
		t.rows = nil
	}
	err := t.conn.Close()
	t.conn = nil
	return err
}

func (t *Table) damaged(err error) error {
	var f *fault.Error
	if err == nil || errors.As(err, &f) {
		return err
	}
	return fault.Say(fault.Invalid, "geopackage.damaged", t.name).Because(err)
}

// each runs a statement and calls f with each row.
func (t *Table) each(text string, f func(s *sqlite.Stmt) error, args ...string) error {
	s, _, err := t.conn.PrepareTransient(text)
	if err != nil {
		return err
	}
	defer s.Finalize()
	for i, a := range args {
		s.BindText(i+1, a)
	}
	for {
		more, err := s.Step()
		if err != nil || !more {
			return err
		}
		if err := f(s); err != nil {
			return err
		}
	}
}

// list returns the layers: tables of features first, then tables without geometry, each with
// its columns. Views are left out: what they would run is not known.
func (t *Table) list() ([]contents, error) {
	known := 0
	err := t.each(`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name IN ('gpkg_contents', 'gpkg_spatial_ref_sys')`,
		func(*sqlite.Stmt) error { known++; return nil })
	if err != nil {
		return nil, err
	}
	if known < 2 {
		return nil, fault.Say(fault.Invalid, "geopackage.none", t.name)
	}
	var list []contents
	// A GeoPackage of tables alone may lack gpkg_geometry_columns.
	geometries := map[string]contents{}
	err = t.each(`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'gpkg_geometry_columns'`, func(*sqlite.Stmt) error {
		return t.each(`SELECT table_name, column_name, srs_id FROM gpkg_geometry_columns LIMIT 10000`, func(s *sqlite.Stmt) error {
			geometries[strings.ToLower(s.ColumnText(0))] = contents{geometry: s.ColumnText(1), srs: s.ColumnInt(2)}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	views := 0
	err = t.each(`SELECT c.table_name, m.type, m.sql FROM gpkg_contents c JOIN sqlite_schema m ON lower(m.name) = lower(c.table_name)
		WHERE c.data_type IN ('features', 'attributes', 'aspatial') AND m.type IN ('table', 'view')
		ORDER BY c.data_type <> 'features', c.rowid LIMIT 10000`, func(s *sqlite.Stmt) error {
		if s.ColumnText(1) != "table" || strings.HasPrefix(strings.ToUpper(strings.Join(strings.Fields(s.ColumnText(2)), " ")), "CREATE VIRTUAL") {
			views++
			return nil
		}
		c := geometries[strings.ToLower(s.ColumnText(0))]
		c.table = s.ColumnText(0)
		list = append(list, c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		if views > 0 {
			return nil, fault.Say(fault.Invalid, "geopackage.views", t.name)
		}
		return nil, fault.Say(fault.Invalid, "geopackage.no_layer", t.name)
	}
	for i := range list {
		err := t.each(`SELECT name, type, hidden, pk FROM pragma_table_xinfo(?1)`, func(s *sqlite.Stmt) error {
			if s.ColumnInt(2) == 0 { // not one that the file computes
				c := column{s.ColumnText(0), strings.ToUpper(s.ColumnText(1))}
				if c.kind == "INTEGER" && s.ColumnInt(3) == 1 {
					c.kind += keyed
				}
				list[i].columns = append(list[i].columns, c)
			}
			return nil
		}, list[i].table)
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (t *Table) choose(list []contents, o Options) error {
	at := -1
	var names []string
	for i, c := range list {
		names = append(names, c.table)
		switch {
		case at >= 0:
		case o.Layer != "":
			if strings.EqualFold(c.table, o.Layer) {
				at = i
			}
		case o.Like != nil && o.Like(c.header()):
			at = i
		}
	}
	if at < 0 && o.Layer != "" {
		return fault.Say(fault.NotFound, "layer.no_layer", t.name, o.Layer, strings.Join(names, ", "))
	}
	at = max(at, 0)
	for i, n := range names {
		if i != at {
			t.others = append(t.others, n)
		}
	}
	if t.c = list[at]; len(t.c.columns) > maxColumns || len(t.c.columns) == 0 {
		return fault.Say(fault.Invalid, "layer.columns", t.name, maxColumns)
	}
	return nil
}

// header returns the names of the columns, that of the geometry last.
func (c *contents) header() []string {
	var out []string
	taken := map[string]bool{}
	has := false
	for _, col := range c.columns {
		if c.geometry != "" && strings.EqualFold(col.name, c.geometry) {
			has = true
			continue
		}
		h, _ := packed.Sound(strings.TrimSpace(col.name))
		if h == "" || taken[h] || c.geometry != "" && h == layer.Geometry {
			h = col.name + " (" + strconv.Itoa(len(out)+1) + ")"
		}
		taken[h] = true
		out = append(out, h)
	}
	if has {
		out = append(out, layer.Geometry)
	}
	return out
}

func (t *Table) readSystems() error {
	return t.each(`SELECT srs_id, organization, organization_coordsys_id, definition, srs_name FROM gpkg_spatial_ref_sys LIMIT 20000`, func(s *sqlite.Stmt) error {
		id := s.ColumnInt(0)
		if id <= 0 { // undefined, by the standard
			return nil
		}
		n := layer.SystemOf(s.ColumnText(3))
		if strings.EqualFold(s.ColumnText(1), "EPSG") {
			n = s.ColumnInt(2)
		}
		if !layer.Known(n) {
			n = 0
		}
		t.systems[id] = system{n, s.ColumnText(4)}
		return nil
	})
}

// allowed lets a statement read columns and nothing else.
func allowed(a sqlite.Action) sqlite.AuthResult {
	switch a.Type() {
	case sqlite.OpSelect, sqlite.OpRead:
		return sqlite.AuthResultOK
	}
	return sqlite.AuthResultDeny
}

// start prepares the reading of the rows, in the order of the table.
func (t *Table) start() error {
	quoted := quote(t.c.table)
	if err := t.each(`SELECT max(rowid) FROM `+quoted, func(s *sqlite.Stmt) error {
		t.last = s.ColumnInt64(0)
		return nil
	}); err != nil {
		t.last = 0 // a table without row numbers: progress is not known
	}
	var b strings.Builder
	b.WriteString("SELECT ")
	geometry := ""
	n := 0
	for _, c := range t.c.columns {
		if t.c.geometry != "" && strings.EqualFold(c.name, t.c.geometry) {
			geometry = c.name
			continue
		}
		if n > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote(c.name))
		n++
	}
	if geometry != "" {
		if n > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote(geometry))
	}
	b.WriteString(" FROM " + quoted)
	if err := t.conn.SetAuthorizer(sqlite.AuthorizeFunc(allowed)); err != nil {
		return err
	}
	s, _, err := t.conn.PrepareTransient(b.String())
	t.rows = s
	return t.damaged(err)
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Header returns the names of the columns.
func (t *Table) Header() []string { return t.c.header() }

// Next returns the next feature; its Line is its number.
func (t *Table) Next() (tabular.Row, error) {
	if t.rows == nil {
		return tabular.Row{}, io.EOF
	}
	more, err := t.rows.Step()
	if err != nil {
		return tabular.Row{}, t.damaged(err)
	}
	if !more {
		if err := t.Close(); err != nil {
			return tabular.Row{}, err
		}
		return tabular.Row{}, io.EOF
	}
	t.number++
	row := tabular.Row{Line: int(t.number)}
	t.fields = t.fields[:0]
	at := 0
	for _, c := range t.c.columns {
		if t.c.geometry != "" && strings.EqualFold(c.name, t.c.geometry) {
			continue
		}
		v, damaged := packed.Sound(t.value(at, c.kind))
		if len(v) > maxField {
			return row, fault.Say(fault.Invalid, "tabular.field", t.name, row.Line, maxField>>10)
		}
		row.Damaged = row.Damaged || damaged
		t.fields = append(t.fields, v)
		at++
	}
	if at < t.rows.ColumnCount() {
		v, damaged := packed.Sound(t.geometry(at))
		row.Damaged = row.Damaged || damaged
		t.fields = append(t.fields, v)
	}
	row.Fields, row.Raw = t.fields, tabular.Line(t.fields, ',')
	return row, nil
}

// value writes a value as a text.
func (t *Table) value(i int, kind string) string {
	switch t.rows.ColumnType(i) {
	case sqlite.TypeInteger:
		v := t.rows.ColumnInt64(i)
		if strings.HasPrefix(kind, "BOOL") {
			return strconv.FormatBool(v != 0)
		}
		return strconv.FormatInt(v, 10)
	case sqlite.TypeFloat:
		v := t.rows.ColumnFloat(i)
		if v != v || v > 1e300 || v < -1e300 {
			return ""
		}
		return strconv.FormatFloat(v, 'f', -1, 64)
	case sqlite.TypeText:
		v := t.rows.ColumnText(i)
		if kind == "DATETIME" {
			return strings.TrimSuffix(strings.TrimSuffix(v, ".000Z"), "Z")
		}
		return v
	}
	return "" // nothing, or bytes: a photograph
}

// geometry writes the geometry of the row: EWKT, or the WKB in hexadecimal when it is none
// that can be written so, for the caller to judge.
func (t *Table) geometry(i int) string {
	n := t.rows.ColumnLen(i)
	if t.rows.ColumnType(i) != sqlite.TypeBlob || n < 8 {
		return t.rows.ColumnText(i)
	}
	b := make([]byte, n)
	t.rows.ColumnBytes(i, b)
	srs, body, ok := content(b)
	if !ok {
		return hex.EncodeToString(b)
	}
	s, known := t.systems[srs]
	if known && s.epsg == 0 {
		return "srs:" + strconv.Itoa(srs) // refused with its row
	}
	text, ok := layer.TextOf(body, s.epsg)
	if !ok {
		return hex.EncodeToString(body)
	}
	if strings.HasSuffix(text, " EMPTY") {
		return ""
	}
	return text
}

// content returns the system and the WKB of a geometry of a GeoPackage (clause 2.1.3).
func content(b []byte) (srs int, body []byte, ok bool) {
	if len(b) < 8 || b[0] != 'G' || b[1] != 'P' {
		return 0, nil, false
	}
	order := binary.ByteOrder(binary.BigEndian)
	if b[3]&1 == 1 {
		order = binary.LittleEndian
	}
	envelope, ok := map[byte]int{0: 0, 1: 32, 2: 48, 3: 48, 4: 64}[b[3]>>1&7]
	if !ok || len(b) < 8+envelope || b[3]&0x20 != 0 {
		return 0, nil, false
	}
	return int(int32(order.Uint32(b[4:]))), b[8+envelope:], true
}

// Offset returns about how much of Size was read.
func (t *Table) Offset() int64 {
	if t.conn == nil || t.last <= 0 {
		return t.size
	}
	return int64(float64(t.size) * min(1, float64(t.number)/float64(t.last)))
}

// Size returns what Offset is at the end.
func (t *Table) Size() int64 { return t.size }

// Layout tells the layer and the types of its columns.
func (t *Table) Layout() tabular.Layout {
	l := tabular.Layout{Kind: "geopackage", Table: t.c.table, Others: t.others, Header: t.Header(), Geometry: t.c.geometry}
	for _, c := range t.c.columns {
		if t.c.geometry == "" || !strings.EqualFold(c.name, t.c.geometry) {
			l.Types = append(l.Types, c.kind)
		}
	}
	if s := t.systems[t.c.srs]; s.epsg > 0 {
		l.Projection = "EPSG:" + strconv.Itoa(s.epsg)
	}
	return l
}
