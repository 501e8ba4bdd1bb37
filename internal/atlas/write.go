package atlas

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
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
// snapshot, so that equal content has an equal name. Rows are hashed, then inserted, by two
// goroutines, in the order they are given, while the next ones are computed: inserting takes
// as long as computing.
type writer struct {
	conn *sqlite.Conn
	hash hash.Hash
	buf  []byte
	err  error // of the caller's side

	rows   *rowBatch
	full   chan *rowBatch
	hashed chan *rowBatch
	free   chan *rowBatch
	failed error // of the inserting side; read once idle
	broken atomic.Bool
}

// rowBatch is rows on their way to the file.
type rowBatch struct {
	rows []rowJob
	ints []int64
	args []any
	done chan struct{} // closed when the batch is in; nil: nobody waits
}

// rowJob is one row: n numbers, or n values of any kind; or, without a table, a script.
type rowJob struct {
	into  *insertion
	n     int
	mixed bool
	sql   string
}

// insertion is how rows get into a table; prepared by the inserting goroutine.
type insertion struct {
	sql  string
	stmt *sqlite.Stmt
}

const batchJobs = 2048

func newWriter(conn *sqlite.Conn) *writer {
	w := &writer{conn: conn, hash: sha256.New(), rows: &rowBatch{}, full: make(chan *rowBatch, 4), hashed: make(chan *rowBatch, 4),
		free: make(chan *rowBatch, 10)}
	go func() {
		defer close(w.hashed)
		for b := range w.full {
			w.sum(b)
			w.hashed <- b
		}
	}()
	go func() {
		for b := range w.hashed {
			if w.failed == nil {
				if w.failed = w.put(b); w.failed != nil {
					w.broken.Store(true)
				}
			}
			if b.done != nil {
				close(b.done)
			}
			clear(b.args)
			b.rows, b.ints, b.args, b.done = b.rows[:0], b.ints[:0], b.args[:0], nil
			select {
			case w.free <- b:
			default:
			}
		}
	}()
	return w
}

// sum adds the rows of a batch to the hash.
func (w *writer) sum(b *rowBatch) {
	ints, args := b.ints, b.args
	buf := w.buf[:0]
	for _, j := range b.rows {
		switch {
		case j.into == nil:
		case j.mixed:
			for _, a := range args[:j.n] {
				buf = append(appendValue(buf, a), 0)
			}
			args = args[j.n:]
		default:
			for _, v := range ints[:j.n] {
				buf = binary.AppendVarint(buf, v)
			}
			ints = ints[j.n:]
		}
	}
	w.hash.Write(buf)
	w.buf = buf
}

// appendValue appends what a value is hashed by.
func appendValue(buf []byte, a any) []byte {
	switch v := a.(type) {
	case int:
		return strconv.AppendInt(buf, int64(v), 36)
	case int64:
		return strconv.AppendInt(buf, v, 36)
	case string:
		return append(buf, v...)
	case []byte:
		return append(buf, v...)
	case float64:
		return strconv.AppendFloat(buf, v, 'g', -1, 64)
	case bool:
		if v {
			return append(buf, '1')
		}
		return append(buf, '0')
	}
	return buf
}

// send hands the rows given so far to the inserting goroutine.
func (w *writer) send() {
	w.full <- w.rows
	select {
	case w.rows = <-w.free:
	default:
		w.rows = &rowBatch{}
	}
}

// settle waits until every row given is in the file: the connection is then the caller's.
func (w *writer) settle() {
	done := make(chan struct{})
	w.rows.done = done
	w.send()
	<-done
	if w.err == nil {
		w.err = w.failed
	}
}

// close ends the inserting goroutine.
func (w *writer) close() {
	w.settle()
	close(w.full)
}

// insert is how rows of n columns get into table.
func (w *writer) insert(table string, n int) *insertion {
	marks := strings.TrimSuffix(strings.Repeat("?,", n), ",")
	return &insertion{sql: "INSERT INTO " + table + " VALUES (" + marks + ")"}
}

func (w *writer) give(j rowJob) {
	b := w.rows
	if b.rows = append(b.rows, j); len(b.rows) >= batchJobs {
		w.send()
	}
}

func (w *writer) stopped() bool { return w.err != nil || w.broken.Load() }

