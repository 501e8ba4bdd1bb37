package vault

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"garrigue/internal/civil"
	"garrigue/internal/dataset"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
)

// DisclosedBatch is a batch of blurred observations that was made public.
type DisclosedBatch struct {
	Day          civil.Date // of the policy's calendar
	At           time.Time
	Reason       string // why it was taken then
	Fingerprint  string // of the policy and the references in force
	Observations int    // blurred observations shown
	Changed      int    // of these and of those no longer shown, how many were not so before
}

// Disclosed is a blurred observation as the public sees it since the last batch.
type Disclosed struct {
	Observation int64
	disclosure.Published
	Gone bool // it disappeared since, and stays away until the next batch
}

// LastBatch returns the last batch made public. NotFound when there was none.
func (db *DB) LastBatch(ctx context.Context) (b DisclosedBatch, err error) {
	defer fault.Wrap(&err, "vault.LastBatch")
	var day, at string
	err = db.read.QueryRowContext(ctx, `SELECT day, taken_at, reason, fingerprint, observations, changed FROM disclosed_batch
		ORDER BY id DESC LIMIT 1`).Scan(&day, &at, &b.Reason, &b.Fingerprint, &b.Observations, &b.Changed)
	if errors.Is(err, sql.ErrNoRows) {
		return b, fault.Say(fault.NotFound, "vault.no_disclosed_batch")
	}
	b.Day, b.At = parseDate([]byte(day)), parseTime(at)
	return b, interrupted(ctx, classify(err))
}

// Disclosed calls f with each observation of the last batch, in order of ID. d is reused; its
// Within is shared by all that have the same, and must not be written to. Nothing of it is
// exact.
func (db *DB) Disclosed(ctx context.Context, f func(d *Disclosed) error) (err error) {
	defer fault.Wrap(&err, "vault.Disclosed")
	var d Disclosed
	d.Blurred, d.AltitudeMin, d.AltitudeMax = true, observation.NoAltitude, observation.NoAltitude
	dec := decoder{words: map[string]string{}}
	areas, lists := map[string]geo.AreaKey{}, map[string][]geo.AreaKey{}
	area := func(text string) (geo.AreaKey, error) {
		a, known := areas[text]
		if !known {
			if a = parseArea(text); a == 0 {
				return 0, fault.Say(fault.Internal, "vault.disclosed_area", text)
			}
			areas[text] = a
		}
		return a, nil
	}
	precisions := precisionCodes()
	var enough error
	err = db.dialect.scan(ctx, "vault", `SELECT `+disclosedColumns+` FROM disclosed ORDER BY observation`, func(s row) (err error) {
		dec.s, dec.n = s, 0
		d.Observation, d.CdRef, d.Dataset = dec.int(), taxon.CdRef(dec.int()), dataset.ID(dec.int())
		d.Organisation = dec.word()
		d.When.Start, d.When.End = dec.date(), dec.date()
		d.When.Precision = observation.Precision(max(slices.Index(precisions[:], dec.word()), 0))
		if d.Area, err = area(dec.word()); err != nil {
			return err
		}
		text := dec.word()
		list, known := lists[text]
		if !known {
			for _, t := range strings.Fields(text) {
				a, err := area(t)
				if err != nil {
					return err
				}
				list = append(list, a)
			}
			lists[text] = list
		}
		d.Within = list
		d.Reasons, d.Validated, d.Gone = disclosure.Reason(dec.int()), dec.int() != 0, dec.int() != 0
		enough = f(&d)
		return enough
	})
	if enough != nil {
		return enough
	}
	return interrupted(ctx, classify(err))
}

// parseArea reads what geo.AreaKey.String wrote; 0 when it is no area.
func parseArea(text string) geo.AreaKey {
	name, code, _ := strings.Cut(text, ":")
	kind, ok := geo.ParseKind(name)
	if !ok {
		return 0
	}
	if kind.Mesh() > 0 {
		if a, ok := geo.ParseCell(code); ok && a.Kind() == kind {
			return a
		}
		return 0
	}
	return geo.AdminKey(kind, code)
}

