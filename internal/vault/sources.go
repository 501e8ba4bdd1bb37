package vault

import (
	"context"
	"database/sql"
	"time"

	"garrigue/internal/fault"
)

// SourceRun is one synchronisation of a source.
type SourceRun struct {
	ID        int64
	Source    string
	Trigger   string // "hand", "schedule"
	By        string
	Started   time.Time
	Ended     time.Time // zero while it goes on, or when the program was stopped
	Outcome   string    // "done", "unchanged", "partial", "failed", "stopped"; "" while Ended is zero
	ErrorKey  string    // sentence of the catalogues
	ErrorArgs string    // its arguments, a JSON list
	Notes     string    // JSON list of sentences
	Files     int       // imported
	Refused   int       // files
	Bytes     int64
	Read      int
	Created   int
	Updated   int
	Same      int
	Withdrawn int
	Rejected  int
	Held      int
	Next      time.Time // zero without a schedule
}

// SourceState returns what a source remembers of its last complete run and when it was kept,
// nothing and the zero time when it has none.
func (db *DB) SourceState(ctx context.Context, source string) (state []byte, kept time.Time, err error) {
	err = db.registerRows(ctx, `SELECT COALESCE(state, ''), kept_at FROM source_state WHERE source = $1`, []any{source},
		func(rows *sql.Rows) error {
			var s, at string
			if err := rows.Scan(&s, &at); err != nil {
				return err
			}
			if s != "" {
				state = []byte(s)
			}
			kept = parseTime(at)
			return nil
		})
	return state, kept, err
}

// KeepSourceState replaces what a source remembers; nil forgets it, so that the next run
// brings everything again.
func (db *DB) KeepSourceState(ctx context.Context, source string, state []byte, now time.Time) (err error) {
	defer fault.Wrap(&err, "vault.KeepSourceState(%s)", source)
	return db.inRegister(ctx, func(tx *sql.Tx) error { return keepState(ctx, tx, source, state, now) })
}

func keepState(ctx context.Context, tx *sql.Tx, source string, state []byte, now time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO source_state (source, state, kept_at) VALUES ($1, $2, $3)
		ON CONFLICT (source) DO UPDATE SET state = excluded.state, kept_at = excluded.kept_at`,
		source, null(string(state)), formatTime(now))
	return err
}

// Lease is the right to work on a source.
type Lease struct {
	Source string
	Token  string // of the holder
	Host   string
	Since  time.Time
	Until  time.Time
}

// TakeLease takes or extends the right to work on a source until l.Until. It is Conflict while
// another token has it and its time is not over at now; stale (of a process of l.Host known to
// be dead) takes it all the same.
func (db *DB) TakeLease(ctx context.Context, l Lease, now time.Time, stale bool) (err error) {
	defer fault.Wrap(&err, "vault.TakeLease(%s)", l.Source)
	return db.inRegister(ctx, func(tx *sql.Tx) error {
		var token, host, since, until string
		err := tx.QueryRowContext(ctx, `SELECT token, host, since, until FROM source_lease WHERE source = $1`, l.Source).
			Scan(&token, &host, &since, &until)
		switch {
		case err == sql.ErrNoRows:
		case err != nil:
			return err
		case token == l.Token, stale && host == l.Host, !parseTime(until).After(now):
		default:
			return fault.Say(fault.Conflict, "vault.source_busy", l.Source, parseTime(since).Format("2006-01-02 15:04"), host)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO source_lease (source, token, host, since, until) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (source) DO UPDATE SET token = excluded.token, host = excluded.host, since = excluded.since, until = excluded.until`,
			l.Source, l.Token, l.Host, formatTime(l.Since), formatTime(l.Until))
		return err
	})
}

