package vault

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"unicode/utf8"

	"crypto/sha256"

	"github.com/google/uuid"

	"garrigue/internal/civil"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
)

// The columns of observation, in the order of bindRow and of the scans. The first part is
// what Observations reads for publication.
const (
	publicationColumns = `id, dataset, cd_nom, cd_ref, presence, date_start, date_end, date_precision, georeference,
		lon, lat, min_x, min_y, max_x, max_y, commune, department, attached, uncertainty, altitude_min, altitude_max,
		place_nature, organisation, bio_status, behaviour, public, diffusion, blurring, stated_level, sensitivity,
		sensitivity_list, validation, held, consent, consent_default, life_stage, sens_manual, grouping_id`
	otherColumns = `id_sinp, source_key, name_cited, time_start, time_end, place_name, observers, determiner,
		count_min, count_max, count_object, count_type, sex, technique, geometry, comment, extra, sens_review`
	writtenColumns = publicationColumns + `, ` + otherColumns + `, cell10, batch, content_hash, twin_key`
)

// Codes of the small lists, as GIS staff read them. The index is the Go value.
func presenceCodes() [3]string  { return [...]string{"NSP", "Pr", "No"} }
func precisionCodes() [4]string { return [...]string{"day", "month", "year", "years"} }
func georeferenceCodes() [5]string {
	return [...]string{"", "geometry", "commune", "department", "cell"}
}
func holdCodes() [5]string { return [...]string{"", "taxon", "territory", "place", "class"} }

// values binds the parameters of a statement in order.
type values struct {
	s binder
	n int
}

func (v *values) int(i int64)     { v.n++; v.s.BindInt64(v.n, i) }
func (v *values) float(f float64) { v.n++; v.s.BindFloat(v.n, f) }
func (v *values) null()           { v.n++; v.s.BindNull(v.n) }

// code binds NULL for 0.
func (v *values) code(i int64) {
	if i == 0 {
		v.null()
		return
	}
	v.int(i)
}

// unless binds NULL for the value that means unknown.
func (v *values) unless(unknown, i int64) {
	if i == unknown {
		v.null()
		return
	}
	v.int(i)
}

func (v *values) text(t string) {
	v.n++
	if t == "" {
		v.s.BindNull(v.n)
		return
	}
	v.s.BindText(v.n, t)
}

// encoder turns observations into columns. It keeps the texts of dates and areas, which
// come back over and over.
type encoder struct {
	dates map[civil.Date]string
	areas map[geo.AreaKey]string
	who   map[string]uint64 // of observers, see twinKey
	keys  []string          // the names of the last Extra, sorted
	buf   []byte
	extra string // JSON of the current Extra
}

// cacheLimit bounds each cache of texts.
const cacheLimit = 1 << 17

func newEncoder() *encoder {
	return &encoder{dates: map[civil.Date]string{}, areas: map[geo.AreaKey]string{}, who: map[string]uint64{}}
}

func (e *encoder) date(d civil.Date) string {
	if d == civil.NoDate {
		return ""
	}
	s, ok := e.dates[d]
	if !ok {
		if len(e.dates) >= cacheLimit {
			clear(e.dates)
		}
		s = d.String()
		e.dates[d] = s
	}
	return s
}

func (e *encoder) area(k geo.AreaKey) string {
	if k == 0 {
		return ""
	}
	s, ok := e.areas[k]
	if !ok {
		if len(e.areas) >= cacheLimit {
			clear(e.areas)
		}
		s = k.Code()
		e.areas[k] = s
	}
	return s
}

// check refuses what the columns could not give back as it was.
func check(o *observation.Observation) error {
	p := &o.Place
	want := geo.NoKind
	switch p.Georeference {
	case observation.ByCommune:
		want = geo.Commune
	case observation.ByDepartment:
		want = geo.Department
	case observation.ByCell:
		want = p.Attached.Kind()
		if want.Mesh() == 0 {
			return fault.Say(fault.Invalid, "vault.bad_row", "attached")
		}
	}
	switch {
	case o.SourceKey == "":
		return fault.Say(fault.Invalid, "vault.bad_row", "source_key")
	case p.Attached.Kind() != want:
		return fault.Say(fault.Invalid, "vault.bad_row", "attached")
	case p.Commune != 0 && p.Commune.Kind() != geo.Commune:
		return fault.Say(fault.Invalid, "vault.bad_row", "commune")
	case p.Department != 0 && p.Department.Kind() != geo.Department:
		return fault.Say(fault.Invalid, "vault.bad_row", "department")
	case int(o.Presence) > 2 || int(o.When.Precision) > 3 || int(p.Georeference) > 4 || int(o.Held) > 4:
		return fault.Say(fault.Invalid, "vault.bad_row", "code")
	case math.IsNaN(p.Lon + p.Lat + p.Box.MinX + p.Box.MinY + p.Box.MaxX + p.Box.MaxY):
		return fault.Say(fault.Invalid, "vault.bad_row", "place")
	}
	return nil
}

