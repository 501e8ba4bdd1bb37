package ingest

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/paulmach/orb"

	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

//go:embed headers.csv
var headerFile string

// synonym is a name a column of an attribute may have.
type synonym struct {
	f     field
	words []string
	key   string
	own   bool    // of a format, not of ordinary language
	most  float64 // how much the name tells when it is exactly this
}

// synonyms lists the names of columns: those of formats, then those people give.
func synonyms() (out []synonym, err error) {
	for _, fm := range formats() {
		if fm.name == VisioNature { // bare words that mean something else everywhere else
			continue
		}
		for _, f := range sortedFields(fm.columns) {
			for _, n := range fm.columns[f] {
				out = append(out, synonym{f, headerWords(n), columnKey(n), true, 0.85})
			}
		}
	}
	rows, err := csv.NewReader(strings.NewReader(headerFile)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("headers.csv: %w", err)
	}
	for _, r := range rows[1:] {
		f, ok := fieldOf(r[0])
		if !ok {
			continue // a test refuses it
		}
		s := synonym{f, headerWords(r[1]), columnKey(r[1]), false, 0.8}
		if v, err := strconv.ParseFloat(r[2], 64); err == nil {
			s.most = v
		}
		out = append(out, s)
	}
	return out, nil
}

// headerWords cuts a header into folded words: at spaces, signs and changes of case.
func headerWords(h string) []string {
	var b strings.Builder
	last := rune(0)
	for _, r := range h {
		if unicode.IsUpper(r) && unicode.IsLower(last) {
			b.WriteByte(' ')
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			b.WriteRune(r)
		} else {
			b.WriteByte(' ')
		}
		last = r
	}
	return strings.Fields(taxon.Fold(b.String()))
}

// score is how well a column suits an attribute: by its header, by its content, each 0 to 1.
type score struct {
	header, content float64
	why             []Reason
}

// total joins two opinions: each takes away a part of the doubt the other leaves.
func (s score) total() float64 { return 1 - (1-s.header)*(1-s.content) }

// examiner holds what is known of the columns of one file.
type examiner struct {
	im     *Importer
	header []string
	stats  []*columnStats
	rows   int
	scores []map[field]score
	box    geo.Box // of the territory, in Lambert-93
	sample [][]string
	rivals map[int]bool // columns of taxa that do not agree with another
}

// score gives each column its likely attributes.
func (x *examiner) score() error {
	names, err := synonyms()
	if err != nil {
		return err
	}
	x.scores = make([]map[field]score, len(x.header))
	for i, h := range x.header {
		x.scores[i] = map[field]score{}
		if x.stats[i].filled == 0 || h == "" {
			continue
		}
		best := byHeader(h, names)
		for f := range nFields {
			n := best[f]
			c, why, possible := x.byContent(i, f, n)
			if !possible || n.strength == 0 && c < doubtAt {
				continue
			}
			s := score{header: n.strength, content: c}
			if (f == fScientificName || f == fNameCited) && c < 0.2 && x.im.taxa.Len() > 1000 {
				s.header *= 0.8 // names nobody knows
			}
			if n.strength > 0 {
				s.why = append(s.why, Reason{Key: "doctor.why.header", Args: []string{n.name}})
			}
			if why != nil {
				s.why = append(s.why, *why)
			}
			if s.total() >= doubtAt {
				x.scores[i][f] = s
			}
		}
	}
	return nil
}

type nameMatch struct {
	strength float64
	name     string
	own      bool
}

// byHeader returns how well a header names each attribute: exactly, by one of its parts
// (geo_2_long~longitude), or by all the words of a synonym among its own.
func byHeader(h string, names []synonym) map[field]nameMatch {
	out := map[field]nameMatch{}
	whole := columnKey(h)
	var parts []string
	for _, p := range strings.FieldsFunc(h, func(r rune) bool { return strings.ContainsRune("~:|.[]()/", r) }) {
		parts = append(parts, columnKey(p))
	}
	words := headerWords(h)
	for _, s := range names {
		strength := 0.0
		switch {
		case s.key == whole:
			strength = s.most
		case len(parts) > 1 && s.key == parts[len(parts)-1]:
			strength = s.most - 0.05
		case len(s.key) > 3 && len(parts) > 1 && contains(parts, s.key):
			strength = 0.6
		case len(s.words) > 1 && containsAll(words, s.words):
			strength = 0.6
		case len(s.words) == 1 && len(s.key) > 3 && contains(words, s.key) && len(words) < 4:
			strength = 0.4
		}
		if strength = min(strength, s.most); strength > out[s.f].strength {
			out[s.f] = nameMatch{strength, strings.Join(s.words, " "), s.own && s.key == whole}
		}
	}
	for f, m := range completed(h, names) {
		if m.strength > out[f].strength {
			out[f] = m
		}
	}
	return out
}

