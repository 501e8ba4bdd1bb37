package publish

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"math/bits"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// needles is what is searched for, each kind by what tells it best from the rest of a file: words
// by their first eight bytes, identifiers by their middle, which has the version of UUIDs, pairs
// of coordinates by the exponent of the first. What may begin at a place is then looked up whole,
// so that thousands of comments that begin alike cost no more than one. The zero value is no use.
type needles struct {
	words    []span // of texts, which holds no pointers: there may be a million
	texts    []byte
	whole    table  // marks of words
	heads    []head // the first eight bytes of words
	begins   table  // marks of heads
	ids      []identifier
	shapes   table // what identifiers are as text
	raws     table // what they are as bytes
	places   [][2]float64
	pairs    table        // coordinates as they are stored
	numerals table        // as text, in ten-thousandths of a degree or in metres
	recent   []string     // texts: most people and places come over and over
	seed     maphash.Seed // of recent
	quick    *sieve       // nil: something was added since it was made
	public   func(lon, lat float64) bool
}

// word is a text that may not be told.
type word struct {
	text  string
	trace uint8
}

// span is a word of needles.texts.
type span struct {
	at    uint32
	n     uint8
	trace uint8
}

// head is eight bytes that words begin with, and their lengths: bit 0 for windowBytes.
type head struct {
	key     uint64
	lengths uint32
}

// identifier is a UUID. Of one that is known as text only shapeBytes count.
type identifier struct {
	bytes [16]byte
	trace uint8 // as text
	raw   bool  // searched for as bytes besides
}

// shapeBytes is how much of an identifier the first wordBytes of its text tell.
const shapeBytes = 14

func (n *needles) bytesOf(v uint32) []byte {
	w := n.words[v]
	return n.texts[w.at : w.at+uint32(w.n)]
}

// recentTexts is how many texts are remembered; what comes again later is looked up.
const recentTexts = 1 << 12

func newNeedles() *needles {
	return &needles{whole: newTable(), begins: newTable(), shapes: newTable(), raws: newTable(), pairs: newTable(), numerals: newTable(),
		recent: make([]string, recentTexts), seed: maphash.MakeSeed(), public: func(float64, float64) bool { return false }}
}

// size is how many things are looked up, each about thirty bytes.
func (n *needles) size() int {
	return n.whole.n + n.begins.n + n.shapes.n + n.raws.n + n.pairs.n + n.numerals.n
}

const golden = 0x9e3779b97f4a7c15

// table leads from marks to numbers; several may have one mark, and a number may be found by a
// mark that resembles its own: who asks compares.
type table struct {
	slots []uint64 // half of the mark, and the number plus one; 0: none
	shift int
	n     int
}

func newTable() table { return table{slots: make([]uint64, 1<<8), shift: 32 - 8} }

func (t *table) put(mark uint64, v uint32) {
	if 4*t.n >= 3*len(t.slots) {
		old := t.slots
		t.slots, t.shift = make([]uint64, 2*len(old)), t.shift-1
		for _, s := range old {
			if s != 0 {
				t.place(s)
			}
		}
	}
	t.place(mark*golden>>32<<32 | uint64(v+1))
	t.n++
}

func (t *table) place(s uint64) {
	i := s >> 32 >> t.shift
	for t.slots[i] != 0 {
		i = (i + 1) & uint64(len(t.slots)-1)
	}
	t.slots[i] = s
}

// find returns the first number of a mark that is the one.
func (t *table) find(mark uint64, is func(v uint32) bool) (v uint32, ok bool) {
	h := mark * golden >> 32
	for i := h >> t.shift; t.slots[i] != 0; i = (i + 1) & uint64(len(t.slots)-1) {
		if s := t.slots[i]; s>>32 == h && is(uint32(s)-1) {
			return uint32(s) - 1, true
		}
	}
	return 0, false
}

