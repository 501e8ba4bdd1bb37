package portal

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"

	"garrigue/internal/atlas"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

// homeView is what the first page shows.
type homeView struct {
	*atlas.HomeSheet
	Season   []atlas.TaxonHead
	Examples []atlas.TaxonHead
	Place    *atlas.Latest // a commune to search for, nil for none
	Map      *speciesMap
	Latest   []atlas.Latest
	New      []atlas.Latest
}

// seasonRows is how many species of the season the first page shows.
const seasonRows = 7

func (p *site) home(v *visit) (*answer, error) {
	sheet, err := v.atlas.Home(v.r.Context())
	if err != nil {
		return nil, err
	}
	fond, err := v.fond()
	if err != nil {
		return nil, err
	}
	f := v.frame("", "")
	f.OwnSearch = true
	f.Description = f.T("portal.home.description", v.meta.Territory, v.meta.Observations, v.meta.Taxa)
	h := &homeView{HomeSheet: sheet, Season: sheet.Season[f.Period()], Latest: sheet.Latest, New: sheet.New}
	if len(h.Season) > seasonRows {
		h.Season = h.Season[:seasonRows]
	}
	h.Latest = slices.Clone(h.Latest[:min(6, len(h.Latest))])
	h.New = slices.Clone(h.New[:min(6, len(h.New))])
	if err := h.settle(v); err != nil {
		return nil, err
	}
	h.Examples = h.Season[:min(2, len(h.Season))]
	if len(h.Examples) < 2 && len(h.Latest) > 1 {
		h.Examples = []atlas.TaxonHead{h.Latest[0].TaxonHead, h.Latest[1].TaxonHead}
	}
	h.Map = fond.drawRichness(sheet.Cells, f.T("portal.home.map.title", v.meta.Territory), f.T("portal.home.map.desc", v.meta.Mesh.Mesh()))
	return &answer{page: homePage(f, h)}, nil
}

// settle leads the latest observations to their commune where they name one (a cell says
// nothing to most), and picks one of these communes as an example.
func (h *homeView) settle(v *visit) error {
	all, _, err := v.atlas.Areas(v.r.Context(), geo.Commune, "", 0, mostAddresses)
	if err != nil {
		return err
	}
	keys := make(map[string]geo.AreaKey, len(all))
	for i := range all {
		if _, twice := keys[all[i].Name]; twice {
			keys[all[i].Name] = 0 // two communes of one name: the cell tells them apart
			continue
		}
		keys[all[i].Name] = all[i].Area
	}
	deps, _, err := v.atlas.Areas(v.r.Context(), geo.Department, "", 0, mostAddresses)
	if err != nil {
		return err
	}
	for i := range deps {
		delete(keys, deps[i].Name) // a place may be named by its department alone
	}
	for _, list := range [][]atlas.Latest{h.Latest, h.New} {
		for i := range list {
			if l := &list[i]; l.Area.Kind() == v.meta.Mesh && keys[l.Place] != 0 {
				l.Area = keys[l.Place]
			}
			if h.Place == nil && list[i].Area.Kind() == geo.Commune {
				h.Place = &list[i]
			}
		}
	}
	return nil
}

// searchView is a page of results.
type searchView struct {
	Query string
	Taxa  []atlas.Hit
	Areas []atlas.Hit
}

// longestQuery is as much of a search as is read; longer ones are cut, never refused.
const longestQuery = 120

func (p *site) search(v *visit) (*answer, error) {
	q := cut(strings.TrimSpace(v.r.URL.Query().Get("q")), longestQuery)
	s := &searchView{Query: q}
	if q != "" {
		hits, err := v.atlas.Search(v.r.Context(), q, 60)
		if err != nil {
			return nil, err
		}
		for i := range hits {
			if hits[i].Taxon != nil {
				s.Taxa = append(s.Taxa, hits[i])
			} else {
				s.Areas = append(s.Areas, hits[i])
			}
		}
	}
	f := v.frame("", "")
	f.Title, f.OwnSearch, f.Hidden = f.T("portal.search.title"), true, true
	if q != "" {
		f.Title = f.T("portal.search.titleof", q)
	}
	return &answer{page: searchPage(f, s), passing: true}, nil
}

func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

