package portal

import (
	"context"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/clip"

	"garrigue/internal/atlas"
	"garrigue/internal/geo"
)

// Lower bounds of the classes, one set per sort of map and never per zoom (design language).
var countClasses = [...]int{1, 2, 5, 10, 20, 50}

// richnessScales are the scales of maps of richness. A territory has one, whatever the page:
// a young atlas would otherwise be of one colour.
var richnessScales = [...][6]int{
	{1, 2, 3, 4, 5, 6}, {1, 3, 6, 11, 16, 21}, {1, 6, 11, 21, 41, 61}, {1, 11, 26, 51, 101, 151},
	{1, 26, 51, 101, 201, 301}, {1, 26, 76, 151, 301, 601}, {1, 51, 151, 301, 601, 1201}, {1, 101, 301, 601, 1201, 2401},
}

// richnessBounds is the widest scale whose densest class the richest cell reaches.
func richnessBounds(cells []atlas.AreaCount) []int {
	top := 0
	for i := range cells {
		top = max(top, cells[i].Taxa)
	}
	best := 0
	for i := range richnessScales {
		if richnessScales[i][5] <= top {
			best = i
		}
	}
	return richnessScales[best][:]
}

func classOf(n int, bounds []int) int {
	c := 0
	for c < len(bounds) && n >= bounds[c] {
		c++
	}
	return c // 0: below the first
}

// classLine is a line of a legend.
type classLine struct {
	Class    int
	From, To int // To 0: no end
	Cells    int
}

// coarseLine is a line of the block "less precise, on purpose".
type coarseLine struct {
	Kind  geo.Kind
	Areas int
	N     int
}

// speciesMap is a map of a taxon with what its legend says.
type speciesMap struct {
	SVG      string
	Legend   []classLine // densest first
	Classes  []int       // lower bounds of the classes
	Coarse   []coarseLine
	Why      [4]int // less precise observations, by bit of disclosure.Reason: one may have two
	Cells    int
	N        int // observations in mesh cells
	Blurred  int
	Searched int // cells where the taxon was not seen though its group was observed
}

// crowded is how many less precise areas make their full outlines hide the map; beyond, they
// are drawn lighter.
const crowded = 120

// drawSpecies draws the disclosed areas of a taxon: the cells where it was searched in vain, over
// them its coarser areas filled, the largest first, then its mesh cells, and the outlines of the
// coarser areas on top.
func (f *fond) drawSpecies(ctx context.Context, a *atlas.Atlas, mesh geo.Kind, areas []atlas.AreaCount, searched []geo.AreaKey, title, desc string) (*speciesMap, error) {
	m := &speciesMap{Searched: len(searched)}
	var cells, coarse []atlas.AreaCount
	for i := range areas {
		if c := &areas[i]; c.Reasons == 0 && c.Area.Kind() == mesh {
			cells = append(cells, *c)
			m.N += c.N
		} else {
			coarse = append(coarse, *c)
			m.Blurred += c.N
			for k, n := range c.Why {
				m.Why[k] += int(n)
			}
		}
	}
	sortCells(cells)
	sortCells(coarse)
	m.Cells = len(cells)
	paths, counts := f.cellPaths(cells, countClasses[:], func(c *atlas.AreaCount) int { return c.N })
	m.Legend = legend(countClasses[:], counts)
	z, err := f.coarsePaths(ctx, a, coarse)
	if err != nil {
		return nil, err
	}
	m.Coarse = coarseLegend(coarse)
	var b strings.Builder
	b.Grow(len(paths) + 12*len(searched) + 12000)
	f.open(&b, title, desc)
	f.define(&b, z, len(searched) > 0)
	f.use(&b, "sous")
	f.searched(&b, searched)
	z.fill(&b)
	b.WriteString(paths)
	f.use(&b, "sur")
	z.outline(&b, len(coarse) > crowded)
	b.WriteString(`</svg>`)
	m.SVG = b.String()
	return m, nil
}

// coarseShape is the path of the less precise areas of one kind, used twice: filled under the
// mesh cells, outlined over them. That of cells is in kilometres, see cellPaths.
type coarseShape struct {
	kind geo.Kind
	path string
}

