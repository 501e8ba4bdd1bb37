package source

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"garrigue/internal/fault"
)

// Options of the kind geonature.
const (
	OptionPageSize = "page_size" // items a page, 1000; the server may give fewer
	OptionOrderBy  = "order_by"  // column to order by; the view's key without
	OptionFilters  = "filters"   // of the export, as in an address: cd_nom=60612&filter_d_up_date_debut=2020-01-01
	OptionTokenIn  = "token_in"  // where the token goes: header (api-key) or query
	// OptionChanged names the view's column of the last change: only what changed since the last
	// run, less OptionOverlap, is asked for. What was deleted is then not seen.
	OptionChanged = "changed"
)

// GeoNature's export module: GET <instance>/api/exports/api/<id>?limit=…&offset=…, where the
// offset is the number of the page (reference: SINP standards, 9.2).

func geoNatureKind() kind {
	return kind{name: KindGeoNature, options: []string{OptionPageSize, OptionOrderBy, OptionFilters, OptionTokenIn, OptionChanged, OptionOverlap, OptionPause},
		secrets: []string{"token"}, check: checkGeoNature, fetch: fetchGeoNature, test: testGeoNature}
}

// geoNatureState is what is remembered of the last run.
type geoNatureState struct {
	Changed string `json:"changed,omitempty"` // day from which changes are asked for
	Of      string `json:"of,omitempty"`      // hash of the export, filters and column that is true of
	SHA256  string `json:"sha256,omitempty"`  // of the items, to know the same again
}

// geoNatureWhere is where a run is.
type geoNatureWhere struct {
	Page    int    `json:"page"`
	Limit   int    `json:"limit"` // the server's own, once it told
	Total   int64  `json:"total"` // -1 before the first page
	Last    string `json:"last,omitempty"`
	Hash    string `json:"hash,omitempty"` // of the hashes of the pages
	Started string `json:"started"`
	Restart int    `json:"restart,omitempty"` // times it started over
	Moved   bool   `json:"moved,omitempty"`   // the total changed again after that
	Unseen  int64  `json:"unseen,omitempty"`  // items counted and not given
}

// geoNaturePage is one answer.
type geoNaturePage struct {
	Items    json.RawMessage `json:"items"`
	Limit    digits          `json:"limit"`
	Total    digits          `json:"total"`
	Filtered digits          `json:"total_filtered"`
	rows     []json.RawMessage
	features bool // without those that have no geometry, which the server counts and leaves out
}

func checkGeoNature(cfg Config) error {
	u, err := url.Parse(cfg.Location)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" {
		return fault.Say(fault.Invalid, "source.geonature.address", cfg.Name)
	}
	if _, err := strconv.Atoi(lastPart(u.Path)); err != nil {
		return fault.Say(fault.Invalid, "source.geonature.address", cfg.Name)
	}
	switch v := cfg.Options[OptionTokenIn]; v {
	case "", "header", "query":
	default:
		return wrong(cfg, "options."+OptionTokenIn, v)
	}
	if v := cfg.Options[OptionPageSize]; v != "" {
		if n, err := strconv.Atoi(v); err != nil || n < 1 || n > 100_000 {
			return wrong(cfg, "options."+OptionPageSize, v)
		}
	}
	if v := cfg.Options[OptionFilters]; v != "" {
		q, err := url.ParseQuery(v)
		if err != nil || q.Has("token") || q.Has("limit") || q.Has("offset") {
			return wrong(cfg, "options."+OptionFilters, v)
		}
	}
	if cfg.Options[OptionChanged] != "" && cfg.Complete {
		return fault.Say(fault.Invalid, "source.complete_since", cfg.Name)
	}
	if _, err := durationOption(cfg, OptionOverlap, time.Hour); err != nil {
		return err
	}
	_, err = durationOption(cfg, OptionPause, time.Second)
	return err
}

func lastPart(path string) string {
	path = strings.TrimRight(path, "/")
	return path[strings.LastIndexByte(path, '/')+1:]
}

// geoNature reads one export.
type geoNature struct {
	cfg   Config
	env   Env
	c     *client
	token string
	base  *url.URL
	since string
}

func openGeoNature(cfg Config, env Env, was geoNatureState) (*geoNature, error) {
	c, err := newClient(env, cfg)
	if err != nil {
		return nil, err
	}
	g := &geoNature{cfg: cfg, env: env, c: c}
	if g.base, err = url.Parse(strings.TrimRight(cfg.Location, "/")); err != nil {
		return nil, fault.Say(fault.Invalid, "source.geonature.address", cfg.Name)
	}
	if cfg.Secrets["token"] != "" {
		if g.token, err = env.Secret("token"); err != nil {
			return nil, err
		}
	}
	c.private = []string{"Api-Key"}
	c.sign = func(r *http.Request) error {
		if g.token != "" && cfg.Options[OptionTokenIn] != "query" {
			r.Header.Set("Api-Key", g.token)
		}
		return nil
	}
	if cfg.Options[OptionChanged] != "" && was.Of == g.of() {
		g.since = was.Changed
	}
	return g, nil
}

