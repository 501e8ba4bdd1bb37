package vaulttest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// testClasses: what classing says beside the level is stored, changes without being a change at the
// source, and leaves its trace.
func testClasses(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	d := someDataset(t, db)
	a := row(d, "a", 1)
	a.Manual, a.Review, a.Grouping, a.LifeStage = true, false, "d8a9f4a0-17c1-4a38-9b60-000000000001", "4"
	b := row(d, "b", 2)
	b.Review, b.Sensitivity, b.SensList = true, sensitivity.Km100, "AURA"
	importRows(t, db, a, b, row(d, "c", 3))
	if diff := cmp.Diff([]observation.Observation{*a, *b}, all(t, db)[:2]); diff != "" {
		t.Error(diff)
	}
	var seen []vault.Classed
	check(t, db.Observations(ctx, grant(), vault.ForClassing, func(o *observation.Observation) error {
		seen = append(seen, vault.ClassOf(o))
		return nil
	}))
	if diff := cmp.Diff([]vault.Classed{vault.ClassOf(a), vault.ClassOf(b)}, seen[:2]); diff != "" {
		t.Errorf("for classing: %s", diff)
	}
	check(t, db.Observations(ctx, grant(), vault.ForPublication, func(o *observation.Observation) error {
		if o.ID == a.ID && (!o.Manual || o.LifeStage != "4" || o.Grouping != a.Grouping) || o.ID == b.ID && o.Grouping != "" {
			t.Errorf("for publication: %v %q %q", o.Manual, o.LifeStage, o.Grouping)
		}
		return nil
	}))

	// Each part of the class alone is another class, and none is a change at the source.
	for i, change := range []func(o *observation.Observation){
		func(o *observation.Observation) { o.Manual = false }, func(o *observation.Observation) { o.Review = true },
		func(o *observation.Observation) { o.Grouping = "" },
	} {
		change(a)
		if got := importRows(t, db, a); got[0] != vault.Unchanged {
			t.Errorf("change %d: %v", i, got)
		}
		if got := vault.ClassOf(&all(t, db)[0]); got != vault.ClassOf(a) {
			t.Errorf("change %d: %+v", i, got)
		}
	}
	var fields []string
	for _, e := range must(db.Timeline(ctx, grant(), a.ID))(t) {
		for _, c := range e.Changes {
			fields = append(fields, c.Field)
		}
	}
	if want := []string{"sens_manual", "sens_review", "grouping_id"}; !slices.Equal(fields, want) {
		t.Errorf("timeline: %q", fields)
	}

	var ids []int64
	check(t, db.ToReview(ctx, grant(), func(o *observation.Observation) error {
		ids = append(ids, o.ID)
		return nil
	}))
	if !slices.Equal(ids, []int64{a.ID, b.ID}) {
		t.Errorf("to review: %v", ids)
	}
	ids = nil
	check(t, db.ByID(ctx, grant(), []int64{b.ID, 99, a.ID}, func(o *observation.Observation) error {
		ids = append(ids, o.ID)
		return nil
	}))
	if !slices.Equal(ids, []int64{a.ID, b.ID}) {
		t.Errorf("by number: %v", ids)
	}
	found := must(db.IDs(ctx, []vault.Key{{Dataset: d, SourceKey: "c"}, {Dataset: d, SourceKey: "x"}, {Dataset: d, SourceKey: "a"}}))(t)
	if !slices.Equal(found, []int64{3, 0, a.ID}) {
		t.Errorf("by key: %v", found)
	}
}

// testGroups: whole groupings that may have a level, whatever it comes from, one after another.
func testGroups(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	d := someDataset(t, db)
	var rows []*observation.Observation
	put := func(key, grouping string, cd taxon.CdRef, level, stated sensitivity.Level) {
		o := row(d, key, len(rows))
		o.Grouping, o.CdRef, o.Sensitivity, o.StatedLevel = grouping, cd, level, stated
		rows = append(rows, o)
	}
	put("level", "g1", 1, 2, 0)
	put("plain", "g1", 1, 0, 0)
	put("stated", "g2", 1, 0, 3)
	put("listed", "g3", 7, 0, 0)
	put("unmatched", "g3", 0, 0, 0)
	put("alone", "", 7, 3, 0)
	put("nobody", "g6", 1, 0, 0)
	put("gone", "g4", 7, 3, 0)
	for range 600 { // more than are read at once
		put(fmt.Sprint("m", len(rows)), "g5", 7, 1, 0)
	}
	importRows(t, db, rows...)
	batch := must(db.Begin(ctx, vault.BatchInfo{File: "retraits"}))(t)
	must(batch.Withdraw(ctx, d, "gone"))(t)
	must(batch.Commit(ctx, vault.BatchInfo{}))(t)
	got, last, again := map[string]int{}, "", 0
	check(t, db.GroupMembers(ctx, grant(), func(cd taxon.CdRef) bool { return cd == 7 }, func(o *observation.Observation) error {
		if got[o.Grouping]++; o.Grouping != last && got[o.Grouping] > 1 {
			again++
		}
		last = o.Grouping
		return nil
	}))
	if diff := cmp.Diff(map[string]int{"g1": 2, "g2": 1, "g3": 2, "g5": 600}, got); diff != "" || again > 0 {
		t.Errorf("%s, %d times back to a grouping", diff, again)
	}
	if err := db.GroupMembers(ctx, disclosure.Grant{}, nil, nil); !fault.Is(err, fault.Forbidden) {
		t.Errorf("without a grant: %v", err)
	}
}

