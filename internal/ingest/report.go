package ingest

import (
	"encoding/json"
	"sort"
	"time"

	"garrigue/internal/observation"
	"garrigue/internal/quality"
	"garrigue/internal/vault"
)

// Report says what became of a file. Read = Created + Updated + Unchanged + Rejected + Withdrawn - Missing.
type Report struct {
	File       string   `json:"file"`
	Table      string   `json:"table,omitempty"`    // inside an archive
	LeftOut    []string `json:"left_out,omitempty"` // other tables of the archive, not read
	Format     string   `json:"format"`
	Datasets   []string `json:"datasets"`
	Encoding   string   `json:"encoding"`
	Separator  string   `json:"separator"`
	Projection string   `json:"projection,omitempty"`
	DateStyle  string   `json:"date_style,omitempty"`
	Decimal    string   `json:"decimal,omitempty"` // "," when decimals are written with a comma
	Mapping    []Mapped `json:"mapping"`
	Kept       []string `json:"kept"` // columns of no field, kept with the observation

	// Told is where the mapping comes from: "" for a known format, else mapping, remembered or
	// doctor. Added and Removed are what moved in the header since the source's last file.
	Told    string   `json:"told,omitempty"`
	Added   []string `json:"added,omitempty"`
	Removed []string `json:"removed,omitempty"`
	// Unknown are the values no code list has, the most frequent first: they are kept aside.
	Unknown []UnknownValue `json:"unknown,omitempty"`

	Passed    int            `json:"passed,omitempty"` // rows the mapping says are no observation, not read
	Read      int            `json:"read"`
	Created   int            `json:"created"`
	Updated   int            `json:"updated"`
	Unchanged int            `json:"unchanged"`
	Rejected  int            `json:"rejected"`
	Withdrawn int            `json:"withdrawn"` // announced by rows, or missing from a complete file
	Missing   int            `json:"missing"`   // of Withdrawn, those a complete file lacks
	Returned  int            `json:"returned"`  // of Updated, those that had been withdrawn
	Twins     int            `json:"twins"`     // rows that another dataset has as well
	Held      map[string]int `json:"held"`      // accepted rows that may not be published yet, by reason
	Warnings  map[string]int `json:"warnings"`  // by code
	Rejects   map[string]int `json:"rejects"`   // rejected rows by code; a row may have several
	Unmatched []Unmatched    `json:"unmatched,omitempty"`

	DryRun        bool    `json:"dry_run,omitempty"`
	TooMany       bool    `json:"too_many,omitempty"` // a trial found more missing than would be withdrawn unforced
	Batch         int64   `json:"batch,omitempty"`
	Seconds       float64 `json:"seconds"`
	RowsPerSecond float64 `json:"rows_per_second"`

	layout string // of the file, as JSON, to give rejects back in its form
}

// Mapped is one column and what it was taken for.
type Mapped struct {
	Column string `json:"column"`
	Field  string `json:"field"`
}

// Unmatched is a code or name no loaded TAXREF has, with its number of rows.
type Unmatched struct {
	Taxon string `json:"taxon"`
	Rows  int    `json:"rows"`
}

// holdName returns the name of a reason to hold, in reports and catalogues ("hold.<name>").
func holdName(h observation.Hold) string {
	return [...]string{"none", "unmatched_taxon", "outside_territory", "unlocated", "unclassed"}[h]
}

func separatorName(c string) string {
	if c == "\t" {
		return "tab"
	}
	return c
}

