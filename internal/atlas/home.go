package atlas

import (
	"cmp"
	"math"
	"slices"

	"garrigue/internal/taxon"
)

// Lengths of the first page's lists.
const (
	maxLatest = 12
	maxNew    = 8
	maxSeason = 8
)

func (s *snapshot) writeHome(w *writer, heads []TaxonHead) {
	h := HomeSheet{Latest: []Latest{}, New: []Latest{}, Cells: []AreaCount{}, Years: []YearCount{}, Groups: []GroupCount{}}
	groups := map[string]*GroupCount{}
	years := make([]uint32, s.span)
	var species []int32
	for i := range s.nodes {
		nd := &s.nodes[i]
		if nd.n == 0 || !nd.unit || !nd.species && len(nd.direct) == 0 {
			continue
		}
		g := groups[heads[i].Group]
		if g == nil {
			g = &GroupCount{Slug: heads[i].Group}
			groups[g.Slug] = g
		}
		for _, y := range nd.ownYears() {
			years[y.year-s.year0] += y.n
			g.Observations += int(y.n)
		}
		if nd.species {
			species = append(species, int32(i))
			g.Taxa++
			if heads[i].Protected {
				g.Protected++
			}
		}
	}
	for _, g := range taxon.Groups() {
		if c := groups[g.Slug]; c != nil {
			h.Groups = append(h.Groups, *c)
		}
	}
	for _, y := range s.yearTallies(years) {
		h.Years = append(h.Years, YearCount{int(y.year), int(y.n)})
	}
	for i := range s.zones {
		if z := &s.zones[i]; z.Key.Kind() == s.meta.Mesh && z.n > 0 {
			c := s.areaCount(int32(i))
			c.Name = ""
			h.Cells = append(h.Cells, c)
		}
	}
	s.latestLists(&h, species, heads)
	s.season(&h, species, heads)
	w.row(w.insert("home_sheet", 2), 1, w.json(h))
}

// latestLists fills the latest observations, one for each species, and the species first
// recorded most recently. Only dates known to the day are told.
func (s *snapshot) latestLists(h *HomeSheet, species []int32, heads []TaxonHead) {
	seen := func(i int32) record { return s.nodes[i].lastSeen }
	first := func(i int32) record {
		if r := s.nodes[i].firstSeen; r.precision() == toDay {
			return r
		}
		return 0
	}
	for _, list := range []struct {
		at  func(int32) record
		out *[]Latest
		max int
	}{{seen, &h.Latest, maxLatest}, {first, &h.New, maxNew}} {
		order := slices.DeleteFunc(slices.Clone(species), func(i int32) bool { return list.at(i) == 0 })
		slices.SortFunc(order, func(a, b int32) int {
			return cmp.Or(cmp.Compare(list.at(b).day(), list.at(a).day()), cmp.Compare(a, b))
		})
		for _, i := range order[:min(len(order), list.max)] {
			*list.out = append(*list.out, s.latest(list.at(i), &heads[i]))
		}
	}
}

// season chooses, for each ten-day period, species typically seen then: those whose share of
// observations in the three periods around is well above what observers' own calendar
// explains, weighted by how common they are, each further species of a group counting
// half of the one before. A species needs a hundred observations dated to the day (fewer in a small atlas).
func (s *snapshot) season(h *HomeSheet, species []int32, heads []TaxonHead) {
	var all [36]float64
	total := 0.0
	for _, i := range species {
		for k, n := range heads[i].TenDays {
			all[k] += float64(n)
			total += float64(n)
		}
	}
	enough := math.Min(100, math.Max(5, total/2000))
	type candidate struct {
		node  int32
		score float64
	}
	for p := range h.Season {
		around := func(v func(int) float64) float64 { return v((p+35)%36) + v(p) + v((p+1)%36) }
		effort := around(func(k int) float64 { return all[k] }) / max(total, 1)
		var list []candidate
		for _, i := range species {
			days := &heads[i].TenDays
			year := 0
			for _, n := range days {
				year += n
			}
			now := around(func(k int) float64 { return float64(days[k]) })
			if float64(year) < enough || now == 0 || days[p] == 0 || effort == 0 {
				continue
			}
			share := now / float64(year)
			typical := min(share/effort, 6)
			list = append(list, candidate{i, share * typical * math.Log1p(now)})
		}
		used := map[string]int{}
		for len(list) > 0 && len(h.Season[p]) < maxSeason {
			best, bestScore := -1, 0.0
			for k, c := range list {
				score := c.score / float64(int(1)<<min(used[heads[c.node].Group], 20))
				if score > bestScore {
					best, bestScore = k, score
				}
			}
			i := list[best].node
			used[heads[i].Group]++
			h.Season[p] = append(h.Season[p], heads[i])
			list = slices.Delete(list, best, best+1)
		}
		if h.Season[p] == nil {
			h.Season[p] = []TaxonHead{}
		}
	}
}
