// Package disclosure decides what each audience may see of an observation, and how
// precisely. It is the only place where that is decided: one pure function, from data and
// a policy, never from the caller.
//
// It knows neither SQL nor HTTP nor files. See DESIGN.md in this folder for the rule.
package disclosure

import (
	"garrigue/internal/dataset"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
)

// Audience is who will see.
type Audience uint8

// The audiences of this version.
const (
	Public Audience = iota
)

// Reason tells why an observation is shown less precisely than the mesh, or withheld; a
// set of bits.
type Reason uint8

// The reasons.
const (
	Sensitive   Reason = 1 << iota // the sensitivity list asks for it
	Consent                        // the producer or observer asked for it
	Nature                         // the record itself is attached to an area, or its shape is large
	Uncertainty                    // its stated uncertainty is large
)

// Containment tells which areas hold a whole given area, for policy's sake: of a commune
// its department; of a cell the larger cells that hold it and the department when the cell
// is wholly inside one; of a department the region. It says nothing of surfaces: those of
// particular areas must not be compared (DESIGN.md, 3).
type Containment interface {
	// Containers returns the areas that wholly contain a, not a itself.
	Containers(a geo.AreaKey) []geo.AreaKey
}

// Published is what an audience may see of one observation. Nothing in it is finer than
// Area.
type Published struct {
	CdRef        taxon.CdRef
	Dataset      dataset.ID
	Organisation string
	When         observation.Period // without times of day
	// Area is where it is shown: the mesh cell when ordinary, the one disclosed area when
	// blurred.
	Area geo.AreaKey
	// Within are the other areas it counts for. Ordinary: commune, department, region…
	// Blurred: only areas that wholly contain Area.
	Within  []geo.AreaKey
	Blurred bool
	Reasons Reason
	// AltitudeMin and AltitudeMax are NoAltitude when Blurred.
	AltitudeMin, AltitudeMax int16
	Validated                bool
}

// Grant is the right to read exact observations out of the vault, recorded with its
// reason. The vault gives nothing exact without one.
type Grant struct {
	Who    string // a job ("publish") or an account
	Reason string // one sentence, kept in the journal
}
