// Package atlastest builds a small snapshot for tests: six square communes in two
// departments, a dozen taxa, some fifty observations that show every case (ordinary, blurred
// to a commune, a 10 km cell, a department, subspecies, genus only, dates known to the
// year). The place is invented; names of species and their codes are TAXREF's, codes above
// 900000 are the test's own.
package atlastest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paulmach/orb"

	"garrigue/internal/atlas"
	"garrigue/internal/civil"
	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
)

// Identity is the identity of the small snapshot.
func Identity() atlas.Meta {
	return atlas.Meta{Title: "Atlas d’essai", Territory: "Pays d’essai", Publisher: "Les naturalistes d’essai",
		Licence: "etalab-2.0", Fictional: true, Mesh: geo.Cell5, Taxref: "v17", Policy: "sinp-2016",
		Built: time.Date(2026, 3, 14, 5, 0, 0, 0, time.UTC).Format(time.RFC3339)}
}

// Square returns the outline of a rectangle of Lambert-93, its corners in kilometres, with a
// vertex every 5 km.
func Square(e0, n0, e1, n1 int) orb.MultiPolygon {
	var ring orb.Ring
	at := func(e, n int) {
		lon, lat := geo.FromLambert93(float64(e)*1000, float64(n)*1000)
		ring = append(ring, orb.Point{lon, lat})
	}
	for e := e0; e < e1; e += 5 {
		at(e, n0)
	}
	for n := n0; n < n1; n += 5 {
		at(e1, n)
	}
	for e := e1; e > e0; e -= 5 {
		at(e, n1)
	}
	for n := n1; n > n0; n -= 5 {
		at(e0, n)
	}
	return orb.MultiPolygon{{append(ring, ring[0])}}
}

// Areas are the outlines of the small territory: communes 10 km wide, three in a row.
func Areas() []geo.Area {
	region := geo.AdminKey(geo.Region, "76")
	gard, herault := geo.AdminKey(geo.Department, "30"), geo.AdminKey(geo.Department, "34")
	out := []geo.Area{
		{Key: region, Name: "Pays d’essai", Geometry: Square(700, 6300, 730, 6320), Surface: 600e6},
		{Key: herault, Name: "Essai-Ouest", Parent: region, Geometry: Square(700, 6300, 720, 6320), Surface: 400e6},
		{Key: gard, Name: "Essai-Est", Parent: region, Geometry: Square(720, 6300, 730, 6320), Surface: 200e6},
	}
	for _, c := range []struct {
		code, name string
		e, n       int
		dep        geo.AreaKey
	}{
		{"34001", "L’Étang-Blanc", 700, 6300, herault}, {"34002", "Valbrune", 710, 6300, herault},
		{"34003", "Roquelière", 700, 6310, herault}, {"34004", "Sainte-Ombelle", 710, 6310, herault},
		{"30001", "Le Mas-Rouge", 720, 6300, gard}, {"30002", "Caussignac", 720, 6310, gard},
	} {
		out = append(out, geo.Area{Key: geo.AdminKey(geo.Commune, c.code), Name: c.name, Parent: c.dep,
			Geometry: Square(c.e, c.n, c.e+10, c.n+10), Surface: 100e6})
	}
	return out
}

