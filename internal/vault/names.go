package vault

import (
	"context"
	"database/sql"
	"errors"
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

// completeTaxref is the scope of the references that are a whole version of TAXREF.
const completeTaxref = "complete"

// PutNames stores TAXREF names: an extract, or a list that completes another.
func (db *DB) PutNames(ctx context.Context, ref Reference, rows iter.Seq2[taxon.Name, error]) (Reference, error) {
	return db.putNames(ctx, ref, load{classing: true}, rows)
}

// PutTaxref stores a whole version of TAXREF. What a former whole version had and this one
// has not, no longer is; extracts and lists loaded beside stay.
func (db *DB) PutTaxref(ctx context.Context, ref Reference, rows iter.Seq2[taxon.Name, error]) (Reference, error) {
	return db.putNames(ctx, ref, load{classing: true, scope: completeTaxref}, rows)
}

func (db *DB) putNames(ctx context.Context, ref Reference, l load, rows iter.Seq2[taxon.Name, error]) (Reference, error) {
	columns := append([]string{"cd_ref", "cd_sup"}, columnList(nameTexts)...)
	merge := make([]string, len(columns))
	for i, c := range columns {
		merge[i] = c + " = COALESCE(excluded." + c + ", taxon_name." + c + ")"
	}
	text := `INSERT INTO taxon_name (cd_nom, reference, cd_ref, cd_sup, ` + nameTexts + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
		ON CONFLICT (cd_nom) DO UPDATE SET reference = excluded.reference, ` + strings.Join(merge, ", ")
	return put(ctx, db, ref, l, rows, func(b *bulk, id int64) (func(*taxon.Name) error, error) {
		if l.scope == completeTaxref {
			if err := b.endVersions(id); err != nil {
				return nil, err
			}
		}
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

// endVersions removes the names of the whole versions of TAXREF before this one.
func (b *bulk) endVersions(id int64) error {
	if _, err := b.exec(`DELETE FROM taxon_name WHERE reference IN
		(SELECT id FROM reference WHERE kind = 'taxref' AND scope = $1)`, completeTaxref); err != nil {
		return err
	}
	_, err := b.exec(`UPDATE reference SET current = 0 WHERE kind = 'taxref' AND scope = $1 AND id <> $2`, completeTaxref, id)
	return err
}

// VersionNames returns the codes of the names that the whole version of TAXREF in force
// brought, which the next one ends; empty when only extracts are loaded.
func (db *DB) VersionNames(ctx context.Context) (_ map[taxon.CdNom]bool, err error) {
	codes := map[taxon.CdNom]bool{}
	for cd, err := range query(ctx, db, "vault.VersionNames", `SELECT cd_nom FROM taxon_name WHERE reference IN
		(SELECT id FROM reference WHERE kind = 'taxref' AND scope = 'complete')`, func() func(*sql.Rows, *taxon.CdNom) error {
		return func(rows *sql.Rows, cd *taxon.CdNom) error { return rows.Scan(cd) }
	}) {
		if err != nil {
			return nil, err
		}
		codes[cd] = true
	}
	return codes, nil
}

// Names returns every TAXREF name, in order of CD_NOM.
func (db *DB) Names(ctx context.Context) iter.Seq2[taxon.Name, error] {
	return func(yield func(taxon.Name, error) bool) {
		enough, d := errors.New("enough"), decoder{words: map[string]string{}}
		err := db.dialect.scan(ctx, "vault", `SELECT cd_nom, cd_ref, cd_sup, `+nameTexts+` FROM taxon_name ORDER BY cd_nom`, func(r row) error {
			d.s, d.n = r, 0
			n := taxon.Name{CdNom: taxon.CdNom(d.int()), CdRef: taxon.CdRef(d.int()), Parent: taxon.CdNom(d.int())}
			for i, f := range nameFields(&n) {
				if i > 0 && i < 6 { // of this name alone; the others come back over and over
					*f = d.text()
				} else {
					*f = d.word()
				}
			}
			if !yield(n, nil) {
				return enough
			}
			return nil
		})
		if err != nil && err != enough {
			err = interrupted(ctx, classify(err))
			fault.Wrap(&err, "vault.Names")
			yield(taxon.Name{}, err)
		}
	}
}

// query yields the rows of a read; scanner is called once per use of the sequence.
func query[T any](ctx context.Context, db *DB, where, text string,
	scanner func() func(rows *sql.Rows, row *T) error, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		fail := func(err error) {
			fault.Wrap(&err, "%s", where)
			var none T
			yield(none, err)
		}
		rows, err := db.read.QueryContext(ctx, text, args...)
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

// PutWithdrawn stores CDNOM_DISPARUS. A code that comes several times with different
// replacements was split.
func (db *DB) PutWithdrawn(ctx context.Context, ref Reference, rows iter.Seq2[taxon.Withdrawn, error]) (Reference, error) {
	l := load{classing: true, supersede: func(b *bulk, old int64) error {
		for _, table := range [...]string{"taxon_withdrawn", "taxon_replacement"} {
			if _, err := b.exec(`DELETE FROM `+table+` WHERE reference = $1`, old); err != nil {
				return err
			}
		}
		return nil
	}}
	return put(ctx, db, ref, l, rows, func(b *bulk, id int64) (func(*taxon.Withdrawn) error, error) {
		first := map[taxon.CdNom]taxon.CdNom{} // replacement of each code in this file
		return func(w *taxon.Withdrawn) error {
			to, again := first[w.CdNom]
			if again && (w.Replacement == 0 || w.Replacement == to) {
				return nil
			}
			if again && to != 0 {
				return b.later(`INSERT INTO taxon_replacement (cd_nom, replacement, reference) VALUES ($1, $2, $3)
					ON CONFLICT (cd_nom, replacement) DO UPDATE SET reference = excluded.reference`,
					int64(w.CdNom), int64(w.Replacement), id)
			}
			first[w.CdNom] = w.Replacement
			return b.later(`INSERT INTO taxon_withdrawn (cd_nom, replacement, reason, reference) VALUES ($1, $2, $3, $4)
				ON CONFLICT (cd_nom) DO UPDATE SET replacement = excluded.replacement, reason = excluded.reason,
					reference = excluded.reference`,
				int64(w.CdNom), nullCode(w.Replacement), null(w.Reason), id)
		}, nil
	})
}

// Withdrawn returns the withdrawn codes, in order of CD_NOM; one that was split, as many
// times as it has replacements.
func (db *DB) Withdrawn(ctx context.Context) iter.Seq2[taxon.Withdrawn, error] {
	return query(ctx, db, "vault.Withdrawn", `SELECT cd_nom, COALESCE(replacement, 0), COALESCE(reason, ''), 0 AS further
			FROM taxon_withdrawn
		UNION ALL SELECT r.cd_nom, r.replacement, COALESCE(w.reason, ''), 1 FROM taxon_replacement r
			JOIN taxon_withdrawn w ON w.cd_nom = r.cd_nom ORDER BY 1, 4, 2`, func() func(*sql.Rows, *taxon.Withdrawn) error {
		return func(rows *sql.Rows, w *taxon.Withdrawn) error {
			var further int
			return rows.Scan(&w.CdNom, &w.Replacement, &w.Reason, &further)
		}
	})
}

// Code is the code of a taxon in a system other than TAXREF.
type Code struct {
	Code  string
	CdNom taxon.CdNom
}

// VisioNature is the system of the species of VisioNature sites.
const VisioNature = "visionature"

// PutCodes stores the codes of a system.
func (db *DB) PutCodes(ctx context.Context, ref Reference, system string, rows iter.Seq2[Code, error]) (Reference, error) {
	l := load{classing: true, scope: system, supersede: func(b *bulk, old int64) error {
		_, err := b.exec(`DELETE FROM taxon_code WHERE reference = $1`, old)
		return err
	}}
	return put(ctx, db, ref, l, rows, func(b *bulk, id int64) (func(*Code) error, error) {
		return func(c *Code) error {
			return b.later(`INSERT INTO taxon_code (system, code, cd_nom, reference) VALUES ($1, $2, $3, $4)
				ON CONFLICT (system, code) DO UPDATE SET cd_nom = excluded.cd_nom, reference = excluded.reference`,
				system, c.Code, int64(c.CdNom), id)
		}, nil
	})
}

// Codes returns the codes of a system.
func (db *DB) Codes(ctx context.Context, system string) (_ map[string]taxon.CdNom, err error) {
	defer fault.Wrap(&err, "vault.Codes(%s)", system)
	rows, err := db.read.QueryContext(ctx, `SELECT code, cd_nom FROM taxon_code WHERE system = $1`, system)
	if err != nil {
		return nil, interrupted(ctx, classify(err))
	}
	defer rows.Close()
	codes := map[string]taxon.CdNom{}
	for rows.Next() {
		var c Code
		if err := rows.Scan(&c.Code, &c.CdNom); err != nil {
			return nil, classify(err)
		}
		codes[c.Code] = c.CdNom
	}
	return codes, interrupted(ctx, classify(rows.Err()))
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
			return b.later(`INSERT INTO status (reference, number, cd_ref, type, type_label, code, label, remark,
				territory, citation, url) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
				id, number, int64(t.CdRef), null(t.Type), null(t.TypeLabel), null(t.Code), null(t.Label), null(t.Remark),
				null(t.Territory), null(t.Citation), null(t.URL))
		}, nil
	})
}

// StatusesOf returns the statuses of the current version of the reference of a name, in the
// order of their file.
func (db *DB) StatusesOf(ctx context.Context, name string) iter.Seq2[taxon.Status, error] {
	return query(ctx, db, "vault.StatusesOf", `SELECT s.cd_ref, COALESCE(s.type, ''), COALESCE(s.type_label, ''), COALESCE(s.code, ''),
		COALESCE(s.label, ''), COALESCE(s.remark, ''), COALESCE(s.territory, ''), COALESCE(s.citation, ''), COALESCE(s.url, '')
		FROM status s JOIN reference r ON r.id = s.reference WHERE r.current = 1 AND r.name = $1 ORDER BY s.reference, s.number`,
		func() func(*sql.Rows, *taxon.Status) error {
			return func(rows *sql.Rows, t *taxon.Status) error {
				return rows.Scan(&t.CdRef, &t.Type, &t.TypeLabel, &t.Code, &t.Label, &t.Remark, &t.Territory, &t.Citation, &t.URL)
			}
		}, name)
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