// of tells what the day remembered is true of: other rows than these were never read.
func (g *geoNature) of() string {
	return hashText(g.cfg.Location + "\n" + g.cfg.Options[OptionFilters] + "\n" + g.cfg.Options[OptionChanged])
}

// page asks for one page.
func (g *geoNature) page(ctx context.Context, number, limit int) (p geoNaturePage, err error) {
	q, err := url.ParseQuery(g.cfg.Options[OptionFilters])
	if err != nil {
		return p, wrong(g.cfg, "options."+OptionFilters, g.cfg.Options[OptionFilters])
	}
	q.Set("limit", strconv.Itoa(limit))
	q.Set("offset", strconv.Itoa(number))
	if v := g.cfg.Options[OptionOrderBy]; v != "" {
		q.Set("orderby", v)
	}
	if g.since != "" {
		q.Set("filter_d_up_"+g.cfg.Options[OptionChanged], g.since)
	}
	if g.token != "" && g.cfg.Options[OptionTokenIn] == "query" {
		q.Set("token", g.token)
	}
	u := *g.base
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return p, fault.Say(fault.Invalid, "source.geonature.address", g.cfg.Name)
	}
	req.Header.Set("Accept", "application/json")
	body, _, err := g.c.answer(ctx, req, func(resp *http.Response, _ []byte) error {
		if s := resp.StatusCode; s == http.StatusUnauthorized || s == http.StatusForbidden {
			return fault.Say(fault.Forbidden, "source.geonature.forbidden", place(resp.Request.URL), strconv.Itoa(s))
		}
		return nil
	})
	if err != nil {
		return p, err
	}
	return g.decode(body)
}

// decode reads an answer, whose items are a list or a collection of features.
func (g *geoNature) decode(body []byte) (p geoNaturePage, err error) {
	not := fault.Say(fault.Invalid, "source.geonature.not_export", place(g.base))
	if json.Unmarshal(body, &p) != nil || len(p.Items) == 0 {
		return p, not
	}
	if p.Items[0] == '{' {
		var c struct {
			Features *[]json.RawMessage `json:"features"`
		}
		if json.Unmarshal(p.Items, &c) != nil || c.Features == nil {
			return p, not
		}
		p.rows, p.features = *c.Features, true
		return p, nil
	}
	if json.Unmarshal(p.Items, &p.rows) != nil {
		return p, not
	}
	return p, nil
}

// total is the number of items of the whole run.
func (p *geoNaturePage) total() (int64, bool) {
	n, err := strconv.ParseInt(string(cmp.Or(p.Filtered, p.Total)), 10, 64)
	return n, err == nil && n >= 0
}

func (g *geoNature) pageSize() int {
	if n, err := strconv.Atoi(g.cfg.Options[OptionPageSize]); err == nil {
		return n
	}
	return 1000
}

func fetchGeoNature(ctx context.Context, cfg Config, state State, env Env) (Result, error) {
	was, err := readState[geoNatureState](state)
	if err != nil {
		return Result{}, err
	}
	g, err := openGeoNature(cfg, env, was)
	if err != nil {
		return Result{}, err
	}
	defer g.c.close()
	at := geoNatureWhere{Total: -1, Limit: g.pageSize(), Started: stamp(env.Now())}
	p, err := openPages(env, cfg, state, &at)
	if err != nil {
		return Result{}, err
	}
	from := p.mark.Size
	for !p.mark.Whole {
		if err := g.next(ctx, p, &at); err != nil {
			return Result{Bytes: p.brought(from)}, err
		}
		env.Progress(Progress{Source: cfg.Name, Step: "fetch", Done: min(int64(at.Page)*int64(at.Limit), at.Total), Total: at.Total})
	}
	res, err := g.result(p, at, was)
	res.Bytes = p.brought(from)
	return res, err
}