// place adds a pair of coordinates, as degrees or as metres.
func (n *needles) place(a, b float64, metres bool) {
	if a == 0 && b == 0 || math.IsNaN(a+b) {
		return
	}
	x, y := math.Float64bits(a), math.Float64bits(b)
	pair := mark(x, y, 3)
	if _, known := n.pairs.find(pair, func(v uint32) bool { return n.is(v, x, y) }); known {
		return
	}
	n.quick = nil
	i := uint32(len(n.places))
	n.places = append(n.places, [2]float64{a, b})
	n.pairs.put(pair, i)
	if metres {
		n.numerals.put(metresKey(int(math.Floor(a)), int(math.Floor(b))), i)
	} else {
		n.numerals.put(degreesKey(quantum(a), quantum(b)), i)
	}
}

// is reports whether a place is that of two coordinates, to the bit.
func (n *needles) is(v uint32, x, y uint64) bool {
	p := n.places[v]
	return math.Float64bits(p[0]) == x && math.Float64bits(p[1]) == y
}

func quantum(degrees float64) int { return int(math.Floor(degrees * 1e4)) }

func degreesKey(a, b int) uint64 { return mark(uint64(a), uint64(b), 1) }
func metresKey(x, y int) uint64  { return mark(uint64(x), uint64(y), 2) }

// identifier adds what an identifier is as text, with hyphens or spaces, in capitals or not; of
// its bytes, shapeBytes count. It returns its number.
func (n *needles) identifier(id [16]byte, trace uint8) uint32 {
	key := shapeKey(&id)
	v, known := n.shapes.find(key, func(v uint32) bool { return sameShape(&n.ids[v].bytes, &id) })
	if !known {
		n.quick = nil
		v = uint32(len(n.ids))
		n.ids = append(n.ids, identifier{bytes: id, trace: trace})
		n.shapes.put(key, v)
	}
	return v
}

// raw adds an identifier, as text and as bytes.
func (n *needles) raw(id [16]byte) {
	v := n.identifier(id, traceID)
	if binary.LittleEndian.Uint64(id[:]) == 0 {
		return // empty pages begin everything with zeros
	}
	key := rawKey(&id)
	if _, known := n.raws.find(key, func(v uint32) bool { return n.ids[v].bytes == id }); known {
		return
	}
	n.quick = nil
	if n.ids[v].raw { // another one, of the same text as far as it is compared
		v = uint32(len(n.ids))
		n.ids = append(n.ids, identifier{trace: traceID})
	}
	n.ids[v].bytes, n.ids[v].raw = id, true
	n.raws.put(key, v)
}

func shapeKey(id *[16]byte) uint64 {
	return mark(binary.LittleEndian.Uint64(id[:]), binary.LittleEndian.Uint64(id[shapeBytes-8:]), 4)
}

func sameShape(a, b *[16]byte) bool { return [shapeBytes]byte(a[:]) == [shapeBytes]byte(b[:]) }

func rawKey(id *[16]byte) uint64 {
	return mark(binary.LittleEndian.Uint64(id[:]), binary.LittleEndian.Uint64(id[8:]), 5)
}

// shaped reads what a text begins with as the beginning of a UUID, wordBytes long: hyphens, or
// the spaces that search has for them. The last two bytes of id are 0.
func shaped[T string | []byte](t T) (id [16]byte, ok bool) {
	if len(t) < wordBytes || t[8] != '-' && t[8] != ' ' || t[13] != t[8] || t[18] != t[8] || t[23] != t[8] {
		return id, false
	}
	i := 0
	for k := range id[:shapeBytes] {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			i++
		}
		high, low := digit(t[i]), digit(t[i+1])
		if high|low > 15 {
			return id, false
		}
		id[k] = high<<4 | low
		i += 2
	}
	return id, true
}

// digit is the value of a hexadecimal digit, 255 for what is none.
func digit(c byte) byte {
	if d := c - '0'; d <= 9 {
		return d
	}
	if d := c | ' ' - 'a'; d <= 5 {
		return d + 10
	}
	return 255
}

