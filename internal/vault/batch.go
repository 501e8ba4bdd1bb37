package vault

import (
	"context"
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"garrigue/internal/dataset"
	"garrigue/internal/fault"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
)

// Outcome is what became of one row of a batch.
type Outcome uint8

// The outcomes.
const (
	Created Outcome = iota
	Updated
	Unchanged
)

// BatchInfo describes an import, before (what) and after (counts, when).
type BatchInfo struct {
	ID       int64
	Dataset  dataset.ID // of a single-dataset file; 0 when rows name their own
	File     string     // base name
	SHA256   string
	Format   string // "sinp-2.0", "geonature", "dwca"…
	Mapping  string // JSON: source column → field, as used
	Started  time.Time
	Ended    time.Time
	Read     int
	Created  int
	Updated  int
	Same     int // unchanged
	Rejected int
	Held     int // of the accepted rows (created, updated or unchanged)
	Warnings int
}

// Batch is one import under way: a single transaction. Nothing of it is seen by readers, and
// nothing of it stays after a kill, until Commit.
type Batch struct {
	db   *DB
	info BatchInfo

	mu       sync.Mutex // datasets may be created from another goroutine
	b        *bulk      // nil once ended
	enc      *encoder
	insert   *sqlite.Stmt
	datasets map[dataset.ID]bool // known to exist
	rejects  int

	// Keys of the rows already there. At first each is looked up by its index; when that has
	// cost about as much as reading them all, they are all read into memory.
	seed     maphash.Seed
	existing int64
	lookups  int64
	created  int64
	loaded   bool
	keys     *keyTable // hash of dataset and key → id, content and class mixed
	uuids    *keyTable // mixed UUID halves → hash of dataset and key
	deferred bool      // the secondary indexes are dropped until Commit
}

const (
	// lookupsPerRow is how many rows can be loaded in the time of one look-up by index.
	lookupsPerRow = 6
	// deferFrom is how many new rows make it worth building the indexes again at the end.
	deferFrom = 50_000
)

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
	batch := &Batch{db: db, b: b, info: info, enc: newEncoder(), datasets: map[dataset.ID]bool{}, seed: maphash.MakeSeed()}
	if err := batch.start(); err != nil {
		batch.Rollback()
		return nil, interrupted(ctx, err)
	}
	db.open.Store(batch)
	return batch, nil
}

func (b *Batch) start() (err error) {
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
		b.loaded, b.keys, b.uuids = true, newKeyTable(0), newKeyTable(0)
		return b.deferIndexes()
	}
	return nil
}

// save writes the batch's own row.
func (b *Batch) save() error {
	i := &b.info
	_, err := b.b.exec(`INSERT INTO batch (id, dataset, file, sha256, format, mapping, started_at, ended_at,
			read, created, updated, same, rejected, held, warnings)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
		ON CONFLICT (id) DO UPDATE SET dataset = excluded.dataset, file = excluded.file, sha256 = excluded.sha256,
			format = excluded.format, mapping = excluded.mapping, ended_at = excluded.ended_at, read = excluded.read,
			created = excluded.created, updated = excluded.updated, same = excluded.same,
			rejected = excluded.rejected, held = excluded.held, warnings = excluded.warnings`,
		i.ID, nullCode(i.Dataset), null(i.File), null(i.SHA256), null(i.Format), null(i.Mapping),
		formatTime(i.Started), null(formatTime(i.Ended)), i.Read, i.Created, i.Updated, i.Same, i.Rejected, i.Held, i.Warnings)
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
// otherwise; a new class alone is stored and is no change. It sets o.ID. The observation is
// not kept after the call. Put, KnownUUID, Reject and Commit are called from one goroutine.
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
	found, err := b.find(key, o, content)
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
		out, err = b.change(o, key, content, found.entry)
	}
	if err != nil {
		fault.Wrap(&err, "vault.Put (batch %d)", b.info.ID)
		return 0, interrupted(ctx, err)
	}
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

func (b *Batch) keyHash(d dataset.ID, key string) uint64 {
	return maphash.String(b.seed, key) ^ mix(uint64(d))
}

