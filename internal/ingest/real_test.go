package ingest

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"garrigue/internal/geo"
	"garrigue/internal/needs"
	"garrigue/internal/vault"
)

const shared = "../../../shared/data"

// TestMain gives the package's tests one temporary folder, and takes it away: a killed child
// and the references loaded once for all tests leave nothing behind.
func TestMain(m *testing.M) {
	if at := os.Getenv("GARRIGUE_MEMORY_VAULT"); at != "" { // a child of BenchmarkMemory
		os.Exit(importAlone(at, os.Getenv("GARRIGUE_MEMORY_FILE")))
	}
	dir, err := os.MkdirTemp("", "garrigue-ingest-")
	if err != nil {
		panic(err)
	}
	os.Setenv("TMPDIR", dir)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// needShared skips a test that needs the shared data when they are away, unless they are required.
func needShared(t testing.TB) {
	t.Helper()
	needs.Shared(t, "data")
}

var realReferences = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "garrigue-ingest-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "vault.sqlite")
	ctx := context.Background()
	db, err := vault.Open(ctx, path)
	if err != nil {
		return "", err
	}
	ref := filepath.Join(shared, "reference")
	for _, l := range []struct {
		kind, file string
		area       geo.Kind
	}{{"taxref", "taxref-noms-valides.tsv.gz", 0}, {"taxref", "taxref-cdnom-disparus.tsv.gz", 0}, {"sensitivity", "especes-sensibles-2019.tsv.gz", 0},
		{"areas", "communes-occitanie.geojson.gz", geo.Commune}, {"areas", "departements-occitanie.geojson", geo.Department}, {"areas", "region-occitanie.geojson", geo.Region}} {
		if _, err := LoadReference(ctx, db, l.kind, filepath.Join(ref, l.file), ReferenceOptions{AreaKind: l.area}); err != nil {
			return "", err
		}
	}
	return path, db.Close()
})

// realVault returns a vault of its own with the shared references loaded.
func realVault(t testing.TB) *vault.DB {
	t.Helper()
	db, _ := realVaultAt(t)
	return db
}

func realVaultAt(t testing.TB) (*vault.DB, string) {
	t.Helper()
	needShared(t)
	src, err := realReferences()
	if err != nil {
		t.Fatal(err)
	}
	dst := filepath.Join(t.TempDir(), "vault.sqlite")
	in, err := os.Open(src)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(dst, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return openVault(t, dst), dst
}

func openVault(t testing.TB, path string) *vault.DB {
	t.Helper()
	db, err := vault.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func newImporter(t testing.TB, db *vault.DB) *Importer {
	t.Helper()
	im, err := NewImporter(context.Background(), db, Settings{Today: day(2026, 11, 21)})
	if err != nil {
		t.Fatal(err)
	}
	return im
}
