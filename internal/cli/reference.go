package cli

import (
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/ingest"
	"garrigue/internal/vault"
)

// referenceCmd groups what concerns references.
type referenceCmd struct {
	Load  referenceLoadCmd  `cmd:"" help:"${cli_reference_load}"`
	List  referenceListCmd  `cmd:"" help:"${cli_reference_list}"`
	Diff  referenceDiffCmd  `cmd:"" help:"${cli_reference_diff}"`
	Fetch referenceFetchCmd `cmd:"" help:"${cli_reference_fetch}"`
}

// referenceLoadCmd loads reference files.
type referenceLoadCmd struct {
	What    string   `arg:"" name:"kind" enum:"taxref,statuses,sensitivity,areas,communes-anciennes,visionature" help:"${cli_reference_load_kind}"`
	Files   []string `arg:"" name:"file" type:"existingfile" help:"${cli_reference_load_file}"`
	Kind    string   `name:"kind" placeholder:"commune|department|region|natural-area|water-body" help:"${cli_reference_load_area}"`
	Version string   `name:"as" placeholder:"VERSION" help:"${cli_reference_load_version}"`
	Region  []string `name:"region" placeholder:"NAME" help:"${cli_reference_load_region}"`
	Whole   bool     `name:"complete" help:"${cli_reference_load_complete}"`
	JSON    bool     `name:"json" help:"${cli_flag_json}"`
}

// Run loads each file in turn; the first that fails ends the command, those before stay.
func (c *referenceLoadCmd) Run(e *env) error {
	opts := ingest.ReferenceOptions{Version: c.Version, Regions: c.Region, Complete: c.Whole}
	if c.What == "areas" {
		k, ok := geo.ParseKind(c.Kind)
		if !ok {
			return usageError{fault.Say(fault.Invalid, "reference.kind", c.Kind)}
		}
		opts.AreaKind = k
	}
	return withInstance(e, func(_ *settings, db *vault.DB) error {
		var loaded []vault.Reference
		for _, f := range c.Files {
			left := 0
			opts.LeftOut = func(rows int) { left = rows }
			ref, err := ingest.LoadReference(e.ctx, db, c.What, f, opts)
			if err != nil {
				return err
			}
			loaded = append(loaded, ref)
			if !c.JSON {
				e.say("reference.loaded", ref.Name, ref.Rows, firstOf(ref.Version, "–"))
				if left > 0 {
					e.say("reference.leftout", left)
				}
			}
		}
		if c.JSON {
			return e.json(loaded)
		}
		return nil
	})
}

// referenceListCmd lists the versions loaded.
type referenceListCmd struct {
	JSON bool `name:"json" help:"${cli_flag_json}"`
}

// Run prints one line a version, newest first.
func (c *referenceListCmd) Run(e *env) error {
	return withInstance(e, func(_ *settings, db *vault.DB) error {
		refs, err := db.References(e.ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return e.json(refs)
		}
		if len(refs) == 0 {
			e.say("reference.none")
		}
		for _, r := range refs {
			mark := " "
			if r.Current {
				mark = "*"
			}
			e.say("reference.line", mark, r.Kind, r.Name, firstOf(r.Version, "–"), r.Rows, r.LoadedAt.Local().Format("2006-01-02 15:04"))
		}
		return nil
	})
}
