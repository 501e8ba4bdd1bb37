package atlas

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sort"
	"strings"

	"zombiezen.com/go/sqlite"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

// searchIndex finds names by the beginnings of their words. It lives in memory: a prefix of
// one letter meets a tenth of the names, which a full-text index in the file answers in tens
// of milliseconds and a sorted array of words in a fraction of one.
//
// Names are kept end to end in one string and known by where they begin: no pointer for each.
type searchIndex struct {
	text  string      // for each name: as written, then folded
	names []nameEntry // and one more, where the text ends
	words []wordRef   // in order of what follows each word's beginning
	vocab []span      // the distinct words, in order, and one more where words end
}

// span is a distinct word: where the names that have it begin, in words, and its length.
type span struct {
	lo   int32
	size int32
}

// nameEntry is one name of a taxon (owner ≥ 0, a head) or of an area (-1 - its number).
type nameEntry struct {
	at, folded uint32 // where it begins, as written and folded
	owner      int32
}

// wordRef is the beginning of a word in a folded name.
type wordRef struct {
	name int32
	at   uint16
}

func (x *searchIndex) written(name int32) string {
	return x.text[x.names[name].at:x.names[name].folded]
}

func (x *searchIndex) folded(name int32) string {
	return x.text[x.names[name].folded:x.names[name+1].at]
}

func (x *searchIndex) tail(w wordRef) string { return x.folded(w.name)[w.at:] }

