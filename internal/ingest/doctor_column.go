package ingest

import (
	"math"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

const (
	// mostDistinct is how many values of a column are told apart.
	mostDistinct = 5000
	// mostKept is how much text the values told apart of all columns may add up to: outlines
	// are megabytes each.
	mostKept = 64 << 20
)

// columnStats is what a column holds, by its distinct values.
type columnStats struct {
	filled int
	many   bool
	seen   map[string]int
	room   int // bytes that its values may still take

	// Shares of the filled rows, 0 to 1.
	whole, number, comma, date, clock, uuid, url, email, wkt, pair, cdNom, latin, epithet, vernacular, insee, department, cell, named, stamp, listed float64
	longest, total                                                                                                                                   int
	min, max                                                                                                                                         float64
	lon, lat                                                                                                                                         float64 // within the territory's box
	people                                                                                                                                           bool
}

// newColumnStats begins to look at one of n columns.
func newColumnStats(n int) *columnStats {
	return &columnStats{seen: map[string]int{}, room: mostKept / n, min: math.Inf(1), max: math.Inf(-1)}
}

func (c *columnStats) add(v string) {
	if v == "" || v == "NA" || v == "N/A" || v == "-" {
		return
	}
	c.filled++
	if n, ok := c.seen[v]; ok {
		c.seen[v] = n + 1
		return
	}
	// One value is kept whatever its length, to tell what the column holds.
	if len(c.seen) >= mostDistinct || len(v) > c.room && len(c.seen) > 0 {
		c.many = true
		return
	}
	c.room -= len(v)
	c.seen[strings.Clone(v)] = 1
}

type weighed struct {
	text string
	rows int
}

// common returns the distinct values, the most frequent first.
func (c *columnStats) common() []weighed {
	out := make([]weighed, 0, len(c.seen))
	for v, n := range c.seen {
		out = append(out, weighed{v, n})
	}
	sort.Slice(out, func(i, j int) bool {
		return out[i].rows > out[j].rows || out[i].rows == out[j].rows && out[i].text < out[j].text
	})
	return out
}

// settle measures the values once all are there.
func (c *columnStats) settle(im *Importer, box [4]float64) {
	if c.filled == 0 {
		return
	}
	known := 0
	for _, n := range c.seen {
		known += n
	}
	west, south, east, north := box[0], box[1], box[2], box[3]
	share := func(to *float64, yes bool, n int) {
		if yes {
			*to += float64(n) / float64(known)
		}
	}
	for v, n := range c.seen {
		c.longest = max(c.longest, utf8.RuneCountInString(v))
		c.total += utf8.RuneCountInString(v)
		if f, ok := decimal(v); ok {
			share(&c.number, true, n)
			c.min, c.max = min(c.min, f), max(c.max, f)
			w := f == math.Trunc(f)
			share(&c.whole, w, n)
			share(&c.comma, strings.Contains(v, ","), n)
			share(&c.lon, f >= west && f <= east, n)
			share(&c.lat, f >= south && f <= north, n)
			if cd, ok := integer(v); ok && cd > 0 && cd < 1<<31 {
				_, found := im.taxa.Resolve(taxon.CdNom(cd))
				share(&c.cdNom, found, n)
			}
		} else {
			c.words(im, v, n, share)
		}
		share(&c.date, isDate(v), n)
		_, isClock := clock(v)
		share(&c.clock, isClock, n)
		share(&c.insee, len(v) == 5 && im.places.known(geo.Commune, v), n)
		share(&c.department, len(v) == 2 && im.places.known(geo.Department, v), n)
	}
	c.people = c.email > 0.5
}

// words measures a value that is no number.
func (c *columnStats) words(im *Importer, v string, n int, share func(*float64, bool, int)) {
	_, isUUID := parseUUID(v)
	share(&c.uuid, isUUID, n)
	low := strings.ToLower(v)
	share(&c.url, strings.HasPrefix(low, "http://") || strings.HasPrefix(low, "https://"), n)
	share(&c.email, strings.Contains(v, "@") && strings.Contains(v[strings.IndexByte(v, '@'):], "."), n)
	share(&c.stamp, dateStamp.MatchString(v), n)
	share(&c.named, looksNamed(v), n)
	share(&c.listed, taxonLines(im, v) > 0, n)
	if looksWKT(v) {
		_, _, err := geo.ParseGeometry(v)
		share(&c.wkt, err == nil, n)
		return
	}
	share(&c.pair, isPair(v), n)
	if k, ok := geo.ParseCell(v); ok {
		share(&c.cell, k != 0 && len(v) > 4, n)
	}
	share(&c.latin, im.isTaxon(v), n)
	share(&c.epithet, isEpithet(v), n)
	share(&c.vernacular, im.isVernacular(v), n)
}

// isDate reports whether a text is a day, a month or a year written as such, a bare number
// aside.
func isDate(v string) bool {
	_, _, y, kind := shape(v)
	if kind == shapeNone || kind == shapeSerial || len(v) < 6 {
		return false
	}
	if kind == shapeISO && !strings.ContainsAny(v, "-/. ") && len(v) != 8 {
		return false
	}
	if y < 100 && kind == shapeISO {
		return false
	}
	r := newDateReader(dayFirst, 1<<20)
	s, f := r.read(v)
	if f != dateOK {
		s, f = newDateReader(monthFirst, 1<<20).read(v)
	}
	return f == dateOK && (s.start.Year() >= oldestYear && s.start.Year() < 2200 || y < 100)
}

func looksWKT(v string) bool {
	if len(v) < 10 {
		return false
	}
	head := strings.ToUpper(v[:min(len(v), 40)])
	for _, k := range [...]string{"POINT", "LINESTRING", "POLYGON", "MULTI", "SRID=", "GEOMETRYCOLLECTION", "{\"TYPE\"", "{\"COORDINATES\"", "01010000", "01030000", "01060000", "0101000020", "0106000020"} {
		if strings.HasPrefix(head, k) {
			return true
		}
	}
	return false
}

// isPair reports whether a text is "latitude, longitude".
func isPair(v string) bool {
	a, b, ok := strings.Cut(strings.Trim(v, "()[] "), ",")
	if !ok {
		return false
	}
	x, okx := decimal(strings.TrimSpace(a))
	y, oky := decimal(strings.TrimSpace(b))
	return okx && oky && math.Abs(x) <= 90 && math.Abs(y) <= 180 && strings.Contains(a, ".")
}

// isTaxon reports whether TAXREF knows a scientific name, its first two words or its genus.
func (im *Importer) isTaxon(v string) bool {
	if r, _ := utf8.DecodeRuneInString(v); !unicode.IsUpper(r) || len(v) > 200 {
		return false
	}
	if len(im.taxa.ByScientificName(taxon.Fold(v))) > 0 {
		return true
	}
	w := strings.Fields(v)
	if len(w) < 2 {
		return false
	}
	return len(im.taxa.ByScientificName(taxon.Fold(w[0]+" "+w[1]))) > 0 || len(im.taxa.ByScientificName(taxon.Fold(w[0]))) > 0 && isEpithet(strings.Trim(w[1], "."))
}

// isVernacular reports whether TAXREF knows a French or English name.
func (im *Importer) isVernacular(v string) bool {
	k := taxon.Fold(v)
	return len(k) > 2 && (len(im.taxa.French(k)) > 0 || len(im.taxa.English(k)) > 0)
}

// isEpithet reports whether a text is one Latin word in small letters.
func isEpithet(v string) bool {
	if len(v) < 2 || len(v) > 40 {
		return false
	}
	for _, r := range v {
		if (r < 'a' || r > 'z') && r != '-' {
			return false
		}
	}
	return true
}

// looksNamed reports whether a text looks like one person's name or several.
func looksNamed(v string) bool {
	w := strings.FieldsFunc(v, func(r rune) bool { return r == ' ' || r == ',' || r == ';' || r == '&' })
	if len(w) < 2 || len(w) > 12 {
		return false
	}
	for _, x := range w {
		r, _ := utf8.DecodeRuneInString(x)
		if !unicode.IsUpper(r) && x != "de" && x != "et" && x != "du" && x != "la" {
			return false
		}
		if strings.ContainsAny(x, "0123456789_/") {
			return false
		}
	}
	return true
}

// isRemark reports whether a header says that its column holds free words: they may say
// anything of anybody.
func isRemark(header string) bool {
	for _, w := range headerWords(header) {
		switch w {
		case "comment", "comments", "commentaire", "commentaires", "remark", "remarks", "remarque", "remarques", "rmq", "note", "notes":
			return true
		}
	}
	return false
}

// namesPeople reports whether a header says that its column names people.
func namesPeople(header string) bool {
	for _, w := range headerWords(header) {
		switch w {
		case "observateu", "determinat", "utilisateu", "identified": // as Shapefiles cut them
			return true
		case "observateur", "observateurs", "observer", "observers", "recorder", "collector", "collecteur", "determinateur", "email", "mail", "courriel",
			"user", "utilisateur", "login", "prenom", "auteur", "author", "contact", "telephone", "tel", "recordedby", "identifiedby", "legit", "nomobs", "validateur", "agent":
			return true
		}
	}
	return false
}

// column is the public description of what a column holds.
func (c *columnStats) column(name string, rows int) Column {
	out := Column{Name: name, Filled: c.filled, Distinct: len(c.seen), Many: c.many, Holds: c.holds()}
	if rows > 0 {
		out.Share = float64(c.filled) / float64(rows)
	}
	if out.Holds == "number" || out.Holds == "whole" { // a range tells enough, and no precise place
		if out.Holds == "number" || len(c.seen) > 3 {
			out.Samples = []string{round2(c.min) + " … " + round2(c.max)}
			return out
		}
	}
	if out.Holds == "geometry" || out.Holds == "pair" || out.Holds == "email" {
		return out
	}
	for _, w := range c.common()[:min(3, len(c.seen))] {
		out.Samples = append(out.Samples, shorten(w.text, 28))
	}
	return out
}

// holds names what most values are.
func (c *columnStats) holds() string {
	const most = 0.9
	switch {
	case c.filled == 0:
		return "nothing"
	case c.uuid > most:
		return "uuid"
	case c.wkt > most:
		return "geometry"
	case c.pair > most:
		return "pair"
	case c.date > most:
		return "date"
	case c.email > most:
		return "email"
	case c.url > most:
		return "url"
	case c.whole > most:
		return "whole"
	case c.number > most:
		return "number"
	case c.clock > most:
		return "time"
	}
	return "text"
}

func round2(v float64) string {
	s := strings.TrimRight(strings.TrimRight(formatFixed(v, 2), "0"), ".")
	if s == "" || s == "-0" {
		return "0"
	}
	return s
}

// shorten cuts a text to n letters, on one line.
func shorten(v string, n int) string {
	v = strings.Join(strings.Fields(v), " ")
	if utf8.RuneCountInString(v) <= n {
		return v
	}
	r := []rune(v)
	return string(r[:n-1]) + "…"
}
