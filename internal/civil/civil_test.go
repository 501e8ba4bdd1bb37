package civil_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"garrigue/internal/civil"
)

func TestMake(t *testing.T) {
	for _, c := range []struct {
		y, m, d int
		ok      bool
	}{
		{2024, 2, 29, true}, {2023, 2, 29, false}, {1900, 2, 29, false}, {2000, 2, 29, true},
		{2024, 4, 31, false}, {2024, 0, 1, false}, {2024, 13, 1, false}, {1582, 10, 10, true},
	} {
		d, ok := civil.Make(c.y, c.m, c.d)
		if ok != c.ok {
			t.Errorf("Make(%d, %d, %d) ok = %v", c.y, c.m, c.d, ok)
		}
		if y, m, day := d.Civil(); ok && (y != c.y || m != c.m || day != c.d) {
			t.Errorf("Make(%d, %d, %d) reads %d-%d-%d", c.y, c.m, c.d, y, m, day)
		}
	}
}

// A date agrees with the standard library's and comes back from its text, from the year 1 on.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := civil.Date(rapid.Int32Range(-719162, 2932896).Draw(t, "days"))
		ref := time.Unix(int64(d)*86400, 0).UTC()
		y, m, day := d.Civil()
		if y != ref.Year() || m != int(ref.Month()) || day != ref.Day() {
			t.Fatalf("%d is %d-%d-%d, want %v", d, y, m, day, ref)
		}
		if back, ok := civil.Parse(d.String()); !ok || back != d {
			t.Fatalf("%q reads %v %v", d.String(), back, ok)
		}
		if civil.Of(ref.Add(23*time.Hour)) != d {
			t.Fatal("the hour changed the day")
		}
	})
}

func TestTenDays(t *testing.T) {
	for s, want := range map[string]int{"2024-01-01": 0, "2024-01-10": 0, "2024-01-11": 1, "2024-01-31": 2,
		"2024-02-29": 5, "2024-12-31": 35} {
		d, ok := civil.Parse(s)
		if !ok || d.TenDays() != want {
			t.Errorf("%s: %d, want %d", s, d.TenDays(), want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{"", "2024", "2024-02-30", "24-02-2020", "2024/02/10", "2024-0a-10"} {
		if d, ok := civil.Parse(s); ok {
			t.Errorf("%q read as %v", s, d)
		}
	}
	if civil.NoDate.String() != "" {
		t.Error("NoDate has a text")
	}
}
