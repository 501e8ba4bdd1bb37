package api

import (
	"iter"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/paulmach/orb"

	"garrigue/internal/atlas"
	"garrigue/internal/atlas/atlastest"
	"garrigue/internal/civil"
	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
)

// The fixture: a territory of two departments of two square communes each, 10 km a side, and
// four taxa. Small enough to count by hand.
//
//	     x=700  710  720 km
//	y=6290  +----+----+
//	        | X1001   | X1002   (department X1, north)
//	y=6280  +----+----+
//	        | X2001   | X2002   (department X2, south)
//	y=6270  +----+----+
func square(e, n, km int) orb.MultiPolygon {
	corner := func(e, n int) orb.Point {
		lon, lat := geo.FromLambert93(float64(e)*1000, float64(n)*1000)
		return orb.Point{lon, lat}
	}
	return orb.MultiPolygon{{{corner(e, n), corner(e+km, n), corner(e+km, n+km), corner(e, n+km), corner(e, n)}}}
}

func territory() []geo.Area {
	region := geo.AdminKey(geo.Region, "X")
	one, two := geo.AdminKey(geo.Department, "X1"), geo.AdminKey(geo.Department, "X2")
	wide := func(n int) orb.MultiPolygon {
		w, e := square(700, n, 10)[0][0], square(710, n, 10)[0][0]
		return orb.MultiPolygon{{{w[0], e[1], e[2], w[3], w[0]}}}
	}
	south, north := wide(6270)[0][0], wide(6280)[0][0]
	areas := []geo.Area{
		{Key: region, Name: "Pays d’essai", Geometry: orb.MultiPolygon{{{south[0], south[1], north[2], north[3], south[0]}}}},
		{Key: one, Name: "Haut-Essai", Parent: region, Geometry: wide(6280)},
		{Key: two, Name: "Bas-Essai", Parent: region, Geometry: wide(6270)},
		{Key: geo.AdminKey(geo.Commune, "X1001"), Name: "Mirepeyre", Parent: one, Geometry: square(700, 6280, 10)},
		{Key: geo.AdminKey(geo.Commune, "X1002"), Name: "L’Œuvre", Parent: one, Geometry: square(710, 6280, 10)},
		{Key: geo.AdminKey(geo.Commune, "X2001"), Name: "Saint-Essai", Parent: two, Geometry: square(700, 6270, 10)},
		{Key: geo.AdminKey(geo.Commune, "X2002"), Name: "Vide", Parent: two, Geometry: square(710, 6270, 10)},
	}
	for i := range areas {
		areas[i].Surface = geo.Surface(areas[i].Geometry)
	}
	return areas
}

func names() iter.Seq2[taxon.Name, error] {
	reptile := func(cd, ref, parent int, rank taxon.Rank, sci, author, fr string) taxon.Name {
		return taxon.Name{CdNom: taxon.CdNom(cd), CdRef: taxon.CdRef(ref), Parent: taxon.CdNom(parent), Rank: rank, ScientificName: sci, Author: author,
			Vernacular: fr, Kingdom: "Animalia", Phylum: "Chordata", Class: "Reptilia", Order: "Squamata", Family: "Lacertidae", Group1: "Chordés", Group2: "Reptiles"}
	}
	bird := taxon.Name{CdNom: 2651, CdRef: 2651, Rank: taxon.Species, ScientificName: "Aquila fasciata", Author: "Vieillot, 1822", Vernacular: "Aigle de Bonelli (L')",
		VernacularEN: "Bonelli's Eagle", Kingdom: "Animalia", Phylum: "Chordata", Class: "Aves", Order: "Accipitriformes", Family: "Accipitridae", Group1: "Chordés", Group2: "Oiseaux"}
	all := []taxon.Name{
		reptile(197037, 197037, 0, taxon.Genus, "Timon", "Tschudi, 1836", ""),
		reptile(79289, 79289, 197037, taxon.Species, "Timon lepidus", "(Daudin, 1802)", "Lézard ocellé (Le)"),
		reptile(77756, 79289, 0, taxon.Species, "Lacerta lepida", "Daudin, 1802", ""),
		bird,
	}
	return func(yield func(taxon.Name, error) bool) {
		for _, n := range all {
			if !yield(n, nil) {
				return
			}
		}
	}
}

// seen are the fixture's observations as the public may see them.
func seen(t *testing.T) []disclosure.Published {
	commune := func(c string) geo.AreaKey { return geo.AdminKey(geo.Commune, c) }
	one, two, region := geo.AdminKey(geo.Department, "X1"), geo.AdminKey(geo.Department, "X2"), geo.AdminKey(geo.Region, "X")
	on := func(y, m, d int) observation.Period {
		day, ok := civil.Make(y, m, d)
		if !ok {
			t.Fatal("no such day")
		}
		return observation.Period{Start: day, End: day, Precision: observation.Day}
	}
	lizard := func(e, n int, c string, dep geo.AreaKey, when observation.Period, alt int16) disclosure.Published {
		return disclosure.Published{CdRef: 79289, Organisation: "Conservatoire d’essai", When: when, Area: geo.CellKey(geo.Cell5, e, n),
			Within: []geo.AreaKey{commune(c), dep, region}, AltitudeMin: alt, AltitudeMax: alt, Validated: true}
	}
	eagle := disclosure.Published{CdRef: 2651, Organisation: "Groupe d’essai", When: on(2015, 4, 12), Area: geo.CellKey(geo.Cell10, 700, 6280),
		Within: []geo.AreaKey{one, region}, Blurred: true, Reasons: disclosure.Sensitive, AltitudeMin: observation.NoAltitude, AltitudeMax: observation.NoAltitude, Validated: true}
	wished := disclosure.Published{CdRef: 79289, Organisation: "Groupe d’essai", When: on(2012, 6, 3), Area: commune("X2001"),
		Within: []geo.AreaKey{two, region}, Blurred: true, Reasons: disclosure.Consent, AltitudeMin: observation.NoAltitude, AltitudeMax: observation.NoAltitude, Validated: true}
	return []disclosure.Published{
		lizard(700, 6280, "X1001", one, on(1998, 5, 2), 120), lizard(700, 6280, "X1001", one, on(2020, 5, 25), 130),
		lizard(705, 6285, "X1001", one, on(2021, 7, 14), 340), lizard(700, 6275, "X2001", two, on(2024, 6, 1), 80), wished, eagle,
	}
}

// testStore publishes the fixture into a folder of its own.
func testStore(t *testing.T) *atlas.Store {
	t.Helper()
	tax, err := taxon.NewTaxonomy(names(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return atlastest.Store(t, atlas.Meta{Title: "Atlas d’essai", Territory: "Pays d’essai", Publisher: "Essai", Licence: "CC BY 4.0", Fictional: true,
		Built: "2026-07-15T02:00:00Z", Mesh: geo.Cell5, Taxref: "18", Policy: "sinp-1"}, atlas.References{
		Taxonomy: tax, Areas: territory(), Sensitive: func(cd taxon.CdRef) bool { return cd == 2651 },
		Statuses: []taxon.Status{{CdRef: 79289, Type: "LRN", TypeLabel: "Liste rouge nationale", Code: "VU", Label: "Vulnérable", Territory: "France métropolitaine"}},
	}, seen(t))
}

// ask sends one GET with header pairs.
func ask(h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
