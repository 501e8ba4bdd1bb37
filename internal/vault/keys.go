package vault

import "math/bits"

// keyTable is an open-addressing table of 24 bytes per entry, for millions of entries: a Go
// map of the same would take twice as much. An entry with k and a both 0 is free.
type keyTable struct {
	slots []keyEntry
	used  int
}

type keyEntry struct{ k, a, b uint64 }

func newKeyTable(expected int) *keyTable {
	return &keyTable{slots: make([]keyEntry, max(64, expected+expected/4))}
}

// start returns the first slot where k may be. Multiplying high keeps the table's size free
// of powers of two, and k need not be mixed again: it is a hash, or a UUID's mixed halves.
func (t *keyTable) start(k uint64) int {
	hi, _ := bits.Mul64(k, uint64(len(t.slots)))
	return int(hi)
}

// each calls f with the entries of k until f returns false.
func (t *keyTable) each(k uint64, f func(e *keyEntry) bool) {
	for i := t.start(k); ; {
		e := &t.slots[i]
		if e.k == 0 && e.a == 0 {
			return
		}
		if e.k == k && !f(e) {
			return
		}
		if i++; i == len(t.slots) {
			i = 0
		}
	}
}

func (t *keyTable) add(e keyEntry) {
	if t.used+t.used/8+1 >= len(t.slots) {
		old := t.slots
		t.slots = make([]keyEntry, len(old)+len(old)/2)
		for _, e := range old {
			if e.k != 0 || e.a != 0 {
				t.place(e)
			}
		}
	}
	t.place(e)
	t.used++
}

func (t *keyTable) place(e keyEntry) {
	i := t.start(e.k)
	for t.slots[i].k != 0 || t.slots[i].a != 0 {
		if i++; i == len(t.slots) {
			i = 0
		}
	}
	t.slots[i] = e
}
