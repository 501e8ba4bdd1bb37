package ingest

import (
	"strings"

	"garrigue/internal/taxon"
)

// field is what a column of a source may tell about an observation. Names shown in reports
// are those of the standard Occurrences de taxons v2.0 where it has one.
type field uint8

const (
	fUUID field = iota
	fOrigin
	fDatasetUUID
	fDatasetName
	fOrganisation
	fPresence
	fNameCited
	fScientificName
	fScientificAuthor
	fGenus
	fSpecificEpithet
	fInfraEpithet
	fTaxonURI
	fCdNom
	fCdRef
	fDateStart
	fDateEnd
	fTimeStart
	fTimeEnd
	fYear
	fMonth
	fDay
	fVerbatimDate
	fValidationDate
	fObservers
	fDeterminer
	fAltMin
	fAltMax
	fAltitude
	fDepthMin
	fDepthMax
	fPlaceName
	fComment
	fCountMin
	fCountMax
	fCount
	fCountObject
	fCountType
	fTechnique
	fState
	fLifeStage
	fSex
	fBioStatus
	fBehaviour
	fNaturalness
	fBioGeo
	fProof
	fProofURL
	fProofOther
	fPublic
	fDiffusion
	fBlurring
	fSensitivity
	fValidation
	fSourceStatus
	fBiblio
	fGeometry
	fGeometryLocal
	fLon
	fLat
	fX
	fY
	fLatLon
	fDatum
	fUncertainty
	fNature
	fCommune
	fCommuneInfo
	fDepartment
	fDepartmentInfo
	fCell
	fCellInfo
	fNaturalArea
	fNaturalAreaInfo
	fWaterBody
	fWaterBodyInfo
	fInfoGeo
	fLastAction
	fAtlas
	fEstimation
	fHidden
	fAdminHidden
	fStructured
	fStructuredPrivate
	fPrecisionLabel
	fBehaviourText
	fFormStart
	fFormStop
	fForm
	fVisioUUID
	fVisioSpecies
	fCommittees
	fSecondHand
	fAnonymous
	fAdminType
	fCommuneName
	fCommuneYear
	fDepartmentName
	fDepartmentYear
	fNaturalAreaType
	fNaturalAreaVersion
	fWaterBodyVersion
	fWaterBodyDate
	fDeterminationDate
	fTransformDate
	fModifiedDate
	fSensitivityDate
	fSensitivityRef
	fSensitivityVersion
	fTaxrefVersion
	fObserverOrg
	fDeterminerOrg
	fValidator
	fValidatorOrg
	fHabitatRef
	fHabitatVersion
	fHabitatCode
	fHabRef
	fGrouping
	fGroupingType
	fAttributeName
	fAttributeType
	fAttributeValue
	fAttributeUnit
	fKingdom
	fPhylum
	fClass
	fOrder
	fFamily
	fGroup
	nFields
)