// coarseShapes are in the order they are drawn: the largest first.
type coarseShapes []coarseShape

func (z *coarseShape) id() string { return "z-" + z.kind.String() }

// texture is the pattern of a kind of less precise areas: dots for communes, lines at 45° for cells,
// sparser for what is larger.
func texture(k geo.Kind) string {
	switch {
	case k == geo.Commune:
		return "hzcom"
	case k.Mesh() > 0 && k.Mesh() <= 10:
		return "hz10"
	case k.Mesh() > 0:
		return "hz50"
	}
	return "hzdep"
}

// define writes the shapes and the patterns they need. Identifiers are unique on a page: one such
// map per page.
func (f *fond) define(b *strings.Builder, shapes coarseShapes, searched bool) {
	if len(shapes) == 0 && !searched {
		return
	}
	k := 1 / (f.scale() * 1000) // patterns of cells lie in their kilometres
	lines := func(id string, step float64, class, transform string) {
		fmt.Fprintf(b, `<pattern id="%s" width="%s" height="%s" patternUnits="userSpaceOnUse" patternTransform="%s"><path class="%s" d="M1 0v%s"/></pattern>`,
			id, num(step), num(step), transform, class, num(step))
	}
	inCells := fmt.Sprintf("scale(%.5f %.5f) rotate(45)", k, -k)
	b.WriteString(`<defs>`)
	if searched {
		lines("hzsearched", 6, "hs", fmt.Sprintf("scale(%.5f %.5f) rotate(90)", k, -k))
	}
	done := map[string]bool{}
	for i := range shapes {
		z := &shapes[i]
		if id := texture(z.kind); !done[id] {
			done[id] = true
			switch id {
			case "hzcom":
				b.WriteString(`<pattern id="hzcom" width="5" height="5" patternUnits="userSpaceOnUse"><circle class="hd" cx="1.4" cy="1.4" r=".95"/><circle class="hd" cx="3.9" cy="3.9" r=".95"/></pattern>`)
			case "hz10":
				lines(id, 8, "hl", inCells)
			case "hz50":
				lines(id, 13, "hl wide", inCells)
			default:
				lines(id, 18, "hl wide", "rotate(45)")
			}
		}
		if z.kind.Mesh() > 0 {
			fmt.Fprintf(b, `<g id="%s" transform="%s"><path vector-effect="non-scaling-stroke" d="%s"/></g>`, z.id(), f.kilometres(), z.path)
		} else {
			fmt.Fprintf(b, `<path id="%s" d="%s"/>`, z.id(), z.path)
		}
	}
	b.WriteString(`</defs>`)
}

// fill draws a light ground and the texture of each kind; what is below shows through but a little,
// since two hatchings one over the other cannot be read.
func (z coarseShapes) fill(b *strings.Builder) {
	for i := range z {
		if i > 0 {
			fmt.Fprintf(b, `<use href="#%s" class="hu"/>`, z[i].id())
		}
		fmt.Fprintf(b, `<use href="#%s" class="hg"/><use href="#%s" class="ht" fill="url(#%s)"/>`, z[i].id(), z[i].id(), texture(z[i].kind))
	}
}

func (z coarseShapes) outline(b *strings.Builder, light bool) {
	class := "o"
	if light {
		class = "o light"
	}
	fmt.Fprintf(b, `<g class="%s">`, class)
	for i := range z {
		switch id := z[i].id(); {
		case z[i].kind.Mesh() > 0:
			fmt.Fprintf(b, `<use href="#%s" class="h10"/>`, id)
		case z[i].kind == geo.Commune:
			fmt.Fprintf(b, `<use href="#%s" class="hcom"/>`, id)
		default:
			fmt.Fprintf(b, `<use href="#%s" class="hdep2"/><use href="#%s" class="hdep"/>`, id, id)
		}
	}
	b.WriteString(`</g>`)
}

