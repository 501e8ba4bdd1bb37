package garrigue_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"garrigue/internal/atlas"
	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/ingest"
	"garrigue/internal/observation"
	"garrigue/internal/publish"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// number reads a whole number from the environment.
func number(t testing.TB, name string, standard int) int {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		return standard
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// worlds is how many invented territories vaults are drawn in, and vaults how many in each:
// GARRIGUE_WORLDS and GARRIGUE_VAULTS ask for more, GARRIGUE_SEED for others.
func worlds(t testing.TB) (n, vaults int) {
	n, vaults = 20, 100
	if testing.Short() {
		n, vaults = 4, 20
	}
	return number(t, "GARRIGUE_WORLDS", n), number(t, "GARRIGUE_VAULTS", vaults)
}

// TestNothingTells is the promise of the atlas, from outside. A vault is drawn, imported as
// producers' rows and published. Then every blurred observation is written somewhere else
// inside its disclosed area, in whatever commune and department, with another place name,
// altitude and comment, and what is withheld is left out; all is imported into another vault,
// classed and published. The two snapshots must be the same, row for row.
func TestNothingTells(t *testing.T) {
	percent := debug.SetGCPercent(800) // many small things, made and left
	t.Cleanup(func() { debug.SetGCPercent(percent) })
	n, vaults := worlds(t)
	first := number(t, "GARRIGUE_SEED", 1)
	for w := range n {
		t.Run(fmt.Sprint("world", w), func(t *testing.T) {
			t.Parallel()
			b := newBed(t, w)
			moved := 0
			for i := range vaults {
				seed := first + i
				list := b.world.sightings().Example(seed*1009 + w)
				told, n := b.tells(t, list, seed)
				if moved += n; told != "" {
					t.Fatalf("seed %d: %s", seed, b.smallest(t, list, seed))
				}
			}
			if moved == 0 {
				t.Error("nothing was moved")
			}
			t.Logf("%d vaults, %d observations moved", vaults, moved)
		})
	}
}

// tells publishes a vault and the same with everything elsewhere, and returns how the two differ, and
// how many were moved.
func (b *bed) tells(t *testing.T, list []sighting, seed int) (how string, moved int) {
	t.Helper()
	try := trial{t.Context()}
	defer func() {
		switch e := recover().(type) {
		case nil:
		case failure:
			how = string(e)
		default:
			panic(e)
		}
	}()
	first := b.publish(try, "first", list, true)
	other, moved := b.elsewhere(seed, list, first.decided)
	second := b.publish(try, "second", other, false)
	if diff := compareSnapshots(try, first.file, second.file); diff != "" {
		return fmt.Sprintf("the atlas tells where something is, or that something is withheld:\n%s\n%s", diff, b.explain(list, other, first.decided, b.publish(try, "second", other, true).decided)), moved
	}
	return "", moved
}

// trial is a test that may fail and be tried again.
type trial struct{ ctx context.Context }

type failure string

func (trial) Helper()                    {}
func (t trial) Context() context.Context { return t.ctx }
func (trial) Fatalf(format string, args ...any) {
	panic(failure(fmt.Sprintf(format, args...)))
}

// smallest leaves out of a vault that tells all that it still tells without, and says how.
func (b *bed) smallest(t *testing.T, list []sighting, seed int) string {
	t.Helper()
	how, _ := b.tells(t, list, seed)
	for size := max(len(list)/2, 1); ; size = max(size/2, 1) {
		shorter := false
		for from := 0; from < len(list); {
			less := slices.Concat(list[:from], list[min(from+size, len(list)):])
			if told, _ := b.tells(t, less, seed); told != "" {
				list, how, shorter = less, told, true
			} else {
				from += size
			}
		}
		if size == 1 && !shorter {
			return how
		}
	}
}

// crawls draws a few vaults, publishes each twice, serves both and compares every answer.
func (b *bed) crawls(t *testing.T) {
	t.Helper()
	addresses := b.world.addresses(b.world.names)
	for i := range 4 {
		list := b.world.sightings().Example(i + 1)
		first := b.publish(t, "first", list, true)
		other, _ := b.elsewhere(i+1, list, first.decided)
		second := b.publish(t, "second", other, true)
		one, stop := serveAtlas(t, first.parent())
		two, stopTwo := serveAtlas(t, second.parent())
		asked, differences := crawl(t, one, two, addresses)
		stop()
		stopTwo()
		if len(differences) > 0 {
			t.Fatalf("what is served tells where something is, or that something is withheld:\n%s\n%s", strings.Join(differences, "\n"), b.explain(list, other, first.decided, second.decided))
		}
		t.Logf("%d addresses", asked)
	}
}

// bed is where the vaults of a world are made: the references are loaded once, and their files
// copied for each vault.
type bed struct {
	world    *world
	dir      string
	book     *sensitivity.Book
	policy   disclosure.Policy // settled
	template []string
}

// memoryDir makes a folder in memory where there is one: thousands of small databases are
// written.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "garrigue-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func newBed(t *testing.T, number int) *bed {
	t.Helper()
	b := &bed{world: newWorld(t, number), dir: memoryDir(t)}
	path := filepath.Join(b.dir, "template.sqlite")
	var err error
	withVault(t, path, func(db *vault.DB) {
		b.world.fill(t, db)
		_, err = ingest.Reclass(t.Context(), db, ingest.Settings{Today: b.world.today, Policy: &b.world.policy}, nil)
		must0(t, err)
	})
	if b.template, err = filepath.Glob(filepath.Join(b.dir, "template*")); err != nil {
		t.Fatal(err)
	}
	if b.policy, err = b.world.policy.Settled(disclosure.MeanSurfaces(b.world.areas)); err != nil {
		t.Fatal(err)
	}
	b.book = b.policy.Book(sensitivity.NewBook(b.world.lists, sensitivity.ForTaxa(b.world.rules, b.world.taxa)))
	return b
}

