package atlas

import (
	"zombiezen.com/go/sqlite"

	"garrigue/internal/taxon"
)

// audited is what the tables of a snapshot say, as they are read: units and shown by the one half
// of an audit, the rest by the other.
type audited struct {
	units map[taxon.CdRef]unitRows
	shown []int // observations the cube shows in each area

	places  []int32      // of taxa in the table of heads
	plain   []plainTaxon // by place in the table of heads
	longest []int        // the same: most observations in a list of an area
	below   []belowTaxon
	listed  []listedIn // by area
}

// unitRows are the rows of cube of one taxon.
type unitRows struct {
	tally
	ordinary int   // observations that are not blurred
	from, to int64 // ids of the first row and the last
}

// plainTaxon is what the plain tables say of a taxon.
type plainTaxon struct {
	n, species int
	isSpecies  int
	top        bool  // its parent has no row
	from, to   int64 // of its rows of cube
	months     [13]int
	altitudes  int
	orgs       int
}

// belowTaxon is a row of taxon_path.
type belowTaxon struct{ up, cd taxon.CdRef }

// listedIn is the species list of an area, told three times.
type listedIn struct {
	rows                  int64 // of area_taxon
	plain, packed, ofTaxa listSum
}

// listSum is what a species list adds up to; mixed tells one list from another.
type listSum struct {
	species, n int
	mixed      uint64
}

// mixing is what a taxon's observations are multiplied by in listSum.mixed.
func mixing(cd taxon.CdRef) uint64 { return uint64(cd)*0x9e3779b97f4a7c15 ^ 0x5bf03635 }

func (l *listSum) add(mix uint64, n int) {
	l.species++
	l.n += n
	l.mixed += uint64(n) * mix
}

func newAudited(cds []taxon.CdRef, areas int) *audited {
	return &audited{places: placesOf(cds), units: map[taxon.CdRef]unitRows{}, shown: make([]int, areas), plain: make([]plainTaxon, len(cds)),
		longest: make([]int, len(cds)), listed: make([]listedIn, areas)}
}

// maxPlace bounds the codes that are found by a table: those of TAXREF go to about a million.
const maxPlace = 1 << 22

// placesOf is the place of each code in a sorted list, and one; nil when codes are too high for it.
func placesOf(cds []taxon.CdRef) []int32 {
	if len(cds) == 0 || cds[0] < 0 || cds[len(cds)-1] >= maxPlace {
		return nil
	}
	out := make([]int32, cds[len(cds)-1]+1)
	for i, cd := range cds {
		out[cd] = int32(i) + 1
	}
	return out
}

// find returns the place of a taxon in the table of heads.
func (a *auditor) find(cd taxon.CdRef) (int, bool) {
	if a.places == nil {
		i, ok := a.taxa.find(cd)
		return int(i), ok
	}
	if cd < 0 || int(cd) >= len(a.places) {
		return 0, false
	}
	i := a.places[cd]
	return int(i) - 1, i > 0
}

// code reads a code of a taxon, 0 when it is none.
func code(s *sqlite.Stmt, col int) taxon.CdRef {
	n := s.ColumnInt64(col)
	if cd := taxon.CdRef(n); int64(cd) == n {
		return cd
	}
	return 0
}

// plainTaxa reads the table of taxa.
func (a *auditor) plainTaxa() error {
	strays := 0
	err := a.each(`SELECT cd_ref, parent_cd_ref, is_species, species, observations, first_cube, last_cube FROM taxon ORDER BY cd_ref`,
		func(s *sqlite.Stmt) error {
			i, ok := a.find(code(s, 0))
			if !ok {
				strays++
				return nil
			}
			_, below := a.find(code(s, 1))
			a.plain[i] = plainTaxon{top: !below, isSpecies: s.ColumnInt(2), species: s.ColumnInt(3), n: s.ColumnInt(4),
				from: s.ColumnInt64(5), to: s.ColumnInt64(6)}
			return nil
		})
	a.count(strays, "taxa that are none")
	return err
}

// months compares the months of taxa with their figures.
func (a *auditor) months() error {
	wrong, read := 0, 0
	err := a.each(`SELECT cd_ref, january, february, march, april, may, june, july, august, september, october, november, december, unknown
		FROM month ORDER BY cd_ref`, func(s *sqlite.Stmt) error {
		i, ok := a.find(code(s, 0))
		if !ok {
			wrong++
			return nil
		}
		t, sum := &a.plain[i], 0
		for k := range t.months {
			t.months[k] = s.ColumnInt(1 + k)
			sum += t.months[k]
		}
		if read++; sum != t.n {
			wrong++
		}
		return nil
	})
	a.count(wrong+len(a.plain)-read, "taxa whose months differ from their figures")
	return err
}

