// Package atlas is the public store: a snapshot, one immutable file that is a valid
// GeoPackage, built from what may be published and from nothing else. It writes a snapshot
// (Builder), reads one (Atlas) and keeps a folder of them (Dir: swap, rollback).
//
// Nothing exact ever enters it: a Builder takes disclosure.Published only. It decides no
// disclosure itself: it counts what it is given.
package atlas

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/paulmach/orb"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

// Atlas reads one snapshot. It is safe for concurrent use.
//
// Short forms of taxa and areas and the words of names stay in memory, packed (about 400 bytes
// for each taxon); sheets and packed figures are read when asked, one indexed read each.
type Atlas struct {
	pool  *sqlitex.Pool
	meta  Meta
	taxa  headTable
	areas []area // by area number

	areaOf map[geo.AreaKey]int32
	byKind map[geo.Kind][]int32 // in order of name
	index  *searchIndex

	homeOnce sync.Once
	home     *HomeSheet
	homeErr  error
}

// area is an area in memory.
type area struct {
	AreaCount
	parent geo.AreaKey
	folded string
}

// Connections of one snapshot: readers are short, and each keeps its own page cache.
const connections = 4

// pageCache is the page cache of one connection in kB. It has to hold the inner pages of the
// few trees read at each request, no more: the leaves come from the kernel's own cache, which
// keeps the same pages once for all and gives them up when memory is short. A larger one
// only made the second copy larger (45 MB at start with 8 MB for each connection).
const pageCache = "512"

// Open opens the snapshot file at path, read-only. NotFound when there is no such file,
// Invalid when it is no snapshot of a format this program reads.
func Open(path string) (a *Atlas, err error) {
	defer fault.Wrap(&err, "atlas.Open(%s)", filepath.Base(path))
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, fault.Say(fault.NotFound, "atlas.nofile", filepath.Base(path))
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	uri := (&url.URL{Scheme: "file", Path: abs, RawQuery: "immutable=1&mode=ro"}).String()
	pool, err := sqlitex.NewPool(uri, sqlitex.PoolOptions{
		Flags: sqlite.OpenReadOnly | sqlite.OpenURI, PoolSize: connections,
		PrepareConn: func(c *sqlite.Conn) error {
			return sqlitex.ExecuteTransient(c, "PRAGMA cache_size = -"+pageCache, nil)
		}})
	if err != nil {
		return nil, err
	}
	a = &Atlas{pool: pool}
	if err := a.load(context.Background()); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return a, nil
}

// Close releases the file, once readers have ended.
func (a *Atlas) Close() error { return a.pool.Close() }

// Meta describes the snapshot. It is shared: do not modify it.
func (a *Atlas) Meta() *Meta { return &a.meta }

// query runs one read statement, kept prepared on its connection.
func (a *Atlas) query(ctx context.Context, sql string, row func(*sqlite.Stmt) error, args ...any) error {
	conn, err := a.pool.Take(ctx)
	if err != nil {
		return err
	}
	defer a.pool.Put(conn)
	return sqlitex.Execute(conn, sql, &sqlitex.ExecOptions{Args: args, ResultFunc: row})
}

// column copies a column's bytes.
func column(s *sqlite.Stmt, col int) []byte {
	b := make([]byte, s.ColumnLen(col))
	s.ColumnBytes(col, b)
	return b
}

func (a *Atlas) load(ctx context.Context) error {
	var text []byte
	err := a.query(ctx, "SELECT value FROM meta WHERE key = 'meta'", func(s *sqlite.Stmt) error {
		text = column(s, 0)
		return nil
	})
	if err != nil || text == nil {
		return fault.Say(fault.Invalid, "atlas.notours").Because(err)
	}
	if err := json.Unmarshal(text, &a.meta); err != nil {
		return fault.Say(fault.Invalid, "atlas.notours").Because(err)
	}
	if a.meta.Format != formatVersion {
		return fault.Say(fault.Invalid, "atlas.format", a.meta.Format, formatVersion)
	}
	if err := a.loadTaxa(ctx); err != nil {
		return err
	}
	if err := a.loadAreas(ctx); err != nil {
		return err
	}
	return a.loadSearch(ctx)
}

