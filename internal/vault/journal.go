package vault

import (
	"context"
	"strings"
	"time"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
)

// Access is one reading of exact observations, as the journal keeps it.
type Access struct {
	ID      int64
	Who     string
	Reason  string
	Fields  string // "for publication", "complete"
	Started time.Time
	Ended   time.Time // zero when the program was stopped before the end
	Rows    int       // given out
	Outcome string    // "done", "stopped"; "" when Ended is zero
}

// record writes a reading in the journal before its first row is given out. The journal is a
// file of its own, so that reading never waits for an import.
func (db *DB) record(ctx context.Context, g disclosure.Grant, what Fields) (int64, error) {
	who, reason := strings.TrimSpace(g.Who), strings.TrimSpace(g.Reason)
	if who == "" || reason == "" {
		return 0, fault.Say(fault.Forbidden, "vault.grant_incomplete")
	}
	tx, err := db.journal.BeginTx(ctx, nil)
	if err != nil {
		return 0, interrupted(ctx, classify(err))
	}
	defer tx.Rollback()
	var id int64
	// The counter's row is locked until the end of the transaction: two programs that read at
	// the same moment take two numbers.
	if _, err := tx.ExecContext(ctx, `INSERT INTO journal_counter (name, value) VALUES ('journal', 1)
		ON CONFLICT (name) DO UPDATE SET value = journal_counter.value + 1`); err != nil {
		return 0, interrupted(ctx, classify(err))
	}
	if err := tx.QueryRowContext(ctx, `SELECT value FROM journal_counter WHERE name = 'journal'`).Scan(&id); err != nil {
		return 0, classify(err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO journal (id, started_at, who, reason, fields, row_count)
		VALUES ($1, $2, $3, $4, $5, 0)`, id, formatTime(time.Now()), who, reason, what.String()); err != nil {
		return 0, classify(err)
	}
	return id, classify(tx.Commit())
}

// endRecord completes the entry, also when the reading was interrupted.
func (db *DB) endRecord(ctx context.Context, id int64, rows int, failure error) error {
	outcome := "done"
	if failure != nil {
		outcome = "stopped"
	}
	_, err := db.journal.ExecContext(context.WithoutCancel(ctx), `UPDATE journal SET ended_at = $2, row_count = $3, outcome = $4
		WHERE id = $1`, id, formatTime(time.Now()), rows, outcome)
	return classify(err)
}

// Journal lists the readings of exact observations, newest first; all of them when limit is
// 0.
func (db *DB) Journal(ctx context.Context, limit int) (list []Access, err error) {
	defer fault.Wrap(&err, "vault.Journal")
	if limit <= 0 {
		limit = 1 << 30
	}
	rows, err := db.journal.QueryContext(ctx, `SELECT id, started_at, COALESCE(ended_at, ''), who, reason, fields, row_count,
		COALESCE(outcome, '') FROM journal ORDER BY id DESC LIMIT $1`, limit)
	if err != nil {
		return nil, classify(err)
	}
	defer rows.Close()
	for rows.Next() {
		var a Access
		var started, ended string
		if err := rows.Scan(&a.ID, &started, &ended, &a.Who, &a.Reason, &a.Fields, &a.Rows, &a.Outcome); err != nil {
			return nil, classify(err)
		}
		a.Started, a.Ended = parseTime(started), parseTime(ended)
		list = append(list, a)
	}
	return list, classify(rows.Err())
}
