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
	m.behaviours(o)
	m.atlas(o)
	m.estimate(o)
	m.hidden(o)
	if yes(m.get(fSecondHand)) || yes(m.get(fAnonymous)) {
		o.Observers = "" // who did not ask to be named, or asked not to be
	}
	if form := m.get(fForm); form != "" && form != "0" && o.When.StartTime == "" {
		o.When.StartTime, _ = clock(m.get(fFormStart))
		o.When.EndTime, _ = clock(m.get(fFormStop))
		if o.When.EndTime < o.When.StartTime {
			o.When.EndTime = ""
		}
	}
	m.visioPlace(o)
}

// visioPlace makes an area of a record that stands at the middle of its place. A kilometre square
// is drawn at its middle: the record stands for the whole square, in the commune the square is
// listed under. VisioNature gives other places no size: the radius is our own estimate, on
// the large side, so that no such point passes for an exact one.
func (m *mapper) visioPlace(o *observation.Observation) {
	p := &o.Place
	if p.Georeference != observation.ByGeometry || p.Box.MinX != p.Box.MaxX || p.Box.MinY != p.Box.MaxY {
		return
	}
	radius := 0
	switch m.get(fPrecisionLabel) {
	case "Carré kilométrique", "square":
		p.Box, p.Nature = cellBox(geo.CellAt(geo.Cell1, p.Box.MinX, p.Box.MinY)), "In"
		return
	case "garden", "Jardin", "object", "subplace", "Sous-lieu-dit":
		radius = 500
	case "place", "Lieu-dit", "water", "polygone", "transect":
		radius = 1000
	case "imprecise", "municipality", "Commune":
		radius = 5000
	default: // precise, and what we do not know
		return
	}
	p.Uncertainty, p.Nature = max(p.Uncertainty, radius), "In"
}

// visioNatureValues are the codes of VisioNature's answers. FT is a bird in female plumage,
// which may be a young male; 1Y is the first calendar year, 2Y to 5Y the plumages before the adult's.
func visioNatureValues() map[field]map[string]string {
	return map[field]map[string]string{
		fSex: {"U": "0", "M": "3", "F": "2", "FT": "1", "mixed": "5"},
		fLifeStage: {"U": "0", "AD": "2", "MATURE": "2", "SUBAD": "5", "JUVENILE": "3", "PULL": "3", "YOUNGDEP": "3", "YOUNGFLYING": "3", "YOUNGBOLD": "3",
			"1Y": "3", "IMM": "4", "IMM3": "4", "2Y": "4", "3Y": "4", "4Y": "4", "5Y": "4", "1YP": "1", "EMERGENT": "25", "EXUVIE": "11", "IMAGO": "15"},
	}
}

// behaviours takes the first behaviour that the standard has a code for.
func (m *mapper) behaviours(o *observation.Observation) {
	text := m.get(fBehaviourText)
	for text != "" {
		var one string
		one, text, _ = strings.Cut(text, ",")
		one = strings.TrimSpace(one)
		code, ok := m.im.lists.comportement.code(one)
		if !ok {
			code, ok = visioBehaviour(one)
		}
		if ok {
			o.Behaviour = code
			return
		}
	}
}

// visioBehaviour reads the constants of the API that mean one code of OCC_COMPORTEMENT.
func visioBehaviour(name string) (string, bool) {
	switch name {
	case "MIGRATION", "MIGRATION_ACTIV":
		return "4", true
	case "FOOD":
		return "8", true
	case "WINTERING":
		return "9", true
	case "TRANSIT":
		return "10", true
	case "LAID", "GROUND_REST":
		return "15", true
	case "MOVE":
		return "16", true
	case "REST", "SLEEP", "SURFACE_REST":
		return "17", true
	case "COUPLING":
		return "19", true
	case "TANDEM":
		return "21", true
	case "TERRITORY", "TERRITORY_MARK":
		return "22", true
	case "LAY_EGGS":
		return "23", true
	}
	return "", false
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
	case "", "EXACT_VALUE":
		o.CountType = "Co"
		if o.CountMax == 0 {
			o.Presence = observation.Absent
		}
	case ">", "≥", "MINIMUM":
		o.CountType, o.CountMax = "Es", max(o.CountMin, o.CountMax)
	case "~", "ESTIMATION":
		o.CountType = "Es"
	default:
		o.CountType, o.CountMin, o.CountMax = "NSP", -1, -1
	}
}

// hidden reads the two ways a record is hidden: by its observer, a wish for the 10 km cell; by
// the administrators, a record in question or refused, neither shown nor counted as valid. A
// committee's verdict is certain when it accepts, in doubt until then.
func (m *mapper) hidden(o *observation.Observation) {
	switch m.get(fCommittees) {
	case "ACCEPTED":
		o.Validation = observation.Certain
	case "REQUESTED":
		o.Validation = observation.Doubtful
	}
	if yes(m.get(fHidden)) && o.Diffusion != "4" && o.Diffusion != "3" {
		o.Diffusion = "2"
	}
	if v := m.get(fAdminHidden); v != "" && v != "0" && !strings.EqualFold(v, "non") {
		o.Validation, o.Diffusion = observation.Doubtful, "4"
	}
	switch m.get(fAdminType) {
	case "refused":
		o.Validation, o.Diffusion = observation.Invalid, "4"
	case "question":
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
