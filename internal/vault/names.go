package vault

import (
	"context"
	"database/sql"
	"iter"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/taxon"
)

// nameTexts are the text columns of taxon_name, in the order of nameFields.
const nameTexts = `rank, scientific_name, author, full_name, vernacular, vernacular_en, kingdom, phylum,
	class, taxon_order, family, group1, group2, group3, habitat, status_fr`

func nameFields(n *taxon.Name) [16]*string {
	return [...]*string{(*string)(&n.Rank), &n.ScientificName, &n.Author, &n.FullName, &n.Vernacular, &n.VernacularEN,
		&n.Kingdom, &n.Phylum, &n.Class, &n.Order, &n.Family, &n.Group1, &n.Group2, &n.Group3, &n.Habitat, &n.StatusFR}
}

// PutNames stores TAXREF names.
func (db *DB) PutNames(ctx context.Context, ref Reference, rows iter.Seq2[taxon.Name, error]) (Reference, error) {
	columns := append([]string{"cd_ref", "cd_sup"}, columnList(nameTexts)...)
	merge := make([]string, len(columns))
	for i, c := range columns {
		merge[i] = c + " = COALESCE(excluded." + c + ", taxon_name." + c + ")"
	}
	text := `INSERT INTO taxon_name (cd_nom, reference, cd_ref, cd_sup, ` + nameTexts + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
		ON CONFLICT (cd_nom) DO UPDATE SET reference = excluded.reference, ` + strings.Join(merge, ", ")
	return put(ctx, db, ref, load{classing: true}, rows, func(b *bulk, id int64) (func(*taxon.Name) error, error) {
		s, err := b.statement(text)
		return func(n *taxon.Name) error {
			v := values{s: s}
			v.int(int64(n.CdNom))
			v.int(id)
			v.code(int64(n.CdRef))
			v.code(int64(n.Parent))
			for _, f := range nameFields(n) {
				v.text(*f)
			}
			return run(s)
		}, err
	})
}

// Names returns every TAXREF name, in order of CD_NOM.
func (db *DB) Names(ctx context.Context) iter.Seq2[taxon.Name, error] {
	return query(ctx, db, "vault.Names", `SELECT cd_nom, COALESCE(cd_ref, 0), COALESCE(cd_sup, 0), `+nameTexts+`
		FROM taxon_name ORDER BY cd_nom`, func() func(rows *sql.Rows, n *taxon.Name) error {
		var texts [16]sql.NullString
		into := make([]any, 3, 19)
		for i := range texts {
			into = append(into, &texts[i])
		}
		return func(rows *sql.Rows, n *taxon.Name) error {
			into[0], into[1], into[2] = &n.CdNom, &n.CdRef, &n.Parent
			if err := rows.Scan(into...); err != nil {
				return err
			}
			for i, f := range nameFields(n) {
				*f = texts[i].String
			}
			return nil
		}
	})
}

// query yields the rows of a read; scanner is called once per use of the sequence.
func query[T any](ctx context.Context, db *DB, where, text string,
	scanner func() func(rows *sql.Rows, row *T) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		fail := func(err error) {
			fault.Wrap(&err, "%s", where)
			var none T
			yield(none, err)
		}
		rows, err := db.read.QueryContext(ctx, text)
		if err != nil {
			fail(classify(err))
			return
		}
		defer rows.Close()
		scan := scanner()
		for rows.Next() {
			var row T
			if err := scan(rows, &row); err != nil {
				fail(classify(err))
				return
			}
			if !yield(row, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			fail(interrupted(ctx, classify(err)))
		}
	}
}

// PutWithdrawn stores CDNOM_DISPARUS.
func (db *DB) PutWithdrawn(ctx context.Context, ref Reference, rows iter.Seq2[taxon.Withdrawn, error]) (Reference, error) {
	l := load{classing: true, supersede: func(b *bulk, old int64) error {
		_, err := b.exec(`DELETE FROM taxon_withdrawn WHERE reference = $1`, old)
		return err
	}}
	return put(ctx, db, ref, l, rows, func(b *bulk, id int64) (func(*taxon.Withdrawn) error, error) {
		return func(w *taxon.Withdrawn) error {
			_, err := b.exec(`INSERT INTO taxon_withdrawn (cd_nom, replacement, reason, reference) VALUES ($1, $2, $3, $4)
				ON CONFLICT (cd_nom) DO UPDATE SET replacement = excluded.replacement, reason = excluded.reason,
					reference = excluded.reference`,
				int64(w.CdNom), nullCode(w.Replacement), null(w.Reason), id)
			return err
		}, nil
	})
}

// Withdrawn returns the withdrawn codes, in order of CD_NOM.
func (db *DB) Withdrawn(ctx context.Context) iter.Seq2[taxon.Withdrawn, error] {
	return query(ctx, db, "vault.Withdrawn", `SELECT cd_nom, COALESCE(replacement, 0), COALESCE(reason, '')
		FROM taxon_withdrawn ORDER BY cd_nom`, func() func(*sql.Rows, *taxon.Withdrawn) error {
		return func(rows *sql.Rows, w *taxon.Withdrawn) error {
			return rows.Scan(&w.CdNom, &w.Replacement, &w.Reason)
		}
	})
}

// PutStatuses stores statuses.
func (db *DB) PutStatuses(ctx context.Context, ref Reference, rows iter.Seq2[taxon.Status, error]) (Reference, error) {
	l := load{supersede: func(b *bulk, old int64) error {
		_, err := b.exec(`DELETE FROM status WHERE reference = $1`, old)
		return err
	}}
	return put(ctx, db, ref, l, rows, func(b *bulk, id int64) (func(*taxon.Status) error, error) {
		number := 0
		return func(t *taxon.Status) error {
			number++
			_, err := b.exec(`INSERT INTO status (reference, number, cd_ref, type, type_label, code, label, remark,
				territory, citation, url) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
				id, number, int64(t.CdRef), null(t.Type), null(t.TypeLabel), null(t.Code), null(t.Label), null(t.Remark),
				null(t.Territory), null(t.Citation), null(t.URL))
			return err
		}, nil
	})
}

// Statuses returns the statuses, in order of CD_REF. A row that two files give in the same
// words comes once.
func (db *DB) Statuses(ctx context.Context) iter.Seq2[taxon.Status, error] {
	all := query(ctx, db, "vault.Statuses", `SELECT cd_ref, COALESCE(type, ''), COALESCE(type_label, ''),
		COALESCE(code, ''), COALESCE(label, ''), COALESCE(remark, ''), COALESCE(territory, ''), COALESCE(citation, ''),
		COALESCE(url, '') FROM status
		ORDER BY cd_ref, type, territory, code, label, remark, citation, url, type_label, reference, number`,
		func() func(*sql.Rows, *taxon.Status) error {
			return func(rows *sql.Rows, t *taxon.Status) error {
				return rows.Scan(&t.CdRef, &t.Type, &t.TypeLabel, &t.Code, &t.Label, &t.Remark, &t.Territory, &t.Citation, &t.URL)
			}
		})
	return func(yield func(taxon.Status, error) bool) {
		var last taxon.Status
		for t, err := range all {
			if err == nil && t == last {
				continue
			}
			last = t
			if !yield(t, err) {
				return
			}
		}
	}
}
