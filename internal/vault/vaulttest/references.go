package vaulttest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"

	"garrigue/internal/dataset"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

func ref(kind, name, sha string) vault.Reference {
	return vault.Reference{Kind: kind, Name: name, Version: "v1", SHA256: sha}
}

func testReferences(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	status := taxon.Status{CdRef: 3696, Type: "LRR", Code: "VU"}
	first := must(db.PutStatuses(ctx, ref("statuses", "lrr.csv", "aa"), seq(nil, status)))(t)
	if first.ID == 0 || first.Rows != 1 || !first.Current || first.LoadedAt.IsZero() {
		t.Errorf("stored %+v", first)
	}
	again := must(db.PutStatuses(ctx, ref("statuses", "lrr.csv", "aa"), seq(errors.New("must not be read"), status)))(t)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the same content changed something: %s", diff)
	}
	broken := errors.New("line 3 is broken")
	if _, err := db.PutStatuses(ctx, ref("statuses", "lrr.csv", "bb"), seq(broken, status, status)); !errors.Is(err, broken) {
		t.Errorf("error of the rows: %v", err)
	}
	if got := must(db.References(ctx))(t); len(got) != 1 || !got[0].Current {
		t.Errorf("a failed load left %+v", got)
	}
	second := must(db.PutStatuses(ctx, ref("statuses", "lrr.csv", "bb"), seq(nil, taxon.Status{CdRef: 3696, Type: "LRR", Code: "EN"})))(t)
	first.Current = false
	if diff := cmp.Diff([]vault.Reference{second, first}, must(db.References(ctx))(t)); diff != "" {
		t.Errorf("versions: %s", diff)
	}
	// Back to the former version: its content is in force again, under its own number.
	back := must(db.PutStatuses(ctx, ref("statuses", "lrr.csv", "aa"), seq(nil, status)))(t)
	if back.ID != first.ID {
		t.Errorf("the former version came back as %d, was %d", back.ID, first.ID)
	}
	if got := collect(t, db.Statuses(ctx)); len(got) != 1 || got[0].Code != "VU" {
		t.Errorf("statuses after going back: %+v", got)
	}
}

func testNames(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	full := taxon.Name{CdNom: 3696, CdRef: 3696, Parent: 192557, Rank: taxon.Species, ScientificName: "Delichon urbicum",
		Author: "(Linnaeus, 1758)", FullName: "Delichon urbicum (Linnaeus, 1758)", Vernacular: "Hirondelle de fenêtre",
		VernacularEN: "Common House Martin", Kingdom: "Animalia", Phylum: "Chordata", Class: "Aves", Order: "Passeriformes",
		Family: "Hirundinidae", Group1: "Chordés", Group2: "Oiseaux", Group3: "Autres", Habitat: "3", StatusFR: "P"}
	synonym := taxon.Name{CdNom: 459638, CdRef: 3696, ScientificName: "Delichon urbica"}
	must(db.PutNames(ctx, ref("taxref", "TAXREFv17.txt", "17"), seq(nil, synonym, full)))(t)
	if diff := cmp.Diff([]taxon.Name{full, synonym}, collect(t, db.Names(ctx))); diff != "" {
		t.Errorf("round trip, in order of CD_NOM: %s", diff)
	}
	// A later, poorer file changes what it says and erases nothing.
	must(db.PutNames(ctx, ref("taxref", "TAXREFv18.txt", "18"),
		seq(nil, taxon.Name{CdNom: 3696, CdRef: 3696, Vernacular: "Hirondelle de fenêtre (L')"}, taxon.Name{CdNom: 1, CdRef: 1})))(t)
	full.Vernacular = "Hirondelle de fenêtre (L')"
	if diff := cmp.Diff([]taxon.Name{{CdNom: 1, CdRef: 1}, full, synonym}, collect(t, db.Names(ctx))); diff != "" {
		t.Errorf("merge: %s", diff)
	}
	for range db.Names(ctx) { // leaving early gives the connection back
		break
	}
	for range 20 {
		for range db.Names(ctx) {
			break
		}
	}
}

func testWithdrawnStatuses(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	a, b := taxon.Withdrawn{CdNom: 10, Replacement: 11, Reason: "Doublon"}, taxon.Withdrawn{CdNom: 12}
	must(db.PutWithdrawn(ctx, ref("withdrawn", "CDNOM_DISPARUS.csv", "1"), seq(nil, b, a)))(t)
	if diff := cmp.Diff([]taxon.Withdrawn{a, b}, collect(t, db.Withdrawn(ctx))); diff != "" {
		t.Error(diff)
	}
	must(db.PutWithdrawn(ctx, ref("withdrawn", "CDNOM_DISPARUS.csv", "2"), seq(nil, b)))(t)
	if diff := cmp.Diff([]taxon.Withdrawn{b}, collect(t, db.Withdrawn(ctx))); diff != "" {
		t.Errorf("the new version of a file replaces the former: %s", diff)
	}
	s := taxon.Status{CdRef: 3696, Type: "PN", TypeLabel: "Protection nationale", Code: "true", Label: "Article 3", Remark: "œufs",
		Territory: "TERFXFR", Citation: "Arrêté du 29 octobre 2009", URL: "https://example.org"}
	low := taxon.Status{CdRef: 5, Type: "LRR"}
	must(db.PutStatuses(ctx, ref("statuses", "bdc.csv", "3"), seq(nil, s, low)))(t)
	must(db.PutStatuses(ctx, ref("statuses", "flat.csv", "4"), seq(nil, s)))(t)
	if diff := cmp.Diff([]taxon.Status{low, s}, collect(t, db.Statuses(ctx))); diff != "" {
		t.Errorf("in order, the same row of two files once: %s", diff)
	}
}

