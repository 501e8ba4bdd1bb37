package publish

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"garrigue/internal/atlas/atlastest"
	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
)

// groupWorld is the rule on the small territory, without lists.
func groupWorld(t testing.TB) (*disclosure.Policy, *geo.Containment, *disclosure.Spread) {
	t.Helper()
	areas := geo.NewContainment(atlastest.Areas())
	p, err := disclosure.SINP().Settled(disclosure.MeanSurfaces(atlastest.Areas()))
	if err != nil {
		t.Fatal(err)
	}
	lineage := func(cd taxon.CdRef) []taxon.CdNom { return []taxon.CdNom{taxon.CdNom(cd)} }
	return &p, areas, disclosure.NewSpread(sensitivity.NewBook(nil, nil), lineage, &p, areas)
}

func member(areas *geo.Containment, x, y float64, level, stated sensitivity.Level, grouping string) *observation.Observation {
	lon, lat := geo.FromLambert93(x, y)
	return &observation.Observation{CdNom: 1, CdRef: 1, Presence: observation.Present, Grouping: grouping, Sensitivity: level, StatedLevel: stated,
		Place: observation.Place{Georeference: observation.ByGeometry, Lon: lon, Lat: lat, Box: geo.Box{MinX: x, MinY: y, MaxX: x, MaxY: y},
			Commune: areas.At(geo.Commune, lon, lat), Department: areas.At(geo.Department, lon, lat)}}
}

// TestGroupsProperty: whatever the order, a grouping has the strictest level of the members that are shown or
// withheld for their level, and nobody is raised by a member that is not shown for another reason.
func TestGroupsProperty(t *testing.T) {
	p, areas, spread := groupWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		level := rapid.SampledFrom([]sensitivity.Level{0, 0, 0, 1, 2, 3, 4, sensitivity.Km25, sensitivity.Km400, sensitivity.NotShown})
		members := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *observation.Observation {
			o := member(areas, 701000+500*float64(rapid.IntRange(0, 50).Draw(t, "x")), 6301000+500*float64(rapid.IntRange(0, 30).Draw(t, "y")),
				level.Draw(t, "level"), level.Draw(t, "stated"), rapid.SampledFrom([]string{"a", "b", ""}).Draw(t, "grouping"))
			switch rapid.IntRange(0, 5).Draw(t, "fate") {
			case 0:
				o.Validation = observation.Doubtful
			case 1:
				o.Presence = observation.Absent
			case 2:
				o.Public, o.Diffusion = "Pr", "4"
			}
			return o
		}), 1, 8).Draw(t, "members")
		want := map[string]int{}
		for _, o := range members {
			stricter := sensitivity.Level(0)
			rank := -1
			for _, l := range []sensitivity.Level{o.Sensitivity, o.StatedLevel} {
				if r := p.Rank("", l); r > rank {
					stricter, rank = l, r
				}
			}
			_, shown := disclosure.PublishInto(nil, o, p, areas, disclosure.Public)
			counts := o.Validation != observation.Doubtful && o.Presence == observation.Present && o.Diffusion != "4"
			if counts && (shown || stricter.Withholds()) && o.Grouping != "" {
				want[o.Grouping] = max(want[o.Grouping], rank)
			}
		}
		for range 3 {
			rand.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
			slices.SortStableFunc(members, func(a, b *observation.Observation) int { return strings.Compare(a.Grouping, b.Grouping) })
			g := newGroups(spread, spread.Raise, nil)
			if err := settle(func() error {
				for _, o := range members {
					g.Add(o)
				}
				return nil
			}, g); err != nil {
				t.Fatal(err)
			}
			for grouping, rank := range want {
				level, list := g.Level(grouping)
				if got := p.Rank(list, level); level != 0 && got != rank || level == 0 && rank > p.Rank("", 0) {
					t.Fatalf("grouping %s: level %v of rank %d, want rank %d", grouping, level, got, rank)
				}
			}
			for _, o := range members {
				c := *o
				g.Raise(&c)
				level, list := g.Level(o.Grouping)
				got, shown := disclosure.PublishInto(nil, &c, p, areas, disclosure.Public)
				if kinds := p.KindsOf(list, level); shown && level != 0 && (len(kinds) == 0 || p.Coarser(kinds[0], got.Area.Kind())) {
					t.Fatalf("a member of %s, whose level is %v, is shown at %v", o.Grouping, level, got.Area.Kind())
				}
				if o.Grouping == "" && c.Sensitivity != o.Sensitivity {
					t.Fatal("one of no grouping is raised")
				}
			}
		}
	})
}

