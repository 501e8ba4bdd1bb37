package disclosure

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"garrigue/internal/civil"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
)

// newBorders returns an invented territory of four departments of two former regions, none of whose borders is on
// the mesh: 34 and 30 had the lists of Languedoc-Roussillon, 81 and 12 those of Midi-Pyrénées.
func newBorders() *world {
	w, r := newWorld(), rand.New(rand.NewPCG(3, 4))
	n := 0
	for _, d := range []struct {
		code string
		rect rect
	}{{"81", rect{600_700, 6_200_300, 633_100, 6_251_900}}, {"34", rect{633_100, 6_200_300, 702_600, 6_231_200}},
		{"12", rect{600_700, 6_251_900, 633_100, 6_310_900}}, {"30", rect{633_100, 6_231_200, 702_600, 6_310_900}}} {
		w.cut(r, &n, geo.AdminKey(geo.Department, d.code), d.rect)
	}
	return w
}

// lists draws what is asked of taxon 1: by department, national and regional lists, an area, a season, a status.
func lists(t *rapid.T, w *world) *sensitivity.Book {
	all := []sensitivity.List{{ID: "N"}, {ID: "LR", Region: "91"}, {ID: "MP", Region: "73"}, {ID: "A", Region: sensitivity.Apart}}
	levels := rapid.SampledFrom([][]sensitivity.Level{{1, 2}, {2, 3}, {1, 3}, {3, 3}, {2, 4}, {3, 4}, {1, 1},
		{sensitivity.Km25, sensitivity.Km100}, {sensitivity.Km4, sensitivity.Km25, sensitivity.Km400, sensitivity.Km2500},
		{1, 2, 3, 4}, {1, sensitivity.Km2500, 3}}).Draw(t, "levels")
	var rules []sensitivity.Rule
	for range rapid.IntRange(1, 4).Draw(t, "rules") {
		r := sensitivity.Rule{List: rapid.SampledFrom([]string{"N", "LR", "MP", "A"}).Draw(t, "list"), CdNom: 1,
			Level:      rapid.SampledFrom(levels).Draw(t, "level"),
			Department: rapid.SampledFrom([]string{"", "34", "30", "81", "12"}).Draw(t, "department")}
		switch rapid.IntRange(0, 9).Draw(t, "if") {
		case 0:
			r.From, r.To = 1101, 228
		case 1:
			r.BioStatus = "3"
		case 2:
			r.Years = 10
		case 3:
			r.Area = rapid.SampledFrom(w.order).Draw(t, "area")
		case 4:
			b := w.whole()
			r.Area = geo.CellAt(geo.Cell10, float64(rapid.IntRange(int(b.x0), int(b.x1)).Draw(t, "ax")), float64(rapid.IntRange(int(b.y0), int(b.y1)).Draw(t, "ay")))
		}
		rules = append(rules, r)
	}
	return sensitivity.NewBook(all, rules)
}

func lineage(cd taxon.CdRef) []taxon.CdNom { return []taxon.CdNom{taxon.CdNom(cd), 900} }

// drawSubject draws an observation of taxon 1 whose restrictions beside the list's are few.
func drawSubject(t *rapid.T, w *world) *observation.Observation {
	o := drawObservation(t, w)
	o.Sensitivity = 0
	if rapid.Bool().Draw(t, "list alone") {
		o.StatedLevel, o.Diffusion, o.Consent = 0, "", ""
	}
	o.BioStatus = rapid.SampledFrom([]string{"", "3", "9"}).Draw(t, "status")
	if rapid.IntRange(0, 5).Draw(t, "given") == 0 {
		give(t, w, o)
	}
	day, _ := civil.Make(rapid.IntRange(2010, 2026).Draw(t, "year"), rapid.IntRange(1, 12).Draw(t, "month"), 15)
	o.When.Start, o.When.End = day, day
	return o
}

