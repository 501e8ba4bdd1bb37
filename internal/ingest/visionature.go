package ingest

import (
	"strings"

	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/quality"
)

// structured is what the comment of a VisioNature record says when it came through the
// SINP: the attributes VisioNature has no column for, as "Key: value / Key: value", written
// by the import scripts of the producers.
type structured struct {
	is                                             bool
	remark, description, observers, organisation   string
	public, diffusion, validation, object, dataset string
	method, dateEnd, origin, presence              string
}

// structuredKeys are the keys that start a new value; " / " inside a remark starts none.
var structuredKeys = []string{"Remarques", "Description_obs", "Effectif_max", "Etat_obs", "Statut_obs", "Source_donnée", "Ref_biblio",
	"Methode_observation", "Preuve_obs", "Objet_denombré", "Précision_loc", "Précision_datedébut", "Précision_datefin", "Aide_Identification",
	"Aide_Identification_structure", "Date_identification", "Précision_ctxt", "Observateur(s)", "Structure", "dspublique",
	"diffusionniveauprecision", "Protocole", "Info", "Heure_début", "Heure_fin", "Niv_Valid_Origine", "Valid_Origine", "Raison_Valid_Origine",
	"Géométrie", "ID_Origine", "jeu_données", "ID_jeu_données", "Cadre_acquisition", "ID_Cadre_acquisition", "ID_cadre_acquisition"}

// read parses the two comments of a record.
func (s *structured) read(comment, private string) {
	*s = structured{}
	if strings.HasPrefix(comment, "Remarques: ") {
		s.is = true
		eachStructured(comment, func(k, v string) {
			switch k {
			case "Remarques":
				s.remark = v
			case "Description_obs":
				s.description = v
			case "Statut_obs":
				s.presence = v
			case "Methode_observation":
				s.method = v
			case "Objet_denombré":
				s.object = v
			case "Précision_datefin":
				s.dateEnd = v
			case "Observateur(s)":
				s.observers = v
			case "Structure":
				s.organisation = v
			case "dspublique":
				s.public = v
			case "diffusionniveauprecision":
				s.diffusion = v
			case "Niv_Valid_Origine":
				s.validation = v
			}
		})
	}
	if strings.HasPrefix(private, "ID_Origine: ") {
		eachStructured(private, func(k, v string) {
			switch k {
			case "ID_Origine":
				s.origin = v
			case "jeu_données":
				s.dataset = v
			}
		})
	}
}

func eachStructured(text string, f func(key, value string)) {
	key, value := "", ""
	flush := func() {
		if v := strings.TrimSpace(value); key != "" && v != "" && v != "NULL" {
			f(key, v)
		}
	}
	for text != "" {
		part := text
		if i := strings.Index(text, " / "); i >= 0 {
			part, text = text[:i], text[i+3:]
		} else {
			text = ""
		}
		if k, v, ok := strings.Cut(part, ": "); ok && isStructuredKey(k) {
			flush()
			key, value = k, v
			continue
		}
		value += " / " + part
	}
	flush()
}

func isStructuredKey(k string) bool {
	for _, s := range structuredKeys {
		if s == k {
			return true
		}
	}
	return false
}

