package atlas_test

import (
	"context"
	"slices"
	"testing"

	"garrigue/internal/atlas"
	"garrigue/internal/atlas/atlastest"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

func openListed(t *testing.T, ps []disclosure.Published) *atlas.Atlas {
	t.Helper()
	meta, refs := atlastest.Listed(t)
	path := t.TempDir() + "/listed.gpkg"
	atlastest.Write(t, path, meta, refs, ps)
	a, err := atlas.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// TestListed: a taxon that a list names has its sheet without an observation, is found, and counts
// nowhere.
func TestListed(t *testing.T) {
	ctx := context.Background()
	a, plain := openListed(t, atlastest.Published()), atlastest.Open(t)
	if a.Meta().Taxa != plain.Meta().Taxa || a.Meta().Observations != plain.Meta().Observations {
		t.Errorf("%d species and %d observations, without lists %d and %d", a.Meta().Taxa, a.Meta().Observations, plain.Meta().Taxa, plain.Meta().Observations)
	}
	audit, err := a.Audit(ctx)
	if err != nil || len(audit.Problems) > 0 {
		t.Fatal(audit.Problems, err)
	}
	sh, err := a.Taxon(ctx, atlastest.GoldenEagle)
	if err != nil {
		t.Fatal(err)
	}
	if !sh.Unseen() || sh.RedList != "VU" || !sh.Protected || !sh.Sensitive || len(sh.Lists) != 1 || sh.MayHide() || len(sh.Statuses) != 2 ||
		len(sh.Years)+len(sh.Cells)+len(sh.Coarse)+len(sh.Departments)+len(sh.Organisations) > 0 || sh.LastDate != "" || sh.FirstYear != 0 {
		t.Errorf("golden eagle: %+v", sh)
	}
	if bat, err := a.Taxon(ctx, atlastest.Barbastelle); err != nil || !bat.MayHide() || !bat.Unseen() {
		t.Errorf("barbastelle: %+v %v", bat, err)
	}
	if genus, err := a.Taxon(ctx, 900020); err != nil || !genus.Unseen() || genus.Species != 0 {
		t.Errorf("its genus: %+v %v", genus, err)
	}
	if ref, err := a.Resolve(ctx, 900301); err != nil || ref != atlastest.GoldenEagle {
		t.Errorf("a synonym leads to %d, %v", ref, err)
	}
	if hits, _ := a.Search(ctx, "aigle", 10); len(hits) != 2 || hits[0].Taxon.CdRef != 2657 || hits[1].Taxon.CdRef != atlastest.GoldenEagle {
		t.Errorf("search: %+v", hits)
	}
	if _, err := a.Taxon(ctx, 999999); !fault.Is(err, fault.NotFound) {
		t.Errorf("a code of no TAXREF: %v", err)
	}
	home, err := a.Home(ctx)
	if err != nil {
		t.Fatal(err)
	}
	first, err := plain.Home(ctx)
	if err != nil || !slices.Equal(home.Groups, first.Groups) {
		t.Errorf("groups %v, without lists %v (%v)", home.Groups, first.Groups, err)
	}
}

func TestListedInLists(t *testing.T) {
	ctx := context.Background()
	a := openListed(t, atlastest.Published())
	count := func(f atlas.ListFilter, under taxon.CdRef) (n int, seen []taxon.CdRef) {
		rows, total, err := a.Taxa(ctx, under, f)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			seen = append(seen, rows[i].CdRef)
		}
		return total, seen
	}
	n, seen := count(atlas.ListFilter{}, 0)
	if n != a.Meta().Taxa || slices.Contains(seen, atlastest.GoldenEagle) {
		t.Errorf("all species: %d, %v", n, seen)
	}
	if m, seen := count(atlas.ListFilter{Unseen: true}, 0); m != n+2 || !slices.Contains(seen, atlastest.GoldenEagle) {
		t.Errorf("with the unseen: %d", m)
	}
	if _, seen := count(atlas.ListFilter{Status: "sensitive", Order: "sci"}, 0); !slices.Equal(seen, []taxon.CdRef{atlastest.GoldenEagle, 2657, atlastest.Barbastelle, 54475, 60313}) {
		t.Errorf("sensitive: %v", seen)
	}
	if n, _ := count(atlas.ListFilter{}, 900020); n != 0 {
		t.Errorf("below the genus: %d", n)
	}
}

// TestSearched: where tits abound, an eagle was searched for, but for the cells of its department
// and those of its own.
func TestSearched(t *testing.T) {
	ctx := context.Background()
	ps := atlastest.Published()
	var tits []disclosure.Published
	for i := range ps {
		if ps[i].CdRef == 3764 { // three cells, of 34001, 34002 and 30002; years 2025, 2025 and 2022
			for range 6 {
				tits = append(tits, ps[i])
			}
		}
	}
	a := openListed(t, append(ps, tits...))
	cell := func(e, n int) geo.AreaKey { return geo.CellKey(geo.Cell5, e, n) }
	for _, c := range []struct {
		name     string
		cd       taxon.CdRef
		from, to int
		want     []geo.AreaKey
	}{
		{"the tit itself", 3764, 0, 0, nil},
		{"a martin, seen elsewhere", 459478, 0, 0, []geo.AreaKey{cell(700, 6300), cell(715, 6305), cell(720, 6310)}},
		{"in the tit's years", 459478, 2022, 2022, []geo.AreaKey{cell(720, 6310)}},
		{"in other years", 459478, 1990, 2000, nil},
		{"the eagle of the department", 2657, 0, 0, []geo.AreaKey{cell(720, 6310)}},
		{"an eagle never seen", atlastest.GoldenEagle, 0, 0, []geo.AreaKey{cell(700, 6300), cell(715, 6305), cell(720, 6310)}},
		{"another group", 54475, 0, 0, nil},
		{"what may be hidden", atlastest.Barbastelle, 0, 0, nil},
	} {
		got, err := a.Searched(ctx, c.cd, c.from, c.to)
		slices.Sort(got)
		slices.Sort(c.want)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v (%v)", c.name, got, c.want, err)
		}
	}
	if _, err := a.Searched(ctx, 999999, 0, 0); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown taxon: %v", err)
	}
	// Of the martin in 2012, its own cell of 2024 was searched by nobody.
	if got, _ := a.Searched(ctx, 459478, 2025, 2025); len(got) != 2 {
		t.Errorf("of one year: %v", got)
	}
}

// TestWhy: reasons are counted by area.
func TestWhy(t *testing.T) {
	sh, err := openListed(t, atlastest.Published()).Taxon(context.Background(), 2657)
	if err != nil || len(sh.Coarse) != 1 || sh.Coarse[0].Why != [4]int32{3, 0, 0, 0} {
		t.Errorf("%+v %v", sh, err)
	}
}
