package ingest

import (
	"slices"
	"sort"
	"strings"

	"garrigue/internal/geo"
)

// format is a family of files: which column says what, and how its values are written.
type format struct {
	name string
	// columns gives, one line per field, the field's number and the headers it may have, in
	// order of preference.
	columns map[field][]string
	// marks are headers that only this family has; each counts for more than a common one.
	marks []string
	// strict formats reject a value that is not in its code list; others keep it aside.
	strict bool
	// byOrigin formats promise that the producer's key is unique in a file.
	byOrigin bool
	// values turns what such files write for an attribute into a code of its list.
	values map[field]map[string]string
	// only: no column but those of a mapping is taken.
	only bool
	// cellFirst: of several attachments the cell is taken (GeoNature's order), else the commune.
	cellFirst bool
}

// The names of formats, as in --format and in reports.
const (
	SINP20      = "sinp-2.0"
	SINP121     = "sinp-1.2.1"
	GeoNature   = "geonature"
	DarwinCore  = "dwc"
	Archive     = "dwca"
	VisioNature = "visionature"
	Described   = "mapping" // told by a person, or proposed by the doctor
	EBird       = "ebird"
	ObsOrg      = "observation-org"
)

// Formats lists the formats an import may be told to read, "auto" aside.
func Formats() []string {
	return []string{SINP20, SINP121, GeoNature, DarwinCore, Archive, VisioNature, EBird, ObsOrg}
}

// common are headers any file may have, looked for after the format's own.
func common() map[field][]string {
	return map[field][]string{
		fGeometry: {"wkt", "geom", "geometry", "geometrie", "the_geom", "geom_wkt"},
		fLat:      {"latitude", "lat", "latitude_wgs84", "y_wgs84", "lat_wgs84"},
		fLon:      {"longitude", "lon", "lng", "long", "longitude_wgs84", "x_wgs84", "lon_wgs84"},
		fX:        {"x", "x_l93", "x_lambert93", "l93_x", "coord_x", "x_2154", "coordx", "easting", "x_utm"},
		fY:        {"y", "y_l93", "y_lambert93", "l93_y", "coord_y", "y_2154", "coordy", "northing", "y_utm"},
		fDatum:    {"srid", "epsg", "projection", "crs"},
		fCommune:  {"code_insee", "insee", "insee_com", "code_commune"},
		fCdNom:    {"cd_nom", "cdnom"}, fCdRef: {"cd_ref", "cdref"},
		fNameCited: {"nom_cite", "nomcite"}, fScientificName: {"nom_scientifique", "nom_latin", "lb_nom", "nom_valide"},
		fDateStart:    {"date", "date_obs", "date_observation"},
		fObservers:    {"observateur", "observateurs", "observer", "observers"},
		fVisioSpecies: {"id_espece_visionature"}, fKingdom: {"kingdom", "regne"}, fPhylum: {"phylum"}, fClass: {"class", "classe"},
		fOrder: {"order", "ordre"}, fFamily: {"family", "famille"}, fGroup: {"taxonomy_name", "group2_inpn", "group1_inpn", "groupe_taxonomique", "iconic_taxon_name"},
	}
}

