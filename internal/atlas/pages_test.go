package atlas

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"garrigue/internal/civil"
)

// pagesFile makes a file of one table t (id, v, w) whose rows pages puts, beginning at page next (0:
// after the schema), and has SQLite check the table.
func pagesFile(t *testing.T, next uint32, rows [][]any) string {
	t.Helper()
	s := &snapshot{Builder: &Builder{path: filepath.Join(t.TempDir(), "pages.gpkg")}}
	ctx := context.Background()
	var roots map[string]uint32
	if err := s.asOne(ctx, func(conn *sqlite.Conn) (err error) {
		if err := sqlitex.ExecuteScript(conn, "CREATE TABLE t (id INTEGER PRIMARY KEY, v, w); CREATE TABLE u (id INTEGER PRIMARY KEY, k UNIQUE);", nil); err != nil {
			return err
		}
		roots, err = plainRoots(conn)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if len(roots) != 1 {
		t.Fatalf("tables without an index: %v, want t", roots)
	}
	f, err := os.OpenFile(s.path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	file := newPageFile(f, 4) // the schema, t, u and its index
	if next > 0 {
		file.next = next
	}
	w := newWriter(ctx, file, roots)
	into := w.insert("t", 3)
	for _, r := range rows {
		w.row(into, r...)
	}
	w.close()
	if w.err != nil {
		t.Fatal(w.err)
	}
	if err := s.asOne(ctx, w.rest); err != nil {
		t.Fatal(err)
	}
	return s.path
}

// insertedFile is pagesFile by SQLite alone.
func insertedFile(t *testing.T, rows [][]any) string {
	t.Helper()
	s := &snapshot{Builder: &Builder{path: filepath.Join(t.TempDir(), "inserted.gpkg")}}
	if err := s.asOne(context.Background(), func(conn *sqlite.Conn) error {
		if err := sqlitex.ExecuteScript(conn, "CREATE TABLE t (id INTEGER PRIMARY KEY, v, w); CREATE TABLE u (id INTEGER PRIMARY KEY, k UNIQUE);", nil); err != nil {
			return err
		}
		w := writer{tables: 1, into: [maxTables]*insertion{{sql: "INSERT INTO t VALUES (?, ?, ?)"}}}
		for _, r := range rows {
			w.later = append(w.later, laterRow{into: w.into[0], args: r})
		}
		return w.rest(conn)
	}); err != nil {
		t.Fatal(err)
	}
	return s.path
}

// checked is what PRAGMA integrity_check says, of a table only when one is named.
func checked(t *testing.T, path, table string) string {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var out []string
	q := "PRAGMA integrity_check"
	if table != "" {
		q += "(" + table + ")"
	}
	if err := sqlitex.Execute(conn, q, &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		out = append(out, s.ColumnText(0))
		return nil
	}}); err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, "\n")
}

// TestPages writes rows page by page and by INSERT: SQLite finds nothing wrong, and the same rows.
func TestPages(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	blob := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	var numbers, lengths, many, deep [][]any
	for k := range 63 {
		n := int64(1) << k
		for _, v := range []int64{n - 1, n, -n, -n - 1} {
			numbers = append(numbers, []any{len(numbers), v, float64(v) / 3})
		}
	}
	numbers = append(numbers, []any{1000, int64(math.MaxInt64), nil}, []any{1001, int64(math.MinInt64), true}, []any{1002, false, math.Inf(-1)})
	for k := range 8 { // keys of every length
		numbers = append(numbers, []any{int64(1)<<(7*k+7) + 2000, "", []byte{}})
	}
	numbers = append(numbers, []any{int64(math.MaxInt64), "é", 0})
	id := int64(math.MinInt64)
	for _, at := range []int{0, 1 << 6, minLocal, minLocal + 4, pageSize / 2, maxLocal, pageSize, pageSize + minLocal, 2 * pageSize, 3*pageSize - 8, 1 << 20} {
		for d := -24; d <= 24; d++ {
			if at+d >= 0 {
				lengths = append(lengths, []any{id, blob(at + d), "x"})
				id += 1 << 50
			}
		}
	}
	for i := range 50_000 {
		many = append(many, []any{3*i - 70_000, rng.Int64() >> rng.IntN(63), strings.Repeat("a", rng.IntN(200))})
	}
	for i := range 4200 { // two levels above the leaves
		deep = append(deep, []any{i, blob(pageSize/2 + 40), nil})
	}
	for name, rows := range map[string][][]any{"none": nil, "one": {{7, 1, 2}}, "numbers": numbers, "lengths": lengths, "many": many, "deep": deep} {
		t.Run(name, func(t *testing.T) {
			path := pagesFile(t, 0, rows)
			if said := checked(t, path, ""); said != "ok" {
				t.Errorf("integrity_check: %s", said)
			}
			if d, err := Compare(context.Background(), path, insertedFile(t, rows)); err != nil || len(d) > 0 {
				t.Errorf("otherwise than inserted: %v, %v", d, err)
			}
		})
	}
}

