package sensitivity

import "garrigue/internal/taxon"

// Varies reports whether some rule of a list for the taxa of a lineage holds for a part of its
// observations only: a season, a duration, a status, a behaviour, a stage of life, an area, a
// condition in words. Departments do not count.
func (b *Book) Varies(list string, lineage []taxon.CdNom) (varies bool) {
	b.each(lineage, func(r *Rule) {
		varies = varies || r.List == list && (r.From != 0 || r.To != 0 || r.Years > 0 || r.BioStatus != "" || r.Behaviour != "" ||
			r.LifeStage != "" || r.Condition != "" || r.Area != 0)
	})
	return varies
}
