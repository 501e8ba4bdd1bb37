package publish

import (
	"cmp"
	"context"
	"os"
	"slices"
	"time"

	"garrigue/internal/atlas"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// Difference is what a proposal would change. Its lists hold the first names only, their
// counts all of them.
type Difference struct {
	Read     int `json:"read"`
	Shown    int `json:"shown"`    // now
	WouldBe  int `json:"would_be"` // shown
	Relevels int `json:"relevelled"`
	Effects
	Levels      []LevelChange  `json:"levels"` // most frequent first
	TaxaCount   int            `json:"taxa_count"`
	Taxa        []TaxonEffect  `json:"taxa"`
	Departments []AreaEffect   `json:"departments"`
	Pages       PagesChanged   `json:"pages"`
	Given       GivenPrecisely `json:"given"`
}

// Effects counts observations by what becomes of them in public.
type Effects struct {
	Finer    int `json:"finer"`    // shown in a smaller kind of area
	Coarser  int `json:"coarser"`  // in a larger one, or in the same one alone
	Withheld int `json:"withheld"` // shown now, and no longer
	Restored int `json:"restored"` // not shown now
	Dated    int `json:"dated"`    // in the same area, with a date told otherwise
}

// Any reports whether something changes.
func (e *Effects) Any() bool { return *e != Effects{} }

func (e *Effects) total() int { return e.Finer + e.Coarser + e.Withheld + e.Restored + e.Dated }

// LevelChange counts observations that go from a level to another, the strictest of the
// computed and the stated one, as it holds over the area they are shown in.
type LevelChange struct {
	From     string `json:"from"`
	FromList string `json:"from_list,omitempty"`
	To       string `json:"to"`
	ToList   string `json:"to_list,omitempty"`
	N        int    `json:"n"`
}

// TaxonEffect is what becomes of the observations of a taxon.
type TaxonEffect struct {
	CdRef    taxon.CdRef `json:"cd_ref"`
	Name     string      `json:"name"`
	Relevels int         `json:"relevelled"`
	Effects
}

// AreaEffect is what becomes of the observations made in a department.
type AreaEffect struct {
	Code string `json:"code,omitempty"` // "" for those in several, or in none that is known
	Name string `json:"name,omitempty"`
	Effects
}

// PagesChanged are the public pages whose content would be another.
type PagesChanged struct {
	Species     PageList `json:"species"`
	Communes    PageList `json:"communes"`
	Departments PageList `json:"departments"`
	Cells       PageList `json:"cells"`
}

// PageList names pages, by name.
type PageList struct {
	Count int      `json:"count"`
	First []string `json:"first"`
}

// GivenPrecisely is what was already given more precisely than the proposal would allow.
type GivenPrecisely struct {
	Snapshots     []SnapshotAtOdds `json:"snapshots"`
	ReadingsCount int              `json:"readings_count"`
	Readings      []ReadingAtOdds  `json:"readings"` // newest first
}

// SnapshotAtOdds is a snapshot kept that shows more.
type SnapshotAtOdds struct {
	ID    string `json:"id"`
	Built string `json:"built"`
	// Observations is how many it shows more precisely, at least: some of one taxon in one area
	// cannot be told from others that may stay there.
	Observations int `json:"observations"`
	Taxa         int `json:"taxa"`
}

// ReadingAtOdds is a reading of exact observations by somebody, as the journal has it.
type ReadingAtOdds struct {
	At     time.Time `json:"at"`
	Who    string    `json:"who"`
	Reason string    `json:"reason"`
	Rows   int       `json:"rows"`
}

// taxonAt is a taxon at a disclosed area.
type taxonAt struct {
	taxon taxon.CdRef
	area  geo.AreaKey
}

// comparison gathers a Difference. Names are looked up at the end.
type comparison struct {
	refs    *atlas.References
	surface func(geo.Kind) float64
	out     Difference
	levels  map[LevelChange]int
	taxa    map[taxon.CdRef]*TaxonEffect
	deps    map[geo.AreaKey]*Effects
	species map[taxon.CdRef]bool
	areas   map[geo.AreaKey]bool
	lost    map[taxonAt]int // observations that would be shown there no longer, coarser or not at all
	kept    map[taxonAt]int // that would
}

func newComparison(refs *atlas.References) *comparison {
	mean := disclosure.MeanSurfaces(refs.Areas)
	return &comparison{refs: refs, levels: map[LevelChange]int{}, taxa: map[taxon.CdRef]*TaxonEffect{}, deps: map[geo.AreaKey]*Effects{},
		species: map[taxon.CdRef]bool{}, areas: map[geo.AreaKey]bool{}, lost: map[taxonAt]int{}, kept: map[taxonAt]int{},
		surface: func(k geo.Kind) float64 {
			if m := float64(k.Mesh()) * 1000; m > 0 {
				return m * m
			}
			return mean(k)
		}}
}

// effect counts what becomes of one observation.
func (c *comparison) effect(e *Effects, now, then *view) {
	switch {
	case !now.shown && !then.shown:
	case !now.shown:
		e.Restored++
	case !then.shown:
		e.Withheld++
	default:
		a, b := c.surface(now.Area.Kind()), c.surface(then.Area.Kind())
		switch {
		case b > a, b == a && then.Blurred && !now.Blurred, b == a && then.Area != now.Area:
			e.Coarser++
		case b < a, now.Blurred && !then.Blurred:
			e.Finer++
		case now.When != then.When:
			e.Dated++
		}
	}
}

// add compares what the two worlds make of one observation.
func (c *comparison) add(o *observation.Observation, now, then *view) {
	c.out.Read++
	if now.shown {
		c.out.Shown++
	}
	if then.shown {
		c.out.WouldBe++
		c.kept[taxonAt{c.sheet(then.CdRef), then.Area}]++
	}
	moved := now.level != then.level
	if moved {
		c.out.Relevels++
		c.levels[LevelChange{From: now.level.String(), FromList: listOf(now), To: then.level.String(), ToList: listOf(then)}]++
	}
	var e Effects
	c.effect(&e, now, then)
	if !moved && !e.Any() {
		return
	}
	t := c.taxa[o.CdRef]
	if t == nil {
		t = &TaxonEffect{CdRef: o.CdRef}
		c.taxa[o.CdRef] = t
	}
	if moved {
		t.Relevels++
	}
	if !e.Any() {
		return
	}
	t.add(&e)
	c.out.add(&e)
	d := c.deps[o.Place.Department]
	if d == nil {
		d = &Effects{}
		c.deps[o.Place.Department] = d
	}
	d.add(&e)
	c.pages(now, then)
	if e.Coarser+e.Withheld > 0 {
		c.lost[taxonAt{c.sheet(now.CdRef), now.Area}]++
	}
}

func listOf(v *view) string {
	if v.level == 0 {
		return ""
	}
	return v.list
}

func (e *Effects) add(o *Effects) {
	e.Finer, e.Coarser, e.Withheld, e.Restored, e.Dated = e.Finer+o.Finer, e.Coarser+o.Coarser, e.Withheld+o.Withheld, e.Restored+o.Restored, e.Dated+o.Dated
}

// sheet returns the taxon on whose sheet an observation is counted first: its species, or itself
// when it is known less finely.
func (c *comparison) sheet(cd taxon.CdRef) taxon.CdRef {
	if sp, ok := c.refs.Taxonomy.SpeciesOf(cd); ok {
		return sp
	}
	return cd
}

// pages notes the sheets an observation leaves, enters or is told otherwise on.
func (c *comparison) pages(now, then *view) {
	cd := now.CdRef
	if !now.shown {
		cd = then.CdRef
	}
	c.species[c.sheet(cd)] = true
	dated := now.shown && then.shown && now.When != then.When
	visit := func(v, other *view) {
		if !v.shown {
			return
		}
		in := func(a geo.AreaKey) bool {
			return !dated && other.shown && (other.Area == a || slices.Contains(other.Within, a))
		}
		if !in(v.Area) {
			c.areas[v.Area] = true
		}
		for _, a := range v.Within {
			if a != 0 && !in(a) {
				c.areas[a] = true
			}
		}
	}
	visit(now, then)
	visit(then, now)
}

// difference puts names on what was counted.
func (c *comparison) difference(limit int) *Difference {
	d := &c.out
	for l, n := range c.levels {
		l.N = n
		d.Levels = append(d.Levels, l)
	}
	slices.SortFunc(d.Levels, func(a, b LevelChange) int {
		return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.FromList, b.FromList), cmp.Compare(a.ToList, b.ToList))
	})
	for _, t := range c.taxa {
		if n, ok := c.refs.Taxonomy.Valid(t.CdRef); ok {
			t.Name = n.ScientificName
		}
		d.Taxa = append(d.Taxa, *t)
	}
	slices.SortFunc(d.Taxa, func(a, b TaxonEffect) int {
		return cmp.Or(cmp.Compare(b.total(), a.total()), cmp.Compare(b.Relevels, a.Relevels), cmp.Compare(a.CdRef, b.CdRef))
	})
	names := map[geo.AreaKey]string{}
	for i := range c.refs.Areas {
		names[c.refs.Areas[i].Key] = c.refs.Areas[i].Name
	}
	for k, e := range c.deps {
		d.Departments = append(d.Departments, AreaEffect{k.Code(), names[k], *e})
	}
	slices.SortFunc(d.Departments, func(a, b AreaEffect) int { return cmp.Compare(a.Code, b.Code) })
	var species []string
	for cd := range c.species {
		if n, ok := c.refs.Taxonomy.Valid(cd); ok {
			species = append(species, n.ScientificName)
		}
	}
	lists := map[geo.Kind][]string{}
	for a := range c.areas {
		k, name := a.Kind(), names[a]
		if k.Mesh() > 0 {
			k, name = geo.Cell1, a.Code() // cells of any size together
		}
		lists[k] = append(lists[k], name)
	}
	d.Pages = PagesChanged{pageList(species, limit), pageList(lists[geo.Commune], limit), pageList(lists[geo.Department], limit), pageList(lists[geo.Cell1], limit)}
	d.Levels, d.TaxaCount, d.Taxa = most(d.Levels, limit), len(d.Taxa), most(d.Taxa, limit)
	d.Departments = most(d.Departments, 0)
	return d
}

