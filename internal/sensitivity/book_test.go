package sensitivity

import (
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"garrigue/internal/civil"
	"garrigue/internal/geo"
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
		{"at equal level the rule without condition", Facts{Lineage: []taxon.CdNom{bat}, Departments: []string{"34"}, Behaviour: "10"}, Result{2, "R", false}},
		{"elsewhere the condition stays", Facts{Lineage: []taxon.CdNom{bat}, Departments: []string{"81"}, Behaviour: "10"}, Result{2, "N", true}},
		{"a region's list instead of the national one", Facts{Lineage: []taxon.CdNom{bat}, Departments: []string{"30"}, Behaviour: "10"}, Result{1, "R", false}},
		{"over the limit of the region both count", Facts{Lineage: []taxon.CdNom{bat}, Departments: []string{"30", "81"}, Behaviour: "10"}, Result{2, "N", true}},
		{"a species the region does not name", Facts{Lineage: []taxon.CdNom{eagle, eagles}, Departments: []string{"34"}, BioStatus: "3"}, Result{}},
		{"department unknown", Facts{Lineage: []taxon.CdNom{bat}, Behaviour: "10"}, Result{2, "R", false}},
		{"behaviour", Facts{Lineage: []taxon.CdNom{bat}, Departments: []string{"11"}, Behaviour: "7"}, Result{3, "R", false}},
		{"behaviour unknown", Facts{Lineage: []taxon.CdNom{bat}, Departments: []string{"11"}}, Result{3, "R", true}},
		{"a region's list stays in its region", Facts{Lineage: []taxon.CdNom{bat}, Departments: []string{"81"}, Behaviour: "7"}, Result{2, "N", true}},
		{"one of the departments is not known", Facts{Lineage: []taxon.CdNom{bat}, Departments: []string{"81", ""}, Behaviour: "7"}, Result{3, "R", false}},
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

// TestEvaluateIsTheStrictest compares with the definition, without index nor order.
func TestEvaluateIsTheStrictest(t *testing.T) {
	code := rapid.SampledFrom([]string{"", "", "3", "4", "0"})
	department := rapid.SampledFrom([]string{"", "34", "30", "81", "2A", "974", "AD"})
	season := rapid.SampledFrom([][2]int16{{}, {}, {301, 731}, {1101, 228}, {701, 0}})
	areas := []geo.AreaKey{geo.AdminKey(geo.Commune, "34172"), geo.AdminKey(geo.Commune, "34001"), geo.AdminKey(geo.WaterBody, "FRDR1")}
	lists := []List{{ID: "N"}, {ID: "R", Region: "91"}, {ID: "O", Region: "76"}, {ID: "A", Region: Apart}}
	members := map[string][]string{"R": {"34", "30"}, "O": {"34", "30", "81"}}
	rapid.Check(t, func(t *rapid.T) {
		rules := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Rule {
			s := season.Draw(t, "season")
			return Rule{List: rapid.SampledFrom([]string{"N", "R", "O", "A", "?"}).Draw(t, "list"), CdNom: taxon.CdNom(rapid.IntRange(1, 5).Draw(t, "cd")),
				Level: rapid.SampledFrom([]Level{0, 1, 2, 3, 4, Km1, Km100, NotShown}).Draw(t, "level"), Department: department.Draw(t, "dep"),
				Area: rapid.SampledFrom(append(areas, 0, 0, 0)).Draw(t, "area"), From: s[0], To: s[1], LifeStage: code.Draw(t, "stage"),
				Years: rapid.SampledFrom([]int{0, 5}).Draw(t, "years"), BioStatus: code.Draw(t, "bio"), Behaviour: code.Draw(t, "behaviour"),
				Condition: rapid.SampledFrom([]string{"", "gîtes"}).Draw(t, "condition")}
		}), 0, 12).Draw(t, "rules")
		f := Facts{Lineage: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) taxon.CdNom { return taxon.CdNom(rapid.IntRange(1, 6).Draw(t, "cd")) }), 0, 4).Draw(t, "lineage"),
			Departments: rapid.SliceOfN(department, 0, 3).Draw(t, "deps"), Areas: rapid.SliceOfN(rapid.SampledFrom(areas), 0, 2).Draw(t, "areas"),
			BioStatus: code.Draw(t, "bio"), Behaviour: code.Draw(t, "behaviour"), LifeStage: code.Draw(t, "stage"),
			Date: civil.Date(rapid.IntRange(0, 4000).Draw(t, "date")), Today: 4000}
		f.Start = f.Date - civil.Date(rapid.SampledFrom([]int{0, 0, 30, 100, 400}).Draw(t, "days"))
		inForce := map[string]bool{}
		for _, r := range rules {
			inForce[r.List] = true
		}
		overridden := func(d string) bool {
			return inForce["R"] && slices.Contains(members["R"], d) || inForce["O"] && slices.Contains(members["O"], d)
		}
		applies := func(r *Rule, d string) bool {
			switch {
			case r.Department != "" && r.Department != d:
				return false
			case r.List == "N":
				return !overridden(d)
			}
			return members[r.List] == nil || r.Department != "" || slices.Contains(members[r.List], d)
		}
		somewhere := func(r *Rule, in []string) bool {
			if len(in) == 0 || slices.Contains(in, "") {
				return r.List != "N" || r.Department == "" || !overridden(r.Department)
			}
			return slices.ContainsFunc(in, func(d string) bool { return applies(r, d) })
		}
		rank := 0
		plain := false // some rule of that rank asks for no review
		for _, r := range rules {
			if r.Level > 0 && slices.Contains(f.Lineage, r.CdNom) && somewhere(&r, f.Departments) && r.fits(&f) {
				switch x := r.Level.Rank(); {
				case x > rank:
					rank, plain = x, !r.review(&f)
				case x == rank:
					plain = plain || !r.review(&f)
				}
			}
		}
		book := NewBook(lists, rules)
		got := book.Evaluate(f)
		if got.Level.Rank() != rank || rank > 0 && got.Review == plain || (got.List == "") != (rank == 0) {
			t.Fatalf("%+v, want rank %d, plain %v", got, rank, plain)
		}
		// Knowing less never lowers the level.
		if l := book.Evaluate(Facts{Lineage: f.Lineage, Start: civil.NoDate, Date: civil.NoDate}).Level; l.Rank() < rank {
			t.Fatalf("knowing nothing gives %v, below %v", l, got.Level)
		}
		more := f
		more.Departments = append(slices.Clone(f.Departments), department.Draw(t, "more"))
		if l := book.Evaluate(more).Level; len(f.Departments) > 0 && l.Rank() < rank {
			t.Fatalf("over %v %v, over %v %v", f.Departments, got.Level, more.Departments, l)
		}
		if book.Uniform(f.Lineage) {
			if more.Areas = nil; book.Evaluate(more) != got {
				t.Fatalf("not the same everywhere: %+v and %+v", got, book.Evaluate(more))
			}
		}
		upside := book.Ranked(func(_ string, l Level) int { return 20 - l.Rank() })
		if low := upside.Evaluate(f).Level; rank > 0 && low.Rank() > rank || (low == 0) != (rank == 0) {
			t.Fatalf("in the other order %v, above %v", low, got.Level)
		}
	})
}

