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

// dialect is everything in which two database engines differ. There is one text of SQL for
// both; no other file asks which engine it speaks to.
type dialect struct {
	goose goose.Dialect
	// schema translates the migrations, written for PostgreSQL.
	schema *strings.Replacer
	// mark is a statement that says whose database it is, run with each migration.
	mark string
	// prepare checks that the place may hold a vault and creates it as needed.
	prepare func(path string) error
	// journalPath is where the journal of reads is kept.
	journalPath func(path string) string
	// registerPath is where the register is kept.
	registerPath func(path string) string
	open         func(path string, connections int, readOnly bool) (*sql.DB, error)
	// bulk begins a write transaction on a connection with typed binds; it waits until
	// any other writer has ended, or ctx.
	bulk func(ctx context.Context, path string) (*bulk, error)
	// scan opens a connection with typed columns for one long read.
	scan func(ctx context.Context, path string) (*sqlite.Conn, error)
	// verify are queries that return "ok", or nothing, on a sound database.
	verify []string
}

// sqliteDialect speaks to a file through the pure-Go SQLite: database/sql for small reads
// and writes, the same engine without database/sql where rows are counted by millions.
func sqliteDialect() *dialect {
	return &dialect{
		goose: goose.DialectSQLite3,
		schema: strings.NewReplacer("BIGINT", "INTEGER", "DOUBLE PRECISION", "REAL", "BYTEA", "BLOB",
			` COLLATE "C"`, "", "/* strict */", "STRICT"),
		mark:         "PRAGMA application_id = 1195463254", // applicationID
		prepare:      prepareSQLite,
		journalPath:  func(path string) string { return strings.TrimSuffix(path, ".sqlite") + "-journal.sqlite" },
		registerPath: func(path string) string { return strings.TrimSuffix(path, ".sqlite") + "-register.sqlite" },
		open:         openSQLite,
		bulk:         beginSQLite,
		scan:         scanSQLite,
		verify:       []string{"PRAGMA integrity_check", `SELECT "table" FROM pragma_foreign_key_check`},
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

func beginSQLite(ctx context.Context, path string) (*bulk, error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	b := &bulk{conn: conn, stmts: map[string]*sqlite.Stmt{}, ids: map[string]int64{}}
	conn.SetInterrupt(ctx.Done())
	// Foreign keys are not checked here: a batch writes its own row first and looks every
	// dataset up once, instead of twice per observation.
	for _, s := range []string{"PRAGMA foreign_keys = 0", "PRAGMA synchronous = FULL",
		"PRAGMA cache_size = -65536", "PRAGMA journal_size_limit = 67108864", "BEGIN IMMEDIATE"} {
		if _, err := b.exec(s); err != nil {
			conn.Close()
			return nil, err
		}
	}
	return b, nil
}

func scanSQLite(ctx context.Context, path string) (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		return nil, err
	}
	conn.SetBusyTimeout(10 * time.Second)
	conn.SetInterrupt(ctx.Done())
	return conn, nil
}
