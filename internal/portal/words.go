package portal

import (
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"garrigue/internal/atlas"
	"garrigue/internal/geo"
	"garrigue/internal/i18n"
	"garrigue/internal/organisation"
	"garrigue/internal/taxon"
)

// errorView is what an error page shows.
type errorView struct {
	Status    int
	Sentence  string
	Reference string
	Query     string
	Hits      []atlas.Hit
}

func (e *errorView) titleKey() string {
	switch e.Status {
	case 404, 400, 503:
		return "portal.error." + strconv.Itoa(e.Status)
	}
	return "portal.error.500"
}

// current is the value of aria-current of a menu entry.
func (f *frame) current(section string) string {
	if f.Path == "/"+section {
		return "page"
	}
	return "true"
}

// motif is the address of a group's drawing.
func (f *frame) motif(group string) string {
	if !f.p.art.motifsOf[group] {
		group = "autres"
	}
	return f.p.art.motifs + "#" + group
}

// langAttr gives a name its language when it is not the page's.
func langAttr(f *frame, t *atlas.TaxonHead) templ.Attributes {
	if l := f.nameLang(t); l != string(f.Lang) {
		return templ.Attributes{"lang": l}
	}
	return nil
}

func redListClass(code string) string {
	code = strings.ToLower(strings.TrimSuffix(code, "*"))
	switch code {
	case "ex", "ew", "re", "cr", "en", "vu", "nt", "lc", "dd", "na", "ne":
		return "rl-" + code
	}
	return "rl-ne"
}

// redListWords is a red-list category in words.
func (f *frame) redListWords(code string) string {
	key := "portal.rl." + strings.TrimSuffix(code, "*")
	if !i18n.Has(i18n.FR, key) {
		return code
	}
	return f.T(key)
}

// colophon says what the page was made from, and when.
func (f *frame) colophon() string {
	m := f.Meta
	s := f.T("portal.foot.state", f.Date(cut(m.Built, 10)), m.ID)
	if m.Licence != "" {
		s += " " + f.T("portal.foot.under", m.Licence)
	}
	if m.Taxref != "" {
		s += " " + f.T("portal.foot.taxref", m.Taxref)
	}
	return s + " " + f.T("portal.foot.software")
}

// alsoMatched is the name that matched when it is neither of those shown.
func (f *frame) alsoMatched(h *atlas.Hit) string {
	if h.Matched == "" || taxon.Fold(h.Matched) == taxon.Fold(f.Name(h.Taxon)) || taxon.Fold(h.Matched) == taxon.Fold(h.Taxon.ScientificName) {
		return ""
	}
	return h.Matched
}

func (f *frame) hitKind(h *atlas.Hit) string {
	s := f.kind(h.Area.Kind())
	if h.Parent != "" {
		s += ", " + h.Parent
	}
	return s
}

// kind names a kind of area: "commune", "maille de 5 km".
func (f *frame) kind(k geo.Kind) string {
	if m := k.Mesh(); m > 0 {
		return f.T("portal.kind.cell", strconv.Itoa(m))
	}
	return f.T("portal.kind." + k.String())
}

// class names a class of a legend.
func (f *frame) class(l *classLine) string {
	switch {
	case l.To == 0:
		return f.T("portal.class.more", l.From-1)
	case l.From == 1 && l.To == 1:
		return f.T("portal.class.one")
	case l.From == l.To:
		return f.Num(l.From)
	}
	return f.T("portal.class.span", l.From, l.To)
}

// swatch is the legend's mark of less precise areas of a kind.
func swatch(k geo.Kind) string {
	switch {
	case k.Mesh() > 10:
		return "k50"
	case k.Mesh() > 0:
		return "k10"
	case k == geo.Commune:
		return "kcom"
	}
	return "kdep"
}

