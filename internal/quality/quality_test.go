package quality_test

import (
	"strings"
	"testing"

	"garrigue/internal/i18n"
	"garrigue/internal/quality"
)

// Every code must speak both languages, the detail included: a producer gets these back.
func TestEveryCodeHasItsSentences(t *testing.T) {
	for _, c := range quality.Codes() {
		for _, lang := range []i18n.Lang{i18n.FR, i18n.EN} {
			key := "quality." + string(c)
			if !i18n.Has(lang, key) {
				t.Errorf("%s: no %s sentence", c, lang)
			}
			if s := i18n.T(lang, key); strings.Contains(s, "{") {
				t.Errorf("%s: the general %s sentence has a place for an argument: %s", c, lang, s)
			}
			if i18n.Has(i18n.FR, key+".detail") != i18n.Has(i18n.EN, key+".detail") {
				t.Errorf("%s: only one language has the detailed sentence", c)
			}
		}
	}
}

// No sentence of the catalogue is left without a code.
func TestNoOrphanSentence(t *testing.T) {
	known := map[string]bool{}
	for _, c := range quality.Codes() {
		known["quality."+string(c)] = true
	}
	for _, k := range i18n.Keys(i18n.FR) {
		if strings.HasPrefix(k, "quality.") && !known[strings.TrimSuffix(k, ".detail")] {
			t.Errorf("%s: sentence without a code", k)
		}
	}
}

func TestSentence(t *testing.T) {
	f := quality.Finding{Code: quality.InvalidDate, Field: "dateDebut", Value: "29/02/2023"}
	got := quality.Sentence(i18n.FR, f)
	for _, want := range []string{"dateDebut", "29/02/2023"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q does not name %q", got, want)
		}
	}
	f = quality.Finding{Code: quality.InvalidNomenclature, Field: "occSexe", Value: "?", Args: []string{"SEXE"}}
	if got := quality.Sentence(i18n.EN, f); !strings.Contains(got, "SEXE") || strings.Contains(got, "{") {
		t.Errorf("argument not placed: %q", got)
	}
	if got := quality.Sentence(i18n.FR, quality.Finding{Code: quality.NoGeoreference}); got != i18n.T(i18n.FR, "quality.NO_GEOREFERENCE") {
		t.Errorf("general sentence expected, got %q", got)
	}
}

func TestSeverity(t *testing.T) {
	for code, want := range map[quality.Code]quality.Severity{
		quality.SwappedCoordinates: quality.Reject, quality.GeometryOutside: quality.Hold,
		quality.CdNomNotFound: quality.Hold, quality.DuplicateRow: quality.Warn, "NEVER_HEARD": quality.Reject,
	} {
		if got := code.Severity(); got != want {
			t.Errorf("%s: severity %d, want %d", code, got, want)
		}
	}
}

func TestShortKeepsRunes(t *testing.T) {
	s := quality.Short(strings.Repeat("é", 100))
	if []rune(s)[60] != '…' || len([]rune(s)) != 61 {
		t.Errorf("cut at %d runes", len([]rune(s)))
	}
}