func TestSeason(t *testing.T) {
	for _, c := range []struct {
		from, to   int16
		start, end string
		want       bool
	}{
		{301, 731, "2024-03-01", "2024-03-01", true},
		{301, 731, "2024-02-29", "2024-02-29", false},
		{301, 731, "2024-08-01", "2024-12-31", false},
		{301, 731, "2024-01-01", "2024-12-31", true}, // the year alone is known
		{301, 731, "2024-02-01", "2024-03-01", true},
		{1101, 228, "2024-10-31", "2024-10-31", false},
		{1101, 228, "2024-11-01", "2024-11-01", true},
		{1101, 228, "2024-01-15", "2024-01-15", true},
		{1101, 228, "2024-02-29", "2024-02-29", false},
		{1101, 228, "2024-03-01", "2024-10-31", false},
		{1101, 228, "2024-03-01", "2024-11-01", true},
		{301, 331, "2023-12-20", "2024-01-05", false},
		{101, 105, "2023-12-20", "2024-01-05", true},
		{1225, 1226, "2023-12-20", "2024-01-05", true},
		{301, 331, "2020-12-20", "2024-01-05", true},
		{701, 0, "2024-06-30", "2024-06-30", false},
		{0, 630, "2024-06-30", "2024-07-02", true},
		{301, 331, "", "2024-01-05", true},
		{301, 331, "2024-01-05", "", true},
	} {
		b := NewBook(nil, []Rule{{List: "L", CdNom: 1, Level: 1, From: c.from, To: c.to}})
		f := Facts{Lineage: []taxon.CdNom{1}, Start: civil.NoDate, Date: civil.NoDate}
		if c.start != "" {
			f.Start = day(t, c.start)
		}
		if c.end != "" {
			f.Date = day(t, c.end)
		}
		if got := b.Evaluate(f).Level == 1; got != c.want {
			t.Errorf("%d to %d, seen from %q to %q: %v", c.from, c.to, c.start, c.end, got)
		}
	}
}

