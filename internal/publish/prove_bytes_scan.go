package publish

import (
	"context"
	"encoding/binary"
	"io"
	"math"
	"math/bits"
	"os"
	"runtime"
	"sync"
)

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
	n.ready() // once, before several read it
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

// scanner searches a text for what begins there.
type scanner struct {
	n    *needles
	q    *sieve
	b    []byte
	hit  func(finding)
	last number // the one before
	past int    // where it ends
}

// scan searches what begins between two places of a text, as far as begins is said of it: an
// identifier is where its middle is, or its first hyphen, and a coordinate where its exponent is.
func (n *needles) scan(b []byte, from, to int, hit func(finding)) {
	s := scanner{n: n, q: n.ready(), b: b, hit: hit}
	for i := max(from-nearBytes, 0); i < from; i++ { // a number may have begun before
		if b[i]-'0' <= 9 {
			i = s.number(i)
		}
	}
	for i := (from + hexStep - 1) / hexStep * hexStep; i < min(to, len(b)); i += hexStep {
		if digit(b[i]) < 16 {
			s.hex(i)
		}
	}
	i := s.windows(from, min(to, len(b)-windowBytes+1))
	for ; i < min(to, len(b)); i++ {
		if i+1 < len(b) {
			s.coordinates(i)
		}
		if b[i]-'0' <= 9 && i >= s.past {
			s.number(i)
		}
	}
}

// windows searches while there are eight bytes, and returns where it stopped.
func (s *scanner) windows(i, end int) int {
	b, words, kinds, exponent, zeros := s.b, s.q.words, s.q.kinds, &s.q.exponent, s.q.zeros
	for ; i < end; i++ {
		w := binary.LittleEndian.Uint64(b[i:])
		if w == 0 && zeros {
			i += windowBytes - 3 // from there on, three bytes are no longer all known
			continue
		}
		if words.has(w) {
			s.words(i, w)
		}
		if (exponent.at(uint16(w))|kinds>>(kindOf(w)&63))&1 != 0 {
			s.binary(i, w)
		}
		// Two hyphens or two spaces, the first and the second of an identifier: in one test, since
		// the processor cannot guess whether two bytes are the same.
		if (w^w>>40)&0xff|w&0xf2^0x20 == 0 {
			s.shape(i - 8)
		}
		if byte(w)-'0' <= 9 && i >= s.past {
			s.number(i)
		}
	}
	return i
}

// binary looks up what may be stored at a place of a text: an identifier or a coordinate.
func (s *scanner) binary(i int, w uint64) {
	if s.q.kinds>>kindOf(w)&1 != 0 && s.q.ids.has(w) {
		s.raw(i - idMiddle)
	}
	if s.q.exponent.has(uint16(w)) {
		s.coordinates(i)
	}
}

// words looks up the words that may begin at a place of a text.
func (s *scanner) words(i int, first uint64) {
	n, b := s.n, s.b
	at, ok := n.begins.find(first, func(v uint32) bool { return n.heads[v].key == first })
	if !ok {
		return
	}
	lengths := n.heads[at].lengths
	h := uint64(wordSeed)
	for k := 0; k < wordBytes && i+k < len(b); k++ {
		h = (h ^ uint64(b[i+k])) * wordPrime
		if k+1 >= windowBytes && lengths>>(k+1-windowBytes)&1 == 1 {
			text := b[i : i+k+1]
			if v, ok := n.whole.find(h, func(v uint32) bool { return string(n.bytesOf(v)) == string(text) }); ok && !named(b, i+k+1) {
				s.hit(finding{string(text), n.words[v].trace})
			}
		}
	}
}

// coordinates looks up the coordinate whose sign and exponent may be at a place of a text, in
// either order of bytes.
func (s *scanner) coordinates(i int) {
	if from := i - exponentAt; from >= 0 && from+8 <= len(s.b) {
		s.pairs(from, binary.LittleEndian.Uint64(s.b[from:]), false)
	}
	if i+8 <= len(s.b) {
		s.pairs(i, binary.BigEndian.Uint64(s.b[i:]), true)
	}
}

