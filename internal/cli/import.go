package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/i18n"
	"garrigue/internal/ingest"
	"garrigue/internal/quality"
	"garrigue/internal/vault"
)

// importCmd imports observation files.
type importCmd struct {
	Files        []string `arg:"" name:"file" type:"existingfile" help:"${cli_import_file}"`
	Dataset      string   `name:"dataset" placeholder:"NAME" help:"${cli_import_dataset}"`
	Organisation string   `name:"organisation" placeholder:"NAME" help:"${cli_import_organisation}"`
	Format       string   `name:"format" default:"auto" help:"${cli_import_format}"`
	DryRun       bool     `name:"dry-run" help:"${cli_import_dryrun}"`
	JSON         bool     `name:"json" help:"${cli_flag_json}"`
	Quiet        bool     `name:"quiet" short:"q" help:"${cli_flag_quiet}"`
}

// Run imports each file as one batch. A file that cannot be read fails the command, after the
// others have been tried.
func (c *importCmd) Run(e *env) error {
	if err := knownFormat(c.Format); err != nil {
		return usageError{err}
	}
	return withInstance(e, func(s *settings, db *vault.DB) error {
		im, err := ingest.NewImporter(e.ctx, db, importSettings(e, s))
		if err != nil {
			return err
		}
		p := newProgress(e, c.Quiet || c.JSON)
		defer p.finish()
		var reports []ingest.Report
		failed := 0
		for _, f := range c.Files {
			rep, err := im.Import(e.ctx, f, ingest.Options{
				Dataset: c.Dataset, Organisation: c.Organisation, Format: c.Format, DryRun: c.DryRun,
				Progress: func(pr ingest.Progress) { p.update(pr.File, pr.Bytes, pr.Size) },
			})
			p.finish()
			if err != nil {
				if e.ctx.Err() != nil {
					return e.ctx.Err()
				}
				if len(c.Files) == 1 {
					return err
				}
				failed++
				fmt.Fprintf(e.sys.Stderr, "%s : ", f)
				e.fail(err)
				continue
			}
			reports = append(reports, rep)
			if !c.JSON {
				printReport(e, rep)
			}
		}
		if c.JSON {
			if err := e.json(reports); err != nil {
				return err
			}
		}
		if failed > 0 {
			return fault.Say(fault.Invalid, "import.failed", failed, len(c.Files))
		}
		return nil
	})
}

func knownFormat(name string) error {
	if name == "auto" || slices.Contains(ingest.Formats(), name) {
		return nil
	}
	return fault.Say(fault.Invalid, "import.format", name, fmt.Sprint(ingest.Formats()))
}

func importSettings(e *env, s *settings) ingest.Settings {
	return ingest.Settings{Today: today(), Log: e.log, CRS: geo.CRS(s.Import.Projection)}
}

// printReport says what became of a file in a few lines.
func printReport(e *env, r ingest.Report) {
	key := "import.done"
	if r.DryRun {
		key = "import.dry"
	}
	e.say(key, r.File, i18n.T(e.lang, "format."+r.Format), r.Seconds)
	e.say("import.counts", r.Read, r.Created, r.Updated, r.Unchanged, r.Rejected)
	// Named after the file by default: under another name the same rows would be other
	// observations.
	if len(r.Datasets) > 0 {
		e.say("import.dataset", listed(r.Datasets))
	}
	if len(r.LeftOut) > 0 {
		e.say("import.leftout", r.Table, listed(r.LeftOut))
	}
	for _, k := range slices.Sorted(maps.Keys(r.Held)) {
		e.say("import.held", r.Held[k], i18n.T(e.lang, "hold."+k))
	}
	for _, k := range slices.Sorted(maps.Keys(r.Warnings)) {
		e.say("import.warning", r.Warnings[k], k, i18n.T(e.lang, "quality."+k))
	}
	for _, k := range slices.Sorted(maps.Keys(r.Rejects)) {
		e.say("import.reject", r.Rejects[k], k, i18n.T(e.lang, "quality."+k))
	}
	if r.Rejected > 0 && !r.DryRun { // a trial keeps no reject to show
		e.say("import.seerejects", fmt.Sprint(r.Batch))
	}
}

// listed writes names one after another, the first few when there are many.
func listed(names []string) string {
	const few = 5
	if len(names) > few {
		return strings.Join(names[:few], ", ") + ", … (" + fmt.Sprint(len(names)) + ")"
	}
	return strings.Join(names, ", ")
}

// rejectsCmd lists rejected rows.
type rejectsCmd struct {
	Batch int64 `name:"batch" placeholder:"N" help:"${cli_rejects_batch}"`
	Rows  bool  `name:"rows" help:"${cli_rejects_rows}"`
	JSON  bool  `name:"json" help:"${cli_flag_json}"`
}

// rejectLine is a rejected row for a machine.
type rejectLine struct {
	Batch   int64        `json:"batch"`
	Line    int          `json:"line"`
	Reasons []reasonLine `json:"reasons"`
	Row     string       `json:"row,omitempty"`
}

type reasonLine struct {
	Code     quality.Code `json:"code"`
	Field    string       `json:"field,omitempty"`
	Sentence string       `json:"sentence"`
}

// Run prints line, code and sentence of each rejected row. The producer's own line, which may
// name people, is printed on demand only.
func (c *rejectsCmd) Run(e *env) error {
	return withInstance(e, func(_ *settings, db *vault.DB) error {
		rows, err := db.Rejects(e.ctx, c.Batch)
		if err != nil {
			return err
		}
		if c.Batch != 0 && len(rows) == 0 { // nothing refused, or a number mistyped?
			known, err := db.Batches(e.ctx, 0)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(known, func(b vault.BatchInfo) bool { return b.ID == c.Batch }) {
				return fault.Say(fault.NotFound, "rejects.nobatch", c.Batch)
			}
		}
		out := make([]rejectLine, 0, len(rows))
		for _, r := range rows {
			l := rejectLine{Batch: r.Batch, Line: r.Line}
			if c.Rows {
				l.Row = r.Row
			}
			for _, f := range r.Findings {
				l.Reasons = append(l.Reasons, reasonLine{f.Code, f.Field, quality.Sentence(e.lang, f)})
			}
			out = append(out, l)
		}
		if c.JSON {
			return e.json(out)
		}
		if len(out) == 0 {
			e.say("rejects.none")
		}
		for _, l := range out {
			for _, r := range l.Reasons {
				e.say("rejects.line", fmt.Sprint(l.Batch), fmt.Sprint(l.Line), string(r.Code), r.Sentence)
			}
			if l.Row != "" {
				fmt.Fprintln(e.sys.Stdout, "    "+l.Row)
			}
		}
		return nil
	})
}
