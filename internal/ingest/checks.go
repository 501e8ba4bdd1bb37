package ingest

import (
	"strings"

	"garrigue/internal/civil"
	"garrigue/internal/observation"
	"garrigue/internal/quality"
	"garrigue/internal/taxon"
)

// checkedColumns are the headers of attributes that are read only to be checked: they are
// kept with the observation as every column that has no place of its own.
func checkedColumns(format string) map[field][]string {
	shared := map[field][]string{
		fCommuneName: {"nomCommune"}, fCommuneYear: {"anneeRefCommune"}, fDepartmentName: {"nomDepartement"}, fDepartmentYear: {"anneeRefDepartement"},
		fNaturalAreaType: {"typeEN"}, fNaturalAreaVersion: {"versionEN"}, fWaterBodyVersion: {"versionME"}, fWaterBodyDate: {"dateME"},
		fDeterminationDate: {"dateDetermination"}, fTransformDate: {"dEEDateTransformation"}, fModifiedDate: {"dEEDateDerniereModification"},
		fSensitivityDate: {"sensiDateAttribution"}, fSensitivityRef: {"sensiReferentiel"}, fSensitivityVersion: {"sensiVersionReferentiel"},
		fHabitatRef: {"refHabitat"}, fHabitatVersion: {"versionRefHabitat", "versionRef"}, fHabitatCode: {"codeHabitat"}, fHabRef: {"codeHabRef"},
		fGrouping: {"idSINPRegroupement", "identifiantRegroupementPermanent"}, fGroupingType: {"typeRegroupement"},
		fAttributeName: {"nomAttribut"}, fAttributeType: {"typeAttribut"}, fAttributeValue: {"valeurAttribut"}, fAttributeUnit: {"uniteAttribut"},
	}
	switch format {
	case SINP20:
		return shared
	case SINP121:
		add(shared, map[field][]string{fTaxrefVersion: {"versionTAXREF"}, fObserverOrg: {"observateurNomOrganisme"}, fDeterminerOrg: {"determinateurNomOrganisme"},
			fValidator: {"validateurIdentite"}, fValidatorOrg: {"validateurNomOrganisme"}})
		return shared
	case GeoNature:
		return map[field][]string{fDeterminationDate: {"date_determination"}, fGrouping: {"uuid_perm_grp_sinp", "unique_id_sinp_grp"}}
	case DarwinCore:
		return map[field][]string{fDeterminationDate: {"dateIdentified"}, fCommuneName: {"municipality"}, fDepartmentName: {"county"}, fGrouping: {"eventID"}}
	case VisioNature:
		return map[field][]string{fCommuneName: {"MUNICIPALITY"}}
	}
	return nil
}

// rowCheck is one rule on one row. It is looked at only in files that have one of its columns.
type rowCheck struct {
	fields []field
	sinp   bool // only in the standard's own formats, which promise what it asks for
	find   func(m *mapper, o *observation.Observation)
}

// rowChecks is the table of the rules that need no other row and no reference but TAXREF
// (rules: SINP standards, 1.1 and 1.4). What they find is told; none of them refuses a row, which
// is still worth having without a version of a reference: see decision in quality.Checks.
func rowChecks() []rowCheck {
	return []rowCheck{
		{fields: []field{fDeterminationDate, fValidationDate, fTransformDate, fModifiedDate}, find: checkChronology},
		{fields: []field{fWaterBodyDate, fSensitivityDate}, find: checkOtherDates},
		{fields: []field{fNameCited, fOrganisation, fObservers, fDeterminer, fPlaceName}, find: checkLengths},
		{fields: []field{fObservers, fDeterminer}, find: checkPersons},
		{fields: []field{fDepthMin, fDepthMax}, find: checkDepths},
		{fields: []field{fLifeStage, fCountObject, fBehaviour}, find: checkTaxon},
		{fields: []field{fPublic, fSourceStatus, fPresence, fOrganisation, fDateEnd}, sinp: true, find: checkMandatory},
		{fields: []field{fCommune, fCommuneName, fDepartment, fCell, fNaturalArea, fWaterBody, fCountMin, fCountMax, fHabitatRef, fHabitatCode, fHabRef, fGrouping,
			fObserverOrg, fDeterminerOrg, fValidator, fAttributeName, fState, fGeometry}, sinp: true, find: checkGroups},
		{fields: []field{fPublic, fSensitivity, fAttributeType}, sinp: true, find: checkConditions},
		{fields: []field{fCommuneName, fNaturalAreaType, fHabitatRef, fObserverOrg, fDeterminerOrg, fValidatorOrg}, sinp: true, find: checkLists},
		{fields: []field{fTaxrefVersion}, sinp: true, find: checkTaxrefVersion},
		{fields: []field{fHabitatRef}, sinp: true, find: checkHabitat},
	}
}

