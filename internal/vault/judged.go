package vault

import (
	"context"
	"database/sql"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
)

// PutJudgements records the levels that a person gave observations, all or none, as one act, whose
// number it returns. It does not wait for an import. The observations have to be classed again
// (Generation). Invalid when nobody is named, no reason is given, or a level is none.
func (db *DB) PutJudgements(ctx context.Context, list []sensitivity.Decision) (act int64, err error) {
	defer fault.Wrap(&err, "vault.PutJudgements")
	for _, d := range list {
		switch {
		case d.By == "":
			return 0, fault.Say(fault.Invalid, "vault.judged_who")
		case d.Reason == "":
			return 0, fault.Say(fault.Invalid, "vault.judged_why")
		case !d.Level.Known():
			return 0, fault.Say(fault.Invalid, "vault.judged_level", d.Level.String())
		case d.Dataset == "" || d.SourceKey == "":
			return 0, fault.Say(fault.Invalid, "vault.bad_row", "source_key")
		}
	}
	if len(list) == 0 {
		return 0, fault.Say(fault.NotFound, "vault.judged_none")
	}
	err = db.inRegister(ctx, func(tx *sql.Tx) error {
		if act, err = registerID(ctx, tx, "sensitivity act"); err != nil {
			return err
		}
		for _, d := range list {
			id, err := registerID(ctx, tx, "sensitivity decision")
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO sensitivity_decision (id, act, dataset, source_key, id_sinp, cd_ref, level,
				actor, decided_at, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, id, act, d.Dataset, d.SourceKey,
				null(d.IDSinp), nullCode(d.CdRef), d.Level.String(), d.By, formatTime(d.At), d.Reason); err != nil {
				return err
			}
		}
		_, err := registerID(ctx, tx, registerGeneration)
		return err
	})
	return act, err
}

// UndoJudgements takes back what was decided in one act, and returns how many decisions were in force.
// The one before, if there was, holds again. NotFound when none of the act is in force.
func (db *DB) UndoJudgements(ctx context.Context, act int64, by string) (n int, err error) {
	defer fault.Wrap(&err, "vault.UndoJudgements(%d)", act)
	if by == "" {
		return 0, fault.Say(fault.Invalid, "vault.judged_who")
	}
	err = db.inRegister(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE sensitivity_decision SET undone_at = $2, undone_by = $3 WHERE act = $1 AND undone_at IS NULL`, act, now(), by)
		if err != nil {
			return err
		}
		done, err := res.RowsAffected()
		if err != nil {
			return err
		}
		if n = int(done); n == 0 {
			return fault.Say(fault.NotFound, "vault.judged_act", act)
		}
		_, err = registerID(ctx, tx, registerGeneration)
		return err
	})
	return n, err
}

// Judgements returns every level that people gave, in the order they did.
func (db *DB) Judgements(ctx context.Context) (list []sensitivity.Decision, err error) {
	err = db.registerRows(ctx, `SELECT id, act, dataset, source_key, COALESCE(id_sinp, ''), COALESCE(cd_ref, 0), level, actor, decided_at,
		reason, COALESCE(undone_at, ''), COALESCE(undone_by, '') FROM sensitivity_decision ORDER BY id`, nil, func(rows *sql.Rows) error {
		var d sensitivity.Decision
		var level, at, undone string
		if err := rows.Scan(&d.ID, &d.Act, &d.Dataset, &d.SourceKey, &d.IDSinp, &d.CdRef, &level, &d.By, &at, &d.Reason, &undone, &d.UndoneBy); err != nil {
			return err
		}
		var ok bool
		if d.Level, ok = sensitivity.ParseLevel(level); !ok {
			d.Level = sensitivity.NotShown // of a newer program: nothing is shown rather than too much
		}
		d.At = parseTime(at)
		if undone != "" {
			d.Undone = parseTime(undone)
		}
		list = append(list, d)
		return nil
	})
	return list, err
}

// IDs returns the numbers of the living observations among keys, in the order of keys; 0 for none.
func (db *DB) IDs(ctx context.Context, keys []Key) (ids []int64, err error) {
	defer fault.Wrap(&err, "vault.IDs")
	ids = make([]int64, len(keys))
	if len(keys) == 0 {
		return ids, nil
	}
	s, err := db.read.PrepareContext(ctx, `SELECT id FROM observation WHERE dataset = $1 AND source_key = $2 AND withdrawn IS NULL`)
	if err != nil {
		return nil, interrupted(ctx, classify(err))
	}
	defer s.Close()
	for i, k := range keys {
		if err := s.QueryRowContext(ctx, int64(k.Dataset), k.SourceKey).Scan(&ids[i]); err != nil && err != sql.ErrNoRows {
			return nil, interrupted(ctx, classify(err))
		}
	}
	return ids, nil
}

// ToReview calls f with each living observation whose class a person should judge, for classing, against a
// grant; o is reused.
func (db *DB) ToReview(ctx context.Context, g disclosure.Grant, f func(o *observation.Observation) error) error {
	return db.granted(ctx, g, ForClassing, "vault.ToReview", func() (int, error) {
		return db.scan(ctx, ForClassing, `WHERE sens_review = 1 AND withdrawn IS NULL`, f)
	})
}

// ByID calls f with each living observation of some numbers, complete, against a grant; o is
// reused.
func (db *DB) ByID(ctx context.Context, g disclosure.Grant, ids []int64, f func(o *observation.Observation) error) error {
	return db.granted(ctx, g, Complete, "vault.ByID", func() (int, error) { return db.scanIDs(ctx, Complete, ids, f) })
}

// granted runs a reading of exact rows, recorded in the journal.
func (db *DB) granted(ctx context.Context, g disclosure.Grant, what Fields, name string, read func() (int, error)) error {
	entry, err := db.record(ctx, g, what)
	if err != nil {
		fault.Wrap(&err, "%s", name)
		return err
	}
	n, err := read()
	if jerr := db.endRecord(ctx, entry, n, err); err == nil {
		err = jerr
	}
	return err
}
