package atlas

import (
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Store gives the current snapshot of a folder and follows it: a new one is served within
// about a second of its Swap, without a restart; the old one closes once nobody reads it.
//
// It has no goroutine: the pointer is looked at when a snapshot is asked for, at most twice
// a second, and the reader who finds it changed opens the new one while others go on with
// the old.
type Store struct {
	dir *Dir
	log *slog.Logger

	mu      sync.Mutex // guards current and its count of readers
	current *opened
	closed  bool

	looking sync.Mutex
	looked  atomic.Int64 // when, Unix nanoseconds
	seen    os.FileInfo  // the pointer as of current; guarded by looking
}

// opened is a snapshot with its readers; the store itself is one.
type opened struct {
	atlas   *Atlas
	id      string
	readers int
}

const lookEvery = 500 * time.Millisecond

// OpenStore opens the current snapshot of the folder. NotFound when nothing was published
// there yet.
func OpenStore(dir string, log *slog.Logger) (*Store, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Store{dir: &Dir{path: dir}, log: log}
	s.seen = s.stat()
	id, err := s.dir.Current()
	if err != nil {
		return nil, err
	}
	a, err := Open(s.dir.Path(id))
	if err != nil {
		return nil, err
	}
	s.current = &opened{atlas: a, id: id, readers: 1}
	s.looked.Store(time.Now().UnixNano())
	return s, nil
}

// Acquire returns the current snapshot and what to call when done with it, once.
func (s *Store) Acquire() (*Atlas, func()) {
	if now := time.Now().UnixNano(); now-s.looked.Load() > int64(lookEvery) && s.looking.TryLock() {
		s.look()
		s.looked.Store(time.Now().UnixNano())
		s.looking.Unlock()
	}
	s.mu.Lock()
	o := s.current
	o.readers++
	s.mu.Unlock()
	var once sync.Once
	return o.atlas, func() { once.Do(func() { s.release(o) }) }
}

func (s *Store) release(o *opened) {
	s.mu.Lock()
	o.readers--
	last := o.readers == 0
	s.mu.Unlock()
	if !last {
		return
	}
	if err := o.atlas.Close(); err != nil {
		s.log.Error("atlas: close", "id", o.id, "err", err)
	}
}

func (s *Store) stat() os.FileInfo {
	fi, err := os.Stat(filepath.Join(s.dir.path, pointerFile))
	if err != nil {
		return nil
	}
	return fi
}

// look opens the snapshot the pointer names when it changed. A snapshot that cannot be
// opened leaves the present one in service.
func (s *Store) look() {
	fi := s.stat()
	if fi == nil || s.seen != nil && os.SameFile(fi, s.seen) && fi.ModTime().Equal(s.seen.ModTime()) && fi.Size() == s.seen.Size() {
		return
	}
	started := time.Now()
	id, err := s.dir.Current()
	if err != nil {
		s.log.Error("atlas: pointer", "err", err)
		return
	}
	s.seen = fi
	s.mu.Lock()
	same := s.closed || id == s.current.id
	s.mu.Unlock()
	if same {
		return
	}
	a, err := Open(s.dir.Path(id))
	if err != nil {
		s.log.Error("atlas: open", "id", id, "err", err)
		return
	}
	next := &opened{atlas: a, id: id, readers: 1}
	s.mu.Lock()
	old := s.current
	s.current = next
	s.mu.Unlock()
	s.log.Info("atlas: new snapshot", "id", id, "took", time.Since(started))
	s.release(old)
}

// Close gives up the store's own hold on the snapshot; the file closes with its last reader.
// No Acquire may follow.
func (s *Store) Close() error {
	s.mu.Lock()
	o, closed := s.current, s.closed
	s.closed = true
	s.mu.Unlock()
	if !closed {
		s.release(o)
	}
	return nil
}
