package sensitivity

import "strconv"

// Level is a code of sensitivity, as a number that stays the same: 0 to 4 are the codes of the
// first scale (0 none, 1 commune, 2 cell of 10 km, 3 department, 4 nothing), 11 to 18 those by
// cells alone ("2.1" to "2.8": 1, 4, 25, 100, 400, 2500, 5000 km², nothing). What a level is worth
// is the policy's to say. Numbers are not in order: never compare two levels by < or
// max, but by Rank or Stricter.
type Level uint8

// The levels by cells alone. No official table of their codes has been found: these are those of the
// platform of Auvergne-Rhône-Alpes (cbn-alpin/sinp-aura-data).
const (
	Km1    Level = 11
	Km4    Level = 12
	Km25   Level = 13
	Km100  Level = 14
	Km400  Level = 15
	Km2500 Level = 16
	Km5000 Level = 17
	// NotShown is "2.8", what Nothing is in the first scale.
	NotShown Level = 18

	// Nothing is level 4 of the first scale.
	Nothing Level = 4
)

// ParseLevel reads a code, "0" to "4" or "2.1" to "2.8"; false for any other.
func ParseLevel(code string) (Level, bool) {
	switch {
	case len(code) == 1 && code[0] >= '0' && code[0] <= '4':
		return Level(code[0] - '0'), true
	case len(code) == 3 && code[:2] == "2." && code[2] >= '1' && code[2] <= '8':
		return Km1 + Level(code[2]-'1'), true
	}
	return 0, false
}

// Known reports whether the number is that of a level.
func (l Level) Known() bool { return l <= Nothing || l >= Km1 && l <= NotShown }

// String returns the level's code: "2", "2.4".
func (l Level) String() string {
	if l >= Km1 && l <= NotShown {
		return "2." + string(rune('1'+l-Km1))
	}
	return strconv.Itoa(int(l))
}

// Withholds reports whether nothing at all is shown at the level: 4, 2.8, and what is no level.
func (l Level) Withholds() bool { return l == Nothing || l >= NotShown || !l.Known() }

// Rank orders levels by the area they are named for: 0 for level 0, the highest for those that
// withhold. 2 and 2.4 are of one rank. A policy may order them otherwise, by what it makes of
// them.
func (l Level) Rank() int {
	if l.Withholds() {
		return 10
	}
	switch l {
	case Km1:
		return 1
	case Km4:
		return 2
	case 1:
		return 3
	case Km25:
		return 4
	case 2, Km100:
		return 5
	case Km400:
		return 6
	case Km2500:
		return 7
	case Km5000:
		return 8
	case 3:
		return 9
	}
	return 0
}

// Stricter returns the level of the higher rank; of one rank, the lower number.
func Stricter(a, b Level) Level {
	if x, y := a.Rank(), b.Rank(); x > y || x == y && a < b {
		return a
	}
	return b
}