// describe fills what is known of the file before its rows.
func (r *Report) describe(s *source, rows *rows, p *plan, prof *profile) {
	l := s.layout(rows)
	if b, err := json.Marshal(l); err == nil {
		r.layout = string(b)
	}
	r.File, r.Table, r.Format, r.LeftOut = s.name, l.Table, p.format.name, l.Others
	if s.archive != nil {
		r.Format = Archive
	}
	r.Encoding, r.Separator = string(l.Encoding), separatorName(l.Separator)
	for f := range nFields {
		if c := p.column[f]; c >= 0 {
			r.Mapping = append(r.Mapping, Mapped{p.header[c], f.String()})
		}
		if c := p.second[f]; c >= 0 {
			r.Mapping = append(r.Mapping, Mapped{p.header[c], f.String()})
		}
	}
	r.Kept = []string{}
	for _, c := range p.extra {
		r.Kept = append(r.Kept, p.header[c])
	}
	switch {
	case p.has(fGeometry):
		r.Projection = crsName(prof.geometryCRS(fGeometry))
	case p.has(fLon):
		r.Projection = crsName(prof.pairCRS(fLon))
	case p.has(fX):
		r.Projection = crsName(prof.pairCRS(fX))
	}
	r.DateStyle = prof.dates[fDateStart].style()
	if r.DateStyle == "" {
		r.DateStyle = prof.dates[fVerbatimDate].style()
	}
	if prof.comma {
		r.Decimal = ","
	}
	r.Held, r.Warnings, r.Rejects = map[string]int{}, map[string]int{}, map[string]int{}
	r.notes(p, prof)
}

// explain tells where the plan comes from.
func (r *Report) explain(p *planned) {
	r.Told, r.Added, r.Removed = p.told, p.moved.added, p.moved.removed
}

// notes adds what was assumed for the whole file.
func (r *Report) notes(p *plan, prof *profile) {
	for _, f := range [...]field{fDateStart, fDateEnd, fVerbatimDate} {
		if f == fVerbatimDate && (p.has(fDateStart) || p.has(fYear)) {
			continue // read only when nothing better is there
		}
		e := prof.dates[f]
		if _, assumed := e.order(); assumed && p.has(f) {
			r.Warnings[string(quality.DateOrderAssumed)] += e.either
		}
		if e.shortYear > 0 {
			r.Warnings[string(quality.TwoDigitYear)] += e.shortYear
		}
	}
	if prof.rounded {
		r.Warnings[string(quality.CoordinatesRounded)] = prof.rows
	}
	if prof.assumed {
		r.Warnings[string(quality.ProjectionAssumed)] = prof.rows
	}
}

// count adds one written row.
func (r *Report) count(out vault.Outcome, o *observation.Observation) {
	switch out {
	case vault.Created:
		r.Created++
	case vault.Updated:
		r.Updated++
	case vault.Returned:
		r.Updated++
		r.Returned++
	case vault.Unchanged:
		r.Unchanged++
	}
	if o.Held != observation.NotHeld {
		r.Held[holdName(o.Held)]++
	}
}

func (r *Report) mapping() string {
	m := map[string]string{}
	for _, c := range r.Mapping {
		m[c.Column] = c.Field
	}
	b, err := json.Marshal(m)
	if err != nil {
		return "{}" // a map of strings always marshals
	}
	return string(b)
}

// finish adds the totals.
func (r *Report) finish(started time.Time, unmatched map[string]int) {
	r.Seconds = time.Since(started).Seconds()
	if r.Seconds > 0 {
		r.RowsPerSecond = float64(r.Read) / r.Seconds
	}
	for t, n := range unmatched {
		r.Unmatched = append(r.Unmatched, Unmatched{t, n})
	}
	sort.Slice(r.Unmatched, func(i, j int) bool {
		a, b := r.Unmatched[i], r.Unmatched[j]
		return a.Rows > b.Rows || a.Rows == b.Rows && a.Taxon < b.Taxon
	})
	if len(r.Unmatched) > 20 {
		r.Unmatched = r.Unmatched[:20]
	}
}

func (r *Report) info() vault.BatchInfo {
	i := vault.BatchInfo{File: r.File, Format: r.Format, Mapping: r.mapping(), Layout: r.layout, Read: r.Read, Created: r.Created,
		Updated: r.Updated, Same: r.Unchanged, Rejected: r.Rejected}
	for _, n := range r.Held {
		i.Held += n
	}
	for _, n := range r.Warnings {
		i.Warnings += n
	}
	return i
}