// most cuts a list, and makes one that was never begun an empty one.
func most[T any](list []T, limit int) []T {
	if limit > 0 && len(list) > limit {
		list = list[:limit]
	}
	return append([]T{}, list...)
}

func pageList(names []string, limit int) PageList {
	slices.Sort(names)
	return PageList{len(names), most(names, limit)}
}

// contradicted looks for what was already given more precisely: by the snapshots kept, whose
// cubes are compared with what would be shown, and by readings of exact observations.
func (d *Difference) contradicted(ctx context.Context, o *Options, db *vault.DB, c *comparison, limit int) error {
	d.Given = GivenPrecisely{Snapshots: []SnapshotAtOdds{}, Readings: []ReadingAtOdds{}}
	if len(c.lost) == 0 {
		return nil
	}
	if _, err := os.Stat(o.Dir); err != nil { // nothing was ever published: nothing is made either
		return d.readings(ctx, db, limit)
	}
	dir, err := atlas.OpenDir(o.Dir)
	if err != nil {
		return err
	}
	ids, err := dir.List()
	if err != nil {
		return err
	}
	by := map[taxon.CdRef][]geo.AreaKey{}
	for s := range c.lost {
		by[s.taxon] = append(by[s.taxon], s.area)
	}
	for i, id := range ids {
		o.Progress("policy.step.snapshots", int64(i), int64(len(ids)))
		s, err := c.atOdds(ctx, dir, id, by)
		if err != nil {
			return err
		}
		if s.Observations > 0 {
			d.Given.Snapshots = append(d.Given.Snapshots, s)
		}
	}
	return d.readings(ctx, db, limit)
}

