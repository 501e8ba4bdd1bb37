package atlas

import "garrigue/internal/taxon"

// Listing is what a reference list of sensitive taxa, as the policy in force reads it, asks for
// a taxon. It comes from the list and the policy alone, never from an observation.
type Listing struct {
	List  string `json:"list"`  // RuleList.ID
	Level string `json:"level"` // its strictest level for this taxon, RuleLevel.Code
	// Kinds are the areas that level is shown at, preferred first; none: nothing is shown.
	Kinds []string `json:"kinds"`
	// Departments where that level applies, by code; none: wherever the list does.
	Departments []string `json:"departments,omitempty"`
	// Varies says that the list asks for less in other places, seasons or circumstances.
	Varies bool `json:"varies,omitempty"`
	// By is the higher taxon that the list names instead, "" when it names this one.
	By string `json:"by,omitempty"`
}

// hides reports whether a list may ask that nothing of the taxon be shown.
func hides(list []Listing) bool {
	for i := range list {
		if len(list[i].Kinds) == 0 {
			return true
		}
	}
	return false
}

// MayHide reports whether a list may ask that nothing of the taxon be shown: a place without
// observations then tells nothing.
func (s *TaxonSheet) MayHide() bool { return hides(s.Lists) }

// Unseen reports whether nothing of the taxon is published: its sheet is there because a list
// names it, or a taxon below it, and says nothing of what the vault holds.
func (t *TaxonHead) Unseen() bool { return t.Observations == 0 }

// shown reports whether a node has a sheet.
func (nd *node) shown() bool { return nd.n > 0 || nd.listed }

// listing adds to the tree the taxa that lists name, and what is above them. A code that the
// loaded TAXREF lacks has no sheet.
func (s *snapshot) listing(all map[taxon.CdRef]bool) (listed map[taxon.CdRef]bool) {
	listed = map[taxon.CdRef]bool{}
	add := func(cd taxon.CdRef) {
		for !listed[cd] {
			if _, ok := s.refs.Taxonomy.Valid(cd); !ok {
				return
			}
			all[cd], listed[cd] = true, true
			up, ok := s.refs.Taxonomy.Parent(cd)
			if !ok {
				return
			}
			cd = up
		}
	}
	for _, cd := range s.refs.Listed {
		if sp, ok := s.refs.Taxonomy.SpeciesOf(cd); ok && sp != cd {
			add(sp)
		}
		add(cd)
	}
	return listed
}

// whyOf counts the observations of a packed sum by the reasons they bear.
func whyOf(t areaTally) (out [4]int32) {
	for k := range out {
		if t.reasons>>k&1 == 1 {
			out[k] = int32(t.n)
		}
	}
	return out
}
