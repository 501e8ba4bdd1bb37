package cli

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"garrigue/internal/i18n"
	"garrigue/internal/publish"
)

func printPolicy(e *env, p *publish.PolicyTold) {
	e.say("policy.show.title", p.Version, e.t("web.kind."+p.Mesh))
	if p.Since != "" {
		e.say("policy.show.since", p.Since)
	}
	surface := map[string]float64{}
	for _, k := range p.Kinds {
		surface[k.Kind] = k.Surface / 1e6
	}
	fmt.Fprintln(e.sys.Stdout, "\n"+e.t("policy.show.levels"))
	list := ""
	for _, l := range p.Levels {
		if l.List != list {
			list = l.List
			e.say("policy.show.levels.list", list)
		}
		var kinds []string
		for _, k := range l.Kinds {
			kinds = append(kinds, e.t("policy.show.kind", e.t("web.kind."+k), squareKM(e, surface[k])))
		}
		e.say("policy.show.level", l.Code, firstOf(strings.Join(kinds, ", "), e.t("policy.show.nothing")))
	}
	fmt.Fprintln(e.sys.Stdout, "\n"+e.t("policy.show.lists"))
	if len(p.Lists) == 0 {
		e.say("policy.show.nolist")
	}
	for _, l := range p.Lists {
		e.count("policy.show.list", l.Taxa, l.ID, firstOf(l.Name, l.ID), firstOf(l.Version, "–"), e.t(listScope(l.Region), l.Region), strings.Join(l.Departments, ", "))
	}
	for _, d := range p.ByDepartment {
		if len(d.Replaced) > 0 {
			e.say("policy.show.replaced", d.Code, d.Name, strings.Join(d.InForce, ", "), strings.Join(d.Replaced, ", "))
		}
	}
	fmt.Fprintln(e.sys.Stdout)
	e.say("policy.show.dates", e.t("policy.dates."+p.Dates))
	e.say("policy.show.batch", e.t("policy.every."+p.Batch.Every))
	if p.Batch.Every != "day" && p.Batch.Minimum > 0 {
		e.count("policy.show.minimum", p.Batch.Minimum)
	}
}

func listScope(region string) string {
	switch region {
	case "":
		return "policy.scope.national"
	case "-":
		return "policy.scope.apart"
	}
	return "policy.scope.region"
}

