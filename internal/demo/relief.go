package demo

import "math"

// The country is drawn in kilometres: x eastwards from 700 km of Lambert-93, y northwards
// from 6,230 km. Its shape is fixed; only observations depend on the seed.
const (
	originX = 700.0
	originY = 6230.0
)

type xy struct{ x, y float64 }

// curve is a smooth line through a few points, sampled finely.
type curve struct {
	points []xy
	along  []float64 // distance from the start, km
	spans  []span
}

// span is the extent of some sides of a curve, so that far ones are passed over at once.
type span struct {
	from, to int // points[from:to+1]
	min, max xy
}

const spanLength = 16

func (c *curve) split() {
	for from := 0; from < len(c.points)-1; from += spanLength {
		to := min(from+spanLength, len(c.points)-1)
		s := span{from: from, to: to, min: c.points[from], max: c.points[from]}
		for _, p := range c.points[from : to+1] {
			s.min = xy{min(s.min.x, p.x), min(s.min.y, p.y)}
			s.max = xy{max(s.max.x, p.x), max(s.max.y, p.y)}
		}
		c.spans = append(c.spans, s)
	}
}

// away is the square of the least distance p can have from the span.
func (s *span) away(p xy) float64 {
	return sq(max(0, s.min.x-p.x, p.x-s.max.x)) + sq(max(0, s.min.y-p.y, p.y-s.max.y))
}

// smooth draws a Catmull-Rom spline through the given points, shaken by noise of the given
// width in km.
func smooth(control []xy, shake float64, seed uint64) curve {
	var c curve
	n := len(control)
	at := func(i int) xy { return control[max(0, min(n-1, i))] }
	const steps = 24
	for i := range n - 1 {
		p0, p1, p2, p3 := at(i-1), at(i), at(i+1), at(i+2)
		for s := range steps {
			t := float64(s) / steps
			c.points = append(c.points, xy{spline(p0.x, p1.x, p2.x, p3.x, t), spline(p0.y, p1.y, p2.y, p3.y, t)})
		}
	}
	c.points = append(c.points, control[n-1])
	for i := range c.points {
		p := &c.points[i]
		dx := fractal(p.x/5, p.y/5, 3, seed) * shake
		dy := fractal(p.x/5, p.y/5, 3, seed+9) * shake
		p.x, p.y = p.x+dx, p.y+dy
	}
	c.along = make([]float64, len(c.points))
	for i := 1; i < len(c.points); i++ {
		a, b := c.points[i-1], c.points[i]
		c.along[i] = c.along[i-1] + math.Hypot(b.x-a.x, b.y-a.y)
	}
	c.split()
	return c
}

func spline(a, b, c, d, t float64) float64 {
	return 0.5 * (2*b + (c-a)*t + (2*a-5*b+4*c-d)*t*t + (3*b-a-3*c+d)*t*t*t)
}

// near returns the distance from p to the curve, how far along it is, and whether p lies on
// its left.
func (c *curve) near(p xy) (dist, along float64, left bool) {
	best := math.Inf(1)
	for k := range c.spans {
		if c.spans[k].away(p) >= best {
			continue
		}
		for i := c.spans[k].from + 1; i <= c.spans[k].to; i++ {
			a, b := c.points[i-1], c.points[i]
			dx, dy := b.x-a.x, b.y-a.y
			t := ((p.x-a.x)*dx + (p.y-a.y)*dy) / (dx*dx + dy*dy)
			t = max(0, min(1, t))
			ex, ey := p.x-a.x-t*dx, p.y-a.y-t*dy
			if d := ex*ex + ey*ey; d < best {
				best = d
				along = c.along[i-1] + t*(c.along[i]-c.along[i-1])
				left = dx*(p.y-a.y)-dy*(p.x-a.x) > 0
			}
		}
	}
	return math.Sqrt(best), along, left
}

// river is a course with the altitude of its bed at each point.
type river struct {
	name string
	curve
	bed  []float64
	size float64 // 1 the great river of the east
}

// lagoon is an étang behind the beach: an ellipse in (along the coast, inland) kilometres.
type lagoon struct {
	from, to  float64 // along the coast
	near, far float64 // inland
}

