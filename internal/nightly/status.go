package nightly

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"garrigue/internal/dataset"
	"garrigue/internal/fault"
	"garrigue/internal/observation"
	"garrigue/internal/source"
	"garrigue/internal/vault"
)

// Status is how far loading is: what each owner announced against what is there, and how fresh
// it is. It holds no observation, no place and nobody's name but those of sources, datasets and
// poles. Public leaves out what only the administrator needs.
type Status struct {
	Taken    time.Time `json:"taken"`
	Total    Line      `json:"total"`
	Poles    []Line    `json:"poles"`
	Groups   []Line    `json:"groups"`  // public groups; Key "group.<key>" of the catalogues is their name
	Groups2  []Line    `json:"groups2"` // GROUP2_INPN of TAXREF
	Datasets []Line    `json:"datasets"`
	Sources  []Line    `json:"sources"`
}

// Line is the state of one pole, group, dataset or source.
type Line struct {
	Key        string         `json:"key"` // "" for what belongs to none
	Expected   int            `json:"expected,omitempty"`
	Loaded     int            `json:"loaded"` // neither held nor withdrawn
	Held       map[string]int `json:"held,omitempty"`
	Waiting    int            `json:"waiting"` // sum of Held
	Rejected   int            `json:"rejected"`
	Withdrawn  int            `json:"withdrawn"`
	Latest     string         `json:"latest,omitempty"` // day of the last observation
	LastImport *time.Time     `json:"last_import,omitempty"`
	LastRun    *time.Time     `json:"last_run,omitempty"`
	Next       *time.Time     `json:"next,omitempty"`
	Outcome    string         `json:"outcome,omitempty"`
	Error      *Sentence      `json:"error,omitempty"`
}

// Public is the status as anybody may see it: without errors, which name addresses.
func (s Status) Public() Status {
	strip := func(lines []Line) []Line {
		out := slices.Clone(lines)
		for i := range out {
			out[i].Error = nil
		}
		return out
	}
	s.Poles, s.Groups, s.Groups2, s.Datasets, s.Sources = strip(s.Poles), strip(s.Groups), strip(s.Groups2), strip(s.Datasets), strip(s.Sources)
	return s
}

// Status counts the vault, or takes the counts made since it last changed.
func (s *Syncer) Status(ctx context.Context) (_ Status, err error) {
	defer fault.Wrap(&err, "nightly.Status")
	counts, err := s.counts(ctx)
	if err != nil {
		return Status{}, err
	}
	arrivals, err := s.d.DB.Arrivals(ctx)
	if err != nil {
		return Status{}, err
	}
	sets, err := s.d.DB.Datasets(ctx)
	if err != nil {
		return Status{}, err
	}
	last, err := s.d.DB.LastRuns(ctx)
	if err != nil {
		return Status{}, err
	}
	t := newTally(s.d.Sources, sets)
	for _, c := range counts {
		t.count(c)
	}
	for _, a := range arrivals {
		t.arrival(a)
	}
	for _, cfg := range s.d.Sources {
		t.configured(cfg, last[cfg.Name], s.nextOf(cfg.Name, last))
	}
	return t.status(s.d.Now()), nil
}

// counts are those of Loading: kept ones while the vault has not changed, since reading
// millions of observations takes seconds.
func (s *Syncer) counts(ctx context.Context) ([]vault.Loaded, error) {
	stamp, err := s.d.DB.LoadingStamp(ctx)
	if err != nil {
		return nil, err
	}
	kept, content, err := s.d.DB.LoadingCounts(ctx)
	if err != nil {
		return nil, err
	}
	var counts []vault.Loaded
	if kept == stamp && json.Unmarshal(content, &counts) == nil {
		return counts, nil
	}
	if counts, err = s.d.DB.Loading(ctx); err != nil {
		return nil, err
	}
	b, err := json.Marshal(counts)
	if err != nil {
		return nil, err
	}
	// When the vault changed meanwhile the stamp is older than the counts: they are made again.
	return counts, s.d.DB.PutLoadingCounts(ctx, stamp, b)
}

// tally adds counts up along each axis.
type tally struct {
	total    Line
	axes     [5]map[string]*Line // poles, groups, groups2, datasets, sources
	pole     map[string]string   // by source
	poleOf   map[string]string   // by dataset, for what was imported by hand
	datasets map[dataset.ID]string
}

const (
	axisPole = iota
	axisGroup
	axisGroup2
	axisDataset
	axisSource
)

