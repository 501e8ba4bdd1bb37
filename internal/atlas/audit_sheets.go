package atlas

import (
	"zombiezen.com/go/sqlite"

	"garrigue/internal/taxon"
)

// into copies a column's bytes over those of a former row.
func into(b []byte, s *sqlite.Stmt, col int) []byte {
	n := s.ColumnLen(col)
	if n > cap(b) {
		b = make([]byte, 2*n)
	}
	return b[:s.ColumnBytes(col, b[:cap(b)])]
}

// taxonTotals are the totals of a taxon's sheet, and what the lists beside them add up to.
type taxonTotals struct {
	n, years               int
	months                 [12]int
	days                   [36]int // per ten-day period
	undated                int
	altitudes, altKnown    int
	organisations          int
	told, toldYears, ended bool
}

func (t *taxonTotals) read(sheet []byte) {
	*t = taxonTotals{}
	r := sheetReader{b: sheet}
	r.object(func(name []byte) {
		switch string(name) {
		case "n":
			t.n, t.told = r.number(), true
		case "years":
			t.years, t.toldYears = r.total("n"), true
		case "months":
			r.numbers(t.months[:])
		case "td":
			r.numbers(t.days[:])
		case "undated":
			t.undated = r.number()
		case "altitudes":
			t.altitudes = r.total("n")
		case "altknown":
			t.altKnown = r.number()
		case "organisations":
			t.organisations = r.total("n")
		default:
			r.skip()
		}
	})
	t.ended = r.done()
}

// agree says whether the totals are those of their lists, and of the plain tables.
func (t *taxonTotals) agree(p *plainTaxon) bool {
	dated := 0
	for i, n := range t.months {
		if n != p.months[i] || t.days[3*i]+t.days[3*i+1]+t.days[3*i+2] > n {
			return false
		}
		dated += n
	}
	return t.undated == p.months[12] && dated+t.undated == t.n && t.altitudes == t.altKnown && t.altKnown == p.altitudes && t.organisations == t.n
}

// taxonSheets compares the sheets and the packed figures of taxa with the plain tables and with
// what they list.
func (a *auditor) taxonSheets() error {
	var text, cells, areas, cube []byte
	var totals taxonTotals
	figures, lists, read := 0, 0, 0
	err := a.each("SELECT cd_ref, sheet, cells, areas, cube FROM taxon_sheet ORDER BY cd_ref", func(s *sqlite.Stmt) error {
		cd := code(s, 0)
		i, ok := a.find(cd)
		if !ok {
			figures++
			return nil
		}
		read++
		p := &a.plain[i]
		text, cells, areas, cube = into(text, s, 1), into(cells, s, 2), into(areas, s, 3), into(cube, s, 4)
		totals.read(text)
		if !totals.ended || !totals.told || !totals.toldYears || totals.n != p.n || totals.years != p.n {
			figures++
		}
		if !totals.ended || !totals.agree(p) {
			lists++
		}
		if !a.packed(cells, cube, p.n) || p.isSpecies != 0 && !a.areasOf(cd, areas) {
			a.problem("packed figures of taxon %d", cd)
		}
		return nil
	})
	a.count(figures+len(a.plain)-read, "taxon sheets differ from their figures")
	a.count(lists, "taxon sheets whose totals differ from what they list")
	return err
}

// packed says whether the packed figures of a taxon add up to n.
func (a *auditor) packed(cells, cube []byte, n int) bool {
	of, ok := a.tallies(cells, func(int, int) {})
	sum, fine := a.rowsOf(cube)
	return ok && fine && of == n && sum == n
}

// areasOf adds the packed areas of a species to their lists.
func (a *auditor) areasOf(cd taxon.CdRef, packed []byte) bool {
	mix := mixing(cd)
	_, ok := a.tallies(packed, func(area, n int) { a.listed[area].ofTaxa.add(mix, n) })
	return ok
}

// varints reads packed figures apart from what the portal reads them with. What is cut short
// leaves short set, and zeros.
type varints struct {
	b     []byte
	at    int
	short bool
}

func (v *varints) next() int {
	if i := v.at; i < len(v.b) && v.b[i] < 0x80 {
		v.at++
		return int(v.b[i])
	}
	return v.long()
}

