package demo

import (
	"context"
	"io"
	"math"
	"strconv"

	"garrigue/internal/civil"
)

// header is the columns of observations.csv: names of the SINP standard v2.0, plus the
// dataset's name and the validation of its extension.
const header = "idSINPOccTax;idOrigine;statutObservation;nomCite;cdNom;dateDebut;dateFin;heureDebut;observateur;determinateur;" +
	"altitudeMin;altitudeMax;nomLieu;commentaire;denombrementMin;denombrementMax;objetDenombrement;typeDenombrement;" +
	"obsTechnique;occSexe;occStadeDeVie;occStatutBiologique;occComportement;preuveExistante;statutSource;referenceBiblio;" +
	"dSPublique;diffusionNiveauPrecision;idSINPJdd;jddNom;organismeGestionnaireDonnee;sensiNiveau;nivVal;" +
	"geometrie;natureObjetGeo;precision;codeCommune;typeInfoGeoCommune;codeMaille;typeInfoGeoMaille;codeDepartement;typeInfoGeoDepartement\n"

// mistake names a kind of deliberate mistake in observations.csv.
type mistake string

// The deliberate mistakes: about one row in 300, for garrigue rejects to show.
const (
	mistakenFuture    mistake = "date in the future"
	mistakenOrder     mistake = "end before start"
	mistakenDay       mistake = "impossible day"
	mistakenNoDate    mistake = "no date"
	mistakenNoPlace   mistake = "no place"
	mistakenSwapped   mistake = "latitude and longitude swapped"
	mistakenCommune   mistake = "unknown commune"
	mistakenDuplicate mistake = "identifier used twice"
	mistakenCounts    mistake = "minimum count above maximum"
	mistakenNoName    mistake = "no taxon"
	wrongEvery                = 300
	unnamedLocations          = 0.35
)

func mistakes() []mistake {
	return []mistake{mistakenFuture, mistakenOrder, mistakenDay, mistakenNoDate, mistakenNoPlace, mistakenSwapped, mistakenCommune, mistakenDuplicate,
		mistakenCounts, mistakenNoName}
}

// Counts says what a file of observations holds.
type Counts struct {
	Rows      int
	wrong     map[mistake]int // rows to be rejected for a deliberate mistake; of a duplicate, both
	Absent    int             // taxa looked for and not found
	Unmatched int             // names no reference knows
	Points    int
	Lines     int
	Polygons  int
	Attached  int // to a commune, a cell or a department, without geometry
	Doubtful  int // doubtful or invalid
	AtSea     int // points outside the territory, to be held
}

// wrongRows is how many rows have a deliberate mistake.
func (c *Counts) wrongRows() int {
	n := 0
	for _, k := range c.wrong {
		n += k
	}
	return n
}

// writer turns records into lines.
type writer struct {
	o        *observatory
	buf      []byte
	counts   Counts
	last     [36]byte // identifier of an earlier row, for the duplicates
	hasLast  bool
	lastUsed bool // its own row is a duplicate too
	dateText map[civil.Date]string
}

// write streams n rows to out. Memory stays the same whatever n.
func (o *observatory) write(ctx context.Context, out io.Writer, n int, progress func(done, total int64)) (Counts, error) {
	w := writer{o: o, buf: make([]byte, 0, 1<<17), counts: Counts{wrong: map[mistake]int{}}, dateText: map[civil.Date]string{}}
	w.buf = append(w.buf, header...)
	var r record
	for i := range n {
		o.next(&r)
		var wrong mistake
		if o.chance.below(wrongEvery) == 0 {
			all := mistakes()
			wrong = all[o.chance.below(len(all))]
		}
		w.row(&r, i, wrong)
		if len(w.buf) > 1<<16 || i == n-1 {
			if err := ctx.Err(); err != nil {
				return w.counts, err
			}
			if _, err := out.Write(w.buf); err != nil {
				return w.counts, err
			}
			w.buf = w.buf[:0]
			if progress != nil {
				progress(int64(i+1), int64(n))
			}
		}
	}
	return w.counts, nil
}

func (w *writer) field(s string) { w.buf = append(append(w.buf, s...), ';') }

func (w *writer) number(n int) { w.buf = append(strconv.AppendInt(w.buf, int64(n), 10), ';') }

func (w *writer) empty(n int) {
	for range n {
		w.buf = append(w.buf, ';')
	}
}

func (w *writer) date(d civil.Date) {
	t, ok := w.dateText[d]
	if !ok {
		t = d.String()
		w.dateText[d] = t
	}
	w.field(t)
}

