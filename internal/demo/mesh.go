package demo

import (
	"math"
	"slices"
)

// The ground is paved with irregular hexagons about 450 m across. Communes, departments,
// coast and lagoons are sets of hexagons, so that every border is a chain of edges that
// two neighbours share: chains are smoothed once, and outlines made of whole chains
// neither overlap nor leave gaps.
const (
	hexSide = 0.45 // km between centres
	hexCols = 282
	hexRows = 300
	hexWest = -3.0 // of the first centre
	hexFoot = -8.0
)

// paving is the lattice of hexagons: centres in rows, odd rows shifted by half a side.
// Three neighbouring centres form a triangle, and its middle is a corner of their three
// hexagons.
type paving struct {
	centre []xy
	ground []ground
}

func pave(c *country) *paving {
	p := &paving{centre: make([]xy, hexCols*hexRows), ground: make([]ground, hexCols*hexRows)}
	for r := range hexRows {
		for q := range hexCols {
			i := r*hexCols + q
			x := hexWest + hexSide*(float64(q)+0.5*float64(r&1)) + 0.2*(lattice(q, r, 61)-0.5)
			y := hexFoot + hexSide*math.Sqrt(3)/2*float64(r) + 0.2*(lattice(q, r, 67)-0.5)
			p.centre[i] = xy{x, y}
			p.ground[i] = c.at(p.centre[i])
		}
	}
	return p
}

// around returns the six neighbours of hexagon i, anticlockwise from the east, -1 outside.
func around(i int) [6]int {
	r, q := i/hexCols, i%hexCols
	s := r & 1 // odd rows are shifted east
	at := func(r, q int) int {
		if r < 0 || r >= hexRows || q < 0 || q >= hexCols {
			return -1
		}
		return r*hexCols + q
	}
	return [6]int{at(r, q+1), at(r+1, q+s), at(r+1, q+s-1), at(r, q-1), at(r-1, q+s-1), at(r-1, q+s)}
}

// corner names the meeting point of hexagon i with its neighbours k and k+1, the same name
// from all three.
func corner(i, k int) int {
	n := around(i)
	a, b := n[k], n[(k+1)%6]
	lo := min(i, a, b)
	// Of the three, the lowest sees the two others as its neighbours 0-1 or 1-2.
	if around(lo)[0] == i || around(lo)[0] == a || around(lo)[0] == b {
		return 2 * lo
	}
	return 2*lo + 1
}

// chain is a border between two sets of hexagons from one meeting point of three sets to
// the next, or a loop. left and right are the sets on its sides.
type chain struct {
	left, right int32
	from, to    int // corners
	points      []xy
	coast       bool
}

// edge is a side of a hexagon with its own set on the left.
type edge struct {
	to          int
	left, right int32
	hex         [2]int
}

// borders returns the chains between hexagons of different sets. Set 0 is outside.
func (p *paving) borders(set []int32) []chain {
	out := map[int][]edge{} // by start corner; each side once, lower set on the left
	degree := map[int]int{}
	var starts []int
	for i, s := range set {
		if s == 0 {
			continue
		}
		n := around(i)
		for k, j := range n {
			if j < 0 || set[j] == s || (set[j] != 0 && set[j] < s) {
				continue
			}
			// Side k faces neighbour k; anticlockwise it runs from corner (k-1,k) to (k,k+1).
			a, b := corner(i, (k+5)%6), corner(i, k)
			if out[a] == nil {
				starts = append(starts, a)
			}
			out[a] = append(out[a], edge{b, s, set[j], [2]int{i, j}})
			degree[a]++
			degree[b]++
		}
	}
	slices.Sort(starts)
	used := map[[2]int]bool{}
	var chains []chain
	follow := func(a int, e edge) {
		c := chain{left: e.left, right: e.right, from: a, coast: p.wetSide(e.hex)}
		c.points = append(c.points, p.place(a))
		for {
			used[[2]int{a, e.to}] = true
			c.points = append(c.points, p.place(e.to))
			a = e.to
			if degree[a] != 2 || a == c.from {
				break
			}
			e = out[a][0]
		}
		c.to = a
		chains = append(chains, c)
	}
	for pass := range 2 { // first from meeting points, then the loops that are left
		for _, a := range starts {
			for _, e := range out[a] {
				if !used[[2]int{a, e.to}] && (pass == 1 || degree[a] != 2) {
					follow(a, e)
				}
			}
		}
	}
	return chains
}

func (p *paving) wetSide(h [2]int) bool {
	for _, i := range h {
		if !p.ground[i].land || p.ground[i].flooded {
			return true
		}
	}
	return false
}

// place is where a corner lies: the middle of its three hexagons.
func (p *paving) place(c int) xy {
	i := c / 2
	n := around(i)
	a, b, d := p.centre[i], p.centre[n[c&1]], p.centre[n[c&1+1]]
	return xy{(a.x + b.x + d.x) / 3, (a.y + b.y + d.y) / 3}
}

// soften takes the zigzag of the hexagons out of a chain, leaving its ends where they are.
func (c *chain) soften(rounds int) {
	p := c.points
	loop := c.from == c.to
	for range rounds {
		q := slices.Clone(p)
		n := len(p)
		for i := 1; i < n-1; i++ {
			q[i] = xy{(p[i-1].x + 2*p[i].x + p[i+1].x) / 4, (p[i-1].y + 2*p[i].y + p[i+1].y) / 4}
		}
		if loop && n > 3 {
			q[0] = xy{(p[n-2].x + 2*p[0].x + p[1].x) / 4, (p[n-2].y + 2*p[0].y + p[1].y) / 4}
			q[n-1] = q[0]
		}
		p = q
	}
	c.points = p
}

// rings joins chains into the closed outlines of one set, which lies on their left. side
// maps the sets of a chain to the sets wanted (communes to departments).
func rings(chains []chain, want int32, side func(int32) int32) [][]xy {
	type piece struct {
		points []xy
		to     int
	}
	next := map[int]piece{}
	var order []int
	for i := range chains {
		c := &chains[i]
		l, r := side(c.left), side(c.right)
		if l == r || (l != want && r != want) {
			continue
		}
		pts, from, to := c.points, c.from, c.to
		if r == want {
			pts, from, to = slices.Clone(pts), c.to, c.from
			slices.Reverse(pts)
		}
		next[from] = piece{pts, to}
		order = append(order, from)
	}
	var all [][]xy
	for _, start := range order {
		var ring []xy
		for at := start; ; {
			p, ok := next[at]
			if !ok {
				break
			}
			delete(next, at)
			ring = append(ring, p.points[:len(p.points)-1]...)
			at = p.to
		}
		if len(ring) > 2 {
			all = append(all, append(ring, ring[0]))
		}
	}
	return all
}

// turning is the signed area of a ring: positive anticlockwise.
func turning(ring []xy) float64 {
	sum := 0.0
	for i := 1; i < len(ring); i++ {
		sum += ring[i-1].x*ring[i].y - ring[i].x*ring[i-1].y
	}
	return sum / 2
}
