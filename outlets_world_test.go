package garrigue_test

import (
	"encoding/csv"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/google/uuid"
	"github.com/paulmach/orb"
	"pgregory.net/rapid"

	"garrigue/internal/atlas/atlastest"
	"garrigue/internal/civil"
	"garrigue/internal/consent"
	"garrigue/internal/dataset"
	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// The invented territories, taxa, lists and observations that the outlets are tried on: see
// outlets_test.go. A world is what the references say; many vaults are drawn in each.

// rectangle is an area of a world, in metres of Lambert-93, half-open like cells.
type rectangle struct{ x0, y0, x1, y1 float64 }

func (r rectangle) has(x, y float64) bool { return r.x0 <= x && x < r.x1 && r.y0 <= y && y < r.y1 }

// outline draws a rectangle with a vertex at every multiple of 2 km, so that straight lines of
// the projection stay straight and neighbours share their edge.
func (r rectangle) outline() orb.MultiPolygon {
	var ring orb.Ring
	side := func(x0, y0, x1, y1 float64) {
		ring = append(ring, lonLat(x0, y0))
		along := func(a, b float64, at func(float64) orb.Point) {
			for k := 1; k < 100; k++ {
				v := (float64(int(a/2000)) + float64(k)) * 2000
				if a > b {
					if v = (float64(int(a/2000)) - float64(k-1)) * 2000; v < a && v > b {
						ring = append(ring, at(v))
					}
				} else if v > a && v < b {
					ring = append(ring, at(v))
				}
			}
		}
		if y0 == y1 {
			along(x0, x1, func(v float64) orb.Point { return lonLat(v, y0) })
		} else {
			along(y0, y1, func(v float64) orb.Point { return lonLat(x0, v) })
		}
	}
	side(r.x0, r.y0, r.x1, r.y0)
	side(r.x1, r.y0, r.x1, r.y1)
	side(r.x1, r.y1, r.x0, r.y1)
	side(r.x0, r.y1, r.x0, r.y0)
	return orb.MultiPolygon{{append(ring, ring[0])}}
}

func lonLat(x, y float64) orb.Point {
	lon, lat := geo.FromLambert93(x, y)
	return orb.Point{lon, lat}
}

// world is a territory with its references and its policy.
type world struct {
	whole  rectangle
	at     map[geo.AreaKey]rectangle
	areas  []geo.Area
	in     *geo.Containment
	names  []taxon.Name
	seen   []taxon.CdNom // those that are observed
	taxa   *taxon.Taxonomy
	lists  []sensitivity.List
	rules  []sensitivity.Rule
	policy disclosure.Policy
	today  civil.Date
	parts  float64  // communes are cut until smaller than 3.3 times this, in km²
	people []string // observers, some of whom made a choice
	choice []consent.Choice
}

const worldRegion = "76"

// newWorld invents the world of a number: three departments whose borders cross the mesh, two of
// the former region 91 and one of 73, some twenty communes; lists of the nation, of both regions;
// a policy.
func newWorld(t testing.TB, number int) *world {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(number), 2026))
	w := &world{at: map[geo.AreaKey]rectangle{}, names: worldNames()}
	w.seen = observed(w.names)
	w.today, _ = civil.Parse("2026-11-21")
	x0, y0 := 700_000+float64(r.IntN(10_000)), 6_300_000+float64(r.IntN(10_000))
	w.whole = rectangle{x0, y0, x0 + 26_000 + float64(r.IntN(16_000)), y0 + 24_000 + float64(r.IntN(12_000))}
	w.parts = 45
	if number%5 == 3 { // departments larger than any cell, as real ones
		w.whole.x1, w.whole.y1, w.parts = x0+110_000+float64(r.IntN(30_000)), y0+90_000+float64(r.IntN(20_000)), 200
	}
	region := geo.AdminKey(geo.Region, worldRegion)
	w.add(region, 0, w.whole)
	cut, west := between(r, w.whole.x0, w.whole.x1), w.whole
	west.x1 = cut
	south, north := w.whole, w.whole
	south.x0, north.x0 = cut, cut
	south.y1 = between(r, w.whole.y0, w.whole.y1)
	north.y0 = south.y1
	for i, d := range []rectangle{west, south, north} {
		key := geo.AdminKey(geo.Department, []string{"34", "30", "81"}[i])
		w.add(key, region, d)
		n := 0
		w.communes(r, key, d, &n)
	}
	w.in = geo.NewContainment(w.areas)
	var err error
	if w.taxa, err = taxon.NewTaxonomy(each(w.names), gone(w.names)); err != nil {
		t.Fatal(err)
	}
	w.invent(r)
	w.policy = drawPolicy(r)
	if w.parts > 100 {
		w.policy.Mesh = geo.Cell10 // a snapshot has a sheet for each cell there is
	}
	w.policy.Today = w.today
	return w
}

