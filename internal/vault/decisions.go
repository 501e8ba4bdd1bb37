package vault

import (
	"context"
	"database/sql"

	"garrigue/internal/dataset"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/naming"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
)

// PutDecision records what a person decided about a name: Invalid when it names nothing or
// does not say who. The observations it is about have to be classed again (Generation): those
// held for it, and those that an earlier decision, now another or forgotten, gave their taxon.
func (db *DB) PutDecision(ctx context.Context, d naming.Decision) (err error) {
	defer fault.Wrap(&err, "vault.PutDecision")
	key := naming.Key(d.Cited, 0)
	switch {
	case key == "":
		return fault.Say(fault.Invalid, "vault.decision_name")
	case d.By == "":
		return fault.Say(fault.Invalid, "vault.decision_who")
	}
	revoked := 0
	if d.Revoked {
		revoked = 1
	}
	return db.inRegister(ctx, func(tx *sql.Tx) error {
		id, err := registerID(ctx, tx, "taxon decision")
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO taxon_decision (id, name, cited, source, dataset, cd_nom, actor, decided_at,
				reason, taxref, revoked) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			id, key, d.Cited, null(d.Source), null(d.Dataset), nullCode(d.CdNom), d.By, formatTime(d.At), null(d.Reason), null(d.Taxref), revoked)
		if err != nil {
			return err
		}
		_, err = registerID(ctx, tx, registerGeneration)
		return err
	})
}

// Decisions returns every decision about names ever taken, in the order they were.
func (db *DB) Decisions(ctx context.Context) (list []naming.Decision, err error) {
	err = db.registerRows(ctx, `SELECT cited, COALESCE(source, ''), COALESCE(dataset, ''), COALESCE(cd_nom, 0), actor, decided_at,
		COALESCE(reason, ''), COALESCE(taxref, ''), revoked FROM taxon_decision ORDER BY id`, nil, func(rows *sql.Rows) error {
		var d naming.Decision
		var at string
		var revoked int
		if err := rows.Scan(&d.Cited, &d.Source, &d.Dataset, &d.CdNom, &d.By, &at, &d.Reason, &d.Taxref, &revoked); err != nil {
			return err
		}
		d.At, d.Revoked = parseTime(at), revoked != 0
		list = append(list, d)
		return nil
	})
	return list, err
}

// UnmatchedName is a name, a code or both that no taxon was found for, in one dataset.
type UnmatchedName struct {
	Cited   string
	CdNom   taxon.CdNom // 0 when none was given
	Dataset dataset.ID
	Rows    int
}

// UnmatchedNames counts the observations held because their taxon is not known, the most
// frequent name first.
func (db *DB) UnmatchedNames(ctx context.Context) (list []UnmatchedName, err error) {
	defer fault.Wrap(&err, "vault.UnmatchedNames")
	rows, err := db.read.QueryContext(ctx, `SELECT COALESCE(name_cited, ''), COALESCE(cd_nom, 0), dataset, COUNT(*)
		FROM observation WHERE held = $1 AND withdrawn IS NULL GROUP BY name_cited, cd_nom, dataset
		ORDER BY COUNT(*) DESC, name_cited, cd_nom, dataset`, holdCodes()[observation.UnmatchedTaxon])
	if err != nil {
		return nil, interrupted(ctx, classify(err))
	}
	defer rows.Close()
	for rows.Next() {
		var u UnmatchedName
		if err := rows.Scan(&u.Cited, &u.CdNom, &u.Dataset, &u.Rows); err != nil {
			return nil, classify(err)
		}
		list = append(list, u)
	}
	return list, interrupted(ctx, classify(rows.Err()))
}

// Unmatched calls f with each live observation held because its taxon is not known, like
// Observations, with everything it holds.
func (db *DB) Unmatched(ctx context.Context, g disclosure.Grant, f func(o *observation.Observation) error) (err error) {
	entry, err := db.record(ctx, g, Complete)
	if err != nil {
		fault.Wrap(&err, "vault.Unmatched")
		return err
	}
	n, err := db.scan(ctx, Complete, `WHERE held = '`+holdCodes()[observation.UnmatchedTaxon]+`' AND withdrawn IS NULL`, f)
	if jerr := db.endRecord(ctx, entry, n, err); err == nil {
		err = jerr
	}
	return err
}

// TaxonCount is how many live observations bear a name.
type TaxonCount struct {
	CdNom taxon.CdNom // the code received, or the taxon of those known by name
	CdRef taxon.CdRef // 0 when unmatched
	Rows  int
	Shown int // of Rows, those not held
}

// TaxonCounts counts the live observations by name, in order of code.
func (db *DB) TaxonCounts(ctx context.Context) (list []TaxonCount, err error) {
	defer fault.Wrap(&err, "vault.TaxonCounts")
	rows, err := db.read.QueryContext(ctx, `SELECT COALESCE(cd_nom, cd_ref, 0), COALESCE(cd_ref, 0), COUNT(*),
		SUM(CASE WHEN held IS NULL THEN 1 ELSE 0 END) FROM observation WHERE withdrawn IS NULL
		GROUP BY COALESCE(cd_nom, cd_ref, 0), COALESCE(cd_ref, 0) ORDER BY 1, 2`)
	if err != nil {
		return nil, interrupted(ctx, classify(err))
	}
	defer rows.Close()
	for rows.Next() {
		var c TaxonCount
		if err := rows.Scan(&c.CdNom, &c.CdRef, &c.Rows, &c.Shown); err != nil {
			return nil, classify(err)
		}
		list = append(list, c)
	}
	return list, interrupted(ctx, classify(rows.Err()))
}

// DatasetSources returns the source each dataset last came from, for those that came from one.
func (db *DB) DatasetSources(ctx context.Context) (_ map[dataset.ID]string, err error) {
	defer fault.Wrap(&err, "vault.DatasetSources")
	rows, err := db.read.QueryContext(ctx, `SELECT d.dataset, b.source FROM batch_dataset d JOIN batch b ON b.id = d.batch
		WHERE b.source IS NOT NULL ORDER BY b.id`)
	if err != nil {
		return nil, interrupted(ctx, classify(err))
	}
	defer rows.Close()
	sources := map[dataset.ID]string{}
	for rows.Next() {
		var id dataset.ID
		var source string
		if err := rows.Scan(&id, &source); err != nil {
			return nil, classify(err)
		}
		sources[id] = source
	}
	return sources, interrupted(ctx, classify(rows.Err()))
}
