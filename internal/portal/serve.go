package portal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"

	"github.com/a-h/templ"
	"github.com/klauspost/compress/gzip"

	"garrigue/internal/atlas"
	"garrigue/internal/civil"
	"garrigue/internal/fault"
	"garrigue/internal/i18n"
)

// visit is one request for a page: the language, the snapshot it is answered from, the day.
type visit struct {
	p     *site
	r     *http.Request
	lang  i18n.Lang
	atlas *atlas.Atlas
	meta  *atlas.Meta
	today civil.Date
	path  string // without the language
}

// answer is what a handler makes: a page, or other content, or a redirection.
type answer struct {
	page     templ.Component
	kind     string // other content's type, "" for HTML
	write    func(io.Writer) error
	download string
	moved    string // path without the language: permanent redirection
	passing  bool   // not worth keeping in memory (free text in the address)
}

// handler makes an answer; its errors become pages in one place, see fail.
type handler func(v *visit) (*answer, error)

// ServeHTTP answers one request.
func (p *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", p.csp)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(self), interest-cohort=()")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	p.mux.ServeHTTP(w, r)
}

// page turns a handler into an http.Handler for one language.
func (p *site) page(lang i18n.Lang, h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a, release := p.store.Acquire()
		defer release()
		v := &visit{p: p, r: r, lang: lang, atlas: a, today: civil.Of(p.o.Now()), path: p.bare(lang, r.URL.Path)}
		if a == nil {
			p.fail(w, v, fault.Say(fault.Unavailable, "portal.error.noatlas"))
			return
		}
		v.meta = a.Meta()
		defer func() {
			if e := recover(); e != nil {
				if e == http.ErrAbortHandler {
					panic(e)
				}
				p.fail(w, v, fmt.Errorf("panic: %v\n%s", e, debug.Stack()))
			}
		}()
		if err := p.serve(w, v, h); err != nil {
			p.fail(w, v, err)
		}
	}
}

// serve answers from memory when it can, else makes the page, keeps it and sends it.
func (p *site) serve(w http.ResponseWriter, v *visit, h handler) error {
	key := string(v.lang) + " " + v.r.URL.Path + "?" + v.r.URL.RawQuery
	tag := p.tag(v, key)
	// A page's tag says what it is made from, so an unchanged page need not even be made.
	if noneMatch(v.r, tag) && p.known(v, key) {
		setCaching(w, tag)
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	day := strconv.Itoa(int(v.today))
	if f := p.pages.get(v.meta.ID+day, key); f != nil {
		p.send(w, v.r, f)
		return nil
	}
	ans, err := h(v)
	if err != nil {
		return err
	}
	if ans.moved != "" {
		w.Header().Set("Cache-Control", "public, max-age=300")
		http.Redirect(w, v.r, p.href(v.lang, ans.moved), http.StatusMovedPermanently)
		return nil
	}
	f, err := finish(v.r.Context(), ans, tag, v.lang)
	if err != nil {
		return err
	}
	if !ans.passing {
		p.pages.put(v.meta.ID+day, key, f)
	}
	p.send(w, v.r, f)
	return nil
}

// known reports whether the page of key was made from this snapshot: a matching tag alone
// could be a guess about a page that does not exist.
func (p *site) known(v *visit, key string) bool {
	return p.pages.get(v.meta.ID+strconv.Itoa(int(v.today)), key) != nil
}

// tag is the strong validator of a page: the snapshot, the program's own files, the day (the
// current ten-day period is framed) and the address.
func (p *site) tag(v *visit, key string) string {
	h := fnv.New64a()
	fmt.Fprint(h, v.meta.ID, v.today, p.assets.css, p.assets.js, p.art.buildSignature, key)
	return strconv.FormatUint(h.Sum64(), 36)
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// finish renders the answer into memory and compresses it, so that a failure half-way never
// reaches the visitor.
func finish(ctx context.Context, a *answer, tag string, lang i18n.Lang) (*finished, error) {
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	f := &finished{etag: tag, kind: a.kind, lang: string(lang), download: a.download}
	var err error
	if a.page != nil {
		f.kind = "text/html; charset=utf-8"
		err = a.page.Render(ctx, buf)
	} else {
		err = a.write(buf)
	}
	if err != nil {
		return nil, err
	}
	f.body, err = squeeze(buf.Bytes())
	return f, err
}

// squeezer is a compressor with its buffer, reused: a fresh one costs 800 kB of memory.
type squeezer struct {
	w   *gzip.Writer
	buf bytes.Buffer
}

var squeezers = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(io.Discard, 2) // 2 is a valid level: no error
	return &squeezer{w: w}
}}

func squeeze(b []byte) ([]byte, error) {
	s := squeezers.Get().(*squeezer)
	defer squeezers.Put(s)
	s.buf.Reset()
	s.w.Reset(&s.buf)
	if _, err := s.w.Write(b); err != nil {
		return nil, err
	}
	if err := s.w.Close(); err != nil {
		return nil, err
	}
	return bytes.Clone(s.buf.Bytes()), nil
}

