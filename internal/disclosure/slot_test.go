package disclosure

import (
	"testing"

	"garrigue/internal/civil"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
)

// TestSlot gives two roads of one observation, near the border of a department that asks for more, the
// level they take together.
func TestSlot(t *testing.T) {
	w := newBorders()
	p := settled(t, SINP(), geo.Cell5, w.means)
	p.Today, _ = civil.Make(2026, 11, 21)
	s := NewSpread(sensitivity.NewBook([]sensitivity.List{{ID: "N"}}, []sensitivity.Rule{
		{List: "N", CdNom: 1, Level: 1, Department: "81"}, {List: "N", CdNom: 1, Level: 3, Department: "34"},
		{List: "N", CdNom: 2, Level: 2}}), lineage, &p, w)
	at := func(cd int, box rect, level sensitivity.Level) *Observation {
		o := &Observation{Presence: observation.Present, Place: w.place(box), Sensitivity: level, SensList: "N"}
		o.CdNom, o.CdRef = 1, 1
		if cd != 1 {
			o.CdNom, o.CdRef = 2, 2
		}
		return o
	}
	here, there := rect{620_000, 6_220_000, 620_000, 6_220_000}, rect{620_040, 6_220_000, 620_040, 6_220_000}
	shape := rect{620_000, 6_220_000, 620_300, 6_220_200}
	stated := at(1, here, 1)
	stated.StatedLevel = 4
	for _, c := range []struct {
		what   string
		slot   []*Observation
		level  sensitivity.Level
		common bool
	}{
		{"one", []*Observation{at(1, here, 1)}, 0, false},
		{"alike, a few metres apart", []*Observation{at(1, here, 1), at(1, there, 1)}, 0, false},
		{"a point and a shape", []*Observation{at(1, here, 1), at(1, shape, 1)}, 3, true},
		{"the same everywhere", []*Observation{at(2, here, 2), at(2, shape, 2)}, 0, false},
		{"one says more", []*Observation{at(1, here, 1), stated}, 4, true},
	} {
		if level, _, common := s.Slot(c.slot); level != c.level || common != c.common {
			t.Errorf("%s: %v, %v", c.what, level, common)
		}
	}
	members := []Member{{Slot: 7}, {Slot: 8}, {Slot: 7}, {Slot: 9}, {Slot: 8}}
	var sizes []int
	Slots(members, func(slot []*Observation) { sizes = append(sizes, len(slot)) })
	if len(sizes) != 3 || sizes[0] != 2 || sizes[1] != 2 || sizes[2] != 1 {
		t.Errorf("slots of %v members", sizes)
	}
}
