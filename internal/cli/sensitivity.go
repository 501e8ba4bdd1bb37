package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/ingest"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// sensitivityCmd groups what people judge of the sensitivity of observations.
type sensitivityCmd struct {
	Pending   sensitivityPendingCmd   `cmd:"" help:"${cli_sensitivity_pending}"`
	Decide    sensitivityDecideCmd    `cmd:"" help:"${cli_sensitivity_decide}"`
	Undo      sensitivityUndoCmd      `cmd:"" help:"${cli_sensitivity_undo}"`
	Decisions sensitivityDecisionsCmd `cmd:"" help:"${cli_sensitivity_decisions}"`
}

// sensitivityPendingCmd lists what waits for a person.
type sensitivityPendingCmd struct {
	List         string `name:"list" placeholder:"CODE" help:"${cli_sensitivity_list}"`
	Taxon        int32  `name:"taxon" placeholder:"CD_NOM" help:"${cli_sensitivity_taxon}"`
	Case         string `name:"case" placeholder:"CASE" help:"${cli_sensitivity_case}"`
	Observations bool   `name:"observations" help:"${cli_sensitivity_observations}"`
	Limit        int    `name:"limit" default:"50" help:"${cli_sensitivity_limit}"`
	JSON         bool   `name:"json" help:"${cli_flag_json}"`
}

func (c *sensitivityPendingCmd) filter() ingest.CaseFilter {
	return ingest.CaseFilter{ID: c.Case, List: c.List, CD: taxon.CdNom(c.Taxon)}
}

// Run prints the cases by taxon and condition, or the observations they are about.
func (c *sensitivityPendingCmd) Run(e *env) error {
	return withJudge(e, func(_ *settings, _ *vault.DB, j *ingest.Judge) error {
		if c.Observations {
			return c.observations(e, j)
		}
		list, err := j.Pending(e.ctx, c.filter())
		if err != nil {
			return err
		}
		if c.JSON {
			if list == nil {
				list = []ingest.Case{}
			}
			return e.json(list)
		}
		if len(list) == 0 {
			e.say("sensitivity.pending.none")
		}
		for i, p := range list {
			if i == c.Limit {
				e.say("sensitivity.pending.more", len(list)-i)
				break
			}
			name := p.Taxon
			if p.Vernacular != "" {
				name += " (" + p.Vernacular + ")"
			}
			e.count("sensitivity.pending.line", p.Rows, p.ID, name, p.Level, firstOf(p.List, "–"), strings.Join(p.Departments, ", "))
			fmt.Fprintln(e.sys.Stdout, "    "+firstOf(p.Condition, e.t("sensitivity.pending.again")))
		}
		return nil
	})
}

func (c *sensitivityPendingCmd) observations(e *env, j *ingest.Judge) error {
	limit := c.Limit
	if c.JSON {
		limit = 0
	}
	list, err := j.Observations(e.ctx, c.filter(), limit)
	if err != nil {
		return err
	}
	if c.JSON {
		if list == nil {
			list = []ingest.Doubtful{}
		}
		return e.json(list)
	}
	if len(list) == 0 {
		e.say("sensitivity.pending.none")
	}
	for _, o := range list {
		var codes []string
		for _, p := range [...][2]string{{"occStatutBiologique", o.BioStatus}, {"occComportement", o.Behaviour}, {"occStadeDeVie", o.LifeStage}} {
			if p[1] != "" {
				codes = append(codes, p[0]+" = "+p[1])
			}
		}
		e.say("sensitivity.observation", strconv.FormatInt(o.ID, 10), o.Case, o.Date, firstOf(o.Commune, "–"), o.Dataset, strings.Join(codes, ", "))
	}
	return nil
}

// sensitivityDecideCmd records the level a person gives.
type sensitivityDecideCmd struct {
	Names  []string `arg:"" optional:"" name:"observation" help:"${cli_sensitivity_decide_name}"`
	Case   string   `name:"case" placeholder:"CASE" help:"${cli_sensitivity_decide_case}"`
	Level  string   `name:"level" required:"" placeholder:"CODE" help:"${cli_sensitivity_decide_level}"`
	Reason string   `name:"reason" required:"" help:"${cli_sensitivity_decide_reason}"`
	By     string   `name:"by" help:"${cli_taxon_settle_by}"`
	Later  bool     `name:"later" help:"${cli_sensitivity_later}"`
	JSON   bool     `name:"json" help:"${cli_flag_json}"`
}

