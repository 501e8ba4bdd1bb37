package publish

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"hash/fnv"
	"slices"
	"sort"

	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
)

// Proof is what was done to make sure that a snapshot tells no more than it should.
type Proof struct {
	Seed     uint64  `json:"seed"`     // draws the places; the same seed draws them again
	Moved    int     `json:"moved"`    // blurred observations that were moved inside the area where they are shown
	Stayed   int     `json:"stayed"`   // blurred ones of which nothing is known but that area
	Removed  int     `json:"removed"`  // withheld ones, taken away
	Kept     int     `json:"kept"`     // taken over as a former publication moved, or removed, or found them ordinary
	Stale    int     `json:"stale"`    // of those moved, how many have another level than lists give today
	Searched int64   `json:"searched"` // bytes of files searched for true places, texts and names
	Traces   int     `json:"traces"`   // observations whose places, texts and names were searched for
	Leaks    []Leak  `json:"leaks"`    // none in a sound snapshot
	Seconds  float64 `json:"seconds"`
}

// Leak is a way in which a snapshot would tell too much. Nothing of it is a true place.
type Leak struct {
	Name   string      `json:"leak"` // key "publish.leak.<name>" of the catalogues
	CdRef  taxon.CdRef `json:"cd_ref,omitempty"`
	Taxon  string      `json:"taxon,omitempty"`
	Detail string      `json:"detail,omitempty"` // a kind of area, a table, a file
}

// fault says a leak to the person who published.
func (l Leak) fault() error {
	name := l.Taxon
	if name == "" {
		name = "–"
	}
	return fault.Say(fault.Conflict, "publish.leak."+l.Name, name, l.Detail)
}

// leaksTold is how many leaks a report names.
const leaksTold = 20

// prover moves what is blurred, takes away what is withheld, and compares.
type prover struct {
	Proof
	mover    mover
	fates    []fate // of members of clusters, in order of ID
	next     int
	traced   []int64 // ids of what must not be found in the files, in order
	names    *taxon.Taxonomy
	bound    map[taxonKey]bearing    // what lists say of taxa
	balance  map[string]int          // what is shown as it is, less what is shown when moved, where they differ
	kinds    map[levelKey][]geo.Kind // what levels allow
	suspects []Leak                  // differences that are leaks unless the balance is even
	buf      []byte
}

type levelKey struct {
	list  string
	level sensitivity.Level
}

func newProver(r *run) prover {
	seed := r.Seed
	if seed == 0 {
		var b [8]byte
		_, _ = rand.Read(b[:])                          // it never fails
		seed = binary.LittleEndian.Uint64(b[:])>>11 | 1 // a number that JSON keeps
	}
	return prover{Proof: Proof{Seed: seed, Leaks: []Leak{}}, mover: newMover(r.refs.Areas, r.areas, seed), names: r.refs.Taxonomy,
		bound: map[taxonKey]bearing{}, balance: map[string]int{}, kinds: map[levelKey][]geo.Kind{}}
}

// fate returns what becomes of a member of a cluster, nil when the cluster is as ordinary ones.
func (m *prover) fate(id int64) *fate {
	i := sort.Search(len(m.fates), func(i int) bool { return m.fates[i].id >= id })
	if i < len(m.fates) && m.fates[i].id == id {
		return &m.fates[i]
	}
	return nil
}

// upcoming is fate for observations asked about in order of ID.
func (m *prover) upcoming(id int64) *fate {
	for m.next < len(m.fates) && m.fates[m.next].id < id {
		m.next++
	}
	if m.next < len(m.fates) && m.fates[m.next].id == id {
		return &m.fates[m.next]
	}
	return nil
}

// trace notes an observation whose place and words must not be found in the files.
func (m *prover) trace(id int64) { m.traced = append(m.traced, id) }

