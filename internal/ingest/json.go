package ingest

import (
	"os"

	"garrigue/internal/jsontable"
)

// jsonReader reads lists of objects, answers of APIs and VisioNature's. It comes after the
// kinds that are JSON too and know more of it (GeoJSON); pageReader, which reads the same, comes
// before them, for a collection inside the page of an API.
func jsonReader() *reader {
	return &reader{kind: "json",
		match: func(head []byte, f *os.File, size int64, _ string) bool { return jsontable.Matches(head, f, size) },
		open: func(f *os.File, size int64, name string, _ readOptions) (table, error) {
			return jsontable.Open(f, size, name, jsontable.Options{})
		}}
}

func pageReader() *reader {
	r := jsonReader()
	r.match = func(head []byte, f *os.File, size int64, _ string) bool {
		return jsontable.Matches(head, f, size) && jsontable.Wrapped(head)
	}
	return r
}
