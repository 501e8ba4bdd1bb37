package taxon

import "strings"

// Red-list categories from least to most worrying (IUCN; codes of BDC-Statuts). Position
// is Severity − 1.
var redCategories = [...]string{"NE", "NA", "LC", "DD", "NT", "VU", "EN", "CR", "CR*", "RE", "EW", "EX"}

// Severity returns the rank of a red-list category, 1 (NE, not evaluated) to 12 (EX,
// extinct), and 0 for a code that is no category.
func Severity(code string) int {
	code = strings.ToUpper(strings.TrimSpace(code))
	for i, c := range redCategories {
		if c == code {
			return i + 1
		}
	}
	return 0
}

// Threatened reports whether a red-list category is one of the threatened ones: VU, EN,
// CR, CR*.
func Threatened(code string) bool {
	s := Severity(code)
	return s >= Severity("VU") && s <= Severity("CR*")
}

// RedList reports whether a status type is a red list: LRR, LRN, LRE or LRM.
func RedList(typ string) bool { return redPriority(typ) > 0 }

func redPriority(typ string) int {
	switch typ {
	case "LRR":
		return 4
	case "LRN":
		return 3
	case "LRE":
		return 2
	case "LRM":
		return 1
	}
	return 0
}

// Badge returns the red-list status shown beside a taxon's name: of the nearest list that
// evaluated it (regional, national, European, world, in that order), the worst category
// when several texts of the same type speak (breeding, wintering, passage). Categories NA
// and NE are kept for last: they evaluate nothing. False when there is no red list.
func Badge(statuses []Status) (Status, bool) {
	best, bestScore := -1, 0
	for i := range statuses {
		s := Severity(statuses[i].Code)
		p := redPriority(statuses[i].Type)
		if s == 0 || p == 0 {
			continue
		}
		score := p*100 + s
		if s > Severity("NA") {
			score += 1000
		}
		if score > bestScore {
			best, bestScore = i, score
		}
	}
	if best < 0 {
		return Status{}, false
	}
	return statuses[best], true
}

// Protection reports whether a status type is a legal protection: PN, PR, PD, POM.
func Protection(typ string) bool {
	switch typ {
	case "PN", "PR", "PD", "POM":
		return true
	}
	return false
}

// Protected reports whether one of the statuses is a legal protection.
func Protected(statuses []Status) bool {
	for i := range statuses {
		if Protection(statuses[i].Type) {
			return true
		}
	}
	return false
}

// Of each type, the French label of BDC-Statuts v18 (BDC_STATUTS_TYPES), used when a file
// gives none.
var statusTypes = map[string]string{
	"BARC": "Convention de Barcelone", "BERN": "Convention de Berne", "BONN": "Convention de Bonn",
	"DH": "Directive Habitats-Faune-Flore", "DO": "Directive Oiseaux",
	"PNA": "Plan national d’actions en cours", "exPNA": "Plan national d’actions terminé",
	"LRE": "Liste rouge européenne", "LRM": "Liste rouge mondiale", "LRN": "Liste rouge nationale",
	"LRR": "Liste rouge régionale", "OSPAR": "Convention OSPAR", "PD": "Protection départementale",
	"PN": "Protection nationale", "POM": "Protection de collectivité d’outre-mer", "PR": "Protection régionale",
	"REGL": "Réglementation", "REGLII": "Interdiction d’introduction", "REGLLUTTE": "Lutte contre certaines espèces",
	"REGLSO": "Réglementation sans objet", "SENSDEP": "Sensibilité départementale",
	"SENSNAT": "Sensibilité nationale", "SENSREG": "Sensibilité régionale", "ZDET": "Déterminante ZNIEFF",
}

// StatusTypeLabel returns the French label of a status type, the code itself when unknown.
// The catalogues have it in each language under "status.type.<code>".
func StatusTypeLabel(typ string) string {
	if l, ok := statusTypes[typ]; ok {
		return l
	}
	return typ
}