// searched draws the cells where the taxon was searched in vain. Neighbours in a row are one
// rectangle: of a well watched group there are thousands.
func (f *fond) searched(b *strings.Builder, cells []geo.AreaKey) {
	if len(cells) == 0 {
		return
	}
	type corner struct{ e, n int }
	at := make([]corner, len(cells))
	for i, key := range cells {
		at[i].e, at[i].n = key.Corner()
	}
	sort.Slice(at, func(i, j int) bool { return at[i].n < at[j].n || at[i].n == at[j].n && at[i].e < at[j].e })
	side := cells[0].Kind().Mesh()
	e0, n0 := f.corner()
	var d []byte
	for lo := 0; lo < len(at); {
		hi := lo + 1
		for hi < len(at) && at[hi].n == at[lo].n && at[hi].e == at[hi-1].e+side {
			hi++
		}
		d = appendRectangle(d, at[lo].e-e0, at[lo].n-n0, (hi-lo)*side, side)
		lo = hi
	}
	fmt.Fprintf(b, `<g transform="%s"><path class="seen" fill="url(#hzsearched)" d="%s"/></g>`, f.kilometres(), d)
}

func writePath(b *strings.Builder, class, d string) {
	if d != "" {
		fmt.Fprintf(b, `<path class="%s" d="%s"/>`, class, d)
	}
}

// drawRichness draws the number of species by cell.
func (f *fond) drawRichness(cells []atlas.AreaCount, title, desc string) *speciesMap {
	m := &speciesMap{Cells: len(cells)}
	cells = append([]atlas.AreaCount(nil), cells...)
	sortCells(cells)
	m.Classes = f.classes
	paths, counts := f.cellPaths(cells, f.classes, func(c *atlas.AreaCount) int { return c.Taxa })
	m.Legend = legend(f.classes, counts)
	var b strings.Builder
	f.open(&b, title, desc)
	f.use(&b, "sous")
	b.WriteString(paths)
	f.use(&b, "hors")
	f.use(&b, "sur")
	b.WriteString(`</svg>`)
	m.SVG = b.String()
	return m
}

func (f *fond) open(b *strings.Builder, title, desc string) {
	fmt.Fprintf(b, `<svg viewBox="0 0 %s %s" role="img" aria-labelledby="mt md"><title id="mt">%s</title><desc id="md">%s</desc>`,
		num(f.w), num(f.h), escape(title), escape(desc))
}

func (f *fond) use(b *strings.Builder, part string) {
	class := "fond"
	if f.many {
		class = "fond many"
	}
	fmt.Fprintf(b, `<use class="%s" href="/carte/fond.svg?v=%s#%s"/>`, class, escape(f.id), part)
}

