package tile

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"

	"garrigue/internal/atlas"
	"garrigue/internal/atlas/atlastest"
	"garrigue/internal/civil"
	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
)

// testStore publishes two communes of 20 km on the invented coast, a species with one cell
// (twice, 2001 and 2020) and a commune (2010), and one that has every cell.
func testStore(t testing.TB) *atlas.Store {
	t.Helper()
	at := func(e, n int) orb.Point {
		lon, lat := geo.FromLambert93(float64(e)*1000, float64(n)*1000)
		return orb.Point{lon, lat}
	}
	block := func(e, n, w, h int) orb.MultiPolygon {
		return orb.MultiPolygon{{{at(e, n), at(e+20, n), at(e+w, n), at(e+w, n+h), at(e+20, n+h), at(e, n+h), at(e, n)}}}
	}
	region, dep := geo.AdminKey(geo.Region, "X"), geo.AdminKey(geo.Department, "X1")
	west, east := geo.AdminKey(geo.Commune, "X1001"), geo.AdminKey(geo.Commune, "X1002")
	areas := []geo.Area{{Key: region, Name: "Essai", Geometry: block(740, 6240, 40, 40)}, {Key: dep, Name: "Côte-d’Essai", Parent: region, Geometry: block(740, 6240, 40, 40)},
		{Key: west, Name: "Ouest", Parent: dep, Geometry: orb.MultiPolygon{{{at(740, 6240), at(760, 6240), at(760, 6280), at(740, 6280), at(740, 6240)}}}},
		{Key: east, Name: "Est", Parent: dep, Geometry: orb.MultiPolygon{{{at(760, 6240), at(780, 6240), at(780, 6280), at(760, 6280), at(760, 6240)}}}}}
	for i := range areas {
		areas[i].Surface = geo.Surface(areas[i].Geometry)
	}
	name := func(cd taxon.CdNom, sci string) taxon.Name {
		return taxon.Name{CdNom: cd, CdRef: taxon.CdRef(cd), Rank: taxon.Species, ScientificName: sci, Kingdom: "Animalia", Class: "Aves", Group2: "Oiseaux"}
	}
	names := func(yield func(taxon.Name, error) bool) {
		_ = yield(name(10, "Aquila rara"), nil) && yield(name(20, "Passer frequens"), nil)
	}
	taxonomy, err := taxon.NewTaxonomy(names, nil)
	if err != nil {
		t.Fatal(err)
	}
	var ps []disclosure.Published
	add := func(cd taxon.CdRef, area geo.AreaKey, year int, within []geo.AreaKey, reasons disclosure.Reason) {
		day, _ := civil.Make(year, 5, 1)
		ps = append(ps, disclosure.Published{CdRef: cd, Organisation: "Essai", When: observation.Period{Start: day, End: day}, Area: area, Within: within,
			Blurred: reasons != 0, Reasons: reasons, AltitudeMin: observation.NoAltitude, AltitudeMax: observation.NoAltitude})
	}
	all := []geo.AreaKey{west, dep, region}
	add(10, geo.CellKey(geo.Cell5, 745, 6265), 2001, all, 0)
	add(10, geo.CellKey(geo.Cell5, 745, 6265), 2020, all, 0)
	add(10, east, 2010, []geo.AreaKey{dep, region}, disclosure.Sensitive|disclosure.Consent)
	// Cells far beyond the territory too: what counts here is their number.
	for i := range 3000 {
		add(20, geo.CellKey(geo.Cell5, 500+5*(i%60), 6200+5*(i/60)), 1990+i%35, []geo.AreaKey{region}, 0)
	}
	return atlastest.Store(t, atlas.Meta{Title: "Essai", Built: "2026-07-15T02:00:00Z", Mesh: geo.Cell5}, atlas.References{Taxonomy: taxonomy, Areas: areas}, ps)
}

