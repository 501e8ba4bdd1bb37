package portal

import (
	"io"
	"net/url"
	"sort"
	"strings"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"

	"garrigue/internal/atlas"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
)

// areaView is the sheet of a commune, a department or a cell.
type areaView struct {
	*atlas.AreaSheet
	Kind     geo.Kind
	Map      *areaMap
	List     *listView
	Groups   []groupRow
	Communes []atlas.AreaCount // communes a cell meets, or a department's richest
	Label    string
}

// groupRow is a group's bar with the mean beside.
type groupRow struct {
	atlas.GroupCount
	Share, Tick float64
}

// areaOf reads which area an address names.
func areaOf(v *visit) (geo.AreaKey, error) {
	code := strings.ToUpper(v.r.PathValue("code"))
	var key geo.AreaKey
	switch {
	case strings.HasPrefix(v.path, "/commune/"):
		key = geo.AdminKey(geo.Commune, code)
	case strings.HasPrefix(v.path, "/departement/"):
		key = geo.AdminKey(geo.Department, code)
	default:
		if k, ok := geo.ParseCell(v.r.PathValue("code")); ok {
			key = k
		}
	}
	if key == 0 {
		return 0, fault.Say(fault.NotFound, "portal.error.noarea")
	}
	return key, nil
}

func (p *site) area(v *visit) (*answer, error) {
	key, err := areaOf(v)
	if err != nil {
		return nil, err
	}
	if path := areaPath(key); path != v.path {
		return &answer{moved: path}, nil
	}
	sheet, err := v.atlas.Area(v.r.Context(), key)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.Say(fault.NotFound, "portal.error.noarea").Because(err)
	}
	if err != nil {
		return nil, err
	}
	q, err := readList(v)
	if err != nil {
		return nil, err
	}
	rows, total, err := v.atlas.AreaTaxa(v.r.Context(), key, q.filter())
	if err != nil {
		return nil, err
	}
	f := v.frame("", "")
	w := &areaView{AreaSheet: sheet, Kind: key.Kind(), Label: f.areaName(key, sheet.Name), Groups: groupRows(sheet.Groups)}
	f.Title, f.Section, f.Hidden = upperFirst(w.Label), "communes", q.filtered() || q.Page > 1
	f.Description = f.T("portal.area.description", upperFirst(w.Label), sheet.Taxa, sheet.Observations, f.Years(sheet.FirstYear, sheet.LastYear))
	w.List = newList(v, q, rows, total)
	w.List.CSV = areaPath(key) + "/especes.csv"
	for _, g := range sheet.Groups {
		if g.Taxa > 0 {
			w.List.Groups = append(w.List.Groups, g.Slug)
		}
	}
	if err := w.draw(v, f); err != nil {
		return nil, err
	}
	return &answer{page: areaPage(f, w), passing: q.Q != ""}, nil
}

// draw makes the map and finds the communes of a cell or a department.
func (w *areaView) draw(v *visit, f *frame) error {
	ctx := v.r.Context()
	shape, err := v.atlas.Outline(ctx, w.Area)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if len(shape) == 0 && w.Kind.Mesh() > 0 {
		shape = orb.MultiPolygon{{geo.CellRing(w.Area)}}
	}
	if len(shape) == 0 {
		return nil // an area without outline has a sheet without map
	}
	fond, err := v.fond()
	if err != nil {
		return err
	}
	if w.Map, err = fond.drawArea(ctx, v.atlas, w.AreaSheet, shape, f.T("portal.area.map.title", w.Label)); err != nil {
		return err
	}
	switch {
	case w.Kind.Mesh() > 0:
		return w.communesMeeting(v, shape)
	case w.Kind == geo.Department:
		all, _, err := v.atlas.Areas(ctx, geo.Commune, "", 0, mostAddresses)
		if err != nil {
			return err
		}
		w.Communes = richest(within(all, w.Area.Code()), 12)
	}
	return nil
}

// communesMeeting lists the communes a cell touches.
func (w *areaView) communesMeeting(v *visit, shape orb.MultiPolygon) error {
	near, err := outlinesOf(v.r.Context(), v.atlas, geo.Commune, shape.Bound())
	if err != nil {
		return err
	}
	for i := range near {
		if meet(near[i].g, shape[0][0]) {
			w.Communes = append(w.Communes, atlas.AreaCount{Area: near[i].key, Name: near[i].name})
		}
	}
	return nil
}