func (a *Atlas) loadAreas(ctx context.Context) error {
	a.areaOf, a.byKind = map[geo.AreaKey]int32{}, map[geo.Kind][]int32{}
	err := a.query(ctx, `SELECT area_key, name, observations, first_year, last_year, species, parent_key, id FROM area ORDER BY id`,
		func(s *sqlite.Stmt) error {
			c := AreaCount{Area: geo.AreaKey(s.ColumnInt64(0)), Name: s.ColumnText(1), N: s.ColumnInt(2),
				First: s.ColumnInt(3), Last: s.ColumnInt(4), Taxa: s.ColumnInt(5)}
			if s.ColumnInt(7) != len(a.areas)+1 {
				return fmt.Errorf("area %d out of order", s.ColumnInt(7))
			}
			i := int32(len(a.areas))
			a.areaOf[c.Area] = i
			a.byKind[c.Area.Kind()] = append(a.byKind[c.Area.Kind()], i)
			a.areas = append(a.areas, area{AreaCount: c, parent: geo.AreaKey(s.ColumnInt64(6)), folded: taxon.Fold(c.Name)})
			return nil
		})
	for _, list := range a.byKind {
		slices.SortStableFunc(list, func(x, y int32) int { return strings.Compare(a.areas[x].folded, a.areas[y].folded) })
	}
	return err
}

// Home returns the first page's content. It is shared: do not modify it.
func (a *Atlas) Home(ctx context.Context) (*HomeSheet, error) {
	a.homeOnce.Do(func() {
		a.homeErr = a.query(context.WithoutCancel(ctx), "SELECT sheet FROM home_sheet", func(s *sqlite.Stmt) error {
			a.home = &HomeSheet{}
			return json.Unmarshal(column(s, 0), a.home)
		})
		if a.homeErr == nil && a.home == nil {
			a.homeErr = fault.Say(fault.Invalid, "atlas.notours")
		}
	})
	return a.home, a.homeErr
}

// Taxon returns the sheet of a taxon; NotFound when nothing of it is published.
func (a *Atlas) Taxon(ctx context.Context, cd taxon.CdRef) (sh *TaxonSheet, err error) {
	defer fault.Wrap(&err, "atlas.Taxon(%d)", cd)
	var text, cells []byte
	if err := a.query(ctx, "SELECT sheet, cells FROM taxon_sheet WHERE cd_ref = ?1", func(s *sqlite.Stmt) error {
		text, cells = column(s, 0), column(s, 1)
		return nil
	}, int64(cd)); err != nil {
		return nil, err
	}
	if text == nil {
		return nil, fault.Say(fault.NotFound, "atlas.notaxon", int(cd))
	}
	sh = &TaxonSheet{}
	if err := json.Unmarshal(text, sh); err != nil {
		return nil, err
	}
	sh.Cells, sh.Coarse, err = a.slots(cells)
	return sh, err
}

// slots makes the cells and coarser areas of a packed column of sums.
func (a *Atlas) slots(b []byte) (cells, coarse []AreaCount, err error) {
	size := unpacker{b: b}
	cells = make([]AreaCount, 0, size.len())
	err = eachTally(b, func(t areaTally) { cells, coarse = a.addSlot(cells, coarse, t) })
	return cells, coarse, err
}

// addSlot puts a disclosed area among the ordinary cells or the coarser areas, where slots
// that differ by their reasons only are one.
func (a *Atlas) addSlot(cells, coarse []AreaCount, t areaTally) (c, z []AreaCount) {
	if int(t.area) >= len(a.areas) {
		return cells, coarse
	}
	own := &a.areas[t.area]
	row := AreaCount{Area: own.Area, N: int(t.n), First: int(t.first), Last: int(t.last), Reasons: t.reasons}
	if t.reasons == 0 {
		return append(cells, row), coarse
	}
	row.Name = own.Name
	row.Why = whyOf(t)
	if k := len(coarse) - 1; k >= 0 && coarse[k].Area == row.Area {
		p := &coarse[k]
		p.N, p.First, p.Last, p.Reasons = p.N+row.N, min(p.First, row.First), max(p.Last, row.Last), p.Reasons|row.Reasons
		for k, n := range row.Why {
			p.Why[k] += n
		}
		return cells, coarse
	}
	return cells, append(coarse, row)
}

