package publish

import (
	"testing"

	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
)

// TestFitsAtEdges: a record attached to a cell whose middle is on the edge of larger ones is moved only to where
// disclosure shows it.
func TestFitsAtEdges(t *testing.T) {
	outlines := straddled()
	areas := geo.NewContainment(outlines)
	p, err := disclosure.MeshOnly().Settled(disclosure.MeanSurfaces(outlines))
	if err != nil {
		t.Fatal(err)
	}
	m := newMover(outlines, areas, 1)
	fitting, edges := 0, 0
	for x := 700_000.; x < 730_000; x += 2000 {
		for y := 6_300_000.; y < 6_320_000; y += 2000 {
			cell := geo.CellAt(geo.Cell2, x, y)
			edge := int(x+1000)%5000 == 0 || int(y+1000)%5000 == 0
			o := observation.Observation{CdNom: 1, CdRef: 1, Presence: observation.Present, StatedLevel: 1, Place: observation.Place{Georeference: observation.ByCell, Attached: cell}}
			got, ok := disclosure.Publish(&o, &p, areas, disclosure.Public)
			if !ok || got.Area.Kind() != geo.Cell5 {
				t.Fatalf("%v is shown at %v", cell, got.Area)
			}
			for dx := -5000.; dx <= 5000; dx += 5000 {
				for dy := -5000.; dy <= 5000; dy += 5000 {
					in := geo.CellAt(geo.Cell5, x+dx, y+dy)
					if fits := m.fits(cell, in); fits != (in == got.Area) {
						t.Errorf("%v is shown at %v, and fits %v: %v", cell, got.Area, in, fits)
					} else if fits {
						if fitting++; edge {
							edges++
						}
					}
				}
			}
		}
	}
	if fitting < 100 || edges < 20 {
		t.Errorf("%d fit, %d with a middle on an edge", fitting, edges)
	}
}
