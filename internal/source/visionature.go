package source

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"garrigue/internal/fault"
)

// Options of the kind visionature.
const (
	OptionMethod  = "method"      // of a full run: list (by taxonomic group) or search (by spans of days)
	OptionGroups  = "taxo_groups" // numbers of the taxonomic groups to read, all those open to the account without
	OptionExclude = "exclude"     // numbers of groups to leave out
	OptionFrom    = "from"        // first day of a search, 1900-01-01
	OptionSpan    = "span"        // days of one search, 30
	OptionUnits   = "units"       // territorial units of a search: FR34,FR30
)

// What a run does against VisioNature's API (reference: SINP standards, 9.3; parameters as
// its known client, Client_API_VN, sends them). At first, everything: each group by pages that
// follow one another by a key. Then the changes since the last run, less an overlap, as the API
// lists them (at most ten weeks back), and the observations that changed, a hundred at a
// time. Everything goes into one file of the spool, in the order it came: the last word on an
// observation is the good one, so that nothing is lost when a page is asked for twice.
//
// One request at a time, with a pause when asked for: the sites are everybody's.

const (
	diffReach   = 10 * 7 * 24 * time.Hour // how far back the API tells changes
	diffMargin  = 24 * time.Hour          // below it, we do not try
	sliceOfIDs  = 100
	maxPageKeys = 100_000
)

// visioState is what is remembered: for each group, the moment up to which it is known.
type visioState struct {
	Since map[string]time.Time `json:"since"`
}

// visioWhere is where a run is.
type visioWhere struct {
	Full   bool       `json:"full"`
	Old    bool       `json:"old,omitempty"` // full since the last run is too long ago
	Steps  []string   `json:"steps"`         // "changes 1", "list 1", "updated 1": what is to be done, in order
	Groups []string   `json:"groups"`
	Some   bool       `json:"some,omitempty"` // a group is open in part only
	Next   visioState `json:"next"`
	Step   int        `json:"step"`
	Key    string     `json:"key,omitempty"`  // of the next page
	Seen   []string   `json:"seen,omitempty"` // hashes of the keys of this step
	Tries  int        `json:"tries,omitempty"`
	Day    string     `json:"day,omitempty"` // next day of a search
	ID     int        `json:"id,omitempty"`  // next of the identifiers that changed
	Rows   int64      `json:"rows"`
	Gone   int        `json:"gone,omitempty"`   // deletions told
	Unseen int        `json:"unseen,omitempty"` // changed, and not given when asked for
}

func visioNatureKind() kind {
	return kind{name: KindVisioNature, options: []string{OptionMethod, OptionGroups, OptionExclude, OptionFrom, OptionSpan, OptionUnits, OptionOverlap, OptionPause},
		secrets: []string{"client_key", "client_secret", "user", "password"}, check: checkVisioNature, fetch: fetchVisioNature, test: testVisioNature}
}

func checkVisioNature(cfg Config) error {
	u, err := url.Parse(cfg.Location)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" {
		return fault.Say(fault.Invalid, "source.visionature.address", cfg.Name)
	}
	for _, name := range []string{"client_key", "client_secret", "user", "password"} {
		if cfg.Secrets[name] == "" {
			return fault.Say(fault.Invalid, "source.visionature.secrets", cfg.Name, "secrets."+name)
		}
	}
	switch v := cfg.Options[OptionMethod]; v {
	case "", "list", "search":
	default:
		return wrong(cfg, "options."+OptionMethod, v)
	}
	for _, name := range []string{OptionGroups, OptionExclude} {
		for _, n := range fields(cfg.Options[name]) {
			if _, err := strconv.Atoi(n); err != nil {
				return wrong(cfg, "options."+name, n)
			}
		}
	}
	if v := cfg.Options[OptionFrom]; v != "" {
		if _, err := time.Parse(time.DateOnly, v); err != nil {
			return wrong(cfg, "options."+OptionFrom, v)
		}
	}
	if v := cfg.Options[OptionSpan]; v != "" {
		if n, err := strconv.Atoi(v); err != nil || n < 1 || n > 3660 {
			return wrong(cfg, "options."+OptionSpan, v)
		}
	}
	if cfg.TimeZone != "" {
		if _, err := time.LoadLocation(cfg.TimeZone); err != nil {
			return wrong(cfg, "time_zone", cfg.TimeZone)
		}
	}
	if _, err := durationOption(cfg, OptionOverlap, time.Hour); err != nil {
		return err
	}
	_, err = durationOption(cfg, OptionPause, time.Second)
	return err
}

