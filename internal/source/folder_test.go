package source

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"garrigue/internal/fault"
)

func put(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
		t.Fatal(err)
	}
	return path
}

// tree lists the files of a folder.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			list = append(list, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

func names(res Result) string {
	var list []string
	for _, f := range res.Files {
		list = append(list, f.Dataset+"/"+f.Name)
	}
	return strings.Join(list, " ")
}

// importAll plays what nightly does: every file imported but those named.
func importAll(t *testing.T, res Result, refused ...string) State {
	t.Helper()
	for _, f := range res.Files {
		o := Outcome{Rejects: func(path string) error { return os.WriteFile(path, []byte("ligne;code\n"), 0o640) }}
		if slices.Contains(refused, f.Name) {
			o = Outcome{Refused: "Ce n’est pas un tableau."}
		}
		if err := f.Imported(o); err != nil {
			t.Fatal(err)
		}
	}
	state, err := res.Final()
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Name: "depot", Kind: KindFolder, Location: dir}
	env, _ := testEnv(t, nil)
	env.Now = func() time.Time { return time.Date(2026, 5, 1, 3, 0, 0, 0, time.UTC) }
	put(t, dir, "b.csv", "2")
	put(t, dir, "a.csv", "1")
	put(t, dir, "Relevés/c.csv", "3")
	put(t, dir, "copie de a.csv", "1")
	put(t, dir, ".caché.csv", "x")
	put(t, dir, "d.csv.part", "x")
	put(t, dir, "done/vieux.csv", "x")
	res := mustFetch(t, cfg, nil, env)
	if got := names(res); got != "depot/a.csv depot/b.csv Relevés/c.csv" {
		t.Fatalf("files %q", got)
	}
	if len(res.Notes) != 1 || res.Notes[0].Key != "source.note.same_content" {
		t.Errorf("notes %v", res.Notes)
	}
	state := importAll(t, res, "b.csv")
	want := []string{".caché.csv", "d.csv.part", "done/2026-05-01_a.csv", "done/2026-05-01_a.rejets.csv", "done/2026-05-01_copie de a.csv",
		"done/Relevés/2026-05-01_c.csv", "done/Relevés/2026-05-01_c.rejets.csv", "done/vieux.csv",
		"error/2026-05-01_b.csv", "error/2026-05-01_b.csv.txt"}
	if got := tree(t, dir); !slices.Equal(got, want) {
		t.Errorf("after the import: %q\nwant %q", got, want)
	}

	// The next day: the same content under another name is not imported, but what was refused
	// is, and the same name with another content.
	put(t, dir, "a-nouveau.csv", "1")
	put(t, dir, "b-nouveau.csv", "2")
	put(t, dir, "a.csv", "1 corrigé")
	put(t, dir, "Relevés/a-nouveau.csv", "1") // another dataset
	res = mustFetch(t, cfg, state, env)
	if got := names(res); got != "depot/a.csv depot/b-nouveau.csv Relevés/a-nouveau.csv" {
		t.Errorf("files of the second day %q", got)
	}
	state = importAll(t, res)
	// a.csv goes back to what it was: that is a change.
	put(t, dir, "a.csv", "1")
	if got := names(mustFetch(t, cfg, state, env)); got != "depot/a.csv" {
		t.Errorf("files of the third day %q", got)
	}
}

// A file that grows between two looks is left; a .done beside it settles the matter.
func TestFolderStillWritten(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Name: "depot", Kind: KindFolder, Location: dir}
	env, _ := testEnv(t, nil)
	grows := put(t, dir, "a.csv", "1")
	put(t, dir, "b.csv", "2")
	env.Sleep = func(ctx context.Context, d time.Duration) error {
		return os.WriteFile(grows, []byte("1;2;3"), 0o640)
	}
	res := mustFetch(t, cfg, nil, env)
	if got := names(res); got != "depot/b.csv" || len(res.Notes) != 1 || res.Notes[0].Key != "source.note.writing" {
		t.Errorf("files %q, notes %v", got, res.Notes)
	}
	put(t, dir, "a.csv.done", "")
	env.Sleep = func(ctx context.Context, d time.Duration) error {
		return os.WriteFile(grows, []byte(fmt.Sprint(time.Now())), 0o640)
	}
	if got := names(mustFetch(t, cfg, nil, env)); got != "depot/a.csv depot/b.csv" {
		t.Errorf("files %q", got)
	}
	importAll(t, mustFetch(t, cfg, nil, env))
	if got := tree(t, dir); slices.Contains(got, "a.csv.done") {
		t.Errorf("left: %q", got)
	}
}

