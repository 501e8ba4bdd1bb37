package vaulttest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"garrigue/internal/civil"
	"garrigue/internal/consent"
	"garrigue/internal/dataset"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/naming"
	"garrigue/internal/observation"
	"garrigue/internal/vault"
)

func keysOf(t *testing.T, db *vault.DB) (keys []string) {
	t.Helper()
	for _, o := range all(t, db) {
		keys = append(keys, o.SourceKey)
	}
	return keys
}

func kinds(t *testing.T, db *vault.DB, id int64) (list []string) {
	t.Helper()
	for _, e := range must(db.Timeline(t.Context(), grant(), id))(t) {
		s := e.Kind
		for _, c := range e.Changes {
			s += fmt.Sprintf(" %s:%s→%s", c.Field, c.Before, c.After)
		}
		list = append(list, s)
	}
	return list
}

// testWithdrawal withdraws rows and has them come back, with the keys looked up and in memory.
func testWithdrawal(t *testing.T, open func(t *testing.T) *vault.DB) {
	for _, inMemory := range []bool{false, true} {
		db, ctx := open(t), t.Context()
		d := someDataset(t, db)
		rows := []*observation.Observation{row(d, "a", 1), row(d, "b", 2), row(d, "c", 3)}
		for i := range 97 {
			rows = append(rows, row(d, fmt.Sprint("x", i), i))
		}
		importRows(t, db, rows...)
		b := must(db.Begin(ctx, vault.BatchInfo{File: "suppressions.json", By: "Camille"}))(t)
		defer b.Rollback()
		if inMemory { // enough look-ups to have every key read
			for range 100 {
				must(b.Put(ctx, row(d, "x1", 1)))(t)
			}
		}
		for _, c := range []struct {
			key  string
			want vault.Outcome
		}{{"a", vault.Withdrawn}, {"a", vault.Unchanged}, {"b", vault.Withdrawn}, {"none", vault.Unchanged}} {
			if got := must(b.Withdraw(ctx, d, c.key))(t); got != c.want {
				t.Errorf("withdrawing %s: %d", c.key, got)
			}
		}
		if got := must(b.Put(ctx, row(d, "a", 1)))(t); got != vault.Returned {
			t.Errorf("back in the same batch: %d", got)
		}
		if got := must(b.Withdraw(ctx, d, "a"))(t); got != vault.Withdrawn {
			t.Errorf("and withdrawn again: %d", got)
		}
		if info := must(b.Commit(ctx, vault.BatchInfo{}))(t); info.Withdrawn != 3 || info.Returned != 1 {
			t.Errorf("%d withdrawn, %d back", info.Withdrawn, info.Returned)
		}
		if got := keysOf(t, db); len(got) != 98 || got[0] != "c" {
			t.Errorf("%d live", len(got))
		}
		changed := row(d, "b", 2)
		changed.Comment = "relu"
		if got := importRows(t, db, row(d, "a", 1), changed, row(d, "c", 3)); !cmp.Equal(got, []vault.Outcome{vault.Returned, vault.Returned, vault.Unchanged}) {
			t.Errorf("back: %v", got)
		}
		if got := importRows(t, db, row(d, "a", 1)); got[0] != vault.Unchanged {
			t.Errorf("once back it is as any other: %v", got)
		}
		if got := kinds(t, db, 2); !cmp.Equal(got, []string{"created", "withdrawn", "returned", "updated comment:→relu"}) {
			t.Errorf("the life of b: %q", got)
		}
		first := must(db.Timeline(ctx, grant(), 1))(t)
		if len(first) != 5 || first[1].By != "Camille" || first[1].File != "suppressions.json" || first[1].At.IsZero() || first[0].File != "suite.csv" {
			t.Errorf("the life of a: %+v", first)
		}
		if list := must(db.Batches(ctx, 0))(t); list[len(list)-2].Withdrawn != 3 || list[len(list)-2].By != "Camille" {
			t.Errorf("the batch as it is listed: %+v", list[len(list)-2])
		}
		check(t, db.Check(ctx))
	}
}