// DropLease gives the right back.
func (db *DB) DropLease(ctx context.Context, source, token string) (err error) {
	defer fault.Wrap(&err, "vault.DropLease(%s)", source)
	return db.inRegister(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM source_lease WHERE source = $1 AND token = $2`, source, token)
		return err
	})
}

// BeginRun writes the row of a run that begins, and returns its number. Runs of the same source
// left open by a program that was stopped are closed as such.
func (db *DB) BeginRun(ctx context.Context, r SourceRun) (id int64, err error) {
	defer fault.Wrap(&err, "vault.BeginRun(%s)", r.Source)
	err = db.inRegister(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE source_run SET ended_at = $2, outcome = 'stopped'
			WHERE source = $1 AND ended_at IS NULL`, r.Source, formatTime(r.Started)); err != nil {
			return err
		}
		var err error
		if id, err = registerID(ctx, tx, "source_run"); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO source_run (id, source, cause, actor, started_at, files, refused, bytes,
			read, created, updated, same, withdrawn, rejected, held) VALUES ($1, $2, $3, $4, $5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)`,
			id, r.Source, r.Trigger, null(r.By), formatTime(r.Started))
		return err
	})
	return id, err
}

// EndRun completes the row of a run, and keeps its new state in the same transaction when keep
// is true. It does so although ctx has ended: a run that was interrupted has a row too.
func (db *DB) EndRun(ctx context.Context, r SourceRun, state []byte, keep bool) (err error) {
	defer fault.Wrap(&err, "vault.EndRun(%s)", r.Source)
	ctx = context.WithoutCancel(ctx)
	return db.inRegister(ctx, func(tx *sql.Tx) error {
		if keep {
			if err := keepState(ctx, tx, r.Source, state, r.Ended); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `UPDATE source_run SET ended_at = $2, outcome = $3, error_key = $4, error_args = $5, notes = $6,
			files = $7, refused = $8, bytes = $9, read = $10, created = $11, updated = $12, same = $13, withdrawn = $14,
			rejected = $15, held = $16, next_at = $17 WHERE id = $1`,
			r.ID, formatTime(r.Ended), null(r.Outcome), null(r.ErrorKey), null(r.ErrorArgs), null(r.Notes), r.Files, r.Refused, r.Bytes,
			r.Read, r.Created, r.Updated, r.Same, r.Withdrawn, r.Rejected, r.Held, null(formatTime(r.Next)))
		return err
	})
}

const runColumns = `id, source, cause, COALESCE(actor, ''), started_at, COALESCE(ended_at, ''), COALESCE(outcome, ''),
	COALESCE(error_key, ''), COALESCE(error_args, ''), COALESCE(notes, ''), files, refused, bytes, read, created, updated, same,
	withdrawn, rejected, held, COALESCE(next_at, '')`

// Runs lists the runs of a source ("" for all), newest first; all of them when limit is 0.
func (db *DB) Runs(ctx context.Context, source string, limit int) (list []SourceRun, err error) {
	if limit <= 0 {
		limit = 1 << 30
	}
	return db.runs(ctx, `SELECT `+runColumns+` FROM source_run WHERE source = $1 OR $1 = '' ORDER BY id DESC LIMIT $2`, source, limit)
}

// LastRuns returns the last run of each source.
func (db *DB) LastRuns(ctx context.Context) (map[string]SourceRun, error) {
	list, err := db.runs(ctx, `SELECT `+runColumns+` FROM source_run
		WHERE id IN (SELECT MAX(id) FROM source_run GROUP BY source) ORDER BY id`)
	if err != nil {
		return nil, err
	}
	last := make(map[string]SourceRun, len(list))
	for _, r := range list {
		last[r.Source] = r
	}
	return last, nil
}

func (db *DB) runs(ctx context.Context, text string, args ...any) (list []SourceRun, err error) {
	err = db.registerRows(ctx, text, args, func(rows *sql.Rows) error {
		var r SourceRun
		var started, ended, next string
		if err := rows.Scan(&r.ID, &r.Source, &r.Trigger, &r.By, &started, &ended, &r.Outcome, &r.ErrorKey, &r.ErrorArgs, &r.Notes,
			&r.Files, &r.Refused, &r.Bytes, &r.Read, &r.Created, &r.Updated, &r.Same, &r.Withdrawn, &r.Rejected, &r.Held, &next); err != nil {
			return err
		}
		r.Started, r.Ended, r.Next = parseTime(started), parseTime(ended), parseTime(next)
		list = append(list, r)
		return nil
	})
	return list, err
}

// ForgetRuns deletes all but the last keep runs of a source.
func (db *DB) ForgetRuns(ctx context.Context, source string, keep int) (err error) {
	defer fault.Wrap(&err, "vault.ForgetRuns(%s)", source)
	return db.inRegister(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM source_run WHERE source = $1 AND id <= (
			SELECT COALESCE(MIN(id), 0) - 1 FROM (SELECT id FROM source_run WHERE source = $1 ORDER BY id DESC LIMIT $2) AS latest)`,
			source, keep)
		return err
	})
}
