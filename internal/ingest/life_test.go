package ingest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"garrigue/internal/consent"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/naming"
	"garrigue/internal/observation"
	"garrigue/internal/vault"
)

// lifeWorld is a vault of the small world and a way to import lines of a GeoNature file.
type lifeWorld struct {
	t  *testing.T
	db *vault.DB
}

func newLifeWorld(t *testing.T) *lifeWorld {
	db := openVault(t, filepath.Join(t.TempDir(), "vault.sqlite"))
	loadSmall(t, db)
	return &lifeWorld{t, db}
}

func (w *lifeWorld) attempt(o Options, lines ...string) (Report, error) {
	path := filepath.Join(w.t.TempDir(), "jeu.csv")
	write(w.t, path, "id_origine;cd_nom;nom_cite;date_min;observers;WKT;ds_publique;last_action\n"+strings.Join(lines, "\n")+"\n")
	return newImporter(w.t, w.db).Import(context.Background(), path, o)
}

func (w *lifeWorld) bring(o Options, lines ...string) Report {
	w.t.Helper()
	rep, err := w.attempt(o, lines...)
	if err != nil {
		w.t.Fatal(err)
	}
	if rep.Read != rep.Created+rep.Updated+rep.Unchanged+rep.Rejected+rep.Withdrawn-rep.Missing {
		w.t.Errorf("the counts do not add up: %+v", rep)
	}
	return rep
}

