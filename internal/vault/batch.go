package vault

import (
	"context"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"garrigue/internal/dataset"
	"garrigue/internal/fault"
	"garrigue/internal/observation"
)

// Outcome is what became of one row of a batch.
type Outcome uint8

// The outcomes.
const (
	Created Outcome = iota
	Updated
	Unchanged
	Returned  // it had been withdrawn, and is back, changed or not
	Withdrawn // of Withdraw: it is no longer at its source
)

// BatchInfo describes an import, before (what) and after (counts, when).
type BatchInfo struct {
	ID      int64
	Dataset dataset.ID // of a single-dataset file; 0 when rows name their own
	File    string     // base name
	SHA256  string
	Format  string // "sinp-2.0", "geonature", "dwca"…
	Mapping string // JSON: source column → field, as used
	Layout  string // JSON: how the file is laid out, to give rejects back in its form
	Source  string // name of the [[source]] it came from, "" by hand
	By      string // who asked for it
	// Complete asks the batch to remember what it met, for WithdrawMissing. It is not kept.
	Complete bool
	Started  time.Time
	Ended    time.Time
	Read     int
	Created  int
	Updated  int
	Same     int // unchanged
	Rejected int
	Held     int // of the accepted rows (created, updated or unchanged)
	Warnings int
	// Counted by the vault: withdrawn, back after it (these are Updated too), and rows touched by
	// this batch that another dataset has as well.
	Withdrawn int
	Returned  int
	Twins     int
	SameUUID  int // of Twins, those of one permanent identifier; not kept
}

// Batch is one import under way: a single transaction. Nothing of it is seen by readers, and
// nothing of it stays after a kill, until Commit.
type Batch struct {
	db   *DB
	info BatchInfo

	mu       sync.Mutex // datasets may be created from another goroutine
	b        *bulk      // nil once ended
	enc      *encoder
	insert   *prepared           // adds observations
	rewrite  *rewriter           // changes them, nil until needed
	datasets map[dataset.ID]bool // known to exist
	rejects  int

	// Keys of the rows already there. At first each is looked up by its index; when that has
	// cost about as much as reading them all, they are all read into memory.
	seed     maphash.Seed
	existing int64
	lookups  int64
	created  int64
	loaded   bool
	keys     *keyIndex // hash of dataset and key → id, content and class mixed
	deferred bool      // the secondary indexes are dropped until Commit

	expected map[rowKey]expected // looked up by Expect, and not asked for yet

	brought map[dataset.ID]int // rows met, by dataset
	met     idSet              // ids of these rows, when info.Complete
	touched touched            // what Commit looks for twins of
	roads   []int64            // other datasets of the source, nil until needed
}

// deferFrom is how many new rows make it worth building the indexes again at the end.
const deferFrom = 50_000

// Begin starts a batch. A second one waits until the first has ended, or ctx: also when the
// first is another process's. The batch ends with ctx: Put then fails and Rollback remains
// to be called. Until it has ended every other write of this vault waits, but EnsureDataset,
// which takes part in it, and the journal.
func (db *DB) Begin(ctx context.Context, info BatchInfo) (_ *Batch, err error) {
	defer fault.Wrap(&err, "vault.Begin")
	b, err := db.begin(ctx)
	if err != nil {
		return nil, err
	}
	batch := &Batch{db: db, b: b, info: info, enc: newEncoder(), datasets: map[dataset.ID]bool{}, seed: maphash.MakeSeed(), brought: map[dataset.ID]int{}, expected: map[rowKey]expected{}}
	if err := batch.start(); err != nil {
		batch.Rollback()
		return nil, interrupted(ctx, err)
	}
	db.open.Store(batch)
	return batch, nil
}

