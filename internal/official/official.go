// Package official brings references from their owners: it knows where each is published (a
// data file, references.toml), downloads it, makes sure that it is what it must be, and tells
// what loading it would change. Whether it is then loaded is for a person to say.
package official

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/BurntSushi/toml"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/ingest"
	"garrigue/internal/source"
	"garrigue/internal/vault"
)

// File is the name of the data file, embedded and in an instance.
const File = "references.toml"

//go:embed references.toml
var embedded string

// Reference is where one reference is published, and what it must look like.
type Reference struct {
	Name     string            `toml:"name" json:"name"` // by which the vault knows it
	Kind     string            `toml:"kind" json:"kind"` // as garrigue reference load
	Area     string            `toml:"area" json:"area,omitempty"`
	Title    string            `toml:"title" json:"title"`
	Version  string            `toml:"version" json:"version"`
	URLs     []string          `toml:"urls" json:"urls"` // tried in order
	Page     string            `toml:"page" json:"page"` // where a person finds it
	Owner    string            `toml:"owner" json:"owner"`
	Licence  string            `toml:"licence" json:"licence"`
	File     string            `toml:"file" json:"file,omitempty"` // that the zip must hold
	SHA256   string            `toml:"sha256" json:"sha256,omitempty"`
	Size     int64             `toml:"size" json:"size,omitempty"`
	Columns  []string          `toml:"columns" json:"columns,omitempty"` // that it must have
	MinRows  int               `toml:"min_rows" json:"min_rows,omitempty"`
	MaxRows  int               `toml:"max_rows" json:"max_rows,omitempty"`
	Where    map[string]string `toml:"where" json:"where,omitempty"` // of GeoJSON: the features kept
	Complete bool              `toml:"complete" json:"complete,omitempty"`
	Checked  bool              `toml:"checked" json:"checked"` // the address was tried
	Source   string            `toml:"source" json:"source,omitempty"`
}

// References reads the references known, those of a folder's own file replacing the ones of
// the same name. Invalid when that file is wrong.
func References(dir string) (_ []Reference, err error) {
	defer fault.Wrap(&err, "official.References")
	list, err := parse(embedded)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, File))
	if errors.Is(err, fs.ErrNotExist) {
		return list, nil
	}
	if err != nil {
		return nil, fault.Say(fault.Invalid, "official.file", File).Because(err)
	}
	own, err := parse(string(text))
	if err != nil {
		return nil, err
	}
	for _, o := range own {
		i := slices.IndexFunc(list, func(r Reference) bool { return r.Name == o.Name })
		if i < 0 {
			list = append(list, o)
		} else {
			list[i] = o
		}
	}
	return list, nil
}

func parse(text string) ([]Reference, error) {
	var f struct {
		Reference []Reference `toml:"reference"`
	}
	m, err := toml.Decode(text, &f)
	if err != nil {
		return nil, fault.Say(fault.Invalid, "official.file", File).Because(err)
	}
	if extra := m.Undecoded(); len(extra) > 0 {
		return nil, fault.Say(fault.Invalid, "official.key", File, extra[0].String())
	}
	for _, r := range f.Reference {
		if !slices.Contains([]string{"taxref", "withdrawn", "statuses", "sensitivity", "areas", "visionature"}, r.Kind) || r.Name == "" || len(r.URLs) == 0 {
			return nil, fault.Say(fault.Invalid, "official.entry", File, r.Name)
		}
		if _, ok := geo.ParseKind(r.Area); r.Kind == "areas" && !ok {
			return nil, fault.Say(fault.Invalid, "official.entry", File, r.Name)
		}
		for _, a := range r.URLs {
			if u, err := url.Parse(a); err != nil || u.Host == "" {
				return nil, fault.Say(fault.Invalid, "official.entry", File, r.Name)
			}
		}
	}
	return f.Reference, nil
}

// Options are the options to load a reference with.
func (r *Reference) Options() ingest.ReferenceOptions {
	o := ingest.ReferenceOptions{Name: r.Name, Version: r.Version, Complete: r.Complete}
	o.AreaKind, _ = geo.ParseKind(r.Area)
	return o
}

// Loaded returns the version of a reference that the vault has in force, nil for none.
func (r *Reference) Loaded(all []vault.Reference) *vault.Reference {
	for i := range all {
		if v := &all[i]; v.Current && v.Kind == r.Kind && v.Name == r.Name {
			return v
		}
	}
	return nil
}

