package vault

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"garrigue/internal/fault"
)

// lockKey is the text of an advisory lock's key.
func lockKey(key int64) string { return strconv.FormatInt(key, 10) }

// serverError is an error of the server without what it may quote of a row (its detail).
type serverError struct{ code, message, table, constraint string }

func (q *serverError) Error() string {
	s := "SQLSTATE " + q.code
	if q.table != "" {
		s += ", table " + q.table
	}
	if q.constraint != "" {
		s += ", constraint " + q.constraint
	}
	if q.message != "" {
		s += ": " + q.message
	}
	return s
}

// classifyPostgres gives an error of the driver its kind; nil when it is none of its. Codes:
// https://www.postgresql.org/docs/15/errcodes-appendix.html
func classifyPostgres(err error) error {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		q := &serverError{code: pe.Code, table: pe.TableName, constraint: pe.ConstraintName}
		// Messages of the data classes quote the value that was wrong.
		if class := pe.Code[:min(2, len(pe.Code))]; class != "22" && class != "23" {
			q.message = pe.Message
		}
		kind, key := postgresKind(pe.Code)
		if key == "" {
			return q
		}
		return fault.Say(kind, key).Because(q)
	}
	var ce *pgconn.ConnectError
	if errors.As(err, &ce) { // its text has hosts, user and database, never the password
		return fault.Say(fault.Unavailable, "vault.pg_unreachable").Because(ce)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) { // the latter is a net.Error too
		return fault.Say(fault.Unavailable, "vault.interrupted").Because(err)
	}
	var ne net.Error
	if errors.As(err, &ne) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, driver.ErrBadConn) || pgconn.SafeToRetry(err) {
		return fault.Say(fault.Unavailable, "vault.pg_lost").Because(err)
	}
	return nil
}

// postgresKind says what a SQLSTATE means to whoever runs the program; "" when it means
// nothing but a fault of ours.
func postgresKind(code string) (fault.Kind, string) {
	switch code {
	case "57014": // query_canceled
		return fault.Unavailable, "vault.interrupted"
	case "53100", "58030": // disk_full, io_error
		return fault.Unavailable, "vault.disk"
	case "40001", "40P01", "55P03": // serialization, deadlock, lock not available
		return fault.Unavailable, "vault.busy"
	case "25006": // read_only_sql_transaction: a standby
		return fault.Unavailable, "vault.pg_standby"
	case "53300": // too_many_connections
		return fault.Unavailable, "vault.pg_full"
	case "3D000": // no such database
		return fault.NotFound, "vault.pg_no_database"
	case "42501":
		return fault.Invalid, "vault.pg_right"
	case "XX001", "XX002": // data_corrupted, index_corrupted
		return fault.Internal, "vault.damaged"
	}
	switch {
	case strings.HasPrefix(code, "08"), strings.HasPrefix(code, "57P"):
		return fault.Unavailable, "vault.pg_lost"
	case strings.HasPrefix(code, "28"):
		return fault.Invalid, "vault.pg_login"
	case strings.HasPrefix(code, "53"):
		return fault.Unavailable, "vault.pg_full"
	case strings.HasPrefix(code, "22"), strings.HasPrefix(code, "23"), strings.HasPrefix(code, "54"): // 54: a key too long for its index
		return fault.Invalid, "vault.refused"
	}
	return fault.Internal, ""
}

// lost gives an error met on a connection of ours its kind. What is neither the server's word
// nor ours is the connection's.
func lost(err error) error {
	if err == nil {
		return nil
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	var said *serverError
	if err := classify(err); errors.As(err, &known) || errors.As(err, &said) {
		return err
	}
	return fault.Say(fault.Unavailable, "vault.pg_lost").Because(err)
}
