// Package ingest brings producers' files into the vault: it recognises the format and the way
// values are written, maps columns, resolves taxa, locates places, checks and classes each
// row, and writes accepted and rejected rows in one atomic batch. It also loads references.
//
// A bad row is data, not an error: it lands in the rejects with a code and the producer's
// own line. What may be seen of an observation is decided elsewhere (package disclosure).
// See DESIGN.md in this folder.
package ingest

import (
	"cmp"
	"context"
	"log/slog"
	"runtime"
	"slices"
	"time"

	"garrigue/internal/civil"
	"garrigue/internal/consent"
	"garrigue/internal/dataset"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/naming"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// Settings are what an import needs to know of the instance.
type Settings struct {
	Today   civil.Date   // dates after it are in the future; today's when NoDate or 0
	Workers int          // goroutines that map rows; the number of processors when 0
	Log     *slog.Logger // discarded when nil
	CRS     geo.CRS      // projection supposed when nothing tells, Lambert-93 when 0
	Share   float64      // of an inventory shape that its commune must hold, more than half; 0.8 when 0
	Far     float64      // metres from the stated commune beyond which a record waits; 2,000 when 0
	// Policy is the rule in force, which orders the levels of lists; nil orders them by the areas
	// they are named for.
	Policy *disclosure.Policy
}

func (s Settings) withDefaults() Settings {
	if s.Today == civil.NoDate || s.Today == 0 {
		s.Today = civil.Of(time.Now())
	}
	if s.Workers <= 0 {
		s.Workers = runtime.GOMAXPROCS(0)
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if s.CRS == 0 {
		s.CRS = geo.Lambert93
	}
	if s.Share < 0.5 || s.Share >= 1 {
		s.Share = mostly
	}
	if s.Far <= 0 {
		s.Far = farFrom
	}
	return s
}

// Importer imports files with the references held in memory. It may serve one import after
// another, and sees the references as they were when it was made.
type Importer struct {
	db         *vault.DB
	set        Settings
	taxa       *taxon.Taxonomy
	names      *naming.Resolver
	places     *territory
	book       *sensitivity.Book
	ruleKinds  []geo.Kind // of the areas that rules are limited to
	judged     *sensitivity.Decisions
	occasion   vault.Occasion
	lists      lists
	ledger     *consent.Ledger
	roads      map[dataset.ID][]string // the sources that have brought a dataset
	generation int64
}

// NewImporter reads the references of the vault. Errors are those of the vault.
func NewImporter(ctx context.Context, db *vault.DB, s Settings) (_ *Importer, err error) {
	defer fault.Wrap(&err, "ingest.NewImporter")
	im := &Importer{db: db, set: s.withDefaults()}
	lists, err := readCodelists()
	if err != nil {
		return nil, err
	}
	im.lists = newLists(lists)
	if im.generation, _, err = db.Generation(ctx); err != nil {
		return nil, err
	}
	// Outlines and the rest take about as long to read, and know nothing of each other.
	var areas []geo.Area
	outlined := make(chan error, 1)
	go func() {
		var err error
		areas, err = im.readOutlines(ctx)
		outlined <- err
	}()
	err = im.readRules(ctx)
	if e := <-outlined; e != nil || err != nil {
		return nil, cmp.Or(err, e)
	}
	if p := im.set.Policy; p != nil {
		im.occasion.Policy, im.places.mesh = p.Fingerprint(), p.Mesh
		// A policy that has no area to show a level in decides nothing here, and publishing refuses it.
		if settled, err := p.Settled(disclosure.MeanSurfaces(areas)); err == nil {
			im.book = settled.Book(im.book)
		}
	}
	return im, nil
}

// readOutlines makes the territory, and returns its communes, departments and regions.
func (im *Importer) readOutlines(ctx context.Context) (_ []geo.Area, err error) {
	var areas [3][]geo.Area
	for i, k := range [...]geo.Kind{geo.Commune, geo.Department, geo.Region} {
		if areas[i], err = im.db.Areas(ctx, k); err != nil {
			return nil, err
		}
	}
	im.places = newTerritory(areas[0], areas[1], areas[2])
	return slices.Concat(areas[:]...), im.moreAreas(ctx)
}

// readRules reads the taxa, and what people and lists said of them and of observations.
func (im *Importer) readRules(ctx context.Context) error {
	withdrawn, err := collect(im.db.Withdrawn(ctx))
	if err != nil {
		return err
	}
	if im.taxa, err = taxon.NewTaxonomy(im.db.Names(ctx), withdrawn); err != nil {
		return err
	}
	if im.names, err = newNames(ctx, im.db, im.taxa, false); err != nil {
		return err
	}
	choices, err := im.db.Choices(ctx)
	if err != nil {
		return err
	}
	im.ledger = consent.NewLedger(choices)
	if im.roads, err = im.db.Roads(ctx); err != nil {
		return err
	}
	ls, rules, err := im.db.Sensitivity(ctx)
	if err != nil {
		return err
	}
	im.book, im.ruleKinds = sensitivity.NewBook(ls, sensitivity.ForTaxa(rules, im.taxa)), ruleKinds(rules)
	im.occasion.Year = im.set.Today.Year()
	taken, err := im.db.Judgements(ctx)
	if err != nil {
		return err
	}
	im.judged = sensitivity.NewDecisions(taken)
	return nil
}

// Options are the wishes of one import.
type Options struct {
	Dataset      string    // of rows that name none; the file's name when empty
	Organisation string    // of rows that name none
	Format       string    // a name of Formats, "auto" or ""
	DryRun       bool      // do everything, keep nothing
	Source       string    // name of the [[source]] it comes from, "" for a file given by hand
	By           string    // who asked: a person or "schedule"; kept with the batch
	Table        string    // sheet, layer or entry, when the file holds several
	Complete     bool      // the file is the whole of its datasets: what it lacks is withdrawn
	Mapping      *Mapping  // what its columns are, nil to recognise it
	Set          []Setting // values for every row, before any column
	// MaxWithdrawn is the share of its observations that a complete file may lack without
	// ForceWithdraw; 0.2 when 0. Up to 100 may always.
	MaxWithdrawn  float64
	ForceWithdraw bool
	Progress      func(Progress)
}

// Progress tells how far an import is. Bytes goes once from 0 to Size.
type Progress struct {
	File        string
	Bytes, Size int64
	Rows        int
}
