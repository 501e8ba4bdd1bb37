package demo

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"garrigue/internal/geo"
)

// site is a spot observers go to: a hexagon of the invented territory, or a disc inside a
// real commune.
type site struct {
	lon, lat float64
	x, y     float64 // km, in the country's own frame
	alt      float64 // metres; noHeight when unknown
	radius   float64 // metres around that belong to it
	perLon   float64 // degrees of longitude in a metre
	inland   float64 // km from the sea
	commune  int32
}

const (
	noHeight = -1
	perLat   = 1 / 111100.0 // degrees of latitude in a metre, near 43.5° N
)

// pool is the sites of one habitat in order of altitude, with the running sum of how much
// they are visited.
type pool struct {
	sites []int32
	alt   []float64
	sum   []float64 // sum[i] is before site i
}

// place is a commune as observations name it.
type place struct{ code, name, department string }

// world is where and what is observed.
type world struct {
	sites    []site
	pools    [habitats]pool
	communes []place
	species  []species
	genera   map[string]int32 // name → CD_NOM, for what is determined to the genus only
	spreads  bool             // spreading taxa start from the coast
}

// newWorld prepares the fictional territory for observers.
func newWorld(t *territory, species []species, genera map[string]int32) *world {
	w := &world{species: species, genera: genera, spreads: true}
	for _, c := range t.communes {
		w.communes = append(w.communes, place{c.code, c.name, c.parent})
	}
	var weights [habitats][]float64
	paths := roads(t.towns)
	luck := newChance(31, 5)
	for i := range t.hexagons {
		h := &t.hexagons[i]
		p := lonlat(h.xy)
		s := site{lon: p[0], lat: p[1], x: h.x, y: h.y, alt: math.Max(0, math.Round(h.alt)), radius: 200,
			perLon: perLat / math.Cos(p[1]*math.Pi/180), inland: h.inland, commune: int32(h.commune)}
		if h.edge {
			s.radius = 40
		}
		w.sites = append(w.sites, s)
		e := effort(h, t, paths) * math.Exp(1.1*luck.normal())
		for k, a := range affinities(h, t) {
			if k > 0 {
				weights[k] = append(weights[k], a*e)
			}
		}
	}
	for k := forest; k < habitats; k++ {
		w.pools[k] = w.pool(weights[k])
	}
	return w
}

func (w *world) pool(weight []float64) pool {
	var p pool
	for i, v := range weight {
		if v > 1e-3 {
			p.sites = append(p.sites, int32(i))
		}
	}
	slices.SortStableFunc(p.sites, func(a, b int32) int { return cmp.Compare(w.sites[a].alt, w.sites[b].alt) })
	sum := 0.0
	for _, i := range p.sites {
		p.alt = append(p.alt, w.sites[i].alt)
		p.sum = append(p.sum, sum)
		sum += weight[i]
	}
	p.sum = append(p.sum, sum)
	return p
}

// road joins two towns.
type road struct{ a, b xy }

func roads(towns []town) []road {
	var all []road
	for i, t := range towns {
		near := slices.Clone(towns)
		slices.SortFunc(near, func(a, b town) int {
			return cmp.Compare(math.Hypot(a.at.x-t.at.x, a.at.y-t.at.y), math.Hypot(b.at.x-t.at.x, b.at.y-t.at.y))
		})
		for k := 1; k <= 2+i%2; k++ {
			all = append(all, road{t.at, near[k].at})
		}
	}
	return all
}

func (r *road) away(p xy) float64 {
	dx, dy := r.b.x-r.a.x, r.b.y-r.a.y
	t := max(0, min(1, ((p.x-r.a.x)*dx+(p.y-r.a.y)*dy)/(dx*dx+dy*dy)))
	return math.Hypot(p.x-r.a.x-t*dx, p.y-r.a.y-t*dy)
}

// reserves are where naturalists go even though nobody lives there.
func reserves() []xy {
	return []xy{{65, 17.5}, {92, 37}, {49, 82}, {18, 67}, {66, 86}, {80, 61}, {40, 12}, {33, 78}}
}

// effort is how much a hexagon is visited: near towns, along roads, in reserves.
func effort(h *hexagon, t *territory, paths []road) float64 {
	e := 0.05
	for _, tn := range t.towns {
		e += 0.11 * math.Sqrt(tn.size) * math.Exp(-math.Hypot(tn.at.x-h.x, tn.at.y-h.y)/(2.5+math.Sqrt(tn.size)))
	}
	best := math.Inf(1)
	for i := range paths {
		best = min(best, paths[i].away(h.xy))
	}
	e += 0.3 * math.Exp(-best/1.1)
	for _, r := range reserves() {
		e += 1.3 * math.Exp(-(sq(r.x-h.x)+sq(r.y-h.y))/9)
	}
	// Whole corners of the country have no naturalist, others have three.
	return e * (0.08 + 3*math.Pow(noise(h.x/8, h.y/8, 211), 3))
}

