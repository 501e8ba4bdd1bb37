package publish

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"garrigue/internal/atlas"
	"garrigue/internal/atlas/atlastest"
	"garrigue/internal/civil"
	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
)

// plainSums are sums, made one observation and one area at a time.
func plainSums(refs *atlas.References, mesh geo.Kind, list []disclosure.Published) (areas map[geo.AreaKey]areaSum, cube uint64) {
	areas = map[geo.AreaKey]areaSum{}
	for i := range list {
		p := &list[i]
		cd, species := refs.Taxonomy.SpeciesOf(p.CdRef)
		if !species {
			cd = p.CdRef
		}
		counted := map[geo.AreaKey]bool{0: true}
		for j, k := range append([]geo.AreaKey{p.Area}, p.Within...) {
			if j > 0 && counted[k] {
				continue
			}
			counted[k] = true
			a := areas[k]
			a.n++
			if species {
				a.taxa += mark(uint64(cd))
			}
			areas[k] = a
		}
		blurred := uint64(0)
		if p.Blurred && p.Area.Kind() != mesh {
			blurred = 1
		}
		cube += mark(uint64(cd), uint64(p.Area), uint64(max(p.When.Start.Year(), 1500)), blurred)
	}
	return areas, cube
}

// TestSums: sums kept by place are those of observations added one by one, and any change of
// what is shown of one is seen.
func TestSums(t *testing.T) {
	refs := atlastest.References(t)
	keys := []geo.AreaKey{0, geo.CellKey(geo.Cell5, 700, 6300), geo.CellKey(geo.Cell5, 705, 6300), geo.CellKey(geo.Cell10, 700, 6300),
		geo.AdminKey(geo.Commune, "34001"), geo.AdminKey(geo.Commune, "34002"), geo.AdminKey(geo.Department, "34")}
	area := rapid.SampledFrom(keys)
	one := rapid.Custom(func(t *rapid.T) disclosure.Published {
		day, _ := civil.Make(rapid.IntRange(1400, 2026).Draw(t, "year"), 5, 17)
		return disclosure.Published{CdRef: rapid.SampledFrom([]taxon.CdRef{79273, 60313, 900011, 900020, 4242}).Draw(t, "taxon"),
			Organisation: rapid.SampledFrom([]string{"", "LPO", "CEN"}).Draw(t, "organisation"), When: observation.Period{Start: day, End: day},
			Area: area.Draw(t, "area"), Within: rapid.SliceOfN(area, 0, 4).Draw(t, "within"), Blurred: rapid.Bool().Draw(t, "blurred")}
	})
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(one, 1, 12).Draw(t, "shown")
		s := newSums(&refs, geo.Cell5)
		var buffer []geo.AreaKey // which the next one overwrites
		for i := range list {
			p := list[i]
			buffer = append(buffer[:0], p.Within...)
			p.Within = buffer
			s.add(&p)
		}
		areas, cube := plainSums(&refs, geo.Cell5, list)
		if got := s.areas(); !maps.Equal(got, areas) || s.cube != cube {
			t.Errorf("%+v and %x, want %+v and %x", got, s.cube, areas, cube)
		}
		orgs := map[string]int{}
		for i := range list {
			orgs[list[i].Organisation]++
		}
		if got := (&tables{areas: areas, cube: cube, orgs: orgs}); len(s.compare(got)) > 0 {
			t.Errorf("the same differ: %s", s.compare(got))
		}
		i := rapid.IntRange(0, len(list)-1).Draw(t, "changed")
		other := one.Draw(t, "other")
		old, oldSum := plainSums(&refs, geo.Cell5, list[i:i+1])
		changed, sum := plainSums(&refs, geo.Cell5, []disclosure.Published{other})
		list = slices.Clone(list)
		list[i] = other
		areas, cube = plainSums(&refs, geo.Cell5, list)
		if differs := len(s.compare(&tables{areas: areas, cube: cube, orgs: orgs})) > 0; sum != oldSum && !differs || sum == oldSum && maps.Equal(old, changed) && differs {
			t.Errorf("another observation, seen: %v", differs)
		}
	})
}

// TestTables: the sums read from a file do not depend on the order of its rows.
func TestTables(t *testing.T) {
	cell, commune := geo.CellKey(geo.Cell5, 700, 6300), geo.AdminKey(geo.Commune, "34001")
	type row struct {
		cd      taxon.CdRef
		area    geo.AreaKey
		n, year int
		blurred bool
	}
	rows := []row{{0, cell, 2, 2000, false}, {79273, cell, 3, 2001, false}, {60313, commune, 1, 2001, true}, {79273, commune, 4, 1999, true}}
	read := func(rows []row) *tables {
		got := newTables()
		r := got.rows()
		for _, w := range rows {
			r.Cube(w.cd, w.area, w.year, w.n, w.blurred)
			r.AreaTaxon(w.area, w.cd, w.n)
		}
		r.Area(cell, 5)
		r.Area(commune, 5)
		r.End()
		return got
	}
	want := uint64(0)
	taxa := map[geo.AreaKey]uint64{}
	for _, w := range rows {
		b := uint64(0)
		if w.blurred {
			b = 1
		}
		want += uint64(w.n) * mark(uint64(w.cd), uint64(w.area), uint64(w.year), b)
		taxa[w.area] += uint64(w.n) * mark(uint64(w.cd))
	}
	for range rows {
		rows = append(rows[1:], rows[0])
		got := read(rows)
		if got.cube != want || got.areas[cell] != (areaSum{5, taxa[cell]}) || got.areas[commune] != (areaSum{5, taxa[commune]}) {
			t.Errorf("%+v", got)
		}
	}
}

// BenchmarkSums is what an observation adds to a publication.
func BenchmarkSums(b *testing.B) {
	refs := atlastest.References(b)
	var list []disclosure.Published
	day, _ := civil.Make(2024, 5, 17)
	for e := range 100 {
		for n := range 100 {
			cell := geo.CellKey(geo.Cell5, 5*e, 5*n)
			list = append(list, disclosure.Published{CdRef: []taxon.CdRef{79273, 60313, 900011}[(e+n)%3], Organisation: []string{"LPO", "CEN", "CBN"}[n%3],
				When: observation.Period{Start: day, End: day}, Area: cell,
				Within: []geo.AreaKey{geo.CellKey(geo.Commune, e/2, n/2), geo.CellKey(geo.Department, e/25, n/25), geo.AdminKey(geo.Region, "76")}})
		}
	}
	s := newSums(&refs, geo.Cell5)
	for i := range b.N {
		s.add(&list[i*7919%len(list)])
	}
}