// give has the producer blur an observation: only areas are left, a cell of which the middle is on land, a commune, a department.
func give(t *rapid.T, w *world, o *observation.Observation) {
	b := w.whole()
	x := float64(rapid.IntRange(int(b.x0), int(b.x1)-1).Draw(t, "given x"))
	y := float64(rapid.IntRange(int(b.y0), int(b.y1)-1).Draw(t, "given y"))
	var p observation.Place
	for _, k := range rapid.SampledFrom([][]geo.Kind{{geo.Cell2}, {geo.Cell5}, {geo.Cell10}, {geo.Commune}, {geo.Department},
		{geo.Cell5, geo.Department}, {geo.Cell10, geo.Commune, geo.Department}}).Draw(t, "layers") {
		a, _ := w.at(k, x, y)
		if r := w.rect(a); k.Mesh() > 0 {
			if _, inside := w.at(geo.Region, (r.x0+r.x1)/2, (r.y0+r.y1)/2); !inside {
				return
			}
		}
		giveArea(&p, a)
	}
	o.Place, o.Blurring = p, "OUI"
}

// movedGiven is moved for what its producer blurred: each layer that came with it is the one at the new place.
func movedGiven(w *world, p *observation.Place, area geo.AreaKey, x, y float64) bool {
	for _, a := range []*geo.AreaKey{&p.Attached, &p.Commune, &p.Department} {
		if *a == 0 || *a == area {
			continue
		}
		key, ok := w.at(a.Kind(), x, y)
		if r := w.rect(key); a.Kind().Mesh() > 0 {
			at, inside := w.at(area.Kind(), (r.x0+r.x1)/2, (r.y0+r.y1)/2)
			ok = inside && at == area
		} else if ok && !w.rect(area).holds(r) && area.Kind().Mesh() == 0 {
			return false
		}
		if !ok {
			return false
		}
		*a = key
	}
	return true
}

// moved returns a copy elsewhere inside an area, as it would have been classed there: false when
// there is no such place.
func moved(t *rapid.T, w *world, o *observation.Observation, area geo.AreaKey) (observation.Observation, bool) {
	c := *o
	in, whole := w.rect(area), w.whole()
	x := float64(rapid.IntRange(int(max(in.x0, whole.x0)), int(min(in.x1, whole.x1))-1).Draw(t, "to x"))
	y := float64(rapid.IntRange(int(max(in.y0, whole.y0)), int(min(in.y1, whole.y1))-1).Draw(t, "to y"))
	if o.BlurredAtSource() {
		if !movedGiven(w, &c.Place, area, x, y) {
			return c, false
		}
	} else if k := o.Place.Attached; k != 0 {
		key, ok := w.at(k.Kind(), x, y)
		r := w.rect(key)
		if k.Kind().Mesh() > 0 { // its middle is what counts
			x, y = (r.x0+r.x1)/2, (r.y0+r.y1)/2
			_, inside := w.at(geo.Department, x, y)
			ok = inside && in.x0 <= x && x < in.x1 && in.y0 <= y && y < in.y1
		}
		if !ok {
			return c, false
		}
		c.Place = w.place(r)
		c.Place.Attached, c.Place.Georeference = key, o.Place.Georeference
		if k.Kind() == geo.Department {
			c.Place.Commune = 0
		}
	} else {
		b := o.Place.Box
		width, height := b.MaxX-b.MinX, b.MaxY-b.MinY
		c.Place = w.place(rect{x - float64(int(width/2)), y - float64(int(height/2)), x + width - float64(int(width/2)), y + height - float64(int(height/2))})
		c.Place.Lon, c.Place.Lat = geo.FromLambert93(x+0.25, y+0.25)
		c.Place.Uncertainty = o.Place.Uncertainty
	}
	c.Place.AltitudeMin, c.Place.Name, c.Comment, c.ID = 900, "ailleurs", "autre", 77
	c.Sensitivity, c.SensList = 0, ""
	return c, true
}

// classed returns the level that import would give: of a shape what its box meets, or, since its outline
// may fill little of the box, what its point meets.
func classed(t *rapid.T, s *Spread, o *observation.Observation) sensitivity.Result {
	r := s.Class(o)
	if p := o.Place; p.Box.MinX < p.Box.MaxX && p.Attached == 0 && rapid.Bool().Draw(t, "thin") {
		thin := *o
		x, y := geo.ToLambert93(p.Lon, p.Lat)
		thin.Place.Box = geo.Box{MinX: x - 0.1, MinY: y - 0.1, MaxX: x + 0.1, MaxY: y + 0.1}
		return s.Class(&thin)
	}
	return r
}

