package api

import (
	"reflect"

	"garrigue/internal/atlas"
	"garrigue/internal/geo"
)

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// Taxon is a taxon with its figures: those of the whole atlas, or of the area asked for.
type Taxon struct {
	CdRef            int    `json:"cd_ref" doc:"CD_REF of TAXREF: the code of the valid name." example:"77756"`
	Rank             string `json:"rank" doc:"Rank code of TAXREF: ES species, SSES subspecies, GN genus, FM family…" example:"ES"`
	ScientificName   string `json:"scientific_name" doc:"Valid scientific name, without author." example:"Timon lepidus"`
	Author           string `json:"author,omitempty" doc:"Author and year of the name." example:"(Daudin, 1802)"`
	VernacularName   string `json:"vernacular_name,omitempty" doc:"First French name." example:"Lézard ocellé"`
	VernacularNameEN string `json:"vernacular_name_en,omitempty" doc:"First English name." example:"Ocellated Lizard"`
	Group            string `json:"group" doc:"Public group, see the groups of the portal." example:"reptiles"`
	Observations     int    `json:"observations" doc:"Number of published observations, those of its synonyms and subspecies included."`
	FirstYear        int    `json:"first_year,omitempty" doc:"Year of the oldest observation."`
	LastYear         int    `json:"last_year,omitempty" doc:"Year of the latest observation."`
	RedList          string `json:"red_list,omitempty" doc:"IUCN category of the nearest red list that has one: LC, NT, VU, EN, CR…" example:"VU"`
	RedListType      string `json:"red_list_type,omitempty" doc:"That red list: LRR regional, LRN national, LRE European, LRM world." example:"LRN"`
	Protected        bool   `json:"protected" doc:"Whether a national, regional or departmental protection applies."`
	Threatened       bool   `json:"threatened" doc:"Whether red_list is VU, EN or CR."`
	TenDays          []int  `json:"ten_day_periods,omitempty" doc:"Observations by ten-day period of the year, 36 of them, for dates known to the day."`
}

// Named is a taxon of a classification.
type Named struct {
	CdRef          int    `json:"cd_ref,omitempty" doc:"CD_REF; absent when TAXREF as loaded has no code for it."`
	Rank           string `json:"rank" doc:"Rank code of TAXREF."`
	ScientificName string `json:"scientific_name" doc:"Scientific name."`
	VernacularName string `json:"vernacular_name,omitempty" doc:"French name."`
	Observations   int    `json:"observations,omitempty" doc:"Number of published observations."`
}

// Status is a legal or scientific status.
type Status struct {
	Type      string `json:"type" doc:"Type of status, as in BDC-Statuts: LRN, PN, DH…"`
	TypeLabel string `json:"type_label" doc:"The type in words, in French."`
	Code      string `json:"code,omitempty" doc:"Value of the status."`
	Label     string `json:"label,omitempty" doc:"The value in words, in French."`
	Territory string `json:"territory,omitempty" doc:"Where it applies."`
	Remark    string `json:"remark,omitempty" doc:"Condition or detail."`
	Citation  string `json:"citation,omitempty" doc:"The text that gives it."`
	URL       string `json:"url,omitempty" doc:"Address of that text."`
}

// Year is the observations of a year.
type Year struct {
	Year         int `json:"year" doc:"The year."`
	Observations int `json:"observations" doc:"Number of published observations."`
}

// Place is an area with figures.
type Place struct {
	Kind         string   `json:"kind" doc:"commune, department, region, cell1, cell2, cell5, cell10, cell20 or cell50." example:"commune"`
	Code         string   `json:"code" doc:"INSEE code, or code of the national Lambert-93 mesh." example:"34172"`
	Name         string   `json:"name,omitempty" doc:"Name of the area." example:"Montpellier"`
	Observations int      `json:"observations" doc:"Number of published observations."`
	Taxa         int      `json:"taxa,omitempty" doc:"Number of species, where it is counted."`
	FirstYear    int      `json:"first_year,omitempty" doc:"Year of the oldest."`
	LastYear     int      `json:"last_year,omitempty" doc:"Year of the latest."`
	Reasons      []string `json:"reasons,omitempty" doc:"Why observations are shown at this coarser area: sensitive, consent, nature, uncertainty."`
}

// Share is the observations of an organisation.
type Share struct {
	Name         string `json:"name" doc:"Name."`
	Observations int    `json:"observations" doc:"Number of published observations."`
	FirstYear    int    `json:"first_year,omitempty" doc:"Year of the oldest."`
	LastYear     int    `json:"last_year,omitempty" doc:"Year of the latest."`
}

// List is a page of a longer list.
type List[T any] struct {
	Total int    `json:"total" doc:"How many there are in all."`
	Items []T    `json:"items" doc:"Those of this page."`
	Next  string `json:"next,omitempty" doc:"Address of the next page; absent on the last."`
}

var reasonNames = []string{"sensitive", "consent", "nature", "uncertainty"}

func reasons(bits uint8) []string {
	var out []string
	for i, n := range reasonNames {
		if bits&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return out
}

func taxonOf(h *atlas.TaxonHead) Taxon {
	return Taxon{CdRef: int(h.CdRef), Rank: string(h.Rank), ScientificName: h.ScientificName, Author: h.Author,
		VernacularName: h.Vernacular, VernacularNameEN: h.VernacularEN, Group: h.Group, Observations: h.Observations,
		FirstYear: h.FirstYear, LastYear: h.LastYear, RedList: h.RedList, RedListType: h.RedListOf,
		Protected: h.Protected, Threatened: h.Threatened}
}

func taxonRow(r atlas.TaxonRow) Taxon {
	t := taxonOf(&r.TaxonHead)
	t.TenDays = r.TenDays[:]
	return t
}

func named(c atlas.Crumb) Named {
	return Named{CdRef: int(c.CdRef), Rank: string(c.Rank), ScientificName: c.Name, VernacularName: c.Vernacular, Observations: c.Observations}
}

func statusOf(s atlas.StatusRow) Status {
	return Status{s.Type, s.TypeLabel, s.Code, s.Value, s.Territory, s.Remark, s.Citation, s.URL}
}

func yearOf(y atlas.YearCount) Year { return Year{y.Year, y.N} }

func placeOf(a atlas.AreaCount) Place {
	return Place{Kind: a.Area.Kind().String(), Code: a.Area.Code(), Name: a.Name, Observations: a.N, Taxa: a.Taxa,
		FirstYear: a.First, LastYear: a.Last, Reasons: reasons(a.Reasons)}
}

func shareOf(c atlas.Count) Share { return Share{c.Name, c.N, c.First, c.Last} }

// each maps a list; an empty one is [] in JSON, never null.
func each[A, B any](in []A, f func(A) B) []B {
	out := make([]B, len(in))
	for i, a := range in {
		out[i] = f(a)
	}
	return out
}

// placeName is the reference to an area, without figures.
type placeName struct {
	Kind string `json:"kind" doc:"Kind of area."`
	Code string `json:"code" doc:"Code of the area."`
	Name string `json:"name,omitempty" doc:"Name of the area."`
}

func nameOf(k geo.AreaKey, name string) *placeName {
	if k == 0 {
		return nil
	}
	return &placeName{k.Kind().String(), k.Code(), name}
}
