package ingest

import (
	"context"
	"iter"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/naming"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// Stale reports whether observations have to be classed again before they are published: a reference
// changed, or what people decided, or the policy, or a new year began, since durations end.
func Stale(ctx context.Context, db *vault.DB, s Settings) (stale bool, err error) {
	defer fault.Wrap(&err, "ingest.Stale")
	current, classed, err := db.Generation(ctx)
	if err != nil || current != classed {
		return true, err
	}
	s = s.withDefaults()
	o := vault.Occasion{Year: s.Today.Year()}
	if s.Policy != nil {
		o.Policy = s.Policy.Fingerprint()
	}
	same, err := db.ClassedFor(ctx, o)
	return !same, err
}

// Reclass computes again, after references changed or a year went by, the taxon, the sensitivity and the
// reason to hold of every observation, and records that all are classed. It returns how
// many changed. progress may be nil.
//
// When outlines were loaded or replaced since, the places are found again first (placeAgain).
// What waits because its geometry is far from the commune its producer stated goes on waiting,
// until it is imported again.
func Reclass(ctx context.Context, db *vault.DB, s Settings, progress func(Progress)) (changed int, err error) {
	defer fault.Wrap(&err, "ingest.Reclass")
	behind, err := db.Behind(ctx)
	if err != nil {
		return 0, err
	}
	im, err := NewImporter(ctx, db, s)
	if err != nil {
		return 0, err
	}
	grant := disclosure.Grant{Who: "ingest", Reason: "classing observations again after a change of references"}
	if _, err := im.placeAgain(ctx, behind); err != nil {
		return 0, err
	}
	if err := im.regroup(ctx, grant); err != nil {
		return 0, err
	}
	byName, named := im.byName, 0
	n, err := db.Reclass(ctx, im.classed(ctx, grant, vault.ForClassing, progress, func(o *observation.Observation) bool {
		if byName(o) {
			named++
			return false
		}
		return true
	}))
	if err != nil {
		return 0, err
	}
	if named > 0 { // known by their name, which the first reading does not give
		m, err := db.Reclass(ctx, im.classed(ctx, grant, vault.Complete, nil, byName))
		if err != nil {
			return 0, err
		}
		n += m
	}
	if err := db.SetClassedFor(ctx, im.occasion, behind); err != nil {
		return n, err
	}
	return n, db.SetClassed(ctx, im.generation, behind)
}

// regroup reads, once in the life of a vault, the groupings of what came before they were kept.
func (im *Importer) regroup(ctx context.Context, g disclosure.Grant) error {
	sets, err := im.datasetsByID(ctx)
	if err != nil {
		return err
	}
	if _, err := im.db.Reclass(ctx, func(yield func(vault.Classed, error) bool) {
		stopped := false
		err := im.db.Ungrouped(ctx, g, func(o *observation.Observation) error {
			set := sets[o.Dataset]
			if o.Grouping = groupingOf(o, datasetRef{uuid: set.UUID, name: set.Name}); o.Grouping != "" && !yield(vault.ClassOf(o), nil) {
				stopped = true
				return context.Canceled
			}
			return nil
		})
		if err != nil && !stopped {
			yield(vault.Classed{}, err)
		}
	}); err != nil {
		return err
	}
	return im.db.SetGrouped(ctx)
}

// Rename resolves again, and classes, the observations held because their taxon is not known:
// what is left to do once people have settled names. It returns how many changed.
func Rename(ctx context.Context, db *vault.DB, s Settings) (changed int, err error) {
	defer fault.Wrap(&err, "ingest.Rename")
	im, err := NewImporter(ctx, db, s)
	if err != nil {
		return 0, err
	}
	grant := disclosure.Grant{Who: "ingest", Reason: "resolving the names of held observations again"}
	return db.Reclass(ctx, im.classing(ctx, nil, func(o *observation.Observation) bool { return true }, func(f func(*observation.Observation) error) error {
		return db.Unmatched(ctx, grant, f)
	}))
}

// byName reports whether an observation has no code TAXREF knows: its name is asked.
func (im *Importer) byName(o *observation.Observation) bool {
	if o.CdNom == 0 {
		return true
	}
	_, ok := im.taxa.Resolve(o.CdNom)
	return !ok
}

// classed reads the observations that wanted accepts and gives their class of today.
func (im *Importer) classed(ctx context.Context, g disclosure.Grant, what vault.Fields, progress func(Progress), wanted func(*observation.Observation) bool) iter.Seq2[vault.Classed, error] {
	return im.classing(ctx, progress, wanted, func(f func(*observation.Observation) error) error {
		return im.db.Observations(ctx, g, what, f)
	})
}

func (im *Importer) classing(ctx context.Context, progress func(Progress), wanted func(*observation.Observation) bool,
	read func(func(*observation.Observation) error) error) iter.Seq2[vault.Classed, error] {
	return func(yield func(vault.Classed, error) bool) {
		places, err := im.scopes(ctx)
		if err != nil {
			yield(vault.Classed{}, err)
			return
		}
		sets, err := im.datasetsByID(ctx)
		if err != nil {
			yield(vault.Classed{}, err)
			return
		}
		judged, err := im.judgedByID(ctx, sets)
		if err != nil {
			yield(vault.Classed{}, err)
			return
		}
		rows, stopped := 0, false
		names := &renamer{names: im.names.Reader(), hints: newNameHints(), scopes: places}
		err = read(func(o *observation.Observation) error {
			if rows++; progress != nil && rows%10_000 == 0 {
				progress(Progress{Rows: rows})
			}
			if !wanted(o) {
				return nil
			}
			was := vault.ClassOf(o)
			set := sets[o.Dataset]
			im.agree(o, &set, o.Source)
			c := im.classAgain(o, names)
			if d := judged[o.ID]; d != nil {
				im.judgedAs(o, d)
				c = vault.ClassOf(o)
			}
			if c != was && !yield(c, nil) {
				stopped = true
				return context.Canceled
			}
			return nil
		})
		if err != nil && !stopped {
			yield(vault.Classed{}, err)
		}
	}
}

// renamer resolves the names of observations already in the vault.
type renamer struct {
	names  *naming.Reader
	hints  nameHints
	scopes scopes
}

func (n *renamer) taxon(o *observation.Observation) (taxon.CdNom, taxon.CdRef) {
	g := n.hints.given(o)
	s := n.scopes[o.Dataset]
	g.Source, g.Dataset = s.source, s.dataset
	a := n.names.Resolve(g)
	return a.CdNom, a.CdRef
}

func (im *Importer) classAgain(o *observation.Observation, names *renamer) vault.Classed {
	o.CdRef = 0
	if m, ok := im.taxa.Resolve(o.CdNom); o.CdNom != 0 && ok {
		o.CdNom, o.CdRef = m.CdNom, m.CdRef
	} else {
		o.CdNom, o.CdRef = names.taxon(o)
	}
	held := im.classify(o, im.stillInside(o))
	if held == observation.NotHeld && o.Place.Commune == 0 && o.Place.Department == 0 && im.foundNow(o) {
		held = observation.Unclassed
	}
	if held == observation.NotHeld && o.Place.Box == (geo.Box{}) && !o.BlurredAtSource() {
		held = observation.Unlocated
	}
	if o.Held == observation.Unlocated && o.Place.Georeference == observation.ByGeometry { // far from what was stated, as class says
		held = observation.Unlocated
	}
	o.Held = held
	return vault.ClassOf(o)
}

// stillInside tells whether an imported place is in the territory as it is loaded now.
func (im *Importer) stillInside(o *observation.Observation) bool {
	p := &o.Place
	if p.Georeference != observation.ByGeometry {
		_, inside, found := im.places.attached(p.Attached)
		return found && inside
	}
	return p.Commune != 0 || p.Department != 0 || im.places.contains(p.Lon, p.Lat)
}

// foundNow reports whether today's outlines would give the place a commune or a department
// it was imported without: a point only, a shape may well straddle.
func (im *Importer) foundNow(o *observation.Observation) bool {
	p := &o.Place
	if p.Georeference != observation.ByGeometry || p.Box.MinX != p.Box.MaxX || p.Box.MinY != p.Box.MaxY {
		return false
	}
	c, d, _ := im.places.at(p.Lon, p.Lat)
	return c != 0 || d != 0
}
