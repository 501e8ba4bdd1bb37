package cli

import (
	"bufio"
	"path/filepath"
	"slices"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/ingest"
	"garrigue/internal/official"
	"garrigue/internal/vault"
)

// referenceFetchCmd brings references from their owners.
type referenceFetchCmd struct {
	Names []string `arg:"" optional:"" name:"name" help:"${cli_reference_fetch_names}"`
	List  bool     `name:"list" help:"${cli_reference_fetch_list}"`
	Yes   bool     `name:"yes" help:"${cli_reference_fetch_yes}"`
	Quiet bool     `name:"quiet" short:"q" help:"${cli_flag_quiet}"`
	JSON  bool     `name:"json" help:"${cli_flag_json}"`
}

// fetched is what became of one reference, for a machine.
type fetched struct {
	Name      string                `json:"name"`
	Version   string                `json:"version"`
	SHA256    string                `json:"sha256,omitempty"`
	Unchanged bool                  `json:"unchanged"`
	Diff      *ingest.ReferenceDiff `json:"diff,omitempty"`
	Loaded    *vault.Reference      `json:"loaded,omitempty"`
}

// Run fetches, verifies, shows and loads each reference in turn; the first that fails ends the
// command, those before stay.
func (c *referenceFetchCmd) Run(e *env) error {
	all, err := official.References(e.dir)
	if err != nil {
		return err
	}
	return withInstance(e, func(_ *settings, db *vault.DB) error {
		if c.List {
			return c.list(e, db, all)
		}
		var wanted []official.Reference
		for _, n := range c.Names {
			found := false
			for _, r := range all {
				if r.Name == n || r.Kind == n {
					wanted, found = append(wanted, r), true
				}
			}
			if !found {
				return fault.Say(fault.NotFound, "official.unknown", n, names(all))
			}
		}
		if len(c.Names) == 0 {
			wanted = all
		}
		out := []fetched{}
		for i := range wanted {
			f, err := c.one(e, db, &wanted[i])
			if err != nil {
				return err
			}
			out = append(out, f)
		}
		if c.JSON {
			return e.json(out)
		}
		return nil
	})
}

func names(all []official.Reference) string {
	var list []string
	for _, r := range all {
		list = append(list, r.Name)
	}
	return strings.Join(list, ", ")
}

func (c *referenceFetchCmd) one(e *env, db *vault.DB, r *official.Reference) (out fetched, err error) {
	out = fetched{Name: r.Name, Version: r.Version}
	bar := newProgress(e, c.Quiet || c.JSON)
	f := official.Fetcher{Dir: filepath.Join(e.dir, "spool", "references"), Log: e.log, Progress: func(done, total int64) { bar.update(r.Title, done, total) }}
	got, err := f.Fetch(e.ctx, r)
	bar.finish()
	if err != nil {
		if e.ctx.Err() == nil && !c.JSON {
			e.say("official.by_hand", r.Title, r.Page, r.Kind)
		}
		return out, err
	}
	out.Unchanged, out.SHA256 = got.Unchanged, got.SHA256
	if got.Unchanged {
		c.say(e, "official.unchanged", r.Title)
		return out, nil
	}
	d, err := ingest.DiffReference(e.ctx, db, r.Kind, got.Path, r.Options())
	if err != nil {
		return out, err
	}
	if err := r.Sane(d.Rows); err != nil {
		return out, err
	}
	out.Diff = &d
	if !c.JSON {
		e.say("official.diff", r.Title, firstOf(r.Version, "–"), d.Rows, d.Before, d.Added, d.Removed, d.Changed)
		if d.Taxref != nil {
			e.diff(d.Taxref, 20)
		}
	}
	if !c.Yes {
		ok, err := e.confirm("official.confirm", r.Title)
		if err != nil || !ok {
			return out, err
		}
	}
	ref, err := ingest.LoadReference(e.ctx, db, r.Kind, got.Path, r.Options())
	if err != nil {
		return out, err
	}
	out.Loaded = &ref
	c.say(e, "reference.loaded", ref.Name, ref.Rows, firstOf(ref.Version, "–"))
	return out, got.Keep()
}

func (c *referenceFetchCmd) say(e *env, key string, args ...any) {
	if !c.JSON {
		e.say(key, args...)
	}
}

// list prints what is loaded beside what is published.
func (c *referenceFetchCmd) list(e *env, db *vault.DB, all []official.Reference) error {
	refs, err := db.References(e.ctx)
	if err != nil {
		return err
	}
	type line struct {
		official.Reference
		Loaded *vault.Reference `json:"loaded,omitempty"`
	}
	lines := []line{}
	for _, r := range all {
		lines = append(lines, line{r, r.Loaded(refs)})
	}
	if c.JSON {
		return e.json(lines)
	}
	for _, l := range lines {
		have := e.t("official.none")
		if l.Loaded != nil {
			have = e.t("official.have", firstOf(l.Loaded.Version, "–"), l.Loaded.LoadedAt.Local().Format("2006-01-02"))
		}
		checked := ""
		if !l.Checked {
			checked = e.t("official.unchecked")
		}
		e.say("official.line", l.Name, l.Title, l.Version, have, strings.Join(l.URLs, " "), l.Owner, l.Licence, checked)
	}
	return nil
}

// confirm asks a question on a terminal. Without one the answer must be given by --yes.
func (e *env) confirm(key string, args ...any) (bool, error) {
	if !e.sys.Terminal || e.sys.Stdin == nil {
		return false, fault.Say(fault.Invalid, "official.needs_yes")
	}
	e.say(key, args...)
	answer, err := bufio.NewReader(e.sys.Stdin).ReadString('\n')
	if err != nil && answer == "" {
		return false, nil // the end of the input is a no
	}
	yes := slices.Contains([]string{"o", "oui", "y", "yes", "òc", "oc"}, strings.ToLower(strings.TrimSpace(answer)))
	if !yes {
		e.say("official.kept")
	}
	return yes, nil
}
