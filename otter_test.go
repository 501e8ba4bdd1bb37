package garrigue_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/wkb"

	"garrigue/internal/atlas"
	"garrigue/internal/dataset"
	"garrigue/internal/disclosure"
	"garrigue/internal/geo"
	"garrigue/internal/ingest"
	"garrigue/internal/needs"
	"garrigue/internal/observation"
	"garrigue/internal/publish"
	"garrigue/internal/vault"
)

const (
	otter     = "60630"
	otterFile = "lez-loutre-indices" // signs of otters along the Lez: a row each, with its coordinates
)

// TestOtters publishes the real signs of otters of the Lez and reads everything that is served.
//
// The list of the former Languedoc-Roussillon (CSRPN, 3 December 2018) does not name the otter: of
// the lists of 2019 only Auvergne's does, at level 2. So the file is published twice: as the list is, the
// otter being ordinary there; and with Auvergne's row in the list for its five departments, as it
// would be the day the region adopts it.
func TestOtters(t *testing.T) {
	ref := needs.Shared(t, "data", "reference")
	needs.Shared(t, "data", "sources", "suivis-occitanie", otterFile+".xlsx")
	for _, adopted := range []bool{false, true} {
		t.Run(map[bool]string{false: "the list as it is", true: "level 2"}[adopted], func(t *testing.T) {
			o := newOtters(t, ref, adopted)
			o.check(t)
		})
	}
}

// otters is the file in a vault of its own, published.
type otters struct {
	adopted     bool
	dir         string
	exact       []observation.Observation
	communes    map[geo.AreaKey]string // all those of the region, with their names
	areas       []geo.Area
	empty, file string // a vault with the references only; the snapshot
}

func newOtters(t *testing.T, ref string, adopted bool) *otters {
	t.Helper()
	o := &otters{adopted: adopted, dir: memoryDir(t), communes: map[geo.AreaKey]string{}}
	o.empty = filepath.Join(o.dir, "empty.sqlite")
	loadOccitanie(t, o.empty, ref)
	if adopted {
		withVault(t, o.empty, func(db *vault.DB) { adoptOtter(t, db, ref, o.dir) })
	}
	first := filepath.Join(o.dir, "first.sqlite")
	copyFile(t, o.empty, first)
	withVault(t, first, func(db *vault.DB) {
		for _, k := range []geo.Kind{geo.Commune, geo.Department, geo.Region} {
			list, err := db.Areas(t.Context(), k)
			must0(t, err)
			o.areas = append(o.areas, list...)
			for _, a := range list {
				if k == geo.Commune {
					o.communes[a.Key] = a.Name
				}
			}
		}
		im, err := ingest.NewImporter(t.Context(), db, ingest.Settings{})
		must0(t, err)
		rep, err := im.Import(t.Context(), filepath.Join(filepath.Dir(ref), "sources", "suivis-occitanie", otterFile+".xlsx"),
			ingest.Options{Set: []ingest.Setting{{Attribute: "cdNom", Value: otter}}})
		must0(t, err)
		if rep.Created < 80 {
			t.Fatalf("%d rows of the file were taken: %v", rep.Created, rep.Rejects)
		}
		must0(t, db.Observations(t.Context(), disclosure.Grant{Who: "test", Reason: "otters"}, vault.Complete, func(one *observation.Observation) error {
			o.exact = append(o.exact, *one)
			return nil
		}))
		o.file = o.publish(t, db, "first")
	})
	return o
}

