package publish

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"garrigue/internal/civil"
	"garrigue/internal/dataset"
	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

func TestTurned(t *testing.T) {
	for _, c := range []struct {
		last, today, every string
		want               bool
	}{
		{"2026-03-14", "2026-03-14", "day", false}, {"2026-03-14", "2026-03-15", "day", true},
		{"2026-03-14", "2026-03-31", "month", false}, {"2026-03-31", "2026-04-01", "month", true}, {"2025-04-30", "2026-04-01", "month", true},
		{"2026-03-09", "2026-03-15", "week", false}, {"2026-03-15", "2026-03-16", "week", true}, // a Monday
		{"1969-12-28", "1969-12-29", "week", true}, {"1969-12-29", "1970-01-04", "week", false},
		{"2026-04-01", "2026-03-31", "month", false}, {"2026-04-01", "2026-03-31", "day", false}, // the clock went back
	} {
		last, _ := civil.Parse(c.last)
		today, _ := civil.Parse(c.today)
		if got := turned(last, today, c.every); got != c.want {
			t.Errorf("%s after %s, by %s: %v", c.today, c.last, c.every, got)
		}
	}
}

// decided is what disclosure says of the vault's observations on one day, by ID; not ok: withheld.
// What is not in it is not in the vault.
type decided map[int64]heldRow

// memory is what is remembered from one day to the next, as the vault would.
type memory struct {
	last vault.DisclosedBatch
	rows map[int64]vault.Disclosed
}

// day publishes: it returns what is shown by ID, and what is left when the batch failed to tell
// whose it is.
func (m *memory) day(t interface{ Fatalf(string, ...any) }, today civil.Date, mark string, p *disclosure.Policy, force bool, in decided) (*batch, []disclosure.Published) {
	s := newShown(today)
	s.last, s.mark = m.last, mark
	for _, id := range slices.Sorted(maps.Keys(m.rows)) {
		d := m.rows[id]
		if err := s.add(&d); err != nil {
			t.Fatalf("%v", err)
		}
	}
	b := s.begin(p, force)
	moved := b.moved()
	var shown, again []disclosure.Published
	for _, id := range slices.Sorted(maps.Keys(in)) {
		d := in[id]
		if out, ok := b.pass(&observation.Observation{ID: id}, d.published, d.ok); ok {
			shown = append(shown, out)
		}
		if out, ok := moved.pass(&observation.Observation{ID: id, Place: observation.Place{Lon: 1}}, d.published, d.ok); ok {
			again = append(again, out)
		}
	}
	add := func(list *[]disclosure.Published) func(*disclosure.Published) error {
		return func(p *disclosure.Published) error { *list = append(*list, *p); return nil }
	}
	if b.finish(add(&shown)) != nil || moved.finish(add(&again)) != nil {
		t.Fatalf("finish failed")
	}
	if d := cmp.Diff(sorted(shown), sorted(again)); d != "" {
		t.Fatalf("the moved ones are told apart:\n%s", d)
	}
	if len(moved.news)+len(moved.gone)+len(moved.dropped) > 0 {
		t.Fatalf("something of the moved ones is remembered")
	}
	m.apply(b.changes())
	return b, shown
}

func (m *memory) apply(c vault.DisclosedChange) {
	if c.Whole {
		clear(m.rows)
	}
	for _, id := range c.Drop {
		delete(m.rows, id)
	}
	for _, id := range c.Gone {
		d := m.rows[id]
		d.Gone = true
		m.rows[id] = d
	}
	if c.Batch != nil {
		m.last = *c.Batch
		_ = c.Put(func(d *vault.Disclosed) error { m.rows[d.Observation] = *d; return nil })
	}
}

// sorted writes what is shown as lines in order: two lists that show the same are equal.
func sorted(list []disclosure.Published) []string {
	var out []string
	for _, p := range list {
		out = append(out, line(&p))
	}
	slices.Sort(out)
	return out
}

func line(p *disclosure.Published) string {
	return fmt.Sprint(p.CdRef, p.Dataset, p.Organisation, p.When, p.Area, p.Within, p.Blurred, p.Reasons, p.AltitudeMin, p.Validated)
}

func blurredOf(list []disclosure.Published) (out []disclosure.Published) {
	for _, p := range list {
		if inBatches(&p) {
			out = append(out, p)
		}
	}
	return out
}

// settled is a policy ready to compare kinds.
func settled(t testing.TB, rule disclosure.Batch) *disclosure.Policy {
	t.Helper()
	p := disclosure.SINP()
	p.Batch = rule
	p, err := p.Settled(func(k geo.Kind) float64 {
		return map[geo.Kind]float64{geo.Commune: 16e6, geo.Department: 5600e6, geo.Region: 72e9}[k]
	})
	if err != nil {
		t.Fatal(err)
	}
	return &p
}

