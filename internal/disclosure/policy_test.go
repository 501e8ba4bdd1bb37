package disclosure

import (
	"fmt"
	"math"
	"reflect"
	"testing"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/sensitivity"
)

func TestSettled(t *testing.T) {
	of := func(commune, department, region float64) func(geo.Kind) float64 {
		return func(k geo.Kind) float64 {
			return map[geo.Kind]float64{geo.Commune: commune * 1e6, geo.Department: department * 1e6, geo.Region: region * 1e6, geo.Cell5: 1}[k]
		}
	}
	with := func(level int, kinds ...geo.Kind) Policy {
		p := SINP()
		p.Levels[level] = kinds
		return p
	}
	occitanie := of(16.5, 5640, 73300)
	for _, test := range []struct {
		name string
		p    Policy
		mesh geo.Kind
		mean func(geo.Kind) float64
		want string // levels 0 to 3, or the error
	}{
		{"Occitanie, 5 km", SINP(), geo.Cell5, occitanie, "[cell5 cell10 department] [cell5 cell10 department] [cell10 department] [department]"},
		{"Occitanie, 2 km", SINP(), geo.Cell2, occitanie, "[commune cell10 department] [commune cell10 department] [cell10 department] [department]"},
		{"Occitanie, 10 km", SINP(), geo.Cell10, occitanie, "[cell10 department] [cell10 department] [cell10 department] [department]"},
		{"Occitanie, 50 km", SINP(), geo.Cell50, occitanie, "[cell50 department] [cell50 department] [cell50 department] [department]"},
		{"large communes", SINP(), geo.Cell5, of(400, 80_000, 0), "[cell10 commune department] [cell10 commune department] [cell10 department] [department]"},
		{"small departments", SINP(), geo.Cell5, of(8, 90, 0), "[cell5 department cell10] [cell5 department cell10] [department cell10] [department]"},
		{"a commune as large as the cell", SINP(), geo.Cell5, of(25, 5640, 0), "[commune cell10 department] [commune cell10 department] [cell10 department] [department]"},
		{"no communes", SINP(), geo.Cell5, of(0, 5640, 0), "[cell10 department] [cell10 department] [cell10 department] [department]"},
		{"no departments", SINP(), geo.Cell5, of(16.5, 0, 0), "invalid: disclosure.level [3]"},
		{"a surface that is no number", SINP(), geo.Cell5, of(16.5, math.NaN(), 0), "invalid: disclosure.level [3]"},
		{"an infinite surface", SINP(), geo.Cell5, of(16.5, math.Inf(1), 0), "invalid: disclosure.level [3]"},
		{"nothing known", SINP(), geo.Cell5, nil, "invalid: disclosure.level [3]"},
		{"cells need nothing", MeshOnly(), geo.Cell5, nil, "[cell10 cell20 cell50] [cell5 cell10 cell20 cell50] [cell10 cell20 cell50] [cell50]"},
		{"communes only", with(1, geo.Commune), geo.Cell5, occitanie, "[cell5 cell10 department] [cell5] [cell10 department] [department]"},
		{"finer than the mesh", with(1, geo.Cell2, geo.Cell1, geo.Commune), geo.Cell5, occitanie, "[cell5 cell10 department] [cell5] [cell10 department] [department]"},
		{"no list of coarser kinds", with(0), geo.Cell10, occitanie, "[cell10 cell20 cell50 department region] [cell10 department] [cell10 department] [department]"},
		{"level 2 empty", with(2), geo.Cell5, occitanie, "invalid: disclosure.level [2]"},
		{"no such kind", with(2, geo.Kind(9), geo.Kind(200)), geo.Cell5, occitanie, "invalid: disclosure.level [2]"},
		{"no mesh", SINP(), geo.NoKind, occitanie, "invalid: disclosure.mesh []"},
		{"communes as mesh", SINP(), geo.Commune, occitanie, "invalid: disclosure.mesh []"},
	} {
		test.p.Mesh = test.mesh
		asked := fmt.Sprint(test.p.Levels)
		got, err := test.p.Settled(test.mean)
		if err != nil {
			e, ok := err.(*fault.Error)
			if !ok || fmt.Sprint(e.Kind, ": ", e.Key, " ", e.Args) != test.want || got.ready() {
				t.Errorf("%s: error %v, want %s; ready %v", test.name, err, test.want, got.ready())
			}
			continue
		}
		if s := fmt.Sprint(got.Kinds(0), got.Kinds(1), got.Kinds(2), got.Kinds(3)); s != test.want {
			t.Errorf("%s: settled as %s, want %s", test.name, s, test.want)
		}
		if !got.ready() || got.Kinds(4) != nil || fmt.Sprint(got.Levels) != asked || test.p.ready() {
			t.Errorf("%s: ready %v, level 4 %v, levels %v", test.name, got.ready(), got.Kinds(4), got.Levels)
		}
		if again, err := got.Settled(test.mean); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%s: settled twice is %v, %v", test.name, again, err)
		}
	}
}

