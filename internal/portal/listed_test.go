package portal

import (
	"strings"
	"testing"

	"golang.org/x/net/html"

	"garrigue/internal/atlas"
	"garrigue/internal/atlas/atlastest"
	"garrigue/internal/disclosure"
	"garrigue/internal/i18n"
)

// openListed serves the small snapshot with lists and a policy told.
func openListed(t *testing.T) *site {
	return openDir(t, atlastest.ListedDir(t), Options{Languages: []string{"fr", "en", "oc"}})
}

var listedPages = []string{"/qui-voit-quoi", "/espece/2645", "/espece/60345", "/espece/54475", "/espece/60313", "/espece/2657", "/espece/3764",
	"/liste/900020", "/especes?statut=sensible", "/recherche?q=aigle", "/espece/2645/mailles", "/espece/2645/communes", "/espece/2645?de=1990"}

func TestListedPages(t *testing.T) {
	p := openListed(t)
	for _, lang := range p.langs {
		for _, path := range listedPages {
			n, body := page(t, p, p.href(lang, path))
			checkPage(t, n)
			if strings.Contains(body, ">portal.") || strings.Contains(body, "{0}") || strings.Contains(body, "{1}") {
				t.Errorf("%s%s shows a key or a place to fill", lang, path)
			}
			if !strings.Contains(text(find(n, "footer")), p.footerWords(lang)) {
				t.Errorf("%s%s: no way to the policy in the footer", lang, path)
			}
		}
	}
}

// TestUnseen: the sheet of a taxon that a list names tells its names, statuses and what the list
// asks, and nothing that could be counted.
func TestUnseen(t *testing.T) {
	p := openListed(t)
	n, body := page(t, p, "/espece/2645")
	if got := text(find(n, "h1")); got != "Aigle royal Aquila chrysaetos (Linnaeus, 1758)" {
		t.Errorf("h1 = %q", got)
	}
	for _, want := range []string{"Rien n’est montré de cette espèce", "que des observations existent ou non", "Liste nationale d’essai, version 2019",
		"département entier", "Protégée par la loi", "Vulnérable en France", `href="/qui-voit-quoi"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q", want)
		}
	}
	for _, none := range []string{`class="figures"`, "map-live", `id="carte"`, "observée", "Observée", `class="year"`, "/mailles", "noindex", "/api/v1/taxa/2645"} {
		if strings.Contains(body, none) {
			t.Errorf("the sheet has %q", none)
		}
	}
	if _, bat := page(t, p, "/espece/60345"); !strings.Contains(bat, "pas montrée") {
		t.Error("the barbastelle's list asks that nothing be shown")
	}
	// Codes that lead to it, and what is found.
	if w := get(t, p, "/espece/900301"); w.Code != 301 || w.Header().Get("Location") != "/espece/2645" {
		t.Errorf("a synonym: %d %s", w.Code, w.Header().Get("Location"))
	}
	if _, body := page(t, p, "/recherche?q=aigle"); !strings.Contains(body, `href="/espece/2645"`) || !strings.Contains(body, "rien de publié") {
		t.Error("search does not find it")
	}
	if w := get(t, p, "/sitemap.xml"); !strings.Contains(w.Body.String(), "/espece/2645<") || !strings.Contains(w.Body.String(), "/espece/60345<") ||
		!strings.Contains(w.Body.String(), "/qui-voit-quoi<") {
		t.Error("the site map lacks sheets")
	}
	// It is in no list but that of the sensitive species.
	for path, want := range map[string]bool{"/especes": false, "/groupe/oiseaux": false, "/especes?statut=sensible": true, "/liste/900005": false} {
		if _, body := page(t, p, path); strings.Contains(body, `href="/espece/2645"`) != want {
			t.Errorf("%s lists it: %v", path, !want)
		}
	}
	// A genus of which nothing is published leads to its species.
	if _, body := page(t, p, "/liste/900020"); !strings.Contains(body, `href="/espece/60345"`) || strings.Contains(body, "0 observation") {
		t.Error("the genus of the barbastelle")
	}
}

// TestNoTrap: asked for more, the sheet of what is hidden answers as that of what nobody saw.
func TestNoTrap(t *testing.T) {
	p := openListed(t)
	strip := func(s string) string {
		return strings.NewReplacer("60345", "#", "2645", "#", "Barbastella barbastellus", "¤", "Aquila chrysaetos", "¤",
			"Barbastelle d’Europe", "¤", "Aigle royal", "¤", "(Schreber, 1774)", "", "(Linnaeus, 1758)", "").Replace(s)
	}
	for _, more := range []string{"/mailles", "/communes", "/mailles.csv", "/communes.csv"} {
		a, b := get(t, p, "/espece/60345"+more), get(t, p, "/espece/2645"+more)
		if a.Code != 200 || b.Code != 200 || strip(a.Body.String()) != strip(b.Body.String()) {
			t.Errorf("%s: %d and %d, or other words", more, a.Code, b.Code)
		}
	}
}

// TestPolicyPage reads what the page says of the policy of the snapshot.
func TestPolicyPage(t *testing.T) {
	p := openListed(t)
	n, body := page(t, p, "/qui-voit-quoi")
	for id, want := range map[string][]string{
		"#tailles":   {"1 commune entière", "17\u00a0km²", "2 maille de 5 km", "observations ordinaires, niveau 1", "4 département entier", "5\u00a0640\u00a0km²", "région entière72\u00a0700\u00a0km²"},
		"#precision": {"version sinp-2016, depuis\u202f: 1ᵉʳ janvier 2026", "niveau 3", "maille de 10 km ; si le lieu n’y tient pas", "niveau 4", "pas montrée", "niveau 2.4 Liste régionale d’essai"},
		"#listes":    {"Liste nationale d’essai, version 2019", "département 30", "Note d’essai", "Liste régionale d’essai", "département 34"},
		"#temps":     {"comptée au mois", "une fois par mois et par 20 observations"},
		"#blancs":    {"Au moins 20 observations"},
	} {
		got := text(find(n, id))
		for _, w := range want {
			if !strings.Contains(plainSpaces(got), plainSpaces(w)) {
				t.Errorf("%s does not say %q: %s", id, w, got)
			}
		}
	}
	if squares := strings.Count(body, `<rect class="sq`); squares != 4 {
		t.Errorf("%d squares drawn, the region is too large", squares)
	}
	// Squares are to scale: that of the department has 15 times the side of the 5 km cell.
	if _, old := page(t, open(t, Options{}), "/qui-voit-quoi"); !strings.Contains(old, "à la maille de 5 km et dans sa commune") || strings.Contains(old, `id="tailles"`) {
		t.Error("of an older snapshot, what its levels tell")
	}
}

