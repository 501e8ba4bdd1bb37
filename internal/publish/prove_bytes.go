package publish

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/paulmach/orb"

	"garrigue/internal/atlas"
	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// The search looks for what blurred and withheld observations have that is nowhere public, in
// every byte of a file: coordinates as they are stored (eight bytes, either order) and as text,
// in degrees and in metres; place names, comments, people and keys; identifiers as bytes and as
// text. A window of eight bytes runs over the file, and bitmaps say of nearly all of them that
// nothing begins there.

// What is searched for; the names of leaks.
const (
	tracePlace = iota
	traceName
	traceComment
	tracePeople
	traceKey
	traceID
)

var traceNames = [...]string{"bytes.place", "bytes.name", "bytes.comment", "bytes.people", "bytes.key", "bytes.id"}

const (
	windowBytes = 8
	wordBytes   = 32 // of a text that are compared
	nearBytes   = 64 // between the two coordinates of a place
	chunkBytes  = 4 << 20
	marginBytes = 256
	// needlesAtOnce is how many things are searched for in one reading of the files, five of an
	// observation: some 120 MB.
	needlesAtOnce = 4 << 20
)

// filesOf lists the files of a folder of snapshots, the other snapshots left out unless all.
func filesOf(dir, own string, all bool) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.Type().IsRegular() && (all || path == own || filepath.Ext(path) != ".gpkg") {
			out = append(out, path)
		}
	}
	return out, nil
}

// traces are what blurred and withheld observations have, gathered beside the check of the
// snapshot.
type traces struct {
	parts chan *needles // closed at the end
	err   error         // read it then
	stop  context.CancelFunc
}