func (p *site) send(w http.ResponseWriter, r *http.Request, f *finished) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Vary", "Accept-Encoding")
	if f.lang != "" {
		h.Set("Content-Language", f.lang)
	}
	if f.download != "" {
		h.Set("Content-Disposition", `attachment; filename="`+f.download+`"`)
	}
	setCaching(w, "")
	if acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		writeBody(w, r, f.etag+"-g", f.body)
		return
	}
	z, err := gzip.NewReader(bytes.NewReader(f.body))
	if err == nil {
		var plain []byte
		if plain, err = io.ReadAll(z); err == nil {
			writeBody(w, r, f.etag, plain)
			return
		}
	}
	panic(err) // we compressed it ourselves a moment ago
}

func setCaching(w http.ResponseWriter, tag string) {
	w.Header().Set("Cache-Control", "public, max-age=60, stale-while-revalidate=600")
	if tag != "" {
		w.Header().Set("ETag", `"`+tag+`"`)
	}
}

// writeBody sends body under the strong tag, or 304 when the visitor has it.
func writeBody(w http.ResponseWriter, r *http.Request, tag string, body []byte) {
	h := w.Header()
	h.Set("ETag", `"`+tag+`"`)
	if noneMatch(r, tag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		w.Write(body) //nolint:errcheck // the visitor left
	}
}

// noneMatch reports whether If-None-Match names tag, in either of its encodings.
func noneMatch(r *http.Request, tag string) bool {
	tag = strings.TrimSuffix(tag, "-g")
	for _, t := range strings.Split(r.Header.Get("If-None-Match"), ",") {
		t = strings.TrimPrefix(strings.TrimSpace(t), "W/")
		if t == `"`+tag+`"` || t == `"`+tag+`-g"` {
			return true
		}
	}
	return false
}

func acceptsGzip(r *http.Request) bool {
	for _, part := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == "gzip" || name == "*" {
			return strings.ReplaceAll(q, " ", "") != "q=0"
		}
	}
	return false
}

// fail is the one place where an error becomes a page.
func (p *site) fail(w http.ResponseWriter, v *visit, err error) {
	if errors.Is(err, context.Canceled) && v.r.Context().Err() != nil {
		return // the visitor left
	}
	status := http.StatusInternalServerError
	switch fault.KindOf(err) {
	case fault.Invalid:
		status = http.StatusBadRequest
	case fault.NotFound:
		status = http.StatusNotFound
	case fault.Unavailable:
		status = http.StatusServiceUnavailable
	}
	e := errorView{Status: status}
	var said *fault.Error
	if errors.As(err, &said) && i18n.Has(i18n.FR, said.Key) {
		e.Sentence = i18n.T(v.lang, said.Key, said.Args...)
	}
	if status >= 500 {
		e.Reference = fmt.Sprintf("%s-%04d", p.o.Now().UTC().Format("0102-1504"), p.refs.Add(1)%10000)
		p.log.Error("page failed", "request", e.Reference, "path", v.r.URL.Path, "err", err)
	}
	body := p.lastError
	buf := new(bytes.Buffer)
	if v.atlas != nil && p.renderError(v, &e, buf) == nil {
		body = buf.Bytes()
	}
	h := w.Header()
	for _, k := range []string{"ETag", "Content-Encoding", "Content-Disposition", "Content-Length"} {
		h.Del(k)
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Language", string(v.lang))
	w.WriteHeader(status)
	if v.r.Method != http.MethodHead {
		w.Write(body) //nolint:errcheck // the visitor left
	}
}

// renderError writes the error page, with suggestions near a page that does not exist.
func (p *site) renderError(v *visit, e *errorView, buf *bytes.Buffer) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("error page: %v", r)
		}
	}()
	if e.Status == http.StatusNotFound {
		words := strings.TrimSpace(strings.NewReplacer("/", " ", "-", " ", "_", " ", "+", " ").Replace(lastSegment(v.path)))
		if words != "" && !isDigits(words) {
			e.Query = words
			e.Hits, _ = v.atlas.Search(v.r.Context(), words, 6) // suggestions are a courtesy
		}
	}
	f := v.frame(i18n.T(v.lang, e.titleKey()), "")
	f.OwnSearch, f.Hidden = true, true
	return errorPage(f, e).Render(v.r.Context(), buf)
}

// staticError is made at start: what is sent when nothing else can be.
func (p *site) staticError() ([]byte, error) {
	var buf bytes.Buffer
	err := plainError(p, i18n.FR).Render(context.Background(), &buf)
	return buf.Bytes(), err
}

func lastSegment(path string) string {
	path = strings.TrimSuffix(path, "/")
	return path[strings.LastIndexByte(path, '/')+1:]
}

func isDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
