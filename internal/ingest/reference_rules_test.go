package ingest

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/needs"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
)

// TestRules: what each way of writing a rule is read as.
func TestRules(t *testing.T) {
	const head = "CD_NOM;CD_SENSIBILITE;CD_DEPT;DUREE;DATE_MIN;DATE_MAX;STATUT_BIOLOGIQUE;COMPORTEMENT;STADE_VIE;METH_OBS;ZONE;AUTRE\n"
	commune, cell := geo.AdminKey(geo.Commune, "34172"), geo.CellKey(geo.Cell10, 570, 6430)
	db := refVault(t)
	for _, c := range []struct {
		row  string
		want []sensitivity.Rule // without list nor taxon
	}{
		{"1;2.4;;;;;;;;;;", []sensitivity.Rule{{Level: sensitivity.Km100}}},
		{"1;2,6;;;;;;;;;;", []sensitivity.Rule{{Level: sensitivity.Km2500}}},
		{"1;3.0;;5.0;;;;;;;;", []sensitivity.Rule{{Level: 3, Years: 5}}},
		{"1;1;34, 30|9/2a;;;;;;;;;", []sensitivity.Rule{{Level: 1, Department: "34"}, {Level: 1, Department: "30"}, {Level: 1, Department: "09"}, {Level: 1, Department: "2A"}}},
		{"1;1;;;1101;228;;;;;;", []sensitivity.Rule{{Level: 1, From: 1101, To: 228}}},
		{"1;1;;;01/03;31/07/2020;;;;;;", []sensitivity.Rule{{Level: 1, From: 301, To: 731}}},
		{"1;1;;;1900-03-01;1900-07-31 00:00:00;;;;;;", []sensitivity.Rule{{Level: 1, From: 301, To: 731}}},
		{"1;1;;;0229;;;;;;;", []sensitivity.Rule{{Level: 1, From: 229}}},
		{"1;1;;;0101;1231;;;;;;", []sensitivity.Rule{{Level: 1}}},
		{"1;1;;;;1231;;;;;;", []sensitivity.Rule{{Level: 1}}},
		{"1;1;;;;;3,4;;;;;", []sensitivity.Rule{{Level: 1, BioStatus: "3"}, {Level: 1, BioStatus: "4"}}},
		{"1;1;;;;;7|3;;;;;", []sensitivity.Rule{{Level: 1, Behaviour: "7"}, {Level: 1, BioStatus: "3"}}},
		{"1;1;;;;;3 0;1;0;;;", []sensitivity.Rule{{Level: 1}}},
		{"1;1;;;;;;20;9;;;", []sensitivity.Rule{{Level: 1, Behaviour: "20", LifeStage: "9"}}},
		{"1;1;34 30;;;;;;9 8;;;", []sensitivity.Rule{{Level: 1, Department: "34", LifeStage: "9"}, {Level: 1, Department: "34", LifeStage: "8"},
			{Level: 1, Department: "30", LifeStage: "9"}, {Level: 1, Department: "30", LifeStage: "8"}}},
		{"1;1;;;;;;;;26;;gîtes", []sensitivity.Rule{{Level: 1, Condition: "gîtes METH_OBS 26"}}},
		{"1;1;34;;;;;;;;34172;", []sensitivity.Rule{{Level: 1, Department: "34", Area: commune}}},
		{"1;1;10kmL93E057N643,34172;;;;;;;;;", []sensitivity.Rule{{Level: 1, Area: cell}, {Level: 1, Area: commune}}},
		{"1;1;hab_aigle;;;;;;;;;nids", []sensitivity.Rule{{Level: 1, Condition: "nids hab_aigle"}}},
		{"1;1;34;;;;;;;;Étang de l’Or;", []sensitivity.Rule{{Level: 1, Department: "34", Condition: "Étang de l’Or"}}},
		{";1;34;;;;;;;;;", nil},
	} {
		path := refWrite(t, "regles.csv", []byte(head+c.row+"\n"))
		l, err := openReference(db, refSensitivity, path, ReferenceOptions{})
		if err != nil {
			t.Fatal(err)
		}
		table, err := l.open("")
		if err != nil {
			t.Fatal(err)
		}
		var got []sensitivity.Rule
		for r, err := range l.sensitivityRules(table) {
			if err != nil {
				t.Errorf("%s: %v", c.row, err)
				break
			}
			if r.List != "regles" || r.CdNom != 1 {
				t.Errorf("%s: %+v", c.row, r)
			}
			r.List, r.CdNom = "", 0
			got = append(got, r)
		}
		l.file.Close()
		if !slices.Equal(got, c.want) {
			t.Errorf("%s\n is read as %+v\n not          %+v", c.row, got, c.want)
		}
	}
	for row, want := range map[string]string{
		"1;5;;;;;;;;;;": "CODAGE 5", "1;2.9;;;;;;;;;;": "CODAGE 2.9", "1;;;;;;;;;;;": "CODAGE ",
		"1;1;3O;;;;;;;;;": "CDDEPT 3O", "1;1;34, 96;;;;;;;;;": "CDDEPT 34, 96", "1;1;D7;;;;;;;;;": "CDDEPT D7",
		"1;1;;;1301;;;;;;;": "DATEMIN 1301", "1;1;;;;3002;;;;;;": "DATEMAX 3002", "1;1;;;04/15;;;;;;;": "DATEMIN 04/15", "1;1;;;mars;;;;;;;": "DATEMIN mars",
		"1;1;;;01/03/20;;;;;;;": "DATEMIN 01/03/20", "1;1;;;2020-02-30;;;;;;;": "DATEMIN 2020-02-30", "1;1;;;+1/03;;;;;;;": "DATEMIN +1/03",
		"1;1;;;;;nid;;;;;": "STATUTBIOLOGIQUE nid", "1;1;;;;;;;Œuf;;;": "STADEVIE Œuf", "1;1;;longtemps;;;;;;;;": "DUREE longtemps",
		"1;1;;;;;;;;;3417;": "ZONE 3417",
	} {
		_, err := LoadReference(t.Context(), db, refSensitivity, refWrite(t, "regles.csv", []byte(head+"1;1;;;;;;;;;;\n"+row+"\n")), ReferenceOptions{})
		if !fault.Is(err, fault.Invalid) || !strings.HasSuffix(err.Error(), "regles.csv 3 "+want) && !strings.Contains(err.Error(), "regles.csv 3 "+want+"]") {
			t.Errorf("%s: %v, want %s", row, err, want)
		}
	}
	if _, rules, err := db.Sensitivity(t.Context()); err != nil || len(rules) != 0 {
		t.Errorf("wrong files left %d rules, %v", len(rules), err)
	}
}

