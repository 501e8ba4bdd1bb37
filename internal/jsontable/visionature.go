package jsontable

import (
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The columns of a VisioNature answer, one row for each observer of a sighting. They bear the
// names of VisioNature's own text export where it has the same thing.
//
// Left behind, and never in a row: hidden_comment; the name where the observation is anonymous,
// second-hand, or to be made anonymous in exports; the persons' identifiers (@id, @uid, traid,
// code); the metadata of media, which hold coordinates; media their owner hides; the comment
// and the track of a form; the reports to rarities committees.
const (
	vnID          = iota
	vnSighting    // of the site, where vnID is of all sites
	vnUUID        //
	vnAction      // D: deleted at the source, nothing else in the row but the identifiers
	vnForm        //
	vnSpecies     //
	vnName        //
	vnLatin       //
	vnGroup       //
	vnDate        // local
	vnTime        // local, empty when none was given
	vnFormStart   //
	vnFormStop    //
	vnFullForm    //
	vnPlaceID     //
	vnPlace       //
	vnPlaceType   //
	vnTown        //
	vnINSEE       //
	vnCounty      //
	vnLat         // of the observation when its precision says precise, else of its place
	vnLon         //
	vnWKT         // of an observation along a line or in an outline
	vnPrecision   //
	vnLocPrec     //
	vnGrid        //
	vnAltitude    //
	vnEstimation  //
	vnCount       //
	vnDetail      // 2 M AD; 1 F
	vnSex         // M, F, or both, when the details say it of every individual
	vnAge         // the same
	vnCondition   //
	vnState       // 3 dead, 2 alive (codes of ETA_BIO)
	vnAtlas       //
	vnBehaviour   // texts, separated by commas
	vnSecondHand  //
	vnAnonymous   //
	vnHidden      //
	vnAdminHidden //
	vnAdminType   //
	vnCommittees  // ACCEPTED when one did, else REQUESTED
	vnObserver    //
	vnComment     //
	vnProof       // 1 there is a photograph or a recording, 2 none (codes of PREUVE_EXIST)
	vnProofURL    //
	vnEntity      //
	vnProject     //
	vnProtocol    //
	vnSource      //
	vnInserted    //
	vnUpdated     //
	vnColumns
)

func vnHeader() []string {
	return []string{"ID_UNIVERSAL", "ID_SIGHTING", "UUID", "LAST_ACTION", "ID_FORM", "id_espece_visionature", "NAME_SPECIES", "LATIN_SPECIES",
		"TAXONOMY", "DATE", "TIMING", "TIME_START", "TIME_STOP", "FULL_FORM", "ID_PLACE", "PLACE", "PLACE_TYPE", "MUNICIPALITY", "INSEE", "COUNTY",
		"COORD_LAT", "COORD_LON", "WKT", "PRECISION", "LOC_PRECISION", "GRID_NAME", "ALTITUDE", "ESTIMATION_CODE", "TOTAL_COUNT", "DETAIL",
		"SEX", "AGE", "CONDITION", "STATE", "ATLAS_CODE", "BEHAVIOUR", "SECOND_HAND", "ANONYMOUS", "HIDDEN", "ADMIN_HIDDEN", "ADMIN_HIDDEN_TYPE",
		"COMMITTEES", "OBSERVER", "COMMENT", "PROOF", "PROOF_URL", "ENTITY", "PROJECT_CODE", "PROTOCOL_NAME", "SOURCE", "INSERT_DATE", "UPDATE_DATE"}
}

// vnRows makes rows of sightings. The same observation may come several times (pages read
// while the site changes, a list of deletions after a list of changes): its last place in the
// file is the one that counts, which takes eight bytes an observation to know.
type vnRows struct {
	zone  *time.Location
	seed  maphash.Seed
	seen  []uint64
	again map[uint64]int // identifiers that repeat: how many are still to come
	left  int            // out, since they come again
	queue [][]string
}

func newVNRows(zone *time.Location) *vnRows {
	return &vnRows{zone: zone, seed: maphash.MakeSeed(), again: map[uint64]int{}}
}

// survey notes the identifiers of a record.
func (v *vnRows) survey(which string, n node) {
	v.each(which, n, func(_, _, o node) {
		if id := vnKey(o); id != "" {
			v.seen = append(v.seen, maphash.String(v.seed, id))
		}
	})
}

// settle finds the identifiers that repeat.
func (v *vnRows) settle() {
	slices.Sort(v.seen)
	for i := 1; i < len(v.seen); i++ {
		if v.seen[i] == v.seen[i-1] {
			v.again[v.seen[i]] = max(v.again[v.seen[i]], 1) + 1
			v.left++
		}
	}
	v.seen = nil
}

func vnKey(o node) string {
	if id := o.str("id_universal"); id != "" {
		return id
	}
	return o.str("id_sighting")
}

// each calls f for each observation of a record: its form, its sighting, its observer's part.
func (v *vnRows) each(which string, n node, f func(form, sighting, o node)) {
	null := node{kind: 'n'}
	sighting := func(form, s node) {
		observers := s.list("observers")
		if len(observers) == 0 {
			observers = []node{null}
		}
		for _, o := range observers {
			f(form, s, o)
		}
	}
	switch which {
	case "deleted":
		f(null, null, n)
	case "forms":
		for _, s := range n.list("sightings") {
			sighting(n, s)
		}
	default:
		sighting(null, n)
	}
}

// add puts the rows of a record in the queue.
func (v *vnRows) add(which string, n node) {
	v.each(which, n, func(form, s, o node) {
		if id := vnKey(o); id != "" && len(v.again) > 0 {
			h := maphash.String(v.seed, id)
			if left := v.again[h]; left > 1 {
				v.again[h] = left - 1
				return
			}
		}
		r := make([]string, vnColumns)
		r[vnID], r[vnSighting] = vnKey(o), o.str("id_sighting")
		if which == "deleted" {
			r[vnAction] = "D"
		} else {
			v.when(r, form, s, o)
			v.where(r, form, s, o)
			what(r, s, o)
			who(r, o)
		}
		v.queue = append(v.queue, r)
	})
}

// when fills the dates and the form.
func (v *vnRows) when(r []string, form, s, o node) {
	day, _ := v.moment(s.get("date"))
	timed, clock := v.moment(o.get("timing"))
	if day == "" {
		day = timed
	}
	r[vnDate], r[vnTime] = day, clock
	r[vnForm] = first(form.str("id_form_universal"), form.str("@id"), o.str("id_form_universal"), o.str("id_form"))
	r[vnFormStart], r[vnFormStop], r[vnFullForm] = form.str("time_start"), form.str("time_stop"), form.str("full_form")
	r[vnProtocol] = first(form.str("protocol", "protocol_name"), o.str("protocol", "protocol_name"))
	stamp := func(n node) string {
		day, clock := v.moment(n)
		return strings.TrimSpace(day + " " + clock)
	}
	r[vnInserted], r[vnUpdated] = stamp(o.get("insert_date")), stamp(o.get("update_date"))
}

// moment returns the local day and time of a date, which is an object or, in short answers, a
// bare timestamp: a midnight there is a day without a time.
func (v *vnRows) moment(n node) (day, clock string) {
	if iso := n.str("@ISO8601"); len(iso) >= 19 && iso[4] == '-' && iso[10] == 'T' {
		day, clock = iso[:10], iso[11:19]
	} else if sec, err := strconv.ParseInt(first(n.str("@timestamp"), n.str()), 10, 64); err == nil && sec > -1e11 && sec < 1e11 {
		t := time.Unix(sec, 0).In(v.zone)
		if offset, err := strconv.Atoi(n.str("@offset")); err == nil && offset > -86400 && offset < 86400 {
			t = t.In(time.FixedZone("", offset))
		}
		day, clock = t.Format(time.DateOnly), t.Format(time.TimeOnly)
		if n.kind != '{' && clock == "00:00:00" {
			clock = ""
		}
	}
	if n.str("@notime") == "1" {
		clock = ""
	}
	return day, clock
}

// where fills the place. Coordinates are the observation's own when its precision says so;
// otherwise they are its place's, and a record of a whole commune has none but its INSEE code.
func (v *vnRows) where(r []string, form, s, o node) {
	p := s.get("place")
	r[vnPlaceID], r[vnPlace], r[vnPlaceType] = first(p.str("id_universal"), p.str("@id")), p.str("name"), p.str("place_type")
	r[vnTown], r[vnINSEE], r[vnCounty], r[vnLocPrec] = p.str("municipality"), p.str("insee"), p.str("county"), p.str("loc_precision")
	r[vnGrid], r[vnAltitude] = o.str("atlas_grid_name"), first(o.str("altitude"), p.str("altitude"))
	r[vnPrecision] = o.str("precision")
	lat, lon := first(p.str("coord_lat"), p.str("lat")), first(p.str("coord_lon"), p.str("lon"))
	precise := strings.HasSuffix(r[vnPrecision], "precise") && r[vnPrecision] != "imprecise"
	if own := o.str("coord_lat"); own != "" && o.str("coord_lon") != "" && (precise || lat == "" || lon == "") {
		lat, lon = own, o.str("coord_lon")
	}
	if r[vnPrecision] == "municipality" && r[vnINSEE] != "" {
		lat, lon = "", ""
	}
	r[vnLat], r[vnLon] = lat, lon
	if strings.HasPrefix(r[vnPrecision], "transect") || strings.HasPrefix(r[vnPrecision], "polygon") {
		if !precise {
			r[vnWKT] = first(o.str("protocol", "wkt"), form.str("protocol", "wkt"))
		}
	}
}

// what fills the species, the number and what was seen of it.
func what(r []string, s, o node) {
	sp := s.get("species")
	r[vnSpecies], r[vnName], r[vnLatin], r[vnGroup] = sp.str("@id"), sp.str("name"), sp.str("latin_name"), sp.str("taxonomy")
	r[vnUUID] = o.str("uuid")
	r[vnEstimation], r[vnCount] = o.str("estimation_code"), o.str("count")
	r[vnAtlas] = coded(o.get("atlas_code"))
	if _, after, ok := strings.Cut(r[vnAtlas], "_"); ok { // 3_2: list 3, code 2
		r[vnAtlas] = after
	}
	details(r, o.list("details"))
	if r[vnCount] != "0" && r[vnAge] != "EXUVIE" {
		r[vnState] = "2"
	}
	if death := o.str("has_death"); o.get("extended_info", "mortality").kind == '{' || death == "1" || death == "2" {
		r[vnState] = "3"
	}
	var said []string
	for _, b := range o.list("behaviours") {
		if t := first(b.str("#text"), b.str("name"), b.str("@id"), b.str()); t != "" {
			said = append(said, strings.ReplaceAll(t, ",", " "))
		}
	}
	r[vnBehaviour] = strings.Join(said, ", ")
	medias(r, o.list("medias"))
}

// coded returns the code of a value that is one, or an object with an @id.
func coded(n node) string {
	if n.kind == '{' {
		return first(n.str("@id"), n.str("#text"))
	}
	return n.str()
}

// details fills sex and age when the details tell them of every individual counted.
func details(r []string, list []node) {
	total, _ := strconv.Atoi(r[vnCount])
	known := 0
	var text, sexes, ages, conditions []string
	for _, d := range list {
		n, err := strconv.Atoi(d.str("count"))
		if err != nil || n < 1 {
			n = 1
		}
		known += n
		sex, age := coded(d.get("sex")), coded(d.get("age"))
		text = append(text, strings.Join(strings.Fields(strconv.Itoa(n)+" "+sex+" "+age), " "))
		sexes, ages = append(sexes, sex), append(ages, age)
		if c := coded(d.get("condition")); c != "" && c != "U" && !slices.Contains(conditions, c) {
			conditions = append(conditions, c)
		}
	}
	r[vnDetail], r[vnCondition] = strings.Join(text, "; "), strings.Join(conditions, ", ")
	if known < total || known == 0 {
		return
	}
	one := func(values []string) string {
		slices.Sort(values)
		values = slices.Compact(values)
		if len(values) == 1 && values[0] != "U" {
			return values[0]
		}
		if slices.Equal(values, []string{"F", "M"}) {
			return "mixed"
		}
		return ""
	}
	r[vnSex], r[vnAge] = one(sexes), one(ages)
}

// medias tells whether there is a proof, and where the first one that is not hidden is.
func medias(r []string, list []node) {
	r[vnProof] = "2"
	for _, m := range list {
		r[vnProof] = "1"
		if path, file := m.str("path"), m.str("filename"); r[vnProofURL] == "" && m.str("media_is_hidden") != "1" && path != "" && file != "" {
			r[vnProofURL] = strings.TrimRight(path, "/") + "/" + file
		}
	}
}

// who fills what concerns persons and what they, or the administrators, want shown.
func who(r []string, o node) {
	r[vnSecondHand], r[vnAnonymous] = o.str("second_hand"), o.str("anonymous")
	r[vnHidden], r[vnAdminHidden], r[vnAdminType] = o.str("hidden"), o.str("admin_hidden"), o.str("admin_hidden_type")
	switch a := o.str("anonymous_in_export"); {
	case r[vnSecondHand] == "1", r[vnAnonymous] == "1", a != "" && a != "0":
	default:
		r[vnObserver] = o.str("name")
	}
	r[vnComment] = o.str("comment")
	for _, c := range o.list("committees_validation") {
		switch {
		case c.text == "ACCEPTED":
			r[vnCommittees] = "ACCEPTED"
		case c.text != "" && r[vnCommittees] == "":
			r[vnCommittees] = "REQUESTED"
		}
	}
	r[vnEntity] = first(o.str("entity_fullname"), o.str("entity"))
	r[vnProject], r[vnSource] = first(o.str("project_code"), o.str("project_name")), o.str("source")
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
