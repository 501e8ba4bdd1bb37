package api

import (
	"context"
	"sort"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/clip"
	"github.com/paulmach/orb/planar"

	"garrigue/internal/atlas"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
)

// AreaIn names an area.
type AreaIn struct {
	Kind string `path:"kind" maxLength:"20" doc:"commune, department, region, cell5, cell10…" example:"commune"`
	Code string `path:"code" maxLength:"40" doc:"INSEE code, or code of the national mesh (5kmL93E0755N6290, or E0755N6290)." example:"34172"`
}

// key reads the area asked for.
func (in *AreaIn) key() (geo.AreaKey, error) {
	kind, ok := geo.ParseKind(in.Kind)
	if !ok {
		return 0, fault.Say(fault.Invalid, "api.kind", in.Kind)
	}
	var key geo.AreaKey
	if kind.Mesh() > 0 {
		if k, ok := geo.ParseCell(in.Code); ok && k.Kind() == kind {
			key = k
		}
	} else {
		key = geo.AdminKey(kind, in.Code)
	}
	if key == 0 {
		return 0, fault.Say(fault.NotFound, "api.area", in.Code)
	}
	return key, nil
}

// Area is an area with all its figures.
type Area struct {
	Kind          string      `json:"kind" doc:"Kind of area."`
	Code          string      `json:"code" doc:"Its code."`
	Name          string      `json:"name,omitempty" doc:"Its name."`
	Parent        *placeName  `json:"parent,omitempty" doc:"The area that holds it by law."`
	Surface       int         `json:"surface_m2" doc:"Real area, square metres."`
	Bound         [4]float64  `json:"bound" doc:"Extent: west, south, east, north."`
	Observations  int         `json:"observations" doc:"Number of published observations."`
	Taxa          int         `json:"taxa" doc:"Number of species."`
	Protected     int         `json:"protected_taxa" doc:"Number of protected species."`
	Threatened    int         `json:"threatened_taxa" doc:"Number of threatened species."`
	FirstYear     int         `json:"first_year,omitempty" doc:"Year of the oldest observation."`
	LastYear      int         `json:"last_year,omitempty" doc:"Year of the latest observation."`
	Groups        []Group     `json:"groups" doc:"Figures by public group."`
	Years         []Year      `json:"years" doc:"Observations by year."`
	Organisations []Share     `json:"organisations" doc:"Who provided the observations."`
	Neighbours    []Place     `json:"neighbours" doc:"Areas of the same kind around."`
	Communes      []placeName `json:"communes,omitempty" doc:"For a cell: the communes it meets, the largest share first."`
}

// Group is a public group in an area.
type Group struct {
	Group        string `json:"group" doc:"Public group."`
	Taxa         int    `json:"taxa" doc:"Number of species."`
	Observations int    `json:"observations" doc:"Number of published observations."`
	Protected    int    `json:"protected_taxa" doc:"Number of protected species."`
	Mean         int    `json:"mean_taxa" doc:"Mean number of species in areas of the same kind."`
}

func (s *server) area(ctx context.Context, a *atlas.Atlas, in *AreaIn) (Area, error) {
	key, err := in.key()
	if err != nil {
		return Area{}, err
	}
	t, err := areaSheet(ctx, a, key)
	if err != nil {
		return Area{}, err
	}
	out := Area{Kind: key.Kind().String(), Code: key.Code(), Name: t.Name, Parent: nameOf(t.Parent, t.ParentName), Surface: int(t.Surface + 0.5),
		Bound: t.Bound, Observations: t.Observations, Taxa: t.Taxa, Protected: t.Protected, Threatened: t.Threatened, FirstYear: t.FirstYear, LastYear: t.LastYear,
		Groups: each(t.Groups, func(g atlas.GroupCount) Group {
			return Group{g.Slug, g.Taxa, g.Observations, g.Protected, g.Mean}
		}),
		Years: each(t.Years, yearOf), Organisations: each(t.Organisations, shareOf), Neighbours: each(t.Neighbours, placeOf)}
	if key.Kind().Mesh() > 0 && key.Kind().Mesh() <= 10 {
		out.Communes, err = communesMeeting(ctx, a, key)
	}
	return out, err
}

func areaSheet(ctx context.Context, a *atlas.Atlas, key geo.AreaKey) (*atlas.AreaSheet, error) {
	t, err := a.Area(ctx, key)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.Say(fault.NotFound, "api.area", key.Code())
	}
	return t, err
}

// communesMeeting lists the communes a cell meets, the largest share first. The cell's extent
// in degrees stands for the cell: good enough to name places, wrong by some hundred metres
// along its edges.
func communesMeeting(ctx context.Context, a *atlas.Atlas, key geo.AreaKey) ([]placeName, error) {
	type part struct {
		placeName
		share float64
	}
	var parts []part
	box := geo.CellRing(key).Bound()
	// Mercator's and Lambert's norths differ by up to 2.5°: the extent is a little larger than
	// the cell, so its corners are left out.
	box = box.Pad(-0.03 * (box.Max[0] - box.Min[0]))
	err := a.Outlines(ctx, geo.Commune, box, func(k geo.AreaKey, name string, g orb.MultiPolygon) error {
		if share := planar.Area(clip.MultiPolygon(box, g.Clone())); share != 0 {
			parts = append(parts, part{placeName{"commune", k.Code(), name}, share})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	sort.SliceStable(parts, func(i, j int) bool {
		si, sj := abs(parts[i].share), abs(parts[j].share)
		return si > sj || si == sj && parts[i].Code < parts[j].Code
	})
	return each(parts, func(p part) placeName { return p.placeName }), nil
}

func abs(v float64) float64 {
	if v < 0 {
		return -v
	}
	return v
}

type areaTaxaIn struct {
	AreaIn
	FilterIn
}

func (s *server) areaTaxa(ctx context.Context, a *atlas.Atlas, in *areaTaxaIn) (List[Taxon], error) {
	key, err := in.key()
	if err != nil {
		return List[Taxon]{}, err
	}
	if _, err := areaSheet(ctx, a, key); err != nil {
		return List[Taxon]{}, err
	}
	rows, total, err := a.AreaTaxa(ctx, key, in.filter())
	if err != nil {
		return List[Taxon]{}, err
	}
	return in.page("/areas/"+in.Kind+"/"+key.Code()+"/taxa", nil, rows, total), nil
}
