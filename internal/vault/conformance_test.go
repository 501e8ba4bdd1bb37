package vault_test

import (
	"path/filepath"
	"testing"

	"garrigue/internal/needs"
	"garrigue/internal/vault/vaulttest"
)

func TestConformance(t *testing.T) {
	vaulttest.Run(t, func(t *testing.T) string { return filepath.Join(t.TempDir(), "vault.sqlite") })
}

func TestConformancePostgres(t *testing.T) {
	// Each vault is a copy of an empty one: migrating takes as long as most of the tests.
	empty := ""
	vaulttest.Run(t, func(c *testing.T) string {
		if empty == "" {
			address := needs.Postgres(t)
			do(t, opened(t, address).Close())
			empty = address
		}
		return needs.PostgresLike(c, empty)
	})
}
