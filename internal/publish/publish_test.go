package publish_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"garrigue/internal/atlas"
	"garrigue/internal/atlas/atlastest"
	"garrigue/internal/civil"
	"garrigue/internal/dataset"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/needs"
	"garrigue/internal/observation"
	"garrigue/internal/publish"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

func seq[T any](list []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range list {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// sight is an observation of the test, its place in metres of Lambert-93.
type sight struct {
	key    string
	cd     int
	x, y   float64
	date   string
	level  sensitivity.Level
	change func(*observation.Observation)
}

var sights = []sight{
	{"a1", 79273, 701234, 6302345, "2024-05-12", 0, nil},
	{"a2", 79273, 701239, 6302349, "2024-05-13", 0, nil},
	{"a3", 77756, 716001, 6303999, "2021-07-01", 0, nil},
	{"a4", 900102, 727000, 6317000, "2020-08-09", 0, nil},
	{"b1", 2657, 705050, 6311111, "2025-02-16", 3, nil},  // department only
	{"b2", 60313, 704321, 6304321, "2026-02-01", 2, nil}, // 10 km cell
	{"b3", 65680, 712345, 6312345, "2023-07-16", 1, nil}, // commune
	{"w1", 2657, 703000, 6303000, "2025-03-01", 4, nil},  // nothing
	{"w2", 3764, 703000, 6303000, "2025-03-01", 0, func(o *observation.Observation) { o.Presence = observation.Absent }},
	{"w3", 3764, 703000, 6303000, "2025-03-01", 0, func(o *observation.Observation) { o.Validation = observation.Invalid }},
	{"w4", 0, 703000, 6303000, "2025-03-01", 0, func(o *observation.Observation) { o.Held = observation.UnmatchedTaxon }},
	{"w5", 3764, 703000, 6303000, "2025-03-01", 0, func(o *observation.Observation) { o.Public, o.Diffusion = "Pr", "4" }},
}

func (s sight) observation(d dataset.ID) *observation.Observation {
	lon, lat := geo.FromLambert93(s.x, s.y)
	day, _ := civil.Parse(s.date)
	box := geo.Box{MinX: s.x, MinY: s.y, MaxX: s.x, MaxY: s.y}
	e, n := int(s.x-700000)/10000, int(s.y-6300000)/10000
	code := [][]string{{"34001", "34002", "30001"}, {"34003", "34004", "30002"}}[n][e]
	o := &observation.Observation{IDSinp: uuid.NewSHA1(uuid.Nil, []byte(s.key)), Dataset: d, SourceKey: s.key,
		CdNom: taxon.CdNom(s.cd), CdRef: taxon.CdRef(s.cd), NameCited: "name " + s.key, Presence: observation.Present,
		When: observation.Period{Start: day, End: day},
		Place: observation.Place{Georeference: observation.ByGeometry, Lon: lon, Lat: lat, Box: box,
			Commune: geo.AdminKey(geo.Commune, code), Department: geo.AdminKey(geo.Department, code[:2]),
			AltitudeMin: 123, AltitudeMax: 123, Name: "le ravin de " + s.key},
		Observers: "NOM Prénom", Organisation: "LPO  Essai", CountMin: 1, CountMax: 1, Public: "Pu",
		Sensitivity: s.level, Validation: observation.Probable, Comment: "nid au pied de " + s.key}
	if s.change != nil {
		s.change(o)
	}
	return o
}

// fill makes a vault with the small references and the observations.
func fill(t testing.TB, list []sight) *vault.DB {
	t.Helper()
	return fillAt(t, filepath.Join(t.TempDir(), "vault.sqlite"), list)
}

func fillAt(t testing.TB, path string, list []sight) *vault.DB {
	t.Helper()
	ctx := context.Background()
	db, err := vault.Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	must := func(_ vault.Reference, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ref := func(kind string) vault.Reference {
		return vault.Reference{Kind: kind, Name: kind, Version: "v17", SHA256: strings.Repeat("a", 60) + kind[:4]}
	}
	must(db.PutNames(ctx, ref("taxref"), seq(atlastest.Names())))
	must(db.PutWithdrawn(ctx, ref("withdrawn"), seq([]taxon.Withdrawn{{CdNom: 900201, Replacement: 79273}})))
	must(db.PutStatuses(ctx, ref("statuses"), seq(atlastest.Statuses())))
	lists := []sensitivity.List{{ID: "9", Name: "essai"}}
	must(db.PutSensitivity(ctx, ref("sensitivity"), lists, seq([]sensitivity.Rule{{List: "9", CdNom: 60630, Level: 3}})))
	for _, kind := range []geo.Kind{geo.Commune, geo.Department, geo.Region} {
		var areas []geo.Area
		for _, a := range atlastest.Areas() {
			if a.Key.Kind() == kind {
				areas = append(areas, a)
			}
		}
		r := ref("areas")
		r.Name, r.SHA256 = kind.String(), r.SHA256[:50]+kind.String()
		must(db.PutAreas(ctx, r, kind, seq(areas)))
	}
	d, err := db.EnsureDataset(ctx, dataset.Dataset{Name: "essai", Public: "Pu"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := db.Begin(ctx, vault.BatchInfo{Dataset: d.ID, File: "essai.csv"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Rollback()
	for _, s := range list {
		if _, err := b.Put(ctx, s.observation(d.ID)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Commit(ctx, vault.BatchInfo{}); err != nil {
		t.Fatal(err)
	}
	classed(t, db)
	return db
}

func classed(t testing.TB, db *vault.DB) {
	t.Helper()
	g, _, err := db.Generation(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.SetClassed(context.Background(), g, 0); err != nil {
		t.Fatal(err)
	}
}

func options(dir string) publish.Options {
	policy := disclosure.SINP()
	policy.Batch = disclosure.Batch{} // what changes is shown at once
	policy.Today, _ = civil.Parse("2026-03-14")
	policy.Batch = disclosure.Batch{} // days_test.go has them
	meta := atlastest.Identity()
	meta.Policy = ""
	return publish.Options{Dir: dir, Meta: meta, Policy: policy}
}

func TestRun(t *testing.T) {
	db := fill(t, sights)
	dir := t.TempDir()
	res, err := publish.Run(context.Background(), db, options(dir))
	if err != nil {
		t.Fatal(err)
	}
	if res.Published != 7 || res.Blurred != 3 || res.Taxa != 5 {
		t.Errorf("published %d, blurred %d, species %d; want 7, 3, 5", res.Published, res.Blurred, res.Taxa)
	}
	want := map[string]int{"sensitive": 1, "absent": 1, "validation": 1, "taxon": 1, "consent": 1}
	if d := cmp.Diff(want, res.Withheld); d != "" {
		t.Errorf("withheld (-want +got):\n%s", d)
	}
	s, err := atlas.OpenStore(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a, release := s.Acquire()
	defer release()
	if m := a.Meta(); m.ID != res.ID || m.Observations != 7 || m.Policy != "sinp-2016" || m.Taxref != "v17" || m.Communes != 4 {
		t.Errorf("meta: %+v", m)
	}
	if got, want := a.Meta().Levels, [][]string{{"commune", "cell10", "department"}, {"cell10", "department"}, {"department"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("levels = %v, want %v", got, want)
	}
	for cd, area := range map[taxon.CdRef]string{2657: "department:34", 60313: "cell10:10kmL93E070N630", 65680: "commune:34004"} {
		sh, err := a.Taxon(context.Background(), cd)
		if err != nil {
			t.Fatal(err)
		}
		if len(sh.Cells) != 0 || len(sh.Coarse) != 1 || sh.Coarse[0].Area.String() != area || sh.AltKnown != 0 {
			t.Errorf("%d: cells %v, coarse %v, altitudes %d; want one in %s", cd, sh.Cells, sh.Coarse, sh.AltKnown, area)
		}
	}
	entries, err := db.Journal(context.Background(), 5)
	if err != nil || len(entries) == 0 || entries[0].Who != "publish" {
		t.Errorf("journal: %v %v", entries, err)
	}
}

func TestNothingExactInside(t *testing.T) {
	db := fill(t, sights)
	dir := t.TempDir()
	res, err := publish.Run(context.Background(), db, options(dir))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, res.ID+".gpkg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sights {
		for _, word := range []string{"ravin de " + s.key, "nid au pied", "NOM Prénom", "name " + s.key, uuid.NewSHA1(uuid.Nil, []byte(s.key)).String()} {
			if bytes.Contains(b, []byte(word)) {
				t.Errorf("the snapshot contains %q", word)
			}
		}
	}
}

// dump writes every table but what tells when it was made.
func dump(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command(needs.Tool(t, "sqlite3"), path, ".dump").Output()
	if err != nil {
		t.Fatal(err)
	}
	var keep []string
	for _, line := range strings.Split(string(out), "\n") {
		if strings.Contains(line, "'built'") || strings.Contains(line, `"built":`) || strings.Contains(line, "INTO gpkg_contents") {
			continue
		}
		keep = append(keep, line)
	}
	return strings.Join(keep, "\n")
}

// TestMovedInside is the prover's property on a few cases: where a blurred observation
// truly was inside its disclosed area, and the order of rows, leave no trace.
func TestMovedInside(t *testing.T) {
	moved := append([]sight(nil), sights...)
	for i := range moved {
		switch moved[i].key {
		case "b1":
			moved[i].x, moved[i].y = 718888, 6300500
		case "b2":
			moved[i].x, moved[i].y = 709999, 6300001
		case "b3":
			moved[i].x, moved[i].y = 719000, 6319000
		case "w1": // withheld: anywhere, and as well not at all
			moved[i].x, moved[i].y = 729000, 6319000
		}
	}
	moved[0], moved[len(moved)-1] = moved[len(moved)-1], moved[0]
	var texts, ids []string
	for _, list := range [][]sight{sights, moved} {
		dir := t.TempDir()
		res, err := publish.Run(context.Background(), fill(t, list), options(dir))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, dump(t, filepath.Join(dir, res.ID+".gpkg")))
		ids = append(ids, res.ID)
	}
	if d := cmp.Diff(texts[0], texts[1]); d != "" {
		t.Errorf("snapshots differ:\n%s", d)
	}
	if ids[0] != ids[1] {
		t.Errorf("identifiers differ: %v", ids)
	}
}

func TestRefusesUnclassed(t *testing.T) {
	db := fill(t, sights)
	lists := []sensitivity.List{{ID: "10", Name: "autre"}}
	if _, err := db.PutSensitivity(context.Background(), vault.Reference{Kind: "sensitivity", Name: "autre", SHA256: "b"}, lists,
		seq([]sensitivity.Rule{{List: "10", CdNom: 3764, Level: 4}})); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	_, err := publish.Run(context.Background(), db, options(dir))
	if !fault.Is(err, fault.Conflict) {
		t.Errorf("got %v, want a conflict", err)
	}
	if _, err := atlas.OpenStore(dir, nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("something was published: %v", err)
	}
}

func TestCancelled(t *testing.T) {
	db := fill(t, sights)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	o := options(dir)
	o.Progress = func(step string, _, _ int64) {
		if step == "publish.step.taxa" {
			cancel()
		}
	}
	if _, err := publish.Run(ctx, db, o); err == nil {
		t.Error("a cancelled publication succeeded")
	}
	left, _ := filepath.Glob(filepath.Join(dir, "[^.]*"))
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestKilled kills a publication at each of its steps: the former snapshot stays whole and
// current, and the next run is clean.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("GARRIGUE_PUBLISH_CHILD"); dir != "" {
		o := options(dir)
		o.Meta.Title = "a second one" // other content, another identifier
		o.Progress = func(step string, _, _ int64) {
			if step == os.Getenv("GARRIGUE_PUBLISH_KILL") {
				p, _ := os.FindProcess(os.Getpid())
				p.Kill()
				select {}
			}
		}
		if _, err := publish.Run(context.Background(), fill(t, sights), o); err != nil {
			t.Fatal(err)
		}
		return
	}
	dir := t.TempDir()
	first, err := publish.Run(context.Background(), fill(t, sights), options(dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"publish.step.read", "publish.step.taxa", "publish.step.index", "publish.step.check", "publish.step.swap"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), "GARRIGUE_PUBLISH_CHILD="+dir, "GARRIGUE_PUBLISH_KILL="+step)
		var exit *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
			t.Fatalf("%s: the child was not killed: %v", step, err)
		}
		s, err := atlas.OpenStore(dir, nil)
		if err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		a, release := s.Acquire()
		if a.Meta().ID != first.ID {
			t.Errorf("%s: %s is current, want %s", step, a.Meta().ID, first.ID)
		}
		release()
		s.Close()
	}
	again, err := publish.Run(context.Background(), fill(t, sights), options(dir))
	if err != nil || again.ID != first.ID {
		t.Fatalf("%v, %v; want the first identifier, the content being the same", again, err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "[^.]*"))
	if len(files) != 2 {
		t.Errorf("files: %v; want a snapshot and the pointer", files)
	}
}

func TestRollback(t *testing.T) {
	dir := t.TempDir()
	var ids []string
	for i := range 3 {
		o := options(dir)
		o.Keep = 2
		o.Meta.Title = fmt.Sprint("number ", i)
		res, err := publish.Run(context.Background(), fill(t, sights[:2+i]), o)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, res.ID)
	}
	if id, err := publish.Rollback(dir); err != nil || id != ids[1] {
		t.Fatalf("rolled back to %s, %v; want %s", id, err, ids[1])
	}
	if _, err := publish.Rollback(dir); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second time: %v; want a conflict, two being kept", err)
	}
}
