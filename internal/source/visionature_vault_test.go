package source_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/disclosure"
	"garrigue/internal/ingest"
	"garrigue/internal/observation"
	"garrigue/internal/source"
	"garrigue/internal/source/sourcetest"
	"garrigue/internal/vault"
)

// live lists what a vault holds of a source, but what was withdrawn.
func live(t *testing.T, db *vault.DB) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := db.Observations(t.Context(), disclosure.Grant{Who: "test", Reason: "compare"}, vault.Complete, func(o *observation.Observation) error {
		out[o.SourceKey] = fmt.Sprint(o.IDSinp, o.When, o.CountMin, o.Place.Lon, o.Place.Lat, o.NameCited, o.Diffusion, o.Validation)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestChangesGiveWhatAFullRunGives synchronises one vault day after day by the changes the site
// tells, another once at the end: they hold the same.
func TestChangesGiveWhatAFullRunGives(t *testing.T) {
	now := time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)
	site := &sourcetest.VisioNature{Key: "k", Secret: "s", User: "u", Password: "p", PageSize: 7, Now: func() time.Time { return now },
		Access: map[string]string{"1": "full", "2": "full"}}
	put := func(id int, group string, count int) {
		site.Put(sourcetest.VisioObs{ID: strconv.Itoa(id), Group: group, Lat: 43.5, Lon: 3.1 + float64(id)/1e4, Day: time.Date(2025, 5, id%28+1, 0, 0, 0, 0, time.UTC), Count: count})
	}
	for i := range 40 {
		put(i, strconv.Itoa(i%2+1), i)
	}
	server := httptest.NewServer(site)
	defer server.Close()
	cfg := source.Config{Name: "faune", Kind: source.KindVisioNature, Location: server.URL,
		Secrets: map[string]string{"client_key": "A", "client_secret": "B", "user": "C", "password": "D"}}
	secrets := map[string]string{"client_key": "k", "client_secret": "s", "user": "u", "password": "p"}
	sync := func(db *vault.DB, spool string, state source.State) source.State {
		t.Helper()
		im, err := ingest.NewImporter(t.Context(), db, ingest.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		res, err := source.Fetch(t.Context(), cfg, state, source.Env{Spool: spool, Now: site.Now,
			Secret: func(name string) (string, error) { return secrets[name], nil }, Sleep: func(context.Context, time.Duration) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range res.Files {
			if _, err := im.Import(t.Context(), f.Path, ingest.Options{Dataset: f.Dataset, Format: f.Format, Source: cfg.Name, Complete: f.Complete}); err != nil {
				t.Fatal(err)
			}
		}
		if res.Done != nil {
			if err := res.Done(); err != nil {
				t.Fatal(err)
			}
		}
		return res.State
	}
	open := func(name string) *vault.DB {
		db, err := vault.Open(t.Context(), filepath.Join(t.TempDir(), name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	}
	daily, spool := open("daily.sqlite"), t.TempDir()
	state := sync(daily, spool, nil)
	for day := range 6 {
		now = now.Add(20 * time.Hour)
		put(3+day, strconv.Itoa((3+day)%2+1), 100+day) // changed
		put(50+day, "1", day)                          // new
		site.Delete(strconv.Itoa((20+day)%2+1), strconv.Itoa(20+day))
		if day == 4 {
			put(20, "1", 77) // deleted on the first day, back on the fifth
		}
		now = now.Add(4 * time.Hour)
		state = sync(daily, spool, state)
	}
	once := open("once.sqlite")
	sync(once, t.TempDir(), nil)
	got, want := live(t, daily), live(t, once)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if len(want) != 40+6-5 {
		t.Errorf("%d observations", len(want))
	}
}
