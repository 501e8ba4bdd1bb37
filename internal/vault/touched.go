package vault

import (
	"context"
	"slices"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/observation"
)

// Every UPDATE of observation that changes what may be told of a row sets touchedNow, so that
// who has read the vault once need only read again what was touched since. It is the count of
// Changes before the transaction's own.
const touchedNow = `touched = COALESCE((SELECT value FROM counter WHERE name = 'changes'), 0)`

// Touched returns the numbers, in order, of the observations that were written again in any way
// since Changes gave since, withdrawn and returned ones included, and of those that are new: their
// number is above last.
func (db *DB) Touched(ctx context.Context, since, last int64) (ids []int64, err error) {
	defer fault.Wrap(&err, "vault.Touched")
	for _, q := range [...]struct {
		text string
		arg  int64
	}{{`SELECT id FROM observation WHERE touched IS NOT NULL AND touched >= $1`, since}, {`SELECT id FROM observation WHERE id > $1`, last}} {
		if ids, err = db.ids(ctx, ids, q.text, q.arg); err != nil {
			return nil, err
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// ids appends the numbers that a query returns.
func (db *DB) ids(ctx context.Context, ids []int64, text string, args ...any) ([]int64, error) {
	rows, err := db.read.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, interrupted(ctx, classify(err))
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, classify(err)
		}
		ids = append(ids, id)
	}
	return ids, interrupted(ctx, classify(rows.Err()))
}

// Twinned returns the numbers, in order, of the observations that have a twin.
func (db *DB) Twinned(ctx context.Context) (ids []int64, err error) {
	defer fault.Wrap(&err, "vault.Twinned")
	return db.ids(ctx, nil, `SELECT observation FROM twin ORDER BY observation`)
}

// ObservationsOf calls f with those of the observations of ids, sorted, that live, in their order and for
// publication, against a grant that is recorded; o is reused. Only these rows are read.
func (db *DB) ObservationsOf(ctx context.Context, g disclosure.Grant, ids []int64, f func(o *observation.Observation) error) error {
	return db.granted(ctx, g, ForPublication, "vault.ObservationsOf", func() (int, error) {
		return db.scanIDs(ctx, ForPublication, ids, f)
	})
}

// Silent returns how many changes were made by programs that do not say which rows they touched: those of
// before there was such a column, one of which may still run. When it grows, Touched does not know all.
func (db *DB) Silent(ctx context.Context) (n int64, err error) {
	defer fault.Wrap(&err, "vault.Silent")
	err = db.read.QueryRowContext(ctx, `SELECT COALESCE((SELECT value FROM counter WHERE name = 'changes'), 0)
		- COALESCE((SELECT value FROM counter WHERE name = 'noted'), 0)`).Scan(&n)
	return n, interrupted(ctx, classify(err))
}

// Kept returns the mark that SetKept last wrote, 0 when there is none. Whoever keeps something
// that was worked out of the vault keeps the mark with it: another one tells that the vault was put
// back from a copy since, or worked on by another instance, and that what is kept says nothing of it.
func (db *DB) Kept(ctx context.Context) (mark int64, err error) {
	defer fault.Wrap(&err, "vault.Kept")
	err = db.read.QueryRowContext(ctx, `SELECT COALESCE((SELECT value FROM counter WHERE name = 'kept'), 0)`).Scan(&mark)
	return mark, interrupted(ctx, classify(err))
}

// SetKept writes the mark. It waits for the writer under way.
func (db *DB) SetKept(ctx context.Context, mark int64) (err error) {
	defer fault.Wrap(&err, "vault.SetKept")
	return db.tx(ctx, func(b *bulk) error { return b.setCounter("kept", mark) })
}
