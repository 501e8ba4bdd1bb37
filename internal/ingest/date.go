package ingest

import (
	"strings"

	"garrigue/internal/civil"
	"garrigue/internal/observation"
)

// dateOrder is how a column writes the day and the month when figures alone do not tell.
type dateOrder uint8

const (
	dayFirst   dateOrder = iota // 31/12/2020, 31.12.2020, 31-12-2020
	monthFirst                  // 12/31/2020
	mixedOrder                  // the column has both: what could be either is refused
)

// dateFault is why a text is no date.
type dateFault uint8

const (
	dateOK dateFault = iota
	dateBad
	dateAmbiguous
)

// span is the first and last day a text stands for, with a time of day when it gives one.
type span struct {
	start, end         civil.Date
	precision          observation.Precision
	startTime, endTime string
}

// evidence is what the dates of a column tell about their order, counted over the file.
type evidence struct {
	iso, named, serial, dayFirst, monthFirst, either, shortYear int

	told *dateOrder // by a person, nil when nobody did
}

// order decides how a column is read, and whether that was assumed rather than seen.
func (e *evidence) order() (o dateOrder, assumed bool) {
	switch {
	case e.told != nil:
		return *e.told, false
	case e.dayFirst > 0 && e.monthFirst > 0:
		return mixedOrder, false
	case e.monthFirst > 0:
		return monthFirst, false
	}
	return dayFirst, e.dayFirst == 0 && e.either > 0
}

// style names what was seen, for the report.
func (e *evidence) style() string {
	var s []string
	say := func(n int, name string) {
		if n > 0 {
			s = append(s, name)
		}
	}
	say(e.iso, "AAAA-MM-JJ")
	o, _ := e.order()
	if n := e.dayFirst + e.monthFirst + e.either; n > 0 {
		s = append(s, [...]string{"JJ/MM/AAAA", "MM/JJ/AAAA", "JJ/MM et MM/JJ"}[o])
	}
	say(e.named, "JJ-mois-AA")
	say(e.serial, "Excel")
	return strings.Join(s, ", ")
}

// observe adds one text of the column to the evidence.
func (e *evidence) observe(s string) {
	s = strings.TrimSpace(s)
	if s == "" || s == `\N` {
		return
	}
	a, b, c, kind := shape(s)
	switch kind {
	case shapeISO:
		e.iso++
	case shapeNamed:
		e.named++
		if c < 100 {
			e.shortYear++
		}
	case shapeSerial:
		e.serial++
	case shapeNumbers:
		switch {
		case a > 12 && b <= 12:
			e.dayFirst++
		case b > 12 && a <= 12:
			e.monthFirst++
		case a <= 12 && b <= 12 && a != b:
			e.either++
		}
		if c < 100 {
			e.shortYear++
		}
	}
}

type shapeKind uint8

const (
	shapeNone    shapeKind = iota
	shapeISO               // year first
	shapeNumbers           // a, b, year
	shapeNamed             // day, month by name, year
	shapeSerial            // days since 1899-12-30
)

// shape reads the skeleton of a date: its numbers and the kind of writing. For shapeNumbers
// a and b are the first and second numbers; for shapeNamed the day and the month.
func shape(s string) (a, b, year int, kind shapeKind) {
	n, i := leadingInt(s)
	if i == 0 {
		if m, d, y, ok := javaDate(s); ok {
			return d, m, y, shapeNamed
		}
		return 0, 0, 0, shapeNone
	}
	if i == len(s) && i == 5 || i == 5 && (s[5] == '.' || s[5] == ',') {
		return 0, 0, n, shapeSerial
	}
	if i == 4 || i == 8 && i == len(s) {
		return 0, 0, n, shapeISO
	}
	if i > 2 || i == len(s) {
		return 0, 0, 0, shapeNone
	}
	rest := strings.TrimLeft(s[i:], "/.- ")
	if m, j := leadingInt(rest); j > 0 && j <= 2 {
		rest = strings.TrimLeft(rest[j:], "/.- ")
		y, k := leadingInt(rest)
		if k == 2 || k == 4 {
			return n, m, y, shapeNumbers
		}
		return 0, 0, 0, shapeNone
	}
	rest = strings.TrimPrefix(rest, "er ")
	m, j := monthName(rest)
	if m == 0 {
		return 0, 0, 0, shapeNone
	}
	rest = strings.TrimLeft(rest[j:], "/.- ")
	y, k := leadingInt(rest)
	if k == 2 || k == 4 {
		return n, m, y, shapeNamed
	}
	return 0, 0, 0, shapeNone
}