// visioNature applies what is particular to VisioNature records (mapping: SINP standards,
// 9.3): structured comments, hidden records, atlas codes, counts that are no counts.
func (m *mapper) visioNature(o *observation.Observation) {
	s, l := &m.vn, &m.im.lists
	o.CountObject, o.Validation = "IND", observation.Probable
	if s.is {
		o.Comment = strings.TrimSpace(strings.Join(nonEmpty(s.remark, s.description), " / "))
		o.Validation = observation.Awaiting
		if c, ok := l.statutValid.code(s.validation); ok && c != "" {
			o.Validation = observation.Validation(c[0] - '0')
		}
		if c, ok := l.objDenbr.code(s.object); ok {
			o.CountObject = c
		}
		if s.method != "" {
			o.Technique, _ = l.methObs.code(s.method)
		}
		if o.Observers == "" {
			o.Observers = s.observers
		}
		m.structuredConsent(o)
	} else {
		o.Comment = m.get(fStructured)
	}
	if text := m.get(fBehaviourText); text != "" {
		first, _, _ := strings.Cut(text, ",")
		o.Behaviour, _ = l.comportement.code(first)
	}
	m.atlas(o)
	m.estimate(o)
	m.hidden(o)
	if form := m.get(fForm); form != "" && form != "0" && o.When.StartTime == "" {
		o.When.StartTime, _ = clock(m.get(fFormStart))
		o.When.EndTime, _ = clock(m.get(fFormStop))
		if o.When.EndTime < o.When.StartTime {
			o.When.EndTime = ""
		}
	}
	// A kilometre square is drawn at its middle: the record stands for the whole square, in the
	// commune the square is listed under.
	if m.get(fPrecisionLabel) == "Carré kilométrique" && o.Place.Georeference == observation.ByGeometry {
		o.Place.Box = cellBox(geo.CellAt(geo.Cell1, o.Place.Box.MinX, o.Place.Box.MinY))
		o.Place.Nature = "In"
	}
}

// structuredConsent reads who may see the record; a value nobody understands rejects it.
func (m *mapper) structuredConsent(o *observation.Observation) {
	for _, c := range [...]struct {
		text string
		list *codelist
		to   *string
	}{{m.vn.public, m.im.lists.dsPublique, &o.Public}, {m.vn.diffusion, m.im.lists.nivPrecis, &o.Diffusion}} {
		if c.text == "" {
			continue
		}
		code, ok := c.list.code(c.text)
		if !ok {
			m.find(quality.InvalidNomenclature, fStructured, c.text, c.list.name)
		}
		*c.to = code
	}
	o.Public = publicCode(o.Public)
}

// atlas reads the breeding code: 2 to 19, 30, 40 and 50 say breeding, possible to certain; 99
// and 100 say the species was looked for and not found.
func (m *mapper) atlas(o *observation.Observation) {
	v := m.get(fAtlas)
	if v == "" {
		return
	}
	n, ok := integer(v)
	switch {
	case !ok:
		m.find(quality.InvalidNomenclatureWarning, fAtlas, v, "VN_ATLAS_CODE")
	case n == 99 || n == 100:
		o.Presence = observation.Absent
	case n >= 2 && n <= 19, n == 30, n == 40, n == 50:
		o.BioStatus = "3"
	}
}

// estimate reads how the number was obtained: × is no count, ≥ a minimum, ~ an estimation, nothing
// an exact count, whose zero means the species was not there.
func (m *mapper) estimate(o *observation.Observation) {
	switch m.get(fEstimation) {
	case "":
		o.CountType = "Co"
		if o.CountMax == 0 {
			o.Presence = observation.Absent
		}
	case ">", "≥":
		o.CountType, o.CountMax = "Es", max(o.CountMin, o.CountMax)
	case "~":
		o.CountType = "Es"
	default:
		o.CountType, o.CountMin, o.CountMax = "NSP", -1, -1
	}
}

// hidden reads the two ways a record is hidden: by its observer, a wish for the 10 km cell; by
// the administrators, a record in question, neither shown nor counted as valid.
func (m *mapper) hidden(o *observation.Observation) {
	if yes(m.get(fHidden)) && o.Diffusion != "4" && o.Diffusion != "3" {
		o.Diffusion = "2"
	}
	if v := m.get(fAdminHidden); v != "" && v != "0" && !strings.EqualFold(v, "non") {
		o.Validation, o.Diffusion = observation.Doubtful, "4"
	}
}

func yes(v string) bool {
	return strings.EqualFold(v, "oui") || v == "1" || strings.EqualFold(v, "true") || strings.EqualFold(v, "yes")
}

func nonEmpty(list ...string) []string {
	out := list[:0]
	for _, s := range list {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}
