package vault

import (
	"cmp"
	"context"
	"hash/fnv"
	"math"
	"slices"

	"garrigue/internal/consent"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/observation"
)

const (
	// twinKeyForm is the version of what twinKey hashes: another one has the keys of every row
	// made again at the next batch.
	twinKeyForm = 2
	// twinDistance is how far apart, in metres, two points may be and still be one place: what
	// rounding coordinates to four decimals, or a projection there and back, may move.
	twinDistance = 10
	// twinCrowd is how many rows of one key tell nothing any more: an organisation for
	// observer, the first of January for date.
	twinCrowd = 10_000
	// touchedLimit is how many ids a batch remembers; beyond, all twins are found again.
	touchedLimit = 1 << 18
)

// twinKey hashes what two rows of one observation have in common besides the place: taxon,
// days, presence and observers. 0 when one of them is missing or vague, since such rows cannot
// be told apart from others. who caches the hashes of observers, and may be nil.
func twinKey(o *observation.Observation, who map[string]uint64) int64 {
	if o.CdRef == 0 || o.When.Precision != observation.Day || o.Presence == observation.PresenceUnknown || o.Observers == "" {
		return 0
	}
	people, known := who[o.Observers]
	if !known {
		h := fnv.New64a()
		for _, p := range consent.People(o.Observers) {
			h.Write([]byte(p))
			h.Write([]byte{0})
			people = h.Sum64()
		}
		if who != nil {
			if len(who) >= cacheLimit {
				clear(who)
			}
			who[o.Observers] = people
		}
	}
	if people == 0 {
		return 0
	}
	return int64(mix(people ^ mix(uint64(o.CdRef)<<2^uint64(o.Presence)^mix(uint64(o.When.Start)<<32^uint64(uint32(o.When.End))))))
}

// touched are the observations whose twins are to be looked for, and those that changed in nothing
// that tells twins (kept): these have the twins they had.
type touched struct {
	ids  []int64
	kept []int64
	all  bool
}

func (t *touched) add(id int64) {
	if t.all || len(t.ids) > 0 && t.ids[len(t.ids)-1] == id {
		return
	}
	t.ids = append(t.ids, id)
	t.bound()
}

// keep notes an observation whose twins are those it had.
func (t *touched) keep(id int64) {
	if t.all || len(t.ids) > 0 && t.ids[len(t.ids)-1] == id {
		return
	}
	t.kept = append(t.kept, id)
	t.bound()
}

func (t *touched) bound() {
	if len(t.ids)+len(t.kept) > touchedLimit {
		t.ids, t.kept, t.all = nil, nil, true
	}
}

// twinNode is what tells whether a row is the twin of another.
type twinNode struct {
	id, dataset, key              int64
	uuid                          string
	minX, minY, maxX, maxY        float64
	attached, commune, department string
	located                       bool
	sign                          uint64 // what else distinguishes rows of one place and day
	parent                        *twinNode
}

const twinColumns = `id, dataset, twin_key, id_sinp, georeference, min_x, min_y, max_x, max_y, attached, commune, department,
	time_start, count_min, count_max, life_stage, sex`

func readTwin(s row) *twinNode {
	n := &twinNode{id: s.ColumnInt64(0), dataset: s.ColumnInt64(1), key: s.ColumnInt64(2), uuid: s.ColumnText(3),
		minX: s.ColumnFloat(5), minY: s.ColumnFloat(6), maxX: s.ColumnFloat(7), maxY: s.ColumnFloat(8),
		attached: s.ColumnText(9), commune: s.ColumnText(10), department: s.ColumnText(11)}
	n.located = s.ColumnText(4) == georeferenceCodes()[observation.ByGeometry]
	h := fnv.New64a()
	for i := 12; i < 17; i++ {
		h.Write([]byte(s.ColumnText(i)))
		h.Write([]byte{0})
	}
	n.sign = h.Sum64()
	return n
}

func (n *twinNode) root() *twinNode {
	for n.parent != nil {
		if n.parent.parent != nil {
			n.parent = n.parent.parent
		}
		n = n.parent
	}
	return n
}

// join makes two rows of one cluster, named by the smaller id.
func join(a, b *twinNode) bool {
	a, b = a.root(), b.root()
	if a == b {
		return false
	}
	if b.id < a.id {
		a, b = b, a
	}
	b.parent = a
	return true
}

// near reports whether two shapes are one place.
func near(a, b *twinNode) bool {
	return math.Abs(a.minX-b.minX) <= twinDistance && math.Abs(a.minY-b.minY) <= twinDistance &&
		math.Abs(a.maxX-b.maxX) <= twinDistance && math.Abs(a.maxY-b.maxY) <= twinDistance
}

// joinPlaces joins rows of one key, of different datasets, that are of one place: shapes whose
// boxes agree within twinDistance, records attached to the same area, a shape and a record
// attached to the commune, the department or the cell that holds it.
func joinPlaces(rows []*twinNode) {
	areas := map[string][]*twinNode{}
	var shapes []*twinNode
	for _, n := range rows {
		switch {
		case n.located:
			shapes = append(shapes, n)
		case n.attached != "":
			areas[n.attached] = append(areas[n.attached], n)
		}
	}
	for _, in := range areas {
		joinAll(in)
	}
	slices.SortFunc(shapes, func(a, b *twinNode) int { return cmp.Compare(a.minX, b.minX) })
	for i, a := range shapes {
		for _, b := range shapes[i+1:] {
			if b.minX-a.minX > twinDistance {
				break
			}
			if a.dataset != b.dataset && near(a, b) {
				join(a, b)
			}
		}
	}
	if len(areas) == 0 {
		return
	}
	for _, n := range shapes {
		for _, code := range holders(n) {
			for _, a := range areas[code] {
				if a.dataset != n.dataset {
					join(a, n)
				}
			}
		}
	}
}

