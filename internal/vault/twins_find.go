package vault

import (
	"slices"

	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
)

// holders are the codes of the areas that hold a shape, among those a record may be attached
// to.
func holders(n *twinNode) []string {
	out := make([]string, 0, 8)
	for _, code := range []string{n.commune, n.department} {
		if code != "" {
			out = append(out, code)
		}
	}
	box := geo.Box{MinX: n.minX, MinY: n.minY, MaxX: n.maxX, MaxY: n.maxY}
	for _, k := range []geo.Kind{geo.Cell1, geo.Cell2, geo.Cell5, geo.Cell10, geo.Cell20, geo.Cell50} {
		if c, ok := box.Cell(k); ok {
			out = append(out, c.Code())
		}
	}
	return out
}

// findTwins brings the table of twins up to date after rows were touched, and returns how many
// of these have a twin, and how many of them by their identifier. rows is about how many
// observations there are.
func (b *bulk) findTwins(t *touched, rows int64) (n, same int, err error) {
	if len(t.ids)+len(t.kept) == 0 && !t.all {
		return 0, 0, nil
	}
	form, err := b.counter("twin keys")
	if err != nil {
		return 0, 0, err
	}
	if form != twinKeyForm {
		if err := b.makeTwinKeys(); err != nil {
			return 0, 0, err
		}
		t.ids, t.kept = append(t.ids, t.kept...), nil // the keys they had are of another form
	}
	several := int64(0)
	if err := b.rows(`SELECT COUNT(*) FROM dataset`, nil, func(s row) error { several = s.ColumnInt64(0); return nil }); err != nil || several < 2 {
		return 0, 0, err // one road only
	}
	if t.all || int64(len(t.ids)+len(t.kept)) > rows/8 {
		return b.findAllTwins(t)
	}
	return b.findSomeTwins(t)
}

