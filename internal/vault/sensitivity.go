package vault

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/sensitivity"
)

// PutSensitivity stores sensitivity lists with their rules. A list already known under its
// ID is replaced whole, from whatever file it came; a rule of a list that is not among lists
// is refused (Invalid).
func (db *DB) PutSensitivity(ctx context.Context, ref Reference, lists []sensitivity.List, rows iter.Seq2[sensitivity.Rule, error]) (Reference, error) {
	l := load{classing: true, supersede: func(b *bulk, old int64) error {
		if _, err := b.exec(`DELETE FROM sensitivity_rule
			WHERE list IN (SELECT id FROM sensitivity_list WHERE reference = $1)`, old); err != nil {
			return err
		}
		_, err := b.exec(`DELETE FROM sensitivity_list WHERE reference = $1`, old)
		return err
	}}
	return put(ctx, db, ref, l, rows, func(b *bulk, id int64) (func(*sensitivity.Rule) error, error) {
		numbers := map[string]int{}
		for _, list := range lists {
			numbers[list.ID] = 0
			if _, err := b.exec(`DELETE FROM sensitivity_rule WHERE list = $1`, list.ID); err != nil {
				return nil, err
			}
			if _, err := b.exec(`INSERT INTO sensitivity_list (id, name, citation, version, region, reference)
				VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (id) DO UPDATE SET name = excluded.name, citation = excluded.citation,
					version = excluded.version, region = excluded.region, reference = excluded.reference`,
				list.ID, null(list.Name), null(list.Citation), null(list.Version), null(list.Region), id); err != nil {
				return nil, err
			}
		}
		return func(r *sensitivity.Rule) error {
			n, known := numbers[r.List]
			if !known {
				return fault.Say(fault.Invalid, "vault.unknown_list", r.List)
			}
			numbers[r.List] = n + 1
			area := ""
			if r.Area != 0 {
				area = r.Area.String()
			}
			return b.later(`INSERT INTO sensitivity_rule (list, number, cd_nom, level, department, years, bio_status,
				behaviour, condition, area, season_from, season_to, life_stage)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
				r.List, n, int64(r.CdNom), int(r.Level), null(r.Department), r.Years, null(r.BioStatus),
				null(r.Behaviour), null(r.Condition), null(area), int(r.From), int(r.To), null(r.LifeStage))
		}, nil
	})
}

// Sensitivity returns the current lists, in order of ID, and their rules, in the order of
// their file.
func (db *DB) Sensitivity(ctx context.Context) (lists []sensitivity.List, rules []sensitivity.Rule, err error) {
	for l, err := range query(ctx, db, "vault.Sensitivity", `SELECT id, COALESCE(name, ''), COALESCE(citation, ''),
		COALESCE(version, ''), COALESCE(region, '') FROM sensitivity_list ORDER BY id`,
		func() func(*sql.Rows, *sensitivity.List) error {
			return func(rows *sql.Rows, l *sensitivity.List) error {
				return rows.Scan(&l.ID, &l.Name, &l.Citation, &l.Version, &l.Region)
			}
		}) {
		if err != nil {
			return nil, nil, err
		}
		lists = append(lists, l)
	}
	for r, err := range query(ctx, db, "vault.Sensitivity", `SELECT list, cd_nom, level, COALESCE(department, ''), years,
		COALESCE(bio_status, ''), COALESCE(behaviour, ''), COALESCE(condition, ''), COALESCE(area, ''),
		season_from, season_to, COALESCE(life_stage, '')
		FROM sensitivity_rule ORDER BY list, number`,
		func() func(*sql.Rows, *sensitivity.Rule) error {
			var area string
			return func(rows *sql.Rows, r *sensitivity.Rule) error {
				err := rows.Scan(&r.List, &r.CdNom, &r.Level, &r.Department, &r.Years, &r.BioStatus, &r.Behaviour, &r.Condition,
					&area, &r.From, &r.To, &r.LifeStage)
				if err == nil && area != "" {
					r.Area, err = ruleArea(area)
				}
				return err
			}
		}) {
		if err != nil {
			return nil, nil, err
		}
		rules = append(rules, r)
	}
	return lists, rules, nil
}

// ruleArea reads an area as AreaKey.String writes it. A rule must not lose the area it is
// limited to, nor apply to another.
func ruleArea(s string) (geo.AreaKey, error) {
	name, code, _ := strings.Cut(s, ":")
	kind, ok := geo.ParseKind(name)
	if k := areaKey(kind, []byte(code)); ok && k != 0 {
		return k, nil
	}
	return 0, fmt.Errorf("area %q of a rule of sensitivity", s)
}
