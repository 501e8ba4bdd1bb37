package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"garrigue/internal/geo"
)

// writeReferences writes the territory's references in the shapes of the real ones.
func writeReferences(dir string, t *territory, entries []entry) ([]Reference, error) {
	refs := []Reference{
		{"areas", geo.Region, "region.geojson"},
		{"areas", geo.Department, "departements.geojson"},
		{"areas", geo.Commune, "communes.geojson"},
		{"taxref", geo.NoKind, "taxref.tsv"},
		{"statuses", geo.NoKind, "statuses.tsv"},
		{"sensitivity", geo.NoKind, "sensitivity.tsv"},
	}
	write := map[string]func(io.Writer) error{
		"region.geojson":       func(w io.Writer) error { return writeOutlines(w, []outline{t.region}, "code", "") },
		"departements.geojson": func(w io.Writer) error { return writeOutlines(w, t.departments, "code", "reg") },
		"communes.geojson":     func(w io.Writer) error { return writeOutlines(w, t.communes, "insee", "dep") },
		"taxref.tsv":           func(w io.Writer) error { return writeTaxref(w, entries) },
		"statuses.tsv":         func(w io.Writer) error { return writeStatuses(w, entries) },
		"sensitivity.tsv":      func(w io.Writer) error { return writeSensitivity(w, entries) },
	}
	for i := range refs {
		name := refs[i].Path
		refs[i].Path = filepath.Join(dir, name)
		if err := writeFile(refs[i].Path, write[name]); err != nil {
			return nil, err
		}
	}
	// The name of the lists, beside the rules, where the loader looks for it.
	return refs, writeFile(filepath.Join(dir, "sensitivity-listes.csv"), func(w io.Writer) error {
		_, err := io.WriteString(w, "short_citation,cd_insee_reg_ancienne,date_liste,full_citation,url,cd_doc,cd_sl\n"+
			"Liste fictive,,2024,\"Liste de sensibilité fictive du "+regionName+", pour la démonstration.\",,,"+sensitivityList+"\n")
		return err
	})
}

func writeOutlines(w io.Writer, list []outline, code, parent string) error {
	if _, err := io.WriteString(w, `{"type":"FeatureCollection","features":[`); err != nil {
		return err
	}
	for i, o := range list {
		properties := map[string]string{code: o.code, "nom": o.name}
		if parent != "" {
			properties[parent] = o.parent
		}
		p, err := json.Marshal(properties)
		if err != nil {
			return err
		}
		comma := ",\n"
		if i == 0 {
			comma = "\n"
		}
		if _, err := fmt.Fprintf(w, `%s{"type":"Feature","properties":%s,"geometry":{"type":"MultiPolygon","coordinates":[`, comma, p); err != nil {
			return err
		}
		var b []byte
		for j, pg := range o.shape {
			b = append(b, [...]string{"[", ",["}[min(j, 1)]...)
			for k, ring := range pg {
				b = append(b, [...]string{"[", ",["}[min(k, 1)]...)
				for l, q := range ring {
					b = append(b, [...]string{"[", ",["}[min(l, 1)]...)
					b = strconv.AppendFloat(b, q[0], 'f', -1, 64)
					b = append(b, ',')
					b = strconv.AppendFloat(b, q[1], 'f', -1, 64)
					b = append(b, ']')
				}
				b = append(b, ']')
			}
			b = append(b, ']')
		}
		if _, err := w.Write(append(b, "]}}"...)); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "\n]}\n")
	return err
}

