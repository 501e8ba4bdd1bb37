package atlas

import (
	"context"
	"math/bits"
	"runtime"
	"slices"

	"garrigue/internal/civil"
)

// zoneTally sums one taxon in one area while its records are gone through.
type zoneTally struct {
	dated[civil.Date]
	days [36]uint32 // added record by record
}

// counter goes through the records of one taxon after another. Several work side by side,
// each on its own taxa; what they find of areas is added up in the order of taxa.
type counter struct {
	s         *snapshot
	years     []uint32 // of one taxon, from year0
	scratch   []zoneTally
	touched   []uint64 // a bit for each area with something in scratch
	periods   []uint8
	rows      []areaTally
	cube      []cubeRow
	packed    []byte
	joined    []record
	zoneYears [][]uint32 // by area, this counter's share
}

func newCounter(s *snapshot) *counter {
	return &counter{s: s, years: make([]uint32, s.span), scratch: make([]zoneTally, len(s.zones)),
		touched: make([]uint64, (len(s.zones)+63)/64), zoneYears: make([][]uint32, len(s.zones))}
}

// in is the sum of an area in the scratch.
func (c *counter) in(z int32) *zoneTally {
	c.touched[z>>6] |= 1 << (z & 63)
	return &c.scratch[z]
}

// eachTouched calls f with the areas that have something in the scratch, in order, and clears it.
func (c *counter) eachTouched(f func(z int32, t *zoneTally)) {
	for k, word := range c.touched {
		for ; word != 0; word &= word - 1 {
			z := int32(k<<6 | bits.TrailingZeros64(word))
			t := &c.scratch[z]
			f(z, t)
			*t = zoneTally{}
		}
		c.touched[k] = 0
	}
}

// block is a run of nodes, and what was found of them.
type block struct {
	lo, hi int
	findings
	done chan struct{}
}

// findings are what areas and the cube get of a block, one after another by node.
type findings struct {
	found  []gathered
	cubes  []cubeRow
	shares []share
	days   []byte
}

// gathered is how much of the findings is a node's.
type gathered struct {
	node          int32
	cubes, shares int
}

// share is a taxon's part in an area; its ten-day periods are the next bytes of the block.
type share struct {
	zone int32
	dated[civil.Date]
	days uint8
}

const (
	blockRecords = 20_000
	blocksAhead  = 8
)

// blocks cuts the nodes into runs of about as much work.
func (s *snapshot) blocks() (out []*block) {
	lo, n := 0, 0
	for i := range s.nodes {
		for _, b := range s.nodes[i].below {
			n += s.nodes[b].hi - s.nodes[b].lo
		}
		if n++; n >= blockRecords || i == len(s.nodes)-1 {
			out = append(out, &block{lo: lo, hi: i + 1, done: make(chan struct{})})
			lo, n = i+1, 0
		}
	}
	return out
}

// gatherAll counts every node on all processors, and adds what they say of areas in order.
func (s *snapshot) gatherAll(ctx context.Context, w *writer) error {
	ctx, cancel := context.WithCancel(ctx)
	blocks := s.blocks()
	work := make(chan *block, blocksAhead)
	counters := make([]*counter, runtime.GOMAXPROCS(0))
	ended := make(chan struct{}, len(counters))
	spare := make(chan findings, blocksAhead) // memory of blocks that were added
	for i := range counters {
		c := newCounter(s)
		counters[i] = c
		go func() {
			for b := range work {
				if ctx.Err() == nil {
					select {
					case f := <-spare:
						b.findings = findings{f.found[:0], f.cubes[:0], f.shares[:0], f.days[:0]}
					default:
					}
					c.gatherBlock(b)
				}
				close(b.done)
			}
			ended <- struct{}{}
		}()
	}
	defer func() {
		cancel()
		close(work)
		for range counters {
			<-ended
		}
	}()
	cube, id := w.insert("cube", 6), int64(0)
	sent := 0
	for i, b := range blocks {
		for sent < len(blocks) && sent < i+blocksAhead {
			work <- blocks[sent]
			sent++
		}
		<-b.done
		if err := ctx.Err(); err != nil {
			return err
		}
		id = s.addBlock(b, w, cube, id)
		select {
		case spare <- b.findings:
		default:
		}
		blocks[i] = nil
		s.progress("publish.step.count", int64(b.hi), int64(len(s.nodes)))
	}
	for _, c := range counters {
		s.addZoneYears(c.zoneYears)
	}
	return nil
}

func (s *snapshot) addZoneYears(more [][]uint32) {
	for z, years := range more {
		switch {
		case years == nil:
		case s.zones[z].years == nil:
			s.zones[z].years = years
		default:
			for k, n := range years {
				s.zones[z].years[k] += n
			}
		}
	}
}

