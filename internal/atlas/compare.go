package atlas

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"garrigue/internal/fault"
)

// Difference is a table in which two snapshots are not the same.
type Difference struct {
	Table string `json:"table"`
	Rows  int    `json:"rows"` // of which one is not in the other at the same place; one too many counts once
}

// Compare compares two snapshots row for row, every table of either, and lists the tables that
// differ, by name. When each was built, and the identifier made from that, are left out.
func Compare(ctx context.Context, a, b string) (out []Difference, err error) {
	defer fault.Wrap(&err, "atlas.Compare")
	x, err := openPlain(ctx, a)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	y, err := openPlain(ctx, b)
	if err != nil {
		return nil, err
	}
	defer y.Close()
	names, err := plainTables(x)
	if err != nil {
		return nil, err
	}
	others, err := plainTables(y)
	if err != nil {
		return nil, err
	}
	all := append(names, others...)
	slices.Sort(all)
	for _, t := range slices.Compact(all) {
		if !slices.Contains(names, t) || !slices.Contains(others, t) {
			out = append(out, Difference{Table: t, Rows: 1})
			continue
		}
		n, err := compareTable(x, y, t)
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", t, err)
		}
		if n > 0 {
			out = append(out, Difference{Table: t, Rows: n})
		}
	}
	return out, ctx.Err()
}

func openPlain(ctx context.Context, path string) (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		return nil, fault.Say(fault.Invalid, "atlas.notours").Because(err)
	}
	conn.SetInterrupt(ctx.Done())
	return conn, nil
}

// plainTables lists the tables of a file, those of its indexes of space included.
func plainTables(conn *sqlite.Conn) (out []string, err error) {
	err = sqlitex.Execute(conn, "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name",
		&sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
			out = append(out, s.ColumnText(0))
			return nil
		}})
	return out, err
}

// timeless is what is compared of tables that tell when they were made.
func timeless(table string) string {
	switch table {
	case "gpkg_contents":
		return "SELECT table_name, data_type, identifier, description, min_x, min_y, max_x, max_y, srs_id FROM gpkg_contents ORDER BY table_name"
	case "meta":
		return "SELECT key, CASE key WHEN 'meta' THEN json_remove(value, '$.id', '$.built') ELSE value END FROM meta WHERE key NOT IN ('id', 'built') ORDER BY id"
	case "sqlite_sequence":
		return "SELECT name FROM sqlite_sequence ORDER BY name"
	}
	return `SELECT * FROM "` + table + `" ORDER BY 1`
}

func compareTable(x, y *sqlite.Conn, table string) (differ int, err error) {
	p, err := x.Prepare(timeless(table))
	if err != nil {
		return 0, err
	}
	q, err := y.Prepare(timeless(table))
	if err != nil {
		return 0, err
	}
	if p.ColumnCount() != q.ColumnCount() {
		return 1, nil
	}
	var one, other []byte
	for {
		more, err := p.Step()
		if err != nil {
			return differ, err
		}
		again, err := q.Step()
		if err != nil {
			return differ, err
		}
		switch {
		case !more && !again:
			return differ, nil
		case more != again:
			differ++
			s := p
			if again {
				s = q
			}
			for rest := true; rest; differ++ {
				if rest, err = s.Step(); err != nil {
					return differ, err
				}
			}
			return differ - 1, nil
		}
		if one, other = flatten(one[:0], p), flatten(other[:0], q); !bytes.Equal(one, other) {
			differ++
		}
	}
}

// flatten appends a row's values, in a form that tells each from any other.
func flatten(b []byte, s *sqlite.Stmt) []byte {
	for i := range s.ColumnCount() {
		t := s.ColumnType(i)
		b = append(b, byte(t))
		switch t {
		case sqlite.TypeInteger:
			b = binary.LittleEndian.AppendUint64(b, uint64(s.ColumnInt64(i)))
		case sqlite.TypeFloat:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(s.ColumnFloat(i)))
		case sqlite.TypeText, sqlite.TypeBlob:
			n := s.ColumnLen(i)
			b = binary.AppendUvarint(b, uint64(n))
			at := len(b)
			b = slices.Grow(b, n)[:at+n]
			s.ColumnBytes(i, b[at:])
		}
	}
	return b
}
