package sensitivity

import "slices"

// InForce returns those of some departments, by INSEE code, where a rule of a list applies.
func (b *Book) InForce(list string, departments []string) []string {
	var out []string
	for _, d := range departments {
		own := []string{d}
		at := placeOf(own)
		if slices.ContainsFunc(b.rules, func(r rule) bool { return r.List == list && r.where.meets(&at, own) }) {
			out = append(out, d)
		}
	}
	return out
}
