package ingest

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"garrigue/internal/geo"
	"garrigue/internal/quality"
)

// TestGincoExpectedErrors reads GINCO's own file of incoherences row by row: each row's title says
// what is wrong with it (dsr_test_coherence_erreurs.csv), and each is found here.
func TestGincoExpectedErrors(t *testing.T) {
	needShared(t)
	db, _ := smallVault(t)
	im := newImporter(t, db)
	want := map[int]quality.Code{
		3: quality.MandatoryFieldMissing, 4: quality.MandatoryConditionalFields, 5: quality.MandatoryConditionalFields,
		6: quality.TaxrefVersion, 7: quality.TaxrefVersion, 8: quality.TaxrefVersion,
		9: quality.MandatoryConditionalFields, 10: quality.MandatoryConditionalFields, 11: quality.MandatoryConditionalFields, 12: quality.MandatoryConditionalFields,
		13: quality.MandatoryConditionalFields, 14: quality.ArrayOfSameLength, 15: quality.MandatoryConditionalFields, 16: quality.MandatoryConditionalFields,
		17: quality.MandatoryConditionalFields, 18: quality.ConditionalMandatoryFieldError, 19: quality.InvalidExistingProofValue, 20: quality.InvalidExistingProofValue,
		21: quality.InvalidURLProof, 22: quality.MandatoryConditionalFields, 23: quality.ArrayOfSameLength, 24: quality.Habitat,
		25: quality.NoGeoreference, 26: quality.MoreThanOneGeoreference, 27: quality.MandatoryConditionalFields, 28: quality.InvalidFormat,
	}
	// Row 2 has the title of row 3 and nothing wrong: its statutSource is there.
	fields := map[int]string{3: "statutSource", 12: "natureObjetGeo", 16: "typeInfoGeoMaille", 15: "typeInfoGeoDepartement", 10: "validateurNomOrganisme", 11: "determinateurIdentite", 5: "typeRegroupement"}
	got := mapFile(t, im, filepath.Join(shared, "sources/sinp-dee/dsr_test_coherence_erreurs.csv"))
	if len(got) != 27 {
		t.Fatalf("%d rows", len(got))
	}
	for i := range got {
		line := i + 2
		code, ok := want[line]
		if !ok {
			continue
		}
		j := slices.IndexFunc(got[i].findings, func(f quality.Finding) bool {
			return f.Code == code && (fields[line] == "" || f.Field == fields[line])
		})
		if j < 0 {
			t.Errorf("line %d, %q: %s %s not found in %v", line, got[i].obs.NameCited, code, fields[line], got[i].findings)
		}
	}
	// The chronology is wrong in one row that is there for something else: determined in 2015,
	// observed in 2018.
	if c := foundCodes(&got[8]); !strings.Contains(c, string(quality.DateOrder)) {
		t.Errorf("line 10: %s", c)
	}
}

// checkHeader is a header of version 1.2.1 and of attributes that only checks read.
const checkHeader = "identifiantOrigine;statutObservation;nomCite;cdNom;jourDateDebut;jourDateFin;observateurIdentite;observateurNomOrganisme;dSPublique;organismeGestionnaireDonnee;statutSource;geometrie;natureObjetGeo;" +
	"dateDetermination;dEEDateTransformation;dEEDateDerniereModification;dEEFloutage;sensiNiveau;sensiDateAttribution;sensiReferentiel;sensiVersionReferentiel;versionTAXREF;" +
	"denombrementMin;denombrementMax;objetDenombrement;occStadeDeVie;profondeurMin;profondeurMax;refHabitat;codeHabitat;codeHabRef;versionRefHabitat;typeAttribut;nomAttribut;valeurAttribut;uniteAttribut;identifiantRegroupementPermanent;typeRegroupement"

