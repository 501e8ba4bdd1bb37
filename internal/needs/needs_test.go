package needs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"garrigue/internal/needs"
)

// recorder is a test that only remembers how it was ended.
type recorder struct {
	testing.TB
	fatal, skipped string
}

func (r *recorder) Helper()           {}
func (r *recorder) Fatal(args ...any) { r.fatal, _ = args[0].(string) }
func (r *recorder) Skip(args ...any)  { r.skipped, _ = args[0].(string) }

func TestMissing(t *testing.T) {
	t.Setenv("GARRIGUE_TEST_REQUIRE", "")
	var r recorder
	needs.Shared(&r, "no", "such", "file")
	if !strings.Contains(r.skipped, filepath.Join("no", "such", "file")) || r.fatal != "" {
		t.Errorf("skipped %q, failed %q", r.skipped, r.fatal)
	}
}

func TestRequired(t *testing.T) {
	t.Setenv("GARRIGUE_TEST_REQUIRE", "all")
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	if err := os.WriteFile(filepath.Join(bin, "here"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := needs.Tool(t, "here"); got != filepath.Join(bin, "here") {
		t.Errorf("found %q", got)
	}
	var r recorder
	needs.Tool(&r, "elsewhere")
	if !strings.Contains(r.fatal, "elsewhere") {
		t.Errorf("a missing tool passes: %q", r.fatal)
	}
}

// TestPostgres: two databases of one server, apart from each other.
func TestPostgres(t *testing.T) {
	one, two := needs.Postgres(t), needs.Postgres(t)
	for i, address := range []string{one, two, one} {
		conn, err := pgx.Connect(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		var tables int
		if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_tables WHERE tablename = 'mine'`).Scan(&tables); err != nil || tables != i/2 {
			t.Errorf("database %d: %d tables, %v", i, tables, err)
		}
		if _, err := conn.Exec(t.Context(), `CREATE TABLE IF NOT EXISTS mine AS SELECT ST_Point(1, 2)`); err != nil {
			t.Errorf("database %d: %v", i, err)
		}
		conn.Close(t.Context())
	}
}
