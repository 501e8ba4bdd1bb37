package atlas

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

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
// contradictions: figures of sheets against the cube, totals against what is listed, areas and
// taxa that do not exist, a damaged file, missing tables.
func (a *Atlas) Audit(ctx context.Context, also ...Rows) (out Audit, err error) {
	defer fault.Wrap(&err, "atlas.Audit")
	out = Audit{ByKind: map[geo.Kind]int{}, Years: map[int]int{}}
	rows := heard(also)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Half of it beside the other half.
	var other Audit
	done := make(chan error, 1)
	go func() {
		err := a.auditing(ctx, &other, rows, (*auditor).tables)
		if err != nil {
			cancel()
		}
		done <- err
	}()
	err = a.auditing(ctx, &out, rows, (*auditor).figures)
	if err != nil {
		cancel()
	}
	second := <-done
	out.Problems = append(out.Problems, other.Problems...)
	if second != nil && (err == nil || errors.Is(err, context.Canceled)) {
		err = second
	}
	if err == nil {
		rows.End()
	}
	return out, err
}

// auditor reads the whole file through a connection that maps it into memory: a page is read
// once, and the small caches of the pool would only copy it.
type auditor struct {
	*Atlas
	conn *sqlite.Conn
	out  *Audit
	rows Rows
}

func (a *Atlas) auditing(ctx context.Context, out *Audit, rows Rows, part func(*auditor) error) error {
	conn, err := a.pool.Take(ctx)
	if err != nil {
		return err
	}
	defer a.pool.Put(conn)
	if err := sqlitex.ExecuteTransient(conn, "PRAGMA mmap_size = 68719476736", nil); err != nil {
		return err
	}
	err = part(&auditor{a, conn, out, rows})
	return cmp.Or(err, sqlitex.ExecuteTransient(conn, "PRAGMA mmap_size = 0", nil))
}

func (a *auditor) each(sql string, row func(*sqlite.Stmt) error) error {
	return sqlitex.Execute(a.conn, sql, &sqlitex.ExecOptions{ResultFunc: row})
}

func (a *auditor) problem(format string, args ...any) {
	a.out.Problems = append(a.out.Problems, fmt.Sprintf(format, args...))
}

// figures adds up, and compares with what is packed and with the sheets.
func (a *auditor) figures() error {
	if err := a.cube(); err != nil {
		return err
	}
	if err := a.altitudes(); err != nil {
		return err
	}
	if err := a.packed(); err != nil {
		return err
	}
	if err := a.sheets("taxon", "SELECT observations, sheet FROM taxon JOIN taxon_sheet USING (cd_ref)"); err != nil {
		return err
	}
	return a.sheets("area", "SELECT observations, sheet FROM area JOIN area_sheet ON area_id = id")
}