func sinpShared() map[field][]string {
	return map[field][]string{
		fPresence: {"statutObservation"}, fNameCited: {"nomCite"}, fCdNom: {"cdNom"}, fCdRef: {"cdRef"},
		fObservers: {"observateur", "observateurs", "observateurIdentite"}, fDeterminer: {"determinateur", "determinateurs", "determinateurIdentite"},
		fAltMin: {"altitudeMin"}, fAltMax: {"altitudeMax"}, fAltitude: {"altitudeMoyenne", "altitude_moy"},
		fDepthMin: {"profondeurMin"}, fDepthMax: {"profondeurMax"}, fPlaceName: {"nomLieu"}, fComment: {"commentaire"},
		fCountMin: {"denombrementMin"}, fCountMax: {"denombrementMax"}, fCountObject: {"objetDenombrement"}, fCountType: {"typeDenombrement"},
		fState: {"occEtatBiologique"}, fLifeStage: {"occStadeDeVie"}, fSex: {"occSexe"}, fBioStatus: {"occStatutBiologique"},
		fNaturalness: {"occNaturalite"}, fBioGeo: {"occStatutBioGeographique", "occStatBiogeo"},
		fProof: {"preuveExistante"}, fProofOther: {"preuveNonNumerique"},
		fPublic: {"dSPublique"}, fDiffusion: {"diffusionNiveauPrecision"}, fBlurring: {"dEEFloutage"}, fSensitivity: {"sensiNiveau"},
		fValidation: {"nivVal", "niveauValidation", "validite_niveau"}, fSourceStatus: {"statutSource"}, fBiblio: {"referenceBiblio"},
		fOrganisation: {"organismeGestionnaireDonnee", "organismeGestionnaireDonnees"},
		fGeometry:     {"geometrie", "geometry"}, fNature: {"natureObjetGeo"},
		fCommune: {"codeCommune"}, fDepartment: {"codeDepartement"}, fCell: {"codeMaille", "codeMaille10", "code_maille_10"},
		fNaturalArea: {"codeEN"}, fWaterBody: {"codeME"},
		fCommuneInfo: {"typeInfoGeoCommune"}, fDepartmentInfo: {"typeInfoGeoDepartement"}, fCellInfo: {"typeInfoGeoMaille"},
		fNaturalAreaInfo: {"typeInfoGeoEN"}, fWaterBodyInfo: {"typeInfoGeoME"}, fInfoGeo: {"typeInfoGeo"},
	}
}

// formats returns the families in order of preference for equal scores.
func formats() []*format {
	v2, v1 := sinpShared(), sinpShared()
	add(v2, map[field][]string{
		fUUID: {"idSINPOccTax"}, fOrigin: {"idOrigine"}, fDatasetUUID: {"idSINPJdd"}, fDatasetName: {"jddNom", "libelleJdd", "nomJdd"},
		fDateStart: {"dateDebut"}, fDateEnd: {"dateFin"}, fTimeStart: {"heureDebut"}, fTimeEnd: {"heureFin"},
		fTechnique: {"obsTechnique"}, fBehaviour: {"occComportement"}, fProofURL: {"uRLPreuveNumerique", "preuveNumerique"},
		fUncertainty: {"precision", "precisionGeometrie"},
	})
	add(v1, map[field][]string{
		fUUID: {"identifiantPermanent"}, fOrigin: {"identifiantOrigine"}, fDatasetUUID: {"jddMetadonneeDEEId"}, fDatasetName: {"jddCode", "jddId"},
		fDateStart: {"jourDateDebut"}, fDateEnd: {"jourDateFin"}, fTimeStart: {"heureDateDebut"}, fTimeEnd: {"heureDateFin"},
		fTechnique: {"obsMethode"}, fProofURL: {"preuveNumerique"}, fUncertainty: {"precisionGeometrie"},
	})
	list := []*format{
		{name: SINP20, columns: v2, strict: true, marks: []string{"idSINPOccTax", "idSINPJdd", "idOrigine", "dSPublique", "statutObservation", "obsTechnique"}},
		{name: SINP121, columns: v1, strict: true, marks: []string{"identifiantPermanent", "identifiantOrigine", "jourDateDebut", "jourDateFin", "obsMethode", "dSPublique"}},
		geoNature(), darwinCore(), visioNature(), eBird(), observationOrg(),
	}
	for _, f := range list {
		add(f.columns, checkedColumns(f.name))
	}
	return list
}

