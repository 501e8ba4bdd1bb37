package taxon

import (
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"garrigue/internal/fault"
)

// Taxonomy is the whole of TAXREF in memory: about 60 bytes and the text of its names for
// each name (650,000 names in about 120 MB). It never changes once built and is safe for
// concurrent use. Slices it returns are shared and must not be modified.
type Taxonomy struct {
	rows    []row
	text    []string // pieces of chunk bytes, addressed by row.text
	classes []class
	small   []int32           // CdNom → row + 1, for codes below smallCodes
	large   map[CdNom]int32   // the same for the others: codes added by a platform
	moved   map[CdNom]int32   // withdrawn code → row of its replacement
	split   map[CdNom][]CdNom // withdrawn code → its replacements, when they are several taxa
	ranks   []Rank
	short   []string // values of HABITAT and FR

	childStart, synStart []int32 // by row, into children and synonyms
	children             []CdRef
	synonyms             []CdNom
	lineages             []atomic.Pointer[[]CdNom]

	scientific, french, english, words nameIndex
}

// row is a name without its strings. Its text is scientific name, author, full name (none
// when it is the two joined), French names, English names, end to end.
type row struct {
	cd                             CdNom
	ref                            CdRef
	parent                         int32 // row of the valid parent, −1 for none
	valid                          int32 // row of the valid name
	text                           uint32
	class                          uint32
	sci, author, full, vern, vern2 uint16
	rank, habitat, status          uint8
}

// class is the classification written beside a name; few thousand differ.
type class struct{ kingdom, phylum, class, order, family, group1, group2, group3 string }

const (
	smallCodes = 1 << 22
	chunkBits  = 20
	chunk      = 1 << chunkBits
)

// Match is what a code leads to. CdNom is the code itself, or the one that replaces it
// when TAXREF has withdrawn it (Replaced).
type Match struct {
	CdNom    CdNom
	CdRef    CdRef
	Replaced bool
}

// Step is one ancestor of a taxon. CdRef is 0 when TAXREF, as loaded, only names it.
type Step struct {
	CdRef      CdRef
	Rank       Rank
	Name       string
	Vernacular string
}

// NewTaxonomy builds a taxonomy from TAXREF names in any order and the withdrawn codes. A
// taxon whose valid name is not among the names stands under the name of one of its
// synonyms. Parents come from CD_SUP when given; otherwise they are derived from the names
// themselves and the classification beside them (see deriveParents). It returns the first
// error of names, and fault.Invalid when parents turn in a circle.
func NewTaxonomy(names iter.Seq2[Name, error], withdrawn []Withdrawn) (*Taxonomy, error) {
	b := newBuilder()
	for n, err := range names {
		if err != nil {
			return nil, err
		}
		b.add(&n)
	}
	b.seal()
	t := b.t
	t.linkValid(b)
	t.follow(withdrawn)
	t.linkParents(b.parents)
	if err := t.checkCircles(); err != nil {
		return nil, err
	}
	t.linkDown()
	t.lineages = make([]atomic.Pointer[[]CdNom], len(t.rows))
	return t, nil
}

type builder struct {
	t       *Taxonomy
	buf     []byte
	classes map[class]uint32
	words   map[string]string
	ranks   map[Rank]uint8
	short   map[string]uint8
	parents []CdNom // by row, as given
}

func newBuilder() *builder {
	return &builder{t: &Taxonomy{large: map[CdNom]int32{}, ranks: []Rank{""}, short: []string{""}},
		buf: make([]byte, 0, chunk), classes: map[class]uint32{}, words: map[string]string{},
		ranks: map[Rank]uint8{"": 0}, short: map[string]uint8{"": 0}}
}

func (b *builder) add(n *Name) {
	full := n.FullName
	if full == joinName(n.ScientificName, n.Author) {
		full = ""
	}
	r := row{cd: n.CdNom, ref: n.CdRef, parent: -1, valid: -1, class: b.class(n),
		rank: b.rank(n.Rank), habitat: b.code(n.Habitat), status: b.code(n.StatusFR)}
	if r.ref == 0 {
		r.ref = CdRef(n.CdNom)
	}
	parts := [...]string{clip(n.ScientificName), clip(n.Author), clip(full), clip(n.Vernacular), clip(n.VernacularEN)}
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	if len(b.buf)+size > chunk {
		b.flush()
	}
	r.text = uint32(len(b.t.text))<<chunkBits | uint32(len(b.buf))
	for _, p := range parts {
		b.buf = append(b.buf, p...)
	}
	r.sci, r.author, r.full = uint16(len(parts[0])), uint16(len(parts[1])), uint16(len(parts[2]))
	r.vern, r.vern2 = uint16(len(parts[3])), uint16(len(parts[4]))
	if i := b.t.index(n.CdNom); i >= 0 { // the later row of a code wins
		b.t.rows[i], b.parents[i] = r, n.Parent
		return
	}
	b.append(r, n.Parent)
}

