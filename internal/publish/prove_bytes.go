package publish

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"math/bits"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/paulmach/orb"

	"garrigue/internal/atlas"
	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// The search looks for what blurred and withheld observations have that is nowhere public, in
// every byte of a file: coordinates as they are stored (eight bytes, either order) and as text,
// in degrees and in metres; place names, comments, people, keys and identifiers. A window of
// eight bytes runs over the file, and a bitmap says of nearly all of them that nothing begins
// there.

// What is searched for; the names of leaks.
const (
	tracePlace = iota
	traceName
	traceComment
	tracePeople
	traceKey
	traceID
)

var traceNames = [...]string{"bytes.place", "bytes.name", "bytes.comment", "bytes.people", "bytes.key", "bytes.id"}

const (
	windowBytes = 8
	wordBytes   = 32 // of a text that are compared
	nearBytes   = 64 // between the two coordinates of a place
	chunkBytes  = 4 << 20
	marginBytes = 256
	// needlesAtOnce is how many heads and wholes are searched for in one reading of the files.
	needlesAtOnce = 4 << 20
)

// needles is what is searched for. A window that begins something is in heads; what begins there
// is then looked up whole, so that thousands of comments that begin alike cost no more than one.
type needles struct {
	filter []uint64 // two bits of one word for each head
	heads  table    // the first eight bytes, to a number of masks
	masks  []uint32 // what a head may begin: words by their length, places
	whole  table    // marks of whole things: words, pairs of coordinates
	places [][2]float64
	words  []span // of texts, which holds no pointers: there may be a million
	texts  []byte
	seen   map[string]bool // texts: most people and places come over and over
	public func(lon, lat float64) bool
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

func (n *needles) bytesOf(v uint32) []byte {
	w := n.words[v]
	return n.texts[w.at : w.at+uint32(w.n)]
}

// Bits of a mask above those of lengths, which are counted from windowBytes.
const (
	littlePlace = 1 << (30 + iota) // coordinates, little-endian
	bigPlace
)

// filterBits makes a bitmap of 2 MB, which the processor keeps near. Both bits of a head are in
// one word: of a million heads, one window in a hundred passes by chance.
const filterBits = 24

// filterAt is the word and the bits of a head.
func filterAt(key uint64) (word int, both uint64) {
	h := key * golden
	return int(h >> (64 - filterBits + 6)), 1<<(h>>34&63) | 1<<(h>>28&63)
}

func newNeedles() *needles {
	return &needles{filter: make([]uint64, 1<<filterBits/64), heads: newTable(), whole: newTable(), seen: map[string]bool{},
		public: func(float64, float64) bool { return false }}
}

func (n *needles) size() int { return n.heads.n + n.whole.n }

// head says that something begins with eight bytes.
func (n *needles) head(key uint64, mask uint32) {
	if key == 0 {
		return // empty pages begin everything with zeros
	}
	i, ok := n.heads.get(key)
	if !ok {
		i = uint32(len(n.masks))
		n.masks = append(n.masks, 0)
		n.heads.put(key, i)
		at, both := filterAt(key)
		n.filter[at] |= both
	}
	n.masks[i] |= mask
}

const golden = 0x9e3779b97f4a7c15

// table leads from numbers to numbers; several may have one key.
type table struct {
	keys  []uint64 // 0: none
	vals  []uint32
	shift int
	n     int
}

func newTable() table {
	return table{keys: make([]uint64, 1<<12), vals: make([]uint32, 1<<12), shift: 64 - 12}
}

func (t *table) put(key uint64, v uint32) {
	if 2*t.n >= len(t.keys) {
		old := *t
		*t = table{keys: make([]uint64, 2*len(old.keys)), vals: make([]uint32, 2*len(old.keys)), shift: old.shift - 1, n: old.n}
		for i, k := range old.keys {
			if k != 0 {
				t.place(k, old.vals[i])
			}
		}
	}
	t.place(key, v)
	t.n++
}

func (t *table) place(key uint64, v uint32) {
	i := key * golden >> t.shift
	for t.keys[i] != 0 {
		i = (i + 1) & uint64(len(t.keys)-1)
	}
	t.keys[i], t.vals[i] = key, v
}

// get returns the first number of a key.
func (t *table) get(key uint64) (v uint32, ok bool) {
	for i := key * golden >> t.shift; t.keys[i] != 0; i = (i + 1) & uint64(len(t.keys)-1) {
		if t.keys[i] == key {
			return t.vals[i], true
		}
	}
	return 0, false
}

// each calls f with the numbers of a key.
func (t *table) each(key uint64, f func(v uint32)) {
	for i := key * golden >> t.shift; t.keys[i] != 0; i = (i + 1) & uint64(len(t.keys)-1) {
		if t.keys[i] == key {
			f(t.vals[i])
		}
	}
}

// place adds a pair of coordinates, as degrees or as metres.
func (n *needles) place(a, b float64, metres bool) {
	if a == 0 && b == 0 || math.IsNaN(a+b) {
		return
	}
	x, y := math.Float64bits(a), math.Float64bits(b)
	pair := pairKey(x, y)
	if _, known := n.whole.get(pair); known {
		return
	}
	i := uint32(len(n.places))
	n.places = append(n.places, [2]float64{a, b})
	n.whole.put(pair, i)
	n.head(x, littlePlace)
	n.head(bits.ReverseBytes64(x), bigPlace)
	if metres {
		n.whole.put(metresKey(int(math.Floor(a)), int(math.Floor(b))), i)
	} else {
		n.whole.put(degreesKey(quantum(a), quantum(b)), i)
	}
}

func pairKey(x, y uint64) uint64 { return mark(x, y, 3) | 1 }

func quantum(degrees float64) int { return int(math.Floor(degrees * 1e4)) }

func degreesKey(a, b int) uint64 { return mark(uint64(a), uint64(b), 1) | 1 }
func metresKey(x, y int) uint64  { return mark(uint64(x), uint64(y), 2) | 1 }

// text adds what may be told of a text: its longest beginning that is written alike everywhere,
// as it is and as search has it.
func (n *needles) text(s string, trace uint8) {
	if s == "" || n.seen[s] {
		return
	}
	n.seen[strings.Clone(s)] = true
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
	key, known := wordKey([]byte(t)), false
	n.whole.each(key, func(v uint32) { known = known || int(v) < len(n.words) && string(n.bytesOf(v)) == t })
	if known {
		return
	}
	i := uint32(len(n.words))
	n.words = append(n.words, span{uint32(len(n.texts)), uint8(len(t)), trace})
	n.texts = append(n.texts, t...)
	n.head(binary.LittleEndian.Uint64([]byte(t)), 1<<(len(t)-windowBytes))
	n.whole.put(key, i)
}

// wordKey hashes a word (FNV-1a), as begins does byte after byte.
func wordKey(b []byte) uint64 {
	h := uint64(wordSeed)
	for _, c := range b {
		h = (h ^ uint64(c)) * wordPrime
	}
	return h | 1
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
	for _, people := range [...]string{t.Observers, t.Determiner} {
		n.text(people, tracePeople)
		for _, p := range strings.FieldsFunc(people, func(r rune) bool { return r == ',' || r == ';' }) {
			n.text(strings.TrimSpace(p), tracePeople)
		}
	}
	n.text(t.SourceKey, traceKey)
	if id, err := uuid.Parse(t.IDSinp); err == nil && id != uuid.Nil {
		t := id.String()[:wordBytes]
		n.word(t, traceID)
		n.word(strings.ToUpper(t), traceID)
		n.word(string(id[:]), traceID)
	}
}

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

// scanFile searches a file, on every processor.
func (n *needles) scanFile(ctx context.Context, path string, hit func(finding)) (size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size = st.Size()
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed error
	next := int64(0)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			buf := make([]byte, chunkBytes+2*marginBytes)
			for {
				mu.Lock()
				at := next
				next += chunkBytes
				stop := failed != nil || at >= size || ctx.Err() != nil
				mu.Unlock()
				if stop {
					return
				}
				from := max(at-marginBytes, 0)
				got, err := f.ReadAt(buf[:min(at+chunkBytes+marginBytes, size)-from], from)
				if err != nil && err != io.EOF {
					mu.Lock()
					failed = err
					mu.Unlock()
					return
				}
				n.scan(buf[:got], int(at-from), int(at-from)+chunkBytes, func(found finding) {
					mu.Lock()
					hit(found)
					mu.Unlock()
				})
			}
		})
	}
	wg.Wait()
	if failed == nil {
		failed = ctx.Err()
	}
	return size, failed
}