// badgeText is a red-list badge in words: "Vulnérable en France".
func (f *frame) badgeText(t *atlas.TaxonHead) string {
	key := "portal.rlof." + t.RedListOf
	if !i18n.Has(i18n.FR, key) {
		return f.redListWords(t.RedList)
	}
	return f.T(key, f.redListWords(t.RedList))
}

// badge is a status worth a word beside the names.
type badge struct{ Class, Text string }

// badges are the statuses of a taxon besides its red list: one word per sort of text.
func (f *frame) badges(s *atlas.TaxonSheet) []badge {
	var out []badge
	if s.Protected {
		out = append(out, badge{"badge prot", f.T("portal.badge.protected")})
	}
	seen := map[string]bool{}
	for i := range s.Statuses {
		t := s.Statuses[i].Type
		if key := "portal.badge." + t; !seen[t] && i18n.Has(i18n.FR, key) {
			seen[t] = true
			out = append(out, badge{"badge", f.T(key)})
		}
	}
	return out
}

// statusValue is a status's value in words, without repeating what the label says.
func (f *frame) statusValue(s *atlas.StatusRow) string {
	switch {
	case taxon.RedList(s.Type) && i18n.Has(i18n.FR, "portal.rl."+strings.TrimSuffix(s.Code, "*")):
		return f.redListWords(s.Code)
	case s.Value == "true" || s.Value == "" && s.Code == "true":
		return f.T("portal.yes")
	case s.Value != "":
		return f.Typo(s.Value)
	}
	return s.Code
}

func (f *frame) statusType(s *atlas.StatusRow) string {
	if key := "status.type." + s.Type; i18n.Has(i18n.FR, key) {
		return f.T(key)
	}
	if s.TypeLabel != "" {
		return f.Typo(s.TypeLabel)
	}
	return s.Type
}

// habitat is TAXREF's habitat code in words.
func (f *frame) habitat(code string) string {
	if key := "portal.habitat." + code; i18n.Has(i18n.FR, key) {
		return f.T(key)
	}
	return ""
}

// statusNote is where a status holds, and for whom when its label says so: "oiseaux nicheurs,
// France métropolitaine".
func (f *frame) statusNote(s *atlas.StatusRow) string {
	nuance := statusNuance(s)
	switch {
	case nuance == "":
		return f.Typo(s.Territory)
	case s.Territory == "":
		return f.Typo(nuance)
	}
	return f.Typo(nuance + ", " + s.Territory)
}

// statusNuance is what a status's label has in brackets at its end.
func statusNuance(s *atlas.StatusRow) string {
	if i := strings.LastIndexByte(s.TypeLabel, '('); i > 0 && strings.HasSuffix(s.TypeLabel, ")") {
		return s.TypeLabel[i+1 : len(s.TypeLabel)-1]
	}
	return ""
}

// distinctStatuses leaves out rows that say less than another: two references may give the
// same category of the same red list, only one of them saying for which birds.
func distinctStatuses(rows []atlas.StatusRow) []atlas.StatusRow {
	var out []atlas.StatusRow
	for i := range rows {
		if s := &rows[i]; statusNuance(s)+s.Citation+s.Remark+s.URL != "" || !taxon.RedList(s.Type) || !toldBetter(rows, i) {
			out = append(out, *s)
		}
	}
	return out
}

func toldBetter(rows []atlas.StatusRow, i int) bool {
	s := &rows[i]
	for j := range rows {
		o := &rows[j]
		if j != i && o.Type == s.Type && o.Code == s.Code && o.Territory == s.Territory &&
			(j < i || statusNuance(o)+o.Citation+o.Remark+o.URL != "") {
			return true
		}
	}
	return false
}

func (f *frame) statusFR(code string) string {
	if key := "portal.biogeo." + code; i18n.Has(i18n.FR, key) {
		return f.T(key)
	}
	return ""
}

// bound writes west, south, east, north for scripts.
func bound(b [4]float64) string {
	s := make([]string, 4)
	for i, x := range b {
		s[i] = strconv.FormatFloat(x, 'f', 5, 64)
	}
	return strings.Join(s, ",")
}

