package vault

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
)

// Former is an observation's content before a batch replaced it: the row as a JSON object of
// its columns, without those that were NULL; the geometry is WKB in hexadecimal.
type Former struct {
	Batch    int64 // the batch that replaced it
	Replaced time.Time
	Content  string
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
	rows, err := db.read.QueryContext(ctx, `SELECT batch, replaced_at, content FROM observation_history
		WHERE observation = $1 ORDER BY id`, id)
	if err != nil {
		return nil, classify(err)
	}
	defer rows.Close()
	for rows.Next() {
		var f Former
		var at string
		if err := rows.Scan(&f.Batch, &at, &f.Content); err != nil {
			return nil, classify(err)
		}
		f.Replaced = parseTime(at)
		list = append(list, f)
	}
	return list, classify(rows.Err())
}

// formerRow is a row about to be replaced.
type formerRow struct {
	content int64
	uuid    uuid.UUID
	json    []byte
}

// former reads a row whole, as a JSON object of its columns: NULLs are left out, the
// geometry is in hexadecimal.
func (b *Batch) former(id int64) (f formerRow, err error) {
	columns := columnList(writtenColumns)
	cells := make(map[string]any, len(columns))
	found := false
	err = b.b.rows(`SELECT `+writtenColumns+` FROM observation WHERE id = $1`, []any{id}, func(s row) error {
		found = true
		for i, c := range columns {
			switch s.ColumnType(i) {
			case sqlite.TypeInteger:
				cells[c] = s.ColumnInt64(i)
			case sqlite.TypeFloat:
				cells[c] = s.ColumnFloat(i)
			case sqlite.TypeText:
				cells[c] = s.ColumnText(i)
			case sqlite.TypeBlob:
				shape := make([]byte, s.ColumnLen(i))
				s.ColumnBytes(i, shape)
				cells[c] = hex.EncodeToString(shape)
			}
		}
		return nil
	})
	if err != nil {
		return f, err
	}
	if !found {
		return f, fmt.Errorf("observation %d is gone", id)
	}
	f.content, _ = cells["content_hash"].(int64)
	if t, ok := cells["id_sinp"].(string); ok {
		if f.uuid, err = uuid.Parse(t); err != nil {
			return f, fmt.Errorf("observation %d: identifier", id)
		}
	}
	f.json, err = json.Marshal(cells)
	return f, err
}

// remember keeps a former row in the history of its observation.
func (b *Batch) remember(observation int64, content []byte) error {
	id, err := b.b.id("history")
	if err != nil {
		return err
	}
	_, err = b.b.exec(`INSERT INTO observation_history (observation, id, batch, replaced_at, content)
		VALUES ($1, $2, $3, $4, $5)`, observation, id, b.info.ID, formatTime(time.Now()), string(content))
	return err
}
