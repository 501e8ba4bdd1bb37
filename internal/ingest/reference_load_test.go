package ingest

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/i18n"
	"garrigue/internal/needs"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

func refVault(t testing.TB) *vault.DB {
	t.Helper()
	db, err := vault.Open(context.Background(), filepath.Join(t.TempDir(), "vault.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// refShared returns a file of the shared references.
func refShared(t testing.TB, name string) string {
	t.Helper()
	return needs.Shared(t, "data", "reference", name)
}

func refWrite(t testing.TB, name string, content []byte) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func refLoad(t testing.TB, db *vault.DB, kind, path string, o ReferenceOptions) vault.Reference {
	t.Helper()
	ref, err := LoadReference(t.Context(), db, kind, path, o)
	if err != nil {
		t.Fatalf("%s %s: %v", kind, filepath.Base(path), err)
	}
	return ref
}

func refNames(t testing.TB, db *vault.DB) (list []taxon.Name) {
	t.Helper()
	for n, err := range db.Names(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, n)
	}
	return list
}

func refStatusRows(t testing.TB, db *vault.DB) (list []taxon.Status) {
	t.Helper()
	for s, err := range db.Statuses(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

// TestSharedReferences loads every reference file of the shared data, twice, and compares
// the counts with data/README.md or with a count made here by other means.
func TestSharedReferences(t *testing.T) {
	db := refVault(t)
	flora, fauna := "statuts-nationaux-flore-taxref17.csv.gz", "statuts-nationaux-faune-taxref17.csv.gz"
	files := []struct {
		kind, file string
		o          ReferenceOptions
		rows       int
		version    string
	}{
		// 46,050 names, and the 245 taxa that only NOM_VALIDE names beside a synonym.
		{refTaxref, "taxref-noms-valides.tsv.gz", ReferenceOptions{}, 46_050 + 245, ""},
		{refTaxref, "taxref-extrait-7100taxons-complet.csv.gz", ReferenceOptions{}, 7109 + 366, ""},
		{refTaxref, "taxref-cdnom-disparus.tsv.gz", ReferenceOptions{Version: "v17"}, 9088, "v17"},
		{refTaxref, "taxref-noms-francais-geonature.tsv.gz", ReferenceOptions{}, -1, ""},
		{refAreas, "region-occitanie.geojson", ReferenceOptions{AreaKind: geo.Region}, 1, ""},
		{refAreas, "departements-occitanie.geojson", ReferenceOptions{AreaKind: geo.Department}, 13, ""},
		{refAreas, "communes-occitanie.geojson.gz", ReferenceOptions{AreaKind: geo.Commune}, 4446, ""},
		{refAreas, "mailles-l93-10km-occitanie.geojson.gz", ReferenceOptions{AreaKind: geo.Cell10}, 834, ""},
		{refAreas, "mailles-l93-5km-occitanie.geojson.gz", ReferenceOptions{AreaKind: geo.Cell5}, 3146, ""},
		{refStatuses, fauna, ReferenceOptions{}, flatCount(t, fauna, nil), "v17"},
		{refStatuses, flora, ReferenceOptions{}, flatCount(t, flora, nil), "v17"},
		{refStatuses, "statuts-regionaux-faune-taxref17.csv.gz", ReferenceOptions{},
			flatCount(t, "statuts-regionaux-faune-taxref17.csv.gz", []string{"Midi-Pyrénées", "Languedoc-Roussillon"}), "v17"},
		// 10,256 less the lists of Hauts-de-France and Picardie (4,705) and of overseas (420).
		{refStatuses, "listes-rouges-extrait-7100taxons.csv.gz", ReferenceOptions{}, 1501 + 977 + 2653, ""},
		{refStatuses, "statuts-bdc-extrait-7100taxons.csv.gz", ReferenceOptions{}, -1, ""},
		{refStatuses, "liste-rouge-poissons-france-2019.csv", ReferenceOptions{}, 110, "2019"},
		{refSensitivity, "especes-sensibles-2019.tsv.gz", ReferenceOptions{}, 15_155, "2019"},
		{refSensitivity, "especes-sensibles-listes.csv", ReferenceOptions{}, 15_155, ""},
	}
	for _, f := range files {
		ref := refLoad(t, db, f.kind, refShared(t, f.file), f.o)
		if f.rows >= 0 && ref.Rows != f.rows || ref.Rows == 0 || ref.Version != f.version || !ref.Current {
			t.Errorf("%s: %+v, want %d rows, version %q", f.file, ref, f.rows, f.version)
		}
	}
	before, names := refReferences(t, db), refNames(t, db)
	for _, f := range files {
		refLoad(t, db, f.kind, refShared(t, f.file), f.o)
	}
	if after := refReferences(t, db); !slices.Equal(before, after) {
		t.Errorf("loading twice changed the references: %v, then %v", before, after)
	}
	if again := refNames(t, db); !slices.Equal(names, again) {
		t.Error("loading twice changed the names")
	}
	checkSharedContent(t, db, names)
}

func refReferences(t testing.TB, db *vault.DB) (list []vault.Reference) {
	t.Helper()
	list, err := db.References(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	current, _, err := db.Generation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return append(list, vault.Reference{Kind: "generation", ID: current})
}

// flatCount counts the statuses of a flat file with encoding/csv: one for each code of each
// cell that is not NA.
func flatCount(t testing.TB, name string, regions []string) (n int) {
	t.Helper()
	f, err := os.Open(refShared(t, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(z)
	r.Comma = ';'
	header, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	for {
		row, err := r.Read()
		if err == io.EOF {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		if regions != nil && !slices.Contains(regions, row[0]) {
			continue
		}
		for i, h := range header {
			switch h {
			case "PN", "LRN", "LRN_N", "LRN_H", "LRN_P", "DH", "DO", "PR", "LRR", "LRR_N", "LRR_H", "LRR_P", "ZNIEFF":
				if row[i] != "NA" && row[i] != "" {
					n += 1 + strings.Count(row[i], ",")
				}
			}
		}
	}
}

// checkSharedContent looks at what naturalists would look at.
func checkSharedContent(t *testing.T, db *vault.DB, names []taxon.Name) {
	t.Helper()
	tx, err := taxon.NewTaxonomy(func(yield func(taxon.Name, error) bool) {
		for _, n := range names {
			if !yield(n, nil) {
				return
			}
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	swallow := tx.ByScientificName("delichon urbicum")
	if len(swallow) != 1 {
		t.Fatalf("Delichon urbicum is %v", swallow)
	}
	n, _ := tx.Valid(swallow[0])
	if taxon.PrimaryVernacular(n.Vernacular) != "Hirondelle de fenêtre" || taxon.GroupOf(&n) != "oiseaux" || n.Rank != taxon.Species {
		t.Errorf("%+v", n)
	}
	groups := map[string]int{}
	for _, n := range names {
		if n.Kingdom != "" { // synonyms from lists of French names have no classification
			groups[taxon.GroupOf(&n)]++
		}
		if n.Rank == taxon.Genus && strings.Contains(strings.TrimPrefix(strings.TrimPrefix(n.ScientificName, "x "), "+ "), " ") {
			t.Errorf("%s is no genus", n.ScientificName)
		}
	}
	if groups["autres"] > 100 || groups["oiseaux"] < 900 || groups["papillons"] < 6000 || groups["plantes"] < 15_000 {
		t.Errorf("groups: %v", groups)
	}
	if ref, ok := tx.Valid(806883); !ok || ref.ScientificName != "Agyneta mollis" {
		t.Errorf("the valid name beside a synonym is lost: %+v", ref)
	}
	var red, protected bool
	for _, s := range refStatusRows(t, db) {
		if s.CdRef == swallow[0] {
			red = red || s.Type == "LRN" && s.Code == "NT"
			protected = protected || s.Type == "PN" && s.Code == "NO3"
		}
		if s.Type == "LRR" && s.Territory == "Picardie" || strings.Contains(s.Label, "département du Jura") {
			t.Fatalf("a status of elsewhere: %+v", s)
		}
	}
	if !red || !protected {
		t.Errorf("Delichon urbicum: near threatened %v, protected %v", red, protected)
	}
	lists, rules, err := db.Sensitivity(t.Context())
	if err != nil || len(lists) != 8 || len(rules) != 15_155 {
		t.Fatalf("%d lists, %d rules, %v", len(lists), len(rules), err)
	}
	for _, r := range rules {
		if len(r.Department) < 2 || r.Level < 1 || r.Level > 3 || r.BioStatus == "7" || r.BioStatus == "12" {
			t.Fatalf("%+v", r)
		}
	}
	i := slices.IndexFunc(lists, func(l sensitivity.List) bool { return l.ID == "16" })
	if i < 0 || lists[i].Region != "91" || !strings.HasPrefix(lists[i].Citation, "Anonyme. 2018. Référentiel des données sensibles du Languedoc-Roussillon") {
		t.Errorf("%+v", lists)
	}
	departments, err := db.Areas(t.Context(), geo.Department)
	if err != nil || len(departments) != 13 || departments[0].Parent != geo.AdminKey(geo.Region, "76") {
		t.Errorf("departments: %d, %v", len(departments), err)
	}
	communes, err := db.Areas(t.Context(), geo.Commune)
	if err != nil || communes[0].Parent != geo.AdminKey(geo.Department, "09") {
		t.Errorf("communes: %d, %v", len(communes), err)
	}
}

// TestTaxrefShapes: one file of three names, written as different versions and hands do.
func TestTaxrefShapes(t *testing.T) {
	tsv := "REGNE\tCLASSE\tORDRE\tFAMILLE\tGROUP2_INPN\tCD_NOM\tCD_TAXSUP\tCD_SUP\tCD_REF\tRANG\tLB_NOM\tLB_AUTEUR\tNOM_COMPLET\tNOM_VERN\tHABITAT\tFR\n" +
		"Animalia\tAves\tPasseriformes\tHirundinidae\tOiseaux\t459478\t1\t2\t459478\tES\tDelichon urbicum\t(Linnaeus, 1758)\tDelichon urbicum (Linnaeus, 1758)\tHirondelle de fenêtre\t3\tP\n" +
		"Animalia\tAves\tPasseriformes\tHirundinidae\tOiseaux\t3696\t\t\t459478\tES\tDelichon urbica\t(Linnaeus, 1758)\tDelichon urbica (Linnaeus, 1758)\t\t3\t\n" +
		"Animalia\tAves\tPasseriformes\tHirundinidae\tOiseaux\t192000\t\t\t192000\tGN\tDelichon\tMoore, 1854\tDelichon Moore, 1854\t\t\t\n"
	semi := strings.ReplaceAll(tsv, "\t", ";")
	latin, err := charmap.ISO8859_1.NewEncoder().String(semi)
	if err != nil {
		t.Fatal(err)
	}
	loose := strings.NewReplacer("CD_NOM", "Cd Nom", "CD_REF", "CD REF (taxonomie)", "GROUP2_INPN", "Group2 Inpn", "LB_NOM", "lb_nom").Replace(tsv)
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	if _, err := io.WriteString(w, tsv); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	gone := "CD_NOM\tPLUS_RECENTE_DIFFUSION\tCD_NOM_REMPLACEMENT\tCD_RAISON_SUPPRESSION\tRAISON_SUPPRESSION\n16\t6.0\t3696\t1\tdoublon\n17\t6.0\t\t2\tà tort\n"
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for _, e := range [][2]string{{"TAXREF_v18_2025/TAXREF_LIENS.txt", strings.Repeat("CD_NOM\tSOURCE\n1\tx\n", 500)},
		{"TAXREF_v18_2025/TAXREFv18.txt", tsv}, {"TAXREF_v18_2025/CDNOM_DISPARUS.txt", gone}, {"TAXREF_v18_2025/rangs_note.csv", "a;b\n1;2\n"}} {
		f, err := z.Create(e[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, e[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"TAXREFv18.txt": []byte(tsv), "taxref.csv": []byte(semi), "latin.csv": []byte(latin),
		"loose.tsv": []byte("\ufeff" + strings.ReplaceAll(loose, "\n", "\r\n")), "TAXREFv18.txt.gz": gz.Bytes(), "TAXREF_v18_2025.zip": archive.Bytes()} {
		db := refVault(t)
		path := refWrite(t, name, content)
		ref := refLoad(t, db, refTaxref, path, ReferenceOptions{})
		if ref.Rows != 3 || ref.Kind != refTaxref || strings.Contains(name, "v18") && ref.Version != "v18" {
			t.Errorf("%s: %+v", name, ref)
		}
		list := refNames(t, db)
		if len(list) != 3 || list[2].Vernacular != "Hirondelle de fenêtre" || list[2].Parent != 2 || list[0].CdRef != 459478 ||
			list[2].StatusFR != "P" || list[1].Rank != taxon.Genus || list[0].Group2 != "Oiseaux" {
			t.Errorf("%s: %+v", name, list)
		}
		moved := 0
		for w, err := range db.Withdrawn(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if moved++; w.CdNom == 16 && w.Replacement != 3696 || w.CdNom == 17 && w.Replacement != 0 {
				t.Errorf("%s: %+v", name, w)
			}
		}
		before := refReferences(t, db)
		refLoad(t, db, refTaxref, path, ReferenceOptions{})
		if after := refReferences(t, db); !slices.Equal(before, after) {
			t.Errorf("%s: loading twice changed %v into %v", name, before, after)
		}
		if strings.HasSuffix(name, ".zip") != (moved == 2) {
			t.Errorf("%s: %d withdrawn codes", name, moved)
		}
	}
}

func TestFrenchNames(t *testing.T) {
	db := refVault(t)
	refLoad(t, db, refTaxref, refWrite(t, "t.csv", []byte("CD_NOM;CD_REF;RANG;LB_NOM;NOM_COMPLET;NOM_VERN\n"+
		"10;10;ES;Aglais io;Aglais io (Linnaeus, 1758);Paon-du-jour (Le)\n11;11;ES;Arctia caja;Arctia caja (Linnaeus, 1758);\n")), ReferenceOptions{})
	ref := refLoad(t, db, refTaxref, refWrite(t, "n.tsv", []byte("id_nom\tcd_nom\tcd_ref\tnom_francais\tcomments\n"+
		"1\t10\t99\tAutre nom\t\n"+ // has a name already; its old CD_REF is not followed
		"2\t11\t11\tEcaille martre (L')\t\n"+
		"3\t12\t10\tPaon de jour\t\n"+ // a synonym, unknown so far
		"4\t13\t11\tEuprepia caja (Linnaeus, 1758)\t\n"+ // a synonym by its Latin name
		"7\t16\t16\tBoloria eunomia (Esper, 1799)\t\n"+ // a taxon without classification
		"5\t14\t15\tSans parent\t\n"+ // nobody knows 15
		"6\t11\t11\tArctia caja\t\n")), ReferenceOptions{})
	if ref.Rows != 3 {
		t.Errorf("%+v", ref)
	}
	list := refNames(t, db)
	want := []taxon.Name{
		{CdNom: 10, CdRef: 10, Rank: "ES", ScientificName: "Aglais io", FullName: "Aglais io (Linnaeus, 1758)", Vernacular: "Paon-du-jour (Le)"},
		{CdNom: 11, CdRef: 11, Rank: "ES", ScientificName: "Arctia caja", FullName: "Arctia caja (Linnaeus, 1758)", Vernacular: "Ecaille martre (L')"},
		{CdNom: 12, CdRef: 10, Vernacular: "Paon de jour"},
		{CdNom: 13, CdRef: 11, Rank: "ES", ScientificName: "Euprepia caja", Author: "(Linnaeus, 1758)", FullName: "Euprepia caja (Linnaeus, 1758)"},
	}
	if !slices.Equal(list, want) {
		t.Errorf("%+v", list)
	}
}

func TestStatusShapes(t *testing.T) {
	db := refVault(t)
	refLoad(t, db, refTaxref, refWrite(t, "t.csv", []byte("CD_NOM;CD_REF;LB_NOM;NOM_COMPLET\n1;2;Aus bus;Aus bus L.\n2;2;Cus bus;Cus bus L.\n")), ReferenceOptions{})
	bdc := "CD_NOM,CD_REF,CD_TYPE_STATUT,LB_TYPE_STATUT,CODE_STATUT,LABEL_STATUT,RQ_STATUT,CD_SIG,LB_ADM_TR,FULL_CITATION,DOC_URL\n" +
		"1,2,LRR,Liste rouge régionale,VU,Vulnérable,,INSEER91,Languedoc-Roussillon,\"Meridionalis, 2015. <em>Liste rouge</em>\",https://x\n" +
		"1,2,LRR,Liste rouge régionale,CR,En danger critique,,INSEER32,Hauts-de-France,,\n" +
		"1,2,PD,Protection départementale,A1,Article 1,,INSEED34,Hérault,,\n" +
		"1,2,PN,Protection nationale,NV1,Article 1,,TERFXFR,France métropolitaine,,\n" +
		"1,2,PN,Protection nationale,G1,Article 1,,INSEED973,Guyane,,\n"
	left := 0
	told := ReferenceOptions{LeftOut: func(rows int) { left = rows }}
	if ref := refLoad(t, db, refStatuses, refWrite(t, "BDC_STATUTS_18.csv", []byte(bdc)), told); ref.Rows != 3 || ref.Version != "v18" || left != 2 {
		t.Errorf("%+v, %d left out", ref, left)
	}
	got := refStatusRows(t, db)
	if len(got) != 3 || got[0] != (taxon.Status{CdRef: 2, Type: "LRR", TypeLabel: "Liste rouge régionale", Code: "VU", Label: "Vulnérable",
		Territory: "Languedoc-Roussillon", Citation: "Meridionalis, 2015. Liste rouge", URL: "https://x"}) && got[0].Type == "LRR" {
		t.Errorf("%+v", got)
	}
	// Another territory, by its name.
	db2 := refVault(t)
	if ref := refLoad(t, db2, refStatuses, refWrite(t, "b.csv", []byte(bdc)), ReferenceOptions{Regions: []string{"hauts de france"}}); ref.Rows != 2 {
		t.Errorf("%+v", ref)
	}
	// Without CD_REF, a name leads to its taxon; without code, an annex gives it.
	extract := "CD TYPE STATUT (statuts);CODE STATUT (statuts);LABEL STATUT (statuts);LB TYPE STATUT (statuts);CD NOM (statuts)\n" +
		"DH;;Directive 92/43/CEE : Annexe IV;Directive Habitat;1\nZDET;Vrai;Déterminante ZNIEFF;ZNIEFF Déterminantes;1\n" +
		"REGL;;Cueillette dans le département du Jura : Article 6;Réglementation;1\nREGL;;Cueillette dans le département de l’Hérault : Article 6;Réglementation;1\n"
	db3 := refVault(t)
	refLoad(t, db3, refTaxref, refWrite(t, "t.csv", []byte("CD_NOM;CD_REF;LB_NOM;NOM_COMPLET\n1;2;Aus bus;Aus bus L.\n2;2;Cus bus;Cus bus L.\n")), ReferenceOptions{})
	if ref := refLoad(t, db3, refStatuses, refWrite(t, "e.csv", []byte(extract)), ReferenceOptions{}); ref.Rows != 3 {
		t.Errorf("%+v", ref)
	}
	codes := ""
	for _, s := range refStatusRows(t, db3) {
		codes += s.Type + s.Code + " "
		if (s.Type == "ZDET") != (s.Remark == "territoire non précisé") {
			t.Errorf("%+v", s)
		}
		if s.CdRef != 2 {
			t.Errorf("%+v", s)
		}
	}
	if codes != "DHCDH4 REGL ZDETtrue " {
		t.Errorf("codes: %s", codes)
	}
}

func TestSensitivityShapes(t *testing.T) {
	db := refVault(t)
	national, err := charmap.ISO8859_15.NewEncoder().String("CD_NOM;NOM_CITE;CD_SENSIBILITE;CD_DEP;DUREE;STATUT_BIOLOGIQUE;COMPORTEMENT;AUTRE\n" +
		"79300;Myotis brandtii;2;9;;4;;gîtes hypogés, été\n79300;Myotis brandtii;2;9;10000;7;;\n2;Aus;2.8;D4;20;;3;\n3;Bus;0;2A;;1;;\n")
	if err != nil {
		t.Fatal(err)
	}
	ref := refLoad(t, db, refSensitivity, refWrite(t, "RefSensibilite_18.csv", []byte(national)), ReferenceOptions{})
	if ref.Rows != 4 || ref.Version != "v18" {
		t.Errorf("%+v", ref)
	}
	lists, rules, err := db.Sensitivity(t.Context())
	if err != nil || len(lists) != 1 || lists[0].ID != "RefSensibilite_18" || lists[0].Region != sensitivity.Apart {
		t.Fatalf("%+v, %v", lists, err)
	}
	l := lists[0].ID
	if want := []sensitivity.Rule{{List: l, CdNom: 79300, Level: 2, Department: "09", BioStatus: "4", Condition: "gîtes hypogés, été"},
		{List: l, CdNom: 79300, Level: 2, Department: "09", Behaviour: "7"},
		{List: l, CdNom: 2, Level: sensitivity.NotShown, Department: "974", Years: 20, Behaviour: "3"},
		{List: l, CdNom: 3, Level: 0, Department: "2A"}}; !slices.Equal(rules, want) {
		t.Errorf("%+v", rules)
	}
	_, err = LoadReference(t.Context(), db, refSensitivity, refWrite(t, "bad.csv", []byte("CD_NOM;CODAGE\n1;2\n1;beaucoup\n")), ReferenceOptions{})
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "bad.csv 3 CODAGE beaucoup") {
		t.Errorf("%v", err)
	}
	if _, rules, _ := db.Sensitivity(t.Context()); len(rules) != 4 {
		t.Errorf("a bad file left %d rules", len(rules))
	}
}

// TestWrongFiles: each wrong file is refused with a sentence that exists in French and
// English, and leaves nothing.
func TestWrongFiles(t *testing.T) {
	names := "CD_NOM;CD_REF;LB_NOM;NOM_COMPLET\n1;1;Aus bus;Aus bus L.\n"
	statuses := "CD_REF;PN;LRN\n1;NO3;LC\n"
	rules := "CD_NOM;CODAGE\n1;2\n"
	outlines := `{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"insee":"34172","nom":"X"},"geometry":{"type":"Polygon","coordinates":[[[3,43],[3.1,43],[3.1,43.1],[3,43]]]}}]}`
	mesh := `{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"cd_sig":"10kmL93E048N617"},"geometry":{"type":"Polygon","coordinates":[[[3,43],[3.1,43],[3.1,43.1],[3,43]]]}}]}`
	db := refVault(t)
	for _, c := range []struct {
		kind, content, key string
		o                  ReferenceOptions
	}{
		{refTaxref, statuses, "reference.file.is_statuses", ReferenceOptions{}},
		{refTaxref, rules, "reference.file.is_sensitivity", ReferenceOptions{}},
		{refStatuses, names, "reference.file.is_taxref", ReferenceOptions{}},
		{refSensitivity, names, "reference.file.is_taxref", ReferenceOptions{}},
		{refTaxref, "date;lieu\n1;2\n", "reference.file.expected_taxref", ReferenceOptions{}},
		{refStatuses, "date;lieu\n1;2\n", "reference.file.expected_statuses", ReferenceOptions{}},
		{refSensitivity, "date;lieu\n1;2\n", "reference.file.expected_sensitivity", ReferenceOptions{}},
		{refTaxref, "cd_nom,champ,cd_nom_remplacement\n793,CD_NOM,45\n", "reference.file.expected_taxref", ReferenceOptions{}},
		{refTaxref, "CD_NOM;CD_REF;LB_NOM;NOM_COMPLET\nabc;1;Aus;Aus\n", "reference.file.value", ReferenceOptions{}},
		{refAreas, names, "reference.file.expected_areas", ReferenceOptions{AreaKind: geo.Commune}},
		{refAreas, outlines, "reference.file.area_kind", ReferenceOptions{}},
		{refAreas, mesh, "reference.file.mesh", ReferenceOptions{AreaKind: geo.Commune}},
		{refAreas, mesh, "reference.file.cell", ReferenceOptions{AreaKind: geo.Cell10}},
		{refAreas, "\x1f\x8b\x08broken", "reference.file.gzip", ReferenceOptions{AreaKind: geo.Commune}},
		{refTaxref, "PK\x03\x04broken", "reference.file.zip", ReferenceOptions{}},
		{refTaxref, "", "tabular.empty", ReferenceOptions{}},
		{"species", names, "reference.file.kind", ReferenceOptions{}},
	} {
		_, err := LoadReference(t.Context(), db, c.kind, refWrite(t, "fichier.csv", []byte(c.content)), c.o)
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Invalid || f.Key != c.key {
			t.Errorf("%s %q: %v, want %s", c.kind, c.content[:min(20, len(c.content))], err, c.key)
			continue
		}
		for _, lang := range []i18n.Lang{i18n.FR, i18n.EN} {
			if s := i18n.T(lang, f.Key, f.Args...); s == f.Key || strings.Contains(s, "{") {
				t.Errorf("%s: no sentence in %s: %s", c.key, lang, s)
			}
		}
	}
	if _, err := LoadReference(t.Context(), db, refTaxref, filepath.Join(t.TempDir(), "absent.csv"), ReferenceOptions{}); !fault.Is(err, fault.NotFound) {
		t.Errorf("a missing file: %v", err)
	}
	if refs := refReferences(t, db); len(refs) != 1 {
		t.Errorf("wrong files left %v", refs)
	}
}

func TestRefVersion(t *testing.T) {
	for name, want := range map[string]string{"TAXREFv18.txt": "v18", "TAXREF_v17_2024.zip": "v17", "taxref-noms-valides.tsv.gz": "",
		"statuts-nationaux-faune-taxref17.csv.gz": "v17", "especes-sensibles-2019.tsv.gz": "2019", "RefSensibilite_18.csv": "v18",
		"BDC_STATUTS_18.csv": "v18", "communes.geojson": "", "taxref-extrait-7100taxons-complet.csv.gz": ""} {
		if got := refVersion(name); got != want {
			t.Errorf("refVersion(%q) = %q, want %q", name, got, want)
		}
	}
}
