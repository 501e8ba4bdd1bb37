package ingest

import (
	"context"
	"iter"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// Reclass computes again, after references changed, the taxon, the sensitivity and the
// reason to hold of every observation, and records that all are classed. It returns how
// many changed. progress may be nil.
//
// The areas an observation lies in are not computed again: they are part of what was
// imported. One that was imported before any outline was loaded, and so has neither commune
// nor department, stays held until its file is imported again.
func Reclass(ctx context.Context, db *vault.DB, s Settings, progress func(Progress)) (changed int, err error) {
	defer fault.Wrap(&err, "ingest.Reclass")
	im, err := NewImporter(ctx, db, s)
	if err != nil {
		return 0, err
	}
	grant := disclosure.Grant{Who: "ingest", Reason: "classing observations again after a change of references"}
	named := 0
	n, err := db.Reclass(ctx, im.classed(ctx, grant, vault.ForPublication, progress, func(o *observation.Observation) bool {
		if o.CdNom == 0 {
			named++
		}
		return o.CdNom != 0
	}))
	if err != nil {
		return 0, err
	}
	if named > 0 { // known by their name alone, which the first reading does not give
		m, err := db.Reclass(ctx, im.classed(ctx, grant, vault.Complete, nil, func(o *observation.Observation) bool { return o.CdNom == 0 }))
		if err != nil {
			return 0, err
		}
		n += m
	}
	return n, db.SetClassed(ctx, im.generation)
}

// classed reads the observations that wanted accepts and gives their class of today.
func (im *Importer) classed(ctx context.Context, g disclosure.Grant, what vault.Fields, progress func(Progress), wanted func(*observation.Observation) bool) iter.Seq2[vault.Classed, error] {
	return func(yield func(vault.Classed, error) bool) {
		rows, stopped := 0, false
		names := map[string]taxon.CdRef{}
		err := im.db.Observations(ctx, g, what, func(o *observation.Observation) error {
			if rows++; progress != nil && rows%10_000 == 0 {
				progress(Progress{Rows: rows})
			}
			if wanted(o) && !yield(im.classAgain(o, names), nil) {
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

func (im *Importer) classAgain(o *observation.Observation, names map[string]taxon.CdRef) vault.Classed {
	o.CdRef = 0
	if m, ok := im.taxa.Resolve(o.CdNom); o.CdNom != 0 && ok {
		o.CdNom, o.CdRef = m.CdNom, m.CdRef
	} else if o.CdNom == 0 && o.NameCited != "" {
		ref, known := names[o.NameCited]
		if !known {
			if refs := im.taxa.ByScientificName(taxon.Fold(o.NameCited)); len(refs) == 1 {
				ref = refs[0]
			}
			names[o.NameCited] = ref
		}
		// Lineage goes by name code: the valid name stands for the name cited.
		o.CdNom, o.CdRef = taxon.CdNom(ref), ref
	}
	held := im.classify(o, im.stillInside(o))
	if held == observation.NotHeld && o.Place.Commune == 0 && o.Place.Department == 0 && im.foundNow(o) {
		held = observation.Unclassed
	}
	if held == observation.NotHeld && o.Place.Box == (geo.Box{}) {
		held = observation.Unlocated
	}
	return vault.Classed{ID: o.ID, CdRef: o.CdRef, Level: o.Sensitivity, List: o.SensList, Held: held}
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
