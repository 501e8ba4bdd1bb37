package geo

import (
	"math"
	"strconv"
	"strings"

	"github.com/paulmach/orb"
)

// cellsLimit bounds CellsMeeting: the whole of France is 1.3 million cells of 1 km.
const cellsLimit = 4_000_000

// cellKinds are the meshes, finest first.
var cellKinds = [...]Kind{Cell1, Cell2, Cell5, Cell10, Cell20, Cell50}

// ParseCell reads the code of a cell of the national mesh: the CD_SIG ("10kmL93E057N643",
// "5kmL93E0665N6485", "1kmL93E0665N6485") or the short code of the 10 km mesh ("E057N643",
// which is also VisioNature's) and of the 5 km one ("E0665N6485"). A short code of four
// figures is a 5 km cell when both corners are multiples of 5 km, else a 1 km one. Case,
// spaces, hyphens and underscores do not matter ("10 km L93 E057 N643", "5KM_L93_E0665N6485"). It returns false when the code has another shape, its
// corner is not on the mesh, or it lies outside metropolitan France.
func ParseCell(code string) (AreaKey, bool) {
	s := strings.ToUpper(strings.TrimSpace(code))
	if strings.ContainsAny(s, " _-") {
		s = strings.NewReplacer(" ", "", "_", "", "-", "").Replace(s)
	}
	mesh := 0
	if i := strings.Index(s, "KML93"); i > 0 {
		m, err := strconv.Atoi(s[:i])
		if err != nil || CellKind(m) == NoKind {
			return 0, false
		}
		mesh, s = m, s[i+len("KML93"):]
	}
	s = strings.TrimPrefix(s, "L93")
	d := len(s)/2 - 1 // figures of one axis: tens of kilometres by three, kilometres by four
	if d != 3 && d != 4 || len(s)%2 != 0 || s[0] != 'E' || s[d+1] != 'N' {
		return 0, false
	}
	e, okE := figures(s[1 : d+1])
	n, okN := figures(s[d+2:])
	if !okE || !okN {
		return 0, false
	}
	tens := d == 3
	if tens {
		e, n = 10*e, 10*n
	}
	if mesh == 0 {
		switch {
		case tens:
			mesh = 10
		case e%5 == 0 && n%5 == 0:
			mesh = 5
		default:
			mesh = 1
		}
	}
	if e%mesh != 0 || n%mesh != 0 || e > 1400 || n < 5900 || n > 7300 {
		return 0, false
	}
	return CellKey(CellKind(mesh), e, n), true
}

func figures(s string) (v int, ok bool) {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		v = 10*v + int(s[i]-'0')
	}
	return v, true
}

// Box returns the extent of a cell, in metres of Lambert-93; its MaxX and MaxY belong to
// the next cells. It is the zero Box for a key that is no cell.
func (k AreaKey) Box() Box {
	m := k.Kind().Mesh()
	if m == 0 {
		return Box{}
	}
	e, n := k.Corner()
	return Box{float64(e) * 1000, float64(n) * 1000, float64(e+m) * 1000, float64(n+m) * 1000}
}

// CellRing returns the outline of a cell in WGS84, closed, counter-clockwise from the
// south-west corner. Sides are cut every 5 km, so that nowhere does the outline stray from
// the true square by more than 0.5 m; neighbours share their vertices exactly. It is nil for
// a key that is no cell.
func CellRing(k AreaKey) orb.Ring {
	m := k.Kind().Mesh()
	if m == 0 {
		return nil
	}
	e, n := k.Corner()
	step := min(m, 5)
	ring := make(orb.Ring, 0, 4*(m/step)+1)
	add := func(e, n int) {
		lon, lat := lambert93.inverse(float64(e)*1000, float64(n)*1000)
		ring = append(ring, orb.Point{lon, lat})
	}
	for i := 0; i < m; i += step {
		add(e+i, n)
	}
	for i := 0; i < m; i += step {
		add(e+m, n+i)
	}
	for i := 0; i < m; i += step {
		add(e+m-i, n+m)
	}
	for i := 0; i < m; i += step {
		add(e, n+m-i)
	}
	return append(ring, ring[0])
}

// cellIn returns the cell of kind k that wholly contains the cell c, c itself when it is of
// that kind. It returns false when there is none: k is finer, or the two meshes do not nest
// there (20 km in 50 km, 2 km in 5 km).
func (c AreaKey) cellIn(k Kind) (AreaKey, bool) {
	m, side := k.Mesh(), c.Kind().Mesh()
	if m == 0 || side == 0 || m < side {
		return 0, false
	}
	b := c.Box()
	b.MaxX, b.MaxY = b.MaxX-1, b.MaxY-1 // the last metre inside: cells are half-open
	return b.Cell(k)
}

// CellsMeeting returns the cells of kind k that b meets, west to east then south to north.
// It is nil when k is no cell, b is not finite, or there would be more than four million.
func CellsMeeting(k Kind, b Box) []AreaKey {
	m := k.Mesh()
	if m == 0 {
		return nil
	}
	for _, v := range [...]float64{b.MinX, b.MinY, b.MaxX, b.MaxY} {
		if !(math.Abs(v) < 1e9) {
			return nil
		}
	}
	side := float64(m) * 1000
	e0, e1 := floorDiv(b.MinX, side), floorDiv(b.MaxX, side)
	n0, n1 := floorDiv(b.MinY, side), floorDiv(b.MaxY, side)
	if e1 < e0 || n1 < n0 || (e1-e0+1)*(n1-n0+1) > cellsLimit {
		return nil
	}
	out := make([]AreaKey, 0, (e1-e0+1)*(n1-n0+1))
	for n := n0; n <= n1; n++ {
		for e := e0; e <= e1; e++ {
			out = append(out, CellKey(k, e*m, n*m))
		}
	}
	return out
}

// BoxOf returns the extent of g, given in WGS84, in metres of Lambert-93. Bounds are rounded
// down to the metre, so that each lies in the same cell as the vertex that gave it: a point
// has a box without width that CellAt places as the point itself. Sides are taken straight
// in Lambert-93. It is the zero Box when g has no vertex.
func BoxOf(g orb.Geometry) Box {
	b := Box{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
	eachPoint(g, func(p *orb.Point) {
		x, y := lambert93.forward(p[0], p[1])
		x, y = math.Floor(x), math.Floor(y)
		b.MinX, b.MinY = min(b.MinX, x), min(b.MinY, y)
		b.MaxX, b.MaxY = max(b.MaxX, x), max(b.MaxY, y)
	})
	if b.MinX > b.MaxX {
		return Box{}
	}
	return b
}
