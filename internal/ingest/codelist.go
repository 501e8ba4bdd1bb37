package ingest

import (
	"embed"
	"encoding/csv"
	"fmt"
	"path"
	"strings"

	"garrigue/internal/taxon"
)

//go:embed codelists/*.csv
var codelistFiles embed.FS

// codelists are the SINP code lists: for each list, what producers write (code, label,
// synonym) to the code kept. They never change once read.
type codelists map[string]*codelist

type codelist struct {
	name   string
	exact  map[string]string // as written in the list
	folded map[string]string // taxon.Fold of code, label, synonym
	plural map[string]string // singular of those
	labels map[string]string // code → label
}

// readCodelists reads the lists embedded in the program. It fails only on a broken build.
func readCodelists() (codelists, error) {
	entries, err := codelistFiles.ReadDir("codelists")
	if err != nil {
		return nil, err
	}
	all := codelists{}
	var synonyms [][]string
	for _, e := range entries {
		f, err := codelistFiles.Open(path.Join("codelists", e.Name()))
		if err != nil {
			return nil, err
		}
		rows, err := csv.NewReader(f).ReadAll()
		if err != nil {
			return nil, fmt.Errorf("codelists/%s: %w", e.Name(), err)
		}
		if e.Name() == "synonyms.csv" {
			synonyms = rows[1:]
			continue
		}
		for _, r := range rows[1:] {
			l := all.list(r[0])
			l.exact[r[1]], l.labels[r[1]] = r[1], r[2]
			if k := taxon.Fold(r[1]); l.folded[k] == "" {
				l.folded[k] = r[1]
			}
		}
		// Labels come after every code, so that a label never hides a code ("Pr" and « Pr »).
		for _, r := range rows[1:] {
			l := all.list(r[0])
			if k := taxon.Fold(r[2]); k != "" && l.folded[k] == "" {
				l.folded[k] = r[1]
			}
		}
	}
	for _, r := range synonyms {
		l := all.list(r[0])
		if k := taxon.Fold(r[1]); l.folded[k] == "" {
			l.folded[k] = r[2]
		}
	}
	for _, l := range all {
		l.fillPlural()
	}
	return all, nil
}

func (c codelists) list(name string) *codelist {
	l := c[name]
	if l == nil {
		l = &codelist{name: name, exact: map[string]string{}, folded: map[string]string{}, plural: map[string]string{}, labels: map[string]string{}}
		c[name] = l
	}
	return l
}

// fillPlural indexes what is written by its singular, but for what would stand for two codes.
func (l *codelist) fillPlural() {
	for written, code := range l.folded {
		k := singular(written)
		if other, ok := l.plural[k]; ok && other != code {
			code = ""
		}
		l.plural[k] = code
	}
}

// code returns the code of a value written as code, label or known synonym.
func (l *codelist) code(v string) (string, bool) {
	if c, ok := l.exact[v]; ok {
		return c, true
	}
	c, ok := l.folded[taxon.Fold(v)]
	if !ok && strings.HasSuffix(v, ".0") { // a code through a spreadsheet
		c, ok = l.exact[strings.TrimSuffix(v, ".0")]
	}
	if !ok && len(v) > 3 {
		c = l.plural[singular(taxon.Fold(v))]
		ok = c != ""
	}
	return c, ok
}

// frozenBehaviour are codes of STATUT_BIO that version 2.0 froze: they mean the same code of
// OCC_COMPORTEMENT.
func frozenBehaviour(code string) bool {
	switch code {
	case "6", "7", "8", "10", "11", "12":
		return true
	}
	return false
}

// publicCode returns the code in force of a DS_PUBLIQUE code: Re and Ac are frozen, and
// were two ways of being public.
func publicCode(code string) string {
	if code == "Re" || code == "Ac" {
		return "Pu"
	}
	return code
}
