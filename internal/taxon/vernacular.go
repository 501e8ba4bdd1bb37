package taxon

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Vernaculars returns the names of a NOM_VERN field, in its order, each in sentence case
// and without its article: "Lézard ocellé (Le), Fougère mâle" is "Lézard ocellé" and
// "Fougère mâle". Names are separated by commas or semicolons outside parentheses.
func Vernaculars(field string) []string {
	var out []string
	for name := range splitVernacular(field) {
		out = append(out, name)
	}
	return out
}

// PrimaryVernacular returns the first name of a NOM_VERN field, "" when it has none.
func PrimaryVernacular(field string) string {
	for name := range splitVernacular(field) {
		return name
	}
	return ""
}

func splitVernacular(field string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		depth, start := 0, 0
		for i := 0; i <= len(field); i++ {
			if i < len(field) {
				switch c := field[i]; {
				case c == '(':
					depth++
					continue
				case c == ')':
					depth = max(depth-1, 0)
					continue
				case c == ';', c == ',' && depth == 0:
				default:
					continue
				}
			}
			if n := cleanVernacular(field[start:i]); n != "" && !yield(n) {
				return
			}
			start, depth = i+1, 0
		}
	}
}

func cleanVernacular(s string) string {
	s = strings.TrimSpace(s)
	if i := strings.LastIndexByte(s, '('); i >= 0 && strings.HasSuffix(s, ")") && article(s[i+1:len(s)-1]) {
		s = strings.TrimSpace(s[:i])
	}
	if strings.ContainsAny(s, "\t\n ") {
		s = strings.Join(strings.Fields(s), " ")
	}
	return sentenceCase(s)
}

func article(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "l'", "l’", "le", "la", "les", "un", "une", "lo", "lou", "los", "las", "l":
		return true
	}
	return false
}

// sentenceCase raises the first letter; a name all in capitals is lowered first. Capitals
// inside are proper nouns (Murin de Daubenton) and stay.
func sentenceCase(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	letters, lower := 0, 0
	for _, c := range s {
		if unicode.IsLetter(c) {
			letters++
			if unicode.IsLower(c) {
				lower++
			}
		}
	}
	if letters > 3 && lower == 0 {
		s = strings.ToLower(s)
		r, n = utf8.DecodeRuneInString(s)
	}
	if unicode.IsUpper(r) {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}
