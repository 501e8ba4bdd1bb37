package taxon

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// nameIndex finds rows by the hash of a folded name; it is made when first asked for.
type nameIndex struct {
	once    sync.Once
	entries []nameEntry
}

type nameEntry struct {
	hash uint64
	row  int32
}

func hashName(s string) uint64 { // FNV-1a
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

func (x *nameIndex) build(n int, names func(i int32, add func(folded string))) {
	x.once.Do(func() {
		x.entries = make([]nameEntry, 0, n+n/2)
		for i := range int32(n) {
			names(i, func(folded string) { x.entries = append(x.entries, nameEntry{hashName(folded), i}) })
		}
		slices.SortFunc(x.entries, func(a, b nameEntry) int {
			return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.row, b.row))
		})
		x.entries = slices.Clip(slices.Compact(x.entries))
	})
}

// rows calls f with each row that really bears the name.
func (x *nameIndex) rows(folded string, names func(i int32, add func(string)), f func(row int32)) {
	h := hashName(folded)
	at, _ := slices.BinarySearchFunc(x.entries, h, func(e nameEntry, h uint64) int { return cmp.Compare(e.hash, h) })
	for ; at < len(x.entries) && x.entries[at].hash == h; at++ {
		same := false
		names(x.entries[at].row, func(s string) { same = same || s == folded })
		if same {
			f(x.entries[at].row)
		}
	}
}

func (t *Taxonomy) lookUp(x *nameIndex, folded string, names func(i int32, add func(string))) (out []CdNom) {
	if folded == "" {
		return nil
	}
	x.build(len(t.rows), names)
	x.rows(folded, names, func(row int32) { out = append(out, t.rows[row].cd) })
	slices.Sort(out)
	return slices.Compact(out)
}

// ByScientificName returns the taxa one of whose names, valid or synonym, is exactly this
// one, given as Fold gives it, with its author or without, in order of code.
func (t *Taxonomy) ByScientificName(folded string) (out []CdRef) {
	for _, cd := range t.Scientific(folded) {
		if i := t.index(cd); !slices.Contains(out, t.rows[i].ref) {
			out = append(out, t.rows[i].ref)
		}
	}
	slices.Sort(out)
	return out
}

// Scientific returns the names, valid or synonym, that are written so, in order of code: as
// Fold gives them with their author or without, or as NameKey does.
func (t *Taxonomy) Scientific(folded string) []CdNom {
	return t.lookUp(&t.scientific, folded, t.scientificNames)
}

func (t *Taxonomy) scientificNames(i int32, add func(string)) {
	n := t.name(i)
	s := Fold(n.ScientificName)
	add(s)
	if k := NameKey(n.ScientificName); k != s {
		add(k)
	}
	if n.Author != "" {
		add(Fold(joinName(n.ScientificName, n.Author)))
	}
	if t.rows[i].full > 0 {
		add(Fold(n.FullName))
	}
}

// French returns the names to which TAXREF gives this French name, folded, in order of code.
func (t *Taxonomy) French(folded string) []CdNom {
	return t.lookUp(&t.french, folded, func(i int32, add func(string)) {
		if v := t.vernacularOf(i); v != "" {
			for n := range splitVernacular(v) {
				add(Fold(n))
			}
		}
	})
}

// English returns the names to which TAXREF gives this English name, folded, in order of code.
func (t *Taxonomy) English(folded string) []CdNom {
	return t.lookUp(&t.english, folded, func(i int32, add func(string)) {
		if t.rows[i].vern2 > 0 {
			n := t.name(i)
			for v := range splitVernacular(n.VernacularEN) {
				add(Fold(v))
			}
		}
	})
}

// Split returns the names among which a withdrawn code was split, in order of code; nil when
// it was not.
func (t *Taxonomy) Split(cd CdNom) []CdNom { return t.split[cd] }

// InLineage reports whether one of two taxa is the other or an ancestor of it.
func (t *Taxonomy) InLineage(a, b CdRef) bool {
	return a == b || slices.Contains(t.Lineage(CdNom(a)), CdNom(b)) || slices.Contains(t.Lineage(CdNom(b)), CdNom(a))
}

// Highest returns the taxon among some that is an ancestor of all the others; false when
// none is.
func (t *Taxonomy) Highest(refs []CdRef) (CdRef, bool) {
	for _, top := range refs {
		above := true
		for _, r := range refs {
			above = above && (r == top || slices.Contains(t.Lineage(CdNom(r)), CdNom(top)))
		}
		if above {
			return top, true
		}
	}
	return 0, false
}

