package geo

import (
	"math"
	"strconv"

	"github.com/paulmach/orb"

	"garrigue/internal/fault"
)

// CRS is a coordinate reference system by its EPSG code. The zero CRS is unknown: nobody
// said, and nothing is guessed here.
//
// Those known are the geographic ones taken for WGS84 (4326, 4171 RGF93, 4258 ETRS89, 4624,
// 4627, 4470, 5489), Lambert-93 (2154), the nine conic zones CC42–CC50 (3942–3950), UTM on
// WGS84 (32601–32660, 32701–32760) and on ETRS89 (25828–25838), the overseas UTM zones (2972
// Guyane, 2975 La Réunion, 4471 Mayotte, 4467 Saint-Pierre-et-Miquelon, 5490 Antilles),
// Web Mercator (3857) and, on the old NTF datum, the geographic one (4275), Lambert I to IV
// (27561–27564) and their extended forms (27571–27574; 27572 is Lambert II étendu). RGF93, ETRS89 and the overseas datums of that family differ from
// WGS84 by less than a metre and are taken for it, as PROJ does by default. NTF is shifted by
// three parameters, right to a few metres (see Shifted).
type CRS int32

// The systems named in code.
const (
	WGS84     CRS = 4326
	Lambert93 CRS = 2154
	UTM30     CRS = 32630
	UTM31     CRS = 32631
	UTM32     CRS = 32632
)

// GRS80, the ellipsoid of RGF93; WGS84's differs by 0.1 mm at the pole.
const (
	semiMajor    = 6378137.0
	flatGRS80    = 1 / 298.257222101
	flatWGS84    = 1 / 298.257223563
	degree       = math.Pi / 180
	webMercLimit = 20037508.342789244
)

var (
	lambert93 = newConic(46.5, 44, 49, 700000, 6600000)
	eccGRS80  = math.Sqrt(flatGRS80 * (2 - flatGRS80))
)

// Known reports whether c is a system that ToWGS84 can read.
func (c CRS) Known() bool {
	_, ok := c.utm()
	return ok || c == Lambert93 || c == 3857 || c.Shifted() || c.geographic() || c >= 3942 && c <= 3950
}

func (c CRS) geographic() bool {
	switch c {
	case WGS84, 4171, 4258, 4624, 4627, 4470, 5489:
		return true
	}
	return false
}

// ToWGS84 returns the longitude and latitude, in degrees, of a point whose coordinates x, y
// are in c: metres, or degrees with x the longitude. ok is false when c is not known, a
// coordinate is not finite, or the point is beyond where the projection is of use.
func (c CRS) ToWGS84(x, y float64) (lon, lat float64, ok bool) {
	if math.IsNaN(x-x) || math.IsNaN(y-y) { // NaN or infinite
		return 0, 0, false
	}
	switch {
	case c.geographic():
		lon, lat = x, y
	case c == Lambert93:
		lon, lat = lambert93.inverse(x, y)
		// EPSG gives 9.86° W–10.38° E, 41.15–51.56° N; a margin lets borders and seas in.
		if lon < -20 || lon > 20 || lat < 35 || lat > 60 {
			return lon, lat, false
		}
	case c >= 3942 && c <= 3950:
		lon, lat = conicZone(int(c-3900)).inverse(x, y)
		if lon < -20 || lon > 20 || lat < 35 || lat > 60 {
			return lon, lat, false
		}
	case c.Shifted():
		if lon, lat, ok = c.fromNTF(x, y); !ok {
			return lon, lat, false
		}
	case c == 3857:
		if math.Abs(x) > webMercLimit || math.Abs(y) > webMercLimit {
			return 0, 0, false
		}
		lon, lat = x/semiMajor/degree, math.Atan(math.Sinh(y/semiMajor))/degree
	default:
		z, known := c.utm()
		if !known {
			return 0, 0, false
		}
		lon, lat = z.inverse(x, y)
		if math.Abs(lon-z.meridian) > 15 || math.Abs(lat) > 84 {
			return lon, lat, false
		}
	}
	return lon, lat, math.Abs(lon) <= 180 && math.Abs(lat) <= 90
}

// FromWGS84 is the inverse of ToWGS84: coordinates in c of a longitude and latitude in
// degrees. ok is false when c is not known or the point is not on Earth.
func (c CRS) FromWGS84(lon, lat float64) (x, y float64, ok bool) {
	if !(math.Abs(lon) <= 180 && math.Abs(lat) <= 90) {
		return 0, 0, false
	}
	switch {
	case c.geographic():
		return lon, lat, true
	case c == Lambert93:
		x, y = lambert93.forward(lon, lat)
	case c >= 3942 && c <= 3950:
		x, y = conicZone(int(c-3900)).forward(lon, lat)
	case c.Shifted():
		x, y = c.toNTF(lon, lat)
	case c == 3857:
		x, y = semiMajor*lon*degree, semiMajor*math.Asinh(math.Tan(lat*degree))
	default:
		z, known := c.utm()
		if !known || math.Abs(lon-z.meridian) > 30 {
			return 0, 0, false
		}
		x, y = z.forward(lon, lat)
	}
	return x, y, !math.IsNaN(x-x) && !math.IsNaN(y-y)
}

