package vault

import (
	"context"
	"errors"
	"io/fs"

	"modernc.org/sqlite"
	zombie "zombiezen.com/go/sqlite"

	"garrigue/internal/fault"
)

// classify gives a driver's error its kind; the only place where driver codes are known.
// (PostgreSQL's are in postgres_errors.go.) SQLite's texts name tables and columns, never values.
func classify(err error) error {
	if err == nil {
		return nil
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	var file *fs.PathError // a file of keys: the number in it would pass for an error of the network
	if errors.As(err, &file) {
		return fault.Say(fault.Unavailable, "vault.disk").Because(err)
	}
	if err := classifyPostgres(err); err != nil {
		return err
	}
	var code zombie.ResultCode
	var e *sqlite.Error
	if errors.As(err, &e) {
		code = zombie.ResultCode(e.Code())
	} else {
		code = zombie.ErrCode(err)
	}
	switch code.ToPrimary() {
	case zombie.ResultBusy, zombie.ResultLocked:
		return fault.Say(fault.Unavailable, "vault.busy").Because(err)
	case zombie.ResultFull, zombie.ResultIOErr:
		return fault.Say(fault.Unavailable, "vault.disk").Because(err)
	case zombie.ResultReadOnly, zombie.ResultCantOpen, zombie.ResultPerm:
		return fault.Say(fault.Unavailable, "vault.cannot_open").Because(err)
	case zombie.ResultNotADB:
		return fault.Say(fault.Invalid, "vault.not_a_vault").Because(err)
	case zombie.ResultCorrupt:
		return fault.Say(fault.Internal, "vault.damaged").Because(err)
	case zombie.ResultInterrupt:
		return fault.Say(fault.Unavailable, "vault.interrupted").Because(err)
	case zombie.ResultConstraint, zombie.ResultMismatch, zombie.ResultTooBig:
		return fault.Say(fault.Invalid, "vault.refused").Because(err)
	}
	return err
}

// interrupted makes the end of the context the cause of the error it led to, so that
// errors.Is(err, context.Canceled) holds.
func interrupted(ctx context.Context, err error) error {
	switch {
	case err == nil || ctx.Err() == nil:
		return err
	case !errors.Is(err, ctx.Err()):
		err = errors.Join(ctx.Err(), err)
	case fault.Is(err, fault.Unavailable):
		return err
	}
	return fault.Say(fault.Unavailable, "vault.interrupted").Because(err)
}
