package workbook

import (
	"math"
	"strconv"
	"strings"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

// number writes a number as a person typed it: spreadsheets keep fifteen figures, what binary
// fractions add beyond is noise. Long identifiers stay whole.
func number(s string) string {
	s = strings.TrimSpace(s)
	if plainInteger(s) {
		return s
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return s
	}
	return decimalText(v)
}

func decimalText(v float64) string {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 15, 64), 64)
	if err != nil {
		r = v
	}
	if a := math.Abs(r); a != 0 && (a >= 1e21 || a < 1e-12) {
		return strconv.FormatFloat(r, 'g', -1, 64)
	}
	if r == 0 {
		return "0" // not -0
	}
	return strconv.FormatFloat(r, 'f', -1, 64)
}

func plainInteger(s string) bool {
	d := strings.TrimPrefix(s, "-")
	if d == "" || len(d) > 18 || len(d) > 1 && d[0] == '0' {
		return false
	}
	for i := 0; i < len(d); i++ {
		if d[i] < '0' || d[i] > '9' {
			return false
		}
	}
	return s != "-0"
}

// show is how a cell shows its number.
type show uint8

const (
	asNumber   show = iota
	asDate          // a day, with its time when it has one
	asMoment        // a day and a time
	asTime          // a time of day
	asDuration      // hours counted past 24
)

// serial writes the date, the time or the duration that a number stands for: days since the
// epoch of the workbook.
func serial(v float64, how show, system1904 bool) (string, bool) {
	if math.IsNaN(v) || v < 0 || v > 2_958_466 {
		return "", false // before the first day, or after the year 9999
	}
	seconds := int64(math.Round(v * 86400))
	days, rest := seconds/86400, seconds%86400
	clock := clockText(rest)
	switch {
	case how == asDuration:
		return clockText(seconds), true
	case how == asTime && days == 0:
		return clock, true
	case !system1904 && days < 2 && (how == asTime || how == asMoment):
		// A time of day that another program wrote as a moment of the epoch's first days.
		return clock, true
	case how == asTime:
		how = asMoment
	}
	if system1904 {
		days += 1462
	} else if days < 60 {
		days++ // 1900-02-29, which never was, is day 60
	}
	day := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(days)).Format("2006-01-02")
	if how == asDate && rest == 0 || how == asMoment && rest == 0 {
		return day, true
	}
	return day + "T" + clock, true
}

// clockText writes seconds as hours, minutes, and seconds where there are some.
func clockText(s int64) string {
	two := func(n int64) string {
		if n < 10 {
			return "0" + strconv.FormatInt(n, 10)
		}
		return strconv.FormatInt(n, 10)
	}
	t := two(s/3600) + ":" + two(s/60%60)
	if s%60 != 0 {
		t += ":" + two(s%60)
	}
	return t
}

// showOf reads a number format of XLSX: whether numbers under it are dates or times. Quoted
// and escaped characters, colours and conditions say nothing; hours between brackets are
// counted past 24.
func showOf(code string) show {
	if i := strings.IndexByte(code, ';'); i >= 0 {
		code = code[:i] // positive numbers
	}
	if name := strings.ToLower(code); strings.HasPrefix(name, "general") || strings.HasPrefix(name, "standard") {
		return asNumber
	}
	var day, clock, elapsed, months bool
	for i := 0; i < len(code); i++ {
		switch c := code[i] | 0x20; {
		case code[i] == '"':
			j := strings.IndexByte(code[i+1:], '"')
			if j < 0 {
				return asNumber
			}
			i += j + 1
		case code[i] == '\\' || code[i] == '_' || code[i] == '*':
			i++
		case code[i] == '[':
			j := strings.IndexByte(code[i:], ']')
			if j < 0 {
				return asNumber
			}
			inside := strings.ToLower(code[i+1 : i+j])
			elapsed = elapsed || strings.Trim(inside, "hms") == "" && inside != ""
			i += j
		case code[i] == '0' || code[i] == '#' || code[i] == '?':
			if !clock && !elapsed { // 0.00E+00, but ss.000 is a time
				return asNumber
			}
		case c == 'd' || c == 'y':
			day = true
		case c == 'h' || c == 's':
			clock = true
		case c == 'm':
			months = true
		}
	}
	switch {
	case elapsed && !day:
		return asDuration
	case day && clock:
		return asMoment
	case day || months && !clock:
		return asDate
	case clock:
		return asTime
	}
	return asNumber
}

// builtin are the number formats that a workbook does not write out (ECMA-376, 18.8.30), with
// those of East Asian versions.
func builtin(id int) show {
	switch {
	case id >= 14 && id <= 17, id >= 27 && id <= 31, id == 36, id >= 50 && id <= 58:
		return asDate
	case id >= 18 && id <= 21, id >= 32 && id <= 35, id == 45, id == 47:
		return asTime
	case id == 22:
		return asMoment
	case id == 46:
		return asDuration
	}
	return asNumber
}

// isoDate writes the date of an ODS or of a cell of type d: without the time where it is
// midnight, without seconds where they are none.
func isoDate(s string) string {
	s = strings.TrimSpace(s)
	day, clock, ok := strings.Cut(s, "T")
	if !ok || strings.Trim(clock, "0123456789:.Z") != "" {
		return s
	}
	clock, _, _ = strings.Cut(strings.TrimSuffix(clock, "Z"), ".")
	clock = strings.TrimSuffix(clock, ":00")
	if clock == "00:00" || clock == "00" {
		return day
	}
	return day + "T" + clock
}

// isoDuration writes "PT10H30M00S" as "10:30".
func isoDuration(s string) (string, bool) {
	rest, ok := strings.CutPrefix(s, "PT")
	if !ok {
		return "", false
	}
	var total float64
	for rest != "" {
		i := strings.IndexAny(rest, "HMS")
		if i <= 0 {
			return "", false
		}
		v, err := strconv.ParseFloat(rest[:i], 64)
		if err != nil || v < 0 || v > 1e9 {
			return "", false
		}
		total += v * map[byte]float64{'H': 3600, 'M': 60, 'S': 1}[rest[i]]
		rest = rest[i+1:]
	}
	return clockText(int64(math.Round(total))), true
}

// isError recognises what shows where a formula failed.
func isError(s string) bool {
	switch s {
	case "#N/A", "#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#GETTING_DATA", "#SPILL!", "#CALC!", "#N/D", "#VALEUR!", "#NOM?", "#NOMBRE!", "Err:502", "Err:504", "Err:508", "Err:511", "Err:522", "Err:523":
		return true
	}
	return false
}
