package vault

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
)

// membersTogether is how many members of groupings are held at once.
const membersTogether = 500

// GroupMembers calls f with each living observation of the groupings that hold one that has a level, or may
// have one: computed or stated, or a taxon that listed accepts. They come for publication, grouping after
// grouping, against a grant; o is reused.
func (db *DB) GroupMembers(ctx context.Context, g disclosure.Grant, listed func(taxon.CdRef) bool, f func(o *observation.Observation) error) error {
	return db.granted(ctx, g, ForPublication, "vault.GroupMembers", func() (int, error) {
		ids, ends, err := db.groupIDs(ctx, listed)
		if err != nil {
			err = interrupted(ctx, classify(err))
			fault.Wrap(&err, "vault.GroupMembers")
			return 0, err
		}
		return db.groupMembers(ctx, ids, ends, f)
	})
}

// groupIDs lists the members of the groupings concerned, one grouping after another, and where each ends. It
// reads the index alone: most groupings have no such member, and rows are wide.
func (db *DB) groupIDs(ctx context.Context, listed func(taxon.CdRef) bool) (ids []int64, ends []int, err error) {
	known := map[taxon.CdRef]bool{}
	current, from, concerned := "", 0, false
	end := func() {
		if !concerned {
			ids = ids[:from]
		} else {
			ends = append(ends, len(ids))
		}
		from, concerned = len(ids), false
	}
	var buf [64]byte
	err = db.dialect.scan(ctx, "vault", `SELECT grouping_id, cd_ref, sensitivity, stated_level, id FROM observation
		WHERE grouping_id IS NOT NULL AND withdrawn IS NULL ORDER BY grouping_id`, func(s row) error {
		if b := buf[:s.ColumnBytes(0, buf[:])]; string(b) != current {
			end()
			current = string(b)
		}
		ids = append(ids, s.ColumnInt64(4))
		if concerned || s.ColumnInt64(2) != 0 || s.ColumnInt64(3) != 0 {
			concerned = true
			return nil
		}
		if cd := taxon.CdRef(s.ColumnInt64(1)); cd != 0 && listed != nil {
			in, asked := known[cd]
			if !asked {
				in = listed(cd)
				known[cd] = in
			}
			concerned = in
		}
		return nil
	})
	end()
	return ids, ends, err
}

// groupMembers reads whole groupings, several at once, and gives them one after another.
func (db *DB) groupMembers(ctx context.Context, ids []int64, ends []int, f func(o *observation.Observation) error) (n int, err error) {
	var held []observation.Observation
	for from := 0; from < len(ids); {
		i, _ := slices.BinarySearch(ends, from+membersTogether)
		to := ends[min(i, len(ends)-1)]
		held = held[:0]
		m, err := db.scanIDs(ctx, ForPublication, ids[from:to], func(o *observation.Observation) error {
			held = append(held, *o)
			return nil
		})
		n += m
		if err != nil {
			return n, err
		}
		slices.SortFunc(held, func(a, b observation.Observation) int {
			return cmp.Or(cmp.Compare(a.Grouping, b.Grouping), cmp.Compare(a.ID, b.ID))
		})
		for i := range held {
			if err := f(&held[i]); err != nil {
				return n, err
			}
		}
		from = to
	}
	return n, nil
}

// scanIDs reads observations by their numbers.
func (db *DB) scanIDs(ctx context.Context, what Fields, ids []int64, f func(o *observation.Observation) error) (n int, err error) {
	for len(ids) > 0 {
		some := ids[:min(rowsTogether, len(ids))]
		ids = ids[len(some):]
		var t strings.Builder
		t.WriteString(`WHERE withdrawn IS NULL AND id IN (`)
		for i, id := range some {
			if i > 0 {
				t.WriteByte(',')
			}
			t.WriteString(strconv.FormatInt(id, 10))
		}
		m, err := db.scan(ctx, what, t.String()+`)`, f)
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// Ungrouped calls f with each living observation that came before groupings were read and seems to be of
// one, complete, against a grant; o is reused. It calls nothing once SetGrouped was.
func (db *DB) Ungrouped(ctx context.Context, g disclosure.Grant, f func(o *observation.Observation) error) error {
	done := false
	err := db.dialect.scan(ctx, "vault", `SELECT value FROM counter WHERE name = 'grouped'`, func(s row) error {
		done = s.ColumnInt64(0) != 0
		return nil
	})
	if err != nil || done {
		err = interrupted(ctx, classify(err))
		fault.Wrap(&err, "vault.Ungrouped")
		return err
	}
	return db.granted(ctx, g, Complete, "vault.Ungrouped", func() (int, error) {
		return db.scan(ctx, Complete, `WHERE withdrawn IS NULL AND grouping_id IS NULL
			AND (extra LIKE '%egroupement%' OR extra LIKE '%grp%' OR extra LIKE '%eventID%')`, f)
	})
}

// SetGrouped records that every observation has its grouping.
func (db *DB) SetGrouped(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "vault.SetGrouped")
	return db.tx(ctx, func(b *bulk) error { return b.setCounter("grouped", 1) })
}
