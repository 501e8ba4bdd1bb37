package demo

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// The taxa of the demo. Codes, names, authors, classification and statuses are facts of
// TAXREF v17, BDC-Statuts and the national red lists; habitats, altitudes, seasons,
// frequencies, trends and sensitivities are our own, approximate and for show only.
//
//go:embed data/taxa.tsv
var taxaFile string

// habitat is a kind of ground. In the data file each is one letter with a weight 1–9.
type habitat uint8

const (
	anywhere  habitat = iota // used on real references, where nothing is known of the ground
	forest                   // f: oak and pine woods
	highwood                 // h: beech, fir, mountain pine
	garrigue                 // g: scrub
	grassland                // l: dry grassland, causse
	meadow                   // m: hay meadows, pastures, hedges
	field                    // c: vineyards, crops, olive groves
	village                  // v: towns, villages, gardens
	wetland                  // w: fresh marshes, ponds, rice
	stream                   // r: rivers and their banks
	salt                     // e: lagoons and salt marshes
	beach                    // b: beaches and dunes
	cliff                    // k: cliffs, gorges, scree, old walls
	alpine                   // a: high pastures and crests
	habitats
)

const habitatLetters = ".fhglmcvwrebka"

// species is a taxon that is observed.
type species struct {
	cdNom      int32
	name       string
	author     string
	group      group
	habitats   [habitats]float64
	low, high  float64 // metres
	calendar   *calendar
	frequency  float64
	since      int  // first year of a spreading taxon, 0
	declining  bool // less and less seen
	colonial   bool // found in numbers
	level      int  // sensitivity
	breeding   bool // sensitive only where it breeds (or hibernates)
	hibernates bool
	synonyms   []synonym
}

// calendar is when a taxon is seen, by day of the year.
type calendar struct {
	season   [365]float64
	year     [365]float64 // running sum of season times the observers' own
	resident bool         // all the year round
}

type synonym struct {
	cdNom int32
	name  string
}

// entry is a line of the data file.
type entry struct {
	cdNom, cdRef, rank, name, author, fr, en                      string
	kingdom, phylum, class, order, family, group1, group2         string
	habitats, altitude, season, frequency, trend, level, statuses string
}

func readEntries(r io.Reader) ([]entry, error) {
	var all []entry
	sc := bufio.NewScanner(r)
	for line := 1; sc.Scan(); line++ {
		f := strings.Split(sc.Text(), "\t")
		if len(f) != 21 {
			return nil, fmt.Errorf("taxa.tsv line %d: %d columns, want 21", line, len(f))
		}
		if line == 1 {
			continue
		}
		all = append(all, entry{f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8], f[9], f[10], f[11], f[12], f[13],
			f[14], f[15], f[16], f[17], f[18], f[19], f[20]})
	}
	return all, sc.Err()
}

// readSpecies returns the taxa that are observed, and hangs their synonyms on them.
func readSpecies(entries []entry) ([]species, error) {
	var all []species
	at := map[string]int{}
	for i := range entries {
		e := &entries[i]
		if e.frequency == "" {
			continue
		}
		s, err := e.species()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.name, err)
		}
		at[e.cdNom] = len(all)
		all = append(all, s)
	}
	for i := range entries {
		e := &entries[i]
		k, ok := at[e.cdRef]
		if e.cdNom == e.cdRef || !ok {
			continue
		}
		cd, err := strconv.Atoi(e.cdNom)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.name, err)
		}
		all[k].synonyms = append(all[k].synonyms, synonym{int32(cd), e.name})
	}
	return all, nil
}

func (e *entry) species() (s species, err error) {
	cd, err := strconv.Atoi(e.cdNom)
	if err != nil {
		return s, err
	}
	s = species{cdNom: int32(cd), name: e.name, author: e.author, group: groupOf(e)}
	for i := 0; i+1 < len(e.habitats); i += 2 {
		h := strings.IndexByte(habitatLetters, e.habitats[i])
		if h < 1 {
			return s, fmt.Errorf("habitats %q", e.habitats)
		}
		s.habitats[h] = float64(e.habitats[i+1] - '0')
	}
	if _, err := fmt.Sscanf(e.altitude, "%f-%f", &s.low, &s.high); err != nil {
		return s, fmt.Errorf("altitude %q: %w", e.altitude, err)
	}
	if s.frequency, err = strconv.ParseFloat(e.frequency, 64); err != nil {
		return s, err
	}
	if s.calendar, err = newCalendar(e.season); err != nil {
		return s, err
	}
	for o := range strings.FieldsSeq(e.trend) {
		switch {
		case o == "X":
			s.declining = true
		case o == "G":
			s.colonial = true
		case o[0] == 'T':
			if s.since, err = strconv.Atoi(o[1:]); err != nil {
				return s, err
			}
		default:
			return s, fmt.Errorf("trend %q", e.trend)
		}
	}
	if len(e.level) > 1 {
		s.level = int(e.level[1] - '0')
		s.breeding = strings.Contains(e.level, "r")
		s.hibernates = strings.Contains(e.level, "h")
	}
	return s, nil
}

