package atlas

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"

	"garrigue/internal/civil"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
)

// References is what sheets need beside observations.
type References struct {
	Taxonomy  *taxon.Taxonomy
	Withdrawn []taxon.Withdrawn
	Statuses  []taxon.Status
	// Sensitive reports whether some rule of the loaded lists names the taxon (nil: none does).
	Sensitive func(taxon.CdRef) bool
	// Listed are the taxa that lists in force name: they have a sheet even when nothing of them
	// is published. Listings tells what lists ask for a taxon, by itself or by a higher one (nil:
	// nothing).
	Listed   []taxon.CdRef
	Listings func(taxon.CdRef) []Listing
	// Areas are the outlines of communes, departments and regions. Mesh cells are computed.
	Areas []geo.Area
}

// Builder writes one snapshot. Add what may be published, in any order, then Finish. It is
// used from one goroutine.
//
// An observation is one word of memory until Finish: its taxon, its place among the
// distinct places met (area shown and areas counted), and its date. Twenty million take
// 160 MB; sorted, each taxon's are together, by area and date, and every figure is a run.
type Builder struct {
	path string
	meta Meta
	refs References

	taxa  map[taxon.CdRef]uint32
	cds   []taxon.CdRef // by number of taxa
	areas map[geo.AreaKey]int32
	keys  []geo.AreaKey // by number of areas
	spots map[string]uint32
	place []place // by number of spots
	orgs  map[string]uint32
	names []string // by number of orgs
	buf   []byte

	ground    func() ground
	records   []record
	taxonOrgs [][]orgTally // by number of taxa, few each
	altitudes [][]uint32   // by number of taxa, then class; nil when none is known
	overflow  bool
	numbered  bool
	sum       [32]byte // of all rows, once finished
}

// place is where an observation is shown and the areas it counts for, the shown one first.
type place struct {
	reasons uint8 // 0: ordinary
	areas   []int32
	orgs    []orgTally // few
}

// dated is a number of observations and the first and last of what they are dated by.
type dated[D int16 | civil.Date] struct {
	n           uint32
	first, last D
}

func (s *dated[D]) add(o dated[D]) {
	if o.n == 0 {
		return
	}
	if s.n == 0 || o.first < s.first {
		s.first = o.first
	}
	if s.n == 0 || o.last > s.last {
		s.last = o.last
	}
	s.n += o.n
}

// tally spans years.
type tally = dated[int16]

// record is an observation in one word: taxon 21 bits, place 23 bits, day 18 bits,
// precision 2 bits.
type record uint64

const (
	taxonBits, placeBits = 21, 23
	// dayZero is 1 January 1500; earlier dates count as that day.
	dayZero civil.Date = -171663
	dayMax             = 1<<18 - 1
)

// Precision of a record's date.
const (
	toDay = iota
	toMonth
	toYear
)

func makeRecord(tax, place uint32, day civil.Date, precision uint8) record {
	d := min(max(int(day)-int(dayZero), 0), dayMax)
	return record(tax)<<43 | record(place)<<20 | record(d)<<2 | record(precision)
}

func (r record) taxon() uint32    { return uint32(r >> 43) }
func (r record) place() uint32    { return uint32(r>>20) & (1<<placeBits - 1) }
func (r record) day() civil.Date  { return civil.Date(r>>2&dayMax) + dayZero }
func (r record) precision() uint8 { return uint8(r & 3) }

// Classes of altitude: 200 m from -1,000 m, the last one open.
const (
	altitudeStep    = 200
	altitudeFirst   = -1000
	altitudeClasses = 31
)

// Create starts a snapshot that Finish will write at path, replacing what is there. meta
// gives identity, mesh, policy version and time of building; figures are filled in. Invalid
// when the mesh is no cell kind.
func Create(path string, meta Meta, refs References) (*Builder, error) {
	if meta.Mesh.Mesh() == 0 {
		return nil, fault.Say(fault.Invalid, "atlas.mesh")
	}
	if refs.Taxonomy == nil {
		return nil, fault.Say(fault.Invalid, "atlas.taxonomy")
	}
	if refs.Sensitive == nil {
		refs.Sensitive = func(taxon.CdRef) bool { return false }
	}
	if refs.Listings == nil {
		refs.Listings = func(taxon.CdRef) []Listing { return nil }
	}
	b := newBuilder(path, meta, refs, sync.OnceValue(func() ground { return groundOf(refs.Areas, meta.Mesh) }))
	go b.ground()
	return b, nil
}

func newBuilder(path string, meta Meta, refs References, ground func() ground) *Builder {
	return &Builder{path: path, meta: meta, refs: refs, ground: ground,
		taxa: map[taxon.CdRef]uint32{}, areas: map[geo.AreaKey]int32{}, spots: map[string]uint32{},
		orgs: map[string]uint32{}}
}

// Beside returns an empty Builder of the same references, to be compared with this one (Equal). It
// shares with it what outlines tell.
func (b *Builder) Beside() *Builder { return newBuilder("", b.meta, b.refs, b.ground) }

// Tag is what one Builder knows a taxon, a place and an organisation by.
type Tag struct{ Taxon, Place, Organisation uint32 }

// Tag returns what the Builder knows those of an observation by. It depends on CdRef, Organisation, Area, Within,
// Blurred and Reasons: whoever gives many observations that share them need not ask for each.
func (b *Builder) Tag(p *disclosure.Published) Tag {
	return Tag{b.taxonOf(p.CdRef), b.placeOf(p), b.orgOf(p.Organisation)}
}

