package source

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dghubble/oauth1"
	"github.com/google/go-cmp/cmp"

	"garrigue/internal/fault"
	"garrigue/internal/jsontable"
	"garrigue/internal/source/sourcetest"
)

// The example of RFC 5849, 3.4.1.1, without its token and body.
func TestSignatureBase(t *testing.T) {
	u, err := url.Parse("http://EXAMPLE.COM:80/r%20v/X?id=123&b5=%3D%253D&a3=a&c%40=&a2=r%20b")
	if err != nil {
		t.Fatal(err)
	}
	got := signatureBase("get", u, [][2]string{{"oauth_consumer_key", "9djdj82h48djs9d2"}, {"oauth_nonce", "7d8f3e4a"}})
	want := "GET&http%3A%2F%2Fexample.com%2Fr%2520v%2FX&a2%3Dr%2520b%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26id%3D123%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if s, err := (&oauth1.HMACSigner{ConsumerSecret: "j49sk3j29djd"}).Sign("", want); err != nil || len(s) != 28 {
		t.Errorf("%s %v", s, err)
	}
}

// site serves a VisioNature with three groups of observations, one of them closed.
func site(t *testing.T, now *time.Time) (*sourcetest.VisioNature, Config, Env) {
	t.Helper()
	s := &sourcetest.VisioNature{Key: "app", Secret: "s3cret app", User: "a+b@c.fr", Password: "p&ss wörd/1", PageSize: 4, Now: func() time.Time { return *now },
		Access: map[string]string{"1": "full", "2": "full", "3": "none"}}
	at := *now
	*now = at.AddDate(0, 0, -10) // what is there was there before the first run
	for i := range 10 {
		form := ""
		if i%3 == 0 {
			form = "7"
		}
		s.Put(sourcetest.VisioObs{ID: strconv.Itoa(100 + i), Group: "1", Form: form, Lat: 43.51, Lon: 3.11, Day: time.Date(2026, 3, 1+i, 0, 0, 0, 0, time.UTC), Count: i + 1})
	}
	s.Put(sourcetest.VisioObs{ID: "200", Group: "2", Lat: 43.52, Lon: 3.12, Day: time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC), Count: 1})
	s.Put(sourcetest.VisioObs{ID: "300", Group: "3", Lat: 43.52, Lon: 3.12, Day: time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC), Count: 1})
	*now = at
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	env, _ := testEnv(t, map[string]string{"client_key": s.Key, "client_secret": s.Secret, "user": s.User, "password": s.Password})
	env.Now = s.Now
	return s, Config{Name: "faune", Kind: KindVisioNature, Location: server.URL + "/",
		Secrets: map[string]string{"client_key": "A", "client_secret": "B", "user": "C", "password": "D"}}, env
}

