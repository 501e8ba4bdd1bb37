package sensitivity

import (
	"slices"

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
