package publish

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"time"

	"garrigue/internal/civil"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// Batched is what a publication did with blurred observations: they change in batches, so that
// the atlases of two days cannot be subtracted.
type Batched struct {
	Taken   bool   `json:"taken"`
	Reason  string `json:"reason,omitempty"`  // why it was taken: key "publish.batch.<reason>" of the catalogues
	Since   string `json:"since,omitempty"`   // day of the batch that is shown
	Changed int    `json:"changed,omitempty"` // in a batch: how many were not so before
	Waiting int    `json:"waiting,omitempty"` // changes that wait for the next batch
	Gone    int    `json:"gone,omitempty"`    // disappeared today, without waiting
}

// mode is what a batch does with what is not as it was shown.
type mode uint8

const (
	daily     mode = iota // the policy knows no batches
	closed                // it waits
	undecided             // it is kept until there are enough changes, or the vault is read
	open                  // it is shown
)

// batch holds what blurred observations were shown as at the last batch, and decides what is shown
// of them now. It is asked about every observation, in order of ID, and answers from the ID, from
// what disclosure says today and from what was shown: never from the observation itself, so that
// one moved inside its disclosed area gets the same answer.
type batch struct {
	store   *shown
	policy  *disclosure.Policy
	minimum int
	records bool // false for the copy that answers for moved observations

	mode    mode
	reason  string
	at      int // next row
	seen    []bool
	held    []heldRow // of an undecided batch
	count   Batched
	news    []row   // to be written: new, changed, or all when whole
	dropped []int64 // to be removed
	gone    []int64 // to be marked
	total   int     // blurred observations of an open batch
	hidden  int     // that would be shown, but for the batch
}

// shown is what was shown at the last batch: a row is 32 bytes, places and producers are apart.
type shown struct {
	last  vault.DisclosedBatch // Fingerprint is "" when there was none
	today civil.Date
	mark  string // fingerprint of today's policy and references
	rows  []row  // in order of ID
	numbering
}

// row is one observation as it was shown.
type row struct {
	id         int64
	cd         taxon.CdRef
	start, end civil.Date
	spot       uint32
	maker      uint32
	precision  observation.Precision
	validated  bool
	gone       bool
}

// heldRow is a change of an undecided batch.
type heldRow struct {
	id        int64
	was       int // index of the row, -1 for none
	published disclosure.Published
	ok        bool
}

