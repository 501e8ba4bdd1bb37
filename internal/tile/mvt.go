package tile

import "math"

// The encoder writes Mapbox Vector Tile 2.1 directly in integers: orb's takes 57 times as
// long for the squares of a frequent species. Field numbers are those of vector_tile.proto.

// extent is the side of a tile in its own units.
const extent = 4096

// shapeKind is the type of a feature's geometry.
type shapeKind uint32

const (
	pointShape   shapeKind = 1
	lineShape    shapeKind = 2
	polygonShape shapeKind = 3
)

// vertex is a place in a tile's own units, y down.
type vertex struct{ x, y int32 }

// layer collects the features of one layer.
type layer struct {
	name     string
	features []byte
	keys     []string
	ints     map[int64]uint32
	texts    map[string]uint32
	values   []byte
	count    uint32 // of values

	tags, geometry []uint32 // of the feature being written
	packed         []byte
	at             vertex
}

func newLayer(name string, keys ...string) *layer {
	return &layer{name: name, keys: keys, ints: map[int64]uint32{}, texts: map[string]uint32{}}
}

// room prepares for n features.
func (l *layer) room(n int) {
	l.features = make([]byte, 0, 32*n)
	l.values = make([]byte, 0, 24*n)
}

func (l *layer) empty() bool { return len(l.features) == 0 }

// number gives the feature being written a whole number under the key of index key.
func (l *layer) number(key int, v int) {
	i, ok := l.ints[int64(v)]
	if !ok {
		n := 1 + varintLen(uint64(v))
		l.values = appendVarint(appendTag(l.values, 4, 2), uint64(n))
		l.values = appendVarint(appendTag(l.values, 4, 0), uint64(v))
		i = l.count
		l.count++
		l.ints[int64(v)] = i
	}
	l.tags = append(l.tags, uint32(key), i)
}

// text gives the feature being written a string.
func (l *layer) text(key int, s string) {
	i, ok := l.texts[s]
	if !ok {
		i = l.count
		l.ownText(key, s)
		l.texts[s] = i
		return
	}
	l.tags = append(l.tags, uint32(key), i)
}

// ownText gives the feature being written a string no other feature has, a code: looking it
// up would cost more than all else.
func (l *layer) ownText(key int, s string) {
	n := 1 + varintLen(uint64(len(s))) + len(s)
	l.values = appendVarint(appendTag(l.values, 4, 2), uint64(n))
	l.values = appendVarint(appendTag(l.values, 1, 2), uint64(len(s)))
	l.values = append(l.values, s...)
	l.tags = append(l.tags, uint32(key), l.count)
	l.count++
}

// ring adds one ring, given without its closing vertex. Outer rings turn clockwise as seen
// (positive area, y being down), holes the other way; the caller sees to it.
func (l *layer) ring(r []vertex) {
	l.geometry = append(l.geometry, 1|1<<3) // move to, once
	l.move(r[0])
	l.geometry = append(l.geometry, 2|uint32(len(r)-1)<<3) // line to
	for _, v := range r[1:] {
		l.move(v)
	}
	l.geometry = append(l.geometry, 7|1<<3) // close
}

// line adds one open line of at least two vertices.
func (l *layer) line(r []vertex) {
	l.geometry = append(l.geometry, 1|1<<3)
	l.move(r[0])
	l.geometry = append(l.geometry, 2|uint32(len(r)-1)<<3)
	for _, v := range r[1:] {
		l.move(v)
	}
}

// point makes the feature a point.
func (l *layer) point(v vertex) {
	l.geometry = append(l.geometry, 1|1<<3)
	l.move(v)
}

func (l *layer) move(v vertex) {
	l.geometry = append(l.geometry, zigzag(v.x-l.at.x), zigzag(v.y-l.at.y))
	l.at = v
}

// end writes the feature, or drops it when it has no geometry.
func (l *layer) end(kind shapeKind) {
	if len(l.geometry) > 0 {
		body := l.packed[:0]
		body = appendPacked(body, 2, l.tags)
		body = appendVarint(appendTag(body, 3, 0), uint64(kind))
		body = appendPacked(body, 4, l.geometry)
		l.features = appendBytes(l.features, 2, body)
		l.packed = body
	}
	l.tags, l.geometry, l.at = l.tags[:0], l.geometry[:0], vertex{}
}

// appendTo appends the layer to a tile; an empty layer adds nothing.
func (l *layer) appendTo(tile []byte) []byte {
	if l.empty() {
		return tile
	}
	b := make([]byte, 0, len(l.features)+len(l.values)+256)
	b = appendVarint(appendTag(b, 15, 0), 2)
	b = appendBytes(b, 1, []byte(l.name))
	b = append(b, l.features...)
	for _, k := range l.keys {
		b = appendBytes(b, 3, []byte(k))
	}
	b = append(b, l.values...)
	b = appendVarint(appendTag(b, 5, 0), extent)
	return appendBytes(tile, 3, b)
}

func zigzag(v int32) uint32 { return uint32(v<<1) ^ uint32(v>>31) }

func appendVarint(b []byte, v uint64) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func appendTag(b []byte, field, wire uint64) []byte { return appendVarint(b, field<<3|wire) }

func appendBytes(b []byte, field uint64, v []byte) []byte {
	b = appendVarint(appendTag(b, field, 2), uint64(len(v)))
	return append(b, v...)
}

func appendPacked(b []byte, field uint64, vs []uint32) []byte {
	n := 0
	for _, v := range vs {
		n += varintLen(uint64(v))
	}
	b = appendVarint(appendTag(b, field, 2), uint64(n))
	for _, v := range vs {
		b = appendVarint(b, uint64(v))
	}
	return b
}

func varintLen(v uint64) int {
	n := 1
	for v >= 0x80 {
		v >>= 7
		n++
	}
	return n
}

// world is a place in web Mercator, the whole earth being [0,1) × [0,1), y down.
type world struct{ x, y float64 }

func project(lon, lat float64) world {
	s := math.Sin(lat * math.Pi / 180)
	return world{lon/360 + 0.5, 0.5 - math.Log((1+s)/(1-s))/(4*math.Pi)}
}

// grid is one tile: where its corner is and how large it is in world units.
type grid struct {
	z, x, y int
	scale   float64 // tile units per world unit
	ox, oy  float64 // the tile's corner in tile units at this zoom
}

func newGrid(z, x, y int) grid {
	scale := float64(uint32(1)<<z) * extent
	return grid{z, x, y, scale, float64(x) * extent, float64(y) * extent}
}

// place returns where w is in the tile. Two shapes that share w share the vertex exactly.
func (g *grid) place(w world) vertex {
	return vertex{int32(math.Round(w.x*g.scale - g.ox)), int32(math.Round(w.y*g.scale - g.oy))}
}

// meets reports whether a box of the world touches the tile or its margin.
func (g *grid) meets(min, max world) bool {
	const m = margin
	return max.x*g.scale-g.ox >= -m && min.x*g.scale-g.ox <= extent+m &&
		max.y*g.scale-g.oy >= -m && min.y*g.scale-g.oy <= extent+m
}

// margin is how far beyond its edge a tile draws, so that lines have no gap at the seams.
const margin = 64