// fields cuts a list written with commas or spaces.
func fields(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == ';' })
}

// visio is one site, for one account.
type visio struct {
	cfg            Config
	env            Env
	c              *client
	base           *url.URL
	user, password string
	zone           *time.Location // the site's
	served         time.Time      // the server's clock in its last answer, zero when it does not tell
}

func openVisioNature(cfg Config, env Env) (*visio, error) {
	v := &visio{cfg: cfg, env: env}
	var err error
	if v.c, err = newClient(env, cfg); err != nil {
		return nil, err
	}
	if v.base, err = url.Parse(strings.TrimRight(cfg.Location, "/")); err != nil {
		return nil, fault.Say(fault.Invalid, "source.visionature.address", cfg.Name)
	}
	v.base.Path = strings.TrimSuffix(v.base.Path, "/api") + "/api"
	signer := oauthSigner{now: env.Now}
	for name, to := range map[string]*string{"client_key": &signer.key, "client_secret": &signer.secret, "user": &v.user, "password": &v.password} {
		if *to, err = env.Secret(name); err != nil {
			return nil, err
		}
	}
	v.c.sign = signer.sign
	if v.zone, err = time.LoadLocation(cmp.Or(cfg.TimeZone, "Europe/Paris")); err != nil {
		return nil, wrong(cfg, "time_zone", cfg.TimeZone)
	}
	return v, nil
}

// ask sends one request. body is nil for a GET. It returns the answer and the key of its next
// page, "" after the last.
func (v *visio) ask(ctx context.Context, path string, params url.Values, body any) ([]byte, string, error) {
	if params == nil {
		params = url.Values{}
	}
	params.Set("user_email", v.user)
	params.Set("user_pw", v.password)
	u := *v.base
	u.Path += path
	u.RawQuery = strings.ReplaceAll(params.Encode(), "+", "%20")
	method, content := http.MethodGet, []byte(nil)
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return nil, "", err
		}
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(content))
	if err != nil {
		return nil, "", fault.Say(fault.Invalid, "source.visionature.address", v.cfg.Name)
	}
	req.Header.Set("Content-Type", "application/json;charset=UTF-8")
	req.Header.Set("Accept", "application/json")
	answer, header, err := v.c.answer(ctx, req, v.refused)
	if err != nil {
		return nil, "", err
	}
	if t, err := http.ParseTime(header.Get("Date")); err == nil {
		v.served = t
	}
	return answer, header.Get("pagination_key"), nil
}

// refused tells apart the reasons a site may have to refuse us. Words are those of OAuth's
// problem reporting and of common servers; a site that says nothing gets the sentence that
// names all it can be.
func (v *visio) refused(resp *http.Response, said []byte) error {
	at := place(resp.Request.URL)
	status := strconv.Itoa(resp.StatusCode)
	text := strings.ToLower(resp.Header.Get("WWW-Authenticate") + " " + string(said))
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	}
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
	default:
		return nil
	}
	skew := time.Duration(0)
	if t, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		skew = v.env.Now().Sub(t).Abs()
	}
	switch {
	case has("pagination_key", "pagination key"):
		return errPageKey
	case has("timestamp"), resp.StatusCode != http.StatusBadRequest && skew > 5*time.Minute:
		return fault.Say(fault.Invalid, "source.visionature.clock", at, skew.Round(time.Second).String())
	case has("10 weeks", "ten weeks", "too old"):
		return errTooOld
	case has("consumer_key", "signature", "consumer key", "client key"):
		return fault.Say(fault.Forbidden, "source.visionature.keys", at)
	case has("user_pw", "user_email", "password", "credential", "login", "mot de passe"):
		return fault.Say(fault.Forbidden, "source.visionature.password", at)
	case resp.StatusCode == http.StatusBadRequest:
		return nil
	}
	return fault.Say(fault.Forbidden, "source.visionature.forbidden", at, status)
}

