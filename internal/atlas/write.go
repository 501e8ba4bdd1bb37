package atlas

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/paulmach/orb"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

// writer puts rows in a new snapshot and hashes them on the way: the hash names the
// snapshot, so that equal content has an equal name. Rows are put in the form they have in the file
// as they are given; a goroutine hashes them and lays them out in pages, in that order, while the next
// ones are computed. The rows of the few tables that SQLite must write itself wait until all others
// are in.
type writer struct {
	ctx   context.Context
	roots map[string]uint32 // of the tables written page by page
	hash  hash.Hash
	err   error // of the caller's side

	into   [maxTables]*insertion // by number
	tables int
	cells  []byte // rows given and not sent
	later  []laterRow
	full   chan rowBatch
	free   chan []byte
	ended  chan struct{}
	broken atomic.Bool

	// Of the other goroutine until settled.
	file   *pageFile
	failed error
}

// rowBatch is rows on their way to the file, each the number of its insertion and a cell.
type rowBatch struct {
	cells []byte
	done  chan struct{} // closed when the batch is in; nil: nobody waits
}

// laterRow is a row that SQLite writes; or, without a table, a script.
type laterRow struct {
	into *insertion
	args []any
	sql  string
}

// insertion is how rows get into a table: into the pages of a tree, or, when it has none, by a
// statement.
type insertion struct {
	number byte
	tree   *pageTree
	sql    string
	stmt   *sqlite.Stmt
}

const (
	batchBytes   = 256 << 10
	batchesAhead = 8
	maxTables    = 32
)

// newWriter writes to a file that has the schema, and no row in the tables of roots.
func newWriter(ctx context.Context, file *pageFile, roots map[string]uint32) *writer {
	w := &writer{ctx: ctx, roots: roots, hash: sha256.New(), file: file,
		full: make(chan rowBatch, batchesAhead), free: make(chan []byte, batchesAhead+2), ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		for b := range w.full {
			if w.failed == nil {
				w.hash.Write(b.cells)
				if w.failed = w.put(b.cells); w.failed != nil {
					w.broken.Store(true)
				}
			}
			if b.done != nil {
				close(b.done)
			}
			select {
			case w.free <- b.cells[:0]:
			default:
			}
		}
	}()
	return w
}

// put lays out rows.
func (w *writer) put(cells []byte) error {
	for len(cells) > 0 {
		into := w.into[cells[0]]
		size, n := varint(cells[1:])
		key, m := varint(cells[1+n:])
		from := 1 + n + m
		end := from + int(size)
		if into.tree != nil {
			if err := into.tree.add(int64(key), cells[1:end], cells[from:end]); err != nil {
				return fmt.Errorf("%s: %w", into.sql, err)
			}
		}
		cells = cells[end:]
	}
	return nil
}

// send hands over the rows given so far.
func (w *writer) send(done chan struct{}) {
	w.fail(w.ctx.Err())
	w.full <- rowBatch{w.cells, done}
	select {
	case w.cells = <-w.free:
	default:
		w.cells = make([]byte, 0, batchBytes+batchBytes/4)
	}
}

// settle waits until every row given is hashed and laid out.
func (w *writer) settle() {
	done := make(chan struct{})
	w.send(done)
	<-done
	w.fail(w.failed)
}

// close ends the other goroutine and finishes the pages; what SQLite writes is still to come.
func (w *writer) close() {
	w.settle()
	close(w.full)
	<-w.ended
	for _, into := range w.into[:w.tables] {
		if into.tree != nil && w.err == nil {
			w.fail(into.tree.finish())
		}
	}
	if w.err == nil {
		w.fail(w.file.finish())
	}
}

// insert is how rows of n columns get into table.
func (w *writer) insert(table string, n int) *insertion {
	into := &insertion{number: byte(w.tables)}
	if root, ok := w.roots[table]; ok {
		into.tree = newPageTree(w.file, root)
	}
	marks := strings.TrimSuffix(strings.Repeat("?,", n), ",")
	into.sql = "INSERT INTO " + table + " VALUES (" + marks + ")"
	w.into[w.tables] = into
	w.tables++
	return into
}