// country is the shape of the land: coast, lagoons, rivers, heights.
type country struct {
	coast   curve
	lagoons []lagoon
	rivers  []river
}

func newCountry() *country {
	c := &country{
		coast: smooth([]xy{{22, -18}, {29, -8}, {36, 1}, {44, 8}, {51, 11.5}, {56, 12}, {60.5, 9}, {64.5, 13}, {71, 20.5},
			{79, 27}, {88, 31}, {95, 29.5}, {100, 26}, {106.5, 27}, {111, 33}, {118, 39}, {130, 46}}, 0.6, 41),
		lagoons: []lagoon{{21.5, 33, 1.5, 4.6}, {36, 39.5, 1.6, 3.6}, {56, 68.5, 1.5, 5.6}, {70.6, 76.5, 1.5, 4.2},
			{78.6, 82, 1.7, 3.6}, {88.5, 100.5, 1.9, 8.6}, {103, 107, 2.2, 5}},
	}
	course := func(name string, size float64, control ...xy) {
		c.rivers = append(c.rivers, river{name: name, size: size, curve: smooth(control, 1.5, uint64(len(c.rivers))*13+7)})
	}
	course("l’Orbelle", 0.7, xy{9, 84}, xy{15, 72}, xy{24, 65}, xy{27, 54}, xy{34, 44}, xy{35, 33}, xy{42, 25}, xy{47, 17}, xy{52, 8})
	course("la Hérande", 0.8, xy{45, 100}, xy{50, 88}, xy{46, 76}, xy{54, 66}, xy{55, 54}, xy{62, 45}, xy{61, 36}, xy{65, 28}, xy{67.5, 20})
	course("le Vidarel", 0.5, xy{80, 88}, xy{77, 76}, xy{82, 66}, xy{79, 56}, xy{84, 46}, xy{83, 40}, xy{85.5, 33})
	course("la Rosane", 1, xy{101, 104}, xy{100, 90}, xy{103, 78}, xy{100, 66}, xy{104, 54}, xy{101, 45}, xy{104, 36}, xy{103, 22})
	course("la Tardenne", 0.4, xy{30, 90}, xy{35, 78}, xy{44, 70}, xy{50, 60}, xy{54, 54})
	course("le Gardel", 0.5, xy{68, 98}, xy{76, 84}, xy{86, 78}, xy{92, 70}, xy{101, 64})
	for i := range c.rivers {
		r := &c.rivers[i]
		r.bed = make([]float64, len(r.points))
		low := math.Inf(1)
		for j, p := range r.points {
			d, _, land := c.coast.near(p)
			if !land {
				d = 0
			}
			low = min(low, 0.42*c.heights(p, d)+0.4*d)
			r.bed[j] = max(0.5, min(low, 11*d))
		}
	}
	return c
}

// shore returns the distance inland of the coast, negative at sea.
func (c *country) shore(p xy) (inland, along float64) {
	d, along, left := c.coast.near(p)
	if !left {
		d = -d
	}
	// Beaches run smooth; the cape of the west and the delta of the east are ragged.
	rough := 0.25 + 0.8*math.Exp(-sq((along-38)/5)) + 0.5*math.Exp(-sq((along-88)/7))
	return d + rough*fractal(p.x/3, p.y/3, 4, 77), along
}

func sq(v float64) float64 { return v * v }

// water reports whether a place at a distance from the shore is a lagoon.
func (c *country) water(p xy, inland, along float64) bool {
	for _, l := range c.lagoons {
		mid, half := (l.from+l.to)/2, (l.to-l.from)/2
		u := (along - mid) / half
		v := (inland - (l.near+l.far)/2) / ((l.far - l.near) / 2)
		wob := 0.42 * fractal(p.x/2.6, p.y/2.6, 3, 5)
		if inland > l.near-0.2 && u*u*math.Abs(u)+v*v+wob < 1 {
			return true
		}
	}
	return false
}

