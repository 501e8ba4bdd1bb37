package sensitivity

import (
	"slices"
	"strings"
	"testing"
)

func TestLevels(t *testing.T) {
	var all []Level
	for code := range strings.FieldsSeq("0 1 2 3 4 2.1 2.2 2.3 2.4 2.5 2.6 2.7 2.8") {
		l, ok := ParseLevel(code)
		if !ok || l.String() != code || !l.Known() {
			t.Errorf("%q is read as %v, %v", code, l, ok)
		}
		if l.Withholds() != (code == "4" || code == "2.8") || l.Withholds() != (l.Rank() == Nothing.Rank()) {
			t.Errorf("%s: withholds %v, rank %d", code, l.Withholds(), l.Rank())
		}
		all = append(all, l)
	}
	for _, code := range []string{"", "5", "-1", "00", "2.0", "2.9", "2.10", "3.1", "2,1", "2.a", " 1", "²"} {
		if l, ok := ParseLevel(code); ok {
			t.Errorf("%q is read as %v", code, l)
		}
	}
	slices.SortStableFunc(all, func(a, b Level) int { return a.Rank() - b.Rank() })
	var order []string
	for _, l := range all {
		order = append(order, l.String())
	}
	if got := strings.Join(order, " "); got != "0 2.1 2.2 1 2.3 2 2.4 2.5 2.6 2.7 3 4 2.8" {
		t.Errorf("from the finest to the coarsest: %s", got)
	}
	for n := range 256 { // a number that is no level is never taken for a lenient one
		l := Level(n)
		if !l.Known() && (!l.Withholds() || l.Rank() != Nothing.Rank()) {
			t.Errorf("%d is no level, and does not withhold", n)
		}
	}
	for _, a := range all {
		for _, b := range all {
			s := Stricter(a, b)
			if s != Stricter(b, a) || s.Rank() != max(a.Rank(), b.Rank()) || s != a && s != b {
				t.Errorf("of %v and %v the stricter is %v", a, b, s)
			}
		}
	}
}
