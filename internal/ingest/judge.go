package ingest

import (
	"cmp"
	"context"
	"encoding/hex"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"garrigue/internal/dataset"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// judge gives an observation the level that a person decided for it, if one did. Like a choice
// of diffusion it is found by the dataset, so by the writer.
func (im *Importer) judge(o *observation.Observation, set *dataset.Dataset) {
	if im.judged.Empty() {
		return
	}
	for _, name := range [...]string{set.UUID, set.Name} { // the name, for what was decided before its identifier was known
		if d := im.judged.Of(name)[o.SourceKey]; d != nil {
			im.judgedAs(o, d)
			return
		}
	}
}

func (im *Importer) judgedAs(o *observation.Observation, d *sensitivity.Decision) {
	ref := d.CdRef
	if m, ok := im.taxa.Resolve(taxon.CdNom(d.CdRef)); ok {
		ref = m.CdRef
	}
	r, manual := d.Judged(sensitivity.Result{Level: o.Sensitivity, List: o.SensList, Review: o.Review}, ref == o.CdRef)
	o.Sensitivity, o.SensList, o.Review, o.Manual = r.Level, r.List, r.Review, manual
}

// judgedByID finds the observations that people decided about.
func (im *Importer) judgedByID(ctx context.Context, sets map[dataset.ID]dataset.Dataset) (map[int64]*sensitivity.Decision, error) {
	if im.judged.Empty() {
		return nil, nil
	}
	var keys []vault.Key
	var of []*sensitivity.Decision
	for id, set := range sets {
		for _, name := range [...]string{set.Name, set.UUID} { // the identifier last: it wins
			if name == "" {
				continue
			}
			for key, d := range im.judged.Of(name) {
				keys, of = append(keys, vault.Key{Dataset: id, SourceKey: key}), append(of, d)
			}
		}
	}
	ids, err := im.db.IDs(ctx, keys)
	if err != nil {
		return nil, err
	}
	out := make(map[int64]*sensitivity.Decision, len(ids))
	for i, id := range ids {
		if id != 0 {
			out[id] = of[i]
		}
	}
	return out, nil
}

// Judge keeps the queue of what the lists leave to people, and what they decide.
type Judge struct {
	im   *Importer
	sets map[dataset.ID]dataset.Dataset
}

// NewJudge reads the references of the vault.
func NewJudge(ctx context.Context, db *vault.DB, s Settings) (*Judge, error) {
	im, err := NewImporter(ctx, db, s)
	if err != nil {
		return nil, err
	}
	sets, err := im.datasetsByID(ctx)
	return &Judge{im, sets}, err
}

// Case is what one person can judge at once: the observations of one taxon whose level rests on the same
// condition of the same list. Nothing in it is finer than the department.
type Case struct {
	ID         string      `json:"id"` // made of what follows, the same as long as the lists are
	CdRef      taxon.CdRef `json:"cd_ref"`
	Taxon      string      `json:"taxon"`
	Vernacular string      `json:"vernacular,omitempty"`
	List       string      `json:"list,omitempty"`
	Level      string      `json:"level"` // in force meanwhile
	// Condition is in the words of the list, or an attribute that observations do not give. "" when a
	// decision was taken about another taxon than the observation is of now.
	Condition   string   `json:"condition"`
	Rows        int      `json:"rows"`
	Departments []string `json:"departments"`
	From        int      `json:"from,omitempty"` // years
	To          int      `json:"to,omitempty"`
}

// CaseFilter chooses cases; a zero value asks for nothing.
type CaseFilter struct {
	ID   string
	List string
	CD   taxon.CdNom // a taxon or one above
}

func (f CaseFilter) takes(c *Case, lineage []taxon.CdNom) bool {
	return (f.ID == "" || f.ID == c.ID) && (f.List == "" || f.List == c.List) && (f.CD == 0 || slices.Contains(lineage, f.CD))
}

// Pending lists the cases that wait for a person, those of most observations first. What somebody has
// decided since the last classing is left out.
func (j *Judge) Pending(ctx context.Context, f CaseFilter) (list []Case, err error) {
	defer fault.Wrap(&err, "ingest.Pending")
	cases := map[string]*Case{}
	err = j.each(ctx, f, func(c *Case, o *observation.Observation) error {
		known := cases[c.ID]
		if known == nil {
			named := *c
			n, _ := j.im.taxa.Name(taxon.CdNom(o.CdRef))
			named.Taxon, named.Vernacular, named.Departments = n.ScientificName, n.Vernacular, []string{}
			known = &named
			cases[c.ID] = known
		}
		known.Rows++
		for _, d := range j.im.places.departmentsOf(&o.Place) {
			if !slices.Contains(known.Departments, d) {
				known.Departments = append(known.Departments, d)
			}
		}
		if y := o.When.Start.Year(); o.When.Start != 0 {
			if known.From == 0 || y < known.From {
				known.From = y
			}
			known.To = max(known.To, y)
		}
		return nil
	})
	for _, c := range cases {
		slices.Sort(c.Departments)
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b Case) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Taxon, b.Taxon), cmp.Compare(a.ID, b.ID))
	})
	return list, err
}

