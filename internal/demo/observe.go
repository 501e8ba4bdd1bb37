package demo

import (
	"math"
	"sort"

	"garrigue/internal/civil"
)

// shape is how the place of an observation is given.
type shape uint8

const (
	point shape = iota
	line
	polygon
	byCommune
	byCell
	byDepartment
)

// record is one observation before it is written.
type record struct {
	survey     *survey
	species    *species
	cdNom      int32 // 0: not given
	name       string
	site       *site
	lon, lat   float64
	shape      shape
	start, end civil.Date
	absent     bool
	unknown    bool // presence not known
	count      int  // 0: not given
	counted    bool
	object     string
	technique  string
	sex, stage string
	status     string // occStatutBiologique
	behaviour  string
	wish       string
	nivVal     string
	observer   int32
	precision  int
	atSea      bool // a slip of the hand put it off the coast
}

// observatory makes records.
type observatory struct {
	world   *world
	surveys []survey
	sum     []float64
	haunts  [][]haunt
	today   civil.Date
	people  []string
	chance  *chance
	starts  []civil.Date // 1 January of each year from firstYear
}

const firstYear = 1850

func newObservatory(w *world, seed uint64, today civil.Date) *observatory {
	o := &observatory{world: w, today: today, chance: newChance(seed, 17), surveys: surveys()}
	fixed := newChance(4711, 1) // identifiers of datasets do not depend on the seed
	o.people = observers(newChance(seed, 23))
	for y := firstYear; y <= today.Year()+1; y++ {
		d, _ := civil.Make(y, 1, 1)
		o.starts = append(o.starts, d)
	}
	var live []species
	for i := range w.species {
		if at := w.haunts(&w.species[i]); len(at) > 0 {
			live = append(live, w.species[i])
			o.haunts = append(o.haunts, at)
		}
	}
	w.species = live
	sum := 0.0
	for i := range o.surveys {
		s := &o.surveys[i]
		s.prepare(w, today, fixed)
		if len(s.known) > 0 {
			sum += s.share
		}
		o.sum = append(o.sum, sum)
	}
	return o
}

// draw returns the first index whose running sum passes a random part of the total.
func (c *chance) draw(sum []float64) int {
	v := c.float() * sum[len(sum)-1]
	return min(sort.Search(len(sum), func(i int) bool { return sum[i] > v }), len(sum)-1)
}

// weighted returns an index by its weight.
func (c *chance) weighted(weights []float64) int {
	total := 0.0
	for _, w := range weights {
		total += w
	}
	v := c.float() * total
	for i, w := range weights {
		if v -= w; v < 0 {
			return i
		}
	}
	return len(weights) - 1
}

// next fills r with a new observation.
func (o *observatory) next(r *record) {
	c := o.chance
	for {
		*r = record{survey: &o.surveys[c.draw(o.sum)]}
		k := r.survey.known[c.draw(r.survey.sum)]
		r.species = &o.world.species[k]
		year, ok := o.year(r)
		if !ok {
			continue
		}
		i, ok := o.world.pick(r.species, o.haunts[k], year, c)
		if !ok {
			continue
		}
		r.site = &o.world.sites[i]
		if s := r.survey; s.reach > 0 && math.Hypot(r.site.x-s.around.x, r.site.y-s.around.y) > s.reach {
			continue
		}
		if o.date(r, year) {
			break
		}
	}
	o.identify(r)
	o.locate(r)
	o.describe(r)
}

// year draws a year of the survey, growing, later for spreading taxa, earlier for taxa that
// are vanishing.
func (o *observatory) year(r *record) (int, bool) {
	c, s := o.chance, r.survey
	for range 6 {
		y := s.from + c.draw(s.years)
		if since := r.species.since; since > 0 && y < since {
			if s.from+len(s.years) <= since {
				return 0, false
			}
			continue
		}
		if r.species.declining && c.float() > math.Exp(-float64(y-1990)/22) {
			continue
		}
		return y, true
	}
	return 0, false
}

