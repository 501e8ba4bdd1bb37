package vaulttest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/dataset"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/naming"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

func testVersionsCodes(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	name := func(cd taxon.CdNom) taxon.Name {
		return taxon.Name{CdNom: cd, CdRef: taxon.CdRef(cd), ScientificName: "x"}
	}
	codes := func(names []taxon.Name) (out []taxon.CdNom) {
		for _, n := range names {
			out = append(out, n.CdNom)
		}
		return out
	}
	must(db.PutNames(ctx, ref("taxref", "extrait.csv", "e"), seq(nil, name(1), name(2))))(t)
	must(db.PutTaxref(ctx, ref("taxref", "TAXREFv17.txt", "17"), seq(nil, name(2), name(3), name(4))))(t)
	if got := must(db.VersionNames(ctx))(t); len(got) != 3 || got[1] {
		t.Errorf("names of the version: %v", got)
	}
	must(db.PutTaxref(ctx, ref("taxref", "TAXREFv18.txt", "18"), seq(nil, name(3), name(5))))(t)
	if diff := cmp.Diff([]taxon.CdNom{1, 3, 5}, codes(collect(t, db.Names(ctx)))); diff != "" {
		t.Errorf("the extract stays, the former version goes: %s", diff)
	}
	current := 0
	for _, r := range must(db.References(ctx))(t) {
		if r.Current {
			current++
		}
	}
	if current != 2 {
		t.Errorf("%d references in force, want the extract and v18", current)
	}

	split := []taxon.Withdrawn{{CdNom: 10, Replacement: 3}, {CdNom: 10, Replacement: 5}, {CdNom: 11}}
	must(db.PutWithdrawn(ctx, ref("withdrawn", "gone.csv", "1"), seq(nil, taxon.Withdrawn{CdNom: 11}, split[0], split[0], split[1], taxon.Withdrawn{CdNom: 10})))(t)
	if diff := cmp.Diff(split, collect(t, db.Withdrawn(ctx))); diff != "" {
		t.Errorf("a split code: %s", diff)
	}
	must(db.PutWithdrawn(ctx, ref("withdrawn", "gone.csv", "2"), seq(nil, split[0])))(t)
	if diff := cmp.Diff(split[:1], collect(t, db.Withdrawn(ctx))); diff != "" {
		t.Errorf("the next version of the file: %s", diff)
	}

	must(db.PutCodes(ctx, ref("visionature", "vn.csv", "1"), vault.VisioNature, seq(nil, vault.Code{Code: "354", CdNom: 3}, vault.Code{Code: "7", CdNom: 5})))(t)
	must(db.PutCodes(ctx, ref("visionature", "vn.csv", "2"), vault.VisioNature, seq(nil, vault.Code{Code: "354", CdNom: 5})))(t)
	if diff := cmp.Diff(map[string]taxon.CdNom{"354": 5}, must(db.Codes(ctx, vault.VisioNature))(t)); diff != "" {
		t.Error(diff)
	}
	must(db.PutStatuses(ctx, ref("statuses", "a", "1"), seq(nil, taxon.Status{CdRef: 3, Type: "PN"})))(t)
	must(db.PutStatuses(ctx, ref("statuses", "b", "1"), seq(nil, taxon.Status{CdRef: 5, Type: "PN"})))(t)
	if got := collect(t, db.StatusesOf(ctx, "b")); len(got) != 1 || got[0].CdRef != 5 {
		t.Errorf("statuses of one reference: %+v", got)
	}
}

func testDecisions(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	taken := []naming.Decision{
		{Cited: "Petite Mésange", CdNom: 20, By: "Anne", At: at, Reason: "usage", Taxref: "v18"},
		{Cited: "petite mésange", CdNom: 21, Source: "lpo", By: "Luc", At: at},
		{Cited: "Rien", Dataset: "jdd", By: "Luc", At: at}, {Cited: "rien", Dataset: "jdd", By: "Anne", At: at, Revoked: true},
	}
	for _, d := range taken {
		check(t, db.PutDecision(ctx, d))
	}
	if diff := cmp.Diff(taken, must(db.Decisions(ctx))(t)); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []naming.Decision{{Cited: " ", By: "Anne"}, {Cited: "x"}} {
		if err := db.PutDecision(ctx, bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}

	set := must(db.EnsureDataset(ctx, dataset.Dataset{Name: "Relevés"}))(t)
	b := must(db.Begin(ctx, vault.BatchInfo{File: "a.csv"}))(t)
	defer b.Rollback()
	for i, o := range []observation.Observation{
		{NameCited: "Mésange", Held: observation.UnmatchedTaxon}, {NameCited: "Mésange", Held: observation.UnmatchedTaxon},
		{NameCited: "Loup", CdNom: 9, Held: observation.UnmatchedTaxon}, {CdNom: 3, CdRef: 3}, {CdNom: 3, CdRef: 3, Held: observation.Unlocated}} {
		o.Dataset, o.SourceKey, o.CountMin, o.CountMax = set.ID, string(rune('a'+i)), -1, -1
		must(b.Put(ctx, &o))(t)
	}
	must(b.Commit(ctx, vault.BatchInfo{File: "a.csv", Read: 5}))(t)
	want := []vault.UnmatchedName{{Cited: "Mésange", Dataset: set.ID, Rows: 2}, {Cited: "Loup", CdNom: 9, Dataset: set.ID, Rows: 1}}
	if diff := cmp.Diff(want, must(db.UnmatchedNames(ctx))(t)); diff != "" {
		t.Error(diff)
	}
	counts := []vault.TaxonCount{{Rows: 2}, {CdNom: 3, CdRef: 3, Rows: 2, Shown: 1}, {CdNom: 9, Rows: 1}}
	if diff := cmp.Diff(counts, must(db.TaxonCounts(ctx))(t)); diff != "" {
		t.Error(diff)
	}
	var keys string
	check(t, db.Unmatched(ctx, disclosure.Grant{Who: "test", Reason: "names"}, func(o *observation.Observation) error {
		keys += o.SourceKey
		return nil
	}))
	if keys != "abc" {
		t.Errorf("held for their taxon: %q", keys)
	}
	if err := db.Unmatched(ctx, disclosure.Grant{}, nil); !fault.Is(err, fault.Forbidden) {
		t.Errorf("without a grant: %v", err)
	}
	if got := must(db.DatasetSources(ctx))(t); len(got) != 0 {
		t.Errorf("sources of files given by hand: %v", got)
	}
}
