package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"garrigue/internal/fault"
	"garrigue/internal/source/sourcetest"
)

func exportOf(t *testing.T, g *sourcetest.GeoNature, options map[string]string) Config {
	t.Helper()
	s := httptest.NewServer(g)
	t.Cleanup(s.Close)
	cfg := Config{Name: "gn", Kind: KindGeoNature, Location: s.URL + "/api/exports/api/12", Options: options}
	if g.Token != "" {
		cfg.Secrets = map[string]string{"token": "GN_TOKEN"}
	}
	return cfg
}

func exportRows(n int) []map[string]any {
	var rows []map[string]any
	for i := range n {
		rows = append(rows, map[string]any{"id_synthese": i, "cd_nom": 459478, "meta_update_date": fmt.Sprintf("2026-01-%02d 10:00:00", i%28+1),
			"geom": map[string]any{"type": "Point", "coordinates": []float64{3.15, 43.55}}})
	}
	return rows
}

// numbers returns the id_synthese of a run's file, in order.
func numbers(t *testing.T, res Result) []int {
	t.Helper()
	if len(res.Files) != 1 {
		t.Fatalf("%d files", len(res.Files))
	}
	b, err := os.ReadFile(res.Files[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	type item struct {
		ID         int `json:"id_synthese"`
		Properties *struct {
			ID int `json:"id_synthese"`
		}
	}
	var out []int
	for dec := json.NewDecoder(bytes.NewReader(b)); dec.More(); {
		var page struct{ Items json.RawMessage }
		if err := dec.Decode(&page); err != nil {
			t.Fatal(err)
		}
		var items []item
		if page.Items[0] == '{' {
			var c struct{ Features []item }
			if err := json.Unmarshal(page.Items, &c); err != nil {
				t.Fatal(err)
			}
			items = c.Features
		} else if err := json.Unmarshal(page.Items, &items); err != nil {
			t.Fatal(err)
		}
		for _, i := range items {
			if i.Properties != nil {
				i.ID = i.Properties.ID
			}
			out = append(out, i.ID)
		}
	}
	return out
}

func wantNumbers(t *testing.T, res Result, n int) {
	t.Helper()
	got := numbers(t, res)
	if len(got) != n {
		t.Fatalf("%d items, want %d", len(got), n)
	}
	for i, id := range got {
		if id != i {
			t.Fatalf("item %d is %d", i, id)
		}
	}
}

func TestGeoNaturePages(t *testing.T) {
	for _, c := range []struct {
		name    string
		rows    int
		g       *sourcetest.GeoNature
		options map[string]string
	}{
		{"list", 2500, &sourcetest.GeoNature{}, nil}, {"features", 2500, &sourcetest.GeoNature{Shapes: true}, nil},
		{"server's own limit", 95, &sourcetest.GeoNature{MaxPage: 10}, nil}, {"exact pages", 30, &sourcetest.GeoNature{}, map[string]string{OptionPageSize: "10"}},
		{"token in the header", 3, &sourcetest.GeoNature{Token: "s3cret"}, nil}, {"token in the address", 3, &sourcetest.GeoNature{Token: "s3cret"}, map[string]string{OptionTokenIn: "query"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.g.Rows = exportRows(c.rows)
			cfg := exportOf(t, c.g, c.options)
			env, _ := testEnv(t, map[string]string{"token": "s3cret"})
			res := mustFetch(t, cfg, nil, env)
			wantNumbers(t, res, c.rows)
			if res.Files[0].Dataset != "gn" || res.Files[0].Complete {
				t.Errorf("%+v", res.Files[0])
			}
			if header := c.options[OptionTokenIn] == ""; header && strings.Contains(strings.Join(c.g.Queries, ""), "s3cret") {
				t.Error("the token is in the address")
			}
			if err := res.Done(); err != nil {
				t.Fatal(err)
			}
			// The same again is nothing new.
			if again := mustFetch(t, cfg, res.State, env); !again.Unchanged || len(again.Files) != 0 {
				t.Errorf("again: %+v", again)
			}
			c.g.Lock(func() { c.g.Rows[0]["cd_nom"] = 60612 })
			if again := mustFetch(t, cfg, res.State, env); again.Unchanged {
				t.Error("a change not seen")
			}
		})
	}
}

// Every trouble a server may have on the way ends with the run a quiet server gives.
func TestGeoNatureTroubles(t *testing.T) {
	answer := func(status int, header, body string) func(int, http.ResponseWriter, *http.Request) bool {
		return func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n != 3 && n != 4 {
				return false
			}
			if header != "" {
				w.Header().Set("Retry-After", header)
			}
			w.WriteHeader(status)
			fmt.Fprint(w, body)
			return true
		}
	}
	for name, trouble := range map[string]func(int, http.ResponseWriter, *http.Request) bool{
		"busy": answer(429, "7", ""), "broken": answer(500, "", "oops"), "page for people": answer(200, "", "<html><body>Maintenance</body></html>"),
		"half JSON": answer(200, "", `{"items":[{"id_synthese":`), "empty": answer(200, "", ""),
		"cut": func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n != 2 {
				return false
			}
			w.Header().Set("Content-Length", "500")
			fmt.Fprint(w, `{"items":[`)
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := &sourcetest.GeoNature{Rows: exportRows(55), MaxPage: 10, Trouble: trouble}
			env, _ := testEnv(t, nil)
			wantNumbers(t, mustFetch(t, exportOf(t, g, nil), nil, env), 55)
		})
	}
}

