package publish_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/civil"
	"garrigue/internal/consent"
	"garrigue/internal/dataset"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/observation"
	"garrigue/internal/publish"
	"garrigue/internal/vault"
)

// bring puts rows into another dataset, as one batch of a source.
func bring(t *testing.T, db *vault.DB, source string, list []sight) {
	t.Helper()
	ctx := context.Background()
	d, err := db.EnsureDataset(ctx, dataset.Dataset{Name: "par " + source})
	if err != nil {
		t.Fatal(err)
	}
	b, err := db.Begin(ctx, vault.BatchInfo{Source: source})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Rollback()
	for _, s := range list {
		o := s.observation(d.ID)
		o.IDSinp[0] ^= 0xff // another identifier than by the first road
		if _, err := b.Put(ctx, o); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Commit(ctx, vault.BatchInfo{}); err != nil {
		t.Fatal(err)
	}
}

// TestTwins: what comes by two roads is shown once, at the coarser; and not at all when one of
// the two may not be.
func TestTwins(t *testing.T) {
	db := fill(t, sights)
	before, err := publish.Run(context.Background(), db, options(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	private := func(wish string) func(*observation.Observation) {
		return func(o *observation.Observation) { o.Public, o.Diffusion = "Pr", wish }
	}
	again := []sight{sights[0], sights[1], sights[2], sights[3]}
	again[0].change = private("5") // the same
	again[1].change = private("3") // department only
	again[2].change = private("4") // nothing
	again[3].change = func(o *observation.Observation) { o.Validation = observation.Invalid }
	bring(t, db, "autre", again)
	res, err := publish.Run(context.Background(), db, options(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if res.Published != before.Published-1 || res.Blurred != before.Blurred+1 {
		t.Errorf("published %d of which blurred %d; %d and %d without the second road", res.Published, res.Blurred, before.Published, before.Blurred)
	}
	want := map[string]int{"sensitive": 1, "absent": 1, "validation": 2, "taxon": 1, "consent": 2, "twin": 3}
	if d := cmp.Diff(want, res.Withheld); d != "" {
		t.Errorf("withheld (-want +got):\n%s", d)
	}
}

// TestSurvey plays the survey of 2019–2020 among observers of the Faune portals (committee of
// June 2020): 324,000 precise, 59,000 at the commune, 494,000 of people who did not answer, here
// one observation for a thousand. The clause for these was first the named place, then the cell of
// 10 km; public data are the same under both.
func TestSurvey(t *testing.T) {
	db, ctx := fill(t, nil), context.Background()
	var list []sight
	var choices []consent.Choice
	day, _ := civil.Parse("2020-03-01")
	faune := consent.Scope{Source: "faune"}
	for i := range 324 + 59 + 494 + 20 {
		name := fmt.Sprintf("OBSERVATEUR Fictif%d", i)
		list = append(list, sight{fmt.Sprint("f", i), 79273, 700123 + float64(i)*10, 6302345, "2019-05-12", 0, func(o *observation.Observation) {
			o.Observers, o.Public = name, "Pr"
			if i >= 877 {
				o.Public = "Pu"
			}
		}})
		answer := consent.Choice{Explicit: true, Observer: name, Upto: consent.Precise, Date: day, Scope: faune}
		switch {
		case i < 324:
			choices = append(choices, answer)
		case i < 324+59:
			answer.Upto = consent.Commune
			choices = append(choices, answer)
		}
	}
	bring(t, db, "faune", list)
	later, _ := civil.Parse("2020-06-01")
	for _, c := range []struct {
		name                     string
		clause                   consent.Choice
		published, blurred, kept int
	}{
		{"the named place", consent.Choice{Upto: consent.Precise, Date: day, Scope: faune}, 897, 59, 494},
		{"the cell of 10 km", consent.Choice{Upto: consent.Cell, Date: later, Scope: faune}, 897, 553, 494},
		{"nothing at all", consent.Choice{Upto: consent.Refused, Date: later, Scope: faune}, 403, 59, 494},
	} {
		if err := db.RecordChoices(ctx, append(choices, c.clause)...); err != nil {
			t.Fatal(err)
		}
		choices = nil
		if _, err := publish.Run(ctx, db, options(t.TempDir())); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: published with the answers of before: %v", c.name, err)
		}
		judge(t, db)
		res, err := publish.Run(ctx, db, options(t.TempDir()))
		if err != nil {
			t.Fatal(err)
		}
		if res.Published != c.published || res.Blurred != c.blurred {
			t.Errorf("%s: published %d, blurred %d; want %d and %d (withheld %v)", c.name, res.Published, res.Blurred, c.published, c.blurred, res.Withheld)
		}
		counts, err := db.ConsentCounts(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range counts {
			if n.Default && !n.Public && n.Rows != c.kept {
				t.Errorf("%s: %d by default", c.name, n.Rows)
			}
		}
	}
}

// judge classes every observation by the ledger.
func judge(t *testing.T, db *vault.DB) {
	t.Helper()
	ctx := context.Background()
	choices, err := db.Choices(ctx)
	if err != nil {
		t.Fatal(err)
	}
	l := consent.NewLedger(choices)
	if _, err := db.Reclass(ctx, func(yield func(vault.Classed, error) bool) {
		if err := db.Observations(ctx, disclosure.Grant{Who: "test", Reason: "classing"}, vault.ForClassing, func(o *observation.Observation) error {
			v := l.For(consent.Facts{Observers: o.Observers, Source: o.Source, Start: o.When.Start, End: o.When.End})
			yield(vault.Classed{ID: o.ID, CdRef: o.CdRef, Level: o.Sensitivity, List: o.SensList, Held: o.Held,
				Consent: string(v.Precision), ConsentDefault: v.Default}, nil)
			return nil
		}); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	classed(t, db)
}
