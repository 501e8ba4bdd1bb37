package cli

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"garrigue/internal/ingest"
	"garrigue/internal/publish"
	"garrigue/internal/vault"
)

// publishCmd builds the public atlas.
type publishCmd struct {
	Rollback bool `name:"rollback" help:"${cli_publish_rollback}"`
	Batch    bool `name:"batch" help:"${cli_publish_batch}"`
	Afresh   bool `name:"afresh" help:"${cli_publish_afresh}"`
	JSON     bool `name:"json" help:"${cli_flag_json}"`
	Quiet    bool `name:"quiet" short:"q" help:"${cli_flag_quiet}"`
}

// Run classes what references changed, builds a snapshot, checks it and swaps it in; or puts
// the former one back.
func (c *publishCmd) Run(e *env) error {
	if c.Rollback {
		if _, err := loadSettings(e.dir); err != nil {
			return err
		}
		id, err := publish.Rollback(atlasDir(e.dir))
		if err != nil {
			return err
		}
		if c.JSON {
			return e.json(publish.Result{ID: id})
		}
		e.say("publish.rolledback", id)
		return nil
	}
	return withInstance(e, func(s *settings, db *vault.DB) error {
		p := newProgress(e, c.Quiet || c.JSON)
		defer p.finish()
		res, err := publishAsked(e.ctx, e, s, db, p, c)
		p.finish()
		if err != nil {
			if c.JSON && res.Proof != nil && len(res.Proof.Leaks) > 0 {
				return cmp.Or(e.json(res.Proof), err)
			}
			return err
		}
		if c.JSON {
			return e.json(res)
		}
		printPublished(e, res)
		return nil
	})
}

// publishNow classes what references changed, then publishes.
func publishNow(ctx context.Context, e *env, s *settings, db *vault.DB, p *progress) (publish.Result, error) {
	return publishAsked(ctx, e, s, db, p, &publishCmd{})
}

// publishAsked is publishNow as a command asks for it: with a batch of blurred observations, without taking over
// what the former publication decided.
func publishAsked(ctx context.Context, e *env, s *settings, db *vault.DB, p *progress, c *publishCmd) (publish.Result, error) {
	if err := classAgain(e, s, db, p); err != nil {
		return publish.Result{}, err
	}
	policy, err := s.policy(today())
	if err != nil {
		return publish.Result{}, err
	}
	return publish.Run(ctx, db, publish.Options{
		Dir: atlasDir(e.dir), Meta: s.meta(), Policy: policy, Keep: s.Publish.Keep, Batch: c.Batch,
		Kept: keptPath(e.dir), Afresh: c.Afresh, Progress: p.update, Log: e.log,
	})
}

// classAgain recomputes classes when a reference, a decision, the policy or the year changed since
// the last time.
func classAgain(e *env, s *settings, db *vault.DB, p *progress) error {
	set := importSettings(e, s)
	stale, err := ingest.Stale(e.ctx, db, set)
	if err != nil || !stale {
		return err
	}
	_, err = ingest.Reclass(e.ctx, db, set, func(pr ingest.Progress) {
		p.update("publish.step.reclass", int64(pr.Rows), 0)
	})
	return err
}

func printPublished(e *env, r publish.Result) {
	e.say("publish.done", r.ID, r.Published, r.Taxa, r.Seconds)
	if r.Blurred > 0 {
		e.say("publish.blurred", r.Blurred)
	}
	if r.Proof != nil && r.Proof.Kept > 0 {
		e.say("publish.kept", r.Proof.Kept)
	}
	if b := r.Batch; b != nil {
		if b.Taken {
			e.say("publish.batch."+b.Reason, b.Changed)
		}
		if b.Waiting > 0 {
			e.say("publish.batch.waiting", b.Waiting, b.Since)
		}
		if b.Gone > 0 {
			e.say("publish.batch.gone", b.Gone)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(r.Withheld)) {
		e.say("publish.withheld", r.Withheld[k], e.t("withheld."+k))
	}
}
