package vault

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"iter"
	"time"

	"garrigue/internal/fault"
)

// Reference is one loaded version of a reference. Loading the same content twice (same kind,
// name and SHA-256) changes nothing.
type Reference struct {
	ID       int64     `json:"id"`
	Kind     string    `json:"kind"`    // taxref, withdrawn, statuses, sensitivity, areas
	Name     string    `json:"name"`    // file name, without folder
	Version  string    `json:"version"` // as given or found in the file's name: "v17", "2019"
	SHA256   string    `json:"sha256"`
	Rows     int       `json:"rows"`
	LoadedAt time.Time `json:"loaded_at"`
	Current  bool      `json:"current"`
}

const referenceColumns = `id, kind, name, version, sha256, row_count, loaded_at, current`

// References lists every version ever loaded, newest first.
func (db *DB) References(ctx context.Context) (list []Reference, err error) {
	defer fault.Wrap(&err, "vault.References")
	rows, err := db.read.QueryContext(ctx, `SELECT `+referenceColumns+` FROM reference ORDER BY loaded_at DESC, id DESC`)
	if err != nil {
		return nil, classify(err)
	}
	defer rows.Close()
	for rows.Next() {
		var r Reference
		var at string
		var current int
		if err := rows.Scan(&r.ID, &r.Kind, &r.Name, &r.Version, &r.SHA256, &r.Rows, &at, &current); err != nil {
			return nil, classify(err)
		}
		r.LoadedAt, r.Current = parseTime(at), current != 0
		list = append(list, r)
	}
	return list, classify(rows.Err())
}

// The Put methods store one version of a reference in one transaction; rows of an error end
// it with nothing stored. Names of several TAXREF files are merged, the later file winning
// field by field where it is not empty; statuses, lists and areas of another file are added
// to, those of the same name replaced.

// load describes how one kind of reference is stored.
type load struct {
	scope string // of areas: their kind, since one file may be loaded as two kinds
	// supersede removes what an older version of the same file left.
	supersede func(b *bulk, old int64) error
	// classing is true when the class of observations depends on this reference.
	classing bool
}

