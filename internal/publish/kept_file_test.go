package publish

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"garrigue/internal/civil"
	"garrigue/internal/geo"
	"garrigue/internal/observation"
	"garrigue/internal/taxon"
)

// drawKept draws a row, its ID apart.
func drawKept(t *rapid.T) keptRow {
	day := rapid.Int32Range(-400_000, 40_000)
	r := keptRow{kind: keptKind(rapid.IntRange(0, 2).Draw(t, "kind")), low: observation.NoAltitude, high: observation.NoAltitude, until: civil.NoDate}
	switch r.kind {
	case keptShown:
		small := rapid.Uint32Range(0, 300)
		r.taxon, r.place, r.maker = small.Draw(t, "taxon"), small.Draw(t, "place"), small.Draw(t, "maker")
		r.start = civil.Date(day.Draw(t, "start"))
		r.end = r.start + civil.Date(rapid.Int32Range(-3, 900).Draw(t, "days"))
		r.precision, r.validated = observation.Precision(rapid.IntRange(0, 3).Draw(t, "precision")), rapid.Bool().Draw(t, "validated")
		if rapid.Bool().Draw(t, "altitude") {
			r.low, r.high = rapid.Int16().Draw(t, "low"), rapid.Int16().Draw(t, "high")
		}
	case keptWithheld:
		r.reason = rapid.Uint32Range(0, 3).Draw(t, "reason")
	}
	if r.kind != keptAnew && rapid.Bool().Draw(t, "until") {
		r.until = civil.Date(day.Draw(t, "day"))
	}
	return r
}

// TestKeptFile writes rows, reads them back, and writes them again from what was read.
func TestKeptFile(t *testing.T) {
	dir := t.TempDir()
	head := keptHead{Key: "k", Mark: 7, Changes: 3, Since: 20_000, Today: 20_003, Taxa: make([]taxon.CdRef, 301), Makers: make([]maker, 301),
		Places: make([]spot, 301), Reasons: []string{"absent", "consent", "place", "taxon"}}
	head.Places[3] = spot{Area: geo.AdminKey(geo.Commune, "34172"), Within: []geo.AreaKey{geo.AdminKey(geo.Department, "34")}, Blurred: true, Reasons: 2}
	rapid.Check(t, func(rt *rapid.T) {
		var rows []keptRow
		id := int64(0)
		for range rapid.IntRange(0, 40).Draw(rt, "rows") {
			r := drawKept(rt)
			id += rapid.Int64Range(1, 1<<rapid.IntRange(1, 40).Draw(rt, "far")).Draw(rt, "after")
			r.id = id
			rows = append(rows, r)
		}
		repeat := 1
		if len(rows) > 0 && rapid.IntRange(0, 9).Draw(rt, "long") == 0 {
			repeat = keptChunk/len(rows) + 2 // more than a chunk
		}
		first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
		w, err := createKept(first)
		if err != nil {
			rt.Fatal(err)
		}
		var want []keptRow
		for k := range repeat {
			for _, r := range rows {
				r.id += int64(k) * (id + 1)
				w.put(&r)
				want = append(want, r)
			}
		}
		h := head
		if err := w.finish(&h); err != nil {
			rt.Fatal(err)
		}
		got, gotHead := readKept(rt, first, second)
		if d := cmp.Diff(want, got, cmp.AllowUnexported(keptRow{})); d != "" {
			rt.Fatal(d)
		}
		if d := cmp.Diff(h, gotHead); d != "" {
			rt.Fatal(d)
		}
		one, _ := os.ReadFile(first)
		other, err := os.ReadFile(second)
		if err != nil || string(one) != string(other) {
			rt.Fatalf("written again it is not the same: %v", err)
		}
	})
}

// readKept reads a file, and writes another from it.
func readKept(t *rapid.T, path, again string) (rows []keptRow, h keptHead) {
	k, err := openKept(path)
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	w, err := createKept(again)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.each(func(r *keptRow) error {
		w.again(r)
		one := *r
		one.raw = nil
		rows = append(rows, one)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	h = k.keptHead
	other := h
	if err := w.finish(&other); err != nil {
		t.Fatal(err)
	}
	return rows, h
}

// TestKeptNumbers: a row whose numbers are of no taxon, place or producer is damage.
func TestKeptNumbers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kept")
	for _, r := range []keptRow{{id: 1, kind: keptShown, taxon: 1}, {id: 1, kind: keptShown, place: 1}, {id: 1, kind: keptShown, maker: 1}, {id: 1, kind: keptWithheld, reason: 1}} {
		w, err := createKept(path)
		if err != nil {
			t.Fatal(err)
		}
		w.put(&r)
		if err := w.finish(&keptHead{Taxa: make([]taxon.CdRef, 1), Places: make([]spot, 1), Makers: make([]maker, 1), Reasons: []string{""}}); err != nil {
			t.Fatal(err)
		}
		k, err := openKept(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.each(func(*keptRow) error { return nil }); !errors.Is(err, errKept) {
			t.Errorf("%+v: %v", r, err)
		}
		k.close()
	}
}