// TestSpread: whatever the lists ask for, and wherever, a blurred observation moved to anywhere
// inside its disclosed area, and classed there, is published the same.
func TestSpread(t *testing.T) {
	w := newBorders()
	all := policies(t, w.means)
	shown, raised, hidden := map[string]int{}, 0, 0
	many(t, func(t *rapid.T) {
		p := rapid.SampledFrom(all).Draw(t, "policy")
		p.Today, _ = civil.Make(2026, 11, 21)
		s := NewSpread(lists(t, w), lineage, &p, w)
		o := drawSubject(t, w)
		floor := sensitivity.Level(0) // of a grouping
		if p.Version != "odd" {
			floor = rapid.SampledFrom([]sensitivity.Level{0, 0, 0, 1, 2, 3}).Draw(t, "grouping")
		}
		law := classed(t, s, o)
		o.Sensitivity, o.SensList = law.Level, law.List
		before, ok := Publish(o, &p, w, Public)
		s.RaiseTo(o, floor, "")
		if o.Sensitivity != law.Level {
			raised++
		}
		a, ok2 := Publish(o, &p, w, Public)
		if !ok2 {
			hidden++
			return
		}
		if law.Level != 0 && len(p.KindsOf(law.List, law.Level)) == 0 {
			t.Fatalf("withheld by %v, shown at %v", law, a.Area)
		}
		if ok && before.Blurred && !a.Blurred || ok && p.Coarser(before.Area.Kind(), a.Area.Kind()) {
			t.Fatalf("%v shows it at %v, raised at %v", law, before.Area, a.Area)
		}
		if !a.Blurred {
			return
		}
		shown[a.Area.Kind().String()]++
		for range 4 {
			c, ok := moved(t, w, o, a.Area)
			if !ok {
				continue
			}
			there := classed(t, s, &c)
			c.Sensitivity, c.SensList = there.Level, there.List
			s.RaiseTo(&c, floor, "")
			z, ok := Publish(&c, &p, w, Public)
			if !ok || !reflect.DeepEqual(a, z) {
				t.Fatalf("policy %s %v: %v at %v,\nfrom %v (%v -> %v)\nto   %v (%v -> %v)\n%+v became %v %+v", p.Version, p.Mesh, o.Place.Georeference, a.Area,
					o.Place.Box, law, o.Sensitivity, c.Place.Box, there, c.Sensitivity, a, ok, z)
			}
		}
	})
	t.Logf("shown %v, raised %d, withheld %d", shown, raised, hidden)
	for _, k := range []geo.Kind{geo.Commune, geo.Department, geo.Region, geo.Cell5, geo.Cell10, geo.Cell50} {
		if shown[k.String()] == 0 {
			t.Errorf("nothing was shown at a %v", k)
		}
	}
	if raised == 0 || hidden == 0 {
		t.Errorf("%d raised, %d withheld", raised, hidden)
	}
}

// TestGroupSpread: the observations of a grouping, each moved anywhere inside the area where it is shown, are published
// the same.
func TestGroupSpread(t *testing.T) {
	w := newBorders()
	all := slices.DeleteFunc(policies(t, w.means), func(p Policy) bool { return p.Version == "odd" })
	shown, leveled, hidden := 0, 0, 0
	many(t, func(t *rapid.T) {
		p := rapid.SampledFrom(all).Draw(t, "policy")
		p.Today, _ = civil.Make(2026, 11, 21)
		s := NewSpread(lists(t, w), lineage, &p, w)
		members := make([]*observation.Observation, rapid.IntRange(1, 3).Draw(t, "members"))
		class := func(o *observation.Observation) {
			law := classed(t, s, o)
			o.Sensitivity, o.SensList = law.Level, law.List
		}
		publish := func(members []*observation.Observation) ([]Published, int) {
			level, list := s.Group(members, nil)
			out := make([]Published, len(members))
			n := 0
			for i, o := range members {
				s.RaiseTo(o, level, list)
				if got, ok := Publish(o, &p, w, Public); ok {
					out[i] = got
					n++
				}
			}
			if level != 0 {
				leveled++
			}
			return out, n
		}
		for i := range members {
			members[i] = drawSubject(t, w)
			if rapid.IntRange(0, 2).Draw(t, "not listed") == 0 {
				members[i].CdNom, members[i].CdRef = 2, 2
			}
			class(members[i])
		}
		others := make([]*observation.Observation, len(members))
		for i, o := range members {
			c := *o
			others[i] = &c
		}
		before, n := publish(members)
		for _, o := range members {
			var own asks
			d := decision{p: &p, in: w, pl: &o.Place}
			if counts := publishable(o) && d.support(o) && own.of(&p, o); counts && len(p.KindsOf(o.SensList, o.Sensitivity)) == 0 && n > 0 {
				t.Fatalf("%d are shown beside one that is withheld for its level", n)
			}
		}
		if n < len(members) {
			hidden++
			return // what is withheld is no part of what is told
		}
		for i, o := range others {
			if !before[i].Blurred {
				continue // at the same place it is classed as it was
			}
			if c, ok := moved(t, w, o, before[i].Area); ok {
				class(&c)
				others[i] = &c
			}
		}
		shown++
		if after, _ := publish(others); !reflect.DeepEqual(before, after) {
			for i := range members {
				t.Logf("%v %v -> %v %v, moved %v -> %v %v", members[i].CdRef, members[i].Place.Box, before[i].Area, before[i].Reasons, others[i].Place.Box, after[i].Area, after[i].Reasons)
			}
			t.Fatalf("%s %v: %+v became %+v", p.Version, p.Mesh, before, after)
		}
	})
	t.Logf("%d shown, %d with a level, %d with a member withheld", shown, leveled, hidden)
	if shown == 0 || leveled == 0 || hidden == 0 {
		t.Error("too few")
	}
}

