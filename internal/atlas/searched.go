package atlas

import (
	"context"
	"slices"

	"zombiezen.com/go/sqlite"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

// Searched is how many published observations of a taxon's public group a cell of the mesh needs
// for a blank there to mean "not seen though searched". A morning's list of birds, a night's
// moths: below, who came by may have looked at something else.
const Searched = 20

// searched sums, for each public group, what was observed of it in each cell of the mesh, by year:
// where the group was looked for, as far as is published. Packed, by index of taxon.Groups; nil of
// a group that was seen nowhere.
func (s *snapshot) searched() [][]byte {
	groups := len(taxon.Groups())
	nodes := make([][]int32, groups+1)
	for i := range s.nodes {
		if nd := &s.nodes[i]; nd.n > 0 && nd.unit {
			nodes[s.group[i]] = append(nodes[s.group[i]], int32(i))
		}
	}
	out := make([][]byte, groups)
	sums := make([]uint32, len(s.zones)*s.span) // by area and year
	var rows []cubeRow
	for g := range out {
		for _, i := range nodes[g] {
			s.nodes[i].eachOwn(func(c cubeRow) {
				if c.reasons() == 0 && s.kinds[c.area()] == s.meta.Mesh {
					sums[int(c.area())*s.span+int(c.year()-s.year0)] += c.n()
				}
			})
		}
		rows = rows[:0]
		for k, n := range sums {
			if n > 0 {
				rows = append(rows, makeCube(int32(k/s.span), 0, s.year0+int16(k%s.span), n))
				sums[k] = 0
			}
		}
		if len(rows) > 0 {
			out[g] = packCube(nil, rows)
		}
	}
	return out
}

func (s *snapshot) writeSearched(w *writer, searched [][]byte) {
	row := w.insert("group_sheet", 2)
	for i, g := range taxon.Groups() {
		if searched[i] != nil {
			w.row(row, g.Slug, searched[i])
		}
	}
}

// Searched returns the cells of the mesh where a taxon was not seen though searched: its public
// group was observed there at least Searched times between two years, both included (0: no
// bound), the taxon was not, and no coarser area in which it is shown meets the cell. None when a
// list may ask that nothing of the taxon be shown, since a blank then tells nothing. In order of
// key. NotFound when the taxon has no sheet.
func (a *Atlas) Searched(ctx context.Context, cd taxon.CdRef, from, to int) (out []geo.AreaKey, err error) {
	defer fault.Wrap(&err, "atlas.Searched(%d)", cd)
	if to == 0 {
		to = 1 << 15
	}
	i, ok := a.taxa.find(cd)
	if !ok {
		return nil, fault.Say(fault.NotFound, "atlas.notaxon", int(cd))
	}
	var cube []byte
	hidden := false
	if err := a.query(ctx, `SELECT cube, EXISTS (SELECT 1 FROM json_each(sheet, '$.lists') AS l
		WHERE COALESCE(json_array_length(l.value, '$.kinds'), 0) = 0) FROM taxon_sheet WHERE cd_ref = ?1`, func(s *sqlite.Stmt) error {
		cube, hidden = column(s, 0), s.ColumnBool(1)
		return nil
	}, int64(cd)); err != nil || hidden {
		return nil, err
	}
	group, err := a.groupCells(ctx, a.taxa.terms[a.taxa.rows[i].group])
	if err != nil || group == nil {
		return nil, err
	}
	covered := cover{mesh: a.meta.Mesh, met: map[int32]bool{}}
	if err := eachSlot(cube, from, to, func(t areaTally) { covered.add(a, t) }); err != nil {
		return nil, err
	}
	for _, key := range covered.wide {
		if err := a.eachMeshCell(ctx, key, func(c int32) { covered.met[c] = true }); err != nil {
			return nil, err
		}
	}
	err = eachSlot(group, from, to, func(t areaTally) {
		if t.n >= Searched && int(t.area) < len(a.areas) && !covered.has(a, t.area) {
			out = append(out, a.areas[t.area].Area)
		}
	})
	return out, err
}

// groupCells reads the packed cells of a group; nil when there are none, or in a snapshot made
// before they were kept.
func (a *Atlas) groupCells(ctx context.Context, slug string) (b []byte, err error) {
	known := false
	if err := a.query(ctx, "SELECT 1 FROM sqlite_schema WHERE name = 'group_sheet'", func(*sqlite.Stmt) error {
		known = true
		return nil
	}); err != nil || !known {
		return nil, err
	}
	err = a.query(ctx, "SELECT cells FROM group_sheet WHERE slug = ?1", func(s *sqlite.Stmt) error {
		b = column(s, 0)
		return nil
	}, slug)
	return b, err
}

// eachMeshCell calls f with the number of every cell of the mesh that an area meets.
func (a *Atlas) eachMeshCell(ctx context.Context, area int32, f func(int32)) error {
	var cells []byte
	if err := a.query(ctx, "SELECT cells FROM area_sheet WHERE area_id = ?1", func(s *sqlite.Stmt) error {
		cells = column(s, 0)
		return nil
	}, int64(area)+1); err != nil {
		return err
	}
	u := unpacker{b: cells}
	c := uint64(0)
	for n := u.len(); n > 0; n-- {
		if c += u.uint(); c < uint64(len(a.areas)) {
			f(int32(c))
		}
	}
	return u.err
}

// cover is where a taxon is shown: its cells of the mesh, and the areas coarser or of another
// nature that a cell may lie in.
type cover struct {
	mesh    geo.Kind
	met     map[int32]bool // numbers of cells
	squares map[geo.AreaKey]bool
	wide    []int32 // areas that are no cells
	kinds   []geo.Kind
}

func (c *cover) add(a *Atlas, t areaTally) {
	if int(t.area) >= len(a.areas) {
		return
	}
	key := a.areas[t.area].Area
	switch kind := key.Kind(); {
	case kind == c.mesh:
		c.met[t.area] = true
	case kind.Mesh() == 0:
		if k := len(c.wide) - 1; k < 0 || c.wide[k] != t.area {
			c.wide = append(c.wide, t.area)
		}
	default:
		if c.squares == nil {
			c.squares = map[geo.AreaKey]bool{}
		}
		c.squares[key] = true
		if !slices.Contains(c.kinds, kind) {
			c.kinds = append(c.kinds, kind)
		}
	}
}

// has reports whether a cell of the mesh is one of the taxon's, or meets an area of it.
func (c *cover) has(a *Atlas, cell int32) bool {
	if c.met[cell] {
		return true
	}
	e, n := a.areas[cell].Area.Corner()
	half := float64(c.mesh.Mesh()) * 500
	for _, k := range c.kinds {
		// Sides divide one another, but for 2 and 5 km: a cell may then lie astride, and each of its
		// corners is asked.
		for _, d := range [4][2]float64{{1, 1}, {2*half - 1, 1}, {1, 2*half - 1}, {2*half - 1, 2*half - 1}} {
			if c.squares[geo.CellAt(k, float64(e)*1000+d[0], float64(n)*1000+d[1])] {
				return true
			}
		}
	}
	return false
}
