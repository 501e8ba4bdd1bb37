package atlas

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"garrigue/internal/civil"
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

// makeHeads makes the short form of every taxon, but for its figures, and says in which group it
// is counted.
func (s *snapshot) makeHeads() {
	s.heads, s.group = make([]TaxonHead, len(s.nodes)), make([]int, len(s.nodes))
	numbers := map[string]int{}
	for i, g := range taxon.Groups() {
		numbers[g.Slug] = i
	}
	s.statuses = s.statusesOf()
	for i := range s.nodes {
		nd, h := &s.nodes[i], &s.heads[i]
		h.CdRef, h.Rank = nd.name.CdRef, nd.name.Rank
		h.ScientificName, h.Author = nd.name.ScientificName, nd.name.Author
		h.Vernacular = taxon.PrimaryVernacular(nd.name.Vernacular)
		h.VernacularEN = taxon.PrimaryVernacular(nd.name.VernacularEN)
		h.Group = taxon.GroupOf(&nd.name)
		list := s.statuses[h.CdRef]
		if b, ok := taxon.Badge(list); ok {
			h.RedList, h.RedListOf = b.Code, b.Type
			h.Threatened = taxon.Threatened(b.Code)
		}
		h.Protected = taxon.Protected(list)
		h.Sensitive = s.refs.Sensitive(h.CdRef)
		g, ok := numbers[h.Group]
		if !ok {
			g = len(numbers)
		}
		s.group[i] = g
	}
	tallies := make([]groupTally, len(s.zones)*(len(numbers)+1))
	for i := range s.zones {
		s.zones[i].groups, tallies = tallies[:len(numbers)+1], tallies[len(numbers)+1:]
	}
}

// headFigures tells the short forms what was counted.
func (s *snapshot) headFigures() {
	for i := range s.nodes {
		nd, h := &s.nodes[i], &s.heads[i]
		h.Observations, h.FirstYear, h.LastYear = int(nd.n), int(nd.first), int(nd.last)
		for k, n := range nd.days {
			h.TenDays[k] = int(n)
		}
	}
}

// addGroup counts a species in the groups of an area.
func (s *snapshot) addGroup(z *zone, node int32, n uint32) {
	g, h := &z.groups[s.group[node]], &s.heads[node]
	g.species++
	g.n += int(n)
	if h.Protected {
		g.protected++
		z.protected++
	}
	if h.Threatened {
		z.threatened++
	}
}

func (s *snapshot) writeTaxa(w *writer, heads []TaxonHead) {
	row, sheet := w.insert("taxon", 21), w.insert("taxon_sheet", 5)
	month, alt, status := w.insert("month", 14), w.insert("altitude", 5), w.insert("status", 10)
	statuses := s.statuses
	all := s.allAltitudes()
	altID, statusID := 0, 0
	inOrder(len(s.nodes), func(i int) jsonText {
		if !s.nodes[i].shown() {
			return jsonText{}
		}
		return toJSON(s.taxonSheet(int32(i), &heads[i], statuses[heads[i].CdRef], all))
	}, func(i int, text jsonText) {
		nd, h := &s.nodes[i], &heads[i]
		if !nd.shown() {
			return
		}
		w.fail(text.err)
		cd := int(h.CdRef)
		parent := 0
		if nd.parent >= 0 {
			parent = int(s.nodes[nd.parent].name.CdRef)
		}
		w.row(row, cd, parent, string(h.Rank), h.ScientificName, h.Author, h.Vernacular, h.VernacularEN, h.Group,
			nd.species, nd.nspecies, h.Observations, h.FirstYear, h.LastYear, h.RedList, h.RedListOf,
			h.Protected, h.Threatened, h.Sensitive, joinInts(h.TenDays[:]), nd.cubeFrom, nd.cubeTo)
		w.row(sheet, cd, text.text, nd.cells, nd.zones, nd.cube)
		args := []int64{int64(cd)}
		for _, n := range nd.months {
			args = append(args, int64(n))
		}
		w.ints(month, append(args, int64(nd.undated))...)
		for k, n := range nd.altitudes {
			if n > 0 {
				altID++
				from := int64(altitudeFirst + k*altitudeStep)
				w.ints(alt, int64(altID), int64(cd), from, from+altitudeStep, int64(n))
			}
		}
		for _, st := range statuses[h.CdRef] {
			statusID++
			w.row(status, statusID, cd, st.Type, labelOf(&st), st.Code, st.Label, st.Territory, st.Remark, st.Citation, st.URL)
		}
		if i%256 == 0 {
			s.progress("publish.step.taxa", int64(i), int64(len(s.nodes)))
		}
	})
}

