package layer

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/needs"
	"garrigue/internal/packed"
	"garrigue/internal/tabular"
)

// reader is what the kinds of this package have in common.
type reader interface {
	Header() []string
	Next() (tabular.Row, error)
	Layout() tabular.Layout
	Offset() int64
	Size() int64
}

type got struct {
	Header []string
	Rows   []string
}

func readAll(t testing.TB, r reader, err error) got {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	g := got{Header: r.Header()}
	for {
		row, err := r.Next()
		if err == io.EOF {
			return g
		}
		if err != nil {
			t.Fatal(err)
		}
		g.Rows = append(g.Rows, fmt.Sprintf("%d: %s", row.Line, strings.Join(row.Fields, "|")))
	}
}

func opener(text string) Opener {
	return func() (*packed.Stream, error) {
		return packed.Plain(strings.NewReader(text), int64(len(text)), "essai"), nil
	}
}

func keyOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Key
	}
	return ""
}

func TestGeoJSON(t *testing.T) {
	g, err := OpenGeoJSON(opener("\ufeff"+`{"crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::2154"}}, "name": {"a":[1,2]},
"features":[
 {"type":"Feature","id":7,"properties":{"nom":"Milan \"noir\"","n":12.50,"vu":true,"rien":null,"liste":[1, {"a": 2}]},"geometry":{"type":"Point","coordinates":[700000.5, 6600000, 12]}},
 {"type":"Feature","properties":{"nom ":"é","geometry":"x"},"geometry":{"coordinates":[[[0,0],[1,0],[1,1],[0,0]],[[0.1,0.1],[0.2,0.1],[0.2,0.2],[0.1,0.1]]],"type":"Polygon"}},
 {"type":"Feature","properties":null,"geometry":null},
 {"type":"Feature","properties":{"nom":"groupe"},"geometry":{"type":"MultiPoint","coordinates":[[1,2],[3,4]]}},
 {"type":"Feature","properties":{"nom":"faux"},"geometry":{"type":"Point","coordinates":["a"]}},
 {"type":"Feature","properties":{"nom":"vide"},"geometry":{"type":"MultiPolygon","coordinates":[]}},
 {"type":"Feature","properties":{"nom":"lignes"},"geometry":{"type":"MultiLineString","coordinates":[[[1,2],[3,4]],[[5,6],[7,8e1]]]}},
 42
], "type":"FeatureCollection"}`), "essai")
	want := got{Header: []string{"nom", "n", "vu", "rien", "liste", "nom (2)", "geometry (2)", "id", "geometry"}, Rows: []string{
		`1: Milan "noir"|12.50|true||[1,{"a":2}]|||7|SRID=2154;POINT Z (700000.5 6600000 12)`,
		"2: |||||é|x||SRID=2154;POLYGON((0 0,1 0,1 1,0 0),(0.1 0.1,0.2 0.1,0.2 0.2,0.1 0.1))",
		"3: ||||||||", "4: groupe||||||||SRID=2154;MULTIPOINT((1 2),(3 4))", `5: faux||||||||{"type":"Point","coordinates":["a"]}`,
		"6: vide||||||||SRID=2154;MULTIPOLYGON EMPTY", "7: lignes||||||||SRID=2154;MULTILINESTRING((1 2,3 4),(5 6,7 8e1))", "8: ",
	}}
	if d := cmp.Diff(want, readAll(t, g, err)); d != "" {
		t.Error(d)
	}
	if l := g.Layout(); l.Projection != "urn:ogc:def:crs:EPSG::2154" || l.Kind != "geojson" {
		t.Errorf("%+v", l)
	}
}

func TestGeoJSONRefused(t *testing.T) {
	feature := `{"type":"Feature","properties":{"a":1},"geometry":null}`
	for text, want := range map[string]string{
		`{"type":"FeatureCollection","features":[]}`:     "layer.no_features",
		`{"type":"FeatureCollection"}`:                   "layer.not_collection",
		`{"type":"Feature"}`:                             "layer.not_collection",
		`[1]`:                                            "layer.not_collection",
		`{"features":3}`:                                 "layer.not_collection",
		`{"features":[` + feature:                        "layer.json",
		`{"features":[` + feature + `]`:                  "layer.json",
		`{"features":[` + feature + ` ` + feature + `]}`: "layer.json",
		`{"features":[` + strings.Repeat("[", 20_000):    "layer.json",
		`{"crs":{"type":"name","properties":{"name":"EPSG:9999"}},"features":[` + feature + `]}`:                               "layer.projection",
		`{"crs":{"type":"link"},"features":[` + feature + `]}`:                                                                 "layer.projection",
		`{"features":[{"type":"Feature","properties":{"a":"` + strings.Repeat("x", maxFeature+1<<20) + `"},"geometry":null}]}`: "layer.feature_long",
	} {
		if _, err := OpenGeoJSON(opener(text), "essai"); keyOf(err) != want {
			t.Errorf("%.60s: %v, want %s", text, err, want)
		}
	}
	// A member without end beside the features.
	if _, err := OpenGeoJSON(opener(`{"x":"`+strings.Repeat("x", maxFeature+1<<20)), "essai"); keyOf(err) != "layer.feature_long" {
		t.Errorf("a member without end: %v", err)
	}
}

