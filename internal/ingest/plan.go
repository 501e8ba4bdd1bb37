package ingest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/quality"
)

// Origins of a plan, in Report.Told.
const (
	toldByFormat = ""           // the header is that of a known format
	toldByPerson = "mapping"    // a mapping was given
	toldBefore   = "remembered" // the mapping of the last file with this header
	toldByDoctor = "doctor"     // proposed, and sure enough to go without asking
)

// drift is what moved in a source's header since its last file.
type drift struct{ added, removed []string }

// planned is a plan with where it comes from.
type planned struct {
	*plan
	mapping *Mapping // nil for a known format
	told    string
	moved   drift
}

// planFor says which column of a source tells what: by the mapping given or remembered, by
// the format its header is of, else by what the doctor is sure of; or says in one sentence why
// it cannot be known.
func (im *Importer) planFor(ctx context.Context, s *source, header []string, o *Options) (*planned, error) {
	out := &planned{mapping: o.Mapping, told: toldByPerson}
	if out.mapping == nil && (o.Format == "" || o.Format == "auto") {
		var err error
		if out.mapping, out.moved, err = im.recall(ctx, s, header, o); err != nil {
			return nil, err
		}
		out.told = toldBefore
	}
	if out.mapping == nil {
		out.told = toldByFormat
		p, err := planByFormat(s, header, o)
		if err == nil && (s.archive != nil || o.Format != "" && o.Format != "auto" || p.format.marked(header)) {
			out.plan = p
			return out, nil
		}
		if err == nil { // ordinary words only: the doctor sees more in them, or at least as much
			why := fault.Say(fault.Invalid, "ingest.unknown_format", s.name, strings.Join(head(header, 6), ", "), strings.Join(Formats(), ", "))
			if out.mapping, err = im.sure(ctx, s, header, o, why); err != nil {
				out.plan, out.mapping = p, nil
				return out, ctx.Err()
			}
		}
		if out.mapping == nil {
			if out.mapping, err = im.sure(ctx, s, header, o, err); err != nil {
				return nil, err
			}
		}
		out.told = toldByDoctor
	}
	p, err := planByMapping(s, header, out.mapping, o)
	if err != nil {
		return nil, err
	}
	out.plan = p
	return out, nil
}

// planByMapping makes a plan of a mapping, and has the source derive what it asks for.
func planByMapping(s *source, header []string, m *Mapping, o *Options) (*plan, error) {
	w, err := m.meet(header, s.name)
	if err != nil {
		return nil, err
	}
	f := &format{name: Described, only: true}
	if base := cmp.Or(m.Format, o.Format); base != "" && base != "auto" {
		if f = named(base); f == nil {
			return nil, fault.Say(fault.Invalid, "ingest.bad_format", base, strings.Join(Formats(), ", "))
		}
	}
	p := newPlan(f, header, w)
	s.derive = w.derive
	return p, p.complete(s, o)
}

// planByFormat makes the plan of a known format.
func planByFormat(s *source, header []string, o *Options) (*plan, error) {
	if key := notObservations(header); key != "" {
		return nil, fault.Say(fault.Invalid, key, s.name)
	}
	var f *format
	if o.Format == "" || o.Format == "auto" {
		best, score := recognise(header)
		if s.archive != nil {
			best = named(DarwinCore)
		}
		if best == nil || score < 3 {
			return nil, fault.Say(fault.Invalid, "ingest.unknown_format", s.name, strings.Join(head(header, 6), ", "), strings.Join(Formats(), ", "))
		}
		f = best
	} else if f = named(o.Format); f == nil {
		return nil, fault.Say(fault.Invalid, "ingest.bad_format", o.Format, strings.Join(Formats(), ", "))
	}
	p := newPlan(f, header, nil)
	return p, p.complete(s, o)
}

