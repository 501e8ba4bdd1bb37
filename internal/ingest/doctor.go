package ingest

import (
	"context"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/tabular"
)

// How sure a proposal is.
const (
	Sure   = "sure"   // goes without asking
	Likely = "likely" // written in the mapping, to be looked at
	Doubt  = "doubt"  // only told
)

const (
	sureAt   = 0.85
	likelyAt = 0.60
	doubtAt  = 0.35
)

// Diagnosis is what the doctor says of a file nobody described.
type Diagnosis struct {
	File   string         `json:"file"`
	Layout tabular.Layout `json:"layout"`
	Rows   int            `json:"rows"`
	// Format is the known format whose columns the file has, "" for none.
	Format string `json:"format,omitempty"`
	// NotObservations is the key of the sentence that says what the file is instead.
	NotObservations string    `json:"not_observations,omitempty"`
	Columns         []Column  `json:"columns"`
	Derived         []Derived `json:"derived,omitempty"`
	Missing         []Lack    `json:"missing,omitempty"`
	// Sure says that the file would be imported as proposed without asking.
	Sure     bool     `json:"sure"`
	Proposal *Mapping `json:"-"`
	unsure   []string // columns of needed or discreet attributes that are not sure
}

// Column is one column of the file: what it holds and what it is taken for.
type Column struct {
	Name     string   `json:"name"`
	Filled   int      `json:"filled"` // rows with a value, of those looked at
	Share    float64  `json:"share"`  // the same, 0 to 1
	Distinct int      `json:"distinct"`
	Many     bool     `json:"many,omitempty"`     // there are more distinct values than were counted
	Holds    string   `json:"holds"`              // "date", "whole", "number", "uuid", "text"…
	Personal bool     `json:"personal,omitempty"` // names people: no sample is shown
	Samples  []string `json:"samples,omitempty"`

	Attribute  string   `json:"attribute,omitempty"`
	Confidence float64  `json:"confidence,omitempty"`
	Level      string   `json:"level,omitempty"`
	Why        []Reason `json:"why,omitempty"`
	Or         []string `json:"or,omitempty"` // other attributes it could be
	Values     *Values  `json:"values,omitempty"`
}

// Reason is the key of a sentence of the catalogues ("doctor.why.…") and its arguments.
type Reason struct {
	Key  string   `json:"key"`
	Args []string `json:"args,omitempty"`
}

// Derived is an attribute found inside a column of another nature: a date in the names of
// files, taxa in a list.
type Derived struct {
	Attributes []string `json:"attributes"`
	Column     string   `json:"column"`
	Why        Reason   `json:"why"`
}

// Lack is something no observation can do without and that no column tells.
type Lack struct {
	What string `json:"what"` // taxon, date, place, all
	// Set is an example of what to tell for the whole file: attribute=value.
	Set string `json:"set,omitempty"`
}

// Values says how the values of a column meet their code list.
type Values struct {
	List      string         `json:"list"`
	Matched   []MatchedValue `json:"matched"`
	Unmatched []UnknownValue `json:"unmatched,omitempty"`
}

// MatchedValue is a written value and its code.
type MatchedValue struct {
	Written string `json:"written"`
	Code    string `json:"code"`
	Label   string `json:"label"`
	By      string `json:"by"` // code, label, synonym
	Rows    int    `json:"rows"`
}

// UnknownValue is a written value no list has, with the codes it looks like.
type UnknownValue struct {
	Attribute string   `json:"attribute"`
	Written   string   `json:"written"`
	Rows      int      `json:"rows"`
	Nearest   []string `json:"nearest,omitempty"`
}

// Doubtful lists the columns that keep the file from being imported without asking.
func (d *Diagnosis) Doubtful() []string { return d.unsure }

// Likely lists the columns whose proposal an import without a mapping leaves aside.
func (d *Diagnosis) Likely() (out []string) {
	for _, c := range d.Columns {
		if c.Attribute != "" && c.Level != Sure {
			out = append(out, c.Name)
		}
	}
	return out
}

