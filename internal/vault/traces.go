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

// rowsTogether is how many rows are read by their number in one statement. Each begins a read of
// its own, which costs as much as hundreds of rows; of many more, an engine reads the whole table.
const rowsTogether = 20_000

// Traces calls f with what must not be found of each of the observations of ids that live, in
// their order, against a grant that is recorded; t is reused. Only these rows are read.
func (db *DB) Traces(ctx context.Context, g disclosure.Grant, ids []int64, f func(t *Trace) error) (err error) {
	defer fault.Wrap(&err, "vault.Traces")
	entry, err := db.record(ctx, g, Complete)
	if err != nil {
		return err
	}
	n := 0
	d := decoder{words: map[string]string{}}
	for err == nil && len(ids) > 0 {
		some := ids[:min(rowsTogether, len(ids))]
		ids = ids[len(some):]
		var more int
		more, err = db.traces(ctx, some, &d, f)
		n += more
	}
	if jerr := db.endRecord(ctx, entry, n, err); err == nil {
		err = jerr
	}
	return err
}

// traces reads those of ids, which d decodes.
func (db *DB) traces(ctx context.Context, ids []int64, d *decoder, f func(t *Trace) error) (n int, err error) {
	var list strings.Builder
	for i, id := range ids {
		if i > 0 {
			list.WriteByte(',')
		}
		list.WriteString(strconv.FormatInt(id, 10))
	}
	var t Trace
	var enough error // of f
	located := georeferenceCodes()[1]
	err = db.dialect.scan(ctx, "vault", `SELECT id, georeference, lon, lat, min_x, min_y, max_x, max_y, geometry, id_sinp, source_key,
		place_name, comment, observers, determiner FROM observation WHERE withdrawn IS NULL AND id IN (`+list.String()+`) ORDER BY id`,
		func(s row) error {
			d.s, d.n = s, 0
			t = Trace{ID: d.int(), Located: string(d.code()) == located, Shape: t.Shape[:0]}
			if t.Located {
				t.Lon, t.Lat = d.float(), d.float()
				t.Box = geo.Box{MinX: d.float(), MinY: d.float(), MaxX: d.float(), MaxY: d.float()}
			}
			d.n = 8
			t.Shape = d.blob(t.Shape)
			t.IDSinp, t.SourceKey, t.PlaceName, t.Comment = d.text(), d.text(), d.text(), d.text()
			t.Observers, t.Determiner = d.word(), d.word()
			n++
			enough = f(&t)
			return enough
		})
	if enough != nil {
		return n, enough
	}
	return n, interrupted(ctx, classify(err))
}

// blob reads bytes into others, or into new ones when they do not fit.
func (d *decoder) blob(into []byte) []byte {
	size := d.s.ColumnLen(d.n)
	if cap(into) < size {
		into = make([]byte, size)
	}
	into = into[:size]
	if size > 0 {
		d.s.ColumnBytes(d.n, into)
	}
	d.n++
	return into
}
