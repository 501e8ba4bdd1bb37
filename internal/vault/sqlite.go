package vault

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the database/sql driver "sqlite"
	"zombiezen.com/go/sqlite"

	"garrigue/internal/fault"
)

// sqliteDialect speaks to files through the pure-Go SQLite: database/sql for small reads
// and writes, the same engine without database/sql where rows are counted by millions.
func sqliteDialect(path string) *dialect {
	base := strings.TrimSuffix(path, ".sqlite")
	files := map[string]string{"vault": path, "journal": base + "-journal.sqlite", "register": base + "-register.sqlite"}
	sound := []string{"PRAGMA integrity_check", `SELECT "table" FROM pragma_foreign_key_check`}
	schema := strings.NewReplacer("BIGINT", "INTEGER", "DOUBLE PRECISION", "REAL", "BYTEA", "BLOB",
		` COLLATE "C"`, "", "/* strict */", "STRICT")
	return &dialect{
		goose:  goose.DialectSQLite3,
		schema: schema.Replace,
		mark:   "PRAGMA application_id = 1195463254", // applicationID
		prepare: func(context.Context) (func(), error) {
			for _, set := range []string{"vault", "journal", "register"} {
				if err := prepareSQLite(files[set]); err != nil {
					return nil, err
				}
			}
			return func() {}, nil
		},
		open: func(set string, connections int, readOnly bool) (*sql.DB, error) {
			return openSQLite(files[set], connections, readOnly)
		},
		begin: func(ctx context.Context, set string) (session, error) { return beginSQLite(ctx, files[set]) },
		scan: func(ctx context.Context, set, text string, each func(s row) error) error {
			return scanSQLite(ctx, files[set], text, each)
		},
		columns:       `SELECT name, pk FROM pragma_table_info($1) ORDER BY cid`,
		size:          `SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`,
		version:       `SELECT 'SQLite ' || sqlite_version()`,
		sortIndexes:   true,
		sorting:       "PRAGMA cache_size = -16384", // a sorter takes twice the size of the cache
		lookupsPerRow: 6,
		hold:          "PRAGMA wal_autocheckpoint = 0",
		settle:        func(ctx context.Context) error { return checkpointSQLite(ctx, path) },
		verify:        map[string][]string{"vault": sound, "journal": sound, "register": sound},
	}
}

// applicationID marks a file as a vault ("GARV"), so that an atlas or any other SQLite
// file given by mistake is refused untouched.
const applicationID = 0x47415256

func prepareSQLite(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fault.Say(fault.NotFound, "vault.no_folder").Because(err)
		}
		return fault.Say(fault.Unavailable, "vault.cannot_open").Because(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fault.Say(fault.Unavailable, "vault.cannot_open").Because(err)
	}
	if info.IsDir() || info.Size() == 0 {
		return nil
	}
	var head [72]byte
	if _, err := f.ReadAt(head[:], 0); err != nil || string(head[:16]) != "SQLite format 3\x00" {
		return fault.Say(fault.Invalid, "vault.not_a_vault")
	}
	// Offset 68 of the header: https://www.sqlite.org/fileformat2.html#application_id
	id := uint32(head[68])<<24 | uint32(head[69])<<16 | uint32(head[70])<<8 | uint32(head[71])
	if id != applicationID && id != 0 {
		return fault.Say(fault.Invalid, "vault.not_a_vault")
	}
	return nil
}