// A run that is broken at any request goes on at its page the next time, also after a kill
// that left half a page in the spool.
func TestGeoNatureResumes(t *testing.T) {
	for broken := 1; broken <= 6; broken++ {
		g := &sourcetest.GeoNature{Rows: exportRows(55), MaxPage: 10, Trouble: func(n int, w http.ResponseWriter, _ *http.Request) bool {
			if n == broken {
				w.WriteHeader(http.StatusTeapot)
			}
			return n == broken
		}}
		cfg := exportOf(t, g, nil)
		env, _ := testEnv(t, nil)
		_, err := Fetch(t.Context(), cfg, nil, env)
		wantSaid(t, err, fault.Invalid, "source.status")
		f, err := os.OpenFile(env.Spool+"/api/pages.json", os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(f, `{"items":[{"id_syn`)
		f.Close()
		wantNumbers(t, mustFetch(t, cfg, nil, env), 55)
		if len(g.Queries) != 7 {
			t.Errorf("broken at %d: %d requests for 6 pages and one trouble", broken, len(g.Queries))
		}
	}
}

// Rows that come and go while pages are read move others from one page to the next: the run
// starts over once, then says so and withdraws nothing.
func TestGeoNatureChangesOnTheWay(t *testing.T) {
	g := &sourcetest.GeoNature{Rows: exportRows(55), MaxPage: 10}
	g.Trouble = func(n int, _ http.ResponseWriter, _ *http.Request) bool {
		if n == 3 {
			g.Lock(func() { g.Rows = exportRows(56) })
		}
		return false
	}
	cfg := exportOf(t, g, nil)
	cfg.Complete = true
	env, _ := testEnv(t, nil)
	res := mustFetch(t, cfg, nil, env)
	wantNumbers(t, res, 56)
	if !res.Files[0].Complete || len(res.Notes) != 0 {
		t.Errorf("stood still the second time: %+v", res.Notes)
	}
	g = &sourcetest.GeoNature{Rows: exportRows(55), MaxPage: 10}
	g.Trouble = func(n int, _ http.ResponseWriter, _ *http.Request) bool {
		g.Lock(func() { g.Rows = exportRows(55 + n) })
		return false
	}
	cfg = exportOf(t, g, nil)
	cfg.Complete = true
	env, _ = testEnv(t, nil)
	res = mustFetch(t, cfg, nil, env)
	if res.Files[0].Complete || len(res.Notes) != 1 || res.Notes[0].Key != "source.note.geonature_changing" {
		t.Errorf("%+v %+v", res.Files, res.Notes)
	}
}

// An export of shapes counts the rows without one and leaves them out: the others are taken,
// and what is missing is not withdrawn. In a list, a last page that lacks rows is a fault.
func TestGeoNatureLacks(t *testing.T) {
	g := &sourcetest.GeoNature{Rows: exportRows(25), MaxPage: 10, Shapes: true, Hidden: map[int]bool{3: true, 24: true}}
	cfg := exportOf(t, g, nil)
	cfg.Complete = true
	env, _ := testEnv(t, nil)
	res := mustFetch(t, cfg, nil, env)
	if n := numbers(t, res); len(n) != 23 || res.Files[0].Complete || len(res.Notes) != 1 || res.Notes[0].Key != "source.note.geonature_unseen" {
		t.Errorf("%d items, %+v", len(n), res)
	}
	g = &sourcetest.GeoNature{Rows: exportRows(25), MaxPage: 10, Hidden: map[int]bool{24: true}}
	cfg = exportOf(t, g, nil)
	cfg.Complete = true
	env, _ = testEnv(t, nil)
	res, err := Fetch(t.Context(), cfg, nil, env)
	wantSaid(t, err, fault.Unavailable, "source.geonature.short")
	if res.Bytes == 0 {
		t.Error("nothing is said to have travelled")
	}
}

// A run whose total never stood still is no ground: the next asks for the same changes again,
// and the same items are given again, to be compared with what we have.
func TestGeoNatureMovedIsNoGround(t *testing.T) {
	for _, options := range []map[string]string{nil, {OptionChanged: "meta_update_date"}} {
		g := &sourcetest.GeoNature{Rows: exportRows(55), MaxPage: 10}
		g.Trouble = func(n int, _ http.ResponseWriter, _ *http.Request) bool {
			g.Lock(func() { g.Rows = exportRows(55 + n) })
			return false
		}
		cfg := exportOf(t, g, options)
		env, _ := testEnv(t, nil)
		res := mustFetch(t, cfg, nil, env)
		if err := res.Done(); err != nil {
			t.Fatal(err)
		}
		g.Trouble = nil
		n := len(g.Rows)
		wantNumbers(t, mustFetch(t, cfg, res.State, env), n)
	}
}

// The day of the last change is true of the filters it was read with.
func TestGeoNatureOtherFilters(t *testing.T) {
	g := &sourcetest.GeoNature{Rows: exportRows(40)}
	cfg := exportOf(t, g, map[string]string{OptionChanged: "meta_update_date", OptionFilters: "cd_nom=1"})
	env, _ := testEnv(t, nil)
	res := mustFetch(t, cfg, nil, env)
	cfg.Options[OptionFilters] = "cd_nom=2"
	mustFetch(t, cfg, res.State, env)
	if q := g.Queries[len(g.Queries)-1]; strings.Contains(q, "filter_d_up") {
		t.Errorf("only changes of other rows are asked for: %s", q)
	}
}

func TestGeoNatureIncrements(t *testing.T) {
	g := &sourcetest.GeoNature{Rows: exportRows(40)}
	cfg := exportOf(t, g, map[string]string{OptionChanged: "meta_update_date", OptionOverlap: "48h"})
	env, _ := testEnv(t, nil)
	now := time.Date(2026, 1, 28, 6, 0, 0, 0, time.UTC)
	env.Now = func() time.Time { return now }
	first := mustFetch(t, cfg, nil, env)
	wantNumbers(t, first, 40)
	if err := first.Done(); err != nil {
		t.Fatal(err)
	}
	got := numbers(t, mustFetch(t, cfg, first.State, env))
	if len(got) != 3 { // of 26, 27 and 28 January
		t.Errorf("%v changed", got)
	}
	if !strings.Contains(g.Queries[len(g.Queries)-1], "filter_d_up_meta_update_date=2026-01-26") {
		t.Error(g.Queries)
	}
}

func TestGeoNatureRefusals(t *testing.T) {
	for _, c := range []struct {
		name string
		g    *sourcetest.GeoNature
		kind fault.Kind
		key  string
	}{
		{"token", &sourcetest.GeoNature{Token: "other"}, fault.Forbidden, "source.geonature.forbidden"},
		{"not an export", &sourcetest.GeoNature{Trouble: says(`{"version":"2.14"}`)}, fault.Invalid, "source.geonature.not_export"},
		{"list without a total", &sourcetest.GeoNature{Trouble: says(`{"items":[{"a":1}]}`)}, fault.Invalid, "source.geonature.not_export"},
		{"same page", &sourcetest.GeoNature{Trouble: says(`{"items":[{"a":1}],"limit":1,"total":9}`)}, fault.Invalid, "source.geonature.same_page"},
		{"short page", &sourcetest.GeoNature{Trouble: says(`{"items":[{"a":1}],"limit":5,"total":9}`)}, fault.Unavailable, "source.geonature.short"},
		{"page for people", &sourcetest.GeoNature{Trouble: says(`<!doctype html><p>{"items":[]}`)}, fault.Unavailable, "source.web_page"},
		{"page for people with a script", &sourcetest.GeoNature{Trouble: says(`<html><script>a = []</script>`)}, fault.Unavailable, "source.web_page"},
		{"text", &sourcetest.GeoNature{Trouble: says(`bonjour`)}, fault.Unavailable, "source.not_json"},
		{"nothing left", &sourcetest.GeoNature{}, fault.Conflict, "source.nothing_left"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := exportOf(t, c.g, nil)
			cfg.Complete = true
			env, _ := testEnv(t, map[string]string{"token": "s3cret"})
			_, err := Fetch(t.Context(), cfg, nil, env)
			wantSaid(t, err, c.kind, c.key)
			if strings.Contains(fmt.Sprint(err), "s3cret") {
				t.Error("the token is in the error")
			}
		})
	}
}

