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

// Open opens the vault at an address, the path of a SQLite file or the URL of a PostgreSQL
// database (postgres://…), creating and migrating it as needed. The file is readable by its owner
// only. A vault made by a newer program is refused (Conflict), as is a file or a database that
// is something else (Invalid).
func Open(ctx context.Context, address string) (_ *DB, err error) {
	defer fault.Wrap(&err, "vault.Open")
	d, err := dialectOf(address)
	if err != nil {
		return nil, err
	}
	release, err := d.prepare(ctx)
	if err != nil {
		return nil, interrupted(ctx, err)
	}
	defer release()
	db := &DB{dialect: d, address: address, writing: make(chan struct{}, 1)}
	opened := []*sql.DB{}
	defer func() {
		if err != nil {
			for _, h := range opened {
				h.Close()
			}
		}
	}()
	for _, h := range []struct {
		to          **sql.DB
		set         string
		connections int
		readOnly    bool
	}{{&db.write, "vault", 1, false}, {&db.journal, "journal", 1, false}, {&db.register, "register", 1, false}, {&db.read, "vault", readers, true}} {
		if *h.to, err = d.open(h.set, h.connections, h.readOnly); err != nil {
			return nil, classify(err)
		}
		opened = append(opened, *h.to)
		if h.readOnly {
			continue
		}
		if err := migrate(ctx, d, *h.to, h.set); err != nil {
			return nil, err
		}
	}
	if d.extra != "" {
		if err := migrate(ctx, d, db.write, d.extra); err != nil {
			return nil, err
		}
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
		goose.WithDisableGlobalRegistry(true), goose.WithTableName(versionTable(d, set)), goose.WithLogger(goose.NopLogger()))
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

// versionTable names the table that says which steps of a set were run. The steps of one
// engine alone are counted apart from those of all, beside them.
func versionTable(d *dialect, set string) string {
	if set == d.extra {
		return "schema_version_" + set
	}
	return "schema_version"
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
		statements := append(splitStatements(d.schema(string(text))),
			d.schema("CREATE TABLE IF NOT EXISTS schema_file (name TEXT NOT NULL PRIMARY KEY, sha256 TEXT NOT NULL) /* strict */"),
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

// splitStatements cuts a text at the semicolons that end a line, but those of a function's body.
func splitStatements(text string) (list []string) {
	whole := ""
	for _, part := range strings.SplitAfter(text, ";\n") {
		if whole += part; strings.Count(whole, "$$")%2 == 0 {
			list, whole = append(list, whole), ""
		}
	}
	return append(list, whole)
}

// Check reads the whole vault, its register and its journal, and reports damage: a broken file, a
// row that refers to nothing (Internal). It takes minutes on a large one.
func (db *DB) Check(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "vault.Check")
	for _, set := range copySets() {
		for _, text := range db.dialect.verify[set] {
			err := db.dialect.scan(ctx, set, text, func(s row) error {
				if found := s.ColumnText(0); found != "ok" {
					return fault.Say(fault.Internal, "vault.damaged").Because(errors.New(found))
				}
				return nil
			})
			if err != nil {
				return interrupted(ctx, classify(err))
			}
		}
	}
	return nil
}
