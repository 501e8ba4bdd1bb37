package ingest

import (
	"context"
	"math"
	"strings"

	"github.com/paulmach/orb"

	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/quality"
	"garrigue/internal/taxon"
)

// farFrom is how far, in metres, a place may be from the commune or department its producer
// states before the record waits for a person; Settings.Far is another. Borders are drawn by hand
// and VisioNature files a record under the nearest named place (up to 400 m over a border
// in a real export): below, it is told. Beyond, either the point or the commune is wrong and
// nothing tells which; a wrong point is published for good, a held record is not.
const farFrom = 2000

// setNames prepares the names of communes and departments, and takes the communes that are no
// more: their codes and their names lead to the commune that holds them now.
func (t *territory) setNames(former []geo.Area) {
	t.named, t.departmentNamed, t.former = map[string]geo.AreaKey{}, map[string]geo.AreaKey{}, map[string]geo.AreaKey{}
	put := func(to map[string]geo.AreaKey, name string, key geo.AreaKey) {
		if old, twice := to[name]; twice && old != key {
			key = 0
		}
		to[name] = key
	}
	for i := range t.communes {
		a := &t.communes[i]
		put(t.named, t.department[a.Parent]+"|"+foldPlace(a.Name), a.Key)
	}
	for i := range t.departments {
		put(t.departmentNamed, foldPlace(t.departments[i].Name), t.departments[i].Key)
	}
	for i := range former {
		a := &former[i]
		n, ok := t.numbers[a.Parent]
		if !ok || a.Parent.Kind() != geo.Commune {
			continue // of a commune that is not loaded
		}
		t.former[a.Key.Code()] = a.Parent
		name := t.department[t.communes[n].Parent] + "|" + foldPlace(a.Name)
		if _, taken := t.named[name]; !taken && a.Name != "" {
			t.named[name] = a.Parent
		}
	}
}

// foldPlace folds the name of a place for comparison: no accents, case, hyphens nor articles;
// St and Ste in full; the article that some lists put last, "Bastide (La)", left out too.
func foldPlace(name string) string {
	s := taxon.Fold(name)
	s, _, _ = strings.Cut(s, " (")
	words := strings.Fields(strings.NewReplacer("/", " ", "\u2019", " ", ".", " ", ",", " ").Replace(s))
	out := words[:0]
	for i, w := range words {
		switch w {
		case "st":
			w = "saint"
		case "ste":
			w = "sainte"
		case "s":
			w = "sur"
		case "le", "la", "les", "l", "lo", "los", "las":
			if i == 0 && len(words) > 1 {
				continue
			}
		}
		out = append(out, w)
	}
	return strings.Join(out, " ")
}

// statedDepartment returns the department a row states, by its code or its name.
func (m *mapper) statedDepartment() geo.AreaKey {
	if v := m.get(fDepartment); v != "" {
		return adminKey(geo.Department, v)
	}
	if v := m.get(fDepartmentName); v != "" {
		return m.im.places.departmentNamed[foldPlace(v)]
	}
	return 0
}

// statedByName returns the commune a row names, when its department is stated and one commune
// there bears the name; 0 otherwise.
func (m *mapper) statedByName() geo.AreaKey {
	if m.get(fCommuneName) == "" || m.get(fCommune) != "" {
		return 0
	}
	d := m.statedDepartment()
	if d == 0 {
		return 0
	}
	return m.communeNamed(m.get(fCommuneName), d)
}

// communeNamed looks a name up in a department; the answers are remembered, names repeat.
func (m *mapper) communeNamed(name string, department geo.AreaKey) geo.AreaKey {
	ask := placeName{name, department}
	if key, known := m.communes[ask]; known {
		return key
	}
	key := m.im.places.named[m.im.places.department[department]+"|"+foldPlace(name)]
	if len(m.communes) > 50_000 {
		clear(m.communes)
	}
	m.communes[placeName{strings.Clone(name), department}] = key
	return key
}

type placeName struct {
	name       string
	department geo.AreaKey
}

