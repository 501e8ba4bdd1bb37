package nightly

import (
	"strings"
	"time"

	"github.com/adhocore/gronx"

	"garrigue/internal/fault"
	"garrigue/internal/source"
)

// schedule is when a source is read: a cron expression in the time of a place.
//
// When clocks change, a source that is due at fixed hours is read once: at the moment of the
// change when its hour does not exist that night, at the first of the two when it comes twice.
// One due every hour or every few minutes follows real time.
type schedule struct {
	expr  string
	loc   *time.Location
	fixed bool // due at named hours
}

// scheduleOf reads the schedule of a source; none when it is synchronised by hand only.
func scheduleOf(cfg source.Config) (s schedule, none bool, err error) {
	zone := cfg.TimeZone
	if zone == "" {
		zone = "Europe/Paris"
	}
	if s.loc, err = time.LoadLocation(zone); err != nil || zone == "Local" {
		return s, false, fault.Say(fault.Invalid, "sync.zone", cfg.Name, cfg.TimeZone)
	}
	s.expr = strings.Join(strings.Fields(cfg.Schedule), " ")
	if s.expr == "" {
		return s, true, nil
	}
	fields := strings.Fields(s.expr)
	if len(fields) != 5 || strings.HasPrefix(s.expr, "@") || !gronx.IsValid(s.expr) {
		return s, false, fault.Say(fault.Invalid, "sync.cron", cfg.Name, cfg.Schedule)
	}
	s.fixed = !strings.HasPrefix(fields[1], "*")
	if s.next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return s, false, fault.Say(fault.Invalid, "sync.never", cfg.Name, cfg.Schedule)
	}
	return s, false, nil
}

// next returns the first moment after a given one at which the source is due, zero when there
// is none.
func (s schedule) next(after time.Time) time.Time {
	at, including := after.In(s.loc), false
	// A zone keeps one offset from the one change of clocks to the next. Within, local time
	// is plain; each turn of the loop is one such stretch, or one hour passed over.
	for range 100 {
		begin, end := at.ZoneBounds()
		_, offset := at.Zone()
		tick, err := gronx.NextTickAfter(s.expr, at.In(time.FixedZone("", offset)), including)
		if err != nil || tick.Year() > after.Year()+30 {
			return time.Time{}
		}
		tick = tick.In(s.loc)
		if end.IsZero() || tick.Before(end) {
			if s.fixed && repeated(tick, begin) {
				at, including = tick, false
				continue
			}
			return tick
		}
		_, later := end.Zone()
		if missing := time.Duration(later-offset) * time.Second; s.fixed && missing > 0 && tick.Before(end.Add(missing)) {
			return end // its hour does not exist that night
		}
		at, including = end, true
	}
	return time.Time{}
}

// repeated reports whether the wall clock showed the same before it was put back at begin.
func repeated(t, begin time.Time) bool {
	if begin.IsZero() {
		return false
	}
	_, now := t.Zone()
	_, before := begin.Add(-time.Second).Zone()
	return t.Sub(begin) < time.Duration(before-now)*time.Second
}
