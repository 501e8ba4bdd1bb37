package vault

import (
	"context"
	"database/sql"
	"strings"

	"github.com/pressly/goose/v3"

	"garrigue/internal/fault"
)

// dialect is everything in which two database engines differ, bound to one address. There is
// one text of SQL for both; no other file but sqlite*.go and postgres*.go asks which engine it
// speaks to.
type dialect struct {
	goose goose.Dialect
	// schema translates the migrations, written for PostgreSQL.
	schema func(text string) string
	// extra is a set of migrations this engine alone has, run after those of the vault; "" when
	// there is none.
	extra string
	// mark is a statement that says whose database it is, run with each migration.
	mark string
	// prepare checks that the place may hold a vault, creates it as needed, and keeps another
	// program from migrating it until release is called.
	prepare func(ctx context.Context) (release func(), err error)
	// open opens a handle on one set of tables: "vault", "journal" or "register".
	open func(set string, connections int, readOnly bool) (*sql.DB, error)
	// begin begins a write transaction on one set of tables, on a connection with typed binds; it
	// waits until any other writer of that set has ended, or ctx.
	begin func(ctx context.Context, set string) (session, error)
	// scan calls each with the rows of one long read, on a connection of its own: it sees the
	// vault as it was when it began, and holds a few rows at a time.
	scan func(ctx context.Context, set, text string, each func(s row) error) error
	// sortIndexes: a large load drops the secondary indexes and builds them again by sorting.
	sortIndexes bool
	// sorting is run before these are built: what to do for the memory it takes; "" for nothing.
	sorting string
	// lookupsPerRow is how many rows can be loaded in the time of one look-up by index.
	lookupsPerRow int64
	// together is how many keys of rows are looked up in one statement; 0 where each costs no more
	// alone.
	together int
	// grown is run before the commit of a batch that made the vault grow much; "" for nothing.
	grown string
	// hold is run when a batch begins, so that its commit leaves for later what may be done while others read and
	// write; settle does that. "" and nil where a commit leaves nothing.
	hold   string
	settle func(ctx context.Context) error
	// form begins a transaction of the register where BEGIN alone lets two run at once; nil where
	// it does not.
	form func(ctx context.Context, tx *sql.Tx) error
	// columns is the query of a table's columns and of their place in its primary key, 0 for none.
	columns string
	// size is the query of the number of bytes the vault takes.
	size string
	// version is the query of the engine's name and version.
	version string
	// verify are queries on each set of tables that return "ok", or nothing, when it is sound.
	verify map[string][]string
}

// dialectOf returns the dialect for an address: a PostgreSQL URL, or the path of a file.
func dialectOf(address string) (*dialect, error) {
	switch {
	case IsURL(address):
		return postgresDialect(address)
	case strings.Contains(address, "://"): // of another engine, or misspelt: no path has this
		return nil, fault.Say(fault.Invalid, "vault.pg_address")
	}
	return sqliteDialect(address), nil
}

// IsURL reports whether an address is that of a PostgreSQL server, and not of a file.
func IsURL(address string) bool {
	return strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://")
}
