package atlas_test

import (
	"cmp"
	"context"
	"slices"
	"testing"

	"garrigue/internal/atlas"
	"garrigue/internal/atlas/atlastest"
	"garrigue/internal/civil"
	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
)

// TestOneRecordSpecies: of a species known by one blurred observation, every figure says what
// disclosure.Published says and no more: where a chart of many hides each, that of one tells it.
func TestOneRecordSpecies(t *testing.T) {
	const cd taxon.CdRef = 65680
	others := slices.DeleteFunc(atlastest.Published(), func(p disclosure.Published) bool { return p.CdRef == cd })
	region, herault := geo.AdminKey(geo.Region, "76"), geo.AdminKey(geo.Department, "34")
	month := func(y, m int) observation.Period {
		start, _ := civil.Make(y, m, 1)
		end, _ := civil.Make(y, m+1, 1)
		return observation.Period{Start: start, End: end - 1, Precision: observation.Month}
	}
	year := month(2026, 1)
	year.End, year.Precision = year.Start+364, observation.Year
	for _, c := range []struct {
		name   string
		area   geo.AreaKey
		within []geo.AreaKey
		when   observation.Period
		date   string
		month  int // 0: none
	}{
		{"a cell of the mesh, by month", geo.CellKey(geo.Cell5, 700, 6310), []geo.AreaKey{herault, region}, month(2026, 3), "2026-03", 3},
		{"a commune, by month", geo.AdminKey(geo.Commune, "34003"), []geo.AreaKey{herault, region}, month(2019, 11), "2019-11", 11},
		{"a cell of 10 km over two departments, by year", geo.CellKey(geo.Cell10, 710, 6310), []geo.AreaKey{region}, year, "", 0},
		{"a department, by month", herault, []geo.AreaKey{region}, month(2026, 6), "2026-06", 6},
		{"the region, by year", region, nil, year, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := disclosure.Published{CdRef: cd, Dataset: 1, Organisation: "GRENHA", When: c.when, Area: c.area, Within: c.within,
				Blurred: true, Reasons: disclosure.Sensitive, AltitudeMin: observation.NoAltitude, AltitudeMax: observation.NoAltitude}
			without := opened(t, others)
			with := opened(t, append(slices.Clone(others), p))
			checkSheet(t, with, &p, c.date, c.month)
			checkAreas(t, without, with, &p)
		})
	}
}

func opened(t *testing.T, ps []disclosure.Published) *atlas.Atlas {
	t.Helper()
	path := t.TempDir() + "/one.gpkg"
	atlastest.Write(t, path, atlastest.Identity(), atlastest.References(t), ps)
	a, err := atlas.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func checkSheet(t *testing.T, a *atlas.Atlas, p *disclosure.Published, date string, month int) {
	t.Helper()
	sh, err := a.Taxon(context.Background(), p.CdRef)
	if err != nil {
		t.Fatal(err)
	}
	year := p.When.Start.Year()
	if sh.Observations != 1 || sh.FirstYear != year || sh.LastYear != year || len(sh.Years) != 1 || sh.Years[0] != (atlas.YearCount{Year: year, N: 1}) {
		t.Errorf("%d observations, %d–%d, %v", sh.Observations, sh.FirstYear, sh.LastYear, sh.Years)
	}
	if sh.LastDate != date {
		t.Errorf("latest %q, want %q", sh.LastDate, date)
	}
	var months [12]int
	if month > 0 {
		months[month-1] = 1
	}
	if sh.Months != months || sh.Undated != 1-min(month, 1) || sh.TenDays != [36]int{} {
		t.Errorf("months %v, undated %d, ten-day periods %v", sh.Months, sh.Undated, sh.TenDays)
	}
	if sh.AltKnown != 0 || len(sh.Altitude) != 0 {
		t.Errorf("altitudes %v", sh.Altitude)
	}
	if len(sh.Organisations) != 1 || sh.Organisations[0].Name != p.Organisation || sh.Organisations[0].N != 1 {
		t.Errorf("organisations %v", sh.Organisations)
	}
	shown := slices.Concat(sh.Cells, sh.Coarse)
	if len(shown) != 1 || shown[0].Area != p.Area || shown[0].N != 1 {
		t.Errorf("shown at %v", shown)
	}
	for _, list := range [][]atlas.AreaCount{sh.Departments, sh.Communes} {
		for _, r := range list {
			if r.Area != p.Area && !slices.Contains(p.Within, r.Area) {
				t.Errorf("listed in %s", r.Area)
			}
		}
	}
	h, err := a.Home(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range slices.Concat(h.Latest, h.New) { // these tell days
		if l.CdRef == p.CdRef {
			t.Errorf("on the first page: %s, %s", l.Date, l.Area)
		}
	}
	for _, list := range h.Season {
		for _, s := range list {
			if s.CdRef == p.CdRef {
				t.Error("among what is seen at a time of the year")
			}
		}
	}
}

// checkAreas compares the sheets of all areas with those made without the observation: it counts in
// its own areas and in no other.
func checkAreas(t *testing.T, without, with *atlas.Atlas, p *disclosure.Published) {
	t.Helper()
	keys := []geo.AreaKey{geo.AdminKey(geo.Region, "76")}
	for _, a := range atlastest.Areas() {
		keys = append(keys, a.Key)
	}
	for e := 700; e < 730; e += 5 {
		for n := 6300; n < 6320; n += 5 {
			keys = append(keys, geo.CellKey(geo.Cell5, e, n), geo.CellKey(geo.Cell10, e/10*10, n/10*10))
		}
	}
	slices.Sort(keys)
	for _, k := range slices.Compact(keys) {
		before, _ := without.Area(context.Background(), k)
		after, err := with.Area(context.Background(), k)
		if err != nil {
			continue
		}
		if before == nil {
			before = &atlas.AreaSheet{}
		}
		more := 0
		if k == p.Area || slices.Contains(p.Within, k) {
			more = 1
		}
		if after.Observations-before.Observations != more || after.Taxa-before.Taxa != more || yearsOf(after)-yearsOf(before) != more {
			t.Errorf("%s: %d observations more, %d species, %d of its years", k, after.Observations-before.Observations,
				after.Taxa-before.Taxa, yearsOf(after)-yearsOf(before))
		}
		for _, o := range after.Organisations {
			if o.Name == p.Organisation && (more == 0 || o.N != 1) {
				t.Errorf("%s: %d of the organisation", k, o.N)
			}
		}
		i := slices.IndexFunc(after.Recent, func(h atlas.TaxonHead) bool { return h.CdRef == p.CdRef })
		if i >= 0 && (more == 0 || after.Recent[i].TenDays != [36]int{}) {
			t.Errorf("%s: among the newest species: %v", k, after.Recent[i].TenDays)
		}
		rows, _, err := with.AreaTaxa(context.Background(), k, atlas.ListFilter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.CdRef == p.CdRef && cmp.Or(more-1, r.Observations-1, r.FirstYear-p.When.Start.Year(), r.LastYear-p.When.Start.Year()) != 0 {
				t.Errorf("%s: listed %d times, %d–%d", k, r.Observations, r.FirstYear, r.LastYear)
			}
		}
	}
}

func yearsOf(s *atlas.AreaSheet) (n int) {
	for _, y := range s.Years {
		n += y.N
	}
	return n
}
