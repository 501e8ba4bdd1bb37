package ingest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"garrigue/internal/dataset"
	"garrigue/internal/fault"
	"garrigue/internal/naming"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// PendingName is a name that observations wait for a person to settle.
type PendingName struct {
	Name       string             `json:"name"` // as cited, "cd_nom 123" for a code without a name
	CdNom      taxon.CdNom        `json:"cd_nom,omitempty"`
	Rows       int                `json:"rows"`
	Outcome    string             `json:"outcome"` // ambiguous, unknown, or matched once classed again
	Datasets   []string           `json:"datasets"`
	Candidates []naming.Candidate `json:"candidates"`
}

// Namer answers questions about names with what the vault holds.
type Namer struct {
	db    *vault.DB
	taxa  *taxon.Taxonomy
	names *naming.Resolver
}

// NewNamer reads TAXREF and the decisions of the vault.
func NewNamer(ctx context.Context, db *vault.DB) (_ *Namer, err error) {
	defer fault.Wrap(&err, "ingest.NewNamer")
	withdrawn, err := collect(db.Withdrawn(ctx))
	if err != nil {
		return nil, err
	}
	n := &Namer{db: db}
	if n.taxa, err = taxon.NewTaxonomy(db.Names(ctx), withdrawn); err != nil {
		return nil, err
	}
	n.names, err = newNames(ctx, db, n.taxa, true)
	return n, err
}

// Resolve tells what a name leads to, and how.
func (n *Namer) Resolve(g naming.Given) *naming.Answer { return n.names.Resolve(g) }

// Name returns a name of TAXREF.
func (n *Namer) Name(cd taxon.CdNom) taxon.Name {
	w, _ := n.taxa.Name(cd)
	return w
}

// Pending lists the names that held observations wait for, those of most observations first.
// What was decided to be no taxon is not among them.
func (n *Namer) Pending(ctx context.Context) (_ []PendingName, err error) {
	defer fault.Wrap(&err, "ingest.Pending")
	counted, err := n.db.UnmatchedNames(ctx)
	if err != nil {
		return nil, err
	}
	sets, err := n.db.Datasets(ctx)
	if err != nil {
		return nil, err
	}
	sources, err := n.db.DatasetSources(ctx)
	if err != nil {
		return nil, err
	}
	byID := map[dataset.ID]dataset.Dataset{}
	for _, d := range sets {
		byID[d.ID] = d
	}
	type key struct {
		name string
		code taxon.CdNom
	}
	at := map[key]int{}
	list := []PendingName{}
	for _, u := range counted {
		d := byID[u.Dataset]
		a := n.names.Resolve(naming.Given{Code: u.CdNom, Cited: u.Cited, Source: sources[u.Dataset], Dataset: scope(d.UUID, d.Name)})
		if a.Outcome == naming.NotTaxon {
			continue
		}
		k := key{naming.Key(u.Cited, u.CdNom), u.CdNom}
		i, ok := at[k]
		if !ok {
			i = len(list)
			at[k] = i
			list = append(list, PendingName{Name: cmp.Or(strings.TrimSpace(u.Cited), k.name), CdNom: u.CdNom, Outcome: a.Outcome.String(),
				Candidates: append([]naming.Candidate{}, a.Candidates...)})
		}
		list[i].Rows += u.Rows
		if !slices.Contains(list[i].Datasets, d.Name) {
			list[i].Datasets = append(list[i].Datasets, d.Name)
		}
	}
	slices.SortStableFunc(list, func(a, b PendingName) int { return cmp.Compare(b.Rows, a.Rows) })
	return list, nil
}

// Settle records a decision, completed with the version of TAXREF and the time. Its CdNom must
// be one TAXREF knows, its dataset one of the vault, by name or UUID: Invalid and NotFound
// otherwise. Observations already held follow with Rename.
func (n *Namer) Settle(ctx context.Context, d naming.Decision) (_ naming.Decision, err error) {
	defer fault.Wrap(&err, "ingest.Settle")
	if d.CdNom != 0 {
		m, ok := n.taxa.Resolve(d.CdNom)
		if !ok {
			return d, fault.Say(fault.Invalid, "taxon.unknown_code", itoa(int(d.CdNom)))
		}
		d.CdNom = m.CdNom
	}
	if code, ok := integer(d.Cited); ok && code > 0 && code <= 1<<31-1 {
		d.Cited = naming.Key("", taxon.CdNom(code))
	}
	if d.Dataset != "" {
		if d.Dataset, err = n.dataset(ctx, d.Dataset); err != nil {
			return d, err
		}
	}
	refs, err := n.db.References(ctx)
	if err != nil {
		return d, err
	}
	for _, r := range refs {
		if r.Kind == refTaxref && r.Current && r.Version != "" {
			d.Taxref = r.Version
			break
		}
	}
	if d.At.IsZero() {
		d.At = time.Now()
	}
	return d, n.db.PutDecision(ctx, d)
}

func (n *Namer) dataset(ctx context.Context, name string) (string, error) {
	list, err := n.db.Datasets(ctx)
	if err != nil {
		return "", err
	}
	for _, d := range list {
		if strings.EqualFold(d.UUID, name) || d.Name == name {
			return scope(d.UUID, d.Name), nil
		}
	}
	return "", fault.Say(fault.NotFound, "taxon.unknown_dataset", name)
}
