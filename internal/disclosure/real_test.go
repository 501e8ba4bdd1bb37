package disclosure

import (
	"compress/gzip"
	"encoding/csv"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"garrigue/internal/geo"
	"garrigue/internal/needs"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
)

// realRules reads the lists that stand in Occitanie: the national one and those of the two former regions.
func realRules(t testing.TB) (lists []sensitivity.List, rules []sensitivity.Rule) {
	t.Helper()
	f, err := os.Open(needs.Shared(t, "data", "reference", "especes-sensibles-2019.tsv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(z)
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	for _, row := range rows[1:] {
		get := func(name string) string { return row[column[name]] }
		list := get("cd_sl")
		if list != "9" && list != "14" && list != "16" {
			continue
		}
		cd, err := strconv.Atoi(get("cd_nom"))
		if err != nil {
			t.Fatal(err)
		}
		level, ok := sensitivity.ParseLevel(get("codage"))
		if !ok {
			t.Fatalf("level %q", get("codage"))
		}
		years, _ := strconv.Atoi(get("duree"))
		rules = append(rules, sensitivity.Rule{List: list, CdNom: taxon.CdNom(cd), Level: level, Department: get("cd_dept"), Years: years,
			BioStatus: get("cd_occ_statut_biologique"), Condition: get("autre")})
	}
	return []sensitivity.List{{ID: "9"}, {ID: "14", Region: "73"}, {ID: "16", Region: "91"}}, rules
}

// TestSpreadReal moves observations of the taxa of the real lists over the real communes. It also measures
// what it costs that the level is the same all over the disclosed area: DESIGN.md has the figures.
func TestSpreadReal(t *testing.T) {
	_, areas := occitanie(t)
	in := geo.NewContainment(areas)
	lists, rules := realRules(t)
	for _, mesh := range []geo.Kind{geo.Cell5, geo.Cell2} {
		p := settled(t, SINP(), mesh, MeanSurfaces(areas))
		p.Today = today
		s := NewSpread(sensitivity.NewBook(lists, rules), func(cd taxon.CdRef) []taxon.CdNom { return []taxon.CdNom{taxon.CdNom(cd)} }, &p, in)
		var taxa []taxon.CdNom
		for _, r := range rules {
			if !slices.Contains(taxa, r.CdNom) {
				taxa = append(taxa, r.CdNom)
			}
		}
		r := rand.New(rand.NewPCG(5, 6))
		blurred, before, raised, promoted, withheld := 0, 0, 0, 0, 0
		n := 15_000
		for range n {
			o := observation.Observation{CdNom: taxa[r.IntN(len(taxa))], Presence: observation.Present, Public: "Pu", BioStatus: [...]string{"", "3", "9"}[r.IntN(3)]}
			o.CdRef = taxon.CdRef(o.CdNom)
			size := float64([...]int{0, 0, 0, 40, 900, 6000}[r.IntN(6)])
			if !spot(r, in, &o, 0, size) {
				continue
			}
			o.Place.Uncertainty = [...]int{0, 0, 0, 3000}[r.IntN(4)]
			law := s.Class(&o)
			o.Sensitivity, o.SensList = law.Level, law.List
			was, _ := Publish(&o, &p, in, Public)
			s.Raise(&o)
			got, ok := Publish(&o, &p, in, Public)
			if was.Blurred && size == 0 {
				before++
			}
			if !ok {
				withheld++
				continue
			}
			if size == 0 && o.Sensitivity != law.Level {
				raised++
				if got.Area.Kind() != was.Area.Kind() {
					promoted++
				}
			}
			if !got.Blurred {
				continue
			}
			blurred++
			c := o
			if !spot(r, in, &c, got.Area, size) {
				continue
			}
			there := s.Class(&c)
			c.Sensitivity, c.SensList = there.Level, there.List
			s.Raise(&c)
			if z, ok := Publish(&c, &p, in, Public); !ok || !reflect.DeepEqual(got, z) {
				t.Fatalf("taxon %d, level %v raised to %v, moved: level %v raised to %v\n%+v\n%v %+v", o.CdNom, law, o.Sensitivity, there, c.Sensitivity, got, ok, z)
			}
		}
		t.Logf("mesh %v: %d of %d blurred; of the points, %d blurred before; %d raised, %d of them to another kind of area; %d withheld", mesh, blurred, n, before, raised, promoted, withheld)
		if blurred < n/10 || raised == 0 {
			t.Errorf("mesh %v: %d blurred, %d raised", mesh, blurred, raised)
		}
	}
}

// spot puts an observation at a random place of an area, 0 for anywhere, as import would: false when none was
// found.
func spot(r *rand.Rand, in *geo.Containment, o *observation.Observation, area geo.AreaKey, size float64) bool {
	b := geo.Box{MinX: 420_000, MinY: 6_120_000, MaxX: 850_000, MaxY: 6_440_000}
	if area.Kind().Mesh() > 0 {
		b = area.Box()
	}
	for range 400 {
		x, y := float64(int(b.MinX+r.Float64()*(b.MaxX-b.MinX))), float64(int(b.MinY+r.Float64()*(b.MaxY-b.MinY)))
		lon, lat := geo.FromLambert93(x+0.5, y+0.5)
		commune := in.At(geo.Commune, lon, lat)
		if commune == 0 || area != 0 && area.Kind().Mesh() == 0 && in.At(area.Kind(), lon, lat) != area {
			continue
		}
		back := float64(int(size * r.Float64()))
		o.Place = observation.Place{Georeference: observation.ByGeometry, Lon: lon, Lat: lat, Uncertainty: o.Place.Uncertainty,
			Box: geo.Box{MinX: x - back, MinY: y - back, MaxX: x - back + size, MaxY: y - back + size}}
		if size == 0 {
			o.Place.Commune, o.Place.Department = commune, in.At(geo.Department, lon, lat)
		}
		return true
	}
	return false
}

func BenchmarkRaise(b *testing.B) {
	_, areas := occitanie(b)
	in := geo.NewContainment(areas)
	lists, rules := realRules(b)
	p := settled(b, SINP(), geo.Cell5, MeanSurfaces(areas))
	p.Today = today
	s := NewSpread(sensitivity.NewBook(lists, rules), func(cd taxon.CdRef) []taxon.CdNom { return []taxon.CdNom{taxon.CdNom(cd)} }, &p, in)
	r := rand.New(rand.NewPCG(5, 6))
	for name, cd := range map[string]taxon.CdNom{"unlisted": 1, "listed": 0} {
		all := make([]observation.Observation, 2000)
		for i := range all {
			o := observation.Observation{CdNom: cd, Presence: observation.Present, Public: "Pu"}
			if cd == 0 {
				o.CdNom = rules[r.IntN(len(rules))].CdNom
			}
			o.CdRef = taxon.CdRef(o.CdNom)
			spot(r, in, &o, 0, 0)
			c := s.Class(&o)
			o.Sensitivity, o.SensList = c.Level, c.List
			all[i] = o
			s.Raise(&o)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i, o := 0, new(observation.Observation)
			for b.Loop() {
				*o = all[i%len(all)]
				s.Raise(o)
				i++
			}
		})
	}
}