// Resolve returns the taxon a name code stands for; NotFound when the atlas has neither.
func (a *Atlas) Resolve(ctx context.Context, cd taxon.CdNom) (ref taxon.CdRef, err error) {
	if err := a.query(ctx, "SELECT cd_ref FROM name_code WHERE cd_nom = ?1", func(s *sqlite.Stmt) error {
		ref = taxon.CdRef(s.ColumnInt(0))
		return nil
	}, int64(cd)); err != nil {
		return 0, err
	}
	if ref == 0 {
		return 0, fault.Say(fault.NotFound, "atlas.notaxon", int(cd))
	}
	return ref, nil
}

// Taxa returns the species below cd (0: all) that pass the filter, and how many there are.
func (a *Atlas) Taxa(ctx context.Context, under taxon.CdRef, f ListFilter) ([]TaxonRow, int, error) {
	lo, hi := int32(0), int32(len(a.taxa.rows))
	if under != 0 {
		i, ok := a.taxa.find(under)
		if !ok {
			return nil, 0, fault.Say(fault.NotFound, "atlas.notaxon", int(under))
		}
		lo, hi = a.taxa.rows[i].lo, a.taxa.rows[i].hi
	}
	rows := make([]listRow, 0, 256)
	for i := range a.taxa.rows {
		if h := &a.taxa.rows[i]; h.is(isSpecies) && h.lo >= lo && h.lo < hi && (h.n > 0 || f.Unseen || f.Status == "sensitive") {
			rows = append(rows, listRow{head: int32(i), n: h.n, first: h.first, last: h.last})
		}
	}
	page, total := a.list(rows, f)
	return page, total, nil
}

// listRow is a species with the figures of a place.
type listRow struct {
	head        int32
	n           int32
	first, last int16
	days        []byte // of the place, packed; none: the taxon's own
}

// list filters, orders and cuts a species list.
func (a *Atlas) list(rows []listRow, f ListFilter) ([]TaxonRow, int) {
	q := taxon.Fold(f.Query)
	rows = slices.DeleteFunc(rows, func(r listRow) bool {
		h := &a.taxa.rows[r.head]
		return f.Group != "" && a.taxa.terms[h.group] != f.Group ||
			f.Status == "protected" && !h.is(isProtected) || f.Status == "threatened" && !h.is(isThreatened) ||
			f.Status == "sensitive" && !h.is(isSensitive) ||
			int(r.last) < f.SinceYear || q != "" && !strings.Contains(a.taxa.words(h), q)
	})
	slices.SortFunc(rows, func(x, y listRow) int {
		p, q := &a.taxa.rows[x.head], &a.taxa.rows[y.head]
		switch f.Order {
		case "name":
			return cmp.Compare(p.name, q.name)
		case "sci":
			return cmp.Compare(p.sci, q.sci)
		case "last":
			return cmp.Or(cmp.Compare(y.last, x.last), cmp.Compare(y.n, x.n), cmp.Compare(p.name, q.name))
		}
		return cmp.Or(cmp.Compare(y.n, x.n), cmp.Compare(p.name, q.name))
	})
	total := len(rows)
	lo := min(max(f.Offset, 0), total)
	hi := total
	if f.Limit > 0 {
		hi = min(lo+f.Limit, total)
	}
	out := make([]TaxonRow, 0, hi-lo)
	for _, r := range rows[lo:hi] {
		row := TaxonRow{a.taxa.head(r.head)}
		row.Observations, row.FirstYear, row.LastYear = int(r.n), int(r.first), int(r.last)
		if r.days != nil {
			row.TenDays = [36]int{}
			unpackDays(&unpacker{b: r.days}, &row.TenDays)
		}
		out = append(out, row)
	}
	return out, total
}

