package vault

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"garrigue/internal/observation"
)

// TestKeyIndex compares the index with a map: keys collide often, entries are added again,
// and the limit is low enough for several files.
func TestKeyIndex(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	rapid.Check(t, func(t *rapid.T) {
		x, model := newKeyIndex(), map[uint64]map[uint64]uint64{}
		defer x.close()
		x.limit = rapid.SampledFrom([]int{1, 7, 100, 1000}).Draw(t, "limit")
		for i := range rapid.IntRange(0, 600).Draw(t, "n") {
			k := rapid.SampledFrom([]uint64{0, 1, 1 << 63, ^uint64(0), 12345 << 32, uint64(i) << 50, mix(uint64(i))}).Draw(t, "k")
			id, sum := uint64(1+i%250), uint64(i)
			if err := x.add(keyEntry{k: k, a: id, b: sum}); err != nil {
				t.Fatal(err)
			}
			if model[k] == nil {
				model[k] = map[uint64]uint64{}
			}
			model[k][id] = sum
		}
		for k, want := range model {
			got := map[uint64]uint64{}
			if err := x.each(k, func(e keyEntry) bool {
				if _, newer := got[e.a]; !newer { // what comes first hides the rest
					got[e.a] = e.b
				}
				return true
			}); err != nil {
				t.Fatal(err)
			}
			if !cmp.Equal(want, got) {
				t.Fatalf("key %x: %s", k, cmp.Diff(want, got))
			}
		}
		if err := x.each(99, func(keyEntry) bool { t.Fatal("a key never added"); return false }); err != nil {
			t.Fatal(err)
		}
	})
}

// TestKeyFilesGo: the files of an index have no name, or lose it at the end.
func TestKeyFilesGo(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	x := newKeyIndex()
	x.limit = 1000
	for i := range 5500 {
		if err := x.add(keyEntry{k: mix(uint64(i)), a: uint64(i + 1)}); err != nil {
			t.Fatal(err)
		}
	}
	if len(x.runs) != 5 {
		t.Errorf("%d files", len(x.runs))
	}
	absent := 0
	for i := range 20_000 {
		for _, r := range x.runs {
			if w, m := r.bloomAt(mix(uint64(1_000_000 + i))); r.bloom[w]&m == m {
				absent++
			}
		}
	}
	if absent > 5000 {
		t.Errorf("of 100,000 absent keys the filters let %d through", absent)
	}
	x.close()
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	t.Setenv("TMPDIR", filepath.Join(dir, "none"))
	if _, err := os.Stat(os.TempDir()); err == nil {
		t.Skip("this system has another folder for temporary files")
	}
	var err error
	for i := 0; i < 2000 && err == nil; i++ {
		err = x.add(keyEntry{k: mix(uint64(i)), a: uint64(i + 1)})
	}
	if err == nil {
		t.Error("nowhere to write, and no error")
	}
}

func TestIDSet(t *testing.T) {
	var s idSet
	want := map[int64]bool{}
	r := rand.New(rand.NewPCG(1, 1))
	for range 3000 {
		id := int64(r.IntN(200_000))
		s.add(id)
		want[id] = true
	}
	n := 0
	last := int64(-1)
	for id := range s.all {
		if !want[id] || id <= last {
			t.Fatalf("id %d", id)
		}
		last = id
		n++
	}
	if n != len(want) || s.n != n || s.has(1<<40) || s.has(200_001) {
		t.Errorf("%d ids, %d counted, %d added", n, s.n, len(want))
	}
}

