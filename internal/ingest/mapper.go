package ingest

import (
	"encoding/json"
	"maps"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"garrigue/internal/geo"
	"garrigue/internal/naming"
	"garrigue/internal/observation"
	"garrigue/internal/quality"
	"garrigue/internal/tabular"
)

// mapper turns rows of one file into observations. One mapper serves one goroutine; what it
// shares (references, survey) never changes.
type mapper struct {
	im   *Importer
	plan *plan
	prof *profile
	o    *Options
	base string // dataset of rows that name none

	start, end, verbatim, control dateReader

	fields []string // of the current row
	row    *tabular.Row
	out    *observation.Observation
	found  []quality.Finding
	shapes []byte // arena of the chunk's points, in WKB
	names  *naming.Reader
	spaces map[string]uuid.UUID
	vn     structured

	checks      []func(*mapper, *observation.Observation)
	groups      []group
	side        dateReader // of dates beside the observation's
	communes    map[placeName]geo.AreaKey
	lastGroup   groupRead
	datum       string // the last row's, and what it means
	datumCRS    geo.CRS
	explicitCRS bool // the geometry names its own projection
	far         bool // the place is far from what the row states
}

// datasetRef names a dataset as a row does.
type datasetRef struct{ uuid, name, organisation string }

// mapped is what became of one row before it is written.
type mapped struct {
	obs      observation.Observation
	dataset  datasetRef
	line     int
	raw      string
	given    bool // IDSinp is the producer's
	findings []quality.Finding
	rejected bool
	deleted  bool   // it says that the observation is no more at its source
	keyless  uint64 // hash of the content when the row has no key of its own
	alone    bool   // no other row of the file has that content
}

func newMapper(im *Importer, p *plan, prof *profile, o *Options, base string) *mapper {
	m := &mapper{im: im, plan: p, prof: prof, o: o, base: base, names: im.names.Reader(), spaces: map[string]uuid.UUID{}}
	reader := func(f field) dateReader {
		order, _ := prof.dates[f].order()
		return newDateReader(order, im.set.Today)
	}
	m.checks, m.groups, m.communes = checksFor(p), groupsOf(p), map[placeName]geo.AreaKey{}
	m.side = newDateReader(mixedOrder, im.set.Today)
	m.start, m.end, m.verbatim, m.control = reader(fDateStart), reader(fDateEnd), reader(fVerbatimDate), reader(fValidationDate)
	return m
}

// clean returns a value without what stands for no value.
func clean(v string) string {
	if v == "" {
		return v
	}
	if !utf8.ValidString(v) || strings.IndexByte(v, 0) >= 0 {
		v = storable(v)
		if v == "" {
			return v
		}
	}
	if c := v[0]; c <= ' ' || v[len(v)-1] <= ' ' || c >= 0x80 || v[len(v)-1] >= 0x80 {
		v = strings.TrimSpace(v)
	}
	switch v {
	case `\N`, "NULL", "null":
		return ""
	}
	if n := len(v); n >= 2 && v[0] == '"' && v[n-1] == '"' {
		return strings.ReplaceAll(v[1:n-1], `""`, `"`)
	}
	return v
}

// get returns the value of a field in the current row, "" when there is none.
func (m *mapper) get(f field) string {
	v := ""
	if c := m.plan.column[f]; c < 0 {
		v = m.plan.fixed[f]
	} else if v = clean(m.fields[c]); v == "" {
		if c = m.plan.second[f]; c >= 0 {
			v = clean(m.fields[c])
		}
	}
	if t := m.plan.values[f]; t != nil {
		return t.of(v)
	}
	return v
}

// find records a finding about a field.
func (m *mapper) find(code quality.Code, f field, value string, args ...string) {
	m.found = append(m.found, quality.Finding{Code: code, Field: m.plan.named(f), Value: quality.Short(value), Args: args})
}

// row maps one row; out.obs is reset first and its maps are used again.
func (m *mapper) mapRow(row *tabular.Row, out *mapped) {
	m.row, m.fields, m.found, m.far = row, row.Fields, nil, false
	extra := out.obs.Extra
	clear(extra)
	*out = mapped{line: row.Line, raw: row.Raw}
	o := &out.obs
	o.Extra, m.out = extra, o
	if m.wrongLength() {
		out.findings, out.rejected = m.found, true
		m.damagedKey(out)
		return
	}
	if m.plan.format.name == VisioNature {
		m.vn.read(m.get(fStructured), m.get(fStructuredPrivate))
	}
	m.identity(out)
	if m.deleted(out) {
		return
	}
	m.taxon(o, &out.dataset)
	m.period(o)
	m.codes(o)
	m.numbers(o)
	m.people(o)
	inside := m.locate(o)
	if m.plan.format.name == VisioNature {
		m.visioNature(o)
	}
	m.coherence(o)
	m.check(o)
	m.keep(o)
	m.grouping(out)
	m.class(o, inside)
	out.findings = m.found
	for _, f := range m.found {
		if f.Code.Severity() == quality.Reject {
			out.rejected = true
		}
	}
}