// TestGroupOfTwins: what the companions of a member that has twins are shown as does not depend on where it lies: one
// of the others may be shown instead, as far from it as the region reaches.
func TestGroupOfTwins(t *testing.T) {
	w := newBorders()
	all := slices.DeleteFunc(policies(t, w.means), func(p Policy) bool { return p.Version == "odd" })
	told, leveled := 0, 0
	many(t, func(t *rapid.T) {
		p := rapid.SampledFrom(all).Draw(t, "policy")
		p.Today, _ = civil.Make(2026, 11, 21)
		s := NewSpread(lists(t, w), lineage, &p, w)
		class := func(o *observation.Observation) {
			law := classed(t, s, o)
			o.Sensitivity, o.SensList = law.Level, law.List
		}
		companion, twin := drawSubject(t, w), drawSubject(t, w)
		companion.CdNom, companion.CdRef, companion.ID, twin.ID = 2, 2, 1, 2
		isTwin := func(id int64) bool { return id > 1 }
		class(twin)
		level, list := s.Group([]*observation.Observation{companion, twin}, isTwin)
		if level != 0 {
			leveled++
		}
		for range 3 {
			there, ok := moved(t, w, twin, geo.AdminKey(geo.Region, "X"))
			if !ok {
				continue
			}
			class(&there)
			told++
			if l, in := s.Group([]*observation.Observation{companion, &there}, isTwin); l != level || in != list {
				t.Fatalf("the twin at %v gives %v (%s), at %v %v (%s)", twin.Place.Box, level, list, there.Place.Box, l, in)
			}
		}
	})
	if told == 0 || leveled == 0 {
		t.Errorf("%d told, %d with a level", told, leveled)
	}
}

// TestGroupOfTwinsCase: a bustard of the side where it is shown by cells, hidden by a vague twin shown at the region, does not tell by
// its companion that it is not on the side where it is shown by departments.
func TestGroupOfTwinsCase(t *testing.T) {
	b := readBook(t)
	p := settled(t, SINP(), geo.Cell5, b.mean)
	s := b.spread(&p)
	seen := func(name, place string) *observation.Observation {
		o := b.observation(t, []string{name, place, "2024-05-01", "", "Pu", "", "", ""})
		r := s.Class(o)
		o.Sensitivity, o.SensList = r.Level, r.List
		return o
	}
	for _, c := range []struct {
		place string
		twin  bool
		want  sensitivity.Level
	}{{"Grandval 705 ; 6262", false, 2}, {"Les Causses 790 ; 6290", false, 3}, {"Grandval 705 ; 6262", true, 3}, {"Les Causses 790 ; 6290", true, 3}} {
		members := []*observation.Observation{seen("Merle noir", "Grandval 712 ; 6262"), seen("Outarde canepetière", c.place)}
		members[1].ID = 7
		level, _ := s.Group(members, func(id int64) bool { return c.twin && id == 7 })
		if level != c.want {
			t.Errorf("%s, with twins %v: level %v, want %v", c.place, c.twin, level, c.want)
		}
	}
}