func classesAttr(bounds []int) string {
	s := make([]string, len(bounds))
	for i, n := range bounds {
		s[i] = strconv.Itoa(n)
	}
	return strings.Join(s, ",")
}

// live is what the script of the map needs, see web/HOOKS.md.
func (f *frame) live(kind, label string, classes []int, b [4]float64) templ.Attributes {
	a := templ.Attributes{"class": "map-live", "data-kind": kind, "data-bound": bound(b), "data-mesh": strconv.Itoa(f.Meta.Mesh.Mesh()),
		"data-classes": classesAttr(classes), "data-snapshot": f.Meta.ID, "data-label": label}
	if u := f.p.o.BackgroundURL; u != "" {
		a["data-background"], a["data-background-attribution"] = u, f.p.o.BackgroundAttribution
	}
	return a
}

func (f *frame) liveSpecies(s *speciesView) templ.Attributes {
	a := f.live("taxon", f.T("portal.map.title", f.Name(&s.TaxonHead), f.Meta.Territory), countClasses[:], f.Meta.Bound)
	a["data-taxon"] = strconv.Itoa(int(s.CdRef))
	if s.From != 0 {
		a["data-from"] = strconv.Itoa(s.From)
	}
	if s.To != 0 {
		a["data-to"] = strconv.Itoa(s.To)
	}
	return a
}

func (f *frame) liveArea(w *areaView) templ.Attributes {
	a := f.live("area", f.T("portal.area.map.title", w.Label), w.Map.Classes, w.Bound)
	a["data-area"] = w.Area.String()
	return a
}

// spans are the periods offered without a slider: before 1980, then by twenty years, ten
// lately.
func (s *speciesView) spans(f *frame) []span {
	var out []span
	add := func(from, to int, label string) {
		if to >= s.First && from <= s.Last {
			out = append(out, span{Label: label, From: max(from, s.First), To: min(to, s.Last)})
		}
	}
	add(0, 1979, f.T("portal.span.before", "1980"))
	add(1980, 1999, f.T("portal.span", "1980", "1999"))
	add(2000, 2009, f.T("portal.span", "2000", "2009"))
	add(2010, 2019, f.T("portal.span", "2010", "2019"))
	add(2020, 9999, f.T("portal.span.since", "2020"))
	return out
}

type span struct {
	Label    string
	From, To int
}

func (s *speciesView) spanHref(f *frame, p span) templ.SafeURL {
	return f.Href("/espece/" + strconv.Itoa(int(s.CdRef)) + "?de=" + strconv.Itoa(p.From) + "&a=" + strconv.Itoa(p.To) + "#carte")
}

// monthNames are the twelve months, short.
func (f *frame) monthNames() [12]string {
	var out [12]string
	for i := range out {
		out[i] = f.T("portal.mon." + strconv.Itoa(i+1))
	}
	return out
}

// citation is how to cite a sheet.
func (f *frame) citation(built string) string {
	y, _, _ := splitDate(built)
	return f.T("portal.cite", f.Meta.Title, strconv.Itoa(y))
}

// names joins names of a list in words.
func joinNames(names []string, most int) string {
	if len(names) > most {
		return strings.Join(names[:most], ", ") + "…"
	}
	return strings.Join(names, ", ")
}

// otherNames are the vernacular names besides the first.
func (f *frame) otherNames(s *atlas.TaxonSheet) []string {
	list := s.Vernaculars
	if f.Lang == i18n.EN && len(s.VernacularsEN) > 0 {
		list = s.VernacularsEN
	}
	var out []string
	for _, n := range list {
		if n != f.Name(&s.TaxonHead) {
			out = append(out, n)
		}
	}
	return out
}

func (f *frame) communesOf() string {
	if f.Meta.CommunesAll > 0 {
		return f.N("portal.fig.communesof", f.Meta.Communes, f.Meta.CommunesAll)
	}
	return f.N("portal.fig.communes", f.Meta.Communes)
}

