package atlas

// Rules is the policy in force as anyone may read it: what the page "who sees what" is made
// from. Everything in it is public; kinds bear the names of geo.Kind ("commune", "cell10"…).
type Rules struct {
	Version string `json:"version"`
	Since   string `json:"since,omitempty"` // ISO date of effect, "" when it has none
	Mesh    string `json:"mesh"`            // kind of cells of ordinary observations
	// Kinds are the mean surfaces on the territory of the kinds that the policy uses, smallest
	// first: what "coarser" means here.
	Kinds  []RuleKind  `json:"kinds"`
	Levels []RuleLevel `json:"levels"` // those of every list first, then by list; from the least strict
	Lists  []RuleList  `json:"lists"`  // those in force, the national ones first
	// Dates is how finely a blurred observation is dated: "day", "month" or "year".
	Dates string `json:"dates"`
	// Batch is how often what is shown of blurred observations changes.
	Batch RuleBatch `json:"batch"`
}

// RuleKind is a kind of areas with the mean surface it has on the territory.
type RuleKind struct {
	Kind    string  `json:"kind"`
	Surface float64 `json:"surface_m2"`
}

// RuleLevel tells at which kinds of areas a level is shown: the first that fits the record.
type RuleLevel struct {
	List  string   `json:"list,omitempty"` // "" for every list that does not say otherwise
	Code  string   `json:"code"`           // "1", "2.4"…
	Kinds []string `json:"kinds"`          // preferred first; none: nothing is shown
}

// RuleList is a reference list of sensitive taxa in force.
type RuleList struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Version  string `json:"version,omitempty"`
	Citation string `json:"citation,omitempty"`
	// Region is the INSEE code of the region that adopted it, "" for a national list, "-" for
	// one that adds to the others.
	Region string `json:"region,omitempty"`
	// Departments are those of the territory where it applies, by code.
	Departments []string `json:"departments"`
	// Taxa is the number of names that it has a rule for, but of level 0.
	Taxa int `json:"taxa"`
}

// RuleBatch is the rhythm at which blurred observations change in public.
type RuleBatch struct {
	Every   string `json:"every"`   // "day": as everything else; "week", "month"
	Minimum int    `json:"minimum"` // changes to wait for, 0: none
}