// fails is what both a test and a drawn case offer.
type fails interface {
	Helper()
	Fatalf(format string, args ...any)
	Context() context.Context
}

func must0(t fails, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%+v", err)
	}
}

// published is a vault that was published.
type published struct {
	dir, file string // of snapshots; the current one
	decided   map[string]decided
}

// publish imports the sightings into a new vault and publishes it; with why, it also tells what
// became of each.
func (b *bed) publish(t fails, name string, list []sighting, why bool) (p published) {
	t.Helper()
	ctx := t.Context()
	path := filepath.Join(b.dir, name+".sqlite")
	for _, f := range b.template {
		raw, err := os.ReadFile(f)
		must0(t, err)
		must0(t, os.WriteFile(strings.Replace(f, "template", name, 1), raw, 0o600))
	}
	for _, rest := range []string{"-wal", "-shm"} {
		os.Remove(path + rest)
	}
	db, err := vault.Open(ctx, path)
	must0(t, err)
	defer func() { must0(t, db.Close()) }()
	if len(list) > 0 {
		rows := filepath.Join(b.dir, name+".csv")
		b.world.write(t, rows, list)
		im, err := ingest.NewImporter(ctx, db, ingest.Settings{Today: b.world.today, Policy: &b.world.policy, Workers: 1})
		must0(t, err)
		rep, err := im.Import(ctx, rows, ingest.Options{})
		must0(t, err)
		if rep.Created != len(list) {
			t.Fatalf("%d rows, %d created, rejected: %v", len(list), rep.Created, rep.Rejects)
		}
	}
	p.dir = filepath.Join(b.dir, name, "atlas")
	must0(t, os.RemoveAll(p.dir))
	res, err := publish.Run(ctx, db, publish.Options{Dir: p.dir, Seed: 1, Policy: b.world.policy, Meta: atlas.Meta{Title: "Atlas d’essai",
		Territory: "Pays d’essai", Publisher: "Essai", Licence: "etalab-2.0", Fictional: true, Mesh: b.world.policy.Mesh}})
	if err != nil {
		t.Fatalf("%v\n%s", err, b.explain(list, list, b.decide(t, db), nil))
	}
	p.file = filepath.Join(p.dir, res.ID+".gpkg")
	if why {
		p.decided = b.decided(t, db, list)
	}
	return p
}

