package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/i18n"
)

var update = flag.Bool("update", false, "rewrite the expected answers")

// Answers of every route over the fixture, as files a person can read and check by hand.
func TestAnswers(t *testing.T) {
	store := testStore(t)
	h := Handler(store, Options{})
	a, release := store.Acquire()
	defer release()
	// The id changes with the atlas's own format, which is not what is tested here.
	plain := strings.NewReplacer(a.Meta().ID, "SNAPSHOT")
	for name, path := range map[string]string{
		"atlas":                 "/atlas",
		"search":                "/search?q=lezard",
		"search-commune":        "/search?q=oeuvre",
		"taxa":                  "/taxa",
		"taxa-page":             "/taxa?limit=1",
		"taxa-group":            "/taxa?group=oiseaux",
		"taxon":                 "/taxa/79289",
		"taxon-synonym":         "/taxa/77756",
		"taxon-cells":           "/taxa/79289/cells",
		"taxon-cells-years":     "/taxa/79289/cells?from=2021&to=2024",
		"taxon-cells-sensitive": "/taxa/2651/cells",
		"taxon-areas":           "/taxa/79289/areas?kind=commune",
		"taxon-areas-page":      "/taxa/79289/areas?kind=commune&limit=1",
		"taxon-phenology":       "/taxa/79289/phenology",
		"taxon-altitudes":       "/taxa/79289/altitudes",
		"area":                  "/areas/commune/X1001",
		"area-empty":            "/areas/commune/X2002",
		"area-cell":             "/areas/cell5/5kmL93E0700N6280",
		"area-taxa":             "/areas/department/X1/taxa",
	} {
		t.Run(name, func(t *testing.T) {
			w := ask(h, root+path)
			if w.Code != http.StatusOK {
				t.Fatalf("%s: %d %s", path, w.Code, w.Body)
			}
			var got bytes.Buffer
			if err := json.Indent(&got, w.Body.Bytes(), "", " "); err != nil {
				t.Fatalf("%s: not JSON: %v", path, err)
			}
			answer := plain.Replace(got.String())
			file := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(file, []byte(answer), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), answer); d != "" {
				t.Errorf("%s (-want +got)\n%s", path, d)
			}
			if strings.Contains(answer, "null") {
				t.Errorf("%s: null in an answer", path)
			}
		})
	}
}

func TestKindsOfAnswers(t *testing.T) {
	h := Handler(testStore(t), Options{})
	for path, want := range map[string]string{
		"/atlas": "application/json", "/taxa/79289/cells": "application/geo+json", "/taxa/1": "application/problem+json",
		"/openapi.json": "application/vnd.oai.openapi+json;version=3.1", "": "text/html; charset=utf-8",
	} {
		w := ask(h, root+path)
		if got := w.Header().Get("Content-Type"); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
		if w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: cannot be read from another site", path)
		}
	}
}