// long reads a number of several bytes, at most of 56 bits.
func (v *varints) long() int {
	n := 0
	for shift := 0; v.at < len(v.b) && shift < 56; shift += 7 {
		c := v.b[v.at]
		v.at++
		if n |= int(c&0x7f) << shift; c < 0x80 {
			return n
		}
	}
	v.at, v.short = len(v.b), true
	return 0
}

// items is a number of items, each of a byte at least.
func (v *varints) items() int {
	n := v.next()
	if n > len(v.b)-v.at {
		v.at, v.short = len(v.b), true
		return 0
	}
	return n
}

// done says whether what was read is the whole.
func (v *varints) done() bool { return !v.short && v.at == len(v.b) }

// tallies adds up a packed column of areas, and calls f with each area and its number.
func (a *auditor) tallies(b []byte, f func(area, n int)) (sum int, ok bool) {
	v := varints{b: b}
	area, ok := 0, true
	for i := v.items(); i > 0; i-- {
		area += v.next() >> 4 // the lower bits are reasons
		n := v.next()
		v.next() // years
		v.next()
		if area >= len(a.areas) {
			ok = false
			continue
		}
		sum += n
		f(area, n)
	}
	return sum, ok && v.done()
}

// rowsOf adds up a packed cube.
func (a *auditor) rowsOf(b []byte) (sum int, ok bool) {
	v := varints{b: b}
	slot, ok := 0, true
	for i := v.items(); i > 0; i-- {
		slot += v.next()
		year := yearZero
		for k := v.items(); k > 0; k-- {
			year += v.next()
			sum += v.next()
		}
		ok = ok && slot>>4 < len(a.areas) && year <= 1<<15
	}
	return sum, ok && v.done()
}

// listing adds a packed species list up.
func (l *listSum) listing(b []byte) bool {
	v := varints{b: b}
	cd := 0
	for i := v.items(); i > 0; i-- {
		cd += v.next()
		l.add(mixing(taxon.CdRef(cd)), v.next())
		v.next() // years
		v.next()
		days := v.items() // per ten-day period
		v.at += days
	}
	return v.done()
}

// areaTotals is taxonTotals of an area. Groups count species: a record known to the genus is in the
// area's observations only.
type areaTotals struct {
	n, taxa, years         int
	groups                 listSum
	organisations          int
	told, toldYears, ended bool
}

func (t *areaTotals) read(sheet []byte) {
	*t = areaTotals{}
	r := sheetReader{b: sheet}
	r.object(func(name []byte) {
		switch string(name) {
		case "n":
			t.n, t.told = r.number(), true
		case "taxa":
			t.taxa = r.number()
		case "years":
			t.years, t.toldYears = r.total("n"), true
		case "organisations":
			t.organisations = r.total("n")
		case "groups":
			r.list(func() {
				r.object(func(name []byte) {
					switch string(name) {
					case "taxa":
						t.groups.species += r.number()
					case "n":
						t.groups.n += r.number()
					default:
						r.skip()
					}
				})
			})
		default:
			r.skip()
		}
	})
	t.ended = r.done()
}

// areaSheets compares the sheets of areas with their figures and with what they list.
func (a *auditor) areaSheets() error {
	var text, taxa []byte
	var t areaTotals
	figures, lists, read := 0, 0, 0
	err := a.each("SELECT area_id, sheet, taxa FROM area_sheet ORDER BY area_id", func(s *sqlite.Stmt) error {
		i := s.ColumnInt(0) - 1
		if i < 0 || i >= len(a.areas) {
			figures++
			return nil
		}
		read++
		text, taxa = into(text, s, 1), into(taxa, s, 2)
		list := &a.listed[i].packed
		t.read(text)
		if !t.ended || !t.told || !t.toldYears || t.n != a.areas[i].N || t.years != t.n {
			figures++
		}
		if !list.listing(taxa) || !t.ended || t.groups.n != list.n || t.groups.species != t.taxa || t.taxa != a.areas[i].Taxa || t.organisations != t.n {
			lists++
		}
		return nil
	})
	a.count(figures+len(a.areas)-read, "area sheets differ from their figures")
	a.count(lists, "area sheets whose totals differ from what they list")
	return err
}