func geoNature() *format {
	return &format{name: GeoNature, strict: true, byOrigin: true, cellFirst: true,
		marks: []string{"uuid_perm_sinp", "unique_id_sinp", "jdd_uuid", "unique_dataset_id", "entity_source_pk_value", "niveau_precision_diffusion",
			"code_dataset", "geom_4326", "date_min", "date_max", "geometrie_wkt_4326", "meta_v_taxref", "id_synthese"},
		columns: map[field][]string{
			fUUID: {"uuid_perm_sinp", "unique_id_sinp"}, fOrigin: {"id_origine", "entity_source_pk_value", "id_synthese"},
			fDatasetUUID: {"unique_dataset_id", "jdd_uuid"}, fDatasetName: {"jdd_nom", "code_dataset"},
			fCdNom: {"cd_nom"}, fCdRef: {"cd_ref"}, fNameCited: {"nom_cite"}, fScientificName: {"nom_valide"},
			fDateStart: {"date_debut", "date_min"}, fDateEnd: {"date_fin", "date_max"},
			fTimeStart: {"heure_debut", "hour_min"}, fTimeEnd: {"heure_fin", "hour_max"},
			fCountMin: {"nombre_min", "count_min"}, fCountMax: {"nombre_max", "count_max"},
			fAltMin: {"alti_min", "altitude_min"}, fAltMax: {"alti_max", "altitude_max"}, fDepthMin: {"prof_min", "depth_min"}, fDepthMax: {"prof_max", "depth_max"},
			fObservers: {"observateurs", "observers"}, fDeterminer: {"determinateur", "determiner"},
			fGeometry: {"geometrie_wkt_4326", "geom_4326", "the_geom_4326", "WKT"}, fGeometryLocal: {"geom_local", "the_geom_local"},
			fLon: {"x_centroid_4326", "longitude"}, fLat: {"y_centroid_4326", "latitude"},
			fPlaceName: {"nom_lieu", "place_name"}, fComment: {"comment_occurrence", "comment_description"},
			fValidation: {"niveau_validation", "code_nomenclature_valid_status", "id_nomenclature_valid_status"}, fValidationDate: {"date_validation", "meta_validation_date"},
			fProofURL: {"preuve_numerique_url", "digital_proof"}, fProofOther: {"preuve_non_numerique", "non_digital_proof"},
			fProof:       {"preuve_existante", "code_nomenclature_exist_proof", "id_nomenclature_exist_proof"},
			fUncertainty: {"precision_geographique", "precision"}, fNature: {"nature_objet_geo", "code_nomenclature_geo_object_nature", "id_nomenclature_geo_object_nature"},
			fTechnique:   {"technique_observation", "code_nomenclature_obs_technique", "id_nomenclature_obs_technique"},
			fBioStatus:   {"biologique_statut", "statut_biologique", "code_nomenclature_bio_status", "id_nomenclature_bio_status"},
			fState:       {"etat_biologique", "code_nomenclature_bio_condition", "id_nomenclature_bio_condition"},
			fBioGeo:      {"biogeographique_statut", "code_nomenclature_biogeo_status", "id_nomenclature_biogeo_status"},
			fNaturalness: {"naturalite", "code_nomenclature_naturalness", "id_nomenclature_naturalness"},
			fDiffusion:   {"niveau_precision_diffusion", "code_nomenclature_diffusion_level", "id_nomenclature_diffusion_level"},
			fLifeStage:   {"stade_vie", "code_nomenclature_life_stage", "id_nomenclature_life_stage"}, fSex: {"sexe", "code_nomenclature_sex", "id_nomenclature_sex"},
			fCountObject:  {"objet_denombrement", "code_nomenclature_obj_count", "id_nomenclature_obj_count"},
			fCountType:    {"type_denombrement", "code_nomenclature_type_count", "id_nomenclature_type_count"},
			fSensitivity:  {"niveau_sensibilite", "code_nomenclature_sensitivity", "id_nomenclature_sensitivity"},
			fPresence:     {"statut_observation", "code_nomenclature_observation_status", "id_nomenclature_observation_status"},
			fBlurring:     {"floutage_dee", "code_nomenclature_blurring", "id_nomenclature_blurring"},
			fSourceStatus: {"statut_source", "code_nomenclature_source_status", "id_nomenclature_source_status"},
			fInfoGeo:      {"type_info_geo", "code_nomenclature_info_geo_type", "id_nomenclature_info_geo_type"},
			fBehaviour:    {"comportement", "code_nomenclature_behaviour", "id_nomenclature_behaviour"}, fBiblio: {"reference_biblio"},
			fCommune: {"codecommune"}, fDepartment: {"codedepartement"}, fCell: {"codemaille"}, fLastAction: {"last_action", "meta_last_action"},
			fPublic: {"ds_publique", "code_nomenclature_ds_publique"}, fOrganisation: {"organisme", "organisme_gestionnaire"},
		}}
}

