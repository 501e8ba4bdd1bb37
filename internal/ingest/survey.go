package ingest

import (
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"garrigue/internal/geo"
)

// profile is what a first reading of the whole file taught: how its dates and coordinates are
// written, and which keys repeat. It never changes once made.
type profile struct {
	dates      map[field]*evidence
	rows       int
	uuids      []uint64 // hashes of permanent identifiers given twice or more, sorted
	keys       []uint64 // the same of the producer's keys
	contents   []uint64 // the same of whole rows without a permanent identifier
	geometry   map[field]geo.CRS
	pairs      map[field]geo.CRS
	assumed    bool // the projection was deduced, not read
	comma      bool // decimals with a comma
	rounded    bool // every coordinate is to a kilometre or so, and nothing says so
	kept       []int16
	keptSecond []field
}

// dateFields are the columns whose writing is looked at.
var dateFields = [...]field{fDateStart, fDateEnd, fVerbatimDate, fValidationDate}

// survey reads the whole source once. Reading everything costs little next to importing,
// and then nothing is assumed from a sample: 03/04/2020 is read by what all the dates of its
// column say, and both rows of a repeated identifier are known before either is taken. It
// also proves that the file can be read to its end before anything is written.
func (im *Importer) survey(ctx context.Context, s *source, p *plan, progress func(float64, int)) (*profile, error) {
	r, err := s.read()
	if err != nil {
		return nil, err
	}
	defer r.close()
	prof := &profile{dates: map[field]*evidence{}, geometry: map[field]geo.CRS{}, pairs: map[field]geo.CRS{}}
	for _, f := range dateFields {
		prof.dates[f] = &evidence{}
	}
	uuids, keys, contents := newSpool(), newSpool(), newSpool()
	defer uuids.close()
	defer keys.close()
	defer contents.close()
	sample := newSample()
	get := func(row []string, f field) string {
		if c := p.column[f]; c >= 0 && int(c) < len(row) {
			return clean(row[c])
		}
		return ""
	}
	for {
		row, err := r.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if prof.rows++; prof.rows%4096 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			progress(float64(r.t.Offset())/float64(max(r.t.Size(), 1)), prof.rows)
		}
		for _, f := range dateFields {
			if v := get(row.Fields, f); v != "" {
				prof.dates[f].observe(v)
			}
		}
		into, hash := rowIdentity(p, row.Fields, get)
		switch into {
		case byUUID:
			err = uuids.add(hash)
		case byKey:
			if err = keys.add(hash); err == nil && !p.format.byOrigin {
				err = contents.add(contentHash(row.Fields, p))
			}
		default:
			err = contents.add(contentHash(row.Fields, p))
		}
		if err != nil {
			return nil, err
		}
		sample.observe(func(f field) string { return get(row.Fields, f) })
	}
	progress(1, prof.rows)
	for to, from := range map[*[]uint64]*spool{&prof.uuids: uuids, &prof.keys: keys, &prof.contents: contents} {
		if *to, err = from.repeated(); err != nil {
			return nil, err
		}
	}
	im.decideProjection(prof, p, sample)
	prof.told(p)
	for f := range nFields {
		if !stored(f) && p.column[f] >= 0 {
			prof.kept = append(prof.kept, p.column[f])
		}
		if p.second[f] >= 0 {
			prof.keptSecond = append(prof.keptSecond, f)
		}
	}
	return prof, nil
}

// What a row is known by, as far as the first reading can tell.
const (
	byContent = iota
	byUUID
	byKey
)

func rowIdentity(p *plan, fields []string, get func([]string, field) string) (by int, hash uint64) {
	id := get(fields, fUUID)
	if u, ok := parseUUID(id); ok {
		return byUUID, keyHash(string(u[:]))
	}
	if id != "" && p.format.name == SINP121 { // the key of a row whose permanent identifier is no UUID
		return byKey, keyHash(id)
	}
	if k := get(fields, fOrigin); k != "" {
		return byKey, keyHash(k)
	}
	if c := p.second[fOrigin]; c >= 0 && int(c) < len(fields) {
		if k := clean(fields[c]); k != "" {
			return byKey, keyHash(k)
		}
	}
	return byContent, 0
}

