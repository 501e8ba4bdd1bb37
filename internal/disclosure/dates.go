package disclosure

import (
	"garrigue/internal/civil"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
)

// blurredPeriod returns when a blurred observation is said to have been made: no more finely than
// the policy tells it.
func (p *Policy) blurredPeriod(when observation.Period) observation.Period {
	return coarsePeriod(when, p.BlurredDates)
}

// Coarser reports whether areas of one kind are larger than those of another, on average in the
// territory the policy is settled for.
func (p *Policy) Coarser(a, b geo.Kind) bool { return p.settled.mean(a) > p.settled.mean(b) }

// coarsePeriod returns the whole months, or years, that a period touches: days of one month
// must not be told apart, nor which day of two months a span began at. Times of day go with
// any precision. A period already coarser stays as coarse as it is.
func coarsePeriod(when observation.Period, to observation.Precision) observation.Period {
	out := observation.Period{Start: when.Start, End: max(when.Start, when.End), Precision: max(when.Precision, to)}
	if to == observation.Day || when.Start == civil.NoDate {
		out.End, out.Precision = when.End, when.Precision
		return out
	}
	y1, m1, _ := out.Start.Civil()
	y2, m2, _ := out.End.Civil()
	if to >= observation.Year {
		m1, m2 = 1, 12
		if y2 > y1 {
			out.Precision = observation.Years
		}
	}
	if start, ok := civil.Make(y1, m1, 1); ok {
		out.Start = start
	}
	if next, ok := civil.Make(y2+m2/12, m2%12+1, 1); ok {
		out.End = next - 1
	}
	return out
}