func darwinCore() *format {
	return &format{name: DarwinCore,
		marks: []string{"occurrenceID", "gbifID", "basisOfRecord", "scientificName", "decimalLatitude", "decimalLongitude", "eventDate", "catalogNumber",
			"institutionCode", "collectionCode", "datasetKey", "quality_grade", "community_taxon_id", "scientific_name", "catalog_number"},
		columns: map[field][]string{
			fOrigin: {"occurrenceID", "gbifID", "uuid", "GUID", "catalogNumber", "catalogueNumber", "id"}, fDatasetUUID: {"datasetKey"}, fDatasetName: {"datasetName", "datasetID", "collectionCode"},
			fOrganisation: {"ownerInstitutionCode", "institutionCode"}, fPresence: {"occurrenceStatus"},
			fNameCited: {"verbatimIdentification", "verbatimScientificName", "species_guess", "vernacularName"}, fScientificName: {"scientificName", "taxon.name", "species", "scientific_name"},
			fScientificAuthor: {"scientificNameAuthorship"}, fGenus: {"genus"}, fSpecificEpithet: {"specificEpithet"}, fInfraEpithet: {"infraspecificEpithet"},
			fTaxonURI: {"taxonID", "scientificNameID", "taxonConceptID"}, fCdNom: {"cdNom", "cd_nom"}, fCdRef: {"cdRef", "cd_ref"},
			fDateStart: {"eventDate", "observed_on", "EarliestDateCollected", "dateCollected"}, fDateEnd: {"LatestDateCollected", "eventDateEnd"}, fTimeStart: {"eventTime"},
			fYear: {"year"}, fMonth: {"month"}, fDay: {"day"}, fVerbatimDate: {"verbatimEventDate"},
			fObservers: {"recordedBy", "Collector", "user.name"}, fDeterminer: {"identifiedBy"},
			fAltMin: {"minimumElevationInMeters"}, fAltMax: {"maximumElevationInMeters"}, fAltitude: {"elevation"},
			fDepthMin: {"minimumDepthInMeters"}, fDepthMax: {"maximumDepthInMeters"}, fPlaceName: {"locality", "place_guess", "verbatimLocality"},
			fComment: {"occurrenceRemarks", "description"}, fCount: {"individualCount"}, fLifeStage: {"lifeStage"}, fSex: {"sex"},
			fBioStatus: {"reproductiveCondition"}, fBehaviour: {"behavior", "behaviour"}, fValidation: {"identificationVerificationStatus"},
			fGeometry: {"footprintWKT"}, fLon: {"decimalLongitude", "longitude"}, fLat: {"decimalLatitude", "latitude"}, fLatLon: {"location"},
			fDatum: {"geodeticDatum", "footprintSRS"}, fUncertainty: {"coordinateUncertaintyInMeters", "public_positional_accuracy", "positional_accuracy"},
		}}
}

