package ingest

import (
	"context"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/paulmach/orb"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/vault"
)

// refFormer is the kind of a table of communes that are no more.
const refFormer = "communes-anciennes"

// formerColumns are the headers of the two shapes known, folded by refColumn: a table of
// passage (old code, code of a year) and INSEE's list of movements (COM_AV, COM_AP).
func formerColumns(t *refTable) (old, name, now string, ok bool) {
	switch {
	case t.has("comav", "comap"):
		return "comav", "libelleav", "comap", true
	case t.any("inseeancien", "codeancien", "anciencode"):
		for _, c := range []string{"inseeancien", "codeancien", "anciencode"} {
			if t.has(c) {
				old = c
			}
		}
	default:
		return "", "", "", false
	}
	year := ""
	for c := range t.cols {
		for _, base := range []string{"insee", "code"} {
			y := strings.TrimPrefix(c, base)
			if y != c && (len(y) == 4 && y > year || y == "actuel" || y == "nouveau") {
				if _, isYear := integer(y); isYear || len(y) != 4 {
					now, year = c, y
				}
			}
		}
	}
	for _, c := range []string{"nomancien", "libelleancien"} {
		if t.has(c) {
			name = c
		}
	}
	return old, name, now, now != ""
}

// formerCommunes loads communes that were merged, delegated or associated: each leads to the
// commune that holds its territory now, through as many mergers as there were. A code that
// leads to several communes (a commune parted in two) leads nowhere: it cannot be told which.
func (l *refLoader) formerCommunes(ctx context.Context) (vault.Reference, error) {
	t, err := l.open("")
	if err != nil {
		return vault.Reference{}, err
	}
	old, name, now, ok := formerColumns(t)
	if !ok {
		return vault.Reference{}, l.wrongKind(t)
	}
	leads, names, parted := map[string]string{}, map[string]string{}, map[string]bool{}
	for {
		err := t.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return vault.Reference{}, err
		}
		if after := t.get("typecomap"); after != "" && after != "COM" {
			continue // what becomes a delegated commune is told by the row of its new commune
		}
		from, to := adminKey(geo.Commune, t.get(old)), adminKey(geo.Commune, t.get(now))
		if from == 0 || to == 0 {
			return vault.Reference{}, t.bad(old, t.get(old)+" → "+t.get(now))
		}
		if from == to {
			continue
		}
		if before, twice := leads[from.Code()]; twice && before != to.Code() {
			parted[from.Code()] = true
		}
		leads[from.Code()], names[from.Code()] = to.Code(), t.get(name)
	}
	if len(leads) == 0 {
		return vault.Reference{}, l.wrongKind(t)
	}
	return l.db.PutAreas(ctx, l.ref, geo.FormerCommune, formerAreas(leads, names, parted))
}

func formerAreas(leads, names map[string]string, parted map[string]bool) iter.Seq2[geo.Area, error] {
	return func(yield func(geo.Area, error) bool) {
		for _, from := range slices.Sorted(maps.Keys(leads)) {
			to := leads[from]
			for range 10 { // mergers of mergers; more would be a circle
				next, more := leads[to]
				if !more || parted[to] {
					break
				}
				to = next
			}
			if parted[from] || to == from {
				continue
			}
			if _, circle := leads[to]; circle && !parted[to] {
				yield(geo.Area{}, fault.Say(fault.Invalid, "reference.file.circle", from))
				return
			}
			a := geo.Area{Key: geo.AdminKey(geo.FormerCommune, from), Name: names[from], Parent: geo.AdminKey(geo.Commune, to), Geometry: orb.MultiPolygon{}}
			if !yield(a, nil) {
				return
			}
		}
	}
}
