package portal

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"garrigue/internal/atlas"
	"garrigue/internal/geo"
)

// policyPath is the page "who sees what", made from the policy of the snapshot.
const policyPath = "/qui-voit-quoi"

// policyView is that page.
type policyView struct {
	Rules   *atlas.Rules // never nil
	Kinds   []kindRow
	Drawing string
	Levels  []levelRow
	Lists   []policyListRow
	Notes   []string // how finely blurred observations are dated, and how often they change
}

// kindRow is a kind of areas, with its number on the drawing.
type kindRow struct {
	Number  int // 0: too large to draw
	Name    string
	Surface string
	Use     string
}

// levelRow is a level, and where it is shown.
type levelRow struct{ Code, List, Shown string }

// policyListRow is a list in force.
type policyListRow struct{ Name, Where, Taxa, Citation string }

func (p *site) policy(v *visit) (*answer, error) {
	f := v.frame("", "")
	f.Title, f.Section = f.T("portal.foot.who"), "a-propos"
	f.Description = f.T("portal.policy.description", v.meta.Territory)
	return &answer{page: policyPage(f, f.policyView())}, nil
}

// rulesOf are the rules of a snapshot. An older one tells its levels alone.
func rulesOf(m *atlas.Meta) *atlas.Rules {
	if m.Rules != nil {
		return m.Rules
	}
	r := &atlas.Rules{Version: m.Policy, Mesh: m.Mesh.String()}
	for i, kinds := range m.Levels {
		r.Levels = append(r.Levels, atlas.RuleLevel{Code: strconv.Itoa(i + 1), Kinds: kinds})
	}
	return r
}

func (f *frame) policyView() *policyView {
	r := rulesOf(f.Meta)
	w := &policyView{Rules: r}
	drawn := drawable(r)
	for i, k := range drawn {
		w.Kinds = append(w.Kinds, kindRow{Number: i + 1, Name: f.kindWord(k.Kind), Surface: f.surface(k.Surface), Use: f.kindUse(r, k.Kind)})
	}
	for _, k := range r.Kinds {
		if !slices.Contains(drawn, k) {
			w.Kinds = append(w.Kinds, kindRow{Name: f.kindWord(k.Kind), Surface: f.surface(k.Surface), Use: f.kindUse(r, k.Kind)})
		}
	}
	w.Drawing = toScale(drawn, r.Mesh, f.T("portal.policy.drawing"))
	for _, l := range r.Levels {
		row := levelRow{Code: l.Code, Shown: f.kindsShown(l.Kinds)}
		if l.List != "" {
			row.List = f.listName(l.List)
		}
		w.Levels = append(w.Levels, row)
	}
	for i := range r.Lists {
		l := &r.Lists[i]
		row := policyListRow{Name: f.ruleListName(l), Taxa: f.Num(l.Taxa), Citation: f.Typo(untagged(l.Citation)), Where: f.T("portal.policy.nowhere")}
		if n := len(l.Departments); n > 0 {
			row.Where = f.N("portal.policy.departments", n, strings.Join(l.Departments, ", "))
		}
		w.Lists = append(w.Lists, row)
	}
	if r.Dates != "" {
		w.Notes = append(w.Notes, f.T("portal.policy.dates."+r.Dates))
	}
	switch {
	case r.Batch.Every == "day":
		w.Notes = append(w.Notes, f.T("portal.policy.batch.day"))
	case r.Batch.Every != "":
		w.Notes = append(w.Notes, f.T("portal.policy.batch."+r.Batch.Every, r.Batch.Minimum))
	}
	return w
}

// kindWord names a kind of areas that a policy names.
func (f *frame) kindWord(name string) string {
	if _, ok := geo.ParseKind(name); !ok {
		return name
	}
	return f.T("portal.legend.kind." + name)
}

// surface writes a surface in square kilometres, to two figures when small.
func (f *frame) surface(m2 float64) string {
	km2 := m2 / 1e6
	if km2 <= 0 {
		return "–"
	}
	if km2 < 100 {
		return f.T("portal.policy.km2", f.Num(int(math.Round(km2))))
	}
	scale := math.Pow(10, math.Floor(math.Log10(km2))-2)
	return f.T("portal.policy.km2", f.Num(int(math.Round(km2/scale)*scale)))
}

