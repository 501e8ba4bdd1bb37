package sourcetest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
)

// GeoNature is one export of a GeoNature: /api/exports/api/<id>.
type GeoNature struct {
	Token   string
	Rows    []map[string]any
	MaxPage int          // the most items of a page, 1000 when 0
	Shapes  bool         // items are features, with the geometry of each row's "geom"
	Hidden  map[int]bool // rows, by number, that are counted and not given
	// Trouble sees each request first, with its number from 1.
	Trouble func(n int, w http.ResponseWriter, r *http.Request) bool

	mu      sync.Mutex
	n       int
	Queries []string
}

// Lock changes the rows while the export serves.
func (g *GeoNature) Lock(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
}

// ServeHTTP answers one request.
func (g *GeoNature) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	g.n++
	n := g.n
	g.Queries = append(g.Queries, r.URL.RawQuery)
	g.mu.Unlock()
	if g.Trouble != nil && g.Trouble(n, w, r) {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	q := r.URL.Query()
	if r.URL.Path != "/api/exports/api/12" {
		http.NotFound(w, r)
		return
	}
	if g.Token != "" && r.Header.Get("api-key") != g.Token && q.Get("token") != g.Token {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	limit, err := strconv.Atoi(q.Get("limit"))
	if most := max(g.MaxPage, 0); err != nil || most > 0 && limit > most || limit > 1000 {
		if limit = most; most == 0 {
			limit = 1000
		}
	}
	page, _ := strconv.Atoi(q.Get("offset"))
	rows := []map[string]any{}
	for _, row := range g.Rows {
		if since := q.Get("filter_d_up_meta_update_date"); since != "" && row["meta_update_date"].(string) < since {
			continue
		}
		rows = append(rows, row)
	}
	total := len(rows)
	given := []map[string]any{}
	for i := min(page*limit, total); i < min((page+1)*limit, total); i++ {
		if !g.Hidden[i] {
			given = append(given, rows[i])
		}
	}
	rows = given
	var items any = rows
	if g.Shapes {
		features := []any{}
		for _, row := range rows {
			properties := map[string]any{}
			for k, v := range row {
				if k != "geom" {
					properties[k] = v
				}
			}
			features = append(features, map[string]any{"type": "Feature", "geometry": row["geom"], "properties": properties})
		}
		items = map[string]any{"type": "FeatureCollection", "features": features}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"items": items, "limit": limit, "page": page, "total": len(g.Rows), "total_filtered": total,
		"license": map[string]any{"name": "Licence ouverte", "href": "https://www.etalab.gouv.fr"}})
}
