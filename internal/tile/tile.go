// Package tile draws the atlas as vector tiles (Mapbox Vector Tile 2.1): the cells and less
// precise areas of a taxon, the richness of the mesh, and the territory below them.
//
// It decides how places are cut and simplified for the screen, never what may be shown: it
// reads the atlas and nothing else. Cells are drawn exactly; outlines within a pixel.
//
//	GET /tuiles/{z}/{x}/{y}.mvt?taxon=CD_REF&de=YEAR&a=YEAR   layers mailles, cherchees, zones
//	GET /tuiles/richesse/{z}/{x}/{y}.mvt                      layer mailles (n, taxa)
//	GET /tuiles/fond/{z}/{x}/{y}.mvt                          layers mer, cote, region, departements, communes, labels
//
// Zooms 0 to 12: past it, tiles are stretched by the reader. A parameter s with the snapshot's
// id makes an answer immutable.
package tile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"garrigue/internal/atlas"
	"garrigue/internal/fault"
	"garrigue/internal/i18n"
	"garrigue/internal/taxon"
)

// maxZoom is the closest tile made, about 1:50,000.
const maxZoom = 12

// edition changes when the same snapshot gives other bytes, so that old ETags die.
const edition = "2"

// Memory kept for speed, in bytes: a visitor's screen is a dozen tiles of one subject, of
// which 10 MB hold some hundred of each. What left is made again in a few milliseconds.
const (
	tileBytes    = 4 << 20
	subjectBytes = 3 << 20
	shapeBytes   = 3 << 20
)

type server struct {
	store    *atlas.Store
	log      *slog.Logger
	tiles    *cache[tileName, finished]
	subjects *cache[subject, *places]
	shapes   *cache[shapeName, *shape]
	corners  lattice
	zips     sync.Pool

	names nameStore
	// making holds as many as draw a tile at once. Drawing is all processor: more of them only
	// hold their memory longer.
	making chan struct{}
}

type tileName struct {
	layer   string
	what    subject
	z, x, y int
}

// etag names one tile of one snapshot. Each tile has its own: MapLibre keeps the old picture
// when the answer to another address bears the tag it has.
func (n *tileName) etag() string {
	return fmt.Sprintf(`"%s.%s.%s-%d-%d-%d-%d-%d-%d"`, n.what.snapshot, edition, n.layer, n.what.taxon, n.what.from, n.what.to, n.z, n.x, n.y)
}

// finished is a tile ready to send: compressed, as all browsers take it. Empty when there is
// nothing to draw.
type finished []byte

// Handler answers /tuiles/. log may be nil.
func Handler(store *atlas.Store, log *slog.Logger) http.Handler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := newServer(store, log)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /tuiles/{z}/{x}/{y}", s.answer("cells"))
	mux.HandleFunc("GET /tuiles/richesse/{z}/{x}/{y}", s.answer("richness"))
	mux.HandleFunc("GET /tuiles/fond/{z}/{x}/{y}", s.answer("ground"))
	mux.HandleFunc("/tuiles/", func(w http.ResponseWriter, r *http.Request) {
		s.problem(w, r, fault.Say(fault.NotFound, "tile.none"))
	})
	return mux
}

func newServer(store *atlas.Store, log *slog.Logger) *server {
	s := &server{store: store, log: log, tiles: newCache[tileName, finished](tileBytes),
		subjects: newCache[subject, *places](subjectBytes), shapes: newCache[shapeName, *shape](shapeBytes)}
	s.corners.known = map[uint64]world{}
	s.zips.New = zipper
	s.making = make(chan struct{}, runtime.GOMAXPROCS(0))
	store.Prepare(func(a *atlas.Atlas) {
		if _, err := s.namesOf(context.Background(), a); err != nil {
			log.Warn("tile: names", "err", err) // tried again when asked for
		}
	})
	return s
}

