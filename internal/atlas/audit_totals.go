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

	ordinary map[taxon.CdRef]int // by unit
}

// heard is the first of at most one, with nothing missing.
func heard(also []Rows) (r Rows) {
	if len(also) > 0 {
		r = also[0]
	}
	r.ordinary = map[taxon.CdRef]int{}
	cube, ordinary := r.Cube, r.ordinary
	r.Cube = func(cd taxon.CdRef, area geo.AreaKey, year, n int, blurred bool) {
		if !blurred {
			ordinary[cd] += n
		}
		if cube != nil {
			cube(cd, area, year, n, blurred)
		}
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

// totals are queries whose answer must be 0: a total is the sum of what is listed, everywhere
// one is told beside its list, so that subtracting one from the other tells nothing.
var totals = [...]struct{ what, sql string }{
	{"taxa whose number of species differs from those below them", `SELECT COUNT(*) FROM taxon JOIN
		(SELECT ancestor_cd_ref AS up, SUM(is_species) AS n FROM taxon_path JOIN taxon USING (cd_ref) GROUP BY up) ON up = cd_ref WHERE species != n`},
	{"taxa whose organisations differ from their figures", `SELECT COUNT(*) FROM taxon LEFT JOIN
		(SELECT cd_ref AS cd, SUM(observations) AS n FROM taxon_organisation GROUP BY cd) ON cd = cd_ref WHERE observations != COALESCE(n, 0)`},
	{"organisations whose taxa differ from their figures", `SELECT COUNT(*) FROM organisation LEFT JOIN
		(SELECT organisation_id AS o, SUM(t.observations) AS n FROM taxon_organisation AS t JOIN taxon USING (cd_ref)
		WHERE parent_cd_ref NOT IN (SELECT cd_ref FROM taxon) GROUP BY o) ON o = id WHERE observations != COALESCE(n, 0)`},
	{"species whose lists are longer than their figures", `SELECT COUNT(*) FROM taxon JOIN
		(SELECT cd_ref AS cd, MAX(observations) AS n FROM area_taxon GROUP BY cd) ON cd = cd_ref WHERE n > observations`},
	{"names of no taxon", `SELECT COUNT(*) FROM taxon_name WHERE cd_ref NOT IN (SELECT cd_ref FROM taxon)`},
	{"codes of no taxon", `SELECT COUNT(*) FROM name_code WHERE cd_ref NOT IN (SELECT cd_ref FROM taxon)`},
}

// totals compares what is told as a sum with what it is the sum of, and gives rows out.
func (a *auditor) totals() error {
	for _, c := range totals {
		if err := a.each(c.sql, func(s *sqlite.Stmt) error {
			if n := s.ColumnInt64(0); n != 0 {
				a.problem("%s (%d)", c.what, n)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	lists, err := a.areaLists()
	if err != nil {
		return err
	}
	if err := a.each("SELECT name, observations FROM organisation", func(s *sqlite.Stmt) error {
		a.rows.Organisation(s.ColumnText(0), s.ColumnInt(1))
		return nil
	}); err != nil {
		return err
	}
	if err := a.taxonSheets(); err != nil {
		return err
	}
	if err := a.areaSheets(lists); err != nil {
		return err
	}
	return a.home()
}

// altitudes checks that no more altitudes are told of a taxon than it has ordinary observations:
// of blurred ones none is.
func (a *auditor) altitudes() error {
	ordinary := map[taxon.CdRef]int{}
	if err := a.each("SELECT ancestor_cd_ref, cd_ref FROM taxon_path", func(s *sqlite.Stmt) error {
		ordinary[taxon.CdRef(s.ColumnInt(0))] += a.rows.ordinary[taxon.CdRef(s.ColumnInt(1))]
		return nil
	}); err != nil {
		return err
	}
	wrong := 0
	err := a.each("SELECT cd_ref, SUM(observations) FROM altitude GROUP BY cd_ref", func(s *sqlite.Stmt) error {
		// Of a subspecies the cube tells nothing: its species does.
		if n, ok := ordinary[taxon.CdRef(s.ColumnInt(0))]; ok && s.ColumnInt(1) > n {
			wrong++
		}
		return nil
	})
	if wrong > 0 {
		a.problem("taxa with more altitudes than ordinary observations (%d)", wrong)
	}
	return err
}

// listSum is what a species list adds up to; mixed tells one list from another.
type listSum struct {
	species, n int
	mixed      uint64
}

func (l *listSum) add(cd taxon.CdRef, n int) {
	l.species++
	l.n += n
	l.mixed += uint64(n) * (uint64(cd)*0x9e3779b97f4a7c15 ^ 0x5bf03635)
}

// areaLists compares the plain species lists of areas with the packed ones of areas and of taxa.
func (a *auditor) areaLists() (packed []listSum, err error) {
	plain, ofTaxa := make([]listSum, len(a.areas)), make([]listSum, len(a.areas))
	packed = make([]listSum, len(a.areas))
	if err := a.each("SELECT area_id, cd_ref, observations FROM area_taxon", func(s *sqlite.Stmt) error {
		i, cd, n := s.ColumnInt(0)-1, taxon.CdRef(s.ColumnInt(1)), s.ColumnInt(2)
		if i >= 0 && i < len(a.areas) {
			plain[i].add(cd, n)
			a.rows.AreaTaxon(a.areas[i].Area, cd, n)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	for i := range a.areas {
		a.rows.Area(a.areas[i].Area, a.areas[i].N)
	}
	if err := a.each("SELECT area_id, taxa FROM area_sheet", func(s *sqlite.Stmt) error {
		i := s.ColumnInt(0) - 1
		if i < 0 || i >= len(a.areas) {
			return nil
		}
		return eachTaxon(column(s, 1), func(t taxonTally, _ *unpacker) { packed[i].add(taxon.CdRef(t.cd), int(t.n)) })
	}); err != nil {
		return nil, err
	}
	if err := a.each("SELECT cd_ref, areas FROM taxon_sheet WHERE cd_ref IN (SELECT cd_ref FROM taxon WHERE is_species)", func(s *sqlite.Stmt) error {
		cd := taxon.CdRef(s.ColumnInt(0))
		return eachTally(column(s, 1), func(t areaTally) {
			if int(t.area) < len(ofTaxa) {
				ofTaxa[t.area].add(cd, int(t.n))
			}
		})
	}); err != nil {
		return nil, err
	}
	wrong := 0
	for i := range a.areas {
		admin := a.areas[i].Area.Kind().Mesh() == 0
		if packed[i] != ofTaxa[i] || admin && plain[i] != packed[i] || packed[i].species != a.areas[i].Taxa {
			wrong++
		}
	}
	if wrong > 0 {
		a.problem("areas whose species lists differ from one another (%d)", wrong)
	}
	return packed, nil
}

// taxonSheets compares the totals of sheets of taxa with the plain tables and with what they list.
func (a *auditor) taxonSheets() error {
	alt := map[int]int{}
	if err := a.each("SELECT cd_ref, SUM(observations) FROM altitude GROUP BY cd_ref", func(s *sqlite.Stmt) error {
		alt[s.ColumnInt(0)] = s.ColumnInt(1)
		return nil
	}); err != nil {
		return err
	}
	wrong := 0
	err := a.each(`SELECT cd_ref, sheet, january, february, march, april, may, june, july, august, september, october, november, december, unknown
		FROM taxon_sheet JOIN month USING (cd_ref)`, func(s *sqlite.Stmt) error {
		sheet := column(s, 1)
		var months [12]int
		var days [36]int
		var undated, known, n int
		var altitudes []AltitudeClass
		var orgs []Count
		for name, v := range map[string]any{"months": &months, "undated": &undated, "altknown": &known, "altitudes": &altitudes,
			"organisations": &orgs, "td": &days, "n": &n} {
			if b := member(sheet, name); b != nil && json.Unmarshal(b, v) != nil {
				wrong++
				return nil
			}
		}
		dated := 0
		for i := range months {
			if months[i] != s.ColumnInt(2+i) || days[3*i]+days[3*i+1]+days[3*i+2] > months[i] {
				wrong++
				return nil
			}
			dated += months[i]
		}
		sum := 0
		for _, c := range altitudes {
			sum += c.N
		}
		of := 0
		for _, o := range orgs {
			of += o.N
		}
		if undated != s.ColumnInt(14) || dated+undated != n || sum != known || known != alt[s.ColumnInt(0)] || of != n {
			wrong++
		}
		return nil
	})
	if wrong > 0 {
		a.problem("taxon sheets whose totals differ from what they list (%d)", wrong)
	}
	return err
}

// areaSheets does the same for areas. Groups count species: a record known to the genus is in the
// area's observations only.
func (a *auditor) areaSheets(lists []listSum) error {
	wrong := 0
	err := a.each("SELECT area_id, sheet FROM area_sheet", func(s *sqlite.Stmt) error {
		i, sheet := s.ColumnInt(0)-1, column(s, 1)
		var n, taxa int
		var groups []GroupCount
		var orgs []Count
		for name, v := range map[string]any{"n": &n, "taxa": &taxa, "groups": &groups, "organisations": &orgs} {
			if b := member(sheet, name); b != nil && json.Unmarshal(b, v) != nil {
				wrong++
				return nil
			}
		}
		var sum GroupCount
		for _, g := range groups {
			sum.Observations += g.Observations
			sum.Taxa += g.Taxa
		}
		of := 0
		for _, o := range orgs {
			of += o.N
		}
		if i < 0 || i >= len(a.areas) || sum.Observations != lists[i].n || sum.Taxa != taxa || taxa != a.areas[i].Taxa || of != n {
			wrong++
		}
		return nil
	})
	if wrong > 0 {
		a.problem("area sheets whose totals differ from what they list (%d)", wrong)
	}
	return err
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
