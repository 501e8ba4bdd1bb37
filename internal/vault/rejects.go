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

// Rejects returns the rejected rows of a batch (0: of every file's latest batch), in order
// of batch and line.
func (db *DB) Rejects(ctx context.Context, batch int64) (list []Reject, err error) {
	defer fault.Wrap(&err, "vault.Rejects(%d)", batch)
	rows, err := db.read.QueryContext(ctx, `SELECT batch, line, COALESCE(content, ''), findings FROM reject
		WHERE batch = $1 OR ($1 = 0 AND batch IN (SELECT MAX(id) FROM batch GROUP BY file))
		ORDER BY batch, line, number`, batch)
	if err != nil {
		return nil, classify(err)
	}
	defer rows.Close()
	for rows.Next() {
		var r Reject
		var findings string
		if err := rows.Scan(&r.Batch, &r.Line, &r.Row, &findings); err != nil {
			return nil, classify(err)
		}
		if err := json.Unmarshal([]byte(findings), &r.Findings); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, classify(rows.Err())
}