// Names is the small TAXREF.
func Names() []taxon.Name {
	var out []taxon.Name
	add := func(cd, parent int, rank taxon.Rank, sci, author, fr, en string) *taxon.Name {
		n := taxon.Name{CdNom: taxon.CdNom(cd), CdRef: taxon.CdRef(cd), Parent: taxon.CdNom(parent), Rank: rank,
			ScientificName: sci, Author: author, FullName: strings.TrimSpace(sci + " " + author), Vernacular: fr, VernacularEN: en}
		for _, up := range out {
			if up.CdNom == n.Parent {
				n.Kingdom, n.Phylum, n.Class, n.Order, n.Family = up.Kingdom, up.Phylum, up.Class, up.Order, up.Family
				n.Group1, n.Group2 = up.Group1, up.Group2
			}
		}
		switch rank {
		case taxon.Kingdom:
			n.Kingdom = sci
		case taxon.Phylum:
			n.Phylum = sci
		case taxon.Class:
			n.Class = sci
		case taxon.Order:
			n.Order = sci
		case taxon.Family:
			n.Family = sci
		}
		out = append(out, n)
		return &out[len(out)-1]
	}
	add(900001, 0, taxon.Kingdom, "Animalia", "", "Animaux", "Animals")
	add(900002, 0, taxon.Kingdom, "Plantae", "", "Plantes", "Plants")
	add(900003, 900001, taxon.Phylum, "Chordata", "", "", "").Group1 = "Chordés"
	add(900004, 900001, taxon.Phylum, "Arthropoda", "", "", "").Group1 = "Arthropodes"
	add(900005, 900003, taxon.Class, "Aves", "", "Oiseaux", "Birds").Group2 = "Oiseaux"
	add(900006, 900003, taxon.Order, "Squamata", "", "", "").Group2 = "Reptiles"
	add(900007, 900003, taxon.Class, "Mammalia", "", "Mammifères", "Mammals").Group2 = "Mammifères"
	add(900008, 900003, taxon.Class, "Amphibia", "", "Amphibiens", "Amphibians").Group2 = "Amphibiens"
	add(900009, 900004, taxon.Class, "Insecta", "", "Insectes", "Insects").Group2 = "Insectes"
	add(900010, 900002, taxon.Class, "Equisetopsida", "", "", "").Group2 = "Angiospermes"
	add(900011, 900006, taxon.Family, "Lacertidae", "", "", "")
	add(900012, 900011, taxon.Genus, "Podarcis", "Wagler, 1830", "", "")
	add(900013, 900009, taxon.Order, "Lepidoptera", "", "Papillons", "Butterflies and moths")
	add(900014, 900009, taxon.Order, "Orthoptera", "", "", "")
	add(79273, 900011, taxon.Species, "Timon lepidus", "(Daudin, 1802)", "Lézard ocellé (Le)", "Ocellated Lizard")
	add(77619, 900011, taxon.Species, "Lacerta bilineata", "Daudin, 1802", "Lézard à deux raies (Le), Lézard vert occidental", "")
	add(77756, 900012, taxon.Species, "Podarcis muralis", "(Laurenti, 1768)", "Lézard des murailles (Le)", "Common Wall Lizard")
	add(900102, 77756, taxon.Subspecies, "Podarcis muralis brongniardii", "(Daudin, 1802)", "", "")
	add(2657, 900005, taxon.Species, "Aquila fasciata", "Vieillot, 1822", "Aigle de Bonelli", "Bonelli's Eagle")
	add(3764, 900005, taxon.Species, "Parus major", "Linnaeus, 1758", "Mésange charbonnière", "Great Tit")
	add(459478, 900005, taxon.Species, "Delichon urbicum", "(Linnaeus, 1758)", "Hirondelle de fenêtre", "House Martin")
	add(54475, 900013, taxon.Species, "Iphiclides podalirius", "(Linnaeus, 1758)", "Flambé (Le)", "Scarce Swallowtail")
	add(65680, 900014, taxon.Species, "Saga pedo", "(Pallas, 1771)", "Magicienne dentelée", "Predatory Bush-cricket")
	add(60313, 900007, taxon.Species, "Rhinolophus hipposideros", "(Borkhausen, 1797)", "Petit rhinolophe", "Lesser Horseshoe Bat")
	add(60630, 900007, taxon.Species, "Lutra lutra", "(Linnaeus, 1758)", "Loutre d'Europe, Loutre commune, Loutre", "Otter")
	add(774678, 900008, taxon.Species, "Bufo spinosus", "(Daudin, 1803)", "Crapaud épineux (Le)", "")
	add(116704, 900010, taxon.Species, "Quercus ilex", "L., 1753", "Chêne vert, yeuse", "Holm oak")
	syn := add(900101, 900011, taxon.Species, "Lacerta lepida", "Daudin, 1802", "", "")
	syn.CdRef = 79273
	return out
}

