package quality

// Check describes a check for people: what it is about, where it comes from, an example. What it
// says is its sentence ("quality.<code>"), what to do is "check.<code>".
type Check struct {
	Code    Code
	Subject string // row, taxon, date, place, value; other when nobody described it
	Origin  string
	Example string // what a producer wrote
}

// Checks lists every check by subject. One that has a severity and no description yet comes
// last.
//
// How a severity is chosen: what leaves the place, the date, the taxon or who may see the record
// uncertain rejects when the producer alone can settle it, and holds when a reference or a
// person of the platform can. What is only lacking from the description warns: a record
// is still worth having without the version of a reference.
func Checks() []Check {
	out := described()
	known := make(map[Code]bool, len(out))
	for _, c := range out {
		known[c.Code] = true
	}
	for _, c := range Codes() {
		if !known[c] {
			out = append(out, Check{Code: c, Subject: "other", Origin: "Garrigue"})
		}
	}
	return out
}

func described() []Check {
	return []Check{
		{MissingValue, "row", "GeoNature", "cd_nom vide"},
		{RowHaveTooMuchColumn, "row", "GeoNature, GINCO 1001", "; dans un commentaire sans guillemets"},
		{RowHaveLessColumn, "row", "GeoNature, GINCO 1001", "retour à la ligne dans un commentaire"},
		{InvalidEncoding, "row", "Garrigue", "octets illisibles en UTF-8 comme en Windows-1252"},
		{InvalidUUID, "row", "GeoNature", "unique_id_sinp = abcdef"},
		{IdentifiantPermanentNotUUID, "row", "GINCO 1211", "identifiantPermanent = T82_1_1"},
		{DuplicateUUID, "row", "GeoNature, GINCO 1217", "même idSINPOccTax sur deux lignes"},
		{ExistingUUID, "row", "GeoNature, GINCO 1217", "idSINPOccTax déjà pris par un autre jeu"},
		{DuplicateEntitySourcePK, "row", "GeoNature", "même id_synthese sur deux lignes"},
		{DuplicateSourceID, "row", "Garrigue", "même idOrigine sur deux lignes différentes"},
		{DuplicateRow, "row", "GINCO 1004", "deux lignes identiques sans identifiant"},
		{DeletedAtSource, "row", "CBN Alpin (§1.5)", "meta_last_action = D"},
		{MandatoryFieldMissing, "row", "GINCO 1101", "statutSource vide"},
		{MandatoryConditionalFields, "row", "GINCO 1200, standard §1.1", "denombrementMin sans denombrementMax"},
		{ConditionalMandatoryFieldError, "row", "GeoNature, GINCO 1203", "statutSource = Li, referenceBiblio vide"},
		{ArrayOfSameLength, "row", "GINCO 1201", "codeCommune = 34172,34129 et un seul nomCommune"},
		{PersonComma, "row", "naturaliz", "DUPONT, Jean ; MARTIN, Paul"},
		{StringTooLong, "row", "GINCO 1107, GeoNature INVALID_CHAR_LENGTH", "nomCite de 3 000 caractères"},
		{CdNomNotFound, "taxon", "GeoNature, GINCO 1212 et 1213", "cdNom = 999999999"},
		{NameNotFound, "taxon", "Garrigue", "Delichon urbicun"},
		{CdRefMismatch, "taxon", "Garrigue", "cdRef d’un autre taxon que cdNom"},
		{AmbiguousName, "taxon", "Garrigue", "Oxalis, genre de plantes et de papillons"},
		{NameRaised, "taxon", "Garrigue", "Rana sp."},
		{NotATaxon, "taxon", "Garrigue", "« Divers », décidé par une personne"},
		{VernacularMatch, "taxon", "Garrigue", "Hirondelle de fenêtre, sans nom latin"},
		{NameCodeMismatch, "taxon", "Garrigue", "cdNom du loup, nomCite = Lynx"},
		{NamesDisagree, "taxon", "Garrigue", "nom scientifique du loup, nomCite = Lynx"},
		{TaxrefVersion, "taxon", "GINCO 1202", "cdNom = 60615, versionTAXREF vide"},
		{ImplausibleForTaxon, "taxon", "Garrigue", "occStadeDeVie = Têtard pour un oiseau"},
		{InvalidDate, "date", "GeoNature, GINCO 1104", "29/02/2023"},
		{AmbiguousDate, "date", "Garrigue", "03/04/2020 dans un fichier qui mélange les ordres"},
		{InvalidTime, "date", "Garrigue", "heureDebut = 25:00"},
		{DateMinTooHigh, "date", "GeoNature", "dateDebut = 2117-01-01"},
		{DateMaxTooHigh, "date", "GeoNature", "dateFin = 2117-01-01"},
		{DateMinTooLow, "date", "GeoNature", "dateDebut = 1017-05-01"},
		{OldDate, "date", "Garrigue", "dateDebut = 1817-05-01"},
		{DateMinSupDateMax, "date", "GeoNature, GINCO 1209", "dateDebut = 2020-05-02, dateFin = 2020-05-01"},
		{DateOrder, "date", "GINCO 1209, naturaliz", "dateDetermination = 2015-01-01 pour une observation de 2018"},
		{InvalidFormat, "date", "GINCO 1102", "dateME = 2016-01-011"},
		{DateOrderAssumed, "date", "Garrigue", "toutes les dates comme 03/04/2020"},
		{TwoDigitYear, "date", "Garrigue", "27-mars-10"},
		{NoGeoreference, "place", "GINCO 1207, GeoNature NO-GEOM", "ni géométrie ni code"},
		{MoreThanOneGeoreference, "place", "GINCO 1208", "typeInfoGeo = 1 pour la commune et la maille"},
		{MultipleCodeAttachment, "place", "GeoNature", "codeMaille = E041N653, E041N652"},
		{MultipleGeoInfoWarning, "place", "GeoNature", "WKT et codecommune"},
		{InvalidAttachmentCode, "place", "GeoNature", "codeCommune = 34999"},
		{OldCommuneCode, "place", "INSEE, Code officiel géographique", "codeCommune = 48017 (2014)"},
		{CommuneByName, "place", "Garrigue", "nomCommune = St-Chély-d’Apcher, codeDepartement = 48"},
		{CommuneNameNotFound, "place", "Garrigue", "nomCommune = Castelnau, sans département"},
		{CommuneMismatch, "place", "Garrigue", "point à 300 m de la commune indiquée"},
		{CommuneFar, "place", "Garrigue", "point à 12 km de la commune indiquée"},
		{DepartmentMismatch, "place", "Garrigue", "codeDepartement = 30, point dans le 34"},
		{DepartmentFar, "place", "Garrigue", "codeDepartement = 65, point dans le 34"},
		{NaturalAreaUnknown, "place", "standard §1.3", "codeEN = FR9101424 seul"},
		{BlurredNotShown, "place", "standard §1.3, cas 4", "dEEFloutage = OUI, deux mailles"},
		{InvalidWKT, "place", "GeoNature, GINCO 1102", "POINT(3.87;43.61)"},
		{InvalidGeometry, "place", "GeoNature, GINCO 1111", "polygone dont le contour se croise"},
		{WrongGeometryType, "place", "GINCO 1112", "GEOMETRYCOLLECTION"},
		{WrongGeometrySRID, "place", "GINCO 1113", "EPSG:31370"},
		{GeometryOutOfBox, "place", "GeoNature", "longitude = 512"},
		{SwappedCoordinates, "place", "Garrigue", "latitude = 3.87, longitude = 43.61"},
		{GeometryOutside, "place", "GeoNature", "point hors de la région"},
		{ProjectionAssumed, "place", "Garrigue", "x = 770796, y = 6279472, sans projection"},
		{OldDatum, "place", "Garrigue", "Lambert II étendu (EPSG:27572)"},
		{CoordinatesRounded, "place", "Garrigue", "latitude = 43.6, longitude = 3.9 partout"},
		{NoAreas, "place", "Garrigue", "instance neuve"},
		{NoSensitivity, "place", "Garrigue", "instance neuve"},
		{InvalidInteger, "value", "GeoNature, GINCO 1103", "denombrementMin = beaucoup"},
		{InvalidNumeric, "value", "GeoNature, GINCO 1103", "latitude = nord"},
		{InvalidRangeField, "value", "GINCO 1106, naturaliz", "precision = 0"},
		{CountMinSupCountMax, "value", "GeoNature", "denombrementMin = 20, denombrementMax = 5"},
		{CountPresenceMismatch, "value", "naturaliz", "statutObservation = No, denombrementMin = 3"},
		{AltiMinSupAltiMax, "value", "GeoNature", "altitudeMin = 20, altitudeMax = 10"},
		{DepthMinSupDepthMax, "value", "GeoNature", "profondeurMin = 20, profondeurMax = 10"},
		{AltitudeOutOfRange, "value", "Garrigue", "altitudeMin = 25000"},
		{InvalidNomenclature, "value", "GeoNature, GINCO 1105", "occSexe = ?"},
		{InvalidNomenclatureWarning, "value", "GeoNature", "sex = unsure, hors du standard"},
		{InvalidExistingProofValue, "value", "GeoNature, GINCO 1204", "preuveExistante = 1 sans preuve"},
		{InvalidURLProof, "value", "GeoNature, GINCO 1205", "uRLPreuveNumerique = photo.jpg"},
		{Habitat, "value", "GINCO 1206", "refHabitat = ANTMER sans codeHabitat"},
		{ValueLeftOut, "value", "Garrigue", "elevation = env. 200"},
	}
}