// bindRow binds the columns of writtenColumns. e.hash has been called with o before.
func (e *encoder) bindRow(s binder, o *observation.Observation, batch, content int64) {
	v := values{s: s}
	p := &o.Place
	v.int(o.ID)
	v.int(int64(o.Dataset))
	v.code(int64(o.CdNom))
	v.code(int64(o.CdRef))
	v.text(presenceCodes()[o.Presence])
	v.text(e.date(o.When.Start))
	v.text(e.date(o.When.End))
	v.text(precisionCodes()[o.When.Precision])
	v.text(georeferenceCodes()[p.Georeference])
	if p.Georeference == observation.NoPlace && p.Lon == 0 && p.Lat == 0 && p.Box == (geo.Box{}) {
		for range 6 {
			v.null()
		}
	} else {
		v.float(p.Lon)
		v.float(p.Lat)
		v.float(p.Box.MinX)
		v.float(p.Box.MinY)
		v.float(p.Box.MaxX)
		v.float(p.Box.MaxY)
	}
	v.text(e.area(p.Commune))
	v.text(e.area(p.Department))
	v.text(e.area(p.Attached))
	v.code(int64(p.Uncertainty))
	v.unless(int64(observation.NoAltitude), int64(p.AltitudeMin))
	v.unless(int64(observation.NoAltitude), int64(p.AltitudeMax))
	for _, t := range [...]string{p.Nature, o.Organisation, o.BioStatus, o.Behaviour, o.Public, o.Diffusion, o.Blurring} {
		v.text(t)
	}
	v.int(int64(o.StatedLevel))
	v.int(int64(o.Sensitivity))
	v.text(o.SensList)
	v.int(int64(o.Validation))
	v.text(holdCodes()[o.Held])
	v.text(o.Consent)
	v.code(flag(o.ConsentDefault))
	v.text(o.LifeStage)
	v.code(flag(o.Manual))
	v.text(o.Grouping)
	e.bindOther(&v, o)
	cell, whole := p.Box.Cell(geo.Cell10)
	if whole && p.Georeference != observation.NoPlace && p.Box != (geo.Box{}) { // no extent, no cell
		v.text(e.area(cell))
	} else {
		v.null()
	}
	v.int(batch)
	v.int(content)
	v.code(twinKey(o, e.who))
}

// flag is a boolean as it is stored: 1, and NULL for false.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func (e *encoder) bindOther(v *values, o *observation.Observation) {
	if o.IDSinp == uuid.Nil {
		v.null()
	} else {
		v.text(o.IDSinp.String())
	}
	for _, t := range [...]string{o.SourceKey, o.NameCited, o.When.StartTime, o.When.EndTime, o.Place.Name, o.Observers, o.Determiner} {
		v.text(t)
	}
	v.unless(-1, int64(o.CountMin))
	v.unless(-1, int64(o.CountMax))
	for _, t := range [...]string{o.CountObject, o.CountType, o.Sex, o.Technique} {
		v.text(t)
	}
	if len(o.Place.Geometry) == 0 {
		v.null()
	} else {
		v.n++
		v.s.BindBytes(v.n, o.Place.Geometry)
	}
	v.text(o.Comment)
	v.text(e.extra)
	v.code(flag(o.Review))
}