func (w *writer) stopped() bool { return w.err != nil || w.broken.Load() }

// row inserts one row. Slices are not copied when SQLite is to write it: the caller leaves them as
// they are.
func (w *writer) row(into *insertion, args ...any) {
	if w.stopped() {
		return
	}
	cells, err := appendCell(append(w.cells, into.number), args, into.tree == nil)
	if err != nil {
		w.fail(fmt.Errorf("%s: %w", into.sql, err))
		return
	}
	w.cells = cells
	if into.tree == nil {
		w.later = append(w.later, laterRow{into: into, args: args})
	}
	if len(w.cells) >= batchBytes {
		w.send(nil)
	}
}

// ints inserts a row of numbers, the first its key.
func (w *writer) ints(into *insertion, args ...int64) {
	if w.stopped() {
		return
	}
	if w.cells = appendInts(append(w.cells, into.number), args); len(w.cells) >= batchBytes {
		w.send(nil)
	}
}

// script runs statements after the rows that SQLite writes and were given so far.
func (w *writer) script(sql string) {
	if !w.stopped() {
		w.later = append(w.later, laterRow{sql: sql})
	}
}

// rest has SQLite write what is its own.
func (w *writer) rest(conn *sqlite.Conn) error {
	for _, r := range w.later {
		if r.into == nil {
			if err := w.finalize(); err != nil {
				return err
			}
			if err := sqlitex.ExecuteScript(conn, r.sql, nil); err != nil {
				return err
			}
			continue
		}
		if err := r.into.exec(conn, r.args); err != nil {
			return fmt.Errorf("%s: %w", r.into.sql, err)
		}
	}
	return w.finalize()
}

// finalize ends statements, for a script that changes their tables.
func (w *writer) finalize() error {
	for _, into := range w.into[:w.tables] {
		if into.stmt != nil {
			err := into.stmt.Finalize()
			if into.stmt = nil; err != nil {
				return err
			}
		}
	}
	return nil
}

func (i *insertion) exec(conn *sqlite.Conn, args []any) (err error) {
	if i.stmt == nil {
		if i.stmt, err = conn.Prepare(i.sql); err != nil {
			return err
		}
	}
	if err := bind(i.stmt, args); err != nil {
		return err
	}
	if _, err := i.stmt.Step(); err != nil {
		return err
	}
	return i.stmt.Reset()
}

func bind(stmt *sqlite.Stmt, args []any) error {
	for i, a := range args {
		switch v := a.(type) {
		case int:
			stmt.BindInt64(i+1, int64(v))
		case int64:
			stmt.BindInt64(i+1, v)
		case string:
			stmt.BindText(i+1, v)
		case []byte:
			stmt.BindBytes(i+1, v)
		case float64:
			stmt.BindFloat(i+1, v)
		case bool:
			stmt.BindBool(i+1, v)
		case nil:
			stmt.BindNull(i + 1)
		default:
			return fmt.Errorf("column %d: type %T", i+1, a)
		}
	}
	return nil
}

// fail stops the writer for an error of the caller's side, if it is one.
func (w *writer) fail(err error) {
	if err != nil && w.err == nil {
		w.err = err
	}
}

func (w *writer) json(v any) string {
	b, err := json.Marshal(v)
	if err != nil && w.err == nil {
		w.err = err
	}
	return string(b)
}

// write makes the file. A half-written one is removed.
func (s *snapshot) write(ctx context.Context) (err error) {
	if err := os.Remove(s.path); err != nil && !os.IsNotExist(err) {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(s.path)
		}
	}()
	var roots map[string]uint32
	if err := s.asOne(ctx, func(conn *sqlite.Conn) (err error) {
		if err := sqlitex.ExecuteScript(conn, schema, nil); err != nil {
			return err
		}
		roots, err = plainRoots(conn)
		return err
	}); err != nil {
		return err
	}
	w, err := s.writePages(ctx, roots)
	if err != nil {
		return err
	}
	return s.asOne(ctx, w.rest)
}