func says(body string) func(int, http.ResponseWriter, *http.Request) bool {
	return func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		fmt.Fprint(w, body)
		return true
	}
}

func TestGeoNatureSettings(t *testing.T) {
	for _, c := range []struct {
		location string
		options  map[string]string
		key      string
	}{
		{"https://gn.fr/api/exports/api/12", nil, ""}, {"https://gn.fr/api/exports/api/12/", map[string]string{OptionFilters: "cd_nom=1", OptionPause: "1s"}, ""},
		{"https://gn.fr/api/exports/api/12?token=a", nil, "source.geonature.address"}, {"https://gn.fr/api", nil, "source.geonature.address"}, {"gn.fr/12", nil, "source.geonature.address"},
		{"https://gn.fr/12", map[string]string{OptionTokenIn: "body"}, "source.value"}, {"https://gn.fr/12", map[string]string{OptionPageSize: "0"}, "source.value"},
		{"https://gn.fr/12", map[string]string{OptionFilters: "token=a"}, "source.value"}, {"https://gn.fr/12", map[string]string{OptionPause: "soon"}, "source.value"},
		{"https://gn.fr/12", map[string]string{"colour": "red"}, "source.option"},
	} {
		err := Check(Config{Name: "gn", Kind: KindGeoNature, Location: c.location, Options: c.options})
		if c.key == "" {
			if err != nil {
				t.Errorf("%s %v: %v", c.location, c.options, err)
			}
			continue
		}
		wantSaid(t, err, fault.Invalid, c.key)
	}
	wantSaid(t, Check(Config{Name: "gn", Kind: KindGeoNature, Location: "https://gn.fr/12", Complete: true, Options: map[string]string{OptionChanged: "d"}}), fault.Invalid, "source.complete_since")
}