// date draws the day; false when the species is not out at that place then, or the day has
// not come yet.
func (o *observatory) date(r *record, year int) bool {
	c := o.chance
	first := o.starts[year-firstYear]
	if r.survey.literature {
		r.start, r.end = first, o.starts[year-firstYear+1]-1
		if c.hit(0.12) { // "entre 1920 et 1925"
			r.end = o.starts[min(year-firstYear+2+c.below(9), len(o.starts)-1)] - 1
		} else if c.hit(0.2) {
			r.start, r.end = o.month(year, first+civil.Date(c.draw(r.species.calendar.year[:])))
		}
		return true
	}
	day := c.draw(r.species.calendar.year[:])
	if !r.species.calendar.resident && r.site.alt > 500 {
		// Spring climbs slowly: about a day and a half for each hundred metres.
		later := day + int((r.site.alt-500)/100*1.5)
		if later > 364 || r.species.calendar.season[later] == 0 {
			return false
		}
		day = later
	}
	d := first + civil.Date(day)
	// Most people go out at weekends. Day 0 was a Thursday.
	if wd := (int(d)%7 + 7) % 7; wd != 2 && wd != 3 && c.hit(0.42) {
		d += civil.Date(2 - wd)
		if k := day + 2 - wd; k < 0 || k > 364 || r.species.calendar.season[k] == 0 {
			return false
		}
	}
	if d > o.today || d.Year() != year {
		return false
	}
	r.start, r.end = d, d
	if r.survey.collective && c.hit(0.06) {
		r.start, r.end = o.month(year, d)
		r.end = min(r.end, o.today)
	}
	return true
}

// month returns the first and last day of d's month.
func (o *observatory) month(year int, d civil.Date) (first, last civil.Date) {
	_, m, _ := d.Civil()
	first, _ = civil.Make(year, m, 1)
	if m == 12 {
		return first, o.starts[year-firstYear+1] - 1
	}
	last, _ = civil.Make(year, m+1, 1)
	return first, last - 1
}

// identify chooses the name written: mostly the valid one, now and then a synonym, a genus,
// or words no reference knows.
func (o *observatory) identify(r *record) {
	c, s := o.chance, r.species
	r.cdNom, r.name = s.cdNom, s.name
	switch v := c.float(); {
	case v < 0.05 && len(s.synonyms) > 0:
		y := s.synonyms[c.below(len(s.synonyms))]
		r.cdNom, r.name = y.cdNom, y.name
	case v < 0.056:
		g := firstWord(s.name)
		if cd, ok := o.world.genera[g]; ok && s.group != birds {
			r.cdNom, r.name = cd, g+" sp."
		}
	case v < 0.0575:
		r.cdNom, r.name = 0, [...]string{"Passereau indéterminé", "Lézard (espèce à préciser)", "Orchidée non identifiée",
			"Chauve-souris en vol", "Grand papillon sombre"}[c.below(5)]
	}
}

func firstWord(s string) string {
	for i := range len(s) {
		if s[i] == ' ' {
			return s[:i]
		}
	}
	return s
}

// locate chooses a point near the site and how the place is given.
func (o *observatory) locate(r *record) {
	c, s := o.chance, r.site
	angle, away := c.float()*2*math.Pi, s.radius*math.Sqrt(c.float())
	r.lon = s.lon + away*math.Cos(angle)*s.perLon
	r.lat = s.lat + away*math.Sin(angle)*perLat
	r.shape = shape(c.weighted(r.survey.shapes[:]))
	if !r.survey.literature && r.start.Year() < 1997 && r.shape == point && c.hit(0.25) {
		r.shape = byCommune
	}
	if r.shape <= polygon && c.hit(0.5) {
		r.precision = [...]int{5, 5, 10, 10, 10, 20, 25, 50, 50, 100, 250, 1000}[c.below(12)]
	}
	if (s.radius < 90 || !o.world.spreads) && r.shape > point && r.shape <= polygon {
		r.shape = point // lines and polygons keep away from the sea and from other communes
	}
	if o.world.spreads && r.shape == point && c.hit(0.0004) {
		p := lonlat(xy{c.between(85, 115), c.between(0, 15)})
		r.lon, r.lat, r.atSea = p[0], p[1], true
	}
}