// asOne opens the file for SQLite to write.
func (s *snapshot) asOne(ctx context.Context, do func(*sqlite.Conn) error) (err error) {
	conn, err := sqlite.OpenConn(s.path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return err
	}
	conn.SetInterrupt(ctx.Done())
	defer func() {
		if cerr := conn.Close(); err == nil {
			err = cerr
		}
	}()
	// Nobody reads the file before it is finished and synced, and a broken one is removed.
	for _, p := range []string{"page_size = " + strconv.Itoa(pageSize), "journal_mode = OFF", "synchronous = OFF",
		"locking_mode = EXCLUSIVE", "cache_size = -32768"} {
		if err := sqlitex.ExecuteTransient(conn, "PRAGMA "+p, nil); err != nil {
			return err
		}
	}
	if err := sqlitex.ExecuteTransient(conn, "BEGIN", nil); err != nil {
		return err
	}
	if err := do(conn); err != nil {
		return err
	}
	return sqlitex.ExecuteTransient(conn, "COMMIT", nil)
}

// plainRoots finds the tables whose rows are of a number and columns and nothing else: no index is to
// be kept with them.
func plainRoots(conn *sqlite.Conn) (map[string]uint32, error) {
	roots := map[string]uint32{}
	err := sqlitex.Execute(conn, `SELECT name, rootpage FROM sqlite_schema AS t WHERE type = 'table'
		AND EXISTS (SELECT 1 FROM pragma_table_info(t.name) WHERE cid = 0 AND type = 'INTEGER' AND pk = 1)
		AND NOT EXISTS (SELECT 1 FROM sqlite_schema AS i WHERE i.type = 'index' AND i.tbl_name = t.name)`,
		&sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
			roots[s.ColumnText(0)] = uint32(s.ColumnInt64(1))
			return nil
		}})
	return roots, err
}

// writePages writes every row, or keeps it for SQLite to write.
func (s *snapshot) writePages(ctx context.Context, roots map[string]uint32) (_ *writer, err error) {
	f, err := os.OpenFile(s.path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = cmp.Or(err, f.Close()) }()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	w := newWriter(ctx, newPageFile(f, uint32(fi.Size()/pageSize)), roots)
	err = s.writeAll(ctx, w)
	w.close()
	return w, cmp.Or(err, w.err)
}

// writeAll computes and writes every row. What needs no more than its units of taxa and areas goes on
// beside the writing.
func (s *snapshot) writeAll(ctx context.Context, w *writer) error {
	s.makeHeads()
	surrounded := beside(s.surround)
	defer surrounded()
	if err := s.count(ctx, w); err != nil {
		return err
	}
	var searched [][]byte
	summed := beside(func() {
		s.sumAll()
		searched = s.searched()
	})
	defer summed()
	surrounded()
	s.progress("publish.step.areas", 0, int64(len(s.zones)))
	s.writeAreas(w, s.heads)
	summed()
	s.headFigures()
	s.progress("publish.step.taxa", 0, int64(len(s.nodes)))
	s.writeTaxa(w, s.heads)
	s.writeNames(w)
	s.writePaths(w)
	s.writeHome(w, s.heads)
	s.progress("publish.step.index", 0, 0)
	s.writeSearched(w, searched)
	s.writeOrganisations(w)
	s.fillMeta()
	s.writeMeta(w)
	s.writeGeoPackage(w)
	w.script(indexes)
	return nil
}

// beside has work done beside the caller, and returns how to wait for it.
func beside(work func()) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		work()
	}()
	return func() { <-done }
}