// knownSince says when a taxon was first and last seen.
func (f *frame) knownSince(s *atlas.TaxonSheet) string {
	last := f.MonthOf(s.LastDate)
	if s.LastDate == "" {
		last = strconv.Itoa(s.LastYear)
	}
	if s.FirstYear == s.LastYear {
		return f.T("portal.species.once", last)
	}
	return f.T("portal.species.known", strconv.Itoa(s.FirstYear), last)
}

func (f *frame) whenTitle(s *speciesView) string {
	if len(s.Altitudes) == 0 {
		return f.T("portal.toc.when")
	}
	return f.T("portal.species.whenalt")
}

func (f *frame) yesNo(b bool) string {
	if b {
		return f.T("portal.yes")
	}
	return f.T("portal.no")
}

func (f *frame) statusText(s *atlas.StatusRow) string {
	switch {
	case s.Citation != "":
		return f.Typo(cut(s.Citation, 220))
	case s.Remark != "":
		return f.Typo(cut(s.Remark, 220))
	case s.URL != "":
		return f.T("portal.status.text")
	}
	return ""
}

func (f *frame) rowName(a *atlas.AreaCount) string {
	if a.Area.Kind().Mesh() > 0 {
		return shortCell(a.Area)
	}
	return f.areaName(a.Area, a.Name)
}

func (f *frame) areaHead(w *areasView) string {
	if w.Kind == geo.Commune {
		return f.T("portal.col.commune")
	}
	return f.T("portal.col.cell")
}

func areasCSVPath(w *areasView) string { return w.Path + ".csv" }

func (w *areasView) at(page int) string {
	if page <= 1 {
		return w.Path
	}
	return w.Path + "?page=" + strconv.Itoa(page)
}

// groupsNow are the groups known in an area, groupsAwaited those known only around.
func (w *areaView) groupsNow() []groupRow { return w.Groups[:w.groupsKnown()] }

func (w *areaView) groupsAwaited() []groupRow { return w.Groups[w.groupsKnown():] }

func (w *areaView) groupsKnown() int {
	n := 0
	for n < len(w.Groups) && w.Groups[n].Taxa > 0 {
		n++
	}
	return n
}

// shown are the classes of a legend that the map has.
func shown(lines []classLine) []classLine {
	var out []classLine
	for i := range lines {
		if lines[i].Cells > 0 {
			out = append(out, lines[i])
		}
	}
	return out
}

// crumb is a higher taxon's name in words: TAXREF often has none for the great groups.
func (f *frame) crumb(c *atlas.Crumb) string {
	if c.Vernacular != "" && f.Lang != i18n.EN {
		return f.Typo(cutNames(c.Vernacular))
	}
	if key := "portal.taxon." + c.Name; i18n.Has(f.Lang, key) {
		return f.T(key)
	}
	return ""
}

// published is a sentence that names the publisher when one is set.
func (f *frame) published(key string, args ...any) string {
	if f.Meta.Publisher == "" {
		return f.T(key+".anonymous", args...)
	}
	return f.T(key, append([]any{f.Meta.Publisher}, args...)...)
}

// areaLead is the sentence under an area's name.
func (f *frame) areaLead(w *areaView) string {
	if w.Observations == 0 {
		return f.T("portal.area.nothing")
	}
	s := f.T("portal.area.lead", f.N("portal.species", w.Taxa), f.N("portal.obs", w.Observations), f.Years(w.FirstYear, w.LastYear))
	if w.Surface > 0 && w.Kind.Mesh() == 0 {
		s += " " + f.T("portal.area.surface", int(w.Surface/1e6+.5))
	}
	return s
}

func (w *areaView) meanKind() string {
	if w.Kind.Mesh() > 0 {
		return "cell"
	}
	return w.Kind.String()
}

func (f *frame) emptyTitle(l *listView) string {
	if l.filtered() {
		return f.T("portal.list.nomatch")
	}
	return f.T("portal.list.nothing")
}

