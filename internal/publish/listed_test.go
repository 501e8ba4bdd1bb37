package publish_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/atlas"
	"garrigue/internal/atlas/atlastest"
	"garrigue/internal/publish"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
)

// hiding are lists that name what the vault holds and what it does not: nothing of 3764 may be
// shown, 60630 is named at level 2 in one department, 54475 through its order.
func hiding() ([]sensitivity.List, []sensitivity.Rule) {
	return []sensitivity.List{{ID: "9", Name: "essai"}, {ID: "A", Name: "à part", Region: sensitivity.Apart}},
		[]sensitivity.Rule{{List: "9", CdNom: 3764, Level: 4}, {List: "A", CdNom: 60630, Level: 2, Department: "34"},
			{List: "A", CdNom: 900013, Level: 1, From: 401, To: 731}, {List: "9", CdNom: 2657, Level: 3}, {List: "9", CdNom: 999999, Level: 3},
			{List: "9", CdNom: 116704, Level: 2, Department: "81"}, {List: "9", CdNom: 77619, Level: 0}}
}

// TestListedSheets: the taxa that lists name have a sheet, whatever the vault holds, with what is
// asked on this territory.
func TestListedSheets(t *testing.T) {
	db, dir := fill(t, sights), t.TempDir()
	lists, rules := hiding()
	adopt(t, db, lists, rules)
	res, err := publish.Run(t.Context(), db, options(dir))
	if err != nil {
		t.Fatal(err)
	}
	a, err := atlas.Open(filepath.Join(dir, res.ID+".gpkg"))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for cd, want := range map[taxon.CdRef][]atlas.Listing{
		3764:   {{List: "9", Level: "4", Kinds: []string{}}},
		60630:  {{List: "A", Level: "2", Kinds: []string{"cell10", "department"}, Departments: []string{"34"}}},
		900013: {{List: "A", Level: "1", Kinds: []string{"commune", "cell10", "department"}, Varies: true}},
		2657:   {{List: "9", Level: "3", Kinds: []string{"department"}}},
	} {
		sh, err := a.Taxon(t.Context(), cd)
		if err != nil {
			t.Errorf("%d: %v", cd, err)
			continue
		}
		if diff := cmp.Diff(want, sh.Lists); diff != "" || (cd != 2657) != sh.Unseen() {
			t.Errorf("%d, %d observations (-want +got): %s", cd, sh.Observations, diff)
		}
	}
	// Named elsewhere, at level 0, below what is named, or in no TAXREF: no sheet for it.
	for _, cd := range []taxon.CdRef{116704, 77619, 54475, 999999} {
		if sh, err := a.Taxon(t.Context(), cd); err == nil {
			t.Errorf("%d has a sheet: %+v", cd, sh)
		}
	}
}

// TestHiddenLeavesNoTrace: the snapshot is the same whether or not the vault holds observations of
// a taxon that may not be shown; so are its pages, made from nothing else.
func TestHiddenLeavesNoTrace(t *testing.T) {
	lists, rules := hiding()
	ids := []string{}
	for _, more := range [][]sight{nil, {{"h1", 3764, 703000, 6303000, "2025-03-01", 4, nil}, {"h2", 3764, 725000, 6312000, "2024-03-01", 4, nil}}} {
		db, dir := fill(t, slices.Concat(sights, more)), t.TempDir()
		adopt(t, db, lists, rules)
		res, err := publish.Run(t.Context(), db, options(dir))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, res.ID)
	}
	if ids[0] != ids[1] {
		t.Errorf("snapshots %s and %s", ids[0], ids[1])
	}
}

// TestListingsByName: a taxon below one that a list names says which.
func TestListingsByName(t *testing.T) {
	db, dir := fill(t, slices.Concat(sights, []sight{{"i1", 54475, 703000, 6313000, "2024-03-01", 1, nil}})), t.TempDir()
	lists, rules := hiding()
	adopt(t, db, lists, rules)
	res, err := publish.Run(t.Context(), db, options(dir))
	if err != nil {
		t.Fatal(err)
	}
	a, err := atlas.Open(filepath.Join(dir, res.ID+".gpkg"))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	sh, err := a.Taxon(t.Context(), 54475)
	if err != nil || len(sh.Lists) != 1 || sh.Lists[0].By != "Lepidoptera" || sh.Lists[0].Level != "1" {
		t.Errorf("%+v %v", sh, err)
	}
	// A place without it: its group was not searched there.
	if got, err := a.Searched(t.Context(), atlastest.GoldenEagle, 0, 0); err == nil {
		t.Errorf("a taxon without sheet: %v", got)
	}
	if got, err := a.Searched(t.Context(), 3764, 0, 0); err != nil || len(got) != 0 {
		t.Errorf("what may be hidden: %v %v", got, err)
	}
}
