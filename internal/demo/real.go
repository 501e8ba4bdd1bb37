package demo

import (
	"cmp"
	"compress/gzip"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/paulmach/orb"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/tabular"
)

// realTaxa is how many taxa are observed on real references.
const realTaxa = 16_600

// findReferences lists the files of a directory of real references by their usual names.
// Outlines come first: statuses are kept for the territories that are loaded.
func findReferences(dir string) ([]Reference, error) {
	patterns := []struct {
		kind string
		area geo.Kind
		glob string
	}{
		{"areas", geo.Region, "region*.geojson*"},
		{"areas", geo.Department, "departements*.geojson*"},
		{"areas", geo.Commune, "communes*.geojson*"},
		{"taxref", geo.NoKind, "[Tt][Aa][Xx][Rr][Ee][Ff]*noms-valides*"},
		{"taxref", geo.NoKind, "TAXREF*"},
		{"taxref", geo.NoKind, "taxref-noms-francais*"},
		{"taxref", geo.NoKind, "*cdnom-disparus*"},
		{"statuses", geo.NoKind, "statuts-nationaux*"},
		{"statuses", geo.NoKind, "statuts-regionaux*"},
		{"statuses", geo.NoKind, "liste-rouge*"},
		{"statuses", geo.NoKind, "[Bb][Dd][Cc]_*"},
		{"sensitivity", geo.NoKind, "especes-sensibles-2*"},
		{"sensitivity", geo.NoKind, "RefSensibilite*"},
	}
	var refs []Reference
	for _, p := range patterns {
		paths, err := filepath.Glob(filepath.Join(dir, p.glob))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			refs = append(refs, Reference{p.kind, p.area, path})
		}
	}
	for _, need := range []Reference{{"taxref", geo.NoKind, ""}, {"areas", geo.Commune, ""}} {
		if !slices.ContainsFunc(refs, func(r Reference) bool { return r.Kind == need.Kind && r.Area == need.Area }) {
			return nil, fault.Say(fault.Invalid, "demo.reference."+need.Kind, dir)
		}
	}
	return refs, nil
}

// realWorld makes a world of real communes and taxa.
func realWorld(dir string) (*world, error) {
	refs, err := findReferences(dir)
	if err != nil {
		return nil, err
	}
	w := &world{genera: map[string]int32{}}
	var names []string
	for _, r := range refs {
		switch {
		case r.Area == geo.Commune:
			if err := w.readCommunes(r.Path); err != nil {
				return nil, err
			}
		case r.Kind == "taxref":
			names = append(names, r.Path)
		}
	}
	return w, w.readTaxa(names[0])
}

// readCommunes gives each commune a dozen discs that lie wholly inside it.
func (w *world) readCommunes(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return err
		}
	}
	var weight []float64
	c := newChance(6, 6)
	for a, err := range geo.ReadAreas(r, geo.Commune, geo.ReadOptions{}) {
		if err != nil {
			return err
		}
		k := int32(len(w.communes))
		w.communes = append(w.communes, place{a.Key.Code(), a.Name, a.Parent.Code()})
		visited := math.Exp(0.9*c.normal()) * math.Sqrt(a.Surface)
		first := len(w.sites)
		for range 200 {
			if len(w.sites)-first == 12 {
				break
			}
			if s, ok := discIn(a.Geometry, c); ok {
				s.commune = k
				w.sites = append(w.sites, s)
				weight = append(weight, visited*math.Exp(0.8*c.normal()))
			}
		}
	}
	w.pools[anywhere] = w.pool(weight)
	return nil
}

// discIn tries a random point of a shape's box; ok when it is inside and at least 60 m from
// the border.
func discIn(mp orb.MultiPolygon, c *chance) (s site, ok bool) {
	b := mp.Bound()
	s = site{lon: c.between(b.Min[0], b.Max[0]), lat: c.between(b.Min[1], b.Max[1]), alt: noHeight}
	s.perLon = perLat / math.Cos(s.lat*math.Pi/180)
	in, border := false, math.Inf(1)
	for _, pg := range mp {
		for _, ring := range pg {
			for i := 1; i < len(ring); i++ {
				ax, ay := (ring[i-1][0]-s.lon)/s.perLon, (ring[i-1][1]-s.lat)/perLat
				bx, by := (ring[i][0]-s.lon)/s.perLon, (ring[i][1]-s.lat)/perLat
				if (ay > 0) != (by > 0) && 0 < ax-ay/(by-ay)*(bx-ax) {
					in = !in
				}
				dx, dy := bx-ax, by-ay
				t := 0.0
				if l := dx*dx + dy*dy; l > 0 {
					t = max(0, min(1, -(ax*dx+ay*dy)/l))
				}
				border = min(border, math.Hypot(ax+t*dx, ay+t*dy))
			}
		}
	}
	s.radius = min(900, border*0.95)
	s.x, s.y = s.lon*80, s.lat*111
	return s, in && border > 60
}

// popular is how often a group is noted, compared with the others.
var popular = [groups]float64{birds: 60, mammals: 12, bats: 8, herps: 20, fish: 4, butterflies: 2.2, dragonflies: 12, insects: 0.7,
	spiders: 1, shells: 1.5, plants: 1.6, mosses: 0.6, fungi: 0.7}

// readTaxa draws the taxa observed, frequent ones first by a power law.
func (w *world) readTaxa(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	t, err := tabular.Open(f, info.Size(), filepath.Base(path), tabular.Options{})
	if err != nil {
		return err
	}
	column := map[string]int{}
	for i, h := range t.Header() {
		column[strings.ToUpper(h)] = i
	}
	type drawn struct {
		species
		luck float64
	}
	var all []drawn
	for {
		row, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		get := func(name string) string {
			if i, ok := column[name]; ok && i < len(row.Fields) {
				return strings.Clone(row.Fields[i]) // rows share a buffer
			}
			return ""
		}
		rank := get("RANG")
		cd, err := strconv.Atoi(get("CD_NOM"))
		if err != nil || get("CD_NOM") != get("CD_REF") || (rank != "ES" && rank != "SSES") {
			continue
		}
		e := entry{kingdom: get("REGNE"), order: get("ORDRE"), group1: get("GROUP1_INPN"), group2: get("GROUP2_INPN")}
		s := species{cdNom: int32(cd), name: get("LB_NOM"), group: groupOf(&e)}
		s.habitats[anywhere] = 1
		luck := newChance(uint64(cd), 9).float() / popular[s.group]
		all = append(all, drawn{s, luck})
	}
	if len(all) == 0 {
		return fault.Say(fault.Invalid, "demo.reference.taxref", filepath.Dir(path))
	}
	slices.SortFunc(all, func(a, b drawn) int { return cmp.Or(cmp.Compare(a.luck, b.luck), cmp.Compare(a.cdNom, b.cdNom)) })
	calendars := map[string]*calendar{}
	for i := range min(len(all), realTaxa) {
		s := all[i].species
		s.frequency = 60_000 / math.Pow(float64(i)+30, 0.85) // surveys raise it to 1.25
		s.high = 5000
		season := "Rp" + strconv.Itoa(1+int(s.cdNom)%12)
		if s.group != birds && s.group != mammals && s.group != mosses {
			season = strconv.Itoa(2+int(s.cdNom)%3) + "-" + strconv.Itoa(8+int(s.cdNom)%4)
		}
		if calendars[season] == nil {
			if calendars[season], err = newCalendar(season); err != nil {
				return err
			}
		}
		s.calendar = calendars[season]
		w.species = append(w.species, s)
	}
	return nil
}
