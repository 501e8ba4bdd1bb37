package ingest

import (
	"bufio"
	"compress/gzip"
	"context"
	"io"
	"iter"
	"regexp"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/vault"
)

// areas loads outlines. Cells of the national mesh need no file, since their outlines are
// arithmetic: given as such they are checked against it, given as communes they are
// refused with that explanation.
func (l *refLoader) areas(ctx context.Context) (_ vault.Reference, err error) {
	kind := l.o.AreaKind
	if kind == geo.NoKind {
		return vault.Reference{}, fault.Say(fault.Invalid, "reference.file.area_kind", l.name)
	}
	return l.db.PutAreas(ctx, l.ref, kind, l.areaRows(ctx))
}

// areaRows reads outlines.
func (l *refLoader) areaRows(ctx context.Context) iter.Seq2[geo.Area, error] {
	kind := l.o.AreaKind
	return func(yield func(geo.Area, error) bool) {
		r, done, err := l.text()
		if err != nil {
			yield(geo.Area{}, err)
			return
		}
		defer done()
		o := geo.ReadOptions{CRS: l.o.CRS}
		if kind == geo.Department {
			o.Above = l.onlyRegion(ctx)
		}
		for a, err := range checkCells(geo.ReadAreas(r, kind, o), l.name) {
			if !yield(a, err) || err != nil {
				return
			}
		}
	}
}

// text opens the file past its compression and makes sure that it is JSON.
func (l *refLoader) text() (io.Reader, func(), error) {
	r := bufio.NewReaderSize(io.NewSectionReader(l.file, 0, l.size), 64<<10)
	done := func() {}
	if head, _ := r.Peek(2); len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, nil, fault.Say(fault.Invalid, "reference.file.gzip", l.name).Because(err)
		}
		done = func() { z.Close() }
		r = bufio.NewReaderSize(z, 64<<10)
	}
	head, err := r.Peek(512)
	if err != nil && err != io.EOF {
		return nil, nil, fault.Say(fault.Invalid, "reference.file.gzip", l.name).Because(err)
	}
	if firstByte(head) != '{' {
		return nil, nil, fault.Say(fault.Invalid, "reference.file.expected_areas", l.name)
	}
	if isMesh(head) && l.o.AreaKind.Mesh() == 0 {
		return nil, nil, fault.Say(fault.Invalid, "reference.file.mesh", l.name)
	}
	return r, done, nil
}

var meshStart = regexp.MustCompile(`(?i)"(?:cd_sig|code_maille|code)"\s*:\s*"(?:\d+kmL93)?E\d{3,4}N\d{3,4}"`)

// isMesh reports whether the start of a collection is cells of the national mesh.
func isMesh(head []byte) bool { return meshStart.Match(head) }

// onlyRegion returns the region of the vault when there is just one: departments whose file
// does not tell are in it.
func (l *refLoader) onlyRegion(ctx context.Context) geo.AreaKey {
	regions, err := l.db.Areas(ctx, geo.Region)
	if err != nil || len(regions) != 1 {
		return 0
	}
	return regions[0].Key
}

// checkCells compares the outlines of cells with the arithmetic: a corner more than 30 m
// away (files round to the metre or to six decimals) is an error.
func checkCells(rows iter.Seq2[geo.Area, error], name string) iter.Seq2[geo.Area, error] {
	return func(yield func(geo.Area, error) bool) {
		for a, err := range rows {
			if m := a.Key.Kind().Mesh(); err == nil && m > 0 {
				e, n := a.Key.Corner()
				b := geo.BoxOf(a.Geometry)
				const near = 30
				for _, d := range []float64{b.MinX - float64(e)*1000, b.MinY - float64(n)*1000,
					b.MaxX - float64(e+m)*1000, b.MaxY - float64(n+m)*1000} {
					if d > near || d < -near {
						err = fault.Say(fault.Invalid, "reference.file.cell", name, a.Key.Code())
					}
				}
			}
			if !yield(a, err) || err != nil {
				return
			}
		}
	}
}
