package cli_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"garrigue/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"garrigue": func() {
			os.Exit(cli.Run(context.Background(), os.Args[1:], cli.System{
				Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv,
			}))
		},
	})
}

// TestScripts runs the command lines of testdata/script as a person would type them.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			// A text archive holds no NUL: the binary file is written here.
			return os.WriteFile(filepath.Join(e.WorkDir, "binary.csv"), []byte("a;b\n\x00\x01\x02\x00\x00;\x03\n\x00"), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": status, "append": appendFile, "glob": glob},
	})
}

// status checks a program's exit code: status CODE PROGRAM ARG…
func status(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if err != nil || neg {
		ts.Fatalf("usage: status CODE PROGRAM ARG…")
	}
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var e *exec.ExitError
	switch {
	case errors.As(err, &e):
		got = e.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// appendFile adds a file to another: append TO FROM
func appendFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: append TO FROM")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(ts.ReadFile(args[0])+ts.ReadFile(args[1])), 0o600))
}

// glob checks how many files answer to a pattern: glob PATTERN N
func glob(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: glob PATTERN N")
	}
	found, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if strconv.Itoa(len(found)) != args[1] {
		ts.Fatalf("%d files, want %s", len(found), args[1])
	}
}