// cellPaths returns one path per class, in kilometres from the sheet's corner so that they are
// short, and how many cells each class has.
func (f *fond) cellPaths(cells []atlas.AreaCount, bounds []int, value func(*atlas.AreaCount) int) (string, []int) {
	counts := make([]int, len(bounds)+1)
	ds := make([][]byte, len(bounds)+1)
	e0, n0 := f.corner()
	for i := range cells {
		c := classOf(value(&cells[i]), bounds)
		if c == 0 {
			continue
		}
		counts[c]++
		e, n := cells[i].Area.Corner()
		ds[c] = appendSquare(ds[c], e-e0, n-n0, cells[i].Area.Kind().Mesh())
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<g class="cells" transform="%s">`, f.kilometres())
	for c := 1; c < len(ds); c++ {
		if len(ds[c]) > 0 {
			fmt.Fprintf(&b, `<path class="c c%d" d="%s"/>`, c, ds[c])
		}
	}
	b.WriteString(`</g>`)
	return b.String(), counts
}

// corner is the kilometre of Lambert-93 just outside the sheet's south-west corner, the origin
// of cells so that their numbers are small.
func (v *view) corner() (e, n int) {
	return int(math.Floor(v.minX / 1000)), int(math.Floor(v.minY / 1000))
}

// kilometres is the transform from kilometres from that corner to the sheet.
func (v *view) kilometres() string {
	e, n := v.corner()
	k := v.scale() * 1000
	x, y := v.at(float64(e)*1000, float64(n)*1000)
	return fmt.Sprintf("matrix(%.4f 0 0 %.4f %.2f %.2f)", k, -k, x, y)
}

func appendSquare(b []byte, x, y, side int) []byte { return appendRectangle(b, x, y, side, side) }

func appendRectangle(b []byte, x, y, width, height int) []byte {
	w, h := strconv.Itoa(width), strconv.Itoa(height)
	b = append(b, 'M')
	b = strconv.AppendInt(b, int64(x), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(y), 10)
	return append(b, "h"+w+"v"+h+"h-"+w+"z"...)
}

// legend lists the classes, densest first.
func legend(bounds, counts []int) []classLine {
	var out []classLine
	for c := len(bounds); c >= 1; c-- {
		l := classLine{Class: c, From: bounds[c-1], Cells: counts[c]}
		if c < len(bounds) {
			l.To = bounds[c] - 1
		}
		out = append(out, l)
	}
	return out
}

func (f *fond) coarsePaths(ctx context.Context, a *atlas.Atlas, coarse []atlas.AreaCount) (coarseShapes, error) {
	paths := map[geo.Kind][]byte{}
	e0, n0 := f.corner()
	for i := range coarse {
		key := coarse[i].Area
		kind := key.Kind()
		if side := kind.Mesh(); side > 0 {
			e, n := key.Corner()
			paths[kind] = appendSquare(paths[kind], e-e0, n-n0, side)
			continue
		}
		path, err := f.outlinePath(ctx, a, key)
		if err != nil {
			return nil, err
		}
		paths[kind] = append(paths[kind], path...)
	}
	var out coarseShapes
	for kind, path := range paths {
		if len(path) > 0 {
			out = append(out, coarseShape{kind, string(path)})
		}
	}
	sort.Slice(out, func(i, j int) bool { return coarseness(out[i].kind) > coarseness(out[j].kind) })
	return out, nil
}

// coarseLegend counts less precise areas by kind. The usual kinds are always there, so that
// a reader learns what hatching means before meeting any.
func coarseLegend(coarse []atlas.AreaCount) []coarseLine {
	kinds := []geo.Kind{geo.Commune, geo.Cell10, geo.Department}
	out := make([]coarseLine, 0, 4)
	find := func(k geo.Kind) *coarseLine {
		for i := range out {
			if out[i].Kind == k {
				return &out[i]
			}
		}
		out = append(out, coarseLine{Kind: k})
		return &out[len(out)-1]
	}
	for _, k := range kinds {
		find(k)
	}
	for i := range coarse {
		l := find(coarse[i].Area.Kind())
		l.Areas++
		l.N += coarse[i].N
	}
	// Smallest first, as a reader expects.
	sort.SliceStable(out, func(i, j int) bool { return coarseness(out[i].Kind) < coarseness(out[j].Kind) })
	return out
}

// coarseness orders kinds of areas by their usual size.
func coarseness(k geo.Kind) int {
	switch k {
	case geo.Commune:
		return 6
	case geo.Department:
		return 1000
	case geo.Region:
		return 2000
	}
	return k.Mesh()
}

// areaMap is the map of one area among its neighbours.
type areaMap struct {
	SVG     string
	Legend  []classLine
	Classes []int
	Inset   string
}

// drawArea draws an area, the cells that meet it coloured by their species, strongly inside
// and faintly outside, with the neighbouring communes.
func (f *fond) drawArea(ctx context.Context, a *atlas.Atlas, s *atlas.AreaSheet, shape orb.MultiPolygon, title string) (*areaMap, error) {
	box := boxOf(shape)
	side := math.Max(box.MaxX-box.MinX, box.MaxY-box.MinY)
	v := frameAround(box, math.Max(2500, side*.28), 840, .81)
	coms, err := outlinesOf(ctx, a, geo.Commune, v.bound())
	if err != nil {
		return nil, err
	}
	deps, err := outlinesOf(ctx, a, geo.Department, v.bound())
	if err != nil {
		return nil, err
	}
	view := v.bound()
	for _, list := range [][]outline{coms, deps} {
		for i := range list {
			list[i].g = clip.MultiPolygon(view.Pad(.02), list[i].g)
		}
	}
	own := string(v.appendPath(nil, shape))
	m := &areaMap{Classes: f.classes}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %s %s" role="img" aria-labelledby="mt"><title id="mt">%s</title><clipPath id="ici"><path d="%s"/></clipPath><rect class="out" width="%s" height="%s"/>`,
		num(v.w), num(v.h), escape(title), own, num(v.w), num(v.h))
	writePath(&b, "sea", v.sea(invented(deps)))
	writePath(&b, "land", v.pathOf(deps))
	m.Legend = f.areaCells(&b, &v, s)
	writePath(&b, "com", v.pathOf(coms))
	writePath(&b, "reg", v.pathOf(deps))
	writePath(&b, "own", own)
	b.WriteString(v.labels(coms, s))
	b.WriteString(`<g class="fond">` + v.neatline() + `</g></svg>`)
	m.SVG = b.String()
	x, y := f.at((box.MinX+box.MaxX)/2, (box.MinY+box.MaxY)/2)
	m.Inset = fmt.Sprintf(`<svg viewBox="0 0 %s %s" aria-hidden="true"><use href="/carte/fond.svg?v=%s#terre" class="inset"/><circle cx="%s" cy="%s" r="17" class="insetdot"/></svg>`,
		num(f.w), num(f.h), escape(f.id), num(x), num(y))
	return m, nil
}