// Cells returns the disclosed areas of a taxon between two years, both included (0: no
// bound): mesh cells of ordinary observations (Reasons 0) and areas of blurred ones.
// NotFound when nothing of the taxon is published.
func (a *Atlas) Cells(ctx context.Context, cd taxon.CdRef, from, to int) (out []AreaCount, err error) {
	defer fault.Wrap(&err, "atlas.Cells(%d)", cd)
	if to == 0 {
		to = 1 << 15
	}
	all := from <= yearZero && to > 9999
	column1 := "cube"
	if all {
		column1 = "cells"
	}
	b, err := a.packed(ctx, "SELECT "+column1+" FROM taxon_sheet WHERE cd_ref = ?1", cd)
	if err != nil {
		return nil, err
	}
	if all {
		cells, coarse, err := a.slots(b)
		return append(cells, coarse...), err
	}
	size := unpacker{b: b}
	cells, coarse := make([]AreaCount, 0, size.len()), []AreaCount(nil)
	err = eachSlot(b, from, to, func(t areaTally) { cells, coarse = a.addSlot(cells, coarse, t) })
	return append(cells, coarse...), err
}

// packed reads one packed column of a taxon.
func (a *Atlas) packed(ctx context.Context, sql string, cd taxon.CdRef) (b []byte, err error) {
	err = a.query(ctx, sql, func(s *sqlite.Stmt) error {
		b = column(s, 0)
		return nil
	}, int64(cd))
	if err == nil && b == nil {
		err = fault.Say(fault.NotFound, "atlas.notaxon", int(cd))
	}
	return b, err
}

// TaxonAreas returns the areas of one kind a taxon is published in, most observations first.
// NotFound when nothing of the taxon is published.
func (a *Atlas) TaxonAreas(ctx context.Context, cd taxon.CdRef, kind geo.Kind) (out []AreaCount, err error) {
	defer fault.Wrap(&err, "atlas.TaxonAreas(%d)", cd)
	b, err := a.packed(ctx, "SELECT areas FROM taxon_sheet WHERE cd_ref = ?1", cd)
	if err != nil {
		return nil, err
	}
	out = []AreaCount{}
	err = eachTally(b, func(t areaTally) {
		if int(t.area) < len(a.areas) && a.areas[t.area].Area.Kind() == kind {
			out = append(out, AreaCount{Area: a.areas[t.area].Area, Name: a.areas[t.area].Name,
				N: int(t.n), First: int(t.first), Last: int(t.last)})
		}
	})
	slices.SortFunc(out, richest)
	return out, err
}

// Area returns the sheet of an area; NotFound when the snapshot has no such area. An area
// without observations has a sheet with zeros.
func (a *Atlas) Area(ctx context.Context, key geo.AreaKey) (sh *AreaSheet, err error) {
	defer fault.Wrap(&err, "atlas.Area(%s)", key)
	i, ok := a.areaOf[key]
	if !ok {
		return nil, fault.Say(fault.NotFound, "atlas.noarea", key.Code())
	}
	var text, cells []byte
	if err := a.query(ctx, "SELECT sheet, cells FROM area_sheet WHERE area_id = ?1", func(s *sqlite.Stmt) error {
		text, cells = column(s, 0), column(s, 1)
		return nil
	}, int64(i)+1); err != nil {
		return nil, err
	}
	sh = &AreaSheet{}
	if err := json.Unmarshal(text, sh); err != nil {
		return nil, err
	}
	u := unpacker{b: cells}
	c := uint64(0)
	for n := u.len(); n > 0; n-- {
		if c += u.uint(); c < uint64(len(a.areas)) {
			cell := a.areas[c].AreaCount
			cell.Name = ""
			sh.Cells = append(sh.Cells, cell)
		}
	}
	return sh, u.err
}

