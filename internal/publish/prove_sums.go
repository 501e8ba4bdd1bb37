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
//
// Most observations share their place with others: sums are kept by place, and those of areas made
// of them when all is read.
type sums struct {
	taxonomy *taxon.Taxonomy
	mesh     geo.Kind
	units    map[taxon.CdRef]unit
	places   map[marked]int32 // numbers, by the mark of a place's areas
	within   [][]geo.AreaKey  // of each place, its own area first
	counted  []areaSum        // of each place
	cube     uint64
	orgs     map[string]int
}

// unit is what an observation of a taxon counts for: its species, or itself above.
type unit struct {
	species bool
	mark    marked // of its code
}

type areaSum struct {
	n    int
	taxa uint64
}

func newSums(refs *atlas.References, mesh geo.Kind) sums {
	return sums{taxonomy: refs.Taxonomy, mesh: mesh, units: map[taxon.CdRef]unit{}, places: map[marked]int32{}, orgs: map[string]int{}}
}

// marked is a number that stands for a few others, unmarked for none.
type marked uint64

const unmarked marked = 0x9e3779b97f4a7c15

// and is the mark of the same numbers and one more.
func (m marked) and(p uint64) marked {
	m ^= marked(p)
	m *= 0xff51afd7ed558ccd
	m ^= m >> 32
	m *= 0xc4ceb9fe1a85ec53
	return m ^ m>>29
}

// mark is a number that stands for a few others.
func mark(parts ...uint64) uint64 {
	m := unmarked
	for _, p := range parts {
		m = m.and(p)
	}
	return uint64(m)
}

// rowMark stands for a row of cube, but its number, of a taxon of that mark.
func rowMark(of marked, area geo.AreaKey, year int, blurred bool) uint64 {
	b := uint64(0)
	if blurred {
		b = 1
	}
	return uint64(of.and(uint64(area)).and(uint64(year)).and(b))
}

func (s *sums) unit(cd taxon.CdRef) unit {
	u, known := s.units[cd]
	if !known {
		if sp, ok := s.taxonomy.SpeciesOf(cd); ok {
			u = unit{true, unmarked.and(uint64(sp))}
		} else {
			u = unit{false, unmarked.and(uint64(cd))}
		}
		s.units[cd] = u
	}
	return u
}

// summed is where an observation counts: it depends on its CdRef, Area and Within.
type summed struct {
	unit  unit
	place int32
}

// add counts what is shown of an observation.
func (s *sums) add(p *disclosure.Published) { s.count(p, summed{s.unit(p.CdRef), s.place(p)}) }

// count is add for an observation of which it is known where it counts.
func (s *sums) count(p *disclosure.Published, to summed) {
	u, at := to.unit, &s.counted[to.place]
	at.n++
	if u.species {
		at.taxa += uint64(u.mark)
	}
	s.cube += rowMark(u.mark, p.Area, max(p.When.Start.Year(), 1500), p.Blurred && p.Area.Kind() != s.mesh)
	s.orgs[p.Organisation]++
}

// place is the number of where an observation counts. Two places of one mark would be taken for one:
// the snapshot would be refused, not let through.
func (s *sums) place(p *disclosure.Published) int32 {
	key := unmarked.and(uint64(p.Area))
	for _, k := range p.Within {
		key = key.and(uint64(k))
	}
	i, known := s.places[key]
	if !known {
		i = int32(len(s.counted))
		s.places[key] = i
		s.counted = append(s.counted, areaSum{})
		s.within = append(s.within, append([]geo.AreaKey{p.Area}, p.Within...))
	}
	return i
}

// areas are the sums by area: one counts once for an observation, however often it is named.
func (s *sums) areas() map[geo.AreaKey]areaSum {
	out := map[geo.AreaKey]areaSum{}
	for i, keys := range s.within {
		for j, k := range keys {
			if j == 0 || k != 0 && !slices.Contains(keys[:j], k) {
				a := out[k]
				out[k] = areaSum{a.n + s.counted[i].n, a.taxa + s.counted[i].taxa}
			}
		}
	}
	return out
}

// compare tells where a snapshot's plain tables differ from what was counted, "" when nowhere.
func (s *sums) compare(got *tables) []string {
	var out []string
	if got.cube != s.cube {
		out = append(out, "cube")
	}
	wrong := map[geo.Kind]int{}
	areas := s.areas()
	for k, want := range areas {
		have, ok := got.areas[k]
		if !ok || have.n != want.n || k.Kind().Mesh() == 0 && have.taxa != want.taxa {
			wrong[k.Kind()]++
		}
	}
	for k, have := range got.areas {
		if _, ok := areas[k]; !ok && (have.n != 0 || have.taxa != 0) {
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
	areas map[geo.AreaKey]areaSum
	cube  uint64
	orgs  map[string]int
}

func newTables() *tables {
	return &tables{areas: map[geo.AreaKey]areaSum{}, orgs: map[string]int{}}
}

// rows gathers the sums while a snapshot is audited. Rows of a taxon, then of an area, mostly follow
// one another.
func (t *tables) rows() atlas.Rows {
	taxa := map[geo.AreaKey]*uint64{}
	var of marked
	var cd taxon.CdRef
	var in geo.AreaKey
	var sum *uint64
	return atlas.Rows{
		Area: func(k geo.AreaKey, n int) { t.areas[k] = areaSum{n: n} },
		Cube: func(unit taxon.CdRef, area geo.AreaKey, year, n int, blurred bool) {
			if of == 0 || unit != cd {
				cd, of = unit, unmarked.and(uint64(unit))
			}
			t.cube += uint64(n) * rowMark(of, area, year, blurred)
		},
		AreaTaxon: func(k geo.AreaKey, cd taxon.CdRef, n int) {
			if sum == nil || k != in {
				if in, sum = k, taxa[k]; sum == nil {
					sum = new(uint64)
					taxa[k] = sum
				}
			}
			*sum += uint64(n) * uint64(unmarked.and(uint64(cd)))
		},
		Organisation: func(name string, n int) { t.orgs[name] = n },
		End: func() {
			for k, v := range taxa {
				t.areas[k] = areaSum{t.areas[k].n, *v}
			}
		},
	}
}
