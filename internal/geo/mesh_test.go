package geo

import (
	"math"
	"testing"

	"github.com/paulmach/orb"
	"pgregory.net/rapid"
)

func TestReferenceMeshes(t *testing.T) {
	for _, c := range []struct {
		file  string
		kind  Kind
		cells int
	}{
		{"mailles-l93-10km-occitanie.geojson.gz", Cell10, 834},
		{"mailles-l93-5km-occitanie.geojson.gz", Cell5, 3146},
	} {
		cells := referenceCells(t, c.file)
		if len(cells) != c.cells {
			t.Errorf("%s: %d cells, wanted %d", c.file, len(cells), c.cells)
		}
		for _, f := range cells {
			p := f.Properties
			key, ok := ParseCell(p.CDSIG)
			if !ok || key.Kind() != c.kind || key.Code() != p.CDSIG {
				t.Fatalf("%s read as %v %v", p.CDSIG, key, ok)
			}
			if short, ok := ParseCell(p.Code); !ok || short != key {
				t.Fatalf("%s read as %v, wanted %v", p.Code, short, key)
			}
			if got, want := key.Box(), (Box{p.MinX, p.MinY, p.MaxX, p.MaxY}); got != want {
				t.Fatalf("%s lies at %v, wanted %v", p.CDSIG, got, want)
			}
			ring := CellRing(key)
			step := (len(ring) - 1) / 4
			for i, want := range f.Geometry.Coordinates[0][:4] {
				// The file has six decimals.
				if got := ring[i*step]; math.Abs(got[0]-want[0]) > 6e-7 || math.Abs(got[1]-want[1]) > 6e-7 {
					t.Fatalf("%s corner %d at %v, wanted %v", p.CDSIG, i, got, want)
				}
			}
		}
	}
}

func TestParseCell(t *testing.T) {
	for code, want := range map[string]string{
		"10kmL93E057N643":     "cell10:10kmL93E057N643",
		"5kmL93E0665N6485":    "cell5:5kmL93E0665N6485",
		"1kmL93E0665N6485":    "cell1:1kmL93E0665N6485",
		"2kmL93E0664N6484":    "cell2:2kmL93E0664N6484",
		"20kmL93E056N642":     "cell20:20kmL93E056N642",
		"50kmL93E0550N6400":   "cell50:50kmL93E055N640",
		"E057N643":            "cell10:10kmL93E057N643",
		"E055N625":            "cell10:10kmL93E055N625",
		" e0665n6485 ":        "cell5:5kmL93E0665N6485",
		"E0666N6481":          "cell1:1kmL93E0666N6481",
		"10KML93E057N643":     "cell10:10kmL93E057N643",
		"":                    "",
		"E":                   "",
		"EN":                  "",
		"E057N64":             "",
		"E057N6430":           "",
		"E05N64":              "",
		"E05 N643":            "",
		"W057N643":            "",
		"E057S643":            "",
		"E999N643":            "",
		"E057N100":            "",
		"5kmL93E0666N6485":    "", // off its mesh
		"20kmL93E057N643":     "",
		"3kmL93E0666N6486":    "",
		"kmL93E057N643":       "",
		"10kmUTM20E057N643":   "",
		"10kmL93E057N643abcd": "",
		"E-57N643":            "",
		"E０５７N643":            "",
	} {
		key, ok := ParseCell(code)
		if ok != (want != "") || ok && key.String() != want || !ok && key != 0 {
			t.Errorf("%q: %v %v, wanted %q", code, key, ok, want)
		}
	}
}

func TestCellKeyKeepsNegativeCorners(t *testing.T) {
	for _, at := range [][2]int{{-5, -10}, {-5, 6480}, {665, -5}, {0, 0}, {-1340000, 1340000}} {
		if e, n := CellKey(Cell5, at[0], at[1]).Corner(); e != at[0] || n != at[1] {
			t.Errorf("%v came back as %d %d", at, e, n)
		}
	}
	if k := CellAt(Cell10, -1, -10000.5); k != CellKey(Cell10, -10, -20) {
		t.Errorf("a point west and south of the origin is in %v", k.Box())
	}
}

