package cli

import (
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"

	"garrigue/internal/civil"
	"garrigue/internal/fault"
	"garrigue/internal/ingest"
	"garrigue/internal/publish"
	"garrigue/internal/vault"
)

// policyCmd groups what concerns the rule in force.
type policyCmd struct {
	Show policyShowCmd `cmd:"" help:"${cli_policy_show}"`
	Diff policyDiffCmd `cmd:"" help:"${cli_policy_diff}"`
}

// policyShowCmd tells the rule in force.
type policyShowCmd struct {
	Date string `name:"date" placeholder:"AAAA-MM-JJ" help:"${cli_policy_date}"`
	JSON bool   `name:"json" help:"${cli_flag_json}"`
}

// Run prints the policy of a day, settled on the territory, and the lists in force.
func (c *policyShowCmd) Run(e *env) error {
	on, err := dayFlag(c.Date)
	if err != nil {
		return err
	}
	return withInstance(e, func(s *settings, db *vault.DB) error {
		p, err := s.policy(on)
		if err != nil {
			return err
		}
		told, err := publish.PolicyOf(e.ctx, db, p)
		if err != nil {
			return err
		}
		if c.JSON {
			return e.json(told)
		}
		printPolicy(e, told)
		return nil
	})
}

// dayFlag reads a day of the command line, today when there is none.
func dayFlag(s string) (civil.Date, error) {
	if s == "" {
		return today(), nil
	}
	d, ok := civil.Parse(s)
	if !ok {
		return d, usageError{fault.Say(fault.Invalid, "policy.date", s)}
	}
	return d, nil
}

// policyDiffCmd tells what a policy, a list or a mapping would change.
type policyDiffCmd struct {
	New    string `arg:"" name:"file" type:"existingfile" help:"${cli_policy_diff_file}"`
	Source string `name:"source" placeholder:"NAME" help:"${cli_policy_diff_source}"`
	Limit  int    `name:"limit" default:"20" help:"${cli_policy_diff_limit}"`
	JSON   bool   `name:"json" help:"${cli_flag_json}"`
	Quiet  bool   `name:"quiet" short:"q" help:"${cli_flag_quiet}"`
}

// policyDiffAnswer is the comparison for a machine.
type policyDiffAnswer struct {
	Proposed string            `json:"proposed"` // policy, list or mapping
	File     string            `json:"file"`
	From     string            `json:"from,omitempty"` // versions of the policies
	To       string            `json:"to,omitempty"`
	Lists    *listsTold        `json:"lists,omitempty"`
	Mapping  *ingest.Rereading `json:"mapping,omitempty"`
	*publish.Difference
}

// listsTold are the codes of the lists a file brings, replaces, and takes away.
type listsTold struct {
	Brought  []string `json:"brought"`
	Replaced []string `json:"replaced,omitempty"`
	Gone     []string `json:"gone,omitempty"`
}

// Run compares; it changes nothing, and leaves a line in the journal of readings.
func (c *policyDiffCmd) Run(e *env) error {
	return withInstance(e, func(s *settings, db *vault.DB) error {
		p, err := s.policy(today())
		if err != nil {
			return err
		}
		answer := policyDiffAnswer{File: filepath.Base(c.New), From: p.Version}
		var proposal publish.Proposal
		if answer.Proposed, err = proposedIn(c.New); err != nil {
			return err
		}
		switch answer.Proposed {
		case "policy":
			then, err := s.proposed(c.New, p.Today)
			if err != nil {
				return err
			}
			proposal.Policy, answer.To = &then, then.Version
		case "mapping":
			if answer.Mapping, err = c.mapping(e, s, db); err != nil {
				return err
			}
			proposal.Reread, proposal.Fields = answer.Mapping.Apply, answer.Mapping.Fields()
		default:
			l, err := ingest.ProposeSensitivity(e.ctx, db, c.New, ingest.ReferenceOptions{})
			if err != nil {
				return err
			}
			proposal.Listed, proposal.Lists, proposal.Rules = true, l.Lists, l.Rules
			answer.Lists = &listsTold{l.Brought, l.Replaced, l.Gone}
		}
		bar := newProgress(e, c.Quiet || c.JSON)
		defer bar.finish()
		o := publish.Options{Dir: atlasDir(e.dir), Meta: s.meta(), Policy: p, Progress: bar.update, Log: e.log}
		if answer.Difference, err = publish.WhatIf(e.ctx, db, o, proposal, c.Limit); err != nil {
			return err
		}
		bar.finish()
		if c.JSON {
			return e.json(answer)
		}
		printPolicyDiff(e, &answer)
		return nil
	})
}

// proposedIn tells what a file proposes: a TOML file is a mapping when it has one of the keys of
// mappings, a policy otherwise; another file is of sensitivity lists.
func proposedIn(path string) (string, error) {
	if !strings.EqualFold(filepath.Ext(path), ".toml") {
		return "list", nil
	}
	var keys map[string]any
	if _, err := toml.DecodeFile(path, &keys); err != nil {
		return "", fault.Say(fault.Invalid, "settings.syntax", filepath.Base(path), err.Error())
	}
	for _, k := range []string{"columns", "fixed", "values", "combined", "extracted", "format", "ignored", "key", "split", "skip"} {
		if _, ok := keys[k]; ok {
			return "mapping", nil
		}
	}
	return "policy", nil
}

// mapping compares the mapping with what is told of the source it is for: the one named, or the
// one whose settings name the file.
func (c *policyDiffCmd) mapping(e *env, s *settings, db *vault.DB) (*ingest.Rereading, error) {
	if s.sourceFault != nil {
		return nil, s.sourceFault
	}
	name := c.Source
	own, err := filepath.Abs(c.New)
	if err != nil {
		return nil, err
	}
	for i := range s.Source {
		path, err := filepath.Abs(s.Source[i].Mapping)
		if err != nil {
			return nil, err
		}
		if name == "" && s.Source[i].Mapping != "" && path == own {
			name = s.Source[i].Name
		}
	}
	if name == "" {
		return nil, usageError{fault.Say(fault.Invalid, "policy.diff.source", filepath.Base(c.New))}
	}
	return ingest.ProposeMapping(e.ctx, db, c.New, name)
}
