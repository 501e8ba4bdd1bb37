package publish_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/atlas"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/publish"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

var updateGolden = flag.Bool("update-whatif", false, "rewrite testdata/whatif.json")

// unclassed is the observations of the other tests without a level of their own: here the lists
// alone give levels.
func unclassed() []sight {
	list := slices.Clone(sights)
	for i := range list {
		list[i].level = 0
	}
	return list
}

var (
	national = sensitivity.List{ID: "9", Name: "essai"}
	regional = sensitivity.List{ID: "LR", Name: "Languedoc-Roussillon", Version: "2013", Citation: "CSRPN, 2013", Region: "91"}
	inForce  = []sensitivity.Rule{{List: "9", CdNom: 2657, Level: 3}, {List: "9", CdNom: 60313, Level: 2}, {List: "9", CdNom: 65680, Level: 1}}
)

// adopt puts lists in the place of those of the vault.
func adopt(t testing.TB, db *vault.DB, lists []sensitivity.List, rules []sensitivity.Rule) {
	t.Helper()
	ref := vault.Reference{Kind: "sensitivity", Name: "sensitivity", SHA256: time.Now().String()}
	if _, err := db.PutSensitivity(t.Context(), ref, lists, seq(rules)); err != nil {
		t.Fatal(err)
	}
	book := sensitivity.NewBook(lists, rules)
	var all []vault.Classed
	if err := db.Observations(t.Context(), disclosure.Grant{Who: "test", Reason: "classing"}, vault.ForPublication, func(o *observation.Observation) error {
		r := sensitivity.Result{Level: o.Sensitivity, List: o.SensList}
		if !o.Manual {
			lineage := []taxon.CdNom{o.CdNom}
			if o.CdNom == 900102 { // a subspecies
				lineage = append(lineage, 77756)
			}
			r = book.Evaluate(sensitivity.Facts{Lineage: lineage, Departments: []string{o.Place.Department.Code()}})
		}
		c := vault.ClassOf(o)
		c.Level, c.List = r.Level, r.List
		all = append(all, c)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Reclass(t.Context(), seq(all)); err != nil {
		t.Fatal(err)
	}
	classed(t, db)
}

// everyDay is the options of a publication without batches: what WhatIf compares.
func everyDay(dir string) publish.Options {
	o := options(dir)
	o.Policy.Batch = disclosure.Batch{}
	return o
}

// cells is a policy that shows level 1 in cells of 10 km.
func cells() disclosure.Policy {
	p := everyDay("").Policy
	p.Version, p.Levels[1] = "mailles", []geo.Kind{geo.Cell10, geo.Department}
	return p
}

// TestWhatIfIsWhatPublishingGives publishes before and after each proposal is adopted.
func TestWhatIfIsWhatPublishingGives(t *testing.T) {
	policy := cells()
	nothing := everyDay("").Policy
	nothing.Scale = []disclosure.LevelRule{{Level: 2}}
	for name, p := range map[string]publish.Proposal{
		"nothing":        {},
		"a policy":       {Policy: &policy},
		"a hidden level": {Policy: &nothing},
		"other levels": {Listed: true, Lists: []sensitivity.List{national},
			Rules: []sensitivity.Rule{{List: "9", CdNom: 79273, Level: 4}, {List: "9", CdNom: 65680, Level: sensitivity.Km100}}},
		"a region's list": {Listed: true, Lists: []sensitivity.List{national, regional},
			Rules: append([]sensitivity.Rule{{List: "LR", CdNom: 77756, Level: 3, Department: "34"}}, inForce...)},
		"no list": {Listed: true},
	} {
		t.Run(name, func(t *testing.T) {
			db, dir := fill(t, unclassed()), t.TempDir()
			adopt(t, db, []sensitivity.List{national}, inForce)
			now, err := publish.Run(t.Context(), db, everyDay(dir))
			if err != nil {
				t.Fatal(err)
			}
			d, err := publish.WhatIf(t.Context(), db, everyDay(dir), p, 0)
			if err != nil {
				t.Fatal(err)
			}
			o := everyDay(t.TempDir())
			if p.Policy != nil {
				o.Policy = *p.Policy
			}
			want, known := 0, now.Published
			if p.Listed {
				adopt(t, db, p.Lists, p.Rules)
			}
			if len(p.Rules) > 0 || !p.Listed {
				then, err := publish.Run(t.Context(), db, o)
				if err != nil {
					t.Fatal(err)
				}
				want = then.Published
			} // else nothing can be classed
			if d.Shown != known || d.WouldBe != want || d.Read != len(sights) {
				t.Errorf("%d read, %d shown and %d would be; want %d, %d and %d", d.Read, d.Shown, d.WouldBe, len(sights), known, want)
			}
			if d.Shown-d.Withheld+d.Restored != d.WouldBe {
				t.Errorf("%d − %d + %d is not %d", d.Shown, d.Withheld, d.Restored, d.WouldBe)
			}
			if name == "nothing" && (d.Any() || d.Relevels != 0 || d.TaxaCount != 0 || d.Pages.Species.Count != 0) {
				t.Errorf("proposing nothing changes something: %+v", d)
			}
		})
	}
}

// TestWhatIfEffects: each effect, with its taxa, departments and pages.
func TestWhatIfEffects(t *testing.T) {
	db, dir := fill(t, unclassed()), t.TempDir()
	adopt(t, db, []sensitivity.List{national}, inForce)
	if _, err := publish.Run(t.Context(), db, everyDay(dir)); err != nil {
		t.Fatal(err)
	}
	if err := db.Observations(t.Context(), disclosure.Grant{Who: "DREAL", Reason: "étude d’impact"}, vault.Complete, func(*observation.Observation) error { return nil }); err != nil {
		t.Fatal(err)
	}
	rules := []sensitivity.Rule{
		{List: "9", CdNom: 2657, Level: sensitivity.Km100}, // department → 10 km cell: finer
		{List: "9", CdNom: 60313, Level: 4},                // withheld
		{List: "9", CdNom: 79273, Level: 1},                // coarser, twice
		// 65680 leaves the list: the commune gives way to the mesh
	}
	d, err := publish.WhatIf(t.Context(), db, everyDay(dir), publish.Proposal{Listed: true, Lists: []sensitivity.List{national}, Rules: rules}, 3)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, d)
	if want := (publish.Effects{Finer: 3, Coarser: 2, Withheld: 1}); d.Effects != want {
		t.Errorf("%+v, want %+v", d.Effects, want)
	}
	if len(d.Taxa) != 3 || d.TaxaCount != 4 {
		t.Errorf("%d taxa of %d, want 3 of 4", len(d.Taxa), d.TaxaCount)
	}
	if g := d.Given; len(g.Snapshots) != 1 || g.Snapshots[0].Observations != 3 || g.Snapshots[0].Taxa != 2 || len(g.Readings) != 1 || g.Readings[0].Who != "DREAL" {
		t.Errorf("given: %+v", g)
	}
}

// golden compares the shape of the answer with testdata/whatif.json, but for what changes at each
// run.
func golden(t *testing.T, d *publish.Difference) {
	t.Helper()
	c := *d
	c.Given.Snapshots, c.Given.Readings = slices.Clone(c.Given.Snapshots), slices.Clone(c.Given.Readings)
	for i := range c.Given.Snapshots {
		c.Given.Snapshots[i].ID, c.Given.Snapshots[i].Built = "…", "…"
	}
	for i := range c.Given.Readings {
		c.Given.Readings[i].At = time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC)
	}
	var got bytes.Buffer
	enc := json.NewEncoder(&got)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(c); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "whatif.json")
	if *updateGolden {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// TestWhatIfTogether: a grouping takes the level of its strictest member, and a twin hides its
// other copy, in what would be as in what is.
func TestWhatIfTogether(t *testing.T) {
	list := unclassed()
	for i := range list {
		if list[i].key == "a1" || list[i].key == "b3" {
			list[i].change = func(o *observation.Observation) { o.Grouping = "visite 1" }
		}
	}
	db := fill(t, list)
	adopt(t, db, []sensitivity.List{national}, []sensitivity.Rule{{List: "9", CdNom: 2657, Level: 3}})
	d, err := publish.WhatIf(t.Context(), db, everyDay(""), publish.Proposal{Listed: true, Lists: []sensitivity.List{national},
		Rules: []sensitivity.Rule{{List: "9", CdNom: 2657, Level: 3}, {List: "9", CdNom: 65680, Level: 3}}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if d.Relevels != 2 || d.Coarser != 2 {
		t.Errorf("%d change level, %d coarser; want the listed one and its companion", d.Relevels, d.Coarser)
	}
	if len(d.Given.Snapshots) != 0 {
		t.Errorf("nothing was published: %+v", d.Given.Snapshots)
	}
}

// TestWhatIfManual: what a person decided does not move with the lists.
func TestWhatIfManual(t *testing.T) {
	list := unclassed()
	list[0].change = func(o *observation.Observation) { o.Manual, o.Sensitivity = true, 2 }
	db := fill(t, list)
	p := publish.Proposal{Listed: true, Lists: []sensitivity.List{national}, Rules: []sensitivity.Rule{{List: "9", CdNom: 79273, Level: 4}}}
	d, err := publish.WhatIf(t.Context(), db, everyDay(""), p, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range d.Taxa {
		if x.CdRef == 79273 && x.Withheld != 1 {
			t.Errorf("%+v: want the other lizard alone", x)
		}
	}
}

// TestWhatIfReread: a mapping changes what observations say of themselves.
func TestWhatIfReread(t *testing.T) {
	db := fill(t, unclassed())
	adopt(t, db, []sensitivity.List{national}, inForce)
	d, err := publish.WhatIf(t.Context(), db, everyDay(""), publish.Proposal{Fields: vault.ForClassing, Reread: func(o *observation.Observation) bool {
		if o.CdRef != 77756 {
			return false
		}
		o.Public, o.Diffusion = "Pr", "3"
		return true
	}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if want := (publish.Effects{Coarser: 1}); d.Effects != want || d.Relevels != 0 {
		t.Errorf("%+v, %d relevelled; want one shown at its department", d.Effects, d.Relevels)
	}
	if got := strings.Join(d.Pages.Communes.First, ","); d.Pages.Communes.Count != 1 || got == "" {
		t.Errorf("communes: %+v", d.Pages.Communes)
	}
}

// TestWhatIfWritesNothing: neither the folder of snapshots, nor the vault, but a line of the
// journal.
func TestWhatIfWritesNothing(t *testing.T) {
	db := fill(t, unclassed())
	dir := filepath.Join(t.TempDir(), "atlas")
	before, err := db.Changes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := cells()
	if _, err := publish.WhatIf(t.Context(), db, everyDay(dir), publish.Proposal{Policy: &p}, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("a folder was made: %v", err)
	}
	if after, err := db.Changes(t.Context()); err != nil || after != before {
		t.Errorf("the vault changed: %d, then %d (%v)", before, after, err)
	}
	if all, err := db.Journal(t.Context(), 1); err != nil || len(all) != 1 || all[0].Who != "policy" {
		t.Errorf("journal: %+v, %v", all, err)
	}
	p.Levels[2] = nil
	if _, err := publish.WhatIf(t.Context(), db, everyDay(dir), publish.Proposal{Policy: &p}, 0); !fault.Is(err, fault.Invalid) {
		t.Errorf("a policy without sense: %v", err)
	}
}

// TestRules: what a snapshot says of the policy it was made with.
func TestRules(t *testing.T) {
	db, dir := fill(t, unclassed()), t.TempDir()
	adopt(t, db, []sensitivity.List{national, regional}, append([]sensitivity.Rule{
		{List: "LR", CdNom: 77756, Level: sensitivity.Km400}, {List: "LR", CdNom: 3764, Level: 0}}, inForce...))
	o := options(dir)
	o.Policy.Batch = disclosure.Batch{Every: "month", Minimum: 20}
	o.Policy.Scale = []disclosure.LevelRule{{List: "LR", Level: sensitivity.Km400, Kinds: []geo.Kind{geo.Cell50}}}
	res, err := publish.Run(t.Context(), db, o)
	if err != nil {
		t.Fatal(err)
	}
	a, err := atlas.Open(filepath.Join(dir, res.ID+".gpkg"))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	want := &atlas.Rules{
		Version: "sinp-2016", Mesh: "cell5", Dates: "month", Batch: atlas.RuleBatch{Every: "month", Minimum: 20},
		Kinds: []atlas.RuleKind{{Kind: "cell5", Surface: 25e6}, {Kind: "commune", Surface: 100e6}, {Kind: "cell10", Surface: 100e6},
			{Kind: "department", Surface: 300e6}, {Kind: "cell20", Surface: 400e6}, {Kind: "cell50", Surface: 2500e6}},
		Levels: []atlas.RuleLevel{{Code: "1", Kinds: []string{"commune", "cell10", "department"}}, {Code: "2", Kinds: []string{"cell10", "department"}},
			{Code: "3", Kinds: []string{"department"}}, {Code: "2.5", Kinds: []string{"cell20", "cell50"}}, {Code: "4", Kinds: []string{}},
			{List: "LR", Code: "2.5", Kinds: []string{"cell50"}}},
		Lists: []atlas.RuleList{{ID: "LR", Name: "Languedoc-Roussillon", Version: "2013", Citation: "CSRPN, 2013", Region: "91", Departments: []string{"30", "34"}, Taxa: 1}},
	}
	if diff := cmp.Diff(want, a.Meta().Rules, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Surface" },
		cmp.Comparer(func(x, y float64) bool { return x/y > 0.5 && x/y < 2 }))); diff != "" {
		t.Errorf("rules of the snapshot (-want +got):\n%s", diff)
	}
	told, err := publish.PolicyOf(t.Context(), db, o.Policy)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a.Meta().Rules, told.Rules); diff != "" {
		t.Errorf("the snapshot and the vault do not tell the same policy: %s", diff)
	}
	for _, d := range told.ByDepartment {
		if diff := cmp.Diff(publish.DepartmentLists{Code: d.Code, Name: d.Name, InForce: []string{"LR"}, Replaced: []string{"9"}}, d); diff != "" {
			t.Error(diff)
		}
	}
	if len(told.ByDepartment) != 2 {
		t.Errorf("%d departments", len(told.ByDepartment))
	}
}
