// Package vaulttest is what any engine under a vault must do: one suite, run on each.
//
// It decides nothing about speed; the benchmarks are beside the vault.
package vaulttest

import (
	"context"
	"fmt"
	"iter"
	"testing"

	"github.com/google/uuid"

	"garrigue/internal/civil"
	"garrigue/internal/dataset"
	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/vault"
)

// Run runs the suite. place returns the address of a vault that is empty or does not exist
// yet, each time another one. The suite starts the test binary again in a child process that it kills:
// the test that calls Run must do nothing before it, and have no parent test.
func Run(t *testing.T, place func(t *testing.T) string) {
	if child(t) {
		return
	}
	open := func(t *testing.T) *vault.DB { return reopen(t, place(t)) }
	for _, c := range []struct {
		name string
		test func(t *testing.T, open func(t *testing.T) *vault.DB)
	}{
		{"references", testReferences}, {"names merge", testNames}, {"withdrawn and statuses", testWithdrawnStatuses},
		{"whole versions and codes", testVersionsCodes}, {"decisions about names", testDecisions},
		{"sensitivity", testSensitivity}, {"files of lists", testListFiles}, {"areas", testAreas}, {"generation", testGeneration},
		{"datasets", testDatasets}, {"datasets in a batch", testDatasetsInBatch},
		{"round trip", testRoundTrip}, {"outcomes", testOutcomes}, {"class alone", testClassAlone},
		{"history", testHistory}, {"keys", testKeys}, {"same key twice", testSameKeyTwice}, {"expected keys", testExpect},
		{"withdrawal", testWithdrawal}, {"complete file", testComplete},
		{"whose withdrawal", testWhoseWithdrawal}, {"cut dataset", testCutDataset}, {"classed at", testClassedAt}, {"class history", testClassHistory}, {"twins", testTwins}, {"twins again", testTwinsAgain}, {"twins kept", testTwinsKept}, {"consent", testConsent},
		{"large second batch", testLarge}, {"bad rows", testBadRows},
		{"isolation", testIsolation}, {"rollback", testRollback}, {"cancel", testCancel}, {"ended", testEnded},
		{"second importer", testSecondImporter}, {"concurrent readers", testReaders},
		{"batches and rejects", testRejects}, {"grants", testGrants}, {"publication fields", testFields}, {"reading in parts", testParts},
		{"touched", testTouched},
		{"mappings", testMappings}, {"reclass", testReclass}, {"classes", testClasses}, {"groupings", testGroups}, {"judgements", testJudgements}, {"occasions", testOccasions}, {"source runs", testSourceRuns}, {"loading", testLoading}, {"places", testPlaces}, {"disclosed", testDisclosed}, {"traces", testTraces},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open) })
	}
	t.Run("reopen", func(t *testing.T) { testReopen(t, place) })
	t.Run("two processes", func(t *testing.T) { testTwoHandles(t, place) })
	t.Run("waiting", func(t *testing.T) { testWaiting(t, place) })
	t.Run("numbers", func(t *testing.T) { testNumbers(t, place) })
	t.Run("kill", func(t *testing.T) { testKill(t, place) })
}

func reopen(t *testing.T, place string) *vault.DB {
	t.Helper()
	db, err := vault.Open(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func grant() disclosure.Grant { return disclosure.Grant{Who: "suite", Reason: "conformance"} }

// seq yields the values, and then the error if there is one.
func seq[T any](err error, values ...T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range values {
			if !yield(v, nil) {
				return
			}
		}
		if err != nil {
			var none T
			yield(none, err)
		}
	}
}

func collect[T any](t *testing.T, rows iter.Seq2[T, error]) []T {
	t.Helper()
	var all []T
	for v, err := range rows {
		check(t, err)
		all = append(all, v)
	}
	return all
}

func all(t *testing.T, db *vault.DB) []observation.Observation {
	t.Helper()
	var list []observation.Observation
	check(t, db.Observations(t.Context(), grant(), vault.Complete, func(o *observation.Observation) error {
		list = append(list, *o)
		return nil
	}))
	return list
}

func date(y, m, d int) civil.Date {
	v, ok := civil.Make(y, m, d)
	if !ok {
		panic(fmt.Sprintf("no such day: %d-%d-%d", y, m, d))
	}
	return v
}

// row is a plain observation under a key, distinct for each number.
func row(d dataset.ID, key string, n int) *observation.Observation {
	x, y := 770000+float64(n%1000), 6280000+float64(n%777)
	return &observation.Observation{
		IDSinp: uuid.NewSHA1(uuid.NameSpaceOID, []byte(key+fmt.Sprint(d))), Dataset: d, SourceKey: key,
		CdNom: 3696, CdRef: 3696, NameCited: "Delichon urbicum", Presence: observation.Present,
		When: observation.Period{Start: date(2020, 5, 1+n%28), End: date(2020, 5, 1+n%28)},
		Place: observation.Place{Georeference: observation.ByGeometry, Geometry: []byte{1, 1, 0, 0, 0, byte(n)}, Lon: 3.87, Lat: 43.61,
			Box: geo.Box{MinX: x, MinY: y, MaxX: x, MaxY: y}, Commune: geo.AdminKey(geo.Commune, "34172"),
			Department: geo.AdminKey(geo.Department, "34"), AltitudeMin: 50, AltitudeMax: 60},
		Observers: "NOM Prénom", Organisation: "LPO", CountMin: 1, CountMax: 2,
	}
}

// someDataset returns the dataset most tests use.
func someDataset(t *testing.T, db *vault.DB) dataset.ID {
	t.Helper()
	return must(db.EnsureDataset(t.Context(), dataset.Dataset{Name: "Hirondelles"}))(t).ID
}

// importRows puts rows in one committed batch.
func importRows(t *testing.T, db *vault.DB, rows ...*observation.Observation) []vault.Outcome {
	t.Helper()
	b := must(db.Begin(t.Context(), vault.BatchInfo{File: "suite.csv"}))(t)
	defer b.Rollback()
	var outcomes []vault.Outcome
	for _, o := range rows {
		outcomes = append(outcomes, must(b.Put(t.Context(), o))(t))
	}
	must(b.Commit(t.Context(), vault.BatchInfo{Read: len(rows)}))(t)
	return outcomes
}

func count(t *testing.T, db *vault.DB) (n int) {
	t.Helper()
	check(t, db.Observations(context.WithoutCancel(t.Context()), grant(), vault.ForPublication, func(*observation.Observation) error { n++; return nil }))
	return n
}
