package ingest

import (
	"context"
	"strings"

	"garrigue/internal/dataset"
	"garrigue/internal/naming"
	"garrigue/internal/observation"
	"garrigue/internal/quality"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// newNames makes the resolver of names from what the vault holds: codes of VisioNature,
// decisions.
func newNames(ctx context.Context, db *vault.DB, taxa *taxon.Taxonomy, suggest bool) (*naming.Resolver, error) {
	species, err := db.Codes(ctx, vault.VisioNature)
	if err != nil {
		return nil, err
	}
	taken, err := db.Decisions(ctx)
	if err != nil {
		return nil, err
	}
	return naming.NewResolver(taxa, naming.Options{Species: species, Decisions: naming.NewDecisions(taken), Suggest: suggest}), nil
}

// taxon finds what the row observed, by its code or its names, and says what was noticed on
// the way. A row whose taxon is not found, or may be several, is accepted and held.
func (m *mapper) taxon(o *observation.Observation, d *datasetRef) {
	g := naming.Given{Scientific: m.get(fScientificName), Author: m.get(fScientificAuthor), Cited: m.get(fNameCited),
		Species: m.get(fVisioSpecies), Kingdom: m.get(fKingdom), Phylum: m.get(fPhylum), Class: m.get(fClass), Order: m.get(fOrder),
		Family: m.get(fFamily), Group: m.get(fGroup), Source: m.o.Source, Dataset: scope(d.uuid, d.name)}
	if g.Scientific == "" && m.get(fGenus) != "" {
		g.Scientific = strings.Join(strings.Fields(m.get(fGenus)+" "+m.get(fSpecificEpithet)+" "+m.get(fInfraEpithet)), " ")
	}
	if o.NameCited = g.Cited; o.NameCited == "" {
		o.NameCited = g.Scientific
	}
	code, by, ok := m.taxrefCode()
	if !ok {
		return
	}
	if g.Code = code; code == 0 && o.NameCited == "" && g.Species == "" {
		m.find(quality.MissingValue, fNameCited, "")
		return
	}
	a := m.names.Resolve(g)
	o.CdNom, o.CdRef = a.CdNom, a.CdRef
	if code != 0 && a.Outcome != naming.Matched {
		o.CdNom = code // kept, to be matched when a TAXREF that has it is loaded
	}
	m.noteTaxon(&g, a, by)
}

// taxrefCode returns the code of TAXREF the row gives, 0 when none, and where it stands; false
// when it is no code, which is found.
func (m *mapper) taxrefCode() (taxon.CdNom, field, bool) {
	code, by := m.get(fCdNom), fCdNom
	if code == "" {
		code, by = m.get(fCdRef), fCdRef
	}
	if code == "" {
		code, by = taxrefURI(m.get(fTaxonURI)), fTaxonURI
	}
	if code == "" {
		return 0, by, true
	}
	n, ok := integer(code)
	if !ok || n <= 0 || n > 1<<31-1 {
		m.find(quality.InvalidInteger, by, code)
		return 0, by, false
	}
	return taxon.CdNom(n), by, true
}

// noteTaxon tells what was noticed about the taxon of a row.
func (m *mapper) noteTaxon(g *naming.Given, a *naming.Answer, by field) {
	called, name := fScientificName, g.Scientific
	if name == "" {
		called, name = fNameCited, g.Cited
	}
	code := ""
	if g.Code != 0 {
		code = itoa(int(g.Code))
	}
	switch a.Outcome {
	case naming.Ambiguous:
		if code != "" {
			m.find(quality.AmbiguousName, by, code, candidateNames(a))
		} else {
			m.find(quality.AmbiguousName, called, name, candidateNames(a))
		}
		return
	case naming.NotTaxon:
		m.find(quality.NotATaxon, called, name)
		return
	case naming.Unknown:
		switch {
		case code != "":
			m.find(quality.CdNomNotFound, by, code)
		case name == "":
			m.find(quality.NameNotFound, fVisioSpecies, g.Species)
		default:
			m.find(quality.NameNotFound, called, name)
		}
		return
	}
	if by == fCdNom && code != "" {
		if ref := m.get(fCdRef); ref != "" {
			if r, ok := integer(ref); ok && taxon.CdRef(r) != a.CdRef {
				m.find(quality.CdRefMismatch, fCdRef, ref)
			}
		}
	}
	for _, n := range a.Notes {
		switch n {
		case naming.Raised:
			m.find(quality.NameRaised, called, name, m.im.taxonName(a.CdRef))
		case naming.Vernacular:
			m.find(quality.VernacularMatch, fNameCited, g.Cited, m.im.taxonName(a.CdRef))
		case naming.Mismatch:
			m.find(quality.NameCodeMismatch, called, name, m.im.taxonName(a.CdRef))
		case naming.Disagree:
			m.find(quality.NamesDisagree, fNameCited, g.Cited, m.im.taxonName(a.CdRef))
		}
	}
}

func candidateNames(a *naming.Answer) string {
	var names []string
	for _, c := range a.Candidates {
		names = append(names, c.Name+" ("+itoa(int(c.CdNom))+")")
	}
	return strings.Join(names, " ; ")
}

func (im *Importer) taxonName(ref taxon.CdRef) string {
	n, _ := im.taxa.Valid(ref)
	return n.ScientificName
}

// scope is how decisions name a dataset: its UUID, else its name.
func scope(uuid, name string) string {
	if uuid != "" {
		return uuid
	}
	return name
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

// nameHints finds, among the values kept with an observation, those that tell of its taxon.
// They are under the producer's headers.
type nameHints map[string]field

func newNameHints() nameHints {
	h := nameHints{}
	for _, f := range append(formats(), &format{columns: common()}) {
		for fld, headers := range f.columns {
			switch fld {
			case fScientificName, fScientificAuthor, fVisioSpecies, fKingdom, fPhylum, fClass, fOrder, fFamily, fGroup:
				for _, header := range headers {
					h[columnKey(header)] = fld
				}
			}
		}
	}
	return h
}

func (h nameHints) given(o *observation.Observation) naming.Given {
	g := naming.Given{Code: o.CdNom, Cited: o.NameCited}
	for header, v := range o.Extra {
		switch h[columnKey(header)] {
		case fScientificName:
			g.Scientific = v
		case fScientificAuthor:
			g.Author = v
		case fVisioSpecies:
			g.Species = v
		case fKingdom:
			g.Kingdom = v
		case fPhylum:
			g.Phylum = v
		case fClass:
			g.Class = v
		case fOrder:
			g.Order = v
		case fFamily:
			g.Family = v
		case fGroup:
			g.Group = v
		}
	}
	return g
}

// scopes are the source and the name in decisions of each dataset of the vault.
type scopes map[dataset.ID]struct{ source, dataset string }

func (im *Importer) scopes(ctx context.Context) (scopes, error) {
	list, err := im.db.Datasets(ctx)
	if err != nil {
		return nil, err
	}
	sources, err := im.db.DatasetSources(ctx)
	if err != nil {
		return nil, err
	}
	out := scopes{}
	for _, d := range list {
		out[d.ID] = struct{ source, dataset string }{sources[d.ID], scope(d.UUID, d.Name)}
	}
	return out, nil
}
