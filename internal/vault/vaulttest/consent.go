package vaulttest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/consent"
	"garrigue/internal/fault"
	"garrigue/internal/observation"
	"garrigue/internal/vault"
)

func testConsent(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	before, _, err := db.Generation(ctx)
	check(t, err)
	list := []consent.Choice{
		{Explicit: true, Observer: "NOM Prénom", Upto: consent.Commune, Date: date(2020, 3, 1), Wording: "faune-2020", By: "Camille",
			Scope: consent.Scope{Source: "faune", Dataset: "Hérons", Organisation: "LPO", From: 2010, To: 2020}},
		{Upto: consent.Cell, Date: date(2020, 6, 1), Scope: consent.Scope{Source: "faune"}},
	}
	check(t, db.RecordChoices(ctx, list...))
	got := must(db.Choices(ctx))(t)
	for i := range got {
		if got[i].Recorded == "" {
			t.Error("when it was written down is not kept")
		}
		got[i].Recorded = ""
		list[i].ID = int64(i + 1)
	}
	if diff := cmp.Diff(list, got); diff != "" {
		t.Error(diff)
	}
	after, classed, err := db.Generation(ctx)
	if err != nil || after != before+1 || classed == after {
		t.Errorf("generation %d, was %d, %v", after, before, err)
	}
	bad := list[0]
	bad.Observer = "A, B"
	worse := list[1]
	worse.Upto = "9"
	for _, c := range []consent.Choice{bad, worse, {Explicit: true, Upto: "1"}, {Upto: "1", Scope: consent.Scope{From: 2020, To: 2010}}} {
		if err := db.RecordChoices(ctx, list[0], c); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if got := must(db.Choices(ctx))(t); len(got) != 2 {
		t.Errorf("a list is taken whole or not at all: %d", len(got))
	}
	check(t, db.PutWording(ctx, "faune-2020", "J’accepte…"))
	check(t, db.PutWording(ctx, "faune-2020", "J’accepte…"))
	if err := db.PutWording(ctx, "faune-2020", "Autre chose"); !fault.Is(err, fault.Conflict) {
		t.Errorf("a wording changed: %v", err)
	}
	if got := must(db.Wordings(ctx))(t); !cmp.Equal(got, map[string]string{"faune-2020": "J’accepte…"}) {
		t.Errorf("wordings: %q", got)
	}
	d := someDataset(t, db)
	var rows []*observation.Observation
	for i, k := range []string{"a", "b", "c"} {
		o := row(d, k, i)
		o.Consent, o.ConsentDefault = []string{"2", "2", ""}[i], i == 1
		o.Public = []string{"Pr", "", "Pu"}[i]
		rows = append(rows, o)
	}
	importRows(t, db, rows...)
	want := []vault.ConsentCount{{Precision: "", Public: true, Rows: 1}, {Precision: "2", Rows: 1}, {Precision: "2", Default: true, Rows: 1}}
	if diff := cmp.Diff(want, must(db.ConsentCounts(ctx))(t)); diff != "" {
		t.Error(diff)
	}
}