// dateReader reads the dates of one column.
type dateReader struct {
	order dateOrder
	pivot int // two-digit years up to today's are of this century
}

func newDateReader(order dateOrder, today civil.Date) dateReader {
	return dateReader{order, today.Year()}
}

// read reads one text: a day, a month, a year, a moment, or an ISO interval a/b.
func (r dateReader) read(s string) (span, dateFault) {
	if i := strings.IndexByte(s, '/'); i >= 4 && leadsYear(s) && (leadsYear(s[i+1:]) || i == 10) {
		a, f := r.read(s[:i])
		if f != dateOK {
			return span{}, f
		}
		end := s[i+1:]
		if len(end) == 2 || len(end) == 5 { // ISO 8601 lets the end leave out what it shares with the start
			end = s[:10-len(end)] + end
		}
		b, f := r.read(end)
		if f != dateOK {
			return span{}, f
		}
		a.end, a.endTime = b.end, b.startTime
		a.precision = precisionOf(a, b)
		return a, dateOK
	}
	if len(s) >= 10 && s[4] == '-' && s[7] == '-' {
		return r.isoDay(s)
	}
	return r.other(s)
}

func precisionOf(a, b span) observation.Precision {
	p := max(a.precision, b.precision)
	if p == observation.Year && a.start.Year() != b.end.Year() {
		return observation.Years
	}
	return p
}

func (r dateReader) isoDay(s string) (span, dateFault) {
	d, ok := civil.Parse(s)
	if !ok {
		return span{}, dateBad
	}
	t, ok := clockTail(s[10:])
	if !ok {
		return span{}, dateBad
	}
	return span{start: d, end: d, startTime: t}, dateOK
}

func (r dateReader) other(s string) (span, dateFault) {
	a, b, y, kind := shape(s)
	switch kind {
	case shapeISO:
		return r.yearFirst(s)
	case shapeSerial:
		if y < 1 {
			return span{}, dateBad
		}
		d := civil.Date(y - 25569) // 25569 is 1 January 1970 counted from 30 December 1899
		return span{start: d, end: d}, dateOK
	case shapeNamed:
		return r.day(y, b, a, s)
	case shapeNumbers:
		day, month := a, b
		switch r.order {
		case monthFirst:
			day, month = b, a
		case mixedOrder:
			if a <= 12 && b <= 12 && a != b {
				return span{}, dateAmbiguous
			}
			if b > 12 {
				day, month = b, a
			}
		}
		return r.day(y, month, day, s)
	}
	return span{}, dateBad
}

func (r dateReader) day(y, m, d int, s string) (span, dateFault) {
	if y < 100 {
		y += r.pivot / 100 * 100
		if y > r.pivot {
			y -= 100
		}
	}
	day, ok := civil.Make(y, m, d)
	if !ok {
		return span{}, dateBad
	}
	out := span{start: day, end: day}
	if i := strings.IndexByte(s, ':'); i > 1 {
		j := strings.LastIndexAny(s[:i], " T")
		if j > 0 {
			t, ok := clockTail(s[j:])
			if ok {
				out.startTime = t
			}
		}
	}
	return out, dateOK
}

// yearFirst reads 2020, 2020-05, 20200517, 2020/05/17, 2020.05.17.
func (r dateReader) yearFirst(s string) (span, dateFault) {
	n, i := leadingInt(s)
	if i == 8 {
		return r.day(n/10000, n/100%100, n%100, "")
	}
	y := n
	rest := strings.TrimLeft(s[i:], "/.- ")
	if rest == "" {
		a, _ := civil.Make(y, 1, 1)
		z, _ := civil.Make(y, 12, 31)
		return span{start: a, end: z, precision: observation.Year}, dateOK
	}
	m, i := leadingInt(rest)
	if i == 0 || i > 2 {
		return span{}, dateBad
	}
	rest = rest[i:]
	if strings.TrimSpace(rest) == "" {
		a, ok := civil.Make(y, m, 1)
		if !ok {
			return span{}, dateBad
		}
		ny, nm := y, m+1
		if nm == 13 {
			ny, nm = y+1, 1
		}
		z, _ := civil.Make(ny, nm, 1)
		return span{start: a, end: z - 1, precision: observation.Month}, dateOK
	}
	rest = strings.TrimLeft(rest, "/.- ")
	d, i := leadingInt(rest)
	if i == 0 || i > 2 {
		return span{}, dateBad
	}
	day, ok := civil.Make(y, m, d)
	if !ok {
		return span{}, dateBad
	}
	t, ok := clockTail(rest[i:])
	if !ok {
		return span{}, dateBad
	}
	return span{start: day, end: day, startTime: t}, dateOK
}

