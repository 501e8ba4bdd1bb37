package nightly

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/civil"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/ingest"
	"garrigue/internal/observation"
	"garrigue/internal/source"
	"garrigue/internal/vault"
)

// childVariable makes this test binary synchronise once, to be killed: folder and address.
const childVariable = "GARRIGUE_NIGHTLY_CHILD"

func TestMain(m *testing.M) {
	dir, address, child := strings.Cut(os.Getenv(childVariable), " ")
	if !child {
		os.Exit(m.Run())
	}
	ctx := context.Background()
	db, err := vault.Open(ctx, filepath.Join(dir, "vault.sqlite"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	s, err := New(deps(db, dir, webSource(address)))
	if err == nil {
		_, err = s.Sync(ctx, "faune", BySchedule, "")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	db.Close()
	os.Exit(0)
}

func today() civil.Date {
	d, _ := civil.Make(2026, 11, 21)
	return d
}

func deps(db *vault.DB, dir string, sources ...source.Config) Deps {
	return Deps{DB: db, Sources: sources, Spool: filepath.Join(dir, "spool"), Import: ingest.Settings{Today: today(), Workers: 1}}
}

func webSource(address string) source.Config {
	return source.Config{Name: "faune", Kind: source.KindFile, Location: address, Pole: "Oiseaux", Expected: 4000, Complete: true}
}

func openVault(t *testing.T, dir string) *vault.DB {
	t.Helper()
	db, err := vault.Open(t.Context(), filepath.Join(dir, "vault.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func newSyncer(t *testing.T, d Deps) *Syncer {
	t.Helper()
	s, err := New(d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const header = "idOrigine;statutObservation;nomCite;cdNom;dateDebut;dateFin;observateur;dSPublique;organismeGestionnaireDonnee;statutSource;geometrie;natureObjetGeo\n"

func observations(from, to int) string {
	var b strings.Builder
	b.WriteString(header)
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "o%d;Pr;Chevêche d’Athéna;3511;2021-05-%02d;2021-05-%02d;NOM Prénom;Pu;Société;Te;POINT(3.%d 43.65);In\n", i, 1+i%28, 1+i%28, 100+i%700)
	}
	return b.String()
}

// served is a file on a server, which a test may change or slow down.
type served struct {
	content atomic.Pointer[string]
	status  atomic.Int32
	slow    atomic.Bool
	n       atomic.Int32
}

func (s *served) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.n.Add(1)
	if code := s.status.Load(); code != 0 {
		w.WriteHeader(int(code))
		return
	}
	body := *s.content.Load()
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, len(body)))
	w.Header().Set("Content-Type", "text/csv")
	if s.slow.Load() {
		w = dripping{w}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader([]byte(body)))
}

type dripping struct{ http.ResponseWriter }

func (d dripping) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		k, err := d.ResponseWriter.Write(p[:min(4096, len(p))])
		n += k
		if err != nil {
			return n, err
		}
		http.NewResponseController(d.ResponseWriter).Flush()
		time.Sleep(2 * time.Millisecond)
		p = p[k:]
	}
	return n, nil
}

func serve(t *testing.T, content string) (*served, string) {
	t.Helper()
	s := &served{}
	s.content.Store(&content)
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return s, srv.URL + "/faune.csv"
}

