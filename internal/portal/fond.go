package portal

import (
	"context"
	"fmt"
	"io"
	"math"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"
	"github.com/paulmach/orb/simplify"

	"garrigue/internal/atlas"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
)

// sheetWidth is the width of the survey sheet in its own units; a unit is about a pixel on a
// wide screen.
const sheetWidth = 872

// hairlines of communes are drawn on territories that have at most so many of them: beyond,
// they are noise under the mesh.
const mostHairlines = 1200

// fond is the survey sheet of a snapshot's territory: its frame in Lambert-93, the land, the
// limits. It is drawn once, served as /carte/fond.svg and used by every map of the snapshot.
type fond struct {
	view
	id       string
	file     *file
	richness map[geo.AreaKey]int // species by mesh cell
	classes  []int               // of maps of richness, see richnessBounds
	many     bool                // too many departments to name them on a phone

	mu       sync.Mutex
	outlines map[geo.AreaKey]string // paths of areas, on this sheet
	held     int                    // bytes of them
}

// outlineBytes bounds the paths remembered; past it they are forgotten all at once.
const outlineBytes = 2 << 20

// view is a rectangle of Lambert-93 (metres) shown on a sheet of width w and height h.
type view struct {
	minX, minY, maxX, maxY float64
	w, h                   float64
}

func (v *view) scale() float64 { return v.w / (v.maxX - v.minX) }

func (v *view) at(x, y float64) (float64, float64) {
	k := v.scale()
	return (x - v.minX) * k, (v.maxY - y) * k
}

func (v *view) lonLat(lon, lat float64) (float64, float64) {
	x, y := geo.ToLambert93(lon, lat)
	return v.at(x, y)
}

// bound is the view in degrees, generously.
func (v *view) bound() orb.Bound {
	b := orb.Bound{Min: orb.Point{180, 90}, Max: orb.Point{-180, -90}}
	for _, fx := range []float64{0, .5, 1} {
		for _, fy := range []float64{0, .5, 1} {
			lon, lat := geo.FromLambert93(v.minX+fx*(v.maxX-v.minX), v.minY+fy*(v.maxY-v.minY))
			b = b.Extend(orb.Point{lon, lat})
		}
	}
	return b.Pad(.01)
}

// frameAround returns the view around a box, with a margin, at the sheet's proportions when
// ratio (height over width) is given.
func frameAround(b geo.Box, margin, width, ratio float64) view {
	w, h := b.MaxX-b.MinX+2*margin, b.MaxY-b.MinY+2*margin
	cx, cy := (b.MinX+b.MaxX)/2, (b.MinY+b.MaxY)/2
	if ratio == 0 {
		ratio = h / w
	}
	if h/w < ratio {
		h = w * ratio
	} else {
		w = h / ratio
	}
	return view{cx - w/2, cy - h/2, cx + w/2, cy + h/2, width, math.Round(width * ratio)}
}

// fondStore keeps the sheets of two snapshots: the one in use, and the next or the former.
type fondStore struct {
	mu   sync.Mutex
	kept [2]*fond
}

func (s *fondStore) of(id string) *fond {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.kept {
		if f != nil && f.id == id {
			return f
		}
	}
	return nil
}

// draw draws a snapshot's sheet and keeps it. Others go on meanwhile: at worst two visitors
// draw the same.
func (s *fondStore) draw(ctx context.Context, a *atlas.Atlas) (*fond, error) {
	f, err := drawFond(ctx, a, a.Meta())
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.kept = [2]*fond{f, s.kept[0]}
	s.mu.Unlock()
	return f, nil
}

// fond returns the sheet of the visit's snapshot.
func (v *visit) fond() (*fond, error) {
	if f := v.p.fonds.of(v.meta.ID); f != nil {
		return f, nil
	}
	return v.p.fonds.draw(v.r.Context(), v.atlas)
}

// fondFile serves the sheet.
func (p *site) fondFile(v *visit) (*answer, error) {
	f, err := v.fond()
	if err != nil {
		return nil, err
	}
	return &answer{kind: "image/svg+xml", write: func(w io.Writer) error {
		_, err := w.Write(f.file.plain)
		return err
	}}, nil
}

type outline struct {
	key  geo.AreaKey
	name string
	g    orb.MultiPolygon
}