// checksFor chooses the checks a file is worth: those one of whose columns it has.
func checksFor(p *plan) (out []func(m *mapper, o *observation.Observation)) {
	sinp := p.format.name == SINP20 || p.format.name == SINP121
	for _, c := range rowChecks() {
		if c.sinp && !sinp {
			continue
		}
		for _, f := range c.fields {
			if p.has(f) {
				out = append(out, c.find)
				break
			}
		}
	}
	return out
}

// check runs the checks of the row's file.
func (m *mapper) check(o *observation.Observation) {
	for _, find := range m.checks {
		find(m, o)
	}
}

// checkChronology: an observation is determined, controlled and exchanged after it was made, and
// an exchange is modified after it was made (GINCO 1209).
func checkChronology(m *mapper, o *observation.Observation) {
	if o.When.End == civil.NoDate {
		return
	}
	end := o.When.End
	if o.When.Precision != observation.Day {
		end = o.When.Start // "in May": determined in May too, perhaps
	}
	for _, f := range [...]field{fDeterminationDate, fValidationDate, fTransformDate} {
		if d, ok := m.sideDate(f); ok && d < end {
			m.find(quality.DateOrder, f, m.get(f))
		}
	}
	made, ok := m.sideDate(fTransformDate)
	if last, ok2 := m.sideDate(fModifiedDate); ok && ok2 && last < made {
		m.find(quality.DateOrder, fModifiedDate, m.get(fModifiedDate))
	}
}

// sideDate reads a date beside the observation's; ok is false when there is none, or none
// that can be read without knowing which of day and month comes first.
func (m *mapper) sideDate(f field) (civil.Date, bool) {
	v := m.get(f)
	if v == "" {
		return 0, false
	}
	s, fault := m.side.read(v)
	if fault == dateBad && f != fValidationDate { // that one is refused where it is read
		m.find(quality.InvalidFormat, f, v)
	}
	return s.end, fault == dateOK
}

func checkOtherDates(m *mapper, _ *observation.Observation) {
	m.sideDate(fWaterBodyDate)
	m.sideDate(fSensitivityDate)
}

// Lengths beyond which a text is likelier several columns in one than a name: those GeoNature
// gives its columns (gn_synthese.synthese).
const (
	longName  = 1000
	longPlace = 500
)

func checkLengths(m *mapper, o *observation.Observation) {
	for _, t := range [...]struct {
		f    field
		text string
		most int
	}{{fNameCited, o.NameCited, longName}, {fOrganisation, o.Organisation, longName}, {fObservers, o.Observers, longName},
		{fDeterminer, o.Determiner, longName}, {fPlaceName, o.Place.Name, longPlace}} {
		if len(t.text) > t.most {
			m.find(quality.StringTooLong, t.f, "", itoa(len(t.text)), itoa(t.most)) // the text itself may name people
		}
	}
}

// checkPersons: one of comma and semicolon parts persons. Both in one value means that one of
// them is inside a person. The value is never told: it names people.
func checkPersons(m *mapper, o *observation.Observation) {
	for _, t := range [...]struct {
		f    field
		text string
	}{{fObservers, o.Observers}, {fDeterminer, o.Determiner}} {
		if strings.IndexByte(t.text, ',') >= 0 && strings.ContainsAny(t.text, ";|") {
			m.find(quality.PersonComma, t.f, "")
		}
	}
}

// deepest is a little more than the deepest sea, in metres.
const deepest = 11_500

