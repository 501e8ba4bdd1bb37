package sensitivity

import (
	"slices"
	"testing"

	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

func TestAreasAndDated(t *testing.T) {
	marsh, bog := geo.AdminKey(geo.Commune, "34001"), geo.CellKey(geo.Cell10, 700, 6250)
	b := NewBook(nil, []Rule{
		{List: "L", CdNom: 1, Level: 1, Area: marsh}, {List: "L", CdNom: 1, Level: 2, Area: bog}, {List: "L", CdNom: 1, Level: 1, Area: bog, BioStatus: "3"},
		{List: "L", CdNom: 2, Level: 1, From: 1101, To: 228}, {List: "L", CdNom: 3, Level: 1, Years: 10}, {List: "L", CdNom: 4, Level: 1},
	})
	got := b.Areas([]taxon.CdNom{9, 1, 4})
	if len(got) != 2 || !slices.Contains(got, marsh) || !slices.Contains(got, bog) || b.Areas([]taxon.CdNom{2, 9}) != nil {
		t.Errorf("areas %v", got)
	}
	for cd, want := range map[taxon.CdNom]bool{1: false, 2: true, 3: true, 4: false, 9: false} {
		if b.Dated([]taxon.CdNom{9, cd}) != want {
			t.Errorf("taxon %d: dated %v", cd, !want)
		}
	}
}
