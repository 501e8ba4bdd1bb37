package garrigue_test

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paulmach/orb"

	"garrigue/internal/cli"
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

// site is a served atlas, as the command serves it: pages, tiles, API.
type site struct {
	base   string
	client *http.Client
}

// serveAtlas serves DIR/atlas until the function it returns is called.
func serveAtlas(t fails, dir string) (*site, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	said, tell := io.Pipe()
	done := make(chan int, 1)
	var errs bytes.Buffer
	go func() {
		code := cli.Run(ctx, []string{"serve", "-C", dir, "--only", "atlas", "--addr", "127.0.0.1:0", "--languages", "fr,en"},
			cli.System{Stdout: tell, Stderr: &errs, Getenv: func(k string) string { return map[string]string{"GOGC": "100", "GOMEMLIMIT": "off"}[k] }})
		tell.Close()
		done <- code
	}()
	line := make([]byte, 400)
	n, err := said.Read(line)
	base := regexp.MustCompile(`http://[0-9.:]+`).FindString(string(line[:n]))
	if err != nil || base == "" {
		cancel()
		<-done
		t.Fatalf("not served: %v %s", err, errs.String())
	}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 4}
	s := &site{base: base, client: &http.Client{Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	return s, func() {
		transport.CloseIdleConnections()
		cancel()
		if code := <-done; code != 0 {
			t.Fatalf("serve ended with %d: %s", code, errs.String())
		}
	}
}

// reply is what was answered.
type reply struct {
	status int
	header http.Header // but the date
	body   []byte
}

// publicHost is the name under which visitors know the site.
const publicHost = "atlas.example"

// ask sends one request. When the snapshot was made is taken out of the answer.
func (s *site) ask(t fails, method, path string, more ...string) reply {
	t.Helper()
	req, err := http.NewRequest(method, s.base+path, nil)
	must0(t, err)
	req.Host = publicHost // the same for both
	for i := 0; i+1 < len(more); i += 2 {
		req.Header.Set(more[i], more[i+1])
	}
	res, err := s.client.Do(req)
	must0(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must0(t, err)
	h := res.Header.Clone()
	h.Del("Date")
	return reply{res.StatusCode, h, builtText.ReplaceAll(body, nil)}
}

func (r reply) difference(z reply) string {
	switch {
	case r.status != z.status:
		return fmt.Sprintf("status %d and %d", r.status, z.status)
	case !maps.EqualFunc(r.header, z.header, slices.Equal):
		for name := range r.header {
			if !slices.Equal(r.header[name], z.header[name]) {
				return fmt.Sprintf("%s: %q and %q", name, r.header[name], z.header[name])
			}
		}
		return fmt.Sprintf("headers %v and %v", r.header, z.header)
	case !bytes.Equal(r.body, z.body):
		at := 0
		for at < min(len(r.body), len(z.body)) && r.body[at] == z.body[at] {
			at++
		}
		cut := func(b []byte) []byte { return b[max(0, at-80):min(len(b), at+160)] }
		return fmt.Sprintf("bodies of %d and %d bytes\n  - %q\n  + %q", len(r.body), len(z.body), cut(r.body), cut(z.body))
	}
	return ""
}

// crawlLimit bounds a crawl: pages of lists offer each combination of filters.
const crawlLimit = 9000

// crawl asks both sites for each address, then for each address that either answer names, and
// returns how many were asked and the differences: status, headers, body; without a body, with a
// validator, compressed.
func crawl(t fails, one, other *site, seeds []string) (asked int, differences []string) {
	t.Helper()
	return crawlWith(t, one, other, seeds, crawlLimit, func(string, reply) {})
}

// crawlWith is crawl of so many addresses at most, which also shows each answer of the first site.
func crawlWith(t fails, one, other *site, seeds []string, limit int, look func(path string, r reply)) (asked int, differences []string) {
	t.Helper()
	known := map[string]bool{}
	var queue []string
	add := func(list ...string) {
		for _, u := range list {
			if !known[u] && len(known) < limit {
				known[u] = true
				queue = append(queue, u)
			}
		}
	}
	add(seeds...)
	for len(queue) > 0 && len(differences) < 5 {
		path := queue[0]
		queue = queue[1:]
		asked++
		a, b := one.ask(t, "GET", path), other.ask(t, "GET", path)
		if d := a.difference(b); d != "" {
			differences = append(differences, "GET "+path+": "+d)
			continue
		}
		if a.status >= 500 {
			differences = append(differences, fmt.Sprintf("GET %s: status %d", path, a.status))
		}
		look(path, a)
		add(links(path, a)...)
		variants := [][]string{{"HEAD"}, {"GET", "Accept-Encoding", "gzip"}, {"GET", "If-None-Match", a.header.Get("Etag")}, {"GET", "Accept-Language", "en"}}
		if !strings.Contains(path, "/espece/") && !strings.Contains(path, "/api/v1/taxa/") { // in turn
			variants = variants[asked%4 : asked%4+1]
		}
		for _, v := range variants {
			x, y := one.ask(t, v[0], path, v[1:]...), other.ask(t, v[0], path, v[1:]...)
			if d := x.difference(y); d != "" {
				differences = append(differences, fmt.Sprintf("%v %s: %s", v, path, d))
				break
			}
		}
	}
	return asked, differences
}

var (
	hypertext = regexp.MustCompile(`(?:href|src|action|data-[a-z-]+)="([^"]+)"`)
	locations = regexp.MustCompile(`<loc>([^<]+)</loc>`)
	quoted    = regexp.MustCompile(`"((?:http://atlas\.example)?/[^"\\ ]*)"`)
)

// links returns the addresses of the same site that an answer names.
func links(path string, r reply) (out []string) {
	kind := r.header.Get("Content-Type")
	var found [][][]byte
	switch {
	case strings.HasPrefix(kind, "text/html"):
		found = hypertext.FindAllSubmatch(r.body, -1)
	case strings.Contains(kind, "xml"):
		found = append(locations.FindAllSubmatch(r.body, -1), hypertext.FindAllSubmatch(r.body, -1)...)
	case strings.Contains(kind, "json"):
		found = quoted.FindAllSubmatch(r.body, -1)
	}
	if to := r.header.Get("Location"); to != "" {
		found = append(found, [][]byte{nil, []byte(to)})
	}
	base, err := url.Parse(path)
	if err != nil {
		return nil
	}
	for _, m := range found {
		u, err := base.Parse(html.UnescapeString(string(m[1])))
		if err != nil || u.Host != "" && u.Host != publicHost || u.Scheme != "" && u.Scheme != "http" || strings.ContainsAny(u.Path, "{} <>\"") || !strings.HasPrefix(u.Path, "/") {
			continue
		}
		if strings.HasPrefix(u.Path, "/assets/") || strings.HasPrefix(u.Path, "/dessins/") {
			continue // files of the program
		}
		u.Fragment, u.Host, u.Scheme = "", "", ""
		out = append(out, u.String())
	}
	return out
}

// addresses lists what a curious visitor may ask for without a link to it: every taxon and every
// area there may be, shown or not; every name in the search; every tile.
func (w *world) addresses(names []taxon.Name) (out []string) {
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	out = []string{"/", "/en/", "/robots.txt", "/sitemap.xml", "/especes", "/communes", "/a-propos", "/api/v1/atlas", "/api/v1/openapi.json", "/api/v1/taxa?limit=500", "/api/openapi.json", "/absent"}
	for _, n := range append(slices.Clone(names), taxon.Name{CdNom: 999_999, ScientificName: "Nusquam nusquam"}) {
		cd := n.CdNom
		for _, p := range []string{"/espece/%d", "/espece/%d/mailles", "/espece/%d/communes", "/espece/%d/communes.csv", "/espece/%d/mailles.csv", "/liste/%d", "/en/espece/%d",
			"/espece/%d?de=2025&a=2025", "/api/v1/taxa/%d", "/api/v1/taxa/%d/cells", "/api/v1/taxa/%d/cells?from=2025&to=2025", "/api/v1/taxa/%d/areas", "/api/v1/taxa/%d/areas?kind=department",
			"/api/v1/taxa/%d/areas?kind=cell10", "/api/v1/taxa/%d/areas?kind=cell5", "/api/v1/taxa/%d/areas?kind=region", "/api/v1/taxa/%d/phenology", "/api/v1/taxa/%d/altitudes", "/api/v1/taxa?under=%d"} {
			add(p, cd)
		}
		for _, text := range []string{n.ScientificName, n.Vernacular, n.VernacularEN, n.ScientificName[:3]} {
			if text != "" {
				q := url.QueryEscape(text)
				add("/recherche?q=%s", q)
				add("/api/v1/search?q=%s", q)
				add("/api/v1/taxa?q=%s", q)
				add("/especes?q=%s", q)
			}
		}
	}
	for _, a := range w.everyArea() {
		kind := map[geo.Kind]string{geo.Commune: "commune", geo.Department: "departement"}[a.Kind()]
		if a.Kind().Mesh() > 0 {
			kind = "maille"
		}
		if kind != "" {
			add("/%s/%s", kind, a.Code())
			add("/%s/%s/especes.csv", kind, a.Code())
		}
		add("/api/v1/areas/%s/%s", a.Kind(), a.Code())
		add("/api/v1/areas/%s/%s/taxa", a.Kind(), a.Code())
		if a.Kind().Mesh() == 0 {
			q := url.QueryEscape("Zone " + a.Code())
			add("/recherche?q=%s", q)
			add("/api/v1/search?q=%s", q)
		}
	}
	return append(out, w.tiles(names)...)
}

// everyArea lists the areas of the territory, cells of each mesh included.
func (w *world) everyArea() (out []geo.AreaKey) {
	for i := range w.areas {
		out = append(out, w.areas[i].Key)
	}
	for _, k := range []geo.Kind{w.policy.Mesh, geo.Cell5, geo.Cell10, geo.Cell20, geo.Cell50} {
		out = append(out, geo.CellsMeeting(k, geo.Box{MinX: w.whole.x0, MinY: w.whole.y0, MaxX: w.whole.x1, MaxY: w.whole.y1})...)
	}
	return out
}

// tiles lists the tiles of the territory at every zoom.
func (w *world) tiles(names []taxon.Name) []string {
	return tilesOf(lonLat(w.whole.x0, w.whole.y0), lonLat(w.whole.x1, w.whole.y1), func(at string, z int) []string {
		out := []string{"/tuiles/richesse/" + at, "/tuiles/fond/" + at}
		for _, name := range names {
			if name.CdRef == taxon.CdRef(name.CdNom) && (z < 11 || name.Rank == taxon.Species) {
				out = append(out, fmt.Sprintf("/tuiles/%s?taxon=%d", at, name.CdRef))
				if z == 8 {
					out = append(out, fmt.Sprintf("/tuiles/%s?taxon=%d&de=2025&a=2025", at, name.CdRef))
				}
			}
		}
		return out
	})
}

// tilesOf gives what f makes of each tile between two corners, at every zoom.
func tilesOf(south, north orb.Point, f func(at string, z int) []string) (out []string) {
	for z := range 13 {
		n := math.Exp2(float64(z))
		column := func(lon float64) int { return int((lon + 180) / 360 * n) }
		line := func(lat float64) int {
			r := lat * math.Pi / 180
			return int((1 - math.Log(math.Tan(r)+1/math.Cos(r))/math.Pi) / 2 * n)
		}
		for x := column(south[0]); x <= column(north[0]); x++ {
			for y := line(north[1]); y <= line(south[1]); y++ {
				out = append(out, f(fmt.Sprintf("%d/%d/%d.mvt", z, x, y), z)...)
			}
		}
	}
	return out
}

// TestCrawlSees: what the crawl must not miss, it finds: one observation more.
func TestCrawlSees(t *testing.T) {
	b := newBed(t, 2000)
	list := b.world.sightings().Example(3)
	first := b.publish(t, "first", list, true)
	is := first.decided
	for i, s := range list {
		if is[s.Key].shown && is[s.Key].cluster == 0 && s.Group == 0 {
			second := b.publish(t, "second", slices.Concat(list[:i], list[i+1:]), false)
			one, stop := serveAtlas(t, first.parent())
			defer stop()
			two, stopTwo := serveAtlas(t, second.parent())
			defer stopTwo()
			if _, differences := crawl(t, one, two, []string{"/especes", fmt.Sprintf("/api/v1/taxa/%d", s.Taxon)}); len(differences) == 0 {
				t.Error("an observation more is not seen")
			}
			if compareSnapshots(t, first.file, second.file) == "" {
				t.Error("an observation more is not seen in the snapshots")
			}
			return
		}
	}
	t.Fatal("nothing is shown")
}

// TestNothingTellsServed is TestNothingTells of what is served: both snapshots are put on line and
// every address there is is asked of both.
func TestNothingTellsServed(t *testing.T) {
	n, _ := worlds(t)
	for w := range max(n/4, 1) {
		t.Run(fmt.Sprint("world", w), func(t *testing.T) {
			t.Parallel()
			b := newBed(t, 1000+w)
			b.crawls(t)
		})
	}
}

// parent is the folder of a served instance.
func (p published) parent() string { return filepath.Dir(p.dir) }
