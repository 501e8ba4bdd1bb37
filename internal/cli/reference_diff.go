package cli

import (
	"cmp"
	"encoding/csv"
	"os"
	"slices"
	"strconv"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/ingest"
	"garrigue/internal/vault"
)

// referenceDiffCmd shows what loading a TAXREF file would change.
type referenceDiffCmd struct {
	What     string `arg:"" name:"kind" enum:"taxref" help:"${cli_reference_diff_kind}"`
	File     string `arg:"" name:"file" type:"existingfile" help:"${cli_reference_load_file}"`
	Complete bool   `name:"complete" help:"${cli_reference_load_complete}"`
	Top      int    `name:"top" default:"20" help:"${cli_reference_diff_top}"`
	CSV      string `name:"csv" placeholder:"FILE" help:"${cli_reference_diff_csv}"`
	JSON     bool   `name:"json" help:"${cli_flag_json}"`
}

// Run writes nothing to the vault.
func (c *referenceDiffCmd) Run(e *env) error {
	return withInstance(e, func(_ *settings, db *vault.DB) error {
		d, err := ingest.DiffTaxref(e.ctx, db, c.File, ingest.ReferenceOptions{Complete: c.Complete})
		if err != nil {
			return err
		}
		if c.CSV != "" {
			if err := writeDiff(c.CSV, d); err != nil {
				return err
			}
		}
		if c.JSON {
			return e.json(d)
		}
		e.diff(d, c.Top)
		return nil
	})
}

// diff prints the totals, and the top lines of each list.
func (e *env) diff(d *ingest.TaxrefDiff, top int) {
	e.say("taxref.names", d.NamesBefore, d.NamesAfter, d.Added, d.Removed, d.Unreplaced)
	e.totals("taxref.changes", d.Changes)
	for _, t := range d.Taxa[:min(len(d.Taxa), top)] {
		e.say("taxref.taxon", e.t("taxref."+t.Kind), taxaText(t.From), firstOf(taxaText(t.To), "–"), t.Observations, t.Statuses, t.Rules)
	}
	e.more(len(d.Taxa) - top)
	if len(d.Lost) > 0 {
		e.say("taxref.lost", len(d.Lost))
	}
	for _, n := range d.Lost[:min(len(d.Lost), top)] {
		e.say("taxref.lost_line", strconv.Itoa(int(n.CdNom)), n.Name, n.Observations, n.Rules, n.Reason)
	}
	e.more(len(d.Lost) - top)
	e.say("taxref.observations", d.Effect.Rows, d.Effect.Moved, d.Effect.Unmatched, d.Effect.Matched)
	for _, t := range d.Effect.Taxa[:min(len(d.Effect.Taxa), top)] {
		e.say("taxref.effect", strconv.Itoa(int(t.Taxon.CdRef)), t.Taxon.Name, t.Before, t.After)
	}
	e.more(len(d.Effect.Taxa) - top)
	e.say("taxref.attached", d.Statuses.Rows, d.Statuses.Moved, d.Statuses.Lost, d.Rules.Rows, d.Rules.Moved, d.Rules.Lost)
	e.totals("taxref.sheets", d.Sheets)
	for _, s := range d.Public[:min(len(d.Public), top)] {
		e.say("taxref.sheet", e.t("taxref."+s.Kind), firstOf(taxaText(s.From), "–"), firstOf(taxaText(s.To), "–"), s.Observations)
	}
	e.more(len(d.Public) - top)
}

func (e *env) more(n int) {
	if n > 0 {
		e.say("taxref.more", n)
	}
}

// totals prints counts by kind in one line.
func (e *env) totals(key string, counts map[string]int) {
	var parts []string
	for k, n := range counts {
		parts = append(parts, e.t("taxref."+k)+" "+strconv.Itoa(n))
	}
	slices.Sort(parts)
	e.say(key, firstOf(strings.Join(parts, ", "), e.t("taxref.nothing")))
}

func taxaText(list []ingest.TaxonAt) string {
	var parts []string
	for _, t := range list {
		parts = append(parts, firstOf(t.Name, "?")+" ("+strconv.Itoa(int(t.CdRef))+")")
	}
	return strings.Join(parts, " + ")
}

// writeDiff writes every line of a comparison as CSV.
func writeDiff(path string, d *ingest.TaxrefDiff) error {
	rows := [][]string{{"part", "kind", "cd_before", "name_before", "rank_before", "level_before", "cd_after", "name_after", "rank_after", "level_after",
		"observations", "statuses", "rules"}}
	at := func(list []ingest.TaxonAt) []string {
		cells := make([]string, 4)
		for i, t := range list {
			for j, v := range []string{strconv.Itoa(int(t.CdRef)), t.Name, string(t.Rank), cmp.Or(t.Level, "0")} {
				if i > 0 {
					cells[j] += " | "
				}
				cells[j] += v
			}
		}
		return cells
	}
	line := func(part, kind string, from, to []ingest.TaxonAt, n ...int) {
		row := slices.Concat([]string{part, kind}, at(from), at(to))
		for i := range 3 {
			cell := ""
			if i < len(n) {
				cell = strconv.Itoa(n[i])
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	for _, t := range d.Taxa {
		line("taxon", t.Kind, t.From, t.To, t.Observations, t.Statuses, t.Rules)
	}
	for _, n := range d.Lost {
		rows = append(rows, []string{"name", "lost", strconv.Itoa(int(n.CdNom)), n.Name, "", "", "", "", "", "", strconv.Itoa(n.Observations), "", strconv.Itoa(n.Rules)})
	}
	for _, s := range d.Public {
		line("sheet", s.Kind, s.From, s.To, s.Observations)
	}
	f, err := os.Create(path)
	if err != nil {
		return fault.Say(fault.Invalid, "reference.csv", path).Because(err)
	}
	w := csv.NewWriter(f)
	if err := w.WriteAll(rows); err != nil {
		f.Close()
		return fault.Say(fault.Unavailable, "reference.csv", path).Because(err)
	}
	return f.Close()
}