func outlinesOf(ctx context.Context, a *atlas.Atlas, kind geo.Kind, b orb.Bound) ([]outline, error) {
	var out []outline
	err := a.Outlines(ctx, kind, b, func(key geo.AreaKey, name string, g orb.MultiPolygon) error {
		out = append(out, outline{key, name, g})
		return nil
	})
	return out, err
}

func drawFond(ctx context.Context, a *atlas.Atlas, meta *atlas.Meta) (*fond, error) {
	deps, err := outlinesOf(ctx, a, geo.Department, orb.Bound{})
	if err != nil {
		return nil, err
	}
	regions, err := outlinesOf(ctx, a, geo.Region, orb.Bound{})
	if err != nil {
		return nil, err
	}
	var coms []outline
	if meta.CommunesAll <= mostHairlines || len(deps)+len(regions) == 0 {
		if coms, err = outlinesOf(ctx, a, geo.Commune, orb.Bound{}); err != nil {
			return nil, err
		}
	}
	home, err := a.Home(ctx)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	f := &fond{id: meta.ID, outlines: map[geo.AreaKey]string{}, richness: map[geo.AreaKey]int{}}
	if home != nil {
		for i := range home.Cells {
			f.richness[home.Cells[i].Area] = home.Cells[i].Taxa
		}
		f.classes = richnessBounds(home.Cells)
	} else {
		f.classes = richnessBounds(nil)
	}
	f.many = len(deps) > 6
	land := deps
	if len(land) == 0 {
		land = regions
	}
	if len(land) == 0 {
		land = coms
	}
	f.view = frameAround(extent(land, meta), 6000, sheetWidth, 0)
	f.file, err = newFile("fond.svg", f.draw(land, deps, regions, coms))
	return f, err
}

// extent is the box of outlines in Lambert-93, or that of the territory as declared.
func extent(land []outline, meta *atlas.Meta) geo.Box {
	b := geo.Box{MinX: math.Inf(1), MinY: math.Inf(1), MaxX: math.Inf(-1), MaxY: math.Inf(-1)}
	grow := func(lon, lat float64) {
		x, y := geo.ToLambert93(lon, lat)
		b.MinX, b.MinY = math.Min(b.MinX, x), math.Min(b.MinY, y)
		b.MaxX, b.MaxY = math.Max(b.MaxX, x), math.Max(b.MaxY, y)
	}
	for i := range land {
		for _, poly := range land[i].g {
			for _, pt := range poly[0] {
				grow(pt[0], pt[1])
			}
		}
	}
	if math.IsInf(b.MinX, 1) {
		m := meta.Bound
		if m == [4]float64{} {
			m = [4]float64{-5, 41.3, 9.6, 51.1} // metropolitan France
		}
		grow(m[0], m[1])
		grow(m[2], m[1])
		grow(m[0], m[3])
		grow(m[2], m[3])
	}
	return b
}