// row appends one line, spoilt when wrong is not empty.
func (w *writer) row(r *record, i int, wrong mistake) {
	w.counts.Rows++
	if wrong == mistakenDuplicate && (!w.hasLast || r.survey.anonymous) {
		wrong = mistakenNoDate
	}
	if wrong == mistakenSwapped || wrong == mistakenNoPlace {
		r.shape, r.atSea = point, false
	}
	if wrong == mistakenCommune {
		r.shape = byCommune
	}
	if wrong == mistakenCounts {
		r.absent, r.count = false, 7
	}
	if wrong != "" {
		w.counts.wrong[wrong]++
		if wrong == mistakenDuplicate && !w.lastUsed {
			w.counts.wrong[wrong]++
			w.lastUsed = true
		}
	} else {
		w.count(r)
	}
	w.identity(r, i, wrong)
	w.dates(r, wrong)
	w.people(r)
	w.circumstances(r)
	w.countFields(r, wrong)
	for _, s := range [...]string{r.technique, r.sex, r.stage, r.status, r.behaviour, ""} {
		w.field(s)
	}
	if r.survey.literature {
		w.field("Li")
		w.field("Bulletin du " + r.survey.producer)
	} else {
		w.field("Te")
		w.empty(1)
	}
	w.field(r.survey.public)
	w.field(r.wish)
	w.field(r.survey.uuid)
	w.field(r.survey.name)
	w.field(r.survey.producer)
	w.field("0")
	w.field(r.nivVal)
	w.place(r, wrong)
}

func (w *writer) count(r *record) {
	c := &w.counts
	if r.absent {
		c.Absent++
	}
	if r.atSea {
		c.AtSea++
	}
	if r.cdNom == 0 {
		c.Unmatched++
	}
	if r.nivVal == "3" || r.nivVal == "4" {
		c.Doubtful++
	}
	switch r.shape {
	case point:
		c.Points++
	case line:
		c.Lines++
	case polygon:
		c.Polygons++
	default:
		c.Attached++
	}
}

func (w *writer) identity(r *record, i int, wrong mistake) {
	var id [36]byte
	w.o.chance.putUUID(&id)
	switch {
	case r.survey.anonymous:
		w.empty(1)
	case wrong == mistakenDuplicate:
		w.buf = append(append(w.buf, w.last[:]...), ';')
	default:
		w.buf = append(append(w.buf, id[:]...), ';')
		if wrong == "" && (!w.hasLast || i%97 == 0) {
			w.last, w.hasLast, w.lastUsed = id, true, false
		}
	}
	w.buf = append(w.buf, r.survey.uuid[:4]...)
	w.buf = append(w.buf, '-')
	w.number(i + 1)
	switch {
	case r.absent:
		w.field("No")
	case r.unknown:
		w.field("NSP")
	default:
		w.field("Pr")
	}
	if wrong == mistakenNoName {
		w.empty(2)
		return
	}
	w.field(r.name)
	if r.cdNom == 0 {
		w.empty(1)
	} else {
		w.number(int(r.cdNom))
	}
}

func (w *writer) dates(r *record, wrong mistake) {
	switch wrong {
	case mistakenFuture:
		w.date(r.end + 40000)
		w.date(r.end + 40000)
	case mistakenOrder:
		w.date(r.end)
		w.date(r.start - 30)
	case mistakenDay:
		w.field("2019-02-30")
		w.field("2019-02-30")
	case mistakenNoDate:
		w.empty(2)
	default:
		w.date(r.start)
		w.date(r.end)
	}
	if r.start == r.end && w.o.chance.hit(0.2) {
		k := 6*60 + w.o.chance.below(14*60)
		w.buf = append(w.buf, byte('0'+k/600), byte('0'+k/60%10), ':', byte('0'+k%60/10), byte('0'+k%10), ';')
	} else {
		w.empty(1)
	}
}

func (w *writer) people(r *record) {
	name := w.o.people[r.observer]
	switch {
	case r.survey.collective:
		w.field(r.survey.producer)
		w.empty(1)
	case r.survey.literature:
		w.field("Inconnu")
		w.empty(1)
	default:
		w.field(name)
		w.field(name)
	}
}

// circumstances are altitude, place name and comment.
func (w *writer) circumstances(r *record) {
	c := w.o.chance
	if r.site.alt != noHeight && r.shape <= polygon && c.hit(0.8) {
		w.number(int(r.site.alt))
		w.number(int(r.site.alt))
	} else {
		w.empty(2)
	}
	if r.shape <= polygon && !c.hit(unnamedLocations) {
		w.field(spotName(r.site))
	} else {
		w.empty(1)
	}
	if c.hit(0.04) {
		w.field(remarks[c.below(len(remarks))])
	} else {
		w.empty(1)
	}
}