func (w *lifeWorld) all() (list []observation.Observation) {
	w.t.Helper()
	if err := w.db.Observations(context.Background(), disclosure.Grant{Who: "test", Reason: "comparison"}, vault.Complete, func(o *observation.Observation) error {
		list = append(list, *o)
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return list
}

func (w *lifeWorld) keys() (keys []string) {
	for _, o := range w.all() {
		keys = append(keys, o.SourceKey)
	}
	return keys
}

func line(key string) string {
	return key + ";67111;Ablette;2020-01-01;NOM Prénom;POINT(3.05 43.55);Pr;I"
}

func TestDeletedRows(t *testing.T) {
	w := newLifeWorld(t)
	w.bring(Options{Source: "gn"}, line("1"), line("2"), line("3"))
	// A list of deletions has the key and nothing else.
	rep := w.bring(Options{Source: "gn", By: "schedule"}, "1;;;;;;;D", "9;;;;;;;D", ";;;;;;;D")
	if rep.Withdrawn != 1 || rep.Unchanged != 1 || rep.Rejects["DELETED_AT_SOURCE"] != 1 || rep.Missing != 0 {
		t.Errorf("%+v", rep)
	}
	if got := w.keys(); !slices.Equal(got, []string{"2", "3"}) {
		t.Errorf("live: %q", got)
	}
	if rep = w.bring(Options{Source: "gn"}, line("1")); rep.Returned != 1 || rep.Updated != 1 {
		t.Errorf("back: %+v", rep)
	}
	list, err := w.db.Batches(context.Background(), 2)
	if err != nil || list[0].Returned != 1 || list[1].Withdrawn != 1 || list[1].By != "schedule" || list[1].Source != "gn" || !strings.Contains(list[1].Layout, ";") {
		t.Errorf("%+v, %v", list, err)
	}
	if rep = w.bring(Options{DryRun: true}, "2;;;;;;;D"); rep.Withdrawn != 0 { // by hand, what a source brought
		t.Errorf("%+v", rep)
	}
	if rep = w.bring(Options{DryRun: true, Source: "gn"}, "2;;;;;;;D"); rep.Withdrawn != 1 || len(w.keys()) != 3 {
		t.Errorf("a trial: %+v, %d live", rep, len(w.keys()))
	}
}

func TestCompleteFile(t *testing.T) {
	w := newLifeWorld(t)
	var lines []string
	for i := range 600 {
		lines = append(lines, line(fmt.Sprint(i)))
	}
	w.bring(Options{}, lines...)
	w.bring(Options{Dataset: "autre"}, line("x"))
	// A row that cannot be read this time is still at the source.
	rep := w.bring(Options{Complete: true}, append(slices.Clone(lines[100:]), "0;67111;Ablette;hier;NOM Prénom;POINT(3.05 43.55);Pr;I")...)
	if rep.Withdrawn != 99 || rep.Missing != 99 || rep.Rejected != 1 {
		t.Errorf("%+v", rep)
	}
	if got := w.keys(); len(got) != 502 || !slices.Contains(got, "0") || !slices.Contains(got, "x") {
		t.Errorf("%d live", len(got))
	}
	_, err := w.attempt(Options{Complete: true}, lines[300:]...)
	var f *fault.Error
	if !fault.Is(err, fault.Conflict) || !errors.As(err, &f) || f.Key != "ingest.lacks_many" || len(w.keys()) != 502 {
		t.Errorf("a cut file: %v, %d live", err, len(w.keys()))
	}
	rep = w.bring(Options{Complete: true, DryRun: true}, lines[300:]...)
	if !rep.TooMany || rep.Missing != 201 || len(w.keys()) != 502 {
		t.Errorf("a trial of it: %+v", rep)
	}
	if rep = w.bring(Options{Complete: true, MaxWithdrawn: 0.9}, lines[300:]...); rep.Withdrawn != 201 {
		t.Errorf("a larger share: %+v", rep)
	}
	if rep = w.bring(Options{Complete: true, ForceWithdraw: true}, lines[599]); rep.Withdrawn != 299 || len(w.keys()) != 2 {
		t.Errorf("forced: %+v", rep)
	}
	if rep = w.bring(Options{Complete: true}, lines...); rep.Returned != 599 || len(w.keys()) != 601 {
		t.Errorf("all back: %+v", rep)
	}
}

// TestConsentClasses: an import classes by the ledger of its time; a changed default waits for
// the next classing, and publishing sees that.
func TestConsentClasses(t *testing.T) {
	w, ctx := newLifeWorld(t), context.Background()
	faune := consent.Scope{Source: "faune"}
	if err := w.db.RecordChoices(ctx, consent.Choice{Explicit: true, Observer: "Prénom NOM", Upto: consent.Commune, Date: day(2020, 3, 1), Scope: faune},
		consent.Choice{Upto: consent.Precise, Date: day(2020, 2, 1), Scope: faune}); err != nil {
		t.Fatal(err)
	}
	answers := func() string {
		var out []string
		for _, o := range w.all() {
			out = append(out, fmt.Sprintf("%s%v", o.Consent, o.ConsentDefault))
		}
		return strings.Join(out, " ")
	}
	other := strings.Replace(line("2"), "NOM Prénom", "AUTRE Anne", 1)
	w.bring(Options{Source: "faune"}, line("1"), other)
	w.bring(Options{Dataset: "à la main"}, line("3"))
	if got := answers(); got != "1false 5true false" {
		t.Errorf("at import: %s", got)
	}
	if _, err := Reclass(ctx, w.db, Settings{Today: day(2026, 11, 21)}, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.db.RecordChoices(ctx, consent.Choice{Upto: consent.Cell, Date: day(2020, 6, 1), Scope: faune}); err != nil {
		t.Fatal(err)
	}
	current, classed, err := w.db.Generation(ctx)
	if err != nil || current == classed {
		t.Errorf("nothing tells that classes are old: %d, %v", current, err)
	}
	n, err := Reclass(ctx, w.db, Settings{Today: day(2026, 11, 21)}, nil)
	if err != nil || n != 1 {
		t.Errorf("%d changed, %v", n, err)
	}
	if got := answers(); got != "1false 2true false" {
		t.Errorf("after the change: %s", got)
	}
	if rep := w.bring(Options{Source: "faune"}, line("1"), other); rep.Unchanged != 2 {
		t.Errorf("a choice is no change at the source: %+v", rep)
	}
}

func TestTwinFiles(t *testing.T) {
	w := newLifeWorld(t)
	w.bring(Options{Dataset: "un"}, line("1"), line("2"))
	if rep := w.bring(Options{Dataset: "deux"}, line("a"), line("b"), strings.Replace(line("c"), "Ablette;2020", "Ablette;2019", 1)); rep.Twins != 2 || rep.Created != 3 {
		t.Errorf("%+v", rep)
	}
}

// TestUnstorableText: what PostgreSQL refuses never reaches the vault. Delimited text with a
// zero byte is refused as a file, a feature with one as a row; whatever else reads a value, clean
// takes it out.
func TestUnstorableText(t *testing.T) {
	w := newLifeWorld(t)
	path := filepath.Join(t.TempDir(), "jeu.geojson")
	write(t, path, `{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Point","coordinates":[3.05,43.55]},`+
		`"properties":{"id_origine":"1","cd_nom":67111,"nom_cite":"Abl\u0000ette","date_min":"2020-01-01","observers":"NOM\u0000 Prénom"}}]}`)
	rep, err := newImporter(t, w.db).Import(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	rejects, err := w.db.Rejects(context.Background(), rep.Batch)
	if err != nil || len(rejects) != 1 || strings.ContainsRune(rejects[0].Row, 0) || !strings.Contains(rejects[0].Row, "Abl") {
		t.Errorf("rejects: %v, %+v", err, rejects)
	}
	for in, want := range map[string]string{"\x00": "", "a\x00b": "ab", " \x00a": "a", "a\xff": "a\ufffd", "é": "é"} {
		if got := clean(in); got != want {
			t.Errorf("%q cleaned to %q", in, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		if got := storable(s); strings.ContainsRune(got, 0) || strings.ToValidUTF8(got, "") != got {
			t.Fatalf("%q", got)
		}
	})
}

// TestSpool compares with a map, in memory and through files.
func TestSpool(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, limit := range []int{1 << 20, 100} {
		s := newSpool()
		s.limit = limit
		r := rand.New(rand.NewPCG(1, uint64(limit)))
		seen := map[uint64]int{}
		for range 5000 {
			h := r.Uint64N(3000) * 0x9e3779b97f4a7c15
			seen[h]++
			if err := s.add(h); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.repeated()
		if err != nil || !slices.IsSorted(got) {
			t.Fatal(err)
		}
		n := 0
		for h, times := range seen {
			if times > 1 {
				n++
			}
			if within(got, h) != (times > 1) {
				t.Fatalf("hash %x came %d times", h, times)
			}
		}
		if n != len(got) || n == 0 {
			t.Errorf("%d repeated, %d found", n, len(got))
		}
		s.close()
		if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

// TestDamagedRows: a row of a complete file that is refused for its shape is still at the source.
func TestDamagedRows(t *testing.T) {
	w := newLifeWorld(t)
	w.bring(Options{}, line("1"), line("2"), line("3"), line("4"))
	rep := w.bring(Options{Complete: true}, line("1"), "2;67111;Ablette", line("3")+";;de trop")
	if rep.Rejected != 2 || rep.Withdrawn != 1 {
		t.Errorf("%+v", rep)
	}
	if got := w.keys(); !slices.Equal(got, []string{"1", "2", "3"}) {
		t.Errorf("live: %q", got)
	}
}

// TestConsentOfRoads: what a source's observers chose holds for a row whose name was settled
// after it came, and for one that was imported by hand before the source brought it.
func TestConsentOfRoads(t *testing.T) {
	w, ctx := newLifeWorld(t), context.Background()
	if err := w.db.RecordChoices(ctx, consent.Choice{Upto: consent.Refused, Date: day(2020, 2, 1), Scope: consent.Scope{Source: "faune"}},
		consent.Choice{Upto: consent.Cell, Date: day(2020, 2, 1), Scope: consent.Scope{Source: "autre"}}); err != nil {
		t.Fatal(err)
	}
	w.bring(Options{}, line("1"))
	unknown := strings.Replace(line("2"), "67111;Ablette", ";Petite ablette", 1)
	w.bring(Options{Source: "faune"}, line("1"), unknown)
	w.bring(Options{Source: "autre"}, strings.Replace(unknown, "2;", "3;", 1))
	check := func(when string) {
		t.Helper()
		for _, o := range w.all() {
			want := map[string]string{"1": "4", "2": "4", "3": "2"}[o.SourceKey]
			if o.Consent != want || !o.ConsentDefault {
				t.Errorf("%s, %s: %q", when, o.SourceKey, o.Consent)
			}
		}
	}
	check("at import")
	if _, err := Reclass(ctx, w.db, Settings{Today: day(2026, 11, 21)}, nil); err != nil {
		t.Fatal(err)
	}
	check("classed again")
	if err := w.db.PutDecision(ctx, naming.Decision{Cited: "Petite ablette", CdNom: 67111, By: "Camille"}); err != nil {
		t.Fatal(err)
	}
	if n, err := Rename(ctx, w.db, Settings{Today: day(2026, 11, 21)}); err != nil || n != 2 {
		t.Errorf("%d renamed, %v", n, err)
	}
	check("renamed")
	if list := w.all(); len(list) != 3 || list[1].Held != observation.NotHeld {
		t.Errorf("%d rows, the second held: %d", len(list), list[1].Held)
	}
	if rep := w.bring(Options{}, line("1")); rep.Unchanged != 1 {
		t.Errorf("by hand again: %+v", rep)
	}
	check("by hand again")
}

// TestOldImporter: an importer made before a choice, used after the classing it asked for, has
// publishing ask for another.
func TestOldImporter(t *testing.T) {
	w, ctx := newLifeWorld(t), context.Background()
	w.bring(Options{}, line("1"))
	stale := func() bool {
		t.Helper()
		current, classed, err := w.db.Generation(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return current != classed
	}
	if stale() {
		t.Error("a first import is not classed")
	}
	im := newImporter(t, w.db)
	if err := w.db.RecordChoices(ctx, consent.Choice{Upto: consent.Refused, Date: day(2020, 2, 1)}); err != nil {
		t.Fatal(err)
	}
	again := func() {
		t.Helper()
		if _, err := Reclass(ctx, w.db, Settings{Today: day(2026, 11, 21)}, nil); err != nil || stale() {
			t.Errorf("classed again: %v", err)
		}
	}
	again()
	path := filepath.Join(t.TempDir(), "jeu.csv")
	write(t, path, "id_origine;cd_nom;nom_cite;date_min;observers;WKT;ds_publique;last_action\n"+line("2")+"\n")
	if _, err := im.Import(ctx, path, Options{}); err != nil || !stale() {
		t.Errorf("what came by an old ledger passes for classed: %v", err)
	}
	again()
	for _, o := range w.all() {
		if o.Consent != "4" {
			t.Errorf("%s: %q", o.SourceKey, o.Consent)
		}
	}
}
