package vault

import (
	"context"
	"fmt"
	"iter"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
)

// Fields chooses what Observations fills.
type Fields uint8

// The choices: what publishing needs (no people, no text, no extra), everything, or what
// classing needs: that of publishing, the name cited, the observers and the source.
const (
	ForPublication Fields = iota
	Complete
	ForClassing
)

func (f Fields) String() string {
	switch f {
	case Complete:
		return "complete"
	case ForClassing:
		return "for classing"
	}
	return "for publication"
}

func (f Fields) columns() string {
	switch f {
	case Complete:
		return publicationColumns + ", " + otherColumns + ", batch"
	case ForClassing:
		return publicationColumns + ", sens_review, name_cited, observers, batch"
	}
	return publicationColumns
}

// Observations calls f with each observation that was not withdrawn, in order of ID, against a
// grant that is recorded in the journal. o is reused between calls: its maps and slices are new, and may
// be kept. It sees the vault as it was when it began; an error of f ends it and is returned
// as it is. A grant that does not say who and why is Forbidden.
func (db *DB) Observations(ctx context.Context, g disclosure.Grant, what Fields, f func(o *observation.Observation) error) (err error) {
	entry, err := db.record(ctx, g, what)
	if err != nil {
		fault.Wrap(&err, "vault.Observations")
		return err
	}
	n, err := db.scan(ctx, what, "", f)
	if jerr := db.endRecord(ctx, entry, n, err); err == nil {
		err = jerr
	}
	return err
}

// ObservationsInParts is Observations for publication, read through several connections at once.
// Each part is a range of IDs, of which f is called in order and from one goroutine of its
// own. Parts are after one another: those of part 0 have the lowest IDs. Each sees the vault as it
// was when it began: whoever needs one state for all compares Changes when each begins.
func (db *DB) ObservationsInParts(ctx context.Context, g disclosure.Grant, parts int, f func(part int, o *observation.Observation) error) (err error) {
	entry, err := db.record(ctx, g, ForPublication)
	if err != nil {
		fault.Wrap(&err, "vault.ObservationsInParts")
		return err
	}
	n, err := db.scanParts(ctx, parts, f)
	if jerr := db.endRecord(ctx, entry, n, err); err == nil {
		err = jerr
	}
	return err
}