func (b *Batch) start() (err error) {
	if text := b.db.dialect.hold; text != "" {
		if _, err := b.b.exec(text); err != nil {
			return err
		}
	}
	if b.info.ID, err = b.b.id("batch"); err != nil {
		return err
	}
	if b.info.Started.IsZero() {
		b.info.Started = time.Now()
	}
	if err := b.save(); err != nil {
		return err
	}
	// Observations are never deleted, so the next id bounds how many there are.
	next, err := b.b.counter("next observation")
	if err != nil {
		return err
	}
	if b.existing = max(0, next-1); b.existing == 0 {
		b.loaded, b.keys = true, newKeyIndex()
		if b.db.dialect.sortIndexes {
			return b.deferIndexes()
		}
	}
	return nil
}

// save writes the batch's own row.
func (b *Batch) save() error {
	i := &b.info
	_, err := b.b.exec(`INSERT INTO batch (id, dataset, file, sha256, format, mapping, started_at, ended_at,
			read, created, updated, same, rejected, held, warnings, layout, source, actor, withdrawn, returned, twins)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
		ON CONFLICT (id) DO UPDATE SET dataset = excluded.dataset, file = excluded.file, sha256 = excluded.sha256,
			format = excluded.format, mapping = excluded.mapping, ended_at = excluded.ended_at, read = excluded.read,
			created = excluded.created, updated = excluded.updated, same = excluded.same,
			rejected = excluded.rejected, held = excluded.held, warnings = excluded.warnings, layout = excluded.layout,
			source = excluded.source, actor = excluded.actor, withdrawn = excluded.withdrawn,
			returned = excluded.returned, twins = excluded.twins`,
		i.ID, nullCode(i.Dataset), null(i.File), null(i.SHA256), null(i.Format), null(i.Mapping),
		formatTime(i.Started), null(formatTime(i.Ended)), i.Read, i.Created, i.Updated, i.Same, i.Rejected, i.Held, i.Warnings,
		null(i.Layout), null(i.Source), null(i.By), i.Withdrawn, i.Returned, i.Twins)
	return err
}

// ID returns the number of the batch, which rejects and history bear.
func (b *Batch) ID() int64 { return b.info.ID }

func (b *Batch) ended() error {
	if b.b == nil {
		return fault.Say(fault.Conflict, "vault.batch_ended")
	}
	return nil
}

// ensureDataset creates a dataset within the batch; open is false when the batch has ended.
func (b *Batch) ensureDataset(d dataset.Dataset) (_ dataset.Dataset, open bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.b == nil {
		return d, false, nil
	}
	d, err = b.b.ensureDataset(d)
	return d, true, err
}

// Put stores an observation under its key (Dataset, SourceKey): created when the key is new,
// updated when its content differs (the former content is kept in history), unchanged
// otherwise; a new class alone is stored and is no change. One that was withdrawn lives again
// (Returned). It sets o.ID. The observation is not kept after the call. The methods of a Batch are
// called from one goroutine.
//
// An observation the columns cannot hold (no key, an unknown dataset, an area of the wrong
// kind) is Invalid, and leaves the batch as it was.
func (b *Batch) Put(ctx context.Context, o *observation.Observation) (out Outcome, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ended(); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, interrupted(ctx, err)
	}
	if err := check(o); err != nil {
		return 0, err
	}
	if err := b.knowDataset(o.Dataset); err != nil {
		return 0, err
	}
	content := b.enc.hash(o)
	key := b.keyHash(o.Dataset, o.SourceKey)
	found, err := b.find(rowKey{key, o.Dataset, o.SourceKey}, uint64(content)^b.classOf(o))
	if err != nil {
		return 0, interrupted(ctx, err)
	}
	switch {
	case found.id == 0:
		out, err = Created, b.create(o, key, content)
	case found.same:
		o.ID, out = found.id, Unchanged
	default:
		o.ID = found.id
		out, err = b.change(o, key, content, found.withdrawn)
	}
	if err != nil {
		fault.Wrap(&err, "vault.Put (batch %d)", b.info.ID)
		return 0, interrupted(ctx, err)
	}
	b.meet(o.Dataset, o.ID)
	return out, nil
}

