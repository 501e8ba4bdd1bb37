package vault

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"garrigue/internal/civil"
	"garrigue/internal/dataset"
	"garrigue/internal/observation"
)

// TestIndexedColumns: what the part of an update leaves alone is all that a secondary index reads.
func TestIndexedColumns(t *testing.T) {
	var read []string
	for _, text := range indexTexts() {
		words := strings.FieldsFunc(text[strings.Index(text, "("):], func(r rune) bool { return !(r == '_' || r >= 'a' && r <= 'z') })
		read = append(read, words...)
	}
	var want []string
	for _, c := range columnList(writtenColumns) {
		if slices.Contains(read, c) {
			want = append(want, c)
		}
	}
	got := columnList(indexedColumns)
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the indexes (-) and indexedColumns (+) differ:\n%s", diff)
	}
	w := newRewriter()
	for _, c := range want {
		if strings.Contains(w.part, " "+c+" =") || !strings.Contains(w.full, " "+c+" =") {
			t.Errorf("%s: %s", c, w.part)
		}
	}
	for i, c := range w.columns {
		if w.twin[i] != slices.Contains(columnList(twinColumns), c) {
			t.Errorf("%s tells twins: %v", c, w.twin[i])
		}
	}
}

// TestAppendJSON: history is written as it always was.
func TestAppendJSON(t *testing.T) {
	same := func(t interface{ Errorf(string, ...any) }, got []byte, v any) {
		want, err := json.Marshal(v)
		if err != nil || string(got) != string(want) {
			t.Errorf("%s, want %s (%v)", got, want, err)
		}
	}
	for _, s := range []string{"", "été", "a\"b", `\`, "<&>", "\x00\x1f\x7f", "\u2028\u2029", "\xff\xfe", "🦉", "l’œil", "\ufffd", "\xe2\x80"} {
		same(t, appendText(nil, s), s)
	}
	for _, f := range []float64{0, math.Copysign(0, -1), 1, -1, 1e-6, 9.9e-7, 1e-7, 1e20, 1e21, -1e21, 2.977133, 43.055648, 5e-324, 1.7976931348623157e308, 123456789.125} {
		same(t, appendFloat(nil, f), f)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
		same(t, appendText(nil, s), s)
		f := rapid.Float64().Draw(t, "number")
		same(t, appendFloat(nil, f), f)
	})
}

// rewritten is a row with a value in each column that indexes or twins read.
func rewritten(d dataset.ID) observation.Observation {
	day, _ := civil.Make(2020, 5, 1)
	return observation.Observation{Dataset: d, SourceKey: "k", IDSinp: uuid.NewSHA1(uuid.NameSpaceOID, []byte("k")), CdNom: 1, CdRef: 1,
		Presence: observation.Present, When: observation.Period{Start: day, End: day}, Observers: "NOM Prénom", Grouping: "g",
		StatedLevel: 1, Sensitivity: 2, Review: true, CountMin: 1, CountMax: 2, Comment: "premier <&>", Extra: map[string]string{"a": "\"é\""},
		Place: observation.Place{Georeference: observation.ByGeometry, Lon: 3, Lat: 43.5, Geometry: []byte{1, 2, 3}, AltitudeMin: observation.NoAltitude, AltitudeMax: 4}}
}

// TestRewrite changes each thing of a row alone: the row is the new one, its history the former one whole, and the
// indexes agree with the table.
func TestRewrite(t *testing.T) {
	ctx := t.Context()
	db, err := Open(ctx, filepath.Join(t.TempDir(), "vault.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	d, err := db.EnsureDataset(ctx, dataset.Dataset{Name: "d"})
	if err != nil {
		t.Fatal(err)
	}
	first := rewritten(d.ID)
	putOne(t, db, first)
	for i, change := range []func(o *observation.Observation){
		func(o *observation.Observation) { o.Comment = "second" },
		func(o *observation.Observation) { o.IDSinp[0]++; o.Comment = "" },
		func(o *observation.Observation) { o.IDSinp = uuid.Nil },
		func(o *observation.Observation) { o.IDSinp[3] = 1 },
		func(o *observation.Observation) { o.Observers, o.Place.Lon = "AUTRE Anne", 3.25 },
		func(o *observation.Observation) { o.Observers = "" },
		func(o *observation.Observation) { o.CdRef, o.CdNom = 2, 2 },
		func(o *observation.Observation) { o.StatedLevel++; o.Place.Geometry = nil },
		func(o *observation.Observation) { o.Grouping, o.Comment = "", "x" },
		func(o *observation.Observation) { o.Sensitivity, o.Comment = 3, "y" },
		func(o *observation.Observation) { o.Review, o.Comment = false, "z" },
		func(o *observation.Observation) { o.Review, o.Grouping, o.Extra = true, "h", nil },
	} {
		before := wholeRow(t, db)
		change(&first)
		batch := putOne(t, db, first)
		after := wholeRow(t, db)
		if want := asInserted(t, first, batch); after != want {
			t.Errorf("change %d:\n%s, want\n%s", i, after, want)
		}
		h, err := db.readHistory(ctx, 1)
		if err != nil || len(h) != i+1 || h[i].Content != before || h[i].Batch != batch {
			t.Errorf("change %d: history %+v, want %s (%v)", i, h, before, err)
		}
		if err := db.Check(ctx); err != nil {
			t.Errorf("change %d: %v", i, err)
		}
	}
}

func putOne(t *testing.T, db *DB, o observation.Observation) (batch int64) {
	t.Helper()
	b, err := db.Begin(t.Context(), BatchInfo{File: "x"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Rollback()
	if _, err := b.Put(t.Context(), &o); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Commit(t.Context(), BatchInfo{}); err != nil {
		t.Fatal(err)
	}
	return b.ID()
}

// wholeRow is the only observation of a vault, as encoding/json writes what it has.
func wholeRow(t *testing.T, db *DB) string {
	t.Helper()
	columns := columnList(writtenColumns)
	cells := map[string]any{}
	err := db.dialect.scan(context.Background(), "vault", `SELECT `+writtenColumns+` FROM observation`, func(s row) error {
		for i, c := range columns {
			switch s.ColumnType(i) {
			case integerCell:
				cells[c] = s.ColumnInt64(i)
			case floatCell:
				cells[c] = s.ColumnFloat(i)
			case textCell:
				cells[c] = s.ColumnText(i)
			case blobCell:
				b := make([]byte, s.ColumnLen(i))
				s.ColumnBytes(i, b)
				cells[c] = hex.EncodeToString(b)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(cells)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// asInserted is what a vault has of o when it was never anything else.
func asInserted(t *testing.T, o observation.Observation, batch int64) string {
	t.Helper()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "vault.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.EnsureDataset(t.Context(), dataset.Dataset{Name: "d"}); err != nil {
		t.Fatal(err)
	}
	putOne(t, db, o)
	return strings.Replace(wholeRow(t, db), `"batch":1,`, fmt.Sprintf(`"batch":%d,`, batch), 1)
}

// TestSettled: what a batch committed comes into the file itself, and not only into its WAL.
func TestSettled(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "vault.sqlite")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	d, err := db.EnsureDataset(t.Context(), dataset.Dataset{Name: "d"})
	if err != nil {
		t.Fatal(err)
	}
	putOne(t, db, rewritten(d.ID))
	db.settling.Wait()
	alone, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.sqlite")
	if err := os.WriteFile(other, alone, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got, want := wholeRow(t, again), wholeRow(t, db); got != want {
		t.Errorf("without the WAL: %s, want %s", got, want)
	}
}
