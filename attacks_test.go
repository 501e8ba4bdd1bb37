package garrigue_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"garrigue/internal/api"
	"garrigue/internal/atlas"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/ingest"
	"garrigue/internal/observation"
	"garrigue/internal/publish"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// The attacks that other platforms have suffered (reference: peers, 4.4), tried on what is served:
// the intersection of two areas, the difference of two counts, the histogram of one record,
// references that drift. Side channels are in crawl_test.go: each address answers the same, to the byte,
// whether what is withheld is there or not.

// TestAttacks reads random atlases as an attacker would, through the open API.
func TestAttacks(t *testing.T) {
	lonely, blurred := 0, 0
	for w := range 6 {
		b := newBed(t, 3000+w)
		for i := range 4 {
			list := b.world.sightings().Example(i*31 + w)
			p := b.publish(t, "first", list, true)
			s, stop := serveAtlas(t, p.parent())
			n, m := b.attack(t, s, p.decided)
			lonely, blurred = lonely+n, blurred+m
			stop()
		}
	}
	if lonely < 20 || blurred < 20 {
		t.Errorf("%d taxa known by one place only, %d by blurred observations only: too few to say anything", lonely, blurred)
	}
}

// attack goes through the taxa that may be asked for. It returns how many were known by one
// disclosed area, and by blurred observations only.
func (b *bed) attack(t *testing.T, s *site, is map[string]decided) (lonely, blurred int) {
	t.Helper()
	for _, name := range b.world.names {
		var shown []decided
		unknown := false
		for _, d := range is {
			if d.unknown && slices.Contains(b.world.taxa.Lineage(taxon.CdNom(d.exact.CdRef)), name.CdNom) {
				unknown = true
			}
			if d.shown && slices.Contains(b.world.taxa.Lineage(taxon.CdNom(d.exact.CdRef)), name.CdNom) {
				shown = append(shown, d)
			}
		}
		if unknown || len(shown) == 0 || name.CdRef != taxon.CdRef(name.CdNom) {
			continue
		}
		path := fmt.Sprintf("/api/v1/taxa/%d", name.CdNom)
		one := told[api.Taxon](t, s, path)
		if one.Observations != len(shown) {
			t.Errorf("%s: %d observations, %d are shown", path, one.Observations, len(shown))
		}
		sum := 0
		for _, f := range told[struct {
			Features []struct{ Properties api.Place }
		}](t, s, path+"/cells").Features {
			sum += f.Properties.Observations
		}
		if sum != one.Observations {
			t.Errorf("%s: %d observations, %d on its map: the difference tells of the rest", path, one.Observations, sum)
		}
		if !slices.ContainsFunc(shown, func(d decided) bool { return !d.blurred }) {
			blurred++
			b.thin(t, s, path, shown)
		}
		if !slices.ContainsFunc(shown, func(d decided) bool { return d.area != shown[0].area || !d.blurred }) {
			lonely++
			b.intersect(t, s, path, shown[0].area)
		}
	}
	return lonely, blurred
}

// thin reads the charts of a taxon known by blurred observations only: no altitude, and no day of those
// blurred on purpose when the policy tells months.
func (b *bed) thin(t *testing.T, s *site, path string, shown []decided) {
	t.Helper()
	if known := told[api.Altitudes](t, s, path+"/altitudes").Known; known != 0 {
		t.Errorf("%s: %d altitudes of blurred observations", path, known)
	}
	days := 0
	for _, n := range told[api.Phenology](t, s, path+"/phenology").TenDays {
		days += n
	}
	allowed := 0
	for _, d := range shown {
		if !d.batched && d.exact.When.Precision == observation.Day || b.policy.BlurredDates == observation.Day {
			allowed++
		}
	}
	if days > allowed {
		t.Errorf("%s: %d days of blurred observations told, %d may be", path, days, allowed)
	}
}

// intersect asks for the areas of every kind that a taxon known by one disclosed area is listed
// in: each must contain that area wholly, else their intersection is finer.
func (b *bed) intersect(t *testing.T, s *site, path string, area geo.AreaKey) {
	t.Helper()
	own := b.world.rect(area)
	for _, k := range []geo.Kind{geo.Commune, geo.Department, geo.Region, geo.Cell1, geo.Cell2, geo.Cell5, geo.Cell10, geo.Cell20, geo.Cell50} {
		for _, p := range told[api.List[api.Place]](t, s, path+"/areas?kind="+k.String()).Items {
			key := geo.AdminKey(k, p.Code)
			if k.Mesh() > 0 {
				key, _ = geo.ParseCell(p.Code)
			}
			if in := b.world.rect(key); in.x0 > own.x0 || in.y0 > own.y0 || in.x1 < own.x1 || in.y1 < own.y1 {
				t.Errorf("%s is shown in %v and listed in %v, which does not hold it", path, area, key)
			}
		}
	}
}

