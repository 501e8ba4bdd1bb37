package source

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"garrigue/internal/fault"
)

// Options of the kind file.
const (
	OptionKeyHeader   = "key_header"  // header that bears the secret "key" of a web address, X-Api-Key
	OptionFingerprint = "fingerprint" // of an SFTP server's key, as ssh-keygen -l writes it: SHA256:…
	OptionKnownHosts  = "known_hosts" // file of known SFTP servers
)

// scheme returns how a location is reached: "", "http", "https", "sftp".
func scheme(location string) (string, *url.URL) {
	before, _, found := strings.Cut(location, "://")
	if !found {
		return "", nil
	}
	u, err := url.Parse(location)
	if err != nil {
		return strings.ToLower(before), nil
	}
	return strings.ToLower(u.Scheme), u
}

func checkFile(cfg Config) error {
	s, u := scheme(cfg.Location)
	switch s {
	case "":
		if _, err := filepath.Match(cfg.Location, ""); err != nil {
			return wrong(cfg, "location", cfg.Location)
		}
		return nil
	case "http", "https":
		if u == nil || u.Host == "" {
			return fault.Say(fault.Invalid, "source.value", cfg.Name, "location", s+"://…")
		}
		return nil
	case "sftp":
		if u == nil || u.Host == "" || u.Path == "" {
			return fault.Say(fault.Invalid, "source.value", cfg.Name, "location", s+"://…")
		}
		return checkSFTP(cfg)
	}
	return fault.Say(fault.Invalid, "source.scheme", cfg.Name, s)
}

func fetchFile(ctx context.Context, cfg Config, state State, env Env) (Result, error) {
	was, err := readState[fileState](state)
	if err != nil {
		return Result{}, err
	}
	switch s, _ := scheme(cfg.Location); s {
	case "":
		return fetchLocal(ctx, cfg, was, env)
	case "sftp":
		return fetchSFTP(ctx, cfg, was, env)
	}
	return fetchURL(ctx, cfg, was, env)
}

func testFile(ctx context.Context, cfg Config, env Env) (TestReport, error) {
	switch s, _ := scheme(cfg.Location); s {
	case "":
		return testLocal(cfg)
	case "sftp":
		return testSFTP(ctx, cfg, env)
	}
	return testURL(ctx, cfg, env)
}

// localFiles are the regular files a path or a pattern names, in order of name.
func localFiles(cfg Config) ([]string, error) {
	found, err := filepath.Glob(cfg.Location)
	if err != nil {
		return nil, wrong(cfg, "location", cfg.Location)
	}
	if _, err := os.Stat(cfg.Location); err == nil {
		found = []string{cfg.Location} // a name with brackets in it
	}
	var files []string
	for _, p := range found {
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() {
			files = append(files, p)
		}
	}
	if len(files) == 0 {
		return nil, fault.Say(fault.NotFound, "source.no_file", cfg.Name, cfg.Location)
	}
	return files, nil
}

// fetchLocal gives the files that are not as they were at the last run, where they lie.
func fetchLocal(ctx context.Context, cfg Config, was fileState, env Env) (res Result, err error) {
	files, err := localFiles(cfg)
	if err != nil {
		return res, err
	}
	if err := oneFile(cfg, len(files)); err != nil {
		return res, err
	}
	now := fileState{Files: map[string]mark{}}
	for i, p := range files {
		env.Progress(Progress{Source: cfg.Name, Step: "fetch", Done: int64(i), Total: int64(len(files))})
		st, err := os.Stat(p)
		if err != nil {
			return res, fault.Say(fault.Unavailable, "source.unreadable", filepath.Base(p)).Because(err)
		}
		m := mark{Size: st.Size(), Modified: stamp(st.ModTime())}
		old, known := was.Files[p]
		if known && old.Size == m.Size && old.Modified == m.Modified {
			now.Files[p] = old
			continue
		}
		if m.SHA256, err = hashFile(ctx, p); err != nil {
			return res, err
		}
		now.Files[p] = m
		if known && old.SHA256 == m.SHA256 {
			continue
		}
		res.Files = append(res.Files, File{Path: p, Name: filepath.Base(p), Complete: cfg.Complete})
	}
	res.Unchanged = len(res.Files) == 0
	res.State, err = writeState(now)
	return res, err
}

