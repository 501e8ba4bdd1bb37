package jsontable

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"garrigue/internal/fault"
	"garrigue/internal/needs"
)

// all reads a whole text: its header and its rows.
func all(t testing.TB, text string, o Options) (header []string, rows [][]string, err error) {
	t.Helper()
	tb, err := Open(strings.NewReader(text), int64(len(text)), "essai.json", o)
	if err != nil {
		return nil, nil, err
	}
	for {
		r, err := tb.Next()
		if err == io.EOF {
			return tb.Header(), rows, nil
		}
		if err != nil {
			return tb.Header(), rows, err
		}
		rows = append(rows, append([]string(nil), r.Fields...))
	}
}

func TestTables(t *testing.T) {
	for _, c := range []struct {
		name, text string
		header     []string
		rows       [][]string
	}{
		{"array", `[{"a":1,"b":"x"},{"b":null,"c":true}]`, []string{"a", "b", "c"}, [][]string{{"1", "x", ""}, {"", "", "true"}}},
		{"lines", "{\"a\":\"1\"}\n{\"a\":\"2\",\"d\":2.50}\n", []string{"a", "d"}, [][]string{{"1", ""}, {"2", "2.50"}}},
		{"sequence of RFC 7464", "\x1e{\"a\":1}\n\x1e{\"a\":2}\n", []string{"a"}, [][]string{{"1"}, {"2"}}},
		{"one record", `{"a":"1","photos":[{"u":1},{"u":2}],"b":{"c":[1, 2],"d":{}}}`, []string{"a", "photos", "b.c"}, [][]string{{"1", `[{"u":1},{"u":2}]`, "[1,2]"}}},
		{"byte order mark, escapes", "\ufeff[{\"é \":\"a\\u00e9\\n\\\"b\\\\\"}]", []string{"é"}, [][]string{{"aé\n\"b\\"}}},
		{"GeoNature page", `{"items":[{"id":1},{"id":2}],"limit":2,"page":0,"total":2,"license":{"name":"x"}}`, []string{"id"}, [][]string{{"1"}, {"2"}}},
		{"two pages", `{"total":3,"items":[{"id":1},{"id":2}]} {"total":3,"items":[{"id":3}]}`, []string{"id"}, [][]string{{"1"}, {"2"}, {"3"}}},
		{"GeoNature page of features", `{"items":{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"cd_nom":1},"geometry":{"type":"Point","coordinates":[1.5,43]},"id":"7"}]},"total":1}`,
			[]string{"cd_nom", "id", "geometry"}, [][]string{{"1", "7", `{"type":"Point","coordinates":[1.5,43]}`}}},
		{"iNaturalist", `{"total_results":1,"page":1,"results":[{"taxon":{"name":"Lutra lutra"},"geojson":{"type":"Point","coordinates":[1,2]},"location":[2, 1]}]}`,
			[]string{"taxon.name", "geojson", "location"}, [][]string{{"Lutra lutra", `{"type":"Point","coordinates":[1,2]}`, "[2,1]"}}},
		{"unknown wrapper", `{"count":1,"especes":[{"n":"x"}]}`, []string{"n"}, [][]string{{"x"}}},
		{"record with a list", `{"n":"x","photos":[{"p":1}]} {"n":"y"}`, []string{"n", "photos"}, [][]string{{"x", `[{"p":1}]`}, {"y", ""}}},
		{"lists in lists", `[{"a":[ [1, "]\\\"["], {"b":[ ]} ],"c":[ ],"d":[[]]}]`, []string{"a", "c", "d"}, [][]string{{`[[1,"]\\\"["],{"b":[]}]`, "", "[[]]"}}},
		{"two ways to one name", `[{"a.b":"1"},{"a":{"b":"2"}}]`, []string{"a.b"}, [][]string{{"1"}, {"2"}}},
		{"list with holes", `{"data":{"3":{"a":1}},"items":{"1":{"a":1},"4":{"a":2}}}`, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			header, rows, err := all(t, c.text, Options{})
			if c.header == nil {
				return // no crash
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.header, header); d != "" && c.name != "one record" {
				t.Errorf("header: %s", d)
			}
			for i := range rows {
				rows[i] = rows[i][:len(c.header)]
			}
			if d := cmp.Diff(c.rows, rows); d != "" {
				t.Errorf("rows: %s", d)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	deep := strings.Repeat("[", 70) + strings.Repeat("]", 70)
	for _, c := range []struct{ name, text, key string }{
		{"empty", " \n", "tabular.empty"}, {"cut", `[{"a":1},{"a":`, "jsontable.cut"}, {"cut string", `[{"a":"bc`, "jsontable.cut"},
		{"cut page", `{"items":[{"id":1}`, "jsontable.cut"}, {"cut number", `[{"a":1`, "jsontable.cut"},
		{"HTML", `<html>`, "jsontable.no_records"}, {"brackets crossed", `[{"a":[1}]`, "jsontable.syntax"}, {"no comma inside", `[{"a" 1}]`, "jsontable.syntax"},
		{"deep", `[{"a":` + deep + `}]`, "jsontable.depth"}, {"numbers", `[1,2,3]`, "jsontable.no_records"}, {"empty list", `[]`, "jsontable.no_records"},
		{"empty page", `{"items":[],"total":0}`, "jsontable.no_records"}, {"scalar", `42`, "jsontable.no_records"},
		{"schema", `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{}}`, "jsontable.schema"},
		{"long", `[{"a":"` + strings.Repeat("x", 3000) + `"}]`, "tabular.record"}, {"columns", `[{"a":1,"b":1,"c":1,"d":1}]`, "tabular.columns"},
		{"total", `[` + strings.Repeat(`{"a":1},`, 2000) + `{"a":1}]`, "tabular.total"}, {"trailing text", `[{"a":1}] }`, "jsontable.syntax"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := Options{MaxRecord: 2000, MaxColumns: 3, MaxTotal: 10_000}
			_, _, err := all(t, c.text, o)
			var e *fault.Error
			if !errors.As(err, &e) || e.Key != c.key {
				t.Errorf("got %v, want %s", err, c.key)
			}
		})
	}
}

func TestCompressed(t *testing.T) {
	pack := func(text string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, text)
		_ = z.Close()
		return b.String()
	}
	packed := pack(`[{"a":1},{"a":2}]`)
	if !Matches([]byte(packed), strings.NewReader(packed), int64(len(packed))) {
		t.Error("not recognised")
	}
	if _, rows, err := all(t, packed, Options{}); err != nil || len(rows) != 2 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	var e *fault.Error
	if _, _, err := all(t, packed[:len(packed)-12], Options{}); !errors.As(err, &e) || e.Key != "jsontable.cut" {
		t.Errorf("cut: %v", err)
	}
	bomb := pack(`[{"a":"` + strings.Repeat(" ", 80<<20) + `"}]`)
	if _, _, err := all(t, bomb, Options{MaxRecord: 100 << 20}); !errors.As(err, &e) || e.Key != "tabular.bomb" {
		t.Errorf("bomb: %v", err)
	}
}

func TestMatches(t *testing.T) {
	for text, want := range map[string]bool{`{"a":1}`: true, " \n[ {": true, "[]": true, "{}": true, "\ufeff{ \"": true, "a;b\n": false, "<x>": false,
		"[1,2]": false, "": false, `{a}`: false, "\x1f\x8b": false} {
		if got := Matches([]byte(text), strings.NewReader(text), int64(len(text))); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestWrapped(t *testing.T) {
	for text, want := range map[string]bool{`{"type":"FeatureCollection","features":[`: false, `{"total":2,"items":{"type": "FeatureCollection","features":[`: true,
		`[{"type":"FeatureCollection"`: true, `{"a\"":"FeatureCollection","b":{"x":"Feature`: false, `{"b":{"x":"y"},"type":"FeatureCollection"`: false} {
		if got := Wrapped([]byte(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// A row goes back to its producer as a line of CSV; its line number is where its record begins.
func TestRawAndLine(t *testing.T) {
	text := "[\n {\"a\":\"x,\\\"y\\\"\",\n  \"b\":1},\n {\"a\":\"z\"}\n]"
	tb, err := Open(strings.NewReader(text), int64(len(text)), "t", Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, _ := tb.Next()
	if r.Line != 2 || r.Raw != `"x,""y""",1` {
		t.Errorf("line %d, raw %s", r.Line, r.Raw)
	}
	if r, _ = tb.Next(); r.Line != 4 || r.Raw != "z," {
		t.Errorf("line %d, raw %s", r.Line, r.Raw)
	}
	if _, err = tb.Next(); err != io.EOF || tb.Offset() != tb.Size() {
		t.Errorf("end: %v, %d of %d", err, tb.Offset(), tb.Size())
	}
	bad := "[{\"a\":\"caf\xe9\"}]"
	tb, err = Open(strings.NewReader(bad), int64(len(bad)), "t", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r, _ = tb.Next(); !r.Damaged {
		t.Error("bytes that are no UTF-8 not told")
	}
}

// Whatever flat records are written by the standard library are read back value by value,
// whatever the shape around them.
// The outline of a large area is one value: reading it takes a few times its size, not dozens.
func TestLargeOutline(t *testing.T) {
	text := `[{"nom":"x","geom":{"type":"Polygon","coordinates":[[` + strings.Repeat("[3.123,43.5],", 300_000) + `[3,43]]]},"photos":[` +
		strings.Repeat(`{"u":[1,2]},`, 5000) + `{"u":[]}]}]`
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, rows, err := all(t, text, Options{})
	runtime.ReadMemStats(&after)
	if err != nil || len(rows) != 1 || rows[0][2] != "5001" || !strings.HasSuffix(rows[0][1], "[3,43]]]}") {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 40*uint64(len(text)) {
		t.Errorf("%d MB taken to read %d MB", used>>20, len(text)>>20)
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		records := rapid.SliceOfN(rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c d", "é", "x\"y"}), rapid.String(), 1, 5), 1, 20).Draw(rt, "records")
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		if rapid.Bool().Draw(rt, "indent") {
			enc.SetIndent(" ", "\t")
		}
		switch rapid.IntRange(0, 2).Draw(rt, "shape") {
		case 0:
			_ = enc.Encode(records)
		case 1:
			for _, r := range records {
				_ = enc.Encode(r)
			}
		case 2:
			_ = enc.Encode(map[string]any{"items": records, "total": len(records), "more": map[string]any{"z": []int{1}}})
		}
		header, rows, err := all(t, b.String(), Options{})
		if err != nil {
			rt.Fatal(err)
		}
		if len(rows) != len(records) {
			rt.Fatalf("%d rows of %d", len(rows), len(records))
		}
		for i, r := range rows {
			for j, h := range header {
				if want := strings.ToValidUTF8(records[i][h], "\ufffd"); r[j] != want {
					rt.Fatalf("row %d, %s: %q, want %q", i, h, r[j], want)
				}
			}
		}
	})
}

func FuzzOpen(f *testing.F) {
	for _, s := range []string{`[{"a":1}]`, `{"data":{"sightings":[{"observers":[{"id_sighting":"1"}]}],"forms":[{"sightings":[{}]}],"deleted":[{"id_sighting":"1"}]}}`,
		`{"items":{"features":[{"properties":{"a":1},"geometry":{"type":"Point","coordinates":[]}}]}}`, "{\"a\":1}\n{}", `{"results":{"0":{"a":"\ud800"}}}`, `[{"":{"":[]}}]`, "{\"data\":{"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		Matches(b, bytes.NewReader(b), int64(len(b)))
		tb, err := Open(bytes.NewReader(b), int64(len(b)), "f", Options{MaxRecord: 1 << 16, MaxTotal: 1 << 20})
		if err != nil {
			return
		}
		for n := 0; ; n++ {
			r, err := tb.Next()
			if err != nil {
				if err != io.EOF {
					t.Fatalf("the second reading is not the first: %v", err)
				}
				return
			}
			if len(r.Fields) != len(tb.Header()) {
				t.Fatalf("%d fields for %d columns", len(r.Fields), len(tb.Header()))
			}
		}
	})
}

// Every JSON file of the shared data is a table or gets one sentence.
func TestSharedFiles(t *testing.T) {
	root := needs.Shared(t, "data", "sources")
	want := map[string]int{"inaturalist/observation.json": 1, "visionature/biolovision-normal-with-trace.json": 48,
		"visionature/biolovision-small-incidental.json": 7, "visionature/biolovision-small-with-media.json": 2}
	seen := 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		seen++
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if !Matches(b[:min(len(b), 512)], bytes.NewReader(b), int64(len(b))) {
			t.Errorf("%s: not taken for JSON", name)
		}
		_, rows, err := all(t, string(b), Options{})
		var e *fault.Error
		switch {
		case want[name] > 0 && (err != nil || len(rows) != want[name]):
			t.Errorf("%s: %d rows of %d, %v", name, len(rows), want[name], err)
		case want[name] == 0 && (!errors.As(err, &e) || e.Key != "jsontable.schema"):
			t.Errorf("%s: %v", name, err)
		}
		return nil
	})
	if err != nil || seen < 16 {
		t.Errorf("%d files, %v", seen, err)
	}
}

// row reads one VisioNature text of one observation.
func row(t *testing.T, text string) map[string]string {
	t.Helper()
	header, rows, err := all(t, text, Options{})
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	m := map[string]string{}
	for i, h := range header {
		if rows[0][i] != "" {
			m[h] = rows[0][i]
		}
	}
	return m
}

// TestPrivate gives every member that must never leave, and looks for it in the row.
func TestPrivate(t *testing.T) {
	text := `{"data":{"forms":[{"@id":"5","id_form_universal":"28_5","time_start":"10:00:00","time_stop":"11:00:00","comment":"secret-form","trace":"LINESTRING(secret-trace)",
	"sightings":[{"species":{"@id":"1","name":"n"},"place":{"@id":"9","name":"Le Mas"},"observers":[{"@id":"secret-id","@uid":"secret-uid","traid":"secret-traid","code":"secret-code",
	"name":"secret-name","anonymous":"1","id_universal":"28_1","hidden_comment":"secret-comment","confirmed_by_name":"secret-confirmed",
	"medias":[{"path":"https://m","filename":"secret-file","media_is_hidden":"1","metadata":"secret-gps"}],"extended_info":{"rarities_committee":{"description":"secret-report"}}}]}]}]}}`
	for h, v := range row(t, text) {
		if strings.Contains(v, "secret") {
			t.Errorf("%s holds %q", h, v)
		}
	}
	for _, why := range []string{`"second_hand":"1"`, `"anonymous":"1"`, `"anonymous_in_export":"anonymize"`} {
		if r := row(t, `{"data":{"sightings":[{"observers":[{"name":"Nom",`+why+`}]}]}}`); r["OBSERVER"] != "" {
			t.Errorf("%s: name given", why)
		}
	}
	if r := row(t, `{"data":{"sightings":[{"observers":[{"name":"Nom","anonymous":"0","second_hand":"0"}]}]}}`); r["OBSERVER"] != "Nom" {
		t.Error("name of a plain observation missing")
	}
}

func TestPlaceOfAnObservation(t *testing.T) {
	for _, c := range []struct{ precision, insee, lat, wkt string }{
		{"precise", "", "43.2", ""}, {"subplace_precise", "", "43.2", ""}, {"imprecise", "", "43.1", ""}, {"place", "", "43.1", ""}, {"", "", "43.1", ""},
		{"square", "", "43.1", ""}, {"garden", "34172", "43.1", ""}, {"municipality", "34172", "", ""}, {"municipality", "", "43.1", ""},
		{"transect", "", "43.1", "LINESTRING(1 2,3 4)"}, {"transect_precise", "", "43.2", ""},
	} {
		r := row(t, `{"data":{"sightings":[{"place":{"coord_lat":"43.1","coord_lon":"3.1","insee":"`+c.insee+`"},
			"observers":[{"coord_lat":"43.2","coord_lon":"3.2","precision":"`+c.precision+`","protocol":{"wkt":"LINESTRING(1 2,3 4)"}}]}]}}`)
		if r["COORD_LAT"] != c.lat || r["WKT"] != c.wkt || r["INSEE"] != c.insee {
			t.Errorf("%+v: %s %s %s", c, r["COORD_LAT"], r["WKT"], r["INSEE"])
		}
	}
	if r := row(t, `{"data":{"sightings":[{"observers":[{"coord_lat":"43.2","coord_lon":"3.2","precision":"place"}]}]}}`); r["COORD_LAT"] != "43.2" {
		t.Error("no place: the observation's own coordinates are all there is")
	}
}

// Times are the observer's own: the offset of the answer, or the hours of France for the bare
// timestamps of short answers.
func TestMoments(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	v := newVNRows(zone)
	for _, c := range []struct{ json, day, clock string }{
		{`{"@timestamp":"1656094286","@notime":"0","@offset":"7200","@ISO8601":"2022-06-24T20:11:26+02:00"}`, "2022-06-24", "20:11:26"},
		{`{"@timestamp":"1656094286","@notime":"0","@offset":"7200"}`, "2022-06-24", "20:11:26"},
		{`{"@timestamp":"1656021600","@notime":"1","@offset":"7200","@ISO8601":"2022-06-24T00:00:00+02:00"}`, "2022-06-24", ""},
		{`{"@timestamp":"1656021600","@notime":"0","@offset":"7200"}`, "2022-06-24", "00:00:00"},
		{`"1656094286"`, "2022-06-24", "20:11:26"}, {`"1656021600"`, "2022-06-24", ""}, {`"1672873200"`, "2023-01-05", ""}, {`1672876800`, "2023-01-05", "01:00:00"},
		{`"-86400"`, "1969-12-31", "01:00:00"}, {`"x"`, "", ""}, {`null`, "", ""}, {`"99999999999999"`, "", ""},
	} {
		if day, clock := v.moment(parse([]byte(c.json), true)); day != c.day || clock != c.clock {
			t.Errorf("%s: %s %s", c.json, day, clock)
		}
	}
}

func TestDetails(t *testing.T) {
	for _, c := range []struct{ count, details, sex, age, detail string }{
		{"3", `{"count":"2","sex":"M","age":"AD"},{"count":"1","sex":"M","age":"AD"}`, "M", "AD", "2 M AD; 1 M AD"},
		{"3", `{"count":"2","sex":"M","age":"AD"},{"count":"1","sex":"F","age":"PULL"}`, "mixed", "", "2 M AD; 1 F PULL"},
		{"3", `{"count":"1","sex":"M"}`, "", "", "1 M"}, {"1", `{"count":"1","sex":"U","age":"U"}`, "", "", "1 U U"},
		{"1", `{"count":"1","sex":{"@id":"F","#text":"femelle"},"age":{"@id":"1Y"}}`, "F", "1Y", "1 F 1Y"}, {"5", ``, "", "", ""},
		{"2", `{"sex":"FT"},{"sex":"M"}`, "", "", "1 FT; 1 M"},
	} {
		r := row(t, `{"data":{"sightings":[{"observers":[{"count":"`+c.count+`","details":[`+c.details+`]}]}]}}`)
		if r["SEX"] != c.sex || r["AGE"] != c.age || r["DETAIL"] != c.detail {
			t.Errorf("%+v: %s %s %s", c, r["SEX"], r["AGE"], r["DETAIL"])
		}
	}
	for text, state := range map[string]string{`"count":"1"`: "2", `"count":"0"`: "", `"count":"1","extended_info":{"mortality":{}}`: "3", `"has_death":"2"`: "3", `"has_death":"0"`: "2",
		`"count":"1","details":[{"age":"EXUVIE"}]`: ""} {
		if r := row(t, `{"data":{"sightings":[{"observers":[{`+text+`}]}]}}`); r["STATE"] != state {
			t.Errorf("%s: state %q", text, r["STATE"])
		}
	}
	for text, code := range map[string]string{`"7"`: "7", `{"@id":"3_13","#text":"nid"}`: "13", `{"#text":"2"}`: "2"} {
		if r := row(t, `{"data":{"sightings":[{"observers":[{"atlas_code":`+text+`}]}]}}`); r["ATLAS_CODE"] != code {
			t.Errorf("%s: atlas code %q", text, r["ATLAS_CODE"])
		}
	}
}

// The last word on an observation is the one that counts; two observers of one sighting are two.
func TestRepeatedObservations(t *testing.T) {
	page := func(id, count string) string {
		return `{"data":{"sightings":[{"observers":[{"id_universal":"` + id + `","count":"` + count + `"}]}]}}`
	}
	text := page("1_1", "1") + page("1_2", "1") + "\n" + page("1_1", "2") + page("1_3", "9") +
		`{"data":{"forms":{},"sightings":[{"observers":[{"id_universal":"1_4"},{"id_universal":"1_5"}]}]}}{"data":{"deleted":[{"id_sighting":"22","id_universal":"1_2"}]}}`
	tb, err := Open(strings.NewReader(text), int64(len(text)), "t", Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		r, err := tb.Next()
		if err != nil {
			break
		}
		got = append(got, r.Fields[vnID]+" "+r.Fields[vnCount]+" "+r.Fields[vnAction])
	}
	if d := cmp.Diff([]string{"1_1 2 ", "1_3 9 ", "1_4  ", "1_5  ", "1_2  D"}, got); d != "" || tb.vn.left != 2 {
		t.Errorf("repeated %d: %s", tb.vn.left, d)
	}
}

func BenchmarkVisioNature(b *testing.B) {
	text, err := os.ReadFile(needs.Shared(b, "data", "sources", "visionature", "biolovision-normal-with-trace.json"))
	if err != nil {
		b.Fatal(err)
	}
	// The same observation again would be left out: each page its own numbers.
	var pages bytes.Buffer
	for i := range 50 {
		pages.Write(bytes.ReplaceAll(text, []byte(`"1_25915`), []byte(`"`+strconv.Itoa(i)+`_25915`)))
	}
	b.SetBytes(int64(pages.Len()))
	for b.Loop() {
		_, rows, err := all(b, pages.String(), Options{})
		if err != nil || len(rows) != 50*48 {
			b.Fatal(len(rows), err)
		}
	}
}