// tables looks for contradictions between tables, missing ones, and damage.
func (a *auditor) tables() error {
	for _, c := range contradictions {
		if err := a.each(c.sql, func(s *sqlite.Stmt) error {
			if n := s.ColumnInt64(0); n != 0 {
				a.problem("%s (%d)", c.what, n)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	if err := a.complete(); err != nil {
		return err
	}
	if err := a.speciesLists(); err != nil {
		return err
	}
	if err := a.totals(); err != nil {
		return err
	}
	return a.each("PRAGMA quick_check", func(s *sqlite.Stmt) error {
		if t := s.ColumnText(0); t != "ok" {
			a.problem("SQLite: %s", t)
		}
		return nil
	})
}

// sheets compares the number and the years of each sheet with the plain figure beside it.
func (a *auditor) sheets(what, sql string) error {
	wrong := 0
	var buf []byte
	err := a.each(sql, func(s *sqlite.Stmt) error {
		n := s.ColumnInt(0)
		if l := s.ColumnLen(1); l > cap(buf) {
			buf = make([]byte, 2*l)
		}
		sheet := buf[:s.ColumnBytes(1, buf[:cap(buf)])]
		var own int
		var years []struct {
			N int `json:"n"`
		}
		if json.Unmarshal(member(sheet, "n"), &own) != nil || json.Unmarshal(member(sheet, "years"), &years) != nil {
			wrong++
			return nil
		}
		sum := 0
		for _, y := range years {
			sum += y.N
		}
		if own != n || sum != n {
			wrong++
		}
		return nil
	})
	if wrong > 0 {
		a.problem("%s sheets differ from their figures (%d)", what, wrong)
	}
	return err
}

// member returns the value of a member of a JSON object, nil when there is none: SQLite and
// encoding/json both read the whole of a sheet to find it.
func member(object []byte, name string) []byte {
	depth, start := 0, -1
	for i := 0; i < len(object); i++ {
		switch c := object[i]; c {
		case '"':
			from := i + 1
			for i++; i < len(object) && object[i] != '"'; i++ {
				if object[i] == '\\' {
					i++
				}
			}
			if depth == 1 && start < 0 && i+1 < len(object) && object[i+1] == ':' && string(object[from:i]) == name {
				start = i + 2
			}
		case '{', '[':
			depth++
		case '}', ']', ',':
			if c != ',' {
				depth--
			}
			if start >= 0 && (depth == 1 && c == ',' || depth == 0) {
				return object[start:i]
			}
		}
	}
	return nil
}

// cube adds the cube up, row by row, and compares it with the figures of taxa and areas.
func (a *auditor) cube() error {
	out := a.out
	shown, years := make([]int, len(a.areas)), [4096]int{}
	taxa := map[taxon.CdRef]tally{}
	var cd taxon.CdRef // whose rows are being read: they follow one another
	var own tally
	lost, id, first := 0, int64(0), map[taxon.CdRef][2]int64{}
	next := func(to taxon.CdRef) {
		if own.n > 0 {
			t, again := taxa[cd]
			if again {
				lost++
			}
			t.add(own)
			taxa[cd] = t
		}
		cd, own = to, tally{}
		first[to] = [2]int64{id, id}
	}
	err := a.each("SELECT cd_ref, area_id, year, observations, blurred, id FROM cube ORDER BY id", func(s *sqlite.Stmt) error {
		i, n, year := s.ColumnInt(1)-1, s.ColumnInt(3), s.ColumnInt(2)
		if i < 0 || i >= len(a.areas) || n <= 0 || year < 0 || year >= len(years) {
			lost++
			return nil
		}
		kind := a.areas[i].Area.Kind()
		if s.ColumnInt(4) != 0 {
			out.Blurred += n
		} else if kind != a.meta.Mesh {
			lost++ // an ordinary observation is shown in a cell of the mesh and nowhere else
		}
		a.rows.Cube(taxon.CdRef(s.ColumnInt(0)), a.areas[i].Area, year, n, s.ColumnInt(4) != 0)
		out.Observations += n
		out.ByKind[kind] += n
		years[year] += n
		shown[i] += n
		id = s.ColumnInt64(5)
		if to := taxon.CdRef(s.ColumnInt(0)); to != cd || own.n == 0 {
			next(to)
		}
		first[cd] = [2]int64{first[cd][0], id}
		own.add(tally{uint32(n), int16(year), int16(year)})
		return nil
	})
	if err != nil {
		return err
	}
	next(0)
	for y, n := range years {
		if n > 0 {
			out.Years[y] = n
		}
	}
	if lost > 0 {
		a.problem("%d cube rows of no area, of the wrong kind, or apart from their taxon", lost)
	}
	for i := range a.areas {
		if shown[i] > a.areas[i].N {
			a.problem("%s has fewer observations than are shown in it", a.areas[i].Area)
		}
	}
	if err := a.ranges(first); err != nil {
		return err
	}
	return a.paths(taxa)
}

// ranges compares where taxa say their rows of the cube are with where they are.
func (a *auditor) ranges(first map[taxon.CdRef][2]int64) error {
	wrong := 0
	err := a.each("SELECT cd_ref, first_cube, last_cube FROM taxon", func(s *sqlite.Stmt) error {
		at, ok := first[taxon.CdRef(s.ColumnInt(0))]
		if from, to := s.ColumnInt64(1), s.ColumnInt64(2); ok && at != [2]int64{from, to} || !ok && from > 0 && to >= from {
			wrong++
		}
		return nil
	})
	if wrong > 0 {
		a.problem("taxa whose rows of the cube are elsewhere (%d)", wrong)
	}
	return err
}

// paths adds the cube's taxa up along taxon_path.
func (a *auditor) paths(taxa map[taxon.CdRef]tally) error {
	sums := map[taxon.CdRef]tally{}
	counted := map[taxon.CdRef]bool{}
	if err := a.each("SELECT ancestor_cd_ref, cd_ref FROM taxon_path", func(s *sqlite.Stmt) error {
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
			a.problem("cube rows of taxon %d are below no taxon", cd)
		}
	}
	for i, cd := range a.taxa.cds {
		h := &a.taxa.rows[i]
		sum, ok := sums[cd]
		if ok && (int64(sum.n) != int64(h.n) || int(sum.first) != int(h.first) || int(sum.last) != int(h.last)) {
			a.problem("taxon %d: figures %d, cube %d", cd, h.n, sum.n)
		}
	}
	return nil
}

// contradictions are queries whose answer must be 0.
var contradictions = [...]struct{ what, sql string }{
	{"areas whose outline has no index", "SELECT COUNT(*) FROM area WHERE id NOT IN (SELECT id FROM rtree_area_geom)"},
	{"taxa whose months differ from their figures", `SELECT COUNT(*) FROM taxon JOIN month USING (cd_ref) WHERE observations !=
		january + february + march + april + may + june + july + august + september + october + november + december + unknown`},
}

// speciesLists counts the species list of each area, whose rows follow one another.
func (a *auditor) speciesLists() error {
	listed := make([]int64, len(a.areas)+1) // by area_id
	strays, last := 0, int64(0)
	if err := a.each("SELECT area_id FROM area_taxon ORDER BY id", func(s *sqlite.Stmt) error {
		id := s.ColumnInt64(0)
		if id < max(last, 1) || id >= int64(len(listed)) {
			strays++
			return nil
		}
		last = id
		listed[id]++
		return nil
	}); err != nil {
		return err
	}
	if strays > 0 {
		a.problem("species lists of no area, or out of order (%d)", strays)
	}
	wrong, from := 0, int64(1)
	err := a.each("SELECT id, species, kind IN ('commune', 'department', 'region'), first_taxon, last_taxon FROM area ORDER BY id", func(s *sqlite.Stmt) error {
		id := s.ColumnInt64(0)
		if id < 1 || id >= int64(len(listed)) {
			wrong++
			return nil
		}
		if s.ColumnInt64(2) != 0 && s.ColumnInt64(1) != listed[id] || s.ColumnInt64(3) != from || s.ColumnInt64(4) != from+listed[id]-1 {
			wrong++
		}
		from += listed[id]
		return nil
	})
	if wrong > 0 {
		a.problem("areas whose species differ from their list (%d)", wrong)
	}
	return err
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

// packed checks that packed figures agree with the plain ones.
func (a *auditor) packed() error {
	return a.each("SELECT cd_ref, observations, cells, cube FROM taxon JOIN taxon_sheet USING (cd_ref)", func(s *sqlite.Stmt) error {
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
			a.problem("packed figures of taxon %d", s.ColumnInt(0))
		}
		return nil
	})
}
