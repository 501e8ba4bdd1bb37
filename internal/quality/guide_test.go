package quality_test

import (
	"os"
	"strings"
	"testing"

	"garrigue/internal/i18n"
	"garrigue/internal/quality"
)

// The page of the guide is the program's own list: it is written again when a check changes.
func TestGuideIsFresh(t *testing.T) {
	got, err := os.ReadFile("../../docs/guide/controles.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != quality.Guide(i18n.FR) {
		t.Error("docs/guide/controles.md is stale: run `make generate` (or: go run ./cmd/garrigue checks --markdown > docs/guide/controles.md)")
	}
}

// Every check is described once, with an origin, an example and what to do, in both languages.
func TestEveryCheckIsDescribed(t *testing.T) {
	seen := map[quality.Code]bool{}
	for _, c := range quality.Checks() {
		if seen[c.Code] {
			t.Errorf("%s is described twice", c.Code)
		}
		seen[c.Code] = true
		if c.Origin == "" || c.Example == "" || c.Subject == "other" {
			t.Errorf("%s: say its subject, origin and example in quality/checks.go", c.Code)
		}
		if c.Code.Advice(i18n.FR) == "" || c.Code.Advice(i18n.EN) == "" {
			t.Errorf("%s: say what to do in the catalogues (check.%s)", c.Code, c.Code)
		}
		if strings.ContainsAny(c.Example, "\n|") {
			t.Errorf("%s: the example breaks the table", c.Code)
		}
	}
	for _, c := range quality.Codes() {
		if !seen[c] {
			t.Errorf("%s is in no table", c)
		}
	}
	for _, e := range quality.Others() {
		if c := quality.Code(e.Here); !strings.HasPrefix(e.Here, "checks.") && !seen[c] {
			t.Errorf("%s leads to %s, which is no check", e.Theirs, c)
		}
	}
	for _, k := range i18n.Keys(i18n.FR) {
		if c, ok := strings.CutPrefix(k, "check."); ok && !seen[quality.Code(c)] {
			t.Errorf("%s: advice without a check", k)
		}
	}
}
