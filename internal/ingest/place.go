package ingest

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/quality"
)

// mostly is the share of a shape an area must hold to be its commune or department when the
// taxon is somewhere in the shape (In, NSP): the threshold of GINCO's note on representation,
// which says itself that it is not settled; Settings.Share is another.
const mostly = 0.8

// wholly is the same when the taxon is all over the shape (St), which is then in every area it
// meets: only one that holds all of it is its commune. One hundredth is left to outlines that
// were simplified.
const wholly = 0.99

// territory knows the instance's areas: which commune and department hold a place, and
// whether it is inside at all. It may be used from many goroutines.
type territory struct {
	communes, departments, regions []geo.Area
	byCommune, byDepartment        *geo.Index
	byRegion                       *geo.Index
	largest                        []sized                  // communes, see mayHold
	department                     map[geo.AreaKey]string   // key to INSEE code
	numbers                        map[geo.AreaKey]int      // key to place in its slice
	natural                        map[geo.AreaKey]geo.Area // natural areas and water bodies
	former                         map[string]geo.AreaKey   // INSEE code of a commune that is no more to today's
	named                          map[string]geo.AreaKey   // department and folded name, 0 when several bear it
	departmentNamed                map[string]geo.AreaKey
	share                          float64 // see mostly

	mu      sync.RWMutex
	derived map[geo.AreaKey]derivedPlace // places of attached areas, made once

	codes    map[geo.AreaKey][]string // of each department, its own code alone
	nestOnce sync.Once
	mesh     geo.Kind         // of the policy, NoKind when none is known
	nest     *geo.Containment // see nested
	met      sync.Map         // AreaKey of a cell → codes of the departments it meets
}

type derivedPlace struct {
	place  observation.Place
	inside bool
}

func newTerritory(communes, departments, regions []geo.Area) *territory {
	t := &territory{communes: communes, departments: departments, regions: regions,
		byCommune: geo.NewIndex(communes), byDepartment: geo.NewIndex(departments), byRegion: geo.NewIndex(regions),
		department: map[geo.AreaKey]string{}, numbers: map[geo.AreaKey]int{}, derived: map[geo.AreaKey]derivedPlace{}, natural: map[geo.AreaKey]geo.Area{}, share: mostly,
		largest: bySurface(communes)}
	for _, list := range [][]geo.Area{communes, departments, regions} {
		for i, a := range list {
			t.numbers[a.Key] = i
			if a.Key.Kind() == geo.Department {
				t.department[a.Key] = a.Key.Code()
			}
			if a.Parent.Kind() == geo.Department {
				t.department[a.Parent] = a.Parent.Code()
			}
		}
	}
	t.codes = make(map[geo.AreaKey][]string, len(t.department))
	for k, code := range t.department {
		t.codes[k] = []string{code}
	}
	t.setNames(nil)
	return t
}

// loaded reports whether any outline tells what the territory is.
func (t *territory) loaded() bool {
	return len(t.communes)+len(t.departments)+len(t.regions) > 0
}

// at returns the commune and department that hold a point, and whether it is inside the
// territory: the regions when there are some, else all that is loaded.
func (t *territory) at(lon, lat float64) (commune, department geo.AreaKey, inside bool) {
	if i, ok := t.byCommune.At(lon, lat); ok {
		commune, department, inside = t.communes[i].Key, t.communes[i].Parent, true
	}
	if department == 0 {
		if i, ok := t.byDepartment.At(lon, lat); ok {
			department, inside = t.departments[i].Key, true
		}
	}
	if len(t.regions) > 0 && (!inside || len(t.communes) == 0) {
		_, inside = t.byRegion.At(lon, lat)
	}
	return commune, department, inside
}

// contains reports whether a point is inside the territory.
func (t *territory) contains(lon, lat float64) bool {
	_, _, inside := t.at(lon, lat)
	return inside
}

// point fills the place of a point and reports whether it is inside the territory.
func (t *territory) point(p *observation.Place, lon, lat float64) bool {
	x, y := geo.ToLambert93(lon, lat)
	x, y = math.Floor(x), math.Floor(y)
	p.Lon, p.Lat = lon, lat
	p.Box = geo.Box{MinX: x, MinY: y, MaxX: x, MaxY: y}
	var inside bool
	p.Commune, p.Department, inside = t.at(lon, lat)
	return inside
}

