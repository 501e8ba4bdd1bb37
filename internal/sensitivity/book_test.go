package sensitivity

import (
	"errors"
	"iter"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"garrigue/internal/civil"
	"garrigue/internal/taxon"
)

func day(t testing.TB, s string) civil.Date {
	t.Helper()
	d, ok := civil.Parse(s)
	if !ok {
		t.Fatalf("bad date %q", s)
	}
	return d
}

const (
	eagle, eagles, bat, orchid, viper = 10, 1, 20, 30, 40
)

func testBook() *Book {
	return NewBook([]List{{ID: "N", Name: "nationale"}, {ID: "R", Region: "91"}}, []Rule{
		{List: "N", CdNom: eagles, Level: 1},
		{List: "N", CdNom: eagle, Level: 3, BioStatus: "3"},
		{List: "R", CdNom: eagle, Level: 0}, // cancels nothing
		{List: "N", CdNom: bat, Level: 2, Condition: "gîtes uniquement"},
		{List: "R", CdNom: bat, Level: 2, Department: "34"},
		{List: "R", CdNom: bat, Level: 1, Department: "30"},
		{List: "R", CdNom: bat, Level: 3, Behaviour: "7"},
		{List: "R", CdNom: orchid, Level: 2, Years: 20},
		{List: "R", CdNom: viper, Level: 7}, // beyond the scale: as high as it goes
		{List: "N", CdNom: 50_000_000, Level: 1},
		{List: "N", CdNom: -5, Level: 2},
	})
}

func TestEvaluate(t *testing.T) {
	b := testBook()
	today := day(t, "2026-11-21")
	for _, c := range []struct {
		name  string
		facts Facts
		want  Result
	}{
		{"no rule", Facts{Lineage: []taxon.CdNom{99, 98}}, Result{}},
		{"nothing known", Facts{}, Result{}},
		{"by an ancestor", Facts{Lineage: []taxon.CdNom{11, eagles}, BioStatus: "9"}, Result{1, "N", false}},
		{"the highest of species and ancestor", Facts{Lineage: []taxon.CdNom{eagle, eagles}, BioStatus: "3"}, Result{3, "N", false}},
		{"another status", Facts{Lineage: []taxon.CdNom{eagle, eagles}, BioStatus: "9"}, Result{1, "N", false}},
		{"no status: precaution, to review", Facts{Lineage: []taxon.CdNom{eagle, eagles}}, Result{3, "N", true}},
		{"status not determined", Facts{Lineage: []taxon.CdNom{eagle, eagles}, BioStatus: "2"}, Result{3, "N", true}},
		{"at equal level the rule without condition", Facts{Lineage: []taxon.CdNom{bat}, Department: "34", Behaviour: "10"}, Result{2, "R", false}},
		{"elsewhere the condition stays", Facts{Lineage: []taxon.CdNom{bat}, Department: "30", Behaviour: "10"}, Result{2, "N", true}},
		{"department unknown", Facts{Lineage: []taxon.CdNom{bat}, Behaviour: "10"}, Result{2, "R", false}},
		{"behaviour", Facts{Lineage: []taxon.CdNom{bat}, Department: "81", Behaviour: "7"}, Result{3, "R", false}},
		{"behaviour unknown", Facts{Lineage: []taxon.CdNom{bat}, Department: "81"}, Result{3, "R", true}},
		{"20 years less a day", Facts{Lineage: []taxon.CdNom{orchid}, Date: day(t, "2006-11-22")}, Result{2, "R", false}},
		{"20 years to the day", Facts{Lineage: []taxon.CdNom{orchid}, Date: day(t, "2006-11-21")}, Result{}},
		{"no date", Facts{Lineage: []taxon.CdNom{orchid}, Date: civil.NoDate}, Result{2, "R", false}},
		{"beyond level 4", Facts{Lineage: []taxon.CdNom{viper}}, Result{4, "R", false}},
		{"a code of a platform", Facts{Lineage: []taxon.CdNom{50_000_000}}, Result{1, "N", false}},
		{"a negative code", Facts{Lineage: []taxon.CdNom{-5}}, Result{2, "N", false}},
	} {
		c.facts.Today = today
		if got := b.Evaluate(c.facts); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	if !b.Names(5, eagles) || b.Names(5) || b.Names() || !b.Names(-5) {
		t.Error("Names is wrong")
	}
	if l, ok := b.List("R"); !ok || l.Region != "91" {
		t.Errorf("List(R) = %+v, %v", l, ok)
	}
}

func TestLeapDay(t *testing.T) {
	b := NewBook(nil, []Rule{{List: "L", CdNom: 1, Level: 1, Years: 1}})
	f := Facts{Lineage: []taxon.CdNom{1}, Date: day(t, "2024-02-29"), Today: day(t, "2025-02-28")}
	if b.Evaluate(f).Level != 1 {
		t.Error("29 February 2024 is older than a year on 28 February 2025")
	}
	f.Today = day(t, "2025-03-01")
	if b.Evaluate(f).Level != 0 {
		t.Error("29 February 2024 is younger than a year on 1 March 2025")
	}
}

// TestEvaluateIsTheHighest compares with the definition, without index nor order.
func TestEvaluateIsTheHighest(t *testing.T) {
	code := rapid.SampledFrom([]string{"", "", "3", "4", "0"})
	rapid.Check(t, func(t *rapid.T) {
		rules := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Rule {
			return Rule{List: rapid.SampledFrom([]string{"A", "B"}).Draw(t, "list"), CdNom: taxon.CdNom(rapid.IntRange(1, 5).Draw(t, "cd")),
				Level: Level(rapid.IntRange(0, 4).Draw(t, "level")), Department: rapid.SampledFrom([]string{"", "34", "30"}).Draw(t, "dep"),
				Years: rapid.SampledFrom([]int{0, 5}).Draw(t, "years"), BioStatus: code.Draw(t, "bio"), Behaviour: code.Draw(t, "behaviour"),
				Condition: rapid.SampledFrom([]string{"", "gîtes"}).Draw(t, "condition")}
		}), 0, 12).Draw(t, "rules")
		f := Facts{Lineage: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) taxon.CdNom { return taxon.CdNom(rapid.IntRange(1, 6).Draw(t, "cd")) }), 0, 4).Draw(t, "lineage"),
			Department: rapid.SampledFrom([]string{"", "34", "81"}).Draw(t, "dep"), BioStatus: code.Draw(t, "bio"), Behaviour: code.Draw(t, "behaviour"),
			Date: civil.Date(rapid.IntRange(0, 4000).Draw(t, "date")), Today: 4000}
		var level Level
		plain := false // some rule of that level asks for no review
		for _, r := range rules {
			if r.Level > 0 && slices.Contains(f.Lineage, r.CdNom) && r.fits(&f) {
				review := r.Condition != "" || r.BioStatus != "" && unknownBioStatus(f.BioStatus) || r.Behaviour != "" && unknownBehaviour(f.Behaviour)
				switch {
				case r.Level > level:
					level, plain = r.Level, !review
				case r.Level == level:
					plain = plain || !review
				}
			}
		}
		got := NewBook(nil, rules).Evaluate(f)
		if got.Level != level || level > 0 && got.Review == plain || (got.List == "") != (level == 0) {
			t.Fatalf("%+v, want level %d, plain %v", got, level, plain)
		}
		// Knowing less never lowers the level.
		less := f
		less.Department, less.BioStatus, less.Behaviour, less.Date = "", "", "", civil.NoDate
		if l := NewBook(nil, rules).Evaluate(less).Level; l < level {
			t.Fatalf("knowing nothing gives %d, below %d", l, level)
		}
	})
}

