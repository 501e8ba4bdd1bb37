// Package sensitivity applies the reference lists of sensitive taxa (référentiels de
// sensibilité): how far an observation must be blurred because knowing its place could
// harm the taxon (Code de l'environnement, art. L.124-4 II).
//
// It decides a level. What the level means on a map belongs to the disclosure policy.
package sensitivity

import (
	"garrigue/internal/civil"
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

// List is one reference list, adopted for a territory.
type List struct {
	ID       string // the list's code in its file (cd_sl), or a name given at load
	Name     string // short citation
	Citation string
	Version  string
	// Region is the INSEE code of the region it was adopted for, of before 2016 or since: in
	// its departments it stands instead of the national list, whose Region is "". A list that
	// is Apart, or of a region nobody knows, adds to the others and replaces none.
	Region string
}

// Apart is the Region of a list that is neither national nor a region's: it is never
// overridden, and overrides nothing.
const Apart = "-"

// Rule is one row of a list. It covers the taxon and everything below it.
type Rule struct {
	List       string // List.ID
	CdNom      taxon.CdNom
	Level      Level
	Department string      // INSEE code with its leading zero; "" means everywhere
	Area       geo.AreaKey // another area it is limited to; 0 means none
	// From and To are the first and last days of its season, as MMDD, both included; 1101 to
	// 228 goes over New Year. Both 0: all year.
	From, To  int16
	Years     int    // duration; 0 means for ever. Older observations are no longer sensitive
	BioStatus string // STATUT_BIO code the rule is limited to; "" means all
	Behaviour string // OCC_COMPORTEMENT code the rule is limited to; "" means all
	LifeStage string // STADE_VIE code the rule is limited to; "" means all
	// Condition is free text no program can check: such a rule applies, and asks for a
	// person's review.
	Condition string
}

// Facts are what a rule may depend on. What is not told frees the observation of no rule.
type Facts struct {
	// Lineage is the observation's CD_NOM, its CD_REF and the CD_REF of every ancestor.
	Lineage []taxon.CdNom
	// Departments are those that the place, or the area asked about, meets; empty when
	// unknown: the rules of every department then apply.
	Departments []string
	// Areas are the other areas it meets. Of a kind that none of them has nothing is known:
	// rules for an area of that kind then apply.
	Areas []geo.AreaKey
	// Start and Date are its first and last days; NoDate when unknown.
	Start, Date civil.Date
	BioStatus   string // "" or an "unknown" code (0, 1, 2): rules with a status then apply
	Behaviour   string
	LifeStage   string
	Today       civil.Date
}

// Result is the level found and where it comes from.
type Result struct {
	Level  Level
	List   string // List.ID of the rule that decided, "" when Level is 0
	Review bool   // the deciding rule has a condition a person should judge
}
