package ingest

import (
	"context"
	"iter"
	"strings"

	"garrigue/internal/geo"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// homeTerritories are whose regional and departmental statuses are kept unless the caller
// says otherwise: Occitanie, its two former regions, whose lists are still in force, and its
// departments.
var homeTerritories = [...]string{"Occitanie", "Midi-Pyrénées", "Languedoc-Roussillon", "Ariège", "Aude", "Aveyron",
	"Gard", "Haute-Garonne", "Gers", "Hérault", "Lot", "Lozère", "Hautes-Pyrénées", "Pyrénées-Orientales", "Tarn",
	"Tarn-et-Garonne"}

// wideTerritories concern any place in metropolitan France (LB_ADM_TR and CD_SIG of
// BDC-Statuts).
var wideTerritories = [...]string{"", "France", "France métropolitaine", "Métropole", "Monde", "Europe",
	"Union européenne", "TERFXFR", "ETATFRA", "TERFX"}

func (l *refLoader) putStatuses(ctx context.Context, t *refTable) (vault.Reference, error) {
	rows, skipped, err := l.statusRows(ctx, t)
	if err != nil {
		return vault.Reference{}, err
	}
	ref, err := l.db.PutStatuses(ctx, l.ref, rows)
	if err == nil {
		l.leftOut(*skipped)
	}
	return ref, err
}

// statusRows reads statuses; skipped counts those of other territories once they are read.
func (l *refLoader) statusRows(ctx context.Context, t *refTable) (_ iter.Seq2[taxon.Status, error], skipped *int, err error) {
	territories, err := l.territories(ctx)
	if err != nil {
		return nil, nil, err
	}
	refs := map[taxon.CdNom]refKnown{}
	if !t.has("cdref") { // a name's code must lead to its taxon
		if refs, err = l.vaultNames(ctx); err != nil {
			return nil, nil, err
		}
	}
	read := map[refShape]func(*refTable, func(taxon.Status)) error{
		shapeBDC: bdcStatus, shapeFlat: flatStatuses, shapeRedList: redListStatus}[t.shape]
	skipped = new(int)
	return manyOf(t, func(emit func(taxon.Status)) error {
		cd, err := t.code("cdref", "cdnom")
		if err != nil || cd == 0 {
			return err
		}
		if k, ok := refs[cd]; ok && k.ref != 0 {
			cd = taxon.CdNom(k.ref)
		}
		return read(t, func(s taxon.Status) {
			if !territories[taxon.Fold(s.Territory)] {
				*skipped++
				return
			}
			s.CdRef = taxon.CdRef(cd)
			emit(s)
		})
	}), skipped, nil
}

// territories returns the folded names of the territories whose statuses are kept.
func (l *refLoader) territories(ctx context.Context) (map[string]bool, error) {
	keep := map[string]bool{}
	for _, n := range wideTerritories {
		keep[taxon.Fold(n)] = true
	}
	home := l.o.Regions
	if len(home) == 0 {
		home = homeTerritories[:]
	}
	for _, n := range home {
		keep[taxon.Fold(n)] = true
	}
	for _, kind := range []geo.Kind{geo.Region, geo.Department} {
		areas, err := l.db.Areas(ctx, kind)
		if err != nil {
			return nil, err
		}
		for _, a := range areas {
			keep[taxon.Fold(a.Name)] = true
		}
	}
	return keep, nil
}

// manyOf yields what each row gives, any number of values.
func manyOf[T any](t *refTable, f func(emit func(T)) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var given []T
		for _, err := range refRows(t, func() (struct{}, bool, error) {
			given = given[:0]
			return struct{}{}, true, f(func(v T) { given = append(given, v) })
		}) {
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, v := range given {
				if !yield(v, nil) {
					return
				}
			}
		}
	}
}

// bdcStatus reads a row of BDC-Statuts, or of an extract that has its main columns.
func bdcStatus(t *refTable, emit func(taxon.Status)) error {
	s := taxon.Status{Type: t.get("cdtypestatut"), TypeLabel: t.get("lbtypestatut"), Code: t.get("codestatut"),
		Label: t.get("labelstatut"), Remark: t.get("rqstatut"), Territory: t.get("lbadmtr", "cdsig"),
		Citation: markup.ReplaceAllString(t.get("fullcitation"), ""), URL: t.get("docurl")}
	if s.Type == "" {
		return t.bad("cd_type_statut", "")
	}
	if s.TypeLabel == "" {
		s.TypeLabel = taxon.StatusTypeLabel(s.Type)
	}
	if s.Code == "Vrai" || s.Code == "VRAI" || s.Code == "TRUE" {
		s.Code = "true"
	}
	if s.Code == "" {
		s.Code = codeFromLabel(s.Type, s.Label)
	}
	if s.Territory == "" {
		s.Territory = territoryFromLabel(s.Label)
	}
	if s.Territory == "" && s.Remark == "" && localType(s.Type) {
		s.Remark = "territoire non précisé" // shown with the status: it may be another region's
	}
	emit(s)
	return nil
}

// localType reports whether statuses of a type are those of a region or a department.
func localType(typ string) bool {
	switch typ {
	case "LRR", "PR", "PD", "ZDET", "SENSREG", "SENSDEP":
		return true
	}
	return false
}

// codeFromLabel finds the code of an annex in the label of a directive, for extracts
// without CODE_STATUT.
func codeFromLabel(typ, label string) string {
	i := strings.LastIndex(label, "Annexe ")
	if i < 0 {
		return ""
	}
	switch typ + " " + strings.TrimSpace(label[i+len("Annexe "):]) {
	case "DH II":
		return "CDH2"
	case "DH IV":
		return "CDH4"
	case "DH V":
		return "CDH5"
	case "DO I":
		return "CDO1"
	case "DO II/1":
		return "CDO21"
	case "DO II/2":
		return "CDO22"
	case "DO III/1":
		return "CDO31"
	case "DO III/2":
		return "CDO32"
	}
	return ""
}

