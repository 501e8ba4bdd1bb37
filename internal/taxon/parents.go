package taxon

import (
	"slices"
	"strings"
)

// linkParents gives each taxon its parent: CD_SUP when the file has it and the code leads
// to another taxon, otherwise one derived by deriveParents.
func (t *Taxonomy) linkParents(given []CdNom) {
	orphan := false
	for i := range t.rows {
		r := &t.rows[i]
		if r.valid != int32(i) {
			continue
		}
		if given[i] != 0 {
			if p, _ := t.find(given[i]); p >= 0 && t.rows[p].valid != int32(i) {
				r.parent = t.rows[p].valid
				continue
			}
		}
		orphan = orphan || t.ranks[r.rank] != Kingdom
	}
	if orphan {
		t.deriveParents()
	}
}

type placeKey struct {
	rank Rank
	in   string // the family of species and genera, the kingdom above
	name string
}

// mainRanks are the ranks TAXREF writes a name for beside every taxon, highest first.
var mainRanks = [...]Rank{Kingdom, Phylum, Class, Order, Family}

func (c *class) at(r Rank) string {
	switch r {
	case Kingdom:
		return c.kingdom
	case Phylum:
		return c.phylum
	case Class:
		return c.class
	case Order:
		return c.order
	case Family:
		return c.family
	}
	return ""
}

// deriveParents finds a parent for taxa without one, as far as names tell: an infraspecific
// taxon under the species of its first two words in the same family; a species under the
// genus of its first word in the same family; a genus under its family, and so on up the
// order, class, phylum and kingdom written beside it. The nearest that exists with a code
// is taken, and only one of a strictly higher rank.
func (t *Taxonomy) deriveParents() {
	places := map[placeKey]int32{}
	for i := range t.rows {
		r := &t.rows[i]
		rank := t.ranks[r.rank]
		if r.valid != int32(i) || !(rank == Species || rank == Genus || slices.Contains(mainRanks[:], rank)) {
			continue
		}
		c := &t.classes[r.class]
		k := placeKey{rank, c.kingdom, t.scientificName(int32(i))}
		if rank == Species || rank == Genus {
			k.in = c.family
		}
		if rank == Species {
			k.name = firstWords(k.name, 2)
		}
		// Two taxa of one name in one family (homonyms): the one with fewer letters is the
		// name itself rather than a formula built on it, then the smaller code.
		if j, ok := places[k]; !ok || t.betterPlace(int32(i), j) {
			places[k] = int32(i)
		}
	}
	for i := range t.rows {
		r := &t.rows[i]
		if r.valid == int32(i) && r.parent < 0 {
			r.parent = t.derive(int32(i), places)
		}
	}
}

func (t *Taxonomy) betterPlace(i, j int32) bool {
	if a, b := t.rows[i].sci, t.rows[j].sci; a != b {
		return a < b
	}
	return t.rows[i].cd < t.rows[j].cd
}

func (t *Taxonomy) derive(i int32, places map[placeKey]int32) int32 {
	r := &t.rows[i]
	c := &t.classes[r.class]
	level := t.ranks[r.rank].Level()
	if t.ranks[r.rank] == "CLAD" || level == 0 {
		level = RankOf(t.scientificName(i)).Level()
	}
	name := t.scientificName(i)
	try := func(k placeKey) int32 {
		if k.name == "" || k.rank.Level() >= level {
			return -1
		}
		if j, ok := places[k]; ok && j != i {
			return j
		}
		return -1
	}
	if j := try(placeKey{Species, c.family, firstWords(name, 2)}); j >= 0 {
		return j
	}
	if j := try(placeKey{Genus, c.family, firstWords(name, 1)}); j >= 0 {
		return j
	}
	for k := len(mainRanks) - 1; k >= 0; k-- {
		if j := try(placeKey{mainRanks[k], c.kingdom, c.at(mainRanks[k])}); j >= 0 {
			return j
		}
	}
	return -1
}

// firstWords returns the first n words of a name, hybrid marks not counted: the binomial of
// "Quercus x hispanica var. lucombeana" is "Quercus x hispanica".
func firstWords(name string, n int) string {
	for i := 0; i <= len(name); {
		j := strings.IndexByte(name[i:], ' ')
		end := len(name)
		if j >= 0 {
			end = i + j
		}
		if !hybridMark(name[i:end]) {
			if n--; n == 0 {
				return name[:end]
			}
		}
		i = end + 1
	}
	return ""
}

// Classification returns the ancestors of a taxon from the kingdom to its parent. Main
// ranks that TAXREF names without a code of their own, as loaded, are steps with CdRef 0.
func (t *Taxonomy) Classification(ref CdRef) []Step {
	i := t.index(CdNom(ref))
	if i < 0 {
		return nil
	}
	i = t.rows[i].valid
	var chain []Step
	for p := t.rows[i].parent; p >= 0; p = t.rows[p].parent {
		chain = append(chain, Step{t.rows[p].ref, t.ranks[t.rows[p].rank], t.scientificName(p),
			PrimaryVernacular(t.vernacularOf(p))})
	}
	slices.Reverse(chain)
	level := t.ranks[t.rows[i].rank].Level()
	if level == 0 {
		level = len(rankOrder) + 1
	}
	c := &t.classes[t.rows[i].class]
	for _, r := range mainRanks {
		if r.Level() < level {
			chain = insertStep(chain, Step{Rank: r, Name: c.at(r)})
		}
	}
	if level > Genus.Level() {
		chain = insertStep(chain, Step{Rank: Genus, Name: firstWords(t.scientificName(i), 1)})
	}
	return chain
}

// insertStep puts a step without code at the place of its rank, unless the chain has one of
// that rank.
func insertStep(chain []Step, s Step) []Step {
	if s.Name == "" {
		return chain
	}
	at, level := len(chain), s.Rank.Level()
	for i, c := range chain {
		if c.Rank == s.Rank {
			return chain
		}
		if l := c.Rank.Level(); l > level && c.Rank != "CLAD" && at == len(chain) {
			at = i
		}
	}
	return slices.Insert(chain, at, s)
}
