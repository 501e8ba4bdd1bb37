package ingest

import (
	"context"
	"slices"
	"strings"

	"garrigue/internal/consent"
	"garrigue/internal/dataset"
	"garrigue/internal/fault"
	"garrigue/internal/observation"
	"garrigue/internal/quality"
	"garrigue/internal/vault"
)

const (
	// mostWithdrawn is the share of its observations that a complete file may lack.
	mostWithdrawn = 0.2
	// fewWithdrawn is how many may always be lacking: a small dataset may well lose a half.
	fewWithdrawn = 100
)

// deleted reads a row that tells only that its observation is no more at its source, and
// reports whether it is one. Of such a row nothing but the key is looked at. Without a key of
// its producer's nobody can tell which observation it was.
func (m *mapper) deleted(out *mapped) bool {
	if m.get(fLastAction) != "D" {
		return false
	}
	out.deleted = true
	if out.keyless != 0 {
		m.found = append(m.found, quality.Finding{Code: quality.DeletedAtSource})
	}
	out.findings = m.found
	for _, f := range m.found {
		out.rejected = out.rejected || f.Code.Severity() == quality.Reject
	}
	return true
}

// withdraw withdraws the observation of a deleted row.
func (w *writer) withdraw(ctx context.Context, m *mapped) error {
	out, err := w.batch.Withdraw(ctx, w.known(&m.dataset), m.obs.SourceKey)
	if err != nil {
		return err
	}
	if out == vault.Withdrawn {
		w.rep.Withdrawn++
	} else {
		w.rep.Unchanged++
	}
	return nil
}

// keep tells the vault that the source still has a row that could not be taken.
func (w *writer) keep(ctx context.Context, m *mapped) error {
	d := w.known(&m.dataset)
	if !w.o.Complete || m.obs.SourceKey == "" || d == 0 {
		return nil
	}
	return w.batch.Keep(ctx, d, m.obs.SourceKey)
}

// known returns the dataset a row names if the vault has it, 0 otherwise: a row that brings
// nothing creates none.
func (w *writer) known(ref *datasetRef) dataset.ID {
	if d, ok := w.datasets[datasetRef{uuid: ref.uuid, name: ref.name}]; ok {
		return d.ID
	}
	found := dataset.ID(0)
	for _, d := range w.before {
		switch {
		case ref.uuid != "" && strings.EqualFold(d.UUID, ref.uuid):
			return d.ID
		case d.Name == ref.name && (d.UUID == "" || ref.uuid == "") && d.ID > found:
			found = d.ID
		}
	}
	return found
}

// missing withdraws what a complete file lacks, unless that is so much that the file is more
// likely to be cut than its source to have shrunk.
func (w *writer) missing(ctx context.Context) error {
	if !w.o.Complete {
		return nil
	}
	m, err := w.batch.Missing(ctx)
	if err != nil {
		return err
	}
	most := w.o.MaxWithdrawn
	if most <= 0 {
		most = mostWithdrawn
	}
	w.rep.Missing = m.Lacked
	w.rep.Withdrawn += m.Lacked
	if lacked, living, much := m.TooMany(most, fewWithdrawn); much && !w.o.ForceWithdraw {
		if !w.o.DryRun {
			return fault.Say(fault.Conflict, "ingest.lacks_many", w.rep.File, lacked, living, int(most*100))
		}
		w.rep.TooMany = true
		return nil
	}
	return w.batch.WithdrawMissing(ctx, m)
}

// agree sets what the observers' choices ask for.
func (im *Importer) agree(o *observation.Observation, d *dataset.Dataset, source string) {
	o.Consent, o.ConsentDefault = "", false
	if im.ledger.Empty() {
		return
	}
	f := consent.Facts{Observers: o.Observers, Source: source, Dataset: d.Name, DatasetUUID: d.UUID,
		Organisation: o.Organisation, Start: o.When.Start, End: o.When.End}
	v := im.ledger.For(f)
	// What was imported by hand before a source brought it unchanged is of that source too.
	if roads := im.roads[d.ID]; source == "" && len(roads) > 0 {
		v = consent.Verdict{}
		for _, f.Source = range roads {
			if of := im.ledger.For(f); of.Precision != "" && (v.Precision == "" || of.Precision.Level() > v.Precision.Level()) {
				v = of
			}
		}
	}
	o.Consent, o.ConsentDefault = string(v.Precision), v.Default
}

// datasetsByID reads what a choice may name.
func (im *Importer) datasetsByID(ctx context.Context) (map[dataset.ID]dataset.Dataset, error) {
	list, err := im.db.Datasets(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[dataset.ID]dataset.Dataset, len(list))
	for _, d := range list {
		out[d.ID] = d
	}
	return out, nil
}

// alongside hashes the source's bytes while something else is done; the answer waits for it.
func (s *source) alongside(ctx context.Context) (wait func() (string, error), stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	var sum string
	var err error
	go func() {
		defer close(done)
		sum, err = s.sha256(ctx)
	}()
	return func() (string, error) { <-done; return sum, err }, func() { cancel(); <-done }
}

// storable returns a text that every engine can hold: valid, and without the zero byte.
func storable(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	return s
}

func storableAll(list []string) []string {
	out := slices.Clone(list)
	for i := range out {
		out[i] = storable(out[i])
	}
	return out
}
