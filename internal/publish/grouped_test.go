package publish_test

import (
	"context"
	"testing"

	"garrigue/internal/atlas"
	"garrigue/internal/observation"
	"garrigue/internal/publish"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// TestGroupings: all that was seen together is shown as coarsely as its most sensitive part.
func TestGroupings(t *testing.T) {
	in := func(name string, more func(*observation.Observation)) func(*observation.Observation) {
		return func(o *observation.Observation) {
			if o.Grouping = name; more != nil {
				more(o)
			}
		}
	}
	manual := func(o *observation.Observation) { o.Manual = true }
	db := fill(t, []sight{
		{"s1", 2657, 705050, 6311111, "2025-02-16", 3, in("nid", nil)},
		{"p1", 79273, 701234, 6302345, "2025-02-16", 0, in("nid", nil)},    // beside a nest
		{"p2", 77756, 716001, 6303999, "2025-02-16", 0, in("nid", manual)}, // a person judged it plain
		{"s2", 2657, 705050, 6311111, "2024-02-16", 4, in("secret", nil)},
		{"p3", 60313, 704321, 6304321, "2024-02-16", 0, in("secret", nil)}, // beside what is not shown
		{"s3", 2657, 705050, 6311111, "2023-02-16", 3, in("doute", func(o *observation.Observation) { o.Validation = observation.Doubtful })},
		{"p4", 65680, 712345, 6312345, "2023-02-16", 0, in("doute", nil)}, // beside what is not shown for another reason
		{"s5", 3764, 704321, 6304321, "2022-02-16", 0, in("dit", func(o *observation.Observation) { o.StatedLevel = 2 })},
		{"p5", 900102, 727000, 6317000, "2022-02-16", 0, in("dit", nil)}, // beside what its producer states
	})
	dir := t.TempDir()
	res, err := publish.Run(context.Background(), db, options(dir))
	if err != nil {
		t.Fatal(err)
	}
	if res.Withheld["sensitive"] != 2 || res.Withheld["validation"] != 1 || res.Published != 6 {
		t.Errorf("published %d, withheld %v", res.Published, res.Withheld)
	}
	s, err := atlas.OpenStore(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a, release := s.Acquire()
	defer release()
	for cd, want := range map[taxon.CdRef]string{79273: "department:34", 77756: "department:34", 65680: "", 3764: "cell10:10kmL93E070N630", 900102: "cell10:10kmL93E072N631"} {
		sh, err := a.Taxon(context.Background(), cd)
		if err != nil {
			t.Errorf("%d: %v", cd, err)
			continue
		}
		got := ""
		if len(sh.Coarse) > 0 {
			got = sh.Coarse[0].Area.String()
		}
		if got != want || (want == "") != (len(sh.Cells) == 1) {
			t.Errorf("%d: cells %v, coarse %v; want %q", cd, sh.Cells, sh.Coarse, want)
		}
	}
	if _, err := a.Taxon(context.Background(), 60313); err == nil {
		t.Error("shown beside what must not be seen")
	}
}

// TestGroupingOfTwins: what lists ask where a hidden twin lies is not told by what was seen beside it: the one that is shown instead says
// the region only.
func TestGroupingOfTwins(t *testing.T) {
	ctx := context.Background()
	together := func(o *observation.Observation) { o.Grouping = "sortie" }
	for _, c := range []struct {
		name  string
		x, y  float64
		level sensitivity.Level // that the list asks for there
		first bool              // the one that was seen beside it is taken for the one shown; else it may be it
	}{{"by cells", 705050, 6311111, 2, true}, {"by departments", 725050, 6311111, 3, true}, {"perhaps, by cells", 705050, 6311111, 2, false},
		{"perhaps, by departments", 725050, 6311111, 3, false}} {
		seen := sight{"s1", 65680, c.x, c.y, "2023-07-16", c.level, together}
		list := []sight{seen, {"p1", 79273, 712345, 6312345, "2023-07-16", 0, together}}
		if !c.first { // one more of that day, before it: the twin of the one is not that of the other
			other := seen
			other.key, other.x, other.change = "s0", c.x+1500, nil
			list = append([]sight{other}, list...)
		}
		db := fill(t, list)
		_, err := db.PutSensitivity(ctx, vault.Reference{Kind: "sensitivity", Name: "sensitivity", Version: "v18", SHA256: "other"}, []sensitivity.List{{ID: "9", Name: "essai"}},
			seq([]sensitivity.Rule{{List: "9", CdNom: 65680, Level: 2, Department: "34"}, {List: "9", CdNom: 65680, Level: 3, Department: "30"}}))
		if err != nil {
			t.Fatal(err)
		}
		seen.change = func(o *observation.Observation) { // known by its department, which is too fine for the level its producer states
			o.Blurring, o.StatedLevel, o.SensList = "OUI", sensitivity.Km25, "9"
			o.Place = observation.Place{Georeference: observation.ByDepartment, Attached: o.Place.Department, Department: o.Place.Department,
				AltitudeMin: observation.NoAltitude, AltitudeMax: observation.NoAltitude}
		}
		bring(t, db, "autre", []sight{seen})
		classed(t, db)
		dir := t.TempDir()
		for seed := uint64(1); seed <= 6; seed++ {
			o := options(dir)
			o.Seed = seed
			if _, err := publish.Run(ctx, db, o); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
		s, err := atlas.OpenStore(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		a, release := s.Acquire()
		for cd, want := range map[taxon.CdRef]string{65680: "region:76", 79273: "department:34"} {
			if sh, err := a.Taxon(ctx, cd); err != nil || len(sh.Coarse) != 1 || sh.Coarse[0].Area.String() != want {
				t.Errorf("%s: %d: %+v, %v; want %s", c.name, cd, sh.Coarse, err, want)
			}
		}
		release()
		s.Close()
	}
}