// hash returns the first 64 bits of the SHA-256 of an observation's content: everything the
// producer sent and where it was found to be. What Reclass may change (CdRef, Sensitivity,
// SensList, Manual, Review, Held, Consent) is not content: a new class is not a change at the
// source. Nor is Grouping, which is read from what Extra keeps.
//
// It is stored, so the order and form of what it reads must never change.
func (e *encoder) hash(o *observation.Observation) int64 {
	b := e.buf[:0]
	num := func(n int64) { b = binary.AppendVarint(b, n) }
	float := func(f float64) { b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f)) }
	text := func(t string) { b = binary.AppendUvarint(b, uint64(len(t))); b = append(b, t...) }
	e.encodeExtra(o.Extra)
	b = append(b, 1) // version of this form
	b = append(b, o.IDSinp[:]...)
	num(int64(o.Dataset))
	text(o.SourceKey)
	num(int64(o.CdNom))
	text(o.NameCited)
	b = append(b, byte(o.Presence), byte(o.When.Precision), byte(o.Place.Georeference), byte(o.StatedLevel), byte(o.Validation))
	num(int64(o.When.Start))
	num(int64(o.When.End))
	text(o.When.StartTime)
	text(o.When.EndTime)
	p := &o.Place
	b = binary.AppendUvarint(b, uint64(len(p.Geometry)))
	b = append(b, p.Geometry...)
	float(p.Lon)
	float(p.Lat)
	float(p.Box.MinX)
	float(p.Box.MinY)
	float(p.Box.MaxX)
	float(p.Box.MaxY)
	num(int64(p.Commune))
	num(int64(p.Department))
	num(int64(p.Attached))
	num(int64(p.Uncertainty))
	num(int64(p.AltitudeMin))
	num(int64(p.AltitudeMax))
	num(int64(o.CountMin))
	num(int64(o.CountMax))
	for _, t := range [...]string{p.Name, p.Nature, o.Observers, o.Determiner, o.Organisation, o.CountObject, o.CountType,
		o.LifeStage, o.Sex, o.BioStatus, o.Behaviour, o.Technique, o.Public, o.Diffusion, o.Blurring, o.Comment, e.extra} {
		text(t)
	}
	e.buf = b
	sum := sha256.Sum256(b)
	return int64(binary.BigEndian.Uint64(sum[:8]))
}

// encodeExtra sets e.extra to the JSON object of m, keys in order. Rows of one file have the
// same keys, which are sorted once.
func (e *encoder) encodeExtra(m map[string]string) {
	e.extra = ""
	if len(m) == 0 {
		return
	}
	same := len(m) == len(e.keys)
	for _, k := range e.keys {
		if !same {
			break
		}
		_, same = m[k]
	}
	if !same {
		e.keys = e.keys[:0]
		for k := range m {
			e.keys = append(e.keys, k)
		}
		slices.Sort(e.keys)
	}
	b := append(e.buf[:0], '{')
	for i, k := range e.keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSON(b, k)
		b = append(b, ':')
		b = appendJSON(b, m[k])
	}
	e.buf = append(b, '}')
	e.extra = string(e.buf)
}

// appendJSON appends s as a JSON string.
func appendJSON(b []byte, s string) []byte {
	plain := utf8.ValidString(s)
	for i := 0; plain && i < len(s); i++ {
		plain = s[i] >= ' ' && s[i] != '"' && s[i] != '\\' && s[i] != 0x7f
	}
	if plain {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	q, err := json.Marshal(s)
	if err != nil {
		return append(b, `""`...) // a string always marshals
	}
	return append(b, q...)
}

// areaKey is the inverse of AreaKey.Code for a known kind, 0 when code is not one.
func areaKey(k geo.Kind, code []byte) geo.AreaKey {
	if m := k.Mesh(); m == 0 {
		return geo.AdminKey(k, string(code))
	}
	key := cellKey(code)
	if key.Kind() != k {
		return 0
	}
	return key
}

// cellKey reads the CD_SIG of a cell, as AreaKey.Code writes it: 10kmL93E057N643.
func cellKey(code []byte) geo.AreaKey {
	number := func() (n int, ok bool) {
		for len(code) > 0 && code[0] >= '0' && code[0] <= '9' {
			n, ok, code = n*10+int(code[0]-'0'), true, code[1:]
		}
		return n, ok
	}
	skip := func(word string) bool {
		if len(code) < len(word) || string(code[:len(word)]) != word {
			return false
		}
		code = code[len(word):]
		return true
	}
	mesh, ok := number()
	if !ok || !skip("kmL93E") {
		return 0
	}
	e, ok := number()
	if !ok || !skip("N") {
		return 0
	}
	n, ok := number()
	if !ok {
		return 0
	}
	if mesh >= 10 {
		e, n = e*10, n*10
	}
	return geo.CellKey(geo.CellKind(mesh), e, n)
}
