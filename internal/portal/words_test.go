package portal

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"garrigue/internal/atlas"
	"garrigue/internal/geo"
	"garrigue/internal/i18n"
	"garrigue/internal/taxon"
)

func TestTypography(t *testing.T) {
	for in, want := range map[string]string{
		"Qui vit ici ?":       "Qui vit ici\u202f?",
		"dit « l'eau » ; oui": "dit «\u202fl’eau\u202f»\u202f; oui",
		"100 %":               "100\u202f%",
		"d'Europe":            "d’Europe",
		"10:30":               "10:30",
		"rien":                "rien",
	} {
		if got := typography(i18n.FR, in); got != want {
			t.Errorf("typography(%q) = %q, want %q", in, got, want)
		}
	}
	if typography(i18n.EN, "What ?") != "What ?" {
		t.Error("English keeps its own")
	}
}

func TestDates(t *testing.T) {
	words := func(l i18n.Lang) *frame { return &frame{Lang: l} }
	for in, want := range map[string][3]string{
		"2026-07-16":           {"16 juillet 2026", "16 July 2026", "16 de julhet de 2026"},
		"2026-08-01":           {"1ᵉʳ août 2026", "1 August 2026", ""},
		"2026-04-12":           {"12 avril 2026", "12 April 2026", "12 d’abril de 2026"},
		"2026-07":              {"juillet 2026", "July 2026", ""},
		"1962":                 {"1962", "1962", "1962"},
		"2026-07-16T05:00:00Z": {"16 juillet 2026", "16 July 2026", ""},
		"hier":                 {"hier", "hier", "hier"},
	} {
		for i, l := range []i18n.Lang{i18n.FR, i18n.EN, i18n.OC} {
			if want[i] != "" && words(l).Date(in) != want[i] {
				t.Errorf("%s: Date(%q) = %q, want %q", l, in, words(l).Date(in), want[i])
			}
		}
	}
	if got := words(i18n.FR).When(19); got != "mi-juillet" {
		t.Errorf("When(19) = %q", got)
	}
}

func TestSeason(t *testing.T) {
	f := &frame{Lang: i18n.FR}
	var td [36]int
	if f.Season(&td) != "" {
		t.Error("no observation, no season")
	}
	td[11], td[12], td[13] = 5, 20, 5
	if got := f.Season(&td); got != "de fin avril à mi-mai" {
		t.Errorf("spring: %q", got)
	}
	td = [36]int{}
	td[34], td[35], td[0], td[1] = 10, 10, 10, 10 // over the new year
	if got := f.Season(&td); got != "de mi-décembre à mi-janvier" {
		t.Errorf("winter: %q", got)
	}
	for i := range td {
		td[i] = 7
	}
	if got := f.Season(&td); got != "toute l’année" {
		t.Errorf("resident: %q", got)
	}
}

func TestStrip(t *testing.T) {
	var td [36]int
	td[3], td[4], td[5], td[6] = 1, 10, 10, 4
	got := strip(&td, 19)
	for _, want := range []string{`<path class="y1" d="M3 0h1v1h-1z"/>`, `<path class="y2" d="M6 0h1v1h-1z"/>`, `<path class="y3" d="M4 0h2v1h-2z"/>`, `class="ynow" x="19"`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
}

func TestStripOfFew(t *testing.T) {
	var td [36]int
	td[3], td[20] = 1, 5
	if got := strip(&td, 0); strings.Contains(got, "y2") || strings.Contains(got, "y3") || !strings.Contains(got, `<path class="y1" d="M3 0h1v1h-1zM20 0h1v1h-1z"/>`) {
		t.Errorf("six observations have no best moment: %s", got)
	}
}

func TestClasses(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 1, 2: 2, 4: 2, 5: 3, 19: 4, 49: 5, 50: 6, 9999: 6} {
		if got := classOf(n, countClasses[:]); got != want {
			t.Errorf("classOf(%d) = %d, want %d", n, got, want)
		}
	}
	l := legend(countClasses[:], []int{0, 3, 0, 0, 0, 0, 1})
	if l[0].Class != 6 || l[0].To != 0 || l[0].Cells != 1 || l[5].From != 1 || l[5].To != 1 || l[5].Cells != 3 {
		t.Errorf("legend %+v", l)
	}
}

func TestAltitudeRows(t *testing.T) {
	var cs []atlas.AltitudeClass
	for i := range 20 {
		cs = append(cs, atlas.AltitudeClass{From: i * 100, To: (i + 1) * 100, N: 1, All: 2})
	}
	rows := altitudeRows(cs)
	n, all := 0, 0
	for _, r := range rows {
		n, all = n+r.N, all+r.All
	}
	if len(rows) > 8 || rows[0].To != 2000 || rows[len(rows)-1].From != 0 || n != 20 || all != 40 {
		t.Errorf("%+v", rows)
	}
}

