package atlas_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// TestStorePrepares: what is made ahead is made for the present snapshot at once, and for a new
// one while readers still get the old.
func TestStorePrepares(t *testing.T) {
	defer goleak.VerifyNone(t)
	path := t.TempDir()
	first := put(t, path, "first", 7)
	s, err := atlas.OpenStore(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	began, goOn := make(chan string, 2), make(chan struct{})
	close(goOn)
	s.Prepare(func(a *atlas.Atlas) {
		if _, err := a.Home(context.Background()); err != nil {
			t.Error(err)
		}
		began <- a.Meta().ID
		<-goOn
	})
	if got := <-began; got != first {
		t.Fatalf("prepared %s, want the present one, %s", got, first)
	}
	goOn = make(chan struct{})
	second := put(t, path, "second", 7)
	served := func() string {
		a, done := s.Acquire()
		defer done()
		return a.Meta().ID
	}
	for stop := time.After(5 * time.Second); ; {
		if got := served(); got != first {
			t.Fatalf("%s is served before it is prepared", got)
		}
		select {
		case got := <-began:
			if got != second {
				t.Fatalf("prepared %s, want %s", got, second)
			}
		case <-time.After(20 * time.Millisecond):
			continue
		case <-stop:
			t.Fatal("the new snapshot was never prepared")
		}
		break
	}
	if got := served(); got != first {
		t.Errorf("%s is served while it is being prepared", got)
	}
	close(goOn)
	for stop := time.Now().Add(5 * time.Second); served() != second; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(stop) {
			t.Fatal("the prepared snapshot is not served")
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestStoreSurvives: a new snapshot that makes the program panic is reported and not served.
func TestStoreSurvives(t *testing.T) {
	defer goleak.VerifyNone(t)
	path := t.TempDir()
	first := put(t, path, "first", 7)
	var said bytes.Buffer
	s, err := atlas.OpenStore(path, slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	tried := make(chan struct{}, 1)
	s.Prepare(func(a *atlas.Atlas) {
		if a.Meta().ID != first {
			tried <- struct{}{}
			panic("a damaged file")
		}
	})
	put(t, path, "second", 7)
	for stop := time.Now().Add(5 * time.Second); len(tried) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(stop) {
			t.Fatal("the new snapshot was never tried")
		}
		_, done := s.Acquire()
		done()
	}
	a, done := s.Acquire()
	if a.Meta().ID != first {
		t.Errorf("%s is served, want %s", a.Meta().ID, first)
	}
	if _, err := a.Home(context.Background()); err != nil {
		t.Error(err)
	}
	done()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(said.String(), "a damaged file") {
		t.Errorf("nothing is said of it: %s", said.String())
	}
}
