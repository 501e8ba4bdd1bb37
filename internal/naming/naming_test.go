package naming_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"garrigue/internal/naming"
	"garrigue/internal/taxon"
)

func bird(cd taxon.CdNom, ref taxon.CdRef, rank taxon.Rank, sci, author, vern string) taxon.Name {
	return taxon.Name{CdNom: cd, CdRef: ref, Rank: rank, ScientificName: sci, Author: author, FullName: strings.TrimSpace(sci + " " + author),
		Vernacular: vern, Kingdom: "Animalia", Phylum: "Chordata", Class: "Aves", Group1: "Chordés", Group2: "Oiseaux"}
}

func plant(cd taxon.CdNom, ref taxon.CdRef, rank taxon.Rank, sci, author, vern string) taxon.Name {
	n := bird(cd, ref, rank, sci, author, vern)
	n.Kingdom, n.Phylum, n.Class, n.Group1, n.Group2 = "Plantae", "", "Equisetopsida", "Trachéophytes", "Angiospermes"
	return n
}

func insect(cd taxon.CdNom, ref taxon.CdRef, rank taxon.Rank, sci, author, vern string) taxon.Name {
	n := bird(cd, ref, rank, sci, author, vern)
	n.Phylum, n.Class, n.Order, n.Group1, n.Group2 = "Arthropoda", "Insecta", "Hymenoptera", "Arthropodes", "Insectes"
	return n
}

func names() []taxon.Name {
	in := func(parent taxon.CdNom, n taxon.Name) taxon.Name { n.Parent = parent; return n }
	frog := bird(31, 31, taxon.Species, "Pelophylax kl. esculentus", "(Linnaeus, 1758)", "Grenouille commune")
	frog.Class, frog.Group2 = "Amphibia", "Amphibiens"
	return []taxon.Name{
		bird(1, 1, taxon.Genus, "Larus", "Linnaeus, 1758", ""),
		in(1, bird(2, 2, taxon.Species, "Larus cachinnans", "Pallas, 1811", "Goéland pontique")),
		in(1, bird(3, 3, taxon.Species, "Larus michahellis", "Naumann, 1840", "Goéland leucophée")),
		bird(10, 10, taxon.Genus, "Delichon", "Horsfield & Moore, 1854", ""),
		in(10, bird(11, 11, taxon.Species, "Delichon urbicum", "(Linnaeus, 1758)", "Hirondelle de fenêtre (L')")),
		bird(12, 11, taxon.Species, "Delichon urbica", "(Linnaeus, 1758)", ""),
		in(11, bird(13, 13, taxon.Subspecies, "Delichon urbicum urbicum", "(Linnaeus, 1758)", "Hirondelle de fenêtre")),
		bird(20, 20, taxon.Species, "Parus ater", "Linnaeus, 1758", "Mésange noire, Petite mésange"),
		bird(21, 21, taxon.Species, "Parus major", "Linnaeus, 1758", "Petite mésange"),
		bird(22, 22, taxon.Genus, "Parus", "Linnaeus, 1758", ""),
		frog,
		insect(40, 40, taxon.Genus, "Bombus", "Latreille, 1802", ""),
		in(40, insect(41, 41, taxon.Species, "Bombus lucorum", "(Linnaeus, 1761)", "Bourdon des saussaies")),
		in(40, insect(42, 42, taxon.Aggregate, "Bombus terrestris gr.", "", "")),
		in(40, insect(43, 43, taxon.Species, "Bombus terrestris", "(Linnaeus, 1758)", "")),
		// A genus of plants and one of insects, and two authors of one name.
		plant(50, 50, taxon.Genus, "Oenanthe", "L., 1753", ""),
		bird(51, 51, taxon.Genus, "Oenanthe", "Vieillot, 1816", ""),
		plant(52, 52, taxon.Species, "Poa alpina", "L., 1753", ""),
		plant(53, 54, taxon.Species, "Poa alpina", "Smith, 1800", ""),
		plant(54, 54, taxon.Species, "Poa media", "Smith", ""),
		plant(60, 60, taxon.Species, "Lamium amplexicaule", "L., 1753", "Lamier"),
		in(60, plant(61, 61, taxon.Subspecies, "Lamium amplexicaule subsp. amplexicaule", "L., 1753", "")),
		in(60, plant(62, 62, taxon.Variety, "Lamium amplexicaule var. clandestinum", "Rchb., 1831", "")),
		plant(63, 63, taxon.Species, "Quercus x hispanica", "Lam., 1783", ""),
		plant(64, 64, taxon.Genus, "Quercus", "L., 1753", ""),
		in(64, plant(65, 65, taxon.Species, "Quercus ilex", "L., 1753", "Chêne vert")),
		in(64, plant(66, 66, taxon.Species, "Quercus suber", "L., 1753", "Chêne-liège")),
		plant(67, 67, taxon.Species, "Serapicamptis timbalii", "H.Kretzschmar, 2007", ""),
	}
}

