package vaulttest

import (
	"slices"
	"testing"
	"time"

	"garrigue/internal/fault"
	"garrigue/internal/vault"
)

// testMappings: what was told of a header is found again by source and header, the last one by
// source, until it is forgotten.
func testMappings(t *testing.T, open func(t *testing.T) *vault.DB) {
	db := open(t)
	ctx := t.Context()
	day := func(d int) time.Time { return time.Date(2026, 11, d, 12, 0, 0, 0, time.UTC) }
	a, b := []string{"espèce", "date"}, []string{"espèce", "date", "lieu"}
	if _, err := db.MappingOf(ctx, "s", a); !fault.Is(err, fault.NotFound) {
		t.Errorf("empty: %v", err)
	}
	check(t, db.PutMapping(ctx, vault.Mapping{Source: "s", Header: a, Rules: "one", Used: day(1), By: "Anne"}))
	check(t, db.PutMapping(ctx, vault.Mapping{Source: "s", Header: b, Used: day(2)}))
	check(t, db.PutMapping(ctx, vault.Mapping{Header: a, Rules: "by hand", Used: day(3)}))
	check(t, db.PutMapping(ctx, vault.Mapping{Source: "s", Header: a, Rules: "two", Used: day(4)}))
	for _, c := range []struct {
		m     func() (vault.Mapping, error)
		rules string
		head  []string
		by    string
		used  time.Time
	}{
		{func() (vault.Mapping, error) { return db.MappingOf(ctx, "s", a) }, "two", a, "", day(4)},
		{func() (vault.Mapping, error) { return db.MappingOf(ctx, "s", b) }, "", b, "", day(2)},
		{func() (vault.Mapping, error) { return db.MappingOf(ctx, "", a) }, "by hand", a, "", day(3)},
		{func() (vault.Mapping, error) { return db.LastMapping(ctx, "s") }, "two", a, "", day(4)},
	} {
		m, err := c.m()
		if err != nil || m.Rules != c.rules || !slices.Equal(m.Header, c.head) || m.By != c.by || !m.Used.Equal(c.used) {
			t.Errorf("%+v: %+v %v", c.rules, m, err)
		}
	}
	if _, err := db.MappingOf(ctx, "s", []string{"date", "espèce"}); !fault.Is(err, fault.NotFound) {
		t.Errorf("another order: %v", err)
	}
	check(t, db.ForgetMapping(ctx, "s", a))
	if err := db.ForgetMapping(ctx, "s", a); !fault.Is(err, fault.NotFound) {
		t.Errorf("forgotten twice: %v", err)
	}
	if m, err := db.LastMapping(ctx, "s"); err != nil || !slices.Equal(m.Header, b) {
		t.Errorf("last: %+v %v", m, err)
	}
}
