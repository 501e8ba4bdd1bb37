package atlas

import (
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"

	"garrigue/internal/fault"
	"garrigue/internal/taxon"
)

// headTable holds the short form of every taxon, packed: its texts end to end in one string,
// numbers in 48 bytes without pointers. Kept as TaxonHead they take four times the memory,
// and the collector walks every string.
type headTable struct {
	rows  []head        // in order of CdRef
	cds   []taxon.CdRef // of rows
	terms []string      // ranks, groups and categories, each once
	text  string        // for each row: folded names, names, packed ten-day periods
}

// head is a taxon in memory, with what filters and orders need.
type head struct {
	n           int32
	lo, hi      int32 // numbers, in a walk of the tree, of the taxa below
	name        int32 // rank by French name
	sci         int32 // rank by scientific name
	at          uint32
	first, last int16
	rank, group uint16 // in terms
	list        uint16 // red list category, in terms
	listOf      uint16
	flags       headFlags
}

type headFlags uint8

// In the order of the query's columns.
const (
	isSpecies headFlags = 1 << iota
	isProtected
	isThreatened
	isSensitive
)

func (h *head) is(f headFlags) bool { return h.flags&f != 0 }

// packedText reads the texts of one taxon, in the order headPacker wrote them.
type packedText string

func (p *packedText) next() string {
	s := string(*p)
	n, i := int(s[0]), 1
	if n >= 0x80 {
		n &= 0x7f
		for shift := 7; ; shift += 7 {
			c := int(s[i])
			i++
			n |= c & 0x7f << shift
			if c < 0x80 {
				break
			}
		}
	}
	*p = packedText(s[i+n:])
	return s[i : i+n]
}

func (t *headTable) textOf(h *head) packedText { return packedText(t.text[h.at:]) }

// words are the folded names of a taxon, each after a newline.
func (t *headTable) words(h *head) string {
	p := t.textOf(h)
	return p.next()
}

// find finds a taxon.
func (t *headTable) find(cd taxon.CdRef) (int32, bool) {
	i, ok := slices.BinarySearch(t.cds, cd)
	return int32(i), ok
}

// head writes out the short form of a taxon. Its texts are parts of the table's.
func (t *headTable) head(i int32) TaxonHead {
	h := &t.rows[i]
	out := TaxonHead{CdRef: t.cds[i], Rank: taxon.Rank(t.terms[h.rank]), Group: t.terms[h.group], Observations: int(h.n),
		FirstYear: int(h.first), LastYear: int(h.last), RedList: t.terms[h.list], RedListOf: t.terms[h.listOf],
		Protected: h.is(isProtected), Threatened: h.is(isThreatened), Sensitive: h.is(isSensitive)}
	p := t.textOf(h)
	p.next() // words
	out.ScientificName, out.Author, out.Vernacular, out.VernacularEN = p.next(), p.next(), p.next(), p.next()
	unpackDays(&unpacker{b: []byte(p.next())}, &out.TenDays)
	return out
}

// headPacker fills a headTable.
type headPacker struct {
	t     headTable
	text  []byte
	known map[string]uint16
}

func (k *headPacker) term(s string) uint16 {
	i, ok := k.known[s]
	if !ok {
		i = uint16(len(k.t.terms)) // load refuses a file with more
		k.t.terms = append(k.t.terms, s)
		k.known[s] = i
	}
	return i
}

func (k *headPacker) put(texts ...string) {
	for _, s := range texts {
		k.text = append(binary.AppendUvarint(k.text, uint64(len(s))), s...)
	}
}

// add packs one row of the query of loadTaxa.
func (k *headPacker) add(s *sqlite.Stmt) {
	h := head{at: uint32(len(k.text)), n: int32(s.ColumnInt(9)), first: int16(s.ColumnInt(10)), last: int16(s.ColumnInt(11)),
		rank: k.term(s.ColumnText(2)), group: k.term(s.ColumnText(7)), list: k.term(s.ColumnText(12)), listOf: k.term(s.ColumnText(13))}
	for i, col := range [...]int{8, 14, 15, 16} {
		if s.ColumnBool(col) {
			h.flags |= isSpecies << i
		}
	}
	sci, fr := s.ColumnText(3), s.ColumnText(5)
	k.put("\n"+taxon.Fold(fr)+"\n"+taxon.Fold(sci), sci, s.ColumnText(4), fr, s.ColumnText(6))
	var days [36]int
	splitInts(s.ColumnText(17), days[:])
	var some [36]uint32
	for i, n := range days {
		some[i] = uint32(n)
	}
	k.put(string(packDays(nil, &some)))
	k.t.rows, k.t.cds = append(k.t.rows, h), append(k.t.cds, taxon.CdRef(s.ColumnInt(0)))
}

func (a *Atlas) loadTaxa(ctx context.Context) error {
	var parents []taxon.CdRef
	k := headPacker{known: map[string]uint16{}}
	err := a.query(ctx, `SELECT cd_ref, parent_cd_ref, taxon_rank, scientific_name, author, vernacular_name, vernacular_name_en,
		public_group, is_species, observations, first_year, last_year, red_list, red_list_type, protected, threatened,
		sensitive, ten_day_periods FROM taxon ORDER BY cd_ref`, func(s *sqlite.Stmt) error {
		k.add(s)
		parents = append(parents, taxon.CdRef(s.ColumnInt(1)))
		if len(k.t.terms) > math.MaxUint16 || len(k.text) > math.MaxInt32 {
			return fault.Say(fault.Invalid, "atlas.notours")
		}
		return nil
	})
	if err != nil {
		return err
	}
	// Copies: what grew by appending has a quarter to spare.
	k.t.rows, k.t.cds, k.t.text = slices.Clone(k.t.rows), slices.Clone(k.t.cds), string(k.text)
	a.taxa = k.t
	a.taxa.nest(parents)
	a.taxa.rankBy(func(h *TaxonHead) string { return h.Name() }, func(h *head, r int32) { h.name = r })
	a.taxa.rankBy(func(h *TaxonHead) string { return h.ScientificName }, func(h *head, r int32) { h.sci = r })
	return nil
}

// nest numbers the taxa in a walk of the tree, so that those below one are a range.
func (t *headTable) nest(parents []taxon.CdRef) {
	children := make([][]int32, len(t.rows))
	var roots []int32
	for i, cd := range parents {
		if p, ok := t.find(cd); ok {
			children[p] = append(children[p], int32(i))
		} else {
			roots = append(roots, int32(i))
		}
	}
	next := int32(0)
	var walk func(i int32, depth int)
	walk = func(i int32, depth int) {
		t.rows[i].lo = next
		next++
		for _, c := range children[i] {
			if depth < 200 {
				walk(c, depth+1)
			}
		}
		t.rows[i].hi = next
	}
	for _, r := range roots {
		walk(r, 0)
	}
}

// rankBy gives every head its place in the order of a folded name.
func (t *headTable) rankBy(name func(*TaxonHead) string, set func(*head, int32)) {
	keys := make([]string, len(t.rows))
	for i := range t.rows {
		h := t.head(int32(i))
		keys[i] = taxon.Fold(name(&h))
	}
	for r, i := range ordered(len(keys), func(a, b int) int { return cmp.Or(strings.Compare(keys[a], keys[b]), cmp.Compare(a, b)) }) {
		set(&t.rows[i], int32(r))
	}
}

func splitInts(s string, out []int) {
	k := 0
	for i := 0; i < len(s) && k < len(out); i++ {
		if s[i] == ',' {
			k++
			continue
		}
		out[k] = out[k]*10 + int(s[i]-'0')
	}
}