// meet reports whether an outline and a convex ring share ground, well enough for a list of
// links: a corner or a vertex of one in the other.
func meet(g orb.MultiPolygon, ring orb.Ring) bool {
	for _, pt := range ring {
		if planar.MultiPolygonContains(g, pt) {
			return true
		}
	}
	for _, poly := range g {
		for _, pt := range poly[0] {
			if planar.RingContains(ring, pt) {
				return true
			}
		}
	}
	return false
}

// within keeps the communes of a department: an INSEE code starts with its department's.
func within(all []atlas.AreaCount, dep string) []atlas.AreaCount {
	var out []atlas.AreaCount
	for i := range all {
		if strings.HasPrefix(all[i].Area.Code(), dep) {
			out = append(out, all[i])
		}
	}
	return out
}

func richest(areas []atlas.AreaCount, n int) []atlas.AreaCount {
	sort.SliceStable(areas, func(i, j int) bool { return areas[i].Taxa > areas[j].Taxa })
	return areas[:min(n, len(areas))]
}

// groupRows puts the groups of an area on one scale, the fullest first.
func groupRows(groups []atlas.GroupCount) []groupRow {
	var out []groupRow
	top := 1
	for _, g := range groups {
		if g.Taxa == 0 && g.Mean == 0 {
			continue
		}
		out = append(out, groupRow{GroupCount: g})
		top = max(top, g.Taxa, g.Mean)
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Taxa > out[j].Taxa })
	for i := range out {
		out[i].Share = float64(out[i].Taxa) / float64(top)
		out[i].Tick = float64(out[i].Mean) / float64(top)
	}
	return out
}

func (p *site) areaCSV(v *visit) (*answer, error) {
	key, err := areaOf(v)
	if err != nil {
		return nil, err
	}
	if _, err := v.atlas.Area(v.r.Context(), key); err != nil {
		return nil, err
	}
	q, err := readList(v)
	if err != nil {
		return nil, err
	}
	fl := q.filter()
	fl.Offset, fl.Limit = 0, 1_000_000
	rows, _, err := v.atlas.AreaTaxa(v.r.Context(), key, fl)
	if err != nil {
		return nil, err
	}
	name := key.Kind().String() + "-" + key.Code() + "-especes.csv"
	return &answer{kind: "text/csv; charset=utf-8", download: name, passing: q.Q != "",
		write: func(w io.Writer) error { return writeTaxaCSV(w, rows) }}, nil
}

// communesView is the index of communes.
type communesView struct {
	Query       string
	Department  *atlas.AreaCount // nil: all
	Departments []depLine
	Rows        []atlas.AreaCount
	Total       int
}

type depLine struct {
	atlas.AreaCount
	Communes int
}

func (p *site) communes(v *visit) (*answer, error) {
	ctx := v.r.Context()
	u := v.r.URL.Query()
	w := &communesView{Query: cut(strings.TrimSpace(u.Get("q")), longestQuery)}
	deps, _, err := v.atlas.Areas(ctx, geo.Department, "", 0, 1000)
	if err != nil {
		return nil, err
	}
	all, _, err := v.atlas.Areas(ctx, geo.Commune, w.Query, 0, mostAddresses)
	if err != nil {
		return nil, err
	}
	for i := range deps {
		n := len(within(all, deps[i].Area.Code()))
		w.Departments = append(w.Departments, depLine{deps[i], n})
	}
	f := v.frame("", "")
	f.Title, f.Section = f.T("portal.communes.title"), "communes"
	switch dep := strings.ToUpper(u.Get("dep")); {
	case dep != "":
		for i := range deps {
			if deps[i].Area.Code() == dep {
				w.Department = &deps[i]
			}
		}
		if w.Department == nil {
			return nil, fault.Say(fault.NotFound, "portal.error.noarea")
		}
		w.Rows = within(all, dep)
		f.Title = f.T("portal.communes.titleof", w.Department.Name)
	case w.Query != "" || len(all) <= 600:
		w.Rows = all
	}
	w.Total = len(w.Rows)
	w.Rows = w.Rows[:min(len(w.Rows), 3000)]
	f.Description = f.T("portal.communes.lead", v.meta.Territory)
	f.Hidden = w.Query != ""
	return &answer{page: communesPage(f, w), passing: w.Query != ""}, nil
}

func upperFirst(s string) string {
	r := []rune(s)
	if len(r) == 0 {
		return s
	}
	return strings.ToUpper(string(r[:1])) + string(r[1:])
}

func queryEscape(s string) string { return url.QueryEscape(s) }
