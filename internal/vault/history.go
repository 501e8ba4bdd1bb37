package vault

import (
	"context"
	"time"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
)

// Former is an observation's content before a batch replaced it: the row as a JSON object of
// its columns, without those that were NULL; the geometry is WKB in hexadecimal.
type Former struct {
	Batch    int64 // the batch that replaced it
	Replaced time.Time
	Content  string // of an event, at most the batch that had brought the observation
	Event    string // "withdrawn", "returned", "" when content was replaced
}

// History returns what an observation was before, oldest first, against a grant recorded in
// the journal. It is empty for an observation never changed, or unknown.
func (db *DB) History(ctx context.Context, g disclosure.Grant, id int64) (list []Former, err error) {
	defer fault.Wrap(&err, "vault.History(%d)", id)
	entry, err := db.record(ctx, g, Complete)
	if err != nil {
		return nil, err
	}
	list, err = db.readHistory(ctx, id)
	if jerr := db.endRecord(ctx, entry, len(list), err); err == nil {
		err = jerr
	}
	return list, err
}

func (db *DB) readHistory(ctx context.Context, id int64) (list []Former, err error) {
	rows, err := db.read.QueryContext(ctx, `SELECT batch, replaced_at, content, COALESCE(event, '') FROM observation_history
		WHERE observation = $1 ORDER BY id`, id)
	if err != nil {
		return nil, classify(err)
	}
	defer rows.Close()
	for rows.Next() {
		var f Former
		var at string
		if err := rows.Scan(&f.Batch, &at, &f.Content, &f.Event); err != nil {
			return nil, classify(err)
		}
		f.Replaced = parseTime(at)
		list = append(list, f)
	}
	return list, classify(rows.Err())
}

// remember keeps a former row, or an event that replaces none, in the history of its
// observation.
func (b *Batch) remember(observation int64, event string, content []byte) error {
	id, err := b.b.id("history")
	if err != nil {
		return err
	}
	if content == nil {
		content = []byte("{}")
	}
	return b.b.later(`INSERT INTO observation_history (observation, id, batch, replaced_at, content, event)
		VALUES ($1, $2, $3, $4, $5, $6)`, observation, id, b.info.ID, now(), string(content), null(event))
}