// observed reads a run's file as the import does: "number count", "number D" when deleted.
func observed(t *testing.T, res Result) []string {
	t.Helper()
	if len(res.Files) != 1 {
		t.Fatalf("%d files", len(res.Files))
	}
	f, err := os.Open(res.Files[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	tb, err := jsontable.Open(f, st.Size(), "run", jsontable.Options{})
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for i, h := range tb.Header() {
		at[h] = i
	}
	var out []string
	for {
		r, err := tb.Next()
		if err != nil {
			break
		}
		out = append(out, r.Fields[at["ID_SIGHTING"]]+" "+r.Fields[at["TOTAL_COUNT"]]+r.Fields[at["LAST_ACTION"]])
	}
	slices.Sort(out)
	return out
}

func firstRun() []string {
	return []string{"100 1", "101 2", "102 3", "103 4", "104 5", "105 6", "106 7", "107 8", "108 9", "109 10", "200 1"}
}

func wantObserved(t *testing.T, res Result, want []string) {
	t.Helper()
	if d := cmp.Diff(want, observed(t, res)); d != "" {
		t.Fatal(d)
	}
}

func TestVisioNatureRuns(t *testing.T) {
	now := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
	s, cfg, env := site(t, &now)
	first := mustFetch(t, cfg, nil, env)
	wantObserved(t, first, firstRun())
	if f := first.Files[0]; !f.Complete || f.Dataset != "faune" || f.Format != "visionature" {
		t.Errorf("%+v", f)
	}
	want := []string{"taxo_groups ", "observations 1", "observations 1", "observations 1", "observations 2"}
	if d := cmp.Diff(want, s.Requests()); d != "" {
		t.Error(d)
	}
	// Until the state is kept, a run gives the same again, without asking.
	s.Forget()
	wantObserved(t, mustFetch(t, cfg, nil, env), firstRun())
	if len(s.Requests()) != 0 {
		t.Error("asked again")
	}
	noon := now
	now = now.Add(13 * time.Hour) // nobody could import it: everything is asked anew
	first = mustFetch(t, cfg, nil, env)
	if wantObserved(t, first, firstRun()); len(s.Requests()) == 0 {
		t.Error("not asked again")
	}
	now = noon
	s.Forget()
	if err := first.Done(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(40 * time.Hour)
	s.Put(sourcetest.VisioObs{ID: "104", Group: "1", Lat: 43.51, Lon: 3.11, Day: now, Count: 50})
	s.Put(sourcetest.VisioObs{ID: "110", Group: "1", Lat: 43.51, Lon: 3.11, Day: now, Count: 11})
	s.Put(sourcetest.VisioObs{ID: "111", Group: "1", Lat: 43.51, Lon: 3.11, Day: now, Count: 12, Hidden: true}) // given alone only
	s.Delete("1", "105")
	s.Delete("2", "200")
	now = now.Add(2 * time.Hour)
	second := mustFetch(t, cfg, first.State, env)
	wantObserved(t, second, []string{"104 50", "105 D", "110 11", "111 12", "200 D"})
	if second.Files[0].Complete {
		t.Error("changes are not the whole")
	}
	if d := cmp.Diff([]string{"taxo_groups ", "observations/diff/ 1", "observations/diff/ 2", "observations 1104,110,111", "observations/111 "}, s.Requests()); d != "" {
		t.Error(d)
	}
	if err := second.Done(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(3 * time.Hour)
	third := mustFetch(t, cfg, second.State, env)
	if !third.Unchanged || len(third.Files) != 0 || string(third.State) == string(second.State) {
		t.Errorf("nothing changed: %+v", third)
	}
}

// An observation that passes from one group to another is deleted in the one and changed in the
// other, whatever their order.
func TestVisioNatureChangesOfGroup(t *testing.T) {
	now := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
	s, cfg, env := site(t, &now)
	first := mustFetch(t, cfg, nil, env)
	if err := first.Done(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(26 * time.Hour)
	s.Delete("2", "200")
	s.Put(sourcetest.VisioObs{ID: "200", Group: "1", Lat: 43.5, Lon: 3.1, Day: now, Count: 7})
	s.Delete("1", "100")
	s.Put(sourcetest.VisioObs{ID: "100", Group: "2", Lat: 43.5, Lon: 3.1, Day: now, Count: 8})
	now = now.Add(time.Hour)
	wantObserved(t, mustFetch(t, cfg, first.State, env), []string{"100 8", "200 7"})
}

func TestVisioNatureTooOld(t *testing.T) {
	for _, days := range []int{68, 70, 75} { // said by us, or by the site when clocks or rules differ
		now := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
		s, cfg, env := site(t, &now)
		first := mustFetch(t, cfg, nil, env)
		if err := first.Done(); err != nil {
			t.Fatal(err)
		}
		if days == 68 {
			s.Trouble = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "diff") {
					return false
				}
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprint(w, `{"error":"date is too old"}`)
				return true
			}
		}
		now = now.AddDate(0, 0, days)
		s.Delete("1", "105")
		res := mustFetch(t, cfg, first.State, env)
		want := slices.DeleteFunc(firstRun(), func(s string) bool { return strings.HasPrefix(s, "105") })
		wantObserved(t, res, want)
		if !res.Files[0].Complete || len(res.Notes) != 1 || res.Notes[0].Key != "source.note.visionature_old" {
			t.Errorf("%d days: %+v %+v", days, res.Files, res.Notes)
		}
	}
}

// A group that closes keeps its observations; one that opens is read whole.
func TestVisioNatureGroups(t *testing.T) {
	now := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
	s, cfg, env := site(t, &now)
	first := mustFetch(t, cfg, nil, env)
	if err := first.Done(); err != nil {
		t.Fatal(err)
	}
	s.Access = map[string]string{"1": "full", "2": "none", "3": "limited"}
	now = now.Add(26 * time.Hour)
	res := mustFetch(t, cfg, first.State, env)
	wantObserved(t, res, []string{"300 1"})
	var notes []string
	for _, n := range res.Notes {
		notes = append(notes, strings.TrimPrefix(n.Key, "source.note.visionature_"))
	}
	if d := cmp.Diff([]string{"limited", "closed"}, notes); d != "" || res.Files[0].Complete {
		t.Error(d)
	}
	cfg.Options = map[string]string{OptionGroups: "2, 9"}
	_, err := Fetch(t.Context(), cfg, nil, env)
	wantSaid(t, err, fault.Forbidden, "source.visionature.no_group")
}

func TestVisioNatureSearch(t *testing.T) {
	now := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
	s, cfg, env := site(t, &now)
	cfg.Options = map[string]string{OptionMethod: "search", OptionFrom: "2025-01-01", OptionSpan: "200", OptionPause: "2s"}
	res := mustFetch(t, cfg, nil, env)
	wantObserved(t, res, firstRun())
	if res.Files[0].Complete {
		t.Error("a search from a day is not the whole")
	}
	if n := len(s.Requests()); n != 1+2*3+2 { // three spans for each of two groups, two pages more
		t.Errorf("%d requests: %v", n, s.Requests())
	}
}

// Every trouble on the way ends with the run a quiet site gives.
func TestVisioNatureTroubles(t *testing.T) {
	once := func(f func(w http.ResponseWriter)) func(int, http.ResponseWriter, *http.Request) bool {
		return func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n == 3 {
				f(w)
			}
			return n == 3
		}
	}
	for name, trouble := range map[string]func(int, http.ResponseWriter, *http.Request) bool{
		"busy":   once(func(w http.ResponseWriter) { w.Header().Set("Retry-After", "30"); w.WriteHeader(429) }),
		"broken": once(func(w http.ResponseWriter) { w.WriteHeader(502) }),
		"page":   once(func(w http.ResponseWriter) { fmt.Fprint(w, "<html>Site en maintenance</html>") }),
		"script": once(func(w http.ResponseWriter) {
			fmt.Fprint(w, "<html><script>var q = [];</script>Site en maintenance</html>")
		}),
		"half": once(func(w http.ResponseWriter) { fmt.Fprint(w, `{"data":{"sightings":[{"date":`) }),
		"cut": once(func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "900")
			fmt.Fprint(w, `{"data":`)
		}),
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
			s, cfg, env := site(t, &now)
			s.Trouble = trouble
			wantObserved(t, mustFetch(t, cfg, nil, env), firstRun())
		})
	}
}