// pairs looks for the second coordinate around the first.
func (s *scanner) pairs(i int, x uint64, bigEndian bool) {
	if x == 0 || !s.q.first.has(uint16(x>>48)) || !s.q.xs.has(x) {
		return
	}
	for j := max(i-nearBytes, 0); j <= min(i+nearBytes, len(s.b)-8); j++ {
		y := binary.LittleEndian.Uint64(s.b[j:])
		if bigEndian {
			y = bits.ReverseBytes64(y)
		}
		if !s.q.second.has(uint16(y >> 48)) {
			continue
		}
		if v, ok := s.n.pairs.find(mark(x, y, 3), func(v uint32) bool { return s.n.is(v, x, y) }); ok {
			if p := s.n.places[v]; !s.n.public(p[0], p[1]) {
				s.hit(finding{trace: tracePlace})
			}
		}
	}
}

// raw looks up the identifier whose bytes may begin at a place.
func (s *scanner) raw(i int) {
	if i < 0 || i+16 > len(s.b) {
		return
	}
	id := [16]byte(s.b[i:])
	if _, ok := s.n.raws.find(rawKey(&id), func(v uint32) bool { return s.n.ids[v].bytes == id }); ok {
		s.hit(finding{string(id[:]), traceID})
	}
}

// shape looks up the identifier whose text may begin at a place.
func (s *scanner) shape(i int) {
	if i < 0 || i+wordBytes > len(s.b) {
		return
	}
	if id, ok := shaped(s.b[i:]); ok && !named(s.b, i+wordBytes) {
		s.identified(i, &id)
	}
}

func (s *scanner) identified(i int, id *[16]byte) {
	if v, ok := s.n.shapes.find(shapeKey(id), func(v uint32) bool { return sameShape(&s.n.ids[v].bytes, id) }); ok {
		s.hit(finding{string(s.b[i : i+wordBytes]), s.n.ids[v].trace})
	}
}

// hexStep is how often digits of an identifier are looked for: each has one of its first ones at a
// multiple of it.
const hexStep = 16

// hex looks up the identifiers, as digits with nothing between, of which a place of a text is one of
// the first hexStep.
func (s *scanner) hex(i int) {
	b, from, end := s.b, i, i
	for end < min(i+wordBytes, len(b)) && digit(b[end]) < 16 {
		end++
	}
	for from > max(i-hexStep+1, 0) && digit(b[from-1]) < 16 {
		from--
	}
	for ; from+wordBytes <= end; from++ {
		var id [16]byte
		for k := range id[:shapeBytes] {
			id[k] = digit(b[from+2*k])<<4 | digit(b[from+2*k+1])
		}
		s.identified(from, &id)
	}
}

// named reports whether a word found is the name of a value of JSON, which is ours.
func named(b []byte, after int) bool { return after+1 < len(b) && b[after] == '"' && b[after+1] == ':' }

// number is a number of a text: digits after the point tell how precisely it is known.
type number struct {
	value    float64
	decimals int
	end      int
}

// number reads the number that begins at i, compares it with the one before, and returns where it
// ends.
func (s *scanner) number(i int) int {
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
		s.numerals(was, now)
		s.numerals(now, was)
	}
	s.last = now
	return i
}

// numerals looks a pair up, as degrees when both have decimals, else as metres.
func (s *scanner) numerals(a, b number) {
	if a.decimals >= 4 && b.decimals >= 4 {
		qa, qb := quantum(a.value), quantum(b.value)
		for da := -1; da <= 1; da++ {
			for db := -1; db <= 1; db++ {
				s.n.numerals.find(degreesKey(qa+da, qb+db), func(v uint32) bool {
					p := s.n.places[v]
					found := near(p[0], a) && near(p[1], b) && !s.n.public(p[0], p[1])
					if found {
						s.hit(finding{trace: tracePlace})
					}
					return found
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
			s.n.numerals.find(metresKey(x+dx, y+dy), func(v uint32) bool {
				p := s.n.places[v]
				found := math.Abs(p[0]-a.value) <= 2 && math.Abs(p[1]-b.value) <= 2
				if found {
					s.hit(finding{trace: tracePlace})
				}
				return found
			})
		}
	}
}

// near reports whether a number may be another one, cut or rounded.
func near(v float64, as number) bool {
	return math.Abs(v-as.value) <= math.Pow10(-min(as.decimals, 12))
}