// heights is the altitude in metres before rivers cut into it.
func (c *country) heights(p xy, inland float64) float64 {
	d := max(0, inland)
	plain := 1 + 1.6*d + 14*step(3, 14, d)*noise(p.x/4, p.y/4, 3)
	// Garrigue hills: low limestone crests parallel to the coast.
	hills := step(9, 26, d) * (60 + 330*ridged((p.x+0.6*p.y)/19, (p.y-0.6*p.x)/9, 4, 11))
	// A lone massif above the coast, like an island in the plain.
	massif := 210 * math.Exp(-(sq((p.x-76)/5) + sq((p.y-27.5)/2.2)))
	// Causses: plateaus with steep edges in the north.
	edge := 0.5*fractal(p.x/14, p.y/14, 3, 23) + sq((p.x-66)/40) + sq((p.y-92)/26)
	causse := step(1.0, 0.72, edge) * (610 + 190*noise(p.x/15, p.y/15, 29))
	// The range of the north-west, from south-west to north-east.
	spine := math.Abs((p.y-63)-(p.x-2)*0.55) / 1.14
	flank := math.Exp(-sq(spine / 17))
	length := step(66, 36, p.x) * step(-12, 8, p.x)
	range1 := flank * length * (560 + 1650*ridged(p.x/15, p.y/15, 5, 31)) * (0.72 + 0.55*step(0, 60, p.y))
	// The southern outliers of the range.
	fore := step(46, 22, p.x) * math.Exp(-sq((p.y-47)/11)) * (140 + 760*ridged(p.x/13, p.y/8, 4, 37))
	h := max(plain+hills+massif, causse, range1, fore) + 0.25*min(causse, range1) + 0.2*min(hills, fore)
	if h > 1200 {
		h = 1200 + (h-1200)*0.68
	}
	return h + step(40, 300, h)*38*fractal(p.x/2.2, p.y/2.2, 3, 43)
}

// ground is what is known of a place.
type ground struct {
	alt     float64 // metres
	inland  float64 // km from the sea
	lagoon  float64 // km from the nearest lagoon's edge, roughly
	stream  float64 // km from the nearest river
	bank    float64 // size of that river
	course  int     // its index
	height  float64 // of the land above that river's bed
	slope   float64 // metres per km, about
	wet     float64 // 0–1, how damp the country is
	land    bool
	flooded bool // in a lagoon
}

// at describes the place p.
func (c *country) at(p xy) ground {
	var g ground
	var along float64
	g.inland, along = c.shore(p)
	g.land = g.inland > 0
	if !g.land {
		return g
	}
	g.flooded = c.water(p, g.inland, along)
	g.alt = c.heights(p, g.inland)
	g.stream = math.Inf(1)
	var bed float64
	for i := range c.rivers {
		r := &c.rivers[i]
		for k := range r.spans {
			if r.spans[k].away(p) >= g.stream {
				continue
			}
			for j := r.spans[k].from; j <= r.spans[k].to; j++ {
				if d := sq(p.x-r.points[j].x) + sq(p.y-r.points[j].y); d < g.stream {
					g.stream, g.bank, g.course, bed = d, r.size, i, r.bed[j]
				}
			}
		}
	}
	g.stream = math.Sqrt(g.stream)
	raw := g.alt
	if raw > bed {
		// Gorges through high ground are narrow, valleys of the plain wide.
		width := 1.2 + 2.6*g.bank + 2.4*step(500, 60, raw)
		cut := step(0.15, width, g.stream)
		g.alt = bed + (raw-bed)*cut
		g.slope = (raw - bed) * step(width, 0.3, g.stream) / width
	}
	g.height = g.alt - bed
	g.lagoon = c.toLagoon(g.inland, along)
	g.wet = step(200, 900, raw)*0.7 + 0.4*noise(p.x/9, p.y/9, 53) + 0.3*step(2.5, 0, g.stream)
	return g
}

// toLagoon is about how far, in km, a place is from the nearest lagoon.
func (c *country) toLagoon(inland, along float64) float64 {
	best := math.Inf(1)
	for _, l := range c.lagoons {
		du := max(0, l.from-along, along-l.to)
		dv := max(0, l.near-inland, inland-l.far)
		best = min(best, math.Hypot(du, dv))
	}
	return best
}
