package portal

import (
	"net/http"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/i18n"
)

// routes lists every address the portal answers. Paths are the same in every language; the
// first language is at the root, the others under /<lang>.
func (p *site) routes() *http.ServeMux {
	mux := http.NewServeMux()
	pages := []struct {
		pattern string
		make    handler
	}{
		{"/{$}", p.home},
		{"/recherche", p.search},
		{"/espece/{cd}", p.species},
		{"/espece/{cd}/mailles", p.speciesCells},
		{"/espece/{cd}/communes", p.speciesCommunes},
		{"/espece/{cd}/communes.csv", p.speciesCommunesCSV},
		{"/espece/{cd}/mailles.csv", p.speciesCellsCSV},
		{"/liste/{cd}", p.list},
		{"/groupe/{slug}", p.group},
		{"/especes", p.allSpecies},
		{"/communes", p.communes},
		{"/commune/{code}", p.area},
		{"/commune/{code}/especes.csv", p.areaCSV},
		{"/departement/{code}", p.area},
		{"/departement/{code}/especes.csv", p.areaCSV},
		{"/maille/{code}", p.area},
		{"/maille/{code}/especes.csv", p.areaCSV},
		{policyPath, p.policy},
		{"/a-propos", p.about},
		{"/carte/fond.svg", p.fondFile},
		{"/", func(*visit) (*answer, error) { return nil, fault.Say(fault.NotFound, "portal.error.nopage") }},
	}
	for i, lang := range p.langs {
		prefix := ""
		if i > 0 {
			prefix = "/" + string(lang)
			mux.Handle("GET "+prefix, http.RedirectHandler(prefix+"/", http.StatusMovedPermanently))
		}
		for _, r := range pages {
			mux.Handle("GET "+prefix+r.pattern, p.page(lang, r.make))
		}
	}
	mux.HandleFunc("GET /sitemap.xml", p.sitemap)
	mux.HandleFunc("GET /robots.txt", p.robots)
	mux.HandleFunc("GET /favicon.svg", func(w http.ResponseWriter, r *http.Request) {
		p.art.favicon.send(w, r, "public, max-age=86400")
	})
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/favicon.svg", http.StatusMovedPermanently)
	})
	mux.HandleFunc("GET /assets/{file...}", p.sendFile(p.assets.files))
	mux.HandleFunc("GET /dessins/{file...}", p.sendFile(p.art.files))
	return mux
}

func (p *site) sendFile(files map[string]*file) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f := files[r.PathValue("file")]
		if f == nil {
			http.NotFound(w, r)
			return
		}
		// Styles inside a picture are its own; the page's policy does not reach it.
		if f.kind == kinds[".svg"] {
			w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		}
		f.send(w, r, "public, max-age=31536000, immutable")
	}
}

// href returns the address of a path in a language.
func (p *site) href(lang i18n.Lang, path string) string {
	if lang == p.langs[0] {
		return path
	}
	return "/" + string(lang) + path
}

// bare removes the language from a path.
func (p *site) bare(lang i18n.Lang, path string) string {
	if lang != p.langs[0] {
		path = strings.TrimPrefix(path, "/"+string(lang))
	}
	if path == "" {
		return "/"
	}
	return path
}