// Where cells are drawn must be where CellAt puts points: the outline is densified so that
// no point between two of its vertices strays from the square.
func TestCellRingKeepsToItsSquare(t *testing.T) {
	for _, k := range []AreaKey{CellKey(Cell50, 500, 6150), CellKey(Cell50, 1200, 6050),
		CellKey(Cell20, 100, 6840), CellKey(Cell10, 570, 6430), CellKey(Cell5, 665, 6485), CellKey(Cell1, 665, 6485)} {
		ring, box := CellRing(k), k.Box()
		if ring[0] != ring[len(ring)-1] || ring.Orientation() != orb.CCW {
			t.Errorf("%v: not a closed ring turning left", k)
		}
		worst := 0.0
		for i := 1; i < len(ring); i++ {
			x, y := ToLambert93((ring[i-1][0]+ring[i][0])/2, (ring[i-1][1]+ring[i][1])/2)
			off := min(math.Abs(x-box.MinX), math.Abs(x-box.MaxX), math.Abs(y-box.MinY), math.Abs(y-box.MaxY))
			worst = max(worst, off)
		}
		if worst > 0.6 {
			t.Errorf("%v: the outline strays by %.2f m", k, worst)
		}
	}
	if CellRing(AdminKey(Commune, "34172")) != nil {
		t.Error("a commune has a cell's ring")
	}
}

func TestCellIn(t *testing.T) {
	for _, c := range []struct {
		cell string
		in   Kind
		want string
	}{
		{"1kmL93E0664N6484", Cell2, "2kmL93E0664N6484"},
		{"1kmL93E0664N6484", Cell50, "50kmL93E065N645"},
		{"2kmL93E0664N6484", Cell5, ""}, // 664–666 crosses 665
		{"2kmL93E0660N6482", Cell5, "5kmL93E0660N6480"},
		{"5kmL93E0665N6485", Cell10, "10kmL93E066N648"},
		{"5kmL93E0665N6485", Cell5, "5kmL93E0665N6485"},
		{"5kmL93E0665N6485", Cell1, ""},
		{"10kmL93E066N648", Cell20, "20kmL93E066N648"},
		{"20kmL93E064N644", Cell50, ""}, // 640–660 crosses 650
		{"20kmL93E066N646", Cell50, "50kmL93E065N645"},
	} {
		key, ok := ParseCell(c.cell)
		if !ok {
			t.Fatal(c.cell)
		}
		got, ok := key.cellIn(c.in)
		if ok != (c.want != "") || ok && got.Code() != c.want {
			t.Errorf("%s in a %v: %v %v, wanted %q", c.cell, c.in, got, ok, c.want)
		}
	}
	if _, ok := AdminKey(Commune, "34172").cellIn(Cell10); ok {
		t.Error("a commune is in a cell")
	}
}

func TestCellsMeeting(t *testing.T) {
	got := CellsMeeting(Cell10, Box{569999, 6430000, 580000, 6439999})
	want := []string{"10kmL93E056N643", "10kmL93E057N643", "10kmL93E058N643"}
	if len(got) != len(want) {
		t.Fatalf("got %v", got)
	}
	for i, k := range got {
		if k.Code() != want[i] {
			t.Errorf("%d: %v, wanted %s", i, k, want[i])
		}
	}
	for why, cells := range map[string][]AreaKey{
		"infinite":  CellsMeeting(Cell10, Box{0, 0, math.Inf(1), 0}),
		"NaN":       CellsMeeting(Cell10, Box{0, 0, math.NaN(), 0}),
		"too many":  CellsMeeting(Cell1, Box{0, 0, 1e8, 1e8}),
		"inverted":  CellsMeeting(Cell1, Box{1e5, 0, 0, 0}),
		"communes":  CellsMeeting(Commune, Box{0, 0, 1, 1}),
		"zero kind": CellsMeeting(NoKind, Box{0, 0, 1, 1}),
	} {
		if cells != nil {
			t.Errorf("%s: %d cells", why, len(cells))
		}
	}
}

