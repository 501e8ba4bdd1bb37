package vaulttest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/civil"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/vault"
)

// testDisclosed: what is remembered of a batch comes back as it was, is changed row by row or
// whole, and nothing is written when the publication fails.
func testDisclosed(t *testing.T, open func(t *testing.T) *vault.DB) {
	db := open(t)
	ctx := t.Context()
	if _, err := db.LastBatch(ctx); !fault.Is(err, fault.NotFound) {
		t.Errorf("empty: %v", err)
	}
	cell, _ := geo.ParseCell("10kmL93E070N630")
	shown := func(id int64, d disclosure.Published) vault.Disclosed {
		d.Blurred, d.AltitudeMin, d.AltitudeMax = true, observation.NoAltitude, observation.NoAltitude
		return vault.Disclosed{Observation: id, Published: d}
	}
	a := shown(3, disclosure.Published{CdRef: 2657, Dataset: 1, Organisation: "Élan d’Oc", Area: geo.AdminKey(geo.Department, "34"),
		Within: []geo.AreaKey{geo.AdminKey(geo.Region, "76")}, Reasons: disclosure.Sensitive | disclosure.Consent, Validated: true,
		When: observation.Period{Start: date(2024, 5, 1), End: date(2024, 5, 31), Precision: observation.Month}})
	b := shown(7, disclosure.Published{CdRef: 60313, Dataset: 2, Area: cell,
		Within:  []geo.AreaKey{geo.AdminKey(geo.Department, "2A"), geo.AdminKey(geo.Region, "94")},
		Reasons: disclosure.Sensitive, When: observation.Period{Start: date(1850, 1, 1), End: date(1902, 12, 31), Precision: observation.Years}})
	c := shown(1<<40, disclosure.Published{CdRef: -5, Dataset: 2, Area: geo.AdminKey(geo.Region, "76"), Reasons: disclosure.Consent,
		When: observation.Period{Start: civil.NoDate, End: civil.NoDate, Precision: observation.Year}})
	put := func(list ...vault.Disclosed) func(func(*vault.Disclosed) error) error {
		return func(yield func(*vault.Disclosed) error) error {
			for i := range list {
				if err := yield(&list[i]); err != nil {
					return err
				}
			}
			return nil
		}
	}
	want := func(list ...vault.Disclosed) {
		t.Helper()
		var got []vault.Disclosed
		check(t, db.Disclosed(ctx, func(d *vault.Disclosed) error { got = append(got, *d); return nil }))
		if d := cmp.Diff(list, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
	fine := func() error { return nil }
	at := time.Date(2026, 3, 14, 2, 0, 0, 0, time.UTC)
	first := vault.DisclosedBatch{Day: date(2026, 3, 14), At: at, Reason: "first", Fingerprint: "f", Observations: 3, Changed: 3}
	check(t, db.StoreDisclosed(ctx, vault.DisclosedChange{Batch: &first, Whole: true, Put: put(a, b, c)}, fine))
	want(a, b, c)
	if got := must(db.LastBatch(ctx))(t); got != first {
		t.Errorf("batch %+v", got)
	}

	a2 := a
	a2.CdRef, a2.Organisation, a2.Within = 79273, "", nil
	c.Gone = true
	check(t, db.StoreDisclosed(ctx, vault.DisclosedChange{Gone: []int64{c.Observation}}, fine))
	want(a, b, c)
	second := vault.DisclosedBatch{Day: date(2026, 4, 2), At: at.AddDate(0, 0, 19), Reason: "period", Fingerprint: "f", Observations: 2, Changed: 3}
	failed := errors.New("the swap failed")
	change := vault.DisclosedChange{Batch: &second, Drop: []int64{b.Observation, c.Observation}, Put: put(a2, c)}
	if err := db.StoreDisclosed(ctx, change, func() error { return failed }); !errors.Is(err, failed) {
		t.Errorf("failed: %v", err)
	}
	want(a, b, c)
	if got := must(db.LastBatch(ctx))(t); got != first {
		t.Errorf("batch after a failure %+v", got)
	}
	check(t, db.StoreDisclosed(ctx, change, fine))
	want(a2, c)
	if got := must(db.LastBatch(ctx))(t); got != second {
		t.Errorf("batch %+v", got)
	}
	var ids []int64
	check(t, db.StoreDisclosed(ctx, vault.DisclosedChange{Batch: &second, Whole: true, Put: put(b)}, fine))
	check(t, db.Disclosed(ctx, func(d *vault.Disclosed) error { ids = append(ids, d.Observation); return nil }))
	if !slices.Equal(ids, []int64{7}) {
		t.Errorf("whole: %v", ids)
	}
	enough := errors.New("enough")
	if err := db.Disclosed(ctx, func(*vault.Disclosed) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("an error of the reader: %v", err)
	}
	check(t, db.ForgetDisclosed(ctx))
	want()
	if _, err := db.LastBatch(ctx); !fault.Is(err, fault.NotFound) {
		t.Errorf("forgotten: %v", err)
	}
}
