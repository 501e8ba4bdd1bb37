package vault

import (
	"context"
	"database/sql"

	"garrigue/internal/fault"
)

// The register holds what people decide and what the program must remember between runs:
// sources and their runs, taxon decisions, consent, mappings. On SQLite it is a file of its
// own, so that a form saved while millions of rows are imported does not wait for them; on
// PostgreSQL it is tables of the same database, which an import does not lock. Nothing in it
// refers to a row of the vault by a foreign key, and no transaction spans both: what a person
// decided survives an import rolled back, and is applied by the next one or by Reclass.

// inRegister runs f in one short write transaction of the register, committed when f returns
// no error. One at a time, so that what f reads is still true when it writes: f must not do
// long work, other forms wait.
func (db *DB) inRegister(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := db.register.BeginTx(ctx, nil)
	if err != nil {
		return interrupted(ctx, classify(err))
	}
	defer tx.Rollback()
	if alone := db.dialect.form; alone != nil {
		if err := alone(ctx, tx); err != nil {
			return interrupted(ctx, classify(err))
		}
	}
	if err := f(tx); err != nil {
		return interrupted(ctx, classify(err))
	}
	return interrupted(ctx, classify(tx.Commit()))
}

// registerID takes the next number of a counter of the register, inside a transaction of it.
func registerID(ctx context.Context, tx *sql.Tx, counter string) (id int64, err error) {
	if _, err := tx.ExecContext(ctx, `INSERT INTO register_counter (name, value) VALUES ($1, 1)
		ON CONFLICT (name) DO UPDATE SET value = register_counter.value + 1`, counter); err != nil {
		return 0, classify(err)
	}
	err = tx.QueryRowContext(ctx, `SELECT value FROM register_counter WHERE name = $1`, counter).Scan(&id)
	return id, classify(err)
}

// registerRows reads a query of the register, calling scan with each row.
func (db *DB) registerRows(ctx context.Context, text string, args []any, scan func(rows *sql.Rows) error) (err error) {
	defer fault.Wrap(&err, "vault.Register")
	rows, err := db.register.QueryContext(ctx, text, args...)
	if err != nil {
		return interrupted(ctx, classify(err))
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return classify(err)
		}
	}
	return interrupted(ctx, classify(rows.Err()))
}
