package ingest

import (
	"context"
	"io"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"garrigue/internal/dataset"
	"garrigue/internal/fault"
	"garrigue/internal/quality"
	"garrigue/internal/tabular"
	"garrigue/internal/vault"
)

// memoryLimit is where the garbage collector starts to work harder while a file is imported;
// SQLite's own memory comes on top.
const memoryLimit = 200 << 20

// chunkRows is how many rows travel together from the reader to a worker to the writer. The first chunks are
// smaller, from firstRows twice as many each time: the writer, who waits for the first, starts that much sooner.
const (
	chunkRows = 1000
	firstRows = 60
)

// chunk is a piece of the file and what became of it. Chunks are used again.
type chunk struct {
	rows   []tabular.Row
	fields []string // of all rows, one after another
	shapes []byte
	out    []mapped
	err    error // of the reader; the chunk is the last
	offset int64
	done   chan struct{}
}

// Import imports one file as one batch: all of it, or nothing when it returns an error or
// ctx ends. Bad rows are no error, they are counted in the report and kept as rejects.
//
// Errors: Invalid, with a sentence for the producer, when the file cannot be read as
// observations; NotFound when there is none; those of the vault.
func (im *Importer) Import(ctx context.Context, path string, o Options) (_ Report, err error) {
	defer fault.Wrap(&err, "ingest.Import(%s)", filepath.Base(path))
	started := time.Now()
	s, err := openSource(path, o.wish())
	if err != nil {
		return Report{}, err
	}
	defer s.Close()
	r, err := s.read()
	if err != nil {
		return Report{}, err
	}
	r.close() // what it keeps in memory; its header and layout are still known
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(memoryLimit))
	pl, err := im.planFor(ctx, s, r.header, &o)
	if err != nil {
		return Report{}, err
	}
	p := pl.plan
	p.header = storableAll(p.header)
	tell := func(part float64, rows int) {
		if o.Progress != nil {
			o.Progress(Progress{File: s.name, Bytes: int64(part * float64(s.size)), Size: s.size, Rows: rows})
		}
	}
	sum, stop := s.alongside(ctx)
	defer stop()
	// The survey takes about a tenth of the time.
	prof, err := im.survey(ctx, s, p, func(part float64, _ int) { tell(part*0.1, 0) })
	if err != nil {
		return Report{}, err
	}
	if prof.rows == 0 {
		return Report{}, fault.Say(fault.Invalid, "ingest.no_rows", s.name)
	}
	var rep Report
	rep.describe(s, r, p, prof)
	rep.explain(pl)
	header := slices.Clone(r.header)
	w := &writer{im: im, rep: &rep, o: &o, prof: prof, sum: sum, datasets: map[datasetRef]dataset.Dataset{}, seen: map[uint64]int{}, unmatched: map[string]int{}, unknown: unknowns{}}
	if err := w.run(ctx, s, p, started, func(part float64, rows int) { tell(0.1+part*0.9, rows) }); err != nil {
		return Report{}, err
	}
	rep.Unknown = w.unknown.list(p, &im.lists)
	if err := im.remember(ctx, header, pl, &o); err != nil {
		return Report{}, err
	}
	im.set.Log.Info("import", "file", rep.File, "format", rep.Format, "rows", rep.Read, "created", rep.Created, "updated", rep.Updated,
		"rejected", rep.Rejected, "took", time.Since(started))
	return rep, nil
}

// writer is the end of the pipeline: one goroutine, rows in the order of the file.
type writer struct {
	im        *Importer
	rep       *Report
	o         *Options
	prof      *profile
	batch     *vault.Batch
	sum       func() (string, error) // of the file
	before    []dataset.Dataset      // those the vault had
	datasets  map[datasetRef]dataset.Dataset
	keys      []vault.Key    // of the rows of a chunk
	seen      map[uint64]int // rows without a key whose content repeats
	unmatched map[string]int
	unknown   unknowns
}

