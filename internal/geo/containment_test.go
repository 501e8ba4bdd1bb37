package geo

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/paulmach/orb"
)

func codes(keys []AreaKey) string {
	var out []string
	for _, k := range keys {
		out = append(out, k.Code())
	}
	return strings.Join(out, " ")
}

func TestContainmentOfOccitanie(t *testing.T) {
	o := readOccitanie(t)
	c := NewContainment(slices.Concat(o.communes, o.departments, o.regions))
	for _, test := range []struct {
		area AreaKey
		want string
	}{
		{AdminKey(Commune, "34172"), "34 76"},
		{AdminKey(Commune, "09122"), "09 76"},
		{AdminKey(Department, "34"), "76"},
		{AdminKey(Region, "76"), ""},
		{AdminKey(Commune, "75056"), ""},
		{AdminKey(Department, "75"), ""},
		{0, ""},
		{cell(t, "10kmL93E057N628"), "20kmL93E056N628 50kmL93E055N625 31 76"}, // Toulouse
		{cell(t, "1kmL93E0574N6279"), "2kmL93E0574N6278 5kmL93E0570N6275 10kmL93E057N627 20kmL93E056N626 50kmL93E055N625 31 76"},
		{cell(t, "5kmL93E0770N6275"), "10kmL93E077N627 20kmL93E076N626 50kmL93E075N625 34 76"}, // Montpellier
		{cell(t, "10kmL93E065N653"), "20kmL93E064N652 50kmL93E065N650"},                        // out of the region
		{cell(t, "50kmL93E055N625"), "76"},                                                     // several departments
	} {
		got := codes(c.Containers(test.area))
		if got != test.want {
			t.Errorf("%v is in %q, wanted %q", test.area, got, test.want)
		}
	}
	if s := c.Surface(AdminKey(Region, "76")) / 1e6; s < 73300 || s > 73400 {
		t.Errorf("Occitanie has %.0f km²", s)
	}
	if c.Surface(cell(t, "5kmL93E0770N6275")) != 25e6 || c.Surface(AdminKey(Commune, "75056")) != 0 {
		t.Error("a cell, or an unknown commune, has another surface")
	}
}

func cell(t *testing.T, code string) AreaKey {
	t.Helper()
	k, ok := ParseCell(code)
	if !ok {
		t.Fatal(code)
	}
	return k
}

// What the containment says of every cell is true: no vertex of the cell's outline, nor any
// point in it, lies in another department; and a cell it says nothing of has a reason.
func TestContainmentOfCells(t *testing.T) {
	o := readOccitanie(t)
	c := NewContainment(slices.Concat(o.departments, o.regions))
	x := NewIndex(o.departments)
	inside := 0
	for _, f := range referenceCells(t, "mailles-l93-5km-occitanie.geojson.gz") {
		k := cell(t, f.Properties.CDSIG)
		var department AreaKey
		for _, up := range c.Containers(k) {
			if up.Kind() == Department {
				department = up
			}
		}
		seen := map[AreaKey]bool{}
		b := k.Box()
		for i := 0; i <= 20; i++ {
			for j := 0; j <= 20; j++ {
				lon, lat := FromLambert93(b.MinX+float64(i)*250, b.MinY+float64(j)*250)
				if d, ok := x.At(lon, lat); ok {
					seen[o.departments[d].Key] = true
				} else {
					seen[0] = true
				}
			}
		}
		if department != 0 {
			inside++
			if len(seen) != 1 || !seen[department] {
				t.Errorf("%v is said to be in %v, and has points in %v", k, department, seen)
			}
		}
	}
	if inside < 2000 {
		t.Errorf("only %d cells of 3,146 are inside a department", inside)
	}
}

