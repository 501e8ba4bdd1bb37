package api

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"garrigue/internal/atlas/atlastest"
)

// TestListed: a taxon of which nothing may be shown answers as one of which nothing is known, on
// every route, and tells what lists ask.
func TestListed(t *testing.T) {
	meta, refs := atlastest.Listed(t)
	h := Handler(atlastest.Store(t, meta, refs, atlastest.Published()), Options{})
	ask := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w
	}
	var detail TaxonDetail
	w := ask("/api/v1/taxa/60345")
	if err := json.Unmarshal(w.Body.Bytes(), &detail); err != nil || w.Code != 200 {
		t.Fatal(w.Code, err)
	}
	if detail.Observations != 0 || len(detail.Years)+len(detail.Departments)+len(detail.Organisations) > 0 || len(detail.Lists) != 1 ||
		detail.Lists[0].Level != "4" || detail.Lists[0].Kinds == nil || len(detail.Lists[0].Kinds) != 0 {
		t.Errorf("%+v", detail)
	}
	same := strings.NewReplacer("60345", "#", "2645", "#")
	for _, more := range []string{"/cells", "/areas", "/areas?kind=department", "/phenology", "/altitudes", "/cells?from=1990&to=2020"} {
		a, b := ask("/api/v1/taxa/60345"+more), ask("/api/v1/taxa/2645"+more)
		if a.Code != 200 || b.Code != 200 || same.Replace(a.Body.String()) != same.Replace(b.Body.String()) {
			t.Errorf("%s: %d %s\n%d %s", more, a.Code, a.Body, b.Code, b.Body)
		}
	}
	if w := ask("/api/v1/taxa?status=sensitive"); w.Code != 200 || !strings.Contains(w.Body.String(), `"cd_ref":2645`) {
		t.Errorf("sensitive taxa: %d %s", w.Code, w.Body)
	}
	if w := ask("/api/v1/taxa"); strings.Contains(w.Body.String(), `"cd_ref":2645`) {
		t.Error("the list of taxa has one without observations")
	}
	var found List[Suggestion]
	if err := json.Unmarshal(ask("/api/v1/search?q=barbastelle").Body.Bytes(), &found); err != nil || found.Total != 1 || found.Items[0].Observations != 0 {
		t.Errorf("search: %+v %v", found, err)
	}
}
