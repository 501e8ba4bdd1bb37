package ingest

import (
	"math"
	"strconv"
	"strings"
)

// decimal reads a number written with a point or a comma, with optional spaces of thousands.
// Both separators together are refused unless the last is the decimal one and the others
// group by three. NaN and infinities are no numbers.
func decimal(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 64 {
		return 0, false
	}
	if v, ok := plainDecimal(s); ok {
		return v, true
	}
	if strings.ContainsAny(s, " \u00a0\u202f'") {
		s = strings.Map(func(r rune) rune {
			if r == ' ' || r == '\u00a0' || r == '\u202f' || r == '\'' {
				return -1
			}
			return r
		}, s)
	}
	comma, point := strings.LastIndexByte(s, ','), strings.LastIndexByte(s, '.')
	switch {
	case comma >= 0 && point >= 0 && comma > point:
		s = strings.ReplaceAll(s, ".", "")
		s = strings.Replace(s, ",", ".", 1)
	case comma >= 0 && point >= 0:
		s = strings.ReplaceAll(s, ",", "")
	case comma >= 0:
		if strings.Count(s, ",") > 1 {
			return 0, false
		}
		s = strings.Replace(s, ",", ".", 1)
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return 0, false // refuses "nan", "inf", "0x1p4"
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, false
	}
	return v, true
}

// plainDecimal reads the everyday form, [-]digits[.,digits] of at most 15 digits, exactly.
func plainDecimal(s string) (float64, bool) {
	i, neg := 0, false
	if s[0] == '-' {
		neg, i = true, 1
	}
	var m uint64
	digits, frac, seen := 0, 0, false
	for ; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			m = m*10 + uint64(c-'0')
			digits++
			if seen {
				frac++
			}
		case (c == '.' || c == ',') && !seen:
			seen = true
		default:
			return 0, false
		}
	}
	if digits == 0 || digits > 15 {
		return 0, false
	}
	v := float64(m) / pow10[frac]
	if neg {
		v = -v
	}
	return v, true
}

var pow10 = [16]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// integer reads a whole number; "5.0", as spreadsheets write it, is one.
func integer(s string) (int, bool) {
	n, i := 0, 0
	neg := false
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		neg = s[i] == '-'
		i++
	}
	start := i
	for i < len(s) && s[i] >= '0' && s[i] <= '9' && i-start < 10 {
		n = n*10 + int(s[i]-'0')
		i++
	}
	if i > start && i == len(s) {
		if neg {
			n = -n
		}
		return n, true
	}
	v, ok := decimal(s)
	if !ok || v != math.Trunc(v) || math.Abs(v) > 1e12 {
		return 0, false
	}
	return int(v), true
}
