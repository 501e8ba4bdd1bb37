package official

import (
	"archive/zip"
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/tabular"
)

// shape makes sure that a zip holds the file it must, and a table its columns.
func (r *Reference) shape(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fault.Say(fault.Unavailable, "official.folder", filepath.Dir(file)).Because(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return fault.Say(fault.Unavailable, "official.folder", filepath.Dir(file)).Because(err)
	}
	entry := ""
	if r.File != "" {
		z, err := zip.NewReader(f, st.Size())
		if err != nil {
			return fault.Say(fault.Invalid, "official.zip", r.Title).Because(err)
		}
		for _, e := range z.File {
			if strings.EqualFold(path.Base(e.Name), r.File) {
				entry = e.Name
			}
		}
		if entry == "" {
			return fault.Say(fault.Invalid, "official.no_entry", r.Title, r.File)
		}
	}
	if len(r.Columns) == 0 {
		return nil
	}
	t, err := tabular.Open(f, st.Size(), filepath.Base(file), tabular.Options{Entry: entry})
	if err != nil {
		return err
	}
	have := map[string]bool{}
	for _, h := range t.Header() {
		have[strings.ToUpper(strings.Trim(strings.TrimSpace(h), `"`))] = true
	}
	for _, c := range r.Columns {
		if !have[strings.ToUpper(c)] {
			return fault.Say(fault.Invalid, "official.column", r.Title, c)
		}
	}
	return nil
}

// prepare gives the file a name its content shows by, keeping of GeoJSON the features of the
// territory.
func (r *Reference) prepare(file, name, dir string) (string, error) {
	to := filepath.Join(dir, "ready-"+filepath.Base(name))
	// What a run that was stopped left may be the same file under this name.
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fault.Say(fault.Unavailable, "official.folder", dir).Because(err)
	}
	if len(r.Where) == 0 {
		if err := os.Link(file, to); err == nil {
			return to, nil
		}
	}
	if err := r.copy(file, to); err != nil {
		return "", errors.Join(err, os.Remove(to))
	}
	return to, nil
}

func (r *Reference) copy(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return fault.Say(fault.Unavailable, "official.folder", filepath.Dir(from)).Because(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return fault.Say(fault.Unavailable, "official.folder", filepath.Dir(to)).Because(err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if len(r.Where) == 0 {
		_, err = io.Copy(out, in)
		return err
	}
	var text io.Reader = bufio.NewReaderSize(in, 1<<20)
	if head, err := text.(*bufio.Reader).Peek(2); err == nil && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(text)
		if err != nil {
			return fault.Say(fault.Invalid, "reference.file.gzip", filepath.Base(from)).Because(err)
		}
		defer z.Close()
		text = z
	}
	var w io.Writer = out
	if strings.HasSuffix(to, ".gz") {
		z := gzip.NewWriter(out)
		defer func() { err = errors.Join(err, z.Close()) }()
		w = z
	}
	if err := r.keepFeatures(text, w); err != nil {
		return fault.Say(fault.Invalid, "official.geojson", r.Title).Because(err)
	}
	return nil
}

// keepFeatures copies a collection with the features whose properties are those asked, one
// at a time.
func (r *Reference) keepFeatures(in io.Reader, out io.Writer) error {
	d := json.NewDecoder(in)
	for { // to the array of features
		t, err := d.Token()
		if err != nil {
			return err
		}
		if t == "features" {
			break
		}
	}
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return fmt.Errorf("features is no list: %v %w", t, err)
	}
	if _, err := io.WriteString(out, `{"type":"FeatureCollection","features":[`); err != nil {
		return err
	}
	kept := 0
	for d.More() {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return err
		}
		var f struct {
			Properties map[string]any `json:"properties"`
		}
		if err := json.Unmarshal(raw, &f); err != nil {
			return err
		}
		if !r.wanted(f.Properties) {
			continue
		}
		if kept++; kept > 1 {
			raw = append([]byte(",\n"), raw...)
		}
		if _, err := out.Write(raw); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil { // the end of the list: a file cut short has none
		return err
	}
	_, err := io.WriteString(out, "]}\n")
	return err
}

func (r *Reference) wanted(properties map[string]any) bool {
	for k, v := range r.Where {
		if fmt.Sprint(properties[k]) != v {
			return false
		}
	}
	return true
}