func TestMapSquares(t *testing.T) {
	f := &fond{view: view{minX: 700_300, minY: 6_200_300, maxX: 800_300, maxY: 6_280_300, w: 872, h: 697.6}, id: "s"}
	cells := []atlas.AreaCount{{Area: geo.CellKey(geo.Cell5, 705, 6205), N: 1}, {Area: geo.CellKey(geo.Cell5, 710, 6205), N: 60}}
	got, counts := f.cellPaths(cells, countClasses[:], func(c *atlas.AreaCount) int { return c.N })
	if !strings.Contains(got, `<path class="c c1" d="M5 5h5v5h-5z"/>`) || !strings.Contains(got, `<path class="c c6" d="M10 5h5v5h-5z"/>`) {
		t.Error(got)
	}
	if counts[1] != 1 || counts[6] != 1 {
		t.Error(counts)
	}
	// The group's transform puts the corner of the first square where the sheet has it.
	x, y := f.at(705_000, 6_205_000)
	if x < 40.9 || x > 41.1 || y < 656.5 || y > 656.7 {
		t.Errorf("corner at %.2f, %.2f", x, y)
	}
}

// TestRanks: what has a sheet and what has a list.
func TestRanks(t *testing.T) {
	for r, above := range map[taxon.Rank]bool{taxon.Kingdom: true, taxon.Family: true, taxon.Genus: true, taxon.Aggregate: false,
		taxon.Species: false, taxon.Subspecies: false, taxon.Variety: false, "??": false} {
		if aboveSpecies(r) != above {
			t.Errorf("aboveSpecies(%s) = %v", r, !above)
		}
	}
}

var keyPattern = regexp.MustCompile(`\.(T|N)\("(portal\.[A-Za-z0-9_.]*[A-Za-z0-9_])"`)

// TestCatalogue checks that every sentence the pages ask for exists, that English has all
// that French has, and French typography.
func TestCatalogue(t *testing.T) {
	files, err := filepath.Glob("*.templ")
	if err != nil || len(files) == 0 {
		t.Fatal("no templates", err)
	}
	goFiles, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(files, goFiles...) {
		if strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, "_templ.go") {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range keyPattern.FindAllStringSubmatch(string(b), -1) {
			keys := []string{m[2]}
			if m[1] == "N" {
				keys = []string{m[2] + ".one", m[2] + ".other"}
			}
			for _, k := range keys {
				if !i18n.Has(i18n.FR, k) {
					t.Errorf("%s: no French for %s", name, k)
				}
			}
		}
	}
	plain := regexp.MustCompile(`[  ][;:!?%»]|« `)
	for _, k := range i18n.Keys(i18n.FR) {
		if !strings.HasPrefix(k, "portal.") {
			continue
		}
		if !i18n.Has(i18n.EN, k) {
			t.Errorf("no English for %s", k)
		}
		if s := i18n.T(i18n.FR, k); plain.MatchString(s) || strings.Contains(s, "'") {
			t.Errorf("typography of %s: %q", k, s)
		}
	}
	for _, g := range taxon.Groups() {
		if !i18n.Has(i18n.FR, "group."+g.Slug) || !i18n.Has(i18n.EN, "group."+g.Slug) {
			t.Errorf("no name for group %s", g.Slug)
		}
	}
	art, err := loadDrawings()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range taxon.Groups() {
		if !art.motifsOf[g.Slug] {
			t.Errorf("no motif for group %s", g.Slug)
		}
	}
}

func TestRichnessBounds(t *testing.T) {
	for _, c := range []struct{ top, densest int }{{0, 6}, {1, 6}, {20, 6}, {21, 21}, {160, 151}, {384, 301}, {601, 601}, {99999, 2401}} {
		got := richnessBounds([]atlas.AreaCount{{Taxa: 1}, {Taxa: c.top}})
		if got[0] != 1 || got[len(got)-1] != c.densest {
			t.Errorf("richest cell of %d species: %v, want the densest class from %d", c.top, got, c.densest)
		}
	}
}

func TestDistinctStatuses(t *testing.T) {
	rows := []atlas.StatusRow{
		{Type: "LRN", TypeLabel: "Liste rouge nationale", Code: "NT", Territory: "France"},
		{Type: "LRN", TypeLabel: "Liste rouge nationale (oiseaux nicheurs)", Code: "NT", Territory: "France"},
		{Type: "LRN", TypeLabel: "Liste rouge nationale (oiseaux de passage)", Code: "DD", Territory: "France"},
		{Type: "LRE", TypeLabel: "Liste rouge européenne", Code: "LC", Territory: "Europe"},
		{Type: "LRE", TypeLabel: "Liste rouge européenne", Code: "LC", Territory: "Europe"},
		{Type: "PN", TypeLabel: "Protection nationale", Value: "article 3"},
		{Type: "PN", TypeLabel: "Protection nationale", Value: "article 4"},
	}
	f := &frame{Lang: i18n.FR}
	var got []string
	for _, s := range distinctStatuses(rows) {
		got = append(got, s.Type+" "+s.Code+" "+f.statusNote(&s))
	}
	want := []string{"LRN NT oiseaux nicheurs, France", "LRN DD oiseaux de passage, France", "LRE LC Europe", "PN  ", "PN  "}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestSeasonSentence(t *testing.T) {
	f := &frame{Lang: i18n.FR}
	var td [36]int
	for i := range td {
		td[i] = 1 // a date here and there: no season, whatever the shortest run
	}
	td[12], td[13] = 4, 6
	if got := f.SeasonSentence(&td); got != "Notée toute l’année." {
		t.Errorf("scattered dates: %q", got)
	}
	td = [36]int{}
	td[12] = 9
	if got := f.SeasonSentence(&td); got != "" {
		t.Errorf("nine dates make no season: %q", got)
	}
	td[13] = 9
	if got := f.SeasonSentence(&td); got != "À voir surtout de début mai à mi-mai." {
		t.Errorf("spring: %q", got)
	}
}
