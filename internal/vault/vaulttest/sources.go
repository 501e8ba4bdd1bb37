package vaulttest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"garrigue/internal/fault"
	"garrigue/internal/observation"
	"garrigue/internal/vault"
)

// testSourceRuns: what is remembered of sources, and who works on one.
func testSourceRuns(t *testing.T, open func(t *testing.T) *vault.DB) {
	db := open(t)
	ctx := t.Context()
	at := time.Date(2026, 3, 29, 1, 30, 0, 123e6, time.UTC)
	if state, kept, err := db.SourceState(ctx, "faune"); err != nil || state != nil || !kept.IsZero() {
		t.Errorf("a source never read: %q %v %v", state, kept, err)
	}
	for i := range 5 {
		r := vault.SourceRun{Source: "faune", Trigger: "hand", By: "Anne", Started: at.Add(time.Duration(i) * time.Hour)}
		r.ID = must(db.BeginRun(ctx, r))(t)
		if i == 3 {
			continue // the program is stopped
		}
		r.Ended, r.Outcome, r.Files, r.Bytes, r.Read, r.Created, r.Withdrawn = r.Started.Add(time.Minute), "done", 2, 1<<40, 10, 7, 3
		r.ErrorKey, r.ErrorArgs, r.Next = "sync.busy", `["é \" ' $1"]`, at.AddDate(0, 0, 1)
		check(t, db.EndRun(ctx, r, []byte(fmt.Sprintf(`{"n":%d}`, i)), i != 2))
	}
	must(db.BeginRun(ctx, vault.SourceRun{Source: "autre", Trigger: "schedule", Started: at}))(t)
	state, kept, err := db.SourceState(ctx, "faune")
	if err != nil || string(state) != `{"n":4}` || !kept.Equal(at.Add(4*time.Hour+time.Minute)) {
		t.Errorf("state %q kept %v %v", state, kept, err)
	}
	runs := must(db.Runs(ctx, "faune", 0))(t)
	if len(runs) != 5 || runs[1].Outcome != "stopped" || runs[1].Ended.IsZero() {
		t.Fatalf("%+v", runs)
	}
	want := vault.SourceRun{ID: 5, Source: "faune", Trigger: "hand", By: "Anne", Started: at.Add(4 * time.Hour), Ended: at.Add(4*time.Hour + time.Minute),
		Outcome: "done", ErrorKey: "sync.busy", ErrorArgs: `["é \" ' $1"]`, Files: 2, Bytes: 1 << 40, Read: 10, Created: 7, Withdrawn: 3, Next: at.AddDate(0, 0, 1)}
	if diff := cmp.Diff(want, runs[0]); diff != "" {
		t.Error(diff)
	}
	check(t, db.ForgetRuns(ctx, "faune", 2))
	if runs := must(db.Runs(ctx, "", 0))(t); len(runs) != 3 {
		t.Errorf("%d runs kept", len(runs))
	}
	if last := must(db.LastRuns(ctx))(t); len(last) != 2 || last["faune"].ID != 5 || last["autre"].Outcome != "" {
		t.Errorf("last runs %+v", last)
	}
	check(t, db.KeepSourceState(ctx, "faune", nil, at))
	if state, _, err := db.SourceState(ctx, "faune"); err != nil || state != nil {
		t.Errorf("forgotten: %q %v", state, err)
	}

	take := func(token, host string, now time.Time, stale bool) error {
		return db.TakeLease(ctx, vault.Lease{Source: "faune", Token: token, Host: host, Since: now, Until: now.Add(time.Minute)}, now, stale)
	}
	check(t, take("a", "un", at, false))
	check(t, take("a", "un", at.Add(30*time.Second), false)) // renewed
	if err := take("b", "deux", at.Add(80*time.Second), true); !fault.Is(err, fault.Conflict) {
		t.Errorf("taken while another machine has it: %v", err)
	}
	if err := take("b", "un", at, false); !fault.Is(err, fault.Conflict) {
		t.Errorf("taken while another process has it: %v", err)
	}
	check(t, take("b", "un", at, true)) // its process is dead
	check(t, db.DropLease(ctx, "faune", "a"))
	if err := take("c", "deux", at, false); !fault.Is(err, fault.Conflict) {
		t.Errorf("a lease was given back by another: %v", err)
	}
	check(t, take("c", "deux", at.Add(time.Hour), false)) // over
	check(t, db.DropLease(ctx, "faune", "c"))
	check(t, take("d", "trois", at, false))
}

