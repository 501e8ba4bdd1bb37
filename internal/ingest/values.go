package ingest

import (
	"strconv"
	"strings"

	"garrigue/internal/civil"
	"garrigue/internal/observation"
	"garrigue/internal/quality"
	"garrigue/internal/sensitivity"
)

func itoa(n int) string { return strconv.Itoa(n) }

// lists are the code lists by the attribute that uses them.
type lists struct {
	statutObs, natObjGeo, typInfGeo, statutSource, dsPublique, deeFlou, nivPrecis, sensibilite,
	typDenbr, objDenbr, stadeVie, sexe, etaBio, naturalite, statutBio, comportement, statBiogeo, methObs,
	preuve, statutValid *codelist
}

func newLists(c codelists) lists {
	return lists{statutObs: c.list("STATUT_OBS"), natObjGeo: c.list("NAT_OBJ_GEO"), typInfGeo: c.list("TYP_INF_GEO"),
		statutSource: c.list("STATUT_SOURCE"), dsPublique: c.list("DS_PUBLIQUE"), deeFlou: c.list("DEE_FLOU"), nivPrecis: c.list("NIV_PRECIS"),
		sensibilite: c.list("SENSIBILITE"), typDenbr: c.list("TYP_DENBR"), objDenbr: c.list("OBJ_DENBR"), stadeVie: c.list("STADE_VIE"),
		sexe: c.list("SEXE"), etaBio: c.list("ETA_BIO"), naturalite: c.list("NATURALITE"), statutBio: c.list("STATUT_BIO"),
		comportement: c.list("OCC_COMPORTEMENT"), statBiogeo: c.list("STAT_BIOGEO"), methObs: c.list("METH_OBS"),
		preuve: c.list("PREUVE_EXIST"), statutValid: c.list("STATUT_VALID")}
}

// period reads when the observation was made.
func (m *mapper) period(o *observation.Observation) {
	o.When = observation.Period{Start: civil.NoDate, End: civil.NoDate}
	s, known := m.startDate()
	if !known {
		return
	}
	w := &o.When
	w.Start, w.End, w.Precision, w.StartTime, w.EndTime = s.start, s.end, s.precision, s.startTime, s.endTime
	if text := m.get(fDateEnd); text != "" {
		e, fault := m.end.read(text)
		if fault != dateOK {
			m.badDate(fDateEnd, text, fault)
			return
		}
		w.End, w.Precision = e.end, precisionOf(s, e)
		if w.Precision == observation.Day && e.startTime != "" {
			w.EndTime = e.startTime
		}
	}
	m.times(w)
	m.checkPeriod(w)
	if text := m.get(fValidationDate); text != "" {
		if _, fault := m.control.read(text); fault != dateOK {
			m.badDate(fValidationDate, text, fault)
		}
	}
}

// startDate reads the start from the date column, else from year, month, day, else from a
// date in words.
func (m *mapper) startDate() (span, bool) {
	if text := m.get(fDateStart); text != "" {
		s, fault := m.start.read(text)
		if fault == dateOK {
			return s, true
		}
		m.badDate(fDateStart, text, fault)
		return span{}, false
	}
	if y := m.get(fYear); y != "" {
		text := y
		if mo := m.get(fMonth); mo != "" {
			text += "-" + mo
			if d := m.get(fDay); d != "" {
				text += "-" + d
			}
		}
		s, fault := m.start.read(text)
		if fault == dateOK {
			return s, true
		}
		m.badDate(fYear, text, fault)
		return span{}, false
	}
	if text := m.get(fVerbatimDate); text != "" {
		s, fault := m.verbatim.read(text)
		if fault == dateOK {
			return s, true
		}
		m.badDate(fVerbatimDate, text, fault)
		return span{}, false
	}
	m.find(quality.MissingValue, fDateStart, "")
	return span{}, false
}

func (m *mapper) badDate(f field, text string, fault dateFault) {
	if fault == dateAmbiguous {
		m.find(quality.AmbiguousDate, f, text)
		return
	}
	m.find(quality.InvalidDate, f, text)
}

func (m *mapper) times(w *observation.Period) {
	for _, t := range [...]struct {
		f  field
		to *string
	}{{fTimeStart, &w.StartTime}, {fTimeEnd, &w.EndTime}} {
		text := m.get(t.f)
		if text == "" {
			continue
		}
		v, ok := clock(text)
		if !ok {
			m.find(quality.InvalidTime, t.f, text)
			continue
		}
		*t.to = v
	}
}

// Years before which a date is refused, or only doubted: no collection of living things
// kept with a date is older than 1500; before 1900 a misprint is likelier than a herbarium.
const (
	oldestYear = 1500
	oldYear    = 1900
)

