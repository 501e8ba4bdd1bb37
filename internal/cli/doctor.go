package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"unicode"

	"garrigue/internal/fault"
	"garrigue/internal/i18n"
	"garrigue/internal/ingest"
	"garrigue/internal/vault"
)

// doctorCmd examines a file nobody described.
type doctorCmd struct {
	File   string   `arg:"" name:"file" type:"existingfile" help:"${cli_doctor_file}"`
	Save   string   `name:"save" placeholder:"FILE" help:"${cli_doctor_save}"`
	Set    []string `name:"set" sep:"none" placeholder:"ATTRIBUTE=VALUE" help:"${cli_import_set}"`
	Table  string   `name:"table" placeholder:"NAME" help:"${cli_doctor_table}"`
	Source string   `name:"source" placeholder:"NAME" help:"${cli_doctor_source}"`
	Forget bool     `name:"forget" help:"${cli_doctor_forget}"`
	JSON   bool     `name:"json" help:"${cli_flag_json}"`
}

// Run prints the diagnosis, and writes the mapping it proposes on demand.
func (c *doctorCmd) Run(e *env) error {
	set, err := ingest.ParseSettings(c.Set)
	if err != nil {
		return usageError{err}
	}
	return withInstance(e, func(s *settings, db *vault.DB) error {
		im, err := ingest.NewImporter(e.ctx, db, importSettings(e, s))
		if err != nil {
			return err
		}
		o := ingest.Options{Set: set, Table: c.Table, Source: c.Source}
		if c.Forget {
			if err := im.Forget(e.ctx, c.File, o); err != nil {
				return err
			}
			e.say("doctor.forgotten")
			return nil
		}
		d, err := im.Diagnose(e.ctx, c.File, o)
		if err != nil {
			return err
		}
		if c.JSON {
			if err := e.json(d); err != nil {
				return err
			}
		} else {
			printDiagnosis(e, &d, c.again())
		}
		if c.Save == "" {
			return nil
		}
		d.Proposal.Tell(set)
		if err := saveMapping(e, &d, c.Save); err != nil {
			return err
		}
		if !c.JSON {
			e.say("doctor.saved", word(c.Save), word(c.File))
		}
		return nil
	})
}

