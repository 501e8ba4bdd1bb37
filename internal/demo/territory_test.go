package demo

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/paulmach/orb"

	"garrigue/internal/geo"
	"garrigue/internal/needs"
)

// land is the territory, made once for all tests, which only read it.
var land = sync.OnceValue(newTerritory)

// shared returns a file of the shared data, or skips the test.
func shared(t testing.TB, parts ...string) string {
	t.Helper()
	return needs.Shared(t, append([]string{"data"}, parts...)...)
}

// segment is a side of an outline, whichever way it is walked.
type segment [4]float64

func segmentOf(a, b orb.Point) segment {
	if a[0] > b[0] || (a[0] == b[0] && a[1] > b[1]) {
		a, b = b, a
	}
	return segment{a[0], a[1], b[0], b[1]}
}

func segments(list []outline) map[segment]int {
	m := map[segment]int{}
	for _, o := range list {
		for _, pg := range o.shape {
			for _, r := range pg {
				for i := 1; i < len(r); i++ {
					m[segmentOf(r[i-1], r[i])]++
				}
			}
		}
	}
	return m
}

// planar is the area of outlines in square degrees: exact enough for sums, since every
// border is walked once each way.
func planar(list []outline) float64 {
	sum := 0.0
	for _, o := range list {
		for _, pg := range o.shape {
			for _, r := range pg {
				for i := 1; i < len(r); i++ {
					sum += (r[i-1][0]*r[i][1] - r[i][0]*r[i-1][1]) / 2
				}
			}
		}
	}
	return sum
}

func TestTopology(t *testing.T) {
	tr := land()
	regions := []outline{tr.region}
	for _, list := range [][]outline{tr.communes, tr.departments, regions} {
		for _, o := range list {
			if err := geo.Validate(o.shape); err != nil {
				t.Errorf("%s %s: %v", o.code, o.name, err)
			}
			if o.shape == nil {
				t.Errorf("%s %s has no outline", o.code, o.name)
			}
		}
	}
	// Every side is shared by exactly two communes, or is a side of the region, and the same
	// for departments: no gap, no overlap, the very same points.
	outer := segments(regions)
	for _, list := range [][]outline{tr.communes, tr.departments} {
		alone := 0
		for s, n := range segments(list) {
			switch {
			case n == 1 && outer[s] == 1:
				alone++
			case n != 2 || outer[s] != 0:
				t.Fatalf("a side is used %d times, by the region %d times", n, outer[s])
			}
		}
		if alone != len(outer) {
			t.Errorf("the region has %d sides, its parts %d outer ones", len(outer), alone)
		}
	}
	want := planar(regions)
	for _, list := range [][]outline{tr.communes, tr.departments} {
		if got := planar(list); math.Abs(got-want) > 1e-9 {
			t.Errorf("areas sum to %.12f square degrees, the region is %.12f", got, want)
		}
	}
	if km2 := geo.Surface(tr.region.shape) / 1e6; km2 < 6500 || km2 > 9000 {
		t.Errorf("the region measures %.0f km²", km2)
	}
}

func TestCommunes(t *testing.T) {
	tr := land()
	if n := len(tr.communes); n < 280 || n > 340 {
		t.Errorf("%d communes, want about 300", n)
	}
	names, codes := map[string]bool{}, map[string]bool{}
	parts := map[string]int{}
	for _, c := range tr.communes {
		if names[plain(c.name)] || codes[c.code] {
			t.Errorf("twice: %s %s", c.code, c.name)
		}
		names[plain(c.name)], codes[c.code] = true, true
		parts[c.parent]++
		if geo.AdminKey(geo.Commune, c.code) == 0 || geo.AdminKey(geo.Department, c.parent) == 0 {
			t.Errorf("%s: not a code of an area", c.code)
		}
		if km2 := geo.Surface(c.shape) / 1e6; km2 < 1.2 || km2 > 120 {
			t.Errorf("%s measures %.1f km²", c.name, km2)
		}
	}
	for _, d := range tr.departments {
		if parts[d.code] < 30 {
			t.Errorf("%s has %d communes", d.name, parts[d.code])
		}
		if len(d.shape) > 3 { // islets of the lagoons aside, a department is in one piece
			t.Errorf("%s is in %d pieces", d.name, len(d.shape))
		}
	}
	if len(parts) != len(departmentNames) {
		t.Errorf("%d departments have communes", len(parts))
	}
	holes := 0
	for _, pg := range tr.region.shape {
		holes += len(pg) - 1
	}
	if holes < 3 {
		t.Errorf("%d lagoons, want several", holes)
	}
}

// Names must not be those of real communes of Occitanie.
func TestCommunesAreInvented(t *testing.T) {
	f, err := os.Open(shared(t, "reference", "communes-occitanie-cog2026.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	real := map[string]bool{}
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if c := strings.FieldsFunc(sc.Text(), func(r rune) bool { return r == ';' || r == ',' }); len(c) > 1 {
			real[plain(c[1])] = true
		}
	}
	if !real["montpellier"] || len(real) < 4000 {
		t.Fatalf("%d names read", len(real))
	}
	for _, c := range land().communes {
		if real[plain(c.name)] {
			t.Errorf("%s exists", c.name)
		}
	}
}

func TestRelief(t *testing.T) {
	tr := land()
	top, low := 0.0, 0
	for _, h := range tr.hexagons {
		top = max(top, h.alt)
		if h.alt < 50 {
			low++
		}
		if h.inland < 1 && h.alt > 250 { // the massif ends in a cliff
			t.Fatalf("%.0f m at %.1f km from the sea", h.alt, h.inland)
		}
		if h.stream < 0.1 && h.height > 120 {
			t.Fatalf("a river runs %.0f m below its own bank at %.1f, %.1f", h.height, h.x, h.y)
		}
	}
	if top < 1700 || top > 2200 {
		t.Errorf("the highest ground is at %.0f m", top)
	}
	if share := float64(low) / float64(len(tr.hexagons)); share < 0.15 || share > 0.6 {
		t.Errorf("%.0f %% of the country is below 50 m", 100*share)
	}
	for _, r := range newCountry().rivers {
		if !slices.IsSortedFunc(r.bed, func(a, b float64) int { return int(math.Round(b*100)) - int(math.Round(a*100)) }) {
			t.Errorf("%s runs uphill", r.name)
		}
	}
}

func TestOutlinesFile(t *testing.T) {
	tr := land()
	var b strings.Builder
	if err := writeOutlines(&b, tr.departments, "code", "reg"); err != nil {
		t.Fatal(err)
	}
	if !json.Valid([]byte(b.String())) {
		t.Fatal("not JSON")
	}
	n := 0
	for a, err := range geo.ReadAreas(strings.NewReader(b.String()), geo.Department, geo.ReadOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if want := tr.departments[n]; a.Name != want.name || a.Key.Code() != want.code || a.Parent.Code() != regionCode {
			t.Errorf("read %v %s in %v, want %s %s", a.Key, a.Name, a.Parent, want.code, want.name)
		}
		n++
	}
	if n != len(tr.departments) {
		t.Errorf("%d departments read", n)
	}
}

func gunzip(t *testing.T, path string) *bufio.Scanner {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	sc := bufio.NewScanner(z)
	sc.Buffer(nil, 1<<20)
	return sc
}