// gatherBlock counts a run of nodes.
func (c *counter) gatherBlock(b *block) {
	s := c.s
	for i := b.lo; i < b.hi; i++ {
		nd := &s.nodes[i]
		c.gather(int32(i), c.recordsOf(int32(i)), b)
		own := nd.below
		if nd.unit && !nd.species {
			own = []int32{int32(i)}
		}
		for _, k := range own {
			if t, ok := slices.BinarySearch(s.cds, s.nodes[k].name.CdRef); ok {
				nd.orgs = mergeOrgs(nd.orgs, s.taxonOrgs[t])
				nd.altitudes = addAltitudes(nd.altitudes, s.altitudes[t])
			}
		}
	}
}

// addBlock adds the shares of a block to the areas and its cube to the file.
func (s *snapshot) addBlock(b *block, w *writer, into *insertion, id int64) int64 {
	shares, days, cubes := b.shares, b.days, b.cubes
	for _, g := range b.found {
		nd := &s.nodes[g.node]
		for i := range shares[:g.shares] {
			sh := &shares[i]
			z := &s.zones[sh.zone]
			z.add(sh.dated)
			if nd.species {
				z.addSpecies(g.node, nd.name.CdRef, sh.dated, days[:sh.days])
				s.addGroup(z, g.node, sh.n)
				days = days[sh.days:]
			}
		}
		shares = shares[g.shares:]
		nd.cubeFrom, nd.cubeTo = id+1, id+int64(g.cubes)
		for _, row := range cubes[:g.cubes] {
			id++
			blurred := int64(0)
			if row.reasons() != 0 {
				blurred = 1
			}
			w.ints(into, id, int64(nd.name.CdRef), int64(row.area())+1, int64(row.year()), int64(row.n()), blurred)
		}
		cubes = cubes[g.cubes:]
	}
	return id
}

// recordsOf returns the records that count for node i, sorted by place and date.
func (c *counter) recordsOf(i int32) []record {
	s := c.s
	nd := &s.nodes[i]
	if len(nd.below) == 0 || len(nd.below) == 1 && nd.below[0] == i {
		return s.records[nd.lo:nd.hi]
	}
	c.joined = c.joined[:0]
	for _, b := range nd.below {
		for _, r := range s.records[s.nodes[b].lo:s.nodes[b].hi] {
			c.joined = append(c.joined, r&(1<<43-1))
		}
	}
	slices.Sort(c.joined)
	return c.joined
}

// gather computes the figures of node i from its records, and notes in b what areas get of
// it when the node is a unit.
func (c *counter) gather(i int32, run []record, b *block) {
	nd := &c.s.nodes[i]
	cube := c.cube[:0]
	for lo := 0; lo < len(run); {
		hi := lo
		for hi < len(run) && run[hi].place() == run[lo].place() {
			hi++
		}
		cube = c.gatherPlace(nd, run[lo:hi], cube)
		lo = hi
	}
	slices.Sort(cube)
	c.cube = cube
	nd.years = c.takeYears()
	cube = mergeCube(cube)
	c.packCells(nd, cube)
	c.rows = c.rows[:0]
	n := len(b.shares)
	c.eachTouched(func(z int32, t *zoneTally) {
		c.rows = append(c.rows, areaTally{area: z, n: t.n, first: yearOf(t.first), last: yearOf(t.last)})
		if nd.unit {
			sh := share{zone: z, dated: t.dated}
			if nd.species {
				at := len(b.days)
				b.days = packDays(b.days, &t.days)
				sh.days = uint8(len(b.days) - at)
			}
			b.shares = append(b.shares, sh)
		}
	})
	nd.zones = c.packRows()
	if nd.species && nd.n > 0 {
		nd.nspecies = 1
	}
	if nd.unit {
		b.cubes = append(b.cubes, cube...)
		b.found = append(b.found, gathered{i, len(cube), len(b.shares) - n})
	}
}

// packRows packs the rows, in no more memory than that takes.
func (c *counter) packRows() []byte {
	c.packed = packTallies(c.packed[:0], c.rows)
	return slices.Clone(c.packed)
}

// packCells keeps a taxon's sorted cube packed: figures of all taxa stay in memory until
// their parents have added them up, and packed they take a quarter.
func (c *counter) packCells(nd *node, cube []cubeRow) {
	if nd.unit && !nd.species && nd.cube == nil {
		nd.direct = slices.Clone(cube)
	}
	c.packed = packCube(c.packed[:0], cube)
	nd.cube = slices.Clone(c.packed)
	c.rows = slotTallies(c.rows[:0], cube)
	nd.cells = c.packRows()
	nd.blurred = 0
	for _, t := range c.rows {
		if t.reasons != 0 {
			nd.blurred += int(t.n)
		}
	}
}

