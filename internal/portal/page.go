package portal

import (
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"garrigue/internal/atlas"
	"garrigue/internal/civil"
	"garrigue/internal/geo"
	"garrigue/internal/i18n"
	"garrigue/internal/taxon"
)

// frame is what every page has: language, title, place in the site, and the words.
type frame struct {
	p           *site
	Lang        i18n.Lang
	Path        string // without the language
	RawQuery    string
	Title       string
	Description string
	Section     string // "especes", "communes", "a-propos": the current entry of the menu
	Hidden      bool   // not for search engines
	OwnSearch   bool   // the page has its own box: none in the head
	Meta        *atlas.Meta
	Today       civil.Date
}

func (v *visit) frame(title, description string) *frame {
	return &frame{p: v.p, Lang: v.lang, Path: v.path, RawQuery: v.r.URL.RawQuery, Title: title,
		Description: description, Meta: v.meta, Today: v.today}
}

// T returns a sentence of the catalogue.
func (f *frame) T(key string, args ...any) string { return i18n.T(f.Lang, key, args...) }

// N returns a sentence of the catalogue for a count.
func (f *frame) N(key string, n int, args ...any) string { return i18n.N(f.Lang, key, n, args...) }

// Num writes a number.
func (f *frame) Num(n int) string { return i18n.Number(f.Lang, int64(n)) }

// Href returns the address of a path in the page's language.
func (f *frame) Href(path string) templ.SafeURL { return templ.SafeURL(f.p.href(f.Lang, path)) }

// In returns this page's address in another language.
func (f *frame) In(lang i18n.Lang) templ.SafeURL {
	u := f.p.href(lang, f.Path)
	if f.RawQuery != "" {
		u += "?" + f.RawQuery
	}
	return templ.SafeURL(u)
}

// FullTitle is the title with the atlas's name.
func (f *frame) FullTitle() string {
	if f.Title == "" {
		return f.Meta.Title + ", " + f.T("portal.home.tagline", f.Meta.Territory)
	}
	return f.Title + ", " + f.Meta.Title
}

// Base is the prefix of addresses in this language, for scripts.
func (f *frame) Base() string { return strings.TrimSuffix(f.p.href(f.Lang, "/"), "/") }

// Period is the current ten-day period, 0 to 35.
func (f *frame) Period() int { return f.Today.TenDays() }

// Typo sets French and Occitan punctuation in a text that comes from data.
func (f *frame) Typo(s string) string { return typography(f.Lang, s) }

// names

// Name is what a taxon is called first in this language.
func (f *frame) Name(t *atlas.TaxonHead) string {
	if v := f.vernacular(t); v != "" {
		return v
	}
	return t.ScientificName
}

func (f *frame) vernacular(t *atlas.TaxonHead) string {
	if f.Lang == i18n.EN && t.VernacularEN != "" {
		return t.VernacularEN
	}
	return t.Vernacular
}

// HasName reports whether the first name is not the scientific one.
func (f *frame) HasName(t *atlas.TaxonHead) bool { return f.vernacular(t) != "" }

// nameLang is the lang attribute of the first name when it differs from the page's.
func (f *frame) nameLang(t *atlas.TaxonHead) string {
	switch {
	case f.vernacular(t) == "":
		return "la"
	case f.Lang == i18n.EN && t.VernacularEN != "":
		return "en"
	}
	return "fr"
}

// Group is the name of a public group.
func (f *frame) Group(slug string) string { return f.T("group." + slug) }

// Rank is the name of a rank, in words.
func (f *frame) Rank(r taxon.Rank) string {
	if key := "portal.rank." + string(r); i18n.Has(i18n.FR, key) {
		return f.T(key)
	}
	return string(r)
}

// taxonPath is where a taxon's page is.
func taxonPath(cd taxon.CdRef, rank taxon.Rank) string {
	if aboveSpecies(rank) {
		return "/liste/" + strconv.Itoa(int(cd))
	}
	return "/espece/" + strconv.Itoa(int(cd))
}

// TaxonHref is the address of a taxon's page.
func (f *frame) TaxonHref(t *atlas.TaxonHead) templ.SafeURL {
	return f.Href(taxonPath(t.CdRef, t.Rank))
}

// aboveSpecies reports whether a rank is a group of species.
func aboveSpecies(r taxon.Rank) bool {
	l := r.Level()
	return l > 0 && l < taxon.Aggregate.Level()
}

// areaPath is where an area's page is, "" for kinds that have none.
func areaPath(k geo.AreaKey) string {
	switch kind := k.Kind(); {
	case kind == geo.Commune:
		return "/commune/" + k.Code()
	case kind == geo.Department:
		return "/departement/" + k.Code()
	case kind.Mesh() > 0:
		return "/maille/" + k.Code()
	}
	return ""
}

// areaName names an area: its own name, or "maille 5 km E0665N6485".
func (f *frame) areaName(k geo.AreaKey, name string) string {
	if m := k.Kind().Mesh(); m > 0 {
		return f.T("portal.cell.name", strconv.Itoa(m), shortCell(k))
	}
	if name == "" {
		return k.Code()
	}
	return name
}

