package nightly

import (
	"context"
	"time"

	"garrigue/internal/fault"
	"garrigue/internal/vault"
)

// All synchronises every source, one after another. A source that fails does not stop the
// others; an interruption does. told (may be nil) hears each run as it ends.
func (s *Syncer) All(ctx context.Context, cause, by string, told func(Run, error)) (runs []Run, failed int, err error) {
	return s.Several(ctx, s.names(), cause, by, told)
}

// Several synchronises the named sources in order, as All does.
func (s *Syncer) Several(ctx context.Context, names []string, cause, by string, told func(Run, error)) (runs []Run, failed int, err error) {
	for _, name := range names {
		run, err := s.Sync(ctx, name, cause, by)
		if ctx.Err() != nil {
			return runs, failed, ctx.Err()
		}
		if run.Source == "" {
			run.Source = name // already at work elsewhere
		}
		if err != nil {
			failed++
		}
		runs = append(runs, run)
		if told != nil {
			told(run, err)
		}
	}
	return runs, failed, nil
}

// step is the longest the loop sleeps at once: a clock that was set, or a machine that slept,
// is noticed within it.
const step = time.Minute

// Watch follows the schedules until ctx ends: at each hour what is due is synchronised, one
// source at a time, and the atlas published when something changed and Deps.Publish is set. A
// time that passed while the program was not running is made up for once; a run that failed for
// a reason that may pass is made again after retryAfter, and one that was stopped at once, at
// most retries times an hour of the schedule. told hears each run; waiting (may be nil) hears
// what is next. NotFound when no source has a schedule.
func (s *Syncer) Watch(ctx context.Context, told func(Run, error), waiting func(name string, at time.Time)) error {
	if len(s.schedules) == 0 {
		return fault.Say(fault.NotFound, "sync.watch_none")
	}
	due, err := s.due(ctx)
	if err != nil {
		return err
	}
	unpublished := false
	for {
		now := s.d.Now()
		var ready []string
		first := ""
		for _, name := range s.names() {
			at, ok := due[name]
			switch {
			case !ok || at.IsZero():
			case !at.After(now):
				ready = append(ready, name)
			case first == "" || at.Before(due[first]):
				first = name
			}
		}
		if len(ready) == 0 {
			if first == "" {
				return fault.Say(fault.NotFound, "sync.watch_none")
			}
			if waiting != nil {
				waiting(first, due[first])
				waiting = nil
			}
			if err := s.d.Sleep(ctx, min(due[first].Sub(now), step)); err != nil {
				return err
			}
			continue
		}
		runs, err := s.turn(ctx, ready, told, &unpublished)
		if err != nil {
			return err
		}
		for _, r := range runs {
			due[r.Source] = s.Next(r.Source, s.d.Now())
			if r.Next != nil && r.Next.Before(due[r.Source]) {
				due[r.Source] = *r.Next
			}
		}
	}
}

// A scheduled run that failed is made again sooner than its next hour.
const (
	retryAfter = 15 * time.Minute
	retries    = 3
)

// mayPass reports whether a failure may be gone in a while: not settings, not a refusal, which
// would only lock an account.
func mayPass(err error) bool {
	return fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Internal)
}

// again is when a run that failed is made again: soon, when the schedule began it and not too
// often since its hour, else when the source is next due.
func (s *Syncer) again(ctx context.Context, r vault.SourceRun) time.Time {
	if r.Trigger != BySchedule || r.Next.IsZero() {
		return r.Next
	}
	n, err := s.triedInVain(ctx, r.Source, r.Started)
	if soon := r.Ended.Add(retryAfter); err == nil && n <= retries && soon.Before(r.Next) {
		return soon
	}
	return r.Next
}

// triedInVain counts the last scheduled runs that came to nothing since the hour the one of a
// given moment belongs to, with it: those that have the same hour after them.
func (s *Syncer) triedInVain(ctx context.Context, name string, at time.Time) (n int, err error) {
	runs, err := s.d.DB.Runs(context.WithoutCancel(ctx), name, retries+1)
	if err != nil {
		return 0, err
	}
	hour := s.Next(name, at)
	for _, r := range runs {
		if r.Trigger != BySchedule || !s.Next(name, r.Started).Equal(hour) {
			break
		}
		switch r.Outcome {
		case Failed, Stopped, "":
			n++
		default:
			return n, nil
		}
	}
	return n, nil
}

// nextOf is when a source is due after now, with what its last run says.
func (s *Syncer) nextOf(name string, last map[string]vault.SourceRun) time.Time {
	now := s.d.Now()
	next := s.Next(name, now)
	if r := last[name]; r.Outcome == Failed && r.Next.After(now) && r.Next.Before(next) {
		return r.Next
	}
	return next
}

// due is when each source must be read next, in the past when its time was missed.
func (s *Syncer) due(ctx context.Context) (map[string]time.Time, error) {
	last, err := s.d.DB.LastRuns(ctx)
	if err != nil {
		return nil, err
	}
	due := map[string]time.Time{}
	for name := range s.schedules {
		r, known := last[name]
		if !known {
			due[name] = s.Next(name, s.d.Now())
			continue
		}
		due[name] = s.Next(name, r.Started)
		switch {
		case r.Trigger != BySchedule:
		case r.Outcome == Failed && !r.Next.IsZero() && r.Next.Before(due[name]):
			due[name] = r.Next
		case r.Outcome == Stopped || r.Outcome == "":
			n, err := s.triedInVain(ctx, name, r.Started)
			if err != nil {
				return nil, err
			}
			if n <= retries { // unless it is what ends the program each time
				due[name] = s.d.Now()
			}
		}
	}
	return due, nil
}

// turn synchronises what is due and publishes what is not yet.
func (s *Syncer) turn(ctx context.Context, names []string, told func(Run, error), unpublished *bool) ([]Run, error) {
	runs, _, err := s.Several(ctx, names, BySchedule, "", told)
	if err != nil {
		return nil, err
	}
	if err := s.Snapshot(ctx); err != nil {
		s.d.Log.Error("loading state not kept", "error", err)
	}
	for _, r := range runs {
		*unpublished = *unpublished || r.Changed()
	}
	if !*unpublished || s.d.Publish == nil {
		return runs, nil
	}
	if err := s.d.Publish(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s.d.Log.Error("publication after synchronising failed", "error", err) // the former atlas stays until the next turn
		return runs, nil
	}
	*unpublished = false
	return runs, nil
}

// Scheduled is how many sources have a schedule.
func (s *Syncer) Scheduled() int { return len(s.schedules) }