// gatherPlace adds records of one place, appending their cube rows.
func (c *counter) gatherPlace(nd *node, run []record, cube []cubeRow) []cubeRow {
	at := &c.s.place[run[0].place()]
	c.periods = c.periods[:0]
	var year int16
	n := uint32(0)
	for i, r := range run {
		day := c.s.days.of(r.day())
		if day.year != year && i > 0 {
			cube = append(cube, makeCube(at.areas[0], at.reasons, year, n))
			c.addYear(nd, at, year, n)
			n = 0
		}
		year = day.year
		n++
		switch r.precision() {
		case toDay:
			c.periods = append(c.periods, day.part)
			nd.days[day.part]++
			nd.months[day.month]++
			if nd.lastSeen == 0 || r.day() > nd.lastSeen.day() {
				nd.lastSeen = r
			}
		case toMonth:
			nd.months[day.month]++
			if nd.lastMonth == 0 || r.day() > nd.lastMonth.day() {
				nd.lastMonth = r
			}
		default:
			nd.undated++
		}
	}
	cube = append(cube, makeCube(at.areas[0], at.reasons, year, n))
	c.addYear(nd, at, year, n)
	if nd.firstSeen == 0 || run[0].day() < nd.firstSeen.day() {
		nd.firstSeen = run[0]
	}
	sum := dated[civil.Date]{uint32(len(run)), run[0].day(), run[len(run)-1].day()}
	for _, z := range at.areas {
		t := c.in(z)
		t.add(sum)
		for _, k := range c.periods {
			t.days[k]++
		}
	}
	return cube
}

// addYear counts n observations of one year at a place.
func (c *counter) addYear(nd *node, at *place, year int16, n uint32) {
	c.years[year-c.s.year0] += n
	nd.tally.add(tally{n, year, year})
	if !nd.unit {
		return
	}
	for _, z := range at.areas {
		if c.zoneYears[z] == nil {
			c.zoneYears[z] = make([]uint32, len(c.years))
		}
		c.zoneYears[z][year-c.s.year0] += n
	}
}

// takeYears returns the years summed so far and clears them.
func (c *counter) takeYears() []yearTally {
	out := c.s.yearTallies(c.years)
	clear(c.years)
	return out
}

// sumChildren adds the figures of the children to a taxon above species.
func (c *counter) sumChildren(nd *node) {
	for _, y := range nd.years {
		c.years[y.year-c.s.year0] += y.n
	}
	c.addZones(nd.zones)
	cubes := [][]cubeRow{nd.direct}
	for _, k := range nd.children {
		ch := &c.s.nodes[k]
		if !ch.unit || ch.n == 0 {
			continue // counted by its species
		}
		nd.tally.add(ch.tally)
		for k := range ch.months {
			nd.months[k] += ch.months[k]
		}
		for k := range ch.days {
			nd.days[k] += ch.days[k]
		}
		nd.undated += ch.undated
		if ch.firstSeen != 0 && (nd.firstSeen == 0 || ch.firstSeen.day() < nd.firstSeen.day()) {
			nd.firstSeen = ch.firstSeen
		}
		if ch.lastSeen != 0 && (nd.lastSeen == 0 || ch.lastSeen.day() > nd.lastSeen.day()) {
			nd.lastSeen = ch.lastSeen
		}
		if ch.lastMonth != 0 && (nd.lastMonth == 0 || ch.lastMonth.day() > nd.lastMonth.day()) {
			nd.lastMonth = ch.lastMonth
		}
		for _, y := range ch.years {
			c.years[y.year-c.s.year0] += y.n
		}
		nd.altitudes = addAltitudes(nd.altitudes, ch.altitudes)
		nd.orgs = mergeOrgs(nd.orgs, ch.orgs)
		cubes = append(cubes, unpackCube(ch.cube))
		nd.nspecies += ch.nspecies
		c.addZones(ch.zones)
	}
	nd.years = c.takeYears()
	c.packCells(nd, mergeCubes(cubes))
	c.rows = c.rows[:0]
	c.eachTouched(func(z int32, t *zoneTally) {
		c.rows = append(c.rows, areaTally{area: z, n: t.n, first: int16(t.first), last: int16(t.last)})
	})
	nd.zones = c.packRows()
}

// addZones sums into the scratch, whose dates are years here.
func (c *counter) addZones(packed []byte) {
	// What this very run packed cannot be broken.
	_ = eachTally(packed, func(r areaTally) {
		c.in(r.area).add(dated[civil.Date]{r.n, civil.Date(r.first), civil.Date(r.last)})
	})
}

func (s *snapshot) yearTallies(years []uint32) []yearTally {
	var out []yearTally
	for k, n := range years {
		if n > 0 {
			out = append(out, yearTally{s.year0 + int16(k), n})
		}
	}
	return out
}

// eachOwn calls f with the rows of a unit's cube: a species' whole, and of a higher taxon the records
// known to no lower rank.
func (nd *node) eachOwn(f func(cubeRow)) {
	if !nd.species {
		for _, c := range nd.direct {
			f(c)
		}
		return
	}
	eachRow(nd.cube, f)
}