// retell decides on an observation once more, moved inside the area where it is shown, or taken
// away when it is not shown, gives the second builder what comes out, and compares. apart is false
// for what comes out the same without being told again; alike tells that it came out the same.
func (r *run) retell(o *observation.Observation, own class, p *disclosure.Published, shown bool) (apart, alike bool) {
	m := &r.proof
	f := m.upcoming(o.ID)
	var q disclosure.Published
	ok := false
	apart = true
	switch {
	case f != nil && f.removed, f == nil && !shown:
		m.Removed++
	case f == nil && !p.Blurred && o.Grouping == "":
		q, ok, apart = *p, true, false
	default:
		c := *o
		c.Sensitivity, c.SensList = own.level, own.list
		if f != nil && f.area != 0 {
			m.count(r.elsewhere(&c, f.area, f.slot))
		} else if f == nil && p.Blurred {
			m.count(r.elsewhere(&c, p.Area, keyOf(o)))
		}
		q, ok = r.decide(&r.moved, &c)
		ok = ok && !r.moved.isTwin(o.ID)
		q.Organisation = r.cleaned(q.Organisation)
	}
	if alike = ok == shown && (!ok || same(p, &q)); !alike {
		m.differs(p, shown, &q, ok)
	}
	if q, ok = r.moved.batch.pass(o, q, ok); ok && (apart || r.apart == nil) {
		r.second.Add(&q)
	}
	return apart, alike
}

func (m *prover) count(moved bool) {
	if moved {
		m.Moved++
	} else {
		m.Stayed++
	}
}

// keyOf draws the place of an observation: those of one grouping go to one place as far as they
// are shown in one area.
func keyOf(o *observation.Observation) uint64 {
	if o.Grouping == "" {
		return uint64(o.ID)
	}
	h := fnv.New64a()
	h.Write([]byte(o.Grouping))
	return h.Sum64()
}

// elsewhere moves an observation, and gives it the level that lists ask for there. A level that a
// person decided stays, and so does one that is not what lists ask for at the true place: it was
// given for another reason than the place, or on another day.
func (r *run) elsewhere(o *observation.Observation, in geo.AreaKey, key uint64) bool {
	m := &r.proof
	if o.Manual || !r.bearing(o).placed {
		return m.mover.move(o, in, key)
	}
	was := r.spread.Class(o)
	if !m.mover.move(o, in, key) {
		return false
	}
	if o.Sensitivity != was.Level || o.SensList != was.List {
		m.Stale++
		return true
	}
	now := r.spread.Class(o)
	o.Sensitivity, o.SensList = now.Level, now.List
	return true
}

// bearing is how lists bear on a taxon: at all, and by the place.
type bearing struct {
	named, placed bool
	lasting       bool // some rule is for a number of years
}

func (r *run) bearing(o *observation.Observation) bearing {
	k := taxonKey{o.CdNom, o.CdRef}
	b, known := r.proof.bound[k]
	if !known {
		lineage := r.lineage(o)
		b.named = r.book.Names(lineage...)
		b.placed = b.named && !r.book.Uniform(lineage)
		b.lasting = b.named && r.book.Lasting(lineage)
		r.proof.bound[k] = b
	}
	return b
}

// lineage returns the codes that rules for an observation may be written for.
func (r *run) lineage(o *observation.Observation) []taxon.CdNom {
	return append([]taxon.CdNom{o.CdNom}, r.refs.Taxonomy.Lineage(taxon.CdNom(o.CdRef))...)
}

// same reports whether two things shown are one and the same.
func same(p, q *disclosure.Published) bool {
	return p.CdRef == q.CdRef && p.Organisation == q.Organisation && p.When == q.When && p.Area == q.Area &&
		p.Blurred == q.Blurred && p.Reasons == q.Reasons && p.AltitudeMin == q.AltitudeMin && p.AltitudeMax == q.AltitudeMax &&
		p.Validated == q.Validated && p.Dataset == q.Dataset && slices.Equal(p.Within, q.Within)
}

