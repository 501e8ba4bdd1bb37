package vaulttest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/vault"
)

// testTraces: what the search of public files needs of some observations, and of them alone.
func testTraces(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	d := someDataset(t, db)
	var rows []*observation.Observation
	for i := range 1203 {
		o := row(d, "k"+string(rune('a'+i%26))+string(rune('a'+i/26)), i)
		o.Place.Geometry = []byte{1, 2, byte(i)}
		rows = append(rows, o)
	}
	attached := rows[3]
	attached.Place = observation.Place{Georeference: observation.ByCommune, Attached: geo.AdminKey(geo.Commune, "34172"), Lon: 3.5, Lat: 43.5,
		Commune: geo.AdminKey(geo.Commune, "34172"), AltitudeMin: observation.NoAltitude, AltitudeMax: observation.NoAltitude}
	importRows(t, db, rows...)
	var ids []int64
	var want []vault.Trace
	for i, o := range rows {
		if i == 7 {
			continue
		}
		ids = append(ids, o.ID)
		w := vault.Trace{ID: o.ID, IDSinp: o.IDSinp.String(), SourceKey: o.SourceKey, PlaceName: o.Place.Name, Comment: o.Comment,
			Observers: o.Observers, Determiner: o.Determiner}
		if i != 3 {
			w.Located, w.Lon, w.Lat, w.Box, w.Shape = true, o.Place.Lon, o.Place.Lat, o.Place.Box, o.Place.Geometry
		}
		want = append(want, w)
	}
	asked := slices.Clone(ids[:600])
	for i := range int64(25_000) { // more than one statement reads
		asked = append(asked, 1<<40+i)
	}
	asked = append(asked, ids[600:]...)
	var got []vault.Trace
	check(t, db.Traces(ctx, grant(), asked, func(tr *vault.Trace) error {
		c := *tr
		if c.Shape = nil; len(tr.Shape) > 0 {
			c.Shape = append(c.Shape, tr.Shape...)
		}
		got = append(got, c)
		return nil
	}))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%.3000s", diff)
	}
	check(t, db.Traces(ctx, grant(), nil, func(*vault.Trace) error { return fault.Say(fault.Internal, "vault.none") }))
	if err := db.Traces(ctx, disclosure.Grant{Who: "x"}, ids, func(*vault.Trace) error { return nil }); !fault.Is(err, fault.Forbidden) {
		t.Errorf("without a reason: %v", err)
	}
}
