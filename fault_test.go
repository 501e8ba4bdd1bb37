package garrigue_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"garrigue/internal/demo"
	"garrigue/internal/needs"
)

// faultRows is large enough for an import of about a second.
const faultRows = 20_000

// TestFaults imports the same file again and again, into a file and into PostgreSQL, while the
// program is killed at random instants and while its disk fills up. Once a run is left
// alone, the vault must hold exactly what one clean run gives.
func TestFaults(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "garrigue")
	if out, err := exec.Command("go", "build", "-o", bin, "./cmd/garrigue").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	clean, broken := filepath.Join(dir, "clean"), filepath.Join(dir, "broken")
	files := faultInstance(t, bin, clean)
	if out, err := exec.Command("cp", "-r", clean, broken).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	address := needs.Postgres(t)
	garrigue(t, bin, clean, "vault", "copy", "--to", address) // the references

	start := time.Now()
	garrigue(t, bin, clean, "import", "-q", files)
	whole := time.Since(start)
	want := content(t, filepath.Join(clean, "vault.sqlite"))
	if len(want) < faultRows*9/10 {
		t.Fatalf("%d observations", len(want))
	}
	t.Run("file", func(t *testing.T) {
		outOfDisk(t, bin, broken, files)
		killed(t, whole, bin, "import", "-q", "-C", broken, files)
		if diff := gocmp.Diff(want, content(t, filepath.Join(broken, "vault.sqlite"))); diff != "" {
			t.Errorf("after the faults the vault differs from a clean run: %.2000s", diff)
		}
	})
	t.Run("postgresql", func(t *testing.T) {
		killed(t, whole, bin, "import", "-q", "-C", broken, "--database", address, files)
		if diff := gocmp.Diff(want, content(t, address)); diff != "" {
			t.Errorf("after the faults the vault differs from a clean run: %.2000s", diff)
		}
	})
}

// outOfDisk imports under a limit on the size of files, which stands for a full disk: the same
// errors reach the program.
func outOfDisk(t *testing.T, bin, dir, files string) {
	t.Helper()
	full := exec.Command("sh", "-c", `trap '' XFSZ; ulimit -f 4096; exec "$0" import -q -C "$1" "$2"`, bin, dir, files)
	full.Env = append(os.Environ(), "GARRIGUE_LANG=fr")
	var said bytes.Buffer
	full.Stderr = &said
	if err := full.Run(); err == nil {
		t.Error("an import that could not write its rows ended well")
	}
	if s := said.String(); !strings.Contains(s, "Échec") || strings.Contains(s, "panic") {
		t.Errorf("on a full disk the program said: %s", s)
	}
}

// killed runs the program twenty times, killed within the time given, and once to its end.
func killed(t *testing.T, within time.Duration, bin string, args ...string) {
	t.Helper()
	random := rand.New(rand.NewPCG(20, 26))
	dead := 0
	for i := range 20 { // later and later, so that the first ones do not finish
		cmd := exec.Command(bin, args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Int64N(int64(within) * int64(i+1) / 20)))
		cmd.Process.Kill()
		var died *exec.ExitError
		if err := cmd.Wait(); errors.As(err, &died) && !died.Exited() {
			dead++
		}
	}
	if dead < 5 {
		t.Errorf("only %d runs of 20 were killed before their end", dead)
	}
	garrigue(t, bin, "", args...)
}

// faultInstance makes an instance with the fictional references, and a file of observations.
func faultInstance(t *testing.T, bin, dir string) string {
	t.Helper()
	garrigue(t, bin, "", "init", dir, "--territory", "Essai")
	files, err := demo.Generate(t.Context(), demo.Options{Dir: filepath.Join(filepath.Dir(dir), "files"), Observations: faultRows})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range files.References {
		args := []string{"reference", "load", r.Kind, r.Path}
		if r.Kind == "areas" {
			args = append(args, "--kind", r.Area.String())
		}
		garrigue(t, bin, dir, args...)
	}
	return files.Observations
}

// garrigue runs the program, which must succeed.
func garrigue(t *testing.T, bin, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command(bin, args...)
	cmd.Env = append(os.Environ(), "GARRIGUE_DIR="+dir, "GARRIGUE_LANG=fr")
	cmd.Stdout = io.Discard
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("garrigue %s: %v\n%s", args[0], err, errs.String())
	}
}