// Add counts one observation. p is not kept.
func (b *Builder) Add(p *disclosure.Published) { b.AddTagged(b.Tag(p), p) }

// AddTagged is Add for an observation whose Tag is known.
func (b *Builder) AddTagged(t Tag, p *disclosure.Published) {
	tax, at, org := t.Taxon, t.Place, t.Organisation
	if tax >= 1<<taxonBits || at >= 1<<placeBits || len(b.keys) >= 1<<20 {
		b.overflow = true
		return
	}
	r := makeRecord(tax, at, p.When.Start, precisionOf(p.When))
	b.records = append(b.records, r)
	year := yearOf(r.day())
	one := tally{1, year, year}
	addOrg(&b.taxonOrgs[tax], org, one)
	addOrg(&b.place[at].orgs, org, one)
	if lo, hi := p.AltitudeMin, p.AltitudeMax; lo != observation.NoAltitude || hi != observation.NoAltitude {
		if lo == observation.NoAltitude {
			lo = hi
		}
		if hi == observation.NoAltitude {
			hi = lo
		}
		class := (int(lo)+int(hi))/2 - altitudeFirst
		class = min(max(class/altitudeStep, 0), altitudeClasses-1)
		if b.altitudes[tax] == nil {
			b.altitudes[tax] = make([]uint32, altitudeClasses)
		}
		b.altitudes[tax][class]++
	}
}

// precisionOf says how finely a period can be counted. A few days around one date count at
// the first; a longer span only for its month, or not at all.
func precisionOf(p observation.Period) uint8 {
	if p.Precision == observation.Day && p.End-p.Start < 10 {
		return toDay
	}
	if p.Precision <= observation.Month {
		y, m, _ := p.Start.Civil()
		if y2, m2, _ := p.End.Civil(); p.End < p.Start || y == y2 && m == m2 {
			return toMonth
		}
	}
	return toYear
}

func yearOf(d civil.Date) int16 { return int16(d.Year()) }

func (b *Builder) taxonOf(cd taxon.CdRef) uint32 {
	i, ok := b.taxa[cd]
	if !ok {
		i = uint32(len(b.cds))
		b.taxa[cd] = i
		b.cds = append(b.cds, cd)
		b.altitudes, b.taxonOrgs = append(b.altitudes, nil), append(b.taxonOrgs, nil)
	}
	return i
}

// addOrg counts for an organisation, in a list so short that a map would take longer.
func addOrg(list *[]orgTally, org uint32, one tally) {
	for i := range *list {
		if o := &(*list)[i]; o.org == org {
			o.add(one)
			return
		}
	}
	*list = append(*list, orgTally{org, one})
}

func (b *Builder) orgOf(name string) uint32 {
	i, ok := b.orgs[name]
	if !ok {
		i = uint32(len(b.names))
		b.orgs[name] = i
		b.names = append(b.names, name)
	}
	return i
}

func (b *Builder) areaOf(k geo.AreaKey) int32 {
	i, ok := b.areas[k]
	if !ok {
		i = int32(len(b.keys))
		b.areas[k] = i
		b.keys = append(b.keys, k)
	}
	return i
}

func (b *Builder) placeOf(p *disclosure.Published) uint32 {
	// What is blurred to a cell of the mesh is drawn as every cell is: it lacks only the
	// commune. Told apart, it would be hatched beside cells no less precise than it.
	reasons := uint8(0)
	if p.Blurred && p.Area.Kind() != b.meta.Mesh {
		reasons = uint8(p.Reasons) & 15
		if reasons == 0 {
			reasons = uint8(disclosure.Nature)
		}
	}
	b.buf = append(b.buf[:0], reasons)
	b.buf = binary.LittleEndian.AppendUint64(b.buf, uint64(p.Area))
	for _, k := range p.Within {
		b.buf = binary.LittleEndian.AppendUint64(b.buf, uint64(k))
	}
	if i, ok := b.spots[string(b.buf)]; ok {
		return i
	}
	at := place{reasons: reasons, areas: []int32{b.areaOf(p.Area)}}
	for _, k := range p.Within {
		if k == 0 {
			continue
		}
		if a := b.areaOf(k); !slices.Contains(at.areas, a) {
			at.areas = append(at.areas, a)
		}
	}
	i := uint32(len(b.place))
	b.spots[string(b.buf)] = i
	b.place = append(b.place, at)
	return i
}

// Finish computes the sheets and writes the snapshot. progress (may be nil) is told the
// step, a key of the catalogues, and how far it is. A snapshot that could not be finished
// is removed.
func (b *Builder) Finish(ctx context.Context, progress func(step string, done, total int64)) (err error) {
	defer fault.Wrap(&err, "atlas.Finish")
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	if b.overflow {
		return fault.Say(fault.Invalid, "atlas.toomany")
	}
	progress("publish.step.sort", 0, 0)
	b.number()
	s := &snapshot{Builder: b, progress: progress}
	if err := s.territory(); err != nil {
		return err
	}
	for i := range s.place {
		for k, a := range s.place[i].areas {
			s.place[i].areas[k] = s.zoneOf[s.keys[a]]
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	progress("publish.step.count", 0, 0)
	if err := s.tree(); err != nil {
		return err
	}
	return s.write(ctx)
}

// Sum is the hash of every row of every table that Finish has written, but for the time of building.
func (b *Builder) Sum() [32]byte { return b.sum }

// Meta describes the snapshot, complete after Finish.
func (b *Builder) Meta() Meta { return b.meta }
