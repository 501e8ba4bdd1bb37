// Package demo invents a territory and what was seen in it: a region of the south with
// coast, lagoons, causses and a mountain range, some three hundred communes, about nine
// hundred real taxa with their habitats, altitudes and seasons, and as many observations as
// wanted, made by a dozen surveys with the biases of real ones. Everything follows from a
// seed. It can also place invented observations in real references, for measuring.
//
// It decides nothing about the data's way: what it writes goes through the ordinary
// commands' own functions (references, import, publication). Nobody in it exists; the
// places do not exist; names and codes of taxa do.
package demo

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"garrigue/internal/atlas"
	"garrigue/internal/civil"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/ingest"
	"garrigue/internal/publish"
	"garrigue/internal/vault"
)

// defaultSeed makes the demo everybody sees.
const defaultSeed = 2026

// defaultObservations is how many there are when nobody says.
const defaultObservations = 100_000

// Options says what to invent and where to put it.
type Options struct {
	Dir          string // instance directory; created
	Vault        string // address of the vault; "": Dir/vault.sqlite
	Observations int    // 0: 100,000
	Seed         uint64 // 0: the demo everybody sees
	Reference    string // directory of real references; "": the fictional territory
	// Today is the last day anything is observed; today's when 0 or NoDate.
	Today civil.Date
	// Meta, Policy and Keep are passed to publication by Build. The zero values are the
	// demo's own identity, the SINP levels on a 5 km mesh, and seven snapshots.
	Meta   atlas.Meta
	Policy disclosure.Policy
	Keep   int
	// Progress (may be nil) is told the step under way, a key of the catalogues, and how far
	// it is; total 0 when unknown.
	Progress func(step string, done, total int64)
	Log      *slog.Logger
}

// Identity returns the name, territory and publisher of the demo: the fictional ones, or
// those of invented observations in real references.
func Identity(real bool) (name, territory, publisher string) {
	if real {
		return "Atlas d’essai", "Occitanie", "Observations inventées"
	}
	return "Atlas du " + regionName, regionName, "Territoire fictif"
}

func (o Options) withDefaults() Options {
	if o.Observations == 0 {
		o.Observations = defaultObservations
	}
	if o.Seed == 0 {
		o.Seed = defaultSeed
	}
	if o.Today == 0 || o.Today == civil.NoDate {
		o.Today = civil.Of(time.Now())
	}
	if o.Meta.Title == "" {
		o.Meta.Title, o.Meta.Territory, o.Meta.Publisher = Identity(o.Reference != "")
		o.Meta.Licence = "CC0"
		o.Meta.Mesh = geo.Cell5
	}
	o.Meta.Fictional = true
	if o.Policy.Version == "" {
		o.Policy = disclosure.SINP()
		o.Policy.Mesh, o.Policy.Today = o.Meta.Mesh, o.Today
	}
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Reference is a reference file as LoadReference takes it.
type Reference struct {
	Kind string // taxref, statuses, sensitivity, areas
	Area geo.Kind
	Path string
}

// Files is what Generate wrote, or found.
type Files struct {
	References   []Reference // in the order to load them
	Observations string
	Counts       Counts
}

// Generate writes the references of the fictional territory and its observations into
// Dir/demo, ready for the ordinary commands. On real references it writes the observations
// only. The same options give the same bytes (on one kind of processor: another may round
// otherwise). Errors: Invalid when Reference lacks a file,
// NotFound, those of the disk.
func Generate(ctx context.Context, o Options) (files Files, err error) {
	defer fault.Wrap(&err, "demo.Generate")
	o = o.withDefaults()
	dir := filepath.Join(o.Dir, "demo")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return files, err
	}
	o.Progress("demo.step.territory", 0, 0)
	var w *world
	if o.Reference == "" {
		t := newTerritory()
		entries, err := readEntries(strings.NewReader(taxaFile))
		if err != nil {
			return files, err
		}
		if files.References, err = writeReferences(dir, t, entries); err != nil {
			return files, err
		}
		if w, err = fictionalWorld(t, entries); err != nil {
			return files, err
		}
	} else {
		if files.References, err = findReferences(o.Reference); err != nil {
			return files, err
		}
		if w, err = realWorld(o.Reference); err != nil {
			return files, err
		}
	}
	files.Observations = filepath.Join(dir, "observations.csv")
	err = writeFile(files.Observations, func(out io.Writer) (err error) {
		files.Counts, err = newObservatory(w, o.Seed, o.Today).write(ctx, out, o.Observations, o.report("demo.step.observations"))
		return err
	})
	return files, err
}

