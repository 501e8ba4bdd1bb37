package publish_test

import (
	"context"
	"testing"

	"garrigue/internal/atlas"
	"garrigue/internal/observation"
	"garrigue/internal/publish"
	"garrigue/internal/taxon"
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
