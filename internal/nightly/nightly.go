// Package nightly brings every source into the vault, by hand or at its hours: it fetches what
// is new, imports each file, keeps what the source must remember once everything is in, and
// writes down what happened. It also says how far loading is, by pole, group, dataset and source.
//
// It decides when and in which order; how a source is reached is package source's, what becomes
// of a row is package ingest's. A run that was killed leaves nothing that the next one does not
// put right: files are imported again, which changes nothing, and the lock of a dead process is
// taken over.
package nightly

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"garrigue/internal/fault"
	"garrigue/internal/i18n"
	"garrigue/internal/ingest"
	"garrigue/internal/source"
	"garrigue/internal/vault"
)

// Deps is what synchronising works with.
type Deps struct {
	DB      *vault.DB
	Sources []source.Config
	Spool   string // folder under which each source has its own
	// Secret returns the value of a secret of a source.
	Secret func(cfg source.Config, name string) (string, error)
	Import ingest.Settings
	Lang   i18n.Lang // of what is written for producers, beside their files
	// ForceWithdraw lets a complete file withdraw most of what its source brought before: a
	// person has looked. Never by schedule.
	ForceWithdraw bool
	// Publish (may be nil) publishes the atlas after runs that changed something.
	Publish  func(ctx context.Context) error
	Progress func(Event)
	HTTP     *http.Client
	Now      func() time.Time
	Sleep    func(context.Context, time.Duration) error
	Log      *slog.Logger
}

// Event is one step of progress, for a bar or for a page: how far, of what.
type Event struct {
	Source string `json:"source"`
	Step   string `json:"step"` // "fetch", "import"
	File   string `json:"file,omitempty"`
	Done   int64  `json:"done"`
	Total  int64  `json:"total"` // 0: unknown
	Rows   int    `json:"rows,omitempty"`
}

// Causes of a run.
const (
	ByHand     = "hand"
	BySchedule = "schedule"
)

// Outcomes of a run.
const (
	Done      = "done"
	Unchanged = "unchanged" // nothing is new at the source
	Partial   = "partial"   // some files were refused
	Failed    = "failed"
	Stopped   = "stopped" // interrupted, or the program ended
)

// Sentence is a sentence of the catalogues.
type Sentence struct {
	Key  string `json:"key"`
	Args []any  `json:"args,omitempty"`
}

// Run is what a synchronisation did.
type Run struct {
	Source    string     `json:"source"`
	Trigger   string     `json:"trigger"`
	Started   time.Time  `json:"started"`
	Ended     *time.Time `json:"ended,omitempty"`
	Outcome   string     `json:"outcome"`
	Error     *Sentence  `json:"error,omitempty"`
	Notes     []Sentence `json:"notes,omitempty"`
	Files     int        `json:"files"`
	Refused   int        `json:"refused"` // files
	Bytes     int64      `json:"bytes"`
	Read      int        `json:"read"`
	Created   int        `json:"created"`
	Updated   int        `json:"updated"`
	Unchanged int        `json:"unchanged"`
	Withdrawn int        `json:"withdrawn"`
	Rejected  int        `json:"rejected"`
	Held      int        `json:"held"`
	Next      *time.Time `json:"next,omitempty"`
}

// Changed reports whether the run changed anything in the vault.
func (r Run) Changed() bool { return r.Created+r.Updated+r.Withdrawn > 0 }

// Syncer synchronises sources, one at a time.
type Syncer struct {
	d          Deps
	schedules  map[string]schedule
	importer   *ingest.Importer
	generation int64
}

