package geo

import (
	"math"
	"testing"

	"github.com/paulmach/orb"
)

func TestDistance(t *testing.T) {
	square := orb.MultiPolygon{{{{3, 43}, {3.1, 43}, {3.1, 43.1}, {3, 43.1}, {3, 43}}}}
	x := NewIndex([]Area{{Geometry: square}, {}})
	east := 111_195 * math.Cos(43.05*degree) / 10 // a tenth of a degree there
	for _, c := range []struct {
		why  string
		g    orb.Geometry
		want float64
	}{
		{"inside", orb.Point{3.05, 43.05}, 0},
		{"a tenth of a degree east", orb.Point{3.2, 43.05}, east},
		{"a tenth of a degree north", orb.Point{3.05, 43.2}, 11_119.5},
		{"off a corner", orb.Point{3.2, 43.2}, math.Hypot(east*math.Cos(43.2*degree)/math.Cos(43.05*degree), 11_119.5)},
		{"a line that leaves it", orb.LineString{{3.05, 43.05}, {4, 44}}, 0},
		{"a ring around it", orb.Polygon{{{2, 42}, {4, 42}, {4, 44}, {2, 44}, {2, 42}}}, 0},
		{"a line beside it", orb.LineString{{3.2, 43.05}, {3.3, 43.05}}, east},
	} {
		if got := x.Distance(0, c.g); math.Abs(got-c.want) > 0.01*c.want {
			t.Errorf("%s: %.0f m, want %.0f", c.why, got, c.want)
		}
	}
	if !math.IsInf(x.Distance(1, orb.Point{3, 43}), 1) {
		t.Error("an area without outline is near")
	}
}