// decided tells what became of each observation of a vault that was published.
func (b *bed) decided(t fails, db *vault.DB, list []sighting) map[string]decided {
	t.Helper()
	is := b.decide(t, db)
	shown, key := map[string]geo.AreaKey{}, map[int64]string{}
	for k, d := range is {
		key[d.exact.ID] = k
	}
	if _, err := db.LastBatch(t.Context()); err == nil { // else refused before anything was shown
		must0(t, db.Disclosed(t.Context(), func(d *vault.Disclosed) error {
			shown[key[d.Observation]] = d.Area
			return nil
		}))
		together, told := b.together(is)
		for k := range shown {
			told[is[k].exact.Grouping] = true
		}
		sure := map[int64]bool{}
		for _, d := range is {
			sure[d.cluster] = sure[d.cluster] || d.exact.Grouping != "" && told[d.exact.Grouping]
		}
		for k, d := range is {
			if together[k] && !told[d.exact.Grouping] && (d.cluster == 0 || !sure[d.cluster]) {
				d.unknown = true
				is[k] = d
			}
			want := geo.AreaKey(0)
			if d.shown && d.batched {
				want = d.area
			}
			switch {
			case together[k]:
				d.area = shown[k]
				d.shown, d.blurred, d.batched = d.area != 0, true, true
				is[k] = d
			case shown[k] != want:
				t.Fatalf("%s is shown in %v, and the rule says %v\n%s", k, shown[k], want, b.explain(list, list, is, nil))
			}
		}
	}
	return is
}

// decided is what becomes of an observation.
type decided struct {
	exact   observation.Observation // with the level it is shown by
	alone   observation.Observation // the same but for the level of its slot, which is not its grouping's
	own     sensitivity.Result      // the level computed at import
	shown   bool                    // in the atlas
	could   bool                    // but for its twins
	blurred bool
	batched bool // changes with the batches of what is blurred on purpose
	area    geo.AreaKey
	cluster int64 // of twins, 0 none
	unknown bool  // of a grouping that is withheld whole, or not blurred at all
}

// decide applies the rule to a vault by itself, from the pieces publish is made of: the level all
// over the disclosed area, the disclosure, the twins. Groupings are left aside: see together.
func (b *bed) decide(t fails, db *vault.DB) map[string]decided {
	ctx, grant := t.Context(), disclosure.Grant{Who: "test", Reason: "comparing outlets"}
	name := func(o *observation.Observation) string { return strings.TrimPrefix(o.NameCited, "cité ") }
	out := map[string]decided{}
	spread := disclosure.NewSpread(b.book, func(cd taxon.CdRef) []taxon.CdNom { return b.world.taxa.Lineage(taxon.CdNom(cd)) }, &b.policy, b.world.in)
	key, raw := map[int64]string{}, map[int64]observation.Observation{}
	decide := func(o observation.Observation, raise func(o *observation.Observation)) {
		d := decided{exact: o, own: sensitivity.Result{Level: o.Sensitivity, List: o.SensList}}
		raise(&d.exact)
		if d.alone = d.exact; key[o.ID] != "" {
			d.alone = out[key[o.ID]].alone
		}
		got, ok := disclosure.Publish(&d.exact, &b.policy, b.world.in, disclosure.Public)
		d.shown, d.could, d.blurred, d.area = ok, ok, got.Blurred, got.Area
		d.batched = got.Reasons&(disclosure.Sensitive|disclosure.Consent) != 0
		out[name(&o)], key[o.ID], raw[o.ID] = d, name(&o), o
	}
	must0(t, db.Observations(ctx, grant, vault.Complete, func(o *observation.Observation) error {
		decide(*o, spread.Raise)
		return nil
	}))
	clusters := map[int64][]disclosure.Member{}
	must0(t, db.TwinMembers(ctx, grant, func(cluster, slot int64, o *observation.Observation) error {
		clusters[cluster] = append(clusters[cluster], disclosure.Member{Slot: slot, Observation: raw[o.ID]})
		return nil
	}))
	for id, members := range clusters {
		disclosure.Slots(members, func(slot []*observation.Observation) {
			level, list, common := spread.Slot(slot)
			for _, m := range slot {
				if common {
					decide(*m, func(o *observation.Observation) { spread.RaiseTo(o, level, list) })
				}
			}
		})
		for i := range members {
			members[i].Observation = out[key[members[i].ID]].exact
		}
		show := make([]bool, len(members))
		disclosure.Twins(members, &b.policy, b.world.in, disclosure.Public, show)
		for i, m := range members {
			d := out[key[m.ID]]
			d.cluster, d.shown = id, d.shown && show[i]
			out[key[m.ID]] = d
		}
	}
	return out
}