// each calls f with each observation of the queue that a filter takes, and its case, without names.
func (j *Judge) each(ctx context.Context, filter CaseFilter, f func(c *Case, o *observation.Observation) error) error {
	judged, err := j.im.judgedByID(ctx, j.sets)
	if err != nil {
		return err
	}
	grant := disclosure.Grant{Who: "ingest", Reason: "listing the observations whose sensitivity a person has to judge"}
	return j.im.db.ToReview(ctx, grant, func(o *observation.Observation) error {
		lineage := j.im.taxa.Lineage(taxon.CdNom(o.CdRef))
		c := Case{CdRef: o.CdRef, List: o.SensList, Level: o.Sensitivity.String()}
		if d := judged[o.ID]; d != nil {
			if j.im.judgedAs(o, d); !o.Review {
				return nil
			}
		} else {
			facts := j.im.facts(o)
			if o.CdNom == 0 { // known by its name
				facts.Lineage = lineage
			}
			if c.Condition = j.im.book.Doubt(facts); c.Condition == "" {
				return nil // the lists ask no more: the next classing will say so
			}
		}
		c.ID = caseID(&c)
		if !filter.takes(&c, lineage) {
			return nil
		}
		return f(&c, o)
	})
}

func caseID(c *Case) string {
	h := fnv.New32a()
	for _, part := range [...]string{itoa(int(c.CdRef)), c.List, c.Level, c.Condition} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Doubtful is one observation of a case, as far as a list of them may tell: no name, nothing finer than
// the commune.
type Doubtful struct {
	ID        int64  `json:"id"` // the vault's number, for decide and history
	Case      string `json:"case"`
	Date      string `json:"date"`
	Commune   string `json:"commune,omitempty"`
	Dataset   string `json:"dataset"`
	BioStatus string `json:"occStatutBiologique,omitempty"`
	Behaviour string `json:"occComportement,omitempty"`
	LifeStage string `json:"occStadeDeVie,omitempty"`
}

// Observations lists what the cases that a filter takes are about, at most limit (0: all).
func (j *Judge) Observations(ctx context.Context, f CaseFilter, limit int) (list []Doubtful, err error) {
	defer fault.Wrap(&err, "ingest.Observations")
	err = j.each(ctx, f, func(c *Case, o *observation.Observation) error {
		if limit > 0 && len(list) == limit {
			return nil
		}
		d := Doubtful{ID: o.ID, Case: c.ID, Date: o.When.Start.String(), BioStatus: o.BioStatus, Behaviour: o.Behaviour, LifeStage: o.LifeStage}
		if i, ok := j.im.places.numbers[o.Place.Commune]; ok && o.Place.Commune != 0 {
			d.Commune = j.im.places.communes[i].Name + " (" + o.Place.Commune.Code() + ")"
		}
		set := j.sets[o.Dataset]
		d.Dataset = set.Name
		list = append(list, d)
		return nil
	})
	return list, err
}

// Verdict is what a person decides, and about what: observations by their numbers or permanent
// identifiers, or all that wait in the cases a filter takes.
type Verdict struct {
	Level  sensitivity.Level
	By     string
	Reason string
	Names  []string
	Cases  CaseFilter
}

// Decided is what was recorded.
type Decided struct {
	Act  int64   `json:"act"`
	Rows int     `json:"rows"`
	IDs  []int64 `json:"-"`
}

// Decide records a verdict, without waiting for an import; Apply or the next publication classes
// accordingly. NotFound when it is about nothing.
func (j *Judge) Decide(ctx context.Context, v Verdict) (d Decided, err error) {
	defer fault.Wrap(&err, "ingest.Decide")
	for _, name := range v.Names {
		ids, err := j.im.db.Find(ctx, name)
		if err != nil {
			return d, err
		}
		d.IDs = append(d.IDs, ids...)
	}
	if len(v.Names) == 0 {
		if v.Cases == (CaseFilter{}) {
			return d, fault.Say(fault.Invalid, "sensitivity.what")
		}
		if err := j.each(ctx, v.Cases, func(_ *Case, o *observation.Observation) error {
			d.IDs = append(d.IDs, o.ID)
			return nil
		}); err != nil {
			return d, err
		}
	}
	var list []sensitivity.Decision
	now := time.Now().UTC().Truncate(time.Millisecond)
	grant := disclosure.Grant{Who: v.By, Reason: "sensitivity decided by a person"}
	if err := j.im.db.ByID(ctx, grant, d.IDs, func(o *observation.Observation) error {
		set := j.sets[o.Dataset]
		list = append(list, sensitivity.Decision{Dataset: cmp.Or(set.UUID, set.Name), SourceKey: strings.Clone(o.SourceKey), IDSinp: o.IDSinp.String(),
			CdRef: o.CdRef, Level: v.Level, By: v.By, At: now, Reason: v.Reason})
		return nil
	}); err != nil {
		return d, err
	}
	d.Rows = len(list)
	d.Act, err = j.im.db.PutJudgements(ctx, list)
	return d, err
}

// Undo takes an act back, and returns the observations it was about, to be classed again.
func (j *Judge) Undo(ctx context.Context, act int64, by string) (d Decided, err error) {
	defer fault.Wrap(&err, "ingest.Undo")
	taken, err := j.im.db.Judgements(ctx)
	if err != nil {
		return d, err
	}
	var keys []vault.Key
	for _, t := range taken {
		if t.Act != act || !t.Undone.IsZero() {
			continue
		}
		for id, set := range j.sets {
			if t.Dataset == cmp.Or(set.UUID, set.Name) || t.Dataset == set.Name {
				keys = append(keys, vault.Key{Dataset: id, SourceKey: t.SourceKey})
			}
		}
	}
	d.Act = act
	if d.Rows, err = j.im.db.UndoJudgements(ctx, act, by); err != nil {
		return d, err
	}
	ids, err := j.im.db.IDs(ctx, keys)
	d.IDs = slices.DeleteFunc(ids, func(id int64) bool { return id == 0 })
	return d, err
}

// Rejudge classes some observations again, after a person decided about them. It returns how many
// changed.
func Rejudge(ctx context.Context, db *vault.DB, s Settings, ids []int64) (changed int, err error) {
	defer fault.Wrap(&err, "ingest.Rejudge")
	im, err := NewImporter(ctx, db, s)
	if err != nil {
		return 0, err
	}
	grant := disclosure.Grant{Who: "ingest", Reason: "classing again what a person decided about"}
	return db.Reclass(ctx, im.classing(ctx, nil, func(*observation.Observation) bool { return true }, func(f func(*observation.Observation) error) error {
		return db.ByID(ctx, grant, ids, f)
	}))
}