// affinities is how much of each habitat a hexagon holds.
func affinities(h *hexagon, t *territory) [habitats]float64 {
	var a [habitats]float64
	g := &h.ground
	wood, open := noise(h.x/3, h.y/3, 101), noise(h.x/2.3, h.y/2.3, 103)
	town := 0.0
	m := t.communes[h.commune].middle
	town = math.Exp(-(sq(m.x-h.x) + sq(m.y-h.y)) / 0.35)
	for _, tn := range t.towns {
		town = max(town, math.Exp(-(sq(tn.at.x-h.x)+sq(tn.at.y-h.y))/(0.5+tn.size*0.16)))
	}
	wild := 1 - 0.85*town
	low := step(420, 150, g.alt)
	a[forest] = wild * step(0.4, 0.72, wood) * step(8, 90, g.alt) * step(1250, 950, g.alt)
	a[highwood] = wild * step(620, 950, g.alt) * step(1850, 1600, g.alt) * (0.15 + step(0.3, 0.6, wood))
	a[garrigue] = wild * step(12, 70, g.alt) * step(1000, 650, g.alt) * step(0.75, 0.45, wood) * (1.1 - 0.7*g.wet)
	a[grassland] = wild * step(30, 300, g.alt) * step(1500, 1150, g.alt) * step(0.35, 0.7, open)
	a[meadow] = wild * (0.08 + step(150, 600, g.alt)*g.wet) * step(1900, 1550, g.alt) * step(0.25, 0.6, open)
	a[field] = wild * (low + 0.15*step(900, 500, g.alt)) * step(0.7, 0.3, wood) * step(0.8, 2.5, g.inland)
	a[village] = town * step(1900, 1300, g.alt)
	pond := step(0.86, 0.93, noise(h.x*1.3, h.y*1.3, 107))
	a[wetland] = wild * (step(2.2, 0.3, g.lagoon)*step(0.4, 1.2, g.inland) + step(0.7, 0.2, g.stream)*step(120, 20, g.alt) +
		0.5*pond*step(1900, 1500, g.alt))
	a[stream] = step(0.75, 0.2, g.stream) * (0.5 + g.bank)
	a[salt] = wild * step(0.9, 0.1, g.lagoon) * step(30, 4, g.alt)
	a[beach] = step(0.95, 0.35, g.inland)
	a[cliff] = step(70, 220, g.slope) + 0.5*step(900, 1500, g.alt)*step(0.6, 0.85, open) + step(60, 140, g.alt)*step(9, 5, g.inland) +
		0.05*town
	a[alpine] = step(1050, 1400, g.alt) * step(0.8, 0.4, wood)
	return a
}

// haunt is a habitat a species is looked for in, with the running sum of its weight.
type haunt struct {
	pool *pool
	sum  float64
}

// haunts returns the habitats of s that exist at its altitudes; none when the species
// cannot live here.
func (w *world) haunts(s *species) []haunt {
	var all []haunt
	sum := 0.0
	for k := range s.habitats {
		if s.habitats[k] == 0 {
			continue
		}
		p := &w.pools[k]
		lo, hi := p.between(s.low, s.high)
		if share := p.sum[hi] - p.sum[lo]; share > 0 {
			sum += s.habitats[k] * math.Pow(share/p.sum[len(p.sites)], 0.4)
			all = append(all, haunt{p, sum})
		}
	}
	return all
}

// between returns the part of the pool within two altitudes: sites[lo:hi].
func (p *pool) between(low, high float64) (lo, hi int) {
	if len(p.alt) > 0 && p.alt[0] == noHeight {
		return 0, len(p.sites)
	}
	return sort.SearchFloat64s(p.alt, low), sort.SearchFloat64s(p.alt, high+0.5)
}

// pick chooses a site for s in a year. A species is commoner in the middle of its
// altitudes and, the rarer it is, the more it keeps to some parts of the country.
func (w *world) pick(s *species, at []haunt, year int, c *chance) (int32, bool) {
	found := int32(-1)
	loyal := min(0.85, 0.08+s.frequency/700)
	for range 12 {
		v := c.float() * at[len(at)-1].sum
		k := 0
		for at[k].sum <= v {
			k++
		}
		p := at[k].pool
		span := s.high - s.low
		lo, hi := p.between(s.low+span*0.2*sq(c.float())*step(0, 150, s.low), s.high-span*0.35*sq(c.float()))
		if hi <= lo {
			continue
		}
		target := c.between(p.sum[lo], p.sum[hi])
		j := min(sort.Search(hi-lo, func(i int) bool { return p.sum[lo+i+1] > target })+lo, hi-1)
		i := p.sites[j]
		t := &w.sites[i]
		if s.since > 0 && w.spreads && float64(year-s.since) < t.inland/4 {
			continue
		}
		found = i
		if c.float() < loyal+(1-loyal)*step(0.35, 0.75, noise(t.x/17, t.y/17, uint64(s.cdNom))) {
			return i, true
		}
	}
	return found, found >= 0
}

// cell10 is the national 10 km cell of a site.
func (s *site) cell10() string {
	x, y := geo.ToLambert93(s.lon, s.lat)
	return geo.CellAt(geo.Cell10, x, y).Code()
}