// gather begins to read what is searched for.
func (r *run) gather(ctx context.Context) *traces {
	m := &r.proof
	m.Traces = len(m.traced)
	ctx, cancel := context.WithCancel(ctx)
	t := &traces{parts: make(chan *needles)}
	t.stop = func() { // and wait: the vault may be closed after
		cancel()
		for range t.parts {
		}
	}
	grant := disclosure.Grant{Who: "publish", Reason: "search of the snapshot for hidden places and words"}
	go func() {
		defer close(t.parts)
		part := newNeedles()
		give := func() error {
			part.public = r.publicPoint
			part.ready() // here, beside the check
			select {
			case t.parts <- part:
				part = newNeedles()
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		t.err = r.db.Traces(ctx, grant, m.traced, func(of *vault.Trace) error {
			part.add(of)
			if part.size() < needlesAtOnce {
				return nil
			}
			return give()
		})
		if t.err == nil && part.size() > 0 {
			t.err = give()
		}
	}()
	return t
}

// search searches files for what blurred and withheld observations have.
func (r *run) search(ctx context.Context, files []string, t *traces) error {
	m := &r.proof
	for part := range t.parts {
		words := map[word]string{}
		for _, path := range files {
			size, err := part.scanFile(ctx, path, func(f finding) {
				if f.text != "" {
					words[word(f)] = filepath.Base(path)
					return
				}
				m.leak(Leak{Name: traceNames[tracePlace], Detail: filepath.Base(path)})
			})
			if err != nil {
				return err
			}
			m.Searched += size
		}
		if err := r.secretWords(words); err != nil {
			return err
		}
	}
	return t.err
}

// secretWords names the words found that are not public besides: names of areas, taxa,
// organisations and statuses, and what every snapshot says of itself.
func (r *run) secretWords(words map[word]string) error {
	if len(words) == 0 {
		return nil
	}
	left := newNeedles()
	secret := map[string]bool{}
	for w := range words {
		left.word(w.text, w.trace)
		secret[w.text] = true
	}
	var buf []byte
	say := func(t string) {
		if len(t) >= windowBytes {
			buf = append(buf[:0], t...)
			left.scan(buf, 0, len(buf), func(f finding) { delete(secret, f.text) })
		}
	}
	if err := r.publicTexts(func(texts ...string) bool {
		for _, t := range texts {
			say(t)
			if folded := taxon.Fold(t); folded != t {
				say(folded)
			}
		}
		return len(secret) > 0
	}); err != nil {
		return err
	}
	var leaks []Leak
	for w, file := range words {
		if secret[w.text] {
			leaks = append(leaks, Leak{Name: traceNames[w.trace], Detail: file})
		}
	}
	slices.SortFunc(leaks, func(a, b Leak) int { return strings.Compare(a.Name+a.Detail, b.Name+b.Detail) })
	for _, l := range leaks {
		r.proof.leak(l)
	}
	return nil
}

// publicTexts gives every text that a snapshot may hold whatever the observations, until it is
// told that it is enough; the fewer first.
func (r *run) publicTexts(more func(...string) bool) error {
	meta, err := json.Marshal(r.Meta)
	if err != nil {
		return err
	}
	if !more(string(meta)) || !more(atlas.Texts()...) {
		return nil
	}
	for _, clean := range r.tally.orgs {
		if !more(clean) {
			return nil
		}
	}
	for name := range r.sums.orgs { // also those taken over, or shown as the last batch had them
		if !more(name) {
			return nil
		}
	}
	for i := range r.refs.Areas {
		if !more(r.refs.Areas[i].Name, r.refs.Areas[i].Key.Code()) {
			return nil
		}
	}
	for i := range r.refs.Statuses {
		s := &r.refs.Statuses[i]
		if !more(s.Type, s.TypeLabel, s.Code, s.Label, s.Territory, s.Remark, s.Citation, s.URL, taxon.StatusTypeLabel(s.Type)) {
			return nil
		}
	}
	for n := range r.refs.Taxonomy.All() {
		if !more(n.ScientificName, n.Author, n.FullName, n.Vernacular, n.VernacularEN, n.Kingdom, n.Phylum, n.Class, n.Order, n.Family, n.Group1, n.Group2) {
			return nil
		}
	}
	return nil
}

// onLines reports whether a ring has a vertex of a longitude and one, perhaps another, of a latitude. The second
// coordinate is looked for around the first, where outlines have eight vertices: of four million
// places, two or three are there by chance, and of places written with five decimals, as vertices are, dozens.
func onLines(ring orb.Ring, lon, lat float64) bool {
	x, y := false, false
	for _, p := range ring {
		x, y = x || p[0] == lon, y || p[1] == lat
	}
	return x && y
}

// publicPoint reports whether a point has the coordinates of vertices of a public outline, or is a corner of the box around
// one as sheets tell it, or a corner of a cell. Of two million points, a few are there by chance.
func (r *run) publicPoint(lon, lat float64) bool {
	for i := range r.refs.Areas {
		bound, first := orb.Bound{}, true
		for _, polygon := range r.refs.Areas[i].Geometry {
			for _, ring := range polygon {
				if onLines(ring, lon, lat) {
					return true
				}
			}
			if b := polygon.Bound(); first {
				bound, first = b, false
			} else {
				bound = bound.Union(b)
			}
		}
		if !first && cornerOf(bound, lon, lat, thinned) {
			return true
		}
	}
	for _, k := range [...]geo.Kind{geo.Cell1, geo.Cell2, geo.Cell5, geo.Cell10, geo.Cell20, geo.Cell50} {
		side := float64(k.Mesh()) * 1000
		x, y := geo.ToLambert93(lon, lat)
		for _, d := range [...][2]float64{{0, 0}, {-1, 0}, {1, 0}, {0, -1}, {0, 1}} {
			if cornerOf(geo.CellRing(geo.CellAt(k, x+d[0]*side, y+d[1]*side)).Bound(), lon, lat, written) {
				return true
			}
		}
	}
	x, y := geo.ToLambert93(lon, lat)
	off := func(v float64) float64 { return math.Abs(v - math.Round(v/1000)*1000) }
	return off(x) < 0.01 && off(y) < 0.01
}

// How far, in degrees, the box of a sheet may be from that of the outline: sheets write five
// decimals, and thin outlines by twenty metres.
const (
	written = 1.5e-5
	thinned = 3e-4
)

// cornerOf reports whether a point is a corner of a box, to a distance in degrees.
func cornerOf(b orb.Bound, lon, lat, off float64) bool {
	beside := func(v, a, b float64) bool { return math.Abs(v-a) < off || math.Abs(v-b) < off }
	return beside(lon, b.Min[0], b.Max[0]) && beside(lat, b.Min[1], b.Max[1])
}