// TestKeyCollision: two keys with the same hash are two rows.
func TestKeyCollision(t *testing.T) {
	db, d := mustOpen(t, t.TempDir())
	defer db.Close()
	g := newGenerator(d)
	load1(t, db, g, 0, 10)
	batch, err := db.Begin(t.Context(), BatchInfo{})
	if err != nil {
		t.Fatal(err)
	}
	defer batch.Rollback()
	batch.lookups = 1 << 40
	if err := batch.load(); err != nil {
		t.Fatal(err)
	}
	var o observation.Observation
	g.fill(&o, 3)
	o.SourceKey = "another key"
	if err := batch.keys.add(keyEntry{k: batch.keyHash(d, o.SourceKey), a: 4, b: 1}); err != nil { // as if 1000003 had hashed alike
		t.Fatal(err)
	}
	out, err := batch.Put(t.Context(), &o)
	if err != nil || out != Created || o.ID != 11 {
		t.Errorf("outcome %d, id %d, %v", out, o.ID, err)
	}
	g.fill(&o, 3)
	if out, err := batch.Put(t.Context(), &o); err != nil || out != Unchanged || o.ID != 4 {
		t.Errorf("outcome %d, id %d, %v", out, o.ID, err)
	}
}

// TestSlots: in a slot there is at most one row of each dataset, identifiers go together, and
// as many slots are made as the dataset with most rows has.
func TestSlots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var members []*twinNode
		most, count := 0, map[int64]int{}
		for i := range rapid.IntRange(2, 12).Draw(t, "rows") {
			n := &twinNode{id: int64(i), dataset: int64(rapid.IntRange(1, 3).Draw(t, "dataset")), sign: uint64(rapid.IntRange(0, 2).Draw(t, "sign"))}
			count[n.dataset]++
			most = max(most, count[n.dataset])
			members = append(members, n)
		}
		if count[1] > 0 && count[3] > 0 {
			for _, n := range members {
				if (n.dataset == 1 || n.dataset == 3) && members[0].uuid == "" {
					n.uuid = fmt.Sprint("u", n.dataset/4) // the same for one of each
				}
			}
		}
		got := slots(members)
		seen := map[[2]int64]bool{}
		for i, n := range members {
			k := [2]int64{n.dataset, int64(got[i])}
			if seen[k] || got[i] < 1 {
				t.Fatalf("two rows of dataset %d in slot %d", n.dataset, got[i])
			}
			seen[k] = true
		}
		if m := slices.Max(got); m != most {
			t.Fatalf("%d slots, %d rows at most", m, most)
		}
	})
}

// TestKeysOnDisk: a batch whose keys do not fit in memory gives the same outcomes.
func TestKeysOnDisk(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	db, d := mustOpen(t, t.TempDir())
	defer db.Close()
	g := newGenerator(d)
	put := func(batch *Batch, i int, comment string) Outcome {
		t.Helper()
		var o observation.Observation
		g.fill(&o, i)
		o.Comment = comment
		out, err := batch.Put(t.Context(), &o)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for round := range 2 {
		batch, err := db.Begin(t.Context(), BatchInfo{Complete: true})
		if err != nil {
			t.Fatal(err)
		}
		defer batch.Rollback()
		if round == 1 {
			batch.lookups = 1 << 40
			batch.keys = newKeyIndex()
		} else {
			batch.keys.limit = 100
		}
		want := []Outcome{Created, Unchanged}[round]
		for i := range 1500 {
			if out := put(batch, i, ""); out != want {
				t.Fatalf("round %d, row %d: %d", round, i, out)
			}
		}
		if round == 0 && len(batch.keys.runs) < 10 {
			t.Errorf("%d files", len(batch.keys.runs))
		}
		for i, want := range []Outcome{Unchanged, Updated, Unchanged, Updated} {
			if out := put(batch, 7, []string{"", "relu", "relu", ""}[i]); out != want {
				t.Errorf("round %d, change %d: %d", round, i, out)
			}
		}
		if m, err := batch.Missing(t.Context()); err != nil || m.Lacked != 0 {
			t.Errorf("%+v, %v", m, err)
		}
		if out, err := batch.Withdraw(t.Context(), d, "1000900"); err != nil || out != Withdrawn {
			t.Errorf("withdrawn: %d, %v", out, err)
		}
		if out := put(batch, 900, ""); out != Returned {
			t.Errorf("back: %d", out)
		}
		if _, err := batch.Commit(t.Context(), BatchInfo{}); err != nil {
			t.Fatal(err)
		}
	}
}
