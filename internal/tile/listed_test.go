package tile

import (
	"bytes"
	"net/http"
	"testing"

	"garrigue/internal/atlas/atlastest"
	"garrigue/internal/disclosure"
)

// TestSearchedTile: cells where a taxon was searched in vain are a layer of their own, and what may
// not be shown has the same empty tile as what nobody saw.
func TestSearchedTile(t *testing.T) {
	meta, refs := atlastest.Listed(t)
	ps := atlastest.Published()
	var more []disclosure.Published
	for i := range ps {
		if ps[i].CdRef == 3764 {
			for range 6 {
				more = append(more, ps[i])
			}
		}
	}
	h := Handler(atlastest.Store(t, meta, refs, append(ps, more...)), nil)
	codes := func(query string) map[string]bool {
		w := ask(h, "/tuiles/5/16/11.mvt?taxon="+query)
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d", query, w.Code)
		}
		out := map[string]bool{}
		if l := decoded(t, w.Body.Bytes())["cherchees"]; l != nil {
			for _, f := range l.Features {
				if len(f.Properties) != 1 {
					t.Errorf("%s: %v", query, f.Properties)
				}
				out[f.Properties["code"].(string)] = true
			}
		}
		return out
	}
	if got := codes("459478"); len(got) != 3 || !got["5kmL93E0700N6300"] || !got["5kmL93E0720N6310"] {
		t.Errorf("the martin: %v", got)
	}
	if got := codes("459478&de=2022&a=2022"); len(got) != 1 {
		t.Errorf("the martin in 2022: %v", got)
	}
	if got := codes("2657"); len(got) != 1 || !got["5kmL93E0720N6310"] {
		t.Errorf("the eagle, under its department: %v", got)
	}
	if got := codes("54475"); len(got) != 0 {
		t.Errorf("what may be hidden: %v", got)
	}
	if got := codes("3764"); len(got) != 0 {
		t.Errorf("the tit itself: %v", got)
	}
	hidden, never := ask(h, "/tuiles/5/16/11.mvt?taxon=60345"), ask(h, "/tuiles/5/16/11.mvt?taxon=60345&de=1990")
	if hidden.Code != 200 || !bytes.Equal(hidden.Body.Bytes(), never.Body.Bytes()) || hidden.Body.Len() != 0 {
		t.Errorf("what may not be shown: %d, %d bytes", hidden.Code, hidden.Body.Len())
	}
}
