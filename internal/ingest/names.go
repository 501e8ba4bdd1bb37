package ingest

import (
	"strings"

	"garrigue/internal/observation"
	"garrigue/internal/quality"
	"garrigue/internal/taxon"
)

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
