package cli

import (
	"strings"

	"garrigue/internal/publish"
	"garrigue/internal/vault"
)

// auditCmd proves things.
type auditCmd struct {
	Disclosure auditDisclosureCmd `cmd:"" help:"${cli_audit_disclosure}"`
}

// auditDisclosureCmd proves that the atlas tells no more than it should.
type auditDisclosureCmd struct {
	Seed  uint64 `name:"seed" placeholder:"N" help:"${cli_audit_seed}"`
	JSON  bool   `name:"json" help:"${cli_flag_json}"`
	Quiet bool   `name:"quiet" short:"q" help:"${cli_flag_quiet}"`
}

// Run makes the proof and tells what it found; a leak is a failure.
func (c *auditDisclosureCmd) Run(e *env) error {
	return withInstance(e, func(s *settings, db *vault.DB) error {
		policy, err := s.policy(today())
		if err != nil {
			return err
		}
		p := newProgress(e, c.Quiet || c.JSON)
		defer p.finish()
		if err := classAgain(e, s, db, p); err != nil {
			return err
		}
		got, err := publish.AuditDisclosure(e.ctx, db, publish.Options{Dir: atlasDir(e.dir), Meta: s.meta(), Policy: policy,
			Seed: c.Seed, Progress: p.update, Log: e.log})
		p.finish()
		if err != nil {
			return err
		}
		if c.JSON {
			if err := e.json(got); err != nil {
				return err
			}
		} else {
			printAudit(e, &got)
		}
		return got.Refused()
	})
}

func printAudit(e *env, a *publish.Audited) {
	if len(a.Leaks) == 0 {
		e.say("audit.sound", a.Moved, a.Removed)
		e.say("audit.searched", a.Searched/1e6, a.Traces)
	} else {
		e.count("audit.leaks", len(a.Leaks))
		for _, l := range a.Leaks {
			e.say("publish.leak."+l.Name, firstOf(l.Taxon, "–"), l.Detail)
		}
	}
	if a.Stayed > 0 {
		e.say("audit.stayed", a.Stayed)
	}
	if a.Stale > 0 {
		e.say("audit.stale", a.Stale)
	}
	switch {
	case a.Current == "":
		e.say("audit.none")
	case len(a.Outdated) == 0:
		e.say("audit.current")
	default:
		var tables []string
		for _, d := range a.Outdated {
			tables = append(tables, d.Table)
		}
		e.say("audit.old", strings.Join(tables, ", "))
	}
	e.say("audit.seed", a.Seed)
}
