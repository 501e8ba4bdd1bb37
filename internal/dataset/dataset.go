// Package dataset knows where observations come from: datasets (jeux de données) and the
// acquisition frameworks (cadres d'acquisition) that group them.
package dataset

// ID is the vault's own number of a dataset.
type ID int64

// Dataset is one jeu de données. UUID is its idSINPJdd when the producer gave one.
type Dataset struct {
	ID           ID
	UUID         string
	Name         string // libelle
	Organisation string // organismeGestionnaireDonnee, as last given
	Framework    string // name of the acquisition framework, may be empty
	// Public is dSPublique of the whole set (Pu, Pr, NSP), used where a row says nothing.
	Public string
}
