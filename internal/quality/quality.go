// Package quality lists the checks an observation goes through when it enters: conformity
// to the standard and consistency between fields and with the references. Each check has a
// stable code, a severity and a sentence in the catalogues (key "quality.<code>").
//
// A bad row is data, not an error: findings are values, collected in the report.
package quality

// Severity is what a finding does to its row.
type Severity uint8

// The severities. A rejected row is kept among the rejects with the producer's own line; a
// held row is accepted and not publishable yet; a warning is only told.
const (
	Warn Severity = iota
	Hold
	Reject
)

// Code names a check. Where GINCO or GeoNature have a public code for the same check, it
// is theirs (reference: SINP standards, 5.3).
type Code string

// Finding is one thing found wrong in one row.
type Finding struct {
	Code  Code
	Field string   // the producer's column, "" for the whole row
	Value string   // what was there, shortened; never a person's name
	Args  []string // for the sentence: {0}, {1}…
}
