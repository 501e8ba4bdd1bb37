package quality

import (
	"sort"
	"unicode/utf8"

	"garrigue/internal/i18n"
)

// Severity returns what a finding of this code does to its row. An unknown code rejects: a
// check nobody described must not let a row through.
func (c Code) Severity() Severity {
	if s, ok := severities[c]; ok {
		return s
	}
	return Reject
}

// Codes lists every code, sorted.
func Codes() []Code {
	out := make([]Code, 0, len(severities))
	for c := range severities {
		out = append(out, c)
	}
	sort.Slice(out, func(i, j int) bool { return out[i] < out[j] })
	return out
}

// Sentence says a finding to the person who sent the row: the detailed sentence of the
// catalogue (key "quality.<code>.detail", whose {0} is the column, {1} the value and {2}…
// the arguments) when the finding has what it needs, the general one otherwise.
func Sentence(lang i18n.Lang, f Finding) string {
	key := "quality." + string(f.Code)
	if f.Field == "" && f.Value == "" && len(f.Args) == 0 || !i18n.Has(i18n.FR, key+".detail") {
		return i18n.T(lang, key)
	}
	args := make([]any, 0, 2+len(f.Args))
	args = append(args, f.Field, f.Value)
	for _, a := range f.Args {
		args = append(args, a)
	}
	return i18n.T(lang, key+".detail", args...)
}

// longest is how much of a value a finding keeps: enough to recognise it in the file.
const longest = 60

// Short cuts a value to what a finding may keep of it.
func Short(v string) string {
	if utf8.RuneCountInString(v) <= longest {
		return v
	}
	n := 0
	for i := range v {
		if n == longest {
			return v[:i] + "…"
		}
		n++
	}
	return v
}
