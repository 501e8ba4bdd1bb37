package atlas_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"

	"garrigue/internal/atlas"
	"garrigue/internal/atlas/atlastest"
	"garrigue/internal/disclosure"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/needs"
	"garrigue/internal/taxon"
)

var update = flag.Bool("update", false, "rewrite the expected sheets")

// TestSheets compares every kind of sheet with the text a naturalist can check against the
// list of observations in atlastest.
func TestSheets(t *testing.T) {
	a := atlastest.Open(t)
	ctx := context.Background()
	var b strings.Builder
	for _, cd := range []taxon.CdRef{79273, 77756, 900102, 900012, 2657, 60313, 60630, 900003} {
		sh, err := a.Taxon(ctx, cd)
		if err != nil {
			t.Fatal(err)
		}
		writeTaxon(&b, sh)
	}
	compare(t, "taxa.txt", b.String())

	b.Reset()
	for _, k := range []geo.AreaKey{geo.AdminKey(geo.Commune, "34001"), geo.AdminKey(geo.Commune, "34004"),
		geo.AdminKey(geo.Department, "34"), geo.CellKey(geo.Cell5, 700, 6300), geo.CellKey(geo.Cell10, 710, 6310)} {
		sh, err := a.Area(ctx, k)
		if err != nil {
			t.Fatal(err)
		}
		writeArea(&b, sh)
		rows, total, err := a.AreaTaxa(ctx, k, atlas.ListFilter{})
		if err != nil || total != len(rows) || total != sh.Taxa {
			t.Fatalf("%s: %d rows of %d, %d species on the sheet, %v", k, len(rows), total, sh.Taxa, err)
		}
		for _, r := range rows {
			fmt.Fprintf(&b, "  - %s: %d, %d–%d, ten-day periods %v\n", r.Name(), r.Observations, r.FirstYear, r.LastYear, periods(r.TenDays))
		}
	}
	compare(t, "areas.txt", b.String())

	b.Reset()
	h, err := a.Home(ctx)
	if err != nil {
		t.Fatal(err)
	}
	writeHome(&b, h)
	compare(t, "home.txt", b.String())
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}

// periods writes non-empty ten-day periods: "may1" is the first ten days of May.
func periods(days [36]int) []string {
	months := strings.Fields("jan feb mar apr may jun jul aug sep oct nov dec")
	out := []string{}
	for i, n := range days {
		if n > 0 {
			out = append(out, fmt.Sprintf("%s%d:%d", months[i/3], i%3+1, n))
		}
	}
	return out
}