// together lists the observations whose grouping has a sensitive member, and those of which one may be
// the twin: what is shown of them is all blurred, or nothing is, so the vault's record of what was shown
// of blurred observations tells all. It also lists the groupings that are withheld for certain.
func (b *bed) together(is map[string]decided) (out, withheld map[string]bool) {
	groups, clusters := map[string]bool{}, map[int64]bool{}
	out, withheld = map[string]bool{}, map[string]bool{"": true}
	for _, d := range is {
		o := &d.alone
		if o.Grouping == "" || o.Held != observation.NotHeld || o.Presence != observation.Present || o.Validation == observation.Doubtful || o.Validation == observation.Invalid {
			continue
		}
		hidden := len(b.policy.KindsOf(o.SensList, o.Sensitivity)) == 0 || len(b.policy.KindsOf("", o.StatedLevel)) == 0
		if o.Sensitivity|o.StatedLevel != 0 || b.book.Names(b.world.taxa.Lineage(o.CdNom)...) {
			groups[o.Grouping] = true
		}
		if hidden && o.Diffusion != "4" && o.Consent != "4" {
			withheld[o.Grouping] = true
		}
	}
	for _, d := range is {
		if groups[d.exact.Grouping] && d.cluster != 0 {
			clusters[d.cluster] = true
		}
	}
	for k, d := range is {
		out[k] = groups[d.exact.Grouping] || clusters[d.cluster]
	}
	return out, withheld
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// elsewhere writes the blurred observations somewhere else in their disclosed areas and leaves
// out what is withheld. Twins are one observation: they go together. So are the members of a grouping
// as to their level: those that are withheld are left out with all of it, or stay.
func (b *bed) elsewhere(seed int, list []sighting, is map[string]decided) (out []sighting, moved int) {
	units, whole := components(list, is)
	next := slices.Clone(list)
	gone := map[int]bool{}
	for _, name := range sortedKeys(units) {
		unit := units[name]
		var areas []geo.AreaKey
		ordinary, bound := false, false
		for _, i := range unit {
			d := is[list[i].Key]
			bound = bound || d.unknown || list[i].Group > 0 && whole[i]
			if d.shown {
				ordinary = ordinary || !d.blurred
				areas = append(areas, d.area)
			}
		}
		switch {
		case len(areas) == 0 && !bound:
			for _, i := range unit {
				gone[i] = true
			}
		case len(areas) > 0 && !ordinary && !slices.ContainsFunc(unit, func(i int) bool { return is[list[i].Key].unknown }) && movable(list, unit):
			r := rand.New(rand.NewPCG(uint64(seed), uint64(unit[0]))) // the same whatever else there is
			if b.world.move(r, next, unit, areas) {
				moved += len(areas)
			}
		}
	}
	for i, s := range next {
		if !gone[i] {
			out = append(out, s)
		}
	}
	return out, moved
}

// movable reports whether the records of one observation stay twins wherever they go together: none
// of the copies there are is left out of the unit, and none is a shape that may cross the edge of the
// area another is attached to.
func movable(list []sighting, unit []int) bool {
	copies := 0
	for _, s := range list {
		if s.Twin == list[unit[0]].Twin {
			copies++
		}
	}
	like := func(i int) bool {
		a, b := &list[unit[0]], &list[i]
		return a.Support == b.Support && a.W == b.W && a.H == b.H
	}
	shape := slices.ContainsFunc(unit, func(i int) bool { return list[i].W > 0 })
	return copies == len(unit) && (!shape || !slices.ContainsFunc(unit, func(i int) bool { return !like(i) }))
}

// components sorts observations into units, a cluster of twins or one by itself, and tells of each
// observation whether something is, or may be, shown of those that twins and groupings link it to.
func components(list []sighting, is map[string]decided) (units map[string][]int, shown map[int]bool) {
	units, parent := map[string][]int{}, make([]int, len(list))
	var root func(i int) int
	root = func(i int) int {
		if parent[i] != i {
			parent[i] = root(parent[i])
		}
		return parent[i]
	}
	first := map[string]int{}
	link := func(name string, i int) {
		if j, ok := first[name]; ok {
			parent[root(i)] = root(j)
		} else {
			first[name] = i
		}
	}
	for i, s := range list {
		parent[i] = i
		name := s.Key
		if c := is[s.Key].cluster; c != 0 {
			name = fmt.Sprint("cluster ", c)
		}
		units[name] = append(units[name], i)
		link(name, i)
		if s.Group > 0 {
			link(fmt.Sprint("group ", s.Group), i)
		}
	}
	some := map[int]bool{}
	for i, s := range list {
		some[root(i)] = some[root(i)] || is[s.Key].shown || is[s.Key].unknown
	}
	shown = map[int]bool{}
	for i := range list {
		shown[i] = some[root(i)]
	}
	return units, shown
}

// move puts the observations of a unit at one new point, inside all the areas they are disclosed
// in. False when no such point was found.
func (w *world) move(r *rand.Rand, list []sighting, unit []int, areas []geo.AreaKey) bool {
	box := w.whole
	for _, a := range areas {
		in := w.rect(a)
		box = rectangle{max(box.x0, in.x0), max(box.y0, in.y0), min(box.x1, in.x1), min(box.y1, in.y1)}
	}
	for range 60 {
		x, y := box.x0+r.Float64()*(box.x1-box.x0), box.y0+r.Float64()*(box.y1-box.y0)
		if !w.whole.has(x-2, y-2) || !w.whole.has(x+2, y+2) || !w.inside(list, unit, areas, x, y) {
			continue
		}
		around := r.Uint64N(1 << 20)
		for _, i := range unit {
			list[i].X, list[i].Y, list[i].Around = x, y, around
		}
		return true
	}
	return false
}

// inside reports whether a point is in all the areas, and so the centre of the cell a record would be
// attached to there.
func (w *world) inside(list []sighting, unit []int, areas []geo.AreaKey, x, y float64) bool {
	points := [][2]float64{{x, y}}
	for _, i := range unit {
		kinds := list[i].Given
		if k, ok := geo.ParseKind(list[i].Support); ok {
			kinds = []geo.Kind{k}
		}
		for _, k := range kinds {
			if m := float64(k.Mesh()) * 1000; m > 0 {
				e, n := geo.CellAt(k, x, y).Corner()
				points = append(points, [2]float64{float64(e)*1000 + m/2, float64(n)*1000 + m/2})
			}
		}
	}
	for _, a := range areas {
		for _, p := range points {
			if w.holder(a.Kind(), p[0], p[1]) != a {
				return false
			}
		}
	}
	return true
}

// explain tells the case: the policy, what is shown otherwise than it was, with its twins and companions
// (all when nothing is), and the rules of their taxa.
func (b *bed) explain(list, other []sighting, is, later map[string]decided) string {
	at := map[string]sighting{}
	for _, s := range other {
		at[s.Key] = s
	}
	twins, groups := map[int]bool{}, map[int]bool{}
	for _, s := range list {
		if z, kept := later[s.Key]; kept && (z.shown != is[s.Key].shown || z.shown && z.area != is[s.Key].area) {
			twins[s.Twin], groups[s.Group] = true, s.Group > 0
		}
	}
	var some []sighting
	taxa := map[taxon.CdNom]bool{}
	for _, s := range list {
		if len(twins) == 0 || twins[s.Twin] || groups[s.Group] {
			some = append(some, s)
			for _, cd := range b.world.taxa.Lineage(s.Taxon) {
				taxa[cd] = true
			}
		}
	}
	var out strings.Builder
	fmt.Fprintf(&out, "policy %s, mesh %v, levels %v, scale %v; lists %v\n", b.policy.Version, b.policy.Mesh, b.policy.Levels, b.policy.Scale, b.world.lists)
	for _, a := range b.world.areas {
		if a.Key.Kind() != geo.Commune {
			fmt.Fprintf(&out, "%v %.0f\n", a.Key, b.world.at[a.Key])
		}
	}
	for _, r := range b.world.rules {
		if m, _ := b.world.taxa.Resolve(r.CdNom); taxa[r.CdNom] || taxa[taxon.CdNom(m.CdRef)] {
			fmt.Fprintf(&out, "rule %+v\n", r)
		}
	}
	tell := func(d decided) string {
		return fmt.Sprintf("level %s (%s), %s (%s) at import, stated %s, choice %q, %v, shown %v (%v) blurred %v, cluster %d, in %v", d.exact.Sensitivity, d.exact.SensList,
			d.own.Level, d.own.List, d.exact.StatedLevel, d.exact.Consent, d.exact.Held, d.shown, d.could, d.blurred, d.cluster, d.area)
	}
	for _, s := range some {
		line, _ := json.Marshal(s)
		fmt.Fprintf(&out, "%s\n   %s\n", line, tell(is[s.Key]))
		if z, ok := at[s.Key]; !ok {
			fmt.Fprintln(&out, "   LEFT OUT")
		} else if z.X != s.X || z.Y != s.Y {
			fmt.Fprintf(&out, "   MOVED to %.1f %.1f\n   %s\n", z.X, z.Y, tell(later[s.Key]))
		} else if later != nil {
			fmt.Fprintf(&out, "   %s\n", tell(later[s.Key]))
		}
	}
	return out.String()
}

var builtText = regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)