// kindUse says what a kind is the first choice for.
func (f *frame) kindUse(r *atlas.Rules, name string) string {
	var out []string
	if name == r.Mesh {
		out = append(out, f.T("portal.policy.ordinary"))
	}
	var codes []string
	for _, l := range r.Levels {
		if len(l.Kinds) > 0 && l.Kinds[0] == name && !slices.Contains(codes, l.Code) {
			codes = append(codes, l.Code)
		}
	}
	if len(codes) > 0 {
		out = append(out, f.N("portal.policy.levels", len(codes), strings.Join(codes, ", ")))
	}
	return strings.Join(out, ", ")
}

// drawable are the kinds that fit one drawing to scale: the largest is at most a department or a
// cell of 50 km, beside which a cell of 5 km is still seen. In order of surface.
func drawable(r *atlas.Rules) []atlas.RuleKind {
	var out []atlas.RuleKind
	for _, k := range r.Kinds {
		if k.Surface > 0 && k.Kind != geo.Region.String() {
			out = append(out, k)
		}
	}
	slices.SortStableFunc(out, func(a, b atlas.RuleKind) int {
		switch {
		case a.Surface < b.Surface:
			return -1
		case a.Surface > b.Surface:
			return 1
		}
		return strings.Compare(a.Kind, b.Kind)
	})
	return out
}

// toScale draws the kinds as squares of their mean surface, one scale for all, from the true place
// in their common corner; each is numbered beside.
func toScale(kinds []atlas.RuleKind, mesh, title string) string {
	if len(kinds) == 0 {
		return ""
	}
	const side, width, left, foot = 330.0, 430.0, 14.0, 14.0
	largest := math.Sqrt(kinds[len(kinds)-1].Surface)
	var b strings.Builder
	height := side + foot + 8
	fmt.Fprintf(&b, `<svg viewBox="0 0 %s %s" role="img" aria-labelledby="dt"><title id="dt">%s</title>`, num(width), num(height), escape(title))
	bottom := height - foot
	// Numbers stand in a column, evenly, so that those of the small squares do not touch.
	step := math.Min(46, side/float64(len(kinds)))
	for i := len(kinds) - 1; i >= 0; i-- {
		k := kinds[i]
		s := math.Max(2, math.Sqrt(k.Surface)/largest*side)
		class := "sq"
		if k.Kind == mesh {
			class = "sq mesh"
		}
		fmt.Fprintf(&b, `<rect class="%s" x="%s" y="%s" width="%s" height="%s"/>`, class, num(left), num(bottom-s), num(s), num(s))
	}
	for i := range kinds {
		s := math.Max(2, math.Sqrt(kinds[i].Surface)/largest*side)
		y := bottom - 12 - float64(i)*step
		fmt.Fprintf(&b, `<path class="lead" d="M%s %sL%s %s"/><circle class="no" cx="%s" cy="%s" r="15"/><text class="no" x="%s" y="%s">%d</text>`,
			num(left+s), num(bottom-s), num(width-36), num(y), num(width-20), num(y), num(width-20), num(y+6.5), i+1)
	}
	fmt.Fprintf(&b, `<circle class="true" cx="%s" cy="%s" r="4.5"/></svg>`, num(left), num(bottom))
	return b.String()
}

// untagged is a text without the tags it may have: citations come from files that had some.
func untagged(s string) string {
	var b strings.Builder
	for s != "" {
		before, rest, tagged := strings.Cut(s, "<")
		b.WriteString(before)
		if !tagged {
			break
		}
		_, s, _ = strings.Cut(rest, ">")
	}
	return b.String()
}

// policyCaption names the version of the rules in force, and since when.
func (f *frame) policyCaption(r *atlas.Rules) string {
	if r.Since == "" {
		return f.T("portal.about.table", r.Version)
	}
	return f.T("portal.policy.table", r.Version, f.Date(r.Since))
}