// contentHash is a quick hash of the whole row: to notice rows that may be the same.
func contentHash(fields []string, p *plan) uint64 {
	h := uint64(14695981039346656037)
	for _, v := range fields[:min(len(fields), p.content)] {
		for i := 0; i < len(v); i++ {
			h = (h ^ uint64(v[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211
	}
	return h
}

func (p *profile) repeatedUUID(u uuid.UUID) bool {
	return len(p.uuids) > 0 && within(p.uuids, keyHash(string(u[:])))
}
func (p *profile) repeatedKey(k string) bool { return len(p.keys) > 0 && within(p.keys, keyHash(k)) }

// sampled is how many coordinates are looked at to tell a projection.
const sampled = 5000

// sample holds coordinates of the file, by the column they come from.
type sample struct {
	pairs  map[field][]orb.Point
	shapes map[field][]orb.Point // first vertices of geometries that name no system
	named  map[geo.CRS]int       // systems named by rows
	commas int
	seen   int
}

func newSample() *sample {
	return &sample{pairs: map[field][]orb.Point{}, shapes: map[field][]orb.Point{}, named: map[geo.CRS]int{}}
}

func (s *sample) observe(get func(field) string) {
	if s.seen >= sampled {
		return
	}
	for _, pair := range [...][2]field{{fLon, fLat}, {fX, fY}} {
		x, y := get(pair[0]), get(pair[1])
		if x == "" || y == "" {
			continue
		}
		vx, okx := decimal(x)
		vy, oky := decimal(y)
		if okx && oky {
			s.seen++
			s.pairs[pair[0]] = append(s.pairs[pair[0]], orb.Point{vx, vy})
			if strings.IndexByte(x, ',') >= 0 {
				s.commas++
			}
		}
	}
	for _, f := range [...]field{fGeometry, fGeometryLocal} {
		text := get(f)
		if text == "" {
			continue
		}
		s.seen++
		if g, crs, err := geo.ParseGeometry(text); err == nil && crs == 0 {
			s.shapes[f] = append(s.shapes[f], geo.InsidePoint(g))
		}
	}
	if c, ok := parseCRS(get(fDatum)); ok {
		s.named[c]++
	}
}

// decideProjection settles the system of each column of coordinates: what the file names,
// else what its headers say, else what puts its points inside the territory, else what
// their size allows.
func (im *Importer) decideProjection(prof *profile, p *plan, s *sample) {
	prof.comma = s.commas > 0
	named := geo.CRS(0)
	for c, n := range s.named {
		if named == 0 || n > s.named[named] {
			named = c
		}
	}
	for f, pts := range s.pairs {
		prof.pairs[f] = im.projection(pts, named, p.named(f)+" "+p.named(f+1), prof)
	}
	for _, f := range [...]field{fGeometry, fGeometryLocal} {
		prof.geometry[f] = im.projection(s.shapes[f], named, p.named(f), prof)
	}
	prof.rounded = !p.has(fUncertainty) && s.rounded()
}

func (im *Importer) projection(pts []orb.Point, named geo.CRS, header string, prof *profile) geo.CRS {
	geographic := 0
	for _, pt := range pts {
		if pt[0] >= -180 && pt[0] <= 180 && pt[1] >= -180 && pt[1] <= 180 {
			geographic++
		}
	}
	if len(pts) == 0 || geographic*2 > len(pts) {
		if named != 0 && geo.CRS.Known(named) && named != geo.Lambert93 && isGeographic(named) {
			return named
		}
		return geo.WGS84
	}
	if named != 0 && !isGeographic(named) {
		return named
	}
	h := columnKey(header)
	for _, hint := range [...]struct {
		word string
		crs  geo.CRS
	}{{"l93", geo.Lambert93}, {"lambert93", geo.Lambert93}, {"2154", geo.Lambert93}, {"utm30", geo.UTM30}, {"utm31", geo.UTM31}, {"utm32", geo.UTM32},
		{"32630", geo.UTM30}, {"32631", geo.UTM31}, {"32632", geo.UTM32}, {"27572", 27572}, {"l2e", 27572}, {"lambert2", 27572}, {"25830", 25830}, {"25831", 25831}, {"25832", 25832}} {
		if strings.Contains(h, hint.word) {
			return hint.crs
		}
	}
	prof.assumed = true
	return im.guess(pts)
}

// guess tries the systems a French file may be in.
func (im *Importer) guess(pts []orb.Point) geo.CRS {
	candidates := []geo.CRS{im.set.CRS, geo.Lambert93, geo.UTM31, geo.UTM30, geo.UTM32, 27572, 27573, 27563, 27562, 3942, 3943, 3944, 3945, 3946}
	best, most := geo.CRS(0), 0
	for _, c := range candidates {
		n := 0
		for _, pt := range pts {
			if lon, lat, ok := c.ToWGS84(pt[0], pt[1]); ok && im.places.contains(lon, lat) {
				n++
			}
		}
		if n > most {
			best, most = c, n
		}
	}
	if best != 0 {
		return best
	}
	// Northings tell Lambert-93 (6 000 to 7 200 km) from UTM (4 600 to 5 700 km in France).
	utm := 0
	for _, pt := range pts {
		if y := max(pt[0], pt[1]); y > 4.5e6 && y < 5.9e6 {
			utm++
		}
	}
	if utm*2 > len(pts) && im.set.CRS == geo.Lambert93 {
		return geo.UTM31
	}
	return im.set.CRS
}

// isGeographic reports whether coordinates of c are degrees.
func isGeographic(c geo.CRS) bool {
	lon, lat, ok := c.ToWGS84(2, 45)
	return ok && lon == 2 && lat == 45
}

func (p *profile) geometryCRS(f field) geo.CRS { return p.geometry[f] }
func (p *profile) pairCRS(f field) geo.CRS {
	if c := p.pairs[f]; c != 0 {
		return c
	}
	return geo.WGS84
}

// parseCRS reads how producers name a system: EPSG:2154, 2154, WGS84, Lambert 93, RGF93.
func parseCRS(s string) (geo.CRS, bool) {
	if s == "" {
		return 0, false
	}
	switch columnKey(s) {
	case "wgs84", "wgs1984", "worldgeodeticsystem1984", "4326":
		return geo.WGS84, true
	case "lambert93", "l93", "rgf93lambert93", "rgf93/lambert93":
		return geo.Lambert93, true
	case "lambert2etendu", "lambertiietendu", "lambert2e", "l2e", "ntflambert2etendu", "ntfparislambertzoneii":
		return 27572, true
	case "ntf":
		return 4275, true
	case "cc42", "cc43", "cc44", "cc45", "cc46", "cc47", "cc48", "cc49", "cc50", "rgf93cc42", "rgf93cc43", "rgf93cc44", "rgf93cc45", "rgf93cc46",
		"rgf93cc47", "rgf93cc48", "rgf93cc49", "rgf93cc50":
		return geo.CRS(3900 + int(s[len(s)-2]-'0')*10 + int(s[len(s)-1]-'0')), true
	}
	i := len(s)
	for i > 0 && s[i-1] >= '0' && s[i-1] <= '9' {
		i--
	}
	n, err := strconv.Atoi(s[i:])
	if err != nil || n > 1<<20 {
		return 0, false
	}
	c := geo.CRS(n)
	return c, c.Known()
}

// crsName names a system for people.
func crsName(c geo.CRS) string {
	switch c {
	case 0:
		return ""
	case geo.WGS84:
		return "WGS84 (EPSG:4326)"
	case geo.Lambert93:
		return "Lambert-93 (EPSG:2154)"
	case geo.UTM30, geo.UTM31, geo.UTM32:
		return "UTM " + strconv.Itoa(int(c-32600)) + " (EPSG:" + strconv.Itoa(int(c)) + ")"
	}
	return "EPSG:" + strconv.Itoa(int(c))
}