func writeTaxref(w io.Writer, entries []entry) error {
	if _, err := io.WriteString(w, "REGNE\tPHYLUM\tCLASSE\tORDRE\tFAMILLE\tGROUP1_INPN\tGROUP2_INPN\tCD_NOM\tCD_REF\tRANG\tLB_NOM\tLB_AUTEUR\tNOM_COMPLET\tNOM_VERN\tNOM_VERN_ENG\n"); err != nil {
		return err
	}
	for i := range entries {
		e := &entries[i]
		full := strings.TrimSpace(e.name + " " + e.author)
		line := strings.Join([]string{e.kingdom, e.phylum, e.class, e.order, e.family, e.group1, e.group2, e.cdNom, e.cdRef, e.rank,
			e.name, e.author, full, e.fr, e.en}, "\t")
		if _, err := io.WriteString(w, line+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// Labels of statuses, from BDC-Statuts and its code lists.
func statusLabel(typ, code string) (typeLabel, label, citation string) {
	switch typ {
	case "LRN", "LRR":
		typeLabel = map[string]string{"LRN": "Liste rouge nationale", "LRR": "Liste rouge régionale"}[typ]
		label = map[string]string{"CR": "En danger critique", "EN": "En danger", "VU": "Vulnérable", "NT": "Quasi menacée",
			"LC": "Préoccupation mineure", "DD": "Données insuffisantes", "NA": "Non applicable", "RE": "Disparue au niveau régional"}[code]
		if typ == "LRR" {
			citation = "Liste rouge fictive du " + regionName + ", pour la démonstration"
		}
	case "PN":
		typeLabel, label = "Protection nationale", "Protection nationale : "+code
		for prefix, of := range map[string]string{"NO": "oiseaux", "NM": "mammifères terrestres", "FRAR": "amphibiens et reptiles", "NI": "insectes", "NV": "espèces végétales"} {
			if article, ok := strings.CutPrefix(code, prefix); ok {
				label = "Liste nationale des " + of + " protégés : article " + article
				if of == "espèces végétales" {
					label = "Liste nationale des espèces végétales protégées : annexe " + article
				}
			}
		}
	case "DH":
		typeLabel = "Directive Habitat"
		label = "Directive Habitats-Faune-Flore : annexe " + map[string]string{"CDH2": "II", "CDH4": "IV", "CDH5": "V"}[code]
	case "DO":
		typeLabel = "Directive Oiseaux"
		label = "Directive Oiseaux : annexe " + map[string]string{"CDO1": "I", "CDO21": "II/1", "CDO22": "II/2", "CDO31": "III/1", "CDO32": "III/2"}[code]
	}
	return typeLabel, label, citation
}

// writeStatuses writes the real national statuses, and an invented regional red list.
func writeStatuses(w io.Writer, entries []entry) error {
	if _, err := io.WriteString(w, "CD_NOM\tCD_REF\tCD_TYPE_STATUT\tLB_TYPE_STATUT\tCODE_STATUT\tLABEL_STATUT\tRQ_STATUT\tLB_ADM_TR\tFULL_CITATION\tDOC_URL\n"); err != nil {
		return err
	}
	put := func(e *entry, typ, code, where string) error {
		typeLabel, label, citation := statusLabel(typ, code)
		_, err := io.WriteString(w, strings.Join([]string{e.cdNom, e.cdRef, typ, typeLabel, code, label, "", where, citation, ""}, "\t")+"\n")
		return err
	}
	for i := range entries {
		e := &entries[i]
		for s := range strings.FieldsSeq(e.statuses) {
			typ, codes, _ := strings.Cut(s, "=")
			for code := range strings.SplitSeq(codes, ",") {
				if err := put(e, typ, code, "France métropolitaine"); err != nil {
					return err
				}
			}
		}
		if c := regionalRedList(e); c != "" {
			if err := put(e, "LRR", c, regionName); err != nil {
				return err
			}
		}
	}
	return nil
}

// regionalRedList invents a category: the rarer, the more threatened. What is threatened in
// the whole country mostly is here too.
func regionalRedList(e *entry) string {
	if e.frequency == "" || e.rank != "ES" || strings.HasPrefix(e.trend, "T") || strings.Contains(e.statuses, "LRN=NA") {
		return ""
	}
	switch groupOf(e) {
	case birds, herps, butterflies, dragonflies:
	default:
		return ""
	}
	f, err := strconv.Atoi(e.frequency)
	if err != nil {
		return ""
	}
	luck := lattice(len(e.name), f, 401)
	if _, national, ok := strings.Cut(e.statuses, "LRN="); ok && luck < 0.7 { // mostly as in the whole country
		if c, _, _ := strings.Cut(national, " "); c == "VU" || c == "EN" || c == "CR" {
			return c
		}
		luck /= 0.7
	}
	switch {
	case e.trend == "X":
		return [...]string{"VU", "EN"}[int(luck*2)]
	case f < 15:
		return [...]string{"CR", "EN", "VU"}[int(luck*3)]
	case f < 35:
		return [...]string{"EN", "VU", "NT"}[int(luck*3)]
	case f < 60:
		return [...]string{"VU", "NT", "LC"}[int(luck*3)]
	case f < 90:
		return [...]string{"NT", "LC", "LC"}[int(luck*3)]
	}
	return "LC"
}

const sensitivityList = "900"

// writeSensitivity writes the rules of the invented list.
func writeSensitivity(w io.Writer, entries []entry) error {
	if _, err := io.WriteString(w, "cd_dept\tid\tcd_nom\tduree\tcodage\tautre\tcd_sl\tcd_occ_statut_biologique\tnom_cite\n"); err != nil {
		return err
	}
	id := 0
	for i := range entries {
		e := &entries[i]
		if len(e.level) < 2 {
			continue
		}
		var when []string
		if strings.Contains(e.level, "r") {
			when = append(when, "3")
		}
		if strings.Contains(e.level, "h") {
			when = append(when, "4")
		}
		if len(when) == 0 {
			when = []string{""}
		}
		years := "30"
		if e.level[1] > '2' {
			years = ""
		}
		for _, status := range when {
			id++
			if _, err := io.WriteString(w, strings.Join([]string{"", strconv.Itoa(id), e.cdNom, years, e.level[1:2], "", sensitivityList, status, e.name}, "\t")+"\n"); err != nil {
				return err
			}
		}
	}
	return nil
}
