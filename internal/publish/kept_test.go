package publish_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/disclosure"
	"garrigue/internal/needs"
	"garrigue/internal/observation"
	"garrigue/internal/publish"
	"garrigue/internal/sensitivity"
	"garrigue/internal/vault"
)

// keeping are options of publications that leave to one another what they decided.
func keeping(t *testing.T) publish.Options {
	t.Helper()
	o := options(filepath.Join(t.TempDir(), "atlas"))
	o.Kept = filepath.Join(t.TempDir(), "kept")
	return o
}

// whole is what a vault gives when everything is read.
func whole(t *testing.T, db *vault.DB, o publish.Options) string {
	t.Helper()
	o.Dir, o.Kept = t.TempDir(), ""
	_, text := published(t, db, o)
	return text
}

// TestKept publishes day after day: what did not change is taken over, the atlas is the same.
func TestKept(t *testing.T) {
	db, o := fill(t, sights), keeping(t)
	res, text := published(t, db, o)
	if res.Proof.Kept != 0 {
		t.Errorf("%d taken over from nothing", res.Proof.Kept)
	}
	if st, err := os.Stat(o.Kept); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
	again, same := published(t, db, o)
	if again.Proof.Kept != len(sights) || same != text {
		t.Errorf("%d taken over of %d", again.Proof.Kept, len(sights))
	}
	if d := cmp.Diff([]any{res.Published, res.Blurred, res.Withheld, res.Proof.Traces}, []any{again.Published, again.Blurred, again.Withheld, again.Proof.Traces}); d != "" {
		t.Error(d)
	}
	// An ordinary one is corrected, a sensitive one goes, one comes, and one is found to be sensitive.
	moved, hidden, fresh := sights[0], sights[2], sights[3]
	moved.x, hidden.level, fresh.key = 727000, 2, "a5"
	write(t, db, []sight{moved, hidden, fresh}, []string{"b2"})
	third, text := published(t, db, o)
	if third.Proof.Kept != len(sights)-3 {
		t.Errorf("%d taken over", third.Proof.Kept)
	}
	if text != whole(t, db, o) {
		t.Error("not the atlas that reading everything makes")
	}
	if third.Published != res.Published || third.Blurred != res.Blurred {
		t.Errorf("%d shown, %d blurred", third.Published, third.Blurred)
	}
	if left, err := filepath.Glob(o.Kept + "?*"); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

// TestKeptServesNoMore lists why everything is read.
func TestKeptServesNoMore(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, db *vault.DB, o *publish.Options){
		"asked":                func(_ *testing.T, _ *vault.DB, o *publish.Options) { o.Afresh = true },
		"another policy":       func(_ *testing.T, _ *vault.DB, o *publish.Options) { o.Policy.Levels[1] = o.Policy.Levels[2] },
		"an earlier day":       func(_ *testing.T, _ *vault.DB, o *publish.Options) { o.Policy.Today-- },
		"a week":               func(_ *testing.T, _ *vault.DB, o *publish.Options) { o.Policy.Today += 7 },
		"another file":         func(_ *testing.T, _ *vault.DB, o *publish.Options) { o.Kept += "2" },
		"the vault of a copy":  func(t *testing.T, db *vault.DB, _ *publish.Options) { must(t, db.SetKept(t.Context(), 12)) },
		"references of a list": reload,
	} {
		t.Run(name, func(t *testing.T) {
			db, o := fill(t, sights), keeping(t)
			published(t, db, o)
			change(t, db, &o)
			res, text := published(t, db, o)
			if res.Proof.Kept != 0 {
				t.Errorf("%d taken over", res.Proof.Kept)
			}
			if text != whole(t, db, o) {
				t.Error("not the atlas that reading everything makes")
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// reload loads the list of sensitive taxa once more, by another file.
func reload(t *testing.T, db *vault.DB, _ *publish.Options) {
	t.Helper()
	_, err := db.PutSensitivity(t.Context(), vault.Reference{Kind: "sensitivity", Name: "sensitivity", Version: "v18", SHA256: strings.Repeat("b", 64)},
		[]sensitivity.List{{ID: "9", Name: "essai"}}, seq([]sensitivity.Rule{{List: "9", CdNom: 60630, Level: 3}}))
	must(t, err)
	classed(t, db)
}

// TestKeptDamaged changes, and cuts, the file at each byte: it is read whole, or not used.
func TestKeptDamaged(t *testing.T) {
	db, o := fill(t, sights[:3]), keeping(t)
	_, text := published(t, db, o)
	sound, err := os.ReadFile(o.Kept)
	must(t, err)
	mark, err := db.Kept(t.Context())
	must(t, err)
	step := max(len(sound)/16, 1)
	for i := 0; i < len(sound); i += step {
		for _, bad := range [][]byte{sound[:i], append(append(append([]byte{}, sound[:i]...), sound[i]^0x41), sound[i+1:]...)} {
			must(t, os.WriteFile(o.Kept, bad, 0o600))
			must(t, db.SetKept(t.Context(), mark))
			res, got := published(t, db, o)
			if res.Proof.Kept != 0 || got != text {
				t.Fatalf("byte %d: %d taken over, same atlas: %v", i, res.Proof.Kept, got == text)
			}
		}
	}
}

// TestKeptSample changes a vault behind the back of the program: the sample finds out.
func TestKeptSample(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.sqlite")
	db, o := fillAt(t, path, sights), keeping(t)
	published(t, db, o)
	if out, err := exec.Command(needs.Tool(t, "sqlite3"), path,
		"UPDATE observation SET sensitivity = 4 WHERE source_key = 'a3'").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var log bytes.Buffer
	o.Log, o.Seed = slog.New(slog.NewTextHandler(&log, nil)), 3 // the number of a3: it is drawn
	res, text := published(t, db, o)
	if res.Proof.Kept != 0 || !strings.Contains(log.String(), "everything is read") {
		t.Errorf("%d taken over: %s", res.Proof.Kept, log.String())
	}
	if text != whole(t, db, o) {
		t.Error("not the atlas that reading everything makes")
	}
	for _, secret := range []string{"nid au pied", "ravin", "NOM"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log tells %q", secret)
		}
	}
}

// TestKeptRefused: a publication that is refused leaves nothing.
func TestKeptRefused(t *testing.T) {
	db, o := fill(t, sights), keeping(t)
	published(t, db, o)
	before, err := os.ReadFile(o.Kept)
	must(t, err)
	bad := publish.Mutated(o, publish.Mutation{Raise: func(o *observation.Observation) { o.Sensitivity = 0 }})
	if _, err := publish.Run(context.Background(), db, bad); err == nil {
		t.Fatal("published")
	}
	if left, err := filepath.Glob(filepath.Join(o.Dir, "*.tmp")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	after, err := os.ReadFile(o.Kept)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("what is kept changed: %v", err)
	}
	if res, _ := published(t, db, o); res.Proof.Kept != len(sights) {
		t.Errorf("%d taken over", res.Proof.Kept)
	}
}

// TestKeptTwins: what depends on others is read again when they change.
func TestKeptTwins(t *testing.T) {
	db, o := fill(t, sights[:4]), keeping(t)
	o.Policy.Batch = disclosure.Batch{}
	published(t, db, o)
	// The first comes by another road, where it is sensitive.
	twin := sights[0]
	twin.level = 3
	bring(t, db, "autre", []sight{twin})
	res, text := published(t, db, o)
	if text != whole(t, db, o) {
		t.Error("not the atlas that reading everything makes")
	}
	if res.Proof.Kept != 3 {
		t.Errorf("%d taken over", res.Proof.Kept)
	}
}

// TestKeptOrganisations: an observer has the name of an organisation that is shown, of which nothing is read again.
func TestKeptOrganisations(t *testing.T) {
	list := slices.Clone(sights)
	list[4].change = func(o *observation.Observation) { o.Observers = "LPO Essai" }
	db, o := fill(t, list), keeping(t)
	published(t, db, o)
	if res, _ := published(t, db, o); res.Proof.Kept != len(list) {
		t.Errorf("%d taken over", res.Proof.Kept)
	}
}

// TestBatchOrganisations: all of an organisation is withdrawn between two batches; what is blurred stays shown under its name, which
// somebody else has for observer.
func TestBatchOrganisations(t *testing.T) {
	list := slices.Clone(sights)
	list[4].change = func(o *observation.Observation) { o.Organisation = "Conservatoire Essai" }
	list[7].change = func(o *observation.Observation) { o.Observers = "Conservatoire Essai" }
	db, dir := fill(t, list), t.TempDir()
	published(t, db, onDay(t, dir, "2026-03-03", 5))
	write(t, db, nil, []string{"b1"})
	published(t, db, onDay(t, dir, "2026-03-04", 5))
}

// TestKeptWhileLoading: a list is loaded between the references being read and their names being noted.
func TestKeptWhileLoading(t *testing.T) {
	db, o := fill(t, sights), keeping(t)
	today := o.Policy.Today
	o.Policy = disclosure.MeshOnly()
	o.Policy.Today, o.Policy.Batch = today, disclosure.Batch{}
	during := publish.Mutated(o, publish.Mutation{Loaded: func() {
		_, err := db.PutSensitivity(t.Context(), vault.Reference{Kind: "sensitivity", Name: "gard", Version: "v1", SHA256: strings.Repeat("c", 64)},
			[]sensitivity.List{{ID: "30", Name: "gard"}}, seq([]sensitivity.Rule{{List: "30", CdNom: 77756, Level: 3, Department: "30"}}))
		must(t, err)
	}})
	published(t, db, during)
	classed(t, db) // a3 is in 34: its class at its place does not change, but its cell reaches into 30
	res, text := published(t, db, o)
	if res.Proof.Kept != 0 || text != whole(t, db, o) {
		t.Errorf("%d taken over", res.Proof.Kept)
	}
}

// TestKeptOldWriter: a program of the former release, begun before the vault had the column, withdraws an observation.
func TestKeptOldWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.sqlite")
	db, o := fillAt(t, path, sights), keeping(t)
	first, _ := published(t, db, o)
	if out, err := exec.Command(needs.Tool(t, "sqlite3"), path, "UPDATE observation SET withdrawn = 1 WHERE source_key = 'a3';"+
		"UPDATE counter SET value = value + 1 WHERE name = 'changes'").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, kept := range []int{0, len(sights) - 1} {
		if res, _ := published(t, db, o); res.Published != first.Published-1 || res.Proof.Kept != kept {
			t.Errorf("%d shown, %d taken over", res.Published, res.Proof.Kept)
		}
	}
}

// TestKeptWaits: an import is under way when a publication ends, and lasts.
func TestKeptWaits(t *testing.T) {
	db, o := fill(t, sights), keeping(t)
	published(t, db, o)
	b, err := db.Begin(t.Context(), vault.BatchInfo{File: "long.csv"})
	must(t, err)
	defer b.Rollback()
	for range 2 { // nothing new is left, and what was serves on
		if res, _ := published(t, db, o); res.Proof.Kept != len(sights) {
			t.Errorf("%d taken over", res.Proof.Kept)
		}
	}
}