func (s *server) answer(layer string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a, release := s.store.Acquire()
		defer release()
		name, err := parse(layer, r)
		if err != nil {
			s.problem(w, r, err)
			return
		}
		name.what.snapshot = a.Meta().ID
		etag := name.etag()
		h := w.Header()
		h.Set("Etag", etag)
		h.Set("Vary", "Accept-Encoding")
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cache-Control", "public, max-age=300")
		if r.URL.Query().Get("s") == a.Meta().ID {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		if strings.Contains(r.Header.Get("If-None-Match"), etag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		t, err := s.tile(r.Context(), a, name)
		if err != nil {
			h.Del("Etag")
			s.problem(w, r, err)
			return
		}
		s.send(w, r, t)
	}
}

func (s *server) send(w http.ResponseWriter, r *http.Request, t finished) {
	h, body := w.Header(), []byte(t)
	h.Set("Content-Type", "application/vnd.mapbox-vector-tile")
	switch {
	case len(t) == 0:
	case strings.Contains(r.Header.Get("Accept-Encoding"), "gzip"):
		h.Set("Content-Encoding", "gzip")
	default:
		z, err := gzip.NewReader(bytes.NewReader(t))
		if err == nil {
			body, err = io.ReadAll(z)
		}
		if err != nil {
			panic(err) // we compressed it ourselves a moment ago
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body)
}

// tile returns a finished tile, remembered.
func (s *server) tile(ctx context.Context, a *atlas.Atlas, name tileName) (finished, error) {
	if t, ok := s.tiles.get(name); ok {
		return t, nil
	}
	select {
	case s.making <- struct{}{}:
		defer func() { <-s.making }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	g := newGrid(name.z, name.x, name.y)
	var plain []byte
	if name.layer == "ground" {
		var err error
		if plain, err = s.ground(ctx, a, g); err != nil {
			return nil, err
		}
	} else {
		p, err := s.placesOf(ctx, a, name.what)
		if err != nil {
			return nil, err
		}
		plain = p.encode(g)
	}
	t := finished(s.zip(plain))
	s.tiles.put(name, t, cap(t)+300) // with its name and place in the cache
	return t, nil
}

func zipper() any {
	w, _ := gzip.NewWriterLevel(nil, 3) // only a wrong level fails
	return w
}

func (s *server) zip(plain []byte) []byte {
	if len(plain) == 0 {
		return nil
	}
	z := s.zips.Get().(*gzip.Writer)
	defer s.zips.Put(z)
	var b bytes.Buffer
	b.Grow(len(plain)/2 + 64)
	z.Reset(&b)
	z.Write(plain) // a bytes.Buffer does not fail
	z.Close()
	return bytes.Clone(b.Bytes())
}

// parse reads what tile is asked for.
func parse(layer string, r *http.Request) (tileName, error) {
	name := tileName{layer: layer}
	y, isTile := strings.CutSuffix(r.PathValue("y"), ".mvt")
	var okZ, okX, okY bool
	name.z, okZ = whole(r.PathValue("z"), maxZoom)
	name.x, okX = whole(r.PathValue("x"), 1<<name.z-1)
	name.y, okY = whole(y, 1<<name.z-1)
	if !isTile || !okZ || !okX || !okY {
		return name, fault.Say(fault.NotFound, "tile.none")
	}
	if layer != "cells" {
		return name, nil
	}
	q := r.URL.Query()
	cd, ok := whole(q.Get("taxon"), 1<<31-1)
	if !ok || cd == 0 {
		return name, fault.Say(fault.Invalid, "tile.taxon")
	}
	name.what.taxon = taxon.CdRef(cd)
	for key, year := range map[string]*int{"de": &name.what.from, "a": &name.what.to} {
		if v := q.Get(key); v != "" {
			if *year, ok = whole(v, 9999); !ok {
				return name, fault.Say(fault.Invalid, "tile.year", key)
			}
		}
	}
	return name, nil
}

// whole reads a whole number from 0 to max, written plainly.
func whole(s string, max int) (int, bool) {
	if s == "" || len(s) > 10 || len(s) > 1 && s[0] == '0' {
		return 0, false
	}
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, n <= max
}

// problem answers an error as problem JSON (RFC 9457) in the visitor's language.
func (s *server) problem(w http.ResponseWriter, r *http.Request, err error) {
	status := map[fault.Kind]int{fault.NotFound: 404, fault.Invalid: 400, fault.Unavailable: 503}[fault.KindOf(err)]
	lang, _ := i18n.Parse(r.Header.Get("Accept-Language"))
	detail := i18n.T(lang, "tile.failed")
	if status == 0 {
		status = 500
		if r.Context().Err() == nil {
			s.log.Error("tile", "path", r.URL.Path, "err", err)
		}
	} else if key, args := sentence(err); key != "" {
		detail = i18n.T(lang, key, args...)
	}
	body, _ := json.Marshal(map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail})
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept-Language")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(body)
}

// sentence returns the catalogue entry of a classified error.
func sentence(err error) (string, []any) {
	var e *fault.Error
	if errors.As(err, &e) {
		return e.Key, e.Args
	}
	return "", nil
}