// testComplete: what a complete file lacks is withdrawn, in its datasets only.
func testComplete(t *testing.T, open func(t *testing.T) *vault.DB) {
	for _, n := range []int{5, 400} { // a dataset that is a small part of the vault, or most of it
		db, ctx := open(t), t.Context()
		d, other := someDataset(t, db), must(db.EnsureDataset(t.Context(), datasetNamed("Autre")))(t).ID
		var rows []*observation.Observation
		for i := range n {
			rows = append(rows, row(d, fmt.Sprint("k", i), i))
		}
		for i := range 300 {
			rows = append(rows, row(other, fmt.Sprint("o", i), i))
		}
		importRows(t, db, rows...)
		b := must(db.Begin(ctx, vault.BatchInfo{Complete: true}))(t)
		defer b.Rollback()
		for i := range n {
			if i%5 != 0 {
				must(b.Put(ctx, row(d, fmt.Sprint("k", i), i)))(t)
			}
		}
		check(t, b.Keep(ctx, d, "k0")) // there, though it could not be read
		check(t, b.Keep(ctx, d, "unheard of"))
		m := must(b.Missing(ctx))(t)
		if m.Living != n || m.Lacked != n/5-1 {
			t.Errorf("of %d, %d living and %d lacking", n, m.Living, m.Lacked)
		}
		if _, _, much := m.TooMany(0.2, 0); much {
			t.Errorf("%d of %d are too many", m.Lacked, m.Living)
		}
		check(t, b.WithdrawMissing(ctx, m))
		must(b.Commit(ctx, vault.BatchInfo{}))(t)
		got := keysOf(t, db)
		if len(got) != n-n/5+1+300 || slices.Contains(got, "k5") || !slices.Contains(got, "k0") || !slices.Contains(got, "o0") {
			t.Errorf("%d live", len(got))
		}
	}
}

// testCutDataset: one dataset of a complete file of several may be cut, little as it is of all.
func testCutDataset(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	d, other := someDataset(t, db), must(db.EnsureDataset(t.Context(), datasetNamed("Autre")))(t).ID
	var large, small []*observation.Observation
	for i := range 300 {
		large = append(large, row(d, fmt.Sprint("k", i), i))
	}
	for i := range 20 {
		small = append(small, row(other, fmt.Sprint("o", i), i))
	}
	importRows(t, db, append(small, large...)...)
	b := must(db.Begin(ctx, vault.BatchInfo{Complete: true}))(t)
	defer b.Rollback()
	for _, o := range append(large, small[0]) {
		must(b.Put(ctx, o))(t)
	}
	m := must(b.Missing(ctx))(t)
	if lacked, living, much := m.TooMany(0.2, 10); !much || lacked != 19 || living != 20 {
		t.Errorf("%d of %d lacking, too many: %v", lacked, living, much)
	}
	if lacked, living, much := m.TooMany(0.2, 19); much || lacked != 19 || living != 320 {
		t.Errorf("few: %d of %d lacking, too many: %v", lacked, living, much)
	}
}

// testClassedAt: rows classed with older references than a classing that went by meanwhile
// have publishing ask for another, also when they come while it goes on.
func testClassedAt(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	d := someDataset(t, db)
	bring := func(key string, generation int64) {
		t.Helper()
		b := must(db.Begin(ctx, vault.BatchInfo{}))(t)
		defer b.Rollback()
		must(b.Put(ctx, row(d, key, 1)))(t)
		check(t, b.ClassedAt(ctx, generation))
		must(b.Commit(ctx, vault.BatchInfo{}))(t)
	}
	expect := func(want int64) {
		t.Helper()
		if _, classed, err := db.Generation(ctx); err != nil || classed != want {
			t.Errorf("classed at %d, want %d: %v", classed, want, err)
		}
	}
	old, _, err := db.Generation(ctx)
	check(t, err)
	bring("first", old)
	expect(old)
	check(t, db.RecordChoices(ctx, consent.Choice{Upto: consent.Refused}))
	now, _, err := db.Generation(ctx)
	check(t, err)
	behind := must(db.Behind(ctx))(t)
	check(t, db.SetClassed(ctx, now, behind))
	expect(now)
	bring("of today", now)
	expect(now)
	check(t, db.SetPlaced(ctx, 9, behind))
	bring("late", old)
	expect(old)
	check(t, db.SetClassed(ctx, now, behind)) // of a classing begun before it came
	check(t, db.SetPlaced(ctx, 9, behind))
	expect(old)
	if _, placed, err := db.Placed(ctx); err != nil || placed != 0 {
		t.Errorf("placed at %d, %v", placed, err)
	}
	check(t, db.SetClassed(ctx, now, must(db.Behind(ctx))(t)))
	expect(now)
	check(t, db.PutDecision(ctx, naming.Decision{Cited: "Truite", CdNom: 67111, By: "Camille"}))
	if current, _, err := db.Generation(ctx); err != nil || current == now {
		t.Errorf("a decision asks for no classing: %d, %v", current, err)
	}
}