// AreaTaxa returns the species list of an area, its figures being those of the area, and
// how many there are.
func (a *Atlas) AreaTaxa(ctx context.Context, key geo.AreaKey, f ListFilter) (page []TaxonRow, total int, err error) {
	defer fault.Wrap(&err, "atlas.AreaTaxa(%s)", key)
	i, ok := a.areaOf[key]
	if !ok {
		return nil, 0, fault.Say(fault.NotFound, "atlas.noarea", key.Code())
	}
	var b []byte
	if err := a.query(ctx, "SELECT taxa FROM area_sheet WHERE area_id = ?1", func(s *sqlite.Stmt) error {
		b = column(s, 0)
		return nil
	}, int64(i)+1); err != nil {
		return nil, 0, err
	}
	rows := make([]listRow, 0, a.areas[i].Taxa)
	if err := eachTaxon(b, func(t taxonTally, days *unpacker) {
		if k, ok := a.taxa.find(taxon.CdRef(t.cd)); ok {
			rows = append(rows, listRow{head: k, n: int32(t.n), first: t.first, last: t.last, days: days.b})
		}
	}); err != nil {
		return nil, 0, err
	}
	page, total = a.list(rows, f)
	return page, total, nil
}

// Areas lists the areas of one kind, by name, with their figures.
func (a *Atlas) Areas(ctx context.Context, kind geo.Kind, query string, offset, limit int) ([]AreaCount, int, error) {
	q := taxon.Fold(query)
	out := []AreaCount{}
	total := 0
	for _, i := range a.byKind[kind] {
		if q != "" && !strings.Contains(a.areas[i].folded, q) {
			continue
		}
		total++
		if total > offset && (limit <= 0 || len(out) < limit) {
			out = append(out, a.areas[i].AreaCount)
		}
	}
	return out, total, nil
}

// Outline returns an area's outline (WGS84), simplified for display. NotFound when the
// snapshot has no such area.
func (a *Atlas) Outline(ctx context.Context, key geo.AreaKey) (g orb.MultiPolygon, err error) {
	defer fault.Wrap(&err, "atlas.Outline(%s)", key)
	i, ok := a.areaOf[key]
	if !ok {
		return nil, fault.Say(fault.NotFound, "atlas.noarea", key.Code())
	}
	err = a.query(ctx, "SELECT geom FROM area WHERE id = ?1", func(s *sqlite.Stmt) (err error) {
		g, err = gpkgGeometry(column(s, 0))
		return err
	}, int64(i)+1)
	return g, err
}

// Outlines calls f with every area of one kind that meets the box (a zero box: all), in
// order of code. f must not call the Atlas for many of them at once: a connection is held.
func (a *Atlas) Outlines(ctx context.Context, kind geo.Kind, box orb.Bound, f func(key geo.AreaKey, name string, g orb.MultiPolygon) error) (err error) {
	defer fault.Wrap(&err, "atlas.Outlines(%s)", kind)
	sql, args := "SELECT id, geom FROM area WHERE kind = ?1 ORDER BY id", []any{kind.String()}
	if box != (orb.Bound{}) {
		// The index keeps 32-bit bounds, rounded outwards: a few areas too many, never one missing.
		// Numbers are sorted, not outlines: a join would have them all in memory, and in a file beyond.
		sql = `SELECT id, geom FROM area WHERE kind = ?1 AND id IN (SELECT id FROM rtree_area_geom
			WHERE maxx >= ?2 AND minx <= ?3 AND maxy >= ?4 AND miny <= ?5) ORDER BY id`
		args = append(args, box.Min[0], box.Max[0], box.Min[1], box.Max[1])
	}
	return a.query(ctx, sql, func(s *sqlite.Stmt) error {
		i := s.ColumnInt(0) - 1
		g, err := gpkgGeometry(column(s, 1))
		if err != nil {
			return err
		}
		return f(a.areas[i].Area, a.areas[i].Name, g)
	}, args...)
}