// compareSnapshots returns how two snapshots differ, but for when they were made; "" when
// they do not.
func compareSnapshots(t fails, one, other string) string {
	t.Helper()
	a, err := os.ReadFile(one)
	must0(t, err)
	b, err := os.ReadFile(other)
	must0(t, err)
	if filepath.Base(one) == filepath.Base(other) && bytes.Equal(builtText.ReplaceAll(a, nil), builtText.ReplaceAll(b, nil)) {
		return ""
	}
	x, y := rowsOf(t, one), rowsOf(t, other)
	var diff []string
	for _, table := range sortedKeys(x) {
		if z, ok := y[table]; !ok || !slices.Equal(x[table], z) {
			diff = append(diff, table+": "+firstDifference(x[table], z))
		}
	}
	for table := range y {
		if _, ok := x[table]; !ok {
			diff = append(diff, table+": only in one")
		}
	}
	for i := range diff {
		diff[i] = diff[i][:min(len(diff[i]), 300)]
	}
	return strings.Join(diff[:min(len(diff), 4)], "\n")
}

func firstDifference(a, b []string) string {
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a):
			return fmt.Sprintf("%d rows and %d: + %.600s", len(a), len(b), b[i])
		case i >= len(b):
			return fmt.Sprintf("%d rows and %d: - %.600s", len(a), len(b), a[i])
		case a[i] != b[i]:
			at := 0
			for at < min(len(a[i]), len(b[i])) && a[i][at] == b[i][at] {
				at++
			}
			from := max(0, at-200)
			return fmt.Sprintf("row %d:\n  - %.500s\n  + %.500s", i, a[i][from:], b[i][from:])
		}
	}
	return ""
}

