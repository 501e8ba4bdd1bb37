package garrigue_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/atlas"
	"garrigue/internal/civil"
	"garrigue/internal/consent"
	"garrigue/internal/dataset"
	"garrigue/internal/ingest"
	"garrigue/internal/publish"
	"garrigue/internal/sensitivity"
	"garrigue/internal/vault"
)

// TestDaysAddUp: a vault is drawn and published, then told of other days: observations new, corrected,
// withdrawn and come back, choices, a year that turns, durations that end, lists that change. Each day's publication
// reads only what changed. It must make the very atlas, and tell the very figures, of one that reads everything.
func TestDaysAddUp(t *testing.T) {
	n, _ := worlds(t)
	vaults := 6
	if os.Getenv("GARRIGUE_VAULTS") != "" {
		vaults = number(t, "GARRIGUE_VAULTS", vaults)
	}
	first := number(t, "GARRIGUE_SEED", 1)
	for w := range n {
		t.Run(fmt.Sprint("world", w), func(t *testing.T) {
			t.Parallel()
			b := newBed(t, w)
			kept, all := 0, 0
			for i := range vaults {
				seed := first + i
				k, n := b.days(t, seed, b.world.sightings().Example(seed*2003+w))
				kept, all = kept+k, all+n
			}
			t.Logf("%d of %d observations were taken over", kept, all)
			if kept < all/10 {
				t.Error("hardly anything was taken over")
			}
		})
	}
}

// calendar is a vault that lives from day to day.
type calendar struct {
	*bed
	r     *rand.Rand
	today civil.Date
	list  []sighting
	gone  map[string]bool // withdrawn, by key
	drawn int
	pool  []sighting // of which changes are drawn
}

// days publishes a vault on several days, and returns how many observations were taken over, and of
// how many.
func (b *bed) days(t *testing.T, seed int, list []sighting) (kept, all int) {
	t.Helper()
	c := &calendar{bed: b, r: rand.New(rand.NewPCG(uint64(seed), 7)), list: list, gone: map[string]bool{}}
	c.today, _ = civil.Parse(pick(c.r, []string{"2026-11-21", "2035-05-10", "2034-12-22", "2034-12-29", "2029-07-29"}))
	c.restore(t)
	dir := filepath.Join(b.dir, "days")
	must0(t, os.RemoveAll(dir))
	must0(t, os.MkdirAll(dir, 0o750))
	for day := range 4 {
		if day > 0 {
			c.today += civil.Date(c.r.IntN(3))
			c.change(t)
		}
		c.tell(t, day)
		quick, slow, diff := c.both(t, dir)
		if diff != "" {
			t.Fatalf("seed %d, day %d, %s: not as if everything had been read:\n%s", seed, day, c.today, diff)
		}
		kept, all = kept+quick.Proof.Kept, all+slow.Published
	}
	return kept, all
}

// restore makes the empty vault.
func (c *calendar) restore(t *testing.T) {
	t.Helper()
	copyVault(t, filepath.Join(c.dir, "template"), filepath.Join(c.dir, "day"))
}

// copyVault copies the files of a closed vault, named without their ending.
func copyVault(t *testing.T, from, to string) {
	t.Helper()
	for _, part := range []string{".sqlite", "-journal.sqlite", "-register.sqlite"} {
		for _, rest := range []string{"-wal", "-shm"} {
			os.Remove(to + part + rest)
		}
		raw, err := os.ReadFile(from + part)
		must0(t, err)
		must0(t, os.WriteFile(to+part, raw, 0o600))
	}
}

// change draws what the producers changed.
func (c *calendar) change(t *testing.T) {
	t.Helper()
	for i := range c.list {
		if c.r.IntN(8) > 0 {
			continue
		}
		s := c.draw(i)
		s.Key = c.list[i].Key
		if c.r.IntN(2) == 0 { // corrected in one thing only
			was := c.list[i]
			switch c.r.IntN(4) {
			case 0:
				was.Taxon = s.Taxon
			case 1:
				was.Valid, was.Wish, was.Stated = s.Valid, s.Wish, s.Stated
			case 2:
				was.X, was.Y = s.X, s.Y
			case 3:
				was.Date, was.Group = s.Date, s.Group
			}
			s = was
		}
		c.list[i] = s
	}
	for range c.r.IntN(5) {
		if len(c.list) >= len(c.world.people) {
			break
		}
		s := c.draw(len(c.list))
		s.Key = fmt.Sprintf("n%d", len(c.list))
		c.list = append(c.list, s)
	}
}

// draw draws a sighting, sometimes a twin of another.
func (c *calendar) draw(i int) sighting {
	c.drawn++
	if len(c.pool) == 0 { // drawing one takes as long as publishing
		for range 3 {
			c.pool = append(c.pool, c.world.sightings().Example(c.r.IntN(1<<30))...)
		}
	}
	s := pick(c.r, c.pool)
	s.Twin, s.Observer = i, c.world.people[i]
	if c.r.IntN(3) == 0 {
		of := c.list[c.r.IntN(len(c.list))]
		s.Taxon, s.Date, s.Presence, s.Observer, s.X, s.Y, s.Support, s.Given, s.W, s.H = of.Taxon, of.Date, of.Presence, of.Observer, of.X, of.Y, of.Support, of.Given, of.W, of.H
	}
	return s
}