// testWhoseWithdrawal: a source withdraws what it brought, and what was imported by hand, but
// never what another source brought.
func testWhoseWithdrawal(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	d, e := someDataset(t, db), must(db.EnsureDataset(t.Context(), datasetNamed("Autre")))(t).ID
	bring := func(source string, complete bool, rows ...*observation.Observation) vault.BatchInfo {
		t.Helper()
		b := must(db.Begin(ctx, vault.BatchInfo{Source: source, Complete: complete}))(t)
		defer b.Rollback()
		for _, o := range rows {
			must(b.Put(ctx, o))(t)
		}
		if complete {
			check(t, b.WithdrawMissing(ctx, must(b.Missing(ctx))(t)))
		}
		return must(b.Commit(ctx, vault.BatchInfo{}))(t)
	}
	bring("a", false, row(d, "a1", 1), row(d, "a2", 2), row(e, "ae", 3))
	bring("b", false, row(d, "b1", 4))
	bring("", false, row(d, "hand", 5))
	if info := bring("a", true, row(d, "a1", 1)); info.Withdrawn != 2 {
		t.Errorf("%d withdrawn by the source", info.Withdrawn)
	}
	if got := keysOf(t, db); !cmp.Equal(got, []string{"a1", "ae", "b1"}) {
		t.Errorf("live after a: %q", got)
	}
	if info := bring("", true, row(d, "new", 1)); info.Withdrawn != 0 {
		t.Errorf("a file by hand withdrew %d of sources", info.Withdrawn)
	}
	b := must(db.Begin(ctx, vault.BatchInfo{Source: "a"}))(t)
	defer b.Rollback()
	if got := must(b.Withdraw(ctx, d, "b1"))(t); got != vault.Unchanged {
		t.Error("a list of one source withdrew what another brought")
	}
	if got := must(b.Withdraw(ctx, d, "ae"))(t); got != vault.Withdrawn {
		t.Error("a key of another dataset of the source was not found")
	}
	must(b.Commit(ctx, vault.BatchInfo{}))(t)
	// One number in two datasets: telling a deletion twice leaves the other alone.
	bring("a", false, row(d, "7", 7), row(e, "7", 8))
	b = must(db.Begin(ctx, vault.BatchInfo{Source: "a"}))(t)
	defer b.Rollback()
	first, second := must(b.Withdraw(ctx, d, "7"))(t), must(b.Withdraw(ctx, d, "7"))(t)
	if first != vault.Withdrawn || second != vault.Unchanged {
		t.Errorf("a deletion told twice: %d, %d", first, second)
	}
	must(b.Commit(ctx, vault.BatchInfo{}))(t)
	// What another source brings back is its own from then on.
	if info := bring("b", false, row(d, "7", 7)); info.Returned != 1 {
		t.Errorf("%d back", info.Returned)
	}
	if info := bring("a", true, row(d, "a1", 1), row(d, "new", 1)); info.Withdrawn != 0 {
		t.Errorf("%d withdrawn that another source brought back", info.Withdrawn)
	}
	if life := must(db.Timeline(ctx, grant(), must(db.Find(ctx, row(d, "7", 7).IDSinp.String()))(t)[0]))(t); life[0].Source != "a" || life[len(life)-1].Source != "b" {
		t.Errorf("who brought it, and back: %+v", life)
	}
}

