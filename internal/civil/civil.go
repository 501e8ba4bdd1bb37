// Package civil has dates without a time of day: what an observation's date is.
package civil

import (
	"fmt"
	"time"
)

// Date is a civil date as a number of days since 1 January 1970 (proleptic Gregorian). The
// zero Date is that day; NoDate is no date.
type Date int32

// NoDate is no date at all.
const NoDate Date = -1 << 31

// Make returns the date of year, month, day, and false when there is no such day
// (29 February 2023).
func Make(year, month, day int) (Date, bool) {
	if month < 1 || month > 12 || day < 1 || day > 31 {
		return NoDate, false
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if t.Day() != day {
		return NoDate, false
	}
	return Of(t), true
}

// Of returns the civil date of t in its own location.
func Of(t time.Time) Date {
	y, m, d := t.Date()
	return Date(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// Civil returns the year, month and day.
func (d Date) Civil() (year, month, day int) {
	// Days to civil date, Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
	z := int(d) + 719468
	era := z / 146097
	if z < 0 {
		era = (z - 146096) / 146097
	}
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = doy - (153*mp+2)/5 + 1
	month = mp + 3
	if mp >= 10 {
		month = mp - 9
	}
	year = yoe + era*400
	if month <= 2 {
		year++
	}
	return year, month, day
}

// Year returns the year.
func (d Date) Year() int { y, _, _ := d.Civil(); return y }

// TenDays returns the ten-day period (décade) of the year, 0 (1–10 January) to 35 (21–31
// December).
func (d Date) TenDays() int {
	_, m, day := d.Civil()
	return (m-1)*3 + min((day-1)/10, 2)
}

// String returns the ISO 8601 date, "" for NoDate.
func (d Date) String() string {
	if d == NoDate {
		return ""
	}
	y, m, day := d.Civil()
	return fmt.Sprintf("%04d-%02d-%02d", y, m, day)
}

// Parse reads an ISO 8601 date (2024-02-29).
func Parse(s string) (Date, bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return NoDate, false
	}
	y, ok1 := digits(s[:4])
	m, ok2 := digits(s[5:7])
	d, ok3 := digits(s[8:10])
	if !ok1 || !ok2 || !ok3 {
		return NoDate, false
	}
	return Make(y, m, d)
}

func digits(s string) (int, bool) {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, len(s) > 0
}
