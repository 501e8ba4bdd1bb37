package ingest

import (
	"iter"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"garrigue/internal/civil"
	"garrigue/internal/geo"
	"garrigue/internal/sensitivity"
)

// sensitivityRules reads rules in the national shape (RefSensibilite), with the columns that
// Provence-Alpes-Côte d'Azur proposed to add (GeoNature, pull request 4255), and in GINCO's. A
// row that names several departments, zones or codes gives a rule for each.
func (l *refLoader) sensitivityRules(t *refTable) iter.Seq2[sensitivity.Rule, error] {
	list := strings.TrimSuffix(l.name, filepath.Ext(l.name))
	rows := refRows(t, func() ([]sensitivity.Rule, bool, error) {
		rules, err := sensitivityRow(t, list)
		return rules, len(rules) > 0, err
	})
	return func(yield func(sensitivity.Rule, error) bool) {
		for rules, err := range rows {
			if err != nil {
				yield(sensitivity.Rule{}, err)
				return
			}
			for _, r := range rules {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// sensitivityRow reads a row; nothing when it names no taxon.
func sensitivityRow(t *refTable, list string) (rules []sensitivity.Rule, err error) {
	r := sensitivity.Rule{List: list}
	if r.CdNom, err = t.code("cdnom"); err != nil || r.CdNom == 0 {
		return nil, err
	}
	code := t.get("codage", "cdsensibilite")
	var ok bool
	if r.Level, ok = sensitivity.ParseLevel(strings.TrimSuffix(strings.Replace(code, ",", ".", 1), ".0")); !ok {
		return nil, t.bad("codage", code)
	}
	if id := t.get("cdsl"); id != "" {
		r.List = id
	}
	if d := t.get("duree"); d != "" {
		if r.Years, ok = refCode(strings.TrimSuffix(d, ".0")); !ok || r.Years < 0 {
			return nil, t.bad("duree", d)
		}
		if r.Years >= 1000 {
			r.Years = 0 // GeoNature writes 10000 for ever
		}
	}
	if r.From, r.To, err = refSeason(t); err != nil {
		return nil, err
	}
	conditions := []string{t.get("autre")}
	if m := t.get("methobs", "obstechnique"); m != "" {
		conditions = append(conditions, "METH_OBS "+m) // nothing here computes it
	}
	rules = []sensitivity.Rule{r}
	if rules, err = refWhere(t, rules, &conditions, "cddept", "cddep", "departement", "cddepartement"); err != nil {
		return nil, err
	}
	if rules, err = refWhere(t, rules, &conditions, "zone", "cdzone", "codezone", "zonage", "cdinseecom", "inseecom", "codecommune",
		"cdcommune", "commune", "maille", "codemaille", "cdmaille", "cdsig"); err != nil {
		return nil, err
	}
	if rules, err = refConditions(t, rules); err != nil {
		return nil, err
	}
	condition := strings.Join(strings.Fields(strings.Join(conditions, " ")), " ")
	for i := range rules {
		rules[i].Condition = condition
	}
	return rules, nil
}

// refConditions limits rules to the biological statuses, the behaviours and the life stages of a
// row.
func refConditions(t *refTable, rules []sensitivity.Rule) (_ []sensitivity.Rule, err error) {
	status, err := refCodes(t, "statutbiologique", "cdoccstatutbiologique", "occstatutbiologique")
	if err != nil {
		return nil, err
	}
	behaviour, err := refCodes(t, "comportement", "occcomportement")
	if err != nil {
		return nil, err
	}
	stage, err := refCodes(t, "stadevie", "occstadedevie", "cdstadevie")
	if err != nil {
		return nil, err
	}
	// "Unknown" limits nothing.
	if slices.ContainsFunc(status, func(c string) bool { return c == "0" || c == "1" || c == "2" }) {
		status = nil
	}
	for _, unknown := range []string{"0", "1"} {
		if slices.Contains(stage, unknown) {
			stage = nil
		}
		if slices.Contains(behaviour, unknown) {
			behaviour = nil
		}
	}
	rules = each(rules, status, func(r *sensitivity.Rule, code string) { r.BioStatus = code })
	rules = each(rules, behaviour, func(r *sensitivity.Rule, code string) { r.Behaviour = code })
	rules = each(rules, stage, func(r *sensitivity.Rule, code string) { r.LifeStage = code })
	for i := range rules {
		switch r := &rules[i]; r.BioStatus {
		case "6", "7", "8", "10", "11", "12":
			// Frozen in v2.0 of the standard, where they became behaviours of the same code.
			if r.Behaviour == "" {
				r.BioStatus, r.Behaviour = "", r.BioStatus
			}
		}
	}
	return rules, nil
}

// each returns the rules once for every value, or as they are when there is none.
func each(rules []sensitivity.Rule, values []string, set func(r *sensitivity.Rule, v string)) []sensitivity.Rule {
	if len(values) == 0 {
		return rules
	}
	out := make([]sensitivity.Rule, 0, len(rules)*len(values))
	for _, r := range rules {
		for _, v := range values {
			r := r
			set(&r, v)
			out = append(out, r)
		}
	}
	return out
}

// refCodes returns the codes of a list of the standard that a cell has.
func refCodes(t *refTable, columns ...string) (codes []string, err error) {
	v := t.get(columns...)
	for _, code := range strings.FieldsFunc(v, separates) {
		code = strings.TrimSuffix(code, ".0")
		if n, ok := refCode(code); !ok || n < 0 || n > 99 {
			return nil, t.bad(columns[0], v)
		}
		codes = append(codes, code)
	}
	return codes, nil
}

func separates(r rune) bool { return strings.ContainsRune(",;|/ \u00a0", r) }

// refWhere limits rules to the departments and the areas of a cell. What names none (a
// zone of the list's own) is a condition that nobody can compute: such a rule holds everywhere, and
// asks for a review.
func refWhere(t *refTable, rules []sensitivity.Rule, conditions *[]string, columns ...string) ([]sensitivity.Rule, error) {
	cell := t.get(columns...)
	pieces := strings.FieldsFunc(cell, separates)
	known := func(v string) bool { return whereRule(&sensitivity.Rule{}, v) }
	if len(pieces) == 0 {
		return rules, nil
	}
	if !slices.ContainsFunc(pieces, func(v string) bool { return !known(v) }) {
		return each(rules, pieces, func(r *sensitivity.Rule, v string) { whereRule(r, v) }), nil
	}
	for _, v := range pieces {
		if mistyped.MatchString(v) && !known(v) {
			return nil, t.bad(columns[0], cell)
		}
	}
	*conditions = append(*conditions, cell)
	return rules, nil
}

// mistyped is what looks like a code, and must not pass for the name of a zone.
var mistyped = regexp.MustCompile(`^[0-9][0-9A-Za-z]{0,2}$|^[0-9]{4,}$|^D[0-9]$`)

var departmentCode = regexp.MustCompile(`^(0[1-9]|[1-8][0-9]|9[0-5]|2[AB]|9[78][0-9])$`)

// whereRule limits a rule to a department, a commune or a cell by its code; false when it is none.
func whereRule(r *sensitivity.Rule, v string) bool {
	if d := department(v); departmentCode.MatchString(d) {
		r.Department = d
		return true
	}
	if cell, ok := geo.ParseCell(v); ok {
		r.Area = cell
		return true
	}
	if len(v) == 5 && departmentCode.MatchString(department(v[:2])) || len(v) == 5 && departmentCode.MatchString(v[:3]) {
		r.Area = geo.AdminKey(geo.Commune, strings.ToUpper(v))
		return r.Area != 0
	}
	return false
}

// refSeason reads DATE_MIN and DATE_MAX: days of the year written MMDD (GeoNature's table), DD/MM
// or as a date of any year. A whole year is no season.
func refSeason(t *refTable) (from, to int16, err error) {
	read := func(column string) (int16, error) {
		v := t.get(column)
		if v == "" {
			return 0, nil
		}
		d, ok := monthDay(v)
		if !ok {
			return 0, t.bad(column, v)
		}
		return d, nil
	}
	if from, err = read("datemin"); err != nil {
		return 0, 0, err
	}
	if to, err = read("datemax"); err != nil {
		return 0, 0, err
	}
	if from <= 101 && (to == 0 || to == 1231) {
		return 0, 0, nil
	}
	return from, to, nil
}

func monthDay(v string) (int16, bool) {
	if d, ok := civil.Parse(v[:min(len(v), 10)]); ok && (len(v) == 10 || strings.ContainsAny(v[10:11], " T")) {
		_, m, day := d.Civil()
		return int16(m*100 + day), true
	}
	day, month, years := "", "", ""
	if parts := strings.Split(v, "/"); len(parts) >= 2 && len(parts) <= 3 {
		day, month = parts[0], parts[1]
		if len(parts) == 3 {
			years = parts[2]
		}
	} else if n := len(v); n == 3 || n == 4 {
		day, month = v[n-2:], v[:n-2]
	}
	m, err := strconv.ParseUint(month, 10, 8)
	d, err2 := strconv.ParseUint(day, 10, 8)
	if years != "" {
		if _, err := strconv.ParseUint(years, 10, 16); err != nil || len(years) != 4 {
			return 0, false
		}
	}
	if err != nil || err2 != nil {
		return 0, false
	}
	if _, ok := civil.Make(2024, int(m), int(d)); !ok { // a leap year
		return 0, false
	}
	return int16(m*100 + d), true
}

// department gives a department code its leading zero; D3 and D4 are Guyane and La Réunion.
func department(code string) string {
	switch code = strings.ToUpper(code); code {
	case "D1", "D2", "D3", "D4", "D6":
		return "97" + code[1:]
	}
	if len(code) == 1 && code[0] >= '0' && code[0] <= '9' {
		return "0" + code
	}
	return code
}