func TestConditionsOfAPlace(t *testing.T) {
	commune, other, marsh := geo.AdminKey(geo.Commune, "34172"), geo.AdminKey(geo.Commune, "34001"), geo.AdminKey(geo.NaturalArea, "FR1")
	b := NewBook([]List{{ID: "N"}, {ID: "EMPTY", Region: "91"}}, []Rule{
		{List: "N", CdNom: 1, Level: 3, Area: commune},
		{List: "N", CdNom: 2, Level: 2, Area: marsh},
		{List: "N", CdNom: 3, Level: 2, LifeStage: "9"},
		{List: "N", CdNom: 4, Level: 2},
		{List: "N", CdNom: 5, Level: 2, Department: "20"},
	})
	for _, c := range []struct {
		name  string
		facts Facts
		want  Result
	}{
		{"in the commune", Facts{Lineage: []taxon.CdNom{1}, Areas: []geo.AreaKey{other, commune}}, Result{3, "N", false}},
		{"in another", Facts{Lineage: []taxon.CdNom{1}, Areas: []geo.AreaKey{other}}, Result{}},
		{"in no known commune", Facts{Lineage: []taxon.CdNom{1}, Areas: []geo.AreaKey{marsh}}, Result{3, "N", true}},
		{"a zone without an outline", Facts{Lineage: []taxon.CdNom{2}, Areas: []geo.AreaKey{commune}}, Result{2, "N", true}},
		{"eggs", Facts{Lineage: []taxon.CdNom{3}, LifeStage: "9"}, Result{2, "N", false}},
		{"adults", Facts{Lineage: []taxon.CdNom{3}, LifeStage: "2"}, Result{}},
		{"of no known stage", Facts{Lineage: []taxon.CdNom{3}, LifeStage: "1"}, Result{2, "N", true}},
		{"a region's list without rules overrides nothing", Facts{Lineage: []taxon.CdNom{4}, Departments: []string{"34"}}, Result{2, "N", false}},
		{"both Corsicas", Facts{Lineage: []taxon.CdNom{5}, Departments: []string{"2B"}}, Result{2, "N", false}},
		{"not the mainland", Facts{Lineage: []taxon.CdNom{5}, Departments: []string{"34"}}, Result{}},
	} {
		if got := b.Evaluate(c.facts); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	for cd, want := range map[taxon.CdNom]bool{1: false, 3: true, 4: true, 5: false, 99: true} {
		if got := b.Uniform([]taxon.CdNom{98, cd}); got != want {
			t.Errorf("Uniform(%d) = %v", cd, got)
		}
	}
}

// TestRegions: each department of metropolitan France is in one region of before 2016 and in one
// since, and codes are told apart.
func TestRegions(t *testing.T) {
	old := []string{"11", "21", "22", "23", "24", "25", "26", "31", "41", "42", "43", "52", "53", "54", "72", "73", "74", "82", "83", "91", "93", "94"}
	since := []string{"11", "24", "27", "28", "32", "44", "52", "53", "75", "76", "84", "93", "94"}
	all := set{}
	for _, codes := range [][]string{old, since} {
		seen, n := set{}, 0
		for _, r := range codes {
			s := regionSet(r)
			if s.empty() || !s.and(seen).empty() {
				t.Errorf("region %s is empty or overlaps another", r)
			}
			seen = seen.or(s)
			n += len(strings.Fields(regions[r]))
		}
		if n != 96 {
			t.Errorf("%d departments", n)
		}
		if !all.empty() && all != seen {
			t.Error("regions of before and since have not the same departments")
		}
		all = seen
	}
	if old76, lr := regionSet("76"), regionSet("91").or(regionSet("73")); old76 != lr {
		t.Error("Occitanie is Languedoc-Roussillon and Midi-Pyrénées")
	}
	distinct := map[set]string{}
	for _, code := range append(strings.Fields(regions["11"]+" "+regions["94"]), "971", "978", "988", "01", "95") {
		s := departmentSet(code)
		if was, twice := distinct[s]; s.empty() || twice && was != code {
			t.Errorf("department %s is %v, as %s", code, s, was)
		}
		distinct[s] = code
	}
	for _, code := range []string{"", "0", "00", "96", "99", "2C", "7A", "9A1", "961", "AD", "034"} {
		if !departmentSet(code).empty() {
			t.Errorf("%q is a department", code)
		}
	}
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
		f := Facts{Start: 19_000, Date: 19_000, Lineage: []taxon.CdNom{cd, 200_001, 300_002, 185_000, 185_100, 185_200, 185_300, 185_400, 183_716}, Departments: []string{"34"}, Today: 20_000}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				book.Evaluate(f)
			}
		})
	}
}