func newTally(sources []source.Config, sets []dataset.Dataset) *tally {
	t := &tally{pole: map[string]string{}, poleOf: map[string]string{}, datasets: map[dataset.ID]string{}}
	for i := range t.axes {
		t.axes[i] = map[string]*Line{}
	}
	for _, cfg := range sources {
		t.pole[cfg.Name] = cfg.Pole
		t.poleOf[cmp.Or(cfg.Dataset, cfg.Name)] = cfg.Pole
	}
	for _, d := range sets {
		t.datasets[d.ID] = d.Name
	}
	return t
}

func (t *tally) line(axis int, key string) *Line {
	l := t.axes[axis][key]
	if l == nil {
		l = &Line{Key: key}
		t.axes[axis][key] = l
	}
	return l
}

// poleFor is the pole of a source, or of the source whose dataset was imported by hand.
func (t *tally) poleFor(sourceName, datasetName string) string {
	if p, known := t.pole[sourceName]; known && p != "" {
		return p
	}
	return t.poleOf[datasetName]
}

func (t *tally) count(c vault.Loaded) {
	name := t.datasets[c.Dataset]
	for _, l := range []*Line{&t.total, t.line(axisPole, t.poleFor(c.Source, name)), t.line(axisGroup, c.Group),
		t.line(axisGroup2, c.Group2), t.line(axisDataset, name), t.line(axisSource, c.Source)} {
		switch {
		case c.Withdrawn:
			l.Withdrawn += c.Rows
			continue
		case c.Held != observation.NotHeld:
			if l.Held == nil {
				l.Held = map[string]int{}
			}
			l.Held[c.Held.String()] += c.Rows
			l.Waiting += c.Rows
		default:
			l.Loaded += c.Rows
		}
		l.Latest = max(l.Latest, c.Latest)
	}
}

func (t *tally) arrival(a vault.Arrival) {
	name := t.datasets[a.Dataset]
	lines := []*Line{&t.total, t.line(axisPole, t.poleFor(a.Source, name)), t.line(axisSource, a.Source)}
	if a.Dataset != 0 {
		lines = append(lines, t.line(axisDataset, name))
	}
	for _, l := range lines {
		l.Rejected += a.Rejected
		if l.LastImport == nil || a.Last.After(*l.LastImport) {
			l.LastImport = when(a.Last)
		}
	}
}

// configured adds what the settings and the last run say of a source.
func (t *tally) configured(cfg source.Config, last vault.SourceRun, next time.Time) {
	lines := []*Line{&t.total, t.line(axisPole, cfg.Pole), t.line(axisSource, cfg.Name)}
	if cfg.Expected > 0 && cfg.Dataset != "" {
		lines = append(lines, t.line(axisDataset, cfg.Dataset))
	}
	for _, l := range lines {
		l.Expected += cfg.Expected
	}
	l := t.line(axisSource, cfg.Name)
	l.LastRun, l.Next, l.Outcome = when(last.Started), when(next), last.Outcome
	if last.ErrorKey == "" {
		return
	}
	l.Error = &Sentence{Key: last.ErrorKey, Args: readArgs(last.ErrorArgs)}
	if p := t.line(axisPole, cfg.Pole); p.Error == nil {
		p.Error = l.Error
	}
}

func (t *tally) status(now time.Time) Status {
	s := Status{Taken: now, Total: t.total}
	for i, to := range []*[]Line{&s.Poles, &s.Groups, &s.Groups2, &s.Datasets, &s.Sources} {
		*to = []Line{}
		for _, l := range t.axes[i] {
			*to = append(*to, *l)
		}
		slices.SortFunc(*to, func(a, b Line) int {
			return cmp.Or(cmp.Compare(b.Loaded+b.Waiting, a.Loaded+a.Waiting), cmp.Compare(a.Key, b.Key))
		})
	}
	return s
}

// Snapshot keeps the state of the day for the history, in place of an earlier one of the day.
func (s *Syncer) Snapshot(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "nightly.Snapshot")
	status, err := s.Status(ctx)
	if err != nil {
		return err
	}
	b, err := json.Marshal(status)
	if err != nil {
		return err
	}
	now := s.d.Now()
	return s.d.DB.PutLoadingDay(ctx, vault.LoadingDay{Day: now.Format(time.DateOnly), Taken: now, Content: b})
}

// History lists the states kept, newest first.
func (s *Syncer) History(ctx context.Context, days int) (list []Status, err error) {
	defer fault.Wrap(&err, "nightly.History")
	kept, err := s.d.DB.LoadingDays(ctx, days)
	if err != nil {
		return nil, err
	}
	for _, d := range kept {
		var st Status
		if err := json.Unmarshal(d.Content, &st); err != nil {
			return nil, fault.Say(fault.Internal, "sync.internal").Because(err)
		}
		list = append(list, st)
	}
	return list, nil
}
