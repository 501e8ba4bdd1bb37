package disclosure

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"garrigue/internal/civil"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
)

func meanOccitanie(k geo.Kind) float64 {
	return map[geo.Kind]float64{geo.Commune: 16.5e6, geo.Department: 5640e6, geo.Region: 73300e6}[k]
}

func code(t testing.TB, s string) sensitivity.Level {
	t.Helper()
	l, ok := sensitivity.ParseLevel(s)
	if !ok {
		t.Fatalf("no level %q", s)
	}
	return l
}

// TestScale: what each code is worth, by list, and the order that makes.
func TestScale(t *testing.T) {
	own := []LevelRule{
		{List: "16", Level: 1, Kinds: []geo.Kind{geo.Cell20, geo.Cell10}},
		{List: "16", Level: 2},
		{List: "14", Level: 3, Kinds: []geo.Kind{geo.Region, geo.Department}},
		{Level: sensitivity.Km400, Kinds: []geo.Kind{geo.Department}},
		{List: "16", Level: 4},
	}
	for _, test := range []struct {
		name   string
		policy Policy
		mesh   geo.Kind
		scale  []LevelRule
		kinds  string // list:code=kinds
		order  string // from the finest to the coarsest; one rank between parentheses
	}{
		{"SINP, 5 km", SINP(), geo.Cell5, nil,
			"2.1=cell5,cell10,cell20,cell50 2.2=cell5,cell10,cell20,cell50 2.3=cell5,cell10,cell20,cell50 2.4=cell10,cell20,cell50 2.5=cell20,cell50 2.6=cell50 2.7=cell50 " +
				"1=cell5,cell10,department 2=cell10,department 3=department 4= 2.8= 16:1=cell5,cell10,department",
			"0 2.1 2.2 1 2.3 (2 2.4) 2.5 2.6 2.7 3 (4 2.8 16:2.8)"},
		{"SINP, 1 km", SINP(), geo.Cell1, nil, "2.1=cell1,cell2,cell5,cell10,cell20,cell50 1=commune,cell10,department", "0 2.1 2.2 1 2.3 (2 2.4) 2.5 2.6 2.7 3 (4 2.8)"},
		{"cells only", MeshOnly(), geo.Cell5, nil, "1=cell5,cell10,cell20,cell50 3=cell50 2.4=cell10,cell20,cell50", "0 2.1 2.2 1 2.3 (2 2.4) 2.5 2.6 2.7 3 (4 2.8)"},
		{"lists of their own", SINP(), geo.Cell5, own,
			"1=cell5,cell10,department 16:1=cell10,cell20 2=cell10,department 16:2= 14:3=department,region 2.5=department 16:2.5=department 16:4=",
			"0 2.1 2.2 1 2.3 16:1 (2 2.4) 2.6 2.7 2.5 (3 14:3) (4 16:2 2.8)"},
		{"ranks between alike", SINP(), geo.Cell5, []LevelRule{{Level: 1, Rank: 9, Kinds: []geo.Kind{geo.Commune}}, {List: "16", Level: 2, Rank: 9, Kinds: []geo.Kind{geo.Cell10}}},
			"1=cell5 16:2=cell10", "2.1 2.2 2.3 1 (2 2.4) 16:2 2.5"},
	} {
		test.policy.Scale = slices.Clone(test.scale)
		p := settled(t, test.policy, test.mesh, meanOccitanie)
		if !reflect.DeepEqual(p.Scale, test.scale) {
			t.Errorf("%s: settling changed the scale to %v", test.name, p.Scale)
		}
		for want := range strings.FieldsSeq(test.kinds) {
			name, _, _ := strings.Cut(want, "=")
			list, c, ok := strings.Cut(name, ":")
			if !ok {
				list, c = "", name
			}
			var got []string
			for _, k := range p.KindsOf(list, code(t, c)) {
				got = append(got, k.String())
			}
			if s := name + "=" + strings.Join(got, ","); s != want {
				t.Errorf("%s: %s, want %s", test.name, s, want)
			}
		}
		last, alike, begun := -1, false, false
		for name := range strings.FieldsSeq(test.order) {
			open, end := strings.HasPrefix(name, "("), strings.HasSuffix(name, ")")
			list, c, ok := strings.Cut(strings.Trim(name, "()"), ":")
			if !ok {
				list, c = "", list
			}
			rank := p.Rank(list, code(t, c))
			if begun && (alike && rank != last || !alike && rank <= last) {
				t.Errorf("%s: %s has rank %d after %d", test.name, name, rank, last)
			}
			last, begun = rank, true
			alike = (alike || open) && !end
		}
	}
}

func TestScaleRefused(t *testing.T) {
	for _, test := range []struct {
		name  string
		scale []LevelRule
		want  string
	}{
		{"level 0", []LevelRule{{Level: 0, Kinds: []geo.Kind{geo.Commune}}}, "disclosure.scale [0]"},
		{"no such level", []LevelRule{{Level: 7, Kinds: []geo.Kind{geo.Commune}}}, "disclosure.scale [7]"},
		{"twice", []LevelRule{{List: "16", Level: 1, Kinds: []geo.Kind{geo.Cell10}}, {List: "16", Level: 1}}, "disclosure.scale [16:1]"},
		{"nothing shown somewhere", []LevelRule{{Level: 4, Kinds: []geo.Kind{geo.Region}}}, "disclosure.scale [4]"},
		{"2.8 neither", []LevelRule{{List: "9", Level: sensitivity.NotShown, Kinds: []geo.Kind{geo.Region}}}, "disclosure.scale [9:2.8]"},
		{"areas of no kind", []LevelRule{{List: "9", Level: 1, Kinds: []geo.Kind{geo.Kind(9), geo.WaterBody}}}, "disclosure.level [9:1]"},
		{"ranks against sizes", []LevelRule{{Level: 1, Rank: 5, Kinds: []geo.Kind{geo.Cell10}}, {Level: 2, Rank: 4, Kinds: []geo.Kind{geo.Cell20}}}, "disclosure.rank [2]"},
	} {
		p := SINP()
		p.Scale = test.scale
		got, err := p.Settled(meanOccitanie)
		e, ok := err.(*fault.Error)
		if !ok || e.Kind != fault.Invalid || fmt.Sprint(e.Key, " ", e.Args) != test.want || got.ready() || got.KindsOf("16", 1) != nil {
			t.Errorf("%s: %v, want %s; ready %v", test.name, err, test.want, got.ready())
		}
	}
}