// adoptOtter loads the lists again with the otter at level 2 in that of the former region.
func adoptOtter(t *testing.T, db *vault.DB, ref, dir string) {
	t.Helper()
	const name = "especes-sensibles-2019.tsv.gz"
	f, err := os.Open(filepath.Join(ref, name))
	must0(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must0(t, err)
	text, err := io.ReadAll(z)
	must0(t, err)
	row := regexp.MustCompile(`(?m)^15(\t\d+\t` + otter + `\t.*\t)8(\t.*)$`).FindSubmatch(text) // Cantal, in Auvergne's
	if row == nil {
		t.Fatal("Auvergne's row is not in the file")
	}
	for _, department := range []string{"11", "30", "34", "48", "66"} {
		text = append(text, department+string(row[1])+"16"+string(row[2])+"\n"...)
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err = w.Write(text)
	must0(t, err)
	must0(t, w.Close())
	must0(t, os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o600))
	copyFile(t, filepath.Join(ref, "especes-sensibles-listes.csv"), filepath.Join(dir, "especes-sensibles-listes.csv"))
	_, err = ingest.LoadReference(t.Context(), db, "sensitivity", filepath.Join(dir, name), ingest.ReferenceOptions{})
	must0(t, err)
}

func (o *otters) publish(t *testing.T, db *vault.DB, name string) string {
	t.Helper()
	policy := disclosure.SINP()
	policy.Today = 20_000
	dir := filepath.Join(o.dir, name, "atlas")
	res, err := publish.Run(t.Context(), db, publish.Options{Dir: dir, Policy: policy,
		Meta: atlas.Meta{Title: "Atlas", Territory: "Occitanie", Publisher: "Essai", Licence: "etalab-2.0", Mesh: geo.Cell5}})
	must0(t, err)
	if res.Published != len(o.exact) {
		t.Fatalf("%d published of %d: %v", res.Published, len(o.exact), res.Withheld)
	}
	return filepath.Join(dir, res.ID+".gpkg")
}

// check serves the snapshot, reads all that may tell of the otter, and compares it with what is
// served once the signs have been moved.
func (o *otters) check(t *testing.T) {
	want := map[bool]geo.Kind{false: geo.Cell5, true: geo.Cell10}[o.adopted]
	true5, true10, communes := map[geo.AreaKey]bool{}, map[geo.AreaKey]bool{}, map[geo.AreaKey]bool{}
	for _, one := range o.exact {
		true5[geo.CellAt(geo.Cell5, one.Place.Box.MinX, one.Place.Box.MinY)] = true
		true10[geo.CellAt(geo.Cell10, one.Place.Box.MinX, one.Place.Box.MinY)] = true
		communes[one.Place.Commune] = true
	}
	t.Logf("%d signs in %d cells of 5 km, %d of 10 km, %d communes; shown by %v", len(o.exact), len(true5), len(true10), len(communes), want)
	raw, err := os.ReadFile(o.file)
	must0(t, err)
	words := o.forbidden()
	if p := o.exact[0].Place; words.in(fmt.Appendf(nil, `{"coordinates":[%.6f,%.6f]}`, p.Lon, p.Lat)) == "" || words.in([]byte("rien")) != "" {
		t.Fatal("the search for true places finds none, or any")
	}
	if found := words.in(raw); found != "" {
		t.Errorf("the snapshot contains %q", found)
	}
	one, stop := serveAtlas(t, filepath.Dir(filepath.Dir(o.file)))
	defer stop()
	o.cells(t, one, want, true5, true10)

	second := o.moved(t, want)
	if o.adopted { // ordinary signs tell their commune, so only blurred ones leave no trace
		if diff := compareSnapshots(t, o.file, second); diff != "" {
			t.Errorf("the snapshot tells where in their cell the signs are:\n%s", diff)
		}
	}
	other, stopOther := serveAtlas(t, filepath.Dir(filepath.Dir(second)))
	defer stopOther()
	compared := other
	if !o.adopted {
		compared = one // only to be read
	}
	asked, differences := crawlWith(t, one, compared, o.addresses(true5, true10, communes), 1500, func(path string, r reply) {
		o.read(t, path, r, words, true5, communes)
	})
	for _, d := range differences {
		t.Error(d)
	}
	t.Logf("%d addresses read", asked)
}

// cells asks where the otter is: in the areas of the kind wanted, and in none finer.
func (o *otters) cells(t *testing.T, s *site, want geo.Kind, true5, true10 map[geo.AreaKey]bool) {
	t.Helper()
	body := string(s.ask(t, "GET", "/api/v1/taxa/"+otter+"/cells").body)
	cells := map[geo.Kind]map[geo.AreaKey]bool{geo.Cell5: true5, geo.Cell10: true10}[want]
	for a := range cells {
		if !strings.Contains(body, a.Code()) {
			t.Errorf("the otter is not shown in %v", a)
		}
	}
	for _, code := range regexp.MustCompile(`\b\d+kmL93E\d+N\d+`).FindAllString(body, -1) {
		if k, ok := geo.ParseCell(code); !ok || k.Kind() != want || !cells[k] {
			t.Errorf("the otter is shown in %s", code)
		}
	}
}

// forbidden are what nobody may find: what the observer wrote, and the coordinates as bytes and as texts.
type forbidden struct {
	words  [][]byte
	points [][2][][]byte // texts of a longitude and of the latitude that goes with it, to a metre
}

func (o *otters) forbidden() (out forbidden) {
	for _, one := range o.exact {
		for _, v := range append([]string{one.Comment, one.Place.Name, one.Observers, one.When.StartTime}, extras(&one)...) {
			if v = strings.TrimSpace(v); len(v) > 6 {
				out.words = append(out.words, []byte(v))
			}
		}
		for _, v := range []float64{one.Place.Lon, one.Place.Lat, one.Place.Box.MinX, one.Place.Box.MinY} {
			out.words = append(out.words, binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)), binary.BigEndian.AppendUint64(nil, math.Float64bits(v)))
		}
		for _, v := range []float64{one.Place.Lon, one.Place.Lat} {
			out.words = append(out.words, fmt.Appendf(nil, "%.8f", v), fmt.Appendf(nil, "%.7f", v))
		}
		near := func(v float64) [][]byte {
			return [][]byte{fmt.Appendf(nil, "%.5f", v), fmt.Appendf(nil, "%.5f", v-0.000005)}
		}
		out.points = append(out.points, [2][][]byte{near(one.Place.Lon), near(one.Place.Lat)})
	}
	return out
}