// knowDataset refuses an unknown dataset, as the foreign key would.
func (b *Batch) knowDataset(id dataset.ID) error {
	if b.datasets[id] {
		return nil
	}
	known := false
	err := b.b.rows(`SELECT 1 FROM dataset WHERE id = $1`, []any{int64(id)}, func(row) error {
		known = true
		return nil
	})
	if err == nil && !known {
		err = fault.Say(fault.Invalid, "vault.unknown_dataset", int64(id))
	}
	b.datasets[id] = known
	return err
}

func (b *Batch) create(o *observation.Observation, key uint64, content int64) (err error) {
	if o.ID, err = b.b.id("observation"); err != nil {
		return err
	}
	if b.insert == nil {
		if b.insert, err = b.b.s.loader("observation", writtenColumns); err != nil {
			return err
		}
	}
	b.enc.bindRow(b.insert, o, b.info.ID, content)
	if err := run(b.insert); err != nil {
		return err
	}
	b.created++
	b.touched.add(o.ID)
	if b.loaded {
		if err := b.keys.add(keyEntry{k: key, a: uint64(o.ID), b: uint64(content) ^ b.classOf(o)}); err != nil {
			return err
		}
		if b.db.dialect.sortIndexes && !b.deferred && b.created >= max(deferFrom, b.existing/2) {
			return b.deferIndexes()
		}
	}
	return nil
}

func placeholders(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		if i > from {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(i))
	}
	return b.String()
}

// deferIndexes drops the secondary indexes until Commit, which builds them again by sorting:
// over twice as fast as keeping millions of keys in random order. All in the same
// transaction: a kill leaves the indexes as they were.
func (b *Batch) deferIndexes() error {
	for _, name := range indexNames() {
		if _, err := b.b.exec(`DROP INDEX ` + name); err != nil {
			return err
		}
	}
	b.deferred = true
	return nil
}

// The secondary indexes of observation, as the migrations make them (a test compares).
func indexNames() []string {
	return []string{"observation_key", "observation_id_sinp", "observation_twin_key", "observation_grouping", "observation_review"}
}

func indexTexts() []string {
	return []string{`CREATE UNIQUE INDEX observation_key ON observation (dataset, source_key)`,
		`CREATE INDEX observation_id_sinp ON observation (id_sinp, dataset)`,
		`CREATE INDEX observation_twin_key ON observation (twin_key, dataset)`,
		`CREATE INDEX observation_grouping ON observation (grouping_id, cd_ref, sensitivity, stated_level) WHERE grouping_id IS NOT NULL AND withdrawn IS NULL`,
		`CREATE INDEX observation_review ON observation (cd_ref) WHERE sens_review = 1 AND withdrawn IS NULL`}
}

// Commit ends the batch with its counts, and returns it complete. What info leaves empty
// (what the batch was, its start) is kept from Begin.
func (b *Batch) Commit(ctx context.Context, info BatchInfo) (_ BatchInfo, err error) {
	defer fault.Wrap(&err, "vault.Commit (batch %d)", b.info.ID)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ended(); err != nil {
		return BatchInfo{}, err
	}
	if err := ctx.Err(); err != nil {
		return BatchInfo{}, interrupted(ctx, err)
	}
	if b.deferred {
		if text := b.db.dialect.sorting; text != "" {
			if _, err := b.b.exec(text); err != nil {
				return BatchInfo{}, interrupted(ctx, err)
			}
		}
		for _, text := range indexTexts() {
			if _, err := b.b.exec(text); err != nil {
				return BatchInfo{}, interrupted(ctx, err)
			}
		}
	}
	b.merge(info)
	if err := b.finish(); err != nil {
		return BatchInfo{}, interrupted(ctx, err)
	}
	if text := b.db.dialect.grown; text != "" && b.created >= max(deferFrom, b.existing/2) {
		if _, err := b.b.exec(text); err != nil {
			return BatchInfo{}, interrupted(ctx, err)
		}
	}
	if err := b.b.commit(); err != nil {
		return BatchInfo{}, interrupted(ctx, err)
	}
	b.release()
	b.db.settle(ctx)
	return b.info, nil
}