func areasText(list []atlas.AreaCount) string {
	var out []string
	for _, c := range list {
		s := fmt.Sprintf("%s %d (%d–%d)", strings.TrimSpace(c.Area.String()+" "+c.Name), c.N, c.First, c.Last)
		if c.Reasons != 0 {
			s += fmt.Sprintf(" reasons %b", c.Reasons)
		}
		if c.Taxa != 0 {
			s += fmt.Sprintf(" %d species", c.Taxa)
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func countsText(list []atlas.Count) string {
	var out []string
	for _, c := range list {
		out = append(out, fmt.Sprintf("%s %d (%d–%d)", c.Name, c.N, c.First, c.Last))
	}
	return strings.Join(out, "; ")
}

func crumbs(list []atlas.Crumb) string {
	var out []string
	for _, c := range list {
		out = append(out, fmt.Sprintf("%s %s %d", c.Rank, c.Name, c.Observations))
	}
	return strings.Join(out, " > ")
}

func writeTaxon(b *strings.Builder, s *atlas.TaxonSheet) {
	fmt.Fprintf(b, "%s (%s, %s %d) %s, %s\n", s.Name(), s.ScientificName, s.Rank, s.CdRef, s.Author, s.Group)
	fmt.Fprintf(b, "  names: %v; %v; synonyms %v\n", s.Vernaculars, s.VernacularsEN, s.Synonyms)
	fmt.Fprintf(b, "  observations: %d, %d–%d, latest %s; species below %d\n", s.Observations, s.FirstYear, s.LastYear, s.LastDate, s.Species)
	fmt.Fprintf(b, "  red list %s %s; protected %t, threatened %t, sensitive %t; %d statuses\n", s.RedListOf, s.RedList, s.Protected, s.Threatened, s.Sensitive, len(s.Statuses))
	fmt.Fprintf(b, "  above: %s\n  below: %s\n", crumbs(s.Classification), crumbs(s.Children))
	fmt.Fprintf(b, "  ten-day periods: %v; months %v; undated %d\n", periods(s.TenDays), s.Months, s.Undated)
	fmt.Fprintf(b, "  years: %v\n  altitudes known %d: ", s.Years, s.AltKnown)
	for _, c := range s.Altitude {
		fmt.Fprintf(b, "[%d–%d m: %d of %d] ", c.From, c.To, c.N, c.All)
	}
	fmt.Fprintf(b, "\n  cells: %s\n  coarser: %s; %d blurred\n", areasText(s.Cells), areasText(s.Coarse), s.Blurred)
	fmt.Fprintf(b, "  departments: %s\n  communes (%d): %s\n", areasText(s.Departments), s.CommuneCount, areasText(s.Communes))
	fmt.Fprintf(b, "  organisations: %s\n\n", countsText(s.Organisations))
}

func writeArea(b *strings.Builder, s *atlas.AreaSheet) {
	fmt.Fprintf(b, "\n%s %s, in %s\n", s.Area, s.Name, s.ParentName)
	fmt.Fprintf(b, "  %d observations of %d species (%d protected, %d threatened), %d–%d\n", s.Observations, s.Taxa, s.Protected, s.Threatened, s.FirstYear, s.LastYear)
	for _, g := range s.Groups {
		fmt.Fprintf(b, "  group %s: %d species, %d observations, %d protected; mean of such areas %d\n", g.Slug, g.Taxa, g.Observations, g.Protected, g.Mean)
	}
	fmt.Fprintf(b, "  cells: %s\n  neighbours: %s\n  years: %v\n  organisations: %s\n  first seen most recently:", areasText(s.Cells), areasText(s.Neighbours), s.Years, countsText(s.Organisations))
	for _, r := range s.Recent {
		fmt.Fprintf(b, " %s %d;", r.Name(), r.FirstYear)
	}
	b.WriteString("\n")
}

func writeHome(b *strings.Builder, h *atlas.HomeSheet) {
	for _, g := range h.Groups {
		fmt.Fprintf(b, "group %s: %d species, %d observations, %d protected\n", g.Slug, g.Taxa, g.Observations, g.Protected)
	}
	fmt.Fprintf(b, "years: %v\ncells: %s\nlatest:\n", h.Years, areasText(h.Cells))
	for _, l := range h.Latest {
		fmt.Fprintf(b, "  %s %s, %s (%s)\n", l.Date, l.Name(), l.Place, l.Area)
	}
	b.WriteString("new:\n")
	for _, l := range h.New {
		fmt.Fprintf(b, "  %s %s, %s (%s)\n", l.Date, l.Name(), l.Place, l.Area)
	}
	b.WriteString("season:\n")
	for p, list := range h.Season {
		var names []string
		for i := range list {
			names = append(names, list[i].Name())
		}
		fmt.Fprintf(b, "  %d %s\n", p, strings.Join(names, ", "))
	}
}

func TestCellsByYear(t *testing.T) {
	a := atlastest.Open(t)
	for _, c := range []struct {
		from, to int
		want     string
	}{
		{0, 0, "cell5:5kmL93E0700N6300 4 (2024–2024); cell5:5kmL93E0705N6305 2 (2019–2019); cell5:5kmL93E0710N6305 1 (2024–2024); cell5:5kmL93E0720N6300 1 (1987–1987); commune:34003 Roquelière 1 (2022–2022) reasons 100"},
		{2020, 0, "cell5:5kmL93E0700N6300 4 (2024–2024); cell5:5kmL93E0710N6305 1 (2024–2024); commune:34003 Roquelière 1 (2022–2022) reasons 100"},
		{0, 1999, "cell5:5kmL93E0720N6300 1 (1987–1987)"},
		{2022, 2022, "commune:34003 Roquelière 1 (2022–2022) reasons 100"},
		{1900, 1950, ""},
	} {
		got, err := a.Cells(context.Background(), 79273, c.from, c.to)
		if err != nil {
			t.Fatal(err)
		}
		if s := areasText(got); s != c.want {
			t.Errorf("%d–%d:\n got %s\nwant %s", c.from, c.to, s, c.want)
		}
	}
}

func TestLists(t *testing.T) {
	a := atlastest.Open(t)
	ctx := context.Background()
	names := func(rows []atlas.TaxonRow) string {
		var out []string
		for i := range rows {
			out = append(out, fmt.Sprintf("%s %d", rows[i].ScientificName, rows[i].Observations))
		}
		return strings.Join(out, ", ")
	}
	for _, c := range []struct {
		under taxon.CdRef
		f     atlas.ListFilter
		total int
		want  string
	}{
		{900011, atlas.ListFilter{}, 3, "Timon lepidus 9, Podarcis muralis 8, Lacerta bilineata 3"},
		{900011, atlas.ListFilter{Order: "name"}, 3, "Lacerta bilineata 3, Podarcis muralis 8, Timon lepidus 9"},
		{900011, atlas.ListFilter{Query: "LÉZARD OC"}, 1, "Timon lepidus 9"},
		{0, atlas.ListFilter{Status: "threatened"}, 2, "Timon lepidus 9, Aquila fasciata 3"},
		{0, atlas.ListFilter{Group: "oiseaux", Order: "sci"}, 3, "Aquila fasciata 3, Delichon urbicum 8, Parus major 21"},
		{0, atlas.ListFilter{Order: "last", Limit: 2, Offset: 1}, 12, "Bufo spinosus 2, Parus major 21"},
		{0, atlas.ListFilter{SinceYear: 2026}, 2, ""},
	} {
		rows, total, err := a.Taxa(ctx, c.under, c.f)
		if err != nil {
			t.Fatal(err)
		}
		if got := names(rows); total != c.total || c.want != "" && got != c.want {
			t.Errorf("%d %+v: %d, %s; want %d, %s", c.under, c.f, total, got, c.total, c.want)
		}
	}
	rows, total, err := a.AreaTaxa(ctx, geo.AdminKey(geo.Commune, "34001"), atlas.ListFilter{Status: "protected"})
	if err != nil || total != 1 || names(rows) != "Timon lepidus 6" {
		t.Errorf("commune: %s, %d, %v", names(rows), total, err)
	}
	list, total, err := a.Areas(ctx, geo.Commune, "", 1, 2)
	if err != nil || total != 6 || areasText(list) != "commune:34001 L’Étang-Blanc 16 (2019–2026) 3 species; commune:30001 Le Mas-Rouge 8 (1987–2020) 3 species" {
		t.Errorf("communes: %s of %d, %v", areasText(list), total, err)
	}
	communes, err := a.TaxonAreas(ctx, 79273, geo.Commune)
	if err != nil || areasText(communes[:1]) != "commune:34001 L’Étang-Blanc 6 (2019–2024)" || len(communes) != 4 {
		t.Errorf("communes of a taxon: %s, %v", areasText(communes), err)
	}
}

func TestNotFound(t *testing.T) {
	a := atlastest.Open(t)
	ctx := context.Background()
	nowhere := geo.AdminKey(geo.Commune, "99999")
	_, e1 := a.Taxon(ctx, 42)
	_, e2 := a.Cells(ctx, 42, 0, 0)
	_, e3 := a.Area(ctx, nowhere)
	_, _, e4 := a.AreaTaxa(ctx, nowhere, atlas.ListFilter{})
	_, e5 := a.Outline(ctx, nowhere)
	_, e6 := a.Resolve(ctx, 42)
	_, _, e7 := a.Taxa(ctx, 42, atlas.ListFilter{})
	_, e8 := a.TaxonAreas(ctx, 42, geo.Commune)
	_, e9 := atlas.Open(filepath.Join(t.TempDir(), "none.gpkg"))
	for i, err := range []error{e1, e2, e3, e4, e5, e6, e7, e8, e9} {
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("call %d: %v, want not found", i+1, err)
		}
	}
	other := filepath.Join(t.TempDir(), "other.gpkg")
	if err := os.WriteFile(other, []byte("not a database at all, but long enough to be read as one"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := atlas.Open(other); !fault.Is(err, fault.Invalid) {
		t.Errorf("a file of another sort: %v, want invalid", err)
	}
	sh, err := a.Area(ctx, geo.CellKey(geo.Cell5, 705, 6300))
	if err != nil || sh.Observations != 0 || len(sh.Neighbours) != 3 {
		t.Errorf("an area without observations: %+v, %v", sh, err)
	}
}

func TestResolve(t *testing.T) {
	a := atlastest.Open(t)
	for nom, want := range map[taxon.CdNom]taxon.CdRef{79273: 79273, 900101: 79273, 900201: 79273, 900102: 900102} {
		if got, err := a.Resolve(context.Background(), nom); err != nil || got != want {
			t.Errorf("%d stands for %d, %v; want %d", nom, got, err, want)
		}
	}
}

func TestSearch(t *testing.T) {
	a := atlastest.Open(t)
	for _, c := range []struct{ q, want string }{
		{"lez", "Timon lepidus=Lézard ocellé, Podarcis muralis=Lézard des murailles, Lacerta bilineata=Lézard à deux raies"},
		{"LÉZARD OCELLÉ", "Timon lepidus=Lézard ocellé"},
		{"murailles", "Podarcis muralis=Lézard des murailles"},
		{"lacerta lep", "Timon lepidus=Lacerta lepida"},
		{"ocel lez", "Timon lepidus=Lézard ocellé"},
		{"great tit", "Parus major=Great Tit"},
		{"vert", "Quercus ilex=Chêne vert, Lacerta bilineata=Lézard vert occidental"},
		{"sainte omb", "commune:34004=Sainte-Ombelle"},
		{"etang", "commune:34001=L’Étang-Blanc"},
		{"l'etang", "commune:34001=L’Étang-Blanc"},
		{"hirondele", "Delichon urbicum=Hirondelle de fenêtre"},
		{"podrcis", "Podarcis=Podarcis, Podarcis muralis=Podarcis muralis, Podarcis muralis brongniardii=Podarcis muralis brongniardii"},
		{"", ""}, {"   ", ""}, {"zzzz", ""},
		{strings.Repeat("é", 400), ""}, {"' OR 1=1 --", ""},
	} {
		hits, err := a.Search(context.Background(), c.q, 5)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, h := range hits {
			if h.Taxon != nil {
				got = append(got, h.Taxon.ScientificName+"="+h.Matched)
			} else {
				got = append(got, h.Area.String()+"="+h.Matched)
			}
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%q:\n got %s\nwant %s", c.q, s, c.want)
		}
	}
}

func TestOutlines(t *testing.T) {
	a := atlastest.Open(t)
	ctx := context.Background()
	in := func(box orb.Bound) (names []string) {
		err := a.Outlines(ctx, geo.Commune, box, func(_ geo.AreaKey, name string, g orb.MultiPolygon) error {
			if len(g) == 0 {
				t.Errorf("%s has no outline", name)
			}
			names = append(names, name)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	if all := in(orb.Bound{}); len(all) != 6 {
		t.Errorf("all: %v", all)
	}
	lon, lat := geo.FromLambert93(724000, 6303000)
	point := orb.Point{lon, lat}
	if one := in(orb.Bound{Min: point, Max: point}); !slices.Equal(one, []string{"Le Mas-Rouge"}) {
		t.Errorf("around a point: %v", one)
	}
	g, err := a.Outline(ctx, geo.CellKey(geo.Cell5, 700, 6300))
	if err != nil || !cmp.Equal(g[0][0], geo.CellRing(geo.CellKey(geo.Cell5, 700, 6300))) {
		t.Errorf("outline of a cell: %v, %v", g, err)
	}
}

// TestDeterministic: the order observations come in changes nothing.
func TestDeterministic(t *testing.T) {
	ps := atlastest.Published()
	rng := rand.New(rand.NewPCG(1, 2))
	var ids []string
	var files [][]byte
	for range 3 {
		path := filepath.Join(t.TempDir(), "a.gpkg")
		ids = append(ids, atlastest.Write(t, path, atlastest.Identity(), atlastest.References(t), ps).ID)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, b)
		rng.Shuffle(len(ps), func(i, j int) { ps[i], ps[j] = ps[j], ps[i] })
	}
	if ids[0] != ids[1] || ids[1] != ids[2] {
		t.Errorf("identifiers differ: %v", ids)
	}
	if string(files[0]) != string(files[1]) || string(files[1]) != string(files[2]) {
		t.Error("files differ")
	}
	m := atlastest.Identity()
	m.Licence = "another"
	if id := atlastest.Write(t, filepath.Join(t.TempDir(), "a.gpkg"), m, atlastest.References(t), ps).ID; id == ids[0] {
		t.Error("another identity has the same identifier")
	}
}

// TestEqual compares builders, and then what they write.
func TestEqual(t *testing.T) {
	ctx := context.Background()
	ps := atlastest.Published()
	create := func(name string) *atlas.Builder {
		b, err := atlas.Create(filepath.Join(t.TempDir(), name), atlastest.Identity(), atlastest.References(t))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	b, same, other := create("a.gpkg"), create("b.gpkg"), create("c.gpkg")
	for i := range ps {
		b.Add(&ps[i])
		same.Add(&ps[len(ps)-1-i])
		p := ps[i]
		if i == 7 {
			p.When.Start -= 800
		}
		other.Add(&p)
	}
	if !b.Equal(same) || b.Equal(other) || b.Equal(b.Beside()) {
		t.Errorf("equal: %v, %v, %v", b.Equal(same), b.Equal(other), b.Equal(b.Beside()))
	}
	for _, b := range []*atlas.Builder{b, same, other} {
		if err := b.Finish(ctx, nil); err != nil {
			t.Fatal(err)
		}
	}
	want, moved := same.Sum(), other.Sum()
	if got := b.Sum(); got != want || got == moved || got == [32]byte{} {
		t.Errorf("written %x, of the same %x, of others %x", got, want, moved)
	}
}

func TestEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty.gpkg")
	m := atlastest.Write(t, path, atlastest.Identity(), atlastest.References(t), nil)
	if m.Observations != 0 || m.CommunesAll != 6 {
		t.Errorf("%+v", m)
	}
	a, err := atlas.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	audit, err := a.Audit(context.Background())
	if err != nil || len(audit.Problems) > 0 {
		t.Errorf("%v, %v", audit.Problems, err)
	}
}

func TestAudit(t *testing.T) {
	a := atlastest.Open(t)
	audit, err := a.Audit(context.Background())
	if err != nil || len(audit.Problems) > 0 {
		t.Fatalf("%v, %v", audit.Problems, err)
	}
	if audit.Observations != 76 || audit.Blurred != 8 || audit.ByKind[geo.Cell5] != 68 || audit.Years[2024] != 12 {
		t.Errorf("%+v", audit)
	}
	sqlite3 := needs.Tool(t, "sqlite3")
	for what, sql := range map[string]string{
		"a lost row":            "DELETE FROM cube WHERE id = 3",
		"another count":         "UPDATE cube SET observations = observations + 1 WHERE id = 1",
		"an unknown area":       "UPDATE cube SET area_id = 9999 WHERE id = 1",
		"an ordinary commune":   "UPDATE cube SET blurred = 0 WHERE blurred = 1",
		"another year":          "UPDATE cube SET year = 1900 WHERE id = 1",
		"a sheet":               `UPDATE taxon_sheet SET sheet = json_set(sheet, '$.n', 12345) WHERE cd_ref = 79273`,
		"years of a sheet":      `UPDATE taxon_sheet SET sheet = json_remove(sheet, '$.years[0]') WHERE cd_ref = 79273`,
		"packed cells":          `UPDATE taxon_sheet SET cells = x'00' WHERE cd_ref = 79273`,
		"a species list":        "DELETE FROM area_taxon WHERE id = 1",
		"months":                "UPDATE month SET june = june + 1 WHERE cd_ref = 79273",
		"an area's observation": "DROP TRIGGER rtree_area_geom_update4; DROP TRIGGER rtree_area_geom_update5; UPDATE area SET observations = 0 WHERE code = '34001'",
		"where a taxon is":      "UPDATE taxon SET first_cube = first_cube + 1 WHERE cd_ref = 79273",
		"where a list is":       "DROP TRIGGER rtree_area_geom_update4; DROP TRIGGER rtree_area_geom_update5; UPDATE area SET last_taxon = last_taxon + 1 WHERE code = '34001'",
		"a taxon in two places": "UPDATE cube SET id = -1 WHERE id = (SELECT last_cube FROM taxon WHERE cd_ref = 79273)",
		"a GeoPackage table":    "DROP TABLE gpkg_extensions",
	} {
		path := filepath.Join(t.TempDir(), "broken.gpkg")
		atlastest.Write(t, path, atlastest.Identity(), atlastest.References(t), atlastest.Published())
		if out, err := exec.Command(sqlite3, path, sql).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v %s", what, err, out)
		}
		b, err := atlas.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if audit, err := b.Audit(context.Background()); err == nil && len(audit.Problems) == 0 {
			t.Errorf("%s goes unseen", what)
		}
		b.Close()
	}
}

// TestGeoPackage asks GDAL, the engine of QGIS, what it makes of a snapshot.
func TestGeoPackage(t *testing.T) {
	ogrinfo := needs.Tool(t, "ogrinfo") // of gdal-bin
	path := filepath.Join(t.TempDir(), "small.gpkg")
	atlastest.Write(t, path, atlastest.Identity(), atlastest.References(t), atlastest.Published())
	out, err := exec.Command(ogrinfo, "-al", "-so", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text := string(out)
	for _, want := range []string{"using driver `GPKG' successful", "Layer name: area", "Geometry: Multi Polygon", `ID["EPSG",4326]]`,
		"Layer name: cube", "Layer name: taxon\n", "FID Column = id", "Geometry Column NOT NULL = geom"} {
		if !strings.Contains(text, want) {
			t.Errorf("ogrinfo does not say %q", want)
		}
	}
	for _, bad := range []string{"Warning", "ERROR"} {
		if strings.Contains(text, bad) {
			t.Errorf("ogrinfo says %s:\n%s", bad, text)
		}
	}
	out, err = exec.Command(ogrinfo, "-q", "-sql", "SELECT COUNT(*) AS n, SUM(ST_IsValid(geom)) AS ok, SUM(HasSpatialIndex('area','geom')) AS i FROM area", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// Region, two departments, six communes, 24 cells of 5 km, 2 of 10 km.
	for _, want := range []string{"n (Integer) = 35", "ok (Integer) = 35", "i (Integer) = 35"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("want %q in:\n%s", want, out)
		}
	}
}

// TestReasonsJoin: areas shown for different reasons are one on the sheet.
func TestReasonsJoin(t *testing.T) {
	ps := atlastest.Published()
	extra := ps[slices.IndexFunc(ps, func(p disclosure.Published) bool { return p.CdRef == 60630 })]
	extra.Reasons = disclosure.Sensitive
	path := filepath.Join(t.TempDir(), "a.gpkg")
	atlastest.Write(t, path, atlastest.Identity(), atlastest.References(t), append(ps, extra))
	a, err := atlas.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	sh, err := a.Taxon(context.Background(), 60630)
	if err != nil {
		t.Fatal(err)
	}
	if got := areasText(sh.Coarse); got != "commune:34004 Sainte-Ombelle 2 (2021–2021) reasons 11" || sh.Blurred != 2 {
		t.Errorf("%s, %d blurred", got, sh.Blurred)
	}
}
