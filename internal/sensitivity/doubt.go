package sensitivity

import (
	"slices"
	"strings"
)

// Doubt tells what a person should judge of an observation whose result asks for review: the
// conditions of the deciding rules, in the words of their lists, and the attributes of the standard they
// depend on that the observation does not give ("occStatutBiologique = 3"). "" when nothing is to
// be judged.
func (b *Book) Doubt(f Facts) string {
	best := b.Evaluate(f)
	if !best.Review {
		return ""
	}
	rank, at := 0, placeOf(f.Departments)
	var parts []string
	for _, cd := range f.Lineage {
		if !b.has(cd) {
			continue
		}
		s := b.start[cd]
		for i := s.from; i < s.to; i++ {
			r := &b.rules[i]
			if r.rank < rank {
				break
			}
			if !r.where.meets(&at, f.Departments) || !r.fits(&f) {
				continue
			}
			if r.rank > rank {
				rank, parts = r.rank, parts[:0]
			}
			parts = append(parts, r.doubt(&f))
		}
	}
	slices.Sort(parts)
	return strings.Join(slices.Compact(parts), " | ")
}

func (r *Rule) doubt(f *Facts) string {
	var parts []string
	add := func(name, code string, open bool) {
		if open {
			parts = append(parts, name+" = "+code)
		}
	}
	if r.Condition != "" {
		parts = append(parts, strings.Join(strings.Fields(r.Condition), " "))
	}
	add("occStatutBiologique", r.BioStatus, r.BioStatus != "" && unknownBioStatus(f.BioStatus))
	add("occComportement", r.Behaviour, r.Behaviour != "" && unknownCode(f.Behaviour))
	add("occStadeDeVie", r.LifeStage, r.LifeStage != "" && unknownCode(f.LifeStage))
	add("zone", r.Area.String(), r.Area != 0 && !tells(f.Areas, r.Area.Kind()))
	return strings.Join(parts, " ; ")
}
