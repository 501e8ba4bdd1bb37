package geo

import (
	"math"
	"testing"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	"garrigue/internal/fault"
)

// Figures of PROJ 9.1.1 (Debian 12, proj-bin), by
//
//	echo "LAT LON" | cs2cs -f %.5f EPSG:4326 EPSG:CODE
var proj = []struct {
	crs            CRS
	lon, lat, x, y float64
}{
	{Lambert93, 3, 46.5, 700000, 6600000},
	{Lambert93, 1.44367, 43.60426, 574314.06054, 6279594.92373},
	{Lambert93, 4.846, 45.047, 845328.37249, 6440337.83620},
	{Lambert93, -0.327, 42.333, 425426.25846, 6142781.05426},
	{Lambert93, -5.1, 48.45, 102085.54483, 6847330.34480},
	{Lambert93, 9.5, 42, 1239037.99394, 6122137.19171},
	{Lambert93, 3.876716, 43.610769, 770796.83908, 6279472.70390},
	{UTM30, -0.327, 42.333, 720221.14835, 4690210.65205},
	{UTM30, -5.1, 48.45, 344720.74826, 5368447.88626},
	{UTM30, 3, 46.5, 960347.11864, 5167118.92525},
	{UTM31, 1.44367, 43.60426, 374395.47827, 4829097.06372},
	{UTM31, 4.846, 45.047, 645374.03701, 4989829.13625},
	{UTM31, 9.5, 42, 1038435.54872, 4670259.22281},
	{UTM31, 3.876716, 43.610769, 570747.94762, 4829016.65348},
	{UTM32, 9.5, 42, 541408.86665, 4649897.12514},
	{UTM32, 1.44367, 43.60426, -109919.09424, 4855741.46439},
	{25831, 1.44367, 43.60426, 374395.47826, 4829097.06360},
	{25831, -0.327, 42.333, 225892.43946, 4692112.52052},
	{2972, -52.31, 4.92, 354750.77135, 543963.65838},
	{2975, 55.53, -21.115, 347329.48465, 7664419.27698},
	{4471, 45.15, -12.8, 516279.14789, 8584976.63442},
	{5490, -61.55, 16.2, 654996.58184, 1791605.72855},
	{4467, -56.2, 46.8, 561046.92138, 5183249.91286},
	{3943, 1.44, 43.6, 1574051.92494, 2267824.09130},
	{3944, 1.44, 43.6, 1574055.98966, 3156751.19044},
	{3950, 1.44, 43.6, 1573305.05995, 8488479.72574},
	{3857, 1.44, 43.6, 160300.06674, 5403748.49153},
}

func TestProjectionsAgainstPROJ(t *testing.T) {
	const tenthOfMillimetre = 1e-4
	for _, c := range proj {
		x, y, ok := c.crs.FromWGS84(c.lon, c.lat)
		if d := math.Hypot(x-c.x, y-c.y); !ok || d > tenthOfMillimetre {
			t.Errorf("EPSG:%d of %v %v: %.5f %.5f, PROJ says %.5f %.5f", c.crs, c.lon, c.lat, x, y, c.x, c.y)
		}
		lon, lat, ok := c.crs.ToWGS84(c.x, c.y)
		if d := math.Hypot(lon-c.lon, lat-c.lat) * 111320; !ok || d > tenthOfMillimetre {
			t.Errorf("EPSG:%d back from %v %v: %.9f %.9f, wanted %v %v", c.crs, c.x, c.y, lon, lat, c.lon, c.lat)
		}
	}
}

func TestProjectionRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		crs := rapid.SampledFrom([]CRS{Lambert93, UTM30, UTM31, UTM32, 25830, 25832, 3942, 3950, 3857}).Draw(t, "crs")
		lon := rapid.Float64Range(-5.9, 10).Draw(t, "lon") // 15 degrees from a meridian is refused
		lat := rapid.Float64Range(41, 52).Draw(t, "lat")
		x, y, ok := crs.FromWGS84(lon, lat)
		if !ok {
			t.Fatal("refused")
		}
		lon2, lat2, ok := crs.ToWGS84(x, y)
		if d := math.Hypot(lon2-lon, lat2-lat) * 111320; !ok || d > 1e-5 {
			t.Fatalf("EPSG:%d moved %v %v by %.1e m", crs, lon, lat, d)
		}
	})
}

func TestToWGS84Refuses(t *testing.T) {
	for _, c := range []struct {
		why  string
		crs  CRS
		x, y float64
	}{
		{"no system", 0, 1, 2},
		{"unknown system", 31370, 150000, 160000},
		{"not a number", Lambert93, math.NaN(), 6600000},
		{"infinite", WGS84, math.Inf(1), 43},
		{"degrees taken for Lambert-93", Lambert93, 3.87, 43.61},
		{"swapped Lambert-93", Lambert93, 6279472, 770796},
		{"latitude beyond the pole", WGS84, 3, 91},
		{"longitude beyond the line", WGS84, 181, 3},
		{"degrees taken for UTM give a place on the equator, far from the meridian", UTM31, 5e7, 43},
		{"beyond the square of Web Mercator", 3857, 3e7, 0},
		{"far from the conic zones", 3943, 1e7, 2e6},
	} {
		if lon, lat, ok := c.crs.ToWGS84(c.x, c.y); ok {
			t.Errorf("%s: got %v %v", c.why, lon, lat)
		}
	}
	if _, _, ok := CRS(31370).FromWGS84(3, 46); ok {
		t.Error("projected to an unknown system")
	}
	if x, y := ToLambert93(3, -90); math.IsInf(x, 0) || math.IsInf(y, 0) {
		t.Error("the south pole is infinite")
	}
}

func TestReproject(t *testing.T) {
	line := orb.LineString{{700000, 6600000}, {770796.83908, 6279472.70390}}
	g, err := Reproject(line, Lambert93)
	if err != nil {
		t.Fatal(err)
	}
	got := g.(orb.LineString)
	if math.Abs(got[1][0]-3.876716) > 1e-8 || math.Abs(got[1][1]-43.610769) > 1e-8 {
		t.Errorf("got %v", got)
	}
	if line[0] != (orb.Point{700000, 6600000}) {
		t.Error("the caller's line was changed")
	}
	p, err := Reproject(orb.Point{700000, 6600000}, Lambert93)
	if err != nil || math.Abs(p.(orb.Point)[1]-46.5) > 1e-9 {
		t.Errorf("point: %v %v", p, err)
	}
	b, err := Reproject(orb.Bound{Min: orb.Point{700000, 6600000}, Max: orb.Point{710000, 6610000}}, Lambert93)
	if _, is := b.(orb.Polygon); !is || err != nil {
		t.Errorf("bound: %T %v", b, err)
	}
	for _, crs := range []CRS{0, 31370} {
		if _, err := Reproject(line, crs); !fault.Is(err, fault.Invalid) {
			t.Errorf("EPSG:%d: %v", crs, err)
		}
	}
	if _, err := Reproject(orb.MultiPoint{{3, 43}}, Lambert93); !fault.Is(err, fault.Invalid) {
		t.Errorf("degrees as Lambert-93: %v", err)
	}
}

func BenchmarkLambert93(b *testing.B) {
	b.Run("forward", func(b *testing.B) {
		for i := range b.N {
			ToLambert93(1+float64(i%1000)/1000, 43.5)
		}
	})
	b.Run("inverse", func(b *testing.B) {
		for i := range b.N {
			FromLambert93(600000+float64(i%1000)*100, 6300000)
		}
	})
}
