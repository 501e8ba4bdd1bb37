package geo

import "math"

// The NTF (Nouvelle Triangulation de la France), which French files used before Lambert-93
// (decree 2000-1276): the ellipsoid Clarke 1880 IGN, moved from the Earth's centre.
const (
	ntfMajor  = 6378249.2
	ntfMinor  = 6356515.0
	ntfFlat   = 1 - ntfMinor/ntfMajor
	ntfParis  = 2.33722917 // the meridian of Paris, degrees east of Greenwich
	ntfShiftX = -168.0     // to WGS84, in metres: EPSG:1193, right to about 2 m
	ntfShiftY = -60.0
	ntfShiftZ = 320.0
)

// Shifted reports whether points of c are brought to WGS84 by a shift that is right to a few
// metres only: those of the NTF. The national grid (GR3DF97A) would do better and is not here.
func (c CRS) Shifted() bool {
	return c == 4275 || c >= 27561 && c <= 27564 || c >= 27571 && c <= 27574
}

// ntfZone is one of the Lambert zones of the NTF: a conic tangent at lat0, scaled.
type ntfZone struct{ lat0, scale, x0, y0 float64 }

func (c CRS) ntfZone() ntfZone {
	z := [...]ntfZone{
		{49.5, 0.999877341, 600000, 200000}, {46.8, 0.99987742, 600000, 200000},
		{44.1, 0.999877499, 600000, 200000}, {42.165, 0.99994471, 234.358, 185861.369}}[(c-1)%10]
	if c > 27570 { // the extended form puts the zone's number before the northing
		z.y0 += 1e6 * float64((c-1)%10+1)
		if c == 27574 {
			z.y0 = 4185861.369
		}
	}
	return z
}

func ntfEccentricity() float64 { return math.Sqrt(ntfFlat * (2 - ntfFlat)) }

// cone returns the constant of the cone and the radius of the parallel of origin.
func (z ntfZone) cone() (n, radius, iso0 float64) {
	ecc := ntfEccentricity()
	s := math.Sin(z.lat0 * degree)
	radius = z.scale * ntfMajor / math.Sqrt(1-ecc*ecc*s*s) / math.Tan(z.lat0*degree)
	return s, radius, isometricOn(z.lat0, ecc)
}

// isometricOn returns the isometric latitude on an ellipsoid of any eccentricity.
func isometricOn(lat, ecc float64) float64 {
	s := math.Sin(lat * degree)
	return math.Atanh(s) - ecc*math.Atanh(ecc*s)
}

func (z ntfZone) forward(lon, lat float64) (x, y float64) {
	n, r0, iso0 := z.cone()
	r := r0 * math.Exp(-n*(isometricOn(lat, ntfEccentricity())-iso0))
	s, k := math.Sincos(n * (lon - ntfParis) * degree)
	return z.x0 + r*s, z.y0 + r0 - r*k
}

func (z ntfZone) inverse(x, y float64) (lon, lat float64) {
	n, r0, iso0 := z.cone()
	ecc := ntfEccentricity()
	dx, dy := x-z.x0, r0-(y-z.y0)
	lon = ntfParis + math.Atan2(dx, dy)/n/degree
	iso := iso0 - math.Log(math.Hypot(dx, dy)/r0)/n
	s := math.Tanh(iso)
	for range 8 {
		s = math.Tanh(iso + ecc*math.Atanh(ecc*s))
	}
	return lon, math.Asin(s) / degree
}

// fromNTF brings a point of an NTF system to WGS84; false far from France.
func (c CRS) fromNTF(x, y float64) (lon, lat float64, ok bool) {
	lon, lat = x, y
	if c != 4275 {
		lon, lat = c.ntfZone().inverse(x, y)
	}
	if !(lon >= -10 && lon <= 15 && lat >= 38 && lat <= 54) {
		return lon, lat, false
	}
	cx, cy, cz := geocentric(lon, lat, ntfMajor, ntfFlat)
	lon, lat = geographic(cx+ntfShiftX, cy+ntfShiftY, cz+ntfShiftZ, semiMajor, flatWGS84)
	return lon, lat, true
}

// toNTF is the inverse of fromNTF.
func (c CRS) toNTF(lon, lat float64) (x, y float64) {
	cx, cy, cz := geocentric(lon, lat, semiMajor, flatWGS84)
	lon, lat = geographic(cx-ntfShiftX, cy-ntfShiftY, cz-ntfShiftZ, ntfMajor, ntfFlat)
	if c == 4275 {
		return lon, lat
	}
	return c.ntfZone().forward(lon, lat)
}

// geocentric returns the coordinates, from the centre of an ellipsoid, of a point on it.
func geocentric(lon, lat, major, flat float64) (x, y, z float64) {
	e2 := flat * (2 - flat)
	s, k := math.Sincos(lat * degree)
	n := major / math.Sqrt(1-e2*s*s)
	sl, kl := math.Sincos(lon * degree)
	return n * k * kl, n * k * sl, n * (1 - e2) * s
}

// geographic is the inverse of geocentric for a point near the ellipsoid, by Bowring's
// formula: below a millimetre there.
func geographic(x, y, z, major, flat float64) (lon, lat float64) {
	e2 := flat * (2 - flat)
	minor := major * (1 - flat)
	p := math.Hypot(x, y)
	s, k := math.Sincos(math.Atan2(z*major, p*minor))
	lat = math.Atan2(z+e2/(1-e2)*minor*s*s*s, p-e2*major*k*k*k)
	return math.Atan2(y, x) / degree, lat / degree
}
