package nightly

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"garrigue/internal/fault"
	"garrigue/internal/source"
	"garrigue/internal/vault"
)

// A source is synchronised by one process at a time. Two of the same machine see each other by
// a lock on a file of the spool, which the system releases when the process ends, however it
// ends; two of different machines that share a PostgreSQL vault, by a lease of the register that
// is renewed while the work lasts.
const (
	lockName  = "lock"
	leaseTime = 2 * time.Minute
)

var errLeaseLost = errors.New("another process took the source over")

// held is a source we may work on.
type held struct {
	ctx     context.Context // ends when the right is lost
	release func()
}

func (s *Syncer) lock(ctx context.Context, cfg source.Config) (*held, error) {
	dir := filepath.Join(s.d.Spool, cfg.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.Say(fault.Unavailable, "sync.lock", dir).Because(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault.Say(fault.Unavailable, "sync.lock", dir).Because(err)
	}
	if err := flock(f); err != nil {
		f.Close()
		return nil, fault.Say(fault.Conflict, "sync.busy", cfg.Name).Because(err)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	now := s.d.Now()
	lease := vault.Lease{Source: cfg.Name, Token: newToken(), Host: host, Since: now, Until: now.Add(leaseTime)}
	// Having the file, where files are locked, whoever of this machine had the lease is dead.
	if err := s.d.DB.TakeLease(ctx, lease, now, locksFiles); err != nil {
		f.Close()
		return nil, err
	}
	under, cancel := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() { s.renew(under, cancel, lease) })
	return &held{ctx: under, release: func() {
		cancel(nil)
		renewing.Wait()
		if err := s.d.DB.DropLease(context.WithoutCancel(ctx), cfg.Name, lease.Token); err != nil {
			s.d.Log.Warn("source lease not given back", "source", cfg.Name, "error", err)
		}
		f.Close()
	}}, nil
}

// renew moves the end of the lease on until ctx ends. When somebody else has it, the work must
// stop.
func (s *Syncer) renew(ctx context.Context, lost context.CancelCauseFunc, lease vault.Lease) {
	tick := time.NewTicker(leaseTime / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := s.d.Now()
		lease.Until = now.Add(leaseTime)
		if err := s.d.DB.TakeLease(ctx, lease, now, false); fault.Is(err, fault.Conflict) {
			lost(errLeaseLost)
			return
		}
	}
}

// busy reports whether a process of this machine works on a source.
func (s *Syncer) busy(cfg source.Config) bool {
	f, err := os.OpenFile(filepath.Join(s.d.Spool, cfg.Name, lockName), os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return flock(f) != nil
}
