// Package publish builds a snapshot of the atlas from the vault: it reads every observation
// against a grant, lets disclosure decide, counts what comes out, checks the result and
// swaps it in. Nobody sees a snapshot that failed a check, nor a half-built one.
//
// It decides nothing about what may be shown.
package publish

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"garrigue/internal/atlas"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/organisation"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// Options says what to publish and where.
type Options struct {
	Dir    string            // folder of snapshots
	Meta   atlas.Meta        // identity: title, territory, publisher, licence, mesh, fictional
	Policy disclosure.Policy // the rule in force
	Keep   int               // snapshots kept; 0: seven
	// Kept is a file of its owner's, beside the vault and apart from what is public, where a publication leaves to the
	// next one what it decided on each observation, so that only what changed is read; "": everything is, each time.
	// Afresh does not use what it holds.
	Kept   string
	Afresh bool
	Batch  bool // take a batch of blurred observations now, whatever the policy says
	// Seed draws the places that the proof moves observations to; 0 for another one each time.
	Seed uint64
	// Progress (may be nil) is told the step under way, a key of the catalogues, and how far
	// it is; total 0 when unknown.
	Progress func(step string, done, total int64)
	Log      *slog.Logger

	mutant mutant // of tests that see the proof fail
}

// mutant replaces steps of a publication, in tests: nil leaves the step as it is.
type mutant struct {
	raise   func(*run, *observation.Observation)
	publish func(*run, []geo.AreaKey, *observation.Observation) (disclosure.Published, bool)
	twins   func(*run, []disclosure.Member, []bool)
	add     func(*run, *observation.Observation, *disclosure.Published)
	written func(path string) error
	loaded  func() // references
}

func (m *mutant) any() bool {
	return m.raise != nil || m.publish != nil || m.twins != nil || m.add != nil || m.written != nil
}

// Result is what became of the vault's observations.
type Result struct {
	ID        string         `json:"id"`
	Published int            `json:"published"`
	Blurred   int            `json:"blurred"`  // of the published ones, shown in an area that is no cell of the mesh
	Withheld  map[string]int `json:"withheld"` // by reason: key "withheld.<reason>" of the catalogues
	Taxa      int            `json:"taxa"`     // species
	Batch     *Batched       `json:"batch,omitempty"`
	Proof     *Proof         `json:"proof,omitempty"`
	Seconds   float64        `json:"seconds"`
	Steps     []Step         `json:"steps"`
}

// Step is how long a part took.
type Step struct {
	Name    string  `json:"name"` // key of the catalogues
	Seconds float64 `json:"seconds"`
}

// run is one publication under way.
type run struct {
	Options
	db     *vault.DB
	result Result
	began  time.Time
	step   string
	since  time.Time
	refs   atlas.References
	areas  *geo.Containment
	spread *disclosure.Spread
	book   *sensitivity.Book
	listed func(taxon.CdRef) bool // whether some rule names a taxon
	named  []taxon.CdNom          // by rules

	grouped      *groups // levels of groupings, of the truth
	truth, moved telling
	builder      *atlas.Builder // of the truth
	numbers      *numbering
	tags         tags
	beside       *counting
	kept         kept
	early        chan earlyShown
	second       *atlas.Builder // of the moved one; when apart is there, of what is told apart only
	apart        *atlas.Builder // of the truth, what is told apart when moved; nil when second has all
	tally        tally
	sums         sums
	proof        prover
}

// Run publishes the vault. Conflict when observations are not classed against the present
// references, when another process publishes into the same folder, or when a check or the proof
// fails: the former snapshot then stays, and the result holds the proof.
func Run(ctx context.Context, db *vault.DB, o Options) (res Result, err error) {
	defer fault.Wrap(&err, "publish.Run")
	if o.Keep == 0 {
		o.Keep = 7
	}
	if err := classed(ctx, db); err != nil {
		return Result{}, err
	}
	dir, err := atlas.OpenDir(o.Dir)
	if err != nil {
		return Result{}, err
	}
	unlock, err := dir.Lock()
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(memoryLimit))
	r := newRun(db, o)
	defer r.closeKeeping()
	if err := r.build(ctx, dir); err != nil {
		return Result{Proof: r.result.Proof}, err
	}
	r.result.Seconds = round(time.Since(r.began))
	r.Log.Info("published", "id", r.result.ID, "rows", r.result.Published, "took", time.Since(r.began))
	return r.result, nil
}

