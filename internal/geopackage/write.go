package geopackage

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"garrigue/internal/layer"
)

const tables = `
PRAGMA application_id = 1196444487;
PRAGMA user_version = 10300;
CREATE TABLE gpkg_spatial_ref_sys (
	srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY, organization TEXT NOT NULL,
	organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
CREATE TABLE gpkg_contents (
	table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
	description TEXT DEFAULT '', last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
	min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
	CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_geometry_columns (
	table_name TEXT NOT NULL, column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL,
	srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
	CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
	CONSTRAINT uk_gc_table_name UNIQUE (table_name),
	CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
	CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
INSERT INTO gpkg_spatial_ref_sys VALUES
	('Undefined cartesian SRS', -1, 'NONE', -1, 'undefined', NULL),
	('Undefined geographic SRS', 0, 'NONE', 0, 'undefined', NULL),
	('WGS 84', 4326, 'EPSG', 4326, 'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433],AUTHORITY["EPSG","4326"]]', NULL);
`

// keyed ends the type of the column that is the key of its table.
const keyed = " PRIMARY KEY"

// Writer writes one layer. Its columns keep the types they had.
type Writer struct {
	conn     *sqlite.Conn
	end      func(*error)
	insert   *sqlite.Stmt
	table    string
	geometry string // name of the column
	kinds    []string
	at       int // of the geometry in rows, -1 without
	srs      int
	box      [4]float64
}

// Create begins a GeoPackage of one layer at path, where there must be nothing. header names
// the columns of the rows to come; one named "geometry" holds EWKT and goes into the column
// geometry. types are those of the other columns, as Layout told, TEXT beyond them.
func Create(path, table, geometry string, header, types []string) (_ *Writer, err error) {
	w := &Writer{table: table, geometry: geometry, at: slices.Index(header, layer.Geometry), box: [4]float64{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}}
	if w.table == "" || strings.HasPrefix(strings.ToLower(w.table), "gpkg_") || strings.HasPrefix(strings.ToLower(w.table), "sqlite_") {
		w.table = "rejets"
	}
	if w.geometry == "" {
		w.geometry = "geom"
	}
	if w.conn, err = sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate); err != nil {
		return nil, err
	}
	if err := sqlitex.ExecuteScript(w.conn, tables, nil); err != nil {
		w.conn.Close()
		return nil, err
	}
	w.end = sqlitex.Save(w.conn)
	if err := w.define(header, types); err != nil {
		w.Abort()
		return nil, err
	}
	return w, nil
}

// define makes the table. A GeoPackage asks for an integer key: that of the layer when it has
// one, else a new one.
func (w *Writer) define(header, types []string) error {
	var columns, names, places []string
	key, taken := false, map[string]bool{strings.ToLower(w.geometry): w.at >= 0}
	j := 0
	for i, h := range header {
		if i == w.at {
			w.kinds = append(w.kinds, "")
			names, places = append(names, quote(w.geometry)), append(places, "?"+strconv.Itoa(i+1))
			columns = append(columns, quote(w.geometry)+" GEOMETRY")
			continue
		}
		kind := "TEXT"
		if j < len(types) && types[j] != "" && plainType(types[j]) {
			kind = types[j]
		}
		j++
		for n := 2; h == "" || taken[strings.ToLower(h)]; n++ {
			h = header[i] + "_" + strconv.Itoa(n)
		}
		taken[strings.ToLower(h)] = true
		w.kinds = append(w.kinds, kind)
		names, places = append(names, quote(h)), append(places, "?"+strconv.Itoa(i+1))
		if strings.HasSuffix(kind, keyed) {
			if kind = strings.TrimSuffix(kind, keyed); !key {
				key = true
				kind += keyed
			}
		}
		columns = append(columns, quote(h)+" "+kind)
	}
	if !key {
		id := "fid"
		for taken[id] {
			id = "_" + id
		}
		columns = append([]string{quote(id) + " INTEGER PRIMARY KEY"}, columns...)
	}
	if err := sqlitex.Execute(w.conn, "CREATE TABLE "+quote(w.table)+" ("+strings.Join(columns, ", ")+")", nil); err != nil {
		return err
	}
	s, _, err := w.conn.PrepareTransient("INSERT INTO " + quote(w.table) + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(places, ", ") + ")")
	w.insert = s
	return err
}

// plainType tells the types a GeoPackage gives to columns (table 1 of the standard).
func plainType(kind string) bool {
	kind = strings.TrimSuffix(kind, keyed)
	name, _, _ := strings.Cut(kind, "(")
	switch name {
	case "BOOLEAN", "TINYINT", "SMALLINT", "MEDIUMINT", "INT", "INTEGER", "FLOAT", "DOUBLE", "REAL", "TEXT", "DATE", "DATETIME":
		return strings.Trim(kind[len(name):], "()0123456789") == ""
	}
	return false
}

