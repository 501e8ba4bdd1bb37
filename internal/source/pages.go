package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"garrigue/internal/fault"
)

// pages is a file of the spool that an API fills, answer after answer, with a cursor beside it.
// A page is written whole and on disk before the cursor moves past it: a run that breaks, or is
// killed, goes on after the last whole page, and what a broken one left is cut off.
type pages struct {
	dir  string
	now  func() time.Time
	mark pagesMark
}

// pagesMark is the cursor: how far the file is good, and where the kind is.
type pagesMark struct {
	For   string          `json:"for"` // settings and state the run began with: others start over
	Size  int64           `json:"size"`
	Pages int             `json:"pages"`
	Whole bool            `json:"whole"` // nothing more to ask for
	Ended time.Time       `json:"ended,omitzero"`
	Where json.RawMessage `json:"where,omitempty"`
}

// keptWhole is how long a whole run that was not imported is given again without asking: an
// import that failed may be tried again, one that is refused every day asks anew every day.
const keptWhole = 12 * time.Hour

// openPages takes up the run that was broken, when it is the same; where is then what the
// kind last gave to add or move, and stays as it is for a new run.
func openPages(env Env, cfg Config, state State, where any) (*pages, error) {
	p := &pages{dir: filepath.Join(env.Spool, "api"), now: env.Now}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return nil, spoolError(err)
	}
	settings, err := json.Marshal([]any{cfg.Kind, cfg.Location, cfg.Options, cfg.Complete, string(state)})
	if err != nil {
		return nil, err
	}
	is := hashText(string(settings))
	b, err := os.ReadFile(p.markPath())
	if err == nil && json.Unmarshal(b, &p.mark) == nil && p.mark.For == is && (!p.mark.Whole || env.Now().Sub(p.mark.Ended) < keptWhole) {
		st, err := os.Stat(p.path())
		if (p.mark.Size == 0 || err == nil && st.Size() >= p.mark.Size) && json.Unmarshal(p.mark.Where, where) == nil {
			return p, p.cut()
		}
	}
	p.mark = pagesMark{For: is}
	return p, p.reset(where)
}

func (p *pages) path() string     { return filepath.Join(p.dir, "pages.json") }
func (p *pages) markPath() string { return filepath.Join(p.dir, "cursor.json") }

// reset starts over, at where.
func (p *pages) reset(where any) error {
	p.mark.Size, p.mark.Pages, p.mark.Whole = 0, 0, false
	if err := p.cut(); err != nil {
		return err
	}
	return p.move(where)
}

// cut takes off what the cursor does not know.
func (p *pages) cut() error {
	f, err := os.OpenFile(p.path(), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return spoolError(err)
	}
	return spoolError(errors.Join(f.Truncate(p.mark.Size), f.Close()))
}

// brought is how much the run has grown since it had a size: the bytes of this run.
func (p *pages) brought(since int64) int64 { return max(p.mark.Size-since, 0) }

// add appends one page, which is whole, and moves on to where.
func (p *pages) add(page []byte, where any) error {
	f, err := os.OpenFile(p.path(), os.O_WRONLY, 0o600)
	if err != nil {
		return spoolError(err)
	}
	_, err = f.WriteAt(append(page, '\n'), p.mark.Size)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return spoolError(err)
	}
	p.mark.Size += int64(len(page)) + 1
	p.mark.Pages++
	return p.move(where)
}

// move keeps where the kind is, without a page.
func (p *pages) move(where any) error {
	b, err := json.Marshal(where)
	if err != nil {
		return err
	}
	p.mark.Where = b
	if b, err = json.Marshal(p.mark); err != nil {
		return err
	}
	next := p.markPath() + ".new"
	if err := os.WriteFile(next, b, 0o600); err != nil {
		return spoolError(err)
	}
	return spoolError(os.Rename(next, p.markPath()))
}

// finish says that the run is whole.
func (p *pages) finish(where any) error {
	p.mark.Whole, p.mark.Ended = true, p.now()
	return p.move(where)
}

// drop removes the run, once it was imported.
func (p *pages) drop() error { return spoolError(os.RemoveAll(p.dir)) }

// maxPage is the most bytes of one answer of an API, which is held in memory.
const maxPage = 256 << 20

