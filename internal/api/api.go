// Package api is the open interface for machines: JSON and GeoJSON over the atlas, versioned
// under /api/v1, described by its own OpenAPI document.
//
// It decides names of fields, which stay once published, and nothing about what may be shown:
// it reads the atlas and nothing else. Anyone may read it from any site.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/klauspost/compress/gzhttp"

	"garrigue/internal/atlas"
	"garrigue/internal/fault"
	"garrigue/internal/i18n"
)

// edition changes when the same snapshot gives other answers, so that old ETags die.
const edition = "1"

const root = "/api/v1"

// Options are what the API needs beside the atlas.
type Options struct {
	Log *slog.Logger // may be nil
}

// Handler answers everything under /api.
func Handler(store *atlas.Store, o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	mux := http.NewServeMux()
	s := &server{store: store, log: o.Log, mux: mux}
	doc := humago.New(mux, config())
	s.routes(doc)
	tidy(doc.OpenAPI())
	s.describe(doc.OpenAPI())
	// The size below which compressing costs more than it saves, and a level for answers made
	// on the spot. Neither option fails.
	zip, _ := gzhttp.NewWrapper(gzhttp.MinSize(1024), gzhttp.CompressionLevel(3), gzhttp.SuffixETag("-gzip"))
	return zip(http.HandlerFunc(s.serve))
}

type server struct {
	store *atlas.Store
	log   *slog.Logger
	mux   *http.ServeMux
}

// asked is what a handler knows of its request.
type asked struct {
	atlas *atlas.Atlas
	lang  i18n.Lang
}

type askedKey struct{}

func askedOf(ctx context.Context) *asked {
	a, _ := ctx.Value(askedKey{}).(*asked)
	return a
}

// serve does what every answer has in common: one snapshot, its ETag, who may read, language.
func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	a, release := s.store.Acquire()
	defer release()
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("X-Content-Type-Options", "nosniff")
	lang := language(r.Header.Get("Accept-Language"))
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
		h.Set("Access-Control-Allow-Headers", "If-None-Match")
		h.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		h.Set("Allow", "GET, HEAD, OPTIONS")
		send(w, &Problem{Status: http.StatusMethodNotAllowed, Title: http.StatusText(http.StatusMethodNotAllowed), Detail: i18n.T(lang, "api.method")})
		return
	}
	if _, pattern := s.mux.Handler(r); pattern == "" {
		send(w, problemOf(fault.Say(fault.NotFound, "api.route"), lang))
		return
	}
	etag := `"` + a.Meta().ID + "." + edition
	h.Set("Etag", etag+`"`)
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("Access-Control-Expose-Headers", "ETag, Link")
	if strings.Contains(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	ctx := context.WithValue(r.Context(), askedKey{}, &asked{a, lang})
	s.mux.ServeHTTP(&answer{ResponseWriter: w}, r.WithContext(ctx))
}

// answer turns the library's 422 into 400, and takes the caching headers off errors.
type answer struct{ http.ResponseWriter }

func (a *answer) WriteHeader(status int) {
	if status == http.StatusUnprocessableEntity {
		status = http.StatusBadRequest
	}
	if status >= 400 {
		h := a.Header()
		h.Del("Etag")
		h.Set("Cache-Control", "no-store")
		h.Add("Vary", "Accept-Language")
	}
	a.ResponseWriter.WriteHeader(status)
}

// language returns the first language of the header that we speak.
func language(header string) i18n.Lang {
	for part := range strings.SplitSeq(header, ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		if l, ok := i18n.Parse(tag); ok {
			return l
		}
	}
	return i18n.FR
}

// Problem is an error as RFC 9457 has it.
type Problem struct {
	Type   string         `json:"type" doc:"Always about:blank." example:"about:blank"`
	Title  string         `json:"title" doc:"The HTTP status in words." example:"Not Found"`
	Status int            `json:"status" doc:"HTTP status code." example:"404"`
	Detail string         `json:"detail" doc:"What is wrong, in the language asked for (French, English or Occitan)."`
	Errors []ProblemField `json:"errors,omitempty" doc:"The parameters at fault."`
}

