package ingest

import (
	"context"
	"slices"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// Rereading is what a source's observations would say of who may see them if its files were read
// by another mapping, as far as the vault can tell: it keeps the codes that written values were
// taken for, and what is written only where no attribute took it.
type Rereading struct {
	Source  string        `json:"source"`
	Changes []ValueChange `json:"changes"`
	// Untold are the attributes whose new values only reading the files again would tell.
	Untold []string `json:"untold,omitempty"`

	steps []rereadStep
}

// ValueChange is a value that the two mappings do not read alike.
type ValueChange struct {
	Attribute string `json:"attribute"`
	Column    string `json:"column,omitempty"`  // that it would be read from, "" when it holds for every row
	Written   string `json:"written,omitempty"` // in the files; "" for every value
	Before    string `json:"before,omitempty"`  // the code it was taken for
	After     string `json:"after,omitempty"`
	// AtMost says that other written values are taken for the code of Before too: how many
	// observations change is then an upper bound.
	AtMost bool `json:"at_most,omitempty"`
}

// rereadStep changes one attribute.
type rereadStep struct {
	field  field
	fixed  bool
	code   string            // of every row, when fixed
	column string            // of Extra, read through list; "" for codes only
	values *translation      // of column
	codes  map[string]string // code now → code then, when the column is the same
	list   *codelist
}

// discloses are the attributes that may decide who sees an observation, and that a code list has.
var discloses = [...]field{fPublic, fDiffusion, fBlurring, fSensitivity, fValidation, fPresence, fBioStatus, fBehaviour, fLifeStage}

// ProposeMapping compares the mapping file at path with what was told of the last file of a
// source, for the attributes that may decide who sees an observation. Nothing is written.
// NotFound when the source has brought no file, Invalid when the mapping names columns its last
// file has not.
func ProposeMapping(ctx context.Context, db *vault.DB, path, source string) (_ *Rereading, err error) {
	defer fault.Wrap(&err, "ingest.ProposeMapping")
	m, err := ReadMapping(path)
	if err != nil {
		return nil, err
	}
	last, err := db.LastMapping(ctx, source)
	if err != nil {
		return nil, err
	}
	old, err := remembered{last}.mapping()
	if err != nil {
		return nil, err
	}
	before, err := planOf(old, last.Header, source)
	if err != nil {
		return nil, err
	}
	after, err := planOf(m, last.Header, source)
	if err != nil {
		return nil, err
	}
	all, err := readCodelists()
	if err != nil {
		return nil, err
	}
	l := newLists(all)
	r := &Rereading{Source: source, Changes: []ValueChange{}}
	for _, f := range discloses {
		r.compare(f, before, after, l.of(f), last.Header)
	}
	return r, nil
}

// planOf makes the plan of a header, by a mapping or, for nil, by the format it is recognised as.
func planOf(m *Mapping, header []string, source string) (_ *plan, err error) {
	f := &format{name: Described, only: true}
	var w *wishes
	switch {
	case m == nil:
		best, _ := recognise(header)
		if best == nil {
			return nil, fault.Say(fault.Invalid, "policy.diff.format", source)
		}
		f = best
	default:
		if m.Format != "" {
			f = named(m.Format)
		}
		if w, err = m.meet(header, source); err != nil {
			return nil, err
		}
	}
	return newPlan(f, slices.Clone(header), w), nil
}

// feed is what tells an attribute: a column of the file, what is made of several, a value of
// every row, or nothing.
type feed struct {
	column, second string
	derived        bool
	fixed          string
}

func (p *plan) feed(f field) (out feed) {
	name := func(c int16) string {
		if c < 0 {
			return ""
		}
		out.derived = out.derived || int(c) >= len(p.header)-p.derived
		return p.header[c]
	}
	out.column, out.second = name(p.column[f]), name(p.second[f])
	if out.column == "" {
		out.fixed = p.fixed[f]
	}
	return out
}

// compare notes what two plans read differently for an attribute.
func (r *Rereading) compare(f field, before, after *plan, list *codelist, header []string) {
	was, is := before.feed(f), after.feed(f)
	step := rereadStep{field: f, list: list, values: after.values[f]}
	code := func(p *plan, written string) string {
		if t := p.values[f]; t != nil {
			written = t.of(written)
		}
		c, _ := list.code(written)
		return c
	}
	switch {
	case was.derived || is.derived:
		if was != is || !alike(before.values[f], after.values[f]) {
			r.Untold = append(r.Untold, f.String())
		}
		return
	case is.column == "":
		step.fixed, step.code = true, code(after, is.fixed)
		if was.column == "" && code(before, was.fixed) == step.code {
			return
		}
		r.Changes = append(r.Changes, ValueChange{Attribute: f.String(), Before: code(before, was.fixed), After: step.code})
	case was.column == is.column && was.second == is.second:
		if step.codes = r.recoded(f, is.column, before, after, list); len(step.codes) == 0 {
			return
		}
	case slices.Contains(header, is.column) && before.leaves(is.column) && is.second == "":
		step.column = is.column
		r.Changes = append(r.Changes, ValueChange{Attribute: f.String(), Column: is.column})
	default:
		r.Untold = append(r.Untold, f.String())
		return
	}
	r.steps = append(r.steps, step)
}

// leaves reports whether a column is kept as it is written.
func (p *plan) leaves(column string) bool {
	return slices.ContainsFunc(p.extra, func(c int16) bool { return p.header[c] == column })
}

func alike(a, b *translation) bool {
	if a == nil || b == nil {
		return a == b
	}
	if len(a.table) != len(b.table) {
		return false
	}
	for k, v := range a.table {
		if w, ok := b.table[k]; !ok || w != v {
			return false
		}
	}
	return true
}

// recoded returns, for each code that values of a column were taken for and are no longer, the code
// they would be taken for. Of several the first written in the order of the alphabet is
// taken: which one a row had is not kept.
func (r *Rereading) recoded(f field, column string, before, after *plan, list *codelist) map[string]string {
	written := map[string]bool{} // folded
	for _, p := range [...]*plan{before, after} {
		if t := p.values[f]; t != nil {
			for w := range t.table {
				written[w] = true
			}
		}
	}
	read := func(p *plan, w string) string {
		if t := p.values[f]; t != nil {
			w = t.of(w)
		}
		c, _ := list.code(w)
		return c
	}
	codes := map[string]string{}
	for _, w := range sortedKeys(written) {
		a, b := read(before, w), read(after, w)
		if f == fPublic {
			a, b = publicCode(a), publicCode(b)
		}
		if a == b || a == "" { // what was taken for no code refused the row, or left it without
			continue
		}
		if _, ok := codes[a]; !ok {
			codes[a] = b
		}
		r.Changes = append(r.Changes, ValueChange{Attribute: f.String(), Column: column, Written: w, Before: a, After: b, AtMost: others(read, before, list, a, w)})
	}
	return codes
}

// others reports whether a plan takes another written value than w for the code a: the code itself
// or its label, unless a table says otherwise.
func others(read func(*plan, string) string, p *plan, list *codelist, a, w string) bool {
	for _, v := range [...]string{a, list.labels[a]} {
		if k := taxon.Fold(v); k != "" && k != w && read(p, v) == a {
			return true
		}
	}
	return false
}

// Fields are what has to be read of observations for Apply.
func (r *Rereading) Fields() vault.Fields {
	if slices.ContainsFunc(r.steps, func(s rereadStep) bool { return s.column != "" }) {
		return vault.Complete
	}
	return vault.ForClassing
}

// Apply gives an observation of the source the values that the other mapping would. Others are
// left as they are. It reports whether something changed.
func (r *Rereading) Apply(o *observation.Observation) bool {
	if o.Source != r.Source {
		return false
	}
	changed := false
	for i := range r.steps {
		s := &r.steps[i]
		now := codeOf(o, s.field)
		then := now
		switch {
		case s.fixed:
			then = s.code
		case s.column != "":
			v := o.Extra[s.column]
			if s.values != nil {
				v = s.values.of(v)
			}
			then, _ = s.list.code(v)
		default:
			if c, ok := s.codes[now]; ok {
				then = c
			}
		}
		if then != now {
			setCode(o, s.field, then)
			changed = changed || codeOf(o, s.field) != now
		}
	}
	return changed
}

// codeOf returns the code an observation has for an attribute.
func codeOf(o *observation.Observation, f field) string {
	switch f {
	case fPublic:
		return o.Public
	case fDiffusion:
		return o.Diffusion
	case fBlurring:
		return o.Blurring
	case fSensitivity:
		if o.StatedLevel == 0 {
			return ""
		}
		return o.StatedLevel.String()
	case fValidation:
		if o.Validation == observation.Awaiting {
			return ""
		}
		return itoa(int(o.Validation))
	case fPresence:
		return [...]string{"NSP", "Pr", "No"}[min(int(o.Presence), 2)]
	case fBioStatus:
		return o.BioStatus
	case fBehaviour:
		return o.Behaviour
	}
	return o.LifeStage
}

// setCode is the inverse of codeOf, as a mapper reads the attributes.
func setCode(o *observation.Observation, f field, code string) {
	switch f {
	case fPublic:
		o.Public = publicCode(code)
	case fDiffusion:
		o.Diffusion = code
	case fBlurring:
		o.Blurring = code
	case fSensitivity:
		o.StatedLevel, _ = sensitivity.ParseLevel(code)
	case fValidation:
		o.Validation = observation.Awaiting
		if i := strings.Index("123456", code); code != "" && i >= 0 {
			o.Validation = observation.Validation(i + 1)
		}
	case fPresence:
		switch code {
		case "No":
			o.Presence = observation.Absent
		case "NSP":
			o.Presence = observation.PresenceUnknown
		default:
			o.Presence = observation.Present
		}
	case fBioStatus:
		o.BioStatus = code
		if frozenBehaviour(code) {
			if o.Behaviour == "" || o.Behaviour == "0" || o.Behaviour == "1" {
				o.Behaviour = code
			}
			o.BioStatus = ""
		}
	case fBehaviour:
		o.Behaviour = code
	case fLifeStage:
		o.LifeStage = code
	}
}
