// Package taxon knows names of living things: the national reference TAXREF, its ranks and
// groups, and how a name code leads to the valid taxon and its ancestors.
//
// A CdNom names a name, a CdRef the taxon it stands for (the CD_NOM of the valid name).
// Everything public is counted by taxon, and a taxon is an aggregate: observations of its
// subspecies, varieties and synonyms count for it. The package does no I/O.
package taxon

// CdNom is the TAXREF code of a name; never reused by TAXREF.
type CdNom int32

// CdRef is the CD_NOM of a taxon's valid name. CD_NOM = CD_REF means the name is valid.
type CdRef int32

// Rank is a TAXREF rank code (RANG): "ES", "SSES", "GN", "FM"…
type Rank string

// The ranks the program names. The full list is in the nomenclatures.
const (
	Kingdom    Rank = "KD"
	Phylum     Rank = "PH"
	Class      Rank = "CL"
	Order      Rank = "OR"
	Family     Rank = "FM"
	Genus      Rank = "GN"
	Aggregate  Rank = "AGES"
	Species    Rank = "ES"
	Subspecies Rank = "SSES"
	Variety    Rank = "VAR"
	Form       Rank = "FO"
)

// Name is one row of TAXREF: a name, valid or synonym, with the classification TAXREF
// writes beside it. Parent is CD_SUP (or CD_TAXSUP), 0 when the file does not say.
type Name struct {
	CdNom          CdNom
	CdRef          CdRef
	Parent         CdNom
	Rank           Rank
	ScientificName string // LB_NOM, without author
	Author         string // LB_AUTEUR
	FullName       string // NOM_COMPLET
	Vernacular     string // NOM_VERN, several names separated by commas, as given
	VernacularEN   string // NOM_VERN_ENG
	Kingdom        string
	Phylum         string
	Class          string
	Order          string
	Family         string
	Group1         string // GROUP1_INPN
	Group2         string // GROUP2_INPN
	Group3         string // GROUP3_INPN
	Habitat        string // 1–8, TAXREF_HABITAT
	StatusFR       string // biogeographic status in metropolitan France, FR
}

// Valid reports whether the name is the valid one of its taxon.
func (n *Name) Valid() bool { return CdNom(n.CdRef) == n.CdNom }

// Withdrawn is a row of CDNOM_DISPARUS: a code TAXREF no longer distributes.
type Withdrawn struct {
	CdNom       CdNom
	Replacement CdNom // 0: no replacement, a person must decide
	Reason      string
}

// Status is a legal or scientific status of a taxon, in the shape of BDC-Statuts.
type Status struct {
	CdRef     CdRef
	Type      string // CD_TYPE_STATUT: LRN, LRR, PN, PR, DH, DO, BERN, ZDET…
	TypeLabel string
	Code      string // CODE_STATUT: VU, CDH4, true…
	Label     string
	Remark    string // RQ_STATUT
	Territory string // CD_SIG or the region's name as written in the file
	Citation  string
	URL       string
}

// Group is a public group: the few families of living things a visitor chooses from.
type Group struct {
	Slug string // in addresses and catalogues ("group.<slug>"): "oiseaux"
}

// Groups returns the public groups in the order they are shown.
func Groups() []Group {
	return []Group{{"plantes"}, {"oiseaux"}, {"mammiferes"}, {"reptiles"}, {"amphibiens"}, {"poissons"},
		{"papillons"}, {"libellules"}, {"orthopteres"}, {"coleopteres"}, {"insectes"}, {"arachnides"},
		{"crustaces"}, {"mollusques"}, {"champignons"}, {"lichens"}, {"mousses"}, {"algues"}, {"autres"}}
}