func TestUntagged(t *testing.T) {
	for in, want := range map[string]string{"": "", "Anonyme. 2018. <em>Référentiel</em>. Excel.": "Anonyme. 2018. Référentiel. Excel.", "a < b": "a ", "<b>": ""} {
		if got := untagged(in); got != want {
			t.Errorf("%q becomes %q", in, got)
		}
	}
}

func TestToScale(t *testing.T) {
	svg := toScale(drawable(atlastest.Rules()), "cell5", "Zones")
	n := parse(t, svg)
	var sides []string
	walk(n, func(e *html.Node) {
		if e.Data == "rect" {
			sides = append(sides, attr(e, "width"))
		}
	})
	if got := strings.Join(sides, " "); got != "330 43.9 22 17.8" {
		t.Errorf("sides, from the largest: %s", got)
	}
	if toScale(nil, "cell5", "") != "" || len(drawable(&atlas.Rules{Kinds: []atlas.RuleKind{{Kind: "commune"}}})) != 0 {
		t.Error("nothing to draw")
	}
}

// TestWhyLess: each sheet answers, with the list and its version, the reasons and their numbers.
func TestWhyLess(t *testing.T) {
	p := openListed(t)
	for path, want := range map[string][]string{
		"/espece/2657": {"Pourquoi est-ce moins précis ?", "3 observations sur 3", "espèce sensible : 3", "Liste nationale d’essai, version 2019",
			"département entier", "partout où la liste s’applique ; moins dans d’autres lieux", "à la maille de 5 km et dans sa commune"},
		"/espece/60313": {"Liste régionale d’essai (par Rhinolophidae)", "2.4", "maille de 10 km", "département 34"},
		"/espece/60630": {"vœu de l’observateur ou du producteur : 1"},
		"/espece/3764":  {"À quelle précision est-ce montré ?", "Tout est montré à la précision de la carte"},
	} {
		n, _ := page(t, p, path)
		got := plainSpaces(text(find(n, "#pourquoi")))
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s does not say %q: %s", path, w, got)
			}
		}
	}
}

// TestBlanks: the three blanks on the map, and none where a list may hide.
func TestBlanks(t *testing.T) {
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
	dir := t.TempDir()
	d, err := atlas.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	m := atlastest.Write(t, d.Temp(), meta, refs, append(ps, more...))
	if err := d.Swap(d.Temp(), m.ID, 7); err != nil {
		t.Fatal(err)
	}
	p := openDir(t, dir, Options{})
	n, body := page(t, p, "/espece/459478")
	legend := plainSpaces(text(find(n, "div.legend")))
	for _, w := range []string{"cherchée, pas vue 3", "pas cherchée, ou trop peu", "sous une trame", "20 observations publiées de son groupe (oiseaux)"} {
		if !strings.Contains(legend, w) {
			t.Errorf("the legend lacks %q: %s", w, legend)
		}
	}
	if !strings.Contains(body, `class="seen" fill="url(#hzsearched)"`) || strings.Count(body, `id="hzsearched"`) != 1 {
		t.Error("cells searched in vain are not drawn")
	}
	n, _ = page(t, p, "/espece/459478?de=2022&a=2022")
	if got := plainSpaces(text(find(n, "div.legend"))); !strings.Contains(got, "cherchée, pas vue 1") || !strings.Contains(got, "de 2022 à 2022") {
		t.Errorf("of one year: %s", got)
	}
	// The swallowtail may be hidden somewhere: a blank says nothing.
	n, body = page(t, p, "/espece/54475")
	if got := plainSpaces(text(find(n, "div.legend"))); !strings.Contains(got, "un blanc ne dit rien") || strings.Contains(got, "cherchée, pas vue") || strings.Contains(body, `class="seen"`) {
		t.Errorf("what may be hidden: %s", got)
	}
	// Larger areas are drawn below smaller ones.
	if _, body := page(t, p, "/espece/79273"); strings.Count(body, `class="hg"`) != 1 {
		t.Error("the commune's ground")
	}
}

func (p *site) footerWords(lang i18n.Lang) string { return i18n.T(lang, "portal.foot.who") }
