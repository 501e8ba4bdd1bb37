package geo

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/paulmach/orb"
)

// TestDepartmentsHoldTheirPoints: over the real outlines, the department of any point is among those of
// every cell and box that holds it, and none is among them that is far away.
func TestDepartmentsHoldTheirPoints(t *testing.T) {
	o := readOccitanie(t)
	c := NewContainment(slices.Concat(o.communes, o.departments, o.regions))
	if all := c.Departments(0); len(all) != 13 {
		t.Fatalf("%d departments", len(all))
	}
	r := rand.New(rand.NewPCG(1, 2))
	points, several := 0, 0
	for range 20_000 {
		x, y := 420_000+r.Float64()*430_000, 6_120_000+r.Float64()*320_000
		lon, lat := FromLambert93(x, y)
		d := c.At(Department, lon, lat)
		if d == 0 {
			continue
		}
		points++
		for _, k := range []Kind{Cell1, Cell5, Cell10, Cell50} {
			cell := c.At(k, lon, lat)
			got := c.Departments(cell)
			if !slices.Contains(got, d) {
				t.Fatalf("%v holds a point of %v and meets %v", cell, d, got)
			}
			if len(got) > 1 && k == Cell5 {
				several++
			}
			for _, other := range got {
				if !c.Near(cell, other, 0) || !c.Near(cell, other, 700) || !c.Near(other, cell, 0) {
					t.Fatalf("%v meets %v but is not near", cell, other)
				}
			}
		}
		side := r.Float64() * 4000
		box := Box{x - side*r.Float64(), y - side*r.Float64(), x, y}
		box.MaxX, box.MaxY = box.MinX+side, box.MinY+side
		in := c.DepartmentsIn(box)
		if !slices.Contains(in, d) {
			t.Fatalf("a box that holds a point of %v meets %v", d, in)
		}
		cell := CellAt(Cell5, x, y)
		for _, other := range in { // what reaches out of a cell by its side is found from the cell
			if !c.Near(cell, other, side) {
				t.Fatalf("a box of %.0f m with a point in %v meets %v", side, cell, other)
			}
		}
		commune := c.At(Commune, lon, lat)
		if commune == 0 || !slices.Equal(c.Departments(commune), []AreaKey{d}) || c.At(Region, lon, lat) == 0 {
			t.Fatalf("a point of %v is in %v, of %v", d, commune, c.Departments(commune))
		}
		if !c.Near(cell, commune, 0) || !c.Near(commune, cell, 0) || !c.Near(d, commune, 0) {
			t.Fatalf("%v, %v and %v do not meet", cell, commune, d)
		}
	}
	if points < 10_000 || several < points/20 || several > points/3 {
		t.Errorf("%d points, %d of them in cells of several departments", points, several)
	}
	// Grandes distances: the two departments at the ends.
	gard, hautes := AdminKey(Department, "30"), AdminKey(Department, "65")
	if c.Near(gard, hautes, 0) || c.Near(gard, hautes, 5000) || !c.Near(gard, AdminKey(Department, "34"), 1000) {
		t.Error("Near is wrong about departments")
	}
	if len(c.Departments(AdminKey(Region, "76"))) != 13 || c.Departments(AdminKey(Commune, "75056")) != nil {
		t.Error("the departments of a region, or of a commune that is not here")
	}
}

func TestMeetingInvented(t *testing.T) {
	d1, d2 := AdminKey(Department, "D1"), AdminKey(Department, "D2")
	a := Area{Key: d1, Geometry: orb.MultiPolygon{square(3, 43, 1)}}
	b := Area{Key: d2, Geometry: orb.MultiPolygon{square(4, 43, 1)}}
	// A commune of D2 whose outline, simplified otherwise, reaches into D1.
	c2 := Area{Key: AdminKey(Commune, "00002"), Parent: d2, Geometry: orb.MultiPolygon{square(3.9, 43.5, 0.2)}}
	c := NewContainment([]Area{a, b, c2})
	if got := c.At(Department, 3.95, 43.55); got != d2 {
		t.Errorf("a point of a commune of D2 is in %v", got)
	}
	x, y := ToLambert93(3.95, 43.55)
	if got := c.Departments(CellAt(Cell1, x, y)); !slices.Equal(got, []AreaKey{d1, d2}) {
		t.Errorf("the cell meets %v", got)
	}
	// A commune whose department has no outline is of it all the same.
	alone := NewContainment([]Area{c2})
	if got := alone.Departments(0); !slices.Equal(got, []AreaKey{d2}) {
		t.Errorf("departments %v", got)
	}
	if got := alone.Departments(c2.Key); !slices.Equal(got, []AreaKey{d2}) || alone.At(Department, 3.95, 43.55) != d2 {
		t.Errorf("the commune is in %v", got)
	}
	none := NewContainment(nil)
	if none.Departments(CellAt(Cell5, x, y)) != nil || none.At(Commune, 3, 43) != 0 || none.At(Department, 3, 43) != 0 ||
		none.DepartmentsIn(Box{}) != nil || !none.Near(d1, d2, 0) {
		t.Error("something is known of nothing")
	}
	if p, q := CellKey(Cell5, 700, 6200), CellKey(Cell10, 700, 6200); !none.Near(p, q, 0) || none.Near(p, CellKey(Cell5, 705, 6200), 0) || !none.Near(p, CellKey(Cell5, 705, 6200), 1) {
		t.Error("Near is wrong about cells")
	}
}

func BenchmarkDepartmentsOfNewCells(b *testing.B) {
	o := readOccitanie(b)
	c := NewContainment(slices.Concat(o.communes, o.departments, o.regions))
	c.At(Commune, 3, 43) // the index of communes
	i := 0
	for b.Loop() {
		c.DepartmentsIn(CellKey(Cell5, 420+5*(i%80), 6150+5*(i/80%60)).Box())
		i++
	}
}

func BenchmarkCommuneIndex(b *testing.B) {
	o := readOccitanie(b)
	for b.Loop() {
		NewContainment(slices.Concat(o.communes, o.departments, o.regions)).At(Commune, 3, 43)
	}
}
