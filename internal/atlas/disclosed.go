package atlas

import (
	"context"

	"zombiezen.com/go/sqlite"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

// Disclosed returns how many observations of a species, or of a higher taxon when no more is
// known of them, the snapshot shows at each area: those at an area larger than a cell of the
// mesh and those at the cell together, each once. None for a taxon without observations of its own.
func (a *Atlas) Disclosed(ctx context.Context, cd taxon.CdRef) (out map[geo.AreaKey]int, err error) {
	defer fault.Wrap(&err, "atlas.Disclosed(%d)", cd)
	out = map[geo.AreaKey]int{}
	err = a.query(ctx, "SELECT area_id, SUM(observations) FROM cube WHERE cd_ref = ?1 GROUP BY area_id", func(s *sqlite.Stmt) error {
		if i := s.ColumnInt(0) - 1; i >= 0 && i < len(a.areas) {
			out[a.areas[i].Area] = s.ColumnInt(1)
		}
		return nil
	}, int64(cd))
	return out, err
}