// TestRankIsTheSize: whatever the policy, no level is ranked below one that begins finer.
func TestRankIsTheSize(t *testing.T) {
	kinds := rapid.SliceOfNDistinct(rapid.SampledFrom(anyKind[:]), 0, 4, rapid.ID)
	rapid.Check(t, func(t *rapid.T) {
		p := SINP()
		for _, list := range []string{"", "16"} {
			for _, l := range []sensitivity.Level{1, 2, 3, 11, 14, 17} {
				if rapid.Bool().Draw(t, "own") {
					p.Scale = append(p.Scale, LevelRule{List: list, Level: l, Rank: rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "rank"), Kinds: kinds.Draw(t, "kinds")})
				}
			}
		}
		p, err := p.Settled(meanOccitanie)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatal(err)
			}
			return
		}
		size := func(list string, l sensitivity.Level) float64 {
			if k := p.KindsOf(list, l); len(k) > 0 {
				return p.settled.mean(k[0])
			}
			return 1e18
		}
		for _, a := range []string{"", "16", "unknown"} {
			for _, b := range []string{"", "16"} {
				for x := sensitivity.Level(1); x < 20; x++ {
					for y := sensitivity.Level(1); y < 20; y++ {
						if size(a, x) > size(b, y) != (p.Rank(a, x) > p.Rank(b, y)) && size(a, x) != size(b, y) {
							t.Fatalf("%s:%v of %v m² has rank %d, %s:%v of %v m² %d", a, x, size(a, x), p.Rank(a, x), b, y, size(b, y), p.Rank(b, y))
						}
						if p.Rank(a, x) <= p.Rank("", 0) {
							t.Fatalf("%s:%v is ranked as no level", a, x)
						}
					}
				}
			}
		}
	})
}

func TestPoliciesOn(t *testing.T) {
	day := func(s string) civil.Date {
		d, ok := civil.Parse(s)
		if !ok {
			t.Fatal(s)
		}
		return d
	}
	ps := Policies{{Version: "b", From: day("2026-07-01")}, {Version: "a", From: civil.NoDate}, {Version: "c", From: day("2027-01-01")}}
	for on, want := range map[string]string{"2020-01-01": "a", "2026-06-30": "a", "2026-07-01": "b", "2026-12-31": "b", "2030-01-01": "c"} {
		if p, ok := ps.On(day(on)); !ok || p.Version != want {
			t.Errorf("on %s: %q %v, want %q", on, p.Version, ok, want)
		}
	}
	if p, ok := ps.On(civil.NoDate); !ok || p.Version != "a" {
		t.Errorf("the first is %q", p.Version)
	}
	if _, ok := ps[2:].On(day("2026-01-01")); ok {
		t.Error("a policy is in force before it begins")
	}
	if _, ok := Policies(nil).On(civil.NoDate); ok {
		t.Error("a policy of none")
	}
}

func TestFingerprint(t *testing.T) {
	base := func() Policy {
		p := SINP()
		p.Scale = []LevelRule{{List: "16", Level: 1, Kinds: []geo.Kind{geo.Cell10, geo.Cell20}}, {Level: 14, Kinds: []geo.Kind{geo.Cell10}}}
		return p
	}
	p := base()
	want := p.Fingerprint()
	same := map[string]func(p *Policy){
		"settled": func(p *Policy) { *p = settled(t, *p, p.Mesh, meanOccitanie) },
		"another order": func(p *Policy) {
			slices.Reverse(p.Scale)
			slices.Reverse(p.Levels[1])
			slices.Reverse(p.Scale[1].Kinds)
		},
		"another day": func(p *Policy) { p.Today = 20_000 },
		"from always": func(p *Policy) { p.From = civil.NoDate },
	}
	for name, change := range same {
		p := base()
		if change(&p); p.Fingerprint() != want {
			t.Errorf("%s: another fingerprint", name)
		}
	}
	seen := map[string]string{want: "base"}
	for name, change := range map[string]func(p *Policy){
		"version": func(p *Policy) { p.Version = "x" }, "from": func(p *Policy) { p.From = 20_000 }, "mesh": func(p *Policy) { p.Mesh = geo.Cell2 },
		"levels": func(p *Policy) { p.Levels[2] = p.Levels[2][:1] }, "dates": func(p *Policy) { p.BlurredDates = observation.Year },
		"every": func(p *Policy) { p.Batch.Every = "week" }, "minimum": func(p *Policy) { p.Batch.Minimum = 3 },
		"list": func(p *Policy) { p.Scale[0].List = "17" }, "level": func(p *Policy) { p.Scale[0].Level = 2 },
		"rank": func(p *Policy) { p.Scale[0].Rank = 2 }, "kinds": func(p *Policy) { p.Scale[0].Kinds = nil },
	} {
		p := base()
		change(&p)
		if was, twice := seen[p.Fingerprint()]; twice {
			t.Errorf("%s has the fingerprint of %s", name, was)
		}
		seen[p.Fingerprint()] = name
	}
}
