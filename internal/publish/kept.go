package publish

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"garrigue/internal/atlas"
	"garrigue/internal/civil"
	"garrigue/internal/disclosure"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
)

// keptDays is how long what was kept serves before everything is read again.
const keptDays = 7

// keptPatience is how long a publication that is done waits for an import, to leave what it kept.
const keptPatience = 5 * time.Second

// keptSample is one in how many observations kept is read again at each publication, and compared.
const keptSample = 2048

// errAnew says that what was kept does not serve: everything is to be read.
var errAnew = errors.New("everything is to be read")

// kept is what a publication takes over from the former one and leaves to the next.
type kept struct {
	former *keptFile   // nil: everything is read
	next   *keptWriter // nil: nothing is kept
	key    string
	state  int64   // of the vault
	silent int64   // changes of it that noted no row
	apart  []int64 // members of clusters and of groupings that have a level, sorted: they depend on others
	at     int     // in apart
}

// keeps reports whether a publication takes over and leaves anything.
func (r *run) keeps() bool { return r.Kept != "" && !r.mutant.any() }

// openKeeping opens what was kept, if it serves, and begins what will be. Nothing of this may
// stop a publication: without it, everything is read.
//
// before is the key of before references were read: a list loaded meanwhile is not the one that decides.
func (r *run) openKeeping(ctx context.Context, before string) {
	k := &r.kept
	if !r.keeps() {
		return
	}
	key, err := r.keptKey(ctx)
	if err == nil && key != before {
		err = errors.New("references changed while they were read")
	}
	if err == nil {
		k.next, err = createKept(r.Kept + ".next")
	}
	if err != nil {
		r.Log.Warn("nothing is kept for the next publication", "err", err)
		return
	}
	k.key = key
	if r.Afresh {
		return
	}
	f, err := openKept(r.Kept)
	if err != nil {
		return
	}
	mark, err := r.db.Kept(ctx)
	if err != nil || mark != f.Mark || key != f.Key || r.Policy.Today < f.Today || r.Policy.Today-f.Since >= keptDays {
		f.close()
		return
	}
	k.former, r.numbers = f, f.numbering()
}

