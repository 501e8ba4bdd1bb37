package official_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"garrigue/internal/fault"
	"garrigue/internal/ingest"
	"garrigue/internal/official"
	"garrigue/internal/vault"
)

const head = "CD_NOM\tCD_REF\tRANG\tLB_NOM\tNOM_COMPLET\n"

func zipOf(t testing.TB, name, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// owner is a server that publishes one file, as it is told to misbehave.
type owner struct {
	body   atomic.Pointer[[]byte]
	cut    atomic.Int32 // answers cut half-way
	asked  atomic.Int32 // requests with a range
	status atomic.Int32
}

func (o *owner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s := o.status.Load(); s != 0 {
		w.WriteHeader(int(s))
		return
	}
	body := *o.body.Load()
	sum := sha256.Sum256(body)
	if !strings.HasPrefix(string(body), "<!DOCTYPE") || strings.Contains(string(body), "zip") {
		w.Header().Set("Content-Type", "application/zip")
	}
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	if r.Header.Get("Range") != "" {
		o.asked.Add(1)
	}
	if o.cut.Add(-1) >= 0 && r.Header.Get("Range") == "" {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.Header().Set("Accept-Ranges", "bytes")
		if _, err := w.Write(body[:len(body)/2]); err == nil {
			panic(http.ErrAbortHandler)
		}
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

func serve(t *testing.T, body []byte) (*owner, string) {
	t.Helper()
	o := &owner{}
	o.body.Store(&body)
	s := httptest.NewServer(o)
	t.Cleanup(s.Close)
	return o, s.URL + "/TAXREF.zip"
}

func fetcher(dir string) *official.Fetcher {
	return &official.Fetcher{Dir: dir, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
}

func taxref(urls ...string) official.Reference {
	return official.Reference{Name: "taxref", Kind: "taxref", Title: "TAXREF", Version: "v18", URLs: urls, Page: "https://example.org/", File: "TAXREFv18.txt",
		Columns: []string{"CD_NOM", "CD_REF"}, MinRows: 2, MaxRows: 10, Complete: true}
}

// TestFetch: cut half-way, it is taken up again; loaded, it is not downloaded twice; published
// anew, it is.
func TestFetch(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	db, err := vault.Open(ctx, filepath.Join(dir, "vault.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	text := head + "1\t1\tES\tAus bus\tAus bus\n2\t1\tES\tAus cus\tAus cus\n" + strings.Repeat(" \n", 4000)
	o, url := serve(t, zipOf(t, "TAXREF_18/TAXREFv18.txt", text))
	o.cut.Store(1)
	r := taxref(url)
	load := func() official.Fetched {
		t.Helper()
		got, err := fetcher(dir).Fetch(ctx, &r)
		if err != nil || got.Unchanged {
			t.Fatalf("%v, unchanged %v", err, got.Unchanged)
		}
		d, err := ingest.DiffReference(ctx, db, r.Kind, got.Path, r.Options())
		if err != nil || r.Sane(d.Rows) != nil {
			t.Fatalf("%v %v: %+v", err, r.Sane(d.Rows), d)
		}
		ref, err := ingest.LoadReference(ctx, db, r.Kind, got.Path, r.Options())
		if err != nil || ref.Name != "taxref" || ref.Version != "v18" {
			t.Fatalf("%v %+v", err, ref)
		}
		return got
	}
	got := load()
	// Not kept: the next run brings it again.
	if again, err := fetcher(dir).Fetch(ctx, &r); err != nil || again.Unchanged {
		t.Fatalf("lost before it was kept: %v %+v", err, again)
	}
	if err := got.Keep(); err != nil {
		t.Fatal(err)
	}
	if again, err := fetcher(dir).Fetch(ctx, &r); err != nil || !again.Unchanged {
		t.Fatalf("downloaded twice: %v %+v", err, again)
	}
	refs, err := db.References(ctx)
	if err != nil || r.Loaded(refs) == nil || r.Loaded(refs).Rows != 2 {
		t.Errorf("%v: loaded %+v", err, refs)
	}
	newer := zipOf(t, "TAXREFv18.txt", head+"1\t1\tES\tAus bus\tAus bus\n3\t3\tES\tAus dus\tAus dus\n")
	o.body.Store(&newer)
	if got = load(); got.Keep() != nil {
		t.Error("not kept")
	}
	if n, err := ingest.NewNamer(ctx, db); err != nil || n.Name(2).CdNom != 0 || n.Name(3).CdNom != 3 {
		t.Errorf("%v: the name the newer version has not is still there, or the new one is not", err)
	}
}

// TestFetchRefuses: nothing but what was announced goes further.
func TestFetchRefuses(t *testing.T) {
	good := zipOf(t, "TAXREFv18.txt", head+"1\t1\tES\tAus bus\tAus bus\n")
	for _, c := range []struct {
		name string
		body []byte
		set  func(*official.Reference, *owner)
		want string
		kind fault.Kind
	}{
		{"page", []byte("<!DOCTYPE html><html>Maintenance</html>"), nil, "source.web_page", fault.Invalid},
		{"page that says it is a zip", []byte("<!DOCTYPE html><html>zip</html>"), nil, "official.page", fault.Invalid},
		{"not a zip", []byte("CD_NOM\n1\n"), nil, "official.zip", fault.Invalid},
		{"half a zip", good[:len(good)-40], nil, "official.zip", fault.Invalid},
		{"other hash", good, func(r *official.Reference, _ *owner) { r.SHA256 = strings.Repeat("0", 64) }, "official.hash", fault.Invalid},
		{"other size", good, func(r *official.Reference, _ *owner) { r.Size = 3 }, "official.size", fault.Invalid},
		{"other entry", zipOf(t, "LISEZMOI.txt", "x\n"), nil, "official.no_entry", fault.Invalid},
		{"other columns", zipOf(t, "TAXREFv18.txt", "CD_NOM\tX\n1\t2\n"), nil, "official.column", fault.Invalid},
		{"gone", good, func(_ *official.Reference, o *owner) { o.status.Store(404) }, "source.not_found", fault.NotFound},
		{"away", good, func(_ *official.Reference, o *owner) { o.status.Store(503) }, "source.busy", fault.Unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, url := serve(t, c.body)
			r, dir := taxref(url), t.TempDir()
			if c.set != nil {
				c.set(&r, o)
			}
			_, err := fetcher(dir).Fetch(t.Context(), &r)
			if !fault.Is(err, c.kind) || !strings.Contains(fmt.Sprint(err), c.want) {
				t.Fatalf("%v, want %s", err, c.want)
			}
			// What was refused is not taken up again: once mended, it comes whole.
			o.status.Store(0)
			o.body.Store(&good)
			r = taxref(url)
			if got, err := fetcher(dir).Fetch(t.Context(), &r); err != nil || got.Unchanged {
				t.Errorf("once mended: %v %+v", err, got)
			}
		})
	}
	t.Run("second address", func(t *testing.T) {
		o, url := serve(t, good)
		bad, first := serve(t, nil)
		bad.status.Store(404)
		_ = o
		r := taxref(first, url)
		if got, err := fetcher(t.TempDir()).Fetch(t.Context(), &r); err != nil || got.Size != int64(len(good)) {
			t.Errorf("%v %+v", err, got)
		}
	})
	if r := taxref("x"); r.Sane(1) == nil || r.Sane(11) == nil || r.Sane(5) != nil {
		t.Error("numbers of rows")
	}
}

// TestFetchAreas: of the outlines of the country, those of the territory are kept.
func TestFetchAreas(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	feature := func(code, region string, x int) string {
		return fmt.Sprintf(`{"type":"Feature","properties":{"code":%q,"nom":"C%s","region":%q},"geometry":{"type":"Polygon","coordinates":[[[%d,43],[%d,43],[%d,44],[%d,43]]]}}`,
			code, code, region, x, x+1, x+1, x)
	}
	fmt.Fprint(z, `{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:OGC:1.3:CRS84"}},"features":[`,
		feature("34001", "76", 1), ",", feature("75056", "11", 2), ",", feature("30001", "76", 3), "]}")
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	_, url := serve(t, b.Bytes())
	r := official.Reference{Name: "communes", Kind: "areas", Area: "commune", Title: "Communes", URLs: []string{strings.Replace(url, "TAXREF.zip", "communes.geojson.gz", 1)},
		Where: map[string]string{"region": "76"}}
	ctx, dir := t.Context(), t.TempDir()
	db, err := vault.Open(ctx, filepath.Join(dir, "vault.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	got, err := fetcher(dir).Fetch(ctx, &r)
	if err != nil {
		t.Fatal(err)
	}
	if d, err := ingest.DiffReference(ctx, db, "areas", got.Path, r.Options()); err != nil || d.Rows != 2 || d.Added != 2 {
		t.Errorf("%v %+v", err, d)
	}
	if ref, err := ingest.LoadReference(ctx, db, "areas", got.Path, r.Options()); err != nil || ref.Rows != 2 {
		t.Errorf("%v %+v", err, ref)
	}
	if d, err := ingest.DiffReference(ctx, db, "areas", got.Path, r.Options()); err != nil || d.Added+d.Removed+d.Changed != 0 || d.Before != 2 {
		t.Errorf("with itself: %v %+v", err, d)
	}
}

// TestReferences: the data file is sound, an instance's own replaces and adds.
func TestReferences(t *testing.T) {
	dir := t.TempDir()
	list, err := official.References(dir)
	if err != nil || len(list) < 6 {
		t.Fatalf("%v: %d references", err, len(list))
	}
	for _, r := range list {
		if r.Page == "" || r.Owner == "" || r.Licence == "" || r.Source == "" || r.MinRows == 0 {
			t.Errorf("%s says too little: %+v", r.Name, r)
		}
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, official.File), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("[[reference]]\nname = \"taxref\"\nkind = \"taxref\"\nversion = \"v19\"\nurls = [\"https://example.org/t.zip\"]\n[[reference]]\nname = \"vn\"\nkind = \"visionature\"\nurls = [\"https://example.org/vn.csv\"]\n")
	own, err := official.References(dir)
	if err != nil || len(own) != len(list)+1 || own[0].Version != "v19" {
		t.Errorf("%v: %+v", err, own)
	}
	for _, bad := range []string{"x", "[[reference]]\nname = \"a\"\n", "[[reference]]\nname = \"a\"\nkind = \"areas\"\nurls = [\"https://e.org\"]\n",
		"[[reference]]\nname = \"a\"\nkind = \"taxref\"\nurls = [\"e\"]\n", "[[reference]]\nname = \"a\"\ncolour = 1\n"} {
		write(bad)
		if _, err := official.References(dir); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q is taken: %v", bad, err)
		}
	}
}
