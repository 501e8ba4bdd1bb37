package taxon

import (
	"errors"
	"iter"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"garrigue/internal/fault"
	"garrigue/internal/i18n"
)

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "  ": "", "delichon urbicum": "delichon urbicum", "Lézard ocellé": "lezard ocelle",
		"Œdicnème  criard": "oedicneme criard", "Ægolius": "aegolius", "L'Hirondelle-de-fenêtre": "l hirondelle de fenetre",
		"l’ours": "l ours", "Quercus × hispanica": "quercus x hispanica", " Parus  major ": "parus major",
		"ÉÈÀÇÏÔÛ": "eeaciou", "Ångström": "angstrom", "e\u0301te\u0301": "ete", "Löwe\u00a0ß": "lowe ss",
		"Aquila (Linnaeus, 1758)": "aquila (linnaeus, 1758)", "a\tb\nc": "a b c", "Bel–Air": "bel air", "a-": "a",
	} {
		if got := Fold(in); got != want {
			t.Errorf("Fold(%q) = %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		f := Fold(s)
		if Fold(f) != f {
			t.Fatalf("Fold(%q) = %q, again %q", s, f, Fold(f))
		}
		if strings.Contains(f, "  ") || strings.TrimSpace(f) != f {
			t.Fatalf("Fold(%q) = %q keeps spaces", s, f)
		}
	})
}

func TestSplitName(t *testing.T) {
	for in, want := range map[string][2]string{
		"Epidalea calamita (Laurenti, 1768)":                  {"Epidalea calamita", "(Laurenti, 1768)"},
		"Delichon urbicum":                                    {"Delichon urbicum", ""},
		"Rana kl. esculenta Linnaeus, 1758":                   {"Rana kl. esculenta", "Linnaeus, 1758"},
		"Triturus cristatus x T. marmoratus":                  {"Triturus cristatus x T. marmoratus", ""},
		"Carex x strictiformis Almq., 1879":                   {"Carex x strictiformis", "Almq., 1879"},
		"x Calammophila Brand, 1907":                          {"x Calammophila", "Brand, 1907"},
		"+ Laburnocytisus adamii (Poit.) C.K.Schneid., 1907":  {"+ Laburnocytisus adamii", "(Poit.) C.K.Schneid., 1907"},
		"Papilio (Papilio) machaon Linnaeus, 1758":            {"Papilio (Papilio) machaon", "Linnaeus, 1758"},
		"Testudo (Linnaeus, 1758)":                            {"Testudo", "(Linnaeus, 1758)"},
		"Aricia agestis (Denis & Schiffermüller, 1775)":       {"Aricia agestis", "(Denis & Schiffermüller, 1775)"},
		"Pieris napi d'Orbigny, 1840":                         {"Pieris napi", "d'Orbigny, 1840"},
		"Pinna nobilis de Geer":                               {"Pinna nobilis", "de Geer"},
		"Caldesia Parl., 1860 [nom. cons.]":                   {"Caldesia", "Parl., 1860 [nom. cons.]"},
		"Dryopteris x complexa nothosubsp. critica Fraser-J.": {"Dryopteris x complexa nothosubsp. critica", "Fraser-J."},
		"": {"", ""},
	} {
		if n, a := SplitName(in); n != want[0] || a != want[1] {
			t.Errorf("SplitName(%q) = %q, %q", in, n, a)
		}
	}
}