// joinAll joins rows that are one place, when they come by more than one road.
func joinAll(rows []*twinNode) {
	for _, n := range rows {
		if n.dataset != rows[0].dataset {
			for _, other := range rows[1:] {
				join(rows[0], other)
			}
			return
		}
	}
}

// storeTwins writes clusters in place of what the table has of their rows, and returns how many
// of the wanted rows (nil: all) are in one, and how many of these share their identifier.
func (b *bulk) storeTwins(nodes []*twinNode, wanted map[int64]bool) (n, same int, err error) {
	clusters := map[*twinNode][]*twinNode{}
	for _, t := range nodes {
		clusters[t.root()] = append(clusters[t.root()], t)
	}
	roots := make([]*twinNode, 0, len(clusters))
	for r, members := range clusters {
		if len(members) > 1 {
			roots = append(roots, r)
		}
	}
	slices.SortFunc(roots, func(a, b *twinNode) int { return cmp.Compare(a.id, b.id) })
	for _, r := range roots {
		members := clusters[r]
		uuids := map[string]int{}
		for _, m := range members {
			uuids[m.uuid]++
		}
		for i, slot := range slots(members) {
			if _, err := b.exec(`INSERT INTO twin (observation, cluster, slot) VALUES ($1, $2, $3)`, members[i].id, r.id, slot); err != nil {
				return 0, 0, err
			}
			if wanted == nil || wanted[members[i].id] {
				n++
				if members[i].uuid != "" && uuids[members[i].uuid] > 1 {
					same++
				}
			}
		}
	}
	return n, same, nil
}

// slots sorts a cluster and says which of its rows are taken for one another: within one
// dataset two rows are two rows, so that each slot has at most one of each. Rows of one
// identifier go together first, then those that agree in time, numbers, stage and sex.
func slots(members []*twinNode) []int {
	slices.SortFunc(members, func(a, b *twinNode) int {
		return cmp.Or(cmp.Compare(a.dataset, b.dataset), cmp.Compare(a.sign, b.sign), cmp.Compare(a.id, b.id))
	})
	out := make([]int, len(members))
	type slot struct{ first, dataset int } // index of a first row; dataset of the last one put
	var all []slot
	for from := 0; from < len(members); {
		to := from
		for to < len(members) && members[to].dataset == members[from].dataset {
			to++
		}
		d, placed := int(members[from].dataset), make([]bool, to-from)
		put := func(i int, like func(a, b *twinNode) bool) {
			for s := range all {
				if all[s].dataset != d && like(members[all[s].first], members[i]) {
					all[s].dataset, out[i], placed[i-from] = d, s+1, true
					return
				}
			}
		}
		for _, like := range []func(a, b *twinNode) bool{
			func(a, b *twinNode) bool { return a.uuid != "" && a.uuid == b.uuid },
			func(a, b *twinNode) bool { return a.sign == b.sign },
			func(a, b *twinNode) bool { return true },
		} {
			for i := from; i < to; i++ {
				if !placed[i-from] {
					put(i, like)
				}
			}
		}
		for i := from; i < to; i++ {
			if !placed[i-from] {
				all = append(all, slot{i, d})
				out[i] = len(all)
			}
		}
		from = to
	}
	return out
}

// TwinMembers calls f with each observation that has a twin, cluster after cluster and slot
// after slot, against a grant; o is reused. Withdrawn ones are no twins.
func (db *DB) TwinMembers(ctx context.Context, g disclosure.Grant, f func(cluster, slot int64, o *observation.Observation) error) (err error) {
	defer fault.Wrap(&err, "vault.TwinMembers")
	entry, err := db.record(ctx, g, ForPublication)
	if err != nil {
		return err
	}
	var cluster, slot int64
	n, err := db.scanText(ctx, `SELECT `+publicationColumns+`, cluster, slot FROM twin JOIN observation ON observation.id = twin.observation
		ORDER BY cluster, slot, id`, func(d *decoder, o *observation.Observation) error {
		cluster, slot = d.int(), d.int()
		return nil
	}, func(o *observation.Observation) error { return f(cluster, slot, o) })
	if jerr := db.endRecord(ctx, entry, n, err); err == nil {
		err = jerr
	}
	return err
}

// Twin is one member of a cluster, as lists of twins show it: nothing of it is exact.
type Twin struct {
	Cluster     int64  `json:"cluster"`
	Slot        int64  `json:"slot"`
	Observation int64  `json:"observation"`
	Dataset     string `json:"dataset"`
	CdRef       int64  `json:"cd_ref"`
}

// Twins lists the clusters, in order, at most limit of them (0: all).
func (db *DB) Twins(ctx context.Context, limit int) (list []Twin, err error) {
	defer fault.Wrap(&err, "vault.Twins")
	if limit <= 0 {
		limit = 1 << 30
	}
	rows, err := db.read.QueryContext(ctx, `SELECT t.cluster, t.slot, o.id, d.name, COALESCE(o.cd_ref, 0)
		FROM (SELECT DISTINCT cluster FROM twin ORDER BY cluster LIMIT $1) c
		JOIN twin t ON t.cluster = c.cluster JOIN observation o ON o.id = t.observation JOIN dataset d ON d.id = o.dataset
		ORDER BY t.cluster, t.slot, o.id`, limit)
	if err != nil {
		return nil, interrupted(ctx, classify(err))
	}
	defer rows.Close()
	for rows.Next() {
		var t Twin
		if err := rows.Scan(&t.Cluster, &t.Slot, &t.Observation, &t.Dataset, &t.CdRef); err != nil {
			return nil, classify(err)
		}
		list = append(list, t)
	}
	return list, interrupted(ctx, classify(rows.Err()))
}
