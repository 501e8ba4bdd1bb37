package demo

import (
	"math"
	"strings"

	"garrigue/internal/civil"
)

// survey is a dataset: who collected what, when, how, and how much of it may be shown.
type survey struct {
	uuid, name, producer string
	public               string          // dSPublique
	wishes               [6]float64      // weights of diffusionNiveauPrecision 0–4, then none
	taste                [groups]float64 // weight of each group
	share                float64
	from, to             int // years, to 0: until today
	growth               float64
	shapes               [6]float64 // weights of point, line, polygon, commune, 10 km cell, department
	literature           bool       // known to the year only, from a book or a collection
	around               xy         // centre and radius of what it covers, 0: everything
	reach                float64
	checked              float64 // share validated
	anonymous            bool    // no permanent identifier, the producer's number only
	collective           bool    // observers are not named
	years                []float64
	known                []int32   // species
	sum                  []float64 // their running frequency
}

// any is the taste of those who note everything.
func everything(except ...group) (t [groups]float64) {
	for g := range t {
		t[g] = 1
	}
	for _, g := range except {
		t[g] = 0
	}
	return t
}

func only(list ...group) (t [groups]float64) {
	for _, g := range list {
		t[g] = 1
	}
	return t
}

func surveys() []survey {
	const (
		association = "Naturalistes du Pays de Garrigue"
		lagoons     = "Groupe ornithologique des Lagunes"
		botanists   = "Conservatoire botanique des Trois-Causses"
		reservesOrg = "Conservatoire des espaces de Garrigue"
		park        = "Parc naturel des Hautes-Serres"
		insectsOrg  = "Société d’entomologie de la Hérande"
		riversOrg   = "Fédération des rivières de Garrigue"
		museum      = "Muséum de Castelmore"
	)
	bird := everything()
	bird[birds], bird[butterflies], bird[plants] = 2.2, 1.6, 0.8
	return []survey{
		{name: "Carnets de terrain en ligne", producer: association, public: "Pr", wishes: [6]float64{3, 0.4, 0.7, 0.03, 0.01, 8},
			taste: bird, share: 39, from: 2005, growth: 0.16, shapes: [6]float64{100, 0.3, 0.3, 1.5, 0, 0}, checked: 0.55},
		{name: "Comptages des étangs", producer: lagoons, public: "Pr", wishes: [6]float64{1, 0.2, 0.4, 0, 0, 8},
			taste: only(birds), share: 13, from: 1985, growth: 0.05, shapes: [6]float64{70, 0, 30, 2, 0, 0}, around: xy{66, 22}, reach: 42, checked: 0.8},
		{name: "Atlas des oiseaux nicheurs", producer: lagoons, public: "Pr", wishes: [6]float64{0, 0, 0.4, 0, 0, 8},
			taste: only(birds), share: 8, from: 2009, to: 2014, shapes: [6]float64{80, 0, 0, 5, 15, 0}, checked: 0.95, anonymous: true},
		{name: "Inventaire de la flore vasculaire", producer: botanists, public: "Pu", wishes: [6]float64{0, 0, 0, 0, 0, 1},
			taste: only(plants, mosses), share: 14, from: 1992, growth: 0.06, shapes: [6]float64{72, 4, 18, 6, 0, 0}, checked: 0.9},
		{name: "Suivis des sites gérés", producer: reservesOrg, public: "Pu", wishes: [6]float64{0, 0, 0, 0, 0, 1},
			taste: everything(fish), share: 8, from: 1998, growth: 0.07, shapes: [6]float64{60, 15, 25, 0, 0, 0}, checked: 0.7},
		{name: "Observations des gardes", producer: park, public: "Pu", wishes: [6]float64{0, 0, 0, 0, 0, 1},
			taste: everything(), share: 6, from: 1990, growth: 0.05, shapes: [6]float64{95, 5, 0, 0, 0, 0}, around: xy{25, 70}, reach: 26, checked: 0.6, collective: true},
		{name: "Papillons et libellules", producer: insectsOrg, public: "Pr", wishes: [6]float64{3, 1, 1, 0, 0, 4},
			taste: only(butterflies, dragonflies), share: 4, from: 2008, to: 2013, shapes: [6]float64{85, 0, 0, 5, 10, 0}, checked: 0.95},
		{name: "Insectes, araignées et mollusques", producer: insectsOrg, public: "Pr", wishes: [6]float64{3, 2, 1, 0.3, 0, 2},
			taste: only(insects, spiders, shells, butterflies, dragonflies), share: 4, from: 1988, growth: 0.05,
			shapes: [6]float64{90, 0, 0, 8, 2, 0}, checked: 0.5, anonymous: true},
		{name: "Pêches et prospections des cours d’eau", producer: riversOrg, public: "Pu", wishes: [6]float64{0, 0, 0, 0, 0, 1},
			taste: only(fish, dragonflies, herps, mammals), share: 2.5, from: 1995, growth: 0.03, shapes: [6]float64{50, 50, 0, 0, 0, 0}, checked: 0.8, collective: true},
		{name: "Gîtes et nuits de chauves-souris", producer: association, public: "Pr", wishes: [6]float64{0, 1, 6, 2, 0.4, 1},
			taste: only(bats), share: 2.2, from: 1996, growth: 0.08, shapes: [6]float64{95, 0, 0, 5, 0, 0}, checked: 0.95},
		{name: "Champignons, mousses et lichens", producer: association, public: "NSP", wishes: [6]float64{0, 0, 0, 0, 0, 1},
			taste: only(fungi, mosses), share: 1.3, from: 1990, growth: 0.05, shapes: [6]float64{80, 0, 5, 15, 0, 0}, checked: 0.6},
		{name: "Collections et bibliographie", producer: museum, public: "Pu", wishes: [6]float64{0, 0, 0, 0, 0, 1},
			taste: everything(), share: 2.4, from: 1896, to: 1987, growth: 0.02, shapes: [6]float64{8, 0, 0, 78, 12, 2}, literature: true, checked: 0.3},
	}
}

