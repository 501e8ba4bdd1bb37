package cli

import (
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"garrigue/internal/fault"
	"garrigue/internal/ingest"
	"garrigue/internal/naming"
	"garrigue/internal/source"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// taxonCmd groups what concerns names of taxa.
type taxonCmd struct {
	Pending   taxonPendingCmd   `cmd:"" help:"${cli_taxon_pending}"`
	Settle    taxonSettleCmd    `cmd:"" help:"${cli_taxon_settle}"`
	Decisions taxonDecisionsCmd `cmd:"" help:"${cli_taxon_decisions}"`
	Resolve   taxonResolveCmd   `cmd:"" help:"${cli_taxon_resolve}"`
}

// taxonPendingCmd lists the names to settle.
type taxonPendingCmd struct {
	Limit int  `name:"limit" default:"50" help:"${cli_taxon_pending_limit}"`
	JSON  bool `name:"json" help:"${cli_flag_json}"`
}

// Run prints the names observations wait for, with the taxa each may stand for.
func (c *taxonPendingCmd) Run(e *env) error {
	return withInstance(e, func(_ *settings, db *vault.DB) error {
		n, err := ingest.NewNamer(e.ctx, db)
		if err != nil {
			return err
		}
		list, err := n.Pending(e.ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return e.json(list)
		}
		if len(list) == 0 {
			e.say("taxon.pending.none")
		}
		for i, p := range list {
			if i == c.Limit {
				e.say("taxon.pending.more", len(list)-i)
				break
			}
			e.say("taxon.pending.line", p.Name, p.Rows, e.t("taxon.outcome."+p.Outcome), strings.Join(p.Datasets, ", "))
			e.candidates(p.Candidates)
		}
		return nil
	})
}

func (e *env) candidates(list []naming.Candidate) {
	for _, c := range list {
		e.say("taxon.candidate", strconv.Itoa(int(c.CdNom)), c.Name, e.t("candidate."+string(c.Reason)))
	}
}

// taxonSettleCmd records what a name stands for.
type taxonSettleCmd struct {
	Name     string `arg:"" name:"name" help:"${cli_taxon_settle_name}"`
	CdNom    int32  `arg:"" optional:"" name:"cd_nom" help:"${cli_taxon_settle_code}"`
	NotTaxon bool   `name:"not-a-taxon" help:"${cli_taxon_settle_not}"`
	Forget   bool   `name:"forget" help:"${cli_taxon_settle_forget}"`
	Source   string `name:"source" help:"${cli_taxon_settle_source}"`
	Dataset  string `name:"dataset" help:"${cli_taxon_settle_dataset}"`
	Reason   string `name:"reason" help:"${cli_taxon_settle_reason}"`
	By       string `name:"by" help:"${cli_taxon_settle_by}"`
	Later    bool   `name:"later" help:"${cli_taxon_settle_later}"`
	JSON     bool   `name:"json" help:"${cli_flag_json}"`
}

// patience is how long a decision waits for an import under way before it is left to the
// next publication.
const patience = 300 * time.Millisecond

// Run records the decision and classes the observations that waited for it.
func (c *taxonSettleCmd) Run(e *env) error {
	chosen := 0
	for _, b := range []bool{c.CdNom != 0, c.NotTaxon, c.Forget} {
		if b {
			chosen++
		}
	}
	if chosen != 1 {
		return usageError{fault.Say(fault.Invalid, "taxon.settle_what")}
	}
	return withInstance(e, func(s *settings, db *vault.DB) error {
		if c.Source != "" && !s.hasSource(c.Source) {
			return fault.Say(fault.NotFound, "taxon.unknown_source", c.Source)
		}
		n, err := ingest.NewNamer(e.ctx, db)
		if err != nil {
			return err
		}
		d, err := n.Settle(e.ctx, naming.Decision{Cited: c.Name, CdNom: taxon.CdNom(c.CdNom), Source: c.Source, Dataset: c.Dataset,
			Reason: c.Reason, By: firstOf(c.By, e.sys.Getenv("GARRIGUE_USER"), userName()), Revoked: c.Forget})
		if err != nil {
			return err
		}
		changed, wait := 0, c.Later
		if !wait && !db.Writable(e.ctx, patience) {
			// What was decided is kept, and the next publication applies it.
			wait = true
			fmt.Fprintln(e.sys.Stderr, e.t("taxon.applied_later"))
		}
		if !wait {
			if changed, err = ingest.Rename(e.ctx, db, importSettings(e, s)); err != nil {
				return err
			}
		}
		if c.JSON {
			return e.json(struct {
				Decision naming.Decision `json:"decision"`
				Changed  int             `json:"changed"`
			}{d, changed})
		}
		switch {
		case c.Forget:
			e.say("taxon.forgotten", d.Cited)
		case c.NotTaxon:
			e.say("taxon.settled_not", d.Cited)
		default:
			e.say("taxon.settled", d.Cited, n.Name(d.CdNom).FullName, strconv.Itoa(int(d.CdNom)))
		}
		if changed > 0 {
			e.say("taxon.applied", changed)
		}
		return nil
	})
}

// userName is the login of who runs the program.
func userName() string {
	u, err := user.Current()
	if err != nil || u.Username == "" {
		return "?"
	}
	return u.Username
}

// taxonDecisionsCmd lists what was decided.
type taxonDecisionsCmd struct {
	JSON bool `name:"json" help:"${cli_flag_json}"`
}

// Run prints every decision in the order it was taken.
func (c *taxonDecisionsCmd) Run(e *env) error {
	return withInstance(e, func(_ *settings, db *vault.DB) error {
		list, err := db.Decisions(e.ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			if list == nil {
				list = []naming.Decision{}
			}
			return e.json(list)
		}
		if len(list) == 0 {
			e.say("taxon.decisions.none")
		}
		for _, d := range list {
			to := fmt.Sprintf("CD_NOM %d", d.CdNom)
			switch {
			case d.Revoked:
				to = e.t("taxon.decisions.forgotten")
			case d.CdNom == 0:
				to = e.t("taxon.outcome.not_a_taxon")
			}
			where := firstOf(strings.TrimSpace(d.Source+" "+d.Dataset), e.t("taxon.decisions.everywhere"))
			e.say("taxon.decisions.line", d.At.Local().Format("2006-01-02 15:04"), d.By, d.Cited, to, where, d.Reason)
		}
		return nil
	})
}

// taxonResolveCmd shows what names lead to.
type taxonResolveCmd struct {
	Names   []string `arg:"" name:"name" help:"${cli_taxon_resolve_name}"`
	Kingdom string   `name:"kingdom" help:"${cli_taxon_resolve_kingdom}"`
	Group   string   `name:"group" help:"${cli_taxon_resolve_group}"`
	Source  string   `name:"source" help:"${cli_taxon_settle_source}"`
	JSON    bool     `name:"json" help:"${cli_flag_json}"`
}

// resolved is one answer for a machine.
type resolved struct {
	Name       string             `json:"name"`
	Outcome    string             `json:"outcome"`
	How        string             `json:"how"`
	CdNom      taxon.CdNom        `json:"cd_nom,omitempty"`
	CdRef      taxon.CdRef        `json:"cd_ref,omitempty"`
	Taxon      string             `json:"taxon,omitempty"`
	Raised     bool               `json:"raised,omitempty"`
	Candidates []naming.Candidate `json:"candidates,omitempty"`
}

// Run prints, for each name or code, the taxon it leads to and how, or the candidates.
func (c *taxonResolveCmd) Run(e *env) error {
	return withInstance(e, func(_ *settings, db *vault.DB) error {
		n, err := ingest.NewNamer(e.ctx, db)
		if err != nil {
			return err
		}
		list := []resolved{}
		for _, name := range c.Names {
			g := naming.Given{Cited: name, Kingdom: c.Kingdom, Group: c.Group, Source: c.Source}
			var code int32
			if _, err := fmt.Sscanf(name, "%d", &code); err == nil && fmt.Sprint(code) == name {
				g = naming.Given{Code: taxon.CdNom(code)}
			}
			a := n.Resolve(g)
			r := resolved{Name: name, Outcome: a.Outcome.String(), How: a.How.String(), CdNom: a.CdNom, CdRef: a.CdRef,
				Taxon: n.Name(taxon.CdNom(a.CdRef)).FullName, Raised: a.Has(naming.Raised), Candidates: a.Candidates}
			list = append(list, r)
			if c.JSON {
				continue
			}
			if a.Outcome != naming.Matched {
				e.say("taxon.resolve.not", name, e.t("taxon.outcome."+r.Outcome))
				e.candidates(a.Candidates)
				continue
			}
			how := e.t("taxon.how." + r.How)
			if r.Raised {
				how += ", " + e.t("taxon.how.raised")
			}
			e.say("taxon.resolve.line", name, r.Taxon, strconv.Itoa(int(a.CdNom)), strconv.Itoa(int(a.CdRef)), how)
		}
		if c.JSON {
			return e.json(list)
		}
		return nil
	})
}

// hasSource reports whether the settings name a source.
func (s *settings) hasSource(name string) bool {
	return slices.ContainsFunc(s.Source, func(c source.Config) bool { return c.Name == name })
}
