package vaulttest

import (
	"testing"

	"github.com/paulmach/orb"

	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/vault"
)

// testPlaces: a place found again is stored with all that follows from it, nothing else of the
// row moves, and the same row put afterwards is unchanged.
func testPlaces(t *testing.T, open func(t *testing.T) *vault.DB) {
	db := open(t)
	d := someDataset(t, db)
	a, b := row(d, "a", 1), row(d, "b", 2)
	b.Place, b.Held = observation.Place{AltitudeMin: observation.NoAltitude, AltitudeMax: observation.NoAltitude}, observation.Unlocated
	importRows(t, db, a, b)
	before := must(db.Changes(t.Context()))(t)

	move := func(o *observation.Observation) {
		o.Place.Commune, o.Place.Department = geo.AdminKey(geo.Commune, "30189"), geo.AdminKey(geo.Department, "30")
	}
	located := func(o *observation.Observation) {
		o.Place.Georeference, o.Place.Attached = observation.ByCell, geo.CellKey(geo.Cell5, 770, 6280)
		o.Place.Lon, o.Place.Lat, o.Place.Nature = 3.9, 43.6, "In"
		o.Place.Box = geo.Box{MinX: 770000, MinY: 6280000, MaxX: 774999, MaxY: 6284999}
		o.Held = observation.Unclassed
	}
	rows := all(t, db)
	move(&rows[0])
	located(&rows[1])
	if n := must(db.PutPlaces(t.Context(), seq[*observation.Observation](nil, &rows[0], &rows[1])))(t); n != 2 {
		t.Errorf("%d places stored", n)
	}
	now := all(t, db)
	for i := range now {
		p, want := now[i].Place, rows[i].Place
		if p.Commune != want.Commune || p.Department != want.Department || p.Attached != want.Attached || p.Georeference != want.Georeference ||
			p.Box != want.Box || p.Lon != want.Lon || p.Nature != want.Nature || now[i].Held != rows[i].Held || now[i].NameCited != rows[i].NameCited {
			t.Errorf("row %d: %+v, want %+v", i, p, want)
		}
	}
	if got := must(db.Changes(t.Context()))(t); got == before {
		t.Error("the vault is not said to have changed")
	}
	move(a)
	located(b)
	for i, out := range importRows(t, db, a, b) {
		if out != vault.Unchanged {
			t.Errorf("row %d put again: outcome %d", i, out)
		}
	}
	bad := rows[0]
	bad.Place.Commune = geo.AdminKey(geo.Department, "30")
	if _, err := db.PutPlaces(t.Context(), seq[*observation.Observation](nil, &rows[1], &bad)); err == nil {
		t.Error("a department was taken for a commune")
	}

	outlines, placed, err := db.Placed(t.Context())
	check(t, err)
	if outlines != 0 || placed != 0 {
		t.Errorf("no outline: %d, placed with %d", outlines, placed)
	}
	ref := vault.Reference{Kind: "communes-anciennes", Name: "passage.csv", SHA256: "1"}
	former := geo.Area{Key: geo.AdminKey(geo.FormerCommune, "30001"), Name: "Vieux", Parent: geo.AdminKey(geo.Commune, "30189"), Geometry: orb.MultiPolygon{}}
	must(db.PutAreas(t.Context(), ref, geo.FormerCommune, seq(nil, former)))(t)
	outlines, _, err = db.Placed(t.Context())
	check(t, err)
	check(t, db.SetPlaced(t.Context(), outlines, 0))
	if again, placed, err := db.Placed(t.Context()); err != nil || outlines == 0 || again != outlines || placed != outlines {
		t.Errorf("outlines %d then %d, placed with %d: %v", outlines, again, placed, err)
	}
	// A former version put back is another state than the one in between, also when a later
	// reference has the highest number.
	ref.SHA256 = "2"
	must(db.PutAreas(t.Context(), ref, geo.FormerCommune, seq(nil, former)))(t)
	commune := geo.Area{Key: geo.AdminKey(geo.Commune, "30189"), Name: "Neuf", Geometry: outline(3)}
	must(db.PutAreas(t.Context(), vault.Reference{Kind: "areas", Name: "communes", SHA256: "3"}, geo.Commune, seq(nil, commune)))(t)
	outlines, _, err = db.Placed(t.Context())
	check(t, err)
	ref.SHA256 = "1"
	must(db.PutAreas(t.Context(), ref, geo.FormerCommune, seq(nil, former)))(t)
	if back, _, err := db.Placed(t.Context()); err != nil || back == outlines {
		t.Errorf("outlines put back pass for those in between: %d, %v", back, err)
	}
	if areas := must(db.Areas(t.Context(), geo.FormerCommune))(t); len(areas) != 1 || areas[0].Parent != former.Parent || len(areas[0].Geometry) != 0 {
		t.Errorf("former communes: %+v", areas)
	}
}
