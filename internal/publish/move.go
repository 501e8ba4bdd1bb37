package publish

import (
	"math"
	"math/rand/v2"

	"github.com/paulmach/orb"

	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
)

// mover puts observations anywhere else inside the area where they are shown, drawn by a seed:
// the same seed draws the same places.
type mover struct {
	areas  *geo.Containment
	seed   uint64
	bounds map[geo.AreaKey]orb.Bound // of administrative areas
	ground []geo.Kind                // kinds whose outlines are loaded: the territory
	random *rand.PCG
}

// draws is how many points are drawn at most before an area is taken to have no other place.
const draws = 400

func newMover(areas []geo.Area, in *geo.Containment, seed uint64) mover {
	m := mover{areas: in, seed: seed, bounds: map[geo.AreaKey]orb.Bound{}, random: rand.NewPCG(seed, 0)}
	loaded := map[geo.Kind]bool{}
	for i := range areas {
		if a := &areas[i]; len(a.Geometry) > 0 {
			m.bounds[a.Key] = a.Geometry.Bound()
			loaded[a.Key.Kind()] = true
		}
	}
	// The territory is the regions when there are some, else what is loaded.
	switch {
	case loaded[geo.Region]:
		m.ground = []geo.Kind{geo.Region}
	default:
		for _, k := range [...]geo.Kind{geo.Commune, geo.Department} {
			if loaded[k] {
				m.ground = append(m.ground, k)
			}
		}
	}
	return m
}

// spot draws a point evenly from an area, inside the territory; false when none was found.
// What is asked with one key gets one point in each area.
func (m *mover) spot(a geo.AreaKey, key uint64) (lon, lat float64, ok bool) {
	m.random.Seed(m.seed^key*0x9e3779b97f4a7c15, uint64(a))
	r := rand.New(m.random)
	for range draws {
		if a.Kind().Mesh() > 0 {
			b := a.Box()
			// Whole metres, as points are kept, and never on the far edge, which is the next cell's.
			lon, lat = geo.FromLambert93(b.MinX+math.Floor(r.Float64()*(b.MaxX-b.MinX))+0.5, b.MinY+math.Floor(r.Float64()*(b.MaxY-b.MinY))+0.5)
			ok = m.inside(lon, lat)
		} else {
			b, known := m.bounds[a]
			if !known {
				return 0, 0, false
			}
			lo, hi := math.Sin(b.Min[1]*math.Pi/180), math.Sin(b.Max[1]*math.Pi/180)
			lon = b.Min[0] + r.Float64()*(b.Max[0]-b.Min[0])
			lat = math.Asin(lo+r.Float64()*(hi-lo)) * 180 / math.Pi
			ok = m.areas.At(a.Kind(), lon, lat) == a && m.inside(lon, lat)
		}
		if ok {
			return lon, lat, true
		}
	}
	return 0, 0, false
}

func (m *mover) inside(lon, lat float64) bool {
	if len(m.ground) == 0 {
		return true
	}
	for _, k := range m.ground {
		if m.areas.At(k, lon, lat) != 0 {
			return true
		}
	}
	return false
}

// move puts an observation elsewhere in an area, with all that goes with its place; false when
// it stays, the area being all that is known of it or having no other place.
func (m *mover) move(o *observation.Observation, in geo.AreaKey, key uint64) bool {
	if o.Place.Attached == in && o.Place.Georeference != observation.ByGeometry {
		return false
	}
	p := &o.Place
	for try := uint64(0); ; try++ {
		lon, lat, ok := m.spot(in, key+try<<56)
		if !ok || try == attempts {
			return false
		}
		if p.Georeference == observation.ByGeometry {
			m.movePoint(p, lon, lat)
			break
		}
		if o.BlurredAtSource() {
			m.moveGiven(p, in, lon, lat)
			break
		}
		if to := m.areas.At(p.Attached.Kind(), lon, lat); m.fits(to, in) {
			m.attach(p, to, lon, lat)
			break
		}
	}
	p.AltitudeMin, p.AltitudeMax = int16(m.random.Uint64()%3000), int16(m.random.Uint64()%3000)
	p.Geometry = nil
	p.Name, o.Comment, o.Observers, o.Determiner = "moved", "moved", "moved", "moved"
	return true
}

// attempts is how many points are tried for a record attached to an area, which may not fit where
// the point does.
const attempts = 20