// straddled is a territory of two departments whose border lies inside cells.
func straddled() (areas []geo.Area) {
	region := geo.AdminKey(geo.Region, "76")
	add := func(k geo.Kind, code string, parent geo.AreaKey, e0, n0, e1, n1 int) geo.AreaKey {
		key := geo.AdminKey(k, code)
		areas = append(areas, geo.Area{Key: key, Name: code, Parent: parent, Geometry: atlastest.Square(e0, n0, e1, n1)})
		return key
	}
	add(geo.Region, "76", 0, 700, 6300, 730, 6320)
	d34, d30 := add(geo.Department, "34", region, 700, 6300, 717, 6320), add(geo.Department, "30", region, 717, 6300, 730, 6320)
	add(geo.Commune, "34001", d34, 700, 6300, 710, 6320)
	add(geo.Commune, "34002", d34, 710, 6300, 717, 6320)
	add(geo.Commune, "30001", d30, 717, 6300, 730, 6320)
	return areas
}

// TestGroupsMoved: wherever the members of groupings are in the areas where they are shown, and without
// those that are not shown, the same is shown of them.
func TestGroupsMoved(t *testing.T) {
	outlines := straddled()
	areas := geo.NewContainment(outlines)
	rapid.Check(t, func(t *rapid.T) {
		p, err := disclosure.SINP().Settled(disclosure.MeanSurfaces(outlines))
		if err != nil {
			t.Fatal(err)
		}
		var rules []sensitivity.Rule
		level := rapid.SampledFrom([]sensitivity.Level{0, 0, 1, 2, 3, 4, sensitivity.Km25, sensitivity.Km400})
		for cd := taxon.CdNom(1); cd <= 4; cd++ {
			for _, d := range []string{"34", "30"} {
				if l := level.Draw(t, "asked"); l != 0 {
					rules = append(rules, sensitivity.Rule{List: "L", CdNom: cd, Level: l, Department: d})
				}
			}
		}
		book := p.Book(sensitivity.NewBook([]sensitivity.List{{ID: "L", Region: sensitivity.Apart}}, rules))
		spread := disclosure.NewSpread(book, func(cd taxon.CdRef) []taxon.CdNom { return []taxon.CdNom{taxon.CdNom(cd)} }, &p, areas)
		x, y := rapid.IntRange(700001, 729999), rapid.IntRange(6300001, 6319999)
		var members []*observation.Observation
		for range rapid.IntRange(1, 5).Draw(t, "members") {
			o := member(areas, float64(x.Draw(t, "x")), float64(y.Draw(t, "y")), 0, 0, rapid.SampledFrom([]string{"a", "b"}).Draw(t, "grouping"))
			o.CdRef = taxon.CdRef(rapid.IntRange(1, 4).Draw(t, "taxon"))
			o.CdNom = taxon.CdNom(o.CdRef)
			members = append(members, o)
		}
		tell := func(members []*observation.Observation) (out []disclosure.Published, shown []bool) {
			g := newGroups(spread, spread.Raise, nil)
			for _, o := range members {
				r := spread.Class(o)
				o.Sensitivity, o.SensList = r.Level, r.List
			}
			_ = settle(func() error {
				for _, name := range []string{"a", "b"} {
					for _, o := range members {
						if o.Grouping == name {
							g.Add(o)
						}
					}
				}
				return nil
			}, g)
			for _, o := range members {
				c := *o
				g.Raise(&c)
				got, ok := disclosure.Publish(&c, &p, areas, disclosure.Public)
				out, shown = append(out, got), append(shown, ok)
			}
			return out, shown
		}
		before, shown := tell(members)
		var moved []*observation.Observation
		var want []disclosure.Published
		for i, o := range members {
			if !shown[i] {
				continue
			}
			c := *o
			if before[i].Blurred {
				for range 200 {
					to := member(areas, float64(x.Draw(t, "to x")), float64(y.Draw(t, "to y")), 0, 0, o.Grouping)
					if areas.At(before[i].Area.Kind(), to.Place.Lon, to.Place.Lat) == before[i].Area {
						c.Place = to.Place
						break
					}
				}
			}
			moved, want = append(moved, &c), append(want, before[i])
		}
		after, still := tell(moved)
		for i := range moved {
			if !still[i] || after[i].Area != want[i].Area || after[i].Blurred != want[i].Blurred {
				for j, o := range members {
					t.Logf("taxon %d of %s at %.0f %.0f: shown %v at %v", o.CdRef, o.Grouping, o.Place.Box.MinX, o.Place.Box.MinY, shown[j], before[j].Area)
				}
				for j, o := range moved {
					t.Logf("moved: taxon %d at %.0f %.0f: shown %v at %v", o.CdRef, o.Place.Box.MinX, o.Place.Box.MinY, still[j], after[j].Area)
				}
				t.Logf("%+v", rules)
				t.Fatalf("taxon %d of %s was shown at %v, and moved inside it at %v (%v)", moved[i].CdRef, moved[i].Grouping, want[i].Area, after[i].Area, still[i])
			}
		}
	})
}