// answer sends a request and returns its answer, which is JSON, whole. It asks again when the
// answer is cut, empty, or a page for people; refuse (may be nil) gives other statuses their
// error, from the beginning of what the server wrote.
func (c *client) answer(ctx context.Context, req *http.Request, refuse func(resp *http.Response, said []byte) error) ([]byte, http.Header, error) {
	for try := 1; ; try++ {
		body, header, again, err := c.answerOnce(ctx, req, refuse)
		if err == nil || !again || ctx.Err() != nil || try >= c.limits.tries {
			return body, header, err
		}
		if err := c.pause(ctx, try, 0); err != nil {
			return nil, nil, err
		}
	}
}

func (c *client) answerOnce(ctx context.Context, req *http.Request, refuse func(*http.Response, []byte) error) (_ []byte, _ http.Header, again bool, err error) {
	resp, err := c.do(ctx, req)
	if err != nil {
		return nil, nil, false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		said, _ := io.ReadAll(io.LimitReader(resp.Body, 8<<10))
		if refuse != nil {
			if err := refuse(resp, said); err != nil {
				return nil, nil, false, err
			}
		}
		return nil, nil, false, refused(resp)
	}
	limit := min(c.limits.maxSize, maxPage)
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	at := place(req.URL)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, nil, false, ctx.Err()
	case err != nil:
		return nil, nil, true, fault.Say(fault.Unavailable, "source.cut", at, strconv.Itoa(c.limits.tries)).Because(plain(err))
	case int64(len(body)) > limit:
		return nil, nil, false, fault.Say(fault.Invalid, "source.too_large", at, size(limit))
	}
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	if b := within(trimmed); b != nil {
		return b, resp.Header, false, nil
	}
	if bytes.HasPrefix(trimmed, []byte("<")) {
		return nil, nil, true, fault.Say(fault.Unavailable, "source.web_page", at)
	}
	return nil, nil, true, fault.Say(fault.Unavailable, "source.not_json", at)
}

// within returns the JSON of an answer, also with words of the server's around it (a warning
// that PHP writes before what it was asked for); nil when there is none. A page for people may
// have some in its scripts, often an empty list: taken for an answer, it would say that there is
// nothing, and what we have would be withdrawn.
func within(b []byte) []byte {
	if json.Valid(b) {
		return b
	}
	start, end := bytes.IndexAny(b, "{["), bytes.LastIndexAny(b, "}]")
	if start < 0 || end < start || !json.Valid(b[start:end+1]) || nothing(b[start:end+1]) {
		return nil
	}
	around := bytes.ToLower(append(slices.Clone(b[:start]), b[end+1:]...))
	for _, tag := range []string{"<!", "<html", "<head", "<body", "<script", "<style"} {
		if bytes.Contains(around, []byte(tag)) {
			return nil
		}
	}
	return b[start : end+1]
}

// nothing reports an empty list or object.
func nothing(b []byte) bool {
	b = bytes.TrimSpace(b)
	return string(b) == "null" || len(b) > 1 && (b[0] == '[' || b[0] == '{') && len(bytes.TrimSpace(b[1:len(b)-1])) == 0
}

// list is an array of JSON, or an object that PHP made of one with holes.
type list []json.RawMessage

func (l *list) UnmarshalJSON(b []byte) error {
	*l = nil
	switch {
	case len(b) > 0 && b[0] == '[':
		return json.Unmarshal(b, (*[]json.RawMessage)(l))
	case len(b) > 0 && b[0] == '{':
		var m map[string]json.RawMessage
		if err := json.Unmarshal(b, &m); err != nil {
			return err
		}
		for _, k := range slices.Sorted(maps.Keys(m)) {
			*l = append(*l, m[k])
		}
	}
	return nil
}

// digits is text or a number that an API gives for a number.
type digits string

func (d *digits) UnmarshalJSON(b []byte) error {
	var v any
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
		*d = ""
	case string:
		*d = digits(v)
	default:
		*d = digits(fmt.Sprint(v))
	}
	return nil
}

// apiPause waits between two requests of a run, as the settings ask.
func apiPause(ctx context.Context, env Env, cfg Config) error {
	if cfg.Options[OptionPause] == "" {
		return nil
	}
	d, err := durationOption(cfg, OptionPause, 0)
	if err != nil {
		return err
	}
	return env.Sleep(ctx, d)
}

// OptionPause is the time between two requests of an API.
const OptionPause = "pause"