// Statuses are those of the small TAXREF.
func Statuses() []taxon.Status {
	return []taxon.Status{
		{CdRef: 79273, Type: "LRN", Code: "VU", Label: "Vulnérable", Territory: "France métropolitaine", Citation: "UICN France et al., 2015"},
		{CdRef: 79273, Type: "PN", Code: "NAR2", Label: "Article 2", Citation: "Arrêté du 8 janvier 2021"},
		{CdRef: 2657, Type: "LRN", Code: "EN", Label: "En danger", Territory: "France métropolitaine"},
		{CdRef: 2657, Type: "PN", Code: "NO3", Label: "Article 3"},
		{CdRef: 77756, Type: "PN", Code: "NAR2", Label: "Article 2"},
		{CdRef: 3764, Type: "LRN", Code: "LC", Label: "Préoccupation mineure"},
		{CdRef: 60630, Type: "DH", Code: "CDH2", Label: "Annexe II"},
	}
}

// References are what the small snapshot is built with.
func References(t testing.TB) atlas.References {
	t.Helper()
	names := Names()
	gone := []taxon.Withdrawn{{CdNom: 900201, Replacement: 79273}}
	tx, err := taxon.NewTaxonomy(func(yield func(taxon.Name, error) bool) {
		for _, n := range names {
			if !yield(n, nil) {
				return
			}
		}
	}, gone)
	if err != nil {
		t.Fatal(err)
	}
	return atlas.References{Taxonomy: tx, Withdrawn: gone, Statuses: Statuses(), Areas: Areas(),
		Sensitive: func(cd taxon.CdRef) bool { return cd == 2657 || cd == 60313 }}
}

// observations, one a line: number of times, CD_REF, area shown, date, organisation,
// altitude or "-", and "" or why it is blurred. An ordinary one is shown in a 5 km cell
// given by its commune and the quarter of it ("34001 so").
const observations = `
4  79273  34001-so  2024-05-12  LPO   120
2  79273  34001-ne  2019-06-03  LPO   180
1  79273  34002-no  2024-09-21  CEN   -
1  79273  30001-so  1987        CEN   340
1  79273  34003     2022-04-18  CEN   -    nature
5  77756  34002-so  2023-03-02  LPO   60
1  77756  34002-so  2023-07     LPO   60
2  900102 30002-ne  2021-08-30  CEN   410
1  900012 34004-se  2020-10-11  LPO   220
3  77619  34003-no  2018-04-22  CEN   310
1  2657   60-dep-34 2025-02-16 LPO  -   sensitive
2  2657   60-dep-34 2016-03-08 LPO  -   sensitive
8  3764   34001-so  2025-01-19  LPO   15
6  3764   34002-ne  2025-04-02  LPO   95
7  3764   30002-so  2022-12-27  CEN   380
5  459478 34004-no  2024-05-30  LPO   140
3  459478 30001-ne  2012-07-14  LPO   200
2  54475  34003-so  2024-07-08  CEN   260
1  54475  30002-no  2025-08-24  CEN   450
1  65680  34003-so  2023-07-16  CEN   250
2  60313  10km-710-6310 2017-01-22 CEN -   sensitive
1  60313  10km-700-6300 2026-02-01 CEN -   sensitive
1  60630  34004     2021-11-05  CEN   -    consent
2  774678 34001-no  2026-02-11  LPO   12
9  116704 34002-se  1952        Herbier 90
4  116704 30001-no  2020-06-20  CEN   330
`

// Published are the observations of the small snapshot.
func Published() []disclosure.Published {
	var out []disclosure.Published
	for _, line := range strings.Split(strings.TrimSpace(observations), "\n") {
		f := strings.Fields(line)
		p := parse(f)
		for range atoi(f[0]) {
			out = append(out, p)
		}
	}
	return out
}

func atoi(s string) int {
	n := 0
	for _, c := range s {
		n = n*10 + int(c-'0')
	}
	return n
}

