package quality

import (
	"strings"

	"garrigue/internal/i18n"
)

// Level returns the name of a severity, in a language.
func (s Severity) Level(lang i18n.Lang) string {
	return i18n.T(lang, [...]string{"checks.level.warn", "checks.level.hold", "checks.level.reject"}[s])
}

// Advice returns what to do about a check, "" when nobody wrote it.
func (c Code) Advice(lang i18n.Lang) string {
	key := "check." + string(c)
	if !i18n.Has(i18n.FR, key) {
		return ""
	}
	return i18n.T(lang, key)
}

// Guide writes the list of the checks as a page of the user guide, in Markdown.
func Guide(lang i18n.Lang) string {
	var b strings.Builder
	line := func(parts ...string) {
		for _, p := range parts {
			b.WriteString(p)
		}
		b.WriteByte('\n')
	}
	row := func(cells ...string) {
		for _, c := range cells {
			b.WriteString("| " + strings.ReplaceAll(c, "|", "\\|") + " ")
		}
		line("|")
	}
	line(i18n.T(lang, "checks.title"))
	line()
	line(i18n.T(lang, "checks.intro"))
	subject := ""
	for _, c := range Checks() {
		if c.Subject != subject {
			subject = c.Subject
			line()
			line("## ", i18n.T(lang, "checks.subject."+subject))
			line()
			line(i18n.T(lang, "checks.header"))
			line("|---|---|---|---|---|---|")
		}
		row("`"+string(c.Code)+"`", c.Code.Severity().Level(lang), i18n.T(lang, "quality."+string(c.Code)), c.Origin, c.Example, c.Code.Advice(lang))
	}
	line()
	line(i18n.T(lang, "checks.elsewhere"))
	line()
	line(i18n.T(lang, "checks.elsewhere.header"))
	line("|---|---|")
	for _, e := range Others() {
		here := "`" + e.Here + "`"
		if strings.HasPrefix(e.Here, "checks.") {
			here = i18n.T(lang, e.Here)
		}
		row(e.Theirs, here)
	}
	return b.String()
}