// Answers that the run itself deals with.
var (
	errPageKey = fault.Say(fault.Unavailable, "source.visionature.page_key")
	errTooOld  = fault.Say(fault.Unavailable, "source.visionature.too_old")
)

// taxoGroup is a taxonomic group of the site.
type taxoGroup struct {
	ID     digits `json:"id"`
	Name   string `json:"name"`
	Access string `json:"access_mode"` // full, limited, none
}

// groups lists the groups the account may read and the settings ask for.
func (v *visio) groups(ctx context.Context) ([]taxoGroup, error) {
	b, _, err := v.ask(ctx, "/taxo_groups", nil, nil)
	if err != nil {
		return nil, err
	}
	var a struct {
		Data []taxoGroup `json:"data"`
	}
	if json.Unmarshal(b, &a) != nil {
		return nil, fault.Say(fault.Invalid, "source.visionature.not_site", place(v.base))
	}
	wanted, out := fields(v.cfg.Options[OptionGroups]), fields(v.cfg.Options[OptionExclude])
	a.Data = slices.DeleteFunc(a.Data, func(g taxoGroup) bool {
		id := string(g.ID)
		return g.Access == "none" || id == "" || slices.Contains(out, id) || len(wanted) > 0 && !slices.Contains(wanted, id)
	})
	if len(a.Data) == 0 {
		return nil, fault.Say(fault.Forbidden, "source.visionature.no_group", place(v.base))
	}
	return a.Data, nil
}

func fetchVisioNature(ctx context.Context, cfg Config, state State, env Env) (Result, error) {
	was, err := readState[visioState](state)
	if err != nil {
		return Result{}, err
	}
	v, err := openVisioNature(cfg, env)
	if err != nil {
		return Result{}, err
	}
	defer v.c.close()
	var at visioWhere
	p, err := openPages(env, cfg, state, &at)
	if err != nil {
		return Result{}, err
	}
	from := p.mark.Size
	if len(at.Steps) == 0 {
		if err := v.plan(ctx, was, &at); err != nil {
			return Result{}, err
		}
		if err := p.move(at); err != nil {
			return Result{}, err
		}
	}
	for !p.mark.Whole {
		err := v.step(ctx, p, &at)
		if errors.Is(err, errTooOld) && !at.Full {
			err = v.everything(p, &at)
		}
		if err != nil {
			return Result{Bytes: p.brought(from)}, err
		}
		env.Progress(Progress{Source: cfg.Name, Step: "fetch", Done: at.Rows})
	}
	res, err := v.result(p, at, was)
	res.Bytes = p.brought(from)
	return res, err
}

// plan decides what the run does.
func (v *visio) plan(ctx context.Context, was visioState, at *visioWhere) error {
	groups, err := v.groups(ctx)
	if err != nil {
		return err
	}
	now := v.now()
	*at = visioWhere{Full: len(was.Since) == 0, Next: visioState{Since: map[string]time.Time{}}}
	for _, g := range groups {
		at.Groups = append(at.Groups, string(g.ID))
		at.Some = at.Some || g.Access != "full"
		if t, known := was.Since[string(g.ID)]; known && now.Sub(t) > diffReach-diffMargin {
			at.Full, at.Old = true, true
		} else if known {
			at.Next.Since[string(g.ID)] = t // replaced when the group is asked for
		}
	}
	if at.Full {
		v.planFull(at)
		return nil
	}
	var lists, updates []string
	for _, g := range at.Groups {
		if _, known := at.Next.Since[g]; !known {
			lists = append(lists, "list "+g) // a group that opened since
			continue
		}
		at.Steps, updates = append(at.Steps, "changes "+g), append(updates, "updated "+g)
	}
	// Every deletion comes before every change: an observation that passes from one group to
	// another is deleted in the one and changed in the other.
	at.Steps = append(append(at.Steps, lists...), updates...)
	return nil
}

func (v *visio) planFull(at *visioWhere) {
	at.Full, at.Steps, at.Step, at.Next.Since = true, nil, 0, map[string]time.Time{}
	for _, g := range at.Groups {
		at.Steps = append(at.Steps, "list "+g)
	}
}

