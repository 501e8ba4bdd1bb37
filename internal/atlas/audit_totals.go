package atlas

import (
	"encoding/json"
	"slices"

	"zombiezen.com/go/sqlite"

	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

// Rows are given the rows of plain tables as an audit reads them, so that they are read once.
// Cube is called from another goroutine than the others; End when all are read.
type Rows struct {
	Cube         func(cd taxon.CdRef, area geo.AreaKey, year, n int, blurred bool)
	Area         func(area geo.AreaKey, n int)
	AreaTaxon    func(area geo.AreaKey, cd taxon.CdRef, n int)
	Organisation func(name string, n int)
	End          func()
}

// heard is the first of at most one, with nothing missing.
func heard(also []Rows) (r Rows) {
	if len(also) > 0 {
		r = also[0]
	}
	if r.Cube == nil {
		r.Cube = func(taxon.CdRef, geo.AreaKey, int, int, bool) {}
	}
	if r.Area == nil {
		r.Area = func(geo.AreaKey, int) {}
	}
	if r.AreaTaxon == nil {
		r.AreaTaxon = func(geo.AreaKey, taxon.CdRef, int) {}
	}
	if r.Organisation == nil {
		r.Organisation = func(string, int) {}
	}
	if r.End == nil {
		r.End = func() {}
	}
	return r
}

// cube adds the cube up, row by row. Rows of a taxon follow one another.
func (a *auditor) cube() error {
	out := a.out
	years := [4096]int{}
	var cd taxon.CdRef // whose rows are being read
	var own unitRows
	lost, reading := 0, false
	next := func() {
		if !reading {
			return
		}
		t, again := a.units[cd]
		if again {
			lost++
		}
		own.tally.add(t.tally)
		own.ordinary += t.ordinary
		a.units[cd] = own
	}
	err := a.each("SELECT id, cd_ref, area_id, year, observations, blurred FROM cube ORDER BY id", func(s *sqlite.Stmt) error {
		id, to, i, year, n, blurred := s.ColumnInt64(0), code(s, 1), s.ColumnInt(2)-1, s.ColumnInt(3), s.ColumnInt(4), s.ColumnInt(5) != 0
		if i < 0 || i >= len(a.areas) || n <= 0 || year < 0 || year >= len(years) {
			lost++
			return nil
		}
		if !reading || to != cd {
			next()
			cd, own, reading = to, unitRows{from: id}, true
		}
		area := a.areas[i].Area
		if blurred {
			out.Blurred += n
		} else if own.ordinary += n; area.Kind() != a.meta.Mesh {
			lost++ // an ordinary observation is shown in a cell of the mesh and nowhere else
		}
		a.rows.Cube(cd, area, year, n, blurred)
		a.shown[i] += n
		years[year] += n
		own.add(tally{uint32(n), int16(year), int16(year)})
		own.to = id
		return nil
	})
	next()
	for i, n := range a.shown {
		if n > 0 {
			out.Observations += n
			out.ByKind[a.areas[i].Area.Kind()] += n
		}
	}
	for y, n := range years {
		if n > 0 {
			out.Years[y] = n
		}
	}
	if lost > 0 {
		a.problem("%d cube rows of no area, of the wrong kind, or apart from their taxon", lost)
	}
	return err
}

// compare compares what was read in one half of an audit with what was read in the other.
func (a *auditor) compare() {
	for i := range a.areas {
		if a.shown[i] > a.areas[i].N {
			a.problem("%s has fewer observations than are shown in it", a.areas[i].Area)
		}
	}
	wrong := 0
	for i, cd := range a.taxa.cds {
		p := &a.plain[i]
		if at, ok := a.units[cd]; ok && (at.from != p.from || at.to != p.to) || !ok && p.from > 0 && p.to >= p.from {
			wrong++
		}
	}
	a.count(wrong, "taxa whose rows of the cube are elsewhere")
	a.comparePaths()
	wrong = 0
	for i := range a.listed {
		l := &a.listed[i]
		admin := a.areas[i].Area.Kind().Mesh() == 0
		if l.packed != l.ofTaxa || admin && l.plain != l.packed || l.packed.species != a.areas[i].Taxa {
			wrong++
		}
	}
	a.count(wrong, "areas whose species lists differ from one another")
}

// comparePaths adds the taxa of the cube up along taxon_path, and compares the sums with what is
// told of the taxa above: a total is the sum of what is listed, everywhere one is told beside its
// list, so that subtracting one from the other tells nothing.
func (a *auditor) comparePaths() {
	type sum struct {
		unitRows
		species int
		above   bool
	}
	sums := make([]sum, len(a.plain))
	counted := map[taxon.CdRef]bool{}
	for _, b := range a.below {
		counted[b.cd] = true
		i, ok := a.find(b.up)
		if !ok {
			continue
		}
		u := a.units[b.cd]
		sums[i].above = true
		sums[i].add(u.tally)
		sums[i].ordinary += u.ordinary
		if k, ok := a.find(b.cd); ok {
			sums[i].species += a.plain[k].isSpecies
		}
	}
	for cd := range a.units {
		if !counted[cd] {
			a.problem("cube rows of taxon %d are below no taxon", cd)
		}
	}
	species, altitudes := 0, 0
	for i, cd := range a.taxa.cds {
		h, s, p := &a.taxa.rows[i], &sums[i], &a.plain[i]
		if !s.above { // of a subspecies the cube tells nothing: its species does
			continue
		}
		if int64(s.n) != int64(h.n) || s.first != h.first || s.last != h.last {
			a.problem("taxon %d: figures %d, cube %d", cd, h.n, s.n)
		}
		if s.species != p.species {
			species++
		}
		// Of blurred observations no altitude is told.
		if p.altitudes > s.ordinary {
			altitudes++
		}
	}
	a.count(species, "taxa whose number of species differs from those below them")
	a.count(altitudes, "taxa with more altitudes than ordinary observations")
}

// home compares the first page and the description with the figures.
func (a *auditor) home() error {
	var h HomeSheet
	found := false
	if err := a.each("SELECT sheet FROM home_sheet", func(s *sqlite.Stmt) error {
		found = true
		return json.Unmarshal(column(s, 0), &h)
	}); err != nil {
		return err
	}
	var groups, years, species, observed GroupCount
	for _, g := range h.Groups {
		groups.Observations += g.Observations
		groups.Taxa += g.Taxa
	}
	for _, y := range h.Years {
		years.Observations += y.N
	}
	for i := range a.taxa.rows {
		if r := &a.taxa.rows[i]; r.is(isSpecies) && r.n > 0 {
			species.Taxa++
		}
	}
	communes := 0
	for i := range a.areas {
		if c := &a.areas[i]; c.Area.Kind() == geo.Commune && c.N > 0 {
			communes++
		}
	}
	for _, c := range h.Cells {
		if i, ok := a.areaOf[c.Area]; !ok || a.areas[i].N != c.N || a.areas[i].Taxa != c.Taxa {
			observed.Taxa++
		}
	}
	m := &a.meta
	switch {
	case !found, groups.Observations != m.Observations, groups.Taxa != m.Taxa, years.Observations != m.Observations:
		a.problem("the first page differs from the figures")
	case species.Taxa != m.Taxa, communes != m.Communes:
		a.problem("the description differs from the figures: %d species, %d communes", species.Taxa, communes)
	case observed.Taxa > 0:
		a.problem("the first page's map differs from the areas (%d)", observed.Taxa)
	}
	return a.latest(&h)
}

// latest checks that the first page names no taxon and no place that is not in its tables.
func (a *auditor) latest(h *HomeSheet) error {
	for _, l := range slices.Concat(h.Latest, h.New) {
		if _, ok := a.taxa.find(l.CdRef); !ok {
			a.problem("the first page names taxon %d", l.CdRef)
		}
		if _, ok := a.areaOf[l.Area]; !ok {
			a.problem("the first page names %s", l.Area)
		}
	}
	return nil
}

// Texts returns what every snapshot says of itself, whatever was observed.
func Texts() []string {
	out := []string{schema, readme, rtreeTriggers, indexes, wktWGS84}
	for _, t := range tables {
		out = append(out, t.name, t.about)
	}
	for _, g := range taxon.Groups() {
		out = append(out, g.Slug)
	}
	return out
}
