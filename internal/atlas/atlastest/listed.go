package atlastest

import (
	"testing"

	"garrigue/internal/atlas"
	"garrigue/internal/taxon"
)

// Taxa of the listed snapshot: the golden eagle is named by a list that asks for department, the
// barbastelle by one that asks for nothing to be shown; nothing of either is published.
const (
	GoldenEagle taxon.CdRef = 2645
	Barbastelle taxon.CdRef = 60345
)

// Rules is a policy told to people, with two lists.
func Rules() *atlas.Rules {
	return &atlas.Rules{Version: "sinp-2016", Since: "2026-01-01", Mesh: "cell5",
		Kinds: []atlas.RuleKind{{Kind: "commune", Surface: 16.5e6}, {Kind: "cell5", Surface: 25e6}, {Kind: "cell10", Surface: 100e6},
			{Kind: "department", Surface: 5640e6}, {Kind: "region", Surface: 72_700e6}},
		Levels: []atlas.RuleLevel{{Code: "1", Kinds: []string{"cell5", "cell10", "department"}}, {Code: "2", Kinds: []string{"cell10", "department"}},
			{Code: "3", Kinds: []string{"department"}}, {Code: "4", Kinds: []string{}}, {List: "LR", Code: "2.4", Kinds: []string{"cell10"}}},
		Lists: []atlas.RuleList{{ID: "NAT", Name: "Liste nationale d’essai", Version: "2019", Citation: "Note d’essai", Departments: []string{"30"}, Taxa: 12},
			{ID: "LR", Name: "Liste régionale d’essai", Region: "91", Departments: []string{"34"}, Taxa: 7}},
		Dates: "month", Batch: atlas.RuleBatch{Every: "month", Minimum: 20}}
}

// Listed is the identity and references of the small snapshot with lists: taxa that they name and
// of which nothing is published have a sheet.
func Listed(t testing.TB) (atlas.Meta, atlas.References) {
	t.Helper()
	refs := References(t)
	names := append(Names(),
		taxon.Name{CdNom: 900020, CdRef: 900020, Parent: 900007, Rank: taxon.Genus, ScientificName: "Barbastella", FullName: "Barbastella",
			Kingdom: "Animalia", Phylum: "Chordata", Class: "Mammalia", Group1: "Chordés", Group2: "Mammifères"},
		taxon.Name{CdNom: 60345, CdRef: Barbastelle, Parent: 900020, Rank: taxon.Species, ScientificName: "Barbastella barbastellus", Author: "(Schreber, 1774)",
			FullName: "Barbastella barbastellus (Schreber, 1774)", Vernacular: "Barbastelle d’Europe", Kingdom: "Animalia", Phylum: "Chordata",
			Class: "Mammalia", Group1: "Chordés", Group2: "Mammifères"},
		taxon.Name{CdNom: 2645, CdRef: GoldenEagle, Parent: 900005, Rank: taxon.Species, ScientificName: "Aquila chrysaetos", Author: "(Linnaeus, 1758)",
			FullName: "Aquila chrysaetos (Linnaeus, 1758)", Vernacular: "Aigle royal", Kingdom: "Animalia", Phylum: "Chordata", Class: "Aves",
			Group1: "Chordés", Group2: "Oiseaux"},
		taxon.Name{CdNom: 900301, CdRef: GoldenEagle, Parent: 900005, Rank: taxon.Species, ScientificName: "Falco chrysaetos", Author: "Linnaeus, 1758",
			FullName: "Falco chrysaetos Linnaeus, 1758"})
	var err error
	refs.Taxonomy, err = taxon.NewTaxonomy(func(yield func(taxon.Name, error) bool) {
		for _, n := range names {
			if !yield(n, nil) {
				return
			}
		}
	}, refs.Withdrawn)
	if err != nil {
		t.Fatal(err)
	}
	refs.Statuses = append(refs.Statuses, taxon.Status{CdRef: GoldenEagle, Type: "LRN", Code: "VU", Label: "Vulnérable"},
		taxon.Status{CdRef: GoldenEagle, Type: "PN", Code: "NO3", Label: "Article 3"})
	lists := map[taxon.CdRef][]atlas.Listing{
		2657:        {{List: "NAT", Level: "3", Kinds: []string{"department"}, Varies: true}},
		60313:       {{List: "LR", Level: "2.4", Kinds: []string{"cell10"}, Departments: []string{"34"}, By: "Rhinolophidae"}},
		54475:       {{List: "NAT", Level: "4", Kinds: []string{}, Departments: []string{"30"}}},
		GoldenEagle: {{List: "NAT", Level: "3", Kinds: []string{"department"}}},
		Barbastelle: {{List: "NAT", Level: "4", Kinds: []string{}}},
	}
	refs.Listings = func(cd taxon.CdRef) []atlas.Listing { return lists[cd] }
	refs.Sensitive = func(cd taxon.CdRef) bool { return lists[cd] != nil }
	refs.Listed = []taxon.CdRef{GoldenEagle, 2657, 60313, Barbastelle, 54475, 999999} // the last is in no TAXREF
	meta := Identity()
	meta.Rules = Rules()
	return meta, refs
}

// ListedDir returns a new folder whose current snapshot is the small one with lists.
func ListedDir(t testing.TB) string {
	t.Helper()
	meta, refs := Listed(t)
	return publish(t, meta, refs, Published())
}