// oneFile refuses a pattern that several files answer when each would be the whole of the
// source, also on a day when one of them alone has changed.
func oneFile(cfg Config, n int) error {
	if cfg.Complete && n > 1 {
		return fault.Say(fault.Invalid, "source.complete_pattern", cfg.Name, n)
	}
	return nil
}

func testLocal(cfg Config) (TestReport, error) {
	r := TestReport{Place: cfg.Location}
	files, err := localFiles(cfg)
	if err != nil {
		return r, err
	}
	r.Reached, r.Files, r.Resumes = true, len(files), true
	if err := oneFile(cfg, len(files)); err != nil {
		return r, err
	}
	for i, p := range files {
		st, err := os.Stat(p)
		if err != nil {
			return r, fault.Say(fault.Unavailable, "source.unreadable", filepath.Base(p)).Because(err)
		}
		r.Bytes += st.Size()
		if i > 0 {
			continue
		}
		f, err := os.Open(p)
		if err != nil {
			return r, fault.Say(fault.Forbidden, "source.unreadable", filepath.Base(p)).Because(err)
		}
		r.Columns = firstColumns(f)
		f.Close()
	}
	r.Allowed = true
	return r, nil
}

// firstColumns reads the names of the first columns of delimited text, nothing of other files.
func firstColumns(r io.Reader) []string {
	head := make([]byte, 16<<10)
	n, _ := io.ReadFull(r, head) // what could be read is what is shown
	text := strings.TrimPrefix(string(head[:n]), "\ufeff")
	line, _, _ := strings.Cut(text, "\n")
	if strings.ContainsAny(line, "\x00\x01\x02\x03\x04") || strings.HasPrefix(line, "{") || strings.HasPrefix(line, "<") || strings.HasPrefix(line, "[") {
		return nil
	}
	best := ','
	for _, sep := range ";\t|" {
		if strings.Count(line, string(sep)) > strings.Count(line, string(best)) {
			best = sep
		}
	}
	c := csv.NewReader(strings.NewReader(line))
	c.Comma, c.LazyQuotes = best, true
	fields, err := c.Read()
	if err != nil {
		return nil
	}
	for i := range fields {
		fields[i] = strings.ToValidUTF8(strings.TrimSpace(fields[i]), "?")
	}
	return fields[:min(len(fields), 12)]
}

// fetchURL brings what a web address holds, when it is not what it held.
func fetchURL(ctx context.Context, cfg Config, was fileState, env Env) (res Result, err error) {
	c, err := newClient(env, cfg)
	if err != nil {
		return res, err
	}
	defer c.close()
	if err := c.authorize(cfg, env); err != nil {
		return res, err
	}
	t, err := openTransfer(env.Spool, cfg.Location)
	if err != nil {
		return res, err
	}
	d := &download{c: c, t: t, cfg: cfg, known: was.Files[cfg.Location], tell: func(done, total int64) {
		env.Progress(Progress{Source: cfg.Name, Step: "fetch", Done: done, Total: max(total, 0)})
	}}
	changed, err := d.run(ctx)
	res.Bytes = d.moved
	if err != nil {
		return res, err
	}
	return transferred(cfg.Location, t, changed, was, res, cfg)
}

// transferred is the result of one transfer that is over.
func transferred(address string, t *transfer, changed bool, was fileState, res Result, cfg Config) (Result, error) {
	now := fileState{Files: maps.Clone(was.Files)}
	if now.Files == nil {
		now.Files = map[string]mark{}
	}
	if changed {
		same := now.Files[address].SHA256 == t.about.Mark.SHA256
		now.Files[address] = t.about.Mark
		if same { // a server without marks sends the same again
			changed = false
			if err := t.drop(); err != nil {
				return res, spoolError(err)
			}
		}
	}
	if changed {
		res.Files = append(res.Files, File{Path: t.path(), Name: t.about.Name, Complete: cfg.Complete})
		res.Done = t.drop
	}
	res.Unchanged = !changed
	var err error
	res.State, err = writeState(now)
	return res, err
}

