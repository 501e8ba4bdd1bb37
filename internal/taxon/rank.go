package taxon

// The order of ranks, from highest to lowest (TAXREF v18, rangs_note; reference: SINP
// standards, 6.3).
var rankOrder = [...]Rank{"Dumm", "SPRG", "KD", "SSRG", "IFRG", "PH", "SBPH", "IFPH", "DV", "SBDV", "SPCL",
	"CLAD", "CL", "SBCL", "IFCL", "PVCL", "LEG", "SPOR", "COH", "OR", "SBOR", "IFOR", "PVOR", "SCO", "SSCO",
	"SPFM", "FM", "SBFM", "SPTR", "TR", "SSTR", "GN", "SSGN", "SC", "SBSC", "SER", "SSER", "AGES", "ES",
	"SMES", "MES", "SSES", "NAT", "VAR", "SVAR", "FO", "SSFO", "FOES", "LIN", "CLO", "RACE", "CAR", "MO", "AB"}

// Level returns the place of the rank from highest (1) to lowest, 0 when the rank is not
// in the list. Clades stand anywhere, so that their level says nothing.
func (r Rank) Level() int {
	for i, o := range rankOrder {
		if o == r {
			return i + 1
		}
	}
	return 0
}

// Infraspecific reports whether the rank is below the species.
func (r Rank) Infraspecific() bool { return r.Level() > Species.Level() }
