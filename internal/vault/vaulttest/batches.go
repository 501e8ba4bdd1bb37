package vaulttest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"garrigue/internal/civil"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/quality"
	"garrigue/internal/vault"
)

// testRoundTrip stores observations whose every field is set, or none, or awkward.
func testRoundTrip(t *testing.T, open func(t *testing.T) *vault.DB) {
	db := open(t)
	d := someDataset(t, db)
	full := &observation.Observation{
		IDSinp: uuid.MustParse("d8a9f4a0-17c1-4a38-9b60-000000000001"), Dataset: d, SourceKey: "F-1",
		CdNom: 459638, CdRef: 3696, NameCited: "Delichon urbica", Presence: observation.Absent,
		When: observation.Period{Start: date(1999, 12, 31), End: date(2000, 2, 29), Precision: observation.Years, StartTime: "06:30", EndTime: "07:00:30"},
		Place: observation.Place{Georeference: observation.ByGeometry, Geometry: []byte{0, 1, 0, 255}, Lon: -4.5, Lat: 48.25,
			Box: geo.Box{MinX: 1.5, MinY: 6e6, MaxX: 2.5, MaxY: 6000001}, Commune: geo.AdminKey(geo.Commune, "2B033"),
			Department: geo.AdminKey(geo.Department, "2B"), Uncertainty: 250, AltitudeMin: -5, AltitudeMax: 0, Name: "L’étang", Nature: "In"},
		Observers: "NOM Prénom", Determiner: "AUTRE Prénom", Organisation: "Société d’étude — Aude", CountMin: 0, CountMax: 2147483647,
		CountObject: "IND", CountType: "Co", LifeStage: "2", Sex: "3", BioStatus: "4", Behaviour: "5", Technique: "6",
		Public: "Pr", Diffusion: "2", Blurring: "OUI", StatedLevel: 2, Sensitivity: 3, SensList: "OCC", Manual: true, Review: true, Grouping: "D8A9F4A0", Validation: observation.Probable,
		Held: observation.OutsideTerritory, Comment: "deux\nlignes \"et\" un emoji 🦉, tab\t", Extra: map[string]string{"Clé": "va\"leur\\", "vide": "", "\u0001": "ctl"},
	}
	empty := &observation.Observation{Dataset: d, SourceKey: "E", CountMin: -1, CountMax: -1,
		When:  observation.Period{Start: civil.NoDate, End: civil.NoDate},
		Place: observation.Place{AltitudeMin: observation.NoAltitude, AltitudeMax: observation.NoAltitude}}
	rows := []*observation.Observation{full, empty}
	long := *full
	long.SourceKey, long.Organisation, long.SensList = "L", strings.Repeat("é", 40), strings.Repeat("x", 64)
	long.IDSinp, long.Extra = uuid.Nil, map[string]string{"Clé": "autre"}
	rows = append(rows, &long)
	for i, p := range []observation.Place{
		{Georeference: observation.ByCommune, Attached: geo.AdminKey(geo.Commune, "34172"), Commune: geo.AdminKey(geo.Commune, "34172")},
		{Georeference: observation.ByDepartment, Attached: geo.AdminKey(geo.Department, "2A")},
		{Georeference: observation.ByDepartment, Attached: geo.AdminKey(geo.Department, "974")},
		{Georeference: observation.ByCell, Attached: geo.CellKey(geo.Cell10, 570, 6430)},
		{Georeference: observation.ByCell, Attached: geo.CellKey(geo.Cell5, 665, 6485)},
		{Georeference: observation.ByCell, Attached: geo.CellKey(geo.Cell1, 99, 6049)},
		{Georeference: observation.ByCell, Attached: geo.CellKey(geo.Cell50, 100, 6050)},
	} {
		o := *empty
		o.SourceKey, o.Place, o.Presence = fmt.Sprint("P", i), p, observation.Present
		o.Held, o.When.Precision, o.When.Start = observation.Hold(i%5), observation.Precision(i%4), date(1850+i*40, 1, 1+i)
		rows = append(rows, &o)
	}
	importRows(t, db, rows...)
	var want []observation.Observation
	for i, o := range rows {
		if o.ID != int64(i+1) {
			t.Errorf("row %d has id %d", i, o.ID)
		}
		want = append(want, *o)
	}
	if diff := cmp.Diff(want, all(t, db)); diff != "" {
		t.Errorf("round trip: %s", diff)
	}
}