func newRun(db *vault.DB, o Options) *run {
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &run{Options: o, db: db, began: time.Now()}
	r.result.Withheld = map[string]int{}
	return r
}

// classed refuses a vault whose observations are not classed against the present references.
func classed(ctx context.Context, db *vault.DB) error {
	current, classed, err := db.Generation(ctx)
	if err == nil && current != classed {
		err = fault.Say(fault.Conflict, "publish.unclassed")
	}
	return err
}

// Rollback makes the former snapshot of the folder current again and returns its
// identifier. Conflict when there is none.
func Rollback(dir string) (string, error) {
	d, err := atlas.OpenDir(dir)
	if err != nil {
		return "", err
	}
	unlock, err := d.Lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	return d.Rollback()
}

// memoryLimit is where the garbage collector starts to work harder, SQLite's own memory coming on top: twenty million
// observations must be published in less than 1 GiB.
const memoryLimit = 700 << 20

func round(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

// tell passes progress on and times the steps.
func (r *run) tell(step string, done, total int64) {
	if step != r.step {
		r.endStep()
		r.step, r.since = step, time.Now()
	}
	r.Progress(step, done, total)
}

func (r *run) endStep() {
	if r.step != "" {
		r.result.Steps = append(r.result.Steps, Step{r.step, round(time.Since(r.since))})
	}
}

// build makes the next snapshot, proves it and swaps it in.
func (r *run) build(ctx context.Context, dir *atlas.Dir) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer r.shownEarly(ctx)()
	defer cancel()
	if err := r.prepare(ctx); err != nil {
		return err
	}
	tmp := dir.Temp()
	defer func() {
		if err != nil {
			os.Remove(tmp) // it may hold what it was refused for
		}
	}()
	if err := r.read(ctx, tmp, ""); err != nil {
		return err
	}
	r.tell("publish.step.again", 0, 0)
	// What is not told apart went to both: the two snapshots are equal when the rest is.
	same := r.apart.Equal(r.second)
	r.apart, r.second = nil, nil
	traces := r.gather(ctx) // beside the builder, which does not keep every processor busy
	defer traces.stop()
	if err := r.builder.Finish(ctx, r.tell); err != nil {
		return err
	}
	if r.mutant.written != nil {
		if err := r.mutant.written(tmp); err != nil {
			return err
		}
	}
	r.tell("publish.step.check", 0, 0)
	meta := r.builder.Meta()
	r.proof.settle(same)
	r.builder, r.result.Proof = nil, &r.proof.Proof
	if err := r.proof.Refused(); err != nil {
		return err
	}
	if err := r.check(ctx, tmp, &meta); err != nil {
		return err
	}
	r.tell("publish.step.prove", 0, 0)
	if err := r.prove(ctx, tmp, traces); err != nil {
		return err
	}
	r.tell("publish.step.swap", 0, 0)
	for _, s := range r.result.Steps {
		if s.Name == "publish.step.again" || s.Name == "publish.step.prove" {
			r.proof.Seconds += s.Seconds
		}
	}
	r.result.ID, r.result.Taxa = meta.ID, meta.Taxa
	err = r.truth.batch.save(ctx, r.db, func() error { return dir.Swap(tmp, meta.ID, r.Keep) })
	r.truth.batch.report(&r.result)
	if err == nil {
		r.leave(ctx)
	}
	r.endStep()
	return err
}