// atOdds counts what a snapshot shows more precisely than would be.
func (c *comparison) atOdds(ctx context.Context, dir *atlas.Dir, id string, by map[taxon.CdRef][]geo.AreaKey) (out SnapshotAtOdds, err error) {
	a, err := atlas.Open(dir.Path(id))
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid) { // of another format: it can no longer be served
		return out, nil
	}
	if err != nil {
		return out, err
	}
	defer a.Close()
	out.ID, out.Built = id, a.Meta().Built
	for cd, areas := range by {
		shown, err := a.Disclosed(ctx, cd)
		if err != nil {
			return out, err
		}
		more := 0
		for _, k := range areas {
			s := taxonAt{cd, k}
			more += max(min(shown[k]-c.kept[s], c.lost[s]), 0)
		}
		if more > 0 {
			out.Observations, out.Taxa = out.Observations+more, out.Taxa+1
		}
	}
	return out, nil
}

// readings lists what the journal has of exact observations given to somebody, newest first.
func (d *Difference) readings(ctx context.Context, db *vault.DB, limit int) error {
	all, err := db.Journal(ctx, 0)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.Fields == vault.Complete.String() && a.Rows > 0 && !isJob(a.Who) {
			d.Given.Readings = append(d.Given.Readings, ReadingAtOdds{a.Started, a.Who, a.Reason, a.Rows})
		}
	}
	d.Given.ReadingsCount, d.Given.Readings = len(d.Given.Readings), most(d.Given.Readings, limit)
	return nil
}

// isJob reports whether a reading of the journal is the program's own, which gave nothing to
// anybody.
func isJob(who string) bool {
	switch who {
	case "ingest", "publish", "policy", "audit", "garrigue vault copy":
		return true
	}
	return false
}
