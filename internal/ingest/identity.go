package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/google/uuid"

	"garrigue/internal/organisation"
	"garrigue/internal/quality"
)

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
		if ok && origin != "" && m.derived(d, origin) == u {
			// The identifier this program made of that very key, in an earlier life of the row
			// (an export, another platform of ours): it is the same row still.
			o.IDSinp, o.SourceKey = u, origin
			return
		}
		if ok {
			o.IDSinp, o.SourceKey, out.given = u, u.String(), true
			if origin != "" && origin != o.SourceKey {
				m.aside(o, fOrigin, origin)
			}
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
		if u, ok := m.permanent(origin); ok {
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
		out.keyless, out.alone = keyHash(o.SourceKey), m.alone()
	default:
		h, digest := m.content()
		o.SourceKey, out.keyless, out.alone = "#"+digest, h, m.alone()
	}
	o.IDSinp = m.derived(&out.dataset, o.SourceKey)
}

// alone reports whether no other row of the file has the same content.
func (m *mapper) alone() bool {
	return len(m.prof.contents) == 0 || !within(m.prof.contents, contentHash(m.fields, m.plan))
}

// permanent returns the permanent identifier of a row whose key is another one: in Darwin Core
// an occurrenceID may be a UUID; VisioNature gives one beside its own number, by which alone it
// tells what was deleted.
func (m *mapper) permanent(origin string) (uuid.UUID, bool) {
	switch m.plan.format.name {
	case DarwinCore:
		u, ok := parseUUID(origin)
		return u, ok && len(origin) == 36
	case VisioNature:
		return parseUUID(m.get(fVisioUUID))
	}
	return uuid.UUID{}, false
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
	for _, v := range m.fields[:min(len(m.fields), m.plan.content)] {
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