// prepare fills the tables a survey draws from. Real references have no frame of their own
// for around, so that it is dropped there.
func (s *survey) prepare(w *world, today civil.Date, c *chance) {
	s.uuid = c.uuid()
	to := s.to
	if to == 0 || to > today.Year() {
		to = today.Year()
	}
	s.from = min(s.from, to)
	sum := 0.0
	for y := s.from; y <= to; y++ {
		v := math.Exp(s.growth*float64(min(y, 2021)-s.from)) * (0.8 + 0.4*lattice(y, len(s.name), 3))
		if y == today.Year() {
			v *= float64(dayOfYear(today)+1) / 365
		}
		sum += v
		s.years = append(s.years, sum)
	}
	if !w.spreads {
		s.reach = 0
	}
	sum = 0
	for i := range w.species {
		// The file's frequencies are how easily a taxon is met; what people write down is
		// more uneven still.
		f := math.Pow(w.species[i].frequency, 1.25) * s.taste[w.species[i].group]
		if f > 0 {
			sum += f
			s.known = append(s.known, int32(i))
			s.sum = append(s.sum, sum)
		}
	}
}

// observers are invented. Their surnames are places of the invented country.
func observers(c *chance) []string {
	first := strings.Fields("Adèle Agnès Alban Alice Amaury Anaïs Antoine Aurore Basile Blanche Camille Célestin Claire Clément Colette Damien Denis Élise Émile Estelle Étienne Eugénie Fabien Félix Flore Gaspard Hélène Hugo Irène Jeanne Joachim Joseph Julie Justine Léa Léon Lucie Madeleine Marcel Margot Mathilde Maxime Nathan Nicole Noé Odile Pauline Raphaël Rémi Rose Sabine Simon Solène Suzanne Théo Valentin Victoire Yves Zoé")
	last := strings.Fields("AUBREBIN BARTALÈS BLANQUEROT BOISSEROLLE CABRIDOUX CALMELIER CASTANIVAL CAZALBOU COMBESCLAR CORBINEAU-LARD DALMARIC ESCALORGUE ESTRAMAC FABRIGAS FONTARÈDE GALABRUN-NIEL GARRIGAUD GOURDOLÈS JASSEMIN LABROUSTE-VALE LAUZERAL MALAFOSSE-BRU MASCLARAC MIRABOUIS MONTREDAN NAVACELLAS OLIVADOUX PALOMBIER PÉLARDOU PEYREGROSSE PINSARAC PUECHAGUT RASCALOU REBOUDIN ROCABRUNE-SAL ROUMÉGOUX SALAGOUSE SARRASOULE SERRALONGUE TAMARISSOL TERRAMIÈRE TRAMONTAN VALLAURIÈS VERNAZOUBRE VIGNEROL")
	var all []string
	seen := map[string]bool{}
	for len(all) < 220 {
		n := last[c.below(len(last))] + " " + first[c.below(len(first))]
		if !seen[n] {
			seen[n] = true
			all = append(all, n)
		}
	}
	return all
}

// dayOfYear counts from 0.
func dayOfYear(d civil.Date) int {
	y, _, _ := d.Civil()
	first, _ := civil.Make(y, 1, 1)
	return int(d - first)
}

const hexDigits = "0123456789abcdef"

// uuid is a random one (version 4).
func (c *chance) uuid() string {
	var b [36]byte
	c.putUUID(&b)
	return string(b[:])
}

func (c *chance) putUUID(b *[36]byte) {
	hi, lo := c.bits(), c.bits()
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(0xc<<60) | 0x8<<60
	k := 0
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			b[k] = '-'
			k++
		}
		v := hi
		if i >= 16 {
			v = lo
		}
		b[k] = hexDigits[v>>(60-4*(i&15))&15]
		k++
	}
}
