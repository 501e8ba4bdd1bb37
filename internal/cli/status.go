package cli

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"garrigue/internal/fault"
	"garrigue/internal/i18n"
	"garrigue/internal/nightly"
	"garrigue/internal/vault"
)

// statusCmd says how far loading is.
type statusCmd struct {
	By      string `name:"by" placeholder:"pole|group|dataset|source" help:"${cli_status_by}"`
	History int    `name:"history" placeholder:"N" help:"${cli_status_history}"`
	JSON    bool   `name:"json" help:"${cli_flag_json}"`
}

// statusAnswer is the state of loading for a machine.
type statusAnswer struct {
	nightly.Status
	History []nightly.Status `json:"history,omitempty"`
}

// Run prints a table per pole, group, dataset and source, or the one asked for.
func (c *statusCmd) Run(e *env) error {
	if c.By != "" && !slices.Contains([]string{"pole", "group", "dataset", "source"}, c.By) {
		return usageError{fault.Say(fault.Invalid, "status.by", c.By)}
	}
	return withSyncer(e, nil, false, false, func(_ *settings, _ *vault.DB, n *nightly.Syncer) error {
		st, err := n.Status(e.ctx)
		if err != nil {
			return err
		}
		answer := statusAnswer{Status: st}
		if c.History > 0 {
			if answer.History, err = n.History(e.ctx, c.History); err != nil {
				return err
			}
		}
		if c.JSON {
			return e.json(answer)
		}
		t := statusTable{e: e, w: e.sys.Stdout, colour: colours(e)}
		t.print(answer, c.By)
		return nil
	})
}

// colours reports whether the answer goes to a terminal that wants them (https://no-color.org).
func colours(e *env) bool {
	f, ok := e.sys.Stdout.(*os.File)
	return ok && IsTerminal(f) && e.sys.Getenv("NO_COLOR") == ""
}

// statusTable writes the state for people.
type statusTable struct {
	e      *env
	w      io.Writer
	colour bool
}

func (t *statusTable) print(a statusAnswer, by string) {
	e := t.e
	e.say("status.title", a.Taken.Local().Format("2006-01-02 15:04"))
	if a.Total.Loaded+a.Total.Waiting+a.Total.Withdrawn+a.Total.Rejected == 0 {
		e.say("status.nothing")
	}
	for _, v := range []struct {
		name  string
		lines []nightly.Line
	}{{"pole", a.Poles}, {"group", a.Groups}, {"dataset", a.Datasets}, {"source", a.Sources}} {
		if by != "" && by != v.name || len(v.lines) == 0 {
			continue
		}
		fmt.Fprintln(t.w)
		fmt.Fprintln(t.w, t.strong(e.t("status.title."+v.name)))
		t.table(v.name, v.lines, a.Total)
	}
	t.holds(a.Total)
	t.history(a.History)
}

// table writes one axis. Columns nobody has anything in are left out.
func (t *statusTable) table(name string, lines []nightly.Line, total nightly.Line) {
	e := t.e
	expected := slices.ContainsFunc(lines, func(l nightly.Line) bool { return l.Expected > 0 })
	errors := slices.ContainsFunc(lines, func(l nightly.Line) bool { return l.Error != nil })
	heads := []string{e.t("status.head.name." + name)}
	if expected {
		heads = append(heads, "", e.t("status.head.expected"))
	}
	for _, h := range []string{"loaded", "held", "rejected", "withdrawn", "latest", "last"} {
		heads = append(heads, e.t("status.head."+h))
	}
	if errors {
		heads = append(heads, e.t("status.head.error"))
	}
	w := tabwriter.NewWriter(t.w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  "+strings.Join(heads, "\t"))
	row := func(label string, l nightly.Line) {
		cells := []string{label}
		if expected {
			cells = append(cells, bar(l.Loaded, l.Expected), count(e, l.Expected))
		}
		cells = append(cells, i18n.Number(e.lang, int64(l.Loaded)), count(e, l.Waiting), count(e, l.Rejected), count(e, l.Withdrawn),
			dash(l.Latest), day(l.LastImport))
		if errors {
			cells = append(cells, dash(e.said(l.Error)))
		}
		fmt.Fprintln(w, "  "+strings.Join(cells, "\t"))
	}
	for _, l := range lines {
		row(t.label(name, l.Key), l)
	}
	if len(lines) > 1 {
		total.Error = nil
		row(e.t("status.total"), total)
	}
	w.Flush()
}

func (t *statusTable) label(axis, key string) string {
	switch {
	case axis == "group" && key == "":
		return t.e.t("status.unmatched")
	case axis == "group":
		return t.e.t("group." + key)
	case axis == "source" && key == "":
		return t.e.t("status.byhand")
	case key == "":
		return t.e.t("status.none")
	}
	const widest = 40
	if utf8.RuneCountInString(key) > widest {
		return string([]rune(key)[:widest-1]) + "…"
	}
	return key
}

// holds says why observations wait.
func (t *statusTable) holds(total nightly.Line) {
	if len(total.Held) == 0 {
		return
	}
	fmt.Fprintln(t.w)
	for _, k := range slices.Sorted(maps.Keys(total.Held)) {
		t.e.say("import.held", total.Held[k], t.e.t("hold."+k))
	}
}

// history writes one line a day, with what came since the day before.
func (t *statusTable) history(days []nightly.Status) {
	if len(days) == 0 {
		return
	}
	e := t.e
	fmt.Fprintln(t.w)
	fmt.Fprintln(t.w, t.strong(e.t("status.history")))
	w := tabwriter.NewWriter(t.w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  "+strings.Join([]string{e.t("status.head.day"), e.t("status.head.loaded"), e.t("status.head.change"),
		e.t("status.head.held"), e.t("status.head.rejected"), e.t("status.head.withdrawn")}, "\t"))
	for i, d := range days {
		change := "–"
		if i+1 < len(days) {
			if n := d.Total.Loaded - days[i+1].Total.Loaded; n > 0 {
				change = "+" + i18n.Number(e.lang, int64(n))
			} else if n < 0 {
				change = i18n.Number(e.lang, int64(n))
			}
		}
		fmt.Fprintln(w, "  "+strings.Join([]string{d.Taken.Local().Format(time.DateOnly), i18n.Number(e.lang, int64(d.Total.Loaded)), change,
			count(e, d.Total.Waiting), count(e, d.Total.Rejected), count(e, d.Total.Withdrawn)}, "\t"))
	}
	w.Flush()
}

func (t *statusTable) strong(s string) string {
	if !t.colour {
		return s
	}
	return "\x1b[1m" + s + "\x1b[0m"
}

// bar draws how much of what is expected is loaded.
func bar(loaded, expected int) string {
	if expected <= 0 {
		return ""
	}
	const width = 20
	full := min(width, loaded*width/expected)
	return strings.Repeat("█", full) + strings.Repeat("░", width-full) + fmt.Sprintf(" %3d %%", loaded*100/expected)
}

func count(e *env, n int) string {
	if n == 0 {
		return "–"
	}
	return i18n.Number(e.lang, int64(n))
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func day(t *time.Time) string {
	if t == nil {
		return "–"
	}
	return t.Local().Format(time.DateOnly)
}