// Run records the decision, and classes the observations it is about.
func (c *sensitivityDecideCmd) Run(e *env) error {
	if (c.Case == "") == (len(c.Names) == 0) {
		return usageError{fault.Say(fault.Invalid, "sensitivity.what")}
	}
	level, ok := sensitivity.ParseLevel(c.Level)
	if !ok && !slices.Contains([]string{"none", "aucun", "aucune"}, strings.ToLower(c.Level)) {
		return usageError{fault.Say(fault.Invalid, "vault.judged_level", c.Level)}
	}
	return withJudge(e, func(s *settings, db *vault.DB, j *ingest.Judge) error {
		d, err := j.Decide(e.ctx, ingest.Verdict{Level: level, By: firstOf(c.By, recorder(e)), Reason: c.Reason, Names: c.Names,
			Cases: ingest.CaseFilter{ID: c.Case}})
		if err != nil {
			return err
		}
		return judged(e, s, db, d, c.Later, c.JSON, "sensitivity.decided", level.String())
	})
}

// sensitivityUndoCmd takes a decision back.
type sensitivityUndoCmd struct {
	Act   int64  `arg:"" name:"number" help:"${cli_sensitivity_undo_number}"`
	By    string `name:"by" help:"${cli_taxon_settle_by}"`
	Later bool   `name:"later" help:"${cli_sensitivity_later}"`
	JSON  bool   `name:"json" help:"${cli_flag_json}"`
}

// Run takes back what was decided in one go: the lists decide again.
func (c *sensitivityUndoCmd) Run(e *env) error {
	return withJudge(e, func(s *settings, db *vault.DB, j *ingest.Judge) error {
		d, err := j.Undo(e.ctx, c.Act, firstOf(c.By, recorder(e)))
		if err != nil {
			return err
		}
		return judged(e, s, db, d, c.Later, c.JSON, "sensitivity.undone", "")
	})
}

// judged classes again what a person decided about, unless an import is under way, and tells.
func judged(e *env, s *settings, db *vault.DB, d ingest.Decided, later, asJSON bool, key, level string) error {
	changed := 0
	if !later && !db.Writable(e.ctx, patience) {
		// What was decided is kept, and the next publication applies it.
		later = true
		fmt.Fprintln(e.sys.Stderr, e.t("taxon.applied_later"))
	}
	if !later {
		var err error
		if changed, err = ingest.Rejudge(e.ctx, db, importSettings(e, s), d.IDs); err != nil {
			return err
		}
	}
	if asJSON {
		return e.json(struct {
			ingest.Decided
			Changed int `json:"changed"`
		}{d, changed})
	}
	e.count(key, d.Rows, strconv.FormatInt(d.Act, 10), level)
	if changed > 0 {
		e.count("sensitivity.applied", changed)
	}
	return nil
}

// sensitivityDecisionsCmd lists what people decided.
type sensitivityDecisionsCmd struct {
	All  bool `name:"all" help:"${cli_sensitivity_decisions_all}"`
	JSON bool `name:"json" help:"${cli_flag_json}"`
}

// Run prints what was decided, act by act.
func (c *sensitivityDecisionsCmd) Run(e *env) error {
	return withInstance(e, func(_ *settings, db *vault.DB) error {
		list, err := db.Judgements(e.ctx)
		if err != nil {
			return err
		}
		if !c.All {
			list = slices.DeleteFunc(list, func(d sensitivity.Decision) bool { return !d.Undone.IsZero() })
		}
		if c.JSON {
			type line struct {
				sensitivity.Decision
				Level string `json:"level"`
			}
			out := make([]line, 0, len(list))
			for _, d := range list {
				out = append(out, line{d, d.Level.String()})
			}
			return e.json(out)
		}
		if len(list) == 0 {
			e.say("sensitivity.decisions.none")
		}
		for len(list) > 0 {
			d, n := list[0], 0
			for n < len(list) && list[n].Act == d.Act {
				n++
			}
			list = list[n:]
			e.count("sensitivity.decisions.line", n, strconv.FormatInt(d.Act, 10), d.At.Local().Format("2006-01-02 15:04"), d.By, d.Level.String(), d.Reason)
			if !d.Undone.IsZero() {
				e.say("sensitivity.decisions.undone", d.Undone.Local().Format("2006-01-02 15:04"), d.UndoneBy)
			}
		}
		return nil
	})
}

// withJudge opens the instance and its queue of review.
func withJudge(e *env, f func(s *settings, db *vault.DB, j *ingest.Judge) error) error {
	return withInstance(e, func(s *settings, db *vault.DB) error {
		j, err := ingest.NewJudge(e.ctx, db, importSettings(e, s))
		if err != nil {
			return err
		}
		return f(s, db, j)
	})
}
