package atlas

import (
	"compress/gzip"
	"os"
	"testing"
	"time"

	"garrigue/internal/geo"
	"garrigue/internal/needs"
)

// sharedAreas reads the communes and departments of the shared references.
func sharedAreas(t *testing.T) []geo.Area {
	t.Helper()
	dir := needs.Shared(t, "data", "reference") + "/"
	var out []geo.Area
	for _, f := range []struct {
		name string
		kind geo.Kind
	}{{"communes-occitanie.geojson.gz", geo.Commune}, {"departements-occitanie.geojson", geo.Department}} {
		file, err := os.Open(dir + f.name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		var areas = geo.ReadAreas(file, f.kind, geo.ReadOptions{})
		if f.name[len(f.name)-3:] == ".gz" {
			z, err := gzip.NewReader(file)
			if err != nil {
				t.Fatal(err)
			}
			areas = geo.ReadAreas(z, f.kind, geo.ReadOptions{})
		}
		for a, err := range areas {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, a)
		}
	}
	return out
}

// TestOccitanie checks the areas made from the real outlines: the national mesh counts 3,146
// cells of 5 km that touch the region (data/README.md), and a commune has neighbours.
func TestOccitanie(t *testing.T) {
	areas := sharedAreas(t)
	s := &snapshot{Builder: &Builder{refs: References{Areas: areas}, ground: func() ground { return groundOf(areas, geo.Cell5) }}}
	s.meta.Mesh = geo.Cell5
	start := time.Now()
	if err := s.territory(); err != nil {
		t.Fatal(err)
	}
	s.surround()
	t.Logf("territory in %v", time.Since(start))
	cells, lonely, before, after := 0, 0, 0, 0
	for i := range s.zones {
		z := &s.zones[i]
		switch {
		case z.Key.Kind() == geo.Cell5:
			cells++
		case len(z.neighbours) == 0:
			lonely++
		}
		for _, p := range z.Geometry {
			for _, r := range p {
				after += len(r)
			}
		}
	}
	for _, a := range areas {
		for _, p := range a.Geometry {
			for _, r := range p {
				before += len(r)
			}
		}
	}
	t.Logf("%d vertices before, %d after, cells included; %d communes without neighbour", before, after, lonely)
	// The shared list counts cells that overlap by 1 m² at least, ours those reached by 2 m.
	if cells < 3136 || cells > 3146 {
		t.Errorf("%d cells of 5 km meet the region, want 3,146 but for slivers", cells)
	}
	if lonely > 2 {
		t.Errorf("%d areas without a neighbour", lonely)
	}
	hub := &s.zones[s.zoneOf[geo.AdminKey(geo.Commune, "34172")]]
	if hub.Name != "Montpellier" || hub.parentName != "Hérault" || len(hub.neighbours) != maxNeighbours || len(hub.cells) < 4 {
		t.Errorf("Montpellier: %s, %s, %d neighbours, %d cells", hub.Name, hub.parentName, len(hub.neighbours), len(hub.cells))
	}
	for _, k := range hub.neighbours {
		t.Log(s.zones[k].Name)
	}
}