func TestMeanSurfaces(t *testing.T) {
	mean := MeanSurfaces([]geo.Area{
		{Key: geo.AdminKey(geo.Commune, "1"), Surface: 10e6}, {Key: geo.AdminKey(geo.Commune, "2"), Surface: 20e6},
		{Key: geo.AdminKey(geo.Commune, "3")}, // without an outline: not counted
		{Key: geo.AdminKey(geo.Department, "D"), Surface: 30e6},
	})
	for k, want := range map[geo.Kind]float64{geo.Commune: 15e6, geo.Department: 30e6, geo.Region: 0} {
		if got := mean(k); got != want {
			t.Errorf("a %v has %v m² on average, want %v", k, got, want)
		}
	}
}

// TestConstraintsTogether: policies with gaps, where one constraint must not undo another.
func TestConstraintsTogether(t *testing.T) {
	b := readBook(t)
	gaps := Policy{Version: "gaps", Levels: [5][]geo.Kind{0: {geo.Cell10}, 1: {geo.Cell5, geo.Department},
		2: {geo.Cell10}, 3: {geo.Cell10, geo.Department}}}
	// 4.5 km long: larger than a commune on average, smaller than a cell of 5 km.
	const across = "rectangle 714 ; 6251 à 718.5 ; 6251.5"
	for _, test := range []struct {
		name        string
		p           Policy
		where       string
		level, wish int
		want        string
	}{
		{"ordinary, by nature", MeshOnly(), across, 0, 0, "10 km E071N625"},
		{"a wish is not finer than nature", MeshOnly(), across, 0, 1, "10 km E071N625"},
		{"a level neither", MeshOnly(), across, 1, 0, "10 km E071N625"},
		{"a level whose next kind is large", gaps, across, 1, 0, "département 34"},
		{"a wish is not finer than that", gaps, across, 1, 2, "région 76"},
		{"nor the other way", gaps, across, 2, 1, "région 76"},
		{"a point has no nature to hide", gaps, "Grandval 713 ; 6263", 1, 2, "10 km E071N626"},
		{"attached is a nature of its own", gaps, "rattachée à Petite-Combe", 0, 0, "commune 34002"},
		{"and not allowed at this level", gaps, "rattachée à Petite-Combe", 3, 0, "département 34"},
		{"nor held by any cell", gaps, "rattachée à Petite-Combe", 2, 0, "région 76"},
	} {
		p := settled(t, test.p, geo.Cell2, b.mean)
		o := b.observation(t, []string{"Merle noir", test.where, "2024-05-01", "", "Pr", fmt.Sprint(test.wish), "", ""})
		o.Sensitivity = sensitivity.Level(test.level)
		if got, ok := Publish(o, &p, b.world, Public); !ok || got.Area != b.area(t, test.want) {
			t.Errorf("%s: %v %v, want %s", test.name, got.Area, ok, test.want)
		}
	}
}