func testClassHistory(t *testing.T, open func(t *testing.T) *vault.DB) {
	db := open(t)
	d := someDataset(t, db)
	fresh := row(d, "fresh", 1)
	fresh.Held = observation.Unclassed
	importRows(t, db, row(d, "a", 1), fresh)
	classed := vault.Classed{ID: 1, CdRef: 3696, Level: 2, List: "OCC", Consent: "2", ConsentDefault: true}
	second := vault.Classed{ID: 2, CdRef: 3696}
	for i, want := range []int{2, 0} {
		if n := must(db.Reclass(t.Context(), seq(nil, classed, second)))(t); n != want {
			t.Errorf("run %d: %d changed", i+1, n)
		}
	}
	if got := all(t, db); got[0].Consent != "2" || !got[0].ConsentDefault || got[0].Sensitivity != 2 || got[1].Consent != "" {
		t.Errorf("classes: %q %v", got[0].Consent, got[0].ConsentDefault)
	}
	want := []string{"created", "classed consent:→2 consent_default:→1 sensitivity:0→2 sensitivity_list:→OCC"}
	if got := kinds(t, db, 1); !cmp.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := kinds(t, db, 2); !cmp.Equal(got, []string{"created"}) {
		t.Errorf("a first class is no change: %q", got)
	}
	o := row(d, "a", 1) // an import classes again, by the references of its time
	o.Sensitivity = 3
	importRows(t, db, o)
	if got := kinds(t, db, 1); len(got) != 3 || !strings.HasPrefix(got[2], "classed consent:2→ ") {
		t.Errorf("%q", got)
	}
	if _, err := db.Timeline(t.Context(), grant(), 99); !fault.Is(err, fault.NotFound) {
		t.Errorf("no observation: %v", err)
	}
	ids := must(db.Find(t.Context(), o.IDSinp.String()))(t)
	if _, err := db.Find(t.Context(), "x"); !cmp.Equal(ids, []int64{1}) || !fault.Is(err, fault.Invalid) {
		t.Errorf("%v, %v", ids, err)
	}
}

// clusters gives, for each cluster, the keys of each slot.
func clusters(t *testing.T, db *vault.DB) (list []string) {
	t.Helper()
	keys := map[int64]string{}
	for _, o := range all(t, db) {
		keys[o.ID] = o.SourceKey
	}
	cluster, slot := int64(0), int64(0)
	check(t, db.TwinMembers(t.Context(), grant(), func(c, s int64, o *observation.Observation) error {
		switch {
		case c != cluster:
			list = append(list, "")
		case s != slot:
			list[len(list)-1] += " | "
		default:
			list[len(list)-1] += "+"
		}
		list[len(list)-1] += keys[o.ID]
		cluster, slot = c, s
		return nil
	}))
	slices.Sort(list)
	return list
}

// twinCase is a situation: rows of two datasets, and which of them are one observation.
type twinCase struct {
	name string
	make func(a, b dataset.ID) []*observation.Observation
	want []string
}