// Diagnose looks at a file and says what its columns are. Nothing is written.
//
// Errors: NotFound; Invalid, with a sentence, when there is no table to look at.
func (im *Importer) Diagnose(ctx context.Context, path string, o Options) (_ Diagnosis, err error) {
	defer fault.Wrap(&err, "ingest.Diagnose(%s)", filepath.Base(path))
	s, err := openSource(path, o.wish())
	if err != nil {
		return Diagnosis{}, err
	}
	defer s.Close()
	r, err := s.read()
	if err != nil {
		return Diagnosis{}, err
	}
	r.close() // what it keeps in memory; its header is still known
	d, err := im.diagnose(ctx, s, r.header, &o)
	if err != nil {
		return Diagnosis{}, err
	}
	return *d, nil
}

// wish are the options on how to read the file.
func (o *Options) wish() readOptions {
	w := readOptions{Table: o.Table}
	if m := o.Mapping; m != nil {
		w.HeaderRow, w.Encoding, w.Separator = m.HeaderRow, m.Encoding, m.Separator
		if w.Table == "" {
			w.Table = m.Table
		}
	}
	return w
}

// diagnose looks at the rows of an open source.
func (im *Importer) diagnose(ctx context.Context, s *source, header []string, o *Options) (*Diagnosis, error) {
	d := &Diagnosis{File: s.name}
	stats, sample, err := im.look(ctx, s, header, d)
	if err != nil {
		return nil, err
	}
	d.NotObservations = notObservations(header)
	base, err := planByFormat(s, header, o)
	if err == nil && (s.archive != nil || base.format.marked(header)) {
		d.Format = base.format.name
	} else {
		base = nil
	}
	x := &examiner{im: im, header: header, stats: stats, rows: min(d.Rows, lookedAt), box: im.places.lambertBox(), sample: sample}
	if err := x.propose(d, base); err != nil {
		return nil, err
	}
	d.conclude(x, s, header, o, base)
	return d, nil
}

// lookedAt is how many rows are looked at closely; the others are only counted.
const lookedAt = 50_000

// look reads the file and gathers what each column holds.
func (im *Importer) look(ctx context.Context, s *source, header []string, d *Diagnosis) (_ []*columnStats, sample [][]string, err error) {
	r, err := s.read()
	if err != nil {
		return nil, nil, err
	}
	defer r.close()
	stats := make([]*columnStats, len(header))
	for i := range stats {
		stats[i] = newColumnStats(len(header))
	}
	for {
		row, err := r.plain()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		if d.Rows++; d.Rows%4096 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, nil, err
			}
		}
		if d.Rows <= lookedAt && d.Rows%(1+len(sample)/100) == 0 && len(sample) < 400 {
			sample = append(sample, shortFields(row.Fields))
		}
		if d.Rows <= lookedAt {
			for i := range min(len(header), len(row.Fields)) {
				stats[i].add(clean(row.Fields[i]))
			}
		}
	}
	d.Layout = r.t.Layout()
	if d.Rows == 0 {
		return nil, nil, fault.Say(fault.Invalid, "ingest.no_rows", s.name)
	}
	west, south, east, north := im.places.bounds()
	for i := range stats {
		stats[i].settle(im, [4]float64{west, south, east, north})
	}
	return stats, sample, nil
}

// shortFields keeps what may name a taxon of a row: an outline of megabytes does not.
func shortFields(fields []string) []string {
	out := make([]string, len(fields))
	for i, v := range fields {
		if len(v) <= 200 {
			out[i] = strings.Clone(v)
		}
	}
	return out
}