func told[T any](t *testing.T, s *site, path string) (v T) {
	t.Helper()
	r := s.ask(t, "GET", path)
	if r.status != 200 {
		t.Fatalf("%s: status %d", path, r.status)
	}
	if err := json.Unmarshal(r.body, &v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return v
}

// TestReferenceDrift replays what has exposed sensitive taxa elsewhere: a species merged, split
// or gone from the next TAXREF, a list withdrawn or that says what nobody understands. Until the vault is
// classed again nothing may be published; then the eagle is shown no finer than before, or not at all.
func TestReferenceDrift(t *testing.T) {
	names := worldNames()
	code := func(name string) taxon.CdNom {
		for _, n := range names {
			if n.ScientificName == name {
				return n.CdNom
			}
		}
		t.Fatalf("no %s", name)
		return 0
	}
	eagle, tit, lizard := code("Aquila fasciata"), code("Parus major"), code("Timon lepidus")
	renamed := func(change func(*taxon.Name)) []taxon.Name {
		out := slices.Clone(names)
		for i := range out {
			if out[i].CdNom == eagle {
				change(&out[i])
			}
		}
		return out
	}
	newEagle := taxon.Name{CdNom: 90, CdRef: 90, Rank: taxon.Species, ScientificName: "Aquila nova", Kingdom: "Animalia", Class: "Aves", Group2: "Oiseaux"}
	without := slices.DeleteFunc(slices.Clone(names), func(n taxon.Name) bool { return n.CdNom == eagle })
	rule := func(level sensitivity.Level) []sensitivity.Rule {
		return []sensitivity.Rule{{List: "9", CdNom: eagle, Level: level}, {List: "9", CdNom: code("Saga pedo"), Level: 2}}
	}
	whole := map[taxon.CdRef][]geo.Kind{taxon.CdRef(eagle): {geo.Department}, taxon.CdRef(tit): {geo.Cell5}, taxon.CdRef(lizard): {geo.Cell5}}
	for _, c := range []struct {
		name  string
		names []taxon.Name
		gone  []taxon.Withdrawn
		rules []sensitivity.Rule
		want  map[taxon.CdRef][]geo.Kind
	}{
		{"nothing changes", names, nil, rule(3), whole},
		{"merged into a common species", renamed(func(n *taxon.Name) { n.CdRef = taxon.CdRef(tit) }), nil, rule(3),
			map[taxon.CdRef][]geo.Kind{taxon.CdRef(tit): {geo.Department, geo.Department}, taxon.CdRef(lizard): {geo.Cell5}}},
		{"split, a synonym of one of two new species", append(renamed(func(n *taxon.Name) { n.CdRef = 90 }), newEagle), nil, rule(3),
			map[taxon.CdRef][]geo.Kind{90: {geo.Department}, taxon.CdRef(tit): {geo.Cell5}, taxon.CdRef(lizard): {geo.Cell5}}},
		{"gone, replaced", append(slices.Clone(without), newEagle), []taxon.Withdrawn{{CdNom: eagle, Replacement: 90}}, rule(3),
			map[taxon.CdRef][]geo.Kind{90: {geo.Department}, taxon.CdRef(tit): {geo.Cell5}, taxon.CdRef(lizard): {geo.Cell5}}},
		{"gone, nobody knows where", without, nil, rule(3), map[taxon.CdRef][]geo.Kind{taxon.CdRef(tit): {geo.Cell5}, taxon.CdRef(lizard): {geo.Cell5}}},
		{"the list is withdrawn and none is left", names, nil, nil, map[taxon.CdRef][]geo.Kind{}},
		{"a level nobody knows", names, nil, rule(9), map[taxon.CdRef][]geo.Kind{taxon.CdRef(tit): {geo.Cell5}, taxon.CdRef(lizard): {geo.Cell5}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDrift(t, rule(3), eagle, tit, lizard)
			if got := d.publish(t); !maps.EqualFunc(got, whole, slices.Equal) {
				t.Fatalf("shown at first: %v", got)
			}
			d.change(t, c.names, c.gone, c.rules)
			if err := d.run(t); !fault.Is(err, fault.Conflict) {
				t.Errorf("published though nothing was classed again: %v", err)
			}
			if got := d.shown(t); !maps.EqualFunc(got, whole, slices.Equal) {
				t.Errorf("a refused publication changed what is shown: %v", got)
			}
			_, err := ingest.Reclass(t.Context(), d.db, ingest.Settings{Today: d.bed.world.today}, nil)
			must0(t, err)
			if got := d.publish(t); !maps.EqualFunc(got, c.want, slices.Equal) {
				t.Errorf("shown: %v, want %v", got, c.want)
			}
		})
	}
}

// drift is a vault whose references change.
type drift struct {
	bed *bed
	dir string
	db  *vault.DB
}

func newDrift(t *testing.T, rules []sensitivity.Rule, taxa ...taxon.CdNom) *drift {
	t.Helper()
	w := newWorld(t, 4000)
	w.lists, w.rules, w.choice = []sensitivity.List{{ID: "9", Name: "nationale"}}, rules, nil
	w.policy = disclosure.SINP()
	w.policy.Today, w.policy.Batch = w.today, disclosure.Batch{}
	d := &drift{bed: &bed{world: w, dir: memoryDir(t)}}
	d.dir = d.bed.dir + "/atlas"
	var err error
	d.db, err = vault.Open(t.Context(), d.bed.dir+"/vault.sqlite")
	must0(t, err)
	t.Cleanup(func() { must0(t, d.db.Close()) })
	w.fill(t, d.db)
	var list []sighting
	for i, cd := range taxa {
		list = append(list, sighting{Key: fmt.Sprint("k", i), Twin: i, Taxon: cd, Date: "2025-05-12", Support: "point", X: w.whole.x0 + 5000, Y: w.whole.y0 + 6000 + float64(i)*100,
			Public: "Pu", Presence: "Pr", Valid: "1", Status: "9", Observer: w.people[i]})
	}
	w.write(t, d.bed.dir+"/rows.csv", list)
	im, err := ingest.NewImporter(t.Context(), d.db, ingest.Settings{Today: w.today})
	must0(t, err)
	rep, err := im.Import(t.Context(), d.bed.dir+"/rows.csv", ingest.Options{})
	must0(t, err)
	if rep.Created != len(list) {
		t.Fatalf("%d rows created of %d: %v", rep.Created, len(list), rep.Rejects)
	}
	_, err = ingest.Reclass(t.Context(), d.db, ingest.Settings{Today: w.today}, nil)
	must0(t, err)
	return d
}

// change loads the next versions of the references.
func (d *drift) change(t *testing.T, names []taxon.Name, gone []taxon.Withdrawn, rules []sensitivity.Rule) {
	t.Helper()
	ref := func(kind, name string) vault.Reference {
		return vault.Reference{Kind: kind, Name: name, Version: "v18", SHA256: "next" + kind}
	}
	_, err := d.db.PutTaxref(t.Context(), ref("taxref", "taxref"), each(names))
	must0(t, err)
	_, err = d.db.PutWithdrawn(t.Context(), ref("withdrawn", "withdrawn"), each(gone))
	must0(t, err)
	_, err = d.db.PutSensitivity(t.Context(), ref("sensitivity", "lists"), d.bed.world.lists, each(rules))
	must0(t, err)
}

func (d *drift) run(t *testing.T) error {
	t.Helper()
	_, err := publish.Run(t.Context(), d.db, publish.Options{Dir: d.dir, Seed: 1, Policy: d.bed.world.policy,
		Meta: atlas.Meta{Title: "Atlas", Territory: "Essai", Licence: "etalab-2.0", Fictional: true, Mesh: geo.Cell5}})
	return err
}

func (d *drift) publish(t *testing.T) map[taxon.CdRef][]geo.Kind {
	t.Helper()
	must0(t, d.run(t))
	return d.shown(t)
}

// shown tells the kinds of areas at which each taxon is on the map, once an observation.
func (d *drift) shown(t *testing.T) map[taxon.CdRef][]geo.Kind {
	t.Helper()
	store, err := atlas.OpenStore(d.dir, nil)
	must0(t, err)
	defer store.Close()
	a, release := store.Acquire()
	defer release()
	out := map[taxon.CdRef][]geo.Kind{}
	for cd := taxon.CdRef(1); cd < 200; cd++ {
		sheet, err := a.Taxon(t.Context(), cd)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		must0(t, err)
		if sheet.CdRef != cd || sheet.Rank != taxon.Species {
			continue
		}
		cells, err := a.Cells(t.Context(), cd, 0, 0)
		must0(t, err)
		for _, c := range cells {
			for range c.N {
				out[cd] = append(out[cd], c.Area.Kind())
			}
		}
	}
	return out
}
