package ingest

import (
	"math"

	"github.com/paulmach/orb"
)

// fewRounded is how many places it takes to say that a file is rounded: a few places may
// fall on round figures.
const fewRounded = 10

// rounded reports whether every coordinate looked at is a hundredth of a degree (about a
// kilometre) or a whole kilometre. It is told once for the file, and no uncertainty is made of
// it: the points may be the middles of squares as well as roughly read off a map.
func (s *sample) rounded() bool {
	places := map[orb.Point]bool{}
	for _, columns := range [...]map[field][]orb.Point{s.pairs, s.shapes} {
		for _, list := range columns {
			for _, p := range list {
				if !isRound(p[0]) || !isRound(p[1]) {
					return false
				}
				places[p] = true
			}
		}
	}
	return len(places) >= fewRounded
}

func isRound(v float64) bool {
	unit := 0.01
	if math.Abs(v) > 180 {
		unit = 1000
	}
	q := v / unit
	return math.Abs(q-math.Round(q)) < 1e-6
}
