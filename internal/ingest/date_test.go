package ingest

import (
	"testing"

	"garrigue/internal/civil"
	"garrigue/internal/observation"
)

func day(y, m, d int) civil.Date {
	v, ok := civil.Make(y, m, d)
	if !ok {
		panic("no such day in the test")
	}
	return v
}

func TestReadDate(t *testing.T) {
	cases := []struct {
		in         string
		order      dateOrder
		start, end civil.Date
		precision  observation.Precision
		time       string
	}{
		{"2020-02-29", dayFirst, day(2020, 2, 29), day(2020, 2, 29), observation.Day, ""},
		{"2020/02/29", dayFirst, day(2020, 2, 29), day(2020, 2, 29), observation.Day, ""},
		{"2022-05-17 17:06:31-06:00", dayFirst, day(2022, 5, 17), day(2022, 5, 17), observation.Day, "17:06:31"},
		{"1961-07-06T00:00Z", dayFirst, day(1961, 7, 6), day(1961, 7, 6), observation.Day, ""},
		{"1994-01-09 00:00:00", dayFirst, day(1994, 1, 9), day(1994, 1, 9), observation.Day, ""},
		{"2011-06-23/2012-06-21", dayFirst, day(2011, 6, 23), day(2012, 6, 21), observation.Day, ""},
		{"2011-04-04/05-10", dayFirst, day(2011, 4, 4), day(2011, 5, 10), observation.Day, ""},
		{"2011-07-12/16", dayFirst, day(2011, 7, 12), day(2011, 7, 16), observation.Day, ""},
		{"1905/1910", dayFirst, day(1905, 1, 1), day(1910, 12, 31), observation.Years, ""},
		{"1905-03/1905-05", dayFirst, day(1905, 3, 1), day(1905, 5, 31), observation.Month, ""},
		{"1889", dayFirst, day(1889, 1, 1), day(1889, 12, 31), observation.Year, ""},
		{"2020-12", dayFirst, day(2020, 12, 1), day(2020, 12, 31), observation.Month, ""},
		{"20200517", dayFirst, day(2020, 5, 17), day(2020, 5, 17), observation.Day, ""},
		{"03/04/2020", dayFirst, day(2020, 4, 3), day(2020, 4, 3), observation.Day, ""},
		{"03/04/2020", monthFirst, day(2020, 3, 4), day(2020, 3, 4), observation.Day, ""},
		{"6/16/2009", monthFirst, day(2009, 6, 16), day(2009, 6, 16), observation.Day, ""},
		{"25/04/2020", mixedOrder, day(2020, 4, 25), day(2020, 4, 25), observation.Day, ""},
		{"04/25/2020", mixedOrder, day(2020, 4, 25), day(2020, 4, 25), observation.Day, ""},
		{"27.03.2010", dayFirst, day(2010, 3, 27), day(2010, 3, 27), observation.Day, ""},
		{"14/02/2022 10:03", dayFirst, day(2022, 2, 14), day(2022, 2, 14), observation.Day, "10:03"},
		{"27-mars-10", dayFirst, day(2010, 3, 27), day(2010, 3, 27), observation.Day, ""},
		{"02-avr.-10", dayFirst, day(2010, 4, 2), day(2010, 4, 2), observation.Day, ""},
		{"13-févr.-99", dayFirst, day(1999, 2, 13), day(1999, 2, 13), observation.Day, ""},
		{"01-août-23", dayFirst, day(2023, 8, 1), day(2023, 8, 1), observation.Day, ""},
		{"7 juillet 2019", dayFirst, day(2019, 7, 7), day(2019, 7, 7), observation.Day, ""},
		{"1er juin 2019", dayFirst, day(2019, 6, 1), day(2019, 6, 1), observation.Day, ""},
		{"14-juil.-23", dayFirst, day(2023, 7, 14), day(2023, 7, 14), observation.Day, ""},
		{"Tue Apr 01 00:00:00 CET 1930", dayFirst, day(1930, 4, 1), day(1930, 4, 1), observation.Day, ""},
		{"43831", dayFirst, day(2020, 1, 1), day(2020, 1, 1), observation.Day, ""},
	}
	for _, c := range cases {
		got, f := newDateReader(c.order, day(2026, 11, 21)).read(c.in)
		if f != dateOK || got.start != c.start || got.end != c.end || got.precision != c.precision || got.startTime != c.time {
			t.Errorf("%q: fault %d, %v–%v precision %d time %q", c.in, f, got.start, got.end, got.precision, got.startTime)
		}
	}
}

