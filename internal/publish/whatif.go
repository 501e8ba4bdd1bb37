package publish

import (
	"context"
	"slices"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// Proposal is what somebody thinks of putting in force. What it does not say stays as it is.
type Proposal struct {
	Policy *disclosure.Policy
	// Listed says that Lists and Rules, all there would be, take the place of the vault's.
	Listed bool
	Lists  []sensitivity.List
	Rules  []sensitivity.Rule
	// Reread (may be nil) gives an observation what it would say if its source were read
	// otherwise; Fields are those it needs.
	Reread func(o *observation.Observation) bool
	Fields vault.Fields
}

// world is one state of the rule, that decides as a publication would, but for batches: what is
// compared is where both would end.
type world struct {
	*run
	told telling
	// empty says that no rule is loaded: nothing can be classed then. waiting, that it is so in
	// the vault now, where everything waits for that.
	empty, waiting bool
	reread         func(o *observation.Observation) bool
	copy           observation.Observation
}

// WhatIf compares what is published now with what would be under a proposal, without writing
// anything but the journal's line. limit is how many names each list of the result has, 0
// for all. Errors: Invalid when the proposed policy has no sense on the territory, those of the
// vault and of the snapshots kept.
func WhatIf(ctx context.Context, db *vault.DB, o Options, p Proposal, limit int) (d *Difference, err error) {
	defer fault.Wrap(&err, "publish.WhatIf")
	r := newRun(db, o)
	r.tell("publish.step.references", 0, 0)
	if err := r.references(ctx); err != nil {
		return nil, err
	}
	lists, rules, err := db.Sensitivity(ctx)
	if err != nil {
		return nil, err
	}
	now := r.world(r.Policy, lists, rules)
	policy := r.Policy
	if p.Policy != nil {
		if policy, err = p.Policy.Settled(disclosure.MeanSurfaces(r.refs.Areas)); err != nil {
			return nil, err
		}
	}
	if p.Listed {
		lists, rules = p.Lists, p.Rules
	}
	then := r.world(policy, lists, rules)
	now.waiting, then.waiting = now.empty, now.empty
	then.reread = p.Reread
	grant := disclosure.Grant{Who: "policy", Reason: "what would change under a policy, a list or a mapping not yet adopted"}
	c := newComparison(&r.refs)
	if err := r.compare(ctx, grant, p.Fields, [2]*world{now, then}, c); err != nil {
		return nil, err
	}
	d = c.difference(limit)
	if err := d.contradicted(ctx, &r.Options, db, c, limit); err != nil {
		return nil, err
	}
	return d, nil
}

// world makes a world of a settled policy and rules as they are in lists.
func (r *run) world(p disclosure.Policy, lists []sensitivity.List, rules []sensitivity.Rule) *world {
	taxonomy := r.refs.Taxonomy
	w := &world{run: &run{Options: r.Options, db: r.db, refs: r.refs, areas: r.areas}}
	w.Policy = p
	w.book = p.Book(sensitivity.NewBook(lists, sensitivity.ForTaxa(rules, taxonomy)))
	w.empty = w.book.Rules() == 0
	w.spread = disclosure.NewSpread(w.book, func(cd taxon.CdRef) []taxon.CdNom { return taxonomy.Lineage(taxon.CdNom(cd)) }, &w.Policy, r.areas)
	w.told.grouped = newGroups(w.spread, w.raise, nil)
	return w
}

// class gives an observation the class that its place has in the world.
func (w *world) class(o *observation.Observation) {
	if w.reread != nil {
		w.reread(o)
	}
	switch {
	case w.empty && o.Held == observation.NotHeld:
		o.Held = observation.Unclassed
	case !w.empty && w.waiting && o.Held == observation.Unclassed:
		o.Held = observation.NotHeld
	}
	if !o.Manual {
		got := w.spread.Class(o)
		o.Sensitivity, o.SensList, o.Review = got.Level, got.List, got.Review
	}
}

// view is what a world makes of an observation.
type view struct {
	disclosure.Published
	shown bool
	level sensitivity.Level // the strictest of the computed and the stated one
	list  string
}

// view decides on an observation; they come in order of ID. The answer is valid until the next.
func (w *world) view(o *observation.Observation) (v view) {
	w.copy = *o
	c := &w.copy
	w.class(c)
	v.Published, v.shown = w.decide(&w.told, c)
	if v.level, v.list = c.Sensitivity, c.SensList; w.Policy.Rank("", c.StatedLevel) > w.Policy.Rank(v.list, v.level) {
		v.level, v.list = c.StatedLevel, ""
	}
	v.shown = v.shown && !w.told.isTwin(o.ID)
	return v
}

// compare reads the groupings, the twins and then everything, once for both worlds.
func (r *run) compare(ctx context.Context, grant disclosure.Grant, fields vault.Fields, worlds [2]*world, c *comparison) error {
	lineage := c.refs.Taxonomy.Lineage
	listed := func(cd taxon.CdRef) bool {
		codes := lineage(taxon.CdNom(cd))
		return worlds[0].book.Names(codes...) || worlds[1].book.Names(codes...)
	}
	r.tell("publish.step.read", 0, 0)
	twins, err := r.db.Twinned(ctx)
	if err != nil {
		return err
	}
	worlds[0].told.grouped.twins, worlds[1].told.grouped.twins = twins, twins
	if err := settle(func() error {
		return r.db.GroupMembers(ctx, grant, listed, func(o *observation.Observation) error {
			for _, w := range worlds {
				w.copy = *o
				w.class(&w.copy)
				w.told.grouped.Add(&w.copy)
			}
			return nil
		})
	}, worlds[0].told.grouped, worlds[1].told.grouped); err != nil {
		return err
	}
	if err := r.compareTwins(ctx, grant, worlds); err != nil {
		return err
	}
	rows := 0
	return r.db.Observations(ctx, grant, fields, func(o *observation.Observation) error {
		if rows++; rows%10_000 == 0 {
			r.Progress("publish.step.read", int64(rows), 0)
		}
		now, then := worlds[0].view(o), worlds[1].view(o)
		c.add(o, &now, &then)
		return nil
	})
}

// compareTwins finds the twins that each world hides.
func (r *run) compareTwins(ctx context.Context, grant disclosure.Grant, worlds [2]*world) error {
	return r.clusters(ctx, grant, func(_ int64, members []disclosure.Member) {
		for _, w := range worlds {
			own := slices.Clone(members)
			for i := range own {
				w.class(&own[i].Observation)
			}
			w.levels(&w.told, own)
			w.showTwins(&w.told, own)
		}
	}, func() {
		for _, w := range worlds {
			slices.Sort(w.told.hidden)
		}
	})
}
