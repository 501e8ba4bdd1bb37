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
)

// faultRows is large enough for an import of about a second.
const faultRows = 20_000

// TestFaults imports the same file again and again while the program is killed at random
// instants and while its disk fills up. Once a run is left alone, the vault must hold
// exactly what one clean run gives.
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
	start := time.Now()
	garrigue(t, bin, clean, "import", "-q", files)
	whole := time.Since(start)
	want := content(t, filepath.Join(clean, "vault.sqlite"))
	if len(want) < faultRows*9/10 {
		t.Fatalf("%d observations", len(want))
	}

	// A limit on the size of files stands for a full disk: the same errors reach the program.
	full := exec.Command("sh", "-c", `trap '' XFSZ; ulimit -f 4096; exec "$0" import -q -C "$1" "$2"`, bin, broken, files)
	var said bytes.Buffer
	full.Stderr = &said
	if err := full.Run(); err == nil {
		t.Error("an import that could not write its rows ended well")
	}
	if s := said.String(); !strings.Contains(s, "Échec") || strings.Contains(s, "panic") {
		t.Errorf("on a full disk the program said: %s", s)
	}

	random := rand.New(rand.NewPCG(20, 26))
	killed := 0
	for range 20 {
		cmd := exec.Command(bin, "import", "-q", "-C", broken, files)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Int64N(int64(whole))))
		cmd.Process.Kill()
		var died *exec.ExitError
		if err := cmd.Wait(); errors.As(err, &died) && !died.Exited() {
			killed++
		}
	}
	if killed < 5 {
		t.Errorf("only %d runs of 20 were killed before their end (a whole one takes %v)", killed, whole)
	}

	garrigue(t, bin, broken, "import", "-q", files)
	if diff := gocmp.Diff(want, content(t, filepath.Join(broken, "vault.sqlite"))); diff != "" {
		t.Errorf("after the faults the vault differs from a clean run: %.2000s", diff)
	}
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