// prepare loads references and settles the rule.
func (r *run) prepare(ctx context.Context) (err error) {
	r.tell("publish.step.references", 0, 0)
	before := ""
	if r.keeps() {
		before, _ = r.keptKey(ctx) // asked again below
	}
	if err := r.references(ctx); err != nil {
		return err
	}
	if r.mutant.loaded != nil {
		r.mutant.loaded()
	}
	r.Meta.Policy, r.Meta.Levels = r.Policy.Version, levels(&r.Policy)
	if r.Meta.Mesh == geo.NoKind {
		r.Meta.Mesh = r.Policy.Mesh
	}
	if r.Meta.Mesh != r.Policy.Mesh {
		return fault.Say(fault.Invalid, "publish.mesh", r.Meta.Mesh.String(), r.Policy.Mesh.String())
	}
	r.numbers = &numbering{}
	r.openKeeping(ctx, before)
	r.Meta.Built = r.began.UTC().Format(time.RFC3339)
	if r.Meta.Rules, err = r.rules(ctx, r.refs.Areas); err != nil {
		return err
	}
	r.listings(r.named)
	taxonomy := r.refs.Taxonomy
	r.book = r.Policy.Book(r.book)
	r.spread = disclosure.NewSpread(r.book, func(cd taxon.CdRef) []taxon.CdNom { return taxonomy.Lineage(taxon.CdNom(cd)) }, &r.Policy, r.areas)
	return nil
}

// read makes both builders and gives them the vault. That of the moved telling writes to second,
// "" when it is only compared.
func (r *run) read(ctx context.Context, path, second string) (err error) {
	if r.builder, err = atlas.Create(path, r.Meta, r.refs); err != nil {
		return err
	}
	if second != "" {
		r.second, err = atlas.Create(second, r.Meta, r.refs)
	} else {
		r.second, r.apart = r.builder.Beside(), r.builder.Beside()
	}
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		err := r.observations(ctx)
		if err != errMoved { // when it is, nothing was counted yet
			return err
		}
		if try == 5 {
			return fault.Say(fault.Conflict, "publish.moved")
		}
	}
}

// levels names the kinds at which a settled policy shows the levels 1 to 3.
func levels(p *disclosure.Policy) [][]string {
	out := make([][]string, 3)
	for i := range out {
		for _, k := range p.Kinds(sensitivity.Level(i + 1)) {
			out[i] = append(out[i], k.String())
		}
	}
	return out
}

// references loads what the sheets need.
func (r *run) references(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- r.outlines(ctx, &r.refs) }()
	names := r.names(ctx, &r.refs)
	if err := cmp.Or(<-done, names); err != nil {
		return err
	}
	all, err := r.db.References(ctx)
	if err != nil {
		return err
	}
	r.Meta.Taxref = taxrefVersion(all)
	return nil
}

// names reads the taxonomy, and what lists say of its taxa.
func (r *run) names(ctx context.Context, refs *atlas.References) (err error) {
	for w, err := range r.db.Withdrawn(ctx) {
		if err != nil {
			return err
		}
		refs.Withdrawn = append(refs.Withdrawn, w)
	}
	if refs.Taxonomy, err = taxon.NewTaxonomy(r.db.Names(ctx), refs.Withdrawn); err != nil {
		return err
	}
	for s, err := range r.db.Statuses(ctx) {
		if err != nil {
			return err
		}
		if m, ok := refs.Taxonomy.Resolve(taxon.CdNom(s.CdRef)); ok {
			s.CdRef = m.CdRef
		}
		refs.Statuses = append(refs.Statuses, s)
	}
	lists, rules, err := r.db.Sensitivity(ctx)
	if err != nil {
		return err
	}
	r.book = sensitivity.NewBook(lists, sensitivity.ForTaxa(rules, refs.Taxonomy))
	refs.Sensitive = func(cd taxon.CdRef) bool { return r.book.Names(refs.Taxonomy.Lineage(taxon.CdNom(cd))...) }
	r.listed, r.named = refs.Sensitive, namedBy(rules)
	return nil
}