// propose gives columns attributes: those of the known format, else the best assignment.
func (x *examiner) propose(d *Diagnosis, base *plan) error {
	given := make([]field, len(x.header))
	for i := range given {
		given[i] = nFields
	}
	if base != nil {
		for f := range nFields {
			for _, c := range [...]int16{base.column[f], base.second[f]} {
				if c >= 0 && int(c) < len(given) {
					given[c] = f
				}
			}
		}
	}
	if err := x.score(); err != nil {
		return err
	}
	var chosen []field
	if base == nil {
		chosen = x.assign()
	}
	for i, h := range x.header {
		c := x.stats[i].column(h, x.rows)
		switch {
		case given[i] != nFields:
			c.Attribute, c.Confidence, c.Level = given[i].String(), 1, Sure
			c.Why = []Reason{{Key: "doctor.why.format", Args: []string{base.format.name}}}
		case base == nil && chosen[i] != nFields:
			x.describe(&c, i, chosen[i])
		}
		if base == nil {
			c.Or = x.others(i, chosen[i])
		}
		if f, ok := fieldOf(c.Attribute); ok {
			c.Values = x.values(i, f)
		}
		x.hide(&c, i)
		d.Columns = append(d.Columns, c)
	}
	return nil
}

// describe sets what a column is proposed for.
func (x *examiner) describe(c *Column, i int, f field) {
	s := x.scores[i][f]
	c.Attribute, c.Confidence, c.Why = f.String(), s.total(), s.why
	switch {
	case c.Confidence >= sureAt:
		c.Level = Sure
	case c.Confidence >= likelyAt:
		c.Level = Likely
	default:
		c.Level = Doubt
	}
	if x.rivals[i] {
		c.Why = append(c.Why, Reason{Key: "doctor.why.rivals"})
		if c.Level == Sure {
			c.Level = Likely
		}
	}
}

// others lists the attributes a column could also be, best first.
func (x *examiner) others(i int, chosen field) []string {
	type alt struct {
		f field
		s float64
	}
	var all []alt
	for f, s := range x.scores[i] {
		if f != chosen && s.total() >= doubtAt {
			all = append(all, alt{f, s.total()})
		}
	}
	slices.SortFunc(all, func(a, b alt) int {
		switch {
		case a.s > b.s:
			return -1
		case a.s < b.s:
			return 1
		}
		return int(a.f) - int(b.f)
	})
	var out []string
	for _, a := range all[:min(2, len(all))] {
		out = append(out, a.f.String())
	}
	return out
}

// hide takes away the samples that may name people or say precisely where something lives.
func (x *examiner) hide(c *Column, i int) {
	f, ok := fieldOf(c.Attribute)
	switch {
	case ok && (f == fObservers || f == fDeterminer || f == fValidator), x.stats[i].people, namesPeople(x.header[i]) && !(ok && (f == fScientificName || f == fNameCited || f == fPlaceName)):
		c.Personal, c.Samples = true, nil
	case ok && (f == fComment || f == fStructured || f == fStructuredPrivate), isRemark(x.header[i]):
		c.Samples = nil
	case !ok && x.stats[i].named > 0.6: // people under an unknown name, or a society: who knows
		c.Samples = nil
	}
}

// values compares what a column writes with the list of its attribute.
func (x *examiner) values(i int, f field) *Values {
	l := x.im.lists.of(f)
	if l == nil {
		return nil
	}
	v := &Values{List: l.name}
	for _, w := range x.stats[i].common() {
		if code, how, ok := l.match(w.text); ok {
			v.Matched = append(v.Matched, MatchedValue{w.text, code, l.labels[code], how, w.rows})
		} else {
			v.Unmatched = append(v.Unmatched, UnknownValue{f.String(), w.text, w.rows, l.nearest(w.text, 3)})
		}
	}
	return v
}

// conclude says what lacks, whether the file may go without asking, and writes the proposal.
func (d *Diagnosis) conclude(x *examiner, s *source, header []string, o *Options, base *plan) {
	d.Proposal = d.mapping(header, false)
	if d.NotObservations != "" {
		return
	}
	if base == nil {
		x.derive(d)
	}
	d.unsure = nil
	p := base
	if p == nil {
		if w, err := d.Proposal.meet(header, s.name); err == nil {
			p = newPlan(&format{name: Described, only: true}, header, w)
		}
	}
	if p == nil {
		return
	}
	for _, set := range o.Set {
		if f, ok := fieldOf(set.Attribute); ok {
			p.set(f, set.Value)
		}
	}
	for _, l := range p.missing() {
		d.Missing = append(d.Missing, Lack{l.what, examples[l.what]})
	}
	switch {
	case len(d.Missing) == 3, len(d.Missing) == 2 && d.Missing[0].What != "taxon" && d.Format == "":
		what := "all"
		if len(d.Missing) == 2 {
			what = "taxa"
		}
		d.Missing = append([]Lack{{What: what}}, d.Missing...)
	}
	if base == nil {
		d.Sure = d.settled(p, o) && len(d.Missing) == 0 && d.NotObservations == ""
	} else {
		d.Sure = len(d.Missing) == 0
	}
}