// shape fills the place of a line, a polygon or a group and reports whether it is inside. An
// area must hold most of the shape, or all of it when the place is stational (p.Nature).
func (t *territory) shape(p *observation.Place, g orb.Geometry) bool {
	enough := t.share
	if p.Nature == "St" {
		enough = wholly
	}
	c := geo.InsidePoint(g)
	p.Lon, p.Lat, p.Box = c[0], c[1], geo.BoxOf(g)
	_, _, inside := t.at(c[0], c[1])
	if inside && !t.mayHold(g, enough) {
		// No commune holds enough of it, and that it is inside is known.
	} else if i, share, ok := t.byCommune.Holding(g); ok {
		inside = true
		if share > enough {
			p.Commune, p.Department = t.communes[i].Key, t.communes[i].Parent
		}
	}
	if i, share, ok := t.byDepartment.Holding(g); ok {
		inside = true
		if p.Department == 0 && share > enough {
			p.Department = t.departments[i].Key
		}
	}
	if !inside && len(t.regions) > 0 {
		_, _, inside = t.byRegion.Holding(g)
	}
	return inside
}

// mayHold reports whether a commune is large enough to hold a share of a surface it meets. Overlaying a
// ten-kilometre cell with each of the communes around takes milliseconds, and few communes are that large.
func (t *territory) mayHold(g orb.Geometry, share float64) bool {
	b := g.Bound()
	surface := min(geo.Surface(g), geo.Surface(b))
	if surface == 0 { // a line
		return true
	}
	enough := surface * share * surfacesAgree
	for i := range t.largest {
		a := &t.largest[i]
		if a.surface < enough {
			break
		}
		if a.bound.Intersects(b) && geo.Surface(overlap(a.bound, b)) >= enough {
			return true
		}
	}
	return false
}

// surfacesAgree is left to the difference between the shares of geo.Index, of degrees scaled to one latitude,
// and those of square metres: about one hundredth for a shape under a degree.
const surfacesAgree = 0.9

// overlap returns what two extents that meet have in common.
func overlap(a, b orb.Bound) orb.Bound {
	return orb.Bound{Min: orb.Point{max(a.Min[0], b.Min[0]), max(a.Min[1], b.Min[1])},
		Max: orb.Point{min(a.Max[0], b.Max[0]), min(a.Max[1], b.Max[1])}}
}

// sized is an area by its surface, in square metres, and its extent.
type sized struct {
	surface float64
	bound   orb.Bound
}

// bySurface returns the areas that have an outline, the largest first.
func bySurface(areas []geo.Area) []sized {
	var out []sized
	for i := range areas {
		if a := &areas[i]; len(a.Geometry) > 0 {
			out = append(out, sized{a.Surface, a.Geometry.Bound()})
			if a.Surface <= 0 {
				out[len(out)-1].surface = geo.Surface(a.Geometry)
			}
		}
	}
	slices.SortFunc(out, func(a, b sized) int { return cmp.Compare(b.surface, a.surface) })
	return out
}

// attached returns the place of a record attached to an area, made once per area, and
// whether it is inside the territory; found is false when no such area is loaded.
func (t *territory) attached(key geo.AreaKey) (p observation.Place, inside, found bool) {
	t.mu.RLock()
	d, ok := t.derived[key]
	t.mu.RUnlock()
	if ok {
		return d.place, d.inside, true
	}
	if d, ok = t.derive(key); !ok {
		return p, false, false
	}
	t.mu.Lock()
	t.derived[key] = d
	t.mu.Unlock()
	return d.place, d.inside, true
}

// putOn makes a known area the place, and reports whether it is inside the territory.
func (t *territory) putOn(p *observation.Place, key geo.AreaKey) bool {
	got, inside, _ := t.attached(key)
	p.Georeference, p.Attached, p.Lon, p.Lat, p.Box = got.Georeference, got.Attached, got.Lon, got.Lat, got.Box
	p.Commune, p.Department = got.Commune, got.Department
	if p.Nature == "" {
		p.Nature = got.Nature
	}
	return inside
}

