// Package layer reads the layers of geographic files as tables: GeoJSON, Shapefile and GML.
// A feature is a row, its attributes are columns, and its geometry is one more column named
// "geometry", in EWKT with the system of the file ("SRID=2154;POINT(…)").
//
// It decides nothing about what columns mean nor whether a geometry is sound: one that cannot
// be written as EWKT is given as it stands, for the caller to refuse. It holds one feature in
// memory. GeoPackage, which is a database, is read by package geopackage.
package layer

import (
	"io"
	"strconv"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/packed"
)

// Geometry is the name of the column of geometries.
const Geometry = "geometry"

const (
	maxColumns = 4000
	maxFeature = 16 << 20
	maxField   = 8 << 20
)

// Opener begins one reading of a file or of an entry of an archive.
type Opener func() (*packed.Stream, error)

// columns numbers the names of attributes as they are met.
type columns struct {
	names []string
	at    map[string]int // as in the file
	taken map[string]bool
}

func newColumns() *columns {
	return &columns{at: map[string]int{}, taken: map[string]bool{Geometry: true}}
}

// add returns the place of an attribute; its name in the header is trimmed, and another than
// those before it.
func (c *columns) add(name, file string) (int, error) {
	if i, ok := c.at[name]; ok {
		return i, nil
	}
	if len(c.names) >= maxColumns {
		return 0, fault.Say(fault.Invalid, "layer.columns", file, maxColumns)
	}
	h, _ := packed.Sound(strings.TrimSpace(name))
	if h == "" || c.taken[h] {
		for n := 2; ; n++ {
			if try := h + " (" + strconv.Itoa(n) + ")"; !c.taken[try] {
				h = try
				break
			}
		}
	}
	c.taken[h] = true
	c.at[name] = len(c.names)
	c.names = append(c.names, h)
	return len(c.names) - 1, nil
}

// header returns the names of the attributes, then that of the geometry.
func (c *columns) header() []string { return append(append([]string(nil), c.names...), Geometry) }

// prefix begins the EWKT of a geometry.
func prefix(srid int) string {
	if srid == 0 {
		return ""
	}
	return "SRID=" + strconv.Itoa(srid) + ";"
}

// Known reports whether this program can turn the coordinates of a system, by its EPSG code,
// into longitudes and latitudes.
func Known(srid int) bool { return srid > 0 && geo.CRS(srid).Known() }

// checkSystem refuses a system that this program cannot turn into longitudes and latitudes.
func checkSystem(srid int, written, file string) error {
	if !Known(srid) {
		return fault.Say(fault.Invalid, "layer.projection", file, written)
	}
	return nil
}

// meter stops the reading of one thing that does not end.
type meter struct {
	r     io.Reader
	n     int64
	limit int64
	err   error
}

func (m *meter) Read(p []byte) (int, error) {
	if m.n > m.limit {
		return 0, m.err
	}
	n, err := m.r.Read(p)
	m.n += int64(n)
	return n, err
}
