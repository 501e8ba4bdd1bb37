package portal

import (
	"encoding/csv"
	"errors"
	"io"
	"sort"
	"strconv"

	"garrigue/internal/atlas"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

// speciesView is the sheet of a species.
type speciesView struct {
	*atlas.TaxonSheet
	Map      *speciesMap
	From, To int // years of the map, 0: all
	// First and Last are the ends of the year slider.
	First, Last int
	Kept        int // observations between From and To
	Altitudes   []altitudeRow
	Dated       int // observations dated to the day
	Monthly     int
	Top         []atlas.AreaCount // cells with most observations
	Precision   precisionView
}

func codeOf(v *visit) (taxon.CdNom, error) {
	n, err := strconv.ParseInt(v.r.PathValue("cd"), 10, 32)
	if err != nil || n <= 0 {
		return 0, fault.Say(fault.NotFound, "portal.error.notaxon")
	}
	return taxon.CdNom(n), nil
}

// taxonOf finds the sheet an address names, or where it has moved: a synonym leads to its
// taxon, a group of species to its list.
func taxonOf(v *visit) (*atlas.TaxonSheet, *answer, error) {
	cd, err := codeOf(v)
	if err != nil {
		return nil, nil, err
	}
	sheet, err := v.atlas.Taxon(v.r.Context(), taxon.CdRef(cd))
	if fault.Is(err, fault.NotFound) {
		ref, rerr := v.atlas.Resolve(v.r.Context(), cd)
		if rerr != nil || taxon.CdNom(ref) == cd {
			return nil, nil, fault.Say(fault.NotFound, "portal.error.notaxon").Because(err)
		}
		if sheet, err = v.atlas.Taxon(v.r.Context(), ref); err == nil {
			return nil, &answer{moved: taxonPath(sheet.CdRef, sheet.Rank)}, nil
		}
	}
	if fault.Is(err, fault.NotFound) {
		return nil, nil, fault.Say(fault.NotFound, "portal.error.notaxon").Because(err)
	}
	if err != nil {
		return nil, nil, err
	}
	if aboveSpecies(sheet.Rank) {
		return nil, &answer{moved: taxonPath(sheet.CdRef, sheet.Rank)}, nil
	}
	return sheet, nil, nil
}

func (p *site) species(v *visit) (*answer, error) {
	sheet, moved, err := taxonOf(v)
	if err != nil || moved != nil {
		return moved, err
	}
	if sheet.Unseen() {
		return unseen(v, sheet)
	}
	s, err := newSpecies(v, sheet)
	if err != nil {
		return nil, err
	}
	areas := append(append([]atlas.AreaCount(nil), sheet.Cells...), sheet.Coarse...)
	if s.From != 0 || s.To != 0 {
		if areas, err = v.atlas.Cells(v.r.Context(), sheet.CdRef, s.From, s.To); err != nil {
			return nil, err
		}
	}
	searched, err := v.atlas.Searched(v.r.Context(), sheet.CdRef, s.From, s.To)
	if err != nil {
		return nil, err
	}
	fond, err := v.fond()
	if err != nil {
		return nil, err
	}
	f := v.frame("", "")
	f.Title = f.fullName(&sheet.TaxonHead)
	f.Section = "especes"
	f.Hidden = s.From != 0 || s.To != 0
	f.Description = f.T("portal.species.description", f.Title, v.meta.Territory, sheet.Observations, sheet.CommuneCount, f.Years(sheet.FirstYear, sheet.LastYear))
	s.Map, err = fond.drawSpecies(v.r.Context(), v.atlas, v.meta.Mesh, areas, searched, f.T("portal.map.title", f.Name(&sheet.TaxonHead), v.meta.Territory), s.describe(f))
	if err != nil {
		return nil, err
	}
	s.Precision = f.precision(sheet)
	return &answer{page: speciesPage(f, s)}, nil
}

// unseen is the sheet of a taxon of which nothing is published: it is there because a list names
// it, and is made of the list and the taxonomy alone.
func unseen(v *visit, sheet *atlas.TaxonSheet) (*answer, error) {
	f := v.frame("", "")
	f.Title = f.fullName(&sheet.TaxonHead)
	f.Section = "especes"
	f.Description = f.T("portal.unseen.description", f.Title, v.meta.Territory)
	own := *sheet
	own.Statuses = distinctStatuses(sheet.Statuses)
	return &answer{page: unseenPage(f, &speciesView{TaxonSheet: &own, Precision: f.precision(sheet)})}, nil
}

// fullName is a taxon's names as a title: both, when it has two.
func (f *frame) fullName(t *atlas.TaxonHead) string {
	if f.HasName(t) {
		return f.Name(t) + " (" + t.ScientificName + ")"
	}
	return f.Name(t)
}

// newSpecies prepares what the sheet shows beyond what the atlas stored.
func newSpecies(v *visit, sheet *atlas.TaxonSheet) (*speciesView, error) {
	own := *sheet // the atlas may keep the sheet it gave
	own.Statuses = distinctStatuses(sheet.Statuses)
	s := &speciesView{TaxonSheet: &own, Altitudes: altitudeRows(sheet.Altitude)}
	if n := len(sheet.Years); n > 0 {
		s.First, s.Last = sheet.Years[0].Year, sheet.Years[n-1].Year
	}
	u := v.r.URL.Query()
	var err error
	if s.From, err = number(u.Get("de"), 0, 9999); err != nil {
		return nil, fault.Say(fault.Invalid, "portal.error.years")
	}
	if s.To, err = number(u.Get("a"), 0, 9999); err != nil {
		return nil, fault.Say(fault.Invalid, "portal.error.years")
	}
	if s.From != 0 && s.To != 0 && s.From > s.To {
		s.From, s.To = s.To, s.From // two handles of a slider may cross
	}
	// The whole span is no filter.
	if s.From <= s.First && (s.To == 0 || s.To >= s.Last) {
		s.From, s.To = 0, 0
	}
	for _, y := range sheet.Years {
		if (s.From == 0 || y.Year >= s.From) && (s.To == 0 || y.Year <= s.To) {
			s.Kept += y.N
		}
	}
	for _, n := range sheet.TenDays {
		s.Dated += n
	}
	for _, n := range sheet.Months {
		s.Monthly += n
	}
	s.Top = topCells(sheet.Cells, 8)
	return s, nil
}

// Lo and Hi are the years in force, whole span included.
func (s *speciesView) Lo() int {
	if s.From == 0 {
		return s.First
	}
	return s.From
}

// Hi is the last year in force.
func (s *speciesView) Hi() int {
	if s.To == 0 {
		return s.Last
	}
	return s.To
}

// describe is the map in words, for who does not see it.
func (s *speciesView) describe(f *frame) string {
	text := f.T("portal.map.desc", len(s.Cells), f.Meta.Mesh.Mesh())
	if len(s.Departments) > 0 {
		text += " " + f.T("portal.map.most", s.Departments[0].Name)
	}
	return text + " " + f.T("portal.map.table")
}

func topCells(cells []atlas.AreaCount, n int) []atlas.AreaCount {
	top := append([]atlas.AreaCount(nil), cells...)
	sort.Slice(top, func(i, j int) bool {
		if top[i].N != top[j].N {
			return top[i].N > top[j].N
		}
		return top[i].Area < top[j].Area
	})
	return top[:min(n, len(top))]
}

// areasView is the whole table of a taxon's cells or communes.
type areasView struct {
	Head  *atlas.TaxonSheet
	Kind  geo.Kind
	Rows  []atlas.AreaCount
	Total int
	Page  int
	Path  string
}

const areasLength = 200

func (p *site) speciesCells(v *visit) (*answer, error) {
	sheet, moved, err := taxonOf(v)
	if err != nil || moved != nil {
		return moved, err
	}
	return speciesAreas(v, sheet, v.meta.Mesh, topCells(sheet.Cells, len(sheet.Cells)))
}

func (p *site) speciesCommunes(v *visit) (*answer, error) {
	sheet, moved, err := taxonOf(v)
	if err != nil || moved != nil {
		return moved, err
	}
	rows, err := v.atlas.TaxonAreas(v.r.Context(), sheet.CdRef, geo.Commune)
	if err != nil {
		return nil, err
	}
	return speciesAreas(v, sheet, geo.Commune, rows)
}

func speciesAreas(v *visit, sheet *atlas.TaxonSheet, kind geo.Kind, rows []atlas.AreaCount) (*answer, error) {
	q, err := readList(v)
	if err != nil {
		return nil, err
	}
	f := v.frame("", "")
	key := "portal.areas.communes"
	if kind != geo.Commune {
		key = "portal.areas.cells"
	}
	f.Title, f.Section, f.Hidden = f.T(key, f.Name(&sheet.TaxonHead)), "especes", true
	w := &areasView{Head: sheet, Kind: kind, Total: len(rows), Page: q.Page, Path: v.path}
	lo := min((q.Page-1)*areasLength, len(rows))
	w.Rows = rows[lo:min(lo+areasLength, len(rows))]
	return &answer{page: areasPage(f, w)}, nil
}

func (p *site) speciesCommunesCSV(v *visit) (*answer, error) {
	sheet, moved, err := taxonOf(v)
	if err != nil || moved != nil {
		return moved, err
	}
	rows, err := v.atlas.TaxonAreas(v.r.Context(), sheet.CdRef, geo.Commune)
	if err != nil {
		return nil, err
	}
	return areasCSV(sheet, "communes", rows), nil
}

func (p *site) speciesCellsCSV(v *visit) (*answer, error) {
	sheet, moved, err := taxonOf(v)
	if err != nil || moved != nil {
		return moved, err
	}
	return areasCSV(sheet, "mailles", append(topCells(sheet.Cells, len(sheet.Cells)), sheet.Coarse...)), nil
}

func areasCSV(sheet *atlas.TaxonSheet, what string, rows []atlas.AreaCount) *answer {
	return &answer{kind: "text/csv; charset=utf-8", download: strconv.Itoa(int(sheet.CdRef)) + "-" + what + ".csv", write: func(out io.Writer) error {
		if _, err := io.WriteString(out, "\ufeff"); err != nil {
			return err
		}
		w := csv.NewWriter(out)
		err := w.Write([]string{"cd_ref", "scientific_name", "area_kind", "area_code", "area_name", "observations", "first_year", "last_year", "less_precise"})
		for i := range rows {
			r := &rows[i]
			err = errors.Join(err, w.Write([]string{strconv.Itoa(int(sheet.CdRef)), calm(sheet.ScientificName), r.Area.Kind().String(), r.Area.Code(),
				calm(r.Name), strconv.Itoa(r.N), year(r.First), year(r.Last), strconv.FormatBool(r.Reasons != 0)}))
		}
		w.Flush()
		return errors.Join(err, w.Error())
	}}
}