func TestProblems(t *testing.T) {
	h := Handler(testStore(t), Options{})
	for _, c := range []struct {
		path   string
		status int
		fr, en string // part of the sentence
	}{
		{"/taxa/1", 404, "taxon 1", "taxon 1"},
		{"/taxa/lezard", 400, "Paramètre incorrect", "Wrong parameter: path.cd_ref"},
		{"/taxa/0", 400, "path.cd_ref", "path.cd_ref"},
		{"/taxa?limit=0", 400, "query.limit", "Wrong parameter: query.limit"},
		{"/taxa?limit=501", 400, "query.limit", "query.limit"},
		{"/taxa?offset=-1", 400, "query.offset", "query.offset"},
		{"/taxa?status=x", 400, "query.status", "query.status"},
		{"/taxa?order=x", 400, "query.order", "query.order"},
		{"/taxa?since=hier", 400, "query.since", "query.since"},
		{"/search", 400, "query.q", "query.q"},
		{"/search?q=" + strings.Repeat("x", 201), 400, "query.q", "query.q"},
		{"/taxa/79289/areas?kind=canton", 400, "sorte de zone", "not a kind of area"},
		{"/areas/canton/1", 400, "sorte de zone", "not a kind of area"},
		{"/areas/commune/99999", 404, "Aucune zone", "No area"},
		{"/areas/commune/lower", 404, "Aucune zone", "No area"},
		{"/areas/cell5/E0701N6280", 404, "Aucune zone", "No area"},
		{"/areas/cell10/5kmL93E0700N6280", 404, "Aucune zone", "No area"},
		{"/nothing", 404, "n’existe pas", "no such address"},
		{"/../vault", 404, "n’existe pas", "no such address"},
	} {
		for lang, part := range map[string]string{"fr": c.fr, "en-GB,en;q=0.8,fr;q=0.5": c.en} {
			r := httptest.NewRequest(http.MethodGet, root+"/", nil)
			r.URL.Path, r.URL.RawQuery, _ = strings.Cut(root+c.path, "?")
			r.Header.Set("Accept-Language", lang)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code == http.StatusTemporaryRedirect || w.Code == http.StatusMovedPermanently {
				continue // the multiplexer cleans "/../": the client asks again elsewhere
			}
			var p Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatalf("%s: %v: %s", c.path, err, w.Body)
			}
			if w.Code != c.status || p.Status != c.status || p.Title != http.StatusText(c.status) {
				t.Errorf("%s: status %d, body %d %q, want %d", c.path, w.Code, p.Status, p.Title, c.status)
			}
			if !strings.Contains(p.Detail, part) {
				t.Errorf("%s in %s: %q lacks %q", c.path, lang, p.Detail, part)
			}
			if w.Header().Get("Etag") != "" || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s: an error may be kept by caches: %v", c.path, w.Header())
			}
		}
	}
}

func TestConditionalRequests(t *testing.T) {
	store := testStore(t)
	h := Handler(store, Options{})
	a, release := store.Acquire()
	defer release()
	first := ask(h, root+"/taxa/79289")
	etag := first.Header().Get("Etag")
	if !strings.Contains(etag, a.Meta().ID) {
		t.Fatalf("the ETag %q is not the snapshot's", etag)
	}
	again := ask(h, root+"/taxa/79289", "If-None-Match", etag)
	if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("%d and %d bytes for what the caller has", again.Code, again.Body.Len())
	}
	// A compressed answer has its own tag, good for the next question all the same.
	zipped := ask(h, root+"/taxa/79289/cells", "Accept-Encoding", "gzip")
	if zipped.Header().Get("Content-Encoding") != "gzip" {
		t.Fatal("a large answer is not compressed")
	}
	if w := ask(h, root+"/taxa/79289/cells", "Accept-Encoding", "gzip", "If-None-Match", zipped.Header().Get("Etag")); w.Code != http.StatusNotModified {
		t.Errorf("%d for a compressed answer the caller has", w.Code)
	}
	if w := ask(h, root+"/taxa/79289", "If-None-Match", `"other"`); w.Code != http.StatusOK {
		t.Errorf("%d for what the caller has not", w.Code)
	}
}

func TestReadOnly(t *testing.T) {
	h := Handler(testStore(t), Options{})
	for method, want := range map[string]int{"POST": 405, "DELETE": 405, "OPTIONS": 204, "HEAD": 200} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, root+"/atlas", nil))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", method, w.Code, want)
		}
	}
}

// Following next from page to page gives the whole list, once.
func TestPages(t *testing.T) {
	h := Handler(testStore(t), Options{})
	for _, start := range []string{"/taxa?limit=1&order=name", "/areas/department/X1/taxa?limit=1", "/taxa/79289/areas?kind=commune&limit=1"} {
		total, names := 0, map[string]int{}
		for next, pages := root+start, 0; next != ""; pages++ {
			if pages > 20 {
				t.Fatalf("%s: no end", start)
			}
			var l struct {
				Total int
				Next  string
				Items []map[string]any
			}
			if err := json.Unmarshal(ask(h, next).Body.Bytes(), &l); err != nil {
				t.Fatal(err)
			}
			for _, i := range l.Items {
				b, _ := json.Marshal([]any{i["cd_ref"], i["code"]})
				names[string(b)]++
			}
			total, next = l.Total, l.Next
		}
		if len(names) != total || total < 2 {
			t.Errorf("%s: %d different of %d", start, len(names), total)
		}
	}
}