// ToLambert93 projects a longitude and latitude in degrees to metres of Lambert-93
// (EPSG:2154). Latitudes are taken within ±89.9°, where the projection stays finite.
func ToLambert93(lon, lat float64) (x, y float64) { return lambert93.forward(lon, lat) }

// FromLambert93 is the inverse of ToLambert93.
func FromLambert93(x, y float64) (lon, lat float64) { return lambert93.inverse(x, y) }

// Reproject returns g, whose coordinates are in from, in WGS84 longitude and latitude.
// Straight sides stay straight between their ends: a side of 10 km moves by up to 2 m.
//
// Errors: Invalid when from is unknown or a point lies outside the use of from, which is
// how an inverted or wrong system is noticed.
func Reproject(g orb.Geometry, from CRS) (orb.Geometry, error) {
	if !from.Known() {
		return nil, fault.Say(fault.Invalid, "geo.crs", strconv.Itoa(int(from)))
	}
	if b, is := g.(orb.Bound); is {
		g = b.ToPolygon()
	}
	ok := true
	project := func(p *orb.Point) {
		lon, lat, good := from.ToWGS84(p[0], p[1])
		ok = ok && good
		*p = orb.Point{lon, lat}
	}
	if p, is := g.(orb.Point); is { // a point is a value: eachPoint could not change it
		project(&p)
		g = p
	} else {
		g = orb.Clone(g)
		eachPoint(g, project)
	}
	if !ok {
		return nil, fault.Say(fault.Invalid, "geo.outside", strconv.Itoa(int(from)))
	}
	return g, nil
}

// eachPoint calls f on every vertex of g, in place except when g is itself a point.
func eachPoint(g orb.Geometry, f func(*orb.Point)) {
	each := func(ps []orb.Point) {
		for i := range ps {
			f(&ps[i])
		}
	}
	switch g := g.(type) {
	case orb.Point:
		f(&g)
	case orb.MultiPoint:
		each(g)
	case orb.LineString:
		each(g)
	case orb.MultiLineString:
		for _, l := range g {
			each(l)
		}
	case orb.Ring:
		each(g)
	case orb.Polygon:
		for _, r := range g {
			each(r)
		}
	case orb.MultiPolygon:
		for _, p := range g {
			for _, r := range p {
				each(r)
			}
		}
	case orb.Collection:
		for _, m := range g {
			eachPoint(m, f)
		}
	case orb.Bound:
		eachPoint(g.ToPolygon(), f)
	}
}

// conic is a Lambert conformal conic projection with two standard parallels on GRS80
// (EPSG guidance note 7-2, method 9802).
type conic struct{ n, f, r0, lon0, x0, y0 float64 }

func newConic(lat0, lat1, lat2, x0, y0 float64) conic {
	m := func(lat float64) float64 {
		s := eccGRS80 * math.Sin(lat*degree)
		return math.Cos(lat*degree) / math.Sqrt(1-s*s)
	}
	i0, i1, i2 := isometric(lat0), isometric(lat1), isometric(lat2)
	n := (math.Log(m(lat1)) - math.Log(m(lat2))) / (i2 - i1)
	f := m(lat1) * math.Exp(n*i1) / n
	return conic{n: n, f: f, r0: semiMajor * f * math.Exp(-n*i0), lon0: 3, x0: x0, y0: y0}
}

// conicZone returns the projection CC42…CC50 (arrêté of 10 May 2006, RGF93 CC zones).
func conicZone(lat int) conic {
	l := float64(lat)
	return newConic(l, l-0.75, l+0.75, 1700000, float64(lat-41)*1e6+200000)
}

// isometric returns the isometric latitude, on GRS80, of a latitude in degrees.
func isometric(lat float64) float64 {
	s := math.Sin(lat * degree)
	return math.Atanh(s) - eccGRS80*math.Atanh(eccGRS80*s)
}

func (c conic) forward(lon, lat float64) (x, y float64) {
	lat = min(max(lat, -89.9), 89.9)
	r := semiMajor * c.f * math.Exp(-c.n*isometric(lat))
	s, k := math.Sincos(c.n * (lon - c.lon0) * degree)
	return c.x0 + r*s, c.y0 + c.r0 - r*k
}