func ask(h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// at returns the address of the tile of zoom z that holds the fixture's middle.
func at(prefix string, z int) string {
	lon, lat := geo.FromLambert93(755_000, 6_262_000)
	x, y := tileAt(lon, lat, z)
	return fmt.Sprintf("/tuiles/%s%d/%d/%d.mvt", prefix, z, x, y)
}

func TestTaxonTile(t *testing.T) {
	h := Handler(testStore(t), nil)
	for query, want := range map[string]struct{ cells, zones []map[string]any }{
		"":                {[]map[string]any{{"code": "5kmL93E0745N6265", "n": 2.0, "first": 2001.0, "last": 2020.0}}, []map[string]any{{"kind": "commune", "code": "X1002", "name": "Est", "n": 1.0, "first": 2010.0, "last": 2010.0, "reasons": 3.0}}},
		"&de=2010&a=2010": {nil, []map[string]any{{"kind": "commune", "code": "X1002", "name": "Est", "n": 1.0, "first": 2010.0, "last": 2010.0, "reasons": 3.0}}},
		"&de=2015":        {[]map[string]any{{"code": "5kmL93E0745N6265", "n": 1.0, "first": 2020.0, "last": 2020.0}}, nil},
		"&de=2024":        {nil, nil},
	} {
		w := ask(h, at("", 7)+"?taxon=10"+query)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/vnd.mapbox-vector-tile" {
			t.Fatalf("%s: %d %s", query, w.Code, w.Body)
		}
		layers := decoded(t, w.Body.Bytes())
		got := map[string][]map[string]any{}
		for name, l := range layers {
			for _, f := range l.Features {
				got[name] = append(got[name], f.Properties)
			}
		}
		if d := cmp.Diff(want.cells, got["mailles"]); d != "" {
			t.Errorf("%q: cells (-want +got)\n%s", query, d)
		}
		if d := cmp.Diff(want.zones, got["zones"]); d != "" {
			t.Errorf("%q: zones (-want +got)\n%s", query, d)
		}
	}
}

func TestGroundTile(t *testing.T) {
	h := Handler(testStore(t), nil)
	for z, want := range map[int][]string{6: {"cote", "departements", "labels", "mer", "region"}, 9: {"communes", "cote", "departements", "labels", "mer", "region"}} {
		var got []string
		for name, l := range decoded(t, ask(h, at("fond/", z)).Body.Bytes()) {
			got = append(got, name)
			if len(l.Features) == 0 {
				t.Errorf("zoom %d: layer %s is empty", z, name)
			}
			if name == "cote" {
				if k := l.Features[0].Geometry.GeoJSONType(); !strings.HasSuffix(k, "LineString") {
					t.Errorf("zoom %d: the coast is a %s", z, k)
				}
			}
		}
		sort.Strings(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("zoom %d (-want +got)\n%s", z, d)
		}
	}
}

func TestRichnessTile(t *testing.T) {
	h := Handler(testStore(t), nil)
	found := false
	for _, f := range decoded(t, ask(h, at("richesse/", 7)).Body.Bytes())["mailles"].Features {
		if f.Properties["code"] == "5kmL93E0745N6265" {
			found = true
			if d := cmp.Diff(map[string]any{"code": "5kmL93E0745N6265", "n": 3.0, "taxa": 2.0}, map[string]any(f.Properties)); d != "" {
				t.Error(d)
			}
		}
	}
	if !found {
		t.Error("the cell with two species is not on the map")
	}
}

func TestRefusals(t *testing.T) {
	h := Handler(testStore(t), nil)
	for path, want := range map[string]int{
		"/tuiles/7/64/46.mvt?taxon=999":         404,
		"/tuiles/7/64/46.mvt":                   400,
		"/tuiles/7/64/46.mvt?taxon=x":           400,
		"/tuiles/7/64/46.mvt?taxon=-1":          400,
		"/tuiles/7/64/46.mvt?taxon=99999999999": 400,
		"/tuiles/7/64/46.mvt?taxon=10&de=x":     400,
		"/tuiles/7/64/46.mvt?taxon=10&a=12345":  400,
		"/tuiles/13/0/0.mvt?taxon=10":           404,
		"/tuiles/7/128/0.mvt?taxon=10":          404,
		"/tuiles/7/0/128.mvt?taxon=10":          404,
		"/tuiles/7/64/46?taxon=10":              404,
		"/tuiles/7/064/46.mvt?taxon=10":         404,
		"/tuiles/fond/99/0/0.mvt":               404,
		"/tuiles/autre/1/0/0.mvt":               404,
	} {
		for lang, part := range map[string]string{"fr": " ", "en": "e"} {
			w := ask(h, path, "Accept-Language", lang)
			var p struct {
				Status int
				Detail string
			}
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if w.Code != want || p.Status != want || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s: %d, %+v, want %d", path, w.Code, p, want)
			}
			if !strings.Contains(p.Detail, part) || strings.HasPrefix(p.Detail, "tile.") || strings.HasPrefix(p.Detail, "atlas.") {
				t.Errorf("%s in %s: %q is no sentence", path, lang, p.Detail)
			}
			if w.Header().Get("Etag") != "" || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s: a refusal may be kept: %v", path, w.Header())
			}
		}
	}
}