// TestRowChecks: one row a rule of the standard (SINP standards, 1.1 and 1.4), from a sound row.
func TestRowChecks(t *testing.T) {
	db, _ := smallVault(t)
	im := newImporter(t, db)
	names := strings.Split(checkHeader, ";")
	sound := map[string]string{"statutObservation": "Pr", "nomCite": "Ablette", "cdNom": "67111", "jourDateDebut": "2020-05-01", "jourDateFin": "2020-05-02", "observateurIdentite": "NOM Prénom",
		"observateurNomOrganisme": "CEN", "dSPublique": "Pu", "organismeGestionnaireDonnee": "CEN", "statutSource": "Te", "geometrie": "POINT(3.05 43.55)", "natureObjetGeo": "St", "versionTAXREF": "17.0"}
	for _, c := range []struct {
		why  string
		set  map[string]string
		want string
	}{
		{"sound", nil, ""},
		{"determined the same day", map[string]string{"dateDetermination": "2020-05-02"}, ""},
		{"determined before the end", map[string]string{"dateDetermination": "2020-05-01"}, "DATE_ORDER"},
		{"determined before, with a time and a zone", map[string]string{"dateDetermination": "2019-01-01T00:00+0100"}, "DATE_ORDER"},
		{"a date that may be either", map[string]string{"dateDetermination": "03/04/2019"}, ""},
		{"a date that is none", map[string]string{"dateDetermination": "hier"}, "INVALID_FORMAT"},
		{"exchanged before it was seen", map[string]string{"dEEDateTransformation": "2020-04-30"}, "DATE_ORDER"},
		{"modified before it was exchanged", map[string]string{"dEEDateTransformation": "2020-06-02", "dEEDateDerniereModification": "2020-06-01"}, "DATE_ORDER"},
		{"private, and nothing about blurring", map[string]string{"dSPublique": "Pr"}, "MANDATORY_CONDITIONAL_FIELDS"},
		{"private and told", map[string]string{"dSPublique": "Pr", "dEEFloutage": "NON"}, ""},
		{"sensitive by nobody", map[string]string{"sensiNiveau": "2"}, "MANDATORY_CONDITIONAL_FIELDS"},
		{"sensitive and told", map[string]string{"sensiNiveau": "2", "sensiDateAttribution": "2020-01-01", "sensiReferentiel": "liste", "sensiVersionReferentiel": "1"}, ""},
		{"not sensitive", map[string]string{"sensiNiveau": "0"}, ""},
		{"no TAXREF version", map[string]string{"versionTAXREF": ""}, "TAXREF_VERSION"},
		{"a minimum alone", map[string]string{"denombrementMin": "1"}, "MANDATORY_CONDITIONAL_FIELDS"},
		{"a whole count", map[string]string{"denombrementMin": "1", "denombrementMax": "2", "objetDenombrement": "IND"}, ""},
		{"none of what is there", map[string]string{"denombrementMin": "0", "denombrementMax": "0", "objetDenombrement": "IND"}, "COUNT_PRESENCE_MISMATCH"},
		{"three of what is not", map[string]string{"statutObservation": "No", "denombrementMin": "3", "denombrementMax": "3", "objetDenombrement": "IND"}, "COUNT_PRESENCE_MISMATCH"},
		{"none of what is not", map[string]string{"statutObservation": "No", "denombrementMin": "0", "denombrementMax": "0", "objetDenombrement": "IND"}, ""},
		{"a fish in bud", map[string]string{"occStadeDeVie": "18"}, "IMPLAUSIBLE_FOR_TAXON"},
		{"a fish as tadpole", map[string]string{"occStadeDeVie": "8"}, "IMPLAUSIBLE_FOR_TAXON"},
		{"a fish as alevin", map[string]string{"occStadeDeVie": "17"}, ""},
		{"flowering stems of fish", map[string]string{"denombrementMin": "1", "denombrementMax": "2", "objetDenombrement": "HAM"}, "IMPLAUSIBLE_FOR_TAXON"},
		{"above the water", map[string]string{"profondeurMin": "-3"}, "INVALID_RANGE_FIELD"},
		{"below the sea", map[string]string{"profondeurMax": "20000"}, "INVALID_RANGE_FIELD"},
		{"another reference of habitats without its code", map[string]string{"refHabitat": "ANTMER", "codeHabRef": "1", "versionRefHabitat": "1"}, "HABITAT"},
		{"HABREF with its code", map[string]string{"refHabitat": "HABREF", "codeHabRef": "1", "versionRefHabitat": "1"}, ""},
		{"HABREF without any", map[string]string{"refHabitat": "HABREF", "versionRefHabitat": "1"}, "HABITAT"},
		{"two habitats, one reference", map[string]string{"refHabitat": "HABREF", "codeHabRef": "1,2", "versionRefHabitat": "1"}, "ARRAY_OF_SAME_LENGTH"},
		{"a quantity without unit", map[string]string{"typeAttribut": "QTA", "nomAttribut": "pH", "valeurAttribut": "7"}, "MANDATORY_CONDITIONAL_FIELDS"},
		{"a grouping without type", map[string]string{"identifiantRegroupementPermanent": "x"}, "MANDATORY_CONDITIONAL_FIELDS"},
		{"a comma inside a name", map[string]string{"observateurIdentite": "NOM, Prénom"}, "ARRAY_OF_SAME_LENGTH"},
		{"two people, two organisations", map[string]string{"observateurIdentite": "NOM Prénom, NOM Prénom", "observateurNomOrganisme": "CEN, LPO"}, ""},
		{"both separators", map[string]string{"observateurIdentite": `"NOM, Prénom ; NOM, Prénom"`, "observateurNomOrganisme": "CEN, LPO, X"}, "PERSON_COMMA"},
		{"half a file in a name", map[string]string{"nomCite": strings.Repeat("Ablette ", 200)}, "STRING_TOO_LONG"},
		{"a mandatory value lacks", map[string]string{"dSPublique": ""}, "MANDATORY_FIELD_MISSING"},
	} {
		t.Run(c.why, func(t *testing.T) {
			row := make([]string, len(names))
			for i, n := range names {
				row[i] = sound[n]
				if v, ok := c.set[n]; ok {
					row[i] = v
				}
			}
			row[0] = "1"
			path := filepath.Join(t.TempDir(), "une.csv")
			write(t, path, checkHeader+"\n"+strings.Join(row, ";")+"\n")
			got := mapFile(t, im, path)
			if s := foundCodes(&got[0]); s != c.want {
				t.Errorf("found %q, want %q", s, c.want)
			}
			if got[0].rejected {
				t.Errorf("rejected: %v", got[0].findings)
			}
			for _, f := range got[0].findings {
				if strings.Contains(f.Value, "NOM") {
					t.Errorf("%s tells a person's name", f.Code)
				}
			}
		})
	}
}