func TestBoxOf(t *testing.T) {
	lon, lat := FromLambert93(579999.7, 6439999.9)
	b := BoxOf(orb.Point{lon, lat})
	if b != (Box{579999, 6439999, 579999, 6439999}) {
		t.Errorf("a point's box is %v", b)
	}
	if k, ok := b.Cell(Cell10); !ok || k != CellAt(Cell10, 579999.7, 6439999.9) {
		t.Errorf("the box is in %v, the point is not", k)
	}
	if b := BoxOf(orb.MultiPolygon{}); b != (Box{}) {
		t.Errorf("nothing has the box %v", b)
	}
	if b := BoxOf(nil); b != (Box{}) {
		t.Errorf("nil has the box %v", b)
	}
	if _, ok := (BoxOf(orb.LineString{{1, 43}, {2, 43}})).Cell(Cell10); ok {
		t.Error("80 km fit a 10 km cell")
	}
}

// Any point is in the cell CellAt says, in every larger cell cellIn says, and in no other.
func TestCellsNest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64Range(0, 1.3e6).Draw(t, "x")
		y := rapid.Float64Range(6e6, 7.2e6).Draw(t, "y")
		k := rapid.SampledFrom(cellKinds[:]).Draw(t, "kind")
		cell := CellAt(k, x, y)
		b := cell.Box()
		if x < b.MinX || x >= b.MaxX || y < b.MinY || y >= b.MaxY {
			t.Fatalf("%v %v is not in %v", x, y, b)
		}
		if back, ok := ParseCell(cell.Code()); !ok || back != cell {
			t.Fatalf("%s read as %v", cell.Code(), back)
		}
		for _, up := range cellKinds {
			if big, ok := cell.cellIn(up); ok && big != CellAt(up, x, y) {
				t.Fatalf("%v is in %v, its point in %v", cell, big, CellAt(up, x, y))
			}
		}
		near := CellsMeeting(k, Box{x, y, x, y})
		if len(near) != 1 || near[0] != cell {
			t.Fatalf("the point meets %v", near)
		}
	})
}

// Producers write the code of one cell in many ways.
func TestParseCellWritings(t *testing.T) {
	ten, five := CellKey(Cell10, 570, 6430), CellKey(Cell5, 665, 6485)
	for code, want := range map[string]AreaKey{
		"10kmL93E057N643": ten, "10KML93E057N643": ten, "10 km L93 E057 N643": ten, "10km_L93_E057N643": ten, "E057N643": ten, "L93E057N643": ten,
		"L93_E057N643": ten, "10kmL93E0570N6430": ten, " e057-n643 ": ten,
		"5kmL93E0665N6485": five, "E0665N6485": five, "5km L93 E0665N6485": five,
		"1kmL93E0665N6485": CellKey(Cell1, 665, 6485), "E0666N6485": CellKey(Cell1, 666, 6485), "2kmL93E0664N6484": CellKey(Cell2, 664, 6484),
		"20kmL93E056N642": CellKey(Cell20, 560, 6420), "50kmL93E055N640": CellKey(Cell50, 550, 6400),
	} {
		if got, ok := ParseCell(code); !ok || got != want {
			t.Errorf("%q: %v %v, want %v", code, got, ok, want)
		}
	}
	for _, code := range []string{"", "L93", "10kmL93", "10kmL93E057", "3kmL93E057N643", "2kmL93E0665N6485", "E057N64A", "10kmUTM20E060N180", "- -"} {
		if got, ok := ParseCell(code); ok {
			t.Errorf("%q read as %v", code, got)
		}
	}
}
