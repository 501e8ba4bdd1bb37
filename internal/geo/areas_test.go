package geo

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/paulmach/orb"

	"garrigue/internal/fault"
)

func TestReadOccitanie(t *testing.T) {
	o := readOccitanie(t)
	if len(o.communes) != 4446 || len(o.departments) != 13 || len(o.regions) != 1 {
		t.Fatalf("%d communes, %d departments, %d regions", len(o.communes), len(o.departments), len(o.regions))
	}
	for _, a := range o.communes {
		if a.Parent.Kind() != Department || a.Name == "" || a.Name == a.Key.Code() || a.Surface <= 0 {
			t.Errorf("%v %q in %v, %.0f m²", a.Key, a.Name, a.Parent, a.Surface)
		}
		for _, p := range a.Geometry {
			for i, r := range p {
				if (r.Orientation() == orb.CCW) != (i == 0) {
					t.Fatalf("%s: ring %d turns the wrong way", a.Name, i)
				}
			}
		}
	}
	if r := o.regions[0]; r.Key.Code() != "76" || r.Name != "Occitanie" || r.Parent != 0 {
		t.Errorf("the region is %v %q in %v", r.Key, r.Name, r.Parent)
	}
	if d := o.departments[0]; d.Parent != AdminKey(Region, "76") {
		t.Errorf("%s is in %v", d.Name, d.Parent)
	}
	cells := readAll(t, sharedFile(t, "mailles-l93-10km-occitanie.geojson.gz"), Cell10, ReadOptions{})
	if len(cells) != 834 || cells[0].Key.Kind() != Cell10 {
		t.Errorf("%d cells, the first is %v", len(cells), cells[0].Key)
	}
}

func collection(features ...string) string {
	return `{"type":"FeatureCollection","features":[` + strings.Join(features, ",\n") + `]}`
}

const unitSquare = `{"type":"Polygon","coordinates":[[[3,43],[4,43],[4,44],[3,44],[3,43]]]}`

func one(properties string) string {
	return `{"type":"Feature","properties":{` + properties + `},"geometry":` + unitSquare + `}`
}

func TestReadAreasProperties(t *testing.T) {
	for _, c := range []struct {
		kind       Kind
		properties string
		o          ReadOptions
		want       string
	}{
		{Commune, `"insee":"34172","nom":"Montpellier","dep":"34"`, ReadOptions{}, "commune:34172 Montpellier department:34"},
		{Commune, `"INSEE_COM":"34172","NOM":"Montpellier","INSEE_DEP":"34","INSEE_REG":"76"`, ReadOptions{}, "commune:34172 Montpellier department:34"},
		{Commune, `"code":"2A004","nom":"Ajaccio"`, ReadOptions{}, "commune:2A004 Ajaccio department:2A"},
		{Commune, `"code":"2a004","name":"Ajaccio"`, ReadOptions{}, "commune:2A004 Ajaccio department:2A"},
		{Commune, `"code":"97411","nom":"Saint-Denis"`, ReadOptions{}, "commune:97411 Saint-Denis department:974"},
		{Commune, `"code_insee":9122,"nom":"Foix","code_dept":9`, ReadOptions{}, "commune:09122 Foix department:09"},
		{Commune, `"CODGEO":" 34172 ","LIBGEO":"Montpellier"`, ReadOptions{}, "commune:34172 Montpellier department:34"},
		{Commune, `"code":"34172"`, ReadOptions{}, "commune:34172 34172 department:34"},
		{Commune, `"code":"34172","nom":null`, ReadOptions{}, "commune:34172 34172 department:34"},
		{Commune, `"ref":"X1","titre":"Lieu","pays":"P"`, ReadOptions{Code: "ref", Name: "Titre", Parent: "pays"}, "commune:X1 Lieu department:P"},
		{Department, `"code":"34","nom":"Hérault"`, ReadOptions{}, "department:34 Hérault :"},
		{Department, `"INSEE_DEP":"34","NOM":"Hérault","INSEE_REG":"76"`, ReadOptions{}, "department:34 Hérault region:76"},
		{Department, `"code":"34","nom":"Hérault"`, ReadOptions{Above: AdminKey(Region, "76")}, "department:34 Hérault region:76"},
		{Region, `"code":"76","nom":"Occitanie"`, ReadOptions{}, "region:76 Occitanie :"},
		{Region, `"code":4,"nom":"La Réunion"`, ReadOptions{}, "region:04 La Réunion :"},
	} {
		for a, err := range ReadAreas(strings.NewReader(collection(one(c.properties))), c.kind, c.o) {
			if got := fmt.Sprintf("%v %s %v", a.Key, a.Name, a.Parent); err != nil || got != c.want {
				t.Errorf("%s: %q %v, wanted %q", c.properties, got, err, c.want)
			}
		}
	}
}

func TestReadAreasSystems(t *testing.T) {
	metres := `{"type":"Feature","properties":{"code":"34001"},"geometry":{"type":"Polygon","coordinates":[[[770000,6279000],[771000,6279000],[771000,6280000],[770000,6279000]]]}}`
	named := `{"type":"FeatureCollection","name":"x","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::2154"}},"features":[` + metres + `]}`
	for _, c := range []struct {
		text string
		o    ReadOptions
	}{{named, ReadOptions{}}, {"\ufeff" + named, ReadOptions{}}, {collection(metres), ReadOptions{CRS: Lambert93}}} {
		for a, err := range ReadAreas(strings.NewReader(c.text), Commune, c.o) {
			if err != nil {
				t.Fatal(err)
			}
			if p := a.Geometry[0][0][0]; p[0] < 3.8 || p[0] > 3.9 || p[1] < 43.6 || p[1] > 43.7 {
				t.Errorf("a corner lies at %v", p)
			}
		}
	}
}