// TestFormerCommunes loads the real table of passage and INSEE's own form, with a merger of mergers.
func TestFormerCommunes(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct{ name, text string }{
		{"passage.csv", "insee_ancien,nom_ancien,type_ancien,insee_2026,nom_2026\n34901,Vieux,commune-deleguee,34902,Moyen\n34902,Moyen,commune-associee,34002,Est\n34001,Ouest,commune-deleguee,34001,Ouest\n34903,Deux,x,34001,Ouest\n34903,Deux,x,34002,Est\n"},
		{"mvtcommune.csv", "MOD,DATE_EFF,TYPECOM_AV,COM_AV,TNCC_AV,NCC_AV,NCCENR_AV,LIBELLE_AV,TYPECOM_AP,COM_AP,TNCC_AP,NCC_AP,NCCENR_AP,LIBELLE_AP\n" +
			"32,2016-01-01,COM,34901,0,VIEUX,Vieux,Vieux,COM,34902,0,M,M,Moyen\n32,2016-01-01,COM,34901,0,VIEUX,Vieux,Vieux,COMD,34901,0,V,V,Vieux\n32,2019-01-01,COM,34902,0,M,M,Moyen,COM,34002,0,E,E,Est\n" +
			"21,2019-01-01,COM,34903,0,D,D,Deux,COM,34001,0,O,O,Ouest\n21,2019-01-01,COM,34903,0,D,D,Deux,COM,34002,0,E,E,Est\n"},
	} {
		db, _ := smallVault(t)
		path := filepath.Join(t.TempDir(), c.name)
		write(t, path, c.text)
		ref, err := LoadReference(ctx, db, refFormer, path, ReferenceOptions{})
		if err != nil {
			t.Fatal(c.name, err)
		}
		im := newImporter(t, db)
		est := geo.AdminKey(geo.Commune, "34002")
		if f := im.places.former; ref.Rows != 2 || len(f) != 2 || f["34901"] != est || f["34902"] != est {
			t.Errorf("%s: %d rows, %v", c.name, ref.Rows, f)
		}
	}
	db, _ := smallVault(t)
	circle := filepath.Join(t.TempDir(), "rond.csv")
	write(t, circle, "insee_ancien,nom_ancien,type_ancien,insee_2026,nom_2026\n34901,A,x,34902,B\n34902,B,x,34901,A\n")
	if _, err := LoadReference(ctx, db, refFormer, circle, ReferenceOptions{}); err == nil {
		t.Error("a circle of mergers was loaded")
	}

	needShared(t)
	real := realVault(t)
	if _, err := LoadReference(ctx, real, refFormer, filepath.Join(shared, "reference/communes-occitanie-passage-anciens-codes.csv"), ReferenceOptions{}); err != nil {
		t.Fatal(err)
	}
	im := newImporter(t, real)
	// 229 lines, of which 43 keep the code of the new commune.
	if n := len(im.places.former); n < 150 || n > 229 {
		t.Errorf("%d former communes", n)
	}
	for code, now := range im.places.former {
		if _, current := im.places.numbers[now]; !current {
			t.Errorf("%s leads to %s, which is not loaded", code, now.Code())
		}
	}
	if now := im.places.former["09028"]; now.Code() != "09296" { // Aulos, now Aulos-Sinsat
		t.Errorf("09028 leads to %q", now.Code())
	}
}
