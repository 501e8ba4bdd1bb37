package cli

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"garrigue/internal/civil"
	"garrigue/internal/consent"
	"garrigue/internal/fault"
	"garrigue/internal/vault"
)

// consentCmd keeps the ledger of what observers agreed to.
type consentCmd struct {
	List    consentListCmd    `cmd:"" help:"${cli_consent_list}"`
	Record  consentRecordCmd  `cmd:"" help:"${cli_consent_record}"`
	Default consentDefaultCmd `cmd:"" help:"${cli_consent_default}"`
	Import  consentImportCmd  `cmd:"" help:"${cli_consent_import}"`
	Report  consentReportCmd  `cmd:"" help:"${cli_consent_report}"`
}

// consentTerms are what a choice and a default have in common.
type consentTerms struct {
	Source       string `name:"source" placeholder:"NAME" help:"${cli_consent_source}"`
	Dataset      string `name:"dataset" placeholder:"NAME" help:"${cli_consent_dataset}"`
	Organisation string `name:"organisation" placeholder:"NAME" help:"${cli_consent_organisation}"`
	From         int    `name:"from" placeholder:"YEAR" help:"${cli_consent_from}"`
	To           int    `name:"to" placeholder:"YEAR" help:"${cli_consent_to}"`
	Date         string `name:"date" placeholder:"YYYY-MM-DD" help:"${cli_consent_date}"`
	Wording      string `name:"wording" placeholder:"NAME" help:"${cli_consent_wording}"`
	Text         string `name:"text" placeholder:"TEXT" help:"${cli_consent_text}"`
}

// record writes one choice, with its wording when the text is given.
func (t *consentTerms) record(e *env, observer, precision string) error {
	p, err := readPrecision(precision)
	if err != nil {
		return usageError{err}
	}
	d := today()
	if t.Date != "" {
		var ok bool
		if d, ok = civil.Parse(t.Date); !ok {
			return usageError{fault.Say(fault.Invalid, "consent.bad_date", t.Date)}
		}
	}
	return withInstance(e, func(_ *settings, db *vault.DB) error {
		if t.Text != "" {
			if t.Wording == "" {
				return usageError{fault.Say(fault.Invalid, "consent.unnamed_text")}
			}
			if err := db.PutWording(e.ctx, t.Wording, t.Text); err != nil {
				return err
			}
		}
		if err := db.RecordChoices(e.ctx, consent.Choice{Explicit: observer != "", Observer: observer, Upto: p, Date: d, Wording: t.Wording, By: recorder(e),
			Scope: consent.Scope{Source: t.Source, Dataset: t.Dataset, Organisation: t.Organisation, From: t.From, To: t.To}}); err != nil {
			return err
		}
		e.say("consent.recorded", 1)
		return nil
	})
}

func recorder(e *env) string { return firstOf(e.sys.Getenv("GARRIGUE_USER"), userName()) }

// readPrecision reads a code of diffusionNiveauPrecision or the word for it.
func readPrecision(s string) (consent.Precision, error) {
	words := map[string]consent.Precision{"standard": consent.Standard, "commune": consent.Commune, "maille": consent.Cell, "cell": consent.Cell,
		"departement": consent.Department, "département": consent.Department, "department": consent.Department, "refus": consent.Refused,
		"aucune": consent.Refused, "refused": consent.Refused, "precis": consent.Precise, "précis": consent.Precise, "precise": consent.Precise, "précise": consent.Precise}
	s = strings.ToLower(strings.TrimSpace(s))
	if p, ok := words[s]; ok {
		return p, nil
	}
	if p := consent.Precision(s); p.Valid() {
		return p, nil
	}
	return "", fault.Say(fault.Invalid, "vault.consent_precision", s)
}

type consentRecordCmd struct {
	Observer  string `arg:"" name:"observer" help:"${cli_consent_observer}"`
	Precision string `arg:"" name:"precision" help:"${cli_consent_precision}"`
	consentTerms
}

// Run records what one person chose.
func (c *consentRecordCmd) Run(e *env) error { return c.record(e, c.Observer, c.Precision) }

type consentDefaultCmd struct {
	Precision string `arg:"" name:"precision" help:"${cli_consent_precision}"`
	consentTerms
}

// Run records what applies to those who did not answer.
func (c *consentDefaultCmd) Run(e *env) error { return c.record(e, "", c.Precision) }

type consentListCmd struct {
	JSON bool `name:"json" help:"${cli_flag_json}"`
}

// Run prints the ledger.
func (c *consentListCmd) Run(e *env) error {
	return withInstance(e, func(_ *settings, db *vault.DB) error {
		list, err := db.Choices(e.ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			type line struct {
				consent.Choice
				Date string `json:"date"`
			}
			out := make([]line, 0, len(list))
			for _, ch := range list {
				out = append(out, line{ch, ch.Date.String()})
			}
			return e.json(out)
		}
		if len(list) == 0 {
			e.say("consent.none")
		}
		for _, ch := range list {
			who := ch.Observer
			if !ch.Explicit {
				who = e.t("consent.default")
			}
			e.say("consent.line", ch.Date.String(), who, e.t("consent.precision."+string(ch.Upto)), scopeText(e, ch.Scope), ch.Wording)
		}
		return nil
	})
}

