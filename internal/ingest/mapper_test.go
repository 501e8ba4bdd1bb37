package ingest

import (
	"strings"
	"testing"

	"github.com/paulmach/orb"

	"garrigue/internal/geo"
	"garrigue/internal/naming"
	"garrigue/internal/quality"
	"garrigue/internal/tabular"
)

func TestRecognise(t *testing.T) {
	cases := map[string]string{
		"idSINPOccTax;idSINPJdd;statutObservation;nomCite;dateDebut;geometrie":                       SINP20,
		"id_sinp_occtax;id_sinp_jdd;statut_observation;nom_cite;date_debut;wkt":                      SINP20,
		"IDENTIFIANTPERMANENT;jourDateDebut;jourDateFin;nomCite;obsMethode":                          SINP121,
		"uuid_perm_sinp;date_debut;date_fin;cd_nom;jdd_uuid;geometrie_wkt_4326;niveau_sensibilite":   GeoNature,
		"unique_id_sinp;date_min;date_max;cd_nom;WKT":                                                GeoNature,
		"gbifID;datasetKey;scientificName;decimalLatitude;decimalLongitude;eventDate":                DarwinCore,
		"dwc:occurrenceID;dwc:scientificName;dwc:eventDate;dwc:decimalLatitude;dwc:decimalLongitude": DarwinCore,
		"ID_SIGHTING;LATIN_SPECIES;DATE;COORD_LAT;COORD_LON;ATLAS_CODE":                              VisioNature,
	}
	for header, want := range cases {
		f, score := recognise(strings.Split(header, ";"))
		if f == nil || f.name != want {
			t.Errorf("%s: %v (%d), want %s", header, f, score, want)
		}
	}
	for _, name := range Formats() {
		if named(name) == nil {
			t.Errorf("format %s has no table", name)
		}
	}
	if named("xlsx") != nil {
		t.Error("a format that is not read was found")
	}
}

// Each field shows a name of its own in reports, and no format uses a header for two fields.
func TestFormatTables(t *testing.T) {
	seen := map[string]field{}
	for f := range nFields {
		if f.String() == "" {
			t.Errorf("field %d has no name", f)
		}
		if other, dup := seen[f.String()]; dup {
			t.Errorf("fields %d and %d are both %q", f, other, f.String())
		}
		seen[f.String()] = f
	}
	for _, f := range formats() {
		by := map[string]field{}
		for fld, names := range f.columns {
			for _, n := range names {
				if other, dup := by[columnKey(n)]; dup && other != fld {
					t.Errorf("%s: %s is both %s and %s", f.name, n, fld, other)
				}
				by[columnKey(n)] = fld
			}
		}
	}
}

func TestCodelists(t *testing.T) {
	all, err := readCodelists()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ list, written, code string }{
		{"STATUT_OBS", "Pr", "Pr"}, {"STATUT_OBS", "Présent", "Pr"}, {"STATUT_OBS", "PRESENT", "Pr"}, {"STATUT_OBS", "Non observé", "No"}, {"STATUT_OBS", "absent", "No"},
		{"DS_PUBLIQUE", "Pr", "Pr"}, {"DS_PUBLIQUE", "Publique Acquise", "Ac"}, {"SENSIBILITE", "Non sensible - Diffusion précise", "0"},
		{"SENSIBILITE", "Sensible - Diffusion à la maille 10km", "2"}, {"STATUT_VALID", "En attente de validation", "0"}, {"STATUT_VALID", "Certain - très probable", "1"},
		{"SEXE", "male", "3"}, {"SEXE", "Femelle", "2"}, {"NIV_PRECIS", "Précise", "5"}, {"NIV_PRECIS", "5.0", "5"}, {"PREUVE_EXIST", "Oui", "1"}, {"REF_HAB", "CORINEBIOTOPE", "CORINEBIOTOPES"},
		{"OBJ_DENBR", "Individu", "IND"}, {"METH_OBS", "Vu et entendu", "25"}, {"NAT_OBJ_GEO", "Inventoriel", "In"}, {"STADE_VIE", "adult", "2"},
	} {
		if got, ok := all.list(c.list).code(c.written); !ok || got != c.code {
			t.Errorf("%s %q: %q %v, want %q", c.list, c.written, got, ok, c.code)
		}
	}
	for _, l := range all {
		for k, v := range l.folded {
			if _, known := l.exact[v]; !known {
				t.Errorf("%s: %q stands for %q, which is no code", l.name, k, v)
			}
		}
	}
	if _, ok := all.list("SEXE").code("?"); ok {
		t.Error("? is no sex")
	}
	if publicCode("Ac") != "Pu" || publicCode("Pr") != "Pr" || !frozenBehaviour("8") || frozenBehaviour("9") {
		t.Error("frozen codes")
	}
}

func TestStructuredComment(t *testing.T) {
	var s structured
	s.read("Remarques: 2 nids / Sous le toit / Description_obs: NULL / Structure: Nature En Occitanie (NEO) / dspublique: NULL / diffusionniveauprecision: Précise / Niv_Valid_Origine: Probable",
		"ID_Origine: abc / jeu_données: Un jeu / ID_jeu_données: 348")
	if !s.is || s.remark != "2 nids / Sous le toit" || s.description != "" || s.organisation != "Nature En Occitanie (NEO)" || s.public != "" ||
		s.diffusion != "Précise" || s.validation != "Probable" || s.origin != "abc" || s.dataset != "Un jeu" {
		t.Errorf("%+v", s)
	}
	if s.read("POUVOURVILLE : 80 nids / rue", "JAN"); s.is || s.dataset != "" {
		t.Errorf("an ordinary comment was taken for a structured one: %+v", s)
	}
}