// everything makes a full run of one whose changes are refused as too old.
func (v *visio) everything(p *pages, at *visioWhere) error {
	*at = visioWhere{Old: true, Groups: at.Groups, Some: at.Some}
	v.planFull(at)
	return p.reset(at)
}

// now is the earlier of the two clocks: what happens between them is asked for again.
func (v *visio) now() time.Time {
	now := v.env.Now().UTC()
	if !v.served.IsZero() && v.served.Before(now) {
		return v.served.UTC()
	}
	return now
}

// step does the next piece of work: one page.
func (v *visio) step(ctx context.Context, p *pages, at *visioWhere) error {
	if at.Step >= len(at.Steps) {
		return p.finish(at)
	}
	if err := apiPause(ctx, v.env, v.cfg); err != nil {
		return err
	}
	what, group, _ := strings.Cut(at.Steps[at.Step], " ")
	switch what {
	case "changes":
		return v.changes(ctx, p, at, group)
	case "updated":
		return v.updated(ctx, p, at, group)
	}
	return v.list(ctx, p, at, group)
}

// after moves to the next step.
func (at *visioWhere) after() {
	at.Step++
	at.Key, at.Seen, at.Tries, at.Day, at.ID = "", nil, 0, "", 0
}

// list asks for one page of a whole group.
func (v *visio) list(ctx context.Context, p *pages, at *visioWhere, group string) error {
	if at.Key == "" && at.Day == "" {
		at.Next.Since[group] = v.now()
	}
	params := url.Values{"short_version": {"0"}}
	if at.Key != "" {
		params.Set("pagination_key", at.Key)
	}
	var body any
	path := "/observations"
	day, err := v.span(at, group, &body)
	if err != nil {
		return err
	}
	if body != nil {
		path = "/observations/search/"
	} else {
		params.Set("id_taxo_group", group)
	}
	page, key, err := v.ask(ctx, path, params, body)
	if errors.Is(err, errPageKey) && at.Key != "" && at.Tries == 0 {
		// The key has expired since the run was broken: the group again, what it gave is given twice.
		at.Key, at.Seen, at.Tries = "", nil, 1
		return p.move(at)
	}
	if err != nil {
		return err
	}
	if err := at.turn(key, place(v.base)); err != nil {
		return err
	}
	if key == "" {
		if at.Day = day; day == "" {
			at.after()
		}
	}
	return v.keep(p, at, page)
}

// span makes the body of a search of the next days and returns the day to go on from, "" when
// these are the last or the run does not search.
func (v *visio) span(at *visioWhere, group string, body *any) (next string, err error) {
	if v.cfg.Options[OptionMethod] != "search" {
		return "", nil
	}
	from, err := time.Parse(time.DateOnly, cmp.Or(at.Day, v.cfg.Options[OptionFrom], "1900-01-01"))
	if err != nil {
		return "", wrong(v.cfg, "options."+OptionFrom, v.cfg.Options[OptionFrom])
	}
	days, err := strconv.Atoi(cmp.Or(v.cfg.Options[OptionSpan], "30"))
	if err != nil {
		return "", wrong(v.cfg, "options."+OptionSpan, v.cfg.Options[OptionSpan])
	}
	to, today := from.AddDate(0, 0, days), v.env.Now().In(v.zone)
	if to.Format(time.DateOnly) < today.Format(time.DateOnly) {
		next = to.Format(time.DateOnly) // in both: whether the last day counts is the site's secret
	}
	q := map[string]any{"period_choice": "range", "date_from": from.Format("02.01.2006"), "date_to": to.Format("02.01.2006"),
		"species_choice": "all", "taxonomic_group": group, "entry_date": "0"}
	if units := fields(v.cfg.Options[OptionUnits]); len(units) > 0 {
		q["location_choice"], q["territorial_unit_ids"] = "territorial_unit", units
	}
	*body = q
	return next, nil
}

