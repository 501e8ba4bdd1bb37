package atlas

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/paulmach/orb"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
)

// territory lists the areas of the snapshot: those loaded, the mesh cells they meet, and
// those observations are shown in. Conflict when an observation names an area whose outline
// is not loaded.
func (s *snapshot) territory() error {
	g := s.ground()
	known, cells := maps.Clone(g.known), g.cells
	for _, list := range cells {
		for _, c := range list {
			if _, ok := known[c]; !ok {
				known[c] = cellArea(c)
			}
		}
	}
	for _, k := range s.keys {
		if _, ok := known[k]; ok {
			continue
		}
		if k.Kind().Mesh() == 0 {
			return fault.Say(fault.Conflict, "atlas.area", k.String())
		}
		known[k] = cellArea(k)
	}
	keys := slices.Sorted(maps.Keys(known))
	s.zones = make([]zone, len(keys))
	s.zoneOf, s.kinds = make(map[geo.AreaKey]int32, len(keys)), make([]geo.Kind, len(keys))
	for i, k := range keys {
		s.zoneOf[k], s.kinds[i] = int32(i), k.Kind()
		s.zones[i] = zone{Area: known[k], orgs: map[uint32]tally{}}
	}
	for i := range s.zones {
		z := &s.zones[i]
		if p, ok := known[z.Parent]; ok {
			z.parentName = p.Name
		} else {
			z.Parent = 0
		}
		for _, c := range cells[z.Key] {
			z.cells = append(z.cells, s.zoneOf[c])
		}
	}
	s.outlines = g.outlines
	return nil
}

// surround finds what is beside each area, and then leaves its outline as it is displayed.
func (s *snapshot) surround() {
	s.neighbours()
	for i := range s.zones {
		if thin := s.outlines[s.zones[i].Key]; len(thin) > 0 {
			s.zones[i].Geometry = thin
		}
	}
}

// ground is what outlines alone tell. It takes half a second for a region, and is computed
// while observations are read.
type ground struct {
	known    map[geo.AreaKey]geo.Area
	cells    map[geo.AreaKey][]geo.AreaKey    // of the mesh, that an area meets
	outlines map[geo.AreaKey]orb.MultiPolygon // thinned for display
}

func groundOf(areas []geo.Area, mesh geo.Kind) ground {
	g := ground{known: make(map[geo.AreaKey]geo.Area, len(areas)), cells: map[geo.AreaKey][]geo.AreaKey{}, outlines: map[geo.AreaKey]orb.MultiPolygon{}}
	for _, a := range areas {
		if a.Key != 0 && len(a.Geometry) > 0 {
			g.known[a.Key] = a
		}
	}
	list := make([]geo.Area, 0, len(g.known))
	for _, k := range slices.Sorted(maps.Keys(g.known)) {
		g.cells[k] = cellsMeeting(mesh, g.known[k].Geometry)
		if k.Kind().Mesh() == 0 {
			list = append(list, g.known[k])
		}
	}
	// All together, so that shared borders stay shared.
	for i, outline := range geo.SimplifyAreas(list, tolerance) {
		g.outlines[list[i].Key] = outline
	}
	return g
}

// tolerance is how far, in metres, outlines may stray for display: a pixel of a screen at
// the scale of a commune.
const tolerance = 20

func cellArea(k geo.AreaKey) geo.Area {
	m := float64(k.Kind().Mesh()) * 1000
	return geo.Area{Key: k, Name: k.Code(), Geometry: orb.MultiPolygon{{geo.CellRing(k)}}, Surface: m * m}
}

// sliver is how far, in metres, an outline must reach into a cell to meet it: borders drawn
// along the mesh itself do not count.
const sliver = 2

