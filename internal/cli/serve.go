package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"garrigue/internal/api"
	"garrigue/internal/atlas"
	"garrigue/internal/demo"
	"garrigue/internal/fault"
	"garrigue/internal/i18n"
	"garrigue/internal/portal"
	"garrigue/internal/tile"
)

// serveCmd serves the public atlas.
type serveCmd struct {
	Addr        string   `name:"addr" placeholder:"HOST:PORT" help:"${cli_serve_addr}"`
	Only        string   `name:"only" placeholder:"atlas" help:"${cli_serve_only}"`
	Languages   []string `name:"languages" placeholder:"fr,en" help:"${cli_serve_languages}"`
	Background  string   `name:"background" placeholder:"URL" help:"${cli_serve_background}"`
	Attribution string   `name:"attribution" help:"${cli_serve_attribution}"`
}

// Run serves until interrupted. Of the instance it reads the settings, once, and opens the atlas
// folder. With --only atlas it does not even read the settings, which may name the vault's database
// and its sources: what is served is said by the snapshot and by the flags alone, so that a replica
// needs nothing but a copy of the folder, and whoever takes over the process finds nothing else open.
func (c *serveCmd) Run(e *env) error {
	s := &settings{}
	switch c.Only {
	case "":
		var err error
		if s, err = loadSettings(e.dir); err != nil {
			return err
		}
	case "atlas":
		s.Serve.Addr, s.Languages.Shown = defaultAddr, defaultLanguages()
	default:
		return usageError{fault.Say(fault.Invalid, "serve.only", c.Only)}
	}
	for _, l := range c.Languages {
		if _, ok := i18n.Parse(l); !ok {
			return usageError{fault.Say(fault.Invalid, "serve.language", l)}
		}
	}
	if len(c.Languages) > 0 {
		s.Languages.Shown = c.Languages
	}
	if c.Background != "" {
		s.Map.BackgroundURL, s.Map.BackgroundAttribution = c.Background, c.Attribution
	}
	return serve(e, s, firstOf(c.Addr, s.Serve.Addr))
}

// The memory `garrigue serve` takes on purpose: an atlas should fit on a small shared server, so
// the whole process stays under 150 MB while it answers from 2 million observations. Half of
// what is alive may be waste before it is collected (Go's own measure is as much as is alive:
// it doubled 50 MB for nothing, as the processor has time), and past memoryLimit, which bursts
// of large tiles reach, the collector runs more often rather than the process grow. What an
// operator sets in GOGC or GOMEMLIMIT comes first.
const (
	wastePercent = 50
	memoryLimit  = 80 << 20
)

func boundMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(wastePercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}

func serve(e *env, s *settings, addr string) (err error) {
	boundMemory()
	log := slog.New(slog.NewTextHandler(e.sys.Stderr, nil))
	store, err := atlas.OpenStore(atlasDir(e.dir), log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	h, err := public(store, s, log)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return fault.Say(fault.Unavailable, "serve.listen", addr).Because(err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 60 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	e.say("serve.ready", "http://"+ln.Addr().String())
	select {
	case err := <-done:
		return err
	case <-e.ctx.Done():
	}
	// The context is over: give requests under way a moment of their own.
	stop, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), 10*time.Second)
	defer cancel()
	return srv.Shutdown(stop)
}

// public assembles everything the public is answered: pages, tiles, open API. All of it reads
// the atlas store alone.
func public(store *atlas.Store, s *settings, log *slog.Logger) (http.Handler, error) {
	pages, err := portal.New(store, portal.Options{
		Log: log, Now: time.Now, Languages: s.Languages.Shown,
		BackgroundURL: s.Map.BackgroundURL, BackgroundAttribution: s.Map.BackgroundAttribution,
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", pages)
	mux.Handle("/tuiles/", tile.Handler(store, log))
	mux.Handle("/api/", api.Handler(store, api.Options{Log: log}))
	return mux, nil
}

// demoCmd builds a fictional instance and serves it.
type demoCmd struct {
	Addr         string `name:"addr" default:"127.0.0.1:8080" help:"${cli_serve_addr}"`
	Into         string `name:"into" placeholder:"DIR" help:"${cli_demo_into}"`
	Reference    string `name:"reference" type:"existingdir" placeholder:"DIR" help:"${cli_demo_reference}"`
	Observations int    `name:"observations" default:"100000" help:"${cli_demo_observations}"`
	NoServe      bool   `name:"no-serve" help:"${cli_demo_noserve}"`
	Quiet        bool   `name:"quiet" short:"q" help:"${cli_flag_quiet}"`
}

// Run builds the demo where there is none yet, then serves it.
func (c *demoCmd) Run(e *env) error {
	if c.Observations < 1 || c.Observations > 30_000_000 {
		return usageError{fault.Say(fault.Invalid, "demo.observations")}
	}
	dir := c.Into
	if dir == "" {
		tmp, err := os.MkdirTemp("", "garrigue-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		dir = filepath.Join(tmp, "demo")
	}
	e.dir = dir
	if _, err := os.Stat(filepath.Join(dir, settingsFile)); err != nil {
		if err := c.build(e, dir); err != nil {
			return err
		}
	}
	if c.NoServe {
		return nil
	}
	s, err := loadSettings(dir)
	if err != nil {
		return err
	}
	return serve(e, s, c.Addr)
}

// build makes the demo instance with the ordinary commands' own functions.
func (c *demoCmd) build(e *env, dir string) error {
	name, territory, publisher := demo.Identity(c.Reference != "")
	if err := createInstance(e, dir, name, territory, publisher, true); err != nil {
		return err
	}
	s, err := loadSettings(dir)
	if err != nil {
		return err
	}
	policy, err := s.policy(today())
	if err != nil {
		return err
	}
	p := newProgress(e, c.Quiet)
	started := time.Now()
	database := ""
	if e.flagged { // the environment may name the real one
		database = e.database
	}
	res, err := demo.Build(e.ctx, demo.Options{
		Dir: dir, Vault: database, Observations: c.Observations, Reference: c.Reference, Today: today(),
		Meta: s.meta(), Policy: policy, Keep: s.Publish.Keep, Progress: p.update, Log: e.log,
	})
	p.finish()
	if err != nil {
		// A half-built demo would be served as if it were whole.
		return errors.Join(err, os.Remove(filepath.Join(dir, settingsFile)))
	}
	fmt.Fprintln(e.sys.Stderr, e.t("demo.built", res.Published, res.Taxa, time.Since(started).Round(100*time.Millisecond).String()))
	return nil
}