// turn takes the key of the next page. A site that gives one twice would never end.
func (at *visioWhere) turn(key, site string) error {
	at.Key = key
	if key == "" {
		at.Seen = nil
		return nil
	}
	h := hashText(key)[:16]
	if slices.Contains(at.Seen, h) || len(at.Seen) >= maxPageKeys {
		return fault.Say(fault.Invalid, "source.visionature.loop", site)
	}
	at.Seen = append(at.Seen, h)
	return nil
}

// visioPage is what we look at in an answer.
type visioPage struct {
	Data json.RawMessage `json:"data"`
}

type visioLists struct {
	Sightings list `json:"sightings"`
	Forms     list `json:"forms"`
}

// lists returns the sightings and forms of an answer; PHP writes no data at all as an empty list.
func (v *visio) lists(page []byte) (l visioLists, err error) {
	if nothing(page) {
		return l, nil
	}
	var p visioPage
	switch {
	case json.Unmarshal(page, &p) != nil, len(p.Data) == 0, !nothing(p.Data) && json.Unmarshal(p.Data, &l) != nil:
		return l, fault.Say(fault.Invalid, "source.visionature.not_site", place(v.base))
	}
	return l, nil
}

// keep adds an answer to the run, unless it is empty.
func (v *visio) keep(p *pages, at *visioWhere, page []byte) error {
	l, err := v.lists(page)
	if err != nil {
		return err
	}
	if len(l.Sightings)+len(l.Forms) == 0 {
		return p.move(at)
	}
	at.Rows += int64(len(l.Sightings))
	for _, f := range l.Forms {
		var form struct {
			Sightings list `json:"sightings"`
		}
		if json.Unmarshal(f, &form) == nil {
			at.Rows += int64(len(form.Sightings))
		}
	}
	return p.add(page, at)
}

// result gives the run to import. Only a full run of groups open in full, among which those
// known before, is the whole of the source.
func (v *visio) result(p *pages, at visioWhere, was visioState) (Result, error) {
	state, err := writeState(at.Next)
	if err != nil {
		return Result{}, err
	}
	res := Result{State: state, Done: p.drop}
	site := place(v.base)
	whole := at.Full && !at.Some && v.cfg.Options[OptionUnits] == "" && (v.cfg.Options[OptionMethod] != "search" || v.cfg.Options[OptionFrom] == "")
	var closed []string
	for g := range was.Since {
		if !slices.Contains(at.Groups, g) {
			closed = append(closed, g)
		}
	}
	slices.Sort(closed)
	note := func(when bool, key string, args ...any) {
		if when {
			res.Notes = append(res.Notes, Note{Key: "source.note.visionature_" + key, Args: append([]any{site}, args...)})
		}
	}
	note(at.Old, "old")
	note(at.Some, "limited")
	note(len(closed) > 0, "closed", strings.Join(closed, ", "))
	note(at.Unseen > 0, "unseen", at.Unseen)
	if p.mark.Size == 0 {
		res.Unchanged, res.Done = true, nil
		return res, p.drop()
	}
	res.Files = []File{{Path: p.path(), Name: v.cfg.Name + ".json", Format: "visionature", Dataset: cmp.Or(v.cfg.Dataset, v.cfg.Name),
		Complete: whole && len(closed) == 0}}
	return res, nil
}

func testVisioNature(ctx context.Context, cfg Config, env Env) (TestReport, error) {
	v, err := openVisioNature(cfg, env)
	if err != nil {
		return TestReport{}, err
	}
	defer v.c.close()
	r := TestReport{Place: place(v.base), Resumes: true}
	groups, err := v.groups(ctx)
	if err != nil {
		r.Reached = fault.Is(err, fault.Forbidden)
		return r, err
	}
	r.Reached, r.Allowed = true, true
	var names []string
	for _, g := range groups {
		names = append(names, g.Name+" ("+string(g.ID)+")")
		if g.Access != "full" {
			r.Notes = append(r.Notes, Note{Key: "source.note.visionature_limited", Args: []any{g.Name}})
		}
	}
	r.Notes = append(r.Notes, Note{Key: "source.note.visionature_groups", Args: []any{r.Place, strings.Join(names, ", ")}})
	if v.base.Scheme == "http" {
		r.Notes = append(r.Notes, Note{Key: "source.note.plain"})
	}
	return r, nil
}
