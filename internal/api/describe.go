package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"sort"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// describe serves the OpenAPI document and a page for people, both made once.
func (s *server) describe(doc *huma.OpenAPI) {
	spec, err := json.Marshal(doc)
	if err != nil {
		panic(err) // our own types: a test would have failed
	}
	page := manual(doc)
	style := sha256.Sum256([]byte(manualStyle))
	policy := "default-src 'none'; base-uri 'none'; frame-ancestors 'self'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(style[:]) + "'"
	s.mux.HandleFunc("GET "+root+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.oai.openapi+json;version=3.1")
		w.Write(spec)
	})
	s.mux.HandleFunc("GET "+root, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", policy)
		w.Write(page)
	})
	for _, alias := range []string{"GET /api", "GET /api/{$}", "GET " + root + "/{$}"} {
		s.mux.Handle(alias, http.RedirectHandler(root, http.StatusMovedPermanently))
	}
}

type manualRoute struct {
	ID, Path, Summary, Description, Example string
	Parameters                              []*huma.Param
}

const manualStyle = `:root{color-scheme:light dark;--ground:#f0f2ee;--surface:#fbfcfa;--ink:#1a241f;--ink-2:#45524b;--line:#cbd2ca;--link:#17587f}
@media (prefers-color-scheme:dark){:root{--ground:#111815;--surface:#18211d;--ink:#e7ece6;--ink-2:#b6c2ba;--line:#2f3b35;--link:#8cc6e8}}
body{margin:0;background:var(--ground);color:var(--ink);font:1.125rem/1.5 "Alegreya Sans",system-ui,sans-serif}
main,header{max-width:52rem;margin:auto;padding:1.5rem 1rem}h1,h2{font-family:Alegreya,Georgia,serif;font-weight:500;line-height:1.2}
h2{margin:2.5rem 0 .5rem;padding-top:1rem;border-top:1px solid var(--line);overflow-wrap:anywhere}code{font-size:.95em;overflow-wrap:anywhere}a{color:var(--link)}
p{max-width:66ch}dl{display:grid;grid-template-columns:minmax(6rem,auto) 1fr;gap:.3rem 1rem}dt{font-weight:700}dd{margin:0;color:var(--ink-2)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}`

var manualPage = template.Must(template.New("manual").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>{{.Title}}</title><style>` + manualStyle + `</style></head>
<body><header><p><a href="/">Atlas</a></p></header><main><h1>{{.Title}}</h1><p>{{.Description}}</p>
<p>Full description for programs: <a href="/api/v1/openapi.json">openapi.json</a>. No key is needed; answers may be read from any site. Errors are problem JSON (RFC 9457), in French, English or Occitan by Accept-Language. Maps are also served as vector tiles: <code>/tuiles/{z}/{x}/{y}.mvt?taxon=CD_REF&amp;de=YEAR&amp;a=YEAR</code>.</p>
{{range .Routes}}<section><h2 id="{{.ID}}"><code>{{.Path}}</code></h2><p><b>{{.Summary}}.</b> {{.Description}}</p>
{{if .Parameters}}<dl>{{range .Parameters}}<dt><code>{{.Name}}</code></dt><dd>{{.Description}}{{with .Schema}}{{if .Enum}} One of:{{range .Enum}} <code>{{.}}</code>{{end}}.{{end}}{{if .Default}} Default: <code>{{.Default}}</code>.{{end}}{{end}}</dd>{{end}}</dl>{{end}}
{{if .Example}}<p>For instance <a href="{{.Example}}"><code>{{.Example}}</code></a></p>{{end}}</section>
{{end}}</main></body></html>
`))

// manual makes the page for people out of the same description.
func manual(doc *huma.OpenAPI) []byte {
	var routes []manualRoute
	for path, item := range doc.Paths {
		op := item.Get
		if op == nil {
			continue
		}
		r := manualRoute{ID: op.OperationID, Path: path, Summary: op.Summary, Description: op.Description, Parameters: op.Parameters}
		if !strings.Contains(path, "{") {
			r.Example = path
			if path == root+"/search" {
				r.Example += "?q=lezard"
			}
		}
		routes = append(routes, r)
	}
	sort.Slice(routes, func(i, j int) bool { return routes[i].Path < routes[j].Path })
	var b bytes.Buffer
	err := manualPage.Execute(&b, map[string]any{"Title": doc.Info.Title, "Description": doc.Info.Description, "Routes": routes})
	if err != nil {
		panic(err) // our own template over our own routes
	}
	return b.Bytes()
}