// territoryFromLabel finds the department that the title of a text names ("… dans le
// département du Jura : Article 6"), for extracts without territory; "" when it names none.
func territoryFromLabel(label string) string {
	_, rest, ok := strings.Cut(strings.ReplaceAll(label, "’", "'"), "département d")
	if !ok {
		return ""
	}
	for _, article := range []string{"e la ", "e l'", "es ", "u ", "e ", "'"} {
		if after, ok := strings.CutPrefix(rest, article); ok {
			name, _, _ := strings.Cut(after, " ")
			return strings.TrimRight(name, ",.;:")
		}
	}
	return ""
}

// flatColumn is a column of a flat file: codes of one type, separated by commas.
type flatColumn struct {
	column, typ, suffix string
}

var flatColumns = [...]flatColumn{
	{"pn", "PN", ""}, {"pr", "PR", ""}, {"pd", "PD", ""},
	{"lrn", "LRN", ""}, {"lrnn", "LRN", "nicheurs"}, {"lrnh", "LRN", "hivernants"}, {"lrnp", "LRN", "de passage"},
	{"lrr", "LRR", ""}, {"lrrn", "LRR", "nicheurs"}, {"lrrh", "LRR", "hivernants"}, {"lrrp", "LRR", "de passage"},
	{"dh", "DH", ""}, {"do", "DO", ""}, {"znieff", "ZDET", ""}, {"lre", "LRE", ""}, {"lrm", "LRM", ""},
}

// flatStatuses reads a row of a list with one column a type of status. NA is what R writes
// for nothing there, not the red-list category.
func flatStatuses(t *refTable, emit func(taxon.Status)) error {
	region := t.get("region")
	for _, c := range flatColumns {
		v := t.get(c.column)
		if v == "" || v == "NA" {
			continue
		}
		for _, code := range strings.Split(v, ",") {
			s := taxon.Status{Type: c.typ, TypeLabel: taxon.StatusTypeLabel(c.typ), Code: strings.TrimSpace(code),
				Remark: t.get(c.column + "det"), Territory: region}
			if s.Remark == "NA" {
				s.Remark = ""
			}
			if c.suffix != "" {
				s.TypeLabel += " (oiseaux " + c.suffix + ")"
			}
			switch {
			case c.typ == "ZDET":
				if taxon.Fold(s.Code) != "oui" {
					continue
				}
				s.Code, s.Label = "true", "Déterminante ZNIEFF"
			case taxon.RedList(c.typ):
				s.Label = redListLabel(s.Code)
			default:
				s.Label = statusLabel(s.Code)
			}
			if region == "" && c.typ == "LRN" {
				s.Territory = "France métropolitaine"
			}
			emit(s)
		}
	}
	return nil
}

// redListStatus reads a row of one red list.
func redListStatus(t *refTable, emit func(taxon.Status)) error {
	code := t.get("statut")
	if taxon.Severity(code) == 0 {
		return nil
	}
	emit(taxon.Status{Type: "LRN", TypeLabel: taxon.StatusTypeLabel("LRN"), Code: code, Label: redListLabel(code),
		Remark: t.get("criteres"), Territory: "France métropolitaine", Citation: t.get("nomliste")})
	return nil
}

func redListLabel(code string) string {
	switch code {
	case "EX":
		return "Éteinte au niveau mondial"
	case "EW":
		return "Éteinte à l’état sauvage"
	case "RE":
		return "Disparue au niveau régional"
	case "CR":
		return "En danger critique"
	case "CR*":
		return "En danger critique, présumée éteinte"
	case "EN":
		return "En danger"
	case "VU":
		return "Vulnérable"
	case "NT":
		return "Quasi menacée"
	case "LC":
		return "Préoccupation mineure"
	case "DD":
		return "Données insuffisantes"
	case "NA":
		return "Non applicable"
	case "NE":
		return "Non évaluée"
	}
	return code
}

// statusLabels are the texts of the codes flat files use (CODE_STATUT of BDC-Statuts).
var statusLabels = map[string]string{
	"CDH2": "Annexe II de la directive Habitats", "CDH4": "Annexe IV de la directive Habitats",
	"CDH5": "Annexe V de la directive Habitats", "CDO1": "Annexe I de la directive Oiseaux",
	"CDO21": "Annexe II/1 de la directive Oiseaux", "CDO22": "Annexe II/2 de la directive Oiseaux",
	"CDO31": "Annexe III/1 de la directive Oiseaux", "CDO32": "Annexe III/2 de la directive Oiseaux",
	"NO3": "Oiseaux protégés, article 3", "NO4": "Oiseaux protégés, article 4",
	"NM2": "Mammifères terrestres protégés, article 2", "NI2": "Insectes protégés, article 2",
	"NI3": "Insectes protégés, article 3", "FRAR2": "Amphibiens et reptiles protégés, article 2",
	"FRAR3": "Amphibiens et reptiles protégés, article 3", "FRAR4": "Amphibiens et reptiles protégés, article 4",
	"PNTM3": "Tortues marines protégées, article 3", "NV1": "Espèces végétales protégées, annexe I",
	"NV2": "Espèces végétales protégées, annexe II",
}

func statusLabel(code string) string {
	if l, ok := statusLabels[code]; ok {
		return l
	}
	return code
}