func (c conic) inverse(x, y float64) (lon, lat float64) {
	dx, dy := x-c.x0, c.r0-(y-c.y0)
	lon = c.lon0 + math.Atan2(dx, dy)/c.n/degree
	iso := -math.Log(math.Hypot(dx, dy)/(semiMajor*c.f)) / c.n
	s := math.Tanh(iso)
	for range 8 { // contraction by e² ≈ 0.007 a turn: 8 turns are below rounding
		next := math.Tanh(iso + eccGRS80*math.Atanh(eccGRS80*s))
		if math.Abs(next-s) < 1e-16 {
			s = next
			break
		}
		s = next
	}
	return lon, math.Asin(s) / degree
}

// transverse is a transverse Mercator projection by Krüger's series to the sixth power of
// the third flattening (Karney 2011, equations 35 and 36): below a nanometre in a UTM zone.
type transverse struct {
	meridian, south float64
	ecc, scale      float64
	alpha, beta     [6]float64
}

var utmGRS80, utmWGS84 = newTransverse(flatGRS80), newTransverse(flatWGS84)

func (c CRS) utm() (t transverse, ok bool) {
	zone, south := 0, false
	t = utmGRS80
	switch {
	case c > 32600 && c <= 32660:
		zone, t = int(c-32600), utmWGS84
	case c > 32700 && c <= 32760:
		zone, south, t = int(c-32700), true, utmWGS84
	case c >= 25828 && c <= 25838:
		zone = int(c - 25800)
	case c == 2972:
		zone = 22
	case c == 4467:
		zone = 21
	case c == 5490:
		zone = 20
	case c == 2975:
		zone, south = 40, true
	case c == 4471:
		zone, south = 38, true
	default:
		return t, false
	}
	t.meridian = float64(zone)*6 - 183
	if south {
		t.south = 1e7
	}
	return t, true
}

func newTransverse(flat float64) transverse {
	n := flat / (2 - flat)
	n2, n3, n4, n5, n6 := n*n, n*n*n, n*n*n*n, n*n*n*n*n, n*n*n*n*n*n
	return transverse{
		ecc:   math.Sqrt(flat * (2 - flat)),
		scale: 0.9996 * semiMajor / (1 + n) * (1 + n2/4 + n4/64 + n6/256),
		alpha: [6]float64{
			n/2 - 2*n2/3 + 5*n3/16 + 41*n4/180 - 127*n5/288 + 7891*n6/37800,
			13*n2/48 - 3*n3/5 + 557*n4/1440 + 281*n5/630 - 1983433*n6/1935360,
			61*n3/240 - 103*n4/140 + 15061*n5/26880 + 167603*n6/181440,
			49561*n4/161280 - 179*n5/168 + 6601661*n6/7257600,
			34729*n5/80640 - 3418889*n6/1995840,
			212378941 * n6 / 319334400,
		},
		beta: [6]float64{
			n/2 - 2*n2/3 + 37*n3/96 - n4/360 - 81*n5/512 + 96199*n6/604800,
			n2/48 + n3/15 - 437*n4/1440 + 46*n5/105 - 1118711*n6/3870720,
			17*n3/480 - 37*n4/840 - 209*n5/4480 + 5569*n6/90720,
			4397*n4/161280 - 11*n5/504 - 830251*n6/7257600,
			4583*n5/161280 - 108847*n6/3991680,
			20648693 * n6 / 638668800,
		},
	}
}

func (t *transverse) forward(lon, lat float64) (x, y float64) {
	s := math.Sin(lat * degree)
	tau := math.Sinh(math.Atanh(s) - t.ecc*math.Atanh(t.ecc*s)) // tan of the conformal latitude
	sl, cl := math.Sincos((lon - t.meridian) * degree)
	xi, eta := math.Atan2(tau, cl), math.Asinh(sl/math.Hypot(tau, cl))
	x, y = eta, xi
	for j, a := range t.alpha {
		k := float64(2 * (j + 1))
		x += a * math.Cos(k*xi) * math.Sinh(k*eta)
		y += a * math.Sin(k*xi) * math.Cosh(k*eta)
	}
	return 500000 + t.scale*x, t.south + t.scale*y
}

func (t *transverse) inverse(x, y float64) (lon, lat float64) {
	eta, xi := (x-500000)/t.scale, (y-t.south)/t.scale
	e, s := eta, xi
	for j, b := range t.beta {
		k := float64(2 * (j + 1))
		e -= b * math.Cos(k*xi) * math.Sinh(k*eta)
		s -= b * math.Sin(k*xi) * math.Cosh(k*eta)
	}
	lon = t.meridian + math.Atan2(math.Sinh(e), math.Cos(s))/degree
	iso := math.Asinh(math.Sin(s) / math.Hypot(math.Sinh(e), math.Cos(s)))
	v := math.Tanh(iso)
	for range 8 {
		next := math.Tanh(iso + t.ecc*math.Atanh(t.ecc*v))
		if math.Abs(next-v) < 1e-16 {
			v = next
			break
		}
		v = next
	}
	return lon, math.Asin(v) / degree
}
