package ingest

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/geopackage"
	shapes "garrigue/internal/layer"
	"garrigue/internal/packed"
	"garrigue/internal/tabular"
	"garrigue/internal/workbook"
)

// tableReaders are the kinds of files that are tables by nature, in the order they are tried.
func tableReaders() []*reader {
	return []*reader{
		{"xls", isLegacyWorkbook, openLegacyWorkbook},
		{"workbook", isWorkbook, openWorkbook},
		{"geopackage", isGeoPackage, openGeoPackage},
		{"shapefile", isShapefile, openShapefile},
		{"geojson", isGeoJSON, openGeoJSON},
		{"gml", isGML, openGML},
	}
}

// likely reports whether a header is that of observations, to choose among several tables.
func likely(header []string) bool {
	if notObservations(header) != "" {
		return false
	}
	_, score := recognise(header)
	return score >= 3
}

func isLegacyWorkbook(head []byte, f *os.File, size int64, _ string) bool {
	return workbook.Legacy(head, f, size) != ""
}

func openLegacyWorkbook(f *os.File, size int64, name string, _ readOptions) (table, error) {
	var head [8]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return nil, err
	}
	return nil, fault.Say(fault.Invalid, workbook.Legacy(head[:], f, size), name)
}

// inZip opens a file as a zip, nil when it is none.
func inZip(head []byte, f *os.File, size int64, name string) *packed.Archive {
	if !packed.IsZip(head) {
		return nil
	}
	a, err := packed.Open(f, size, name)
	if err != nil {
		return nil // damaged: the reader of tables has the sentence
	}
	return a
}

func isWorkbook(head []byte, f *os.File, size int64, name string) bool {
	a := inZip(head, f, size, name)
	return a != nil && workbook.Recognise(a) != workbook.None
}

func openWorkbook(f *os.File, size int64, name string, o readOptions) (table, error) {
	a, err := packed.Open(f, size, name)
	if err != nil {
		return nil, err
	}
	t, err := workbook.Open(a, workbook.Recognise(a), name, workbook.Options{Sheet: o.Table, Like: likely})
	if err != nil {
		return nil, err
	}
	return t, nil
}

func isGeoPackage(head []byte, f *os.File, size int64, name string) bool {
	if geopackage.Is(head) {
		return true
	}
	a := inZip(head, f, size, name)
	return a != nil && len(a.Find(".gpkg")) > 0
}

func openGeoPackage(f *os.File, size int64, name string, o readOptions) (table, error) {
	var head [16]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return nil, err
	}
	if !geopackage.Is(head[:]) {
		return nil, fault.Say(fault.Invalid, "geopackage.zipped", name)
	}
	t, err := geopackage.Open(f.Name(), size, geopackage.Options{Layer: o.Table, Like: likely})
	if err != nil {
		return nil, err
	}
	return t, nil
}

func isShapefile(head []byte, f *os.File, size int64, name string) bool {
	if shapes.IsShapefile(head) || besideShapefile(f.Name()) {
		return true
	}
	a := inZip(head, f, size, name)
	return a != nil && len(a.Find(".shp")) > 0 && len(a.Find(".dbf")) > 0
}

// besideShapefile recognises another part of a Shapefile, given for the whole.
func besideShapefile(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".dbf", ".shx", ".prj":
		return sibling(path, ".shp") != ""
	}
	return false
}

// sibling returns the file beside path with another extension, whatever its case, "" when
// there is none.
func sibling(path, ext string) string {
	stem := strings.TrimSuffix(path, filepath.Ext(path))
	for _, e := range [...]string{ext, strings.ToUpper(ext)} {
		if st, err := os.Stat(stem + e); err == nil && st.Mode().IsRegular() {
			return stem + e
		}
	}
	return ""
}

