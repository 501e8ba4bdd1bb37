package atlas

import (
	"encoding/binary"
	"errors"
)

// The hot arrays of a snapshot are packed: unsigned varints, sorted keys as differences.
// A JSON array of the cells of a frequent species costs a millisecond to read, the packed
// one about a hundredth of that. The same figures are in ordinary tables for other tools.

// yearZero is subtracted from years before packing. Observations before it are counted in
// it: the earliest naturalist records of the region's collections are of the 16th century.
const yearZero = 1400

var errPacked = errors.New("packed column is cut short")

// packer appends varints.
type packer struct{ b []byte }

func (p *packer) uint(v uint64) { p.b = binary.AppendUvarint(p.b, v) }

// unpacker reads them back; the first fault stays in err and later reads give 0.
type unpacker struct {
	b   []byte
	err error
}

func (u *unpacker) uint() uint64 {
	if len(u.b) > 0 && u.b[0] < 0x80 { // most are
		v := u.b[0]
		u.b = u.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(u.b)
	if n <= 0 {
		u.err, u.b = errPacked, nil
		return 0
	}
	u.b = u.b[n:]
	return v
}

// len reads a number of items that each take at least one byte, so that a broken length
// cannot ask for absurd memory.
func (u *unpacker) len() int {
	n := u.uint()
	if n > uint64(len(u.b)) {
		u.err, u.b = errPacked, nil
		return 0
	}
	return int(n)
}

// areaTally is how often a taxon was seen in an area: row of the packed columns "areas" and
// "cells".
type areaTally struct {
	area        int32 // index in the table of areas
	n           uint32
	first, last int16 // years
	reasons     uint8
}

func packTallies(b []byte, rows []areaTally) []byte {
	p := packer{b}
	p.uint(uint64(len(rows)))
	prev := int32(0)
	for _, r := range rows {
		p.uint(uint64(r.area-prev)<<4 | uint64(r.reasons))
		p.uint(uint64(r.n))
		p.uint(uint64(r.first - yearZero))
		p.uint(uint64(r.last - r.first))
		prev = r.area
	}
	return p.b
}

// eachTally calls f with every row of a packed column.
func eachTally(b []byte, f func(areaTally)) error {
	u := unpacker{b: b}
	area := int32(0)
	for i := u.len(); i > 0; i-- {
		k := u.uint()
		area += int32(k >> 4)
		t := areaTally{area: area, reasons: uint8(k & 15), n: uint32(u.uint())}
		t.first = int16(u.uint()) + yearZero
		t.last = t.first + int16(u.uint())
		f(t)
	}
	return u.err
}

// cubeRow is one cell of the cube of a taxon: slot (area and reasons), year and number of
// observations in one word, in that order, so that sorting words sorts rows.
type cubeRow uint64

func makeCube(area int32, reasons uint8, year int16, n uint32) cubeRow {
	return cubeRow(area)<<44 | cubeRow(reasons&15)<<40 | cubeRow(year-yearZero)<<28 | cubeRow(n)
}

func (c cubeRow) area() int32    { return int32(c >> 44) }
func (c cubeRow) reasons() uint8 { return uint8(c >> 40 & 15) }
func (c cubeRow) year() int16    { return int16(c>>28&0xfff) + yearZero }
func (c cubeRow) n() uint32      { return uint32(c & 0xfffffff) }
func (c cubeRow) key() uint64    { return uint64(c >> 28) }
func (c cubeRow) slot() uint64   { return uint64(c >> 40) }

// mergeCube sums sorted rows of equal key, in place.
func mergeCube(rows []cubeRow) []cubeRow {
	out := rows[:0]
	for _, r := range rows {
		if k := len(out) - 1; k >= 0 && out[k].key() == r.key() {
			out[k] += cubeRow(r.n())
			continue
		}
		out = append(out, r)
	}
	return out
}

// mergeCubes sums sorted cubes, two by two: the sum of a family costs a few passes over its
// genera instead of a sort.
func mergeCubes(cubes [][]cubeRow) []cubeRow {
	for len(cubes) > 1 {
		half := cubes[:0:0]
		for i := 0; i < len(cubes); i += 2 {
			if i+1 == len(cubes) {
				half = append(half, cubes[i])
				break
			}
			half = append(half, mergeTwo(cubes[i], cubes[i+1]))
		}
		cubes = half
	}
	return cubes[0]
}

func mergeTwo(a, b []cubeRow) []cubeRow {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 {
		return a
	}
	out := make([]cubeRow, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch p, q := a[0].key(), b[0].key(); {
		case p < q:
			out, a = append(out, a[0]), a[1:]
		case p > q:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, a[0]+cubeRow(b[0].n())), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// unpackCube is the inverse of packCube.
func unpackCube(b []byte) []cubeRow {
	out := make([]cubeRow, 0, len(b)/3)
	eachRow(b, func(c cubeRow) { out = append(out, c) })
	return out
}

// eachRow calls f with the rows of a packed cube.
func eachRow(b []byte, f func(cubeRow)) {
	u := unpacker{b: b}
	slot := uint64(0)
	for i := u.len(); i > 0; i-- {
		slot += u.uint()
		year := uint64(0)
		for k := u.len(); k > 0; k-- {
			year += u.uint()
			f(cubeRow(slot<<40 | year<<28 | u.uint()))
		}
	}
}

// packCube packs sorted rows: slots, and in each its years.
func packCube(b []byte, rows []cubeRow) []byte {
	p := packer{b}
	slots := 0
	for i := range rows {
		if i == 0 || rows[i].slot() != rows[i-1].slot() {
			slots++
		}
	}
	p.uint(uint64(slots))
	prev := uint64(0)
	for i := 0; i < len(rows); {
		j := i
		for j < len(rows) && rows[j].slot() == rows[i].slot() {
			j++
		}
		p.uint(rows[i].slot() - prev)
		p.uint(uint64(j - i))
		prev = rows[i].slot()
		year := int16(yearZero)
		for _, r := range rows[i:j] {
			p.uint(uint64(r.year() - year))
			p.uint(uint64(r.n()))
			year = r.year()
		}
		i = j
	}
	return p.b
}

// eachSlot calls f with the sums of every slot of a packed cube over the years from..to,
// both included; slots without observations in them are left out.
func eachSlot(b []byte, from, to int, f func(areaTally)) error {
	u := unpacker{b: b}
	slot := uint64(0)
	for i := u.len(); i > 0; i-- {
		slot += u.uint()
		t := areaTally{area: int32(slot >> 4), reasons: uint8(slot & 15)}
		year := yearZero
		for k := u.len(); k > 0; k-- {
			year += int(u.uint())
			n := uint32(u.uint())
			if year < from || year > to {
				continue
			}
			if t.n == 0 {
				t.first = int16(year)
			}
			t.n += n
			t.last = int16(year)
		}
		if t.n > 0 {
			f(t)
		}
	}
	return u.err
}

// taxonTally is how often a species was seen in one area: row of the packed column "taxa".
type taxonTally struct {
	cd          int32
	n           uint32
	first, last int16
}

// eachTaxon calls f with every row of a packed species list; days gives its numbers per
// ten-day period into the array passed, when want is set.
func eachTaxon(b []byte, f func(t taxonTally, days *unpacker)) error {
	u := unpacker{b: b}
	n := u.len()
	if u.err != nil {
		return u.err
	}
	return eachPackedTaxon(u.b, n, f)
}

// eachPackedTaxon is eachTaxon for n rows without their number before them.
func eachPackedTaxon(b []byte, n int, f func(t taxonTally, days *unpacker)) error {
	u := unpacker{b: b}
	cd := int32(0)
	for ; n > 0; n-- {
		cd += int32(u.uint())
		t := taxonTally{cd: cd, n: uint32(u.uint())}
		t.first = int16(u.uint()) + yearZero
		t.last = t.first + int16(u.uint())
		size := u.len()
		if u.err != nil {
			return u.err
		}
		days := unpacker{b: u.b[:size]}
		u.b = u.b[size:]
		f(t, &days)
	}
	return u.err
}

// packDays packs the ten-day periods that have observations.
func packDays(b []byte, days *[36]uint32) []byte {
	p := packer{b}
	prev := 0
	for i, n := range days {
		if n > 0 {
			p.uint(uint64(i - prev))
			p.uint(uint64(n))
			prev = i
		}
	}
	return p.b
}

// unpackDays adds packed ten-day periods to days.
func unpackDays(u *unpacker, days *[36]int) {
	i := 0
	for len(u.b) > 0 {
		i += int(u.uint())
		n := int(u.uint())
		if i >= 36 {
			return
		}
		days[i] += n
	}
}
