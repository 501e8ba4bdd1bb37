package portal

import (
	"testing"

	"garrigue/internal/geo"
)

// TestTwoSheetsAreKept: while a new snapshot is prepared, visitors of the present one find their
// sheet; a third forgets the first.
func TestTwoSheetsAreKept(t *testing.T) {
	p := open(t, Options{})
	v := visitOf(t, p, "/")
	made, err := v.fond()
	if err != nil {
		t.Fatal(err)
	}
	if made != p.fonds.kept[0] || p.fonds.kept[1] != nil {
		t.Fatal("the sheet is not the one made at start")
	}
	for i, want := range []bool{true, false} {
		p.fonds.mu.Lock()
		p.fonds.kept = [2]*fond{{id: "next"}, p.fonds.kept[0]}
		p.fonds.mu.Unlock()
		if kept := p.fonds.of(v.meta.ID) == made; kept != want {
			t.Errorf("after %d newer: kept %v", i+1, kept)
		}
	}
}

// TestOutlinesAreBounded: paths are remembered, up to a number of bytes.
func TestOutlinesAreBounded(t *testing.T) {
	p := open(t, Options{})
	v := visitOf(t, p, "/")
	f, err := v.fond()
	if err != nil {
		t.Fatal(err)
	}
	key := geo.AdminKey(geo.Commune, "34001")
	first, err := f.outlinePath(t.Context(), v.atlas, key)
	if err != nil || first == "" {
		t.Fatalf("%q, %v", first, err)
	}
	if f.outlines[key] != first || f.held < len(first) {
		t.Error("the path is not remembered")
	}
	f.held = outlineBytes
	other := geo.AdminKey(geo.Department, "34")
	if _, err := f.outlinePath(t.Context(), v.atlas, other); err != nil {
		t.Fatal(err)
	}
	if _, ok := f.outlines[key]; ok || len(f.outlines) != 1 || f.held >= outlineBytes {
		t.Errorf("%d paths, %d bytes held past the bound", len(f.outlines), f.held)
	}
	if again, err := f.outlinePath(t.Context(), v.atlas, key); err != nil || again != first {
		t.Errorf("made again, the path is another one: %v", err)
	}
}
