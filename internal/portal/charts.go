package portal

import (
	"strconv"
	"strings"

	"garrigue/internal/atlas"
)

// strip draws the year strip: 36 ten-day cells in three strengths, the current one framed.
func strip(td *[36]int, now int) string {
	top, total := 0, 0
	for _, n := range td {
		top, total = max(top, n), total+n
	}
	level := func(n int) int {
		switch {
		case n == 0:
			return 0
		case total < 10: // too few to speak of a best moment; so are three dates in ten days
			return 1
		case n >= 5 && n*10 >= top*6:
			return 3
		case n >= 2 && n*4 >= top:
			return 2
		}
		return 1
	}
	var b strings.Builder
	b.Grow(420)
	b.WriteString(`<svg class="year" viewBox="0 0 36 1" preserveAspectRatio="none" aria-hidden="true">`)
	for l := 1; l <= 3; l++ {
		open := false
		for i := 0; i < 36; i++ {
			if level(td[i]) != l {
				continue
			}
			j := i
			for j < 36 && level(td[j]) == l {
				j++
			}
			if !open {
				b.WriteString(`<path class="y` + strconv.Itoa(l) + `" d="`)
				open = true
			}
			w := strconv.Itoa(j - i)
			b.WriteString("M" + strconv.Itoa(i) + " 0h" + w + "v1h-" + w + "z")
			i = j
		}
		if open {
			b.WriteString(`"/>`)
		}
	}
	x := strconv.Itoa(now)
	b.WriteString(`<rect class="ynow0" x="` + x + `" y="-.15" width="1" height="1.3"/><rect class="ynow" x="` + x + `" y="-.15" width="1" height="1.3"/></svg>`)
	return b.String()
}

// bars draws one bar per value; gap leaves a little space before every gap-th bar, now is the
// bar of the present, -1 for none.
func bars(values []int, gap, now int) string {
	top := 1
	for _, n := range values {
		top = max(top, n)
	}
	var b strings.Builder
	b.WriteString(`<svg class="bars" viewBox="0 0 ` + strconv.Itoa(len(values)*10) + ` 100" preserveAspectRatio="none" aria-hidden="true">`)
	for i, n := range values {
		if n == 0 && i != now {
			continue
		}
		x := float64(i)*10 + .6
		w := 8.8
		if gap > 0 && i%gap == 0 {
			x, w = x+.8, w-.8
		}
		h := float64(n) * 100 / float64(top)
		if n > 0 && h < 1 {
			h = 1
		}
		class := ""
		if i == now {
			class = ` class="now"`
			if h < 1.5 {
				h = 1.5
			}
		}
		b.WriteString(`<rect` + class + ` x="` + num(x) + `" y="` + num(100-h) + `" width="` + num(w) + `" height="` + num(h) + `"/>`)
	}
	b.WriteString(`</svg>`)
	return b.String()
}

// histogram draws observations by year, those between from and to in force.
func histogram(years []atlas.YearCount, from, to int) string {
	if len(years) == 0 {
		return ""
	}
	first, last := years[0].Year, years[len(years)-1].Year
	if last-first > 250 {
		first = last - 250 // an old herbarium must not flatten a century of observers
	}
	top := 1
	for _, y := range years {
		top = max(top, y.N)
	}
	var b strings.Builder
	b.WriteString(`<svg class="hist" viewBox="0 0 ` + strconv.Itoa((last-first+1)*10) + ` 100" preserveAspectRatio="none" aria-hidden="true">`)
	for _, y := range years {
		if y.Year < first || y.N == 0 {
			continue
		}
		h := max(2, float64(y.N)*100/float64(top))
		class := ""
		if y.Year >= from && y.Year <= to {
			class = ` class="on"`
		}
		b.WriteString(`<rect` + class + ` data-year="` + strconv.Itoa(y.Year) + `" x="` + strconv.Itoa((y.Year-first)*10) + `.5" y="` + num(100-h) + `" width="9" height="` + num(h) + `"/>`)
	}
	b.WriteString(`</svg>`)
	return b.String()
}

// lane draws one horizontal bar with a tick for comparison; shares are of 1, a negative tick
// is not drawn.
func lane(share, tick float64) string {
	s := `<svg class="lane" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="bg" width="100" height="10"/><rect class="fill" width="` +
		num(100*min(1, share)) + `" height="10"/>`
	if tick >= 0 {
		x := min(99.3, max(0, 100*tick-.35))
		s += `<rect class="tk" x="` + num(x) + `" y="-1.4" width=".7" height="12.8"/>`
	}
	return s + `</svg>`
}

// altitudeRows merges altitude classes into at most eight rows, highest first.
type altitudeRow struct {
	From, To int
	N, All   int
}

func altitudeRows(classes []atlas.AltitudeClass) []altitudeRow {
	if len(classes) == 0 {
		return nil
	}
	group := 1
	for len(classes)/group > 8 {
		group++
	}
	var out []altitudeRow
	for i := 0; i < len(classes); i += group {
		r := altitudeRow{From: classes[i].From}
		for j := i; j < min(i+group, len(classes)); j++ {
			r.To = classes[j].To
			r.N += classes[j].N
			r.All += classes[j].All
		}
		out = append(out, r)
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}