// run reads the source again, maps rows on several goroutines and writes them in one batch.
func (w *writer) run(ctx context.Context, s *source, p *plan, started time.Time, tell func(float64, int)) (err error) {
	r, err := s.read()
	if err != nil {
		return err
	}
	defer r.close()
	if r.returned > 0 && w.o.Complete { // all the rows that were right are not in it
		return fault.Say(fault.Conflict, "rejects.complete", w.rep.File)
	}
	sum, err := w.sum()
	if err != nil {
		return err
	}
	if w.before, err = w.im.db.Datasets(ctx); err != nil {
		return err
	}
	info := w.rep.info()
	info.SHA256, info.Started, info.Source, info.By, info.Complete = sum, started, w.o.Source, w.o.By, w.o.Complete
	if w.batch, err = w.im.db.Begin(ctx, info); err != nil {
		return err
	}
	defer w.batch.Rollback()

	ctx, cancel := context.WithCancel(ctx)
	base := w.o.Dataset
	if base == "" {
		base = baseName(s.name)
	}
	pipe := newPipeline(ctx, w.im.set.Workers, r, func() *mapper { return newMapper(w.im, p, w.prof, w.o, base) })
	defer pipe.wait()
	defer cancel()
	for c := range pipe.ordered {
		select {
		case <-c.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := w.write(ctx, c); err != nil {
			return err
		}
		tell(float64(c.offset)/float64(max(r.t.Size(), 1)), w.rep.Read)
		if c.err != nil && c.err != io.EOF {
			return c.err
		}
		pipe.release(c)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w.rep.Passed = r.passed
	if err := w.missing(ctx); err != nil {
		return err
	}
	w.missingReferences()
	w.rep.finish(started, w.unmatched)
	if w.o.DryRun {
		w.rep.DryRun = true
		return w.batch.Rollback()
	}
	return w.commit(ctx, info)
}

// missingReferences says why everything is held when references are not loaded.
func (w *writer) missingReferences() {
	accepted := w.rep.Created + w.rep.Updated + w.rep.Unchanged
	if accepted == 0 {
		return
	}
	if !w.im.places.loaded() {
		w.rep.Warnings[string(quality.NoAreas)] = accepted
	}
	if w.im.book.Rules() == 0 {
		w.rep.Warnings[string(quality.NoSensitivity)] = accepted
	}
}

func (w *writer) commit(ctx context.Context, info vault.BatchInfo) error {
	if err := w.batch.ClassedAt(ctx, w.im.generation); err != nil {
		return err
	}
	if err := w.batch.ClassedFor(ctx, w.im.occasion); err != nil {
		return err
	}
	done := w.rep.info()
	done.SHA256, done.Started, done.Ended = info.SHA256, info.Started, time.Now()
	if len(w.datasets) == 1 {
		for _, d := range w.datasets {
			done.Dataset = d.ID
		}
	}
	done, err := w.batch.Commit(ctx, done)
	if err != nil {
		return err
	}
	w.rep.Batch, w.rep.Twins = done.ID, done.Twins
	if done.SameUUID > 0 {
		w.rep.Warnings[string(quality.ExistingUUID)] = done.SameUUID
	}
	return nil
}

// write stores the rows of one chunk.
func (w *writer) write(ctx context.Context, c *chunk) error {
	w.keys = w.keys[:0]
	for i := range c.out {
		m := &c.out[i]
		if m.rejected || m.deleted {
			continue
		}
		if err := w.prepare(ctx, m); err != nil {
			return err
		}
		w.keys = append(w.keys, vault.Key{Dataset: m.obs.Dataset, SourceKey: m.obs.SourceKey})
	}
	if err := w.batch.Expect(ctx, w.keys); err != nil {
		return err
	}
	for i := range c.out {
		m := &c.out[i]
		w.rep.Read++
		switch {
		case m.rejected:
			if err := w.reject(ctx, m); err != nil {
				return err
			}
			continue
		case m.deleted:
			if err := w.withdraw(ctx, m); err != nil {
				return err
			}
			continue
		}
		for _, f := range m.findings {
			switch f.Code.Severity() {
			case quality.Warn:
				w.rep.Warnings[string(f.Code)]++
				if f.Code == quality.InvalidNomenclatureWarning {
					w.unknown.add(f)
				}
			case quality.Hold:
				if (f.Code == quality.CdNomNotFound || f.Code == quality.NameNotFound || f.Code == quality.AmbiguousName) && len(w.unmatched) < 10_000 {
					w.unmatched[strings.Clone(f.Value)]++
				}
			}
		}
		out, err := w.batch.Put(ctx, &m.obs)
		if err != nil {
			return err
		}
		w.rep.count(out, &m.obs)
	}
	return nil
}

// prepare gives a row its dataset, and numbers rows that only their place in the file tells
// apart.
func (w *writer) prepare(ctx context.Context, m *mapped) error {
	o := &m.obs
	ref := datasetRef{uuid: m.dataset.uuid, name: m.dataset.name}
	d, ok := w.datasets[ref]
	if !ok {
		var err error
		d, err = w.im.db.EnsureDataset(ctx, dataset.Dataset{UUID: m.dataset.uuid, Name: m.dataset.name, Organisation: m.dataset.organisation})
		if err != nil {
			return err
		}
		w.datasets[datasetRef{uuid: strings.Clone(ref.uuid), name: strings.Clone(ref.name)}] = d
		w.named(d.Name)
	}
	o.Dataset = d.ID
	w.im.agree(o, &d, w.o.Source)
	if m.keyless != 0 && !m.alone {
		w.seen[m.keyless]++
		if n := w.seen[m.keyless]; n > 1 {
			o.SourceKey += "#" + itoa(n)
			o.IDSinp = derivedUUID(&m.dataset, o.SourceKey)
			m.findings = append(m.findings, quality.Finding{Code: quality.DuplicateRow})
		}
	}
	w.im.judge(o, &d)
	return nil
}

func (w *writer) named(name string) {
	for _, d := range w.rep.Datasets {
		if d == name {
			return
		}
	}
	w.rep.Datasets = append(w.rep.Datasets, name)
}

// reject keeps the producer's own line with what is wrong with it.
func (w *writer) reject(ctx context.Context, m *mapped) error {
	w.rep.Rejected++
	seen := map[quality.Code]bool{}
	kept := m.findings[:0]
	for _, f := range m.findings {
		if f.Code.Severity() != quality.Reject {
			continue
		}
		kept = append(kept, f)
		if !seen[f.Code] {
			w.rep.Rejects[string(f.Code)]++
			seen[f.Code] = true
		}
	}
	if err := w.keep(ctx, m); err != nil {
		return err
	}
	return w.batch.Reject(ctx, vault.Reject{Line: m.line, Row: storable(m.raw), Findings: kept})
}

// pipeline reads chunks, maps them on several goroutines, and gives them back in order.
type pipeline struct {
	ordered chan *chunk
	free    chan *chunk
	wg      sync.WaitGroup
}

func newPipeline(ctx context.Context, workers int, r *rows, mapper func() *mapper) *pipeline {
	depth := 2*workers + 2
	p := &pipeline{ordered: make(chan *chunk, depth), free: make(chan *chunk, depth)}
	for range depth {
		p.free <- &chunk{}
	}
	work := make(chan *chunk, depth)
	p.wg.Add(1 + workers)
	go func() {
		defer p.wg.Done()
		defer close(p.ordered)
		defer close(work)
		p.readAll(ctx, r, work)
	}()
	for range workers {
		go func() {
			defer p.wg.Done()
			m := mapper()
			for c := range work {
				if ctx.Err() == nil {
					m.mapChunk(c)
				}
				close(c.done)
			}
		}()
	}
	return p
}

func (p *pipeline) readAll(ctx context.Context, r *rows, work chan<- *chunk) {
	for size := firstRows; ; size = min(2*size, chunkRows) {
		var c *chunk
		select {
		case c = <-p.free:
		case <-ctx.Done():
			return
		}
		c.fill(r, size)
		last := c.err != nil
		select {
		case p.ordered <- c:
		case <-ctx.Done():
			return
		}
		work <- c // as roomy as there are chunks: never blocks
		if last {
			return
		}
	}
}

// fill reads the next rows into the chunk, at most size of them.
func (c *chunk) fill(r *rows, size int) {
	c.rows, c.fields, c.err, c.done = c.rows[:0], c.fields[:0], nil, make(chan struct{})
	for len(c.rows) < size {
		row, err := r.next()
		if err != nil {
			c.err = err
			break
		}
		n := len(c.fields)
		c.fields = append(c.fields, row.Fields...)
		row.Fields = c.fields[n:len(c.fields):len(c.fields)]
		c.rows = append(c.rows, row)
	}
	c.offset = r.t.Offset()
}

func (p *pipeline) release(c *chunk) { p.free <- c }

// wait returns when every goroutine has ended.
func (p *pipeline) wait() {
	for range p.ordered { // let the reader go if it is still handing over
	}
	p.wg.Wait()
}

func (m *mapper) mapChunk(c *chunk) {
	for len(c.out) < len(c.rows) {
		c.out = append(c.out, mapped{})
	}
	c.out = c.out[:len(c.rows)]
	m.shapes = c.shapes[:0]
	for i := range c.rows {
		m.mapRow(&c.rows[i], &c.out[i])
	}
	c.shapes = m.shapes
}

// baseName returns the name of a file without its extensions.
func baseName(name string) string {
	for _, ext := range []string{".gz", ".zip", ".csv", ".tsv", ".txt", ".xlsx", ".ods", ".gpkg", ".geojson", ".shp", ".dbf", ".shx", ".prj", ".gml"} {
		if len(name) > len(ext) && strings.EqualFold(name[len(name)-len(ext):], ext) {
			name = name[:len(name)-len(ext)]
		}
	}
	return name
}
