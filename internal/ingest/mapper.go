package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/google/uuid"

	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/organisation"
	"garrigue/internal/quality"
	"garrigue/internal/sensitivity"
	"garrigue/internal/tabular"
	"garrigue/internal/taxon"
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
	names  map[string]taxon.CdRef
	spaces map[string]uuid.UUID
	vn     structured
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
	keyless  uint64 // hash of the content when the row has no key of its own
}

func newMapper(im *Importer, p *plan, prof *profile, o *Options, base string) *mapper {
	m := &mapper{im: im, plan: p, prof: prof, o: o, base: base, names: map[string]taxon.CdRef{}, spaces: map[string]uuid.UUID{}}
	reader := func(f field) dateReader {
		order, _ := prof.dates[f].order()
		return newDateReader(order, im.set.Today)
	}
	m.start, m.end, m.verbatim, m.control = reader(fDateStart), reader(fDateEnd), reader(fVerbatimDate), reader(fValidationDate)
	return m
}

// clean returns a value without what stands for no value.
func clean(v string) string {
	if v == "" {
		return v
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
	c := m.plan.column[f]
	if c < 0 {
		return m.plan.fixed[f]
	}
	if v := clean(m.fields[c]); v != "" {
		return v
	}
	if c = m.plan.second[f]; c >= 0 {
		return clean(m.fields[c])
	}
	return ""
}

// find records a finding about a field.
func (m *mapper) find(code quality.Code, f field, value string, args ...string) {
	m.found = append(m.found, quality.Finding{Code: code, Field: m.plan.named(f), Value: quality.Short(value), Args: args})
}

// row maps one row; out.obs is reset first and its maps are used again.
func (m *mapper) mapRow(row *tabular.Row, out *mapped) {
	m.row, m.fields, m.found = row, row.Fields, nil
	extra := out.obs.Extra
	clear(extra)
	*out = mapped{line: row.Line, raw: row.Raw}
	o := &out.obs
	o.Extra, m.out = extra, o
	if m.wrongLength() {
		out.findings, out.rejected = m.found, true
		return
	}
	if m.plan.format.name == VisioNature {
		m.vn.read(m.get(fStructured), m.get(fStructuredPrivate))
	}
	m.identity(out)
	m.taxon(o)
	m.period(o)
	m.codes(o)
	m.numbers(o)
	m.people(o)
	inside := m.locate(o)
	if m.plan.format.name == VisioNature {
		m.visioNature(o)
	}
	m.coherence(o)
	m.keep(o)
	m.class(o, inside)
	out.findings = m.found
	for _, f := range m.found {
		if f.Code.Severity() == quality.Reject {
			out.rejected = true
		}
	}
}

func (m *mapper) wrongLength() bool {
	want := len(m.plan.header)
	if m.row.Damaged {
		m.found = append(m.found, quality.Finding{Code: quality.InvalidEncoding})
		return true
	}
	switch n := len(m.fields); {
	case n > want:
		for _, v := range m.fields[want:] {
			if strings.TrimSpace(v) != "" {
				m.found = append(m.found, quality.Finding{Code: quality.RowHaveTooMuchColumn, Args: []string{itoa(n), itoa(want)}})
				return true
			}
		}
	case n < want:
		m.found = append(m.found, quality.Finding{Code: quality.RowHaveLessColumn, Args: []string{itoa(n), itoa(want)}})
		return true
	}
	return false
}

// identity sets the dataset, the key and the permanent identifier of the row.
func (m *mapper) identity(out *mapped) {
	o := &out.obs
	d := &out.dataset
	if id := m.get(fDatasetUUID); id != "" {
		u, ok := parseUUID(id)
		switch {
		case ok:
			d.uuid = u.String()
		case m.plan.format.name == GeoNature:
			m.find(quality.InvalidUUID, fDatasetUUID, id)
		case d.name == "":
			d.name = id
		}
	}
	if n := m.get(fDatasetName); n != "" && (d.name == "" || d.uuid != "") {
		d.name = n
	}
	if m.plan.format.name == VisioNature && m.vn.dataset != "" {
		d.name = m.vn.dataset
	}
	if d.uuid == "" && d.name == "" {
		d.name = m.base
	}
	o.Organisation = organisation.Clean(m.producer())
	d.organisation = o.Organisation

	origin := m.get(fOrigin)
	if id := m.get(fUUID); id != "" {
		u, ok := parseUUID(id)
		switch {
		case ok && m.prof.repeatedUUID(u):
			m.find(quality.DuplicateUUID, fUUID, id)
		case ok:
		case m.plan.format.name == SINP121: // in 1.2.1 the platform gives the permanent identifier
			m.find(quality.IdentifiantPermanentNotUUID, fUUID, id)
			origin = id
		default:
			m.find(quality.InvalidUUID, fUUID, id)
		}
		if ok {
			o.IDSinp, o.SourceKey, out.given = u, u.String(), true
			return
		}
	}
	m.ownKey(out, origin)
}

// ownKey makes the key of a row without a permanent identifier: the producer's, completed
// by the content when the producer repeats it, or the content alone.
func (m *mapper) ownKey(out *mapped, origin string) {
	o := &out.obs
	switch {
	case origin != "" && !m.prof.repeatedKey(origin):
		o.SourceKey = origin
		if u, ok := parseUUID(origin); ok && m.plan.format.name == DarwinCore && len(origin) == 36 {
			o.IDSinp, out.given = u, true
			return
		}
	case origin != "" && m.plan.format.byOrigin:
		m.find(quality.DuplicateEntitySourcePK, fOrigin, origin)
		o.SourceKey = origin
	case origin != "":
		m.find(quality.DuplicateSourceID, fOrigin, origin)
		_, digest := m.content()
		o.SourceKey = origin + "#" + digest
		out.keyless = keyHash(o.SourceKey)
	default:
		h, digest := m.content()
		o.SourceKey, out.keyless = "#"+digest, h
	}
	o.IDSinp = m.derived(&out.dataset, o.SourceKey)
}

// derived makes a permanent identifier from the dataset and the key, the same each time.
func (m *mapper) derived(d *datasetRef, key string) uuid.UUID {
	name := d.uuid
	if name == "" {
		name = d.name
	}
	space, ok := m.spaces[name]
	if !ok {
		if len(m.spaces) > 10_000 {
			clear(m.spaces)
		}
		space = datasetSpace(name)
		m.spaces[strings.Clone(name)] = space
	}
	return uuid.NewSHA1(space, []byte(key))
}

func datasetSpace(name string) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte("garrigue dataset "+name))
}