// Elsewhere is a check of GINCO or GeoNature that goes by another name here, or is no check of
// one row: Here is a code, or the key of a sentence in small letters.
type Elsewhere struct{ Theirs, Here string }

// Others lists the checks of GINCO and GeoNature that have no row of their own in Checks.
func Others() []Elsewhere {
	return []Elsewhere{
		{"GINCO 1000 EMPTY_FILE_ERROR, 1005 NO_DATA_IN_FILE", "checks.file"},
		{"GINCO 1002 INTEGRITY_CONSTRAINT, 1003 UNEXPECTED_SQL_ERROR, 1110 TRIGGER_EXCEPTION", "checks.none"},
		{"GINCO 1108 UNDEFINED_COLUMN, 1109 NO_MAPPING, 1114 WRONG_FILE_FIELD_CSV_LABEL, 1115, 1116", "checks.file"},
		{"GINCO 1212 CDNOM_NOT_FOUND, 1213 CDREF_NOT_FOUND", string(CdNomNotFound)},
		{"GINCO 1214–1216, 1218, 1219 (habitats)", "checks.none"},
		{"GINCO 1217 IDENTIFIANT_PERMANENT_NOT_UNIQUE", string(DuplicateUUID)},
		{"GeoNature DATASET_NOT_FOUND, NOT_AUTHORIZED, NOT_ACTIVE", "checks.none"},
		{"GeoNature DATE_MAX_TOO_LOW", string(DateMinTooLow)},
		{"GeoNature MISSING_GEOM, NO-GEOM", string(NoGeoreference)},
		{"GeoNature MULTIPLE_ATTACHMENT_TYPE_CODE", string(MultipleGeoInfoWarning)},
		{"GeoNature INVALID_STATUT_SOURCE_VALUE, CONDITIONAL_INVALID_DATA", string(ConditionalMandatoryFieldError)},
		{"GeoNature INVALID_CHAR_LENGTH", string(StringTooLong)},
		{"GeoNature CD_HAB_NOT_FOUND, INVALID_BOOL, INCOHERENT_DATA", "checks.none"},
		{"GeoNature ORPHAN_ROW, NO_PARENT_ENTITY, ERRONEOUS_PARENT_ENTITY", "checks.none"},
		{"GeoNature SKIP_EXISTING_UUID", string(ExistingUUID)},
		{"GeoNature EMPTY_FILE, FILE_WITH_NO_DATA, FILE_FORMAT_ERROR, FILE_EXTENSION_ERROR, FILE_OVERSIZE, HEADER_SAME_COLUMN_NAME", "checks.file"},
	}
}