// describe fills counts, life stage, behaviour and what the producer says of the record.
func (o *observatory) describe(r *record) {
	c, sv := o.chance, r.survey
	r.observer = int32(float64(len(o.people)) * c.float() * c.float())
	switch w := c.weighted(sv.wishes[:]); w {
	case 5:
	case 0:
		r.wish = [...]string{"0", "5"}[c.below(2)]
	default:
		r.wish = string(rune('0' + w))
	}
	switch v := c.float(); {
	case v < 0.012:
		r.nivVal = "3"
	case v < 0.018:
		r.nivVal = "4"
	case v < 0.018+0.6*sv.checked:
		r.nivVal = "1"
	case v < 0.018+0.96*sv.checked:
		r.nivVal = "2"
	case v < 0.97:
		r.nivVal = "0"
	default:
		r.nivVal = "6"
	}
	switch v := c.float(); {
	case v < 0.011:
		r.absent = true
	case v < 0.013:
		r.unknown = true
	}
	o.life(r)
	if r.absent {
		r.count, r.sex, r.stage, r.status, r.behaviour = 0, "", "", "", ""
	}
}

// life fills what depends on the group and the season.
func (o *observatory) life(r *record) {
	c := o.chance
	_, month, _ := r.start.Civil()
	dated := r.end-r.start < 32
	r.object = "IND"
	many := func(spread float64) {
		if c.hit(0.72) {
			r.count, r.counted = 1+int(math.Exp(spread*math.Abs(c.normal()))-1), c.hit(0.7)
		}
	}
	r.technique = "0"
	switch g := r.species.group; g {
	case birds:
		o.bird(r, month, dated)
	case mammals:
		many(0.7)
		r.technique = [...]string{"0", "0", "0", "4", "6", "4", "12", "23"}[c.below(8)]
		r.stage = [...]string{"2", "2", "0", "3"}[c.below(4)]
	case bats:
		many(1.9)
		r.technique, r.stage = [...]string{"0", "3", "3", "8"}[c.below(4)], "2"
		switch {
		case dated && (month <= 2 || month == 12):
			r.status, r.technique = "4", "0"
		case dated && month >= 6 && month <= 8 && c.hit(0.5):
			r.status = "3"
		}
	case herps:
		many(0.9)
		r.stage = [...]string{"2", "2", "2", "3", "0", "5"}[c.below(6)]
	case plants:
		if c.hit(0.4) {
			r.count, r.object = 1+int(math.Exp(1.6*math.Abs(c.normal()))), [...]string{"IND", "TOUF", "TIGE"}[c.below(3)]
		}
		if r.species.calendar.season[min(364, dayOfYear(r.start))] > 0.2 {
			r.technique = [...]string{"17", "17", "18", "0"}[c.below(4)]
		}
	case butterflies, dragonflies, insects:
		many(1.0)
		r.stage = [...]string{"15", "15", "15", "15", "0", "6"}[c.below(6)]
		if g == butterflies && r.stage == "6" {
			r.stage = "7"
		}
		if c.hit(0.15) {
			r.sex = [...]string{"2", "3", "3", "5"}[c.below(4)]
		}
	case fish:
		many(1.4)
	case fungi:
		many(1.1)
	default:
		if c.hit(0.3) {
			r.count = 1 + c.below(12)
		}
	}
}

func (o *observatory) bird(r *record, month int, dated bool) {
	c := o.chance
	spread := 1.1
	if r.species.colonial || r.species.habitats[salt] >= 4 {
		spread = 2.4
	}
	if c.hit(0.8) {
		r.count, r.counted = int(math.Exp(spread*math.Abs(c.normal()))), c.hit(0.65)
	}
	r.technique = [...]string{"0", "0", "0", "1", "25", "1"}[c.below(6)]
	r.stage = [...]string{"2", "2", "0", "0"}[c.below(4)]
	if month >= 5 && month <= 8 && c.hit(0.15) {
		r.stage = "3"
	}
	if c.hit(0.1) {
		r.sex = [...]string{"2", "3", "3", "5"}[c.below(4)]
	}
	if !dated {
		return
	}
	switch {
	case month >= 4 && month <= 7 && c.hit(0.4), r.species.breeding && month >= 2 && month <= 7 && c.hit(0.6):
		r.status = "3"
		if c.hit(0.4) {
			r.behaviour = [...]string{"18", "14", "22", "12"}[c.below(4)]
		}
	case (month <= 2 || month >= 11) && c.hit(0.25):
		r.behaviour = "9"
	case c.hit(0.12):
		r.behaviour = [...]string{"10", "8", "6"}[c.below(3)]
	}
	if r.status == "" && c.hit(0.3) {
		r.status = "9"
	}
}
