package atlas_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"garrigue/internal/atlas"
	"garrigue/internal/atlas/atlastest"
	"garrigue/internal/fault"
)

// put publishes the small snapshot under a title of its own, and returns its identifier.
func put(t *testing.T, path, title string, keep int) string {
	t.Helper()
	d, err := atlas.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := d.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	m := atlastest.Identity()
	m.Title = title
	m = atlastest.Write(t, d.Temp(), m, atlastest.References(t), atlastest.Published())
	if err := d.Swap(d.Temp(), m.ID, keep); err != nil {
		t.Fatal(err)
	}
	return m.ID
}

func files(t *testing.T, path string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(path, "[^.]*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		list[i] = filepath.Base(list[i])
	}
	return list
}

func TestDir(t *testing.T) {
	path := filepath.Join(t.TempDir(), "atlas")
	if _, err := atlas.OpenStore(path, nil); !fault.Is(err, fault.NotFound) {
		t.Fatalf("nothing published: %v, want not found", err)
	}
	var ids []string
	for i := range 5 {
		ids = append(ids, put(t, path, fmt.Sprint(i), 3))
	}
	d, err := atlas.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	list, err := d.List()
	if want := []string{ids[4], ids[3], ids[2]}; err != nil || !slices.Equal(list, want) {
		t.Fatalf("kept %v, %v; want %v", list, err, want)
	}
	if f := files(t, path); len(f) != 4 {
		t.Errorf("files: %v; want three snapshots and the pointer", f)
	}
	if again := put(t, path, "4", 3); again != ids[4] {
		t.Errorf("the same content has another identifier: %s, %s", again, ids[4])
	}
	if list, _ := d.List(); len(list) != 3 {
		t.Errorf("publishing the same again changed the list: %v", list)
	}
	for _, want := range []string{ids[3], ids[2]} {
		if id, err := d.Rollback(); err != nil || id != want {
			t.Fatalf("rolled back to %s, %v; want %s", id, err, want)
		}
	}
	if _, err := d.Rollback(); !fault.Is(err, fault.Conflict) {
		t.Errorf("no former one: %v, want a conflict", err)
	}
	for _, bad := range []string{"", "../x", "a b", "a/b"} {
		if err := d.Swap(d.Temp(), bad, 3); !fault.Is(err, fault.Invalid) {
			t.Errorf("identifier %q: %v, want invalid", bad, err)
		}
	}
}

// TestLeftovers: what a killed process leaves is cleared by the next, and disturbs no reader
// before that.
func TestLeftovers(t *testing.T) {
	path := t.TempDir()
	id := put(t, path, "first", 7)
	for _, name := range []string{"next.tmp", "next.tmp-journal", "current.tmp", "20260101-deadbeef0000.gpkg"} {
		if err := os.WriteFile(filepath.Join(path, name), []byte("half"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := atlas.OpenStore(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a, release := s.Acquire()
	if a.Meta().ID != id {
		t.Errorf("current is %s, want %s", a.Meta().ID, id)
	}
	release()
	d, err := atlas.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := d.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Lock(); !fault.Is(err, fault.Conflict) {
		t.Errorf("locked twice: %v, want a conflict", err)
	}
	unlock()
	if f := files(t, path); !slices.Equal(f, []string{id + ".gpkg", "current"}) {
		t.Errorf("files: %v", f)
	}
}

// TestStoreFollows: readers go on with the snapshot they hold while a new one comes, and
// get the new one within about a second.
func TestStoreFollows(t *testing.T) {
	defer goleak.VerifyNone(t)
	path := t.TempDir()
	first := put(t, path, "first", 7)
	s, err := atlas.OpenStore(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	held, release := s.Acquire()
	second := put(t, path, "second", 1) // the file of the first is gone from the folder

	stop := time.Now().Add(5 * time.Second)
	for {
		a, done := s.Acquire()
		id := a.Meta().ID
		done()
		if id == second {
			break
		}
		if time.Now().After(stop) {
			t.Fatal("the new snapshot never came")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if held.Meta().ID != first {
		t.Error("the held snapshot changed under its reader")
	}
	if _, err := held.Taxon(context.Background(), 79273); err != nil {
		t.Errorf("the held snapshot is closed: %v", err)
	}
	release()
	release() // once too many does no harm
	if _, err := held.Taxon(context.Background(), 79273); err == nil {
		t.Error("the old snapshot is still open after its last reader")
	}

	// A broken new one leaves the present one in service.
	if err := os.WriteFile(filepath.Join(path, "current"), []byte("nothing-here\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	time.Sleep(600 * time.Millisecond)
	a, done := s.Acquire()
	if a.Meta().ID != second {
		t.Errorf("current is %s, want %s", a.Meta().ID, second)
	}
	done()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestStoreConcurrent reads from many goroutines through swaps; to be run with -race.
func TestStoreConcurrent(t *testing.T) {
	path := t.TempDir()
	put(t, path, "0", 7)
	s, err := atlas.OpenStore(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 6 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				select {
				case <-stop:
					return
				default:
				}
				a, done := s.Acquire()
				ctx := context.Background()
				if _, err := a.Taxon(ctx, 77756); err != nil {
					t.Error(err)
				}
				if _, err := a.Search(ctx, "lez", 5); err != nil {
					t.Error(err)
				}
				if _, err := a.Home(ctx); err != nil {
					t.Error(err)
				}
				done()
			}
		}()
	}
	for i := range 3 {
		put(t, path, fmt.Sprint(i+1), 2)
		time.Sleep(600 * time.Millisecond)
	}
	close(stop)
	wg.Wait()
}
