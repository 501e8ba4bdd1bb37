package portal

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"garrigue/internal/atlas"
	"garrigue/internal/atlas/atlastest"
	"garrigue/internal/i18n"
)

// july is the day of most tests: the second ten-day period of July.
func july() time.Time { return time.Date(2026, 7, 16, 9, 0, 0, 0, time.UTC) }

func open(t testing.TB, o Options) *site {
	t.Helper()
	return openDir(t, atlastest.Dir(t), o)
}

func openDir(t testing.TB, dir string, o Options) *site {
	t.Helper()
	store, err := atlas.OpenStore(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	if o.Now == nil {
		o.Now = july
	}
	p, err := newSite(store, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// get asks for an address; more is pairs of request header names and values.
func get(t testing.TB, p http.Handler, path string, more ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(more); i += 2 {
		r.Header.Set(more[i], more[i+1])
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

func page(t testing.TB, p http.Handler, path string) (*html.Node, string) {
	t.Helper()
	w := get(t, p, path)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: status %d", path, w.Code)
	}
	body := w.Body.String()
	return parse(t, body), body
}

func parse(t testing.TB, body string) *html.Node {
	t.Helper()
	n, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// walk calls f on every element.
func walk(n *html.Node, f func(*html.Node)) {
	if n.Type == html.ElementNode {
		f(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, f)
	}
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// text is the visible text of an element, white space folded.
func text(n *html.Node) string {
	var b strings.Builder
	var in func(*html.Node)
	in = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			in(c)
		}
	}
	in(n)
	return strings.Join(strings.FieldsFunc(b.String(), func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' }), " ")
}

// find returns the first element of a name with a class or id ("li", "ul.figures", "#carte").
func find(n *html.Node, sel string) *html.Node {
	name, class, _ := strings.Cut(sel, ".")
	name, id, byID := strings.Cut(name, "#")
	var hit *html.Node
	walk(n, func(e *html.Node) {
		if hit != nil || name != "" && e.Data != name || byID && attr(e, "id") != id {
			return
		}
		if class != "" && !strings.Contains(" "+attr(e, "class")+" ", " "+class+" ") {
			return
		}
		hit = e
	})
	return hit
}

var everyPage = []string{"/", "/recherche", "/recherche?q=lezard", "/recherche?q=zzzz", "/espece/79273", "/espece/79273?de=2020&a=2024",
	"/espece/2657", "/espece/900102", "/espece/116704", "/espece/79273/mailles", "/espece/79273/communes", "/liste/900011", "/liste/900001",
	"/groupe/reptiles", "/groupe/algues", "/especes", "/especes?statut=protegee&q=l", "/communes", "/communes?q=a", "/communes?dep=34",
	"/commune/34001", "/commune/30002?groupe=oiseaux&ordre=nom", "/departement/34", "/maille/5kmL93E0700N6300", "/a-propos"}

// TestEveryPage reads every page in each language by its structure.
func TestEveryPage(t *testing.T) {
	p := open(t, Options{Languages: []string{"fr", "en", "oc"}})
	for _, lang := range p.langs {
		for _, path := range everyPage {
			t.Run(string(lang)+path, func(t *testing.T) {
				n, body := page(t, p, p.href(lang, path))
				if got := attr(find(n, "html"), "lang"); got != string(lang) {
					t.Errorf("lang = %q, want %q", got, lang)
				}
				checkPage(t, n)
				if strings.Contains(body, "portal.") && strings.Contains(body, ">portal.") {
					t.Error("a key of the catalogue is shown")
				}
				if !strings.Contains(body, `class="fiction"`) {
					t.Error("a fictional atlas must say so on every page")
				}
			})
		}
	}
}

// checkPage checks what holds for every page: landmarks, headings in order, unique ids, labels,
// table heads, and nothing the content policy refuses.
func checkPage(t *testing.T, n *html.Node) {
	t.Helper()
	ids := map[string]bool{}
	level, h1 := 0, 0
	walk(n, func(e *html.Node) {
		if id := attr(e, "id"); id != "" {
			if ids[id] {
				t.Errorf("id %q twice", id)
			}
			ids[id] = true
		}
		if attr(e, "style") != "" {
			t.Errorf("<%s> has a style attribute, which the content policy refuses", e.Data)
		}
		if e.Data == "script" && (attr(e, "src") == "" || e.FirstChild != nil) || e.Data == "style" {
			t.Errorf("inline <%s>", e.Data)
		}
		if len(e.Data) == 2 && e.Data[0] == 'h' && e.Data[1] >= '1' && e.Data[1] <= '6' {
			l := int(e.Data[1] - '0')
			if l > level+1 {
				t.Errorf("heading %q is an h%d after an h%d", text(e), l, level)
			}
			if level = l; l == 1 {
				h1++
			}
			if text(e) == "" {
				t.Errorf("empty h%d", l)
			}
		}
		if e.Data == "table" && (find(e, "caption") == nil || attr(find(e, "th"), "scope") == "") {
			t.Error("a table without caption or scopes")
		}
		if e.Data == "a" && attr(e, "href") == "" {
			t.Errorf("link %q leads nowhere", text(e))
		}
	})
	if h1 != 1 {
		t.Errorf("%d h1", h1)
	}
	for _, name := range []string{"main", "header", "footer", "nav", "title"} {
		if find(n, name) == nil {
			t.Errorf("no <%s>", name)
		}
	}
	walk(n, func(e *html.Node) {
		for _, key := range []string{"for", "aria-labelledby"} {
			for _, id := range strings.Fields(attr(e, key)) {
				if !ids[id] {
					t.Errorf("%s=%q names nothing", key, id)
				}
			}
		}
		if h := attr(e, "href"); e.Data == "a" && strings.HasPrefix(h, "#") && !ids[h[1:]] {
			t.Errorf("link to %s, which is not on the page", h)
		}
	})
}

// TestEveryLink follows every link of the site from the first page.
func TestEveryLink(t *testing.T) {
	p := open(t, Options{})
	seen := map[string]bool{"/": true}
	queue := []string{"/"}
	for len(queue) > 0 && len(seen) < 4000 {
		path := queue[0]
		queue = queue[1:]
		w := get(t, p, path)
		if w.Code == http.StatusMovedPermanently {
			t.Errorf("a link leads to %s, which has moved", path)
		}
		if w.Code != http.StatusOK {
			t.Errorf("%s: status %d", path, w.Code)
			continue
		}
		if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			continue
		}
		walk(parse(t, w.Body.String()), func(e *html.Node) {
			for _, key := range []string{"href", "src"} {
				u, _, _ := strings.Cut(attr(e, key), "#")
				if strings.HasPrefix(u, "/") && !strings.HasPrefix(u, "/api/") && !seen[u] {
					seen[u] = true
					queue = append(queue, u)
				}
			}
		})
	}
	if len(seen) < 150 {
		t.Errorf("only %d addresses found: the site is not linked together", len(seen))
	}
}

func TestSpecies(t *testing.T) {
	p := open(t, Options{})
	n, body := page(t, p, "/espece/79273")
	if got := text(find(n, "h1")); got != "Lézard ocellé Timon lepidus (Daudin, 1802)" {
		t.Errorf("h1 = %q", got)
	}
	if got := text(find(n, "ul.figures")); got != "9observations4mailles de 5 km4communes2organismes" {
		t.Errorf("figures = %q", got)
	}
	for _, want := range []string{"Vulnérable en France", "Protégée par la loi", "Arrêté du 8 janvier 2021", "Lacerta lepida",
		"1 observation est dessinée plus grande que son vrai lieu", `<use href="#z-commune" class="hcom"/>`, `class="c c2"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q", want)
		}
	}
	live := find(n, "div.map-live")
	if attr(live, "data-taxon") != "79273" || attr(live, "data-mesh") != "5" || attr(live, "data-snapshot") == "" {
		t.Errorf("the live map's marks: %v", live.Attr)
	}
	// Between 2020 and 2024: four cells of 2024, one of 2024, the commune of 2022.
	n, _ = page(t, p, "/espece/79273?de=2020&a=2024")
	if got := text(find(n, "output")); got != "de 2020 à 2024\u202f: 6 observations" {
		t.Errorf("kept = %q", got)
	}
	if got := strings.Count(text(find(n, "div.legend")), "une seule1"); got != 1 {
		t.Errorf("legend of the years asked for: %q", text(find(n, "div.legend")))
	}
	// Crossed years are put right; words are not years.
	if w := get(t, p, "/espece/79273?de=2024&a=2020"); !strings.Contains(w.Body.String(), "de 2020 à 2024") {
		t.Error("crossed years")
	}
	if w := get(t, p, "/espece/79273?de=hier"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "quatre chiffres") {
		t.Errorf("de=hier: %d", w.Code)
	}
}

func TestMoved(t *testing.T) {
	p := open(t, Options{})
	for from, to := range map[string]string{
		"/espece/900101":      "/espece/79273", // a synonym
		"/espece/900201":      "/espece/79273", // a code TAXREF withdrew
		"/espece/900011":      "/liste/900011", // a family
		"/liste/79273":        "/espece/79273", // a species
		"/en/espece/900101":   "/en/espece/79273",
		"/maille/E0700N6300":  "/maille/5kmL93E0700N6300",
		"/favicon.ico":        "/favicon.svg",
		"/en":                 "/en/",
		"/espece/900011?de=x": "/liste/900011",
	} {
		w := get(t, p, from)
		if w.Code != http.StatusMovedPermanently || w.Header().Get("Location") != to {
			t.Errorf("%s: %d to %q, want 301 to %q", from, w.Code, w.Header().Get("Location"), to)
		}
	}
}

func TestErrors(t *testing.T) {
	var log bytes.Buffer
	p := open(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	tests := []struct {
		path   string
		status int
		want   string
	}{
		{"/rien", 404, "Rien à cette adresse"},
		{"/espece/lezard-ocelle", 404, `href="/espece/79273"`}, // the name is enough to suggest it
		{"/en/espece/123456789", 404, "Nothing at this address"},
		{"/espece/99999999999999999999", 404, "code de nom"},
		{"/espece/-1", 404, "code de nom"},
		{"/espece/65681", 404, "code de nom"},
		{"/commune/99999", 404, "territoire"},
		{"/commune/%3Cb%3E", 404, "territoire"},
		{"/departement/ZZ", 404, "territoire"},
		{"/maille/5kmL93E9999N9999", 404, "territoire"},
		{"/maille/nulle-part", 404, "territoire"},
		{"/groupe/dragons", 404, "groupe"},
		{"/communes?dep=75", 404, "territoire"},
		{"/commune/34001?page=0", 400, "filtre"},
		{"/commune/34001?page=99999999999", 400, "filtre"},
		{"/especes?statut=%22%3E", 400, "filtre"},
		{"/especes?groupe=dragons", 400, "filtre"},
		{"/especes?ordre=drop", 400, "filtre"},
		{"/especes?depuis=-4", 400, "filtre"},
	}
	for _, tt := range tests {
		w := get(t, p, tt.path)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s: %d, want %d with %q", tt.path, w.Code, tt.status, tt.want)
		}
		checkPage(t, parse(t, w.Body.String()))
		if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("ETag") != "" {
			t.Errorf("%s: an error page must not be kept", tt.path)
		}
	}
	if log.Len() > 0 {
		t.Errorf("a visitor's mistake is not our log's business: %s", log.String())
	}
	// Ours: the cause goes to the log, a reference to the visitor.
	for name, h := range map[string]handler{
		"error": func(*visit) (*answer, error) { return nil, errors.New("disk full at /secret/path") },
		"panic": func(*visit) (*answer, error) { panic("disk full at /secret/path") },
		"late": func(*visit) (*answer, error) {
			return &answer{kind: "text/csv", write: func(w io.Writer) error {
				io.WriteString(w, "half a") //nolint:errcheck // a buffer
				return errors.New("disk full at /secret/path")
			}}, nil
		},
	} {
		log.Reset()
		w := httptest.NewRecorder()
		p.page(i18n.FR, h)(w, httptest.NewRequest(http.MethodGet, "/x", nil))
		body := w.Body.String()
		if w.Code != 500 || strings.Contains(body, "secret") || strings.Contains(body, "half a") || !strings.Contains(body, "Référence à donner") {
			t.Errorf("%s: %d %s", name, w.Code, body)
		}
		if !strings.Contains(log.String(), "secret") || !strings.Contains(log.String(), "request=") {
			t.Errorf("%s: the log says %q", name, log.String())
		}
	}
	if w := get(t, p, "/"); w.Code != 200 {
		t.Error("the site must go on after a panic")
	}
	if r := httptest.NewRequest(http.MethodPost, "/", nil); true {
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		if w.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST: %d", w.Code)
		}
	}
}

func TestCaching(t *testing.T) {
	now := july()
	p := open(t, Options{Now: func() time.Time { return now }})
	for _, path := range []string{"/", "/espece/79273", "/carte/fond.svg", "/commune/34001/especes.csv", "/sitemap.xml", "/favicon.svg", p.art.motifs} {
		w := get(t, p, path)
		tag := w.Header().Get("ETag")
		if w.Code != 200 || len(tag) < 6 || strings.HasPrefix(tag, "W/") {
			t.Fatalf("%s: %d, tag %q", path, w.Code, tag)
		}
		if cc := w.Header().Get("Cache-Control"); !strings.Contains(cc, "public") {
			t.Errorf("%s: Cache-Control %q", path, cc)
		}
		if w := get(t, p, path, "If-None-Match", tag); w.Code != http.StatusNotModified || w.Body.Len() > 0 || w.Header().Get("ETag") == "" {
			t.Errorf("%s: %d with its own tag", path, w.Code)
		}
		z := get(t, p, path, "Accept-Encoding", "br, gzip;q=0.8")
		if z.Header().Get("Content-Encoding") != "gzip" || z.Header().Get("ETag") == tag {
			t.Errorf("%s: encoding %q, tag %q", path, z.Header().Get("Content-Encoding"), z.Header().Get("ETag"))
		}
		zr, err := gzip.NewReader(z.Body)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(zr)
		if err != nil || string(plain) != w.Body.String() {
			t.Errorf("%s: compressed and plain differ (%v)", path, err)
		}
		if z := get(t, p, path, "Accept-Encoding", "gzip;q=0"); z.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s: compressed for who refuses it", path)
		}
	}
	if a, b := get(t, p, "/espece/79273").Header().Get("ETag"), get(t, p, "/en/espece/79273").Header().Get("ETag"); a == b {
		t.Error("two languages under one tag")
	}
	// The current ten-day period is framed: another day, another page.
	before := get(t, p, "/espece/79273")
	now = now.AddDate(0, 1, 0)
	after := get(t, p, "/espece/79273", "If-None-Match", before.Header().Get("ETag"))
	if after.Code != 200 || after.Body.String() == before.Body.String() {
		t.Error("the page of last month is still served")
	}
	// A tag cannot be made up for a page that does not exist.
	if w := get(t, p, "/espece/1", "If-None-Match", `"`+p.tag(visitOf(t, p, "/espece/1"), "fr /espece/1?")+`"`); w.Code != 404 {
		t.Errorf("a page that does not exist: %d", w.Code)
	}
}

func visitOf(t testing.TB, p *site, path string) *visit {
	a, release := p.store.Acquire()
	t.Cleanup(release)
	return &visit{p: p, r: httptest.NewRequest(http.MethodGet, path, nil), lang: p.langs[0], atlas: a, meta: a.Meta(), path: path}
}

// TestNewSnapshot: pages follow a swap without a restart, and none of the old one is served
// after it.
func TestNewSnapshot(t *testing.T) {
	dir := atlastest.Dir(t)
	p := openDir(t, dir, Options{})
	old := get(t, p, "/commune/34001")
	d, err := atlas.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	meta := atlastest.Identity()
	meta.Title = "Le nouvel atlas"
	ps := atlastest.Published()
	m := atlastest.Write(t, d.Temp(), meta, atlastest.References(t), ps[4:]) // without four lizards of 34001
	if err := d.Swap(d.Temp(), m.ID, 7); err != nil {
		t.Fatal(err)
	}
	for range 40 {
		w := get(t, p, "/commune/34001", "If-None-Match", old.Header().Get("ETag"))
		if w.Code == http.StatusOK {
			if !strings.Contains(w.Body.String(), "Le nouvel atlas") || strings.Contains(w.Body.String(), "carte/fond.svg?v="+old.Header().Get("ETag")) {
				t.Error("the new page is not made from the new snapshot")
			}
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Error("the new snapshot is not served")
}

func TestHeaders(t *testing.T) {
	p := open(t, Options{BackgroundURL: "https://tiles.example/{z}/{x}/{y}.png", BackgroundAttribution: "© Example"})
	w := get(t, p, "/espece/79273")
	csp := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data: blob: https://tiles.example;", "base-uri 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("content policy %q lacks %q", csp, want)
		}
	}
	if strings.Contains(csp, "unsafe") {
		t.Errorf("content policy %q", csp)
	}
	if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Set-Cookie") != "" {
		t.Error("headers", w.Header())
	}
	if !strings.Contains(w.Body.String(), `data-background="https://tiles.example/{z}/{x}/{y}.png"`) {
		t.Error("the background is not told to the map")
	}
	if _, err := newSite(p.store, Options{BackgroundURL: "tiles"}); err == nil {
		t.Error("a background that is no address must be refused at start")
	}
	if _, err := newSite(p.store, Options{Languages: []string{"tlh"}}); err == nil {
		t.Error("an unknown language must be refused at start")
	}
}

// TestLanguages checks the switch, the alternates and the words of each language.
func TestLanguages(t *testing.T) {
	p := open(t, Options{})
	n, body := page(t, p, "/en/commune/34001?groupe=reptiles")
	if !strings.Contains(body, `hreflang="fr" href="/commune/34001?groupe=reptiles"`) {
		t.Error("no alternate in French")
	}
	if attr(find(n, "html"), "data-base") != "/en" {
		t.Error("scripts must know the base of their language")
	}
	walk(find(n, "main"), func(e *html.Node) {
		if h := attr(e, "href"); e.Data == "a" && strings.HasPrefix(h, "/") && !strings.HasPrefix(h, "/en/") && !strings.HasPrefix(h, "/api/") {
			t.Errorf("an English page leads to %s", h)
		}
	})
	n, _ = page(t, p, "/en/espece/79273")
	if got := text(find(n, "h1")); !strings.HasPrefix(got, "Ocellated Lizard") {
		t.Errorf("h1 = %q", got)
	}
	// A French name on an English page says that it is French.
	n, _ = page(t, p, "/en/espece/77619")
	if got := attr(find(find(n, "h1"), "span"), "lang"); got != "fr" {
		t.Errorf("lang of a French name = %q", got)
	}
	if w := get(t, p, "/oc/"); w.Code != 404 {
		t.Error("a language that is not offered")
	}
}

// TestSearchWithoutScripts finds species and places by the plain form.
func TestSearchWithoutScripts(t *testing.T) {
	p := open(t, Options{})
	n, _ := page(t, p, "/")
	form := find(n, "form.search")
	if attr(form, "action") != "/recherche" || attr(form, "method") != "get" || attr(find(form, "input"), "name") != "q" {
		t.Fatal("the form of the first page")
	}
	for q, want := range map[string]string{"lezard+ocelle": "/espece/79273", "TIMON": "/espece/79273", "Lacerta+lepida": "/espece/79273",
		"m%C3%A9sange": "/espece/3764"} {
		_, body := page(t, p, "/recherche?q="+q)
		if !strings.Contains(find0(t, body), `href="`+want+`"`) {
			t.Errorf("%s does not lead to %s", q, want)
		}
	}
	_, body := page(t, p, "/recherche?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E")
	if strings.Contains(body, "<script>alert") {
		t.Error("what was typed is not escaped")
	}
	page(t, p, "/recherche?q="+strings.Repeat("z", 5000))
}

// find0 is the main part of a page.
func find0(t testing.TB, body string) string {
	_, after, ok := strings.Cut(body, "<main")
	if !ok {
		t.Fatal("no main")
	}
	main, _, _ := strings.Cut(after, "</main>")
	return main
}

func TestCSV(t *testing.T) {
	p := open(t, Options{})
	w := get(t, p, "/commune/34001/especes.csv")
	lines := strings.Split(strings.TrimSpace(strings.TrimPrefix(w.Body.String(), "\ufeff")), "\n")
	if lines[0] != "cd_ref,scientific_name,author,vernacular_name,rank,group,observations,first_year,last_year,red_list,red_list_of,protected" {
		t.Errorf("head %q", lines[0])
	}
	if len(lines) != 4 || lines[1] != `3764,Parus major,"Linnaeus, 1758",Mésange charbonnière,ES,oiseaux,8,2025,2025,LC,LRN,false` {
		t.Errorf("rows %q", lines)
	}
	if d := w.Header().Get("Content-Disposition"); d != `attachment; filename="commune-34001-especes.csv"` {
		t.Errorf("file name %q", d)
	}
	w = get(t, p, "/commune/34001/especes.csv?groupe=reptiles")
	if got := strings.Count(w.Body.String(), "\n"); got != 2 {
		t.Errorf("%d lines with the filter, want 2", got)
	}
	if calm("=HYPERLINK(1)") != "'=HYPERLINK(1)" || calm("Ail") != "Ail" {
		t.Error("a spreadsheet may take a name for a formula")
	}
}

func TestRobotsAndSitemap(t *testing.T) {
	p := open(t, Options{PublicURL: "https://atlas.example/"})
	if b := get(t, p, "/robots.txt").Body.String(); !strings.Contains(b, "Sitemap: https://atlas.example/sitemap.xml") {
		t.Error(b)
	}
	b := get(t, p, "/sitemap.xml").Body.String()
	for _, want := range []string{"<loc>https://atlas.example/espece/79273</loc>", "<loc>https://atlas.example/en/</loc>", "/commune/34001<", "/groupe/reptiles<"} {
		if !strings.Contains(b, want) {
			t.Errorf("no %s", want)
		}
	}
	evil := httptest.NewRequest(http.MethodGet, "/sitemap.xml", nil)
	evil.Host = `x"><script>`
	w := httptest.NewRecorder()
	open(t, Options{}).ServeHTTP(w, evil)
	if strings.Contains(w.Body.String(), "<script>") {
		t.Error("the host is not escaped")
	}
}

func TestPlainErrorPage(t *testing.T) {
	p := open(t, Options{})
	n := parse(t, string(p.lastError))
	if text(find(n, "h1")) == "" || find(n, "a") == nil {
		t.Error("the last error page says nothing")
	}
	if err := plainError(p, i18n.EN).Render(context.Background(), io.Discard); err != nil {
		t.Error(err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache(100_000)
	body := make([]byte, 1000)
	c.get("a", "")
	for i := range 500 {
		c.put("a", strconv.Itoa(i), &finished{body: body})
		c.get("a", "0") // kept because it is asked for
	}
	if c.used > 100_000 || len(c.items) > 90 {
		t.Errorf("%d bytes in %d pages", c.used, len(c.items))
	}
	if c.get("a", "0") == nil || c.get("a", "1") != nil {
		t.Error("the least recently used must leave first")
	}
	c.put("a", "large", &finished{body: make([]byte, 50_000)})
	if c.get("a", "large") != nil {
		t.Error("one page must not chase the others out")
	}
	if c.get("b", "0") != nil || c.used != 0 || len(c.items) != 0 {
		t.Error("another snapshot empties it")
	}
	c.put("a", "late", &finished{body: body})
	if c.get("b", "late") != nil {
		t.Error("a page of the old snapshot is kept for the new one")
	}
}

func BenchmarkSpeciesPage(b *testing.B) {
	p := open(b, Options{})
	h := p.species
	b.Run("made", func(b *testing.B) {
		b.ReportAllocs()
		v := visitOf(b, p, "/espece/79273")
		v.r.SetPathValue("cd", "79273")
		n := 0
		for b.Loop() {
			a, err := h(v)
			if err != nil {
				b.Fatal(err)
			}
			f, err := finish(context.Background(), a, "x", "fr")
			if err != nil {
				b.Fatal(err)
			}
			n = len(f.body)
		}
		b.ReportMetric(float64(n), "gz-bytes")
	})
	b.Run("kept", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if w := get(b, p, "/espece/79273", "Accept-Encoding", "gzip"); w.Code != 200 {
				b.Fatal(fmt.Sprint(w.Code))
			}
		}
	})
}
