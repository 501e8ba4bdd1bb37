// Package sensitivity applies the reference lists of sensitive taxa (référentiels de
// sensibilité): how far an observation must be blurred because knowing its place could
// harm the taxon (Code de l'environnement, art. L.124-4 II).
//
// It decides a level. What the level means on a map belongs to the disclosure policy.
package sensitivity

import (
	"garrigue/internal/civil"
	"garrigue/internal/taxon"
)

// Level is a SINP sensitivity level: 0 none, 1 commune, 2 10 km cell, 3 department,
// 4 no diffusion.
type Level uint8

// List is one reference list, adopted for a territory.
type List struct {
	ID       string // the list's code in its file (cd_sl), or a name given at load
	Name     string // short citation
	Citation string
	Version  string
	Region   string // INSEE code of the region it was adopted for, "" for the national list
}

// Rule is one row of a list. It covers the taxon and everything below it.
type Rule struct {
	List       string // List.ID
	CdNom      taxon.CdNom
	Level      Level
	Department string // INSEE code with its leading zero; "" means everywhere
	Years      int    // duration; 0 means for ever. Older observations are no longer sensitive
	BioStatus  string // STATUT_BIO code the rule is limited to; "" means all
	Behaviour  string // OCC_COMPORTEMENT code the rule is limited to; "" means all
	// Condition is free text no program can check: such a rule applies, and asks for a
	// person's review.
	Condition string
}

// Facts are what a rule may depend on.
type Facts struct {
	// Lineage is the observation's CD_NOM, its CD_REF and the CD_REF of every ancestor.
	Lineage    []taxon.CdNom
	Department string // "" when unknown: rules of every department then apply
	Date       civil.Date
	BioStatus  string // "" or an "unknown" code (0, 1, 2): rules with a status then apply
	Behaviour  string
	Today      civil.Date
}

// Result is the level found and where it comes from.
type Result struct {
	Level  Level
	List   string // List.ID of the rule that decided, "" when Level is 0
	Review bool   // the deciding rule has a condition a person should judge
}