// testLoading counts what is there by source, dataset, group and state.
func testLoading(t *testing.T, open func(t *testing.T) *vault.DB) {
	db := open(t)
	ctx := t.Context()
	d := someDataset(t, db)
	stamps := map[string]bool{must(db.LoadingStamp(ctx))(t): true}
	put := func(source string, rows ...*observation.Observation) {
		b := must(db.Begin(ctx, vault.BatchInfo{File: source + ".csv", Source: source}))(t)
		defer b.Rollback()
		for _, o := range rows {
			must(b.Put(ctx, o))(t)
		}
		must(b.Commit(ctx, vault.BatchInfo{File: source + ".csv", Source: source, Dataset: d, Rejected: 2, Ended: date2(2026, 5)}))(t)
	}
	held := row(d, "c", 3)
	held.Held = observation.OutsideTerritory
	unknown := row(d, "d", 4)
	unknown.Held, unknown.CdNom, unknown.CdRef = observation.UnmatchedTaxon, 0, 0
	put("faune", row(d, "a", 1), row(d, "b", 2), held)
	put("", unknown)
	stamps[must(db.LoadingStamp(ctx))(t)] = true
	if len(stamps) != 2 {
		t.Error("the stamp is the same after an import")
	}
	got := map[vault.Loaded]bool{}
	for _, l := range must(db.Loading(ctx))(t) {
		got[l] = true
	}
	want := map[vault.Loaded]bool{
		{Source: "faune", Dataset: d, Group: "autres", Rows: 2, Latest: "2020-05-03"}:                                     true,
		{Source: "faune", Dataset: d, Group: "autres", Held: observation.OutsideTerritory, Rows: 1, Latest: "2020-05-04"}: true,
		{Dataset: d, Held: observation.UnmatchedTaxon, Rows: 1, Latest: "2020-05-05"}:                                     true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	arrivals := must(db.Arrivals(ctx))(t)
	rejected := map[string]int{}
	for _, a := range arrivals {
		rejected[a.Source] += a.Rejected
	}
	if rejected["faune"] != 2 || rejected[""] != 2 {
		t.Errorf("arrivals %+v", arrivals)
	}

	check(t, db.PutLoadingCounts(ctx, "1", []byte("[]")))
	check(t, db.PutLoadingCounts(ctx, "2", []byte(`["é"]`)))
	if stamp, content, err := db.LoadingCounts(ctx); err != nil || stamp != "2" || string(content) != `["é"]` {
		t.Errorf("counts %q %q %v", stamp, content, err)
	}
	// Three years of days: the last year whole, then the last day of each month.
	for day := range 1100 {
		at := time.Date(2023, 1, 1+day, 23, 0, 0, 0, time.UTC)
		if day < 680 && at.AddDate(0, 0, 1).Day() != 1 && at.Day() != 15 {
			continue // fewer rows, for speed
		}
		check(t, db.PutLoadingDay(ctx, vault.LoadingDay{Day: at.Format(time.DateOnly), Taken: at, Content: []byte("{}")}))
	}
	days := must(db.LoadingDays(ctx, 0))(t)
	months := 0
	for _, d := range days {
		if d.Day < "2024-11-30" {
			months++
		}
	}
	if n := len(days) - months; n < 398 || n > 402 || months != 22 || days[0].Day != "2026-01-04" {
		t.Errorf("%d days and %d months kept, the last %s", n, months, days[0].Day)
	}
	if two := must(db.LoadingDays(ctx, 2))(t); len(two) != 2 || two[1].Day != "2026-01-03" {
		t.Errorf("two days: %+v", two)
	}
}

func date2(y, m int) time.Time { return time.Date(y, time.Month(m), 1, 0, 0, 0, 0, time.UTC) }
