package ingest

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/vault"
)

// placeAgain finds again where observations are, when outlines were loaded or replaced since
// that was last done: the commune and the department of what has a geometry, the extent of
// what is attached to an area, the commune of today for the code of one that is no more, the
// place of what named a natural area whose outline was not there. It returns how many moved.
//
// Not computed again: whether a geometry is far from the commune its producer stated.
func (im *Importer) placeAgain(ctx context.Context, behind int64) (moved int, err error) {
	outlines, placed, err := im.db.Placed(ctx)
	if err != nil || outlines == placed || !im.places.loaded() {
		return 0, err
	}
	grant := disclosure.Grant{Who: "ingest", Reason: "placing observations again after a change of outlines"}
	var wanted []int64 // in order
	err = im.db.Observations(ctx, grant, vault.ForPublication, func(o *observation.Observation) error {
		if im.mayMove(o) {
			wanted = append(wanted, o.ID)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	if len(wanted) > 0 {
		if moved, err = im.db.PutPlaces(ctx, im.placed(ctx, grant, wanted)); err != nil {
			return 0, err
		}
	}
	return moved, im.db.SetPlaced(ctx, outlines, behind)
}

// placed yields the observations among wanted that are elsewhere now.
func (im *Importer) placed(ctx context.Context, g disclosure.Grant, wanted []int64) iter.Seq2[*observation.Observation, error] {
	return func(yield func(*observation.Observation, error) bool) {
		stopped := false
		err := im.db.Observations(ctx, g, vault.Complete, func(o *observation.Observation) error {
			if _, ok := slices.BinarySearch(wanted, o.ID); !ok || !im.move(o) {
				return nil
			}
			if !yield(o, nil) {
				stopped = true
				return context.Canceled
			}
			return nil
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// mayMove reports whether today's outlines may place an observation elsewhere, from what is
// read of it for publication: a shape, whose geometry is not, always may.
func (im *Importer) mayMove(o *observation.Observation) bool {
	p := &o.Place
	switch p.Georeference {
	case observation.ByGeometry:
		if p.Box.MinX != p.Box.MaxX || p.Box.MinY != p.Box.MaxY {
			return true
		}
		c, d, _ := im.places.at(p.Lon, p.Lat)
		return c != p.Commune || d != p.Department
	case observation.NoPlace:
		return o.Held == observation.Unlocated
	}
	return im.moveAttached(o)
}

// move places an observation by today's outlines and reports whether that is elsewhere.
func (im *Importer) move(o *observation.Observation) bool {
	p := &o.Place
	switch p.Georeference {
	case observation.ByGeometry:
		return im.moveGeometry(o)
	case observation.NoPlace:
		key := naturalCode(o.Extra)
		if _, known := im.places.natural[key]; !known || o.Blurring == "OUI" {
			return false
		}
		im.places.putOn(p, key)
		o.Held = observation.Unclassed // until it is classed, which follows
		return true
	}
	return im.moveAttached(o)
}

// moveGeometry finds the commune and the department of a geometry again.
func (im *Importer) moveGeometry(o *observation.Observation) bool {
	p := &o.Place
	c, d := p.Commune, p.Department
	g, err := wkb.Unmarshal(p.Geometry)
	switch pt, is := g.(orb.Point); {
	case len(p.Geometry) == 0: // the outline of a natural area, which is not copied
		key := naturalCode(o.Extra)
		if _, known := im.places.natural[key]; !known {
			return false
		}
		was := *p
		im.places.putOn(p, key)
		return p.Commune != c || p.Department != d || p.Box != was.Box
	case err != nil:
		return false
	case is: // its box may be the square it stands for: it stays
		p.Commune, p.Department, _ = im.places.at(pt[0], pt[1])
	default:
		p.Commune, p.Department = 0, 0
		im.places.shape(p, g)
	}
	return p.Commune != c || p.Department != d
}

// moveAttached places what is attached to an area again, and brings the code of a commune
// that is no more to today's. What its producer blurred has no place to compute.
func (im *Importer) moveAttached(o *observation.Observation) bool {
	p := &o.Place
	if p.Georeference == observation.ByCommune {
		if _, current := im.places.numbers[p.Attached]; !current {
			if now, ok := im.places.former[p.Attached.Code()]; ok {
				if o.BlurredAtSource() {
					p.Attached, p.Commune = now, now
					return true
				}
				im.places.putOn(p, now)
				return true
			}
		}
	}
	if o.BlurredAtSource() {
		return false
	}
	got, _, found := im.places.attached(p.Attached)
	if !found || got.Box == p.Box && got.Commune == p.Commune && got.Department == p.Department && got.Lon == p.Lon && got.Lat == p.Lat {
		return false
	}
	im.places.putOn(p, p.Attached)
	return true
}

// naturalCode finds the natural area or the water body among the values a record is kept with,
// under the names of the standard.
func naturalCode(extra map[string]string) geo.AreaKey {
	var water geo.AreaKey
	for name, v := range extra {
		switch columnKey(name) {
		case "codeen":
			return geo.AdminKey(geo.NaturalArea, strings.ToUpper(v))
		case "codeme":
			water = geo.AdminKey(geo.WaterBody, strings.ToUpper(v))
		}
	}
	return water
}