// TestLockPage: the page that SQLite locks, at 1 GiB, is left out, by leaves and within a long row.
func TestLockPage(t *testing.T) {
	for before := range uint32(5) {
		var rows [][]any
		for i := range 6 {
			rows = append(rows, []any{i, bytes.Repeat([]byte{byte(i + 1)}, pageSize/2+i%2*2*pageSize), nil})
		}
		path := pagesFile(t, lockPage-before, rows)
		if said := checked(t, path, "t"); said != "ok" {
			t.Errorf("%d pages before: %s", before, said)
		}
		if d, err := Compare(context.Background(), path, insertedFile(t, rows)); err != nil || len(d) > 0 {
			t.Errorf("%d pages before: %v, %v", before, d, err)
		}
	}
}

// TestInnerFits: whatever the number of children, each page above has two at least, and room for them.
func TestInnerFits(t *testing.T) {
	for _, step := range []int64{1, 1 << 20, 1 << 48} {
		var all []child
		for i := range 6000 {
			all = append(all, child{uint32(i), int64(i) * step})
			for rest := all; len(all) > 1 && len(rest) > 0; {
				n := innerFits(rest)
				used := innerHeader
				for _, c := range rest[:n-1] {
					used += 6 + varintLen(uint64(c.key))
				}
				if n < 2 || used > pageSize {
					t.Fatalf("%d children in a page of %d, %d bytes", n, len(all), used)
				}
				rest = rest[n:]
			}
		}
	}
}

// TestWriterRefuses: a row out of order, of no known kind, or of too many columns, stops the writer.
func TestWriterRefuses(t *testing.T) {
	for name, give := range map[string]func(w *writer, into *insertion){
		"order":   func(w *writer, into *insertion) { w.ints(into, 5, 1); w.ints(into, 5, 2) },
		"kind":    func(w *writer, into *insertion) { w.row(into, 1, struct{}{}) },
		"stopped": func(w *writer, _ *insertion) { w.send(nil) },
	} {
		f, err := os.Create(filepath.Join(t.TempDir(), "f"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		ctx, cancel := context.WithCancel(context.Background())
		if name == "stopped" {
			cancel()
		}
		w := newWriter(ctx, newPageFile(f, 2), map[string]uint32{"t": 2})
		give(w, w.insert("t", 2))
		w.close()
		cancel()
		if w.err == nil {
			t.Errorf("%s: nothing said", name)
		}
	}
}

func TestVarint(t *testing.T) {
	for k := range 64 {
		for _, v := range []uint64{1<<k - 1, 1 << k, 1<<k + 1, math.MaxUint64 - 1<<k} {
			b := appendVarint(nil, v)
			if got, n := varint(b); got != v || n != len(b) || n != varintLen(v) {
				t.Errorf("%d: %x, read as %d in %d of %d bytes", v, b, got, n, varintLen(v))
			}
		}
	}
}

// TestSortRecords: as slices.Sort, on any number of processors, with many that are equal.
func TestSortRecords(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, different := range []int64{1, 3, 1000, math.MaxInt64} {
		list := make([]record, 200_000)
		for i := range list {
			list[i] = record(rng.Int64N(different))
		}
		want := slices.Sorted(slices.Values(list))
		for _, processors := range []int{1, 2, 3, 8} {
			got := slices.Clone(list)
			sortRecords(got, processors)
			if !slices.Equal(got, want) {
				t.Errorf("%d different, %d processors: not in order", different, processors)
			}
		}
	}
}

// TestDayTable: the table tells what the date does.
func TestDayTable(t *testing.T) {
	first, _ := civil.Make(1899, 12, 28)
	table := newDayTable(first, first+800)
	for d := first; d <= first+800; d++ {
		y, m, day := d.Civil()
		want := dayParts{int16(y), uint8(m - 1), uint8((m-1)*3 + min((day-1)/10, 2))}
		if got := table.of(d); got != want {
			t.Errorf("%s: %v, want %v", d, got, want)
		}
	}
}