func TestWKTPoint(t *testing.T) {
	for in, want := range map[string]orb.Point{"POINT(6.5 44.85)": {6.5, 44.85}, "POINT (6.5 44.85)": {6.5, 44.85}, "point( -6.5  44.85 )": {-6.5, 44.85}} {
		got, ok := wktPoint(in)
		if ok && got != want {
			t.Errorf("%q: %v", in, got)
		}
		// What the quick reader leaves aside, the full one reads; they must agree.
		g, _, err := geo.ParseGeometry(in)
		if err != nil || g != orb.Geometry(want) {
			t.Errorf("%q: full reader %v, %v", in, g, err)
		}
	}
	for _, in := range []string{"", "POINT", "POINT()", "POINT(1)", "POINT(1 2 3", "POINT(1 2, 3 4)", "POINT(a b)", "POLYGON((0 0,1 1,0 1,0 0))", "POINT Z(1 2 3)"} {
		if got, ok := wktPoint(in); ok {
			t.Errorf("%q read as %v", in, got)
		}
	}
}

// FuzzMapRow gives rows of any content to the mapper: no panic, and an accepted row always has
// a key, a date and a place, or is held.
func FuzzMapRow(f *testing.F) {
	header := []string{"unique_id_sinp", "id_origine", "cd_nom", "nom_cite", "date_min", "date_max", "hour_min", "WKT", "latitude", "longitude", "codecommune", "codemaille",
		"count_min", "altitude_min", "precision", "statut_observation", "niveau_precision_diffusion", "autre"}
	communes, departments := smallAreas()
	im := &Importer{set: Settings{Today: day(2026, 11, 21)}.withDefaults(), places: newTerritory(communes, departments, nil)}
	lists, err := readCodelists()
	if err != nil {
		f.Fatal(err)
	}
	im.lists = newLists(lists)
	im.taxa, im.book = smallTaxonomy(f), smallBook()
	im.names = naming.NewResolver(im.taxa, naming.Options{})
	var plans []*plan
	for _, fm := range formats() {
		plans = append(plans, newPlan(fm, header, nil))
	}
	f.Add("", "1", "67111", "Ablette", "2020-01-01", "", "08:00", "POINT(3.05 43.55)", "", "", "", "", "1", "10", "5", "Pr", "5", "x", byte(2))
	f.Add("5cef829a-cf6a-11ec-80e4-7b789162d5b4", "", "", "Lynx lynx", "29/02/2020", "13-août-23", "9h", "", "43,55", "3,05", "", "", "", "", "", "", "", "", byte(0))
	f.Add("", "", "", "", "2020/2021", "43831", "", "0101000020E610000066666666666608406666666666C64540", "", "", "34001", "10kmL93E070N627", "-1", "1e9", "x", "?", "?", `"a"`, byte(1))
	f.Fuzz(func(t *testing.T, a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s string, which byte) {
		plan := plans[int(which)%len(plans)]
		prof := &profile{dates: map[field]*evidence{}, geometry: map[field]geo.CRS{fGeometry: geo.WGS84}, pairs: map[field]geo.CRS{}}
		for _, x := range dateFields {
			prof.dates[x] = &evidence{}
		}
		mp := newMapper(im, plan, prof, &Options{}, "essai")
		row := tabular.Row{Line: 2, Fields: []string{a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s}, Raw: "raw"}
		var out mapped
		mp.mapRow(&row, &out)
		if out.rejected {
			return
		}
		ob := &out.obs
		if ob.SourceKey == "" || ob.When.Start > ob.When.End || ob.When.Start > im.set.Today {
			t.Errorf("accepted with key %q, %v–%v", ob.SourceKey, ob.When.Start, ob.When.End)
		}
		if ob.Place.Georeference == 0 || ob.CdRef == 0 && ob.Held == 0 {
			t.Errorf("accepted without place or taxon: %s", summary(ob))
		}
		for _, x := range out.findings {
			if x.Code.Severity() == quality.Reject {
				t.Errorf("accepted with %s", x.Code)
			}
		}
	})
}

// FuzzDate: no text makes the date reader panic, and what it reads is a span in order.
func FuzzDate(f *testing.F) {
	for _, s := range []string{"2020-02-29", "03/04/2020", "13-févr.-99", "2011-07-12/16", "43831", "Tue Apr 01 00:00:00 CET 1930", "1905/1910", "2020-05-17T10:00:00+02:00"} {
		f.Add(s, byte(0))
	}
	f.Fuzz(func(t *testing.T, s string, order byte) {
		var e evidence
		e.observe(s)
		got, fault := newDateReader(dateOrder(order%3), day(2026, 11, 21)).read(s)
		if fault == dateOK && got.start > got.end && !strings.Contains(s, "/") {
			t.Errorf("%q: %v after %v", s, got.start, got.end)
		}
		if v, ok := decimal(s); ok && (v != v || v > 1e308 || v < -1e308) {
			t.Errorf("%q is %v", s, v)
		}
	})
}