func (w *world) add(key, parent geo.AreaKey, r rectangle) {
	w.at[key] = r
	w.areas = append(w.areas, geo.Area{Key: key, Name: "Zone " + key.Code(), Parent: parent, Geometry: r.outline(),
		Surface: (r.x1 - r.x0) * (r.y1 - r.y0)})
}

func between(r *rand.Rand, a, b float64) float64 {
	return float64(int(a + (0.3+0.4*r.Float64())*(b-a)))
}

// communes cuts a department into communes of 15 to 150 km², or 60 to 600.
func (w *world) communes(r *rand.Rand, department geo.AreaKey, a rectangle, n *int) {
	if s := (a.x1 - a.x0) * (a.y1 - a.y0) / 1e6; s < w.parts || s < w.parts*3.3 && r.IntN(2) == 0 {
		*n++
		w.add(geo.AdminKey(geo.Commune, fmt.Sprintf("%s%03d", department.Code(), *n)), department, a)
		return
	}
	one, other := a, a
	if a.x1-a.x0 > a.y1-a.y0 {
		one.x1 = between(r, a.x0, a.x1)
		other.x0 = one.x1
	} else {
		one.y1 = between(r, a.y0, a.y1)
		other.y0 = one.y1
	}
	w.communes(r, department, one, n)
	w.communes(r, department, other, n)
}

// worldNames is the small TAXREF with codes of its own: a taxonomy keeps a table as long as its
// highest code, and thousands are made.
func worldNames() []taxon.Name {
	names := atlastest.Names()
	code := map[taxon.CdNom]taxon.CdNom{0: 0}
	for i, n := range names {
		code[n.CdNom] = taxon.CdNom(firstCode + i)
	}
	for i := range names {
		n := &names[i]
		n.CdNom, n.CdRef, n.Parent = code[n.CdNom], taxon.CdRef(code[taxon.CdNom(n.CdRef)]), code[n.Parent]
	}
	return names
}

const (
	firstCode     = 101
	withdrawnCode = 99 // of the first species
)

// observed returns the taxa that are seen: species, subspecies, a genus, a synonym, a code that
// was withdrawn.
func observed(names []taxon.Name) []taxon.CdNom {
	out := []taxon.CdNom{withdrawnCode}
	for _, n := range names {
		switch n.Rank {
		case taxon.Species, taxon.Subspecies, taxon.Genus:
			out = append(out, n.CdNom)
		}
	}
	return out
}

// gone is the code that was withdrawn.
func gone(names []taxon.Name) []taxon.Withdrawn {
	for _, n := range names {
		if n.Rank == taxon.Species {
			return []taxon.Withdrawn{{CdNom: withdrawnCode, Replacement: n.CdNom}}
		}
	}
	return nil
}