func openShapefile(f *os.File, size int64, name string, o readOptions) (table, error) {
	head := make([]byte, 64)
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	var parts shapes.Parts
	var others []string
	if a := inZip(head[:n], f, size, name); a != nil {
		if parts, others, err = shapes.ShapefileIn(a, o.Table, name); err != nil {
			return nil, err
		}
	} else if parts, err = partsBeside(f.Name()); err != nil {
		return nil, err
	}
	t, err := shapes.OpenShapefile(parts, name)
	if err != nil {
		return nil, err
	}
	return &amongOthers{t, others}, nil
}

// amongOthers is a Shapefile beside others of its archive.
type amongOthers struct {
	*shapes.Shapefile
	others []string
}

// Layout tells the others too.
func (t *amongOthers) Layout() tabular.Layout {
	l := t.Shapefile.Layout()
	l.Others = t.others
	return l
}

// partsBeside finds the files of a Shapefile that lie in a folder.
func partsBeside(path string) (shapes.Parts, error) {
	base := filepath.Base(path)
	p := shapes.Parts{Name: strings.TrimSuffix(base, filepath.Ext(base))}
	for _, part := range []struct {
		ext string
		to  *shapes.Opener
	}{{".shp", &p.Shp}, {".dbf", &p.Dbf}, {".prj", &p.Prj}, {".cpg", &p.Cpg}} {
		if beside := sibling(path, part.ext); beside != "" {
			*part.to = func() (*packed.Stream, error) { return whole(beside) }
		}
	}
	return p, nil
}

// whole opens a file of a Shapefile; the stream closes it.
func whole(path string) (*packed.Stream, error) {
	f, st, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	return packed.Plain(f, st.Size(), filepath.Base(path)).Closing(f), nil
}

// textEntry opens what a text in a file of its own, in a gzip or in a zip begins with, and
// how to read it again; nil when there is none of these extensions in the zip.
func textEntry(head []byte, f *os.File, size int64, name string, extensions ...string) shapes.Opener {
	if bytes.HasPrefix(head, []byte{0x1f, 0x8b}) {
		return func() (*packed.Stream, error) { return packed.Gzip(f, size, name) }
	}
	if !packed.IsZip(head) {
		return func() (*packed.Stream, error) { return packed.Plain(f, size, name), nil }
	}
	a := inZip(head, f, size, name)
	if a == nil || a.Has("meta.xml") {
		return nil
	}
	for _, ext := range extensions {
		for _, n := range a.Find(ext) {
			return func() (*packed.Stream, error) { return a.Entry(n) }
		}
	}
	return nil
}

// begins reports whether what an opener gives begins as is says.
func begins(open shapes.Opener, is func([]byte) bool) bool {
	if open == nil {
		return false
	}
	in, err := open()
	if err != nil {
		return false
	}
	head := make([]byte, 4096)
	n, err := io.ReadFull(in, head)
	return (err == nil || err == io.ErrUnexpectedEOF) && is(head[:n])
}

func geoJSONEntry(f *os.File, size int64, name string) shapes.Opener {
	return textEntry(firstBytes(f), f, size, name, ".geojson", ".json")
}

func gmlEntry(f *os.File, size int64, name string) shapes.Opener {
	return textEntry(firstBytes(f), f, size, name, ".gml", ".xml")
}

func firstBytes(f *os.File) []byte {
	head := make([]byte, 16)
	n, _ := f.ReadAt(head, 0) // too short for any kind: none is recognised
	return head[:n]
}

func isGeoJSON(_ []byte, f *os.File, size int64, name string) bool {
	return begins(geoJSONEntry(f, size, name), func(head []byte) bool { return shapes.IsGeoJSON(head, name) })
}

func openGeoJSON(f *os.File, size int64, name string, _ readOptions) (table, error) {
	t, err := shapes.OpenGeoJSON(geoJSONEntry(f, size, name), name)
	if err != nil {
		return nil, err
	}
	return t, nil
}

func isGML(_ []byte, f *os.File, size int64, name string) bool {
	return begins(gmlEntry(f, size, name), shapes.IsGML)
}

func openGML(f *os.File, size int64, name string, _ readOptions) (table, error) {
	t, err := shapes.OpenGML(gmlEntry(f, size, name), name)
	if err != nil {
		return nil, err
	}
	return t, nil
}
