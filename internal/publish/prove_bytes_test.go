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

	"github.com/google/uuid"
	"github.com/paulmach/orb"

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
	n.add(&vault.Trace{SourceKey: "a17e0c55-9d21-4f60-8b3a-77c2d9e80f14"})
	n.add(&vault.Trace{IDSinp: "00000019-0000-0000-0000-0000005a9b01"})
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
		{"identifier in some capitals", "6f1C8a52-0a3c-4b7E-9d55-3F1f0c5a9b01", traceID},
		{"identifier with spaces", "6f1c8a52 0a3c 4b7e 9d55 3f1f0c5a9b01", traceID},
		{"identifier with nothing between", "6f1c8a520a3c4b7e9d553f1f0c5a9b01", traceID},
		{"identifier in capitals with nothing between", "X'6F1C8A520A3C4B7E9D553F1F0C5A9B01'", traceID},
		{"identifier after other digits", "0123456789abcde6f1c8a520a3c4b7e9d553f1f0c5a9b01", traceID},
		{"identifier cut", "6f1c8a52-0a3c-4b7e-9d55-3f1f0c5a", traceID},
		{"key that is an identifier", "a17e0c55-9d21-4f60-8b3a-77c2d9e80f14", traceKey},
		{"key that is an identifier, as search has it", "a17e0c55 9d21 4f60 8b3a 77c2d9e80f14", traceKey},
		{"identifier of another kind, in bytes", "\x00\x00\x00\x19\x00\x00\x00\x00\x00\x00\x00\x00\x00\x5a\x9b\x01", traceID},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, at := range []int{0, chunkBytes - 3, chunkBytes - len(c.text)/2, chunkBytes, len(noise) - len(c.text)} {
				if got := searched(t, n, noise, c.text, at); len(got) != 1 || !got[c.want] {
					t.Errorf("at %d: found %v, wanted %s", at, got, traceNames[c.want])
				}
			}
		})
	}
}

// TestSearchFindsAll looks for thousands of things, each by itself at some place among zeros: what
// is passed over must be nothing, with and without an identifier that looks like zeros.
func TestSearchFindsAll(t *testing.T) {
	for _, odd := range []string{"", "f0000000-0000-0000-0000-0000000000ff"} {
		r := rand.New(rand.NewPCG(3, 4))
		n := newNeedles()
		n.add(&vault.Trace{IDSinp: odd})
		var forms []string
		for i := range 5000 {
			id := uuid.UUID(binary.LittleEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, r.Uint64()), r.Uint64()))
			id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
			tr := &vault.Trace{Located: true, Lon: r.Float64()*10 - 5, Lat: 42 + r.Float64(), IDSinp: id.String(), SourceKey: fmt.Sprintf("CLEF-%06d", i), Comment: fmt.Sprint(r.Uint64(), " petits")}
			x, y := math.Floor(r.Float64()*1e6), 6.2e6+float64(i)
			tr.Box = geo.Box{MinX: x, MinY: y, MaxX: x, MaxY: y}
			n.add(tr)
			bits := math.Float64bits
			forms = append(forms, tr.IDSinp, strings.ToUpper(tr.IDSinp), string(id[:]), tr.SourceKey, tr.Comment,
				string(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, bits(tr.Lon)), bits(tr.Lat))),
				string(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, bits(tr.Lat)), bits(tr.Lon))),
				string(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, bits(tr.Box.MinX)), bits(tr.Box.MinY))),
				string(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, bits(tr.Box.MinX)), bits(tr.Box.MinY))))
		}
		if n.ready().zeros != (odd == "") {
			t.Errorf("with %q: zeros passed over: %v", odd, n.ready().zeros)
		}
		text := make([]byte, 300)
		for _, form := range forms {
			at := 100 + r.IntN(100)
			copy(text[at:], form)
			found := 0
			n.scan(text, 0, len(text), func(finding) { found++ })
			n.scan(text[:at+len(form)], 0, at+len(form), func(finding) { found++ }) // the last of a file
			n.scan(text[at:], 0, len(text)-at, func(finding) { found++ })           // and the first
			if found != 3 {
				t.Fatalf("%q at %d: found %d times of 3", form, at, found)
			}
			clear(text)
		}
	}
}

// TestNeedlesOnce: what comes again takes no room, whatever came between.
func TestNeedlesOnce(t *testing.T) {
	n := newNeedles()
	size, all := 0, 0
	for round := range 3 {
		for i := range 2 * recentTexts {
			n.add(&vault.Trace{Located: true, Lon: 3, Lat: 43 + float64(i)/1e4, PlaceName: fmt.Sprint("Combe du Loup ", i), Observers: "NOM Prénom",
				SourceKey: fmt.Sprintf("6f1c8a52-0a3c-4b7e-9d55-%012x", i), IDSinp: fmt.Sprintf("6f1c8a52-0a3c-4b7e-9d55-%012x", i)})
		}
		if round == 0 {
			size, all = n.size(), len(n.words)+len(n.ids)+len(n.places)+len(n.texts)
		}
	}
	if n.size() != size || len(n.words)+len(n.ids)+len(n.places)+len(n.texts) != all {
		t.Errorf("%d things, %d at first", n.size(), size)
	}
	if len(n.ids) != 2*recentTexts || n.shapes.n != 1 { // that differ where the text is no longer compared
		t.Errorf("%d identifiers, %d as text", len(n.ids), n.shapes.n)
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
	n.add(&vault.Trace{IDSinp: "6f1c8a52-0a3c-4b7e-9d55-3f1f0c5b9b01"})
	for _, text := range []string{
		"3.5 and, far away," + strings.Repeat(" ", 100) + "43.25", "3.5 43.25", "700000 6300000", "2024-05-12", `{"n":10000017}`, "Lez",
		`{"observations":12}`, "grands bois", "6f1c8a52-0a3c-4b7e-9d55-3f1f0c5a9b02", "6f1c8a520a3c4b7e9d553f1f0c5a9b02",
		"6f1c8a52-0a3c-4b7e-9d55-3f1f0c5", `{"6f1c8a52-0a3c-4b7e-9d55-3f1f0c5b":1}`,
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

// TestOnLines: coordinates of two vertices near one another are those of an outline, whoever has them besides.
func TestOnLines(t *testing.T) {
	ring := orb.Ring{{2.1, 43.1}, {2.2, 43.1}, {2.25, 43.3}, {2.1, 43.1}}
	for _, c := range []struct {
		lon, lat float64
		want     bool
	}{{2.1, 43.1, true}, {2.2, 43.3, true}, {2.25, 43.1, true}, {2.1, 43.2, false}, {2.15, 43.1, false}, {43.1, 2.1, false}} {
		if onLines(ring, c.lon, c.lat) != c.want {
			t.Errorf("%v %v: %v", c.lon, c.lat, !c.want)
		}
	}
}
