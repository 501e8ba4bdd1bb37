package ingest

import (
	"archive/zip"
	"cmp"
	"context"
	"iter"
	"path/filepath"
	"slices"

	"garrigue/internal/fault"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// TaxrefDiff tells what loading a TAXREF file would change. Nothing is written to make it.
type TaxrefDiff struct {
	File     string `json:"file"`
	Version  string `json:"version,omitempty"`
	Complete bool   `json:"complete"` // the file is a whole version: what it lacks is withdrawn

	NamesBefore int `json:"names_before"`
	NamesAfter  int `json:"names_after"`
	Added       int `json:"names_added"`
	Removed     int `json:"names_removed"`
	Unreplaced  int `json:"names_lost"` // of the removed, those nothing replaces

	Changes  map[string]int `json:"changes"` // taxa by kind of change
	Taxa     []TaxonChange  `json:"taxa"`    // those with observations first
	Lost     []LostName     `json:"lost"`
	Effect   TaxrefEffect   `json:"observations"`
	Sheets   map[string]int `json:"sheets"` // of the public atlas, by kind of change
	Public   []SheetChange  `json:"public"`
	Statuses AttachedDiff   `json:"statuses"`
	Rules    AttachedDiff   `json:"sensitivity"`
}

// TaxonAt is a taxon as one version has it.
type TaxonAt struct {
	CdRef taxon.CdRef `json:"cd_ref"`
	Name  string      `json:"name"`
	Rank  taxon.Rank  `json:"rank,omitempty"`
	Group string      `json:"group,omitempty"`
	// Level is the code of the strictest of the rules that may apply, "" when there is none.
	Level string `json:"sensitivity,omitempty"`
}

// TaxonChange is what becomes of some taxa, with what is attached to them.
type TaxonChange struct {
	Kind         string    `json:"kind"`
	From         []TaxonAt `json:"from"`
	To           []TaxonAt `json:"to"`
	Observations int       `json:"observations"`
	Statuses     int       `json:"statuses"`
	Rules        int       `json:"rules"`
}

// LostName is a name that the new version has not and that nothing replaces, or several do.
type LostName struct {
	CdNom        taxon.CdNom   `json:"cd_nom"`
	Name         string        `json:"name"`
	Reason       string        `json:"reason,omitempty"`
	Split        []taxon.CdNom `json:"split,omitempty"`
	Observations int           `json:"observations"`
	Rules        int           `json:"rules"`
}

// TaxrefEffect counts the live observations by what becomes of them.
type TaxrefEffect struct {
	Rows      int           `json:"rows"`
	Moved     int           `json:"moved"`     // to another taxon
	Unmatched int           `json:"unmatched"` // held from then on
	Matched   int           `json:"matched"`   // held until now
	Taxa      []TaxonEffect `json:"taxa"`      // that gain or lose some, the greatest change first
}

// TaxonEffect is what one taxon of the new version, or one that is no more, gains or loses.
type TaxonEffect struct {
	Taxon  TaxonAt `json:"taxon"`
	Before int     `json:"before"`
	After  int     `json:"after"`
}

// SheetChange is what becomes of a sheet of the public atlas: gone, new, recoded, merged,
// split, renamed, rank, level.
type SheetChange struct {
	Kind         string    `json:"kind"`
	From         []TaxonAt `json:"from"`
	To           []TaxonAt `json:"to"`
	Observations int       `json:"observations"`
}

// AttachedDiff counts statuses or sensitivity rules: how many there are, those whose taxon
// changes, and those whose code leads nowhere any more.
type AttachedDiff struct {
	Rows  int `json:"rows"`
	Moved int `json:"moved"`
	Lost  int `json:"lost"`
}

// DiffTaxref compares a TAXREF file (a table, or the zip of a version) with what the vault
// holds, as LoadReference would load it. It holds both in memory. Errors are those of
// LoadReference.
func DiffTaxref(ctx context.Context, db *vault.DB, path string, o ReferenceOptions) (_ *TaxrefDiff, err error) {
	defer fault.Wrap(&err, "ingest.DiffTaxref")
	l, err := openReference(db, refTaxref, path, o)
	if err != nil {
		return nil, err
	}
	defer l.file.Close()
	withdrawn, err := collect(db.Withdrawn(ctx))
	if err != nil {
		return nil, err
	}
	d := &differ{out: &TaxrefDiff{File: l.name}}
	if d.before, err = taxon.NewTaxonomy(db.Names(ctx), withdrawn); err != nil {
		return nil, err
	}
	if err := d.readNew(ctx, l, withdrawn); err != nil {
		return nil, err
	}
	d.out.Version = l.ref.Version
	_, rules, err := db.Sensitivity(ctx)
	if err != nil {
		return nil, err
	}
	d.attach(rules, l.db.Statuses(ctx))
	if d.err != nil {
		return nil, d.err
	}
	if d.counts, err = db.TaxonCounts(ctx); err != nil {
		return nil, err
	}
	d.countRows()
	d.names(withdrawn)
	d.sheets()
	return d.out, nil
}

func collect[T any](rows iter.Seq2[T, error]) (out []T, err error) {
	for r, err := range rows {
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

type differ struct {
	out           *TaxrefDiff
	before, after *taxon.Taxonomy
	counts        []vault.TaxonCount
	rows          map[taxon.CdNom]int // live observations by name
	taxa          map[taxon.CdRef]int // by taxon, as it is now
	rules         map[taxon.CdNom]int
	statuses      map[taxon.CdRef]int
	levelBefore   map[taxon.CdNom]sensitivity.Level
	levelAfter    map[taxon.CdNom]sensitivity.Level
	err           error
}

// readNew builds the taxonomy as it would be once the file is loaded.
func (d *differ) readNew(ctx context.Context, l *refLoader, withdrawn []taxon.Withdrawn) error {
	names, gone, err := l.taxrefTables()
	if err != nil {
		return err
	}
	old := map[taxon.CdNom]bool{}
	if names != nil && l.complete(names) {
		d.out.Complete = true
		if old, err = l.db.VersionNames(ctx); err != nil {
			return err
		}
	}
	if gone != nil {
		more, err := collect(withdrawnCodes(gone))
		if err != nil {
			return err
		}
		given := map[taxon.CdNom]bool{}
		for _, w := range more {
			given[w.CdNom] = true
		}
		withdrawn = append(slices.DeleteFunc(slices.Clone(withdrawn), func(w taxon.Withdrawn) bool { return given[w.CdNom] }), more...)
	}
	seen := map[taxon.CdNom]bool{}
	d.after, err = taxon.NewTaxonomy(func(yield func(taxon.Name, error) bool) {
		if names != nil {
			for n, err := range l.taxrefNames(ctx, names) {
				seen[n.CdNom] = true
				if was, ok := d.before.Name(n.CdNom); ok && !old[n.CdNom] {
					n = mergeName(was, n)
				}
				if !yield(n, err) || err != nil {
					return
				}
			}
		}
		for n := range d.before.All() {
			if !seen[n.CdNom] && !old[n.CdNom] && !yield(n, nil) {
				return
			}
		}
	}, withdrawn)
	return err
}

// taxrefTables opens the names and the withdrawn codes a file holds; one may be nil.
func (l *refLoader) taxrefTables() (names, gone *refTable, err error) {
	entries := []string{""}
	if l.isZip {
		z, err := zip.NewReader(l.file, l.size)
		if err != nil {
			return nil, nil, fault.Say(fault.Invalid, "reference.file.zip", l.name).Because(err)
		}
		n, g := taxrefEntries(z)
		if n != "" || g != "" {
			entries = []string{n, g}
			l.ref.Version = cmp.Or(l.ref.Version, refVersion(filepath.Base(n)))
		}
	}
	for i, entry := range entries {
		if i > 0 && entry == "" || l.isZip && len(entries) > 1 && entry == "" {
			continue
		}
		t, err := l.open(entry)
		if err != nil {
			return nil, nil, err
		}
		switch t.shape {
		case shapeNames:
			names = t
		case shapeWithdrawn:
			gone = t
		default:
			return nil, nil, l.wrongKind(t)
		}
	}
	return names, gone, nil
}

// mergeName is what PutNames makes of a name it has and the same name of another file.
func mergeName(was, n taxon.Name) taxon.Name {
	for _, f := range [...]struct{ to, from *string }{{&n.ScientificName, &was.ScientificName}, {&n.Author, &was.Author}, {&n.FullName, &was.FullName},
		{&n.Vernacular, &was.Vernacular}, {&n.VernacularEN, &was.VernacularEN}, {&n.Kingdom, &was.Kingdom}, {&n.Phylum, &was.Phylum},
		{&n.Class, &was.Class}, {&n.Order, &was.Order}, {&n.Family, &was.Family}, {&n.Group1, &was.Group1}, {&n.Group2, &was.Group2},
		{&n.Group3, &was.Group3}, {&n.Habitat, &was.Habitat}, {&n.StatusFR, &was.StatusFR}} {
		*f.to = cmp.Or(*f.to, *f.from)
	}
	n.CdRef, n.Rank, n.Parent = cmp.Or(n.CdRef, was.CdRef), cmp.Or(n.Rank, was.Rank), cmp.Or(n.Parent, was.Parent)
	return n
}

// attach counts the statuses and the rules of each taxon, and what becomes of them.
func (d *differ) attach(rules []sensitivity.Rule, statuses iter.Seq2[taxon.Status, error]) {
	highest := func(t *taxon.Taxonomy) map[taxon.CdNom]sensitivity.Level {
		m := map[taxon.CdNom]sensitivity.Level{}
		for _, r := range sensitivity.ForTaxa(rules, t) {
			m[r.CdNom] = sensitivity.Stricter(m[r.CdNom], r.Level)
		}
		return m
	}
	d.levelBefore, d.levelAfter = highest(d.before), highest(d.after)
	d.rules, d.statuses = map[taxon.CdNom]int{}, map[taxon.CdRef]int{}
	count := func(a *AttachedDiff, cd taxon.CdNom) {
		a.Rows++
		was, ok := d.before.Resolve(cd)
		is, still := d.after.Resolve(cd)
		switch {
		case ok && !still:
			a.Lost++
		case ok && was.CdRef != is.CdRef:
			a.Moved++
		}
	}
	for _, r := range rules {
		d.rules[r.CdNom]++
		count(&d.out.Rules, r.CdNom)
	}
	for s, err := range statuses {
		if err != nil {
			d.err = err
			return
		}
		d.statuses[s.CdRef]++
		count(&d.out.Statuses, taxon.CdNom(s.CdRef))
	}
}

// countRows tells what becomes of the observations.
func (d *differ) countRows() {
	d.rows, d.taxa = map[taxon.CdNom]int{}, map[taxon.CdRef]int{}
	after := map[taxon.CdRef]int{}
	e := &d.out.Effect
	for _, c := range d.counts {
		e.Rows += c.Rows
		d.rows[c.CdNom] += c.Rows
		d.taxa[c.CdRef] += c.Rows
		m, ok := d.after.Resolve(c.CdNom)
		if !ok {
			m.CdRef = 0
		}
		after[m.CdRef] += c.Rows
		switch {
		case c.CdRef != 0 && m.CdRef == 0:
			e.Unmatched += c.Rows
		case c.CdRef == 0 && m.CdRef != 0:
			e.Matched += c.Rows
		case c.CdRef != m.CdRef:
			e.Moved += c.Rows
		}
	}
	refs := map[taxon.CdRef]bool{}
	for _, m := range []map[taxon.CdRef]int{d.taxa, after} {
		for ref := range m {
			refs[ref] = ref != 0
		}
	}
	e.Taxa = []TaxonEffect{}
	for ref, real := range refs {
		if b, a := d.taxa[ref], after[ref]; real && a != b {
			at := d.at(d.after, d.levelAfter, ref)
			if at.Name == "" {
				at = d.at(d.before, d.levelBefore, ref)
			}
			e.Taxa = append(e.Taxa, TaxonEffect{at, b, a})
		}
	}
	slices.SortFunc(e.Taxa, func(x, y TaxonEffect) int {
		return cmp.Or(cmp.Compare(abs(y.After-y.Before), abs(x.After-x.Before)), cmp.Compare(x.Taxon.CdRef, y.Taxon.CdRef))
	})
}

func abs(n int) int { return max(n, -n) }

func (d *differ) at(t *taxon.Taxonomy, levels map[taxon.CdNom]sensitivity.Level, ref taxon.CdRef) TaxonAt {
	n, ok := t.Valid(ref)
	if !ok {
		return TaxonAt{CdRef: ref}
	}
	at := TaxonAt{CdRef: ref, Name: n.FullName, Rank: n.Rank, Group: taxon.GroupOf(&n)}
	if l := levelOf(t, levels, ref); l > 0 {
		at.Level = l.String()
	}
	return at
}

func levelOf(t *taxon.Taxonomy, levels map[taxon.CdNom]sensitivity.Level, ref taxon.CdRef) (l sensitivity.Level) {
	for _, cd := range t.Lineage(taxon.CdNom(ref)) {
		l = sensitivity.Stricter(l, levels[cd])
	}
	return l
}

// names compares the names themselves.
func (d *differ) names(withdrawn []taxon.Withdrawn) {
	c := taxon.Compare(d.before, d.after)
	out := d.out
	out.NamesBefore, out.NamesAfter = d.before.Len(), d.after.Len()
	out.Added, out.Removed, out.Unreplaced = len(c.Added), len(c.Removed), len(c.Lost)
	out.Changes, out.Taxa, out.Lost = map[string]int{}, []TaxonChange{}, []LostName{}
	for _, x := range c.Changes {
		kind := x.Kind.String()
		out.Changes[kind]++
		t := TaxonChange{Kind: kind, From: d.all(d.before, d.levelBefore, x.From), To: d.all(d.after, d.levelAfter, x.To)}
		for _, ref := range x.From {
			t.Observations += d.taxa[ref]
			t.Statuses += d.statuses[ref]
			t.Rules += d.rules[taxon.CdNom(ref)]
			for _, s := range d.before.Synonyms(ref) {
				t.Rules += d.rules[s]
			}
		}
		out.Taxa = append(out.Taxa, t)
	}
	reasons := map[taxon.CdNom]string{}
	for _, w := range withdrawn {
		reasons[w.CdNom] = w.Reason
	}
	for _, cd := range c.Lost {
		n, _ := d.before.Name(cd)
		out.Lost = append(out.Lost, LostName{CdNom: cd, Name: n.FullName, Reason: reasons[cd], Split: d.after.Split(cd),
			Observations: d.rows[cd], Rules: d.rules[cd]})
	}
	slices.SortStableFunc(out.Taxa, func(x, y TaxonChange) int { return cmp.Compare(y.Observations, x.Observations) })
	slices.SortStableFunc(out.Lost, func(x, y LostName) int { return cmp.Compare(y.Observations, x.Observations) })
}

func (d *differ) all(t *taxon.Taxonomy, levels map[taxon.CdNom]sensitivity.Level, refs []taxon.CdRef) []TaxonAt {
	out := make([]TaxonAt, 0, len(refs))
	for _, ref := range refs {
		out = append(out, d.at(t, levels, ref))
	}
	return out
}

// sheetOf is the taxon whose sheet an observation is read on: its species, or itself above.
func sheetOf(t *taxon.Taxonomy, cd taxon.CdNom) taxon.CdRef {
	m, ok := t.Resolve(cd)
	if !ok {
		return 0
	}
	if s, ok := t.SpeciesOf(m.CdRef); ok {
		return s
	}
	return m.CdRef
}

// sheets tells what becomes of the sheets of the public atlas that observations are read on.
func (d *differ) sheets() {
	to, from := map[taxon.CdRef][]taxon.CdRef{}, map[taxon.CdRef][]taxon.CdRef{}
	rows := map[taxon.CdRef]int{}
	for _, c := range d.counts {
		n, was := c.Shown, taxon.CdRef(0)
		if c.CdRef != 0 {
			was = sheetOf(d.before, c.CdNom)
		} else {
			n = c.Rows
		}
		is := sheetOf(d.after, c.CdNom)
		if n == 0 || was == 0 && is == 0 {
			continue
		}
		rows[was] += n
		if !slices.Contains(to[was], is) {
			to[was], from[is] = append(to[was], is), append(from[is], was)
		}
	}
	d.out.Sheets, d.out.Public = map[string]int{}, []SheetChange{}
	tell := func(kind string, a, b []taxon.CdRef, n int) {
		d.out.Sheets[kind]++
		d.out.Public = append(d.out.Public, SheetChange{kind, d.all(d.before, d.levelBefore, a), d.all(d.after, d.levelAfter, b), n})
	}
	for was, all := range to {
		now := slices.DeleteFunc(slices.Clone(all), func(r taxon.CdRef) bool { return r == 0 })
		slices.Sort(now)
		old := []taxon.CdRef{was}
		switch {
		case was == 0:
			continue
		case len(now) == 0:
			tell("gone", old, nil, rows[was])
		case len(now) > 1:
			tell("split", old, now, rows[was])
		case now[0] != was && len(from[now[0]]) == 1:
			tell("recoded", old, now, rows[was])
		}
		a, b := d.at(d.before, d.levelBefore, was), d.at(d.after, d.levelAfter, was)
		if slices.Contains(now, was) {
			for kind, other := range map[string]bool{"renamed": a.Name != b.Name, "rank": a.Rank != b.Rank, "level": a.Level != b.Level} {
				if other {
					tell(kind, old, old, rows[was])
				}
			}
		}
	}
	for is, all := range from {
		old := slices.DeleteFunc(slices.Clone(all), func(r taxon.CdRef) bool { return r == 0 })
		slices.Sort(old)
		n := 0
		for _, r := range old {
			n += rows[r]
		}
		switch {
		case is == 0:
		case len(old) == 0:
			tell("new", nil, []taxon.CdRef{is}, 0)
		case len(old) > 1:
			tell("merged", old, []taxon.CdRef{is}, n)
		}
	}
	slices.SortFunc(d.out.Public, func(x, y SheetChange) int {
		return cmp.Or(cmp.Compare(y.Observations, x.Observations), cmp.Compare(x.Kind, y.Kind), cmp.Compare(first(x.From), first(y.From)), cmp.Compare(first(x.To), first(y.To)))
	})
}

func first(list []TaxonAt) taxon.CdRef {
	if len(list) == 0 {
		return 0
	}
	return list[0].CdRef
}
