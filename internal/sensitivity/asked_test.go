package sensitivity

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"garrigue/internal/civil"
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

func TestAreasAndDated(t *testing.T) {
	marsh, bog := geo.AdminKey(geo.Commune, "34001"), geo.CellKey(geo.Cell10, 700, 6250)
	b := NewBook(nil, []Rule{
		{List: "L", CdNom: 1, Level: 1, Area: marsh}, {List: "L", CdNom: 1, Level: 2, Area: bog}, {List: "L", CdNom: 1, Level: 1, Area: bog, BioStatus: "3"},
		{List: "L", CdNom: 2, Level: 1, From: 1101, To: 228}, {List: "L", CdNom: 3, Level: 1, Years: 10}, {List: "L", CdNom: 4, Level: 1},
	})
	got := b.Areas([]taxon.CdNom{9, 1, 4})
	if len(got) != 2 || !slices.Contains(got, marsh) || !slices.Contains(got, bog) || b.Areas([]taxon.CdNom{2, 9}) != nil {
		t.Errorf("areas %v", got)
	}
	for cd, want := range map[taxon.CdNom]bool{1: false, 2: true, 3: true, 4: false, 9: false} {
		if b.Dated([]taxon.CdNom{9, cd}) != want {
			t.Errorf("taxon %d: dated %v", cd, !want)
		}
	}
}

// TestEnds: until the day it gives, no answer changes with the day; on that day one may.
func TestEnds(t *testing.T) {
	changed := 0
	rapid.Check(t, func(t *rapid.T) {
		var rules []Rule
		for range rapid.IntRange(0, 4).Draw(t, "rules") {
			rules = append(rules, Rule{List: "L", CdNom: taxon.CdNom(rapid.IntRange(1, 3).Draw(t, "taxon")), Level: Level(rapid.IntRange(1, 3).Draw(t, "level")),
				Years: rapid.IntRange(0, 3).Draw(t, "years")})
		}
		b, lineage := NewBook(nil, rules), []taxon.CdNom{1, 2}
		from := civil.Date(rapid.IntRange(19_000, 19_800).Draw(t, "from")) // with a leap day
		today := civil.Date(rapid.IntRange(19_000, 20_500).Draw(t, "today"))
		at := func(day civil.Date) Result {
			return b.Evaluate(Facts{Lineage: lineage, Start: from, Date: from, Today: day})
		}
		ends, before := b.Ends(lineage, from, today), at(today)
		last := today + 2000
		if ends != civil.NoDate {
			if last = ends - 1; ends <= today {
				t.Fatalf("ends on %s, today is %s", ends, today)
			}
			if at(ends) != before {
				changed++
			}
		}
		for day := today; day <= last; day++ {
			if now := at(day); now != before {
				t.Fatalf("%v on %s, %v on %s, said to end on %s", before, today, now, day, ends)
			}
		}
		if lasts := slices.ContainsFunc(rules, func(r Rule) bool { return r.Years > 0 && r.CdNom < 3 }); lasts != b.Lasting(lineage) || !lasts && ends != civil.NoDate {
			t.Fatalf("lasting: %v, ends on %s", !lasts, ends)
		}
		if b.Ends(lineage, civil.NoDate, today) != civil.NoDate {
			t.Fatal("without a date nothing ends")
		}
	})
	if changed == 0 {
		t.Error("no answer changed on the day given")
	}
}
