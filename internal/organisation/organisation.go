// Package organisation knows the structures that produce, keep or ask for data.
package organisation

import "strings"

// Unknown is what the standard writes when no organisation is known.
const Unknown = "Inconnu"

// Clean returns an organisation's name fit to be shown and counted: trimmed, inner spaces
// single, and Unknown for the empty string and the words that mean it.
func Clean(name string) string {
	name = strings.Join(strings.Fields(name), " ")
	switch strings.ToLower(name) {
	case "", "nsp", "null", "inconnu", "inconnue", "ne sait pas", "non renseigné", `\n`:
		return Unknown
	}
	return name
}