// differs notes that an observation is not shown alike where it is moved. It is no leak when
// another one makes up for it, as one of two twins for the other.
func (m *prover) differs(p *disclosure.Published, shown bool, q *disclosure.Published, ok bool) {
	l := Leak{Name: "hidden", CdRef: q.CdRef}
	if shown {
		l.CdRef, l.Detail = p.CdRef, p.Area.Kind().String()
		m.weigh(p, 1)
	}
	if ok {
		m.weigh(q, -1)
	}
	if shown && ok {
		switch {
		case p.Area != q.Area:
			l.Name = "area"
		case !slices.Equal(p.Within, q.Within):
			l.Name = "within"
		case p.Reasons != q.Reasons || p.Blurred != q.Blurred:
			l.Name = "reasons"
		case p.When != q.When:
			l.Name = "dates"
		case p.AltitudeMin != q.AltitudeMin || p.AltitudeMax != q.AltitudeMax:
			l.Name = "altitude"
		default:
			l.Name = "other"
		}
	}
	if len(m.suspects) < leaksTold && !slices.Contains(m.suspects, l) {
		m.suspects = append(m.suspects, l)
	}
}

// weigh adds to the balance of what is shown: 0 at the end when the two tellings are one.
func (m *prover) weigh(p *disclosure.Published, n int) {
	b := m.buf[:0]
	for _, v := range [...]int64{int64(p.CdRef), int64(p.Dataset), int64(p.When.Start), int64(p.When.End), int64(p.When.Precision),
		int64(p.Area), int64(p.Reasons), int64(p.AltitudeMin), int64(p.AltitudeMax), int64(len(p.Within))} {
		b = binary.AppendVarint(b, v)
	}
	for _, a := range p.Within {
		b = binary.AppendVarint(b, int64(a))
	}
	b = append(b, flags(p.Blurred, p.Validated))
	b = append(b, p.Organisation...)
	m.buf = b
	if m.balance[string(b)] += n; m.balance[string(b)] == 0 {
		delete(m.balance, string(b))
	}
}

func flags(a, b bool) (f byte) {
	if a {
		f = 1
	}
	if b {
		f |= 2
	}
	return f
}

// leak notes a leak, the taxon by its name.
func (m *prover) leak(l Leak) {
	if n, ok := m.names.Valid(l.CdRef); ok {
		l.Taxon = n.ScientificName
	}
	if len(m.Leaks) < leaksTold && !slices.Contains(m.Leaks, l) {
		m.Leaks = append(m.Leaks, l)
	}
}

// settle turns differences into leaks when the two tellings do not show the same. Equal tells
// whether every row of both snapshots is the same, which must be so then, whatever was shown.
func (m *prover) settle(equal bool) {
	if len(m.balance) > 0 {
		for _, l := range m.suspects {
			m.leak(l)
		}
	}
	if !equal && len(m.Leaks) == 0 {
		m.leak(Leak{Name: "rows"})
	}
}

// lawful checks one decision by itself, apart from the code that took it: what must be withheld
// is not shown, what must be blurred is, in no smaller kind of area than its level allows nor in
// a smaller area than it is known by, and its level is no lower than it was nor than lists ask.
func (r *run) lawful(o *observation.Observation, own class, p *disclosure.Published) {
	l := Leak{CdRef: o.CdRef, Detail: p.Area.Kind().String()}
	switch {
	case o.Held != observation.NotHeld, o.CdRef == 0, o.Presence != observation.Present,
		o.Validation == observation.Doubtful, o.Validation == observation.Invalid:
		l.Name = "held"
	case o.Sensitivity.Withholds(), o.StatedLevel.Withholds(), own.level.Withholds(), o.Diffusion == "4", p.CdRef != o.CdRef:
		l.Name = "withheld"
	case !p.Blurred && (mustBlur(o) || p.Area.Kind() != r.Policy.Mesh):
		l.Name = "precise"
	case o.Sensitivity != 0 && p.Area != o.Place.Attached && !o.BlurredAtSource() && !r.allowed(o.SensList, o.Sensitivity, p.Area.Kind()):
		l.Name = "area"
	case r.lowered(o, own, p):
		l.Name = "level"
	case !r.known(&o.Place, p.Area):
		l.Name = "nature"
	default:
		return
	}
	r.proof.leak(l)
}

