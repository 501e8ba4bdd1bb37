package sensitivity

import (
	"time"

	"garrigue/internal/taxon"
)

// Decision is the level that a person gave one observation. No rule, list or import changes it;
// what concerns the observation's companions still does (twins, groupings), and what its
// producer states.
type Decision struct {
	ID int64 `json:"id"`
	// Act numbers what was decided in one go, to be undone in one go.
	Act int64 `json:"act"`
	// Dataset is the dataset's permanent identifier, its name when it has none.
	Dataset   string `json:"dataset"`
	SourceKey string `json:"source_key"`
	IDSinp    string `json:"id_sinp,omitempty"`
	// CdRef is the taxon the observation was of: of another, it is to be judged again.
	CdRef  taxon.CdRef `json:"cd_ref"`
	Level  Level       `json:"-"`
	By     string      `json:"by"`
	At     time.Time   `json:"at"`
	Reason string      `json:"reason"`
	// Undone is when the decision was taken back, zero while it is in force.
	Undone   time.Time `json:"undone,omitzero"`
	UndoneBy string    `json:"undone_by,omitempty"`
}

// Decisions are those in force, found by observation.
type Decisions struct {
	of map[string]map[string]*Decision // by dataset and key
}

// NewDecisions keeps, of decisions in the order they were taken, the last of each observation that was
// not taken back.
func NewDecisions(taken []Decision) *Decisions {
	d := &Decisions{of: map[string]map[string]*Decision{}}
	for i := range taken {
		t := &taken[i]
		if !t.Undone.IsZero() {
			continue
		}
		if d.of[t.Dataset] == nil {
			d.of[t.Dataset] = map[string]*Decision{}
		}
		d.of[t.Dataset][t.SourceKey] = t
	}
	return d
}

// Empty reports whether no decision is in force.
func (d *Decisions) Empty() bool { return d == nil || len(d.of) == 0 }

// Of returns the decisions about observations of a dataset, by their keys.
func (d *Decisions) Of(dataset string) map[string]*Decision {
	if d == nil {
		return nil
	}
	return d.of[dataset]
}

// Judged returns what becomes of a computed level once a person decided. same tells that the
// observation is still of the taxon that was judged; of another, the stricter of both levels holds
// and it is to be judged again.
func (d *Decision) Judged(computed Result, same bool) (r Result, manual bool) {
	if same {
		return Result{Level: d.Level}, true
	}
	if Stricter(d.Level, computed.Level) != computed.Level {
		computed = Result{Level: d.Level}
	}
	computed.Review = true
	return computed, false
}
