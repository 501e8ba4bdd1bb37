package publish

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"garrigue/internal/geo"
	"garrigue/internal/taxon"
	"garrigue/internal/vault"
)

func secret() *vault.Trace {
	return &vault.Trace{ID: 7, Located: true, Lon: 3.876716, Lat: 43.610769, Box: geo.Box{MinX: 770123, MinY: 6279345, MaxX: 770123, MaxY: 6279345},
		IDSinp: "6f1c8a52-0a3c-4b7e-9d55-3f1f0c5a9b01", SourceKey: "OBS-2024-000117", PlaceName: `Combe de l’Écluse "haute"`,
		Comment: "Nid au pied du troisième rocher", Observers: "DURAND Camille, LE GOFF Yann", Determiner: "MARTIN-ROUX Zoé"}
}

// TestSearchFinds plants each thing that must not be in a file, in every form it may take there,
// anywhere in megabytes of noise.
func TestSearchFinds(t *testing.T) {
	s := secret()
	le := binary.LittleEndian.AppendUint64
	be := binary.BigEndian.AppendUint64
	f := math.Float64bits
	noise := make([]byte, 2*chunkBytes+chunkBytes/2)
	r := rand.New(rand.NewPCG(1, 2))
	for i := 0; i+8 <= len(noise); i += 8 {
		binary.LittleEndian.PutUint64(noise[i:], r.Uint64()|0x8080808080808080)
	}
	n := newNeedles()
	n.add(secret())
	for i := range 1000 { // others, that begin alike
		n.add(&vault.Trace{Comment: fmt.Sprint("Nid au pied du rocher numéro ", i), Located: true, Lon: 3.876716, Lat: 43 + float64(i)/1e5})
	}
	id := []byte{0x6f, 0x1c, 0x8a, 0x52, 0x0a, 0x3c, 0x4b, 0x7e, 0x9d, 0x55, 0x3f, 0x1f, 0x0c, 0x5a, 0x9b, 0x01}
	for _, c := range []struct {
		name, text string
		want       int
	}{
		{"WKB", string(le(le([]byte{1, 1, 0, 0, 0}, f(s.Lon)), f(s.Lat))), tracePlace},
		{"big-endian WKB", string(be(be(nil, f(s.Lon)), f(s.Lat))), tracePlace},
		{"two columns of a row", string(be(append(be(nil, f(s.Lon)), "aa"...), f(s.Lat))), tracePlace},
		{"latitude first", string(be(be(nil, f(s.Lat)), f(s.Lon))), tracePlace},
		{"metres", string(be(be(nil, f(s.Box.MinX)), f(s.Box.MinY))), tracePlace},
		{"JSON", `{"lon":3.876716,"lat":43.610769}`, tracePlace},
		{"four decimals, cut", "43.6107 3.8767", tracePlace},
		{"four decimals, rounded", "POINT(3.8767 43.6108)", tracePlace},
		{"metres as text", "X=770123 Y=6279345", tracePlace},
		{"metres rounded", "770124,6279346", tracePlace},
		{"place name", `(Combe de l’Écluse)`, traceName},
		{"place name as search has it", taxon.Fold("Combe de l’Écluse"), traceName},
		{"comment", "Nid au pied du troisième rocher", traceComment},
		{"one of the observers", "LE GOFF Yann", tracePeople},
		{"observers folded", "durand camille", tracePeople},
		{"determiner", "MARTIN-ROUX Zoé", tracePeople},
		{"key", `"OBS-2024-000117"`, traceKey},
		{"identifier", "6f1c8a52-0a3c-4b7e-9d55-3f1f0c5a9b01", traceID},
		{"identifier in capitals", "6F1C8A52-0A3C-4B7E-9D55-3F1F0C5A9B01", traceID},
		{"identifier in bytes", string(id), traceID},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, at := range []int{0, chunkBytes - 3, chunkBytes, len(noise) - len(c.text)} {
				if got := searched(t, n, noise, c.text, at); len(got) != 1 || !got[c.want] {
					t.Errorf("at %d: found %v, wanted %s", at, got, traceNames[c.want])
				}
			}
		})
	}
}

// searched plants a text in noise, and returns what is found.
func searched(t *testing.T, n *needles, noise []byte, text string, at int) map[int]bool {
	t.Helper()
	was := string(noise[at : at+len(text)])
	copy(noise[at:], text)
	defer copy(noise[at:], was)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, noise, 0o600); err != nil {
		t.Fatal(err)
	}
	got := map[int]bool{}
	size, err := n.scanFile(context.Background(), path, func(f finding) { got[int(f.trace)] = true })
	if err != nil || size != int64(len(noise)) {
		t.Fatal(size, err)
	}
	return got
}

// TestSearchSpares names what is no leak though it looks like one.
func TestSearchSpares(t *testing.T) {
	n := newNeedles()
	n.add(&vault.Trace{Located: true, Lon: 3.5, Lat: 43.25, Box: geo.Box{MinX: 700000, MinY: 6300000, MaxX: 700000, MaxY: 6300000},
		Comment: "2024-05-12", SourceKey: "10000017", PlaceName: "Lez", Observers: "A. B."})
	n.add(&vault.Trace{Comment: "observations", PlaceName: "Grand Bois"})
	for _, text := range []string{
		"3.5 and, far away," + strings.Repeat(" ", 100) + "43.25", "3.5 43.25", "700000 6300000", "2024-05-12", `{"n":10000017}`, "Lez",
		`{"observations":12}`, "grands bois",
	} {
		n.scan([]byte(text), 0, len(text), func(f finding) { t.Errorf("%q: found %s %q", text, traceNames[f.trace], f.text) })
	}
}

func BenchmarkSearch(b *testing.B) {
	n := newNeedles()
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 300_000 {
		x, y := 500e3+r.Float64()*300e3, 6200e3+r.Float64()*200e3
		lon, lat := geo.FromLambert93(x, y)
		x, y = math.Floor(x), math.Floor(y)
		n.add(&vault.Trace{Located: true, Lon: lon, Lat: lat, Box: geo.Box{MinX: x, MinY: y, MaxX: x, MaxY: y}, SourceKey: fmt.Sprint("SOURCE-", i),
			PlaceName: fmt.Sprint("Combe du secret ", i%9000), Comment: fmt.Sprint("nid au pied du rocher ", i), Observers: fmt.Sprint("NOM Prénom ", i%500),
			IDSinp: fmt.Sprintf("6f1c8a52-0a3c-4b7e-9d55-%012x", i)})
	}
	text := make([]byte, 64<<20)
	for i := 0; i < len(text); i += 8 {
		binary.LittleEndian.PutUint64(text[i:], r.Uint64())
	}
	path := filepath.Join(b.TempDir(), "file")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := n.scanFile(context.Background(), path, func(f finding) { b.Fatal(f) }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n.size()), "needles")
}
