package disclosure

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/sensitivity"
)

// SINP returns the policy of the national levels in their first form: 1 commune, 2 cell of
// 10 km, 3 department, 4 nothing (SINP sensitivity guide; GINCO note of 22 June 2016), each
// level also allowing what is coarser.
func SINP() Policy {
	return Policy{Version: "sinp-2016", Mesh: geo.Cell5, Levels: [5][]geo.Kind{
		0: {geo.Commune, geo.Cell10, geo.Department},
		1: {geo.Commune, geo.Cell10, geo.Department},
		2: {geo.Cell10, geo.Department},
		3: {geo.Department},
	}}
}

// MeshOnly returns the policy of levels by cells alone, in the spirit of the national guide
// of May 2022: 1 cell of 5 km, 2 of 10 km, 3 of 50 km, 4 nothing. No official table of
// sizes has been found; a platform sets its own.
func MeshOnly() Policy {
	return Policy{Version: "mesh-2022", Mesh: geo.Cell5, Levels: [5][]geo.Kind{
		0: {geo.Commune, geo.Cell10, geo.Cell20, geo.Cell50, geo.Department},
		1: {geo.Cell5, geo.Cell10, geo.Cell20, geo.Cell50},
		2: {geo.Cell10, geo.Cell20, geo.Cell50},
		3: {geo.Cell50},
	}}
}

// MeanSurfaces returns the mean surface, in square metres, of each kind among the areas of a
// territory, 0 for a kind that has none: what Settled asks for.
func MeanSurfaces(areas []geo.Area) func(geo.Kind) float64 {
	sum, n := map[geo.Kind]float64{}, map[geo.Kind]float64{}
	for i := range areas {
		s := areas[i].Surface
		if s <= 0 {
			s = geo.Surface(areas[i].Geometry)
		}
		if s > 0 {
			sum[areas[i].Key.Kind()] += s
			n[areas[i].Key.Kind()]++
		}
	}
	return func(k geo.Kind) float64 { return sum[k] / max(n[k], 1) }
}

// settlement is what a policy becomes on a territory. Its zero value decides nothing.
type settlement struct {
	mesh  geo.Kind
	kinds [withheld][]geo.Kind // by level, from the smallest mean surface, none below the mesh's
	// attached is, by level, the set of kinds (bits) that a record attached to an area keeps:
	// never a cell finer than the mesh.
	attached [withheld]uint32
	surface  [geo.Cell50 + 1]float64 // mean by kind, square metres, 0 unknown
}

// anyKind is every kind, for a policy that does not say what is coarser than its mesh.
var anyKind = [...]geo.Kind{geo.Commune, geo.Department, geo.Region, geo.Cell1, geo.Cell2, geo.Cell5, geo.Cell10, geo.Cell20, geo.Cell50}

// Settled returns the policy made ready for a territory: "coarser" is decided there once for
// all, by the mean real surface of each kind of areas (square metres; 0: none is loaded).
// Cells are known by arithmetic and mean is not asked about them; nil knows no other kind.
//
// The kinds of a level are put in order of mean surface, and one whose mean is smaller than
// the mesh cell gives its place to the mesh. Unknown kinds are dropped. Invalid when the mesh
// is no kind of cells, or when no kind is left for one of the levels 1 to 3. It depends on
// Version, Mesh and Levels only: a policy that was changed is to be settled again.
func (p Policy) Settled(mean func(geo.Kind) float64) (Policy, error) {
	p.settled = settlement{}
	if p.Mesh.Mesh() == 0 {
		return p, fault.Say(fault.Invalid, "disclosure.mesh")
	}
	s := settlement{mesh: p.Mesh}
	for _, k := range anyKind {
		if m := float64(k.Mesh()) * 1000; m > 0 {
			s.surface[k] = m * m
		} else if mean != nil {
			if v := mean(k); v > 0 && !math.IsInf(v, 1) {
				s.surface[k] = v
			}
		}
	}
	for level := range s.kinds {
		asked := p.Levels[level]
		if level == 0 && len(asked) == 0 {
			asked = anyKind[:]
		}
		s.settle(level, asked)
		if level > 0 && len(s.kinds[level]) == 0 {
			return p, fault.Say(fault.Invalid, "disclosure.level", strconv.Itoa(level))
		}
	}
	p.settled = s
	return p, nil
}

// settle fills what a level allows.
func (s *settlement) settle(level int, asked []geo.Kind) {
	mesh := s.surface[s.mesh]
	var kinds []geo.Kind
	for _, k := range asked {
		surface := s.mean(k)
		if surface == 0 {
			continue
		}
		if k.Mesh() == 0 {
			// A record attached to its commune says no more than that: the commune stays its place.
			s.attached[level] |= 1 << k
		}
		if surface < mesh {
			k = s.mesh
		}
		s.attached[level] |= 1 << k
		if !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	if level == 0 {
		for _, k := range anyKind {
			if k.Mesh() == 0 || s.mean(k) >= mesh {
				s.attached[0] |= 1 << k
			}
		}
	}
	slices.SortStableFunc(kinds, func(a, b geo.Kind) int {
		return cmp.Compare(s.mean(a), s.mean(b))
	})
	s.kinds[level] = kinds
}

// Kinds returns the kinds of areas at which a level is disclosed, in order of preference: the
// first that wholly holds the place. Nil before Settled, and for level 4 and above.
func (p *Policy) Kinds(level sensitivity.Level) []geo.Kind {
	if int(level) >= len(p.settled.kinds) {
		return nil
	}
	return slices.Clone(p.settled.kinds[level])
}

// ready reports whether the policy can decide: complete, and settled for its mesh.
func (p *Policy) ready() bool {
	return p != nil && p.Version != "" && p.Mesh.Mesh() > 0 && p.settled.mesh == p.Mesh
}

// mean returns the mean surface of a kind, 0 when unknown.
func (s *settlement) mean(k geo.Kind) float64 {
	if int(k) >= len(s.surface) {
		return 0
	}
	return s.surface[k]
}

// direct reports whether a level lets a record attached to an area of a kind be shown there.
func (s *settlement) direct(level sensitivity.Level, k geo.Kind) bool {
	return s.attached[level]>>k&1 == 1
}

// stricter reports whether level a starts coarser than b; of two that start alike, the
// higher is.
func (s *settlement) stricter(a, b sensitivity.Level) bool {
	x, y := s.mean(s.kinds[a][0]), s.mean(s.kinds[b][0])
	return x > y || x == y && a > b
}