// altitudes adds up the altitudes of each taxon.
func (a *auditor) altitudes() error {
	strays := 0
	err := a.each("SELECT cd_ref, observations FROM altitude", func(s *sqlite.Stmt) error {
		if i, ok := a.find(code(s, 0)); ok {
			a.plain[i].altitudes += s.ColumnInt(1)
		} else {
			strays++
		}
		return nil
	})
	a.count(strays, "altitudes of no taxon")
	return err
}

// organisations compares the organisations of taxa, added up, with the taxa and with the
// organisations.
func (a *auditor) organisations() error {
	all := map[int]int{} // observations, of taxa that are below no other
	strays := 0
	if err := a.each("SELECT cd_ref, organisation_id, observations FROM taxon_organisation", func(s *sqlite.Stmt) error {
		i, ok := a.find(code(s, 0))
		if !ok {
			strays++
			return nil
		}
		n := s.ColumnInt(2)
		if a.plain[i].orgs += n; a.plain[i].top {
			all[s.ColumnInt(1)] += n
		}
		return nil
	}); err != nil {
		return err
	}
	wrong := 0
	for i := range a.plain {
		if a.plain[i].orgs != a.plain[i].n {
			wrong++
		}
	}
	a.count(strays+wrong, "taxa whose organisations differ from their figures")
	wrong = 0
	err := a.each("SELECT id, name, observations FROM organisation", func(s *sqlite.Stmt) error {
		if s.ColumnInt(2) != all[s.ColumnInt(0)] {
			wrong++
		}
		a.rows.Organisation(s.ColumnText(1), s.ColumnInt(2))
		return nil
	})
	a.count(wrong, "organisations whose taxa differ from their figures")
	return err
}

// speciesLists reads the plain species lists of areas, whose rows follow one another.
func (a *auditor) speciesLists() error {
	strays, last := 0, int64(0)
	if err := a.each("SELECT area_id, cd_ref, observations FROM area_taxon ORDER BY id", func(s *sqlite.Stmt) error {
		id, cd, n := s.ColumnInt64(0), code(s, 1), s.ColumnInt(2)
		if i, ok := a.find(cd); ok {
			a.longest[i] = max(a.longest[i], n)
		}
		if id < 1 || id > int64(len(a.listed)) {
			strays++
			return nil
		}
		l := &a.listed[id-1]
		l.plain.add(mixing(cd), n)
		a.rows.AreaTaxon(a.areas[id-1].Area, cd, n)
		if id < last {
			strays++
			return nil
		}
		last = id
		l.rows++
		return nil
	}); err != nil {
		return err
	}
	a.count(strays, "species lists of no area, or out of order")
	for i := range a.areas {
		a.rows.Area(a.areas[i].Area, a.areas[i].N)
	}
	wrong := 0
	for i := range a.plain {
		if a.longest[i] > a.plain[i].n {
			wrong++
		}
	}
	a.count(wrong, "species whose lists are longer than their figures")
	return a.spans()
}

// spans compares where areas say their species lists are with where they are.
func (a *auditor) spans() error {
	wrong, from := 0, int64(1)
	err := a.each("SELECT id, species, kind IN ('commune', 'department', 'region'), first_taxon, last_taxon FROM area ORDER BY id", func(s *sqlite.Stmt) error {
		id := s.ColumnInt64(0)
		if id < 1 || id > int64(len(a.listed)) {
			wrong++
			return nil
		}
		rows := a.listed[id-1].rows
		if s.ColumnInt64(2) != 0 && s.ColumnInt64(1) != rows || s.ColumnInt64(3) != from || s.ColumnInt64(4) != from+rows-1 {
			wrong++
		}
		from += rows
		return nil
	})
	a.count(wrong, "areas whose species differ from their list")
	return err
}

// paths reads which taxa are below which.
func (a *auditor) paths() error {
	return a.each("SELECT ancestor_cd_ref, cd_ref FROM taxon_path", func(s *sqlite.Stmt) error {
		a.below = append(a.below, belowTaxon{code(s, 0), code(s, 1)})
		return nil
	})
}