func (f *frame) emptyText(l *listView) string {
	if l.filtered() {
		return f.T("portal.list.nomatch.text")
	}
	return f.T("portal.list.nothing.text")
}

func (f *frame) licence() string {
	if f.Meta.Licence == "" {
		return f.T("portal.licence.unset")
	}
	return f.Meta.Licence
}

func (f *frame) licenceLine() string {
	if f.Meta.Licence == "" {
		return ""
	}
	return f.T("portal.foot.under", f.Meta.Licence)
}

func (s *speciesView) altitudeTotal() int {
	n := 0
	for _, r := range s.Altitudes {
		n += r.N
	}
	return n
}

func (s *speciesView) altitudeAll() int {
	n := 0
	for _, r := range s.Altitudes {
		n += r.All
	}
	return n
}

// altitudeLane draws a class's share of the taxon against the same class's share of all
// observations, on one scale.
func (s *speciesView) altitudeLane(r altitudeRow) string {
	own, all := float64(max(1, s.altitudeTotal())), float64(max(1, s.altitudeAll()))
	top := 0.0
	for _, o := range s.Altitudes {
		top = max(top, float64(o.N)/own, float64(o.All)/all)
	}
	if top == 0 {
		return lane(0, -1)
	}
	return lane(float64(r.N)/own/top, float64(r.All)/all/top)
}

// cutNames keeps the first of several names.
func cutNames(s string) string {
	if i := strings.IndexByte(s, ','); i > 0 {
		return s[:i]
	}
	return s
}

// precisionRows say who sees what: the case, what is shown to everyone, why. The rows of the
// sensitive levels 1 to 3 say what the snapshot's policy does.
func (f *frame) precisionRows() [][3]string {
	var out [][3]string
	for i := 1; i <= 7; i++ {
		k := "portal.about.row" + strconv.Itoa(i)
		row := [3]string{f.T(k + ".case"), "", f.T(k + ".why")}
		if level := i - 1; level >= 1 && level <= 3 {
			row[1] = f.levelShown(level)
		} else {
			row[1] = f.T(k+".public", strconv.Itoa(f.Meta.Mesh.Mesh()))
		}
		out = append(out, row)
	}
	return out
}

// levelShown says in which areas a sensitive level, 1 to 3, is shown: the first of its kinds
// that holds the place. A snapshot that does not tell gets a sentence true of all policies.
func (f *frame) levelShown(level int) string {
	if level > len(f.Meta.Levels) || len(f.Meta.Levels[level-1]) == 0 {
		return f.T("portal.about.level.untold")
	}
	return f.kindsShown(f.Meta.Levels[level-1])
}

// organisation is an organisation's name, in words where none is known.
func (f *frame) organisation(name string) string {
	if name == organisation.Unknown {
		return f.T("portal.organisation.unknown")
	}
	return f.Typo(name)
}

// lowerName is a name inside a sentence: French names lose their capital there.
func (f *frame) lowerName(t *atlas.TaxonHead) string {
	if !f.HasName(t) {
		return t.ScientificName
	}
	if f.nameLang(t) == "en" {
		return f.Name(t)
	}
	return lowerFirst(f.Name(t))
}

func lowerFirst(s string) string {
	r := []rune(s)
	if len(r) == 0 {
		return s
	}
	return strings.ToLower(string(r[:1])) + string(r[1:])
}

// placeName is where an observation was made, as far as everyone may know: the commune when
// there is one, else the area shown.
func (f *frame) placeName(l *atlas.Latest) string {
	named := l.Place != "" && l.Place != l.Area.Code()
	switch {
	case l.Area.Kind().Mesh() > 0 && named:
		return f.kind(l.Area.Kind()) + ", " + l.Place
	case l.Area.Kind().Mesh() > 0:
		return f.kind(l.Area.Kind()) + " " + shortCell(l.Area)
	case named:
		return l.Place
	}
	return f.areaName(l.Area, "")
}
