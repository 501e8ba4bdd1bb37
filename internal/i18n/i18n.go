// Package i18n holds the words people read: one catalogue per language, French first, and
// the formats of numbers and dates that go with them.
//
// A catalogue is every JSON file of catalogue/<lang>/, merged; an entry is a key and a
// sentence whose {0}, {1}… are replaced by arguments. Files are per subject (portal.json,
// quality.json…) so that two people can work side by side.
package i18n

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Lang is a language of the interface.
type Lang string

// The languages, the first being the default and the last resort.
const (
	FR Lang = "fr"
	EN Lang = "en"
	OC Lang = "oc"
)

// Langs lists the languages in order of preference.
var langs = [...]Lang{FR, EN, OC}

// Langs returns the languages there are, French first.
func Langs() []Lang { return append([]Lang(nil), langs[:]...) }

//go:embed catalogue
var files embed.FS

var catalogues = mustLoad()

func mustLoad() map[Lang]map[string]string {
	all := make(map[Lang]map[string]string, len(langs))
	for _, l := range langs {
		all[l] = map[string]string{}
		dir := path.Join("catalogue", string(l))
		entries, err := files.ReadDir(dir)
		if err != nil {
			continue // a language may have no file yet: its words come from French
		}
		for _, e := range entries {
			b, err := files.ReadFile(path.Join(dir, e.Name()))
			if err != nil {
				panic(err) // embedded at build time: cannot happen in a built program
			}
			var m map[string]string
			if err := json.Unmarshal(b, &m); err != nil {
				panic(fmt.Sprintf("i18n: %s/%s: %v", dir, e.Name(), err))
			}
			for k, v := range m {
				all[l][k] = v
			}
		}
	}
	return all
}

// Parse returns the language named by tag ("fr", "fr-FR", "oc"), and whether there is one.
func Parse(tag string) (Lang, bool) {
	tag = strings.ToLower(tag)
	if i := strings.IndexAny(tag, "-_."); i > 0 {
		tag = tag[:i]
	}
	for _, l := range langs {
		if string(l) == tag {
			return l, true
		}
	}
	return FR, false
}

// Has reports whether the catalogue of lang itself has key.
func Has(lang Lang, key string) bool { _, ok := catalogues[lang][key]; return ok }

// Keys returns the sorted keys of a language's catalogue.
func Keys(lang Lang) []string { return slices.Sorted(maps.Keys(catalogues[lang])) }

// T returns the sentence of key in lang, in French when lang lacks it, and the key itself
// when nobody has it (visible, so that a test or a reader finds it).
func T(lang Lang, key string, args ...any) string {
	s, ok := catalogues[lang][key]
	if !ok {
		if s, ok = catalogues[FR][key]; !ok {
			return key
		}
	}
	if len(args) == 0 {
		return s
	}
	return fill(lang, s, args)
}

// N returns the sentence of key for a count: key+".one" or key+".other" by the rule of the
// language (French and Occitan: 0 and 1 are singular). {0} is the formatted count.
func N(lang Lang, key string, n int, args ...any) string {
	form := ".other"
	if n == 1 || n == 0 && lang != EN {
		form = ".one"
	}
	return T(lang, key+form, append([]any{n}, args...)...)
}

func fill(lang Lang, s string, args []any) string {
	var b strings.Builder
	b.Grow(len(s) + 16*len(args))
	for {
		i := strings.IndexByte(s, '{')
		if i < 0 || i+2 >= len(s) {
			break
		}
		j := strings.IndexByte(s[i:], '}')
		if j < 0 {
			break
		}
		n, err := strconv.Atoi(s[i+1 : i+j])
		if err != nil || n < 0 || n >= len(args) {
			b.WriteString(s[:i+j+1])
			s = s[i+j+1:]
			continue
		}
		b.WriteString(s[:i])
		switch v := args[n].(type) {
		case int:
			b.WriteString(Number(lang, int64(v)))
		case int64:
			b.WriteString(Number(lang, v))
		case float64:
			d := strconv.FormatFloat(v, 'f', 1, 64)
			if lang != EN {
				d = strings.Replace(d, ".", ",", 1)
			}
			b.WriteString(d)
		case string:
			b.WriteString(v)
		default:
			fmt.Fprint(&b, v)
		}
		s = s[i+j+1:]
	}
	b.WriteString(s)
	return b.String()
}

// Number writes n with the thousands separator of the language: a no-break space in French
// and Occitan (U+00A0, see the design language), a comma in English.
func Number(lang Lang, n int64) string {
	sep := "\u00a0"
	if lang == EN {
		sep = ","
	}
	d := strconv.FormatInt(n, 10)
	neg := ""
	if n < 0 {
		neg, d = "−", d[1:]
	}
	for i := len(d) - 3; i > 0; i -= 3 {
		d = d[:i] + sep + d[i:]
	}
	return neg + d
}
