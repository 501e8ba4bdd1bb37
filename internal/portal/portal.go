// Package portal makes the public pages: home, search, species and area sheets, lists. It
// opens the atlas and nothing else, so no page can show what the atlas never held.
//
// It decides how things look and read; never what may be shown (disclosure does, upstream).
// Pages are whole without JavaScript; where scripts may improve them is written down in
// web/HOOKS.md. Styles live in web/src/css.
package portal

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"garrigue/internal/atlas"
	"garrigue/internal/i18n"
)

// Options are the portal's settings.
type Options struct {
	Log *slog.Logger
	// Now is the clock: pages frame the current ten-day period.
	Now func() time.Time
	// Languages offered ("fr", "en", "oc"), the first at the root and the others under
	// /<lang>/. Empty: French and English.
	Languages []string
	// BackgroundURL is a raster tile template ("https://…/{z}/{x}/{y}.png"), empty for our own
	// map of the territory; BackgroundAttribution is the credit it asks for.
	BackgroundURL         string
	BackgroundAttribution string
	// PublicURL is the address the atlas is known by ("https://atlas.example"), for the site
	// map; empty: the address each visitor uses.
	PublicURL string
	// CacheBytes bounds the memory of finished pages; 0: 16 MB.
	CacheBytes int
}

// site answers the public's page requests.
type site struct {
	store  *atlas.Store
	o      Options
	log    *slog.Logger
	langs  []i18n.Lang
	assets *assets
	art    *drawings
	pages  *cache
	fonds  fondStore
	mux    *http.ServeMux
	csp    string
	// lastError is the page sent when even the error page cannot be made.
	lastError []byte
	refs      atomic.Uint64 // reference numbers of failures
}

// New returns the portal over the atlas store. The error is about the embedded files or the
// options.
func New(store *atlas.Store, o Options) (http.Handler, error) {
	return newSite(store, o)
}

func newSite(store *atlas.Store, o Options) (*site, error) {
	p := &site{store: store, o: o, log: o.Log}
	for _, tag := range o.Languages {
		lang, ok := i18n.Parse(tag)
		if !ok {
			return nil, fmt.Errorf("portal.New: no language %q", tag)
		}
		p.langs = append(p.langs, lang)
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if p.o.Now == nil {
		p.o.Now = time.Now
	}
	if len(p.langs) == 0 {
		p.langs = []i18n.Lang{i18n.FR, i18n.EN}
	}
	size := o.CacheBytes
	if size == 0 {
		size = 16 << 20
	}
	p.pages = newCache(size)
	var err error
	if p.assets, err = loadAssets(); err != nil {
		return nil, fmt.Errorf("portal.New: %w", err)
	}
	if p.art, err = loadDrawings(); err != nil {
		return nil, fmt.Errorf("portal.New: %w", err)
	}
	if p.csp, err = contentPolicy(o.BackgroundURL); err != nil {
		return nil, fmt.Errorf("portal.New: %w", err)
	}
	if p.lastError, err = p.staticError(); err != nil {
		return nil, fmt.Errorf("portal.New: %w", err)
	}
	p.mux = p.routes()
	store.Prepare(p.warm)
	return p, nil
}

// warm draws the survey sheet before anyone asks, as it is the slowest thing a first visitor
// would wait for. A failure is said to whoever asks: the sheet is tried again then.
func (p *site) warm(a *atlas.Atlas) {
	if _, err := p.fonds.draw(context.Background(), a); err != nil {
		p.log.Warn("portal: survey sheet", "err", err)
	}
}

// contentPolicy returns the Content-Security-Policy: our own files only, and the map
// background's host when one is set.
func contentPolicy(background string) (string, error) {
	host := ""
	if background != "" {
		u, err := url.Parse(background)
		if err != nil || u.Host == "" {
			return "", fmt.Errorf("the map background %q is not an address", background)
		}
		host = " " + u.Scheme + "://" + u.Host
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:" + host +
		"; font-src 'self'; connect-src 'self'" + host +
		"; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'", nil
}
