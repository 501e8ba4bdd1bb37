package garrigue_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"garrigue/internal/needs"
)

// TestServeOnlyAtlas serves an instance with --only atlas and watches the process: every call
// that names a file, as strace sees them, and what it holds open while it answers. Nothing of
// the instance but its atlas folder may be among them: not the vault, nor even the settings, whether they
// are there, damaged, or absent.
func TestServeOnlyAtlas(t *testing.T) {
	strace := needs.Tool(t, "strace")
	if out, err := exec.Command(strace, "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		needs.Missing(t, fmt.Sprintf("strace may not look at processes here: %s", out))
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "garrigue")
	build := exec.Command("go", "build", "-o", bin, "./cmd/garrigue")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is shipped
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	whole, broken, bare := filepath.Join(dir, "whole"), filepath.Join(dir, "broken"), filepath.Join(dir, "bare")
	garrigue(t, bin, "", "demo", "--into", whole, "--observations", "1500", "--no-serve", "-q")
	for _, to := range []string{broken, bare} {
		if out, err := exec.Command("cp", "-r", whole, to).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	files, err := filepath.Glob(filepath.Join(broken, "*"))
	if err != nil || len(files) < 3 {
		t.Fatalf("files of the instance: %v %v", files, err)
	}
	for _, f := range files { // what would be read would be found wrong
		name := strings.TrimPrefix(f, broken)
		if name == "/atlas" {
			continue
		}
		for path, make := range map[string]func(string) error{
			f:           func(p string) error { return os.WriteFile(p, []byte("= damaged ="), 0) },
			bare + name: os.RemoveAll,
		} {
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			if err := make(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, in := range []string{whole, broken, bare} {
		t.Run(filepath.Base(in), func(t *testing.T) {
			calls := watch(t, strace, bin, in, "--only", "atlas")
			if bad := calls.outside(in); len(bad) > 0 {
				t.Errorf("other files were named to the system: %v", bad)
			}
			if !slices.ContainsFunc(calls, func(c call) bool { return c.opens && strings.HasSuffix(c.path, ".gpkg") }) {
				t.Error("the watch did not see the snapshot being opened: it sees nothing")
			}
		})
	}
	t.Run("settings are seen", func(t *testing.T) {
		// The same watch, of the same process allowed to read its settings: it must notice.
		bad := watch(t, strace, bin, whole).outside(whole)
		if want := []string{filepath.Join(whole, "garrigue.toml")}; !slices.Equal(bad, want) {
			t.Errorf("files outside the atlas: %v, want %v", bad, want)
		}
	})
	t.Run("the vault is seen", func(t *testing.T) {
		trace := filepath.Join(t.TempDir(), "trace")
		cmd := exec.Command(strace, "-f", "-y", "-qq", "-s", "4096", "-e", "trace=%file", "-o", trace, bin, "-C", whole, "publish", "-q")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if bad := readTrace(t, trace).outside(whole); !slices.Contains(bad, filepath.Join(whole, "vault.sqlite")) {
			t.Errorf("publishing reads the vault, and the watch saw %v", bad)
		}
	})
}

// call is a system call that names a file.
type call struct {
	path  string
	opens bool
}

type calls []call

// watch serves an instance under strace, visits it, and returns what files were named. While it
// answers, what the process holds open is looked at too.
func watch(t *testing.T, strace, bin, dir string, more ...string) calls {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	args := append([]string{"-f", "-y", "-qq", "-s", "4096", "-e", "trace=%file", "-e", "signal=none", "-o", trace,
		bin, "serve", "-C", dir, "--addr", "127.0.0.1:0"}, more...)
	cmd := exec.Command(strace, args...)
	cmd.Env = append(os.Environ(), "GARRIGUE_LANG=fr")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // strace and what it started
		cmd.Wait()
	}
	t.Cleanup(stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	base := regexp.MustCompile(`http://[0-9.:]+`).FindString(line)
	if err != nil || base == "" {
		t.Fatalf("not served: %q %v", line, err)
	}
	for range 2 {
		visit(t, base)
		if held := heldOpen(t, cmd.Process.Pid, dir); len(held) > 0 && len(more) > 0 {
			t.Errorf("held open while serving: %v", held)
		}
		time.Sleep(700 * time.Millisecond) // the store looks at its pointer twice a second
	}
	stop()
	return readTrace(t, trace)
}

// visit asks for one of each sort of answer.
func visit(t *testing.T, base string) {
	t.Helper()
	for _, path := range []string{"/", "/en/", "/especes", "/communes", "/a-propos", "/espece/60630", "/espece/60630/mailles.csv", "/recherche?q=loutre", "/commune/34172",
		"/absent", "/sitemap.xml", "/robots.txt", "/favicon.svg", "/carte/fond.svg", "/api/v1/atlas", "/api/v1/search?q=lout", "/api/v1/taxa", "/api/v1/openapi.json",
		"/tuiles/richesse/8/130/93.mvt", "/tuiles/fond/8/130/93.mvt", "/tuiles/8/130/93.mvt?taxon=60630"} {
		res, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode >= 500 {
			t.Errorf("%s: %d %v", path, res.StatusCode, err)
		}
	}
}

// readTrace reads the file names of strace's output, made absolute.
func readTrace(t *testing.T, path string) (out calls) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`^\d+ +(\w+)\((?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"`)
	cwd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(b), "\n") {
		m := named.FindStringSubmatch(line)
		if m == nil || m[1] == "execve" {
			continue
		}
		in, name := m[2], m[3]
		if in == "" {
			in = cwd
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(in, name)
		}
		out = append(out, call{filepath.Clean(name), strings.HasPrefix(m[1], "open") || m[1] == "creat"})
	}
	return out
}

// outside lists the files that are neither in the atlas folder nor the system's. Looking at
// the folders above (not into them) is how SQLite finds where a link leads.
func (c calls) outside(instance string) (bad []string) {
	atlas := filepath.Join(instance, "atlas")
	for _, one := range c {
		switch {
		case one.path == atlas, strings.HasPrefix(one.path, atlas+"/"), systemFile(one.path):
		case !one.opens && (one.path == instance || strings.HasPrefix(instance, strings.TrimSuffix(one.path, "/")+"/")):
		case !one.opens && !strings.HasPrefix(one.path, instance+"/") && isFolder(one.path):
		case slices.Contains(bad, one.path):
		default:
			bad = append(bad, one.path)
		}
	}
	return bad
}

// systemFile tells what the toolchain's own library reads of the machine: processors, memory,
// network queues, chance, time zone.
func systemFile(path string) bool {
	for _, of := range []string{"/proc/self/", "/proc/sys/", "/sys/", "/etc/localtime", "/usr/share/zoneinfo/", "/usr/lib/zoneinfo/", "/dev/null", "/dev/urandom"} {
		if strings.HasPrefix(path, of) {
			return true
		}
	}
	return false
}

func isFolder(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}

// heldOpen lists the files of an instance, but for its atlas, that a process or what it started
// holds open or mapped in memory.
func heldOpen(t *testing.T, pid int, instance string) (bad []string) {
	t.Helper()
	processes := []string{fmt.Sprint(pid)}
	for i := 0; i < len(processes); i++ {
		b, err := os.ReadFile("/proc/" + processes[i] + "/task/" + processes[i] + "/children")
		if err != nil {
			continue
		}
		processes = append(processes, strings.Fields(string(b))...)
	}
	if len(processes) < 2 {
		t.Fatal("the process that serves is not found")
	}
	seen := false
	for _, p := range processes {
		links, err := filepath.Glob("/proc/" + p + "/fd/*")
		if err != nil {
			t.Fatal(err)
		}
		var paths []string
		for _, l := range links {
			to, err := os.Readlink(l)
			if err == nil {
				paths = append(paths, to)
			}
		}
		maps, err := os.ReadFile("/proc/" + p + "/maps")
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(maps), "\n") {
			if i := strings.IndexByte(line, '/'); i >= 0 {
				paths = append(paths, line[i:])
			}
		}
		for _, path := range paths {
			in := strings.HasPrefix(path, filepath.Join(instance, "atlas")+"/")
			seen = seen || in
			if strings.HasPrefix(path, instance+"/") && !in {
				bad = append(bad, path)
			}
		}
	}
	if !seen {
		t.Error("the snapshot is not among the open files: nothing was looked at")
	}
	return bad
}