func derivedUUID(d *datasetRef, key string) uuid.UUID {
	name := d.uuid
	if name == "" {
		name = d.name
	}
	return uuid.NewSHA1(datasetSpace(name), []byte(key))
}

// content returns a hash of all the values of the row.
func (m *mapper) content() (uint64, string) {
	h := sha256.New()
	for _, v := range m.fields {
		h.Write([]byte(v))
		h.Write([]byte{0})
	}
	var sum [32]byte
	b := h.Sum(sum[:0])
	var n uint64
	for _, c := range b[:8] {
		n = n<<8 | uint64(c)
	}
	return n, hex.EncodeToString(b[:12])
}

func (m *mapper) producer() string {
	if m.plan.format.name == VisioNature && m.vn.organisation != "" {
		return m.vn.organisation
	}
	if v := m.get(fOrganisation); v != "" && v != "-" {
		return v
	}
	return m.o.Organisation
}

// taxon finds the taxon by its code, else by its scientific name: exact, folded, and one only.
func (m *mapper) taxon(o *observation.Observation) {
	o.NameCited = m.get(fNameCited)
	name := m.get(fScientificName)
	if o.NameCited == "" {
		o.NameCited = name
	}
	code, by := m.get(fCdNom), fCdNom
	if code == "" {
		code, by = m.get(fCdRef), fCdRef
	}
	if code == "" {
		code, by = taxrefURI(m.get(fTaxonURI)), fTaxonURI
	}
	if code != "" {
		m.byCode(o, code, by)
		return
	}
	if name == "" && m.get(fGenus) != "" {
		name = strings.TrimSpace(m.get(fGenus) + " " + m.get(fSpecificEpithet) + " " + m.get(fInfraEpithet))
		if o.NameCited == "" {
			o.NameCited = name
		}
	}
	for _, n := range [...]string{name, o.NameCited} {
		if ref := m.byName(n); ref != 0 {
			o.CdNom, o.CdRef = taxon.CdNom(ref), ref
			return
		}
	}
	if name == "" {
		name = o.NameCited
	}
	if name == "" {
		m.find(quality.MissingValue, fNameCited, "")
		return
	}
	m.find(quality.NameNotFound, fScientificName, name)
}