// about explains what this is and who sees what.
func (p *site) about(v *visit) (*answer, error) {
	f := v.frame("", "")
	f.Title, f.Section = f.T("portal.about.title"), "a-propos"
	f.Description = f.T("portal.about.lead", v.meta.Territory)
	return &answer{page: aboutPage(f)}, nil
}

// robots lets everyone read everything but free searches.
func (p *site) robots(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=86400")
	var b strings.Builder
	b.WriteString("User-agent: *\n")
	for _, l := range p.langs {
		fmt.Fprintf(&b, "Disallow: %s?\n", p.href(l, "/recherche"))
	}
	fmt.Fprintf(&b, "\nSitemap: %s/sitemap.xml\n", p.origin(r))
	io.WriteString(w, b.String()) //nolint:errcheck // the visitor left
}

// origin is the address of the site, as set or as the visitor wrote it.
func (p *site) origin(r *http.Request) string {
	if p.o.PublicURL != "" {
		return strings.TrimSuffix(p.o.PublicURL, "/")
	}
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// sitemap lists every sheet. It is not kept in memory: it depends on the host asked for.
func (p *site) sitemap(w http.ResponseWriter, r *http.Request) {
	a, release := p.store.Acquire()
	defer release()
	v := &visit{p: p, r: r, lang: p.langs[0], atlas: a, path: r.URL.Path}
	if a == nil {
		p.fail(w, v, fault.Say(fault.Unavailable, "portal.error.noatlas"))
		return
	}
	v.meta = a.Meta()
	tag := p.tag(v, "sitemap "+p.origin(r))
	if noneMatch(r, tag) {
		setCaching(w, tag)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	ans := &answer{kind: "application/xml; charset=utf-8", write: func(out io.Writer) error { return writeSitemap(v, p.origin(r), out) }}
	f, err := finish(r.Context(), ans, tag, "")
	if err != nil {
		p.fail(w, v, err)
		return
	}
	p.send(w, r, f)
}

// mostAddresses is the protocol's limit of a site map (sitemaps.org).
const mostAddresses = 50000

func writeSitemap(v *visit, origin string, out io.Writer) error {
	n := 0
	var failed error
	add := func(path string) {
		if n++; n > mostAddresses || failed != nil {
			return
		}
		_, failed = fmt.Fprintf(out, "<url><loc>%s%s</loc></url>\n", escape(origin), escape(path))
	}
	_, failed = io.WriteString(out, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+`<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">`+"\n")
	for _, path := range []string{"/", "/especes", "/communes", policyPath, "/a-propos"} {
		for _, l := range v.p.langs {
			add(v.p.href(l, path))
		}
	}
	for _, g := range taxon.Groups() {
		add("/groupe/" + g.Slug)
	}
	taxa, _, err := v.atlas.Taxa(v.r.Context(), 0, atlas.ListFilter{Unseen: true, Limit: mostAddresses})
	if err != nil {
		return err
	}
	sort.Slice(taxa, func(i, j int) bool { return taxa[i].CdRef < taxa[j].CdRef })
	for i := range taxa {
		add(taxonPath(taxa[i].CdRef, taxa[i].Rank))
	}
	for _, kind := range []geo.Kind{geo.Department, geo.Commune} {
		areas, _, err := v.atlas.Areas(v.r.Context(), kind, "", 0, mostAddresses)
		if err != nil {
			return err
		}
		for i := range areas {
			add(areaPath(areas[i].Area))
		}
	}
	_, err = io.WriteString(out, "</urlset>\n")
	return errors.Join(failed, err)
}

// listQuery is a list's filter as an address carries it.
type listQuery struct {
	Path   string // of the page, without language
	Q      string
	Group  string
	Status string
	Since  int
	Order  string
	Page   int
	NoForm bool
}

const pageLength = 50

// readList reads a list's filter; what it does not understand is an error said in words.
func readList(v *visit) (listQuery, error) {
	u := v.r.URL.Query()
	q := listQuery{Path: v.path, Q: cut(strings.TrimSpace(u.Get("q")), longestQuery), Group: u.Get("groupe"),
		Status: u.Get("statut"), Order: u.Get("ordre"), Page: 1}
	switch q.Status {
	case "", "protegee", "menacee", "sensible":
	default:
		return q, fault.Say(fault.Invalid, "portal.error.filter", "statut")
	}
	switch q.Order {
	case "", "nom", "latin", "recent":
	default:
		return q, fault.Say(fault.Invalid, "portal.error.filter", "ordre")
	}
	if q.Group != "" && !isGroup(q.Group) {
		return q, fault.Say(fault.Invalid, "portal.error.filter", "groupe")
	}
	var err error
	if q.Since, err = number(u.Get("depuis"), 0, 9999); err != nil {
		return q, fault.Say(fault.Invalid, "portal.error.filter", "depuis")
	}
	if s := u.Get("page"); s != "" {
		if q.Page, err = number(s, 1, math.MaxInt32/pageLength); err != nil {
			return q, fault.Say(fault.Invalid, "portal.error.filter", "page")
		}
	}
	return q, nil
}

func number(s string, lo, hi int) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < lo || n > hi {
		return 0, fault.Say(fault.Invalid, "portal.error.number")
	}
	return n, nil
}

func isGroup(slug string) bool {
	for _, g := range taxon.Groups() {
		if g.Slug == slug {
			return true
		}
	}
	return false
}

// filter is the query in the atlas's terms.
func (q *listQuery) filter() atlas.ListFilter {
	f := atlas.ListFilter{Query: q.Q, Group: q.Group, SinceYear: q.Since, Offset: (q.Page - 1) * pageLength, Limit: pageLength}
	f.Status = map[string]string{"protegee": "protected", "menacee": "threatened", "sensible": "sensitive"}[q.Status]
	f.Order = map[string]string{"nom": "name", "latin": "sci", "recent": "last"}[q.Order]
	return f
}

// filtered reports whether anything is asked beyond the whole list.
func (q *listQuery) filtered() bool {
	return q.Q != "" || q.Group != "" || q.Status != "" || q.Since != 0
}

// at returns the address of another page of the list.
func (q *listQuery) at(page int) string {
	var parts []string
	add := func(k, v string) {
		if v != "" {
			parts = append(parts, k+"="+queryEscape(v))
		}
	}
	add("q", q.Q)
	add("groupe", q.Group)
	add("statut", q.Status)
	if q.Since > 0 {
		add("depuis", strconv.Itoa(q.Since))
	}
	add("ordre", q.Order)
	if page > 1 {
		add("page", strconv.Itoa(page))
	}
	if len(parts) == 0 {
		return q.Path
	}
	return q.Path + "?" + strings.Join(parts, "&")
}

// listView is a species list with its filter.
type listView struct {
	listQuery
	Rows   []atlas.TaxonRow
	Total  int
	Groups []string // groups to choose from, none to hide the choice
	CSV    string   // address of the same list as CSV, "" for none
	Since  []int    // years to choose from
	Listed bool     // the sensitive taxa may be asked for: not in an area, whose list would then tell of the blurred ones
}

func newList(v *visit, q listQuery, rows []atlas.TaxonRow, total int) *listView {
	y := v.today.Year()
	return &listView{listQuery: q, Rows: rows, Total: total, Since: []int{y, y - 5, y - 10, y - 20}}
}

// allGroups lists the public groups.
func allGroups() []string {
	var out []string
	for _, g := range taxon.Groups() {
		out = append(out, g.Slug)
	}
	return out
}

// taxaPage is a list of taxa with a head: a group, a higher taxon, or everything.
type taxaPage struct {
	Head   *atlas.TaxonSheet // nil but for a higher taxon
	Group  *atlas.GroupCount // nil but for a group
	Groups []atlas.GroupCount
	List   *listView
}

func (p *site) list(v *visit) (*answer, error) {
	cd, err := codeOf(v)
	if err != nil {
		return nil, err
	}
	ref, err := v.atlas.Resolve(v.r.Context(), cd)
	if err != nil {
		return nil, err
	}
	sheet, err := v.atlas.Taxon(v.r.Context(), ref)
	if err != nil {
		return nil, err
	}
	if !aboveSpecies(sheet.Rank) {
		return &answer{moved: taxonPath(sheet.CdRef, sheet.Rank)}, nil
	}
	if taxon.CdNom(ref) != cd {
		return &answer{moved: "/liste/" + strconv.Itoa(int(ref))}, nil
	}
	q, err := readList(v)
	if err != nil {
		return nil, err
	}
	fl := q.filter()
	fl.Unseen = sheet.Unseen() // what lists name there is then all there is
	rows, total, err := v.atlas.Taxa(v.r.Context(), ref, fl)
	if err != nil {
		return nil, err
	}
	f := v.frame("", "")
	f.Title, f.Section = f.Name(&sheet.TaxonHead), "especes"
	f.Description = f.T("portal.list.description", f.Name(&sheet.TaxonHead), v.meta.Territory, sheet.Species)
	f.Hidden = q.filtered() || q.Page > 1
	l := newList(v, q, rows, total)
	l.Listed = true
	if sheet.Rank == taxon.Kingdom || sheet.Rank == taxon.Phylum {
		l.Groups = allGroups()
	}
	return &answer{page: taxaListPage(f, &taxaPage{Head: sheet, List: l}), passing: q.Q != ""}, nil
}

func (p *site) group(v *visit) (*answer, error) {
	slug := v.r.PathValue("slug")
	if !isGroup(slug) {
		return nil, fault.Say(fault.NotFound, "portal.error.nogroup")
	}
	home, err := v.atlas.Home(v.r.Context())
	if err != nil {
		return nil, err
	}
	g := atlas.GroupCount{Slug: slug}
	for i := range home.Groups {
		if home.Groups[i].Slug == slug {
			g = home.Groups[i]
		}
	}
	q, err := readList(v)
	if err != nil {
		return nil, err
	}
	fl := q.filter()
	fl.Group = slug
	rows, total, err := v.atlas.Taxa(v.r.Context(), 0, fl)
	if err != nil {
		return nil, err
	}
	f := v.frame("", "")
	f.Title, f.Section = f.Group(slug), "especes"
	f.Description = f.T("portal.list.description", f.Group(slug), v.meta.Territory, g.Taxa)
	f.Hidden = q.filtered() || q.Page > 1
	l := newList(v, q, rows, total)
	l.Listed = true
	return &answer{page: taxaListPage(f, &taxaPage{Group: &g, List: l}), passing: q.Q != ""}, nil
}

func (p *site) allSpecies(v *visit) (*answer, error) {
	home, err := v.atlas.Home(v.r.Context())
	if err != nil {
		return nil, err
	}
	q, err := readList(v)
	if err != nil {
		return nil, err
	}
	rows, total, err := v.atlas.Taxa(v.r.Context(), 0, q.filter())
	if err != nil {
		return nil, err
	}
	f := v.frame("", "")
	f.Title, f.Section = f.T("portal.species.all"), "especes"
	f.Description = f.T("portal.list.description", f.T("portal.species.all"), v.meta.Territory, v.meta.Taxa)
	f.Hidden = q.filtered() || q.Page > 1
	l := newList(v, q, rows, total)
	l.Listed = true
	l.Groups = allGroups()
	return &answer{page: taxaListPage(f, &taxaPage{Groups: home.Groups, List: l}), passing: q.Q != ""}, nil
}

// writeTaxaCSV writes a species list with the columns of the open API.
func writeTaxaCSV(out io.Writer, rows []atlas.TaxonRow) error {
	if _, err := io.WriteString(out, "\ufeff"); err != nil { // spreadsheets take a file without it for Latin-1
		return err
	}
	w := csv.NewWriter(out)
	err := w.Write([]string{"cd_ref", "scientific_name", "author", "vernacular_name", "rank", "group", "observations",
		"first_year", "last_year", "red_list", "red_list_of", "protected"})
	for i := range rows {
		t := &rows[i].TaxonHead
		err = errors.Join(err, w.Write([]string{strconv.Itoa(int(t.CdRef)), calm(t.ScientificName), calm(t.Author), calm(t.Vernacular),
			string(t.Rank), t.Group, strconv.Itoa(t.Observations), year(t.FirstYear), year(t.LastYear), t.RedList, t.RedListOf,
			strconv.FormatBool(t.Protected)}))
	}
	w.Flush()
	return errors.Join(err, w.Error())
}

func year(y int) string {
	if y == 0 {
		return ""
	}
	return strconv.Itoa(y)
}

// calm keeps a spreadsheet from taking a text for a formula.
func calm(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