// finding is a word found, or a place when it has no text.
type finding word

// scan searches what begins between two places of a text.
func (n *needles) scan(b []byte, from, to int, hit func(finding)) {
	filter := n.filter
	numbers := numbers{n: n, b: b, hit: hit}
	for i := max(from-nearBytes, 0); i < from; i++ { // a number may have begun before
		if b[i]-'0' <= 9 {
			i = numbers.at(i)
		}
	}
	i := from
	for end := min(to, len(b)-windowBytes+1); i < end; i++ {
		w := binary.LittleEndian.Uint64(b[i:])
		if at, both := filterAt(w); filter[at]&both == both && w != 0 {
			if m, ok := n.heads.get(w); ok {
				n.begins(b, i, w, n.masks[m], hit)
			}
		}
		if byte(w)-'0' <= 9 && i >= numbers.past {
			numbers.at(i)
		}
	}
	for ; i < min(to, len(b)); i++ {
		if b[i]-'0' <= 9 && i >= numbers.past {
			numbers.at(i)
		}
	}
}

// begins looks up what may begin at a place of a text.
func (n *needles) begins(b []byte, i int, w uint64, mask uint32, hit func(finding)) {
	if mask&(littlePlace|bigPlace) != 0 {
		for j := max(i-nearBytes, 0); j <= min(i+nearBytes, len(b)-windowBytes); j++ {
			y := binary.LittleEndian.Uint64(b[j:])
			if mask&littlePlace != 0 {
				n.pair(w, y, hit)
			}
			if mask&bigPlace != 0 {
				n.pair(bits.ReverseBytes64(w), bits.ReverseBytes64(y), hit)
			}
		}
	}
	h := uint64(wordSeed)
	for k := 0; k < wordBytes && i+k < len(b); k++ {
		h = (h ^ uint64(b[i+k])) * wordPrime
		if k+1 >= windowBytes && mask>>(k+1-windowBytes)&1 == 1 {
			n.whole.each(h|1, func(v uint32) {
				if int(v) < len(n.words) && bytes.Equal(n.bytesOf(v), b[i:i+k+1]) && !named(b, i+k+1) {
					hit(finding{string(b[i : i+k+1]), n.words[v].trace})
				}
			})
		}
	}
}

