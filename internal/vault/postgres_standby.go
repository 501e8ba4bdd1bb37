package vault

import (
	"context"
	"database/sql"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"garrigue/internal/fault"
)

// freshness keeps how far the primary's log was when this program last wrote, so that what it
// reads from a standby afterwards is not older. Nil with a single server: nothing to wait for.
type freshness struct{ wanted atomic.Int64 }

// standbyPatience is how long a reading waits for a standby.
const standbyPatience = 10 * time.Second

const writtenText = `SELECT CASE WHEN NOT pg_is_in_recovery() THEN CAST(pg_current_wal_insert_lsn() - '0/0' AS BIGINT) END`

// written notes where the primary's log is. A failure leaves the former place: the standby may
// then be a little older, as one read by another program may be.
func (f *freshness) written(ctx context.Context, conn *pgconn.PgConn) {
	if f == nil {
		return
	}
	v, err := ask(ctx, conn, writtenText)
	if err != nil {
		return
	}
	if at, err := strconv.ParseInt(v, 10, 64); err == nil {
		f.wanted.Store(at)
	}
}

// writtenTx is written in a transaction of a pool, where a failure is that of the transaction.
func (f *freshness) writtenTx(ctx context.Context, tx *sql.Tx) error {
	if f == nil {
		return nil
	}
	var at sql.NullInt64
	if err := tx.QueryRowContext(ctx, writtenText).Scan(&at); err != nil {
		return err
	}
	if at.Valid {
		f.wanted.Store(at.Int64)
	}
	return nil
}

// wait returns once the server of a connection has what this program wrote: at once on the
// primary. A standby that stays behind is Unavailable.
func (f *freshness) wait(ctx context.Context, conn *pgconn.PgConn) error {
	if f == nil {
		return nil
	}
	for begun := time.Now(); ; {
		v, err := ask(ctx, conn, `SELECT CASE WHEN pg_is_in_recovery() THEN CAST(pg_last_wal_replay_lsn() - '0/0' AS BIGINT) END`)
		if err != nil || v == "" {
			return err
		}
		if at, err := strconv.ParseInt(v, 10, 64); err != nil || at >= f.wanted.Load() {
			return err
		}
		if time.Since(begun) > standbyPatience {
			return fault.Say(fault.Unavailable, "vault.pg_behind")
		}
		select {
		case <-ctx.Done():
			return interrupted(ctx, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}
