package atlas

import (
	"context"
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
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

// Audit adds the snapshot up by SQL, apart from the code that built it, and looks for
// contradictions: figures of sheets against the cube, areas and taxa that do not exist,
// a damaged file, missing tables.
func (a *Atlas) Audit(ctx context.Context) (out Audit, err error) {
	defer fault.Wrap(&err, "atlas.Audit")
	out = Audit{ByKind: map[geo.Kind]int{}, Years: map[int]int{}}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Half of it beside the other half, on a connection of its own.
	var other Audit
	done := make(chan error, 1)
	go func() {
		err := a.auditFile(ctx, &other)
		if err != nil {
			cancel()
		}
		done <- err
	}()
	err = a.auditCube(ctx, &out)
	if err == nil {
		err = a.auditTables(ctx, &out)
	}
	if err != nil {
		cancel()
	}
	second := <-done
	out.Problems = append(out.Problems, other.Problems...)
	if second != nil && (err == nil || errors.Is(err, context.Canceled)) {
		err = second
	}
	return out, err
}

// auditFile looks for contradictions between tables, and for damage.
func (a *Atlas) auditFile(ctx context.Context, out *Audit) error {
	for _, c := range contradictions {
		if err := a.query(ctx, c.sql, func(s *sqlite.Stmt) error {
			if n := s.ColumnInt64(0); n != 0 {
				out.Problems = append(out.Problems, fmt.Sprintf("%s (%d)", c.what, n))
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return a.query(ctx, "PRAGMA quick_check", func(s *sqlite.Stmt) error {
		if t := s.ColumnText(0); t != "ok" {
			out.Problems = append(out.Problems, "SQLite: "+t)
		}
		return nil
	})
}

// auditCube adds the cube up, row by row, and compares it with the figures of taxa and areas.
func (a *Atlas) auditCube(ctx context.Context, out *Audit) error {
	shown := make([]int, len(a.areas))
	taxa := map[taxon.CdRef]tally{}
	lost := 0
	err := a.query(ctx, "SELECT cd_ref, area_id, year, observations, blurred FROM cube", func(s *sqlite.Stmt) error {
		i, n := s.ColumnInt(1)-1, s.ColumnInt(3)
		if i < 0 || i >= len(a.areas) || n <= 0 {
			lost++
			return nil
		}
		kind := a.areas[i].Area.Kind()
		if s.ColumnInt(4) != 0 {
			out.Blurred += n
		} else if kind != a.meta.Mesh {
			lost++ // an ordinary observation is shown in a cell of the mesh and nowhere else
		}
		year := s.ColumnInt(2)
		out.Observations += n
		out.ByKind[kind] += n
		out.Years[year] += n
		shown[i] += n
		cd := taxon.CdRef(s.ColumnInt(0))
		t := taxa[cd]
		t.add(tally{uint32(n), int16(year), int16(year)})
		taxa[cd] = t
		return nil
	})
	if err != nil {
		return err
	}
	if lost > 0 {
		out.Problems = append(out.Problems, fmt.Sprintf("%d cube rows of no area, or of the wrong kind", lost))
	}
	for i := range a.areas {
		if shown[i] > a.areas[i].N {
			out.Problems = append(out.Problems, fmt.Sprintf("%s has fewer observations than are shown in it", a.areas[i].Area))
		}
	}
	return a.auditTaxa(ctx, taxa, out)
}

// auditTaxa adds the cube's taxa up along taxon_path.
func (a *Atlas) auditTaxa(ctx context.Context, taxa map[taxon.CdRef]tally, out *Audit) error {
	sums := map[taxon.CdRef]tally{}
	counted := map[taxon.CdRef]bool{}
	if err := a.query(ctx, "SELECT ancestor_cd_ref, cd_ref FROM taxon_path", func(s *sqlite.Stmt) error {
		up, cd := taxon.CdRef(s.ColumnInt(0)), taxon.CdRef(s.ColumnInt(1))
		sum := sums[up]
		sum.add(taxa[cd])
		sums[up] = sum
		counted[cd] = true
		return nil
	}); err != nil {
		return err
	}
	for cd := range taxa {
		if !counted[cd] {
			out.Problems = append(out.Problems, fmt.Sprintf("cube rows of taxon %d are below no taxon", cd))
		}
	}
	for i, cd := range a.taxa.cds {
		h := &a.taxa.rows[i]
		sum, ok := sums[cd]
		if ok && (int64(sum.n) != int64(h.n) || int(sum.first) != int(h.first) || int(sum.last) != int(h.last)) {
			out.Problems = append(out.Problems, fmt.Sprintf("taxon %d: figures %d, cube %d", cd, h.n, sum.n))
		}
	}
	return nil
}

// contradictions are queries whose answer must be 0.
var contradictions = [...]struct{ what, sql string }{
	{"species lists of no area", "SELECT COUNT(*) FROM area_taxon WHERE area_id NOT IN (SELECT id FROM area)"},
	{"areas whose outline has no index", "SELECT COUNT(*) FROM area WHERE id NOT IN (SELECT id FROM rtree_area_geom)"},
	{"taxa whose sheet differs from its figures", `SELECT COUNT(*) FROM taxon JOIN taxon_sheet USING (cd_ref)
		WHERE sheet ->> '$.n' != observations OR
			(SELECT SUM(value ->> '$.n') FROM json_each(sheet, '$.years')) != observations`},
	{"taxa whose months differ from their figures", `SELECT COUNT(*) FROM taxon JOIN month USING (cd_ref) WHERE observations !=
		january + february + march + april + may + june + july + august + september + october + november + december + unknown`},
	{"areas whose species differ from their list", `SELECT COUNT(*) FROM area LEFT JOIN
		(SELECT area_id, COUNT(*) AS t FROM area_taxon GROUP BY area_id) ON area_id = area.id
		WHERE species != COALESCE(t, 0) AND kind IN ('commune', 'department', 'region')`},
	{"areas whose sheet differs from its figures", `SELECT COUNT(*) FROM area JOIN area_sheet ON area_id = id
		WHERE sheet ->> '$.n' != observations OR
			COALESCE((SELECT SUM(value ->> '$.n') FROM json_each(sheet, '$.years')), 0) != observations`},
}

// auditTables checks that the tables a GeoPackage needs are there and that packed figures
// agree with the plain ones.
func (a *Atlas) auditTables(ctx context.Context, out *Audit) error {
	have := map[string]bool{}
	if err := a.query(ctx, "SELECT name FROM sqlite_schema", func(s *sqlite.Stmt) error {
		have[s.ColumnText(0)] = true
		return nil
	}); err != nil {
		return err
	}
	for _, t := range [...]string{"gpkg_spatial_ref_sys", "gpkg_contents", "gpkg_geometry_columns", "gpkg_extensions", "rtree_area_geom"} {
		if !have[t] {
			out.Problems = append(out.Problems, "no table "+t)
		}
	}
	for _, t := range tables {
		if !have[t.name] {
			out.Problems = append(out.Problems, "no table "+t.name)
		}
	}
	return a.query(ctx, "SELECT cd_ref, observations, cells, cube FROM taxon JOIN taxon_sheet USING (cd_ref)", func(s *sqlite.Stmt) error {
		n, c := 0, 0
		add := func(sum *int) func(areaTally) {
			return func(t areaTally) {
				if int(t.area) < len(a.areas) {
					*sum += int(t.n)
				}
			}
		}
		if eachTally(column(s, 2), add(&n)) != nil || eachSlot(column(s, 3), 0, 1<<15, add(&c)) != nil ||
			n != s.ColumnInt(1) || c != n {
			out.Problems = append(out.Problems, fmt.Sprintf("packed figures of taxon %d", s.ColumnInt(0)))
		}
		return nil
	})
}