// drawn is what disclosure says of one observation.
func drawn(t *rapid.T, id int64) heldRow {
	p := disclosure.Published{CdRef: taxon.CdRef(rapid.IntRange(1, 2).Draw(t, "cd")), Dataset: dataset.ID(id % 2),
		Organisation: rapid.SampledFrom([]string{"LPO", "CEN"}).Draw(t, "organisation"), Validated: rapid.Bool().Draw(t, "validated"),
		AltitudeMin: observation.NoAltitude, AltitudeMax: observation.NoAltitude}
	p.When.Start = civil.Date(20000 + 31*rapid.IntRange(0, 2).Draw(t, "date"))
	p.When.End = p.When.Start
	p.When.Precision = rapid.SampledFrom([]observation.Precision{observation.Month, observation.Month, observation.Year}).Draw(t, "precision")
	n := rapid.IntRange(0, 1).Draw(t, "place")
	department, region := geo.AdminKey(geo.Department, "34"), geo.AdminKey(geo.Region, "76")
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		return heldRow{id: id}
	case 1: // ordinary
		p.Area, p.Within, p.AltitudeMin, p.AltitudeMax = geo.CellKey(geo.Cell5, 700+5*n, 6300), []geo.AreaKey{department, region}, 12, 12
	case 2: // coarse by nature
		p.Area, p.Within, p.Blurred, p.Reasons = geo.AdminKey(geo.Commune, "34001"), []geo.AreaKey{department, region}, true, disclosure.Nature
	case 3:
		p.Area, p.Within, p.Blurred, p.Reasons = geo.CellKey(geo.Cell10, 700+10*n, 6300), []geo.AreaKey{department, region}, true, disclosure.Sensitive
	case 4:
		p.Area, p.Within, p.Blurred, p.Reasons = geo.CellKey(geo.Cell10, 700+10*n, 6300), []geo.AreaKey{region}, true, disclosure.Consent
	case 5:
		p.Area, p.Within, p.Blurred, p.Reasons = department, []geo.AreaKey{region}, true, disclosure.Sensitive|disclosure.Consent
	}
	return heldRow{id: id, published: p, ok: true}
}

// asksLess reports whether what is said of an observation now forbids what was shown of it.
func asksLess(p *disclosure.Policy, was *disclosure.Published, now heldRow, there bool) bool {
	if !there {
		return false // withdrawn: it stays
	}
	if !now.ok || p.Coarser(now.published.Area.Kind(), was.Area.Kind()) || now.published.When.Precision > was.When.Precision {
		return true
	}
	if now.published.Area != was.Area {
		return false
	}
	for _, a := range was.Within {
		if !slices.Contains(now.published.Within, a) {
			return true
		}
	}
	return false
}

// TestBatches plays weeks of changes of every sort and looks at what each day shows.
func TestBatches(t *testing.T) {
	p := settled(t, disclosure.Batch{Every: "week", Minimum: 3})
	taken, waited := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		m, now := memory{rows: map[int64]vault.Disclosed{}}, decided{}
		var yesterday []disclosure.Published
		mark := "rules"
		today := civil.Date(20500)
		for day := range rapid.IntRange(1, 25).Draw(t, "days") {
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				id := int64(rapid.IntRange(1, 12).Draw(t, "id"))
				if delete(now, id); rapid.IntRange(0, 4).Draw(t, "there") > 0 {
					now[id] = drawn(t, id)
				}
			}
			if rapid.IntRange(0, 15).Draw(t, "rules") == 0 {
				mark += "'"
			}
			force := rapid.IntRange(0, 15).Draw(t, "force") == 0
			before := m.shownRows()
			b, shown := m.day(t, today, mark, p, force, now)
			if b.mode == open {
				taken++
				if d := cmp.Diff(sorted(now.shown()), sorted(shown)); d != "" {
					t.Fatalf("day %d: a batch is not what disclosure says:\n%s", day, d)
				}
				if b.reason == "period" && len(difference(before, m.shownRows())) < p.Batch.Minimum {
					t.Fatalf("day %d: a batch of %v", day, difference(before, m.shownRows()))
				}
			} else {
				waited++
				left := map[int64]disclosure.Published{}
				for id, was := range before {
					r, there := now[id]
					if !asksLess(p, &was, r, there) {
						left[id] = was
					}
				}
				if d := cmp.Diff(sorted(slices.Collect(maps.Values(left))), sorted(blurredOf(shown))); d != "" {
					t.Fatalf("day %d: blurred ones are not those of the batch but what disappeared:\n%s", day, d)
				}
				if d := cmp.Diff(sorted(now.daily(&m)), sorted(daily0(shown))); d != "" {
					t.Fatalf("day %d: others are not as disclosure says:\n%s", day, d)
				}
				if len(blurredOf(shown)) > len(blurredOf(yesterday)) {
					t.Fatalf("day %d: more than yesterday", day)
				}
			}
			yesterday = shown
			today += civil.Date(rapid.IntRange(1, 4).Draw(t, "next"))
		}
	})
	if taken == 0 || waited == 0 {
		t.Errorf("%d batches, %d days between", taken, waited)
	}
}

