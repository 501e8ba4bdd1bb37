package vault

import (
	"context"
	"errors"
	"testing"
	"time"

	"garrigue/internal/civil"
	"garrigue/internal/dataset"
	"garrigue/internal/observation"
)

// TestTwinKey: the key is stored, so its form must never change without twinKeyForm; and it
// says nothing where something is missing.
func TestTwinKey(t *testing.T) {
	day, _ := civil.Make(2020, 5, 1)
	base := observation.Observation{CdRef: 3696, Presence: observation.Present, Observers: "NOM Prénom, AUTRE Anne",
		When: observation.Period{Start: day, End: day}}
	const want = int64(532006180394310108)
	if got := twinKey(&base, nil); got != want {
		t.Errorf("key %d, was %d", got, want)
	}
	cache := map[string]uint64{}
	for range 2 {
		same := base
		same.Observers = "Anne AUTRE (LPO); prenom nom"
		if got := twinKey(&same, cache); got != want {
			t.Errorf("the same people: %d", got)
		}
	}
	seen := map[int64]string{want: "nothing"}
	for name, change := range map[string]func(o *observation.Observation){
		"taxon": func(o *observation.Observation) { o.CdRef++ }, "first day": func(o *observation.Observation) { o.When.Start-- },
		"last day": func(o *observation.Observation) { o.When.End++ }, "presence": func(o *observation.Observation) { o.Presence = observation.Absent },
		"people": func(o *observation.Observation) { o.Observers = "NOM Prénom" },
	} {
		o := base
		change(&o)
		key := twinKey(&o, nil)
		if other, known := seen[key]; known || key == 0 {
			t.Errorf("another %s has the key of another %s", name, other)
		}
		seen[key] = name
	}
	for name, change := range map[string]func(o *observation.Observation){
		"no taxon": func(o *observation.Observation) { o.CdRef = 0 }, "a month": func(o *observation.Observation) { o.When.Precision = observation.Month },
		"nobody": func(o *observation.Observation) { o.Observers = "" }, "unknown": func(o *observation.Observation) { o.Observers = "Inconnu" },
		"presence unknown": func(o *observation.Observation) { o.Presence = observation.PresenceUnknown },
	} {
		o := base
		change(&o)
		if key := twinKey(&o, nil); key != 0 {
			t.Errorf("%s: key %d", name, key)
		}
	}
}

// BenchmarkTwins looks for the twins of 10,000 rows, then of all, in a vault of several
// datasets where one row in a hundred has one.
//
//	GARRIGUE_BENCH_ROWS=2000000 go test -run - -bench Twins -benchtime 1x ./internal/vault
func BenchmarkTwins(b *testing.B) {
	ctx, n := context.Background(), benchRows()
	db, d := mustOpen(b, b.TempDir())
	defer db.Close()
	g := newGenerator(d)
	load1(b, db, g, 0, n-n/100)
	other, err := db.EnsureDataset(ctx, dataset.Dataset{Name: "Autre chemin"})
	if err != nil {
		b.Fatal(err)
	}
	g.dataset = other.ID
	load1(b, db, g, 0, n/100)
	undo := errors.New("undo")
	b.ResetTimer()
	for b.Loop() {
		for _, c := range []struct {
			name string
			t    touched
		}{{"some-ms", touched{}}, {"all-ms", touched{all: true}}} {
			for i := range min(10_000, n/10) {
				if !c.t.all {
					c.t.add(int64(1 + i*(n/min(10_000, n/10))))
				}
			}
			var took time.Duration
			found := 0
			if err := db.tx(ctx, func(w *bulk) (err error) {
				began := time.Now()
				if found, _, err = w.findTwins(&c.t, int64(n)); err != nil {
					return err
				}
				took = time.Since(began)
				return undo
			}); !errors.Is(err, undo) {
				b.Fatal(err)
			}
			if found == 0 {
				b.Fatalf("%s: no twin", c.name)
			}
			b.ReportMetric(float64(took.Milliseconds()), c.name)
		}
	}
}
