package ingest

import (
	"strings"

	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/quality"
)

// attachable is one kind of object a record may be attached to.
type attachable struct {
	code, info field
	kind       geo.Kind
}

func attachLayers(cellFirst bool) [3]attachable {
	c, d, x := attachable{fCommune, fCommuneInfo, geo.Commune}, attachable{fDepartment, fDepartmentInfo, geo.Department}, attachable{fCell, fCellInfo, geo.Cell10}
	if cellFirst {
		return [3]attachable{x, c, d}
	}
	return [3]attachable{c, x, d}
}

// georeferences counts the layers said to carry the georeference (typeInfoGeo 1).
func (m *mapper) georeferences() (n int) {
	for _, l := range [...]field{fCommuneInfo, fDepartmentInfo, fCellInfo, fNaturalAreaInfo, fWaterBodyInfo} {
		if m.coded(l, m.im.lists.typInfGeo) == "1" {
			n++
		}
	}
	return n
}

// alsoAttached checks what stands beside a geometry, which wins.
func (m *mapper) alsoAttached() {
	switch n := m.georeferences(); {
	case n > 1:
		m.found = append(m.found, quality.Finding{Code: quality.MoreThanOneGeoreference})
	case n == 1:
		m.find(quality.MultipleGeoInfoWarning, fGeometry, "")
	}
}

// attach places a record without geometry on the one object it names.
func (m *mapper) attach(p *observation.Place) bool {
	if m.georeferences() > 1 {
		m.found = append(m.found, quality.Finding{Code: quality.MoreThanOneGeoreference})
		return false
	}
	if key := m.naturalArea(true); key != 0 {
		return m.on(p, key)
	}
	var chosen attachable
	var value string
	given := 0
	for _, l := range attachLayers(m.plan.format.cellFirst) {
		v := m.get(l.code)
		if v == "" {
			continue
		}
		given++
		first := m.coded(l.info, m.im.lists.typInfGeo) == "1"
		if value == "" || first {
			chosen, value = l, v
		}
	}
	if given == 0 || chosen.kind == geo.Department {
		if key := m.statedByName(); key != 0 {
			m.find(quality.CommuneByName, fCommuneName, m.get(fCommuneName), key.Code())
			return m.on(p, key)
		}
	}
	switch {
	case given == 0:
		return m.attachElsewhere(p)
	case given > 1 && m.georeferences() == 0:
		m.find(quality.MultipleGeoInfoWarning, chosen.code, "")
	}
	key, code := m.areaKey(chosen, value)
	if code != "" {
		m.find(code, chosen.code, value)
		return false
	}
	if !m.im.places.loaded() { // nothing to know codes from: kept, to be placed when outlines are loaded
		p.Attached, p.Georeference = key, georeferenceOf(key.Kind())
		return false
	}
	if _, _, found := m.im.places.attached(key); !found {
		m.find(quality.InvalidAttachmentCode, chosen.code, value)
		return false
	}
	return m.on(p, key)
}

// on places a record on a known object.
func (m *mapper) on(p *observation.Place, key geo.AreaKey) (inside bool) {
	return m.im.places.putOn(p, key)
}

// attachElsewhere is for a record that names neither commune, nor department, nor cell.
func (m *mapper) attachElsewhere(p *observation.Place) bool {
	natural := m.get(fNaturalArea) + m.get(fWaterBody)
	switch {
	case natural != "":
		if key := m.naturalArea(false); key != 0 {
			return m.on(p, key)
		}
		f := fNaturalArea
		if m.get(f) == "" {
			f = fWaterBody
		}
		m.find(quality.NaturalAreaUnknown, f, m.get(f)) // kept, without a place
	case m.get(fCommuneName) != "":
		m.find(quality.CommuneNameNotFound, fCommuneName, m.get(fCommuneName))
	default:
		m.found = append(m.found, quality.Finding{Code: quality.NoGeoreference})
	}
	return false
}