// makeTwinKeys makes the key of every row, of a vault made before there were any.
func (b *bulk) makeTwinKeys() error {
	type made struct{ id, key int64 }
	who, last := map[string]uint64{}, int64(0)
	for {
		var batch []made
		err := b.rows(`SELECT id, cd_ref, presence, date_start, date_end, date_precision, observers, twin_key FROM observation
			WHERE id > $1 ORDER BY id LIMIT 10000`, []any{last}, func(s row) error {
			last = s.ColumnInt64(0)
			o := keyFields(s, 1)
			if key := twinKey(&o, who); key != s.ColumnInt64(7) {
				batch = append(batch, made{last, key})
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, m := range batch {
			if _, err := b.exec(`UPDATE observation SET twin_key = $2 WHERE id = $1`, m.id, nullCode(m.key)); err != nil {
				return err
			}
		}
		more := false
		if err := b.rows(`SELECT 1 FROM observation WHERE id > $1 LIMIT 1`, []any{last}, func(row) error { more = true; return nil }); err != nil {
			return err
		}
		if !more {
			return b.setCounter("twin keys", twinKeyForm)
		}
	}
}

// findAllTwins reads every key that several datasets have.
func (b *bulk) findAllTwins(t *touched) (n, same int, err error) {
	if _, err := b.exec(`DELETE FROM twin`); err != nil {
		return 0, 0, err
	}
	linked := map[int64]*twinNode{}
	var group []*twinNode
	link := func(joinRows func([]*twinNode)) {
		for i, n := range group {
			if known := linked[n.id]; known != nil {
				group[i] = known
			}
		}
		joinRows(group)
		for _, n := range group {
			if n.parent != nil {
				linked[n.id], linked[n.root().id] = n, n.root()
			}
		}
		group = group[:0]
	}
	err = b.rows(`SELECT `+twinColumns+` FROM observation WHERE withdrawn IS NULL AND twin_key IN
			(SELECT twin_key FROM observation WHERE twin_key IS NOT NULL GROUP BY twin_key
				HAVING MIN(dataset) <> MAX(dataset) AND COUNT(*) <= $1)
		ORDER BY twin_key, id`, []any{twinCrowd}, func(s row) error {
		n := readTwin(s)
		if len(group) > 0 && group[0].key != n.key {
			link(joinPlaces)
		}
		group = append(group, n)
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	link(joinPlaces)
	err = b.rows(`SELECT `+twinColumns+` FROM observation WHERE withdrawn IS NULL AND id_sinp IN
			(SELECT id_sinp FROM observation WHERE id_sinp IS NOT NULL GROUP BY id_sinp HAVING MIN(dataset) <> MAX(dataset))
		ORDER BY id_sinp, id`, nil, func(s row) error {
		n := readTwin(s)
		if len(group) > 0 && group[0].uuid != n.uuid {
			link(joinAll)
		}
		group = append(group, n)
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	link(joinAll)
	nodes := make([]*twinNode, 0, len(linked))
	for _, n := range linked {
		nodes = append(nodes, n)
	}
	var wanted map[int64]bool
	if !t.all {
		wanted = setOf(t.ids, t.kept)
	}
	return b.storeTwins(nodes, wanted)
}

// twinSearch follows rows to those they may be twins of.
type twinSearch struct {
	b     *bulk
	nodes map[int64]*twinNode
	queue []int64
	keys  map[int64]bool
	uuids map[string]bool
}

// findSomeTwins looks from each touched row, and from those it was the twin of, along keys
// and identifiers as far as they lead: whole clusters are made anew. Rows that kept what tells twins are not looked
// from, and count with the twins that they have in the end.
func (b *bulk) findSomeTwins(t *touched) (n, same int, err error) {
	f := twinSearch{b: b, nodes: map[int64]*twinNode{}, queue: slices.Clone(t.ids), keys: map[int64]bool{}, uuids: map[string]bool{}}
	moved := setOf(t.ids)
	if err := f.former(); err != nil {
		return 0, 0, err
	}
	for len(f.queue) > 0 {
		id := f.queue[len(f.queue)-1]
		f.queue = f.queue[:len(f.queue)-1]
		if err := f.follow(id); err != nil {
			return 0, 0, err
		}
	}
	nodes := make([]*twinNode, 0, len(f.nodes))
	for _, n := range f.nodes {
		nodes = append(nodes, n)
		if !moved[n.id] {
			if _, err := b.exec(`DELETE FROM twin WHERE observation = $1`, n.id); err != nil {
				return 0, 0, err
			}
		}
	}
	if n, same, err = b.storeTwins(nodes, setOf(t.ids, t.kept)); err != nil {
		return 0, 0, err
	}
	if some, err := b.hasTwins(); err != nil || !some {
		return n, same, err
	}
	for id := range setOf(t.kept) {
		if moved[id] || f.nodes[id] != nil { // counted
			continue
		}
		some, twin, err := b.countTwin(id)
		if err != nil {
			return 0, 0, err
		}
		n, same = n+some, same+twin
	}
	return n, same, nil
}

func setOf(lists ...[]int64) map[int64]bool {
	set := map[int64]bool{}
	for _, l := range lists {
		for _, id := range l {
			set[id] = true
		}
	}
	return set
}

// countTwin is 1 when an observation has twins, and same is when one of them bears its identifier.
func (b *bulk) countTwin(id int64) (n, same int, err error) {
	cluster := int64(0)
	if err := b.rows(`SELECT cluster FROM twin WHERE observation = $1`, []any{id}, func(s row) error {
		n, cluster = 1, s.ColumnInt64(0)
		return nil
	}); err != nil || n == 0 {
		return 0, 0, err
	}
	err = b.rows(`SELECT 1 FROM twin t JOIN observation o ON o.id = t.observation
		WHERE t.cluster = $1 AND t.observation <> $2 AND o.id_sinp = (SELECT id_sinp FROM observation WHERE id = $2) LIMIT 1`,
		[]any{cluster, id}, func(row) error { same = 1; return nil })
	return n, same, err
}

// hasTwins reports whether there are any at all.
func (b *bulk) hasTwins() (some bool, err error) {
	err = b.rows(`SELECT 1 FROM twin LIMIT 1`, nil, func(row) error { some = true; return nil })
	return some, err
}

// former takes the touched rows out of their clusters and adds the rest of these to the
// search.
func (f *twinSearch) former() error {
	if some, err := f.b.hasTwins(); err != nil || !some {
		return err
	}
	clusters := map[int64]bool{}
	for _, id := range f.queue {
		if err := f.b.rows(`SELECT cluster FROM twin WHERE observation = $1`, []any{id}, func(s row) error {
			clusters[s.ColumnInt64(0)] = true
			return nil
		}); err != nil {
			return err
		}
	}
	for c := range clusters {
		if err := f.b.rows(`SELECT observation FROM twin WHERE cluster = $1 ORDER BY slot, observation`, []any{c}, func(s row) error {
			f.queue = append(f.queue, s.ColumnInt64(0))
			return nil
		}); err != nil {
			return err
		}
		if _, err := f.b.exec(`DELETE FROM twin WHERE cluster = $1`, c); err != nil {
			return err
		}
	}
	return nil
}

// follow joins a row with its twins, and adds these to the search.
func (f *twinSearch) follow(id int64) error {
	var n *twinNode
	if err := f.b.rows(`SELECT `+twinColumns+` FROM observation WHERE id = $1 AND withdrawn IS NULL`, []any{id}, func(s row) error {
		n = readTwin(s)
		return nil
	}); err != nil || n == nil {
		return err
	}
	if n.key != 0 && !f.keys[n.key] {
		f.keys[n.key] = true
		if err := f.group(`SELECT 1 FROM observation WHERE twin_key = $1 AND dataset <> $2 LIMIT 1`,
			`SELECT `+twinColumns+` FROM observation WHERE twin_key = $1 AND withdrawn IS NULL ORDER BY id LIMIT 10001`, n.key, n.dataset, joinPlaces); err != nil {
			return err
		}
	}
	if n.uuid != "" && !f.uuids[n.uuid] {
		f.uuids[n.uuid] = true
		return f.group(`SELECT 1 FROM observation WHERE id_sinp = $1 AND dataset <> $2 LIMIT 1`,
			`SELECT `+twinColumns+` FROM observation WHERE id_sinp = $1 AND withdrawn IS NULL ORDER BY id LIMIT 10001`, n.uuid, n.dataset, joinAll)
	}
	return nil
}

// group joins the rows that share a key, when another dataset has one.
func (f *twinSearch) group(other, members string, key any, dataset int64, joinRows func([]*twinNode)) error {
	several := false
	if err := f.b.rows(other, []any{key, dataset}, func(row) error { several = true; return nil }); err != nil || !several {
		return err
	}
	var rows []*twinNode
	if err := f.b.rows(members, []any{key}, func(s row) error {
		n := readTwin(s)
		if known := f.nodes[n.id]; known != nil {
			n = known
		}
		rows = append(rows, n)
		return nil
	}); err != nil || len(rows) > twinCrowd {
		return err
	}
	joinRows(rows)
	linked := map[*twinNode]bool{}
	for _, n := range rows {
		if n.parent != nil {
			linked[n], linked[n.root()] = true, true
		}
	}
	for _, n := range rows {
		if linked[n] && f.nodes[n.id] == nil {
			f.nodes[n.id] = n
			f.queue = append(f.queue, n.id)
		}
	}
	return nil
}

// keyFields reads what twinKey looks at: cd_ref, presence, date_start, date_end,
// date_precision, observers.
func keyFields(s row, from int) (o observation.Observation) {
	o.CdRef = taxon.CdRef(s.ColumnInt64(from))
	o.When.Precision = observation.Years
	if i := slices.Index(presenceList(), s.ColumnText(from+1)); i >= 0 {
		o.Presence = observation.Presence(i)
	}
	if s.ColumnText(from+4) == precisionCodes()[observation.Day] {
		o.When.Precision = observation.Day
	}
	o.When.Start, o.When.End = parseDate([]byte(s.ColumnText(from+2))), parseDate([]byte(s.ColumnText(from+3)))
	o.Observers = s.ColumnText(from + 5)
	return o
}

func presenceList() []string { p := presenceCodes(); return p[:] }
