package ingest

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"garrigue/internal/disclosure"
	"garrigue/internal/needs"
	"garrigue/internal/observation"
	"garrigue/internal/vault"
)

// TestRealTables opens every shared file that is a table by nature, and counts what
// data/README.md says it holds: its counts of sheets include the row of names, and the
// camera traps' ends with a row that only has formats.
func TestRealTables(t *testing.T) {
	for _, c := range []struct {
		file, ask   string
		kind, table string
		others      int
		rows        int
		header      string // the first names
	}{
		{"suivis-occitanie/lez-loutre-indices.xlsx", "", "xlsx", "indices", 0, 84, "fid,id,Type,Date,Heure,Rive"},
		{"suivis-occitanie/lez-pieges-photo-sans-repetition.xlsx", "", "xlsx", "Sheet 1", 0, 2224, "Nom du fichier,Espèce / Activité,Date,Heure,N° de piège"},
		{"suivis-occitanie/lez-liste-poissons.xlsx", "", "xlsx", "Sheet1", 0, 154, "Nom vulgaire,Nom binomial,Auteur"},
		{"suivis-occitanie/lez-terrain-2023-02.ods", "Données Terrain", "ods", "Données Terrain", 2, 32, "Station,Présence,Ancienneté,Nb d'indices"},
		{"suivis-occitanie/lez-terrain-2023-02.ods", "Indices de présence", "ods", "Indices de présence", 2, 87, "wkt_geom,id,Type,Date,Heure,Rive"},
		{"suivis-occitanie/lez-terrain-2023-02.ods", "Ouvrages", "ods", "Ouvrages", 2, 25, "wkt_geom,id,Type,Note"},
		{"tableurs/occurrence-workbook.xlsx", "", "xlsx", "Sheet1", 0, 6, "occurrenceId,eventDate,elevation"},
		{"tableurs/occurrence-workbook.ods", "", "ods", "Sheet1", 0, 6, "occurrenceId,eventDate,elevation"},
		{"csv-structures/pne-faune-2008-2010-shp.zip", "", "shapefile", "observations-faune-2008-2010-SHP", 0, 508, "dateobs,altitude,observateu,taxonlatin,cd_nom"},
		{"visionature/faune-occitanie-hirondelle-fenetre-31.geojson", "", "geojson", "", 0, 952, "ID_SIGHTING,ID_SPECIES,NAME_SPECIES"},
		{"sinp-dee/ExempleOccurrenceTaxon-2154.gml", "", "gml", "", 0, 2, "gml_id,identifiantPermanent,statutObservation,nomCite,cdNom"},
	} {
		s, err := openSource(needs.Shared(t, append([]string{"data", "sources"}, strings.Split(c.file, "/")...)...), readOptions{Table: c.ask})
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		r, err := s.read()
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		n := 0
		for err == nil {
			if _, err = r.next(); err == nil {
				n++
			}
		}
		l := s.layout(r)
		if err != io.EOF || l.Kind != c.kind || l.Table != c.table || len(l.Others) != c.others || n != c.rows || !strings.HasPrefix(strings.Join(r.header, ","), c.header) {
			t.Errorf("%s: %s, table %q, %d others, %d rows under %q: %v", c.file, l.Kind, l.Table, len(l.Others), n, r.header, err)
		}
		r.close()
		s.Close()
	}
}

// contentOf returns the observations of a vault by key, without what the vault gave them.
func contentOf(t *testing.T, db *vault.DB) map[string]observation.Observation {
	t.Helper()
	out := map[string]observation.Observation{}
	err := db.Observations(context.Background(), disclosure.Grant{Who: "test", Reason: "comparison"}, vault.Complete, func(o *observation.Observation) error {
		c := *o
		c.ID, c.Dataset = 0, 0
		c.Place.Geometry = slices.Clone(o.Place.Geometry)
		c.Extra = map[string]string{}
		for k, v := range o.Extra {
			c.Extra[k] = v
		}
		out[o.SourceKey] = c
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sameVault compares two vaults; values that only one file could tell are named.
func sameVault(t *testing.T, a, b *vault.DB, but ...string) {
	t.Helper()
	x, y := contentOf(t, a), contentOf(t, b)
	for _, m := range []map[string]observation.Observation{x, y} {
		for _, o := range m {
			for _, k := range but {
				delete(o.Extra, k)
			}
		}
	}
	if d := cmp.Diff(x, y, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("not the same (%d and %d observations):\n%.2000s", len(x), len(y), d)
	}
}

// TestSwallowsOfBothKinds imports the same export as text and as GeoJSON: the same 952
// observations.
func TestSwallowsOfBothKinds(t *testing.T) {
	var dbs []*vault.DB
	for _, ext := range []string{"tsv", "geojson"} {
		db := realVault(t)
		rep, err := newImporter(t, db).Import(context.Background(), needs.Shared(t, "data", "sources", "visionature", "faune-occitanie-hirondelle-fenetre-31."+ext), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if rep.Read != 952 || rep.Created != 952 || rep.Format != VisioNature || len(rep.Datasets) != 11 || !slices.Contains(rep.Datasets, "faune-occitanie-hirondelle-fenetre-31") {
			t.Errorf("%s: %d read, %d created as %s into %d datasets; rejects %v", ext, rep.Read, rep.Created, rep.Format, len(rep.Datasets), rep.Rejects)
		}
		dbs = append(dbs, db)
	}
	sameVault(t, dbs[0], dbs[1])
}