// invent makes the lists and the observers.
func (w *world) invent(r *rand.Rand) {
	w.lists = []sensitivity.List{{ID: "9", Name: "nationale"}, {ID: "16", Name: "ex Languedoc-Roussillon", Region: "91"}}
	if r.IntN(2) == 0 {
		w.lists = append(w.lists, sensitivity.List{ID: "14", Name: "ex Midi-Pyrénées", Region: "73"})
	}
	if r.IntN(3) == 0 {
		w.lists = append(w.lists, sensitivity.List{ID: "77", Name: "du parc", Region: sensitivity.Apart})
	}
	levels := []sensitivity.Level{1, 1, 2, 2, 3, 3, 4, sensitivity.Km4, sensitivity.Km25, sensitivity.Km100, sensitivity.Km400, sensitivity.Km2500, sensitivity.NotShown}
	named := slices.Clone(w.seen)
	for _, n := range w.names {
		if n.Rank == taxon.Class || n.Rank == taxon.Order || n.Rank == taxon.Family {
			named = append(named, n.CdNom)
		}
	}
	for range 10 + r.IntN(14) {
		rule := sensitivity.Rule{List: pick(r, w.lists).ID, CdNom: pick(r, named), Level: pick(r, levels)}
		switch r.IntN(8) {
		case 0, 1, 2:
			rule.Department = pick(r, []string{"34", "30", "81"})
		case 3:
			rule.Area = pick(r, w.areas).Key
		}
		switch r.IntN(6) {
		case 0:
			rule.From, rule.To = 1101, 228
		case 1:
			rule.From, rule.To = 301, 731
		}
		switch r.IntN(8) {
		case 0:
			rule.Years = 10
		case 1:
			rule.BioStatus = "3"
		case 2:
			rule.LifeStage = "3"
		case 3:
			rule.Behaviour = "7"
		case 4:
			rule.Condition = "gîtes et nids"
		}
		w.rules = append(w.rules, rule)
	}
	day, _ := civil.Parse("2020-03-01")
	for i := range 300 {
		name := fmt.Sprintf("FICTIF Personne%d", i)
		w.people = append(w.people, name)
		if p := r.IntN(12); p < 6 {
			w.choice = append(w.choice, consent.Choice{Explicit: true, Observer: name, Upto: consent.Precision(strconv.Itoa(p)), Date: day})
		}
	}
}

