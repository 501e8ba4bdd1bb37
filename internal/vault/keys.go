package vault

import (
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
	"os"
	"slices"
	"sort"
)

// keyEntry is what a batch remembers of one key. An entry with k and a both 0 is free.
type keyEntry struct {
	k uint64 // hash of dataset and key
	a uint64 // id of the observation
	b uint64 // its content and class mixed
}

// keysInMemory is how many entries are held in memory, some 80 MB of them; beyond, they go
// to a file. Vaults of up to so many observations never write one.
const keysInMemory = 5 << 19

// keyIndex finds entries by their hash: those in memory, then those of earlier files, newest
// first. An entry added again hides the older one of its id.
type keyIndex struct {
	table keyTable
	limit int
	runs  []*keyRun
}

func newKeyIndex() *keyIndex { return &keyIndex{limit: keysInMemory} }

func (x *keyIndex) add(e keyEntry) error {
	x.table.add(e)
	if x.table.used < x.limit {
		return nil
	}
	r, err := writeRun(x.table.take())
	if err != nil {
		return err
	}
	x.runs = append(x.runs, r)
	return nil
}

// each calls f with the entries of k until f returns false.
func (x *keyIndex) each(k uint64, f func(e keyEntry) bool) error {
	if !x.table.each(k, f) {
		return nil
	}
	for _, r := range slices.Backward(x.runs) {
		if more, err := r.each(k, f); err != nil || !more {
			return err
		}
	}
	return nil
}

// close removes the files.
func (x *keyIndex) close() {
	if x == nil {
		return
	}
	for _, r := range x.runs {
		r.close()
	}
	x.runs = nil
}

// shards cut the table so that growing copies a small part of it at a time.
const shards = 64

// keyTable is an open-addressing table of 24 bytes per entry, for millions of entries: a Go
// map of the same would take twice as much.
type keyTable struct {
	shard [shards]struct {
		slots []keyEntry
		used  int
	}
	used int
}

// start returns the first slot where k may be. Multiplying high keeps the size free of powers
// of two; the shard is told by the low bits.
func start(k uint64, slots int) int {
	hi, _ := bits.Mul64(k, uint64(slots))
	return int(hi)
}

func (t *keyTable) each(k uint64, f func(e keyEntry) bool) bool {
	slots := t.shard[k%shards].slots
	if len(slots) == 0 {
		return true
	}
	for i := start(k, len(slots)); ; {
		e := slots[i]
		if e.k == 0 && e.a == 0 {
			return true
		}
		if e.k == k && !f(e) {
			return false
		}
		if i++; i == len(slots) {
			i = 0
		}
	}
}

// add adds an entry, in the place of the one with the same hash and id if there is one.
func (t *keyTable) add(e keyEntry) {
	s := &t.shard[e.k%shards]
	if s.used+s.used/8+1 >= len(s.slots) {
		old := s.slots
		s.slots = make([]keyEntry, max(64, len(old)+len(old)/3))
		for _, e := range old {
			if e.k != 0 || e.a != 0 {
				place(s.slots, e)
			}
		}
	}
	if place(s.slots, e) {
		s.used++
		t.used++
	}
}

func place(slots []keyEntry, e keyEntry) (added bool) {
	i := start(e.k, len(slots))
	for slots[i].k != 0 || slots[i].a != 0 {
		if slots[i].k == e.k && slots[i].a == e.a {
			slots[i] = e
			return false
		}
		if i++; i == len(slots) {
			i = 0
		}
	}
	slots[i] = e
	return true
}

// take gives the entries out shard by shard, sorted within each, and empties the table.
func (t *keyTable) take() [][]keyEntry {
	out := make([][]keyEntry, shards)
	for i := range t.shard {
		s := &t.shard[i]
		n := 0
		for _, e := range s.slots {
			if e.k != 0 || e.a != 0 {
				s.slots[n] = e
				n++
			}
		}
		out[i] = s.slots[:n]
		slices.SortFunc(out[i], func(a, b keyEntry) int { return cmp.Compare(a.k, b.k) })
		s.slots, s.used = nil, 0
	}
	t.used = 0
	return out
}

const (
	entryBytes = 24
	// runBlock is how many entries are read at once: about a page of the file.
	runBlock = 170
	// bloomBits is how many bits of the filter an entry has: some 1 look-up of an absent key
	// in 100 reads the file.
	bloomBits = 10
)