// cellsMeeting returns the cells of a kind that an outline meets, in order of key.
func cellsMeeting(kind geo.Kind, g orb.MultiPolygon) []geo.AreaKey {
	side := float64(kind.Mesh()) * 1000
	met := map[geo.AreaKey]bool{}
	rows := map[int][]float64{} // row of cells → where its middle crosses the outline
	for _, poly := range g {
		for _, ring := range poly {
			for i, p := range ring {
				x, y := geo.ToLambert93(p[0], p[1])
				if !nearLine(x, side) && !nearLine(y, side) {
					met[geo.CellAt(kind, x, y)] = true
				}
				if i == 0 {
					continue
				}
				px, py := geo.ToLambert93(ring[i-1][0], ring[i-1][1])
				crossCells(kind, side, px, py, x, y, met)
				lo, hi := math.Min(py, y), math.Max(py, y)
				for r := int(math.Floor(lo/side - 0.5)); r <= int(math.Ceil(hi/side)); r++ {
					if mid := (float64(r) + 0.5) * side; lo <= mid && mid < hi {
						rows[r] = append(rows[r], px+(x-px)*(mid-py)/(y-py))
					}
				}
			}
		}
	}
	for r, xs := range rows {
		slices.Sort(xs)
		for i := 0; i+1 < len(xs); i += 2 {
			for c := math.Ceil(xs[i]/side - 0.5); (c+0.5)*side < xs[i+1]; c++ {
				met[geo.CellAt(kind, (c+0.5)*side, (float64(r)+0.5)*side)] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(met))
}

func nearLine(v, side float64) bool { return math.Abs(v-math.Round(v/side)*side) < sliver }

// crossCells adds the cells the segment passes through: where it meets the lines of the mesh,
// the cells on both sides that it reaches into.
func crossCells(kind geo.Kind, side, x0, y0, x1, y1 float64, met map[geo.AreaKey]bool) {
	along := func(a0, a1, b0, b1 float64, at func(a, b float64)) {
		if a0 > a1 {
			a0, a1, b0, b1 = a1, a0, b1, b0
		}
		for k := math.Ceil((a0 - sliver) / side); k*side <= a1+sliver && a1 > a0; k++ {
			line := k * side
			b := b0 + (b1-b0)*min(max((line-a0)/(a1-a0), 0), 1)
			if nearLine(b, side) {
				continue
			}
			if a1-line > sliver {
				at(line+1, b)
			}
			if line-a0 > sliver {
				at(line-1, b)
			}
		}
	}
	along(x0, x1, y0, y1, func(x, y float64) { met[geo.CellAt(kind, x, y)] = true })
	along(y0, y1, x0, x1, func(y, x float64) { met[geo.CellAt(kind, x, y)] = true })
}

// Neighbours shown on a sheet.
const maxNeighbours = 6

// neighbours finds the areas that share a border: two corners of their outlines at least for
// administrative ones, whose outlines come from one tiling; a side for cells.
func (s *snapshot) neighbours() {
	type corner struct {
		at   uint64
		zone int32
	}
	var corners []corner
	for i := range s.zones {
		z := &s.zones[i]
		if m := z.Key.Kind().Mesh(); m > 0 {
			e, n := z.Key.Corner()
			for _, d := range [4][2]int{{0, m}, {m, 0}, {0, -m}, {-m, 0}} {
				if k, ok := s.zoneOf[geo.CellKey(z.Key.Kind(), e+d[0], n+d[1])]; ok {
					z.neighbours = append(z.neighbours, k)
				}
			}
			continue
		}
		for _, poly := range z.Geometry {
			for _, ring := range poly {
				for _, p := range ring[:max(len(ring)-1, 0)] {
					at := uint64(uint32(int32(math.Round(p[0]*1e6))))<<32 | uint64(uint32(int32(math.Round(p[1]*1e6))))
					corners = append(corners, corner{at, int32(i)})
				}
			}
		}
	}
	slices.SortFunc(corners, func(a, b corner) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.zone, b.zone))
	})
	shared := map[[2]int32]int{}
	for lo := 0; lo < len(corners); {
		hi := lo
		for hi < len(corners) && corners[hi].at == corners[lo].at {
			hi++
		}
		for i := lo; i < hi; i++ {
			for j := i + 1; j < hi; j++ {
				a, b := corners[i].zone, corners[j].zone
				if a != b && s.zones[a].Key.Kind() == s.zones[b].Key.Kind() {
					shared[[2]int32{a, b}]++
				}
			}
		}
		lo = hi
	}
	for pair, n := range shared {
		if n >= 2 {
			a, b := pair[0], pair[1]
			s.zones[a].neighbours = append(s.zones[a].neighbours, b)
			s.zones[b].neighbours = append(s.zones[b].neighbours, a)
		}
	}
	centres := make([]orb.Point, len(s.zones))
	for i := range s.zones {
		centres[i] = s.zones[i].Geometry.Bound().Center()
	}
	for i := range s.zones {
		z, here := &s.zones[i], centres[i]
		far := func(k int32) float64 {
			c := centres[k]
			dx, dy := (c[0]-here[0])*math.Cos(here[1]*math.Pi/180), c[1]-here[1]
			return dx*dx + dy*dy
		}
		slices.SortFunc(z.neighbours, func(a, b int32) int {
			return cmp.Or(cmp.Compare(far(a), far(b)), cmp.Compare(a, b))
		})
		z.neighbours = z.neighbours[:min(len(z.neighbours), maxNeighbours)]
	}
}