func (b *builder) append(r row, parent CdNom) int32 {
	i := int32(len(b.t.rows))
	b.t.rows = append(b.t.rows, r)
	b.parents = append(b.parents, parent)
	b.t.setIndex(r.cd, i)
	return i
}

func (b *builder) flush() {
	b.t.text = append(b.t.text, string(b.buf))
	b.buf = b.buf[:0]
}

func (b *builder) seal() {
	b.flush()
	b.t.rows = slices.Clip(b.t.rows)
	b.buf, b.words = nil, nil
}

// clip bounds a text to what its length field holds; five of them fit a chunk.
func clip(s string) string {
	if len(s) <= 0xffff {
		return s
	}
	n := 0xffff
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func joinName(sci, author string) string {
	if author == "" {
		return sci
	}
	return sci + " " + author
}

func (b *builder) word(s string) string {
	if s == "" {
		return ""
	}
	w, ok := b.words[s]
	if !ok {
		w = strings.Clone(s)
		b.words[w] = w
	}
	return w
}

func (b *builder) class(n *Name) uint32 {
	c := class{n.Kingdom, n.Phylum, n.Class, n.Order, n.Family, n.Group1, n.Group2, n.Group3}
	if i, ok := b.classes[c]; ok {
		return i
	}
	c = class{b.word(c.kingdom), b.word(c.phylum), b.word(c.class), b.word(c.order), b.word(c.family),
		b.word(c.group1), b.word(c.group2), b.word(c.group3)}
	i := uint32(len(b.t.classes))
	b.t.classes = append(b.t.classes, c)
	b.classes[c] = i
	return i
}

func (b *builder) rank(r Rank) uint8 {
	i, ok := b.ranks[r]
	if !ok && len(b.t.ranks) < 256 {
		i = uint8(len(b.t.ranks))
		r = Rank(strings.Clone(string(r)))
		b.t.ranks = append(b.t.ranks, r)
		b.ranks[r] = i
	}
	return i
}

func (b *builder) code(s string) uint8 {
	i, ok := b.short[s]
	if !ok && len(b.t.short) < 256 {
		i = uint8(len(b.t.short))
		s = strings.Clone(s)
		b.t.short = append(b.t.short, s)
		b.short[s] = i
	}
	return i
}

func (t *Taxonomy) setIndex(cd CdNom, i int32) {
	if cd < 0 || cd >= smallCodes {
		t.large[cd] = i
		return
	}
	if int(cd) >= len(t.small) {
		t.small = append(t.small, make([]int32, max(int(cd)+1-len(t.small), len(t.small)/4))...)
	}
	t.small[cd] = i + 1
}

// index returns the row of a code, −1 when there is none.
func (t *Taxonomy) index(cd CdNom) int32 {
	if uint32(cd) < uint32(len(t.small)) {
		return t.small[cd] - 1
	}
	if len(t.large) > 0 {
		if i, ok := t.large[cd]; ok {
			return i
		}
	}
	return -1
}

// linkValid finds each name's valid name. Where the valid name is missing, one made from
// the synonym with the smallest code stands for it.
func (t *Taxonomy) linkValid(b *builder) {
	missing := map[CdRef]int32{}
	for i := range t.rows {
		r := &t.rows[i]
		if t.index(CdNom(r.ref)) >= 0 {
			continue
		}
		if j, ok := missing[r.ref]; !ok || t.rows[j].cd > r.cd {
			missing[r.ref] = int32(i)
		}
	}
	refs := make([]CdRef, 0, len(missing))
	for ref := range missing {
		refs = append(refs, ref)
	}
	slices.Sort(refs)
	for _, ref := range refs {
		r := t.rows[missing[ref]]
		r.cd = CdNom(ref)
		b.append(r, b.parents[missing[ref]])
	}
	for i := range t.rows {
		r := &t.rows[i]
		r.valid = t.index(CdNom(r.ref))
		// A chain (the CD_REF of a name is itself a synonym) is a fault of the file: one step
		// more is followed, no further.
		if v := &t.rows[r.valid]; CdNom(v.ref) != v.cd {
			if j := t.index(CdNom(v.ref)); j >= 0 && CdNom(t.rows[j].ref) == t.rows[j].cd {
				r.ref, r.valid = v.ref, j
			} else {
				r.valid = int32(i)
				r.ref = CdRef(r.cd)
			}
		}
	}
}

// follow leads each withdrawn code, through those that replace it, to a name. Codes that
// end nowhere or turn in a circle lead to nothing, codes that end at several taxa to a
// choice: a person must decide.
func (t *Taxonomy) follow(withdrawn []Withdrawn) {
	next := make(map[CdNom][]CdNom, len(withdrawn))
	for _, w := range withdrawn {
		if w.Replacement != 0 && !slices.Contains(next[w.CdNom], w.Replacement) {
			next[w.CdNom] = append(next[w.CdNom], w.Replacement)
		}
	}
	t.moved, t.split = make(map[CdNom]int32, len(next)), map[CdNom][]CdNom{}
	for cd := range next {
		ends := t.ends(cd, next)
		one := true
		for _, e := range ends {
			one = one && t.rows[t.index(e)].ref == t.rows[t.index(ends[0])].ref
		}
		switch {
		case len(ends) == 0:
		case one:
			t.moved[cd] = t.index(ends[0])
		default:
			t.split[cd] = ends
		}
	}
}

// ends returns the names that replace a code at the end of every chain, in order of code.
func (t *Taxonomy) ends(cd CdNom, next map[CdNom][]CdNom) (out []CdNom) {
	seen, todo := map[CdNom]bool{cd: true}, next[cd]
	for len(todo) > 0 {
		to := todo[0]
		todo = todo[1:]
		if seen[to] {
			continue
		}
		seen[to] = true
		if t.index(to) >= 0 {
			out = append(out, to)
			continue
		}
		todo = append(slices.Clip(todo), next[to]...)
	}
	slices.Sort(out)
	return out
}

func (t *Taxonomy) find(cd CdNom) (i int32, replaced bool) {
	if i = t.index(cd); i >= 0 {
		return i, false
	}
	if i, ok := t.moved[cd]; ok {
		return i, true
	}
	return -1, false
}

// Len returns the number of names.
func (t *Taxonomy) Len() int { return len(t.rows) }

// Resolve leads a code to its taxon, through the codes that replace it when it is
// withdrawn; false when no name has it.
func (t *Taxonomy) Resolve(cd CdNom) (Match, bool) {
	i, replaced := t.find(cd)
	if i < 0 {
		return Match{}, false
	}
	return Match{CdNom: t.rows[i].cd, CdRef: t.rows[i].ref, Replaced: replaced}, true
}

// Name returns the name of a code, withdrawn codes not followed.
func (t *Taxonomy) Name(cd CdNom) (Name, bool) {
	i := t.index(cd)
	if i < 0 {
		return Name{}, false
	}
	return t.name(i), true
}

// Valid returns the valid name of a taxon.
func (t *Taxonomy) Valid(ref CdRef) (Name, bool) {
	i := t.index(CdNom(ref))
	if i < 0 || t.rows[i].valid != i {
		return Name{}, false
	}
	return t.name(i), true
}

func (t *Taxonomy) name(i int32) Name {
	r := &t.rows[i]
	c := &t.classes[r.class]
	s := t.text[r.text>>chunkBits][r.text&(chunk-1):]
	cut := func(n uint16) string { p := s[:n]; s = s[n:]; return p }
	n := Name{CdNom: r.cd, CdRef: r.ref, Rank: t.ranks[r.rank], ScientificName: cut(r.sci), Author: cut(r.author),
		FullName: cut(r.full), Vernacular: cut(r.vern), VernacularEN: cut(r.vern2),
		Kingdom: c.kingdom, Phylum: c.phylum, Class: c.class, Order: c.order, Family: c.family,
		Group1: c.group1, Group2: c.group2, Group3: c.group3, Habitat: t.short[r.habitat], StatusFR: t.short[r.status]}
	if n.FullName == "" {
		n.FullName = joinName(n.ScientificName, n.Author)
	}
	if r.parent >= 0 {
		n.Parent = t.rows[r.parent].cd
	}
	return n
}

func (t *Taxonomy) scientificName(i int32) string {
	r := &t.rows[i]
	return t.text[r.text>>chunkBits][r.text&(chunk-1):][:r.sci]
}

func (t *Taxonomy) vernacularOf(i int32) string {
	r := &t.rows[i]
	return t.text[r.text>>chunkBits][r.text&(chunk-1)+uint32(r.sci)+uint32(r.author)+uint32(r.full):][:r.vern]
}

// Parent returns the nearest ancestor that has a code.
func (t *Taxonomy) Parent(ref CdRef) (CdRef, bool) {
	i := t.index(CdNom(ref))
	if i < 0 || t.rows[t.rows[i].valid].parent < 0 {
		return 0, false
	}
	return t.rows[t.rows[t.rows[i].valid].parent].ref, true
}

// Lineage returns the name, its CD_REF, then the CD_REF of every ancestor from the nearest
// to the highest: what a rule about the name may be written for. Nil when the code is
// unknown. It is computed once per name.
func (t *Taxonomy) Lineage(cd CdNom) []CdNom {
	i, _ := t.find(cd)
	if i < 0 {
		return nil
	}
	if l := t.lineages[i].Load(); l != nil {
		return *l
	}
	r := &t.rows[i]
	l := []CdNom{r.cd}
	if CdNom(r.ref) != r.cd {
		l = append(l, CdNom(r.ref))
	}
	for p := t.rows[r.valid].parent; p >= 0; p = t.rows[p].parent {
		l = append(l, t.rows[p].cd)
	}
	l = slices.Clip(l)
	t.lineages[i].Store(&l)
	return l
}

// SpeciesOf returns the species a taxon counts for: itself for a species, the species above
// for a subspecies, variety or form; false above the species, and for an infraspecific
// taxon whose species is not known.
func (t *Taxonomy) SpeciesOf(ref CdRef) (CdRef, bool) {
	i := t.index(CdNom(ref))
	if i < 0 {
		return 0, false
	}
	for i = t.rows[i].valid; i >= 0; i = t.rows[i].parent {
		switch rank := t.ranks[t.rows[i].rank]; {
		case rank == Species:
			return t.rows[i].ref, true
		case !rank.Infraspecific():
			return 0, false
		}
	}
	return 0, false
}

// Children returns the taxa whose parent is ref, in order of code.
func (t *Taxonomy) Children(ref CdRef) []CdRef {
	i := t.index(CdNom(ref))
	if i < 0 {
		return nil
	}
	return t.children[t.childStart[i]:t.childStart[i+1]:t.childStart[i+1]]
}

// Synonyms returns the names of a taxon but the valid one, in order of code.
func (t *Taxonomy) Synonyms(ref CdRef) []CdNom {
	i := t.index(CdNom(ref))
	if i < 0 {
		return nil
	}
	return t.synonyms[t.synStart[i]:t.synStart[i+1]:t.synStart[i+1]]
}

// All returns every name, in no particular order.
func (t *Taxonomy) All() iter.Seq[Name] {
	return func(yield func(Name) bool) {
		for i := range t.rows {
			if !yield(t.name(int32(i))) {
				return
			}
		}
	}
}

// linkDown fills children and synonyms from parents and valid names.
func (t *Taxonomy) linkDown() {
	n := len(t.rows)
	t.childStart, t.synStart = make([]int32, n+1), make([]int32, n+1)
	for i := range t.rows {
		r := &t.rows[i]
		if r.valid != int32(i) {
			t.synStart[r.valid+1]++
		} else if r.parent >= 0 {
			t.childStart[r.parent+1]++
		}
	}
	for i := range n {
		t.childStart[i+1] += t.childStart[i]
		t.synStart[i+1] += t.synStart[i]
	}
	t.children, t.synonyms = make([]CdRef, t.childStart[n]), make([]CdNom, t.synStart[n])
	c, s := slices.Clone(t.childStart), slices.Clone(t.synStart)
	for i := range t.rows {
		r := &t.rows[i]
		if r.valid != int32(i) {
			t.synonyms[s[r.valid]] = r.cd
			s[r.valid]++
		} else if r.parent >= 0 {
			t.children[c[r.parent]] = r.ref
			c[r.parent]++
		}
	}
	for i := range n {
		slices.Sort(t.children[t.childStart[i]:t.childStart[i+1]])
		slices.Sort(t.synonyms[t.synStart[i]:t.synStart[i+1]])
	}
}

// checkCircles refuses parents that lead back to where they started: a lineage would miss
// the rules written for some of them.
func (t *Taxonomy) checkCircles() error {
	seen := make([]int32, len(t.rows)) // 0 new, otherwise the walk that reached it first
	for i := range t.rows {
		walk := int32(i) + 1
		for j := int32(i); j >= 0; j = t.rows[j].parent {
			if seen[j] == walk {
				return fault.Say(fault.Invalid, "taxon.circle", int(t.rows[j].cd))
			}
			if seen[j] != 0 {
				break
			}
			seen[j] = walk
		}
	}
	return nil
}
