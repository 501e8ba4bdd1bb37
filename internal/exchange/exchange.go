// Package exchange writes exact observations in the forms others read: the French standard
// Occurrences de taxons, from which an empty vault can be filled again with the same content.
//
// It decides nothing about who may receive them: the caller has a grant, which the vault
// records. What it writes is precise and personal data.
package exchange

import (
	"bufio"
	"context"
	"encoding/csv"
	"io"

	"garrigue/internal/dataset"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/observation"
	"garrigue/internal/vault"
)

// Options choose what is written.
type Options struct {
	// Datasets are names or UUIDs; none for all.
	Datasets []string
	Progress func(rows int)
}

// Result counts what was written.
type Result struct {
	Rows     int `json:"rows"`
	Datasets int `json:"datasets"`
	// Approximate counts the rows whose date the standard cannot say as it is known.
	Approximate int `json:"approximate"`
}

// Standard writes observations of the vault as one table of the standard Occurrences de
// taxons v2.0: CSV (RFC 4180) in UTF-8 with a comma, one row per observation, geometries in WKT
// (WGS84, full precision), columns without a place in the standard together as a JSON object
// in attributsAdditionnels. Imported into an empty vault with the same references, it gives the
// same content, under the same identifiers.
//
// Errors: NotFound for a dataset the vault does not know; those of the vault and of w.
func Standard(ctx context.Context, db *vault.DB, g disclosure.Grant, w io.Writer, o Options) (_ Result, err error) {
	defer fault.Wrap(&err, "exchange.Standard")
	known, wanted, err := choose(ctx, db, o.Datasets)
	if err != nil {
		return Result{}, err
	}
	buffer := bufio.NewWriterSize(w, 1<<20)
	out := csv.NewWriter(buffer)
	if err := out.Write(columns()); err != nil {
		return Result{}, err
	}
	var res Result
	met := map[dataset.ID]bool{}
	line := make([]string, 0, len(columns()))
	err = db.Observations(ctx, g, vault.Complete, func(obs *observation.Observation) error {
		if !wanted(obs.Dataset) {
			return nil
		}
		d := known[obs.Dataset]
		var exact bool
		if line, exact, err = appendRow(line[:0], obs, d); err != nil {
			return err
		}
		if !exact {
			res.Approximate++
		}
		if err := out.Write(line); err != nil {
			return err
		}
		res.Rows++
		met[obs.Dataset] = true
		if o.Progress != nil && res.Rows%10_000 == 0 {
			o.Progress(res.Rows)
		}
		return nil
	})
	if err != nil {
		return Result{}, err
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return Result{}, err
	}
	res.Datasets = len(met)
	return res, buffer.Flush()
}

// choose returns the datasets by number, and which of them are asked for.
func choose(ctx context.Context, db *vault.DB, names []string) (map[dataset.ID]dataset.Dataset, func(dataset.ID) bool, error) {
	list, err := db.Datasets(ctx)
	if err != nil {
		return nil, nil, err
	}
	known := make(map[dataset.ID]dataset.Dataset, len(list))
	chosen := map[dataset.ID]bool{}
	for _, d := range list {
		known[d.ID] = d
	}
	for _, name := range names {
		n := len(chosen)
		for _, d := range list {
			if d.Name == name || d.UUID != "" && d.UUID == name {
				chosen[d.ID] = true
			}
		}
		if len(chosen) == n {
			return nil, nil, fault.Say(fault.NotFound, "exchange.no_dataset", name)
		}
	}
	return known, func(id dataset.ID) bool { return len(names) == 0 || chosen[id] }, nil
}
