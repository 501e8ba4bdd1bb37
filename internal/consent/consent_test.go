package consent

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"garrigue/internal/civil"
)

func day(y, m, d int) civil.Date {
	v, _ := civil.Make(y, m, d)
	return v
}

func TestPeople(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                  nil,
		"DUPONT Jean":                       {"dupont jean"},
		"Jean Dupont (LPO 34), MARTIN Ânne": {"anne martin", "dupont jean"},
		"Martin Anne; DUPONT Jean":          {"anne martin", "dupont jean"},
		"Dupont Jean et Martin Anne":        {"anne martin", "dupont jean"},
		"Dupont Jean & Dupont Jean":         {"dupont jean"},
		"Inconnu, NSP, anonyme, N.A.":       nil,
		"N/A":                               nil,
		"J. DUPONT-MARTIN":                  {"dupont j martin"},
		"(CBN (Méd.))":                      nil,
		" , ;":                              nil,
	} {
		if diff := cmp.Diff(want, People(text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func choice(id int64, who string, p Precision, on civil.Date, s Scope) Choice {
	return Choice{ID: id, Explicit: who != "", Observer: who, Upto: p, Date: on, Scope: s}
}

func TestFor(t *testing.T) {
	d19, d20 := day(2019, 6, 1), day(2020, 6, 1)
	faune := Scope{Source: "Faune"}
	cases := []struct {
		name    string
		choices []Choice
		facts   Facts
		want    Verdict
	}{
		{"nothing was ever said", nil, Facts{Observers: "A B"}, Verdict{}},
		{"explicit beats default", []Choice{choice(1, "", Cell, d20, faune), choice(2, "A B", Precise, d19, faune)},
			Facts{Observers: "B A", Source: "faune"}, Verdict{Precision: Precise}},
		{"no answer, the source's default", []Choice{choice(1, "", Cell, d20, faune)}, Facts{Observers: "C D", Source: "Faune"}, Verdict{Cell, true}},
		{"no default elsewhere", []Choice{choice(1, "", Cell, d20, faune)}, Facts{Observers: "C D", Source: "GeoNature"}, Verdict{}},
		{"later beats earlier", []Choice{choice(2, "A B", Commune, d20, Scope{}), choice(1, "A B", Refused, d19, Scope{})},
			Facts{Observers: "A B"}, Verdict{Precision: Commune}},
		{"of one day, the last written down", []Choice{choice(1, "A B", Commune, d20, Scope{}), choice(2, "A B", Cell, d20, Scope{})},
			Facts{Observers: "A B"}, Verdict{Precision: Cell}},
		{"several observers: the most restrictive", []Choice{choice(1, "A B", Precise, d20, Scope{}), choice(2, "C D", Department, d19, Scope{})},
			Facts{Observers: "C D, A B"}, Verdict{Precision: Department}},
		{"a silent companion", []Choice{choice(1, "A B", Precise, d20, Scope{}), choice(2, "", Cell, d20, Scope{})},
			Facts{Observers: "A B, E F"}, Verdict{Precision: Precise}},
		{"out of the years", []Choice{choice(1, "A B", Refused, d20, Scope{From: 2019, To: 2019})},
			Facts{Observers: "A B", Start: d20, End: d20}, Verdict{}},
		{"perhaps in the years", []Choice{choice(1, "A B", Refused, d20, Scope{From: 2019, To: 2019})},
			Facts{Observers: "A B", Start: d19, End: d20}, Verdict{Precision: Refused}},
		{"a later default", []Choice{choice(1, "", Precise, d19, faune), choice(2, "", Cell, d20, faune)}, Facts{Source: "Faune"}, Verdict{Cell, true}},
		{"a narrower default", []Choice{choice(1, "", Department, d19, Scope{Dataset: "Hérons"}), choice(2, "", Cell, d20, faune)},
			Facts{Source: "Faune", Dataset: "hérons"}, Verdict{Department, true}},
		{"a dataset by its UUID", []Choice{choice(1, "A B", Commune, d19, Scope{Dataset: "AA-1"})},
			Facts{Observers: "A B", Dataset: "x", DatasetUUID: "aa-1"}, Verdict{Precision: Commune}},
		{"a precision that is none", []Choice{choice(1, "A B", "9", d19, Scope{})}, Facts{Observers: "A B"}, Verdict{Precision: Refused}},
		{"standard is less than precise", []Choice{choice(1, "A B", Precise, d19, Scope{}), choice(2, "C D", Standard, d19, Scope{})},
			Facts{Observers: "A B, C D"}, Verdict{Precision: Standard}},
	}
	for _, c := range cases {
		for range 5 { // in whatever order they were written down
			rand.Shuffle(len(c.choices), func(i, j int) { c.choices[i], c.choices[j] = c.choices[j], c.choices[i] })
			if got := NewLedger(c.choices).For(c.facts); got != c.want {
				t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
			}
		}
	}
	if !(*Ledger)(nil).Empty() || (*Ledger)(nil).For(Facts{Observers: "A"}) != (Verdict{}) {
		t.Error("a nil ledger says something")
	}
}

// TestCoarsest: adding an observer who answered never makes the answer finer, and the order
// of the names never matters.
func TestCoarsest(t *testing.T) {
	codes := []Precision{Standard, Commune, Cell, Department, Refused, Precise}
	rapid.Check(t, func(t *rapid.T) {
		var list []Choice
		for i := range 6 {
			for n := range rapid.IntRange(0, 2).Draw(t, "answers") {
				list = append(list, choice(int64(len(list)), fmt.Sprint("Nom", i), rapid.SampledFrom(codes).Draw(t, "code"), day(2019+n, 1, 1), Scope{}))
			}
		}
		l := NewLedger(list)
		names := rapid.SliceOfNDistinct(rapid.IntRange(0, 5), 1, 5, rapid.ID).Draw(t, "observers")
		text := func(n []int) (s string) {
			for _, i := range n {
				s += fmt.Sprintf("NOM%d, ", i)
			}
			return s
		}
		all := l.For(Facts{Observers: text(names)})
		turned := slices.Clone(names)
		slices.Reverse(turned)
		if got := l.For(Facts{Observers: text(turned)}); got != all {
			t.Fatalf("order matters: %v, %v", all, got)
		}
		for i := range names {
			one := l.For(Facts{Observers: text(names[i : i+1])})
			if one.Precision != "" && one.Precision.coarser(all.Precision) {
				t.Fatalf("one asks for %s, all get %s", one.Precision, all.Precision)
			}
		}
	})
}

// TestSurvey is the survey of 2019–2020 among observers of the Faune portals as the minutes
// of the regional committee tell it (SINP Occitanie, June 2020, 1.1): the clause for those who
// did not answer was changed from the named place to the 10 km cell, and the first delivery,
// of 2019, held 324,000 precise data, 59,000 at the commune and 494,000 at the cell. The
// minutes give no number of observers; here each is a thousand of data, and those at the cell
// are the ones who did not answer.
func TestSurvey(t *testing.T) {
	type datum struct{ observer string }
	var data []datum
	var answers []Choice
	people := 0
	add := func(thousands int, answer Precision) {
		for range thousands {
			people++
			name := fmt.Sprintf("OBSERVATEUR Fictif%d", people)
			data = append(data, datum{name})
			if answer != "" {
				answers = append(answers, choice(int64(people), name, answer, day(2020, 3, 1), Scope{Source: "faune"}))
			}
		}
	}
	add(324, Precise)
	add(59, Commune)
	add(494, "")
	count := func(clauses ...Choice) map[Verdict]int {
		l, n := NewLedger(append(slices.Clone(answers), clauses...)), map[Verdict]int{}
		for _, d := range data {
			n[l.For(Facts{Observers: d.observer, Source: "Faune", Start: day(2019, 5, 1), End: day(2019, 5, 1)})]++
		}
		return n
	}
	first := choice(10_000, "", Precise, day(2020, 2, 1), Scope{Source: "faune"})
	changed := choice(10_001, "", Cell, day(2020, 6, 1), Scope{Source: "faune"})
	if diff := cmp.Diff(map[Verdict]int{{Precision: Precise}: 324, {Commune, false}: 59, {Precise, true}: 494}, count(first)); diff != "" {
		t.Error("first clause: " + diff)
	}
	if diff := cmp.Diff(map[Verdict]int{{Precision: Precise}: 324, {Commune, false}: 59, {Cell, true}: 494}, count(first, changed)); diff != "" {
		t.Error("changed clause: " + diff)
	}
}

func FuzzPeople(f *testing.F) {
	for _, s := range []string{"DUPONT Jean (LPO), Martin et fils", "((", "et et", "é,É", "\x00,a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := People(s)
		if !slices.IsSorted(got) || slices.Contains(got, "") {
			t.Errorf("%q: %q", s, got)
		}
	})
}