func testSensitivity(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	list := sensitivity.List{ID: "OCC", Name: "Liste Occitanie", Citation: "CSRPN, 2022", Version: "1", Region: "76"}
	other := sensitivity.List{ID: "FR"}
	rule := sensitivity.Rule{List: "OCC", CdNom: 60, Level: 3, Department: "09", Years: 99, BioStatus: "3", Behaviour: "5", Condition: "gîte"}
	plain := sensitivity.Rule{List: "OCC", CdNom: 61, Level: 1}
	winter := sensitivity.Rule{List: "OCC", CdNom: 62, Level: sensitivity.Km2500, Area: geo.AdminKey(geo.Commune, "34172"), From: 1101, To: 228, LifeStage: "9"}
	cell := sensitivity.Rule{List: "OCC", CdNom: 62, Level: sensitivity.NotShown, Area: geo.CellKey(geo.Cell5, 665, 6485), To: 630}
	must(db.PutSensitivity(ctx, ref("sensitivity", "occ.csv", "1"), []sensitivity.List{list}, seq(nil, rule, plain, winter, cell)))(t)
	must(db.PutSensitivity(ctx, ref("sensitivity", "fr.csv", "1"), []sensitivity.List{other}, seq(nil, sensitivity.Rule{List: "FR", CdNom: 7, Level: 2})))(t)
	compare := func(wantLists []sensitivity.List, wantRules []sensitivity.Rule) {
		t.Helper()
		lists, rules, err := db.Sensitivity(ctx)
		check(t, err)
		if diff := cmp.Diff(wantLists, lists); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(wantRules, rules); diff != "" {
			t.Error(diff)
		}
	}
	compare([]sensitivity.List{other, list}, []sensitivity.Rule{{List: "FR", CdNom: 7, Level: 2}, rule, plain, winter, cell})
	_, err := db.PutSensitivity(ctx, ref("sensitivity", "bad.csv", "1"), []sensitivity.List{other}, seq(nil, rule))
	if !fault.Is(err, fault.Invalid) {
		t.Errorf("a rule of an unknown list: %v", err)
	}
	list.Version = "2"
	must(db.PutSensitivity(ctx, ref("sensitivity", "occ.csv", "2"), []sensitivity.List{list}, seq(nil, plain)))(t)
	compare([]sensitivity.List{other, list}, []sensitivity.Rule{{List: "FR", CdNom: 7, Level: 2}, plain})
}

func outline(x float64) orb.MultiPolygon {
	return orb.MultiPolygon{{{{x, 43}, {x + 1, 43}, {x + 1, 44}, {x, 43}}}}
}

func testAreas(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	herault := geo.AdminKey(geo.Department, "34")
	montpellier := geo.Area{Key: geo.AdminKey(geo.Commune, "34172"), Name: "Montpellier", Parent: herault, Geometry: outline(3), Surface: 57e6}
	bastia := geo.Area{Key: geo.AdminKey(geo.Commune, "2B033"), Name: "Bastia", Geometry: outline(9), Surface: 19e6}
	cell := geo.Area{Key: geo.CellKey(geo.Cell10, 570, 6430), Name: "", Geometry: outline(1), Surface: 1e8}
	must(db.PutAreas(ctx, ref("areas", "communes.geojson", "1"), geo.Commune, seq(nil, montpellier, bastia)))(t)
	must(db.PutAreas(ctx, ref("areas", "cells.geojson", "1"), geo.Cell10, seq(nil, cell)))(t)
	compare := func(kind geo.Kind, want ...geo.Area) {
		t.Helper()
		if diff := cmp.Diff(want, must(db.Areas(ctx, kind))(t)); diff != "" {
			t.Errorf("%s: %s", kind, diff)
		}
	}
	compare(geo.Commune, bastia, montpellier)
	compare(geo.Cell10, cell)
	compare(geo.Region)
	bastia.Name = "Bastia (autre fichier)"
	must(db.PutAreas(ctx, ref("areas", "corse.geojson", "1"), geo.Commune, seq(nil, bastia)))(t)
	compare(geo.Commune, bastia, montpellier)
	must(db.PutAreas(ctx, ref("areas", "communes.geojson", "2"), geo.Commune, seq[geo.Area](nil)))(t)
	compare(geo.Commune, bastia)
	if _, err := db.PutAreas(ctx, ref("areas", "wrong.geojson", "1"), geo.Region, seq(nil, bastia)); !fault.Is(err, fault.Invalid) {
		t.Errorf("a commune among regions: %v", err)
	}
}