// saveMapping writes a new file: a mapping corrected by hand is never written over.
func saveMapping(e *env, d *ingest.Diagnosis, path string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fault.Say(fault.Conflict, "doctor.exists", filepath.Base(path))
	}
	if err != nil {
		return fault.Say(fault.Invalid, "doctor.cannot_save", filepath.Base(path)).Because(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.Write(d.Proposal.Text(e.t, d.Notes(e.t)))
	return err
}

// again writes the file and the options of this command for the next one.
func (c *doctorCmd) again() string {
	out := word(c.File)
	for _, s := range c.Set {
		out += " --set " + word(s)
	}
	if c.Table != "" {
		out += " --table " + word(c.Table)
	}
	return out
}

// word writes an argument so that a terminal takes it for one, to be copied.
func word(s string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_-./=:,+@%", r)
	}
	switch {
	case s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0:
		return s
	case strings.ContainsAny(s, "\"$`\\!"):
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return `"` + s + `"`
}

func printDiagnosis(e *env, d *ingest.Diagnosis, path string) {
	kind := d.Layout.Kind
	if kind == "text" {
		sep := d.Layout.Separator
		switch sep {
		case "\t":
			sep = e.t("doctor.tab")
		case "":
			sep = "–"
		}
		kind = e.t("doctor.text", string(d.Layout.Encoding), sep)
	}
	e.count("doctor.title", d.Rows, d.File, kind)
	if d.Layout.Table != "" && len(d.Layout.Others) > 0 {
		e.say("doctor.table", d.Layout.Table, listed(d.Layout.Others))
	}
	switch {
	case d.Format != "" && len(d.Missing) == 0:
		e.say("doctor.format", e.t("format."+d.Format))
	case d.Format != "":
		e.say("doctor.format_lacks", e.t("format."+d.Format))
	}
	if d.NotObservations != "" {
		e.say(d.NotObservations, d.File)
		return
	}
	printColumns(e, d)
	printReasons(e, d)
	printValues(e, d)
	if len(d.Missing) > 0 {
		fmt.Fprintln(e.sys.Stdout, "\n"+e.t("doctor.lacks"))
		for _, l := range d.Missing {
			e.say("doctor.lack."+l.What, l.Set)
		}
		return
	}
	fmt.Fprintln(e.sys.Stdout)
	if d.Sure {
		e.say("doctor.ready", path)
		if likely := d.Likely(); len(likely) > 0 {
			e.say("doctor.likely", listed(likely), path)
		}
	} else if len(d.Doubtful()) > 0 {
		e.say("doctor.look", listed(d.Doubtful()), path)
	}
}

func printColumns(e *env, d *ingest.Diagnosis) {
	fmt.Fprintln(e.sys.Stdout)
	w := tabwriter.NewWriter(e.sys.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, e.t("doctor.head"))
	for _, c := range d.Columns {
		distinct := fmt.Sprint(c.Distinct)
		if c.Many {
			distinct = "> " + distinct
		}
		level := ""
		if c.Level != "" {
			level = e.t("doctor.level." + c.Level)
		}
		samples := strings.Join(c.Samples, " ; ")
		if c.Personal {
			samples = e.t("doctor.hidden")
		}
		fmt.Fprintf(w, "%s\t%.0f %%\t%s\t%s\t%s\t%s\t%s\n", c.Name, c.Share*100, distinct, e.t("doctor.holds."+c.Holds), c.Attribute, level, samples)
	}
	w.Flush()
}

// printReasons says why, for what is not taken from a known format.
func printReasons(e *env, d *ingest.Diagnosis) {
	if d.Format != "" {
		return
	}
	title := "\n" + e.t("doctor.reasons") + "\n"
	for _, c := range d.Columns {
		if c.Attribute == "" {
			continue
		}
		fmt.Fprint(e.sys.Stdout, title)
		title = ""
		why := reasons(e, c.Why)
		if len(c.Or) > 0 && c.Level != ingest.Sure {
			why += e.t("doctor.or", strings.Join(c.Or, ", "))
		}
		e.say("doctor.reason", c.Name, c.Attribute, why)
	}
	for _, x := range d.Derived {
		e.say("doctor.derived", x.Column, strings.Join(x.Attributes, ", "), reasons(e, []ingest.Reason{x.Why}))
	}
}

func reasons(e *env, list []ingest.Reason) string {
	var out []string
	for _, r := range list {
		args := make([]any, len(r.Args))
		for i, a := range r.Args {
			args[i] = a
		}
		out = append(out, i18n.T(e.lang, r.Key, args...))
	}
	return strings.Join(out, ", ")
}

// printValues shows how the values of lists are understood, and those that are not.
func printValues(e *env, d *ingest.Diagnosis) {
	const few = 12
	for _, c := range d.Columns {
		if c.Values == nil || c.Personal {
			continue
		}
		fmt.Fprintln(e.sys.Stdout, "\n"+e.t("doctor.values", c.Name, c.Attribute, c.Values.List))
		for _, v := range c.Values.Unmatched[:min(few, len(c.Values.Unmatched))] {
			e.count("doctor.value_unknown", v.Rows, v.Written, near(e, v.Nearest))
		}
		for _, v := range c.Values.Matched[:min(few, len(c.Values.Matched))] {
			e.count("doctor.value", v.Rows, v.Written, v.Code, v.Label)
		}
	}
}

func near(e *env, codes []string) string {
	if len(codes) == 0 {
		return ""
	}
	return e.t("doctor.near", strings.Join(codes, ", "))
}