func TestFolderMissing(t *testing.T) {
	env, _ := testEnv(t, nil)
	_, err := Fetch(t.Context(), Config{Name: "depot", Kind: KindFolder, Location: filepath.Join(t.TempDir(), "rien")}, nil, env)
	wantSaid(t, err, fault.NotFound, "source.no_folder")
}

// Two files that each claim to be the whole of one dataset are refused before any is imported.
func TestCompleteTwice(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a.csv", "1")
	put(t, dir, "b.csv", "2")
	cfg := Config{Name: "depot", Kind: KindFolder, Location: dir, Complete: true}
	env, _ := testEnv(t, nil)
	_, err := Fetch(t.Context(), cfg, nil, env)
	wantSaid(t, err, fault.Invalid, "source.complete_many")
}

// Where each file is the whole of its dataset, a former one that comes back is imported: what
// came between has replaced it.
func TestCompleteComesBack(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Name: "depot", Kind: KindFolder, Location: dir, Complete: true}
	env, _ := testEnv(t, nil)
	var state State
	for _, c := range []struct{ name, content, want string }{
		{"1.csv", "a", "depot/1.csv"}, {"2.csv", "b", "depot/2.csv"}, {"3.csv", "a", "depot/3.csv"}, {"4.csv", "a", ""},
	} {
		put(t, dir, c.name, c.content)
		res := mustFetch(t, cfg, state, env)
		if got := names(res); got != c.want {
			t.Errorf("%s: files %q, want %q", c.name, got, c.want)
		}
		state = importAll(t, res)
	}
}

// Of several files each said to be the whole, none is taken, not even the one that changed.
func TestCompletePattern(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "2024.csv", "a")
	cfg := fileAt(filepath.Join(dir, "*.csv"))
	cfg.Complete = true
	env, _ := testEnv(t, nil)
	res := mustFetch(t, cfg, nil, env)
	put(t, dir, "2025.csv", "b")
	_, err := Fetch(t.Context(), cfg, res.State, env)
	wantSaid(t, err, fault.Invalid, "source.complete_pattern")
}

func TestLocalFiles(t *testing.T) {
	dir := t.TempDir()
	a, b := put(t, dir, "2024.csv", "a;b\n1;2\n"), put(t, dir, "2025.csv", "a;b\n3;4\n")
	cfg := fileAt(filepath.Join(dir, "*.csv"))
	env, _ := testEnv(t, nil)
	res := mustFetch(t, cfg, nil, env)
	if len(res.Files) != 2 || res.Files[0].Path != a || res.Files[1].Path != b {
		t.Fatalf("%+v", res.Files)
	}
	if again := mustFetch(t, cfg, res.State, env); !again.Unchanged {
		t.Error("unchanged files are given again")
	}
	now := time.Now().Add(time.Hour)
	if err := os.Chtimes(a, now, now); err != nil { // touched, not changed
		t.Fatal(err)
	}
	put(t, dir, "2025.csv", "a;b\n3;5\n")
	res = mustFetch(t, cfg, res.State, env)
	if len(res.Files) != 1 || res.Files[0].Path != b {
		t.Errorf("%+v", res.Files)
	}
	r, err := Test(t.Context(), cfg, env)
	if err != nil || r.Files != 2 || !slices.Equal(r.Columns, []string{"a", "b"}) {
		t.Errorf("%+v %v", r, err)
	}
	_, err = Fetch(t.Context(), fileAt(filepath.Join(dir, "rien*.csv")), nil, env)
	wantSaid(t, err, fault.NotFound, "source.no_file")
}