func (n *needles) pair(x, y uint64, hit func(finding)) {
	if i, ok := n.whole.get(pairKey(x, y)); ok && int(i) < len(n.places) {
		if p := n.places[i]; math.Float64bits(p[0]) == x && math.Float64bits(p[1]) == y && !n.public(p[0], p[1]) {
			hit(finding{trace: tracePlace})
		}
	}
}

// named reports whether a word found is the name of a value of JSON, which is ours.
func named(b []byte, after int) bool { return after+1 < len(b) && b[after] == '"' && b[after+1] == ':' }

// numbers looks for pairs of numbers written as text.
type numbers struct {
	n    *needles
	b    []byte
	hit  func(finding)
	last number
	past int
}

// number is a number of a text: digits after the point tell how precisely it is known.
type number struct {
	value    float64
	decimals int
	end      int
}

// at reads the number that begins at i, compares it with the one before, and returns where it
// ends.
func (s *numbers) at(i int) int {
	b := s.b
	from := i
	value, decimals, digits := 0.0, 0, 0
	for ; i < len(b) && b[i]-'0' <= 9 && digits < 10; i++ {
		value = value*10 + float64(b[i]-'0')
		digits++
	}
	if i+1 < len(b) && b[i] == '.' && b[i+1]-'0' <= 9 {
		unit := 1.0
		for i++; i < len(b) && b[i]-'0' <= 9 && decimals < 18; i++ {
			unit /= 10
			value += float64(b[i]-'0') * unit
			decimals++
		}
	}
	s.past = i
	degrees := decimals >= 4 && value <= 180
	if !degrees && (digits != 6 && digits != 7) {
		return i
	}
	if from > 0 && b[from-1] == '-' {
		value = -value
	}
	now := number{value, decimals, i}
	if was := s.last; was.end > 0 && from-was.end <= nearBytes {
		s.pair(was, now)
		s.pair(now, was)
	}
	s.last = now
	return i
}