func seq(rows []taxon.Name) func(func(taxon.Name, error) bool) {
	return func(yield func(taxon.Name, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func taxonomy(t testing.TB) *taxon.Taxonomy {
	t.Helper()
	x, err := taxon.NewTaxonomy(seq(names()), []taxon.Withdrawn{{CdNom: 900, Replacement: 901}, {CdNom: 901, Replacement: 12},
		{CdNom: 902, Replacement: 2}, {CdNom: 902, Replacement: 3}, {CdNom: 903}, {CdNom: 904, Replacement: 905}, {CdNom: 905, Replacement: 904},
		{CdNom: 906, Replacement: 11}, {CdNom: 906, Replacement: 12}})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func resolver(t testing.TB, o naming.Options) *naming.Resolver {
	t.Helper()
	return naming.NewResolver(taxonomy(t), o)
}

// The book of names: what producers write, and what it must lead to. "taxon" is the CD_REF;
// 0 with candidates is a question for a person.
func TestBook(t *testing.T) {
	r := resolver(t, naming.Options{Suggest: true, Species: map[string]taxon.CdNom{"354": 900, "77": 4242}})
	for _, c := range []struct {
		g          naming.Given
		outcome    naming.Outcome
		how        naming.How
		cd         taxon.CdNom
		notes      string // R raised, V vernacular, M mismatch, D disagree
		candidates []taxon.CdRef
	}{
		// Codes.
		{naming.Given{Code: 11}, naming.Matched, naming.ByCode, 11, "", nil},
		{naming.Given{Code: 900}, naming.Matched, naming.ByReplaced, 12, "", nil},
		{naming.Given{Code: 906}, naming.Matched, naming.ByReplaced, 11, "", nil},
		{naming.Given{Code: 902}, naming.Ambiguous, naming.NoWay, 0, "", []taxon.CdRef{2, 3}},
		{naming.Given{Code: 902, Cited: "Larus michahellis Naumann"}, naming.Matched, naming.ByReplaced, 3, "", nil},
		{naming.Given{Code: 903}, naming.Unknown, naming.NoWay, 0, "", nil},
		{naming.Given{Code: 904}, naming.Unknown, naming.NoWay, 0, "", nil},
		{naming.Given{Code: 777, Cited: "Larus michahellis"}, naming.Unknown, naming.NoWay, 0, "", []taxon.CdRef{3}},
		{naming.Given{Code: 11, Cited: "Hirondelle de fenêtre"}, naming.Matched, naming.ByCode, 11, "", nil},
		{naming.Given{Code: 11, Cited: "Delichon urbica (L., 1758)"}, naming.Matched, naming.ByCode, 11, "", nil},
		{naming.Given{Code: 11, Cited: "Delichon sp."}, naming.Matched, naming.ByCode, 11, "", nil},
		{naming.Given{Code: 11, Cited: "Goéland leucophée"}, naming.Matched, naming.ByCode, 11, "M", nil},
		{naming.Given{Code: 11, Cited: "petite mésange"}, naming.Matched, naming.ByCode, 11, "M", nil},
		{naming.Given{Code: 11, Cited: "un oiseau"}, naming.Matched, naming.ByCode, 11, "", nil},
		{naming.Given{Species: "354", Scientific: "Delichon urbicum"}, naming.Matched, naming.BySpecies, 12, "", nil},
		{naming.Given{Species: "354", Scientific: "Larus cachinnans"}, naming.Matched, naming.BySpecies, 12, "M", nil},
		{naming.Given{Species: "77", Scientific: "Larus cachinnans"}, naming.Matched, naming.ByScientific, 2, "", nil},
		// Scientific names.
		{naming.Given{Cited: "Delichon urbicum"}, naming.Matched, naming.ByScientific, 11, "", nil},
		{naming.Given{Cited: "Delichon urbica"}, naming.Matched, naming.ByScientific, 12, "", nil},
		{naming.Given{Cited: "  DELICHON   URBICUM "}, naming.Matched, naming.ByScientific, 11, "", nil},
		{naming.Given{Cited: "delichon urbicum"}, naming.Matched, naming.ByScientific, 11, "", nil},
		{naming.Given{Cited: "Delichon urbicum (Linné 1758)"}, naming.Matched, naming.ByParsed, 11, "", nil},
		{naming.Given{Cited: "Delichon urbicum [Linnaeus, 1758]"}, naming.Matched, naming.ByScientific, 11, "", nil},
		{naming.Given{Cited: "Delichon (Delichon) urbicum"}, naming.Matched, naming.ByParsed, 11, "", nil},
		{naming.Given{Cited: "Delichon urbicum s.l."}, naming.Matched, naming.ByParsed, 11, "", nil},
		{naming.Given{Cited: "Delichon urbicum auct. non L."}, naming.Unknown, naming.NoWay, 0, "", []taxon.CdRef{11}},
		{naming.Given{Cited: "Lamium amplexicaule amplexicaule"}, naming.Matched, naming.ByScientific, 61, "", nil},
		{naming.Given{Cited: "Lamium amplexicaule ssp. amplexicaule L."}, naming.Matched, naming.ByParsed, 61, "", nil},
		{naming.Given{Cited: "Lamium amplexicaule clandestinum"}, naming.Matched, naming.ByScientific, 62, "", nil},
		{naming.Given{Cited: "Parus major major"}, naming.Matched, naming.ByParsed, 21, "R", nil},
		{naming.Given{Cited: "Parus major newtoni"}, naming.Unknown, naming.NoWay, 0, "", []taxon.CdRef{21, 22}},
		{naming.Given{Cited: "Quercus × hispanica"}, naming.Matched, naming.ByScientific, 63, "", nil},
		{naming.Given{Cited: "Quercus hispanica Lam."}, naming.Matched, naming.ByParsed, 63, "", nil},
		{naming.Given{Cited: "x Serapicamptis timbalii"}, naming.Matched, naming.ByParsed, 67, "", nil},
		{naming.Given{Cited: "Quercus ilex x Quercus suber"}, naming.Matched, naming.ByParsed, 64, "R", nil},
		{naming.Given{Cited: "Larus cachinnans x Parus major"}, naming.Unknown, naming.NoWay, 0, "", []taxon.CdRef{2, 21}},
		{naming.Given{Cited: "Pelophylax kl. esculentus (Linnaeus, 1758)"}, naming.Matched, naming.ByScientific, 31, "", nil},
		{naming.Given{Cited: "Pelophylax esculentus"}, naming.Matched, naming.ByScientific, 31, "", nil},
		{naming.Given{Cited: "Pelophylax kl. esculentus (L.)"}, naming.Matched, naming.ByParsed, 31, "", nil},
		// What is not sure of a name.
		{naming.Given{Cited: "Larus sp."}, naming.Matched, naming.ByParsed, 1, "R", nil},
		{naming.Given{Cited: "Larus spp"}, naming.Matched, naming.ByParsed, 1, "R", nil},
		{naming.Given{Cited: "Larus indéterminé"}, naming.Matched, naming.ByParsed, 1, "R", nil},
		{naming.Given{Cited: "Larus cf. cachinnans"}, naming.Matched, naming.ByParsed, 1, "R", nil},
		{naming.Given{Cited: "Larus aff. cachinnans Pallas"}, naming.Matched, naming.ByParsed, 1, "R", nil},
		{naming.Given{Cited: "Larus cachinnans ?"}, naming.Matched, naming.ByParsed, 1, "R", nil},
		{naming.Given{Cited: "cf. Larus cachinnans"}, naming.Unknown, naming.NoWay, 0, "", []taxon.CdRef{2}},
		{naming.Given{Cited: "Delichon urbicum cf. urbicum"}, naming.Matched, naming.ByParsed, 11, "R", nil},
		{naming.Given{Cited: "Larus cachinnans/michahellis"}, naming.Matched, naming.ByParsed, 1, "R", nil},
		{naming.Given{Cited: "Larus cachinnans / Larus michahellis"}, naming.Matched, naming.ByParsed, 1, "R", nil},
		{naming.Given{Cited: "Larus cachinnans ou Parus major"}, naming.Unknown, naming.NoWay, 0, "", []taxon.CdRef{2}},
		{naming.Given{Cited: "Bombus lucorum complex"}, naming.Matched, naming.ByParsed, 40, "R", nil},
		{naming.Given{Cited: "Bombus gr. terrestris"}, naming.Matched, naming.ByParsed, 42, "", nil},
		{naming.Given{Cited: "Bombus terrestris aggr."}, naming.Matched, naming.ByParsed, 42, "", nil},
		// Homonyms.
		{naming.Given{Cited: "Oenanthe"}, naming.Ambiguous, naming.NoWay, 0, "", []taxon.CdRef{50, 51}},
		{naming.Given{Cited: "Oenanthe", Kingdom: "Plantae"}, naming.Matched, naming.ByScientific, 50, "", nil},
		{naming.Given{Cited: "Oenanthe", Class: "Aves"}, naming.Matched, naming.ByScientific, 51, "", nil},
		{naming.Given{Cited: "Oenanthe sp.", Group: "Oiseaux"}, naming.Matched, naming.ByParsed, 51, "R", nil},
		{naming.Given{Cited: "Oenanthe Vieillot"}, naming.Matched, naming.ByParsed, 51, "", nil},
		{naming.Given{Scientific: "Oenanthe", Author: "Vieillot, 1816"}, naming.Matched, naming.ByScientific, 51, "", nil},
		{naming.Given{Cited: "Delichon urbicum", Kingdom: "Plantae"}, naming.Ambiguous, naming.NoWay, 0, "", []taxon.CdRef{11}},
		{naming.Given{Cited: "Poa alpina"}, naming.Ambiguous, naming.NoWay, 0, "", []taxon.CdRef{52, 54}},
		{naming.Given{Cited: "Poa alpina Linnaeus"}, naming.Matched, naming.ByParsed, 52, "", nil},
		{naming.Given{Cited: "Poa alpina Sm."}, naming.Matched, naming.ByParsed, 53, "", nil},
		// Vernacular names.
		{naming.Given{Cited: "Hirondelle de fenetre"}, naming.Matched, naming.ByVernacular, 11, "V", nil},
		{naming.Given{Cited: "l'hirondelle de fenêtre"}, naming.Matched, naming.ByVernacular, 11, "V", nil},
		{naming.Given{Cited: "Chêne liège"}, naming.Matched, naming.ByVernacular, 66, "V", nil},
		{naming.Given{Cited: "Petite mésange"}, naming.Ambiguous, naming.NoWay, 0, "", []taxon.CdRef{20, 21}},
		{naming.Given{Scientific: "Larus cachinnans", Cited: "Goéland leucophée"}, naming.Matched, naming.ByScientific, 2, "D", nil},
		{naming.Given{Scientific: "Larus cachinnans", Cited: "Goéland pontique"}, naming.Matched, naming.ByScientific, 2, "", nil},
		{naming.Given{Scientific: "Laridae indet.", Cited: "Goéland pontique"}, naming.Matched, naming.ByVernacular, 2, "V", nil},
		// Unknown: nothing is guessed, the nearest are proposed.
		{naming.Given{Cited: "Delichon urbikum"}, naming.Unknown, naming.NoWay, 0, "", []taxon.CdRef{11, 10}},
		{naming.Given{Cited: "Delicon urbicum"}, naming.Unknown, naming.NoWay, 0, "", []taxon.CdRef{11}},
		{naming.Given{Cited: "Goéland leucofée"}, naming.Unknown, naming.NoWay, 0, "", []taxon.CdRef{3}},
		{naming.Given{Cited: "Ornithorynque"}, naming.Unknown, naming.NoWay, 0, "", nil},
		{naming.Given{}, naming.Unknown, naming.NoWay, 0, "", nil},
	} {
		a := r.Resolve(c.g)
		var got strings.Builder
		for i, n := range []naming.Note{naming.Raised, naming.Vernacular, naming.Mismatch, naming.Disagree} {
			if a.Has(n) {
				got.WriteByte("RVMD"[i])
			}
		}
		var refs []taxon.CdRef
		for _, x := range a.Candidates {
			refs = append(refs, x.CdRef)
		}
		if a.Outcome != c.outcome || a.How != c.how || a.CdNom != c.cd || got.String() != c.notes || !slices.Equal(refs, c.candidates) {
			t.Errorf("%+v:\n  %s by %s, %d %q, candidates %v\n  want %s by %s, %d %q, %v", c.g, a.Outcome, a.How, a.CdNom, got.String(), refs,
				c.outcome, c.how, c.cd, c.notes, c.candidates)
		}
	}
}

func TestDecisions(t *testing.T) {
	taken := []naming.Decision{
		{Cited: "Petite mésange", CdNom: 20}, {Cited: "petite mesange", CdNom: 21, Source: "lpo"}, {Cited: "Petite Mésange", Dataset: "jdd"},
		{Cited: "Aucune espèce"}, {Cited: "Rien", CdNom: 11}, {Cited: "rien", Revoked: true}, {Cited: "Vieux", CdNom: 900},
		{Cited: "Perdu", CdNom: 903}, {Cited: "cd_nom 777", CdNom: 3},
	}
	r := resolver(t, naming.Options{Decisions: naming.NewDecisions(taken)})
	for _, c := range []struct {
		g       naming.Given
		outcome naming.Outcome
		cd      taxon.CdNom
	}{
		{naming.Given{Cited: "petite mésange"}, naming.Matched, 20},
		{naming.Given{Cited: "petite mésange", Source: "lpo"}, naming.Matched, 21},
		{naming.Given{Cited: "petite mésange", Source: "lpo", Dataset: "jdd"}, naming.NotTaxon, 0},
		{naming.Given{Cited: "petite mésange", Source: "autre"}, naming.Matched, 20},
		{naming.Given{Scientific: "aucune espece"}, naming.NotTaxon, 0},
		{naming.Given{Cited: "Rien"}, naming.Unknown, 0},
		{naming.Given{Cited: "vieux"}, naming.Matched, 12}, // the code decided was withdrawn since: followed
		{naming.Given{Cited: "perdu"}, naming.Unknown, 0},  // and this one leads nowhere: to be settled again
		{naming.Given{Code: 777}, naming.Matched, 3},
		{naming.Given{Code: 11, Cited: "petite mésange"}, naming.Matched, 11}, // a code TAXREF knows is no question
	} {
		a := r.Resolve(c.g)
		if a.Outcome != c.outcome || a.CdNom != c.cd {
			t.Errorf("%+v: %s %d, want %s %d", c.g, a.Outcome, a.CdNom, c.outcome, c.cd)
		}
	}
}

// Whatever is written, the answer is the same each time, from many goroutines, and a matched
// answer has a taxon and no candidates, the others the reverse.
func TestAnyText(t *testing.T) {
	r := resolver(t, naming.Options{Suggest: true})
	words := rapid.SampledFrom([]string{"Larus", "cachinnans", "cf.", "sp.", "x", "×", "(", ")", "Linnaeus,", "1758", "aggr.", "/", "Poa", "alpina", "var.",
		"subsp.", "?", "é", "le", "Mésange", "[", "]", "auct.", "L.", "\u0000", "''", "T.", "Parus/major", "gr."})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(words, 0, 7).Draw(t, "words"), rapid.SampledFrom([]string{" ", "  ", ""}).Draw(t, "gap"))
		g := naming.Given{Cited: text, Kingdom: rapid.SampledFrom([]string{"", "Animalia", "Plantae"}).Draw(t, "kingdom")}
		a := r.Resolve(g)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if b := r.Reader().Resolve(g); b.Outcome != a.Outcome || b.CdNom != a.CdNom {
					t.Errorf("%q: two answers", text)
				}
			})
		}
		wg.Wait()
		if (a.Outcome == naming.Matched) != (a.CdRef != 0) || a.Outcome == naming.Matched && len(a.Candidates) > 0 || len(a.Candidates) > 5 {
			t.Fatalf("%q: %+v", text, *a)
		}
		if a.Outcome == naming.Ambiguous && len(a.Candidates) == 0 {
			t.Fatalf("%q: nothing to choose from", text)
		}
	})
}

// What a producer writes by hand must never stop an import.
func FuzzResolve(f *testing.F) {
	for _, s := range []string{"Larus cf. cachinnans", "Quercus ilex x Q. suber", "Bombus (Melanobombus) lapidarius (L., 1758)", "x", "?", "(", "cf.", "/", "sp. sp."} {
		f.Add(s, "")
	}
	r := resolver(f, naming.Options{Suggest: true})
	f.Fuzz(func(t *testing.T, cited, author string) {
		if len(cited) > 400 || len(author) > 100 {
			t.Skip()
		}
		r.Resolve(naming.Given{Cited: cited, Scientific: cited, Author: author})
	})
}
