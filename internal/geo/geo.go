// Package geo knows where things are: projections, the cells of the national mesh, the
// outlines of communes, departments and regions, and which of them holds a shape.
//
// It decides no disclosure: it says which areas hold a place and how large they are.
// Geometry in and out is WGS84 longitude, latitude (EPSG:4326); cells are Lambert-93.
package geo

import (
	"fmt"

	"github.com/paulmach/orb"
)

// Kind is a sort of area. Values are stable: they are part of AreaKey.
type Kind uint8

// The kinds of areas, administrative first.
const (
	NoKind     Kind = 0
	Commune    Kind = 1
	Department Kind = 2
	Region     Kind = 3
	// FormerCommune is a commune that is no more: merged, delegated, associated. It has no
	// outline; its Parent is the commune that holds its territory now.
	FormerCommune Kind = 4
	// NaturalArea (espace naturel) and WaterBody (masse d'eau) are objects that records may be
	// located on. They are no layer of the map: nothing is disclosed by them.
	NaturalArea Kind = 5
	WaterBody   Kind = 6
	Cell1       Kind = 11
	Cell2       Kind = 12
	Cell5       Kind = 13
	Cell10      Kind = 14
	Cell20      Kind = 15
	Cell50      Kind = 16
)

var kindNames = map[Kind]string{Commune: "commune", Department: "department", Region: "region",
	FormerCommune: "former-commune", NaturalArea: "natural-area", WaterBody: "water-body",
	Cell1: "cell1", Cell2: "cell2", Cell5: "cell5", Cell10: "cell10", Cell20: "cell20", Cell50: "cell50"}

// String returns the kind's name in files, addresses and the API: "commune", "cell5"…
func (k Kind) String() string { return kindNames[k] }

// ParseKind is the inverse of String.
func ParseKind(s string) (Kind, bool) {
	for k, n := range kindNames {
		if n == s {
			return k, true
		}
	}
	return NoKind, false
}

// Mesh returns the side of a cell kind in kilometres, 0 for other kinds.
func (k Kind) Mesh() int {
	switch k {
	case Cell1:
		return 1
	case Cell2:
		return 2
	case Cell5:
		return 5
	case Cell10:
		return 10
	case Cell20:
		return 20
	case Cell50:
		return 50
	}
	return 0
}

// CellKind returns the kind of cells of a side in kilometres, NoKind if there is none.
func CellKind(km int) Kind {
	for _, k := range []Kind{Cell1, Cell2, Cell5, Cell10, Cell20, Cell50} {
		if k.Mesh() == km {
			return k
		}
	}
	return NoKind
}

// AreaKey names one area in 64 bits, so that millions of rows can be counted by area
// without strings: the kind in the top byte; below it either the cell's south-west corner
// in kilometres of Lambert-93 (east 28 bits, north 28 bits) or an administrative code of
// at most nine characters of [0-9A-Z_.-], six bits each. The zero key is no area.
type AreaKey uint64

const codeAlphabet = "\x000123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_.-"

// CellKey returns the key of the cell of kind k whose south-west corner is at e, n
// kilometres (Lambert-93).
func CellKey(k Kind, e, n int) AreaKey {
	return AreaKey(k)<<56 | AreaKey(uint32(e)&0xfffffff)<<28 | AreaKey(uint32(n)&0xfffffff)
}

// AdminKey returns the key of an administrative area by its code (INSEE), 0 when the code
// is empty, longer than nine characters or has a character outside [0-9A-Z_.-].
func AdminKey(k Kind, code string) AreaKey {
	if code == "" || len(code) > 9 {
		return 0
	}
	var v AreaKey
	for i := 0; i < len(code); i++ {
		c := indexOf(code[i])
		if c <= 0 {
			return 0
		}
		v |= AreaKey(c) << (6 * i)
	}
	return AreaKey(k)<<56 | v
}

func indexOf(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c-'0') + 1
	case c >= 'A' && c <= 'Z':
		return int(c-'A') + 11
	case c == '_':
		return 37
	case c == '.':
		return 38
	case c == '-':
		return 39
	}
	return -1
}

// Kind returns the kind of the area.
func (k AreaKey) Kind() Kind { return Kind(k >> 56) }

// Corner returns the south-west corner of a cell in kilometres of Lambert-93.
func (k AreaKey) Corner() (e, n int) {
	// Up 4 and down again: the sign of a corner west or south of the origin comes back.
	return int(int32(k>>28<<4) >> 4), int(int32(k<<4) >> 4)
}

// Code returns the INSEE code of an administrative area, or the CD_SIG of a cell:
// "34172", "5kmL93E0665N6485", "10kmL93E057N643" (east and north of the corner in the
// national form: tens of kilometres from 10 km up, kilometres below).
func (k AreaKey) Code() string {
	if k == 0 {
		return ""
	}
	if m := k.Kind().Mesh(); m > 0 {
		e, n := k.Corner()
		if m >= 10 {
			return fmt.Sprintf("%dkmL93E%03dN%03d", m, e/10, n/10)
		}
		return fmt.Sprintf("%dkmL93E%04dN%04d", m, e, n)
	}
	var b [9]byte
	n := 0
	for v := k & (1<<56 - 1); v != 0; v >>= 6 {
		b[n] = codeAlphabet[v&63]
		n++
	}
	return string(b[:n])
}

// String returns "kind:code", for logs and tests.
func (k AreaKey) String() string { return k.Kind().String() + ":" + k.Code() }

// CellAt returns the key of the cell of kind k that holds the point x, y (metres,
// Lambert-93). Cells are half-open: a point on the south or west edge is inside.
func CellAt(k Kind, x, y float64) AreaKey {
	m := k.Mesh()
	if m == 0 {
		return 0
	}
	side := float64(m) * 1000
	return CellKey(k, floorDiv(x, side)*m, floorDiv(y, side)*m)
}

func floorDiv(v, side float64) int {
	q := int(v / side)
	if v < 0 && float64(q)*side != v {
		q--
	}
	return q
}

// Area is an outline of a territory with its name: a commune, a department, a region or a
// cell. Parent is the code of the area that holds it by law (the department of a commune).
type Area struct {
	Key      AreaKey
	Name     string
	Parent   AreaKey
	Geometry orb.MultiPolygon // WGS84
	Surface  float64          // square metres, computed
}

// Box is the extent of a shape in metres of Lambert-93, rounded to the metre. A point has
// MinX = MaxX and MinY = MaxY.
type Box struct{ MinX, MinY, MaxX, MaxY float64 }

// Cell returns the cell of kind k that holds the whole box, and false when the box crosses
// an edge of the mesh.
func (b Box) Cell(k Kind) (AreaKey, bool) {
	a, z := CellAt(k, b.MinX, b.MinY), CellAt(k, b.MaxX, b.MaxY)
	return a, a == z && a != 0
}
