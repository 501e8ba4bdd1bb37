package taxon

// groupRule sends the names whose column Column has the value Value to a group. An empty
// Kingdom fits all.
type groupRule struct {
	Column  string // "group1", "group2", "order", "class", "phylum", "kingdom"
	Value   string // folded
	Kingdom string // folded
	Slug    string
}

// The rules, tried in order; the first that fits decides. Orders of insects come before
// the group of insects, groups of TAXREF before its classes, classes before kingdoms.
// Values are those of TAXREF v17 and v18 and of older versions still in circulation.
var groupRules = []groupRule{
	{"order", "lepidoptera", "animalia", "papillons"},
	{"order", "odonata", "animalia", "libellules"},
	{"order", "orthoptera", "animalia", "orthopteres"},
	{"order", "coleoptera", "animalia", "coleopteres"},
	{"group2", "insectes", "", "insectes"},
	{"group2", "oiseaux", "", "oiseaux"},
	{"group2", "mammiferes", "", "mammiferes"},
	{"group2", "reptiles", "", "reptiles"},
	{"group2", "amphibiens", "", "amphibiens"},
	{"group2", "poissons", "", "poissons"},
	{"group2", "arachnides", "", "arachnides"},
	{"group2", "crustaces", "", "crustaces"},
	{"group1", "mollusques", "", "mollusques"},
	{"group2", "gasteropodes", "", "mollusques"},
	{"group2", "bivalves", "", "mollusques"},
	{"group2", "cephalopodes", "", "mollusques"},
	{"group2", "lichens", "", "lichens"},
	{"group2", "mousses", "", "mousses"},
	{"group2", "hepatiques et anthocerotes", "", "mousses"},
	{"group1", "bryophytes", "", "mousses"},
	{"group2", "angiospermes", "", "plantes"},
	{"group2", "gymnospermes", "", "plantes"},
	{"group2", "pteridophytes", "", "plantes"},
	{"group1", "tracheophytes", "", "plantes"},
	{"group1", "basidiomycetes", "", "champignons"},
	{"group1", "myxomycetes", "", "champignons"},
	{"group2", "diatomees", "", "algues"},
	{"group2", "ochrophytes", "", "algues"},
	{"group2", "rhodophytes", "", "algues"},
	{"group2", "chlorophytes", "", "algues"},
	{"group2", "chlorophytes et charophytes", "", "algues"},
	{"group1", "algues", "", "algues"},
	{"class", "lecanoromycetes", "fungi", "lichens"},
	{"class", "lichinomycetes", "fungi", "lichens"},
	{"kingdom", "fungi", "", "champignons"},
	{"phylum", "myxomycota", "", "champignons"},
	{"class", "insecta", "", "insectes"},
	{"class", "hexapoda", "", "insectes"},
	{"class", "aves", "", "oiseaux"},
	{"class", "mammalia", "", "mammiferes"},
	{"class", "reptilia", "", "reptiles"},
	{"order", "squamata", "animalia", "reptiles"},
	{"order", "chelonii", "animalia", "reptiles"},
	{"order", "testudines", "animalia", "reptiles"},
	{"order", "crocodylia", "animalia", "reptiles"},
	{"class", "amphibia", "", "amphibiens"},
	{"class", "actinopterygii", "", "poissons"},
	{"class", "teleostei", "", "poissons"},
	{"class", "petromyzonti", "", "poissons"},
	{"class", "petromyzontida", "", "poissons"},
	{"class", "elasmobranchii", "", "poissons"},
	{"class", "chondrichthyes", "", "poissons"},
	{"class", "holocephali", "", "poissons"},
	{"class", "myxini", "", "poissons"},
	{"class", "arachnida", "", "arachnides"},
	{"class", "malacostraca", "", "crustaces"},
	{"class", "branchiopoda", "", "crustaces"},
	{"class", "maxillopoda", "", "crustaces"},
	{"class", "copepoda", "", "crustaces"},
	{"class", "ostracoda", "", "crustaces"},
	{"class", "thecostraca", "", "crustaces"},
	{"phylum", "mollusca", "", "mollusques"},
	{"phylum", "bryophyta", "", "mousses"},
	{"class", "equisetopsida", "plantae", "plantes"},
	{"class", "magnoliopsida", "plantae", "plantes"},
	{"class", "liliopsida", "plantae", "plantes"},
	{"class", "pinopsida", "plantae", "plantes"},
	{"class", "polypodiopsida", "plantae", "plantes"},
	{"phylum", "tracheophyta", "plantae", "plantes"},
	{"class", "bryopsida", "plantae", "mousses"},
	{"class", "marchantiopsida", "plantae", "mousses"},
	{"class", "jungermanniopsida", "plantae", "mousses"},
	{"class", "sphagnopsida", "plantae", "mousses"},
	{"class", "florideophyceae", "", "algues"},
	{"class", "bacillariophyceae", "", "algues"},
	{"class", "phaeophyceae", "", "algues"},
	{"phylum", "ochrophyta", "", "algues"},
	{"phylum", "bacillariophyta", "", "algues"},
	{"phylum", "haptophyta", "", "algues"},
	{"phylum", "cryptophyta", "", "algues"},
	{"group1", "ascomycetes", "", "champignons"},
}

// groupIndex is groupRules by column and value: a name asks nine times, not ninety.
var groupIndex = indexGroups()

type groupKey struct{ column, value string }

func indexGroups() map[groupKey][]int {
	m := make(map[groupKey][]int, len(groupRules))
	for i, r := range groupRules {
		k := groupKey{r.Column, r.Value}
		m[k] = append(m[k], i)
	}
	return m
}

// GroupOf returns the slug of the public group of a name: every name has exactly one,
// "autres" when no rule fits.
func GroupOf(n *Name) string {
	kingdom := Fold(n.Kingdom)
	best := len(groupRules)
	try := func(column, value string) {
		if value == "" {
			return
		}
		for _, i := range groupIndex[groupKey{column, value}] {
			if i < best && (groupRules[i].Kingdom == "" || groupRules[i].Kingdom == kingdom) {
				best = i
			}
		}
	}
	class := Fold(n.Class)
	try("order", Fold(n.Order))
	try("group2", Fold(n.Group2))
	try("group1", Fold(n.Group1))
	try("class", class)
	try("phylum", Fold(n.Phylum))
	try("kingdom", kingdom)
	if best < len(groupRules) {
		return groupRules[best].Slug
	}
	// TAXREF has one class for all land plants; the other classes of the kingdom are algae.
	if kingdom == "plantae" {
		if len(class) > 7 && class[len(class)-7:] == "phyceae" || class == "chlorophyta incertae sedis" {
			return "algues"
		}
		if class == "" && n.Phylum == "" {
			return "plantes"
		}
		return "algues"
	}
	return "autres"
}
