package atlas

import (
	"encoding/binary"
	"math"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"
)

// Geometry blobs of a GeoPackage: OGC 12-128r17 (1.3), clause 2.1.3: "GP", version 0,
// flags, srs_id, envelope, then WKB.

const (
	srsWGS84   = 4326
	gpkgHeader = 8 + 32 // magic to srs_id, and an envelope of four doubles
)

// gpkgBlob encodes g, which must not be empty, with its envelope.
func gpkgBlob(g orb.MultiPolygon) ([]byte, error) {
	body, err := wkb.Marshal(g, binary.LittleEndian)
	if err != nil {
		return nil, err
	}
	b := make([]byte, gpkgHeader, gpkgHeader+len(body))
	b[0], b[1], b[3] = 'G', 'P', 0b00000011 // little-endian, envelope [minx, maxx, miny, maxy]
	binary.LittleEndian.PutUint32(b[4:], srsWGS84)
	bound := g.Bound()
	for i, v := range [4]float64{bound.Min[0], bound.Max[0], bound.Min[1], bound.Max[1]} {
		binary.LittleEndian.PutUint64(b[8+8*i:], math.Float64bits(v))
	}
	return append(b, body...), nil
}

// gpkgGeometry decodes what gpkgBlob wrote.
func gpkgGeometry(b []byte) (orb.MultiPolygon, error) {
	if len(b) < gpkgHeader || b[0] != 'G' || b[1] != 'P' {
		return nil, errPacked
	}
	g, err := wkb.Unmarshal(b[gpkgHeader:])
	if err != nil {
		return nil, err
	}
	switch g := g.(type) {
	case orb.MultiPolygon:
		return g, nil
	case orb.Polygon:
		return orb.MultiPolygon{g}, nil
	}
	return nil, errPacked
}
