package packed

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/xml"
	"errors"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"garrigue/internal/fault"
)

func keyOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Key
	}
	return ""
}

// zipOf makes a zip of one entry; change may have its header lie.
func zipOf(t testing.TB, content []byte, change func(*zip.FileHeader)) []byte {
	t.Helper()
	var packed, out bytes.Buffer
	d, err := flate.NewWriter(&packed, 9)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	h := &zip.FileHeader{Name: "Dossier/a.TXT", Method: zip.Deflate, CRC32: crc32.ChecksumIEEE(content), UncompressedSize64: uint64(len(content)), CompressedSize64: uint64(packed.Len())}
	if change != nil {
		change(h)
	}
	z := zip.NewWriter(&out)
	w, err := z.CreateRaw(h)
	if err == nil {
		_, err = w.Write(packed.Bytes())
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func readEntry(b []byte) (string, error) {
	a, err := Open(bytes.NewReader(b), int64(len(b)), "x.zip")
	if err != nil {
		return "", err
	}
	found := a.Find(".txt")
	if len(found) != 1 {
		return "", errors.New("not found")
	}
	s, err := a.Entry(found[0])
	if err != nil {
		return "", err
	}
	out, err := io.ReadAll(s)
	return string(out), err
}

// TestArchives reads an honest archive, and refuses what lies, is cut, is encrypted or
// swells without end.
func TestArchives(t *testing.T) {
	text := []byte(strings.Repeat("bonjour ", 100))
	if got, err := readEntry(zipOf(t, text, nil)); err != nil || got != string(text) {
		t.Fatal(err)
	}
	whole := zipOf(t, text, nil)
	bomb := make([]byte, 80<<20)
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"another checksum": {zipOf(t, text, func(h *zip.FileHeader) { h.CRC32++ }), "tabular.archive_damaged"},
		"more than said":   {zipOf(t, text, func(h *zip.FileHeader) { h.UncompressedSize64 = 10 }), "tabular.archive_damaged"},
		"less than said":   {zipOf(t, text, func(h *zip.FileHeader) { h.UncompressedSize64 = 10_000 }), "tabular.archive_damaged"},
		"too large":        {zipOf(t, text, func(h *zip.FileHeader) { h.UncompressedSize64 = 1 << 40 }), "tabular.total"},
		"encrypted":        {zipOf(t, text, func(h *zip.FileHeader) { h.Flags |= 1 }), "tabular.encrypted"},
		"another method":   {zipOf(t, text, func(h *zip.FileHeader) { h.Method = 99 }), "tabular.zip_method"},
		"a bomb":           {zipOf(t, bomb, nil), "tabular.bomb"},
		"cut":              {whole[:len(whole)-10], "tabular.archive_damaged"},
	} {
		if _, err := readEntry(c.b); keyOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	a, err := Open(bytes.NewReader(whole), int64(len(whole)), "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Entry("absent"); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	if _, err := a.All("Dossier/a.TXT", 10); keyOf(err) != "packed.entry_long" {
		t.Error(err)
	}
}

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errors.New("disque") }

func TestGzip(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte("texte")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Gzip(bytes.NewReader(b.Bytes()), int64(b.Len()), "x")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := io.ReadAll(s); err != nil || string(out) != "texte" || s.Offset() != s.Size() {
		t.Errorf("%q %v", out, err)
	}
	s, err = Gzip(bytes.NewReader(b.Bytes()[:12]), 12, "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(s); keyOf(err) != "tabular.archive_damaged" {
		t.Error(err)
	}
	if _, err := Gzip(broken{}, 10, "x"); err == nil || err.Error() != "disque" {
		t.Errorf("a failing disk is told as %v", err)
	}
}

func TestXML(t *testing.T) {
	x := NewXML(strings.NewReader("\ufeff<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a b=\"1\" x:b=\"2\"><c>l\xe9 &amp; <d>la</d></c><e><f/></e></a>"), "x")
	t1, err := x.Next()
	if e, ok := t1.(xml.StartElement); !ok || err != nil || Attr(e, "b") != "1" || Attr(e, "z") != "" {
		t.Fatal(t1, err)
	}
	if _, err := x.Next(); err != nil {
		t.Fatal(err)
	}
	if s, err := x.Text(100); err != nil || s != "lé & la" {
		t.Errorf("%q %v", s, err)
	}
	if _, err := x.Next(); err != nil {
		t.Fatal(err)
	}
	if err := x.Skip(); err != nil || x.Depth() != 1 {
		t.Error(err, x.Depth())
	}
	for text, want := range map[string]string{"<a></a></b>": "packed.xml", "<a>": "packed.xml", "<a>&b;</a>": "packed.xml", "<!DOCTYPE a><a/>": "packed.xml_doctype",
		strings.Repeat("<a>", 300): "packed.xml_deep", "<?xml version='1.0' encoding='EBCDIC'?><a/>": "packed.xml", "<a b='" + strings.Repeat("x", 40<<20): "packed.xml_long"} {
		x := NewXML(strings.NewReader(text), "x")
		var err error
		for err == nil {
			_, err = x.Next()
		}
		if keyOf(err) != want {
			t.Errorf("%.40s: %v, want %s", text, err, want)
		}
	}
	if s, bad := Sound("a\x00\xff"); s != "a\uFFFD\uFFFD" || !bad {
		t.Errorf("%q", s)
	}
}

func FuzzXML(f *testing.F) {
	f.Add("<a b='c'><!-- d --><e>&lt;</e></a>")
	f.Fuzz(func(t *testing.T, text string) {
		x := NewXML(strings.NewReader(text), "x")
		for {
			if _, err := x.Next(); err != nil {
				if err != io.EOF && keyOf(err) == "" {
					t.Fatal(err)
				}
				return
			}
			if x.Depth() < 0 || x.Depth() > maxDepth {
				t.Fatal(x.Depth())
			}
		}
	})
}

func FuzzArchive(f *testing.F) {
	f.Add(zipOf(f, []byte("bonjour"), nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if out, err := readEntry(b); err == nil && len(out) > 250*len(b)+ratioFrom {
			t.Fatal("a bomb")
		}
	})
}