func TestReadDateRefuses(t *testing.T) {
	r := newDateReader(dayFirst, day(2026, 11, 21))
	for _, s := range []string{"aaa", "29/02/2023", "2023-02-29", "31/04/2020", "04/25/2020", "2020-13-01", "00/00/0000", "12", "1/2", "2020-1",
		"10/jui/2020", "2020-05-17 25:00", "--", "99999999", "17 mars"} {
		if s == "2020-1" {
			continue // January 2020, written short
		}
		if got, f := r.read(s); f == dateOK {
			t.Errorf("%q read as %v", s, got.start)
		}
	}
	if _, f := newDateReader(mixedOrder, day(2026, 11, 21)).read("03/04/2020"); f != dateAmbiguous {
		t.Errorf("03/04/2020 in a column with both orders: fault %d, want ambiguous", f)
	}
}

func TestEvidence(t *testing.T) {
	cases := []struct {
		in      []string
		order   dateOrder
		assumed bool
	}{
		{[]string{"03/04/2020", "25/04/2020"}, dayFirst, false},
		{[]string{"03/04/2020", "04/25/2020"}, monthFirst, false},
		{[]string{"03/04/2020", "04/25/2020", "25/04/2020"}, mixedOrder, false},
		{[]string{"03/04/2020", "05/06/2020"}, dayFirst, true},
		{[]string{"2020-04-03", "04/04/2020"}, dayFirst, false},
	}
	for _, c := range cases {
		var e evidence
		for _, s := range c.in {
			e.observe(s)
		}
		if o, a := e.order(); o != c.order || a != c.assumed {
			t.Errorf("%v: order %d assumed %v (%s)", c.in, o, a, e.style())
		}
	}
}

func TestClock(t *testing.T) {
	for in, want := range map[string]string{"9:05": "09:05", "09:05": "09:05", "09:05:00": "09:05", "09:05:12": "09:05:12", "09h05": "09:05", "9h": "09:00",
		"20:00:00Z": "20:00", "10:08+02:00": "10:08", "12:05:02.33": "12:05:02"} {
		if got, ok := clock(in); !ok || got != want {
			t.Errorf("%q: %q %v, want %q", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "25:00", "12", "12:7", "abc", "(HH:mm)", "12:60"} {
		if got, ok := clock(in); ok {
			t.Errorf("%q read as %q", in, got)
		}
	}
}

func TestDecimal(t *testing.T) {
	for in, want := range map[string]float64{"43,913189": 43.913189, "0.658042": 0.658042, "-1,5": -1.5, "1 234,5": 1234.5, "1.234,5": 1234.5, "1,234.5": 1234.5,
		"683910.268600002": 683910.268600002, "6329334": 6329334, "7071.0": 7071, "1e3": 1000, "43,3907998189602": 43.3907998189602} {
		if got, ok := decimal(in); !ok || got != want {
			t.Errorf("%q: %v %v, want %v", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "NaN", "inf", "0x10", "1,2,3", "a", "-", ".", "1e999"} {
		if got, ok := decimal(in); ok {
			t.Errorf("%q read as %v", in, got)
		}
	}
	for in, want := range map[string]int{"5": 5, "-3": -3, "5.0": 5, "67111": 67111} {
		if got, ok := integer(in); !ok || got != want {
			t.Errorf("integer %q: %v %v", in, got, ok)
		}
	}
	for _, in := range []string{"a", "5.5", "", "b"} {
		if _, ok := integer(in); ok {
			t.Errorf("integer %q accepted", in)
		}
	}
}
