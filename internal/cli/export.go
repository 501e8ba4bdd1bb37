package cli

import (
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"garrigue/internal/disclosure"
	"garrigue/internal/exchange"
	"garrigue/internal/fault"
	"garrigue/internal/vault"
)

// exportCmd writes exact observations in the national standard.
type exportCmd struct {
	File    string   `arg:"" name:"file" type:"path" help:"${cli_export_file}"`
	Dataset []string `name:"dataset" placeholder:"NAME" sep:"none" help:"${cli_export_dataset}"`
	Who     string   `name:"who" required:"" placeholder:"NAME" help:"${cli_export_who}"`
	Reason  string   `name:"reason" required:"" placeholder:"TEXT" help:"${cli_export_reason}"`
	Force   bool     `name:"force" help:"${cli_export_force}"`
	JSON    bool     `name:"json" help:"${cli_flag_json}"`
	Quiet   bool     `name:"quiet" short:"q" help:"${cli_flag_quiet}"`
}

// Run writes the file beside its name, readable by its owner only, and renames it when it is
// whole. Conflict when the file is there, unless forced.
func (c *exportCmd) Run(e *env) error {
	if _, err := os.Lstat(c.File); err == nil && !c.Force {
		return fault.Say(fault.Conflict, "exchange.exists", c.File)
	}
	return withInstance(e, func(_ *settings, db *vault.DB) error {
		p := newProgress(e, c.Quiet || c.JSON)
		defer p.finish()
		var res exchange.Result
		err := writeWhole(c.File, func(w io.Writer) (err error) {
			res, err = exchange.Standard(e.ctx, db, disclosure.Grant{Who: c.Who, Reason: c.Reason}, w, exchange.Options{
				Datasets: c.Dataset, Progress: func(rows int) { p.update("exchange.step", int64(rows), 0) },
			})
			return err
		})
		p.finish()
		if err != nil {
			return err
		}
		if c.JSON {
			return e.json(res)
		}
		e.say("exchange.done", res.Rows, res.Datasets, c.File)
		if res.Approximate > 0 {
			e.say("exchange.approximate", res.Approximate)
		}
		return nil
	})
}

// writeWhole writes a private file whole or not at all, compressed when its name ends in .gz.
func writeWhole(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fault.Say(fault.Invalid, "exchange.cannot_write", path).Because(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	var w io.Writer = f
	var z *gzip.Writer
	if strings.HasSuffix(path, ".gz") {
		z = gzip.NewWriter(f)
		w = z
	}
	if err := write(w); err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			return fault.Say(fault.Unavailable, "exchange.cannot_write", f.Name()).Because(err)
		}
		return err
	}
	if z != nil {
		if err := z.Close(); err != nil {
			return fault.Say(fault.Unavailable, "exchange.cannot_write", path).Because(err)
		}
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fault.Say(fault.Unavailable, "exchange.cannot_write", path).Because(err)
	}
	return os.Rename(f.Name(), path)
}