// damagedKey reads the key of a row that is refused as a whole, as far as it can be read: of a
// complete file, the observation it was must not be taken for one that is no more.
func (m *mapper) damagedKey(out *mapped) {
	if !m.o.Complete {
		return
	}
	for len(m.fields) < len(m.plan.header) {
		m.fields = append(m.fields, "")
	}
	if m.plan.format.name == VisioNature {
		m.vn.read(m.get(fStructured), m.get(fStructuredPrivate))
	}
	m.identity(out)
}

func (m *mapper) wrongLength() bool {
	want, derived := len(m.plan.header), m.plan.derived
	if m.row.Damaged {
		m.found = append(m.found, quality.Finding{Code: quality.InvalidEncoding})
		return true
	}
	switch n := len(m.fields); {
	case n > want:
		for _, v := range m.fields[want:] {
			if strings.TrimSpace(v) != "" {
				m.found = append(m.found, quality.Finding{Code: quality.RowHaveTooMuchColumn, Args: []string{itoa(n - derived), itoa(want - derived)}})
				return true
			}
		}
	case n < want:
		m.found = append(m.found, quality.Finding{Code: quality.RowHaveLessColumn, Args: []string{itoa(n), itoa(want - derived)}})
		return true
	}
	return false
}

// people sets the persons and the free texts.
func (m *mapper) people(o *observation.Observation) {
	o.Observers, o.Determiner = m.get(fObservers), m.get(fDeterminer)
	o.Comment, o.Place.Name = m.get(fComment), m.get(fPlaceName)
}

// stored are the fields an observation has a place for; the others are kept in Extra as the
// producer wrote them.
func stored(f field) bool {
	switch f {
	case fUUID, fOrigin, fDatasetUUID, fDatasetName, fOrganisation, fPresence, fNameCited, fCdNom, fDateStart, fDateEnd, fTimeStart, fTimeEnd,
		fObservers, fDeterminer, fAltMin, fAltMax, fPlaceName, fComment, fCountMin, fCountMax, fCountObject, fCountType, fTechnique,
		fLifeStage, fSex, fBioStatus, fBehaviour, fPublic, fDiffusion, fBlurring, fSensitivity, fValidation,
		fGeometry, fLon, fLat, fX, fY, fLatLon, fUncertainty, fNature:
		return true
	}
	return false
}

// keep fills Extra with every value of the row that has no other place.
func (m *mapper) keep(o *observation.Observation) {
	put := func(c int16) {
		if v := clean(m.fields[c]); v != "" {
			if o.Extra == nil {
				o.Extra = make(map[string]string, 8)
			}
			o.Extra[m.plan.header[c]] = v
		}
	}
	ours := 0
	for _, c := range m.plan.extra {
		if h := m.plan.header[c]; h == additional && m.spread(o, clean(m.fields[c])) || h == extent && m.setBox(o, clean(m.fields[c])) {
			ours++
			continue
		}
		put(c)
	}
	if ours == 2 { // the other columns were written from what the observation says elsewhere
		return
	}
	for _, c := range m.prof.kept {
		put(c)
	}
	for _, f := range m.prof.keptSecond {
		if c := m.plan.column[f]; c >= 0 && clean(m.fields[c]) != "" {
			put(m.plan.second[f])
		}
	}
}

// Columns of an export in the standard (package exchange) for what the standard has no place
// for: additional holds every further value as a JSON object of texts, extent the box of a
// place known less finely than its point, in Lambert-93 metres.
const (
	additional = "attributsAdditionnels"
	extent     = "empriseL93"
)

// spread puts the values of additional back under their own names; it is false for somebody
// else's column of that name.
func (m *mapper) spread(o *observation.Observation, v string) bool {
	if v == "" {
		return true
	}
	var more map[string]string
	if v[0] != '{' || json.Unmarshal([]byte(v), &more) != nil {
		return false
	}
	if o.Extra == nil {
		o.Extra = make(map[string]string, len(more))
	}
	maps.Copy(o.Extra, more)
	return true
}

// setBox widens the place to its extent, which must hold what is known of it already.
func (m *mapper) setBox(o *observation.Observation, v string) bool {
	var n [4]float64
	parts := strings.Fields(v)
	if len(parts) != len(n) {
		return v == ""
	}
	for i, p := range parts {
		var ok bool
		if n[i], ok = decimal(p); !ok {
			return false
		}
	}
	was, box := o.Place.Box, geo.Box{MinX: n[0], MinY: n[1], MaxX: n[2], MaxY: n[3]}
	if box.MinX > was.MinX || box.MinY > was.MinY || box.MaxX < was.MaxX || box.MaxY < was.MaxY {
		return false
	}
	o.Place.Box = box
	return true
}

// aside keeps a value whose code list does not know it.
func (m *mapper) aside(o *observation.Observation, f field, v string) {
	if o.Extra == nil {
		o.Extra = make(map[string]string, 8)
	}
	o.Extra[m.plan.named(f)] = v
}

// class computes the sensitivity and whether the row may be published yet.
func (m *mapper) class(o *observation.Observation, inside bool) {
	o.Held = m.im.classify(o, inside)
	if o.Held == observation.OutsideTerritory {
		m.found = append(m.found, quality.Finding{Code: quality.GeometryOutside})
	}
	if m.far { // the only trace of it, whatever else the row waits for: that may be settled alone
		o.Held = observation.Unlocated
	}
}
