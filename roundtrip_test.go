package garrigue_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"garrigue/internal/dataset"
	"garrigue/internal/demo"
	"garrigue/internal/disclosure"
	"garrigue/internal/exchange"
	"garrigue/internal/geo"
	"garrigue/internal/ingest"
	"garrigue/internal/needs"
	"garrigue/internal/observation"
	"garrigue/internal/vault"
)

// TestRoundTrip imports real producers' files of every shape, exports the vault in the
// national standard, imports that into an empty vault, and wants the same content: every field of
// every observation, under the same key and the same permanent identifier.
func TestRoundTrip(t *testing.T) {
	ref := needs.Shared(t, "data", "reference")
	sources := needs.Shared(t, "data", "sources")
	dir := t.TempDir()
	empty := filepath.Join(dir, "references.sqlite")
	loadOccitanie(t, empty, ref)

	files := []string{
		"visionature/faune-occitanie-hirondelle-fenetre-31.tsv", "geonature/import-synthese/valid_file.csv",
		"geonature/synthese-echange-cen-paca.tsv.gz", "sinp-dee/dee_test_documentation.csv", "sinp-dee/dee_test_mnhn.csv",
		"dwca/gbif-results.zip", "dwca/validator-occurrence.zip", "inaturalist/observations_dwca.csv",
	}
	first, second := filepath.Join(dir, "first.sqlite"), filepath.Join(dir, "second.sqlite")
	copyFile(t, empty, first)
	copyFile(t, empty, second)
	exported := filepath.Join(dir, "standard.csv")
	n := 0
	withVault(t, first, func(db *vault.DB) {
		for _, f := range files {
			importFile(t, db, filepath.Join(sources, f))
		}
		invented := filepath.Join(dir, "invented.csv")
		write(t, invented, func(w io.Writer) error {
			_, err := demo.WriteObservations(t.Context(), w, 5000, demo.Options{})
			return err
		})
		importFile(t, db, invented)
		write(t, exported, func(w io.Writer) error {
			res, err := exchange.Standard(t.Context(), db, disclosure.Grant{Who: "test", Reason: "round trip"}, w, exchange.Options{})
			if res.Approximate > 0 {
				t.Errorf("%d dates written less exactly than known", res.Approximate)
			}
			n = res.Rows
			return err
		})
	})
	withVault(t, second, func(db *vault.DB) {
		rep := importFile(t, db, exported)
		if rep.Rejected > 0 || rep.Created != n {
			t.Fatalf("%d rows exported, %d created, %d rejected: %v", n, rep.Created, rep.Rejected, rep.Rejects)
		}
	})
	want, got := content(t, first), content(t, second)
	if len(want) < 6000 || len(want) != len(got) {
		t.Fatalf("%d observations, %d after the round trip", len(want), len(got))
	}
	different := 0
	for i := range want {
		if diff := gocmp.Diff(want[i], got[i]); diff != "" {
			if different++; different <= 3 {
				t.Errorf("observation %d of %s: %s", i, want[i].Dataset, diff)
			}
		}
	}
	if different > 3 {
		t.Errorf("%d observations differ", different)
	}
}

// held is an observation under the name of its dataset: numbers are a vault's own.
type held struct {
	Dataset string
	Row     observation.Observation
}

// content lists what a vault holds, in an order of its own.
func content(t *testing.T, path string) (list []held) {
	t.Helper()
	withVault(t, path, func(db *vault.DB) {
		names := map[dataset.ID]string{}
		sets, err := db.Datasets(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range sets {
			names[d.ID] = d.UUID + " " + d.Name
		}
		err = db.Observations(t.Context(), disclosure.Grant{Who: "test", Reason: "round trip"}, vault.Complete, func(o *observation.Observation) error {
			h := held{names[o.Dataset], *o}
			h.Row.ID, h.Row.Dataset = 0, 0
			list = append(list, h)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	slices.SortFunc(list, func(a, b held) int {
		return cmp.Or(cmp.Compare(a.Row.IDSinp.String(), b.Row.IDSinp.String()), cmp.Compare(a.Dataset, b.Dataset), cmp.Compare(a.Row.SourceKey, b.Row.SourceKey))
	})
	return list
}

func withVault(t *testing.T, path string, f func(*vault.DB)) {
	t.Helper()
	db, err := vault.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}()
	f(db)
}

func importFile(t *testing.T, db *vault.DB, path string) ingest.Report {
	t.Helper()
	im, err := ingest.NewImporter(t.Context(), db, ingest.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	rep, err := im.Import(t.Context(), path, ingest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// loadOccitanie makes a vault that holds the real references of Occitanie.
func loadOccitanie(t *testing.T, path, ref string) {
	t.Helper()
	withVault(t, path, func(db *vault.DB) {
		for _, r := range []struct {
			kind, file string
			o          ingest.ReferenceOptions
		}{
			{"taxref", "taxref-noms-valides.tsv.gz", ingest.ReferenceOptions{}}, {"taxref", "taxref-cdnom-disparus.tsv.gz", ingest.ReferenceOptions{}},
			{"areas", "communes-occitanie.geojson.gz", ingest.ReferenceOptions{AreaKind: geo.Commune}},
			{"areas", "departements-occitanie.geojson", ingest.ReferenceOptions{AreaKind: geo.Department}},
			{"areas", "region-occitanie.geojson", ingest.ReferenceOptions{AreaKind: geo.Region}},
			{"sensitivity", "especes-sensibles-2019.tsv.gz", ingest.ReferenceOptions{}},
		} {
			if _, err := ingest.LoadReference(t.Context(), db, r.kind, filepath.Join(ref, r.file), r.o); err != nil {
				t.Fatal(fmt.Errorf("%s: %w", r.file, err))
			}
		}
	})
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, f func(io.Writer) error) {
	t.Helper()
	w, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
