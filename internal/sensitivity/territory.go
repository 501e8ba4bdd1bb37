package sensitivity

import (
	"slices"
	"strings"

	"garrigue/internal/geo"
)

// set is a set of departments, by departmentSet.
type set [2]uint64

func (s set) and(o set) set { return set{s[0] & o[0], s[1] & o[1]} }
func (s set) or(o set) set  { return set{s[0] | o[0], s[1] | o[1]} }
func (s set) not() set      { return set{^s[0], ^s[1]} }
func (s set) empty() bool   { return s == set{} }

// territory is where a rule applies: the departments of a set, those that have no place in
// a set when beyond, and the one of code odd.
type territory struct {
	in     set
	beyond bool
	odd    string
}

func (t *territory) everywhere() bool { return t.beyond && t.in.not().empty() }

// place is what an observation tells of its departments, worked out once.
type place struct {
	in      set
	beyond  bool // it meets a department that has no place in a set
	unknown bool // it may be anywhere
	read    bool
}

func placeOf(departments []string) (p place) {
	p.read, p.unknown = true, len(departments) == 0
	for _, d := range departments {
		s := departmentSet(d)
		p.in = p.in.or(s)
		p.unknown = p.unknown || d == ""
		p.beyond = p.beyond || s.empty()
	}
	return p
}

// meets reports whether a rule applies in one of the departments of a place, or may.
func (t *territory) meets(p *place, departments []string) bool {
	return p.unknown || !t.in.and(p.in).empty() || p.beyond && (t.beyond || t.odd != "" && slices.Contains(departments, t.odd))
}

// regional returns the departments where a region's list is in force. A list that is known but
// has no rule is not.
func (b *Book) regional(rules []Rule) (held set) {
	last, known := "", false
	for i := range rules {
		if known && rules[i].List == last {
			continue
		}
		last, known = rules[i].List, true
		held = held.or(regionSet(b.lists[last].Region))
	}
	return held
}

// territory returns where a rule applies, held being where regional lists are in force; false
// when nowhere. A list that is not described is taken to stand apart: who knows what it replaces?
func (b *Book) territory(r *Rule, held set) (t territory, ok bool) {
	list, described := b.lists[r.List]
	t.in, t.beyond = set{}.not(), true
	if region := regionSet(list.Region); !region.empty() {
		t.in, t.beyond = region, false
	} else if described && list.Region == "" {
		t.in = held.not()
	}
	within := set{}.not()
	if r.Area.Kind() == geo.Department {
		// Also of a shape over several departments it is in this one that the rule must apply: else it would apply to what meets this one and
		// another, and to neither.
		if s := departmentSet(r.Area.Code()); !s.empty() {
			within, t.in, t.beyond = s, t.in.and(s), false
		}
	}
	if r.Department == "" {
		return t, t.beyond || !t.in.empty()
	}
	own := departmentSet(r.Department).and(within)
	if departmentSet(r.Department).empty() {
		return territory{odd: r.Department}, true
	}
	if list.Region == "" {
		own = own.and(t.in)
	}
	// What a region's list says of a department of another region stands as it is written.
	return territory{in: own}, !own.empty()
}

// departmentSet returns a department by its INSEE code, nothing when the code is none. The former
// Corsica (20) is both of those that came of it.
func departmentSet(code string) (s set) {
	n := -1
	switch {
	case len(code) == 2 && code[0] == '2' && (code[1] == 'A' || code[1] == 'B'):
		n = 96 + int(code[1]-'A')
	case len(code) == 2 && digit(code[0]) && digit(code[1]):
		n = int(code[0]-'0')*10 + int(code[1]-'0')
		if n == 20 {
			s = departmentSet("2A").or(departmentSet("2B"))
		}
		if n == 0 || n > 95 {
			return s
		}
	case len(code) == 3 && code[0] == '9' && (code[1] == '7' || code[1] == '8') && digit(code[2]):
		n = 98 + int(code[1]-'7')*10 + int(code[2]-'0')
	default:
		return s
	}
	s[n>>6] |= 1 << (n & 63)
	return s
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func regionSet(code string) (s set) {
	for d := range strings.FieldsSeq(regions[code]) {
		s = s.or(departmentSet(d))
	}
	return s
}

// regions gives the departments of the regions, by INSEE code: those of before 2016, then those
// made since (loi n° 2015-29 du 16 janvier 2015). One that did not change has the same code in both.
var regions = map[string]string{
	"01": "971", "02": "972", "03": "973", "04": "974", "06": "976",
	"11": "75 77 78 91 92 93 94 95",
	"21": "08 10 51 52", "22": "02 60 80", "23": "27 76", "24": "18 28 36 37 41 45", "25": "14 50 61",
	"26": "21 58 71 89", "31": "59 62", "41": "54 55 57 88", "42": "67 68", "43": "25 39 70 90",
	"52": "44 49 53 72 85", "53": "22 29 35 56", "54": "16 17 79 86", "72": "24 33 40 47 64",
	"73": "09 12 31 32 46 65 81 82", "74": "19 23 87", "82": "01 07 26 38 42 69 73 74", "83": "03 15 43 63",
	"91": "11 30 34 48 66", "93": "04 05 06 13 83 84", "94": "2A 2B",

	"27": "21 25 39 58 70 71 89 90", "28": "14 27 50 61 76", "32": "02 59 60 62 80",
	"44": "08 10 51 52 54 55 57 67 68 88", "75": "16 17 19 23 24 33 40 47 64 79 86 87",
	"76": "09 11 12 30 31 32 34 46 48 65 66 81 82", "84": "01 03 07 15 26 38 42 43 63 69 73 74",
}
