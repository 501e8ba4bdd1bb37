package vault_test

import (
	"path/filepath"
	"testing"

	"garrigue/internal/vault/vaulttest"
)

func TestConformance(t *testing.T) {
	vaulttest.Run(t, func(t *testing.T) string { return filepath.Join(t.TempDir(), "vault.sqlite") })
}
