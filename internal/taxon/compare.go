package taxon

import (
	"cmp"
	"slices"
)

// ChangeKind is what became of a taxon from one version of TAXREF to the next.
type ChangeKind uint8

// The kinds. A taxon may undergo several.
const (
	Recoded   ChangeKind = iota // the same names under another CD_REF
	Merged                      // several taxa have become one
	Parted                      // the names of one taxon are now of several
	Renamed                     // another valid scientific name under the same CD_REF
	Reranked                    // another rank
	Regrouped                   // another public group
	Gone                        // no name of it leads anywhere any more
)

// String returns the word for reports and catalogues ("taxref.<word>").
func (k ChangeKind) String() string {
	return [...]string{"recoded", "merged", "split", "renamed", "rank", "group", "gone"}[k]
}

// Change is what became of some taxa: From in the former version, To in the new one, each in
// order of code.
type Change struct {
	Kind     ChangeKind
	From, To []CdRef
}

// Comparison is what differs between two versions of TAXREF, in order of kind and code.
type Comparison struct {
	Added   []CdNom // names the new version alone has
	Removed []CdNom // names the former alone has
	Lost    []CdNom // of Removed, those nothing replaces, or several
	Changes []Change
}

// Compare tells what differs from one version to the next. Removed codes are followed through
// the withdrawn codes of the new version.
func Compare(before, after *Taxonomy) *Comparison {
	c := &Comparison{}
	moves, into := map[CdRef][]CdRef{}, map[CdRef][]CdRef{}
	var touched []CdRef // taxa a name of which is lost
	for i := range before.rows {
		r := &before.rows[i]
		m, ok := after.Resolve(r.cd)
		if after.index(r.cd) < 0 {
			c.Removed = append(c.Removed, r.cd)
		}
		switch {
		case !ok:
			c.Lost = append(c.Lost, r.cd)
			touched = append(touched, r.ref)
		case m.CdRef != r.ref:
			if !slices.Contains(moves[r.ref], m.CdRef) {
				moves[r.ref] = append(moves[r.ref], m.CdRef)
				into[m.CdRef] = append(into[m.CdRef], r.ref)
			}
		}
	}
	for i := range after.rows {
		if before.index(after.rows[i].cd) < 0 {
			c.Added = append(c.Added, after.rows[i].cd)
		}
	}
	stays := func(ref CdRef) bool {
		return before.someName(ref, func(cd CdNom) bool { m, ok := after.Resolve(cd); return ok && m.CdRef == ref })
	}
	for to, from := range into {
		if stays(to) {
			into[to] = append(from, to)
		}
	}
	for from, to := range moves {
		if stays(from) {
			to = append(to, from)
		}
		switch {
		case len(to) > 1:
			c.add(Parted, []CdRef{from}, to)
		case len(into[to[0]]) == 1:
			c.add(Recoded, []CdRef{from}, to)
		}
	}
	for to, from := range into {
		if len(from) > 1 {
			c.add(Merged, from, []CdRef{to})
		}
	}
	slices.Sort(touched)
	for _, ref := range slices.Compact(touched) {
		if !before.someName(ref, func(cd CdNom) bool { _, ok := after.Resolve(cd); return ok }) {
			c.add(Gone, []CdRef{ref}, nil)
		}
	}
	c.compareTaxa(before, after)
	c.sort()
	return c
}

// someName reports whether f is true of some name of a taxon.
func (t *Taxonomy) someName(ref CdRef, f func(CdNom) bool) bool {
	i := t.index(CdNom(ref))
	return i >= 0 && t.rows[i].valid == i && (f(CdNom(ref)) || slices.ContainsFunc(t.Synonyms(ref), f))
}

// compareTaxa tells the taxa that kept their CD_REF and changed otherwise.
func (c *Comparison) compareTaxa(before, after *Taxonomy) {
	for i := range before.rows {
		r := &before.rows[i]
		if r.valid != int32(i) {
			continue
		}
		j := after.index(r.cd)
		if j < 0 || after.rows[j].valid != j {
			continue
		}
		ref := []CdRef{r.ref}
		if before.scientificName(int32(i)) != after.scientificName(j) {
			c.add(Renamed, ref, ref)
		}
		if before.ranks[r.rank] != after.ranks[after.rows[j].rank] {
			c.add(Reranked, ref, ref)
		}
		if before.classes[r.class] != after.classes[after.rows[j].class] {
			a, b := before.name(int32(i)), after.name(j)
			if GroupOf(&a) != GroupOf(&b) {
				c.add(Regrouped, ref, ref)
			}
		}
	}
}

func (c *Comparison) add(k ChangeKind, from, to []CdRef) {
	from, to = slices.Clone(from), slices.Clone(to)
	slices.Sort(from)
	slices.Sort(to)
	c.Changes = append(c.Changes, Change{k, from, to})
}

func (c *Comparison) sort() {
	slices.Sort(c.Added)
	slices.Sort(c.Removed)
	slices.Sort(c.Lost)
	slices.SortFunc(c.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), slices.Compare(a.From, b.From), slices.Compare(a.To, b.To))
	})
}