// marked reports whether a header has a column only this format has.
func (f *format) marked(header []string) bool {
	for _, h := range header {
		k := columnKey(h)
		if slices.ContainsFunc(f.marks, func(m string) bool { return columnKey(m) == k }) {
			return true
		}
	}
	return false
}

// complete adds the values told for every row, and refuses a plan that lacks something no
// observation can do without.
func (p *plan) complete(s *source, o *Options) error {
	for _, set := range o.Set {
		f, ok := fieldOf(set.Attribute)
		if !ok {
			return fault.Say(fault.Invalid, "mapping.set_unknown", set.Attribute, orNone(nearestNames(set.Attribute, attributeNames(), 3)))
		}
		p.set(f, set.Value)
	}
	if lacks := p.missing(); len(lacks) > 0 {
		l := lacks[0]
		return fault.Say(fault.Invalid, "ingest.missing."+l.what, s.name, strings.Join(l.looked, ", "), strings.Join(head(p.header[:len(p.header)-p.derived], 8), ", "))
	}
	return nil
}

// sure returns the doctor's proposal for a file no format explains, when every attribute an
// observation needs is proposed with high confidence; else why, the reason the format gave.
func (im *Importer) sure(ctx context.Context, s *source, header []string, o *Options, why error) (*Mapping, error) {
	var f *fault.Error
	if !errors.As(why, &f) || f.Key != "ingest.unknown_format" && !strings.HasPrefix(f.Key, "ingest.missing.") || o.Format != "" && o.Format != "auto" {
		return nil, why
	}
	if s.archive != nil { // its columns are terms: nothing is left to guess
		return nil, why
	}
	d, err := im.diagnose(ctx, s, header, o)
	if err != nil {
		return nil, err
	}
	if !d.Sure {
		if len(d.Missing) > 0 {
			return nil, fault.Say(fault.Invalid, "doctor.missing."+d.Missing[0].What, s.name, strings.Join(head(header, 8), ", "))
		}
		return nil, fault.Say(fault.Invalid, "doctor.unsure", s.name, strings.Join(d.Doubtful(), ", "))
	}
	return d.mapping(header, true), nil // what is only likely is left to a person
}

// head returns the first n names of a list for a sentence, those that are empty aside.
func head(list []string, n int) []string {
	var out []string
	for _, s := range list {
		if s == "" {
			continue
		}
		if len(out) == n {
			return append(out, "…")
		}
		out = append(out, s)
	}
	return out
}

// told applies what somebody told of the writing of a whole file to what was seen of it.
func (p *profile) told(pl *plan) {
	if pl.crs != 0 {
		for _, f := range [...]field{fLon, fX} {
			p.pairs[f] = pl.crs
		}
		for _, f := range [...]field{fGeometry, fGeometryLocal} {
			p.geometry[f] = pl.crs
		}
		p.assumed = false
	}
	if pl.order != nil {
		for _, e := range p.dates {
			e.told = pl.order
		}
	}
}

// unknowns counts the values of a file that no code list has.
type unknowns map[[2]string]int

// mostUnknown is how many different values are counted: more is no list of codes.
const mostUnknown = 2000

func (u unknowns) add(f quality.Finding) {
	k := [2]string{f.Field, f.Value}
	if _, ok := u[k]; !ok {
		if len(u) >= mostUnknown {
			return
		}
		k = [2]string{strings.Clone(f.Field), strings.Clone(f.Value)}
	}
	u[k]++
}

// list gives the unknown values, the most frequent first, with the codes they look like.
func (u unknowns) list(p *plan, l *lists) []UnknownValue {
	var out []UnknownValue
	for k, n := range u {
		v := UnknownValue{Attribute: k[0], Written: k[1], Rows: n}
		for f := range nFields {
			if list := l.of(f); list != nil && p.named(f) == k[0] {
				v.Attribute, v.Nearest = f.String(), list.nearest(k[1], 3)
			}
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b UnknownValue) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Attribute, b.Attribute), cmp.Compare(a.Written, b.Written))
	})
	return out[:min(len(out), 50)]
}
