package ingest

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"garrigue/internal/civil"
	"garrigue/internal/dataset"
	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// classWorld is the small world with a list that has one rule of each sort.
type classWorld struct {
	*lifeWorld
	today civil.Date
}

// sortsOfRules: 67111 Ablette, 60612 Lynx, 351 Grenouille, 459478 Hirondelle.
func sortsOfRules() []sensitivity.Rule {
	return []sensitivity.Rule{
		{List: "L", CdNom: 67111, Level: 1, Department: "34", Years: 20},
		{List: "L", CdNom: 67111, Level: 3, Department: "30"},
		{List: "L", CdNom: 60612, Level: 2, LifeStage: "3"},
		{List: "L", CdNom: 351, Level: 3, BioStatus: "3"},
		{List: "L", CdNom: 459478, Level: 2, Condition: "nids uniquement"},
	}
}

func newClassWorld(t *testing.T) *classWorld {
	w := &classWorld{newLifeWorld(t), day(2026, 11, 21)}
	w.list("a", sortsOfRules()...)
	return w
}

// list replaces the lists of the world.
func (w *classWorld) list(version string, rules ...sensitivity.Rule) {
	w.t.Helper()
	if _, err := w.db.PutSensitivity(context.Background(), vault.Reference{Kind: "sensitivity", Name: "list", SHA256: version},
		[]sensitivity.List{{ID: "L", Name: "essai"}}, seq(rules)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *classWorld) settings() Settings { return Settings{Today: w.today} }

func (w *classWorld) put(lines ...string) Report {
	w.t.Helper()
	im, err := NewImporter(context.Background(), w.db, w.settings())
	if err != nil {
		w.t.Fatal(err)
	}
	path := filepath.Join(w.t.TempDir(), "jeu.csv")
	write(w.t, path, "id_origine;cd_nom;nom_cite;date_min;observers;WKT;ds_publique;biologique_statut;stade_vie;uuid_perm_grp_sinp\n"+strings.Join(lines, "\n")+"\n")
	rep, err := im.Import(context.Background(), path, Options{Dataset: "jeu"})
	if err != nil {
		w.t.Fatal(err)
	}
	if rep.Rejected > 0 {
		w.t.Fatalf("%+v", rep)
	}
	return rep
}

func (w *classWorld) one() observation.Observation {
	w.t.Helper()
	list := w.all()
	if len(list) != 1 {
		w.t.Fatalf("%d observations", len(list))
	}
	return list[0]
}

func (w *classWorld) reclass() int {
	w.t.Helper()
	n, err := Reclass(context.Background(), w.db, w.settings(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *classWorld) stale() bool {
	w.t.Helper()
	yes, err := Stale(context.Background(), w.db, w.settings())
	if err != nil {
		w.t.Fatal(err)
	}
	return yes
}

// TestClassedAgain: a row that comes again with another taxon, date, place or status is
// classed again, and so is every row when a list changes.
func TestClassedAgain(t *testing.T) {
	for _, c := range []struct {
		name, line  string
		level       sensitivity.Level
		review      bool
		again       string
		after       sensitivity.Level
		reviewAfter bool
	}{
		{"taxon", "1;67111;Ablette;2020-01-01;N;POINT(3.05 43.55);Pr;9;2;", 1, false, "1;459478;Hirondelle;2020-01-01;N;POINT(3.05 43.55);Pr;9;2;", 2, true},
		{"date", "1;67111;Ablette;2020-01-01;N;POINT(3.05 43.55);Pr;9;2;", 1, false, "1;67111;Ablette;1990-01-01;N;POINT(3.05 43.55);Pr;9;2;", 0, false},
		{"place", "1;67111;Ablette;2020-01-01;N;POINT(3.05 43.55);Pr;9;2;", 1, false, "1;67111;Ablette;2020-01-01;N;POINT(3.05 43.65);Pr;9;2;", 3, false},
		{"status", "1;351;Grenouille;2020-01-01;N;POINT(3.05 43.55);Pr;3;2;", 3, false, "1;351;Grenouille;2020-01-01;N;POINT(3.05 43.55);Pr;9;2;", 0, false},
		{"a status no longer told", "1;351;Grenouille;2020-01-01;N;POINT(3.05 43.55);Pr;9;2;", 0, false, "1;351;Grenouille;2020-01-01;N;POINT(3.05 43.55);Pr;;2;", 3, true},
		{"life stage", "1;60612;Lynx;2020-01-01;N;POINT(3.05 43.55);Pr;9;2;", 0, false, "1;60612;Lynx;2020-01-01;N;POINT(3.05 43.55);Pr;9;3;", 2, false},
		{"life stage no longer told", "1;60612;Lynx;2020-01-01;N;POINT(3.05 43.55);Pr;9;2;", 0, false, "1;60612;Lynx;2020-01-01;N;POINT(3.05 43.55);Pr;9;;", 2, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newClassWorld(t)
			w.put(c.line)
			if o := w.one(); o.Sensitivity != c.level || o.Review != c.review || o.Manual {
				t.Fatalf("at first: level %v, review %v", o.Sensitivity, o.Review)
			}
			w.put(c.again)
			o := w.one()
			if o.Sensitivity != c.after || o.Review != c.reviewAfter {
				t.Errorf("again: level %v, review %v", o.Sensitivity, o.Review)
			}
			if n := w.reclass(); n != 0 {
				t.Errorf("classing says another thing than importing: %+v", w.one())
			}
			w.list("b", sensitivity.Rule{List: "L", CdNom: taxon.CdNom(o.CdRef), Level: sensitivity.Km25})
			if !w.stale() {
				t.Error("a list changed, and nothing is stale")
			}
			if n := w.reclass(); n != 1 || w.one().Sensitivity != sensitivity.Km25 || w.one().SensList != "L" || w.stale() {
				t.Errorf("%d changed, %+v", n, w.one().Sensitivity)
			}
		})
	}
}

// TestYears: durations end with the year. An observation of 10 January 2007 is sensitive for twenty years.
func TestYears(t *testing.T) {
	w := newClassWorld(t)
	w.put("1;67111;Ablette;2007-01-10;N;POINT(3.05 43.55);Pr;;;")
	if w.stale() || w.one().Sensitivity != 1 {
		t.Fatalf("in 2026: stale %v, level %v", w.stale(), w.one().Sensitivity)
	}
	w.today = day(2026, 12, 31)
	if w.stale() {
		t.Error("stale within the year")
	}
	w.today = day(2027, 1, 9)
	if !w.stale() {
		t.Error("a year began, and nothing is stale")
	}
	if n := w.reclass(); n != 0 || w.stale() {
		t.Errorf("a day too early: %d changed", n)
	}
	w.today = day(2028, 1, 2)
	if !w.stale() {
		t.Error("another year began, and nothing is stale")
	}
	if n := w.reclass(); n != 1 || w.one().Sensitivity != 0 || w.stale() {
		t.Errorf("%d changed, level %v", n, w.one().Sensitivity)
	}
	// What comes by an importer of the year before is classed again.
	w.today = day(2027, 12, 31)
	w.put("2;67111;Ablette;2007-12-31;N;POINT(3.05 43.55);Pr;;;")
	w.today = day(2028, 1, 2)
	if !w.stale() {
		t.Error("rows of last year pass for classed")
	}
}

// TestPolicyOrders: the policy says which of two lists is the stricter; another policy asks for a
// classing.
func TestPolicyOrders(t *testing.T) {
	w := newClassWorld(t)
	w.list("b", sensitivity.Rule{List: "L", CdNom: 67111, Level: 1}, sensitivity.Rule{List: "L", CdNom: 67111, Level: sensitivity.Km100})
	set := w.settings()
	policy := disclosure.SINP()
	set.Policy = &policy
	w.put("1;67111;Ablette;2020-01-01;N;POINT(3.05 43.55);Pr;;;")
	if o := w.one(); o.Sensitivity != sensitivity.Km100 {
		t.Errorf("by the size they are named for: %v", o.Sensitivity)
	}
	if yes, err := Stale(context.Background(), w.db, set); err != nil || !yes {
		t.Errorf("under a policy: stale %v, %v", yes, err)
	}
	policy.Scale = []disclosure.LevelRule{{Level: 1, Kinds: []geo.Kind{geo.Department}}}
	if _, err := Reclass(context.Background(), w.db, set, nil); err != nil {
		t.Fatal(err)
	}
	if o := w.one(); o.Sensitivity != 1 {
		t.Errorf("where level 1 is shown at the department: %v", o.Sensitivity)
	}
	if yes, err := Stale(context.Background(), w.db, set); err != nil || yes {
		t.Errorf("stale %v, %v", yes, err)
	}
	policy.Version = "autre"
	if yes, err := Stale(context.Background(), w.db, set); err != nil || !yes {
		t.Errorf("under another: stale %v, %v", yes, err)
	}
}

// TestDepartmentsOf: the rules of every department that a place meets apply to it.
func TestDepartmentsOf(t *testing.T) {
	w := newClassWorld(t)
	im := newImporter(t, w.db)
	point := func(lon, lat float64) (p observation.Place) {
		p.Georeference = observation.ByGeometry
		im.places.point(&p, lon, lat)
		return p
	}
	on := func(key geo.AreaKey) (p observation.Place) {
		im.places.putOn(&p, key)
		return p
	}
	x, y := geo.ToLambert93(3.05, 43.6)
	wide := point(3.05, 43.5995)
	wide.Box = geo.Box{MinX: x - 100, MinY: y - 300, MaxX: x + 100, MaxY: y + 300}
	small := point(3.05, 43.55)
	small.Box.MaxX++
	given := observation.Place{Georeference: observation.ByCell, Attached: geo.CellAt(geo.Cell10, x, y)}
	both, d34 := []string{"30", "34"}, []string{"34"}
	for _, c := range []struct {
		name  string
		place observation.Place
		want  []string
	}{
		{"a point", point(3.05, 43.55), d34}, {"the other side", point(3.05, 43.65), []string{"30"}}, {"outside", point(0, 45), nil},
		{"a shape over both, most of it in one", wide, both}, {"a shape in one", small, d34},
		{"a commune", on(geo.AdminKey(geo.Commune, "34001")), d34}, {"a department", on(geo.AdminKey(geo.Department, "30")), []string{"30"}},
		{"a cell over both", on(geo.CellAt(geo.Cell10, x, y)), both}, {"a cell given, blurred by its producer", given, both},
		{"nowhere", observation.Place{}, nil},
	} {
		got := slices.Sorted(slices.Values(im.places.departmentsOf(&c.place)))
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestGivenDepartment: what its producer blurred is in the department of the commune given, whatever the cell given
// with it meets.
func TestGivenDepartment(t *testing.T) {
	w := newClassWorld(t)
	im := newImporter(t, w.db)
	x, y := geo.ToLambert93(3.05, 43.6)
	cell := geo.CellAt(geo.Cell10, x, y)
	o := observation.Observation{Blurring: "OUI", Place: observation.Place{Georeference: observation.ByCell, Attached: cell, Box: cell.Box()}}
	if got := im.facts(&o).Departments; !slices.Equal(got, []string{"30", "34"}) {
		t.Errorf("a cell alone: %q", got)
	}
	o.Place.Commune = geo.AdminKey(geo.Commune, "34001")
	if got := im.facts(&o).Departments; !slices.Equal(got, []string{"34"}) {
		t.Errorf("with a commune: %q", got)
	}
}

// TestAreasOf: rules limited to an area, a department too when it is written as one.
func TestAreasOf(t *testing.T) {
	w := newClassWorld(t)
	x, y := geo.ToLambert93(3.05, 43.55)
	w.list("b", sensitivity.Rule{List: "L", CdNom: 67111, Level: 1, Area: geo.AdminKey(geo.Commune, "34001")},
		sensitivity.Rule{List: "L", CdNom: 351, Level: 2, Area: geo.CellAt(geo.Cell10, x, y)},
		sensitivity.Rule{List: "L", CdNom: 67111, Level: 3, Area: geo.AdminKey(geo.Department, "30")},
		sensitivity.Rule{List: "L", CdNom: 60612, Level: 3, Area: geo.AdminKey(geo.NaturalArea, "FR01")})
	w.put("1;67111;Ablette;2020-01-01;N;POINT(3.05 43.55);Pr;;;", "2;67111;Ablette;2020-01-01;N;POINT(3.15 43.55);Pr;;;",
		"3;351;Grenouille;2020-01-01;N;POINT(3.05 43.55);Pr;;;", "4;351;Grenouille;2020-01-01;N;POINT(3.19 43.69);Pr;;;",
		"5;60612;Lynx;2020-01-01;N;POINT(3.05 43.55);Pr;;;", "6;67111;Ablette;2020-01-01;N;POINT(3.15 43.69);Pr;;;")
	var got []sensitivity.Level
	for _, o := range w.all() {
		got = append(got, o.Sensitivity)
	}
	if want := []sensitivity.Level{1, 0, 2, 0, 3, 3}; !slices.Equal(got, want) { // nothing tells that the lynx is not in FR01
		t.Errorf("levels %v, want %v", got, want)
	}
	if !w.all()[4].Review {
		t.Error("nobody is asked whether the lynx is in FR01")
	}
}

// TestAreasOfAttached lists the commune a record is attached to, which is wide and yet the only one it is
// in: of a rule for another commune it is then known that it does not apply.
func TestAreasOfAttached(t *testing.T) {
	im, commune := &Importer{ruleKinds: []geo.Kind{geo.Commune}}, geo.AdminKey(geo.Commune, "34001")
	o := observation.Observation{Place: observation.Place{Georeference: observation.ByCommune, Attached: commune, Commune: commune,
		Box: geo.Box{MinX: 700_000, MinY: 6_250_000, MaxX: 710_000, MaxY: 6_260_000}}}
	if got := im.areasOf(&o); !slices.Equal(got, []geo.AreaKey{commune}) {
		t.Errorf("attached: %v", got)
	}
	if o.Blurring = "OUI"; len(im.areasOf(&o)) != 0 {
		t.Error("where a record blurred by its producer is would be known")
	}
	o.Blurring, o.Place.Georeference = "", observation.ByGeometry
	if len(im.areasOf(&o)) != 0 {
		t.Error("a shape most of which is in a commune is not in it alone")
	}
}

func TestGroupingRead(t *testing.T) {
	w := newClassWorld(t)
	const id = "d8a9f4a0-17c1-4a38-9b60-000000000001"
	w.put("1;67111;Ablette;2020-01-01;N;POINT(3.05 43.55);Pr;;;"+strings.ToUpper(id), "2;351;Grenouille;2020-01-01;N;POINT(3.05 43.55);Pr;;;http://exemple.org/grp/"+id,
		"3;67111;Ablette;2020-01-02;N;POINT(3.05 43.55);Pr;;;visite 1", "4;67111;Ablette;2020-01-03;N;POINT(3.05 43.55);Pr;;;visite 1",
		"5;67111;Ablette;2020-01-04;N;POINT(3.05 43.55);Pr;;;")
	list := w.all()
	if list[0].Grouping != id || list[1].Grouping != id {
		t.Errorf("permanent: %q, %q", list[0].Grouping, list[1].Grouping)
	}
	if g := list[2].Grouping; len(g) != 36 || g != list[3].Grouping || g == id || list[4].Grouping != "" {
		t.Errorf("words: %q, %q, %q", list[2].Grouping, list[3].Grouping, list[4].Grouping)
	}
	if list[2].Extra["uuid_perm_grp_sinp"] != "visite 1" {
		t.Errorf("what was written is lost: %v", list[2].Extra)
	}
	// The same words in another dataset are another grouping.
	w2 := newClassWorld(t)
	im := newImporter(t, w2.db)
	path := filepath.Join(t.TempDir(), "jeu.csv")
	write(t, path, "id_origine;cd_nom;nom_cite;date_min;observers;WKT;ds_publique;uuid_perm_grp_sinp\n3;67111;Ablette;2020-01-02;N;POINT(3.05 43.55);Pr;visite 1\n")
	if _, err := im.Import(context.Background(), path, Options{Dataset: "autre"}); err != nil {
		t.Fatal(err)
	}
	if g := w2.one().Grouping; g == "" || g == list[2].Grouping {
		t.Errorf("of another dataset: %q", g)
	}
	if rep := w.put("3;67111;Ablette;2020-01-02;N;POINT(3.05 43.55);Pr;;;"); rep.Updated != 1 || w.all()[2].Grouping != "" {
		t.Errorf("no longer grouped: %+v, %q", rep, w.all()[2].Grouping)
	}
}

// TestGroupedSince: what came before groupings were kept gets its own at the first classing, once.
func TestGroupedSince(t *testing.T) {
	w, ctx := newClassWorld(t), context.Background()
	set, err := w.db.EnsureDataset(ctx, dataset.Dataset{Name: "jeu"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := w.db.Begin(ctx, vault.BatchInfo{File: "ancien.csv"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Rollback()
	const id = "d8a9f4a0-17c1-4a38-9b60-000000000001"
	for key, extra := range map[string]map[string]string{"1": {"idSINPRegroupement": id}, "2": {"eventID": "visite"}, "3": {"remarque": "regroupement d’oiseaux"}, "4": nil} {
		o := observation.Observation{Dataset: set.ID, SourceKey: key, CdNom: 67111, CdRef: 67111, Presence: observation.Present, Extra: extra, CountMin: -1, CountMax: -1}
		if _, err := b.Put(ctx, &o); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Commit(ctx, vault.BatchInfo{}); err != nil {
		t.Fatal(err)
	}
	w.reclass()
	got := map[string]string{}
	for _, o := range w.all() {
		got[o.SourceKey] = o.Grouping
	}
	if got["1"] != id || len(got["2"]) != 36 || got["3"] != "" || got["4"] != "" {
		t.Errorf("%q", got)
	}
	if err := w.db.Ungrouped(ctx, disclosure.Grant{Who: "test", Reason: "once"}, func(*observation.Observation) error { t.Error("asked again"); return nil }); err != nil {
		t.Fatal(err)
	}
}
