package exchange

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/google/uuid"
	"github.com/paulmach/orb/encoding/wkb"
	"github.com/paulmach/orb/encoding/wkt"

	"garrigue/internal/civil"
	"garrigue/internal/dataset"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
)

// columns are the attributes written, under their names of the standard Occurrences de taxons
// v2.0 (reference: SINP standards, 1.1). Three are ours: jddNom, since datasets without an
// identifier are known by their name; empriseL93, the extent of a place known less finely than
// its point, as a VisioNature record of a square; attributsAdditionnels.
func columns() []string {
	return []string{"idSINPOccTax", "idOrigine", "idSINPJdd", "jddNom", "organismeGestionnaireDonnee", "statutObservation",
		"nomCite", "cdNom", "dateDebut", "dateFin", "heureDebut", "heureFin", "observateur", "determinateur",
		"altitudeMin", "altitudeMax", "nomLieu", "commentaire", "denombrementMin", "denombrementMax", "objetDenombrement", "typeDenombrement",
		"obsTechnique", "occStadeDeVie", "occSexe", "occStatutBiologique", "occComportement",
		"dSPublique", "diffusionNiveauPrecision", "dEEFloutage", "sensiNiveau", "nivVal",
		"geometrie", "natureObjetGeo", "precision",
		"codeCommune", "typeInfoGeoCommune", "codeDepartement", "typeInfoGeoDepartement", "codeMaille", "typeInfoGeoMaille", "codeEN", "typeInfoGeoEN", "codeME", "typeInfoGeoME",
		"empriseL93", "attributsAdditionnels"}
}

// appendRow writes one observation in the order of columns. exact is false when its dates are
// known in a way the standard has no writing for.
func appendRow(line []string, o *observation.Observation, d dataset.Dataset) (_ []string, exact bool, err error) {
	id := ""
	if o.IDSinp != uuid.Nil {
		id = o.IDSinp.String()
	}
	origin := o.SourceKey
	if origin == id { // the permanent identifier is the key
		origin = ""
	}
	start, end, exact := period(o.When)
	presence := [...]string{"NSP", "Pr", "No"}[o.Presence]
	line = append(line, id, origin, d.UUID, d.Name, o.Organisation, presence,
		o.NameCited, code(int64(o.CdNom)), start, end, o.When.StartTime, o.When.EndTime, o.Observers, o.Determiner,
		altitude(o.Place.AltitudeMin), altitude(o.Place.AltitudeMax), o.Place.Name, o.Comment,
		count(o.CountMin), count(o.CountMax), o.CountObject, o.CountType,
		o.Technique, o.LifeStage, o.Sex, o.BioStatus, o.Behaviour,
		o.Public, o.Diffusion, o.Blurring, code(int64(o.StatedLevel)), code(int64(o.Validation)))
	if line, err = appendPlace(line, o); err != nil {
		return nil, false, err
	}
	more := ""
	if len(o.Extra) > 0 {
		b, err := json.Marshal(o.Extra)
		if err != nil {
			return nil, false, err
		}
		more = string(b)
	}
	return append(line, more), exact, nil
}

// layer is the area when it is of that kind, a cell of any mesh for NoKind; 0 otherwise.
func layer(k geo.AreaKey, kind geo.Kind) geo.AreaKey {
	if k != 0 && (k.Kind() == kind || kind == geo.NoKind && k.Kind().Mesh() > 0) {
		return k
	}
	return 0
}

func appendPlace(line []string, o *observation.Observation) ([]string, error) {
	p := &o.Place
	shape, box := "", ""
	if p.Georeference == observation.ByGeometry && len(p.Geometry) > 0 {
		g, err := wkb.Unmarshal(p.Geometry)
		if err != nil {
			return nil, err
		}
		shape = wkt.MarshalString(g)
		if geo.BoxOf(g) != p.Box {
			box = fmt.Sprint(p.Box.MinX, p.Box.MinY, p.Box.MaxX, p.Box.MaxY)
		}
	}
	line = append(line, shape, p.Nature, code(int64(p.Uncertainty)))
	// The object the record was located on is a georeference (typeInfoGeo 1); those its producer
	// gave in its stead are not (2).
	given := [...]geo.AreaKey{layer(p.Attached, geo.Commune), layer(p.Attached, geo.Department), layer(p.Attached, geo.NoKind),
		layer(p.Attached, geo.NaturalArea), layer(p.Attached, geo.WaterBody)}
	info := "1"
	if o.BlurredAtSource() {
		given[0], given[1], info = p.Commune, p.Department, "2"
	}
	for _, k := range given {
		if k == 0 {
			line = append(line, "", "")
			continue
		}
		line = append(line, k.Code(), info)
	}
	return append(line, box), nil
}

func code(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func count(n int32) string {
	if n < 0 {
		return ""
	}
	return strconv.Itoa(int(n))
}

func altitude(m int16) string {
	if m == observation.NoAltitude {
		return ""
	}
	return strconv.Itoa(int(m))
}

// period writes the two days as coarsely as they are known, in ISO 8601: a month, 2019-05, is
// not its first day. One of both says the precision when the other is a plain day.
func period(w observation.Period) (start, end string, exact bool) {
	if w.Start == civil.NoDate {
		return "", "", true
	}
	start, end = w.Start.String(), w.End.String()
	if w.End == civil.NoDate {
		end = ""
	}
	switch w.Precision {
	case observation.Day:
		return start, end, true
	case observation.Month:
		first := len(start) == 10 && start[8:] == "01"
		last := end != "" && civil.Date(w.End + 1).String()[8:] == "01"
		if first {
			start = start[:7]
		}
		if last {
			end = end[:7]
		}
		return start, end, first || last
	}
	first, last := len(start) == 10 && start[5:] == "01-01", len(end) == 10 && end[5:] == "12-31"
	if first {
		start = start[:4]
	}
	if last {
		end = end[:4]
	}
	return start, end, first || last
}
