package ingest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paulmach/orb"

	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/naming"
	"garrigue/internal/observation"
	"garrigue/internal/quality"
	"garrigue/internal/vault"
)

// mapFile maps every row of a file, without writing any: what each became, with all its findings.
func mapFile(t testing.TB, im *Importer, path string) (out []mapped) {
	t.Helper()
	ctx := context.Background()
	s, err := openSource(path, readOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := s.read()
	if err != nil {
		t.Fatal(err)
	}
	p, err := planByFormat(s, r.header, &Options{})
	if err != nil {
		t.Fatal(err)
	}
	prof, err := im.survey(ctx, s, p, func(float64, int) {})
	if err != nil {
		t.Fatal(err)
	}
	m := newMapper(im, p, prof, &Options{}, "essai")
	for {
		row, err := r.next()
		if err != nil {
			return out
		}
		row.Fields = slices.Clone(row.Fields)
		var one mapped
		m.mapRow(&row, &one)
		out = append(out, one)
	}
}

// placeHeader is the header of the rows of these tests; the rows name their columns.
var placeHeader = []string{"idOrigine", "statutObservation", "nomCite", "cdNom", "dateDebut", "dateFin", "observateur", "dSPublique", "organismeGestionnaireDonnee", "statutSource",
	"geometrie", "latitude", "longitude", "srid", "natureObjetGeo", "precision", "dEEFloutage",
	"codeCommune", "nomCommune", "anneeRefCommune", "typeInfoGeoCommune", "codeDepartement", "typeInfoGeoDepartement", "codeMaille", "typeInfoGeoMaille",
	"codeEN", "typeEN", "versionEN", "typeInfoGeoEN", "codeME", "typeInfoGeoME"}

// placeRow writes a sound row with some values of its own, "column=value" each.
func placeRow(n int, values ...string) string {
	row := make([]string, len(placeHeader))
	set := func(column, v string) { row[slices.Index(placeHeader, column)] = v }
	for _, v := range append([]string{fmt.Sprintf("idOrigine=%d", n), "statutObservation=Pr", "nomCite=Ablette", "cdNom=67111", "dateDebut=2020-05-01", "dateFin=2020-05-01",
		"observateur=NOM Prénom", "dSPublique=Pu", "organismeGestionnaireDonnee=CEN", "statutSource=Te"}, values...) {
		column, value, _ := strings.Cut(v, "=")
		set(column, `"`+strings.ReplaceAll(value, `"`, `""`)+`"`)
	}
	return strings.Join(row, ";")
}

func placeFile(t testing.TB, rows ...[]string) string {
	t.Helper()
	text := strings.Join(placeHeader, ";") + "\n"
	for i, r := range rows {
		text += placeRow(i+1, r...) + "\n"
	}
	path := filepath.Join(t.TempDir(), "lieux.csv")
	write(t, path, text)
	return path
}

// foundCodes lists the codes found, each once, in order of finding.
func foundCodes(m *mapped) string {
	var out []string
	for _, f := range m.findings {
		if !slices.Contains(out, string(f.Code)) {
			out = append(out, string(f.Code))
		}
	}
	return strings.Join(out, " ")
}

// whereIs writes a place for comparison: what it is known by, its areas, whether it waits.
func whereIs(o *observation.Observation) string {
	p := &o.Place
	s := [...]string{"nulle part", "géométrie", "commune", "département", "maille"}[p.Georeference]
	for _, a := range []geo.AreaKey{p.Attached, p.Commune, p.Department} {
		s += " " + firstOf(a.Code(), "-")
	}
	if o.BlurredAtSource() {
		s += " floutée"
	}
	if o.Held != observation.NotHeld {
		s += " " + holdName(o.Held)
	}
	return s
}

func formerAndNatural(t *testing.T, db *vault.DB) {
	t.Helper()
	ctx := context.Background()
	put := func(kind geo.Kind, areas ...geo.Area) {
		if _, err := db.PutAreas(ctx, vault.Reference{Kind: "areas", Name: kind.String(), SHA256: kind.String()}, kind, seq(areas)); err != nil {
			t.Fatal(err)
		}
	}
	put(geo.FormerCommune, geo.Area{Key: geo.AdminKey(geo.FormerCommune, "34901"), Name: "Vieux-Bourg", Parent: geo.AdminKey(geo.Commune, "34002"), Geometry: orb.MultiPolygon{}})
	// A natural area across the border of 34001 and 34002, and one outside the territory.
	put(geo.NaturalArea,
		geo.Area{Key: geo.AdminKey(geo.NaturalArea, "FR9101424"), Name: "Causse", Geometry: orb.MultiPolygon{{{{3.08, 43.52}, {3.12, 43.52}, {3.12, 43.56}, {3.08, 43.56}, {3.08, 43.52}}}}},
		geo.Area{Key: geo.AdminKey(geo.NaturalArea, "FR0000001"), Name: "Loin", Geometry: orb.MultiPolygon{{{{5, 45}, {5.1, 45}, {5.1, 45.1}, {5, 45.1}, {5, 45}}}}})
	put(geo.WaterBody, geo.Area{Key: geo.AdminKey(geo.WaterBody, "FRDR170"), Name: "Lez", Geometry: orb.MultiPolygon{{{{3.01, 43.51}, {3.02, 43.51}, {3.02, 43.52}, {3.01, 43.51}}}}})
}

// TestPlaces: one row a case of the standard's rules of place (SINP standards, 1.3).
func TestPlaces(t *testing.T) {
	db, _ := smallVault(t)
	formerAndNatural(t, db)
	im := newImporter(t, db)
	const point, square = "geometrie=POINT(3.05 43.55)", "geometrie=POLYGON((3.04 43.52,3.06 43.52,3.06 43.54,3.04 43.54,3.04 43.52))"
	const mostly1, half = "geometrie=POLYGON((3.011 43.52,3.101 43.52,3.101 43.54,3.011 43.54,3.011 43.52))", "geometrie=POLYGON((3.08 43.52,3.12 43.52,3.12 43.54,3.08 43.54,3.08 43.52))"
	full := []string{"nomCommune=Ouest", "anneeRefCommune=2026"}
	for _, c := range []struct {
		why    string
		row    []string
		codes  string
		want   string
		reject bool
	}{
		{"case 1: a geometry, objects at 2", append([]string{point, "natureObjetGeo=St", "codeCommune=34001", "typeInfoGeoCommune=2"}, full...), "", "géométrie - 34001 34", false},
		{"case 2: one object at 1", append([]string{"codeCommune=34001", "typeInfoGeoCommune=1"}, full...), "", "commune 34001 34001 34", false},
		{"case 2: a cell at 1, its commune at 2", append([]string{"codeMaille=10kmL93E070N627", "typeInfoGeoMaille=1", "codeCommune=34001", "typeInfoGeoCommune=2"}, full...), "", "maille 10kmL93E070N627 - -", false},
		{"no place at all", nil, "NO_GEOREFERENCE", "", true},
		{"two layers at 1", append([]string{"codeCommune=34001", "typeInfoGeoCommune=1", "codeMaille=E070N627", "typeInfoGeoMaille=1"}, full...), "MORE_THAN_ONE_GEOREFERENCE", "", true},
		{"a geometry without its nature", []string{point}, "MANDATORY_CONDITIONAL_FIELDS", "géométrie - 34001 34", false},

		{"inventory: nine tenths in one commune", []string{mostly1, "natureObjetGeo=In"}, "", "géométrie - 34001 34", false},
		{"unknown nature: the same", []string{mostly1, "natureObjetGeo=NSP"}, "", "géométrie - 34001 34", false},
		{"stational: it is in both", []string{mostly1, "natureObjetGeo=St"}, "", "géométrie - - 34", false},
		{"stational: it is in one", []string{square, "natureObjetGeo=St"}, "", "géométrie - 34001 34", false},
		{"inventory: half in each", []string{half, "natureObjetGeo=In"}, "", "géométrie - - 34", false},

		{"case 4: blurred to a commune", append([]string{"dEEFloutage=OUI", "codeCommune=34001", "typeInfoGeoCommune=2"}, full...), "", "commune 34001 34001 - floutée", false},
		{"case 4: blurred to a cell", []string{"dEEFloutage=OUI", "codeMaille=10kmL93E070N627", "typeInfoGeoMaille=2"}, "", "maille 10kmL93E070N627 - - floutée", false},
		{"case 4: two layers given", append([]string{"dEEFloutage=OUI", "codeMaille=10kmL93E070N627", "typeInfoGeoMaille=2", "codeCommune=34001", "typeInfoGeoCommune=2"}, full...), "", "maille 10kmL93E070N627 34001 - floutée", false},
		{"case 4: two cells, and a department", []string{"dEEFloutage=OUI", "codeMaille=E070N627,E070N626", "typeInfoGeoMaille=2", "codeDepartement=34", "typeInfoGeoDepartement=2"}, "", "département 34 - 34 floutée", false},
		{"case 4: two cells only", []string{"dEEFloutage=OUI", "codeMaille=E070N627,E070N626", "typeInfoGeoMaille=2"}, "BLURRED_NOT_SHOWN", "nulle part - - - unlocated", false},
		{"case 4: a natural area only", []string{"dEEFloutage=OUI", "codeEN=FR9101424", "typeEN=N2000", "versionEN=2020", "typeInfoGeoEN=2"}, "BLURRED_NOT_SHOWN", "nulle part - - - unlocated", false},
		{"blurred, with a geometry all the same", []string{"dEEFloutage=OUI", point, "natureObjetGeo=In"}, "", "géométrie - 34001 34", false},
		{"blurred to an unknown commune", []string{"dEEFloutage=OUI", "codeCommune=34999"}, "INVALID_ATTACHMENT_CODE MANDATORY_CONDITIONAL_FIELDS", "", true},
		{"blurred to nothing", []string{"dEEFloutage=OUI"}, "NO_GEOREFERENCE", "", true},

		{"a natural area whose outline is there", []string{"codeEN=FR9101424", "typeEN=N2000", "versionEN=2020", "typeInfoGeoEN=1"}, "", "géométrie - - 34", false},
		{"the same with the commune at 2", append([]string{"codeEN=fr9101424", "typeEN=N2000", "versionEN=2020", "typeInfoGeoEN=1", "codeCommune=34001", "typeInfoGeoCommune=2"}, full...), "", "géométrie - - 34", false},
		{"a natural area outside", []string{"codeEN=FR0000001", "typeEN=N2000", "versionEN=2020", "typeInfoGeoEN=1"}, "GEOMETRY_OUTSIDE", "géométrie - - - outside_territory", false},
		{"a natural area nobody loaded", []string{"codeEN=FR9999999", "typeEN=N2000", "versionEN=2020", "typeInfoGeoEN=1"}, "NATURAL_AREA_UNKNOWN", "nulle part - - - unlocated", false},
		{"a natural area nobody loaded, and a commune", append([]string{"codeEN=FR9999999", "typeEN=N2000", "versionEN=2020", "typeInfoGeoEN=1", "codeCommune=34001", "typeInfoGeoCommune=2"}, full...), "", "commune 34001 34001 34", false},
		{"a water body", []string{"codeME=FRDR170", "typeInfoGeoME=1"}, "", "géométrie - 34001 34", false},

		{"a commune that is no more", []string{"codeCommune=34901", "nomCommune=Vieux-Bourg", "anneeRefCommune=2010", "typeInfoGeoCommune=1"}, "OLD_COMMUNE_CODE", "commune 34002 34002 34", false},
		{"the same beside a geometry", []string{"geometrie=POINT(3.15 43.55)", "natureObjetGeo=St", "codeCommune=34901", "nomCommune=Vieux-Bourg", "anneeRefCommune=2010", "typeInfoGeoCommune=2"}, "OLD_COMMUNE_CODE", "géométrie - 34002 34", false},
		{"the same, blurred", []string{"dEEFloutage=OUI", "codeCommune=34901", "nomCommune=Vieux-Bourg", "anneeRefCommune=2010", "typeInfoGeoCommune=2"}, "OLD_COMMUNE_CODE", "commune 34002 34002 - floutée", false},
		{"an unknown commune", append([]string{"codeCommune=34999", "typeInfoGeoCommune=1"}, full...), "INVALID_ATTACHMENT_CODE", "", true},

		{"a commune by its name", []string{"nomCommune=l'OUEST", "codeDepartement=34"}, "COMMUNE_BY_NAME MANDATORY_CONDITIONAL_FIELDS", "commune 34001 34001 34", false},
		{"a former one by its name", []string{"nomCommune=vieux bourg", "codeDepartement=34"}, "COMMUNE_BY_NAME MANDATORY_CONDITIONAL_FIELDS", "commune 34002 34002 34", false},
		{"a name of another department", []string{"nomCommune=Nord", "codeDepartement=34"}, "MANDATORY_CONDITIONAL_FIELDS", "département 34 - 34", false},
		{"a name alone", []string{"nomCommune=Ouest"}, "COMMUNE_NAME_NOT_FOUND MANDATORY_CONDITIONAL_FIELDS", "", true},

		{"a point 400 m over the border", append([]string{"geometrie=POINT(3.105 43.55)", "natureObjetGeo=St", "codeCommune=34001", "typeInfoGeoCommune=2"}, full...), "COMMUNE_MISMATCH", "géométrie - 34002 34", false},
		{"a point 4 km over the border", append([]string{"geometrie=POINT(3.15 43.55)", "natureObjetGeo=St", "codeCommune=34001", "typeInfoGeoCommune=2"}, full...), "COMMUNE_FAR", "géométrie - 34002 34 unlocated", false},
		{"in one of two communes", []string{"geometrie=POINT(3.15 43.55)", "natureObjetGeo=St", "codeCommune=34001,34002", "nomCommune=Ouest,Est", "anneeRefCommune=2026", "typeInfoGeoCommune=2"}, "", "géométrie - 34002 34", false},
		{"a shape that meets the commune", append([]string{half, "natureObjetGeo=In", "codeCommune=34001", "typeInfoGeoCommune=2"}, full...), "", "géométrie - - 34", false},
		{"a commune nobody loaded", []string{point, "natureObjetGeo=St", "codeCommune=65001", "nomCommune=Loin", "anneeRefCommune=2026", "typeInfoGeoCommune=2"}, "COMMUNE_MISMATCH", "géométrie - 34001 34", false},
		{"another department, near", []string{"geometrie=POINT(3.05 43.605)", "natureObjetGeo=St", "codeDepartement=34", "typeInfoGeoDepartement=2"}, "DEPARTMENT_MISMATCH", "géométrie - 30003 30", false},
		{"another department, far", []string{"geometrie=POINT(3.05 43.69)", "natureObjetGeo=St", "codeDepartement=34", "typeInfoGeoDepartement=2"}, "DEPARTMENT_FAR", "géométrie - 30003 30 unlocated", false},

		{"no radius at all", []string{point, "natureObjetGeo=St", "precision=0"}, "INVALID_RANGE_FIELD", "géométrie - 34001 34", false},
		{"a radius of half France", []string{point, "natureObjetGeo=St", "precision=500000"}, "INVALID_RANGE_FIELD", "géométrie - 34001 34", false},
	} {
		t.Run(c.why, func(t *testing.T) {
			got := mapFile(t, im, placeFile(t, c.row))[0]
			if s := foundCodes(&got); s != c.codes {
				t.Errorf("found %q, want %q", s, c.codes)
			}
			if got.rejected != c.reject {
				t.Errorf("rejected: %v", got.rejected)
			}
			if s := whereIs(&got.obs); !c.reject && s != c.want {
				t.Errorf("%s, want %s", s, c.want)
			}
			if o := &got.obs; o.BlurredAtSource() && (o.Place.Lon != 0 || o.Place.Lat != 0 || o.Place.Geometry != nil) {
				t.Error("a blurred record has a point")
			}
		})
	}
}

// TestRowDatum: rows of one file in several projections are each placed by their own.
func TestRowDatum(t *testing.T) {
	db, _ := smallVault(t)
	im := newImporter(t, db)
	var rows [][]string
	for _, crs := range []geo.CRS{4326, geo.Lambert93, geo.UTM31, 27572, 27573, 3943, 4275, 3857, 25831} {
		x, y, ok := crs.FromWGS84(3.05, 43.55)
		if !ok {
			t.Fatal(crs)
		}
		rows = append(rows, []string{fmt.Sprintf("geometrie=POINT(%.8f %.8f)", x, y), "natureObjetGeo=St", fmt.Sprintf("srid=EPSG:%d", crs)})
	}
	x, y, _ := geo.CRS(27572).FromWGS84(3.05, 43.55)
	rows = append(rows, []string{fmt.Sprintf("geometrie=POINT(%.3f %.3f)", x, y), "natureObjetGeo=St", "srid=Lambert II étendu"},
		[]string{"geometrie=SRID=4326;POINT(3.05 43.55)", "natureObjetGeo=St", "srid=2154"}) // the geometry's own word wins
	// Degrees are no metres, whatever a column says.
	if got := mapFile(t, im, placeFile(t, []string{"geometrie=POINT(3.05 43.55)", "natureObjetGeo=St", "srid=2154"})); got[0].obs.Place.Commune.Code() != "34001" {
		t.Errorf("degrees said to be Lambert-93: %v", got[0].findings)
	}
	for i, got := range mapFile(t, im, placeFile(t, rows...)) {
		p := &got.obs.Place
		if d := max(p.Lon-3.05, 3.05-p.Lon, p.Lat-43.55, 43.55-p.Lat); d > 1e-7 || p.Commune.Code() != "34001" {
			t.Errorf("%v: %v %v in %q: %v", rows[i], p.Lon, p.Lat, p.Commune.Code(), got.findings)
		}
		shifted := strings.Contains(foundCodes(&got), string(quality.OldDatum))
		if want := i == 3 || i == 4 || i == 6 || i == 9; shifted != want {
			t.Errorf("%v: told of the old datum: %v", rows[i], shifted)
		}
	}
}

// TestSettingsOfPlaces: the share and the distance are the instance's.
func TestSettingsOfPlaces(t *testing.T) {
	db, _ := smallVault(t)
	im, err := NewImporter(context.Background(), db, Settings{Today: day(2026, 11, 21), Share: 0.95, Far: 5000})
	if err != nil {
		t.Fatal(err)
	}
	got := mapFile(t, im, placeFile(t,
		[]string{"geometrie=POLYGON((3.02 43.52,3.11 43.52,3.11 43.54,3.02 43.54,3.02 43.52))", "natureObjetGeo=In"},
		[]string{"geometrie=POINT(3.15 43.55)", "natureObjetGeo=St", "codeCommune=34001", "nomCommune=Ouest", "anneeRefCommune=2026", "typeInfoGeoCommune=2"}))
	if s := whereIs(&got[0].obs); s != "géométrie - - 34" {
		t.Errorf("0.89 of a shape is enough: %s", s)
	}
	if s := foundCodes(&got[1]); s != "COMMUNE_MISMATCH" || got[1].obs.Held != observation.NotHeld {
		t.Errorf("4 km of 5: %s", s)
	}
}

// TestPlaceAgain: what was imported before the outlines is placed by Reclass once they are there,
// what waits for another reason goes on waiting, and the same file afterwards changes nothing.
func TestPlaceAgain(t *testing.T) {
	ctx := context.Background()
	db := openVault(t, filepath.Join(t.TempDir(), "vault.sqlite"))
	loadSmall(t, db)
	// The world as it is, but for the outlines of Est and of the natural area.
	communes, _ := smallAreas()
	if _, err := db.PutAreas(ctx, vault.Reference{Kind: "areas", Name: "communes", SHA256: "less"}, geo.Commune, seq(communes[:2])); err != nil {
		t.Fatal(err)
	}
	path := placeFile(t,
		[]string{"geometrie=POINT(3.15 43.55)", "natureObjetGeo=St"}, // in a commune to come
		[]string{"geometrie=POLYGON((3.14 43.52,3.16 43.52,3.16 43.54,3.14 43.54,3.14 43.52))", "natureObjetGeo=In"},
		[]string{"codeEN=FR9101424", "typeEN=N2000", "versionEN=2020", "typeInfoGeoEN=1"}, // waits for its outline
		[]string{"geometrie=POINT(3.05 43.55)", "natureObjetGeo=St", "codeCommune=30003", "nomCommune=Nord", "anneeRefCommune=2026", "typeInfoGeoCommune=2"},
		[]string{"dEEFloutage=OUI", "codeMaille=10kmL93E070N627", "typeInfoGeoMaille=2"},
		[]string{"codeDepartement=34", "typeInfoGeoDepartement=1"})
	if _, err := newImporter(t, db).Import(ctx, path, Options{}); err != nil {
		t.Fatal(err)
	}
	before := []string{"géométrie - - 34", "géométrie - - 34", "nulle part - - - unlocated", "géométrie - 34001 34 unlocated", "maille 10kmL93E070N627 - - floutée", "département 34 - 34"}
	comparePlaces(t, db, "as imported", before)

	formerAndNatural(t, db)
	if _, err := db.PutAreas(ctx, vault.Reference{Kind: "areas", Name: "communes", SHA256: "all"}, geo.Commune, seq(communes)); err != nil {
		t.Fatal(err)
	}
	set := Settings{Today: day(2026, 11, 21)}
	if _, err := Reclass(ctx, db, set, nil); err != nil {
		t.Fatal(err)
	}
	after := []string{"géométrie - 34002 34", "géométrie - 34002 34", "géométrie - - 34", "géométrie - 34001 34 unlocated", "maille 10kmL93E070N627 - - floutée", "département 34 - 34"}
	comparePlaces(t, db, "placed again", after)
	if n, err := newImporter(t, db).placeAgain(ctx, 0); err != nil || n != 0 {
		t.Errorf("placed %d again: %v", n, err)
	}
	rep, err := newImporter(t, db).Import(ctx, path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Unchanged != len(after) {
		t.Errorf("the same file again: %d unchanged, %d updated, %d created", rep.Unchanged, rep.Updated, rep.Created)
	}
	if _, err := Reclass(ctx, db, set, nil); err != nil {
		t.Fatal(err)
	}
	comparePlaces(t, db, "classed again", after)
}

func comparePlaces(t *testing.T, db *vault.DB, when string, want []string) {
	t.Helper()
	var got []string
	err := db.Observations(context.Background(), disclosure.Grant{Who: "test", Reason: "comparison"}, vault.Complete, func(o *observation.Observation) error {
		got = append(got, whereIs(o))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Errorf("%s, row %d: %q, want %q", when, i+1, got[min(i, len(got)-1)], want[i])
		}
	}
}

func TestFoldPlace(t *testing.T) {
	for in, want := range map[string]string{"Saint-Chély-d'Apcher": "saint chely d apcher", "ST CHELY D’APCHER": "saint chely d apcher", "Ste-Croix": "sainte croix",
		"La Bastide": "bastide", "Bastide (La)": "bastide", "L'Isle-Jourdain": "isle jourdain", "Isle-Jourdain (L')": "isle jourdain", "Villeneuve s/ Lot": "villeneuve sur lot",
		"Sévérac-d'Aveyron": "severac d aveyron", "Cœur de Causse": "coeur de causse", "Le": "le", "": ""} {
		if got := foldPlace(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestRoundedFile(t *testing.T) {
	db, _ := smallVault(t)
	im := newImporter(t, db)
	for step, want := range map[float64]int{0.01: 12, 0.0123: 0} {
		text := "cd_nom;nom_cite;date_min;observers;latitude;longitude\n"
		for i := range 12 {
			text += fmt.Sprintf("67111;Ablette;2020-05-01;x;43.55;%.4f\n", 3+step*float64(i))
		}
		path := filepath.Join(t.TempDir(), "arrondi.csv")
		write(t, path, text)
		rep, err := im.Import(context.Background(), path, Options{DryRun: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := rep.Warnings[string(quality.CoordinatesRounded)]; got != want {
			t.Errorf("step %v: told of %d rows, want %d", step, got, want)
		}
	}
}

// TestFarUnnamed: a row far from the commune it states waits for that also once its taxon, which
// it waited for as well, is settled.
func TestFarUnnamed(t *testing.T) {
	db, _ := smallVault(t)
	ctx := context.Background()
	path := placeFile(t, []string{"geometrie=POINT(3.15 43.55)", "natureObjetGeo=St", "codeCommune=34001", "nomCommune=Ouest", "anneeRefCommune=2026",
		"typeInfoGeoCommune=2", "cdNom=", "nomCite=Inconnue au bataillon"})
	if _, err := newImporter(t, db).Import(ctx, path, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := db.PutDecision(ctx, naming.Decision{Cited: "Inconnue au bataillon", CdNom: 67111, By: "Camille"}); err != nil {
		t.Fatal(err)
	}
	if _, err := Rename(ctx, db, Settings{Today: day(2026, 11, 21)}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := Reclass(ctx, db, Settings{Today: day(2026, 11, 21)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	rows := 0
	if err := db.Observations(ctx, disclosure.Grant{Who: "test", Reason: "comparison"}, vault.Complete, func(o *observation.Observation) error {
		if rows++; o.Held != observation.Unlocated || o.CdRef != 67111 {
			t.Errorf("held: %d, taxon %d", o.Held, o.CdRef)
		}
		return nil
	}); err != nil || rows != 1 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

// TestMayHold: where a commune is said to be too small to hold a share of a cell, none holds it.
func TestMayHold(t *testing.T) {
	im := newImporter(t, realVault(t))
	places, r := im.places, rand.New(rand.NewPCG(5, 6))
	refused, held := 0, 0
	for range 250 {
		lon, lat := -0.3+r.Float64()*5.1, 42.35+r.Float64()*2.7
		x, y := geo.ToLambert93(lon, lat)
		kind := [...]geo.Kind{geo.Cell10, geo.Cell5, geo.Cell2}[r.IntN(3)]
		key, _ := geo.Box{MinX: x, MinY: y, MaxX: x, MaxY: y}.Cell(kind)
		g := orb.Polygon{geo.CellRing(key)}
		_, share, _ := places.byCommune.Holding(g)
		for _, enough := range [...]float64{0.5, mostly, wholly} {
			switch may := places.mayHold(g, enough); {
			case may && share > enough:
				held++
			case !may && share > enough:
				t.Errorf("%s: a commune holds %.3f of it", key.Code(), share)
			case !may:
				refused++
			}
		}
	}
	if refused < 100 || held < 20 {
		t.Errorf("%d refused, %d held: this shows nothing", refused, held)
	}
	if !places.mayHold(orb.LineString{{3, 43.5}, {3.1, 43.6}}, mostly) {
		t.Error("a line has no surface to compare")
	}
	// The same part a hundred times: a surface beyond its extent's is not believed.
	var same orb.MultiPolygon
	b := places.communes[0].Geometry.Bound()
	for range 100 {
		same = append(same, b.ToPolygon())
	}
	if !places.mayHold(same, 0.5*places.communes[0].Surface/geo.Surface(b)) {
		t.Error("a small shape written many times")
	}
}
