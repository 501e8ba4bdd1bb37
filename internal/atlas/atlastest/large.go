package atlastest

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/google/uuid"

	"garrigue/internal/atlas"
	"garrigue/internal/civil"
	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
)

// Large is a generated region for measures: about 4,446 square communes in 13 departments,
// and taxa species whose frequencies follow a power law, as real ones do.
type Large struct {
	Refs   atlas.References
	cds    []taxon.CdRef
	weight []float64 // cumulated
	names  []taxon.Name
	side   int     // communes a side
	e, n   float64 // where the last one is, kilometres from the corner
	rng    *rand.Rand
}

// NewLarge makes the references of a large snapshot, the same for the same seed.
func NewLarge(t testing.TB, taxa int, seed uint64) *Large {
	t.Helper()
	l := &Large{side: 67, rng: rand.New(rand.NewPCG(seed, 1))}
	var names []taxon.Name
	group := []struct{ kingdom, phylum, class, order, group1, group2 string }{
		{"Animalia", "Chordata", "Aves", "", "Chordés", "Oiseaux"}, {"Plantae", "", "Equisetopsida", "", "Trachéophytes", "Angiospermes"},
		{"Animalia", "Arthropoda", "Insecta", "Lepidoptera", "Arthropodes", "Insectes"},
		{"Animalia", "Arthropoda", "Insecta", "Coleoptera", "Arthropodes", "Insectes"}, {"Fungi", "", "", "", "Ascomycètes", ""}}
	add := func(cd, parent int, rank taxon.Rank, name, fr string) {
		g := group[cd/7%len(group)]
		names = append(names, taxon.Name{CdNom: taxon.CdNom(cd), CdRef: taxon.CdRef(cd), Parent: taxon.CdNom(parent), Rank: rank,
			ScientificName: name, FullName: name, Vernacular: fr, Kingdom: g.kingdom, Phylum: g.phylum, Class: g.class, Order: g.order,
			Group1: g.group1, Group2: g.group2, Habitat: "3", StatusFR: "P"})
	}
	add(1_000_000, 0, taxon.Kingdom, "Vita", "")
	for i := range 60 {
		add(1_000_001+i, 1_000_000, taxon.Order, l.word()+"iformes", "")
	}
	for i := range 300 {
		add(1_001_000+i, 1_000_001+i%60, taxon.Family, l.word()+"idae", "")
	}
	for i := range taxa/10 + 1 {
		add(1_010_000+i, 1_001_000+i%300, taxon.Genus, l.word(), "")
	}
	sum := 0.0
	for i := range taxa {
		add(100_000+i, 1_010_000+i/10, taxon.Species, l.word()+" "+l.word(), l.word()+" "+l.word()+" (Le), "+l.word())
		names = append(names, taxon.Name{CdNom: taxon.CdNom(2_000_000 + i), CdRef: taxon.CdRef(100_000 + i), Rank: taxon.Species,
			ScientificName: l.word() + " " + l.word()})
		sum += 1 / math.Pow(float64(i)+12, 1.05)
		l.cds, l.weight = append(l.cds, taxon.CdRef(100_000+i)), append(l.weight, sum)
		for k := range i % 4 {
			l.Refs.Statuses = append(l.Refs.Statuses, taxon.Status{CdRef: taxon.CdRef(100_000 + i), Type: []string{"LRN", "PN", "DH"}[k],
				Code: []string{"LC", "NV1", "CDH4"}[k], Label: "Annexe quatrième", Citation: "Arrêté du 8 janvier 2021 fixant la liste, article 2"})
		}
	}
	tx, err := taxon.NewTaxonomy(func(yield func(taxon.Name, error) bool) {
		for _, n := range names {
			if !yield(n, nil) {
				return
			}
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.Refs.Taxonomy, l.names = tx, names
	l.Refs.Areas = append(l.Refs.Areas, geo.Area{Key: regionKey(), Name: "Région", Geometry: Square(500, 6200, 500+4*l.side, 6200+4*l.side)})
	for i := range 13 {
		lo, hi := i*l.side/13*4, (i+1)*l.side/13*4
		l.Refs.Areas = append(l.Refs.Areas, geo.Area{Key: department(i), Name: fmt.Sprint("Département ", i), Parent: regionKey(),
			Geometry: Square(500, 6200+lo, 500+4*l.side, 6200+hi)})
	}
	for n := range l.side {
		for e := range l.side {
			l.Refs.Areas = append(l.Refs.Areas, geo.Area{Key: commune(n*l.side + e), Name: l.word() + "-" + l.word(), Parent: department(n * 13 / l.side),
				Geometry: Square(500+4*e, 6200+4*n, 504+4*e, 6204+4*n), Surface: 16e6})
		}
	}
	return l
}

func regionKey() geo.AreaKey { return geo.AdminKey(geo.Region, "76") }

func department(i int) geo.AreaKey { return geo.AdminKey(geo.Department, fmt.Sprint(10+i)) }
func commune(i int) geo.AreaKey    { return geo.AdminKey(geo.Commune, fmt.Sprint(10000+i)) }

func (l *Large) word() string {
	b := make([]byte, 0, 12)
	for range 2 + l.rng.IntN(3) {
		b = append(b, "bcdflmnprstv"[l.rng.IntN(12)], "aeiou"[l.rng.IntN(5)])
	}
	b[0] -= 'a' - 'A'
	return string(b)
}

// Taxa are the species, most frequent first.
func (l *Large) Taxa() []taxon.CdRef { return l.cds }

// Next fills p with one more observation; its Within is overwritten.
func (l *Large) Next(p *disclosure.Published) {
	x := l.rng.Float64() * l.weight[len(l.weight)-1]
	lo, hi := 0, len(l.weight)-1
	for lo < hi {
		if m := (lo + hi) / 2; l.weight[m] < x {
			lo = m + 1
		} else {
			hi = m
		}
	}
	p.CdRef = l.cds[lo]
	// Effort gathers: half of the observations lie in a tenth of the territory.
	width := float64(l.side * 4)
	e, n := l.rng.Float64()*width, l.rng.Float64()*width
	if l.rng.IntN(2) == 0 {
		e, n = e*0.3+width*0.2, n*0.3+width*0.4
	}
	l.e, l.n = e, n
	year := 2026 - int(math.Abs(l.rng.NormFloat64())*12)
	p.When.Start, _ = civil.Make(year, 1+l.rng.IntN(12), 1+l.rng.IntN(28))
	p.When.End, p.When.Precision = p.When.Start, observation.Day
	p.Organisation = [...]string{"LPO", "CEN", "CBN", "ONF", "OPIE", "Inconnu"}[l.rng.IntN(6)]
	p.AltitudeMin, p.AltitudeMax = observation.NoAltitude, observation.NoAltitude
	at := commune(int(n)/4*l.side + int(e)/4)
	dep := department(int(n) / 4 * 13 / l.side)
	p.Blurred, p.Reasons = false, 0
	if lo%40 == 7 {
		p.Blurred, p.Reasons, p.Area = true, disclosure.Sensitive, at
		p.Within = append(p.Within[:0], dep, regionKey())
		return
	}
	p.AltitudeMin = int16(e * 4)
	p.AltitudeMax = p.AltitudeMin
	p.Area = geo.CellAt(geo.Cell5, 500e3+e*1000, 6200e3+n*1000)
	p.Within = append(p.Within[:0], at, dep, regionKey())
}

// Names are the names of the references, in no order.
func (l *Large) Names() []taxon.Name { return l.names }

// Observation fills o with one more observation, exact, as the vault keeps it, in the
// dataset o names; i numbers it.
func (l *Large) Observation(o *observation.Observation, i int) {
	var p disclosure.Published
	l.Next(&p)
	x, y := 500e3+l.e*1000, 6200e3+l.n*1000
	lon, lat := geo.FromLambert93(x, y)
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:], uint64(i)+1)
	*o = observation.Observation{IDSinp: id, Dataset: o.Dataset, SourceKey: strconv.Itoa(i), CdNom: taxon.CdNom(p.CdRef), CdRef: p.CdRef,
		NameCited: "Genus species", Presence: observation.Present, When: p.When, Observers: "NOM Prénom", Organisation: p.Organisation,
		Place: observation.Place{Georeference: observation.ByGeometry, Lon: lon, Lat: lat, Box: geo.Box{MinX: x, MinY: y, MaxX: x, MaxY: y},
			Commune: commune(int(l.n)/4*l.side + int(l.e)/4), Department: department(int(l.n) / 4 * 13 / l.side),
			AltitudeMin: p.AltitudeMin, AltitudeMax: p.AltitudeMax, Name: "lieu-dit", Nature: "In"},
		CountMin: 1, CountMax: 1, Public: "Pu", Validation: observation.Probable}
	if p.Blurred {
		o.Sensitivity = 1
	}
}