func (m *mapper) byCode(o *observation.Observation, code string, by field) {
	n, ok := integer(code)
	if !ok || n <= 0 || n > 1<<31-1 {
		m.find(quality.InvalidInteger, by, code)
		return
	}
	match, ok := m.im.taxa.Resolve(taxon.CdNom(n))
	if !ok {
		o.CdNom = taxon.CdNom(n) // kept, to be matched when a TAXREF that has it is loaded
		m.find(quality.CdNomNotFound, by, code)
		return
	}
	o.CdNom, o.CdRef = match.CdNom, match.CdRef
	if by == fCdNom {
		if ref := m.get(fCdRef); ref != "" {
			if r, ok := integer(ref); ok && taxon.CdRef(r) != match.CdRef {
				m.find(quality.CdRefMismatch, fCdRef, ref)
			}
		}
	}
}

// byName resolves a scientific name; the answers are remembered, names repeat.
func (m *mapper) byName(name string) taxon.CdRef {
	if name == "" {
		return 0
	}
	ref, known := m.names[name]
	if known {
		return ref
	}
	if refs := m.im.taxa.ByScientificName(taxon.Fold(name)); len(refs) == 1 {
		ref = refs[0]
	}
	if len(m.names) > 50_000 {
		clear(m.names)
	}
	m.names[strings.Clone(name)] = ref
	return ref
}

// taxrefURI returns the CD_NOM in an identifier that names TAXREF, "" in any other: a bare
// number may be of any reference.
func taxrefURI(id string) string {
	if id == "" {
		return ""
	}
	low := strings.ToLower(id)
	if !strings.Contains(low, "taxref") && !strings.Contains(low, "inpn.mnhn.fr") {
		return ""
	}
	i := len(id)
	for i > 0 && id[i-1] >= '0' && id[i-1] <= '9' {
		i--
	}
	return id[i:]
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
	for _, c := range m.plan.extra {
		put(c)
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
}

// classify sets the sensitivity of a located observation and returns why it may not be
// published yet, NotHeld when it may.
func (im *Importer) classify(o *observation.Observation, inside bool) observation.Hold {
	o.Sensitivity, o.SensList = 0, ""
	if o.CdRef == 0 {
		return observation.UnmatchedTaxon
	}
	held := observation.NotHeld
	switch {
	case o.Place.Georeference == observation.NoPlace, !im.places.loaded() && o.Place.Georeference != observation.ByGeometry:
		held = observation.Unlocated
	case !im.places.loaded():
		held = observation.Unclassed
	case !inside:
		held = observation.OutsideTerritory
	}
	if im.book.Rules() == 0 {
		if held == observation.NotHeld {
			held = observation.Unclassed
		}
		return held
	}
	r := im.book.Evaluate(sensitivity.Facts{
		Lineage: im.taxa.Lineage(o.CdNom), Department: im.places.departmentCode(o.Place.Department),
		Date: o.When.End, BioStatus: o.BioStatus, Behaviour: o.Behaviour, Today: im.set.Today,
	})
	o.Sensitivity, o.SensList = r.Level, r.List
	return held
}

func (t *territory) departmentCode(k geo.AreaKey) string {
	if k == 0 {
		return ""
	}
	return t.department[k]
}

// parseUUID reads a UUID, alone or at the end of an address (GINCO writes permanent
// identifiers as http://…/occtax/UUID).
func parseUUID(s string) (uuid.UUID, bool) {
	if len(s) > 36 {
		if c := s[len(s)-37]; c != '/' && c != ':' && c != '=' {
			return uuid.UUID{}, false
		}
		s = s[len(s)-36:]
	}
	if len(s) != 36 {
		return uuid.UUID{}, false
	}
	u, err := uuid.Parse(s)
	return u, err == nil && u != uuid.UUID{}
}

// keyHash is FNV-1a, 64 bits: to notice keys that repeat in a file.
func keyHash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
