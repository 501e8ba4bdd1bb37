package demo

import (
	"bytes"
	"context"
	"encoding/csv"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"garrigue/internal/civil"
)

const today = "2026-11-21"

func day(t testing.TB, s string) civil.Date {
	t.Helper()
	d, ok := civil.Parse(s)
	if !ok {
		t.Fatal(s)
	}
	return d
}

func fictional(t testing.TB, seed uint64) *observatory {
	t.Helper()
	w, err := fictionalWorld(land(), entriesOf(t))
	if err != nil {
		t.Fatal(err)
	}
	return newObservatory(w, seed, day(t, today))
}

func TestDeterminism(t *testing.T) {
	write := func(seed uint64) (string, Counts) {
		var b bytes.Buffer
		c, err := fictional(t, seed).write(context.Background(), &b, 3000, nil)
		if err != nil {
			t.Fatal(err)
		}
		return b.String(), c
	}
	a, _ := write(1)
	b, _ := write(1)
	c, _ := write(2)
	if a != b {
		t.Error("the same seed gives other bytes")
	}
	if a == c {
		t.Error("another seed gives the same bytes")
	}
}

// The file is a table, and holds what Counts says.
func TestCounts(t *testing.T) {
	var b bytes.Buffer
	const n = 30000
	c, err := fictional(t, 7).write(context.Background(), &b, n, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(&b)
	r.Comma, r.ReuseRecord = ';', true
	head, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	col := map[string]int{}
	for i, h := range head {
		col[strings.Clone(h)] = i
	}
	rows, noPlace, noName, unmatched, future, shapes := 0, 0, 0, 0, 0, map[string]int{}
	for {
		f, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		rows++
		get := func(name string) string { return f[col[name]] }
		geometry, _, _ := strings.Cut(get("geometrie"), " ")
		attached := get("codeCommune") + get("codeMaille") + get("codeDepartement")
		shapes[geometry]++
		if geometry == "" && attached == "" {
			noPlace++
		}
		if geometry != "" && attached != "" {
			t.Fatal("a row with two places")
		}
		if get("nomCite") == "" {
			noName++
		} else if get("cdNom") == "" {
			unmatched++
		}
		if get("dateFin") > today {
			future++
		}
	}
	if rows != n || c.Rows != n {
		t.Errorf("%d rows, counted %d, want %d", rows, c.Rows, n)
	}
	if noPlace != c.wrong[mistakenNoPlace] || noName != c.wrong[mistakenNoName] || future != c.wrong[mistakenFuture] {
		t.Errorf("%d without place, %d without name, %d in the future; counted %v", noPlace, noName, future, c.wrong)
	}
	if d := unmatched - c.Unmatched; d < 0 || d > 2 { // a wrong row may have no code either
		t.Errorf("%d names without code, counted %d", unmatched, c.Unmatched)
	}
	if c.Lines == 0 || shapes["LINESTRING"] < c.Lines || shapes["POLYGON"] < c.Polygons || c.Polygons == 0 {
		t.Errorf("shapes %v, counted %+v", shapes, c)
	}
	if w := c.wrongRows(); w < n/600 || w > n/150 {
		t.Errorf("%d wrong rows", w)
	}
	if len(c.wrong) != len(mistakes()) {
		t.Errorf("kinds of mistakes: %v", c.wrong)
	}
}

// What is observed is where and when it lives.
func TestEcology(t *testing.T) {
	o := fictional(t, 3)
	var r record
	weekend, dated := 0, 0
	years := map[int]int{}
	byName := map[string]int{}
	for range 60000 {
		o.next(&r)
		byName[r.species.name]++
		s := r.species
		if r.start > r.end || r.end > o.today {
			t.Fatalf("%s from %v to %v", s.name, r.start, r.end)
		}
		if r.site.alt < s.low-1 || r.site.alt > s.high+1 {
			t.Fatalf("%s at %.0f m, lives at %.0f–%.0f", s.name, r.site.alt, s.low, s.high)
		}
		if s.since > 0 && r.start.Year() < s.since {
			t.Fatalf("%s in %d, arrived in %d", s.name, r.start.Year(), s.since)
		}
		years[r.start.Year()]++
		if r.start != r.end {
			continue
		}
		dated++
		if d := min(364, dayOfYear(r.start)); s.calendar.season[d] == 0 {
			t.Fatalf("%s on %v", s.name, r.start)
		}
		if wd := int(r.start) % 7; wd == 2 || wd == 3 {
			weekend++
		}
		_, month, _ := r.start.Civil()
		if slices.Contains([]string{"Podarcis muralis", "Zootoca vivipara", "Vipera aspis"}, s.name) && r.site.alt > 1500 && (month <= 2 || month == 12) {
			t.Fatalf("%s in month %d at %.0f m", s.name, month, r.site.alt)
		}
		if s.habitats[salt] == 9 && r.site.alt > 30 {
			t.Fatalf("%s at %.0f m", s.name, r.site.alt)
		}
	}
	if share := float64(weekend) / float64(dated); share < 0.42 || share > 0.75 {
		t.Errorf("%.0f %% of observations at weekends", 100*share)
	}
	if years[2024] < 3*years[1995] || years[1995] == 0 || years[1950] == 0 {
		t.Errorf("effort does not grow: %d in 1995, %d in 2024, %d in 1950", years[1995], years[2024], years[1950])
	}
	if byName["Turdus merula"] < 10*byName["Bubo bubo"] || byName["Bubo bubo"] == 0 {
		t.Errorf("%d blackbirds, %d eagle owls", byName["Turdus merula"], byName["Bubo bubo"])
	}
	if len(byName) < 750 {
		t.Errorf("%d taxa seen", len(byName))
	}
}

// Effort gathers near towns and reserves: the most visited tenth of the ground holds far
// more than its share.
func TestEffort(t *testing.T) {
	o := fictional(t, 5)
	visits := map[*site]int{}
	var r record
	const n = 40000
	for range n {
		o.next(&r)
		visits[r.site]++
	}
	counts := make([]int, 0, len(visits))
	for _, k := range visits {
		counts = append(counts, k)
	}
	slices.Sort(counts)
	slices.Reverse(counts)
	top := 0
	for _, k := range counts[:min(len(counts), len(o.world.sites)/10)] {
		top += k
	}
	if share := float64(top) / n; share < 0.45 {
		t.Errorf("a tenth of the ground has %.0f %% of the observations", 100*share)
	}
}

func TestSpread(t *testing.T) {
	o := fictional(t, 9)
	k := slices.IndexFunc(o.world.species, func(s species) bool { return s.name == "Trithemis annulata" })
	s := &o.world.species[k]
	if s.since == 0 {
		t.Fatal("it should be a newcomer")
	}
	inland := func(year int) (far float64) {
		for range 400 {
			if i, ok := o.world.pick(s, o.haunts[k], year, o.chance); ok {
				far = math.Max(far, o.world.sites[i].inland)
			}
		}
		return far
	}
	if a, b := inland(s.since+2), inland(s.since+18); a > 8 || b < 2*a {
		t.Errorf("%.0f km inland after two years, %.0f after eighteen", a, b)
	}
}

func TestIdentifiers(t *testing.T) {
	c := newChance(1, 1)
	seen := map[string]bool{}
	for range 2000 {
		u := c.uuid()
		if len(u) != 36 || u[14] != '4' || !strings.ContainsRune("89ab", rune(u[19])) || u[8] != '-' || u[23] != '-' || seen[u] {
			t.Fatalf("%q", u)
		}
		seen[u] = true
	}
}

func BenchmarkObservations(b *testing.B) {
	for _, name := range []string{"fictional", "real"} {
		b.Run(name, func(b *testing.B) {
			o := Options{Today: day(b, today)}
			if name == "real" {
				o.Reference = shared(b, "reference")
			}
			obs, err := o.observatory()
			if err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			if _, err := obs.write(context.Background(), io.Discard, b.N, nil); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func BenchmarkTerritory(b *testing.B) {
	for b.Loop() {
		newTerritory()
	}
}
