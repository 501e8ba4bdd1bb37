package atlas_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"garrigue/internal/atlas"
	"garrigue/internal/atlas/atlastest"
	"garrigue/internal/geo"
	"garrigue/internal/taxon"
)

// snapshot writes the small snapshot, changed by statements.
func snapshot(t *testing.T, sql string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "small.gpkg")
	atlastest.Write(t, path, atlastest.Identity(), atlastest.References(t), atlastest.Published())
	if sql == "" {
		return path
	}
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := sqlitex.ExecuteScript(conn, sql, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTotals: a total that is not the sum of what is listed beside it does not go unseen.
func TestTotals(t *testing.T) {
	for what, sql := range map[string]string{
		"species of a family":         "UPDATE taxon SET species = species + 1 WHERE cd_ref = 900011",
		"an organisation":             "UPDATE organisation SET observations = observations + 1 WHERE id = 1",
		"organisations of a taxon":    "UPDATE taxon_organisation SET observations = observations + 1 WHERE id = 1",
		"altitudes":                   "UPDATE altitude SET observations = observations + 500 WHERE id = 1",
		"an altitude of the hidden":   "INSERT INTO altitude VALUES (9999, 2657, 200, 400, 1)",
		"altitudes of a sheet":        "UPDATE taxon_sheet SET sheet = json_set(sheet, '$.altknown', 1) WHERE cd_ref = 79273",
		"months of a sheet":           "UPDATE taxon_sheet SET sheet = json_set(sheet, '$.months[5]', 77) WHERE cd_ref = 79273",
		"ten days of a sheet":         "UPDATE taxon_sheet SET sheet = json_set(sheet, '$.td[1]', 77) WHERE cd_ref = 79273",
		"organisations of a sheet":    "UPDATE taxon_sheet SET sheet = json_set(sheet, '$.organisations[0].n', 77) WHERE cd_ref = 79273",
		"a number in a species list":  "UPDATE area_taxon SET observations = observations + 1 WHERE id = 1",
		"a packed species list":       "UPDATE area_sheet SET taxa = x'00' WHERE area_id = (SELECT id FROM area WHERE code = '34001')",
		"the areas of a taxon":        "UPDATE taxon_sheet SET areas = x'00' WHERE cd_ref = 79273",
		"groups of an area":           "UPDATE area_sheet SET sheet = json_set(sheet, '$.groups[0].n', 77) WHERE area_id = (SELECT id FROM area WHERE code = '34001')",
		"species of an area's sheet":  "UPDATE area_sheet SET sheet = json_set(sheet, '$.taxa', 77) WHERE area_id = (SELECT id FROM area WHERE code = '34001')",
		"groups of the first page":    "UPDATE home_sheet SET sheet = json_set(sheet, '$.groups[0].n', 77)",
		"years of the first page":     "UPDATE home_sheet SET sheet = json_set(sheet, '$.years[0].n', 77)",
		"the map of the first page":   "UPDATE home_sheet SET sheet = json_set(sheet, '$.cells[0].n', 77)",
		"the latest of another taxon": "UPDATE home_sheet SET sheet = json_set(sheet, '$.latest[0].cd_ref', 4242)",
		"species of the description":  "UPDATE meta SET value = json_set(value, '$.taxa', 77) WHERE key = 'meta'",
		"a name of no taxon":          "INSERT INTO taxon_name VALUES (9999, 4242, 4242, 'valid', 'Nemo nemo', 'nemo nemo')",
	} {
		a, err := atlas.Open(snapshot(t, sql))
		if err != nil {
			continue // seen at once
		}
		if audit, err := a.Audit(context.Background()); err == nil && len(audit.Problems) == 0 {
			t.Errorf("%s goes unseen", what)
		}
		a.Close()
	}
}

// TestProblems: each thing that an audit checks is seen, and told for what it is.
func TestProblems(t *testing.T) {
	const commune = "(SELECT id FROM area WHERE code = '34001')"
	for _, c := range [...]struct{ sql, want string }{
		{"UPDATE cube SET area_id = 9999 WHERE id = 1", "cube rows of no area"},
		{"UPDATE cube SET id = -1 WHERE id = (SELECT last_cube FROM taxon WHERE cd_ref = 79273)", "cube rows of no area, of the wrong kind, or apart"},
		{"DROP TRIGGER rtree_area_geom_update4; DROP TRIGGER rtree_area_geom_update5; UPDATE area SET observations = 0 WHERE id = " + commune,
			"area sheets differ from their figures"},
		{"DROP TRIGGER rtree_area_geom_update4; DROP TRIGGER rtree_area_geom_update5; UPDATE area SET observations = 0 WHERE id = (SELECT area_id FROM cube WHERE id = 1)",
			"fewer observations than are shown in it"},
		{"UPDATE taxon SET first_cube = first_cube + 1 WHERE cd_ref = 79273", "taxa whose rows of the cube are elsewhere"},
		{"UPDATE taxon SET first_cube = 1, last_cube = 2 WHERE cd_ref = 900011", "taxa whose rows of the cube are elsewhere"},
		{"DELETE FROM taxon_path WHERE cd_ref = 79273", "cube rows of taxon 79273 are below no taxon"},
		{"UPDATE taxon SET last_year = last_year + 1 WHERE cd_ref = 79273", "taxon 79273: figures"},
		{"UPDATE cube SET observations = observations + 1 WHERE id = 1", "figures"},
		{"UPDATE taxon SET species = species + 1 WHERE cd_ref = 900011", "taxa whose number of species differs"},
		{"UPDATE altitude SET observations = observations + 500 WHERE id = 1", "taxa with more altitudes than ordinary observations"},
		{"INSERT INTO altitude VALUES (9999, 4242, 200, 400, 1)", "altitudes of no taxon"},
		{"UPDATE month SET june = june + 1 WHERE cd_ref = 79273", "taxa whose months differ"},
		{"DELETE FROM month WHERE cd_ref = 79273", "taxa whose months differ"},
		{"UPDATE month SET june = june + 1, july = july - 1 WHERE cd_ref = 79273", "taxon sheets whose totals differ"},
		{"UPDATE taxon_organisation SET cd_ref = cd_ref + 4294967296 WHERE id = 1", "taxa whose organisations differ"},
		{"UPDATE taxon_organisation SET observations = observations + 1 WHERE id = 1", "taxa whose organisations differ"},
		{"UPDATE organisation SET observations = observations + 1 WHERE id = 1", "organisations whose taxa differ"},
		{"UPDATE area_taxon SET observations = observations + 500 WHERE id = 1", "species whose lists are longer"},
		{"UPDATE area_taxon SET observations = observations + 1 WHERE id = 1", "areas whose species lists differ from one another"},
		{"UPDATE area_taxon SET area_id = 9999 WHERE id = 1", "species lists of no area, or out of order"},
		{"UPDATE area_taxon SET id = 9999 WHERE id = 1", "species lists of no area, or out of order"},
		{"DELETE FROM area_taxon WHERE id = 1", "areas whose species differ from their list"},
		{"DROP TRIGGER rtree_area_geom_update4; DROP TRIGGER rtree_area_geom_update5; UPDATE area SET last_taxon = last_taxon + 1 WHERE id = " + commune,
			"areas whose species differ from their list"},
		{"UPDATE taxon_sheet SET areas = x'00' WHERE cd_ref = 79273", "areas whose species lists differ from one another"},
		{"UPDATE taxon_sheet SET areas = x'05' WHERE cd_ref = 79273", "packed figures of taxon 79273"},
		{"UPDATE taxon_sheet SET cells = x'00' WHERE cd_ref = 79273", "packed figures of taxon 79273"},
		{"UPDATE taxon_sheet SET cube = x'00' WHERE cd_ref = 79273", "packed figures of taxon 79273"},
		{"UPDATE taxon_sheet SET cube = cube || x'01' WHERE cd_ref = 79273", "packed figures of taxon 79273"},
		{"UPDATE area_sheet SET taxa = x'00' WHERE area_id = " + commune, "areas whose species lists differ from one another"},
		{"UPDATE area_sheet SET taxa = x'05' WHERE area_id = " + commune, "area sheets whose totals differ"},
		{"UPDATE taxon_sheet SET sheet = json_set(sheet, '$.n', 12345) WHERE cd_ref = 79273", "taxon sheets differ from their figures"},
		{"UPDATE taxon_sheet SET sheet = json_remove(sheet, '$.n') WHERE cd_ref = 79273", "taxon sheets differ from their figures"},
		{"UPDATE taxon_sheet SET sheet = json_set(sheet, '$.years[0].n', 77) WHERE cd_ref = 79273", "taxon sheets differ from their figures"},
		{"UPDATE taxon_sheet SET sheet = json_remove(sheet, '$.years') WHERE cd_ref = 79273", "taxon sheets differ from their figures"},
		{"UPDATE taxon_sheet SET sheet = substr(sheet, 1, length(sheet) - 1) WHERE cd_ref = 79273", "taxon sheets differ from their figures"},
		{"DELETE FROM taxon_sheet WHERE cd_ref = 79273", "taxon sheets differ from their figures"},
		{"UPDATE taxon_sheet SET cd_ref = 4242 WHERE cd_ref = 79273", "taxon sheets differ from their figures"},
		{"UPDATE taxon_sheet SET sheet = json_set(sheet, '$.altknown', 1) WHERE cd_ref = 79273", "taxon sheets whose totals differ"},
		{"UPDATE taxon_sheet SET sheet = json_set(sheet, '$.altitudes[0].n', 77) WHERE cd_ref = 79273", "taxon sheets whose totals differ"},
		{"UPDATE taxon_sheet SET sheet = json_set(sheet, '$.undated', 77) WHERE cd_ref = 79273", "taxon sheets whose totals differ"},
		{"UPDATE taxon_sheet SET sheet = json_set(sheet, '$.months[5]', 77) WHERE cd_ref = 79273", "taxon sheets whose totals differ"},
		{"UPDATE taxon_sheet SET sheet = json_set(sheet, '$.td[1]', 77) WHERE cd_ref = 79273", "taxon sheets whose totals differ"},
		{"UPDATE taxon_sheet SET sheet = json_set(sheet, '$.organisations[0].n', 77) WHERE cd_ref = 79273", "taxon sheets whose totals differ"},
		{"UPDATE area_sheet SET sheet = json_set(sheet, '$.n', 77) WHERE area_id = " + commune, "area sheets differ from their figures"},
		{"UPDATE area_sheet SET sheet = json_set(sheet, '$.years[0].n', 77) WHERE area_id = " + commune, "area sheets differ from their figures"},
		{"DELETE FROM area_sheet WHERE area_id = " + commune, "area sheets differ from their figures"},
		{"UPDATE area_sheet SET sheet = json_set(sheet, '$.taxa', 77) WHERE area_id = " + commune, "area sheets whose totals differ"},
		{"UPDATE area_sheet SET sheet = json_set(sheet, '$.groups[0].n', 77) WHERE area_id = " + commune, "area sheets whose totals differ"},
		{"UPDATE area_sheet SET sheet = json_set(sheet, '$.groups[0].taxa', 77) WHERE area_id = " + commune, "area sheets whose totals differ"},
		{"UPDATE area_sheet SET sheet = json_set(sheet, '$.organisations[0].n', 77) WHERE area_id = " + commune, "area sheets whose totals differ"},
		{"DELETE FROM rtree_area_geom WHERE id = 1", "areas whose outline has no index"},
		{"INSERT INTO taxon_name VALUES (9999, 4242, 4242, 'valid', 'Nemo nemo', 'nemo nemo')", "names of no taxon"},
		{"INSERT INTO name_code VALUES (4242, 4242)", "codes of no taxon"},
		{"DROP TABLE gpkg_extensions", "no table gpkg_extensions"},
		{"DROP TABLE status", "no table status"},
		{"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'altitude') WHERE name = 'status'", "SQLite:"},
	} {
		a, err := atlas.Open(snapshot(t, c.sql))
		if err != nil {
			t.Errorf("%s: %v", c.sql, err)
			continue
		}
		audit, err := a.Audit(context.Background())
		if err != nil || !slices.ContainsFunc(audit.Problems, func(p string) bool { return strings.Contains(p, c.want) }) {
			t.Errorf("%s: %q, %v; want %s", c.sql, audit.Problems, err, c.want)
		}
		a.Close()
	}
}

// TestAuditRows: an audit gives out every row of the plain tables once.
func TestAuditRows(t *testing.T) {
	a := atlastest.Open(t)
	cube, areas, listed, orgs, ended := 0, map[geo.AreaKey]int{}, map[geo.AreaKey]int{}, 0, 0
	audit, err := a.Audit(context.Background(), atlas.Rows{
		Cube:         func(_ taxon.CdRef, _ geo.AreaKey, _, n int, _ bool) { cube += n },
		Area:         func(k geo.AreaKey, n int) { areas[k] = n },
		AreaTaxon:    func(k geo.AreaKey, _ taxon.CdRef, n int) { listed[k] += n },
		Organisation: func(_ string, n int) { orgs += n },
		End:          func() { ended++ },
	})
	if err != nil || cube != audit.Observations || orgs != audit.Observations || ended != 1 {
		t.Errorf("cube %d, organisations %d, of %d; ended %d; %v", cube, orgs, audit.Observations, ended, err)
	}
	commune := geo.AdminKey(geo.Commune, "34001")
	if areas[commune] == 0 || listed[commune] == 0 || listed[commune] > areas[commune] {
		t.Errorf("34001: %d, listed %d", areas[commune], listed[commune])
	}
}

// TestCompare finds every table that differs, and only those.
func TestCompare(t *testing.T) {
	plain := snapshot(t, "")
	for sql, want := range map[string][]atlas.Difference{
		"": nil,
		"UPDATE meta SET value = 'other' WHERE key = 'built'; UPDATE gpkg_contents SET last_change = 'x'":                 nil,
		"UPDATE meta SET value = json_set(value, '$.id', 'x', '$.built', 'y') WHERE key = 'meta'":                         nil,
		"UPDATE cube SET year = year + 1 WHERE id IN (1, 2)":                                                              {{Table: "cube", Rows: 2}},
		"DELETE FROM altitude WHERE id = (SELECT MAX(id) FROM altitude); UPDATE meta SET value = 'x' WHERE key = 'title'": {{Table: "altitude", Rows: 1}, {Table: "meta", Rows: 1}},
		"CREATE TABLE more AS SELECT 1 AS one":                                                                            {{Table: "more", Rows: 1}},
	} {
		got, err := atlas.Compare(context.Background(), plain, snapshot(t, sql))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", sql, d)
		}
	}
	if _, err := atlas.Compare(context.Background(), plain, filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there compares")
	}
}