func TestGeoNatureTest(t *testing.T) {
	g := &sourcetest.GeoNature{Rows: exportRows(55), Shapes: true}
	env, _ := testEnv(t, nil)
	r, err := Test(t.Context(), exportOf(t, g, nil), env)
	if err != nil || !r.Reached || !r.Allowed || r.Rows != 55 || len(r.Columns) != 3 || r.Columns[0] != "cd_nom" {
		t.Errorf("%+v %v", r, err)
	}
	if _, err := os.Stat(env.Spool); !errors.Is(err, os.ErrNotExist) {
		t.Error("a test leaves something in the spool")
	}
}

// An interruption ends a run at once, and the next one goes on.
func TestGeoNatureInterrupted(t *testing.T) {
	g := &sourcetest.GeoNature{Rows: exportRows(55), MaxPage: 10}
	cfg := exportOf(t, g, nil)
	env, _ := testEnv(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	env.Progress = func(p Progress) {
		if p.Done >= 30 {
			cancel()
		}
	}
	if _, err := Fetch(ctx, cfg, nil, env); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	env.Progress = nil
	wantNumbers(t, mustFetch(t, cfg, nil, env), 55)
	if len(g.Queries) != 6 {
		t.Errorf("%d requests for 6 pages", len(g.Queries))
	}
}