func drawPolicy(r *rand.Rand) disclosure.Policy {
	p := disclosure.SINP()
	switch r.IntN(4) {
	case 0:
		p = disclosure.MeshOnly()
	case 1: // a platform's own, whose levels are not each coarser than the former
		p.Version = "essai"
		p.Levels = [5][]geo.Kind{0: {geo.Cell10, geo.Department}, 1: {geo.Department, geo.Cell10}, 2: {geo.Cell10, geo.Cell20}, 3: {geo.Cell20, geo.Department}}
		p.Scale = []disclosure.LevelRule{{List: "16", Level: 1, Kinds: []geo.Kind{geo.Commune, geo.Department}}, {Level: sensitivity.Km400, Kinds: []geo.Kind{geo.Department}}}
	}
	p.Mesh = pick(r, []geo.Kind{geo.Cell5, geo.Cell5, geo.Cell2, geo.Cell10})
	return p
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func each[T any](list []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range list {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// fill puts the references into an empty vault.
func (w *world) fill(t testing.TB, db *vault.DB) {
	t.Helper()
	ctx := t.Context()
	must := func(_ vault.Reference, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ref := func(kind, name string) vault.Reference {
		return vault.Reference{Kind: kind, Name: name, Version: "v17", SHA256: kind + name}
	}
	must(db.PutTaxref(ctx, ref("taxref", "taxref"), each(w.names)))
	must(db.PutWithdrawn(ctx, ref("withdrawn", "withdrawn"), each(gone(w.names))))
	must(db.PutStatuses(ctx, ref("statuses", "statuses"), each([]taxon.Status{{CdRef: w.names[20].CdRef, Type: "LRN", Code: "VU", Label: "Vulnérable"}})))
	must(db.PutSensitivity(ctx, ref("sensitivity", "lists"), w.lists, each(w.rules)))
	for _, k := range []geo.Kind{geo.Commune, geo.Department, geo.Region} {
		var some []geo.Area
		for _, a := range w.areas {
			if a.Key.Kind() == k {
				some = append(some, a)
			}
		}
		must(db.PutAreas(ctx, ref("areas", k.String()), k, each(some)))
	}
	for i := range 3 { // so that a vault whose first rows are missing numbers them alike
		if _, err := db.EnsureDataset(ctx, dataset.Dataset{Name: fmt.Sprintf("jeu %d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.RecordChoices(ctx, w.choice...); err != nil {
		t.Fatal(err)
	}
}

// holder returns the area of a kind that holds a point, 0 outside.
func (w *world) holder(k geo.Kind, x, y float64) geo.AreaKey {
	if k.Mesh() > 0 {
		return geo.CellAt(k, x, y)
	}
	for i := range w.areas {
		if key := w.areas[i].Key; key.Kind() == k && w.at[key].has(x, y) {
			return key
		}
	}
	return 0
}

// rect returns the part of an area that is in the territory.
func (w *world) rect(a geo.AreaKey) rectangle {
	r, ok := w.at[a]
	if m := float64(a.Kind().Mesh()) * 1000; !ok && m > 0 {
		e, n := a.Corner()
		r = rectangle{float64(e) * 1000, float64(n) * 1000, float64(e)*1000 + m, float64(n)*1000 + m}
	}
	return rectangle{max(r.x0, w.whole.x0), max(r.y0, w.whole.y0), min(r.x1, w.whole.x1), min(r.y1, w.whole.y1)}
}

// sighting is an observation as its producer writes it.
type sighting struct {
	Key      string
	Dataset  int
	Twin     int // the index of the one it is a copy of, its own otherwise
	Group    int // of a grouping, 0 none
	Taxon    taxon.CdNom
	Date     string
	Support  string // point, shape, commune, department, cell1…; or given, blurred at source
	Given    []geo.Kind
	X, Y     float64 // where it is: the point, the centre, a point of the area it is attached to
	W, H     float64 // of a shape
	Nature   string
	Radius   int
	Public   string
	Wish     string
	Stated   string
	Presence string
	Valid    string
	Status   string
	Stage    string
	Conduct  string
	Observer string
	Numbers  uint64 // what hours and counts are made of
	// Around is what the fields that go with the place are made of: its name, altitude, comment.
	Around uint64
}

// sightings draws the observations of a vault.
func (w *world) sightings() *rapid.Generator[[]sighting] {
	return rapid.Custom(func(t *rapid.T) []sighting { return drawSightings(t, w) })
}

func drawSightings(t *rapid.T, w *world) []sighting {
	n := min(rapid.IntRange(5, 60).Draw(t, "observations"), rapid.IntRange(5, 60).Draw(t, "or fewer"))
	list := make([]sighting, 0, n)
	for i := range n {
		if i > 0 && rapid.IntRange(0, 6).Draw(t, "twin") == 6 {
			list = append(list, drawTwin(t, w, list, i))
			continue
		}
		list = append(list, drawSighting(t, w, i))
	}
	return list
}

func oneOf[T any](t *rapid.T, label string, list ...T) T {
	return rapid.SampledFrom(list).Draw(t, label)
}

func drawSighting(t *rapid.T, w *world, i int) sighting {
	s := sighting{Key: fmt.Sprintf("k%d", i), Twin: i, Observer: w.people[i], Numbers: rapid.Uint64Range(0, 1000).Draw(t, "numbers"), Around: rapid.Uint64Range(0, 1<<20).Draw(t, "around")}
	s.Dataset = rapid.IntRange(0, 2).Draw(t, "dataset")
	s.Taxon = rapid.SampledFrom(w.seen).Draw(t, "taxon")
	s.Date = oneOf(t, "date", "2025-05-12", "2025-05-13", "2024-12-24", "2010-01-09", "2025-05", "2024", "2019-07-31")
	s.Group = max(0, rapid.IntRange(-6, 2).Draw(t, "grouping"))
	s.X, s.Y = drawSpot(t, w)
	drawSupport(t, w, &s)
	s.Public = oneOf(t, "public", "Pu", "Pu", "Pu", "Pr", "Pr", "NSP")
	s.Wish = oneOf(t, "wish", "", "", "", "", "0", "1", "2", "3", "4", "5")
	s.Stated = oneOf(t, "stated", "", "", "", "", "", "1", "2", "3", "4")
	s.Presence = oneOf(t, "presence", "Pr", "Pr", "Pr", "Pr", "Pr", "Pr", "Pr", "No")
	s.Valid = oneOf(t, "validation", "", "1", "2", "1", "2", "3", "4", "5")
	s.Status = oneOf(t, "status", "", "3", "9", "3", "9", "1")
	s.Stage = oneOf(t, "stage", "", "2", "3", "2")
	s.Conduct = oneOf(t, "behaviour", "", "7", "6", "6")
	return s
}

// drawSpot draws a point of the territory: anywhere, or within 60 m of a border or of a corner of the mesh.
func drawSpot(t *rapid.T, w *world) (x, y float64) {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "spot"), 1))
	x = w.whole.x0 + r.Float64()*(w.whole.x1-w.whole.x0)
	y = w.whole.y0 + r.Float64()*(w.whole.y1-w.whole.y0)
	near := func(v float64) float64 { return v - 60 + float64(r.IntN(120)) }
	switch rapid.IntRange(0, 3).Draw(t, "where") {
	case 2:
		a := w.at[w.areas[r.IntN(len(w.areas))].Key]
		x, y = near(pick(r, []float64{a.x0, a.x1, x})), near(pick(r, []float64{a.y0, a.y1, y}))
	case 3:
		x, y = near(float64(int(x/5000))*5000), near(float64(int(y/5000))*5000)
	}
	clamp := func(v, a, b float64) float64 { return min(max(float64(int(v)), a+2), b-2) }
	return clamp(x, w.whole.x0, w.whole.x1), clamp(y, w.whole.y0, w.whole.y1)
}

func drawSupport(t *rapid.T, w *world, s *sighting) {
	s.Nature = oneOf(t, "nature", "St", "In", "NSP")
	switch rapid.IntRange(0, 7).Draw(t, "support") {
	default:
		s.Support = "point"
		s.Radius = oneOf(t, "radius", 0, 0, 0, 25, 400, 2000, 6000)
	case 5:
		s.Support = "shape"
		s.W = float64(oneOf(t, "width", 30, 400, 3000, 9000))
		s.H = float64(oneOf(t, "height", 30, 400, 3000))
	case 6:
		s.Support = oneOf(t, "attached", "commune", "commune", "department", "cell1", "cell2", "cell5", "cell10")
	case 7:
		s.Support = "given"
		for _, k := range []geo.Kind{oneOf(t, "cell", geo.NoKind, geo.Cell2, geo.Cell5, geo.Cell10), oneOf(t, "given commune", geo.NoKind, geo.Commune), oneOf(t, "given department", geo.NoKind, geo.Department)} {
			if k != geo.NoKind {
				s.Given = append(s.Given, k)
			}
		}
		if len(s.Given) == 0 {
			s.Given = []geo.Kind{geo.Department}
		}
	}
}

// drawTwin draws what comes by another road, or once more by the same: the place as the
// first has it, or an area that holds it; other wishes and doubts.
func drawTwin(t *rapid.T, w *world, list []sighting, i int) sighting {
	of := list[rapid.IntRange(0, i-1).Draw(t, "of")]
	s := drawSighting(t, w, i)
	s.Twin, s.Taxon, s.Date, s.Presence, s.Observer = of.Twin, of.Taxon, of.Date, of.Presence, of.Observer
	s.X, s.Y = of.X, of.Y
	s.Numbers = of.Numbers + rapid.Uint64Range(0, 1).Draw(t, "same numbers")
	if rapid.Bool().Draw(t, "same place") {
		s.Support, s.Given, s.W, s.H, s.Nature = of.Support, of.Given, of.W, of.H, of.Nature
	}
	return s
}

var sightingColumns = []string{"idSINPOccTax", "idOrigine", "jddNom", "organismeGestionnaireDonnee", "statutObservation", "nomCite", "cdNom",
	"dateDebut", "dateFin", "heureDebut", "heureFin", "observateur", "altitudeMin", "altitudeMax", "nomLieu", "commentaire", "denombrementMin",
	"denombrementMax", "objetDenombrement", "typeDenombrement", "occStadeDeVie", "occStatutBiologique", "occComportement", "dSPublique",
	"diffusionNiveauPrecision", "dEEFloutage", "sensiNiveau", "nivVal", "geometrie", "natureObjetGeo", "precision", "codeCommune",
	"typeInfoGeoCommune", "codeDepartement", "typeInfoGeoDepartement", "codeMaille", "typeInfoGeoMaille", "idSINPRegroupement", "typeRegroupement"}

// row writes a sighting in the columns of the standard.
func (w *world) row(s *sighting) []string {
	f := map[string]string{"idSINPOccTax": uuid.NewSHA1(uuid.NameSpaceOID, []byte(s.Key)).String(), "idOrigine": s.Key,
		"jddNom": fmt.Sprintf("jeu %d", s.Dataset), "organismeGestionnaireDonnee": []string{"LPO Essai", "CEN Essai", "Parc d’essai"}[s.Dataset],
		"statutObservation": s.Presence, "nomCite": "cité " + s.Key, "cdNom": strconv.Itoa(int(s.Taxon)), "dateDebut": s.Date, "dateFin": s.Date,
		"observateur": s.Observer, "occStatutBiologique": s.Status, "occStadeDeVie": s.Stage, "occComportement": s.Conduct, "dSPublique": s.Public,
		"diffusionNiveauPrecision": s.Wish, "sensiNiveau": s.Stated, "nivVal": s.Valid, "natureObjetGeo": s.Nature}
	f["nomLieu"], f["commentaire"] = fmt.Sprintf("Mas secret %d", s.Around), fmt.Sprintf("sous le rocher %d", s.Around)
	f["altitudeMin"] = strconv.FormatUint(s.Around%1800, 10)
	f["altitudeMax"] = strconv.FormatUint(s.Around%1800+s.Around%37, 10)
	if len(s.Date) == 10 {
		f["heureDebut"] = fmt.Sprintf("%02d:15", s.Numbers%24)
	}
	f["denombrementMin"], f["denombrementMax"] = strconv.FormatUint(s.Numbers%5+1, 10), strconv.FormatUint(s.Numbers%5+3, 10)
	f["objetDenombrement"], f["typeDenombrement"] = "IND", "Co"
	if s.Radius > 0 {
		f["precision"] = strconv.Itoa(s.Radius)
	}
	if s.Group > 0 {
		f["idSINPRegroupement"], f["typeRegroupement"] = uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, "group", s.Group)).String(), "OBS"
	}
	w.place(f, s)
	line := make([]string, len(sightingColumns))
	for i, c := range sightingColumns {
		line[i] = f[c]
	}
	return line
}

func (w *world) place(f map[string]string, s *sighting) {
	attach := func(k geo.AreaKey, info string) {
		column := map[geo.Kind]string{geo.Commune: "Commune", geo.Department: "Departement"}[k.Kind()]
		if column == "" {
			column = "Maille"
		}
		f["code"+column], f["typeInfoGeo"+column] = k.Code(), info
	}
	switch s.Support {
	case "point":
		p := lonLat(s.X, s.Y)
		f["geometrie"] = fmt.Sprintf("POINT(%.7f %.7f)", p[0], p[1])
	case "shape":
		at := func(x, y float64) string { p := lonLat(x, y); return fmt.Sprintf("%.7f %.7f", p[0], p[1]) }
		x0, y0, x1, y1 := s.X-s.W/2, s.Y-s.H/2, s.X+s.W/2, s.Y+s.H/2
		f["geometrie"] = fmt.Sprintf("POLYGON((%s, %s, %s, %s, %s))", at(x0, y0), at(x1, y0), at(x1, y1), at(x0, y1), at(x0, y0))
	case "given":
		f["dEEFloutage"], f["natureObjetGeo"] = "OUI", "NSP"
		for _, k := range s.Given {
			attach(w.holder(k, s.X, s.Y), "2")
		}
	default:
		k, _ := geo.ParseKind(s.Support)
		f["natureObjetGeo"] = "NSP"
		attach(w.holder(k, s.X, s.Y), "1")
	}
}

// write makes the file of a vault's observations.
func (w *world) write(t fails, path string, list []sighting) {
	t.Helper()
	f, err := os.Create(path)
	must0(t, err)
	defer f.Close()
	c := csv.NewWriter(f)
	c.Comma = ';'
	lines := [][]string{sightingColumns}
	for i := range list {
		lines = append(lines, w.row(&list[i]))
	}
	must0(t, c.WriteAll(lines))
}