func twinCases() []twinCase {
	point := func(o *observation.Observation, x, y float64) *observation.Observation {
		o.Place.Box = geo.Box{MinX: x, MinY: y, MaxX: x, MaxY: y}
		o.When.Start, o.When.End = date(2020, 5, 1), date(2020, 5, 1)
		return o
	}
	attached := func(o *observation.Observation, g observation.Georeference, k geo.AreaKey) *observation.Observation {
		o = point(o, 0, 0)
		o.Place.Georeference, o.Place.Attached = g, k
		return o
	}
	commune := geo.AdminKey(geo.Commune, "34172")
	return []twinCase{
		{"8 m apart", func(a, b dataset.ID) []*observation.Observation {
			return []*observation.Observation{point(row(a, "a", 1), 7e5, 6.2e6), point(row(b, "b", 1), 7e5+8, 6.2e6+8)}
		}, []string{"a+b"}},
		{"12 m apart", func(a, b dataset.ID) []*observation.Observation {
			return []*observation.Observation{point(row(a, "a", 1), 7e5, 6.2e6), point(row(b, "b", 1), 7e5+12, 6.2e6)}
		}, nil},
		{"in one dataset two rows are two rows", func(a, b dataset.ID) []*observation.Observation {
			return []*observation.Observation{point(row(a, "a", 1), 7e5, 6.2e6), point(row(a, "b", 1), 7e5, 6.2e6)}
		}, nil},
		{"observers in another order and hand", func(a, b dataset.ID) []*observation.Observation {
			x, y := point(row(a, "a", 1), 7e5, 6.2e6), point(row(b, "b", 1), 7e5, 6.2e6)
			x.Observers, y.Observers = "NOM Prénom, AUTRE Anne (LPO)", "anne autre; Prenom Nom"
			return []*observation.Observation{x, y}
		}, []string{"a+b"}},
		{"another observer, another day, another taxon, an absence", func(a, b dataset.ID) []*observation.Observation {
			x := point(row(a, "a", 1), 7e5, 6.2e6)
			y, z, u, v := point(row(b, "b", 1), 7e5, 6.2e6), point(row(b, "c", 1), 7e5, 6.2e6), point(row(b, "d", 1), 7e5, 6.2e6), point(row(b, "e", 1), 7e5, 6.2e6)
			y.Observers, z.When.End, u.CdRef, v.Presence = "AUTRE Anne", date(2020, 5, 2), 42, observation.Absent
			return []*observation.Observation{x, y, z, u, v}
		}, nil},
		{"nobody in particular", func(a, b dataset.ID) []*observation.Observation {
			x, y := point(row(a, "a", 1), 7e5, 6.2e6), point(row(b, "b", 1), 7e5, 6.2e6)
			x.Observers, y.Observers = "Inconnu", "Inconnu"
			return []*observation.Observation{x, y}
		}, nil},
		{"one identifier, whatever the rest", func(a, b dataset.ID) []*observation.Observation {
			x, y := point(row(a, "a", 1), 7e5, 6.2e6), point(row(b, "b", 1), 8e5, 6.3e6)
			y.IDSinp, y.Observers, y.CdRef = x.IDSinp, "", 0
			return []*observation.Observation{x, y}
		}, []string{"a+b"}},
		{"the same commune, a point in it, a cell around it", func(a, b dataset.ID) []*observation.Observation {
			c, d := point(row(b, "c", 2), 7e5, 6.2e6), attached(row(a, "d", 2), observation.ByCell, geo.CellAt(geo.Cell10, 7e5, 6.2e6))
			c.CdRef, d.CdRef = 42, 42
			return []*observation.Observation{attached(row(a, "a", 1), observation.ByCommune, commune), attached(row(b, "b", 1), observation.ByCommune, commune), c, d}
		}, []string{"a+b", "c+d"}},
		{"a male and another here, a male and a female there", func(a, b dataset.ID) []*observation.Observation {
			x, y, u, v := point(row(a, "a", 1), 7e5, 6.2e6), point(row(a, "b", 1), 7e5, 6.2e6), point(row(b, "c", 1), 7e5, 6.2e6), point(row(b, "d", 1), 7e5, 6.2e6)
			x.Sex, y.Sex, u.Sex, v.Sex = "3", "0", "2", "3"
			return []*observation.Observation{x, y, u, v}
		}, []string{"a+d | b+c"}},
		{"three roads", func(a, b dataset.ID) []*observation.Observation {
			x, y, z := point(row(a, "a", 1), 7e5, 6.2e6), point(row(b, "b", 1), 7e5+8, 6.2e6), point(row(b+1, "c", 1), 7e5+16, 6.2e6)
			return []*observation.Observation{x, y, z}
		}, []string{"a+b+c"}},
	}
}