// tell imports what there is, withdraws some, and classes again what must be.
func (c *calendar) tell(t *testing.T, day int) {
	t.Helper()
	ctx := t.Context()
	withVault(t, filepath.Join(c.dir, "day.sqlite"), func(db *vault.DB) {
		policy := c.world.policy
		policy.Today = c.today
		set := ingest.Settings{Today: c.today, Policy: &policy, Workers: 1}
		im, err := ingest.NewImporter(ctx, db, set)
		must0(t, err)
		rows := filepath.Join(c.dir, "day.csv")
		var some []sighting
		for _, s := range c.list {
			if !c.gone[s.Key] || c.r.IntN(4) == 0 {
				some = append(some, s)
				delete(c.gone, s.Key)
			}
		}
		c.world.write(t, rows, some)
		rep, err := im.Import(ctx, rows, ingest.Options{})
		must0(t, err)
		if rep.Rejected > 0 {
			t.Fatalf("rejected: %v", rep.Rejects)
		}
		if day > 0 {
			c.withdraw(t, db)
			if c.r.IntN(3) == 0 {
				must0(t, db.RecordChoices(ctx, consent.Choice{Explicit: true, Observer: c.world.people[c.r.IntN(20)],
					Upto: consent.Precision(fmt.Sprint(c.r.IntN(6))), Date: c.today}))
			}
			if c.r.IntN(6) == 0 {
				_, err := db.PutSensitivity(ctx, vault.Reference{Kind: "sensitivity", Name: "lists", Version: fmt.Sprint(c.drawn), SHA256: fmt.Sprint(c.drawn)},
					c.world.lists, each(append([]sensitivity.Rule{{List: "9", CdNom: pick(c.r, c.world.seen), Level: 3}}, c.world.rules...)))
				must0(t, err)
			}
		}
		if stale, err := ingest.Stale(ctx, db, set); err != nil || stale {
			must0(t, err)
			_, err := ingest.Reclass(ctx, db, set, nil)
			must0(t, err)
		}
	})
}

func (c *calendar) withdraw(t *testing.T, db *vault.DB) {
	t.Helper()
	ctx := t.Context()
	ids := map[int]dataset.ID{}
	for i := range 3 {
		d, err := db.EnsureDataset(ctx, dataset.Dataset{Name: fmt.Sprintf("jeu %d", i)})
		must0(t, err)
		ids[i] = d.ID
	}
	b, err := db.Begin(ctx, vault.BatchInfo{File: "suppressions.csv"})
	must0(t, err)
	defer b.Rollback()
	for _, s := range c.list {
		if c.r.IntN(12) == 0 && !c.gone[s.Key] {
			_, err := b.Withdraw(ctx, ids[s.Dataset], s.Key)
			must0(t, err)
			c.gone[s.Key] = true
		}
	}
	_, err = b.Commit(ctx, vault.BatchInfo{})
	must0(t, err)
}

// both publishes the vault, from what changed, and a copy of it, whole, and tells how they differ.
func (c *calendar) both(t *testing.T, dir string) (quick, slow publish.Result, diff string) {
	t.Helper()
	vaultOf, draw := filepath.Join(c.dir, "day"), c.r.Uint64()>>12|1
	copyVault(t, vaultOf, vaultOf+"2")
	run := func(path, to, kept string) (res publish.Result) {
		withVault(t, path, func(db *vault.DB) {
			o := publish.Options{Dir: filepath.Join(dir, to), Kept: kept, Seed: draw, Policy: c.world.policy, Meta: atlas.Meta{Title: "Atlas d’essai",
				Territory: "Pays d’essai", Publisher: "Essai", Licence: "etalab-2.0", Fictional: true, Mesh: c.world.policy.Mesh}}
			o.Policy.Today = c.today
			var err error
			if res, err = publish.Run(t.Context(), db, o); err != nil {
				t.Fatalf("%s, drawn by %d: %v", c.today, draw, err)
			}
		})
		return res
	}
	slow = run(vaultOf+"2.sqlite", "slow", "")
	quick = run(vaultOf+".sqlite", "quick", filepath.Join(dir, "kept"))
	figures := func(r publish.Result) publish.Result {
		return publish.Result{Published: r.Published, Blurred: r.Blurred, Withheld: r.Withheld, Taxa: r.Taxa, Batch: r.Batch}
	}
	if diff := cmp.Diff(figures(slow), figures(quick)); diff != "" {
		return quick, slow, diff
	}
	return quick, slow, compareSnapshots(t, filepath.Join(dir, "slow", slow.ID+".gpkg"), filepath.Join(dir, "quick", quick.ID+".gpkg"))
}
