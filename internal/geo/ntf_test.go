package geo

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// Figures of PROJ 9.1.1, by its own three-parameter shift:
//
//	echo "LAT LON" | cs2cs -f %.5f EPSG:4326 EPSG:CODE
var projNTF = []struct {
	crs            CRS
	lon, lat, x, y float64
}{
	{27561, 1.44367, 43.60426, 527551.66343, -455991.58520},
	{27561, -1.1, 48.45, 345862.63787, 89044.13405},
	{27561, 9.1, 42, 1164125.42397, -610460.00471},
	{27562, 1.44367, 43.60426, 527809.61572, -154884.44625},
	{27562, -1.1, 48.45, 345791.53381, 389022.49357},
	{27562, 9.1, 42, 1161505.28389, -309748.86203},
	{27563, 1.44367, 43.60426, 527916.54489, 145316.77127},
	{27563, -1.1, 48.45, 345139.63738, 689271.33026},
	{27563, 9.1, 42, 1160029.45976, -10309.03022},
	{27564, 1.44367, 43.60426, -71874.20118, 346132.49850},
	{27564, -1.1, 48.45, -255484.28912, 890913.47404},
	{27564, 9.1, 42, 559977.12874, 189715.19612},
	{27571, 1.44367, 43.60426, 527551.66343, 544008.41480},
	{27571, -1.1, 48.45, 345862.63787, 1089044.13405},
	{27571, 9.1, 42, 1164125.42397, 389539.99529},
	{27572, 1.44367, 43.60426, 527809.61572, 1845115.55375},
	{27572, -1.1, 48.45, 345791.53381, 2389022.49357},
	{27572, 9.1, 42, 1161505.28389, 1690251.13797},
	{27573, 1.44367, 43.60426, 527916.54489, 3145316.77127},
	{27573, -1.1, 48.45, 345139.63738, 3689271.33026},
	{27573, 9.1, 42, 1160029.45976, 2989690.96978},
	{27574, 1.44367, 43.60426, -71874.20118, 4346132.49850},
	{27574, -1.1, 48.45, -255484.28912, 4890913.47404},
	{27574, 9.1, 42, 559977.12874, 4189715.19612},
	{4275, 1.44367, 43.60426, 1.444360465, 43.604264057},
}

func TestNTFAgainstPROJ(t *testing.T) {
	for _, c := range projNTF {
		unit := 1.0
		if c.crs == 4275 {
			unit = 111320
		}
		x, y, ok := c.crs.FromWGS84(c.lon, c.lat)
		if d := math.Hypot(x-c.x, y-c.y) * unit; !ok || d > 1e-3 {
			t.Errorf("EPSG:%d of %v %v: %.5f %.5f, PROJ says %.5f %.5f", c.crs, c.lon, c.lat, x, y, c.x, c.y)
		}
		lon, lat, ok := c.crs.ToWGS84(c.x, c.y)
		if d := math.Hypot(lon-c.lon, lat-c.lat) * 111320; !ok || d > 1e-2 { // the height lost on the way
			t.Errorf("EPSG:%d back from %v %v: %.9f %.9f, wanted %v %v", c.crs, c.x, c.y, lon, lat, c.lon, c.lat)
		}
		if !c.crs.Shifted() || !c.crs.Known() {
			t.Errorf("EPSG:%d is not said to be shifted", c.crs)
		}
	}
}

// The shift against the national grid ntf_r93.gsb, which is the truth: cs2cs with
// +nadgrids=ntf_r93.gsb. Up to two metres, which is what the finding OLD_DATUM says.
func TestNTFAgainstGrid(t *testing.T) {
	worst := 0.0
	for _, c := range [][4]float64{{1.44367, 43.60426, 527809.512, 1845117.255}, {-1.1, 48.45, 345790.460, 2389020.811},
		{9.1, 42, 1161505.565, 1690249.409}, {2.9, 42.7, 646273.241, 1744223.520}, {4.8, 44.9, 794623.195, 1991859.099}} {
		x, y, _ := CRS(27572).FromWGS84(c[0], c[1])
		worst = max(worst, math.Hypot(x-c[2], y-c[3]))
	}
	if worst > 2.1 || worst < 0.1 {
		t.Errorf("%.2f m from the grid", worst)
	}
}

func TestNTFRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		crs := rapid.SampledFrom([]CRS{4275, 27561, 27562, 27563, 27564, 27571, 27572, 27573, 27574}).Draw(t, "crs")
		lon := rapid.Float64Range(-5.2, 9.6).Draw(t, "lon")
		lat := rapid.Float64Range(41.3, 51.1).Draw(t, "lat")
		x, y, ok := crs.FromWGS84(lon, lat)
		lon2, lat2, back := crs.ToWGS84(x, y)
		if d := math.Hypot(lon2-lon, lat2-lat) * 111320; !ok || !back || d > 1e-2 {
			t.Fatalf("EPSG:%d moved %v %v by %.1e m", crs, lon, lat, d)
		}
	})
	for _, c := range []CRS{4275, 27572} {
		if _, _, ok := c.ToWGS84(6279472, 770796); ok {
			t.Errorf("EPSG:%d read a Lambert-93 point", c)
		}
	}
}
