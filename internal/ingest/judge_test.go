package ingest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/fault"
	"garrigue/internal/sensitivity"
)

func (w *classWorld) judge() *Judge {
	w.t.Helper()
	j, err := NewJudge(context.Background(), w.db, w.settings())
	if err != nil {
		w.t.Fatal(err)
	}
	return j
}

func (w *classWorld) pending(f CaseFilter) []Case {
	w.t.Helper()
	list, err := w.judge().Pending(context.Background(), f)
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func (w *classWorld) decide(v Verdict) Decided {
	w.t.Helper()
	if v.By, v.Reason = "Camille", "vu sur place"; v.Names == nil && v.Cases == (CaseFilter{}) {
		w.t.Fatal("of nothing")
	}
	d, err := w.judge().Decide(context.Background(), v)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *classWorld) levels() (out []string) {
	for _, o := range w.all() {
		s := o.SourceKey + ":" + o.Sensitivity.String()
		if o.Manual {
			s += "m"
		}
		if o.Review {
			s += "?"
		}
		out = append(out, s)
	}
	return out
}

const (
	nest1  = "1;459478;Hirondelle;2020-01-01;NOM Prénom;POINT(3.05 43.55);Pr;;;"
	nest2  = "2;459478;Hirondelle;2021-01-01;NOM Prénom;POINT(3.15 43.65);Pr;;;"
	frog   = "3;351;Grenouille;2020-01-01;NOM Prénom;POINT(3.05 43.55);Pr;;;"
	plain  = "4;67111;Ablette;1990-01-01;NOM Prénom;POINT(3.05 43.55);Pr;;;"
	nest5  = "5;459478;Hirondelle;2022-01-01;NOM Prénom;POINT(3.05 43.55);Pr;;;"
	change = "1;459478;Hirondelle;2019-01-01;NOM Prénom;POINT(3.15 43.65);Pr;;;"
)

// TestQueue: what the lists leave to people is grouped, told without names or places, and decided
// observation by observation or case by case.
func TestQueue(t *testing.T) {
	w, ctx := newClassWorld(t), context.Background()
	w.put(nest1, nest2, frog, plain)
	cases := w.pending(CaseFilter{})
	want := []Case{{CdRef: 459478, Taxon: "Delichon urbicum", Vernacular: "Hirondelle de fenêtre", List: "L", Level: "2", Condition: "nids uniquement",
		Rows: 2, Departments: []string{"30", "34"}, From: 2020, To: 2021},
		{CdRef: 351, Taxon: "Rana temporaria", List: "L", Level: "3", Condition: "occStatutBiologique = 3", Rows: 1, Departments: []string{"34"}, From: 2020, To: 2020}}
	for i := range want {
		want[i].ID = caseID(&want[i])
	}
	if diff := cmp.Diff(want, cases); diff != "" {
		t.Fatal(diff)
	}
	for _, f := range []CaseFilter{{CD: 100}, {ID: cases[0].ID}, {CD: 459478, List: "L"}} { // 100: the genus
		if got := w.pending(f); len(got) != 1 || got[0].CdRef != 459478 {
			t.Errorf("%+v: %+v", f, got)
		}
	}
	if got := w.pending(CaseFilter{List: "autre"}); len(got) != 0 {
		t.Errorf("of another list: %+v", got)
	}
	list, err := w.judge().Observations(ctx, CaseFilter{ID: cases[0].ID}, 0)
	if err != nil || len(list) != 2 || list[0].Commune != "Ouest (34001)" || list[0].Date != "2020-01-01" {
		t.Errorf("%+v, %v", list, err)
	}

	d := w.decide(Verdict{Level: 0, Cases: CaseFilter{ID: cases[0].ID}})
	if d.Rows != 2 {
		t.Errorf("%+v", d)
	}
	if got := w.pending(CaseFilter{}); len(got) != 1 || got[0].CdRef != 351 { // before any classing
		t.Errorf("still pending: %+v", got)
	}
	if n, err := Rejudge(ctx, w.db, w.settings(), d.IDs); err != nil || n != 2 {
		t.Errorf("%d changed, %v", n, err)
	}
	if got, want := w.levels(), []string{"1:0m", "2:0m", "3:3?", "4:0"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	w.put(nest5) // one that comes later waits in its turn
	if got := w.pending(CaseFilter{ID: cases[0].ID}); len(got) != 1 || got[0].Rows != 1 {
		t.Errorf("%+v", got)
	}
	if _, err := w.judge().Decide(ctx, Verdict{Level: 1, By: "Camille", Reason: "r"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("about nothing: %v", err)
	}
	if _, err := w.judge().Decide(ctx, Verdict{Level: 1, By: "Camille", Reason: "r", Cases: CaseFilter{ID: "0"}}); !fault.Is(err, fault.NotFound) {
		t.Errorf("about a case there is not: %v", err)
	}
	if _, err := w.judge().Decide(ctx, Verdict{Level: 1, By: "Camille", Reason: "r", Names: []string{"999"}}); !fault.Is(err, fault.NotFound) {
		t.Errorf("about an observation there is not: %v", err)
	}
}

// TestJudgedStays: no import, list, year or classing changes what a person decided; undone, the lists
// decide again.
func TestJudgedStays(t *testing.T) {
	w, ctx := newClassWorld(t), context.Background()
	w.put(nest1, plain)
	first := w.decide(Verdict{Level: 0, Names: []string{w.all()[0].IDSinp.String()}})
	w.decide(Verdict{Level: sensitivity.Km400, Names: []string{"2"}}) // plain: a nest nobody else knows of
	want := []string{"1:0m", "4:2.5m"}
	check := func(when string) {
		t.Helper()
		if got := w.levels(); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", when, got, want)
		}
	}
	if !w.stale() {
		t.Error("decided, and nothing is stale")
	}
	w.reclass()
	check("classed")
	if rep := w.put(nest1, plain); rep.Unchanged != 2 {
		t.Errorf("imported again: %+v", rep)
	}
	check("imported again")
	if rep := w.put(change); rep.Updated != 1 {
		t.Errorf("changed at the source: %+v", rep)
	}
	check("with another date and place")
	w.list("b", sensitivity.Rule{List: "L", CdNom: 459478, Level: 4}, sensitivity.Rule{List: "L", CdNom: 67111, Level: 1})
	w.reclass()
	check("by another list")
	w.today = day(2030, 1, 1)
	w.reclass()
	check("another year")

	d, err := w.judge().Undo(ctx, first.Act, "Camille")
	if err != nil || d.Rows != 1 || len(d.IDs) != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	if n, err := Rejudge(ctx, w.db, w.settings(), d.IDs); err != nil || n != 1 {
		t.Errorf("%d changed, %v", n, err)
	}
	want[0] = "1:4"
	check("undone")
	w.reclass()
	check("undone and classed")
	if _, err := w.judge().Undo(ctx, first.Act, "Camille"); !fault.Is(err, fault.NotFound) {
		t.Errorf("undone twice: %v", err)
	}
}

// TestJudgedOther: a decision was about a taxon. When the observation is said to be of another, the
// stricter level holds until somebody judges again.
func TestJudgedOther(t *testing.T) {
	w := newClassWorld(t)
	w.put(nest1)
	w.decide(Verdict{Level: 0, Names: []string{"1"}})
	w.put(strings.Replace(nest1, "459478;Hirondelle", "351;Grenouille", 1))
	if got := w.levels(); got[0] != "1:3?" {
		t.Errorf("another taxon: %q", got)
	}
	if n := w.reclass(); n != 0 {
		t.Errorf("classed otherwise: %q", w.levels())
	}
	if got := w.pending(CaseFilter{}); len(got) != 1 || got[0].CdRef != 351 || got[0].Condition != "" {
		t.Errorf("%+v", got)
	}
	w.decide(Verdict{Level: 1, Names: []string{"1"}})
	w.reclass()
	if got := w.levels(); got[0] != "1:1m" {
		t.Errorf("judged again: %q", got)
	}
	w.put(strings.Replace(nest1, "459478;Hirondelle", "67111;Ablette", 1)) // level 1 by duration and department, as decided
	if got := w.levels(); got[0] != "1:1?" {
		t.Errorf("a third one: %q", got)
	}
	w.put(strings.Replace(nest1, "459478;Hirondelle", "351;Grenouille", 1))
	if got := w.levels(); got[0] != "1:1m" {
		t.Errorf("back: %q", got)
	}
}

// TestJudgedByOldImporter: an importer made before a decision has publishing ask for a classing.
func TestJudgedByOldImporter(t *testing.T) {
	w, ctx := newClassWorld(t), context.Background()
	w.put(nest1)
	im := newImporter(t, w.db)
	w.decide(Verdict{Level: 4, Names: []string{"1"}})
	w.reclass()
	path := t.TempDir() + "/jeu.csv"
	write(t, path, "id_origine;cd_nom;nom_cite;date_min;observers;WKT;ds_publique;biologique_statut;stade_vie;uuid_perm_grp_sinp\n"+change+"\n")
	if _, err := im.Import(ctx, path, Options{Dataset: "jeu"}); err != nil {
		t.Fatal(err)
	}
	if !w.stale() {
		t.Error("what came without the decision passes for classed")
	}
	w.reclass()
	if got := w.levels(); got[0] != "1:4m" {
		t.Errorf("%q", got)
	}
}

// TestJudgedSecrets: what the queue says of observations has no name and no place.
func TestJudgedSecrets(t *testing.T) {
	w := newClassWorld(t)
	w.put(nest1)
	var b strings.Builder
	list, err := w.judge().Observations(context.Background(), CaseFilter{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{w.pending(CaseFilter{}), list} {
		b.WriteString(cmp.Diff(nil, v))
	}
	for _, word := range []string{"NOM", "3.05", "43.55"} {
		if strings.Contains(b.String(), word) {
			t.Errorf("the queue tells %q", word)
		}
	}
	var f *fault.Error
	if _, err := w.db.PutJudgements(context.Background(), nil); !errors.As(err, &f) || f.Key != "vault.judged_none" {
		t.Errorf("%v", err)
	}
}