func (t *territory) derive(key geo.AreaKey) (derivedPlace, bool) {
	p := observation.Place{Attached: key}
	if key.Kind().Mesh() > 0 {
		ring := geo.CellRing(key)
		inside := t.shape(&p, orb.Polygon{ring})
		p.Georeference, p.Box = observation.ByCell, cellBox(key)
		return derivedPlace{p, inside}, true
	}
	if a, ok := t.natural[key]; ok {
		// Located on a natural area: its outline is the place (standard, representation note, case 2).
		// The outline itself is not copied into each record; its code is among the record's values.
		p = observation.Place{Nature: "In"}
		inside := t.shape(&p, a.Geometry)
		p.Georeference = observation.ByGeometry
		return derivedPlace{p, inside}, true
	}
	i, ok := t.numbers[key]
	if !ok {
		return derivedPlace{}, false
	}
	var a *geo.Area
	switch key.Kind() {
	case geo.Commune:
		a = &t.communes[i]
		p.Georeference, p.Commune, p.Department = observation.ByCommune, key, a.Parent
	case geo.Department:
		a = &t.departments[i]
		p.Georeference, p.Department = observation.ByDepartment, key
	default:
		return derivedPlace{}, false
	}
	if len(a.Geometry) > 0 {
		c := geo.InsidePoint(a.Geometry)
		p.Lon, p.Lat, p.Box = c[0], c[1], geo.BoxOf(a.Geometry)
	}
	return derivedPlace{p, true}, true
}

// cellBox returns the extent of a cell as an area that lies inside it: cells are half-open.
func cellBox(key geo.AreaKey) geo.Box {
	b := key.Box()
	b.MaxX, b.MaxY = b.MaxX-1, b.MaxY-1
	return b
}

// appendPoint appends the WKB of a point, little-endian.
func appendPoint(b []byte, lon, lat float64) []byte {
	b = append(b, 1, 1, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(lon))
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(lat))
}

// locate fills the place of a row: its geometry when it has one, else the one object it is
// attached to (standard, rules of 1.3). It reports the findings; inside tells whether the
// place is in the territory.
func (m *mapper) locate(o *observation.Observation) (inside bool) {
	p := &o.Place
	g, crs, has, ok := m.geometry()
	switch {
	case !ok:
		return false
	case !has && o.Blurring == "OUI":
		return m.attachBlurred(p)
	case !has:
		return m.attach(p)
	}
	crs = m.rowCRS(crs, g)
	var at orb.Geometry // of a shape, in WGS84
	if pt, is := g.(orb.Point); is {
		inside = m.pointAt(p, pt[0], pt[1], crs)
	} else {
		inside, at = m.shapeOf(p, g, crs)
	}
	p.Georeference = observation.ByGeometry
	if crs.Shifted() {
		m.find(quality.OldDatum, fDatum, "", crsName(crs))
	}
	m.alsoAttached()
	if inside {
		m.compareStated(p, at)
	}
	return inside
}

// rowCRS returns the projection of the row's coordinates: the one the row names, when it is
// known and the figures may be of it, else the file's. Degrees are never taken for metres nor
// metres for degrees because of a word in a column.
func (m *mapper) rowCRS(file geo.CRS, g orb.Geometry) geo.CRS {
	v := m.get(fDatum)
	if v == "" || m.plan.crs != 0 || m.explicitCRS {
		return file
	}
	if v != m.datum {
		m.datum = strings.Clone(v)
		m.datumCRS, _ = parseCRS(v)
	}
	if m.datumCRS == 0 || m.datumCRS == file {
		return file
	}
	first := g.Bound().Min
	degrees := first[0] >= -180 && first[0] <= 180 && first[1] >= -180 && first[1] <= 180
	if degrees != (m.datumCRS == 4275 || isGeographic(m.datumCRS)) {
		return file
	}
	return m.datumCRS
}

// geometry returns the geometry of the row as written and its projection. has is false when
// the row has none; ok is false when it is faulty and a finding says why.
func (m *mapper) geometry() (g orb.Geometry, crs geo.CRS, has, ok bool) {
	m.explicitCRS = false
	for _, f := range [...]field{fGeometry, fGeometryLocal} {
		text := m.get(f)
		if text == "" {
			continue
		}
		if pt, is := wktPoint(text); is {
			return pt, m.prof.geometryCRS(f), true, true
		}
		g, crs, err := geo.ParseGeometry(text)
		if err != nil {
			var e *fault.Error
			code := quality.InvalidWKT
			if asFault(err, &e) && (strings.HasPrefix(e.Key, "geo.unclosed") || e.Key == "geo.short_ring" || e.Key == "geo.short_line" || e.Key == "geo.not_finite" || e.Key == "geo.empty") {
				code = quality.InvalidGeometry
			}
			m.find(code, f, "")
			return nil, 0, false, false
		}
		if m.explicitCRS = crs != 0; !m.explicitCRS {
			crs = m.prof.geometryCRS(f)
		}
		return g, crs, true, true
	}
	if both := m.get(fLatLon); both != "" {
		both = strings.Trim(both, "()[] ")
		if i := strings.IndexByte(both, ','); i > 0 {
			return m.pair(both[i+1:], both[:i], fLatLon, fLatLon, geo.WGS84)
		}
	}
	for _, pair := range [...][2]field{{fLon, fLat}, {fX, fY}} {
		x, y := m.get(pair[0]), m.get(pair[1])
		if x == "" && y == "" {
			continue
		}
		return m.pair(x, y, pair[0], pair[1], m.prof.pairCRS(pair[0]))
	}
	return nil, 0, false, true
}

