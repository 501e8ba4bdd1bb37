package vault

import (
	"context"
	"encoding/json"

	"garrigue/internal/fault"
	"garrigue/internal/quality"
)

// Reject is a row that could not be taken.
type Reject struct {
	Batch    int64
	Line     int    // in the producer's file, 1 for the first line
	Row      string // the producer's own line, as text
	Findings []quality.Finding
}

// Reject stores a rejected row.
func (b *Batch) Reject(ctx context.Context, r Reject) (err error) {
	defer fault.Wrap(&err, "vault.Reject (batch %d)", b.info.ID)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ended(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return interrupted(ctx, err)
	}
	findings, err := json.Marshal(r.Findings)
	if err != nil {
		return err
	}
	b.rejects++
	_, err = b.b.exec(`INSERT INTO reject (batch, number, line, content, findings) VALUES ($1, $2, $3, $4, $5)`,
		b.info.ID, b.rejects, r.Line, null(r.Row), string(findings))
	return interrupted(ctx, err)
}

// EachReject calls f with each rejected row of a batch (0: of every file's latest batch), in
// order of batch and line, until f returns an error, which it returns. It holds one row.
func (db *DB) EachReject(ctx context.Context, batch int64, f func(*Reject) error) (err error) {
	defer fault.Wrap(&err, "vault.EachReject(%d)", batch)
	rows, err := db.read.QueryContext(ctx, `SELECT batch, line, COALESCE(content, ''), findings FROM reject
		WHERE batch = $1 OR ($1 = 0 AND batch IN (SELECT MAX(id) FROM batch GROUP BY file))
		ORDER BY batch, line, number`, batch)
	if err != nil {
		return interrupted(ctx, classify(err))
	}
	defer rows.Close()
	for rows.Next() {
		var r Reject
		var findings string
		if err := rows.Scan(&r.Batch, &r.Line, &r.Row, &findings); err != nil {
			return classify(err)
		}
		if err := json.Unmarshal([]byte(findings), &r.Findings); err != nil {
			return err
		}
		if err := f(&r); err != nil {
			return err
		}
	}
	return interrupted(ctx, classify(rows.Err()))
}

// Rejects returns what EachReject gives, for a few rows.
func (db *DB) Rejects(ctx context.Context, batch int64) (list []Reject, err error) {
	err = db.EachReject(ctx, batch, func(r *Reject) error {
		list = append(list, *r)
		return nil
	})
	return list, err
}