// Words of PHP around the answer, and lists that PHP writes as objects, are no trouble.
func TestVisioNaturePHP(t *testing.T) {
	now := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
	s, cfg, env := site(t, &now)
	s.Trouble = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("id_taxo_group") != "2" {
			return false
		}
		fmt.Fprint(w, "\ufeffNotice: undefined index\n"+`{"data":{"sightings":{"2":{"species":{"@id":"1"},"observers":[{"id_sighting":"201","id_universal":"28_201","count":"3"}]}},"forms":{}}}`+"\n")
		return true
	}
	want := append(firstRun()[:10], "201 3")
	wantObserved(t, mustFetch(t, cfg, nil, env), want)
}

// A run broken at any request gives, once taken up again, what a clean run gives; also when
// the keys of its pages have expired in between.
func TestVisioNatureResumes(t *testing.T) {
	for _, expire := range []bool{false, true} {
		for broken := 1; broken <= 5; broken++ {
			now := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
			s, cfg, env := site(t, &now)
			s.Trouble = func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n == broken {
					w.WriteHeader(http.StatusTeapot)
				}
				return n == broken
			}
			_, err := Fetch(t.Context(), cfg, nil, env)
			wantSaid(t, err, fault.Invalid, "source.status")
			if expire {
				s.Expire()
			}
			wantObserved(t, mustFetch(t, cfg, nil, env), firstRun())
			if n := len(s.Requests()); !expire && n != 6 {
				t.Errorf("broken at %d: %d requests for five and one trouble", broken, n)
			}
		}
	}
	// The same of a run of changes.
	for broken := 1; broken <= 5; broken++ {
		now := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
		s, cfg, env := site(t, &now)
		first := mustFetch(t, cfg, nil, env)
		if err := first.Done(); err != nil {
			t.Fatal(err)
		}
		now = now.Add(26 * time.Hour)
		s.Delete("2", "200")
		s.Put(sourcetest.VisioObs{ID: "104", Group: "1", Lat: 43.51, Lon: 3.11, Day: now, Count: 50, Hidden: true})
		s.Forget()
		s.Trouble = func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n == broken {
				w.WriteHeader(http.StatusTeapot)
			}
			return n == broken
		}
		_, err := Fetch(t.Context(), cfg, first.State, env)
		wantSaid(t, err, fault.Invalid, "source.status")
		s.Trouble = nil
		wantObserved(t, mustFetch(t, cfg, first.State, env), []string{"104 50", "200 D"})
	}
}