// outlines reads the areas, and settles the policy on their surfaces.
func (r *run) outlines(ctx context.Context, refs *atlas.References) (err error) {
	for _, kind := range []geo.Kind{geo.Commune, geo.Department, geo.Region} {
		list, err := r.db.Areas(ctx, kind)
		if err != nil {
			return err
		}
		refs.Areas = append(refs.Areas, list...)
	}
	r.areas = geo.NewContainment(refs.Areas)
	r.Policy, err = r.Policy.Settled(disclosure.MeanSurfaces(refs.Areas))
	return err
}

// taxrefVersion is the version of the TAXREF files in force, several joined.
func taxrefVersion(all []vault.Reference) string {
	var out []string
	for _, ref := range all {
		if ref.Kind == "taxref" && ref.Current && ref.Version != "" && !strings.Contains(strings.Join(out, ", "), ref.Version) {
			out = append(out, ref.Version)
		}
	}
	return strings.Join(out, ", ")
}

// tally is what was counted while reading, to compare with what the snapshot says.
type tally struct {
	read, published, blurred int
	byKind                   map[geo.Kind]int // observations by kind of the area shown
	years                    map[int]int
	orgs                     map[string]string // names of organisations, cleaned
}

// batchRows is how many observations pass from the reader to the counter at once.
const batchRows = 1024

// passing is an observation on its way from the reader to the counter.
type passing struct {
	o      observation.Observation
	own    class // its level as it came
	p      disclosure.Published
	ok     bool
	within [8]geo.AreaKey
}

func (x *passing) decide(r *run) {
	x.own = classOf(&x.o)
	r.level(&r.truth, &x.o)
	x.p, x.ok = r.publish(x.within[:0], &x.o)
}

// observations reads the vault and counts what may be shown, as it is and with everything blurred
// moved. Reading takes most of a core: deciding and counting go on beside it, one after the other, in
// the order of reading.
func (r *run) observations(ctx context.Context) error {
	grant := disclosure.Grant{Who: "publish", Reason: "snapshot of the public atlas, policy " + strconv.Quote(r.Policy.Version)}
	r.tell("publish.step.read", 0, 0)
	state, err := r.together(ctx, grant)
	if err != nil {
		return err
	}
	if r.kept.state = state; r.kept.former != nil {
		if err := r.onlyChanges(ctx, grant); err == nil {
			return r.afterAll()
		} else if err != errAnew {
			return err
		}
		r.kept.former.close()
		r.kept.former, r.numbers = nil, &numbering{}
	}
	return r.everything(ctx, grant, state)
}

// everything reads the whole vault.
func (r *run) everything(ctx context.Context, grant disclosure.Grant, state int64) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	full, decided, free := make(chan []passing, 2), make(chan []passing, 2), make(chan []passing, 6)
	for range cap(free) {
		free <- make([]passing, 0, batchRows)
	}
	go func() {
		defer close(decided)
		for batch := range full {
			for i := range batch {
				batch[i].decide(r)
			}
			decided <- batch
		}
	}()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for batch := range decided {
			for i := range batch {
				if err := r.add(&batch[i]); err != nil {
					cancel(err)
				}
			}
			free <- batch[:0]
		}
	}()
	batch, first := <-free, true
	err = r.db.Observations(ctx, grant, vault.ForPublication, func(o *observation.Observation) error {
		if first {
			if first = false; r.unmoved(ctx, state) != nil {
				return errMoved
			}
		}
		batch = batch[:len(batch)+1]
		if batch[len(batch)-1].o = *o; len(batch) < batchRows {
			return nil
		}
		full <- batch
		batch = <-free
		r.tally.read += batchRows
		r.tell("publish.step.read", int64(r.tally.read), 0)
		return context.Cause(ctx)
	})
	full <- batch
	close(full)
	<-done
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err != nil {
		return err
	}
	return r.afterAll()
}