// loadShown reads what was shown at the last batch.
func loadShown(ctx context.Context, db *vault.DB, p *disclosure.Policy) (s *shown, err error) {
	s = newShown(p.Today)
	if s.last, err = db.LastBatch(ctx); err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	if !offBatch(p.Batch) {
		if s.mark, err = fingerprint(ctx, db, p); err != nil {
			return nil, err
		}
		if err := db.Disclosed(ctx, s.add); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// earlyShown is what loadShown returned.
type earlyShown struct {
	s   *shown
	err error
}

// shownEarly begins to load what was shown beside what comes first; the function returned waits for it.
func (r *run) shownEarly(ctx context.Context) (wait func()) {
	r.early = make(chan earlyShown, 1)
	p, done := r.Policy, make(chan struct{})
	go func() {
		defer close(done)
		s, err := loadShown(ctx, r.db, &p)
		r.early <- earlyShown{s, err}
	}()
	return func() { <-done }
}

// lastShown returns what was shown at the last batch, loaded early the first time.
func (r *run) lastShown(ctx context.Context) (*shown, error) {
	if r.early == nil {
		return loadShown(ctx, r.db, &r.Policy)
	}
	e := <-r.early
	r.early = nil
	return e.s, e.err
}

func newShown(today civil.Date) *shown {
	return &shown{today: today}
}

// begin settles whether a batch is taken, as far as that is known beforehand. force takes one whatever the policy says.
func (s *shown) begin(p *disclosure.Policy, force bool) *batch {
	b := &batch{store: s, policy: p, minimum: p.Batch.Minimum, records: true, seen: make([]bool, len(s.rows))}
	if !offBatch(p.Batch) {
		b.mode, b.reason = opening(s, p.Batch, force)
	}
	return b
}

// opening says what is known of a batch before the vault is read.
func opening(s *shown, rule disclosure.Batch, force bool) (mode, string) {
	switch {
	case s.last.Fingerprint == "":
		return open, "first"
	case s.last.Fingerprint != s.mark:
		return open, "rules"
	case force:
		return open, "asked"
	case !turned(s.last.Day, s.today, rule.Every):
		return closed, ""
	case rule.Minimum <= 0:
		return open, "period"
	}
	return undecided, ""
}

// offBatch reports whether a policy knows no batches: every change may show from one day to the
// next.
func offBatch(b disclosure.Batch) bool { return b.Minimum <= 0 && (b.Every == "" || b.Every == "day") }

// turned reports whether a day belongs to a later period than another.
func turned(last, today civil.Date, every string) bool {
	if today <= last {
		return false
	}
	switch every {
	case "month":
		y1, m1, _ := last.Civil()
		y2, m2, _ := today.Civil()
		return y1 != y2 || m1 != m2
	case "week":
		return monday(today) != monday(last)
	}
	return true
}

// monday returns the first day of a date's week. 1 January 1970 was a Thursday.
func monday(d civil.Date) civil.Date { return d - ((d+3)%7+7)%7 }

// fingerprint hashes what blurred observations are shown by: the policy, TAXREF, lists and
// areas. When one of them changed what was shown before may no longer hold.
func fingerprint(ctx context.Context, db *vault.DB, p *disclosure.Policy) (string, error) {
	all, err := db.References(ctx)
	if err != nil {
		return "", err
	}
	var parts []string
	for _, r := range all {
		if r.Current && r.Kind != "statuses" {
			parts = append(parts, r.Kind+"\x00"+r.Name+"\x00"+r.SHA256)
		}
	}
	slices.Sort(parts)
	h := sha256.New()
	io.WriteString(h, p.Fingerprint())
	for _, t := range parts {
		io.WriteString(h, "\x00"+t)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// add keeps one row of the last batch.
func (s *shown) add(d *vault.Disclosed) error {
	s.rows = append(s.rows, s.row(d.Observation, &d.Published, d.Gone))
	return nil
}

// row packs what is shown of an observation.
func (s *shown) row(id int64, p *disclosure.Published, gone bool) row {
	return row{id: id, cd: p.CdRef, start: p.When.Start, end: p.When.End, spot: s.place(p), maker: s.maker(p),
		precision: p.When.Precision, validated: p.Validated, gone: gone}
}

// published unpacks a row. Its Within is shared.
func (s *shown) published(r *row) disclosure.Published {
	at, m := &s.places[r.spot], &s.makers.list[r.maker]
	return disclosure.Published{CdRef: r.cd, Dataset: m.Dataset, Organisation: m.Organisation,
		When: observation.Period{Start: r.start, End: r.end, Precision: r.precision},
		Area: at.Area, Within: at.Within, Blurred: true, Reasons: at.Reasons,
		AltitudeMin: observation.NoAltitude, AltitudeMax: observation.NoAltitude, Validated: r.validated}
}

// moved returns a batch that answers for moved observations: as this one did at its beginning,
// with its own count of changes. Nothing is remembered of what it is asked.
func (b *batch) moved() *batch {
	return &batch{store: b.store, policy: b.policy, minimum: b.minimum, mode: b.mode, reason: b.reason, seen: make([]bool, len(b.seen))}
}

// inBatches reports whether an observation changes with batches: it is blurred because somebody or a
// list asks for it. What is coarse by its own nature is told from one day to the next.
func inBatches(p *disclosure.Published) bool {
	return p.Blurred && p.Reasons&(disclosure.Sensitive|disclosure.Consent) != 0
}

// pass decides what is shown of an observation, of which disclosure would show p, or nothing when
// not ok. It is called for each, in order of ID, withheld ones and hidden twins included: one that is not asked
// about is no longer in the vault, and stays as it was shown until the next batch. What is kept for
// later comes out of finish.
func (b *batch) pass(o *observation.Observation, p disclosure.Published, ok bool) (disclosure.Published, bool) {
	return b.decide(o.ID, p, ok)
}

func (b *batch) decide(id int64, p disclosure.Published, ok bool) (disclosure.Published, bool) {
	if b.mode == daily {
		return p, ok
	}
	was := b.find(id)
	blurred := ok && inBatches(&p)
	if was < 0 && !blurred {
		return p, ok
	}
	gone := was >= 0 && b.store.rows[was].gone
	if blurred && was >= 0 && !gone && b.same(&b.store.rows[was], &p) {
		b.show(id, &p, true)
		return p, true
	}
	if gone && !ok {
		return disclosure.Published{}, false // as it was
	}
	if blurred || !gone { // else it is one more of those that change every day
		b.found()
	}
	if b.mode == undecided {
		p.Within = slices.Clone(p.Within)
		b.held = append(b.held, heldRow{id, was, p, ok})
		return disclosure.Published{}, false
	}
	if b.mode == open {
		b.change(id, was, &p, ok)
		return p, ok
	}
	return b.wait(was, p, ok)
}

// find returns the index of an observation's row, -1 when there is none. Rows passed over are of
// observations no longer in the vault.
func (b *batch) find(id int64) int {
	rows := b.store.rows
	for b.at < len(rows) && rows[b.at].id < id {
		b.skip(b.at)
		b.at++
	}
	if b.at < len(rows) && rows[b.at].id == id {
		b.seen[b.at] = true
		return b.at
	}
	return -1
}

// skip counts a row whose observation is no longer in the vault.
func (b *batch) skip(i int) {
	if b.seen[i] || b.store.rows[i].gone {
		return
	}
	b.found()
}

// found counts a change; enough of them take the batch.
func (b *batch) found() {
	if b.mode == closed {
		return
	}
	if b.count.Changed++; b.mode == undecided && b.count.Changed >= b.minimum {
		b.mode, b.reason = open, "period"
	}
}

func (b *batch) same(r *row, p *disclosure.Published) bool {
	at, m := &b.store.places[r.spot], &b.store.makers.list[r.maker]
	return r.cd == p.CdRef && r.start == p.When.Start && r.end == p.When.End && r.precision == p.When.Precision &&
		r.validated == p.Validated && at.Area == p.Area && at.Reasons == p.Reasons && slices.Equal(at.Within, p.Within) &&
		m.Dataset == p.Dataset && m.Organisation == p.Organisation
}

// show notes an observation that an open batch shows.
func (b *batch) show(id int64, p *disclosure.Published, same bool) {
	if !b.records {
		return
	}
	b.total++
	if b.whole() || !same {
		b.news = append(b.news, b.store.row(id, p, false))
	}
}

// change notes what an open batch makes of an observation.
func (b *batch) change(id int64, was int, p *disclosure.Published, ok bool) {
	switch {
	case ok && inBatches(p):
		b.show(id, p, false)
	case was >= 0:
		b.drop(id)
	}
}

// drop has a row removed, where the batch is not written whole.
func (b *batch) drop(id int64) {
	if b.records && b.mode == open && !b.whole() {
		b.dropped = append(b.dropped, id)
	}
}

// whole reports whether all rows are written again: what is in force changed.
func (b *batch) whole() bool { return b.reason == "first" || b.reason == "rules" }

// wait answers between two batches: what was shown stays as it was, but what may now be shown only
// more coarsely, or not at all, disappears, and what is new waits.
func (b *batch) wait(was int, p disclosure.Published, ok bool) (disclosure.Published, bool) {
	if was < 0 || b.store.rows[was].gone {
		b.count.Waiting++
		b.hidden++
		return disclosure.Published{}, false
	}
	r := &b.store.rows[was]
	if !ok || b.coarser(r, &p) {
		if b.count.Gone++; ok {
			b.hidden++
		}
		if b.records {
			b.gone = append(b.gone, r.id)
		}
		return disclosure.Published{}, false
	}
	b.count.Waiting++
	return b.store.published(r), true
}

// coarser reports whether an observation may no longer be shown as precisely as it was: in a larger
// kind of area, in fewer of those that hold the same one, or by a coarser date.
func (b *batch) coarser(r *row, p *disclosure.Published) bool {
	at := &b.store.places[r.spot]
	if b.policy.Coarser(p.Area.Kind(), at.Area.Kind()) || p.When.Precision > r.precision {
		return true
	}
	return p.Area == at.Area && slices.ContainsFunc(at.Within, func(a geo.AreaKey) bool { return !slices.Contains(p.Within, a) })
}

// finish gives out, once every observation has passed, what was kept: changes of a batch that
// found enough of them or did not, and what was shown of observations no longer in the vault.
func (b *batch) finish(add func(p *disclosure.Published) error) error {
	if b.mode == daily {
		return nil
	}
	for ; b.at < len(b.store.rows); b.at++ {
		b.skip(b.at)
	}
	if b.mode == undecided {
		b.mode, b.count.Changed = closed, 0
	}
	for i := range b.held {
		h := &b.held[i]
		p, ok := h.published, h.ok
		if b.mode == open {
			b.change(h.id, h.was, &p, ok)
		} else {
			p, ok = b.wait(h.was, p, ok)
		}
		if ok {
			if err := add(&p); err != nil {
				return err
			}
		}
	}
	b.held = nil
	for i := range b.store.rows {
		r := &b.store.rows[i]
		switch {
		case b.mode == open && (r.gone || !b.seen[i]):
			b.drop(r.id) // and put again if it is shown
		case !b.seen[i] && !r.gone:
			b.count.Waiting++
			p := b.store.published(r)
			if err := add(&p); err != nil {
				return err
			}
		}
	}
	return nil
}

// save writes what is shown now, and calls swap just before that is committed: both happen, or
// neither.
func (b *batch) save(ctx context.Context, db *vault.DB, swap func() error) error {
	switch {
	case b.mode == daily && b.store.last.Fingerprint == "", b.mode == closed && len(b.gone) == 0:
		return swap()
	case b.mode == daily:
		if err := swap(); err != nil {
			return err
		}
		return db.ForgetDisclosed(ctx)
	}
	return db.StoreDisclosed(ctx, b.changes(), swap)
}

// changes is what there is to write.
func (b *batch) changes() vault.DisclosedChange {
	c := vault.DisclosedChange{Drop: b.dropped, Gone: b.gone}
	if b.mode != open {
		return c
	}
	c.Batch = &vault.DisclosedBatch{Day: b.store.today, At: time.Now(), Reason: b.reason, Fingerprint: b.store.mark,
		Observations: b.total, Changed: b.count.Changed}
	c.Whole = b.whole()
	// A held change comes after those it was found before.
	slices.SortFunc(b.news, func(x, y row) int { return cmp.Compare(x.id, y.id) })
	c.Put = func(yield func(*vault.Disclosed) error) error {
		for i := range b.news {
			if err := yield(&vault.Disclosed{Observation: b.news[i].id, Published: b.store.published(&b.news[i])}); err != nil {
				return err
			}
		}
		return nil
	}
	return c
}

// report tells what was done, when there are batches.
func (b *batch) report(res *Result) {
	if b.mode == daily {
		return
	}
	out := b.count
	out.Taken, out.Reason, out.Since = b.mode == open, b.reason, b.store.last.Day.String()
	if out.Taken {
		out.Since = b.store.today.String()
	}
	res.Batch = &out
	if b.hidden > 0 {
		res.Withheld["batch"] = b.hidden
	}
}
