package naming

import (
	"strconv"
	"time"

	"garrigue/internal/taxon"
)

// Decision is what a person decided once about a name: the taxon it stands for, or that it
// names none. It holds for one dataset, for one source, or everywhere.
type Decision struct {
	Cited   string      `json:"cited"` // as it was written to the person
	Source  string      `json:"source,omitempty"`
	Dataset string      `json:"dataset,omitempty"`
	CdNom   taxon.CdNom `json:"cd_nom,omitempty"` // 0: not a taxon
	By      string      `json:"by"`
	At      time.Time   `json:"at"`
	Reason  string      `json:"reason,omitempty"`
	Taxref  string      `json:"taxref,omitempty"` // version it was taken with
	Revoked bool        `json:"revoked,omitempty"`
}

// Key is how names are compared for decisions: folded; a code without a name is written
// "cd_nom 123".
func Key(cited string, code taxon.CdNom) string {
	if k := taxon.Fold(cited); k != "" {
		return k
	}
	if code != 0 {
		return "cd_nom " + strconv.Itoa(int(code))
	}
	return ""
}

// Decisions are those in force, found by name.
type Decisions struct {
	byKey  map[decisionKey]*Decision
	scoped bool // some decision is of one source or dataset
}

type decisionKey struct{ name, source, dataset string }

// NewDecisions keeps, of decisions in the order they were taken, the last of each name and
// scope; one that was revoked is in force no more.
func NewDecisions(taken []Decision) *Decisions {
	d := &Decisions{byKey: make(map[decisionKey]*Decision, len(taken))}
	for i := range taken {
		t := &taken[i]
		k := decisionKey{taxon.Fold(t.Cited), t.Source, t.Dataset}
		if t.Revoked {
			delete(d.byKey, k)
			continue
		}
		d.byKey[k] = t
		d.scoped = d.scoped || t.Source != "" || t.Dataset != ""
	}
	return d
}

// Find returns the decision about a name: that of the dataset, else of the source, else the
// general one. Nil when nobody decided.
func (d *Decisions) Find(key, source, dataset string) *Decision {
	if d == nil || key == "" || len(d.byKey) == 0 {
		return nil
	}
	for _, k := range [...]decisionKey{{key, source, dataset}, {key, "", dataset}, {key, source, ""}, {key, "", ""}} {
		if t, ok := d.byKey[k]; ok {
			return t
		}
	}
	return nil
}

// decided answers from the decision about one of the names given.
func (r *Resolver) decided(g *Given) (Answer, bool) {
	for _, key := range [...]string{Key(g.Cited, 0), Key(g.Scientific, 0), Key("", g.Code)} {
		d := r.decisions.Find(key, g.Source, g.Dataset)
		if d == nil {
			continue
		}
		if d.CdNom == 0 {
			return Answer{Outcome: NotTaxon, How: ByDecision, Decision: d}, true
		}
		// A decision whose code was withdrawn follows what replaces it; if nothing does, the
		// name is to be settled again.
		if m, ok := r.taxa.Resolve(d.CdNom); ok {
			return Answer{Outcome: Matched, How: ByDecision, CdNom: m.CdNom, CdRef: m.CdRef, Decision: d}, true
		}
	}
	return Answer{}, false
}