// in returns what a text contains of it, "" for nothing. Figures of a longitude alone are in any
// outline: of a point both are asked for, side by side.
func (f *forbidden) in(text []byte) string {
	for _, w := range f.words {
		if bytes.Contains(text, w) {
			return string(w)
		}
	}
	for _, p := range f.points {
		for _, lon := range p[0] {
			for from := 0; ; {
				at := bytes.Index(text[from:], lon)
				if at < 0 {
					break
				}
				from += at + 1
				around := text[max(0, from-40):min(len(text), from+40)]
				for _, lat := range p[1] {
					if bytes.Contains(around, lat) {
						return string(around)
					}
				}
			}
		}
	}
	return ""
}

func extras(o *observation.Observation) (out []string) {
	for _, v := range o.Extra {
		out = append(out, v)
	}
	return out
}

// addresses are those that may tell of the otter: its own, those of the areas around, the search, the tiles.
func (o *otters) addresses(true5, true10, communes map[geo.AreaKey]bool) (out []string) {
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	out = []string{"/", "/en/", "/especes", "/communes?q=prades", "/a-propos", "/sitemap.xml", "/api/v1/taxa", "/api/v1/atlas"}
	for _, p := range []string{"/espece/%s", "/en/espece/%s", "/espece/%s/mailles", "/espece/%s/communes", "/espece/%s/communes.csv", "/espece/%s/mailles.csv", "/espece/%s?de=2023&a=2023", "/api/v1/taxa/%s",
		"/api/v1/taxa/%s/cells", "/api/v1/taxa/%s/areas", "/api/v1/taxa/%s/areas?kind=cell5", "/api/v1/taxa/%s/areas?kind=cell10", "/api/v1/taxa/%s/areas?kind=department", "/api/v1/taxa/%s/phenology", "/api/v1/taxa/%s/altitudes"} {
		add(p, otter)
	}
	for _, q := range []string{"loutre", "Lutra lutra", "otter", "empreinte", "epreinte", "lez"} {
		add("/recherche?q=%s", url.QueryEscape(q))
		add("/api/v1/search?q=%s", url.QueryEscape(q))
	}
	box := geo.Box{MinX: math.Inf(1), MinY: math.Inf(1), MaxX: math.Inf(-1), MaxY: math.Inf(-1)}
	areas := map[geo.AreaKey]bool{geo.AdminKey(geo.Department, "34"): true, geo.AdminKey(geo.Department, "30"): true}
	for a := range communes {
		areas[a] = true
	}
	for a := range true10 {
		b := a.Box()
		box = geo.Box{MinX: min(box.MinX, b.MinX), MinY: min(box.MinY, b.MinY), MaxX: max(box.MaxX, b.MaxX), MaxY: max(box.MaxY, b.MaxY)}
		for _, k := range []geo.Kind{geo.Cell1, geo.Cell2, geo.Cell5, geo.Cell10, geo.Cell20} {
			for _, c := range geo.CellsMeeting(k, b) {
				areas[c] = true
			}
		}
	}
	for a := range areas {
		kind := "maille"
		if a.Kind().Mesh() == 0 {
			kind = map[geo.Kind]string{geo.Commune: "commune", geo.Department: "departement"}[a.Kind()]
		}
		add("/%s/%s", kind, a.Code())
		add("/%s/%s/especes.csv", kind, a.Code())
		add("/api/v1/areas/%s/%s", a.Kind(), a.Code())
		add("/api/v1/areas/%s/%s/taxa", a.Kind(), a.Code())
	}
	slices.Sort(out)
	south, north := lonLat(box.MinX, box.MinY), lonLat(box.MaxX, box.MaxY)
	return append(out, tilesOf(south, north, func(at string, z int) []string {
		return []string{"/tuiles/richesse/" + at, "/tuiles/" + at + "?taxon=" + otter, "/tuiles/" + at + "?taxon=" + otter + "&de=2023&a=2023"}
	})...)
}