// DisclosedChange is what a publication did to what is remembered of blurred observations.
type DisclosedChange struct {
	Batch *DisclosedBatch // taken; nil: none
	// Whole: Put is everything there is, in order of ID, in place of what there was; else Put is
	// what is new or not as it was.
	Whole bool
	Put   func(yield func(d *Disclosed) error) error
	Drop  []int64 // no longer shown, or shown like ordinary ones
	Gone  []int64 // disappeared between two batches
}

// StoreDisclosed writes a change. Just before it is committed it calls commit, which makes the
// thing public: when that fails nothing is written. It waits for the writer under way.
func (db *DB) StoreDisclosed(ctx context.Context, c DisclosedChange, commit func() error) (err error) {
	defer fault.Wrap(&err, "vault.StoreDisclosed")
	return db.tx(ctx, func(b *bulk) error {
		if c.Whole {
			if _, err := b.exec(`DELETE FROM disclosed`); err != nil {
				return err
			}
		}
		for _, id := range c.Drop {
			if err := b.later(`DELETE FROM disclosed WHERE observation = $1`, id); err != nil {
				return err
			}
		}
		for _, id := range c.Gone {
			if err := b.later(`UPDATE disclosed SET gone = 1 WHERE observation = $1`, id); err != nil {
				return err
			}
		}
		if c.Put != nil {
			if err := b.putDisclosed(c); err != nil {
				return err
			}
		}
		if c.Batch != nil {
			id, err := b.id("disclosed_batch")
			if err != nil {
				return err
			}
			if _, err := b.exec(`INSERT INTO disclosed_batch (id, day, taken_at, reason, fingerprint, observations, changed)
				VALUES ($1, $2, $3, $4, $5, $6, $7)`, id, c.Batch.Day.String(), formatTime(c.Batch.At), c.Batch.Reason,
				c.Batch.Fingerprint, c.Batch.Observations, c.Batch.Changed); err != nil {
				return err
			}
		}
		// What waits to be sent may still fail: a question has it sent.
		if _, err := b.counter("next disclosed_batch"); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return commit()
	})
}

// ForgetDisclosed forgets all batches: blurred observations then change from one day to the next.
func (db *DB) ForgetDisclosed(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "vault.ForgetDisclosed")
	return db.tx(ctx, func(b *bulk) error {
		if _, err := b.exec(`DELETE FROM disclosed`); err != nil {
			return err
		}
		_, err := b.exec(`DELETE FROM disclosed_batch`)
		return err
	})
}

const disclosedColumns = `observation, cd_ref, dataset, organisation, date_start, date_end, date_precision, area, counted_in,
	reasons, validated, gone`

func (b *bulk) putDisclosed(c DisclosedChange) (err error) {
	var into *prepared
	if c.Whole {
		into, err = b.s.loader("disclosed", disclosedColumns)
	} else {
		into, err = b.statement(`INSERT INTO disclosed (` + disclosedColumns + `) VALUES (` + placeholders(1, 12) + `)
			ON CONFLICT (observation) DO UPDATE SET cd_ref = excluded.cd_ref, dataset = excluded.dataset,
				organisation = excluded.organisation, date_start = excluded.date_start, date_end = excluded.date_end,
				date_precision = excluded.date_precision, area = excluded.area, counted_in = excluded.counted_in,
				reasons = excluded.reasons, validated = excluded.validated, gone = excluded.gone`)
	}
	if err != nil {
		return err
	}
	precisions := precisionCodes()
	texts, dates := map[geo.AreaKey]string{}, newEncoder()
	text := func(a geo.AreaKey) string {
		t, known := texts[a]
		if !known {
			t = a.String()
			texts[a] = t
		}
		return t
	}
	var list []byte
	return c.Put(func(d *Disclosed) error {
		list = list[:0]
		for i, a := range d.Within {
			if i > 0 {
				list = append(list, ' ')
			}
			list = append(list, text(a)...)
		}
		v := values{s: into}
		v.int(d.Observation)
		v.int(int64(d.CdRef))
		v.int(int64(d.Dataset))
		v.text(d.Organisation)
		v.text(dates.date(d.When.Start))
		v.text(dates.date(d.When.End))
		v.text(precisions[min(int(d.When.Precision), len(precisions)-1)])
		v.text(text(d.Area))
		v.text(string(list))
		v.int(int64(d.Reasons))
		v.int(flag(d.Validated))
		v.int(flag(d.Gone))
		return run(into)
	})
}