// draw writes the sheet: group "sous" goes under the cells, "sur" over them; "hors" covers what
// is not land, for maps whose cells end at the shore.
func (f *fond) draw(land, deps, regions, coms []outline) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s"><defs>`, num(f.w), num(f.h))
	landPath := f.pathOf(land)
	sea := f.sea(invented(deps))
	if sea != "" {
		fmt.Fprintf(&b, `<clipPath id="mer"><path d="%s"/></clipPath>`, sea)
	}
	whole := land // without inner borders where a region has the same ground: much shorter
	if len(regions) > 0 && alike(extent(regions, &atlas.Meta{}), extent(land, &atlas.Meta{})) {
		whole = regions
	}
	if sea != "" {
		fmt.Fprintf(&b, `<path id="cote" d="%s"/>`, f.shore(whole))
	}
	fmt.Fprintf(&b, `<clipPath id="ailleurs"><path clip-rule="evenodd" d="M0 0h%sv%sh-%sz%s"/></clipPath><path id="terre" d="%s"/></defs><g id="sous"><g id="fond"><rect width="%s" height="%s" fill="var(--map-out)"/>`,
		num(f.w), num(f.h), num(f.w), f.pathOf(whole), landPath, num(f.w), num(f.h))
	if sea != "" {
		fmt.Fprintf(&b, `<path d="%s" fill="var(--water-2)"/><g clip-path="url(#mer)" fill="none" stroke-linejoin="round">`, sea)
		// Waterlines: ever fainter parallels of the coast, each the edge of a wider band.
		for i := 5; i >= 1; i-- {
			r := float64(i*i)*1.1 + float64(i)*4
			op := []string{"", ".75", ".55", ".4", ".28", ".18"}[i]
			fmt.Fprintf(&b, `<use href="#cote" stroke="var(--water-ink)" stroke-opacity="%s" stroke-width="%s"/><use href="#cote" stroke="var(--water-2)" stroke-width="%s"/>`,
				op, num(2*r+1.6), num(2*r))
		}
		b.WriteString(`</g>`)
	}
	b.WriteString(`</g><use href="#terre" fill="var(--map-land)"/>`)
	if len(coms) <= mostHairlines {
		fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="var(--map-line)" stroke-width=".5" stroke-opacity=".38"/>`, f.pathOf(coms))
	}
	b.WriteString(`</g><g id="hors" clip-path="url(#ailleurs)"><use href="#fond"/></g><g id="sur">`)
	fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="var(--map-line)" stroke-width="1.1" stroke-linejoin="round"/>`, f.pathOf(deps))
	outer := regions
	if len(outer) == 0 && len(deps) == 1 {
		outer = deps
	}
	fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="var(--ink-2)" stroke-width="1.4" stroke-linejoin="round"/>`, f.pathOf(outer))
	for i := range deps {
		if x, y, ok := f.place(deps[i].g); ok && len(deps) > 1 {
			fmt.Fprintf(&b, `<text class="dn" x="%s" y="%s" text-anchor="middle" fill="var(--map-ink)" stroke="var(--map-land)" stroke-width=".28em" stroke-linejoin="round" paint-order="stroke">%s</text>`,
				num(x), num(y), escape(deps[i].name))
		}
	}
	b.WriteString(f.neatline())
	b.WriteString(`</g></svg>`)
	return []byte(b.String())
}

// place is where an area's name goes: the middle of its largest part.
func (v *view) place(g orb.MultiPolygon) (x, y float64, ok bool) {
	best := 0.0
	var c orb.Point
	for _, poly := range g {
		if p, area := planar.CentroidArea(poly); math.Abs(area) > best {
			best, c = math.Abs(area), p
		}
	}
	if best == 0 {
		return 0, 0, false
	}
	x, y = v.lonLat(c[0], c[1])
	return x, y, true
}

// neatline draws the frame and its Lambert-93 ticks, in kilometres.
func (v *view) neatline() string {
	step := 1000.0
	for _, s := range []float64{1, 2, 5, 10, 20, 50, 100, 200} {
		step = s * 1000
		if (v.maxX-v.minX)/step <= 9 {
			break
		}
	}
	var d, t strings.Builder
	for x := math.Ceil(v.minX/step) * step; x < v.maxX; x += step {
		sx, _ := v.at(x, 0)
		if sx < 14 || sx > v.w-30 {
			continue
		}
		fmt.Fprintf(&d, "M%s 0v6M%s %sv-6", num(sx), num(sx), num(v.h))
		fmt.Fprintf(&t, `<text x="%s" y="%s">%d</text>`, num(sx+3), num(v.h-4), int(x/1000))
	}
	for y := math.Ceil(v.minY/step) * step; y < v.maxY; y += step {
		_, sy := v.at(0, y)
		if sy < 22 || sy > v.h-22 {
			continue
		}
		fmt.Fprintf(&d, "M0 %sh6M%s %sh-6", num(sy), num(v.w), num(sy))
		fmt.Fprintf(&t, `<text x="4" y="%s">%d</text>`, num(sy-4), int(y/1000))
	}
	return `<g class="coord" fill="var(--map-ink)" font-size="10.5">` + t.String() + `</g><path d="` + d.String() +
		`" fill="none" stroke="var(--ink-2)"/><rect x=".6" y=".6" width="` + num(v.w-1.2) + `" height="` + num(v.h-1.2) +
		`" fill="none" stroke="var(--ink-2)" stroke-width="1.2"/>`
}

// pathOf returns the outlines as one path. Points are put on a grid of half a unit, the same
// for both sides of a shared border, so that neighbours still meet.
func (v *view) pathOf(areas []outline) string {
	var b []byte
	for i := range areas {
		b = v.appendPath(b, areas[i].g)
	}
	return string(b)
}

