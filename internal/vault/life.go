package vault

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"garrigue/internal/dataset"
	"garrigue/internal/fault"
)

// Events of history that replace no content.
const (
	eventWithdrawn = "withdrawn"
	eventReturned  = "returned"
)

// cause is what gave an observation another class: a run of classing or a batch.
type cause struct{ run, batch int64 }

// Withdraw withdraws the observation of a key: its source says that it is no more. It is kept
// with its history, and nothing gives it out but History, Twins and a copy of the vault. The
// answer is Withdrawn, or Unchanged when there is none that lives.
//
// A list of deletions often has but the key: when d has none of it, the other datasets that
// the same source brought are looked in. What another source brought stays.
func (b *Batch) Withdraw(ctx context.Context, d dataset.ID, key string) (_ Outcome, err error) {
	defer fault.Wrap(&err, "vault.Withdraw (batch %d)", b.info.ID)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ended(); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, interrupted(ctx, err)
	}
	id, known, err := b.living(d, key)
	if err != nil {
		return 0, interrupted(ctx, err)
	}
	if !known { // one that d had is not looked for elsewhere: keys of two datasets may well be the same number
		roads, err := b.otherRoads()
		if err != nil {
			return 0, interrupted(ctx, err)
		}
		for _, other := range roads {
			if id, _, err = b.living(dataset.ID(other), key); err != nil {
				return 0, interrupted(ctx, err)
			}
			if id != 0 {
				break
			}
		}
	}
	if id == 0 {
		return Unchanged, nil
	}
	return Withdrawn, interrupted(ctx, b.withdraw(id))
}

// living returns the row of a key that lives and may be withdrawn by this batch, 0 for none;
// known tells whether there is or was one.
func (b *Batch) living(d dataset.ID, key string) (id int64, known bool, err error) {
	f, err := b.find(rowKey{b.keyHash(d, key), d, key}, noSum)
	if err != nil || f.id == 0 || f.withdrawn {
		return 0, f.id != 0, err
	}
	mine := true
	err = b.b.rows(`SELECT source FROM batch WHERE id = (SELECT batch FROM observation WHERE id = $1)`, []any{f.id}, func(s row) error {
		mine = b.mine(s.ColumnText(0))
		return nil
	})
	if err != nil || !mine {
		return 0, true, err
	}
	return f.id, true, nil
}

// mine reports whether this batch may withdraw what a source brought last: its own, and what
// was imported by hand.
func (b *Batch) mine(source string) bool { return source == "" || source == b.info.Source }

// otherRoads lists the datasets the source has brought.
func (b *Batch) otherRoads() ([]int64, error) {
	if b.roads != nil || b.info.Source == "" {
		return b.roads, nil
	}
	b.roads = []int64{}
	err := b.b.rows(`SELECT DISTINCT d.dataset FROM batch_dataset d JOIN batch b ON b.id = d.batch WHERE b.source = $1 ORDER BY d.dataset`,
		[]any{b.info.Source}, func(s row) error {
			b.roads = append(b.roads, s.ColumnInt64(0))
			return nil
		})
	return b.roads, err
}

// Roads returns the sources that have brought each dataset, in order of name.
func (db *DB) Roads(ctx context.Context) (roads map[dataset.ID][]string, err error) {
	defer fault.Wrap(&err, "vault.Roads")
	rows, err := db.read.QueryContext(ctx, `SELECT DISTINCT d.dataset, b.source FROM batch_dataset d JOIN batch b ON b.id = d.batch
		WHERE b.source IS NOT NULL ORDER BY d.dataset, b.source`)
	if err != nil {
		return nil, interrupted(ctx, classify(err))
	}
	defer rows.Close()
	roads = map[dataset.ID][]string{}
	for rows.Next() {
		var d dataset.ID
		var source string
		if err := rows.Scan(&d, &source); err != nil {
			return nil, classify(err)
		}
		roads[d] = append(roads[d], source)
	}
	return roads, interrupted(ctx, classify(rows.Err()))
}

func (b *Batch) withdraw(id int64) error {
	if err := b.remember(id, eventWithdrawn, nil); err != nil {
		return err
	}
	if _, err := b.b.exec(`UPDATE observation SET withdrawn = $2, `+touchedNow+` WHERE id = $1`, id, b.info.ID); err != nil {
		return err
	}
	b.info.Withdrawn++
	b.touched.add(id)
	if !b.loaded {
		return nil
	}
	// What is in memory says that it lives: an entry that no row equals sends to the row itself.
	var k rowKey
	if err := b.b.rows(`SELECT dataset, source_key FROM observation WHERE id = $1`, []any{id}, func(s row) error {
		k = rowKey{dataset: dataset.ID(s.ColumnInt64(0)), key: s.ColumnText(1)}
		return nil
	}); err != nil {
		return err
	}
	return b.keys.add(keyEntry{k: b.keyHash(k.dataset, k.key), a: uint64(id), b: absent})
}

