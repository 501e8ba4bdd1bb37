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
	"garrigue/internal/vault"
)

// importCmd imports observation files.
type importCmd struct {
	Files        []string `arg:"" name:"file" type:"existingfile" help:"${cli_import_file}"`
	Dataset      string   `name:"dataset" placeholder:"NAME" help:"${cli_import_dataset}"`
	Organisation string   `name:"organisation" placeholder:"NAME" help:"${cli_import_organisation}"`
	Format       string   `name:"format" default:"auto" help:"${cli_import_format}"`
	Mapping      string   `name:"mapping" type:"existingfile" placeholder:"FILE" help:"${cli_import_mapping}"`
	Set          []string `name:"set" sep:"none" placeholder:"ATTRIBUTE=VALUE" help:"${cli_import_set}"`
	Table        string   `name:"table" placeholder:"NAME" help:"${cli_import_table}"`
	Complete     bool     `name:"complete" help:"${cli_import_complete}"`
	Force        bool     `name:"force-withdraw" help:"${cli_import_force}"`
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
	set, err := ingest.ParseSettings(c.Set)
	if err != nil {
		return usageError{err}
	}
	var mapping *ingest.Mapping
	if c.Mapping != "" {
		if mapping, err = ingest.ReadMapping(c.Mapping); err != nil {
			return err
		}
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
				Dataset: c.Dataset, Organisation: c.Organisation, Format: c.Format, DryRun: c.DryRun, Complete: c.Complete, ForceWithdraw: c.Force, By: recorder(e),
				Mapping: mapping, Set: set, Table: c.Table,
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
	set := ingest.Settings{Today: today(), Log: e.log, CRS: geo.CRS(s.Import.Projection), Share: s.Import.Share, Far: 1000 * s.Import.FarKM}
	if p, err := s.policy(set.Today); err == nil { // settings whose policy is wrong were refused
		set.Policy = &p
	}
	return set
}

// printReport says what became of a file in a few lines.
func printReport(e *env, r ingest.Report) {
	key := "import.done"
	if r.DryRun {
		key = "import.dry"
	}
	e.say(key, r.File, i18n.T(e.lang, "format."+r.Format), r.Seconds)
	e.say("import.counts", r.Read, r.Created, r.Updated, r.Unchanged, r.Rejected)
	if r.Withdrawn > 0 || r.Returned > 0 {
		e.say("import.withdrawn", r.Withdrawn, r.Missing, r.Returned)
	}
	if r.TooMany {
		e.say("import.toomany", r.Missing)
	}
	if r.Twins > 0 {
		e.count("import.twins", r.Twins)
	}
	// Named after the file by default: under another name the same rows would be other
	// observations.
	if len(r.Datasets) > 0 {
		e.say("import.dataset", listed(r.Datasets))
	}
	if len(r.LeftOut) > 0 {
		e.say("import.leftout", r.Table, listed(r.LeftOut))
	}
	if r.Told != "" {
		e.say("import.told." + r.Told)
	}
	if len(r.Added)+len(r.Removed) > 0 {
		e.say("import.moved", listed(r.Removed), listed(r.Added))
	}
	for _, k := range slices.Sorted(maps.Keys(r.Held)) {
		e.say("import.held", r.Held[k], i18n.T(e.lang, "hold."+k))
	}
	for _, k := range slices.Sorted(maps.Keys(r.Warnings)) {
		e.count("import.warning", r.Warnings[k], k, i18n.T(e.lang, "quality."+k))
	}
	const few = 10
	for _, v := range r.Unknown[:min(few, len(r.Unknown))] {
		e.count("import.unknown", v.Rows, v.Attribute, v.Written, near(e, v.Nearest))
	}
	for _, k := range slices.Sorted(maps.Keys(r.Rejects)) {
		e.count("import.reject", r.Rejects[k], k, i18n.T(e.lang, "quality."+k))
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
