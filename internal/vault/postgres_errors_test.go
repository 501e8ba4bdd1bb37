package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"garrigue/internal/fault"
)

// TestClassifyPostgres: what a SQLSTATE means to people, and that no value of a row is told.
func TestClassifyPostgres(t *testing.T) {
	for code, want := range map[string]struct {
		kind fault.Kind
		key  string
	}{
		"40001": {fault.Unavailable, "vault.busy"}, "40P01": {fault.Unavailable, "vault.busy"}, "55P03": {fault.Unavailable, "vault.busy"},
		"57P01": {fault.Unavailable, "vault.pg_lost"}, "57P03": {fault.Unavailable, "vault.pg_lost"}, "08006": {fault.Unavailable, "vault.pg_lost"},
		"57014": {fault.Unavailable, "vault.interrupted"}, "53100": {fault.Unavailable, "vault.disk"}, "58030": {fault.Unavailable, "vault.disk"},
		"53300": {fault.Unavailable, "vault.pg_full"}, "53200": {fault.Unavailable, "vault.pg_full"}, "25006": {fault.Unavailable, "vault.pg_standby"},
		"23505": {fault.Invalid, "vault.refused"}, "23503": {fault.Invalid, "vault.refused"}, "22021": {fault.Invalid, "vault.refused"},
		"28P01": {fault.Invalid, "vault.pg_login"}, "3D000": {fault.NotFound, "vault.pg_no_database"}, "42501": {fault.Invalid, "vault.pg_right"},
		"XX001": {fault.Internal, "vault.damaged"},
	} {
		err := classify(fmt.Errorf("while: %w", &pgconn.PgError{Code: code, Message: "value SECRET", Detail: "Key (observers)=(SECRET)", TableName: "observation"}))
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != want.kind || f.Key != want.key {
			t.Errorf("%s: %v, want %s %s", code, err, want.kind, want.key)
		}
		if class := code[:2]; strings.Contains(err.Error(), "observers") || (class == "22" || class == "23") && strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s tells what the row held: %v", code, err)
		}
	}
	for _, err := range []error{io.ErrUnexpectedEOF, fmt.Errorf("read: %w", &net.OpError{Op: "read", Err: io.EOF})} {
		if err := classify(err); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%v", err)
		}
	}
	// A disk that is full while keys are written beside the vault is not the server's fault, nor is
	// a deadline; a server that is not reached in time is, whatever the deadline was.
	var f *fault.Error
	for key, err := range map[string]error{
		"vault.disk":        &fs.PathError{Op: "write", Path: "/tmp/keys", Err: syscall.ENOSPC},
		"vault.interrupted": fmt.Errorf("query: %w", context.DeadlineExceeded),
		"vault.refused":     &pgconn.PgError{Code: "54000", Message: "index row size 2800 exceeds maximum 2704"},
	} {
		for name, of := range map[string]func(error) error{"classify": classify, "lost": lost} {
			if !errors.As(of(err), &f) || f.Key != key {
				t.Errorf("%s: %v, want %s", name, of(err), key)
			}
		}
	}
	// A statement that makes no sense is a fault of ours: no sentence blames the server.
	for _, of := range []func(error) error{classify, lost} {
		if err := of(&pgconn.PgError{Code: "42601", Message: "syntax error"}); fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Invalid) {
			t.Errorf("a syntax error: %v", err)
		}
	}
}

// TestSplitStatements: a function's body is one statement.
func TestSplitStatements(t *testing.T) {
	got := splitStatements("CREATE TABLE a (b TEXT);\n\nCREATE FUNCTION f() AS $$\nBEGIN\n  RETURN 1;\nEND\n$$;\nSELECT 1;\n")
	if len(got) != 5 || !strings.Contains(got[1], "RETURN 1;\nEND\n$$;") || strings.TrimSpace(got[3]+got[4]) != "" {
		t.Errorf("%q", got)
	}
}
