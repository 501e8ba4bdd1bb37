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
	"runtime/debug"
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
	// Progress (may be nil) is told the step under way, a key of the catalogues, and how far
	// it is; total 0 when unknown.
	Progress func(step string, done, total int64)
	Log      *slog.Logger
}

// Result is what became of the vault's observations.
type Result struct {
	ID        string         `json:"id"`
	Published int            `json:"published"`
	Blurred   int            `json:"blurred"`  // of the published ones, shown in an area that is no cell of the mesh
	Withheld  map[string]int `json:"withheld"` // by reason: key "withheld.<reason>" of the catalogues
	Taxa      int            `json:"taxa"`     // species
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
	tally  tally
	areas  *geo.Containment
	within [16]geo.AreaKey
	hidden []int64 // ids of twins that are not shown, sorted
	next   int     // in hidden
}

// Run publishes the vault. Conflict when observations are not classed against the present
// references, when another process publishes into the same folder, or when a check fails:
// the former snapshot then stays.
func Run(ctx context.Context, db *vault.DB, o Options) (res Result, err error) {
	defer fault.Wrap(&err, "publish.Run")
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Keep == 0 {
		o.Keep = 7
	}
	current, classed, err := db.Generation(ctx)
	if err != nil {
		return Result{}, err
	}
	if current != classed {
		return Result{}, fault.Say(fault.Conflict, "publish.unclassed")
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
	r := &run{Options: o, db: db, began: time.Now()}
	r.result.Withheld = map[string]int{}
	if err := r.build(ctx, dir); err != nil {
		return Result{}, err
	}
	r.result.Seconds = round(time.Since(r.began))
	o.Log.Info("published", "id", r.result.ID, "rows", r.result.Published, "took", time.Since(r.began))
	return r.result, nil
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

func (r *run) build(ctx context.Context, dir *atlas.Dir) error {
	r.tell("publish.step.references", 0, 0)
	refs, err := r.references(ctx)
	if err != nil {
		return err
	}
	r.Meta.Policy, r.Meta.Levels = r.Policy.Version, levels(&r.Policy)
	if r.Meta.Mesh == geo.NoKind {
		r.Meta.Mesh = r.Policy.Mesh
	}
	if r.Meta.Mesh != r.Policy.Mesh {
		return fault.Say(fault.Invalid, "publish.mesh", r.Meta.Mesh.String(), r.Policy.Mesh.String())
	}
	r.Meta.Built = r.began.UTC().Format(time.RFC3339)
	tmp := dir.Temp()
	b, err := atlas.Create(tmp, r.Meta, refs)
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		err := r.observations(ctx, b)
		if err == nil {
			break
		}
		if err != errMoved { // nothing was counted yet
			return err
		}
		if try == 5 {
			return fault.Say(fault.Conflict, "publish.moved")
		}
	}
	if err := b.Finish(ctx, r.tell); err != nil {
		return err
	}
	r.tell("publish.step.check", 0, 0)
	meta := b.Meta()
	if err := r.check(ctx, tmp, &meta); err != nil {
		return err
	}
	r.tell("publish.step.swap", 0, 0)
	r.result.ID, r.result.Taxa = meta.ID, meta.Taxa
	err = dir.Swap(tmp, meta.ID, r.Keep)
	r.endStep()
	return err
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
func (r *run) references(ctx context.Context) (refs atlas.References, err error) {
	done := make(chan error, 1)
	go func() { done <- r.outlines(ctx, &refs) }()
	names := r.names(ctx, &refs)
	if err := cmp.Or(<-done, names); err != nil {
		return refs, err
	}
	all, err := r.db.References(ctx)
	if err != nil {
		return refs, err
	}
	r.Meta.Taxref = taxrefVersion(all)
	return refs, nil
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
	book := sensitivity.NewBook(lists, sensitivity.ForTaxa(rules, refs.Taxonomy))
	refs.Sensitive = func(cd taxon.CdRef) bool { return book.Names(refs.Taxonomy.Lineage(taxon.CdNom(cd))...) }
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
}

// batchRows is how many observations pass from the reader to the counter at once.
const batchRows = 1024

// observations reads the vault and counts what may be shown. Reading takes most of a core:
// deciding and counting go on beside it, in the order of reading.
func (r *run) observations(ctx context.Context, b *atlas.Builder) error {
	r.tally = tally{byKind: map[geo.Kind]int{}, years: map[int]int{}}
	grant := disclosure.Grant{Who: "publish", Reason: "snapshot of the public atlas, policy " + strconv.Quote(r.Policy.Version)}
	r.tell("publish.step.read", 0, 0)
	state, err := r.twins(ctx, grant)
	if err != nil {
		return err
	}
	r.next = 0
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	full, free := make(chan []observation.Observation, 2), make(chan []observation.Observation, 4)
	for range cap(free) {
		free <- make([]observation.Observation, 0, batchRows)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		orgs := map[string]string{}
		for batch := range full {
			for i := range batch {
				if err := r.add(&batch[i], b, orgs); err != nil {
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
		if batch = append(batch, *o); len(batch) < batchRows {
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
	return err
}

// add decides on one observation and counts it.
func (r *run) add(o *observation.Observation, b *atlas.Builder, orgs map[string]string) error {
	p, ok := disclosure.PublishInto(r.within[:0], o, &r.Policy, r.areas, disclosure.Public)
	if !ok {
		r.result.Withheld[withheld(o)]++
		return nil
	}
	if r.isTwin(o.ID) {
		r.result.Withheld["twin"]++
		return nil
	}
	name, ok := orgs[p.Organisation]
	if !ok {
		name = organisation.Clean(p.Organisation)
		orgs[p.Organisation] = name
	}
	p.Organisation = name
	r.tally.published++
	if p.Blurred {
		if p.Area.Kind() != r.Policy.Mesh {
			r.tally.blurred++
		}
		if !r.blurredWell(&p) {
			return fault.Say(fault.Conflict, "publish.check.finer", p.Area.String())
		}
	}
	r.tally.byKind[p.Area.Kind()]++
	r.tally.years[max(p.When.Start.Year(), 1500)]++
	b.Add(&p)
	return nil
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
	case max(o.Sensitivity, o.StatedLevel) >= 4:
		return "sensitive"
	case o.Diffusion == "4", o.Consent == "4":
		return "consent"
	case o.Place.Georeference == observation.NoPlace:
		return "place"
	}
	return "precision"
}