var fieldNames = [nFields]string{
	fKingdom: "règne", fPhylum: "phylum", fClass: "classe", fOrder: "ordre", fFamily: "famille", fGroup: "groupe taxonomique",
	fUUID: "idSINPOccTax", fOrigin: "idOrigine", fDatasetUUID: "idSINPJdd", fDatasetName: "jeu de données",
	fOrganisation: "organismeGestionnaireDonnee", fPresence: "statutObservation", fNameCited: "nomCite",
	fScientificName: "nom scientifique", fScientificAuthor: "auteur du nom", fGenus: "genre", fSpecificEpithet: "épithète",
	fInfraEpithet: "épithète infraspécifique", fTaxonURI: "identifiant du taxon", fCdNom: "cdNom", fCdRef: "cdRef",
	fDateStart: "dateDebut", fDateEnd: "dateFin", fTimeStart: "heureDebut", fTimeEnd: "heureFin",
	fYear: "année", fMonth: "mois", fDay: "jour", fVerbatimDate: "date en clair", fValidationDate: "dateCtrl",
	fObservers: "observateur", fDeterminer: "determinateur", fAltMin: "altitudeMin", fAltMax: "altitudeMax", fAltitude: "altitudeMoyenne",
	fDepthMin: "profondeurMin", fDepthMax: "profondeurMax", fPlaceName: "nomLieu", fComment: "commentaire",
	fCountMin: "denombrementMin", fCountMax: "denombrementMax", fCount: "denombrement", fCountObject: "objetDenombrement",
	fCountType: "typeDenombrement", fTechnique: "obsTechnique", fState: "occEtatBiologique", fLifeStage: "occStadeDeVie", fSex: "occSexe",
	fBioStatus: "occStatutBiologique", fBehaviour: "occComportement", fNaturalness: "occNaturalite", fBioGeo: "occStatutBioGeographique",
	fProof: "preuveExistante", fProofURL: "uRLPreuveNumerique", fProofOther: "preuveNonNumerique",
	fPublic: "dSPublique", fDiffusion: "diffusionNiveauPrecision", fBlurring: "dEEFloutage", fSensitivity: "sensiNiveau",
	fValidation: "nivVal", fSourceStatus: "statutSource", fBiblio: "referenceBiblio",
	fGeometry: "geometrie", fGeometryLocal: "geometrie locale", fLon: "longitude", fLat: "latitude", fX: "x", fY: "y",
	fLatLon: "latitude, longitude", fDatum: "projection", fUncertainty: "precision", fNature: "natureObjetGeo",
	fCommune: "codeCommune", fCommuneInfo: "typeInfoGeo commune", fDepartment: "codeDepartement", fDepartmentInfo: "typeInfoGeo département",
	fCell: "codeMaille", fCellInfo: "typeInfoGeo maille", fNaturalArea: "codeEN", fNaturalAreaInfo: "typeInfoGeo EN",
	fWaterBody: "codeME", fWaterBodyInfo: "typeInfoGeo ME", fInfoGeo: "typeInfoGeo", fLastAction: "dernière action",
	fAtlas: "code atlas", fEstimation: "code d’estimation", fHidden: "cachée par l’observateur", fAdminHidden: "cachée par l’administration",
	fStructured: "commentaire structuré", fStructuredPrivate: "commentaire privé structuré", fPrecisionLabel: "précision du lieu",
	fBehaviourText: "comportements", fFormStart: "début du formulaire", fFormStop: "fin du formulaire", fForm: "formulaire",
	fVisioUUID: "identifiant permanent VisioNature", fVisioSpecies: "espèce VisioNature", fCommittees: "comités d’homologation",
	fSecondHand: "donnée d’un tiers", fAnonymous: "donnée anonyme", fAdminType: "motif de l’administration",
	fCommuneName: "nomCommune", fCommuneYear: "anneeRef commune", fDepartmentName: "nomDepartement", fDepartmentYear: "anneeRef département",
	fNaturalAreaType: "typeEN", fNaturalAreaVersion: "versionEN", fWaterBodyVersion: "versionME", fWaterBodyDate: "dateME",
	fDeterminationDate: "dateDetermination", fTransformDate: "dEEDateTransformation", fModifiedDate: "dEEDateDerniereModification",
	fSensitivityDate: "sensiDateAttribution", fSensitivityRef: "sensiReferentiel", fSensitivityVersion: "sensiVersionReferentiel", fTaxrefVersion: "versionTAXREF",
	fObserverOrg: "observateurNomOrganisme", fDeterminerOrg: "determinateurNomOrganisme", fValidator: "validateurIdentite", fValidatorOrg: "validateurNomOrganisme",
	fHabitatRef: "refHabitat", fHabitatVersion: "versionRefHabitat", fHabitatCode: "codeHabitat", fHabRef: "codeHabRef",
	fGrouping: "idSINPRegroupement", fGroupingType: "typeRegroupement", fAttributeName: "nomAttribut", fAttributeType: "typeAttribut",
	fAttributeValue: "valeurAttribut", fAttributeUnit: "uniteAttribut",
}

// String returns the name shown in reports.
func (f field) String() string {
	if f < nFields {
		return fieldNames[f]
	}
	return ""
}

// columnKey folds a header so that idSINPOccTax, id_sinp_occ_tax and "ID SINP OccTax" are one.
func columnKey(header string) string {
	if i := strings.LastIndexByte(header, ':'); i >= 0 && i < 8 {
		header = header[i+1:] // dwc:scientificName
	}
	h := taxon.Fold(header)
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '_', '-', '.', '/', '(', ')', '\'':
			return -1
		}
		return r
	}, h)
}