func testGeneration(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	current := func() int64 {
		t.Helper()
		g, _, err := db.Generation(ctx)
		check(t, err)
		return g
	}
	if g := current(); g != 0 {
		t.Errorf("a new vault is of generation %d", g)
	}
	for i, step := range []struct {
		grows bool
		load  func(sha string) error
	}{
		{true, func(sha string) error {
			_, err := db.PutNames(ctx, ref("taxref", "n", sha), seq(nil, taxon.Name{CdNom: 1}))
			return err
		}},
		{true, func(sha string) error {
			_, err := db.PutWithdrawn(ctx, ref("withdrawn", "n", sha), seq[taxon.Withdrawn](nil))
			return err
		}},
		{true, func(sha string) error {
			_, err := db.PutSensitivity(ctx, ref("sensitivity", "n", sha), nil, seq[sensitivity.Rule](nil))
			return err
		}},
		{true, func(sha string) error {
			_, err := db.PutAreas(ctx, ref("areas", "n", sha), geo.Commune, seq[geo.Area](nil))
			return err
		}},
		{false, func(sha string) error {
			_, err := db.PutStatuses(ctx, ref("statuses", "n", sha), seq[taxon.Status](nil))
			return err
		}},
	} {
		before := current()
		check(t, step.load("1"))
		after := current()
		if (after > before) != step.grows {
			t.Errorf("step %d: generation %d after %d", i, after, before)
		}
		check(t, step.load("1"))
		if current() != after {
			t.Errorf("step %d: the same content again changed the generation", i)
		}
	}
	check(t, db.SetClassed(ctx, 3, 0))
	if _, classed, err := db.Generation(ctx); err != nil || classed != 3 {
		t.Errorf("classed %d, %v", classed, err)
	}
}

func testDatasets(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	ensure := func(d dataset.Dataset) dataset.Dataset { t.Helper(); return must(db.EnsureDataset(ctx, d))(t) }
	a := ensure(dataset.Dataset{Name: "Relevés 2024", Organisation: "CEN"})
	if b := ensure(dataset.Dataset{Name: "Relevés 2024"}); b != a {
		t.Errorf("by name: %+v, was %+v", b, a)
	}
	id := "8A8B4F7E-0000-4000-8000-000000000001"
	c := ensure(dataset.Dataset{Name: "Relevés 2024", UUID: id, Framework: "Cadre"})
	if c.ID != a.ID || c.UUID == "" || c.Organisation != "CEN" || c.Framework != "Cadre" {
		t.Errorf("its identifier, once known, is added: %+v", c)
	}
	if d := ensure(dataset.Dataset{Name: "renommé", UUID: id}); d.ID != a.ID {
		t.Errorf("by UUID, whatever its case and name: %+v", d)
	}
	if d := ensure(dataset.Dataset{Name: "Relevés 2024", UUID: "8a8b4f7e-0000-4000-8000-000000000002"}); d.ID == a.ID {
		t.Errorf("another UUID under the same name is another dataset: %+v", d)
	}
	if d := ensure(dataset.Dataset{Name: "relevés 2024"}); d.ID == a.ID {
		t.Errorf("names are compared exactly: %+v", d)
	}
	if _, err := db.EnsureDataset(ctx, dataset.Dataset{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("without a name: %v", err)
	}
	if list := must(db.Datasets(ctx))(t); len(list) != 3 || list[2].Name != "relevés 2024" {
		t.Errorf("by name: %+v", list)
	}
}

func testDatasetsInBatch(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	b := must(db.Begin(ctx, vault.BatchInfo{File: "several.csv"}))(t)
	made := make(chan dataset.Dataset)
	go func() { // a worker meets a dataset while the writer writes
		for i := range 50 {
			d, err := db.EnsureDataset(ctx, dataset.Dataset{Name: fmt.Sprint("jdd ", i%5)})
			if err != nil {
				t.Error(err)
			}
			made <- d
		}
		close(made)
	}()
	for d := range made {
		must(b.Put(ctx, row(d.ID, "k", 1)))(t)
	}
	check(t, b.Rollback())
	if list := must(db.Datasets(ctx))(t); len(list) != 0 {
		t.Errorf("datasets of a dropped batch: %+v", list)
	}
	b = must(db.Begin(ctx, vault.BatchInfo{}))(t)
	d := must(db.EnsureDataset(ctx, dataset.Dataset{Name: "jdd"}))(t)
	must(b.Put(ctx, row(d.ID, "k", 1)))(t)
	must(b.Commit(ctx, vault.BatchInfo{}))(t)
	if list := must(db.Datasets(ctx))(t); len(list) != 1 || count(t, db) != 1 {
		t.Errorf("datasets %+v", list)
	}
}