// jsonText is a sheet on its way to the file.
type jsonText struct {
	text string
	err  error
}

func toJSON(v any) jsonText {
	b, err := json.Marshal(v)
	return jsonText{string(b), err}
}

func labelOf(st *taxon.Status) string {
	if st.TypeLabel != "" {
		return st.TypeLabel
	}
	return taxon.StatusTypeLabel(st.Type)
}

func joinInts(v []int) string {
	b := make([]byte, 0, 3*len(v))
	for i, n := range v {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(n), 10)
	}
	return string(b)
}

// slotTallies sums a cube over years.
func slotTallies(out []areaTally, cube []cubeRow) []areaTally {
	for _, c := range cube {
		if k := len(out) - 1; k >= 0 && out[k].area == c.area() && out[k].reasons == c.reasons() {
			out[k].n += c.n()
			out[k].last = c.year()
			continue
		}
		out = append(out, areaTally{area: c.area(), reasons: c.reasons(), n: c.n(), first: c.year(), last: c.year()})
	}
	return out
}

// allAltitudes sums the classes over every observation.
func (s *snapshot) allAltitudes() []uint32 {
	var all []uint32
	for _, a := range s.altitudes {
		all = addAltitudes(all, a)
	}
	return all
}

func (s *snapshot) taxonSheet(i int32, h *TaxonHead, statuses []taxon.Status, all []uint32) *TaxonSheet {
	nd := &s.nodes[i]
	sh := &TaxonSheet{TaxonHead: *h, Vernaculars: taxon.Vernaculars(nd.name.Vernacular),
		VernacularsEN: taxon.Vernaculars(nd.name.VernacularEN), Habitat: nd.name.Habitat, StatusFR: nd.name.StatusFR,
		Undated: int(nd.undated), Lists: s.refs.Listings(h.CdRef)}
	if !nd.species && nd.unit {
		sh.Species = nd.nspecies
	}
	for _, st := range s.refs.Taxonomy.Classification(h.CdRef) {
		c := Crumb{CdRef: st.CdRef, Rank: st.Rank, Name: st.Name, Vernacular: st.Vernacular}
		if k, ok := s.nodeOf[st.CdRef]; ok && st.CdRef != 0 {
			c.Observations = int(s.nodes[k].n)
		}
		sh.Classification = append(sh.Classification, c)
	}
	for _, c := range nd.children {
		if ch := &s.nodes[c]; ch.n > 0 {
			sh.Children = append(sh.Children, Crumb{CdRef: ch.name.CdRef, Rank: ch.name.Rank, Name: ch.name.ScientificName,
				Vernacular: taxon.PrimaryVernacular(ch.name.Vernacular), Observations: int(ch.n)})
		}
	}
	slices.SortStableFunc(sh.Children, func(a, b Crumb) int {
		return cmp.Or(cmp.Compare(b.Observations, a.Observations), cmp.Compare(a.CdRef, b.CdRef))
	})
	for _, nom := range s.refs.Taxonomy.Synonyms(h.CdRef) {
		if syn, ok := s.refs.Taxonomy.Name(nom); ok && syn.ScientificName != h.ScientificName &&
			!slices.Contains(sh.Synonyms, syn.ScientificName) {
			sh.Synonyms = append(sh.Synonyms, syn.ScientificName)
		}
	}
	for _, st := range statuses {
		sh.Statuses = append(sh.Statuses, StatusRow{Type: st.Type, TypeLabel: labelOf(&st), Code: st.Code, Value: st.Label,
			Territory: st.Territory, Remark: st.Remark, Citation: st.Citation, URL: st.URL})
	}
	s.taxonFigures(sh, nd, all)
	return sh
}

// taxonFigures fills the counts of a sheet.
func (s *snapshot) taxonFigures(sh *TaxonSheet, nd *node, all []uint32) {
	for k, n := range nd.months {
		sh.Months[k] = int(n)
	}
	sh.LastDate = nd.lastDate()
	for _, y := range nd.years {
		sh.Years = append(sh.Years, YearCount{int(y.year), int(y.n)})
	}
	sh.Altitude, sh.AltKnown = altitudes(nd.altitudes, all)
	sh.Blurred = nd.blurred
	sh.Departments, sh.Communes = []AreaCount{}, []AreaCount{}
	// What this very run packed cannot be broken.
	_ = eachTally(nd.zones, func(t areaTally) {
		row := func() AreaCount {
			z := &s.zones[t.area]
			return AreaCount{Area: z.Key, Name: z.Name, N: int(t.n), First: int(t.first), Last: int(t.last)}
		}
		switch s.kinds[t.area] {
		case geo.Department:
			sh.Departments = append(sh.Departments, row())
		case geo.Commune:
			sh.CommuneCount++
			// Most of the thousands are seen at a glance not to be among the richest.
			if n := len(sh.Communes); n < maxCommunes || int(t.n) >= sh.Communes[n-1].N {
				sh.Communes = insertBest(sh.Communes, row(), maxCommunes, richest)
			}
		}
	})
	slices.SortFunc(sh.Departments, richest)
	sh.Organisations = s.organisations(nd.orgs)
}

