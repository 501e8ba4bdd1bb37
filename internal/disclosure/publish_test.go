package disclosure

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"garrigue/internal/civil"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
)

// rect is an area of the invented territory, in metres.
type rect struct{ x0, y0, x1, y1 float64 }

func (r rect) holds(o rect) bool { return r.x0 <= o.x0 && r.y0 <= o.y0 && o.x1 <= r.x1 && o.y1 <= r.y1 }
func (r rect) surface() float64  { return (r.x1 - r.x0) * (r.y1 - r.y0) }

// world is the invented territory of testdata/book.md: communes are rectangles, so that a
// test can tell by itself which area holds which.
type world struct {
	areas map[geo.AreaKey]rect
	names map[string]geo.AreaKey
	order []geo.AreaKey
}

func newWorld() *world { return &world{areas: map[geo.AreaKey]rect{}, names: map[string]geo.AreaKey{}} }

func (w *world) add(k geo.AreaKey, r rect) {
	old, ok := w.areas[k]
	if ok { // a department or region grows with its communes
		r = rect{min(r.x0, old.x0), min(r.y0, old.y0), max(r.x1, old.x1), max(r.y1, old.y1)}
	} else {
		w.order = append(w.order, k)
	}
	w.areas[k] = r
}

func (w *world) rect(k geo.AreaKey) rect {
	if m := k.Kind().Mesh(); m > 0 {
		e, n := k.Corner()
		return rect{float64(e) * 1000, float64(n) * 1000, float64(e+m) * 1000, float64(n+m) * 1000}
	}
	return w.areas[k]
}

// means gives the mean surface of each kind of this territory.
func (w *world) means(k geo.Kind) float64 {
	sum, n := 0.0, 0.0
	for _, a := range w.order {
		if a.Kind() == k {
			sum, n = sum+w.areas[a].surface(), n+1
		}
	}
	return sum / max(n, 1)
}

// Containers lists the departments, the region, and for small cells the larger ones of the
// policies' meshes that wholly hold an area.
func (w *world) Containers(k geo.AreaKey) (out []geo.AreaKey) {
	r := w.rect(k)
	if m := k.Kind().Mesh(); m > 0 && m < 5 {
		for _, up := range []geo.Kind{geo.Cell2, geo.Cell5, geo.Cell10} {
			if c, ok := (geo.Box{MinX: r.x0, MinY: r.y0, MaxX: r.x1 - 1, MaxY: r.y1 - 1}).Cell(up); ok && up > k.Kind() {
				out = append(out, c)
			}
		}
	}
	for _, a := range w.order {
		if (k.Kind().Mesh() > 0 || a.Kind() > k.Kind()) && a.Kind() != geo.Commune && w.areas[a].holds(r) {
			out = append(out, a)
		}
	}
	slices.SortStableFunc(out, func(a, b geo.AreaKey) int { return rank(a) - rank(b) })
	return out
}

// rank puts cells before administrative areas, smaller ones first.
func rank(a geo.AreaKey) int {
	if a.Kind().Mesh() > 0 {
		return int(a.Kind())
	}
	return 100 + int(a.Kind())
}

// Departments lists the departments that an area meets.
func (w *world) Departments(k geo.AreaKey) []geo.AreaKey {
	if k == 0 {
		return w.meeting(rect{-1e9, -1e9, 1e9, 1e9})
	}
	if k.Kind() == geo.Commune || k.Kind() == geo.Department {
		r := w.areas[k] // a commune is in one department only, whose border it may touch
		k, _ := w.at(geo.Department, (r.x0+r.x1)/2, (r.y0+r.y1)/2)
		return []geo.AreaKey{k}
	}
	return w.meeting(w.rect(k))
}

// DepartmentsIn lists the departments that a box meets.
func (w *world) DepartmentsIn(b geo.Box) []geo.AreaKey {
	return w.meeting(rect{b.MinX, b.MinY, b.MaxX, b.MaxY})
}

