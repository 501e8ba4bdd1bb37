package api

import (
	"context"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/paulmach/orb"

	"garrigue/internal/atlas"
	"garrigue/internal/geo"
)

type cellsIn struct {
	TaxonIn
	From int `query:"from" minimum:"0" maximum:"9999" doc:"First year, included."`
	To   int `query:"to" minimum:"0" maximum:"9999" doc:"Last year, included."`
}

// CellCollection is a GeoJSON feature collection.
type CellCollection struct {
	Type     string        `json:"type" enum:"FeatureCollection" doc:"Always FeatureCollection."`
	CdRef    int           `json:"cd_ref" doc:"CD_REF of the taxon."`
	Features []CellFeature `json:"features" doc:"One feature per area."`
}

// ContentType implements huma.ContentTypeFilter.
func (CellCollection) ContentType(string) string { return "application/geo+json" }

// CellFeature is one area.
type CellFeature struct {
	Type       string   `json:"type" enum:"Feature" doc:"Always Feature."`
	Properties Place    `json:"properties" doc:"The area and its figures."`
	Geometry   Geometry `json:"geometry" doc:"Its outline, WGS84."`
}

// Geometry is a GeoJSON polygon or multipolygon.
type Geometry struct {
	Type        string      `json:"type" enum:"Polygon,MultiPolygon" doc:"Polygon for cells, MultiPolygon for other areas."`
	Coordinates coordinates `json:"coordinates" doc:"Longitudes and latitudes, six decimals (about 0.1 m)."`
}

// coordinates is written straight as JSON: thousands of squares are most of an answer.
type coordinates []byte

// MarshalJSON implements json.Marshaler.
func (c coordinates) MarshalJSON() ([]byte, error) { return c, nil }

// Schema implements huma.SchemaProvider.
func (coordinates) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{}, Description: "GeoJSON coordinates."}
}

func (s *server) cells(ctx context.Context, a *atlas.Atlas, in *cellsIn) (CellCollection, error) {
	t, err := sheet(ctx, a, in.CdRef)
	if err != nil {
		return CellCollection{}, err
	}
	rows, err := a.Cells(ctx, t.CdRef, in.From, in.To)
	if err != nil {
		return CellCollection{}, err
	}
	out := CellCollection{Type: "FeatureCollection", CdRef: int(t.CdRef), Features: make([]CellFeature, len(rows))}
	for i, r := range rows {
		g, err := geometry(ctx, a, r.Area)
		if err != nil {
			return CellCollection{}, err
		}
		out.Features[i] = CellFeature{"Feature", placeOf(r), g}
	}
	return out, nil
}

// geometry returns an area's outline; a cell's is computed, exact.
func geometry(ctx context.Context, a *atlas.Atlas, key geo.AreaKey) (Geometry, error) {
	if key.Kind().Mesh() > 0 {
		return Geometry{"Polygon", appendPolygon(nil, orb.Polygon{geo.CellRing(key)})}, nil
	}
	g, err := a.Outline(ctx, key)
	if err != nil {
		return Geometry{}, err
	}
	b := []byte{'['}
	for i, p := range g {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendPolygon(b, p)
	}
	return Geometry{"MultiPolygon", append(b, ']')}, nil
}

func appendPolygon(b []byte, p orb.Polygon) []byte {
	b = append(b, '[')
	for i, r := range p {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		for j, v := range r {
			if j > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendFloat(append(b, '['), v[0], 'f', 6, 64)
			b = append(strconv.AppendFloat(append(b, ','), v[1], 'f', 6, 64), ']')
		}
		b = append(b, ']')
	}
	return append(b, ']')
}
