package portal

import (
	"strconv"
	"strings"

	"garrigue/internal/atlas"
	"garrigue/internal/geo"
)

// precisionView is why a taxon is shown less precisely than the map could, on its sheet.
type precisionView struct {
	Blurred  int
	Why      [4]int       // less precise observations by reason, all years
	Listings []listingRow // what lists ask
	Hides    bool         // a list may ask that nothing be shown
}

// listingRow is what one list asks, in words.
type listingRow struct {
	List  string // name and version
	Level string
	Shown string
	Where string
}

// whyLine is a reason with how many observations it blurs.
type whyLine struct {
	Text string
	N    int
}

// reasonKeys name the bits of disclosure.Reason, in order.
var reasonKeys = [4]string{"sensitive", "consent", "nature", "uncertainty"}

func (f *frame) precision(sheet *atlas.TaxonSheet) precisionView {
	p := precisionView{Blurred: sheet.Blurred, Hides: sheet.MayHide()}
	for i := range sheet.Coarse {
		for k, n := range sheet.Coarse[i].Why {
			p.Why[k] += int(n)
		}
	}
	for i := range sheet.Lists {
		l := &sheet.Lists[i]
		row := listingRow{List: f.listName(l.List), Level: l.Level, Shown: f.kindsShown(l.Kinds), Where: f.listingWhere(l)}
		if l.By != "" {
			row.List += " " + f.T("portal.why.by", l.By)
		}
		p.Listings = append(p.Listings, row)
	}
	return p
}

// listName is the name of a list with its version, its code when the snapshot does not tell.
func (f *frame) listName(id string) string {
	if r := f.Meta.Rules; r != nil {
		for i := range r.Lists {
			if l := &r.Lists[i]; l.ID == id {
				return f.ruleListName(l)
			}
		}
	}
	return id
}

func (f *frame) ruleListName(l *atlas.RuleList) string {
	name := l.Name
	if name == "" {
		name = l.ID
	}
	if l.Version != "" && !strings.Contains(name, l.Version) {
		name += ", " + f.T("portal.policy.version", l.Version)
	}
	return f.Typo(name)
}

// listingWhere says where a list asks for its level, and that it may ask for less.
func (f *frame) listingWhere(l *atlas.Listing) string {
	s := f.T("portal.why.everywhere")
	if len(l.Departments) > 0 {
		s = f.N("portal.why.departments", len(l.Departments), strings.Join(l.Departments, ", "))
	}
	if l.Varies {
		s += f.T("portal.why.varies")
	}
	return s
}

// kindsShown says in which areas something is shown: the first kind that fits the place.
func (f *frame) kindsShown(kinds []string) string {
	if len(kinds) == 0 {
		return f.T("portal.why.nothing")
	}
	var words []string
	for _, name := range kinds {
		k, ok := geo.ParseKind(name)
		if !ok {
			continue
		}
		w := f.T("portal.legend.kind." + name)
		if len(words) == 0 && k == f.Meta.Mesh {
			w = f.T("portal.about.level.alone", w)
		}
		words = append(words, w)
	}
	switch len(words) {
	case 0:
		return f.T("portal.about.level.untold")
	case 1:
		return words[0]
	}
	return f.T("portal.about.level.wider", words[0], strings.Join(words[1:], ", "))
}

// whys are the reasons that blur something, with how many observations.
func (f *frame) whys(why [4]int) []whyLine {
	var out []whyLine
	for k, n := range why {
		if n > 0 {
			out = append(out, whyLine{f.T("portal.why." + reasonKeys[k]), n})
		}
	}
	return out
}

// seen is how many observations a taxon has, in words.
func (f *frame) seen(t *atlas.TaxonHead) string {
	if t.Unseen() {
		return f.T("portal.unseen.hit")
	}
	return f.N("portal.obs", t.Observations)
}

// searchedRule says what "not seen though searched" means on this map.
func (f *frame) searchedRule(s *speciesView) string {
	group := lowerFirst(f.Group(s.Group))
	if s.From != 0 || s.To != 0 {
		return f.T("portal.blank.rule.years", atlas.Searched, group, strconv.Itoa(s.Lo()), strconv.Itoa(s.Hi()))
	}
	return f.T("portal.blank.rule", atlas.Searched, group)
}

// whyTitle is the question a sheet answers.
func (f *frame) whyTitle(p *precisionView) string {
	if p.Blurred == 0 && len(p.Listings) == 0 {
		return f.T("portal.why.precise.title")
	}
	return f.T("portal.why.title")
}