func (m *mapper) checkPeriod(w *observation.Period) {
	today := m.im.set.Today
	if w.Start > today {
		m.find(quality.DateMinTooHigh, fDateStart, w.Start.String())
	}
	if w.End > today && w.Start <= today && w.Precision == observation.Day {
		m.find(quality.DateMaxTooHigh, fDateEnd, w.End.String())
	}
	if w.End > today && w.Start <= today && w.Precision != observation.Day {
		w.End = today // "2026" in November 2026: the rest of the year is not in question
	}
	switch y := w.Start.Year(); {
	case y < oldestYear:
		m.find(quality.DateMinTooLow, fDateStart, w.Start.String())
	case y < oldYear:
		m.find(quality.OldDate, fDateStart, w.Start.String())
	}
	if w.Start > w.End || w.Start == w.End && w.StartTime != "" && w.EndTime != "" && w.StartTime > w.EndTime {
		m.find(quality.DateMinSupDateMax, fDateEnd, strings.TrimSpace(w.End.String()+" "+w.EndTime))
	}
}

// coded returns the code of a field's value without a finding, "" when unknown or absent.
func (m *mapper) coded(f field, l *codelist) string {
	v := m.get(f)
	if v == "" {
		return ""
	}
	c, _ := l.code(v)
	return c
}

// code returns the code of a field's value; a value not in the list is refused, or kept
// aside where the format promises no list.
func (m *mapper) code(o *observation.Observation, f field, l *codelist) string {
	v := m.get(f)
	if v == "" {
		return ""
	}
	c, ok := l.code(v)
	if ok {
		return c
	}
	if m.plan.format.strict {
		m.find(quality.InvalidNomenclature, f, v, l.name)
		return ""
	}
	m.find(quality.InvalidNomenclatureWarning, f, v, l.name)
	m.aside(o, f, v)
	return ""
}

// codes reads the attributes that have a list.
func (m *mapper) codes(o *observation.Observation) {
	l := &m.im.lists
	switch m.code(o, fPresence, l.statutObs) {
	case "No":
		o.Presence = observation.Absent
	case "NSP":
		o.Presence = observation.PresenceUnknown
	case "Pr":
		o.Presence = observation.Present
	default:
		o.Presence = observation.Present // what a record without the attribute says
		if m.get(fPresence) != "" {
			o.Presence = observation.PresenceUnknown // and one that says something else does not
		}
	}
	o.LifeStage, o.Sex = m.code(o, fLifeStage, l.stadeVie), m.code(o, fSex, l.sexe)
	o.Behaviour, o.BioStatus = m.code(o, fBehaviour, l.comportement), m.code(o, fBioStatus, l.statutBio)
	if frozenBehaviour(o.BioStatus) {
		if o.Behaviour == "" || o.Behaviour == "0" || o.Behaviour == "1" {
			o.Behaviour = o.BioStatus
		}
		o.BioStatus = ""
	}
	o.Technique = m.code(o, fTechnique, l.methObs)
	o.CountObject, o.CountType = m.code(o, fCountObject, l.objDenbr), m.code(o, fCountType, l.typDenbr)
	o.Place.Nature = m.code(o, fNature, l.natObjGeo)
	m.code(o, fState, l.etaBio)
	m.code(o, fNaturalness, l.naturalite)
	m.code(o, fBioGeo, l.statBiogeo)
	m.disclosureCodes(o)
	m.proofs(o)
	if s := m.code(o, fSourceStatus, l.statutSource); s == "Li" && m.get(fBiblio) == "" && m.plan.format.strict {
		m.find(quality.ConditionalMandatoryFieldError, fBiblio, "")
	}
}

// disclosureCodes reads what decides who sees the row: a value nobody understands rejects
// the row whatever the format, since it may be a wish for discretion.
func (m *mapper) disclosureCodes(o *observation.Observation) {
	l := &m.im.lists
	read := func(f field, list *codelist) string {
		v := m.get(f)
		if v == "" {
			return ""
		}
		c, ok := list.code(v)
		if !ok {
			m.find(quality.InvalidNomenclature, f, v, list.name)
		}
		return c
	}
	o.Public = publicCode(read(fPublic, l.dsPublique))
	o.Diffusion = read(fDiffusion, l.nivPrecis)
	o.Blurring = read(fBlurring, l.deeFlou)
	if s := read(fSensitivity, l.sensibilite); s != "" {
		if l, ok := sensitivity.ParseLevel(s); ok {
			o.StatedLevel = l
		} else {
			o.StatedLevel = sensitivity.NotShown // of the list, and no level: a wish nobody understood
		}
	}
	switch m.code(o, fValidation, l.statutValid) {
	case "1":
		o.Validation = observation.Certain
	case "2":
		o.Validation = observation.Probable
	case "3":
		o.Validation = observation.Doubtful
	case "4":
		o.Validation = observation.Invalid
	case "5":
		o.Validation = observation.Undecidable
	case "6":
		o.Validation = observation.NotEvaluated
	}
}