// New checks the sources. Errors are Invalid, and name the source and the setting.
func New(d Deps) (*Syncer, error) {
	s := &Syncer{d: d, schedules: map[string]schedule{}}
	if s.d.Now == nil {
		s.d.Now = time.Now
	}
	if s.d.Sleep == nil {
		s.d.Sleep = pause
	}
	if s.d.Log == nil {
		s.d.Log = slog.New(slog.DiscardHandler)
	}
	if s.d.Progress == nil {
		s.d.Progress = func(Event) {}
	}
	s.d.Lang = cmp.Or(s.d.Lang, i18n.FR)
	if err := checkSources(d.Sources); err != nil {
		return nil, err
	}
	for _, cfg := range d.Sources {
		if at, none, err := scheduleOf(cfg); err == nil && !none {
			s.schedules[cfg.Name] = at
		}
	}
	return s, nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// checkSources says what is wrong with the sources of the settings: Invalid.
func checkSources(list []source.Config) error {
	seen := map[string]bool{}
	for _, cfg := range list {
		if err := source.Check(cfg); err != nil {
			return err
		}
		if seen[strings.ToLower(cfg.Name)] { // two folders of a spool may not differ by case alone
			return fault.Say(fault.Invalid, "sync.twice", cfg.Name)
		}
		seen[strings.ToLower(cfg.Name)] = true
		if _, _, err := scheduleOf(cfg); err != nil {
			return err
		}
	}
	return nil
}

// Source returns the settings of a source. NotFound, naming those there are.
func (s *Syncer) Source(name string) (source.Config, error) {
	var names []string
	for _, cfg := range s.d.Sources {
		if cfg.Name == name {
			return cfg, nil
		}
		names = append(names, cfg.Name)
	}
	return source.Config{}, fault.Say(fault.NotFound, "sync.none", name, strings.Join(names, ", "))
}

// Next returns when a source is due after a moment, zero when it is synchronised by hand only.
func (s *Syncer) Next(name string, after time.Time) time.Time {
	at, ok := s.schedules[name]
	if !ok {
		return time.Time{}
	}
	return at.next(after)
}

// env is what package source works with for one source.
func (s *Syncer) env(cfg source.Config) source.Env {
	return source.Env{
		Spool: filepath.Join(s.d.Spool, cfg.Name), HTTP: s.d.HTTP, Now: s.d.Now, Sleep: s.d.Sleep, Log: s.d.Log.With("source", cfg.Name),
		Secret: func(name string) (string, error) {
			if s.d.Secret == nil {
				return "", fault.Say(fault.Invalid, "source.secret_none", cfg.Name, cfg.Secrets[name])
			}
			return s.d.Secret(cfg, name)
		},
		Progress: func(p source.Progress) {
			s.d.Progress(Event{Source: cfg.Name, Step: p.Step, Done: p.Done, Total: p.Total})
		},
	}
}

// Test reaches a source and imports nothing.
func (s *Syncer) Test(ctx context.Context, name string) (source.TestReport, error) {
	cfg, err := s.Source(name)
	if err != nil {
		return source.TestReport{}, err
	}
	return source.Test(ctx, cfg, s.env(cfg))
}

// Sync brings one source up to date. The run it returns says what happened, also beside an
// error, which is that of the run. Conflict, without a run, when the source is being
// synchronised already.
func (s *Syncer) Sync(ctx context.Context, name, cause, by string) (run Run, err error) {
	defer fault.Wrap(&err, "nightly.Sync(%s)", name)
	cfg, err := s.Source(name)
	if err != nil {
		return Run{}, err
	}
	held, err := s.lock(ctx, cfg)
	if err != nil {
		return Run{}, err
	}
	defer held.release()
	row := vault.SourceRun{Source: name, Trigger: cause, By: by, Started: s.d.Now()}
	if row.ID, err = s.d.DB.BeginRun(ctx, row); err != nil {
		return Run{}, err
	}
	w := &work{s: s, cfg: cfg, row: &row}
	failure := w.run(held.ctx)
	if errors.Is(context.Cause(held.ctx), errLeaseLost) {
		failure = fault.Say(fault.Conflict, "sync.busy", name).Because(errLeaseLost)
	}
	w.conclude(ctx, failure)
	if row.Outcome == Failed && mayPass(failure) {
		row.Next = s.again(ctx, row)
	}
	if err := s.d.DB.EndRun(ctx, row, w.state, w.keep); err != nil {
		return runOf(row), err
	}
	if w.keep && w.done != nil {
		if err := w.done(); err != nil {
			s.d.Log.Warn("source spool not emptied", "source", name, "error", err)
		}
	}
	if err := s.d.DB.ForgetRuns(ctx, name, keepRuns); err != nil {
		s.d.Log.Warn("old runs not forgotten", "source", name, "error", err)
	}
	s.d.Log.Info("source synchronised", "source", name, "outcome", row.Outcome, "files", row.Files, "rows", row.Read,
		"created", row.Created, "updated", row.Updated, "withdrawn", row.Withdrawn, "took", row.Ended.Sub(row.Started))
	if failure == nil && w.refusal != nil {
		failure = w.refusal
	}
	return runOf(row), failure
}

// keepRuns is how many runs of each source are remembered.
const keepRuns = 1000

// work is one synchronisation under way.
type work struct {
	s       *Syncer
	cfg     source.Config
	row     *vault.SourceRun
	state   source.State
	keep    bool // everything is in: the state may be kept
	done    func() error
	refusal error // of a file, when the others went on
}

func (w *work) run(ctx context.Context) error {
	state, _, err := w.s.d.DB.SourceState(ctx, w.cfg.Name)
	if err != nil {
		return err
	}
	res, err := source.Fetch(ctx, w.cfg, state, w.s.env(w.cfg))
	w.row.Bytes = res.Bytes
	if err != nil {
		return err
	}
	w.note(res.Notes)
	lost := false // a refused file that stays where it is must be tried again
	for _, f := range res.Files {
		refused, err := w.importFile(ctx, f)
		if err != nil {
			return err
		}
		lost = lost || refused && f.Imported == nil
	}
	if w.row.Files+w.row.Refused == 0 {
		w.row.Outcome = Unchanged
	}
	w.state, w.keep, w.done = res.State, !lost, res.Done
	if res.Final != nil {
		if w.state, err = res.Final(); err != nil {
			return err
		}
	}
	return nil
}

func (w *work) note(notes []source.Note) {
	if len(notes) == 0 {
		return
	}
	if b, err := json.Marshal(notes); err == nil {
		w.row.Notes = string(b)
	}
}

// importFile imports one file. A file that cannot be read as observations is refused, and the
// others go on; any other error ends the run.
func (w *work) importFile(ctx context.Context, f source.File) (refused bool, err error) {
	im, err := w.s.currentImporter(ctx)
	if err != nil {
		return false, err
	}
	o := ingest.Options{Dataset: f.Dataset, Organisation: f.Organisation, Format: f.Format, Table: f.Table, Complete: f.Complete,
		Source: w.cfg.Name, By: w.row.By, Progress: func(p ingest.Progress) {
			w.s.d.Progress(Event{Source: w.cfg.Name, Step: "import", File: f.Name, Done: p.Bytes, Total: p.Size, Rows: p.Rows})
		}}
	if o.By == "" {
		o.By = w.row.Trigger
	}
	o.ForceWithdraw = w.s.d.ForceWithdraw && w.row.Trigger == ByHand
	if w.cfg.Mapping != "" {
		if o.Mapping, err = ingest.ReadMapping(w.cfg.Mapping); err != nil {
			return false, err // of the settings, not of the file
		}
	}
	rep, err := im.Import(ctx, f.Path, o)
	var said *fault.Error
	if err != nil && (ctx.Err() != nil || !errors.As(err, &said) || said.Kind != fault.Invalid) {
		return false, err
	}
	outcome := source.Outcome{}
	if err != nil {
		w.row.Refused++
		w.refusal = err
		outcome.Refused = i18n.T(w.s.d.Lang, said.Key, said.Args...)
	} else {
		w.count(rep)
		if rep.Rejected > 0 {
			outcome.Rejects = func(path string) error { return w.s.writeRejects(ctx, rep.Batch, path) }
		}
	}
	if f.Imported != nil {
		return err != nil, f.Imported(outcome)
	}
	return err != nil, nil
}

func (w *work) count(rep ingest.Report) {
	r := w.row
	r.Files++
	r.Read += rep.Read
	r.Created += rep.Created
	r.Updated += rep.Updated
	r.Same += rep.Unchanged
	r.Withdrawn += rep.Withdrawn
	r.Rejected += rep.Rejected
	for _, n := range rep.Held {
		r.Held += n
	}
}

// conclude says how the run ended.
func (w *work) conclude(ctx context.Context, failure error) {
	r := w.row
	r.Ended = w.s.d.Now()
	r.Next = w.s.Next(w.cfg.Name, r.Ended)
	if failure == nil {
		failure = w.refusal
		switch {
		case r.Outcome == Unchanged:
		case w.refusal == nil:
			r.Outcome = Done
		case r.Files == 0:
			r.Outcome = Failed
		default:
			r.Outcome = Partial
		}
	} else {
		r.Outcome, w.keep = Failed, false
		if ctx.Err() != nil || errors.Is(failure, context.Canceled) {
			r.Outcome = Stopped
			return
		}
	}
	if failure == nil {
		return
	}
	var said *fault.Error
	if !errors.As(failure, &said) {
		r.ErrorKey = "sync.internal"
		w.s.d.Log.Error("source", "source", w.cfg.Name, "error", failure)
		return
	}
	r.ErrorKey = said.Key
	if b, err := json.Marshal(said.Args); err == nil && len(said.Args) > 0 {
		r.ErrorArgs = string(b)
	}
}

// currentImporter makes the importer once, and again when references have changed.
func (s *Syncer) currentImporter(ctx context.Context) (*ingest.Importer, error) {
	generation, _, err := s.d.DB.Generation(ctx)
	if err != nil {
		return nil, err
	}
	if s.importer != nil && s.generation == generation {
		return s.importer, nil
	}
	im, err := ingest.NewImporter(ctx, s.d.DB, s.d.Import)
	if err != nil {
		return nil, err
	}
	s.importer, s.generation = im, generation
	return im, nil
}

// Forget makes a source forget how far it was read: the next run brings everything again.
func (s *Syncer) Forget(ctx context.Context, name string) error {
	cfg, err := s.Source(name)
	if err != nil {
		return err
	}
	held, err := s.lock(ctx, cfg)
	if err != nil {
		return err
	}
	defer held.release()
	entries, err := os.ReadDir(filepath.Join(s.d.Spool, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fault.Say(fault.Unavailable, "source.spool").Because(err)
	}
	for _, e := range entries {
		if e.Name() == lockName {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.d.Spool, name, e.Name())); err != nil {
			return fault.Say(fault.Unavailable, "source.spool").Because(err)
		}
	}
	return s.d.DB.KeepSourceState(ctx, name, nil, s.d.Now())
}

// runOf is a run as it is told.
func runOf(r vault.SourceRun) Run {
	run := Run{Source: r.Source, Trigger: r.Trigger, Started: r.Started, Outcome: r.Outcome, Files: r.Files, Refused: r.Refused, Bytes: r.Bytes,
		Read: r.Read, Created: r.Created, Updated: r.Updated, Unchanged: r.Same, Withdrawn: r.Withdrawn, Rejected: r.Rejected, Held: r.Held,
		Ended: when(r.Ended), Next: when(r.Next)}
	if r.ErrorKey != "" {
		run.Error = &Sentence{Key: r.ErrorKey, Args: readArgs(r.ErrorArgs)}
	}
	var notes []struct {
		Key  string          `json:"key"`
		Args json.RawMessage `json:"args"`
	}
	if r.Notes != "" && json.Unmarshal([]byte(r.Notes), &notes) == nil {
		for _, n := range notes {
			run.Notes = append(run.Notes, Sentence{n.Key, readArgs(string(n.Args))})
		}
	}
	return run
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// readArgs reads the arguments of a sentence; whole numbers stay so, to be written with their
// thousands.
func readArgs(text string) []any {
	if text == "" {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var args []any
	if d.Decode(&args) != nil {
		return nil
	}
	for i, a := range args {
		if n, ok := a.(json.Number); ok {
			if whole, err := n.Int64(); err == nil {
				args[i] = whole
			} else if f, err := n.Float64(); err == nil {
				args[i] = f
			}
		}
	}
	return args
}

// Runs lists the last runs of a source ("" for all), newest first.
func (s *Syncer) Runs(ctx context.Context, name string, limit int) ([]Run, error) {
	rows, err := s.d.DB.Runs(ctx, name, limit)
	if err != nil {
		return nil, err
	}
	var list []Run
	for _, r := range rows {
		list = append(list, runOf(r))
	}
	return list, nil
}

// newToken names a holder of a lock.
func newToken() string { return rand.Text() }

// SourceState is a source as it is listed.
type SourceState struct {
	Name     string     `json:"name"`
	Kind     string     `json:"kind"`
	Where    string     `json:"where"`
	Schedule string     `json:"schedule,omitempty"`
	TimeZone string     `json:"time_zone,omitempty"`
	Pole     string     `json:"pole,omitempty"`
	Last     *Run       `json:"last,omitempty"`
	Next     *time.Time `json:"next,omitempty"`
}

// List says of each source where it is, when it was and will be read, and how that went.
func (s *Syncer) List(ctx context.Context) ([]SourceState, error) {
	last, err := s.d.DB.LastRuns(ctx)
	if err != nil {
		return nil, err
	}
	var list []SourceState
	for _, cfg := range s.d.Sources {
		st := SourceState{Name: cfg.Name, Kind: cfg.Kind, Where: source.Where(cfg), Schedule: cfg.Schedule, TimeZone: cfg.TimeZone, Pole: cfg.Pole,
			Next: when(s.nextOf(cfg.Name, last))}
		if r, ok := last[cfg.Name]; ok {
			run := runOf(r)
			if run.Outcome == "" && !s.busy(cfg) {
				run.Outcome = Stopped // the program that ran it is no more
			}
			st.Last = &run
		}
		list = append(list, st)
	}
	return list, nil
}

// names are those of all sources, in the order of the settings.
func (s *Syncer) names() []string {
	var names []string
	for _, cfg := range s.d.Sources {
		names = append(names, cfg.Name)
	}
	return slices.Clip(names)
}
