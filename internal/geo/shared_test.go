package geo

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/paulmach/orb"

	"garrigue/internal/needs"
)

// sharedFile returns a reference file, unzipped. The shared data lie beside the checkout.
func sharedFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(needs.Shared(t, "data", "reference", name))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if b, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func readAll(t testing.TB, b []byte, kind Kind, o ReadOptions) []Area {
	t.Helper()
	var out []Area
	for a, err := range ReadAreas(bytes.NewReader(b), kind, o) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

type territory struct{ communes, departments, regions []Area }

var occitanie = struct {
	sync.Mutex
	*territory
}{}

// readOccitanie reads the outlines, once for all tests: checking them takes a second.
func readOccitanie(t testing.TB) *territory {
	t.Helper()
	occitanie.Lock()
	defer occitanie.Unlock()
	if occitanie.territory == nil {
		occitanie.territory = &territory{
			communes:    readAll(t, sharedFile(t, "communes-occitanie.geojson.gz"), Commune, ReadOptions{}),
			departments: readAll(t, sharedFile(t, "departements-occitanie.geojson"), Department, ReadOptions{Above: AdminKey(Region, "76")}),
			regions:     readAll(t, sharedFile(t, "region-occitanie.geojson"), Region, ReadOptions{}),
		}
	}
	return occitanie.territory
}

type referenceCell struct {
	Properties struct {
		CDSIG string  `json:"cd_sig"`
		Code  string  `json:"code"`
		MinX  float64 `json:"x_min_l93"`
		MinY  float64 `json:"y_min_l93"`
		MaxX  float64 `json:"x_max_l93"`
		MaxY  float64 `json:"y_max_l93"`
	}
	Geometry struct{ Coordinates [][]orb.Point }
}

func referenceCells(t testing.TB, name string) []referenceCell {
	t.Helper()
	var in struct{ Features []referenceCell }
	if err := json.Unmarshal(sharedFile(t, name), &in); err != nil {
		t.Fatal(err)
	}
	return in.Features
}