// clockTail reads what may follow a day: nothing, or a time with an optional zone. Midnight
// exactly is how databases write "no time".
func clockTail(s string) (string, bool) {
	if s == "" {
		return "", true
	}
	if s[0] != 'T' && s[0] != ' ' && s[0] != 't' {
		return "", s == "Z"
	}
	s = strings.TrimSpace(s[1:])
	if s == "" {
		return "", true
	}
	t, ok := clock(s)
	if t == "00:00" || t == "00:00:00" {
		t = ""
	}
	return t, ok
}

// clock reads a time of day: 9:05, 09:05:12.5, 09h05, 0905Z, with an optional zone that is
// left out (the time is the observer's own). The answer is HH:MM or HH:MM:SS.
func clock(s string) (string, bool) {
	s = strings.TrimSpace(s)
	h, i := leadingInt(s)
	if i == 0 || i > 2 || h > 23 {
		return "", false
	}
	if i == len(s) {
		return "", false
	}
	if s[i] != ':' && s[i] != 'h' && s[i] != 'H' {
		return "", false
	}
	if i+1 == len(s) && s[i] != ':' {
		return digits2(h) + ":00", true
	}
	m, j := leadingInt(s[i+1:])
	if j != 2 || m > 59 {
		return "", false
	}
	end := i + 1 + j
	if i == 2 && s[i] == ':' && (end == len(s) || s[end] != ':') {
		return s[:5], zone(s[end:])
	}
	out := digits2(h) + ":" + digits2(m)
	if end < len(s) && s[end] == ':' {
		sec, k := leadingInt(s[end+1:])
		if k != 2 || sec > 60 {
			return "", false
		}
		end += 1 + k
		if sec > 0 {
			out += ":" + digits2(sec)
		}
	}
	return out, zone(s[end:])
}

// zone accepts what may follow a time: fractions, Z, ±hh[:mm], a zone's name.
func zone(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= '0' && c <= '9', c == '.', c == ':', c == '+', c == '-', c == ' ', c >= 'A' && c <= 'Z', c == '(', c == ')':
		default:
			return false
		}
	}
	return true
}

func digits2(n int) string { return string([]byte{byte('0' + n/10), byte('0' + n%10)}) }

func leadingInt(s string) (n, width int) {
	for width < len(s) && width < 9 && s[width] >= '0' && s[width] <= '9' {
		n = n*10 + int(s[width]-'0')
		width++
	}
	return n, width
}

func leadsYear(s string) bool {
	_, w := leadingInt(s)
	return w == 4
}

// monthName reads a month written in French or English, whole or cut ("févr.", "août", "Jul"),
// and how many bytes it took.
func monthName(s string) (month, width int) {
	for width < len(s) {
		c := s[width]
		if c < 0x80 && (c < 'A' || c > 'Z' && c < 'a' || c > 'z') {
			break
		}
		width++
	}
	if width < 3 || width > 12 {
		return 0, 0
	}
	w := strings.ToLower(s[:width])
	w = monthAccents.Replace(w)
	for i, names := range monthNames {
		for _, n := range names {
			if strings.HasPrefix(n, w) && len(w) >= 3 && (n[:3] != "jui" || len(w) >= 4) {
				return i + 1, width
			}
		}
	}
	return 0, 0
}

var monthAccents = strings.NewReplacer("é", "e", "è", "e", "û", "u", "ê", "e", "e\u0301", "e", "u\u0302", "u")

var monthNames = [12][]string{{"janvier", "january"}, {"fevrier", "february"}, {"mars", "march"}, {"avril", "april"}, {"mai", "may"},
	{"juin", "june"}, {"juillet", "july"}, {"aout", "august"}, {"septembre", "september", "sept"}, {"octobre", "october"},
	{"novembre", "november"}, {"decembre", "december"}}

// javaDate reads "Tue Apr 01 00:00:00 CET 1930", as old GBIF portals wrote dates.
func javaDate(s string) (month, day, year int, ok bool) {
	f := strings.Fields(s)
	if len(f) != 6 {
		return 0, 0, 0, false
	}
	m, _ := monthName(f[1])
	d, i := leadingInt(f[2])
	y, j := leadingInt(f[5])
	return m, d, y, m > 0 && i > 0 && j == 4
}
