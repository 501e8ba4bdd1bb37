package sensitivity

import (
	"slices"
	"testing"
)

// TestInForce: a region's list stands instead of the national one in its departments, and a list
// is in force only where its rules are.
func TestInForce(t *testing.T) {
	b := NewBook([]List{{ID: "N"}, {ID: "LR", Region: "91"}, {ID: "A", Region: Apart}}, []Rule{
		{List: "N", CdNom: 1, Level: 1},
		{List: "LR", CdNom: 1, Level: 2},
		{List: "A", CdNom: 2, Level: 3, Department: "81"},
		{List: "A", CdNom: 3, Level: 0}, // blurs nothing
	})
	departments := []string{"30", "34", "81"}
	for list, want := range map[string][]string{"N": {"81"}, "LR": {"30", "34"}, "A": {"81"}, "?": nil} {
		if got := b.InForce(list, departments); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", list, got, want)
		}
	}
}