func visioNature() *format {
	return &format{name: VisioNature,
		marks: []string{"ID_SIGHTING", "ID_SPECIES", "LATIN_SPECIES", "NAME_SPECIES", "COORD_LAT", "COORD_LON", "ATLAS_CODE", "ADMIN_HIDDEN", "SECOND_HAND", "ID_PLACE"},
		columns: map[field][]string{
			fOrigin: {"ID_UNIVERSAL", "ID_SIGHTING"}, fVisioUUID: {"UUID"}, fVisioSpecies: {"id_espece_visionature", "ID_SPECIES"}, fScientificName: {"LATIN_SPECIES"}, fNameCited: {"NAME_SPECIES"},
			fDateStart: {"DATE"}, fTimeStart: {"TIMING"}, fForm: {"ID_FORM"}, fFormStart: {"TIME_START"}, fFormStop: {"TIME_STOP"},
			fPlaceName: {"PLACE"}, fLat: {"COORD_LAT"}, fLon: {"COORD_LON"}, fPrecisionLabel: {"PRECISION"}, fAltitude: {"ALTITUDE"},
			fEstimation: {"ESTIMATION_CODE"}, fCount: {"TOTAL_COUNT"}, fAtlas: {"ATLAS_CODE"}, fBehaviourText: {"BEHAVIOUR"},
			fHidden: {"HIDDEN"}, fAdminHidden: {"ADMIN_HIDDEN"}, fStructured: {"COMMENT"}, fStructuredPrivate: {"PRIVATE_COMMENT"},
			fOrganisation: {"SEARCH_EXPORT_ENTITY_FULL_NAME", "ENTITY"}, fObservers: {"NAME", "OBSERVER"},
			fSecondHand: {"SECOND_HAND"}, fAnonymous: {"ANONYMOUS"}, fCommittees: {"COMMITTEES"}, fAdminType: {"ADMIN_HIDDEN_TYPE"}, fLastAction: {"LAST_ACTION"},
			fCommune: {"INSEE"}, fGeometry: {"WKT"}, fSex: {"SEX"}, fLifeStage: {"AGE"}, fState: {"STATE"}, fProof: {"PROOF"}, fProofURL: {"PROOF_URL"},
		},
		values: visioNatureValues()}
}

// eBird reads the eBird Basic Dataset and "Download My Data". Its codes of breeding and its ages
// with sexes are lists of its own, kept under their own names.
func eBird() *format {
	return &format{name: EBird,
		marks: []string{"GLOBAL UNIQUE IDENTIFIER", "TAXON CONCEPT ID", "SAMPLING EVENT IDENTIFIER", "ALL SPECIES REPORTED", "OBSERVATION COUNT", "Submission ID",
			"Taxonomic Order", "All Obs Reported", "Checklist Comments"},
		columns: map[field][]string{
			fOrigin: {"GLOBAL UNIQUE IDENTIFIER", "Catalog Number"}, fScientificName: {"SCIENTIFIC NAME"}, fNameCited: {"COMMON NAME"},
			fCount: {"OBSERVATION COUNT", "Count"}, fLat: {"LATITUDE"}, fLon: {"LONGITUDE"}, fDateStart: {"OBSERVATION DATE", "Date"},
			fTimeStart: {"TIME OBSERVATIONS STARTED", "Time"}, fObservers: {"OBSERVER ID"}, fPlaceName: {"LOCALITY", "Location"},
			fComment: {"SPECIES COMMENTS", "Observation Details"}, fValidation: {"APPROVED"},
		},
		values: map[field]map[string]string{fCount: {"X": ""}, fValidation: {"1": "2", "0": "3"}}}
}

