package atlas

import (
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

// The sheets are what pages and the API are made from. publish computes them once, stores
// them as JSON beside the cube, and a page is one read of one of them. JSON names are
// short where there are thousands; the open API has its own, stable names.

// TaxonHead is what a list, a suggestion or a card needs of a taxon.
type TaxonHead struct {
	CdRef          taxon.CdRef `json:"cd_ref"`
	Rank           taxon.Rank  `json:"rank"`
	ScientificName string      `json:"sci"`
	Author         string      `json:"author,omitempty"`
	Vernacular     string      `json:"fr,omitempty"` // the first French name, sentence case, without "(Le)"
	VernacularEN   string      `json:"en,omitempty"`
	Group          string      `json:"group"` // slug of the public group, see taxon.Groups
	Observations   int         `json:"n"`
	FirstYear      int         `json:"first"`
	LastYear       int         `json:"last"`
	RedList        string      `json:"rl,omitempty"`   // category shown as a badge (LRR > LRN > LRE > LRM)
	RedListOf      string      `json:"rlof,omitempty"` // its type: LRR, LRN…
	Protected      bool        `json:"prot,omitempty"`
	Threatened     bool        `json:"threat,omitempty"` // VU, EN, CR
	Sensitive      bool        `json:"sens,omitempty"`   // some rule of the loaded lists names it
	TenDays        [36]int     `json:"td"`               // observations per ten-day period, dated to the day
}

// Name returns the name to show first: French when there is one, else scientific.
func (t *TaxonHead) Name() string {
	if t.Vernacular != "" {
		return t.Vernacular
	}
	return t.ScientificName
}

// Crumb is one step of a classification or a link to a related taxon.
type Crumb struct {
	CdRef        taxon.CdRef `json:"cd_ref,omitempty"` // 0: TAXREF as loaded has no code for it
	Rank         taxon.Rank  `json:"rank"`
	Name         string      `json:"name"`
	Vernacular   string      `json:"fr,omitempty"`
	Observations int         `json:"n,omitempty"`
}

// StatusRow is one status as shown.
type StatusRow struct {
	Type      string `json:"type"`
	TypeLabel string `json:"label"`
	Code      string `json:"code,omitempty"`
	Value     string `json:"value,omitempty"` // label of the code
	Territory string `json:"where,omitempty"`
	Remark    string `json:"remark,omitempty"`
	Citation  string `json:"citation,omitempty"`
	URL       string `json:"url,omitempty"`
}

// Count is a number of observations of something named, with its years.
type Count struct {
	Name  string `json:"name"`
	Code  string `json:"code,omitempty"`
	N     int    `json:"n"`
	First int    `json:"first,omitempty"`
	Last  int    `json:"last,omitempty"`
}

// AreaCount is a number of observations in an area.
type AreaCount struct {
	Area  geo.AreaKey `json:"a"`
	Name  string      `json:"name,omitempty"`
	N     int         `json:"n"`
	First int         `json:"f"`
	Last  int         `json:"l"`
	// Reasons is set on areas that are disclosed areas of blurred observations: why they
	// are drawn coarser (disclosure.Reason bits).
	Reasons uint8 `json:"r,omitempty"`
	// Why counts, of these observations, those that each bit of Reasons stands for; read from the
	// packed figures.
	Why [4]int32 `json:"-"`
	// Taxa is the number of species, on maps of richness and lists of areas.
	Taxa int `json:"t,omitempty"`
}

// YearCount is a number of observations in a year.
type YearCount struct {
	Year int `json:"y"`
	N    int `json:"n"`
}

// AltitudeClass counts observations whose altitude lies in [From, To).
type AltitudeClass struct {
	From int `json:"from"`
	To   int `json:"to"`
	N    int `json:"n"`
	All  int `json:"all"` // observations of every taxon in that class, for comparison
}

// TaxonSheet is everything the page of a taxon shows.
type TaxonSheet struct {
	TaxonHead
	Vernaculars    []string    `json:"vernaculars,omitempty"`
	VernacularsEN  []string    `json:"vernaculars_en,omitempty"`
	Synonyms       []string    `json:"synonyms,omitempty"`
	Classification []Crumb     `json:"classification"` // from the kingdom down to the parent
	Children       []Crumb     `json:"children,omitempty"`
	Habitat        string      `json:"habitat,omitempty"`
	StatusFR       string      `json:"status_fr,omitempty"`
	Statuses       []StatusRow `json:"statuses,omitempty"`

	Months   [12]int         `json:"months"`   // dated to the month or finer
	Undated  int             `json:"undated"`  // known only to the year or longer
	LastDate string          `json:"lastdate"` // of the latest observation: ISO date, or month (2024-05); "" when only its year is known
	Years    []YearCount     `json:"years"`
	Altitude []AltitudeClass `json:"altitudes,omitempty"`
	AltKnown int             `json:"altknown"`

	Cells         []AreaCount `json:"cells"`            // mesh cells: ordinary observations
	Coarse        []AreaCount `json:"coarse,omitempty"` // disclosed areas of blurred observations
	Blurred       int         `json:"blurred"`          // observations in Coarse
	Departments   []AreaCount `json:"departments"`
	CommuneCount  int         `json:"communecount"`
	Communes      []AreaCount `json:"communes"` // the 20 richest; the rest through TaxonAreas
	Organisations []Count     `json:"organisations"`
	Species       int         `json:"species,omitempty"` // species below, for higher ranks
	Lists         []Listing   `json:"lists,omitempty"`   // what lists of sensitive taxa ask for it
}

// GroupCount is a public group with its figures.
type GroupCount struct {
	Slug         string `json:"slug"`
	Taxa         int    `json:"taxa"` // species
	Observations int    `json:"n"`
	Protected    int    `json:"prot,omitempty"`
	Mean         int    `json:"mean,omitempty"` // mean number of species in areas of the same kind
}

// AreaSheet is everything the page of a commune, department or cell shows but its list.
type AreaSheet struct {
	Area          geo.AreaKey  `json:"a"`
	Name          string       `json:"name"`
	Parent        geo.AreaKey  `json:"parent,omitempty"`
	ParentName    string       `json:"parentname,omitempty"`
	Surface       float64      `json:"surface"` // m²
	Bound         [4]float64   `json:"bound"`   // west, south, east, north
	Observations  int          `json:"n"`
	Taxa          int          `json:"taxa"` // species
	Protected     int          `json:"prot"`
	Threatened    int          `json:"threat"`
	FirstYear     int          `json:"first"`
	LastYear      int          `json:"last"`
	Groups        []GroupCount `json:"groups"`
	Cells         []AreaCount  `json:"cells,omitempty"` // mesh cells meeting the area: richness of the whole cell
	Neighbours    []AreaCount  `json:"neighbours,omitempty"`
	Recent        []TaxonHead  `json:"recent,omitempty"` // first seen here most recently
	Years         []YearCount  `json:"years"`
	Organisations []Count      `json:"organisations"`
}

// TaxonRow is one line of a species list of an area, a group or a higher taxon: the figures
// are those of that place.
type TaxonRow struct {
	TaxonHead
}

// HomeSheet is everything the first page shows.
type HomeSheet struct {
	Season [36][]TaxonHead `json:"season"` // for each ten-day period, what is typically seen then
	Groups []GroupCount    `json:"groups"`
	Latest []Latest        `json:"latest"`
	New    []Latest        `json:"new"`   // taxa first recorded most recently
	Cells  []AreaCount     `json:"cells"` // richness per mesh cell
	Years  []YearCount     `json:"years"`
}

// Latest is a recent observation as the public sees it.
type Latest struct {
	TaxonHead
	Date  string      `json:"date"`
	Area  geo.AreaKey `json:"a"`
	Place string      `json:"place"` // name of the area shown (commune when ordinary)
}

// Meta describes a snapshot.
type Meta struct {
	ID            string     `json:"id"`    // also the ETag of everything made from it
	Built         string     `json:"built"` // RFC 3339, UTC
	Format        int        `json:"format"`
	Title         string     `json:"title"`
	Territory     string     `json:"territory"` // "Occitanie"
	Publisher     string     `json:"publisher"`
	Licence       string     `json:"licence"`
	Fictional     bool       `json:"fictional"` // a demo: every page says so
	Mesh          geo.Kind   `json:"mesh"`
	Bound         [4]float64 `json:"bound"`  // of the territory: west, south, east, north
	Taxref        string     `json:"taxref"` // version loaded
	Policy        string     `json:"policy"`
	Levels        [][]string `json:"levels,omitempty"` // kinds showing the sensitive levels 1 to 3, preferred first; none in older snapshots
	Rules         *Rules     `json:"rules,omitempty"`  // the policy in force, for people; nil in older snapshots
	Observations  int        `json:"n"`
	Taxa          int        `json:"taxa"`     // species
	Communes      int        `json:"communes"` // communes with observations
	CommunesAll   int        `json:"communes_all"`
	Organisations int        `json:"organisations"`
	FirstYear     int        `json:"first"`
	LastYear      int        `json:"last"`
}

// Hit is one suggestion of the search.
type Hit struct {
	Kind     string      `json:"kind"` // "taxon" or an area kind
	Taxon    *TaxonHead  `json:"taxon,omitempty"`
	Area     geo.AreaKey `json:"area,omitempty"`
	AreaName string      `json:"area_name,omitempty"`
	Parent   string      `json:"parent,omitempty"` // department's name, for communes
	// Matched is the name that matched, as written (a synonym, another French name…).
	Matched string `json:"matched"`
	N       int    `json:"n"`
}

// ListFilter selects and orders the rows of a species list.
type ListFilter struct {
	Query     string // part of a French or scientific name; accents and case do not matter
	Group     string // slug
	Status    string // "", "protected", "threatened", "sensitive"
	SinceYear int    // last seen that year or later
	// Unseen adds the taxa that lists name and of which nothing is published; Status "sensitive"
	// (those that lists name, or a taxon above) has them too.
	Unseen bool
	Order  string // "n" (default), "name", "sci", "last"
	Offset int
	Limit  int
}