// squareKM writes a surface: whole square kilometres, tenths below a hundred.
func squareKM(e *env, v float64) string {
	if v >= 100 || v == float64(int(v)) {
		return i18n.Number(e.lang, int64(v+0.5))
	}
	s := fmt.Sprintf("%.1f", v)
	if e.lang != i18n.EN {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s
}

func printPolicyDiff(e *env, a *policyDiffAnswer) {
	switch {
	case a.Mapping != nil:
		printReread(e, a)
	case a.Lists != nil:
		e.say("policy.diff.lists", a.File, listed(a.Lists.Brought))
		if len(a.Lists.Replaced) > 0 {
			e.say("policy.diff.lists.replaced", listed(a.Lists.Replaced))
		}
		if len(a.Lists.Gone) > 0 {
			e.say("policy.diff.lists.gone", listed(a.Lists.Gone))
		}
	default:
		e.say("policy.diff.policy", a.To, a.From)
	}
	d := a.Difference
	e.say("policy.diff.read", d.Read, d.Shown, d.WouldBe)
	if d.Relevels == 0 && !d.Any() {
		e.say("policy.diff.same")
		return
	}
	if d.Relevels > 0 {
		e.count("policy.diff.relevelled", d.Relevels)
	}
	for _, l := range d.Levels {
		e.say("policy.diff.level", levelTold(l.From, l.FromList), levelTold(l.To, l.ToList), l.N)
	}
	for i, n := range effectsOf(&d.Effects) {
		if n > 0 {
			e.count("policy.diff."+effectNames()[i], n)
		}
	}
	printEffects(e, d)
	printPages(e, d)
	printGiven(e, d)
}

func effectNames() []string {
	return []string{"finer", "coarser", "withheld", "restored", "dated"}
}

func effectsOf(x *publish.Effects) []int {
	return []int{x.Finer, x.Coarser, x.Withheld, x.Restored, x.Dated}
}

// printEffects writes the tables by taxon and by department.
func printEffects(e *env, d *publish.Difference) {
	head := e.t("policy.diff.head.level")
	for _, n := range effectNames() {
		head += "\t" + e.t("policy.diff.head."+n)
	}
	row := func(w *tabwriter.Writer, name, first string, x *publish.Effects) {
		cells := []string{name, first}
		for _, n := range effectsOf(x) {
			cells = append(cells, count(e, n))
		}
		fmt.Fprintln(w, "  "+strings.Join(cells, "\t"))
	}
	fmt.Fprintln(e.sys.Stdout, "\n"+e.t("policy.diff.taxa"))
	w := tabwriter.NewWriter(e.sys.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  \t"+head)
	for i := range d.Taxa {
		t := &d.Taxa[i]
		row(w, firstOf(t.Name, "?")+" ("+strconv.Itoa(int(t.CdRef))+")", count(e, t.Relevels), &t.Effects)
	}
	w.Flush()
	if n := d.TaxaCount - len(d.Taxa); n > 0 {
		e.count("policy.diff.more", n)
	}
	if len(d.Departments) == 0 {
		return
	}
	fmt.Fprintln(e.sys.Stdout, "\n"+e.t("policy.diff.departments"))
	w = tabwriter.NewWriter(e.sys.Stdout, 0, 0, 2, ' ', 0)
	_, head, _ = strings.Cut(head, "\t")
	fmt.Fprintln(w, "  \t\t"+head)
	for i := range d.Departments {
		a := &d.Departments[i]
		row(w, firstOf(a.Code, "–"), firstOf(a.Name, e.t("policy.diff.nodepartment")), &a.Effects)
	}
	w.Flush()
}

// printPages tells which public pages would change.
func printPages(e *env, d *publish.Difference) {
	fmt.Fprintln(e.sys.Stdout, "\n"+e.t("policy.diff.pages"))
	for _, p := range []struct {
		name string
		list publish.PageList
	}{{"species", d.Pages.Species}, {"communes", d.Pages.Communes}, {"departments", d.Pages.Departments}, {"cells", d.Pages.Cells}} {
		if p.list.Count > 0 {
			names := strings.Join(p.list.First, ", ")
			if len(p.list.First) < p.list.Count {
				names += ", …"
			}
			e.count("policy.diff.pages."+p.name, p.list.Count, names)
		}
	}
}

// printGiven tells what was already given more precisely.
func printGiven(e *env, d *publish.Difference) {
	if d.Coarser+d.Withheld == 0 {
		return
	}
	fmt.Fprintln(e.sys.Stdout, "\n"+e.t("policy.diff.given"))
	if len(d.Given.Snapshots) == 0 && d.Given.ReadingsCount == 0 {
		e.say("policy.diff.given.none")
	}
	for _, s := range d.Given.Snapshots {
		e.say("policy.diff.snapshot", s.ID, builtOn(s.Built), s.Observations, s.Taxa)
	}
	for _, r := range d.Given.Readings {
		e.say("policy.diff.reading", r.At.Local().Format("2006-01-02 15:04"), r.Who, r.Rows, r.Reason)
	}
	if n := d.Given.ReadingsCount - len(d.Given.Readings); n > 0 {
		e.count("policy.diff.more", n)
	}
}

// builtOn writes when a snapshot was made.
func builtOn(s string) string {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.Local().Format("2006-01-02 15:04")
	}
	return s
}

// levelTold writes a level with its list.
func levelTold(code, list string) string {
	if list == "" {
		return code
	}
	return code + " (" + list + ")"
}

func printReread(e *env, a *policyDiffAnswer) {
	e.say("policy.diff.mapping", a.File, a.Mapping.Source)
	for _, v := range a.Mapping.Changes {
		key := "policy.diff.value"
		switch {
		case v.Written == "" && v.Column == "":
			key = "policy.diff.value.every"
		case v.Written == "":
			key = "policy.diff.value.column"
		}
		e.say(key, v.Attribute, firstOf(v.Column, "–"), v.Written, firstOf(v.Before, "–"), firstOf(v.After, "–"))
		if v.AtMost {
			e.say("policy.diff.value.atmost", firstOf(v.Before, "–"))
		}
	}
	if len(a.Mapping.Untold) > 0 {
		e.say("policy.diff.untold", strings.Join(a.Mapping.Untold, ", "))
	}
}
