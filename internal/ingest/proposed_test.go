package ingest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
)

// TestProposeSensitivity: what is proposed is what loading gives, list by list, and proposing
// writes nothing.
func TestProposeSensitivity(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	db, _ := smallVault(t)
	for _, c := range []struct {
		name, text              string
		brought, replaced, gone []string
	}{
		{"listes-a.csv", "CD_SL;CD_NOM;CODAGE;CD_DEPT\n9;60612;3;\nA;351;2;34\n", []string{"9", "A"}, []string{"9"}, nil},
		{"listes-a.csv", "CD_SL;CD_NOM;CODAGE;CD_DEPT\nB;351;1;34\nA;351;4;\n", []string{"A", "B"}, []string{"A"}, []string{"9"}},
		{"seule.csv", "CD_NOM;CODAGE\n67111;2.3\n", []string{"seule"}, nil, nil},
		{"description.csv", "CD_SL;SHORT_CITATION;FULL_CITATION;DATE_LISTE;CD_INSEE_REG\nA;Liste A;CSRPN;2013;91\n", []string{"A"}, []string{"A"}, nil},
	} {
		path := write(c.name, c.text)
		before, rulesBefore, err := db.Sensitivity(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p, err := ProposeSensitivity(t.Context(), db, path, ReferenceOptions{})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if d := cmp.Diff([][]string{c.brought, c.replaced, c.gone}, [][]string{p.Brought, p.Replaced, p.Gone}); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		now, rules, err := db.Sensitivity(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(before, now) + cmp.Diff(rulesBefore, rules); d != "" {
			t.Errorf("%s: proposing wrote: %s", c.name, d)
		}
		if _, err := LoadReference(t.Context(), db, refSensitivity, path, ReferenceOptions{}); err != nil {
			t.Fatal(err)
		}
		now, rules, err = db.Sensitivity(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(now, p.Lists); d != "" {
			t.Errorf("%s: lists loaded (-) and proposed (+): %s", c.name, d)
		}
		if d := cmp.Diff(byList(rules), byList(p.Rules)); d != "" {
			t.Errorf("%s: rules loaded (-) and proposed (+): %s", c.name, d)
		}
	}
	if _, err := ProposeSensitivity(t.Context(), db, write("dates.csv", "date;lieu\n1;2\n"), ReferenceOptions{}); sentence(t, err) != "reference.file.expected_sensitivity" {
		t.Error(err)
	}
}

// byList groups rules, whose lists come in an order of their own.
func byList(rules []sensitivity.Rule) map[string][]sensitivity.Rule {
	out := map[string][]sensitivity.Rule{}
	for _, r := range rules {
		out[r.List] = append(out[r.List], r)
	}
	return out
}

// TestProposeMapping: what another mapping would say, as far as the vault can tell.
func TestProposeMapping(t *testing.T) {
	db, _ := smallVault(t)
	im := newImporter(t, db)
	const columns = "[columns]\nqui = \"nomCite\"\nquand = \"dateDebut\"\nlat = \"latitude\"\nlon = \"longitude\"\nstatut = \"occStatutBiologique\"\n"
	o := Options{Source: "suivi", Dataset: "Suivi", Mapping: parse(t, columns+"\n[values.occStatutBiologique]\nniche = \"3\"\n")}
	file := fileOf(t, "a.csv", "qui;quand;lat;lon;statut;vu;secret\n"+
		"Rana temporaria;2020-05-01;43.55;3.05;niche;privé;oui\n"+
		"Rana temporaria;2020-05-02;43.55;3.05;Hibernation;public;\n")
	if rep, err := im.Import(t.Context(), file, o); err != nil || rep.Created != 2 {
		t.Fatalf("%+v %v", rep, err)
	}
	if _, err := im.Import(t.Context(), fileOf(t, "b.csv", "qui;quand;lat;lon\nLynx lynx;2020-05-02;43.55;3.05\n"),
		Options{Dataset: "Autre", Mapping: parse(t, "[columns]\nqui = \"nomCite\"\nquand = \"dateDebut\"\nlat = \"latitude\"\nlon = \"longitude\"\n")}); err != nil {
		t.Fatal(err)
	}
	type seen struct{ Public, Diffusion, Status, Behaviour string }
	read := func(r *Rereading) (out []seen, changed int) {
		t.Helper()
		err := db.Observations(context.Background(), disclosure.Grant{Who: "test", Reason: "mapping"}, r.Fields(), func(o *observation.Observation) error {
			if r.Apply(o) {
				changed++
			}
			out = append(out, seen{o.Public, o.Diffusion, o.BioStatus, o.Behaviour})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return out, changed
	}
	for name, c := range map[string]struct {
		mapping string
		want    []seen // of the two observations of the source
		changes []ValueChange
		untold  []string
	}{
		"the same": {columns + "\n[values.occStatutBiologique]\nniche = \"3\"\n",
			[]seen{{"", "", "3", ""}, {"", "", "4", ""}}, []ValueChange{}, nil},
		"a value": {columns + "\n[values.occStatutBiologique]\nniche = \"9\"\n",
			[]seen{{"", "", "9", ""}, {"", "", "4", ""}},
			[]ValueChange{{Attribute: "occStatutBiologique", Column: "statut", Written: "niche", Before: "3", After: "9", AtMost: true}}, nil},
		"a column that was left": {columns + "vu = \"dSPublique\"\n\n[values.occStatutBiologique]\nniche = \"3\"\n",
			[]seen{{"Pr", "", "3", ""}, {"Pu", "", "4", ""}},
			[]ValueChange{{Attribute: "dSPublique", Column: "vu"}}, nil},
		"a value of every row": {columns + "\n[fixed]\ndiffusionNiveauPrecision = \"4\"\n\n[values.occStatutBiologique]\nniche = \"3\"\n",
			[]seen{{"", "4", "3", ""}, {"", "4", "4", ""}},
			[]ValueChange{{Attribute: "diffusionNiveauPrecision", After: "4"}}, nil},
		"what only the file tells": {columns[:len(columns)-len("statut = \"occStatutBiologique\"\n")] +
			"\n[extracted.occStatutBiologique]\ncolumn = \"statut\"\npattern = \"(.*)\"\n",
			[]seen{{"", "", "3", ""}, {"", "", "4", ""}}, []ValueChange{}, []string{"occStatutBiologique"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := fileOf(t, "m.toml", c.mapping)
			r, err := ProposeMapping(t.Context(), db, path, "suivi")
			if err != nil {
				t.Fatal(err)
			}
			got, changed := read(r)
			if d := cmp.Diff(c.want, got[:2]); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(seen{}, got[2]); d != "" {
				t.Errorf("the observation of another source: %s", d)
			}
			if d := cmp.Diff(c.changes, r.Changes); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(c.untold, r.Untold); d != "" {
				t.Error(d)
			}
			if len(c.changes) == 0 && changed != 0 {
				t.Errorf("%d changed", changed)
			}
		})
	}
	if _, err := ProposeMapping(t.Context(), db, fileOf(t, "m.toml", columns), "inconnue"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a source that brought nothing: %v", err)
	}
	if _, err := ProposeMapping(t.Context(), db, fileOf(t, "m.toml", "[columns]\nailleurs = \"dSPublique\"\n"), "suivi"); sentence(t, err) != "mapping.column" {
		t.Errorf("a column the file has not: %v", err)
	}
}
