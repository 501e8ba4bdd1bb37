// Package needs tells a test what it may count on. What is missing skips the test with a
// sentence, and fails it where GARRIGUE_TEST_REQUIRE=all, as continuous integration sets it:
// a skip cannot pass unseen there. Only tests import it.
package needs

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Shared returns the path of a file or folder of the shared data, which lie beside the
// checkout: Shared(t, "data", "reference").
func Shared(t testing.TB, parts ...string) string {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(root)
		if up == root {
			t.Fatal("the test does not run inside the module")
		}
		root = up
	}
	path := filepath.Join(append([]string{filepath.Dir(root), "shared"}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		Missing(t, "the shared data are not beside this checkout: no "+filepath.Join(parts...))
	}
	return path
}

// Tool returns the path of a program of the machine.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, name+" is not installed")
	}
	return path
}

// Missing skips a test, or fails it where everything is required.
func Missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("GARRIGUE_TEST_REQUIRE") == "all" {
		t.Fatal(why)
	}
	t.Skip(why)
}