// dump is what a vault holds, but for numbers that depend on how often it was filled.
func dump(t *testing.T, db *vault.DB) []string {
	t.Helper()
	var list []string
	err := db.Observations(t.Context(), disclosure.Grant{Who: "test", Reason: "comparison"}, vault.Complete, func(o *observation.Observation) error {
		list = append(list, fmt.Sprint(o.SourceKey, o.IDSinp, o.When, o.Place.Lon, o.Observers, o.Held))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestSync(t *testing.T) {
	web, address := serve(t, observations(0, 100))
	dir := t.TempDir()
	db := openVault(t, dir)
	s := newSyncer(t, deps(db, dir, webSource(address)))
	ctx := t.Context()
	run, err := s.Sync(ctx, "faune", ByHand, "Anne")
	if err != nil || run.Outcome != Done || run.Created != 100 || run.Files != 1 || run.Bytes == 0 || run.Ended == nil {
		t.Fatalf("%+v %v", run, err)
	}
	if run, err = s.Sync(ctx, "faune", ByHand, ""); err != nil || run.Outcome != Unchanged || run.Read != 0 {
		t.Errorf("again: %+v %v", run, err)
	}
	// What the whole source lacks is withdrawn, the rest updated.
	fewer := observations(10, 120)
	web.content.Store(&fewer)
	if run, err = s.Sync(ctx, "faune", ByHand, ""); err != nil || run.Created != 20 || run.Withdrawn != 10 || run.Unchanged != 90 {
		t.Errorf("fewer: %+v %v", run, err)
	}
	// The server breaks: the run says so, and the next one goes on as if nothing had been.
	web.status.Store(404)
	run, err = s.Sync(ctx, "faune", BySchedule, "")
	if !fault.Is(err, fault.NotFound) || run.Outcome != Failed || run.Error == nil || run.Error.Key != "source.not_found" {
		t.Errorf("gone: %+v %v", run, err)
	}
	web.status.Store(0)
	// A file that is no table is refused, and asked for again at the next run.
	page := "ceci n’est pas un tableau\n"
	web.content.Store(&page)
	for range 2 {
		if run, err = s.Sync(ctx, "faune", ByHand, ""); !fault.Is(err, fault.Invalid) || run.Outcome != Failed || run.Refused != 1 {
			t.Errorf("refused: %+v %v", run, err)
		}
	}
	list, err := s.List(ctx)
	if err != nil || len(list) != 1 || list[0].Last.Outcome != Failed || list[0].Where != address {
		t.Errorf("%+v %v", list, err)
	}
	st, err := s.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if l := st.Sources[0]; l.Key != "faune" || l.Loaded+l.Waiting != 110 || l.Withdrawn != 10 || l.Expected != 4000 || l.Error == nil || l.LastImport == nil {
		t.Errorf("source line %+v", l)
	}
	if l := st.Poles[0]; l.Key != "Oiseaux" || l.Waiting != 110 || l.Held["unmatched_taxon"] != 110 {
		t.Errorf("pole line %+v", l)
	}
	if st.Public().Sources[0].Error != nil || st.Sources[0].Error == nil {
		t.Error("the public state tells errors")
	}
	if err := s.Snapshot(ctx); err != nil {
		t.Fatal(err)
	}
	days, err := s.History(ctx, 0)
	if err != nil || len(days) != 1 || days[0].Total.Withdrawn != 10 {
		t.Errorf("history %+v %v", days, err)
	}
	// Forgetting reads everything again and changes nothing.
	web.content.Store(&fewer)
	if err := s.Forget(ctx, "faune"); err != nil {
		t.Fatal(err)
	}
	if run, err = s.Sync(ctx, "faune", ByHand, ""); err != nil || run.Read == 0 || run.Changed() {
		t.Errorf("after forgetting: %+v %v", run, err)
	}
}

// Two at once: the second says so.
func TestSyncTwice(t *testing.T) {
	web, address := serve(t, observations(0, 3000))
	web.slow.Store(true)
	dir := t.TempDir()
	db := openVault(t, dir)
	one, two := newSyncer(t, deps(db, dir, webSource(address))), newSyncer(t, deps(db, dir, webSource(address)))
	done := make(chan error)
	go func() {
		_, err := one.Sync(t.Context(), "faune", ByHand, "")
		done <- err
	}()
	for web.n.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	run, err := two.Sync(t.Context(), "faune", ByHand, "")
	if !fault.Is(err, fault.Conflict) || run.Source != "" {
		t.Errorf("at the same time: %+v %v", run, err)
	}
	if list, err := two.List(t.Context()); err != nil || list[0].Last.Outcome != "" {
		t.Errorf("while it runs: %+v %v", list, err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if run, err := two.Sync(t.Context(), "faune", ByHand, ""); err != nil || run.Outcome != Unchanged {
		t.Errorf("afterwards: %+v %v", run, err)
	}
}

// Killed at random instants and run again, the vault is that of one clean run.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	web, address := serve(t, observations(0, 4000))
	web.slow.Store(true)
	clean := t.TempDir()
	db := openVault(t, clean)
	if _, err := newSyncer(t, deps(db, clean, webSource(address))).Sync(t.Context(), "faune", ByHand, ""); err != nil {
		t.Fatal(err)
	}
	want := dump(t, db)
	rng := rand.New(rand.NewPCG(7, 7))
	killed, rounds := 0, 0
	for killed < 20 && rounds < 30 {
		rounds++
		dir := t.TempDir()
		for whole := false; !whole && killed < 20; {
			cmd := exec.Command(os.Args[0], "-test.run=^$")
			cmd.Env = append(os.Environ(), childVariable+"="+dir+" "+address)
			var said bytes.Buffer
			cmd.Stderr = &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(time.Duration(50+rng.IntN(600))*time.Millisecond, func() { cmd.Process.Kill() })
			err := cmd.Wait()
			var exit *exec.ExitError
			switch {
			case timer.Stop():
				if whole = true; err != nil {
					t.Fatalf("%v: %s", err, said.String())
				}
			case errors.As(err, &exit):
				killed++
			}
		}
		db := openVault(t, dir)
		s := newSyncer(t, deps(db, dir, webSource(address)))
		if _, err := s.Sync(t.Context(), "faune", ByHand, ""); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, dump(t, db)); diff != "" {
			t.Fatalf("round %d: %s", rounds, diff[:min(len(diff), 500)])
		}
		if err := db.Check(t.Context()); err != nil {
			t.Error(err)
		}
		runs, err := s.Runs(t.Context(), "", 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range runs[1:] {
			if r.Ended == nil || r.Outcome != Stopped && r.Outcome != Done && r.Outcome != Unchanged {
				t.Errorf("a killed run is left %q", r.Outcome)
			}
		}
	}
	t.Logf("killed %d times in %d rounds", killed, rounds)
}

// clock is a time that moves when somebody sleeps.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }
func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.now = c.now.Add(d)
	return ctx.Err()
}

// Watch reads each source at its hours, makes up once for what was missed, and publishes after
// a change.
func TestWatch(t *testing.T) {
	web, address := serve(t, observations(0, 10))
	dir := t.TempDir()
	db := openVault(t, dir)
	nightly := webSource(address)
	nightly.Schedule = "30 2 * * *"
	byHand := webSource(address)
	byHand.Name = "main"
	c := &clock{now: time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC)}
	d := deps(db, dir, nightly, byHand)
	d.Now, d.Sleep = c.Now, c.Sleep
	published := 0
	d.Publish = func(context.Context) error { published++; return nil }
	watch := func(runs int) []string {
		ctx, cancel := context.WithCancel(t.Context())
		var at []string
		err := newSyncer(t, d).Watch(ctx, func(r Run, err error) {
			if err != nil {
				t.Error(err)
			}
			at = append(at, r.Source+" "+r.Started.Format("02T15:04")+" "+r.Outcome)
			if len(at) == runs {
				cancel()
			}
		}, nil)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the watch ends with %v", err)
		}
		return at
	}
	got := watch(3)
	want := []string{"faune 28T01:30 done", "faune 29T01:00 unchanged", "faune 30T00:30 unchanged"}
	if diff := cmp.Diff(want, got); diff != "" || published != 1 {
		t.Errorf("published %d times; %s", published, diff)
	}
	// Four days off: one run at once, then the usual hour.
	more := observations(0, 20)
	web.content.Store(&more)
	c.now = time.Date(2026, 4, 3, 10, 30, 0, 0, time.UTC)
	got = watch(2)
	want = []string{"faune 03T10:30 done", "faune 04T00:30 unchanged"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if days, err := newSyncer(t, d).History(t.Context(), 0); err != nil || len(days) < 3 {
		t.Errorf("%d days of history, %v", len(days), err)
	}
	d.Sources = []source.Config{byHand}
	if err := newSyncer(t, d).Watch(t.Context(), nil, nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("nothing to watch: %v", err)
	}
}

// A scheduled run that fails for a reason that may pass is made again, not for ever; one that
// was stopped is taken up at once; a publication that failed is made at the next turn.
func TestWatchAgain(t *testing.T) {
	web, address := serve(t, observations(0, 10))
	dir := t.TempDir()
	db := openVault(t, dir)
	cfg := webSource(address)
	cfg.Schedule, cfg.Options = "30 2 * * *", map[string]string{source.OptionTries: "1"}
	c := &clock{now: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)}
	d := deps(db, dir, cfg)
	d.Now, d.Sleep = c.Now, c.Sleep
	published := 0
	d.Publish = func(context.Context) error {
		if published++; published == 1 {
			return errors.New("no")
		}
		return nil
	}
	watch := func(runs int, heal int) (at []string) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		err := newSyncer(t, d).Watch(ctx, func(r Run, err error) {
			at = append(at, r.Started.Format("02T15:04")+" "+r.Outcome)
			if len(at) == heal {
				web.status.Store(0)
			}
			if len(at) == runs {
				cancel()
			}
		}, nil)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the watch ends with %v", err)
		}
		return at
	}
	web.status.Store(503)
	want := []string{"02T00:30 failed", "02T00:45 failed", "02T01:00 failed", "02T01:15 failed", "03T00:30 failed", "03T00:45 done", "04T00:30 unchanged", "05T00:30 unchanged"}
	if diff := cmp.Diff(want, watch(8, 5)); diff != "" {
		t.Error(diff)
	}
	if published != 2 {
		t.Errorf("published %d times: once in vain, once at the next turn", published)
	}
	// What will not pass is not tried again before its hour.
	web.status.Store(403)
	if diff := cmp.Diff([]string{"06T00:30 failed", "07T00:30 failed"}, watch(2, 0)); diff != "" {
		t.Error(diff)
	}
	web.status.Store(0)
	// The program ended in the middle of a run, four times: then it waits for the hour.
	c.now = time.Date(2026, 6, 8, 0, 30, 0, 0, time.UTC)
	for i := range retries + 1 {
		if _, err := db.BeginRun(t.Context(), vault.SourceRun{Source: "faune", Trigger: BySchedule, Started: c.now}); err != nil {
			t.Fatal(err)
		}
		c.now = c.now.Add(time.Minute)
		due, err := newSyncer(t, d).due(t.Context())
		if at := due["faune"]; err != nil || at.Equal(c.now) != (i < retries) {
			t.Errorf("stopped %d times, due %v at %v, %v", i+1, at, c.now, err)
		}
	}
}