// watch is how much observers are out in each month, January first.
var watch = [12]float64{0.6, 0.65, 0.9, 1.3, 1.6, 1.3, 0.95, 0.75, 0.85, 0.85, 0.6, 0.55}

// newCalendar reads when a taxon is seen. Months count from 1.0 = 1 January: "4-9p5" from
// April to September, most in early May; "3-5+9-11" twice; "Rp4" all year, a little more
// around April. A range may pass the end of the year.
func newCalendar(text string) (*calendar, error) {
	s := &calendar{}
	peak := 0.0
	if head, tail, ok := strings.Cut(text, "p"); ok {
		p, err := strconv.ParseFloat(tail, 64)
		if err != nil {
			return nil, fmt.Errorf("season %q: %w", text, err)
		}
		text, peak = head, p
	}
	if text == "R" {
		s.resident = true
		for d := range s.season {
			m := 1 + float64(d)/365*12
			s.season[d] = 0.45 + 0.55*math.Exp(-sq(apart(m, peak)/1.9))
		}
	} else {
		for part := range strings.SplitSeq(text, "+") {
			var a, b float64
			if _, err := fmt.Sscanf(part, "%f-%f", &a, &b); err != nil {
				return nil, fmt.Errorf("season %q: %w", text, err)
			}
			s.addRange(a, b, peak)
		}
	}
	sum := 0.0
	for d := range s.season {
		sum += s.season[d] * watch[d*12/365]
		s.year[d] = sum
	}
	return s, nil
}

// addRange adds a time of the year that rises to its peak (or its middle) and falls. The
// end counts to about the tenth of its month.
func (s *calendar) addRange(a, b, peak float64) {
	b += 0.35
	if b < a {
		b += 12
	}
	weight := 1.0
	if peak != 0 && peak < a {
		peak += 12
	}
	if peak <= a || peak >= b {
		if peak != 0 {
			weight = 0.5
		}
		peak = (a + b) / 2
	}
	for d := range s.season {
		m := 1 + float64(d)/365*12
		if m < a {
			m += 12
		}
		if m < a || m > b {
			continue
		}
		t := (peak - m) / (peak - a)
		if m > peak {
			t = (m - peak) / (b - peak)
		}
		s.season[d] += weight * sq(math.Cos(t*math.Pi/2))
	}
}

// apart is the distance between two months around the year.
func apart(a, b float64) float64 {
	d := math.Abs(a - b)
	return min(d, 12-d)
}

// group is what a producer collects.
type group uint8

const (
	birds group = iota
	mammals
	bats
	herps // reptiles and amphibians
	fish  // and crayfish, mussels
	butterflies
	dragonflies
	insects // the others
	spiders
	shells
	plants
	mosses // liverworts, stoneworts, lichens
	fungi
	groups
)

func groupOf(e *entry) group {
	switch e.group2 {
	case "Oiseaux":
		return birds
	case "Mammifères":
		if e.order == "Chiroptera" {
			return bats
		}
		return mammals
	case "Reptiles", "Amphibiens":
		return herps
	case "Poissons", "Crustacés", "Bivalves":
		return fish
	case "Insectes":
		switch e.order {
		case "Lepidoptera":
			return butterflies
		case "Odonata":
			return dragonflies
		}
		return insects
	case "Arachnides":
		return spiders
	case "Gastéropodes":
		return shells
	case "Angiospermes", "Gymnospermes", "Ptéridophytes":
		return plants
	case "Mousses", "Hépatiques et Anthocérotes", "Lichens":
		return mosses
	}
	switch {
	case strings.HasSuffix(e.group1, "omycètes") || e.kingdom == "Fungi":
		return fungi
	case e.group1 == "Algues":
		return mosses
	case e.kingdom == "Plantae":
		return plants
	}
	return insects
}