func TestReadAreasRefuses(t *testing.T) {
	good := one(`"code":"34001","nom":"A"`)
	shape := func(g string) string {
		return collection(good, `{"type":"Feature","properties":{"code":"34002","nom":"B"},"geometry":`+g+`}`)
	}
	for text, key := range map[string]string{
		"":                                     "geo.area.file",
		"{":                                    "geo.area.file",
		"[]":                                   "geo.area.file",
		"code;nom\n34172;x":                    "geo.area.file",
		unitSquare:                             "geo.area.file",
		`{"features":{}}`:                      "geo.area.file",
		`{"features":[1]}`:                     "geo.area.file",
		`{"features":[` + good:                 "geo.area.file",
		`{"features":[]}`:                      "geo.area.none",
		collection(good)[:100]:                 "geo.area.file",
		collection(good, good):                 "geo.area.twice",
		collection(one(`"x":1`)):               "geo.area.code",
		collection(one(`"code":"34 172"`)):     "geo.area.code",
		collection(one(`"code":"1234567890"`)): "geo.area.code",
		shape("null"):                          "geo.area.shape",
		shape(`{"type":"Point","coordinates":[3,43]}`):                                        "geo.area.shape",
		shape(`{"type":"Polygon","coordinates":[]}`):                                          "geo.area.shape",
		shape(`{"type":"Polygon","coordinates":[[[0,0],[1,1],[1,0],[0,1],[0,0]]]}`):           "geo.area.shape",
		shape(`{"type":"Polygon","coordinates":[[[7e5,6e6],[8e5,6e6],[8e5,7e6],[7e5,6e6]]]}`): "geo.area.shape",
		`{"crs":{"properties":{"name":"Lambert"}},"features":[]}`:                             "geo.crs",
	} {
		n := 0
		var last error
		for _, err := range ReadAreas(strings.NewReader(text), Commune, ReadOptions{}) {
			n++
			last = err
		}
		var f *fault.Error
		if !errors.As(last, &f) || f.Kind != fault.Invalid || f.Key != key || n > 2 {
			t.Errorf("%.80s: %d times, %v, wanted %s", text, n, last, key)
		}
	}
	for range ReadAreas(strings.NewReader(collection(good, good)), Commune, ReadOptions{}) {
		break // the second feature's fault is not met
	}
	var named *fault.Error
	for _, err := range ReadAreas(strings.NewReader(shape("null")), Commune, ReadOptions{}) {
		errors.As(err, &named)
	}
	if fmt.Sprint(named.Args) != "[2 34002 B]" {
		t.Errorf("the feature is named %v", named.Args)
	}
}

// endless gives a collection of n features without holding it.
func endless(n int) io.Reader {
	r, w := io.Pipe()
	go func() {
		io.WriteString(w, `{"type":"FeatureCollection","features":[`)
		for i := range n {
			if i > 0 {
				io.WriteString(w, ",")
			}
			var b strings.Builder
			fmt.Fprintf(&b, `{"type":"Feature","properties":{"code":"%05d"},"geometry":{"type":"Polygon","coordinates":[[`, i)
			for j := range 100 {
				fmt.Fprintf(&b, "[%.7f,43.0000000],", 3+float64(j)/1000)
			}
			b.WriteString("[3.0990000,43.5000000],[3,43.5],[3,43]]]}}")
			io.WriteString(w, b.String())
		}
		io.WriteString(w, "]}")
		w.Close()
	}()
	return r
}

func TestReadAreasStreams(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 10 MB")
	}
	var least, most uint64
	n := 0
	for _, err := range ReadAreas(endless(4000), Commune, ReadOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%1000 == 0 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if n == 1000 {
				least = m.HeapAlloc
			}
			most = max(most, m.HeapAlloc)
		}
	}
	if n != 4000 || most > least+4<<20 {
		t.Errorf("%d features; the heap went from %d to %d bytes", n, least, most)
	}
}

// spaces is a text that never ends.
type spaces struct{ read int }

func (s *spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	s.read += len(p)
	return len(p), nil
}

func TestReadAreasBoundsOneFeature(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 128 MB")
	}
	for _, start := range []string{"", `{"name":"`, `{"type":"FeatureCollection","features":[` + one(`"code":"34001"`) + `,{"type":"`} {
		rest := &spaces{}
		var last error
		for _, err := range ReadAreas(io.MultiReader(strings.NewReader(start), rest), Commune, ReadOptions{}) {
			last = err
		}
		var f *fault.Error
		if !errors.As(last, &f) || f.Key != "geo.area.long" || rest.read > maxFeature+1<<20 {
			t.Errorf("after %.20q: %v, %d bytes read", start, last, rest.read)
		}
	}
}

func BenchmarkReadAreas(b *testing.B) {
	text := sharedFile(b, "communes-occitanie.geojson.gz")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if n := len(readAll(b, text, Commune, ReadOptions{})); n != 4446 {
			b.Fatal(n)
		}
	}
}
