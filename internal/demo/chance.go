package demo

import "math"

// chance is a small pseudo-random source (SplitMix64, Steele, Lea and Flood 2014). The
// standard library's would do, but a demo must keep its bytes from one version of Go to
// the next.
type chance struct{ state uint64 }

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func newChance(seed, stream uint64) *chance {
	return &chance{mix(seed+0x9e3779b97f4a7c15) ^ mix(stream*0xd1342543de82ef95+1)}
}

func (c *chance) bits() uint64 {
	c.state += 0x9e3779b97f4a7c15
	return mix(c.state)
}

// float is uniform in [0, 1).
func (c *chance) float() float64 { return float64(c.bits()>>11) / (1 << 53) }

// between is uniform in [a, b).
func (c *chance) between(a, b float64) float64 { return a + (b-a)*c.float() }

// below is uniform in 0…n-1.
func (c *chance) below(n int) int { return int((c.bits() >> 32) * uint64(n) >> 32) }

// hit is true with probability p.
func (c *chance) hit(p float64) bool { return c.float() < p }

// normal is near enough to the normal distribution: the sum of four uniforms.
func (c *chance) normal() float64 {
	return (c.float() + c.float() + c.float() + c.float() - 2) * math.Sqrt(3)
}

// lattice is a fixed value in [0, 1) for a point of the integer grid.
func lattice(x, y int, seed uint64) float64 {
	h := mix(uint64(int64(x))*0x9e3779b97f4a7c15 ^ mix(uint64(int64(y))+seed*0xd1342543de82ef95))
	return float64(h>>11) / (1 << 53)
}

// noise is smooth value noise in [0, 1), one feature per unit of length.
func noise(x, y float64, seed uint64) float64 {
	fx, fy := math.Floor(x), math.Floor(y)
	ix, iy := int(fx), int(fy)
	tx, ty := x-fx, y-fy
	tx, ty = tx*tx*(3-2*tx), ty*ty*(3-2*ty)
	a := lattice(ix, iy, seed)
	b := lattice(ix+1, iy, seed)
	c := lattice(ix, iy+1, seed)
	d := lattice(ix+1, iy+1, seed)
	a += (b - a) * tx
	c += (d - c) * tx
	return a + (c-a)*ty
}

// fractal sums octaves of noise, each half as strong and twice as fine; in about [-1, 1].
func fractal(x, y float64, octaves int, seed uint64) float64 {
	sum, amp, total := 0.0, 1.0, 0.0
	for o := range octaves {
		sum += amp * (2*noise(x, y, seed+uint64(o)*101) - 1)
		total += amp
		amp /= 2
		x, y = 2*x+17.3, 2*y-9.1
	}
	return sum / total
}

// ridged is fractal noise folded at its middle, so that its high values form crests;
// in [0, 1].
func ridged(x, y float64, octaves int, seed uint64) float64 {
	sum, amp, total := 0.0, 1.0, 0.0
	for o := range octaves {
		v := 1 - math.Abs(2*noise(x, y, seed+uint64(o)*77)-1)
		sum += amp * v * v
		total += amp
		amp /= 2
		x, y = 2*x-5.7, 2*y+11.9
	}
	return sum / total
}

// step rises smoothly from 0 at a to 1 at b.
func step(a, b, x float64) float64 {
	t := (x - a) / (b - a)
	if t <= 0 {
		return 0
	}
	if t >= 1 {
		return 1
	}
	return t * t * (3 - 2*t)
}
