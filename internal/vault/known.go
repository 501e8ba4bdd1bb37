package vault

import (
	"hash/maphash"

	"garrigue/internal/dataset"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
)

// rowKey is the key of a row, and its hash.
type rowKey struct {
	hash    uint64
	dataset dataset.ID
	key     string
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

// class mixes what Reclass may change; flags are of small numbers.
func (b *Batch) class(ref taxon.CdRef, level sensitivity.Level, list, held, consent string, flags int64, grouping string) uint64 {
	if grouping != "" {
		flags ^= int64(maphash.String(b.seed, grouping)) << 3
	}
	return mix(uint64(ref)<<16 ^ uint64(level)<<8 ^ uint64(len(held))<<3 ^ maphash.String(b.seed, list) ^
		mix(maphash.String(b.seed, held)^mix(maphash.String(b.seed, consent)+uint64(flags))))
}

func (b *Batch) classOf(o *observation.Observation) uint64 {
	return b.class(o.CdRef, o.Sensitivity, o.SensList, holdCodes()[o.Held], o.Consent,
		flag(o.ConsentDefault)|flag(o.Manual)<<1|flag(o.Review)<<2, o.Grouping)
}

// classNames are the columns that classColumns reads.
const classNames = `cd_ref, sensitivity, sensitivity_list, held, consent, consent_default, sens_manual, sens_review, grouping_id`

func (b *Batch) classColumns(s row, from int) uint64 {
	return b.class(taxon.CdRef(s.ColumnInt64(from)), sensitivity.Level(s.ColumnInt64(from+1)), s.ColumnText(from+2),
		s.ColumnText(from+3), s.ColumnText(from+4), s.ColumnInt64(from+5)|s.ColumnInt64(from+6)<<1|s.ColumnInt64(from+7)<<2, s.ColumnText(from+8))
}

// absent is mixed into what is remembered of a withdrawn row, so that it is never the same as
// one that comes.
const absent = 0x9e3779b97f4a7c15

// noSum is what no row has: find then always looks at the row itself.
const noSum = absent + 1

type foundRow struct {
	id        int64
	same      bool // it lives, and content and class are those of the row
	withdrawn bool
}

// find looks for the row of a key; sum is its content and class mixed. In memory a row with
// the same costs no statement: the content has the key in it, so that a collision of key hashes
// cannot pass for an unchanged row; any other hit is checked against the row itself.
func (b *Batch) find(k rowKey, sum uint64) (f foundRow, err error) {
	if err := b.load(); err != nil {
		return f, err
	}
	if !b.loaded {
		b.lookups++
		if f, ok := b.foreseen(k, sum); ok {
			return f, nil
		}
		err = b.b.rows(`SELECT id, withdrawn, content_hash, `+classNames+` FROM observation
			WHERE dataset = $1 AND source_key = $2`, []any{int64(k.dataset), k.key}, func(s row) error {
			f = foundRow{id: s.ColumnInt64(0), withdrawn: s.ColumnInt64(1) != 0}
			f.same = !f.withdrawn && uint64(s.ColumnInt64(2))^b.classColumns(s, 3) == sum
			return nil
		})
		return f, err
	}
	err2 := b.keys.each(k.hash, func(e keyEntry) bool {
		if e.b == sum {
			f = foundRow{id: int64(e.a), same: true}
			return false
		}
		err = b.b.rows(`SELECT withdrawn FROM observation WHERE id = $1 AND dataset = $2 AND source_key = $3`,
			[]any{int64(e.a), int64(k.dataset), k.key}, func(s row) error {
				f = foundRow{id: int64(e.a), withdrawn: s.ColumnInt64(0) != 0}
				return nil
			})
		return err == nil && f.id == 0
	})
	if err == nil {
		err = err2
	}
	return f, err
}

// load reads every key into memory once look-ups have cost as much.
func (b *Batch) load() error {
	if b.loaded || b.lookups*b.db.dialect.lookupsPerRow < b.existing {
		return nil
	}
	b.keys = newKeyIndex()
	err := b.b.rows(`SELECT id, dataset, source_key, withdrawn, content_hash, `+classNames+` FROM observation`, nil, func(s row) error {
		e := keyEntry{k: b.keyHash(dataset.ID(s.ColumnInt64(1)), s.ColumnText(2)), a: uint64(s.ColumnInt64(0)),
			b: uint64(s.ColumnInt64(4)) ^ b.classColumns(s, 5)}
		if s.ColumnInt64(3) != 0 {
			e.b ^= absent
		}
		return b.keys.add(e)
	})
	b.loaded = err == nil
	return err
}

// meet notes that the source still has a row.
func (b *Batch) meet(d dataset.ID, id int64) {
	b.brought[d]++
	if b.info.Complete {
		b.met.add(id)
	}
}
