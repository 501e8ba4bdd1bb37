package demo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"garrigue/internal/atlas"
	"garrigue/internal/fault"
	"garrigue/internal/geo"
	"garrigue/internal/i18n"
	"garrigue/internal/quality"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

// The whole way, checked from both ends: what was invented is what is stored, rejected,
// held and published.
func TestBuild(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	o := Options{Dir: dir, Observations: 15000, Today: day(t, today)}
	steps := map[string]bool{}
	o.Progress = func(step string, done, total int64) { steps[step] = true }
	res, err := Build(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	counts, err := WriteObservations(ctx, io.Discard, o.Observations, o)
	if err != nil {
		t.Fatal(err)
	}
	db, err := vault.Open(ctx, filepath.Join(dir, "vault.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	batches, err := db.Batches(ctx, 10)
	if err != nil {
		t.Fatal(err)
	}
	b := batches[0]
	if len(batches) != 1 || b.Read != o.Observations || b.Rejected != counts.wrongRows() || b.Created != b.Read-b.Rejected {
		t.Errorf("%d batches, %+v; %d rows were wrong", len(batches), b, counts.wrongRows())
	}
	if b.Held != counts.Unmatched+counts.AtSea {
		t.Errorf("%d held; %d names unmatched, %d points at sea", b.Held, counts.Unmatched, counts.AtSea)
	}
	checkRejects(t, db, counts)
	if res.Published+res.Withheld["absent"] > b.Created || res.Published < b.Created*9/10 {
		t.Errorf("published %d of %d, %v withheld", res.Published, b.Created, res.Withheld)
	}
	if share := float64(res.Blurred) / float64(res.Published); share < 0.05 || share > 0.35 {
		t.Errorf("%.0f %% are blurred", 100*share)
	}
	for step := range steps {
		for _, lang := range []i18n.Lang{i18n.FR, i18n.EN} {
			if !i18n.Has(lang, step) {
				t.Errorf("step %q has no sentence in %v", step, lang)
			}
		}
	}
	checkAtlas(t, filepath.Join(dir, "atlas"), res.Published)
}

// checkRejects compares the codes of the rejects with the mistakes made.
func checkRejects(t *testing.T, db *vault.DB, counts Counts) {
	t.Helper()
	rejects, err := db.Rejects(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[quality.Code]int{}
	for _, r := range rejects {
		for _, f := range r.Findings {
			codes[f.Code]++
			break
		}
	}
	want := map[quality.Code]int{
		"SWAPPED_COORDINATES":     counts.wrong[mistakenSwapped],
		"NO_GEOREFERENCE":         counts.wrong[mistakenNoPlace],
		"DUPLICATE_UUID":          counts.wrong[mistakenDuplicate],
		"DATE_MIN_TOO_HIGH":       counts.wrong[mistakenFuture],
		"DATE_MIN_SUP_DATE_MAX":   counts.wrong[mistakenOrder],
		"INVALID_DATE":            counts.wrong[mistakenDay],
		"INVALID_ATTACHMENT_CODE": counts.wrong[mistakenCommune],
		"COUNT_MIN_SUP_COUNT_MAX": counts.wrong[mistakenCounts],
		"MISSING_VALUE":           counts.wrong[mistakenNoDate] + counts.wrong[mistakenNoName],
	}
	for code, n := range want {
		if codes[code] != n {
			t.Errorf("%d rows rejected for %s, %d were made so", codes[code], code, n)
		}
	}
}

// checkAtlas reads the snapshot as the portal does.
func checkAtlas(t *testing.T, dir string, published int) {
	t.Helper()
	ctx := context.Background()
	store, err := atlas.OpenStore(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	a, release := store.Acquire()
	if a == nil {
		t.Fatal("no snapshot")
	}
	defer release()
	m := a.Meta()
	if !m.Fictional || m.Territory != regionName || m.Observations != published || m.Taxa < 600 || m.CommunesAll < 280 || m.Organisations < 8 {
		t.Errorf("%+v", m)
	}
	// The species everybody knows, with its statuses.
	lizard, err := a.Taxon(ctx, taxon.CdRef(79273))
	if err != nil {
		lizard, err = findTaxon(ctx, a, "Timon lepidus")
	}
	if err != nil {
		t.Fatal(err)
	}
	if lizard.ScientificName != "Timon lepidus" || !lizard.Protected || lizard.Observations < 20 || len(lizard.Cells) < 10 || lizard.Group != "reptiles" {
		t.Errorf("%+v", lizard.TaxonHead)
	}
	for _, month := range []int{0, 11} {
		if lizard.Months[month] > 0 {
			t.Errorf("%d lizards in month %d", lizard.Months[month], month+1)
		}
	}
	areas, n, err := a.Areas(ctx, geo.Department, "", 0, 10)
	if err != nil || n != len(departmentNames) {
		t.Fatal(n, err)
	}
	for _, d := range areas {
		if d.N < published/20 {
			t.Errorf("%s has %d observations", d.Name, d.N)
		}
	}
}

func findTaxon(ctx context.Context, a *atlas.Atlas, name string) (*atlas.TaxonSheet, error) {
	hits, err := a.Search(ctx, name, 5)
	if err != nil {
		return nil, err
	}
	for _, h := range hits {
		if h.Taxon != nil && h.Taxon.ScientificName == name {
			return a.Taxon(ctx, h.Taxon.CdRef)
		}
	}
	return nil, errors.New("not found: " + name)
}

func TestGenerateTwice(t *testing.T) {
	ctx := context.Background()
	read := func() map[string][]byte {
		o := Options{Dir: t.TempDir(), Observations: 2000, Today: day(t, today)}
		files, err := Generate(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string][]byte{}
		for _, path := range append(paths(files), files.Observations) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			all[filepath.Base(path)] = b
		}
		return all
	}
	a, b := read(), read()
	if len(a) != 7 {
		t.Errorf("%d files", len(a))
	}
	for name := range a {
		if !bytes.Equal(a[name], b[name]) {
			t.Errorf("%s differs", name)
		}
	}
}

func paths(f Files) (list []string) {
	for _, r := range f.References {
		list = append(list, r.Path)
	}
	return list
}

func TestRealReferences(t *testing.T) {
	dir := shared(t, "reference")
	refs, err := findReferences(dir)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, r := range refs {
		kinds[r.Kind]++
	}
	if kinds["taxref"] != 3 || kinds["areas"] != 3 || kinds["statuses"] < 3 || kinds["sensitivity"] != 1 {
		t.Errorf("%v", kinds)
	}
	o := Options{Reference: dir, Today: day(t, today)}
	obs, err := o.observatory()
	if err != nil {
		t.Fatal(err)
	}
	if len(obs.world.species) != realTaxa || len(obs.world.communes) != 4446 {
		t.Errorf("%d taxa, %d communes", len(obs.world.species), len(obs.world.communes))
	}
	areas := readCommunesOf(t, dir)
	index := geo.NewIndex(areas)
	var r record
	seen := map[string]int{}
	for range 20000 {
		obs.next(&r)
		seen[r.species.name]++
		i, ok := index.At(r.lon, r.lat)
		if !ok || areas[i].Key.Code() != obs.world.communes[r.site.commune].code {
			t.Fatalf("a point meant for commune %s is elsewhere", obs.world.communes[r.site.commune].code)
		}
	}
	if len(seen) < 2500 {
		t.Errorf("%d taxa in 20,000 observations", len(seen))
	}
}

func readCommunesOf(t *testing.T, dir string) (areas []geo.Area) {
	t.Helper()
	sc := gunzip(t, filepath.Join(dir, "communes-occitanie.geojson.gz"))
	var b strings.Builder
	sc.Buffer(nil, 64<<20)
	for sc.Scan() {
		b.Write(sc.Bytes())
	}
	for a, err := range geo.ReadAreas(strings.NewReader(b.String()), geo.Commune, geo.ReadOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		areas = append(areas, a)
	}
	return areas
}

func TestRealReferencesMissing(t *testing.T) {
	_, err := Generate(context.Background(), Options{Dir: t.TempDir(), Reference: t.TempDir(), Observations: 10})
	if !fault.Is(err, fault.Invalid) {
		t.Errorf("got %v", err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := WriteObservations(ctx, io.Discard, 5000, Options{Today: day(t, today)}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
