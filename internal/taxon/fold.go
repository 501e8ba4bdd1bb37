package taxon

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Fold returns s in the form names are searched and matched by: no accents, lower case,
// œ and æ as oe and ae, apostrophes, hyphens and runs of spaces as one space, none at the
// ends. Other punctuation stays. Fold(Fold(s)) = Fold(s).
func Fold(s string) string {
	if folded(s) {
		return s
	}
	if !ascii(s) {
		s = norm.NFKD.String(s)
	}
	b := make([]byte, 0, len(s)+8)
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			b = appendFolded(b, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		b = foldRune(b, r)
	}
	if len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return string(b)
}

// folded reports whether s is its own folded form, judging ASCII only.
func folded(s string) bool {
	space := true // a leading space is not folded
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf, 'A' <= c && c <= 'Z', c == '-', c == '\'', c == '`', c < ' ', c == 0x7f:
			return false
		case c == ' ':
			if space {
				return false
			}
			space = true
		default:
			space = false
		}
	}
	return !space || s == ""
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func appendFolded(b []byte, c byte) []byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return append(b, c+'a'-'A')
	case c <= ' ', c == '-', c == '\'', c == '`', c == 0x7f:
		if len(b) > 0 && b[len(b)-1] != ' ' {
			return append(b, ' ')
		}
		return b
	}
	return append(b, c)
}

// foldRune folds what decomposition leaves: marks vanish, letters without a decomposition
// become their usual spelling.
func foldRune(b []byte, r rune) []byte {
	switch r {
	case 'œ', 'Œ':
		return append(b, "oe"...)
	case 'æ', 'Æ':
		return append(b, "ae"...)
	case 'ß', 'ẞ':
		return append(b, "ss"...)
	case 'ø', 'Ø':
		return append(b, 'o')
	case 'đ', 'Đ', 'ð', 'Ð':
		return append(b, 'd')
	case 'ł', 'Ł':
		return append(b, 'l')
	case 'ı':
		return append(b, 'i')
	case 'þ', 'Þ':
		return append(b, "th"...)
	case '×':
		return append(b, 'x')
	case '’', '‘', 'ʼ', '′', '´', '‛', '‐', '‑', '‒', '–', '—', '−', '\u00ad', '\ufffd':
		return appendFolded(b, ' ')
	}
	switch {
	case unicode.Is(unicode.Mn, r):
		return b
	case unicode.IsSpace(r), unicode.IsControl(r), unicode.Is(unicode.Cf, r):
		return appendFolded(b, ' ')
	}
	// Lower case may decompose again (İ); a second pass would then differ.
	for _, l := range norm.NFKD.String(string(unicode.ToLower(r))) {
		if !unicode.Is(unicode.Mn, l) {
			b = utf8.AppendRune(b, l)
		}
	}
	return b
}

// SplitName cuts a complete name into the name and its author, for files that give only
// NOM_COMPLET: "Epidalea calamita (Laurenti, 1768)" is "Epidalea calamita" and "(Laurenti,
// 1768)". The author starts at the first capital or parenthesis after the genus, hybrid
// formulas excepted ("Orchis mascula x Orchis provincialis").
func SplitName(full string) (name, author string) {
	full = strings.Join(strings.Fields(full), " ")
	words := strings.Split(full, " ")
	at := 0
	for i, w := range words {
		if i > 0 && startsAuthor(words, i) {
			return full[:at-1], full[at:]
		}
		at += len(w) + 1
	}
	return full, ""
}

func startsAuthor(words []string, i int) bool {
	w, before := words[i], words[i-1]
	if hybridMark(before) || before == "+" || i == 1 && before == "cf." {
		return false
	}
	switch w {
	case "de", "von", "van", "den", "du", "le", "la", "ex", "in", "auct.", "sensu", "non", "nom.":
		return true
	}
	if strings.HasPrefix(w, "d'") || strings.HasPrefix(w, "d’") || w[0] == '[' {
		return true
	}
	if w[0] == '(' { // a subgenus stands between the genus and a lower-case epithet
		return !(i == 1 && strings.HasSuffix(w, ")") && len(words) > 2 && lowerFirst(words[2]))
	}
	r, _ := utf8.DecodeRuneInString(w)
	if !unicode.IsUpper(r) {
		return false
	}
	// "T. marmoratus" after a hybrid mark was let through above; its epithet is lower case.
	return true
}

func lowerFirst(w string) bool {
	r, _ := utf8.DecodeRuneInString(w)
	return unicode.IsLower(r) && w != "in" && w != "ex" && w != "non" && w != "de"
}

func hybridMark(w string) bool { return w == "x" || w == "×" || w == "X" }

// RankOf guesses the rank from the shape of a scientific name without author, for files
// that give none: two words are a species, three a subspecies, a word in -idae or -aceae a
// family, another single word a genus.
func RankOf(name string) Rank {
	words := strings.Fields(name)
	marks := map[string]Rank{"subsp.": Subspecies, "ssp.": Subspecies, "nothosubsp.": Subspecies,
		"var.": Variety, "nothovar.": Variety, "f.": Form, "fo.": Form, "subg.": "SSGN", "sect.": "SC",
		"kl.": Species, "cf.": Species, "complexe": Aggregate, "aggr.": Aggregate, "gr.": Aggregate, "agg.": Aggregate}
	epithets, found := 0, Rank("")
	for i, w := range words {
		if r, ok := marks[w]; ok && i > 0 {
			found = r
			continue
		}
		if i > 0 && hybridMark(w) && i+1 < len(words) && epithets > 0 {
			return Species // a formula between two species
		}
		if !hybridMark(w) && w != "+" && i > 0 && lowerFirst(w) {
			epithets++
		}
	}
	switch {
	case found != "":
		return found
	case epithets >= 2:
		return Subspecies
	case epithets == 1:
		return Species
	case len(words) == 0:
		return ""
	}
	w := words[len(words)-1]
	switch {
	case strings.HasSuffix(w, "idae"), strings.HasSuffix(w, "aceae"):
		return Family
	case strings.HasSuffix(w, "oideae"):
		return "SBFM"
	}
	return Genus
}
