package api

import (
	"context"
	"net/url"
	"strconv"

	"garrigue/internal/atlas"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

// Atlas is the snapshot in service.
type Atlas struct {
	Snapshot      string     `json:"snapshot" doc:"Id of the snapshot, also the ETag of everything made from it."`
	Built         string     `json:"built" doc:"When it was built, UTC." format:"date-time"`
	Title         string     `json:"title" doc:"Name of the atlas."`
	Territory     string     `json:"territory" doc:"Name of the territory."`
	Publisher     string     `json:"publisher" doc:"Who publishes it."`
	Licence       string     `json:"licence" doc:"Licence of the data."`
	Fictional     bool       `json:"fictional" doc:"True for a demonstration: territory and observations are invented."`
	Mesh          string     `json:"mesh" doc:"Kind of cell of ordinary observations." example:"cell5"`
	Bound         [4]float64 `json:"bound" doc:"Extent of the territory: west, south, east, north."`
	Taxref        string     `json:"taxref" doc:"Version of TAXREF."`
	Policy        string     `json:"policy" doc:"Version of the disclosure policy."`
	Observations  int        `json:"observations" doc:"Number of published observations."`
	Taxa          int        `json:"taxa" doc:"Number of species."`
	Communes      int        `json:"communes" doc:"Communes with observations."`
	Organisations int        `json:"organisations" doc:"Organisations whose data are shown."`
	FirstYear     int        `json:"first_year" doc:"Year of the oldest observation."`
	LastYear      int        `json:"last_year" doc:"Year of the latest observation."`
}

func (s *server) atlas(_ context.Context, a *atlas.Atlas, _ *struct{}) (Atlas, error) {
	m := a.Meta()
	return Atlas{Snapshot: m.ID, Built: m.Built, Title: m.Title, Territory: m.Territory, Publisher: m.Publisher, Licence: m.Licence,
		Fictional: m.Fictional, Mesh: m.Mesh.String(), Bound: m.Bound, Taxref: m.Taxref, Policy: m.Policy, Observations: m.Observations,
		Taxa: m.Taxa, Communes: m.Communes, Organisations: m.Organisations, FirstYear: m.FirstYear, LastYear: m.LastYear}, nil
}

type searchIn struct {
	Q     string `query:"q" required:"true" maxLength:"200" doc:"What is typed." example:"lezard oc"`
	Limit int    `query:"limit" default:"10" minimum:"1" maximum:"50" doc:"How many suggestions at most."`
}

// Suggestion is a taxon or an area that matches.
type Suggestion struct {
	Kind             string `json:"kind" doc:"taxon, or a kind of area." example:"taxon"`
	Matched          string `json:"matched" doc:"The name that matched, as written."`
	Observations     int    `json:"observations" doc:"Number of published observations."`
	CdRef            int    `json:"cd_ref,omitempty" doc:"For a taxon."`
	Rank             string `json:"rank,omitempty" doc:"For a taxon."`
	ScientificName   string `json:"scientific_name,omitempty" doc:"For a taxon."`
	Author           string `json:"author,omitempty" doc:"For a taxon."`
	VernacularName   string `json:"vernacular_name,omitempty" doc:"For a taxon: French name."`
	VernacularNameEN string `json:"vernacular_name_en,omitempty" doc:"For a taxon: English name."`
	Group            string `json:"group,omitempty" doc:"For a taxon: public group."`
	Code             string `json:"code,omitempty" doc:"For an area."`
	Name             string `json:"name,omitempty" doc:"For an area."`
	Parent           string `json:"parent,omitempty" doc:"For a commune: its department's name."`
}

func (s *server) search(ctx context.Context, a *atlas.Atlas, in *searchIn) (List[Suggestion], error) {
	hits, err := a.Search(ctx, in.Q, in.Limit)
	if err != nil {
		return List[Suggestion]{}, err
	}
	return List[Suggestion]{Total: len(hits), Items: each(hits, suggestion)}, nil
}

func suggestion(h atlas.Hit) Suggestion {
	out := Suggestion{Kind: h.Kind, Matched: h.Matched, Observations: h.N}
	if t := h.Taxon; t != nil {
		out.CdRef, out.Rank, out.ScientificName, out.Author = int(t.CdRef), string(t.Rank), t.ScientificName, t.Author
		out.VernacularName, out.VernacularNameEN, out.Group = t.Vernacular, t.VernacularEN, t.Group
		return out
	}
	out.Code, out.Name, out.Parent = h.Area.Code(), h.AreaName, h.Parent
	return out
}

// FilterIn are the filters every list of taxa has. (Exported, as the three are: embedded
// types are read by reflection.)
type FilterIn struct {
	Q      string `query:"q" maxLength:"200" doc:"Part of a French or scientific name."`
	Group  string `query:"group" maxLength:"40" doc:"Public group." example:"oiseaux"`
	Status string `query:"status" enum:"protected,threatened,sensitive" doc:"Only protected or threatened taxa, or those that lists of sensitive taxa name, of which some have nothing published."`
	Since  int    `query:"since" minimum:"0" maximum:"9999" doc:"Last seen that year or later."`
	Order  string `query:"order" enum:"observations,name,scientific_name,last_year" default:"observations" doc:"Order of the list."`
	Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"500" doc:"Size of a page."`
	Offset int    `query:"offset" default:"0" minimum:"0" maximum:"10000000" doc:"How many to skip."`
}

var orders = map[string]string{"observations": "n", "name": "name", "scientific_name": "sci", "last_year": "last"}

func (f *FilterIn) filter() atlas.ListFilter {
	return atlas.ListFilter{Query: f.Q, Group: f.Group, Status: f.Status, SinceYear: f.Since, Order: orders[f.Order], Offset: f.Offset, Limit: f.Limit}
}

// page makes a list of the rows, with the address of the next page when there is one.
func (f *FilterIn) page(path string, more url.Values, rows []atlas.TaxonRow, total int) List[Taxon] {
	out := List[Taxon]{Total: total, Items: each(rows, taxonRow)}
	if f.Offset+len(rows) >= total || len(rows) == 0 {
		return out
	}
	q := more
	if q == nil {
		q = url.Values{}
	}
	for k, v := range map[string]string{"q": f.Q, "group": f.Group, "status": f.Status} {
		if v != "" {
			q.Set(k, v)
		}
	}
	if f.Since > 0 {
		q.Set("since", strconv.Itoa(f.Since))
	}
	if f.Order != "observations" {
		q.Set("order", f.Order)
	}
	q.Set("limit", strconv.Itoa(f.Limit))
	q.Set("offset", strconv.Itoa(f.Offset+len(rows)))
	out.Next = root + path + "?" + q.Encode()
	return out
}

type taxaIn struct {
	FilterIn
	Under int `query:"under" minimum:"0" maximum:"2147483647" doc:"Only taxa below this CD_REF."`
}

func (s *server) taxa(ctx context.Context, a *atlas.Atlas, in *taxaIn) (List[Taxon], error) {
	rows, total, err := a.Taxa(ctx, taxon.CdRef(in.Under), in.filter())
	if err != nil {
		return List[Taxon]{}, err
	}
	more := url.Values{}
	if in.Under > 0 {
		more.Set("under", strconv.Itoa(in.Under))
	}
	return in.page("/taxa", more, rows, total), nil
}

// TaxonIn names a taxon.
type TaxonIn struct {
	CdRef int `path:"cd_ref" minimum:"1" maximum:"2147483647" doc:"CD_REF of the taxon." example:"77756"`
}

// TaxonDetail is a taxon with all its figures.
type TaxonDetail struct {
	Taxon
	Sensitive         bool     `json:"sensitive" doc:"Whether some list of sensitive taxa names it, whatever the place or season."`
	VernacularNames   []string `json:"vernacular_names" doc:"All French names."`
	VernacularNamesEN []string `json:"vernacular_names_en" doc:"All English names."`
	Synonyms          []string `json:"synonyms" doc:"Other scientific names."`
	Classification    []Named  `json:"classification" doc:"Higher taxa, from the kingdom down."`
	Children          []Named  `json:"children" doc:"Taxa just below."`
	Habitat           string   `json:"habitat,omitempty" doc:"TAXREF habitat code, 1 to 8."`
	StatusFR          string   `json:"status_fr,omitempty" doc:"Biogeographic status in metropolitan France (TAXREF)."`
	Statuses          []Status `json:"statuses" doc:"Legal and scientific statuses."`
	LastDate          string   `json:"last_date,omitempty" doc:"Date of the latest observation, or its month (2024-05) when it is known to the month; none when only its year is known."`
	Years             []Year   `json:"years" doc:"Observations by year."`
	Blurred           int      `json:"blurred_observations" doc:"Observations shown only as larger areas."`
	Departments       []Place  `json:"departments" doc:"Departments, most observations first."`
	Communes          int      `json:"communes" doc:"Number of communes."`
	Organisations     []Share  `json:"organisations" doc:"Who provided the observations."`
	Species           int      `json:"species,omitempty" doc:"For higher ranks: species below."`
	Lists             []Ask    `json:"lists,omitempty" doc:"What reference lists of sensitive taxa ask for it, whether or not anything is published."`
}

// Ask is what a reference list asks for a taxon.
type Ask struct {
	List        string   `json:"list" doc:"Code of the list."`
	Level       string   `json:"level" doc:"The strictest level it asks for." example:"2"`
	Kinds       []string `json:"kinds" doc:"Kinds of areas at which that level is shown, preferred first; none: nothing is shown."`
	Departments []string `json:"departments,omitempty" doc:"Departments where that level applies; absent: wherever the list does."`
	Varies      bool     `json:"varies" doc:"Whether it asks for less in other places, seasons or circumstances."`
	By          string   `json:"by,omitempty" doc:"The higher taxon that the list names instead of this one."`
}

func askOf(l atlas.Listing) Ask {
	return Ask{l.List, l.Level, each(l.Kinds, same), l.Departments, l.Varies, l.By}
}

// sheet reads a taxon's sheet by its CD_REF or any CD_NOM of it.
func sheet(ctx context.Context, a *atlas.Atlas, code int) (*atlas.TaxonSheet, error) {
	t, err := a.Taxon(ctx, taxon.CdRef(code))
	if !fault.Is(err, fault.NotFound) {
		return t, err
	}
	cd, err := a.Resolve(ctx, taxon.CdNom(code))
	if err == nil {
		t, err = a.Taxon(ctx, cd)
	}
	if fault.Is(err, fault.NotFound) {
		return nil, fault.Say(fault.NotFound, "api.taxon", strconv.Itoa(code))
	}
	return t, err
}

func (s *server) taxon(ctx context.Context, a *atlas.Atlas, in *TaxonIn) (TaxonDetail, error) {
	t, err := sheet(ctx, a, in.CdRef)
	if err != nil {
		return TaxonDetail{}, err
	}
	d := TaxonDetail{Taxon: taxonOf(&t.TaxonHead), Sensitive: t.Sensitive, VernacularNames: each(t.Vernaculars, same),
		VernacularNamesEN: each(t.VernacularsEN, same), Synonyms: each(t.Synonyms, same), Classification: each(t.Classification, named),
		Children: each(t.Children, named), Habitat: t.Habitat, StatusFR: t.StatusFR, Statuses: each(t.Statuses, statusOf), LastDate: t.LastDate,
		Years: each(t.Years, yearOf), Blurred: t.Blurred, Departments: each(t.Departments, placeOf), Communes: t.CommuneCount,
		Organisations: each(t.Organisations, shareOf), Species: t.Species, Lists: each(t.Lists, askOf)}
	return d, nil
}

func same(s string) string { return s }

type taxonAreasIn struct {
	TaxonIn
	Kind   string `query:"kind" default:"commune" maxLength:"20" doc:"Kind of area: commune, department, region, cell5, cell10…"`
	Limit  int    `query:"limit" default:"100" minimum:"1" maximum:"5000" doc:"Size of a page."`
	Offset int    `query:"offset" default:"0" minimum:"0" maximum:"10000000" doc:"How many to skip."`
}

func (s *server) taxonAreas(ctx context.Context, a *atlas.Atlas, in *taxonAreasIn) (List[Place], error) {
	kind, ok := geo.ParseKind(in.Kind)
	if !ok {
		return List[Place]{}, fault.Say(fault.Invalid, "api.kind", in.Kind)
	}
	t, err := sheet(ctx, a, in.CdRef)
	if err != nil {
		return List[Place]{}, err
	}
	rows, err := a.TaxonAreas(ctx, t.CdRef, kind)
	if err != nil {
		return List[Place]{}, err
	}
	out := List[Place]{Total: len(rows)}
	from := min(in.Offset, len(rows))
	to := min(from+in.Limit, len(rows))
	out.Items = each(rows[from:to], placeOf)
	if to < len(rows) {
		out.Next = root + "/taxa/" + strconv.Itoa(int(t.CdRef)) + "/areas?kind=" + in.Kind + "&limit=" + strconv.Itoa(in.Limit) + "&offset=" + strconv.Itoa(to)
	}
	return out, nil
}

// Phenology is when a taxon is seen.
type Phenology struct {
	CdRef        int   `json:"cd_ref" doc:"CD_REF of the taxon."`
	Observations int   `json:"observations" doc:"Number of published observations."`
	Months       []int `json:"months" doc:"Observations by month, January first, for dates known to the month or better."`
	TenDays      []int `json:"ten_day_periods" doc:"Observations by ten-day period, 36 of them, for dates known to the day."`
	Undated      int   `json:"undated" doc:"Observations known only to the year or longer."`
}

func (s *server) phenology(ctx context.Context, a *atlas.Atlas, in *TaxonIn) (Phenology, error) {
	t, err := sheet(ctx, a, in.CdRef)
	if err != nil {
		return Phenology{}, err
	}
	return Phenology{int(t.CdRef), t.Observations, t.Months[:], t.TenDays[:], t.Undated}, nil
}

// Altitudes is at what altitude a taxon is seen.
type Altitudes struct {
	CdRef   int             `json:"cd_ref" doc:"CD_REF of the taxon."`
	Known   int             `json:"known" doc:"Observations with an altitude that are shown precisely."`
	Classes []AltitudeClass `json:"classes" doc:"Classes, lowest first."`
}

// AltitudeClass is one class of altitude.
type AltitudeClass struct {
	From         int `json:"from" doc:"Lower bound, metres, included."`
	To           int `json:"to" doc:"Upper bound, metres, not included."`
	Observations int `json:"observations" doc:"Observations of the taxon."`
	All          int `json:"all_observations" doc:"Observations of every taxon, for comparison."`
}

func (s *server) altitudes(ctx context.Context, a *atlas.Atlas, in *TaxonIn) (Altitudes, error) {
	t, err := sheet(ctx, a, in.CdRef)
	if err != nil {
		return Altitudes{}, err
	}
	return Altitudes{int(t.CdRef), t.AltKnown, each(t.Altitude, func(c atlas.AltitudeClass) AltitudeClass {
		return AltitudeClass{c.From, c.To, c.N, c.All}
	})}, nil
}