// keptKey is what a decision depends on beside the observation and the day: the references, the policy
// and this very program.
func (r *run) keptKey(ctx context.Context) (string, error) {
	all, err := r.db.References(ctx)
	if err != nil {
		return "", err
	}
	own, err := program()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, keptForm, own, r.Policy.Fingerprint())
	for _, ref := range all {
		if ref.Current {
			fmt.Fprintf(h, "%+v\n", ref)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// program is a digest of the program that runs: another one may decide otherwise.
var program = sync.OnceValues(func() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	if runtime.GOOS == "linux" {
		path = "/proc/self/exe" // the file that runs, though another may have its name by now
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
})

// closeKeeping forgets what was not left to the next publication.
func (r *run) closeKeeping() {
	if r.kept.former != nil {
		r.kept.former.close()
	}
	if r.kept.next != nil {
		r.kept.next.abandon()
	}
	r.kept = kept{}
}

// leave leaves what was decided to the next publication. The mark comes first in the vault, then the
// file: killed in between, the next one reads everything.
func (r *run) leave(ctx context.Context) {
	k := &r.kept
	if k.next == nil {
		return
	}
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	n := r.numbers
	h := keptHead{Key: k.key, Mark: int64(binary.LittleEndian.Uint64(b[:])>>1 | 1), Changes: k.state, Silent: k.silent, Since: r.Policy.Today, Today: r.Policy.Today,
		Taxa: n.taxa.list, Places: n.places, Makers: n.makers.list, Reasons: n.reasons.list}
	if k.former != nil {
		h.Since = k.former.Since
	}
	err := k.next.finish(&h)
	if err == nil { // an import under way may last: the atlas is public already
		brief, stop := context.WithTimeout(ctx, keptPatience)
		defer stop()
		err = r.db.SetKept(brief, h.Mark)
	}
	if err == nil {
		err = os.Rename(k.next.f.Name(), r.Kept)
	}
	if err != nil {
		r.Log.Warn("nothing is kept for the next publication", "err", err)
		return
	}
	k.next = nil
}

// dependsOn notes an observation whose fate is not its own.
func (k *kept) dependsOn(id int64) { k.apart = append(k.apart, id) }

// isApart reports whether an observation depends on others; they are asked about in order of ID.
func (k *kept) isApart(id int64) bool {
	for k.at < len(k.apart) && k.apart[k.at] < id {
		k.at++
	}
	return k.at < len(k.apart) && k.apart[k.at] == id
}

// keep notes what became of an observation that was read: row when it is shown, by itself. sound is false when it
// was not shown alike where it was moved.
func (r *run) keep(o *observation.Observation, row keptRow, ok, sound bool) {
	k := &r.kept
	if k.next == nil {
		return
	}
	if row = r.decided(o, row, ok); !sound || k.isApart(o.ID) {
		row.kind = keptAnew
	}
	k.next.put(&row)
}

// decided completes the row of an observation that is shown, or makes that of one withheld.
func (r *run) decided(o *observation.Observation, row keptRow, ok bool) keptRow {
	if !ok {
		row = keptRow{kind: keptWithheld, reason: r.numbers.reasons.number(withheld(o))}
	}
	row.id, row.until = o.ID, r.until(o)
	return row
}

// until returns the first day on which a duration written in a list ends for an observation.
func (r *run) until(o *observation.Observation) civil.Date {
	if !r.bearing(o).lasting {
		return civil.NoDate
	}
	lineage := r.lineage(o)
	first := r.book.Ends(lineage, o.When.Start, r.Policy.Today)
	if d := r.book.Ends(lineage, o.When.End, r.Policy.Today); d != civil.NoDate && (first == civil.NoDate || d < first) {
		first = d
	}
	return first
}

// onlyChanges takes over what the former publication decided, and decides again on what was touched since,
// on what depends on others, and on a sample. errAnew when it cannot; nothing was counted then.
func (r *run) onlyChanges(ctx context.Context, grant disclosure.Grant) error {
	k := &r.kept
	if k.silent != k.former.Silent {
		return errAnew // a program of before rows were noted wrote since
	}
	ids, sample, err := r.toRead(ctx)
	if err != nil {
		return err
	}
	some := make([]passing, 0, len(ids))
	if err := r.db.ObservationsOf(ctx, grant, ids, func(o *observation.Observation) error {
		some = append(some, passing{o: *o})
		return nil
	}); err != nil {
		return err
	}
	if err := r.unmoved(ctx, k.state); err != nil {
		return err
	}
	for i := range some {
		some[i].decide(r)
	}
	if !r.stillSo(some, sample) {
		r.Log.Warn("what was kept is not what the vault gives: everything is read")
		return errAnew
	}
	defer r.countBeside()()
	err = r.merge(ctx, ids, some)
	if err == errKept { // sound a moment ago
		return fmt.Errorf("%w: %s", err, r.Kept)
	}
	return err
}

// toRead lists, in order, the observations that are to be read, and what was kept of those that are
// only read to be compared.
func (r *run) toRead(ctx context.Context) (ids []int64, sample map[int64]keptRow, err error) {
	k := &r.kept
	if ids, err = r.db.Touched(ctx, k.former.Changes, k.former.Last); err != nil {
		return nil, nil, err
	}
	ids = append(ids, k.apart...)
	sample = map[int64]keptRow{}
	draw := int64(r.proof.Seed % keptSample)
	err = k.former.each(func(row *keptRow) error {
		if row.kind == keptAnew || row.until != civil.NoDate && row.until <= r.Policy.Today {
			ids = append(ids, row.id)
		} else if row.id%keptSample == draw {
			one := *row
			one.raw = nil
			sample[row.id] = one
		}
		return nil
	})
	if err == errKept {
		return nil, nil, errAnew
	} else if err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		delete(sample, id)
	}
	for id := range sample {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) > keptMost+k.former.Rows/8 { // reading all is quicker
		return nil, nil, errAnew
	}
	return ids, sample, nil
}

// keptMost is how many observations are always read one by one rather than all.
const keptMost = 5000

// stillSo reports whether the sample is decided as it was.
func (r *run) stillSo(some []passing, sample map[int64]keptRow) bool {
	found := 0
	for i := range some {
		x := &some[i]
		was, in := sample[x.o.ID]
		if !in {
			continue
		}
		found++
		var now keptRow
		if x.ok {
			p := x.p
			p.Organisation = r.cleaned(p.Organisation)
			now = r.numbers.row(&p)
		}
		if now = r.decided(&x.o, now, x.ok); !now.equal(&was) {
			return false
		}
	}
	return found == len(sample)
}

func (r *keptRow) equal(o *keptRow) bool {
	return r.id == o.id && bytes.Equal(r.pack(nil), o.pack(nil))
}

// merge counts what was kept and what was decided now, in order of ID.
func (r *run) merge(ctx context.Context, ids []int64, some []passing) error {
	former := r.kept.former
	i, at := 0, 0
	upTo := func(id int64) error {
		for ; i < len(some) && some[i].o.ID <= id; i++ {
			if err := r.add(&some[i]); err != nil {
				return err
			}
		}
		return nil
	}
	err := former.each(func(row *keptRow) error {
		if err := upTo(row.id); err != nil {
			return err
		}
		for at < len(ids) && ids[at] < row.id {
			at++
		}
		if at < len(ids) && ids[at] == row.id {
			return nil // just counted, or withdrawn
		}
		if r.tally.read++; r.tally.read%batchRows == 0 {
			r.tell("publish.step.read", int64(r.tally.read), int64(former.Rows))
		}
		if r.tally.read%(64*batchRows) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		return r.addKept(row)
	})
	if err != nil {
		return err
	}
	return upTo(1<<63 - 1)
}

// addKept counts an observation as the former publication decided on it. Both tellings were the same.
func (r *run) addKept(row *keptRow) error {
	r.kept.next.again(row)
	r.proof.Kept++
	var p disclosure.Published
	ok := row.kind == keptShown
	if ok {
		p = r.numbers.published(row)
	} else {
		r.result.Withheld[r.numbers.reasons.list[row.reason]]++
	}
	if !ok || p.Blurred {
		r.proof.trace(row.id)
	}
	shown, now := r.truth.batch.decide(row.id, p, ok)
	moved, again := r.moved.batch.decide(row.id, p, ok)
	if now != again || now && shown.Blurred && !same(&shown, &moved) {
		r.proof.differs(&shown, now, &moved, again)
	}
	if !now {
		return nil
	}
	return r.countShown(&shown, &p, row)
}

// numbering numbers what observations have in common.
type numbering struct {
	taxa    numbered[taxon.CdRef]
	makers  numbered[maker]
	reasons numbered[string]
	spots   numbered[string] // the bytes of places
	places  []spot
	buf     []byte
}

// numbered gives each thing the number of its first coming.
type numbered[T comparable] struct {
	list []T
	of   map[T]uint32
}

func (n *numbered[T]) number(v T) uint32 {
	i, known := n.of[v]
	if !known {
		if n.of == nil {
			n.of = map[T]uint32{}
		}
		i = uint32(len(n.list))
		n.of[v] = i
		n.list = append(n.list, v)
	}
	return i
}

// numbering takes over the numbers of a file.
func (k *keptFile) numbering() *numbering {
	n := &numbering{}
	for _, cd := range k.Taxa {
		n.taxa.number(cd)
	}
	for i := range k.Places {
		p := &k.Places[i]
		n.place(&disclosure.Published{Area: p.Area, Within: p.Within, Blurred: p.Blurred, Reasons: p.Reasons})
	}
	for _, m := range k.Makers {
		n.makers.number(m)
	}
	for _, t := range k.Reasons {
		n.reasons.number(t)
	}
	return n
}

func (n *numbering) place(p *disclosure.Published) uint32 {
	b := append(n.buf[:0], byte(p.Reasons), flags(p.Blurred, false))
	b = binary.LittleEndian.AppendUint64(b, uint64(p.Area))
	for _, a := range p.Within {
		b = binary.LittleEndian.AppendUint64(b, uint64(a))
	}
	n.buf = b
	i, known := n.spots.of[string(b)]
	if !known {
		i = n.spots.number(string(b))
		n.places = append(n.places, spot{p.Area, slices.Clone(p.Within), p.Blurred, p.Reasons})
	}
	return i
}

func (n *numbering) maker(p *disclosure.Published) uint32 {
	return n.makers.number(maker{p.Dataset, p.Organisation})
}

// row is what is kept of something shown, but for its ID and how long it holds.
func (n *numbering) row(p *disclosure.Published) keptRow {
	return keptRow{kind: keptShown, taxon: n.taxa.number(p.CdRef), place: n.place(p), maker: n.maker(p),
		start: p.When.Start, end: p.When.End, precision: p.When.Precision, validated: p.Validated,
		low: p.AltitudeMin, high: p.AltitudeMax, until: civil.NoDate}
}

// published is what a row shows. Its Within is shared.
func (n *numbering) published(r *keptRow) disclosure.Published {
	at, m := &n.places[r.place], &n.makers.list[r.maker]
	return disclosure.Published{CdRef: n.taxa.list[r.taxon], Dataset: m.Dataset, Organisation: m.Organisation,
		When: observation.Period{Start: r.start, End: r.end, Precision: r.precision},
		Area: at.Area, Within: at.Within, Blurred: at.Blurred, Reasons: at.Reasons,
		AltitudeMin: r.low, AltitudeMax: r.high, Validated: r.validated}
}

// tags are what the builder, and the sums, know the numbers of rows by, each one more than it is: 0 when it was not asked yet.
type tags struct {
	taxa, places, makers []uint32
	units                []unit // by number of taxa
	sums                 []uint32
}

// sum returns where what a row shows counts in the sums.
func (t *tags) sum(s *sums, r *keptRow, p *disclosure.Published) summed {
	for int(r.taxon) >= len(t.units) {
		t.units = append(t.units, unit{})
	}
	u, place := &t.units[r.taxon], at(&t.sums, r.place)
	if u.mark == 0 {
		*u = s.unit(p.CdRef)
	}
	if *place == 0 {
		*place = uint32(s.place(p)) + 1
	}
	return summed{*u, int32(*place) - 1}
}

// of returns the builder's tag of what a row shows.
func (t *tags) of(b *atlas.Builder, r *keptRow, p *disclosure.Published) atlas.Tag {
	x, y, z := at(&t.taxa, r.taxon), at(&t.places, r.place), at(&t.makers, r.maker)
	if *x == 0 || *y == 0 || *z == 0 {
		tag := b.Tag(p)
		*x, *y, *z = tag.Taxon+1, tag.Place+1, tag.Organisation+1
	}
	return atlas.Tag{Taxon: *x - 1, Place: *y - 1, Organisation: *z - 1}
}

// at is an item of a list that grows as needed.
func at(list *[]uint32, i uint32) *uint32 {
	for int(i) >= len(*list) {
		*list = append(*list, 0)
	}
	return &(*list)[i]
}
