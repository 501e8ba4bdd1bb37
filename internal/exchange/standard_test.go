package exchange

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"garrigue/internal/civil"
	"garrigue/internal/dataset"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
)

func day(t *testing.T, s string) civil.Date {
	t.Helper()
	if s == "" {
		return civil.NoDate
	}
	d, ok := civil.Parse(s)
	if !ok {
		t.Fatal(s)
	}
	return d
}

// A date is written as coarsely as it is known, and told when it cannot be.
func TestPeriod(t *testing.T) {
	for _, c := range []struct {
		start, end string
		precision  observation.Precision
		want       string
		exact      bool
	}{
		{"2019-05-17", "2019-05-17", observation.Day, "2019-05-17 2019-05-17", true},
		{"2019-05-01", "2019-05-31", observation.Month, "2019-05 2019-05", true},
		{"2019-05-17", "2019-06-30", observation.Month, "2019-05-17 2019-06", true},
		{"2020-02-01", "2020-02-29", observation.Month, "2020-02 2020-02", true},
		{"2019-05-17", "2019-06-12", observation.Month, "2019-05-17 2019-06-12", false},
		{"2019-01-01", "2019-12-31", observation.Year, "2019 2019", true},
		{"2026-01-01", "2026-11-21", observation.Year, "2026 2026-11-21", true},
		{"2015-01-01", "2019-12-31", observation.Years, "2015 2019", true},
		{"2015-03-01", "2019-10-31", observation.Years, "2015-03-01 2019-10-31", false},
		{"", "", observation.Day, " ", true},
	} {
		start, end, exact := period(observation.Period{Start: day(t, c.start), End: day(t, c.end), Precision: c.precision})
		if start+" "+end != c.want || exact != c.exact {
			t.Errorf("%s to %s: %q %q, exact %v; want %q %v", c.start, c.end, start, end, exact, c.want, c.exact)
		}
	}
}

// Every row has a value for every column, and unknown is empty.
func TestRow(t *testing.T) {
	o := &observation.Observation{IDSinp: uuid.MustParse("d8a9f4a0-17c1-4a38-9b60-000000000001"), SourceKey: "d8a9f4a0-17c1-4a38-9b60-000000000001",
		CountMin: -1, CountMax: -1, Presence: observation.Present, NameCited: "Aigle de Bonelli",
		When: observation.Period{Start: day(t, "2019-05-17"), End: day(t, "2019-05-17")},
		Place: observation.Place{Georeference: observation.ByCommune, Attached: geo.AdminKey(geo.Commune, "34172"),
			AltitudeMin: observation.NoAltitude, AltitudeMax: observation.NoAltitude}, Extra: map[string]string{"Météo": "beau"}}
	line, exact, err := appendRow(nil, o, dataset.Dataset{Name: "Relevés"})
	if err != nil || !exact {
		t.Fatal(exact, err)
	}
	got := map[string]string{}
	for i, name := range columns() {
		if line[i] != "" {
			got[name] = line[i]
		}
	}
	want := map[string]string{"idSINPOccTax": "d8a9f4a0-17c1-4a38-9b60-000000000001", "jddNom": "Relevés", "statutObservation": "Pr",
		"nomCite": "Aigle de Bonelli", "dateDebut": "2019-05-17", "dateFin": "2019-05-17",
		"codeCommune": "34172", "typeInfoGeoCommune": "1", "attributsAdditionnels": `{"Météo":"beau"}`}
	if diff := cmp.Diff(want, got); diff != "" || len(line) != len(columns()) {
		t.Errorf("%d values for %d columns: %s", len(line), len(columns()), diff)
	}
	// Blurred by its producer: the layers given, none of them its place.
	o.Blurring, o.Place.Georeference, o.Place.Attached = "OUI", observation.ByCell, geo.CellKey(geo.Cell10, 570, 6430)
	o.Place.Department = geo.AdminKey(geo.Department, "34")
	if line, _, err = appendRow(nil, o, dataset.Dataset{}); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return line[slices.Index(columns(), name)] }
	if at("codeMaille") != "10kmL93E057N643" || at("typeInfoGeoMaille") != "2" || at("codeDepartement") != "34" || at("typeInfoGeoDepartement") != "2" || at("codeCommune") != "" {
		t.Errorf("blurred at source: %v", line)
	}
	o.Blurring, o.Place.Georeference, o.Place.Geometry = "", observation.ByGeometry, []byte{1, 2}
	if _, _, err := appendRow(nil, o, dataset.Dataset{}); err == nil || strings.Contains(err.Error(), "Aigle") {
		t.Errorf("a geometry that is none: %v", err)
	}
}