func TestRankOf(t *testing.T) {
	for in, want := range map[string]Rank{
		"Aix sponsa": Species, "Perdix perdix hispaniensis": Subspecies, "Carex": Genus, "Smicronyx jungermanniae": Species,
		"Ulvaceae": Family, "Felidae": Family, "Carex x strictiformis": Species, "x Calammophila": Genus,
		"Armeria alpina x Armeria bubanii": Species, "Triturus cristatus x T. marmoratus": Species,
		"Dryopteris x complexa nothosubsp. critica": Subspecies, "Populus nigra var. italica": Variety,
		"Populus x canadensis f. canadensis": Form, "Rana kl. esculenta": Species, "Rana complexe esculenta": Aggregate, "": "",
	} {
		if got := RankOf(in); got != want {
			t.Errorf("RankOf(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestVernaculars(t *testing.T) {
	for in, want := range map[string][]string{
		"": nil, " , ;": nil,
		"Lézard ocellé (Le), Lézard vert ocellé":         {"Lézard ocellé", "Lézard vert ocellé"},
		"Alyte accoucheur (L'), Crapaud accoucheur (Le)": {"Alyte accoucheur", "Crapaud accoucheur"},
		"Grenouilles vertes (Les)":                       {"Grenouilles vertes"},
		"écaille chinée (L’)":                            {"Écaille chinée"},
		"CHÊNE VERT, Yeuse":                              {"Chêne vert", "Yeuse"},
		"Murin de Daubenton (Le)":                        {"Murin de Daubenton"},
		"Mésange (bleue, d'Europe); Autre":               {"Mésange (bleue, d'Europe)", "Autre"},
		"Pic noir ( Le )":                                {"Pic noir"},
	} {
		got := Vernaculars(in)
		if !slices.Equal(got, want) {
			t.Errorf("Vernaculars(%q) = %q", in, got)
		}
		first := ""
		if len(want) > 0 {
			first = want[0]
		}
		if p := PrimaryVernacular(in); p != first {
			t.Errorf("PrimaryVernacular(%q) = %q", in, p)
		}
	}
}

func TestGroupOf(t *testing.T) {
	slugs := map[string]bool{}
	for _, g := range Groups() {
		slugs[g.Slug] = true
		for _, l := range i18n.Langs() {
			if !i18n.Has(l, "group."+g.Slug) {
				t.Errorf("no name of group %s in %s", g.Slug, l)
			}
		}
	}
	for _, r := range groupRules {
		if !slugs[r.Slug] || Fold(r.Value) != r.Value || Fold(r.Kingdom) != r.Kingdom {
			t.Errorf("rule %+v can never fit, or leads nowhere", r)
		}
	}
	for _, c := range []struct {
		want string
		n    Name
	}{
		{"oiseaux", Name{Kingdom: "Animalia", Class: "Aves", Group2: "Oiseaux"}},
		{"oiseaux", Name{Kingdom: "Animalia", Class: "Aves"}},
		{"papillons", Name{Kingdom: "Animalia", Order: "Lepidoptera", Group2: "Insectes"}},
		{"libellules", Name{Kingdom: "Animalia", Order: "Odonata"}},
		{"orthopteres", Name{Kingdom: "Animalia", Order: "Orthoptera", Group2: "Insectes"}},
		{"coleopteres", Name{Kingdom: "Animalia", Order: "Coleoptera", Group2: "Insectes"}},
		{"insectes", Name{Kingdom: "Animalia", Order: "Diptera", Group2: "Insectes"}},
		{"autres", Name{Kingdom: "Animalia", Class: "Entognatha", Group1: "Arthropodes", Group2: "Entognathes"}},
		{"reptiles", Name{Kingdom: "Animalia", Group2: "Reptiles"}},
		{"reptiles", Name{Kingdom: "Animalia", Order: "Squamata"}},
		{"mollusques", Name{Kingdom: "Animalia", Group1: "Mollusques", Group2: "Autres"}},
		{"plantes", Name{Kingdom: "Plantae", Class: "Equisetopsida", Group2: "Ptéridophytes"}},
		{"plantes", Name{Kingdom: "Plantae", Class: "Equisetopsida"}},
		{"plantes", Name{Kingdom: "Plantae"}},
		{"mousses", Name{Kingdom: "Plantae", Class: "Equisetopsida", Group1: "Bryophytes", Group2: "Hépatiques et Anthocérotes"}},
		{"algues", Name{Kingdom: "Plantae", Class: "Conjugatophyceae"}},
		{"algues", Name{Kingdom: "Plantae", Class: "Florideophyceae"}},
		{"algues", Name{Kingdom: "Chromista", Group2: "Diatomées"}},
		{"lichens", Name{Kingdom: "Fungi", Class: "Lecanoromycetes", Group1: "Ascomycètes", Group2: "Lichens"}},
		{"lichens", Name{Kingdom: "Fungi", Class: "Lecanoromycetes", Group1: "Ascomycètes", Group2: "Autres"}},
		{"champignons", Name{Kingdom: "Fungi", Group1: "Ascomycètes", Group2: "Autres"}},
		{"champignons", Name{Kingdom: "Protozoa", Group1: "Myxomycètes", Group2: "Autres"}},
		{"crustaces", Name{Kingdom: "Animalia", Class: "Malacostraca"}},
		{"poissons", Name{Kingdom: "Animalia", Class: "Petromyzonti", Group2: "Poissons"}},
		{"autres", Name{Kingdom: "Bacteria"}},
		{"autres", Name{}},
	} {
		if got := GroupOf(&c.n); got != c.want {
			t.Errorf("GroupOf(%+v) = %s, want %s", c.n, got, c.want)
		}
	}
}

func TestStatuses(t *testing.T) {
	for code, want := range map[string]bool{"VU": true, "EN": true, "CR": true, "CR*": true, "NT": false, "RE": false, "DD": false, "": false, "vu": true} {
		if Threatened(code) != want {
			t.Errorf("Threatened(%q) = %v", code, !want)
		}
	}
	s := func(typ, code string) Status { return Status{Type: typ, Code: code} }
	for _, c := range []struct {
		name string
		in   []Status
		want string
	}{
		{"none", []Status{s("PN", "NO3")}, ""},
		{"regional before national", []Status{s("LRN", "CR"), s("LRR", "LC"), s("LRM", "EX")}, "LRR LC"},
		{"worst of several texts", []Status{s("LRN", "LC"), s("LRN", "VU"), s("LRN", "DD")}, "LRN VU"},
		{"not applicable gives way", []Status{s("LRR", "NA"), s("LRN", "EN")}, "LRN EN"},
		{"but is better than nothing", []Status{s("LRR", "NA")}, "LRR NA"},
		{"an odd code is no category", []Status{s("LRR", "true"), s("LRE", "NT")}, "LRE NT"},
	} {
		got, ok := Badge(c.in)
		if ok != (c.want != "") || ok && got.Type+" "+got.Code != c.want {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	if Protected([]Status{s("LRN", "CR"), s("REGL", "x")}) || !Protected([]Status{s("PR", "RI11")}) {
		t.Error("Protected is wrong")
	}
	for typ, label := range statusTypes {
		if i18n.T(i18n.FR, "status.type."+typ) != label || !i18n.Has(i18n.EN, "status.type."+typ) || StatusTypeLabel(typ) != label {
			t.Errorf("label of %s differs from the catalogue", typ)
		}
	}
	for _, c := range redCategories {
		if !i18n.Has(i18n.FR, "redlist."+c) || !i18n.Has(i18n.EN, "redlist."+c) {
			t.Errorf("no words for category %s", c)
		}
	}
}

func seq(list []Name) iter.Seq2[Name, error] {
	return func(yield func(Name, error) bool) {
		for _, n := range list {
			if !yield(n, nil) {
				return
			}
		}
	}
}

func build(t testing.TB, list []Name, w ...Withdrawn) *Taxonomy {
	t.Helper()
	tx, err := NewTaxonomy(seq(list), w)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// lizards is a small TAXREF without CD_SUP: parents must be derived.
func lizards() []Name {
	at := Name{Kingdom: "Animalia", Phylum: "Chordata", Order: "Squamata", Family: "Lacertidae", Group2: "Reptiles"}
	mk := func(cd CdNom, ref CdRef, rank Rank, name, author, vern string) Name {
		n := at
		n.CdNom, n.CdRef, n.Rank, n.ScientificName, n.Author, n.Vernacular = cd, ref, rank, name, author, vern
		return n
	}
	return []Name{
		mk(78, 78, Subspecies, "Timon lepidus lepidus", "(Daudin, 1802)", ""),
		mk(77, 77, Species, "Timon lepidus", "(Daudin, 1802)", "Lézard ocellé (Le), Rassade"),
		mk(76, 77, Species, "Lacerta lepida", "Daudin, 1802", "Lézard ocellé (Le)"),
		mk(75, 77, Species, "Lacerta ocellata", "Daudin, 1802", ""),
		mk(70, 70, Genus, "Timon", "Tschudi, 1836", ""),
		mk(79, 79, Species, "Lacerta bilineata", "Daudin, 1802", "Lézard à deux raies (Le)"),
		mk(60, 60, Family, "Lacertidae", "Bonaparte, 1831", ""),
		mk(1, 1, Kingdom, "Animalia", "", "Animaux"),
		mk(90, 95, Species, "Podarcis vieux", "Auct.", "Lézard orphelin"), // its valid name is not here
	}
}

func TestTaxonomy(t *testing.T) {
	tx := build(t, lizards(), Withdrawn{CdNom: 500, Replacement: 501}, Withdrawn{CdNom: 501, Replacement: 76},
		Withdrawn{CdNom: 600, Replacement: 601}, Withdrawn{CdNom: 601, Replacement: 600}, Withdrawn{CdNom: 700},
		Withdrawn{CdNom: 77, Replacement: 60}, Withdrawn{CdNom: 800, Replacement: 801})
	for cd, want := range map[CdNom]Match{77: {77, 77, false}, 76: {76, 77, false}, 500: {76, 77, true}, 501: {76, 77, true}, 90: {90, 95, false}} {
		if got, ok := tx.Resolve(cd); !ok || got != want {
			t.Errorf("Resolve(%d) = %+v, %v", cd, got, ok)
		}
	}
	for _, cd := range []CdNom{0, -1, 600, 601, 700, 800, 999, 1 << 30} {
		if m, ok := tx.Resolve(cd); ok {
			t.Errorf("Resolve(%d) = %+v", cd, m)
		}
	}
	for cd, want := range map[CdNom][]CdNom{78: {78, 77, 70, 60, 1}, 75: {75, 77, 70, 60, 1}, 79: {79, 60, 1}, 500: {76, 77, 70, 60, 1},
		1: {1}, 90: {90, 95, 60, 1}, 999: nil} {
		for range 2 { // the second is the kept one
			if got := tx.Lineage(cd); !slices.Equal(got, want) {
				t.Errorf("Lineage(%d) = %v, want %v", cd, got, want)
			}
		}
	}
	for ref, want := range map[CdRef]CdRef{78: 77, 77: 77, 79: 79, 70: 0, 1: 0, 999: 0} {
		if got, ok := tx.SpeciesOf(ref); got != want || ok != (want != 0) {
			t.Errorf("SpeciesOf(%d) = %d, %v", ref, got, ok)
		}
	}
	if got := tx.Children(60); !slices.Equal(got, []CdRef{70, 79, 95}) {
		t.Errorf("Children(60) = %v", got)
	}
	if got := tx.Synonyms(77); !slices.Equal(got, []CdNom{75, 76}) {
		t.Errorf("Synonyms(77) = %v", got)
	}
	if p, ok := tx.Parent(77); !ok || p != 70 {
		t.Errorf("Parent(77) = %d", p)
	}
	if v, ok := tx.Valid(95); !ok || v.ScientificName != "Podarcis vieux" || v.CdNom != 95 {
		t.Errorf("Valid(95) = %+v, %v", v, ok)
	}
	if _, ok := tx.Valid(76); ok {
		t.Error("a synonym is no valid name")
	}
	want := []Step{{1, Kingdom, "Animalia", "Animaux"}, {0, Phylum, "Chordata", ""}, {0, Order, "Squamata", ""},
		{60, Family, "Lacertidae", ""}, {70, Genus, "Timon", ""}, {77, Species, "Timon lepidus", "Lézard ocellé"}}
	if got := tx.Classification(78); !reflect.DeepEqual(got, want) {
		t.Errorf("Classification(78) = %+v", got)
	}
	if got := tx.Classification(79); len(got) != 5 || got[4] != (Step{0, Genus, "Lacerta", ""}) {
		t.Errorf("Classification(79) = %+v", got)
	}
	for name, want := range map[string][]CdRef{"timon lepidus": {77}, "timon lepidus (daudin, 1802)": {77}, "lacerta lepida": {77},
		"lacerta ocellata daudin, 1802": {77}, "lezard ocelle": nil, "": nil, "timon": {70}} {
		if got := tx.ByScientificName(name); !slices.Equal(got, want) {
			t.Errorf("ByScientificName(%q) = %v", name, got)
		}
	}
	if n, ok := tx.Name(78); !ok || n.FullName != "Timon lepidus lepidus (Daudin, 1802)" || n.Parent != 77 || n.Order != "Squamata" {
		t.Errorf("Name(78) = %+v", n)
	}
}

func TestGivenParents(t *testing.T) {
	n := func(cd, parent CdNom, rank Rank, name string) Name {
		return Name{CdNom: cd, CdRef: CdRef(cd), Parent: parent, Rank: rank, ScientificName: name, Family: "Fam"}
	}
	tx := build(t, []Name{n(1, 0, "Dumm", "Biota"), n(2, 1, Kingdom, "Plantae"), n(3, 2, "CLAD", "Tracheophyta"), n(4, 3, Species, "Aus bus"),
		n(5, 77, Species, "Cus dus"), n(6, 0, Genus, "Cus")})
	if got := tx.Lineage(4); !slices.Equal(got, []CdNom{4, 3, 2, 1}) {
		t.Errorf("Lineage(4) = %v", got)
	}
	if got, _ := tx.Parent(5); got != 6 {
		t.Errorf("a parent that is not in the file is derived, got %d", got)
	}
	_, err := NewTaxonomy(seq([]Name{n(1, 2, Genus, "Aus"), n(2, 3, Family, "Busidae"), n(3, 1, Order, "Cus")}), nil)
	if !fault.Is(err, fault.Invalid) {
		t.Errorf("a circle of parents gives %v", err)
	}
	_, err = NewTaxonomy(func(yield func(Name, error) bool) { yield(Name{}, errors.New("disk")) }, nil)
	if err == nil {
		t.Error("an error of the names is lost")
	}
}

func TestConcurrentReads(t *testing.T) {
	tx := build(t, lizards())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				for _, cd := range []CdNom{78, 77, 76, 90} {
					if l := tx.Lineage(cd); l[0] != cd {
						t.Errorf("Lineage(%d) = %v", cd, l)
					}
				}
				if len(tx.ByScientificName("timon lepidus")) != 1 {
					t.Error("names are lost")
				}
			}
		})
	}
	wg.Wait()
}

// national makes a file of TAXREF's size and shape: n names, a third of them synonyms.
func national(n int) iter.Seq2[Name, error] {
	return func(yield func(Name, error) bool) {
		for i := range n {
			cd := CdNom(i + 1)
			species := i / 3
			genus, family := "Genus"+strconv.Itoa(species/12), "Family"+strconv.Itoa(species/400)+"idae"
			name := genus + " epitheton" + strconv.Itoa(species)
			x := Name{CdNom: cd, CdRef: CdRef(cd), Rank: Species, ScientificName: name, Author: "(Linnaeus & Schiffermüller, 1775)",
				Kingdom: "Animalia", Phylum: "Arthropoda", Class: "Insecta", Order: "Order" + strconv.Itoa(species/9000), Family: family,
				Group1: "Arthropodes", Group2: "Insectes", Group3: "Coléoptères", Habitat: "3", StatusFR: "P", Parent: 1}
			switch {
			case i%3 == 1:
				x.CdRef, x.ScientificName = CdRef(cd-1), name+"us"
			case i%3 == 2:
				x.Rank, x.ScientificName, x.Parent = Subspecies, name+" minor", cd-2
			}
			if i == 0 {
				x.Parent = 0
			}
			if species%8 == 0 {
				x.Vernacular = "Charançon du numéro " + strconv.Itoa(species) + " (Le), Autre nom"
			}
			x.FullName = x.ScientificName + " " + x.Author
			if !yield(x, nil) {
				return
			}
		}
	}
}

func BenchmarkNewTaxonomy650k(b *testing.B) {
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		tx, err := NewTaxonomy(national(650_000), nil)
		if err != nil {
			b.Fatal(err)
		}
		tx.ByScientificName("genus1 epitheton14")
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB-held")
		if got := tx.ByScientificName("genus1 epitheton14"); len(got) != 1 {
			b.Fatal(got)
		}
		runtime.KeepAlive(tx)
	}
}

func BenchmarkLineage(b *testing.B) {
	tx := build(b, lizards())
	b.ReportAllocs()
	for b.Loop() {
		tx.Lineage(78)
	}
}

func BenchmarkFold(b *testing.B) {
	for name, s := range map[string]string{"folded": "delichon urbicum", "ascii": "Delichon urbicum (Linnaeus, 1758)", "accents": "Œdicnème criard (L')"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Fold(s)
			}
		})
	}
}

// FuzzNames: no name makes the readers of names fall, and cutting a name loses none of it.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"", "Rana kl. esculenta Linnaeus, 1758", "x", "+ A b", "( ( (", "É (Le), ,;", "A (B) c (D"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, author := SplitName(s)
		if got := joinName(name, author); got != strings.Join(strings.Fields(s), " ") {
			t.Errorf("SplitName(%q) = %q, %q", s, name, author)
		}
		RankOf(name)
		for _, v := range Vernaculars(s) {
			if v == "" || strings.TrimSpace(v) != v {
				t.Errorf("Vernaculars(%q) gives %q", s, v)
			}
		}
		if f := Fold(s); Fold(f) != f {
			t.Errorf("Fold(%q) = %q", s, f)
		}
	})
}