// row inserts one row. Slices are not copied: the caller leaves them as they are.
func (w *writer) row(into *insertion, args ...any) {
	if w.stopped() {
		return
	}
	w.rows.args = append(w.rows.args, args...)
	w.give(rowJob{into: into, n: len(args), mixed: true})
}

// ints inserts a row of numbers.
func (w *writer) ints(into *insertion, args ...int64) {
	if w.stopped() {
		return
	}
	w.rows.ints = append(w.rows.ints, args...)
	w.give(rowJob{into: into, n: len(args)})
}

// put inserts a batch.
func (w *writer) put(b *rowBatch) error {
	ints, args := b.ints, b.args
	for _, j := range b.rows {
		if j.into == nil {
			if err := sqlitex.ExecuteScript(w.conn, j.sql, nil); err != nil {
				return err
			}
			continue
		}
		stmt, err := j.into.ready(w.conn)
		if err != nil {
			return err
		}
		if j.mixed {
			if err := w.bind(stmt, args[:j.n]); err != nil {
				return err
			}
			args = args[j.n:]
		} else {
			for i, v := range ints[:j.n] {
				stmt.BindInt64(i+1, v)
			}
			ints = ints[j.n:]
		}
		if _, err := stmt.Step(); err != nil {
			return err
		}
		if err := stmt.Reset(); err != nil {
			return err
		}
	}
	return nil
}

func (i *insertion) ready(conn *sqlite.Conn) (_ *sqlite.Stmt, err error) {
	if i.stmt == nil {
		i.stmt, err = conn.Prepare(i.sql)
	}
	return i.stmt, err
}

func (w *writer) bind(stmt *sqlite.Stmt, args []any) error {
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

// script runs statements after the rows given so far.
func (w *writer) script(sql string) {
	if !w.stopped() {
		w.give(rowJob{sql: sql})
	}
}

// write makes the file. A half-written one is removed.
func (s *snapshot) write(ctx context.Context) (err error) {
	if err := os.Remove(s.path); err != nil && !os.IsNotExist(err) {
		return err
	}
	conn, err := sqlite.OpenConn(s.path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return err
	}
	conn.SetInterrupt(ctx.Done())
	defer func() {
		if cerr := conn.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			os.Remove(s.path)
		}
	}()
	// Nobody reads the file before it is finished and synced, and a broken one is removed.
	for _, p := range []string{"page_size = 16384", "journal_mode = OFF", "synchronous = OFF",
		"locking_mode = EXCLUSIVE", "cache_size = -65536"} {
		if err := sqlitex.ExecuteTransient(conn, "PRAGMA "+p, nil); err != nil {
			return err
		}
	}
	if err := sqlitex.ExecuteScript(conn, schema, nil); err != nil {
		return err
	}
	if err := sqlitex.ExecuteTransient(conn, "BEGIN", nil); err != nil {
		return err
	}
	w := newWriter(conn)
	err = s.writeAll(ctx, w)
	w.close()
	if err = cmp.Or(err, w.err); err != nil {
		return err
	}
	return sqlitex.ExecuteTransient(conn, "COMMIT", nil)
}

func (s *snapshot) writeAll(ctx context.Context, w *writer) error {
	if err := s.count(ctx, w); err != nil {
		return err
	}
	h := s.heads()
	s.areaFigures(h)
	s.progress("publish.step.taxa", 0, int64(len(s.nodes)))
	s.writeTaxa(w, h)
	s.writeNames(w)
	s.writePaths(w)
	s.progress("publish.step.areas", 0, int64(len(s.zones)))
	s.writeAreas(w, h)
	s.writeHome(w, h)
	s.writeSearched(w, h)
	s.progress("publish.step.index", 0, 0)
	s.writeOrganisations(w)
	s.fillMeta()
	s.writeMeta(w)
	s.writeGeoPackage(w)
	w.script(indexes)
	return nil
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
	if w.settle(); w.err == nil && rt.stmt != nil {
		w.err = rt.stmt.Finalize()
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

// statusesOf groups the statuses by taxon, in a fixed order.
func (s *snapshot) statusesOf() map[taxon.CdRef][]taxon.Status {
	out := map[taxon.CdRef][]taxon.Status{}
	for _, st := range s.refs.Statuses {
		if i, ok := s.nodeOf[st.CdRef]; ok && s.nodes[i].shown() {
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
