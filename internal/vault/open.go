package vault

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"

	"garrigue/internal/fault"
)

//go:embed migrations
var migrations embed.FS

// readers is the size of the read pool: each connection has its own cache.
const readers = 4

// Open opens the vault at a path of a SQLite file, creating and migrating it as needed. The
// file is readable by its owner only. A vault made by a newer program is refused (Conflict),
// as is a file that is something else (Invalid).
func Open(ctx context.Context, path string) (_ *DB, err error) {
	defer fault.Wrap(&err, "vault.Open")
	d := sqliteDialect()
	db := &DB{dialect: d, path: path, writing: make(chan struct{}, 1)}
	opened := []*sql.DB{}
	defer func() {
		if err != nil {
			for _, h := range opened {
				h.Close()
			}
		}
	}()
	handle := func(path string, connections int, readOnly bool) (*sql.DB, error) {
		h, err := d.open(path, connections, readOnly)
		if err == nil {
			opened = append(opened, h)
		}
		return h, classify(err)
	}
	journal, register := d.journalPath(path), d.registerPath(path)
	for _, p := range []string{path, journal, register} {
		if err := d.prepare(p); err != nil {
			return nil, err
		}
	}
	if db.write, err = handle(path, 1, false); err != nil {
		return nil, err
	}
	if err := migrate(ctx, d, db.write, "vault"); err != nil {
		return nil, err
	}
	if db.journal, err = handle(journal, 1, false); err != nil {
		return nil, err
	}
	if err := migrate(ctx, d, db.journal, "journal"); err != nil {
		return nil, err
	}
	if db.register, err = handle(register, 1, false); err != nil {
		return nil, err
	}
	if err := migrate(ctx, d, db.register, "register"); err != nil {
		return nil, err
	}
	if db.read, err = handle(path, readers, true); err != nil {
		return nil, err
	}
	return db, nil
}

// migrate brings a schema up to this program's version. Another process may do the same at
// the same moment: whoever comes second finds nothing left to do.
func migrate(ctx context.Context, d *dialect, db *sql.DB, set string) error {
	var err error
	for try := range 5 {
		if err = migrateOnce(ctx, d, db, set); err == nil || fault.Is(err, fault.Conflict) || ctx.Err() != nil {
			return interrupted(ctx, err)
		}
		time.Sleep(time.Duration(try*20) * time.Millisecond)
	}
	return err
}

func migrateOnce(ctx context.Context, d *dialect, db *sql.DB, set string) error {
	steps, err := readMigrations(d, set)
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(d.goose, db, nil, goose.WithGoMigrations(steps...),
		goose.WithDisableGlobalRegistry(true), goose.WithTableName("schema_version"), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return classify(err)
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return classify(err)
	}
	if current > target {
		return fault.Say(fault.Conflict, "vault.newer_schema", current, target)
	}
	if current == target {
		return nil
	}
	_, err = p.Up(ctx)
	return classify(err)
}

// readMigrations turns each file NNNN_name.sql into a step that sends its statements one
// by one, in one transaction, and records the file's name and hash.
func readMigrations(d *dialect, set string) ([]*goose.Migration, error) {
	dir := path.Join("migrations", set)
	entries, err := fs.ReadDir(migrations, dir)
	if err != nil {
		return nil, err
	}
	var steps []*goose.Migration
	for _, e := range entries {
		text, err := fs.ReadFile(migrations, path.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		number, _, _ := strings.Cut(e.Name(), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", e.Name(), err)
		}
		sum := sha256.Sum256(text)
		statements := append(strings.SplitAfter(d.schema.Replace(string(text)), ";\n"),
			d.schema.Replace("CREATE TABLE IF NOT EXISTS schema_file (name TEXT NOT NULL PRIMARY KEY, sha256 TEXT NOT NULL) /* strict */"),
			"INSERT INTO schema_file (name, sha256) VALUES ('"+e.Name()+"', '"+hex.EncodeToString(sum[:])+"')", d.mark)
		steps = append(steps, goose.NewGoMigration(version, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			for _, s := range statements {
				if strings.TrimSpace(s) == "" {
					continue
				}
				if _, err := tx.ExecContext(ctx, s); err != nil {
					return err
				}
			}
			return nil
		}}, nil))
	}
	return steps, nil
}

// Check reads the whole vault and reports damage: a broken file, a row that refers to
// nothing (Internal). It takes minutes on a large one.
func (db *DB) Check(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "vault.Check")
	for _, text := range db.dialect.verify {
		for found, err := range query(ctx, db, "verify", text, func() func(*sql.Rows, *string) error {
			return func(rows *sql.Rows, s *string) error { return rows.Scan(s) }
		}) {
			if err != nil {
				return err
			}
			if found != "ok" {
				return fault.Say(fault.Internal, "vault.damaged").Because(errors.New(found))
			}
		}
	}
	return nil
}
