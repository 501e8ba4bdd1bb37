package vault

import (
	"context"
	"iter"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
)

// Fields chooses what Observations fills.
type Fields uint8

// The choices: what publishing needs (no people, no text, no extra), or everything.
const (
	ForPublication Fields = iota
	Complete
)

func (f Fields) String() string {
	if f == Complete {
		return "complete"
	}
	return "for publication"
}

// Observations calls f with each observation, in order of ID, against a grant that is
// recorded in the journal. o is reused between calls: its maps and slices are new, and may
// be kept. It sees the vault as it was when it began; an error of f ends it and is returned
// as it is. A grant that does not say who and why is Forbidden.
func (db *DB) Observations(ctx context.Context, g disclosure.Grant, what Fields, f func(o *observation.Observation) error) (err error) {
	entry, err := db.record(ctx, g, what)
	if err != nil {
		fault.Wrap(&err, "vault.Observations")
		return err
	}
	n, err := db.scan(ctx, what, f)
	if jerr := db.endRecord(ctx, entry, n, err); err == nil {
		err = jerr
	}
	return err
}

func (db *DB) scan(ctx context.Context, what Fields, f func(o *observation.Observation) error) (n int, err error) {
	fail := func(err error) (int, error) {
		err = interrupted(ctx, classify(err))
		fault.Wrap(&err, "vault.Observations")
		return n, err
	}
	conn, err := db.dialect.scan(ctx, db.path)
	if err != nil {
		return fail(err)
	}
	defer conn.Close()
	columns := publicationColumns
	if what == Complete {
		columns += ", " + otherColumns
	}
	s, _, err := conn.PrepareTransient(`SELECT ` + columns + ` FROM observation ORDER BY id`)
	if err != nil {
		return fail(err)
	}
	defer s.Finalize()
	d := decoder{s: s, words: map[string]string{}}
	o := observation.Observation{CountMin: -1, CountMax: -1}
	for {
		more, err := s.Step()
		if err != nil {
			return fail(err)
		}
		if !more {
			return n, nil
		}
		d.publication(&o)
		if what == Complete {
			if err := d.other(&o); err != nil {
				return fail(err)
			}
		}
		n++
		if err := f(&o); err != nil {
			return n, err
		}
	}
}

// Classed is the outcome of classing one observation again.
type Classed struct {
	ID    int64
	CdRef taxon.CdRef
	Level sensitivity.Level
	List  string
	Held  observation.Hold
}

// reclassText touches only rows whose class is another.
const reclassText = `UPDATE observation SET cd_ref = $2, sensitivity = $3, sensitivity_list = $4, held = $5
	WHERE id = $1 AND (cd_ref IS DISTINCT FROM $2 OR sensitivity IS DISTINCT FROM $3
		OR sensitivity_list IS DISTINCT FROM $4 OR held IS DISTINCT FROM $5)`

// Reclass stores new classes (after a reference changed), in one transaction, and returns
// how many observations have another class than before. rows may come from Observations.
func (db *DB) Reclass(ctx context.Context, rows iter.Seq2[Classed, error]) (changed int, err error) {
	defer fault.Wrap(&err, "vault.Reclass")
	err = db.tx(ctx, func(b *bulk) error {
		s, err := b.statement(reclassText)
		if err != nil {
			return err
		}
		for c, err := range rows {
			if err != nil {
				return err
			}
			if int(c.Held) > 4 {
				return fault.Say(fault.Invalid, "vault.bad_row", "held")
			}
			v := values{s: s}
			v.int(c.ID)
			v.code(int64(c.CdRef))
			v.int(int64(c.Level))
			v.text(c.List)
			v.text(holdCodes()[c.Held])
			if err := run(s); err != nil {
				return err
			}
			changed += b.conn.Changes()
		}
		return ctx.Err()
	})
	if err != nil {
		return 0, err
	}
	return changed, nil
}