func (m *mapper) pair(x, y string, fx, fy field, crs geo.CRS) (g orb.Geometry, c geo.CRS, has, ok bool) {
	if x == "" || y == "" {
		if x == "" {
			m.find(quality.MissingValue, fx, "")
		} else {
			m.find(quality.MissingValue, fy, "")
		}
		return nil, 0, false, false
	}
	vx, okx := decimal(x)
	vy, oky := decimal(y)
	if !okx {
		m.find(quality.InvalidNumeric, fx, x)
	}
	if !oky {
		m.find(quality.InvalidNumeric, fy, y)
	}
	if !okx || !oky {
		return nil, 0, false, false
	}
	return orb.Point{vx, vy}, crs, true, true
}

// pointAt places a point given in a projection. A point outside the territory that falls
// inside once its coordinates are exchanged is refused, and told: never turned silently.
func (m *mapper) pointAt(p *observation.Place, x, y float64, crs geo.CRS) bool {
	if !crs.Known() {
		m.find(quality.WrongGeometrySRID, fDatum, crsName(crs))
		return false
	}
	lon, lat, ok := crs.ToWGS84(x, y)
	inside := false
	if ok {
		inside = m.im.places.point(p, lon, lat)
	}
	if !inside {
		if slon, slat, fine := crs.ToWGS84(y, x); fine && m.im.places.contains(slon, slat) {
			m.find(quality.SwappedCoordinates, fGeometry, "")
			return false
		}
	}
	if !ok {
		m.found = append(m.found, quality.Finding{Code: quality.GeometryOutOfBox, Args: []string{crsName(crs)}})
		return false
	}
	n := len(m.shapes)
	m.shapes = appendPoint(m.shapes, lon, lat)
	p.Geometry = m.shapes[n:len(m.shapes):len(m.shapes)]
	return inside
}

func (m *mapper) shapeOf(p *observation.Place, g orb.Geometry, crs geo.CRS) (bool, orb.Geometry) {
	if !crs.Known() {
		m.find(quality.WrongGeometrySRID, fDatum, crsName(crs))
		return false, nil
	}
	if err := geo.Validate(g); err != nil {
		m.find(quality.InvalidGeometry, fGeometry, "")
		return false, nil
	}
	w, err := geo.Reproject(g, crs)
	if err != nil {
		m.found = append(m.found, quality.Finding{Code: quality.GeometryOutOfBox, Args: []string{crsName(crs)}})
		return false, nil
	}
	inside := m.im.places.shape(p, w)
	if !inside {
		c := geo.InsidePoint(g)
		if lon, lat, ok := crs.ToWGS84(c[1], c[0]); ok && m.im.places.contains(lon, lat) {
			m.find(quality.SwappedCoordinates, fGeometry, "")
			return false, nil
		}
	}
	b, err := wkb.Marshal(w, binary.LittleEndian)
	if err != nil {
		m.find(quality.WrongGeometryType, fGeometry, "")
		return false, nil
	}
	p.Geometry = b
	return inside, w
}

// wktPoint reads "POINT(x y)", the everyday geometry, without allocating.
func wktPoint(s string) (orb.Point, bool) {
	if len(s) < 10 || (s[0] != 'P' && s[0] != 'p') || !strings.EqualFold(s[:5], "POINT") || s[len(s)-1] != ')' {
		return orb.Point{}, false
	}
	rest := strings.TrimLeft(s[5:len(s)-1], " ")
	if rest == "" || rest[0] != '(' {
		return orb.Point{}, false
	}
	rest = strings.Trim(rest[1:], " ")
	i := strings.IndexByte(rest, ' ')
	if i < 0 || strings.IndexByte(rest, ',') >= 0 {
		return orb.Point{}, false
	}
	x, ok1 := decimal(rest[:i])
	y, ok2 := decimal(rest[i+1:])
	return orb.Point{x, y}, ok1 && ok2
}