// openSQLite opens a handle of the given number of connections. busy_timeout comes first,
// since the change to WAL itself may have to wait.
func openSQLite(path string, connections int, readOnly bool) (*sql.DB, error) {
	q := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)",
		"foreign_keys(1)", "cache_size(-12288)", "journal_size_limit(67108864)"}}
	if readOnly {
		q["_pragma"] = append(q["_pragma"], "query_only(1)")
	} else {
		q.Set("_txlock", "immediate")
	}
	db, err := sql.Open("sqlite", "file:"+escapePath(path)+"?"+q.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

func escapePath(path string) string {
	return (&url.URL{Path: path}).EscapedPath()
}

// sqliteSession is a write transaction.
type sqliteSession struct {
	conn  *sqlite.Conn
	stmts map[string]*sqlite.Stmt
}

func beginSQLite(ctx context.Context, path string) (session, error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	s := &sqliteSession{conn: conn, stmts: map[string]*sqlite.Stmt{}}
	conn.SetInterrupt(ctx.Done())
	// Foreign keys are not checked here: a batch writes its own row first and looks every
	// dataset up once, instead of twice per observation.
	for _, text := range []string{"PRAGMA foreign_keys = 0", "PRAGMA synchronous = FULL",
		"PRAGMA cache_size = -65536", "PRAGMA journal_size_limit = 67108864", "BEGIN IMMEDIATE"} {
		if _, err := s.exec(text, nil); err != nil {
			s.finalize()
			conn.Close()
			return nil, err
		}
	}
	return s, nil
}

// statement prepares a text once. This driver numbers ?N and not $N.
func (s *sqliteSession) statement(text string) (*sqlite.Stmt, error) {
	if stmt := s.stmts[text]; stmt != nil {
		return stmt, nil
	}
	stmt, _, err := s.conn.PrepareTransient(strings.ReplaceAll(text, "$", "?"))
	if err != nil {
		return nil, classify(err)
	}
	s.stmts[text] = stmt
	return stmt, nil
}

func (s *sqliteSession) prepare(text string) (*prepared, error) {
	stmt, err := s.statement(text)
	if err != nil {
		return nil, err
	}
	return &prepared{binder: stmt, step: func() error { return stepSQLite(stmt) }}, nil
}

func (s *sqliteSession) loader(table, columns string) (*prepared, error) {
	return s.prepare(`INSERT INTO ` + table + ` (` + columns + `) VALUES (` + placeholders(1, len(columnList(columns))) + `)`)
}

// stepSQLite steps a statement that returns no rows, and makes it ready for the next.
func stepSQLite(stmt *sqlite.Stmt) error {
	if _, err := stmt.Step(); err != nil {
		return classify(err)
	}
	if err := stmt.Reset(); err != nil {
		return classify(err)
	}
	return nil
}

func (s *sqliteSession) exec(text string, args []any) (int, error) {
	stmt, err := s.statement(text)
	if err != nil {
		return 0, err
	}
	if err := bindAll(stmt, args); err != nil {
		return 0, err
	}
	if err := stepSQLite(stmt); err != nil {
		return 0, err
	}
	return s.conn.Changes(), nil
}

func (s *sqliteSession) rows(text string, args []any, scan func(r row) error) error {
	stmt, err := s.statement(text)
	if err != nil {
		return err
	}
	if err := bindAll(stmt, args); err != nil {
		return err
	}
	defer stmt.Reset()
	return eachSQLite(stmt, scan)
}

func eachSQLite(stmt *sqlite.Stmt, each func(r row) error) error {
	r := sqliteRow{stmt}
	for {
		more, err := stmt.Step()
		if err != nil {
			return classify(err)
		}
		if !more {
			return nil
		}
		if err := each(r); err != nil {
			return err
		}
	}
}

// finalize drops the statements.
func (s *sqliteSession) finalize() {
	for text, stmt := range s.stmts {
		stmt.Finalize()
		delete(s.stmts, text)
	}
}

func (s *sqliteSession) end(commit bool) error {
	if commit {
		if _, err := s.exec("COMMIT", nil); err != nil {
			return err
		}
		s.finalize()
		s.conn.Close() // it is committed: a failure to close takes nothing back
		return nil
	}
	s.conn.SetInterrupt(nil) // the rollback itself must not be interrupted
	s.finalize()
	var err error
	if !s.conn.AutocommitEnabled() {
		_, err = s.exec("ROLLBACK", nil)
		s.finalize()
	}
	if cerr := s.conn.Close(); err == nil {
		err = classify(cerr)
	}
	return err
}

// checkpointSQLite copies what was committed from the WAL into the file, as far as no reader still needs the file
// as it was. Neither readers nor a writer wait for it; what it leaves, the next one does.
func checkpointSQLite(ctx context.Context, path string) error {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetInterrupt(ctx.Done())
	stmt, _, err := conn.PrepareTransient("PRAGMA wal_checkpoint(PASSIVE)")
	if err != nil {
		return err
	}
	defer stmt.Finalize()
	return eachSQLite(stmt, func(row) error { return nil })
}

func scanSQLite(ctx context.Context, path, text string, each func(s row) error) error {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetBusyTimeout(10 * time.Second)
	conn.SetInterrupt(ctx.Done())
	stmt, _, err := conn.PrepareTransient(text)
	if err != nil {
		return err
	}
	defer stmt.Finalize()
	return eachSQLite(stmt, each)
}

// sqliteRow is the current row of a statement.
type sqliteRow struct{ *sqlite.Stmt }

// ColumnType tells the storage class of a column.
func (r sqliteRow) ColumnType(i int) cell {
	switch r.Stmt.ColumnType(i) {
	case sqlite.TypeInteger:
		return integerCell
	case sqlite.TypeFloat:
		return floatCell
	case sqlite.TypeText:
		return textCell
	case sqlite.TypeBlob:
		return blobCell
	}
	return nullCell
}