var remarks = [...]string{"Au bord du chemin.", "Sous la pluie, vent faible.", "Belle population.", "Revu au même endroit que l’an dernier.",
	"Photographie à l’appui.", "Pendant la sortie mensuelle.", "Individu peu farouche.", "À revoir."}

// spotName is the invented name of a site's surroundings.
func spotName(s *site) string {
	kinds := [...]string{"le Mas", "la Combe", "les Aires", "le Clot", "la Font", "le Pont", "les Olivettes", "la Devèze", "le Pioch", "la Croix",
		"le Moulin", "les Prés", "le Bosc", "la Plaine", "le Travers"}
	whose := [...]string{"de Bardou", "Vieille", "d’en Haut", "des Abeilles", "du Curé", "de Roumégas", "Neuf", "de la Dame", "perdu", "de Sarrou",
		"du Loup", "des Vignes", "de Madame", "bas", "du Rocher"}
	h := mix(math.Float64bits(s.lon)*31 ^ math.Float64bits(s.lat))
	return kinds[h%15] + " " + whose[h/15%15]
}

func (w *writer) countFields(r *record, wrong mistake) {
	switch {
	case wrong == mistakenCounts:
		w.field("12")
		w.field("3")
		w.field("IND")
		w.field("Co")
	case r.count == 0:
		w.empty(4)
	case r.counted:
		w.number(r.count)
		w.number(r.count)
		w.field(r.object)
		w.field("Co")
	default:
		w.number(r.count)
		w.number(r.count + r.count/4)
		w.field(r.object)
		w.field("Es")
	}
}

// place appends the geometry or the area, and ends the line.
func (w *writer) place(r *record, wrong mistake) {
	at := w.o.world.communes[r.site.commune]
	if wrong == mistakenNoPlace {
		w.empty(8)
		w.buf = append(w.buf, '\n')
		return
	}
	if r.shape > polygon {
		w.empty(3)
		switch r.shape {
		case byCommune:
			if wrong == mistakenCommune {
				at.code = "99Z99"
			}
			w.field(at.code)
			w.field("1")
			w.empty(3)
		case byCell:
			w.empty(2)
			w.field(r.site.cell10())
			w.field("1")
			w.empty(1)
		case byDepartment:
			w.empty(4)
			w.field(at.department)
			w.buf = append(w.buf, '1')
		}
		w.buf = append(w.buf, '\n')
		return
	}
	if wrong == mistakenSwapped {
		r.lon, r.lat = r.lat, r.lon
	}
	nature := "St"
	switch r.shape {
	case point:
		w.buf = append(w.buf, "POINT ("...)
		w.vertex(r.lon, r.lat)
	case line:
		w.buf = append(w.buf, "LINESTRING ("...)
		w.walk(r)
	case polygon:
		w.buf = append(w.buf, "POLYGON (("...)
		w.patch(r)
		w.buf = append(w.buf, ')')
		if w.o.chance.hit(0.5) {
			nature = "In"
		}
	}
	w.buf = append(w.buf, ')', ';')
	w.field(nature)
	if r.precision > 0 {
		w.number(r.precision)
	} else {
		w.empty(1)
	}
	w.empty(5)
	w.buf = append(w.buf, '\n')
}

func (w *writer) vertex(lon, lat float64) {
	w.buf = strconv.AppendFloat(w.buf, lon, 'f', 6, 64)
	w.buf = append(w.buf, ' ')
	w.buf = strconv.AppendFloat(w.buf, lat, 'f', 6, 64)
}

// walk is a transect of some steps of 30–60 m.
func (w *writer) walk(r *record) {
	c := w.o.chance
	angle, lon, lat := c.float()*2*math.Pi, r.lon, r.lat
	w.vertex(lon, lat)
	for range 2 + c.below(4) {
		angle += c.between(-0.7, 0.7)
		d := c.between(30, 60)
		lon += d * math.Cos(angle) * r.site.perLon
		lat += d * math.Sin(angle) * perLat
		w.buf = append(w.buf, ", "...)
		w.vertex(lon, lat)
	}
}

// patch is a small plot of five to eight corners.
func (w *writer) patch(r *record) {
	c := w.o.chance
	n := 5 + c.below(4)
	size := c.between(15, 90)
	var first [2]float64
	for k := range n {
		a := 2 * math.Pi * float64(k) / float64(n)
		d := size * c.between(0.6, 1)
		lon, lat := r.lon+d*math.Cos(a)*r.site.perLon, r.lat+d*math.Sin(a)*perLat
		if k == 0 {
			first = [2]float64{lon, lat}
		} else {
			w.buf = append(w.buf, ", "...)
		}
		w.vertex(lon, lat)
	}
	w.buf = append(w.buf, ", "...)
	w.vertex(first[0], first[1])
}
