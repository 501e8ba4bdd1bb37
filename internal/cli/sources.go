package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"garrigue/internal/fault"
	"garrigue/internal/nightly"
	"garrigue/internal/source"
	"garrigue/internal/vault"
)

// sourceCmd works with the sources of the settings.
type sourceCmd struct {
	List   sourceListCmd   `cmd:"" help:"${cli_source_list}"`
	Test   sourceTestCmd   `cmd:"" help:"${cli_source_test}"`
	Sync   sourceSyncCmd   `cmd:"" help:"${cli_source_sync}"`
	Forget sourceForgetCmd `cmd:"" help:"${cli_source_forget}"`
}

// spoolDir is where sources keep what is on its way.
func spoolDir(dir string) string { return filepath.Join(dir, "spool") }

// withSyncer opens the instance and its sources; publish asks Watch to publish, whatever the
// settings say. Invalid when a source of the settings is wrong.
func withSyncer(e *env, p *progress, publish, force bool, f func(*settings, *vault.DB, *nightly.Syncer) error) error {
	return withInstance(e, func(s *settings, db *vault.DB) error {
		if s.sourceFault != nil {
			return s.sourceFault
		}
		d := nightly.Deps{
			DB: db, Sources: s.Source, Spool: spoolDir(e.dir), Import: importSettings(e, s), Log: e.log,
			Secret: func(cfg source.Config, name string) (string, error) { return secret(e.sys.Getenv, cfg, name) },
			Lang:   e.lang, ForceWithdraw: force,
		}
		if publish || s.Sync.Publish {
			d.Publish = func(ctx context.Context) error {
				_, err := publishNow(ctx, e, s, db, p)
				return err
			}
		}
		if p != nil {
			d.Progress = func(ev nightly.Event) {
				p.show(progressEvent{Step: ev.Step, Text: e.t("sync.step."+ev.Step, ev.Source, ev.File), Source: ev.Source, File: ev.File,
					Done: ev.Done, Total: ev.Total, Rows: ev.Rows})
			}
		}
		n, err := nightly.New(d)
		if err != nil {
			return err
		}
		return f(s, db, n)
	})
}