func parse(f []string) disclosure.Published {
	p := disclosure.Published{CdRef: taxon.CdRef(atoi(f[1])), Dataset: 1, Organisation: f[4],
		AltitudeMin: observation.NoAltitude, AltitudeMax: observation.NoAltitude, Validated: true}
	switch len(f[3]) {
	case 4:
		p.When.Start, _ = civil.Parse(f[3] + "-01-01")
		p.When.End, _ = civil.Parse(f[3] + "-12-31")
		p.When.Precision = observation.Year
	case 7:
		p.When.Start, _ = civil.Parse(f[3] + "-01")
		p.When.End = p.When.Start + 27
		p.When.Precision = observation.Month
	default:
		p.When.Start, _ = civil.Parse(f[3])
		p.When.End = p.When.Start
	}
	if f[5] != "-" {
		p.AltitudeMin, p.AltitudeMax = int16(atoi(f[5])), int16(atoi(f[5]))
	}
	region := geo.AdminKey(geo.Region, "76")
	if len(f) > 6 {
		p.Blurred = true
		p.Reasons = map[string]disclosure.Reason{"sensitive": disclosure.Sensitive, "consent": disclosure.Consent,
			"nature": disclosure.Nature}[f[6]]
	}
	at := strings.Split(f[2], "-")
	switch {
	case at[0] == "60": // a department
		p.Area = geo.AdminKey(geo.Department, at[2])
		p.Within = []geo.AreaKey{region}
	case at[0] == "10km":
		p.Area = geo.CellKey(geo.Cell10, atoi(at[1]), atoi(at[2]))
		p.Within = []geo.AreaKey{geo.AdminKey(geo.Department, "34"), region}
	default:
		commune, dep := geo.AdminKey(geo.Commune, at[0]), geo.AdminKey(geo.Department, at[0][:2])
		p.Area, p.Within = commune, []geo.AreaKey{dep, region}
		if len(at) > 1 {
			e, n := corner(at[0])
			if at[1][1] == 'e' {
				e += 5
			}
			if at[1][0] == 'n' {
				n += 5
			}
			p.Area, p.Within = geo.CellKey(geo.Cell5, e, n), []geo.AreaKey{commune, dep, region}
		}
	}
	return p
}

// corner is the south-west corner of a commune in kilometres of Lambert-93.
func corner(code string) (e, n int) {
	i := slices.Index([]string{"34001", "34002", "30001", "34003", "34004", "30002"}, code)
	return 700 + i%3*10, 6300 + i/3*10
}

// Write builds a snapshot of ps at path and returns its description.
func Write(t testing.TB, path string, meta atlas.Meta, refs atlas.References, ps []disclosure.Published) atlas.Meta {
	t.Helper()
	b, err := atlas.Create(path, meta, refs)
	if err != nil {
		t.Fatal(err)
	}
	for i := range ps {
		b.Add(&ps[i])
	}
	if err := b.Finish(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	return b.Meta()
}

// Dir returns a new folder whose current snapshot is the small one, for atlas.OpenStore.
func Dir(t testing.TB) string {
	t.Helper()
	return publish(t, Identity(), References(t), Published())
}

// Store publishes observations into a folder of their own and opens it.
func Store(t testing.TB, meta atlas.Meta, refs atlas.References, ps []disclosure.Published) *atlas.Store {
	t.Helper()
	s, err := atlas.OpenStore(publish(t, meta, refs, ps), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// publish makes a folder whose current snapshot holds ps.
func publish(t testing.TB, meta atlas.Meta, refs atlas.References, ps []disclosure.Published) string {
	t.Helper()
	path := t.TempDir()
	d, err := atlas.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	m := Write(t, d.Temp(), meta, refs, ps)
	if err := d.Swap(d.Temp(), m.ID, 7); err != nil {
		t.Fatal(err)
	}
	return path
}

// Open returns the small snapshot.
func Open(t testing.TB) *atlas.Atlas {
	t.Helper()
	path := t.TempDir() + "/small.gpkg"
	Write(t, path, Identity(), References(t), Published())
	a, err := atlas.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}