func TestCachingHeaders(t *testing.T) {
	store := testStore(t)
	a, release := store.Acquire()
	defer release()
	h := Handler(store, nil)
	path := at("", 7) + "?taxon=10"
	first := ask(h, path)
	etag := first.Header().Get("Etag")
	if w := ask(h, path, "If-None-Match", etag); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
		t.Errorf("%d for what the reader has", w.Code)
	}
	if other := ask(h, path+"&de=2015").Header().Get("Etag"); other == etag {
		t.Error("two tiles bear the same ETag: MapLibre would keep the old one")
	}
	if cc := ask(h, path+"&s="+a.Meta().ID).Header().Get("Cache-Control"); !strings.Contains(cc, "immutable") {
		t.Errorf("named with its snapshot, a tile is %q", cc)
	}
	if cc := ask(h, path+"&s=old").Header().Get("Cache-Control"); strings.Contains(cc, "immutable") {
		t.Errorf("named with another snapshot, a tile is %q", cc)
	}
	w := ask(h, path, "Accept-Encoding", "br, gzip")
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil || string(plain) != first.Body.String() {
		t.Error("the compressed tile is another one", err)
	}
}

// go test -bench=Cold ./internal/tile: every request is for years nobody asked before, so that
// the atlas is read, the tile drawn and compressed each time.
func BenchmarkColdTile(b *testing.B) {
	h := Handler(testStore(b), nil)
	var took []time.Duration
	i, size := 0, 0
	for b.Loop() {
		start := time.Now()
		w := ask(h, fmt.Sprintf("%s?taxon=20&de=%d&a=%d", at("", 6), 1900+i%50, 2026+i/50), "Accept-Encoding", "gzip")
		took = append(took, time.Since(start))
		size = w.Body.Len()
		i++
	}
	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(size), "bytes")
}

// TestTurns: no more tiles are drawn at once than there are processors; who leaves while
// waiting is let go.
func TestTurns(t *testing.T) {
	store := testStore(t)
	s := newServer(store, slog.New(slog.DiscardHandler))
	s.making = make(chan struct{}, 1)
	a, release := store.Acquire()
	defer release()
	s.making <- struct{}{} // somebody else's turn
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if _, err := s.tile(ctx, a, tileName{layer: "ground", z: 6, x: 32, y: 23}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v for who left, want canceled", err)
	}
	<-s.making
	if _, err := s.tile(t.Context(), a, tileName{layer: "ground", z: 6, x: 32, y: 23}); err != nil {
		t.Error(err)
	}
	if len(s.making) != 0 {
		t.Error("a turn is not given back")
	}
}

// TestNamesAreReady: the names a ground tile needs are made with the server, not with the first
// visitor.
func TestNamesAreReady(t *testing.T) {
	s := newServer(testStore(t), slog.New(slog.DiscardHandler))
	var got []string
	for _, l := range s.names.kept[0].names {
		got = append(got, l.name)
	}
	sort.Strings(got)
	if d := cmp.Diff([]string{"Côte-d’Essai", "Est", "Ouest"}, got); d != "" {
		t.Error(d)
	}
}

// TestNamesByWhatIsKnownThenBySize: the communes named first are those most is known of; of two
// equally known, the larger.
func TestNamesByWhatIsKnownThenBySize(t *testing.T) {
	a := atlastest.Open(t)
	rows, _, err := a.Areas(t.Context(), geo.Commune, "", 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]int{}
	for _, r := range rows {
		known[r.Area.Code()] = r.N
	}
	size := map[string]float64{}
	err = a.Outlines(t.Context(), geo.Commune, orb.Bound{}, func(key geo.AreaKey, _ string, g orb.MultiPolygon) error {
		size[key.Code()] = geo.Surface(g)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	names, err := readNames(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	var last *label
	ties := 0
	for i := range names {
		n := &names[i]
		if n.kind != "commune" {
			continue
		}
		if last != nil {
			if known[n.code] > known[last.code] {
				t.Errorf("%s (%d observations) after %s (%d)", n.name, known[n.code], last.name, known[last.code])
			}
			if known[n.code] == known[last.code] {
				ties++
				if size[n.code] > size[last.code] {
					t.Errorf("%s (%.0f m²) after %s (%.0f m²)", n.name, size[n.code], last.name, size[last.code])
				}
			}
		}
		last = n
	}
	if last == nil || ties == 0 {
		t.Errorf("the snapshot has no two communes equally known: %v", known)
	}
}