// shown is what a batch shows of a day.
func (in decided) shown() (out []disclosure.Published) {
	for _, d := range in {
		if d.ok {
			out = append(out, d.published)
		}
	}
	return out
}

// daily is what changes from one day to the next: what is not blurred for a reason of batches, and
// was not so at the last one.
func (in decided) daily(m *memory) (out []disclosure.Published) {
	for id, d := range in {
		if _, was := m.rows[id]; !was && d.ok && !inBatches(&d.published) {
			out = append(out, d.published)
		}
	}
	return out
}

func daily0(list []disclosure.Published) (out []disclosure.Published) {
	for _, p := range list {
		if !inBatches(&p) {
			out = append(out, p)
		}
	}
	return out
}

// shownRows is what the last batch shows still.
func (m *memory) shownRows() map[int64]disclosure.Published {
	out := map[int64]disclosure.Published{}
	for id, d := range m.rows {
		if !d.Gone {
			out[id] = d.Published
		}
	}
	return out
}

// difference lists what is not in both.
func difference(a, b map[int64]disclosure.Published) (ids []int64) {
	for id, p := range a {
		if q, ok := b[id]; !ok || line(&p) != line(&q) {
			ids = append(ids, id)
		}
	}
	for id := range b {
		if _, ok := a[id]; !ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// TestBatchSwitchedOff: a policy without batches shows each day what disclosure says.
func TestBatchSwitchedOff(t *testing.T) {
	for _, rule := range []disclosure.Batch{{}, {Every: "day"}} {
		p := settled(t, rule)
		m := memory{last: vault.DisclosedBatch{Fingerprint: "old"}, rows: map[int64]vault.Disclosed{7: {Observation: 7}}}
		in := decided{7: {id: 7}}
		b, shown := m.day(t, 20500, "rules", p, false, in)
		if len(shown) != 0 || b.mode != daily {
			t.Errorf("%+v: mode %d, shown %v", rule, b.mode, shown)
		}
	}
}

// TestRowKeepsAll: what is remembered is all there is; a new field of Published must be kept too.
func TestRowKeepsAll(t *testing.T) {
	if n := reflect.TypeFor[disclosure.Published]().NumField(); n != 11 {
		t.Fatalf("disclosure.Published has %d fields: a row of a batch, and table disclosed, keep 11", n)
	}
	p := disclosure.Published{CdRef: 60630, Dataset: 7, Organisation: "LPO", When: observation.Period{Start: 3, End: 33, Precision: observation.Month},
		Area: geo.AdminKey(geo.Department, "34"), Within: []geo.AreaKey{geo.AdminKey(geo.Region, "76")}, Blurred: true,
		Reasons: disclosure.Sensitive, AltitudeMin: observation.NoAltitude, AltitudeMax: observation.NoAltitude, Validated: true}
	s := newShown(20500)
	r := s.row(5, &p, false)
	if d := cmp.Diff(p, s.published(&r)); d != "" || r.id != 5 {
		t.Errorf("(-shown +kept):\n%s", d)
	}
}

// BenchmarkBatch asks about 2,000,000 observations of which 200,000 were shown, none changed.
func BenchmarkBatch(b *testing.B) {
	p := settled(b, disclosure.Batch{Every: "month", Minimum: 20})
	s := newShown(20500)
	s.last, s.mark = vault.DisclosedBatch{Fingerprint: "f", Day: 20499}, "f"
	one := disclosure.Published{CdRef: 1, Area: geo.CellKey(geo.Cell10, 700, 6300), Within: []geo.AreaKey{geo.AdminKey(geo.Department, "34"), geo.AdminKey(geo.Region, "76")},
		Blurred: true, Reasons: disclosure.Sensitive, AltitudeMin: observation.NoAltitude, AltitudeMax: observation.NoAltitude}
	const all, every = 2_000_000, 10
	for id := int64(0); id < all; id += every {
		if err := s.add(&vault.Disclosed{Observation: id, Published: one}); err != nil {
			b.Fatal(err)
		}
	}
	ordinary := one
	ordinary.Blurred, ordinary.Reasons = false, 0
	var o observation.Observation
	for b.Loop() {
		start, bt, n := time.Now(), s.begin(p, false), 0
		for o.ID = 0; o.ID < all; o.ID++ {
			now := ordinary
			if o.ID%every == 0 {
				now = one
			}
			if _, ok := bt.pass(&o, now, true); ok {
				n++
			}
		}
		if n != all || bt.count.Waiting > 0 {
			b.Fatalf("%d shown, %+v", n, bt.count)
		}
		b.ReportMetric(float64(time.Since(start).Nanoseconds())/all, "ns/observation")
	}
}