// areaCells writes the cells of the view and returns their legend.
func (f *fond) areaCells(b *strings.Builder, v *view, s *atlas.AreaSheet) []classLine {
	mesh := geo.NoKind
	for k := range f.richness {
		mesh = k.Kind()
		break
	}
	counts := make([]int, len(f.classes)+1)
	ds := make([]string, len(f.classes)+1)
	var grid string
	for _, key := range cellsIn(mesh, v) {
		e, n := key.Corner()
		side := float64(mesh.Mesh()) * 1000
		x, y := v.at(float64(e)*1000, float64(n)*1000+side)
		l := side * v.scale()
		d := "M" + num(x) + " " + num(y) + "h" + num(l) + "v" + num(l) + "h-" + num(l) + "z"
		grid += d
		c := classOf(f.richness[key], f.classes)
		counts[c]++
		if c > 0 {
			ds[c] += d
		}
	}
	for _, g := range []string{`<g opacity=".3">`, `<g clip-path="url(#ici)">`} {
		b.WriteString(g)
		for c, d := range ds {
			writePath(b, "c"+strconv.Itoa(c), d)
		}
		b.WriteString(`</g>`)
	}
	if len(grid) < 6000 { // beyond, the grid would hide the map
		writePath(b, "grid", grid)
	}
	return legend(f.classes, counts)
}

func cellsIn(mesh geo.Kind, v *view) []geo.AreaKey {
	if mesh == geo.NoKind {
		return nil
	}
	return geo.CellsMeeting(mesh, geo.Box{MinX: v.minX, MinY: v.minY, MaxX: v.maxX, MaxY: v.maxY})
}

// labels names the area and as many neighbours as fit without touching.
func (v *view) labels(coms []outline, s *atlas.AreaSheet) string {
	type taken struct{ x0, y0, x1, y1 float64 }
	var used []taken
	var b strings.Builder
	put := func(x, y, size float64, class, name string) {
		w := float64(len([]rune(name))) * size * .52
		t := taken{x - w/2 - 4, y - size, x + w/2 + 4, y + size*.35}
		if t.x0 < 6 || t.x1 > v.w-6 || t.y0 < 8 || t.y1 > v.h-16 {
			return
		}
		for _, o := range used {
			if t.x0 < o.x1 && o.x0 < t.x1 && t.y0 < o.y1 && o.y0 < t.y1 {
				return
			}
		}
		used = append(used, t)
		fmt.Fprintf(&b, `<text class="%s halo" x="%s" y="%s">%s</text>`, class, num(x), num(y), escape(name))
	}
	for i := range coms {
		if coms[i].key == s.Area {
			if x, y, ok := v.place(coms[i].g); ok {
				put(x, y+8, 27, "big", s.Name)
			}
		}
	}
	if len(coms) > 90 {
		return b.String()
	}
	for i := range coms {
		if coms[i].key == s.Area {
			continue
		}
		if x, y, ok := v.place(coms[i].g); ok {
			put(x, y+6, 21, "nb minor", coms[i].name)
		}
	}
	return b.String()
}

func boxOf(g orb.MultiPolygon) geo.Box {
	return extent([]outline{{g: g}}, &atlas.Meta{})
}