// ProblemField is one parameter at fault.
type ProblemField struct {
	Location string `json:"location" doc:"Where, such as query.limit."`
	Message  string `json:"message" doc:"Technical explanation, in English."`
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// problemOf is what the caller is told of an error: its sentence, never its cause.
func problemOf(err error, lang i18n.Lang) *Problem {
	status := map[fault.Kind]int{fault.NotFound: 404, fault.Invalid: 400, fault.Unavailable: 503}[fault.KindOf(err)]
	var e *fault.Error
	if status == 0 || !errors.As(err, &e) || e.Key == "" {
		return &Problem{Type: "about:blank", Status: 500, Title: http.StatusText(500), Detail: i18n.T(lang, "api.failed")}
	}
	return &Problem{Type: "about:blank", Status: status, Title: http.StatusText(status), Detail: i18n.T(lang, e.Key, e.Args...)}
}

func send(w http.ResponseWriter, p *Problem) {
	p.Type = "about:blank"
	body, _ := json.Marshal(p) // a Problem always marshals
	w.Header().Set("Content-Type", p.ContentType(""))
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Add("Vary", "Accept-Language")
	w.WriteHeader(p.Status)
	w.Write(body)
}

// speak is a transformer: the library's own errors (a parameter of the wrong shape) become
// Problems in the caller's language.
func speak(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	lang := i18n.FR
	if a := askedOf(ctx.Context()); a != nil {
		lang = a.lang
	}
	p := &Problem{Type: "about:blank", Status: m.Status}
	if p.Status == http.StatusUnprocessableEntity {
		p.Status = http.StatusBadRequest
	}
	p.Title = http.StatusText(p.Status)
	var where []string
	for _, d := range m.Errors {
		p.Errors = append(p.Errors, ProblemField{d.Location, d.Message})
		where = append(where, d.Location)
	}
	if p.Status >= 500 {
		p.Detail = i18n.T(lang, "api.failed")
	} else {
		p.Detail = i18n.T(lang, "api.parameter", strings.Join(where, ", "))
	}
	return p, nil
}

// out is an answer with a JSON body.
type out[T any] struct{ Body T }

// get registers one route. Its function is given the snapshot; its error becomes a Problem.
func get[I, T any](s *server, doc huma.API, path, id, summary, description string, f func(ctx context.Context, a *atlas.Atlas, in *I) (T, error)) {
	huma.Register(doc, huma.Operation{OperationID: id, Method: http.MethodGet, Path: root + path, Summary: summary, Description: description,
		Errors: []int{http.StatusBadRequest, http.StatusNotFound}},
		func(ctx context.Context, in *I) (*out[T], error) {
			q := askedOf(ctx)
			body, err := f(ctx, q.atlas, in)
			if err != nil {
				p := problemOf(err, q.lang)
				if p.Status == http.StatusInternalServerError && ctx.Err() == nil {
					s.log.Error("api", "route", path, "err", err)
				}
				return nil, p
			}
			return &out[T]{body}, nil
		})
}

// config is the library's own, without what it would fetch or add to bodies.
func config() huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "Garrigue open API", Version: "1",
				Description: "Public biodiversity data: what the atlas shows, for machines. Observations of sensitive taxa, and those their producers asked to blur, appear only as larger areas. Every answer carries an ETag made of the snapshot's id: send it back in If-None-Match. Field names and routes of version 1 stay; new ones may be added.",
				License:     &huma.License{Name: "see the licence of /api/v1/atlas"}},
			Components: &huma.Components{Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)}},
		OpenAPIPath:   "", // served by describe, once tidied
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{speak},
	}
}

// tidy makes the description say what the server does: 400 rather than 422, our Problem as
// the body of errors.
func tidy(doc *huma.OpenAPI) {
	schema := doc.Components.Schemas.Schema(typeOf[Problem](), true, "Problem")
	for _, item := range doc.Paths {
		if item.Get == nil {
			continue
		}
		delete(item.Get.Responses, "422")
		for status, r := range item.Get.Responses {
			if status >= "400" {
				r.Content = map[string]*huma.MediaType{"application/problem+json": {Schema: schema}}
			}
		}
	}
	delete(doc.Components.Schemas.Map(), "ErrorModel")
	delete(doc.Components.Schemas.Map(), "ErrorDetail")
}
