package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/vault"
)

// stored reads everything a vault holds, by source key.
func storedByKey(t testing.TB, db *vault.DB) map[string]observation.Observation {
	t.Helper()
	out := map[string]observation.Observation{}
	err := db.Observations(context.Background(), disclosure.Grant{Who: "test", Reason: "read back"}, vault.Complete, func(o *observation.Observation) error {
		c := *o
		c.Extra, c.Place.Geometry = maps.Clone(o.Extra), slices.Clone(o.Place.Geometry)
		out[o.SourceKey] = c
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// visioFile is what an answer of VisioNature says, read here without the importer.
type visioFile struct {
	Data struct {
		Sightings []visioSighting
		Forms     []struct {
			Start     string `json:"time_start"`
			Sightings []visioSighting
		}
	}
}

type visioSighting struct {
	Date struct {
		ISO string `json:"@ISO8601"`
	}
	Species struct{ Name string }
	Place   struct {
		Name     string
		Lat, Lon string
		CoordLat string `json:"coord_lat"`
		CoordLon string `json:"coord_lon"`
	}
	Observers []struct {
		ID        string `json:"id_universal"`
		Name      string
		Lat       string `json:"coord_lat"`
		Lon       string `json:"coord_lon"`
		Precision string
		Altitude  string
		Count     string
		Code      string `json:"estimation_code"`
		Hidden    string
		Comment   string
		Atlas     struct {
			Text string `json:"#text"`
		} `json:"atlas_code"`
		Medias []any
		Timing struct {
			ISO    string `json:"@ISO8601"`
			NoTime string `json:"@notime"`
		}
	}
}

// TestBiolovisionFiles imports the real answers of VisioNature and compares each observation with
// what its file says.
func TestBiolovisionFiles(t *testing.T) {
	needShared(t)
	for name, count := range map[string]int{"biolovision-normal-with-trace.json": 48, "biolovision-small-incidental.json": 7, "biolovision-small-with-media.json": 2} {
		t.Run(name, func(t *testing.T) {
			db := realVault(t)
			path := filepath.Join(shared, "sources/visionature", name)
			im := newImporter(t, db)
			rep, err := im.Import(context.Background(), path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			checkInvariant(t, rep)
			if rep.Format != VisioNature || rep.Read != count || rep.Created != count {
				t.Errorf("%s: read %d, created %d of %d", rep.Format, rep.Read, rep.Created, count)
			}
			again, err := im.Import(context.Background(), path, Options{})
			if err != nil || again.Unchanged != count {
				t.Errorf("again: %d unchanged, %v", again.Unchanged, err)
			}
			got := storedByKey(t, db)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var f visioFile
			if err := json.Unmarshal(b, &f); err != nil {
				t.Fatal(err)
			}
			n := 0
			all := f.Data.Sightings
			starts := map[string]string{}
			for _, form := range f.Data.Forms {
				for _, s := range form.Sightings {
					starts[s.Observers[0].ID] = form.Start
				}
				all = append(all, form.Sightings...)
			}
			for _, s := range all {
				for i := range s.Observers {
					n++
					compareVisio(t, s, i, starts[s.Observers[i].ID], got)
				}
			}
			if n != count || len(got) != count {
				t.Errorf("%d in the file, %d in the vault, want %d", n, len(got), count)
			}
		})
	}
}

func compareVisio(t *testing.T, s visioSighting, i int, formStart string, got map[string]observation.Observation) {
	t.Helper()
	w := s.Observers[i]
	o, ok := got[w.ID]
	if !ok {
		t.Errorf("%s is not in the vault", w.ID)
		return
	}
	lat, lon, clock := w.Lat, w.Lon, ""
	if w.Precision != "precise" {
		lat, lon = s.Place.CoordLat, s.Place.CoordLon
	}
	if w.Timing.NoTime == "0" {
		clock = w.Timing.ISO[11:16]
	} else if formStart != "" {
		clock = formStart[:5]
	}
	number := func(v string) float64 { n, _ := strconv.ParseFloat(v, 64); return n }
	if math.Abs(o.Place.Lat-number(lat)) > 1e-9 || math.Abs(o.Place.Lon-number(lon)) > 1e-9 {
		t.Errorf("%s is not where its file says", w.ID)
	}
	count, _ := strconv.Atoi(w.Count)
	types := map[string]string{"EXACT_VALUE": "Co", "MINIMUM": "Es", "ESTIMATION": "Es"}
	type facts struct {
		Day, Clock, Name, Type, Place string
		Min, Max                      int32
		Altitude                      int16
		Hidden                        bool
		Comment                       string
		Breeding                      bool
		Nature                        string
	}
	atlas, _ := strconv.Atoi(w.Atlas.Text)
	want := facts{Day: s.Date.ISO[:10], Clock: clock, Name: s.Species.Name, Type: types[w.Code], Place: s.Place.Name, Min: int32(count), Max: int32(count),
		Altitude: int16(number(w.Altitude)), Hidden: w.Hidden == "1", Comment: strings.ReplaceAll(w.Comment, "\r\n", "\n"), Breeding: atlas >= 2}
	if w.Precision == "square" {
		want.Nature = "In"
	}
	have := facts{Day: o.When.Start.String(), Clock: o.When.StartTime[:min(5, len(o.When.StartTime))], Name: o.NameCited, Type: o.CountType, Place: o.Place.Name,
		Min: o.CountMin, Max: o.CountMax, Altitude: o.Place.AltitudeMin, Hidden: o.Diffusion == "2",
		Comment: strings.ReplaceAll(o.Comment, "\r\n", "\n"), Breeding: o.BioStatus == "3", Nature: o.Place.Nature}
	if d := cmp.Diff(want, have); d != "" {
		t.Errorf("%s: %s", w.ID, d)
	}
	if o.Observers != w.Name { // the name itself is not told
		t.Errorf("%s: not the observer of the file", w.ID)
	}
	if proof := o.Extra["PROOF"]; (proof == "1") != (len(w.Medias) > 0) {
		t.Errorf("%s: proof %q with %d media", w.ID, proof, len(w.Medias))
	}
}

// visioRecord is an answer of one observation in the small world.
func visioRecord(observer string) string {
	return `{"data":{"sightings":[{"date":{"@ISO8601":"2020-05-03T00:00:00+02:00","@notime":"1"},"species":{"@id":"354","name":"Hirondelle de fenêtre","latin_name":"Delichon urbicum"},
	"place":{"@id":"1","name":"Le Mas","insee":"34002","coord_lat":"43.55","coord_lon":"3.15"},"observers":[{"id_universal":"28_1","id_sighting":"9","name":"Nom Prénom",` + observer + `}]}]}}`
}

func TestVisioNatureValues(t *testing.T) {
	for _, c := range []struct {
		name, observer string
		check          func(o observation.Observation) bool
	}{
		{"identifier", `"uuid":"2f2f3e5a-1d2b-4c3d-8e9f-0a1b2c3d4e5f"`, func(o observation.Observation) bool {
			return o.SourceKey == "28_1" && o.IDSinp.String() == "2f2f3e5a-1d2b-4c3d-8e9f-0a1b2c3d4e5f"
		}},
		{"commune", `"precision":"municipality"`, func(o observation.Observation) bool {
			return o.Place.Georeference == observation.ByCommune && o.Place.Commune == geo.AdminKey(geo.Commune, "34002")
		}},
		{"place", `"precision":"place","coord_lat":"43.51","coord_lon":"3.11"`, func(o observation.Observation) bool {
			return o.Place.Lat == 43.55 && o.Place.Uncertainty == 1000 && o.Place.Nature == "In"
		}},
		{"precise", `"precision":"precise","coord_lat":"43.51","coord_lon":"3.11"`, func(o observation.Observation) bool {
			return o.Place.Lat == 43.51 && o.Place.Uncertainty == 0 && o.Place.Nature == ""
		}},
		{"square", `"precision":"square"`, func(o observation.Observation) bool {
			return o.Place.Box.MaxX-o.Place.Box.MinX == 999 && o.Place.Nature == "In"
		}},
		{"transect", `"precision":"transect","protocol":{"wkt":"LINESTRING(3.11 43.51,3.12 43.52)"}`, func(o observation.Observation) bool {
			return o.Place.Box.MaxX-o.Place.Box.MinX > 500 && o.Place.Uncertainty == 0
		}},
		{"sex and age", `"count":"2","details":[{"count":"2","sex":"F","age":"PULL"}]`, func(o observation.Observation) bool { return o.Sex == "2" && o.LifeStage == "3" }},
		{"female plumage", `"count":"1","details":[{"count":"1","sex":"FT","age":"1YP"}]`, func(o observation.Observation) bool { return o.Sex == "1" && o.LifeStage == "1" }},
		{"none", `"count":"0","estimation_code":"EXACT_VALUE"`, func(o observation.Observation) bool { return o.Presence == observation.Absent }},
		{"searched, not found", `"atlas_code":"99"`, func(o observation.Observation) bool { return o.Presence == observation.Absent }},
		{"not counted", `"count":"0","estimation_code":"NO_VALUE"`, func(o observation.Observation) bool {
			return o.Presence == observation.Present && o.CountMin == -1 && o.CountType == "NSP"
		}},
		{"nest", `"atlas_code":{"@id":"3_13","#text":"13"}`, func(o observation.Observation) bool { return o.BioStatus == "3" }},
		{"behaviours", `"behaviours":[{"@id":"134_99","#text":"Sautille"},{"@id":"134_1","name":"TERRITORY"}]`, func(o observation.Observation) bool { return o.Behaviour == "22" }},
		{"accepted", `"committees_validation":{"chn":"REQUESTED","chr":"ACCEPTED"}`, func(o observation.Observation) bool { return o.Validation == observation.Certain }},
		{"requested", `"committees_validation":{"chn":"REQUESTED"}`, func(o observation.Observation) bool { return o.Validation == observation.Doubtful }},
		{"question", `"admin_hidden":"1","admin_hidden_type":"question"`, func(o observation.Observation) bool {
			return o.Validation == observation.Doubtful && o.Diffusion == "4"
		}},
		{"refused", `"admin_hidden":"1","admin_hidden_type":"refused","committees_validation":{"chn":"ACCEPTED"}`, func(o observation.Observation) bool {
			return o.Validation == observation.Invalid && o.Diffusion == "4"
		}},
		{"hidden", `"hidden":"1"`, func(o observation.Observation) bool {
			return o.Diffusion == "2" && o.Validation == observation.Probable
		}},
		{"named", `"second_hand":"0"`, func(o observation.Observation) bool { return o.Observers == "Nom Prénom" }},
		{"second-hand", `"second_hand":"1"`, func(o observation.Observation) bool { return o.Observers == "" }},
		{"dead", `"extended_info":{"mortality":{"death_cause2":"CRASH"}}`, func(o observation.Observation) bool { return o.Extra["STATE"] == "3" }},
		{"private comment", `"hidden_comment":"aire derrière la ferme","comment":"vu"`, func(o observation.Observation) bool {
			return o.Comment == "vu" && !strings.Contains(fmt.Sprint(o), "ferme")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, _ := smallVault(t)
			path := filepath.Join(t.TempDir(), "a.json")
			if err := os.WriteFile(path, []byte(visioRecord(c.observer)), 0o600); err != nil {
				t.Fatal(err)
			}
			rep, err := newImporter(t, db).Import(context.Background(), path, Options{})
			if err != nil || rep.Created != 1 {
				t.Fatalf("created %d, rejects %v, %v", rep.Created, rep.Rejects, err)
			}
			o := storedByKey(t, db)["28_1"]
			if !c.check(o) {
				t.Errorf("%+v", o)
			}
		})
	}
}

// The page of a GeoNature export and a file of iNaturalist are read by the formats they are in.
func TestJSONOfOtherFormats(t *testing.T) {
	db, _ := smallVault(t)
	page := `{"items":{"type":"FeatureCollection","features":[{"type":"Feature","id":"1","geometry":{"type":"Point","coordinates":[3.15,43.55]},
	"properties":{"idSINPOccTax":"2f2f3e5a-1d2b-4c3d-8e9f-0a1b2c3d4e5f","idOrigine":"7","statutObservation":"Pr","nomCite":"Delichon urbicum","cdNom":459478,"dateDebut":"2020-05-03","dateFin":"2020-05-03","dSPublique":"Pu"}}]},"total":1}`
	path := filepath.Join(t.TempDir(), "export.json")
	if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	im := newImporter(t, db)
	rep, err := im.Import(context.Background(), path, Options{})
	if err != nil || rep.Created != 1 || rep.Format != SINP20 {
		t.Fatalf("%s: created %d, rejects %v, %v", rep.Format, rep.Created, rep.Rejects, err)
	}
	for _, o := range storedByKey(t, db) {
		if o.Place.Lat != 43.55 || o.CdNom != 459478 {
			t.Errorf("%+v", o)
		}
	}
	needShared(t)
	rep, err = im.Import(context.Background(), filepath.Join(shared, "sources/inaturalist/observation.json"), Options{Dataset: "inat"})
	if err != nil || rep.Created != 1 || rep.Format != DarwinCore {
		t.Fatalf("%s: created %d, rejects %v, %v", rep.Format, rep.Created, rep.Rejects, err)
	}
	for _, o := range storedByKey(t, db) {
		if o.CdNom == 459478 {
			continue
		}
		if math.Abs(o.Place.Lat-32.8430971478) > 1e-9 || o.When.Start.String() != "2020-05-09" || o.Place.Uncertainty != 4 || o.NameCited == "" {
			t.Errorf("%v %v %d", o.Place.Lat, o.When, o.Place.Uncertainty)
		}
	}
}