// back makes a withdrawn observation live again, brought by this batch: else the source that
// lacks it would withdraw it again each time another brings it. former is the batch before.
func (b *Batch) back(id, former int64) error {
	if err := b.remember(id, eventReturned, fmt.Appendf(nil, `{"batch":%d}`, former)); err != nil {
		return err
	}
	if _, err := b.b.exec(`UPDATE observation SET withdrawn = NULL, batch = $2, `+touchedNow+` WHERE id = $1`, id, b.info.ID); err != nil {
		return err
	}
	b.info.Returned++
	b.touched.add(id)
	return nil
}

// Keep notes that the source still has the row of a key, though the row could not be taken
// this time: WithdrawMissing leaves it. Of use with BatchInfo.Complete only.
func (b *Batch) Keep(ctx context.Context, d dataset.ID, key string) (err error) {
	defer fault.Wrap(&err, "vault.Keep (batch %d)", b.info.ID)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ended(); err != nil {
		return err
	}
	f, err := b.find(rowKey{b.keyHash(d, key), d, key}, noSum)
	if err != nil {
		return interrupted(ctx, err)
	}
	if f.id != 0 {
		b.meet(d, f.id)
	}
	return nil
}

// Missing is what a complete file lacks, before it is withdrawn.
type Missing struct {
	Living int // observations of the datasets the batch brought that it may withdraw
	Lacked int // of these, those it did not bring
	ids    idSet
	by     map[dataset.ID]*lack
}

// lack is the same of one dataset.
type lack struct{ living, lacked int }

// TooMany reports whether more than a share of the observations, and more than few, are lacking:
// of all of them together, or of one dataset, which a file of many may have been cut of.
func (m *Missing) TooMany(share float64, few int) (lacked, living int, much bool) {
	beyond := func(l lack) bool { return l.lacked > few && float64(l.lacked) > share*float64(l.living) }
	if beyond(lack{m.Living, m.Lacked}) {
		return m.Lacked, m.Living, true
	}
	for _, d := range slices.Sorted(maps.Keys(m.by)) {
		if l := *m.by[d]; beyond(l) {
			return l.lacked, l.living, true
		}
	}
	return m.Lacked, m.Living, false
}

// Missing compares what the batch brought, which was begun with BatchInfo.Complete, with what
// the vault has of the same datasets; what another source brought last is left out.
func (b *Batch) Missing(ctx context.Context) (m Missing, err error) {
	defer fault.Wrap(&err, "vault.Missing (batch %d)", b.info.ID)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ended(); err != nil {
		return m, err
	}
	if b.existing == 0 || len(b.brought) == 0 || !b.info.Complete {
		return m, nil
	}
	foreign := map[int64]bool{}
	if err := b.b.rows(`SELECT id FROM batch WHERE source <> $1`, []any{b.info.Source}, func(s row) error {
		foreign[s.ColumnInt64(0)] = true
		return nil
	}); err != nil {
		return m, interrupted(ctx, err)
	}
	m.by = map[dataset.ID]*lack{}
	for d := range b.brought {
		m.by[d] = &lack{}
	}
	look := func(s row) error {
		of, brought := m.by[dataset.ID(s.ColumnInt64(2))]
		if !brought || foreign[s.ColumnInt64(1)] {
			return nil
		}
		m.Living++
		of.living++
		if id := s.ColumnInt64(0); !b.met.has(id) {
			m.Lacked++
			of.lacked++
			m.ids.add(id)
		}
		return nil
	}
	// By the index where the datasets are a small part of the vault, else all rows in one go.
	if int64(b.met.n)*b.db.dialect.lookupsPerRow < b.existing && !b.deferred {
		for d := range b.brought {
			if err := b.b.rows(`SELECT id, batch, dataset FROM observation WHERE dataset = $1 AND withdrawn IS NULL`, []any{int64(d)}, look); err != nil {
				return m, interrupted(ctx, err)
			}
		}
		return m, nil
	}
	err = b.b.rows(`SELECT id, batch, dataset FROM observation WHERE withdrawn IS NULL`, nil, look)
	return m, interrupted(ctx, err)
}

// WithdrawMissing withdraws what Missing found.
func (b *Batch) WithdrawMissing(ctx context.Context, m Missing) (err error) {
	defer fault.Wrap(&err, "vault.WithdrawMissing (batch %d)", b.info.ID)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ended(); err != nil {
		return err
	}
	for id := range m.ids.all {
		if err := ctx.Err(); err != nil {
			return interrupted(ctx, err)
		}
		if err := b.withdraw(id); err != nil {
			return interrupted(ctx, err)
		}
	}
	return nil
}

// changed notes that the vault is no longer what it was, for Changes.
func (b *bulk) changed() error {
	for _, name := range [...]string{"changes", "noted"} {
		n, err := b.counter(name)
		if err == nil {
			err = b.setCounter(name, n+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Changes is a number that grows whenever a batch or a classing is committed: who reads the
// vault twice can tell whether both times were of the same vault.
func (db *DB) Changes(ctx context.Context) (n int64, err error) {
	defer fault.Wrap(&err, "vault.Changes")
	err = db.read.QueryRowContext(ctx, `SELECT COALESCE((SELECT value FROM counter WHERE name = 'changes'), 0)`).Scan(&n)
	return n, classify(err)
}

func now() string { return formatTime(time.Now()) }