func (w *world) meeting(r rect) (out []geo.AreaKey) {
	for _, a := range w.order {
		if a.Kind() == geo.Department && w.areas[a].meets(r) {
			out = append(out, a)
		}
	}
	return out
}

// meets reports whether two rectangles have a point in common, north and east sides being outside.
func (r rect) meets(o rect) bool {
	if o.x0 == o.x1 {
		o.x1 += 1e-3
	}
	if o.y0 == o.y1 {
		o.y1 += 1e-3
	}
	return r.x0 < o.x1 && o.x0 < r.x1 && r.y0 < o.y1 && o.y0 < r.y1
}

// Near reports whether b meets a, grown by a distance.
func (w *world) Near(a, b geo.AreaKey, metres float64) bool {
	r := w.rect(a)
	return w.rect(b).meets(rect{r.x0 - metres, r.y0 - metres, r.x1 + metres, r.y1 + metres})
}

// At returns the area of a kind that holds a point.
func (w *world) At(k geo.Kind, lon, lat float64) geo.AreaKey {
	x, y := geo.ToLambert93(lon, lat)
	a, _ := w.at(k, math.Round(x*1000)/1000, math.Round(y*1000)/1000)
	return a
}

func (w *world) at(k geo.Kind, x, y float64) (geo.AreaKey, bool) {
	if k.Mesh() > 0 {
		return geo.CellAt(k, x, y), true
	}
	for _, a := range w.order {
		if r := w.areas[a]; a.Kind() == k && r.x0 <= x && x < r.x1 && r.y0 <= y && y < r.y1 {
			return a, true
		}
	}
	return 0, false
}

func (w *world) place(r rect) observation.Place {
	p := observation.Place{Georeference: observation.ByGeometry,
		Box:         geo.Box{MinX: r.x0, MinY: r.y0, MaxX: r.x1, MaxY: r.y1},
		AltitudeMin: 120, AltitudeMax: 140, Name: "lieu-dit secret"}
	p.Lon, p.Lat = geo.FromLambert93((r.x0+r.x1)/2, (r.y0+r.y1)/2)
	for _, a := range w.order {
		in := w.areas[a]
		if in.holds(r) && r.x0 < in.x1 && r.y0 < in.y1 { // north and east sides are outside
			switch a.Kind() {
			case geo.Commune:
				p.Commune = a
			case geo.Department:
				p.Department = a
			}
		}
	}
	return p
}

// tables returns the rows of each Markdown table of a text, headers dropped.
func tables(text string) (out [][][]string) {
	in := false
	for _, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "|") {
			in = false
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if !in {
			out, in = append(out, nil), true
			continue
		}
		if strings.HasPrefix(cells[0], "--") {
			continue
		}
		out[len(out)-1] = append(out[len(out)-1], cells)
	}
	return out
}

type book struct {
	world *world
	rules *sensitivity.Book
	taxa  map[string]taxon.CdNom
	means map[geo.Kind]float64 // square metres
	cases [][]string
	fine  [][]string // cases with a mesh of 2 km
	group [][]string // grouping, and the columns of a case but the last two
	twins [][]string // cluster, slot, and the columns of a case
}

var bioStatus = map[string]string{"Reproduction": "3", "Hibernation": "4", "Pas de reproduction": "9"}
var behaviour = map[string]string{"Swarming": "7", "Passage en vol": "10"}
var lifeStage = map[string]string{"Adulte": "2", "Chenille": "7"}
var listIDs = map[string]string{"nationale": "N", "LR": "LR", "mailles": "M"}
var today, _ = civil.Make(2026, 11, 21)

func number(t testing.TB, s string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil {
		t.Fatalf("number %q in book.md", s)
	}
	return f
}

