package vault

import (
	"context"
	"fmt"
	"hash/fnv"
	"iter"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
)

// PutPlaces stores where observations are found to be, after outlines changed, in one
// transaction, and returns how many there were. rows are complete observations (Complete) with
// their new place and reason to hold; nothing else of them is stored. The content they are
// known by is computed again, so that importing the same file afterwards changes nothing;
// their history is not added to, since the producer sent nothing new. rows may come from
// Observations.
func (db *DB) PutPlaces(ctx context.Context, rows iter.Seq2[*observation.Observation, error]) (n int, err error) {
	defer fault.Wrap(&err, "vault.PutPlaces")
	err = db.tx(ctx, func(b *bulk) error {
		enc := newEncoder()
		var t touched
		for o, err := range rows {
			if err != nil {
				return err
			}
			if err := check(o); err != nil {
				return err
			}
			if err := b.putPlace(enc, o); err != nil {
				return err
			}
			t.add(o.ID)
			n++
		}
		if err := ctx.Err(); err != nil || n == 0 {
			return err
		}
		next, err := b.counter("next observation")
		if err != nil {
			return err
		}
		if _, _, err := b.findTwins(&t, next); err != nil { // twins are of one place
			return err
		}
		return b.changed()
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

func (b *bulk) putPlace(enc *encoder, o *observation.Observation) error {
	p := &o.Place
	place := []any{nil, nil, nil, nil, nil, nil}
	if p.Georeference != observation.NoPlace {
		place = []any{p.Lon, p.Lat, p.Box.MinX, p.Box.MinY, p.Box.MaxX, p.Box.MaxY}
	}
	cell := ""
	if k, whole := p.Box.Cell(geo.Cell10); whole && p.Georeference != observation.NoPlace && p.Box != (geo.Box{}) {
		cell = enc.area(k)
	}
	args := append([]any{o.ID}, place...)
	args = append(args, null(georeferenceCodes()[p.Georeference]), null(enc.area(p.Commune)), null(enc.area(p.Department)), null(enc.area(p.Attached)),
		null(p.Nature), null(cell), null(holdCodes()[o.Held]), enc.hash(o))
	return b.later(`UPDATE observation SET lon = $2, lat = $3, min_x = $4, min_y = $5, max_x = $6, max_y = $7, georeference = $8,
		commune = $9, department = $10, attached = $11, place_nature = $12, cell10 = $13, held = $14, content_hash = $15, `+touchedNow+`
		WHERE id = $1`, args...)
}

// Placed returns the state of the outlines that the places of all observations were last
// computed with, 0 before. Outlines is today's state: a number that is another as soon as a
// reference of areas is loaded or replaced, also by a version that was there before.
func (db *DB) Placed(ctx context.Context) (outlines, placed int64, err error) {
	defer fault.Wrap(&err, "vault.Placed")
	if err := db.read.QueryRowContext(ctx, `SELECT COALESCE((SELECT value FROM counter WHERE name = 'placed'), 0)`).Scan(&placed); err != nil {
		return 0, 0, interrupted(ctx, classify(err))
	}
	rows, err := db.read.QueryContext(ctx, `SELECT id, loaded_at FROM reference WHERE id IN (SELECT reference FROM area) ORDER BY id`)
	if err != nil {
		return 0, 0, interrupted(ctx, classify(err))
	}
	defer rows.Close()
	h, some := fnv.New64a(), false
	for rows.Next() {
		var id int64
		var at string
		if err := rows.Scan(&id, &at); err != nil {
			return 0, 0, classify(err)
		}
		some = true
		fmt.Fprintln(h, id, at)
	}
	if some {
		outlines = int64(h.Sum64())
	}
	return outlines, placed, interrupted(ctx, classify(rows.Err()))
}

// SetPlaced records that every place is that of a state of the outlines, unless a batch with
// older references came since Behind gave behind, as SetClassed does.
func (db *DB) SetPlaced(ctx context.Context, outlines, behind int64) (err error) {
	defer fault.Wrap(&err, "vault.SetPlaced")
	return db.tx(ctx, func(b *bulk) error { return b.setUnlessBehind("placed", outlines, behind) })
}