// text adds what may be told of a text: its longest beginning that is written alike everywhere,
// as it is and as search has it.
func (n *needles) text(s string, trace uint8) {
	if s == "" {
		return
	}
	if id, ok := shaped(s); ok { // so are its beginning, and that of what search has
		n.identifier(id, trace)
		return
	}
	if trace != traceKey { // keys do not come again
		slot := &n.recent[maphash.String(n.seed, s)%recentTexts]
		if *slot == s {
			return
		}
		*slot = s
	}
	for _, t := range [...]string{s, taxon.Fold(s)} {
		for len(t) > 0 {
			end := strings.IndexFunc(t, func(r rune) bool { return r < ' ' || strings.ContainsRune(`"\<>&`, r) || r == utf8.RuneError })
			run := t
			if end >= 0 {
				run = t[:end]
			}
			if run = strings.TrimSpace(run); len(run) >= windowBytes {
				n.word(run[:min(len(run), wordBytes)], trace)
				break
			}
			if end < 0 {
				break
			}
			_, size := utf8.DecodeRuneInString(t[end:])
			t = t[end+size:]
		}
	}
}

// word adds a text, unless it is a number or a date, which are everywhere.
func (n *needles) word(t string, trace uint8) {
	if len(t) < windowBytes || len(t) < 12 && strings.Trim(t, "0123456789-/:.,+ ") == "" {
		return
	}
	if id, ok := shaped(t); ok {
		n.identifier(id, trace)
		return
	}
	key := wordKey(t)
	if _, known := n.whole.find(key, func(v uint32) bool { return string(n.bytesOf(v)) == t }); known {
		return
	}
	n.quick = nil
	i := uint32(len(n.words))
	n.words = append(n.words, span{uint32(len(n.texts)), uint8(len(t)), trace})
	n.texts = append(n.texts, t...)
	n.whole.put(key, i)
	first := binary.LittleEndian.Uint64(n.texts[len(n.texts)-len(t):])
	h, known := n.begins.find(first, func(v uint32) bool { return n.heads[v].key == first })
	if !known {
		h = uint32(len(n.heads))
		n.heads = append(n.heads, head{key: first})
		n.begins.put(first, h)
	}
	n.heads[h].lengths |= 1 << (len(t) - windowBytes)
}

// wordKey hashes a word (FNV-1a), as scanner.words does byte after byte.
func wordKey(t string) uint64 {
	h := uint64(wordSeed)
	for i := range len(t) {
		h = (h ^ uint64(t[i])) * wordPrime
	}
	return h
}

const (
	wordSeed  = 0xcbf29ce484222325
	wordPrime = 0x100000001b3
)

// add adds what an observation leaves.
func (n *needles) add(t *vault.Trace) {
	if t.Located {
		n.place(t.Lon, t.Lat, false)
		b := t.Box
		for _, c := range [...][2]float64{{b.MinX, b.MinY}, {b.MaxX, b.MaxY}} {
			// A corner of the national mesh is public.
			if math.Mod(c[0], 1000) != 0 || math.Mod(c[1], 1000) != 0 {
				n.place(c[0], c[1], true)
			}
			if b.MinX == b.MaxX && b.MinY == b.MaxY {
				break
			}
		}
		if lon, lat, ok := firstVertex(t.Shape); ok && (lon != t.Lon || lat != t.Lat) {
			n.place(lon, lat, false)
		}
	}
	n.text(t.PlaceName, traceName)
	n.text(t.Comment, traceComment)
	n.people(t.Observers)
	if t.Determiner != t.Observers {
		n.people(t.Determiner)
	}
	n.text(t.SourceKey, traceKey)
	if id, err := uuid.Parse(t.IDSinp); err == nil && id != uuid.Nil {
		n.raw(id)
	}
}

func (n *needles) people(all string) {
	n.text(all, tracePeople)
	if strings.ContainsAny(all, ",;") {
		for _, p := range strings.FieldsFunc(all, func(r rune) bool { return r == ',' || r == ';' }) {
			n.text(strings.TrimSpace(p), tracePeople)
		}
	} else if p := strings.TrimSpace(all); p != all {
		n.text(p, tracePeople)
	}
}

