package vault

import (
	"context"
	"strings"

	"garrigue/internal/dataset"
	"garrigue/internal/fault"
)

const datasetColumns = `id, COALESCE(uuid, ''), name, COALESCE(organisation, ''), COALESCE(framework, ''), COALESCE(public, '')`

// EnsureDataset returns the dataset with this UUID, or else this name, creating it. What d
// says of a known dataset and the vault did not know yet (its UUID, framework, dSPublique)
// is added; the organisation is the one last given. While a batch of this DB is open the dataset
// belongs to it, and goes with it when it is rolled back.
func (db *DB) EnsureDataset(ctx context.Context, d dataset.Dataset) (_ dataset.Dataset, err error) {
	defer fault.Wrap(&err, "vault.EnsureDataset")
	if b := db.open.Load(); b != nil {
		if got, open, err := b.ensureDataset(d); open {
			return got, err
		}
	}
	err = db.tx(ctx, func(b *bulk) (err error) {
		d, err = b.ensureDataset(d)
		return err
	})
	return d, err
}

func (b *bulk) ensureDataset(d dataset.Dataset) (dataset.Dataset, error) {
	d.UUID = strings.ToLower(strings.TrimSpace(d.UUID))
	d.Name = strings.TrimSpace(d.Name)
	if d.Name == "" {
		d.Name = d.UUID
	}
	if d.Name == "" {
		return d, fault.Say(fault.Invalid, "vault.dataset_unnamed")
	}
	var known dataset.Dataset
	read := func(s row) error {
		known = dataset.Dataset{ID: dataset.ID(s.ColumnInt64(0)), UUID: s.ColumnText(1), Name: s.ColumnText(2),
			Organisation: s.ColumnText(3), Framework: s.ColumnText(4), Public: s.ColumnText(5)}
		return nil
	}
	if d.UUID != "" {
		if err := b.rows(`SELECT `+datasetColumns+` FROM dataset WHERE uuid = $1`, []any{d.UUID}, read); err != nil {
			return d, err
		}
	}
	if known.ID == 0 {
		// A dataset of the same name that already bears another UUID is another one.
		if err := b.rows(`SELECT `+datasetColumns+` FROM dataset
			WHERE name = $1 AND (uuid IS NULL OR $2 = '') ORDER BY id DESC`, []any{d.Name, d.UUID}, read); err != nil {
			return d, err
		}
	}
	if known.ID == 0 {
		id, err := b.id("dataset")
		if err != nil {
			return d, err
		}
		d.ID = dataset.ID(id)
		_, err = b.exec(`INSERT INTO dataset (id, uuid, name, organisation, framework, public) VALUES ($1, $2, $3, $4, $5, $6)`,
			id, null(d.UUID), d.Name, null(d.Organisation), null(d.Framework), null(d.Public))
		return d, err
	}
	merged := known
	for _, f := range []struct{ to, from *string }{{&merged.UUID, &d.UUID}, {&merged.Organisation, &d.Organisation},
		{&merged.Framework, &d.Framework}, {&merged.Public, &d.Public}} {
		if *f.from != "" {
			*f.to = *f.from
		}
	}
	if merged == known {
		return known, nil
	}
	_, err := b.exec(`UPDATE dataset SET uuid = $2, organisation = $3, framework = $4, public = $5 WHERE id = $1`,
		int64(merged.ID), null(merged.UUID), null(merged.Organisation), null(merged.Framework), null(merged.Public))
	return merged, err
}

// Datasets lists the datasets, by name.
func (db *DB) Datasets(ctx context.Context) (list []dataset.Dataset, err error) {
	defer fault.Wrap(&err, "vault.Datasets")
	rows, err := db.read.QueryContext(ctx, `SELECT `+datasetColumns+` FROM dataset ORDER BY name, id`)
	if err != nil {
		return nil, classify(err)
	}
	defer rows.Close()
	for rows.Next() {
		var d dataset.Dataset
		if err := rows.Scan(&d.ID, &d.UUID, &d.Name, &d.Organisation, &d.Framework, &d.Public); err != nil {
			return nil, classify(err)
		}
		list = append(list, d)
	}
	return list, classify(rows.Err())
}
