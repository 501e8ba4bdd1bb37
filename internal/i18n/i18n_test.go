package i18n_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"garrigue/internal/i18n"
)

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		lang i18n.Lang
		n    int64
		want string
	}{
		{i18n.FR, 0, "0"}, {i18n.FR, 999, "999"}, {i18n.FR, 1934206, "1\u00a0934\u00a0206"},
		{i18n.EN, 1934206, "1,934,206"}, {i18n.OC, -12345, "−12\u00a0345"},
	} {
		if got := i18n.Number(c.lang, c.n); got != c.want {
			t.Errorf("Number(%s, %d) = %q, want %q", c.lang, c.n, got, c.want)
		}
	}
}

func TestParse(t *testing.T) {
	for tag, want := range map[string]i18n.Lang{"fr": i18n.FR, "EN_GB.UTF-8": i18n.EN, "oc-FR": i18n.OC} {
		if got, ok := i18n.Parse(tag); !ok || got != want {
			t.Errorf("Parse(%q) = %v %v", tag, got, ok)
		}
	}
	if l, ok := i18n.Parse("C.UTF-8"); ok || l != i18n.FR {
		t.Errorf("an unknown language is %v %v", l, ok)
	}
}

func TestMissingKeyIsVisible(t *testing.T) {
	if got := i18n.T(i18n.EN, "no.such.key", 3); got != "no.such.key" {
		t.Errorf("got %q", got)
	}
}

var place = regexp.MustCompile(`\{\d+\}`)

// Every sentence of another language exists in French and has the same places to fill; English
// is complete.
func TestCataloguesAgree(t *testing.T) {
	for _, l := range []i18n.Lang{i18n.EN, i18n.OC} {
		for _, k := range i18n.Keys(l) {
			if !i18n.Has(i18n.FR, k) {
				t.Errorf("%s has %q, French has not", l, k)
				continue
			}
			if got, want := places(i18n.T(l, k)), places(i18n.T(i18n.FR, k)); got != want {
				t.Errorf("%s %q has places %s, French has %s", l, k, got, want)
			}
		}
	}
	for _, k := range i18n.Keys(i18n.FR) {
		if !i18n.Has(i18n.EN, k) {
			t.Errorf("English lacks %q", k)
		}
	}
}

func places(s string) string {
	seen := map[string]bool{}
	for _, p := range place.FindAllString(s, -1) {
		seen[p] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(seen)), "")
}
