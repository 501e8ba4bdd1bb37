package portal

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// built holds what web/build.mjs made: hashed files and manifest.json. A build without the
// front end has none, and pages are then plain.
//
//go:embed all:assets
var built embed.FS

//go:embed drawings
var drawn embed.FS

// file is an immutable file served from memory.
type file struct {
	kind  string
	plain []byte
	gz    []byte // nil when compressing gains nothing
	etag  string
}

type assets struct {
	css, js string // addresses below the base, "" when not built
	files   map[string]*file
}

var kinds = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	".woff2": "font/woff2", ".woff": "font/woff", ".json": "application/json", ".txt": "text/plain; charset=utf-8",
	".map": "application/json", ".png": "image/png", ".mjs": "text/javascript; charset=utf-8",
}

func loadAssets() (*assets, error) {
	a := &assets{files: map[string]*file{}}
	b, err := built.ReadFile("assets/manifest.json")
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return nil, err
	}
	manifest := map[string]string{}
	if err := json.Unmarshal(b, &manifest); err != nil {
		return nil, fmt.Errorf("assets/manifest.json: %w", err)
	}
	if n := manifest["main.css"]; n != "" {
		a.css = "/assets/" + n
	}
	if n := manifest["main.js"]; n != "" {
		a.js = "/assets/" + n
	}
	err = fs.WalkDir(built, "assets", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path.Base(p), ".") || path.Base(p) == "manifest.json" {
			return err
		}
		b, err := built.ReadFile(p)
		if err != nil {
			return err
		}
		f, err := newFile(p, b)
		a.files[strings.TrimPrefix(p, "assets/")] = f
		return err
	})
	return a, err
}

func newFile(name string, b []byte) (*file, error) {
	f := &file{kind: kinds[path.Ext(name)], plain: b}
	if f.kind == "" {
		f.kind = "application/octet-stream"
	}
	h := fnv.New64a()
	h.Write(b) //nolint:errcheck // a hash never fails
	f.etag = fmt.Sprintf("%016x", h.Sum64())
	if strings.HasPrefix(f.kind, "font/") || f.kind == "image/png" {
		return f, nil
	}
	z, err := compress(b, gzip.BestCompression)
	if err == nil && len(z) < len(b) {
		f.gz = z
	}
	return f, err
}

func compress(b []byte, level int) ([]byte, error) {
	var buf bytes.Buffer
	buf.Grow(len(b) / 3)
	w, err := gzip.NewWriterLevel(&buf, level)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// drawings are our own pictures, served under addresses that carry their content's hash.
type drawings struct {
	files          map[string]*file
	motifs, scene  string
	favicon        *file
	motifsOf       map[string]bool
	buildSignature string // changes when any drawing does
}

func loadDrawings() (*drawings, error) {
	d := &drawings{files: map[string]*file{}, motifsOf: map[string]bool{}}
	for _, n := range []string{"motifs.svg", "paysage.svg", "favicon.svg"} {
		b, err := drawn.ReadFile("drawings/" + n)
		if err != nil {
			return nil, err
		}
		f, err := newFile(n, b)
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(n, ".svg") + "-" + f.etag[:8] + ".svg"
		d.files[name] = f
		d.buildSignature += f.etag[:4]
		switch n {
		case "motifs.svg":
			d.motifs = "/dessins/" + name
			for _, part := range strings.Split(string(b), `<symbol id="`)[1:] {
				d.motifsOf[part[:strings.IndexByte(part, '"')]] = true
			}
		case "paysage.svg":
			d.scene = "/dessins/" + name
		case "favicon.svg":
			d.favicon = f
		}
	}
	return d, nil
}

// send writes an immutable file.
func (f *file) send(w http.ResponseWriter, r *http.Request, control string) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", control)
	h.Set("X-Content-Type-Options", "nosniff")
	body, tag := f.plain, f.etag
	if f.gz != nil {
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			h.Set("Content-Encoding", "gzip")
			body, tag = f.gz, f.etag+"-g"
		}
	}
	writeBody(w, r, tag, body)
}
