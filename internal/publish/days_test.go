package publish_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/atlas"
	"garrigue/internal/civil"
	"garrigue/internal/dataset"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/observation"
	"garrigue/internal/publish"
	"garrigue/internal/vault"
)

// onDay is options with batches, on a day.
func onDay(t *testing.T, dir, day string, minimum int) publish.Options {
	t.Helper()
	o := options(dir)
	o.Policy.Batch = disclosure.Batch{Every: "month", Minimum: minimum}
	today, ok := civil.Parse(day)
	if !ok {
		t.Fatalf("no such day: %s", day)
	}
	o.Policy.Today = today
	return o
}

// published publishes a vault and returns its result and every row of the snapshot.
func published(t *testing.T, db *vault.DB, o publish.Options) (publish.Result, string) {
	t.Helper()
	res, err := publish.Run(context.Background(), db, o)
	if err != nil {
		t.Fatal(err)
	}
	return res, dump(t, filepath.Join(o.Dir, res.ID+".gpkg"))
}

// write puts observations and withdraws others, in one batch of an import.
func write(t *testing.T, db *vault.DB, put []sight, withdraw []string) {
	t.Helper()
	ctx := context.Background()
	d, err := db.EnsureDataset(ctx, dataset.Dataset{Name: "essai", Public: "Pu"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := db.Begin(ctx, vault.BatchInfo{Dataset: d.ID, File: "essai.csv"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Rollback()
	for _, s := range put {
		if _, err := b.Put(ctx, s.observation(d.ID)); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range withdraw {
		if _, err := b.Withdraw(ctx, d.ID, key); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Commit(ctx, vault.BatchInfo{}); err != nil {
		t.Fatal(err)
	}
}

// world is a vault and what it was told, by key.
type world struct {
	db   *vault.DB
	last map[string]sight
}

func (w *world) tell(t *testing.T, list ...sight) {
	t.Helper()
	write(t, w.db, list, nil)
	for _, s := range list {
		w.last[s.key] = s
	}
}

// TestDaysCannotBeSubtracted: two vaults are told the same of ordinary observations and of what
// must be hidden more, but only one is told the rest of sensitive ones: new, corrected, less
// sensitive, withdrawn. Until the next batch their atlases are equal, row for row; after it, the
// atlas is that of a vault that had everything at once.
func TestDaysCannotBeSubtracted(t *testing.T) {
	rounds := 5
	if n, err := strconv.Atoi(os.Getenv("GARRIGUE_DAYS")); err == nil {
		rounds = n
	}
	waiting := 0
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 5))
		var first []sight
		sensitive := func(key string) sight {
			return sight{key, pick(r, 2657, 60313, 65680, 77756), 700000 + r.Float64()*29999, 6300000 + r.Float64()*19999,
				fmt.Sprintf("2025-%02d-%02d", 1+r.IntN(12), 1+r.IntN(28)), pick(r, sights[4:7]...).level, nil}
		}
		ordinary := func(key string) sight {
			s := sensitive(key)
			s.cd, s.level = pick(r, 79273, 900102, 3764, 77756), 0
			return s
		}
		for i := range 12 {
			first = append(first, ordinary(fmt.Sprint("o", i)), sensitive(fmt.Sprint("s", i)))
		}
		told := &world{fill(t, first), map[string]sight{}}
		quiet := &world{fill(t, first), map[string]sight{}}
		all := map[string]sight{}
		for _, s := range first {
			all[s.key] = s
		}
		dirs := [2]string{t.TempDir(), t.TempDir()}
		_, before := published(t, told.db, onDay(t, dirs[0], "2026-03-03", 5))
		if _, same := published(t, quiet.db, onDay(t, dirs[1], "2026-03-03", 5)); same != before {
			t.Fatal("the two vaults do not begin alike")
		}
		gone := map[string]bool{}
		for day := range 4 {
			for i := range 12 {
				switch key := fmt.Sprint("o", r.IntN(14)); r.IntN(4) {
				case 0: // both vaults
					s := ordinary(key)
					all[key] = s
					told.tell(t, s)
					quiet.tell(t, s)
				case 1:
					write(t, told.db, nil, []string{key})
					write(t, quiet.db, nil, []string{key})
					delete(all, key)
				}
				key := fmt.Sprint("s", i)
				if r.IntN(3) > 0 || gone[key] {
					continue
				}
				switch s := all[key]; r.IntN(5) {
				case 0: // both: it may be shown no more
					s.level, s.change, gone[key] = 4, nil, true
					all[key] = s
					told.tell(t, s)
					quiet.tell(t, s)
				case 1:
					s := sensitive(fmt.Sprint("n", day, i))
					all[s.key] = s
					told.tell(t, s)
				case 2: // corrected, at the same level
					s2 := sensitive(key)
					s2.level, s2.cd = s.level, s.cd
					if s2.cd == 77756 {
						s2.cd = 65680
					}
					all[key] = s2
					told.tell(t, s2)
				case 3:
					s.level = 0
					all[key] = s
					told.tell(t, s)
				case 4:
					write(t, told.db, nil, []string{key})
					delete(all, key)
					gone[key] = true
				}
			}
			date := fmt.Sprintf("2026-03-%02d", 4+day)
			res, a := published(t, told.db, onDay(t, dirs[0], date, 5))
			_, b := published(t, quiet.db, onDay(t, dirs[1], date, 5))
			if d := cmp.Diff(b, a); d != "" {
				t.Fatalf("round %d, day %d: what the sensitive ones changed shows:\n%s", seed, day, d)
			}
			if res.Batch == nil || res.Batch.Taken || res.Batch.Since != "2026-03-03" {
				t.Fatalf("batch: %+v", res.Batch)
			}
			waiting += res.Batch.Waiting
		}
		var final []sight
		for _, s := range all {
			final = append(final, s)
		}
		o := onDay(t, dirs[0], "2026-04-02", 5)
		o.Batch = true
		res, a := published(t, told.db, o)
		if !res.Batch.Taken || res.Withheld["batch"] > 0 {
			t.Fatalf("batch of April: %+v, %v", res.Batch, res.Withheld)
		}
		if _, b := published(t, fill(t, final), onDay(t, t.TempDir(), "2026-04-02", 5)); a != b {
			t.Fatalf("round %d: after the batch:\n%s", seed, cmp.Diff(b, a))
		}
	}
	if waiting < 10*rounds {
		t.Errorf("only %d changes waited in %d rounds", waiting, rounds)
	}
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// TestBatchDays follows one instance through two months.
func TestBatchDays(t *testing.T) {
	db, dir := fill(t, sights), t.TempDir()
	b := func(i int) sight {
		s := sights[5] // 60313, cell of 10 km
		s.key = fmt.Sprint("new", i)
		return s
	}
	day := func(date string, force bool) publish.Result {
		t.Helper()
		o := onDay(t, dir, date, 3)
		o.Batch = force
		res, _ := published(t, db, o)
		return res
	}
	wants := func(what string, res publish.Result, published, waiting int, reason string) {
		t.Helper()
		if res.Published != published || res.Batch == nil || res.Batch.Waiting != waiting || res.Batch.Reason != reason || res.Batch.Taken != (reason != "") {
			t.Errorf("%s: %d published, %+v; want %d published, %d waiting, reason %q", what, res.Published, res.Batch, published, waiting, reason)
		}
	}
	wants("first", day("2026-03-03", false), 7, 0, "first")
	write(t, db, []sight{b(1), b(2)}, nil)
	wants("two new", day("2026-03-04", false), 7, 2, "")
	wants("a new month, too few", day("2026-04-01", false), 7, 2, "")
	write(t, db, nil, []string{"b3"})
	wants("one withdrawn: enough", day("2026-04-02", false), 8, 0, "period")
	write(t, db, []sight{b(3), b(4), b(5), b(6)}, nil)
	wants("enough, too early", day("2026-04-03", false), 8, 4, "")
	wants("asked for", day("2026-04-04", true), 12, 0, "asked")
	write(t, db, []sight{b(7)}, nil)
	other := onDay(t, dir, "2026-04-05", 3)
	other.Policy.Version = "another rule"
	res, _ := published(t, db, other)
	wants("another rule", res, 13, 0, "rules")
}

// TestFailedPublicationChangesNoBatch: what a publication that fails would have shown is not taken
// for shown.
func TestFailedPublicationChangesNoBatch(t *testing.T) {
	db, dir := fill(t, sights), t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	o := onDay(t, dir, "2026-03-03", 3)
	o.Progress = func(step string, _, _ int64) {
		if step == "publish.step.swap" {
			cancel()
		}
	}
	if _, err := publish.Run(ctx, db, o); err == nil {
		t.Fatal("a cancelled publication succeeded")
	}
	if _, err := atlas.OpenStore(dir, nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("something was published: %v", err)
	}
	if _, err := db.LastBatch(context.Background()); !fault.Is(err, fault.NotFound) {
		t.Errorf("a batch is remembered: %v", err)
	}
	if err := db.Disclosed(context.Background(), func(*vault.Disclosed) error { return errors.New("something") }); err != nil {
		t.Errorf("remembered: %v", err)
	}
}

// TestTwinOfABatch: what comes by a second road less precisely hides the first at once; the second waits.
func TestTwinOfABatch(t *testing.T) {
	db, dir := fill(t, sights), t.TempDir()
	if res, _ := published(t, db, onDay(t, dir, "2026-03-03", 3)); res.Published != 7 {
		t.Fatalf("first: %d", res.Published)
	}
	again := sights[5]
	again.change = func(o *observation.Observation) { o.Public, o.Diffusion = "Pr", "3" }
	bring(t, db, "autre", []sight{again})
	res, _ := published(t, db, onDay(t, dir, "2026-03-04", 3))
	if res.Published != 6 || res.Batch.Gone != 1 || res.Batch.Waiting != 1 {
		t.Errorf("published %d, %+v", res.Published, res.Batch)
	}
	o := onDay(t, dir, "2026-03-05", 3)
	o.Batch = true
	if res, _ = published(t, db, o); res.Published != 7 || res.Blurred != 3 {
		t.Errorf("after the batch: published %d, blurred %d", res.Published, res.Blurred)
	}
}

// TestBlurredDates: the day of a blurred observation leaves no trace, its month does.
func TestBlurredDates(t *testing.T) {
	texts := map[string]string{}
	for _, day := range []string{"2025-02-03", "2025-02-27", "2025-03-01"} {
		list := append([]sight(nil), sights...)
		for i := range list {
			if list[i].key == "b1" {
				list[i].date = day
			}
		}
		_, texts[day] = published(t, fill(t, list), options(t.TempDir()))
	}
	if d := cmp.Diff(texts["2025-02-03"], texts["2025-02-27"]); d != "" {
		t.Errorf("the day shows:\n%s", d)
	}
	if texts["2025-02-27"] == texts["2025-03-01"] {
		t.Error("the month does not show")
	}
}
