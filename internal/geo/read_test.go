package geo

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"
	"github.com/paulmach/orb/encoding/wkb"
	"github.com/paulmach/orb/encoding/wkt"
	"github.com/paulmach/orb/geojson"

	"garrigue/internal/fault"
	"garrigue/internal/i18n"
)

// everyShape is one geometry of each sort that is accepted.
var everyShape = []orb.Geometry{
	orb.Point{3.8767, 43.6108},
	orb.Point{-1e-7, 1e3},
	orb.MultiPoint{{1, 2}, {3, 4}},
	orb.LineString{{1, 2}, {3, 4}, {5, 6}},
	orb.MultiLineString{{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}},
	orb.Polygon{{{0, 0}, {10, 0}, {10, 10}, {0, 10}, {0, 0}}, {{2, 2}, {2, 4}, {4, 4}, {2, 2}}},
	orb.MultiPolygon{{{{0, 0}, {1, 0}, {1, 1}, {0, 0}}}, {{{5, 5}, {6, 5}, {6, 6}, {5, 5}}}},
}

func TestParseGeometryReadsEveryForm(t *testing.T) {
	for _, g := range everyShape {
		text := wkt.MarshalString(g)
		plain, _ := wkb.MarshalToHex(g)
		big, _ := wkb.Marshal(g, wkb.DefaultByteOrder)
		extended, _ := ewkb.MarshalToHex(g, 2154)
		object, _ := geojson.NewGeometry(g).MarshalJSON()
		for form, c := range map[string]struct {
			text string
			crs  CRS
		}{
			"WKT":        {text, 0},
			"lower case": {strings.ToLower("  " + text + "\n"), 0},
			"EWKT":       {"SRID=2154;" + text, Lambert93},
			"spaced":     {"srid = 2154 ; " + strings.ReplaceAll(strings.ReplaceAll(text, "(", " ( "), ",", " , "), Lambert93},
			"WKB":        {plain, 0},
			"WKB upper":  {strings.ToUpper(hex.EncodeToString(big)), 0},
			"EWKB":       {extended, Lambert93},
			"GeoJSON":    {string(object), WGS84},
		} {
			got, crs, err := ParseGeometry(c.text)
			if err != nil || crs != c.crs {
				t.Errorf("%s %s: EPSG %d, %v", form, c.text, crs, err)
			} else if d := cmp.Diff(g, got); d != "" {
				t.Errorf("%s %s: %s", form, c.text, d)
			}
		}
	}
}

func TestParseGeometryDropsHeights(t *testing.T) {
	line := orb.LineString{{1, 2}, {4, 5}}
	for _, text := range []string{
		"LINESTRING Z (1 2 3, 4 5 6)",
		"LINESTRINGZ(1 2 3,4 5 6)",
		"LineString M (1 2 3, 4 5 6)",
		"LINESTRING ZM (1 2 3 9, 4 5 6 9)",
		"LINESTRING(1 2 3,4 5 6)",
		`{"type":"LineString","coordinates":[[1,2,3],[4,5,6,7]]}`,
		// shapely.wkb.dumps(LineString Z …), ISO type 1002 and PostGIS's type 0x80000002
		"01ea03000002000000000000000000f03f00000000000000400000000000000840000000000000104000000000000014400000000000001840",
		"010200008002000000000000000000f03f00000000000000400000000000000840000000000000104000000000000014400000000000001840",
		// big endian
		"0000000002000000023ff0000000000000400000000000000040100000000000004014000000000000",
	} {
		got, _, err := ParseGeometry(text)
		if d := cmp.Diff(orb.Geometry(line), got); err != nil || d != "" {
			t.Errorf("%s: %v %s", text, err, d)
		}
	}
	got, _, err := ParseGeometry("MULTIPOINT ((1 2),(3 4))")
	if d := cmp.Diff(orb.Geometry(orb.MultiPoint{{1, 2}, {3, 4}}), got); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
	if _, crs, err := ParseGeometry(`{"type":"Point","coordinates":[700000,6600000],"crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::2154"}}}`); err != nil || crs != Lambert93 {
		t.Errorf("the crs member gives %d %v", crs, err)
	}
}