// An account that is refused on the way ends the run: what it may not see is not taken for gone.
func TestVisioNatureRefusedOnTheWay(t *testing.T) {
	now := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
	s, cfg, env := site(t, &now)
	first := mustFetch(t, cfg, nil, env)
	if err := first.Done(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(26 * time.Hour)
	s.Put(sourcetest.VisioObs{ID: "104", Group: "1", Lat: 43.51, Lon: 3.11, Day: now, Count: 50, Hidden: true})
	s.Trouble = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/104") {
			return false
		}
		w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"error":"wrong user_pw"}`)
		return true
	}
	_, err := Fetch(t.Context(), cfg, first.State, env)
	wantSaid(t, err, fault.Forbidden, "source.visionature.password")
	s.Trouble = nil
	wantObserved(t, mustFetch(t, cfg, first.State, env), []string{"104 50"})
}

func TestVisioNatureRefusals(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(s *sourcetest.VisioNature, env *Env)
		kind    fault.Kind
		key     string
		secrets map[string]string
	}{
		{name: "key", secrets: map[string]string{"client_key": "wrong"}, kind: fault.Forbidden, key: "source.visionature.keys"},
		{name: "secret of the key", secrets: map[string]string{"client_secret": "wrong"}, kind: fault.Forbidden, key: "source.visionature.keys"},
		{name: "password", secrets: map[string]string{"password": "wrong"}, kind: fault.Forbidden, key: "source.visionature.password"},
		{name: "clock", change: func(s *sourcetest.VisioNature, env *Env) {
			env.Now = func() time.Time { return s.Now().Add(20 * time.Minute) }
		}, kind: fault.Invalid, key: "source.visionature.clock"},
		{name: "silent refusal", change: func(s *sourcetest.VisioNature, _ *Env) {
			s.Trouble = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Date", s.Now().UTC().Format(http.TimeFormat))
				w.WriteHeader(http.StatusForbidden)
				return true
			}
		}, kind: fault.Forbidden, key: "source.visionature.forbidden"},
		{name: "endless pages", change: func(s *sourcetest.VisioNature, _ *Env) { s.SameKey = true }, kind: fault.Invalid, key: "source.visionature.loop"},
		{name: "another site", change: func(s *sourcetest.VisioNature, _ *Env) { s.Trouble = says(`{"hello":"world"}`) }, kind: fault.Forbidden, key: "source.visionature.no_group"},
		{name: "error said with a 200", change: func(s *sourcetest.VisioNature, _ *Env) {
			s.Trouble = func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n > 1 {
					fmt.Fprint(w, `{"error":"internal"}`)
				}
				return n > 1
			}
		}, kind: fault.Invalid, key: "source.visionature.not_site"},
		{name: "nothing but maintenance", change: func(s *sourcetest.VisioNature, _ *Env) { s.Trouble = says(`<html>`) }, kind: fault.Unavailable, key: "source.web_page"},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
			s, cfg, env := site(t, &now)
			right := env.Secret
			env.Secret = func(name string) (string, error) {
				if v := c.secrets[name]; v != "" {
					return v, nil
				}
				return right(name)
			}
			if c.change != nil {
				c.change(s, &env)
			}
			_, err := Fetch(t.Context(), cfg, nil, env)
			wantSaid(t, err, c.kind, c.key)
			for _, secret := range []string{"s3cret", "a+b", "p&ss", "wörd", "wrong", "%2B"} {
				if strings.Contains(fmt.Sprint(err), secret) {
					t.Errorf("a secret is in the error: %v", err)
				}
			}
		})
	}
}

func TestVisioNatureSettings(t *testing.T) {
	_, good, _ := site(t, new(time.Time))
	for name, c := range map[string]struct {
		change func(*Config)
		key    string
	}{
		"good":      {func(*Config) {}, ""},
		"no secret": {func(c *Config) { c.Secrets = map[string]string{"user": "A"} }, "source.visionature.secrets"},
		"address":   {func(c *Config) { c.Location = "faune-occitanie.org" }, "source.visionature.address"},
		"method":    {func(c *Config) { c.Options = map[string]string{OptionMethod: "guess"} }, "source.value"},
		"groups":    {func(c *Config) { c.Options = map[string]string{OptionGroups: "Oiseaux"} }, "source.value"},
		"day":       {func(c *Config) { c.Options = map[string]string{OptionFrom: "1/1/2020"} }, "source.value"},
		"span":      {func(c *Config) { c.Options = map[string]string{OptionSpan: "0"} }, "source.value"},
		"zone":      {func(c *Config) { c.TimeZone = "Lune" }, "source.value"},
		"overlap":   {func(c *Config) { c.Options = map[string]string{OptionOverlap: "yes"} }, "source.value"},
	} {
		cfg := good
		c.change(&cfg)
		err := Check(cfg)
		if c.key == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		wantSaid(t, err, fault.Invalid, c.key)
	}
}

func TestVisioNatureTest(t *testing.T) {
	now := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
	s, cfg, env := site(t, &now)
	s.Access["2"] = "limited"
	r, err := Test(t.Context(), cfg, env)
	if err != nil || !r.Reached || !r.Allowed || len(r.Notes) != 3 || r.Notes[1].Args[1] != "Groupe 1 (1), Groupe 2 (2)" {
		t.Errorf("%+v %v", r, err)
	}
	env.Secret = func(string) (string, error) { return "wrong", nil }
	if r, err = Test(t.Context(), cfg, env); err == nil || !r.Reached || r.Allowed {
		t.Errorf("%+v %v", r, err)
	}
}