// observationOrg reads the personal export of Observation.org and Waarneming.nl. A record its
// observer obscured says so by a number that grows with what is to be hidden: any but 0 asks for the
// 10 km cell at least.
func observationOrg() *format {
	return &format{name: ObsOrg,
		marks: []string{"species group", "counting method", "is escape", "is certain", "obscurity", "embargo date", "has photos", "local x"},
		columns: map[field][]string{
			fOrigin: {"id"}, fScientificName: {"scientific name"}, fNameCited: {"species name"}, fDateStart: {"date"}, fTimeStart: {"time"},
			fCount: {"number"}, fSex: {"sex"}, fLifeStage: {"life stage"}, fBehaviour: {"activity"}, fPlaceName: {"location"}, fLat: {"lat"}, fLon: {"lng"},
			fUncertainty: {"accuracy"}, fComment: {"notes"}, fValidation: {"validation status"}, fDiffusion: {"obscurity"}, fCountType: {"counting method"}, fProofURL: {"link"},
			fNaturalness: {"is escape"},
		},
		values: map[field]map[string]string{
			fValidation: {"J": "1", "P": "1", "A": "2", "O": "6", "I": "6", "U": "5", "N": "3"}, fSex: {"U": "0", "M": "3", "F": "2"},
			fDiffusion: {"0": "", "1": "2", "2": "2", "3": "2", "4": "2", "5": "2", "10": "2", "20": "3", "25": "3", "50": "3", "100": "4"}, fNaturalness: {"False": "", "True": "2"}, fCountType: {"estimated": "Es", "real count": "Co", "seen not counted": "NSP", "unknown": "NSP"},
			fBehaviour: {"present": "", "flying over": "10"},
		}}
}

func add(to, from map[field][]string) {
	for f, names := range from {
		to[f] = names
	}
}

// recognise returns the format whose columns the header has most of, and whether it has
// enough to be read as observations at all.
func recognise(header []string) (*format, int) {
	keys := make(map[string]bool, len(header))
	for _, h := range header {
		keys[columnKey(h)] = true
	}
	var best *format
	bestScore := 0
	for _, f := range formats() {
		score := 0
		for _, names := range f.columns {
			for _, n := range names {
				if keys[columnKey(n)] {
					score++
					break
				}
			}
		}
		for _, m := range f.marks {
			if keys[columnKey(m)] {
				score += 3
			}
		}
		if score > bestScore {
			best, bestScore = f, score
		}
	}
	return best, bestScore
}

// named returns the format of a name, nil for one there is not.
func named(name string) *format {
	if name == Archive {
		name = DarwinCore
	}
	for _, f := range formats() {
		if f.name == name {
			return f
		}
	}
	return nil
}

// notObservations recognises tables that producers send along and that hold no occurrence of
// a taxon; the answer is the key of a sentence.
func notObservations(header []string) string {
	keys := map[string]bool{}
	for _, h := range header {
		keys[columnKey(h)] = true
		if strings.HasPrefix(h, "<?xml") || strings.HasPrefix(h, "<!DOCTYPE") { // compressed: not seen when it was opened
			return "ingest.xml"
		}
	}
	switch {
	case keys["clestation"] || keys["idhabsinp"] || keys["idstasinp"] || keys["idstationsource"] || keys["uniqueidsinphabitat"] || keys["uniqueidsinpstation"]:
		return "ingest.habitats"
	case keys["samplesizevalue"] && !keys["scientificname"]:
		return "ingest.events"
	}
	return ""
}

// plan is the mapping of one file: for each field its columns in order of preference.
type plan struct {
	format  *format
	header  []string       // of the file, then of what is derived
	derived int            // columns derived
	content int            // columns that make the content of a row
	column  [nFields]int16 // -1: no such column
	second  [nFields]int16 // the next best column, read when the first is empty
	extra   []int16        // columns of no field, kept under their own name
	fixed   [nFields]string
	values  [nFields]*translation
	order   *dateOrder // of day and month, when somebody told it
	crs     geo.CRS    // the same of the projection
}

// newPlan maps the columns of a header to fields: those somebody named first, then those of
// the format, then those any file may have. w is nil when nobody named any.
func newPlan(f *format, header []string, w *wishes) *plan {
	p := &plan{format: f, header: header, content: len(header)}
	for i := range p.column {
		p.column[i], p.second[i] = -1, -1
	}
	taken := make([]bool, len(header))
	if w != nil {
		p.wished(w, taken)
	}
	for fld, table := range f.values {
		if p.values[fld] == nil {
			p.values[fld] = newTranslation(table)
		}
	}
	if !f.only {
		p.assign(f.columns, taken)
		rest := common()
		for fld := range rest {
			if p.has(fld) {
				delete(rest, fld)
			}
		}
		p.assign(rest, taken)
	}
	for i := range header {
		if !taken[i] && strings.TrimSpace(header[i]) != "" {
			p.extra = append(p.extra, int16(i))
		}
	}
	return p
}

