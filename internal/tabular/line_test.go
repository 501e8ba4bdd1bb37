package tabular

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestLineIsRead: what Line writes, Fields cuts and Reader reads, whatever is in it.
func TestLineIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fields := rapid.SliceOfN(rapid.StringMatching("[a-zé\"; ,\t\n']{0,8}"), 1, 6).Draw(t, "fields")
		sep := rapid.SampledFrom([]byte(";,\t|")).Draw(t, "sep")
		line := Line(fields, sep)
		got, ends := Fields(line, sep, '"')
		if !slices.Equal(got, fields) || len(ends) != len(fields) || ends[len(ends)-1] != len(line) {
			t.Fatalf("%q is written %q and read %q, ends %v", fields, line, got, ends)
		}
		if strings.Trim(line, string(sep)+" \t\n") == "" {
			return // a blank line is no record
		}
		text := line + "\n"
		r, err := Open(strings.NewReader(text), int64(len(text)), "x", Options{Separator: sep, NoHeader: true, Encoding: UTF8})
		if err != nil {
			t.Fatal(err)
		}
		row, err := r.Next()
		if err != nil || !slices.Equal(row.Fields, fields) {
			t.Fatalf("%q is written %q and read %q: %v", fields, line, row.Fields, err)
		}
	})
}

func TestFieldsAsTheyStand(t *testing.T) {
	for line, want := range map[string][]string{`a;"b;c";d`: {"a", "b;c", "d"}, `a;"b`: {"a", `"b`}, `;`: {"", ""}, ``: {""}, `"a""b"`: {`a"b`}} {
		if got, _ := Fields(line, ';', '"'); !slices.Equal(got, want) {
			t.Errorf("%s: %q", line, got)
		}
	}
	if got, _ := Fields(`"a";b`, ';', 0); !slices.Equal(got, []string{`"a"`, "b"}) {
		t.Errorf("without quotes: %q", got)
	}
}

// TestAppend writes texts in every encoding and reads them back.
func TestAppend(t *testing.T) {
	text := "Été à l’œuvre, 3 € – ÿ"
	for _, e := range []Encoding{UTF8, UTF16LE, UTF16BE, Windows1252} {
		b, lost := e.Append(bytes.Clone(e.Mark()), "nom;x\n"+text+"🐦;y\n")
		if want := map[bool]int{true: 1}[e == Windows1252]; lost != want {
			t.Errorf("%s: %d lost", e, lost)
		}
		r, err := Open(bytes.NewReader(b), int64(len(b)), "x", Options{Encoding: e})
		if err != nil {
			t.Fatalf("%s: %v", e, err)
		}
		row, err := r.Next()
		want := text + "🐦"
		if e == Windows1252 {
			want = text + "?"
		}
		if err != nil || row.Fields[0] != want || r.Layout().Mark != (e != Windows1252) {
			t.Errorf("%s: %q, mark %v: %v", e, row.Fields[0], r.Layout().Mark, err)
		}
	}
	if b, lost := Latin9.Append(nil, "€œ’\uFFFD"); lost != 2 || !bytes.Equal(b, []byte{0xa4, 0xbd, '?', '?'}) {
		t.Errorf("%x, %d lost", b, lost)
	}
}

func TestLayout(t *testing.T) {
	text := "\"nom\"; x \r\na;1\r\n"
	r, err := Open(strings.NewReader(text), int64(len(text)), "x", Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := r.Layout()
	if l.Kind != "text" || l.Head != `"nom"; x ` || l.LineEnd != "\r\n" || l.Separator != ";" || l.Quote != `"` || l.Mark || !slices.Equal(l.Header, []string{"nom", "x"}) {
		t.Errorf("%+v", l)
	}
}
