package portal

import (
	"strings"
	"testing"

	"golang.org/x/net/html"

	"garrigue/internal/atlas"
	"garrigue/internal/atlas/atlastest"
	"garrigue/internal/taxon"
)

// In the small snapshot Bonelli's eagle (2657) is known by department only, the lesser
// horseshoe bat (60313) by 10 km cell. No page of a smaller area may have them, and no page
// may hint that there is something to hide.
func TestNothingFinerThanDisclosed(t *testing.T) {
	p := open(t, Options{})
	small := []string{"/commune/34001", "/commune/34002", "/commune/34003", "/commune/30001", "/commune/30002",
		"/maille/5kmL93E0700N6300", "/maille/5kmL93E0710N6310", "/maille/5kmL93E0705N6305"}
	forbidden := []string{"2657", "Aquila", "Bonelli", "60313", "Rhinolophus", "rhinolophe"}
	for _, path := range small {
		for _, more := range []string{"", "?q=aigle", "?groupe=oiseaux", "/especes.csv"} {
			w := get(t, p, path+more)
			if w.Code != 200 {
				t.Errorf("%s%s: %d", path, more, w.Code)
			}
			for _, word := range forbidden {
				if strings.Contains(w.Body.String(), word) {
					t.Errorf("%s%s says %q", path, more, word)
				}
			}
		}
	}
	// Its own sheet names the department, no commune and no cell of the mesh.
	n, body := page(t, p, "/espece/2657")
	for _, word := range []string{`href="/commune/`, `href="/maille/5km`, `<path class="c c`} {
		if strings.Contains(find0(t, body), word) {
			t.Errorf("the eagle's sheet has %q", word)
		}
	}
	if text(find(n, "#communes")) == "" || !strings.Contains(body, `href="/departement/34"`) {
		t.Error("the eagle's sheet must name the department")
	}
	// No altitude of a less precise observation.
	if strings.Contains(body, `class="alt"`) {
		t.Error("the eagle's sheet has a chart of altitudes")
	}
	for _, path := range []string{"/espece/2657/mailles", "/espece/2657/communes", "/espece/2657/communes.csv"} {
		w := get(t, p, path)
		if w.Code != 200 || strings.Contains(w.Body.String(), "34001") || strings.Contains(w.Body.String(), "5kmL93") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// TestNeverHint reads the notice of every area's page: the same words, whether there is
// something to hide or not, and no count beside it.
func TestNeverHint(t *testing.T) {
	p := open(t, Options{})
	var first string
	for _, path := range []string{"/commune/34001", "/commune/34004", "/commune/30002", "/departement/34", "/departement/30", "/maille/5kmL93E0700N6300",
		"/maille/5kmL93E0725N6315", "/commune/34001?q=aucune"} {
		n, _ := page(t, p, path)
		got := text(find(n, "div.notice"))
		if first == "" {
			first = got
		}
		if got != first || strings.ContainsAny(got, "0123456789") {
			t.Errorf("%s: notice %q, elsewhere %q", path, got, first)
		}
	}
}

// TestEscaping serves a snapshot whose every name is an attack.
func TestEscaping(t *testing.T) {
	const evil = `"><script>alert('x')</script><img src=x onerror=alert(1)>&`
	dir := t.TempDir()
	d, err := atlas.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := atlastest.Names()
	for i := range names {
		names[i].Vernacular = "Nom " + evil
		names[i].Author = evil
		if names[i].Rank == taxon.Species {
			names[i].ScientificName += " " + evil
		}
	}
	refs := atlastest.References(t)
	refs.Taxonomy, err = taxon.NewTaxonomy(func(yield func(taxon.Name, error) bool) {
		for _, n := range names {
			if !yield(n, nil) {
				return
			}
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range refs.Areas {
		refs.Areas[i].Name = evil
	}
	for i := range refs.Statuses {
		s := &refs.Statuses[i]
		s.Label, s.Citation, s.Territory, s.URL = evil, evil, evil, "javascript:alert(1)"
	}
	ps := atlastest.Published()
	for i := range ps {
		ps[i].Organisation = evil
	}
	meta := atlastest.Identity()
	meta.Title, meta.Territory, meta.Publisher, meta.Licence, meta.Taxref, meta.Policy = evil, evil, evil, evil, evil, evil
	m := atlastest.Write(t, d.Temp(), meta, refs, ps)
	if err := d.Swap(d.Temp(), m.ID, 7); err != nil {
		t.Fatal(err)
	}
	p := openDir(t, dir, Options{})
	for _, path := range append(everyPage, "/carte/fond.svg", "/sitemap.xml") {
		w := get(t, p, path)
		body := w.Body.String()
		if w.Code != 200 {
			t.Errorf("%s: %d", path, w.Code)
		}
		for _, word := range []string{"<script>alert", "<img src=x", `href="javascript:`} {
			if strings.Contains(body, word) {
				i := strings.Index(body, word)
				t.Errorf("%s has %q: …%s…", path, word, body[max(0, i-120):min(len(body), i+60)])
			}
		}
		if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			continue
		}
		walk(parse(t, body), func(e *html.Node) {
			for _, a := range e.Attr {
				if strings.HasPrefix(a.Key, "on") {
					t.Errorf("%s: attribute %s on <%s>", path, a.Key, e.Data)
				}
			}
		})
	}
}
