package quality

// The codes. GINCO and GeoNature name most of them (reference: SINP standards, 5.3); those
// of our own are told by a sentence of the catalogues like the others.
const (
	MissingValue                   Code = "MISSING_VALUE"
	InvalidDate                    Code = "INVALID_DATE"
	AmbiguousDate                  Code = "AMBIGUOUS_DATE"
	InvalidTime                    Code = "INVALID_TIME"
	DateMinTooHigh                 Code = "DATE_MIN_TOO_HIGH"
	DateMaxTooHigh                 Code = "DATE_MAX_TOO_HIGH"
	DateMinTooLow                  Code = "DATE_MIN_TOO_LOW"
	OldDate                        Code = "OLD_DATE"
	DateMinSupDateMax              Code = "DATE_MIN_SUP_DATE_MAX"
	InvalidInteger                 Code = "INVALID_INTEGER"
	InvalidNumeric                 Code = "INVALID_NUMERIC"
	InvalidUUID                    Code = "INVALID_UUID"
	IdentifiantPermanentNotUUID    Code = "IDENTIFIANT_PERMANENT_NOT_UUID"
	DuplicateUUID                  Code = "DUPLICATE_UUID"
	ExistingUUID                   Code = "EXISTING_UUID"
	DuplicateEntitySourcePK        Code = "DUPLICATE_ENTITY_SOURCE_PK"
	DuplicateSourceID              Code = "DUPLICATE_SOURCE_ID"
	DuplicateRow                   Code = "DUPLICATE_ROW"
	RowHaveTooMuchColumn           Code = "ROW_HAVE_TOO_MUCH_COLUMN"
	RowHaveLessColumn              Code = "ROW_HAVE_LESS_COLUMN"
	InvalidEncoding                Code = "INVALID_ENCODING"
	CdNomNotFound                  Code = "CD_NOM_NOT_FOUND"
	NameNotFound                   Code = "NAME_NOT_FOUND"
	CdRefMismatch                  Code = "CD_REF_MISMATCH"
	NoGeoreference                 Code = "NO_GEOREFERENCE"
	MoreThanOneGeoreference        Code = "MORE_THAN_ONE_GEOREFERENCE"
	MultipleCodeAttachment         Code = "MULTIPLE_CODE_ATTACHMENT"
	MultipleGeoInfoWarning         Code = "MULTIPLE_GEO_INFO_WARNING"
	InvalidAttachmentCode          Code = "INVALID_ATTACHMENT_CODE"
	InvalidWKT                     Code = "INVALID_WKT"
	InvalidGeometry                Code = "INVALID_GEOMETRY"
	WrongGeometryType              Code = "WRONG_GEOMETRY_TYPE"
	WrongGeometrySRID              Code = "WRONG_GEOMETRY_SRID"
	GeometryOutOfBox               Code = "GEOMETRY_OUT_OF_BOX"
	SwappedCoordinates             Code = "SWAPPED_COORDINATES"
	GeometryOutside                Code = "GEOMETRY_OUTSIDE"
	NoAreas                        Code = "NO_AREAS"
	NoSensitivity                  Code = "NO_SENSITIVITY"
	InvalidNomenclature            Code = "INVALID_NOMENCLATURE"
	InvalidNomenclatureWarning     Code = "INVALID_NOMENCLATURE_WARNING"
	CountMinSupCountMax            Code = "COUNT_MIN_SUP_COUNT_MAX"
	CountPresenceMismatch          Code = "COUNT_PRESENCE_MISMATCH"
	AltiMinSupAltiMax              Code = "ALTI_MIN_SUP_ALTI_MAX"
	DepthMinSupDepthMax            Code = "DEPTH_MIN_SUP_DEPTH_MAX"
	ValueLeftOut                   Code = "VALUE_LEFT_OUT"
	AltitudeOutOfRange             Code = "ALTITUDE_OUT_OF_RANGE"
	InvalidExistingProofValue      Code = "INVALID_EXISTING_PROOF_VALUE"
	InvalidURLProof                Code = "INVALID_URL_PROOF"
	ConditionalMandatoryFieldError Code = "CONDITIONAL_MANDATORY_FIELD_ERROR"
	DeletedAtSource                Code = "DELETED_AT_SOURCE"
	DateOrderAssumed               Code = "DATE_ORDER_ASSUMED"
	TwoDigitYear                   Code = "TWO_DIGIT_YEAR"
	ProjectionAssumed              Code = "PROJECTION_ASSUMED"
	AmbiguousName                  Code = "AMBIGUOUS_NAME"
	NotATaxon                      Code = "NOT_A_TAXON"
	NameRaised                     Code = "NAME_RAISED"
	VernacularMatch                Code = "VERNACULAR_MATCH"
	NameCodeMismatch               Code = "NAME_CODE_MISMATCH"
	NamesDisagree                  Code = "NAMES_DISAGREE"
	DateOrder                      Code = "DATE_ORDER"
	MandatoryFieldMissing          Code = "MANDATORY_FIELD_MISSING"
	MandatoryConditionalFields     Code = "MANDATORY_CONDITIONAL_FIELDS"
	ArrayOfSameLength              Code = "ARRAY_OF_SAME_LENGTH"
	TaxrefVersion                  Code = "TAXREF_VERSION"
	Habitat                        Code = "HABITAT"
	InvalidFormat                  Code = "INVALID_FORMAT"
	InvalidRangeField              Code = "INVALID_RANGE_FIELD"
	StringTooLong                  Code = "STRING_TOO_LONG"
	PersonComma                    Code = "PERSON_COMMA"
	ImplausibleForTaxon            Code = "IMPLAUSIBLE_FOR_TAXON"
	OldCommuneCode                 Code = "OLD_COMMUNE_CODE"
	CommuneMismatch                Code = "COMMUNE_MISMATCH"
	CommuneFar                     Code = "COMMUNE_FAR"
	DepartmentMismatch             Code = "DEPARTMENT_MISMATCH"
	DepartmentFar                  Code = "DEPARTMENT_FAR"
	CommuneByName                  Code = "COMMUNE_BY_NAME"
	CommuneNameNotFound            Code = "COMMUNE_NAME_NOT_FOUND"
	NaturalAreaUnknown             Code = "NATURAL_AREA_UNKNOWN"
	BlurredNotShown                Code = "BLURRED_NOT_SHOWN"
	OldDatum                       Code = "OLD_DATUM"
	CoordinatesRounded             Code = "COORDINATES_ROUNDED"
)