// shortCell is a cell's code without what the page already says: "E0665N6485".
func shortCell(k geo.AreaKey) string {
	code := k.Code()
	if i := strings.Index(code, "L93"); i >= 0 {
		return code[i+3:]
	}
	return code
}

// dates

// Date writes an ISO date (or year, or year and month) in words.
func (f *frame) Date(iso string) string {
	y, m, d := splitDate(iso)
	switch {
	case y == 0:
		return iso
	case m == 0:
		return strconv.Itoa(y)
	case d == 0:
		return f.T("portal.date.month", f.T("portal.month."+strconv.Itoa(m)), strconv.Itoa(y))
	}
	month := f.T("portal.month." + strconv.Itoa(m))
	if d == 1 {
		return f.T("portal.date.first", month, strconv.Itoa(y))
	}
	if f.Lang == i18n.OC && (m == 4 || m == 8 || m == 10) {
		return strconv.Itoa(d) + " d’" + month + " de " + strconv.Itoa(y)
	}
	return f.T("portal.date.day", strconv.Itoa(d), month, strconv.Itoa(y))
}

// MonthOf writes the month and year of an ISO date in words.
func (f *frame) MonthOf(iso string) string {
	if len(iso) > 7 {
		iso = iso[:7]
	}
	return f.Date(iso)
}

func splitDate(iso string) (y, m, d int) {
	parts := strings.SplitN(iso, "-", 3)
	for i, p := range []*int{&y, &m, &d} {
		if i < len(parts) {
			n, err := strconv.Atoi(parts[i][:min(len(parts[i]), 4)])
			if err == nil {
				*p = n
			} else if i == 2 && len(parts[i]) >= 2 {
				*p, _ = strconv.Atoi(parts[i][:2])
			}
		}
	}
	if m > 12 {
		m = 0
	}
	if d > 31 {
		d = 0
	}
	return y, m, d
}

// When names a ten-day period: "mi-juillet".
func (f *frame) When(period int) string {
	return f.T("portal.third."+strconv.Itoa(period%3), f.T("portal.month."+strconv.Itoa(period/3+1)))
}

// Years writes a span of years.
func (f *frame) Years(first, last int) string {
	switch {
	case first == 0 && last == 0:
		return "–"
	case first == last || first == 0:
		return strconv.Itoa(last)
	}
	return f.T("portal.years", strconv.Itoa(first), strconv.Itoa(last))
}

// Season says in words when most of the observations were made: "de mi-juin à fin août". It
// is "" when there are too few.
func (f *frame) Season(td *[36]int) string {
	from, to, ok := season(td)
	switch {
	case !ok:
		return ""
	case allYear(from, to):
		return f.T("portal.season.always")
	case from == to:
		return f.T("portal.season.only", f.When(from))
	}
	return f.T("portal.season.span", f.When(from), f.When(to))
}

// allYear reports whether a season is so long that naming its ends would say more than is
// known: eight months or over.
func allYear(from, to int) bool { return (to-from+36)%36 >= 23 }

// SeasonSentence is the season as a sentence of its own, "" when there are too few
// observations.
func (f *frame) SeasonSentence(td *[36]int) string {
	from, to, ok := season(td)
	switch {
	case !ok:
		return ""
	case allYear(from, to):
		return f.T("portal.species.always")
	}
	return f.T("portal.species.when", f.Season(td))
}

// season returns the shortest run of ten-day periods, round the year, with nine tenths of the
// observations. ok is false below ten observations, too few for a season.
func season(td *[36]int) (from, to int, ok bool) {
	total := 0
	for _, n := range td {
		total += n
	}
	if total < 10 {
		return 0, 0, false
	}
	best := 37
	for a := range td {
		sum := 0
		for n := 1; n <= 36; n++ {
			sum += td[(a+n-1)%36]
			if sum*10 >= total*9 {
				if n < best {
					best, from, to = n, a, (a+n-1)%36
				}
				break
			}
		}
	}
	return from, to, true
}

// typography puts the no-break spaces of French (and Occitan) before double punctuation and
// inside quotation marks, and curls apostrophes.
func typography(lang i18n.Lang, s string) string {
	if lang == i18n.EN || !strings.ContainsAny(s, ";:!?%«»'") {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 8)
	rs := []rune(s)
	for i, c := range rs {
		next := rune(0)
		if i+1 < len(rs) {
			next = rs[i+1]
		}
		switch {
		case c == ' ' && strings.ContainsRune(";:!?%»", next):
			b.WriteRune('\u202f')
		case c == ' ' && i > 0 && rs[i-1] == '«':
			b.WriteRune('\u202f')
		case c == '\'' && i > 0 && next != 0 && isLetter(rs[i-1]) && isLetter(next):
			b.WriteRune('’')
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

func isLetter(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 'À' && c <= 'ſ'
}

// percent writes a share in whole percents; what is not nothing is never written 0.
func (f *frame) percent(n, of int) string {
	if of == 0 {
		return "–"
	}
	p := (n*200 + of) / (2 * of)
	if p == 0 && n > 0 {
		return f.T("portal.percent.less")
	}
	return f.T("portal.percent", p)
}
