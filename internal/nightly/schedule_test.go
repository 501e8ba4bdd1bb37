package nightly

import (
	"errors"
	"testing"
	"time"

	"github.com/adhocore/gronx"
	"pgregory.net/rapid"

	"garrigue/internal/fault"
	"garrigue/internal/source"
)

func mustSchedule(t *testing.T, expr, zone string) schedule {
	t.Helper()
	s, none, err := scheduleOf(source.Config{Name: "s", Schedule: expr, TimeZone: zone})
	if err != nil || none {
		t.Fatalf("%q: %v, none %v", expr, err, none)
	}
	return s
}

// In France clocks went from 2:00 to 3:00 on 29 March 2026 (1:00 UTC), and go from 3:00 back
// to 2:00 on 25 October 2026 (1:00 UTC).
func TestSchedule(t *testing.T) {
	for _, c := range []struct{ expr, zone, after, want string }{
		{"30 2 * * *", "", "2026-03-27T12:00Z", "2026-03-28T01:30Z"},
		{"30 2 * * *", "", "2026-03-28T01:30Z", "2026-03-29T01:00Z"}, // 2:30 does not exist
		{"30 2 * * *", "", "2026-03-29T01:00Z", "2026-03-30T00:30Z"},
		{"0 3 * * *", "", "2026-03-28T12:00Z", "2026-03-29T01:00Z"},
		{"0 3 * * *", "", "2026-03-29T01:00Z", "2026-03-30T01:00Z"},
		{"30 2 * * *", "", "2026-10-24T12:00Z", "2026-10-25T00:30Z"}, // the first 2:30
		{"30 2 * * *", "", "2026-10-25T00:30Z", "2026-10-26T01:30Z"}, // and not the second
		{"30 2 * * *", "", "2026-10-25T01:10Z", "2026-10-26T01:30Z"},
		{"0 * * * *", "", "2026-10-25T00:30Z", "2026-10-25T01:00Z"}, // every hour is every hour
		{"0 * * * *", "", "2026-10-25T01:00Z", "2026-10-25T02:00Z"},
		{"*/20 * * * *", "", "2026-10-25T00:50Z", "2026-10-25T01:00Z"},
		{"0 * * * *", "", "2026-03-29T00:30Z", "2026-03-29T01:00Z"},
		{"*/15 * * * *", "", "2026-03-29T00:45Z", "2026-03-29T01:00Z"},
		{"0 4 * * 1", "", "2026-11-21T12:00Z", "2026-11-23T03:00Z"},
		{"0 0 29 2 *", "UTC", "2026-01-01T00:00Z", "2028-02-29T00:00Z"},
		{"0 2 * * *", "Indian/Reunion", "2026-07-01T00:00Z", "2026-07-01T22:00Z"},
		{"0 2 * * *", "America/Guadeloupe", "2026-07-01T00:00Z", "2026-07-01T06:00Z"},
		{"  15   3 *  * * ", "UTC", "2026-07-01T03:14Z", "2026-07-01T03:15Z"},
	} {
		s := mustSchedule(t, c.expr, c.zone)
		after, err := time.Parse("2006-01-02T15:04Z07:00", c.after)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.next(after).UTC().Format("2006-01-02T15:04Z"); got != c.want {
			t.Errorf("%q after %s: %s, want %s", c.expr, c.after, got, c.want)
		}
	}
}

func TestBadSchedules(t *testing.T) {
	for _, c := range []struct{ expr, zone, key string }{
		{"0 3 * *", "", "sync.cron"}, {"0 3 * * * *", "", "sync.cron"}, {"61 3 * * *", "", "sync.cron"}, {"tous les jours", "", "sync.cron"},
		{"@daily", "", "sync.cron"}, {"0 25 * * *", "", "sync.cron"}, {"0 3 30 2 *", "", "sync.never"},
		{"0 3 * * *", "Europe/Montpellier", "sync.zone"}, {"", "Nulle/Part", "sync.zone"},
	} {
		_, _, err := scheduleOf(source.Config{Name: "s", Schedule: c.expr, TimeZone: c.zone})
		if !fault.Is(err, fault.Invalid) || !saidKey(err, c.key) {
			t.Errorf("%q %q: %v, want %s", c.expr, c.zone, err, c.key)
		}
	}
	if _, none, err := scheduleOf(source.Config{Name: "s"}); !none || err != nil {
		t.Errorf("no schedule: %v %v", none, err)
	}
}

// Whatever the moment, the next tick is after it, shows what the expression says on the local
// clock or is the moment of a change, and none was passed over.
func TestScheduleAgainstClock(t *testing.T) {
	changes := []time.Time{time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC)}
	rapid.Check(t, func(r *rapid.T) {
		expr := rapid.SampledFrom([]string{"*/10 * * * *", "7 * * * *", "30 2 * * *", "0 1,2,3 * * *", "15 2-4 * * 0", "59 1 * * *", "0 3 25 * *"}).Draw(r, "expr")
		change := rapid.SampledFrom(changes).Draw(r, "change")
		after := change.Add(time.Duration(rapid.IntRange(-400, 400).Draw(r, "minutes")) * time.Minute)
		s := mustSchedule(t, expr, "Europe/Paris")
		got := s.next(after)
		if !got.After(after) {
			r.Fatalf("%s is not after %s", got, after)
		}
		due := func(at time.Time) bool {
			ok, err := gronx.New().IsDue(expr, at.In(s.loc))
			return ok && err == nil
		}
		if !due(got) && !got.Equal(change) {
			r.Fatalf("%s is not due at %s", expr, got.In(s.loc))
		}
		for at := after.Truncate(time.Minute).Add(time.Minute); at.Before(got) && at.Sub(after) < 12*time.Hour; at = at.Add(time.Minute) {
			begin, _ := at.In(s.loc).ZoneBounds()
			if due(at) && !(s.fixed && repeated(at.In(s.loc), begin)) {
				r.Fatalf("%s after %s passes over %s for %s", expr, after, at.In(s.loc), got)
			}
		}
	})
}

func saidKey(err error, key string) bool {
	var f *fault.Error
	return errors.As(err, &f) && f.Key == key
}
