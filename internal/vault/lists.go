package vault

import (
	"context"
	"database/sql"

	"garrigue/internal/fault"
)

// ListFiles returns, by the ID of each current sensitivity list, the name of the reference it
// was last loaded from: loading another version of that reference takes its place.
func (db *DB) ListFiles(ctx context.Context) (files map[string]string, err error) {
	defer fault.Wrap(&err, "vault.ListFiles")
	type file struct{ list, name string }
	files = map[string]string{}
	for f, err := range query(ctx, db, "vault.ListFiles", `SELECT l.id, r.name FROM sensitivity_list l JOIN reference r ON r.id = l.reference`,
		func() func(*sql.Rows, *file) error {
			return func(rows *sql.Rows, f *file) error { return rows.Scan(&f.list, &f.name) }
		}) {
		if err != nil {
			return nil, err
		}
		files[f.list] = f.name
	}
	return files, nil
}