func scopeText(e *env, s consent.Scope) string {
	var parts []string
	for _, p := range []string{s.Source, s.Dataset, s.Organisation} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if s.From != 0 || s.To != 0 {
		year := func(y int) string {
			if y == 0 {
				return "…"
			}
			return strconv.Itoa(y)
		}
		parts = append(parts, year(s.From)+"–"+year(s.To))
	}
	if len(parts) == 0 {
		return e.t("consent.everywhere")
	}
	return strings.Join(parts, ", ")
}

type consentReportCmd struct {
	JSON bool `name:"json" help:"${cli_flag_json}"`
}

// Run counts the observations by the answer they are classed with, and the answers themselves.
func (c *consentReportCmd) Run(e *env) error {
	return withInstance(e, func(_ *settings, db *vault.DB) error {
		counts, err := db.ConsentCounts(e.ctx)
		if err != nil {
			return err
		}
		choices, err := db.Choices(e.ctx)
		if err != nil {
			return err
		}
		answered := map[string]bool{}
		for _, ch := range choices {
			if ch.Explicit {
				answered[strings.Join(consent.People(ch.Observer), "")] = true
			}
		}
		current, classed, err := db.Generation(e.ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return e.json(struct {
				People  int                  `json:"people"`
				Classed bool                 `json:"classed"`
				Counts  []vault.ConsentCount `json:"counts"`
			}{len(answered), current == classed, counts})
		}
		e.say("consent.people", len(answered))
		for _, n := range counts {
			what := e.t("consent.precision." + n.Precision)
			switch {
			case n.Public:
				what += ", " + e.t("consent.public")
			case n.Default:
				what += ", " + e.t("consent.bydefault")
			}
			e.say("consent.count", n.Rows, what)
		}
		if current != classed {
			e.say("consent.stale")
		}
		return nil
	})
}

type consentImportCmd struct {
	File string `arg:"" name:"file" type:"existingfile" help:"${cli_consent_file}"`
	consentTerms
}

// Run records a list of choices: all of it or nothing.
func (c *consentImportCmd) Run(e *env) error {
	if c.Text != "" && c.Wording == "" {
		return usageError{fault.Say(fault.Invalid, "consent.unnamed_text")}
	}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	list, err := c.read(f)
	if err != nil {
		return err
	}
	return withInstance(e, func(_ *settings, db *vault.DB) error {
		if c.Text != "" {
			if err := db.PutWording(e.ctx, c.Wording, c.Text); err != nil {
				return err
			}
		}
		for i := range list {
			list[i].By = recorder(e)
		}
		if err := db.RecordChoices(e.ctx, list...); err != nil {
			return err
		}
		e.say("consent.recorded", len(list))
		return nil
	})
}

// read reads rows of observer, precision, and if there are such columns source, dataset,
// organisation, from, to, date, wording; what a row leaves out is that of the command line.
func (c *consentImportCmd) read(f io.Reader) (list []consent.Choice, err error) {
	text, err := io.ReadAll(io.LimitReader(f, 64<<20))
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(text) {
		return nil, fault.Say(fault.Invalid, "consent.not_utf8")
	}
	content := strings.TrimPrefix(string(text), "\ufeff")
	r := csv.NewReader(strings.NewReader(content))
	if first, _, _ := strings.Cut(content, "\n"); strings.Count(first, ";") > strings.Count(first, ",") {
		r.Comma = ';'
	}
	r.TrimLeadingSpace = true
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fault.Say(fault.Invalid, "consent.bad_csv").Because(err)
	}
	if len(rows) == 0 {
		return nil, fault.Say(fault.Invalid, "consent.bad_csv")
	}
	header := rows[0]
	column := func(row []string, names ...string) string {
		for _, n := range names {
			if i := slices.IndexFunc(header, func(h string) bool { return strings.EqualFold(strings.TrimSpace(h), n) }); i >= 0 && i < len(row) {
				if v := strings.TrimSpace(row[i]); v != "" {
					return v
				}
			}
		}
		return ""
	}
	for i, row := range rows[1:] {
		bad := func(err error) error { return fault.Say(fault.Invalid, "consent.bad_line", i+2).Because(err) }
		ch := consent.Choice{Explicit: true, Observer: column(row, "observer", "observateur"), Date: today(),
			Wording: firstOf(column(row, "wording", "texte"), c.Wording),
			Scope: consent.Scope{Source: firstOf(column(row, "source"), c.Source), Dataset: firstOf(column(row, "dataset", "jeu de données"), c.Dataset),
				Organisation: firstOf(column(row, "organisation", "organisme"), c.Organisation), From: c.From, To: c.To}}
		if ch.Upto, err = readPrecision(column(row, "precision", "précision", "choix")); err != nil {
			return nil, bad(err)
		}
		if len(consent.People(ch.Observer)) != 1 {
			return nil, bad(nil)
		}
		if d := firstOf(column(row, "date"), c.Date); d != "" {
			var ok bool
			if ch.Date, ok = civil.Parse(d); !ok {
				return nil, bad(nil)
			}
		}
		for _, y := range []struct {
			to   *int
			name string
		}{{&ch.Scope.From, column(row, "from", "de")}, {&ch.Scope.To, column(row, "to", "à")}} {
			if y.name != "" {
				if *y.to, err = strconv.Atoi(y.name); err != nil {
					return nil, bad(fmt.Errorf("year: %w", err))
				}
			}
		}
		list = append(list, ch)
	}
	return list, nil
}
