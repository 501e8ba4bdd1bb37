package vaulttest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/sensitivity"
	"garrigue/internal/vault"
)

// testListFiles: a list is of the file that brought it last.
func testListFiles(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	load := func(file, hash string, lists ...string) {
		t.Helper()
		var all []sensitivity.List
		for _, id := range lists {
			all = append(all, sensitivity.List{ID: id})
		}
		must(db.PutSensitivity(ctx, ref("sensitivity", file, hash), all, seq[sensitivity.Rule](nil)))(t)
	}
	expect := func(want map[string]string) {
		t.Helper()
		if diff := cmp.Diff(want, must(db.ListFiles(ctx))(t)); diff != "" {
			t.Error(diff)
		}
	}
	expect(map[string]string{})
	load("a.csv", "1", "A", "B")
	load("b.csv", "1", "B", "É")
	expect(map[string]string{"A": "a.csv", "B": "b.csv", "É": "b.csv"})
	load("a.csv", "2", "C")
	expect(map[string]string{"C": "a.csv", "B": "b.csv", "É": "b.csv"})
}