// mix spreads the bits of x (finalizer of MurmurHash3, a bijection).
func mix(x uint64) uint64 {
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

func uuidEntry(id uuid.UUID, key uint64) keyEntry {
	var hi, lo uint64
	for i := range 8 {
		hi, lo = hi<<8|uint64(id[i]), lo<<8|uint64(id[8+i])
	}
	return keyEntry{k: mix(hi ^ mix(lo)), a: lo, b: key}
}

// class mixes what Reclass may change.
func (b *Batch) class(ref taxon.CdRef, level sensitivity.Level, list, held string) uint64 {
	return mix(uint64(ref)<<16 ^ uint64(level)<<8 ^ uint64(len(held))<<3 ^ maphash.String(b.seed, list) ^ mix(maphash.String(b.seed, held)))
}

func (b *Batch) classOf(o *observation.Observation) uint64 {
	return b.class(o.CdRef, o.Sensitivity, o.SensList, holdCodes()[o.Held])
}

type foundRow struct {
	id    int64
	same  bool      // content and class are those of the row
	entry *keyEntry // in memory, when loaded
}

// find looks for the row of a key. In memory a row with the same content and class costs no
// statement: the content has the key in it, so that a collision of key hashes cannot pass
// for an unchanged row; any other hit is checked against the row itself.
func (b *Batch) find(key uint64, o *observation.Observation, content int64) (f foundRow, err error) {
	if err := b.load(); err != nil {
		return f, err
	}
	if !b.loaded {
		b.lookups++
		err = b.b.rows(`SELECT id, content_hash, cd_ref, sensitivity, sensitivity_list, held FROM observation
			WHERE dataset = $1 AND source_key = $2`, []any{int64(o.Dataset), o.SourceKey}, func(s row) error {
			f.id = s.ColumnInt64(0)
			f.same = s.ColumnInt64(1) == content && b.classColumns(s, 2) == b.classOf(o)
			return nil
		})
		return f, err
	}
	sum := uint64(content) ^ b.classOf(o)
	b.keys.each(key, func(e *keyEntry) bool {
		if e.b == sum {
			f = foundRow{id: int64(e.a), same: true, entry: e}
			return false
		}
		mine := false
		err = b.b.rows(`SELECT 1 FROM observation WHERE id = $1 AND dataset = $2 AND source_key = $3`,
			[]any{int64(e.a), int64(o.Dataset), o.SourceKey}, func(row) error { mine = true; return nil })
		if mine {
			f = foundRow{id: int64(e.a), entry: e}
		}
		return err == nil && !mine
	})
	return f, err
}

func (b *Batch) classColumns(s row, from int) uint64 {
	return b.class(taxon.CdRef(s.ColumnInt64(from)), sensitivity.Level(s.ColumnInt64(from+1)), s.ColumnText(from+2), s.ColumnText(from+3))
}

// load reads every key into memory once look-ups have cost as much.
func (b *Batch) load() error {
	if b.loaded || b.lookups*lookupsPerRow < b.existing {
		return nil
	}
	n := int(b.existing + b.created)
	b.keys, b.uuids = newKeyTable(n), newKeyTable(n)
	err := b.b.rows(`SELECT id, dataset, cd_ref, sensitivity, sensitivity_list, held, content_hash, id_sinp, source_key
		FROM observation`, nil, func(s row) error {
		key := b.keyHash(dataset.ID(s.ColumnInt64(1)), s.ColumnText(8))
		b.keys.add(keyEntry{k: key, a: uint64(s.ColumnInt64(0)), b: uint64(s.ColumnInt64(6)) ^ b.classColumns(s, 2)})
		if t := s.ColumnText(7); t != "" {
			id, err := uuid.Parse(t)
			if err != nil {
				return fmt.Errorf("observation %d: identifier", s.ColumnInt64(0))
			}
			b.uuids.add(uuidEntry(id, key))
		}
		return nil
	})
	b.loaded = err == nil
	return err
}

// KnownUUID reports whether idSINPOccTax is already used by another key than (d, key), in
// the vault or earlier in this batch. After a failed statement it answers false: the next
// Put tells the failure.
func (b *Batch) KnownUUID(id uuid.UUID, d dataset.ID, key string) (known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if id == uuid.Nil || b.b == nil || b.load() != nil {
		return false
	}
	if !b.loaded {
		b.lookups++
		b.b.rows(`SELECT 1 FROM observation WHERE id_sinp = $1 AND NOT (dataset = $2 AND source_key = $3)`,
			[]any{id.String(), int64(d), key}, func(row) error { known = true; return nil })
		return known
	}
	mine := uuidEntry(id, b.keyHash(d, key))
	b.uuids.each(mine.k, func(e *keyEntry) bool {
		known = e.a == mine.a && e.b != mine.b && e.b != 0
		return !known
	})
	return known
}

func (b *Batch) create(o *observation.Observation, key uint64, content int64) (err error) {
	if o.ID, err = b.b.id("observation"); err != nil {
		return err
	}
	if b.insert == nil {
		if b.insert, err = b.b.statement(insertText()); err != nil {
			return err
		}
	}
	b.enc.bindRow(b.insert, o, b.info.ID, content)
	if err := run(b.insert); err != nil {
		return err
	}
	b.created++
	if b.loaded {
		b.keys.add(keyEntry{k: key, a: uint64(o.ID), b: uint64(content) ^ b.classOf(o)})
		if o.IDSinp != uuid.Nil {
			b.uuids.add(uuidEntry(o.IDSinp, key))
		}
		if !b.deferred && b.created >= max(deferFrom, b.existing/2) {
			return b.deferIndexes()
		}
	}
	return nil
}

func insertText() string {
	columns := columnList(writtenColumns)
	return `INSERT INTO observation (` + writtenColumns + `) VALUES (` + placeholders(1, len(columns)) + `)`
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

// updateText sets every column of the row whose id, the first column, is given.
func updateText() string {
	columns := columnList(writtenColumns)
	sets := make([]string, 0, len(columns))
	for i, c := range columns[1:] {
		sets = append(sets, c+" = $"+strconv.Itoa(i+2))
	}
	return `UPDATE observation SET ` + strings.Join(sets, ", ") + ` WHERE id = $1`
}

// change stores a row whose content or class is another than before.
func (b *Batch) change(o *observation.Observation, key uint64, content int64, e *keyEntry) (Outcome, error) {
	former, err := b.former(o.ID)
	if err != nil {
		return 0, err
	}
	if e != nil {
		e.b = uint64(content) ^ b.classOf(o)
	}
	if former.content == content {
		_, err := b.b.exec(reclassText, o.ID, nullCode(o.CdRef), int(o.Sensitivity), null(o.SensList), null(holdCodes()[o.Held]))
		return Unchanged, err
	}
	if err := b.remember(o.ID, former.json); err != nil {
		return 0, err
	}
	s, err := b.b.statement(updateText())
	if err != nil {
		return 0, err
	}
	b.enc.bindRow(s, o, b.info.ID, content)
	if err := run(s); err != nil {
		return 0, err
	}
	if b.loaded && former.uuid != o.IDSinp {
		old := uuidEntry(former.uuid, key)
		b.uuids.each(old.k, func(e *keyEntry) bool {
			if *e == old {
				e.b = 0 // its key gave it up
			}
			return true
		})
		if o.IDSinp != uuid.Nil {
			b.uuids.add(uuidEntry(o.IDSinp, key))
		}
	}
	return Updated, nil
}

// deferIndexes drops the secondary indexes until Commit, which builds them again by sorting:
// over twice as fast as keeping millions of keys in random order. All in the same
// transaction: a kill leaves the indexes as they were.
func (b *Batch) deferIndexes() error {
	b.b.finalize()
	b.insert = nil
	for _, name := range indexNames() {
		if _, err := b.b.exec(`DROP INDEX ` + name); err != nil {
			return err
		}
	}
	b.deferred = true
	return nil
}

// The secondary indexes of observation, as the migrations make them (a test compares).
func indexNames() []string { return []string{"observation_key", "observation_id_sinp"} }

func indexTexts() []string {
	return []string{`CREATE UNIQUE INDEX observation_key ON observation (dataset, source_key)`,
		`CREATE INDEX observation_id_sinp ON observation (id_sinp)`}
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
	b.merge(info)
	if err := b.save(); err != nil {
		return BatchInfo{}, interrupted(ctx, err)
	}
	if b.deferred {
		b.b.finalize()
		for _, text := range indexTexts() {
			if _, err := b.b.exec(text); err != nil {
				return BatchInfo{}, interrupted(ctx, err)
			}
		}
	}
	if err := b.b.commit(); err != nil {
		return BatchInfo{}, interrupted(ctx, err)
	}
	b.release()
	return b.info, nil
}

func (b *Batch) merge(info BatchInfo) {
	was := b.info
	info.ID, info.Started = was.ID, was.Started
	if info.Dataset == 0 {
		info.Dataset = was.Dataset
	}
	for _, f := range []struct{ to, from *string }{{&info.File, &was.File}, {&info.SHA256, &was.SHA256},
		{&info.Format, &was.Format}, {&info.Mapping, &was.Mapping}} {
		if *f.to == "" {
			*f.to = *f.from
		}
	}
	if info.Ended.IsZero() {
		info.Ended = time.Now()
	}
	info.Started, info.Ended = parseTime(formatTime(info.Started)), parseTime(formatTime(info.Ended))
	b.info = info
}

// release gives the right to write back.
func (b *Batch) release() {
	b.b, b.keys, b.uuids, b.insert = nil, nil, nil, nil
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
		rejected, held, warnings FROM batch ORDER BY id DESC LIMIT $1`, limit)
	if err != nil {
		return nil, classify(err)
	}
	defer rows.Close()
	for rows.Next() {
		var i BatchInfo
		var started, ended string
		if err := rows.Scan(&i.ID, &i.Dataset, &i.File, &i.SHA256, &i.Format, &i.Mapping, &started, &ended, &i.Read,
			&i.Created, &i.Updated, &i.Same, &i.Rejected, &i.Held, &i.Warnings); err != nil {
			return nil, classify(err)
		}
		i.Started, i.Ended = parseTime(started), parseTime(ended)
		list = append(list, i)
	}
	return list, classify(rows.Err())
}