func testJudgements(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	before, _, err := db.Generation(ctx)
	check(t, err)
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	one := sensitivity.Decision{Dataset: "Jeu", SourceKey: "1", IDSinp: "d8a9f4a0-17c1-4a38-9b60-000000000001", CdRef: 7, Level: sensitivity.Km25, By: "Anne", At: at, Reason: "nid"}
	two := sensitivity.Decision{Dataset: "Jeu", SourceKey: "2", Level: 0, By: "Anne", At: at, Reason: "nid"}
	first := must(db.PutJudgements(ctx, []sensitivity.Decision{one, two}))(t)
	later := one
	later.Level, later.Reason = 0, "nid abandonné"
	second := must(db.PutJudgements(ctx, []sensitivity.Decision{later}))(t)
	if g, _, err := db.Generation(ctx); err != nil || g != before+2 || first == second {
		t.Errorf("generation %d after %d, %v; acts %d and %d", g, before, err, first, second)
	}
	one.ID, two.ID, later.ID = 1, 2, 3
	one.Act, two.Act, later.Act = first, first, second
	if diff := cmp.Diff([]sensitivity.Decision{one, two, later}, must(db.Judgements(ctx))(t)); diff != "" {
		t.Error(diff)
	}
	if n := must(db.UndoJudgements(ctx, second, "Luc"))(t); n != 1 {
		t.Errorf("%d undone", n)
	}
	list := must(db.Judgements(ctx))(t)
	if len(list) != 3 || list[2].Undone.IsZero() || list[2].UndoneBy != "Luc" || !list[0].Undone.IsZero() {
		t.Errorf("%+v", list)
	}
	if d := sensitivity.NewDecisions(list).Of("Jeu")["1"]; d == nil || d.Level != sensitivity.Km25 {
		t.Errorf("what was decided before holds again: %+v", d)
	}
	for what, err := range map[string]error{
		"twice":     second2(db.UndoJudgements(ctx, second, "Luc")),
		"nobody":    second2(db.UndoJudgements(ctx, first, "")),
		"no reason": second3(db.PutJudgements(ctx, []sensitivity.Decision{{Dataset: "Jeu", SourceKey: "1", By: "Anne"}})),
		"no one":    second3(db.PutJudgements(ctx, []sensitivity.Decision{{Dataset: "Jeu", SourceKey: "1", Reason: "nid"}})),
		"no level":  second3(db.PutJudgements(ctx, []sensitivity.Decision{{Dataset: "Jeu", SourceKey: "1", By: "Anne", Reason: "nid", Level: 9}})),
		"nothing":   second3(db.PutJudgements(ctx, nil)),
	} {
		if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if n := len(must(db.Judgements(ctx))(t)); n != 3 {
		t.Errorf("%d decisions after refusals", n)
	}

	// A form does not wait for an import.
	b := must(db.Begin(ctx, vault.BatchInfo{File: "long.csv"}))(t)
	defer b.Rollback()
	must(db.PutJudgements(ctx, []sensitivity.Decision{{Dataset: "Jeu", SourceKey: "3", By: "Anne", At: at, Reason: "nid", Level: 3}}))(t)
}

func second2(_ int, err error) error   { return err }
func second3(_ int64, err error) error { return err }

// testOccasions: classes are of a year and a policy, and what came with another asks for a
// classing.
func testOccasions(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	d := someDataset(t, db)
	now, next := vault.Occasion{Year: 2026, Policy: "p"}, vault.Occasion{Year: 2027, Policy: "p"}
	is := func(o vault.Occasion, want bool) {
		t.Helper()
		if got := must(db.ClassedFor(ctx, o))(t); got != want {
			t.Errorf("classed for %+v: %v", o, got)
		}
	}
	bring := func(key string, o vault.Occasion) {
		t.Helper()
		b := must(db.Begin(ctx, vault.BatchInfo{File: "a.csv"}))(t)
		defer b.Rollback()
		must(b.Put(ctx, row(d, key, 1)))(t)
		check(t, b.ClassedFor(ctx, o))
		must(b.Commit(ctx, vault.BatchInfo{}))(t)
	}
	is(now, false)
	bring("a", now)
	is(now, true)
	is(next, false)
	is(vault.Occasion{Year: 2026, Policy: "q"}, false)
	bring("b", now)
	is(now, true)
	behind := must(db.Behind(ctx))(t)
	check(t, db.SetClassedFor(ctx, next, behind))
	is(next, true)
	bring("c", now) // by an importer made the year before
	is(next, false)
	check(t, db.SetClassedFor(ctx, next, behind+1)) // a batch came meanwhile
	is(next, false)
	check(t, db.SetClassedFor(ctx, next, behind))
	is(next, true)
}
