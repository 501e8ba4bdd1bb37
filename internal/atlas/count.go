package atlas

import (
	"cmp"
	"context"
	"math"
	"runtime"
	"slices"

	"github.com/paulmach/orb"

	"garrigue/internal/civil"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

// snapshot is a Builder being finished: everything renumbered in a fixed order, so that the
// same observations give the same file whatever order they came in.
type snapshot struct {
	*Builder
	progress func(step string, done, total int64)

	zones  []zone     // by area number, in order of key
	kinds  []geo.Kind // of zones
	zoneOf map[geo.AreaKey]int32
	nodes  []node // in order of CdRef
	nodeOf map[taxon.CdRef]int32
	dense  []int32 // the same by CdRef, for those that TAXREF numbers
	order  []int32 // nodes above species, children before parents
	year0  int16   // first year observed
	days   dayTable
	span   int // years from it to the last

	outlines map[geo.AreaKey]orb.MultiPolygon // thinned for display
	heads    []TaxonHead                      // by node; their figures once all is counted
	group    []int                            // by node: index of taxon.Groups, their number when in none
	statuses map[taxon.CdRef][]taxon.Status
}

// zone is an area of the snapshot with what is published in it.
type zone struct {
	geo.Area
	parentName string
	cells      []int32 // mesh cells meeting it
	neighbours []int32 // sharing a border, nearest first

	dated[civil.Date]
	years      []uint32 // from the first year of all; nil: none
	orgs       map[uint32]tally
	taxa       []byte // its species, packed as the column is but for their number
	lastCd     taxon.CdRef
	newest     []entry      // species first seen here most recently
	groups     []groupTally // by number of taxon.Groups, then one for species of no group
	species    int
	protected  int
	threatened int
}

// groupTally is what an area has of a group.
type groupTally struct {
	species, protected, n int
}

// node is a taxon of the snapshot.
type node struct {
	name     taxon.Name
	parent   int32 // -1: none
	children []int32
	// unit is set on species, and on taxa above species, for records known to that rank
	// only: each observation counts in exactly one unit, so units sum to the total.
	unit, species bool
	listed        bool // named by a list, or above one that is: it has a sheet whatever was seen
	lo, hi        int  // its own records
	below         []int32
	// Its rows of the cube, zeros when it has none.
	cubeFrom, cubeTo int64
	figures
}

// figures are what observations of a taxon add up to.
type figures struct {
	tally
	months    [12]uint32
	undated   uint32
	days      [36]uint32
	firstSeen record // earliest
	lastSeen  record // latest of those dated to the day; 0: none
	lastMonth record // the same of those dated to the month only
	altitudes []uint32
	years     []yearTally
	orgs      []orgTally
	cells     []byte    // packed: sums by disclosed area
	zones     []byte    // packed: every area counted
	cube      []byte    // packed
	direct    []cubeRow // of a taxon above species: its own records only
	blurred   int
	nspecies  int
}

type yearTally struct {
	year int16
	n    uint32
}

type orgTally struct {
	org uint32
	tally
}

// entry is a species in an area; its ten-day periods are in the area's packed species.
type entry struct {
	node        int32
	n           uint32
	first, last civil.Date
	daysAt      uint32
	daysLen     uint16
}

// number gives places, taxa and organisations their final numbers, whatever the order they came
// in, and puts the observations in order. Areas keep theirs.
func (b *Builder) number() {
	if b.numbered {
		return
	}
	b.numbered = true
	byKey := func(x, y int32) int { return cmp.Compare(b.keys[x], b.keys[y]) }
	for i := range b.place {
		slices.SortFunc(b.place[i].areas[1:], byKey)
	}
	samePlace := func(p, q *place) int {
		return cmp.Or(byKey(p.areas[0], q.areas[0]), cmp.Compare(p.reasons, q.reasons), slices.CompareFunc(p.areas, q.areas, byKey))
	}
	byPlace := ordered(len(b.place), func(x, y int) int { return samePlace(&b.place[x], &b.place[y]) })
	byCd := ordered(len(b.cds), func(x, y int) int { return cmp.Compare(b.cds[x], b.cds[y]) })
	byName := ordered(len(b.names), func(x, y int) int { return cmp.Compare(b.names[x], b.names[y]) })

	tax, org := inverse(byCd), inverse(byName)
	b.cds, b.altitudes, b.taxonOrgs = permuted(b.cds, byCd), permuted(b.altitudes, byCd), permuted(b.taxonOrgs, byCd)
	b.names = permuted(b.names, byName)
	for _, list := range b.taxonOrgs {
		renumber(list, org)
	}
	at, merged := make([]uint32, len(b.place)), []place{}
	for _, i := range byPlace { // one place may have come with its areas in another order
		p := b.place[i]
		renumber(p.orgs, org)
		if n := len(merged); n > 0 && samePlace(&merged[n-1], &p) == 0 {
			merged[n-1].orgs = mergeOrgs(merged[n-1].orgs, p.orgs)
		} else {
			merged = append(merged, p)
		}
		at[i] = uint32(len(merged) - 1)
	}
	b.place = merged
	for i, r := range b.records {
		b.records[i] = r&(1<<20-1) | record(at[r.place()])<<20 | record(tax[r.taxon()])<<43
	}
	sortRecords(b.records, runtime.GOMAXPROCS(0))
	b.taxa, b.areas, b.spots, b.orgs = nil, nil, nil, nil
}

// sortRecords sorts in place on so many processors: half of the records are above the median of a
// sample, near enough.
func sortRecords(list []record, processors int) {
	const sample, few = 255, 1 << 16
	if processors < 2 || len(list) < few {
		slices.Sort(list)
		return
	}
	some := make([]record, sample)
	for i := range some {
		some[i] = list[i*(len(list)/sample)]
	}
	slices.Sort(some)
	at := below(list, some[sample/2])
	done := make(chan struct{})
	go func() {
		defer close(done)
		sortRecords(list[:at], processors/2)
	}()
	sortRecords(list[at:], processors-processors/2)
	<-done
}

// below brings the records below a limit to the beginning, and counts them.
func below(list []record, limit record) int {
	lo, hi := 0, len(list)
	for {
		for lo < hi && list[lo] < limit {
			lo++
		}
		for lo < hi && list[hi-1] >= limit {
			hi--
		}
		if lo == hi {
			return lo
		}
		hi--
		list[lo], list[hi] = list[hi], list[lo]
		lo++
	}
}

// Equal reports whether another Builder of the same references (Beside) was given the same
// observations, as far as anything of them reaches a snapshot: what Finish writes is made of
// nothing else, so every row of both would be the same. Neither may be added to any more.
func (b *Builder) Equal(other *Builder) bool {
	b.number()
	other.number()
	samePlaces := func(p, q place) bool {
		return p.reasons == q.reasons && slices.Equal(p.orgs, q.orgs) &&
			slices.EqualFunc(p.areas, q.areas, func(x, y int32) bool { return b.keys[x] == other.keys[y] })
	}
	return b.overflow == other.overflow && slices.Equal(b.records, other.records) && slices.Equal(b.cds, other.cds) &&
		slices.Equal(b.names, other.names) && slices.EqualFunc(b.place, other.place, samePlaces) &&
		slices.EqualFunc(b.taxonOrgs, other.taxonOrgs, slices.Equal[[]orgTally]) &&
		slices.EqualFunc(b.altitudes, other.altitudes, slices.Equal[[]uint32])
}

func ordered(n int, less func(a, b int) int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	slices.SortFunc(out, less)
	return out
}

func inverse(p []int) []uint32 {
	out := make([]uint32, len(p))
	for i, v := range p {
		out[v] = uint32(i)
	}
	return out
}

func permuted[T any](v []T, p []int) []T {
	out := make([]T, len(v))
	for i, k := range p {
		out[i] = v[k]
	}
	return out
}

// renumber gives organisations their final numbers, and puts them in order of these.
func renumber(list []orgTally, org []uint32) {
	for i := range list {
		list[i].org = org[list[i].org]
	}
	slices.SortFunc(list, func(a, b orgTally) int { return cmp.Compare(a.org, b.org) })
}

// tree makes the nodes: the taxa observed and everything above them. Conflict when the
// loaded TAXREF lacks one of them.
func (s *snapshot) tree() error {
	all := map[taxon.CdRef]bool{}
	for _, cd := range s.cds {
		for !all[cd] {
			all[cd] = true
			up, ok := s.refs.Taxonomy.Parent(cd)
			if !ok {
				break
			}
			cd = up
		}
	}
	listed := s.listing(all)
	cds := make([]taxon.CdRef, 0, len(all))
	for cd := range all {
		cds = append(cds, cd)
		if sp, ok := s.refs.Taxonomy.SpeciesOf(cd); ok && !all[sp] {
			all[sp] = true
			cds = append(cds, sp)
		}
	}
	slices.Sort(cds)
	cds = slices.Compact(cds)
	s.nodes = make([]node, len(cds))
	s.nodeOf = make(map[taxon.CdRef]int32, len(cds))
	if n := len(cds); n > 0 {
		s.dense = make([]int32, min(max(cds[n-1]+1, 0), maxDense))
	}
	for i, cd := range cds {
		if s.nodeOf[cd] = int32(i); cd >= 0 && int(cd) < len(s.dense) {
			s.dense[cd] = int32(i)
		}
		name, ok := s.refs.Taxonomy.Valid(cd)
		if !ok {
			return fault.Say(fault.Conflict, "atlas.taxon", int(cd))
		}
		s.nodes[i].name, s.nodes[i].listed = name, listed[cd]
	}
	for i, cd := range cds {
		sp, ok := s.refs.Taxonomy.SpeciesOf(cd)
		s.nodes[i].species = ok && sp == cd
		s.nodes[i].unit = !ok || sp == cd
	}
	for i := range s.nodes {
		s.nodes[i].parent = s.parentOf(int32(i))
		if p := s.nodes[i].parent; p >= 0 {
			s.nodes[p].children = append(s.nodes[p].children, int32(i))
		}
	}
	s.runs()
	s.postorder()
	return nil
}

// parentOf returns the node above i, -1 at the top. Above a species it is never another
// species: a unit's observations must reach the higher ranks.
func (s *snapshot) parentOf(i int32) int32 {
	cd := s.nodes[i].name.CdRef
	for steps := 0; steps < 64; steps++ {
		up, ok := s.refs.Taxonomy.Parent(cd)
		if !ok {
			return -1
		}
		p, ok := s.nodeOf[up]
		if !ok || p == i {
			return -1
		}
		if !s.nodes[i].unit || s.nodes[p].unit && !s.nodes[p].species {
			return p
		}
		cd = up
	}
	return -1
}

// runs finds the records of each node, and for species and below the nodes that count for it.
func (s *snapshot) runs() {
	for lo := 0; lo < len(s.records); {
		t := s.records[lo].taxon()
		hi := lo
		for hi < len(s.records) && s.records[hi].taxon() == t {
			hi++
		}
		nd := &s.nodes[s.nodeOf[s.cds[t]]]
		nd.lo, nd.hi = lo, hi
		lo = hi
	}
	for i := range s.nodes {
		nd := &s.nodes[i]
		if nd.lo == nd.hi {
			continue
		}
		own := int32(i)
		for at, steps := own, 0; at >= 0 && !s.nodes[at].unit && steps < 64; steps++ {
			s.nodes[at].below = append(s.nodes[at].below, own)
			at = s.nodes[at].parent
		}
		unit := own
		if sp, ok := s.refs.Taxonomy.SpeciesOf(nd.name.CdRef); ok {
			unit = s.nodeOf[sp]
		}
		s.nodes[unit].below = append(s.nodes[unit].below, own)
	}
}

func (s *snapshot) postorder() {
	done := make([]bool, len(s.nodes))
	var visit func(i int32, depth int)
	visit = func(i int32, depth int) {
		if done[i] || depth > 200 {
			return
		}
		done[i] = true
		for _, c := range s.nodes[i].children {
			visit(c, depth+1)
		}
		if nd := &s.nodes[i]; nd.unit && !nd.species {
			s.order = append(s.order, i)
		}
	}
	for i := range s.nodes {
		if s.nodes[i].parent < 0 {
			visit(int32(i), 0)
		}
	}
	for i := range s.nodes { // a circle of parents has no root
		visit(int32(i), 0)
	}
}

// count computes the figures of units and areas, and gives the cube to the file on the way.
func (s *snapshot) count(ctx context.Context, w *writer) error {
	s.yearSpan()
	if err := s.gatherAll(ctx, w); err != nil {
		return err
	}
	s.records, s.days = nil, dayTable{}
	s.placeOrgs()
	return nil
}

// sumAll computes the figures of the taxa above species, once those of units are. It touches neither
// areas nor the short forms of taxa.
func (s *snapshot) sumAll() {
	c := newCounter(s)
	for _, i := range s.order {
		c.sumChildren(&s.nodes[i])
	}
}

// yearSpan finds the years observed, for tables indexed by year.
func (s *snapshot) yearSpan() {
	first, last := civil.Date(math.MaxInt32), civil.Date(math.MinInt32)
	for _, r := range s.records {
		first, last = min(first, r.day()), max(last, r.day())
	}
	if len(s.records) > 0 {
		s.year0 = yearOf(first)
		s.span = int(yearOf(last)-s.year0) + 1
		s.days = newDayTable(first, last)
	}
}

// dayTable tells year, month and ten-day period of every day observed, which takes longer to compute.
type dayTable struct {
	first civil.Date
	days  []dayParts
}

type dayParts struct {
	year        int16
	month, part uint8 // from 0, of 12 and 36
}

func newDayTable(first, last civil.Date) dayTable {
	t := dayTable{first, make([]dayParts, int(last-first)+1)}
	for i := range t.days {
		y, m, d := (first + civil.Date(i)).Civil()
		t.days[i] = dayParts{int16(y), uint8(m - 1), uint8((m-1)*3 + min((d-1)/10, 2))}
	}
	return t
}

func (t *dayTable) of(d civil.Date) dayParts { return t.days[d-t.first] }

// Species shown as first seen most recently in an area.
const maxRecent = 8

// addSpecies adds a species to the area's list; they come in order of CdRef. days are its
// ten-day periods, packed.
func (z *zone) addSpecies(node int32, cd taxon.CdRef, t dated[civil.Date], days []byte) {
	first, last := yearOf(t.first), yearOf(t.last)
	p := packer{z.taxa}
	p.uint(uint64(cd - z.lastCd))
	p.uint(uint64(t.n))
	p.uint(uint64(first - yearZero))
	p.uint(uint64(last - first))
	p.uint(uint64(len(days)))
	at := len(p.b)
	z.taxa, z.lastCd = append(p.b, days...), cd
	z.species++
	z.newest = insertBest(z.newest, entry{node: node, n: t.n, first: t.first, last: t.last,
		daysAt: uint32(at), daysLen: uint16(len(days))}, maxRecent, newer)
}

func newer(a, b entry) int { return cmp.Or(cmp.Compare(b.first, a.first), cmp.Compare(a.node, b.node)) }

// eachSpecies calls f with every species of the area.
func (s *snapshot) eachSpecies(z *zone, f func(node int32, t taxonTally)) {
	// What this very run packed cannot be broken.
	_ = eachPackedTaxon(z.taxa, z.species, func(t taxonTally, _ *unpacker) { f(s.nodeAt(taxon.CdRef(t.cd)), t) })
}

// maxDense is how many numbers of TAXREF are looked up without a map: it has given out a
// little over a million.
const maxDense = 1 << 22

// nodeAt is nodeOf of a taxon known to be there.
func (s *snapshot) nodeAt(cd taxon.CdRef) int32 {
	if cd >= 0 && int(cd) < len(s.dense) {
		return s.dense[cd]
	}
	return s.nodeOf[cd]
}

// placeOrgs counts organisations per area.
func (s *snapshot) placeOrgs() {
	for i := range s.place {
		for _, z := range s.place[i].areas {
			m := s.zones[z].orgs
			for _, o := range s.place[i].orgs {
				sum := m[o.org]
				sum.add(o.tally)
				m[o.org] = sum
			}
		}
	}
}

// mergeOrgs sums two lists in order of organisation.
func mergeOrgs(a, b []orgTally) []orgTally {
	if len(b) == 0 {
		return a
	}
	out := make([]orgTally, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].org < b[0].org:
			out, a = append(out, a[0]), a[1:]
		case a[0].org > b[0].org:
			out, b = append(out, b[0]), b[1:]
		default:
			sum := a[0]
			sum.add(b[0].tally)
			out, a, b = append(out, sum), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

func addAltitudes(sum, more []uint32) []uint32 {
	if more == nil {
		return sum
	}
	if sum == nil {
		return slices.Clone(more)
	}
	for k, n := range more {
		sum[k] += n
	}
	return sum
}
