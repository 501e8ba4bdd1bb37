package ingest

import (
	"context"
	"iter"
	"path/filepath"
	"testing"

	"github.com/paulmach/orb"

	"garrigue/internal/geo"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// The small world of the tests: two communes side by side, 10 km or so each, in department
// 34, a third in department 30 north of them; five taxa; one sensitivity list.
//
//	lat 43.7 ┌────────────────────┐
//	         │ 30003 Nord         │
//	    43.6 ├─────────┬──────────┤
//	         │ 34001   │ 34002    │
//	         │ Ouest   │ Est      │
//	    43.5 └─────────┴──────────┘
//	       3.0        3.1        3.2
func smallAreas() (communes, departments []geo.Area) {
	box := func(k geo.Kind, code, name string, parent geo.AreaKey, x0, y0, x1, y1 float64) geo.Area {
		return geo.Area{Key: geo.AdminKey(k, code), Name: name, Parent: parent,
			Geometry: orb.MultiPolygon{{{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}, {x0, y0}}}}}
	}
	d30, d34 := geo.AdminKey(geo.Department, "30"), geo.AdminKey(geo.Department, "34")
	communes = []geo.Area{box(geo.Commune, "30003", "Nord", d30, 3, 43.6, 3.2, 43.7),
		box(geo.Commune, "34001", "Ouest", d34, 3, 43.5, 3.1, 43.6), box(geo.Commune, "34002", "Est", d34, 3.1, 43.5, 3.2, 43.6)}
	departments = []geo.Area{box(geo.Department, "30", "Haut", 0, 3, 43.6, 3.2, 43.7), box(geo.Department, "34", "Bas", 0, 3, 43.5, 3.2, 43.6)}
	return communes, departments
}

func smallTaxa() []taxon.Name {
	return []taxon.Name{
		{CdNom: 100, CdRef: 100, Rank: taxon.Genus, ScientificName: "Delichon", Author: "Horsfield & Moore, 1854", Kingdom: "Animalia", Class: "Aves", Family: "Hirundinidae"},
		{CdNom: 459478, CdRef: 459478, Parent: 100, Rank: taxon.Species, ScientificName: "Delichon urbicum", Author: "(Linnaeus, 1758)", Vernacular: "Hirondelle de fenêtre", Kingdom: "Animalia", Class: "Aves", Family: "Hirundinidae"},
		{CdNom: 900001, CdRef: 459478, Rank: taxon.Species, ScientificName: "Delichon urbica", Author: "(Linnaeus, 1758)", Kingdom: "Animalia", Class: "Aves", Family: "Hirundinidae"},
		{CdNom: 60612, CdRef: 60612, Rank: taxon.Species, ScientificName: "Lynx lynx", Author: "(Linnaeus, 1758)", Vernacular: "Lynx boréal", Kingdom: "Animalia", Class: "Mammalia", Family: "Felidae"},
		{CdNom: 67111, CdRef: 67111, Rank: taxon.Species, ScientificName: "Alburnus alburnus", Author: "(Linnaeus, 1758)", Vernacular: "Ablette", Kingdom: "Animalia", Class: "Actinopterygii", Family: "Leuciscidae"},
		{CdNom: 351, CdRef: 351, Rank: taxon.Species, ScientificName: "Rana temporaria", Author: "Linnaeus, 1758", Kingdom: "Animalia", Class: "Amphibia", Family: "Ranidae"},
	}
}

func seq[T any](rows []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// loadSmall loads the small world into a vault.
func loadSmall(t testing.TB, db *vault.DB) {
	t.Helper()
	ctx := context.Background()
	must := func(_ vault.Reference, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(db.PutNames(ctx, vault.Reference{Kind: "taxref", Name: "taxa", SHA256: "1"}, seq(smallTaxa())))
	must(db.PutWithdrawn(ctx, vault.Reference{Kind: "withdrawn", Name: "withdrawn", SHA256: "2"}, seq([]taxon.Withdrawn{{CdNom: 999, Replacement: 67111}})))
	must(db.PutSensitivity(ctx, vault.Reference{Kind: "sensitivity", Name: "list", SHA256: "3"}, []sensitivity.List{{ID: "9", Name: "essai"}},
		seq([]sensitivity.Rule{{List: "9", CdNom: 60612, Level: 2}, {List: "9", CdNom: 351, Level: 3, Department: "34", BioStatus: "3"}})))
	communes, departments := smallAreas()
	must(db.PutAreas(ctx, vault.Reference{Kind: "areas", Name: "communes", SHA256: "4"}, geo.Commune, seq(communes)))
	must(db.PutAreas(ctx, vault.Reference{Kind: "areas", Name: "departements", SHA256: "5"}, geo.Department, seq(departments)))
}

// smallVault returns a vault with the small world in it, and its path.
func smallVault(t testing.TB) (*vault.DB, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vault.sqlite")
	db := openVault(t, path)
	loadSmall(t, db)
	return db, path
}

func smallTaxonomy(t testing.TB) *taxon.Taxonomy {
	t.Helper()
	x, err := taxon.NewTaxonomy(seq(smallTaxa()), []taxon.Withdrawn{{CdNom: 999, Replacement: 67111}})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func smallBook() *sensitivity.Book {
	return sensitivity.NewBook([]sensitivity.List{{ID: "9"}}, []sensitivity.Rule{{List: "9", CdNom: 60612, Level: 2}})
}
