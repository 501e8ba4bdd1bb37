package sensitivity

import (
	"slices"
	"testing"

	"garrigue/internal/geo"
	"garrigue/internal/taxon"
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

// TestAreaOfDepartment: a rule limited to a department as an area is one limited to that department. Where a region's list stands
// instead of its own it applies to nothing, not even to what meets a department beside where its list is in force.
func TestAreaOfDepartment(t *testing.T) {
	in := func(code string) geo.AreaKey { return geo.AdminKey(geo.Department, code) }
	b := NewBook([]List{{ID: "N"}, {ID: "LR", Region: "91"}, {ID: "A", Region: Apart}}, []Rule{
		{List: "LR", CdNom: 9, Level: 1},
		{List: "N", CdNom: 1, Level: 4, Area: in("34")},
		{List: "N", CdNom: 2, Level: 3, Area: in("81")},
		{List: "A", CdNom: 3, Level: 2, Area: in("34")},
		{List: "LR", CdNom: 4, Level: 2, Area: in("81")},
		{List: "A", CdNom: 5, Level: 2, Area: in("34"), Department: "81"},
	})
	for _, c := range []struct {
		cd   int
		in   []string
		want Level
	}{
		{1, []string{"34"}, 0}, {1, []string{"81"}, 0}, {1, []string{"34", "81"}, 0},
		{2, []string{"34"}, 0}, {2, []string{"81"}, 3}, {2, []string{"34", "81"}, 3},
		{3, []string{"34"}, 2}, {3, []string{"81"}, 0}, {3, []string{"34", "81"}, 2},
		{4, []string{"34"}, 0}, {4, []string{"81"}, 0}, {4, []string{"34", "81"}, 0},
		{5, []string{"34"}, 0}, {5, []string{"81"}, 0}, {5, []string{"34", "81"}, 0},
	} {
		f := Facts{Lineage: []taxon.CdNom{taxon.CdNom(c.cd)}, Departments: c.in}
		for _, d := range c.in {
			f.Areas = append(f.Areas, in(d))
		}
		if got := b.Evaluate(f); got.Level != c.want {
			t.Errorf("taxon %d in %v: level %v, want %v", c.cd, c.in, got.Level, c.want)
		}
	}
}
