package vault

import (
	"context"
	"database/sql"
	"errors"
	"iter"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
)

// PutAreas stores outlines of one kind. An area of another kind is refused (Invalid).
func (db *DB) PutAreas(ctx context.Context, ref Reference, kind geo.Kind, rows iter.Seq2[geo.Area, error]) (Reference, error) {
	l := load{scope: kind.String(), classing: true, supersede: func(b *bulk, old int64) error {
		_, err := b.exec(`DELETE FROM area WHERE reference = $1`, old)
		return err
	}}
	return put(ctx, db, ref, l, rows, func(b *bulk, id int64) (func(*geo.Area) error, error) {
		return func(a *geo.Area) error {
			if a.Key.Kind() != kind || a.Key.Code() == "" {
				return fault.Say(fault.Invalid, "vault.wrong_kind", a.Key.Code(), kind.String())
			}
			shape, err := wkb.Marshal(a.Geometry)
			if err != nil {
				return fault.Say(fault.Invalid, "vault.bad_outline", a.Key.Code()).Because(err)
			}
			return b.later(`INSERT INTO area (kind, code, name, parent_kind, parent, surface, geometry, reference)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
				ON CONFLICT (kind, code) DO UPDATE SET name = excluded.name, parent_kind = excluded.parent_kind,
					parent = excluded.parent, surface = excluded.surface, geometry = excluded.geometry,
					reference = excluded.reference`,
				kind.String(), a.Key.Code(), null(a.Name), null(a.Parent.Kind().String()), null(a.Parent.Code()),
				a.Surface, shape, id)
		}, nil
	})
}

// Areas returns the current areas of a kind, in order of code.
func (db *DB) Areas(ctx context.Context, kind geo.Kind) (areas []geo.Area, err error) {
	defer fault.Wrap(&err, "vault.Areas(%s)", kind)
	rows, err := db.read.QueryContext(ctx, `SELECT code, COALESCE(name, ''), COALESCE(parent_kind, ''), COALESCE(parent, ''),
		surface, geometry FROM area WHERE kind = $1 ORDER BY code`, kind.String())
	if err != nil {
		return nil, classify(err)
	}
	defer rows.Close()
	for rows.Next() {
		var a geo.Area
		var code, parentKind, parent string
		var shape sql.RawBytes
		if err := rows.Scan(&code, &a.Name, &parentKind, &parent, &a.Surface, &shape); err != nil {
			return nil, classify(err)
		}
		g, err := wkb.Unmarshal(shape)
		if err != nil {
			return nil, err
		}
		outline, ok := g.(orb.MultiPolygon)
		if !ok {
			return nil, errors.New("an area's outline is not a multipolygon")
		}
		a.Key, a.Geometry = areaKey(kind, []byte(code)), outline
		if k, ok := geo.ParseKind(parentKind); ok {
			a.Parent = areaKey(k, []byte(parent))
		}
		areas = append(areas, a)
	}
	return areas, classify(rows.Err())
}
