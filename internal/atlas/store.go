package atlas

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Store gives the current snapshot of a folder and follows it: a new one is served within
// about a second of its Swap, without a restart; the old one closes once nobody reads it.
//
// It has no lasting goroutine: the pointer is looked at when a snapshot is asked for, at most
// twice a second. One found changed is opened and prepared aside, while every reader, the one
// who found it included, goes on with the old.
type Store struct {
	dir *Dir
	log *slog.Logger

	mu      sync.Mutex // guards current and its count of readers
	current *opened
	closed  bool

	looking sync.Mutex
	looked  atomic.Int64   // when, Unix nanoseconds
	seen    os.FileInfo    // the pointer as of current; guarded by looking
	prepare []func(*Atlas) // guarded by looking
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
		s.looked.Store(now)
		if fi := s.changed(); fi == nil {
			s.looking.Unlock()
		} else {
			go func() {
				defer s.looking.Unlock()
				s.follow(fi)
			}()
		}
	}
	return s.hold()
}

// Prepare has f called with the present snapshot now, and with each new one before anybody
// gets it: f makes ahead what the first visitor would wait for. It must not ask this store
// for a snapshot, nor keep the one it is given longer than it runs.
func (s *Store) Prepare(f func(*Atlas)) {
	s.looking.Lock() // no new one comes meanwhile
	defer s.looking.Unlock()
	s.prepare = append(s.prepare, f)
	a, release := s.hold()
	defer release()
	f(a)
}

// hold returns the current snapshot and counts one more reader of it.
func (s *Store) hold() (*Atlas, func()) {
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

// changed returns the pointer when it is another one than that last followed.
func (s *Store) changed() os.FileInfo {
	fi := s.stat()
	if fi == nil || s.seen != nil && os.SameFile(fi, s.seen) && fi.ModTime().Equal(s.seen.ModTime()) && fi.Size() == s.seen.Size() {
		return nil
	}
	return fi
}

// follow opens the snapshot the pointer names, prepares it and puts it in service. One that
// cannot be opened leaves the present one there.
func (s *Store) follow(fi os.FileInfo) {
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
	a, err := s.ready(id)
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

// ready opens a snapshot and prepares it. A panic is an error here: no request stands above to
// catch it, and a file that is damaged must not end the service of the present one.
func (s *Store) ready(id string) (a *Atlas, err error) {
	defer func() {
		if e := recover(); e != nil {
			err = fmt.Errorf("panic: %v\n%s", e, debug.Stack())
			if a != nil {
				err = errors.Join(err, a.Close())
			}
		}
	}()
	if a, err = Open(s.dir.Path(id)); err != nil {
		return nil, err
	}
	for _, f := range s.prepare {
		f(a)
	}
	return a, nil
}

// Close gives up the store's own hold on the snapshot; the file closes with its last reader.
// No Acquire may follow.
func (s *Store) Close() error {
	s.looking.Lock() // what is being opened gets to its end
	defer s.looking.Unlock()
	s.mu.Lock()
	o, closed := s.current, s.closed
	s.closed = true
	s.mu.Unlock()
	if !closed {
		s.release(o)
	}
	return nil
}