// A source that suddenly lacks most of what it brought is refused every night until a person
// has looked; the schedule never forces it.
func TestForceWithdraw(t *testing.T) {
	dir := t.TempDir()
	db := openVault(t, dir)
	whole := observations(0, 1000)
	web, address := serve(t, whole)
	d := deps(db, dir, webSource(address))
	if _, err := newSyncer(t, d).Sync(t.Context(), "faune", ByHand, ""); err != nil {
		t.Fatal(err)
	}
	cut := observations(0, 300)
	web.content.Store(&cut)
	var refused *fault.Error
	if _, err := newSyncer(t, d).Sync(t.Context(), "faune", BySchedule, ""); !errors.As(err, &refused) || refused.Kind != fault.Conflict {
		t.Fatalf("700 of 1,000 rows gone: %v", err)
	}
	d.ForceWithdraw = true
	if _, err := newSyncer(t, d).Sync(t.Context(), "faune", BySchedule, ""); err == nil {
		t.Fatal("the schedule forced a withdrawal")
	}
	run, err := newSyncer(t, d).Sync(t.Context(), "faune", ByHand, "")
	if err != nil || run.Withdrawn != 700 || len(dump(t, db)) != 300 {
		t.Fatalf("forced by hand: %v, %d withdrawn, %d left", err, run.Withdrawn, len(dump(t, db)))
	}
}
