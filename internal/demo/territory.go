package demo

import (
	"cmp"
	"container/heap"
	"math"
	"slices"
	"strings"

	"github.com/paulmach/orb"

	"garrigue/internal/geo"
)

// The fictional region. Its names are invented; a test compares those of its communes with
// the real ones.
const (
	regionName = "Pays de Garrigue"
	regionCode = "X"
)

var departmentNames = [...]string{"Lagunes-et-Cap", "Hautes-Serres", "Causses-Hérande", "Val-de-Rosane"}

// town is a place where people live: communes grow around them, and so do observations.
type town struct {
	name string
	at   xy
	size float64 // 1: a village, 30: the chief town
}

func towns() []town {
	return []town{
		{"Castelmore", xy{60, 36}, 30}, {"Port-Aurenque", xy{60, 12.5}, 12}, {"Rosans-le-Pont", xy{102.5, 54}, 14},
		{"Villerouge-la-Serre", xy{28.5, 60}, 8}, {"Sauvanelle", xy{60, 74}, 7}, {"Montcabrol", xy{15, 47}, 5},
		{"Aigues-Blanques", xy{90, 38}, 7}, {"Lézignolles", xy{38, 27}, 6}, {"Vidarelles", xy{82, 53}, 5},
		{"La Couvertaine", xy{76, 86}, 3}, {"Pradelle-Haute", xy{36, 81}, 3}, {"Sernhanac", xy{73, 36}, 4},
		{"Bourg-Gardel", xy{94, 70}, 4}, {"Cap-Orbelle", xy{48.5, 14}, 4},
	}
}

// outline is an area of the demo with its shape.
type outline struct {
	code, name string
	parent     string
	shape      orb.MultiPolygon
	middle     xy // of its chief place
}

// hexagon is one piece of ground inside the region.
type hexagon struct {
	xy
	ground
	commune int
	edge    bool // at the outer border of the region: nothing is placed near its sides
}

// territory is the whole invented region.
type territory struct {
	region      outline
	departments []outline
	communes    []outline
	hexagons    []hexagon
	towns       []town
}

func newTerritory() *territory {
	p := pave(newCountry())
	t := &territory{towns: towns()}
	seeds := t.settle(p)
	set := grow(p, seeds)
	keepRegion(p, seeds, set)
	heads, set := renumber(seeds, set)
	chains := p.borders(set)
	for i := range chains {
		chains[i].soften(2)
	}
	t.divide(p, heads, set, chains)
	return t
}

// inRegion is below 1 inside the region, and rises outwards.
func inRegion(p xy) float64 {
	u, v := math.Abs(p.x-62)/57, math.Abs(p.y-46)/50
	return math.Pow(u, 2.5) + math.Pow(v, 2.5) + 0.62*fractal(p.x/30, p.y/30, 4, 85)
}

// roomy is how wide a commune is at a place, km between centres: smaller in the plain,
// wide on the causses, the range and the delta.
func roomy(g *ground) float64 {
	return 4.75 + 2.1*step(250, 900, g.alt) + 1.2*step(4, 0, g.lagoon)*step(0, 4, g.inland) - 0.5*step(1.5, 0, g.stream)
}

func dry(g *ground) bool { return g.land && !g.flooded }

// settle chooses where the communes' chief places are: the towns first, then villages as
// far from each other as the ground suggests, evened out.
func (t *territory) settle(p *paving) []town {
	seeds := slices.Clone(t.towns)
	c := newChance(2024, 1)
	for range 60000 {
		i := c.below(len(p.centre))
		q, g := p.centre[i], &p.ground[i]
		if !dry(g) || inRegion(q) > 1.1 || g.slope > 260 {
			continue
		}
		room := roomy(g) * c.between(0.72, 1.05)
		free := true
		for _, s := range seeds {
			if sq(s.at.x-q.x)+sq(s.at.y-q.y) < sq(room) {
				free = false
				break
			}
		}
		if free {
			seeds = append(seeds, town{at: q, size: 0.4 + 1.4*c.float()*c.float()})
		}
	}
	return seeds
}

// front is a queue of hexagons by the effort to reach them.
type front []reach

type reach struct {
	cost float64
	hex  int
	set  int32
}

