package cli_test

import (
	"bytes"
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"garrigue/internal/cli"
	"garrigue/internal/needs"
	"garrigue/internal/vault"
)

// command runs one command line with an environment, and returns its answer.
func command(t *testing.T, env map[string]string, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = cli.Run(context.Background(), args, cli.System{Stdout: &stdout, Stderr: &stderr, Getenv: func(k string) string { return env[k] }})
	return code, stdout.String(), stderr.String()
}

// TestVaultPostgres: an instance begun on a file is moved to a server, found there by the
// flag, the environment and the settings, and its password is never shown.
func TestVaultPostgres(t *testing.T) {
	u, err := url.Parse(needs.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("postgres", "S3CRET") // the test's server asks for none
	address := u.String()
	dir := filepath.Join(t.TempDir(), "instance")
	run := func(env map[string]string, args ...string) string {
		t.Helper()
		code, out, errs := command(t, env, append([]string{"-C", dir}, args...)...)
		if code != 0 {
			t.Fatalf("%v: exit %d: %s", args, code, errs)
		}
		if strings.Contains(out+errs, "S3CRET") {
			t.Errorf("%v shows the password", args)
		}
		return out + errs
	}
	if code, _, errs := command(t, nil, "init", dir); code != 0 {
		t.Fatal(errs)
	}
	if out := run(nil, "vault", "where"); !strings.Contains(out, "SQLite") || !strings.Contains(out, filepath.Join(dir, "vault.sqlite")) {
		t.Errorf("where: %s", out)
	}
	if out := run(nil, "vault", "copy", "--to", address); !strings.Contains(out, "vault.observation") || strings.Contains(out, "≠") {
		t.Errorf("copy: %s", out)
	}
	for name, out := range map[string]string{
		"flag": run(nil, "--database", address, "vault", "where"), "environment": run(map[string]string{"GARRIGUE_DATABASE": address}, "vault", "where"),
	} {
		if !strings.Contains(out, "PostgreSQL") {
			t.Errorf("%s: %s", name, out)
		}
	}
	settings := filepath.Join(dir, "garrigue.toml")
	b, err := os.ReadFile(settings)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(b), "# database =", "database = \""+address+"\" #", 1)
	if err := os.WriteFile(settings, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	if out := run(nil, "vault", "where"); !strings.Contains(out, "PostgreSQL") || !strings.Contains(out, "PGPASSWORD") && !strings.Contains(out, "pgpass") {
		t.Errorf("settings, readable by others: %s", out)
	}
	if err := os.Chmod(settings, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := run(nil, "vault", "where", "--json"); !strings.Contains(out, `"engine": "PostgreSQL`) || strings.Contains(out, "pgpass") {
		t.Errorf("settings of one's own: %s", out)
	}
	run(nil, "vault", "check")
	if code, _, errs := command(t, nil, "-C", dir, "vault", "copy", "--to", filepath.Join(dir, "vault.sqlite")); code != 1 || errs == "" {
		t.Errorf("copying over a file: exit %d, %s", code, errs)
	}
	// An empty vault, such as an interrupted copy leaves, is a place to copy to.
	left := filepath.Join(t.TempDir(), "left.sqlite")
	db, err := vault.Open(t.Context(), left)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	// Settings have a path from the instance's folder, a command line from the current one.
	t.Chdir(filepath.Dir(left))
	if out := run(nil, "vault", "copy", "--to", filepath.Base(left)); !strings.Contains(out, "\""+left+"\"") {
		t.Errorf("the path to write in the settings: %s", out)
	}
	third := filepath.Join(t.TempDir(), "third")
	if code, _, errs := command(t, nil, "init", third, "--database", "here.sqlite"); code != 0 {
		t.Fatal(errs)
	}
	if code, out, errs := command(t, nil, "-C", third, "vault", "where"); code != 0 || !strings.Contains(out, filepath.Join(filepath.Dir(left), "here.sqlite")) {
		t.Errorf("an instance on a file elsewhere: %s%s", out, errs)
	}
	second := filepath.Join(t.TempDir(), "second")
	if code, _, errs := command(t, nil, "init", second, "--database", address); code != 0 {
		t.Fatal(errs)
	}
	if b, err = os.ReadFile(filepath.Join(second, "garrigue.toml")); err != nil || strings.Contains(string(b), "S3CRET") || !strings.Contains(string(b), "database = \"postgres://postgres@127.0.0.1") {
		t.Errorf("settings of an instance made on a server: %v", err)
	}
	if _, err := os.Stat(filepath.Join(second, "vault.sqlite")); err == nil {
		t.Error("an instance on a server has a file too")
	}
}