func TestParseGeometryRefuses(t *testing.T) {
	deep := strings.Repeat("(", 1<<20)
	for text, key := range map[string]string{
		"":                                     "geo.empty",
		"POINT EMPTY":                          "geo.empty",
		"POINT Z EMPTY":                        "geo.empty",
		"MULTIPOLYGON EMPTY":                   "geo.empty",
		"POINT":                                "geo.wkt",
		"POINT(1)":                             "geo.wkt",
		"POINT(1 2":                            "geo.wkt",
		"POINT(1 2) x":                         "geo.wkt",
		"POINT(1 2, 3 4)":                      "geo.wkt",
		"POINT(1 2 3 4 5)":                     "geo.wkt",
		"POINT(1,5 2,5)":                       "geo.wkt",
		"POINT(a b)":                           "geo.wkt",
		"SRID=;POINT(1 2)":                     "geo.wkt",
		"SRID=99999999999;POINT(1 2)":          "geo.wkt",
		"CIRCLE(1 2)":                          "geo.wkt",
		"Montpellier":                          "geo.wkt",
		"POINT(NaN 2)":                         "geo.not_finite",
		"POINT(1 Inf)":                         "geo.not_finite",
		"POINT(1e400 2)":                       "geo.wkt",
		"LINESTRING(1 2)":                      "geo.short_line",
		"LINESTRING(1 2, 3 4 5)":               "geo.wkt",
		"POLYGON((0 0,1 0,1 1,0 1))":           "geo.unclosed",
		"POLYGON((0 0,1 0,0 0))":               "geo.short_ring",
		"GEOMETRYCOLLECTION(POINT(1 2))":       "geo.collection",
		"POLYGON" + deep:                       "geo.wkt",
		"MULTIPOLYGON" + deep:                  "geo.wkt",
		"0101":                                 "geo.wkt",
		"010100000000":                         "geo.wkb",
		"01zz000000000000000000f03f0000000000": "geo.wkb",
		"0101000000000000000000f87f0000000000000040":                   "geo.not_finite",
		"0102000000ffffffff":                                           "geo.wkb", // four thousand million vertices, says the count
		"0106000000ffffff7f":                                           "geo.wkb",
		"010200000000000000":                                           "geo.empty",
		"0107000000000000000000":                                       "geo.collection",
		"01070000000000":                                               "geo.collection",
		"0101000000000000000000f03f000000000000004000":                 "geo.wkb", // a byte too many
		`{"type":"Point"}`:                                             "geo.json",
		`{"type":"Point","coordinates":[]}`:                            "geo.empty",
		`{"type":"Point","coordinates":[1]}`:                           "geo.json",
		`{"type":"Point","coordinates":["1",2]}`:                       "geo.json",
		`{"type":"Point","coordinates":[null,2]}`:                      "geo.json",
		`{"type":"Polygon","coordinates":[]}`:                          "geo.empty",
		`{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[2,2]]]}`: "geo.unclosed",
		`{"type":"Polygon","coordinates":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`: "geo.json",
		`{"type":"GeometryCollection","geometries":[]}`:                                                  "geo.collection",
		`{"type":"Circle","coordinates":[1,2]}`:                                                          "geo.json",
		`{"type":"Point","coordinates":[1,2]`:                                                            "geo.json",
		`{"type":"Point","coordinates":[1,2],"crs":{"properties":{"name":"Lambert"}}}`:                   "geo.crs",
	} {
		g, _, err := ParseGeometry(text)
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Invalid || f.Key != key || g != nil {
			t.Errorf("%.60s: %v %v, wanted %s", text, g, err, key)
		}
	}
}

// Every sentence exists in French and English, with its places filled.
func TestSentences(t *testing.T) {
	for _, k := range i18n.Keys(i18n.FR) {
		if strings.HasPrefix(k, "geo.") && !i18n.Has(i18n.EN, k) {
			t.Errorf("%s is not in English", k)
		}
	}
	for _, k := range []string{"geo.empty", "geo.wkt", "geo.wkb", "geo.json", "geo.collection", "geo.not_finite",
		"geo.short_line", "geo.short_ring", "geo.unclosed", "geo.unsound", "geo.crs", "geo.outside", "geo.not_area",
		"geo.area.code", "geo.area.file", "geo.area.none", "geo.area.shape", "geo.area.twice"} {
		if !i18n.Has(i18n.FR, k) {
			t.Errorf("%s is not in French", k)
		}
	}
}

// Real WKT and WKB, of a GeoNature exchange file, say the same place in two systems.
func TestGeoNatureExchange(t *testing.T) {
	b := sharedFile(t, "../sources/geonature/synthese-echange-cen-paca.tsv.gz")
	r := csv.NewReader(bytes.NewReader(b))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	degrees, metres := slices.Index(rows[0], "geom_4326"), slices.Index(rows[0], "geom_local")
	n := 0
	for i, row := range rows[1:] {
		if len(row) <= max(degrees, metres) || row[degrees] == `\N` || row[metres] == `\N` {
			continue
		}
		g, crs, err := ParseGeometry(row[degrees])
		if err != nil || crs != WGS84 {
			t.Fatalf("row %d: EPSG %d %v", i, crs, err)
		}
		m, crs, err := ParseGeometry(row[metres])
		if err != nil || crs != Lambert93 {
			t.Fatalf("row %d: EPSG %d %v", i, crs, err)
		}
		if m, err = Reproject(m, crs); err != nil {
			t.Fatalf("row %d: %v", i, err)
		}
		a, isPoint := g.(orb.Point)
		z, _ := m.(orb.Point)
		if !isPoint {
			continue // outlines were simplified apart
		}
		// The producer rounded the two apart: up to 6 m in this file.
		if d := max(a[0]-z[0], z[0]-a[0], a[1]-z[1], z[1]-a[1]); d > 1e-4 {
			t.Errorf("row %d: the two points are %.2e degrees apart", i, d)
		}
		n++
	}
	if n < 100 {
		t.Errorf("only %d pairs were compared", n)
	}
}

func FuzzParseGeometry(f *testing.F) {
	for _, g := range everyShape {
		f.Add(wkt.MarshalString(g))
		h, _ := ewkb.MarshalToHex(g, 2154)
		f.Add(h)
		j, _ := geojson.NewGeometry(g).MarshalJSON()
		f.Add(string(j))
	}
	f.Add("SRID=2154;MULTIPOINT Z ((1 2 3),(4 5 6))")
	f.Fuzz(func(t *testing.T, s string) {
		g, _, err := ParseGeometry(s)
		if err != nil {
			if !fault.Is(err, fault.Invalid) || g != nil {
				t.Fatalf("%v with %v", err, g)
			}
			return
		}
		// What was read can be written and read again, the same.
		again, _, err := ParseGeometry(wkt.MarshalString(g))
		if err != nil || !orb.Equal(g, again) {
			t.Fatalf("%v came back as %v: %v", g, again, err)
		}
		n := 0
		eachPoint(g, func(*orb.Point) { n++ })
		if n == 0 {
			t.Fatal("read nothing without saying so")
		}
		_ = Validate(g)
		InsidePoint(g)
	})
}
