package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"garrigue/internal/fault"
	"garrigue/internal/i18n"
	"garrigue/internal/ingest"
	"garrigue/internal/quality"
	"garrigue/internal/vault"
)

// rejectsCmd lists rejected rows, or gives them back in the form of their file.
type rejectsCmd struct {
	Number int64  `arg:"" optional:"" name:"number" help:"${cli_rejects_number}"`
	Batch  int64  `name:"batch" placeholder:"N" help:"${cli_rejects_batch}"`
	Output string `name:"output" short:"o" placeholder:"FILE" help:"${cli_rejects_output}"`
	Rows   bool   `name:"rows" help:"${cli_rejects_rows}"`
	JSON   bool   `name:"json" help:"${cli_flag_json}"`
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
	if c.Number != 0 {
		c.Batch = c.Number
	}
	if c.Output != "" {
		return c.giveBack(e)
	}
	return withInstance(e, func(_ *settings, db *vault.DB) error {
		n := 0
		err := db.EachReject(e.ctx, c.Batch, func(r *vault.Reject) error {
			n++
			l := rejectLine{Batch: r.Batch, Line: r.Line}
			if c.Rows {
				l.Row = r.Row
			}
			for _, f := range r.Findings {
				l.Reasons = append(l.Reasons, reasonLine{f.Code, f.Field, quality.Sentence(e.lang, f)})
			}
			if c.JSON {
				return c.element(e, n, l)
			}
			c.print(e, l)
			return nil
		})
		if err != nil {
			return err
		}
		if c.Batch != 0 && n == 0 { // nothing refused, or a number mistyped?
			known, err := db.Batches(e.ctx, 0)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(known, func(b vault.BatchInfo) bool { return b.ID == c.Batch }) {
				return fault.Say(fault.NotFound, "rejects.nobatch", c.Batch)
			}
		}
		switch {
		case c.JSON && n == 0:
			return e.json([]rejectLine{})
		case c.JSON:
			_, err := fmt.Fprintln(e.sys.Stdout, "\n]")
			return err
		case n == 0:
			e.say("rejects.none")
		}
		return nil
	})
}

// element writes the n-th line of the list as it comes: there may be a million.
func (c *rejectsCmd) element(e *env, n int, l rejectLine) error {
	before := ",\n  "
	if n == 1 {
		before = "[\n  "
	}
	if _, err := io.WriteString(e.sys.Stdout, before); err != nil {
		return err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("  ", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(l); err != nil {
		return err
	}
	_, err := e.sys.Stdout.Write(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
	return err
}

func (c *rejectsCmd) print(e *env, l rejectLine) {
	for _, r := range l.Reasons {
		e.say("rejects.line", fmt.Sprint(l.Batch), fmt.Sprint(l.Line), string(r.Code), r.Sentence)
	}
	if l.Row != "" {
		fmt.Fprintln(e.sys.Stdout, "    "+l.Row)
	}
}

// giveBack writes a batch's rejected rows to a file in the form they came in.
func (c *rejectsCmd) giveBack(e *env) error {
	if c.Batch == 0 {
		return usageError{fault.Say(fault.Invalid, "rejects.which")}
	}
	return withInstance(e, func(_ *settings, db *vault.DB) error {
		g, err := ingest.GiveBack(e.ctx, db, c.Batch, c.Output, e.lang)
		if err != nil {
			return err
		}
		e.count("rejects.given", g.Rows, filepath.Base(c.Output), g.Columns[0], g.Columns[1])
		if g.Instead != "" {
			key := "rejects.instead." + g.Instead
			if !i18n.Has(e.lang, key) {
				key = "rejects.instead"
			}
			e.say(key)
		}
		if g.Lost > 0 {
			e.count("rejects.lost", g.Lost)
		}
		e.say("rejects.fix")
		return nil
	})
}