// download is one web address on its way to the spool.
type download struct {
	c     *client
	t     *transfer
	cfg   Config
	known mark // of what was imported last
	moved int64
	tell  func(done, total int64)
}

// maxRounds bounds how often one file is taken up again, however little each round brings.
const maxRounds = 500

// run brings the address to the spool, from where a former run or try left it; changed is
// false when the server says it is what was imported last.
func (d *download) run(ctx context.Context) (changed bool, err error) {
	barren := 0
	for round := 1; ; round++ {
		before := d.moved
		done, changed, err := d.round(ctx)
		if done {
			return changed, err
		}
		var known *fault.Error
		if errors.As(err, &known) {
			return false, err
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		// Cut. What came counts when it can be resumed.
		if d.moved > before && d.resumable() {
			barren = 0
		} else {
			barren++
		}
		if barren >= d.c.limits.tries || round >= maxRounds {
			return false, fault.Say(fault.Unavailable, "source.cut", d.place(), strconv.Itoa(round)).Because(plain(err))
		}
		if err := d.c.pause(ctx, barren+1, 0); err != nil {
			return false, err
		}
	}
}

func (d *download) place() string {
	_, u := scheme(d.cfg.Location)
	return place(u)
}

func (d *download) resumable() bool { return d.validator() != "" }

// validator is what If-Range may say: a strong entity tag, or a date (RFC 9110, 13.1.5).
func (d *download) validator() string {
	m := d.t.about.Mark
	if m.ETag != "" && !strings.HasPrefix(m.ETag, "W/") {
		return m.ETag
	}
	return m.LastModified
}

// round sends one request and takes what it brings. err without done means: try again.
func (d *download) round(ctx context.Context) (done, changed bool, err error) {
	h := http.Header{"Accept-Encoding": {"gzip"}} // asked by ourselves, so that ranges count the bytes on the way
	have := d.t.have()
	resume := have > 0 && d.resumable()
	against := d.known
	switch {
	case resume:
		h.Set("Range", "bytes="+strconv.FormatInt(have, 10)+"-")
		h.Set("If-Range", d.validator())
	case d.t.about.Whole: // of a run whose import failed
		against = d.t.about.Mark
		fallthrough
	default:
		if against.ETag != "" {
			h.Set("If-None-Match", against.ETag)
		}
		if against.LastModified != "" {
			h.Set("If-Modified-Since", against.LastModified)
		}
	}
	resp, err := d.c.get(ctx, d.cfg.Location, h)
	if err != nil {
		return true, false, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusNotModified:
		return true, d.t.about.Whole, nil
	case http.StatusPartialContent:
		if !resume || !d.continues(resp, have) {
			return false, false, errors.Join(errChanged, d.t.forget())
		}
	case http.StatusRequestedRangeNotSatisfiable:
		if total := rangeTotal(resp.Header.Get("Content-Range")); resume && total == have && d.same(resp) {
			return true, true, d.t.finish(ctx, d.c.limits.maxSize)
		}
		return false, false, errors.Join(errChanged, d.t.forget())
	default:
		if err := refused(resp); err != nil {
			return true, false, err
		}
		if err := d.begin(resp); err != nil {
			return true, false, err
		}
	}
	return d.take(ctx, resp)
}

var errChanged = errors.New("the file changed on the way")

// take appends the body to the part.
func (d *download) take(ctx context.Context, resp *http.Response) (done, changed bool, err error) {
	n, err := d.t.add(resp.Body, d.c.limits.maxSize, func(have int64) { d.tell(have, d.t.about.Total) })
	d.moved += n
	switch {
	case errors.Is(err, errTooLarge):
		return true, false, errors.Join(fault.Say(fault.Invalid, "source.too_large", d.place(), size(d.c.limits.maxSize)), d.t.forget())
	case err != nil:
		return false, false, err
	case d.t.about.Total >= 0 && d.t.have() != d.t.about.Total:
		return false, false, io.ErrUnexpectedEOF
	}
	return true, true, d.t.finish(ctx, d.c.limits.maxSize)
}

// begin starts a new part for an answer of the whole.
func (d *download) begin(resp *http.Response) error {
	if resp.ContentLength > d.c.limits.maxSize {
		return fault.Say(fault.Invalid, "source.too_large", d.place(), size(d.c.limits.maxSize))
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind == "text/html" || kind == "application/xhtml+xml" {
		return fault.Say(fault.Invalid, "source.web_page", d.place())
	}
	a := about{Mark: markOf(resp), Total: resp.ContentLength, Name: nameOf(resp, d.cfg)}
	switch e := strings.ToLower(resp.Header.Get("Content-Encoding")); e {
	case "", "identity":
	case "gzip", "x-gzip":
		a.Encoding = "gzip"
	default:
		return fault.Say(fault.Invalid, "source.encoding", d.place(), e)
	}
	return d.t.begin(a)
}

func markOf(resp *http.Response) mark {
	return mark{ETag: resp.Header.Get("ETag"), LastModified: resp.Header.Get("Last-Modified")}
}

// same reports whether an answer is about the file whose part we have.
func (d *download) same(resp *http.Response) bool {
	m := markOf(resp)
	return (m.ETag == "" || m.ETag == d.t.about.Mark.ETag) &&
		(m.LastModified == "" || d.t.about.Mark.LastModified == "" || m.LastModified == d.t.about.Mark.LastModified)
}

// continues reports whether a partial answer begins where our part ends.
func (d *download) continues(resp *http.Response, have int64) bool {
	from, ok := strings.CutPrefix(resp.Header.Get("Content-Range"), "bytes ")
	if !ok || !d.same(resp) {
		return false
	}
	from, _, _ = strings.Cut(from, "-")
	total := rangeTotal(resp.Header.Get("Content-Range"))
	if total >= 0 {
		if d.t.about.Total >= 0 && d.t.about.Total != total {
			return false
		}
		d.t.about.Total = total
	}
	gz := strings.HasSuffix(strings.ToLower(resp.Header.Get("Content-Encoding")), "gzip")
	return from == strconv.FormatInt(have, 10) && gz == (d.t.about.Encoding == "gzip")
}

// rangeTotal reads N of "bytes 5-9/N" or "bytes */N", -1 when it is not said.
func rangeTotal(contentRange string) int64 {
	_, total, _ := strings.Cut(contentRange, "/")
	n, err := strconv.ParseInt(total, 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// nameOf is what the server calls the file, or its address.
func nameOf(resp *http.Response, cfg Config) string {
	if _, params, err := mime.ParseMediaType(resp.Header.Get("Content-Disposition")); err == nil && params["filename"] != "" {
		return safeName(params["filename"], cfg.Name)
	}
	return safeName(path.Base(cmp.Or(resp.Request.URL.Path, "/")), cfg.Name)
}

// testURL asks for the first bytes.
func testURL(ctx context.Context, cfg Config, env Env) (TestReport, error) {
	_, u := scheme(cfg.Location)
	r := TestReport{Place: place(u)}
	c, err := newClient(env, cfg)
	if err != nil {
		return r, err
	}
	defer c.close()
	if err := c.authorize(cfg, env); err != nil {
		return r, err
	}
	c.limits.tries = min(c.limits.tries, 2)
	resp, err := c.get(ctx, cfg.Location, http.Header{"Range": {"bytes=0-16383"}, "Accept-Encoding": {"identity"}})
	if err != nil {
		return r, err
	}
	defer resp.Body.Close()
	r.Reached = true
	if err := refused(resp); err != nil {
		return r, err
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/html" {
		return r, fault.Say(fault.Invalid, "source.web_page", r.Place)
	}
	r.Allowed, r.Files = true, 1
	r.Bytes = max(resp.ContentLength, 0)
	m := markOf(resp)
	if resp.StatusCode == http.StatusPartialContent {
		r.Bytes = max(rangeTotal(resp.Header.Get("Content-Range")), 0)
		r.Resumes = m.LastModified != "" || m.ETag != "" && !strings.HasPrefix(m.ETag, "W/")
	}
	r.Columns = firstColumns(resp.Body)
	if m == (mark{}) {
		r.Notes = append(r.Notes, Note{Key: "source.note.no_marks"})
	}
	if u.Scheme == "http" && len(cfg.Secrets) > 0 && !slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname()) {
		r.Notes = append(r.Notes, Note{Key: "source.note.plain"})
	}
	return r, nil
}
