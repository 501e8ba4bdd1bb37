package source

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"garrigue/internal/fault"
)

// someText is a file of n bytes that no part of itself resembles.
func someText(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	b.WriteString("id_origine;nom_cite;date_debut\n")
	for b.Len() < n {
		fmt.Fprintf(&b, "%x;%x;%x\n", r.Uint64(), r.Uint64(), r.Uint64())
	}
	return b.Bytes()[:n]
}

// testEnv is an Env that does not really sleep, and counts how long it would have.
func testEnv(t *testing.T, secrets map[string]string) (Env, *atomic.Int64) {
	t.Helper()
	var slept atomic.Int64
	return Env{Spool: filepath.Join(t.TempDir(), "spool"), Sleep: func(ctx context.Context, d time.Duration) error {
		slept.Add(int64(d))
		return ctx.Err()
	}, Secret: func(name string) (string, error) { return secrets[name], nil }}, &slept
}

func fileAt(location string) Config {
	return Config{Name: "essai", Kind: KindFile, Location: location}
}

func mustFetch(t *testing.T, cfg Config, state State, env Env) Result {
	t.Helper()
	res, err := Fetch(t.Context(), cfg, state, env)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func wantContent(t *testing.T, res Result, want []byte) {
	t.Helper()
	if len(res.Files) != 1 {
		t.Fatalf("%d files", len(res.Files))
	}
	got, err := os.ReadFile(res.Files[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, want %d", len(got), len(want))
	}
}

func wantSaid(t *testing.T, err error, kind fault.Kind, key string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != kind || f.Key != key {
		t.Fatalf("error %v, want %v %s", err, kind, key)
	}
}

// flaky serves content as a server does, but cuts each answer at a random byte.
type flaky struct {
	content  []byte
	etag     string
	modified time.Time
	cuts     int // answers still to be cut
	gzip     bool
	rng      *rand.Rand
	asked    []string // Range of each request
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.asked = append(f.asked, r.Header.Get("Range"))
	if f.etag != "" {
		w.Header().Set("ETag", f.etag)
	}
	body := f.content
	if f.gzip && r.Header.Get("Accept-Encoding") == "gzip" {
		body = zipped(f.content)
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.Header().Set("Content-Type", "text/csv")
	if f.cuts <= 0 {
		http.ServeContent(w, r, "", f.modified, bytes.NewReader(body))
		return
	}
	f.cuts--
	http.ServeContent(&cutter{ResponseWriter: w, left: f.rng.IntN(len(body))}, r, "", f.modified, bytes.NewReader(body))
}

func zipped(content []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(content)
	z.Close()
	return b.Bytes()
}

// cutter drops the connection after some bytes.
type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	n := min(len(p), c.left)
	c.left -= n
	if n > 0 {
		if _, err := c.ResponseWriter.Write(p[:n]); err != nil {
			return 0, err
		}
	}
	if c.left == 0 {
		http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, nil
}

func (c *cutter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func TestWebFileCutAtRandom(t *testing.T) {
	content := someText(300_000)
	for seed := range uint64(30) {
		f := &flaky{content: content, etag: `"v1"`, cuts: int(seed % 7), gzip: seed%3 == 0, rng: rand.New(rand.NewPCG(seed, 1))}
		if seed%4 == 1 {
			f.etag, f.modified = "", time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
		}
		srv := httptest.NewServer(f)
		env, _ := testEnv(t, nil)
		res := mustFetch(t, fileAt(srv.URL+"/export/observations.csv?token=abc"), nil, env)
		wantContent(t, res, content)
		if res.Files[0].Name != "observations.csv" || res.Files[0].Dataset != "essai" {
			t.Errorf("named %q, dataset %q", res.Files[0].Name, res.Files[0].Dataset)
		}
		for _, asked := range f.asked[1:] {
			if asked == "" {
				t.Errorf("seed %d: started over: %q", seed, f.asked)
			}
		}
		// A second run with the state kept brings nothing; the spool is clean.
		if err := res.Done(); err != nil {
			t.Fatal(err)
		}
		if again := mustFetch(t, fileAt(srv.URL+"/export/observations.csv?token=abc"), res.State, env); !again.Unchanged || len(again.Files) > 0 {
			t.Errorf("seed %d: a second run brings %d files", seed, len(again.Files))
		}
		if left, _ := filepath.Glob(filepath.Join(env.Spool, "*.part")); len(left) > 0 {
			t.Errorf("left in the spool: %v", left)
		}
		srv.Close()
	}
}

// Without a mark nothing can be resumed: the file is asked for again from its start.
func TestWebFileWithoutMarks(t *testing.T) {
	content := someText(100_000)
	f := &flaky{content: content, cuts: 3, rng: rand.New(rand.NewPCG(5, 5))}
	srv := httptest.NewServer(f)
	defer srv.Close()
	env, _ := testEnv(t, nil)
	res := mustFetch(t, fileAt(srv.URL+"/a.csv"), nil, env)
	wantContent(t, res, content)
	if strings.Join(f.asked, "") != "" {
		t.Errorf("ranges asked without a mark: %q", f.asked)
	}
	res.Done()
	if again := mustFetch(t, fileAt(srv.URL+"/a.csv"), res.State, env); !again.Unchanged {
		t.Error("the same content is not known again")
	}
	f.cuts = 1 << 20
	_, err := Fetch(t.Context(), fileAt(srv.URL+"/a.csv"), nil, env)
	wantSaid(t, err, fault.Unavailable, "source.cut")
}

// The file changes between two halves: no mixture of the two.
func TestWebFileChangesOnTheWay(t *testing.T) {
	one, two := someText(80_000), bytes.ToUpper(someText(90_000))
	f := &flaky{content: one, etag: `"1"`, cuts: 1, rng: rand.New(rand.NewPCG(9, 9))}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(f.asked) == 1 {
			f.content, f.etag = two, `"2"`
		}
		f.ServeHTTP(w, r)
	}))
	defer srv.Close()
	env, _ := testEnv(t, nil)
	wantContent(t, mustFetch(t, fileAt(srv.URL+"/a.csv"), nil, env), two)
}

// A run that ends half-way keeps its part; the next one goes on from it, and an import that
// failed does not make the file travel again.
func TestWebFileNextRunGoesOn(t *testing.T) {
	content := someText(500_000)
	var sent atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"x"`)
		if ctx.Err() == nil {
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
			w.Write(content[:200_000])
			http.NewResponseController(w).Flush()
			time.Sleep(50 * time.Millisecond)
			cancel()
			<-r.Context().Done()
			return
		}
		http.ServeContent(&counting{w, &sent}, r, "", time.Time{}, bytes.NewReader(content))
	}))
	defer srv.Close()
	env, _ := testEnv(t, nil)
	if _, err := Fetch(ctx, fileAt(srv.URL+"/a.csv"), nil, env); !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
	wantContent(t, mustFetch(t, fileAt(srv.URL+"/a.csv"), nil, env), content)
	if n := sent.Load(); n != 300_000 {
		t.Errorf("%d bytes travelled again, want the 300000 that lacked", n)
	}
	wantContent(t, mustFetch(t, fileAt(srv.URL+"/a.csv"), nil, env), content)
	if n := sent.Load(); n != 300_000 {
		t.Errorf("%d bytes: a whole file of the spool travelled again", n)
	}
}

type counting struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *counting) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return c.ResponseWriter.Write(p)
}

func TestWebFileRetries(t *testing.T) {
	content := someText(1000)
	for _, c := range []struct {
		name    string
		answer  func(n int, w http.ResponseWriter) bool // true when it answered
		waited  time.Duration                           // at least
		kind    fault.Kind
		key     string // "" for success
		options map[string]string
	}{
		{name: "429 with seconds", waited: 7 * time.Second, answer: func(n int, w http.ResponseWriter) bool {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(429)
			return true
		}},
		{name: "503 with a date", waited: 50 * time.Second, answer: func(n int, w http.ResponseWriter) bool {
			w.Header().Set("Retry-After", time.Now().Add(time.Minute).UTC().Format(http.TimeFormat))
			w.WriteHeader(503)
			return true
		}},
		{name: "500 twice", answer: func(n int, w http.ResponseWriter) bool { w.WriteHeader(500); return n < 2 }},
		{name: "429 for an hour", kind: fault.Unavailable, key: "source.asks_to_wait", answer: func(_ int, w http.ResponseWriter) bool {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(429)
			return true
		}},
		{name: "connection closed", answer: func(int, http.ResponseWriter) bool { panic(http.ErrAbortHandler) }},
		{name: "401", kind: fault.Forbidden, key: "source.forbidden", answer: func(_ int, w http.ResponseWriter) bool { w.WriteHeader(401); return true }},
		{name: "404", kind: fault.NotFound, key: "source.not_found", answer: func(_ int, w http.ResponseWriter) bool { w.WriteHeader(404); return true }},
		{name: "418", kind: fault.Invalid, key: "source.status", answer: func(_ int, w http.ResponseWriter) bool { w.WriteHeader(418); return true }},
		{name: "web page", kind: fault.Invalid, key: "source.web_page", answer: func(_ int, w http.ResponseWriter) bool {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			io.WriteString(w, "<html>Connexion")
			return true
		}},
		{name: "announced too large", kind: fault.Invalid, key: "source.too_large", options: map[string]string{OptionMaxSize: "500"},
			answer: func(_ int, w http.ResponseWriter) bool { w.Write(content); return true }},
		{name: "too large without saying", kind: fault.Invalid, key: "source.too_large", options: map[string]string{OptionMaxSize: "500"},
			answer: func(_ int, w http.ResponseWriter) bool {
				http.NewResponseController(w).Flush()
				w.Write(content)
				return true
			}},
		{name: "bomb", kind: fault.Invalid, key: "source.too_large", options: map[string]string{OptionMaxSize: "100KB"},
			answer: func(_ int, w http.ResponseWriter) bool {
				w.Header().Set("Content-Encoding", "gzip")
				w.Write(zipped(make([]byte, 10<<20)))
				return true
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var n atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				i := int(n.Add(1))
				if (c.key != "" || i < 3) && c.answer(i, w) {
					return
				}
				if c.name == "500 twice" && i == 2 {
					return
				}
				w.Write(content)
			}))
			defer srv.Close()
			env, slept := testEnv(t, nil)
			cfg := fileAt(srv.URL + "/secret/a.csv?token=s3cret")
			cfg.Options = c.options
			if c.name == "500 twice" {
				cfg.Options = map[string]string{OptionTries: "3"}
			}
			res, err := Fetch(t.Context(), cfg, nil, env)
			if c.key != "" {
				wantSaid(t, err, c.kind, c.key)
				if strings.Contains(err.Error(), "s3cret") {
					t.Errorf("the error tells the token: %v", err)
				}
				return
			}
			if c.name == "500 twice" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			wantContent(t, res, content)
			if time.Duration(slept.Load()) < c.waited {
				t.Errorf("waited %s, want %s", time.Duration(slept.Load()), c.waited)
			}
		})
	}
}

// A server that accepts and says nothing, or stops in the middle, ends.
func TestWebFileStalls(t *testing.T) {
	for _, after := range []int{-1, 0, 1000} {
		release := make(chan struct{})
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if after >= 0 {
				w.Write(someText(after))
				http.NewResponseController(w).Flush()
			}
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}))
		env, _ := testEnv(t, nil)
		cfg := fileAt(srv.URL + "/a.csv")
		cfg.Options = map[string]string{OptionTimeout: "50ms", OptionTries: "2"}
		began := time.Now()
		_, err := Fetch(t.Context(), cfg, nil, env)
		if !fault.Is(err, fault.Unavailable) || time.Since(began) > 10*time.Second {
			t.Errorf("after %d bytes: %v in %s", after, err, time.Since(began))
		}
		close(release)
		srv.Close()
	}
}

// Credentials stay with the host they were given for, and never leave https.
func TestRedirects(t *testing.T) {
	var mu sync.Mutex
	var seen []http.Header
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.Header.Clone())
		mu.Unlock()
		io.WriteString(w, "a;b\n1;2\n")
	}))
	defer away.Close()
	home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, away.URL+"/f.csv", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/near":
			http.Redirect(w, r, "/f.csv", http.StatusFound)
		default:
			mu.Lock()
			seen = append(seen, r.Header.Clone())
			mu.Unlock()
			io.WriteString(w, "a;b\n1;2\n")
		}
	}))
	defer home.Close()
	for _, c := range []struct{ secret, header, path, want string }{
		{"token", "Authorization", "/away", ""}, {"token", "Authorization", "/near", "Bearer s3cret"},
		{"key", "X-Cle", "/away", ""}, {"key", "X-Cle", "/near", "s3cret"}, {"password", "Authorization", "/away", ""},
		{"password", "Authorization", "/near", "Basic OnMzY3JldA=="},
	} {
		seen = nil
		env, _ := testEnv(t, map[string]string{c.secret: "s3cret"})
		cfg := fileAt(home.URL + c.path + "?token=s3cret")
		cfg.Secrets, cfg.Options = map[string]string{c.secret: "VARIABLE"}, map[string]string{OptionKeyHeader: "X-Cle"}
		mustFetch(t, cfg, nil, env)
		if len(seen) != 1 || seen[0].Get(c.header) != c.want || strings.Contains(seen[0].Get("Referer"), "s3cret") {
			t.Errorf("%s %s: %d answers, header %q, referer %q", c.secret, c.path, len(seen), seen[0].Get(c.header), seen[0].Get("Referer"))
		}
	}
	env, _ := testEnv(t, nil)
	_, err := Fetch(t.Context(), fileAt(home.URL+"/loop"), nil, env)
	wantSaid(t, err, fault.Invalid, "source.too_many_redirects")

	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, away.URL+"/f.csv", http.StatusFound)
	}))
	defer secure.Close()
	_, err = Fetch(t.Context(), fileAt(secure.URL+"/f.csv"), nil, env)
	wantSaid(t, err, fault.Invalid, "source.certificate")
	env.HTTP = secure.Client()
	_, err = Fetch(t.Context(), fileAt(secure.URL+"/f.csv"), nil, env)
	wantSaid(t, err, fault.Invalid, "source.redirect_insecure")
}

// A length that lies is not believed: too long is a cut, and the range says where the end is.
func TestLyingLength(t *testing.T) {
	content := someText(50_000)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v"`)
		if r.Header.Get("Range") != "" {
			w.Header().Set("Content-Range", "bytes */"+strconv.Itoa(len(content)))
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return
		}
		w.Header().Set("Content-Length", "80000")
		w.Write(content)
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	defer srv.Close()
	env, _ := testEnv(t, nil)
	wantContent(t, mustFetch(t, fileAt(srv.URL+"/a.csv"), nil, env), content)
}

func TestWebTest(t *testing.T) {
	content := someText(50_000)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer bon" {
			w.WriteHeader(403)
			return
		}
		w.Header().Set("ETag", `"v"`)
		http.ServeContent(w, r, "a.csv", time.Time{}, bytes.NewReader(content))
	}))
	defer srv.Close()
	cfg := fileAt(srv.URL + "/a.csv")
	cfg.Secrets = map[string]string{"token": "V"}
	env, _ := testEnv(t, map[string]string{"token": "bon"})
	r, err := Test(t.Context(), cfg, env)
	if err != nil || !r.Allowed || r.Bytes != 50_000 || !r.Resumes || strings.Join(r.Columns, ",") != "id_origine,nom_cite,date_debut" {
		t.Errorf("%+v %v", r, err)
	}
	env, _ = testEnv(t, map[string]string{"token": "mauvais"})
	r, err = Test(t.Context(), cfg, env)
	wantSaid(t, err, fault.Forbidden, "source.forbidden")
	if !r.Reached || r.Allowed {
		t.Errorf("%+v", r)
	}
}