// Fetcher downloads. What it has begun stays in its folder and is taken up again.
type Fetcher struct {
	Dir      string
	HTTP     *http.Client                               // nil for the usual one
	Sleep    func(context.Context, time.Duration) error // between tries; nil for a real pause
	Log      *slog.Logger
	Progress func(done, total int64) // may be nil
	Options  map[string]string       // of source.Config
}

// Fetched is a file that is here and is what it must be. Keep is to be called once it is
// loaded: the same will then not be downloaded again.
type Fetched struct {
	Path      string
	SHA256    string
	Size      int64
	Unchanged bool // the owner says that nothing is new; no file
	Keep      func() error
}

// Fetch downloads a reference from the first of its addresses that gives it, and verifies it.
// Errors: Unavailable and NotFound when no address gives it; Invalid when what came is not
// what was announced, or a page of a web site: it is then thrown away.
func (f *Fetcher) Fetch(ctx context.Context, r *Reference) (_ Fetched, err error) {
	defer fault.Wrap(&err, "official.Fetch(%s)", r.Name)
	spool := filepath.Join(f.Dir, r.Name)
	if err := os.MkdirAll(spool, 0o750); err != nil {
		return Fetched{}, fault.Say(fault.Unavailable, "official.folder", f.Dir).Because(err)
	}
	memory := filepath.Join(f.Dir, r.Name+".json")
	state, err := os.ReadFile(memory)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Fetched{}, fault.Say(fault.Unavailable, "official.folder", f.Dir).Because(err)
	}
	if !json.Valid(state) {
		state = nil
	}
	var last error
	for _, address := range r.URLs {
		got, err := f.from(ctx, r, address, spool, state, memory)
		if err == nil {
			return got, nil
		}
		if ctx.Err() != nil {
			return Fetched{}, ctx.Err()
		}
		last = err
	}
	return Fetched{}, last
}

func (f *Fetcher) from(ctx context.Context, r *Reference, address, spool string, state []byte, memory string) (Fetched, error) {
	res, err := source.Fetch(ctx, source.Config{Name: r.Name, Kind: source.KindFile, Location: address, Options: f.Options}, state, source.Env{
		Spool: spool, HTTP: f.HTTP, Sleep: f.Sleep, Log: f.Log, Progress: func(p source.Progress) {
			if f.Progress != nil {
				f.Progress(p.Done, p.Total)
			}
		}})
	if err != nil {
		return Fetched{}, err
	}
	if len(res.Files) == 0 {
		return Fetched{Unchanged: true, Keep: func() error { return nil }}, nil
	}
	done := func() error {
		if res.Done == nil {
			return nil
		}
		return res.Done()
	}
	got := Fetched{Path: res.Files[0].Path}
	if err := r.verify(&got); err != nil {
		return Fetched{}, errors.Join(err, done()) // taken up again, it would be as wrong
	}
	if got.Path, err = r.prepare(got.Path, res.Files[0].Name, spool); err != nil {
		return Fetched{}, errors.Join(err, done())
	}
	got.Keep = func() error {
		if err := os.WriteFile(memory, res.State, 0o640); err != nil {
			return fault.Say(fault.Unavailable, "official.folder", f.Dir).Because(err)
		}
		return errors.Join(done(), os.Remove(got.Path))
	}
	return got, nil
}

// verify compares a file with what is known of it.
func (r *Reference) verify(got *Fetched) error {
	f, err := os.Open(got.Path)
	if err != nil {
		return fault.Say(fault.Unavailable, "official.folder", filepath.Dir(got.Path)).Because(err)
	}
	defer f.Close()
	h := sha256.New()
	if got.Size, err = io.Copy(h, f); err != nil {
		return fault.Say(fault.Unavailable, "official.folder", filepath.Dir(got.Path)).Because(err)
	}
	got.SHA256 = hex.EncodeToString(h.Sum(nil))
	if err := ingest.CheckReference(got.Path); err != nil {
		return fault.Say(fault.Invalid, "official.page", r.Title, r.Page).Because(err)
	}
	if r.Size != 0 && r.Size != got.Size {
		return fault.Say(fault.Invalid, "official.size", r.Title, got.Size, r.Size)
	}
	if r.SHA256 != "" && r.SHA256 != got.SHA256 {
		return fault.Say(fault.Invalid, "official.hash", r.Title, got.SHA256, r.SHA256)
	}
	return r.shape(got.Path)
}

// Sane tells whether a number of rows is one the reference may have.
func (r *Reference) Sane(rows int) error {
	if rows < r.MinRows || r.MaxRows > 0 && rows > r.MaxRows {
		return fault.Say(fault.Invalid, "official.rows", r.Title, rows, r.MinRows, r.MaxRows)
	}
	return nil
}
