package ingest

import (
	"context"
	"iter"
	"regexp"
	"slices"
	"strings"

	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// withdrawnCodes reads CDNOM_DISPARUS.
func withdrawnCodes(t *refTable) iter.Seq2[taxon.Withdrawn, error] {
	return refRows(t, func() (w taxon.Withdrawn, ok bool, err error) {
		if w.CdNom, err = t.code("cdnom"); err != nil || w.CdNom == 0 {
			return w, false, err
		}
		w.Replacement, err = t.code("cdnomremplacement")
		w.Reason = t.get("raisonsuppression", "cdraisonsuppression")
		return w, true, err
	})
}

// refStand is a valid name that rows refer to, kept until it is known whether the file has it.
type refStand struct {
	valid string // NOM_VALIDE
	like  taxon.Name
}

// taxrefNames reads TAXREF. Where the file only says the name of a valid taxon beside its
// synonyms (an extract), the taxon is added under that name, unless the vault knows it.
func (l *refLoader) taxrefNames(ctx context.Context, t *refTable) iter.Seq2[taxon.Name, error] {
	seen := map[taxon.CdNom]bool{}
	stands := map[taxon.CdRef]refStand{}
	words := refWords{}
	rows := refRows(t, func() (taxon.Name, bool, error) {
		n, ok, err := taxrefName(t, words)
		if err != nil || !ok {
			return n, false, err
		}
		seen[n.CdNom] = true
		if !n.Valid() {
			if s, known := stands[n.CdRef]; !known || s.like.CdNom > n.CdNom {
				if v := t.get("nomvalide"); v != "" {
					stands[n.CdRef] = refStand{v, n}
				}
			}
		}
		return n, true, nil
	})
	return func(yield func(taxon.Name, error) bool) {
		for n, err := range rows {
			if !yield(n, err) || err != nil {
				return
			}
		}
		for ref := range stands {
			if seen[taxon.CdNom(ref)] {
				delete(stands, ref)
			}
		}
		if len(stands) == 0 {
			return
		}
		for _, ref := range sortedStands(stands) {
			if !yield(stands[ref].name(ref), nil) {
				return
			}
		}
	}
}

func sortedStands(m map[taxon.CdRef]refStand) []taxon.CdRef {
	refs := make([]taxon.CdRef, 0, len(m))
	for ref := range m {
		refs = append(refs, ref)
	}
	slices.Sort(refs)
	return refs
}

func (s refStand) name(ref taxon.CdRef) taxon.Name {
	n := s.like
	n.CdNom, n.CdRef, n.FullName = taxon.CdNom(ref), ref, s.valid
	n.ScientificName, n.Author = taxon.SplitName(s.valid)
	if n.Rank = taxon.RankOf(n.ScientificName); n.Rank == "" {
		n.Rank = s.like.Rank
	}
	return n
}

// refWords keeps one copy of the words that thousands of rows repeat.
type refWords map[string]string

func (in refWords) word(s string) string {
	if w, ok := in[s]; ok {
		return w
	}
	s = strings.Clone(s)
	in[s] = s
	return s
}

func taxrefName(t *refTable, in refWords) (n taxon.Name, ok bool, err error) {
	if n.CdNom, err = t.code("cdnom"); err != nil || n.CdNom == 0 {
		return n, false, err
	}
	ref, err := t.code("cdref")
	if err != nil {
		return n, false, err
	}
	if n.CdRef = taxon.CdRef(ref); ref == 0 {
		n.CdRef = taxon.CdRef(n.CdNom)
	}
	if n.Parent, err = t.code("cdsup", "cdtaxsup"); err != nil {
		return n, false, err
	}
	n.FullName = t.get("nomcomplet")
	n.ScientificName, n.Author = t.get("lbnom"), t.get("lbauteur")
	deduced := t.get("champsdeduits") // fields that a rule made, in extracts put together by hand
	if n.ScientificName == "" || strings.Contains(deduced, "LB_NOM") && n.FullName != "" {
		n.ScientificName, n.Author = taxon.SplitName(n.FullName)
	}
	if n.ScientificName == "" {
		return n, false, t.bad("lb_nom", "")
	}
	if n.FullName == "" {
		n.FullName = strings.TrimSpace(n.ScientificName + " " + n.Author)
	}
	n.Rank = taxon.Rank(in.word(t.get("rang")))
	if n.Rank == "" || strings.Contains(deduced, "RANG") {
		n.Rank = taxon.RankOf(n.ScientificName)
	}
	n.Vernacular, n.VernacularEN = t.get("nomvern"), t.get("nomverneng")
	n.Kingdom, n.Phylum = in.word(t.get("regne")), in.word(t.get("phylum"))
	n.Class, n.Order, n.Family = in.word(t.get("classe")), in.word(t.get("ordre")), in.word(t.get("famille"))
	n.Group1, n.Group2, n.Group3 = in.word(t.get("group1inpn")), in.word(t.get("group2inpn")), in.word(t.get("group3inpn"))
	n.Habitat, n.StatusFR = in.word(t.get("habitat")), in.word(t.get("fr"))
	return n, true, nil
}

// A name with a year or an author in parentheses is a scientific one.
var scientificLook = regexp.MustCompile(`\d{4}|\([A-ZÉ](?:\.|\pL+\.|\pL{3}|\pL* &)|(?:^| )(?:L|Hill|DC|Mill)\.`)

// vernacularNames reads French names by CD_NOM. A name the vault knows keeps its own and
// gains one only when it has none; its CD_REF is not touched, since such lists follow
// older versions. A code the vault does not know is added as a synonym when its CD_REF is
// known; a taxon it does not know is left out, since without classification the rules
// written for its ancestors would not find it.
func (l *refLoader) vernacularNames(ctx context.Context, t *refTable) iter.Seq2[taxon.Name, error] {
	return func(yield func(taxon.Name, error) bool) {
		names, err := l.vaultNames(ctx)
		if err != nil {
			yield(taxon.Name{}, err)
			return
		}
		skipped := 0
		rows := refRows(t, func() (taxon.Name, bool, error) {
			n, ok, err := vernacularName(t, names)
			if !ok {
				skipped++
			}
			return n, ok, err
		})
		for n, err := range rows {
			if !yield(n, err) || err != nil {
				return
			}
		}
		l.leftOut(skipped)
	}
}

func vernacularName(t *refTable, names map[taxon.CdNom]refKnown) (n taxon.Name, ok bool, err error) {
	if n.CdNom, err = t.code("cdnom"); err != nil || n.CdNom == 0 {
		return n, false, err
	}
	ref, err := t.code("cdref")
	if err != nil {
		return n, false, err
	}
	given := t.get("nomfrancais")
	own, knownName := names[n.CdNom]
	valid, knownTaxon := names[ref]
	folded := taxon.Fold(given)
	scientific := given != "" && (scientificLook.MatchString(given) || knownName && sameGenus(folded, own.scientific) ||
		knownTaxon && sameGenus(folded, valid.scientific))
	if knownName {
		if scientific || given == "" || own.vernacular {
			return n, false, nil
		}
		n.CdRef, n.Vernacular = own.ref, given
		return n, true, nil
	}
	if !knownTaxon {
		return n, false, nil
	}
	n.CdRef = valid.ref
	if scientific {
		n.FullName = given
		n.ScientificName, n.Author = taxon.SplitName(given)
		n.Rank = taxon.RankOf(n.ScientificName)
		return n, true, nil
	}
	n.Vernacular = given
	return n, true, nil
}

// sameGenus reports whether two folded names start with the same word, the second being a
// scientific name.
func sameGenus(name, scientific string) bool {
	genus, _, more := strings.Cut(scientific, " ")
	first, _, _ := strings.Cut(name, " ")
	return more && genus == first && strings.Contains(name, " ")
}

// wholeTaxref is the least size of a file that may be a whole version, compressed or not: the
// national files of recent versions are more than twice that as a zip.
const wholeTaxref = 20 << 20

// complete reports whether a table of names is a whole version of TAXREF.
func (l *refLoader) complete(t *refTable) bool {
	return l.o.Complete || l.size >= wholeTaxref && t.any("cdsup", "cdtaxsup") &&
		t.has("cdnom", "cdref", "rang", "lbnom", "habitat", "fr", "regne", "group1inpn")
}

// visioNatureCodes reads the species numbers of VisioNature. A species without CD_NOM is left
// out; CD_NOM below 0 are names a platform added to its own copy of TAXREF, known to it alone.
func visioNatureCodes(t *refTable) iter.Seq2[vault.Code, error] {
	return refRows(t, func() (c vault.Code, ok bool, err error) {
		if c.Code = t.get("idespecevisionature"); c.Code == "" {
			return c, false, nil
		}
		if c.CdNom, err = t.code("cdnom"); err != nil || c.CdNom <= 0 {
			return c, false, err
		}
		c.Code = strings.Clone(c.Code)
		return c, true, nil
	})
}