// read looks at one answer. No word of the file is in it; where the otter may not be said to be,
// it is not.
func (o *otters) read(t *testing.T, path string, r reply, words forbidden, true5, communes map[geo.AreaKey]bool) {
	if found := words.in(r.body); found != "" {
		t.Errorf("%s contains %q", path, found)
		return
	}
	if !o.adopted || r.status != 200 || strings.HasPrefix(path, "/api/v1/search") || strings.Contains(path, "recherche") {
		return
	}
	text := string(r.body)
	tells := strings.Contains(text, "Lutra") || strings.Contains(text, otter) || strings.Contains(text, "Loutre")
	if strings.HasPrefix(path, "/tuiles/") && strings.Contains(path, "taxon=") {
		tells = len(text) > 0
	}
	if !tells {
		return
	}
	own := strings.Contains(path, otter) // else a page of an area, which names those around it whatever is seen there
	for a := range true5 {
		e, n := a.Corner()
		for _, code := range []string{a.Code(), fmt.Sprintf("E%04dN%04d", e, n)} {
			if own && strings.Contains(text, code) || strings.Contains(path, code) {
				t.Errorf("%s tells of the otter, and of the cell %s", path, code)
			}
		}
	}
	for a := range communes {
		named := strings.Contains(text, "/commune/"+a.Code()) || strings.Contains(text, `"`+a.Code()+`"`) || strings.Contains(text, ">"+o.communes[a]+"<")
		if own && named || strings.Contains(path, "/commune/"+a.Code()) {
			t.Errorf("%s tells of the otter, and of the commune %s", path, a.Code())
		}
	}
}

// moved writes the signs elsewhere in the cells they are shown by, in a vault of their own, has
// them classed, and publishes.
func (o *otters) moved(t *testing.T, by geo.Kind) string {
	t.Helper()
	path := filepath.Join(o.dir, "second.sqlite")
	copyFile(t, o.empty, path)
	index := geo.NewIndex(o.areas[:len(o.communes)])
	r := rand.New(rand.NewPCG(60630, 34))
	file := ""
	withVault(t, path, func(db *vault.DB) {
		before, err := db.EnsureDataset(t.Context(), dataset.Dataset{Name: otterFile})
		must0(t, err)
		batch, err := db.Begin(t.Context(), vault.BatchInfo{Dataset: before.ID, File: otterFile})
		must0(t, err)
		defer batch.Rollback()
		for _, one := range o.exact {
			p := &one.Place
			cell := geo.CellAt(by, p.Box.MinX, p.Box.MinY)
			e, n := cell.Corner()
			side := float64(by.Mesh()) * 1000
			for i, ok := 0, false; !ok; {
				x, y := math.Floor(float64(e)*1000+r.Float64()*side), math.Floor(float64(n)*1000+r.Float64()*side)
				p.Lon, p.Lat = geo.FromLambert93(x, y)
				if i, ok = index.At(p.Lon, p.Lat); ok {
					p.Commune, p.Department = o.areas[i].Key, o.areas[i].Parent
					p.Box = geo.Box{MinX: x, MinY: y, MaxX: x, MaxY: y}
				}
			}
			p.Geometry, err = wkb.Marshal(orb.Point{p.Lon, p.Lat}, binary.LittleEndian)
			must0(t, err)
			one.Dataset, one.Comment, p.Name = before.ID, "ailleurs", "ailleurs"
			p.AltitudeMin, p.AltitudeMax = 77, 77
			if !o.adopted {
				p.AltitudeMin, p.AltitudeMax = observation.NoAltitude, observation.NoAltitude
			}
			_, err = batch.Put(t.Context(), &one)
			must0(t, err)
		}
		_, err = batch.Commit(t.Context(), vault.BatchInfo{})
		must0(t, err)
		_, err = ingest.Reclass(t.Context(), db, ingest.Settings{}, nil)
		must0(t, err)
		file = o.publish(t, db, "second")
	})
	return file
}
