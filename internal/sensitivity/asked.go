package sensitivity

import (
	"slices"

	"garrigue/internal/civil"
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

// Areas returns the areas, other than departments, that rules for the taxa of a lineage are limited to, each once.
func (b *Book) Areas(lineage []taxon.CdNom) (out []geo.AreaKey) {
	b.each(lineage, func(r *Rule) {
		if r.Area != 0 && !slices.Contains(out, r.Area) {
			out = append(out, r.Area)
		}
	})
	return out
}

// Dated reports whether some rule for the taxa of a lineage depends on the date: a season, a duration.
func (b *Book) Dated(lineage []taxon.CdNom) (dated bool) {
	b.each(lineage, func(r *Rule) { dated = dated || r.Years > 0 || r.From != 0 || r.To != 0 })
	return dated
}

func (b *Book) each(lineage []taxon.CdNom, f func(*Rule)) {
	for _, cd := range lineage {
		if !b.has(cd) {
			continue
		}
		for i := b.start[cd].from; i < b.start[cd].to; i++ {
			f(&b.rules[i].Rule)
		}
	}
}

// Lasting reports whether some rule for the taxa of a lineage is for a number of years only.
func (b *Book) Lasting(lineage []taxon.CdNom) (lasting bool) {
	b.each(lineage, func(r *Rule) { lasting = lasting || r.Years > 0 })
	return lasting
}

// Ends returns the first day after today on which one of the durations of the rules for the taxa
// of a lineage, counted from a date, is over: until then no rule ceases to apply. NoDate when none is
// left, or none is counted since the date is NoDate.
func (b *Book) Ends(lineage []taxon.CdNom, from, today civil.Date) civil.Date {
	first := civil.NoDate
	b.each(lineage, func(r *Rule) {
		if r.Years <= 0 || from == civil.NoDate {
			return
		}
		if end := addYears(from, r.Years); end > today && (first == civil.NoDate || end < first) {
			first = end
		}
	})
	return first
}
