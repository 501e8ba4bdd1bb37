package atlas

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"garrigue/internal/taxon"
)

// TestSheetReader: the totals of a sheet are those that its readers get.
func TestSheetReader(t *testing.T) {
	name := rapid.SampledFrom([]string{"", "Milan", `"n":7,"}]{[`, `\`, `a\"b`, "é <&>\u2028"})
	number := rapid.IntRange(-5, 1<<40)
	years := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) YearCount {
		return YearCount{number.Draw(t, "year"), number.Draw(t, "n")}
	}), 0, 4)
	counts := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Count {
		return Count{Name: name.Draw(t, "name"), N: number.Draw(t, "n"), First: number.Draw(t, "first")}
	}), 0, 4)
	rapid.Check(t, func(t *rapid.T) {
		sh := TaxonSheet{TaxonHead: TaxonHead{ScientificName: name.Draw(t, "sci"), Observations: number.Draw(t, "n"), Protected: true},
			Synonyms: []string{name.Draw(t, "synonym")}, Undated: number.Draw(t, "undated"), AltKnown: number.Draw(t, "known"),
			Years: years.Draw(t, "years"), Organisations: counts.Draw(t, "orgs")}
		sh.Classification = []Crumb{{Name: name.Draw(t, "class"), Observations: 5}}
		sh.Months[number.Draw(t, "month")&7] = number.Draw(t, "in")
		sh.TenDays[number.Draw(t, "period")&31] = number.Draw(t, "then")
		sh.Altitude = []AltitudeClass{{N: number.Draw(t, "high"), All: 3}, {N: 4}}
		area := AreaSheet{Name: name.Draw(t, "area"), Observations: sh.Observations, Taxa: number.Draw(t, "taxa"), Years: sh.Years,
			Organisations: sh.Organisations, Groups: []GroupCount{{Slug: "g", Taxa: 3, Observations: 7}, {Taxa: number.Draw(t, "species")}},
			Recent: []TaxonHead{sh.TaxonHead}, Neighbours: []AreaCount{{N: 9, Taxa: 8}}}
		sumYears, sumOrgs := 0, 0
		for _, y := range sh.Years {
			sumYears += y.N
		}
		for _, o := range sh.Organisations {
			sumOrgs += o.N
		}
		var got taxonTotals
		got.read(marshal(t, sh))
		if want := (taxonTotals{n: sh.Observations, years: sumYears, months: sh.Months, days: sh.TenDays, undated: sh.Undated,
			altitudes: sh.Altitude[0].N + 4, altKnown: sh.AltKnown, organisations: sumOrgs, told: true, toldYears: true, ended: true}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		var of areaTotals
		of.read(marshal(t, area))
		if want := (areaTotals{n: sh.Observations, taxa: area.Taxa, years: sumYears, groups: listSum{species: 3 + area.Groups[1].Taxa, n: 7},
			organisations: sumOrgs, told: true, toldYears: true, ended: true}); of != want {
			t.Errorf("%+v, want %+v", of, want)
		}
	})
}