func readBook(t testing.TB) book {
	t.Helper()
	text, err := os.ReadFile("testdata/book.md")
	if err != nil {
		t.Fatal(err)
	}
	tb := tables(string(text))
	if len(tb) != 7 || len(tb[3]) < 40 || len(tb[4]) < 10 {
		t.Fatalf("book.md has %d tables", len(tb))
	}
	b := book{world: newWorld(), taxa: map[string]taxon.CdNom{}, means: map[geo.Kind]float64{}, cases: tb[3], fine: tb[4], group: tb[5], twins: tb[6]}
	for _, c := range tb[0] {
		k, ok := geo.ParseKind(c[0])
		if !ok {
			t.Fatalf("kind %q in book.md", c[0])
		}
		b.means[k] = number(t, c[1]) * 1e6
	}
	for _, c := range tb[1] {
		r := rect{number(t, c[3]) * 1000, number(t, c[4]) * 1000, number(t, c[5]) * 1000, number(t, c[6]) * 1000}
		if r.surface() != number(t, c[7])*1e6 {
			t.Errorf("%s: %v m² is not %s km²", c[0], r.surface(), c[7])
		}
		k := geo.AdminKey(geo.Commune, c[1])
		b.world.add(k, r)
		b.world.names[c[0]] = k
		b.world.add(geo.AdminKey(geo.Department, c[2]), r)
		b.world.add(geo.AdminKey(geo.Region, "76"), r)
	}
	var rules []sensitivity.Rule
	for _, c := range tb[2] {
		level, ok := sensitivity.ParseLevel(c[1])
		if !ok || listIDs[c[2]] == "" {
			t.Fatalf("rule of %s in book.md", c[0])
		}
		years, _ := strconv.Atoi(strings.TrimSuffix(c[4], " ans"))
		from, to, _ := strings.Cut(c[5], "-")
		r := sensitivity.Rule{List: listIDs[c[2]], CdNom: b.taxon(c[0]), Level: level, Department: c[3], Years: years,
			BioStatus: bioStatus[c[6]], Behaviour: behaviour[c[7]], LifeStage: lifeStage[c[8]], Condition: c[9]}
		if from != "" {
			r.From, r.To = int16(number(t, from)), int16(number(t, to))
		}
		rules = append(rules, r)
	}
	b.rules = sensitivity.NewBook([]sensitivity.List{{ID: "N"}, {ID: "LR", Region: "91"}, {ID: "M", Region: sensitivity.Apart}}, rules)
	return b
}

// mean is what Settled asks for.
func (b *book) mean(k geo.Kind) float64 { return b.means[k] }

