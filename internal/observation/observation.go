// Package observation defines the exact observation (occurrence de taxon): what the vault
// keeps, with its precise place and its people. It is never shown as it is: see
// disclosure.Published.
//
// Codes of the standard (STATUT_BIO, NIV_PRECIS…) are kept as text, since the lists are
// versioned data (SINP standard Occurrences de taxons v2.0).
package observation

import (
	"github.com/google/uuid"

	"garrigue/internal/civil"
	"garrigue/internal/dataset"
	"garrigue/internal/geo"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
)

// Presence is statutObservation.
type Presence uint8

// Values of statutObservation. Only Present is ever published.
const (
	PresenceUnknown Presence = iota // NSP
	Present                         // Pr
	Absent                          // No
)

// Validation is nivVal; 0 stands for "awaiting".
type Validation uint8

// The levels of validation (standard's validation extension, plus GeoNature's 0).
const (
	Awaiting     Validation = 0
	Certain      Validation = 1
	Probable     Validation = 2
	Doubtful     Validation = 3
	Invalid      Validation = 4
	Undecidable  Validation = 5
	NotEvaluated Validation = 6
)

// Precision says how finely a date is known.
type Precision uint8

// The precisions of a date.
const (
	Day Precision = iota
	Month
	Year
	Years // a span longer than one year
)

// Period is when the observation was made: first and last day, both included.
type Period struct {
	Start, End civil.Date
	Precision  Precision
	StartTime  string // HH:MM[:SS], local, "" when unknown
	EndTime    string
}

// Georeference is what the place is known by (typeInfoGeo and the four cases of the
// standard's representation note).
type Georeference uint8

// The georeferences.
const (
	NoPlace      Georeference = iota
	ByGeometry                // a shape of its own
	ByCommune                 // attached to a commune, no geometry
	ByDepartment              // attached to a department
	ByCell                    // attached to a cell of the national mesh
)

// Place is where, exactly.
type Place struct {
	Georeference Georeference
	Geometry     []byte  // WKB, WGS84; nil unless ByGeometry
	Lon, Lat     float64 // a point on the shape, WGS84; centre of the area when attached
	// Box is the extent in Lambert-93 metres of the shape or of the area it is attached to.
	Box geo.Box
	// Commune and Department are the areas that hold the whole place (or over 80 % of it, for
	// inventory shapes), 0 when it straddles. Of a record its producer blurred they are only
	// those the producer gave: see BlurredAtSource.
	Commune     geo.AreaKey
	Department  geo.AreaKey
	Attached    geo.AreaKey // the area of ByCommune, ByDepartment, ByCell
	Uncertainty int         // stated radius in metres, 0 when not given
	AltitudeMin int16       // metres; NoAltitude when unknown
	AltitudeMax int16
	Name        string // nomLieu: withheld as soon as the place is blurred
	Nature      string // natureObjetGeo: St, In, NSP
}

// BlurredAtSource reports whether the producer blurred the record before sending it: no
// geometry, and dEEFloutage = OUI (the fourth case of the standard's representation note). Such
// a record is only in the layers that came with it, Attached, Commune and Department: no
// layer is derived from another, and it has no point.
func (o *Observation) BlurredAtSource() bool {
	return o.Blurring == "OUI" && o.Place.Georeference != ByGeometry && o.Place.Georeference != NoPlace
}

// NoAltitude marks an unknown altitude.
const NoAltitude int16 = -32768

// Hold is why an accepted observation may not be published yet.
type Hold uint8

// The reasons to hold. NotHeld means it may be classed and published.
const (
	NotHeld          Hold = iota
	UnmatchedTaxon        // the name or code is in no loaded TAXREF
	OutsideTerritory      // the place is outside the instance's territory
	Unlocated             // no place could be made of what was given
	Unclassed             // sensitivity could not be computed
)

// String returns the name of the reason, as reports and catalogues ("hold.<name>") have it.
func (h Hold) String() string {
	names := [...]string{"none", "unmatched_taxon", "outside_territory", "unlocated", "unclassed"}
	if int(h) < len(names) {
		return names[h]
	}
	return "unclassed"
}

// Observation is one exact record.
type Observation struct {
	ID        int64     // the vault's own
	IDSinp    uuid.UUID // idSINPOccTax; made from dataset and SourceKey when the source has none
	Dataset   dataset.ID
	SourceKey string // the producer's stable identifier (idOrigine), or one made from the row

	CdNom     taxon.CdNom // as received (after replacement of withdrawn codes), 0 unmatched
	CdRef     taxon.CdRef // 0 unmatched
	NameCited string
	Presence  Presence
	When      Period
	Place     Place

	Observers    string // "NOM Prénom, NOM Prénom": personal data
	Determiner   string
	Organisation string // organismeGestionnaireDonnee

	CountMin, CountMax int32 // -1 unknown
	CountObject        string
	CountType          string

	LifeStage, Sex, BioStatus, Behaviour, Technique string

	Public      string            // dSPublique: Pu, Pr, NSP, "" (as the dataset says)
	Diffusion   string            // diffusionNiveauPrecision: 0–5, ""
	Blurring    string            // dEEFloutage: OUI, NON, NSP, ""
	StatedLevel sensitivity.Level // sensiNiveau given by the producer; never lowers ours
	Sensitivity sensitivity.Level // computed from the loaded lists
	SensList    string            // list that decided
	// Manual says that a person decided Sensitivity: no rule changes it.
	Manual bool
	// Review says that the rule that decided has a condition a person should judge, or depends on
	// what the observation does not tell. The level holds meanwhile.
	Review     bool
	Validation Validation
	Held       Hold
	// Consent is the diffusionNiveauPrecision that the ledger of the observers' choices asks
	// for, "" when it says nothing: computed, like Sensitivity, never what the producer sent.
	Consent        string
	ConsentDefault bool // nobody answered: a default was applied
	// Source is the name of the configured source that last brought it, "" when by hand. It is
	// given for classing only.
	Source string

	// Grouping is idSINPRegroupement: the observations that bear it were made together, and all
	// take the level of the most sensitive. "" for none.
	Grouping string

	Comment string
	// Extra keeps every other column of the source under its name there, so that nothing
	// is lost.
	Extra map[string]string
}