// TestRealRules: the lists of 2019, as loaded, on the two sides of a regional limit.
func TestRealRules(t *testing.T) {
	dir := needs.Shared(t, "data/reference")
	db := refVault(t)
	refLoad(t, db, refSensitivity, filepath.Join(dir, "especes-sensibles-2019.tsv.gz"), ReferenceOptions{})
	lists, rules, err := db.Sensitivity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, r := range rules {
		count[r.List]++
		if r.Area != 0 || r.From != 0 || r.To != 0 || r.LifeStage != "" || !departmentCode.MatchString(r.Department) {
			t.Fatalf("%+v", r)
		}
	}
	regions := map[string]string{}
	for _, l := range lists {
		regions[l.ID] = l.Region
	}
	for id, want := range map[string]int{"8": 1828, "9": 5824, "10": 1225, "12": 104, "13": 330, "14": 3768, "15": 1120, "16": 956} {
		if count[id] != want {
			t.Errorf("list %s has %d rules, want %d", id, count[id], want)
		}
	}
	for id, want := range map[string]string{"8": "83", "9": "", "10": "72", "12": "26", "13": "24", "14": "73", "15": "04", "16": "91"} {
		if regions[id] != want {
			t.Errorf("list %s is of region %q, want %q", id, regions[id], want)
		}
	}
	book := sensitivity.NewBook(lists, rules)
	if book.Rules() != len(rules) {
		t.Errorf("%d of %d rules apply somewhere", book.Rules(), len(rules))
	}
	for _, c := range []struct {
		name        string
		cd          taxon.CdNom
		departments []string
		want        sensitivity.Result
	}{
		{"golden eagle, Hérault", 2645, []string{"34"}, sensitivity.Result{Level: 2, List: "16", Review: true}},
		{"golden eagle, Tarn", 2645, []string{"81"}, sensitivity.Result{Level: 3, List: "14"}},
		{"golden eagle, on the limit of both", 2645, []string{"34", "81"}, sensitivity.Result{Level: 3, List: "14"}},
		{"golden eagle, nowhere known", 2645, nil, sensitivity.Result{Level: 3, List: "14"}},
		{"otter, Puy-de-Dôme", 60630, []string{"63"}, sensitivity.Result{Level: 2, List: "8"}},
		{"otter, Hérault: no list of the region names it", 60630, []string{"34"}, sensitivity.Result{}},
		{"Brandt's bat in winter, Bas-Rhin", 79300, []string{"67"}, sensitivity.Result{Level: 2, List: "9", Review: true}},
	} {
		f := sensitivity.Facts{Lineage: []taxon.CdNom{c.cd}, Departments: c.departments, BioStatus: "4", Behaviour: "5"}
		if got := book.Evaluate(f); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// FuzzRules: whatever the cells, a row is refused or gives rules that can be asked.
func FuzzRules(f *testing.F) {
	for _, s := range [][5]string{{"2.4", "34, 30", "1101", "28/02", "9"}, {"1", "hab_x", "2020-01-01 00:00", "", "3|4"}, {"4", "34172;10kmL93E057N643", "101", "1231", "NSP"},
		{"2,8", "D3", "-1/-1", "0/0/0000", "\u00a0"}, {"0", "2a/20", "+101", "1e2", "1.0"}} {
		f.Add(s[0], s[1], s[2], s[3], s[4])
	}
	f.Fuzz(func(t *testing.T, level, where, from, to, stage string) {
		table := &refTable{name: "f.csv", cols: map[string]int{"cdnom": 0, "codage": 1, "cddept": 2, "datemin": 3, "datemax": 4, "stadevie": 5}}
		table.row.Fields = []string{"1", level, where, from, to, stage}
		rules, err := sensitivityRow(table, "L")
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatal(err)
			}
			return
		}
		cell := strings.TrimSpace(where)
		said := strings.TrimFunc(cell, func(r rune) bool { return separates(r) || unicode.IsSpace(r) }) != "" && cell != `\N` && cell != "NULL"
		day := func(d int16) bool { return d == 0 || d/100 >= 1 && d/100 <= 12 && d%100 >= 1 && d%100 <= 31 }
		for _, r := range rules {
			if !r.Level.Known() || !day(r.From) || !day(r.To) || r.Department != "" && !departmentCode.MatchString(r.Department) ||
				said && r.Department == "" && r.Area == 0 && r.Condition == "" {
				t.Fatalf("%q %q %q %q %q is read as %+v", level, where, from, to, stage, r)
			}
			sensitivity.NewBook(nil, []sensitivity.Rule{r}).Evaluate(sensitivity.Facts{Lineage: []taxon.CdNom{1}, Start: 20_000, Date: 20_001})
		}
	})
}
