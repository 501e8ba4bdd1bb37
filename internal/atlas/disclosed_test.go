package atlas_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/atlas/atlastest"
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

// TestDisclosed: each observation once, at the area it is shown at, on its species or on the higher
// taxon it is known to be, without what is below.
func TestDisclosed(t *testing.T) {
	a := atlastest.Open(t)
	want := map[taxon.CdRef]map[geo.AreaKey]int{}
	for _, p := range atlastest.Published() {
		cd := p.CdRef
		if cd == 900102 { // a subspecies
			cd = 77756
		}
		if want[cd] == nil {
			want[cd] = map[geo.AreaKey]int{}
		}
		want[cd][p.Area]++
	}
	want[900003] = map[geo.AreaKey]int{} // a phylum: all of its observations are known better
	want[1] = map[geo.AreaKey]int{}
	for cd, areas := range want {
		got, err := a.Disclosed(t.Context(), cd)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(areas, got); d != "" {
			t.Errorf("%d (-want +got):\n%s", cd, d)
		}
	}
}