// wished takes the columns and values somebody told.
func (p *plan) wished(w *wishes, taken []bool) {
	for c, fld := range w.columns {
		p.column[fld], taken[c] = c, true
	}
	for c := range w.ignored {
		taken[c] = true
	}
	p.fixed, p.values, p.order, p.crs = w.fixed, w.values, w.order, w.crs
	if d := w.derive; d != nil {
		for i, fld := range d.into {
			p.column[fld] = int16(len(p.header) + i)
		}
		p.header, p.derived, p.content = slices.Concat(p.header, d.names), len(d.names), d.content()
	}
}

// assign gives fields the columns of their names, as far as both are free.
func (p *plan) assign(names map[field][]string, taken []bool) {
	byKey := make(map[string]int16, len(taken))
	for i, h := range p.header[:len(taken)] {
		k := columnKey(h)
		if _, dup := byKey[k]; !dup && k != "" {
			byKey[k] = int16(i)
		}
	}
	for _, fld := range sortedFields(names) {
		told := p.has(fld)
		for _, n := range names[fld] {
			c, ok := byKey[columnKey(n)]
			if !ok || taken[c] || told {
				continue
			}
			switch {
			case p.column[fld] < 0:
				p.column[fld], taken[c] = c, true
			case p.second[fld] < 0 && keepsSecond(fld):
				p.second[fld], taken[c] = c, true
			}
		}
	}
}

// set gives a field one value for every row; the column it had is kept under its own name.
func (p *plan) set(f field, value string) {
	for _, c := range [...]int16{p.column[f], p.second[f]} {
		if c >= 0 && int(c) < len(p.header)-p.derived {
			p.extra = append(p.extra, c)
		}
	}
	slices.Sort(p.extra)
	p.column[f], p.second[f], p.fixed[f] = -1, -1, value
}

// keepsSecond tells the fields whose second column stands in when the first is empty; for
// the others it is told apart, in Extra.
func keepsSecond(f field) bool {
	switch f {
	case fOrigin, fDatasetName, fScientificName, fNameCited, fUncertainty, fGeometry, fOrganisation:
		return true
	}
	return false
}

func sortedFields(m map[field][]string) []field {
	out := make([]field, 0, len(m))
	for f := range m {
		out = append(out, f)
	}
	sort.Slice(out, func(i, j int) bool { return out[i] < out[j] })
	return out
}

// has reports whether some column or fixed value feeds the field.
func (p *plan) has(f field) bool { return p.column[f] >= 0 || p.fixed[f] != "" }

// named returns the producer's header of a field, for findings.
func (p *plan) named(f field) string {
	if c := p.column[f]; c >= 0 {
		return p.header[c]
	}
	return f.String()
}

// missing returns the fields a file of observations cannot do without and that this one
// lacks, each with the headers looked for.
func (p *plan) missing() []lack {
	var out []lack
	want := func(what string, fields ...field) {
		var looked []string
		for _, f := range fields {
			if p.has(f) {
				return
			}
			if names := p.format.columns[f]; len(names) > 0 {
				looked = append(looked, names[0])
			} else if names := common()[f]; len(names) > 0 {
				looked = append(looked, names[0])
			}
		}
		out = append(out, lack{what, looked})
	}
	want("taxon", fCdNom, fCdRef, fScientificName, fNameCited, fGenus)
	want("date", fDateStart, fYear, fVerbatimDate)
	want("place", fGeometry, fGeometryLocal, fLon, fX, fLatLon, fCommune, fDepartment, fCell)
	return out
}

// lack is something no column tells.
type lack struct {
	what   string // taxon, date, place: key of a word
	looked []string
}