func (v *view) appendPath(b []byte, g orb.MultiPolygon) []byte {
	for _, poly := range g {
		for _, ring := range poly {
			b = v.appendRing(b, ring)
		}
	}
	return b
}

func (v *view) appendRing(b []byte, ring orb.Ring) []byte {
	type half struct{ x, y int }
	pts := make([]half, 0, len(ring))
	for _, p := range ring {
		x, y := v.lonLat(p[0], p[1])
		h := half{int(math.Round(x * 2)), int(math.Round(y * 2))}
		n := len(pts)
		if n > 0 && pts[n-1] == h {
			continue
		}
		// A point in the middle of a straight line says nothing.
		if n > 1 {
			a, m := pts[n-2], pts[n-1]
			if (m.x-a.x)*(h.y-m.y) == (m.y-a.y)*(h.x-m.x) && (m.x-a.x)*(h.x-m.x) >= 0 && (m.y-a.y)*(h.y-m.y) >= 0 {
				pts[n-1] = h
				continue
			}
		}
		pts = append(pts, h)
	}
	if len(pts) < 4 {
		return b
	}
	b = append(b, 'M')
	b = appendHalf(b, pts[0].x)
	b = append(b, ' ')
	b = appendHalf(b, pts[0].y)
	b = append(b, 'l')
	for i := 1; i < len(pts)-1; i++ {
		dx, dy := pts[i].x-pts[i-1].x, pts[i].y-pts[i-1].y
		if i > 1 && dx >= 0 {
			b = append(b, ' ')
		}
		b = appendHalf(b, dx)
		if dy >= 0 {
			b = append(b, ' ')
		}
		b = appendHalf(b, dy)
	}
	return append(b, 'z')
}

func appendHalf(b []byte, n int) []byte {
	if n < 0 {
		b, n = append(b, '-'), -n
	}
	if n == 1 {
		return append(b, ".5"...)
	}
	b = strconv.AppendInt(b, int64(n/2), 10)
	if n%2 == 1 {
		b = append(b, ".5"...)
	}
	return b
}

// outlinePath returns the path of an area on the sheet, remembered.
func (f *fond) outlinePath(ctx context.Context, a *atlas.Atlas, key geo.AreaKey) (string, error) {
	f.mu.Lock()
	d, ok := f.outlines[key]
	f.mu.Unlock()
	if ok {
		return d, nil
	}
	g, err := a.Outline(ctx, key)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return "", err
	}
	d = string(f.appendPath(nil, f.plainer(g)))
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held += len(d) + 64; f.held > outlineBytes {
		clear(f.outlines)
		f.held = len(d) + 64
	}
	f.outlines[key] = d
	return d, nil
}

// plainer simplifies an outline that no neighbour's must meet, within about a unit of the
// sheet.
func (f *fond) plainer(g orb.MultiPolygon) orb.MultiPolygon {
	return f.within(g, 0.9)
}

func (f *fond) within(g orb.MultiPolygon, units float64) orb.MultiPolygon {
	// A degree of latitude is 111 km everywhere; precise enough for a tolerance.
	return simplify.DouglasPeucker(units / f.scale() / 111_000).MultiPolygon(g.Clone())
}

// shore is the outline that waterlines follow. Browsers take seconds, some half a minute, to
// draw wide strokes along each bend of a real coast, and these would hide in the width anyhow.
func (f *fond) shore(land []outline) string {
	var d []byte
	for i := range land {
		d = f.appendPath(d, f.within(land[i].g, 2.5))
	}
	return string(d)
}

// alike reports whether two extents differ by less than a kilometre.
func alike(a, b geo.Box) bool {
	far := math.Max(math.Max(math.Abs(a.MinX-b.MinX), math.Abs(a.MinY-b.MinY)), math.Max(math.Abs(a.MaxX-b.MaxX), math.Abs(a.MaxY-b.MaxY)))
	return far < 1000
}

// num writes a coordinate with at most one decimal.
func num(x float64) string {
	return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64)
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;")

func escape(s string) string { return escaper.Replace(s) }

// sortCells orders areas so that the same sheet always gives the same bytes.
func sortCells(cells []atlas.AreaCount) {
	sort.Slice(cells, func(i, j int) bool { return cells[i].Area < cells[j].Area })
}
