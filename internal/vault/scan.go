package vault

import (
	"encoding/json"

	"github.com/google/uuid"

	"garrigue/internal/civil"
	"garrigue/internal/dataset"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/sensitivity"
	"garrigue/internal/taxon"
)

// decoder turns columns back into an observation, without allocating for what comes back
// over and over: organisations, codes, lists.
type decoder struct {
	s     row
	n     int // next column
	buf   [64]byte
	words map[string]string
	last  string // grouping
}

func (d *decoder) int() int64 {
	d.n++
	return d.s.ColumnInt64(d.n - 1)
}

func (d *decoder) float() float64 {
	d.n++
	return d.s.ColumnFloat(d.n - 1)
}

// code reads a short text without keeping it: the bytes are good until the next call.
func (d *decoder) code() []byte {
	d.n++
	return d.buf[:d.s.ColumnBytes(d.n-1, d.buf[:])]
}

// unless reads an integer whose NULL stands for unknown.
func (d *decoder) unless(unknown int64) int64 {
	if v := d.int(); v != 0 || d.s.ColumnType(d.n-1) != nullCell {
		return v
	}
	return unknown
}

func (d *decoder) text() string {
	d.n++
	return d.s.ColumnText(d.n - 1)
}

// grouping reads a text that rows next to one another share.
func (d *decoder) grouping() string {
	b := d.code()
	if len(b) == len(d.buf) {
		return d.s.ColumnText(d.n - 1) // perhaps cut
	}
	if string(b) != d.last {
		d.last = string(b)
	}
	return d.last
}

// word reads a text among few.
func (d *decoder) word() string {
	b := d.code()
	if len(b) == 0 {
		return ""
	}
	if len(b) == len(d.buf) {
		return d.s.ColumnText(d.n - 1) // perhaps cut
	}
	if w, ok := d.words[string(b)]; ok {
		return w
	}
	if len(d.words) >= cacheLimit {
		clear(d.words)
	}
	w := string(b)
	d.words[w] = w
	return w
}

func (d *decoder) date() civil.Date { return parseDate(d.code()) }

// parseDate reads a date that civil.Date.String wrote.
func parseDate(b []byte) civil.Date {
	if len(b) != 10 {
		return civil.NoDate
	}
	digit := func(i int) int { return int(b[i] - '0') }
	y := digit(0)*1000 + digit(1)*100 + digit(2)*10 + digit(3)
	m, day := digit(5)*10+digit(6), digit(8)*10+digit(9)
	// Civil to days, Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
	if m <= 2 {
		y--
	}
	era := y / 400
	if y < 0 {
		era = (y - 399) / 400
	}
	yoe := y - era*400
	doy := (153*((m+9)%12)+2)/5 + day - 1
	return civil.Date(era*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 719468)
}

// precision reads how finely a date is known, from the lengths of precisionCodes.
func (d *decoder) precision() observation.Precision {
	switch b := d.code(); {
	case len(b) == 5 && b[0] == 'm':
		return observation.Month
	case len(b) == 4:
		return observation.Year
	case len(b) == 5:
		return observation.Years
	}
	return observation.Day
}

// publication reads publicationColumns.
func (d *decoder) publication(o *observation.Observation) {
	d.n = 0
	p := &o.Place
	o.ID = d.int()
	o.Dataset = dataset.ID(d.int())
	o.CdNom = taxon.CdNom(d.int())
	o.CdRef = taxon.CdRef(d.int())
	o.Presence = observation.PresenceUnknown
	switch b := d.code(); {
	case len(b) > 0 && b[0] == 'P':
		o.Presence = observation.Present
	case len(b) == 2:
		o.Presence = observation.Absent
	}
	o.When.Start, o.When.End = d.date(), d.date()
	o.When.Precision = d.precision()
	attached := geo.NoKind
	p.Georeference = observation.NoPlace
	if b := d.code(); len(b) > 1 {
		switch b[1] {
		case 'e':
			if b[0] == 'g' {
				p.Georeference = observation.ByGeometry
				break
			}
			if b[0] == 'd' {
				p.Georeference, attached = observation.ByDepartment, geo.Department
				break
			}
			p.Georeference = observation.ByCell
		case 'o':
			p.Georeference, attached = observation.ByCommune, geo.Commune
		}
	}
	p.Lon, p.Lat = d.float(), d.float()
	p.Box = geo.Box{MinX: d.float(), MinY: d.float(), MaxX: d.float(), MaxY: d.float()}
	p.Commune = geo.AdminKey(geo.Commune, string(d.code()))
	p.Department = geo.AdminKey(geo.Department, string(d.code()))
	switch b := d.code(); {
	case len(b) == 0:
		p.Attached = 0
	case attached != geo.NoKind:
		p.Attached = geo.AdminKey(attached, string(b))
	default:
		p.Attached = cellKey(b)
	}
	p.Uncertainty = int(d.int())
	p.AltitudeMin = int16(d.unless(int64(observation.NoAltitude)))
	p.AltitudeMax = int16(d.unless(int64(observation.NoAltitude)))
	p.Nature, o.Organisation, o.BioStatus, o.Behaviour = d.word(), d.word(), d.word(), d.word()
	o.Public, o.Diffusion, o.Blurring = d.word(), d.word(), d.word()
	o.StatedLevel = sensitivity.Level(d.int())
	o.Sensitivity = sensitivity.Level(d.int())
	o.SensList = d.word()
	o.Validation = observation.Validation(d.int())
	o.Held = observation.NotHeld
	if b := d.code(); len(b) > 2 {
		switch b[1] {
		case 'a':
			o.Held = observation.UnmatchedTaxon
		case 'e':
			o.Held = observation.OutsideTerritory
		case 'l':
			o.Held = observation.Unlocated
			if b[0] == 'c' {
				o.Held = observation.Unclassed
			}
		}
	}
	o.Consent = d.word()
	o.ConsentDefault = d.int() != 0
	o.LifeStage = d.word()
	o.Manual = d.int() != 0
	o.Grouping = d.grouping()
}

// other reads otherColumns, after publication.
func (d *decoder) other(o *observation.Observation) error {
	o.IDSinp = uuid.Nil
	if b := d.code(); len(b) > 0 {
		id, err := uuid.ParseBytes(b)
		if err != nil {
			return err
		}
		o.IDSinp = id
	}
	o.SourceKey, o.NameCited = d.text(), d.word()
	o.When.StartTime, o.When.EndTime = d.word(), d.word()
	o.Place.Name, o.Observers, o.Determiner = d.text(), d.word(), d.word()
	o.CountMin, o.CountMax = int32(d.unless(-1)), int32(d.unless(-1))
	o.CountObject, o.CountType, o.Sex, o.Technique = d.word(), d.word(), d.word(), d.word()
	o.Place.Geometry = nil
	if n := d.s.ColumnLen(d.n); n > 0 {
		o.Place.Geometry = make([]byte, n)
		d.s.ColumnBytes(d.n, o.Place.Geometry)
	}
	d.n++
	o.Comment = d.text()
	o.Extra = nil
	if t := d.text(); t != "" {
		if err := json.Unmarshal([]byte(t), &o.Extra); err != nil {
			return err
		}
	}
	o.Review = d.int() != 0
	return nil
}
