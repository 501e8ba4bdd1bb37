// Package vault is the precise store: every observation as received, the references it is
// read with, the batches it came in and the rows that could not be taken. All its SQL lives
// here; see DESIGN.md in this folder.
//
// It decides nothing about what may be seen: exact rows leave it only against a
// disclosure.Grant, which it records.
//
// Errors are of the kinds of package fault: Invalid (a file that is not a vault, a row the
// schema cannot hold), Conflict (a newer schema, a batch already ended), Forbidden (a grant
// without a name or a reason), Unavailable (the file is locked or the disk is full). They
// never carry the content of an observation.
package vault

import (
	"database/sql"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// DB is an open vault. Its methods may be called from several goroutines.
type DB struct {
	dialect *dialect
	address string
	write   *sql.DB // one connection
	read    *sql.DB // a small pool
	journal *sql.DB // one connection, on a file of its own
	// register holds forms and what is remembered between runs: see register.go.
	register *sql.DB

	// writing holds the one right to write of this process, so that a second writer waits
	// here, where its context can end the wait, and not in SQLite.
	writing chan struct{}
	// open is the batch under way, through which datasets are created meanwhile.
	open atomic.Pointer[Batch]
	// settling are the ends of batches that go on after their commit.
	settling sync.WaitGroup
}

// Close closes the vault. A batch still open is rolled back.
func (db *DB) Close() error {
	var err error
	if b := db.open.Load(); b != nil {
		err = b.Rollback()
	}
	db.settling.Wait()
	return errors.Join(err, db.read.Close(), db.write.Close(), db.journal.Close(), db.register.Close())
}

const timeLayout = "2006-01-02T15:04:05.000Z"

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(timeLayout)
}

func parseTime(s string) time.Time {
	t, err := time.Parse(timeLayout, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// null is the SQL NULL for an empty string, as every optional text is stored.
func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// nullCode is the SQL NULL for a code of 0.
func nullCode[T ~int32 | ~int64](n T) any {
	if n == 0 {
		return nil
	}
	return int64(n)
}

// columnList reads the names of a comma-separated list.
func columnList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' })
}