func TestGeoJSONWriter(t *testing.T) {
	var b bytes.Buffer
	g := NewGeoJSONWriter(&b, "urn:ogc:def:crs:EPSG::2154")
	for _, f := range []string{
		`{"type":"Feature","id":7,"properties":{"nom":"<é>","code":"ANCIEN","o":{"a":[1]}},"geometry":{"type":"Point","coordinates":[1.0,2]}}`,
		`{"type":"Feature","geometry":null}`, `{"type":"Feature","properties":null,"geometry":null}`, `[1,`,
	} {
		if err := g.Feature(f, []string{"code", "motif"}, []string{"A, B", "« & »"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	want := `{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::2154"}},"features":[
{"type":"Feature","id":7,"properties":{"nom":"<é>","o":{"a":[1]},"code":"A, B","motif":"« & »"},"geometry":{"type":"Point","coordinates":[1.0,2]}},
{"type":"Feature","geometry":null,"properties":{"code":"A, B","motif":"« & »"}},
{"type":"Feature","properties":{"code":"A, B","motif":"« & »"},"geometry":null},
{"type":"Feature","geometry":null,"properties":{"original":"[1,","code":"A, B","motif":"« & »"}}
]}
`
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error(d)
	}
	back, err := OpenGeoJSON(opener(b.String()), "essai")
	if all := readAll(t, back, err); len(all.Rows) != 4 || all.Rows[0] != `1: <é>|{"a":[1]}|A, B|« & »||7|SRID=2154;POINT(1.0 2)` {
		t.Errorf("%q", all)
	}
}

// TestSystems reads the systems of French data as programs write them.
func TestSystems(t *testing.T) {
	esri := `PROJCS["RGF_1993_Lambert_93",GEOGCS["GCS_RGF_1993",DATUM["D_RGF_1993",SPHEROID["GRS_1980",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Lambert_Conformal_Conic"],PARAMETER["False_Easting",700000.0],PARAMETER["False_Northing",6600000.0],PARAMETER["Central_Meridian",3.0],UNIT["Meter",1.0]]`
	utm := func(name string, meridian, north int) string {
		return fmt.Sprintf(`PROJCS["%s",GEOGCS["x"],PROJECTION["Transverse_Mercator"],PARAMETER["central_meridian",%d],PARAMETER["scale_factor",0.9996],PARAMETER["false_easting",500000],PARAMETER["false_northing",%d]]`, name, meridian, north)
	}
	for wkt, want := range map[string]int{
		esri: 2154, `PROJCS["sans nom",PARAMETER["False_Easting",700000.0],PARAMETER["False_Northing",6600000.0],PARAMETER["Central_Meridian",3]]`: 2154,
		`PROJCS["RGF93 / Lambert-93",AUTHORITY["EPSG","2154"]]`: 2154, `GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137,298.257223563]]]`: 4326,
		`PROJCS["NTF_Lambert_II_etendu",PARAMETER["false_easting",600000],PARAMETER["false_northing",2200000]]`: 27572, `PROJCS["NTF (Paris) / Lambert zone II"]`: 27572,
		`PROJCS["WGS_1984_UTM_Zone_31N"]`: 32631, `PROJCS["ETRS89 / UTM zone 31N"]`: 25831, utm("inconnu", 3, 0): 32631, utm("sud", 57, 10000000): 32740, `PROJCS["RGF93 / CC44"]`: 3944,
		`PROJCRS["x",BASEGEOGCRS["y",ID["EPSG",4171]],ID["EPSG",2154]]`: 2154, `GEOGCRS["WGS 84 (G1762)",ID["EPSG",4326]]`: 4326, `PROJCS["Ma projection",PARAMETER["false_easting",1]]`: 0, "": 0, "n’importe quoi": 0,
		strings.Repeat("A[", 1000): 0, `A["`: 0, `GEOGCS["local"]`: 0,
	} {
		if got := SystemOf(wkt); got != want {
			t.Errorf("%.70s: %d, want %d", wkt, got, want)
		}
	}
	for name, want := range map[string]struct {
		srid     int
		latFirst bool
	}{"EPSG:2154": {2154, false}, "EPSG:4326": {4326, false}, "urn:ogc:def:crs:EPSG::4326": {4326, true}, "urn:ogc:def:crs:EPSG:6.9:2154": {2154, false},
		"http://www.opengis.net/def/crs/EPSG/0/4326": {4326, true}, "http://www.opengis.net/gml/srs/epsg.xml#4326": {4326, false}, "urn:ogc:def:crs:OGC:1.3:CRS84": {4326, false},
		"2154": {2154, false}, "IGNF:LAMB93": {2154, false}, "Lambert": {}, "": {}, "ZONE 31": {}} {
		if n, lat := namedSystem(name); n != want.srid || lat != want.latFirst {
			t.Errorf("%s: %d %v", name, n, lat)
		}
	}
}

// TestTextAndBinary: what BinaryOf writes TextOf reads, with heights and measures, and package
// geo reads both as the same geometry.
func TestTextAndBinary(t *testing.T) {
	for _, text := range []string{"POINT(1 2)", "SRID=2154;POINT Z (1.5 2 3)", "LINESTRING M (1 2 3,4 5 6)", "POLYGON ZM ((0 0 1 2,1 0 1 2,1 1 1 2,0 0 1 2))",
		"MULTIPOINT((1 2),(3 4))", "MULTILINESTRING((1 2,3 4),(5 6,7 8))", "SRID=4326;MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5),(5.1 5.1,5.2 5.1,5.2 5.2,5.1 5.1)))",
		"POINT EMPTY", "MULTIPOLYGON EMPTY"} {
		b, srid, box, err := BinaryOf(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		back, ok := TextOf(b, srid)
		if !ok || back != text {
			t.Errorf("%s became %q", text, back)
		}
		if strings.HasSuffix(text, "EMPTY") {
			continue
		}
		g, crs, err := geo.ParseGeometry(text)
		if err != nil || int(crs) != srid {
			t.Fatalf("%s: %v %d", text, err, crs)
		}
		h, _, err := geo.ParseGeometry(fmt.Sprintf("%x", b))
		if err != nil || !orb.Equal(g, h) {
			t.Errorf("%s: %v and %v: %v", text, g, h, err)
		}
		bound := g.Bound()
		if box != [4]float64{bound.Min[0], bound.Min[1], bound.Max[0], bound.Max[1]} {
			t.Errorf("%s: box %v", text, box)
		}
	}
	for _, text := range []string{"", "POINT", "POINT(1)", "POINT(1 2", "POINT(1 2) x", "SRID=x;POINT(1 2)", "SRID=1POINT(1 2)", "CIRCLE(1 2)", "POINT(a b)", "POLYGON(1 2)"} {
		if _, _, _, err := BinaryOf(text); keyOf(err) != "layer.geometry" {
			t.Errorf("%q: %v", text, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "b")
		if text, ok := TextOf(b, 0); ok && len(text) > 100*len(b)+400 {
			t.Fatalf("%d bytes make %d", len(b), len(text))
		}
	})
}

// shapeOf makes one record of a .shp.
func shapeOf(number int, kind uint32, content ...any) []byte {
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, kind)
	for _, c := range content {
		binary.Write(&b, binary.LittleEndian, c)
	}
	head := binary.BigEndian.AppendUint32(nil, uint32(number))
	head = binary.BigEndian.AppendUint32(head, uint32(b.Len()/2))
	return append(head, b.Bytes()...)
}

func shpOf(records ...[]byte) string {
	head := make([]byte, 100)
	binary.BigEndian.PutUint32(head, 9994)
	binary.LittleEndian.PutUint32(head[28:], 1000)
	return string(head) + string(bytes.Join(records, nil))
}

// dbfOf makes a table of one text and one number, from records of 1+10+8 bytes.
func dbfOf(count int, records ...string) string {
	head := make([]byte, 32)
	head[0] = 3
	binary.LittleEndian.PutUint32(head[4:], uint32(count))
	binary.LittleEndian.PutUint16(head[8:], 32+64+1)
	binary.LittleEndian.PutUint16(head[10:], 19)
	field := func(name string, kind byte, length byte) string {
		b := make([]byte, 32)
		copy(b, name)
		b[11], b[16] = kind, length
		return string(b)
	}
	return string(head) + field("nom", 'C', 10) + field("n", 'N', 8) + "\r" + strings.Join(records, "") + "\x1a"
}

// rec makes a record of dbfOf.
func rec(flag, nom, n string) string {
	return flag + nom + strings.Repeat(" ", 10-len(nom)) + strings.Repeat(" ", 8-len(n)) + n
}

func parts(shp, dbf string) Parts { return Parts{Name: "couche", Shp: opener(shp), Dbf: opener(dbf)} }

func TestShapefile(t *testing.T) {
	box := [4]float64{}
	ring := func(x, y, size float64, clockwise bool) []float64 {
		out := []float64{x, y, x, y + size, x + size, y + size, x + size, y, x, y}
		if !clockwise {
			out = []float64{x, y, x + size, y, x + size, y + size, x, y + size, x, y}
		}
		return out
	}
	shp := shpOf(
		shapeOf(1, 1, 1.5, 2.0), shapeOf(2, 0), shapeOf(3, 1, 9.0, 9.0), shapeOf(4, 11, 1.0, 2.0, 3.0, 0.0),
		shapeOf(5, 8, box, int32(2), 1.0, 2.0, 3.0, 4.0),
		shapeOf(6, 3, box, int32(2), int32(4), int32(0), int32(2), 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0),
		// two outer rings, a hole in the second, written between them
		shapeOf(7, 5, box, int32(3), int32(15), int32(0), int32(5), int32(10), ring(0, 0, 1, true), ring(11, 11, 2, false), ring(10, 10, 5, true)),
		shapeOf(8, 5, box, int32(1), int32(5), int32(0), ring(0, 0, 1, false)),
		shapeOf(9, 15, box, int32(1), int32(4), int32(0), 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, [2]float64{}, 5.0, 6.0, 7.0, 5.0),
	)
	dbf := dbfOf(9, rec(" ", "caf\xe9", "12.50"), rec(" ", "nul", ""), rec("*", "efface", "1"), rec(" ", "z", "********"), rec(" ", "multi", "3"),
		rec(" ", "ligne", "1.5e+03"), rec(" ", "trous", "61212.00"), rec(" ", "envers", ""), rec(" ", "haut", "0"))
	s, err := OpenShapefile(parts(shp, dbf), "essai")
	want := got{Header: []string{"nom", "n", "geometry"}, Rows: []string{
		"1: café|12.5|POINT(1.5 2)", "2: nul||", "4: z||POINT Z (1 2 3)", "5: multi|3|MULTIPOINT(1 2,3 4)", "6: ligne|1500|MULTILINESTRING((1 1,2 2),(3 3,4 4))",
		"7: trous|61212|MULTIPOLYGON(((0 0,0 1,1 1,1 0,0 0)),((10 10,10 15,15 15,15 10,10 10),(11 11,13 11,13 13,11 13,11 11)))",
		"8: envers||POLYGON((0 0,1 0,1 1,0 1,0 0))", "9: haut|0|POLYGON Z ((0 0 5,0 1 6,1 1 7,0 0 5))"}}
	if d := cmp.Diff(want, readAll(t, s, err)); d != "" {
		t.Error(d)
	}
	if l := s.Layout(); l.Encoding != tabular.Windows1252 || !slices.Equal(l.Types, []string{"C(10)", "N(8)"}) {
		t.Errorf("%+v", l)
	}
}

func TestShapefileRefused(t *testing.T) {
	shp, dbf := shpOf(shapeOf(1, 1, 1.0, 2.0)), dbfOf(1, rec(" ", "a", ""))
	read := func(p Parts) error {
		s, err := OpenShapefile(p, "essai")
		for err == nil {
			_, err = s.Next()
		}
		return err
	}
	if err := read(parts(shp, dbf)); err != io.EOF {
		t.Fatal(err)
	}
	with := func(prj string) Parts { p := parts(shp, dbf); p.Prj = opener(prj); return p }
	for name, c := range map[string]struct {
		p    Parts
		want string
	}{
		"no table":                 {Parts{Name: "x", Shp: opener(shp)}, "layer.no_dbf"},
		"fewer records":            {parts(shp, dbfOf(5, rec(" ", "a", ""))), "layer.dbf"},
		"a table cut short":        {parts(shp, dbf[:40]), "layer.dbf"},
		"no table at all":          {parts(shp, "bonjour, ceci est un texte assez long pour un en-tête"), "layer.dbf"},
		"an empty table":           {parts(shp, dbfOf(0)), "layer.no_features"},
		"shapes cut short":         {parts(shp[:110], dbf), "layer.shp"},
		"no shapes":                {parts("x", dbf), "layer.shp"},
		"shapes out of order":      {parts(shpOf(shapeOf(2, 1, 1.0, 2.0)), dbf), "layer.shp_order"},
		"more points than content": {parts(shpOf(shapeOf(1, 8, [4]float64{}, int32(1<<30))), dbf), "layer.shp"},
		"parts out of order":       {parts(shpOf(shapeOf(1, 3, [4]float64{}, int32(2), int32(1), int32(1), int32(0), 1.0, 1.0)), dbf), "layer.shp"},
		"a huge record":            {parts(string(binary.BigEndian.AppendUint32([]byte(shpOf()), 1))+"\x7f\xff\xff\xff", dbf), "layer.shp"},
		"a kind unknown":           {parts(shpOf(shapeOf(1, 31, 1.0)), dbf), "layer.shp"},
		"a system unknown":         {with(`PROJCS["Lune"]`), "layer.projection"},
	} {
		if err := read(c.p); keyOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if err := read(with(`GEOGCS["GCS_WGS_1984"]`)); err != io.EOF {
		t.Error(err)
	}
}

// TestDBFEncodings tells how texts are written.
func TestDBFEncodings(t *testing.T) {
	utf := dbfOf(1, rec(" ", "caf\xc3\xa9", ""))
	cut := dbfOf(1, rec(" ", "aaaaaaaaa\xc3", "")) // a character cut by the field's end
	old := dbfOf(1, rec(" ", "caf\x82", ""))       // é in code page 850
	marked := old[:29] + "\x02" + old[30:]
	for _, c := range []struct {
		dbf, cpg string
		want     tabular.Encoding
		text     string
	}{{utf, "", tabular.UTF8, "café"}, {utf, "UTF-8\n", tabular.UTF8, "café"}, {utf, "ISO 88591", tabular.Windows1252, "cafÃ©"}, {marked, "", "cp850", "café"}, {old, "850", "cp850", "café"},
		{cut, "", tabular.UTF8, "aaaaaaaaa\uFFFD"}, {dbfOf(1, rec(" ", "caf\xe9", "")), "n’importe", tabular.Windows1252, "café"}} {
		p := parts(shpOf(shapeOf(1, 1, 1.0, 2.0)), c.dbf)
		if c.cpg != "" {
			p.Cpg = opener(c.cpg)
		}
		s, err := OpenShapefile(p, "essai")
		if err != nil {
			t.Fatal(err)
		}
		row, err := s.Next()
		if err != nil || row.Fields[0] != c.text || s.Layout().Encoding != c.want || row.Damaged != strings.Contains(c.text, "\uFFFD") {
			t.Errorf("%q: %q %s damaged %v: %v", c.cpg, row.Fields[0], s.Layout().Encoding, row.Damaged, err)
		}
	}
}

func TestGML(t *testing.T) {
	member := func(s string) string { return `<gml:member><f:releve gml:id="r1">` + s + `</f:releve></gml:member>` }
	doc := func(s string) string {
		return `<?xml version="1.0"?><wfs:FeatureCollection xmlns:wfs="w" xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:f="f" xmlns:xlink="l"><gml:boundedBy><gml:Envelope srsName="EPSG:4326"><gml:lowerCorner>0 0</gml:lowerCorner></gml:Envelope></gml:boundedBy>` + s + `</wfs:FeatureCollection>`
	}
	g, err := OpenGML(opener(doc(
		member(`<f:nom>Milan &amp; co</f:nom><f:g><gml:Point srsName="urn:ogc:def:crs:EPSG::4326"><gml:pos>43.5 3.25</gml:pos></gml:Point></f:g>`)+
			member(`<f:nom>é</f:nom><f:nom>è</f:nom><f:code xlink:href="http://x/4"/><f:g><gml:Polygon srsName="EPSG:2154" srsDimension="3"><gml:exterior><gml:LinearRing><gml:posList>0 0 9 1 0 9 1 1 9 0 0 9</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon></f:g>`)+
			member(`<f:g><gml:MultiSurface srsName="EPSG:2154"><gml:surfaceMember><gml:Surface><gml:patches><gml:PolygonPatch><gml:exterior><gml:LinearRing><gml:coordinates>0,0 1,0 1,1 0,0</gml:coordinates></gml:LinearRing></gml:exterior></gml:PolygonPatch></gml:patches></gml:Surface></gml:surfaceMember></gml:MultiSurface></f:g>`)+
			member(`<f:g><gml:Curve srsName="EPSG:2154"><gml:segments><gml:LineStringSegment><gml:posList>0 0 1 1</gml:posList></gml:LineStringSegment><gml:LineStringSegment><gml:posList>1 1 2 2</gml:posList></gml:LineStringSegment></gml:segments></gml:Curve></f:g>`)+
			member(`<f:g><gml:MultiPoint srsName="EPSG:2154"><gml:pointMember><gml:Point><gml:coord><gml:X>1</gml:X><gml:Y>2</gml:Y></gml:coord></gml:Point></gml:pointMember></gml:MultiPoint></f:g>`)+
			member(`<f:g><gml:Curve srsName="EPSG:2154"><gml:segments><gml:Arc><gml:posList>0 0 1 1 2 0</gml:posList></gml:Arc></gml:segments></gml:Curve></f:g><f:nom>arc</f:nom>`)+
			member(`<f:g><gml:Surface srsName="EPSG:2154"><gml:patches><gml:PolygonPatch><gml:exterior><gml:LinearRing><gml:pos>0 0</gml:pos><gml:pos>1 0</gml:pos><gml:pos>1 1</gml:pos><gml:pos>0 0</gml:pos></gml:LinearRing></gml:exterior></gml:PolygonPatch></gml:patches></gml:Surface></f:g>`),
	)), "essai")
	want := got{Header: []string{"gml_id", "nom", "code", "geometry"}, Rows: []string{
		"1: r1|Milan & co||SRID=4326;POINT(3.25 43.5)", "2: r1|é, è|http://x/4|SRID=2154;POLYGON((0 0,1 0,1 1,0 0))", "3: r1|||SRID=2154;MULTIPOLYGON(((0 0,1 0,1 1,0 0)))",
		"4: r1|||SRID=2154;LINESTRING(0 0,1 1,2 2)", "5: r1|||SRID=2154;MULTIPOINT((1 2))", "6: r1|arc||gml:Curve", "7: r1|||SRID=2154;POLYGON((0 0,1 0,1 1,0 0))"}}
	if d := cmp.Diff(want, readAll(t, g, err)); d != "" {
		t.Error(d)
	}
	for text, want := range map[string]string{
		doc(""): "layer.no_features", doc(member("<f:nom>a")): "packed.xml", `<!DOCTYPE a [<!ENTITY b "c">]>` + doc(""): "packed.xml_doctype", doc(member("&b;")): "packed.xml",
		doc(member(strings.Repeat("<f:a>", 300))):                                                "packed.xml_deep",
		doc(member(`<f:g><gml:Point srsName="EPSG:1"><gml:pos>1 2</gml:pos></gml:Point></f:g>`)): "layer.projection",
		doc(member("<f:nom>" + strings.Repeat("x", 17<<20) + "</f:nom>")):                        "layer.feature_long",
		doc(member(strings.Repeat("<f:nom>"+strings.Repeat("x", 1<<20)+"</f:nom>", 17))):         "layer.feature_long",
	} {
		if _, err := OpenGML(opener(text), "essai"); keyOf(err) != want {
			t.Errorf("%.80s: %v, want %s", text, err, want)
		}
	}
}

// fileOpener reads a real file.
func fileOpener(t testing.TB, path string) Opener {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return opener(string(b))
}

// TestGMLOfStandard reads the example of the SINP: persons, counts, geometry and additional
// attributes come out under the names of the standard's table.
func TestGMLOfStandard(t *testing.T) {
	g, err := OpenGML(fileOpener(t, needs.Shared(t, "data", "sources", "sinp-dee", "ExempleOccurrenceTaxon-2154.gml")), "essai")
	if err != nil {
		t.Fatal(err)
	}
	row, err := g.Next()
	if err != nil {
		t.Fatal(err)
	}
	for column, want := range map[string]string{"identifiantPermanent": "http://inpn.mnhn.fr/occtax/UUID_TEST_STD", "nomCite": "Castor fiber", "cdNom": "61212",
		"observateurIdentite": "Davy Crocket", "observateurNomOrganisme": "Indépendant", "jourDateDebut": "2001-12-17", "denombrementMin": "1", "codeCommune": "44048",
		"attribut_StadeDeveloppement": "adulte", "geometry": "SRID=2154;POINT(376024.0 6707107.0)", "dSPublique": "Ac", "gml_id": "102901"} {
		i := slices.Index(g.Header(), column)
		if i < 0 || row.Fields[i] != want {
			t.Errorf("%s at %d of %q: %q", column, i, g.Header(), row.Fields)
		}
	}
	if _, err := g.Next(); err != nil {
		t.Error(err)
	}
	if _, err := g.Next(); err != io.EOF {
		t.Error("a third observation")
	}
}

// TestRealFiles counts what data/README.md counts.
func TestRealFiles(t *testing.T) {
	g, err := OpenGeoJSON(fileOpener(t, needs.Shared(t, "data", "sources", "visionature", "faune-occitanie-hirondelle-fenetre-31.geojson")), "essai")
	if all := readAll(t, g, err); len(all.Rows) != 952 || len(all.Header) != 45 {
		t.Errorf("%d features, %d columns", len(all.Rows), len(all.Header))
	}
	s, others, err := openZip(t, needs.Shared(t, "data", "sources", "csv-structures", "pne-faune-2008-2010-shp.zip"), "")
	all := readAll(t, s, err)
	if len(all.Rows) != 508 || len(others) != 0 || !strings.Contains(all.Rows[0], "SRID=2154;POINT(") {
		t.Errorf("%d points, others %q, the first %q", len(all.Rows), others, all.Rows[0])
	}
}

func openZip(t testing.TB, path, table string) (*Shapefile, []string, error) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a, err := packed.Open(bytes.NewReader(b), int64(len(b)), "essai")
	if err != nil {
		t.Fatal(err)
	}
	p, others, err := ShapefileIn(a, table, "essai")
	if err != nil {
		return nil, nil, err
	}
	s, err := OpenShapefile(p, "essai")
	return s, others, err
}

// TestAsGDAL has GDAL write the same layer in each kind, from the shared Shapefile, and reads
// the same values from all.
func TestAsGDAL(t *testing.T) {
	ogr := needs.Tool(t, "ogr2ogr")
	zipped := needs.Shared(t, "data", "sources", "csv-structures", "pne-faune-2008-2010-shp.zip")
	dir := t.TempDir()
	make := func(name string, args ...string) string {
		t.Helper()
		out := filepath.Join(dir, name)
		if b, err := exec.Command(ogr, append(args, out, "/vsizip/"+zipped)...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, b)
		}
		return out
	}
	s, _, err := openZip(t, zipped, "")
	want := readAll(t, s, err)
	column := func(g got, name string, row int) string {
		i := slices.IndexFunc(g.Header, func(h string) bool { return strings.EqualFold(h, name) })
		return strings.Split(strings.SplitN(g.Rows[row], ": ", 2)[1], "|")[i]
	}
	shp := make("again.shp", "-lco", "ENCODING=UTF-8", "-lco", "SHPT=POINT")
	p := Parts{Name: "again", Shp: fileOpener(t, shp), Dbf: fileOpener(t, strings.TrimSuffix(shp, "shp")+"dbf"), Prj: fileOpener(t, strings.TrimSuffix(shp, "shp")+"prj"), Cpg: fileOpener(t, strings.TrimSuffix(shp, "shp")+"cpg")}
	again, err := OpenShapefile(p, "essai")
	if d := cmp.Diff(want, readAll(t, again, err)); d != "" {
		t.Error(d)
	}
	g, err := OpenGeoJSON(fileOpener(t, make("x.geojson", "-f", "GeoJSON", "-lco", "RFC7946=NO", "-lco", "COORDINATE_PRECISION=12")), "essai")
	if err != nil {
		t.Fatal(err)
	}
	gml, err := OpenGML(fileOpener(t, make("x.gml", "-f", "GML")), "essai")
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]reader{"geojson": g, "gml": gml} {
		all := readAll(t, r, nil)
		if len(all.Rows) != 508 {
			t.Fatalf("%s: %d features", name, len(all.Rows))
		}
		for i := range all.Rows {
			for _, c := range []string{"cd_nom", "taxonlatin", "remarques"} {
				if a, b := column(want, c, i), column(all, c, i); a != b {
					t.Fatalf("%s: feature %d: %s is %q, want %q", name, i+1, c, b, a)
				}
			}
			if d := apart(t, column(want, Geometry, i), column(all, Geometry, i)); d > 0.001 {
				t.Fatalf("%s: feature %d is %g m from its place", name, i+1, d)
			}
		}
	}
}

