package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"garrigue/internal/fault"
)

// Options of the kind folder.
const (
	OptionSettle = "settle" // between two looks at a file that must not have changed: 5s
	OptionDone   = "done"   // subfolder of what was imported: done
	OptionError  = "error"  // subfolder of what was refused: error
)

// folderState remembers the content last imported under each name, to know it again under
// another.
type folderState struct {
	Last []folderEntry `json:"last"` // the most recent last
}

type folderEntry struct {
	Dataset string `json:"dataset,omitempty"`
	Name    string `json:"name"`
	SHA256  string `json:"sha256"`
}

// maxRemembered bounds the state; what is older may be imported again, which changes nothing.
const maxRemembered = 5000

// dropped is a file somebody put in the folder.
type dropped struct {
	path, name, dataset string
	info                fs.FileInfo
	ready               bool // name.done says that it is whole
}

func checkFolder(cfg Config) error {
	if s, _ := scheme(cfg.Location); s != "" {
		return wrong(cfg, "location", cfg.Location)
	}
	for _, o := range []string{OptionDone, OptionError} {
		if v := cfg.Options[o]; v != "" && (strings.ContainsAny(v, `/\`) || strings.HasPrefix(v, ".")) {
			return wrong(cfg, "options."+o, v)
		}
	}
	if folderOf(cfg, OptionDone) == folderOf(cfg, OptionError) {
		return wrong(cfg, "options."+OptionError, folderOf(cfg, OptionError))
	}
	_, err := durationOption(cfg, OptionSettle, 5*time.Second)
	return err
}

func folderOf(cfg Config, option string) string { return cmp.Or(cfg.Options[option], option) }

// unfinished are names that programs give to files they are still writing, and what is never
// somebody's data.
func unfinished(name string) bool {
	low := strings.ToLower(name)
	for _, end := range []string{".part", ".partial", ".tmp", ".filepart", ".crdownload", ".swp", ".done", "~"} {
		if strings.HasSuffix(low, end) {
			return true
		}
	}
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~$")
}

// look lists the files of the folder and of its subfolders, one per dataset, by name.
func look(cfg Config) ([]dropped, error) {
	var list []dropped
	read := func(dir, dataset string) ([]fs.DirEntry, error) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			kind := fault.Unavailable
			if errors.Is(err, fs.ErrNotExist) {
				kind = fault.NotFound
			}
			return nil, fault.Say(kind, "source.no_folder", cfg.Name, dir).Because(err)
		}
		for _, e := range entries {
			if unfinished(e.Name()) || !e.Type().IsRegular() {
				continue
			}
			info, err := e.Info()
			if err != nil {
				continue // gone since
			}
			path := filepath.Join(dir, e.Name())
			_, err = os.Stat(path + ".done")
			list = append(list, dropped{path: path, name: e.Name(), dataset: dataset, info: info, ready: err == nil})
		}
		return entries, nil
	}
	entries, err := read(cfg.Location, "")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if n := e.Name(); e.IsDir() && !strings.HasPrefix(n, ".") && n != folderOf(cfg, OptionDone) && n != folderOf(cfg, OptionError) {
			if _, err := read(filepath.Join(cfg.Location, n), n); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// settled keeps the files that two looks see alike: one still being written is left for the
// next run.
func settled(ctx context.Context, cfg Config, env Env) (list []dropped, writing int, err error) {
	first, err := look(cfg)
	if err != nil {
		return nil, 0, err
	}
	if !slices.ContainsFunc(first, func(d dropped) bool { return !d.ready }) {
		return first, 0, nil
	}
	pause, err := durationOption(cfg, OptionSettle, 5*time.Second)
	if err != nil {
		return nil, 0, err
	}
	if err := env.Sleep(ctx, pause); err != nil {
		return nil, 0, err
	}
	second, err := look(cfg)
	if err != nil {
		return nil, 0, err
	}
	was := map[string]fs.FileInfo{}
	for _, d := range first {
		was[d.path] = d.info
	}
	for _, d := range second {
		before := was[d.path]
		if d.ready || before != nil && before.Size() == d.info.Size() && before.ModTime().Equal(d.info.ModTime()) {
			list = append(list, d)
		} else {
			writing++
		}
	}
	return list, writing, nil
}

// fetchFolder gives the files dropped in the folder, where they lie; each is moved away once
// imported or refused.
func fetchFolder(ctx context.Context, cfg Config, state State, env Env) (res Result, err error) {
	was, err := readState[folderState](state)
	if err != nil {
		return res, err
	}
	list, writing, err := settled(ctx, cfg, env)
	if err != nil {
		return res, err
	}
	if writing > 0 {
		res.Notes = append(res.Notes, Note{"source.note.writing", []any{writing}})
	}
	twins := map[folderEntry][]dropped{} // in this run, by dataset and content; the first is imported
	var order []folderEntry
	for i, d := range list {
		env.Progress(Progress{Source: cfg.Name, Step: "fetch", Done: int64(i), Total: int64(len(list))})
		sum, err := hashFile(ctx, d.path)
		if err != nil {
			return res, err
		}
		twin := was.under(d, sum, cfg.Complete)
		key := folderEntry{Dataset: d.dataset, SHA256: sum}
		if first := twins[key]; len(first) > 0 {
			twin = first[0].name
		} else if twin != "" {
			if err := d.away(cfg, env, folderOf(cfg, OptionDone)); err != nil {
				return res, err
			}
		}
		if twin != "" {
			res.Notes = append(res.Notes, Note{"source.note.same_content", []any{d.name, twin}})
		} else if len(twins[key]) == 0 {
			order = append(order, key)
		}
		if twin == "" || len(twins[key]) > 0 {
			twins[key] = append(twins[key], d)
		}
	}
	for _, key := range order {
		d := twins[key][0]
		res.Files = append(res.Files, File{Path: d.path, Name: d.name, Dataset: d.dataset, Complete: cfg.Complete,
			Imported: func(o Outcome) error {
				if o.Refused == "" {
					was.remember(d, key.SHA256)
				}
				err := d.imported(cfg, env, o)
				for _, twin := range twins[key][1:] {
					err = errors.Join(err, twin.imported(cfg, env, Outcome{Refused: o.Refused}))
				}
				return err
			}})
	}
	res.Unchanged = len(res.Files) == 0
	res.Final = func() (State, error) { return writeState(was) }
	res.State, err = writeState(was)
	return res, err
}

// under returns the other name under which the content came last in the same dataset. Where
// each file is the whole of it, one that is not the last was replaced since, and comes again.
func (s *folderState) under(d dropped, sum string, whole bool) string {
	for _, e := range slices.Backward(s.Last) {
		if e.Dataset != d.dataset {
			continue
		}
		if e.SHA256 == sum && e.Name != d.name {
			return e.Name
		}
		if whole {
			return ""
		}
	}
	return ""
}

func (s *folderState) remember(d dropped, sum string) {
	s.Last = slices.DeleteFunc(s.Last, func(e folderEntry) bool { return e.Dataset == d.dataset && e.Name == d.name })
	s.Last = append(s.Last, folderEntry{d.dataset, d.name, sum})
	if n := len(s.Last) - maxRemembered; n > 0 {
		s.Last = slices.Delete(s.Last, 0, n)
	}
}

// imported moves a file away, with what its producer should read beside it.
func (d dropped) imported(cfg Config, env Env, o Outcome) error {
	dir := folderOf(cfg, OptionDone)
	if o.Refused != "" {
		dir = folderOf(cfg, OptionError)
	}
	to, err := d.free(cfg, env, dir)
	if err != nil {
		return err
	}
	if o.Rejects != nil {
		ext := filepath.Ext(to)
		if err := o.Rejects(strings.TrimSuffix(to, ext) + ".rejets" + ext); err != nil {
			return err
		}
	}
	if o.Refused != "" {
		if err := os.WriteFile(to+".txt", []byte(o.Refused+"\n"), 0o640); err != nil {
			return spoolError(err)
		}
	}
	return d.move(to)
}

// away moves a file to a subfolder.
func (d dropped) away(cfg Config, env Env, dir string) error {
	to, err := d.free(cfg, env, dir)
	if err != nil {
		return err
	}
	return d.move(to)
}

func (d dropped) move(to string) error {
	if err := os.Rename(d.path, to); err != nil {
		return spoolError(err)
	}
	if err := os.Remove(d.path + ".done"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return spoolError(err)
	}
	return nil
}

// free returns a path of the subfolder that nothing has: the day first, then a number.
func (d dropped) free(cfg Config, env Env, dir string) (string, error) {
	into := filepath.Join(cfg.Location, dir, d.dataset)
	if err := os.MkdirAll(into, 0o750); err != nil {
		return "", spoolError(err)
	}
	day := env.Now().Format("2006-01-02")
	for n := 1; ; n++ {
		name := day + "_" + d.name
		if n > 1 {
			name = fmt.Sprintf("%s_%d_%s", day, n, d.name)
		}
		to := filepath.Join(into, name)
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			return to, nil
		}
	}
}

func testFolder(_ context.Context, cfg Config, _ Env) (TestReport, error) {
	r := TestReport{Place: cfg.Location, Resumes: true}
	list, err := look(cfg)
	if err != nil {
		return r, err
	}
	r.Reached, r.Files = true, len(list)
	for i, d := range list {
		r.Bytes += d.info.Size()
		if i > 0 {
			continue
		}
		f, err := os.Open(d.path)
		if err != nil {
			return r, fault.Say(fault.Forbidden, "source.unreadable", d.name).Because(err)
		}
		r.Columns = firstColumns(f)
		f.Close()
	}
	// Files are moved once imported: the folder must be ours to change.
	probe, err := os.CreateTemp(cfg.Location, ".garrigue-*.tmp")
	if err != nil {
		return r, fault.Say(fault.Forbidden, "source.folder_read_only", cfg.Location).Because(err)
	}
	r.Allowed = true
	return r, errors.Join(probe.Close(), os.Remove(probe.Name()))
}
