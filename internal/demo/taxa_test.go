package demo

import (
	"math"
	"strings"
	"testing"
)

func entriesOf(t testing.TB) []entry {
	t.Helper()
	entries, err := readEntries(strings.NewReader(taxaFile))
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// Every code and name of the data file is one of TAXREF's, or of another shared list.
func TestTaxaAreReal(t *testing.T) {
	known := map[string]map[string]bool{} // CD_NOM → names
	learn := func(path string, code, name int) {
		sc := gunzip(t, path)
		for sc.Scan() {
			f := strings.Split(sc.Text(), "\t")
			if known[f[code]] == nil {
				known[f[code]] = map[string]bool{}
			}
			known[f[code]][f[name]] = true
		}
		if err := sc.Err(); err != nil {
			t.Fatal(err)
		}
	}
	learn(shared(t, "reference", "taxref-noms-valides.tsv.gz"), 0, 3)
	learn(shared(t, "reference", "taxref-noms-francais-geonature.tsv.gz"), 1, 3)
	learn(shared(t, "reference", "especes-sensibles-2019.tsv.gz"), 2, 8)
	for _, e := range entriesOf(t) {
		names := known[e.cdNom]
		if !names[e.name] && !names[e.name+" "+e.author] {
			t.Errorf("%s %s: the lists have %v", e.cdNom, e.name, names)
		}
	}
}

func TestTaxaFile(t *testing.T) {
	entries := entriesOf(t)
	count := map[group]int{}
	codes := map[string]bool{}
	synonyms, subspecies, sensitive := 0, 0, 0
	for i := range entries {
		e := &entries[i]
		if codes[e.cdNom] {
			t.Errorf("%s %s: twice", e.cdNom, e.name)
		}
		codes[e.cdNom] = true
		if e.kingdom == "" || (e.family == "" && (e.rank == "ES" || e.rank == "GN")) {
			t.Errorf("%s has no classification", e.name)
		}
		switch {
		case e.cdNom != e.cdRef:
			synonyms++
		case e.frequency != "":
			count[groupOf(e)]++
			if e.rank == "SSES" {
				subspecies++
			}
			if e.level != "" {
				sensitive++
			}
		}
	}
	for i := range entries {
		if !codes[entries[i].cdRef] {
			t.Errorf("%s: its valid name %s is not in the file", entries[i].name, entries[i].cdRef)
		}
	}
	least := map[group]int{birds: 150, plants: 180, butterflies: 60, dragonflies: 30, herps: 30, mammals: 25, bats: 15, insects: 60,
		fish: 10, shells: 8, spiders: 10, fungi: 20, mosses: 15}
	for g, n := range least {
		if count[g] < n {
			t.Errorf("group %d: %d taxa, want at least %d", g, count[g], n)
		}
	}
	if synonyms < 50 || subspecies < 15 || sensitive < 30 {
		t.Errorf("%d synonyms, %d subspecies, %d sensitive taxa", synonyms, subspecies, sensitive)
	}
	if _, err := readSpecies(entries); err != nil {
		t.Error(err)
	}
}

func TestCalendar(t *testing.T) {
	at := func(c *calendar, month float64) float64 { return c.season[int((month-1)/12*365)] }
	for _, tt := range []struct {
		season        string
		best, out     float64 // months when it is most and not seen
		resident      bool
		alwaysVisible bool
	}{
		{season: "4-9p5", best: 5, out: 12},
		{season: "11-3p1", best: 1, out: 7},
		{season: "10.5-4+5-8p1", best: 1, out: 9.5},
		{season: "3-5+9-11p4", best: 4, out: 7},
		{season: "8-10.5+3-5.5p9", best: 9, out: 1.5},
		{season: "Rp4", best: 4, resident: true},
	} {
		c, err := newCalendar(tt.season)
		if err != nil {
			t.Fatal(err)
		}
		top := 0.0
		for _, v := range c.season {
			top = max(top, v)
		}
		if math.Abs(at(c, tt.best)-top) > 0.02 {
			t.Errorf("%s: %.2f in month %.1f, the highest is %.2f", tt.season, at(c, tt.best), tt.best, top)
		}
		if c.resident != tt.resident || (!tt.resident && at(c, tt.out) != 0) || (tt.resident && at(c, 12) == 0) {
			t.Errorf("%s: resident %v, %.2f in month %.1f", tt.season, c.resident, at(c, tt.out), tt.out)
		}
	}
	for _, bad := range []string{"", "x", "4", "4-9px"} {
		if _, err := newCalendar(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// Every taxon finds somewhere to live.
func TestHabitats(t *testing.T) {
	entries := entriesOf(t)
	w, err := fictionalWorld(land(), entries)
	if err != nil {
		t.Fatal(err)
	}
	for i := range w.species {
		if s := &w.species[i]; len(w.haunts(s)) == 0 {
			t.Errorf("%s lives nowhere", s.name)
		}
	}
	for k := forest; k < habitats; k++ {
		if len(w.pools[k].sites) < 100 {
			t.Errorf("habitat %c has %d sites", habitatLetters[k], len(w.pools[k].sites))
		}
	}
}