// naturalArea returns the natural area or water body a record names, when its outline is
// loaded; with first, only one said to carry the georeference.
func (m *mapper) naturalArea(first bool) geo.AreaKey {
	for _, l := range [...]attachable{{fNaturalArea, fNaturalAreaInfo, geo.NaturalArea}, {fWaterBody, fWaterBodyInfo, geo.WaterBody}} {
		v := m.get(l.code)
		if v == "" || first && m.coded(l.info, m.im.lists.typInfGeo) != "1" {
			continue
		}
		key := geo.AdminKey(l.kind, strings.ToUpper(v))
		if _, known := m.im.places.natural[key]; known && key != 0 {
			return key
		}
	}
	return 0
}

// attachBlurred places a record that its producer blurred before sending it (the fourth case of
// the representation note): on the objects that came with it, one a layer, and on nothing that
// follows from them. It has no point and no extent but that of a given cell.
func (m *mapper) attachBlurred(p *observation.Place) (inside bool) {
	several, t := false, m.im.places
	for _, l := range attachLayers(true) {
		v := m.get(l.code)
		if v == "" {
			continue
		}
		key, code := m.areaKey(l, v)
		if code == quality.MultipleCodeAttachment {
			several = true
			continue
		}
		if code != "" {
			m.find(code, l.code, v)
			return false
		}
		if t.loaded() {
			_, within, found := t.attached(key)
			if !found {
				m.find(quality.InvalidAttachmentCode, l.code, v)
				return false
			}
			inside = inside || within
		}
		switch l.kind {
		case geo.Commune:
			p.Commune = key
		case geo.Department:
			p.Department = key
		default:
			p.Box = cellBox(key)
		}
		if p.Attached == 0 {
			p.Attached, p.Georeference = key, georeferenceOf(key.Kind())
		}
	}
	if p.Attached != 0 {
		return inside
	}
	if several || m.get(fNaturalArea) != "" || m.get(fWaterBody) != "" {
		m.found = append(m.found, quality.Finding{Code: quality.BlurredNotShown})
		return false
	}
	m.found = append(m.found, quality.Finding{Code: quality.NoGeoreference})
	return false
}

func georeferenceOf(k geo.Kind) observation.Georeference {
	switch {
	case k == geo.Commune:
		return observation.ByCommune
	case k == geo.Department:
		return observation.ByDepartment
	case k.Mesh() > 0:
		return observation.ByCell
	}
	return observation.NoPlace
}

// areaKey reads the code of an object; the quality code tells what is wrong with it. A code of
// a commune that is no more gives today's.
func (m *mapper) areaKey(l attachable, v string) (geo.AreaKey, quality.Code) {
	if strings.ContainsAny(v, ",|;") {
		return 0, quality.MultipleCodeAttachment
	}
	if l.kind == geo.Cell10 {
		if k, ok := geo.ParseCell(v); ok {
			return k, ""
		}
		return 0, quality.InvalidAttachmentCode
	}
	if l.kind == geo.Commune {
		return m.communeKey(v)
	}
	if k := adminKey(l.kind, v); k != 0 {
		return k, ""
	}
	return 0, quality.InvalidAttachmentCode
}

// adminKey reads an INSEE code, also one that lost its leading zero in a spreadsheet.
func adminKey(kind geo.Kind, v string) geo.AreaKey {
	v = strings.ToUpper(v)
	if kind == geo.Commune && len(v) == 4 || kind == geo.Department && len(v) == 1 {
		v = "0" + v
	}
	return geo.AdminKey(kind, v)
}

// communeKey reads the code of a commune, and tells when it is that of one merged into another
// (Code officiel géographique: new communes, delegated and associated ones). The code as written
// is kept among the record's values.
func (m *mapper) communeKey(v string) (geo.AreaKey, quality.Code) {
	k := adminKey(geo.Commune, v)
	if k == 0 {
		return 0, quality.InvalidAttachmentCode
	}
	t := m.im.places
	if _, current := t.numbers[k]; current || len(t.former) == 0 {
		return k, ""
	}
	if now, ok := t.former[k.Code()]; ok {
		m.find(quality.OldCommuneCode, fCommune, v, now.Code(), firstOf(m.get(fCommuneYear), "–"))
		return now, ""
	}
	return k, ""
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