// movePoint puts a shape elsewhere, as large as it was.
func (m *mover) movePoint(p *observation.Place, lon, lat float64) {
	x0, y0 := geo.ToLambert93(p.Lon, p.Lat)
	x, y := geo.ToLambert93(lon, lat)
	x, y = math.Floor(x), math.Floor(y)
	dx, dy := x-math.Floor(x0), y-math.Floor(y0)
	if p.Box.MinX == p.Box.MaxX && p.Box.MinY == p.Box.MaxY {
		p.Box = geo.Box{MinX: x, MinY: y, MaxX: x, MaxY: y}
	} else {
		p.Box = geo.Box{MinX: p.Box.MinX + dx, MinY: p.Box.MinY + dy, MaxX: p.Box.MaxX + dx, MaxY: p.Box.MaxY + dy}
	}
	p.Lon, p.Lat = lon, lat
	p.Commune, p.Department = m.holding(geo.Commune, p.Box, lon, lat), m.holding(geo.Department, p.Box, lon, lat)
	if p.Department == 0 && p.Commune != 0 {
		for _, a := range m.areas.Containers(p.Commune) {
			if a.Kind() == geo.Department {
				p.Department = a
			}
		}
	}
}

// holding returns the area that holds a point and the corners of the box around it, as nearly
// as that can be known of a shape.
func (m *mover) holding(k geo.Kind, b geo.Box, lon, lat float64) geo.AreaKey {
	a := m.areas.At(k, lon, lat)
	if b.MinX == b.MaxX && b.MinY == b.MaxY {
		return a
	}
	for _, c := range [...][2]float64{{b.MinX, b.MinY}, {b.MinX, b.MaxY}, {b.MaxX, b.MinY}, {b.MaxX, b.MaxY}} {
		if lon, lat := geo.FromLambert93(c[0], c[1]); m.areas.At(k, lon, lat) != a {
			return 0
		}
	}
	return a
}

// attach puts a record on another area.
func (m *mover) attach(p *observation.Place, to geo.AreaKey, lon, lat float64) {
	p.Attached, p.Lon, p.Lat = to, lon, lat
	p.Commune, p.Department = 0, 0
	if to.Kind().Mesh() > 0 {
		p.Lon, p.Lat = middle(to)
		p.Box = to.Box()
		p.Box.MaxX, p.Box.MaxY = p.Box.MaxX-1, p.Box.MaxY-1
	} else {
		p.Box = geo.BoxOf(m.bounds[to])
	}
	for _, a := range append(m.areas.Containers(to), to) {
		switch a.Kind() {
		case geo.Commune:
			p.Commune = a
		case geo.Department:
			p.Department = a
		}
	}
}

// moveGiven puts a record that its producer blurred on other areas of the kinds that were given,
// as far as those nest in the area where it is shown.
func (m *mover) moveGiven(p *observation.Place, in geo.AreaKey, lon, lat float64) {
	for _, a := range [...]*geo.AreaKey{&p.Attached, &p.Commune, &p.Department} {
		if *a == 0 || *a == in {
			continue
		}
		if to := m.areas.At(a.Kind(), lon, lat); m.fits(to, in) {
			*a = to
		}
	}
	if p.Attached.Kind().Mesh() > 0 {
		p.Box = p.Attached.Box()
	}
}

// fits reports whether a record attached to an area would be shown in another: a cell by its
// middle, other areas when they lie wholly in it.
func (m *mover) fits(a, in geo.AreaKey) bool {
	if a.Kind().Mesh() == 0 {
		return m.nests(a, in)
	}
	lon, lat := middle(a)
	if in.Kind().Mesh() > 0 {
		// A middle on an edge, as of a cell of 2 km on that of one of 5 km, is the next cell's: back from WGS84 it may be of either.
		b := a.Box()
		return geo.CellAt(in.Kind(), (b.MinX+b.MaxX)/2, (b.MinY+b.MaxY)/2) == in && m.inside(lon, lat)
	}
	return m.areas.At(in.Kind(), lon, lat) == in && m.inside(lon, lat)
}

func middle(cell geo.AreaKey) (lon, lat float64) {
	b := cell.Box()
	return geo.FromLambert93((b.MinX+b.MaxX)/2, (b.MinY+b.MaxY)/2)
}

// nests reports whether an area lies wholly in another.
func (m *mover) nests(a, in geo.AreaKey) bool {
	if a == 0 || a == in {
		return a != 0
	}
	for _, up := range m.areas.Containers(a) {
		if up == in {
			return true
		}
	}
	return false
}

// class is the level an observation came with.
type class struct {
	level sensitivity.Level
	list  string
}

func classOf(o *observation.Observation) class { return class{o.Sensitivity, o.SensList} }

// taxonKey is what lists name a taxon by.
type taxonKey struct {
	nom taxon.CdNom
	ref taxon.CdRef
}