func testOutcomes(t *testing.T, open func(t *testing.T) *vault.DB) {
	db := open(t)
	d := someDataset(t, db)
	a, b := row(d, "a", 1), row(d, "b", 2)
	if got := importRows(t, db, a, b); !cmp.Equal(got, []vault.Outcome{vault.Created, vault.Created}) {
		t.Errorf("first import: %v", got)
	}
	again, changed, fresh := row(d, "a", 1), row(d, "b", 2), row(d, "c", 3)
	changed.Comment = "relu"
	got := importRows(t, db, again, changed, fresh)
	if !cmp.Equal(got, []vault.Outcome{vault.Unchanged, vault.Updated, vault.Created}) {
		t.Errorf("second import: %v", got)
	}
	if again.ID != a.ID || changed.ID != b.ID || fresh.ID == 0 {
		t.Errorf("ids: %d %d %d", again.ID, changed.ID, fresh.ID)
	}
	if list := all(t, db); len(list) != 3 || list[1].Comment != "relu" {
		t.Errorf("%d rows", len(list))
	}
}

func testClassAlone(t *testing.T, open func(t *testing.T) *vault.DB) {
	db := open(t)
	d := someDataset(t, db)
	importRows(t, db, row(d, "a", 1), row(d, "b", 1))
	for range 2 { // the second time by keys in memory or by index, whatever the first was
		o := row(d, "a", 1)
		o.Sensitivity, o.SensList, o.Held, o.CdRef = 3, "OCC", observation.Unclassed, 42
		if got := importRows(t, db, o, row(d, "b", 1)); got[0] != vault.Unchanged || got[1] != vault.Unchanged {
			t.Errorf("a new class is no change: %v", got)
		}
	}
	got := all(t, db)
	if got[0].Sensitivity != 3 || got[0].SensList != "OCC" || got[0].Held != observation.Unclassed || got[0].CdRef != 42 || got[1].CdRef != 3696 {
		t.Errorf("classes: level %d held %d, taxon %d", got[0].Sensitivity, got[0].Held, got[0].CdRef)
	}
	if h := must(db.History(t.Context(), grant(), got[0].ID))(t); len(h) != 0 {
		t.Errorf("history: %d entries", len(h))
	}
}

func testHistory(t *testing.T, open func(t *testing.T) *vault.DB) {
	db := open(t)
	d := someDataset(t, db)
	importRows(t, db, row(d, "a", 1))
	for i := range 2 {
		o := row(d, "a", 1)
		o.Comment = fmt.Sprint("version ", i+2)
		importRows(t, db, o)
	}
	h := must(db.History(t.Context(), grant(), 1))(t)
	if len(h) != 2 {
		t.Fatalf("%d entries", len(h))
	}
	var first, second map[string]any
	check(t, json.Unmarshal([]byte(h[0].Content), &first))
	check(t, json.Unmarshal([]byte(h[1].Content), &second))
	for column, want := range map[string]any{"source_key": "a", "commune": "34172", "date_start": "2020-05-02", "count_max": 2.0,
		"geometry": "010100000001", "batch": 1.0, "comment": nil} {
		if first[column] != want {
			t.Errorf("%s is %v, want %v", column, first[column], want)
		}
	}
	if second["comment"] != "version 2" || h[0].Batch != 2 || h[1].Batch != 3 || h[0].Replaced.IsZero() {
		t.Errorf("second entry: batches %d, %d", h[0].Batch, h[1].Batch)
	}
	if _, err := db.History(t.Context(), grantOf("", "x"), 1); !fault.Is(err, fault.Forbidden) {
		t.Errorf("history without a grant: %v", err)
	}
}

// testKeys stores keys that a collation, a trimmed comparison or a C string would confuse.
func testKeys(t *testing.T, open func(t *testing.T) *vault.DB) {
	db := open(t)
	d := someDataset(t, db)
	e := must(db.EnsureDataset(t.Context(), datasetNamed("hirondelles")))(t).ID
	keys := []string{"A", "a", "À", "A\u0300", "à", "a ", " a", "1", "01", "1.0", "١", "ß", "ss", "SS", "İ", "i̇", "ı", "%", "_", "'", "\"", "$1", "?1",
		"e\u0301", "é", "\u200b", "Æ", "ae", "🦉", "\U0010FFFF", "null", "NULL", strings.Repeat("k", 3000), strings.Repeat("k", 3001)}
	var rows []*observation.Observation
	for i, k := range keys {
		rows = append(rows, row(d, k, i), row(e, k, i))
	}
	for _, o := range importRows(t, db, rows...) {
		if o != vault.Created {
			t.Fatal("two different keys were taken for one")
		}
	}
	for _, o := range rows {
		o.ID = 0
	}
	for i, o := range importRows(t, db, rows...) {
		if o != vault.Unchanged || rows[i].ID != int64(i+1) {
			t.Errorf("key %q: outcome %d, id %d", rows[i].SourceKey, o, rows[i].ID)
		}
	}
	for i, o := range all(t, db) {
		if o.SourceKey != rows[i].SourceKey {
			t.Errorf("key %q came back as %q", rows[i].SourceKey, o.SourceKey)
		}
	}
}

