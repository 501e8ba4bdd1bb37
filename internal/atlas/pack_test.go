package atlas

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"garrigue/internal/civil"
)

func cubes(t *rapid.T, name string) []cubeRow {
	rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) cubeRow {
		return makeCube(rapid.Int32Range(0, 1<<20-1).Draw(t, "area"), rapid.Uint8Range(0, 15).Draw(t, "reasons"),
			rapid.Int16Range(1500, 2200).Draw(t, "year"), rapid.Uint32Range(1, 1<<20).Draw(t, "n"))
	}), 0, 60).Draw(t, name)
	slices.Sort(rows)
	return mergeCube(rows)
}

func TestCubeRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		area, reasons := rapid.Int32Range(0, 1<<20-1).Draw(t, "area"), rapid.Uint8Range(0, 15).Draw(t, "reasons")
		year, n := rapid.Int16Range(yearZero, yearZero+4095).Draw(t, "year"), rapid.Uint32Range(0, 1<<28-1).Draw(t, "n")
		c := makeCube(area, reasons, year, n)
		if c.area() != area || c.reasons() != reasons || c.year() != year || c.n() != n {
			t.Fatalf("%d %d %d %d became %d %d %d %d", area, reasons, year, n, c.area(), c.reasons(), c.year(), c.n())
		}
	})
}

func TestPackCube(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := cubes(t, "rows")
		packed := packCube(nil, rows)
		if got := unpackCube(packed); !slices.Equal(got, rows) {
			t.Fatalf("got %v, want %v", got, rows)
		}
		from, to := rapid.IntRange(1490, 2210).Draw(t, "from"), rapid.IntRange(1490, 2210).Draw(t, "to")
		var kept []cubeRow
		for _, r := range rows {
			if int(r.year()) >= from && int(r.year()) <= to {
				kept = append(kept, r)
			}
		}
		var got []areaTally
		if err := eachSlot(packed, from, to, func(a areaTally) { got = append(got, a) }); err != nil {
			t.Fatal(err)
		}
		if want := slotTallies(nil, kept); !slices.Equal(got, want) {
			t.Fatalf("%d–%d: got %v, want %v", from, to, got, want)
		}
		var sums []areaTally
		if err := eachTally(packTallies(nil, slotTallies(nil, rows)), func(a areaTally) { sums = append(sums, a) }); err != nil {
			t.Fatal(err)
		}
		if want := slotTallies(nil, rows); !slices.Equal(sums, want) {
			t.Fatalf("sums: got %v, want %v", sums, want)
		}
	})
}

// TestMergeCubes: adding sorted cubes two by two is adding all their rows.
func TestMergeCubes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var lists [][]cubeRow
		var all []cubeRow
		for range rapid.IntRange(1, 7).Draw(t, "lists") {
			c := cubes(t, "list")
			lists, all = append(lists, c), append(all, c...)
		}
		slices.Sort(all)
		if got, want := mergeCubes(lists), mergeCube(all); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestPackDays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var days [36]uint32
		var want [36]int
		for i := range days {
			if rapid.Bool().Draw(t, "any") {
				days[i] = rapid.Uint32Range(0, 1<<25).Draw(t, "n")
				want[i] = int(days[i])
			}
		}
		var got [36]int
		u := unpacker{b: packDays(nil, &days)}
		unpackDays(&u, &got)
		if d := cmp.Diff(want, got); d != "" || u.err != nil {
			t.Fatal(d, u.err)
		}
	})
}

func TestRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tax, at := rapid.Uint32Range(0, 1<<taxonBits-1).Draw(t, "taxon"), rapid.Uint32Range(0, 1<<placeBits-1).Draw(t, "place")
		day := dayZero + civil.Date(rapid.Int32Range(0, dayMax).Draw(t, "day"))
		p := rapid.Uint8Range(0, 2).Draw(t, "precision")
		r := makeRecord(tax, at, day, p)
		if r.taxon() != tax || r.place() != at || r.day() != day || r.precision() != p {
			t.Fatalf("%d %d %d %d", r.taxon(), r.place(), r.day(), r.precision())
		}
	})
}

// FuzzPacked: a damaged column ends in an error or in figures, never in a panic or in
// endless memory.
func FuzzPacked(f *testing.F) {
	f.Add(packCube(nil, []cubeRow{makeCube(3, 1, 1999, 5), makeCube(3, 1, 2001, 7), makeCube(9, 0, 2020, 1)}))
	f.Add(packTallies(nil, []areaTally{{area: 4, n: 2, first: 1990, last: 2020, reasons: 2}}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		rows := 0
		_ = eachTally(b, func(areaTally) { rows++ })
		_ = eachSlot(b, 0, 1<<15, func(areaTally) { rows++ })
		_ = eachTaxon(b, func(_ taxonTally, days *unpacker) {
			var d [36]int
			unpackDays(days, &d)
			rows++
		})
		_ = unpackCube(b)
		if rows > 3*len(b)+3 {
			t.Errorf("%d rows out of %d bytes", rows, len(b))
		}
		_, _ = gpkgGeometry(b)
	})
}