func (f front) Len() int           { return len(f) }
func (f front) Less(i, j int) bool { return f[i].cost < f[j].cost }
func (f front) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *front) Push(x any)        { *f = append(*f, x.(reach)) }
func (f *front) Pop() any {
	o := *f
	x := o[len(o)-1]
	*f = o[:len(o)-1]
	return x
}

// grow gives every dry hexagon to the chief place it is easiest to walk to: borders then
// follow rivers, crests and gorges. Sets are numbered from 1, 0 is water.
func grow(p *paving, seeds []town) []int32 {
	set := make([]int32, len(p.centre))
	cost := make([]float64, len(p.centre))
	for i := range cost {
		cost[i] = math.Inf(1)
	}
	var f front
	for s, t := range seeds {
		i := p.nearest(t.at)
		cost[i] = 0
		f = append(f, reach{0, i, int32(s + 1)})
	}
	heap.Init(&f)
	for len(f) > 0 {
		r := heap.Pop(&f).(reach)
		if set[r.hex] != 0 {
			continue
		}
		set[r.hex] = r.set
		for _, j := range around(r.hex) {
			if j < 0 || set[j] != 0 || !dry(&p.ground[j]) || inRegion(p.centre[j]) > 1.14 {
				continue
			}
			if c := r.cost + walk(p, r.hex, j); c < cost[j] {
				cost[j] = c
				heap.Push(&f, reach{c, j, r.set})
			}
		}
	}
	return set
}

func walk(p *paving, i, j int) float64 {
	a, b := &p.ground[i], &p.ground[j]
	w := 0.6 + 3.2*sq(noise(p.centre[j].x/1.5, p.centre[j].y/1.5, 91)) + math.Abs(a.alt-b.alt)/60
	if b.stream < 0.3 {
		w += 4 * b.bank
	}
	return w
}

// nearest is the dry hexagon nearest to a place.
func (p *paving) nearest(at xy) int {
	row, col := int((at.y-hexFoot)/(hexSide*0.866)), int((at.x-hexWest)/hexSide)
	best, d := -1, math.Inf(1)
	for reach := 3; best < 0; reach *= 2 { // wider as long as all is water
		for r := max(0, row-reach); r <= min(hexRows-1, row+reach); r++ {
			for q := max(0, col-reach); q <= min(hexCols-1, col+reach); q++ {
				i := r*hexCols + q
				if e := sq(p.centre[i].x-at.x) + sq(p.centre[i].y-at.y); e < d && dry(&p.ground[i]) {
					best, d = i, e
				}
			}
		}
	}
	return best
}

// keepRegion drops the communes outside the region, and those too small to be one.
func keepRegion(p *paving, seeds []town, set []int32) {
	count := make([]int, len(seeds)+1)
	touches := make([]bool, len(seeds)+1)
	for i, s := range set {
		count[s]++
		r, q := i/hexCols, i%hexCols
		if r < 2 || q < 2 || r >= hexRows-2 || q >= hexCols-2 {
			touches[s] = true
		}
	}
	for i, s := range set {
		if s > 0 && (inRegion(seeds[s-1].at) >= 1 || touches[s] || count[s] < 8) {
			set[i] = 0
		}
	}
}

// renumber numbers the communes that are left from 1.
func renumber(seeds []town, set []int32) ([]town, []int32) {
	number := make([]int32, len(seeds)+1)
	var heads []town
	for i, s := range set {
		if s == 0 {
			continue
		}
		if number[s] == 0 {
			heads = append(heads, seeds[s-1])
			number[s] = int32(len(heads))
		}
		set[i] = number[s]
	}
	return heads, set
}