// testTwins draws the situations one by one.
func testTwins(t *testing.T, open func(t *testing.T) *vault.DB) {
	cases := twinCases()
	// At once, in two imports, and back to front; each case at a time and under keys of its own, so
	// that a vault made of all of them also shows that none meets another.
	for way := range 3 {
		db := open(t)
		a := someDataset(t, db)
		for _, n := range []string{"Autre", "Troisième"} {
			must(db.EnsureDataset(t.Context(), datasetNamed(n)))(t)
		}
		var first, second []*observation.Observation
		for i, c := range cases {
			rows := c.make(a, a+1)
			for _, o := range rows {
				o.SourceKey += fmt.Sprint("@", i)
				o.IDSinp = uuid.NewSHA1(o.IDSinp, []byte(c.name))
				o.When.Start += civil.Date(40 * i)
				o.When.End += civil.Date(40 * i)
			}
			switch way {
			case 0:
				first = append(first, rows...)
			case 1:
				first, second = append(first, rows[1:]...), append(second, rows[0])
			case 2:
				slices.Reverse(rows)
				first, second = append(first, rows[0]), append(second, rows[1:]...)
			}
		}
		for i := range 400 { // so that few are touched
			o := row(a+2, fmt.Sprint("x", i), i)
			o.Observers = fmt.Sprint("TIERS", i)
			first = append(first, o)
		}
		importRows(t, db, first...)
		importRows(t, db, second...)
		got := clusters(t, db)
		if slices.ContainsFunc(got, func(c string) bool { return !strings.Contains(c, "@") }) {
			t.Errorf("rows that nothing brings together: %q", got)
		}
		for i, c := range cases {
			t.Run(fmt.Sprint(c.name, ", way ", way), func(t *testing.T) {
				compareClusters(t, got, i, c.want)
			})
		}
	}
}

// testTwinsKept changes rows by and by, some in nothing that tells twins: what the vault knows of twins is what one
// that has had nothing but the rows as they are knows, and each batch tells how many of its rows have one.
func testTwinsKept(t *testing.T, open func(t *testing.T) *vault.DB) {
	ctx, r := t.Context(), rand.New(rand.NewPCG(3, 4))
	db := open(t)
	first := someDataset(t, db)
	var rows []*observation.Observation
	for i := range 130 {
		o := row(first, fmt.Sprint("k", i), 1)
		if i >= 30 { // so that few are touched
			o.Observers = fmt.Sprint("NOM", i)
		}
		rows = append(rows, o)
	}
	for i, o := range rows[:30] {
		o.Dataset = must(db.EnsureDataset(ctx, datasetNamed(fmt.Sprint("jeu ", i%3))))(t).ID
		o.Observers = fmt.Sprint("NOM", i%4)
	}
	importRows(t, db, rows...)
	kept := 0
	for round := range 25 {
		touched := map[int]bool{}
		for range 6 {
			i := r.IntN(30)
			touched[i] = true
			changeTwin(r, rows[i])
		}
		batch := must(db.Begin(ctx, vault.BatchInfo{}))(t)
		for i := range touched {
			must(batch.Put(ctx, rows[i]))(t)
		}
		info := must(batch.Commit(ctx, vault.BatchInfo{}))(t)
		got, uuids := clusters(t, db), map[string]uuid.UUID{}
		for _, o := range rows {
			uuids[o.SourceKey] = o.IDSinp
		}
		twins, same := 0, 0
		for _, c := range got {
			members := strings.FieldsFunc(c, func(r rune) bool { return r == '|' || r == '+' || r == ' ' })
			for _, m := range members {
				i := slices.IndexFunc(rows, func(o *observation.Observation) bool { return o.SourceKey == m })
				if !touched[i] {
					continue
				}
				twins++
				if slices.ContainsFunc(members, func(other string) bool { return other != m && uuids[other] == uuids[m] }) {
					same++
				}
			}
		}
		if kept += twins; info.Twins != twins || info.SameUUID != same {
			t.Errorf("round %d: %d twins, %d of one identifier, want %d and %d", round, info.Twins, info.SameUUID, twins, same)
		}
		if round%8 == 0 {
			fresh := open(t)
			someDataset(t, fresh)
			for i := range 3 {
				must(fresh.EnsureDataset(ctx, datasetNamed(fmt.Sprint("jeu ", i))))(t)
			}
			importRows(t, fresh, rows...)
			if want := clusters(t, fresh); !slices.Equal(got, want) {
				t.Fatalf("round %d: %q, want %q", round, got, want)
			}
		}
	}
	if kept == 0 {
		t.Error("nothing had a twin")
	}
}