// mark says of a word of a name, folded, that it is no part of what identifies it: marks of
// rank and of hybrids. An aggregate is another taxon than its species: its mark stays, in
// one spelling.
func mark(word string) (drop, aggregate bool) {
	switch word {
	case "x", "+", "subsp.", "ssp.", "nothosubsp.", "nothossp.", "var.", "nothovar.", "subvar.", "f.", "fo.", "nothof.", "subf.",
		"forma", "kl.", "convar.", "cv.", "prol.", "race", "ab.", "m.", "morpha", "natio":
		return true, false
	case "aggr.", "agg.", "aggr", "agg", "gr.", "gr", "group", "groupe", "complex", "complexe", "grp.", "grp":
		return true, true
	}
	return false, false
}

// NameKey returns what two spellings of one scientific name without author have in common:
// its folded words without marks of rank and hybrids and without a subgenus between the genus
// and the epithet. "Lamium amplexicaule subsp. amplexicaule" and "Lamium amplexicaule
// amplexicaule" have the same, "Bombus lucorum" and "Bombus lucorum aggr." have not.
func NameKey(name string) string {
	words := strings.Fields(Fold(name))
	out := make([]string, 0, len(words)+1)
	group := false
	for i, w := range words {
		drop, agg := mark(w)
		group = group || agg && i > 0
		switch {
		case drop && (i > 0 || w == "x" || w == "+"):
		case i == 1 && len(words) > 2 && strings.HasPrefix(w, "(") && strings.HasSuffix(w, ")"):
		case i > 1 && len(w) == 2 && w[1] == '.' && len(out) > 0 && out[0][0] == w[0]: // Triturus cristatus x T. marmoratus
			out = append(out, out[0])
		default:
			out = append(out, w)
		}
	}
	if group {
		out = append(out, "agg")
	}
	return strings.Join(out, " ")
}

// Near returns the names that a misspelt scientific name without author may stand for: those
// at most two letters away that share its genus or its last word, the nearest first, one a
// taxon and at most max; then the genus alone. It guesses: a person must choose.
func (t *Taxonomy) Near(name string, max int) []CdNom {
	key := NameKey(name)
	genus, _, _ := strings.Cut(key, " ")
	if len(genus) < 3 {
		return nil
	}
	parts := func(i int32, add func(string)) {
		k := NameKey(t.scientificName(i))
		first, _, more := strings.Cut(k, " ")
		add(first)
		if more {
			add("~" + k[strings.LastIndexByte(k, ' ')+1:])
		}
	}
	t.words.build(len(t.rows), parts)
	type near struct {
		row, away int32
	}
	var found []near
	look := func(word string) {
		t.words.rows(word, parts, func(row int32) {
			if d := distance(key, NameKey(t.scientificName(row)), 2); d <= 2 {
				found = append(found, near{row, int32(d)})
			}
		})
	}
	look(genus)
	if at := strings.LastIndexByte(key, ' '); at > 0 {
		look("~" + key[at+1:])
	}
	slices.SortStableFunc(found, func(a, b near) int {
		return cmp.Or(cmp.Compare(a.away, b.away), cmp.Compare(t.rows[a.row].cd, t.rows[b.row].cd))
	})
	var out []CdNom
	var refs []CdRef
	take := func(row int32) {
		if r := t.rows[row]; len(out) < max && !slices.Contains(refs, r.ref) {
			out, refs = append(out, r.cd), append(refs, r.ref)
		}
	}
	for _, f := range found {
		take(f.row)
	}
	for _, cd := range t.Scientific(genus) {
		take(t.index(cd))
	}
	return out
}

// distance is how many letters to add, drop, change or exchange lead from a to b, most+1 when
// more than most.
func distance(a, b string, most int) int {
	if d := len(a) - len(b); d > 2*most || -d > 2*most { // bytes; folded names are nearly all ASCII
		return most + 1
	}
	x, y := []rune(a), []rune(b)
	prev2, prev, cur := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(x); i++ {
		cur[0] = i
		best := cur[0]
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
			best = min(best, cur[j])
		}
		if best > most {
			return most + 1
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return min(prev[len(y)], most+1)
}

// NearFrench returns the names whose French name is at most two letters from this one, folded,
// the nearest first, one a taxon and at most max. It reads them all.
func (t *Taxonomy) NearFrench(folded string, max int) []CdNom {
	if utf8.RuneCountInString(folded) < 5 {
		return nil
	}
	byAway := [3][]CdNom{}
	for i := range t.rows {
		v := t.vernacularOf(int32(i))
		if v == "" || len(v) < len(folded)-4 {
			continue
		}
		for n := range splitVernacular(v) {
			if d := distance(folded, Fold(n), 2); d <= 2 {
				byAway[d] = append(byAway[d], t.rows[i].cd)
			}
		}
	}
	var out []CdNom
	var refs []CdRef
	for _, list := range byAway {
		slices.Sort(list)
		for _, cd := range list {
			if ref := t.rows[t.index(cd)].ref; len(out) < max && !slices.Contains(refs, ref) {
				out, refs = append(out, cd), append(refs, ref)
			}
		}
	}
	return out
}
