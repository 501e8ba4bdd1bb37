package vault

import (
	"context"
	"database/sql"
	"time"

	"garrigue/internal/civil"
	"garrigue/internal/consent"
	"garrigue/internal/fault"
)

// RecordChoices adds choices and defaults to the ledger, all or none; nothing in it is ever
// changed or removed, the latest decides. Observations have to be classed again (Generation).
// A choice without an observer, with a precision that is not in the list, or of years in the
// wrong order, is Invalid.
func (db *DB) RecordChoices(ctx context.Context, list ...consent.Choice) (err error) {
	defer fault.Wrap(&err, "vault.RecordChoices")
	return db.inRegister(ctx, func(tx *sql.Tx) error {
		for _, c := range list {
			switch {
			case c.Explicit && len(consent.People(c.Observer)) != 1:
				return fault.Say(fault.Invalid, "vault.consent_observer")
			case !c.Upto.Valid():
				return fault.Say(fault.Invalid, "vault.consent_precision", string(c.Upto))
			case c.Scope.To != 0 && c.Scope.From > c.Scope.To: // it would cover nothing, a refusal included
				return fault.Say(fault.Invalid, "vault.consent_years", c.Scope.From, c.Scope.To)
			}
			id, err := registerID(ctx, tx, "consent")
			if err != nil {
				return err
			}
			kind, person := "default", ""
			if c.Explicit {
				kind, person = "explicit", consent.People(c.Observer)[0]
			} else {
				c.Observer = ""
			}
			if c.Date == civil.NoDate {
				c.Date = civil.Of(time.Now())
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO consent_choice (id, kind, person, display, source, dataset, organisation,
				date_from, date_to, precision_code, decided, wording, recorded_at, recorded_by)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`, id, kind, null(person), null(c.Observer),
				null(c.Scope.Source), null(c.Scope.Dataset), null(c.Scope.Organisation), nullCode(int64(c.Scope.From)), nullCode(int64(c.Scope.To)),
				string(c.Upto), c.Date.String(), null(c.Wording), now(), null(c.By)); err != nil {
				return classify(err)
			}
		}
		_, err := registerID(ctx, tx, registerGeneration)
		return err
	})
}

// registerGeneration counts the changes of the register that classing depends on.
const registerGeneration = "generation"

// Choices lists the whole ledger, in the order it was written.
func (db *DB) Choices(ctx context.Context) (list []consent.Choice, err error) {
	err = db.registerRows(ctx, `SELECT id, kind, COALESCE(display, ''), COALESCE(source, ''), COALESCE(dataset, ''),
		COALESCE(organisation, ''), COALESCE(date_from, 0), COALESCE(date_to, 0), precision_code, decided, COALESCE(wording, ''),
		recorded_at, COALESCE(recorded_by, '') FROM consent_choice ORDER BY id`, nil, func(rows *sql.Rows) error {
		var c consent.Choice
		var kind, decided string
		if err := rows.Scan(&c.ID, &kind, &c.Observer, &c.Scope.Source, &c.Scope.Dataset, &c.Scope.Organisation, &c.Scope.From,
			&c.Scope.To, &c.Upto, &decided, &c.Wording, &c.Recorded, &c.By); err != nil {
			return err
		}
		c.Explicit = kind == "explicit"
		c.Date, _ = civil.Parse(decided)
		list = append(list, c)
		return nil
	})
	return list, err
}

// PutWording keeps the text that people answered to, under a short name. A name that already
// stands for another text is a Conflict: what people agreed to does not change.
func (db *DB) PutWording(ctx context.Context, name, text string) (err error) {
	defer fault.Wrap(&err, "vault.PutWording")
	return db.inRegister(ctx, func(tx *sql.Tx) error {
		var known string
		err := tx.QueryRowContext(ctx, `SELECT wording FROM consent_wording WHERE id = $1`, name).Scan(&known)
		switch {
		case err == nil && known != text:
			return fault.Say(fault.Conflict, "vault.consent_wording", name)
		case err == nil:
			return nil
		case err != sql.ErrNoRows:
			return classify(err)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO consent_wording (id, wording) VALUES ($1, $2)`, name, text)
		return classify(err)
	})
}

// Wordings returns the texts by their names.
func (db *DB) Wordings(ctx context.Context) (texts map[string]string, err error) {
	texts = map[string]string{}
	err = db.registerRows(ctx, `SELECT id, wording FROM consent_wording`, nil, func(rows *sql.Rows) error {
		var id, text string
		if err := rows.Scan(&id, &text); err != nil {
			return err
		}
		texts[id] = text
		return nil
	})
	return texts, err
}

// ConsentCount is how many living observations have one answer of the ledger.
type ConsentCount struct {
	Precision string `json:"precision"` // "" when the ledger says nothing of them
	Default   bool   `json:"default"`
	Public    bool   `json:"public"` // data of public authorities, which no answer blurs
	Rows      int    `json:"rows"`
}

// ConsentCounts counts the observations by the answer they were last classed with.
func (db *DB) ConsentCounts(ctx context.Context) (list []ConsentCount, err error) {
	defer fault.Wrap(&err, "vault.ConsentCounts")
	rows, err := db.read.QueryContext(ctx, `SELECT COALESCE(consent, ''), COALESCE(consent_default, 0),
		CASE WHEN public IN ('Pu', 'Re', 'Ac') THEN 1 ELSE 0 END AS owned, COUNT(*) FROM observation WHERE withdrawn IS NULL
		GROUP BY COALESCE(consent, ''), COALESCE(consent_default, 0), CASE WHEN public IN ('Pu', 'Re', 'Ac') THEN 1 ELSE 0 END
		ORDER BY 1, 2, 3`)
	if err != nil {
		return nil, interrupted(ctx, classify(err))
	}
	defer rows.Close()
	for rows.Next() {
		var c ConsentCount
		var byDefault, public int
		if err := rows.Scan(&c.Precision, &byDefault, &public, &c.Rows); err != nil {
			return nil, classify(err)
		}
		c.Default, c.Public = byDefault != 0, public != 0
		list = append(list, c)
	}
	return list, interrupted(ctx, classify(rows.Err()))
}