func checkDepths(m *mapper, _ *observation.Observation) {
	for _, f := range [...]field{fDepthMin, fDepthMax} {
		if v := m.get(f); v != "" {
			if n, ok := decimal(v); ok && (n < 0 || n > deepest) {
				m.find(quality.InvalidRangeField, f, v)
			}
		}
	}
}

// checkTaxon: what a plant cannot be said to do, and an animal not to be made of.
func checkTaxon(m *mapper, o *observation.Observation) {
	if len(o.LifeStage) < 1 && o.CountObject == "" && o.Behaviour == "" || o.CdRef == 0 {
		return
	}
	stage, object, behaviour := stageOf(o.LifeStage), objectOf(o.CountObject), o.Behaviour > "1"
	if stage == ofAny && object == ofAny && !behaviour {
		return
	}
	n, ok := m.im.taxa.Valid(o.CdRef)
	if !ok || n.Kingdom == "" {
		return
	}
	animal := n.Kingdom == "Animalia"
	switch {
	case stage == ofAnimals && !animal, stage == ofPlants && animal,
		o.LifeStage == "8" && n.Class != "" && n.Class != "Amphibia", o.LifeStage == "7" && n.Class != "" && !insect(&n):
		m.find(quality.ImplausibleForTaxon, fLifeStage, m.get(fLifeStage))
	case object == ofAnimals && !animal, object == ofPlants && animal:
		m.find(quality.ImplausibleForTaxon, fCountObject, m.get(fCountObject))
	case behaviour && (n.Kingdom == "Plantae" || n.Kingdom == "Fungi"):
		m.find(quality.ImplausibleForTaxon, fBehaviour, m.get(fBehaviour))
	}
}

func insect(n *taxon.Name) bool { return n.Class == "Insecta" || n.Class == "Hexapoda" }

// bearer is who a value may be told of.
type bearer uint8

const (
	ofAny bearer = iota
	ofAnimals
	ofPlants
)

// stageOf tells whose stage a code of STADE_VIE is: 5 to 17 and 26 (sub-adult, larva, tadpole,
// egg, moult, chrysalis… alevin, post-larva) are animals'; 18 to 25 and 27 (germination, seed,
// bulb, rhizome, fruit…) are plants'.
func stageOf(code string) bearer {
	n, ok := integer(code)
	switch {
	case !ok || n < 5:
		return ofAny
	case n <= 17 || n == 26:
		return ofAnimals
	}
	return ofPlants
}

// objectOf tells whose object a code of OBJ_DENBR is.
func objectOf(code string) bearer {
	switch code {
	case "CPL", "NID", "PON":
		return ofAnimals
	case "HAM", "TIGE", "TOUF":
		return ofPlants
	}
	return ofAny
}

// checkMandatory: what the standard asks of every record and that does without (GINCO 1101).
// What an observation is nothing without (taxon, date, place) refuses the row elsewhere.
func checkMandatory(m *mapper, _ *observation.Observation) {
	for _, f := range [...]field{fPublic, fSourceStatus, fPresence, fOrganisation, fDateEnd, fObservers, fObserverOrg} {
		if m.plan.has(f) && m.get(f) == "" {
			m.find(quality.MandatoryFieldMissing, f, "")
		}
	}
}

// group is an object of the standard whose attributes go together (GINCO 1200).
type group struct {
	all []field // each is wanted as soon as one of them, or of with, is there
	// with are attributes that belong to the group and may lack.
	with []field
}

func groups() []group {
	return []group{
		{all: []field{fCommune, fCommuneName, fCommuneYear, fCommuneInfo}},
		{all: []field{fDepartment, fDepartmentYear, fDepartmentInfo}},
		{all: []field{fCell, fCellInfo}},
		{all: []field{fNaturalArea, fNaturalAreaType, fNaturalAreaVersion, fNaturalAreaInfo}},
		{all: []field{fWaterBody, fWaterBodyVersion, fWaterBodyDate, fWaterBodyInfo}},
		{all: []field{fCountMin, fCountMax, fCountObject}, with: []field{fCountType}},
		{all: []field{fHabitatRef, fHabitatVersion}, with: []field{fHabitatCode, fHabRef}},
		{all: []field{fGrouping, fGroupingType}},
		{all: []field{fDeterminer, fDeterminerOrg}},
		{all: []field{fValidator, fValidatorOrg}},
		{all: []field{fAttributeName, fAttributeType, fAttributeValue}, with: []field{fAttributeUnit}},
		{all: []field{fTechnique, fState, fNaturalness, fSex, fLifeStage, fBioStatus, fBioGeo, fProof}, with: []field{fProofURL, fProofOther}},
		{all: []field{fNature}, with: []field{fGeometry}},
	}
}

