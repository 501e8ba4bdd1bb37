package garrigue_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
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
}

// TestPublicCannotReachVault: nothing that answers the public can call, through whatever
// packages, what reads exact observations. Asked of the imports of this module, and of the toolchain's
// own list of all that is linked in; both must see what is there, or they would allow anything.
func TestPublicCannotReachVault(t *testing.T) {
	real := realImports(t)
	for _, pkg := range []string{"portal", "tile", "api", "atlas"} {
		if _, ok := real[pkg]; !ok {
			t.Fatalf("no package %s", pkg)
		}
		for _, private := range []string{"vault", "ingest", "publish", "exchange"} {
			if way := reach(real, pkg, private); way != nil {
				t.Errorf("%s reaches %s: %s", pkg, private, strings.Join(way, " → "))
			}
		}
		deps := linked(t, "garrigue/internal/"+pkg)
		if slices.Contains(deps, "garrigue/internal/vault") || !slices.Contains(deps, "garrigue/internal/fault") {
			t.Errorf("linked into %s: %v", pkg, deps)
		}
	}
	if !slices.Contains(linked(t, "garrigue/internal/publish"), "garrigue/internal/vault") || reach(real, "cli", "vault") == nil {
		t.Error("what does reach the vault is not seen")
	}
	// An edge far below, that no line about the portal itself would show.
	real["organisation"] = append(real["organisation"], "exchange")
	if way := reach(real, "portal", "vault"); !slices.Equal(way, []string{"portal", "organisation", "exchange", "vault"}) {
		t.Errorf("a way through two packages is seen as %v", way)
	}
}

// reach returns a way from a package to another along imports, nil when there is none.
func reach(imports map[string][]string, from, to string) []string {
	before, queue := map[string]string{from: ""}, []string{from}
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		if p == to {
			var way []string
			for ; p != ""; p = before[p] {
				way = append([]string{p}, way...)
			}
			return way
		}
		for _, q := range imports[p] {
			if _, seen := before[q]; !seen {
				before[q] = p
				queue = append(queue, q)
			}
		}
	}
	return nil
}

// linked lists every package that is compiled into one.
func linked(t *testing.T, pkg string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", pkg).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
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
