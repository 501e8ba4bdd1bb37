package taxon_test

import (
	"compress/gzip"
	"encoding/csv"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"garrigue/internal/needs"
	"garrigue/internal/taxon"
)

func version(t interface{ Fatal(...any) }, names map[taxon.CdNom]taxon.CdRef, gone ...taxon.Withdrawn) *taxon.Taxonomy {
	x, err := taxon.NewTaxonomy(func(yield func(taxon.Name, error) bool) {
		for cd, ref := range names {
			n := taxon.Name{CdNom: cd, CdRef: ref, Rank: taxon.Species, ScientificName: "N" + strconv.Itoa(int(ref)), Kingdom: "Animalia", Class: "Aves"}
			if !yield(n, nil) {
				return
			}
		}
	}, gone)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestCompare(t *testing.T) {
	before := version(t, map[taxon.CdNom]taxon.CdRef{
		1: 1,              // unchanged
		2: 2, 3: 2, 30: 2, // splits: 3 becomes a taxon
		4: 4, 5: 5, 6: 6, // 4 and 5 become synonyms of 6
		7: 7, 8: 7, // recoded: 8 is now the valid name
		9:  9,         // withdrawn, nothing replaces it
		10: 10, 11: 1, // withdrawn, replaced by 1; a synonym lost
		12: 12, 13: 12, // 13 goes to 14, new: parted too
	})
	after := version(t, map[taxon.CdNom]taxon.CdRef{1: 1, 2: 2, 30: 2, 3: 3, 4: 6, 5: 6, 6: 6, 7: 8, 8: 8, 12: 12, 13: 14, 14: 14, 20: 20},
		taxon.Withdrawn{CdNom: 10, Replacement: 1}, taxon.Withdrawn{CdNom: 9})
	want := &taxon.Comparison{Added: []taxon.CdNom{14, 20}, Removed: []taxon.CdNom{9, 10, 11}, Lost: []taxon.CdNom{9, 11}, Changes: []taxon.Change{
		{Kind: taxon.Recoded, From: []taxon.CdRef{7}, To: []taxon.CdRef{8}},
		{Kind: taxon.Merged, From: []taxon.CdRef{1, 10}, To: []taxon.CdRef{1}},
		{Kind: taxon.Merged, From: []taxon.CdRef{4, 5, 6}, To: []taxon.CdRef{6}},
		{Kind: taxon.Parted, From: []taxon.CdRef{2}, To: []taxon.CdRef{2, 3}},
		{Kind: taxon.Parted, From: []taxon.CdRef{12}, To: []taxon.CdRef{12, 14}},
		{Kind: taxon.Gone, From: []taxon.CdRef{9}},
	}}
	if diff := cmp.Diff(want, taxon.Compare(before, after), cmp.Comparer(func(a, b []taxon.CdRef) bool { return slices.Equal(a, b) })); diff != "" {
		t.Error(diff)
	}
	if same := taxon.Compare(after, after); len(same.Added)+len(same.Removed)+len(same.Changes) > 0 {
		t.Errorf("a version differs from itself: %+v", same)
	}
}

func TestCompareWords(t *testing.T) {
	at := func(n taxon.Name) *taxon.Taxonomy {
		x, err := taxon.NewTaxonomy(func(yield func(taxon.Name, error) bool) { yield(n, nil) }, nil)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	a := taxon.Name{CdNom: 1, CdRef: 1, Rank: taxon.Species, ScientificName: "Parus ater", Kingdom: "Animalia", Class: "Aves", Group2: "Oiseaux"}
	b := a
	b.ScientificName, b.Rank, b.Group2, b.Class = "Periparus ater", taxon.Subspecies, "Reptiles", "Reptilia"
	var kinds []string
	for _, c := range taxon.Compare(at(a), at(b)).Changes {
		kinds = append(kinds, c.Kind.String())
	}
	if got := strings.Join(kinds, " "); got != "renamed rank group" {
		t.Errorf("changes %s", got)
	}
	b = a
	b.Author, b.Vernacular = "Linnaeus, 1758", "Mésange noire"
	if c := taxon.Compare(at(a), at(b)).Changes; len(c) > 0 {
		t.Errorf("an author is no change of name: %+v", c)
	}
}

// Whatever two versions hold, every name that leads to another taxon than before is told of.
func TestCompareTellsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) map[taxon.CdNom]taxon.CdRef {
			m := map[taxon.CdNom]taxon.CdRef{}
			for cd, ref := range rapid.MapOfN(rapid.Int32Range(1, 12), rapid.Int32Range(1, 12), 1, 10).Draw(t, label) {
				m[taxon.CdNom(ref)] = taxon.CdRef(ref)
				if _, valid := m[taxon.CdNom(cd)]; !valid {
					m[taxon.CdNom(cd)] = taxon.CdRef(ref)
				}
			}
			for cd, ref := range m { // a synonym of a synonym is a fault of the file, not of this test
				if m[taxon.CdNom(ref)] != ref {
					m[cd] = taxon.CdRef(cd)
				}
			}
			return m
		}
		old, new := draw("before"), draw("after")
		before, after := version(t, old), version(t, new)
		c := taxon.Compare(before, after)
		for cd := range old {
			was, _ := before.Resolve(cd)
			is, ok := after.Resolve(cd)
			if !ok {
				if !slices.Contains(c.Lost, cd) {
					t.Fatalf("%d is lost and not told", cd)
				}
				continue
			}
			if was.CdRef == is.CdRef {
				continue
			}
			if !slices.ContainsFunc(c.Changes, func(x taxon.Change) bool {
				return x.Kind <= taxon.Parted && slices.Contains(x.From, was.CdRef) && slices.Contains(x.To, is.CdRef)
			}) {
				t.Fatalf("%d went from %d to %d: not in %+v", cd, was.CdRef, is.CdRef, c.Changes)
			}
		}
	})
}