// Row writes a row.
func (w *Writer) Row(fields []string) error {
	for i, v := range fields {
		if i >= len(w.kinds) {
			break // more values than columns: shown with the reason
		}
		if i == w.at {
			w.bindShape(i+1, v)
			continue
		}
		bind(w.insert, i+1, w.kinds[i], v)
	}
	if _, err := w.insert.Step(); err != nil {
		return err
	}
	if err := w.insert.Reset(); err != nil {
		return err
	}
	return w.insert.ClearBindings()
}

func bind(s *sqlite.Stmt, i int, kind, v string) {
	name, _, _ := strings.Cut(strings.TrimSuffix(kind, keyed), "(")
	switch {
	case v == "":
		s.BindNull(i)
	case name == "BOOLEAN" && (v == "true" || v == "false"):
		s.BindBool(i, v == "true")
	case strings.HasSuffix(name, "INT") || name == "INTEGER":
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			s.BindInt64(i, n)
			return
		}
		s.BindText(i, v)
	case name == "FLOAT" || name == "DOUBLE" || name == "REAL":
		if f, err := strconv.ParseFloat(v, 64); err == nil {
			s.BindFloat(i, f)
			return
		}
		s.BindText(i, v)
	case name == "DATETIME" && len(v) == len("2006-01-02T15:04:05"):
		s.BindText(i, v+".000Z")
	default:
		s.BindText(i, v)
	}
}

// bindShape writes a geometry. One that no reader took goes back as its bytes were.
func (w *Writer) bindShape(i int, v string) {
	b, srid, box, err := layer.BinaryOf(v)
	if err != nil {
		if b, err = hex.DecodeString(v); err != nil || len(b) == 0 {
			w.insert.BindNull(i)
			return
		}
		if len(b) > 2 && b[0] == 'G' && b[1] == 'P' {
			w.insert.BindBytes(i, b)
			return
		}
		srid, box = w.srs, [4]float64{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
	}
	if w.srs == 0 {
		w.srs = srid
	}
	for j := range 2 {
		w.box[j], w.box[j+2] = min(w.box[j], box[j]), max(w.box[j+2], box[j+2])
	}
	out := []byte{'G', 'P', 0, 1}
	if box[0] <= box[2] && box[1] <= box[3] {
		out[3] |= 1 << 1
	}
	out = binary.LittleEndian.AppendUint32(out, uint32(srid))
	if out[3]&2 != 0 {
		for _, x := range [...]float64{box[0], box[2], box[1], box[3]} {
			out = binary.LittleEndian.AppendUint64(out, math.Float64bits(x))
		}
	}
	w.insert.BindBytes(i, append(out, b...))
}

// Close describes the layer and ends the file.
func (w *Writer) Close() error {
	err := w.describe()
	w.end(&err)
	w.insert.Finalize()
	if closing := w.conn.Close(); err == nil {
		err = closing
	}
	return err
}

// Abort gives the file up.
func (w *Writer) Abort() {
	err := errors.New("given up")
	w.end(&err)
	if w.insert != nil {
		w.insert.Finalize()
	}
	w.conn.Close()
}

func (w *Writer) describe() error {
	kind := "features"
	if w.at < 0 {
		kind = "attributes"
	}
	if w.srs != 0 && w.srs != 4326 {
		code := strconv.Itoa(w.srs)
		err := sqlitex.Execute(w.conn, `INSERT INTO gpkg_spatial_ref_sys VALUES (?1, ?2, 'EPSG', ?2, 'undefined', NULL)`,
			&sqlitex.ExecOptions{Args: []any{"EPSG:" + code, w.srs}})
		if err != nil {
			return err
		}
	}
	box := make([]any, 4)
	if w.box[0] <= w.box[2] {
		for i, v := range w.box {
			box[i] = v
		}
	}
	err := sqlitex.Execute(w.conn, `INSERT INTO gpkg_contents (table_name, data_type, identifier, last_change, min_x, min_y, max_x, max_y, srs_id)
		VALUES (?1, ?2, ?1, ?3, ?4, ?5, ?6, ?7, ?8)`,
		&sqlitex.ExecOptions{Args: append(append([]any{w.table, kind, time.Now().UTC().Format("2006-01-02T15:04:05.000Z")}, box...), w.srs)})
	if err != nil || w.at < 0 {
		return err
	}
	return sqlitex.Execute(w.conn, `INSERT INTO gpkg_geometry_columns VALUES (?1, ?2, 'GEOMETRY', ?3, 2, 2)`,
		&sqlitex.ExecOptions{Args: []any{w.table, w.geometry, w.srs}})
}
