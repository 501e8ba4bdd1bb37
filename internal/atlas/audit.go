package atlas

import (
	"context"
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
)

// Audit is what a snapshot says when its plain tables are added up.
type Audit struct {
	Observations int
	Blurred      int
	ByKind       map[geo.Kind]int // by kind of the area shown
	Years        map[int]int
	// Problems are contradictions inside the snapshot, in English for the log; none in a
	// sound one.
	Problems []string
}

// Audit adds the snapshot up, apart from the code that built it, and looks for contradictions:
// figures of sheets against the cube, totals against what is listed, areas and taxa that do not
// exist, a damaged file, missing tables. Rows of plain tables are given to also on the way.
//
// A table is read once, with everything that is checked there, half of the file beside the other
// half; what one table says of another is compared when all are read.
func (a *Atlas) Audit(ctx context.Context, also ...Rows) (out Audit, err error) {
	defer fault.Wrap(&err, "atlas.Audit")
	rows := heard(also)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := newAudited(a.taxa.cds, len(a.areas))
	out = Audit{ByKind: map[geo.Kind]int{}, Years: map[int]int{}}
	var other Audit
	done := make(chan error, 1)
	go func() {
		err := a.auditing(ctx, &other, f, rows, (*auditor).lists)
		if err != nil {
			cancel()
		}
		done <- err
	}()
	err = a.auditing(ctx, &out, f, rows, (*auditor).cubeAndFile)
	if err != nil {
		cancel()
	}
	second := <-done
	out.Problems = append(out.Problems, other.Problems...)
	if second != nil && (err == nil || errors.Is(err, context.Canceled)) {
		err = second
	}
	if err == nil {
		(&auditor{Atlas: a, out: &out, audited: f}).compare()
		rows.End()
	}
	return out, err
}

// auditor reads a part of the file through a connection of its own.
type auditor struct {
	*Atlas
	conn *sqlite.Conn
	out  *Audit
	rows Rows
	*audited
}

func (a *Atlas) auditing(ctx context.Context, out *Audit, f *audited, rows Rows, part func(*auditor) error) error {
	conn, err := a.pool.Take(ctx)
	if err != nil {
		return err
	}
	defer a.pool.Put(conn)
	return part(&auditor{a, conn, out, rows, f})
}

func (a *auditor) each(sql string, row func(*sqlite.Stmt) error) error {
	return sqlitex.Execute(a.conn, sql, &sqlitex.ExecOptions{ResultFunc: row})
}

func (a *auditor) problem(format string, args ...any) {
	a.out.Problems = append(a.out.Problems, fmt.Sprintf(format, args...))
}

// count tells a problem when there is one.
func (a *auditor) count(n int, what string) {
	if n > 0 {
		a.problem("%s (%d)", what, n)
	}
}

// cubeAndFile adds the cube up, and looks for damage.
func (a *auditor) cubeAndFile() error {
	if err := a.complete(); err != nil {
		return err
	}
	if err := a.cube(); err != nil {
		return err
	}
	return a.each("PRAGMA quick_check", func(s *sqlite.Stmt) error {
		if t := s.ColumnText(0); t != "ok" {
			a.problem("SQLite: %s", t)
		}
		return nil
	})
}

// lists reads every other table. The figures of taxa come first, which others are compared with.
func (a *auditor) lists() error {
	for _, c := range contradictions {
		if err := a.each(c.sql, func(s *sqlite.Stmt) error {
			a.count(s.ColumnInt(0), c.what)
			return nil
		}); err != nil {
			return err
		}
	}
	for _, part := range [...]func(*auditor) error{(*auditor).plainTaxa, (*auditor).months, (*auditor).altitudes, (*auditor).organisations,
		(*auditor).speciesLists, (*auditor).paths, (*auditor).taxonSheets, (*auditor).areaSheets, (*auditor).home} {
		if err := part(a); err != nil {
			return err
		}
	}
	return nil
}

// contradictions are queries whose answer must be 0.
var contradictions = [...]struct{ what, sql string }{
	{"areas whose outline has no index", "SELECT COUNT(*) FROM area WHERE id NOT IN (SELECT id FROM rtree_area_geom)"},
	{"names of no taxon", "SELECT COUNT(*) FROM taxon_name WHERE cd_ref NOT IN (SELECT cd_ref FROM taxon)"},
	{"codes of no taxon", "SELECT COUNT(*) FROM name_code WHERE cd_ref NOT IN (SELECT cd_ref FROM taxon)"},
}

// complete checks that the tables a GeoPackage needs are there.
func (a *auditor) complete() error {
	have := map[string]bool{}
	if err := a.each("SELECT name FROM sqlite_schema", func(s *sqlite.Stmt) error {
		have[s.ColumnText(0)] = true
		return nil
	}); err != nil {
		return err
	}
	for _, t := range [...]string{"gpkg_spatial_ref_sys", "gpkg_contents", "gpkg_geometry_columns", "gpkg_extensions", "rtree_area_geom"} {
		if !have[t] {
			a.problem("no table %s", t)
		}
	}
	for _, t := range tables {
		if !have[t.name] {
			a.problem("no table %s", t.name)
		}
	}
	return nil
}
