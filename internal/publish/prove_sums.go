package publish

import (
	"fmt"
	"slices"

	"garrigue/internal/atlas"
	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

// sums is what every figure of a snapshot must add up to, kept while reading, apart from the
// builder: by area how many observations count there, and a sum over them that no other
// multiset of species is likely to have. Reading the finished file gives the same sums, or some
// list of an area holds what it should not.
type sums struct {
	taxonomy *taxon.Taxonomy
	mesh     geo.Kind
	units    map[taxon.CdRef]unit
	areas    map[geo.AreaKey]*areaSum
	cube     uint64
	orgs     map[string]int
}

// unit is what an observation of a taxon counts for: its species, or itself above.
type unit struct {
	cd      taxon.CdRef
	species bool
}

type areaSum struct {
	n    int
	taxa uint64
}

func newSums(refs *atlas.References, mesh geo.Kind) sums {
	return sums{taxonomy: refs.Taxonomy, mesh: mesh, units: map[taxon.CdRef]unit{}, areas: map[geo.AreaKey]*areaSum{}, orgs: map[string]int{}}
}

// mark is a number that stands for a few others.
func mark(parts ...uint64) uint64 {
	h := uint64(0x9e3779b97f4a7c15)
	for _, p := range parts {
		h ^= p
		h *= 0xff51afd7ed558ccd
		h ^= h >> 32
		h *= 0xc4ceb9fe1a85ec53
		h ^= h >> 29
	}
	return h
}

func (s *sums) unit(cd taxon.CdRef) unit {
	u, known := s.units[cd]
	if !known {
		if sp, ok := s.taxonomy.SpeciesOf(cd); ok {
			u = unit{sp, true}
		} else {
			u = unit{cd: cd}
		}
		s.units[cd] = u
	}
	return u
}

// add counts what is shown of an observation.
func (s *sums) add(p *disclosure.Published) {
	u := s.unit(p.CdRef)
	of := mark(uint64(u.cd))
	s.area(p.Area, u, of)
	for i, k := range p.Within {
		if k != 0 && k != p.Area && !slices.Contains(p.Within[:i], k) {
			s.area(k, u, of)
		}
	}
	blurred := uint64(0)
	if p.Blurred && p.Area.Kind() != s.mesh {
		blurred = 1
	}
	s.cube += mark(uint64(u.cd), uint64(p.Area), uint64(max(p.When.Start.Year(), 1500)), blurred)
	s.orgs[p.Organisation]++
}

func (s *sums) area(k geo.AreaKey, u unit, of uint64) {
	a := s.areas[k]
	if a == nil {
		a = &areaSum{}
		s.areas[k] = a
	}
	a.n++
	if u.species {
		a.taxa += of
	}
}

// compare tells where a snapshot's plain tables differ from what was counted, "" when nowhere.
func (s *sums) compare(got *tables) []string {
	var out []string
	if got.cube != s.cube {
		out = append(out, "cube")
	}
	wrong := map[geo.Kind]int{}
	for k, want := range s.areas {
		have := got.areas[k]
		if have == nil || have.n != want.n || k.Kind().Mesh() == 0 && have.taxa != want.taxa {
			wrong[k.Kind()]++
		}
	}
	for k, have := range got.areas {
		if s.areas[k] == nil && (have.n != 0 || have.taxa != 0) {
			wrong[k.Kind()]++
		}
	}
	for _, k := range [...]geo.Kind{geo.Commune, geo.Department, geo.Region, geo.Cell1, geo.Cell2, geo.Cell5, geo.Cell10, geo.Cell20, geo.Cell50} {
		if wrong[k] > 0 {
			out = append(out, fmt.Sprintf("area_taxon, %s (%d)", k, wrong[k]))
		}
	}
	for name, n := range s.orgs {
		if got.orgs[name] != n {
			return append(out, "organisation")
		}
	}
	if len(got.orgs) != len(s.orgs) {
		out = append(out, "organisation")
	}
	return out
}

// tables is the same read from a file.
type tables struct {
	areas map[geo.AreaKey]*areaSum
	cube  uint64
	orgs  map[string]int
}

func newTables() *tables {
	return &tables{areas: map[geo.AreaKey]*areaSum{}, orgs: map[string]int{}}
}

// rows gathers the sums while a snapshot is audited.
func (t *tables) rows() atlas.Rows {
	taxa := map[geo.AreaKey]uint64{}
	return atlas.Rows{
		Area: func(k geo.AreaKey, n int) { t.areas[k] = &areaSum{n: n} },
		Cube: func(cd taxon.CdRef, area geo.AreaKey, year, n int, blurred bool) {
			b := uint64(0)
			if blurred {
				b = 1
			}
			t.cube += uint64(n) * mark(uint64(cd), uint64(area), uint64(year), b)
		},
		AreaTaxon:    func(k geo.AreaKey, cd taxon.CdRef, n int) { taxa[k] += uint64(n) * mark(uint64(cd)) },
		Organisation: func(name string, n int) { t.orgs[name] = n },
		End: func() {
			for k, v := range taxa {
				if a := t.areas[k]; a != nil {
					a.taxa = v
				} else {
					t.areas[k] = &areaSum{taxa: v}
				}
			}
		},
	}
}