// mustBlur reports whether a level, a wish, a choice or its producer's own blurring asks that an
// observation be blurred.
func mustBlur(o *observation.Observation) bool {
	wish := asks(o.Diffusion) || asks(o.Consent)
	return o.Sensitivity != 0 || o.StatedLevel != 0 || o.BlurredAtSource() || wish && o.Public != "Pu" && o.Public != "Re" && o.Public != "Ac"
}

// lowered reports whether an observation is shown in a smaller kind of area than allow the level it
// came with, or the one that lists ask for where it is. Levels are not compared: of two, the one that
// is stricter may end in a smaller area for a record that is itself vague.
func (r *run) lowered(o *observation.Observation, own class, p *disclosure.Published) bool {
	if p.Area == o.Place.Attached || o.BlurredAtSource() {
		return o.Sensitivity == 0 && own.level != 0
	}
	if own.level != 0 && !r.allowed(own.list, own.level, p.Area.Kind()) {
		return true
	}
	if o.Manual || !r.bearing(o).named {
		return false
	}
	asked := r.spread.Class(o)
	return asked.Level != 0 && !r.allowed(asked.List, asked.Level, p.Area.Kind())
}

// known reports whether a record attached to an area is shown no more finely than that: in an
// area that holds it, or in one at the middle of its cell of a kind as large as the cell.
func (r *run) known(p *observation.Place, area geo.AreaKey) bool {
	if p.Attached == 0 || p.Georeference == observation.ByGeometry {
		return true
	}
	if k := p.Attached.Kind(); k.Mesh() > 0 && !r.Policy.Coarser(k, area.Kind()) {
		return true
	}
	for _, a := range [...]geo.AreaKey{p.Attached, p.Commune, p.Department} {
		if a != 0 && (a == area || slices.Contains(r.areas.Containers(a), area)) {
			return true
		}
	}
	return false
}

// asks reports whether a diffusionNiveauPrecision asks for less than the mesh.
func asks(code string) bool { return code != "" && code != "0" && code != "5" }

// allowed reports whether a level may be shown by a kind of areas: one it names, or a coarser one
// than the first it names.
func (r *run) allowed(list string, level sensitivity.Level, k geo.Kind) bool {
	of := levelKey{list, level}
	kinds, known := r.proof.kinds[of]
	if !known {
		kinds = r.Policy.KindsOf(list, level)
		r.proof.kinds[of] = kinds
	}
	return len(kinds) > 0 && (slices.Contains(kinds, k) || k == geo.Region || r.Policy.Coarser(k, kinds[0]))
}

// finer returns the leak of a blurred observation that is said to lie in an area that does not
// hold the one where it is shown, or of which an altitude is told.
func (r *run) finer(p *disclosure.Published) (Leak, bool) {
	if p.AltitudeMin != observation.NoAltitude || p.AltitudeMax != observation.NoAltitude {
		return Leak{Name: "altitude", CdRef: p.CdRef, Detail: p.Area.Kind().String()}, true
	}
	if r.areas.Surface(p.Area) <= 0 {
		return Leak{Name: "area", CdRef: p.CdRef, Detail: p.Area.Kind().String()}, true
	}
	up := r.areas.Containers(p.Area)
	for i, k := range p.Within {
		if !slices.Contains(up, k) || slices.Contains(p.Within[:i], k) {
			return Leak{Name: "pairs", CdRef: p.CdRef, Detail: k.Kind().String() + " × " + p.Area.Kind().String()}, true
		}
	}
	if p.When.StartTime != "" || p.When.EndTime != "" {
		return Leak{Name: "dates", CdRef: p.CdRef}, true
	}
	return Leak{}, false
}

// prove ends the proof of a snapshot that is written, and refuses it when it leaks.
func (r *run) prove(ctx context.Context, path string, t *traces) error {
	m := &r.proof
	files, err := filesOf(r.Dir, path, false)
	if err != nil {
		return err
	}
	if err := r.search(ctx, files, t); err != nil {
		return err
	}
	return m.Refused()
}