// together decides what depends on several observations at once: batches, groupings, twins; as
// the vault is, then as it would be moved. state is that of the vault, to be compared when the
// rest is read.
func (r *run) together(ctx context.Context, grant disclosure.Grant) (state int64, err error) {
	r.tally = tally{byKind: map[geo.Kind]int{}, years: map[int]int{}, orgs: map[string]string{}}
	r.sums = newSums(&r.refs, r.Meta.Mesh)
	r.proof = newProver(r)
	if r.kept.silent, err = r.db.Silent(ctx); err != nil {
		return 0, err
	}
	if state, err = r.db.Changes(ctx); err != nil {
		return 0, err
	}
	r.truth, r.moved = telling{}, telling{}
	r.kept.apart, r.kept.at = r.kept.apart[:0], 0
	s, err := r.lastShown(ctx)
	if err != nil {
		return 0, err
	}
	r.truth.batch = s.begin(&r.Policy, r.Batch)
	r.moved.batch = r.truth.batch.moved()
	if err := r.groups(ctx, grant); err != nil {
		return 0, err
	}
	r.truth.grouped = r.grouped
	if err := r.twins(ctx, grant); err != nil {
		return 0, err
	}
	if err := r.movedGroups(ctx, grant); err != nil {
		return 0, err
	}
	slices.Sort(r.kept.apart)
	err = r.movedTwins(ctx, grant)
	r.proof.Stale = 0 // counted again with the rest
	return state, err
}

// telling is one way to tell the vault: as it is, or with everything blurred moved.
type telling struct {
	batch   *batch
	grouped *groups
	hidden  []int64 // ids of twins that are not shown, sorted
	next    int     // in hidden
	// clustered are the levels of members of clusters that take one.
	clustered map[int64]groupLevel
	within    [16]geo.AreaKey
}

// decide says what an observation is shown as, twins and batches apart. It raises its level.
func (r *run) decide(t *telling, o *observation.Observation) (disclosure.Published, bool) {
	r.level(t, o)
	return r.publish(t.within[:0], o)
}

// level raises an observation's level to what is asked for all over its disclosed area, by its
// cluster and by its grouping.
func (r *run) level(t *telling, o *observation.Observation) {
	if l, ok := t.clustered[o.ID]; ok {
		r.spread.RaiseTo(o, l.level, l.list)
		if level, _ := t.grouped.Level(o.Grouping); level == 0 {
			return
		}
	}
	t.grouped.Raise(o)
}

func (r *run) raise(o *observation.Observation) {
	if r.mutant.raise != nil {
		r.mutant.raise(r, o)
		return
	}
	r.spread.Raise(o)
}

func (r *run) publish(into []geo.AreaKey, o *observation.Observation) (disclosure.Published, bool) {
	if r.mutant.publish != nil {
		return r.mutant.publish(r, into, o)
	}
	return disclosure.PublishInto(into, o, &r.Policy, r.areas, disclosure.Public)
}

// add counts one observation as it was decided on, then decides and counts again with it moved.
func (r *run) add(x *passing) error {
	o, own, p, ok := &x.o, x.own, x.p, x.ok
	twin := ok && r.truth.isTwin(o.ID)
	switch {
	case !ok:
		r.result.Withheld[withheld(o)]++
	case twin:
		r.result.Withheld["twin"]++
	}
	if ok {
		p.Organisation = r.cleaned(p.Organisation)
	}
	if r.mutant.add != nil {
		r.mutant.add(r, o, &p)
	}
	if !ok || twin || p.Blurred {
		r.proof.trace(o.ID)
	}
	var row keptRow
	if ok {
		row = r.numbers.row(&p)
	}
	if ok && !twin {
		r.lawful(o, own, &p)
	}
	apart, alike := r.retell(o, own, &p, ok && !twin)
	r.keep(o, row, ok, alike)
	shown, ok := r.truth.batch.pass(o, p, ok && !twin)
	if !ok {
		return nil
	}
	if apart && r.apart != nil {
		r.apart.Add(&shown)
	}
	return r.countShown(&shown, &p, &row)
}

// countShown counts what a batch shows of p, whose numbers are in row: p itself, or what the last batch had.
func (r *run) countShown(shown, p *disclosure.Published, row *keptRow) error {
	if shown.Blurred && !same(shown, p) {
		row = nil
	}
	return r.count(shown, row)
}