// rowsOf reads every table of a snapshot, in the order its rows lie in.
func rowsOf(t fails, path string) map[string][]string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&immutable=1")
	must0(t, err)
	defer db.Close()
	query := func(text string) (out []string) {
		rows, err := db.Query(text)
		must0(t, err)
		defer rows.Close()
		columns, err := rows.Columns()
		must0(t, err)
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		for rows.Next() {
			must0(t, rows.Scan(into...))
			var line strings.Builder
			for i, v := range values {
				switch v := v.(type) {
				case time.Time:
					fmt.Fprintf(&line, "%s=%s ", columns[i], v.UTC().Format(time.RFC3339))
				case []byte:
					fmt.Fprintf(&line, "%s=x%s ", columns[i], hex.EncodeToString(v))
				default:
					fmt.Fprintf(&line, "%s=%v ", columns[i], v)
				}
			}
			out = append(out, builtText.ReplaceAllString(line.String(), ""))
		}
		must0(t, rows.Err())
		return out
	}
	out := map[string][]string{"sqlite_master": query(`SELECT type, name, sql FROM sqlite_master ORDER BY name`)}
	for _, line := range query(`SELECT name AS n FROM sqlite_master WHERE type = 'table' AND COALESCE(sql, '') NOT LIKE 'CREATE VIRTUAL%' ORDER BY name`) {
		name := strings.TrimPrefix(strings.TrimSpace(line), "n=")
		out[name] = query(`SELECT * FROM "` + name + `"`)
	}
	return out
}
