package atlas

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"garrigue/internal/fault"
)

// Dir is a folder of snapshots: files <id>.gpkg and a small file, current, that lists the
// identifiers kept, the one served first. Replacing that file is the swap: at any instant,
// power cut included, it names a snapshot that is whole and on the disk.
type Dir struct{ path string }

const (
	pointerFile = "current"
	extension   = ".gpkg"
	unfinished  = ".tmp"
	lockFile    = ".publishing"
)

// OpenDir returns the folder of snapshots at path, made when missing.
func OpenDir(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fault.Say(fault.Unavailable, "atlas.dir", path).Because(err)
	}
	return &Dir{path: path}, nil
}

// Lock makes this process the only one that publishes into the folder, until unlock; the
// lock goes with the process. It then clears what a killed one left. Conflict when another
// process holds it.
func (d *Dir) Lock() (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(d.path, lockFile), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := lock(f); err != nil {
		f.Close()
		return nil, fault.Say(fault.Conflict, "atlas.busy").Because(err)
	}
	if err := d.clean(); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// Temp returns the path at which to write a snapshot before its Swap.
func (d *Dir) Temp() string { return filepath.Join(d.path, "next"+unfinished) }

// Path returns the file of a snapshot.
func (d *Dir) Path(id string) string { return filepath.Join(d.path, id+extension) }

// List returns the identifiers kept, the current one first; none before the first Swap.
func (d *Dir) List() ([]string, error) {
	b, err := os.ReadFile(filepath.Join(d.path, pointerFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, id := range strings.Fields(string(b)) {
		if id == filepath.Base(id) && id[0] != '.' {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Current returns the identifier of the snapshot served. NotFound when there is none.
func (d *Dir) Current() (string, error) {
	ids, err := d.List()
	if err != nil {
		return "", err
	}
	if len(ids) == 0 {
		return "", fault.Say(fault.NotFound, "atlas.none", d.path)
	}
	return ids[0], nil
}

// Swap makes the file at tmp the current snapshot, under the name id, and removes all but
// the keep latest (at least one). Publishing the current content again changes nothing.
func (d *Dir) Swap(tmp, id string, keep int) (err error) {
	defer fault.Wrap(&err, "atlas.Swap(%s)", id)
	if id == "" || id != filepath.Base(id) || strings.ContainsAny(id, " \n\t") {
		return fault.Say(fault.Invalid, "atlas.id", id)
	}
	ids, err := d.List()
	if err != nil {
		return err
	}
	if err := syncFile(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, d.Path(id)); err != nil {
		return err
	}
	if err := syncFile(d.path); err != nil {
		return err
	}
	ids = slices.DeleteFunc(ids, func(o string) bool { return o == id })
	ids = append([]string{id}, ids...)
	if err := d.point(ids[:min(len(ids), max(keep, 1))]); err != nil {
		return err
	}
	return d.clean()
}

// Rollback makes the former snapshot current again and returns its identifier. The one it
// replaces is forgotten. Conflict when there is no former one.
func (d *Dir) Rollback() (id string, err error) {
	defer fault.Wrap(&err, "atlas.Rollback")
	ids, err := d.List()
	if err != nil {
		return "", err
	}
	for k := 1; k < len(ids); k++ {
		if _, err := os.Stat(d.Path(ids[k])); err == nil {
			return ids[k], d.point(ids[k:])
		}
	}
	return "", fault.Say(fault.Conflict, "atlas.noformer")
}

// point replaces the list, durably.
func (d *Dir) point(ids []string) error {
	tmp := filepath.Join(d.path, pointerFile+unfinished)
	if err := os.WriteFile(tmp, []byte(strings.Join(ids, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	if err := syncFile(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(d.path, pointerFile)); err != nil {
		return err
	}
	return syncFile(d.path)
}

// clean removes what the list does not name.
func (d *Dir) clean() error {
	ids, err := d.List()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		id, snapshot := strings.CutSuffix(name, extension)
		if strings.Contains(name, unfinished) || snapshot && !slices.Contains(ids, id) {
			if err := os.Remove(filepath.Join(d.path, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// syncFile flushes a file, or a folder's list of files, to the disk.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