// severities is the table of what each code does to its row.
var severities = map[Code]Severity{
	MissingValue:                   Reject,
	InvalidDate:                    Reject,
	AmbiguousDate:                  Reject,
	InvalidTime:                    Warn,
	DateMinTooHigh:                 Reject,
	DateMaxTooHigh:                 Reject,
	DateMinTooLow:                  Reject,
	OldDate:                        Warn,
	DateMinSupDateMax:              Reject,
	InvalidInteger:                 Reject,
	InvalidNumeric:                 Reject,
	InvalidUUID:                    Reject,
	IdentifiantPermanentNotUUID:    Warn,
	DuplicateUUID:                  Reject,
	ExistingUUID:                   Warn,
	DuplicateEntitySourcePK:        Reject,
	DuplicateSourceID:              Warn,
	DuplicateRow:                   Warn,
	RowHaveTooMuchColumn:           Reject,
	RowHaveLessColumn:              Reject,
	InvalidEncoding:                Reject,
	CdNomNotFound:                  Hold,
	NameNotFound:                   Hold,
	CdRefMismatch:                  Warn,
	NoGeoreference:                 Reject,
	MoreThanOneGeoreference:        Reject,
	MultipleCodeAttachment:         Reject,
	MultipleGeoInfoWarning:         Warn,
	InvalidAttachmentCode:          Reject,
	InvalidWKT:                     Reject,
	InvalidGeometry:                Reject,
	WrongGeometryType:              Reject,
	WrongGeometrySRID:              Reject,
	GeometryOutOfBox:               Reject,
	SwappedCoordinates:             Reject,
	GeometryOutside:                Hold,
	NoAreas:                        Hold,
	NoSensitivity:                  Hold,
	InvalidNomenclature:            Reject,
	InvalidNomenclatureWarning:     Warn,
	CountMinSupCountMax:            Reject,
	CountPresenceMismatch:          Warn,
	AltiMinSupAltiMax:              Reject,
	DepthMinSupDepthMax:            Reject,
	ValueLeftOut:                   Warn,
	AltitudeOutOfRange:             Warn,
	InvalidExistingProofValue:      Reject,
	InvalidURLProof:                Reject,
	ConditionalMandatoryFieldError: Reject,
	DeletedAtSource:                Reject,
	DateOrderAssumed:               Warn,
	TwoDigitYear:                   Warn,
	ProjectionAssumed:              Warn,
	AmbiguousName:                  Hold,
	NotATaxon:                      Hold,
	NameRaised:                     Warn,
	VernacularMatch:                Warn,
	NameCodeMismatch:               Warn,
	NamesDisagree:                  Warn,
	DateOrder:                      Warn,
	MandatoryFieldMissing:          Warn,
	MandatoryConditionalFields:     Warn,
	ArrayOfSameLength:              Warn,
	TaxrefVersion:                  Warn,
	Habitat:                        Warn,
	InvalidFormat:                  Warn,
	InvalidRangeField:              Warn,
	StringTooLong:                  Warn,
	PersonComma:                    Warn,
	ImplausibleForTaxon:            Warn,
	OldCommuneCode:                 Warn,
	CommuneMismatch:                Warn,
	CommuneFar:                     Hold,
	DepartmentMismatch:             Warn,
	DepartmentFar:                  Hold,
	CommuneByName:                  Warn,
	CommuneNameNotFound:            Reject,
	NaturalAreaUnknown:             Hold,
	BlurredNotShown:                Hold,
	OldDatum:                       Warn,
	CoordinatesRounded:             Warn,
}