// pair looks a pair up, as degrees when both have decimals, else as metres.
func (s *numbers) pair(a, b number) {
	if a.decimals >= 4 && b.decimals >= 4 {
		qa, qb := quantum(a.value), quantum(b.value)
		for da := -1; da <= 1; da++ {
			for db := -1; db <= 1; db++ {
				s.n.whole.each(degreesKey(qa+da, qb+db), func(v uint32) {
					if p := s.n.at(v); near(p[0], a) && near(p[1], b) && !s.n.public(p[0], p[1]) {
						s.hit(finding{trace: tracePlace})
					}
				})
			}
		}
		return
	}
	x, y := int(a.value), int(b.value)
	if a.decimals+b.decimals > 0 || x < 100_000 || x >= 1_300_000 || y < 6_000_000 || y >= 7_200_000 {
		return
	}
	for dx := -1; dx <= 1; dx++ {
		for dy := -1; dy <= 1; dy++ {
			s.n.whole.each(metresKey(x+dx, y+dy), func(v uint32) {
				if p := s.n.at(v); math.Abs(p[0]-a.value) <= 2 && math.Abs(p[1]-b.value) <= 2 {
					s.hit(finding{trace: tracePlace})
				}
			})
		}
	}
}

// at returns a place, one that is nowhere when a mark led astray.
func (n *needles) at(v uint32) [2]float64 {
	if int(v) < len(n.places) {
		return n.places[v]
	}
	return [2]float64{math.Inf(1), math.Inf(1)}
}

// near reports whether a number may be another one, cut or rounded.
func near(v float64, as number) bool {
	return math.Abs(v-as.value) <= math.Pow10(-min(as.decimals, 12))
}

// filesOf lists the files of a folder of snapshots, the other snapshots left out unless all.
func filesOf(dir, own string, all bool) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.Type().IsRegular() && (all || path == own || filepath.Ext(path) != ".gpkg") {
			out = append(out, path)
		}
	}
	return out, nil
}

// traces are what blurred and withheld observations have, gathered beside the check of the
// snapshot.
type traces struct {
	parts chan *needles // closed at the end
	err   error         // read it then
	stop  context.CancelFunc
}

