package vault

import (
	"context"
	"strings"

	"garrigue/internal/dataset"
	"garrigue/internal/fault"
)

// Key names a row of a dataset.
type Key struct {
	Dataset   dataset.ID
	SourceKey string
}

// expected is what was found of a key before it was asked for.
type expected struct {
	id        int64 // 0: no such row
	sum       uint64
	withdrawn bool
}

// Expect says which keys the next calls of Put, Keep and Withdraw are about, in any order: where
// a look-up costs a round trip they are looked up together. A key that is not named, or named in
// vain, costs time only.
func (b *Batch) Expect(ctx context.Context, keys []Key) (err error) {
	defer fault.Wrap(&err, "vault.Expect (batch %d)", b.info.ID)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ended(); err != nil {
		return err
	}
	clear(b.expected)
	size := b.db.dialect.together
	if size == 0 || b.loaded {
		return nil
	}
	for ; len(keys) > 0; keys = keys[min(size, len(keys)):] {
		if err := b.expect(keys[:min(size, len(keys))], size); err != nil {
			return interrupted(ctx, err)
		}
	}
	return nil
}

func (b *Batch) expect(keys []Key, size int) error {
	args := make([]any, 0, 2*size)
	for _, k := range keys {
		if storable(k.SourceKey) == k.SourceKey { // else it would come back as another
			args = append(args, int64(k.Dataset), k.SourceKey)
			b.expected[rowKey{b.keyHash(k.Dataset, k.SourceKey), k.Dataset, k.SourceKey}] = expected{}
		}
	}
	if len(args) == 0 {
		return nil
	}
	for len(args) < 2*size { // one text for all
		args = append(args, args[:2]...)
	}
	return b.b.rows(expectText(size), args, func(s row) error {
		d, key := dataset.ID(s.ColumnInt64(0)), s.ColumnText(1)
		b.expected[rowKey{b.keyHash(d, key), d, key}] = expected{id: s.ColumnInt64(2), withdrawn: s.ColumnInt64(3) != 0,
			sum: uint64(s.ColumnInt64(4)) ^ b.classColumns(s, 5)}
		return nil
	})
}

func expectText(size int) string {
	var t strings.Builder
	t.WriteString(`SELECT dataset, source_key, id, withdrawn, content_hash, ` + classNames + ` FROM observation
		WHERE (dataset, source_key) IN (VALUES (CAST($1 AS BIGINT), CAST($2 AS TEXT))`)
	for i := 1; i < size; i++ {
		t.WriteString(", (" + placeholders(2*i+1, 2*i+2) + ")")
	}
	return t.String() + ")"
}

// foreseen gives what was found of a key, once: whoever asks again may have written it since.
func (b *Batch) foreseen(k rowKey, sum uint64) (f foundRow, ok bool) {
	e, ok := b.expected[k]
	if ok {
		delete(b.expected, k)
		f = foundRow{id: e.id, withdrawn: e.withdrawn, same: e.id != 0 && !e.withdrawn && e.sum == sum}
	}
	return f, ok
}