// cleaned returns the name of an organisation as it is shown.
func (r *run) cleaned(name string) string {
	clean, ok := r.tally.orgs[name]
	if !ok {
		clean = organisation.Clean(name)
		r.tally.orgs[name] = clean
	}
	return clean
}

// count counts what is shown of an observation, whose numbers are in row, or nil.
func (r *run) count(p *disclosure.Published, row *keptRow) error {
	if r.beside != nil {
		r.beside.give(p, row)
		return nil
	}
	r.countNow(p, row, r.proof.leak)
	return nil
}

func (r *run) countNow(p *disclosure.Published, row *keptRow, leak func(Leak)) {
	r.tally.published++
	if p.Blurred {
		if p.Area.Kind() != r.Policy.Mesh {
			r.tally.blurred++
		}
		if l, found := r.finer(p); found {
			leak(l)
		}
	}
	r.tally.byKind[p.Area.Kind()]++
	r.tally.years[max(p.When.Start.Year(), 1500)]++
	if row == nil {
		r.sums.add(p)
		r.builder.Add(p)
		return
	}
	r.sums.count(p, r.tags.sum(&r.sums, row, p))
	r.builder.AddTagged(r.tags.of(r.builder, row, p), p)
}

// counting counts beside the goroutine that gives: counting what was kept takes as long as
// reading it.
type counting struct {
	some       []counted
	full, free chan []counted
	done       chan struct{}
}

// counted is what is shown of an observation, and its numbers when known.
type counted struct {
	p     disclosure.Published
	row   keptRow
	known bool
}

// countBeside has counting done beside, until the function returned is called.
func (r *run) countBeside() (end func()) {
	c := &counting{full: make(chan []counted, 2), free: make(chan []counted, 4), done: make(chan struct{})}
	for range cap(c.free) {
		c.free <- make([]counted, 0, batchRows)
	}
	c.some = <-c.free
	var leaks []Leak
	go func() {
		defer close(c.done)
		for some := range c.full {
			for i := range some {
				row := &some[i].row
				if !some[i].known {
					row = nil
				}
				r.countNow(&some[i].p, row, func(l Leak) { leaks = append(leaks, l) })
			}
			c.free <- some[:0]
		}
	}()
	r.beside = c
	return func() {
		r.beside = nil
		c.full <- c.some
		close(c.full)
		<-c.done
		for _, l := range leaks {
			r.proof.leak(l)
		}
	}
}

func (c *counting) give(p *disclosure.Published, row *keptRow) {
	c.some = c.some[:len(c.some)+1]
	x := &c.some[len(c.some)-1]
	if x.p, x.known = *p, row != nil; row != nil {
		x.row = *row
	}
	if len(c.some) == batchRows {
		c.full <- c.some
		c.some = <-c.free
	}
}

// afterAll counts what batches kept for the end.
func (r *run) afterAll() error {
	if err := r.truth.batch.finish(func(p *disclosure.Published) error {
		if r.apart != nil {
			r.apart.Add(p)
		}
		return r.count(p, nil)
	}); err != nil {
		return err
	}
	return r.moved.batch.finish(func(p *disclosure.Published) error {
		r.second.Add(p)
		return nil
	})
}

// withheld tells why an observation is not shown, for the report: the first of the rule's
// reasons that holds.
func withheld(o *observation.Observation) string {
	switch {
	case o.Held != observation.NotHeld:
		return [...]string{"", "taxon", "territory", "place", "class"}[min(int(o.Held), 4)]
	case o.CdRef == 0:
		return "taxon"
	case o.Presence != observation.Present:
		return "absent"
	case o.Validation == observation.Doubtful || o.Validation == observation.Invalid:
		return "validation"
	case o.Sensitivity.Withholds(), o.StatedLevel.Withholds():
		return "sensitive"
	case o.Diffusion == "4", o.Consent == "4":
		return "consent"
	case o.Place.Georeference == observation.NoPlace:
		return "place"
	}
	return "precision"
}