// checkGroups tells the attribute that lacks in a group begun. Only columns the file has
// count: one it lacks altogether is no fault of the row.
func checkGroups(m *mapper, _ *observation.Observation) {
	for i := range m.groups {
		g := &m.groups[i]
		begun, lacks := false, nFields
		for _, f := range g.with {
			begun = begun || m.get(f) != ""
		}
		for _, f := range g.all {
			if m.get(f) != "" {
				begun = true
			} else if lacks == nFields {
				lacks = f
			}
		}
		if begun && lacks != nFields {
			m.find(quality.MandatoryConditionalFields, lacks, "")
		}
	}
}

// groupsOf keeps of each group the attributes a file has.
func groupsOf(p *plan) (out []group) {
	kept := func(list []field) (out []field) {
		for _, f := range list {
			if p.has(f) {
				out = append(out, f)
			}
		}
		return out
	}
	for _, g := range groups() {
		g.all, g.with = kept(g.all), kept(g.with)
		if len(g.all) > 1 || len(g.all) == 1 && len(g.with) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// checkConditions: attributes that a value of another asks for.
func checkConditions(m *mapper, o *observation.Observation) {
	want := func(f field) {
		if m.plan.has(f) && m.get(f) == "" {
			m.find(quality.MandatoryConditionalFields, f, "")
		}
	}
	if o.Public == "Pr" {
		want(fBlurring)
	}
	if o.StatedLevel > 0 {
		want(fSensitivityDate)
		want(fSensitivityRef)
		want(fSensitivityVersion)
	}
	if m.get(fAttributeType) == "QTA" {
		want(fAttributeUnit)
	}
}

// checkLists: attributes of one object that hold several values hold as many (GINCO 1201). This
// is also how a comma inside a person's name is noticed: one person more than organisations.
func checkLists(m *mapper, _ *observation.Observation) {
	for _, list := range [...][]field{
		{fCommune, fCommuneName}, {fNaturalArea, fNaturalAreaType, fNaturalAreaVersion}, {fHabitatCode, fHabRef, fHabitatRef, fHabitatVersion},
		{fObservers, fObserverOrg}, {fDeterminer, fDeterminerOrg}, {fValidator, fValidatorOrg},
	} {
		n := 0
		for _, f := range list {
			v := m.get(f)
			if v == "" {
				continue
			}
			if c := strings.Count(v, ",") + 1; n == 0 {
				n = c
			} else if c != n {
				m.find(quality.ArrayOfSameLength, f, "", itoa(c), itoa(n))
				break
			}
		}
	}
}

// checkTaxrefVersion: version 1.2.1 wants to know of which TAXREF a code is (GINCO 1202).
func checkTaxrefVersion(m *mapper, _ *observation.Observation) {
	if m.get(fTaxrefVersion) == "" && (m.get(fCdNom) != "" || m.get(fCdRef) != "") {
		m.find(quality.TaxrefVersion, fTaxrefVersion, "")
	}
}

// checkHabitat: a habitat of HABREF is told by its codeHabRef, one of another reference by its
// own code (GINCO 1206).
func checkHabitat(m *mapper, _ *observation.Observation) {
	ref := m.get(fHabitatRef)
	if ref == "" {
		return
	}
	others := false
	for part := range strings.SplitSeq(ref, ",") {
		others = others || !strings.EqualFold(strings.TrimSpace(part), "HABREF")
	}
	switch {
	case others && m.plan.has(fHabitatCode) && m.get(fHabitatCode) == "":
		m.find(quality.Habitat, fHabitatCode, ref)
	case !others && m.get(fHabRef) == "" && m.get(fHabitatCode) == "":
		m.find(quality.Habitat, fHabRef, ref)
	}
}