// cutAt is where a Shapefile cuts the names of its columns.
const cutAt = 10

// completed returns the attributes that a header cut by a Shapefile may name: "observateu" is
// the observer's, though longer names begin so too; "denombreme" may be one of three.
func completed(h string, names []synonym) map[field]nameMatch {
	whole := columnKey(h)
	if len(h) != cutAt || len(whole) < cutAt-2 {
		return nil
	}
	shortest := map[field]synonym{}
	for _, s := range names {
		if known := shortest[s.f].key; len(s.key) > len(whole) && strings.HasPrefix(s.key, whole) && (known == "" || len(s.key) < len(known)) {
			shortest[s.f] = s
		}
	}
	out := map[field]nameMatch{}
	for f, s := range shortest {
		strength := s.most - 0.05
		for other, o := range shortest {
			if other != f && len(o.key) < len(s.key)+4 {
				strength = min(strength, 0.5)
			}
		}
		out[f] = nameMatch{strength, strings.Join(s.words, " "), false}
	}
	return out
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

func containsAll(list, all []string) bool {
	for _, s := range all {
		if !contains(list, s) {
			return false
		}
	}
	return true
}

// byContent returns how much the values speak for an attribute, and whether they speak
// against it. Only content that is telling by itself counts without a header.
func (x *examiner) byContent(i int, f field, n nameMatch) (c float64, why *Reason, possible bool) {
	s := x.stats[i]
	say := func(key string, share float64) *Reason {
		return &Reason{Key: "doctor.why." + key, Args: []string{strconv.Itoa(int(math.Round(share * 100)))}}
	}
	named := n.strength > 0
	switch f {
	case fScientificName, fNameCited, fGenus, fSpecificEpithet, fInfraEpithet, fCdNom, fCdRef, fTaxonURI:
		return x.taxonContent(s, f, named, say)
	case fDateStart, fDateEnd, fVerbatimDate, fValidationDate:
		if s.date < 0.6 && !(f == fVerbatimDate && named) {
			return 0, nil, false
		}
		c = 0.7 * s.date
		if f != fDateStart {
			c = 0.5 * s.date
		}
		if f != fDateStart && !named {
			c = 0
		}
		return c, say("dates", s.date), true
	case fTimeStart, fTimeEnd:
		if s.clock < 0.5 && !(s.date > 0.5 && n.own) {
			return 0, nil, false
		}
		return 0.6 * s.clock * boolean(named), say("times", s.clock), true
	case fYear:
		ok := s.whole > 0.95 && s.min >= oldestYear && s.max < 2200
		return 0.6 * boolean(ok && named), say("years", s.whole), ok
	case fMonth, fDay:
		top := 12.0
		if f == fDay {
			top = 31
		}
		ok := s.whole > 0.95 && s.min >= 1 && s.max <= top
		return 0.6 * boolean(ok && named), nil, ok
	case fLon, fLat, fX, fY, fLatLon, fGeometry, fGeometryLocal, fCommune, fDepartment, fCell:
		return x.placeContent(i, f, named, say)
	case fCount, fCountMin, fCountMax:
		ok := s.whole > 0.6 && s.min >= 0 && s.max < 1e7
		return 0.4 * boolean(ok && named), say("whole", s.whole), ok
	case fAltMin, fAltMax, fAltitude:
		ok := s.number > 0.8 && s.min >= -500 && s.max <= 5000
		return 0.4 * boolean(ok && named), say("metres", s.number), ok
	case fDepthMin, fDepthMax, fUncertainty:
		ok := s.number > 0.8
		return 0.3 * boolean(ok && named), nil, ok
	case fUUID, fDatasetUUID:
		ok := s.uuid > 0.9
		alone := f == fUUID && len(s.seen) == s.filled
		return 0.55 * boolean(ok && (named || alone)), say("uuids", s.uuid), ok
	case fOrigin:
		ok := !s.many && len(s.seen) == s.filled && s.filled == x.rows || s.many && s.filled == x.rows
		return 0.5 * boolean(ok && named), say("unique", 1), ok && named
	case fObservers, fDeterminer:
		ok := s.number < 0.2 && s.date < 0.2 && s.url < 0.2
		return 0.5 * boolean(named) * s.named, nil, ok && named
	case fPlaceName, fComment, fDatasetName, fOrganisation, fBiblio, fProofOther:
		ok := s.number < 0.9 && s.date < 0.8 && s.wkt < 0.5 && s.pair < 0.5
		return 0.3 * boolean(named), nil, ok && named
	case fProofURL:
		each := float64(len(s.seen)) / float64(s.filled) // a link to the taxon is no proof
		return 0.5 * s.url * each * boolean(named), nil, s.url > 0.5 && named && (each > 0.5 || s.many)
	case fDatum:
		known := 0
		for v := range s.seen {
			if _, ok := parseCRS(v); ok {
				known++
			}
		}
		ok := known*2 > len(s.seen)
		return 0.5 * boolean(ok && named), nil, ok && named
	}
	return x.listContent(s, f, n, say)
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (x *examiner) taxonContent(s *columnStats, f field, named bool, say func(string, float64) *Reason) (float64, *Reason, bool) {
	switch f {
	case fCdNom, fCdRef:
		if s.whole < 0.9 || s.max < 50 {
			return 0, nil, false
		}
		c := 0.6 * s.cdNom
		if !named {
			c = 0.45 * boolean(s.cdNom > 0.95 && s.min > 100 && f == fCdNom && len(s.seen) > 3)
		}
		return c, say("cdnom", s.cdNom), true
	case fScientificName:
		c := 0.88 * s.latin
		return c, say("names", s.latin), s.latin > 0.3 || named && s.number < 0.1 && s.date < 0.1
	case fNameCited:
		share := max(s.vernacular, 0.9*s.latin)
		if share > 0.3 {
			return 0.85 * share, say("vernacular", share), true
		}
		return 0, nil, named && s.number < 0.1 && s.date < 0.1 && s.longest < 200
	case fGenus:
		one := s.latin > 0.6 && s.total <= 25*len(s.seen)
		return 0.5 * boolean(one && named), say("names", s.latin), one && named
	case fSpecificEpithet, fInfraEpithet:
		return 0.7 * s.epithet * boolean(named), say("epithets", s.epithet), s.epithet > 0.8 && named
	}
	return 0.5 * boolean(named) * s.url, nil, named && s.url > 0.5
}

func (x *examiner) placeContent(i int, f field, named bool, say func(string, float64) *Reason) (float64, *Reason, bool) {
	s := x.stats[i]
	degrees := s.number > 0.9 && s.min >= -180 && s.max <= 180 && s.whole < 0.9
	switch f {
	case fLon:
		c := 0.3 + 0.5*s.lon
		if !named {
			c = 0.5 * boolean(s.lon > 0.95 && len(s.seen) > 5 && s.lat < 0.1)
		}
		return c, say("inside", s.lon), degrees
	case fLat:
		c := 0.3 + 0.5*s.lat
		if !named {
			c = 0.5 * boolean(s.lat > 0.95 && len(s.seen) > 5)
		}
		return c, say("inside", s.lat), degrees && s.min >= -90 && s.max <= 90
	case fX, fY:
		ok := s.number > 0.9 && !degrees && s.max > 1000
		c := 0.0
		if inside := x.lambert(i, f); ok && named {
			c = 0.1 + 0.6*inside
			return c, say("lambert", inside), true
		}
		return c, nil, ok && named
	case fLatLon:
		return 0.7 * s.pair, say("pairs", s.pair), s.pair > 0.8
	case fGeometry, fGeometryLocal:
		return 0.88 * s.wkt * boolean(named || f == fGeometry), say("geometries", s.wkt), s.wkt > 0.8
	case fCommune:
		c := 0.65 * s.insee
		return c, say("insee", s.insee), s.insee > 0.5 && (named || s.insee > 0.95)
	case fDepartment:
		return 0.6 * s.department * boolean(named), say("insee", s.department), s.department > 0.8 && named
	}
	return 0.75 * s.cell, say("cells", s.cell), s.cell > 0.8
}

// lambert returns the share of values that may be an easting or a northing of the territory.
func (x *examiner) lambert(i int, f field) float64 {
	box := x.box
	lo, hi := box.MinX, box.MaxX
	if f == fY {
		lo, hi = box.MinY, box.MaxY
	}
	in, n := 0, 0
	for v, rows := range x.stats[i].seen {
		if d, ok := decimal(v); ok {
			n += rows
			if d >= lo && d <= hi {
				in += rows
			}
		}
	}
	if n == 0 {
		return 0
	}
	return float64(in) / float64(n)
}

// listContent compares the values with the list of an attribute. Bare figures mean nothing
// unless the header is the standard's own: 7 years of age are no caterpillar.
func (x *examiner) listContent(s *columnStats, f field, n nameMatch, say func(string, float64) *Reason) (float64, *Reason, bool) {
	l := x.im.lists.of(f)
	if l == nil {
		return 0, nil, n.own
	}
	if s.number > 0.5 && !n.own {
		return 0, nil, discreet(f) && n.strength > 0
	}
	known, matched := 0, 0
	for v, rows := range s.seen {
		known += rows
		if _, ok := l.code(v); ok {
			matched += rows
		}
	}
	share := float64(matched) / float64(max(known, 1))
	c := 0.75 * share
	if n.strength == 0 {
		c = 0.5 * boolean(share > 0.95 && len(s.seen) > 1 && s.longest > 2 && (f == fSex || f == fLifeStage))
	}
	// Many words of which none is in the list: another notion under the same name.
	possible := share >= 0.2 || n.own || discreet(f) && n.strength > 0
	return c, say("list", share), possible
}

// assign gives each attribute at most one column and each column at most one attribute, for
// the best total.
func (x *examiner) assign() []field {
	gain := make([][]float64, len(x.header))
	for i := range gain {
		gain[i] = make([]float64, nFields)
		for f, s := range x.scores[i] {
			gain[i][f] = s.total()
		}
	}
	out := make([]field, len(x.header))
	for i, f := range bestAssignment(gain) {
		out[i] = nFields
		if f >= 0 {
			out[i] = field(f)
		}
	}
	x.tidy(out)
	return out
}

// tidy takes away what makes no sense beside the rest: one coordinate of two, metres beside
// degrees, a count of two ends with a third.
func (x *examiner) tidy(chosen []field) {
	at := map[field]int{}
	for i, f := range chosen {
		if f != nFields {
			at[f] = i
		}
	}
	drop := func(f field) {
		if i, ok := at[f]; ok {
			chosen[i] = nFields
			delete(at, f)
		}
	}
	has := func(f field) bool { _, ok := at[f]; return ok }
	for _, pair := range [...][2]field{{fLon, fLat}, {fX, fY}} {
		if has(pair[0]) != has(pair[1]) {
			drop(pair[0])
			drop(pair[1])
		}
	}
	x.subject(chosen, at)
	if has(fLon) {
		drop(fX)
		drop(fY)
		drop(fLatLon)
	}
	if has(fGeometry) && (has(fLon) || has(fX)) {
		drop(fLatLon)
	}
	if has(fDateStart) { // said already, and kept under their own names
		drop(fYear)
		drop(fMonth)
		drop(fDay)
		drop(fVerbatimDate)
	}
	if has(fScientificName) && !has(fGenus) {
		drop(fSpecificEpithet)
		drop(fInfraEpithet)
	}
	if has(fCountMin) && has(fCountMax) {
		drop(fCount)
	}
}

// subject settles which column names what was observed, when two name taxa and do not speak
// of the same: the bumble-bee or its flower, the owl or its prey. The one whose header says so
// is taken; when neither does, or both, a person must say.
func (x *examiner) subject(chosen []field, at map[field]int) {
	x.rivals = map[int]bool{}
	var taxa []int
	for i, s := range x.stats {
		if s.latin > 0.5 || s.vernacular > 0.5 || s.cdNom > 0.9 && chosen[i] == fCdNom {
			taxa = append(taxa, i)
		}
	}
	strength := func(i int) float64 {
		return max(x.scores[i][fScientificName].header, x.scores[i][fNameCited].header, x.scores[i][fCdNom].header)
	}
	for n, i := range taxa {
		for _, j := range taxa[n+1:] {
			if x.agree(i, j) {
				continue
			}
			strong, weak := i, j
			if strength(j) > strength(i) {
				strong, weak = j, i
			}
			if f := chosen[weak]; f != nFields && isTaxonField(f) {
				chosen[weak] = nFields
				delete(at, f)
			}
			if strength(strong) < 0.6 || strength(weak) >= 0.6 {
				x.rivals[strong] = true
			}
		}
	}
}

func isTaxonField(f field) bool {
	return f == fScientificName || f == fNameCited || f == fCdNom || f == fCdRef || f == fGenus
}

// agree reports whether two columns name the same taxa in the rows where both are understood.
func (x *examiner) agree(i, j int) bool {
	same, both := 0, 0
	for _, row := range x.sample {
		if i >= len(row) || j >= len(row) {
			continue
		}
		a, b := x.im.refs(row[i]), x.im.refs(row[j])
		if len(a) == 0 || len(b) == 0 {
			continue
		}
		both++
		for _, r := range a {
			if slices.Contains(b, r) {
				same++
				break
			}
		}
	}
	return both == 0 || same*10 >= both*7
}

// refs returns the taxa a text may name: by code, scientific name, or vernacular.
func (im *Importer) refs(v string) (out []taxon.CdRef) {
	if n, ok := integer(clean(v)); ok && n > 0 && n < 1<<31 {
		if m, ok := im.taxa.Resolve(taxon.CdNom(n)); ok {
			out = append(out, m.CdRef)
		}
		return out
	}
	k := taxon.Fold(v)
	if out = im.taxa.ByScientificName(k); len(out) > 0 {
		return out
	}
	if w := strings.Fields(k); len(w) > 2 {
		if out = im.taxa.ByScientificName(w[0] + " " + w[1]); len(out) > 0 {
			return out
		}
	}
	for _, cd := range slices.Concat(im.taxa.French(k), im.taxa.English(k)) {
		if m, ok := im.taxa.Resolve(cd); ok {
			out = append(out, m.CdRef)
		}
	}
	return out
}

// bestAssignment returns for each row of gain the column it is given, -1 for none, so that no
// column is given twice and the sum is the largest (Hungarian method with potentials, e-maxx
// formulation, on costs).
func bestAssignment(gain [][]float64) []int {
	n := len(gain)
	if n == 0 {
		return nil
	}
	m := len(gain[0]) + n // a column of its own for each row: nothing
	cost := func(i, j int) float64 {
		if j < len(gain[0]) {
			if gain[i][j] == 0 {
				return 1
			}
			return -gain[i][j]
		}
		return 0
	}
	u, v, p, way := make([]float64, n+1), make([]float64, m+1), make([]int, m+1), make([]int, m+1)
	for i := 1; i <= n; i++ {
		p[0] = i
		j0 := 0
		least := make([]float64, m+1)
		used := make([]bool, m+1)
		for j := range least {
			least[j] = math.Inf(1)
		}
		for {
			used[j0] = true
			i0, j1, delta := p[j0], 0, math.Inf(1)
			for j := 1; j <= m; j++ {
				if used[j] {
					continue
				}
				if cur := cost(i0-1, j-1) - u[i0] - v[j]; cur < least[j] {
					least[j], way[j] = cur, j0
				}
				if least[j] < delta {
					delta, j1 = least[j], j
				}
			}
			for j := 0; j <= m; j++ {
				if used[j] {
					u[p[j]] += delta
					v[j] -= delta
				} else {
					least[j] -= delta
				}
			}
			if j0 = j1; p[j0] == 0 {
				break
			}
		}
		for j0 != 0 {
			j1 := way[j0]
			p[j0] = p[j1]
			j0 = j1
		}
	}
	out := make([]int, n)
	for i := range out {
		out[i] = -1
	}
	for j := 1; j <= len(gain[0]); j++ {
		if p[j] > 0 && gain[p[j]-1][j-1] > 0 {
			out[p[j]-1] = j - 1
		}
	}
	return out
}

// Patterns of what is found inside a text of another nature.
const (
	stampPattern = `(?:^|[^0-9])((?:19|20)\d{2})[-_]?(0[1-9]|1[0-2])[-_]?(0[1-9]|[12]\d|3[01])(?:[^0-9]|$)`
	stampClock   = `(?:19|20)\d{2}[-_]?(?:0[1-9]|1[0-2])[-_]?(?:0[1-9]|[12]\d|3[01])[-_T ]([01]\d|2[0-3])[-_:h]?([0-5]\d)`
	linePattern  = `(?m)^\s*[*•·-]\s*([^(\n]+?)\s*(?:\(|-?\s*https?:|$)(?:.*cd_nom/(\d+))?`
)

var (
	dateStamp  = regexp.MustCompile(stampPattern)
	stampTime  = regexp.MustCompile(stampClock)
	lineOfList = regexp.MustCompile(linePattern)
)

// taxonLines counts the lines of a text that begin with a taxon TAXREF knows.
func taxonLines(im *Importer, v string) int {
	n := 0
	if strings.IndexByte(v, '\n') < 0 {
		return 0
	}
	for _, l := range lineOfList.FindAllStringSubmatch(v, -1) {
		if im.isTaxon(l[1]) {
			n++
		}
	}
	return n
}

// derive looks inside columns for what no column tells: the taxa of a list, the date in the
// names of recordings.
func (x *examiner) derive(d *Diagnosis) {
	fed, _ := d.Proposal.fed()
	_, cd := fed[fCdNom]
	_, sci := fed[fScientificName]
	_, cited := fed[fNameCited]
	_, date := fed[fDateStart]
	_, year := fed[fYear]
	for i, s := range x.stats {
		name := x.header[i]
		if !cd && !sci && !cited && s.listed > 0.5 && name != "" {
			d.Proposal.Split = &Split{Column: name, Pattern: linePattern, Attributes: []string{fNameCited.String(), fCdNom.String()}}
			d.Derived = append(d.Derived, Derived{d.Proposal.Split.Attributes, name, Reason{Key: "doctor.why.list_of_taxa"}})
			delete(d.Proposal.Columns, name)
			d.forget(name)
			cd = true
		}
		if !date && !year && s.stamp > 0.8 && name != "" {
			d.Proposal.Extracted = map[string]Extract{fDateStart.String(): {Column: name, Pattern: stampPattern, As: "$1-$2-$3"}}
			what := []string{fDateStart.String()}
			if x.share(i, stampTime.MatchString) > 0.8 && fed[fTimeStart] == "" {
				d.Proposal.Extracted[fTimeStart.String()] = Extract{Column: name, Pattern: stampClock, As: "$1:$2"}
				what = append(what, fTimeStart.String())
			}
			d.Derived = append(d.Derived, Derived{what, name, Reason{Key: "doctor.why.stamp"}})
			date = true
		}
	}
}

// forget takes back what a column was proposed for.
func (d *Diagnosis) forget(name string) {
	for i := range d.Columns {
		if c := &d.Columns[i]; c.Name == name {
			c.Attribute, c.Confidence, c.Level, c.Why, c.Values = "", 0, "", nil, nil
		}
	}
}

// share returns the part of the filled rows whose value passes.
func (x *examiner) share(i int, pass func(string) bool) float64 {
	in, n := 0, 0
	for v, rows := range x.stats[i].seen {
		n += rows
		if pass(v) {
			in += rows
		}
	}
	return float64(in) / float64(max(n, 1))
}

func formatFixed(v float64, n int) string { return strconv.FormatFloat(v, 'f', n, 64) }

// bounds returns the box of the territory in degrees, the whole of mainland France when no
// outline is loaded.
func (t *territory) bounds() (west, south, east, north float64) {
	b := orb.Bound{Min: orb.Point{math.Inf(1), math.Inf(1)}, Max: orb.Point{math.Inf(-1), math.Inf(-1)}}
	for _, list := range [][]geo.Area{t.departments, t.regions, t.communes} {
		for _, a := range list {
			if len(a.Geometry) > 0 {
				b = b.Union(a.Geometry.Bound())
			}
		}
		if b.Max[0] > b.Min[0] {
			return b.Min[0], b.Min[1], b.Max[0], b.Max[1]
		}
	}
	return -5.5, 41, 10, 51.5
}

// lambertBox is the same in Lambert-93, generously.
func (t *territory) lambertBox() geo.Box {
	w, s, e, n := t.bounds()
	box := geo.Box{MinX: math.Inf(1), MinY: math.Inf(1), MaxX: math.Inf(-1), MaxY: math.Inf(-1)}
	for _, c := range [...][2]float64{{w, s}, {w, n}, {e, s}, {e, n}, {(w + e) / 2, s}, {(w + e) / 2, n}} {
		x, y := geo.ToLambert93(c[0], c[1])
		box.MinX, box.MaxX, box.MinY, box.MaxY = min(box.MinX, x), max(box.MaxX, x), min(box.MinY, y), max(box.MaxY, y)
	}
	return box
}

// known reports whether an area of a kind has a code.
func (t *territory) known(k geo.Kind, code string) bool {
	key := geo.AdminKey(k, strings.ToUpper(code))
	if key == 0 {
		return false
	}
	if k == geo.Department && len(t.departments) == 0 {
		_, ok := t.department[key]
		return ok
	}
	_, ok := t.numbers[key]
	return ok
}