// secret reads the value of a secret: the environment variable of its name, else the file that
// NAME_FILE names, else the credential of that name systemd hands over.
func secret(getenv func(string) string, cfg source.Config, name string) (string, error) {
	variable := cfg.Secrets[name]
	if v := getenv(variable); v != "" {
		return v, nil
	}
	path := getenv(variable + "_FILE")
	if dir := getenv("CREDENTIALS_DIRECTORY"); path == "" && dir != "" && !strings.ContainsAny(variable, `/\`) {
		path = filepath.Join(dir, variable)
	}
	if path == "" {
		return "", fault.Say(fault.Invalid, "source.secret_none", cfg.Name, variable)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fault.Say(fault.Invalid, "source.secret_file", cfg.Name, variable+"_FILE").Because(err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// sourceListCmd lists the sources.
type sourceListCmd struct {
	JSON bool `name:"json" help:"${cli_flag_json}"`
}

// Run prints kind, place, schedule, last run, next run and state of each source.
func (c *sourceListCmd) Run(e *env) error {
	return withSyncer(e, nil, false, false, func(_ *settings, _ *vault.DB, n *nightly.Syncer) error {
		list, err := n.List(e.ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			out := []sourceLine{}
			for _, s := range list {
				l := sourceLine{SourceState: s}
				if s.Last != nil {
					l.Error = e.said(s.Last.Error)
				}
				out = append(out, l)
			}
			return e.json(out)
		}
		if len(list) == 0 {
			e.say("source.list.none")
			return nil
		}
		w := tabwriter.NewWriter(e.sys.Stdout, 0, 0, 2, ' ', 0)
		var heads []string
		for _, h := range []string{"name", "kind", "where", "schedule", "last", "next", "state"} {
			heads = append(heads, e.t("source.list.head."+h))
		}
		fmt.Fprintln(w, strings.Join(heads, "\t"))
		for _, s := range list {
			last, state := "–", e.t("sync.outcome.never")
			if s.Last != nil {
				last, state = shortTime(&s.Last.Started), outcomeWord(e, s.Last.Outcome)
				if s.Last.Error != nil {
					state += " : " + e.said(s.Last.Error)
				}
			}
			at := s.Schedule
			if at == "" {
				at = e.t("source.list.byhand")
			}
			fmt.Fprintln(w, strings.Join([]string{s.Name, s.Kind, s.Where, at, last, shortTime(s.Next), state}, "\t"))
		}
		return w.Flush()
	})
}

// sourceLine is a source for a machine, its error also in words.
type sourceLine struct {
	nightly.SourceState
	Error string `json:"error_text,omitempty"`
}

// said writes a sentence of a run in the user's language.
func (e *env) said(s *nightly.Sentence) string {
	if s == nil {
		return ""
	}
	return capital(e.t(s.Key, s.Args...))
}

func outcomeWord(e *env, outcome string) string {
	if outcome == "" {
		outcome = "running"
	}
	return e.t("sync.outcome." + outcome)
}

// shortTime writes a moment in the machine's time, – when there is none.
func shortTime(t *time.Time) string {
	if t == nil {
		return "–"
	}
	return t.Local().Format("2006-01-02 15:04")
}

// sourceTestCmd tries a source.
type sourceTestCmd struct {
	Name string `arg:"" name:"name" help:"${cli_source_name}"`
	JSON bool   `name:"json" help:"${cli_flag_json}"`
}

// Run reaches the source, reads its first row, and imports nothing.
func (c *sourceTestCmd) Run(e *env) error {
	return withSyncer(e, nil, false, false, func(_ *settings, _ *vault.DB, n *nightly.Syncer) error {
		r, err := n.Test(e.ctx, c.Name)
		if err != nil {
			return err
		}
		if c.JSON {
			return e.json(r)
		}
		e.say("source.test.ok", c.Name, r.Place)
		for _, l := range []struct {
			key string
			n   int64
		}{{"files", int64(r.Files)}, {"rows", r.Rows}, {"bytes", r.Bytes}} {
			if l.n > 0 {
				e.say("source.test."+l.key, l.n)
			}
		}
		if len(r.Columns) > 0 {
			e.say("source.test.columns", strings.Join(r.Columns, ", "))
		}
		if r.Resumes {
			e.say("source.test.resumes")
		} else {
			e.say("source.test.restarts")
		}
		for _, note := range r.Notes {
			e.say("sync.note", e.t(note.Key, note.Args...))
		}
		return nil
	})
}

// sourceSyncCmd synchronises sources.
type sourceSyncCmd struct {
	Name    []string `arg:"" optional:"" name:"name" help:"${cli_source_name}"`
	All     bool     `name:"all" help:"${cli_source_all}"`
	Watch   bool     `name:"watch" help:"${cli_source_watch}"`
	Publish bool     `name:"publish" help:"${cli_source_publish}"`
	Force   bool     `name:"force-withdraw" help:"${cli_source_force}"`
	JSON    bool     `name:"json" help:"${cli_flag_json}"`
	Quiet   bool     `name:"quiet" short:"q" help:"${cli_flag_quiet}"`
}

// runLine is a run for a machine, its error also in words.
type runLine struct {
	nightly.Run
	Error string `json:"error_text,omitempty"`
}

// Run synchronises, then keeps the state of loading and publishes when that is asked. It fails
// when a source did.
func (c *sourceSyncCmd) Run(e *env) error {
	if given := min(len(c.Name), 1) + one(c.All) + one(c.Watch); given != 1 {
		return usageError{fault.Say(fault.Invalid, "sync.usage")}
	}
	if c.Force && len(c.Name) != 1 {
		return usageError{fault.Say(fault.Invalid, "sync.force_one")}
	}
	p := newProgress(e, c.Quiet || c.JSON)
	defer p.finish()
	return withSyncer(e, p, c.Publish, c.Force, func(s *settings, db *vault.DB, n *nightly.Syncer) error {
		out := []runLine{}
		told := func(r nightly.Run, err error) {
			p.finish()
			l := runLine{Run: r, Error: e.said(r.Error)}
			if l.Error == "" && err != nil {
				l.Error = e.sentence(err)
			}
			if !c.Watch { // which would gather runs for years
				out = append(out, l)
			}
			switch {
			case c.JSON && c.Watch:
				_ = e.json(l) // nobody listens any more: the next write says so
			case !c.JSON:
				printRun(e, l)
			}
		}
		if c.Watch {
			return c.watch(e, n, told)
		}
		failed, changed, err := c.sync(e, n, told)
		if err != nil {
			return err
		}
		if err := n.Snapshot(e.ctx); err != nil {
			return err
		}
		published := ""
		if changed && (c.Publish || s.Sync.Publish) || c.Publish && failed == 0 {
			res, err := publishNow(e.ctx, e, s, db, p)
			if err != nil {
				return err
			}
			published = res.ID
		}
		if c.JSON {
			if err := e.json(out); err != nil {
				return err
			}
		} else if published != "" {
			e.say("sync.published", published)
		}
		if failed > 0 {
			return fault.Say(fault.Unavailable, "sync.failed", failed, len(out))
		}
		return nil
	})
}

func (c *sourceSyncCmd) watch(e *env, n *nightly.Syncer, told func(nightly.Run, error)) error {
	err := n.Watch(e.ctx, told, func(name string, at time.Time) {
		if !c.JSON {
			e.say("sync.watching", n.Scheduled(), name, shortTime(&at))
		}
	})
	if e.ctx.Err() != nil && errors.Is(err, e.ctx.Err()) {
		return nil // stopped as one stops it
	}
	return err
}

// sync runs the sources asked for, in order.
func (c *sourceSyncCmd) sync(e *env, n *nightly.Syncer, told func(nightly.Run, error)) (failed int, changed bool, err error) {
	var runs []nightly.Run
	if c.All {
		runs, failed, err = n.All(e.ctx, nightly.ByHand, "", told)
	} else {
		for _, name := range c.Name { // a name mistyped must not be found out after an hour
			if _, err := n.Source(name); err != nil {
				return 0, false, err
			}
		}
		runs, failed, err = n.Several(e.ctx, c.Name, nightly.ByHand, "", told)
	}
	for _, r := range runs {
		changed = changed || r.Changed()
	}
	return failed, changed, err
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// printRun says what a run did in a few lines.
func printRun(e *env, r runLine) {
	switch {
	case r.Outcome == nightly.Done || r.Outcome == nightly.Partial:
		e.say("sync.line", r.Source, outcomeWord(e, r.Outcome), r.Files, r.Read, r.Created, r.Updated, r.Unchanged, r.Rejected, r.Withdrawn, r.Held)
	case r.Outcome == nightly.Unchanged:
		e.say("sync.line.unchanged", r.Source)
	}
	if r.Error != "" {
		e.say("sync.line.failed", r.Source, r.Error)
	}
	for i := range r.Notes {
		e.say("sync.note", e.said(&r.Notes[i]))
	}
	if r.Next != nil {
		e.say("sync.next", shortTime(r.Next))
	}
}

// sourceForgetCmd makes a source be read again from its start.
type sourceForgetCmd struct {
	Name string `arg:"" name:"name" help:"${cli_source_name}"`
}

// Run forgets how far the source was read.
func (c *sourceForgetCmd) Run(e *env) error {
	return withSyncer(e, nil, false, false, func(_ *settings, _ *vault.DB, n *nightly.Syncer) error {
		if err := n.Forget(e.ctx, c.Name); err != nil {
			return err
		}
		e.say("source.forgotten", c.Name)
		return nil
	})
}

// resolveSources makes the paths of sources those of the instance's folder, and looks at what
// package nightly does not know of: the formats.
func (s *settings) resolveSources(dir string) {
	for i := range s.Source {
		cfg := &s.Source[i]
		if (cfg.Kind == source.KindFile && !strings.Contains(cfg.Location, "://") || cfg.Kind == source.KindFolder) && cfg.Location != "" {
			cfg.Location = within(dir, cfg.Location)
		}
		if cfg.Mapping != "" {
			cfg.Mapping = within(dir, cfg.Mapping)
		}
		if v := cfg.Options[source.OptionKnownHosts]; v != "" {
			cfg.Options[source.OptionKnownHosts] = within(dir, v)
		}
		if cfg.Format != "" && s.sourceFault == nil {
			s.sourceFault = knownFormat(cfg.Format)
		}
	}
}

func within(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