// examples are what a person may tell for a whole file.
var examples = map[string]string{"taxon": "cdNom=60630", "date": "dateDebut=2024-05-01", "place": "codeCommune=34172"}

// settled reports whether every attribute an observation needs, and every one that may hide
// it, is sure.
func (d *Diagnosis) settled(p *plan, o *Options) bool {
	sure := map[field]bool{}
	for _, set := range o.Set {
		if f, ok := fieldOf(set.Attribute); ok {
			sure[f] = true
		}
	}
	for _, c := range d.Columns {
		f, ok := fieldOf(c.Attribute)
		if !ok {
			continue
		}
		if c.Level == Sure {
			sure[f] = true
		} else if needed(f) || discreet(f) {
			d.unsure = append(d.unsure, c.Name)
		}
	}
	if len(d.Derived) > 0 {
		for _, x := range d.Derived {
			d.unsure = append(d.unsure, x.Column)
		}
		return false
	}
	any := func(fields ...field) bool { return slices.ContainsFunc(fields, func(f field) bool { return sure[f] }) }
	for _, c := range d.Columns { // a wish for discretion that is not sure stops everything
		if f, ok := fieldOf(c.Attribute); ok && discreet(f) && c.Level != Sure {
			return false
		}
	}
	return any(fCdNom, fScientificName, fNameCited, fGenus) && any(fDateStart, fYear) &&
		(any(fGeometry, fLatLon, fCommune, fDepartment, fCell) || sure[fLon] && sure[fLat] || sure[fX] && sure[fY])
}

func needed(f field) bool {
	switch f {
	case fCdNom, fScientificName, fNameCited, fGenus, fDateStart, fYear, fGeometry, fLatLon, fCommune, fDepartment, fCell, fLon, fLat, fX, fY:
		return true
	}
	return false
}

// mapping writes what is proposed as a mapping.
func (d *Diagnosis) mapping(header []string, sureOnly bool) *Mapping {
	m := &Mapping{name: d.File, Format: d.Format, Columns: map[string]string{}, Values: map[string]map[string]scalar{}}
	if d.Layout.Kind != "text" {
		m.Table = d.Layout.Table
	}
	for _, c := range d.Columns {
		if c.Name == "" {
			continue
		}
		m.order = append(m.order, c.Name)
		if c.Attribute == "" || c.Level == Doubt || sureOnly && c.Level != Sure || d.Format != "" {
			continue
		}
		m.Columns[c.Name] = c.Attribute
		if c.Values != nil && len(c.Values.Unmatched) > 0 && !sureOnly {
			if m.unmatched == nil {
				m.unmatched = map[string][]UnknownValue{}
			}
			m.unmatched[c.Attribute] = c.Values.Unmatched
		}
	}
	return m
}

// Notes says in a few words what each column holds, for the comments of a mapping file.
func (d *Diagnosis) Notes(sentence func(key string, args ...any) string) map[string]string {
	out := map[string]string{}
	for _, c := range d.Columns {
		var parts []string
		switch {
		case c.Attribute != "" && c.Level != Sure:
			parts = append(parts, sentence("doctor.note."+c.Level, c.Attribute))
		case c.Attribute != "" && d.Format != "":
			parts = append(parts, c.Attribute)
		}
		if len(c.Samples) > 0 {
			parts = append(parts, strings.Join(c.Samples[:min(2, len(c.Samples))], " ; "))
		}
		out[c.Name] = strings.Join(parts, " ; ")
	}
	return out
}