func marshal(t interface{ Fatal(...any) }, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBrokenSheets: nothing is read of a sheet that is not what it should be.
func TestBrokenSheets(t *testing.T) {
	whole := `{"n":3,"years":[{"y":2024,"n":3}],"organisations":[{"name":"a","n":3}]}`
	var got taxonTotals
	if got.read([]byte(whole)); !got.ended || got.n != 3 || got.years != 3 || got.organisations != 3 {
		t.Fatalf("%+v", got)
	}
	broken := []string{"", "3", "null", `{"n":3.0}`, `{"n":3e1}`, `{"n":"3"}`, `{"n":03}`, `{"n":-}`, `{"n":null}`, `{"n":12345678901234567890}`,
		`{"n":[3]}`, `{"years":{"n":3}}`, `{"years":[3]}`, `{"months":[1,2,3]}`, `{"months":[` + strings.Repeat("0,", 12) + `0]}`, `{"n":3 }`, `{"x":}`,
		whole + "}", whole + " ", `{"n":3}{"n":4}`}
	for i := range whole {
		broken = append(broken, whole[:i])
	}
	for _, s := range broken {
		if got.read([]byte(s)); got.ended {
			t.Errorf("%s is read: %+v", s, got)
		}
	}
}

// TestVarints: packed figures add up to what the portal reads in them, and broken ones to nothing.
func TestVarints(t *testing.T) {
	const areas = 1 << 20
	all, listed := make([]area, areas), make([]listedIn, areas)
	rapid.Check(t, func(t *rapid.T) {
		rows := cubes(t, "rows")
		tallies := slotTallies(nil, rows)
		n := 0
		for _, r := range rows {
			n += int(r.n())
		}
		cells, cube := packTallies(nil, tallies), packCube(nil, rows)
		a := &auditor{Atlas: &Atlas{areas: all}, audited: &audited{listed: listed}}
		if !a.packed(cells, cube, n) || a.packed(cells, cube, n+1) {
			t.Error("packed figures do not add up")
		}
		if !a.areasOf(7, cells) {
			t.Error("areas are not read")
		}
		want := map[int32]listSum{}
		if err := eachTally(cells, func(t areaTally) {
			l := want[t.area]
			l.add(mixing(7), int(t.n))
			want[t.area] = l
		}); err != nil {
			t.Fatal(err)
		}
		for i, l := range want {
			if listed[i].ofTaxa != l {
				t.Errorf("area %d: %+v, want %+v", i, listed[i].ofTaxa, l)
			}
			listed[i] = listedIn{}
		}
		broken := func(b []byte) []byte {
			if rapid.Bool().Draw(t, "longer") {
				return append(slices.Clone(b), 1)
			}
			return b[:rapid.IntRange(0, len(b)-1).Draw(t, "cut")]
		}
		if a.packed(broken(cells), cube, n) || a.packed(cells, broken(cube), n) {
			t.Error("broken figures add up")
		}
		if a.areas = a.areas[:0]; len(rows) > 0 && (a.packed(cells, cube, n) || a.areasOf(7, cells)) {
			t.Error("areas that do not exist add up")
		}
	})
}

// TestListing: a packed species list adds up to its rows.
func TestListing(t *testing.T) {
	var p packer
	p.uint(3)
	var want listSum
	prev := 0
	for _, r := range [...]struct{ cd, n int }{{60313, 1}, {79273, 300}, {900011, 70000}} {
		days := packDays(nil, &[36]uint32{4: 1, 30: 900})
		for _, v := range [...]int{r.cd - prev, r.n, 2000 - yearZero, 24, len(days)} {
			p.uint(uint64(v))
		}
		p.b = append(p.b, days...)
		prev = r.cd
		want.add(mixing(taxon.CdRef(r.cd)), r.n)
	}
	var got listSum
	if !got.listing(p.b) || got != want || got.species != 3 || got.n != 70301 {
		t.Errorf("%+v, want %+v", got, want)
	}
	for i := range p.b {
		if got.listing(p.b[:i]) {
			t.Errorf("%d bytes of %d are a list", i, len(p.b))
		}
	}
	if got.listing(append(p.b, 0)) {
		t.Error("a list goes on after its end")
	}
}

// TestPlaces: taxa are found by their codes, however high these are.
func TestPlaces(t *testing.T) {
	for _, cds := range [][]taxon.CdRef{nil, {5}, {0, 3, 900011}, {3, maxPlace - 1}, {3, maxPlace}, {-4, 3}, {3, 1<<31 - 1}} {
		a := &auditor{Atlas: &Atlas{taxa: headTable{cds: cds}}, audited: newAudited(cds, 0)}
		for _, cd := range []taxon.CdRef{-1 << 31, -4, -1, 0, 1, 3, 4, 5, 900011, maxPlace - 1, maxPlace, 1<<31 - 1} {
			want, known := slices.BinarySearch(cds, cd)
			if got, ok := a.find(cd); ok != known || ok && got != want {
				t.Errorf("%d in %d: %d, %v", cd, cds, got, ok)
			}
		}
	}
}
