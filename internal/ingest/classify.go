package ingest

import (
	"slices"
	"strings"

	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
)

// classify sets the sensitivity of a located observation and returns why it may not be
// published yet, NotHeld when it may. What a person decided comes afterwards (judge).
func (im *Importer) classify(o *observation.Observation, inside bool) observation.Hold {
	o.Sensitivity, o.SensList, o.Manual, o.Review = 0, "", false, false
	if o.CdRef == 0 {
		return observation.UnmatchedTaxon
	}
	held := observation.NotHeld
	switch {
	case o.Place.Georeference == observation.NoPlace, !im.places.loaded() && o.Place.Georeference != observation.ByGeometry:
		held = observation.Unlocated
	case !im.places.loaded():
		held = observation.Unclassed
	case !inside:
		held = observation.OutsideTerritory
	}
	if im.book.Rules() == 0 {
		if held == observation.NotHeld {
			held = observation.Unclassed
		}
		return held
	}
	r := im.book.Evaluate(im.facts(o))
	o.Sensitivity, o.SensList, o.Review = r.Level, r.List, r.Review
	return held
}

// facts are what the lists may ask about an observation.
func (im *Importer) facts(o *observation.Observation) sensitivity.Facts {
	place := o.Place
	if o.BlurredAtSource() { // of the areas given, the smallest administrative one tells the department, as in disclosure
		place.Box = geo.Box{}
	}
	return sensitivity.Facts{
		Lineage: im.taxa.Lineage(o.CdNom), Departments: im.places.departmentsOf(&place), Areas: im.areasOf(o),
		Start: o.When.Start, Date: o.When.End, BioStatus: o.BioStatus, Behaviour: o.Behaviour, LifeStage: o.LifeStage, Today: im.set.Today,
	}
}

// areasOf lists the areas a place meets, of the kinds that some rule is limited to. Of a shape
// only cells are known, and the commune or region when one holds it: of the other kinds
// nothing is told, and their rules apply.
func (im *Importer) areasOf(o *observation.Observation) (out []geo.AreaKey) {
	p := &o.Place
	for _, k := range im.ruleKinds {
		switch {
		case k == geo.Commune:
			// A record attached to its commune is in that one; where one that its producer blurred is, nobody knows.
			if attached := p.Georeference == observation.ByCommune && !o.BlurredAtSource(); p.Commune != 0 && (attached || !wide(p)) {
				out = append(out, p.Commune)
			}
		case k == geo.Department:
			for _, code := range im.places.departmentsOf(p) {
				out = append(out, geo.AdminKey(k, code))
			}
		case k == geo.Region:
			out = append(out, im.places.regionsOf(p)...)
		case k.Mesh() > 0:
			out = append(out, cellsOf(p, k)...)
		}
	}
	return out
}

// cellsOf lists the cells of a kind that a place meets; none when its extent is not known.
func cellsOf(p *observation.Place, k geo.Kind) []geo.AreaKey {
	if p.Box == (geo.Box{}) {
		return nil
	}
	return geo.CellsMeeting(k, p.Box)
}

// ruleKinds lists the kinds of areas that rules are limited to.
func ruleKinds(rules []sensitivity.Rule) (kinds []geo.Kind) {
	for _, r := range rules {
		if k := r.Area.Kind(); r.Area != 0 && !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// wide reports whether a place is more than a point.
func wide(p *observation.Place) bool {
	return p.Box.MinX != p.Box.MaxX || p.Box.MinY != p.Box.MaxY
}

// departmentsOf returns the INSEE codes of the departments a place meets, whose rules apply to
// it: all those of a shape, by its extent, also when one holds most of it; of a point that is in none,
// off the shore, those its mesh cell meets. Nil when none is known: the rules of every
// department then apply. The slice is shared. disclosure.Spread asks the same of the place.
func (t *territory) departmentsOf(p *observation.Place) []string {
	cell := p.Attached.Kind().Mesh() > 0
	switch d := t.departmentOf(p); {
	case cell && (d == 0 || p.Box != (geo.Box{})): // blurred by its producer it has no box, and is in the department given
		return t.meeting(p.Attached)
	case p.Attached == 0 && wide(p):
		if met := departmentCodes(t.nested().DepartmentsIn(p.Box)); len(met) > 0 {
			return met
		}
		return t.codes[d]
	case d != 0 || p.Attached != 0 || p.Georeference != observation.ByGeometry:
		return t.codes[d]
	}
	return t.meeting(geo.CellAt(t.mesh, p.Box.MinX, p.Box.MinY))
}

// meeting returns the codes of the departments a cell meets; nil when no outline tells.
func (t *territory) meeting(cell geo.AreaKey) []string {
	if cell == 0 { // whatever meets nothing meets everything
		return nil
	}
	if v, ok := t.met.Load(cell); ok {
		return v.([]string)
	}
	v, _ := t.met.LoadOrStore(cell, departmentCodes(t.nested().Departments(cell)))
	return v.([]string)
}

// nested knows how the areas lie in one another; it is made when first asked.
func (t *territory) nested() *geo.Containment {
	t.nestOnce.Do(func() { t.nest = geo.NewContainment(slices.Concat(t.communes, t.departments, t.regions)) })
	return t.nest
}

func departmentCodes(areas []geo.AreaKey) (codes []string) {
	for _, d := range areas {
		codes = append(codes, d.Code())
	}
	return codes
}

// regionsOf returns the regions of the departments a place meets; none when one is unknown.
func (t *territory) regionsOf(p *observation.Place) (out []geo.AreaKey) {
	for _, code := range t.departmentsOf(p) {
		i, ok := t.numbers[geo.AdminKey(geo.Department, code)]
		if !ok || t.departments[i].Parent.Kind() != geo.Region {
			return nil
		}
		if r := t.departments[i].Parent; !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

// grouping reads what the row says it was observed together with: a permanent identifier as it
// is; any other word is of its dataset only, and made into one. The row keeps what was written.
func (m *mapper) grouping(out *mapped) {
	v := m.get(fGrouping)
	if v == "" {
		return
	}
	name := out.dataset.uuid
	if name == "" {
		name = out.dataset.name
	}
	if g := &m.lastGroup; g.written != v || g.dataset != name {
		u, ok := parseUUID(v)
		if !ok {
			u = m.derived(&out.dataset, "grouping "+v)
		}
		*g = groupRead{strings.Clone(v), strings.Clone(name), u.String()}
	}
	out.obs.Grouping = m.lastGroup.id
}

// groupRead is the last grouping read: rows of one are often next to one another.
type groupRead struct{ written, dataset, id string }

// groupingOf finds the grouping among the values that an observation is kept with, under the names of
// the formats, for those that came before groupings were read.
func groupingOf(o *observation.Observation, set datasetRef) string {
	for name, v := range o.Extra {
		switch columnKey(name) {
		case "idsinpregroupement", "identifiantregroupementpermanent", "uuidpermgrpsinp", "uniqueidsinpgrp", "eventid":
			if u, ok := parseUUID(v); ok {
				return u.String()
			}
			if v != "" {
				return derivedUUID(&set, "grouping "+v).String()
			}
		}
	}
	return ""
}
