package vault

import (
	"context"
	"strconv"
	"strings"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
)

// Trace is what a public file must not hold of an observation whose place is hidden. The texts
// are "" when there are none.
type Trace struct {
	ID       int64
	Located  bool // it has a shape of its own: Lon, Lat, Box and Shape are set
	Lon, Lat float64
	Box      geo.Box
	Shape    []byte // WKB, WGS84; good until the next call

	IDSinp, SourceKey, PlaceName, Comment, Observers, Determiner string
}

// Traces calls f with what must not be found of each of the observations of ids that live, in
// their order, against a grant that is recorded; t is reused. Only these rows are read.
func (db *DB) Traces(ctx context.Context, g disclosure.Grant, ids []int64, f func(t *Trace) error) (err error) {
	defer fault.Wrap(&err, "vault.Traces")
	entry, err := db.record(ctx, g, Complete)
	if err != nil {
		return err
	}
	n := 0
	for err == nil && len(ids) > 0 {
		some := ids[:min(membersTogether, len(ids))]
		ids = ids[len(some):]
		var more int
		more, err = db.traces(ctx, some, f)
		n += more
	}
	if jerr := db.endRecord(ctx, entry, n, err); err == nil {
		err = jerr
	}
	return err
}

func (db *DB) traces(ctx context.Context, ids []int64, f func(t *Trace) error) (n int, err error) {
	var list strings.Builder
	for i, id := range ids {
		if i > 0 {
			list.WriteByte(',')
		}
		list.WriteString(strconv.FormatInt(id, 10))
	}
	var t Trace
	var enough error // of f
	err = db.dialect.scan(ctx, "vault", `SELECT id, georeference, lon, lat, min_x, min_y, max_x, max_y, geometry, id_sinp, source_key,
		place_name, comment, observers, determiner FROM observation WHERE withdrawn IS NULL AND id IN (`+list.String()+`) ORDER BY id`,
		func(s row) error {
			shape := t.Shape[:0]
			t = Trace{ID: s.ColumnInt64(0), Located: s.ColumnText(1) == georeferenceCodes()[1],
				IDSinp: s.ColumnText(9), SourceKey: s.ColumnText(10), PlaceName: s.ColumnText(11), Comment: s.ColumnText(12),
				Observers: s.ColumnText(13), Determiner: s.ColumnText(14)}
			if t.Located {
				t.Lon, t.Lat = s.ColumnFloat(2), s.ColumnFloat(3)
				t.Box = geo.Box{MinX: s.ColumnFloat(4), MinY: s.ColumnFloat(5), MaxX: s.ColumnFloat(6), MaxY: s.ColumnFloat(7)}
			}
			if size := s.ColumnLen(8); size > 0 {
				if cap(shape) < size {
					shape = make([]byte, size)
				}
				t.Shape = shape[:s.ColumnBytes(8, shape[:size])]
			} else {
				t.Shape = shape
			}
			n++
			enough = f(&t)
			return enough
		})
	if enough != nil {
		return n, enough
	}
	return n, interrupted(ctx, classify(err))
}