func (db *DB) scanParts(ctx context.Context, parts int, f func(part int, o *observation.Observation) error) (total int, err error) {
	var low, high int64
	if err := db.read.QueryRowContext(ctx, `SELECT COALESCE((SELECT MIN(id) FROM observation), 0),
		COALESCE((SELECT MAX(id) FROM observation), 0)`).Scan(&low, &high); err != nil {
		err = interrupted(ctx, classify(err))
		fault.Wrap(&err, "vault.ObservationsInParts")
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type ending struct {
		n   int
		err error
	}
	ends := make(chan ending, parts)
	step := (high-low)/int64(parts) + 1
	for part := range parts {
		from := low + int64(part)*step
		where := fmt.Sprintf("WHERE withdrawn IS NULL AND id >= %d", from)
		if part < parts-1 {
			where += fmt.Sprintf(" AND id < %d", from+step)
		}
		go func() {
			n, err := db.scan(ctx, ForPublication, where, func(o *observation.Observation) error { return f(part, o) })
			ends <- ending{n, err} // before the others are told to stop because of it
			if err != nil {
				cancel()
			}
		}()
	}
	for range parts {
		end := <-ends
		total += end.n
		if err == nil { // the first is what went wrong
			err = end.err
		}
	}
	return total, err
}

// scan reads observations: those of where, "" for all that live.
func (db *DB) scan(ctx context.Context, what Fields, where string, f func(o *observation.Observation) error) (n int, err error) {
	var sources []string
	var source map[int64]int64 // of batches
	if what != ForPublication {
		if sources, source, err = db.batchSources(ctx); err != nil {
			return 0, err
		}
	}
	if where == "" {
		where = `WHERE withdrawn IS NULL`
	}
	return db.scanText(ctx, `SELECT `+what.columns()+` FROM observation `+where+` ORDER BY id`,
		func(d *decoder, o *observation.Observation) error {
			switch what {
			case ForPublication:
				return nil
			case Complete:
				if err := d.other(o); err != nil {
					return err
				}
			case ForClassing:
				o.Review = d.int() != 0
				o.NameCited, o.Observers = d.word(), d.word()
			}
			o.Source = ""
			if i, known := source[d.int()]; known {
				o.Source = sources[i]
			}
			return nil
		}, f)
}

// scanText reads a query whose first columns are publicationColumns, and the others by rest.
func (db *DB) scanText(ctx context.Context, text string, rest func(d *decoder, o *observation.Observation) error,
	f func(o *observation.Observation) error) (n int, err error) {
	d := decoder{words: map[string]string{}}
	o := observation.Observation{CountMin: -1, CountMax: -1}
	var enough error // of f
	err = db.dialect.scan(ctx, "vault", text, func(s row) error {
		d.s = s
		d.publication(&o)
		if err := rest(&d, &o); err != nil {
			return err
		}
		n++
		enough = f(&o)
		return enough
	})
	if enough != nil {
		return n, enough
	}
	if err != nil {
		err = interrupted(ctx, classify(err))
		fault.Wrap(&err, "vault.Observations")
	}
	return n, err
}

// Classed is the outcome of classing one observation again.
type Classed struct {
	ID             int64
	CdRef          taxon.CdRef
	Level          sensitivity.Level
	List           string
	Manual, Review bool
	Held           observation.Hold
	Consent        string
	ConsentDefault bool
	Grouping       string
}

// ClassOf is the class an observation has.
func ClassOf(o *observation.Observation) Classed {
	return Classed{ID: o.ID, CdRef: o.CdRef, Level: o.Sensitivity, List: o.SensList, Manual: o.Manual, Review: o.Review, Held: o.Held,
		Consent: o.Consent, ConsentDefault: o.ConsentDefault, Grouping: o.Grouping}
}

// Reclass stores new classes (after a reference or a choice changed), in one transaction, and
// returns how many observations have another class than before; the former ones are kept.
// rows may come from Observations. A withdrawn observation keeps the class it had.
func (db *DB) Reclass(ctx context.Context, rows iter.Seq2[Classed, error]) (changed int, err error) {
	defer fault.Wrap(&err, "vault.Reclass")
	err = db.tx(ctx, func(b *bulk) error {
		run, err := b.beginRun()
		if err != nil {
			return err
		}
		var t touched
		for c, err := range rows {
			if err != nil {
				return err
			}
			if int(c.Held) > 4 {
				return fault.Say(fault.Invalid, "vault.bad_row", "held")
			}
			other, err := b.classAgain(c, cause{run: run}, &t)
			if err != nil {
				return err
			}
			if other {
				changed++
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return b.endRun(run, changed, &t)
	})
	if err != nil {
		return 0, err
	}
	return changed, nil
}

func (b *bulk) beginRun() (run int64, err error) {
	if run, err = b.id("class run"); err != nil {
		return 0, err
	}
	generation, err := b.counter("generation")
	if err != nil {
		return 0, err
	}
	_, err = b.exec(`INSERT INTO class_run (id, started_at, generation, changed) VALUES ($1, $2, $3, 0)`, run, now(), generation)
	return run, err
}

func (b *bulk) endRun(run int64, changed int, t *touched) error {
	if changed == 0 { // nothing refers to it
		_, err := b.exec(`DELETE FROM class_run WHERE id = $1`, run)
		return err
	}
	if _, err := b.exec(`UPDATE class_run SET changed = $2 WHERE id = $1`, run, changed); err != nil {
		return err
	}
	next, err := b.counter("next observation")
	if err != nil {
		return err
	}
	if _, _, err := b.findTwins(t, next); err != nil {
		return err
	}
	return b.changed()
}

// classAgain stores the class of one observation when it is another, with the former one, but
// for rows that were never classed; a new taxon makes it another twin.
func (b *bulk) classAgain(c Classed, why cause, t *touched) (changed bool, err error) {
	var was Classed
	var held string
	o := observation.Observation{}
	live := false
	err = b.rows(`SELECT `+classNames+`, cd_ref, presence, date_start, date_end, date_precision, observers FROM observation
		WHERE id = $1 AND withdrawn IS NULL`, []any{c.ID}, func(s row) error {
		live = true
		was = Classed{ID: c.ID, CdRef: taxon.CdRef(s.ColumnInt64(0)), Level: sensitivity.Level(s.ColumnInt64(1)), List: s.ColumnText(2),
			Held: c.Held, Consent: s.ColumnText(4), ConsentDefault: s.ColumnInt64(5) != 0,
			Manual: s.ColumnInt64(6) != 0, Review: s.ColumnInt64(7) != 0, Grouping: s.ColumnText(8)}
		held = s.ColumnText(3)
		o = keyFields(s, 9)
		return nil
	})
	if err != nil || !live || was == c && held == holdCodes()[c.Held] {
		return false, err
	}
	if held != holdCodes()[observation.Unclassed] {
		if err := b.rememberClass(was, held, why); err != nil {
			return false, err
		}
	}
	o.CdRef = c.CdRef
	key := twinKey(&o, nil)
	if _, err := b.exec(`UPDATE observation SET cd_ref = $2, sensitivity = $3, sensitivity_list = $4, held = $5, consent = $6,
		consent_default = $7, twin_key = $8, sens_manual = $9, sens_review = $10, grouping_id = $11, `+touchedNow+` WHERE id = $1`, c.ID, nullCode(c.CdRef), int(c.Level), null(c.List),
		null(holdCodes()[c.Held]), null(c.Consent), nullCode(flag(c.ConsentDefault)), nullCode(key), nullCode(flag(c.Manual)),
		nullCode(flag(c.Review)), null(c.Grouping)); err != nil {
		return false, err
	}
	if was.CdRef != c.CdRef {
		t.add(c.ID)
	}
	return true, nil
}

func (b *bulk) rememberClass(was Classed, held string, why cause) error {
	id, err := b.id("class")
	if err != nil {
		return err
	}
	_, err = b.exec(`INSERT INTO observation_class (observation, id, class_run, batch, replaced_at, cd_ref, sensitivity,
		sensitivity_list, held, consent, consent_default, sens_manual, sens_review, grouping_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		was.ID, id, nullCode(why.run), nullCode(why.batch), now(), nullCode(was.CdRef), int(was.Level), null(was.List),
		null(held), null(was.Consent), nullCode(flag(was.ConsentDefault)), nullCode(flag(was.Manual)), nullCode(flag(was.Review)), null(was.Grouping))
	return err
}