// keyRun is a file of entries: by shard, sorted by hash within. What is in memory of it is
// the first hash of each block and a filter that knows most absent keys.
type keyRun struct {
	file   *os.File
	shard  [shards + 1]int // first entry of each
	blocks [shards][]uint64
	bloom  []uint64
	buf    [entryBytes * runBlock]byte
}

func writeRun(parts [][]keyEntry) (_ *keyRun, err error) {
	f, err := os.CreateTemp("", "garrigue-keys-")
	if err != nil {
		return nil, classify(err)
	}
	// Where the system allows it the file has no name from now on, and goes with the process.
	gone := os.Remove(f.Name()) == nil
	r := &keyRun{file: f}
	defer func() {
		if err != nil {
			r.close()
			if !gone {
				os.Remove(f.Name())
			}
		}
	}()
	n := 0
	for i, p := range parts {
		r.shard[i] = n
		n += len(p)
	}
	r.shard[shards] = n
	r.bloom = make([]uint64, n*bloomBits/64+1)
	buf := make([]byte, 0, 1<<16)
	for i, p := range parts {
		for j, e := range p {
			if j%runBlock == 0 {
				r.blocks[i] = append(r.blocks[i], e.k)
			}
			r.bloomAdd(e.k)
			buf = binary.LittleEndian.AppendUint64(buf, e.k)
			buf = binary.LittleEndian.AppendUint64(buf, e.a)
			buf = binary.LittleEndian.AppendUint64(buf, e.b)
			if len(buf) > 1<<16-entryBytes {
				if _, err := f.Write(buf); err != nil {
					return nil, classify(err)
				}
				buf = buf[:0]
			}
		}
	}
	if _, err := f.Write(buf); err != nil {
		return nil, classify(err)
	}
	return r, nil
}

// bloomAt returns the word and the bits of a key: four bits of one word, one cache line.
func (r *keyRun) bloomAt(k uint64) (int, uint64) {
	h := mix(k)
	return start(h, len(r.bloom)), 1<<(h&63) | 1<<(h>>6&63) | 1<<(h>>12&63) | 1<<(h>>18&63)
}

func (r *keyRun) bloomAdd(k uint64) {
	i, m := r.bloomAt(k)
	r.bloom[i] |= m
}

func (r *keyRun) each(k uint64, f func(e keyEntry) bool) (more bool, err error) {
	if i, m := r.bloomAt(k); r.bloom[i]&m != m {
		return true, nil
	}
	shard := int(k % shards)
	blocks := r.blocks[shard]
	// The block before the first that begins at k or later may end with k.
	b := max(0, sort.Search(len(blocks), func(i int) bool { return blocks[i] >= k })-1)
	for ; b < len(blocks) && blocks[b] <= k; b++ {
		from := r.shard[shard] + b*runBlock
		to := min(from+runBlock, r.shard[shard+1])
		buf := r.buf[:(to-from)*entryBytes]
		if _, err := r.file.ReadAt(buf, int64(from)*entryBytes); err != nil && !errors.Is(err, io.EOF) {
			return false, classify(err)
		}
		for ; len(buf) > 0; buf = buf[entryBytes:] {
			e := keyEntry{k: binary.LittleEndian.Uint64(buf), a: binary.LittleEndian.Uint64(buf[8:]), b: binary.LittleEndian.Uint64(buf[16:])}
			if e.k == k && !f(e) {
				return false, nil
			}
		}
	}
	return true, nil
}

func (r *keyRun) close() {
	name := r.file.Name()
	r.file.Close()
	os.Remove(name) // already gone where it could be
}

// idSet is a set of observations' ids, one bit each: ids are numbers given in order.
type idSet struct {
	words []uint64
	n     int
}

func (s *idSet) add(id int64) {
	w := int(id >> 6)
	for w >= len(s.words) {
		s.words = append(s.words, make([]uint64, max(1024, len(s.words)/4, w+1-len(s.words)))...)
	}
	if !s.has(id) {
		s.n++
	}
	s.words[w] |= 1 << (id & 63)
}

func (s *idSet) has(id int64) bool {
	w := int(id >> 6)
	return w < len(s.words) && s.words[w]>>(id&63)&1 == 1
}

// all yields the ids in order.
func (s *idSet) all(yield func(id int64) bool) {
	for w, word := range s.words {
		for word != 0 {
			i := bits.TrailingZeros64(word)
			word &^= 1 << i
			if !yield(int64(w)<<6 | int64(i)) {
				return
			}
		}
	}
}