// apart returns how far two points are, in their units.
func apart(t *testing.T, a, b string) float64 {
	t.Helper()
	g, s, err := geo.ParseGeometry(a)
	h, r, err2 := geo.ParseGeometry(b)
	if err != nil || err2 != nil || s != r {
		t.Fatalf("%s and %s: %v %v", a, b, err, err2)
	}
	p, q := g.(orb.Point), h.(orb.Point)
	return math.Hypot(p[0]-q[0], p[1]-q[1])
}

func TestShapefilesOfArchive(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range map[string]string{"d/A.SHP": shpOf(shapeOf(1, 1, 1.0, 2.0)), "d/a.dbf": dbfOf(1, rec(" ", "a", "")), "b.shp": shpOf(), "__MACOSX/c.shp": "x"} {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.zip")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	s, others, err := openZip(t, path, "a")
	if all := readAll(t, s, err); len(all.Rows) != 1 || !slices.Equal(others, []string{"b"}) {
		t.Errorf("%q, others %q", all, others)
	}
	if _, _, err := openZip(t, path, "b"); keyOf(err) != "layer.no_dbf" {
		t.Error(err)
	}
	if _, _, err := openZip(t, path, "c"); keyOf(err) != "layer.no_layer" {
		t.Error(err)
	}
}

func drain(t *testing.T, r reader, err error) {
	if err != nil {
		if keyOf(err) == "" && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("not a fault of the file: %v", err)
		}
		return
	}
	for range 10_000 {
		row, err := r.Next()
		if err != nil {
			return
		}
		if len(row.Fields) != len(r.Header()) && len(row.Fields) != 0 {
			t.Fatalf("%d fields under %d columns", len(row.Fields), len(r.Header()))
		}
	}
}