// fillMeta counts what the snapshot holds.
func (s *snapshot) fillMeta() {
	m := &s.meta
	m.Format = formatVersion
	var all tally
	for i := range s.nodes {
		if nd := &s.nodes[i]; nd.unit {
			if nd.species && nd.n > 0 {
				m.Taxa++
			}
			for _, y := range nd.ownYears() {
				all.add(tally{y.n, y.year, y.year})
			}
		}
	}
	m.Observations, m.FirstYear, m.LastYear = int(all.n), int(all.first), int(all.last)
	for i := range s.zones {
		if z := &s.zones[i]; z.Key.Kind() == geo.Commune {
			m.CommunesAll++
			if z.n > 0 {
				m.Communes++
			}
		}
	}
	m.Organisations = len(s.names)
	bound, any := orb.Bound{}, false
	for i := range s.zones {
		if z := &s.zones[i]; z.Key.Kind().Mesh() == 0 {
			if !any {
				bound, any = z.Geometry.Bound(), true
			}
			bound = bound.Union(z.Geometry.Bound())
		}
	}
	m.Bound = [4]float64{bound.Min[0], bound.Min[1], bound.Max[0], bound.Max[1]}
	if m.Built == "" {
		m.Built = time.Now().UTC().Format(time.RFC3339)
	}
}

func (s *snapshot) writeMeta(w *writer) {
	m := s.meta
	m.ID, m.Built = "", ""
	if w.settle(); w.err != nil {
		return
	}
	w.hash.Write([]byte(w.json(m)))
	day := strings.ReplaceAll(s.meta.Built[:min(10, len(s.meta.Built))], "-", "")
	w.hash.Sum(s.sum[:0])
	s.meta.ID = day + "-" + hex.EncodeToString(s.sum[:])[:12]
	stmt := w.insert("meta", 3)
	for i, r := range [][2]string{
		{"readme", readme}, {"title", s.meta.Title}, {"territory", s.meta.Territory}, {"publisher", s.meta.Publisher},
		{"licence", s.meta.Licence}, {"built", s.meta.Built}, {"id", s.meta.ID}, {"taxref", s.meta.Taxref},
		{"policy", s.meta.Policy}, {"observations", strconv.Itoa(s.meta.Observations)}, {"meta", w.json(s.meta)}} {
		w.row(stmt, i+1, r[0], r[1])
	}
}

// writeGeoPackage registers the tables and makes the spatial index.
func (s *snapshot) writeGeoPackage(w *writer) {
	srs := w.insert("gpkg_spatial_ref_sys", 6)
	w.row(srs, "Undefined cartesian SRS", -1, "NONE", -1, "undefined", "undefined cartesian coordinate reference system")
	w.row(srs, "Undefined geographic SRS", 0, "NONE", 0, "undefined", "undefined geographic coordinate reference system")
	w.row(srs, "WGS 84 geodetic", srsWGS84, "EPSG", srsWGS84, wktWGS84, "longitude/latitude coordinates in decimal degrees on the WGS 84 spheroid")
	stmt := w.insert("gpkg_contents", 10)
	for i, t := range tables {
		changed := s.meta.Built
		if len(changed) == 20 { // RFC 3339 in UTC; the standard wants milliseconds
			changed = changed[:19] + ".000Z"
		}
		if i == 0 {
			b := s.meta.Bound
			w.row(stmt, t.name, "features", t.name, t.about, changed, b[0], b[1], b[2], b[3], srsWGS84)
			continue
		}
		w.row(stmt, t.name, "attributes", t.name, t.about, changed, nil, nil, nil, nil, nil)
	}
	w.row(w.insert("gpkg_geometry_columns", 6), "area", "geom", "MULTIPOLYGON", srsWGS84, 0, 0)
	w.row(w.insert("gpkg_extensions", 5), "area", "geom", "gpkg_rtree_index", "http://www.geopackage.org/spec120/#extension_rtree", "write-only")
	w.script("CREATE VIRTUAL TABLE rtree_area_geom USING rtree(id, minx, maxx, miny, maxy);")
	rt := w.insert("rtree_area_geom", 5)
	for i := range s.zones {
		b := s.zones[i].Geometry.Bound()
		w.row(rt, i+1, b.Min[0], b.Max[0], b.Min[1], b.Max[1])
	}
	w.script(rtreeTriggers)
}

const wktWGS84 = `GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AXIS["Latitude",NORTH],AXIS["Longitude",EAST],AUTHORITY["EPSG","4326"]]`

// ownYears are the years of a unit's own records: a species' whole, and of a higher taxon the
// records known to no lower rank.
func (nd *node) ownYears() []yearTally {
	if nd.species {
		return nd.years
	}
	var out []yearTally
	for _, c := range nd.direct {
		out = append(out, yearTally{c.year(), c.n()})
	}
	return out
}