func (a *Atlas) loadSearch(ctx context.Context) error {
	x := &searchIndex{}
	var text []byte
	add := func(written, folded string, owner int32) {
		at := uint32(len(text))
		text = append(append(text, written...), folded...)
		x.names = append(x.names, nameEntry{at: at, folded: at + uint32(len(written)), owner: owner})
	}
	err := a.query(ctx, "SELECT cd_ref, name, folded FROM taxon_name ORDER BY id", func(s *sqlite.Stmt) error {
		if i, ok := a.taxa.find(taxon.CdRef(s.ColumnInt(0))); ok {
			add(s.ColumnText(1), s.ColumnText(2), i)
		}
		if len(text) > math.MaxInt32 {
			return fault.Say(fault.Invalid, "atlas.notours")
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, kind := range []geo.Kind{geo.Commune, geo.Department, geo.Region} {
		for _, i := range a.byKind[kind] {
			add(a.areas[i].Name, a.areas[i].folded, -1-i)
		}
	}
	x.names = slices.Clone(append(x.names, nameEntry{at: uint32(len(text))}))
	x.text = string(text)
	x.split()
	a.index = x
	return nil
}

// split finds and sorts the words of the names.
func (x *searchIndex) split() {
	for i := range int32(len(x.names) - 1) {
		f := x.folded(i)
		for at := 0; at < len(f) && at < 1<<16; {
			x.words = append(x.words, wordRef{i, uint16(at)})
			next := strings.IndexByte(f[at:], ' ')
			if next < 0 {
				break
			}
			at += next + 1
		}
	}
	x.words = slices.Clone(x.words)
	slices.SortFunc(x.words, func(p, q wordRef) int {
		if c := strings.Compare(x.tail(p), x.tail(q)); c != 0 {
			return c
		}
		return cmp.Compare(p.name, q.name)
	})
	last := ""
	for i := range x.words {
		word, _, _ := strings.Cut(x.tail(x.words[i]), " ")
		if i == 0 || word != last {
			x.vocab = append(x.vocab, span{int32(i), int32(len(word))})
			last = word
		}
	}
	x.vocab = slices.Clone(append(x.vocab, span{lo: int32(len(x.words))}))
}

// match is how well a name answers: lower is better.
const (
	exactName   = iota // the whole name
	nameStart          // its beginning
	wordStart          // the beginning of a later word
	severalWord        // every word typed begins one of its words
	nearName           // with a letter wrong
)

type match struct {
	name  int32
	class uint8
	n     int
}

// Search returns suggestions for what was typed, best first: whole names, then beginnings
// of names, then of words; in each, what has most observations. A taxon or area appears
// once, by its best name. When nothing begins so, one letter may be wrong.
func (a *Atlas) Search(ctx context.Context, q string, limit int) ([]Hit, error) {
	q = taxon.Fold(q)
	if len(q) > 100 {
		q = q[:100]
	}
	if q == "" || limit <= 0 {
		return []Hit{}, nil
	}
	best := a.matches(q, limit)
	if len(best) == 0 && len(q) >= 4 {
		best = a.nearMatches(q, limit)
	}
	out := make([]Hit, 0, len(best))
	for _, m := range best {
		out = append(out, a.hit(m))
	}
	return out, nil
}

func (a *Atlas) hit(m match) Hit {
	owner, matched := a.index.names[m.name].owner, a.index.written(m.name)
	if owner >= 0 {
		h := a.taxa.head(owner)
		return Hit{Kind: "taxon", Taxon: &h, Matched: matched, N: h.Observations}
	}
	own := &a.areas[-1-owner]
	hit := Hit{Kind: own.Area.Kind().String(), Area: own.Area, AreaName: own.Name, Matched: matched, N: own.N}
	if p, ok := a.areaOf[own.parent]; ok {
		hit.Parent = a.areas[p].Name
	}
	return hit
}

// matches finds names of which some word begins with the longest word typed and that have
// the others too.
func (a *Atlas) matches(q string, limit int) []match {
	x := a.index
	words := strings.Fields(q)
	// The text as a whole first; else its longest word, which is the most selective.
	var c collector
	c.init(a, limit)
	for _, w := range x.from(q) {
		class := uint8(wordStart)
		if w.at == 0 {
			class = nameStart
			if len(x.folded(w.name)) == len(q) {
				class = exactName
			}
		}
		c.add(w.name, class)
	}
	if len(words) > 1 && len(c.best) < limit {
		key := slices.MaxFunc(words, func(p, q string) int { return cmp.Compare(len(p), len(q)) })
		for _, w := range x.from(key) {
			if x.hasAll(w.name, words) {
				c.add(w.name, severalWord)
			}
		}
	}
	return c.result()
}

// from returns the words that begin with a prefix.
func (x *searchIndex) from(prefix string) []wordRef {
	lo := sort.Search(len(x.words), func(i int) bool { return x.tail(x.words[i]) >= prefix })
	hi := lo + sort.Search(len(x.words)-lo, func(i int) bool { return !strings.HasPrefix(x.tail(x.words[lo+i]), prefix) })
	return x.words[lo:hi]
}

// hasAll reports whether each word typed begins some word of the name.
func (x *searchIndex) hasAll(name int32, words []string) bool {
	f := x.folded(name)
	for _, w := range words {
		if !strings.HasPrefix(f, w) && !strings.Contains(f, " "+w) {
			return false
		}
	}
	return true
}

// collector keeps the best matches, one for each taxon or area.
type collector struct {
	a     *Atlas
	limit int
	best  []match
}

func (c *collector) init(a *Atlas, limit int) { c.a, c.limit = a, max(limit, 1) }

// order puts the better match first.
func (c *collector) order(p, q match) int {
	if p.class != q.class {
		return int(p.class) - int(q.class)
	}
	if p.n != q.n {
		return q.n - p.n
	}
	return int(p.name) - int(q.name)
}

func (c *collector) add(name int32, class uint8) {
	names := c.a.index.names
	owner := names[name].owner
	m := match{name: name, class: class}
	if owner >= 0 {
		m.n = int(c.a.taxa.rows[owner].n)
	} else {
		m.n = c.a.areas[-1-owner].N
	}
	if len(c.best) == c.limit && c.order(c.best[len(c.best)-1], m) <= 0 {
		return
	}
	for i, o := range c.best {
		if names[o.name].owner == owner {
			if c.order(o, m) <= 0 {
				return
			}
			c.best = slices.Delete(c.best, i, i+1)
			break
		}
	}
	k, _ := slices.BinarySearchFunc(c.best, m, c.order)
	c.best = slices.Insert(c.best, k, m)
	c.best = c.best[:min(len(c.best), c.limit)]
}

func (c *collector) result() []match { return c.best }

// nearMatches allows one letter to be wrong, missing, added or swapped with the next in one
// of the words typed.
func (a *Atlas) nearMatches(q string, limit int) []match {
	x := a.index
	words := strings.Fields(q)
	var c collector
	c.init(a, limit)
	key := slices.MaxFunc(words, func(p, q string) int { return cmp.Compare(len(p), len(q)) })
	if len(key) < 4 {
		return nil
	}
	others := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == key })
	for i, v := range x.vocab[:len(x.vocab)-1] {
		if !nearPrefix(key, x.tail(x.words[v.lo])[:v.size]) {
			continue
		}
		for _, w := range x.words[v.lo:x.vocab[i+1].lo] {
			if x.hasAll(w.name, others) {
				c.add(w.name, nearName)
			}
		}
	}
	return c.result()
}

// nearPrefix reports whether some beginning of word is within one edit of key.
func nearPrefix(key, word string) bool {
	i := 0
	for i < len(key) && i < len(word) && key[i] == word[i] {
		i++
	}
	if i == len(key) {
		return true
	}
	k, w := key[i:], word[i:]
	if len(k) == 1 { // the last letter typed is wrong
		return true
	}
	return strings.HasPrefix(w, k[1:]) || // one too many typed
		len(w) > 0 && strings.HasPrefix(w[1:], k) || // one forgotten
		len(w) > 0 && strings.HasPrefix(w[1:], k[1:]) || // one wrong
		len(w) > 1 && w[0] == k[1] && w[1] == k[0] && strings.HasPrefix(w[2:], k[2:]) // two swapped
}