func names(list ...taxon.Name) iter.Seq2[taxon.Name, error] {
	return func(yield func(taxon.Name, error) bool) {
		for _, n := range list {
			if !yield(n, nil) {
				return
			}
		}
	}
}

func TestForTaxa(t *testing.T) {
	tx, err := taxon.NewTaxonomy(names(taxon.Name{CdNom: 1, CdRef: 1, Rank: taxon.Species, ScientificName: "Aquila fasciata"},
		taxon.Name{CdNom: 2, CdRef: 1, Rank: taxon.Species, ScientificName: "Hieraaetus fasciatus"}),
		[]taxon.Withdrawn{{CdNom: 3, Replacement: 2}})
	if err != nil {
		t.Fatal(err)
	}
	rules := []Rule{{CdNom: 2, Level: 3, List: "L"}, {CdNom: 3, Level: 2, List: "L"}, {CdNom: 1, Level: 1, List: "L"}, {CdNom: 9, Level: 1, List: "L"}}
	got := ForTaxa(rules, tx)
	if len(got) != 6 || got[4].CdNom != 1 || got[4].Level != 3 || got[5].CdNom != 1 {
		t.Fatalf("%+v", got)
	}
	if r := NewBook(nil, got).Evaluate(Facts{Lineage: tx.Lineage(1)}); r.Level != 3 {
		t.Errorf("the rule of a synonym is lost: %+v", r)
	}
	if _, err := taxon.NewTaxonomy(func(yield func(taxon.Name, error) bool) { yield(taxon.Name{}, errors.New("disk")) }, nil); err == nil {
		t.Error("an error of the names is lost")
	}
}

func BenchmarkEvaluate(b *testing.B) {
	var rules []Rule
	for i := range 15_000 {
		rules = append(rules, Rule{List: "L", CdNom: taxon.CdNom(60_000 + i/6*7), Level: Level(1 + i%3), Department: [...]string{"09", "34", "30", "48", "66", "81"}[i%6]})
	}
	book := NewBook(nil, rules)
	for name, cd := range map[string]taxon.CdNom{"no-rule": 60_001, "six-rules": 60_007} {
		f := Facts{Lineage: []taxon.CdNom{cd, 200_001, 300_002, 185_000, 185_100, 185_200, 185_300, 185_400, 183_716}, Department: "34", Today: 20_000}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				book.Evaluate(f)
			}
		})
	}
}