// proofs checks that the existing proof and the proofs given agree (GINCO 1204, 1205).
func (m *mapper) proofs(o *observation.Observation) {
	p := m.code(o, fProof, m.im.lists.preuve)
	if !m.plan.has(fProof) || !m.plan.format.strict {
		return
	}
	url, other := m.get(fProofURL), m.get(fProofOther)
	given := url != "" || other != ""
	if p == "1" && !given && (m.plan.has(fProofURL) || m.plan.has(fProofOther)) || p == "2" && given {
		m.find(quality.InvalidExistingProofValue, fProof, m.get(fProof))
	}
	if url != "" && !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "ftp://") {
		m.find(quality.InvalidURLProof, fProofURL, url)
	}
}

// numbers reads counts, altitudes, depths and the uncertainty.
func (m *mapper) numbers(o *observation.Observation) {
	o.CountMin, o.CountMax = m.count(fCountMin), m.count(fCountMax)
	if n := m.count(fCount); n >= 0 && o.CountMin < 0 && o.CountMax < 0 {
		o.CountMin, o.CountMax = n, n
	}
	p := &o.Place
	p.AltitudeMin, p.AltitudeMax = m.altitude(fAltMin), m.altitude(fAltMax)
	if p.AltitudeMin == observation.NoAltitude && p.AltitudeMax == observation.NoAltitude {
		a := m.altitude(fAltitude)
		p.AltitudeMin, p.AltitudeMax = a, a
	}
	if p.AltitudeMin != observation.NoAltitude && p.AltitudeMax != observation.NoAltitude && p.AltitudeMin > p.AltitudeMax {
		m.find(quality.AltiMinSupAltiMax, fAltMax, "")
	}
	dmin, okmin := m.number(fDepthMin)
	dmax, okmax := m.number(fDepthMax)
	if okmin && okmax && dmin > dmax {
		m.find(quality.DepthMinSupDepthMax, fDepthMax, "")
	}
	m.uncertainty(p)
}

// vague is an uncertainty, in metres, beyond which a unit or a column was taken for another: a
// record that is right to 100 km is hardly located at all.
const vague = 100_000

// uncertainty reads the stated radius. Nothing is located to zero metres: 0 and less is no
// radius, is told, and is kept aside.
func (m *mapper) uncertainty(p *observation.Place) {
	v, ok := m.number(fUncertainty)
	if !ok {
		return
	}
	if v > 0 && v < 1e7 {
		p.Uncertainty = int(v + 0.999) // never smaller than stated
	} else {
		m.aside(m.out, fUncertainty, m.get(fUncertainty))
	}
	if v <= 0 || v > vague {
		m.find(quality.InvalidRangeField, fUncertainty, m.get(fUncertainty))
	}
}

func (m *mapper) number(f field) (float64, bool) {
	v := m.get(f)
	if v == "" {
		return 0, false
	}
	n, ok := decimal(v)
	if !ok {
		m.unreadable(quality.InvalidNumeric, f, v)
	}
	return n, ok
}

// unreadable refuses a row for a value that is no number, or only tells it in the formats
// that promise nothing about their values, where it is kept aside.
func (m *mapper) unreadable(code quality.Code, f field, v string) {
	if m.plan.format.strict {
		m.find(code, f, v)
		return
	}
	m.find(quality.ValueLeftOut, f, v)
	m.aside(m.out, f, v)
}

func (m *mapper) count(f field) int32 {
	v := m.get(f)
	if v == "" {
		return -1
	}
	n, ok := integer(v)
	if !ok || n < 0 || n > 1<<31-1 {
		m.unreadable(quality.InvalidInteger, f, v)
		return -1
	}
	return int32(n)
}

// altitude reads metres. The whole part is kept; less than −500 m or more than 9,000 m is
// nowhere on Earth, a unit or a column taken for another.
func (m *mapper) altitude(f field) int16 {
	v := m.get(f)
	if v == "" {
		return observation.NoAltitude
	}
	n, ok := decimal(v)
	if !ok {
		m.unreadable(quality.InvalidInteger, f, v)
		return observation.NoAltitude
	}
	if n < -500 || n > 9000 {
		m.find(quality.AltitudeOutOfRange, f, v)
		m.aside(m.out, f, v)
		return observation.NoAltitude
	}
	return int16(n)
}

// coherence checks fields against one another.
func (m *mapper) coherence(o *observation.Observation) {
	if o.CountMin >= 0 && o.CountMax >= 0 && o.CountMin > o.CountMax {
		m.find(quality.CountMinSupCountMax, fCountMax, "")
	}
	if o.CountMin < 0 {
		o.CountMin = o.CountMax
	}
	if o.CountMax < 0 {
		o.CountMax = o.CountMin
	}
	if o.Presence == observation.Absent && o.CountMax > 0 || o.Presence == observation.Present && o.CountMax == 0 {
		m.find(quality.CountPresenceMismatch, fPresence, "")
	}
}
