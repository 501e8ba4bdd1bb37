package atlas

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestPackedText: what a packer puts end to end comes back, whatever the lengths; 127 and 128
// bytes, 16,383 and 16,384 take another form.
func TestPackedText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []string
		for range rapid.IntRange(1, 6).Draw(t, "texts") {
			n := rapid.SampledFrom([]int{0, 1, 40, 127, 128, 300, 16383, 16384, 70000}).Draw(t, "length")
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(i*7 + n)
			}
			want = append(want, string(b))
		}
		var k headPacker
		k.put(want...)
		p := packedText(k.text)
		var got []string
		for range want {
			got = append(got, p.next())
		}
		if !slices.Equal(got, want) || p != "" {
			t.Fatalf("%d texts came back otherwise, %d bytes too many", len(want), len(p))
		}
	})
}

// TestNest: the taxa below one are the numbers from lo to hi, and no others.
func TestNest(t *testing.T) {
	k := headPacker{}
	k.t.cds = append(k.t.cds, 1, 2, 3, 5, 8)
	k.t.rows = make([]head, 5)
	k.t.nest(append(k.t.cds[:0:0], 0, 1, 8, 2, 99)) // 1 > 2 > 5; 99 is not there, so 8 > 3 stands alone
	below := func(up int32) (out []int32) {
		for i := range k.t.rows {
			if h := &k.t.rows[i]; h.lo >= k.t.rows[up].lo && h.lo < k.t.rows[up].hi {
				out = append(out, int32(k.t.cds[i]))
			}
		}
		return out
	}
	for up, want := range [][]int32{{1, 2, 5}, {2, 5}, {3}, {5}, {3, 8}} {
		if got := below(int32(up)); !slices.Equal(got, want) {
			t.Errorf("below %d: %v, want %v", k.t.cds[up], got, want)
		}
	}
}

// TestTerms: the same word is kept once.
func TestTerms(t *testing.T) {
	k := headPacker{known: map[string]uint16{}}
	a, b, again := k.term("ES"), k.term(""), k.term("ES")
	if a != again || a == b || !slices.Equal(k.t.terms, []string{"ES", ""}) {
		t.Errorf("%d %d %d of %q", a, b, again, k.t.terms)
	}
}