// writePaths says which units are below each taxon.
func (s *snapshot) writePaths(w *writer) {
	path := w.insert("taxon_path", 4)
	id := int64(0)
	for i := range s.nodes {
		nd := &s.nodes[i]
		if !nd.unit || nd.n == 0 {
			continue
		}
		for at, steps := int32(i), 0; at >= 0 && steps < 64; at, steps = s.nodes[at].parent, steps+1 {
			id++
			w.ints(path, id, int64(s.nodes[at].name.CdRef), int64(nd.name.CdRef), int64(steps))
		}
	}
}

func (s *snapshot) writeOrganisations(w *writer) {
	sums := make([]tally, len(s.names))
	for _, list := range s.taxonOrgs {
		for _, o := range list {
			sums[o.org].add(o.tally)
		}
	}
	stmt := w.insert("organisation", 5)
	for i, t := range sums {
		w.row(stmt, i+1, s.names[i], int(t.n), int(t.first), int(t.last))
	}
	stmt = w.insert("taxon_organisation", 4)
	id := int64(0)
	for i := range s.nodes {
		for _, o := range s.nodes[i].orgs {
			id++
			w.ints(stmt, id, int64(s.nodes[i].name.CdRef), int64(o.org)+1, int64(o.n))
		}
	}
}

// writeNames writes what can be searched and every code that leads to a published taxon.
func (s *snapshot) writeNames(w *writer) {
	stmt, codes := w.insert("taxon_name", 6), w.insert("name_code", 2)
	id := 0
	lead := map[taxon.CdNom]taxon.CdRef{}
	for i := range s.nodes {
		nd := &s.nodes[i]
		if !nd.shown() {
			continue
		}
		cd := nd.name.CdRef
		put := func(nom any, kind, name string) {
			id++
			w.row(stmt, id, int(cd), nom, kind, name, taxon.Fold(name))
		}
		put(int(nd.name.CdNom), "valid", nd.name.ScientificName)
		lead[nd.name.CdNom], lead[taxon.CdNom(cd)] = cd, cd
		for _, v := range taxon.Vernaculars(nd.name.Vernacular) {
			put(nil, "vernacular", v)
		}
		for _, v := range taxon.Vernaculars(nd.name.VernacularEN) {
			put(nil, "vernacular_en", v)
		}
		for _, nom := range s.refs.Taxonomy.Synonyms(cd) {
			lead[nom] = cd
			if syn, ok := s.refs.Taxonomy.Name(nom); ok && syn.ScientificName != nd.name.ScientificName {
				put(int(nom), "synonym", syn.ScientificName)
			}
		}
	}
	for _, gone := range s.refs.Withdrawn {
		if m, ok := s.refs.Taxonomy.Resolve(gone.CdNom); ok {
			if k, ok := s.nodeOf[m.CdRef]; ok && s.nodes[k].shown() {
				if _, taken := lead[gone.CdNom]; !taken {
					lead[gone.CdNom] = m.CdRef
				}
			}
		}
	}
	for _, nom := range slices.Sorted(maps.Keys(lead)) {
		w.row(codes, int(nom), int(lead[nom]))
	}
}

// statusesOf groups the statuses of the nodes, in a fixed order.
func (s *snapshot) statusesOf() map[taxon.CdRef][]taxon.Status {
	out := map[taxon.CdRef][]taxon.Status{}
	for _, st := range s.refs.Statuses {
		if _, ok := s.nodeOf[st.CdRef]; ok {
			out[st.CdRef] = append(out[st.CdRef], st)
		}
	}
	for _, list := range out {
		slices.SortStableFunc(list, func(a, b taxon.Status) int {
			return strings.Compare(a.Type+"\x00"+a.Code+"\x00"+a.Territory+"\x00"+a.Label+"\x00"+a.Citation,
				b.Type+"\x00"+b.Code+"\x00"+b.Territory+"\x00"+b.Label+"\x00"+b.Citation)
		})
	}
	return out
}
