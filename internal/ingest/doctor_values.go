package ingest

import (
	"slices"
	"sort"
	"strings"

	"garrigue/internal/taxon"
)

// of returns the list of an attribute, nil when it has none.
func (l *lists) of(f field) *codelist {
	switch f {
	case fPresence:
		return l.statutObs
	case fNature:
		return l.natObjGeo
	case fCommuneInfo, fDepartmentInfo, fCellInfo, fNaturalAreaInfo, fWaterBodyInfo, fInfoGeo:
		return l.typInfGeo
	case fSourceStatus:
		return l.statutSource
	case fPublic:
		return l.dsPublique
	case fBlurring:
		return l.deeFlou
	case fDiffusion:
		return l.nivPrecis
	case fSensitivity:
		return l.sensibilite
	case fCountType:
		return l.typDenbr
	case fCountObject:
		return l.objDenbr
	case fLifeStage:
		return l.stadeVie
	case fSex:
		return l.sexe
	case fState:
		return l.etaBio
	case fNaturalness:
		return l.naturalite
	case fBioStatus:
		return l.statutBio
	case fBehaviour:
		return l.comportement
	case fBioGeo:
		return l.statBiogeo
	case fTechnique:
		return l.methObs
	case fProof:
		return l.preuve
	case fValidation:
		return l.statutValid
	}
	return nil
}

// discreet are the attributes that may carry a wish not to be seen.
func discreet(f field) bool {
	return f == fPublic || f == fDiffusion || f == fBlurring || f == fSensitivity || f == fHidden || f == fAdminHidden
}

// How a written value was matched with a code.
const (
	byCodeItself = "code"
	byLabel      = "label"
	bySynonym    = "synonym"
)

// match returns the code of a written value and how it was found.
func (l *codelist) match(v string) (code, how string, ok bool) {
	if code, ok = l.code(v); !ok {
		return "", "", false
	}
	switch k := taxon.Fold(v); {
	case l.exact[v] != "" || k == taxon.Fold(code):
		how = byCodeItself
	case k == taxon.Fold(l.labels[code]):
		how = byLabel
	default:
		how = bySynonym
	}
	return code, how, true
}

// nearest returns the codes whose labels or synonyms look most like a value, as "code (label)".
func (l *codelist) nearest(v string, n int) []string {
	type near struct {
		code  string
		score float64
	}
	best := map[string]float64{}
	k := taxon.Fold(v)
	for written, code := range l.folded {
		if s := likeness(k, written); s > best[code] {
			best[code] = s
		}
	}
	var all []near
	for code, s := range best {
		if s >= 0.6 { // half the letters in common is chance: "couple" and "ovule"
			all = append(all, near{code, s})
		}
	}
	sort.Slice(all, func(i, j int) bool {
		return all[i].score > all[j].score || all[i].score == all[j].score && all[i].code < all[j].code
	})
	out := make([]string, 0, n)
	for _, a := range all[:min(n, len(all))] {
		out = append(out, a.code+" ("+l.labels[a.code]+")")
	}
	return out
}

// nearestNames returns the names that look most like one, best first.
func nearestNames(name string, among []string, n int) []string {
	type near struct {
		name  string
		score float64
	}
	var all []near
	k := taxon.Fold(name)
	for _, a := range among {
		if s := likeness(k, taxon.Fold(a)); s >= 0.5 {
			all = append(all, near{a, s})
		}
	}
	slices.SortStableFunc(all, func(a, b near) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	var out []string
	for _, a := range all[:min(n, len(all))] {
		out = append(out, a.name)
	}
	return out
}

// orNone lists names for a sentence, a dash when there are none.
func orNone(names []string) string {
	if len(names) == 0 {
		return "–"
	}
	return strings.Join(names, ", ")
}

// likeness is 1 for the same folded text, 0 for nothing in common: letters to change, or words
// in common.
func likeness(a, b string) float64 {
	if a == "" || b == "" || len(a) > 100 || len(b) > 100 {
		return 0
	}
	longest := max(len(a), len(b))
	s := 1 - float64(distance(a, b))/float64(longest)
	wa, wb := strings.FieldsFunc(a, notWord), strings.FieldsFunc(b, notWord)
	shared := 0
	for _, w := range wa {
		if len(w) > 2 && slices.ContainsFunc(wb, func(o string) bool { return singular(w) == singular(o) }) {
			shared++
		}
	}
	if n := min(len(wa), len(wb)); n > 0 && shared > 0 {
		s = max(s, 0.5+0.4*float64(shared)/float64(max(len(wa), len(wb)))*float64(shared)/float64(n))
	}
	return s
}

func notWord(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && r < 0x80
}

// distance is how many letters to add, take away or change make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(row[j]+1, row[j+1]+1, last+cost)
			last, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}

// singular takes away what a plural adds to each word, "(s)" included. It is for comparing,
// not for reading.
func singular(folded string) string {
	words := strings.Fields(strings.NewReplacer("(s)", "", "(e)", "", "(x)", "").Replace(folded))
	for i, w := range words {
		if len(w) > 3 && (strings.HasSuffix(w, "s") || strings.HasSuffix(w, "x")) {
			words[i] = w[:len(w)-1]
		}
	}
	return strings.Join(words, " ")
}