// gather begins to read what is searched for.
func (r *run) gather(ctx context.Context) *traces {
	m := &r.proof
	m.Traces = len(m.traced)
	ctx, cancel := context.WithCancel(ctx)
	t := &traces{parts: make(chan *needles), stop: cancel}
	grant := disclosure.Grant{Who: "publish", Reason: "search of the snapshot for hidden places and words"}
	go func() {
		defer close(t.parts)
		part := newNeedles()
		give := func() error {
			part.public = r.publicPoint
			select {
			case t.parts <- part:
				part = newNeedles()
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		t.err = r.db.Traces(ctx, grant, m.traced, func(of *vault.Trace) error {
			part.add(of)
			if part.size() < needlesAtOnce {
				return nil
			}
			return give()
		})
		if t.err == nil && part.size() > 0 {
			t.err = give()
		}
	}()
	return t
}

// search searches files for what blurred and withheld observations have.
func (r *run) search(ctx context.Context, files []string, t *traces) error {
	m := &r.proof
	for part := range t.parts {
		words := map[word]string{}
		for _, path := range files {
			size, err := part.scanFile(ctx, path, func(f finding) {
				if f.text != "" {
					words[word(f)] = filepath.Base(path)
					return
				}
				m.leak(Leak{Name: traceNames[tracePlace], Detail: filepath.Base(path)})
			})
			if err != nil {
				return err
			}
			m.Searched += size
		}
		if err := r.secretWords(words); err != nil {
			return err
		}
	}
	return t.err
}

// secretWords names the words found that are not public besides: names of areas, taxa,
// organisations and statuses, and what every snapshot says of itself.
func (r *run) secretWords(words map[word]string) error {
	if len(words) == 0 {
		return nil
	}
	left := newNeedles()
	for w := range words {
		left.word(w.text, w.trace)
	}
	known := map[string]bool{}
	say := func(texts ...string) {
		for _, t := range texts {
			left.scan([]byte(t), 0, len(t), func(f finding) { known[f.text] = true })
		}
	}
	if err := r.publicTexts(func(texts ...string) {
		say(texts...)
		for _, t := range texts {
			say(taxon.Fold(t))
		}
	}); err != nil {
		return err
	}
	var leaks []Leak
	for w, file := range words {
		if !known[w.text] {
			leaks = append(leaks, Leak{Name: traceNames[w.trace], Detail: file})
		}
	}
	slices.SortFunc(leaks, func(a, b Leak) int { return strings.Compare(a.Name+a.Detail, b.Name+b.Detail) })
	for _, l := range leaks {
		r.proof.leak(l)
	}
	return nil
}

// publicTexts gives every text that a snapshot may hold whatever the observations.
func (r *run) publicTexts(say func(...string)) error {
	for n := range r.refs.Taxonomy.All() {
		say(n.ScientificName, n.Author, n.FullName, n.Vernacular, n.VernacularEN, n.Kingdom, n.Phylum, n.Class, n.Order, n.Family, n.Group1, n.Group2)
	}
	for i := range r.refs.Statuses {
		s := &r.refs.Statuses[i]
		say(s.Type, s.TypeLabel, s.Code, s.Label, s.Territory, s.Remark, s.Citation, s.URL, taxon.StatusTypeLabel(s.Type))
	}
	for i := range r.refs.Areas {
		say(r.refs.Areas[i].Name, r.refs.Areas[i].Key.Code())
	}
	for _, clean := range r.tally.orgs {
		say(clean)
	}
	meta, err := json.Marshal(r.Meta)
	say(string(meta))
	say(atlas.Texts()...)
	return err
}

// publicPoint reports whether a point is a vertex of a public outline, a corner of the box around
// one as sheets tell it, or a corner of a cell. Of two million points, a few are there by chance.
func (r *run) publicPoint(lon, lat float64) bool {
	for i := range r.refs.Areas {
		bound, first := orb.Bound{}, true
		for _, polygon := range r.refs.Areas[i].Geometry {
			for _, ring := range polygon {
				for _, p := range ring {
					if p[0] == lon && p[1] == lat {
						return true
					}
				}
			}
			if b := polygon.Bound(); first {
				bound, first = b, false
			} else {
				bound = bound.Union(b)
			}
		}
		if !first && cornerOf(bound, lon, lat, thinned) {
			return true
		}
	}
	for _, k := range [...]geo.Kind{geo.Cell1, geo.Cell2, geo.Cell5, geo.Cell10, geo.Cell20, geo.Cell50} {
		side := float64(k.Mesh()) * 1000
		x, y := geo.ToLambert93(lon, lat)
		for _, d := range [...][2]float64{{0, 0}, {-1, 0}, {1, 0}, {0, -1}, {0, 1}} {
			if cornerOf(geo.CellRing(geo.CellAt(k, x+d[0]*side, y+d[1]*side)).Bound(), lon, lat, written) {
				return true
			}
		}
	}
	x, y := geo.ToLambert93(lon, lat)
	off := func(v float64) float64 { return math.Abs(v - math.Round(v/1000)*1000) }
	return off(x) < 0.01 && off(y) < 0.01
}

// How far, in degrees, the box of a sheet may be from that of the outline: sheets write five
// decimals, and thin outlines by twenty metres.
const (
	written = 1.5e-5
	thinned = 3e-4
)

// cornerOf reports whether a point is a corner of a box, to a distance in degrees.
func cornerOf(b orb.Bound, lon, lat, off float64) bool {
	beside := func(v, a, b float64) bool { return math.Abs(v-a) < off || math.Abs(v-b) < off }
	return beside(lon, b.Min[0], b.Max[0]) && beside(lat, b.Min[1], b.Max[1])
}