// settle does in the background what the commit of a batch left; Close waits for it. It is committed: a
// failure takes nothing back, and the next batch does what is left.
func (db *DB) settle(ctx context.Context) {
	if db.dialect.settle != nil {
		db.settling.Go(func() { _ = db.dialect.settle(context.WithoutCancel(ctx)) })
	}
}

func (b *Batch) merge(info BatchInfo) {
	was := b.info
	info.ID, info.Started = was.ID, was.Started
	if info.Dataset == 0 {
		info.Dataset = was.Dataset
	}
	for _, f := range []struct{ to, from *string }{{&info.File, &was.File}, {&info.SHA256, &was.SHA256},
		{&info.Format, &was.Format}, {&info.Mapping, &was.Mapping}, {&info.Layout, &was.Layout}, {&info.Source, &was.Source},
		{&info.By, &was.By}} {
		if *f.to == "" {
			*f.to = *f.from
		}
	}
	if info.Ended.IsZero() {
		info.Ended = time.Now()
	}
	info.Started, info.Ended = parseTime(formatTime(info.Started)), parseTime(formatTime(info.Ended))
	info.Withdrawn, info.Returned = was.Withdrawn, was.Returned
	b.info = info
}

// finish writes what is known at the end only.
func (b *Batch) finish() (err error) {
	if b.info.Twins, b.info.SameUUID, err = b.b.findTwins(&b.touched, b.existing+b.created); err != nil {
		return err
	}
	for _, d := range slices.Sorted(maps.Keys(b.brought)) {
		if _, err := b.b.exec(`INSERT INTO batch_dataset (batch, dataset, row_count) VALUES ($1, $2, $3)`,
			b.info.ID, int64(d), b.brought[d]); err != nil {
			return err
		}
	}
	if err := b.b.changed(); err != nil {
		return err
	}
	return b.save()
}

// release gives the right to write back.
func (b *Batch) release() {
	b.keys.close()
	b.b, b.keys, b.insert, b.rewrite = nil, nil, nil, nil
	b.db.open.CompareAndSwap(b, nil)
	<-b.db.writing
}

// Rollback drops the batch; harmless after Commit.
func (b *Batch) Rollback() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.b == nil {
		return nil
	}
	err := b.b.rollback()
	b.release()
	return err
}

// Batches lists imports, newest first; all of them when limit is 0.
func (db *DB) Batches(ctx context.Context, limit int) (list []BatchInfo, err error) {
	defer fault.Wrap(&err, "vault.Batches")
	if limit <= 0 {
		limit = 1 << 30
	}
	rows, err := db.read.QueryContext(ctx, `SELECT id, COALESCE(dataset, 0), COALESCE(file, ''), COALESCE(sha256, ''),
		COALESCE(format, ''), COALESCE(mapping, ''), started_at, COALESCE(ended_at, ''), read, created, updated, same,
		rejected, held, warnings, COALESCE(layout, ''), COALESCE(source, ''), COALESCE(actor, ''), withdrawn, returned, twins
		FROM batch ORDER BY id DESC LIMIT $1`, limit)
	if err != nil {
		return nil, classify(err)
	}
	defer rows.Close()
	for rows.Next() {
		var i BatchInfo
		var started, ended string
		if err := rows.Scan(&i.ID, &i.Dataset, &i.File, &i.SHA256, &i.Format, &i.Mapping, &started, &ended, &i.Read,
			&i.Created, &i.Updated, &i.Same, &i.Rejected, &i.Held, &i.Warnings, &i.Layout, &i.Source, &i.By,
			&i.Withdrawn, &i.Returned, &i.Twins); err != nil {
			return nil, classify(err)
		}
		i.Started, i.Ended = parseTime(started), parseTime(ended)
		list = append(list, i)
	}
	return list, classify(rows.Err())
}