// The changes a regional platform listed by hand for v17 and v18: a pair of versions is built
// from each list, and every case declared must be found.
func TestCompareDeclaredCases(t *testing.T) {
	for _, v := range []string{"v17", "v18"} {
		t.Run(v, func(t *testing.T) {
			f, err := os.Open(needs.Shared(t, "data/reference/taxref-changements-"+v+".csv.gz"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			z, err := gzip.NewReader(f)
			if err != nil {
				t.Fatal(err)
			}
			rows, err := csv.NewReader(z).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			col := map[string]int{}
			for i, h := range rows[0] {
				col[h] = i
			}
			code := func(s string) taxon.CdNom {
				n, err := strconv.Atoi(strings.TrimSpace(s))
				if err != nil {
					t.Fatal(err)
				}
				return taxon.CdNom(n)
			}
			old, new := map[taxon.CdNom]taxon.CdRef{}, map[taxon.CdNom]taxon.CdRef{}
			fill := func(m map[taxon.CdNom]taxon.CdRef, ref, list string) {
				m[code(ref)] = taxon.CdRef(code(ref))
				for _, cd := range strings.Split(strings.Trim(list, "[]"), ",") {
					m[code(cd)] = taxon.CdRef(code(ref))
				}
			}
			for _, r := range rows[1:] {
				fill(old, r[col["i_cd_ref"]], r[col["i_cd_nom_list"]])
				fill(new, r[col["f_cd_ref"]], r[col["f_cd_nom_list"]])
			}
			c := taxon.Compare(version(t, old), version(t, new))
			for _, r := range rows[1:] {
				from, to, kase := taxon.CdRef(code(r[col["i_cd_ref"]])), taxon.CdRef(code(r[col["f_cd_ref"]])), r[col["cas"]]
				told := slices.ContainsFunc(c.Changes, func(x taxon.Change) bool {
					if !slices.Contains(x.From, from) || !slices.Contains(x.To, to) {
						return false
					}
					switch kase {
					case "split":
						return x.Kind == taxon.Parted
					case "merge": // the list also calls so the taxon whose names leave for another
						return x.Kind == taxon.Merged || x.Kind == taxon.Parted
					}
					return x.Kind == taxon.Recoded
				})
				if !told {
					t.Errorf("%s: %d %s → %d %s is not told", kase, from, r[col["i_cd_nom_list"]], to, r[col["f_cd_nom_list"]])
				}
			}
		})
	}
}