// changeTwin changes a row, two times in three in nothing that tells twins.
func changeTwin(r *rand.Rand, o *observation.Observation) {
	o.Comment += "."
	switch r.IntN(12) {
	case 0:
		o.Observers = fmt.Sprint("NOM", r.IntN(4))
	case 1:
		o.IDSinp = uuid.NewSHA1(uuid.NameSpaceOID, []byte{byte(r.IntN(12))})
	case 2:
		o.Place.Box.MinX, o.Place.Box.MaxX = float64(100*r.IntN(2)), float64(100*r.IntN(2)+200)
	case 3:
		o.Sex = fmt.Sprint(r.IntN(2))
	}
}

// compareClusters checks the clusters of a case, those whose last member is under its keys.
func compareClusters(t *testing.T, all []string, number int, want []string) {
	t.Helper()
	mark := fmt.Sprint("@", number)
	var got, expected []string
	for _, c := range all {
		if strings.HasSuffix(c, mark) {
			got = append(got, inOrder(strings.ReplaceAll(c, mark, ""))) // the order in a slot is that of arrival
		}
	}
	for _, w := range want {
		expected = append(expected, inOrder(w))
	}
	slices.Sort(got)
	if !slices.Equal(got, expected) {
		t.Errorf("%q, want %q", got, expected)
	}
}

func inOrder(cluster string) string {
	list := strings.Split(cluster, " | ")
	for i, s := range list {
		members := strings.Split(s, "+")
		slices.Sort(members)
		list[i] = strings.Join(members, "+")
	}
	slices.Sort(list)
	return strings.Join(list, " | ")
}

// testTwinsAgain: clusters follow what becomes of their members.
func testTwinsAgain(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	a := someDataset(t, db)
	b := must(db.EnsureDataset(ctx, datasetNamed("Autre")))(t).ID
	var filler []*observation.Observation
	for i := range 100 {
		o := row(a, fmt.Sprint("x", i), i)
		o.Observers = fmt.Sprint("NOM", i)
		filler = append(filler, o)
	}
	importRows(t, db, filler...)
	before := must(db.Changes(ctx))(t)
	one := func(d dataset.ID, key string) *observation.Observation { return row(d, key, 1) }
	importRows(t, db, one(a, "a"), one(b, "b"))
	expect := func(what string, want ...string) {
		t.Helper()
		if got := clusters(t, db); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	expect("two roads", "a+b")
	if must(db.Changes(ctx))(t) <= before {
		t.Error("a batch is a change")
	}
	moved := one(b, "b")
	moved.Place.Box = geo.Box{MinX: 1, MinY: 1, MaxX: 1, MaxY: 1}
	importRows(t, db, moved)
	expect("moved away")
	importRows(t, db, one(b, "b"))
	expect("and back", "a+b")
	batch := must(db.Begin(ctx, vault.BatchInfo{}))(t)
	defer batch.Rollback()
	must(batch.Withdraw(ctx, a, "a"))(t)
	must(batch.Commit(ctx, vault.BatchInfo{}))(t)
	expect("withdrawn")
	importRows(t, db, one(a, "a"))
	expect("returned", "a+b")
	must(db.Reclass(ctx, seq(nil, vault.Classed{ID: 101, CdRef: 7})))(t)
	expect("another taxon")
	must(db.Reclass(ctx, seq(nil, vault.Classed{ID: 102, CdRef: 7})))(t)
	expect("both the other taxon", "a+b")
	same := one(b, "c")
	same.IDSinp = uuid.NewSHA1(uuid.NameSpaceOID, []byte("x1"+fmt.Sprint(a)))
	same.Observers = ""
	importRows(t, db, same)
	expect("a second cluster", "a+b", "x1+c")
	list := must(db.Twins(ctx, 1))(t)
	if len(list) != 2 || list[0].Cluster != list[1].Cluster || list[0].Dataset == list[1].Dataset {
		t.Errorf("the first cluster: %+v", list)
	}
	if ids := must(db.Twinned(ctx))(t); len(ids) != 4 || !slices.IsSorted(ids) || !slices.Contains(ids, list[0].Observation) {
		t.Errorf("in a cluster: %v", ids)
	}
}