// sieve says quickly of nearly every place of a file that nothing begins there.
type sieve struct {
	words    filter   // first eight bytes
	ids      filter   // eight bytes from idMiddle
	kinds    uint64   // versions and variants of identifiers
	xs       filter   // first coordinates
	first    bitmap16 // signs and exponents of them
	second   bitmap16 // of second ones
	exponent bitmap16 // first, in either order of bytes
	zeros    bool     // nothing has three zeros where it is looked for
}

// idMiddle is where an identifier is looked for: the byte of the version. The next but one has the
// variant.
const idMiddle = 6

// kindOf is the version and the variant of the identifier whose middle eight bytes are, the first
// lowest.
func kindOf(middle uint64) uint64 { return middle>>4&0x0f | middle>>18&0x30 }

// exponentAt is where a coordinate stored little-endian has its sign and exponent, and is looked
// for.
const exponentAt = 6

// ready makes the sieve of what was added.
func (n *needles) ready() *sieve {
	if n.quick != nil {
		return n.quick
	}
	// Every window is asked of the words, few of the others; the caches of the processor are small.
	q := &sieve{words: newFilter(12 * len(n.heads)), ids: newFilter(12 * n.raws.n), xs: newFilter(12 * len(n.places))}
	q.zeros = true
	for _, h := range n.heads {
		q.words.add(h.key)
		q.zeros = q.zeros && h.key<<40 != 0
	}
	for i := range n.ids {
		if id := &n.ids[i]; id.raw {
			middle := binary.LittleEndian.Uint64(id.bytes[idMiddle:])
			q.ids.add(middle)
			q.kinds |= 1 << kindOf(middle)
		}
	}
	for _, p := range n.places {
		x := math.Float64bits(p[0])
		if x == 0 {
			continue // empty pages begin everything with zeros
		}
		q.xs.add(x)
		e := uint16(x >> 48)
		q.first.set(e)
		q.exponent.set(e)
		q.exponent.set(bits.ReverseBytes16(e))
		q.second.set(uint16(math.Float64bits(p[1]) >> 48))
	}
	q.zeros = q.zeros && q.kinds&1 == 0 && !q.exponent.has(0)
	n.quick = q
	return q
}

// filter is a bitmap: two bits of one word for each key.
type filter struct {
	words []uint64
	shift int
}

// newFilter makes a filter of some bits or more, the next power of two.
func newFilter(size int) filter {
	n := max(bits.Len(uint(size)), 12) - 6
	return filter{make([]uint64, 1<<n), 64 - n}
}

func (f *filter) add(key uint64) {
	h := key * golden
	f.words[h>>(f.shift&63)] |= filterBits(h)
}

// has reports whether a key was added, or by chance.
func (f *filter) has(key uint64) bool {
	h := key * golden
	all := filterBits(h)
	return f.words[h>>(f.shift&63)]&all == all
}

func filterBits(h uint64) uint64 { return 1<<(h>>36&63) | 1<<(h>>30&63) }

// bitmap16 is a set of two bytes.
type bitmap16 [1 << 16 / 64]uint64

func (m *bitmap16) set(v uint16)       { m[v>>6] |= 1 << (v & 63) }
func (m *bitmap16) at(v uint16) uint64 { return m[v>>6] >> (v & 63) } // the lowest bit is the one
func (m *bitmap16) has(v uint16) bool  { return m.at(v)&1 != 0 }

// firstVertex reads the first vertex of a WKB geometry.
func firstVertex(b []byte) (lon, lat float64, ok bool) {
	for len(b) >= 21 {
		var order binary.ByteOrder = binary.LittleEndian
		if b[0] == 0 {
			order = binary.BigEndian
		}
		skip := map[uint32]int{1: 5, 2: 9, 3: 13}[order.Uint32(b[1:])&0xff]
		if skip == 0 { // several: the first one follows
			b = b[9:]
			continue
		}
		if len(b) < skip+16 {
			return 0, 0, false
		}
		return math.Float64frombits(order.Uint64(b[skip:])), math.Float64frombits(order.Uint64(b[skip+8:])), true
	}
	return 0, 0, false
}
