package sensitivity

import (
	"testing"

	"garrigue/internal/taxon"
)

func TestVaries(t *testing.T) {
	b := NewBook([]List{{ID: "A"}, {ID: "B"}}, []Rule{
		{List: "A", CdNom: 1, Level: 2}, {List: "A", CdNom: 2, Level: 2, From: 301, To: 731},
		{List: "B", CdNom: 3, Level: 1, Department: "34"}, {List: "B", CdNom: 4, Level: 1, LifeStage: "5"},
		{List: "A", CdNom: 5, Level: 1, Condition: "gîtes"}, {List: "A", CdNom: 6, Level: 1, Years: 20},
	})
	for _, c := range []struct {
		list    string
		lineage []taxon.CdNom
		want    bool
	}{
		{"A", []taxon.CdNom{1}, false}, {"A", []taxon.CdNom{1, 2}, true}, {"B", []taxon.CdNom{1, 2}, false}, {"B", []taxon.CdNom{3}, false},
		{"B", []taxon.CdNom{4}, true}, {"A", []taxon.CdNom{5}, true}, {"A", []taxon.CdNom{6}, true}, {"A", nil, false},
	} {
		if got := b.Varies(c.list, c.lineage); got != c.want {
			t.Errorf("Varies(%s, %v) = %v", c.list, c.lineage, got)
		}
	}
}
