package atlas_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"garrigue/internal/atlas/atlastest"
)

// TestWritten: most rows are put in the file without SQLite, which would have refused a NULL or turned
// a number into text. It finds the file sound, and every value of the kind its column declares.
func TestWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.gpkg")
	atlastest.Write(t, path, atlastest.Identity(), atlastest.References(t), atlastest.Published())
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ask := func(q string) (out []string) {
		t.Helper()
		if err := sqlitex.Execute(conn, q, &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
			var row []string
			for i := range s.ColumnCount() {
				row = append(row, s.ColumnText(i))
			}
			out = append(out, strings.Join(row, " "))
			return nil
		}}); err != nil {
			t.Fatal(err)
		}
		return out
	}
	if said := ask("PRAGMA integrity_check"); len(said) != 1 || said[0] != "ok" {
		t.Errorf("integrity_check: %v", said)
	}
	if said := ask("PRAGMA foreign_key_check"); len(said) > 0 {
		t.Errorf("foreign_key_check: %v", said)
	}
	kinds := map[string]string{"INTEGER": "integer", "REAL": "real", "TEXT": "text", "BLOB": "blob"}
	seen := 0
	for _, c := range ask(`SELECT t.name, c.name, c.type, c."notnull" FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
		WHERE t.type = 'table' AND t.name NOT LIKE 'gpkg%' AND t.name NOT LIKE 'rtree%'`) {
		f := strings.Fields(c)
		for _, kind := range ask(fmt.Sprintf(`SELECT DISTINCT typeof("%s") FROM "%s"`, f[1], f[0])) {
			if seen++; kind != kinds[f[2]] && (kind != "null" || f[3] == "1") {
				t.Errorf("%s.%s is %s, and holds %s", f[0], f[1], f[2], kind)
			}
		}
	}
	if seen < 90 {
		t.Errorf("%d columns looked at", seen)
	}
}

// TestProcessors: on any number of processors the same file is written, to the byte.
func TestProcessors(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var first []byte
	for _, n := range []int{1, 2, 5} {
		runtime.GOMAXPROCS(n)
		path := filepath.Join(t.TempDir(), "a.gpkg")
		atlastest.Write(t, path, atlastest.Identity(), atlastest.References(t), atlastest.Published())
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b
		}
		if !bytes.Equal(b, first) {
			t.Errorf("%d processors: another file", n)
		}
	}
}
