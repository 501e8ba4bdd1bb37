package disclosure

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"

	"garrigue/internal/civil"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
)

// Policy is the rule in force: data, versioned, read from the instance's settings. It must
// be Settled for a territory before it can decide.
type Policy struct {
	Version string
	// From is the first day it is in force; NoDate, and 0, mean always.
	From civil.Date
	// Mesh is the cell kind of ordinary observations on the instance's map.
	Mesh geo.Kind
	// Levels gives, for the levels 0 to 3 of every list, the kinds of areas it allows, in any
	// order; of level 0, what is coarser than the mesh (empty: every kind).
	Levels [5][]geo.Kind
	// Scale gives other levels, and what some list means by one: it is read before Levels. A
	// level by cells ("2.1" to "2.7") that it does not name is shown at its cell and larger ones.
	Scale []LevelRule
	// BlurredDates is the finest that the date of a blurred observation is told.
	BlurredDates observation.Precision
	// Batch is when what is shown of blurred observations may change.
	Batch Batch
	// Today is the date at which durations are counted.
	Today civil.Date

	settled settlement
}

// LevelRule says what a level of a list is worth.
type LevelRule struct {
	List  string // sensitivity.List.ID; "" is every list that has no rule of its own for the level
	Level sensitivity.Level
	// Rank orders levels that begin at areas of one size, 0 being the level's own Rank; it may
	// not contradict sizes.
	Rank int
	// Kinds are the kinds of areas it allows, in any order; none: it is not shown.
	Kinds []geo.Kind
}

// Batch is when what is shown of blurred observations changes: not with each
// publication, so that two of them cannot be subtracted.
type Batch struct {
	Every   string // "month", "week" or "day"; "" is "day"
	Minimum int    // changes that a batch must have, else it waits for the next
}

// SINP returns the policy of the national levels in their first form: 1 commune, 2 cell of
// 10 km, 3 department, 4 nothing (SINP sensitivity guide; GINCO note of 22 June 2016), each
// level also allowing what is coarser.
func SINP() Policy {
	return Policy{Version: "sinp-2016", Mesh: geo.Cell5, Levels: [5][]geo.Kind{
		0: {geo.Commune, geo.Cell10, geo.Department},
		1: {geo.Commune, geo.Cell10, geo.Department},
		2: {geo.Cell10, geo.Department},
		3: {geo.Department},
	}, BlurredDates: observation.Month, Batch: Batch{Every: "month", Minimum: 20}}
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
	}, BlurredDates: observation.Month, Batch: Batch{Every: "month", Minimum: 20}}
}

// Policies are those of an instance, each from its day on.
type Policies []Policy

// On returns the policy in force on a day: the latest begun; false when none has. NoDate
// asks for the first of all.
func (ps Policies) On(day civil.Date) (Policy, bool) {
	best := -1
	for i := range ps {
		if day == civil.NoDate {
			if best < 0 || ps[i].From < ps[best].From {
				best = i
			}
		} else if ps[i].From <= day && (best < 0 || ps[i].From >= ps[best].From) {
			best = i
		}
	}
	if best < 0 {
		return Policy{}, false
	}
	return ps[best], true
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

// Settled returns the policy made ready for a territory: "coarser" is decided there once for
// all, by the mean real surface of each kind of areas (square metres; 0: none is loaded).
// Cells are known by arithmetic and mean is not asked about them; nil knows no other kind.
//
// The kinds of a level are put in order of mean surface, and one whose mean is smaller than
// the mesh cell gives its place to the mesh. Unknown kinds are dropped. Invalid when the mesh
// is no kind of cells, when no kind is left of those a level allows, when Scale names a level
// twice or one that means nothing, or ranks levels against the size of their areas. It depends on
// Version, Mesh, Levels and Scale only: a policy that was changed is to be settled again.
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
	if err := s.settle(&p); err != nil {
		return p, err
	}
	p.settled = s
	return p, nil
}

// Kinds returns the kinds of areas at which a level is disclosed when its list says nothing
// else, in order of preference: the first that holds the place. Nil before Settled, and for
// what is not shown.
func (p *Policy) Kinds(level sensitivity.Level) []geo.Kind { return p.KindsOf("", level) }

// KindsOf is Kinds for the level of a list.
func (p *Policy) KindsOf(list string, level sensitivity.Level) []geo.Kind {
	return slices.Clone(p.settled.kindsOf(list, level))
}

// Rank orders the levels of all lists by how coarsely they are shown, 0 for level 0: by
// the mean surface of the first kind, then by the rank that Scale gives or the level's own.
// Before Settled it is the level's own.
func (p *Policy) Rank(list string, level sensitivity.Level) int {
	if p.settled.mesh == geo.NoKind {
		return level.Rank()
	}
	return p.settled.rankOf(list, level)
}

// Book returns a book of rules ordered as the policy, settled, orders levels.
func (p *Policy) Book(b *sensitivity.Book) *sensitivity.Book { return b.Ranked(p.Rank) }

// Fingerprint tells policies apart by all that is written in them, in whatever order; not by
// the day at which durations are counted nor by the territory.
func (p *Policy) Fingerprint() string {
	h := sha256.New()
	level := func(name string, rank int, kinds []geo.Kind) {
		sorted := slices.Clone(kinds)
		slices.Sort(sorted)
		fmt.Fprintf(h, "%q %d %d\n", name, rank, slices.Compact(sorted))
	}
	fmt.Fprintf(h, "%q %d %d %d %q %d\n", p.Version, max(p.From, 0), p.Mesh, p.BlurredDates, p.Batch.Every, p.Batch.Minimum)
	for i, kinds := range p.Levels {
		level(strconv.Itoa(i), 0, kinds)
	}
	scale := slices.Clone(p.Scale)
	slices.SortFunc(scale, compareLevels)
	for _, r := range scale {
		level(r.label(), r.Rank, r.Kinds)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// ready reports whether the policy can decide: complete, and settled for its mesh.
func (p *Policy) ready() bool {
	return p != nil && p.Version != "" && p.Mesh.Mesh() > 0 && p.settled.mesh == p.Mesh
}