func testSameKeyTwice(t *testing.T, open func(t *testing.T) *vault.DB) {
	db := open(t)
	d := someDataset(t, db)
	other := row(d, "a", 1)
	other.Comment = "encore"
	want := []vault.Outcome{vault.Created, vault.Unchanged, vault.Updated, vault.Unchanged}
	if got := importRows(t, db, row(d, "a", 1), row(d, "a", 1), other, other); !cmp.Equal(got, want) {
		t.Errorf("on an empty vault: %v", got)
	}
	b := row(d, "b", 1)
	if got := importRows(t, db, b, row(d, "b", 1)); !cmp.Equal(got, want[:2]) {
		t.Errorf("later: %v", got)
	}
}

// testLarge goes past the sizes at which a batch changes its ways: keys in memory, indexes
// built again at the end.
func testLarge(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	d := someDataset(t, db)
	const n = 52_000
	importRows(t, db, row(d, "first", 1), row(d, "second", 2))
	load := func(comment string) (outcomes [3]int) {
		b := must(db.Begin(ctx, vault.BatchInfo{}))(t)
		defer b.Rollback()
		for i := range n {
			o := row(d, fmt.Sprint("large ", i), i)
			if i%1000 == 0 {
				o.Comment = comment
			}
			outcomes[must(b.Put(ctx, o))(t)]++
		}
		must(b.Commit(ctx, vault.BatchInfo{}))(t)
		return outcomes
	}
	if got := load(""); got != [3]int{n, 0, 0} {
		t.Errorf("first: %v", got)
	}
	if got := load("changed"); got != [3]int{0, n / 1000, n - n/1000} {
		t.Errorf("second: %v", got)
	}
	if got := importRows(t, db, row(d, "large 51999", 51999), row(d, "second", 2), row(d, "third", 3)); !cmp.Equal(got, []vault.Outcome{vault.Unchanged, vault.Unchanged, vault.Created}) {
		t.Errorf("after: %v", got)
	}
	if got := count(t, db); got != n+3 {
		t.Errorf("%d rows", got)
	}
	check(t, db.Check(ctx))
}

func testBadRows(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	d := someDataset(t, db)
	b := must(db.Begin(ctx, vault.BatchInfo{}))(t)
	defer b.Rollback()
	for name, spoil := range map[string]func(o *observation.Observation){
		"no key":             func(o *observation.Observation) { o.SourceKey = "" },
		"unknown dataset":    func(o *observation.Observation) { o.Dataset = 99 },
		"no dataset":         func(o *observation.Observation) { o.Dataset = 0 },
		"commune of a kind":  func(o *observation.Observation) { o.Place.Commune = geo.AdminKey(geo.Department, "34") },
		"attached to itself": func(o *observation.Observation) { o.Place.Attached = geo.AdminKey(geo.Commune, "34172") },
		"cell of no cell":    func(o *observation.Observation) { o.Place.Georeference = observation.ByCell },
		"hold unknown":       func(o *observation.Observation) { o.Held = 9 },
	} {
		o := row(d, "bad", 1)
		o.Observers, o.Place.Name = "SECRET Prénom", "SECRET"
		spoil(o)
		_, err := b.Put(ctx, o)
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), "43.61")) {
			t.Errorf("%s: the error tells what it must not", name)
		}
	}
	must(b.Put(ctx, row(d, "good", 1)))(t)
	must(b.Commit(ctx, vault.BatchInfo{}))(t)
	if n := count(t, db); n != 1 {
		t.Errorf("%d rows: the bad ones must leave the batch as it was", n)
	}
}

