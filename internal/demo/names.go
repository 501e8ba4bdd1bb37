package demo

import (
	"strings"

	"garrigue/internal/taxon"
)

// plain folds a name for comparison and sorting.
func plain(s string) string { return taxon.Fold(s) }

// Pieces of invented names with the sound of the south.
const (
	nameHeads = "Aubar Berl Cabr Cadal Calv Casta Cav Corb Espar Ferr Fonta Galar Gour Laur Lavan Marg Maur Mel Merc Mont Nar Olar Palh Peyr Puech Ram Rigal Roqu Rouv Sal Sauv Serv Tauv Tres Val Vend Verg Vign Vil"
	nameMids  = "a e i ou al an ar ell en er ign ol on ur abr anc assi ast azel erg omb org"
	nameTails = "argues ac an ols iers ès enques ières ailles ouse ens asse agnac anet enac erolles iès ade ettes"
	saints    = "Agnan-Vieux Cérice Dalmaze Estève-la-Font Fulcrane Galdric-des-Vignes Guiral-le-Sec Jaumes Maurin-la-Roque Pargoule Romarin Sernin-de-Lavagne Tibère-le-Neuf Majan Privaze Brézilhe Pons-des-Causses Théodale Crespin-de-Serre Baudran Ostian Gervasi Loubat Amarand"
	ladies    = "Aubaze Béraude Clarence Hérasme Marsalène Vérède Ysarne Amansie Aphrodine Nazarille"
	hers      = "Font Roque Combe Serre Val Vigne"
	his       = "Puech Mas Mont Pech Clot Bosc"
	forHer    = "Blanque Brune Redonde Vieille Haute Longue Claire Sèche Aiguë Perdue Cabrière Loubière Fumade Sourde Verdale Rouge"
	// What the pieces would make and exists already.
	taken  = "Cabrières Corbières Ferrals Fontès Lavergne Montagnac Montiès Montouliers Olargues Peyrouse Roquettes Salvagnac Vendargues Vergèze"
	forHim = "Blanc Brun Redon Vieil Haut Clar Sec Agut Perdut Cabrié Loubié Fumat Sourd Verdal Rouge"
)

// communeNames invents a name for each commune: towns keep theirs, the rest get one that
// is not used yet, sometimes with the river they lie on.
func communeNames(heads []town, p *paving) []string {
	c := newChance(977, 3)
	pick := func(list string) string {
		w := strings.Fields(list)
		return w[c.below(len(w))]
	}
	seen := map[string]bool{}
	for _, n := range strings.Fields(taken) {
		seen[plain(n)] = true
	}
	names := make([]string, len(heads))
	for i, h := range heads {
		if names[i] = h.name; h.name != "" {
			seen[plain(h.name)] = true
		}
	}
	saint := strings.Fields(saints)
	for _, l := range strings.Fields(ladies) {
		saint = append(saint, "e-"+l)
	}
	on := [...]string{"Orbelle", "Hérande", "Vidarel", "Rosane", "Tardenne", "Gardel"}
	for i, h := range heads {
		for names[i] == "" {
			var n string
			switch r := c.float(); {
			case r < 0.14 && len(saint) > 0:
				k := c.below(len(saint))
				n = "Saint-" + saint[k]
				if she, ok := strings.CutPrefix(saint[k], "e-"); ok {
					n = "Sainte-" + she
				}
				saint = append(saint[:k], saint[k+1:]...)
			case r < 0.24:
				n = pick(hers) + "-" + pick(forHer)
			case r < 0.34:
				n = pick(his) + "-" + pick(forHim)
			default:
				n = blend(pick(nameHeads), pick(nameMids), pick(nameTails), c.hit(0.45))
			}
			if g := &p.ground[p.nearest(h.at)]; strings.Contains(n, "-") {
				// long enough
			} else if g.stream < 1.3 && c.hit(0.4) {
				n += "-sur-" + on[g.course]
			} else if g.alt > 500 && c.hit(0.16) {
				n += pick("-le-Causse -de-Serre -le-Haut -la-Combe")
			} else if g.inland < 9 && c.hit(0.15) {
				n += pick("-les-Pins -l’Étang -Plage -les-Salines")
			}
			if !seen[plain(n)] && len(n) < 30 {
				seen[plain(n)] = true
				names[i] = n
			}
		}
	}
	return names
}

// blend joins the pieces of a name where they fit.
func blend(head, mid, tail string, long bool) string {
	n := head
	vowel := func(b byte) bool { return strings.IndexByte("aeiouy", b) >= 0 }
	if long && !vowel(n[len(n)-1]) {
		n += mid
	}
	for vowel(n[len(n)-1]) {
		n = n[:len(n)-1]
	}
	if n[len(n)-1] == 'q' {
		n += "u"
	}
	return n + tail
}