// compareStated compares where a geometry is with the commune and the department its producer
// states. at is the shape in WGS84, nil for a point.
func (m *mapper) compareStated(p *observation.Place, at orb.Geometry) {
	if m.compareCommune(p, at) {
		return
	}
	v := m.get(fDepartment)
	if v == "" || p.Department == 0 {
		return
	}
	key := adminKey(geo.Department, v)
	if key == 0 || key == p.Department {
		return
	}
	d := math.Inf(1)
	if i, ok := m.im.places.numbers[key]; ok {
		d = m.im.places.byDepartment.Distance(i, placeAt(p, at))
	}
	m.differs(quality.DepartmentMismatch, quality.DepartmentFar, fDepartment, v, d)
}

// compareCommune tells of a stated commune that is not the place's; told is true when it did.
func (m *mapper) compareCommune(p *observation.Place, at orb.Geometry) (told bool) {
	t := m.im.places
	if len(t.communes) == 0 {
		return false
	}
	f, v := fCommune, m.get(fCommune)
	var key geo.AreaKey
	switch {
	case strings.ContainsAny(v, ",|;"):
		return m.compareCommunes(p, at, v)
	case v != "":
		key, _ = m.communeKey(v)
	default:
		f, v = fCommuneName, m.get(fCommuneName)
		if v == "" || p.Department == 0 {
			return false
		}
		key = m.communeNamed(v, p.Department)
	}
	if key == 0 || key == p.Commune {
		return false
	}
	i, ok := t.numbers[key]
	if !ok {
		m.differs(quality.CommuneMismatch, quality.CommuneFar, f, v, math.Inf(1))
		return true
	}
	d := t.byCommune.Distance(i, placeAt(p, at))
	m.differs(quality.CommuneMismatch, quality.CommuneFar, f, v, d)
	return d > 0
}

// compareCommunes compares a place with several communes: one of them is enough.
func (m *mapper) compareCommunes(p *observation.Place, at orb.Geometry, list string) bool {
	t := m.im.places
	nearest := math.Inf(1)
	for _, v := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == '|' || r == ';' }) {
		key, _ := m.communeKey(strings.TrimSpace(v))
		if key != 0 && key == p.Commune {
			return false
		}
		if i, ok := t.numbers[key]; ok {
			nearest = min(nearest, t.byCommune.Distance(i, placeAt(p, at)))
		}
	}
	m.differs(quality.CommuneMismatch, quality.CommuneFar, fCommune, list, nearest)
	return nearest > 0
}

// differs tells of a stated area that is metres away. An area nobody loaded is only told, since
// its distance is not known; so is one within reach.
func (m *mapper) differs(near, far quality.Code, f field, v string, metres float64) {
	switch {
	case metres == 0:
	case math.IsInf(metres, 1):
		m.find(near, f, v, "?")
	case metres > m.im.set.Far:
		m.far = true
		m.find(far, f, v, itoa(int(math.Ceil(metres/1000))))
	default: // to the next hundred metres: a finding must not place a record to the metre
		m.find(near, f, v, itoa(int(math.Ceil(metres/100))*100))
	}
}

func placeAt(p *observation.Place, at orb.Geometry) orb.Geometry {
	if at == nil {
		return orb.Point{p.Lon, p.Lat}
	}
	return at
}

// departmentOf returns the department that decides the sensitivity of a place, which a record
// blurred by its producer may not say itself.
func (t *territory) departmentOf(p *observation.Place) geo.AreaKey {
	if p.Department != 0 {
		return p.Department
	}
	if i, ok := t.numbers[p.Commune]; ok && p.Commune != 0 {
		return t.communes[i].Parent
	}
	return 0
}

// moreAreas reads what the vault knows beside the layers of the map: communes that are no
// more, natural areas and water bodies.
func (im *Importer) moreAreas(ctx context.Context) error {
	t := im.places
	t.share = im.set.Share
	former, err := im.db.Areas(ctx, geo.FormerCommune)
	if err != nil {
		return err
	}
	t.setNames(former)
	for _, k := range [...]geo.Kind{geo.NaturalArea, geo.WaterBody} {
		areas, err := im.db.Areas(ctx, k)
		if err != nil {
			return err
		}
		for _, a := range areas {
			t.natural[a.Key] = a
		}
	}
	return nil
}