func testRejects(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	d := someDataset(t, db)
	load := func(file string, lines ...int) vault.BatchInfo {
		b := must(db.Begin(ctx, vault.BatchInfo{File: file, Dataset: d, Format: "sinp-2.0", Mapping: `{"a":"b"}`, SHA256: "ff"}))(t)
		defer b.Rollback()
		for _, l := range lines {
			check(t, b.Reject(ctx, vault.Reject{Line: l, Row: fmt.Sprintf("%d;32/13/2024;«é»", l), Findings: []quality.Finding{
				{Code: "INVALID_DATE", Field: "dateDebut", Value: "32/13/2024", Args: []string{"x"}}}}))
		}
		info := must(b.Commit(ctx, vault.BatchInfo{Read: 10, Rejected: len(lines), Created: 3, Updated: 2, Same: 1, Held: 4, Warnings: 5}))(t)
		if info.ID != b.ID() || info.File != file || info.Ended.Before(info.Started) || info.Started.IsZero() {
			t.Errorf("completed: %+v", info)
		}
		return info
	}
	first := load("a.csv", 9, 3)
	second := load("b.csv", 5)
	third := load("a.csv", 4)
	if diff := cmp.Diff([]vault.BatchInfo{third, second}, must(db.Batches(ctx, 2))(t)); diff != "" {
		t.Errorf("newest first: %s", diff)
	}
	if got := must(db.Batches(ctx, 0))(t); len(got) != 3 || got[2].ID != first.ID {
		t.Errorf("all: %d batches", len(got))
	}
	lines := func(batch int64) (l []int) {
		for _, r := range must(db.Rejects(ctx, batch))(t) {
			l = append(l, r.Line)
			if r.Row != fmt.Sprintf("%d;32/13/2024;«é»", r.Line) || r.Findings[0].Code != "INVALID_DATE" || r.Findings[0].Args[0] != "x" {
				t.Errorf("line %d came back otherwise", r.Line)
			}
		}
		return l
	}
	for batch, want := range map[int64][]int{first.ID: {3, 9}, second.ID: {5}, 0: {5, 4}, 99: nil} {
		if got := lines(batch); !cmp.Equal(got, want) {
			t.Errorf("batch %d: lines %v, want %v", batch, got, want)
		}
	}
	if time.Since(third.Started) > time.Hour {
		t.Errorf("started %v", third.Started)
	}
}

// testExpect: rows whose keys were announced become what they become without.
func testExpect(t *testing.T, open func(t *testing.T) *vault.DB) {
	db, ctx := open(t), t.Context()
	d := someDataset(t, db)
	var before []*observation.Observation
	for i := range 600 {
		before = append(before, row(d, fmt.Sprint("k", i), i))
	}
	importRows(t, db, before...)
	b := must(db.Begin(ctx, vault.BatchInfo{}))(t)
	defer b.Rollback()
	must(b.Withdraw(ctx, d, "k1"))(t)
	nul := "nul\x00"
	var keys []vault.Key
	for i := range 300 { // more than one statement
		keys = append(keys, vault.Key{Dataset: d, SourceKey: fmt.Sprint("k", i)})
	}
	for _, k := range []string{"new", nul, "never"} {
		keys = append(keys, vault.Key{Dataset: d, SourceKey: k})
	}
	check(t, b.Expect(ctx, keys))
	put := func(key string, n int, comment string, want vault.Outcome) {
		t.Helper()
		o := row(d, key, n)
		o.Comment = comment
		if out := must(b.Put(ctx, o))(t); out != want {
			t.Errorf("%q: outcome %d, want %d", key, out, want)
		}
	}
	put("k0", 0, "", vault.Unchanged)
	put("k1", 1, "", vault.Returned)
	put("k299", 299, "changed", vault.Updated)
	put("k299", 299, "changed", vault.Unchanged) // what was expected is no longer so
	put("k500", 500, "", vault.Unchanged)        // not announced
	put("new", 1, "", vault.Created)
	put("new", 1, "", vault.Unchanged)
	put(nul, 2, "", vault.Created)
	put(nul, 2, "", vault.Unchanged)
	if out := must(b.Withdraw(ctx, d, "k2"))(t); out != vault.Withdrawn {
		t.Errorf("withdrawal: outcome %d", out)
	}
	put("k2", 2, "", vault.Returned)
	must(b.Commit(ctx, vault.BatchInfo{}))(t)
	if n := count(t, db); n != 602 {
		t.Errorf("%d rows", n)
	}
}