// lastDate is the date of the latest observation as finely as it is known: to the day, or to the
// month as blurred ones are; "" when only its year is. A day tells more than its own month.
func (nd *node) lastDate() string {
	last := nd.lastSeen
	if nd.lastMonth != 0 {
		y, m, _ := nd.lastMonth.day().Civil()
		if y2, m2, _ := last.day().Civil(); last == 0 || y2 < y || y2 == y && m2 < m {
			last = nd.lastMonth
		}
	}
	switch {
	case last == 0 || yearOf(last.day()) < nd.last:
		return ""
	case last.precision() == toMonth:
		return last.day().String()[:len("2024-05")]
	}
	return last.day().String()
}

// Communes told on a taxon's sheet.
const maxCommunes = 20

// insertBest puts v in its place in a sorted list of at most n.
func insertBest[T any](list []T, v T, n int, order func(a, b T) int) []T {
	if len(list) == n && order(list[n-1], v) <= 0 {
		return list
	}
	k, _ := slices.BinarySearchFunc(list, v, order)
	list = slices.Insert(list, k, v)
	return list[:min(len(list), n)]
}

func richest(a, b AreaCount) int {
	return cmp.Or(cmp.Compare(b.N, a.N), strings.Compare(a.Name, b.Name), cmp.Compare(a.Area, b.Area))
}

// altitudes makes the classes of a chart: from the lowest to the highest class in which
// anything was observed, whatever the taxon, so that charts of all taxa compare.
func altitudes(own, all []uint32) (out []AltitudeClass, known int) {
	if own == nil {
		return nil, 0
	}
	lo, hi := -1, -1
	for k, n := range all {
		if n > 0 {
			if lo < 0 {
				lo = k
			}
			hi = k
		}
	}
	for k := lo; k <= hi; k++ {
		from := altitudeFirst + k*altitudeStep
		out = append(out, AltitudeClass{From: from, To: from + altitudeStep, N: int(own[k]), All: int(all[k])})
		known += int(own[k])
	}
	return out, known
}

func (s *snapshot) organisations(list []orgTally) []Count {
	out := make([]Count, 0, len(list))
	for _, o := range list {
		out = append(out, Count{Name: s.names[o.org], N: int(o.n), First: int(o.first), Last: int(o.last)})
	}
	slices.SortFunc(out, func(a, b Count) int { return cmp.Or(cmp.Compare(b.N, a.N), strings.Compare(a.Name, b.Name)) })
	return out
}

// areaRow is what is computed of an area before it is written.
type areaRow struct {
	geom, cells, taxa []byte
	jsonText
}

func (s *snapshot) areaRow(i int32, heads []TaxonHead, means map[geo.Kind][]float64) (r areaRow) {
	z := &s.zones[i]
	if r.geom, r.err = gpkgBlob(z.Geometry); r.err != nil {
		return r
	}
	var cells packer
	cells.uint(uint64(len(z.cells)))
	prev := int32(0)
	for _, c := range z.cells {
		cells.uint(uint64(c - prev))
		prev = c
	}
	taxa := packer{make([]byte, 0, len(z.taxa)+4)}
	taxa.uint(uint64(z.species))
	r.cells, r.taxa = cells.b, append(taxa.b, z.taxa...)
	r.jsonText = toJSON(s.areaSheet(i, heads, means))
	return r
}

func (s *snapshot) writeAreas(w *writer, heads []TaxonHead) {
	row, sheet, list := w.insert("area", 15), w.insert("area_sheet", 4), w.insert("area_taxon", 6)
	means := s.groupMeans()
	id := int64(0)
	inOrder(len(s.zones), func(i int) areaRow { return s.areaRow(int32(i), heads, means) }, func(i int, r areaRow) {
		z := &s.zones[i]
		w.fail(r.err)
		parent := ""
		if z.Parent != 0 {
			parent = z.Parent.Code()
		}
		from := id + 1
		if z.Key.Kind().Mesh() == 0 { // of cells, the cube tells as much
			s.eachSpecies(z, func(_ int32, t taxonTally) {
				id++
				w.ints(list, id, int64(i)+1, int64(t.cd), int64(t.n), int64(t.first), int64(t.last))
			})
		}
		first, last := z.span()
		w.row(row, i+1, r.geom, z.Key.Kind().String(), z.Key.Code(), z.Name, parent, z.Surface,
			int(z.n), z.species, first, last, int64(z.Key), int64(z.Parent), from, id)
		w.row(sheet, i+1, r.text, r.cells, r.taxa)
		if i%128 == 0 {
			s.progress("publish.step.areas", int64(i), int64(len(s.zones)))
		}
	})
}