func TestCheck(t *testing.T) {
	good := Config{Name: "a-1", Kind: KindFile, Location: "x.csv"}
	for _, c := range []struct {
		key    string
		change func(*Config)
	}{
		{"", func(*Config) {}},
		{"source.value", func(c *Config) { c.Name = "../a" }},
		{"source.value", func(c *Config) { c.Name = "" }},
		{"source.kind", func(c *Config) { c.Kind = "pigeon" }},
		{"source.value", func(c *Config) { c.Location = "" }},
		{"source.scheme", func(c *Config) { c.Location = "ftp://exemple.fr/a.csv" }},
		{"source.scheme", func(c *Config) { c.Location = "file:///etc/passwd" }},
		{"source.value", func(c *Config) { c.Location = "https:///a.csv" }},
		{"source.password_in_settings", func(c *Config) { c.Location = "https://moi:secret@exemple.fr/a.csv" }},
		{"source.host_key_setting", func(c *Config) { c.Location = "sftp://moi@exemple.fr/a.csv" }},
		{"source.value", func(c *Config) {
			c.Location, c.Options = "sftp://moi@exemple.fr/a.csv", map[string]string{OptionFingerprint: "aa:bb"}
		}},
		{"", func(c *Config) {
			c.Location, c.Options = "sftp://moi@exemple.fr/a.csv", map[string]string{OptionFingerprint: "SHA256:xyz"}
		}},
		{"source.option", func(c *Config) { c.Options = map[string]string{"colour": "red"} }},
		{"source.option", func(c *Config) { c.Secrets = map[string]string{"dsn": "X"} }},
		{"source.value", func(c *Config) { c.Secrets = map[string]string{"token": ""} }},
		{"source.value", func(c *Config) { c.Options = map[string]string{OptionTimeout: "vite"} }},
		{"source.value", func(c *Config) { c.Options = map[string]string{OptionMaxSize: "beaucoup"} }},
		{"source.value", func(c *Config) { c.Options = map[string]string{OptionTries: "0"} }},
		{"source.value", func(c *Config) { c.Expected = -1 }},
		{"source.value", func(c *Config) { c.Query = "SELECT 1" }},
		{"source.value", func(c *Config) { c.Kind, c.Query = KindPostgreSQL, " " }},
		{"source.password_in_settings", func(c *Config) { c.Kind, c.Query, c.Location = KindPostgreSQL, "SELECT 1", "host=a password=b" }},
		{"source.password_in_settings", func(c *Config) { c.Kind, c.Query, c.Location = KindPostgreSQL, "SELECT 1", "host=a Password = b" }},
		{"source.complete_since", func(c *Config) {
			c.Kind, c.Query, c.Complete, c.Options = KindPostgreSQL, "SELECT 1", true, map[string]string{OptionSince: "maj"}
		}},
		{"source.value", func(c *Config) { c.Kind, c.Options = KindFolder, map[string]string{OptionDone: "../ailleurs"} }},
		{"source.value", func(c *Config) { c.Kind, c.Options = KindFolder, map[string]string{OptionDone: "error"} }},
	} {
		cfg := good
		c.change(&cfg)
		err := Check(cfg)
		if c.key == "" {
			if err != nil {
				t.Errorf("%+v: %v", cfg, err)
			}
			continue
		}
		wantSaid(t, err, fault.Invalid, c.key)
	}
}

func TestSizes(t *testing.T) {
	for s, want := range map[string]int64{"500": 500, "2 GB": 2 << 30, "3mo": 3 << 20, "1kb": 1024, "-1": 0, "x": 0, "9999999999GB": 0} {
		if got, err := parseSize(s); got != want || (err == nil) != (want > 0) {
			t.Errorf("parseSize(%q) = %d, %v", s, got, err)
		}
	}
}

func TestSafeName(t *testing.T) {
	for name, want := range map[string]string{"obs.csv": "obs.csv", "../../etc/passwd": "passwd", `C:\données\obs.csv`: "obs.csv", "..": "x",
		"": "x", "/": "x", ".bashrc": "bashrc", "a\x00b\n.csv": "a_b_.csv", strings.Repeat("é", 200) + ".csv": strings.Repeat("é", 73) + ".csv"} {
		if got := safeName(name, "x"); got != want {
			t.Errorf("safeName(%q) = %q, want %q", name, got, want)
		}
	}
}