// next asks for the next page and adds it to the run. When the number of items changes on the
// way, rows have moved between pages: the run starts over, once; then it is told.
func (g *geoNature) next(ctx context.Context, p *pages, at *geoNatureWhere) error {
	if at.Page > 0 {
		if err := apiPause(ctx, g.env, g.cfg); err != nil {
			return err
		}
	}
	page, err := g.page(ctx, at.Page, at.Limit)
	if err != nil {
		return err
	}
	total, ok := page.total()
	if !ok {
		return fault.Say(fault.Invalid, "source.geonature.not_export", place(g.base))
	}
	if n, err := strconv.Atoi(string(page.Limit)); err == nil && n > 0 && n < at.Limit {
		if at.Limit = n; at.Page > 0 { // page numbers mean other rows now
			return g.again(p, at)
		}
	}
	done := int64(at.Page+1)*int64(at.Limit) >= total
	lacks := max(0, min(int64(at.Limit), total-int64(at.Page)*int64(at.Limit))-int64(len(page.rows)))
	short := lacks > 0 && !page.features
	moved := at.Total >= 0 && total != at.Total
	switch {
	case (moved || short) && at.Restart == 0:
		return g.again(p, at)
	case short:
		return fault.Say(fault.Unavailable, "source.geonature.short", place(g.base), at.Page+1)
	case moved:
		at.Moved = true
	}
	sum := sha256.Sum256(page.Items)
	hash := hex.EncodeToString(sum[:])
	if hash == at.Last && len(page.rows) > 0 {
		return fault.Say(fault.Invalid, "source.geonature.same_page", place(g.base))
	}
	at.Total, at.Last, at.Hash, at.Unseen = total, hash, hashText(at.Hash+hash), at.Unseen+lacks
	at.Page++
	if len(page.rows) > 0 {
		if err := p.add(append(append([]byte(`{"items":`), page.Items...), '}'), at); err != nil {
			return err
		}
	}
	if done {
		return p.finish(at)
	}
	return nil
}

// again starts the run over.
func (g *geoNature) again(p *pages, at *geoNatureWhere) error {
	*at = geoNatureWhere{Total: -1, Limit: at.Limit, Started: stamp(g.env.Now()), Restart: at.Restart + 1}
	return p.reset(at)
}

// result gives the run to import. Of a run whose total never stood still, or that lacks items,
// what is missing is not known to be gone; one that never stood still is no ground for the next.
func (g *geoNature) result(p *pages, at geoNatureWhere, was geoNatureState) (Result, error) {
	next := geoNatureState{SHA256: at.Hash}
	changes := g.cfg.Options[OptionChanged] != ""
	if changes {
		overlap, err := durationOption(g.cfg, OptionOverlap, 24*time.Hour)
		if err != nil {
			return Result{}, err
		}
		started, err := time.Parse(time.RFC3339Nano, at.Started)
		if err != nil {
			return Result{}, fault.Say(fault.Internal, "source.state").Because(err)
		}
		next.Of, next.Changed = g.of(), started.Add(-overlap).UTC().Format(time.DateOnly)
	}
	if at.Moved || at.Unseen > 0 && p.mark.Size == 0 {
		next.SHA256, next.Changed = "", g.since
	}
	state, err := writeState(next)
	if err != nil {
		return Result{}, err
	}
	res := Result{State: state, Done: p.drop}
	if at.Moved {
		res.Notes = append(res.Notes, Note{Key: "source.note.geonature_changing", Args: []any{place(g.base)}})
	}
	if at.Unseen > 0 {
		res.Notes = append(res.Notes, Note{Key: "source.note.geonature_unseen", Args: []any{place(g.base), at.Unseen}})
	}
	switch {
	case at.Total == 0 && g.cfg.Complete:
		return Result{}, errors.Join(fault.Say(fault.Conflict, "source.nothing_left", g.cfg.Name), p.drop())
	case p.mark.Size == 0, next.SHA256 == was.SHA256 && next.SHA256 != "" && !changes:
		res.Unchanged, res.Done = true, nil
		return res, p.drop()
	}
	res.Files = []File{{Path: p.path(), Name: g.cfg.Name + ".json", Dataset: cmp.Or(g.cfg.Dataset, g.cfg.Name),
		Complete: g.cfg.Complete && !at.Moved && at.Unseen == 0}}
	return res, nil
}

func testGeoNature(ctx context.Context, cfg Config, env Env) (TestReport, error) {
	g, err := openGeoNature(cfg, env, geoNatureState{})
	if err != nil {
		return TestReport{}, err
	}
	defer g.c.close()
	r := TestReport{Place: place(g.base), Resumes: true}
	page, err := g.page(ctx, 0, 1)
	if err != nil {
		r.Reached = fault.Is(err, fault.Forbidden)
		return r, err
	}
	r.Reached, r.Allowed = true, true
	r.Rows, _ = page.total()
	if len(page.rows) > 0 {
		r.Columns = memberNames(page.rows[0], 12)
	}
	if g.base.Scheme == "http" && g.token != "" {
		r.Notes = append(r.Notes, Note{Key: "source.note.plain"})
	}
	return r, nil
}

// memberNames lists the first names of a record, of its properties when it is a feature.
func memberNames(record json.RawMessage, most int) []string {
	var feature struct {
		Properties json.RawMessage `json:"properties"`
	}
	if json.Unmarshal(record, &feature) == nil && len(feature.Properties) > 2 {
		record = feature.Properties
	}
	dec := json.NewDecoder(strings.NewReader(string(record)))
	if _, err := dec.Token(); err != nil {
		return nil
	}
	var names []string
	for dec.More() && len(names) < most {
		t, err := dec.Token()
		if err != nil {
			return names
		}
		if s, ok := t.(string); ok {
			names = append(names, s)
		}
		var skip json.RawMessage
		if dec.Decode(&skip) != nil {
			return names
		}
	}
	return names
}