// span returns the first and last year, zeros when nothing was seen.
func (z *zone) span() (first, last int) {
	if z.n == 0 {
		return 0, 0
	}
	return z.first.Year(), z.last.Year()
}

// groupMeans returns, for each kind of area and group, the mean number of species in the
// areas of that kind where anything was published.
func (s *snapshot) groupMeans() map[geo.Kind][]float64 {
	areas := map[geo.Kind]float64{}
	out := map[geo.Kind][]float64{}
	for i := range s.zones {
		z := &s.zones[i]
		kind := z.Key.Kind()
		if z.n > 0 {
			areas[kind]++
		}
		if out[kind] == nil {
			out[kind] = make([]float64, len(z.groups))
		}
		for g, t := range z.groups {
			out[kind][g] += float64(t.species)
		}
	}
	for kind, groups := range out {
		for g := range groups {
			groups[g] /= areas[kind]
		}
	}
	return out
}

func (s *snapshot) areaSheet(i int32, heads []TaxonHead, means map[geo.Kind][]float64) *AreaSheet {
	z := &s.zones[i]
	b := z.Geometry.Bound()
	first, last := z.span()
	sh := &AreaSheet{Area: z.Key, Name: z.Name, Parent: z.Parent, ParentName: z.parentName, Surface: z.Surface,
		Bound:        [4]float64{b.Min[0], b.Min[1], b.Max[0], b.Max[1]},
		Observations: int(z.n), Taxa: z.species, Protected: z.protected, Threatened: z.threatened,
		FirstYear: first, LastYear: last, Groups: []GroupCount{}, Years: []YearCount{}, Organisations: []Count{}}
	for g, group := range taxon.Groups() {
		t, mean := z.groups[g], 0
		if m := means[z.Key.Kind()][g]; m > 0 {
			mean = int(m + 0.5)
		}
		if t.species > 0 || mean > 0 {
			sh.Groups = append(sh.Groups, GroupCount{Slug: group.Slug, Taxa: t.species, Observations: t.n, Protected: t.protected, Mean: mean})
		}
	}
	for _, k := range z.neighbours {
		sh.Neighbours = append(sh.Neighbours, s.areaCount(k))
	}
	for _, e := range z.newest {
		sh.Recent = append(sh.Recent, z.localHead(e, heads))
	}
	for _, y := range s.yearTallies(z.years) {
		sh.Years = append(sh.Years, YearCount{int(y.year), int(y.n)})
	}
	var orgs []orgTally
	for _, o := range slices.Sorted(maps.Keys(z.orgs)) {
		orgs = append(orgs, orgTally{o, z.orgs[o]})
	}
	sh.Organisations = s.organisations(orgs)
	return sh
}

func (s *snapshot) areaCount(i int32) AreaCount {
	z := &s.zones[i]
	first, last := z.span()
	return AreaCount{Area: z.Key, Name: z.Name, N: int(z.n), First: first, Last: last, Taxa: z.species}
}

// localHead is a taxon with the figures of an area.
func (z *zone) localHead(e entry, heads []TaxonHead) TaxonHead {
	h := heads[e.node]
	h.Observations, h.FirstYear, h.LastYear = int(e.n), e.first.Year(), e.last.Year()
	h.TenDays = [36]int{}
	u := unpacker{b: z.taxa[e.daysAt : e.daysAt+uint32(e.daysLen)]}
	unpackDays(&u, &h.TenDays)
	return h
}

// placeName names where a record is shown: its commune when ordinary and inside one, else
// the area itself or the smallest administrative one that holds it.
func (s *snapshot) placeName(r record) (geo.AreaKey, string) {
	at := &s.place[r.place()]
	shown := s.zones[at.areas[0]].Key
	if at.reasons != 0 {
		return shown, s.zones[at.areas[0]].Name
	}
	for _, kind := range []geo.Kind{geo.Commune, geo.Department, geo.Region} {
		for _, z := range at.areas {
			if s.zones[z].Key.Kind() == kind {
				return shown, s.zones[z].Name
			}
		}
	}
	return shown, s.zones[at.areas[0]].Name
}

func (s *snapshot) latest(r record, h *TaxonHead) Latest {
	key, name := s.placeName(r)
	return Latest{TaxonHead: *h, Date: civil.Date(r.day()).String(), Area: key, Place: name}
}