// WriteObservations streams n invented observations to out, as Generate does into a file:
// for benchmarks. Memory does not grow with n.
func WriteObservations(ctx context.Context, out io.Writer, n int, o Options) (Counts, error) {
	o = o.withDefaults()
	obs, err := o.observatory()
	if err != nil {
		return Counts{}, err
	}
	return obs.write(ctx, out, n, o.report("demo.step.observations"))
}

// observatory prepares observing, in the fictional territory or the real references.
func (o Options) observatory() (*observatory, error) {
	o = o.withDefaults()
	var w *world
	var err error
	if o.Reference == "" {
		entries, e := readEntries(strings.NewReader(taxaFile))
		if e != nil {
			return nil, e
		}
		w, err = fictionalWorld(newTerritory(), entries)
	} else {
		w, err = realWorld(o.Reference)
	}
	if err != nil {
		return nil, err
	}
	return newObservatory(w, o.Seed, o.Today), nil
}

func (o *Options) report(step string) func(done, total int64) {
	return func(done, total int64) { o.Progress(step, done, total) }
}

// Build generates the files, loads the references, imports the observations and publishes:
// the ordinary way, no short cut. The vault is Vault or Dir/vault.sqlite, the snapshots are in
// Dir/atlas.
func Build(ctx context.Context, o Options) (res publish.Result, err error) {
	defer fault.Wrap(&err, "demo.Build")
	o = o.withDefaults()
	files, err := Generate(ctx, o)
	if err != nil {
		return res, err
	}
	db, err := vault.Open(ctx, cmp.Or(o.Vault, filepath.Join(o.Dir, "vault.sqlite")))
	if err != nil {
		return res, err
	}
	defer func() {
		if e := db.Close(); err == nil {
			err = e
		}
	}()
	if err := load(ctx, db, &o, files); err != nil {
		return res, err
	}
	return publish.Run(ctx, db, publish.Options{Dir: filepath.Join(o.Dir, "atlas"), Meta: o.Meta, Policy: o.Policy, Keep: o.Keep,
		Progress: o.Progress, Log: o.Log})
}

// load puts the files into the vault.
func load(ctx context.Context, db *vault.DB, o *Options, files Files) error {
	for i, r := range files.References {
		o.Progress("demo.step.references", int64(i), int64(len(files.References)))
		if _, err := ingest.LoadReference(ctx, db, r.Kind, r.Path, ingest.ReferenceOptions{AreaKind: r.Area}); err != nil {
			return err
		}
	}
	im, err := ingest.NewImporter(ctx, db, ingest.Settings{Today: o.Today, Log: o.Log})
	if err != nil {
		return err
	}
	report, err := im.Import(ctx, files.Observations, ingest.Options{Progress: func(p ingest.Progress) {
		o.Progress("demo.step.import", int64(p.Rows), int64(o.Observations))
	}})
	if err != nil {
		return err
	}
	o.Log.Info("demo", "rows", report.Read, "rejected", report.Rejected, "took", report.Seconds)
	return nil
}

// fictionalWorld puts the data file's taxa into the territory.
func fictionalWorld(t *territory, entries []entry) (*world, error) {
	species, err := readSpecies(entries)
	if err != nil {
		return nil, err
	}
	genera := map[string]int32{}
	for i := range entries {
		if e := &entries[i]; e.rank == "GN" && e.cdNom == e.cdRef {
			cd, err := strconv.Atoi(e.cdNom)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.name, err)
			}
			genera[e.name] = int32(cd)
		}
	}
	return newWorld(t, species, genera), nil
}

// writeFile writes a file through a buffer.
func writeFile(path string, f func(io.Writer) error) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(file, 1<<17)
	if err = f(b); err == nil {
		err = b.Flush()
	}
	if e := file.Close(); err == nil {
		err = e
	}
	return err
}