// The contract: these routes are described, and everything described answers.
func TestOpenAPI(t *testing.T) {
	h := Handler(testStore(t), Options{})
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Summary     string
			Responses   map[string]struct {
				Content map[string]struct{ Schema map[string]any }
			}
			Parameters []struct{ Name, Description string }
		}
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct {
					Description string
					Ref         string `json:"$ref"`
				}
			}
		}
	}
	if err := json.Unmarshal(ask(h, root+"/openapi.json").Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	want := []string{"/api/v1/areas/{kind}/{code}", "/api/v1/areas/{kind}/{code}/taxa", "/api/v1/atlas", "/api/v1/search", "/api/v1/taxa", "/api/v1/taxa/{cd_ref}",
		"/api/v1/taxa/{cd_ref}/altitudes", "/api/v1/taxa/{cd_ref}/areas", "/api/v1/taxa/{cd_ref}/cells", "/api/v1/taxa/{cd_ref}/phenology"}
	if d := cmp.Diff(want, slices.Sorted(maps.Keys(doc.Paths))); d != "" {
		t.Errorf("routes (-want +got)\n%s", d)
	}
	fill := strings.NewReplacer("{cd_ref}", "79289", "{kind}", "commune", "{code}", "X1001")
	for path, item := range doc.Paths {
		op := item["get"]
		if op.OperationID == "" || op.Summary == "" {
			t.Errorf("%s has no name", path)
		}
		for _, p := range op.Parameters {
			if p.Description == "" {
				t.Errorf("%s: parameter %s is not explained", path, p.Name)
			}
		}
		if _, ok := op.Responses["422"]; ok {
			t.Errorf("%s says 422; it answers 400", path)
		}
		if _, ok := op.Responses["404"].Content["application/problem+json"]; !ok {
			t.Errorf("%s: 404 is not a problem", path)
		}
		address := fill.Replace(path)
		if path == root+"/search" {
			address += "?q=essai"
		}
		w := ask(h, address)
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d", address, w.Code)
		}
		if _, ok := op.Responses["200"].Content[w.Header().Get("Content-Type")]; !ok {
			t.Errorf("%s answers %s, which is not described", path, w.Header().Get("Content-Type"))
		}
	}
	for name, s := range doc.Components.Schemas {
		for field, p := range s.Properties {
			if p.Description == "" && p.Ref == "" {
				t.Errorf("%s.%s is not explained", name, field)
			}
		}
	}
}

func TestManual(t *testing.T) {
	w := ask(Handler(testStore(t), Options{}), root)
	page := w.Body.String()
	for _, part := range []string{"/api/v1/taxa/{cd_ref}/cells", "openapi.json", `lang="en"`, "Default: <code>50</code>"} {
		if !strings.Contains(page, part) {
			t.Errorf("the manual lacks %q", part)
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "https://") || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
		t.Error("the manual would fetch something")
	}
}

func TestEverySentenceIsInEveryLanguage(t *testing.T) {
	for _, key := range i18n.Keys(i18n.FR) {
		if !strings.HasPrefix(key, "api.") && !strings.HasPrefix(key, "tile.") && !strings.HasPrefix(key, "web.") {
			continue
		}
		for _, lang := range i18n.Langs() {
			if !i18n.Has(lang, key) {
				t.Errorf("%s has no %s", lang, key)
			}
		}
	}
}

func TestLanguage(t *testing.T) {
	for header, want := range map[string]i18n.Lang{"": i18n.FR, "en": i18n.EN, "de, en;q=0.9": i18n.EN, "oc-FR": i18n.OC, "zh": i18n.FR, "*": i18n.FR, "fr-FR,fr;q=0.9,en;q=0.8": i18n.FR} {
		if got := language(header); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}
