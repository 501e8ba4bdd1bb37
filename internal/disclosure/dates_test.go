package disclosure

import (
	"testing"

	"pgregory.net/rapid"

	"garrigue/internal/civil"
	"garrigue/internal/observation"
)

func parsed(t testing.TB, s string) civil.Date {
	t.Helper()
	d, ok := civil.Parse(s)
	if !ok {
		t.Fatalf("no such day: %s", s)
	}
	return d
}

func TestBlurredPeriod(t *testing.T) {
	const day, month, year, years = observation.Day, observation.Month, observation.Year, observation.Years
	for _, c := range []struct {
		start, end string
		known, to  observation.Precision
		from, till string
		told       observation.Precision
	}{
		{"2024-05-12", "2024-05-12", day, day, "2024-05-12", "2024-05-12", day},
		{"2024-02-12", "2024-02-12", day, month, "2024-02-01", "2024-02-29", month},
		{"2024-12-31", "2024-12-31", day, month, "2024-12-01", "2024-12-31", month},
		{"2024-04-28", "2024-05-03", day, month, "2024-04-01", "2024-05-31", month},
		{"2024-12-28", "2025-01-03", day, month, "2024-12-01", "2025-01-31", month},
		{"2024-05-01", "2024-05-31", month, month, "2024-05-01", "2024-05-31", month},
		{"2019-03-15", "2019-09-20", year, month, "2019-03-01", "2019-09-30", year},
		{"2024-05-12", "2024-05-12", day, year, "2024-01-01", "2024-12-31", year},
		{"2024-12-28", "2025-01-03", day, year, "2024-01-01", "2025-12-31", years},
		{"1850-06-01", "1902-03-01", years, month, "1850-06-01", "1902-03-31", years},
		{"1850-06-01", "1902-03-01", years, year, "1850-01-01", "1902-12-31", years},
		{"2024-05-12", "2024-05-02", day, month, "2024-05-01", "2024-05-31", month}, // upside down
	} {
		p := Policy{BlurredDates: c.to}
		got := p.blurredPeriod(observation.Period{Start: parsed(t, c.start), End: parsed(t, c.end), Precision: c.known, StartTime: "06:12", EndTime: "07:00"})
		if want := (observation.Period{Start: parsed(t, c.from), End: parsed(t, c.till), Precision: c.told}); got != want {
			t.Errorf("%s – %s by %d: %v – %v (%d), want %s – %s (%d)", c.start, c.end, c.to, got.Start, got.End, got.Precision, c.from, c.till, c.told)
		}
	}
}

// TestBlurredPeriodProperties: the period told holds the true one, tells nothing finer than the
// policy, says the same of any day of a month (or year), and telling it again changes nothing.
func TestBlurredPeriodProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		day := func(name string) civil.Date {
			return civil.Date(rapid.IntRange(-100_000, 40_000).Draw(t, name))
		}
		to := rapid.SampledFrom([]observation.Precision{observation.Month, observation.Year}).Draw(t, "to")
		p := Policy{BlurredDates: to}
		when := observation.Period{Start: day("start"), Precision: rapid.SampledFrom([]observation.Precision{
			observation.Day, observation.Month, observation.Year, observation.Years}).Draw(t, "known")}
		when.End = when.Start + civil.Date(rapid.IntRange(0, 900).Draw(t, "days"))
		told := p.blurredPeriod(when)
		if told.Start > when.Start || told.End < when.End || told.Precision < to || told.Precision < when.Precision {
			t.Fatalf("%v told as %v", when, told)
		}
		if again := p.blurredPeriod(told); again != told {
			t.Fatalf("%v, then %v", told, again)
		}
		other := func(d civil.Date, name string) civil.Date {
			y, m, _ := d.Civil()
			if to == observation.Year {
				m = rapid.IntRange(1, 12).Draw(t, name+" month")
			}
			d, _ = civil.Make(y, m, rapid.IntRange(1, 28).Draw(t, name))
			return d
		}
		moved := when
		moved.Start, moved.End = other(when.Start, "first"), other(when.End, "last")
		if moved.End >= moved.Start && p.blurredPeriod(moved) != told {
			t.Fatalf("%v and %v are told apart: %v, %v", when, moved, told, p.blurredPeriod(moved))
		}
	})
}
