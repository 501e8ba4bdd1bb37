package source

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"garrigue/internal/fault"
)

// mark is what tells one version of a remote or local file from another.
type mark struct {
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"` // as the server wrote it
	Size         int64  `json:"size,omitempty"`
	Modified     string `json:"modified,omitempty"` // of a file system, RFC 3339
	SHA256       string `json:"sha256,omitempty"`   // of the content given to import
}

// fileState is the State of the kinds that bring files as they are: marks by address.
type fileState struct {
	Files map[string]mark `json:"files"`
}

func readState[T any](state State) (v T, err error) {
	if len(state) == 0 {
		return v, nil
	}
	if err := json.Unmarshal(state, &v); err != nil {
		return v, fault.Say(fault.Internal, "source.state").Because(err)
	}
	return v, nil
}

func writeState(v any) (State, error) {
	b, err := json.Marshal(v)
	return b, err
}

// transfer is a file on its way into the spool: <key>.part holds the bytes as they travel,
// <key>.json what they are. Both survive a kill: the next run goes on, or finds it whole.
type transfer struct {
	dir, key string
	about    about
}

// about describes the bytes of a transfer.
type about struct {
	Mark     mark   `json:"mark"`
	Encoding string `json:"encoding,omitempty"` // "gzip" when the part is compressed for the way
	Name     string `json:"name"`
	Total    int64  `json:"total"` // of the part when whole, -1 unknown
	Whole    bool   `json:"whole"` // the file is there, under its name
}

func openTransfer(dir, address string) (*transfer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, spoolError(err)
	}
	sum := sha256.Sum256([]byte(address))
	t := &transfer{dir: dir, key: hex.EncodeToString(sum[:8])}
	b, err := os.ReadFile(t.aboutPath())
	if err == nil && json.Unmarshal(b, &t.about) != nil {
		t.about = about{}
	}
	if t.about.Whole {
		if st, err := os.Stat(t.path()); err != nil || !st.Mode().IsRegular() {
			t.about = about{}
		}
	}
	return t, nil
}

func (t *transfer) part() string      { return filepath.Join(t.dir, t.key+".part") }
func (t *transfer) aboutPath() string { return filepath.Join(t.dir, t.key+".json") }

// path is where the whole file lies: in a folder of its own, under its own name.
func (t *transfer) path() string { return filepath.Join(t.dir, t.key, t.about.Name) }

// have returns how much of the part is there.
func (t *transfer) have() int64 {
	st, err := os.Stat(t.part())
	if err != nil || t.about.Whole {
		return 0
	}
	return st.Size()
}

// begin notes what is coming, before its first byte, and forgets what was there.
func (t *transfer) begin(a about) error {
	if err := os.Remove(t.part()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return spoolError(err)
	}
	t.about = a
	return t.save()
}

// save writes the description beside and renames it, so that a kill leaves the one or the other.
func (t *transfer) save() error {
	b, err := json.Marshal(t.about)
	if err != nil {
		return err
	}
	if err := os.WriteFile(t.aboutPath()+".new", b, 0o600); err != nil {
		return spoolError(err)
	}
	return spoolError(os.Rename(t.aboutPath()+".new", t.aboutPath()))
}

// forget starts over.
func (t *transfer) forget() error { return t.begin(about{}) }

// errTooLarge ends a copy.
var errTooLarge = errors.New("larger than allowed")

// add appends what r brings, at most up to max bytes in all.
func (t *transfer) add(r io.Reader, max int64, tell func(have int64)) (n int64, err error) {
	f, err := os.OpenFile(t.part(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return 0, spoolError(err)
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = spoolError(cerr)
		}
	}()
	have := t.have()
	buf := make([]byte, 128<<10)
	for {
		k, rerr := r.Read(buf)
		if have+n+int64(k) > max {
			return n, errTooLarge
		}
		if k > 0 {
			if _, err := f.Write(buf[:k]); err != nil {
				return n, spoolError(err)
			}
			n += int64(k)
			tell(have + n)
		}
		if rerr == io.EOF {
			return n, spoolError(f.Sync())
		}
		if rerr != nil {
			return n, rerr
		}
	}
}

// finish makes the file out of the whole part.
func (t *transfer) finish(ctx context.Context, max int64) error {
	if err := os.RemoveAll(filepath.Dir(t.path())); err != nil {
		return spoolError(err)
	}
	if err := os.MkdirAll(filepath.Dir(t.path()), 0o700); err != nil {
		return spoolError(err)
	}
	if _, err := os.Stat(t.part()); errors.Is(err, os.ErrNotExist) { // an empty answer
		if err := os.WriteFile(t.part(), nil, 0o600); err != nil {
			return spoolError(err)
		}
	}
	if t.about.Encoding == "gzip" {
		if err := t.gunzip(max); err != nil {
			return errors.Join(err, t.forget()) // taken up again, it would be as bad
		}
	} else if err := os.Rename(t.part(), t.path()); err != nil {
		return spoolError(err)
	}
	sum, err := hashFile(ctx, t.path())
	if err != nil {
		return err
	}
	t.about.Mark.SHA256, t.about.Whole = sum, true
	if err := t.save(); err != nil {
		return err
	}
	if err := os.Remove(t.part()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return spoolError(err)
	}
	return nil
}

func (t *transfer) gunzip(max int64) error {
	in, err := os.Open(t.part())
	if err != nil {
		return spoolError(err)
	}
	defer in.Close()
	z, err := gzip.NewReader(in)
	if err != nil {
		return fault.Say(fault.Unavailable, "source.bad_gzip", t.about.Name).Because(err)
	}
	out, err := os.OpenFile(t.path(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return spoolError(err)
	}
	n, err := io.Copy(out, io.LimitReader(z, max+1))
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	switch {
	case n > max:
		return fault.Say(fault.Invalid, "source.too_large", t.about.Name, size(max))
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.Is(err, io.ErrUnexpectedEOF):
		return fault.Say(fault.Unavailable, "source.bad_gzip", t.about.Name).Because(err)
	}
	return spoolError(err)
}

// drop removes everything of the transfer.
func (t *transfer) drop() error {
	err := errors.Join(os.RemoveAll(filepath.Join(t.dir, t.key)), os.Remove(t.aboutPath()))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// hashFile returns the SHA-256 of a file.
func hashFile(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", spoolError(err)
	}
	defer f.Close()
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", spoolError(err)
		}
	}
}

// spoolError is what the disk of the spool refuses.
func spoolError(err error) error {
	if err == nil {
		return nil
	}
	return fault.Say(fault.Unavailable, "source.spool").Because(err)
}

// safeName makes the name of a file out of what another machine says.
func safeName(name, otherwise string) string {
	name = strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r == ':' || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, filepath.Base(strings.ReplaceAll(name, "\\", "/")))
	name = strings.TrimLeft(name, ". ")
	for len(name) > 150 {
		name = strings.ToValidUTF8(name[len(name)-150:], "")
	}
	if name == "" || name == "_" {
		return otherwise
	}
	return name
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func hashText(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