// put stores a version: one transaction around the loop over its rows. store is called with
// the reference's id and each row; rows of an error end it.
func put[T any](ctx context.Context, db *DB, ref Reference, l load, rows iter.Seq2[T, error],
	begin func(b *bulk, id int64) (store func(row *T) error, err error)) (_ Reference, err error) {
	defer fault.Wrap(&err, "vault: load %s %q", ref.Kind, ref.Name)
	err = db.tx(ctx, func(b *bulk) error {
		known, err := b.knownReference(&ref, l.scope)
		if err != nil || known && ref.Current {
			return err
		}
		if !known {
			if ref.ID, err = b.id("reference"); err != nil {
				return err
			}
		}
		if err := b.supersede(ref, l); err != nil {
			return err
		}
		ref.Rows, ref.LoadedAt, ref.Current = 0, time.Now().UTC().Truncate(time.Millisecond), true
		if err := b.saveReference(ref, l.scope); err != nil {
			return err
		}
		store, err := begin(b, ref.ID)
		if err != nil {
			return err
		}
		for row, err := range rows {
			if err != nil {
				return err
			}
			if err := store(&row); err != nil {
				return err
			}
			ref.Rows++
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if l.classing {
			g, err := b.counter("generation")
			if err != nil {
				return err
			}
			if err := b.setCounter("generation", g+1); err != nil {
				return err
			}
		}
		return b.saveReference(ref, l.scope)
	})
	if err != nil {
		return Reference{}, err
	}
	return ref, nil
}

// knownReference completes ref from the version with the same content, if there is one.
func (b *bulk) knownReference(ref *Reference, scope string) (found bool, err error) {
	err = b.rows(`SELECT id, version, row_count, loaded_at, current FROM reference
		WHERE kind = $1 AND scope = $2 AND name = $3 AND sha256 = $4`,
		[]any{ref.Kind, scope, ref.Name, ref.SHA256}, func(s row) error {
			found = true
			ref.ID = s.ColumnInt64(0)
			if s.ColumnInt64(4) != 0 {
				ref.Version, ref.Rows = s.ColumnText(1), int(s.ColumnInt64(2))
				ref.LoadedAt, ref.Current = parseTime(s.ColumnText(3)), true
			}
			return nil
		})
	return found, err
}

// supersede ends the older versions of the same file.
func (b *bulk) supersede(ref Reference, l load) error {
	var old []int64
	err := b.rows(`SELECT id FROM reference WHERE kind = $1 AND scope = $2 AND name = $3 AND current = 1 ORDER BY id`,
		[]any{ref.Kind, l.scope, ref.Name}, func(s row) error {
			old = append(old, s.ColumnInt64(0))
			return nil
		})
	if err != nil {
		return err
	}
	for _, id := range old {
		if _, err := b.exec(`UPDATE reference SET current = 0 WHERE id = $1`, id); err != nil {
			return err
		}
		if l.supersede != nil {
			if err := l.supersede(b, id); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bulk) saveReference(r Reference, scope string) error {
	_, err := b.exec(`INSERT INTO reference (id, kind, scope, name, version, sha256, row_count, loaded_at, current)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)
		ON CONFLICT (id) DO UPDATE SET version = excluded.version, row_count = excluded.row_count,
			loaded_at = excluded.loaded_at, current = 1`,
		r.ID, r.Kind, scope, r.Name, r.Version, r.SHA256, r.Rows, formatTime(r.LoadedAt))
	return err
}

// Generation is a number that grows with every change of what classing depends on: references
// (names, withdrawn codes, sensitivity, areas) and, in the register, the observers' choices and
// the decisions about names.
// Classed returns the generation at which observations were last classed as a whole.
func (db *DB) Generation(ctx context.Context) (current, classed int64, err error) {
	defer fault.Wrap(&err, "vault.Generation")
	if err := db.read.QueryRowContext(ctx, `SELECT
		COALESCE((SELECT value FROM counter WHERE name = 'generation'), 0),
		COALESCE((SELECT value FROM counter WHERE name = 'classed'), 0)`).Scan(&current, &classed); err != nil {
		return 0, 0, interrupted(ctx, classify(err))
	}
	err = db.registerRows(ctx, `SELECT value FROM register_counter WHERE name = $1`, []any{registerGeneration}, func(rows *sql.Rows) error {
		var decided int64
		err := rows.Scan(&decided)
		current += decided
		return err
	})
	return current, classed, err
}

// SetClassed records that every observation is classed as of generation g, unless a batch whose
// rows were classed with older references came since Behind gave behind: publishing then goes on
// asking for another classing.
func (db *DB) SetClassed(ctx context.Context, g, behind int64) (err error) {
	defer fault.Wrap(&err, "vault.SetClassed")
	return db.tx(ctx, func(b *bulk) error { return b.setUnlessBehind("classed", g, behind) })
}

func (b *bulk) setUnlessBehind(name string, value, behind int64) error {
	now, err := b.counter("behind")
	if err != nil || now != behind {
		return err
	}
	return b.setCounter(name, value)
}

// Behind counts the batches committed so far whose rows were classed with older references than
// were in force at their end: to be read before a classing, for SetClassed.
func (db *DB) Behind(ctx context.Context) (n int64, err error) {
	defer fault.Wrap(&err, "vault.Behind")
	err = db.read.QueryRowContext(ctx, `SELECT COALESCE((SELECT value FROM counter WHERE name = 'behind'), 0)`).Scan(&n)
	return n, interrupted(ctx, classify(err))
}

// ClassedAt tells the generation that the rows of the batch were classed with. An import reads
// its references before it begins, and a classing may have gone by since: what was classed
// then is no longer, and places are found again too.
func (b *Batch) ClassedAt(ctx context.Context, generation int64) (err error) {
	defer fault.Wrap(&err, "vault.ClassedAt (batch %d)", b.info.ID)
	current, _, err := b.db.Generation(ctx)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ended(); err != nil {
		return err
	}
	classed, err := b.b.counter("classed")
	if err != nil {
		return interrupted(ctx, err)
	}
	if b.existing == 0 || classed > generation { // all that the vault has is of this batch, or what it says no longer holds
		if err := b.b.setCounter("classed", generation); err != nil {
			return interrupted(ctx, err)
		}
	}
	if generation >= current {
		return nil
	}
	if err := b.b.setCounter("placed", 0); err != nil {
		return interrupted(ctx, err)
	}
	n, err := b.b.counter("behind")
	if err != nil {
		return interrupted(ctx, err)
	}
	return interrupted(ctx, b.b.setCounter("behind", n+1))
}

// Occasion is what classes depend on beside references and what people decide: the year, since
// sensitivity ends some years after the observation, and the policy in force, by a text that
// tells policies apart.
type Occasion struct {
	Year   int
	Policy string
}

// number makes a counter's value of the policy.
func (o Occasion) number() int64 {
	sum := sha256.Sum256([]byte(o.Policy))
	return int64(binary.BigEndian.Uint64(sum[:8]) >> 1)
}

// ClassedFor reports whether all observations were last classed for an occasion.
func (db *DB) ClassedFor(ctx context.Context, o Occasion) (yes bool, err error) {
	defer fault.Wrap(&err, "vault.ClassedFor")
	var year, policy int64
	err = db.read.QueryRowContext(ctx, `SELECT COALESCE((SELECT value FROM counter WHERE name = 'classed year'), 0),
		COALESCE((SELECT value FROM counter WHERE name = 'classed policy'), 0)`).Scan(&year, &policy)
	return year == int64(o.Year) && policy == o.number(), interrupted(ctx, classify(err))
}

// SetClassedFor records that every observation is classed for an occasion, unless a batch came since
// Behind gave behind, as SetClassed does.
func (db *DB) SetClassedFor(ctx context.Context, o Occasion, behind int64) (err error) {
	defer fault.Wrap(&err, "vault.SetClassedFor")
	return db.tx(ctx, func(b *bulk) error {
		if err := b.setUnlessBehind("classed policy", o.number(), behind); err != nil {
			return err
		}
		return b.setUnlessBehind("classed year", int64(o.Year), behind)
	})
}

// ClassedFor tells the occasion that the rows of the batch were classed for. When the others were for
// another, all have to be classed again.
func (b *Batch) ClassedFor(ctx context.Context, o Occasion) (err error) {
	defer fault.Wrap(&err, "vault.ClassedFor (batch %d)", b.info.ID)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ended(); err != nil {
		return err
	}
	year, err := b.b.counter("classed year")
	if err != nil {
		return interrupted(ctx, err)
	}
	policy, err := b.b.counter("classed policy")
	if err != nil {
		return interrupted(ctx, err)
	}
	switch {
	case b.existing == 0: // all that the vault has is of this batch
		if err := b.b.setCounter("classed policy", o.number()); err != nil {
			return interrupted(ctx, err)
		}
		if err := b.b.setCounter("grouped", 1); err != nil {
			return interrupted(ctx, err)
		}
		return interrupted(ctx, b.b.setCounter("classed year", int64(o.Year)))
	case year != int64(o.Year) || policy != o.number():
		return interrupted(ctx, b.b.setCounter("classed year", 0))
	}
	return nil
}
