package garrigue_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestImportTable compares the real imports between packages with the table of
// docs/ARCHITECTURE.md, and checks that each package imports only what stands below it: a
// new edge has to be written down to be allowed.
func TestImportTable(t *testing.T) {
	table, level := readTable(t)
	real := realImports(t)
	if diff := cmp.Diff(table, real); diff != "" {
		t.Errorf("docs/ARCHITECTURE.md (-) and the code (+) differ:\n%s", diff)
	}
	for pkg, imports := range real {
		for _, imp := range imports {
			if level[imp] >= level[pkg] {
				t.Errorf("%s (level %s) imports %s (level %s): only lower levels may be imported", pkg, level[pkg], imp, level[imp])
			}
		}
	}
	for _, pkg := range []string{"portal", "tile", "api", "atlas"} {
		for _, imp := range real[pkg] {
			if imp == "vault" {
				t.Errorf("%s imports vault: nothing exact may be within reach of what the public sees", pkg)
			}
		}
	}
}

// readTable reads the rows "| level | package | … | imports |" of the document.
func readTable(t *testing.T) (map[string][]string, map[string]string) {
	t.Helper()
	f, err := os.Open("docs/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	imports, level := map[string][]string{}, map[string]string{}
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		cols := strings.Split(sc.Text(), "|")
		if len(cols) != 6 || !strings.HasPrefix(strings.TrimSpace(cols[2]), "`") {
			continue
		}
		pkg := strings.Trim(strings.TrimSpace(cols[2]), "`")
		list := []string{}
		for _, w := range strings.FieldsFunc(cols[4], func(r rune) bool { return r == ',' || r == ' ' || r == '`' }) {
			if w != "–" {
				list = append(list, w)
			}
		}
		sort.Strings(list)
		imports[pkg], level[pkg] = list, strings.TrimSpace(cols[1])
	}
	if len(imports) == 0 {
		t.Fatal("no table found in docs/ARCHITECTURE.md")
	}
	return imports, level
}

// realImports asks the toolchain what each package under internal/ imports from its
// neighbours, tests left out. A folder inside a package belongs to it.
func realImports(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./internal/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	sets := map[string]map[string]bool{}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for dec.More() {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		pkg := top(p.ImportPath)
		if sets[pkg] == nil {
			sets[pkg] = map[string]bool{}
		}
		for _, imp := range p.Imports {
			if q := top(imp); q != "" && q != pkg {
				sets[pkg][q] = true
			}
		}
	}
	real := map[string][]string{}
	for pkg, set := range sets {
		list := []string{}
		for q := range set {
			list = append(list, q)
		}
		sort.Strings(list)
		real[pkg] = list
	}
	return real
}

// top returns the package's name under internal/, "" for others.
func top(path string) string {
	rest, ok := strings.CutPrefix(path, "garrigue/internal/")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}