func FuzzGeoJSON(f *testing.F) {
	f.Add(`{"type":"FeatureCollection","features":[{"type":"Feature","id":1,"properties":{"a":"b","c":[1]},"geometry":{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]]]}}]}`)
	f.Add(`{"features":[{"type":"Feature","properties":{"a":null},"geometry":{"type":"Point","coordinates":[1,2,3]}}],"crs":{"properties":{"name":"EPSG:2154"}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		g, err := OpenGeoJSON(opener(text), "x")
		if err != nil {
			drain(t, nil, err)
			return
		}
		drain(t, g, nil)
	})
}

func FuzzShapefile(f *testing.F) {
	f.Add([]byte(shpOf(shapeOf(1, 5, [4]float64{}, int32(1), int32(4), int32(0), 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0))), []byte(dbfOf(1, rec(" ", "a", ""))), `GEOGCS["GCS_WGS_1984"]`)
	f.Fuzz(func(t *testing.T, shp, dbf []byte, prj string) {
		p := parts(string(shp), string(dbf))
		p.Prj = opener(prj)
		s, err := OpenShapefile(p, "x")
		if err != nil {
			drain(t, nil, err)
			return
		}
		drain(t, s, nil)
	})
}

func FuzzGML(f *testing.F) {
	f.Add(`<a xmlns:gml="http://www.opengis.net/gml"><gml:featureMember><b gml:id="1"><c>d</c><gml:Polygon srsName="EPSG:2154"><gml:exterior><gml:LinearRing><gml:posList>0 0 1 0 1 1 0 0</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon></b></gml:featureMember></a>`)
	f.Fuzz(func(t *testing.T, text string) {
		g, err := OpenGML(opener(text), "x")
		if err != nil {
			drain(t, nil, err)
			return
		}
		drain(t, g, nil)
	})
}

func FuzzGeometryText(f *testing.F) {
	f.Add([]byte{1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "POINT Z (1 2 3)")
	f.Fuzz(func(t *testing.T, b []byte, text string) {
		if s, ok := TextOf(b, 2154); ok && !strings.Contains(s, "NaN") && !strings.Contains(s, "Inf") {
			if _, _, _, err := BinaryOf(s); err != nil {
				t.Fatalf("%x is written %s, which is not read", b, s)
			}
		}
		if wkb, srid, _, err := BinaryOf(text); err == nil {
			if _, ok := TextOf(wkb, srid); !ok {
				t.Fatalf("%s is written %x, which is not read", text, wkb)
			}
		}
	})
}