func TestContainmentByGeometry(t *testing.T) {
	commune := Area{Key: AdminKey(Commune, "00001"), Geometry: orb.MultiPolygon{square(3.1, 43.1, 0.1)}}
	told := Area{Key: AdminKey(Commune, "00002"), Parent: AdminKey(Department, "D2"), Geometry: orb.MultiPolygon{square(3.3, 43.1, 0.1)}}
	lost := Area{Key: AdminKey(Commune, "00003"), Parent: AdminKey(Department, "D9"), Geometry: orb.MultiPolygon{square(9, 43.1, 0.1)}}
	bare := Area{Key: AdminKey(Commune, "00004")}
	d1 := Area{Key: AdminKey(Department, "D1"), Geometry: orb.MultiPolygon{square(3, 43, 1)}}
	d2 := Area{Key: AdminKey(Department, "D2"), Geometry: orb.MultiPolygon{square(4, 43, 1)}, Surface: 42}
	region := Area{Key: AdminKey(Region, "R"), Geometry: orb.MultiPolygon{square(2, 42, 4)}}
	c := NewContainment([]Area{commune, region, told, d2, lost, bare, d1, {Key: CellKey(Cell5, 5, 5)}})
	for a, want := range map[AreaKey]string{
		commune.Key: "D1 R", told.Key: "D2 R", lost.Key: "", bare.Key: "", d1.Key: "R", region.Key: "",
	} {
		if got := codes(c.Containers(a)); got != want {
			t.Errorf("%v is in %q, wanted %q", a, got, want)
		}
	}
	if c.Surface(d2.Key) != 42 || c.Surface(d1.Key) != Surface(d1.Geometry) {
		t.Error("a surface given is kept, another is computed")
	}
	none := NewContainment(nil)
	if got := codes(none.Containers(CellKey(Cell1, 664, 6484))); !strings.HasPrefix(got, "2kmL93E0664N6484") {
		t.Errorf("without areas a cell is in %q", got)
	}
	// Without departments a commune is in its region.
	if got := codes(NewContainment([]Area{commune, region}).Containers(commune.Key)); got != "R" {
		t.Errorf("the commune is in %q", got)
	}
}

// A border that pierces a side without a vertex in the cell, a hole or an island inside it:
// none lets the cell be whole.
func TestAroundSeesPiercedCells(t *testing.T) {
	ring := orb.Ring(square(3, 43, 1)[0])
	for why, c := range map[string]struct {
		p    orb.Polygon
		want bool
	}{
		"well inside":      {square(2, 42, 4), true},
		"same outline":     {square(3, 43, 1), false},
		"shares a side":    {square(3, 42, 4), false},
		"a hole in it":     {orb.Polygon{square(2, 42, 4)[0], square(3.4, 43.4, 0.2)[0]}, false},
		"a hole around it": {orb.Polygon{square(0, 40, 9)[0], square(2, 42, 4)[0]}, false},
		"a hole beside it": {orb.Polygon{square(2, 42, 4)[0], square(4.1, 43.2, 0.2)[0]}, true},
		"a spike":          {orb.Polygon{{{2, 42}, {6, 42}, {6, 46}, {3.6, 46}, {3.5, 43.9}, {3.4, 46}, {2, 46}, {2, 42}}}, false},
		"a slash":          {orb.Polygon{{{2, 42}, {6, 42}, {6, 46}, {4.2, 44.1}, {2, 43.4}, {2, 42}}}, false},
		"elsewhere":        {square(10, 43, 1), false},
	} {
		d := newTerritories(areasOf(c.p))
		d.keys[0] = AdminKey(Department, "D1")
		if got := len(d.around(ring)) == 1; got != c.want {
			t.Errorf("%s: %v", why, got)
		}
	}
}

func TestContainmentTogether(t *testing.T) {
	region := Area{Key: AdminKey(Region, "R"), Geometry: orb.MultiPolygon{square(0, 42, 6)}}
	c := NewContainment([]Area{region})
	x := NewIndex([]Area{region})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 500 {
				k := CellKey(Cell5, 500+5*(i%40), 6200+5*(i/40))
				if got := c.Containers(k); len(got) == 0 {
					panic(fmt.Sprint("worker ", w, ": ", k, " is in nothing"))
				}
				x.Holding(square(-0.5+float64(i%7), 43, 1))
			}
		})
	}
	wg.Wait()
}

func BenchmarkContainersOfNewCells(b *testing.B) {
	o := readOccitanie(b)
	c := NewContainment(slices.Concat(o.departments, o.regions))
	for i := range b.N {
		c.Containers(CellKey(Cell1, 400+i%500, 6150+i/500%300))
	}
}