// divide names the communes, groups them into departments, and makes all outlines from the
// same chains.
func (t *territory) divide(p *paving, heads []town, set []int32, chains []chain) {
	dept := departments(heads, chains)
	names := communeNames(heads, p)
	order := make([]int, len(heads))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(dept[a], dept[b]), strings.Compare(plain(names[a]), plain(names[b])))
	})
	rank := make([]int, len(heads))
	number := 0
	for k, i := range order {
		if k > 0 && dept[i] != dept[order[k-1]] {
			number = 0
		}
		number++
		rank[i] = k
		d := regionCode + string(rune('1'+dept[i]))
		t.communes = append(t.communes, outline{code: d + digits3(number), name: names[i], parent: d, middle: heads[i].at,
			shape: shapeOf(rings(chains, int32(i+1), func(s int32) int32 { return s }))})
	}
	for d, name := range departmentNames {
		side := func(s int32) int32 {
			if s == 0 {
				return 0
			}
			return int32(dept[s-1] + 1)
		}
		t.departments = append(t.departments, outline{code: regionCode + string(rune('1'+d)), name: name, parent: regionCode,
			shape: shapeOf(rings(chains, int32(d+1), side))})
	}
	t.region = outline{code: regionCode, name: regionName,
		shape: shapeOf(rings(chains, 1, func(s int32) int32 { return min(s, 1) }))}
	for i, s := range set {
		if s == 0 {
			continue
		}
		h := hexagon{xy: p.centre[i], ground: p.ground[i], commune: rank[s-1]}
		for _, j := range around(i) {
			h.edge = h.edge || set[j] == 0
		}
		t.hexagons = append(t.hexagons, h)
	}
}

func digits3(n int) string {
	return string([]byte{byte('0' + n/100), byte('0' + n/10%10), byte('0' + n%10)})
}

// departments gives each commune its department, growing from four chief towns over the
// borders that communes share, so that a department is in one piece.
func departments(heads []town, chains []chain) []int {
	next := make([]map[int]bool, len(heads))
	for i := range next {
		next[i] = map[int]bool{}
	}
	for _, c := range chains {
		if c.left > 0 && c.right > 0 {
			next[c.left-1][int(c.right-1)] = true
			next[c.right-1][int(c.left-1)] = true
		}
	}
	dept := make([]int, len(heads))
	for i := range dept {
		dept[i] = -1
	}
	var f front
	for d, start := range []xy{{54, 24}, {22, 62}, {64, 74}, {102, 48}} {
		best := 0
		for i, h := range heads {
			b := heads[best]
			if sq(h.at.x-start.x)+sq(h.at.y-start.y) < sq(b.at.x-start.x)+sq(b.at.y-start.y) {
				best = i
			}
		}
		f = append(f, reach{0, best, int32(d)})
	}
	heap.Init(&f)
	for len(f) > 0 {
		r := heap.Pop(&f).(reach)
		if dept[r.hex] >= 0 {
			continue
		}
		dept[r.hex] = int(r.set)
		a := heads[r.hex].at
		for j := range next[r.hex] {
			if b := heads[j].at; dept[j] < 0 {
				heap.Push(&f, reach{r.cost + math.Hypot(a.x-b.x, a.y-b.y) + 1e-9*float64(j), j, r.set})
			}
		}
	}
	return dept
}

// lonlat turns the country's kilometres into degrees, rounded to about 10 cm as the files
// are.
func lonlat(p xy) orb.Point {
	lon, lat := geo.FromLambert93((p.x+originX)*1000, (p.y+originY)*1000)
	return orb.Point{math.Round(lon*1e6) / 1e6, math.Round(lat*1e6) / 1e6}
}

// shapeOf sorts rings into outer ones and the holes (lagoons, enclaves) they surround.
func shapeOf(all [][]xy) orb.MultiPolygon {
	var outer [][]xy
	var mp orb.MultiPolygon
	for _, r := range all {
		if turning(r) > 0 {
			outer = append(outer, r)
		}
	}
	slices.SortFunc(outer, func(a, b []xy) int { return cmp.Compare(turning(b), turning(a)) })
	for _, r := range outer {
		mp = append(mp, orb.Polygon{project(r)})
	}
	for _, r := range all {
		if turning(r) > 0 {
			continue
		}
		for i := len(outer) - 1; i >= 0; i-- { // the smallest that holds it
			if holds(outer[i], r[0]) {
				mp[i] = append(mp[i], project(r))
				break
			}
		}
	}
	return mp
}

func project(r []xy) orb.Ring {
	out := make(orb.Ring, len(r))
	for i, p := range r {
		out[i] = lonlat(p)
	}
	return out
}

// holds reports whether p is inside the ring.
func holds(ring []xy, p xy) bool {
	in := false
	for i := 1; i < len(ring); i++ {
		a, b := ring[i-1], ring[i]
		if (a.y > p.y) != (b.y > p.y) && p.x < a.x+(p.y-a.y)/(b.y-a.y)*(b.x-a.x) {
			in = !in
		}
	}
	return in
}
