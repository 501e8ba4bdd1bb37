// Package atlas is the public store: a snapshot, one immutable file that is a valid
// GeoPackage, built from what may be published and from nothing else. It writes a snapshot
// (Builder), reads one (Atlas) and keeps a folder of them (Dir: swap, rollback).
//
// Nothing exact ever enters it: a Builder takes disclosure.Published only.
package atlas

import (
	"context"

	"github.com/paulmach/orb"

	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

// Atlas reads one snapshot. It is safe for concurrent use.
type Atlas struct{}

// Open opens the snapshot file at path, read-only.
func Open(path string) (*Atlas, error) { panic("not written yet") }

// Close releases the file.
func (a *Atlas) Close() error { panic("not written yet") }

// Meta describes the snapshot.
func (a *Atlas) Meta() *Meta { panic("not written yet") }

// Home returns the first page's content.
func (a *Atlas) Home(ctx context.Context) (*HomeSheet, error) { panic("not written yet") }

// Taxon returns the sheet of a taxon; NotFound when nothing of it is published.
func (a *Atlas) Taxon(ctx context.Context, cd taxon.CdRef) (*TaxonSheet, error) {
	panic("not written yet")
}

// Resolve returns the taxon a name code stands for; NotFound when the atlas has neither.
func (a *Atlas) Resolve(ctx context.Context, cd taxon.CdNom) (taxon.CdRef, error) {
	panic("not written yet")
}

// Taxa returns taxa below cd (0: all) that pass the filter, and how many there are.
func (a *Atlas) Taxa(ctx context.Context, under taxon.CdRef, f ListFilter) ([]TaxonRow, int, error) {
	panic("not written yet")
}

// Cells returns the disclosed areas of a taxon between two years, both included (0: no
// bound): mesh cells of ordinary observations (Reasons 0) and areas of blurred ones.
func (a *Atlas) Cells(ctx context.Context, cd taxon.CdRef, from, to int) ([]AreaCount, error) {
	panic("not written yet")
}

// TaxonAreas returns the areas of one kind a taxon is published in, most observations first.
func (a *Atlas) TaxonAreas(ctx context.Context, cd taxon.CdRef, kind geo.Kind) ([]AreaCount, error) {
	panic("not written yet")
}

// Area returns the sheet of an area; NotFound when the snapshot has no such area. An area
// without observations has a sheet with zeros.
func (a *Atlas) Area(ctx context.Context, key geo.AreaKey) (*AreaSheet, error) {
	panic("not written yet")
}

// AreaTaxa returns the species list of an area, its figures being those of the area, and
// how many there are.
func (a *Atlas) AreaTaxa(ctx context.Context, key geo.AreaKey, f ListFilter) ([]TaxonRow, int, error) {
	panic("not written yet")
}

// Areas lists the areas of one kind, by name, with their figures.
func (a *Atlas) Areas(ctx context.Context, kind geo.Kind, query string, offset, limit int) ([]AreaCount, int, error) {
	panic("not written yet")
}

// Outline returns an area's outline (WGS84), simplified for display.
func (a *Atlas) Outline(ctx context.Context, key geo.AreaKey) (orb.MultiPolygon, error) {
	panic("not written yet")
}

// Outlines calls f with every area of one kind that meets the box (a zero box: all).
func (a *Atlas) Outlines(ctx context.Context, kind geo.Kind, box orb.Bound, f func(key geo.AreaKey, name string, g orb.MultiPolygon) error) error {
	panic("not written yet")
}

// Search returns suggestions for what was typed, best first.
func (a *Atlas) Search(ctx context.Context, q string, limit int) ([]Hit, error) {
	panic("not written yet")
}