// settled returns a policy on a mesh, settled or the test fails.
func settled(t testing.TB, p Policy, mesh geo.Kind, mean func(geo.Kind) float64) Policy {
	t.Helper()
	p.Mesh = mesh
	p, err := p.Settled(mean)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (b *book) taxon(name string) taxon.CdNom {
	if b.taxa[name] == 0 {
		b.taxa[name] = taxon.CdNom(1000 + len(b.taxa))
	}
	return b.taxa[name]
}

// area reads "commune 34001", "département 34", "région 76", "5 km E0710N6260".
func (b *book) area(t testing.TB, s string) geo.AreaKey {
	t.Helper()
	if k, ok := b.world.names[s]; ok {
		return k
	}
	kind, code, _ := strings.Cut(s, " ")
	switch kind {
	case "commune":
		return geo.AdminKey(geo.Commune, code)
	case "département":
		return geo.AdminKey(geo.Department, code)
	case "région":
		return geo.AdminKey(geo.Region, code)
	}
	km, _ := strconv.Atoi(kind)
	code = strings.TrimPrefix(code, "km ")
	var e, n int
	if _, err := fmt.Sscanf(code, "E%dN%d", &e, &n); err != nil || geo.CellKind(km) == 0 {
		t.Fatalf("area %q in book.md", s)
	}
	if km >= 10 {
		e, n = e*10, n*10
	}
	return geo.CellKey(geo.CellKind(km), e, n)
}

func (b *book) observation(t testing.TB, c []string) *observation.Observation {
	t.Helper()
	o := &observation.Observation{CdNom: b.taxon(c[0]), Presence: observation.Present, Public: c[4],
		Observers: "NOM Prénom", Comment: "sous le gros rocher", When: observation.Period{StartTime: "06:12"}}
	o.CdRef = taxon.CdRef(o.CdNom)
	for _, wish := range strings.Split(c[5], ", ") {
		if choice, ok := strings.CutPrefix(wish, "choix "); ok {
			o.Consent = choice
		} else if decided, ok := strings.CutPrefix(wish, "décision "); ok {
			o.Manual = true
			o.Sensitivity, _ = sensitivity.ParseLevel(decided)
		} else {
			o.Diffusion = wish
		}
	}
	switch where := c[1]; {
	case strings.HasPrefix(where, "rattachée à "):
		k := b.area(t, strings.TrimPrefix(where, "rattachée à "))
		r := b.world.rect(k)
		o.Place = b.world.place(r)
		o.Place.Attached = k
		o.Place.Georeference = map[geo.Kind]observation.Georeference{geo.Commune: observation.ByCommune,
			geo.Department: observation.ByDepartment}[k.Kind()]
		if k.Kind().Mesh() > 0 {
			o.Place.Georeference = observation.ByCell
		}
	case strings.HasPrefix(where, "floutée à "):
		o.Blurring = "OUI"
		for _, given := range strings.Split(strings.TrimPrefix(where, "floutée à "), ", ") {
			giveArea(&o.Place, b.area(t, given))
		}
	default:
		i := strings.IndexAny(where, "0123456789")
		from, to, box := strings.Cut(where[i:], " à ")
		if !box {
			to = from
		}
		x0, y0, _ := strings.Cut(from, ";")
		x1, y1, _ := strings.Cut(to, ";")
		o.Place = b.world.place(rect{number(t, x0) * 1000, number(t, y0) * 1000, number(t, x1) * 1000, number(t, y1) * 1000})
		if !box && b.world.names[strings.TrimSpace(where[:i])] != o.Place.Commune {
			t.Errorf("book.md: %s is in %v", where, o.Place.Commune)
		}
	}
	d, ok := civil.Parse(c[2])
	if !ok {
		t.Fatalf("date %q in book.md", c[2])
	}
	o.When.Start, o.When.End = d, d
	for _, s := range strings.Split(c[3], ", ") {
		o.BioStatus += bioStatus[s]
		o.Behaviour += behaviour[s]
		o.LifeStage += lifeStage[s]
	}
	if c[6] != "" {
		o.Place.Uncertainty = int(number(t, c[6]))
	}
	o.Validation = map[string]observation.Validation{"certain": 1, "douteux": 3, "invalide": 4}[c[7]]
	return o
}

// classed returns the observation of a case as publishing makes it: classed where it is, then raised to what its
// area asks for.
func (b *book) classed(t testing.TB, c []string, s *Spread) *observation.Observation {
	t.Helper()
	o := b.observation(t, c)
	r := s.Class(o)
	o.Sensitivity, o.SensList = r.Level, r.List
	s.Raise(o)
	return o
}

// spread returns what raises levels under a policy.
func (b *book) spread(p *Policy) *Spread {
	p.Today = today
	return NewSpread(b.rules, func(cd taxon.CdRef) []taxon.CdNom { return []taxon.CdNom{taxon.CdNom(cd)} }, p, b.world)
}

// giveArea adds an area that came with a record its producer blurred, the smallest layer first.
func giveArea(p *observation.Place, k geo.AreaKey) {
	p.AltitudeMin, p.AltitudeMax, p.Name = 120, 140, "lieu-dit secret"
	give := func(g observation.Georeference) {
		if p.Attached == 0 {
			p.Georeference, p.Attached = g, k
		}
	}
	switch k.Kind() {
	case geo.Commune:
		p.Commune = k
		give(observation.ByCommune)
	case geo.Department:
		p.Department = k
		give(observation.ByDepartment)
	default:
		give(observation.ByCell)
	}
}

func TestBook(t *testing.T) {
	b := readBook(t)
	for mesh, cases := range map[geo.Kind][][]string{geo.Cell5: b.cases, geo.Cell2: b.fine} {
		t.Run(mesh.String(), func(t *testing.T) { b.play(t, cases, settled(t, SINP(), mesh, b.mean)) })
	}
}

func (b *book) play(t *testing.T, cases [][]string, p Policy) {
	spread := b.spread(&p)
	for _, c := range cases {
		name := strings.Join(c[:8], " | ")
		if len(c) != 11 {
			t.Errorf("book.md: %d columns in %q", len(c), name)
			continue
		}
		got, ok := Publish(b.classed(t, c, spread), &p, b.world, Public)
		if c[8] == "rien" {
			if ok {
				t.Errorf("%s: shown at %v, must be withheld", name, got.Area)
			}
			continue
		}
		if !ok {
			t.Errorf("%s: withheld, must be shown at %s", name, c[8])
			continue
		}
		if want := b.area(t, c[8]); got.Area != want {
			t.Errorf("%s: shown at %v, want %v", name, got.Area, want)
		}
		var within []geo.AreaKey
		for _, s := range strings.Split(c[9], ", ") {
			if s != "" {
				within = append(within, b.area(t, s))
			}
		}
		if !slices.Equal(got.Within, within) {
			t.Errorf("%s: within %v, want %v", name, got.Within, within)
		}
		if r := reasonNames(got.Reasons); r != c[10] {
			t.Errorf("%s: reason %q, want %q", name, r, c[10])
		}
		if got.Blurred != (c[10] != "") || got.Blurred != (got.AltitudeMin == observation.NoAltitude) {
			t.Errorf("%s: blurred %v, altitude %d", name, got.Blurred, got.AltitudeMin)
		}
		if got.When.StartTime != "" {
			t.Errorf("%s: time of day shown", name)
		}
	}
}

// TestGroupsBook plays the groupings of the book: all members take the level that each of them, raised to
// it, still has.
func TestGroupsBook(t *testing.T) {
	b := readBook(t)
	p := settled(t, SINP(), geo.Cell5, b.mean)
	s := b.spread(&p)
	level, list := map[string]sensitivity.Level{}, map[string]string{}
	for range 3 {
		for _, c := range b.group {
			o := b.classed(t, c[1:], s)
			s.RaiseTo(o, level[c[0]], list[c[0]])
			if p.Rank(o.SensList, o.Sensitivity) > p.Rank(list[c[0]], level[c[0]]) {
				level[c[0]], list[c[0]] = o.Sensitivity, o.SensList
			}
		}
	}
	for _, c := range b.group {
		o := b.classed(t, c[1:], s)
		s.RaiseTo(o, level[c[0]], list[c[0]])
		got, ok := Publish(o, &p, b.world, Public)
		if !ok && c[9] != "rien" || ok && (c[9] == "rien" || got.Area != b.area(t, c[9])) {
			t.Errorf("grouping %s, %s: shown %v at %v, want %s", c[0], c[1], ok, got.Area, c[9])
		}
	}
}

func reasonNames(r Reason) string {
	var out []string
	for i, n := range []string{"sensible", "vœu", "nature", "incertitude"} {
		if r&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return strings.Join(out, ", ")
}

// TestWithheld: each way to be withheld, one at a time, from an observation that is shown.
func TestWithheld(t *testing.T) {
	b := readBook(t)
	for name, spoil := range map[string]func(*observation.Observation, *Policy){
		"absent":            func(o *observation.Observation, p *Policy) { o.Presence = observation.Absent },
		"presence unknown":  func(o *observation.Observation, p *Policy) { o.Presence = observation.PresenceUnknown },
		"held":              func(o *observation.Observation, p *Policy) { o.Held = observation.Unclassed },
		"no taxon":          func(o *observation.Observation, p *Policy) { o.CdRef = 0 },
		"doubtful":          func(o *observation.Observation, p *Policy) { o.Validation = observation.Doubtful },
		"invalid":           func(o *observation.Observation, p *Policy) { o.Validation = observation.Invalid },
		"unknown validity":  func(o *observation.Observation, p *Policy) { o.Validation = 9 },
		"computed level 4":  func(o *observation.Observation, p *Policy) { o.Sensitivity = 4 },
		"stated level 4":    func(o *observation.Observation, p *Policy) { o.StatedLevel = 4 },
		"level out of list": func(o *observation.Observation, p *Policy) { o.StatedLevel = 9 },
		"no diffusion":      func(o *observation.Observation, p *Policy) { o.Diffusion = "4" },
		"odd diffusion":     func(o *observation.Observation, p *Policy) { o.Public, o.Diffusion = "", "m02" },
		"no place":          func(o *observation.Observation, p *Policy) { o.Place = observation.Place{} },
		"no box":            func(o *observation.Observation, p *Policy) { o.Place.Box = geo.Box{} },
		"attached nowhere":  func(o *observation.Observation, p *Policy) { o.Place.Georeference = observation.ByCommune },
		"no policy version": func(o *observation.Observation, p *Policy) { p.Version = "" },
		"no mesh":           func(o *observation.Observation, p *Policy) { p.Mesh = geo.Commune },
		"not settled":       func(o *observation.Observation, p *Policy) { *p = SINP() },
		"another mesh":      func(o *observation.Observation, p *Policy) { p.Mesh = geo.Cell10 },
		"failed settlement": func(o *observation.Observation, p *Policy) { p.Levels[2] = nil; *p, _ = p.Settled(b.mean) },
	} {
		o, p := b.observation(t, b.cases[0]), settled(t, SINP(), geo.Cell5, b.mean)
		if _, ok := Publish(o, &p, b.world, Public); !ok {
			t.Fatal("the first case of the book is not shown")
		}
		spoil(o, &p)
		if got, ok := Publish(o, &p, b.world, Public); ok {
			t.Errorf("%s: shown at %v", name, got.Area)
		}
	}
	o := b.observation(t, b.cases[0])
	if _, ok := Publish(o, nil, b.world, Public); ok {
		t.Error("shown without a policy")
	}
	p := settled(t, SINP(), geo.Cell5, b.mean)
	if _, ok := Publish(o, &p, b.world, Public+1); ok {
		t.Error("shown to an audience without a rule")
	}
}

func TestPublishAllocates(t *testing.T) {
	b := readBook(t)
	p := settled(t, SINP(), geo.Cell5, b.mean)
	c := &fixed{}
	buf := make([]geo.AreaKey, 0, 8)
	for i, want := range map[int]int{0: 3, 25: 1} { // ordinary, sensitive
		o := b.classed(t, b.cases[i], b.spread(&p))
		if n := testing.AllocsPerRun(100, func() {
			if got, ok := PublishInto(buf, o, &p, c, Public); !ok || len(got.Within) != want {
				t.Fatalf("case %d: %+v", i, got)
			}
		}); n > 0 {
			t.Errorf("%v allocations for case %d", n, i)
		}
	}
}

// fixed is a territory that costs nothing, so that the benchmark measures the decision.
type fixed struct{ *world }

func (*fixed) Containers(a geo.AreaKey) []geo.AreaKey { return regions[:] }

var regions = [...]geo.AreaKey{geo.AdminKey(geo.Region, "76")}

func BenchmarkPublish(b *testing.B) {
	bk := readBook(b)
	p := settled(b, SINP(), geo.Cell5, bk.mean)
	for name, i := range map[string]int{"ordinary": 0, "sensitive": 25} {
		o := bk.classed(b, bk.cases[i], bk.spread(&p))
		buf := make([]geo.AreaKey, 0, 8)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			in := &fixed{}
			for b.Loop() {
				PublishInto(buf, o, &p, in, Public)
			}
		})
	}
}
